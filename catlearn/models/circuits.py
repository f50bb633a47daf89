"""Circuits of arrays as JAX functions, and as models on edges.

Lowering is a functor from circuits to pure functions of parameters, arrays and a key: lists of
arrays go to tuples, copies to sharing of a value, and each box to a few calls, which
:mod:`catlearn.arrays.programs` decides from sizes. Here are the functions of JAX that are called.
A block with rounds is one ``lax.scan``, whatever their number.

As a model a circuit is its own label; sizes that are open follow from the spaces of its edge: a
space is one array, a product several, a categorical space an array of its n scores, or of labels on
the left of a circuit that takes naturals. It runs lifted by the axis of examples.

>>> import jax, jax.numpy as jnp
>>> from catlearn.arrays import linear, relu
>>> mlp = linear("up", "m -> f") >> relu >> linear("down", "f -> n")
>>> fn = LoweredCircuit(mlp, {"m": 4, "f": 8, "n": 2})
>>> params = fn.init(jax.random.key(0))
>>> jax.tree.map(jnp.shape, params)
{'down': (8, 2), 'up': (4, 8)}
>>> fn(params, jnp.ones(4)).shape
(2,)
"""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.experimental import checkify

from catlearn.arrays.boxes import Draft
from catlearn.arrays.circuit import Circuit, compose, lift, tensor
from catlearn.arrays.evaluation import hashed
from catlearn.arrays.operations import idle
from catlearn.arrays.programs import Program, programmed
from catlearn.arrays.sizes import Size, SizeRelation, sizes_hint, solve
from catlearn.errors import (
    CatlearnError,
    Failure,
    UnknownName,
    called,
    did_you_mean,
    expect,
    expect_dicts,
    fault,
    refuse,
    wrong_kind,
)
from catlearn.models.architectures import Architecture
from catlearn.models.spaces import AnySpace, Categorical, Product, is_named

INITIALISERS: dict[str, Callable[..., jax.Array]] = {
    "lecun": lambda key, shape, fan, dtype: (
        jax.random.normal(key, shape, dtype) / np.sqrt(max(fan, 1)).astype(dtype)
    ),
    "normal": lambda key, shape, fan, dtype, scale=0.02: (
        jax.random.normal(key, shape, dtype) * np.asarray(scale, dtype)
    ),
    "zeros": lambda key, shape, fan, dtype: jnp.zeros(shape, dtype),
    "ones": lambda key, shape, fan, dtype: jnp.ones(shape, dtype),
}
"""What parameters may start from: ``"normal(0.01)"`` has a standard deviation; ``lecun`` divides by
the root of the number of values that are summed."""

OPTIONS = {"normal": 1}
"""How many numbers the name of an initialiser may be followed by; none unless said."""


def _outside(value: float, array: jax.Array) -> jax.Array:
    """Return an outside value in the type of an array."""
    if jnp.issubdtype(array.dtype, jnp.floating):
        return jnp.asarray(value, array.dtype)
    # integers that are masked by an infinite value become real numbers
    kind = array.dtype if float(value).is_integer() else jnp.result_type(float)
    return jnp.asarray(value, kind)


def _like(x: jax.Array, *others: jax.Array) -> jax.Array:
    """Return what is known in the type of real numbers that it meets."""
    reals = [one.dtype for one in others if jnp.issubdtype(one.dtype, jnp.floating)]
    dtype = jnp.result_type(*reals) if reals else x.dtype
    return x if x.dtype == dtype else x.astype(dtype)


def _wide(index: Any) -> Any:
    """Return indices in a type that holds sizes of axes; others wrap around at these."""
    small = isinstance(index, jax.Array) and index.dtype.itemsize < 4
    return index.astype("int32") if small and index.dtype.kind in "iu" else index


def _clipped(index: Any, size: int) -> Any:
    return jnp.clip(_wide(index), 0, size - 1)


def _pad(x: jax.Array, axis: int, low: int, high: int, outside: float) -> jax.Array:
    value = _outside(outside, x)
    places = [(low, high, 0) if k == axis else (0, 0, 0) for k in range(x.ndim)]
    return jax.lax.pad(x.astype(value.dtype), value, places)


def _norm(x: jax.Array, places: tuple[int, ...], kind: str, eps: float) -> jax.Array:
    if kind == "layer":
        x = x - x.mean(axis=places, keepdims=True)
    return x * jax.lax.rsqrt(jnp.square(x).mean(axis=places, keepdims=True) + eps)


def _folded(key: Any, address: str) -> Any:
    return jax.random.fold_in(key, zlib.crc32(address.encode()) & 0x7FFFFFFF)


def _dropout(key: Any, x: jax.Array, rate: float, address: str) -> jax.Array:
    """Drop entries, with a key of the box's own."""
    if key is None or rate == 0:
        return x
    kept = jax.random.bernoulli(_folded(key, address), 1 - rate, x.shape)
    return jnp.where(kept, x / (1 - rate), jnp.zeros((), x.dtype))


def _dropped(x: jax.Array, *keys: Any) -> jax.Array:
    """Drop entries by what a seed and their indices hash to; with a negative seed none."""
    *integers, rate = map(jnp.asarray, keys)
    found = hashed(jnp.uint32, *(one.astype("int32").astype("uint32") for one in integers))
    kept = (found >= jnp.uint32(keys[-1] * 2**32)) | (integers[0] < 0)
    return jnp.where(kept, x / (1 - rate), jnp.zeros((), x.dtype))


def _convolve(
    x: jax.Array, w: jax.Array, specs: tuple[str, str, str], strides: tuple[int, ...],
    dilations: tuple[int, ...], pads: tuple[tuple[int, int], ...], groups: int,
) -> jax.Array:  # fmt: skip
    dtype = jnp.result_type(x, w)
    return jax.lax.conv_general_dilated(
        x.astype(dtype), w.astype(dtype), strides, pads, rhs_dilation=dilations,
        dimension_numbers=specs, feature_group_count=groups,
    )  # fmt: skip


def _pool(
    x: jax.Array, kind: str, lengths: tuple[int, ...], strides: tuple[int, ...],
    dilations: tuple[int, ...], pads: tuple[tuple[int, int], ...],
) -> jax.Array:  # fmt: skip
    if kind in ("max", "min"):
        real, least = jnp.issubdtype(x.dtype, jnp.floating), kind == "max"
        ends = (-jnp.inf, jnp.inf) if real else (jnp.iinfo(x.dtype).min, jnp.iinfo(x.dtype).max)
        start, reduced = (ends[0], jax.lax.max) if least else (ends[1], jax.lax.min)
    else:
        start, reduced = 0.0 if jnp.issubdtype(x.dtype, jnp.floating) else 0, jax.lax.add
    return jax.lax.reduce_window(
        x, start, reduced, lengths, strides, pads, window_dilation=dilations
    )


def _meant(functions: Mapping[str, Callable[..., Any]], label: Any) -> Callable[..., Any]:
    """Return what a label stands for: what is given, or what it holds."""
    return functions.get(label) or label.call


def _opaque(key: Any, functions: Mapping[str, Callable[..., Any]], *arguments: Any) -> Any:
    """Call what stands for an opaque box, with a key of the box's own if it is random."""
    *arrays, label, address = arguments
    function = _meant(functions, label)
    if address is None:
        return function(*arrays)
    own = None if key is None else _folded(key, address)
    return function(*arrays, key=own)


def _shifted(x: jax.Array, y: jax.Array) -> jax.Array:
    """Return x - y for y no less than x, and -inf where x is that; the slopes are 1 and -1.

    What is subtracted is finite, y or the greatest or least number: so the gap is inf where both
    are, and -inf where x is. And x is read once, and the gap more often: so a compiler that
    contracts a * b - y does so wherever the gap is formed, or nowhere. The slopes read neither, so
    that none is kept for them.
    """

    @jax.custom_jvp
    def gap(x: jax.Array, y: jax.Array) -> jax.Array:
        ends = jnp.finfo(y.dtype)
        found = x - jax.lax.clamp(jnp.asarray(ends.min, y.dtype), y, jnp.asarray(ends.max, y.dtype))
        return jax.lax.select(jax.lax.ne(found, found), jax.lax.full_like(found, jnp.nan), found)

    gap.defjvp(lambda given, slopes: (gap(*given), slopes[0] - slopes[1]))
    return gap(x, y)


def _earlier(x: jax.Array, y: jax.Array, i: jax.Array, j: jax.Array) -> jax.Array:
    """Return which of two places has the greater entry; of equal ones the first."""
    first = (x > y) | (jnp.isnan(x) & ~jnp.isnan(y))
    second = (y > x) | (jnp.isnan(y) & ~jnp.isnan(x))
    return jnp.where(first, i, jnp.where(second, j, jnp.minimum(i, j)))


def _rounded(x: jax.Array) -> jax.Array:
    """Return numbers without their last binary digit; the slope is 1 everywhere.

    Compilers contract a * b - c without rounding a * b, in some of the places where it is read; of
    this all places have one number.
    """

    @jax.custom_jvp
    def shorter(x: jax.Array) -> jax.Array:
        digits = jax.lax.bitcast_convert_type(x, f"uint{x.dtype.itemsize * 8}")
        return jax.lax.bitcast_convert_type(digits >> 1 << 1, x.dtype)

    shorter.defjvp(lambda given, slopes: (shorter(*given), *slopes))
    return shorter(x)


def _compensated(*arrays: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return a sum, and what its rounding leaves out, by Kahan's summation.

    The first array is what was summed before, and the last one what was left out of it; those
    between are added. The slopes of the sum are 1, and those of what is left out 0. Where the sum,
    or what was summed before, is infinite, nothing is left out.
    """
    before, *others, left = arrays
    more = sum(others[1:], others[0])
    left = jax.lax.select(jnp.isfinite(before), left, jax.lax.full_like(left, 0))
    total = before + (more + left)
    left = (more - (total - before)) + left
    left = jax.lax.select(jnp.isfinite(total), left, jax.lax.full_like(left, 0))
    return total, jax.lax.stop_gradient(left)


def _sort(x: jax.Array, axis: int) -> tuple[jax.Array, jax.Array]:
    """Return entries in order, and where they were; of equal ones the first stays before others."""
    places = jax.lax.broadcasted_iota("int32", x.shape, axis)
    found, order = jax.lax.sort((x, places), axis, is_stable=True, num_keys=1)
    return found, order


def _scattered(x: jax.Array, *arguments: Any) -> jax.Array:
    """Add the entries of an array to those of zeros at given indices; none to those outside."""
    *index, shape = arguments
    # an index below 0 counts from the end in JAX
    at = (jnp.where(one < 0, size, one)
          for one, size in zip(map(_wide, index), shape, strict=False))  # fmt: skip
    return jnp.zeros(shape, x.dtype).at[tuple(at)].add(x, mode="drop")


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "array": lambda x: jnp.asarray(x, jnp.result_type(float)) if x.dtype.kind == "f" else x,
    "constant": jnp.asarray,
    "like": _like,
    "arange": jnp.arange,
    "einsum": lambda *arguments: jnp.einsum(arguments[-1], *arguments[:-1]),
    "transpose": jnp.transpose,
    "reshape": jnp.reshape,
    "broadcast": jnp.broadcast_to,
    "expand": jnp.expand_dims,
    "slice": lambda x, axis, start, stop, step: jax.lax.slice_in_dim(x, start, stop, step, axis),
    "pad": _pad,
    "take": lambda x, index, axis: jnp.take(x, _wide(index), axis=axis, mode="clip"),
    "one_hot": lambda index, size: _clipped(index, size)[..., None] == jnp.arange(size),
    "gather": lambda x, *index: x[tuple(map(_clipped, index, x.shape))],
    "inside": lambda x, size: (x >= 0) & (_wide(x) < size),
    "at_least": jnp.greater_equal,
    "plus": lambda x, number: _wide(x) + number,
    "times": lambda x, number: _wide(x) * number,
    "div": jnp.floor_divide,
    "mod": jnp.mod,
    "dropped": _dropped,
    "convolve": _convolve,
    "pool": _pool,
    "concatenate": lambda *arguments: jnp.concatenate(arguments[:-1], axis=arguments[-1]),
    "add": lambda *arrays: sum(arrays[1:], arrays[0]),
    "mul": lambda *arrays: prod(arrays[1:], start=arrays[0]),
    "where": lambda mask, x, outside: jnp.where(mask, x, _outside(outside, x)),
    "top_k": jax.lax.top_k,
    "sort": _sort,
    "scatter": _scattered,
    "max": lambda x, places: x.max(axis=places),
    "min": lambda x, places: x.min(axis=places),
    "argmax": lambda x, places: jnp.argmax(x, *places),
    "argmin": lambda x, places: jnp.argmin(x, *places),
    "product": lambda x, places: x.prod(axis=places),
    "cumsum": lambda x, places: jnp.cumsum(x, *places),
    "cumprod": lambda x, places: jax.lax.cumprod(x, *places),
    "cummax": lambda x, places: jax.lax.cummax(x, *places),
    "cummin": lambda x, places: jax.lax.cummin(x, *places),
    "cumlogsumexp": lambda x, places: jax.lax.cumlogsumexp(x, *places),
    "softmax": lambda x, places: jax.nn.softmax(x, axis=places),
    "logsumexp": lambda x, places: jax.nn.logsumexp(x, axis=places),
    "norm": _norm,
    "gelu": lambda x, approximation: jax.nn.gelu(x, approximate=approximation == "tanh"),
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "erf": jax.lax.erf,
    "exp": jnp.exp,
    "exp2": jnp.exp2,
    "log": jnp.log,
    "neg": jnp.negative,
    "abs": jnp.abs,
    "reciprocal": jnp.reciprocal,
    "indicator": lambda x: jnp.where(x, 1.0, 0.0),
    "square": jnp.square,
    "sqrt": jnp.sqrt,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "softplus": jax.nn.softplus,
    "larger": jnp.maximum,
    "shifted": _shifted,
    "earlier": _earlier,
    "rounded": _rounded,
    "compensated": _compensated,
    "stop": jax.lax.stop_gradient,
    "cast": lambda x, dtype: x.astype(dtype),
}
"""What the steps of a program are in JAX; besides those of a run: ``dropout`` with its key, and
what is given by a label."""


def _plain(operation: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a function that is one operation of ``jax.lax`` on numbers of one rank and type."""

    def run(*arrays: Any) -> Any:
        one, *others = arrays
        same = all(x.ndim == one.ndim and x.dtype == one.dtype for x in others)
        if not (same and jnp.issubdtype(one.dtype, jnp.inexact)):
            return FUNCTIONS[name](*arrays)
        shape = jnp.broadcast_shapes(*(x.shape for x in arrays))
        wide = [x if x.shape == shape else jax.lax.broadcast_in_dim(x, shape, range(x.ndim))
                for x in arrays]  # fmt: skip
        return functools.reduce(operation, wide) if others else operation(*wide)

    return run


def _chosen(mask: jax.Array, x: jax.Array, outside: float) -> jax.Array:
    if mask.dtype != bool or mask.shape != x.shape or not jnp.issubdtype(x.dtype, jnp.floating):
        return FUNCTIONS["where"](mask, x, outside)
    return jax.lax.select(mask, x, jax.lax.full_like(x, outside))


def _contracted(*arguments: Any) -> jax.Array:
    """Return a contraction of one or two arrays as ``jnp.einsum`` does, without its search."""
    *arrays, text = arguments
    before, _, after = text.partition("->")
    sides = before.split(",")
    sizes = dict(zip("".join(sides), (n for one in arrays for n in one.shape), strict=True))
    both = {*sides[0]} & {*sides[-1]}
    if (
        any(one.dtype != arrays[0].dtype for one in arrays)
        or not jnp.issubdtype(arrays[0].dtype, jnp.inexact) or len(arrays) > 2
        or any(len({*side}) < len(side) for side in sides)
        or any(one.shape != tuple(sizes[a] for a in side)
               for one, side in zip(arrays, sides, strict=True))
        or (len(arrays) == 2 and {*sizes} - {*after} - both)
    ):  # fmt: skip
        return FUNCTIONS["einsum"](*arguments)
    if len(arrays) == 1:
        names = [a for a in before if a in after]
        found = jax.lax.reduce_sum(arrays[0], [k for k, a in enumerate(before) if a not in after])
        return jax.lax.transpose(found, [names.index(a) for a in after])
    lost, batch = sorted(both - {*after}), [a for a in after if a in both]
    if not lost:
        made = []
        for one, side in zip(arrays, sides, strict=True):
            places = [k for k, a in enumerate(after) if a in side]
            moved = jax.lax.transpose(one, [side.index(after[k]) for k in places])
            shape = [sizes[a] for a in after]
            made.append(jax.lax.broadcast_in_dim(moved, shape, places))
        return jax.lax.mul(*made)
    names, order = list[str](), list[int]()
    for order in ([0, 1], [1, 0]):
        names = [*batch, *(a for k in order for a in sides[k] if a not in both)]
        if names == [*after]:
            break
    (x, one), (y, other) = ((arrays[k], sides[k]) for k in order)
    summed, same = (([*map(one.index, some)], [*map(other.index, some)]) for some in (lost, batch))
    found = jax.lax.dot_general(x, y, (summed, same), preferred_element_type=x.dtype)
    return jax.lax.transpose(found, [names.index(a) for a in after])


SOONER: dict[str, Callable[..., Any]] = {
    **{name: _plain(operation, name) for name, operation in {
        "add": jax.lax.add, "mul": jax.lax.mul, "larger": jax.lax.max, "neg": jax.lax.neg,
        "exp": jax.lax.exp, "log": jax.lax.log, "abs": jax.lax.abs, "square": jax.lax.square,
    }.items()},
    "where": _chosen,
    "einsum": _contracted,
    "max": lambda x, places: jax.lax.reduce_max(x, places),
}  # fmt: skip
"""Functions of the table that are the same as those there, and are traced in less time.

Those of ``jax.numpy`` are traced by themselves for each shape, and then inlined.
"""


def _wider(function: Callable[..., Any], dtype: Any, x: jax.Array, *options: Any) -> jax.Array:
    """Apply a function in a type that has both x and what is accumulated."""
    return function(x.astype(jnp.result_type(x, dtype)), *options).astype(x.dtype)


REAL = (np.bool_, np.integer, np.floating)
"""Kinds of numbers that an array of real numbers, or of booleans, may have."""

KINDS = {"N": (np.bool_, np.integer), None: (*REAL, np.complexfloating)}
"""Those of indices, and of arrays of which the type is open."""

EXPERTS = ("auto", "gather", "dense")

WIDER = ("softmax", "logsumexp", "cumlogsumexp", "norm")
"""What ``accumulate=`` computes in a wider type."""


def _functions(key: Any, options: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """Return the functions of one run, or of one round, with its key."""
    own = {
        "dropout": functools.partial(_dropout, key),
        "opaque": functools.partial(_opaque, key, options["opaque"]),
        **dict.fromkeys(
            ("function", "along"),
            lambda *arguments: _meant(options["opaque"], arguments[-1])(*arguments[:-1]),
        ),
    }
    if options["accumulate"] is not None:
        for name in WIDER:
            own[name] = functools.partial(_wider, FUNCTIONS[name], options["accumulate"])
    return {**FUNCTIONS, **SOONER, **own, "loop": functools.partial(_loop, key, options)}


def _loop(key: Any, options: Mapping[str, Any], *arguments: Any) -> list[Any]:
    """Run a block with rounds."""
    *arrays, rounds = arguments
    count, own = rounds.states, rounds.states + rounds.entries
    states = [*map(jnp.asarray, arrays[:count])]

    def step(states: tuple[Any, ...], now: Any) -> Any:
        number, entries = now
        at = None if key is None else jax.random.fold_in(key, number)
        given = (*states, *entries, *arrays[own:])
        found = rounds.body.run(_functions(at, options), given)
        following = zip(found, states, strict=False)
        return tuple(
            one if one.dtype == before.dtype else one.astype(before.dtype)
            for one, before in following
        ), found[count:]

    reals = {one.dtype for one in map(jnp.asarray, arrays)
             if jnp.issubdtype(one.dtype, jnp.floating)}  # fmt: skip
    wider = len(reals) > 1
    while wider:  # what goes round has the type of what a round makes of it, if that is wider
        entries = tuple(jax.eval_shape(lambda x: x[0], one) for one in arrays[count:own])
        given = (*states, *entries, *arrays[own:])
        found = jax.eval_shape(lambda *x: rounds.body.run(_functions(key, options), x), *given)
        types = [jnp.result_type(*pair) if jnp.issubdtype(pair[0].dtype, jnp.floating)
                 else pair[0].dtype for pair in zip(states, found, strict=False)]  # fmt: skip
        wider = types != [one.dtype for one in states]
        states = [one.astype(dtype) if dtype != one.dtype else one
                  for one, dtype in zip(states, types, strict=True)]  # fmt: skip
    final, made = jax.lax.scan(
        jax.checkpoint(step) if rounds.title in options["remat"] else step,
        tuple(states),
        (jnp.arange(rounds.number), tuple(arrays[count:own])),
        length=rounds.number,
        unroll=options["unroll"],
    )
    return [*final, *made]


def functions_of(key: Any) -> dict[str, Callable[..., Any]]:
    """Return the functions of JAX that the steps of a program are, with a key for samples."""
    return _functions(key, {"remat": (), "unroll": 1, "accumulate": None, "opaque": {}})


class LoweredCircuit:
    """A circuit as a pure function ``fn(params, *arrays, key=None)``.

    It may be jitted, differentiated and vmapped.

    Parameters
    ----------
    circuit
        The circuit.
    sizes
        Sizes by name, as for :meth:`Circuit.at <catlearn.Circuit.at>`.
    remat
        Titles of blocks with rounds that compute what they hold again for gradients, instead of
        keeping it (``jax.checkpoint``); True for all.
    unroll
        How many rounds of a block are written out in one step of its loop.
    experts
        How weights that are read at looked-up indices are applied: ``"gather"``, ``"dense"`` or
        ``"auto"``, by counts; see :func:`~catlearn.arrays.programmed`.
    accumulate
        A dtype, such as ``"float32"``, in which norms, softmax and logsumexp are computed, if
        arrays have less precision; everything else keeps the type of arrays and parameters.
    opaque
        What stands for the opaque boxes of each label: a function of the arrays that they read, to
        one array or a list of them; where they are random, with an argument ``key``.
    check
        Whether indices outside of their axis, which are clipped otherwise, are refused; inside of
        ``jax.jit`` and other transformations by ``jax.experimental.checkify.checkify`` around them.

    Attributes
    ----------
    circuit
        The circuit with these sizes, without what its outputs do not need.
    """

    def __init__(
        self,
        circuit: Circuit,
        sizes: Mapping[str, Any] | None = None,
        *,
        remat: Iterable[str] | bool = (),
        unroll: int = 1,
        experts: str = "auto",
        accumulate: Any = None,
        opaque: Mapping[str, Callable[..., Any]] | None = None,
        check: bool = False,
    ) -> None:
        expect(circuit, Circuit, "what is lowered", "a circuit")
        expect(remat, (bool, Iterable), "remat", "True, or a list of titles of blocks")
        expect(unroll, int, "unroll", "a number of rounds")
        if unroll < 1:
            message = "is no number of rounds, which is at least 1"
            raise fault("options", "unroll", str(unroll), message)
        expect(sizes, (type(None), Mapping), "sizes", "a dict of sizes by names")
        self.circuit = circuit.at(sizes or {}).live()
        H = self.circuit.apex
        blocks = zip(H.column("title"), H.lists["rounds"], strict=True)
        titles = [title for title, rounds in blocks if len(rounds)]
        again = titles if remat is True else [*(remat or ())]
        unknown = [
            Failure("remat", repr(title), f"no block with rounds; {did_you_mean(title, titles)}")
            for title in again
            if title not in titles
        ]
        expect_dicts("a dict from labels to functions", opaque=opaque)
        labels = [
            label for one in H.operations for name, label in one.kernel.options if name == "label"
        ]
        unknown += [
            Failure("opaque", repr(label), "nothing says what it is; give opaque={label: function}")
            for label in dict.fromkeys(labels)
            if label not in (opaque or {}) and getattr(label, "call", None) is None
        ]
        refuse("options", unknown)
        if experts not in EXPERTS:
            raise UnknownName(f"experts={experts!r} is not known; {did_you_mean(experts, EXPERTS)}")
        accumulate = float_type(accumulate, "accumulate")
        self.experts, self.accumulate, self.check = experts, accumulate, check
        self.opaque = dict(opaque or {})
        self._options = {
            "remat": frozenset(again), "unroll": unroll, "accumulate": accumulate,
            "opaque": self.opaque,
        }  # fmt: skip
        self.parameters = {
            name: row for row, name in enumerate(H.column("name")) if name is not None
        }
        self._starts = {name: _initialiser(H.column("initialiser")[row])
                        for name, row in self.parameters.items()}  # fmt: skip
        self._known: dict[Any, Program] = {}
        failures = [
            Failure("sharing", f"parameter {name!r}", f"others are called {name}/...; rename one")
            for name in self.parameters
            if any(other.startswith(f"{name}/") for other in self.parameters)
        ]
        refuse("parameters", failures)

    @cached_property
    def is_random(self) -> bool:
        """Whether it draws samples, where it is given a key."""
        return any(not one.kernel.entry.deterministic for one in self.circuit.apex.operations)

    def init(self, key: jax.Array, dtype: Any = None) -> dict[str, Any]:
        """Return starting parameters: a dictionary, nested by the parts of the names.

        Parameters
        ----------
        key
            A random key.
        dtype
            Of all parameters; that of ``jnp.zeros(())`` unless said.

        Raises
        ------
        InvalidStructure
            Listing the sizes of parameters that are not known.
        """
        expect(key, "dtype", "key", "a random key, such as jax.random.key(0)")
        dtype = jnp.dtype(float_type(dtype, "dtype") or jnp.zeros(()).dtype)
        found: dict[str, Any] = {}
        unknown: dict[str, str] = {}
        for name, sizes in self.circuit.parameters.items():
            shape = [size.number for size in sizes]
            missing = sorted({str(k) for size in sizes for k in size.generators})
            for one in missing:
                unknown.setdefault(one, repr(name))
            if missing:
                continue
            start, options = self._starts[name]
            fan = self._fan(self.parameters[name])
            own = jax.random.fold_in(key, zlib.crc32(name.encode()) & 0x7FFFFFFF)
            found[name] = start(own, tuple(shape), fan, dtype, *options)
        if unknown:
            parameters = ", ".join(dict.fromkeys(unknown.values()))
            message = f"sizes that are not known, of parameters {parameters}; give the shapes of "
            message += f"inputs by at_dom, or {sizes_hint(unknown)}"
            raise fault("parameters", "sizes", ", ".join(unknown), message)
        return nested(found)

    def _fan(self, row: int) -> int:
        """Return how many values are summed where a parameter is first contracted."""
        H, rows = self.circuit.apex, {row}
        for box in H.order:
            operation = H.operations[box]
            if operation.kernel.name == "each" and H.sides[0][box][0] in rows:
                rows.add(H.sides[1][box][0])
            for wire, reading in zip(H.sides[0][box], operation.readings, strict=True):
                if wire in rows and reading is not None and operation.kernel.name == "contraction":
                    axes = H.lists["vars"].row(box).tolist()
                    summed = [axes[v] for v in operation.targets if v in reading.variables]
                    return prod(H.size_of(axis).number or 1 for axis in summed)
        return 1

    def program(self, shapes: Iterable[tuple[int, ...]]) -> Program:
        """Return what runs for arrays of these shapes: those of the inputs, then of parameters.

        Raises
        ------
        InvalidStructure
            Listing arrays of other ranks and sizes that do not agree.
        """
        shapes = shapes_of(shapes)
        if shapes not in self._known:
            self._known[shapes] = programmed(self.circuit, self.sizes(shapes), self.experts)
        return self._known[shapes]

    @cached_property
    def _given(self) -> dict[str, int]:
        """What is given to a call: inputs, then parameters, by what they are called."""
        inputs = {f"input {k}": row for k, row in enumerate(self.circuit.dom)}
        return inputs | {f"parameter {name!r}": row for name, row in self.parameters.items()}

    def arrays(self, values: Iterable[Any]) -> tuple[Any, ...]:
        """Return inputs, then parameters, as arrays; list those that are of another type.

        Whole numbers and booleans that are given for real numbers become these.
        """
        expect(values, Iterable, "values", "a list of inputs, then of parameters")
        H, found, failures = self.circuit.apex, [], []
        for (where, row), value in zip(self._given.items(), values, strict=True):
            one = _array(value)
            kinds = KINDS.get(H.types[row], REAL)
            if one is None or not any(jnp.issubdtype(one.dtype, real) for real in kinds):
                shown = f"{value!r:.60}" if one is None else f"an array of {one.dtype}"
                failures.append(Failure("type", where, f"is {H.array_text(row)}, found {shown}"))
            found.append(one)
        refuse("this call", failures)
        rows = self._given.values()
        whole = [k for k, row in enumerate(rows) if H.types[row] == "R"
                 and not jnp.issubdtype(found[k].dtype, jnp.floating)]  # fmt: skip
        if whole:
            reals = (one for one in found if jnp.issubdtype(one.dtype, jnp.floating))
            real = jnp.result_type(float, *reals)
            for k in whole:
                found[k] = jnp.asarray(found[k], real)
        return tuple(found)

    def sizes(
        self, shapes: Sequence[tuple[int, ...]] | None = None, what: str = "this call"
    ) -> dict[int, int]:
        """Return the size of each axis, given the shapes of arrays, or by the circuit alone."""
        H, failures, given = self.circuit.apex, [], []
        shapes = None if shapes is None else shapes_of(shapes)
        if shapes is not None and len(shapes) != len(self._given):
            message = f"{len(shapes)} are given; there are {', '.join(self._given) or 'none'}"
            raise fault(what, "arity", "arrays", message)
        pairs = [] if shapes is None else zip(self._given.items(), shapes, strict=True)
        for (where, row), shape in pairs:
            axes = H.lists["axes"].row(row).tolist()
            if len(axes) != len(shape):
                message = f"is {H.array_text(row)}, found the shape {shape}"
                if len(axes) < len(shape) and where.startswith("input"):
                    message += "; lift(circuit, 'b') takes a batch of them"
                failures.append(Failure("shape", where, message))
                continue
            given += [
                (axis, n, where, k) for k, (axis, n) in enumerate(zip(axes, shape, strict=True))
            ]
        refuse("arrays", failures)
        failures = self._unequal(given)
        refuse("this call", failures)
        every = H.relations()
        relations = [one for one, _, _ in every]
        count = len(relations)
        relations += [SizeRelation("=", Size.generator(axis), Size.of(n)) for axis, n, *_ in given]
        found = solve(relations, H.flexible)
        for one in found.failures:
            own = one.number < count
            where = (
                H.relation_title(*every[one.number][1:]) if own else given[one.number - count][2]
            )
            words = f"{one.found.rename(H.called)} cannot hold"
            if one.number >= count:
                axis, number, *_ = given[one.number - count]
                words = f"axis {H.called(axis)} has {number} here: {words}"
            failures.append(Failure("sizes", where, words))
        numbers = {axis: found.of(Size.generator(axis)).number for axis in range(H.size("Axis"))}
        lists = ("vars", "mentions", "axes", "rounds")
        used = {a for name in lists for a in H.lists[name].values.tolist()}
        open_ = sorted({H.called(axis) for axis in used if numbers[axis] is None})
        if open_ and not failures:
            message = "its size does not follow from the arrays; give it by sizes"
            failures = [Failure("sizes", f"axis {name}", message) for name in open_]
            if shapes is None:
                needs = ", ".join(f"{name!r}: ..." for name in open_)
                message = f"its arrays are not given, so that it needs sizes={{{needs}}}"
                failures = [Failure("sizes", f"axes {', '.join(open_)}", message)]
        sizes = {axis: number for axis, number in numbers.items() if number is not None}
        refuse(what, failures)
        return sizes

    def _unequal(self, given: Iterable[tuple[int, int, str, int]]) -> list[Failure]:
        """List sizes of arrays that are given, by their positions, which are not what they meet."""
        failures: list[Failure] = []
        first: dict[Size, tuple[int, str, int]] = {}
        for axis, number, where, place in given:
            size = self.circuit.apex.solution.of(Size.generator(axis))
            wanted, other, there = (size.number, "", 0) if size.number is not None else (
                first.setdefault(size, (number, where, place))
            )  # fmt: skip
            if number != wanted:
                why = f" because of {other}, axis {there}" if other else (
                    f" by {self.circuit.apex.axis_title(axis)}"
                )  # fmt: skip
                message = f"axis {place}: {number}, but {wanted} is expected{why}"
                failures.append(Failure("sizes", where, message))
        return failures

    def failures(self, *arrays: Any) -> list[Failure]:
        """List indices in some inputs that lie outside of their axis; these are clipped in a run.

        Parameters
        ----------
        *arrays
            The inputs, or the first of them.

        Examples
        --------
        >>> from catlearn.arrays import embed
        >>> fn = LoweredCircuit(embed("T", "V -> m"), {"V": 3, "m": 2})
        >>> print(fn.failures(np.array([0, 3]))[0])
        input 0: has the index 3, axis V has 3 [lookup]
        """
        sizes = {axis: self.circuit.apex.size_of(axis).number for axis in self._ranges}
        return self._outside(arrays, sizes)

    @property
    def _ranges(self) -> list[int]:
        """The axis of which each input holds indices."""
        H = self.circuit.apex
        return H.arrows["range"].values[H.arrows["type"].values[[*self.circuit.dom]]].tolist()

    def _outside(self, arrays: Sequence[Any], sizes: Mapping[int, int | None]) -> list[Failure]:
        """List indices outside of axes of these sizes; of arrays that are traced, check them."""
        H, found = self.circuit.apex, []
        for k, (row, axis, one) in enumerate(
            zip(self.circuit.dom, self._ranges, arrays, strict=False)
        ):
            size = sizes.get(axis)
            if H.types[row] != "N" or size is None:
                continue
            traced = isinstance(one, Tracer)
            values = jnp.ravel(one) if traced else np.ravel(one)
            outside = (values < 0) | (values >= size)
            message = f"has the index {{}}, axis {H.called(axis)} has {size}"
            if traced and values.size:
                first = values[jnp.argmax(outside)]
                checkify.check(~jnp.any(outside), f"input {k} {message}", first)
            elif not traced and outside.any():
                message = message.format(values[outside].tolist()[0])
                found.append(Failure("lookup", f"input {k}", message))
        return found

    def takes(self, count: int) -> None:
        """Refuse another number of arrays than the circuit takes."""
        if count != len(self.circuit.dom):
            message = f"takes {len(self.circuit.dom)} arrays, found {count}"
            raise fault("call", "arity", f"{self.circuit!r}", message)

    def values(self, params: Mapping[str, Any]) -> list[Any]:
        """Return the parameters in the order of :attr:`parameters`; list those that are missing.

        Others are not read.
        """
        values = [_leaf(params, name) for name in self.parameters]
        given = zip(self.parameters, values, strict=True)
        missing = [name for name, one in given if one is None]
        if missing:
            others = [name for name in _addresses(params) if name not in self.parameters]
            text = f"is missing; not read: {', '.join(others[:8])}" if others else "is missing"
            failures = [Failure("parameters", repr(name), text) for name in missing]
            refuse("parameters", failures)
        return values

    @called
    def __call__(self, params: Mapping[str, Any], *arrays: Any, key: Any = None) -> Any:
        """Return the outputs: an array, or a tuple of them.

        Parameters
        ----------
        params
            The parameters, as :meth:`init` returns them. Others may be given, too, such as those of
            a circuit of which this is a part.
        *arrays
            The inputs.
        key
            A random key; without one nothing is dropped.

        Raises
        ------
        InvalidStructure
            If inputs are no arrays of numbers, parameters are missing, or shapes do not agree,
            listing all.
        """
        expect(
            params,
            (Mapping, type(None)),
            "the first argument",
            "a dictionary of parameters, as init makes it",
        )
        if key is not None:
            expect(key, "dtype", "key", "a random key, such as jax.random.key(0)")
        self.takes(len(arrays))
        given = self.arrays((*arrays, *self.values(params)))
        shapes = [jnp.shape(one) for one in given]
        program = self.program(shapes)
        if self.check:
            refuse("this call", self._outside(given, self.sizes(shapes)))
        found = program.run(_functions(key, self._options), given)
        return found[0] if len(found) == 1 else tuple(found)

    def __repr__(self) -> str:
        return f"LoweredCircuit({self.circuit!r})"


def _array(value: Any) -> Any:
    """Return a value as an array; None if it is none."""
    if isinstance(value, (jax.Array, np.ndarray, np.generic)):
        return value
    if any(isinstance(one, str) for one in jax.tree.leaves(value)):  # JAX reads names of dtypes
        return None
    try:
        return jnp.asarray(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _space_arrays(space: AnySpace) -> list[AnySpace]:
    """Return the factors of a product, or the space itself."""
    return (
        [one for f in space.factors for one in _space_arrays(f)]
        if isinstance(space, Product)
        else [space]
    )


def _boundary(space: AnySpace, kinds: Sequence[str | None]) -> Circuit:
    """Return the identity on the arrays of a space, with its sizes."""
    draft, wires = Draft(), []
    for one, kind in zip(_space_arrays(space), kinds, strict=True):
        if isinstance(one, Categorical) and kind == "N":
            axis = draft.axis(None, Size.of(one.n))
            wires.append(draft.wire((), draft.type(None, axis)))
            continue
        axes = [draft.axis(None, Size.of(size)) for size in _shape(one)]
        wires.append(draft.wire(axes, draft.type(None)))
    return Circuit.of(draft, wires, wires)


def _shape(space: AnySpace) -> tuple[int, ...]:
    """Return the shape of an example: of its scores at a categorical space."""
    return (space.n,) if isinstance(space, Categorical) else tuple(space.example(1).shape[1:])


def _named(space: AnySpace) -> str:
    return f"space '{space.name}'" if is_named(space) else space.text


def _empty(space: AnySpace) -> list[Failure]:
    if 0 not in _shape(space):
        return []
    message = f"its shape {_shape(space)} has an axis of size 0; sizes of axes are at least 1"
    return [Failure("sizes", _named(space), message)]


def _numbered(circuit: Circuit) -> Circuit:
    """Return a circuit without the declared sizes that are numbers: axes have these themselves."""
    H, draft = circuit.apex, Draft.of(circuit.apex)
    values = [H.solution.of(Size.generator(-1 - row)) for row in range(len(draft.symbols))]
    kept = [row for row, value in enumerate(values) if value.number is None]
    known = {-1 - row: value for row, value in enumerate(values) if value.number is not None}
    known |= {-1 - row: Size.generator(-1 - place) for place, row in enumerate(kept)}

    def solved(sizes: frozenset[Size] | None) -> frozenset[Size] | None:
        return sizes and frozenset(one.substitute(known) for one in sizes)

    draft.axes = [(letter, solved(sizes)) for letter, sizes in draft.axes]
    draft.symbols = [(name, solved(value)) for name, value in map(draft.symbols.__getitem__, kept)]
    return Circuit.of(draft, circuit.dom, circuit.cod)


def at_ranks(circuit: Circuit, ranks: tuple[int, ...]) -> Circuit:
    """Return a circuit that is lifted to inputs of these ranks, and by an axis of examples."""
    draft = Draft()
    wires = [
        draft.wire([draft.axis(None) for _ in range(rank)], draft.type(None)) for rank in ranks
    ]
    return lift(Circuit.of(draft, wires, wires) >> circuit, "examples")


@functools.lru_cache(maxsize=256)
def _lowered(circuit: Circuit, ranks: tuple[int, ...]) -> LoweredCircuit:
    return LoweredCircuit(at_ranks(circuit, ranks))


@dataclass(frozen=True, eq=False)
class CircuitModel:
    """A circuit with its parameters, a function of a batch.

    Parameters
    ----------
    circuit
        The circuit, with the sizes of its edge.
    params
        Its parameters, nested by the parts of their names.

    Examples
    --------
    >>> from catlearn.arrays import linear
    >>> CircuitModel(linear("A", "m -> k"), {"A": jnp.ones((4, 2))})(jnp.ones((5, 4))).shape
    (5, 2)
    """

    circuit: Circuit
    params: Mapping[str, Any]

    def __call__(self, x: Any, key: Any = None) -> Any:
        """Return the values of a batch, in evaluation; with a key, those of training."""
        made = CircuitArchitecture(self.circuit)
        return made.run(self.params, x, key=key, train=key is not None)[0]

    def __repr__(self) -> str:
        return f"CircuitModel({self.circuit!r})"


@dataclass(frozen=True)
class CircuitArchitecture(Architecture):
    """A circuit of arrays as a model: its label is the circuit, without values.

    Parameters
    ----------
    circuit
        The circuit. What it draws, such as dropout, it draws in training alone. Inputs that are
        seeds of dropouts alone are drawn, too, one for each example.

    Examples
    --------
    >>> from catlearn.arrays import linear, relu
    >>> from catlearn.models import Model, Space
    >>> X, Y = Space("X", 4), Space("Y", 2)
    >>> circuit = linear("A", "m -> h") >> relu >> linear("B", "h -> k")
    >>> encoder = Model("encoder", X, Y, circuit, h=8)
    >>> params = encoder.architecture.init(jax.random.key(0), X, Y)
    >>> jax.tree.map(jnp.shape, params)
    {'A': (4, 8), 'B': (8, 2)}
    >>> encoder.architecture.apply(params, jnp.ones((5, 4))).shape
    (5, 2)
    """

    circuit: Circuit
    remedy = "a circuit is written for one example; the axis of examples is put in front"

    def between(self, source: AnySpace, target: AnySpace) -> CircuitArchitecture:
        """Return the circuit with the sizes of an edge from one space to another.

        Declared sizes that are numbers then have no names: ``-> k`` and ``-> b`` are one label.

        Raises
        ------
        InvalidStructure
            Listing numbers of arrays, ranks and sizes that do not agree.
        """
        types, ends, failures = self.circuit.apex.types, [], []
        seeds = [self.circuit.dom[k] for k in self.seeds]
        read = [row for row in self.circuit.dom if row not in seeds]
        whole = Circuit.of(Draft.of(self.circuit.apex), [*read, *seeds], self.circuit.cod)
        for space, rows, verb in ((source, read, "takes"), (target, self.circuit.cod, "returns")):
            spaces = _space_arrays(space)
            if len(spaces) != len(rows):
                message = f"it {verb} {len(rows)} arrays; {_named(space)} has {len(spaces)}"
                failures.append(Failure("arity", f"{self.circuit!r}", message))
                continue
            kinds = [types[row] if verb == "takes" else None for row in rows]
            failures += [failure for one in spaces for failure in _empty(one)]
            ends.append(_boundary(space, kinds))
        refuse("circuit", failures)
        found = compose(tensor(ends[0], *(idle for _ in seeds)), whole, ends[1])
        for space, end, wires, made, rows in (
            (source, ends[0], ends[0].dom, found.dom[: len(read)], read),
            (target, ends[1], ends[1].cod, found.cod, self.circuit.cod),
        ):
            for one, *places in zip(_space_arrays(space), wires, made, rows, strict=True):
                pairs = zip((end, found), places, strict=False)
                own, rank = (len(c.apex.lists["axes"].row(wire)) for c, wire in pairs)
                if own != rank:
                    (shown,), (here,) = self.circuit.shapes(places[-1:]), found.shapes(places[1:2])
                    lifted = (
                        "" if shown == here else f"is {here} here, lifted to the other space; it "
                    )
                    message = f"{lifted}has {rank} axes, an example of {_named(one)} has {own}"
                    failures.append(Failure("rank", shown, message))
        refuse("circuit", failures)
        return CircuitArchitecture(_numbered(found))

    def init(self, key: Any, source: AnySpace, target: AnySpace) -> Any:
        return LoweredCircuit(self.between(source, target).circuit).init(key)

    @cached_property
    def draws_whole(self) -> bool:
        """Whether boxes draw samples of whole arrays, and not by seeds and indices."""
        return any(not o.kernel.entry.deterministic for o in self.circuit.live().apex.operations)

    @property
    def parameter_free(self) -> bool:
        return not self.circuit.live().parameters

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """Which inputs are seeds: numbers that dropouts by indices read, and nothing else."""
        H = self.circuit.apex
        read: dict[int, list[bool]] = {wire: [] for wire in self.circuit.dom}
        for box, wires in enumerate(H.sides[0]):
            dropped = H.operations[box].kernel.name == "dropped"
            for place, wire in enumerate(wires):
                if wire in read:
                    read[wire].append(dropped and place == 1)
        return tuple(
            k for k, wire in enumerate(self.circuit.dom)
            if read[wire] and all(read[wire]) and wire not in self.circuit.cod
            and not len(H.lists["axes"].row(wire))
        )  # fmt: skip

    def seeded(self, key: Any, count: int) -> list[Any]:
        """Return seeds of examples, one array for each input that is one; without a key -1."""
        if key is None:
            return [jnp.full(count, -1) for _ in self.seeds]
        keys = [_folded(key, f"seed {k}") for k, _ in enumerate(self.seeds)]
        return [jax.random.randint(one, (count,), 0, 2**31 - 1) for one in keys]

    @property
    def accepts_key(self) -> bool:
        return self.draws_whole or bool(self.seeds)

    @property
    def has_modes(self) -> bool:
        return self.accepts_key

    def lowered(self, ranks: tuple[int, ...]) -> LoweredCircuit:
        """Return what runs for inputs of these ranks, and a batch of them."""
        return _lowered(self.circuit, ranks)

    def run(self, variables: Any, x: Any, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        types = self.circuit.apex.types
        arrays = list(jax.tree.leaves(x))
        if self.seeds and arrays:
            made = self.seeded(key if train else None, arrays[0].shape[0])
            for place, seed in zip(self.seeds, made, strict=True):
                arrays.insert(place, seed)
        for k, row in enumerate(self.circuit.dom[: len(arrays)]):
            if types[row] == "N" and jnp.issubdtype(arrays[k].dtype, jnp.floating):
                arrays[k] = jnp.argmax(arrays[k], axis=-1)
        fn = self.lowered(tuple(one.ndim - 1 for one in arrays))
        return fn(variables or {}, *arrays, key=key if train else None), None

    def rebuild(self, params: Any) -> CircuitModel:
        return CircuitModel(self.circuit, params)

    def parameters_of(self, value: Any) -> Any:
        return value.params if isinstance(value, CircuitModel) else value

    def __str__(self) -> str:
        return repr(self.circuit)


def _initialiser(label: str | None) -> tuple[Callable[..., Any], list[float]]:
    """Read the name of an initialiser, with numbers in brackets."""
    match = re.fullmatch(r"(\w+)(?:\(([^()]*)\))?", label or "lecun")
    name = match[1] if match else str(label)
    if match is None or name not in INITIALISERS:
        hint = did_you_mean(name, INITIALISERS)
        raise UnknownName(f"there is no initialiser {label!r}; {hint}")
    if (match[2] or "").count(",") + bool(match[2]) > OPTIONS.get(name, 0):
        raise CatlearnError(f"initialiser {label!r}: {name} takes {OPTIONS.get(name, 0)} numbers")
    try:
        return INITIALISERS[name], [float(x) for x in (match[2] or "").split(",") if x.strip()]
    except ValueError:
        raise CatlearnError(f"initialiser {label!r}: numbers are expected in brackets") from None


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by name as a dictionary that is nested by the parts of the names.

    Examples
    --------
    >>> nested({"layers/0/Q": 1, "layers/0/K": 2})
    {'layers': {'0': {'Q': 1, 'K': 2}}}
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        at = found
        *path, last = name.split("/")
        for part in path:
            at = at.setdefault(part, {})
        at[last] = value
    return found


def float_type(given: Any, name: str) -> Any:
    """Return a dtype of real numbers, or None where none is given; others are refused."""
    try:
        found = None if given is None else jnp.dtype(given)
    except (TypeError, ValueError):
        found = jnp.dtype(int)
    if found is not None and not jnp.issubdtype(found, jnp.floating):
        raise wrong_kind(given, name, "a dtype of real numbers, such as 'float32'")
    return found


def shapes_of(shapes: Any) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of arrays: of inputs, then of parameters; what are none is refused."""
    wanted = "a list of shapes, such as [(2, 8)]"
    expect(shapes, (list, tuple), "shapes", wanted)
    for shape in shapes:
        expect(shape, (list, tuple), "each of shapes", "a tuple of sizes, such as (2, 8)")
    return tuple(map(tuple, shapes))


def _addresses(params: Any, before: str = "") -> Iterator[str]:
    """The names of what is given as parameters."""
    for name, one in params.items() if isinstance(params, Mapping) else ():
        if isinstance(one, Mapping):
            yield from _addresses(one, f"{before}{name}/")
        else:
            yield f"{before}{name}"


def _leaf(params: Any, name: str) -> Any:
    for part in name.split("/"):
        if not isinstance(params, Mapping) or part not in params:
            return None
        params = params[part]
    return params
