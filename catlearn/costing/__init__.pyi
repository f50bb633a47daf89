from .costs import (
    Costs as Costs,
)
from .hierarchy import (
    Device as Device,
    Level as Level,
    devices as devices,
)
from .indexed import (
    AmbiguousAxis as AmbiguousAxis,
    Indexed as Indexed,
    IndexedArray as IndexedArray,
    part_of as part_of,
)
from .island import (
    Column as Column,
    Crossing as Crossing,
    Island as Island,
    Mode as Mode,
    candidates as candidates,
    usual as usual,
)
from .reverse import (
    reverse_of as reverse_of,
)
from .table import (
    CircuitResources as CircuitResources,
)
