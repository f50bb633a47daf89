"""Graphs and hypergraphs, presentations, finite and presented categories, and functors.

A graph generates a free category, whose arrows are its paths; a presentation divides it by
equations; a functor out of either is given on vertices and edges.

>>> from catlearn.category import Functions, Functor, Graph
>>> G = Graph({"f": ("A", "B"), "g": ("B", "C")})
>>> Functor(G, Functions(), arrows={"f": len, "g": str})(G.path("f >> g"))([1, 2, 3])
'3'
"""

import lazy_loader

from catlearn.names import renamed

_load, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "adjunctions": ["Adjunction", "adjunction", "left_adjoint", "right_adjoint"],
        "cat": ["presentation_of_colimit"],
        "completion": ["RewritingSystem", "complete"],
        "constructions": [
            "Comma",
            "Grothendieck",
            "Karoubi",
            "Skeleton",
            "Slice",
            "Subcategory",
            "TwistedArrows",
            "arrow_category",
            "comma",
            "coslice_category",
            "full_subcategory",
            "grothendieck",
            "karoubi",
            "opposite",
            "skeleton",
            "slice_category",
            "subcategory",
            "twisted_arrow_category",
            "wide_subcategory",
        ],
        "enumeration": [
            "FunctorCategory",
            "are_equivalent",
            "are_isomorphic",
            "functor_category",
            "functors",
        ],
        "finite": ["FiniteCategory"],
        "functor": ["Functor"],
        "graph": ["Arborescence", "GRAPH", "Graph", "GraphMorphism"],
        "hypergraph": [
            "HYPERGRAPH",
            "Hypergraph",
            "HypergraphBuilder",
            "OpenHypergraph",
            "StringDiagram",
            "evaluate",
        ],
        "inside": ["Arrow", "Object"],
        "lenses": ["Lens", "Lenses", "Para", "Parametric", "Port"],
        "monoidal": ["Monoidal", "MonoidalFunctor"],
        "monads": [
            "Comonad",
            "EilenbergMoore",
            "Kleisli",
            "Monad",
            "eilenberg_moore",
            "kleisli",
        ],
        "path": ["Path"],
        "presentation": ["Equation", "PRESENTATION", "Presentation", "PresentationMorphism"],
        "presented": ["Finiteness", "PresentedCategory"],
        "protocol": ["Budget", "Category", "Composes", "Equal", "NotEqual", "Unknown", "Verdict"],
        "targets": ["Functions", "Morphisms", "Paths"],
        "transformation": [
            "NaturalTransformation",
            "natural_transformations",
            "naturally_isomorphic",
        ],
    },
)

__getattr__ = renamed(__name__, {"Circuit": "StringDiagram"}, _load)
