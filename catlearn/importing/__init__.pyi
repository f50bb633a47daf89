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
