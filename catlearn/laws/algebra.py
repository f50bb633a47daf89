r"""The laws of monoids and of strict monoidal categories.

A **monoid** is a set with an associative multiplication and a unit. A **strict monoidal
category** is a category with a monoid structure on objects and on arrows that is functorial;
a **symmetry** on it is a natural, self-inverse family of swaps (Mac Lane, VII.1 and XI.1).

>>> from catlearn.laws import Monoid, check, monoid
>>> words = Monoid("", lambda u, v: u + v, elements=["", "a", "ab", "b"])
>>> bool(check(words))
True
>>> minus = Monoid(0, lambda m, n: m - n, elements=range(5))
>>> check(minus).broken
('left unit', 'associativity')
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from catlearn.errors import CatlearnError
from catlearn.laws.arrows import is_category, strategy_of
from catlearn.laws.categories import category, typed
from catlearn.laws.law import Comparison, Law, Spec, compare, sketch
from catlearn.laws.signature import ends, equal, same

# ---------------------------------------------------------------- monoids


@dataclass(frozen=True)
class Monoid:
    """A unit and a multiplication, to be checked; whatever has these fields will do instead.

    Parameters
    ----------
    unit
        The unit.
    multiply
        The product of two elements.
    equal
        Whether two elements are equal.
    elements
        A strategy for elements, or a collection of them; it may be given to ``check`` instead.
    """

    unit: Any
    multiply: Callable[[Any, Any], Any]
    equal: Callable[[Any, Any], Any] = operator.eq
    elements: Any = None


def _equal_in(M: Any) -> Callable[[Any, Any], Any]:
    return getattr(M, "equal", operator.eq)


def _loops(law: str, left: list[str], right: list[str], **values: Any) -> Any:
    """A picture of elements as the arrows of a category with one object."""
    arrows = {name: ("•", "•", value) for name, value in values.items()}
    return sketch({"•": "•"}, arrows, law, left, right)


def _monoid_left_unit(M: Any, x: Any) -> Comparison:
    picture = _loops("unit", ["e", "x"], ["x"], e=M.unit, x=x)
    return compare(M.multiply(M.unit, x), x, "e x", "x", by=_equal_in(M), diagram=picture)


def _monoid_right_unit(M: Any, x: Any) -> Comparison:
    picture = _loops("unit", ["x", "e"], ["x"], e=M.unit, x=x)
    return compare(M.multiply(x, M.unit), x, "x e", "x", by=_equal_in(M), diagram=picture)


def _monoid_associativity(M: Any, x: Any, y: Any, z: Any) -> Comparison:
    xy, yz = M.multiply(x, y), M.multiply(y, z)
    arrows = {"x": x, "z": z, "x y": xy, "y z": yz}
    picture = _loops("associativity", ["x y", "z"], ["x", "y z"], **arrows)
    left, right = M.multiply(xy, z), M.multiply(x, yz)
    return compare(left, right, "(x y) z", "x (y z)", by=_equal_in(M), diagram=picture)


def _commutativity(M: Any, x: Any, y: Any) -> Comparison:
    picture = _loops("commutativity", ["x", "y"], ["y", "x"], x=x, y=y)
    left, right = M.multiply(x, y), M.multiply(y, x)
    return compare(left, right, "x y", "y x", by=_equal_in(M), diagram=picture)


def _elements(M: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    elements = given.get("elements", getattr(M, "elements", None))
    if elements is None:
        kind = type(M).__name__
        raise CatlearnError(f"{kind} does not say what its elements are: give elements=")
    return {"element": lambda: strategy_of(elements)}


ELEMENTS = {"elements": "elements, a strategy or a collection"}
TWO = {"x": "element", "y": "element"}

monoid = Spec(
    "monoid",
    (
        Law("left unit", r"e x = x", {"x": "element"}, _monoid_left_unit),
        Law("right unit", r"x e = x", {"x": "element"}, _monoid_right_unit),
        Law("associativity", r"(x y) z = x (y z)", {**TWO, "z": "element"}, _monoid_associativity),
    ),
    _elements,
    ELEMENTS,
    lambda structure: hasattr(structure, "unit") and hasattr(structure, "multiply"),
    "Mac Lane, Categories for the Working Mathematician, I.2",
)
"""The laws of a monoid: ``unit``, ``multiply``, perhaps ``equal``."""

commutative_monoid = monoid.extended(
    Law("commutativity", r"x y = y x", TWO, _commutativity),
    name="commutative monoid",
    accepts=lambda structure: False,  # a monoid need not say that it means to be commutative
)
"""The laws of a commutative monoid."""


# ---------------------------------------------------------------- monoidal categories


def _tensor_unit_object(C: Any, A: Any) -> Comparison:
    both = C.tensor_objects(C.unit, A), C.tensor_objects(A, C.unit)
    return typed(C, both, (A, A), "(I ⊗ A, A ⊗ I)", "(A, A)")


def _tensor_objects(C: Any, A: Any, B: Any, D: Any) -> Comparison:
    left = C.tensor_objects(C.tensor_objects(A, B), D)
    right = C.tensor_objects(A, C.tensor_objects(B, D))
    return compare(
        left, right, "(A ⊗ B) ⊗ D", "A ⊗ (B ⊗ D)", by=lambda one, other: same(C, one, other)
    )


def _tensor_ends(C: Any, f: Any, g: Any) -> Comparison:
    (A, B), (D, E) = ends(C, f), ends(C, g)
    expected = C.tensor_objects(A, D), C.tensor_objects(B, E)
    return typed(C, ends(C, C.tensor(f, g)), expected, "the ends of f ⊗ g")


def _arrows_equal(C: Any) -> Callable[[Any, Any], Any]:
    return lambda x, y: equal(C, x, y)


def _tensor_unit(C: Any, f: Any) -> Comparison:
    unit = C.identity(C.unit)
    left = compare(C.tensor(unit, f), f, "id(I) ⊗ f", "f", by=_arrows_equal(C))
    if not left:
        return left
    return compare(C.tensor(f, unit), f, "f ⊗ id(I)", "f", by=_arrows_equal(C))


def _tensor_associativity(C: Any, f: Any, g: Any, h: Any) -> Comparison:
    left, right = C.tensor(C.tensor(f, g), h), C.tensor(f, C.tensor(g, h))
    return compare(left, right, "(f ⊗ g) ⊗ h", "f ⊗ (g ⊗ h)", by=_arrows_equal(C))


def _tensor_identity(C: Any, A: Any, B: Any) -> Comparison:
    left = C.tensor(C.identity(A), C.identity(B))
    right = C.identity(C.tensor_objects(A, B))
    return compare(left, right, "id(A) ⊗ id(B)", "id(A ⊗ B)", by=_arrows_equal(C))


def _interchange(C: Any, f: Any, g: Any, h: Any, k: Any) -> Comparison:
    whole = C.tensor(C.compose(f, g), C.compose(h, k))
    first, then = C.tensor(f, h), C.tensor(g, k)
    corners = [ends(C, first)[0], ends(C, first)[1], ends(C, then)[1]]
    picture = sketch(
        dict(zip(("A ⊗ A'", "B ⊗ B'", "D ⊗ D'"), corners, strict=True)),
        {
            "(f;g) ⊗ (h;k)": ("A ⊗ A'", "D ⊗ D'", whole),
            "f ⊗ h": ("A ⊗ A'", "B ⊗ B'", first),
            "g ⊗ k": ("B ⊗ B'", "D ⊗ D'", then),
        },
        "interchange",
        ["(f;g) ⊗ (h;k)"],
        ["f ⊗ h", "g ⊗ k"],
    )
    return compare(
        whole,
        C.compose(first, then),
        "(f >> g) ⊗ (h >> k)",
        "(f ⊗ h) >> (g ⊗ k)",
        by=_arrows_equal(C),
        diagram=picture,
    )


OBJECTS = {"A": "object", "B": "object"}
ARROW_PAIR = {"f": "arrow", "g": "arrow"}

monoidal = category.extended(
    Law("unit object", r"I \otimes A = A = A \otimes I", {"A": "object"}, _tensor_unit_object),
    Law(
        "associativity on objects",
        r"(A \otimes B) \otimes D = A \otimes (B \otimes D)",
        {**OBJECTS, "D": "object"},
        _tensor_objects,
    ),
    Law("ends of tensors", r"f \otimes g : A \otimes D \to B \otimes E", ARROW_PAIR, _tensor_ends),
    Law("unit of the tensor", r"\mathrm{id}_I \otimes f = f", {"f": "arrow"}, _tensor_unit),
    Law(
        "associativity of the tensor",
        r"(f \otimes g) \otimes h = f \otimes (g \otimes h)",
        {**ARROW_PAIR, "h": "arrow"},
        _tensor_associativity,
    ),
    Law(
        "tensor of identities",
        r"\mathrm{id}_A \otimes \mathrm{id}_B = \mathrm{id}_{A \otimes B}",
        OBJECTS,
        _tensor_identity,
    ),
    Law(
        "interchange",
        r"(f ; g) \otimes (h ; k) = (f \otimes h) ; (g \otimes k)",
        {"f": "arrow", "g": "arrow after f", "h": "arrow", "k": "arrow after h"},
        _interchange,
    ),
    name="strict monoidal category",
    accepts=lambda structure: is_category(structure) and hasattr(structure, "tensor_objects"),
)
"""The laws of a strict monoidal category: one with ``unit``, ``tensor_objects``, ``tensor``."""


def _symmetry_ends(C: Any, A: Any, B: Any) -> Comparison:
    expected = C.tensor_objects(A, B), C.tensor_objects(B, A)
    return typed(C, ends(C, C.symmetry(A, B)), expected, "the ends of σ(A, B)")


def _involution(C: Any, A: Any, B: Any) -> Comparison:
    there, back, both = C.symmetry(A, B), C.symmetry(B, A), C.tensor_objects(A, B)
    picture = sketch(
        {"A ⊗ B": both, "B ⊗ A": C.tensor_objects(B, A)},
        {"σ(A, B)": ("A ⊗ B", "B ⊗ A", there), "σ(B, A)": ("B ⊗ A", "A ⊗ B", back)},
        "involution",
        ["σ(A, B)", "σ(B, A)"],
        [],
    )
    return compare(
        C.compose(there, back),
        C.identity(both),
        "σ(A, B) >> σ(B, A)",
        "id(A ⊗ B)",
        by=_arrows_equal(C),
        diagram=picture,
    )


def _symmetry_natural(C: Any, f: Any, g: Any) -> Comparison:
    (A, B), (D, E) = ends(C, f), ends(C, g)
    fg, gf = C.tensor(f, g), C.tensor(g, f)
    before, after = C.symmetry(A, D), C.symmetry(B, E)
    corners = [*ends(C, fg), *ends(C, gf)]
    picture = sketch(
        dict(zip(("A ⊗ D", "B ⊗ E", "D ⊗ A", "E ⊗ B"), corners, strict=True)),
        {
            "f ⊗ g": ("A ⊗ D", "B ⊗ E", fg),
            "σ(A, D)": ("A ⊗ D", "D ⊗ A", before),
            "σ(B, E)": ("B ⊗ E", "E ⊗ B", after),
            "g ⊗ f": ("D ⊗ A", "E ⊗ B", gf),
        },
        "naturality",
        ["f ⊗ g", "σ(B, E)"],
        ["σ(A, D)", "g ⊗ f"],
    )
    return compare(
        C.compose(fg, after),
        C.compose(before, gf),
        "(f ⊗ g) >> σ(B, E)",
        "σ(A, D) >> (g ⊗ f)",
        by=_arrows_equal(C),
        diagram=picture,
    )


def _hexagon(C: Any, A: Any, B: Any, D: Any) -> Comparison:
    left = C.symmetry(A, C.tensor_objects(B, D))
    first = C.tensor(C.symmetry(A, B), C.identity(D))
    then = C.tensor(C.identity(B), C.symmetry(A, D))
    right = C.compose(first, then)
    return compare(
        left, right, "σ(A, B ⊗ D)", "(σ(A, B) ⊗ D) >> (B ⊗ σ(A, D))", by=_arrows_equal(C)
    )


symmetric_monoidal = monoidal.extended(
    Law("ends of swaps", r"\sigma_{A,B} : A \otimes B \to B \otimes A", OBJECTS, _symmetry_ends),
    Law("involution", r"\sigma_{A,B} ; \sigma_{B,A} = \mathrm{id}", OBJECTS, _involution),
    Law(
        "naturality of swaps",
        r"(f \otimes g) ; \sigma = \sigma ; (g \otimes f)",
        ARROW_PAIR,
        _symmetry_natural,
    ),
    Law(
        "hexagon",
        r"\sigma_{A, B \otimes D} = (\sigma_{A,B} \otimes D) ; (B \otimes \sigma_{A,D})",
        {**OBJECTS, "D": "object"},
        _hexagon,
    ),
    name="symmetric strict monoidal category",
    accepts=lambda structure: monoidal.accepts(structure) and hasattr(structure, "symmetry"),
)
"""The laws of a symmetric strict monoidal category: one with ``symmetry(A, B)`` besides."""
