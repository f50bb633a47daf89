r"""The laws of categories, functors and natural transformations.

Composition is in diagrammatic order, :math:`f ; g` is first f. Definitions: Mac Lane,
*Categories for the Working Mathematician*, I.2-4.

>>> from catlearn.category import Graph, Paths
>>> from catlearn.laws import check
>>> G = Graph({"f": ("A", "B"), "g": ("B", "A")})
>>> report = check(Paths(), objects=G.vertices, arrows=lambda at: G.paths(at, max_length=3))
>>> print(report)
Laws of a category: 5 passed
  ends of identities: passed (2 examples)
  ends of composites: passed (32 examples)
  left unit: passed (8 examples)
  right unit: passed (8 examples)
  associativity: passed (100 examples)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catlearn.category import FiniteCategory, Presentation
from catlearn.laws.arrows import (
    Arrows,
    category_of,
    ends,
    equal,
    is_category,
    same,
    sorts_of_presentation,
)
from catlearn.laws.law import Comparison, Law, Spec, compare, sketch

# ---------------------------------------------------------------- categories


def typed(
    C: Any,
    found: tuple[Any, Any],
    expected: tuple[Any, Any],
    left: str,
    right: str = "what they should be",
) -> Comparison:
    """Compare two pairs of objects, up to what counts as the same object."""

    def agree(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
        return all(same(C, a, b) for a, b in zip(one, other, strict=True))

    return compare(found, expected, left, right, by=agree)


def _identity_ends(C: Any, A: Any) -> Comparison:
    return typed(C, ends(C, C.identity(A)), (A, A), "the ends of id(A)")


def _composite_ends(C: Any, f: Any, g: Any) -> Comparison:
    expected = ends(C, f)[0], ends(C, g)[1]
    return typed(C, ends(C, C.compose(f, g)), expected, "the ends of f >> g")


def _left_unit(C: Any, f: Any) -> Comparison:
    A, B = ends(C, f)
    unit = C.identity(A)
    picture = sketch(
        {"A": A, "B": B}, {"id": ("A", "A", unit), "f": ("A", "B", f)}, "unit", ["id", "f"], ["f"]
    )
    composite = C.compose(unit, f)
    return compare(composite, f, "id >> f", "f", by=lambda x, y: equal(C, x, y), diagram=picture)


def _right_unit(C: Any, f: Any) -> Comparison:
    A, B = ends(C, f)
    unit = C.identity(B)
    picture = sketch(
        {"A": A, "B": B}, {"f": ("A", "B", f), "id": ("B", "B", unit)}, "unit", ["f", "id"], ["f"]
    )
    composite = C.compose(f, unit)
    return compare(composite, f, "f >> id", "f", by=lambda x, y: equal(C, x, y), diagram=picture)


def _associativity(C: Any, f: Any, g: Any, h: Any) -> Comparison:
    fg, gh = C.compose(f, g), C.compose(g, h)
    corners = dict(zip("ABCD", (*ends(C, f), ends(C, g)[1], ends(C, h)[1]), strict=True))
    picture = sketch(
        corners,
        {
            "f": ("A", "B", f),
            "f;g": ("A", "C", fg),
            "g;h": ("B", "D", gh),
            "h": ("C", "D", h),
        },
        "associativity",
        ["f;g", "h"],
        ["f", "g;h"],
    )
    return compare(
        C.compose(fg, h),
        C.compose(f, gh),
        "(f >> g) >> h",
        "f >> (g >> h)",
        by=lambda x, y: equal(C, x, y),
        diagram=picture,
    )


ARROWS = {
    "objects": "objects, a strategy or a collection",
    "arrows": (
        "arrows: a collection, a function from an object to a strategy for the arrows out of "
        "it, or a strategy"
    ),
}
"""What one may give to draw objects and arrows of a category."""

PAIR = {"f": "arrow", "g": "arrow after f"}
TRIPLE = {**PAIR, "h": "arrow after g"}

category = Spec(
    "category",
    (
        Law("ends of identities", r"\mathrm{id}_A : A \to A", {"A": "object"}, _identity_ends),
        Law(
            "ends of composites",
            r"f ; g : \mathrm{dom} f \to \mathrm{cod} g",
            PAIR,
            _composite_ends,
        ),
        Law("left unit", r"\mathrm{id} ; f = f", {"f": "arrow"}, _left_unit),
        Law("right unit", r"f ; \mathrm{id} = f", {"f": "arrow"}, _right_unit),
        Law("associativity", r"(f ; g) ; h = f ; (g ; h)", TRIPLE, _associativity),
    ),
    lambda C, given: Arrows(C, given).sorts(),
    ARROWS,
    is_category,
    "Mac Lane, Categories for the Working Mathematician, I.2",
)
"""The laws of a category: a value with ``identity``, ``compose`` and ``ends``."""


# ---------------------------------------------------------------- functors


def domain_of(F: Any) -> Any:
    """Return the category that a functor starts at."""
    return category_of(_start(F))


def codomain_of(F: Any) -> Any:
    """Return the category that a functor ends at."""
    return category_of(F.codomain if hasattr(F, "codomain") else F.target)


def on_object(F: Any, A: Any) -> Any:
    """Return the object that a functor sends an object to."""
    if hasattr(F, "on_object"):
        return F.on_object(A)
    objects = getattr(F, "objects", None)
    return objects[A] if isinstance(objects, Mapping) else F(A)


def on_arrow(F: Any, f: Any) -> Any:
    """Return the arrow that a functor sends an arrow to."""
    if hasattr(F, "on_arrow"):
        return F.on_arrow(f)
    start = _start(F)
    if isinstance(start, FiniteCategory) and isinstance(f, str) and f in start.ob:
        f = start.word(f)  # a name that an arrow shares with an object would be the object's
    return F(f)


def is_functor(structure: Any) -> bool:
    """Whether a value has what a functor has."""
    starts = hasattr(structure, "domain") or hasattr(structure, "graph")
    stops = hasattr(structure, "codomain") or hasattr(structure, "target")
    acts = hasattr(structure, "on_arrow") or callable(structure)
    return starts and stops and acts and is_category(_codomain(structure))


def _codomain(structure: Any) -> Any:
    return structure.codomain if hasattr(structure, "codomain") else structure.target


def _functor_ends(F: Any, f: Any) -> Comparison:
    C, D = domain_of(F), codomain_of(F)
    expected = tuple(on_object(F, A) for A in ends(C, f))
    return typed(D, ends(D, on_arrow(F, f)), expected, "the ends of F(f)")  # type: ignore[arg-type]


def _functor_identity(F: Any, A: Any) -> Comparison:
    C, D = domain_of(F), codomain_of(F)
    FA = on_object(F, A)
    image, unit = on_arrow(F, C.identity(A)), D.identity(FA)
    picture = sketch(
        {"F(A)": FA},
        {"F(id)": ("F(A)", "F(A)", image), "id": ("F(A)", "F(A)", unit)},
        "identity",
        ["F(id)"],
        ["id"],
    )
    return compare(
        image, unit, "F(id(A))", "id(F(A))", by=lambda x, y: equal(D, x, y), diagram=picture
    )


def _functor_composite(F: Any, f: Any, g: Any) -> Comparison:
    C, D = domain_of(F), codomain_of(F)
    Ff, Fg, whole = on_arrow(F, f), on_arrow(F, g), on_arrow(F, C.compose(f, g))
    corners = (*ends(C, f), ends(C, g)[1])
    picture = sketch(
        {f"F({name})": on_object(F, A) for name, A in zip("ABC", corners, strict=True)},
        {
            "F(f;g)": ("F(A)", "F(C)", whole),
            "F(f)": ("F(A)", "F(B)", Ff),
            "F(g)": ("F(B)", "F(C)", Fg),
        },
        "composite",
        ["F(f;g)"],
        ["F(f)", "F(g)"],
    )
    return compare(
        whole,
        D.compose(Ff, Fg),
        "F(f >> g)",
        "F(f) >> F(g)",
        by=lambda x, y: equal(D, x, y),
        diagram=picture,
    )


def _respects_equation(F: Any, q: str) -> Comparison:
    D = codomain_of(F)
    left, right = _start(F).sides(q)
    return compare(
        on_arrow(F, left),
        on_arrow(F, right),
        f"F({left})",
        f"F({right})",
        by=lambda x, y: equal(D, x, y),
    )


def _start(F: Any) -> Any:
    """Return what a functor is given on: a graph, a presentation or a category."""
    return F.domain if hasattr(F, "domain") else F.graph


def _has_equations(F: Any) -> bool:
    start = _start(F)
    return isinstance(start, Presentation) and start.size("Eq") > 0


def _functor_sorts(F: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    return {**Arrows(domain_of(F), given).sorts(), **sorts_of_presentation(_start(F))}


functor = Spec(
    "functor",
    (
        Law(
            "ends of values",
            r"F f : F A \to F B",
            {"f": "arrow"},
            _functor_ends,
            lambda F: hasattr(codomain_of(F), "ends"),
        ),
        Law(
            "identities",
            r"F(\mathrm{id}_A) = \mathrm{id}_{F A}",
            {"A": "object"},
            _functor_identity,
        ),
        Law("composites", r"F(f ; g) = F f ; F g", PAIR, _functor_composite),
        Law(
            "equations",
            r"p \sim q \Rightarrow F p = F q",
            {"q": "equation"},
            _respects_equation,
            _has_equations,
        ),
    ),
    _functor_sorts,
    {name: f"{text} (of the domain)" for name, text in ARROWS.items()},
    is_functor,
    "Mac Lane, Categories for the Working Mathematician, I.3",
)
"""The laws of a functor: ``domain``, ``codomain``, and a call (or ``on_object``, ``on_arrow``)."""


# ---------------------------------------------------------------- natural transformations


def source_of(alpha: Any) -> Any:
    """Return the functor that a natural transformation starts at."""
    return alpha.domain if hasattr(alpha, "domain") else alpha.source


def target_of(alpha: Any) -> Any:
    """Return the functor that a natural transformation ends at."""
    return alpha.codomain if hasattr(alpha, "codomain") else alpha.target


def component(alpha: Any, A: Any) -> Any:
    """Return the component of a natural transformation at an object."""
    components = getattr(alpha, "components", None)
    return components[A] if isinstance(components, Mapping) else alpha(A)


def _component_ends(alpha: Any, A: Any) -> Comparison:
    F, G = source_of(alpha), target_of(alpha)
    D = codomain_of(F)
    expected = on_object(F, A), on_object(G, A)
    return typed(D, ends(D, component(alpha, A)), expected, "the ends of the component at A")


def _naturality(alpha: Any, f: Any) -> Comparison:
    F, G = source_of(alpha), target_of(alpha)
    C, D = domain_of(F), codomain_of(F)
    A, B = ends(C, f)
    Ff, Gf, at_A, at_B = on_arrow(F, f), on_arrow(G, f), component(alpha, A), component(alpha, B)
    picture = sketch(
        {
            "F(A)": on_object(F, A),
            "F(B)": on_object(F, B),
            "G(A)": on_object(G, A),
            "G(B)": on_object(G, B),
        },
        {
            "F(f)": ("F(A)", "F(B)", Ff),
            "α(A)": ("F(A)", "G(A)", at_A),
            "α(B)": ("F(B)", "G(B)", at_B),
            "G(f)": ("G(A)", "G(B)", Gf),
        },
        "naturality",
        ["F(f)", "α(B)"],
        ["α(A)", "G(f)"],
    )
    return compare(
        D.compose(Ff, at_B),
        D.compose(at_A, Gf),
        "F(f) >> α(B)",
        "α(A) >> G(f)",
        by=lambda x, y: equal(D, x, y),
        diagram=picture,
    )


def is_transformation(structure: Any) -> bool:
    """Whether a value has what a natural transformation has."""
    ends_of = ("domain", "codomain") if hasattr(structure, "domain") else ("source", "target")
    return hasattr(structure, "components") and all(
        is_functor(getattr(structure, end, None)) for end in ends_of
    )


natural_transformation = Spec(
    "natural transformation",
    (
        Law("ends of components", r"\alpha_A : F A \to G A", {"A": "object"}, _component_ends),
        Law("naturality", r"F f ; \alpha_B = \alpha_A ; G f", {"f": "arrow"}, _naturality),
    ),
    lambda alpha, given: _functor_sorts(source_of(alpha), given),
    functor.given,
    is_transformation,
    "Mac Lane, Categories for the Working Mathematician, I.4",
)
"""The laws of a natural transformation: ``domain``, ``codomain`` (functors), ``components``."""
