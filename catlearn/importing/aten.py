"""The operations of ATen, PyTorch's library of tensors, as functions of JAX.

:data:`TABLE` has a function of ``jax.numpy`` or ``jax.lax`` for each operation that the graph of an
exported module can have, whatever its overload; arguments are in ATen's order and by ATen's names.
Operations that change a tensor have none, since exported graphs are made functional first.

Source: PyTorch's ``aten/src/ATen/native/native_functions.yaml``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Primitive

from catlearn.importing.known import written

Array = Any
Axes = Sequence[int] | int | None

TABLE: dict[str, Callable[..., Any]] = {}
"""The function of JAX for each ATen operation, whatever its overload: the arguments are ATen's."""


FIRST: dict[str, int] = {}
"""Operations of which only so many results are known, not where they are or how they were found."""


LACKING: dict[str, Callable[..., Iterator[str]]] = {}
"""What an operation is given for which its function is none, of ATen's arguments in a graph."""


# The table


def operation(*names: str, table: dict[str, Callable[..., Any]] = TABLE) -> Callable[..., Any]:
    def entered(function: Callable[..., Any]) -> Callable[..., Any]:
        table.update(dict.fromkeys(names, function))
        return function

    return entered


lacking = functools.partial(operation, table=LACKING)


def _same(x: Array, *_: Any, **__: Any) -> Array:
    return x


TABLE |= dict.fromkeys(
    (
        *("_to_copy", "alias", "clone", "contiguous", "lift_fresh_copy"),
        *("resolve_conj", "resolve_neg", "to", "type_as"),
    ),
    _same,
)
TABLE |= dict.fromkeys(("_conj", "_conj_physical", "conj", "conj_physical"), jnp.conj)
TABLE |= {
    "__and__": jnp.bitwise_and,
    "__lshift__": jnp.left_shift,
    "__or__": jnp.bitwise_or,
    "__rshift__": jnp.right_shift,
    "__xor__": jnp.bitwise_xor,
    "abs": jnp.abs,
    "angle": jnp.angle,
    "acos": jnp.arccos,
    "acosh": jnp.arccosh,
    "asin": jnp.arcsin,
    "asinh": jnp.arcsinh,
    "atan": jnp.arctan,
    "atan2": jnp.arctan2,
    "atanh": jnp.arctanh,
    "bitwise_left_shift": jnp.left_shift,
    "bitwise_right_shift": jnp.right_shift,
    "bucketize": lambda x, ends, *, right=False, **_: _placed(ends, x, right=right),
    "complex": lax.complex,
    "copysign": jnp.copysign,
    "digamma": jax.scipy.special.digamma,
    "bitwise_and": jnp.bitwise_and,
    "bitwise_not": jnp.bitwise_not,
    "bitwise_or": jnp.bitwise_or,
    "bitwise_xor": jnp.bitwise_xor,
    "ceil": jnp.ceil,
    "clamp": jnp.clip,
    "clamp_max": jnp.minimum,
    "clamp_min": jnp.maximum,
    "cos": jnp.cos,
    "cosh": jnp.cosh,
    "detach": lax.stop_gradient,
    "diagonal": jnp.diagonal,
    "dist": lambda x, y, p=2: _norm((x - y).reshape(-1), p),
    "einsum": lambda text, operands, **_: jnp.einsum(text, *operands),
    "eq": jnp.equal,
    "erf": jax.scipy.special.erf,
    "erfc": jax.scipy.special.erfc,
    "erfinv": jax.scipy.special.erfinv,
    "exp": jnp.exp,
    "exp2": jnp.exp2,
    "expm1": jnp.expm1,
    "floor": jnp.floor,
    "floor_divide": jnp.floor_divide,
    "fmax": jnp.fmax,
    "fmin": jnp.fmin,
    "fmod": jnp.fmod,
    "frexp": jnp.frexp,
    "gcd": jnp.gcd,
    "ge": jnp.greater_equal,
    "gt": jnp.greater,
    "hardsigmoid": jax.nn.hard_sigmoid,
    "hardswish": jax.nn.hard_swish,
    "hardtanh": lambda x, low=-1.0, high=1.0: jnp.clip(x, low, high),
    "hypot": jnp.hypot,
    "i0": jax.scipy.special.i0,
    "igamma": jax.scipy.special.gammainc,
    "igammac": jax.scipy.special.gammaincc,
    "imag": jnp.imag,
    "isinf": jnp.isinf,
    "isnan": jnp.isnan,
    "lcm": jnp.lcm,
    "ldexp": lambda x, y: x * jnp.exp2(y),
    "le": jnp.less_equal,
    "lgamma": lax.lgamma,
    "log": jnp.log,
    "log10": jnp.log10,
    "log1p": jnp.log1p,
    "log2": jnp.log2,
    "log_sigmoid": jax.nn.log_sigmoid,
    "logical_and": jnp.logical_and,
    "logical_not": jnp.logical_not,
    "logical_or": jnp.logical_or,
    "logical_xor": jnp.logical_xor,
    "lt": jnp.less,
    "maximum": jnp.maximum,
    "minimum": jnp.minimum,
    "mish": jax.nn.mish,
    "movedim": jnp.moveaxis,
    "mul": jnp.multiply,
    "ne": jnp.not_equal,
    "neg": jnp.negative,
    "nextafter": jnp.nextafter,
    "one_hot": lambda x, classes=-1: jax.nn.one_hot(x, classes, dtype=np.int32),
    "outer": jnp.outer,
    "polar": lambda r, angle: lax.complex(r * jnp.cos(angle), r * jnp.sin(angle)),
    "polygamma": jax.scipy.special.polygamma,
    "real": jnp.real,
    "reciprocal": jnp.reciprocal,
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "remainder": jnp.remainder,
    "repeat": jnp.tile,
    "round": jnp.round,
    "rsqrt": lax.rsqrt,
    "sigmoid": jax.nn.sigmoid,
    "sign": jnp.sign,
    "signbit": jnp.signbit,
    "silu": jax.nn.silu,
    "sin": jnp.sin,
    "sinh": jnp.sinh,
    "special_i0e": jax.scipy.special.i0e,
    "special_i1": jax.scipy.special.i1,
    "special_i1e": jax.scipy.special.i1e,
    "special_log_ndtr": jax.scipy.special.log_ndtr,
    "special_ndtri": jax.scipy.special.ndtri,
    "special_zeta": jax.scipy.special.zeta,
    "sqrt": jnp.sqrt,
    "square": jnp.square,
    "stack": jnp.stack,
    "tan": jnp.tan,
    "tanh": jnp.tanh,
    "tile": jnp.tile,
    "tril": jnp.tril,
    "triu": jnp.triu,
    "trunc": jnp.trunc,
    "unsqueeze": jnp.expand_dims,
    "view_as_complex": lambda x: lax.complex(x[..., 0], x[..., 1]),
    "view_as_real": lambda x: jnp.stack([x.real, x.imag], -1),
    "where": jnp.where,
}


@operation("searchsorted")
def _placed(
    ends: Array,
    x: Array,
    *,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
    **_: Any,
) -> Array:
    """Return where numbers stand among sorted ones, which may be others in each row."""
    ends = ends if sorter is None else jnp.take_along_axis(ends, sorter, -1)
    side = side or ("right" if right else "left")
    if ends.ndim == 1:
        return jnp.searchsorted(ends, x, side=side)
    placed = jnp.vectorize(lambda ends, x: jnp.searchsorted(ends, x, side=side),
                           signature="(n),(m)->(m)")  # fmt: skip
    return placed(ends, x)


@operation("histc")
def _histogram(x: Array, bins: int = 100, low: float = 0, high: float = 0) -> Array:
    bounds = (x.min(), x.max()) if low == high else (low, high)
    return jnp.histogram(x, bins, bounds)[0]


def _times(factor: float, x: Array) -> Array:
    return x if factor == 1 else factor * x


@operation("add")
def _add(x: Array, y: Array, *, alpha: float = 1) -> Array:
    truths = all(jnp.asarray(one).dtype == bool for one in (x, y))
    return jnp.logical_or(x, y) if truths else x + _times(alpha, y)


@operation("sub")
def _sub(x: Array, y: Array, *, alpha: float = 1) -> Array:
    return x - _times(alpha, y)


@operation("rsub")
def _rsub(x: Array, y: Array, alpha: float = 1) -> Array:
    return y - _times(alpha, x)


@operation("div")
def _div(x: Array, y: Array, *, rounding_mode: str | None = None) -> Array:
    if rounding_mode == "floor":
        return jnp.floor_divide(x, y)
    return jnp.trunc(x / y) if rounding_mode else x / y


@operation("pow")
def _pow(x: Array, y: Any) -> Array:
    if isinstance(y, float) and y.is_integer():
        y = int(y)
    if isinstance(y, float) and abs(y) == 0.5:
        return jnp.sqrt(x) if y > 0 else lax.rsqrt(x)
    return jnp.power(x, y)


@operation("gelu")
def _gelu(x: Array, *, approximate: str = "none") -> Array:
    return jax.nn.gelu(x, approximate=approximate == "tanh")


@operation("softplus")
def _softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    scaled = _times(beta, x)
    smooth = jax.nn.softplus(scaled)
    # Above the threshold PyTorch takes x; the difference is below exp(-threshold).
    if threshold < 15:
        smooth = jnp.where(scaled > threshold, scaled, smooth)
    return smooth / beta if beta != 1 else smooth


@operation("elu")
def _elu(x: Array, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Array:
    below = alpha * jnp.expm1(jnp.minimum(x, 0) * input_scale)
    return jnp.where(x > 0, x, below) * scale


@operation("leaky_relu")
def _leaky_relu(x: Array, slope: float = 0.01) -> Array:
    return jnp.where(x > 0, x, x * slope)


@operation("prelu", "_prelu_kernel")
def _prelu(x: Array, weight: Array) -> Array:
    places = [axis for axis in range(x.ndim) if axis != 1 or weight.size == 1]
    wide = (
        weight
        if weight.ndim == x.ndim
        else jnp.expand_dims(weight.reshape(-1), places[: x.ndim - 1])
    )
    return jnp.where(x > 0, x, x * wide)


@operation("glu")
def _glu(x: Array, dim: int = -1) -> Array:
    value, gate = jnp.split(x, 2, dim)
    return value * jax.nn.sigmoid(gate)


@operation("masked_fill")
def _masked_fill(x: Array, mask: Array, value: Any) -> Array:
    return jnp.where(mask, jnp.asarray(value, x.dtype), x)


@operation("fill")
def _fill_all(x: Array, value: Any) -> Array:
    return jnp.broadcast_to(jnp.asarray(value, x.dtype), x.shape)


# Sums, means and the like


def _reduced(function: Callable[..., Array]) -> Callable[..., Array]:
    def along(x: Array, dim: Axes = None, keepdim: bool = False, *, dtype: Any = None) -> Array:
        axes = None if dim is None or (not isinstance(dim, int) and not len(dim)) else dim
        axes = axes if axes is None or isinstance(axes, int) else tuple(axes)
        x = x if dtype is None else x.astype(dtype)
        return function(x, axis=axes, keepdims=keepdim)

    return along


TABLE |= {
    name: _reduced(function)
    for name, function in {
        "all": jnp.all,
        "amax": jnp.max,
        "amin": jnp.min,
        "any": jnp.any,
        "argmax": jnp.argmax,
        "argmin": jnp.argmin,
        "logsumexp": jax.scipy.special.logsumexp,
        "mean": jnp.mean,
        "prod": jnp.prod,
        "sum": jnp.sum,
    }.items()
}


def _extreme(
    values: Callable[..., Array], places: Callable[..., Array], pair: Callable[..., Array]
) -> Any:
    def along(x: Array, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            return values(x)
        if not isinstance(dim, int):
            return pair(x, dim)
        return values(x, axis=dim, keepdims=keepdim), places(x, axis=dim, keepdims=keepdim)

    return along


TABLE["max"] = _extreme(jnp.max, jnp.argmax, jnp.maximum)
TABLE["min"] = _extreme(jnp.min, jnp.argmin, jnp.minimum)


def _squares(x: Array) -> Array:
    return jnp.square(x.real) + jnp.square(x.imag) if jnp.iscomplexobj(x) else jnp.square(x)


def _root(x: Array, order: float = 2) -> Array:
    """Return a root that has no slope at 0, as norms and deviations of PyTorch have none."""
    some = x > 0
    inner = jnp.where(some, x, 1)
    return jnp.where(some, jnp.sqrt(inner) if order == 2 else inner ** (1 / order), x)


@operation("var")
def _var(
    x: Array, dim: Axes = None, unbiased: bool = True, keepdim: bool = False,
    *, correction: float | None = None,
) -> Array:  # fmt: skip
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    axes = tuple(range(x.ndim)) if dim is None else dim
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    count = math.prod(x.shape[axis] for axis in axes)
    centred = x - x.mean(axes, keepdims=True)
    return _squares(centred).sum(axes, keepdims=keepdim) / (
        count - (int(unbiased) if correction is None else correction)
    )


@operation("std")
def _std(x: Array, dim: Axes = None, *arguments: Any, **options: Any) -> Array:
    return _root(_var(x, dim, *arguments, **options))


@operation("var_mean")
def _var_mean(
    x: Array, dim: Axes = None, unbiased: bool = True, keepdim: bool = False, **options: Any
) -> Any:
    mean = TABLE["mean"](x, None if isinstance(dim, bool) else dim, keepdim)
    return _var(x, dim, unbiased, keepdim, **options), mean


@operation("linalg_vector_norm", "norm")
def _norm(
    x: Array, ord: Any = 2, dim: Axes = None, keepdim: bool = False, *, dtype: Any = None
) -> Array:
    axes = dim if dim is None or isinstance(dim, int) else tuple(dim)
    ord = 2 if ord is None else ord
    if ord == 0:
        return (x != 0).sum(axes, keepdims=keepdim).astype(x.dtype)
    if ord == -math.inf:
        return jnp.abs(x).min(axes, keepdims=keepdim)
    if ord == 2:
        return _root(_squares(x).sum(axes, keepdims=keepdim))
    if ord == math.inf:
        return jnp.abs(x).max(axes, keepdims=keepdim)
    return _root((jnp.abs(x) ** ord).sum(axes, keepdims=keepdim), ord)


def _within(function: Callable[[Array, int], Array]) -> Callable[..., Array]:
    def along(x: Array, dim: int, dtype: Any = None) -> Array:
        x = x if dtype is None or isinstance(dtype, bool) else x.astype(dtype)
        return function(x, dim % x.ndim)

    return along


TABLE |= {"cumprod": _within(lax.cumprod), "cumsum": _within(lax.cumsum)}
TABLE["logcumsumexp"] = _within(lax.cumlogsumexp)
TABLE |= dict.fromkeys(("softmax", "_softmax"), _within(jax.nn.softmax))
TABLE |= dict.fromkeys(("log_softmax", "_log_softmax"), _within(jax.nn.log_softmax))


@operation("_safe_softmax")
def _safe_softmax(x: Array, dim: int, dtype: Any = None) -> Array:
    """Return a softmax, which is 0 where all of a row is hidden."""
    x = x if dtype is None else x.astype(dtype)
    most = lax.stop_gradient(x.max(dim, keepdims=True))
    powers = jnp.exp(x - jnp.where(most > -jnp.inf, most, 0))
    total = powers.sum(dim, keepdims=True)
    return powers / jnp.where(total > 0, total, 1)


def _running(extreme: Callable[[Array, int], Array]) -> Callable[..., Any]:
    def along(x: Array, dim: int) -> Any:
        dim %= x.ndim
        values = extreme(x, dim)
        places = lax.broadcasted_iota(np.int32, x.shape, dim)
        return values, lax.cummax(jnp.where(x == values, places, 0), dim)

    return along


TABLE |= {"cummax": _running(lax.cummax), "cummin": _running(lax.cummin)}


@operation("kthvalue")
def _kth_value(x: Array, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    found = (sliced(one, dim, k - 1, k) for one in _sort(x, dim))
    return tuple(one if keepdim else one.squeeze(dim) for one in found)


@operation("median", "nanmedian")
def _median(x: Array, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the lower of two medians."""
    if dim is None:
        return _kth_value(x.reshape(-1), (x.size + 1) // 2, 0)[0]
    return _kth_value(x, (x.shape[dim] + 1) // 2, dim, keepdim)


@operation("topk")
def _top_k(x: Array, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    last = jnp.moveaxis(x, dim, -1) if dim % x.ndim != x.ndim - 1 else x
    values, places = lax.top_k(last if largest else -last, k)
    values = values if largest else -values
    return tuple(jnp.moveaxis(one, -1, dim) if last is not x else one for one in (values, places))


@operation("sort")
def _sort(x: Array, dim: int = -1, descending: bool = False, **_: Any) -> Any:
    places = _argsort(x, dim, descending)
    return jnp.take_along_axis(x, places, dim), places


@operation("argsort")
def _argsort(x: Array, dim: int = -1, descending: bool = False, **_: Any) -> Array:
    return jnp.argsort(x, axis=dim, stable=True, descending=descending)


# Shapes


@operation("view", "_unsafe_view", "reshape", "_reshape_alias")
def _view(x: Array, size: Any, *_: Any) -> Array:
    if not isinstance(size, Sequence):
        return x.view(size)  # a type
    return jnp.reshape(x, size) if tuple(size) != x.shape else x


@operation("flatten")
def _flatten(x: Array, start: int = 0, end: int = -1) -> Array:
    start, end = start % max(x.ndim, 1), end % max(x.ndim, 1)
    return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])


@operation("unflatten")
def _unflatten(x: Array, dim: int, sizes: Sequence[int]) -> Array:
    dim %= x.ndim
    return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])


@operation("expand")
def _expand(x: Array, size: Sequence[int], **_: Any) -> Array:
    lead = len(size) - x.ndim
    shape = tuple(x.shape[k - lead] if one == -1 else one for k, one in enumerate(size))
    return jnp.broadcast_to(x, shape) if shape != x.shape else x


@operation("squeeze")
def _squeeze(x: Array, dim: Axes = None) -> Array:
    dims = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    return lax.squeeze(x, [one % x.ndim for one in dims if x.shape[one] == 1])


@operation("transpose")
def _transpose(x: Array, first: int, second: int) -> Array:
    return jnp.swapaxes(x, first, second) if first % x.ndim != second % x.ndim else x


@operation("t", "numpy_T", "mT")
def _t(x: Array) -> Array:
    return jnp.swapaxes(x, -1, -2) if x.ndim > 1 else x


@operation("permute")
def _permute(x: Array, dims: Sequence[int]) -> Array:
    return lax.transpose(x, [dim % x.ndim for dim in dims])


@operation("select")
def _select(x: Array, dim: int, index: int) -> Array:
    return lax.index_in_dim(x, index, dim % x.ndim, keepdims=False)


def _between(
    x: Array, dim: int, start: int | None, end: int | None, step: int
) -> tuple[int, int, int, int]:
    """Return the axis, and the bounds within it."""
    low, high, step = slice(start, end, step).indices(x.shape[dim])
    return dim % x.ndim, low, high, step


@operation("slice")
def sliced(
    x: Array, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Array:
    axis, low, high, step = _between(x, dim, start, end, step)
    if (low, high, step) == (0, x.shape[axis], 1):
        return x
    return lax.slice_in_dim(x, low, max(low, high), step, axis)


@operation("unfold")
def _unfold(x: Array, dim: int, size: int, step: int) -> Array:
    """Return the windows along an axis, with one at the end for the places in them."""
    dim %= max(x.ndim, 1)
    starts = range(0, x.shape[dim] - size + 1, step)
    places = step * np.arange(len(starts))[:, None] + np.arange(size)
    return jnp.moveaxis(at_axis(x, dim, places).get(mode="clip"), dim + 1, -1)


@operation("diagonal_scatter")
def _diagonal_scatter(
    x: Array, part: Array, offset: int = 0, first: int = 0, second: int = 1
) -> Array:
    last = jnp.moveaxis(x, (first, second), (-2, -1))
    places = np.arange(part.shape[-1])
    put = last.at[..., places + max(0, -offset), places + max(0, offset)].set(part)
    return jnp.moveaxis(put, (-2, -1), (first, second))


@operation("narrow")
def _narrow(x: Array, dim: int, start: int, length: int) -> Array:
    return sliced(x, dim, start, start + length)


def _axis_places(x: Array, dim: int, place: Any) -> tuple[Any, ...]:
    return (slice(None),) * (dim % x.ndim) + (place,)


def at_axis(x: Array, dim: int, place: Any) -> Any:
    return x.at[_axis_places(x, dim, place)]


@operation("slice_scatter")
def _slice_scatter(
    x: Array,
    part: Array,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Array:
    axis, low, high, step = _between(x, dim, start, end, step)
    if (low, high, step) == (0, x.shape[axis], 1):
        return part
    return at_axis(x, axis, slice(low, high, step)).set(part)


@operation("select_scatter")
def _select_scatter(x: Array, part: Array, dim: int, index: int) -> Array:
    return at_axis(x, dim, index).set(part)


@operation("copy")
def _copy(x: Array, source: Array, *_: Any) -> Array:
    return jnp.broadcast_to(source, x.shape)


@operation("cat", "concat")
def joined(parts: Sequence[Array], dim: int = 0) -> Array:
    # An empty vector is the unit, whatever the other shapes are.
    parts = [part for part in parts if part.shape != (0,)] or list(parts[:1])
    return lax.concatenate(parts, dim % parts[0].ndim) if len(parts) > 1 else parts[0]


@operation("split", "split_with_sizes")
def _split(x: Array, sizes: Any, dim: int = 0) -> Any:
    if isinstance(sizes, int):
        whole, rest = divmod(x.shape[dim], sizes)
        sizes = [sizes] * whole + [rest] * bool(rest)
    ends = np.cumsum(sizes)
    return tuple(
        sliced(x, dim, int(end - size), int(end)) for size, end in zip(sizes, ends, strict=True)
    )


@operation("chunk")
def _chunk(x: Array, chunks: int, dim: int = 0) -> Any:
    return _split(x, -(-x.shape[dim] // chunks), dim)


@operation("unbind")
def _unbind(x: Array, dim: int = 0) -> Any:
    return tuple(_select(x, dim, index) for index in range(x.shape[dim]))


@operation("flip")
def _flip(x: Array, dims: Sequence[int]) -> Array:
    return lax.rev(x, [dim % x.ndim for dim in dims])


@operation("roll")
def _roll(x: Array, shifts: Sequence[int], dims: Sequence[int] = ()) -> Array:
    if not len(dims):
        return jnp.roll(x, shifts[0])
    for shift, dim in zip(shifts, dims, strict=True):
        shift %= max(x.shape[dim], 1)
        if shift:
            x = joined([sliced(x, dim, -shift), sliced(x, dim, 0, x.shape[dim] - shift)], dim)
    return x


@operation("repeat_interleave")
def repeated(x: Array, repeats: int, dim: int | None = None, **_: Any) -> Array:
    x = x.reshape(-1) if dim is None else x
    at = (dim or 0) % x.ndim + 1
    shape = (*x.shape[:at], repeats, *x.shape[at:])
    wide = lax.broadcast_in_dim(x, shape, [k for k in range(len(shape)) if k != at])
    return wide.reshape(*x.shape[: at - 1], -1, *x.shape[at:])


@operation("pad", "constant_pad_nd")
def _pad(x: Array, pad: Sequence[int], mode: Any = "constant", value: float | None = None) -> Array:
    if not isinstance(mode, str):
        mode, value = "constant", mode
    sides = [(0, 0)] * (x.ndim - len(pad) // 2)
    sides += [(pad[k], pad[k + 1]) for k in range(len(pad) - 2, -2, -2)]
    if mode != "constant":
        for axis, (low, high) in enumerate(sides):
            x = sliced(x, axis, max(0, -low), x.shape[axis] - max(0, -high))
        sides = [(max(0, low), max(0, high)) for low, high in sides]
        names = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
        return jnp.pad(x, sides, mode=names[mode])
    if not any(map(any, sides)):
        return x
    return lax.pad(x, jnp.asarray(value or 0, x.dtype), [(*side, 0) for side in sides])


TABLE |= {
    f"{_name}_copy": TABLE[_name]
    for _name in (
        *("alias", "detach", "diagonal", "expand", "narrow", "permute", "select", "slice"),
        *("split", "squeeze", "t", "transpose", "unbind", "unfold", "unsqueeze", "view"),
    )
}


# Lookups


@operation("index_select")
def _index_select(x: Array, dim: int, index: Array) -> Array:
    return at_axis(x, dim, index).get(mode="clip", wrap_negative_indices=False)


@operation("embedding")
def _embedding(weight: Array, index: Array, padding: int = -1, *_: Any) -> Array:
    """Return rows, of which that of padding has no gradient."""
    rows = _index_select(weight, 0, index)
    if padding < 0:
        return rows
    return jnp.where((index == padding)[..., None], lax.stop_gradient(rows), rows)


def _at_each(x: Array, indices: Sequence[Any]) -> Any:
    return x.at[tuple(slice(None) if one is None else one for one in indices)]


@operation("index")
def _index_by(x: Array, indices: Sequence[Any]) -> Array:
    return _at_each(x, indices).get(mode="clip")


@operation("index_put")
def _index_put(x: Array, indices: Sequence[Any], values: Array, accumulate: bool = False) -> Array:
    places = _at_each(x, indices)
    return places.add(values) if accumulate else places.set(values)


def _along(x: Array, dim: int, index: Array) -> tuple[Array, ...]:
    """Return the place of each entry of an index: its own, but along one axis."""
    places = [lax.broadcasted_iota(np.int32, index.shape, axis) for axis in range(index.ndim)]
    places[dim % x.ndim] = index
    return tuple(places)


@operation("gather")
def _gather(x: Array, dim: int, index: Array, **_: Any) -> Array:
    for axis in range(x.ndim):
        if axis != dim % x.ndim:
            x = sliced(x, axis, 0, index.shape[axis])
    return jnp.take_along_axis(x, index, dim, mode="clip")


@operation("take_along_dim")
def _take_along_dim(x: Array, index: Array, dim: int | None = None) -> Array:
    return jnp.take_along_axis(x, index, dim, mode="clip")


REDUCED = {
    "add": ("add", 0), "mean": ("add", 0), "sum": ("add", 0), "multiply": ("multiply", 1),
    "prod": ("multiply", 1), "amax": ("max", None), "amin": ("min", None),
}  # fmt: skip
"""How entries that come to one place are reduced, by ATen's words, and what changes nothing."""


def _reduced_at(x: Array, at: Any, source: Any, how: str, include_self: bool = True) -> Array:
    """Return an array with entries at places reduced with it, or with each other alone."""
    name, neutral = REDUCED[how]
    start = x if include_self else x.at[at].set(source if neutral is None else neutral)
    found = getattr(start.at[at], name)(source)
    if neutral is None and jnp.issubdtype(x.dtype, jnp.inexact):
        # Of those that are equal all have the same share of the gradient.
        best = lax.stop_gradient(found)
        met = False if include_self else jnp.zeros(x.shape, bool).at[at].set(True)
        own, others = (x == best) & ~jnp.asarray(met), source == best[at]
        count = own.astype(x.dtype).at[at].add(others.astype(x.dtype))
        return jnp.where(own, x, 0).at[at].add(jnp.where(others, source, 0)) / count
    if how != "mean":
        return found
    count = jnp.maximum(jnp.full(x.shape, int(include_self)).at[at].add(1), 1)
    return found / count if jnp.issubdtype(x.dtype, jnp.inexact) else found // count


def _sources(source: Any, index: Array) -> Any:
    return source[tuple(slice(n) for n in index.shape)] if jnp.ndim(source) else source


@operation("scatter")
def _scatter(x: Array, dim: int, index: Array, source: Any, *, reduce: str | None = None) -> Array:
    source = _sources(source, index)
    if reduce is not None:
        return _reduced_at(x, _along(x, dim, index), source, reduce)
    return x.at[_along(x, dim, index)].set(source)


@operation("scatter_add")
def _scatter_add(x: Array, dim: int, index: Array, source: Array) -> Array:
    return x.at[_along(x, dim, index)].add(_sources(source, index))


@operation("scatter_reduce")
def _scatter_reduce(
    x: Array, dim: int, index: Array, source: Array, reduce: str, *, include_self: bool = True
) -> Array:
    return _reduced_at(x, _along(x, dim, index), _sources(source, index), reduce, include_self)


@operation("index_reduce")
def _index_reduce(
    x: Array, dim: int, index: Array, source: Array, reduce: str, *, include_self: bool = True
) -> Array:
    return _reduced_at(x, _axis_places(x, dim, index), source, reduce, include_self)


@operation("index_add")
def _index_add(x: Array, dim: int, index: Array, source: Array, *, alpha: float = 1) -> Array:
    return at_axis(x, dim, index).add(_times(alpha, source))


@operation("put")
def _put(x: Array, index: Array, source: Array, accumulate: bool = False) -> Array:
    places = x.reshape(-1).at[index]
    return (places.add(source) if accumulate else places.set(source)).reshape(x.shape)


@operation("masked_scatter")
def _masked_scatter(x: Array, mask: Array, source: Array) -> Array:
    """Return an array with the entries of another one, in order, where a mask holds."""
    mask = jnp.broadcast_to(mask, x.shape)
    places = jnp.cumsum(mask.reshape(-1)).reshape(x.shape) - 1
    return jnp.where(mask, source.reshape(-1).at[places].get(mode="clip"), x)


# Products


def _dot(x: Array, y: Array, first: int, second: int, batch: int = 0) -> Array:
    same = tuple(range(batch))
    return lax.dot_general(x, y, (((first,), (second,)), (same, same)))


@operation("linear")
def _linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    y = _dot(x, weight, x.ndim - 1, weight.ndim - 1)
    return y if bias is None else y + bias


@operation("mm", "mv", "dot")
def _mm(x: Array, y: Array) -> Array:
    return _dot(x, y, x.ndim - 1, 0)


@operation("bmm")
def _bmm(x: Array, y: Array) -> Array:
    return _dot(x, y, 2, 1, 1)


@operation("matmul")
def _matmul(x: Array, y: Array) -> Array:
    if y.ndim <= 2:
        return _dot(x, y, x.ndim - 1, 0)
    if x.shape[:-2] == y.shape[:-2]:
        return _dot(x, y, x.ndim - 1, y.ndim - 2, x.ndim - 2)
    return jnp.matmul(x, y)


def _weighed(sum_of: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    def weighed(z: Array, x: Array, y: Array, *, beta: float = 1, alpha: float = 1) -> Array:
        product = _times(alpha, sum_of(x, y))
        return product if beta == 0 else product + _times(beta, z)

    return weighed


TABLE |= dict.fromkeys(("addmm", "addmv"), _weighed(_mm)) | {"baddbmm": _weighed(_bmm)}


@operation("addbmm")
def _addbmm(z: Array, x: Array, y: Array, *, beta: float = 1, alpha: float = 1) -> Array:
    return _times(beta, z) + _times(alpha, jnp.einsum("bij,bjk->ik", x, y))


@operation("_trilinear")
def _trilinear(x: Array, y: Array, z: Array, *without: Sequence[int], **_: Any) -> Array:
    """Return sums of products of three arrays, each of which lacks some axes, over others."""
    *lacking, summed = without[:4]
    letters = "abcdefgh"[: x.ndim + len(lacking[0])]
    words = [[c for k, c in enumerate(letters) if k not in one] for one in (*lacking, summed)]
    *ins, out = map("".join, words)
    return jnp.einsum(f"{','.join(ins)}->{out}", x, y, z)


@operation("_cdist_forward", "cdist")
def _cdist(x: Array, y: Array, p: float = 2, *_: Any) -> Array:
    return _norm(x[..., :, None, :] - y[..., None, :, :], p, -1)


@operation("_pdist_forward")
def _pdist(x: Array, p: float = 2) -> Array:
    first, second = np.triu_indices(len(x), 1)
    return _norm(x[first] - x[second], p, -1)


@operation("addcmul")
def _addcmul(z: Array, x: Array, y: Array, *, value: float = 1) -> Array:
    return z + _times(value, x) * y


@operation("lerp")
def _lerp(x: Array, y: Array, weight: Any) -> Array:
    return x + weight * (y - x)


@operation("scaled_dot_product_attention")
def _attention(
    q: Array,
    k: Array,
    v: Array,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
    drop: Drop | None = None,
    hides: bool = False,
) -> Array:
    """Return attention, ``(..., head, query, d), (..., head, key, d), (..., head, key, e)``.

    With `hides` it is 0 where a mask hides all keys of a query, and not a number else.
    """
    heads = q.shape[-3] if q.ndim > 2 else 1
    shared = heads // k.shape[-3] if enable_gqa and q.ndim > 2 else 1
    if shared > 1:
        q = q.reshape(*q.shape[:-3], k.shape[-3], shared, *q.shape[-2:])
    lead = "abcfg"[: k.ndim - 2]
    inner = "r" if shared > 1 else ""
    scores = jnp.einsum(f"{lead}{inner}qd,{lead}kd->{lead}{inner}qk", q, k)
    scores = scores * (q.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        attn_mask = written(np.tril(np.ones(scores.shape[-2:], bool)))
    if attn_mask is not None:
        if shared > 1:
            of_heads = attn_mask.ndim > 2 and attn_mask.shape[-3] > 1
            if of_heads:
                attn_mask = attn_mask.reshape(
                    *attn_mask.shape[:-3], k.shape[-3], shared, *attn_mask.shape[-2:]
                )
            elif attn_mask.ndim > 2:
                attn_mask = jnp.expand_dims(attn_mask, -3)
        if attn_mask.dtype == bool:
            scores = jnp.where(attn_mask, scores, -jnp.inf)
        else:
            scores = scores + attn_mask
    weights = (_safe_softmax if hides else jax.nn.softmax)(scores, -1)
    weights = weights if drop is None else _dropped(drop, weights, dropout_p)
    out = jnp.einsum(f"{lead}{inner}qk,{lead}ke->{lead}{inner}qe", weights, v)
    return out.reshape(*out.shape[:-4], heads, *out.shape[-2:]) if shared > 1 else out


# What is drawn

Drop = Callable[[Array, float], Array]
"""Drops entries of an array, each at a rate, and divides the others by what is left of 1."""


def _dropped(drop: Drop, x: Array, p: float, train: bool | None = True) -> Array:
    if not train or p == 0:
        return x
    return drop(x, float(p)) if p < 1 else jnp.zeros_like(x)


SAMPLED: dict[str, Callable[..., Any]] = {
    "dropout": _dropped,
    "native_dropout": lambda drop, x, p, train=True: (_dropped(drop, x, p, train), None),
    "bernoulli": lambda drop, x, p: _dropped(drop, jnp.ones_like(x), 1 - p) * p,
    "scaled_dot_product_attention": lambda drop, *x, **options: _attention(
        *x, drop=drop, **options
    ),
}
"""The functions of operations that draw numbers, of what drops entries and ATen's arguments."""


drop_p = Primitive("dropout")
"""A primitive that drops entries: it is traced and not run, and read as the kernel of its name."""


drop_p.def_abstract_eval(lambda x, *, rate: x)


# Norms


def _normed(x: Array, axes: Sequence[int], eps: float) -> Any:
    mean = x.mean(axes, keepdims=True)
    centred = x - mean
    rescale = lax.rsqrt(jnp.square(centred).mean(axes, keepdims=True) + eps)
    return centred * rescale, mean, rescale


def scaled(x: Array, weight: Array | None, bias: Array | None) -> Array:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


@operation("native_layer_norm")
def _native_layer_norm(
    x: Array, shape: Sequence[int], weight: Array | None, bias: Array | None, eps: float
) -> Any:
    y, mean, rescale = _normed(x, tuple(range(-len(shape), 0)), eps)
    return scaled(y, weight, bias), mean, rescale


@operation("layer_norm")
def _layer_norm(
    x: Array,
    shape: Sequence[int],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
    *_: Any,
) -> Array:
    return _native_layer_norm(x, shape, weight, bias, eps)[0]


@operation("rms_norm")
def _rms_norm(
    x: Array, shape: Sequence[int], weight: Array | None = None, eps: float | None = None
) -> Array:
    eps = float(jnp.finfo(x.dtype).eps) if eps is None else eps
    axes = tuple(range(-len(shape), 0))
    return scaled(x * lax.rsqrt(jnp.square(x).mean(axes, keepdims=True) + eps), weight, None)


def over_channels(value: Array | None, ndim: int) -> Array | None:
    return None if value is None else jnp.expand_dims(value, range(1, ndim - 1))


@operation("group_norm")
def _group_norm(
    x: Array,
    groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
    *_: Any,
) -> Array:
    n, c, *image = x.shape
    split = x.reshape(n, groups, c // groups, *image)
    y = _normed(split, tuple(range(2, split.ndim)), eps)[0].reshape(x.shape)
    return scaled(y, over_channels(weight, x.ndim), over_channels(bias, x.ndim))


@operation("native_group_norm")
def _native_group_norm(
    x: Array, weight: Any, bias: Any, n: int, c: int, size: int, groups: int, eps: float
) -> Any:
    split = x.reshape(n, groups, -1)
    _, mean, rescale = _normed(split, (2,), eps)
    return _group_norm(x, groups, weight, bias, eps), mean[..., 0], rescale[..., 0]


@operation("instance_norm")
def _instance_norm(
    x: Array,
    weight: Any,
    bias: Any,
    mean: Any,
    var: Any,
    by_input: bool,
    _: float,
    eps: float,
    *__: Any,
) -> Array:
    if not by_input:
        return _batch_norm(x, weight, bias, mean, var, False, 0.0, eps)
    y = _normed(x, tuple(range(2, x.ndim)), eps)[0]
    return scaled(y, over_channels(weight, x.ndim), over_channels(bias, x.ndim))


@operation("batch_norm")
def _batch_norm(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    mean: Any,
    var: Any,
    training: bool,
    momentum: float,
    eps: float,
    *_: Any,
) -> Array:
    if training or mean is None:
        y = _normed(x, (0, *range(2, x.ndim)), eps)[0]
    else:
        rescale = lax.rsqrt(var + eps)
        y = (x - over_channels(mean, x.ndim)) * over_channels(rescale, x.ndim)
    return scaled(y, over_channels(weight, x.ndim), over_channels(bias, x.ndim))


@operation("_native_batch_norm_legit_functional")
def _batch_norm_training(
    x: Array, weight: Any, bias: Any, mean: Any, var: Any, training: bool, momentum: float,
    eps: float,
) -> Any:  # fmt: skip
    """Return a normed batch, its mean and scale, and the next averages of mean and variance."""
    if not training:
        nothing = jnp.zeros((0,), x.dtype)
        return (
            _batch_norm(x, weight, bias, mean, var, False, momentum, eps),
            nothing,
            nothing,
            mean,
            var,
        )
    axes = (0, *range(2, x.ndim))
    y, average, rescale = _normed(x, axes, eps)
    y = scaled(y, over_channels(weight, x.ndim), over_channels(bias, x.ndim))
    one, two = average.reshape(-1), _var(x, axes)
    after = (_lerp(old, new, momentum) for old, new in ((mean, one), (var, two)))
    return y, one, rescale.reshape(-1), *after


@operation("_native_batch_norm_legit")
def _batch_norm_alone(
    x: Array, weight: Any, bias: Any, training: bool, momentum: float, eps: float
) -> Any:
    mean, var = jnp.zeros(x.shape[1]), jnp.ones(x.shape[1])
    return _batch_norm_training(x, weight, bias, mean, var, True, momentum, eps)[:3]


@operation("_native_batch_norm_legit_no_training")
def _batch_norm_inference(
    x: Array, weight: Any, bias: Any, mean: Any, var: Any, momentum: float, eps: float
) -> Any:
    nothing = jnp.zeros((0,), x.dtype)
    return _batch_norm(x, weight, bias, mean, var, False, momentum, eps), nothing, nothing


# Losses


def _reduction(x: Array, mode: int) -> Array:
    return x if mode == 0 else x.mean() if mode == 1 else x.sum()


TABLE["mse_loss"] = lambda x, y, reduction=1: _reduction(jnp.square(x - y), reduction)
TABLE["l1_loss"] = lambda x, y, reduction=1: _reduction(jnp.abs(x - y), reduction)


@operation("cross_entropy_loss")
def _cross_entropy_loss(
    x: Array,
    target: Array,
    weight: Array | None = None,
    reduction: int = 1,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Array:
    axis = 1 if x.ndim > 1 else 0
    logs = jax.nn.log_softmax(x, axis)
    classes = x.shape[axis]
    each = 1 if weight is None else weight.reshape(-1, *(1,) * (x.ndim - axis - 1))
    if jnp.issubdtype(target.dtype, jnp.floating):
        if label_smoothing:
            target = (1 - label_smoothing) * target + label_smoothing / classes
        losses = -(logs * target * each).sum(axis)
        return losses.sum() / losses.size if reduction == 1 else _reduction(losses, reduction)
    kept = target != ignore_index
    at = jnp.expand_dims(jnp.where(kept, target, 0), axis)

    def chosen(x: Array) -> Array:
        found = jnp.take_along_axis(x, at, axis, mode="clip").squeeze(axis)
        return jnp.where(kept, found, 0)

    own = kept if weight is None else chosen(jnp.broadcast_to(each, x.shape))
    losses = -chosen(logs if weight is None else logs * each)
    if label_smoothing:
        smooth = jnp.where(kept, -(logs * each).sum(axis), 0) / classes
        losses = (1 - label_smoothing) * losses + label_smoothing * smooth
    return losses.sum() / own.sum() if reduction == 1 else _reduction(losses, reduction)


@operation("multilabel_margin_loss")
def _multilabel_margin_loss(x: Array, target: Array, reduction: int = 1) -> Array:
    """Return a loss of labels that stand before the first negative one; PyTorch's own definition by
    other operations, of 2.13, has other values."""
    given = jnp.cumprod(target >= 0, -1, dtype=bool)
    at = jnp.where(given, target, 0)
    own = jnp.take_along_axis(x, at, -1, mode="clip")
    labels = (jax.nn.one_hot(at, x.shape[-1], dtype=bool) & given[..., None]).any(-2)
    gaps = jax.nn.relu(1 - own[..., None] + x[..., None, :])
    kept = given[..., None] & ~labels[..., None, :]
    return _reduction(jnp.where(kept, gaps, 0).sum((-1, -2)) / x.shape[-1], reduction)
