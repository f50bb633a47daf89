"""Streams: circuits as folds over blocks of an axis, derived by one mechanism."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "folding": ["Fold", "stream", "streamable"],
        "rules": ["RULES", "AmbiguousAxis", "Instance", "StreamRefused"],
    },
)
