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
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.errors import CatlearnError
from catlearn.finset import FinSet, colimit, limit
from catlearn.finset.diagrams import Ambient, Diagram
from catlearn.finset.join import find
from catlearn.finset.universal import Colimit, Limit
from catlearn.finset.value import SHOWN, listing
from catlearn.names import distinct

if TYPE_CHECKING:
    from catlearn.category.finite import FiniteCategory
    from catlearn.category.functor import Functor


class Categories(Ambient):
    """The category of finite categories; morphisms are functors between them."""

    name = "the category of finite categories"

    def mismatch(self, one: FiniteCategory, other: FiniteCategory) -> str:
        return "" if one == other else f"{one} is not {other}"

    def identity(self, of: FiniteCategory) -> Functor:
        from catlearn.category.functor import Functor

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
        from catlearn.category.finite import FiniteCategory
        from catlearn.category.functor import Functor

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
        from catlearn.category.functor import Functor

        if not cone:
            rows = np.zeros(len(domain.ob), np.int64), np.zeros(len(domain.ar), np.int64)
            return Functor.build(domain, limit.apex, *rows)
        ob = find([leg.ob.values for leg in limit.legs], [F.ob.values for F in cone])
        ar = find([leg.ar.values for leg in limit.legs], [F.ar.values for F in cone])
        return Functor.build(domain, limit.apex, ob, ar)

    def colimit(self, diagram: Diagram) -> tuple[FiniteCategory, tuple[Functor, ...]]:
        from catlearn.category.gluing import glued

        parts = _finite(diagram)
        return glued(diagram) if diagram.arrows else _disjoint(diagram, parts)

    def descend(
        self, colimit: Colimit, cocone: tuple[Any, ...], codomain: FiniteCategory
    ) -> Functor:
        from catlearn.category import rows
        from catlearn.category.functor import Functor

        apex = colimit.apex
        ob = np.full(len(apex.ob), -1)
        at = np.full(len(apex.ar), -1)
        for leg, F in zip(colimit.legs, cocone, strict=True):
            ob[leg.ob.values] = F.ob.values
            at[leg.ar.values] = F.ar.values
        known = np.flatnonzero((at >= 0) & ~apex.is_identity)
        return Functor.build(apex, codomain, ob, rows.extend(apex, codomain, ob, at[known], known))


CATEGORIES = Categories()
"""The one instance."""


def _finite(diagram: Diagram) -> tuple[FiniteCategory, ...]:
    """Return the objects that have legs, or say which objects are not finite categories."""
    from catlearn.category.finite import FiniteCategory

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
    from catlearn.category.path import Path

    return str(Path.identity(name))


def _usual(C: FiniteCategory) -> np.ndarray:
    """For each object whether its identity is called ``id(...)``."""
    return np.array([C.identity(name) == _unit(name) for name in C.objects], bool)


def _disjoint(
    diagram: Diagram, parts: tuple[FiniteCategory, ...]
) -> tuple[FiniteCategory, tuple[Functor, ...]]:
    """Return the coproduct: objects, arrows and composites beside each other."""
    from catlearn.category.finite import FiniteCategory
    from catlearn.category.functor import Functor

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
