from .costs import (
    Costs as Costs,
)
