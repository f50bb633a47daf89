"""Cat: limits and colimits of finite categories.

A limit of categories has the limits of sets of objects and of arrows, and composes component by
component. A coproduct is a disjoint union. Other colimits are presented: the generators of all
categories of the diagram, with the equations of each, and an equation ``g = F(g)`` for each
generator g and each functor F out of its category (Mac Lane, V.1 and II.8); completion of the
presentation tells the arrows. A colimit of finite categories can be infinite: identifying the
two ends of an arrow gives the free monoid on it.

>>> from catlearn.category import FiniteCategory, Functor
>>> from catlearn.finset import coequalizer, product, pushout
>>> arrow, point = FiniteCategory.chain(1), FiniteCategory.discrete(["x"])
>>> product(arrow, arrow).apex.objects
('(0, 0)', '(0, 1)', '(1, 0)', '(1, 1)')
>>> end, start = (Functor(point, arrow, objects={"x": at}) for at in ("1", "0"))
>>> len(pushout(end, start).apex.arrows)
6
>>> coequalizer(start, end)
Traceback (most recent call last):
    ...
catlearn.errors.TooLarge: the colimit is not a finite category: it has infinitely many ...

Colimits of finite categories by presentations.

The colimit of a diagram of presented categories is presented by all their generators and
equations, with an equation ``g = F(g)`` for each generator g and functor F of the diagram.
Generators that this makes equal to one another become one, named as rows of glued tables are;
the other equations stay.

>>> from catlearn.category import FiniteCategory, Functor
>>> from catlearn.finset import Diagram
>>> arrow, point = FiniteCategory(["0", "1"], {"f": ("0", "1")}), FiniteCategory.discrete(["x"])
>>> ends = [Functor(point, arrow, objects={"x": at}) for at in ("0", "1")]
>>> fork = Diagram([point, arrow], [(0, 1, ends[0]), (0, 1, ends[1])], legs=[1])
>>> presentation_of_colimit(fork)
Presentation(Graph({'f': ('0', '0')}), [])
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from catlearn.category.finite import FiniteCategory
from catlearn.category.functor import Functor, extend
from catlearn.category.graph import Graph
from catlearn.category.path import Path
from catlearn.category.presentation import Presentation
from catlearn.category.presented import PresentedCategory
from catlearn.errors import CatlearnError, TooLarge, expect
from catlearn.finset import FinSet, colimit, limit
from catlearn.finset.join import find
from catlearn.finset.merge import merge
from catlearn.finset.universal import Ambient, Colimit, Diagram, Limit
from catlearn.finset.value import SHOWN, listing
from catlearn.names import distinct

Letters = tuple[tuple[int, str], ...]
"""A word in the generators of the legs: pairs of the number of an object, and an edge."""

Relation = tuple[str | None, int, str, Letters, Letters]
"""Two equal words, the object of the diagram and the vertex where they start, and a name."""


class Glued:
    """The presentation of a colimit, and where generators go.

    Parameters
    ----------
    diagram
        A diagram of finite categories, with arrows.
    """

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self._base = self._routes()
        self._known: dict[tuple[int, str], Letters] = {}
        self.objects = merge(
            [len(C.ob) for C in diagram.objects],
            [(i, j, F.ob.values) for i, j, F in diagram.arrows],
            diagram.legs,
            [C.ob.labels() for C in diagram.objects],
            diagram.names,
        )
        relations = list(self._relations())
        self._merge_letters(relations)
        self.presentation = self._present(relations)

    def _routes(self) -> dict[int, tuple[int, Functor]]:
        """Choose for each object without a leg an arrow towards one."""
        known, routes = set(self.diagram.legs), {}
        while True:
            ready = [(i, j, F) for i, j, F in self.diagram.arrows if j in known and i not in known]
            if not ready:
                return routes
            i, j, F = ready[0]
            known.add(i)
            routes[i] = (j, F)

    def _letters(self, k: int, path: Path) -> Letters:
        return tuple(letter for edge in path.edges for letter in self._letter(k, edge))

    def _letter(self, k: int, edge: str) -> Letters:
        """Write a generator of object k in those of the legs."""
        if k not in self._base:
            return ((k, edge),)
        if (k, edge) not in self._known:
            j, F = self._base[k]
            self._known[k, edge] = self._letters(j, F.target.word(F.arrows[edge]))
        return self._known[k, edge]

    def _relations(self) -> Iterator[Relation]:
        """Yield pairs of words that are equal, where they start, and a name they may have."""
        for k in self.diagram.legs:
            P = self.diagram.objects[k].presentation()
            for name in P.equations:
                left, right = P.sides(name)
                yield None, k, left.source, self._letters(k, left), self._letters(k, right)
        for i, j, F in self.diagram.arrows:
            named = i in self._base
            for edge in F.graph.edges:
                image = self._letters(j, F.target.word(F.arrows[edge]))
                source = F.graph.source(edge)
                yield edge if named else None, i, source, self._letter(i, edge), image

    def _merge_letters(self, relations: list[Relation]) -> None:
        """Identify generators that an equation says are equal, and name the classes."""
        legs = self.diagram.legs
        place = {k: number for number, k in enumerate(legs)}
        generators = [self.diagram.objects[k].generators.edges for k in legs]
        row = [{edge: n for n, edge in enumerate(edges)} for edges in generators]
        groups: dict[tuple[int, int], dict[tuple[int, int], str]] = {}
        for name, _, _, left, right in relations:
            if len(left) == len(right) == 1 and left != right:
                (one, e), (other, f) = sorted((left[0], right[0]), key=lambda at: place[at[0]])
                pair = row[place[one]][e], row[place[other]][f]
                groups.setdefault((place[one], place[other]), {})[pair] = name or e
        sizes, names, arrows = [*map(len, generators)], [*generators], []
        for (one, other), pairs in groups.items():
            both = np.array(list(pairs), np.int64)
            arrows += [(len(sizes), one, both[:, 0]), (len(sizes), other, both[:, 1])]
            sizes.append(len(both))
            names.append(tuple(pairs.values()))
        merged = merge(sizes, arrows, range(len(legs)), names, self.diagram.names)
        self.names = merged.names or ()
        self._class = {
            (k, edge): int(merged.legs[number][n])
            for number, k in enumerate(legs)
            for n, edge in enumerate(generators[number])
        }

    def _present(self, relations: list[Relation]) -> Presentation:
        ends: dict[str, tuple[str, str]] = {}
        for (k, edge), at in self._class.items():
            C = self.diagram.objects[k]
            source, target = (self.vertex(k, end) for end in C.generators.ends(edge))
            ends.setdefault(self.names[at], (source, target))
        edges = {name: ends[name] for name in self.names}
        graph = Graph(edges, vertices=self.objects.names or ())
        equations: dict[tuple[Path, Path], None] = {}
        for _, k, source, left, right in relations:
            start = self.vertex(k, source)
            one, other = (self._path(graph, start, word) for word in (left, right))
            if one != other and (other, one) not in equations:
                equations[one, other] = None
        return Presentation(graph, list(equations))

    def _path(self, graph: Graph, start: str, letters: Letters) -> Path:
        edges = tuple(self.names[self._class[letter]] for letter in letters)
        return Path(start, edges, graph.target(edges[-1]) if edges else start)

    def vertex(self, k: int, name: str) -> str:
        """Return the name that an object of a category of the diagram has in the colimit."""
        row = self.diagram.objects[k].ob.index(name)
        while k in self._base:
            k, F = self._base[k]
            row = F.ob(row)
        place = self.diagram.legs.index(k)
        return (self.objects.names or ())[int(self.objects.legs[place][row])]

    def path(self, k: int, edge: str) -> Path:
        """Return the path that a generator of a category of the diagram has in the colimit."""
        start = self.vertex(k, self.diagram.objects[k].generators.source(edge))
        return self._path(self.presentation, start, self._letter(k, edge))


def presentation_of_colimit(diagram: Diagram) -> Presentation:
    """Return a presentation of the colimit of a diagram of finite categories.

    The colimit may be infinite; ``presentation_of_colimit(diagram).category()`` computes in it.
    """
    wanted = "a Diagram or a functor of finite categories"
    expect(diagram, "as_diagram", "what a colimit is of", wanted)
    return Glued(diagram.as_diagram()).presentation


def glued(diagram: Diagram) -> tuple[FiniteCategory, tuple[Functor, ...]]:
    """Return the colimit of a diagram of finite categories with its legs.

    Raises
    ------
    TooLarge
        If it is infinite, or is not known to be finite.
    """
    found = Glued(diagram)
    presented = PresentedCategory(found.presentation)
    try:
        apex = presented.finite()
    except TooLarge as error:
        why = str(error).removeprefix("the category is not listed: ")
        remedy = "presentation_of_colimit(diagram) presents it"
        raise TooLarge(f"the colimit is not a finite category: {why}; {remedy}") from None
    legs = []
    for place, k in enumerate(diagram.legs):
        C = diagram.objects[k]
        forms = [presented.normal_form(found.path(k, edge)) for edge in C.generators.edges]
        values = np.array([apex.arrow(str(form)) for form in forms], np.int64)
        ob = found.objects.legs[place]
        legs.append(Functor.build(C, apex, ob, extend(C, apex, ob, values)))
    return apex, tuple(legs)


class Categories(Ambient):
    """The category of finite categories; morphisms are functors between them."""

    name = "the category of finite categories"

    def mismatch(self, one: FiniteCategory, other: FiniteCategory) -> str:
        return "" if one == other else f"{one} is not {other}"

    def identity(self, of: FiniteCategory) -> Functor:
        return Functor.identity(of)

    def differences(self, f: Functor, g: Functor) -> str:
        if not (f.is_finite and g.is_finite):
            return "" if f == g else f"{f} is not {g}"
        one, other = np.append(f.ob.values, f.ar.values), np.append(g.ob.values, g.ar.values)
        sources = (*f.domain.ob.labels(), *f.domain.ar.labels())
        targets = (f.target.ob, f.target.ar)
        bad, size = np.flatnonzero(one != other), len(f.domain.ob)
        shown = (
            f"{sources[k]} goes to {targets[k >= size].label(int(one[k]))}"
            f" and to {targets[k >= size].label(int(other[k]))}"
            for k in bad[:SHOWN].tolist()
        )
        return listing(shown, bad.size)

    def limit(self, diagram: Diagram) -> tuple[FiniteCategory, tuple[Functor, ...]]:
        parts = _finite(diagram)
        if not diagram.legs:
            return FiniteCategory.discrete(["*"]), ()
        ob, ar = limit(_sets(diagram, "ob")), limit(_sets(diagram, "ar"))
        names = _names(ob, parts)
        units = [C.ids.values[leg.values] for C, leg in zip(parts, ob.legs, strict=True)]
        ids = _into(ar, units)
        labels = list(_names(ar, parts))
        usual = np.all([_usual(C)[leg.values] for C, leg in zip(parts, ob.legs, strict=True)], 0)
        for a in np.flatnonzero(usual).tolist():
            labels[ids[a]] = _unit(names[a])
        sides = list(zip(parts, ar.legs, strict=True))
        src = _into(ob, [C.src.values[leg.values] for C, leg in sides])
        tgt = _into(ob, [C.tgt.values[leg.values] for C, leg in sides])

        def compose(first: np.ndarray, second: np.ndarray) -> np.ndarray:
            return _into(ar, [C.then(leg.values[first], leg.values[second]) for C, leg in sides])

        apex = FiniteCategory.build(names, distinct(labels, "-"), src, tgt, ids, compose)
        legs = zip(parts, ob.legs, ar.legs, strict=True)
        return apex, tuple(Functor.build(apex, C, a.values, f.values) for C, a, f in legs)

    def lift(self, limit: Limit, cone: tuple[Any, ...], domain: FiniteCategory) -> Functor:
        if not cone:
            rows = np.zeros(len(domain.ob), np.int64), np.zeros(len(domain.ar), np.int64)
            return Functor.build(domain, limit.apex, *rows)
        ob = find([leg.ob.values for leg in limit.legs], [F.ob.values for F in cone])
        ar = find([leg.ar.values for leg in limit.legs], [F.ar.values for F in cone])
        return Functor.build(domain, limit.apex, ob, ar)

    def colimit(self, diagram: Diagram) -> tuple[FiniteCategory, tuple[Functor, ...]]:

        parts = _finite(diagram)
        return glued(diagram) if diagram.arrows else _disjoint(diagram, parts)

    def descend(
        self, colimit: Colimit, cocone: tuple[Any, ...], codomain: FiniteCategory
    ) -> Functor:
        apex = colimit.apex
        ob = np.full(len(apex.ob), -1)
        at = np.full(len(apex.ar), -1)
        for leg, F in zip(colimit.legs, cocone, strict=True):
            ob[leg.ob.values] = F.ob.values
            at[leg.ar.values] = F.ar.values
        known = np.flatnonzero((at >= 0) & ~apex.is_identity)
        return Functor.build(apex, codomain, ob, extend(apex, codomain, ob, at[known], known))


CATEGORIES = Categories()
"""The one instance."""


def _finite(diagram: Diagram) -> tuple[FiniteCategory, ...]:
    """Return the objects that have legs, or say which objects are not finite categories."""
    for number, one in enumerate(diagram.objects):
        if not isinstance(one, FiniteCategory):
            message = f"limits and colimits are those of finite categories; object {number} is"
            remedy = "presentations have colimits, which present those of their categories"
            raise CatlearnError(f"{message} {one!r}; {remedy}")
    return diagram.leg_objects


def _sets(diagram: Diagram, part: str) -> Diagram:
    """Return the diagram of the sets of objects, or of the sets of arrows."""
    sets = [FinSet(getattr(one, part).labels()) for one in diagram.objects]
    arrows = [(i, j, getattr(F, part)) for i, j, F in diagram.arrows]
    return Diagram(sets, arrows, legs=diagram.legs, names=diagram.names, of=FinSet)


def _into(found: Limit, columns: list[np.ndarray]) -> np.ndarray:
    return find([leg.values for leg in found.legs], columns)


def _names(found: Limit, parts: tuple[FiniteCategory, ...]) -> list[str]:
    """Name the elements of a limit by their components, ``(a, b)``."""
    columns = [leg.codomain.labels(leg.values.tolist()) for leg in found.legs]
    if len(parts) == 1:
        return list(columns[0])
    return distinct((f"({', '.join(row)})" for row in zip(*columns, strict=True)), "-")


def _unit(name: str) -> str:
    return str(Path.identity(name))


def _usual(C: FiniteCategory) -> np.ndarray:
    """For each object whether its identity is called ``id(...)``."""
    return np.array([C.identity(name) == _unit(name) for name in C.objects], bool)


def _disjoint(
    diagram: Diagram, parts: tuple[FiniteCategory, ...]
) -> tuple[FiniteCategory, tuple[Functor, ...]]:
    """Return the coproduct: the disjoint union of objects, arrows and composites."""
    ob, ar = colimit(_sets(diagram, "ob")), colimit(_sets(diagram, "ar"))
    objects, arrows = ob.apex.labels(), list(ar.apex.labels())
    src, tgt, first = (np.zeros(len(arrows), np.int64) for _ in range(3))
    ids, home = np.zeros(len(objects), np.int64), np.zeros(len(arrows), np.int64)
    for number, (C, a, f) in enumerate(zip(parts, ob.legs, ar.legs, strict=True)):
        src[f.values], tgt[f.values] = a.values[C.src.values], a.values[C.tgt.values]
        ids[a.values] = f.values[C.ids.values]
        home[f.values], first[f.values] = number, f.values[0] if len(C.ar) else 0
        for row in a.values[_usual(C)].tolist():
            arrows[ids[row]] = _unit(objects[row])

    def compose(f: np.ndarray, g: np.ndarray) -> np.ndarray:
        composite = np.empty(len(f), np.int64)
        for number, (C, leg) in enumerate(zip(parts, ar.legs, strict=True)):
            here = home[f] == number
            start = first[f[here]]
            composite[here] = leg.values[C.then(f[here] - start, g[here] - start)]
        return composite

    apex = FiniteCategory.build(objects, distinct(arrows, "-"), src, tgt, ids, compose)
    sides = zip(parts, ob.legs, ar.legs, strict=True)
    return apex, tuple(Functor.build(C, apex, a.values, f.values) for C, a, f in sides)
