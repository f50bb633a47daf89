"""Arrays that are known, written by indices where these say what they are.

Positions, masks and tables that depend on no input are the same in every call. Written by indices
they take no memory, and a circuit that is read of the program has conditions on indices for them.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Array = Any


def written(value: np.ndarray) -> Array:
    """Return a known array of JAX, made of indices where these say what it is.

    Axes along which nothing changes are broadcast. Of the others, whole numbers that are affine in
    the indices are a sum of multiples of indices; two values of which one fills a band, such as a
    causal mask or a window, are a choice by a comparison of indices.

    Examples
    --------
    >>> jax.make_jaxpr(lambda: written(np.tril(np.ones((3, 3), bool))))()
    { lambda ; . let
        a:i32[3,3] = iota[dimension=1 dtype=int32 shape=(3, 3) sharding=None]
        b:i32[3,3] = iota[dimension=0 dtype=int32 shape=(3, 3) sharding=None]
        c:bool[3,3] = le a b
      in (c,) }
    """
    value = value.astype(jax.dtypes.canonicalize_dtype(value.dtype))
    if not value.size:
        return jnp.asarray(value)
    moving = [k for k in range(value.ndim) if (value != value.take([0], k)).any()]
    core = value[tuple(slice(None) if k in moving else 0 for k in range(value.ndim))]
    return lax.broadcast_in_dim(_by_index(core), value.shape, moving)


def _by_index(core: np.ndarray) -> Array:
    """Return an array that changes along each axis."""
    if not core.ndim:
        return jnp.asarray(core)
    index: Any = np.indices(core.shape, sparse=True)
    if np.issubdtype(core.dtype, np.integer):
        base = core[(0,) * core.ndim]
        steps = [
            core[(0,) * k + (1,) + (0,) * (core.ndim - k - 1)] - base for k in range(core.ndim)
        ]
        if np.array_equal(core, base + sum(s * i for s, i in zip(steps, index, strict=True))):
            terms = [
                _index(core, axis, core.dtype) * step
                if step != 1
                else _index(core, axis, core.dtype)
                for axis, step in enumerate(steps)
            ]
            total = functools.reduce(operator.add, terms)
            return total + base if base else total
    values = np.unique(core) if core.ndim <= 2 else ()
    if len(values) == 2:
        for inside, outside in (values[::-1], values):
            band = _band(core == inside)
            if band is not None:
                if core.dtype == bool:
                    return band if inside else ~band
                return jnp.where(band, jnp.asarray(inside), jnp.asarray(outside))
    return jnp.asarray(core)


def _index(core: np.ndarray, axis: int, dtype: Any = np.int32) -> Array:
    return lax.broadcasted_iota(dtype, core.shape, axis)


def _band(inside: np.ndarray) -> Array | None:
    """Return where lo <= j - i <= hi, or lo <= j <= hi, if that is where an array is true."""
    index: Any = np.indices(inside.shape, sparse=True)
    apart = index[-1] - (index[0] if inside.ndim == 2 else 0)
    low, high = apart[inside].min(), apart[inside].max()
    if not np.array_equal(inside, (low <= apart) & (apart <= high)):
        return None
    column = _index(inside, inside.ndim - 1)

    def limit(bound: int) -> Any:
        if inside.ndim == 1:
            return bound
        return _index(inside, 0) + bound if bound else _index(inside, 0)

    above = [column <= limit(high)] if high < apart.max() else []
    below = [column >= limit(low)] if low > apart.min() else []
    return functools.reduce(operator.and_, above + below)
