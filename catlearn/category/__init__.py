"""Graphs and hypergraphs, presentations, finite and presented categories, and functors.

A graph generates a free category, whose arrows are its paths; a presentation divides it by
equations; a functor out of either is given on vertices and edges.

>>> from catlearn.category import Functions, Functor, Graph
>>> G = Graph({"f": ("A", "B"), "g": ("B", "C")})
>>> Functor(G, Functions(), arrows={"f": len, "g": str})(G.path("f >> g"))([1, 2, 3])
'3'
"""

from catlearn.category.adjunctions import Adjunction, adjunction, left_adjoint, right_adjoint
from catlearn.category.cat import presentation_of_colimit
from catlearn.category.completion import Budget, RewritingSystem, complete
from catlearn.category.constructions import (
    Comma,
    Karoubi,
    Skeleton,
    Slice,
    Subcategory,
    TwistedArrows,
    arrow_category,
    comma,
    coslice_category,
    full_subcategory,
    karoubi,
    opposite,
    skeleton,
    slice_category,
    subcategory,
    twisted_arrow_category,
    wide_subcategory,
)
from catlearn.category.enumeration import (
    FunctorCategory,
    are_equivalent,
    are_isomorphic,
    functor_category,
    functors,
)
from catlearn.category.finite import FiniteCategory
from catlearn.category.functor import Functor
from catlearn.category.graph import GRAPH, Arborescence, Graph, GraphMorphism
from catlearn.category.hypergraph import (
    HYPERGRAPH,
    Hypergraph,
    HypergraphBuilder,
    OpenHypergraph,
    evaluate,
)
from catlearn.category.inside import Arrow, Object
from catlearn.category.monoidal import Monoidal, MonoidalFunctor
from catlearn.category.path import Path
from catlearn.category.presentation import (
    PRESENTATION,
    Equation,
    Presentation,
    PresentationMorphism,
)
from catlearn.category.presented import Finiteness, PresentedCategory
from catlearn.category.protocol import Category, Composes, Equal, NotEqual, Unknown, Verdict
from catlearn.category.targets import Functions, Morphisms, Paths
from catlearn.category.transformation import (
    NaturalTransformation,
    natural_transformations,
    naturally_isomorphic,
)

__all__ = [
    "presentation_of_colimit",
    "right_adjoint",
    "left_adjoint",
    "adjunction",
    "Adjunction",
    "Arrow",
    "Comma",
    "FunctorCategory",
    "Karoubi",
    "Object",
    "Skeleton",
    "Slice",
    "TwistedArrows",
    "Subcategory",
    "arrow_category",
    "comma",
    "coslice_category",
    "full_subcategory",
    "functor_category",
    "karoubi",
    "opposite",
    "skeleton",
    "slice_category",
    "subcategory",
    "twisted_arrow_category",
    "wide_subcategory",
    "functors",
    "are_isomorphic",
    "are_equivalent",
    "naturally_isomorphic",
    "natural_transformations",
    "NaturalTransformation",
    "GRAPH",
    "HYPERGRAPH",
    "Hypergraph",
    "HypergraphBuilder",
    "Monoidal",
    "MonoidalFunctor",
    "OpenHypergraph",
    "evaluate",
    "PRESENTATION",
    "Arborescence",
    "Budget",
    "Category",
    "Composes",
    "Equal",
    "Equation",
    "FiniteCategory",
    "Finiteness",
    "Functions",
    "Functor",
    "Graph",
    "GraphMorphism",
    "Morphisms",
    "NotEqual",
    "Path",
    "Paths",
    "Presentation",
    "PresentationMorphism",
    "PresentedCategory",
    "RewritingSystem",
    "Unknown",
    "Verdict",
    "complete",
]
