"""Functors out of the free category on a graph, into anything that composes.

A functor F out of the free category on a graph G is given by an object F(v) for each vertex
and an arrow F(e) : F(src e) -> F(tgt e) for each edge, freely chosen: this is the universal
property of the free category. It acts on paths by composing. A functor out of a *presented*
category must further send the two sides of each equation to equal arrows. (Mac Lane, II.7-8.)

Laws: ``F(id(v))`` is the identity of ``F(v)`` and ``F(p >> q)`` is ``F(p)`` then ``F(q)``.

What to map into is said by a value with ``identity(object)`` and ``compose(f, g)``, first f,
then g. Ready ones are :class:`Functions` (Python callables of one argument),
:class:`Morphisms` (values that compose by ``>>``, such as those of finite sets and tables) and
:class:`Paths` (the free category on another graph).

>>> from catlearn.category import Functions, Functor, Graph
>>> G = Graph({"double": ("N", "N"), "show": ("N", "Text")})
>>> F = Functor(G, Functions(), arrows={"double": lambda n: 2 * n, "show": str})
>>> F(G.path("double >> double >> show"))(5)
'20'
>>> F(G.path("id(N)"))(5)
5
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from catlearn.category.graph import Graph, GraphMorphism
from catlearn.category.path import Path, written
from catlearn.category.presentation import Presentation
from catlearn.category.protocol import Composes, DecidesEquality, Typed
from catlearn.errors import Failure, InvalidStructure, UnknownName, did_you_mean
from catlearn.finset import Diagram, Frozen, Record


@dataclass(frozen=True)
class Composed:
    """Functions called one after the other; none of them is the identity."""

    parts: tuple[Callable[[Any], Any], ...]

    def __call__(self, value: Any) -> Any:
        for part in self.parts:
            value = part(value)
        return value


@dataclass(frozen=True)
class Functions:
    """Python callables of one argument. Objects are not looked at; equality is not decided."""

    def identity(self, object: Any, /) -> Composed:
        """Return the function that returns its argument."""
        return Composed(())

    def compose(self, first: Callable, then: Callable, /) -> Callable:
        """Return ``x -> then(first(x))``, kept flat so that long paths do not nest."""
        parts: tuple[Callable, ...] = ()
        for function in (first, then):
            parts += function.parts if isinstance(function, Composed) else (function,)
        return parts[0] if len(parts) == 1 else Composed(parts)


@dataclass(frozen=True)
class Morphisms:
    """Values with a domain and a codomain that compose by ``>>`` and compare by ``==``."""

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

    def ends(self, arrow: Path, /) -> tuple[str, str]:
        """Return the vertices where a path starts and ends."""
        return arrow.source, arrow.target

    def same(self, one: str, other: str, /) -> bool:
        """Whether two vertices have the same name."""
        return one == other

    def equal(self, one: Path, other: Path, /) -> bool:
        """Whether two paths have the same edges and ends."""
        return one == other


class Functor(Frozen):
    """A functor out of the free category on a graph, or out of a presented one.

    Parameters
    ----------
    graph
        The graph, or presentation, whose paths are mapped.
    target
        What its values compose in.
    objects
        The object for each vertex. Vertices left out get the end of an arrow at them if the
        target's arrows know their ends, and stand for themselves otherwise.
    arrows
        The arrow for each edge.
    check
        Whether to look for failures at construction.

    Raises
    ------
    InvalidStructure
        Listing every edge without an arrow, every unknown name, every arrow whose ends are
        not the objects of its edge's ends and, if the target decides equality, every equation
        of the presentation whose sides have different values.

    Examples
    --------
    >>> from catlearn.finset import FinFunction
    >>> P = Presentation(Graph({"turn": ("A", "A")}), ["turn >> turn = id(A)"])
    >>> swap = Functor(P, Morphisms(), arrows={"turn": FinFunction([1, 0], codomain=2)})
    >>> list(swap(P.path("turn >> turn >> turn")))
    [1, 0]
    >>> Functor(P, Morphisms(), arrows={"turn": FinFunction([1, 2, 0], codomain=3)})
    Traceback (most recent call last):
        ...
    catlearn.errors.InvalidStructure: Functor is not valid (1 failure):
      - equation 'turn >> turn = id(A)': ... [equations]
    """

    graph: Graph
    target: Composes
    objects: Record[str, Any]
    arrows: Record[str, Any]

    def __init__(
        self,
        graph: Graph,
        target: Composes,
        objects: Mapping[str, Any] | None = None,
        arrows: Mapping[str, Any] | None = None,
        check: bool = True,
    ) -> None:
        self._set(graph=graph, target=target, arrows=Record(arrows or {}))
        self._set(objects=Record(self._complete(dict(objects or {}))))
        if check:
            failures = self.failures()
            if failures:
                raise InvalidStructure("Functor", failures)

    def _complete(self, objects: dict[str, Any]) -> dict[str, Any]:
        if isinstance(self.target, Typed):
            for edge, arrow in self.arrows.items():
                if edge in self.graph.edges:
                    source, target = self.target.ends(arrow)
                    objects.setdefault(self.graph.source(edge), source)
                    objects.setdefault(self.graph.target(edge), target)
            return objects
        return {**{vertex: vertex for vertex in self.graph.vertices}, **objects}

    def failures(self, equal: Callable[[Any, Any], Any] | None = None) -> list[Failure]:
        """Return every broken law.

        Parameters
        ----------
        equal
            How to compare the values of the two sides of an equation, for a target that does
            not decide equality (functions can be compared on samples); by default the
            target's own, and no equation is compared if it has none.
        """
        failures = self._unmatched() + self._ends_broken()
        if equal is None and isinstance(self.target, DecidesEquality):
            equal = self.target.equal
        if failures or equal is None or not isinstance(self.graph, Presentation):
            return failures
        for name, equation in self.graph.equations.items():
            left, right = (self(side) for side in self.graph.sides(name))
            if not equal(left, right):
                message = f"its left side has the value {left!r}, its right side {right!r}"
                where = f"equation '{equation}'"
                where += "" if name == str(equation) else f" ({name})"
                failures.append(Failure("equations", where, message))
        return failures

    def _unmatched(self) -> list[Failure]:
        failures = []
        for kind, known, given, value in (
            ("vertex", self.graph.vertices, self.objects, "object"),
            ("edge", self.graph.edges, self.arrows, "arrow"),
        ):
            for name in known:
                if name not in given:
                    message = f"it has no {value}; a functor needs one for each {kind}"
                    failures.append(Failure("totality", f"{kind} {written(name)}", message))
            names = set(known)
            for name in given:
                if name not in names:
                    message = f"the graph has no {kind} of this name; {did_you_mean(name, known)}"
                    failures.append(Failure("known names", f"{kind} {written(name)}", message))
        return failures

    def _ends_broken(self) -> list[Failure]:
        if not isinstance(self.target, Typed):
            return []
        failures = []
        for edge in self.graph.edges:
            if edge not in self.arrows:
                continue
            ends = self.target.ends(self.arrows[edge])
            vertices = self.graph.source(edge), self.graph.target(edge)
            for verb, end, vertex in zip(("starts", "ends"), ends, vertices, strict=True):
                if vertex in self.objects and not self.target.same(end, self.objects[vertex]):
                    message = (
                        f"its arrow {verb} at {end!r}, but vertex {vertex} "
                        f"has the object {self.objects[vertex]!r}"
                    )
                    failures.append(Failure("ends", f"edge {written(edge)}", message))
        return failures

    @cached_property
    def _prefixes(self) -> tuple[dict[str, int], dict[tuple[int, str], int], list[Any]]:
        # The paths met so far as a tree: the node of each vertex's identity, the node that an
        # edge leads to from a node, and the value at each node.
        return {}, {}, []

    def __call__(self, at: Path | str) -> Any:
        """Return the arrow of a path, or the object of a vertex.

        The values of all prefixes are remembered, so paths that begin alike share work.

        Raises
        ------
        UnknownName
            If there is no such vertex.
        NotComposable
            If it is not a path of the graph.
        """
        if isinstance(at, str):
            if at not in self.objects:
                hint = did_you_mean(at, self.graph.vertices)
                raise UnknownName(f"there is no vertex {at}; {hint}")
            return self.objects[at]
        roots, after, values = self._prefixes
        node = roots.get(at.source, -1)
        for edge in at.edges:
            node = after.get((node, edge), -1)
        return values[node if node >= 0 else self._compose(at)]

    def _compose(self, path: Path) -> int:
        """Compose along a path that is met for the first time; return its node."""
        roots, after, values = self._prefixes
        edges = self.graph.path(path).edges
        if path.source not in roots:
            roots[path.source] = len(values)
            values.append(self.target.identity(self.objects[path.source]))
        node = roots[path.source]
        for number, edge in enumerate(edges):
            if (node, edge) not in after:
                arrow = self.arrows[edge]
                value = arrow if number == 0 else self.target.compose(values[node], arrow)
                after[node, edge] = len(values)
                values.append(value)
            node = after[node, edge]
        return node

    def __rrshift__(self, morphism: GraphMorphism) -> Functor:
        """Return ``morphism >> self``: first into this functor's graph, then along it."""
        if not isinstance(morphism, GraphMorphism):
            return NotImplemented
        if not morphism.codomain.matches(self.graph):
            message = f"the morphism ends at {morphism.codomain!r}, the functor starts elsewhere"
            raise InvalidStructure("Functor", [Failure("composition", "morphism", message)])
        graph = morphism.domain
        objects = {v: self.objects[morphism.vertex(v)] for v in graph.vertices}
        arrows = {e: self.arrows[morphism.edge(e)] for e in graph.edges}
        return Functor(graph, self.target, objects, arrows)

    def as_diagram(self) -> Diagram:
        """Return its values as a finite diagram, whose colimit can then be taken.

        The objects are those of the vertices and the arrows those of the edges, in the graph's
        order: a cocone under a free category's diagram need only commute with the generators.
        """
        place = {vertex: number for number, vertex in enumerate(self.graph.vertices)}
        return Diagram(
            [self.objects[vertex] for vertex in self.graph.vertices],
            arrows=[
                (place[self.graph.source(edge)], place[self.graph.target(edge)], self.arrows[edge])
                for edge in self.graph.edges
            ],
            names=self.graph.vertices,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Functor):
            return NotImplemented
        mine = (self.graph, self.target, self.objects, self.arrows)
        return mine == (other.graph, other.target, other.objects, other.arrows)

    def __hash__(self) -> int:
        return hash((self.graph, self.target))

    def __repr__(self) -> str:
        return f"Functor({self.graph!r}, {self.target!r})"

    def __str__(self) -> str:
        sent = [f"{v} ↦ {self.objects[v]}" for v in self.graph.vertices]
        sent += [f"{e} ↦ {self.arrows[e]}" for e in self.graph.edges]
        return ", ".join(sent)
