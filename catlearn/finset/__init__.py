"""Finite sets and functions, tables, and their (co)limits.

Everything that the package glues is glued here: a colimit of tables is a disjoint union with
relations, one union-find for each table, and graphs, C-sets and learning diagrams are tables.

>>> from catlearn.finset import FinFunction, pushout
>>> left, right = pushout(FinFunction([0], codomain=2), FinFunction([1], codomain=3))
>>> print(left, right, sep="; ")
[0, 1] : 2 -> 4; [2, 0, 3] : 3 -> 4
"""

from catlearn.finset.sets import FINSETS, FinFunction, FinSet, FinSets, ListFunction
from catlearn.finset.shapes import DISCRETE, FLAT, Order, Shape
from catlearn.finset.tables import TABLES, TableCategory, TableMorphism, Tables
from catlearn.finset.universal import (
    Ambient,
    Colimit,
    Diagram,
    Limit,
    Span,
    coequalizer,
    colimit,
    coproduct,
    equalizer,
    initial,
    limit,
    product,
    pullback,
    pushout,
    terminal,
)
from catlearn.finset.value import Frozen, Record

__all__ = [
    "FINSETS",
    "TABLES",
    "DISCRETE",
    "FLAT",
    "Ambient",
    "Colimit",
    "Diagram",
    "FinFunction",
    "FinSet",
    "FinSets",
    "Frozen",
    "Limit",
    "ListFunction",
    "Order",
    "Record",
    "Shape",
    "Span",
    "TableCategory",
    "TableMorphism",
    "Tables",
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
]
