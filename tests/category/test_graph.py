"""Graphs: queries, morphisms acting on paths, networkx, and gluing against a hand computation."""

import networkx as nx
import pytest
from hypothesis import given, strategies as st

from catlearn.category import Graph, GraphMorphism, Path
from catlearn.errors import InvalidStructure, NotComposable, UnknownName, WrongKind
from catlearn.finset import coproduct, initial, pushout
from tests.errors import raises


@st.composite
def graphs(draw: st.DrawFn, vertices: int = 4, edges: int = 5, acyclic: bool = False) -> Graph:
    size = draw(st.integers(1, vertices))
    place = st.integers(0, size - 1)
    pairs = draw(st.lists(st.tuples(place, place), max_size=edges))
    if acyclic:
        pairs = [(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]]
    return Graph(
        {f"e{k}": (f"v{s}", f"v{t}") for k, (s, t) in enumerate(pairs)},
        vertices=[f"v{k}" for k in range(size)],
    )


@st.composite
def morphisms_out_of(draw: st.DrawFn, domain: Graph) -> GraphMorphism:
    """Any morphism out of a graph, up to the order of its codomain's rows."""
    size = draw(st.integers(1, 3))
    image = {v: f"w{draw(st.integers(0, size - 1))}" for v in domain.vertices}
    edges: dict[str, tuple[str, str]] = {}
    along: dict[str, str] = {}
    for edge in domain.edges:
        ends = image[domain.source(edge)], image[domain.target(edge)]
        old = [name for name, pair in edges.items() if pair == ends]
        along[edge] = draw(st.sampled_from([*old, f"d{len(edges)}"]))
        edges[along[edge]] = ends
    for k in range(draw(st.integers(0, 2))):
        edges[f"x{k}"] = tuple(f"w{draw(st.integers(0, size - 1))}" for _ in range(2))
    codomain = Graph(edges, vertices=[f"w{k}" for k in range(size)])
    return GraphMorphism(domain, codomain, V=image, E=along)


@st.composite
def walks(draw: st.DrawFn, graph: Graph, at: str) -> Path:
    edges: list[str] = []
    start = at
    for _ in range(draw(st.integers(0, 4))):
        leaving = graph.out_edges(at)
        if not leaving:
            break
        edges.append(draw(st.sampled_from(leaving)))
        at = graph.target(edges[-1])
    return Path(start, tuple(edges), at)


def test_a_graph_from_a_dict():
    G = Graph({"f": ("A", "B"), "g": ("B", "A"), "l": ("B", "B")}, vertices=["Z", "B"])
    assert G.vertices == ("Z", "B", "A")
    assert G.edges == ("f", "g", "l")
    assert G.ends("g") == ("B", "A")
    assert G.out_edges("B") == ("g", "l")
    assert G.in_edges("B") == ("f", "l")
    assert G.out_edges("Z") == G.in_edges("Z") == ()
    assert eval(repr(G)) == G
    assert str(G) == "Z, f : A → B, g : B → A, l : B → B"
    assert initial(Graph) == Graph({}) == Graph.empty()


def test_unknown_names_are_answered_with_close_ones():
    G = Graph({"encoder": ("X", "F")})
    with raises(UnknownName, "encodr", "encoder"):
        G.source("encodr")
    with raises(UnknownName, "Y", "X", "F"):
        G.out_edges("Y")
    with pytest.raises(NotComposable) as caught:
        G.path("encoder >> encodr >> encoder >> encoder")
    assert len(caught.value.failures) == 2


def test_a_path_that_was_given_is_checked_with_its_ends():
    G = Graph({"f": ("A", "B")})
    assert G.path(Path("A", ("f",), "B")) == Path("A", ("f",), "B")
    with raises(NotComposable, "A", "B", "C", law="ends", where="path 'f'"):
        G.path(Path("A", ("f",), "C"))
    with raises(NotComposable, law="known edges", where="path 'id(C)'"):
        G.path(Path.identity("C"))


def test_malformed_edges_are_all_listed():
    with pytest.raises(InvalidStructure) as caught:
        Graph({"f": "AB", "g": ("A", "B", "C"), "h": ("A", "B")})  # type: ignore[dict-item]
    assert [failure.where for failure in caught.value.failures] == ["edge f", "edge g"]
    with raises(InvalidStructure, law="values", where="table 'V'"):
        Graph({"f": (1, 2)})  # type: ignore[dict-item]


@given(graphs())
def test_networkx_round_trip(G: Graph):
    back = Graph.from_networkx(G.to_networkx())
    assert back.vertices == G.vertices
    # networkx lists edges by their source, so only their order may change.
    assert {edge: back.ends(edge) for edge in back.edges} == {e: G.ends(e) for e in G.edges}
    assert set(G.to_networkx().edges(keys=True)) == {(*G.ends(e), e) for e in G.edges}


def test_networkx_graphs_without_names_of_edges():
    twice = nx.MultiDiGraph([("A", "B"), ("A", "B"), ("B", "A")])
    assert Graph.from_networkx(twice).edges == ("A-B", "A-B-2", "B-A")
    assert Graph.from_networkx(nx.DiGraph([(0, 1)])).ends("0-1") == ("0", "1")
    for edges in nx.DiGraph([("A", "B")]), ["A"], 3:
        with raises(WrongKind, "from_networkx"):
            Graph(edges)
    with raises(InvalidStructure, law="direction", where="networkx graph"):
        Graph.from_networkx(nx.Graph([("A", "B")]))
    merged = nx.DiGraph()
    merged.add_nodes_from([1, "1"])
    with raises(InvalidStructure, law="names", where="networkx graph"):
        Graph.from_networkx(merged)


@given(graphs())
def test_acyclicity_and_order_agree_with_networkx(G: Graph):
    other = G.to_networkx()
    assert G.is_acyclic() == nx.is_directed_acyclic_graph(other)
    if G.is_acyclic():
        place = {vertex: k for k, vertex in enumerate(G.topological_order())}
        assert len(place) == len(G.vertices)
        assert all(place[G.source(edge)] < place[G.target(edge)] for edge in G.edges)
    else:
        with pytest.raises(InvalidStructure) as caught:
            G.topological_order()
        cycle = G.path(caught.value.failures[0].message)
        assert cycle.source == cycle.target
        assert len(cycle) > 0


def acts_functorially(act, m: GraphMorphism, p: Path, q: Path) -> None:
    assert act(Path.identity(p.source)) == Path.identity(m.vertex(p.source))
    assert act(p >> q) == act(p) >> act(q)
    for edge in p.edges:
        assert act(m.domain.path([edge])) == m.codomain.path([m.edge(edge)])


@given(st.data())
def test_a_morphism_acts_functorially_on_paths(data: st.DataObject):
    G = data.draw(graphs())
    m = data.draw(morphisms_out_of(G))
    p = data.draw(walks(G, data.draw(st.sampled_from(G.vertices))))
    q = data.draw(walks(G, p.target))
    acts_functorially(m, m, p, q)
    assert m.codomain.path(m(p).edges or [m(p)]) == m(p)
    n = data.draw(morphisms_out_of(m.codomain))
    assert (m >> n)(p) == n(m(p))
    assert isinstance(m >> n, GraphMorphism)


@pytest.mark.parametrize(
    "mutant",
    [
        lambda m: lambda p: Path(m(p).source, m(p).edges[::-1], m(p).target),
        lambda m: lambda p: m(p) if len(p) else m(p) >> m.codomain.path("s"),
        lambda m: lambda p: Path(m(p).source, ("s",) * len(p), m(p).target),
    ],
)
def test_actions_that_are_not_functorial_are_rejected(mutant):
    G = Graph({"f": ("A", "A"), "g": ("A", "A")})
    H = Graph({"s": ("X", "X"), "t": ("X", "X")})
    m = GraphMorphism(G, H, V={"A": "X"}, E={"f": "s", "g": "t"})
    with pytest.raises(AssertionError):
        acts_functorially(mutant(m), m, G.path("f >> g"), G.path("g"))


@given(st.data())
def test_naturality_is_exactly_preservation_of_ends(data: st.DataObject):
    G, H = data.draw(graphs(3, 3)), data.draw(graphs(3, 3))
    if G.edges and not H.edges:
        return
    V = {v: data.draw(st.sampled_from(H.vertices)) for v in G.vertices}
    E = {e: data.draw(st.sampled_from(H.edges)) for e in G.edges}
    broken = [
        (edge, end)
        for end in (0, 1)
        for edge in G.edges
        if H.ends(E[edge])[end] != V[G.ends(edge)[end]]
    ]
    if not broken:
        GraphMorphism(G, H, V, E)
        return
    with pytest.raises(InvalidStructure) as caught:
        GraphMorphism(G, H, V, E)
    assert [failure.where for failure in caught.value.failures] == [f"E '{e}'" for e, _ in broken]


def hand_pushout(f: GraphMorphism, g: GraphMorphism) -> dict[str, list[frozenset]]:
    """Classes of the pushout per table, by merging sets until nothing changes."""
    classes = {}
    for table in ("V", "E"):
        sides = (f, 0), (g, 1)
        blocks = [{(k, row)} for m, k in sides for row in range(m.codomain.size(table))]
        for row in range(f.domain.size(table)):
            left, right = (0, f(table, row)), (1, g(table, row))
            one = next(block for block in blocks if left in block)
            other = next(block for block in blocks if right in block)
            if one is not other:
                one |= other
                blocks.remove(other)
        classes[table] = sorted(map(frozenset, blocks), key=min)
    return classes


@given(st.data())
def test_pushout_of_graphs_is_the_one_computed_by_hand(data: st.DataObject):
    interface = data.draw(graphs(3, 2))
    f, g = data.draw(morphisms_out_of(interface)), data.draw(morphisms_out_of(interface))
    po = pushout(f, g)
    classes = hand_pushout(f, g)
    assert type(po.apex) is Graph
    assert all(type(leg) is GraphMorphism for leg in po)
    for table, blocks in classes.items():
        assert po.apex.size(table) == len(blocks)
        for number, block in enumerate(blocks):
            assert {po.legs[side](table, row) for side, row in block} == {number}
    for number, block in enumerate(classes["E"]):
        for arrow in ("src", "tgt"):
            ends = {(side, (f, g)[side].codomain.arrows[arrow](row)) for side, row in block}
            assert ends <= classes["V"][po.apex.arrows[arrow](number)]


def test_gluing_an_arrow_to_a_loop():
    point = Graph({}, vertices=["p"])
    arrow, loop = Graph({"a": ("x", "y")}), Graph({"l": ("z", "z")})
    po = pushout(
        GraphMorphism(point, arrow, V={"p": "y"}, E={}),
        GraphMorphism(point, loop, V={"p": "z"}, E={}),
    )
    assert po.apex == Graph({"a": ("x", "p"), "l": ("p", "p")})
    assert [list(po.apex.arrows[a]) for a in ("src", "tgt")] == [[0, 1], [1, 1]]


def test_disjoint_union_prefixes_names_that_clash():
    G = Graph({"f": ("A", "B")})
    assert coproduct(G, Graph({"g": ("A", "C")})).apex == Graph(
        {"f": ("left/A", "B"), "g": ("right/A", "C")}, vertices=["left/A", "B"]
    )
