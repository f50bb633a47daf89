"""Structured cospans: composition by pushout, laws up to isomorphism that respects the ends."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.category import Graph
from catlearn.cset import CSet, Open, Schema, SchGraph, open_graph
from catlearn.errors import CatlearnError, InvalidStructure, NotComposable, UnknownName
from catlearn.finset import coproduct, pushout
from catlearn.laws import csets, learning_diagrams

COLOURED = Schema(["V", "E"], SchGraph.arrows, attributes={"colour": "V", "weight": "E"})
PETRI = Schema(
    ["S", "T", "I", "O"],
    {"is": ("I", "S"), "it": ("I", "T"), "os": ("O", "S"), "ot": ("O", "T")},
)
few = settings(max_examples=25)


def interfaces(draw, G, H, label, table):
    """Draw pairs of rows of equal label, to be glued."""
    pairs = [
        (x, y)
        for x in range(G.size(table))
        for y in range(H.size(table))
        if label is None or G.attributes[label][x] == H.attributes[label][y]
    ]
    return draw(st.lists(st.sampled_from(pairs), max_size=2)) if pairs else []


@st.composite
def chains(draw, count=3, objects=None, label="colour", table="V"):
    """Draw open objects that compose."""
    kinds = csets(COLOURED, max_rows=3) if objects is None else objects
    apexes = [draw(kinds) for _ in range(count)]
    meet = [interfaces(draw, *pair, label, table) for pair in pairwise(apexes)]
    rows = st.integers(0, 10)
    first = [
        x % apexes[0].size(table) for x in draw(st.lists(rows, max_size=2)) if apexes[0].size(table)
    ]
    last = [
        x % apexes[-1].size(table)
        for x in draw(st.lists(rows, max_size=2))
        if apexes[-1].size(table)
    ]
    ins = [first, *([y for _, y in pairs] for pairs in meet)]
    outs = [*([x for x, _ in pairs] for pairs in meet), last]
    return [Open(*parts, table) for parts in zip(apexes, ins, outs, strict=True)]


def laws_of_a_category(f, g, h):
    assert ((f >> g) >> h).is_equivalent(f >> (g >> h))
    assert (Open.identity(f.source, f.table) >> f).is_equivalent(f)
    assert (f >> Open.identity(f.target, f.table)).is_equivalent(f)
    assert (f >> g).dagger().is_equivalent(g.dagger() >> f.dagger())


@few
@given(chains())
def test_open_graphs_are_a_category(three):
    laws_of_a_category(*three)


@few
@given(chains(objects=csets(PETRI, max_rows=2), label=None, table="S"))
def test_open_petri_nets_are_a_category(three):
    laws_of_a_category(*three)


@settings(max_examples=10)
@given(chains(objects=learning_diagrams(), label="space"))
def test_open_learning_diagrams_are_a_category(three):
    laws_of_a_category(*three)


@few
@given(chains(2), chains(2))
def test_side_by_side_is_a_functor(one, two):
    (f, g), (h, k) = one, two
    assert ((f >> g) @ (h >> k)).is_equivalent((f @ h) >> (g @ k))
    assert ((f @ g) @ h).is_equivalent(f @ (g @ h))
    unit = Open(type(f.apex).empty(f.apex.shape))
    assert (f @ unit).is_equivalent(f)
    assert (unit @ f).is_equivalent(f)


@few
@given(chains(1), chains(1))
def test_the_symmetry_is_natural(one, two):
    (f,), (g,) = one, two
    ends = [Open.swap(a, b) for a, b in ((f.source, g.source), (f.target, g.target))]
    assert ((f @ g) >> ends[1]).is_equivalent(ends[0] >> (g @ f))
    there, back = ends[0], Open.swap(g.source, f.source)
    both = coproduct(f.source, g.source).apex
    assert (there >> back).is_equivalent(Open.identity(both))


@few
@given(chains(2))
def test_composition_is_the_pushout_of_the_legs(pair):
    f, g = pair
    square = pushout(f.right, g.left)
    i, j = square
    composite = f >> g
    assert composite.apex.matches(square.apex)
    assert list(composite.inputs) == [i("V", x) for x in f.inputs]
    assert list(composite.outputs) == [j("V", x) for x in g.outputs]


def test_an_arrow_glued_to_a_loop():
    """Catlab, 1-based: src [1, 2], tgt [2, 2]."""
    arrow = Open(CSet(SchGraph, V=2, E=1, src=[0], tgt=[1]), outputs=[1])
    loop = Open(CSet(SchGraph, V=1, E=1, src=[0], tgt=[0]), inputs=[0])
    apex = (arrow >> loop).apex
    assert (list(apex.src), list(apex.tgt)) == ([0, 1], [1, 1])


def test_equivalence_respects_the_ends():
    """A mutant of the boundary: the same graph, with its ends exchanged, is another arrow."""
    G = Graph({"f": ("A", "B")})
    f = open_graph(G, ["A"], ["B"])
    assert f.is_equivalent(open_graph(Graph({"g": ("X", "Y")}), ["X"], ["Y"]))
    assert not f.is_equivalent(open_graph(G, ["B"], ["A"]))
    assert not f.is_equivalent(open_graph(G, ["A", "A"], ["B"]))
    twice = open_graph(Graph(vertices=["A", "B"]), ["A", "B"], [])
    assert not twice.is_equivalent(open_graph(Graph(vertices=["A", "B"]), ["A", "A"], []))


def test_a_mutant_composite_is_no_composite():
    """Gluing in the wrong order is noticed."""
    G = Graph({"f": ("A", "B"), "g": ("A", "A")})
    f = open_graph(G, ["A", "B"], ["A", "B"])
    wrong = open_graph(G, ["B", "A"], ["A", "B"])
    assert not (f >> f).is_equivalent(f >> wrong)
    sigma = Open.swap(f.source, f.source)
    assert not (f >> f).is_equivalent((f @ f) >> sigma)


def test_rows_of_the_interface_may_come_several_times():
    fork = open_graph(Graph(vertices=["A"]), ["A"], ["A", "A"])
    two = open_graph(Graph({"f": ("A", "B")}, vertices=["C"]), ["A", "C"], ["B"])
    assert (fork >> two).apex.vertices == ("A", "B")
    merge = fork.dagger()
    assert (fork >> merge).is_equivalent(Open.identity(fork.source))


def test_what_does_not_compose_is_told():
    red, blue = (CSet(COLOURED, V=["v"], colour=[c]) for c in ("red", "blue"))
    with pytest.raises(NotComposable, match="colour of 'v' is red, of 'v' it is blue"):
        Open(red, [], ["v"]) >> Open(blue, ["v"], [])
    with pytest.raises(NotComposable, match="are 1, the inputs 0"):
        Open(red, [], ["v"]) >> Open(blue, [], [])
    with pytest.raises(NotComposable, match="the inputs rows of S"):
        Open(red, [], ["v"]) >> Open(CSet(PETRI, S=1), [0], [], "S")
    with pytest.raises(NotComposable):
        Open(red, [], ["v"]) @ Open(CSet(PETRI, S=1), [0], [], "S")
    with pytest.raises(NotComposable, match="shapes"):
        Open(red, [], ["v"]) >> open_graph(Graph(vertices=["v"]), ["v"])
    with pytest.raises(InvalidStructure, match="src leads from it to V"):
        Open(red, [], [], "E")
    with pytest.raises(InvalidStructure, match="is not one of"):
        Open(red, [], [], "W")
    with pytest.raises(UnknownName):
        Open(red, ["w"])
    with pytest.raises(CatlearnError, match="expected a graph"):
        open_graph(red)


def test_open_learning_diagrams_train():
    X, F, Y = cl.Space("X", 3), cl.Space("F", 2), cl.Space("Y", 1)
    arrays = {"X": (X, np.ones((4, 3), np.float32)), "Y": (Y, np.zeros((4, 1), np.float32))}
    data = cl.open_diagram(cl.LearningDiagram(cl.Dataset("data", **arrays)), [], ["X", "Y"])
    encoder = cl.open_diagram(cl.LearningDiagram(cl.Model("f", X, F, "linear")), ["X"], ["F"])
    head = cl.open_diagram(cl.LearningDiagram(cl.Model("g", F, Y, "linear")), ["F"], ["Y"])
    model = encoder >> head
    wire = Open.identity(data.apex.subtables({"V": ["Y"]})[0])
    both = (data >> (model @ wire)).apex
    assert both.data["data"]["X"] is arrays["X"][1]
    assert set(both.trainable) == {"f", "g"}
    merged = model.bent().dagger()
    whole = (data >> merged).apex
    glued = cl.glue(data.apex, encoder.apex, head.apex)
    assert cl.is_isomorphic(whole, glued)
    assert len(whole.loss("all").terms) == 1
    with pytest.raises(NotComposable, match="space of 'F'"):
        encoder >> encoder
    with pytest.raises(CatlearnError, match="expected a learning diagram"):
        cl.open_diagram(Graph())


def test_values():
    f = open_graph(Graph({"f": ("A", "B")}), ["A"], ["B"])
    assert f == open_graph(Graph({"f": ("A", "B")}), ["A"], ["B"])
    assert hash(f) == hash(open_graph(Graph({"f": ("A", "B")}), ["A"], ["B"]))
    assert f != f.dagger()
    assert repr(f) == "Open(A -> B)"
    assert repr(f.bent()) == "Open(() -> A, B)"
