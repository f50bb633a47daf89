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

Functors between finite categories as arrays: extension from generators, and broken laws.

A functor F out of a finite category is determined by its values at generators, layer by layer:
each other arrow is ``f >> g`` with a generator g and an arrow f of a shorter word. It respects
composition if ``F(f >> g) == F(f) >> F(g)`` for all arrows f and all *generators* g, by
induction on the word of the second arrow; so as many equations are compared as the category
has pairs (arrow, generator), not pairs of arrows.

>>> from catlearn.category import FiniteCategory
>>> two = {("s", "s"): "t", ("s", "t"): "id(A)", ("t", "s"): "id(A)", ("t", "t"): "s"}
>>> C = FiniteCategory(["A"], {"s": ("A", "A"), "t": ("A", "A")}, two)
>>> C.generators.edges, [layer.tolist() for layer in by_length(*C._steps)]
(('s',), [[1], [2]])
>>> extend(C, C, np.array([0]), np.array([2])).tolist()
[0, 2, 1]

What a functor between finite categories knows of itself, by rows.

A functor F : C -> D is *full* if each F : C(a, b) -> D(Fa, Fb) is surjective, *faithful* if each
is injective, *essentially surjective* if each object of D is isomorphic to some F(a). It is an
*equivalence*, that is, has an inverse up to natural isomorphism, exactly if it is all three
(Mac Lane, IV.4, Theorem 1).

>>> from catlearn.category import FiniteCategory, Functor
>>> C = FiniteCategory(["A", "B"], {"f": ("A", "B")})
>>> F = Functor.constant(C, C, "A")
>>> F.is_full, F.is_faithful, F.is_essentially_surjective
(False, True, False)

How a functor is applied: to objects, arrows and paths.

Out of a finite category the values of all arrows are computed layer by layer. Out of a graph or
a presentation, values are composed along paths, each prefix once, or all arrows of a path at
once where the target can.

>>> from catlearn.category import FiniteCategory, Functor, Graph
>>> F = Functor(Graph({"s": ("A", "A")}), FiniteCategory.group(range(3), lambda x, y: (x + y) % 3),
...             arrows={"s": "1"})
>>> F("s >> s"), F("A"), F("id(A)")
('2', '*', '0')

What a functor has to preserve: ends, identities, composites and equations.

Every broken law is listed, with both sides. Where a target cannot tell whether two values are
equal, that is listed too, as undecided.

>>> from catlearn.category import FiniteCategory, Functor
>>> Z4 = FiniteCategory.group(range(4), lambda x, y: (x + y) % 4)
>>> F = Functor(Z4, Z4, arrows={"1": "1", "2": "1", "3": "3"}, check=False)
>>> print(F.failures()[0])
arrow 2: its value is '1', that of 1 >> 1 is '2' [composition]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property, reduce
from graphlib import TopologicalSorter
from typing import Any, Self

import numpy as np

from catlearn.category.finite import FiniteCategory
from catlearn.category.graph import Graph, GraphMorphism
from catlearn.category.inside import Arrow, Object
from catlearn.category.path import Path, written
from catlearn.category.protocol import Category, DecidesEquality, Typed
from catlearn.category.targets import (
    ComposesMany,
    Equality,
    Pairs,
    Paths,
    as_target,
    compare,
    generators_of,
    presentation_of,
    read_arrows,
)
from catlearn.display import Displayed
from catlearn.errors import (
    CatlearnError,
    Failure,
    Failures,
    NotComposable,
    UnknownName,
    did_you_mean,
    expect_dicts,
    fault,
    listed,
    refuse,
)
from catlearn.finset import Diagram, FinFunction, Frozen, Record
from catlearn.finset.join import expand, find, join, positions
from catlearn.finset.merge import quotient
from catlearn.finset.universal import Ambient
from catlearn.finset.value import SHOWN, failures_at, listing, once


def by_length(last: np.ndarray, before: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the arrows that are no identities by the length of their words.

    Parameters
    ----------
    last, before
        For each arrow the last generator of its word, and the arrow of the rest; -1 at
        identities, and at arrows without a word.
    """
    rows = np.flatnonzero(last >= 0)
    rows = rows[np.argsort(before[rows], kind="stable")]
    parents = before[rows]
    frontier = np.flatnonzero(last < 0)
    while frontier.size:
        low = np.searchsorted(parents, frontier, side="left")
        high = np.searchsorted(parents, frontier, side="right")
        frontier = rows[expand(low, high - low)]
        if frontier.size:
            yield frontier


def extend(
    C: FiniteCategory,
    D: FiniteCategory,
    ob: np.ndarray,
    values: np.ndarray,
    generating: np.ndarray | None = None,
) -> np.ndarray:
    """Return the value at every arrow of C.

    Parameters
    ----------
    C, D
        The categories.
    ob
        The value at each object.
    values
        The values at the arrows in ``generating``.
    generating
        Arrows that generate C, none of them an identity; by default ``C.generating``.

    Returns
    -------
    array
        Values, -1 where those that are given do not meet.
    """
    last, before = C._steps if generating is None else C._reach(generating)[1:]
    at = np.full(len(C.ar), -1)
    at[C.generating if generating is None else generating] = values
    found = np.full(len(C.ar), -1)
    found[C.ids.values] = D.ids.values[ob]
    for layer in by_length(last, before):
        found[layer] = meeting(D, found[before[layer]], at[last[layer]])
    return found


def meeting(D: FiniteCategory, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the rows of composites, -1 where one side is -1 or they do not meet."""
    there = (first >= 0) & (second >= 0)
    return np.where(there, D.then(np.where(there, first, 0), np.where(there, second, 0)), -1)


@listed
def _not_bijective(kind: str, f: FinFunction) -> Iterator[Failure]:
    hits = np.bincount(f.values, minlength=len(f.codomain))
    shared = [f.domain.label(k) for k in np.flatnonzero(hits[f.values] > 1)[:2].tolist()]
    if shared:
        yield Failure("injective", kind, f"several have one value, as {shared[0]} has")
    missed = np.flatnonzero(hits == 0)
    if missed.size:
        message = f"{f.codomain.label(int(missed[0]))} is not a value"
        message += f", nor are {missed.size - 1} others" if missed.size > 1 else ""
        yield Failure("surjective", kind, message)


class Functor(Frozen, Displayed):
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

    domain: Any
    target: Any
    _built = False

    def __init__(
        self,
        domain: Any,
        target: Any,
        objects: Mapping[str, Any] | None = None,
        arrows: Mapping[str, Any] | None = None,
        check: bool = True,
    ) -> None:
        self._set(domain=domain, graph=generators_of(domain), target=as_target(target))
        expect_dicts("a dict of values by name", objects=objects, arrows=arrows)
        unread = Failures()
        kind = self.kinds[1]
        given = read_arrows(self.target, arrows or {}, unread, lambda at: f"{kind} {written(at)}")
        sent = {at: self._read_object(at, a, unread) for at, a in (objects or {}).items()}
        refuse("Functor", unread)
        self._set(given=Record(given), objects=Record(self._complete(sent, given)))
        values = self._restricted(given)
        only = {edge: self._only(edge) for edge in self.graph.edges if edge not in values}
        values |= {edge: arrow for edge, arrow in only.items() if arrow is not None}
        self._set(arrows=Record(self._defined(values)))
        self._validate(check)

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

    def _read_object(self, at: str, value: Any, unread: Failures) -> Any:
        target = self.target
        if isinstance(target, FiniteCategory) and not isinstance(value, str) and value in target.ob:
            return target.ob.label(value)
        if isinstance(target, Category) and value not in target.objects:
            message = f"there is no object {value} to send it to"
            where = f"{self.kinds[0]} {written(at)}"
            unread.add("values", where, f"{message}; {did_you_mean(str(value), target.objects)}")
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
        made, pairs = dict(values), isinstance(self.target, Pairs)
        needs = {
            edge: {step for path in definition.paths for step in path.edges}
            for edge, definition in known.items()
            if edge not in made and (pairs or not definition.is_pairing)
        }
        for edge in TopologicalSorter(needs).static_order():
            if edge in made or edge not in needs or not needs[edge] <= made.keys():
                continue
            parts = [
                self._composed(path.source, [made[step] for step in path.edges])
                for path in known[edge].paths
            ]
            at = self.objects.get(self.graph.target(edge))
            made[edge] = self.target.pairing(at, parts) if known[edge].is_pairing else parts[0]
        return made

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
    def ambient(self) -> Ambient:
        """The category of categories, for a functor into a category."""
        if not isinstance(self.target, Category):
            message = f"{self.target!r} is not a category with objects, so no (co)limits are taken"
            raise AttributeError(message)
        return self.target.ambient

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
            raise fault("Functor", "composition", "F >> G", message, NotComposable)
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
            raise fault("Functor", "composition", "morphism", message)
        graph = morphism.domain
        objects = {v: self.objects[morphism.vertex(v)] for v in graph.vertices}
        arrows = {e: self.arrows[morphism.edge(e)] for e in graph.edges}
        return Functor(graph, self.target, objects, arrows)

    def as_diagram(self) -> Diagram:
        """Return its values as a finite diagram, whose limit or colimit can then be taken.

        The objects are those of the vertices and the arrows those of the edges, in the graph's
        order: a cocone under a free category's diagram need only commute with the generators.
        The (co)limit of a functor from the empty category is the terminal (initial) object of the
        target, for :class:`Morphisms` of the category that it is of.
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
            of=self.target.inside if inside else getattr(self.target, "of", None),
        )

    def _key(self) -> tuple[Any, ...]:
        values = (self.ob, self.ar) if self.is_finite else (self.objects, self.arrows)
        return self.domain, self.target, *values

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

    @cached_property
    def _values(self) -> list[Any]:
        """The value at each arrow of a finite domain, by row, for a target that is not one."""
        domain, (last, before) = self.domain, self.domain._steps
        values: list[Any] = [None] * len(domain.ar)
        for a, row in enumerate(domain.ids.values.tolist()):
            values[row] = self.target.identity(self.objects[domain.ob.label(a)])
        for layer in by_length(last, before):
            for row in layer.tolist():
                step = self.arrows[domain.ar.label(int(last[row]))]
                start = int(before[row])
                is_first = last[start] < 0
                values[row] = step if is_first else self.target.compose(values[start], step)
        return values

    @cached_property
    def _prefixes(self) -> tuple[dict[str, int], dict[tuple[int, str], int], list[Any]]:
        # The paths met so far as a tree: the node of each vertex's identity, the node that an
        # edge leads to from a node, and the value at each node.
        return {}, {}, []

    def __call__(self, at: Path | str) -> Any:
        """Return the value at an arrow or an object.

        Out of a graph or a presentation, the values of all prefixes of paths are remembered, so
        paths with a common prefix share work, unless the target composes many arrows at once.

        Parameters
        ----------
        at
            The name of an object, or of an arrow; a path; or the text of a path. A name that
            objects and arrows share is the object's.

        Raises
        ------
        UnknownName
            If nothing has this name.
        NotComposable
            If it is not a path of the domain.
        """
        if isinstance(at, str) and at in self.objects:
            return self.objects[at]
        if isinstance(self.domain, FiniteCategory):
            row = self.domain.arrow(at)
            return self.target.ar.label(self.ar(row)) if self.is_finite else self._values[row]
        return self._along(self._path(at) if isinstance(at, str) else at)

    @cached_property
    def _at_once(self) -> bool:
        """Whether the target composes many arrows at once."""
        return isinstance(self.target, ComposesMany)

    def _along(self, at: Path) -> Any:
        if self._at_once:
            arrows = [self.arrows[edge] for edge in self._edges(at)]
            return self.target.composite(self.objects[at.source], arrows)
        roots, after, values = self._prefixes
        node = roots.get(at.source, -1)
        for edge in at.edges:
            node = after.get((node, edge), -1)
        return values[node if node >= 0 else self._compose(at)]

    def _path(self, text: str) -> Path:
        if self.graph.has_edge(text):
            return self.graph.path([text])
        if text == written(text):
            kind = self.kinds[0]
            raise UnknownName(
                f"there is no {kind} {text}; {did_you_mean(text, self.graph.vertices)}"
            )
        return self.graph.path(text)

    def _edges(self, path: Path) -> tuple[str, ...]:
        """Return the edges of a path, or say where it leaves the graph."""
        at, known = path.source, self.graph._ends
        for edge in path.edges:
            source, target = known.get(edge, (None, None))
            if source != at:
                return self.graph.path(path).edges
            at = target
        return path.edges if at == path.target and path.edges else self.graph.path(path).edges

    def _composed(self, source: str, arrows: list[Any]) -> Any:
        """Compose some arrows of the target that start at the value of an object."""
        if self._at_once:
            return self.target.composite(self.objects.get(source), arrows)
        return reduce(self.target.compose, arrows or [self.target.identity(self.objects[source])])

    def _compose(self, path: Path) -> int:
        """Compose along a path that is met for the first time; return its node."""
        roots, after, values = self._prefixes
        edges = self._edges(path)
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

    @property
    def is_finite(self) -> bool:
        """Whether both ends are finite categories."""
        return isinstance(self.domain, FiniteCategory) and isinstance(self.target, FiniteCategory)

    def _finite(self) -> tuple[FiniteCategory, FiniteCategory]:
        if not self.is_finite:
            ends = f"from {self.domain!r} to {self.target!r}"
            raise CatlearnError(f"this is asked of functors between finite categories, not {ends}")
        return self.domain, self.target

    @cached_property
    def ob(self) -> FinFunction:
        """The function of rows of objects."""
        C, D = self._finite()
        sent: Any = vars(self)["objects"]
        values = np.array([D.ob.index(sent[a]) for a in C.objects], np.int64)
        return FinFunction._of(values, C.ob, D.ob)

    @cached_property
    def ar(self) -> FinFunction:
        """The function of rows of arrows."""
        C, D = self._finite()
        sent: Any = vars(self)["arrows"]
        generators = np.array([D.ar.index(sent[g]) for g in C.generators.edges], np.int64)
        return FinFunction._of(extend(C, D, self.ob.values, generators), C.ar, D.ar)

    def _hit(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count, for each pair of objects, the arrows of C, their values, and those of D."""
        C, D = self._finite()
        n, m, ob = len(C.ob), len(D.ob), self.ob.values
        at = C.src.values * n + C.tgt.values
        seen = np.unique(at * len(D.ar) + self.ar.values) // max(len(D.ar), 1)
        there = np.bincount(D.src.values * m + D.tgt.values, minlength=m * m)
        wanted = there[(ob[:, None] * m + ob[None, :]).ravel()] if m else np.zeros(0, np.int64)
        return np.bincount(at, minlength=n * n), np.bincount(seen, minlength=n * n), wanted

    @cached_property
    def is_full(self) -> bool:
        """Whether every arrow between values of objects is the value of an arrow between them."""
        _, seen, wanted = self._hit()
        return bool(np.array_equal(seen, wanted))

    @cached_property
    def is_faithful(self) -> bool:
        """Whether different parallel arrows have different values."""
        arrows, seen, _ = self._hit()
        return bool(np.array_equal(arrows, seen))

    @cached_property
    def is_essentially_surjective(self) -> bool:
        """Whether every object of the codomain is isomorphic to a value."""
        classes = self._finite()[1].classes
        return bool(np.isin(classes, classes[self.ob.values]).all())

    @cached_property
    def is_final(self) -> bool:
        """Whether colimits may be restricted along it.

        That is whether each comma category d/F, of an object d of the codomain, is connected, which
        includes that it is not empty (Mac Lane, IX.3).

        Examples
        --------
        A category is *sifted* if its diagonal is final; then its colimits of sets commute with
        finite products. Reflexive pairs are, parallel pairs are not (Adamek, Rosicky and Vitale,
        "What are sifted colimits?", 2010):

        >>> from catlearn import product
        >>> from catlearn.category import Graph, Presentation
        >>> pair = Graph({"s": ("E", "V"), "t": ("E", "V")})
        >>> loops = Graph({"s": ("E", "V"), "t": ("E", "V"), "i": ("V", "E")})
        >>> reflexive = Presentation(loops, ["i >> s = id(V)", "i >> t = id(V)"])
        >>> for C in (pair.category(), reflexive.category()):
        ...     one = Functor.identity(C)
        ...     print(product(C, C).universal(one, one).is_final)
        False
        True

        The quotient of a reflexive pair is that of the pair, since forgetting that it is reflexive
        is restricting along a final functor:

        >>> Functor(pair.category(), reflexive.category(), arrows={"s": "s", "t": "t"}).is_final
        True
        """
        C, D = self._finite()
        # The objects of all comma categories d/F at once: an object c, and an arrow h : d -> F(c).
        sides = [(0, 2, self.ob.values), (1, 2, D.tgt.values)]
        c, h = join([len(C.ob), len(D.ar), len(D.ob)], sides, [0, 1])
        sides = [(0, 2, c), (1, 2, C.src.values[C.generating])]
        k, u = join([len(c), len(C.generating), len(C.ob)], sides, [0, 1])
        u = C.generating[u]
        beyond = find([c, h], [C.tgt.values[u], D.then(h[k], self.ar.values[u])])
        _, first = quotient(len(c), k, beyond)
        parts = np.bincount(D.src.values[h[first]], minlength=len(D.ob))
        return bool((parts == 1).all())

    @property
    def is_initial(self) -> bool:
        """Whether limits may be restricted along it: each comma category F/d is connected."""
        return self.opposite.is_final

    @property
    def opposite(self) -> Functor:
        """The functor between the opposite categories."""
        C, D = self._finite()
        return Functor.build(C.opposite, D.opposite, self.ob.values, self.ar.values)

    @property
    def is_equivalence(self) -> bool:
        """Whether it has an inverse up to natural isomorphism."""
        return self.is_full and self.is_faithful and self.is_essentially_surjective

    @property
    def is_isomorphism(self) -> bool:
        """Whether it has an inverse."""
        self._finite()
        return self.ob.is_bijective and self.ar.is_bijective

    @property
    def is_monic(self) -> bool:
        """Whether no two objects and no two arrows have one value."""
        self._finite()
        return self.ar.is_injective

    def inverse(self) -> Functor:
        """Return the inverse functor.

        Raises
        ------
        InvalidStructure
            If it is not an isomorphism, with objects and arrows that tell.
        """
        C, D = self._finite()
        refuse(
            "inverse",
            [
                *_not_bijective("objects", self.ob),
                *_not_bijective("arrows", self.ar),
            ],
        )
        return type(self).build(D, C, self.ob.inverse().values, self.ar.inverse().values)

    def image(self) -> Functor:
        """Return the inclusion of the smallest subcategory that has all values.

        Values of arrows that do not meet may have values that do, so it can have composites that
        are no values.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory, Functor
        >>> C = FiniteCategory(["A", "B", "C", "D"], {"f": ("A", "B"), "g": ("C", "D")})
        >>> loop = FiniteCategory(["X"], {"s": ("X", "X")}, {("s", "s"): "id(X)"})
        >>> Functor(C, loop, arrows={"f": "s", "g": "s"}).image().domain.arrows
        ('id(X)', 's')
        """
        _, D = self._finite()
        values = np.unique(self.ar.values)
        reached = D._reach(values[~D.is_identity[values]])[0]
        objects = np.unique(self.ob.values)
        arrows = np.flatnonzero(reached & np.isin(D.src.values, objects))
        return Subcategory.of(D, objects, arrows).inclusion

    def failures(self, equal: Equality | None = None) -> list[Failure]:
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
        if failures or equal is None:
            return failures
        if self.is_finite:
            failures = list(self._ends_kept()) or list(self._composites_kept())
        else:
            for law, where, left, right, sides in self._equations():
                message = f"its left side has the value {left!r}, its right side {right!r}"
                if sides:
                    message = (
                        f"the value of {sides[1]} is {right!r}, that of {sides[0]} is {left!r}"
                    )
                failures += compare(law, where, equal, left, right, message)
        return failures + [failure for at in self.given for failure in self._misgiven(at, equal)]

    def _ends_kept(self) -> Iterator[Failure]:
        """List, between finite categories, the arrows whose values have wrong ends."""
        (C, D), ob, ar = self._finite(), self.ob.values, self.ar.values
        for verb, before, after in (("starts", C.src, D.src), ("ends", C.tgt, D.tgt)):

            def tell(row: int, verb=verb, before=before, after=after) -> tuple[str, str]:
                a, value = before(row), int(ar[row])
                message = (
                    f"its arrow {D.ar.label(value)} {verb} at {D.ob.label(after(value))!r}, "
                    f"but object {C.ob.label(a)} has the object {D.ob.label(int(ob[a]))!r}"
                )
                return f"arrow {C.ar.label(row)}", message

            wrong = np.flatnonzero(after.values[ar] != ob[before.values])
            yield from failures_at("ends", wrong, tell, "arrows", "have wrong ends")

    def _composites_kept(self) -> Iterator[Failure]:
        """List, between finite categories, the identities and composites that are not kept."""
        (C, D), ar = self._finite(), self.ar.values
        found, expected = ar[C.ids.values], D.ids.values[self.ob.values]
        for a in np.flatnonzero(found != expected).tolist():
            value, unit = D.ar.labels([int(found[a]), int(expected[a])])
            message = f"its value is {value}, expected {unit}"
            yield Failure("identities", f"identity of {C.ob.label(a)}", message)
        f, g, h = C._then_generators()
        left, right = D.then(ar[f], ar[g]), ar[h]

        def tell(k: int) -> tuple[str, str]:
            first, second, whole = C.ar.labels([int(f[k]), int(g[k]), int(h[k])])
            values = [int(ar[f[k]]), int(ar[g[k]]), int(left[k]), int(right[k])]
            one, other, found, expected = D.ar.labels(values)
            message = f"the value of {whole} is {expected}, but {one} >> {other} is {found}"
            return f"{first} >> {second} = {whole}", message

        wrong, others = np.flatnonzero(left != right), "composites are not kept"
        yield from failures_at("composition", wrong, tell, "arrows", others)

    def _misgiven(self, at: str, equal: Equality) -> Iterator[Failure]:
        if at in self.arrows:
            return
        word = self.domain.word(at)
        found, expected = self.given[at], self(word)
        law = "composition" if len(word) else "identities"
        message = f"its value is {found!r}, that of {word} is {expected!r}"
        yield from compare(law, f"arrow {at}", equal, found, expected, message)

    def _equations(self) -> Iterator[tuple[str, str, Any, Any, tuple[str, str] | None]]:
        """Yield the values of the two sides of each equation of the domain, and where it is."""
        if isinstance(self.domain, FiniteCategory):
            label = self.domain.ar.label
            sides = (side.tolist() for side in self.domain._relations())
            for f, g, h in zip(*sides, strict=True):
                left = self.target.compose(self._values[f], self._values[g])
                parts, whole = f"{label(f)} >> {label(g)}", label(h)
                yield "composition", f"{parts} = {whole}", left, self._values[h], (parts, whole)
            return
        presentation = presentation_of(self.domain)
        if presentation is None:
            return
        for name, equation in presentation.equations.items():
            left, right = (self(side) for side in presentation.sides(name))
            where = f"equation '{equation}'" + ("" if name == str(equation) else f" ({name})")
            yield "equations", where, left, right, None

    @listed
    def _unmatched(self) -> Iterator[Failure]:
        vertex, edge = self.kinds
        whole = "graph" if isinstance(self.domain, Graph) else "domain"
        for kind, known, there, given, value in (
            (vertex, self.graph.vertices, self.objects, self.objects, "object"),
            (edge, self.graph.edges, self.arrows, self.given, "arrow"),
        ):
            for name in known:
                if name not in there:
                    message = f"it has no {value}; a functor needs one for each {kind}"
                    if kind == edge:
                        message += self._choices(name)
                    yield Failure("totality", f"{kind} {written(name)}", message)
            names = set(known)
            for name in given:
                if name not in names and (kind == vertex or self._ends(name) is None):
                    hint = did_you_mean(name, known)
                    message = f"the {whole} has no {kind} of this name; {hint}"
                    yield Failure("known names", f"{kind} {written(name)}", message)

    def _choices(self, edge: str) -> str:
        """Say between what, in a finite category, an arrow is to be chosen for a generator."""
        source, target = (self.objects.get(a) for a in self.graph.ends(edge))
        if not isinstance(self.target, FiniteCategory) or source is None or target is None:
            return ""
        if source not in self.target.ob or target not in self.target.ob:
            return ""
        found = self.target.hom(source, target)
        if not found:
            return f", but there is none from {source} to {target}"
        return f"; say which of {listing(found[:SHOWN], len(found))}"

    @listed
    def _ends_broken(self) -> Iterator[Failure]:
        if not isinstance(self.target, Typed) or self._built:
            return
        vertex, edge = self.kinds
        for at in dict.fromkeys((*self.graph.edges, *self.given)):
            arrow = self.arrows.get(at, self.given.get(at))
            around = self._ends(at)
            if around is None or (at not in self.arrows and at not in self.given):
                continue
            for verb, end, name in zip(
                ("starts", "ends"), self.target.ends(arrow), around, strict=True
            ):
                if name in self.objects and not self.target.same(end, self.objects[name]):
                    message = (
                        f"its arrow {verb} at {end!r}, but {vertex} {name} "
                        f"has the object {self.objects[name]!r}"
                    )
                    yield Failure("ends", f"{edge} {written(at)}", message)

    def _ends(self, at: str) -> tuple[str, str] | None:
        """Return the ends of an arrow of the domain that values may be given for, by name."""
        if isinstance(self.domain, FiniteCategory):
            known = at in self.domain.ar or at in self.domain.aliases
            return self.domain.ends(at) if known else None
        return self.graph.ends(at) if self.graph.has_edge(at) else None


class Subcategory(FiniteCategory):
    """A subcategory of a finite category; built by :func:`full_subcategory` and others."""

    whole: FiniteCategory
    kept: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, C: FiniteCategory, objects: np.ndarray, arrows: np.ndarray) -> Self:
        """Build it from rows of objects and of arrows that are closed under composition."""
        at_object, at_arrow = positions(objects, len(C.ob)), positions(arrows, len(C.ar))
        made = cls.build(
            C.ob.part(objects),
            C.ar.part(arrows),
            at_object[C.src.values[arrows]],
            at_object[C.tgt.values[arrows]],
            at_arrow[C.ids.values[objects]],
            lambda f, g: at_arrow[C.then(arrows[f], arrows[g])],
        )
        made._set(whole=C, kept=(objects, arrows))
        return made

    @once
    def inclusion(self) -> Functor:
        """The functor into the whole category."""
        return Functor.build(self, self.whole, *self.kept)
