"""The schema on which a learning diagram is an attributed C-set (Theory, section 2).

Vertices carry a space, edges a map; an equation has a start, an end and two sides, which are
lists of edges, and says whether it is strict, what it weighs and by which divergence it is
measured. Further facts are further arrows and attributes here: colimits, files and pictures
carry them without new code.

>>> LEARNING.tables, tuple(LEARNING.lists), tuple(LEARNING.attributes)
(('V', 'E', 'Eq'), ('lhs', 'rhs'), ('space', 'map', 'strict', 'weight', 'divergence'))
"""

from __future__ import annotations

from catlearn.cset import Schema

LEARNING = Schema(
    ("V", "E", "Eq"),
    arrows={"src": ("E", "V"), "tgt": ("E", "V"), "start": ("Eq", "V"), "end": ("Eq", "V")},
    lists={"lhs": ("Eq", "E"), "rhs": ("Eq", "E")},
    attributes={"space": "V", "map": "E", "strict": "Eq", "weight": "Eq", "divergence": "Eq"},
)
