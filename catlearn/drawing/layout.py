"""Layout: where every vertex, label and edge of a picture lies.

The layered method, drawn from left to right, with one twist that gives its guarantees: the
*label of an edge is a vertex of its own*, in a rank between the ranks of vertices (as in
Gansner, Koutsofios, North and Vo, "A technique for drawing directed graphs", 1993). An edge runs
straight across the column of each rank that it crosses, in a slot that is its own, and bends
only in the empty gaps between columns. Hence, by construction and for every graph,

- boxes of vertices and labels do not overlap, and
- no edge touches the box of a vertex that is not one of its ends, or another edge's label.

The order of the slots in each rank is chosen in :mod:`catlearn.drawing.layers`, their heights in
:mod:`catlearn.drawing.heights`; :mod:`catlearn.drawing.routes` draws the edges.

>>> from catlearn.drawing.layout import layout
>>> from catlearn.drawing.places import Box
>>> square = {v: Box(20, 10, 10) for v in "ABCD"}
>>> label = Box(10, 14, 4)
>>> ends = {"f": "AB", "g": "BD", "h": "AC", "k": "CD"}
>>> place = layout(square, [(e, s, t, label) for e, (s, t) in ends.items()])
>>> place.nodes["A"].y == place.nodes["D"].y, place.nodes["B"].y < place.nodes["C"].y
(True, True)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from catlearn.drawing.heights import heights, straighten
from catlearn.drawing.layers import acyclic, components, ordered, ranks
from catlearn.drawing.places import HEAD, Box, Layout, Place, Route
from catlearn.drawing.routes import columns_of, loop_routes, route_of, with_loops
from catlearn.drawing.slots import Chain, Slot, chain_of, ports_of, walk_order

#: Room between components, and the width of the rows that they are packed into.
COMPONENT_GAP = 26.0
PAGE = 900.0


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
        Slot(with_loops(box, loops.get(name, [])), name, 2 * rank[i])
        for i, (name, box) in enumerate(nodes.items())
    ]
    chains = [
        chain_of(items, name, label, ends, turned=ends != pair)
        for (name, _, _, label), ends, pair in zip(plain, forward, pairs, strict=True)
    ]
    layers: list[list[int]] = [[] for _ in range(1 + max(item.rank for item in items))]
    for i in walk_order(len(items), chains):
        layers[items[i].rank].append(i)
    segments = [s for c in chains for s in zip(c.slots, c.slots[1:], strict=False)]
    layers = ordered(layers, segments)
    ports = ports_of(items, chains, layers, nodes)
    heights(items, chains, layers, ports)
    straighten(items, chains, layers)
    return _page(items, chains, layers, ports, nodes, loops)


def _page(
    items: list[Slot],
    chains: Sequence[Chain],
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
    columns = columns_of(items, chains, layers, ports)
    places = {
        item.node: Place(math.fsum(columns[item.rank]) / 2, item.y, nodes[item.node])
        for item in items
        if item.node is not None
    }
    routes = {}
    for chain, offsets in zip(chains, ports, strict=True):
        routes[chain.name] = route_of(chain, offsets, items, columns, places)
    for name, own in loops.items():
        routes.update(loop_routes(places[name], own))
    ranks_of = {item.node: item.rank // 2 for item in items if item.node is not None}
    return Layout(places, routes, columns[-1][1], height, ranks_of)
