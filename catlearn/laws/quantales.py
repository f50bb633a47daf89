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
  expected X(a, b) X(b, c) ≤ X(a, c)
  left side:  3.0
  right side: 9.0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from catlearn.errors import CatlearnError
from catlearn.laws.arrows import strategy_of
from catlearn.laws.categories import ARROWS, on_object
from catlearn.laws.law import Comparison, Law, Spec, compare, sketch

# ---------------------------------------------------------------- quantales


def _values(Q: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    values = given.get("values", getattr(Q, "samples", None))
    if values is None:
        raise CatlearnError(f"{type(Q).__name__} does not say what its values are: give values=")
    return {"value": lambda: strategy_of(values)}


def _equation(
    name: str, statement: str, variables: str, left: str, right: str, sides: Callable[..., Any]
) -> Law:
    """A law that equates two values of a quantale."""

    def evaluate(Q: Any, **values: Any) -> Comparison:
        lhs, rhs = sides(Q, **values)
        return compare(lhs, rhs, left, right, by=lambda x, y: bool(Q.equal(x, y)))

    return Law(name, statement, dict.fromkeys(variables.split(), "value"), evaluate)


def _adjoint(Q: Any, a: Any, b: Any, c: Any) -> Comparison:
    left, right = Q.leq(Q.tensor(a, b), c), Q.leq(a, Q.residual(b, c))
    return compare(bool(left), bool(right), "a b ≤ c", "a ≤ [b, c]")


quantale = Spec(
    "quantale",
    (
        _equation(
            "associativity",
            r"(a \otimes b) \otimes c = a \otimes (b \otimes c)",
            "a b c",
            "(a b) c",
            "a (b c)",
            lambda Q, a, b, c: (Q.tensor(Q.tensor(a, b), c), Q.tensor(a, Q.tensor(b, c))),
        ),
        _equation(
            "commutativity",
            r"a \otimes b = b \otimes a",
            "a b",
            "a b",
            "b a",
            lambda Q, a, b: (Q.tensor(a, b), Q.tensor(b, a)),
        ),
        _equation(
            "unit",
            r"e \otimes a = a",
            "a",
            "e a",
            "a",
            lambda Q, a: (Q.tensor(Q.unit, a), a),
        ),
        _equation(
            "joins",
            r"(a \vee b) \vee c = a \vee (b \vee c)",
            "a b c",
            "(a ∨ b) ∨ c",
            "a ∨ (b ∨ c)",
            lambda Q, a, b, c: (Q.join(Q.join(a, b), c), Q.join(a, Q.join(b, c))),
        ),
        _equation(
            "absorption",
            r"a \vee (a \wedge b) = a",
            "a b",
            "a ∨ (a ∧ b)",
            "a",
            lambda Q, a, b: (Q.join(a, Q.meet(a, b)), a),
        ),
        _equation(
            "distributivity",
            r"a \otimes (b \vee c) = a \otimes b \vee a \otimes c",
            "a b c",
            "a (b ∨ c)",
            "a b ∨ a c",
            lambda Q, a, b, c: (
                Q.tensor(a, Q.join(b, c)),
                Q.join(Q.tensor(a, b), Q.tensor(a, c)),
            ),
        ),
        _equation(
            "empty join",
            r"a \otimes \bot = \bot",
            "a",
            "a ⊥",
            "⊥",
            lambda Q, a: (Q.tensor(a, Q.bottom), Q.bottom),
        ),
        Law(
            "residual",
            r"a \otimes b \le c \iff a \le [b, c]",
            dict.fromkeys("abc", "value"),
            _adjoint,
        ),
    ),
    _values,
    {"values": "values, a strategy or a collection"},
    lambda structure: all(hasattr(structure, k) for k in ("tensor", "join", "residual")),
    'Rosenthal, "Quantales and their applications", 1990',
)
"""The laws of a commutative quantale: ``join``, ``tensor``, ``unit``, ``residual``, ``leq``, ..."""


# ---------------------------------------------------------------- enriched categories


def hom_of(X: Any, a: Any, b: Any) -> Any:
    """Return the hom of two objects of an enriched category."""
    return X.hom(a, b) if callable(X.hom) else X(a, b)


def _below(V: Any, smaller: Any, larger: Any, left: str, right: str, picture: Any) -> Comparison:
    def leq(one: Any, other: Any) -> bool:
        return bool(V.leq(one, other))

    return compare(smaller, larger, left, right, by=leq, relation="≤", diagram=picture)


def _enriched_unit(X: Any, a: Any) -> Comparison:
    V, hom = X.quantale, hom_of(X, a, a)
    picture = sketch({"a": a}, {"X(a, a)": ("a", "a", hom)}, "unit", [], ["X(a, a)"])
    return _below(V, V.unit, hom, "e", "X(a, a)", picture)


def _enriched_composition(X: Any, a: Any, b: Any, c: Any) -> Comparison:
    V, ab, bc, ac = X.quantale, *(hom_of(X, *pair) for pair in ((a, b), (b, c), (a, c)))
    picture = sketch(
        {"a": a, "b": b, "c": c},
        {"X(a, b)": ("a", "b", ab), "X(b, c)": ("b", "c", bc), "X(a, c)": ("a", "c", ac)},
        "composition",
        ["X(a, b)", "X(b, c)"],
        ["X(a, c)"],
    )
    return _below(V, V.tensor(ab, bc), ac, "X(a, b) X(b, c)", "X(a, c)", picture)


def _objects(X: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    objects = given.get("objects", getattr(X, "objects", None))
    if objects is None:
        raise CatlearnError(f"{type(X).__name__} does not say what its objects are: give objects=")
    return {"object": lambda: strategy_of(objects)}


enriched = Spec(
    "enriched category",
    (
        Law("unit", r"e \le X(a, a)", {"a": "object"}, _enriched_unit),
        Law(
            "composition",
            r"X(a, b) \otimes X(b, c) \le X(a, c)",
            dict.fromkeys("abc", "object"),
            _enriched_composition,
        ),
    ),
    _objects,
    {"objects": ARROWS["objects"]},
    lambda structure: hasattr(structure, "hom") and hasattr(structure, "quantale"),
    "Kelly, Basic Concepts of Enriched Category Theory, 1.2",
)
"""The laws of a category enriched in a quantale: ``quantale``, ``objects``, and
``hom(a, b)`` or a call."""


def _contracts(F: Any, a: Any, b: Any) -> Comparison:
    X, Y = F.domain, F.codomain
    Fa, Fb = on_object(F, a), on_object(F, b)
    here, there = hom_of(X, a, b), hom_of(Y, Fa, Fb)
    return _below(Y.quantale, here, there, "X(a, b)", "Y(F a, F b)", None)


enriched_functor = Spec(
    "enriched functor",
    (
        Law(
            "homs",
            r"X(a, b) \le Y(F a, F b)",
            {"a": "object", "b": "object"},
            _contracts,
        ),
    ),
    lambda F, given: _objects(F.domain, given),
    {"objects": ARROWS["objects"]},
    lambda structure: hasattr(structure, "domain") and enriched.accepts(structure.domain),
    "Kelly, Basic Concepts of Enriched Category Theory, 1.2",
)
"""The law of a functor of enriched categories: for metric spaces, it is not expansive."""
