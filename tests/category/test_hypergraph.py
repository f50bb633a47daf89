"""Hypergraphs, their evaluation, and functors given on operations."""

from types import SimpleNamespace
from typing import ClassVar

import pytest
from hypothesis import given, strategies as st

from catlearn.category import (
    Functions,
    Functor,
    Graph,
    GraphMorphism,
    Hypergraph,
    HypergraphBuilder,
    MonoidalFunctor,
    evaluate,
)
from catlearn.errors import CatlearnError, InvalidStructure
from catlearn.finset import coproduct
from tests.errors import named, raises


def opened(H, inputs, outputs):
    rows = ([H.row("Wire", wire) for wire in side] for side in (inputs, outputs))
    return SimpleNamespace(apex=H, **dict(zip(("inputs", "outputs"), rows, strict=True)))


ARITHMETIC = Hypergraph(
    {
        "add": (["N", "N"], "N"),
        "negate": ("N", "N"),
        "one": ([], "N"),
        "divide": (["N", "N"], ["N", "N"]),
    }
)
RULES = {
    "add": lambda x, y: x + y,
    "negate": lambda x: -x,
    "one": lambda: 1,
    "divide": lambda x, y: divmod(x, y or 1),
}


@st.composite
def circuits(draw, most=8):
    """Draw an acyclic open hypergraph over the arithmetic signature, with rows in any order."""
    inputs = draw(st.integers(0, 3))
    wires, boxes = [f"in{k}" for k in range(inputs)], {}
    operations = {}
    for number in range(draw(st.integers(0, most))):
        able = [f for f in ARITHMETIC.boxes if wires or not ARITHMETIC.ins(f)]
        f = draw(st.sampled_from(able))
        ins = [draw(st.sampled_from(wires)) for _ in ARITHMETIC.ins(f)]
        outs = [f"w{number}.{k}" for k in range(len(ARITHMETIC.outs(f)))]
        boxes[f"b{number}"], operations[f"b{number}"] = (ins, outs), f
        wires += outs
    order = draw(st.permutations(list(boxes)))
    types = dict.fromkeys(wires, "N")
    shuffled = {box: boxes[box] for box in order}
    H = Hypergraph(shuffled, draw(st.permutations(wires)), types, operations)
    outputs = draw(st.lists(st.sampled_from(wires), max_size=3)) if wires else []
    return opened(H, wires[:inputs], outputs)


def by_recursion(circuit, values):
    """The values of the outputs, each wire evaluated anew wherever it is read."""
    H = circuit.apex
    given = dict(zip(circuit.inputs, values, strict=True))

    def value(wire):
        if wire in given:
            return given[wire]
        box = next(b for b, outs in enumerate(H.sides[1]) if wire in outs)
        made = RULES[H.operations[box]](*map(value, H.sides[0][box]))
        outs = H.sides[1][box]
        return made if len(outs) == 1 else made[outs.index(wire)]

    return tuple(map(value, circuit.outputs))


F = MonoidalFunctor(ARITHMETIC, Functions(), arrows=RULES)


def as_tuple(circuit, made):
    return (made,) if len(circuit.outputs) == 1 else made


@given(circuits(), st.data())
def test_evaluation_is_that_by_recursion_and_applies_each_box_once(circuit, data):
    values = data.draw(st.tuples(*[st.integers(-5, 5)] * len(circuit.inputs)))
    applied = []

    def apply(box, given):
        applied.append(box)
        made = RULES[circuit.apex.operations[box]](*given)
        return made if len(circuit.apex.sides[1][box]) > 1 else (made,)

    expected = by_recursion(circuit, values)
    assert evaluate(circuit, apply, values) == expected
    assert sorted(applied) == list(range(circuit.apex.size("Box")))
    assert as_tuple(circuit, F(circuit)(*values)) == expected


@given(circuits(), st.data())
def test_merging_equal_boxes_and_dropping_dead_ones_keeps_values(circuit, data):
    values = data.draw(st.tuples(*[st.integers(-5, 5)] * len(circuit.inputs)))
    expected = by_recursion(circuit, values)
    H = circuit.apex
    onto = H.merged()
    assert onto.failures() == []
    image = [[onto("Wire", wire) for wire in side] for side in (circuit.inputs, circuit.outputs)]
    merged = opened(onto.codomain, *image)
    assert by_recursion(merged, values) == expected
    ways = {}
    for box, (operation, ins) in enumerate(
        zip(merged.apex.operations, merged.apex.sides[0], strict=True)
    ):
        assert ways.setdefault((operation, ins), box) == box
    into = H.live(circuit.outputs, circuit.inputs)
    place = {int(wire): row for row, wire in enumerate(into.components["Wire"].values)}
    ends = [[place[wire] for wire in side] for side in (circuit.inputs, circuit.outputs)]
    assert by_recursion(opened(into.domain, *ends), values) == expected
    assert H.merged(alone=H.boxes).codomain.size("Box") == H.size("Box")


def test_a_box_that_draws_is_equal_to_no_other():
    builder = HypergraphBuilder()
    x = builder.wire("N")
    first, again = (builder.box("noise", [x], ["N"], alone=True) for _ in range(2))
    assert first != again
    assert builder.box("f", first, ["N"]) == builder.box("f", first, ["N"])
    assert builder.hypergraph().operations == ("noise", "noise", "f")


def test_the_order_is_that_of_the_rows_where_that_is_possible():
    H = Hypergraph({"g": ("y", "z"), "f": ("x", "y"), "h": ("x", "w")})
    assert [H.boxes[box] for box in H.order] == ["f", "g", "h"]
    assert Hypergraph({f"f{k}": (f"{k}", f"{k + 1}") for k in range(50)}).order == tuple(range(50))


def test_errors_name_the_boxes():
    cyclic = Hypergraph({"ok": ("x", "y"), "f": (["y", "b"], "a"), "g": ("a", "b")})
    with raises(InvalidStructure, law="acyclic", where="boxes f, g"):
        evaluate(opened(cyclic, "x", "a"), lambda box, values: values, [1])
    twice = Hypergraph({"f": ("x", "y"), "g": ("x", "y")})
    with raises(InvalidStructure, "y", law="monogamy", where="box g"):
        evaluate(opened(twice, "x", "y"), lambda box, values: values, [1])
    H = Hypergraph({"f": (["x", "y"], "z")})
    with raises(InvalidStructure, "y", law="monogamy", where="box f"):
        evaluate(opened(H, "x", "z"), lambda box, values: values, [1])
    with raises(InvalidStructure, 2, 1, law="monogamy", where="box f"):
        evaluate(opened(H, "xy", "z"), lambda box, values: values, [1, 2])
    with raises(InvalidStructure, 1, 2, law="monogamy", where="inputs"):
        evaluate(opened(H, "xy", "z"), lambda box, values: values, [1])
    with pytest.raises(ZeroDivisionError) as caught:
        evaluate(opened(H, "xy", "z"), lambda box, values: [values[0] / values[1]], [1, 0])
    assert caught.value.__notes__ == ["in box f, f"]


def test_what_keeps_a_hypergraph_from_being_an_arrow():
    H = Hypergraph({"f": ("x", "y"), "g": ("x", "y"), "h": ("u", "v")})
    rows = opened(H, "x", ["y", "v"])
    found = H.open_failures(rows.inputs, rows.outputs)
    assert [failure.where for failure in found] == ["wire y", "wire u", "wire x"]
    assert named("boxes f, g", str(found[0]))
    chain = Hypergraph({"f": ("x", "y"), "g": ("y", "z")})
    assert chain.open_failures([0], [2]) == []
    assert chain.open_failures([0], [1, 2], copying=True) == []
    assert len(chain.open_failures([0], [1, 2])) == 1
    loop = Hypergraph({"f": ("x", "x")})
    assert [failure.law for failure in loop.open_failures([], [])] == ["acyclic"]


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("ABC")), max_size=4), st.data())
def test_graphs_are_the_hypergraphs_with_one_wire_on_either_side(ends, data):
    G = Graph({f"e{k}": pair for k, pair in enumerate(ends)}, vertices="ABC")
    assert Hypergraph.of(G).graph() == G
    assert Hypergraph.of(Hypergraph.of(G).graph()) == Hypergraph.of(G)
    image = dict(zip("ABC", data.draw(st.tuples(*[st.sampled_from("XY")] * 3)), strict=True))
    edges = {f"e{k}": (image[s], image[t]) for k, (s, t) in enumerate(ends)}
    m = GraphMorphism(G, Graph(edges, vertices="XY"), image, {edge: edge for edge in edges})
    assert Hypergraph.of(m).failures() == []
    swap = {"X": "Y", "Y": "X"}
    back = {edge: (swap[s], swap[t]) for edge, (s, t) in edges.items()}
    n = GraphMorphism(m.codomain, Graph(back, vertices="XY"), swap, {edge: edge for edge in edges})
    assert Hypergraph.of(m >> n) == Hypergraph.of(m) >> Hypergraph.of(n)
    both = coproduct(G, m.codomain)
    assert Hypergraph.of(both.apex) == coproduct(*map(Hypergraph.of, (G, m.codomain))).apex


def test_a_hypergraph_that_is_no_graph_says_which_boxes():
    with raises(InvalidStructure, 2, 1, law="ends", where="box f"):
        Hypergraph({"f": (["a", "b"], "c"), "g": ("a", "c")}).graph()


@given(st.integers(0, 5))
def test_a_functor_on_a_graph_is_one_on_the_hypergraph(length):
    arrows = {"s": lambda n: 2 * n + 1}
    G = Graph({"s": ("A", "A")})
    path = G.path(["s"] * length) if length else G.path("id(A)")
    types = {str(k): "A" for k in range(length + 1)}
    boxes = {f"f{k}": (str(k), str(k + 1)) for k in range(length)}
    chain = Hypergraph(boxes, types, types, dict.fromkeys(boxes, "s"))
    wide = MonoidalFunctor(Hypergraph.of(G), Functions(), arrows=arrows)
    circuit = opened(chain, ["0"], [str(length)])
    assert Functor(G, Functions(), arrows=arrows)(path)(3) == wide(circuit)(3)


def test_values_at_pairings_come_from_the_definitions_of_the_domain():
    class Defined(Graph):
        definitions: ClassVar = {
            "both": SimpleNamespace(paths=(), is_pairing=True),
            "twice": SimpleNamespace(paths=(), is_pairing=False),
        }

    G = Defined({"f": ("A", "B"), "g": ("B", "B"), "both": ("A", "P"), "twice": ("B", "B")})
    G.definitions["both"].paths = (G.path("f >> twice"), G.path("id(A)"))
    G.definitions["twice"].paths = (G.path("g >> g"),)
    arrows = {"f": lambda x: x + 1, "g": lambda x: 2 * x}
    F = Functor(G, Functions(), arrows=arrows)
    assert F("both")(3) == (16, 3)
    assert F("f >> twice")(3) == 16

    def texts(name):
        return lambda x: f"{name}({x})"

    words = Functions(pair=lambda at, parts: f"{at}[{', '.join(parts)}]")
    named = Functor(G, words, arrows={"f": texts("f"), "g": texts("g")})
    assert named("both")("x") == "P[g(g(f(x))), x]"
    with raises(InvalidStructure, law="totality", where="edge both"):
        Functor(G, Composing(), arrows=arrows)


class Composing:
    """Functions, without pairings."""

    def identity(self, at):
        return lambda x: x

    def compose(self, f, g):
        return lambda x: g(f(x))


class Counts:
    """The natural numbers as a monoidal category with one object."""

    unit = None

    def tensor_objects(self, one, other):
        return None

    def identity(self, objects):
        return 0

    def compose(self, f, g):
        return f + g

    tensor = compose

    def symmetry(self, one, other):
        return 0


class CountsCopying(Counts):
    def copy(self, objects):
        return 0

    def discard(self, objects):
        return 0


COSTS = {"add": 3, "negate": 5, "one": 7, "divide": 100}


@given(circuits())
def test_a_functor_into_numbers_counts_each_box_once(circuit):
    count = MonoidalFunctor(ARITHMETIC, CountsCopying(), arrows=COSTS)
    assert count(circuit) == sum(COSTS[operation] for operation in circuit.apex.operations)


def test_a_target_that_does_not_copy_says_which_wire():
    H = Hypergraph(
        {"f": (["x", "x"], "y")}, types=dict.fromkeys("xy", "N"), operations={"f": "add"}
    )
    F = MonoidalFunctor(ARITHMETIC, Counts(), arrows=COSTS)
    with raises(CatlearnError, "x", "2"):
        F(opened(H, "x", "y"))


def test_a_functor_lists_all_its_failures():
    with pytest.raises(InvalidStructure) as caught:
        MonoidalFunctor(ARITHMETIC, Functions(), {"M": "N"}, {"add": len, "subtract": len})
    assert {(f.where, f.law) for f in caught.value.failures} == {
        ("wire M", "known names"),
        ("box subtract", "known names"),
        ("box negate", "totality"),
        ("box one", "totality"),
        ("box divide", "totality"),
    }
    H = Hypergraph({"f": ("x", "y"), "g": ("x", "z")}, types=dict.fromkeys("xyz", "N"),
                   operations={"f": "add"})  # fmt: skip
    with pytest.raises(InvalidStructure) as caught:
        F(opened(H, "x", "y"))
    assert [f.where for f in caught.value.failures] == ["box f", "box g"]


def test_a_note_says_what_the_caller_wants_of_a_box():
    H = Hypergraph({"f": ("x", "y")})
    with pytest.raises(ZeroDivisionError) as caught:
        evaluate(opened(H, "x", "y"), lambda box, x: [1 / x[0]], [0], note=lambda box: f"at {box}")
    assert caught.value.__notes__ == ["at 0"]


def test_boxes_with_labels_of_other_types_are_not_one():
    """1, True and 1.0 are three labels, of boxes and of wires; NaN is one."""
    nan = float("nan")
    for labels in ((1, True, 1.0), ((1,), (True,), (1.0,))):
        ends = {str(k): ("x", f"y{k}") for k in range(3)}
        H = Hypergraph(ends, operations=dict(zip("012", labels, strict=True)),
                       types=dict.fromkeys(["y0", "y1", "y2"], "N"))  # fmt: skip
        assert H.merged().codomain.size("Box") == 3
        H = Hypergraph(ends, operations=dict.fromkeys("012", "f"),
                       types=dict(zip(["y0", "y1", "y2"], labels, strict=True)))  # fmt: skip
        assert H.merged().codomain.size("Box") == 3
        builder = HypergraphBuilder()
        x = builder.wire("N")
        assert len({builder.box(label, [x], ["N"]) for label in labels}) == 3
        assert len({builder.box("f", [x], [label]) for label in labels}) == 3
    H = Hypergraph({"f": ("x", "y"), "g": ("x", "z")}, types=dict.fromkeys("yz", "N"),
                   operations={"f": nan, "g": float("nan")})  # fmt: skip
    assert H.merged().codomain.size("Box") == 1


def test_ends_of_boxes_are_read_once_and_refused_where_there_are_none():
    assert Hypergraph({"f": iter(("a", "b"))}) == Hypergraph({"f": ("a", "b")})
    with pytest.raises(InvalidStructure) as caught:
        Hypergraph({"f": None, "g": 3, "h": ("a", "b")})
    assert [failure.where for failure in caught.value.failures] == ["box f", "box g"]
