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
    is_category,
    sorts_of_presentation,
)
from catlearn.laws.law import Comparison, Spec, compare
from catlearn.laws.signature import Signature, same

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


ARROWS = {
    "objects": "objects, a strategy or a collection",
    "arrows": (
        "arrows: a collection, a function from an object to a strategy for the arrows out of "
        "it, or a strategy"
    ),
}
"""What one may give to draw objects and arrows of a category."""

CATEGORY = Signature({"C": lambda C: C})
"""Identities and composites of one category, C."""

PAIR = "f: A -> B, g: B -> C"

category = Spec(
    "category",
    (
        CATEGORY.law("ends of identities", "id(A) : A -> A", "A: object"),
        CATEGORY.law("ends of composites", "f >> g : A -> C", PAIR),
        CATEGORY.law("left unit", "id(A) >> f = f", "f: A -> B"),
        CATEGORY.law("right unit", "f >> id(B) = f", "f: A -> B"),
        CATEGORY.law("associativity", "(f >> g) >> h = f >> (g >> h)", f"{PAIR}, h: C -> D"),
    ),
    lambda C, given: Arrows(C, given).sorts(),
    ARROWS,
    is_category,
    "Mac Lane, Categories for the Working Mathematician, I.2",
    CATEGORY,
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


def _start(F: Any) -> Any:
    """Return what a functor is given on: a graph, a presentation or a category."""
    return F.domain if hasattr(F, "domain") else F.graph


def _has_equations(F: Any) -> bool:
    start = _start(F)
    return isinstance(start, Presentation) and start.size("Eq") > 0


def _functor_sorts(F: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    return {**Arrows(domain_of(F), given).sorts(), **sorts_of_presentation(_start(F))}


FUNCTOR = Signature(
    {"C": domain_of, "D": codomain_of},
    {
        "F(A: object): object in D": on_object,
        "F(f: A -> B): F(A) -> F(B) in D": on_arrow,
        "left(q: equation): start(q) -> end(q)": lambda F, q: _start(F).sides(q)[0],
        "right(q: equation): start(q) -> end(q)": lambda F, q: _start(F).sides(q)[1],
        "start(q: equation): object": lambda F, q: _start(F).sides(q)[0].source,
        "end(q: equation): object": lambda F, q: _start(F).sides(q)[0].target,
    },
)
"""A functor F from C to D, and the equations of a presentation of C."""

functor = Spec(
    "functor",
    (
        FUNCTOR.law(
            "ends of values",
            "F(f) : F(A) -> F(B)",
            "f: A -> B",
            lambda F: hasattr(codomain_of(F), "ends"),
        ),
        FUNCTOR.law("identities", "F(id(A)) = id(F(A))", "A: object"),
        FUNCTOR.law("composites", "F(f >> g) = F(f) >> F(g)", PAIR),
        FUNCTOR.law("equations", "F(left(q)) = F(right(q))", "q: equation", _has_equations),
    ),
    _functor_sorts,
    {name: f"{text} (of the domain)" for name, text in ARROWS.items()},
    is_functor,
    "Mac Lane, Categories for the Working Mathematician, I.3",
    FUNCTOR,
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


def is_transformation(structure: Any) -> bool:
    """Whether a value has what a natural transformation has."""
    ends_of = ("domain", "codomain") if hasattr(structure, "domain") else ("source", "target")
    return hasattr(structure, "components") and all(
        is_functor(getattr(structure, end, None)) for end in ends_of
    )


TRANSFORMATION = Signature(
    {
        "C": lambda alpha: domain_of(source_of(alpha)),
        "D": lambda alpha: codomain_of(source_of(alpha)),
    },
    {
        "F(A: object): object in D": lambda alpha, A: on_object(source_of(alpha), A),
        "F(f: A -> B): F(A) -> F(B) in D": lambda alpha, f: on_arrow(source_of(alpha), f),
        "G(A: object): object in D": lambda alpha, A: on_object(target_of(alpha), A),
        "G(f: A -> B): G(A) -> G(B) in D": lambda alpha, f: on_arrow(target_of(alpha), f),
        "α(A: object): F(A) -> G(A) in D": component,
    },
    latex={"α": r"\alpha_{{{0}}}"},
)
"""A natural transformation α from F to G, functors from C to D."""

natural_transformation = Spec(
    "natural transformation",
    (
        TRANSFORMATION.law("ends of components", "α(A) : F(A) -> G(A)", "A: object"),
        TRANSFORMATION.law("naturality", "F(f) >> α(B) = α(A) >> G(f)", "f: A -> B"),
    ),
    lambda alpha, given: _functor_sorts(source_of(alpha), given),
    functor.given,
    is_transformation,
    "Mac Lane, Categories for the Working Mathematician, I.4",
    TRANSFORMATION,
)
"""The laws of a natural transformation: ``domain``, ``codomain`` (functors), ``components``."""
