"""Faces: where between the two sides of an equation there is room for its sign.

>>> from catlearn.drawing.measure import arrange
>>> from catlearn.drawing.scene import Arrow, Law, Node, Scene
>>> square = Scene(
...     "square",
...     tuple(map(Node, "ABCD")),
...     (Arrow("f", "A", "B"), Arrow("g", "B", "D"), Arrow("h", "A", "C"), Arrow("k", "C", "D")),
...     (Law("square", ("f", "g"), ("h", "k"), "A"),),
... )
>>> page = arrange(square)
>>> x, y = face(page, square.laws[0])
>>> page.layout.nodes["B"].y < y < page.layout.nodes["C"].y
True
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from catlearn.drawing.layout import Place
from catlearn.drawing.measure import Arrangement
from catlearn.drawing.scene import Law

#: With more edges than this, faces are too small for signs and too many to look at.
CROWDED = 200


def face(page: Arrangement, law: Law) -> tuple[float, float] | None:
    """Find room for a sign between the two sides of a law, in the face that they bound.

    Returns
    -------
    tuple or None
        A place clear of all boxes and edges, with no edge between it and either side; None if
        there is none, or if the sides share an edge or one is an identity.
    """
    if not law.lhs or not law.rhs or set(law.lhs) & set(law.rhs):
        return None
    if len(page.scene.arrows) > CROWDED:
        return None
    upper, lower = (
        [p for name in side for p in page.layout.routes[name].points(6)]
        for side in (law.lhs, law.rhs)
    )
    left = max(min(x for x, _ in upper), min(x for x, _ in lower))
    right = min(max(x for x, _ in upper), max(x for x, _ in lower))
    rest = [
        r.points(6) for k, r in page.layout.routes.items() if k not in law.lhs and k not in law.rhs
    ]
    for k in (5, 4, 6, 3, 7, 2, 8):
        x = left + (right - left) * k / 10
        heights = _height_at(upper, x), _height_at(lower, x)
        if None in heights:
            continue
        a, b = sorted(h for h in heights if h is not None)
        y = (a + b) / 2
        others = [_height_at(points, x) for points in rest]
        inside = any(h is not None and a - 15 < h < b + 15 for h in others)
        if b - a >= 44 and not inside and _free(page, x, y):
            return x, y
    return None


def _height_at(points: Sequence[tuple[float, float]], x: float) -> float | None:
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if min(x0, x1) <= x <= max(x0, x1):
            return y0 if x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return None


def _free(page: Arrangement, x: float, y: float) -> bool:
    """Whether a sign at a place keeps clear of all boxes."""
    places = list(page.layout.nodes.values())
    places += [Place(*page.layout.routes[k].label, t.box) for k, t in page.tags.items()]
    return not any(
        abs(x - p.x) < p.box.width / 2 + 14 and p.y - p.box.above - 12 < y < p.y + p.box.below + 12
        for p in places
    )
