"""Cones and cocones to try a universal property with, and morphisms at its apex.

They are drawn without asking the (co)limit under test; see :mod:`catlearn.laws.universal`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, product as families
from typing import Any

import numpy as np
from hypothesis import strategies as st

from catlearn.category.inside import Arrow, Object
from catlearn.errors import CatlearnError
from catlearn.finset import (
    FinFunction,
    FinSet,
    TableMorphism,
    Tables,
    coproduct,
    limit as take_limit,
)
from catlearn.laws.tables import identify, out_of, parts

MOST_FAMILIES = 2000
"""How many families of elements, or of arrows, are looked through for the compatible ones."""


def morphisms_out_of(thing: Any) -> st.SearchStrategy[Any]:
    """Draw morphisms out of a finite set or tables.

    Raises
    ------
    CatlearnError
        If it is something else.
    """
    if isinstance(thing, FinSet):
        return _functions_from(thing)
    if isinstance(thing, Tables):
        return out_of(thing)
    if isinstance(thing, Object):
        return st.sampled_from([f for at in objects_beside(thing) for f in hom(thing, at)])
    raise _give("morphisms", thing)


@st.composite
def _functions_from(draw: st.DrawFn, domain: FinSet, spare: int = 2) -> FinFunction:
    size = draw(st.integers(bool(domain.size), domain.size + spare))
    value = st.integers(0, max(size - 1, 0))
    values = draw(st.lists(value, min_size=domain.size, max_size=domain.size))
    return FinFunction(values, domain, size)


@st.composite
def morphisms_into(draw: st.DrawFn, thing: Any) -> Any:
    """Draw morphisms into a finite set, or inclusions of parts of tables.

    Raises
    ------
    CatlearnError
        If it is something else.
    """
    if isinstance(thing, FinSet):
        size = draw(st.integers(0, 4 if thing.size else 0))
        value = st.integers(0, max(thing.size - 1, 0))
        return FinFunction(draw(st.lists(value, min_size=size, max_size=size)), size, thing)
    if isinstance(thing, Tables):
        inclusion = draw(parts(thing))
        if not draw(st.booleans()):
            return inclusion
        twice = coproduct(inclusion.domain, inclusion.domain)
        return twice.universal(inclusion, inclusion)
    if isinstance(thing, Object):
        arrows = [f for at in objects_beside(thing) for f in hom(at, thing)]
        return draw(st.sampled_from(arrows))
    raise _give("morphisms", thing)


def cocones_under(colimit: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    """Draw cocones under the diagram of a colimit of finite sets or tables; see the module.

    Raises
    ------
    CatlearnError
        If it is in another category.
    """
    if not colimit.legs:
        return st.nothing()
    if isinstance(colimit.legs[0], FinFunction):
        return _cocones_of_sets(colimit)
    if isinstance(colimit.legs[0], TableMorphism):
        return _cocones_of_tables(colimit)
    if isinstance(colimit.apex, Object):
        return _of_arrows(colimit, inward=True)
    raise _give("cocones", colimit.apex)


@st.composite
def _cocones_of_sets(draw: st.DrawFn, colimit: Any) -> tuple[FinFunction, ...]:
    objects = colimit.diagram.objects
    offsets = np.cumsum([0, *(one.size for one in objects)])
    number = list(range(int(offsets[-1])))  # of the class of each element of the disjoint union
    pairs = [
        (int(offsets[i]) + x, int(offsets[j]) + m(x))
        for i, j, m in colimit.diagram.arrows
        for x in range(m.domain.size)
    ]
    element = st.integers(0, max(len(number) - 1, 0))
    if number and draw(st.booleans()):
        pairs += draw(st.lists(st.tuples(element, element), max_size=2))
    for a, b in pairs:
        one, other = number[a], number[b]
        number = [one if k == other else k for k in number]
    classes = sorted(set(number))
    place = {k: n for n, k in enumerate(classes)}
    codomain = FinSet(len(classes) + draw(st.integers(0, 1)))
    return tuple(
        FinFunction(
            [place[number[int(offsets[k]) + x]] for x in range(objects[k].size)],
            objects[k],
            codomain,
        )
        for k in colimit.diagram.legs
    )


@st.composite
def _cocones_of_tables(draw: st.DrawFn, colimit: Any) -> tuple[Any, ...]:
    diagram = colimit.diagram
    union = coproduct(*diagram.objects)
    table_pairs = {
        table: [
            (union.legs[i].components[table](x), union.legs[j].components[table](y))
            for i, j, m in diagram.arrows
            for x, y in enumerate(m.components[table].values.tolist())
        ]
        for table in union.apex.shape.tables
    }
    quotient = identify(union.apex, table_pairs)
    if quotient is None:
        message = "the diagram has no cocone: rows that its arrows identify have other labels"
        raise CatlearnError(message)
    onward = draw(out_of(quotient.codomain))
    return tuple(union.legs[k] >> quotient >> onward for k in diagram.legs)


def cones_over(limit: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    """Draw cones over the diagram of a limit of finite sets or tables; see the module.

    Raises
    ------
    CatlearnError
        If it is in another category.
    """
    if not limit.legs:
        return st.nothing()
    if isinstance(limit.legs[0], FinFunction):
        return _cones_of_sets(limit)
    if isinstance(limit.legs[0], TableMorphism):
        return _cones_of_tables(limit)
    if isinstance(limit.apex, Object):
        return _of_arrows(limit, inward=False)
    raise _give("cones", limit.apex)


@st.composite
def _cones_of_sets(draw: st.DrawFn, limit: Any) -> tuple[FinFunction, ...]:
    diagram = limit.diagram
    found = compatible(
        [diagram.objects[k].size for k in diagram.legs],
        lambda family: not _broken_for(diagram, family),
    )
    chosen = draw(st.lists(st.sampled_from(found), max_size=4)) if found else []
    return tuple(
        FinFunction([family[n] for family in chosen], len(chosen), diagram.objects[k])
        for n, k in enumerate(diagram.legs)
    )


def _broken_for(diagram: Any, family: tuple[int, ...]) -> bool:
    points = [
        FinFunction([x], 1, diagram.objects[k]) for k, x in zip(diagram.legs, family, strict=True)
    ]
    return bool(diagram.walk(points, inward=False)[1])


def compatible(sizes: list[int], fits: Callable[[tuple[int, ...]], bool]) -> list[tuple[int, ...]]:
    """Return the families of elements, one of each set, that fit; the first ones if many."""
    found: list[tuple[int, ...]] = []
    for number, family in enumerate(families(*map(range, sizes))):
        if number >= MOST_FAMILIES:
            break
        if fits(family):
            found.append(family)
    return found


@st.composite
def _cones_of_tables(draw: st.DrawFn, limit: Any) -> tuple[Any, ...]:
    fresh = take_limit(limit.diagram)
    into = draw(morphisms_into(fresh.apex))
    return tuple(into >> leg for leg in fresh.legs)


def objects_beside(thing: Object) -> list[Object]:
    """Return all objects of the category of an object."""
    return [Object(thing.category, at) for at in thing.category.ob.labels()]


def hom(source: Object, target: Object) -> list[Arrow]:
    """Return the arrows between two objects of a finite category, as values."""
    rows = source.category.hom_rows(source.row, target.row)
    return [Arrow(source.category, row) for row in rows.tolist()]


def _of_arrows(value: Any, inward: bool) -> st.SearchStrategy[tuple[Any, ...]]:
    """All cones or cocones inside a finite category, found by search."""
    diagram = value.diagram

    def search() -> Iterator[tuple[Arrow, ...]]:
        for at in objects_beside(value.apex):
            homs = [hom(one, at) if inward else hom(at, one) for one in diagram.leg_objects]
            for family in islice(families(*homs), MOST_FAMILIES):
                if not diagram.walk(family, inward=inward)[1]:
                    yield family

    found = list(search())
    return st.sampled_from(found) if found else st.nothing()


def _give(what: str, thing: Any) -> CatlearnError:
    kind = type(thing).__name__
    return CatlearnError(f"nothing draws {what} of a {kind}; give {what}= to check")
