"""Schemas with equations that several tests use."""

from catlearn.cset import Schema

REFLEXIVE = Schema(
    ["V", "E"],
    {"src": ("E", "V"), "tgt": ("E", "V"), "refl": ("V", "E")},
    equations=["refl >> src = id(V)", "refl >> tgt = id(V)"],
)
"""Graphs whose vertices have loops."""
COLOURED_WALKS = Schema(
    ["V", "E", "W"],
    arrows={"src": ("E", "V"), "tgt": ("E", "V"), "refl": ("V", "E")},
    lists={"walk": ("W", "E")},
    attributes={"colour": "V", "length": "E"},
    equations=["refl >> src = id(V)", "refl >> tgt = id(V)"],
)
"""Reflexive graphs with lists of edges and with labels."""
SQUARE = Schema(
    ["A", "B", "C", "D"],
    {"f": ("A", "B"), "g": ("B", "D"), "h": ("A", "C"), "k": ("C", "D")},
    equations=["f >> g = h >> k"],
)
"""A square that commutes."""
