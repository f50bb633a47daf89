"""Heights: how far up or down each slot of a rank lies.

The sum of squared climbs of all edges is least, subject to the order in each rank and the room
that the boxes need: a convex problem, solved by block coordinate descent over ranks, each block
an isotonic regression.

>>> from catlearn.drawing.heights import spread
>>> spread([0, 10, 0], [1, 1, 2], [5, 5])
[-3.75, 1.25, 6.25]
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from catlearn.drawing.slots import Chain, Slot, room_between

#: Room kept back while heights are chosen, and spent on making long edges straight.
SLACK = 4.0


def heights(
    items: list[Slot],
    chains: Sequence[Chain],
    layers: Sequence[Sequence[int]],
    ports: Sequence[tuple[float, float]],
) -> None:
    """Choose heights of least total squared climb, by ranks in turn."""
    near: list[list[tuple[int, float, float]]] = [[] for _ in items]
    for chain, (start, end) in zip(chains, ports, strict=True):
        last = len(chain.slots) - 1
        for k, (a, b) in enumerate(zip(chain.slots, chain.slots[1:], strict=False)):
            # y_a + shift should be y_b; inner pieces are stiffer, so that long edges are straight.
            shift = (start if k == 0 else 0.0) - (end if k + 1 == last else 0.0)
            weight = 2.0 if k == 0 or k + 1 == last else 8.0
            near[a].append((b, -shift, weight))
            near[b].append((a, shift, weight))
    for layer in layers:
        at = 0.0
        for k, i in enumerate(layer):
            at += room_between(items[layer[k - 1]], items[i]) if k else 0.0
            items[i].y = at
        for i in layer:
            items[i].y -= at / 2
    sweeps = max(6, min(400, 120_000 // (len(items) + 1)))
    # First a soft solution, then ever stiffer rails, one for each long edge, along its inner slots.
    rails = [chain.slots[1:-1] for chain in chains if len(chain.slots) > 3]
    for stiffness in (0.0, 8.0, 64.0, 512.0, 4096.0) if rails else (0.0,):
        _descend(items, layers, near, rails, stiffness, sweeps)


def _descend(
    items: list[Slot],
    layers: Sequence[Sequence[int]],
    near: Sequence[Sequence[tuple[int, float, float]]],
    rails: Sequence[Sequence[int]],
    stiffness: float,
    sweeps: int,
) -> None:
    """Minimise the squared climbs rank by rank until little moves."""
    rail_of = {i: r for r, rail in enumerate(rails) for i in rail} if stiffness else {}
    totals = [math.fsum(weight for _, _, weight in links) for links in near]
    rooms = [
        (layer, [room_between(items[a], items[b]) + SLACK for a, b in itertools.pairwise(layer)])
        for layer in layers
    ]
    before: list[float] = []
    for sweep in range(sweeps):
        moved = 0.0
        means = [math.fsum(items[i].y for i in rail) / len(rail) for rail in rails]
        # Rails are heavy; momentum carries them to their places in a few dozen sweeps.
        level = [m + 0.85 * (m - b) for m, b in zip(means, before or means, strict=True)]
        before = means
        for layer, gaps in rooms if sweep % 2 == 0 else reversed(rooms):
            wish = []
            weights = []
            for i in layer:
                total = totals[i]
                mean = math.fsum(w * (items[j].y + s) for j, s, w in near[i])
                if i in rail_of:
                    total += stiffness
                    mean += stiffness * level[rail_of[i]]
                wish.append(mean / total if total else items[i].y)
                weights.append(total or 1e-3)
            for i, y in zip(layer, spread(wish, weights, gaps), strict=True):
                moved = max(moved, abs(items[i].y - y))
                items[i].y = y
        if moved < 0.05 / (1 + stiffness):
            break


def spread(wish: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Return heights nearest to a wish, in squares, that keep an order and its gaps.

    Isotonic regression by pooling adjacent violators, in linear time.

    Examples
    --------
    >>> spread([0, 0], [1, 1], [10])
    [-5.0, 5.0]
    """
    shift = [0.0]
    for gap in gaps:
        shift.append(shift[-1] + gap)
    blocks: list[list[float]] = []  # mean, weight, how many
    for y, w, s in zip(wish, weights, shift, strict=False):
        blocks.append([y - s, w, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, weight, count = blocks.pop()
            last = blocks[-1]
            last[0] = (last[0] * last[1] + mean * weight) / (last[1] + weight)
            last[1] += weight
            last[2] += count
    flat = [mean for mean, _, count in blocks for _ in range(int(count))]
    return [y + s for y, s in zip(flat, shift, strict=False)]


def straighten(items: list[Slot], chains: Sequence[Chain], layers: Sequence[Sequence[int]]) -> None:
    """Level the inner slots of each long edge where its neighbours leave room."""
    place = {i: (layer, k) for layer in layers for k, i in enumerate(layer)}
    for chain in chains:
        inner = chain.slots[1:-1]
        if len(inner) < 2:
            continue
        low, high = -1e18, 1e18
        for i in inner:
            layer, k = place[i]
            if k:
                above = items[layer[k - 1]]
                low = max(low, above.y + room_between(above, items[i]))
            if k + 1 < len(layer):
                below = items[layer[k + 1]]
                high = min(high, below.y - room_between(items[i], below))
        if low <= high:
            mean = math.fsum(items[i].y for i in inner) / len(inner)
            for i in inner:
                items[i].y = min(max(mean, low), high)
