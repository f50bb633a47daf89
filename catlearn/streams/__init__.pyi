from .folding import (
    AmbiguousAxis as AmbiguousAxis,
    Fold as Fold,
    stream as stream,
    streamable as streamable,
)
from .rules import (
    RULES as RULES,
    Instance as Instance,
    StreamRefused as StreamRefused,
)
