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

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, reduce
from typing import Any

import numpy as np

from catlearn.category import rows
from catlearn.category.between import Between
from catlearn.category.cats import CATEGORIES, Categories
from catlearn.category.finite import FiniteCategory
from catlearn.category.graph import Graph, GraphMorphism
from catlearn.category.inside import Arrow, Object
from catlearn.category.path import Path, written
from catlearn.category.presentation import Presentation
from catlearn.category.protocol import Category, Composes, DecidesEquality, Typed
from catlearn.category.targets import ComposesMany, Paths
from catlearn.category.verdict import Verdict
from catlearn.errors import (
    CatlearnError,
    Failure,
    InvalidStructure,
    NotComposable,
    UnknownName,
    did_you_mean,
)
from catlearn.finset import Diagram, FinFunction, Record

Equality = Callable[[Any, Any], "bool | Verdict"]


class Functor(Between):
    """A functor, given on the generators of its domain.

    Parameters
    ----------
    domain
        A graph (its free category), a presentation, a schema, or a category.
    target
        What its values compose in: a category, something with a method ``category()``, or
        anything that composes.
    objects
        The object for each object of the domain. Those left out get the end of an arrow at them
        if the target's arrows know their ends, or the only object if the target has just one;
        they stand for themselves otherwise.
    arrows
        The arrow for each generator. Out of a finite category one may give the values of any
        arrows that generate it, or of all. Into a category, arrows are given as themselves, by
        name, as paths of generators or as the text of one.
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

    _built = False

    def __init__(
        self,
        domain: Any,
        target: Any,
        objects: Mapping[str, Any] | None = None,
        arrows: Mapping[str, Any] | None = None,
        check: bool = True,
    ) -> None:
        self._set(domain=domain, graph=_generators(domain), target=as_target(target))
        unread: list[Failure] = []
        given = {at: self._read(at, f, unread) for at, f in (arrows or {}).items()}
        sent = {at: self._read_object(at, a, unread) for at, a in (objects or {}).items()}
        if unread:
            raise InvalidStructure("Functor", unread)
        self._set(given=Record(given), objects=Record(self._complete(sent, given)))
        self._set(arrows=Record(self._on_generators(given)))
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
        graph, free = _generators(category), not isinstance(category, Category)
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
        graph, target = _generators(domain), as_target(target)
        arrows = dict.fromkeys(graph.edges, target.identity(object))
        return cls(domain, target, dict.fromkeys(graph.vertices, object), arrows)

    def _read(self, at: str, arrow: Any, unread: list[Failure]) -> Any:
        if not isinstance(self.target, Category):
            return arrow
        try:
            return self.target.read(arrow)
        except (CatlearnError, TypeError) as error:
            unread.append(Failure("values", f"{self._kinds[1]} {written(at)}", str(error)))

    def _read_object(self, at: str, value: Any, unread: list[Failure]) -> Any:
        target = self.target
        if isinstance(target, FiniteCategory) and not isinstance(value, str) and value in target.ob:
            return target.ob.label(value)
        if isinstance(target, Category) and value not in target.objects:
            message = f"there is no object {value} to send it to"
            where = f"{self._kinds[0]} {written(at)}"
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

    def _ends(self, at: str) -> tuple[str, str] | None:
        """Return the ends of an arrow of the domain that values may be given for, by name."""
        if isinstance(self.domain, FiniteCategory):
            return self.domain.ends(at) if at in self.domain.ar else None
        return self.graph.ends(at) if self.graph.has_edge(at) else None

    def _on_generators(self, given: dict[str, Any]) -> dict[str, Any]:
        """Keep the values at generators; compose them where others that generate are given."""
        if not isinstance(self.domain, FiniteCategory):
            return given
        missing = [edge for edge in self.graph.edges if edge not in given]
        chosen = {edge: given[edge] for edge in self.graph.edges if edge in given}
        known = [self.domain.arrow(at) for at in given if at in self.domain.ar]
        if missing and known:
            proper = np.array([k for k in known if not self.domain.is_identity[k]], np.int64)
            reached, last, before = self.domain._reach(proper)
            for edge in missing:
                row, word = self.domain.arrow(edge), []
                while reached[row] and last[row] >= 0:
                    word.append(given[self.domain.ar.label(int(last[row]))])
                    row = int(before[row])
                if word:
                    chosen[edge] = self._composite(word[::-1])
        return chosen

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
        return _generators(self.domain)

    @property
    def codomain(self) -> Any:
        """The target."""
        return self.target

    @property
    def _kinds(self) -> tuple[str, str]:
        return ("vertex", "edge") if isinstance(self.domain, Graph) else ("object", "arrow")

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
            failures = rows.broken(*self._finite(), self.ob.values, self.ar.values)
        else:
            for law, where, left, right, sides in self._equations():
                message = f"its left side has the value {left!r}, its right side {right!r}"
                if sides:
                    message = (
                        f"the value of {sides[1]} is {right!r}, that of {sides[0]} is {left!r}"
                    )
                failures += compare(law, where, equal, left, right, message)
        return failures + [failure for at in self.given for failure in self._misgiven(at, equal)]

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
            sides = (side.tolist() for side in rows.relations(self.domain))
            for f, g, h in zip(*sides, strict=True):
                left = self.target.compose(self._values[f], self._values[g])
                parts, whole = f"{label(f)} >> {label(g)}", label(h)
                yield "composition", f"{parts} = {whole}", left, self._values[h], (parts, whole)
            return
        presentation = _presentation(self.domain)
        if presentation is None:
            return
        for name, equation in presentation.equations.items():
            left, right = (self(side) for side in presentation.sides(name))
            where = f"equation '{equation}'" + ("" if name == str(equation) else f" ({name})")
            yield "equations", where, left, right, None

    def _unmatched(self) -> list[Failure]:
        failures = []
        vertex, edge = self._kinds
        whole = "graph" if isinstance(self.domain, Graph) else "domain"
        extra = self.domain.arrows if isinstance(self.domain, FiniteCategory) else ()
        for kind, known, there, given, value in (
            (vertex, self.graph.vertices, self.objects, self.objects, "object"),
            (edge, self.graph.edges, self.arrows, self.given, "arrow"),
        ):
            for name in known:
                if name not in there:
                    message = f"it has no {value}; a functor needs one for each {kind}"
                    failures.append(Failure("totality", f"{kind} {written(name)}", message))
            names = {*known, *(extra if kind == edge else ())}
            for name in given:
                if name not in names:
                    hint = did_you_mean(name, known)
                    message = f"the {whole} has no {kind} of this name; {hint}"
                    failures.append(Failure("known names", f"{kind} {written(name)}", message))
        return failures

    def _ends_broken(self) -> list[Failure]:
        if not isinstance(self.target, Typed) or self._built:
            return []
        failures = []
        vertex, edge = self._kinds
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
                    failures.append(Failure("ends", f"{edge} {written(at)}", message))
        return failures

    @cached_property
    def _values(self) -> list[Any]:
        """The value at each arrow of a finite domain, by row, for a target that is not one."""
        domain, (last, before) = self.domain, self.domain._steps
        values: list[Any] = [None] * len(domain.ar)
        for a, row in enumerate(domain.ids.values.tolist()):
            values[row] = self.target.identity(self.objects[domain.ob.label(a)])
        for layer in rows.layers(last, before):
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
        paths that begin alike share work, unless the target composes many arrows at once.

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

    def _along(self, at: Path) -> Any:
        if isinstance(self.target, ComposesMany):
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
            kind = self._kinds[0]
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

    def _composite(self, arrows: list[Any]) -> Any:
        """Compose some arrows of the target, at least one."""
        if isinstance(self.target, ComposesMany):
            return self.target.composite(None, arrows)
        return reduce(self.target.compose, arrows)

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


def as_target(given: Any) -> Any:
    """Return what a functor maps into: itself if it composes, else the category it presents.

    Raises
    ------
    CatlearnError
        If it neither composes nor has a method ``category``.
    """
    if isinstance(given, Composes):
        return given
    if hasattr(given, "category"):
        return given.category()
    message = "a functor maps into a category, a presentation, or a value with methods identity"
    raise CatlearnError(f"{message}(object) and compose(first, then), not into {given!r}")


def _generators(domain: Any) -> Graph:
    """Return the graph of the generators of what a functor starts at."""
    if isinstance(domain, Graph):
        return domain
    if isinstance(domain, Category):
        return domain.generators
    if isinstance(getattr(domain, "graph", None), Graph):
        return domain.graph
    message = "a functor starts at a graph, a presentation, a schema or a category"
    raise CatlearnError(f"{message}, not at {domain!r}")


def _presentation(domain: Any) -> Any:
    """Return the equations of what a functor starts at, on its generators."""
    if isinstance(domain, Presentation):
        return domain
    if isinstance(domain, Graph):
        return None
    given: Any = getattr(domain, "presentation", None)
    if given is not None:
        return given() if callable(given) else given
    return Presentation(domain.graph, getattr(domain, "equations", ()))


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
