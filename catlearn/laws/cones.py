r"""The laws of limits and colimits: legs that commute, and exactly one induced morphism.

A colimit of a diagram is a cocone, its *legs* into its *apex*, through which every cocone
factors in exactly one way (Mac Lane, *Categories for the Working Mathematician*, III.3). The two
halves fail separately: where the apex is too small some cocone does not factor (existence),
where it is too big some morphisms out of it are not told apart by the legs (uniqueness).

Cocones to try are drawn without asking the colimit: the objects that have legs are laid side by
side, what the diagram's arrows identify (and perhaps more) is identified, and the result is
renamed or embedded. Cones of finite sets are lists of compatible families of elements, found one
by one; those of tables are parts of the limit, which is computed afresh; those inside a finite
category are searched for. For other categories give ``cocones=`` or ``cones=``.

>>> from catlearn.finset import FinFunction, Colimit, FinSet, pushout
>>> from catlearn.laws import check
>>> po = pushout(FinFunction([0], codomain=2), FinFunction([1], codomain=3))
>>> bool(check(po, max_examples=20))
True
>>> f, g = (FinFunction(leg.values, codomain=5) for leg in po)
>>> check(Colimit(po.diagram, FinSet(5), (f, g)), max_examples=20).broken
('uniqueness',)

Cones and cocones to try a universal property with, and morphisms at its apex.

They are drawn without asking the (co)limit under test; see :mod:`catlearn.laws.cones`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice, product as families
from typing import Any

import numpy as np
from hypothesis import strategies as st

from catlearn.category import Morphisms
from catlearn.category.inside import Arrow, Object
from catlearn.errors import CatlearnError
from catlearn.finset import (
    Colimit,
    FinFunction,
    FinSet,
    Limit,
    TableMorphism,
    Tables,
    coproduct,
    limit as take_limit,
)
from catlearn.laws.categories import strategy_of
from catlearn.laws.signature import Signature, Spec
from catlearn.laws.strategies import identify, out_of, parts

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
        return st.sampled_from([f for at in all_objects(thing) for f in hom(thing, at)])
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
        arrows = [f for at in all_objects(thing) for f in hom(at, thing)]
        return draw(st.sampled_from(arrows))
    raise _give("morphisms", thing)


def cocones_under(colimit: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    """Draw cocones under the diagram of a colimit of finite sets or tables; see the module.

    Raises
    ------
    CatlearnError
        If it is in another category.
    """
    return _drawn(colimit, "cocones", _cocones_of_sets, _cocones_of_tables)


def cones_over(limit: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    """Draw cones over the diagram of a limit, as :func:`cocones_under` does."""
    return _drawn(limit, "cones", _cones_of_sets, _cones_of_tables)


def _drawn(universal: Any, what: str, of_sets: Any, of_tables: Any) -> Any:
    if not universal.legs:
        return st.nothing()
    if isinstance(universal.legs[0], FinFunction):
        return of_sets(universal)
    if isinstance(universal.legs[0], TableMorphism):
        return of_tables(universal)
    if isinstance(universal.apex, Object):
        return _of_arrows(universal, inward=what == "cocones")
    raise _give(what, universal.apex)


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


def all_objects(thing: Object) -> list[Object]:
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
        for at in all_objects(value.apex):
            homs = [hom(one, at) if inward else hom(at, one) for one in diagram.leg_objects]
            for family in islice(families(*homs), MOST_FAMILIES):
                if not diagram.walk(family, inward=inward)[1]:
                    yield family

    found = list(search())
    return st.sampled_from(found) if found else st.nothing()


def _give(what: str, thing: Any) -> CatlearnError:
    kind = type(thing).__name__
    return CatlearnError(f"nothing draws {what} of a {kind}; give {what}= to check")


class _Shape:
    """The shape of a diagram: its arrows by their number, between the numbers of objects."""

    def __init__(self, universal: Any) -> None:
        self.arrows = universal.diagram.arrows

    def ends(self, arrow: int, /) -> tuple[int, int]:
        return self.arrows[arrow][:2]


_DIAGRAM = Signature(
    {"C": lambda universal: Morphisms(), "J": _Shape},
    {
        "apex: object": lambda universal: universal.apex,
        "D(i: object in J): object": lambda universal, i: universal.diagram.objects[i],
        "D(m: i -> j in J): D(i) -> D(j)": lambda universal, m: universal.diagram.arrows[m][2],
        "D(k: legs): object": lambda universal, k: universal.diagram.leg_objects[k],
    },
    indices={"legs": lambda universal: len(universal.legs)},
)
"""A diagram D of shape J in a category C; only some of its objects have legs of their own."""


def _leg(universal: Any, i: int, inward: bool) -> Any:
    """The component at an object of the diagram, along its arrows if it has no leg."""
    return universal.diagram.walk(universal.legs, inward=inward)[0][i]


def _numbers(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, count - 1) if count else st.nothing()


def _property(
    inward: bool, leg: str, latex: str, induced: str, morphisms: Any, cones: Any, source: str
) -> Spec:
    """Return the universal property of colimits, or its dual, that of limits.

    Parameters
    ----------
    inward
        Whether legs lead into the apex.
    leg, latex
        What the legs are called, as text and in LaTeX.
    induced
        How the morphism that a cone induces is set.
    morphisms, cones
        From the apex to a strategy for morphisms at it, and from the (co)limit to one for cones.
    source
        Where the definition is from.
    """

    def path(first: str, then: str) -> str:
        return f"{first} >> {then}" if inward else f"{then} >> {first}"

    def arrow(start: str, end: str) -> str:
        return f"{start} -> {end}" if inward else f"{end} -> {start}"

    kind, cone, end = ("colimit", "cocone", "co") if inward else ("limit", "cone", "")
    here, there = ("i", "j") if inward else ("j", "i")
    family = f"[{arrow('D(k)', 'X')} for k in legs]"
    signature = Signature(
        operations={
            f"{leg}(i: object in J): {arrow('D(i)', 'apex')}": lambda u, i: _leg(u, i, inward),
            f"{leg}(k: legs): {arrow('D(k)', 'apex')}": lambda u, k: u.legs[k],
            f"universal(h: {family}, X: object): {arrow('apex', 'X')}": (
                lambda u, h, X: u.universal(*h, **{f"{end}domain": X})
            ),
        },
        latex={leg: f"{latex}_{{{{{{0}}}}}}", "D": "D_{{{0}}}", "universal": induced},
        extends=_DIAGRAM,
    )

    def sorts(universal: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        def drawn(name: str, fresh: Any, at: Any) -> Any:
            return lambda: strategy_of(given[name]) if name in given else fresh(at)

        return {
            "arrow in J": lambda: _numbers(len(universal.diagram.arrows)),
            "legs": lambda: _numbers(len(universal.legs)),
            family: drawn(f"{cone}s", cones, universal),
            f"arrow {'from' if inward else 'to'} apex": drawn(
                "morphisms", morphisms, universal.apex
            ),
        }

    return Spec(
        kind,
        (
            signature.law(
                cone,
                f"{path('D(m)', f'{leg}({there})')} = {leg}({here})",
                "m: i -> j in J",
                lambda universal: len(universal.diagram.arrows) > 0,
            ),
            signature.law(
                "existence",
                f"{path(f'{leg}(k)', 'universal(h, X)')} = h(k)",
                f"h: {family}, k: legs",
                lambda universal: len(universal.legs) > 0,
            ),
            signature.law(
                "uniqueness",
                f"universal([{path(f'{leg}(k)', 'm')} for k in legs], X) = m",
                f"m: {arrow('apex', 'X')}",
            ),
        ),
        sorts,
        {
            f"{cone}s": "tuples of morphisms, one for each leg, that commute with the diagram",
            "morphisms": f"morphisms {'out of' if inward else 'into'} the apex",
        },
        lambda structure: isinstance(structure, Colimit if inward else Limit),
        source,
        signature,
    )


_MAC_LANE = "Mac Lane, Categories for the Working Mathematician, III."

colimit = _property(
    True, "λ", r"\lambda", "[{0}]", morphisms_out_of, cocones_under, f"{_MAC_LANE}3"
)
"""The universal property of a colimit: ``diagram``, ``apex``, ``legs``, ``universal``."""

limit = _property(
    False, "π", r"\pi", r"\langle {0} \rangle", morphisms_into, cones_over, f"{_MAC_LANE}4"
)
"""The universal property of a limit: ``diagram``, ``apex``, ``legs``, ``universal``."""
