r"""The laws of quantales and of categories enriched in them.

A **quantale** is an ordered monoid with joins that multiplication distributes over; a category
**enriched** in it has a hom in the quantale for each pair of objects, with
:math:`e \le X(a, a)` and :math:`X(a, b) \otimes X(b, c) \le X(a, c)` (Kelly, *Basic Concepts of
Enriched Category Theory*, 1.2; Lawvere, "Metric spaces, generalized logic, and closed
categories").

>>> from catlearn.cost import LAWVERE, EnrichedCategory
>>> from catlearn.laws import check
>>> bool(check(LAWVERE))
True
>>> detour = EnrichedCategory("xyz", [[0, 1, 9], [1, 0, 2], [9, 2, 0]], check=False)
>>> print(check(detour).failures[0])
composition fails
  a = x
  b = y
  c = z
  expected X(a, b) ⊗ X(b, c) ≤ X(a, c)
  left side:  3.0
  right side: 9.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catlearn.errors import CatlearnError
from catlearn.laws.arrows import strategy_of
from catlearn.laws.categories import ARROWS, on_object
from catlearn.laws.law import Spec
from catlearn.laws.signature import Signature

# ---------------------------------------------------------------- quantales


def _values(Q: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    values = given.get("values", getattr(Q, "samples", None))
    if values is None:
        raise CatlearnError(f"{type(Q).__name__} does not say what its values are: give values=")
    return {"value": lambda: strategy_of(values)}


QUANTALE = Signature(
    operations={
        "⊗(a, b: value): value": lambda Q, a, b: Q.tensor(a, b),
        "∨(a, b: value): value": lambda Q, a, b: Q.join(a, b),
        "∧(a, b: value): value": lambda Q, a, b: Q.meet(a, b),
        "≤(a, b: value): truth": lambda Q, a, b: bool(Q.leq(a, b)),
        "residual(b, c: value): value": lambda Q, b, c: Q.residual(b, c),
        "e: value": lambda Q: Q.unit,
        "bottom: value": lambda Q: Q.bottom,
    },
    relations={"=": lambda Q, a, b: bool(Q.equal(a, b))},
    latex={"bottom": r"\bot", "residual": "[{0}, {1}]"},
)
"""Values of a quantale, with ⊗ and its unit e, joins ∨ from the bottom, meets ∧, and residuals."""

TRIPLE = "a, b, c: value"

quantale = Spec(
    "quantale",
    (
        QUANTALE.law("associativity", "(a ⊗ b) ⊗ c = a ⊗ (b ⊗ c)", TRIPLE),
        QUANTALE.law("commutativity", "a ⊗ b = b ⊗ a", "a, b: value"),
        QUANTALE.law("unit", "e ⊗ a = a", "a: value"),
        QUANTALE.law("joins", "(a ∨ b) ∨ c = a ∨ (b ∨ c)", TRIPLE),
        QUANTALE.law("absorption", "a ∨ (a ∧ b) = a", "a, b: value"),
        QUANTALE.law("distributivity", "a ⊗ (b ∨ c) = (a ⊗ b) ∨ (a ⊗ c)", TRIPLE),
        QUANTALE.law("empty join", "a ⊗ bottom = bottom", "a: value"),
        QUANTALE.law("residual", "a ⊗ b <= c <=> a <= residual(b, c)", TRIPLE),
    ),
    _values,
    {"values": "values, a strategy or a collection"},
    lambda structure: all(hasattr(structure, k) for k in ("tensor", "join", "residual")),
    'Rosenthal, "Quantales and their applications", 1990',
    QUANTALE,
)
"""The laws of a commutative quantale: ``join``, ``tensor``, ``unit``, ``residual``, ``leq``, ..."""


# ---------------------------------------------------------------- enriched categories


def hom_of(X: Any, a: Any, b: Any) -> Any:
    """Return the hom of two objects of an enriched category."""
    return X.hom(a, b) if callable(X.hom) else X(a, b)


class _Homs:
    """The homs of an enriched category as arrows, which the tensor composes."""

    def __init__(self, X: Any) -> None:
        self.compose, self.unit = X.quantale.tensor, X.quantale.unit

    def identity(self, at: Any, /) -> Any:
        return self.unit


ENRICHED = Signature(
    {"X": _Homs},
    {"X(a, b: object): a -> b": hom_of},
    {"≤": lambda X, one, other: bool(X.quantale.leq(one, other))},
    compose="⊗",
    latex={"id": "e"},
)
"""The homs of an enriched category X; the unit of its quantale is the identity of any object."""


def _objects(X: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    objects = given.get("objects", getattr(X, "objects", None))
    if objects is None:
        raise CatlearnError(f"{type(X).__name__} does not say what its objects are: give objects=")
    return {"object": lambda: strategy_of(objects)}


enriched = Spec(
    "enriched category",
    (
        ENRICHED.law("unit", "id(a) <= X(a, a)", "a: object"),
        ENRICHED.law("composition", "X(a, b) ⊗ X(b, c) <= X(a, c)", "a, b, c: object"),
    ),
    _objects,
    {"objects": ARROWS["objects"]},
    lambda structure: hasattr(structure, "hom") and hasattr(structure, "quantale"),
    "Kelly, Basic Concepts of Enriched Category Theory, 1.2",
    ENRICHED,
)
"""The laws of a category enriched in a quantale: ``quantale``, ``objects``, and
``hom(a, b)`` or a call."""


ENRICHED_FUNCTOR = Signature(
    {"X": lambda F: _Homs(F.domain), "Y": lambda F: _Homs(F.codomain)},
    {
        "X(a, b: object): a -> b": lambda F, a, b: hom_of(F.domain, a, b),
        "Y(a, b: object in Y): a -> b in Y": lambda F, a, b: hom_of(F.codomain, a, b),
        "F(a: object): object in Y": on_object,
    },
    {"≤": lambda F, one, other: bool(F.codomain.quantale.leq(one, other))},
)
"""A functor F from X to Y, and their homs."""

enriched_functor = Spec(
    "enriched functor",
    (ENRICHED_FUNCTOR.law("homs", "X(a, b) <= Y(F(a), F(b))", "a, b: object"),),
    lambda F, given: _objects(F.domain, given),
    {"objects": ARROWS["objects"]},
    lambda structure: hasattr(structure, "domain") and enriched.accepts(structure.domain),
    "Kelly, Basic Concepts of Enriched Category Theory, 1.2",
    ENRICHED_FUNCTOR,
)
"""The law of a functor of enriched categories: for metric spaces, it is not expansive."""
