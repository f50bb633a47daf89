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
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from catlearn.category import walks
from catlearn.category.equation import Side, steps_of, trace
from catlearn.category.graph_morphism import GraphMorphism
from catlearn.category.path import Path, write_steps, written
from catlearn.errors import Failure, InvalidStructure, NotComposable, UnknownName, did_you_mean
from catlearn.finset import Shape, TableMorphism, Tables
from catlearn.names import distinct

if TYPE_CHECKING:
    import networkx

    from catlearn.category.completion import Budget
    from catlearn.category.finite import FiniteCategory
    from catlearn.category.presented import PresentedCategory

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
        edges = dict(edges or {})
        failures = [
            Failure("ends", f"edge {written(edge)}", f"its ends are (source, target), not {ends!r}")
            for edge, ends in edges.items()
            if isinstance(ends, str) or len(tuple(ends)) != 2
        ]
        if failures:
            raise InvalidStructure("Graph", failures)
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
            raise InvalidStructure("Graph", [Failure("direction", "networkx graph", message)])
        if len(set(map(str, graph.nodes))) < len(graph):
            message = (
                "different nodes have the same text; networkx.relabel_nodes can tell them apart"
            )
            raise InvalidStructure("Graph", [Failure("names", "networkx graph", message)])
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
        path, failures = trace(given, self, where)
        if path is not None and isinstance(steps, Path) and path != steps:
            ends = "it goes from {0.source} to {0.target}".format
            failures = [Failure("ends", where, f"{ends(path)}, but as given {ends(steps)}")]
        if path is None or failures:
            raise NotComposable(f"'{write_steps(given)}'", failures)
        return path

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
        return len(walks.sort_vertices(self._steps)) == len(self.vertices)

    def topological_order(self) -> tuple[str, ...]:
        """Return the vertices so ordered that every edge leads forward.

        Raises
        ------
        InvalidStructure
            If there is a cycle; the message writes one out.
        """
        cycle = walks.find_cycle(self._steps)
        if cycle:
            failure = Failure("acyclicity", "cycle", " >> ".join(map(written, cycle)))
            raise InvalidStructure("order of a graph", [failure])
        return tuple(walks.sort_vertices(self._steps))

    @property
    def _steps(self) -> walks.Steps:
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
        return walks.list_paths(self, source, target, max_length, bound)

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
        return walks.count_paths(self, source, target, max_length)

    def path_counts(self, source: str, max_length: int | None = None) -> dict[str, int]:
        """Count the paths from a vertex to each vertex that it reaches, exactly.

        Examples
        --------
        >>> Graph({"f": ("A", "B"), "g": ("A", "B"), "h": ("B", "C")}).path_counts("A")
        {'A': 1, 'B': 2, 'C': 2}
        """
        return walks.path_counts(self, source, None, max_length)

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
        return walks.count_parallel_pairs(self, source, max_length)

    def reachable(
        self, root: str, priority: Callable[[str], Any] | None = None
    ) -> walks.Arborescence:
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
        return walks.arborescence(self, root, priority)

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
