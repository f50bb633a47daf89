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
from catlearn.laws.law import Comparison, Law, Spec, compare, sketch


def _triangle(value: Any, arrow: int, inward: bool) -> Comparison:
    i, j, m = value.diagram.arrows[arrow]
    near, far = (i, j) if inward else (j, i)
    known, _ = value.diagram.walk(value.legs, inward=inward)
    composite = m >> known[far] if inward else known[far] >> m
    corners = {"apex": value.apex, f"D{i}": m.domain, f"D{j}'" if i == j else f"D{j}": m.codomain}
    first, then = list(corners)[1:]
    ends = [(first, "apex"), (then, "apex")] if inward else [("apex", first), ("apex", then)]
    names = [f"leg {i}", f"leg {j}"] if i != j else [f"leg {i}", f"leg {i}'"]
    arrows = {
        "m": (first, then, m),
        names[0]: (*ends[0], known[i]),
        names[1]: (*ends[1], known[j]),
    }
    left, right = (["m", names[1]], [names[0]]) if inward else ([names[0], "m"], [names[1]])
    picture = sketch(corners, arrows, "triangle", left, right)
    texts = (" >> ".join(left), right[0])
    return compare(composite, known[near], *texts, diagram=picture)


def _factor(colimit: Any, cocone: tuple[Any, ...], leg: int) -> Comparison:
    u = colimit.universal(*cocone, codomain=cocone[0].codomain)
    one = colimit.legs[leg]
    picture = sketch(
        {"D": one.domain, "apex": colimit.apex, "X": u.codomain},
        {"leg": ("D", "apex", one), "u": ("apex", "X", u), "h": ("D", "X", cocone[leg])},
        "existence",
        ["leg", "u"],
        ["h"],
    )
    return compare(one >> u, cocone[leg], "leg >> u", "h", diagram=picture)


def _unique(colimit: Any, m: Any) -> Comparison:
    cocone = tuple(leg >> m for leg in colimit.legs)
    u = colimit.universal(*cocone, codomain=m.codomain)
    picture = sketch(
        {"apex": colimit.apex, "X": m.codomain},
        {"u": ("apex", "X", u), "m": ("apex", "X", m)},
        "uniqueness",
        ["u"],
        ["m"],
    )
    left = "the morphism induced by the legs >> m"
    return compare(u, m, left, "m", diagram=picture)


def _lift(limit: Any, cone: tuple[Any, ...], leg: int) -> Comparison:
    u = limit.universal(*cone, domain=cone[0].domain)
    one = limit.legs[leg]
    picture = sketch(
        {"X": u.domain, "apex": limit.apex, "D": one.codomain},
        {"u": ("X", "apex", u), "leg": ("apex", "D", one), "h": ("X", "D", cone[leg])},
        "existence",
        ["u", "leg"],
        ["h"],
    )
    return compare(u >> one, cone[leg], "u >> leg", "h", diagram=picture)


def _unique_lift(limit: Any, m: Any) -> Comparison:
    u = limit.universal(*(m >> leg for leg in limit.legs), domain=m.domain)
    picture = sketch(
        {"X": m.domain, "apex": limit.apex},
        {"u": ("X", "apex", u), "m": ("X", "apex", m)},
        "uniqueness",
        ["u"],
        ["m"],
    )
    left = "the morphism induced by m >> the legs"
    return compare(u, m, left, "m", diagram=picture)


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
        "arrow of the diagram": lambda: _numbers(len(colimit.diagram.arrows)),
        "leg": lambda: _numbers(len(colimit.legs)),
        "cocone": cocones,
        "morphism out of the apex": induced,
    }


def _limit_sorts(limit: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    def induced() -> Any:
        if "morphisms" in given:
            return strategy_of(given["morphisms"])
        return morphisms_into(limit.apex)

    def cones() -> Any:
        return strategy_of(given["cones"]) if "cones" in given else cones_over(limit)

    return {
        "arrow of the diagram": lambda: _numbers(len(limit.diagram.arrows)),
        "leg": lambda: _numbers(len(limit.legs)),
        "cone": cones,
        "morphism into the apex": induced,
    }


colimit = Spec(
    "colimit",
    (
        Law(
            "cocone",
            r"D_m ; \lambda_j = \lambda_i",
            {"m": "arrow of the diagram"},
            lambda colimit, m: _triangle(colimit, m, inward=True),
            lambda colimit: len(colimit.diagram.arrows) > 0,
        ),
        Law(
            "existence",
            r"\lambda_i ; u = h_i",
            {"h": "cocone", "i": "leg"},
            lambda colimit, h, i: _factor(colimit, h, i),
            lambda colimit: len(colimit.legs) > 0,
        ),
        Law(
            "uniqueness",
            r"(\forall i.\ \lambda_i ; u = \lambda_i ; m) \Rightarrow u = m",
            {"m": "morphism out of the apex"},
            _unique,
        ),
    ),
    _colimit_sorts,
    {
        "cocones": "tuples of morphisms, one for each leg, that commute with the diagram",
        "morphisms": "morphisms out of the apex",
    },
    lambda structure: isinstance(structure, Colimit),
    "Mac Lane, Categories for the Working Mathematician, III.3",
)
"""The universal property of a colimit: ``diagram``, ``apex``, ``legs``, ``universal``."""

limit = Spec(
    "limit",
    (
        Law(
            "cone",
            r"\pi_i ; D_m = \pi_j",
            {"m": "arrow of the diagram"},
            lambda limit, m: _triangle(limit, m, inward=False),
            lambda limit: len(limit.diagram.arrows) > 0,
        ),
        Law(
            "existence",
            r"u ; \pi_i = h_i",
            {"h": "cone", "i": "leg"},
            lambda limit, h, i: _lift(limit, h, i),
            lambda limit: len(limit.legs) > 0,
        ),
        Law(
            "uniqueness",
            r"(\forall i.\ u ; \pi_i = m ; \pi_i) \Rightarrow u = m",
            {"m": "morphism into the apex"},
            _unique_lift,
        ),
    ),
    _limit_sorts,
    {
        "cones": "tuples of morphisms, one for each leg, that commute with the diagram",
        "morphisms": "morphisms into the apex",
    },
    lambda structure: isinstance(structure, Limit),
    "Mac Lane, Categories for the Working Mathematician, III.4",
)
"""The universal property of a limit: ``diagram``, ``apex``, ``legs``, ``universal``."""
