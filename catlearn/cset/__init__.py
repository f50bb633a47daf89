"""Schemas, attributed C-sets and their morphisms.

Colimits and limits are those of tables. Besides: homomorphism search and rewriting; open objects,
wiring diagrams and free monoidal categories; data migration along functors of schemas and Kan
extensions; elements, representables, profunctors and ends; what C-sets have as a topos.

>>> from catlearn.cset import CSet, SchGraph
>>> CSet(SchGraph, V=2, E=1, src=[0], tgt=[1]).tgt
FinFunction([1], codomain=2)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "complement": [
            "Complement",
            "final_pullback_complement",
            "is_pushout",
            "pushout_complement",
            "pushout_complements",
        ],
        "cospan": ["Open", "open_graph"],
        "cset": ["CSet", "CSetMorphism", "SchGraph", "Schema"],
        "elements": ["Elements", "category_of_elements", "elements_graph", "from_elements"],
        "free": ["FreeCartesian", "FreeMonoidal"],
        "migration": [
            "KanExtension",
            "LeftKan",
            "RightKan",
            "delta",
            "left_kan",
            "pi",
            "pi_unit",
            "right_kan",
            "sigma",
            "sigma_counit",
        ],
        "profunctor": [
            "Profunctor",
            "coend",
            "end",
            "functions_between",
            "hom_profunctor",
            "tensor",
        ],
        "query": ["Query", "pattern"],
        "representables": ["Yoneda", "density", "representable", "yoneda", "yoneda_embedding"],
        "rewriting": ["Rewrite", "Rule"],
        "search": [
            "Variable",
            "automorphisms",
            "homomorphism",
            "homomorphisms",
            "is_isomorphic",
            "isomorphism",
        ],
        "topos": [
            "Exponential",
            "Subobject",
            "SubobjectClassifier",
            "exponential",
            "image",
            "subobject_classifier",
            "subobject_lattice",
            "subobjects",
        ],
        "wiring": ["WIRING", "WiringDiagram", "oapply", "ocompose"],
    },
)
