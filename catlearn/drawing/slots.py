"""Slots: a vertex, the label of an edge, or an edge that passes through, in a rank.

An edge is a chain of slots, one in each rank from its source to its target; the middle one is
its label's. Vertices are in the even ranks, labels in the odd ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catlearn.drawing.places import LABEL_GAP, NODE_GAP, PORT_GAP, Box


@dataclass
class Slot:
    """A slot in a rank: a vertex, the label of an edge, or an edge passing through."""

    box: Box
    node: str | None = None
    rank: int = 0
    y: float = 0.0


@dataclass
class Chain:
    """An edge as its slots from left to right, and whether it points to the left."""

    name: str
    slots: list[int]
    turned: bool
    middle: int


def chain_of(
    items: list[Slot], name: str, label: Box, ends: tuple[int, int], turned: bool
) -> Chain:
    """Make the slots of an edge, one in each rank between its ends, the label in the middle."""
    first, last = items[ends[0]].rank, items[ends[1]].rank
    middle = (first + last) // 2
    middle += 1 - middle % 2
    slots = [ends[0]]
    for rank in range(first + 1, last):
        slots.append(len(items))
        items.append(Slot(label if rank == middle else Box(0.0, 4.0, 4.0), None, rank))
    return Chain(name, [*slots, ends[1]], turned, middle - first)


def walk_order(count: int, chains: Sequence[Chain]) -> list[int]:
    """Order all slots as a depth-first walk meets them, the start for ordering ranks."""
    outgoing: list[list[int]] = [[] for _ in range(count)]
    starts = [True] * count
    for chain in chains:
        for a, b in zip(chain.slots, chain.slots[1:], strict=False):
            outgoing[a].append(b)
            starts[b] = False
    seen = [False] * count
    order = []
    for start in range(count):
        if not starts[start]:
            continue
        stack = [start]
        while stack:
            v = stack.pop()
            if seen[v]:
                continue
            seen[v] = True
            order.append(v)
            stack.extend(reversed(outgoing[v]))
    return order


def ports_of(
    items: Sequence[Slot],
    chains: Sequence[Chain],
    layers: Sequence[Sequence[int]],
    nodes: Mapping[str, Box],
) -> list[tuple[float, float]]:
    """Spread the ends of edges over the sides of their vertices, in the order of the ranks.

    Returns, for each chain, the offsets of its two ends from the middle of their vertices.
    """
    place = {i: k for layer in layers for k, i in enumerate(layer)}
    sides: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for c, chain in enumerate(chains):
        sides.setdefault((chain.slots[0], 1), []).append((place[chain.slots[1]], c))
        sides.setdefault((chain.slots[-1], 0), []).append((place[chain.slots[-2]], c))
    offsets = [[0.0, 0.0] for _ in chains]
    for (item, side), ends in sides.items():
        box = nodes[items[item].node or ""]
        reach = max(min(box.above, box.below) - 5.0, 0.0)
        step = min(PORT_GAP, 2 * reach / max(len(ends) - 1, 1))
        for k, (_, c) in enumerate(sorted(ends)):
            offsets[c][1 - side] = (k - (len(ends) - 1) / 2) * step
    return [(a, b) for a, b in offsets]


def room_between(a: Slot, b: Slot) -> float:
    """Return how far apart neighbours in a rank are at least, from point to point."""
    between = NODE_GAP if a.node is not None or b.node is not None else LABEL_GAP
    return a.box.below + between + b.box.above
