"""Counting and listing the paths of a graph, and the tree of shortest ones.

Paths are counted before they are listed. The number of paths of length k+1 into a vertex is
the sum, over the edges into it, of the numbers of paths of length k into their sources; so
counting takes one pass over the edges for each length, in exact integers, even where the
paths themselves are exponentially many. There are infinitely many paths from u to v exactly
if some cycle lies on a way from u to v.

Laws: the count is the length of the list; the list is ordered by length, then by the order of
edges, and has no repetitions.

>>> from catlearn.category import Graph
>>> diamond = Graph({"a": ("A", "B"), "b": ("A", "C"), "c": ("B", "D"), "d": ("C", "D")})
>>> [str(path) for path in diamond.paths("A", "D")]
['a >> c', 'b >> d']
>>> [str(path) for path in diamond.paths("A", max_length=1)]
['id(A)', 'a', 'b']
>>> tree = diamond.reachable("A")
>>> str(tree.path("D")), tree.outside
('a >> c', ('d',))
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from catlearn.category.path import Path, written
from catlearn.errors import InfinitelyManyPaths, TooManyPaths, UnknownName, did_you_mean
from catlearn.finset import Record

if TYPE_CHECKING:
    from catlearn.category.graph import Graph

Vertex = TypeVar("Vertex", bound=Hashable)
Edge = TypeVar("Edge")

Steps = Mapping[str, list[tuple[str, str]]]
"""For each vertex, the (edge, next vertex) pairs that leave it."""


def list_paths(
    graph: Graph,
    source: str,
    target: str | None = None,
    max_length: int | None = None,
    bound: int | None = 10_000,
) -> list[Path]:
    """List the paths out of a vertex; see :meth:`Graph.paths`."""
    count = count_paths(graph, source, target, max_length)
    if bound is not None and count > bound:
        message = (
            f"there are {count} paths {_between(source, target, max_length)}, more than the "
            f"bound of {bound}; give a smaller max_length, raise bound, or use "
            'equations="basis", which needs one path to each vertex'
        )
        raise TooManyPaths(message, count)
    steps = steps_between(graph, source, target)
    # With a target, a path is only begun if it can still arrive within the length.
    to_go = {} if target is None else _distances(graph, target)
    found: list[Path] = []
    layer: list[tuple[tuple[str, ...], str]] = []
    if source in steps and (max_length is None or to_go.get(source, 0) <= max_length):
        layer = [((), source)]
    length = 0
    while layer:
        found += [Path(source, edges, at) for edges, at in layer if target in (None, at)]
        length += 1
        layer = [
            ((*edges, edge), after)
            for edges, at in layer
            for edge, after in steps[at]
            if max_length is None or length + to_go.get(after, 0) <= max_length
        ]
    return found


def count_paths(
    graph: Graph, source: str, target: str | None = None, max_length: int | None = None
) -> int:
    """Count the paths out of a vertex exactly; see :meth:`Graph.count_paths`."""
    counts = path_counts(graph, source, target, max_length)
    return sum(counts.values()) if target is None else counts.get(target, 0)


def path_counts(
    graph: Graph, source: str, target: str | None = None, max_length: int | None = None
) -> dict[str, int]:
    """Count the paths from a vertex to each vertex (on a way to ``target``, if given)."""
    steps = steps_between(graph, source, target)
    if max_length is None:
        cycle = find_cycle(steps)
        if cycle:
            message = (
                f"there are infinitely many paths {_between(source, target, None)}: they can run "
                f"around the cycle {' >> '.join(map(written, cycle))}; give max_length, or use "
                'equations="basis", which needs one path to each vertex'
            )
            raise InfinitelyManyPaths(message, cycle)
    counts: dict[str, int] = {}
    for layer in _layers(steps, source, max_length):
        for vertex, count in layer.items():
            counts[vertex] = counts.get(vertex, 0) + count
    return counts


def count_parallel_pairs(
    graph: Graph, source: str | None = None, max_length: int | None = None
) -> int:
    """Count the parallel pairs of paths; see :meth:`Graph.count_parallel_pairs`."""
    sources = graph.vertices if source is None else (source,)
    return sum(
        count * (count - 1) // 2
        for start in sources
        for count in path_counts(graph, start, None, max_length).values()
    )


def steps_between(graph: Graph, source: str, target: str | None) -> Steps:
    """Return the steps of the part of a graph on the ways from ``source`` (to ``target``)."""
    useful = None if target is None else _distances(graph, target)
    graph.out_edges(source)  # refuses an unknown vertex, even where nothing leads to the target
    steps: dict[str, list[tuple[str, str]]] = {}
    waiting = [source] if useful is None or source in useful else []
    while waiting:
        vertex = waiting.pop()
        if vertex in steps:
            continue
        leaving = [(edge, graph.target(edge)) for edge in graph.out_edges(vertex)]
        steps[vertex] = [(e, after) for e, after in leaving if useful is None or after in useful]
        waiting += [after for _, after in steps[vertex]]
    return steps


def sort_vertices(steps: Mapping[Vertex, Sequence[tuple[Any, Vertex]]]) -> list[Vertex]:
    """Order vertices so that each step leads forward; those on or behind a cycle are left out."""
    missing = dict.fromkeys(steps, 0)
    for leaving in steps.values():
        for _, after in leaving:
            missing[after] += 1
    order = [vertex for vertex, number in missing.items() if number == 0]
    for vertex in order:  # grows while it is read: a queue
        for _, after in steps[vertex]:
            missing[after] -= 1
            if missing[after] == 0:
                order.append(after)
    return order


def find_cycle(steps: Mapping[Vertex, Sequence[tuple[Edge, Vertex]]]) -> tuple[Edge, ...]:
    """Return the edges of one cycle in order, or nothing if there is none."""
    sorted_out = set(sort_vertices(steps))
    entering: dict[Vertex, tuple[Edge, Vertex]] = {}
    for vertex, leaving in steps.items():
        for edge, after in leaving:
            if vertex not in sorted_out and after not in sorted_out:
                entering.setdefault(after, (edge, vertex))
    if not entering:
        return ()
    # Each vertex left over has an edge from another one, so walking backwards must close.
    at = next(iter(entering))
    place: dict[Vertex, int] = {}
    walked: list[Edge] = []
    while at not in place:
        place[at] = len(walked)
        edge, at = entering[at]
        walked.append(edge)
    return tuple(reversed(walked[place[at] :]))


def _layers(steps: Steps, source: str, max_length: int | None) -> Iterator[dict[str, int]]:
    """Yield, for each length from 0 on, how many paths of this length end at each vertex."""
    layer = {source: 1} if source in steps else {}
    length = 0
    while layer and (max_length is None or length <= max_length):
        yield layer
        following: dict[str, int] = {}
        for vertex, count in layer.items():
            for _, after in steps[vertex]:
                following[after] = following.get(after, 0) + count
        layer = following
        length += 1


def _distances(graph: Graph, target: str) -> dict[str, int]:
    """Return the length of a shortest path to the target from each vertex that has one."""
    distance = {target: 0}
    waiting = [target]
    for vertex in waiting:  # grows while it is read: a queue
        for edge in graph.in_edges(vertex):
            before = graph.source(edge)
            if before not in distance:
                distance[before] = distance[vertex] + 1
                waiting.append(before)
    return distance


def _between(source: str, target: str | None, max_length: int | None) -> str:
    length = "" if max_length is None else f" of length at most {max_length}"
    return f"from {source}" + ("" if target is None else f" to {target}") + length


@dataclass(frozen=True)
class Arborescence:
    """The breadth-first tree of shortest paths from a root, over the part that it reaches.

    Parameters
    ----------
    root
        The vertex that the tree grows from.
    vertices
        The vertices that the root reaches, in breadth-first order; the root is first.
    edges
        The edges between them, in the graph's order.
    entering
        For each vertex but the root, the (tree edge, its source) by which it was reached.
    """

    root: str
    vertices: tuple[str, ...]
    edges: tuple[str, ...]
    entering: Mapping[str, tuple[str, str]]

    @property
    def tree(self) -> tuple[str, ...]:
        """The edges of the tree, in the graph's order."""
        chosen = {edge for edge, _ in self.entering.values()}
        return tuple(edge for edge in self.edges if edge in chosen)

    @property
    def outside(self) -> tuple[str, ...]:
        """The reached edges outside the tree, in the graph's order: ``|E| - |V| + 1`` of them."""
        chosen = {edge for edge, _ in self.entering.values()}
        return tuple(edge for edge in self.edges if edge not in chosen)

    def path(self, vertex: str) -> Path:
        """Return the canonical path from the root to a vertex: the one along the tree.

        Raises
        ------
        UnknownName
            If the root does not reach the vertex.
        """
        if vertex != self.root and vertex not in self.entering:
            reached = did_you_mean(vertex, self.vertices)
            raise UnknownName(f"{self.root} does not reach a vertex {vertex}; {reached}")
        edges: list[str] = []
        at = vertex
        while at != self.root:
            edge, at = self.entering[at]
            edges.append(edge)
        return Path(self.root, tuple(reversed(edges)), vertex)


def arborescence(
    graph: Graph, root: str, priority: Callable[[str], Any] | None = None
) -> Arborescence:
    """Grow the breadth-first tree from a root; see :meth:`Graph.reachable`."""
    place = {edge: number for number, edge in enumerate(graph.edges)}
    entering: dict[str, tuple[str, str]] = {}
    reached = {root: None}  # a dict, for its order
    layer = [root]
    while layer:
        leaving = [edge for vertex in layer for edge in graph.out_edges(vertex)]
        leaving.sort(key=lambda edge: (priority(edge) if priority else 0, place[edge]))
        layer = []
        for edge in leaving:
            after = graph.target(edge)
            if after not in reached:
                reached[after] = None
                entering[after] = (edge, graph.source(edge))
                layer.append(after)
    edges = [edge for vertex in reached for edge in graph.out_edges(vertex)]
    edges.sort(key=place.__getitem__)
    return Arborescence(root, tuple(reached), tuple(edges), Record(entering))
