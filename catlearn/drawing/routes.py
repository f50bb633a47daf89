"""Routes: where the columns of a page begin, and how edges run through them.

An edge is level across the column of each rank that it crosses, and bends in the gaps between
columns only. Loops stand above their vertex, around each other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from catlearn.drawing.places import COLUMN_GAP, HEAD, Box, Place, Route
from catlearn.drawing.slots import Chain, Slot

_LOOP = 24.0
_ARCH = 12.0


def with_loops(box: Box, loops: Sequence[tuple[str, Box]]) -> Box:
    """Return a box with room above it for loops with these labels."""
    if not loops:
        return box
    room = max(label.width for _, label in loops)
    rise = _LOOP + math.fsum(label.above + label.below + _ARCH for _, label in loops)
    return Box(max(box.width, 2 * max(_bulges(loops)) + 4, room), box.above + rise, box.below)


def loop_room(count: int) -> float:
    """The width that a vertex needs so that its loops have feet to stand on."""
    return 2 * (5.0 + 7.0 * (count - 1)) + 8 if count else 0.0


def _bulges(loops: Sequence[tuple[str, Box]]) -> list[float]:
    """Half the width of each loop; an outer loop goes around the labels of the inner ones."""
    out = []
    inside = 0.0
    for k, (_, label) in enumerate(loops):
        out.append(max(12.0 + 7.0 * k, inside / 2 + 7.0))
        inside = max(inside, label.width)
    return out


def columns_of(
    items: Sequence[Slot],
    chains: Sequence[Chain],
    layers: Sequence[Sequence[int]],
    ports: Sequence[tuple[float, float]],
) -> list[tuple[float, float]]:
    """Return the left and right end of each rank's column; steeper gaps are wider."""
    climb = [0.0] * len(layers)
    for chain, (start, end) in zip(chains, ports, strict=True):
        last = len(chain.slots) - 1
        for k, (a, b) in enumerate(zip(chain.slots, chain.slots[1:], strict=False)):
            ya = items[a].y + (start if k == 0 else 0.0)
            yb = items[b].y + (end if k + 1 == last else 0.0)
            climb[items[a].rank] = max(climb[items[a].rank], abs(ya - yb))
    columns = []
    x = 0.0
    for rank, layer in enumerate(layers):
        width = max((items[i].box.width for i in layer), default=0.0)
        columns.append((round(x, 1), round(x + width, 1)))
        x += width + COLUMN_GAP + min(0.45 * climb[rank], 80.0)
    return columns


def route_of(
    chain: Chain,
    offsets: tuple[float, float],
    items: Sequence[Slot],
    columns: Sequence[tuple[float, float]],
    places: Mapping[str, Place],
) -> Route:
    """Draw an edge: level across columns, an S-shaped bend in each gap."""
    first, last = items[chain.slots[0]], items[chain.slots[-1]]
    start, end = places[first.node or ""], places[last.node or ""]
    x = start.x + start.box.width / 2
    y = start.y + offsets[0]
    stops = [(x, columns[first.rank][1], y)]
    for i in chain.slots[1:-1]:
        left, right = columns[items[i].rank]
        stops.append((left, right, items[i].y))
    stops.append((columns[last.rank][0], end.x - end.box.width / 2, end.y + offsets[1]))
    if chain.turned:
        stops = [(right, left, y) for left, right, y in reversed(stops)]
    way = -1.0 if chain.turned else 1.0
    x, turn, y = stops[0]
    pieces: list[tuple] = [("M", x, y)]
    for k, (enter, leave, height) in enumerate(stops[1:], start=1):
        stop, far = enter, leave
        if k + 1 == len(stops):
            # The last piece ends where the arrowhead begins.
            far = leave - way * HEAD
            stop = enter if way * (far - enter) > 0 else far
        if abs(height - y) < 0.3:
            pieces.append(("L", stop, y))
        else:
            if turn != x:
                pieces.append(("L", turn, y))
            bend = (stop - turn) * 0.5
            pieces.append(("C", turn + bend, y, stop - bend, height, stop, height))
            y = height
        if far != stop:
            pieces.append(("L", far, y))
        x, turn = leave, leave
    middle = items[chain.slots[chain.middle]]
    label = math.fsum(columns[middle.rank]) / 2, middle.y
    return Route(tuple(_joined(pieces)), (stops[-1][1], y), 180.0 if way < 0 else 0.0, label)


def _joined(pieces: Sequence[tuple]) -> list[tuple]:
    """Join level lines that follow each other."""
    out: list[tuple] = []
    for piece in pieces:
        if out and piece[0] == "L" and out[-1][0] == "L" and piece[2] == out[-1][2]:
            out[-1] = piece
        else:
            out.append(piece)
    return out


def loop_routes(place: Place, loops: Sequence[tuple[str, Box]]) -> dict[str, Route]:
    """Draw loops around each other above their vertex."""
    y = place.y - place.box.above
    top = y - _LOOP
    out = {}
    for k, ((name, label), bulge) in enumerate(zip(loops, _bulges(loops), strict=True)):
        foot = 5.0 + 7.0 * k
        left, right = place.x - foot, place.x + foot
        if k == 0:
            # A cubic reaches 3/4 of its control height and this share of its control width.
            rise, side = (y - top) / 0.75, (bulge - 0.79 * foot) / 0.29
            bends = [("C", left - side, y - rise, right + side, y - rise, right, y)]
        else:
            # An arch, whose posts stand clear of the labels inside.
            side = bulge - foot
            low, high = y - _LOOP + 2, top + _ARCH
            bends = [
                ("C", left, y - 8, left - side, y - 12, left - side, low),
                ("L", left - side, high),
                ("C", left - side, top, left, top, place.x, top),
                ("C", right, top, right + side, top, right + side, high),
                ("L", right + side, low),
                ("C", right + side, y - 12, right, y - 8, right, y),
            ]
        tip = right, y
        before = bends[-2][-2:] if len(bends) > 1 else (left, y)
        bends[-1] = _trimmed(before, bends[-1])
        angle = math.atan2(y - bends[-1][-1], right - bends[-1][-2])
        pieces = (("M", left, y), *bends)
        out[name] = Route(pieces, tip, math.degrees(angle), (place.x, top - label.below))
        top -= label.above + label.below + _ARCH
    return out


def _trimmed(start: Sequence[float], cubic: tuple) -> tuple:
    """Cut a cubic off where its arrowhead begins, by de Casteljau's construction."""
    points = [tuple(start), cubic[1:3], cubic[3:5], cubic[5:7]]
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        end = _subdivided(points, middle)[-1]
        low, high = (middle, high) if math.dist(end, cubic[5:7]) > HEAD else (low, middle)
    return ("C", *(v for point in _subdivided(points, low)[1:] for v in point))


def _subdivided(points: Sequence[tuple], t: float) -> list[tuple]:
    """Return the control points of a curve up to the parameter ``t``."""
    out = [points[0]]
    row = list(points)
    while len(row) > 1:
        row = [
            ((1 - t) * a[0] + t * b[0], (1 - t) * a[1] + t * b[1])
            for a, b in itertools.pairwise(row)
        ]
        out.append(row[0])
    return out
