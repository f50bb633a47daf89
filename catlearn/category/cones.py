"""Cones over diagrams in a finite category, and the search for a universal one.

All cones over a connected diagram are one relational join: a component at an object d is an arrow
into d, and the arrows of the diagram act on them by composition. The cones over a diagram of
several parts are families of cones over the parts with one apex, and are only counted.

A cone with apex x is universal if each cone with apex y is ``u >> leg`` for exactly one arrow
u : y -> x. So there must be as many cones with apex y as arrows y -> x, for every y; counting
leaves few candidates for x, and for these it is enough that no two arrows make the same cone.
Cocones are found in the same way with every arrow turned round.

>>> from catlearn.category import FiniteCategory
>>> from catlearn.finset import Diagram
>>> C = FiniteCategory.poset([("d", "a"), ("d", "b"), ("e", "d")])
>>> cones = Cones.of(C, Diagram([C["a"], C["b"]]), inward=False)
>>> C.objects, cones.counts().tolist()
(('d', 'a', 'b', 'e'), [1.0, 0.0, 0.0, 1.0])
>>> apex, legs = cones.universal()
>>> C.ob.label(apex), C.ar.labels(legs)
('d', ('d <= a', 'd <= b'))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from catlearn.category.composition import Composition
from catlearn.errors import DoesNotExist, Failure
from catlearn.finset import Diagram
from catlearn.finset.join import join, keys

MOST = 20_000_000
"""The most cones over a connected diagram that are looked at."""

NEAREST = 3
"""How many candidates an error explains."""

TRIED = 200
"""How many cones of each an error looks at."""


@dataclass(frozen=True)
class Cones:
    """All cones over a diagram, or all cocones under it, one table for each connected part.

    Parameters
    ----------
    category
        Where to search.
    inward
        True for cocones.
    near, far
        The ends of each arrow of the category: at the apex, and at the diagram.
    after
        What a component u becomes after an arrow v into (out of) the apex.
    parts
        For each connected part of the diagram: the places of its legs among all legs, a column
        of arrows for each of them, and the apex of each cone.
    legs
        How many legs there are.
    """

    category: Composition
    inward: bool
    near: np.ndarray
    far: np.ndarray
    after: Callable[[Any, Any], np.ndarray]
    parts: list[tuple[list[int], list[np.ndarray], np.ndarray]]
    legs: int

    @classmethod
    def of(cls, C: Composition, diagram: Diagram, inward: bool) -> Cones:
        """Find all cones over a diagram of objects and arrows of C."""
        near, far = C.src.values, C.tgt.values
        after = C.then
        if inward:
            near, far, after = far, near, lambda u, leg: C.then(leg, u)
        every = np.arange(len(C.ob))
        chosen = [np.flatnonzero(far == d.row) for d in diagram.objects]
        arrows = []
        for i, j, m in diagram.arrows:
            i, j = (j, i) if inward else (i, j)
            arrows.append((i, j, np.searchsorted(chosen[j], after(chosen[i], m.row))))
        parts = []
        for part in connected(len(diagram.objects), arrows):
            place = {k: new for new, k in enumerate(part)}
            legs = [number for number, k in enumerate(diagram.legs) if k in place]
            within = [(place[i], place[j], m) for i, j, m in arrows if i in place]
            first = diagram.legs[legs[0]]
            within.append((place[first], len(part), near[chosen[first]]))
            columns = join(
                [*(len(chosen[k]) for k in part), len(every)],
                within,
                [len(part), *(place[diagram.legs[number]] for number in legs)],
                most=MOST,
            )
            rows = [
                chosen[diagram.legs[number]][column]
                for number, column in zip(legs, columns[1:], strict=True)
            ]
            parts.append((legs, rows, columns[0]))
        return cls(C, inward, near, far, after, parts, len(diagram.legs))

    def counts(self) -> np.ndarray:
        """Return the number of cones with each apex; large ones are rounded."""
        size = len(self.category.ob)
        total = np.ones(size)
        for _, _, apex in self.parts:
            total *= np.bincount(apex, minlength=size)
        return total

    def at(self, x: int, most: int | None = None) -> Iterator[tuple[int, ...]]:
        """Yield the legs of the cones with apex x, in order."""
        rows = [np.flatnonzero(apex == x) for _, _, apex in self.parts]
        shape = tuple(len(part) for part in rows)
        total = int(np.prod([float(length) for length in shape]))
        count = total if most is None else min(total, most)
        for number in range(count):
            cone = [0] * self.legs
            picks = np.unravel_index(number, shape) if shape else ()
            for (legs, columns, _), part, pick in zip(self.parts, rows, picks, strict=True):
                for leg, column in zip(legs, columns, strict=True):
                    cone[leg] = int(column[part[pick]])
            yield tuple(cone)

    def factoring(self, x: int, legs: Sequence[int]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the arrows into x, and the cone that each makes of a cone with apex x."""
        rows = np.flatnonzero(self.far == x)
        return rows, [self.near[rows], *(self.after(rows, leg) for leg in legs)]

    def universal(self) -> tuple[int, tuple[int, ...]]:
        """Return the apex and the legs of the first universal cone.

        Raises
        ------
        DoesNotExist
            With the nearest candidates, and a cone that does not factor through each.
        """
        size, total = len(self.category.ob), self.counts()
        off = np.abs(np.bincount(self.far, minlength=size) - total.sum())
        for x in np.flatnonzero(off == 0).tolist():
            if not np.array_equal(np.bincount(self.near[self.far == x], minlength=size), total):
                continue
            for legs in self.at(x):
                rows, columns = self.factoring(x, legs)
                code = keys(columns, columns)[0]
                if len(np.unique(code)) == len(rows):
                    return x, legs
        what = "the colimit" if self.inward else "the limit"
        raise DoesNotExist(f"{what} in this category", list(self.explain(off, total)))

    def explain(self, off: np.ndarray, total: np.ndarray) -> Iterator[Failure]:
        """Say of the nearest candidates which cone does not factor through them."""
        cone = "cocone" if self.inward else "cone"
        order = [x for x in np.argsort(off, kind="stable").tolist() if total[x]][:NEAREST]
        if not order:
            yield Failure("existence", "diagram", f"there is no {cone} at all")
        for x in order:
            tried = list(self.at(x, most=TRIED))
            made = [set(_rows(self.factoring(x, legs)[1])) for legs in tried]
            best = max(range(len(tried)), key=lambda k: len(made[k]))
            legs, seen = tried[best], made[best]
            name = self.category.ob.label(x)
            where = f"{name} with legs {self._listed(legs)}" if legs else name
            yield Failure("universality", where, self._obstacle(x, legs, seen))

    def _listed(self, legs: Sequence[int]) -> str:
        return f"({', '.join(self.category.ar.labels(legs))})"

    def _obstacle(self, x: int, legs: Sequence[int], seen: set[tuple[int, ...]]) -> str:
        """Name a cone that factors through a given one twice, or not at all."""
        cone, way = ("cocone", "to") if self.inward else ("cone", "from")
        rows, columns = self.factoring(x, legs)
        by_cone: dict[tuple[int, ...], int] = {}
        for row, key in zip(rows.tolist(), _rows(columns), strict=True):
            if key in by_cone:
                y, label = self.category.ob.label(key[0]), self.category.ar.label
                u, v = label(by_cone[key]), label(row)
                what = f"the {cone} {self._listed(key[1:])} {way} {y}" if legs else f"{y}"
                return f"{what} factors through it twice, by {u} and by {v}"
            by_cone[key] = row
        for y in range(len(self.category.ob)):
            for other in self.at(y, most=len(rows) + 1):
                if (y, *other) not in seen:
                    label = self.category.ob.label(y)
                    what = f"the {cone} {self._listed(other)} {way} {label}" if legs else label
                    return f"{what} does not factor through it"
        return "it is universal"


def _rows(columns: Sequence[np.ndarray]) -> Iterator[tuple[int, ...]]:
    return zip(*(column.tolist() for column in columns), strict=True)


def connected(size: int, arrows: Sequence[tuple[int, int, Any]]) -> list[list[int]]:
    """Return the connected parts of a diagram, by first object."""
    label = list(range(size))
    for i, j, _ in arrows:
        low, high = sorted((label[i], label[j]))
        label = [low if k == high else k for k in label]
    return [[k for k in range(size) if label[k] == first] for first in sorted(set(label))]
