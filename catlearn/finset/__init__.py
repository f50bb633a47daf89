"""Finite sets and functions, tables, and their (co)limits.

Everything that the package glues is glued here: a colimit of tables is a disjoint union with
relations, one union-find for each table, and graphs, C-sets and learning diagrams are tables.

>>> from catlearn.finset import FinFunction, pushout
>>> left, right = pushout(FinFunction([0], codomain=2), FinFunction([1], codomain=3))
>>> print(left, right, sep="; ")
[0, 1] : 2 -> 4; [2, 0, 3] : 3 -> 4
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "sets": ["FINSETS", "FinFunction", "FinSet", "FinSets", "ListFunction"],
        "shapes": ["DISCRETE", "FLAT", "Order", "Shape"],
        "tables": ["TABLES", "TableCategory", "TableMorphism", "Tables"],
        "universal": [
            "Ambient",
            "Colimit",
            "Diagram",
            "Limit",
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
        "value": ["Frozen", "Record"],
        "variables": ["Variable"],
    },
)
