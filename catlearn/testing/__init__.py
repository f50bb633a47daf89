"""Assertions for tests of one's own: what can be streamed, memory, predicted time, equality.

>>> from catlearn.arrays import einsum, idle, softmax
>>> from catlearn.testing import assert_streamable
>>> scores = einsum("q d, x d -> q x") >> softmax("[x]")
>>> assert_streamable(scores @ idle >> einsum("q x, x e -> q e"), "x").kinds
('max', 'sum', 'sum')
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "assertions": [
            "assert_equal",
            "assert_memory_below",
            "assert_streamable",
            "assert_time_below",
        ],
    },
)
