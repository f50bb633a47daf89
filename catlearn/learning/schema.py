"""The schema on which a learning diagram is an attributed C-set (Theory, section 2).

Vertices carry a space, edges a map; an equation has a start, an end and two sides, which are
lists of edges, and attributes: whether it is strict, what it weighs, by which divergence it is
measured, and at which side no gradient passes. There are three relations:

- by a row of ``Trains`` an equation trains an edge, with a ``scale`` by which its gradient
  is multiplied (negative for an adversary); an equation without such rows trains all its edges,
  and one with some trains no others;
- by a row of ``Average`` an edge is the moving average of another one;
- by a row of ``Operator`` an edge is an operator, such as a derivative, on another one.

An equation trains an edge once, an average follows one edge and an operator acts on one: these are
keys. Edges may hold stored values, as side data: the array of a projection, parameters of a model.
Colimits, files and pictures carry all of it without new code.

>>> LEARNING.tables, tuple(LEARNING.lists)
(('V', 'E', 'Eq', 'Trains', 'Average', 'Operator'), ('lhs', 'rhs'))
>>> tuple(LEARNING.attributes)
('space', 'map', 'strict', 'weight', 'divergence', 'stop', 'scale', 'decay')
"""

from __future__ import annotations

from catlearn.cset import Schema

STORED = "stored values"
"""The side data of edges."""

LEARNING = Schema(
    ("V", "E", "Eq", "Trains", "Average", "Operator"),
    arrows={
        "src": ("E", "V"),
        "tgt": ("E", "V"),
        "start": ("Eq", "V"),
        "end": ("Eq", "V"),
        "by": ("Trains", "Eq"),
        "trained": ("Trains", "E"),
        "average": ("Average", "E"),
        "follows": ("Average", "E"),
        "operator": ("Operator", "E"),
        "operand": ("Operator", "E"),
    },
    lists={"lhs": ("Eq", "E"), "rhs": ("Eq", "E")},
    attributes={
        "space": "V",
        "map": "E",
        "strict": "Eq",
        "weight": "Eq",
        "divergence": "Eq",
        "stop": "Eq",
        "scale": "Trains",
        "decay": "Average",
    },
    side_data={STORED: "E"},
    keys={
        "Trains": [("by", "trained")],
        "Average": [("average",)],
        "Operator": [("operator",)],
    },
)
