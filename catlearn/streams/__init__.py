"""Streams: circuits as folds over blocks of an axis, derived by one mechanism.

A *fold* along x reads x block by block, and keeps a state whose merge is associative: attention
becomes FlashAttention, a variance Chan's formula. It is derived, or refused with the box that is in
the way.

>>> from catlearn.arrays import einsum, idle, softmax
>>> from catlearn.streams import stream, streamable
>>> scores = einsum("q d, x d -> q x", scale="d**-0.5") >> softmax("[x]")
>>> attention = scores @ idle >> einsum("q x, x e -> q e")
>>> stream(attention, "x").kinds
('max', 'sum', 'sum')
>>> streamable(attention)["q"]
'axis q is in the output: no box reduces over it'
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "deriving": ["stream", "streamable"],
        "folding": ["Fold", "Loop"],
        "prefix": ["PrefixFold"],
        "rules": [
            "RULES",
            "AmbiguousAxis",
            "Cocycle",
            "Instance",
            "StreamRule",
            "RuleRefused",
            "StreamRefused",
            "known",
            "rule",
        ],
    },
)
