from .bounds import (
    LowerBound as LowerBound,
)
from .closed import (
    ClosedForm as ClosedForm,
    closed_form as closed_form,
)
from .clusters import (
    Collective as Collective,
    collectives as collectives,
)
from .costs import (
    Costs as Costs,
)
from .hierarchy import (
    Device as Device,
    Level as Level,
    amount as amount,
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
from .notice import (
    Notice as Notice,
)
from .partition import (
    Partition as Partition,
    cheapest as cheapest,
    convex_cuts as convex_cuts,
    islands as islands,
    stages_of as stages_of,
)
from .prices import (
    Price as Price,
    priced as priced,
    spent as spent,
)
from .problems import (
    Chip as Chip,
    Design as Design,
    Front as Front,
    NoDesign as NoDesign,
    Quantity as Quantity,
    codesign as codesign,
    design_problem as design_problem,
    least_resources as least_resources,
)
from .remarks import (
    notices as notices,
)
from .reverse import (
    reverse_of as reverse_of,
)
from .table import (
    CircuitResources as CircuitResources,
)
from .tiling import (
    LevelTiles as LevelTiles,
    NoTile as NoTile,
    Tiling as Tiling,
    best_way as best_way,
    blocks as blocks,
    runs as runs,
    tile as tile,
    ways as ways,
)
from .timing import (
    Time as Time,
    timed as timed,
)
