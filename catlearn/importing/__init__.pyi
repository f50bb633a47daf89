from .building import (
    ImportRefused as ImportRefused,
)
from .exported import (
    from_torch as from_torch,
    in_jax as in_jax,
    to_jax as to_jax,
)
from .jaxpr import (
    Imported as Imported,
    from_jax as from_jax,
    imported as imported,
)
from .optimising import (
    Measured as Measured,
    NoPlan as NoPlan,
    NumbersDiffer as NumbersDiffer,
    Optimised as Optimised,
    OptimisedPlan as OptimisedPlan,
    OptimisedReport as OptimisedReport,
    optimise as optimise,
    unoptimised as unoptimised,
)
