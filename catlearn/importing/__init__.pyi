from .building import (
    ImportRefused as ImportRefused,
)
from .jaxpr import (
    Imported as Imported,
    from_jax as from_jax,
    imported as imported,
)
