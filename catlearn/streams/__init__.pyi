from .deriving import (
    stream as stream,
    streamable as streamable,
)
from .folding import (
    Fold as Fold,
    Loop as Loop,
)
from .prefix import (
    PrefixFold as PrefixFold,
)
from .rules import (
    RULES as RULES,
    AmbiguousAxis as AmbiguousAxis,
    Cocycle as Cocycle,
    Instance as Instance,
    RuleRefused as RuleRefused,
    StreamRefused as StreamRefused,
    StreamRule as StreamRule,
    known as known,
    rule as rule,
)
