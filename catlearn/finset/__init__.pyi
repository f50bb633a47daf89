from .sets import (
    FINSETS as FINSETS,
    FinFunction as FinFunction,
    FinSet as FinSet,
    FinSets as FinSets,
    ListFunction as ListFunction,
)
from .shapes import (
    DISCRETE as DISCRETE,
    FLAT as FLAT,
    Order as Order,
    Shape as Shape,
)
from .tables import (
    TABLES as TABLES,
    TableCategory as TableCategory,
    TableMorphism as TableMorphism,
    Tables as Tables,
)
from .universal import (
    Ambient as Ambient,
    Colimit as Colimit,
    Diagram as Diagram,
    Limit as Limit,
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
from .value import (
    Frozen as Frozen,
    Record as Record,
)
from .variables import (
    Variable as Variable,
)
