"""Undirected wiring diagrams: reading, filling boxes, and the laws of the operad."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.category import Graph
from catlearn.cset import CSet, Open, Schema, SchGraph, WiringDiagram, oapply, ocompose, open_graph
from catlearn.errors import InvalidStructure, LabelConflict
from catlearn.laws import csets
from tests.errors import fails, raises

COLOURED = Schema(["V", "E"], SchGraph.arrows, attributes={"colour": "V"})
few = settings(max_examples=40)
NAMES = ["w", "x", "y", "z"]


@st.composite
def wirings(draw, arities=None, outer=None):
    """Draw a wiring diagram; with junctions that have no ports, and ports that meet in a box."""
    count = draw(st.integers(1, 3))
    sizes = arities or [draw(st.integers(0, 3)) for _ in range(count)]
    junction = st.sampled_from(NAMES)

    def row(size):
        return draw(st.lists(junction, min_size=size, max_size=size))

    boxes = {f"b{k}": row(size) for k, size in enumerate(sizes)}
    outside = row(draw(st.integers(0, 3)) if outer is None else outer)
    return WiringDiagram(boxes, outside, draw(st.lists(junction, unique=True)))


@st.composite
def open_graphs(draw, ports, table="V"):
    """Draw an open graph with a number of ports."""
    G = draw(csets(Schema.of(SchGraph), max_rows=2))
    if ports and not G.size(table):
        G = CSet(SchGraph, V=1, E=1, src=[0], tgt=[0])
    rows = [draw(st.integers(0, max(G.size(table) - 1, 0))) for _ in range(ports)]
    cut = draw(st.integers(0, ports))
    return Open(G, rows[:cut], rows[cut:], table)


@st.composite
def nested(draw):
    """Draw a wiring diagram, one for each of its boxes, and what to put into the boxes of those."""
    wiring = draw(wirings())
    inner = {b: draw(wirings(outer=len(wiring.ports(b)))) for b in wiring.boxes}
    fillers = {
        b: {c: draw(open_graphs(len(one.ports(c)))) for c in one.boxes} for b, one in inner.items()
    }
    return wiring, inner, fillers


@few
@given(nested())
def test_filling_is_an_algebra_of_the_operad(three):
    wiring, inner, fillers = three
    flat = {f"{b}/{c}": one for b, parts in fillers.items() for c, one in parts.items()}
    at_once = oapply(ocompose(wiring, inner), flat)
    stepwise = oapply(wiring, {b: oapply(one, fillers[b]) for b, one in inner.items()})
    assert at_once.is_equivalent(stepwise)


@few
@given(nested(), st.data())
def test_putting_wiring_diagrams_into_boxes_is_associative(three, data):
    wiring, inner, _ = three
    deeper = {
        (b, c): data.draw(wirings(outer=len(one.ports(c))))
        for b, one in inner.items()
        for c in one.boxes
    }
    first = ocompose(ocompose(wiring, inner), {f"{b}/{c}": v for (b, c), v in deeper.items()})
    last = ocompose(
        wiring,
        {b: ocompose(one, {c: deeper[b, c] for c in one.boxes}) for b, one in inner.items()},
    )
    assert first.boxes == last.boxes
    assert cl.is_isomorphic(first, last)


@few
@given(wirings())
def test_units(wiring):
    into = {
        b: WiringDiagram.identity([f"p{k}" for k in range(len(wiring.ports(b)))])
        for b in wiring.boxes
    }
    assert cl.is_isomorphic(ocompose(wiring, into), wiring)
    outside = [str(k) for k in range(len(wiring.outside))]
    assert cl.is_isomorphic(ocompose(WiringDiagram.identity(outside), {"box": wiring}), wiring)
    assert ocompose(wiring, {}) == wiring


@few
@given(st.data(), st.integers(0, 3), st.sampled_from("VE"))
def test_one_box_does_nothing(data, ports, table):
    x = data.draw(open_graphs(ports, table))
    names = [str(k) for k in range(ports)]
    assert oapply(WiringDiagram.identity(names), {"box": x}).is_equivalent(x.bent())


def test_a_mutant_composition_is_noticed():
    """Ports in the wrong order give something else."""
    arrow = open_graph(Graph({"f": ("A", "B")}), ["A"], ["B"])
    right = oapply(WiringDiagram.read("(x, y) <- R(x, y)"), [arrow])
    wrong = oapply(WiringDiagram.read("(x, y) <- R(y, x)"), [arrow])
    assert right.is_equivalent(arrow.bent())
    assert not wrong.is_equivalent(right)


@few
@given(st.data())
def test_composition_of_cospans_is_a_wiring_diagram(data):
    a, b, c = (data.draw(st.integers(0, 2)) for _ in range(3))
    f, g = (data.draw(open_graphs(0)) for _ in range(2))

    def rows(G, size):
        return (
            [data.draw(st.integers(0, G.size("V") - 1)) for _ in range(size)]
            if G.size("V")
            else None
        )

    G, H = (x.apex if x.apex.size("V") else CSet(SchGraph, V=1) for x in (f, g))
    f = Open(G, rows(G, a), rows(G, b))
    g = Open(H, rows(H, b), rows(H, c))
    ins, mid, outs = ([f"{x}{k}" for k in range(n)] for x, n in (("a", a), ("b", b), ("c", c)))
    wiring = WiringDiagram({"f": [*ins, *mid], "g": [*mid, *outs]}, [*ins, *outs])
    assert oapply(wiring, {"f": f, "g": g}).is_equivalent((f >> g).bent())


def test_a_data_set_and_a_model():
    """The wiring of a training regime: the result is what gluing by name gives."""
    X, F, Y = cl.Space("X", 3), cl.Space("F", 2), cl.Categorical("Y", 3)
    arrays = {"X": (X, np.ones((4, 3), np.float32)), "Y": (Y, np.array([0, 1, 2, 0]))}
    data = cl.LearningDiagram(cl.Dataset("data", **arrays))
    model = cl.LearningDiagram(cl.Model("f", X, F, "linear"), cl.Model("g", F, Y, "linear"))
    wiring = WiringDiagram({"data": ("X", "Y"), "model": ("X", "Y")}, outer=("Y",))
    whole = oapply(
        wiring,
        {
            "data": cl.open_diagram(data, [], ["X", "Y"]),
            "model": cl.open_diagram(model, ["X"], ["Y"]),
        },
    )
    glued = cl.glue(data, model)
    assert cl.is_isomorphic(whole.apex, glued)
    assert set(whole.apex.vertices) == set(glued.vertices)
    assert whole.names(whole.outputs) == ("Y",)
    assert whole.apex.data["data"]["X"] is arrays["X"][1]
    assert str(whole.apex.loss("all")) == str(glued.loss("all"))
    with pytest.raises(LabelConflict):
        oapply(
            wiring,
            [cl.open_diagram(data, [], ["X", "Y"]), cl.open_diagram(model, ["F"], ["Y"])],
        )


def test_reading_and_writing():
    text = "(x, z) <- R(x, y), S(y, z), T()"
    wiring = WiringDiagram.read(text)
    assert str(wiring) == text
    assert wiring == WiringDiagram({"R": ["x", "y"], "S": ["y", "z"], "T": []}, ["x", "z"])
    assert eval(repr(wiring)) == wiring
    alone = WiringDiagram({"R": ["x"]}, ["u"], junctions=["v"])
    assert alone.junctions == ("v", "x", "u")
    assert eval(repr(alone)) == alone
    assert WiringDiagram.read("() <- ").boxes == ()
    for bad in ("R(x)", "(x) <- R(x", "(x) <- R(x) S(x)", "f(x) <- R(x)", "(x) <- (x)"):
        with raises(InvalidStructure, law="syntax"):
            WiringDiagram.read(bad)
    with raises(InvalidStructure, law="names", where="box 'R'"):
        WiringDiagram.read("(x) <- R(x), R(x)")


def test_what_does_not_fit_is_told():
    wiring = WiringDiagram.read("(x) <- R(x, y), S(y)")
    dot = open_graph(Graph(vertices=["A"]), ["A"])
    wrong = ("boxes", "box 'T'", "R", "S"), ("ports", "box 'R'", 2, 1), ("boxes", "box 'S'")
    with fails(InvalidStructure, *wrong):
        oapply(wiring, {"R": dot, "T": dot})
    with raises(InvalidStructure, 1, 2, law="boxes", where="fillers"):
        oapply(wiring, [dot])
    with raises(InvalidStructure, "Graph", law="boxes", where="box 'R'"):
        oapply(WiringDiagram.read("() <- R()"), {"R": Graph()})
    with raises(InvalidStructure, law="boxes", where="boxes"):
        oapply(WiringDiagram.read("() <- "), {})
    with raises(InvalidStructure, 2, 1, law="ports", where="box 'R'"):
        ocompose(wiring, {"R": WiringDiagram.read("(x) <- R(x)")})
    red = Open(CSet(COLOURED, V=["v"], colour=["red"]), ["v"])
    with raises(InvalidStructure, "colour", law="junctions", where="junction 'y'"):
        oapply(WiringDiagram.read("(x, y) <- R(x)"), [red])
    petri = Open(CSet(Schema(["S"]), S=1), [0], table="S")
    with raises(InvalidStructure, "S", "V", law="interface", where="the ports"):
        oapply(WiringDiagram.read("(x) <- R(x), T(x)"), [red, petri])


def test_names_of_what_is_filled_in():
    step = open_graph(Graph({"f": ("A", "M"), "g": ("M", "B")}), ["A"], ["B"])
    apex = oapply(WiringDiagram.read("(x, z) <- R(x, y), S(y, z)"), [step, step]).apex
    assert apex.vertices == ("x", "y", "z", "R/M", "S/M")
    assert apex.edges == ("R/f", "R/g", "S/f", "S/g")


@few
@given(st.data(), st.sampled_from("VE"))
def test_boxes_of_boxes_where_every_junction_has_a_port(data, table):
    """Along edges, whose ends are glued too."""
    wiring = WiringDiagram.read("(x, x) <- R(x, y), S(y, x)")
    inner = {"R": WiringDiagram.read("(a, b) <- f(a, c), g(c, b)")}
    f, g, S = (data.draw(open_graphs(2, table)) for _ in range(3))
    at_once = oapply(ocompose(wiring, inner), {"R/f": f, "R/g": g, "S": S})
    stepwise = oapply(wiring, {"R": oapply(inner["R"], [f, g]), "S": S})
    assert at_once.is_equivalent(stepwise)
    assert at_once.table == table


def test_edges_that_meet_are_one():
    two = Open(Graph({"f": ("A", "B"), "g": ("B", "C")}), [], ["g"], "E")
    loop = Open(Graph({"l": ("X", "X")}), [], ["l"], "E")
    whole = oapply(WiringDiagram.read("(e) <- R(e), S(e)"), [two, loop]).apex
    assert (whole.edges, whole.ends("e"), whole.ends("f")) == (("e", "f"), ("B", "B"), ("A", "B"))
    with raises(InvalidStructure, "src", "tgt", law="junctions", where="junction 'd'"):
        oapply(WiringDiagram.read("(e, d) <- R(e)"), [loop])
    arrays = Schema(["Axis", "Array"], lists={"axes": ("Array", "Axis")})
    row, square = (
        Open(CSet(arrays, Axis=n, Array=1, axes=[list(range(n))]), [], [0], "Array") for n in (1, 2)
    )
    with raises(InvalidStructure, 2, 1, law="axes", where="Array '0'"):
        oapply(WiringDiagram.read("(a) <- R(a), S(a)"), [square, row])
