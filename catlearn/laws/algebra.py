r"""The laws of monoids and of monoidal categories.

A **monoid** is a set with an associative multiplication and a unit. A **monoidal category** has
a functorial tensor product and a unit, associative and neutral up to natural isomorphisms that
satisfy the pentagon and the triangle; it is *strict* where these are identities. A **symmetry** on
it is a natural, self-inverse family of swaps with the hexagon (Mac Lane, VII.1 and XI.1).

>>> from catlearn.laws import Monoid, check, monoid
>>> words = Monoid("", lambda u, v: u + v, elements=["", "a", "ab", "b"])
>>> bool(check(words))
True
>>> minus = Monoid(0, lambda m, n: m - n, elements=range(5))
>>> check(minus).broken
('left unit', 'associativity')

The laws of quantales and of categories enriched in them.

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

The laws of structured cospans, up to isomorphisms that respect inputs and outputs.

Objects with inputs and outputs compose by gluing; up to isomorphism they are the arrows of a
symmetric monoidal category with a dagger, which turns each of them round (Fong, "Decorated
cospans", 2015; Baez, Courser, "Structured cospans", 2020; for the laws of daggers Selinger, "Dagger
compact closed categories", 2007). What is compared is never equal on the
nose: :class:`Cospans` compares by ``is_equivalent``.

>>> from catlearn.laws import Cospans, check, cospan, graphs
>>> report = check(Cospans(graphs(2, 2)), cospan.only("associativity"), max_examples=10)
>>> print(report)
Laws of a category of cospans: 1 passed
  associativity: passed (10 examples)
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from catlearn.category.terms import read_statement
from catlearn.cset import Open
from catlearn.errors import CatlearnError
from catlearn.finset import Tables, coproduct
from catlearn.laws.categories import (
    ARROWS,
    CATEGORY,
    FUNCTOR,
    PAIR,
    Arrows,
    category,
    codomain_of,
    domain_of,
    functor,
    is_category,
    on_arrow,
    on_object,
    strategy_of,
)
from catlearn.laws.law import Law
from catlearn.laws.signature import Signature, Spec
from catlearn.laws.strategies import identifications

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


def _sorts_of(sort: str, name: str, own: str) -> Callable[[Any, Mapping[str, Any]], dict[str, Any]]:
    """Return what draws values of one sort: of those given by name, else the structure's own."""

    def sorts(structure: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        values = given.get(name, getattr(structure, own, None))
        if values is None:
            kind = type(structure).__name__
            raise CatlearnError(f"{kind} does not say what its {name} are: give {name}=")
        return {sort: lambda: strategy_of(values)}

    return sorts


ELEMENTS = {"elements": "elements, a strategy or a collection"}

monoid = Spec(
    "monoid",
    (
        MONOID.law("left unit", "e * x = x", "x: element"),
        MONOID.law("right unit", "x * e = x", "x: element"),
        MONOID.law("associativity", "(x * y) * z = x * (y * z)", "x, y, z: element"),
    ),
    _sorts_of("element", "elements", "elements"),
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
        "α(A, B, D: object): (A ⊗ B) ⊗ D -> A ⊗ (B ⊗ D)": lambda C, A, B, D: (
            C.associator(A, B, D)
            if hasattr(C, "associator")
            else C.identity(C.tensor_objects(C.tensor_objects(A, B), D))
        ),
        "λ(A: object): I ⊗ A -> A": lambda C, A: getattr(C, "left_unitor", C.identity)(A),
        "ρ(A: object): A ⊗ I -> A": lambda C, A: getattr(C, "right_unitor", C.identity)(A),
        "inverse(f: A -> B): B -> A": lambda C, f: C.inverse(f) if hasattr(C, "inverse") else f,
    },
    latex={
        "α": r"\alpha_{{{0}, {1}, {2}}}",
        "λ": r"\lambda_{{{0}}}",
        "ρ": r"\rho_{{{0}}}",
        "inverse": "{{{0}}}^{{-1}}",
    },
    extends=CATEGORY,
)
"""A category with a tensor product ⊗ of objects and of arrows, and a unit I.

Associators α and unitors λ, ρ are identities where the structure does not say what they are.
"""

SYMMETRIC = Signature(
    operations={"σ(A, B: object): A ⊗ B -> B ⊗ A": lambda C, A, B: C.symmetry(A, B)},
    latex={"σ": r"\sigma_{{{0}, {1}}}"},
    extends=MONOIDAL,
)
"""A monoidal category with swaps σ."""


def _strict(signature: Signature) -> Signature:
    """For further laws of a user: brackets and units may be left out, as strict categories can."""
    return Signature(strict=("⊗", "I"), extends=signature)


def _inverses(name: str, arrow: str, source: str, target: str, typing: str) -> tuple[Law, Law]:
    """The laws that a family of structural arrows is inverted, on either side."""
    there, back = f"{arrow} >> inverse({arrow})", f"inverse({arrow}) >> {arrow}"
    return (
        MONOIDAL.law(f"inverse after {name}", f"{there} = id({source})", typing),
        MONOIDAL.law(f"inverse before {name}", f"{back} = id({target})", typing),
    )


APART = "f: A -> B, g: D -> E"

monoidal = category.extended(
    MONOIDAL.law("unit object", "λ(A) : I ⊗ A -> A", "A: object"),
    MONOIDAL.law("unit object on the right", "ρ(A) : A ⊗ I -> A", "A: object"),
    MONOIDAL.law(
        "associativity on objects", "α(A, B, D) : (A ⊗ B) ⊗ D -> A ⊗ (B ⊗ D)", "A, B, D: object"
    ),
    MONOIDAL.law("ends of tensors", "f ⊗ g : A ⊗ D -> B ⊗ E", APART),
    MONOIDAL.law("unit of the tensor", "(id(I) ⊗ f) >> λ(B) = λ(A) >> f", "f: A -> B"),
    MONOIDAL.law("unit of the tensor on the right", "(f ⊗ id(I)) >> ρ(B) = ρ(A) >> f", "f: A -> B"),
    MONOIDAL.law(
        "associativity of the tensor",
        "((f ⊗ g) ⊗ h) >> α(B, E, G) = α(A, D, F) >> (f ⊗ (g ⊗ h))",
        f"{APART}, h: F -> G",
    ),
    MONOIDAL.law("tensor of identities", "id(A) ⊗ id(B) = id(A ⊗ B)", "A, B: object"),
    MONOIDAL.law(
        "interchange",
        "(f >> g) ⊗ (h >> k) = (f ⊗ h) >> (g ⊗ k)",
        "f: A -> B, g: B -> C, h: D -> E, k: E -> F",
    ),
    *_inverses("associators", "α(A, B, D)", "(A ⊗ B) ⊗ D", "A ⊗ (B ⊗ D)", "A, B, D: object"),
    *_inverses("left unitors", "λ(A)", "I ⊗ A", "A", "A: object"),
    *_inverses("right unitors", "ρ(A)", "A ⊗ I", "A", "A: object"),
    MONOIDAL.law(
        "pentagon",
        "(α(A, B, D) ⊗ id(E)) >> α(A, B ⊗ D, E) >> (id(A) ⊗ α(B, D, E))"
        " = α(A ⊗ B, D, E) >> α(A, B, D ⊗ E)",
        "A, B, D, E: object",
    ),
    MONOIDAL.law("triangle", "α(A, I, B) >> (id(A) ⊗ λ(B)) = ρ(A) ⊗ id(B)", "A, B: object"),
    name="monoidal category",
    accepts=lambda structure: is_category(structure) and hasattr(structure, "tensor_objects"),
    signature=_strict(MONOIDAL),
)
"""The laws of a monoidal category: one with ``unit``, ``tensor_objects``, ``tensor``.

It is strict, so that brackets and units do not matter, unless it has ``associator(A, B, D)``,
``left_unitor(A)`` or ``right_unitor(A)``; then also ``inverse(f)``, which inverts these.
"""

symmetric_monoidal = monoidal.extended(
    SYMMETRIC.law("ends of swaps", "σ(A, B) : A ⊗ B -> B ⊗ A", "A, B: object"),
    SYMMETRIC.law("involution", "σ(A, B) >> σ(B, A) = id(A ⊗ B)", "A, B: object"),
    SYMMETRIC.law("naturality of swaps", "(f ⊗ g) >> σ(B, E) = σ(A, D) >> (g ⊗ f)", APART),
    SYMMETRIC.law(
        "hexagon",
        "α(A, B, D) >> σ(A, B ⊗ D) >> α(B, D, A)"
        " = (σ(A, B) ⊗ id(D)) >> α(B, A, D) >> (id(B) ⊗ σ(A, D))",
        "A, B, D: object",
    ),
    name="symmetric monoidal category",
    accepts=lambda structure: monoidal.accepts(structure) and hasattr(structure, "symmetry"),
    signature=_strict(SYMMETRIC),
)
"""The laws of a symmetric monoidal category, strict or not: one with ``symmetry(A, B)`` besides."""

CARTESIAN = Signature(
    operations={
        "copy(A: object): A -> A ⊗ A": lambda C, A: C.copy(A),
        "discard(A: object): A -> I": lambda C, A: C.discard(A),
    },
    latex={"copy": r"\Delta_{{{0}}}", "discard": r"!_{{{0}}}"},
    extends=SYMMETRIC,
)
"""A symmetric monoidal category with copies and discards."""

cartesian = symmetric_monoidal.extended(
    CARTESIAN.law("ends of copies", "copy(A) : A -> A ⊗ A", "A: object"),
    CARTESIAN.law("ends of discards", "discard(A) : A -> I", "A: object"),
    CARTESIAN.law(
        "coassociativity",
        "copy(A) >> (copy(A) ⊗ id(A)) >> α(A, A, A) = copy(A) >> (id(A) ⊗ copy(A))",
        "A: object",
    ),
    CARTESIAN.law("counit", "copy(A) >> (discard(A) ⊗ id(A)) >> λ(A) = id(A)", "A: object"),
    CARTESIAN.law("cocommutativity", "copy(A) >> σ(A, A) = copy(A)", "A: object"),
    CARTESIAN.law(
        "copies of tensors",
        "copy(A ⊗ B) = (copy(A) ⊗ copy(B)) >> α(A, A, B ⊗ B)"
        " >> (id(A) ⊗ (inverse(α(A, B, B)) >> (σ(A, B) ⊗ id(B)) >> α(B, A, B)))"
        " >> inverse(α(A, B, A ⊗ B))",
        "A, B: object",
    ),
    CARTESIAN.law("naturality of copies", "f >> copy(B) = copy(A) >> (f ⊗ f)", "f: A -> B"),
    CARTESIAN.law("naturality of discards", "f >> discard(B) = discard(A)", "f: A -> B"),
    name="cartesian monoidal category",
    accepts=lambda structure: (
        symmetric_monoidal.accepts(structure)
        and hasattr(structure, "copy")
        and hasattr(structure, "discard")
    ),
    signature=_strict(CARTESIAN),
)
"""The laws of a cartesian category, with ``copy(A)`` and ``discard(A)`` besides (Fox, 1976)."""


def _apart(F: Any, f: Any, g: Any) -> Any:
    return codomain_of(F).tensor(on_arrow(F, f), on_arrow(F, g))


def _crossed(F: Any, A: Any, B: Any) -> Any:
    return codomain_of(F).symmetry(on_object(F, A), on_object(F, B))


MONOIDAL_FUNCTOR = Signature(
    operations={
        "I: object": lambda F: domain_of(F).unit,
        "J: object in D": lambda F: codomain_of(F).unit,
        "⊗(A, B: object): object": lambda F, A, B: domain_of(F).tensor_objects(A, B),
        "⊗(A, B: object in D): object in D": lambda F, A, B: codomain_of(F).tensor_objects(A, B),
        "⊗(f: A -> B, g: E -> H): A ⊗ E -> B ⊗ H": lambda F, f, g: domain_of(F).tensor(f, g),
        "σ(A, B: object): A ⊗ B -> B ⊗ A": lambda F, A, B: domain_of(F).symmetry(A, B),
        "apart(f: A -> B, g: E -> H): F(A ⊗ E) -> F(B ⊗ H) in D": _apart,
        "crossed(A, B: object): F(A ⊗ B) -> F(B ⊗ A) in D": _crossed,
    },
    latex={
        "σ": r"\sigma_{{{0}, {1}}}",
        "apart": r"F({0}) \otimes F({1})",
        "crossed": r"\sigma_{{F({0}), F({1})}}",
    },
    extends=FUNCTOR,
)
"""A functor F between symmetric monoidal categories, with units I and J.

What is apart or crossed, F(f) ⊗ F(g) and σ(F(A), F(B)), has the ends that it should: where objects
are not preserved, that says so.
"""

monoidal_functor = functor.extended(
    MONOIDAL_FUNCTOR.law("unit", "F(I) = J"),
    MONOIDAL_FUNCTOR.law("tensors of objects", "F(A ⊗ B) = F(A) ⊗ F(B)", "A, B: object"),
    MONOIDAL_FUNCTOR.law("tensors", "F(f ⊗ g) = apart(f, g)", "f: A -> B, g: E -> H"),
    MONOIDAL_FUNCTOR.law("swaps", "F(σ(A, B)) = crossed(A, B)", "A, B: object"),
    name="strict symmetric monoidal functor",
    accepts=lambda structure: (
        functor.accepts(structure)
        and symmetric_monoidal.accepts(domain_of(structure))
        and symmetric_monoidal.accepts(codomain_of(structure))
    ),
    signature=MONOIDAL_FUNCTOR,
)
"""The laws of a functor that preserves tensor products, unit and swaps (Mac Lane, XI.2)."""


# ---------------------------------------------------------------- quantales


QUANTALE = Signature(
    operations={
        "⊗(a, b: value): value": lambda Q, a, b: Q.tensor(a, b),
        "∨(a, b: value): value": lambda Q, a, b: Q.join(a, b),
        "∧(a, b: value): value": lambda Q, a, b: Q.meet(a, b),
        "≤(a, b: value): truth": lambda Q, a, b: bool(Q.leq(a, b)),
        "=(a, b: value): truth": lambda Q, a, b: bool(Q.equal(a, b)),
        "residual(b, c: value): value": lambda Q, b, c: Q.residual(b, c),
        "e: value": lambda Q: Q.unit,
        "bottom: value": lambda Q: Q.bottom,
        "top: value": lambda Q: Q.top,
    },
    relations={"=": lambda Q, a, b: bool(Q.equal(a, b))},
    latex={"bottom": r"\bot", "top": r"\top", "residual": "[{0}, {1}]"},
)
"""Values of a quantale, with ⊗ and its unit e, joins ∨ from the bottom, meets ∧, and residuals."""

PAIR_OF, TRIPLE = "a, b: value", "a, b, c: value"

quantale = Spec(
    "quantale",
    (
        QUANTALE.law("associativity", "(a ⊗ b) ⊗ c = a ⊗ (b ⊗ c)", TRIPLE),
        QUANTALE.law("commutativity", "a ⊗ b = b ⊗ a", PAIR_OF),
        QUANTALE.law("unit", "e ⊗ a = a", "a: value"),
        QUANTALE.law("joins", "(a ∨ b) ∨ c = a ∨ (b ∨ c)", TRIPLE),
        QUANTALE.law("commutativity of joins", "a ∨ b = b ∨ a", PAIR_OF),
        QUANTALE.law("idempotence of joins", "a ∨ a = a", "a: value"),
        QUANTALE.law("meets", "(a ∧ b) ∧ c = a ∧ (b ∧ c)", TRIPLE),
        QUANTALE.law("commutativity of meets", "a ∧ b = b ∧ a", PAIR_OF),
        QUANTALE.law("absorption", "a ∨ (a ∧ b) = a", PAIR_OF),
        QUANTALE.law("absorption by meets", "a ∧ (a ∨ b) = a", PAIR_OF),
        QUANTALE.law("bottom", "bottom ∨ a = a", "a: value"),
        QUANTALE.law("top", "top ∨ a = top", "a: value", lambda Q: hasattr(Q, "top")),
        QUANTALE.law("order", "a <= b <=> a ∨ b = b", PAIR_OF),
        QUANTALE.law("distributivity", "a ⊗ (b ∨ c) = (a ⊗ b) ∨ (a ⊗ c)", TRIPLE),
        QUANTALE.law("empty join", "a ⊗ bottom = bottom", "a: value"),
        QUANTALE.law("residual", "a ⊗ b <= c <=> a <= residual(b, c)", TRIPLE),
    ),
    _sorts_of("value", "values", "samples"),
    {"values": "values, a strategy or a collection"},
    lambda structure: all(hasattr(structure, k) for k in ("tensor", "join", "residual")),
    'Rosenthal, "Quantales and their applications", 1990',
    QUANTALE,
)
"""The laws of a commutative quantale: ``join``, ``tensor``, ``unit``, ``residual``, ``leq``, ...

A lattice with a bottom (and a top, if it says which) and a commutative monoid that preserves joins
of two and of none. Joins of infinitely many values are not tried.
"""


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


def _at_most(X: Any, one: Any, other: Any) -> bool:
    """Whether a hom is at most another, up to the tolerance that the category has, if any."""
    tolerance = [X.tolerance] if hasattr(X, "tolerance") else []
    return bool(X.quantale.leq(one, other, *tolerance))


_objects = _sorts_of("object", "objects", "objects")

ENRICHED = Signature(
    {"X": _Homs},
    {
        "X(a, b: object): a -> b": hom_of,
        "bottom(a, b: object): a -> b": lambda X, a, b: X.quantale.bottom,
        "top(a, b: object): a -> b": lambda X, a, b: X.quantale.top,
    },
    {"≤": _at_most},
    compose="⊗",
    latex={"id": "e", "bottom": r"\bot", "top": r"\top"},
)
"""The homs of an enriched category X; the unit of its quantale is the identity of any object."""


enriched = Spec(
    "enriched category",
    (
        ENRICHED.law(
            "values",
            "bottom(a, b) <= X(a, b) <= top(a, b)",
            "a, b: object",
            lambda X: hasattr(X.quantale, "top"),
        ),
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
        "V(X: end): quantale": lambda F, X: X.quantale,
        "domain: end": lambda F: F.domain,
        "codomain: end": lambda F: F.codomain,
    },
    {"≤": lambda F, one, other: _at_most(F.domain, one, other)},
)
"""A functor F from X to Y, and their homs."""

enriched_functor = Spec(
    "enriched functor",
    (
        ENRICHED_FUNCTOR.law("quantale", "V(domain) = V(codomain)"),
        ENRICHED_FUNCTOR.law("homs", "X(a, b) <= Y(F(a), F(b))", "a, b: object"),
    ),
    lambda F, given: _objects(F.domain, given),
    {"objects": ARROWS["objects"]},
    lambda structure: hasattr(structure, "domain") and enriched.accepts(structure.domain),
    "Kelly, Basic Concepts of Enriched Category Theory, 1.2",
    ENRICHED_FUNCTOR,
)
"""The law of a functor of enriched categories: for metric spaces, it is not expansive."""


class Cospans:
    """Tables with inputs and outputs, as a category to be checked.

    Parameters
    ----------
    wholes
        A strategy for tables of any kind; cospans are drawn out of theirs.
    table
        The table that inputs and outputs are rows of.
    most
        The most inputs or outputs that are drawn.
    """

    def __init__(self, wholes: st.SearchStrategy[Any], table: str = "V", most: int = 2) -> None:
        self.wholes, self.table, self.most = wholes, table, most

    def identity(self, at: Any, /) -> Open:
        """Return the identity of an interface."""
        return Open.identity(at, self.table)

    def compose(self, first: Open, then: Open, /) -> Open:
        """Return ``first >> then``."""
        return first >> then

    def ends(self, arrow: Open, /) -> tuple[Any, Any]:
        """Return the interfaces of inputs and of outputs."""
        return arrow.source, arrow.target

    def same(self, one: Any, other: Any, /) -> bool:
        """Whether two interfaces are the same but for names."""
        return one.matches(other)

    def equal(self, one: Open, other: Open, /) -> bool:
        """Whether there is an isomorphism that respects inputs and outputs."""
        return one.is_equivalent(other)

    def tensor(self, one: Open, other: Open, /) -> Open:
        """Put two side by side."""
        return one @ other

    def tensor_objects(self, one: Any, other: Any, /) -> Any:
        """Put two interfaces side by side."""
        return coproduct(one, other).apex

    def symmetry(self, one: Any, other: Any, /) -> Open:
        """Return the swap of two interfaces."""
        return Open.swap(one, other, self.table)

    def dagger(self, arrow: Open, /) -> Open:
        """Return a cospan turned round."""
        return arrow.dagger()

    @property
    def interfaces(self) -> st.SearchStrategy[Tables]:
        """A strategy for interfaces."""
        return _interfaces(self)

    def out_of(self, source: Any) -> st.SearchStrategy[Open]:
        """Return a strategy for cospans out of an interface."""
        return _out_of(self, source)


@st.composite
def _rows(draw: st.DrawFn, whole: Any, table: str, most: int) -> list[int]:
    row = st.integers(0, max(whole.size(table) - 1, 0))
    return draw(st.lists(row, max_size=most if whole.size(table) else 0))


@st.composite
def _interfaces(draw: st.DrawFn, C: Cospans) -> Any:
    whole = draw(C.wholes)
    return Open(whole, draw(_rows(whole, C.table, C.most)), (), C.table).source


@st.composite
def _out_of(draw: st.DrawFn, C: Cospans, source: Any) -> Open:
    both = coproduct(source, draw(C.wholes))
    quotient = draw(identifications(both.apex))
    outputs = draw(_rows(quotient.codomain, C.table, C.most))
    return Open(quotient.codomain, both.legs[0] >> quotient, outputs, C.table)


def _sorts(C: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    if "arrows" not in given and isinstance(C, Cospans):
        given = {"objects": C.interfaces, **given, "arrows": C.out_of}
    return Arrows(C, given).sorts()


_COSPANS = Signature(
    operations={"dagger(f: A -> B): B -> A": lambda C, f: C.dagger(f)},
    latex={"dagger": r"({0})^{{\dagger}}"},
    extends=SYMMETRIC,
)


def _about_units(law: Law) -> bool:
    return any({"I", "λ", "ρ"} & side.names() for side in read_statement(law.text).sides)


cospan = Spec(
    "category of cospans",
    (
        *(
            law
            for law in symmetric_monoidal.laws
            if not _about_units(law)  # an empty interface would need a shape
        ),
        _COSPANS.law("ends of daggers", "dagger(f) : B -> A", "f: A -> B"),
        _COSPANS.law("dagger", "dagger(dagger(f)) = f", "f: A -> B"),
        _COSPANS.law("dagger of identities", "dagger(id(A)) = id(A)", "A: object"),
        _COSPANS.law("dagger of tensors", "dagger(f ⊗ g) = dagger(f) ⊗ dagger(g)", APART),
        _COSPANS.law("dagger of swaps", "dagger(σ(A, B)) = σ(B, A)", "A, B: object"),
        _COSPANS.law("dagger of composites", "dagger(f >> g) = dagger(g) >> dagger(f)", PAIR),
    ),
    _sorts,
    ARROWS,
    lambda structure: isinstance(structure, Cospans),
    "Baez, Courser, Structured cospans, 2020",
    _COSPANS,
)
"""The laws of structured cospans, such as :class:`Cospans`, up to isomorphism."""
