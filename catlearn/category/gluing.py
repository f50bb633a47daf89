"""Colimits of finite categories by presentations.

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
from typing import TYPE_CHECKING

import numpy as np

from catlearn.category.graph import Graph
from catlearn.category.path import Path
from catlearn.category.presentation import Presentation
from catlearn.errors import TooLarge
from catlearn.finset import Diagram
from catlearn.finset.merge import merge

if TYPE_CHECKING:
    from catlearn.category.finite import FiniteCategory
    from catlearn.category.functor import Functor

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
    return Glued(diagram.as_diagram()).presentation


def glued(diagram: Diagram) -> tuple[FiniteCategory, tuple[Functor, ...]]:
    """Return the colimit of a diagram of finite categories with its legs.

    Raises
    ------
    TooLarge
        If it is infinite, or is not known to be finite.
    """
    from catlearn.category import rows
    from catlearn.category.functor import Functor
    from catlearn.category.presented import PresentedCategory

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
        legs.append(Functor.build(C, apex, ob, rows.extend(C, apex, ob, values)))
    return apex, tuple(legs)
