from .costs import (
    Costs as Costs,
)
from .hierarchy import (
    Device as Device,
    Level as Level,
    devices as devices,
)
