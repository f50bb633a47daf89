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
from catlearn.laws.categories import CATEGORY, category
from catlearn.laws.law import Spec
from catlearn.laws.signature import Signature

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


class _OneObject:
    """A monoid as a category: elements are arrows from • to itself."""

    def __init__(self, M: Any) -> None:
        self.compose, self.equal = M.multiply, getattr(M, "equal", operator.eq)

    def ends(self, element: Any, /) -> tuple[str, str]:
        return "•", "•"

    def same(self, one: str, other: str, /) -> bool:
        return True


MONOID = Signature(
    {"M": _OneObject},
    {'"•": object': lambda M: "•", 'e: "•" -> "•"': lambda M: M.unit},
    compose="*",
    alias={"element": '"•" -> "•"'},
)
"""Elements of a monoid, its unit e and its multiplication."""


def _elements(M: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    elements = given.get("elements", getattr(M, "elements", None))
    if elements is None:
        kind = type(M).__name__
        raise CatlearnError(f"{kind} does not say what its elements are: give elements=")
    return {"element": lambda: strategy_of(elements)}


ELEMENTS = {"elements": "elements, a strategy or a collection"}

monoid = Spec(
    "monoid",
    (
        MONOID.law("left unit", "e * x = x", "x: element"),
        MONOID.law("right unit", "x * e = x", "x: element"),
        MONOID.law("associativity", "(x * y) * z = x * (y * z)", "x, y, z: element"),
    ),
    _elements,
    ELEMENTS,
    lambda structure: hasattr(structure, "unit") and hasattr(structure, "multiply"),
    "Mac Lane, Categories for the Working Mathematician, I.2",
    MONOID,
)
"""The laws of a monoid: ``unit``, ``multiply``, perhaps ``equal``."""

commutative_monoid = monoid.extended(
    MONOID.law("commutativity", "x * y = y * x", "x, y: element"),
    name="commutative monoid",
    accepts=lambda structure: False,  # a monoid need not say that it means to be commutative
)
"""The laws of a commutative monoid."""


# ---------------------------------------------------------------- monoidal categories


MONOIDAL = Signature(
    operations={
        "I: object": lambda C: C.unit,
        "⊗(A, B: object): object": lambda C, A, B: C.tensor_objects(A, B),
        "⊗(f: A -> B, g: D -> E): A ⊗ D -> B ⊗ E": lambda C, f, g: C.tensor(f, g),
    },
    strict=("⊗", "I"),
    extends=CATEGORY,
)
"""A category with a tensor product ⊗ of objects and of arrows, and a unit I."""

SYMMETRIC = Signature(
    operations={"σ(A, B: object): A ⊗ B -> B ⊗ A": lambda C, A, B: C.symmetry(A, B)},
    latex={"σ": r"\sigma_{{{0}, {1}}}"},
    extends=MONOIDAL,
)
"""A monoidal category with swaps σ."""

APART = "f: A -> B, g: D -> E"

monoidal = category.extended(
    MONOIDAL.law("unit object", "I ⊗ A = A = A ⊗ I", "A: object"),
    MONOIDAL.law("associativity on objects", "(A ⊗ B) ⊗ D = A ⊗ (B ⊗ D)", "A, B, D: object"),
    MONOIDAL.law("ends of tensors", "f ⊗ g : A ⊗ D -> B ⊗ E", APART),
    MONOIDAL.law("unit of the tensor", "id(I) ⊗ f = f = f ⊗ id(I)", "f: A -> B"),
    MONOIDAL.law("associativity of the tensor", "(f ⊗ g) ⊗ h = f ⊗ (g ⊗ h)", f"{APART}, h: F -> G"),
    MONOIDAL.law("tensor of identities", "id(A) ⊗ id(B) = id(A ⊗ B)", "A, B: object"),
    MONOIDAL.law(
        "interchange",
        "(f >> g) ⊗ (h >> k) = (f ⊗ h) >> (g ⊗ k)",
        "f: A -> B, g: B -> C, h: D -> E, k: E -> F",
    ),
    name="strict monoidal category",
    accepts=lambda structure: is_category(structure) and hasattr(structure, "tensor_objects"),
    signature=MONOIDAL,
)
"""The laws of a strict monoidal category: one with ``unit``, ``tensor_objects``, ``tensor``."""

symmetric_monoidal = monoidal.extended(
    SYMMETRIC.law("ends of swaps", "σ(A, B) : A ⊗ B -> B ⊗ A", "A, B: object"),
    SYMMETRIC.law("involution", "σ(A, B) >> σ(B, A) = id(A ⊗ B)", "A, B: object"),
    SYMMETRIC.law("naturality of swaps", "(f ⊗ g) >> σ(B, E) = σ(A, D) >> (g ⊗ f)", APART),
    SYMMETRIC.law(
        "hexagon",
        "σ(A, B ⊗ D) = (σ(A, B) ⊗ id(D)) >> (id(B) ⊗ σ(A, D))",
        "A, B, D: object",
    ),
    name="symmetric strict monoidal category",
    accepts=lambda structure: monoidal.accepts(structure) and hasattr(structure, "symmetry"),
    signature=SYMMETRIC,
)
"""The laws of a symmetric strict monoidal category: one with ``symmetry(A, B)`` besides."""
