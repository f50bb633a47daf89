"""Counting and listing paths: against enumeration, networkx, matrix powers and known counts."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, strategies as st

from catlearn.category import Arborescence, Graph, Path
from catlearn.errors import InfinitelyManyPaths, TooManyPaths, UnknownName
from tests.errors import raises


@st.composite
def graphs(draw: st.DrawFn, acyclic: bool = False) -> Graph:
    size = draw(st.integers(1, 5))
    place = st.integers(0, size - 1)
    pairs = draw(st.lists(st.tuples(place, place), max_size=7))
    if acyclic:
        pairs = [(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]]
    return Graph(
        {f"e{k}": (f"v{s}", f"v{t}") for k, (s, t) in enumerate(pairs)},
        vertices=[f"v{k}" for k in range(size)],
    )


def diamonds(number: int) -> Graph:
    edges = {}
    for k in range(number):
        edges |= {f"a{k}": (f"{k}", f"u{k}"), f"b{k}": (f"{k}", f"d{k}")}
        edges |= {f"c{k}": (f"u{k}", f"{k + 1}"), f"d{k}": (f"d{k}", f"{k + 1}")}
    return Graph(edges)


def every_walk(graph: Graph, source: str, max_length: int) -> list[Path]:
    """All walks of at most a length, each made by adding an edge to a shorter one."""
    found = layer = [Path.identity(source)]
    for _ in range(max_length):
        layer = [p >> graph.path([e]) for p in layer for e in graph.edges
                 if graph.source(e) == p.target]  # fmt: skip
        found = found + layer
    return found


@given(graphs(), st.data())
def test_listed_paths_are_all_walks_in_order(G: Graph, data: st.DataObject):
    source, target = (data.draw(st.sampled_from(G.vertices)) for _ in range(2))
    length = data.draw(st.integers(0, 4))
    walks = every_walk(G, source, length)
    listed = G.paths(source, max_length=length, bound=None)
    place = {edge: k for k, edge in enumerate(G.edges)}
    assert sorted(map(str, listed)) == sorted(map(str, walks))
    assert listed == sorted(listed, key=lambda p: (len(p), [place[e] for e in p.edges]))
    assert G.count_paths(source, max_length=length) == len(walks)
    there = [path for path in listed if path.target == target]
    assert G.paths(source, target, max_length=length, bound=None) == there
    assert G.count_paths(source, target, max_length=length) == len(there)


@given(graphs(), st.integers(0, 6))
def test_counts_are_sums_of_powers_of_the_adjacency_matrix(G: Graph, length: int):
    adjacency = np.zeros((len(G.vertices), len(G.vertices)), np.int64)
    np.add.at(adjacency, (G.arrows["src"].values, G.arrows["tgt"].values), 1)
    total = sum(np.linalg.matrix_power(adjacency, k) for k in range(length + 1))
    for i, source in enumerate(G.vertices):
        for j, target in enumerate(G.vertices):
            assert G.count_paths(source, target, max_length=length) == total[i, j]


@given(graphs(acyclic=True))
def test_paths_of_an_acyclic_graph_agree_with_networkx(G: Graph):
    other = G.to_networkx()
    for source in G.vertices:
        for target in set(G.vertices) - {source}:
            expected = {
                tuple(edge for _, _, edge in path)
                for path in nx.all_simple_edge_paths(other, source, target)
            }
            paths = G.paths(source, target)
            assert {path.edges for path in paths} == expected
            assert len(paths) == len(expected) == G.count_paths(source, target)
        assert G.paths(source, source) == [Path.identity(source)]


@given(graphs(), st.data())
def test_infinitely_many_paths_exactly_where_a_cycle_is_on_the_way(G: Graph, data: st.DataObject):
    source, target = (data.draw(st.sampled_from(G.vertices)) for _ in range(2))
    other = G.to_networkx()
    between = (nx.descendants(other, source) | {source}) & (nx.ancestors(other, target) | {target})
    if nx.is_directed_acyclic_graph(other.subgraph(between)):
        assert len(G.paths(source, target)) == G.count_paths(source, target)
        return
    with pytest.raises(InfinitelyManyPaths) as caught:
        G.paths(source, target)
    cycle = G.path(caught.value.cycle)
    assert cycle.source == cycle.target
    assert cycle.source in between
    assert str(cycle) in str(caught.value)
    assert "max_length" in str(caught.value)
    assert 'equations="basis"' in str(caught.value)
    with pytest.raises(InfinitelyManyPaths):
        G.count_paths(source, target)


@pytest.mark.parametrize("number", [1, 3, 60])
def test_a_chain_of_diamonds_has_exponentially_many_paths_and_a_small_basis(number: int):
    G = diamonds(number)
    assert G.count_paths("0", str(number)) == 2**number
    assert len(G.reachable("0").outside) == number
    if number < 10:
        assert len(G.paths("0", str(number))) == 2**number
    else:
        with raises(TooManyPaths, 2**number) as caught:
            G.paths("0", str(number))
        assert caught.value.count == 2**number
        assert 'equations="basis"' in str(caught.value)
    assert G.paths("0", str(number), max_length=1) == []
    assert G.paths("0", max_length=-1) == []
    assert G.count_paths("0", max_length=-1) == 0


def test_the_bound_is_the_number_that_is_still_allowed():
    G = diamonds(2)
    assert len(G.paths("0", "2", bound=4)) == 4
    with raises(TooManyPaths, 4, 0, 2, 3):
        G.paths("0", "2", bound=3)
    with pytest.raises(UnknownName):
        G.paths("0", "nowhere")
    with pytest.raises(UnknownName):
        G.count_paths("nowhere", "0")


@pytest.mark.parametrize(
    ("edges", "length", "pairs"),
    [
        ({"f": "AB", "g": "BD", "h": "AC", "k": "CD"}, 2, 1),
        ({"f": "AB", "g": "AB", "h": "AB"}, 2, 3),
        ({"f": "AB", "g": "BA"}, 2, 2),
        ({"l": "AA"}, 2, 3),
    ],
)
def test_parallel_pairs_with_known_counts(edges: dict[str, str], length: int, pairs: int):
    """Cases of the test suite of AlgebraicLearning.jl."""
    G = Graph({edge: (ends[0], ends[1]) for edge, ends in edges.items()})
    assert G.count_parallel_pairs(max_length=length) == pairs
    by_source = [G.count_parallel_pairs(vertex, max_length=length) for vertex in G.vertices]
    assert sum(by_source) == pairs


@given(graphs(), st.integers(0, 3))
def test_parallel_pairs_are_the_pairs_of_listed_paths(G: Graph, length: int):
    number = 0
    for source in G.vertices:
        paths = G.paths(source, max_length=length, bound=None)
        number += sum(p.is_parallel(q) for k, p in enumerate(paths) for q in paths[:k])
    assert G.count_parallel_pairs(max_length=length) == number


def is_breadth_first(G: Graph, tree: Arborescence, priority) -> None:
    distance = nx.single_source_shortest_path_length(G.to_networkx(), tree.root)
    assert set(tree.vertices) == set(distance)
    assert list(tree.edges) == [e for e in G.edges if G.source(e) in distance]
    assert len(tree.outside) == len(tree.edges) - len(tree.vertices) + 1
    assert sorted(tree.tree + tree.outside) == sorted(tree.edges)
    for vertex in tree.vertices:
        path = tree.path(vertex)
        assert G.path(path.edges or [path]) == path
        assert (path.source, path.target, len(path)) == (tree.root, vertex, distance[vertex])
        if path.edges:
            rivals = [e for e in G.in_edges(vertex) if e in tree.edges
                      and distance[G.source(e)] + 1 == distance[vertex]]  # fmt: skip
            assert path.edges[-1] == min(rivals, key=lambda e: (priority(e), G.edges.index(e)))
            assert tree.path(G.source(path.edges[-1])).edges == path.edges[:-1]


@given(graphs(), st.data())
def test_the_arborescence_is_breadth_first_and_prefers_by_priority(G: Graph, data: st.DataObject):
    kinds = {edge: data.draw(st.integers(0, 2)) for edge in G.edges}
    root = data.draw(st.sampled_from(G.vertices))
    is_breadth_first(G, G.reachable(root, priority=kinds.__getitem__), kinds.__getitem__)
    is_breadth_first(G, G.reachable(root), lambda edge: 0)


@pytest.mark.parametrize(
    "entering",
    [
        {"B": ("g", "A"), "C": ("h", "A")},
        {"B": ("f", "A"), "C": ("k", "B")},
        {"B": ("f", "A")},
    ],
)
def test_other_trees_are_rejected(entering: dict[str, tuple[str, str]]):
    G = Graph({"f": ("A", "B"), "g": ("A", "B"), "k": ("B", "C"), "h": ("A", "C")})
    tree = G.reachable("A")
    is_breadth_first(G, tree, lambda edge: 0)
    with pytest.raises((AssertionError, UnknownName)):
        is_breadth_first(G, Arborescence("A", tree.vertices, tree.edges, entering), lambda edge: 0)


def test_what_the_root_does_not_reach_has_no_canonical_path():
    G = Graph({"f": ("A", "B"), "g": ("C", "B")})
    assert G.reachable("A").vertices == ("A", "B")
    assert G.reachable("A").edges == ("f",)
    with raises(UnknownName, "A", "C"):
        G.reachable("A").path("C")
