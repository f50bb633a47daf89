from . import (
    arrays as arrays,
    category as category,
    cost as cost,
    costing as costing,
    cset as cset,
    dashboards as dashboards,
    datasets as datasets,
    display as display,
    drawing as drawing,
    errors as errors,
    finset as finset,
    formats as formats,
    importing as importing,
    laws as laws,
    learning as learning,
    lowering as lowering,
    models as models,
    streams as streams,
    testing as testing,
    training as training,
    zoo as zoo,
)
from .arrays import (
    Circuit as Circuit,
    traced as traced,
)
from .category import (
    Budget as Budget,
    Equal as Equal,
    Equation as Equation,
    FiniteCategory as FiniteCategory,
    Functor as Functor,
    Graph as Graph,
    GraphMorphism as GraphMorphism,
    NaturalTransformation as NaturalTransformation,
    NotEqual as NotEqual,
    Path as Path,
    Presentation as Presentation,
    Unknown as Unknown,
    functors as functors,
    left_adjoint as left_adjoint,
    natural_transformations as natural_transformations,
    right_adjoint as right_adjoint,
)
from .cost import (
    CostMorphism as CostMorphism,
    Objective as Objective,
)
from .cset import (
    CSet as CSet,
    CSetMorphism as CSetMorphism,
    Open as Open,
    Rule as Rule,
    Schema as Schema,
    SchGraph as SchGraph,
    Variable as Variable,
    WiringDiagram as WiringDiagram,
    homomorphism as homomorphism,
    homomorphisms as homomorphisms,
    is_isomorphic as is_isomorphic,
    left_kan as left_kan,
    oapply as oapply,
    open_graph as open_graph,
    right_kan as right_kan,
    subobjects as subobjects,
)
from .dashboards import (
    dashboard as dashboard,
)
from .drawing import (
    draw as draw,
)
from .errors import (
    CatlearnError as CatlearnError,
)
from .finset import (
    Diagram as Diagram,
    FinFunction as FinFunction,
    FinSet as FinSet,
    Span as Span,
    coequalizer as coequalizer,
    colimit as colimit,
    coproduct as coproduct,
    equalizer as equalizer,
    initial as initial,
    limit as limit,
    product as product,
    pullback as pullback,
    pushout as pushout,
    terminal as terminal,
)
from .formats import (
    load as load,
    save as save,
)
from .importing import (
    from_jax as from_jax,
    from_torch as from_torch,
    optimise as optimise,
)
from .learning import (
    Dataset as Dataset,
    LearningDiagram as LearningDiagram,
    LearningMorphism as LearningMorphism,
    Loss as Loss,
    MovingAverage as MovingAverage,
    Operator as Operator,
    Weight as Weight,
    average as average,
    glue as glue,
    loss_functor as loss_functor,
    merge as merge,
    open_diagram as open_diagram,
    subdiagram as subdiagram,
    swap as swap,
    with_frozen as with_frozen,
    with_trained as with_trained,
)
from .lowering import (
    Lowered as Lowered,
    lower as lower,
    resources as resources,
)
from .models import (
    Categorical as Categorical,
    Constant as Constant,
    Divergence as Divergence,
    Model as Model,
    Pairing as Pairing,
    Product as Product,
    Space as Space,
    lora as lora,
)
from .training import (
    History as History,
    Result as Result,
    batches as batches,
    fit as fit,
    per_edge as per_edge,
)

__version__: str
