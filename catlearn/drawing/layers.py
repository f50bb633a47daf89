"""Layers of a directed graph: cycle removal, ranks, and order within ranks.

The first three steps of the layered method of Sugiyama, Tagawa and Toda, "Methods for visual
understanding of hierarchical system structures" (1981), on graphs whose vertices are numbered
0, 1, ...; deterministic, iterative (no recursion, so chains may be long), and bounded.

>>> from catlearn.drawing.layers import acyclic, ranks
>>> edges = acyclic(3, [(0, 1), (1, 2), (2, 0)])
>>> edges
[(0, 1), (1, 2), (0, 2)]
>>> ranks(3, edges)
[0, 1, 2]
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

Edge = tuple[int, int]


def components(count: int, edges: Sequence[Edge]) -> list[list[int]]:
    """Return the connected components, each sorted, in the order of their first vertices."""
    parent = list(range(count))

    def root(v: int) -> int:
        while parent[v] != v:
            parent[v] = parent[parent[v]]
            v = parent[v]
        return v

    for a, b in edges:
        a, b = root(a), root(b)
        parent[max(a, b)] = min(a, b)
    found: dict[int, list[int]] = {}
    for v in range(count):
        found.setdefault(root(v), []).append(v)
    return list(found.values())


def acyclic(count: int, edges: Sequence[Edge]) -> list[Edge]:
    """Turn the edges that close a cycle in a depth-first walk, so that none is left.

    The walk starts at the vertices without incoming edges, then takes the rest, in order.
    Loops must have been taken out.
    """
    outgoing: list[list[int]] = [[] for _ in range(count)]
    indegree = [0] * count
    for i, (a, b) in enumerate(edges):
        outgoing[a].append(i)
        indegree[b] += 1
    state = [0] * count  # 0 not met, 1 on the current walk, 2 done
    turned = set()
    for start in sorted(range(count), key=lambda v: (indegree[v] > 0, v)):
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


def topological(count: int, edges: Sequence[Edge]) -> list[int]:
    """Return the vertices of an acyclic graph in an order that its edges respect."""
    outgoing: list[list[int]] = [[] for _ in range(count)]
    indegree = [0] * count
    for a, b in edges:
        outgoing[a].append(b)
        indegree[b] += 1
    order = [v for v in range(count) if indegree[v] == 0]
    for v in order:
        for w in outgoing[v]:
            indegree[w] -= 1
            if indegree[w] == 0:
                order.append(w)
    return order


def ranks(count: int, edges: Sequence[Edge]) -> list[int]:
    """Give each vertex of an acyclic graph a rank, edges going up by at least one.

    Longest paths first; then vertices with more outgoing than incoming edges move up to their
    successors, and the converse, until the total length of the edges stops falling.
    """
    outgoing: list[list[int]] = [[] for _ in range(count)]
    incoming: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        outgoing[a].append(b)
        incoming[b].append(a)
    order = topological(count, edges)
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


def crossings(left: Sequence[int], right: Sequence[int], edges: Sequence[Edge]) -> int:
    """Count the crossings of edges between two ordered ranks, in O(n log n).

    Examples
    --------
    >>> crossings([0, 1], [2, 3], [(0, 3), (1, 2)])
    1
    """
    at_left = {v: i for i, v in enumerate(left)}
    at_right = {v: i for i, v in enumerate(right)}
    ends = [at_right[b] for a, b in sorted(edges, key=lambda e: (at_left[e[0]], at_right[e[1]]))]
    tree = [0] * (len(right) + 1)
    total = 0
    for met, end in enumerate(ends):
        i, before = end + 1, 0
        while i:
            before += tree[i]
            i &= i - 1
        total += met - before
        i = end + 1
        while i <= len(right):
            tree[i] += 1
            i += i & -i
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
        gaps = range(len(orders) - 1)
        return sum(crossings(orders[r], orders[r + 1], between[r]) for r in gaps)

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
    against = sum(a > b for layer in best for a, b in itertools.pairwise(layer))
    along = sum(a < b for layer in best for a, b in itertools.pairwise(layer))
    return [layer[::-1] for layer in best] if against > along else best


def _by_barycentre(
    layer: list[int], fixed: list[int], near: dict[int, list[int]], flip: bool
) -> list[int]:
    """Sort a rank by the mean place of the neighbours; vertices without any stay put."""
    place = {v: i for i, v in enumerate(fixed)}
    movable = [v for v in layer if near[v]]
    mean = {v: sum(place[w] for w in near[v]) / len(near[v]) for v in movable}
    start = reversed(movable) if flip else movable
    queue = iter(sorted(start, key=lambda v: mean[v]))
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
