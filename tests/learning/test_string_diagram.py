"""String diagrams of losses: what they compute is what the paths of the equations say."""

import pytest
from hypothesis import assume, given, strategies as st

import catlearn as cl
from catlearn.category import HypergraphBuilder, evaluate
from catlearn.category.hypergraph import OpenHypergraph
from catlearn.cset import Open
from catlearn.laws import learning_diagrams
from catlearn.learning.string_diagram import string_diagram_of

X, Y = cl.Space("X", 3), cl.Space("Y", 2)
DATA = cl.Dataset("data", X=X, Y=Y)


def walked(diagram, path, value=None):
    """Follow a path by hand, pairings by their components; return what it is as a term."""
    value = path.source if value is None else value
    for edge in path.edges:
        definition = diagram.definitions.get(edge)
        if definition is None:
            value = (edge, value)
        elif definition.is_pairing:
            value = ("tuple", *(walked(diagram, part, value) for part in definition.paths))
        else:
            value = walked(diagram, definition.paths[0], value)
    return value


def terms(drawn):
    """Evaluate a string diagram in terms, where gradients do not count."""

    def apply(box, values):
        does = drawn.operations[box]
        match does.op:
            case "sample":
                return (does.name,)
            case "scale" | "stop":
                return values
            case "divergence":
                return ((does.divergence, *values),)
            case "tuple":
                return (("tuple", *values),)
        return ((does.name, *values),)

    return list(evaluate(drawn, apply))


def expected(diagram, equations):
    return [(q.divergence, walked(diagram, q.lhs), walked(diagram, q.rhs)) for q in equations]


@st.composite
def trained(draw):
    """Draw a loss whose equations say what they train, and where gradients stop."""
    diagram = draw(learning_diagrams())
    loss = diagram.loss("declared", skip_unreached=True)
    assume(loss.equations)
    scales = st.dictionaries(
        st.sampled_from(diagram.trainable), st.sampled_from([1.0, -0.5]), min_size=1
    )
    told = st.fixed_dictionaries(
        {"trains": st.none() | scales, "stop": st.sampled_from([None, "lhs", "rhs"])}
    )
    return diagram, [equation.given(**draw(told)) for equation in loss.equations]


@given(given=trained())
def test_a_string_diagram_computes_what_its_paths_say(given):
    diagram, equations = given
    found = terms(string_diagram_of(diagram, equations))
    assert found == expected(diagram, equations)
    turned = [cl.Equation((q.rhs, q.lhs), **q.attributes) for q in equations]
    same = [q for q in equations if walked(diagram, q.lhs) == walked(diagram, q.rhs)]
    assert (found == expected(diagram, turned)) == (len(same) == len(equations))


@given(given=trained())
def test_gradients_change_no_atom(given):
    diagram, equations = given
    plain = [equation.given(trains=None, stop=None) for equation in equations]
    assert terms(string_diagram_of(diagram, equations)) == terms(string_diagram_of(diagram, plain))
    kinds = {does.op for does in string_diagram_of(diagram, plain).operations}
    assert not kinds & {"scale", "stop"}


def test_the_old_name_of_the_string_diagram_works():
    loss = cl.LearningDiagram(DATA, cl.Model("f", X, Y, "linear")).loss()
    with pytest.warns(DeprecationWarning, match="string_diagram"):
        assert loss.circuit is loss.string_diagram


def repeated(drawn):
    """Return how many boxes do what another one does to the same wires."""
    ins, _ = drawn.apex.sides
    said = list(zip(drawn.operations, ins, strict=True))
    return len(said) - len(set(said))


@given(given=trained())
def test_what_is_equal_is_computed_once(given):
    diagram, equations = given
    drawn = string_diagram_of(diagram, equations)
    assert repeated(drawn) == 0
    assert drawn.apex.order == tuple(range(len(drawn.operations)))


def test_a_builder_that_shares_nothing_is_noticed(monkeypatch):
    f, g = cl.Model("f", X, Y, "linear"), cl.Model("g", X, Y, "linear")
    loss = cl.LearningDiagram(DATA, f, g).loss("all")
    assert repeated(string_diagram_of(loss.diagram, loss.equations)) == 0
    monkeypatch.setattr(HypergraphBuilder.__init__, "__defaults__", (False,))
    assert repeated(string_diagram_of(loss.diagram, loss.equations)) > 0


def test_pairings_of_pairings_are_shared():
    depth, P, last = 40, cl.Product("P", X, X), "data.X"
    pieces = [cl.Model("back", P, X, "linear")]
    for level in range(depth):
        pieces.append(cl.Pairing(f"p{level}", P, last, last))
        last = f"p{level} >> back"
    diagram = cl.LearningDiagram(DATA, *pieces)
    (fit,) = diagram.select([f"{last} = data.X"])
    # A column, and at each level a pairing and a map, where terms have 2^40 leaves.
    expected = ["sample", "project", *["tuple", "apply"] * depth, "divergence"]
    for trains in (None, {"back": 1.0}):
        found = string_diagram_of(diagram, [fit.given(trains=trains)])
        assert [does.op for does in found.operations] == expected


def test_gradients_are_multiplied_once_as_far_as_there_is_one_scale():
    f, g = cl.Model("f", X, X, "linear"), cl.Model("g", X, Y, "linear")
    sides = "data.X >> f >> g = data.Y"

    def scales(trains):
        diagram = cl.LearningDiagram(DATA, f, g, equations=[cl.Equation(sides, trains=trains)])
        does = diagram.loss().string_diagram.operations
        return [(one.op, one.name, one.scale) for one in does if one.scale != 1]

    assert scales(None) == scales({"f": 1.0, "g": 1.0}) == []
    assert scales({"f": 0.5, "g": 0.5}) == [("scale", "", 0.5)]
    assert scales({"f": 0.5, "g": 2.0}) == [("scale", "", 0.5), ("apply", "g", 2.0)]
    assert scales({"g": 2.0}) == [("scale", "", 0.0), ("apply", "g", 2.0)]


def test_independent_edges_are_boxes_of_their_own():
    f, g = cl.Model("f", X, X, "linear"), cl.Model("g", X, X, "linear")
    loss = cl.LearningDiagram(DATA, f, g).loss(["data.X >> f >> g = data.X >> f"])
    assert [does.op for does in loss.string_diagram.operations].count("apply") == 2
    apart = loss.string_diagram_for(["f"])
    draws = [(does.name, does.draw) for does in apart.operations if does.op == "apply"]
    (name,) = (q.name for q in loss.equations)
    assert draws == [("f", f"lhs of {name}"), ("g", ""), ("f", f"rhs of {name}")]
    assert terms(apart) == terms(loss.string_diagram)


@given(given=trained())
def test_a_string_diagram_is_opened_where_it_is_asked_for(given):
    """The same boxes and wires, with legs, by which it composes: behind it, nothing changes."""
    drawn = string_diagram_of(*given)
    opened = Open(drawn.apex, drawn.inputs, drawn.outputs, "Wire")
    whole = opened >> Open.identity(opened.target, "Wire")

    def found(drawn):
        operations = drawn.apex.operations
        return evaluate(drawn, lambda box, values: ((operations[box], *values),))

    assert isinstance(drawn, OpenHypergraph)
    assert isinstance(opened, OpenHypergraph)
    assert found(opened) == found(drawn) == found(whole)
    turned = Open(drawn.apex, drawn.inputs, drawn.outputs[::-1], "Wire")
    assert (found(turned) == found(drawn)) == (found(drawn)[::-1] == found(drawn))
