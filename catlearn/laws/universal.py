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
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from catlearn.finset import Colimit, Limit
from catlearn.laws.arrows import strategy_of
from catlearn.laws.cones import cocones_under, cones_over, morphisms_into, morphisms_out_of
from catlearn.laws.law import Spec
from catlearn.laws.signature import Signature


class _Morphisms:
    """The category that a diagram lives in, compared on the nose."""

    def compose(self, first: Any, then: Any, /) -> Any:
        return first >> then


class _Shape:
    """The shape of a diagram: its arrows by their number, between the numbers of objects."""

    def __init__(self, universal: Any) -> None:
        self.arrows = universal.diagram.arrows

    def ends(self, arrow: int, /) -> tuple[int, int]:
        return self.arrows[arrow][:2]


_DIAGRAM = Signature(
    {"C": lambda universal: _Morphisms(), "J": _Shape},
    {
        "apex: object": lambda universal: universal.apex,
        "D(i: object in J): object": lambda universal, i: universal.diagram.objects[i],
        "D(m: i -> j in J): D(i) -> D(j)": lambda universal, m: universal.diagram.arrows[m][2],
        "D(k: legs): object": lambda universal, k: universal.diagram.leg_objects[k],
    },
    indices={"legs": lambda universal: len(universal.legs)},
)
"""A diagram D of shape J in a category C; only some of its objects have legs of their own."""

COLIMIT = Signature(
    operations={
        "λ(i: object in J): D(i) -> apex": lambda colimit, i: _leg(colimit, i, inward=True),
        "λ(k: legs): D(k) -> apex": lambda colimit, k: colimit.legs[k],
        "universal(h: [D(k) -> X for k in legs], X: object): apex -> X": (
            lambda colimit, h, X: colimit.universal(*h, codomain=X)
        ),
    },
    latex={"λ": r"\lambda_{{{0}}}", "D": "D_{{{0}}}", "universal": r"[{0}]"},
    extends=_DIAGRAM,
)
"""Legs λ into an apex, and the morphism to X that a cocone h induces."""

LIMIT = Signature(
    operations={
        "π(i: object in J): apex -> D(i)": lambda limit, i: _leg(limit, i, inward=False),
        "π(k: legs): apex -> D(k)": lambda limit, k: limit.legs[k],
        "universal(h: [X -> D(k) for k in legs], X: object): X -> apex": (
            lambda limit, h, X: limit.universal(*h, domain=X)
        ),
    },
    latex={"π": r"\pi_{{{0}}}", "D": "D_{{{0}}}", "universal": r"\langle {0} \rangle"},
    extends=_DIAGRAM,
)
"""Legs π out of an apex, and the morphism from X that a cone h induces."""


def _leg(universal: Any, i: int, inward: bool) -> Any:
    """The component at an object of the diagram, along its arrows if it has no leg."""
    return universal.diagram.walk(universal.legs, inward=inward)[0][i]


def _numbers(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, count - 1) if count else st.nothing()


def _colimit_sorts(colimit: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    def induced() -> Any:
        if "morphisms" in given:
            return strategy_of(given["morphisms"])
        return morphisms_out_of(colimit.apex)

    def cocones() -> Any:
        return strategy_of(given["cocones"]) if "cocones" in given else cocones_under(colimit)

    return {
        "arrow in J": lambda: _numbers(len(colimit.diagram.arrows)),
        "legs": lambda: _numbers(len(colimit.legs)),
        "[D(k) -> X for k in legs]": cocones,
        "arrow from apex": induced,
    }


def _limit_sorts(limit: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    def induced() -> Any:
        if "morphisms" in given:
            return strategy_of(given["morphisms"])
        return morphisms_into(limit.apex)

    def cones() -> Any:
        return strategy_of(given["cones"]) if "cones" in given else cones_over(limit)

    return {
        "arrow in J": lambda: _numbers(len(limit.diagram.arrows)),
        "legs": lambda: _numbers(len(limit.legs)),
        "[X -> D(k) for k in legs]": cones,
        "arrow to apex": induced,
    }


colimit = Spec(
    "colimit",
    (
        COLIMIT.law(
            "cocone",
            "D(m) >> λ(j) = λ(i)",
            "m: i -> j in J",
            lambda colimit: len(colimit.diagram.arrows) > 0,
        ),
        COLIMIT.law(
            "existence",
            "λ(k) >> universal(h, X) = h(k)",
            "h: [D(k) -> X for k in legs], k: legs",
            lambda colimit: len(colimit.legs) > 0,
        ),
        COLIMIT.law("uniqueness", "universal([λ(k) >> m for k in legs], X) = m", "m: apex -> X"),
    ),
    _colimit_sorts,
    {
        "cocones": "tuples of morphisms, one for each leg, that commute with the diagram",
        "morphisms": "morphisms out of the apex",
    },
    lambda structure: isinstance(structure, Colimit),
    "Mac Lane, Categories for the Working Mathematician, III.3",
    COLIMIT,
)
"""The universal property of a colimit: ``diagram``, ``apex``, ``legs``, ``universal``."""

limit = Spec(
    "limit",
    (
        LIMIT.law(
            "cone",
            "π(i) >> D(m) = π(j)",
            "m: i -> j in J",
            lambda limit: len(limit.diagram.arrows) > 0,
        ),
        LIMIT.law(
            "existence",
            "universal(h, X) >> π(k) = h(k)",
            "h: [X -> D(k) for k in legs], k: legs",
            lambda limit: len(limit.legs) > 0,
        ),
        LIMIT.law("uniqueness", "universal([m >> π(k) for k in legs], X) = m", "m: X -> apex"),
    ),
    _limit_sorts,
    {
        "cones": "tuples of morphisms, one for each leg, that commute with the diagram",
        "morphisms": "morphisms into the apex",
    },
    lambda structure: isinstance(structure, Limit),
    "Mac Lane, Categories for the Working Mathematician, III.4",
    LIMIT,
)
"""The universal property of a limit: ``diagram``, ``apex``, ``legs``, ``universal``."""
