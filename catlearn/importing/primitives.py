"""Primitives of JAX: the reading, the known value or the kernel that each of them is.

A handler takes the equation and what its arrays are, and returns what it makes, or None where the
primitive has no kernel; see :mod:`catlearn.importing.jaxpr` for what happens then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from math import isfinite, prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from catlearn.arrays.forms import Form, part
from catlearn.arrays.kernels import Function, Kernel
from catlearn.arrays.sizes import Size
from catlearn.importing.building import (
    INDEX,
    Builder,
    Condition,
    Index,
    Number,
    function_of,
    is_key,
    is_number,
    is_ordered,
    is_real,
    number_of,
)
from catlearn.importing.words import Value, bounds, met, refinement, word

ELEMENTWISE = {
    "exp": "exp",
    "log": "log",
    "tanh": "tanh",
    "logistic": "sigmoid",
    "erf": "erf",
    "neg": "neg",
    "abs": "abs",
    "sqrt": "sqrt",
    "sin": "sin",
    "cos": "cos",
    "square": "square",
    "stop_gradient": "stop",
}
"""The kernels that primitives of one array of real numbers are."""


_FUNCTIONS = """
    abs acos acosh add add_any and asin asinh atan atan2 atanh bessel_i0e bessel_i1e cbrt ceil
    clamp clz complex conj convert_element_type copy copy_p cos cosh digamma div eq eq_to erf
    erf_inv erfc exp exp2 expm1 floor ge gt igamma igamma_grad_a igammac imag integer_pow
    is_finite le le_to lgamma log log1p log2 logistic lt lt_to max min mul mulhi ne neg
    nextafter not one_minus_square or polygamma polynomial population_count pow real
    reduce_precision regularized_incomplete_beta rem round rsqrt select_n shift_left
    shift_right_arithmetic shift_right_logical sign sin sinh sqrt square stop_gradient sub tan
    tanh xor zeta
"""


FUNCTIONS = frozenset(_FUNCTIONS.split())
"""The primitives that are applied to each number."""


ALONG: dict[str, int | None] = {
    **dict.fromkeys((
        "cholesky", "eig", "eigh", "hessenberg", "householder_product", "lu", "qr", "schur", "svd",
        "triangular_solve", "tridiagonal",
    ), 2),
    **dict.fromkeys(("lu_pivots_to_permutation", "random_wrap", "tridiagonal_solve"), 1),
    **dict.fromkeys((
        "random_bits", "random_clone", "random_fold_in", "random_seed", "random_split",
        "random_unwrap", "threefry2x32",
    ), 0),
    **dict.fromkeys((
        "approx_top_k", "argmax", "argmin", "bitcast_convert_type", "concatenate",
        "conv_general_dilated", "cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp",
        "dot_general", "dynamic_slice", "dynamic_update_slice", "gather", "iota", "pad",
        "ragged_dot_general", "random_gamma", "reduce", "reduce_and", "reduce_max", "reduce_min",
        "reduce_or", "reduce_prod", "reduce_sum", "reduce_window", "reduce_window_max",
        "reduce_window_min", "reduce_window_sum", "reduce_xor", "rng_bit_generator", "scatter",
        "scatter-add", "scatter-max", "scatter-min", "scatter-mul", "scatter-sub",
        "select_and_gather_add", "select_and_scatter", "select_and_scatter_add", "slice", "sort",
        "split", "stack", "top_k",
    )),
}  # fmt: skip
"""The primitives that are functions along axes, where no kernel says more of them: of how many of
the last dimensions of the first array, for each index of the others; None where it is of all."""


def batch_of(eqn: Any) -> int | None:
    """Return how many dimensions of arrays are only indices of a function; None if it is opaque."""
    name, shapes = eqn.primitive.name, [one.aval.shape for one in (*eqn.invars, *eqn.outvars)]
    if name == "fft":
        return len(shapes[0]) - len(eqn.params["fft_lengths"])
    if name == "custom_linear_solve":
        return 0 if own_of(eqn.params["jaxprs"].solve) else None
    if name == "custom_jvp_call":
        return 0 if rule_of(eqn) else None
    if name == "call_hi_primitive":  # from JAX 0.12 on
        return 0 if type(eqn.params["_prim"]).__module__.startswith("jax.") else None
    if name not in ALONG:
        return None
    last = ALONG[name]
    count = 0 if last is None else len(shapes[0]) - last
    if "window_dimensions" in eqn.params:
        names = ("window_dimensions", "window_strides", "base_dilation", "window_dilation")
        own = [eqn.params[name] for name in names if eqn.params.get(name)]
        plain = [{*one[:-1]} == {1} and one[-1] == (0, 0)
                 for one in zip(*own, eqn.params["padding"], strict=True)]  # fmt: skip
        count = [*plain, False].index(False)
    return count if all(one[:count] == shapes[0][:count] for one in shapes) else 0


def bound(eqn: Any) -> Callable[..., Any]:
    """Return what evaluates an equation."""

    def call(*arrays: Any) -> Any:
        return eqn.primitive.bind(*arrays, **eqn.primitive.get_bind_params(eqn.params))

    return call


def call_of(eqn: Any) -> Callable[..., Any]:
    """Return what evaluates an equation, to one array or a list of several."""
    evaluate = bound(eqn)

    def call(*arrays: Any) -> Any:
        found = evaluate(*map(jnp.asarray, arrays))
        several = isinstance(found, list | tuple)
        return found[0] if several and len(found) == 1 else found

    return call


def rule_of(eqn: Any) -> str:
    """Return which function of JAX has the rule of an equation, if it is one."""
    return own_of(eqn.params["call_jaxpr"])


def own_of(inner: Any) -> str:
    """Return which function of JAX a jaxpr was traced of, if it is one of JAX."""
    about = (getattr(inner, "jaxpr", None) or inner).debug_info
    name, _, place = (about.func_src_info or "").partition(" at ")
    return name if "/jax/_src/" in place.replace("\\", "/") else ""


RULES: dict[str, Callable[..., Any]] = {
    "relu6": jax.nn.relu6,
    "log1mexp": jax.nn.log1mexp,
    "logaddexp": jnp.logaddexp,
    "logaddexp2": jnp.logaddexp2,
    "logit": jax.scipy.special.logit,
    "xlogy": jax.scipy.special.xlogy,
    "xlog1py": jax.scipy.special.xlog1py,
    "_xlogx": lambda x: -jax.scipy.special.entr(x),
    "_i0": jnp.i0,
    "log_ndtr": jax.scipy.special.log_ndtr,
    "poch": jax.scipy.special.poch,
    "zeta": jax.scipy.special.zeta,
    "expi": jax.scipy.special.expi,
    "hyp1f1": jax.scipy.special.hyp1f1,
}
"""Functions of JAX with a rule of their own that are applied to each number."""


def flops_of(eqn: Any) -> int:
    """Return about how many operations on numbers an equation takes; of loops, of all rounds."""
    name, params = eqn.primitive.name, eqn.params
    outs = sum(prod(getattr(var.aval, "shape", ())) for var in eqn.outvars)
    ins = max((prod(getattr(var.aval, "shape", ())) for var in eqn.invars), default=0)
    if name == "dot_general":
        (left, _), _ = params["dimension_numbers"]
        return 2 * outs * prod(eqn.invars[0].aval.shape[k] for k in left)
    if name == "conv_general_dilated":
        weights = eqn.invars[1].aval.shape
        return 2 * outs * prod(weights) // weights[params["dimension_numbers"].rhs_spec[0]]
    inner = [
        sum(map(flops_of, one.eqns))
        for one in core.jaxprs_in_params(params)
        for one in [getattr(one, "jaxpr", one)]
    ]
    if inner:
        return params.get("length", 1) * (max(inner) if name == "cond" else sum(inner))
    return max(ins, outs) if name.startswith(("reduce", "arg", "cum")) else outs


Found = Value | list[Value] | None


HANDLERS: dict[str, Callable[[Builder, Any, list[Value]], Found]] = {}


def handles(*names: str) -> Callable[[Any], Any]:
    """Register what imports primitives; it may return None where it does not."""

    def register(function: Any) -> Any:
        for name in names:
            HANDLERS[name] = function
        return function

    return register


@handles("broadcast_in_dim")
def _broadcast(self: Builder, eqn: Any, values: list[Value]) -> Found:
    shape = eqn.outvars[0].aval.shape
    return values[0].repeated(shape, eqn.params["broadcast_dimensions"])


@handles("tile")
def _tiled(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (value,), times = values, eqn.params["reps"]
    shape = [size for pair in zip(times, value.shape, strict=True) for size in pair]
    found = value.repeated(shape, range(1, len(shape), 2))
    return found.reshaped(eqn.outvars[0].aval.shape)


@handles("transpose")
def _transpose(self: Builder, eqn: Any, values: list[Value]) -> Found:
    return values[0].transposed(eqn.params["permutation"])


@handles("reshape", "squeeze", "expand_dims")
def _reshape(self: Builder, eqn: Any, values: list[Value]) -> Found:
    return values[0].reshaped(eqn.outvars[0].aval.shape)


@handles("device_put")
def _put(self: Builder, eqn: Any, values: list[Value]) -> Found:
    return values if all(one is None for one in eqn.params["devices"]) else None


@handles("copy", "copy_p", "name", "optimization_barrier")
def _same(self: Builder, eqn: Any, values: list[Value]) -> Found:
    return values


@handles("rev")
def _reversed(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (value,) = values
    for dimension in eqn.params["dimensions"]:
        size = value.shape[dimension]
        value = value.sliced(dimension, size - 1, size, -1) if size > 1 else value
    return value


@handles("slice")
def _slice(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (value,), shape = values, eqn.outvars[0].aval.shape
    if 0 in shape:
        return None
    strides = eqn.params["strides"] or (1,) * len(shape)
    for dimension, start in enumerate(eqn.params["start_indices"]):
        value = value.sliced(dimension, start, shape[dimension], strides[dimension])
    return value


@handles("iota")
def _iota(self: Builder, eqn: Any, values: list[Value]) -> Found:
    shape, dimension = eqn.outvars[0].aval.shape, eqn.params["dimension"]
    dtype = eqn.outvars[0].aval.dtype
    if values or 0 in shape or not (is_real(dtype) or jnp.issubdtype(dtype, jnp.integer)):
        return None
    found = Value(INDEX, tuple(map(word, shape)), ())
    places = found.places(dimension)
    form = Form.variable(places[0]) if places else Form()
    found = replace(found, forms=(form,))
    return self.converted(self.typed(found, np.dtype(jnp.result_type(int))), dtype) if (
        is_real(dtype)
    ) else found  # fmt: skip


def full(values: Iterable[Value], shape: Sequence[int]) -> list[Value]:
    """Return values at the dimensions of a shape: those without have none, and 1 is repeated."""
    return [
        one if one.shape == tuple(shape) else one.repeated(shape, range(len(one.words)))
        for one in values
    ]


@handles(*ELEMENTWISE)
def _elementwise(self: Builder, eqn: Any, values: list[Value]) -> Found:
    name, dtype = eqn.primitive.name, eqn.outvars[0].aval.dtype
    if name == "neg" and isinstance(values[0].source, Index):
        return _held(replace(values[0], forms=(values[0].forms[0].times(-1),)), dtype)
    if name == "stop_gradient" and not isinstance(values[0].source, int):
        return values[0]
    if not is_real(dtype) or not is_real(eqn.invars[0].aval.dtype):
        return None
    return self.applied(Kernel(ELEMENTWISE[name]), values, dtype)


@handles("add", "sub", "mul", "div", "rem", "add_any", "max", "min")
def _arithmetic(self: Builder, eqn: Any, values: list[Value]) -> Found:
    aval, name = eqn.outvars[0].aval, eqn.primitive.name
    values = full(values, aval.shape)
    if jnp.issubdtype(aval.dtype, jnp.signedinteger):
        return _held(_indices(name, values), aval.dtype)
    numbers = [number_of(one) for one in values]
    neutral = {"max": -np.inf, "min": np.inf, "mul": 1, "add": 0}
    if is_real(aval.dtype) and name in neutral and neutral[name] in numbers:
        return values[numbers[0] == neutral[name]]
    infinite = any(number is not None and not isfinite(number) for number in numbers)
    if (
        not is_real(aval.dtype)
        or infinite
        or name in ("rem", "min")
        or (numbers[1] == 0 and name == "div")
    ):
        return None
    kernel = {"max": "larger", "mul": "mul", "div": "mul"}.get(name, "add")
    if name in ("sub", "div"):
        other = values[1]
        if numbers[1] is None:
            own = "neg" if name == "sub" else "reciprocal"
            values[1] = self.applied(Kernel(own), [other], aval.dtype)
            if numbers[0] == (0 if name == "sub" else 1):
                return values[1]
        else:
            mean = self.mean(values[0], numbers[1]) if name == "div" else None
            if mean is not None:
                return mean
            value = -other.source.value if name == "sub" else 1 / other.source.value
            values[1] = replace(other, source=Number(np.asarray(value, aval.dtype)))
    return self.applied(Kernel(kernel), values, aval.dtype)


def _held(found: Value | None, dtype: Any) -> Value | None:
    """Return indices whose type holds all of them; others wrap around where they are computed."""
    ends = found and bounds(found.forms[0], found.sizes)
    most = jnp.iinfo(dtype)
    return found if ends and most.min <= ends[0] and ends[1] <= most.max else None


def _indices(name: str, values: Sequence[Value]) -> Value | None:
    """Compute with indices and integers that are known."""
    if not all(isinstance(one.source, Index | Number) for one in values):
        return None
    first, second = met(values)
    forms = [
        one.forms[0] if isinstance(one.source, Index) else Form.number(int(one.source.value))
        for one in (first, second)
    ]
    number = number_of(second)
    if name in ("add", "sub"):
        form = forms[0] + forms[1].times(-1 if name == "sub" else 1)
    elif name == "mul" and None in (number_of(first), number):
        number = number_of(first) if number is None else number
        if number is None:
            return None
        form = forms[0 if number_of(first) is None else 1].times(int(number))
    elif name in ("div", "rem") and number is not None and number > 0:
        least = bounds(forms[0], first.sizes)
        if least is None or least[0] < 0:
            return None
        kind, sizes = "div" if name == "div" else "mod", first.sizes
        lengths = {v: Size.of(size) for v, size in enumerate(sizes)}
        form = part(kind, forms[0], Size.of(int(number)), lengths)
    else:
        return None
    return Value(INDEX, first.words, (form,))


@handles("eq", "ne", "lt", "le", "gt", "ge")
def _compared(self: Builder, eqn: Any, values: list[Value]) -> Found:
    values = full(values, eqn.outvars[0].aval.shape)
    name = {"lt": "gt", "le": "ge"}.get(eqn.primitive.name, eqn.primitive.name)
    difference = _indices("sub", values[::-1] if name != eqn.primitive.name else values)
    if difference is None:
        return None
    (form,) = difference.forms
    forms = (form, form.times(-1)) if name in ("eq", "ne") else (form,)
    if name == "gt":
        forms = (form + Form.number(-1),)
    ends = [bounds(one, difference.sizes) for one in forms]
    if any(one is not None and one[1] < 0 for one in ends):
        return Value(Number(np.asarray(name == "ne")), difference.words)
    if all(one is not None and one[0] >= 0 for one in ends):
        return Value(Number(np.asarray(name != "ne")), difference.words)
    return Value(Condition(name == "ne"), difference.words, forms)


@handles("not")
def _not(self: Builder, eqn: Any, values: list[Value]) -> Found:
    return _negated(values[0]) if isinstance(values[0].source, Condition) else None


def _negated(value: Value) -> Value:
    """Return where a condition does not hold; of one form by its negative."""
    if len(value.forms) == 1 and not value.source.negated:
        return replace(value, forms=(value.forms[0].times(-1) + Form.number(-1),))
    return replace(value, source=Condition(not value.source.negated))


@handles("and", "or")
def _both(self: Builder, eqn: Any, values: list[Value]) -> Found:
    aval = eqn.outvars[0].aval
    if aval.dtype != np.bool_:
        return None
    values, either = full(values, aval.shape), eqn.primitive.name == "or"
    for k, one in enumerate(values):
        if isinstance(one.source, Number):
            return values[1 - k] if bool(one.source.value) != either else one
    if not all(isinstance(one.source, Condition) for one in values):
        return None
    first, second = met([_negated(one) for one in values] if either else values)
    if first.source.negated or second.source.negated:
        return None
    found = Value(Condition(), first.words, (*first.forms, *second.forms))
    return _negated(found) if either else found


@handles("select_n")
def _select(self: Builder, eqn: Any, values: list[Value]) -> Found:
    aval = eqn.outvars[0].aval
    if len(values) != 3:
        return None
    mask, other, one = full(values, aval.shape)
    if aval.dtype == np.bool_ and {number_of(one), number_of(other)} == {True, False}:
        if number_of(one):
            return mask
        return _negated(mask) if isinstance(mask.source, Condition) else None
    if isinstance(mask.source, Number):
        return one if mask.source.value else other
    if not is_real(aval.dtype):
        return self.wrapped(mask, other, one)
    if isinstance(mask.source, Condition):
        if mask.source.negated:
            mask, one, other = _negated(mask), other, one
        plain = number_of(one) is None or isfinite(number_of(one) or 0)
        if (
            len(mask.forms) == 1
            and number_of(one) is not None
            and not (plain and number_of(other) is not None)
        ):
            mask, one, other = _negated(mask), other, one
        start, number = number_of(one), number_of(other)
        if number is not None and start is not None and isfinite(start):
            return self.indicated(mask, start, number)
        if number is not None and isinstance(one.source, int):
            mask, one = met([mask, one])
            return self.masked(one, mask.forms, number, aval.dtype)
    if isinstance(one.source, Number) and not isinstance(other.source, Number):
        call = jnp.logical_not
        flipped = self.applied(function_of("not(_)", call), [mask], np.dtype(bool), "not")
        mask, one, other = flipped, other, one
    number = number_of(other)
    if number is None or (isinstance(one.source, Number) and not isfinite(number_of(one) or 0)):
        return None
    kernel = Kernel("where", (("outside", float(number)),))
    return self.applied(kernel, [mask, one], aval.dtype)


@handles("convert_element_type")
def _convert(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (value,), new, old = values, eqn.params["new_dtype"], eqn.invars[0].aval.dtype
    integers = all(jnp.issubdtype(one, jnp.signedinteger) for one in (old, new))
    if new == old:
        return value
    if integers and isinstance(value.source, Index) and _held(value, new) is not None:
        return value
    if isinstance(value.source, Number):
        return replace(value, source=Number(value.source.value.astype(new)))
    if is_real(new) and isinstance(value.source, Condition):
        one, other = (0.0, 1.0) if value.source.negated else (1.0, 0.0)
        return self.indicated(value, one, other)
    if is_real(new) and old == np.bool_ and new == jnp.result_type(float):
        return self.applied(Kernel("indicator"), [value], new)
    return self.converted(self.typed(value, old), new)


@handles("one_minus_square")
def _without_square(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (value,), dtype = values, eqn.outvars[0].aval.dtype
    if not is_real(dtype) or not isinstance(value.source, int):
        return None
    for kernel in ("square", "neg"):
        value = self.applied(Kernel(kernel), [value], dtype)
    one = Value(Number(np.ones((), dtype)), ()).repeated(value.shape, ())
    return self.applied(Kernel("add"), [one, value], dtype)


@handles("dropout")
def _dropped(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (value,), rate = values, eqn.params["rate"]
    every = range(len(value.sizes))
    (made,) = self.box(
        Kernel("dropout", (("rate", rate),)), [self.read(value)], value.sizes, [every],
        [eqn.outvars[0].aval.dtype], title="dropout",
    )  # fmt: skip
    return Value(made, value.words, tuple(map(Form.variable, every)))


@handles("integer_pow", "pow", "rsqrt", "exp2")
def _power(self: Builder, eqn: Any, values: list[Value]) -> Found:
    dtype, value = eqn.outvars[0].aval.dtype, values[0]
    if not is_real(dtype) or not isinstance(value.source, int):
        return None
    exponent = -0.5
    if eqn.primitive.name != "rsqrt":
        exponent = eqn.params.get("y") if len(values) == 1 else number_of(values[1])
    steps = {
        -2: ("reciprocal", "square"), -1: ("reciprocal",), -0.5: ("sqrt", "reciprocal"),
        0.5: ("sqrt",), 1: (), 2: ("square",), 4: ("square", "square"),
    }  # fmt: skip
    if exponent == 3:
        return self.applied(
            Kernel("mul"), [value, self.applied(Kernel("square"), [value], dtype)], dtype
        )
    if exponent not in steps or eqn.primitive.name == "exp2":
        return None
    for kernel in steps[exponent]:
        value = self.applied(Kernel(kernel), [value], dtype)
    return value


@handles("dot_general")
def _contraction(self: Builder, eqn: Any, values: list[Value]) -> Found:
    aval = eqn.outvars[0].aval
    dtypes = [atom.aval.dtype for atom in eqn.invars]
    if not all(map(is_number, (*dtypes, aval.dtype))):
        return None
    (left, right), (first, second) = eqn.params["dimension_numbers"]
    shapes = [atom.aval.shape for atom in eqn.invars]
    pairs = [[*left, *first], [*right, *second]]
    words: list[list[Any]] = [list(one.words) for one in values]
    for one, other in zip(*pairs, strict=True):
        common = refinement([words[0][one], words[1][other]])
        found = word(shapes[0][one]) if common is None else common
        words[0][one] = words[1][other] = found
    values = [one.at_words(own) for one, own in zip(values, words, strict=True)]
    values = [
        self.converted(one, aval.dtype) if dtype != aval.dtype else one
        for one, dtype in zip(values, dtypes, strict=True)
    ]
    free = [[k for k in range(len(shape)) if k not in own]
            for shape, own in zip(shapes, pairs, strict=True)]  # fmt: skip
    out = [words[0][k] for k in (*first, *free[0])] + [words[1][k] for k in free[1]]
    summed = [words[0][k] for k in left]
    whole = Value(None, (*out, *summed))
    start, batch = len(out), len(first)
    at = [
        {**{k: start + j for j, k in enumerate(left)}, **{k: j for j, k in enumerate(first)},
         **{k: batch + j for j, k in enumerate(free[0])}},
        {**{k: start + j for j, k in enumerate(right)}, **{k: j for j, k in enumerate(second)},
         **{k: batch + len(free[0]) + j for j, k in enumerate(free[1])}},
    ]  # fmt: skip
    operands = [_placed(self, *one, whole) for one in zip(values, at, strict=True)]
    letters = {}
    for dimensions, own in zip(at, _einsum_letters(eqn), strict=True):
        for k, letter in enumerate(own):
            places = whole.places(dimensions[k])
            letters |= {v: f"{letter}{j or ''}" for j, v in enumerate(places)}
    return self.summed(operands, whole, len(out), aval.dtype, "dot_general", letters)


def _placed(
    self: Builder, value: Value, dimensions: Mapping[int, int], whole: Value
) -> tuple[int, list[Form]]:
    """Return an array of the circuit, read at the variables of other dimensions."""
    moved = [Form.variable(v) for k in range(len(value.words)) for v in whole.places(dimensions[k])]
    wire, forms = self.read(value)
    return wire, [form.substitute(moved) for form in forms]


def _einsum_letters(eqn: Any) -> tuple[str, str]:
    """Return the letters of the dimensions of two arrays that einsum multiplies, if they are."""
    text = str(eqn.source_info.name_stack).rpartition("/")[2].replace(" ", "")
    sides = text.partition("->")[0].split(",")
    (left, right), (first, second) = eqn.params["dimension_numbers"]
    for one, other in (sides, sides[::-1]) if len(sides) == 2 else ():
        ranks = [len(atom.aval.shape) for atom in eqn.invars]
        if [len(one), len(other)] != ranks or not (one + other).isalpha():
            continue
        pairs = [
            (one[a], other[b]) for a, b in zip((*left, *first), (*right, *second), strict=True)
        ]
        if all(a == b for a, b in pairs) and len({*one} & {*other}) == len(pairs):
            return one, other
    return "", ""


@handles("reduce_and", "reduce_or")
def _every(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (value,), dtype = values, np.dtype(jnp.result_type(float))
    if eqn.outvars[0].aval.dtype != np.bool_:
        return None
    found = self.applied(Kernel("indicator"), [self.typed(value, np.dtype(bool))], dtype)
    kernel = "max" if eqn.primitive.name == "reduce_or" else "min"
    found = self.over(kernel, found, eqn.params["axes"], dtype)
    return self.applied(function_of("is not 0", jnp.bool_), [found], np.dtype(bool), "is not 0")


@handles("reduce_sum", "reduce_max", "reduce_min", "reduce_prod")
def _reduced(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (value,), aval = values, eqn.outvars[0].aval
    name: str = eqn.primitive.name.removeprefix("reduce_")
    if not (is_number if name in ("sum", "prod") else is_ordered)(aval.dtype):
        return None
    kernel = {"sum": "contraction", "prod": "product"}.get(name, name)
    return self.over(kernel, value, eqn.params["axes"], aval.dtype)


@handles("argmax", "argmin")
def _place(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (value,), aval, (axis,) = values, eqn.outvars[0].aval, eqn.params["axes"]
    kept = [k for k in range(len(value.words)) if k != axis]
    length = value.shape[axis]
    if not isinstance(value.source, int) or length == 1:
        return None
    value = value.transposed([*kept, axis])
    value = value.at_words([*value.words[:-1], word(length)])
    target = len(value.sizes) - 1
    writes = sorted({v for form in value.forms for v in form.variables} - {target})
    default = np.dtype(jnp.result_type(int))
    (made,) = self.box(
        Kernel(eqn.primitive.name), [(value.source, value.forms)], value.sizes, [writes],
        [default], [target], title=eqn.primitive.name,
    )  # fmt: skip
    self.looked_up(made, self.writer(made).vars[-1])
    self.natural[made] = length
    out = Value(made, value.words[:-1], tuple(map(Form.variable, writes)))
    return out if aval.dtype == default else self.converted(out, aval.dtype)


@handles("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp")
def _sums(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (value,), aval, axis = values, eqn.outvars[0].aval, eqn.params["axis"]
    name = eqn.primitive.name
    known = (is_number if name in ("cumsum", "cumprod") else is_ordered)(aval.dtype)
    if not known or not isinstance(value.source, int):
        return None
    size, turned = value.shape[axis], eqn.params["reverse"] and value.shape[axis] > 1
    value = value.sliced(axis, size - 1, size, -1) if turned else value
    value = value.at_words([
        word(value.shape[k]) if k == axis else own for k, own in enumerate(value.words)
    ])  # fmt: skip
    targets = [*value.places(axis)]
    used = sorted({v for form in value.forms for v in form.variables} | {*targets})
    if not targets:
        return value
    (made,) = self.box(
        Kernel(name), [(value.source, value.forms)], value.sizes, [used], [aval.dtype],
        targets, title=name,
    )  # fmt: skip
    found = Value(made, value.words, tuple(map(Form.variable, used)))
    return found.sliced(axis, size - 1, size, -1) if turned else found


@handles("top_k")
def _greatest(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (value,), (aval, places), count = values, (v.aval for v in eqn.outvars), eqn.params["k"]
    axis = len(value.words) - 1
    if (
        not is_ordered(aval.dtype)
        or not isinstance(value.source, int)
        or places.dtype != np.int32
        or value.shape[axis] == 1
        or eqn.params.get("axis", axis) != axis
    ):
        return None
    value = value.at_words([*value.words[:-1], word(value.shape[axis])])
    old, new = len(value.sizes) - 1, len(value.sizes)
    writes = [*sorted({v for form in value.forms for v in form.variables} - {old}), new]
    outs = self.box(
        Kernel("top_k"), [(value.source, value.forms)], [*value.sizes, count], [writes] * 2,
        [aval.dtype, places.dtype], [old, new], title="top_k",
    )  # fmt: skip
    box = self.writer(outs[1])
    self.looked_up(outs[1], box.vars[box.operation.targets[0]])
    self.natural[outs[1]] = value.shape[axis]
    words = (*value.words[:-1], word(count))
    shown = Value(None, words).places(axis)
    forms = tuple(Form.variable(v) for v in writes[:-1])
    last = Form.variable(shown[0]) if shown else Form()
    return [Value(out, words, (*forms, last)) for out in outs]


def _windows(
    self: Builder, value: Value, dtype: Any, out: Sequence[int], windows: Sequence[Any],
    outside: float,
) -> tuple[Value, int] | None:  # fmt: skip
    """Return windows of an array: its dimensions, then those inside of windows that are longer.

    Parameters
    ----------
    out
        How many windows there are along each dimension.
    windows
        For each dimension the length of a window, its stride, its dilation, by how much windows
        reach over the beginning, and by how many numbers apart the entries of the array are.

    Returns
    -------
    tuple
        The array, and how many dimensions are inside of windows.
    """
    wire = self.whole(value, dtype)
    inside = [k for k, one in enumerate(windows) if one[0] > 1]
    for k, (*_, apart) in enumerate(windows):
        if apart > 1:
            wire = self.apart(wire, k, apart)
    shape = [self.sizes[axis] for axis in self.draft.wires[wire].axes]
    sizes = [*out, *(windows[k][0] for k in inside)]
    forms = []
    for k, (length, stride, dilation, low, _) in enumerate(windows):
        form = (Form.variable(k).times(stride) if out[k] > 1 else Form()) + Form.number(-low)
        if length > 1:
            form = form + Form.variable(len(out) + inside.index(k)).times(dilation)
        if form.wiring is not None and out[k] > shape[k]:
            return None
        forms.append(form)
    words = tuple(map(word, sizes))
    kept = [k for k, size in enumerate(sizes) if size > 1]
    moved = [Form.variable(kept.index(k)) if k in kept else Form() for k in range(len(sizes))]
    if not any(
        length > 1 or low or out[k] > shape[k] for k, (length, _, _, low, _) in enumerate(windows)
    ):
        return Value(wire, words, tuple(form.substitute(moved) for form in forms)), 0
    (made,) = self.box(
        Kernel("view"), [(wire, [form.substitute(moved) for form in forms])],
        [sizes[k] for k in kept], [range(len(kept))], [dtype], outside=outside, title="windows",
        kind=self.draft.wires[wire].type,
    )  # fmt: skip
    return Value(made, words, tuple(map(Form.variable, range(len(kept))))), len(inside)


def _reached(size: int, out: int, window: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Return a window without what reads outside, if there is one, and how much is left out first.

    A window that is longer than the axis would be a variable of another size.
    """
    length, stride, dilation, low, apart = window
    first, last = max(0, -(-low // dilation)), min(length - 1, (size - 1 + low) // dilation)
    if out > 1 or apart > 1 or first > last:
        return 0, window
    return first, (last - first + 1, stride, dilation, low - first * dilation, apart)


@handles("conv_general_dilated")
def _convolution(self: Builder, eqn: Any, values: list[Value]) -> Found:
    aval, params = eqn.outvars[0].aval, eqn.params
    dtypes = [atom.aval.dtype for atom in eqn.invars]
    groups, numbers = int(params["feature_group_count"]), params["dimension_numbers"]
    if not all(map(is_real, (*dtypes, aval.dtype))):
        return None
    values = [
        self.converted(one, aval.dtype) if dtype != aval.dtype else one
        for one, dtype in zip(values, dtypes, strict=True)
    ]
    (batch, channel, *space), (_, _, *out_space) = numbers.lhs_spec, numbers.out_spec
    weights = values[1].transposed(numbers.rhs_spec)
    out = [*values[0].shape]
    windows: list[tuple[int, ...]] = [(1, 1, 1, 0, 1) for _ in out]
    settings = (params["window_strides"], params["rhs_dilation"],
                [low for low, _ in params["padding"]], params["lhs_dilation"])  # fmt: skip
    for k, there, length, *own in zip(space, out_space, weights.shape[2:], *settings, strict=True):
        stride, dilation, low, apart = map(int, own)
        out[k], window = aval.shape[there], (length, stride, dilation, low, apart)
        first, windows[k] = _reached(values[0].shape[k], out[k], window)
        weights = weights.sliced(2 + space.index(k), first, windows[k][0], 1)
    found = _windows(self, values[0], aval.dtype, out, windows, 0.0)
    if found is None:
        return None
    value, inside = found
    rank = len(out)
    # batch, groups, channels, windows, and what is inside of them
    value = value.transposed([batch, channel, *space, *range(rank, rank + inside)])
    shape, count = value.shape, len(space)
    if params["batch_group_count"] > 1:
        groups = int(params["batch_group_count"])
        value = value.reshaped([groups, shape[0] // groups, *shape[1:]])
        value = value.transposed([1, 0, *range(2, len(shape) + 1)])
    else:
        value = value.reshaped([shape[0], groups, shape[1] // groups, *shape[2:]])
    new, channels, *lengths = weights.shape
    lengths = [length for length in lengths if length > 1]
    weights = weights.reshaped([groups, new // groups, channels, *lengths])
    pairs = [(1, 0), (2, 2), *((3 + count + j, 3 + j) for j in range(inside))]
    words = [[*value.words], [*weights.words]]
    for one, other in pairs:
        common = refinement([words[0][one], words[1][other]])
        if common is None:
            return None
        words[0][one] = words[1][other] = common
    value, weights = value.at_words(words[0]), weights.at_words(words[1])
    order = [0, 1, *range(3, 3 + count)]
    kept = (words[0][k] for k in order)
    whole = Value(None, (*kept, words[1][1], words[0][2], *words[0][3 + count :]))
    new = len(order)
    at = [
        {**{k: j for j, k in enumerate(order)}, 2: new + 1,
         **{3 + count + j: new + 2 + j for j in range(inside)}},
        {0: 1, 1: new, 2: new + 1, **{3 + j: new + 2 + j for j in range(inside)}},
    ]  # fmt: skip
    operands = []
    for one, dimensions in zip((value, weights), at, strict=True):
        moved = [
            Form.variable(v) for k in range(len(one.words)) for v in whole.places(dimensions[k])
        ]
        wire, forms = self.read(one)
        operands.append((wire, [form.substitute(moved) for form in forms]))
    made = self.summed(operands, whole, new + 1, aval.dtype, "conv")
    made = made.transposed([0, 1, new, *range(2, new)])
    made = made.reshaped([made.shape[0], made.shape[1] * made.shape[2], *made.shape[3:]])
    turn = [0] * len(numbers.out_spec)
    for k, there in enumerate(numbers.out_spec):
        turn[there] = k
    return made.transposed(turn)


@handles("reduce_window_max", "reduce_window_sum", "reduce_window_min")
def _pooled(self: Builder, eqn: Any, values: list[Value]) -> Found:
    aval, params = eqn.outvars[0].aval, eqn.params
    kind = eqn.primitive.name.removeprefix("reduce_window_")
    if not (is_number if kind == "sum" else is_real)(aval.dtype):
        return None
    outside = {"max": -np.inf, "min": np.inf, "sum": 0.0}[kind]
    settings = (params["window_dimensions"], params["window_strides"], params["window_dilation"],
                [low for low, _ in params["padding"]], params["base_dilation"])  # fmt: skip
    if any(one != 1 for one in params["base_dilation"]) and kind != "sum":
        return None
    windows = [
        _reached(size, out, tuple(map(int, one)))[1]
        for size, out, one in zip(
            values[0].shape, aval.shape, zip(*settings, strict=True), strict=True
        )
    ]
    # as extremes of an array that is split equal ones would share the gradient; the first has it
    lengths = zip(values[0].shape, aval.shape, windows, strict=True)
    if kind != "sum" and any(
        length > 1 and (out == 1 or (stride, by, low, out * length) == (length, 1, 0, size))
        for size, out, (length, stride, by, low, _) in lengths
    ):
        return None
    found = _windows(self, values[0], aval.dtype, aval.shape, windows, outside)
    if found is None or found[1] == 0:
        return found and found[0]
    value, inside = found
    kept = len(value.words) - inside
    if kind == "sum":
        return self.summed([self.read(value)], value, kept, aval.dtype, "pool")
    writes, targets = value.places(0), []
    split = sum(map(len, value.words[:kept]))
    writes, targets = range(split), range(split, len(value.sizes))
    (made,) = self.box(
        Kernel(kind), [self.read(value)], value.sizes, [writes], [aval.dtype], targets, title="pool"
    )
    return Value(made, value.words[:kept], tuple(map(Form.variable, writes)))


@handles("concatenate")
def _concatenated(self: Builder, eqn: Any, values: list[Value]) -> Found:
    aval, axis = eqn.outvars[0].aval, eqn.params["dimension"]
    if axis != len(aval.shape) - 1 or is_real(aval.dtype) or any(v.shape[axis] > 1 for v in values):
        return None if is_key(aval) else self.joined(values, axis, aval.dtype)
    # indices of several axes of an array, side by side
    label = Function(f"concatenate {[one.shape for one in values]}", call_of(eqn))
    found = self.opaque(label, values, [aval.dtype] * len(values), [aval], "concatenate", 0)
    self.parts[found[0].source] = [one.reshaped(one.shape[:-1]) for one in values]
    return found


@handles("split")
def _split(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (value,), axis, start, found = values, eqn.params["axis"], 0, []
    if 0 in eqn.params["sizes"]:
        return None
    for size in map(int, eqn.params["sizes"]):
        found.append(value.sliced(axis, start, size, 1))
        start += size
    return found


@handles("unstack")
def _unstacked(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (value,), axis = values, eqn.params["axis"]
    shape = [size for k, size in enumerate(value.shape) if k != axis]
    return [value.sliced(axis, k, 1, 1).reshaped(shape) for k in range(value.shape[axis])]


@handles("stack")
def _stacked(self: Builder, eqn: Any, values: list[Value]) -> Found:
    aval, axis = eqn.outvars[0].aval, eqn.params["axis"]
    if is_key(aval):
        return None
    shape = [1 if k == axis else size for k, size in enumerate(aval.shape)]
    return self.joined([one.reshaped(shape) for one in values], axis, aval.dtype)


@handles("pad")
def _padded(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (value, outside), aval = values, eqn.outvars[0].aval
    config = eqn.params["padding_config"]
    number = number_of(outside)
    several = any(between and value.shape[k] > 1 for k, (*_, between) in enumerate(config))
    if not isinstance(outside.source, Number) or (several and number is None):
        return None
    for axis, (low, high, between) in enumerate(config):
        if between and value.shape[axis] > 1:
            wire = self.whole(value, aval.dtype)
            value = self.of_wire(self.apart(wire, axis, int(between) + 1, number or 0.0))
        low, high = int(low), int(high)
        size = value.shape[axis] + min(low, 0) + min(high, 0)
        value = value.sliced(axis, max(0, -low), size, 1)
        shape, parts = [*value.shape], [value]
        for count, at in ((low, 0), (high, 2)):
            shape[axis] = max(count, 0)
            if count > 0:
                parts.insert(at, Value(outside.source, ()).repeated(shape, ()))
        value = self.joined(parts, axis, aval.dtype) if len(parts) > 1 else value
    return value


@handles("custom_jvp_call")
def _ruled(self: Builder, eqn: Any, values: list[Value]) -> Found:
    name, aval = rule_of(eqn), eqn.outvars[0].aval
    if name == "relu" and is_real(aval.dtype):
        return self.applied(Kernel("relu"), values, aval.dtype)
    if name == "logaddexp" and number_of(values[1]) == 0:
        return self.applied(Kernel("softplus"), values[:1], aval.dtype)
    if name not in RULES:
        return None
    values = [self.typed(one, aval.dtype) for one in full(values, aval.shape)]
    return self.applied(function_of(name, RULES[name]), values, aval.dtype, name)
