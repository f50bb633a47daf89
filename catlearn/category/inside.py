"""Limits and colimits inside a finite category, found by search.

``C["f"]`` is the arrow f of C as a value with a domain, a codomain and ``>>``, and ``C["A"]`` is
an object; the package's one family of limits and colimits takes them. A limit of a diagram is a
cone through which every cone factors exactly once (Mac Lane, III.4).

A limit is unique up to a unique isomorphism, so that it does not matter which one is returned:
it is the one whose apex, and then whose legs, come first in the category.

>>> from catlearn import pullback, product, initial
>>> from catlearn.category import FiniteCategory
>>> divisors = FiniteCategory.poset(lambda a, b: b % a == 0, [1, 2, 3, 4, 6, 12])
>>> product(divisors["4"], divisors["6"]).apex  # the greatest common divisor
<Object 2>
>>> square = pullback(divisors["4 <= 12"], divisors["6 <= 12"])
>>> square.legs
(<Arrow 2 <= 4 : 2 -> 4>, <Arrow 2 <= 6 : 2 -> 6>)
>>> square.universal(divisors["1 <= 4"], divisors["1 <= 6"])
<Arrow 1 <= 2 : 1 -> 2>
>>> initial(divisors["4"])
<Object 1>

Cones over diagrams in a finite category, and the search for a universal one.

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

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.errors import DoesNotExist, Failure, NotComposable, fault, refuse
from catlearn.finset.join import join, keys
from catlearn.finset.universal import Ambient, Colimit, Diagram, Limit
from catlearn.finset.value import Frozen

if TYPE_CHECKING:
    from catlearn.category.finite import ArrowLike, FiniteCategory


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

    category: FiniteCategory
    inward: bool
    near: np.ndarray
    far: np.ndarray
    after: Callable[[Any, Any], np.ndarray]
    parts: list[tuple[list[int], list[np.ndarray], np.ndarray]]
    legs: int

    @classmethod
    def of(cls, C: FiniteCategory, diagram: Diagram, inward: bool) -> Cones:
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


class _Within(Frozen, by="row category"):
    """What is in a finite category, by its row."""

    category: FiniteCategory
    row: int

    @property
    def ambient(self) -> InsideCategory:
        """The category, as a place in which limits and colimits are taken."""
        return self.category.inside

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.row))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"


class Object(_Within):
    """An object of a finite category.

    Parameters
    ----------
    category
        The category.
    at
        Its name or row.
    """

    def __init__(self, category: FiniteCategory, at: str | int) -> None:
        self._set(category=category, row=category.ob.index(at))

    @property
    def name(self) -> str:
        """The object's name."""
        return self.category.ob.label(self.row)

    def __str__(self) -> str:
        return self.name


class Arrow(_Within):
    """An arrow of a finite category, which composes by ``>>``.

    Parameters
    ----------
    category
        The category.
    at
        Its name or row, or a path or its text.

    Examples
    --------
    >>> from catlearn.category import FiniteCategory
    >>> C = FiniteCategory.chain(3)
    >>> C["0 <= 1"] >> C["1 <= 3"]
    <Arrow 0 <= 3 : 0 -> 3>
    >>> C["0 <= 1"].is_mono, C["0 <= 1"].is_iso
    (True, False)
    """

    def __init__(self, category: FiniteCategory, at: ArrowLike) -> None:
        self._set(category=category, row=category.arrow(at))

    @property
    def name(self) -> str:
        """The arrow's name."""
        return self.category.ar.label(self.row)

    @property
    def domain(self) -> Object:
        """The object where it starts."""
        return Object(self.category, self.category.src(self.row))

    @property
    def codomain(self) -> Object:
        """The object where it ends."""
        return Object(self.category, self.category.tgt(self.row))

    def __rshift__(self, other: Arrow) -> Arrow:
        if not isinstance(other, Arrow):
            return NotImplemented
        why = self.ambient.mismatch(self.codomain, other.domain)
        if why:
            raise fault("Arrow", "composition", f"{self.name} >> {other.name}", why, NotComposable)
        return Arrow(self.category, int(self.category.then(self.row, other.row)))

    def _is(self, kind: str) -> bool:
        return bool(getattr(self.category, kind)[self.row])

    @property
    def is_identity(self) -> bool:
        """Whether it is an identity."""
        return self._is("is_identity")

    @property
    def is_iso(self) -> bool:
        """Whether it is an isomorphism."""
        return self._is("is_iso")

    @property
    def is_mono(self) -> bool:
        """Whether it is a mono."""
        return self._is("is_mono")

    @property
    def is_epi(self) -> bool:
        """Whether it is an epi."""
        return self._is("is_epi")

    def inverse(self) -> Arrow:
        """Return the inverse of an isomorphism; InvalidStructure if it is not one."""
        return Arrow(self.category, self.category.inverse(self.row))

    def __str__(self) -> str:
        return f"{self.name} : {self.domain} -> {self.codomain}"


class InsideCategory(Ambient):
    """A finite category as the place of its own limits and colimits."""

    def __init__(self, category: FiniteCategory) -> None:
        self.category = category

    @property
    def name(self) -> str:  # type: ignore[override]
        """The category, as messages call it."""
        C = self.category
        return f"a category of {len(C.ob)} objects and {len(C.ar)} arrows"

    def mismatch(self, one: Object, other: Object) -> str:
        if one.category is not other.category and one.category != other.category:
            return f"{one} and {other} are objects of different categories"
        return "" if one.row == other.row else f"{one} is not {other}"

    def identity(self, of: Object) -> Arrow:
        return Arrow(self.category, self.category.ids(of.row))

    def limit(self, diagram: Diagram) -> tuple[Object, tuple[Arrow, ...]]:
        return self._found(diagram, inward=False)

    def colimit(self, diagram: Diagram) -> tuple[Object, tuple[Arrow, ...]]:
        return self._found(diagram, inward=True)

    def _found(self, diagram: Diagram, inward: bool) -> tuple[Object, tuple[Arrow, ...]]:
        refuse(
            "diagram",
            (
                Failure("category", f"object {k}", f"{thing} is not in the category of the others")
                for k, thing in enumerate(diagram.objects)
                if thing.category is not self.category and thing.category != self.category
            ),
        )
        apex, legs = Cones.of(self.category, diagram, inward).universal()
        return Object(self.category, apex), tuple(Arrow(self.category, leg) for leg in legs)

    def lift(self, limit: Limit, cone: tuple[Arrow, ...], domain: Object) -> Arrow:
        return self._induced(domain, limit.apex, zip(limit.legs, cone, strict=True), inward=False)

    def descend(self, colimit: Colimit, cocone: tuple[Arrow, ...], codomain: Object) -> Arrow:
        sides = zip(colimit.legs, cocone, strict=True)
        return self._induced(colimit.apex, codomain, sides, inward=True)

    def _induced(
        self, start: Object, end: Object, sides: Iterable[tuple[Arrow, Arrow]], inward: bool
    ) -> Arrow:
        C, rows = self.category, self.category.hom_rows(start.row, end.row)
        for leg, h in sides:
            composite = C.then(leg.row, rows) if inward else C.then(rows, leg.row)
            rows = rows[composite == h.row]
        return Arrow(C, int(rows[0]))
