"""Parallel pairs of paths out of data sets: located, counted, and only then listed.

Two paths are *parallel* if they start together and end together. Most of a diagram has one path
to each vertex; where a thousand data sets share a backbone, following all of it from each of
them would take a million steps. So one pass over the edges, in topological order, says for all
data sets at once (a set of them is an integer, a bit for each) which vertices they have some
path to, and which they have several to; what is then counted and listed is the part of the
graph that leads to those.

>>> from catlearn.category import Graph
>>> diamond = Graph(
...     {"a": ("A", "B"), "b": ("A", "C"), "c": ("B", "D"), "d": ("C", "D"), "e": ("B", "E")}
... )
>>> parallel_part(diamond, ["A", "B"])
{'A': ['a', 'b', 'c', 'd'], 'B': []}
>>> [(str(p), str(q)) for p, q in parallel_pairs(diamond, ["A", "B"])]
[('a >> c', 'b >> d')]
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from catlearn.category import Graph, Path
from catlearn.category.walks import Steps, path_counts, sort_vertices
from catlearn.errors import TooManyPaths


def parallel_pairs(
    graph: Graph,
    sources: Iterable[str],
    max_length: int | None = None,
    bound: int = 10_000,
) -> list[tuple[Path, Path]]:
    """List the unordered pairs of different parallel paths out of some vertices.

    Parameters
    ----------
    graph
        A graph.
    sources
        Where the paths start.
    max_length
        A bound on their length, needed where a source reaches a cycle.
    bound
        The largest number of pairs.

    Returns
    -------
    list
        Pairs by source, then by the vertex where they end, then in the order of
        :meth:`~catlearn.Graph.paths`, in which the first of a pair comes before the second.

    Raises
    ------
    TooManyPaths
        If there are more pairs than the bound, or infinitely many.
    """
    sources = list(sources)
    part = parallel_part(graph, sources) if max_length is None else None
    places: dict[str, Graph] = {}
    counts: dict[str, dict[str, int]] = {}
    for source in sources:
        edges = graph.edges if part is None else part[source]
        if edges:
            ends = {edge: graph.ends(edge) for edge in edges}
            places[source] = graph if part is None else Graph(ends)
            counts[source] = path_counts(places[source], source, max_length=max_length)
    total = sum(n * (n - 1) // 2 for found in counts.values() for n in found.values())
    if total > bound:
        paths = sum(n for found in counts.values() for n in found.values() if n > 1)
        message = (
            f"{paths} paths out of {', '.join(counts)} make {total} parallel pairs, more than the "
            f"bound of {bound}; use equations='basis', which implies them all, give max_length, "
            "or raise bound"
        )
        raise TooManyPaths(message, total)
    row = {vertex: number for number, vertex in enumerate(graph.vertices)}
    pairs: list[tuple[Path, Path]] = []
    for source, place in places.items():
        several = sorted((v for v, n in counts[source].items() if n > 1), key=row.__getitem__)
        ending: dict[str, list[Path]] = {vertex: [] for vertex in several}
        for path in place.paths(source, max_length=max_length, bound=None) if several else ():
            if path.target in ending:
                ending[path.target].append(path)
        for paths in ending.values():
            pairs += combinations(paths, 2)
    return pairs


def parallel_part(graph: Graph, sources: Iterable[str]) -> dict[str, list[str]] | None:
    """Return, for each source, the edges on the ways to vertices that it has several paths to.

    None if some source reaches a cycle.
    """
    sources = list(sources)
    steps = _steps_from(graph, sources)
    order = sort_vertices(steps)
    if len(order) < len(steps):
        return None
    bit = {source: 1 << number for number, source in enumerate(sources)}
    some = {vertex: bit.get(vertex, 0) for vertex in order}
    many = dict.fromkeys(order, 0)
    for vertex in order:
        for _, after in steps[vertex]:
            many[after] |= many[vertex] | (some[after] & some[vertex])
            some[after] |= some[vertex]
    goals: dict[str, list[str]] = {source: [] for source in sources}
    for vertex, who in many.items():
        while who:
            goals[sources[(who & -who).bit_length() - 1]].append(vertex)
            who &= who - 1
    row = {edge: number for number, edge in enumerate(graph.edges)}
    part: dict[str, list[str]] = {}
    for source, waiting in goals.items():
        seen = set(waiting)
        found: list[str] = []
        while waiting:
            for edge in graph.in_edges(waiting.pop()):
                before = graph.source(edge)
                if some.get(before, 0) & bit[source]:
                    found.append(edge)
                    if before not in seen:
                        seen.add(before)
                        waiting.append(before)
        part[source] = sorted(found, key=row.__getitem__)
    return part


def _steps_from(graph: Graph, sources: list[str]) -> Steps:
    """Return the steps of the part of a graph that some vertices reach."""
    steps: dict[str, list[tuple[str, str]]] = {}
    waiting = list(sources)
    while waiting:
        vertex = waiting.pop()
        if vertex not in steps:
            steps[vertex] = [(edge, graph.target(edge)) for edge in graph.out_edges(vertex)]
            waiting += [after for _, after in steps[vertex]]
    return steps
