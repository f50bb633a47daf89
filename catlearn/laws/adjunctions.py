r"""The laws of adjunctions, by unit and counit.

An adjunction is a pair of functors L, R with natural transformations
:math:`\eta_A : A \to R L A` and :math:`\varepsilon_B : L R B \to B` that satisfy the two triangle
laws (Mac Lane, *Categories for the Working Mathematician*, IV.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catlearn.laws.arrows import Arrows
from catlearn.laws.categories import (
    ARROWS,
    codomain_of,
    component,
    domain_of,
    on_arrow,
    on_object,
)
from catlearn.laws.law import Comparison, Law, Spec, compare, sketch
from catlearn.laws.signature import ends, equal


def _left_triangle(adjunction: Any, A: Any) -> Comparison:
    L, R = adjunction.left, adjunction.right
    D = codomain_of(L)
    LA = on_object(L, A)
    LRLA = on_object(L, on_object(R, LA))
    first = on_arrow(L, component(adjunction.unit, A))
    then = component(adjunction.counit, LA)
    picture = sketch(
        {"L(A)": LA, "L(R(L(A)))": LRLA},
        {"L(η)": ("L(A)", "L(R(L(A)))", first), "ε": ("L(R(L(A)))", "L(A)", then)},
        "triangle",
        ["L(η)", "ε"],
        [],
    )
    return compare(
        D.compose(first, then),
        D.identity(LA),
        "L(η(A)) >> ε(L(A))",
        "id(L(A))",
        by=lambda x, y: equal(D, x, y),
        diagram=picture,
    )


def _right_triangle(adjunction: Any, B: Any) -> Comparison:
    L, R = adjunction.left, adjunction.right
    C = codomain_of(R)
    RB = on_object(R, B)
    RLRB = on_object(R, on_object(L, RB))
    first = component(adjunction.unit, RB)
    then = on_arrow(R, component(adjunction.counit, B))
    picture = sketch(
        {"R(B)": RB, "R(L(R(B)))": RLRB},
        {"η": ("R(B)", "R(L(R(B)))", first), "R(ε)": ("R(L(R(B)))", "R(B)", then)},
        "triangle",
        ["η", "R(ε)"],
        [],
    )
    return compare(
        C.compose(first, then),
        C.identity(RB),
        "η(R(B)) >> R(ε(B))",
        "id(R(B))",
        by=lambda x, y: equal(C, x, y),
        diagram=picture,
    )


def _unit_square(adjunction: Any, f: Any) -> Comparison:
    L, R = adjunction.left, adjunction.right
    C = domain_of(L)
    A, B = ends(C, f)
    RLf = on_arrow(R, on_arrow(L, f))
    at_A, at_B = component(adjunction.unit, A), component(adjunction.unit, B)
    picture = sketch(
        {"A": A, "B": B, "R(L(A))": ends(C, RLf)[0], "R(L(B))": ends(C, RLf)[1]},
        {
            "f": ("A", "B", f),
            "η(A)": ("A", "R(L(A))", at_A),
            "η(B)": ("B", "R(L(B))", at_B),
            "R(L(f))": ("R(L(A))", "R(L(B))", RLf),
        },
        "naturality",
        ["f", "η(B)"],
        ["η(A)", "R(L(f))"],
    )
    return compare(
        C.compose(f, at_B),
        C.compose(at_A, RLf),
        "f >> η(B)",
        "η(A) >> R(L(f))",
        by=lambda x, y: equal(C, x, y),
        diagram=picture,
    )


def _counit_square(adjunction: Any, g: Any) -> Comparison:
    L, R = adjunction.left, adjunction.right
    D = domain_of(R)
    A, B = ends(D, g)
    LRg = on_arrow(L, on_arrow(R, g))
    at_A, at_B = component(adjunction.counit, A), component(adjunction.counit, B)
    picture = sketch(
        {"L(R(A))": ends(D, LRg)[0], "L(R(B))": ends(D, LRg)[1], "A": A, "B": B},
        {
            "L(R(g))": ("L(R(A))", "L(R(B))", LRg),
            "ε(A)": ("L(R(A))", "A", at_A),
            "ε(B)": ("L(R(B))", "B", at_B),
            "g": ("A", "B", g),
        },
        "naturality",
        ["L(R(g))", "ε(B)"],
        ["ε(A)", "g"],
    )
    return compare(
        D.compose(LRg, at_B),
        D.compose(at_A, g),
        "L(R(g)) >> ε(B)",
        "ε(A) >> g",
        by=lambda x, y: equal(D, x, y),
        diagram=picture,
    )


def _adjunction_sorts(adjunction: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    left = {name: given[name] for name in ("objects", "arrows") if name in given}
    right = {
        name: given[f"right_{name}"] for name in ("objects", "arrows") if f"right_{name}" in given
    }
    here, there = (
        Arrows(domain_of(adjunction.left), left),
        Arrows(domain_of(adjunction.right), right),
    )
    return {
        **here.sorts(),
        "object of the right category": lambda: there.objects,
        "arrow of the right category": lambda: there.arrows,
    }


adjunction = Spec(
    "adjunction",
    (
        Law(
            "left triangle",
            r"L \eta_A ; \varepsilon_{L A} = \mathrm{id}_{L A}",
            {"A": "object"},
            _left_triangle,
        ),
        Law(
            "right triangle",
            r"\eta_{R B} ; R \varepsilon_B = \mathrm{id}_{R B}",
            {"B": "object of the right category"},
            _right_triangle,
        ),
        Law(
            "naturality of the unit",
            r"f ; \eta_B = \eta_A ; R L f",
            {"f": "arrow"},
            _unit_square,
        ),
        Law(
            "naturality of the counit",
            r"L R g ; \varepsilon_B = \varepsilon_A ; g",
            {"g": "arrow of the right category"},
            _counit_square,
        ),
    ),
    _adjunction_sorts,
    {
        **{name: f"{text} (of the left functor's domain)" for name, text in ARROWS.items()},
        **{f"right_{name}": f"{text} (of the right functor's)" for name, text in ARROWS.items()},
    },
    lambda structure: all(hasattr(structure, k) for k in ("left", "right", "unit", "counit")),
    "Mac Lane, Categories for the Working Mathematician, IV.1",
)
"""The laws of an adjunction: ``left``, ``right`` (functors), ``unit``, ``counit``."""
