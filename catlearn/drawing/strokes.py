"""Strokes: the shapes that pictures are made of, each kind of node and arrow with its own.

Arrowheads are plain paths. The table of kinds is in :mod:`catlearn.drawing.svg`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from catlearn.drawing.layout import HEAD, Route
from catlearn.drawing.measure import BADGE_HEIGHT, Badge
from catlearn.drawing.pen import Pen, num
from catlearn.typesetting import Run

#: Stroke width, dashes, head and colour of each kind of arrow.
LINES: dict[str, tuple[float, str, str, str]] = {
    "plain": (1.3, "", "open", "ink"),
    "model": (2.4, "", "filled", "model"),
    "frozen": (1.7, "", "hollow", "ink"),
    "fixed": (1.1, "", "open", "ink"),
    "projection": (1.3, "6 3.5", "open", "data"),
    "factor": (1.5, "1.5 3.5", "open", "ink"),
    "defined": (1.4, "10 3 2 3", "open", "ink"),
    "list": (1.3, "1.5 3.5", "open", "ink"),
    "morphism": (2.2, "", "hollow", "soft"),
    "order": (1.3, "", "none", "ink"),
}


def path_data(pieces: Sequence[tuple]) -> str:
    """Write the pieces of a route as SVG path data."""
    return "".join(piece[0] + " ".join(num(v) for v in piece[1:]) for piece in pieces)


def _turned(points: Sequence[tuple[float, float]], tip: tuple[float, float], angle: float) -> str:
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    places = [(tip[0] + x * c - y * s, tip[1] + x * s + y * c) for x, y in points]
    return "M" + "L".join(f"{num(x)} {num(y)}" for x, y in places)


def draw_head(pen: Pen, route: Route, head: str, colour: str, thick: float) -> None:
    """Draw the arrowhead, and the last bit of line under an open one."""
    if head in ("open", "none"):
        pen.path(_turned([(-HEAD - 0.5, 0), (-1, 0)], route.tip, route.angle), colour, thick)
    if head == "none":
        return
    if head == "open":
        shape = [(-7.0, -4.2), (-0.5, 0.0), (-7.0, 4.2)]
        d = _turned(shape, route.tip, route.angle)
        pen.path(d, colour, 1.5, kind="head open")
        return
    half = 5.0 if head == "filled" else 4.6
    d = _turned([(-HEAD - 0.3, -half), (-0.3, 0.0), (-HEAD - 0.3, half)], route.tip, route.angle)
    fill = colour if head == "filled" else "paper"
    pen.path(d + "Z", colour, 1.2, fill=fill, kind=f"head {head}")


def draw_bar(pen: Pen, route: Route, colour: str) -> None:
    """Draw the bar across the tail of a defined edge."""
    x, y = route.pieces[0][1], route.pieces[0][2]
    way = -1 if route.angle == 180.0 else 1
    pen.path(f"M{num(x + 3 * way)} {num(y - 5)}V{num(y + 5)}", colour, 1.6, kind="tail bar")


def draw_snowflake(pen: Pen, x: float, y: float) -> None:
    """Draw the mark of a frozen edge."""
    arms = []
    for k in range(3):
        c, s = math.cos(math.pi * k / 3 + math.pi / 6), math.sin(math.pi * k / 3 + math.pi / 6)
        arms.append(f"M{num(x - 5 * c)} {num(y - 5 * s)}L{num(x + 5 * c)} {num(y + 5 * s)}")
    pen.path("".join(arms), "ink", 1.1, kind="snowflake")


def draw_badge(pen: Pen, badge: Badge, x: float, y: float) -> None:
    """Draw a pill with the numbers of laws: filled on the left side, hollow on the right."""
    w, h = badge.width, BADGE_HEIGHT
    r = h / 2 if badge.left else 2.0
    d = rounded(x, y, w, h, r)
    fill, ink = ("ink", "paper") if badge.left else ("paper", "ink")
    pen.path(d, "ink", 1.0, fill=fill, kind="badge " + ("left" if badge.left else "right"))
    text = [Run(badge.text, 0, False)]
    pen.text(text, x + w / 2, y + h - 3.2, 10, ink, halo=False)


def rounded(x: float, y: float, w: float, h: float, r: float) -> str:
    """Return the path data of a box with round corners."""
    a = f"a{num(r)} {num(r)} 0 0 1 "
    return (
        f"M{num(x + r)} {num(y)}H{num(x + w - r)}{a}{num(r)} {num(r)}V{num(y + h - r)}"
        f"{a}{num(-r)} {num(r)}H{num(x + r)}"
        f"{a}{num(-r)} {num(-r)}V{num(y + r)}{a}{num(r)} {num(-r)}Z"
    )


def outline(kind: str, x: float, y: float, w: float, h: float) -> list[str]:
    """Return the closed outline of a node's body, then further strokes on it."""
    if kind == "dataset":
        arc = f"{num(w / 2)} 5 0 0 "
        side = (
            f"M{num(x)} {num(y + 5)}A{arc}1 {num(x + w)} {num(y + 5)}V{num(y + h - 5)}"
            f"A{arc}1 {num(x)} {num(y + h - 5)}Z"
        )
        return [side, f"M{num(x)} {num(y + 5)}A{arc}0 {num(x + w)} {num(y + 5)}"]
    if kind == "categorical":
        c = 8.0
        points = [(x + c, y), (x + w - c, y), (x + w, y + c), (x + w, y + h - c)]
        points += [(x + w - c, y + h), (x + c, y + h), (x, y + h - c), (x, y + c)]
        return ["M" + "L".join(f"{num(a)} {num(b)}" for a, b in points) + "Z"]
    if kind == "product":
        return [rounded(x, y, w, h, 2), rounded(x + 3, y + 3, w - 6, h - 6, 1)]
    return [rounded(x, y, w, h, 7 if kind == "space" else 3)]
