"""Notices: what a plan should say of itself, as values.

=========================  =========================================================================
code                       says that
=========================  =========================================================================
``blocks-streaming``       along an axis no fold is known
``tile-exceeds-memory``    the least tiles do not fit
``compute-bound``          a unit that computes takes longest
``bandwidth-bound``        a level of memory takes longest
``integral-gap``           whole tiles move more than the optimum does, by more than 5 %
``clamped``                a tile is its whole axis: more fast memory does not help there
``mixed-width``            numbers of several widths are held
``few-tiles``              there are fewer groups than units
``split-pays``             what is streamed may be split, so that more units have a group
``recomputed``             what was made is made again, by a reverse pass or by each group
``order-of-sums-changed``  sums are added up block by block
``cancellation``           a fold adds up the terms of a product of sums one by one
``fusing-costs-more``      boxes are kept apart, since one island of them would move more
``longest``                boxes are kept apart, since islands have so many stages at most
``bounded-search``         not all plans of islands were compared
=========================  =========================================================================

>>> from catlearn.costing import Notice
>>> print(Notice("few-tiles", "warning", "g_q", "8 groups for 132 units", {"groups": 8}))
warning few-tiles (g_q): 8 groups for 132 units
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catlearn.display import Legible


@dataclass(frozen=True)
class Notice(Legible):
    """Something that a reader of a plan should know.

    Parameters
    ----------
    code
        Of what kind it is; see the table above.
    severity
        ``"note"`` or ``"warning"``.
    node
        What it is about: a tile, a unit, boxes.
    text
        A sentence.
    figures
        The numbers in it.
    """

    code: str
    severity: str
    node: str
    text: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.severity} {self.code} ({self.node}): {self.text}"
