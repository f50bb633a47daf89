"""catlearn: training regimes as diagrams.

A training regime is drawn as a diagram: vertices are spaces and data sets, edges are models
and projections, equations between parallel paths are what training should make true. Diagrams
are composed by colimits, a diagram's loss is a symbolic object of the category Cost, and
lowering turns the loss into one jitted JAX function.

The names that most work needs stand here; everything else is one attribute away, in its room
(``catlearn.category.karoubi``). Every name is loaded when it is first used, so that
``import catlearn`` costs next to nothing.
"""

import importlib
from typing import Any

import lazy_loader

from catlearn.names import warn_renamed

__version__ = "0.1.0"

_load, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "arrays",
        "category",
        "cost",
        "costing",
        "cset",
        "dashboards",
        "datasets",
        "display",
        "drawing",
        "errors",
        "finset",
        "formats",
        "importing",
        "laws",
        "learning",
        "lowering",
        "models",
        "streams",
        "testing",
        "training",
        "zoo",
    ],
    submod_attrs={
        "arrays": ["Circuit", "traced"],
        "category": [
            "Budget",
            "Equal",
            "Equation",
            "FiniteCategory",
            "Functor",
            "Graph",
            "GraphMorphism",
            "NaturalTransformation",
            "NotEqual",
            "Path",
            "Presentation",
            "Unknown",
            "functors",
            "left_adjoint",
            "natural_transformations",
            "right_adjoint",
        ],
        "cost": ["CostMorphism", "Objective"],
        "cset": [
            "CSet",
            "CSetMorphism",
            "Open",
            "Rule",
            "SchGraph",
            "Schema",
            "Variable",
            "WiringDiagram",
            "homomorphism",
            "homomorphisms",
            "is_isomorphic",
            "left_kan",
            "oapply",
            "open_graph",
            "right_kan",
            "subobjects",
        ],
        "dashboards": ["dashboard"],
        "drawing": ["draw"],
        "errors": ["CatlearnError"],
        "finset": [
            "Diagram",
            "FinFunction",
            "FinSet",
            "Span",
            "coequalizer",
            "colimit",
            "coproduct",
            "equalizer",
            "initial",
            "limit",
            "product",
            "pullback",
            "pushout",
            "terminal",
        ],
        "formats": ["load", "save"],
        "importing": ["from_jax", "from_torch", "optimise"],
        "learning": [
            "Dataset",
            "LearningDiagram",
            "LearningMorphism",
            "Loss",
            "MovingAverage",
            "Operator",
            "Weight",
            "average",
            "glue",
            "loss_functor",
            "merge",
            "open_diagram",
            "subdiagram",
            "swap",
            "with_frozen",
            "with_trained",
        ],
        "lowering": ["Lowered", "lower", "resources"],
        "models": [
            "Categorical",
            "Constant",
            "Divergence",
            "Model",
            "Pairing",
            "Product",
            "Space",
            "lora",
        ],
        "training": ["History", "Result", "batches", "fit", "per_edge"],
    },
)

# Names that stood here once, by the room where they are. They go with the next release.
_FORMER = {
    "category": [
        "Adjunction",
        "Arborescence",
        "Category",
        "Composes",
        "Finiteness",
        "Functions",
        "Morphisms",
        "Paths",
        "PresentationMorphism",
        "PresentedCategory",
        "RewritingSystem",
        "Verdict",
        "adjunction",
        "are_equivalent",
        "are_isomorphic",
        "arrow_category",
        "comma",
        "complete",
        "coslice_category",
        "full_subcategory",
        "functor_category",
        "karoubi",
        "naturally_isomorphic",
        "opposite",
        "presentation_of_colimit",
        "skeleton",
        "slice_category",
        "subcategory",
        "twisted_arrow_category",
        "wide_subcategory",
    ],
    "cost": [
        "Aggregator",
        "Atom",
        "EnrichedCategory",
        "EnrichedFunctor",
        "LawvereMetric",
        "Matrix",
        "OpenObjective",
        "Quantale",
        "Term",
        "comparison",
        "free",
        "maximum",
        "register_aggregator",
        "wire",
    ],
    "cset": [
        "Elements",
        "Exponential",
        "KanExtension",
        "LeftKan",
        "Profunctor",
        "Rewrite",
        "RightKan",
        "Subobject",
        "SubobjectClassifier",
        "Yoneda",
        "automorphisms",
        "category_of_elements",
        "density",
        "exponential",
        "image",
        "isomorphism",
        "ocompose",
        "pushout_complement",
        "representable",
        "subobject_classifier",
        "subobject_lattice",
        "yoneda",
        "yoneda_embedding",
    ],
    "drawing": ["Picture"],
    "errors": ["InvalidStructure"],
    "finset": ["Colimit", "Limit", "ListFunction", "Shape", "TableMorphism", "Tables"],
    "formats": [
        "from_acset",
        "from_csv",
        "from_discopy",
        "from_json",
        "from_quiver",
        "from_sympy",
        "from_tikzcd",
        "to_acset",
        "to_csv",
        "to_discopy",
        "to_json",
        "to_sympy",
    ],
    "learning": ["Defined", "LossTerm", "Selection"],
    "lowering": ["Resources", "path_metric"],
    "models": [
        "Map",
        "each",
        "on_factors",
        "register_adapter",
        "register_architecture",
        "register_divergence",
    ],
    "training": ["Batches", "Sharding"],
}


def __getattr__(name: str) -> Any:
    for room, names in _FORMER.items():
        if name in names:
            warn_renamed(f"catlearn.{name}", f"catlearn.{room}.{name}")
            return getattr(importlib.import_module(f"catlearn.{room}"), name)
    if name not in __all__ and not name.startswith("_"):
        from catlearn.errors import did_you_mean

        hint = did_you_mean(name, [*__all__, *(f for names in _FORMER.values() for f in names)])
        raise AttributeError(f"catlearn has no name {name!r}; {hint}")
    return _load(name)
