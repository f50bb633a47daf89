"""Amounts: what the map of an edge, or a divergence, takes for n examples.

Counted from traces at a few sizes (:mod:`catlearn.lowering.operations`), hence polynomials in the
number of examples. What they are and which laws they obey: :mod:`catlearn.lowering.counting`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from catlearn.cost import Monoid
from catlearn.errors import CatlearnError
from catlearn.lowering.forms import data_form
from catlearn.lowering.operations import count_operations, kept_bytes, size_of
from catlearn.models import ArchitectureMap, FactorMap, ProjectionMap, needs_key
from catlearn.models.architectures import abstract_key

if TYPE_CHECKING:
    from catlearn.learning import LearningDiagram
    from catlearn.models import AnySpace

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


SUM = Monoid("sum of amounts", Amounts(), Amounts.plus)
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
