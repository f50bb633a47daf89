from .folding import (
    Fold as Fold,
    stream as stream,
    streamable as streamable,
)
from .rules import (
    RULES as RULES,
    AmbiguousAxis as AmbiguousAxis,
    Cocycle as Cocycle,
    Instance as Instance,
    Rule as Rule,
    RuleRefused as RuleRefused,
    StreamRefused as StreamRefused,
    known as known,
    rule as rule,
)
