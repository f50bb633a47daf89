"""Functors, given on generators: out of graphs, presentations and categories.

A functor F from a category C to a category D sends objects to objects and an arrow f : a -> b to
an arrow F(f) : F(a) -> F(b), such that ``F(id(a))`` is the identity of ``F(a)`` and ``F(f >> g)``
is ``F(f) >> F(g)`` (Mac Lane, I.3). Out of the free category on a graph it is given by an object
for each vertex and an arrow for each edge, freely chosen; out of a *presented* category the two
sides of each equation must go to equal arrows (II.7-8). A finite category is presented by its
generators and how every arrow composes with them, so values at generators are enough there too;
values at further arrows may be given and are checked.

What to map into is a category, or any value with ``identity(object)`` and ``compose(f, g)``,
first f, then g: :class:`~catlearn.category.Functions` (Python callables of one argument),
:class:`~catlearn.category.Morphisms` (values that compose by ``>>``, such as those of finite
sets and tables), :class:`~catlearn.category.Paths` (the free category on another graph).

>>> from catlearn.category import FiniteCategory, Functions, Functor, Graph
>>> G = Graph({"double": ("N", "N"), "show": ("N", "Text")})
>>> F = Functor(G, Functions(), arrows={"double": lambda n: 2 * n, "show": str})
>>> F(G.path("double >> double >> show"))(5), F("id(N)")(5)
('20', 5)

Between finite categories a functor is two arrays, and knows whether it is full, faithful,
essentially surjective, an equivalence or an isomorphism:

>>> square = FiniteCategory(["A"], {"s": ("A", "A")}, {("s", "s"): "id(A)"})
>>> F = Functor(square, square, arrows={"s": "id(A)"})
>>> F.ar, F.is_full, (F >> F) == F
(FinFunction([0, 0], ['id(A)', 's'], codomain=['id(A)', 's']), False, True)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from catlearn.category.cats import CATEGORIES, Categories
from catlearn.category.finite import FiniteCategory
from catlearn.category.graph import Graph
from catlearn.category.graph_morphism import GraphMorphism
from catlearn.category.inside import Arrow, Object
from catlearn.category.path import written
from catlearn.category.preservation import Preservation
from catlearn.category.protocol import Category, Typed
from catlearn.category.targets import (
    Pairs,
    Paths,
    as_target,
    generators_of,
)
from catlearn.errors import (
    CatlearnError,
    Failure,
    InvalidStructure,
    NotComposable,
    did_you_mean,
)
from catlearn.finset import Diagram, FinFunction, Record


class Functor(Preservation):
    """A functor, given on the generators of its domain.

    Parameters
    ----------
    domain
        A graph (its free category), a presentation, a schema, or a category.
    target
        What its values compose in: a category, something with a method ``category()``, or
        anything that composes. If it pairs arrows (``pairing(object, arrows)``), edges that the
        domain defines as pairings of paths get their values from these.
    objects
        The object for each object of the domain. Those left out get the end of an arrow at them
        if the target's arrows know their ends, or the only object if the target has just one;
        they stand for themselves otherwise.
    arrows
        The arrow for each generator. Those left out get the only arrow between the values of
        their ends, if the target is finite and there is just one. Out of a finite category one
        may give the values of any arrows that generate it, or of all. Into a category, arrows
        are given as themselves, by name, as paths of generators or as the text of one.
    check
        Whether to look for failures at construction.

    Raises
    ------
    InvalidStructure
        Listing every generator without an arrow, every unknown name, every arrow whose ends are
        not the objects of its generator's ends and, if the target decides equality, every
        equation of the domain whose sides have different values, or values of which it is not
        known whether they are equal.

    Examples
    --------
    >>> from catlearn.category import Functor, Graph, Morphisms, Presentation
    >>> from catlearn.finset import FinFunction
    >>> P = Presentation(Graph({"turn": ("A", "A")}), ["turn >> turn = id(A)"])
    >>> swap = Functor(P, Morphisms(), arrows={"turn": FinFunction([1, 0], codomain=2)})
    >>> list(swap("turn >> turn >> turn"))
    [1, 0]
    >>> Functor(P, Morphisms(), arrows={"turn": FinFunction([1, 2, 0], codomain=3)})
    Traceback (most recent call last):
        ...
    catlearn.errors.InvalidStructure: Functor is not valid (1 failure):
      - equation 'turn >> turn = id(A)': ... [equations]
    """

    def __init__(
        self,
        domain: Any,
        target: Any,
        objects: Mapping[str, Any] | None = None,
        arrows: Mapping[str, Any] | None = None,
        check: bool = True,
    ) -> None:
        self._set(domain=domain, graph=generators_of(domain), target=as_target(target))
        unread: list[Failure] = []
        given = {at: self._read(at, f, unread) for at, f in (arrows or {}).items()}
        sent = {at: self._read_object(at, a, unread) for at, a in (objects or {}).items()}
        if unread:
            raise InvalidStructure("Functor", unread)
        self._set(given=Record(given), objects=Record(self._complete(sent, given)))
        values = self._restricted(given)
        only = {edge: self._only(edge) for edge in self.graph.edges if edge not in values}
        values |= {edge: arrow for edge, arrow in only.items() if arrow is not None}
        values |= self._defined(values)
        self._set(arrows=Record(values))
        failures = self.failures() if check else []
        if failures:
            raise InvalidStructure("Functor", failures)

    @classmethod
    def build(cls, domain: FiniteCategory, codomain: FiniteCategory, ob: Any, ar: Any) -> Functor:
        """Build a functor between finite categories from arrays of rows; nothing is checked.

        Parameters
        ----------
        domain, codomain
            The categories.
        ob, ar
            The row of the value at each object and at each arrow.
        """
        made = object.__new__(cls)
        made._set(domain=domain, target=codomain, _built=True)
        made._set(ob=FinFunction._of(np.asarray(ob), domain.ob, codomain.ob))
        made._set(ar=FinFunction._of(np.asarray(ar), domain.ar, codomain.ar))
        return made

    @classmethod
    def identity(cls, category: Any) -> Functor:
        """Return the identity functor of a category, or of the free category on a graph.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory
        >>> print(Functor.identity(FiniteCategory(["A", "B"], {"f": ("A", "B")})))
        A ↦ A, B ↦ B, f ↦ f
        """
        if isinstance(category, FiniteCategory):
            return cls.build(
                category, category, np.arange(len(category.ob)), np.arange(len(category.ar))
            )
        graph, free = generators_of(category), not isinstance(category, Category)
        arrows = {edge: graph.path([edge]) for edge in graph.edges}
        target = Paths() if free else category
        return cls(category, target, {v: v for v in graph.vertices}, arrows, check=False)

    @classmethod
    def constant(cls, domain: Any, target: Any, object: Any) -> Functor:
        """Return the functor with one value at all objects, and its identity at all arrows.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory
        >>> C = FiniteCategory(["A", "B"], {"f": ("A", "B")})
        >>> print(Functor.constant(C, C, "B"))
        A ↦ B, B ↦ B, f ↦ id(B)
        """
        graph, target = generators_of(domain), as_target(target)
        arrows = dict.fromkeys(graph.edges, target.identity(object))
        return cls(domain, target, dict.fromkeys(graph.vertices, object), arrows)

    def _read(self, at: str, arrow: Any, unread: list[Failure]) -> Any:
        if not isinstance(self.target, Category):
            return arrow
        try:
            return self.target.read(arrow)
        except (CatlearnError, TypeError) as error:
            unread.append(Failure("values", f"{self.kinds[1]} {written(at)}", str(error)))

    def _read_object(self, at: str, value: Any, unread: list[Failure]) -> Any:
        target = self.target
        if isinstance(target, FiniteCategory) and not isinstance(value, str) and value in target.ob:
            return target.ob.label(value)
        if isinstance(target, Category) and value not in target.objects:
            message = f"there is no object {value} to send it to"
            where = f"{self.kinds[0]} {written(at)}"
            unread.append(
                Failure("values", where, f"{message}; {did_you_mean(str(value), target.objects)}")
            )
        return value

    def _complete(self, objects: dict[str, Any], arrows: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(self.target, Typed):
            return {**{vertex: vertex for vertex in self.graph.vertices}, **objects}
        for at, arrow in arrows.items():
            ends = self._ends(at)
            if ends is not None:
                for vertex, end in zip(ends, self.target.ends(arrow), strict=True):
                    objects.setdefault(vertex, end)
        if isinstance(self.target, Category) and len(self.target.objects) == 1:
            return {**dict.fromkeys(self.graph.vertices, self.target.objects[0]), **objects}
        return objects

    def _restricted(self, given: dict[str, Any]) -> dict[str, Any]:
        """Keep the values at generators; compose them where others that generate are given."""
        if not isinstance(self.domain, FiniteCategory):
            return given
        missing = [edge for edge in self.graph.edges if edge not in given]
        chosen = {edge: given[edge] for edge in self.graph.edges if edge in given}
        known = {self.domain.arrow(at): f for at, f in given.items() if self._ends(at)}
        if missing and known:
            proper = [row for row in known if not self.domain.is_identity[row]]
            reached, last, before = self.domain._reach(np.array(proper, np.int64))
            for edge in missing:
                row, word = self.domain.arrow(edge), []
                while reached[row] and last[row] >= 0:
                    word.append(known[int(last[row])])
                    row = int(before[row])
                if word:
                    chosen[edge] = self._composed(self.graph.source(edge), word[::-1])
        return chosen

    def _defined(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Work out the values at edges that the domain defines by paths, and pairings of paths."""
        known: Mapping[str, Any] = getattr(self.domain, "definitions", {})
        pairs, made = isinstance(self.target, Pairs), dict(values)

        def value(edge: str) -> Any:
            if edge not in made and edge in known:
                paths, is_pairing = known[edge].paths, known[edge].is_pairing
                parts = [self._composed(p.source, [value(e) for e in p.edges]) for p in paths]
                at = self.objects.get(self.graph.target(edge))
                made[edge] = self.target.pairing(at, parts) if is_pairing else parts[0]
            return made[edge]

        def needed(edge: str) -> bool:
            return edge in made or (
                edge in known
                and (pairs or not known[edge].is_pairing)
                and all(needed(e) for path in known[edge].paths for e in path.edges)
            )

        return {edge: value(edge) for edge in known if edge not in values and needed(edge)}

    def _only(self, edge: str) -> str | None:
        """Return the only arrow that a generator can go to, if there is just one."""
        source, target = (self.objects.get(a) for a in self.graph.ends(edge))
        if not isinstance(self.target, FiniteCategory) or source is None or target is None:
            return None
        found = self.target.hom(source, target)
        return found[0] if len(found) == 1 else None

    @cached_property
    def given(self) -> Record[str, Any]:
        """The values of arrows as they were given."""
        return self.arrows

    @cached_property
    def objects(self) -> Record[str, Any]:
        """The value at each object, by name."""
        values = self.target.ob.labels(self.ob.values.tolist())
        return Record(zip(self.domain.objects, values, strict=True))

    @cached_property
    def arrows(self) -> Record[str, Any]:
        """The value at each generator, by name."""
        generating = self.domain.generating
        values = self.target.ar.labels(self.ar.values[generating].tolist())
        return Record(zip(self.graph.edges, values, strict=True))

    @cached_property
    def graph(self) -> Graph:
        """The graph of the generators of the domain."""
        return generators_of(self.domain)

    @property
    def codomain(self) -> Any:
        """The target."""
        return self.target

    @property
    def kinds(self) -> tuple[str, str]:
        return ("vertex", "edge") if isinstance(self.domain, Graph) else ("object", "arrow")

    @property
    def ambient(self) -> Categories:
        """The category of categories, for a functor into a category."""
        if not isinstance(self.target, Category):
            message = f"{self.target!r} is not a category with objects, so no (co)limits are taken"
            raise AttributeError(message)
        return CATEGORIES

    def __rshift__(self, then: Functor) -> Functor:
        """Return the composite functor, first this one.

        Raises
        ------
        NotComposable
            If the other does not start where this one ends.
        """
        if not isinstance(then, Functor):
            return NotImplemented
        same = self.target is then.domain or self.target == then.domain
        if not same and not isinstance(self.target, Paths):
            message = f"the first ends at {self.target}, the second starts at {then.domain}"
            raise NotComposable("Functor", [Failure("composition", "F >> G", message)])
        if self.is_finite and then.is_finite:
            ob, ar = then.ob.values[self.ob.values], then.ar.values[self.ar.values]
            return Functor.build(self.domain, then.target, ob, ar)
        objects = {a: then.objects[value] for a, value in self.objects.items()}
        arrows = {f: then(value) for f, value in self.arrows.items()}
        return Functor(self.domain, then.target, objects, arrows, check=not same)

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
        """Return its values as a finite diagram, whose limit or colimit can then be taken.

        The objects are those of the vertices and the arrows those of the edges, in the graph's
        order: a cocone under a free category's diagram need only commute with the generators.
        """
        place = {vertex: number for number, vertex in enumerate(self.graph.vertices)}
        inside = isinstance(self.target, FiniteCategory)
        objects = {a: Object(self.target, x) for a, x in self.objects.items() if inside}
        arrows = {f: Arrow(self.target, x) for f, x in self.arrows.items() if inside}
        objects, arrows = objects or self.objects, arrows or self.arrows
        return Diagram(
            [objects[vertex] for vertex in self.graph.vertices],
            arrows=[
                (place[self.graph.source(edge)], place[self.graph.target(edge)], arrows[edge])
                for edge in self.graph.edges
            ],
            names=self.graph.vertices,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Functor):
            return NotImplemented
        if self.domain != other.domain or self.target != other.target:
            return False
        if self.is_finite:
            return self.ob == other.ob and self.ar == other.ar
        return (self.objects, self.arrows) == (other.objects, other.arrows)

    def __hash__(self) -> int:
        return hash((self.domain, self.target, self.ar if self.is_finite else None))

    def __repr__(self) -> str:
        if self.is_finite:
            sent = f"{dict(self.objects)!r}, {dict(self.arrows)!r}"
            return f"Functor({self.domain!r}, {self.target!r}, {sent})"
        return f"Functor({self.domain!r}, {self.target!r})"

    def __str__(self) -> str:
        sent = [f"{v} ↦ {self.objects[v]}" for v in self.graph.vertices]
        sent += [f"{e} ↦ {self.arrows[e]}" for e in self.graph.edges]
        return ", ".join(sent)
