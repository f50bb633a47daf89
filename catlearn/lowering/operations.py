r"""Counting the operations of a JAX function, and what its reverse pass keeps, by its jaxpr.

The function is traced on shapes alone; nothing runs. Floating-point operations are counted for
each primitive of the trace:

* a contraction (``dot_general``) of sizes m, k, n counts ``2 m k n``;
* a convolution counts 2 for each element of the output and each weight of a window (windows that
  hang over the border are counted whole);
* a reduction counts one operation for each element that it merges away;
* any other arithmetic counts one for each element of its output, transcendental or not;
* what moves data (reshaping, slicing, gathering, conversion of type, random bits) counts nothing.

The body of a loop counts as often as it runs; of a ``while`` whose length is not known, once; of
the branches of a ``cond``, the dearest one. XLA's own analysis (``jax.jit(f).lower(...)
.cost_analysis()``) counts the same way up to three points: transcendental functions are listed
apart, windows that hang over the border are counted in part, and comparisons that were simplified
away are not there.

>>> import jax, jax.numpy as jnp
>>> x, w = jax.ShapeDtypeStruct((8, 64), "f4"), jax.ShapeDtypeStruct((64, 32), "f4")
>>> count_operations(lambda x, w: jnp.tanh(x @ w), x, w)
33024
>>> 2 * 8 * 64 * 32 + 8 * 32
33024
>>> kept_bytes(lambda w, x: x @ w, w, x) == 4 * 8 * 64  # the gradient of w needs x
True
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

# fmt: off
_MOVES = frozenset(
    (
        "reshape", "broadcast_in_dim", "transpose", "squeeze", "expand_dims", "rev",
        "concatenate", "pad", "slice", "dynamic_slice", "dynamic_update_slice", "gather",
        "convert_element_type", "bitcast_convert_type", "iota", "copy", "stop_gradient",
        "device_put", "select_n", "optimization_barrier", "random_bits", "random_seed",
        "random_wrap", "random_unwrap", "random_fold_in", "random_split", "random_clone",
        "threefry2x32", "split", "sharding_constraint", "pvary",
    )
)
_REDUCTIONS = frozenset(
    (
        "reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_and", "reduce_or",
        "reduce_xor", "argmax", "argmin", "reduce",
    )
)
# fmt: on


def count_operations(fn: Callable[..., Any], *args: Any) -> int:
    """Return how many floating-point operations one call of a function makes.

    Parameters
    ----------
    fn
        A function that JAX can trace.
    *args
        Its arguments, or their shapes (``jax.ShapeDtypeStruct``), in any pytrees.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> count_operations(lambda x: jnp.sum(x * x), jax.ShapeDtypeStruct((100,), "f4"))
    199
    """
    return _count(jax.make_jaxpr(fn)(*args))


def kept_bytes(fn: Callable[[Any, Any], Any], params: Any, x: Any, trains: bool = True) -> int:
    """Return how many bytes the reverse pass of ``fn(params, x)`` keeps, parameters not counted.

    Parameters
    ----------
    fn
        A differentiable function of parameters and an input.
    params, x
        Shapes of its arguments.
    trains
        Whether gradients go to the parameters, or to the input alone.
    """
    leaves, tree = jax.tree.flatten((params, x))
    first = len(jax.tree.leaves(params))
    moving = [
        k
        for k, leaf in enumerate(leaves)
        if jnp.issubdtype(leaf.dtype, jnp.inexact) and (trains or k >= first)
    ]
    still = [k for k in range(len(leaves)) if k not in moving]

    def pullback(values: list[Any], others: list[Any]) -> Any:
        def run(values: list[Any]) -> Any:
            both = dict(zip([*moving, *still], [*values, *others], strict=True))
            return fn(*jax.tree.unflatten(tree, [both[k] for k in range(len(leaves))]))

        return jax.vjp(run, values)[1]

    traced = jax.make_jaxpr(pullback)([leaves[k] for k in moving], [leaves[k] for k in still])
    inside = _open(traced)
    free = {v for v, k in zip(inside.invars, [*moving, *still], strict=True) if k < first}
    kept = {v for v in inside.outvars if isinstance(v, core.Var)} - free
    return sum(size_of(v.aval) for v in kept)


def size_of(tree: Any) -> int:
    """Return the bytes of all arrays, or shapes, in a tree.

    Examples
    --------
    >>> size_of({"w": jax.ShapeDtypeStruct((3, 4), "f4"), "b": jax.ShapeDtypeStruct((4,), "f8")})
    80
    """
    return sum(
        math.prod(leaf.shape) * getattr(leaf.dtype, "itemsize", 8) for leaf in jax.tree.leaves(tree)
    )


def _open(jaxpr: Any) -> Any:
    """The jaxpr inside a closed one (in newer versions they are one class)."""
    return getattr(jaxpr, "jaxpr", jaxpr)


def _count(jaxpr: Any) -> int:
    return sum(_count_equation(equation) for equation in _open(jaxpr).eqns)


def _count_equation(equation: Any) -> int:
    name, given = equation.primitive.name, equation.params
    if name in _MOVES:
        return 0
    inputs, outputs = ([math.prod(v.aval.shape) for v in vs if hasattr(v.aval, "shape")]
                       for vs in (equation.invars, equation.outvars))  # fmt: skip
    match name:
        case "dot_general":
            (contracted, _), _ = given["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            return 2 * outputs[0] * math.prod(shape[k] for k in contracted)
        case "conv_general_dilated":
            kernel = equation.invars[1].aval.shape
            out_features = kernel[given["dimension_numbers"].rhs_spec[0]]
            return 2 * outputs[0] * (math.prod(kernel) // max(out_features, 1))
        case "scan":
            return given["length"] * _count(given["jaxpr"])
        case "while":
            return _count(given["body_jaxpr"]) + _count(given["cond_jaxpr"])
        case "cond":
            return max(map(_count, given["branches"]), default=0)
    if name in _REDUCTIONS:
        return max(inputs[0] - outputs[0], 0)
    inner = list(_inner(given))
    if inner:
        return sum(map(_count, inner))
    return sum(outputs)


def _inner(given: dict[str, Any]) -> Iterator[Any]:
    """The jaxprs that a call runs; rules for derivatives are functions, and not among them."""
    for value in given.values():
        if isinstance(value, core.Jaxpr | core.ClosedJaxpr):
            yield value
