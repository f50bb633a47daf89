"""All paths of a graph without cycles, as integer arrays.

Paths are numbered by length, then by the path before the last edge, then by the last edge: first
the identities, then the edges. The paths that extend one path by one edge stand together, so
that a path followed by an edge is found by its place, and paths are concatenated edge by edge.

>>> from catlearn.category.graph import Graph
>>> paths = enumerate_paths(Graph({"f": ("A", "B"), "g": ("B", "C")}))
>>> paths.src.tolist(), paths.tgt.tolist()
([0, 1, 2, 0, 1, 0], [0, 1, 2, 1, 2, 2])
>>> paths.concatenate(np.array([3, 0]), np.array([4, 5])).tolist()
[5, 5]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from catlearn.category.graph import Graph
from catlearn.category.path import Path, written
from catlearn.errors import InfinitelyManyPaths, InvalidStructure, TooManyPaths
from catlearn.finset.join import expand


@dataclass(frozen=True)
class AllPaths:
    """All paths of a graph.

    Parameters
    ----------
    src, tgt
        The vertices where each path starts and ends.
    before, last
        The path before the last edge, and that edge; -1 for identities.
    child
        The first path that extends each path by one edge.
    rank
        The number of each edge among those out of its source.
    """

    src: np.ndarray
    tgt: np.ndarray
    before: np.ndarray
    last: np.ndarray
    child: np.ndarray
    rank: np.ndarray

    def concatenate(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the rows of paths that run along one path, then along another."""
        steps, at = [], np.asarray(second)
        while (self.last[at] >= 0).any():
            steps.append(self.last[at])
            at = np.where(self.last[at] >= 0, self.before[at], at)
        composite = np.array(first)
        for edge in reversed(steps):
            longer = self.child[composite] + self.rank[edge]
            composite = np.where(edge >= 0, longer, composite)
        return composite

    def names(self, graph: Graph) -> list[str]:
        """Return the text of each path."""
        size = len(graph.vertices)
        names = [str(Path.identity(vertex)) for vertex in graph.vertices]
        edges = [written(edge) for edge in graph.edges]
        for before, last in zip(
            self.before.tolist()[size:], self.last.tolist()[size:], strict=True
        ):
            names.append(edges[last] if before < size else f"{names[before]} >> {edges[last]}")
        return names


def enumerate_paths(graph: Graph, bound: int = 100_000) -> AllPaths:
    """Enumerate the paths of a graph.

    Parameters
    ----------
    graph
        The graph.
    bound
        The most paths there may be.

    Raises
    ------
    InfinitelyManyPaths
        If there is a cycle.
    TooManyPaths
        If there are more paths; ``count`` is their number.
    """
    _check(graph, bound)
    size, source = len(graph.vertices), graph.arrows["src"].values
    target = graph.arrows["tgt"].values
    order = np.argsort(source, kind="stable")
    degrees = np.bincount(source, minlength=size)
    starts = np.cumsum(degrees) - degrees
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - starts[source[order]]
    every, none = np.arange(size), np.full(size, -1)
    layers = [(every, every, none, none)]
    children, total = [], size
    while layers[-1][0].size:
        src, tgt, _, _ = layers[-1]
        row = total - src.size + np.arange(src.size)
        lengths = degrees[tgt]
        edges = order[expand(starts[tgt], lengths)]
        children.append(total + np.cumsum(lengths) - lengths)
        longer = (np.repeat(src, lengths), target[edges], np.repeat(row, lengths), edges)
        layers.append(longer)
        total += edges.size
    src, tgt, before, last = map(np.concatenate, zip(*layers, strict=True))
    return AllPaths(src, tgt, before, last, np.concatenate([none[:0], *children]), rank)


def _check(graph: Graph, bound: int) -> None:
    """Refuse a graph with a cycle, or with more paths than the bound; they are counted exactly."""
    try:
        order = graph.topological_order()
    except InvalidStructure as error:
        cycle = graph.path(error.failures[0].message)
        message = (
            f"the free category on this graph is infinite, since there is a cycle: {cycle}; "
            "graph.category() works with infinite categories too"
        )
        raise InfinitelyManyPaths(message, cycle.edges) from None
    arriving: dict[str, int] = {}
    for vertex in order:
        arriving[vertex] = 1 + sum(arriving[graph.source(edge)] for edge in graph.in_edges(vertex))
    count = sum(arriving.values())
    if count > bound:
        message = f"the graph has {count} paths, more than the bound of {bound}; raise bound"
        raise TooManyPaths(message, count)
