"""Trees of arrays, compared up to rounding or bit by bit."""

from functools import partial

import jax
import numpy as np


def close(one, other, rtol=1e-5, atol=1e-6):
    """Check that trees agree up to rounding in 32 bits; True, so that it may be asserted."""
    compare = partial(np.testing.assert_allclose, rtol=rtol, atol=atol)
    jax.tree.map(compare, one, other)
    return True


def same_bits(one, other):
    """Whether the leaves of two trees are the same, bit by bit."""
    one, other = ([np.asarray(leaf) for leaf in jax.tree.leaves(tree)] for tree in (one, other))
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))
