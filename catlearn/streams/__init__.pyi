from .folding import (
    Fold as Fold,
    stream as stream,
    streamable as streamable,
)
from .rules import (
    RULES as RULES,
    AmbiguousAxis as AmbiguousAxis,
    Instance as Instance,
    StreamRefused as StreamRefused,
)
