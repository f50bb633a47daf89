from .boxes import (
    ArrayHypergraph as ArrayHypergraph,
    Operation as Operation,
)
from .circuit import (
    Circuit as Circuit,
    compose as compose,
    lift as lift,
    tensor as tensor,
)
from .circuit_rules import (
    CircuitRule as CircuitRule,
    RuleRefused as RuleRefused,
    rules_for as rules_for,
)
from .counting import (
    Counts as Counts,
)
from .forms import (
    Form as Form,
    IndexPart as IndexPart,
    Lookup as Lookup,
    Reading as Reading,
)
from .kernels import (
    Kernel as Kernel,
)
from .operations import (
    absolute as absolute,
    add as add,
    argmax as argmax,
    argmin as argmin,
    attention as attention,
    bias as bias,
    concat as concat,
    constant as constant,
    conv as conv,
    copy as copy,
    cos as cos,
    cross_entropy as cross_entropy,
    cumsum as cumsum,
    discard as discard,
    dropout as dropout,
    einsum as einsum,
    elementwise as elementwise,
    embed as embed,
    erf as erf,
    exp as exp,
    exp2 as exp2,
    gain as gain,
    gelu as gelu,
    idle as idle,
    indicator as indicator,
    linear as linear,
    log as log,
    logsumexp as logsumexp,
    maximum as maximum,
    mean as mean,
    minimum as minimum,
    mul as mul,
    neg as neg,
    norm as norm,
    parameter as parameter,
    permute as permute,
    pool as pool,
    reciprocal as reciprocal,
    relu as relu,
    residual as residual,
    shift as shift,
    sigmoid as sigmoid,
    silu as silu,
    sin as sin,
    softmax as softmax,
    softplus as softplus,
    sort as sort,
    sqrt as sqrt,
    square as square,
    stop as stop,
    swap as swap,
    take as take,
    tanh as tanh,
    top_k as top_k,
    unit as unit,
    variance as variance,
    view as view,
    where as where,
)
from .positions import (
    angles as angles,
    interleaved as interleaved,
    one_hot as one_hot,
    scatter as scatter,
    sinusoid as sinusoid,
)
from .programs import (
    Program as Program,
    programmed as programmed,
)
from .rewriting import (
    Rewritten as Rewritten,
    rewrite as rewrite,
)
from .sizes import (
    Scalar as Scalar,
    Size as Size,
    SizeRelation as SizeRelation,
    read_scalar as read_scalar,
    read_size as read_size,
    solve as solve,
)
from .tracing import (
    traced as traced,
)
