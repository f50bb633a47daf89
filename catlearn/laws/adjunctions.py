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
from catlearn.laws.law import Spec
from catlearn.laws.signature import Signature


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
        "object in D": lambda: there.objects,
        "arrow in D": lambda: there.arrows,
    }


ADJUNCTION = Signature(
    {
        "C": lambda adjunction: domain_of(adjunction.left),
        "D": lambda adjunction: codomain_of(adjunction.left),
    },
    {
        "L(A: object): object in D": lambda adjunction, A: on_object(adjunction.left, A),
        "L(f: A -> B): L(A) -> L(B) in D": lambda adjunction, f: on_arrow(adjunction.left, f),
        "R(A: object in D): object": lambda adjunction, A: on_object(adjunction.right, A),
        "R(g: A -> B in D): R(A) -> R(B)": lambda adjunction, g: on_arrow(adjunction.right, g),
        "η(A: object): A -> R(L(A))": lambda adjunction, A: component(adjunction.unit, A),
        "ε(B: object in D): L(R(B)) -> B in D": lambda adjunction, B: component(
            adjunction.counit, B
        ),
    },
    latex={"η": r"\eta_{{{0}}}", "ε": r"\varepsilon_{{{0}}}"},
)
"""Functors L from C to D and R back, with unit η and counit ε."""

adjunction = Spec(
    "adjunction",
    (
        ADJUNCTION.law("left triangle", "L(η(A)) >> ε(L(A)) = id(L(A))", "A: object"),
        ADJUNCTION.law("right triangle", "η(R(B)) >> R(ε(B)) = id(R(B))", "B: object in D"),
        ADJUNCTION.law("naturality of the unit", "f >> η(B) = η(A) >> R(L(f))", "f: A -> B"),
        ADJUNCTION.law("naturality of the counit", "L(R(g)) >> ε(B) = ε(A) >> g", "g: A -> B in D"),
    ),
    _adjunction_sorts,
    {
        **{name: f"{text} (of the left functor's domain)" for name, text in ARROWS.items()},
        **{f"right_{name}": f"{text} (of the right functor's)" for name, text in ARROWS.items()},
    },
    lambda structure: all(hasattr(structure, k) for k in ("left", "right", "unit", "counit")),
    "Mac Lane, Categories for the Working Mathematician, IV.1",
    ADJUNCTION,
)
"""The laws of an adjunction: ``left``, ``right`` (functors), ``unit``, ``counit``."""
