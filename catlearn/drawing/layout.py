"""Layout: where every vertex, label and edge of a picture lies.

The layered method, drawn from left to right, with one twist that gives its guarantees: the
*label of an edge is a vertex of its own*, in a rank between the ranks of vertices (as in
Gansner, Koutsofios, North and Vo, "A technique for drawing directed graphs", 1993). An edge runs
straight across the column of each rank that it crosses, in a slot that is its own, and bends
only in the empty gaps between columns. Hence, by construction and for every graph,

- boxes of vertices and labels do not overlap, and
- no edge touches the box of a vertex that is not one of its ends, or another edge's label.

Heights solve a convex problem: the sum of squared climbs of all edges is least, subject to the
order in each rank and the room that the boxes need; block coordinate descent over ranks, each
block an isotonic regression.

>>> from catlearn.drawing.layout import Box, layout
>>> square = {v: Box(20, 10, 10) for v in "ABCD"}
>>> label = Box(10, 14, 4)
>>> ends = {"f": "AB", "g": "BD", "h": "AC", "k": "CD"}
>>> place = layout(square, [(e, s, t, label) for e, (s, t) in ends.items()])
>>> place.nodes["A"].y == place.nodes["D"].y, place.nodes["B"].y < place.nodes["C"].y
(True, True)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from catlearn.drawing.layers import acyclic, components, ordered, ranks

#: Room between neighbouring boxes of a rank, and between columns.
NODE_GAP = 14.0
LABEL_GAP = 6.0
COLUMN_GAP = 24.0
COMPONENT_GAP = 26.0

#: Room kept back while heights are chosen, and spent on making long edges straight.
SLACK = 4.0

#: Length of an arrowhead; an edge ends so much before the box that it points at.
HEAD = 9.0

#: Components are packed into rows of about this width.
PAGE = 900.0

_LOOP = 24.0
_ARCH = 12.0


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


@dataclass
class _Item:
    """A slot in a rank: a vertex, the label of an edge, or an edge passing through."""

    box: Box
    node: str | None = None
    rank: int = 0
    y: float = 0.0


@dataclass
class _Chain:
    """An edge as its slots from left to right, and whether it points to the left."""

    name: str
    slots: list[int]
    turned: bool
    middle: int


def layout(
    nodes: Mapping[str, Box],
    edges: Sequence[tuple[str, str, str, Box]],
) -> Layout:
    """Lay out a directed multigraph from left to right.

    Parameters
    ----------
    nodes
        The box that each vertex needs.
    edges
        ``(name, source, target, label box)``; loops, parallel edges and cycles are welcome.
        A label's box reaches above and below the edge that it sits on.

    Returns
    -------
    Layout
        Deterministic: the same input gives the same page.
    """
    index = {name: i for i, name in enumerate(nodes)}
    pairs = [(index[s], index[t]) for _, s, t, _ in edges]
    names = list(nodes)
    part_of = {}
    groups = components(len(names), pairs)
    for i, group in enumerate(groups):
        part_of.update((names[v], i) for v in group)
    by_part: list[list[tuple[str, str, str, Box]]] = [[] for _ in groups]
    for edge in edges:
        by_part[part_of[edge[1]]].append(edge)
    parts = [
        _component({names[v]: nodes[names[v]] for v in group}, own)
        for group, own in zip(groups, by_part, strict=True)
    ]
    return _packed(parts)


def layout_upward(
    nodes: Mapping[str, Box],
    edges: Sequence[tuple[str, str, str, Box]],
) -> Layout:
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
        {name: _on_its_side(box) for name, box in nodes.items()},
        [(name, source, target, _on_its_side(box)) for name, source, target, box in edges],
    )

    def back(x: float, y: float) -> tuple[float, float]:
        return y, turned.width - x

    places = {k: Place(*back(p.x, p.y), nodes[k]) for k, p in turned.nodes.items()}
    routes = {}
    for name, source, target, _ in edges:
        route, ends = turned.routes[name], (places[source], places[target])
        apart = abs(turned.columns[source] - turned.columns[target])
        levels = [] if apart == 1 else [back(*point) for point in _levels(route)]
        routes[name] = _straight(*ends, levels, back(*route.label))
    return Layout(places, routes, turned.height, turned.width, turned.columns)


def _levels(route: Route) -> list[tuple[float, float]]:
    """Return the middles of the level parts of an edge, but for the first and the last."""
    levels, at = [], route.pieces[0][-2:]
    for piece in route.pieces[1:]:
        if piece[0] == "L":
            levels.append(((at[0] + piece[1]) / 2, (at[1] + piece[2]) / 2))
        at = piece[-2:]
    return levels[1:-1]


def _straight(
    start: Place,
    end: Place,
    stops: Sequence[tuple[float, float]],
    label: tuple[float, float],
) -> Route:
    """Draw an edge as straight lines from one box, over some stops, to another one."""
    up = 1.0 if start.y > end.y else -1.0
    leave = start.box.above if up > 0 else start.box.below
    enter = end.box.below if up > 0 else end.box.above
    points = [(start.x, start.y - up * leave), *stops, (end.x, end.y + up * enter)]
    (x0, y0), (x1, y1) = points[-2], points[-1]
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    back = min(HEAD, length / 2) / length
    points[-1] = (x1 - (x1 - x0) * back, y1 - (y1 - y0) * back)
    pieces = [("M" if k == 0 else "L", *point) for k, point in enumerate(points)]
    angle = math.degrees(math.atan2(y1 - y0, x1 - x0))
    return Route(tuple(pieces), (x1, y1), angle, label)


def _on_its_side(box: Box) -> Box:
    return Box(box.above + box.below, box.width / 2, box.width / 2)


def _packed(parts: Sequence[Layout]) -> Layout:
    """Set components side by side in rows, and rows below each other."""
    page = max([PAGE, *(p.width for p in parts)])
    x = y = row = width = 0.0
    places: dict[str, Place] = {}
    routes: dict[str, Route] = {}
    columns: dict[str, int] = {}
    base = widest = 0
    for part in parts:
        if x and x + part.width > page:
            x, y, row, base = 0.0, y + row + COMPONENT_GAP, 0.0, 0
        places.update((k, Place(p.x + x, p.y + y, p.box)) for k, p in part.nodes.items())
        routes.update((k, _moved(r, x, y)) for k, r in part.routes.items())
        columns.update((k, c + base) for k, c in part.columns.items())
        width = max(width, x + part.width)
        x += part.width + COMPONENT_GAP
        row = max(row, part.height)
        base += 1 + max(part.columns.values(), default=0)
        widest = max(widest, base)
    return Layout(places, routes, width, y + row, columns)


def _moved(route: Route, dx: float, dy: float) -> Route:
    pieces = tuple(
        (p[0], *(v + (dy if i % 2 else dx) for i, v in enumerate(p[1:]))) for p in route.pieces
    )
    tip = route.tip[0] + dx, route.tip[1] + dy
    return Route(pieces, tip, route.angle, (route.label[0] + dx, route.label[1] + dy))


def _component(nodes: Mapping[str, Box], edges: Sequence[tuple[str, str, str, Box]]) -> Layout:
    loops: dict[str, list[tuple[str, Box]]] = {}
    plain = []
    for name, source, target, label in edges:
        if source == target:
            loops.setdefault(source, []).append((name, label))
        else:
            plain.append((name, source, target, label))
    index = {name: i for i, name in enumerate(nodes)}
    pairs = [(index[s], index[t]) for _, s, t, _ in plain]
    forward = acyclic(len(nodes), pairs)
    rank = ranks(len(nodes), forward)
    items = [
        _Item(_with_loops(box, loops.get(name, [])), name, 2 * rank[i])
        for i, (name, box) in enumerate(nodes.items())
    ]
    chains = [
        _chain(items, name, label, ends, turned=ends != pair)
        for (name, _, _, label), ends, pair in zip(plain, forward, pairs, strict=True)
    ]
    layers: list[list[int]] = [[] for _ in range(1 + max(item.rank for item in items))]
    for i in _walk_order(len(items), chains):
        layers[items[i].rank].append(i)
    segments = [s for c in chains for s in zip(c.slots, c.slots[1:], strict=False)]
    layers = ordered(layers, segments)
    ports = _ports(items, chains, layers, nodes)
    _heights(items, chains, layers, ports)
    _straighten(items, chains, layers)
    return _page(items, chains, layers, ports, nodes, loops)


def _with_loops(box: Box, loops: Sequence[tuple[str, Box]]) -> Box:
    if not loops:
        return box
    room = max(label.width for _, label in loops)
    rise = _LOOP + sum(label.above + label.below + _ARCH for _, label in loops)
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


def _chain(
    items: list[_Item], name: str, label: Box, ends: tuple[int, int], turned: bool
) -> _Chain:
    """Make the slots of an edge, one in each rank between its ends, the label in the middle."""
    first, last = items[ends[0]].rank, items[ends[1]].rank
    middle = (first + last) // 2
    middle += 1 - middle % 2
    slots = [ends[0]]
    for rank in range(first + 1, last):
        slots.append(len(items))
        items.append(_Item(label if rank == middle else Box(0.0, 4.0, 4.0), None, rank))
    return _Chain(name, [*slots, ends[1]], turned, middle - first)


def _walk_order(count: int, chains: Sequence[_Chain]) -> list[int]:
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


def _ports(
    items: Sequence[_Item],
    chains: Sequence[_Chain],
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
        step = min(9.0, 2 * reach / max(len(ends) - 1, 1))
        for k, (_, c) in enumerate(sorted(ends)):
            offsets[c][1 - side] = (k - (len(ends) - 1) / 2) * step
    return [(a, b) for a, b in offsets]


def _gap(a: _Item, b: _Item) -> float:
    between = NODE_GAP if a.node is not None or b.node is not None else LABEL_GAP
    return a.box.below + between + b.box.above


def _heights(
    items: list[_Item],
    chains: Sequence[_Chain],
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
            at += _gap(items[layer[k - 1]], items[i]) if k else 0.0
            items[i].y = at
        for i in layer:
            items[i].y -= at / 2
    sweeps = max(6, min(400, 120_000 // (len(items) + 1)))
    # First a soft solution, then ever stiffer rails, one for each long edge, along its inner slots.
    rails = [chain.slots[1:-1] for chain in chains if len(chain.slots) > 3]
    for stiffness in (0.0, 8.0, 64.0, 512.0, 4096.0) if rails else (0.0,):
        _descend(items, layers, near, rails, stiffness, sweeps)


def _descend(
    items: list[_Item],
    layers: Sequence[Sequence[int]],
    near: Sequence[Sequence[tuple[int, float, float]]],
    rails: Sequence[Sequence[int]],
    stiffness: float,
    sweeps: int,
) -> None:
    """Minimise the squared climbs rank by rank until little moves."""
    rail_of = {i: r for r, rail in enumerate(rails) for i in rail} if stiffness else {}
    totals = [sum(weight for _, _, weight in links) for links in near]
    rooms = [
        (layer, [_gap(items[a], items[b]) + SLACK for a, b in itertools.pairwise(layer)])
        for layer in layers
    ]
    before: list[float] = []
    for sweep in range(sweeps):
        moved = 0.0
        means = [sum(items[i].y for i in rail) / len(rail) for rail in rails]
        # Rails are heavy; momentum carries them to their places in a few dozen sweeps.
        level = [m + 0.85 * (m - b) for m, b in zip(means, before or means, strict=True)]
        before = means
        for layer, gaps in rooms if sweep % 2 == 0 else reversed(rooms):
            wish = []
            weights = []
            for i in layer:
                total = totals[i]
                mean = sum(w * (items[j].y + s) for j, s, w in near[i])
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


def _straighten(
    items: list[_Item], chains: Sequence[_Chain], layers: Sequence[Sequence[int]]
) -> None:
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
                low = max(low, above.y + _gap(above, items[i]))
            if k + 1 < len(layer):
                below = items[layer[k + 1]]
                high = min(high, below.y - _gap(items[i], below))
        if low <= high:
            mean = sum(items[i].y for i in inner) / len(inner)
            for i in inner:
                items[i].y = min(max(mean, low), high)


def _page(
    items: list[_Item],
    chains: Sequence[_Chain],
    layers: Sequence[Sequence[int]],
    ports: Sequence[tuple[float, float]],
    nodes: Mapping[str, Box],
    loops: Mapping[str, Sequence[tuple[str, Box]]],
) -> Layout:
    """Give columns their places and draw the edges through them."""
    top = min(item.y - item.box.above for item in items)
    for item in items:
        item.y = round(item.y - top, 1)
    height = max(item.y + item.box.below for item in items)
    columns = _columns(items, chains, layers, ports)
    places = {
        item.node: Place(sum(columns[item.rank]) / 2, item.y, nodes[item.node])
        for item in items
        if item.node is not None
    }
    routes = {}
    for chain, offsets in zip(chains, ports, strict=True):
        routes[chain.name] = _route(chain, offsets, items, columns, places)
    for name, own in loops.items():
        routes.update(_loop_routes(places[name], own))
    ranks_of = {item.node: item.rank // 2 for item in items if item.node is not None}
    return Layout(places, routes, columns[-1][1], height, ranks_of)


def _columns(
    items: Sequence[_Item],
    chains: Sequence[_Chain],
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


def _route(
    chain: _Chain,
    offsets: tuple[float, float],
    items: Sequence[_Item],
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
    label = sum(columns[middle.rank]) / 2, middle.y
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


def _loop_routes(place: Place, loops: Sequence[tuple[str, Box]]) -> dict[str, Route]:
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
