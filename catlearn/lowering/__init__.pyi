from .amounts import (
    count_operations as count_operations,
)
from .arrays import (
    LossCircuit as LossCircuit,
    loss_circuit as loss_circuit,
)
from .counting import (
    Amounts as Amounts,
    Resources as Resources,
    resources as resources,
)
from .lowered import (
    Aux as Aux,
    Lowered as Lowered,
    lower as lower,
    to_torch as to_torch,
)
from .metric import (
    path_metric as path_metric,
)
from .pallas import (
    KernelFold as KernelFold,
    to_pallas as to_pallas,
)
from .plan import (
    Plan as Plan,
    Step as Step,
)
from .sharded import (
    ShardedFold as ShardedFold,
    to_shards as to_shards,
)
from .sources import (
    to_source as to_source,
)
