"""The operations of ATen on images, as functions of JAX: convolutions, pools, changes of size.

They are in :data:`~catlearn.importing.aten.TABLE`, with the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from catlearn.importing.aten import (
    FIRST,
    TABLE,
    at_axis,
    joined,
    lacking,
    operation,
    over_channels,
    repeated,
    scaled,
    sliced,
)
from catlearn.importing.known import written

Array = Any

# Sizes


@operation("pixel_shuffle")
def _pixel_shuffle(x: Array, factor: int) -> Array:
    *lead, c, h, w = x.shape
    split = x.reshape(*lead, c // factor**2, factor, factor, h, w)
    n = len(lead)
    order = [*range(n), n, n + 3, n + 1, n + 4, n + 2]
    return split.transpose(order).reshape(*lead, -1, h * factor, w * factor)


@operation("upsample_nearest2d", "upsample_nearest1d")
def _nearest(x: Array, size: Any, *scales: Any) -> Array:
    for axis, (wanted, step) in zip(range(2, x.ndim), _fit(x, size, scales), strict=True):
        old = x.shape[axis]
        places = np.minimum((np.arange(wanted) * np.float32(step)).astype(int), old - 1)
        times, rest = divmod(wanted, old)
        if rest or (places != np.arange(wanted) // times).any():
            x = at_axis(x, axis, places).get(mode="clip")
        elif times > 1:
            x = repeated(x, times, axis)
    return x


def _fit(x: Array, size: Any, scales: Sequence[Any]) -> list[tuple[int, float]]:
    """Return how many places each axis of an image gets, and how far apart they are in it."""
    last = scales[-1] if scales else None
    factors = last if isinstance(last, list | tuple) else scales
    image = x.shape[2:]
    if not factors or None in factors:
        return [(wanted, old / wanted) for old, wanted in zip(image, size, strict=True)]
    sizes = size or [int(old * factor) for old, factor in zip(image, factors, strict=True)]
    return [(wanted, 1 / factor) for wanted, factor in zip(sizes, factors, strict=True)]


@operation("upsample_bilinear2d")
def _bilinear(x: Array, size: Any, align_corners: bool, *scales: Any) -> Array:
    for axis, (wanted, step) in zip(range(2, x.ndim), _fit(x, size, scales), strict=True):
        old = x.shape[axis]
        if align_corners:
            at = np.arange(wanted) * ((old - 1) / max(wanted - 1, 1))
        else:
            at = np.clip((np.arange(wanted) + 0.5) * step - 0.5, 0, None)
        low = np.minimum(at.astype(int), old - 1)
        weights = np.zeros((old, wanted), x.dtype)
        np.add.at(weights, (low, np.arange(wanted)), 1 - (at - low))
        np.add.at(weights, (np.minimum(low + 1, old - 1), np.arange(wanted)), at - low)
        x = jnp.moveaxis(lax.dot_general(x, weights, (((axis,), (0,)), ((), ()))), -1, axis)
    return x


@lacking("grid_sampler", "grid_sampler_2d")
def _lacking_of_samples(x: Any, grid: Any, mode: int, padding: int, *_: Any) -> Iterator[str]:
    if x.meta["val"].ndim != 4:
        yield "volumes"
    if mode == 2:
        yield "bicubic samples"
    if padding == 2:
        yield "reflected images"


@operation("grid_sampler", "grid_sampler_2d")
def _grid_sampler(x: Array, grid: Array, mode: int, padding: int, align_corners: bool) -> Array:
    """Return an image at given places, ``(batch, row, column, 2)`` from -1 to 1."""
    ends = x.shape[3], x.shape[2]

    def place(at: Array, size: int) -> Array:
        at = (at + 1) * (size - 1) / 2 if align_corners else ((at + 1) * size - 1) / 2
        return jnp.clip(at, 0, size - 1) if padding else at

    places = [place(grid[..., k], size) for k, size in enumerate(ends)]
    batch = lax.broadcasted_iota(np.int32, grid.shape[:3], 0)

    def entry(row: Array, column: Array) -> Array:
        inside = (row >= 0) & (row < ends[1]) & (column >= 0) & (column < ends[0])
        at = (jnp.clip(one, 0, n - 1).astype(np.int32)
              for one, n in ((row, ends[1]), (column, ends[0])))  # fmt: skip
        found = jnp.moveaxis(x, 1, -1).at[(batch, *at)].get(mode="clip")
        return jnp.where(inside[..., None], found, 0)

    if mode == 1:
        return jnp.moveaxis(entry(jnp.round(places[1]), jnp.round(places[0])), -1, 1)
    low = [jnp.floor(one) for one in places]
    total = jnp.zeros((), x.dtype)
    for over, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
        row, column = low[1] + over, low[0] + across
        weight = (1 - jnp.abs(places[1] - row)) * (1 - jnp.abs(places[0] - column))
        total = total + weight[..., None] * entry(row, column)
    return jnp.moveaxis(total, -1, 1)


# Convolutions


def _spread(value: Any, count: int) -> tuple[int, ...]:
    """Return one number for each axis of an image."""
    value = (value,) if isinstance(value, int) else tuple(value)
    return value * count if len(value) == 1 else value


def _slid(
    x: Array, kernel: Array, bias: Array | None, steps: Any, sides: Any, **options: Any
) -> Array:
    """Return the sums of an image, or of several, under a kernel that slides over it."""
    n = kernel.ndim - 2
    alone, letters = x.ndim == n + 1, "XYZ"[:n]
    orders = (f"NC{letters}", f"OI{letters}", f"NC{letters}")
    y = lax.conv_general_dilated(
        x[None] if alone else x, kernel, steps, sides, dimension_numbers=orders, **options
    )
    y = scaled(y, None, over_channels(bias, n + 2))
    return y[0] if alone else y


@operation("conv1d", "conv2d", "conv3d")
def _convolve(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """Return a convolution of ``(batch, channel, *image)`` with ``(out, in / groups, *window)``."""
    n = weight.ndim - 2
    sides = padding.upper() if isinstance(padding, str) else [(p, p) for p in _spread(padding, n)]
    options = {"rhs_dilation": _spread(dilation, n), "feature_group_count": groups}
    return _slid(x, weight, bias, _spread(stride, n), sides, **options)


@operation("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def _unconvolve(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Array:
    """Return the transpose of a convolution, whose weight is ``(in, out / groups, *window)``."""
    n = weight.ndim - 2
    holes = _spread(dilation, n)
    sides = [
        (d * (k - 1) - p, d * (k - 1) - p + more)
        for d, k, p, more in zip(
            holes, weight.shape[2:], _spread(padding, n), _spread(output_padding, n), strict=True
        )
    ]
    given, out, *window = weight.shape
    kernel = weight.reshape(groups, given // groups, out, *window)
    kernel = jnp.moveaxis(kernel, 2, 1).reshape(groups * out, given // groups, *window)
    kernel = lax.rev(kernel, range(2, n + 2))
    options = {"lhs_dilation": _spread(stride, n), "rhs_dilation": holes}
    return _slid(x, kernel, bias, (1,) * n, sides, feature_group_count=groups, **options)


@operation("convolution")
def _convolution(
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Array:
    if transposed:
        return _unconvolve(x, weight, bias, stride, padding, output_padding, groups, dilation)
    return _convolve(x, weight, bias, stride, padding, dilation, groups)


# Pools


def _windows(
    x: Array, window: Any, stride: Any, padding: Any, dilation: Any, ceil: bool, n: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], list[tuple[int, int]]]:
    """Return window, strides, holes and padding of a pool, one for each axis of ``x``."""
    lead = x.ndim - n
    sizes, sides, holes = _spread(window, n), _spread(padding, n), _spread(dilation, n)
    steps = _spread(stride, n) if not isinstance(stride, Sequence) or stride else sizes
    padded = [(0, 0)] * lead
    for size, k, s, p, d in zip(x.shape[lead:], sizes, steps, sides, holes, strict=True):
        room = size + 2 * p - d * (k - 1) - 1
        count = room // s + 1
        # Rounded up, a last window may begin inside, or in the padding on the left.
        if ceil and room % s and count * s < size + p:
            count += 1
        padded.append((p, max(p, (count - 1) * s + d * (k - 1) + 1 - size - p)))
    ones = (1,) * lead
    return ones + sizes, ones + steps, ones + holes, padded


def _least(x: Array) -> Any:
    """Return the least number of an array's type."""
    found = -np.inf if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo(x.dtype).min
    return np.array(found, x.dtype)[()]


def _max_pool(n: int) -> Callable[..., Array]:
    def pool(
        x: Array,
        window: Any,
        stride: Any = (),
        padding: Any = 0,
        dilation: Any = 1,
        ceil: bool = False,
    ) -> Array:
        sizes, steps, holes, sides = _windows(x, window, stride, padding, dilation, ceil, n)
        return lax.reduce_window(x, _least(x), lax.max, sizes, steps, sides, window_dilation=holes)

    return pool


def _max_pool_places(n: int) -> Callable[..., Any]:
    def pool(
        x: Array,
        window: Any,
        stride: Any = (),
        padding: Any = 0,
        dilation: Any = 1,
        ceil: bool = False,
    ) -> Any:
        """Return the greatest entries of windows, and where in the image they are."""
        lead = x.ndim - n
        every = _windows(x, window, stride, padding, dilation, ceil, n)
        sizes, steps, holes = (one[lead:] for one in every[:3])
        sides = every[3][lead:]
        image = x.shape[lead:]
        places = jnp.arange(math.prod(image), dtype=np.int32).reshape(image)
        padded = jnp.pad(x, [(0, 0)] * lead + sides, constant_values=_least(x))
        marked = jnp.pad(places, sides)
        values, at = [], []
        for offset in np.ndindex(*sizes):
            parts = tuple(
                slice(k * d, k * d + (whole - d * (size - 1) - 1) // step * step + 1, step)
                for k, d, size, step, whole in zip(
                    offset, holes, sizes, steps, marked.shape, strict=True
                )
            )
            values.append(padded[(..., *parts)])
            at.append(marked[parts])
        found = jnp.stack(values)
        first = jnp.argmax(found, 0)[None]
        where = jnp.broadcast_to(jnp.stack(at)[(slice(None), *(None,) * lead)], found.shape)
        return tuple(jnp.take_along_axis(one, first, 0)[0] for one in (found, where))

    return pool


def _sum_pool(x: Array, sizes: Any, steps: Any, sides: Any) -> Array:
    return lax.reduce_window(x, np.zeros((), x.dtype)[()], lax.add, sizes, steps, sides)


def _average_pool(n: int) -> Callable[..., Array]:
    def pool(
        x: Array,
        window: Any,
        stride: Any = (),
        padding: Any = 0,
        ceil: bool = False,
        with_padding: bool = True,
        divisor: int | None = None,
    ) -> Array:
        sizes, steps, _, sides = _windows(x, window, stride, padding, 1, ceil, n)
        total = _sum_pool(x, sizes, steps, sides)
        if divisor is not None or not any(map(any, sides)):
            return total / (divisor or math.prod(sizes))
        # PyTorch counts its own padding, but not what rounding up adds.
        inner = [(p, p) for p in _spread(padding, n)] if with_padding else [(0, 0)] * n
        ones = np.ones(x.shape[x.ndim - n :], x.dtype)
        ones = np.pad(ones, inner, constant_values=1)
        rest = [(a - b, c - d) for (a, c), (b, d) in zip(sides[x.ndim - n :], inner, strict=True)]
        ones = np.pad(ones, [(0, max(0, right)) for _, right in rest])
        around = [(left, 0) for left, _ in rest]
        with jax.ensure_compile_time_eval():
            count = _sum_pool(jnp.asarray(ones), sizes[x.ndim - n :], steps[x.ndim - n :], around)
        return total / written(np.asarray(count))

    return pool


def _adaptive(n: int, reduced: Callable[..., Array]) -> Callable[..., Array]:
    def pool(x: Array, size: Any) -> Array:
        for axis, wanted in zip(range(x.ndim - n, x.ndim), _spread(size, n), strict=True):
            old = x.shape[axis]
            if wanted == 1:
                x = reduced(x, axis, keepdims=True)
            elif wanted is not None and old % wanted == 0:
                shape = (*x.shape[:axis], wanted, old // wanted, *x.shape[axis + 1 :])
                x = reduced(x.reshape(shape), axis + 1)
            elif wanted is not None:
                ends = [(k * old // wanted, -(-(k + 1) * old // wanted)) for k in range(wanted)]
                parts = [reduced(sliced(x, axis, *end), axis, keepdims=True) for end in ends]
                x = joined(parts, axis)
        return x

    return pool


def _greatest(n: int) -> Callable[..., Any]:
    pool = _adaptive(n, jnp.max)
    return lambda x, size: (pool(x, size), None)


for _n in (1, 2, 3):
    TABLE[f"max_pool{_n}d"] = _max_pool(_n)
    TABLE[f"avg_pool{_n}d"] = _average_pool(_n)
    TABLE[f"adaptive_avg_pool{_n}d"] = TABLE[f"_adaptive_avg_pool{_n}d"] = _adaptive(_n, jnp.mean)
    TABLE[f"adaptive_max_pool{_n}d"] = _greatest(_n)
    TABLE[f"max_pool{_n}d_with_indices"] = _max_pool_places(_n)

FIRST |= {f"adaptive_max_pool{_n}d": 1 for _n in (1, 2, 3)}
