"""Places: where things lie on a page, and the room that they keep.

A page goes to the right and down. A box reaches above and below the point that it is placed at;
a route is drawn from lines and cubics, up to the back of its arrowhead.

>>> from catlearn.drawing.places import Route
>>> Route((("M", 0, 0), ("L", 11, 0)), tip=(20, 0), angle=0.0, label=(10, 0)).points()
[(0, 0), (11, 0), (20, 0)]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Room between neighbouring boxes of a rank, and between columns.
NODE_GAP = 14.0
LABEL_GAP = 6.0
COLUMN_GAP = 24.0

#: Room between the ends of edges at a side of a box, from tip to tip; heads are 10 tall.
PORT_GAP = 12.0

#: Length of an arrowhead; an edge ends so much before the box that it points at.
HEAD = 9.0


@dataclass(frozen=True)
class Box:
    """A box around a point: its width, and its reach above and below the point."""

    width: float
    above: float
    below: float


@dataclass(frozen=True)
class Place:
    """Where a vertex lies: its centre, and the box that is drawn around it."""

    x: float
    y: float
    box: Box


@dataclass(frozen=True)
class Route:
    """An edge on the page.

    Parameters
    ----------
    pieces
        ``("M", x, y)``, ``("L", x, y)`` and ``("C", x1, y1, x2, y2, x, y)``, from the source to
        the back of the arrowhead.
    tip
        The point of the arrowhead.
    angle
        Its direction in degrees: 0 to the right, 90 downwards.
    label
        Where the label's box has its reference point: centred, on the edge.
    """

    pieces: tuple[tuple, ...]
    tip: tuple[float, float]
    angle: float
    label: tuple[float, float]

    def points(self, steps: int = 12) -> list[tuple[float, float]]:
        """Sample the edge, arrowhead included."""
        out: list[tuple[float, float]] = []
        for piece in self.pieces:
            if piece[0] != "C":
                out.append((piece[1], piece[2]))
                continue
            x0, y0 = out[-1]
            _, x1, y1, x2, y2, x3, y3 = piece
            for i in range(1, steps + 1):
                t = i / steps
                a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
                out.append((a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3))
        return [*out, self.tip]


@dataclass(frozen=True)
class Layout:
    """All places of a picture, which spans from (0, 0) to (width, height)."""

    nodes: Mapping[str, Place]
    routes: Mapping[str, Route]
    width: float
    height: float
    columns: Mapping[str, int] = field(default_factory=dict)
