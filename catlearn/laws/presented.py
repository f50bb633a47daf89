"""Strategies for graphs, their paths, and presentations."""

from __future__ import annotations

from itertools import combinations

from hypothesis import strategies as st

from catlearn.category import Graph, Path, Presentation


@st.composite
def graphs(
    draw: st.DrawFn, max_vertices: int = 4, max_edges: int = 6, acyclic: bool = False
) -> Graph:
    """Draw a graph with named vertices ``A, B, ...`` and edges ``f0, f1, ...``.

    Parameters
    ----------
    max_vertices, max_edges
        The largest numbers of each.
    acyclic
        Whether every edge leads to a later vertex.
    """
    count = draw(st.integers(0, max_vertices))
    vertices = [chr(ord("A") + k) for k in range(count)]
    ends = [(u, v) for u in vertices for v in vertices if not acyclic or u < v]
    edges = draw(st.lists(st.sampled_from(ends), max_size=max_edges)) if ends else []
    return Graph({f"f{k}": pair for k, pair in enumerate(edges)}, vertices=vertices)


@st.composite
def paths(draw: st.DrawFn, graph: Graph, source: str | None = None, max_length: int = 4) -> Path:
    """Draw a path of a graph, which must have a vertex.

    Parameters
    ----------
    graph
        The graph.
    source
        Where the path starts; drawn if it is None.
    max_length
        The largest number of edges.
    """
    at = start = draw(st.sampled_from(graph.vertices)) if source is None else source
    edges: list[str] = []
    for _ in range(draw(st.integers(0, max_length))):
        if not graph.out_edges(at):
            break
        edges.append(draw(st.sampled_from(graph.out_edges(at))))
        at = graph.target(edges[-1])
    return Path(start, tuple(edges), at)


@st.composite
def presentations(
    draw: st.DrawFn,
    max_vertices: int = 3,
    max_edges: int = 5,
    max_equations: int = 3,
    max_length: int = 3,
    acyclic: bool = False,
) -> Presentation:
    """Draw a presentation: a graph with equations between parallel paths.

    Parameters
    ----------
    max_vertices, max_edges, acyclic
        As for :func:`graphs`.
    max_equations
        The largest number of equations.
    max_length
        The longest side.
    """
    graph = draw(graphs(max_vertices, max_edges, acyclic))
    parallel = []
    for vertex in graph.vertices:
        found = graph.paths(vertex, max_length=max_length, bound=None)[:40]
        parallel += [(p, q) for p, q in combinations(found, 2) if p.is_parallel(q)]
    chosen = draw(st.lists(st.sampled_from(parallel), max_size=max_equations)) if parallel else []
    return Presentation(graph, {f"q{k}": sides for k, sides in enumerate(chosen)})
