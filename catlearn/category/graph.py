"""Graphs: vertices, edges, and the paths that run along them.

A *graph* is a set V of vertices, a set E of edges and two functions src, tgt : E -> V; several
edges may share their ends and an edge may be a loop. So a graph is a pair of tables with two
arrows between them, and everything about tables (colimits, morphisms, attributes) holds for
graphs without new code.

>>> from catlearn.category import Graph
>>> G = Graph({"f": ("A", "B"), "g": ("B", "C")})
>>> G.vertices, G.edges, G.source("g")
(('A', 'B', 'C'), ('f', 'g'), 'B')
>>> G.path("f >> g")
Path('A', ('f', 'g'), 'C')

Counting and listing the paths of a graph, and the tree of shortest ones.

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

Morphisms of graphs: a function on vertices and one on edges that preserve sources and targets.

They send paths to paths.

Laws: a morphism m acts functorially, ``m(id(v)) == id(m(v))`` and
``m(p >> q) == m(p) >> m(q)``.

>>> from catlearn.category import Graph, GraphMorphism
>>> G = Graph({"f": ("A", "B"), "g": ("B", "C")})
>>> loop = Graph({"l": ("X", "X")})
>>> m = GraphMorphism(G, loop, V={"A": "X", "B": "X", "C": "X"}, E={"f": "l", "g": "l"})
>>> print(m(G.path("f >> g")))
l >> l
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Collection,
    Container,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Sized,
)
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, overload

from catlearn.category.path import Path, Side, Step, excerpt, steps_of, write_steps, written
from catlearn.display import brief
from catlearn.errors import (
    Failure,
    InfinitelyManyPaths,
    NotComposable,
    TooManyPaths,
    UnknownName,
    did_you_mean,
    expect,
    expect_each,
    fault,
    refuse,
    wrong_kind,
)
from catlearn.files import MOST_FAULTS
from catlearn.finset import Record, Shape, TableMorphism, Tables
from catlearn.names import distinct

if TYPE_CHECKING:
    import networkx

    from catlearn.category.finite import FiniteCategory
    from catlearn.category.presented import PresentedCategory
    from catlearn.category.protocol import Budget


Vertex = TypeVar("Vertex", bound=Hashable)
Edge = TypeVar("Edge")

Steps = Mapping[str, list[tuple[str, str]]]
"""For each vertex, the (edge, next vertex) pairs that leave it."""


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


def layers(
    steps: Mapping[Vertex, Sequence[tuple[Any, Vertex]]],
    source: Vertex,
    max_length: int | None,
    within: Container[Vertex] | None = None,
) -> Iterator[dict[Vertex, int]]:
    """Yield the number of paths to each vertex, length by length, until there are none.

    The vertices on the way are those that are within, if some are given.
    """
    within = steps if within is None else within
    layer = {source: 1} if source in within else {}
    length = 0
    while layer and (max_length is None or length <= max_length):
        yield layer
        following: dict[Vertex, int] = {}
        for vertex, count in layer.items():
            for _, after in steps[vertex]:
                if after in within:
                    following[after] = following.get(after, 0) + count
        layer = following
        length += 1


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


def is_pair(ends: Any) -> bool:
    """Whether something is a source and a target."""
    return isinstance(ends, Collection) and not isinstance(ends, str) and len(ends) == 2


class GraphMorphism(TableMorphism):
    """A morphism of graphs, acting on vertices, edges and paths.

    Parameters
    ----------
    domain, codomain
        The graphs.
    V, E
        Where each vertex and each edge goes: a dict of names, or a list of rows or names.
    check
        Whether to check that it preserves sources and targets.

    Raises
    ------
    InvalidStructure
        Listing every edge whose ends are not preserved.
    """

    domain: Graph
    codomain: Graph

    def __init__(
        self,
        domain: Graph,
        codomain: Graph,
        V: Mapping[str, str] | Sequence[int | str],
        E: Mapping[str, str] | Sequence[int | str] = (),
        check: bool = True,
    ) -> None:
        expect_each(Graph, "a Graph", domain=domain, codomain=codomain)
        expect_each(Sized, "a dict of names, or a list of rows", V=V, E=E)
        TableMorphism.__init__(self, domain, codomain, {"V": V, "E": E}, check=check)

    def __repr__(self) -> str:
        parts = (f", {t}={brief(f.values.tolist())}" for t, f in self.components.items())
        return f"{type(self).__name__}({self.domain!r}, {self.codomain!r}{''.join(parts)})"

    def vertex(self, name: str) -> str:
        """Return the name of the vertex that a vertex goes to."""
        return self.codomain.vertices[self.components["V"](name)]

    def edge(self, name: str) -> str:
        """Return the name of the edge that an edge goes to."""
        return self.codomain.edges[self.components["E"](name)]

    @overload
    def __call__(self, at: Path) -> Path: ...
    @overload
    def __call__(self, at: str, row: int | str) -> int: ...
    def __call__(self, at: Path | str, row: int | str = "") -> Path | int:
        """Return the image of a path; or, as for any tables, of one row of a table."""
        if isinstance(at, str):
            return super().__call__(at, row)
        edges = tuple(self.edge(edge) for edge in at.edges)
        return Path(self.vertex(at.source), edges, self.vertex(at.target))


GRAPH = Shape(tables=("V", "E"), arrows={"src": ("E", "V"), "tgt": ("E", "V")})
"""The shape of graphs: two tables, two arrows."""


class Graph(Tables):
    """A finite directed graph whose vertices and edges have names.

    Parameters
    ----------
    edges
        The source and the target of each edge, by name.
    vertices
        Names of vertices. They come first; ends of edges that are not among them follow in
        the order in which they are met.

    Raises
    ------
    InvalidStructure
        Listing every edge whose ends are not two names.
    """

    shape = GRAPH

    def __init__(
        self, edges: Mapping[str, tuple[str, str]] | None = None, vertices: Iterable[str] = ()
    ) -> None:
        expect(vertices, Iterable, "vertices", "a list of names")
        try:
            edges = dict(edges or {})
        except (TypeError, ValueError):
            wanted = "the ends of each edge by name, {'f': ('A', 'B')}; else ask from_networkx"
            raise wrong_kind(edges, "edges", wanted) from None
        refuse(
            "Graph",
            (
                Failure(
                    "ends", f"edge {written(edge)}", f"its ends are (source, target), not {ends!r}"
                )
                for edge, ends in edges.items()
                if not is_pair(ends)
            ),
        )
        place = {vertex: row for row, vertex in enumerate(dict.fromkeys(vertices))}
        for ends in edges.values():
            for vertex in ends:
                place.setdefault(vertex, len(place))
        Tables.__init__(
            self,
            GRAPH,
            sets={"V": tuple(place), "E": tuple(edges)},
            arrows={
                "src": [place[source] for source, _ in edges.values()],
                "tgt": [place[target] for _, target in edges.values()],
            },
        )

    @classmethod
    def _morphism_class(cls) -> type[TableMorphism]:
        return GraphMorphism

    @classmethod
    def of(cls, tables: Tables) -> Graph:
        """Return the graph inside any tables that have V, E, src and tgt.

        Examples
        --------
        >>> from catlearn.category import Presentation
        >>> G = Graph({"f": ("A", "A")})
        >>> Graph.of(Presentation(G, ["f >> f = f"])) == G
        True
        """
        return Graph._build(
            GRAPH,
            {table: tables.sets[table] for table in GRAPH.tables},
            {arrow: tables.arrows[arrow] for arrow in GRAPH.arrows},
            {},
            {},
        )

    @classmethod
    def from_networkx(cls, graph: networkx.Graph) -> Graph:
        """Read a directed networkx graph.

        Nodes are named by their text. Edges are named by their keys, if all of them are texts
        and differ, as those that :meth:`to_networkx` writes; otherwise an edge from u to v is
        named ``u-v``, with a number where there are several.

        Raises
        ------
        InvalidStructure
            If the graph is undirected, or different nodes have the same text.

        Examples
        --------
        >>> import networkx as nx
        >>> Graph.from_networkx(nx.DiGraph([("A", "B"), ("B", "C")])).edges
        ('A-B', 'B-C')
        """
        if not graph.is_directed():
            message = "it is undirected; graph.to_directed() has an edge each way"
            raise fault("Graph", "direction", "networkx graph", message)
        if len(set(map(str, graph.nodes))) < len(graph):
            message = (
                "different nodes have the same text; networkx.relabel_nodes can tell them apart"
            )
            raise fault("Graph", "names", "networkx graph", message)
        ends = [(str(u), str(v)) for u, v in graph.edges()]
        keys: list[Any] = [edge[-1] for edge in graph.edges] if graph.is_multigraph() else []
        if len(set(keys)) < len(ends) or not all(isinstance(key, str) for key in keys):
            keys = distinct((f"{u}-{v}" for u, v in ends), "-")
        return cls(dict(zip(keys, ends, strict=True)), vertices=map(str, graph.nodes))

    def to_networkx(self) -> networkx.MultiDiGraph:
        """Return a ``networkx.MultiDiGraph`` whose nodes are the vertices and whose keys are the
        names of the edges."""
        import networkx

        graph = networkx.MultiDiGraph()
        graph.add_nodes_from(self.vertices)
        for edge in self.edges:
            graph.add_edge(*self.ends(edge), key=edge)
        return graph

    @cached_property
    def vertices(self) -> tuple[str, ...]:
        """The names of the vertices."""
        return self.names("V")

    @cached_property
    def edges(self) -> tuple[str, ...]:
        """The names of the edges."""
        return self.names("E")

    @cached_property
    def _ends(self) -> dict[str, tuple[str, str]]:
        names = self.vertices
        sources, targets = self.arrows["src"], self.arrows["tgt"]
        ends = ((names[s], names[t]) for s, t in zip(sources, targets, strict=True))
        return dict(zip(self.edges, ends, strict=True))

    @cached_property
    def _touching(self) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
        leaving: dict[str, list[str]] = {vertex: [] for vertex in self.vertices}
        entering: dict[str, list[str]] = {vertex: [] for vertex in self.vertices}
        for edge, (source, target) in self._ends.items():
            leaving[source].append(edge)
            entering[target].append(edge)
        return (
            {vertex: tuple(edges) for vertex, edges in leaving.items()},
            {vertex: tuple(edges) for vertex, edges in entering.items()},
        )

    def has_vertex(self, name: str) -> bool:
        """Whether there is a vertex of this name."""
        return name in self._touching[0]

    def has_edge(self, name: str) -> bool:
        """Whether there is an edge of this name."""
        return name in self._ends

    def ends(self, edge: str) -> tuple[str, str]:
        """Return the source and the target of an edge; :class:`UnknownName` if there is none."""
        if edge not in self._ends:
            raise UnknownName(f"there is no edge {edge}; {did_you_mean(edge, self.edges)}")
        return self._ends[edge]

    def source(self, edge: str) -> str:
        """Return the vertex where an edge starts."""
        return self.ends(edge)[0]

    def target(self, edge: str) -> str:
        """Return the vertex where an edge ends."""
        return self.ends(edge)[1]

    def out_edges(self, vertex: str) -> tuple[str, ...]:
        """Return the edges that start at a vertex, in order."""
        return self._touching[0][self._known(vertex)]

    def in_edges(self, vertex: str) -> tuple[str, ...]:
        """Return the edges that end at a vertex, in order."""
        return self._touching[1][self._known(vertex)]

    def _known(self, vertex: str) -> str:
        if not self.has_vertex(vertex):
            hint = did_you_mean(vertex, self.vertices)
            raise UnknownName(f"there is no vertex {vertex}; {hint}")
        return vertex

    def path(self, steps: Side) -> Path:
        """Return a path of this graph from its text, ``"f >> g"`` or ``"id(A)"``, or its edges.

        Raises
        ------
        NotComposable
            Listing every unknown edge and every step that does not compose; or if a path was
            given whose ends are not those of its edges.
        PathSyntaxError
            If the text cannot be read.
        """
        given = steps_of(steps)
        where = f"path '{write_steps(given)}'"
        path, failures = self.traced(given, where)
        if path is not None and isinstance(steps, Path) and path != steps:
            ends = "it goes from {0.source} to {0.target}".format
            failures = [Failure("ends", where, f"{ends(path)}, but as given {ends(steps)}")]
        if path is None or failures:
            raise NotComposable(f"'{write_steps(given)}'", failures)
        return path

    def traced(self, steps: tuple[Step, ...], where: str) -> tuple[Path | None, list[Failure]]:
        """Follow steps through the graph: the path they are, or None and all that is wrong."""
        if not steps:
            message = "it has no edge, so nothing says where it stands; write id(A) for a vertex A"
            return None, [Failure("identity", where, message)]
        failures: dict[Failure, None] = {}  # each once, in order
        unknown: dict[Step, None] = {}
        before: tuple[Step, str] | None = None  # the last known step, and its end
        ends: list[tuple[str, str] | None] = []
        for step in steps:
            if not self._knows(step):
                # To look for names that come close takes a while for each.
                if step not in unknown and len(unknown) < MOST_FAULTS:
                    failures[Failure("known edges", where, self._unknown(step))] = None
                unknown[step] = None
                ends.append(None)
                before = None
                continue
            identity = isinstance(step, Path)
            source, target = (step.source, step.target) if identity else self.ends(step)
            if before is not None and before[1] != source:
                one, other = (write_steps((each,)) for each in (before[0], step))
                message = f"{one} ends at {before[1]}, but {other} starts at {source}"
                failures[Failure("composition", where, message)] = None
            ends.append((source, target))
            before = (step, target)
        if len(unknown) > MOST_FAULTS:
            message = f"and {len(unknown) - MOST_FAULTS} more names are not known"
            failures[Failure("known edges", where, message)] = None
        first, last = ends[0], ends[-1]
        if failures or first is None or last is None:
            return None, list(failures)
        edges = tuple(step for step in steps if isinstance(step, str))
        return Path(first[0], edges, last[1]), []

    def _knows(self, step: Step) -> bool:
        return self.has_vertex(step.source) if isinstance(step, Path) else self.has_edge(step)

    def _unknown(self, step: Step) -> str:
        """Say that the graph does not know a step, with the names that come close."""
        if isinstance(step, Path):
            hint = did_you_mean(step.source, self.vertices)
            return f"there is no vertex {excerpt(step.source)}; {hint}"
        if self.has_vertex(step):
            return f"{step} is a vertex, not an edge; its identity path is id({step})"
        return f"there is no edge {excerpt(step)}; {did_you_mean(step, self.edges)}"

    def prefixes(self, path: Path) -> Iterator[Path]:
        """Yield the prefixes of a path by growing length, from its identity to itself.

        Examples
        --------
        >>> G = Graph({"f": ("A", "B"), "g": ("B", "C")})
        >>> [str(prefix) for prefix in G.prefixes(G.path("f >> g"))]
        ['id(A)', 'f', 'f >> g']
        """
        yield Path.identity(path.source)
        for edges in path.prefixes():
            yield Path(path.source, edges, self.target(edges[-1]))

    def is_acyclic(self) -> bool:
        """Whether no path but the identities ends where it starts."""
        return len(sort_vertices(self._steps)) == len(self.vertices)

    def topological_order(self) -> tuple[str, ...]:
        """Return the vertices so ordered that every edge leads forward.

        Raises
        ------
        InvalidStructure
            If there is a cycle; the message writes one out.
        """
        cycle = find_cycle(self._steps)
        if cycle:
            raise fault("order of a graph", "acyclicity", "cycle", " >> ".join(map(written, cycle)))
        return tuple(sort_vertices(self._steps))

    @property
    def _steps(self) -> Steps:
        return {v: [(e, self.target(e)) for e in self.out_edges(v)] for v in self.vertices}

    def paths(
        self,
        source: str,
        target: str | None = None,
        max_length: int | None = None,
        bound: int | None = 10_000,
    ) -> list[Path]:
        """List the paths from a vertex, by length and then by the order of the edges.

        Parameters
        ----------
        source
            Where they start.
        target
            Where they end; anywhere if it is None.
        max_length
            The most edges that they may have; any number if it is None.
        bound
            The most paths to list; None for any number.

        Raises
        ------
        InfinitelyManyPaths
            If no length was given and some way from source (to target) meets a cycle.
        TooManyPaths
            If there are more paths than the bound; ``count`` is their exact number.
        """
        count = self.count_paths(source, target, max_length)
        if bound is not None and count > bound:
            message = (
                f"there are {count} paths {_between(source, target, max_length)}, more than the "
                f"bound of {bound}; give a smaller max_length, raise bound, or use "
                'equations="basis", which needs one path to each vertex'
            )
            raise TooManyPaths(message, count)
        steps = self._steps_between(source, target)
        # With a target, a path is only begun if it can still arrive within the length.
        to_go = {} if target is None else self._distances(target)
        further = {at: [Path(at, (edge,), after) for edge, after in steps[at]] for at in steps}
        found: list[Path] = []
        layer: list[Path] = []
        if source in steps and (max_length is None or to_go.get(source, 0) <= max_length):
            layer = [Path.identity(source)]
        length = 0
        while layer:
            found += [path for path in layer if target in (None, path.target)]
            length += 1
            layer = [
                path >> step
                for path in layer
                for step in further[path.target]
                if max_length is None or length + to_go.get(step.target, 0) <= max_length
            ]
        return found

    def count_paths(
        self, source: str, target: str | None = None, max_length: int | None = None
    ) -> int:
        """Count the paths that :meth:`paths` would list, exactly and without listing them.

        Examples
        --------
        >>> chain = {f"a{k}": (f"{k}", f"{k + 1}") for k in range(100)}
        >>> twice = Graph(chain | {f"b{k}": ends for k, ends in enumerate(chain.values())})
        >>> twice.count_paths("0", "100") == 2**100
        True
        """
        counts = self._counts(source, target, max_length)
        return sum(counts.values()) if target is None else counts.get(target, 0)

    def path_counts(self, source: str, max_length: int | None = None) -> dict[str, int]:
        """Count the paths from a vertex to each vertex that it reaches, exactly.

        Examples
        --------
        >>> Graph({"f": ("A", "B"), "g": ("A", "B"), "h": ("B", "C")}).path_counts("A")
        {'A': 1, 'B': 2, 'C': 2}
        """
        return self._counts(source, None, max_length)

    def _counts(
        self, source: str, target: str | None = None, max_length: int | None = None
    ) -> dict[str, int]:
        """Count the paths from a vertex to each vertex (on a way to ``target``, if given)."""
        steps = self._steps_between(source, target)
        if max_length is None:
            cycle = find_cycle(steps)
            if cycle:
                where = f"{_between(source, target, None)}: they can run around the cycle"
                message = (
                    f"there are infinitely many paths {where} {' >> '.join(map(written, cycle))}; "
                    'give max_length, or use equations="basis", which needs one path to each vertex'
                )
                raise InfinitelyManyPaths(message, cycle)
        counts: dict[str, int] = {}
        for layer in layers(steps, source, max_length):
            for vertex, count in layer.items():
                counts[vertex] = counts.get(vertex, 0) + count
        return counts

    def _steps_between(self, source: str, target: str | None) -> Steps:
        """Return the steps of the part of a graph on the ways from ``source`` (to ``target``)."""
        useful = None if target is None else self._distances(target)
        self.out_edges(source)  # refuses an unknown vertex, even where nothing leads to the target
        steps: dict[str, list[tuple[str, str]]] = {}
        waiting = [source] if useful is None or source in useful else []
        while waiting:
            vertex = waiting.pop()
            if vertex in steps:
                continue
            leaving = [(edge, self.target(edge)) for edge in self.out_edges(vertex)]
            steps[vertex] = [
                (e, after) for e, after in leaving if useful is None or after in useful
            ]
            waiting += [after for _, after in steps[vertex]]
        return steps

    def _distances(self, target: str) -> dict[str, int]:
        """Return the length of a shortest path to the target from each vertex that has one."""
        distance = {target: 0}
        waiting = [target]
        for vertex in waiting:  # grows while it is read: a queue
            for edge in self.in_edges(vertex):
                before = self.source(edge)
                if before not in distance:
                    distance[before] = distance[vertex] + 1
                    waiting.append(before)
        return distance

    def count_parallel_pairs(self, source: str | None = None, max_length: int | None = None) -> int:
        """Count the unordered pairs of different paths with equal ends, identities included.

        Parameters
        ----------
        source
            Where they start; if it is None, the sum over all vertices.
        max_length
            The most edges that a path may have; any number if it is None.

        Examples
        --------
        >>> Graph({"f": ("A", "B"), "g": ("B", "A")}).count_parallel_pairs(max_length=2)
        2
        """
        sources = self.vertices if source is None else (source,)
        return sum(
            count * (count - 1) // 2
            for start in sources
            for count in self._counts(start, None, max_length).values()
        )

    def reachable(self, root: str, priority: Callable[[str], Any] | None = None) -> Arborescence:
        """Grow the breadth-first tree of the part of the graph that a vertex reaches.

        Each vertex at distance k + 1 is entered by the first edge from distance k, in the
        order of priority and then of the graph.

        Parameters
        ----------
        root
            Where the tree starts.
        priority
            A sort key for names of edges; smaller is preferred.

        Examples
        --------
        >>> G = Graph({"f": ("A", "B"), "g": ("A", "B"), "h": ("B", "A")})
        >>> G.reachable("A").outside, G.reachable("A", priority="hgf".index).outside
        (('g', 'h'), ('f', 'h'))
        """
        place = {edge: number for number, edge in enumerate(self.edges)}
        entering: dict[str, tuple[str, str]] = {}
        reached = {root: None}  # a dict, for its order
        layer = [root]
        while layer:
            leaving = [edge for vertex in layer for edge in self.out_edges(vertex)]
            leaving.sort(key=lambda edge: (priority(edge) if priority else 0, place[edge]))
            layer = []
            for edge in leaving:
                after = self.target(edge)
                if after not in reached:
                    reached[after] = None
                    entering[after] = (edge, self.source(edge))
                    layer.append(after)
        edges = [edge for vertex in reached for edge in self.out_edges(vertex)]
        edges.sort(key=place.__getitem__)
        return Arborescence(root, tuple(reached), tuple(edges), Record(entering))

    def category(self, budget: Budget | int | None = None) -> FiniteCategory | PresentedCategory:
        """Return the category that it presents: of a graph, the free category on it.

        Parameters
        ----------
        budget
            How far completion of the equations may go, and how large a category is listed; a
            number says how many rewriting rules there may be.

        Returns
        -------
        FiniteCategory or PresentedCategory
            A finite category, whose arrows are named as their normal forms, if there are
            finitely many and not too many of them. Otherwise a presented one, which says why
            not: ``is_finite`` and ``is_complete``.

        Examples
        --------
        >>> Graph({"f": ("A", "B"), "g": ("B", "C")}).category().arrows
        ('id(A)', 'id(B)', 'id(C)', 'f', 'g', 'f >> g')
        >>> Graph({"s": ("A", "A")}).category()
        PresentedCategory(Graph({'s': ('A', 'A')}))
        """
        from catlearn.category.presented import category

        return category(self, budget)

    def __repr__(self) -> str:
        edges = {edge: self.ends(edge) for edge in self.edges}
        met = dict.fromkeys(vertex for ends in edges.values() for vertex in ends)
        vertices = "" if tuple(met) == self.vertices else f", vertices={self.vertices!r}"
        return f"Graph({edges!r}{vertices})"

    def __str__(self) -> str:
        arrows = [f"{written(e)} : {' → '.join(map(written, self.ends(e)))}" for e in self.edges]
        touched = {vertex for edge in self.edges for vertex in self.ends(edge)}
        return ", ".join([written(v) for v in self.vertices if v not in touched] + arrows)
