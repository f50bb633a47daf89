"""Structured cospans: composition by pushout, laws up to isomorphism that respects the ends."""

from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, reject, settings, strategies as st

import catlearn as cl
from catlearn.category import Graph
from catlearn.cset import (
    CSet,
    CSetMorphism,
    Open,
    Schema,
    SchGraph,
    WiringDiagram,
    oapply,
    open_graph,
)
from catlearn.errors import (
    InvalidStructure,
    LabelConflict,
    NotComposable,
    UnknownName,
    WrongKind,
)
from catlearn.finset import coproduct, pushout
from catlearn.laws import Cospans, check, cospan, csets, graphs, identifications, learning_diagrams
from tests.cset.schemas import REFLEXIVE
from tests.errors import raises

COLOURED = Schema(["V", "E"], SchGraph.arrows, attributes={"colour": "V", "weight": "E"})
PETRI = Schema(
    ["S", "T", "I", "O"],
    {"is": ("I", "S"), "it": ("I", "T"), "os": ("O", "S"), "ot": ("O", "T")},
)
ARRAYS = Schema(["Axis", "Array"], lists={"axes": ("Array", "Axis")}, attributes={"size": "Axis"})
FLAT_ARRAYS = Schema(
    ["Axis", "Array"],
    lists={"axes": ("Array", "Axis")},
    attributes={"size": "Axis", "kind": "Array"},
    orders={"size": "flat"},
)
SQUARES = Schema(
    ["F", "E", "V"],
    {"a": ("F", "E"), "b": ("F", "E"), "s": ("E", "V"), "t": ("E", "V")},
    equations=["a >> t = b >> s"],
)
few = settings(max_examples=25)


def openable(X, table):
    """The rows that an interface may have: all but defined edges."""
    return [x for x in range(X.size(table)) if not X.interface_failures(table, [x])]


def interfaces(draw, G, H, table):
    """Draw pairs of rows of equal free interfaces, to be glued."""
    feet = [{x: Open(X, [x], [], table).source for x in openable(X, table)} for X in (G, H)]
    pairs = [(x, y) for x, a in feet[0].items() for y, b in feet[1].items() if a.matches(b)]
    return draw(st.lists(st.sampled_from(pairs), max_size=2)) if pairs else []


@st.composite
def chains(draw, count=3, objects=None, table="V"):
    """Draw open objects that compose."""
    kinds = csets(COLOURED, max_rows=3) if objects is None else objects
    apexes = [draw(kinds) for _ in range(count)]
    meet = [interfaces(draw, *pair, table) for pair in pairwise(apexes)]
    rows = st.lists(st.integers(0, 10), max_size=2)
    first, last = (
        [some[x % len(some)] for x in draw(rows) if some]
        for X in (apexes[0], apexes[-1])
        for some in [openable(X, table)]
    )
    ins = [first, *([y for _, y in pairs] for pairs in meet)]
    outs = [*([x for x, _ in pairs] for pairs in meet), last]
    return [Open(*parts, table) for parts in zip(apexes, ins, outs, strict=True)]


@st.composite
def any_legs(draw, objects, count=3, table="V"):
    """Draw open objects that compose, with any morphisms as legs."""
    feet = [draw(objects) for _ in range(count + 1)]
    made = []
    for ends in pairwise(feet):
        both = coproduct(*ends, draw(objects))
        quotient = draw(identifications(both.apex, max_pairs=4))
        left, right = (leg >> quotient for leg in both.legs[:2])
        made.append(Open(quotient.codomain, left, right, table))
    return made


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
@given(chains(objects=csets(PETRI, max_rows=2), table="S"))
def test_open_petri_nets_are_a_category(three):
    laws_of_a_category(*three)


@settings(max_examples=10)
@given(st.sampled_from("VE").flatmap(lambda t: chains(objects=learning_diagrams(), table=t)))
def test_open_learning_diagrams_are_a_category(three):
    try:
        Open.compose(*three)
    except LabelConflict:  # edges that would be one hold different parameters
        reject()
    laws_of_a_category(*three)


@few
@given(chains(table="E"))
def test_interfaces_may_be_at_a_table_with_arrows(three):
    laws_of_a_category(*three)


@few
@given(chains(objects=csets(ARRAYS, max_rows=2, max_list=2), table="Array"))
def test_interfaces_may_be_at_a_table_with_lists(three):
    laws_of_a_category(*three)


@few
@given(chains(objects=csets(SQUARES, max_rows=2), table="F"))
def test_interfaces_may_be_at_a_table_with_equations(three):
    laws_of_a_category(*three)
    assert not three[0].target.failures()


@few
@given(st.sampled_from([COLOURED, REFLEXIVE]).flatmap(lambda s: any_legs(csets(s, max_rows=2))))
def test_legs_may_be_any_morphisms(three):
    laws_of_a_category(*three)


@few
@given(any_legs(csets(REFLEXIVE, max_rows=1), 2), any_legs(csets(REFLEXIVE, max_rows=1), 2))
def test_side_by_side_is_a_functor_for_any_legs(one, two):
    (f, g), (h, k) = one, two
    assert ((f >> g) @ (h >> k)).is_equivalent((f @ h) >> (g @ k))
    assert Open.swap(f.source, h.source).dagger().is_equivalent(Open.swap(h.source, f.source))


@few
@given(st.sampled_from("VE").flatmap(lambda table: chains(4, table=table)))
def test_many_are_composed_at_once(parts):
    assert Open.compose(*parts).is_equivalent(reduce(Open.__rshift__, parts))
    assert Open.tensor(*parts).is_equivalent(reduce(Open.__matmul__, parts))
    whole = Open.compose(*parts)
    for one, into in zip(parts, whole.gluing, strict=True):
        assert not into.failures()
        assert into.domain is one.apex


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


def test_many_are_glued_once(monkeypatch):
    """The engine is called once for the composite of many, not once for each."""
    calls = []
    room = Open.compose.__globals__
    engine = room["colimit"]
    monkeypatch.setitem(room, "colimit", lambda d: calls.append(d) or engine(d))
    arrow = open_graph(Graph({"f": ("A", "B")}), ["A"], ["B"])
    assert len(Open.compose(*[arrow] * 50).apex.edges) == 50
    assert len(calls) == 1
    reduce(Open.__rshift__, [arrow] * 5)
    assert len(calls) == 5


def broken(compose, f, g, h):
    """The laws of a category that a composition breaks."""
    one, two = Open.identity(f.source, f.table), Open.identity(f.target, f.table)
    sides = {
        "associativity": (compose(compose(f, g), h), compose(f, compose(g, h))),
        "left unit": (compose(one, f), f),
        "right unit": (compose(f, two), f),
        "dagger": (compose(f, g).dagger(), compose(g.dagger(), f.dagger())),
    }
    return {law for law, (a, b) in sides.items() if not a.is_equivalent(b)}


def only_the_ends(f, g):
    """Glue what the interface leads to, but not the interface itself."""
    ends = [
        one.source.subtables({"V": range(one.source.size("V"))})[1] >> leg
        for one, leg in ((g, f.right), (g, g.left))
    ]
    i, j = pushout(*ends)
    return Open(i.codomain, f.left >> i, g.right >> j, f.table)


def only_the_edges(f, g):
    """Forget what is glued: leave the outputs and the inputs apart."""
    i, j = coproduct(f.apex, g.apex)
    return Open(i.codomain, f.left >> i, g.right >> j, f.table)


def turning(f, g):
    """Compose, and turn the outputs."""
    whole = f >> g
    return Open(whole.apex, whole.left, whole.outputs[::-1], f.table)


def test_mutants_of_composition_are_no_category():
    G = CSet(SchGraph, V=3, E=3, src=[0, 1, 1], tgt=[1, 2, 1])
    f = Open(G, [0], [1, 2], "E")
    assert not broken(Open.__rshift__, f, f.dagger(), f)
    assert broken(only_the_ends, f, f.dagger(), f) >= {"left unit", "right unit"}
    assert broken(only_the_edges, f, f.dagger(), f) >= {"left unit", "right unit"}
    assert broken(turning, f, f.dagger(), f) >= {"associativity", "right unit"}


def test_a_mutant_of_side_by_side_is_no_functor():
    f = Open(CSet(SchGraph, V=2, E=1, src=[0], tgt=[1]), [0], [0], "E")
    g = Open(CSet(SchGraph, V=1, E=1, src=[0], tgt=[0]), [0], [0], "E")

    def turned(a, b):
        both = b @ a
        return Open(both.apex, both.inputs[::-1], both.outputs, "E")

    assert ((f @ g) >> (g @ f)).is_equivalent((f >> g) @ (g >> f))
    assert not turned(f, g).is_equivalent(f @ g)
    assert not (turned(f, g) >> (g @ f)).is_equivalent((f >> g) @ (g >> f))


def test_the_laws_as_values_hold_along_edges():
    assert check(Cospans(graphs(2, 2), "E"), cospan, max_examples=10).passed


def test_free_interfaces_align_what_hangs_on_them():
    """An m x m array meets an a x b array: a and b become one, whatever they are called."""
    square = CSet(ARRAYS, Axis=["m"], Array=["A"], axes=[["m", "m"]])
    plain = CSet(ARRAYS, Axis=["a", "b", "c"], Array=["B", "C"], axes=[["a", "b"], ["b", "c"]])
    f, g = Open(square, [], ["A"], "Array"), Open(plain, ["B"], ["C"], "Array")
    assert list(f.target.axes) == [[0, 1]]
    assert not f.right.is_monic
    apex = (f >> g).apex
    assert (apex.names("Axis"), apex.names("Array")) == (("m", "c"), ("A", "C"))
    assert list(apex.axes) == [[0, 0], [0, 1]]
    with raises(
        NotComposable, "A", "m", "copy/m", "D", "d", "axes", law="composition", where="output 0"
    ):
        f >> Open(CSet(ARRAYS, Axis=["d"], Array=["D"], axes=[["d"]]), ["D"], [], "Array")


def test_labels_that_one_side_does_not_know_are_those_of_the_other():
    """Sizes are flat: an m x m array meets an a x 128 array, and is 128 x 128."""
    sized = Schema(["Axis", "Array"], lists={"axes": ("Array", "Axis")},
                   attributes={"size": "Axis"}, orders={"size": "flat"})  # fmt: skip
    square = CSet(sized, Axis=["m"], Array=["A"], axes=[["m", "m"]])
    known = CSet(sized, Axis=["a", "b"], Array=["B"], axes=[["a", "b"]], size=[None, 128])
    f, g = Open(square, [], ["A"], "Array"), Open(known, ["B"], ["B"], "Array")
    assert g.source.attributes["size"] == (None, None)
    whole = (f >> g).apex
    assert (whole.attributes["size"], list(whole.axes)) == ((128,), [[0, 0]])
    wired = oapply(WiringDiagram.read("(x) <- R(x), S(x, x)"), [f, g]).apex
    assert wired.attributes["size"] == (128,)
    other = CSet(sized, Axis=["c", "d"], Array=["C"], axes=[["c", "d"]], size=[64, None])
    with raises(LabelConflict, 64, 128, law="size", where="Axis: left 'm' = right 'c'"):
        (f >> g) >> Open(other, ["C"], [], "Array")
    with pytest.raises(LabelConflict):
        f >> (g >> Open(other, ["C"], [], "Array"))


@few
@given(chains(objects=csets(FLAT_ARRAYS, max_rows=2, max_list=2), table="Array"))
def test_the_laws_hold_where_labels_have_an_order(three):
    try:
        Open.compose(*three)
    except LabelConflict:  # two sizes that no label is above
        reject()
    laws_of_a_category(*three)


NAMED = Schema(
    ["Axis", "Array"],
    lists={"axes": ("Array", "Axis")},
    attributes={"size": "Axis", "name": "Array"},
)


def layer(weight, out="y"):
    axes = {"x": ["m"], weight: ["m", "n"], out: ["n"]}
    whole = CSet(
        NAMED,
        Axis=["m", "n"],
        Array=list(axes),
        axes=list(axes.values()),
        name=[None, weight, None],
    )
    return Open(whole, ["x"], [out], "Array")


def test_what_is_shared_by_label_is_glued_too():
    """Two linear maps that share a weight share its axes, also side by side and of three."""
    W, U = layer("W"), layer("U")
    shared = {"Array": "name"}
    assert (W >> W).apex.size("Axis") == 3
    both = Open.compose(W, W, shared=shared).apex
    assert (both.size("Axis"), both.size("Array")) == (1, 4)
    assert Open.tensor(W, W).apex.size("Axis") == 4
    assert Open.tensor(W, W, shared=shared).apex.size("Axis") == 2
    once = Open.compose(W, U, W, shared=shared)
    for twice in (
        Open.compose(Open.compose(W, U, shared=shared), W, shared=shared),
        Open.compose(W, Open.compose(U, W, shared=shared), shared=shared),
    ):
        assert twice.is_equivalent(once)
    assert not Open.compose(Open.compose(W, U), W, shared=shared).is_equivalent(
        Open.compose(W, U, W)
    )
    row = CSet(NAMED, Axis=["m"], Array=["W"], axes=[["m"]], name=["W"])
    with raises(InvalidStructure, 1, 2, law="axes", where="Array 'W'"):
        Open.tensor(W, Open(row, table="Array"), shared=shared)


def test_rows_of_the_interface_may_come_several_times():
    fork = open_graph(Graph(vertices=["A"]), ["A"], ["A", "A"])
    two = open_graph(Graph({"f": ("A", "B")}, vertices=["C"]), ["A", "C"], ["B"])
    assert (fork >> two).apex.vertices == ("A", "B")
    merge = fork.dagger()
    assert (fork >> merge).is_equivalent(Open.identity(fork.source))


def test_what_does_not_compose_is_told():
    red, blue = (CSet(COLOURED, V=["v"], colour=[c]) for c in ("red", "blue"))
    with raises(NotComposable, "v", "colour", "red", "blue", law="composition", where="output 0"):
        Open(red, [], ["v"]) >> Open(blue, ["v"], [])
    with raises(NotComposable, 1, 0, law="composition", where="the outputs"):
        Open(red, [], ["v"]) >> Open(blue, [], [])
    with raises(NotComposable, "V", "S", law="composition", where="the outputs"):
        Open(red, [], ["v"]) >> Open(CSet(PETRI, S=1), [0], [], "S")
    with pytest.raises(NotComposable):
        Open(red, [], ["v"]) @ Open(CSet(PETRI, S=1), [0], [], "S")
    with raises(NotComposable, law="composition", where="the shapes"):
        Open(red, [], ["v"]) >> open_graph(Graph(vertices=["v"]), ["v"])
    with raises(InvalidStructure, law="interface", where="table 'V'"):
        Open(CSet(REFLEXIVE, V=1, E=1, src=[0], tgt=[0], refl=[0]), [0], [])
    with raises(InvalidStructure, law="interface", where="inputs"):
        Open(red, CSetMorphism(blue, blue, V=[0]), [])
    with raises(InvalidStructure, law="interface", where="table 'W'"):
        Open(red, [], [], "W")
    with pytest.raises(UnknownName):
        Open(red, ["w"])
    with raises(WrongKind, "CSet", "Open(...)"):
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
    with raises(NotComposable, "F", law="composition", where="output 0"):
        encoder >> encoder
    with raises(WrongKind, "Graph"):
        cl.open_diagram(Graph())


def test_what_meets_along_edges_shares_its_parameters_and_its_data():
    X, Y = cl.Space("X", 3), cl.Space("Y", 1)
    images = np.ones((4, 3), np.float32)

    def regime(name, model, array=images):
        data = cl.Dataset(name, X=(X, array), Y=(Y, np.zeros((4, 1), np.float32)))
        return cl.LearningDiagram(data, cl.Model(model, X, Y, "linear"))

    one = cl.open_diagram(regime("d", "f"), [], ["f"], "E")
    whole = (one >> cl.open_diagram(regime("e", "g"), ["g"], [], "E")).apex
    assert whole.trainable == ("f",)
    assert len(whole.loss("all").terms) == 2
    assert whole.data["d"]["X"] is whole.data["e"]["X"] is images
    # a projection that both have is one, if its data are
    one = cl.open_diagram(regime("d", "f"), [], ["d.X"], "E")
    same = cl.open_diagram(regime("e", "g"), ["e.X"], [], "E")
    assert (one >> same).apex.data["d"]["X"] is images
    other = cl.open_diagram(regime("e", "g", images + 1), ["e.X"], [], "E")
    with pytest.raises(LabelConflict):
        one >> other


def test_values():
    f = open_graph(Graph({"f": ("A", "B")}), ["A"], ["B"])
    assert f == open_graph(Graph({"f": ("A", "B")}), ["A"], ["B"])
    assert hash(f) == hash(open_graph(Graph({"f": ("A", "B")}), ["A"], ["B"]))
    assert f != f.dagger()
    assert repr(f) == "Open(A -> B)"
    assert repr(f.bent()) == "Open(() -> A, B)"


def test_what_is_shared_has_to_be_an_attribute_of_its_table():
    with pytest.raises(InvalidStructure) as caught:
        Open.tensor(layer("W"), layer("W"), shared={"Array": "nome", "Axis": "name"})
    assert len(caught.value.failures) == 2
