"""Isomorphisms by colours: what is found is one, and what is denied is none."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, strategies as st

import catlearn as cl
from catlearn.cset import CSet, Schema, SchGraph, is_isomorphic
from catlearn.finset import refinement

SHAPE = Schema(
    ["V", "E"], arrows={"src": ("E", "V"), "tgt": ("E", "V")}, attributes={"colour": ("V", str)}
)


def cset(graph, colours=None):
    place = {vertex: k for k, vertex in enumerate(graph)}
    ends = sorted(
        {(place[a], place[b]) for a, b in graph.edges}
        | {(place[b], place[a]) for a, b in graph.edges}
    )
    src, tgt = [a for a, _ in ends], [b for _, b in ends]
    if colours is None:
        return CSet(SchGraph, V=len(graph), E=len(ends), src=src, tgt=tgt)
    return CSet(SHAPE, V=len(graph), E=len(ends), src=src, tgt=tgt, colour=colours)


def renumbered(graph, seed=0):
    order = np.random.default_rng(seed).permutation(len(graph)).tolist()
    return nx.relabel_nodes(graph, dict(zip(graph, order, strict=True)))


def is_natural(G, H, images):
    return all(
        np.array_equal(H.arrows[name].values[images["E"]], images["V"][G.arrows[name].values])
        for name in ("src", "tgt")
    )


graphs = st.integers(1, 7).flatmap(
    lambda n: st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=12).map(
        lambda edges: (n, edges)
    )
)


def made(given):
    graph = nx.Graph()
    graph.add_nodes_from(range(given[0]))
    graph.add_edges_from(given[1])
    return graph


def agree(one, other, expected=None):
    """Compare with another program, or with what is known where that takes long."""
    if expected is None:
        expected = nx.vf2pp_is_isomorphic(one, other)
    G, H = cset(one), cset(other)
    images, _ = refinement.first_isomorphism(G, H, {})
    assert (images is not None) == expected == is_isomorphic(G, H)
    assert images is None or is_natural(G, H, images)
    return True


@given(graphs, graphs, st.integers(0, 9))
def test_small_graphs_as_by_another_program(one, other, seed):
    one, other = made(one), made(other)
    assert agree(one, other)
    assert agree(one, renumbered(one, seed))


@given(graphs, st.integers(0, 9), st.data())
def test_whether_there_is_only_one(given, seed, data):
    graph = made(given)
    colours = data.draw(st.lists(st.sampled_from("ab"), min_size=len(graph), max_size=len(graph)))
    G = cset(graph, colours)
    images, only = refinement.first_isomorphism(G, G, {})
    assert images is not None
    count = sum(1 for _ in cl.homomorphisms(G, G, iso=True, limit=2))
    assert not only or count == 1
    # Labels are kept.
    assert [colours[k] for k in images["V"]] == colours


CYCLES = nx.disjoint_union(nx.cycle_graph(30), nx.cycle_graph(30))
STEPS = (0, 1), (1, 0), (1, 1)
SHRIKHANDE = nx.Graph(
    [((i, j), ((i + a) % 4, (j + b) % 4)) for i in range(4) for j in range(4) for a, b in STEPS]
)
TORUS = nx.convert_node_labels_to_integers(nx.grid_2d_graph(6, 9, periodic=True))
MANY = nx.disjoint_union_all([nx.cycle_graph(4)] * 9 + [nx.path_graph(4)] * 7)
PAIRS = {
    "cycles": (nx.cycle_graph(60), CYCLES, False),
    "rook and Shrikhande": (nx.line_graph(nx.complete_bipartite_graph(4, 4)), SHRIKHANDE, False),
    "prism and ladder": (nx.circular_ladder_graph(7), nx.circulant_graph(14, [1, 7]), False),
    "Petersen": (nx.petersen_graph(), renumbered(nx.petersen_graph()), True),
    "torus": (TORUS, renumbered(TORUS), True),
    "many components": (MANY, renumbered(MANY), True),
}


@pytest.mark.parametrize("name", PAIRS)
def test_graphs_that_colours_do_not_tell_apart(name):
    one, other, expected = PAIRS[name]
    assert is_isomorphic(cset(one), cset(other)) == expected
    assert agree(one, other)


def test_components_that_look_alike_are_matched_in_any_order():
    """What is tried first, all components at once, is wrong here; then one at a time is."""
    rook, shrikhande = PAIRS["rook and Shrikhande"][:2]
    both = [nx.convert_node_labels_to_integers(graph) for graph in (rook, shrikhande)]
    one, other = nx.disjoint_union(*both), nx.disjoint_union(*reversed(both))
    assert agree(one, renumbered(other))
    # Components of isomorphic graphs are isomorphic in pairs, and these two are not.
    assert agree(one, nx.disjoint_union(both[0], both[0]), expected=False)


def test_what_is_found_is_compared(mutants, monkeypatch):
    """A bijection that is none of the tables, as by colours that became one, decides nothing."""
    one = cset(nx.Graph([(0, 1), (0, 2), (2, 3), (0, 4), (4, 5), (5, 6)]))  # without symmetries
    matched = refinement.Coloured.matched

    def turned(self):
        ours, theirs = matched(self)
        vertices = np.flatnonzero(ours < 7)[:2]
        theirs[vertices] = theirs[vertices[::-1]]
        return ours, theirs

    with monkeypatch.context() as patch:
        patch.setattr(refinement.Coloured, "matched", turned)
        assert refinement.first_isomorphism(one, one, {}) == (None, False)
        assert is_isomorphic(one, one)
    with mutants("a bijection that is not compared"), monkeypatch.context() as patch:
        patch.setattr(refinement.Coloured, "matched", turned)
        patch.setattr(refinement, "_is_natural", lambda *given: True)
        assert not is_natural(one, one, refinement.first_isomorphism(one, one, {})[0])


def test_large_cliques_are_left_to_the_other_search():
    clique = cset(nx.complete_graph(50))
    assert refinement.first_isomorphism(clique, clique, {}) == (None, False)
    assert is_isomorphic(clique, clique)


def test_rows_that_are_given_stay_given():
    G = cset(nx.cycle_graph(5))
    for image in range(5):
        found = next(cl.homomorphisms(G, G, iso=True, initial={"V": {0: image}}))
        assert found("V", 0) == image
    star = cset(nx.star_graph(3))
    assert list(cl.homomorphisms(star, star, iso=True, initial={"V": {0: 1}})) == []
    assert sum(1 for _ in cl.homomorphisms(G, G, iso=True)) == 10
