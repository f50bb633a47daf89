"""What functors map into, ready made: functions, morphisms, and paths of a graph.

A target composes (:class:`~catlearn.category.Composes`). It may also have a method
``composite(object, arrows)``, the composite of a list of arrows that starts at an object, where
that is cheaper than composing one after the other; a class that overrides ``compose`` overrides
both.

>>> from catlearn.category import Functions, Paths, Path
>>> Functions().compose(abs, str)(-3)
'3'
>>> Paths().composite("A", [Path("A", ("f",), "B"), Path("B", ("g",), "C")])
Path('A', ('f', 'g'), 'C')
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain, islice, pairwise
from typing import Any, Protocol, runtime_checkable

from catlearn.category.graph import Graph
from catlearn.category.hypergraph import OpenHypergraph, evaluate
from catlearn.category.path import Path
from catlearn.category.presentation import Presentation
from catlearn.category.protocol import Category, Composes, Verdict
from catlearn.errors import CatlearnError, Failure, Failures, expect, fault, wrong_kind
from catlearn.finset.sets import FinSet

Equality = Callable[[Any, Any], bool | Verdict]
"""How two values are compared."""


@runtime_checkable
class ComposesMany(Protocol):
    """A target that composes a list of arrows at once."""

    def composite(self, object: Any, arrows: Sequence[Any], /) -> Any:
        """Return the composite of arrows that start at an object; its identity for none."""
        ...


@runtime_checkable
class Pairs(Protocol):
    """A target with products: arrows out of one object are paired into one."""

    def pairing(self, object: Any, arrows: Sequence[Any], /) -> Any:
        """Return the arrow into a product that has these components."""
        ...


@dataclass(frozen=True)
class Composed:
    """Functions called one after the other; none of them is the identity."""

    parts: tuple[Callable[[Any], Any], ...]

    def __call__(self, value: Any) -> Any:
        for part in self.parts:
            value = part(value)
        return value


@dataclass(frozen=True)
class Paired:
    """Functions called on one argument; ``pair`` makes one value of what they return."""

    pair: Callable[[Any, tuple[Any, ...]], Any]
    object: Any
    parts: tuple[Callable[[Any], Any], ...]

    def __call__(self, value: Any) -> Any:
        return self.pair(self.object, tuple(part(value) for part in self.parts))


@dataclass(frozen=True)
class Wired:
    """A string diagram of functions: takes the values of its inputs, returns those of its outputs.

    A wire that stands for a list of objects, a tuple, has as many values.
    """

    diagram: OpenHypergraph
    objects: tuple[Any, ...]
    arrows: tuple[Callable[..., Any], ...]

    def __call__(self, *values: Any) -> Any:
        made = evaluate(self.diagram, self._apply, self._split(self.diagram.inputs, values))
        return _one_or_all(tuple(chain.from_iterable(made)))

    def _apply(self, box: int, values: tuple[tuple[Any, ...], ...]) -> list[tuple[Any, ...]]:
        wires = self.diagram.apex.sides[1][box]
        made = self.arrows[box](*chain.from_iterable(values))
        return self._split(wires, (made,) if self._count(wires) == 1 else tuple(made))

    def _count(self, wires: Sequence[int]) -> int:
        return sum(len(_listed(self.objects[wire])) for wire in wires)

    def _split(self, wires: Sequence[int], values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        if len(values) != (count := self._count(wires)):
            message = f"found {len(values)} values, expected {count}"
            raise fault("evaluation", "values", f"{len(wires)} wires", message)
        left = iter(values)
        return [tuple(islice(left, len(_listed(self.objects[wire])))) for wire in wires]


def _one_or_all(values: tuple[Any, ...]) -> Any:
    return values[0] if len(values) == 1 else values


def _listed(object: Any) -> tuple[Any, ...]:
    return object if isinstance(object, tuple) else (object,)


def as_tuple(object: Any, parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Pair values as a tuple, whatever object it belongs to."""
    return parts


@dataclass(frozen=True)
class Functions:
    """Python callables. Objects are not looked at; equality is not decided.

    A path goes to a function of one argument, an open hypergraph to one of as many as it has
    inputs, which returns the value of the only output, or a tuple.

    Parameters
    ----------
    pair
        What to make of a product's object and a tuple of values of its factors: that tuple.
    """

    pair: Callable[[Any, tuple[Any, ...]], Any] = as_tuple

    unit = ()

    def identity(self, object: Any, /) -> Composed:
        """Return the function that returns its argument."""
        return Composed(())

    def compose(self, first: Callable, then: Callable, /) -> Callable:
        """Return ``x -> then(first(x))``, kept flat so that long paths do not nest."""
        return self.composite(None, (first, then))

    def composite(self, object: Any, arrows: Sequence[Callable], /) -> Callable:
        """Return the function that calls all of them, one after the other."""
        parts = tuple(
            chain.from_iterable(
                arrow.parts if isinstance(arrow, Composed) else (arrow,) for arrow in arrows
            )
        )
        return parts[0] if len(parts) == 1 else Composed(parts)

    def pairing(self, object: Any, arrows: Sequence[Callable], /) -> Paired:
        """Return the function into a product that has these components."""
        return Paired(self.pair, object, tuple(arrows))

    def wired(
        self, diagram: OpenHypergraph, objects: Sequence[Any], arrows: Sequence[Callable]
    ) -> Wired:
        """Return the function that evaluates a string diagram, each box once."""
        return Wired(diagram, tuple(objects), tuple(arrows))

    def tensor_objects(self, one: Any, other: Any, /) -> tuple[Any, ...]:
        """Return two objects, or lists of objects, as one list."""
        return _listed(one) + _listed(other)


@dataclass(frozen=True)
class Morphisms:
    """Values with a domain and a codomain that compose by ``>>`` and compare by ``==``.

    Parameters
    ----------
    of
        The category of which they are morphisms where none says it, that is for functors
        from the empty category: any object, morphism or class of it; by default finite sets.
    """

    of: Any = field(default=FinSet, compare=False, repr=False)

    def identity(self, object: Any, /) -> Any:
        """Return the identity morphism of an object."""
        return object.ambient.identity(object)

    def compose(self, first: Any, then: Any, /) -> Any:
        """Return ``first >> then``."""
        return first >> then

    def ends(self, arrow: Any, /) -> tuple[Any, Any]:
        """Return the domain and the codomain of a morphism."""
        return arrow.domain, arrow.codomain

    def same(self, one: Any, other: Any, /) -> bool:
        """Whether two objects are the same up to the names of their elements."""
        return one.ambient.same(one, other)

    def equal(self, one: Any, other: Any, /) -> bool:
        """Whether two morphisms are equal."""
        return one == other


@dataclass(frozen=True)
class Paths:
    """The free category on a graph: objects are names of vertices, arrows are paths."""

    def identity(self, object: str, /) -> Path:
        """Return the empty path at a vertex."""
        return Path.identity(object)

    def compose(self, first: Path, then: Path, /) -> Path:
        """Return ``first >> then``."""
        return first >> then

    def composite(self, object: str, arrows: Sequence[Path], /) -> Path:
        """Return the concatenation of paths, which meet."""
        if any(one.target != other.source for one, other in pairwise(arrows)):
            return reduce(self.compose, arrows)
        edges = tuple(chain.from_iterable(path.edges for path in arrows))
        if not arrows:
            return Path.identity(object)
        return Path(arrows[0].source, edges, arrows[-1].target)

    def ends(self, arrow: Path, /) -> tuple[str, str]:
        """Return the vertices where a path starts and ends."""
        return arrow.source, arrow.target

    def same(self, one: str, other: str, /) -> bool:
        """Whether two vertices have the same name."""
        return one == other

    def equal(self, one: Path, other: Path, /) -> bool:
        """Whether two paths have the same edges and ends."""
        return one == other


def as_target(given: Any, called: str = "target") -> Any:
    """Return what a functor maps into: itself if it composes, else the category it presents.

    Raises
    ------
    WrongKind
        If it neither composes nor has a method ``category``.
    """
    if isinstance(given, Composes):
        return given
    wanted = "a category, a presentation, or has methods identity(object) and compose(first, then)"
    expect(given, "category", called, wanted)
    return given.category()


def generators_of(domain: Any) -> Graph:
    """Return the graph of the generators of what a functor starts at."""
    if isinstance(domain, Graph):
        return domain
    if isinstance(domain, Category):
        return domain.generators
    found: Any = getattr(domain, "graph", None)
    if isinstance(found, Graph):
        return found
    raise wrong_kind(domain, "domain", "a graph, a presentation, a schema or a category")


def presentation_of(domain: Any) -> Any:
    """Return the equations of what a functor starts at, on its generators."""
    if isinstance(domain, Presentation):
        return domain
    if isinstance(domain, Graph):
        return None
    given: Any = getattr(domain, "presentation", None)
    if given is not None:
        return given() if callable(given) else given
    return Presentation(domain.graph, getattr(domain, "equations", ()))


def read_arrows(
    target: Any, given: Mapping[str, Any], unread: Failures, where: Callable[[str], str]
) -> dict[str, Any]:
    """Read arrows of a target by what they are given for; note those that it cannot read."""
    read = dict(given)
    for at, arrow in given.items() if isinstance(target, Category) else ():
        try:
            read[at] = target.read(arrow)
        except (CatlearnError, TypeError) as error:
            unread.add("values", where(at), str(error))
    return read


def compare(
    law: str, where: str, equal: Equality, one: Any, other: Any, message: str
) -> Iterator[Failure]:
    """Yield a failure if two values are not equal, or if it is not known."""
    answer = equal(one, other)
    if isinstance(answer, Verdict) and not answer.is_known:
        why = f", and it is not known whether these are equal: {answer.reason}"
        yield Failure("undecided", where, message + why)
    elif not answer:
        yield Failure(law, where, message)
