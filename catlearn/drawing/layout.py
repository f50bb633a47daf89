"""Layout: where every vertex, label and edge of a picture lies.

The layered method, drawn from left to right, with one twist that gives its guarantees: the
*label of an edge is a vertex of its own*, in a rank between the ranks of vertices (as in
Gansner, Koutsofios, North and Vo, "A technique for drawing directed graphs", 1993). An edge runs
straight across the column of each rank that it crosses, in a slot that is its own, and bends
only in the empty gaps between columns. Hence, by construction and for every graph,

- boxes of vertices and labels do not overlap, and
- no edge touches the box of a vertex that is not one of its ends, or another edge's label.

A page goes to the right and down. The file reads in the order of the method: boxes and places;
ranks, and the order in each of them, by the first three steps of Sugiyama, Tagawa and Toda,
"Methods for visual understanding of hierarchical system structures" (1981); heights of least
total squared climb, a convex problem solved by block coordinate descent over ranks, each block
an isotonic regression; columns and routes; whole pages. All of it is deterministic, iterative (no
recursion, so chains may be long), and bounded.

>>> from catlearn.drawing.layout import Box, layout
>>> square = {v: Box(20, 10, 10) for v in "ABCD"}
>>> label = Box(10, 14, 4)
>>> ends = {"f": "AB", "g": "BD", "h": "AC", "k": "CD"}
>>> place = layout(square, [(e, s, t, label) for e, (s, t) in ends.items()])
>>> place.nodes["A"].y == place.nodes["D"].y, place.nodes["B"].y < place.nodes["C"].y
(True, True)
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import pairwise, starmap

import numpy as np

from catlearn.errors import TooLarge
from catlearn.finset.merge import quotient

QUICK_SLOTS, MANY_SLOTS, MOST_SLOTS = 12_000, 20_000, 400_000
"""Places of nodes, labels and bends that take a second or two, and from which a picture is laid out
less finely, or not at all."""

#: Room between neighbouring boxes of a rank, and between columns.
NODE_GAP = 14.0
LABEL_GAP = 6.0
COLUMN_GAP = 24.0

#: Room between components, and the width of the rows that they are packed into.
COMPONENT_GAP = 26.0
PAGE = 900.0

#: Room between the ends of edges at a side of a box, from tip to tip; heads are 10 tall.
PORT_GAP = 12.0

#: Length of an arrowhead; an edge ends so much before the box that it points at.
HEAD = 9.0

#: Room kept back while heights are chosen, and spent on making long edges straight.
SLACK = 4.0

_LOOP = 24.0
_ARCH = 12.0

Edge = tuple[int, int]
Point = tuple[float, float]


# ---------------------------------------------------------------- places


@dataclass(frozen=True)
class Box:
    """A box around a point: its width, and its reach above and below the point."""

    width: float
    above: float
    below: float

    @property
    def on_its_side(self) -> Box:
        """The box after a quarter turn."""
        return Box(self.above + self.below, self.width / 2, self.width / 2)


@dataclass(frozen=True)
class Place:
    """Where a vertex lies: its centre, and the box that is drawn around it."""

    x: float
    y: float
    box: Box

    @property
    def left(self) -> float:
        return self.x - self.box.width / 2

    @property
    def right(self) -> float:
        return self.x + self.box.width / 2

    @property
    def top(self) -> float:
        return self.y - self.box.above

    @property
    def bottom(self) -> float:
        return self.y + self.box.below


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

    Examples
    --------
    >>> Route((("M", 0, 0), ("L", 11, 0)), tip=(20, 0), angle=0.0, label=(10, 0)).points()
    [(0, 0), (11, 0), (20, 0)]
    """

    pieces: tuple[tuple, ...]
    tip: Point
    angle: float
    label: Point

    def points(self, steps: int = 12) -> list[Point]:
        """Sample the edge, arrowhead included."""
        out: list[Point] = []
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

    @property
    def level_parts(self) -> list[Point]:
        """The middles of the level parts, but for the first and the last."""
        steps = pairwise(self.pieces)
        middles = [((a[-2] + b[1]) / 2, (a[-1] + b[2]) / 2) for a, b in steps if b[0] == "L"]
        return middles[1:-1]

    def moved(self, dx: float, dy: float) -> Route:
        """Return the same edge elsewhere on the page."""
        pieces = tuple(
            (p[0], *(v + (dy if i % 2 else dx) for i, v in enumerate(p[1:]))) for p in self.pieces
        )
        (x, y), (at, base) = self.tip, self.label
        return Route(pieces, (x + dx, y + dy), self.angle, (at + dx, base + dy))


@dataclass(frozen=True)
class Page:
    """All places of a picture, which spans from (0, 0) to (width, height)."""

    nodes: Mapping[str, Place]
    routes: Mapping[str, Route]
    width: float
    height: float
    columns: Mapping[str, int] = field(default_factory=dict)


# ---------------------------------------------------------------- ranks


def components(count: int, edges: Sequence[Edge]) -> list[list[int]]:
    """Return the connected components, each sorted, in the order of their first vertices."""
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2)
    labels, first = quotient(count, ends[:, 0], ends[:, 1])
    found: list[list[int]] = [[] for _ in first]
    for vertex, label in enumerate(labels.tolist()):
        found[label].append(vertex)
    return found


def acyclic(count: int, edges: Sequence[Edge]) -> list[Edge]:
    """Turn the edges that close a cycle in a depth-first walk, so that none is left.

    The walk starts at the vertices without incoming edges, then takes the rest, in order.
    Loops must have been taken out.

    Examples
    --------
    >>> acyclic(3, [(0, 1), (1, 2), (2, 0)])
    [(0, 1), (1, 2), (0, 2)]
    """
    outgoing: list[list[int]] = [[] for _ in range(count)]
    has_incoming = [False] * count
    for i, (a, b) in enumerate(edges):
        outgoing[a].append(i)
        has_incoming[b] = True
    state = [0] * count  # 0 not met, 1 on the current walk, 2 done
    turned = set()
    for start in sorted(range(count), key=has_incoming.__getitem__):
        if state[start]:
            continue
        state[start] = 1
        walk = [(start, iter(outgoing[start]))]
        while walk:
            v, rest = walk[-1]
            for i in rest:
                w = edges[i][1]
                if state[w] == 1:
                    turned.add(i)
                elif state[w] == 0:
                    state[w] = 1
                    walk.append((w, iter(outgoing[w])))
                    break
            else:
                state[v] = 2
                walk.pop()
    return [(b, a) if i in turned else (a, b) for i, (a, b) in enumerate(edges)]


def ranks(count: int, edges: Sequence[Edge]) -> list[int]:
    """Give each vertex of an acyclic graph a rank, edges going up by at least one.

    Longest paths first; then vertices with more outgoing than incoming edges move up to their
    successors, and the converse, until the total length of the edges stops falling.

    Examples
    --------
    >>> ranks(3, [(0, 1), (1, 2), (0, 2)])
    [0, 1, 2]
    """
    outgoing: list[list[int]] = [[] for _ in range(count)]
    incoming: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        outgoing[a].append(b)
        incoming[b].append(a)
    order = list(TopologicalSorter(dict(enumerate(incoming))).static_order())
    rank = [0] * count
    for v in order:
        rank[v] = max((rank[u] + 1 for u in incoming[v]), default=0)
    for _ in range(8):
        before = list(rank)
        for v in reversed(order):
            if len(outgoing[v]) > len(incoming[v]):
                rank[v] = min(rank[w] for w in outgoing[v]) - 1
        for v in order:
            if len(incoming[v]) > len(outgoing[v]):
                rank[v] = max(rank[u] for u in incoming[v]) + 1
        if rank == before:
            break
    least = min(rank, default=0)
    return [r - least for r in rank]


def slots(rank: Sequence[int], edges: Sequence[Edge]) -> int:
    """Return how many places a graph takes with its vertices in ranks: vertices, labels and bends.

    Examples
    --------
    >>> slots([0, 1, 2], [(0, 1), (1, 2), (0, 2)])
    8
    """
    return len(rank) + sum(2 * abs(rank[b] - rank[a]) - 1 for a, b in edges)


def crossings(left: Sequence[int], right: Sequence[int], edges: Sequence[Edge]) -> int:
    """Count the crossings of edges between two ordered ranks: the inversions of their ends.

    Examples
    --------
    >>> crossings([0, 1], [2, 3], [(0, 3), (1, 2)])
    1
    """
    at_left = {v: i for i, v in enumerate(left)}
    at_right = {v: i for i, v in enumerate(right)}
    met: list[int] = []
    total = 0
    for _, end in sorted((at_left[a], at_right[b]) for a, b in edges):
        total += len(met) - bisect_right(met, end)
        insort(met, end)
    return total


def ordered(layers: list[list[int]], edges: Sequence[Edge]) -> list[list[int]]:
    """Order each rank so that few edges cross: barycentres, swept both ways.

    Parameters
    ----------
    layers
        The vertices of each rank, in the order to start from.
    edges
        Edges between neighbouring ranks.

    Returns
    -------
    list of list of int
        The best order met; the first one met among equals.
    """
    rank = {v: r for r, layer in enumerate(layers) for v in layer}
    before: dict[int, list[int]] = {v: [] for v in rank}
    after: dict[int, list[int]] = {v: [] for v in rank}
    between: list[list[Edge]] = [[] for _ in layers]
    for a, b in edges:
        after[a].append(b)
        before[b].append(a)
        between[rank[a]].append((a, b))

    def total(orders: list[list[int]]) -> int:
        pairs = zip(pairwise(orders), between, strict=False)
        return sum(crossings(left, right, links) for (left, right), links in pairs)

    current = [list(layer) for layer in layers]
    best, fewest = current, total(current)
    idle = 0
    for sweep in range(24):
        if fewest == 0 or idle == 6:
            break
        forward = sweep % 2 == 0
        near = before if forward else after
        current = [list(layer) for layer in current]
        for r in range(1, len(current)) if forward else range(len(current) - 2, -1, -1):
            fixed = current[r - 1] if forward else current[r + 1]
            # Ties are broken the other way round in every second pair of sweeps.
            current[r] = _by_barycentre(current[r], fixed, near, sweep % 4 >= 2)
        found = total(current)
        idle += 1
        if found < fewest:
            best, fewest, idle = current, found, 0
    best = _transposed(best, before, after) if fewest else best
    # A picture and its mirror image cross alike; take the one that reads in the given order.
    steps = [step for layer in best for step in pairwise(layer)]
    mirrored = sum(a > b for a, b in steps) > sum(a < b for a, b in steps)
    return [layer[::-1] for layer in best] if mirrored else best


def _by_barycentre(
    layer: list[int], fixed: list[int], near: dict[int, list[int]], flip: bool
) -> list[int]:
    """Sort a rank by the mean place of the neighbours; vertices without any stay put."""
    place = {v: i for i, v in enumerate(fixed)}
    movable = [v for v in layer if near[v]]
    mean = {v: sum(place[w] for w in near[v]) / len(near[v]) for v in movable}
    queue = iter(sorted(reversed(movable) if flip else movable, key=mean.__getitem__))
    return [next(queue) if near[v] else v for v in layer]


def _transposed(
    layers: list[list[int]], before: dict[int, list[int]], after: dict[int, list[int]]
) -> list[list[int]]:
    """Swap neighbours while that removes crossings."""
    layers = [list(layer) for layer in layers]
    place = {v: i for layer in layers for i, v in enumerate(layer)}

    def cost(a: int, b: int) -> int:
        return sum(
            place[x] > place[y] for near in (before, after) for x in near[a] for y in near[b]
        )

    for _ in range(8):
        improved = False
        for layer in layers:
            for i in range(len(layer) - 1):
                a, b = layer[i], layer[i + 1]
                # Two hubs side by side would cost the product of their degrees; leave them.
                if (len(before[a]) + len(after[a])) * (len(before[b]) + len(after[b])) > 4096:
                    continue
                if cost(a, b) > cost(b, a):
                    layer[i], layer[i + 1] = b, a
                    place[a], place[b] = i + 1, i
                    improved = True
        if not improved:
            break
    return layers


# ---------------------------------------------------------------- one component


@dataclass
class Slot:
    """A slot in a rank: a vertex, the label of an edge, or an edge passing through."""

    box: Box
    node: str | None = None
    rank: int = 0
    y: float = 0.0

    def room(self, below: Slot) -> float:
        """How far apart neighbours in a rank are at least, from point to point."""
        is_label = self.node is None and below.node is None
        return self.box.below + (LABEL_GAP if is_label else NODE_GAP) + below.box.above


@dataclass
class Chain:
    """An edge as its slots from left to right, one in each rank; its label's is the middle one.

    Parameters
    ----------
    name
        The edge.
    slots
        The numbers of its slots.
    turned
        Whether it points to the left.
    middle
        Which slot is its label's.
    leave, enter
        How far below the middles of their vertices its ends are.
    """

    name: str
    slots: list[int]
    turned: bool
    middle: int
    leave: float = 0.0
    enter: float = 0.0

    @property
    def pieces(self) -> Iterator[tuple[int, int, float, float]]:
        """Each step from a slot to the next, with how far below their points it runs."""
        last = len(self.slots) - 2
        for k, (a, b) in enumerate(pairwise(self.slots)):
            yield a, b, self.leave if k == 0 else 0.0, self.enter if k == last else 0.0


class Component:
    """A connected graph as slots in ranks: vertices in the even ones, labels in the odd ones.

    Parameters
    ----------
    nodes, edges
        As for :func:`layout`.
    """

    def __init__(
        self, nodes: Mapping[str, Box], edges: Sequence[tuple[str, str, str, Box]]
    ) -> None:
        self.nodes = nodes
        self.loops: dict[str, list[tuple[str, Box]]] = {}
        for name, source, target, label in edges:
            if source == target:
                self.loops.setdefault(source, []).append((name, label))
        plain = [edge for edge in edges if edge[1] != edge[2]]
        index = {name: i for i, name in enumerate(nodes)}
        pairs = [(index[source], index[target]) for _, source, target, _ in plain]
        forward = acyclic(len(nodes), pairs)
        levels = ranks(len(nodes), forward)
        count = slots(levels, forward)
        if count > MOST_SLOTS:
            message = f"{len(nodes)} nodes and {len(plain)} edges take {count} places in a picture"
            raise TooLarge(f"{message}, at most {MOST_SLOTS} are drawn; draw a part of it")
        self.slots = [
            Slot(_with_loops(box, self.loops.get(name, [])), name, 2 * rank)
            for (name, box), rank in zip(nodes.items(), levels, strict=True)
        ]
        self.chains = [
            self._chain(name, label, ends, turned=ends != pair)
            for (name, _, _, label), ends, pair in zip(plain, forward, pairs, strict=True)
        ]
        layers: list[list[int]] = [[] for _ in range(1 + max(slot.rank for slot in self.slots))]
        for i in self._walk():
            layers[self.slots[i].rank].append(i)
        self.layers = ordered(layers, [s for c in self.chains for s in pairwise(c.slots)])
        self._place_ports()
        self._choose_heights()
        self._straighten()

    def _chain(self, name: str, label: Box, ends: Edge, turned: bool) -> Chain:
        """Make the slots of an edge, one in each rank between its ends."""
        first, last = (self.slots[end].rank for end in ends)
        middle = (first + last) // 2
        middle += 1 - middle % 2
        start = len(self.slots)
        self.slots += [
            Slot(label if rank == middle else Box(0.0, 4.0, 4.0), None, rank)
            for rank in range(first + 1, last)
        ]
        inner = range(start, len(self.slots))
        return Chain(name, [ends[0], *inner, ends[1]], turned, middle - first)

    def _walk(self) -> list[int]:
        """Order all slots as a depth-first walk meets them, the start for ordering ranks."""
        outgoing: list[list[int]] = [[] for _ in self.slots]
        starts = dict.fromkeys(range(len(self.slots)))
        for chain in self.chains:
            for a, b in pairwise(chain.slots):
                outgoing[a].append(b)
                starts.pop(b, None)
        order: dict[int, None] = {}
        stack = list(reversed(starts))
        while stack:
            v = stack.pop()
            if v not in order:
                order[v] = None
                stack.extend(reversed(outgoing[v]))
        return list(order)

    def _place_ports(self) -> None:
        """Spread the ends of edges over the sides of their vertices, in the order of the ranks."""
        place = {i: k for layer in self.layers for k, i in enumerate(layer)}
        sides: dict[tuple[int, bool], list[tuple[int, int]]] = {}
        for c, chain in enumerate(self.chains):
            first, second, *_ = chain.slots
            *_, before, last = chain.slots
            sides.setdefault((first, True), []).append((place[second], c))
            sides.setdefault((last, False), []).append((place[before], c))
        for (slot, leaving), ends in sides.items():
            box = self.nodes[self.slots[slot].node or ""]
            reach = max(min(box.above, box.below) - 5.0, 0.0)
            step = min(PORT_GAP, 2 * reach / max(len(ends) - 1, 1))
            for k, (_, c) in enumerate(sorted(ends)):
                offset = (k - (len(ends) - 1) / 2) * step
                if leaving:
                    self.chains[c].leave = offset
                else:
                    self.chains[c].enter = offset

    def _choose_heights(self) -> None:
        """Choose heights of least total squared climb, by ranks in turn."""
        slots = self.slots
        near: list[list[tuple[int, float, float]]] = [[] for _ in slots]
        for chain in self.chains:
            for a, b, leave, enter in chain.pieces:
                # y_a + shift should be y_b; inner pieces are stiffer: long edges are straight.
                shift = leave - enter
                weight = 8.0 if slots[a].node is None and slots[b].node is None else 2.0
                near[a].append((b, -shift, weight))
                near[b].append((a, shift, weight))
        for layer in self.layers:
            at = 0.0
            for k, i in enumerate(layer):
                at += slots[layer[k - 1]].room(slots[i]) if k else 0.0
                slots[i].y = at
            for i in layer:
                slots[i].y -= at / 2
        # First a soft solution, then ever stiffer rails, one for each long edge's inner slots.
        rails = [chain.slots[1:-1] for chain in self.chains if len(chain.slots) > 3]
        rising = (0.0, 8.0, 64.0, 512.0, 4096.0) if len(slots) < MANY_SLOTS else (0.0, 512.0)
        for stiffness in rising if rails else (0.0,):
            self._descend(near, rails, stiffness)

    def _descend(
        self,
        near: Sequence[Sequence[tuple[int, float, float]]],
        rails: Sequence[Sequence[int]],
        stiffness: float,
    ) -> None:
        """Minimise the squared climbs rank by rank until little moves."""
        slots = self.slots
        rail_of = {i: r for r, rail in enumerate(rails) for i in rail} if stiffness else {}
        totals = [math.fsum(weight for _, _, weight in links) for links in near]
        rooms = [
            (layer, [slots[a].room(slots[b]) + SLACK for a, b in pairwise(layer)])
            for layer in self.layers
        ]
        before: list[float] = []
        for sweep in range(max(6, min(400, 120_000 // (len(slots) + 1)))):
            moved = 0.0
            means = [math.fsum(slots[i].y for i in rail) / len(rail) for rail in rails]
            # Rails are heavy; momentum carries them to their places in a few dozen sweeps.
            level = [m + 0.85 * (m - b) for m, b in zip(means, before or means, strict=True)]
            before = means
            for layer, gaps in rooms if sweep % 2 == 0 else reversed(rooms):
                wish = []
                weights = []
                for i in layer:
                    total = totals[i]
                    mean = math.fsum(w * (slots[j].y + s) for j, s, w in near[i])
                    if i in rail_of:
                        total += stiffness
                        mean += stiffness * level[rail_of[i]]
                    wish.append(mean / total if total else slots[i].y)
                    weights.append(total or 1e-3)
                for i, y in zip(layer, spread(wish, weights, gaps), strict=True):
                    moved = max(moved, abs(slots[i].y - y))
                    slots[i].y = y
            if moved < 0.05 / (1 + stiffness):
                break

    def _straighten(self) -> None:
        """Level the inner slots of each long edge where its neighbours leave room."""
        slots = self.slots
        place = {i: (layer, k) for layer in self.layers for k, i in enumerate(layer)}
        for chain in self.chains:
            inner = chain.slots[1:-1]
            if len(inner) < 2:
                continue
            low, high = -1e18, 1e18
            for i in inner:
                layer, k = place[i]
                if k:
                    above = slots[layer[k - 1]]
                    low = max(low, above.y + above.room(slots[i]))
                if k + 1 < len(layer):
                    below = slots[layer[k + 1]]
                    high = min(high, below.y - slots[i].room(below))
            if low <= high:
                mean = math.fsum(slots[i].y for i in inner) / len(inner)
                for i in inner:
                    slots[i].y = min(max(mean, low), high)

    def page(self) -> Page:
        """Give columns their places and draw the edges through them."""
        top = min(slot.y - slot.box.above for slot in self.slots)
        for slot in self.slots:
            slot.y = round(slot.y - top, 1)
        height = max(slot.y + slot.box.below for slot in self.slots)
        columns = self._columns()
        vertices = {slot.node: slot for slot in self.slots if slot.node is not None}
        places = {
            name: Place(math.fsum(columns[slot.rank]) / 2, slot.y, self.nodes[name])
            for name, slot in vertices.items()
        }
        routes = {chain.name: self._route(chain, columns, places) for chain in self.chains}
        for name, own in self.loops.items():
            routes.update(_loop_routes(places[name], own))
        ranks_of = {name: slot.rank // 2 for name, slot in vertices.items()}
        return Page(places, routes, columns[-1][1], height, ranks_of)

    def _columns(self) -> list[tuple[float, float]]:
        """Return the left and right end of each rank's column; steeper gaps are wider."""
        slots = self.slots
        climb = [0.0] * len(self.layers)
        for chain in self.chains:
            for a, b, leave, enter in chain.pieces:
                rank = slots[a].rank
                climb[rank] = max(climb[rank], abs(slots[a].y + leave - (slots[b].y + enter)))
        columns = []
        x = 0.0
        for rank, layer in enumerate(self.layers):
            width = max((slots[i].box.width for i in layer), default=0.0)
            columns.append((round(x, 1), round(x + width, 1)))
            x += width + COLUMN_GAP + min(0.45 * climb[rank], 80.0)
        return columns

    def _route(
        self,
        chain: Chain,
        columns: Sequence[tuple[float, float]],
        places: Mapping[str, Place],
    ) -> Route:
        """Draw an edge: level across columns, an S-shaped bend in each gap."""
        first, *inner, last = (self.slots[i] for i in chain.slots)
        start, end = places[first.node or ""], places[last.node or ""]
        stops = [(start.right, columns[first.rank][1], start.y + chain.leave)]
        stops += [(*columns[slot.rank], slot.y) for slot in inner]
        stops.append((columns[last.rank][0], end.left, end.y + chain.enter))
        if chain.turned:
            stops = [(right, left, y) for left, right, y in reversed(stops)]
        way = -1.0 if chain.turned else 1.0
        x, turn, y = stops[0]
        pieces: list[tuple] = [("M", x, y)]

        def level(to: float) -> None:
            if pieces[-1][0] == "L" and pieces[-1][2] == y:  # level lines that follow each other
                pieces.pop()
            pieces.append(("L", to, y))

        for k, (enter, leave, height) in enumerate(stops[1:], start=1):
            stop, far = enter, leave
            if k + 1 == len(stops):
                # The last piece ends where the arrowhead begins.
                far = leave - way * HEAD
                stop = enter if way * (far - enter) > 0 else far
            if abs(height - y) < 0.3:
                level(stop)
            else:
                if turn != x:
                    level(turn)
                bend = (stop - turn) * 0.5
                pieces.append(("C", turn + bend, y, stop - bend, height, stop, height))
                y = height
            if far != stop:
                level(far)
            x, turn = leave, leave
        middle = self.slots[chain.slots[chain.middle]]
        label = math.fsum(columns[middle.rank]) / 2, middle.y
        return Route(tuple(pieces), (stops[-1][1], y), 180.0 if way < 0 else 0.0, label)


def spread(wish: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Return heights nearest to a wish, in squares, that keep an order and its gaps.

    Isotonic regression by pooling adjacent violators, in linear time.

    Examples
    --------
    >>> spread([0, 0], [1, 1], [10])
    [-5.0, 5.0]
    >>> spread([0, 10, 0], [1, 1, 2], [5, 5])
    [-3.75, 1.25, 6.25]
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


# ---------------------------------------------------------------- loops


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


def _with_loops(box: Box, loops: Sequence[tuple[str, Box]]) -> Box:
    """Return a box with room above it for loops with these labels."""
    if not loops:
        return box
    room = max(label.width for _, label in loops)
    rise = _LOOP + math.fsum(label.above + label.below + _ARCH for _, label in loops)
    return Box(max(box.width, 2 * max(_bulges(loops)) + 4, room), box.above + rise, box.below)


def _loop_routes(place: Place, loops: Sequence[tuple[str, Box]]) -> dict[str, Route]:
    """Draw loops around each other above their vertex."""
    y = place.top
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
        before = bends[-2][-2:] if len(bends) > 1 else (left, y)
        bends[-1] = _trimmed(before, bends[-1])
        angle = math.degrees(math.atan2(y - bends[-1][-1], right - bends[-1][-2]))
        label_at = place.x, top - label.below
        out[name] = Route((("M", left, y), *bends), (right, y), angle, label_at)
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
        row = [((1 - t) * a[0] + t * b[0], (1 - t) * a[1] + t * b[1]) for a, b in pairwise(row)]
        out.append(row[0])
    return out


# ---------------------------------------------------------------- pages


def layout(
    nodes: Mapping[str, Box],
    edges: Sequence[tuple[str, str, str, Box]],
) -> Page:
    """Lay out a directed multigraph from left to right.

    Components are set side by side in rows, and rows below each other.

    Parameters
    ----------
    nodes
        The box that each vertex needs.
    edges
        ``(name, source, target, label box)``; loops, parallel edges and cycles are welcome.
        A label's box reaches above and below the edge that it sits on.

    Returns
    -------
    Page
        Deterministic: the same input gives the same page.
    """
    names = list(nodes)
    index = {name: i for i, name in enumerate(names)}
    groups = components(len(names), [(index[s], index[t]) for _, s, t, _ in edges])
    part_of = {names[v]: i for i, group in enumerate(groups) for v in group}
    own: list[list[tuple[str, str, str, Box]]] = [[] for _ in groups]
    for edge in edges:
        own[part_of[edge[1]]].append(edge)
    parts = [
        Component({names[v]: nodes[names[v]] for v in group}, some).page()
        for group, some in zip(groups, own, strict=True)
    ]
    page = max([PAGE, *(part.width for part in parts)])
    x = y = row = width = 0.0
    base = 0
    places: dict[str, Place] = {}
    routes: dict[str, Route] = {}
    columns: dict[str, int] = {}
    for part in parts:
        if x and x + part.width > page:
            x, y, row, base = 0.0, y + row + COMPONENT_GAP, 0.0, 0
        places.update((k, Place(p.x + x, p.y + y, p.box)) for k, p in part.nodes.items())
        routes.update((k, r.moved(x, y)) for k, r in part.routes.items())
        columns.update((k, c + base) for k, c in part.columns.items())
        width = max(width, x + part.width)
        x += part.width + COMPONENT_GAP
        row = max(row, part.height)
        base += 1 + max(part.columns.values(), default=0)
    return Page(places, routes, width, y + row, columns)


def layout_upward(
    nodes: Mapping[str, Box],
    edges: Sequence[tuple[str, str, str, Box]],
) -> Page:
    """Lay out a graph without loops from the bottom to the top.

    The page of the graph with all boxes turned on their sides, turned back. Edges are straight
    from one level to the next.

    Examples
    --------
    >>> dot = {v: Box(20, 10, 10) for v in "ab"}
    >>> page = layout_upward(dot, [("f", "a", "b", Box(0, 0, 0))])
    >>> page.nodes["a"].x == page.nodes["b"].x, page.nodes["a"].y > page.nodes["b"].y
    (True, True)
    """
    turned = layout(
        {name: box.on_its_side for name, box in nodes.items()},
        [(name, source, target, box.on_its_side) for name, source, target, box in edges],
    )

    def back(x: float, y: float) -> Point:
        return y, turned.width - x

    places = {k: Place(*back(p.x, p.y), nodes[k]) for k, p in turned.nodes.items()}
    routes = {}
    for name, source, target, _ in edges:
        route = turned.routes[name]
        apart = abs(turned.columns[source] - turned.columns[target])
        stops = [] if apart == 1 else list(starmap(back, route.level_parts))
        routes[name] = _straight(places[source], places[target], stops, back(*route.label))
    return Page(places, routes, turned.height, turned.width, turned.columns)


def _straight(start: Place, end: Place, stops: Sequence[Point], label: Point) -> Route:
    """Draw an edge as straight lines from one box, over some stops, to another one."""
    up = start.y > end.y
    points = [(start.x, start.top if up else start.bottom), *stops]
    (x0, y0), (x1, y1) = points[-1], (end.x, end.bottom if up else end.top)
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    back = min(HEAD, length / 2) / length
    points.append((x1 - (x1 - x0) * back, y1 - (y1 - y0) * back))
    pieces = [("M" if k == 0 else "L", *point) for k, point in enumerate(points)]
    return Route(tuple(pieces), (x1, y1), math.degrees(math.atan2(y1 - y0, x1 - x0)), label)
