r"""Amounts: what the map of an edge, or a divergence, takes for n examples.

Counted from traces at a few sizes, hence polynomials in the number of examples. What they are and
which laws they obey: :mod:`catlearn.lowering.counting`.

The operations of a JAX function, and what its reverse pass keeps, are counted from its jaxpr: the
function is traced on shapes alone; nothing runs. Floating-point operations are counted for
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

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend import core

from catlearn.cost import CommutativeMonoid
from catlearn.errors import CatlearnError, expect
from catlearn.lowering.representations import data_form
from catlearn.models import ArchitectureMap, FactorMap, ProjectionMap, needs_key
from catlearn.models.architectures import abstract_key

if TYPE_CHECKING:
    from catlearn.learning import LearningDiagram
    from catlearn.models import AnySpace


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
    expect(fn, Callable, "fn", "a function that JAX can trace")
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


def primitives_of(jaxpr: Any) -> set[str]:
    """Return the names of all primitives that a jaxpr runs, inner ones too.

    Examples
    --------
    >>> branch = jax.make_jaxpr(lambda x: jax.lax.cond(x > 0, jnp.sin, jnp.cos, x))(1.0)
    >>> sorted(primitives_of(branch) & {"sin", "cos", "tan"})
    ['cos', 'sin']
    """
    found: set[str] = set()
    for equation in _open(jaxpr).eqns:
        given = equation.params
        inner = [*_inner(given), *given.get("branches", ())]
        found.add(equation.primitive.name)
        found.update(*map(primitives_of, inner))
    return found


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


_BATCHES = (2, 3, 5, 7)


class Amounts(NamedTuple):
    """What something takes; the amounts add.

    Parameters
    ----------
    parameters
        Trained numbers.
    flops
        Floating-point operations of a forward evaluation.
    bytes
        Read and written at least.
    activations
        Bytes kept for the reverse pass.
    """

    parameters: Any = 0
    flops: Any = 0
    bytes: Any = 0
    activations: Any = 0

    def plus(self, other: Amounts) -> Amounts:
        """Return the sum, kind by kind."""
        return Amounts(*(a + b for a, b in zip(self, other, strict=True)))

    def at(self, sizes: Mapping[Any, int]) -> Amounts:
        """Return the amounts with symbols replaced by numbers."""
        return Amounts(*(_number(a.subs(sizes)) if hasattr(a, "subs") else a for a in self))


SUM = CommutativeMonoid("sum of amounts", Amounts(), Amounts.plus)
"""Along a path amounts add, and over the components of a pairing."""


class Counter:
    """The amounts of the edges of a diagram that no others define, counted when asked for."""

    def __init__(self, diagram: LearningDiagram) -> None:
        self.diagram = diagram
        self.known: dict[str, Amounts] = {}

    def __getitem__(self, edge: str) -> Amounts:
        """Return the amounts of an edge."""
        if edge not in self.known:
            self.known[edge] = self._count(edge)
        return self.known[edge]

    def _count(self, edge: str) -> Amounts:
        diagram, label = self.diagram, self.diagram.runs(edge)
        ends = diagram.source(edge), diagram.target(edge)
        source, target = (diagram.space_label(vertex) for vertex in ends)
        match label:
            case ProjectionMap():
                column = diagram.projections[edge][1]
                stored = diagram.data.get(diagram.source(edge), {}).get(column)
                return _column(target, stored)
            case FactorMap():
                return Amounts()
        assert isinstance(label, ArchitectureMap)
        return _count_map(label, source, target, wide_numbers())


def _column(target: AnySpace, stored: Any) -> Amounts:
    """A column of a data set is read once; categorical data are labels unless they are floats."""
    form = data_form(target, stored)
    return Amounts(bytes=_fit(lambda n: size_of(target.example(n, form))))


@functools.lru_cache(maxsize=4096)
def _count_map(label: ArchitectureMap, source: AnySpace, target: AnySpace, wide: bool) -> Amounts:
    architecture = label.architecture
    params = architecture.structure(source, target)
    key = (abstract_key(),) if needs_key(label, source, target) else ()

    def run(params: Any, x: Any) -> Any:
        return architecture.run(params, *x, train=label.kind != "frozen")[0]

    def arguments(n: int) -> tuple[Any, ...]:
        return (source.example(n), *key)

    def traffic(n: int) -> int:
        x = arguments(n)
        return size_of((params, x[0], jax.eval_shape(run, params, x)))

    trains = label.kind == "model"
    return Amounts(
        _count_trained(architecture.parts(params)[0]) if trains else 0,
        _fit(lambda n: count_operations(run, params, arguments(n))),
        _fit(traffic),
        _fit(lambda n: kept_bytes(run, params, arguments(n), trains)),
    )


@functools.lru_cache(maxsize=4096)
def count_divergence(divergence: Any, label: AnySpace, form: Any, wide: bool) -> Amounts:
    def run(_: Any, pair: Any) -> Any:
        return jnp.mean(divergence(*pair))

    def pair(n: int) -> Any:
        return label.example(n), label.example(n, form)

    return Amounts(
        0,
        _fit(lambda n: count_operations(run, (), pair(n))),
        _fit(lambda n: size_of(pair(n)) + size_of(jax.eval_shape(run, (), pair(n)))),
        _fit(lambda n: kept_bytes(run, (), pair(n))),
    )


def _count_trained(params: Any) -> int:
    floating = (p for p in jax.tree.leaves(params) if jnp.issubdtype(p.dtype, jnp.inexact))
    return sum(math.prod(leaf.shape) for leaf in floating)


def _fit(count: Any) -> Any:
    """The polynomial in n of degree at most 2 that a count is, checked at one more place."""
    import sympy

    n = symbol()
    *places, last = _BATCHES
    points = [(place, count(place)) for place in places]
    polynomial = sympy.expand(sympy.interpolate(points, n))
    if polynomial.subs(n, last) != count(last):
        raise CatlearnError(
            f"a count grows from {points} to {count(last)} at {last} examples, which is no "
            "polynomial of degree 2; a map that loops over its batch cannot be counted for any n"
        )
    return expand(polynomial)


def symbol(data: str = "") -> Any:
    import sympy

    return sympy.Symbol(f"n_{data}" if data else "n", integer=True, positive=True)


def expand(amount: Any) -> Any:
    import sympy

    return _number(sympy.expand(amount))


def _number(amount: Any) -> Any:
    return int(amount) if getattr(amount, "is_Integer", False) else amount


def wide_numbers() -> bool:
    return bool(jax.config.read("jax_enable_x64"))
