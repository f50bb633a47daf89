"""After training: parts, components, merging, averages, and variables along morphisms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.errors import CatlearnError, InvalidStructure, LabelConflict, UnknownName
from catlearn.learning import (
    average,
    component,
    inclusion,
    merge,
    pull_back,
    push_forward,
    subdiagram,
    swap,
    with_frozen,
    with_trained,
)
from catlearn.models.maps import same_values
from tests.errors import raises

X, F = cl.Space("X", 2), cl.Space("F", 1)
Y, Z = cl.Space("Y", 1), cl.Space("Z", 1)
BODY = cl.Model("body", X, F, "linear", use_bias=False)
HEAD, SIDE = (
    cl.Model(name, F, target, "linear", use_bias=False)
    for name, target in (("head", Y), ("side", Z))
)
FIT = "one.X >> body >> head = one.Y"


def points(name, key, target, seed):
    rng = np.random.default_rng(seed)
    columns = {"X": (X, rng.normal(size=(6, 2))), key: (target, rng.normal(size=(6, 1)))}
    arrays = {key: (space, array.astype("f4")) for key, (space, array) in columns.items()}
    return cl.Dataset(name, **arrays)


ONE, TWO = points("one", "Y", Y, 0), points("two", "Z", Z, 1)


def weight(rows, number):
    return {"weight": np.full((rows, 1), number, "f4")}


def first(body=1.0, head=2.0):
    diagram = cl.LearningDiagram(ONE, BODY, HEAD, equations={"fit": FIT})
    return diagram.with_values({"body": weight(2, body), "head": weight(1, head)})


def second(body=1.0, side=3.0):
    equations = {"aside": "two.X >> body >> side = two.Z"}
    diagram = cl.LearningDiagram(TWO, BODY, SIDE, equations=equations)
    return diagram.with_values({"body": weight(2, body), "side": weight(1, side)})


def number(diagram, edge):
    return float(diagram.starts[edge]["weight"].ravel()[0])


# Parts.


def test_a_part_has_what_it_needs_its_data_and_its_variables():
    whole = cl.glue(first(), second())
    part = subdiagram(whole, edges=["one.X", "one.Y", "body", "head"])
    assert set(part.vertices) == {"one", "X", "F", "Y"}
    assert set(part.soft_equations) == {"fit"}
    assert number(part, "head") == 2.0
    assert part.data["one"]["X"] is ONE.arrays["X"]
    assert part == first()
    assert subdiagram(whole, equations=["fit"], edges=[]) == part
    assert set(subdiagram(whole, ["X", "F", "Z"]).edges) == {"body", "side"}
    assert subdiagram(whole, whole.vertices) == whole


def test_a_part_takes_definitions_factors_training_and_averages_along():
    P = cl.Product("P", X, F)
    diagram = cl.LearningDiagram(
        ONE,
        BODY,
        HEAD,
        cl.Pairing("both", P, "one.X", "one.X >> body"),
        cl.learning.Defined("whole", "body >> head"),
        cl.MovingAverage("slow", of="body", decay=0.9),
        equations={"fit": cl.Equation(FIT, trains=["head"])},
    )
    part = subdiagram(diagram, edges=["whole"])
    assert set(part.edges) == {"whole", "body", "head"}
    assert len(part.strict_equations) == 1
    assert set(subdiagram(diagram, edges=["both"]).edges) == {"both", "one.X", "body", "P.X", "P.F"}
    assert set(subdiagram(diagram, ["P"]).vertices) == {"P", "X", "F"}
    assert subdiagram(diagram, equations=["fit"], edges=[]).trains("fit") == {"head": 1.0}
    assert subdiagram(diagram, edges=["slow"]).averages == {}
    assert subdiagram(diagram, edges=["slow", "body"]).averages == {"slow": ("body", 0.9)}
    # Between X and Y lie a composite and nothing that it is defined by.
    assert subdiagram(diagram, ["X", "Y"]).edges == ()
    assert inclusion(part, diagram).failures() == []


def test_one_name_is_enough_and_errors_say_which_operation_helps():
    whole = cl.glue(first(), second())
    assert subdiagram(whole, edges="body") == subdiagram(whole, edges=["body"])
    assert subdiagram(whole, "F").vertices == ("F",)
    assert with_frozen(whole, "body").frozen == ("body",)
    assert with_trained(with_frozen(whole), "body").trainable == ("body",)
    with raises(UnknownName, "body", "edges="):
        subdiagram(whole, ["body"])
    with raises(InvalidStructure, "fit(...).diagram", law="freeze", where="edge 'body'"):
        with_frozen(cl.LearningDiagram(BODY))
    with raises(LabelConflict, "with_frozen", "with_trained", law="map", where="edge 'body'"):
        merge(with_frozen(first()), second())
    with raises(LabelConflict, "merge(..., conflict=)", law="stored values", where="edge 'body'"):
        cl.glue(first(), second(body=4.0))
    with raises(CatlearnError, "list", "average(*several)"):
        average([first(), first()])  # type: ignore[list-item]
    told = cl.LearningDiagram(ONE, BODY, HEAD, equations=[cl.Equation(FIT, trains=["body"])])
    with raises(
        InvalidStructure, "body", law="trains", where="equation 'one.X >> body >> head = one.Y'"
    ):
        cl.learning.freeze("body").rewrite(told)


def test_what_an_equation_trains_is_shared_after_a_swap_too():
    """A mutant: rows of the relation that are found by their names, which a swap leaves."""
    fit = cl.Equation(FIT, trains={"body": -2.0, "head": 1.0})
    wide = cl.Model("wide", X, F, "mlp")
    swapped = swap("body", wide).rewrite(cl.LearningDiagram(ONE, BODY, HEAD, equations=[fit])).apex
    told = cl.Equation(FIT.replace("body", "wide"), trains={"wide": -2.0, "head": 1.0})
    by_hand = cl.LearningDiagram(ONE, wide, HEAD, equations=[told])
    assert swapped.names("Trains") != by_hand.names("Trains")
    for whole in (cl.glue(swapped, by_hand), cl.glue(swapped, by_hand, along=[str(told)])):
        assert len(whole.names("Trains")) == 2
        assert whole.trains(str(told)) == {"wide": -2.0, "head": 1.0}


def test_a_part_that_is_not_there_is_named():
    with raises(UnknownName, "bdy", "body"):
        subdiagram(first(), edges=["bdy"])
    with raises(UnknownName, "it"):
        subdiagram(first(), equations=["it"])
    with raises(InvalidStructure, "'aside'", law="function", where="component 'Eq'"):
        inclusion(second(), first())


def test_a_component_of_one_diagram_in_another():
    taken = component(first(body=7.0), "body")
    assert taken.start["weight"].tolist() == [[7.0], [7.0]]
    other = swap("body", taken).rewrite(second(body=1.0)).apex
    assert number(other, "body") == 7.0
    assert number(other, "side") == 3.0
    assert component(with_frozen(first()), "body", "teacher").label.kind == "frozen"
    P = cl.Product("P", X, F)
    diagram = cl.LearningDiagram(cl.Model("f", P, Y, "linear"))
    assert component(diagram, "f") == cl.Model("f", P, Y, "linear")
    with raises(CatlearnError, "one.X"):
        component(first(), "one.X")


# What is trained.


def test_what_a_moving_average_follows_is_frozen_once_the_average_is_left_out():
    target = cl.MovingAverage("target", of="body", decay=0.9)
    whole = cl.LearningDiagram(ONE, BODY, HEAD, target).with_values(first().starts)
    with raises(InvalidStructure, "target", "subdiagram", law="freeze", where="edge 'body'"):
        with_frozen(whole)
    left = [edge for edge in whole.edges if edge != "target"]
    frozen = with_frozen(subdiagram(whole, edges=left))
    assert frozen.frozen == ("body", "head")
    assert frozen == with_frozen(cl.LearningDiagram(ONE, BODY, HEAD).with_values(first().starts))


def test_a_new_head_is_trained_and_nothing_else():
    new = cl.LearningDiagram(TWO, SIDE, cl.Space("X", 2))
    diagram = cl.glue(with_frozen(subdiagram(first(), edges=["body"])), new)
    assert diagram.trainable == ("side",)
    result = cl.fit(diagram, optax.sgd(0.1), steps=3, progress=False)
    trained = result.diagram
    assert number(trained, "body") == 1.0
    assert trained == diagram
    assert number(trained, "side") == float(result.params["side"]["weight"][0, 0])
    by_hand = result.fn.init(jax.random.key(0))[0]["side"]["weight"]
    z = TWO.arrays["X"] @ np.ones((2, 1), "f4")
    for _ in range(3):
        grad = jax.grad(lambda w: jnp.mean(jnp.sum((z @ w - TWO.arrays["Z"]) ** 2, 1)))(by_hand)
        by_hand = by_hand - 0.1 * grad
    np.testing.assert_allclose(trained.starts["side"]["weight"], by_hand, rtol=1e-5)


def test_freezing_needs_values_and_something_left_to_train():
    bare = cl.LearningDiagram(ONE, BODY, HEAD, equations={"fit": cl.Equation(FIT, trains=["body"])})
    with pytest.raises(InvalidStructure) as error:
        with_frozen(bare, ["body"])
    assert {f.where for f in error.value.failures} == {"edge 'body'", "equation 'fit'"}
    frozen = with_frozen(first())
    assert frozen.frozen == ("body", "head")
    assert with_trained(frozen) == first()
    assert with_trained(frozen, ["head"]).trainable == ("head",)
    half = cl.LearningDiagram(
        ONE, BODY, HEAD, equations={"fit": cl.Equation(FIT, trains=["body", "head"])}
    ).with_values(first().starts)
    assert with_frozen(half, ["body"]).trains("fit") == {"head": 1.0}
    with raises(UnknownName, "body"):
        with_trained(first(), ["body"])


# Merging.


def evaluate(diagram, path, columns):
    fn = cl.lower(diagram.loss())
    return fn.evaluation(*fn.init(jax.random.key(0)))(diagram.path(path))(columns)


def test_a_merged_diagram_evaluates_as_its_parts():
    one, two = first(), second()
    whole = merge(one, two)
    assert whole == cl.glue(one, two)
    for part, leg in zip((one, two), whole.gluing.legs, strict=True):  # type: ignore[union-attr]
        assert same_values(pull_back(leg, whole.starts), dict(part.starts))
    for part, path, data in ((one, "one.X >> body >> head", ONE), (two, "two.X >> body", TWO)):
        expected = evaluate(part, path, data.arrays)
        np.testing.assert_array_equal(evaluate(whole, path, data.arrays), expected)
    # A merge whose backbone was replaced does not.
    mutant = merge(first(body=5.0), two, conflict="left")
    here, there = (evaluate(d, "two.X >> body", TWO.arrays) for d in (mutant, two))
    assert not np.array_equal(here, there)


def test_a_conflict_is_an_error_a_choice_or_an_average():
    one, two = first(body=1.0), second(body=5.0)
    with raises(
        LabelConflict, "left", "right", "conflict=", law="stored values", where="edge 'body'"
    ):
        merge(one, two)
    found = {rule: number(merge(one, two, conflict=rule), "body") for rule in ("left", "right")}
    assert found == {"left": 1.0, "right": 5.0}
    assert number(merge(one, two, conflict={"body": "average"}), "body") == 3.0
    weights = {"old": 3.0, "new": 1.0}
    merged = merge(one, two, names=["old", "new"], conflict="average", weights=weights)
    assert number(merged, "body") == 2.0
    assert {edge: number(merged, edge) for edge in ("head", "side")} == {"head": 2.0, "side": 3.0}
    assert merged.emergent == ()
    assert merged.data.keys() == {"one", "two"}


def test_a_choice_that_is_none_is_refused():
    one, two, three = first(1.0), second(5.0), cl.LearningDiagram(TWO)
    with pytest.raises(LabelConflict) as error:
        merge(one, two, conflict={"body": "newest", "bdy": "left"}, weights={"mine": 1.0})
    assert len(error.value.failures) == 3
    with raises(LabelConflict, 2, law="stored values", where="edge 'body'"):
        merge(one, two, three, conflict="2")
    other = cl.LearningDiagram(cl.Dataset("one", X=(X, np.zeros((6, 2), "f4"))))
    with raises(LabelConflict, "left", "right", law="stored values", where="edge 'one.X'"):
        merge(one, other, conflict="average")


# Averages.


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=4),
    st.lists(st.floats(0.1, 10), min_size=1, max_size=4),
)
def test_the_average_of_equal_variables_is_each_of_them(numbers, weights):
    values = {"f": (np.array(numbers, "f4"), {"count": np.array(3)})}
    found = average(*[values] * len(weights), weights=weights)
    assert found["f"][0].dtype == np.float32
    np.testing.assert_array_equal(found["f"][0], values["f"][0])
    assert found["f"][1]["count"] == 3


def test_a_mean_by_sums_breaks_the_law():
    x, shares = np.linspace(0.1, 1, 50, dtype="f4"), (0.2, 0.3, 0.5)
    naive = sum(share * x for share in shares)
    assert not np.array_equal(naive, x)
    np.testing.assert_array_equal(average(*[{"f": x}] * 3, weights=shares)["f"], x)


def test_the_average_is_weighted_and_of_results_too():
    values = [{"f": jnp.array([float(n)], "bfloat16")} for n in (0, 4)]
    assert average(*values)["f"].tolist() == [2.0]
    assert average(*values, weights=[1, 3])["f"].dtype == jnp.bfloat16
    assert average(*values, weights=[-1, 2])["f"].tolist() == [8.0]
    assert number(first().with_values(average(first(1.0), first(5.0))), "body") == 3.0


@pytest.mark.parametrize(
    ("values", "weights", "found"),
    [
        ([], None, ("values", "average")),
        ([{"f": np.ones(2)}, {"g": np.ones(2)}], None, ("edges", "edge 'g'", 0)),
        ([{"f": np.ones(2)}, {"f": np.ones(3)}], None, ("values", "edge 'f'", "[2]", "[3]")),
        ([{"f": np.ones(2)}, {"f": (np.ones(2),)}], None, ("structure", "edge 'f'", "(*,)")),
        ([{"f": np.array(1)}, {"f": np.array(2)}], None, ("values", "edge 'f'", "floats")),
        ([{"f": np.ones(2)}] * 2, [1.0], ("weights", "average", 1, 2)),
        ([{"f": np.ones(2)}] * 2, [1.0, -1.0], ("weights", "average", "[1.0, -1.0]", 0)),
    ],
)
def test_what_has_no_average_is_refused(values, weights, found):
    law, where, *names = found
    with raises(InvalidStructure, *names, law=law, where=where):
        average(*values, weights=weights)
    with raises(CatlearnError, "int"):
        average(3)


# Along morphisms.


def fold():
    """A diagram with two parallel models, and its morphism onto a diagram with one."""
    twin = cl.Model("twin", X, F, "linear", use_bias=False)
    two, one = cl.LearningDiagram(BODY, twin), cl.LearningDiagram(BODY)
    return cl.LearningMorphism(two, one, V={"X": "X", "F": "F"}, E={"body": "body", "twin": "body"})


def test_pulling_back_is_functorial():
    inside = inclusion(subdiagram(first(), edges=["body"]), first())
    onto = inclusion(first(), cl.glue(first(), second()))
    values = {"body": 1.0, "head": 2.0, "side": 3.0}
    composite = pull_back(inside >> onto, values)
    assert composite == pull_back(inside, pull_back(onto, values)) == {"body": 1.0}
    assert pull_back(inclusion(first(), first()), {"body": 1, "head": 2}) == {"body": 1, "head": 2}
    assert pull_back(onto, values) == onto.restrict(values)
    # By names instead of along the morphism it would lose the twin.
    assert pull_back(fold(), {"body": 1.0}) == {"body": 1.0, "twin": 1.0}
    by_names = {edge: v for edge, v in {"body": 1.0}.items() if edge in fold().domain.edges}
    assert by_names != pull_back(fold(), {"body": 1.0})


def test_pushing_forward_is_defined_where_edges_agree():
    phi = fold()
    agreeing = {"body": np.ones(2), "twin": np.ones(2)}
    pushed = push_forward(phi, agreeing)
    assert list(pushed) == ["body"]
    for edge, value in pull_back(phi, pushed).items():
        np.testing.assert_array_equal(value, agreeing[edge])
    with raises(LabelConflict, "'body'", "'twin'", law="push forward", where="edge 'body'"):
        push_forward(phi, {"body": np.ones(2), "twin": np.zeros(2)})
    inside = inclusion(subdiagram(first(), edges=["body"]), first())
    onto = inclusion(first(), cl.glue(first(), second()))
    by_steps = push_forward(onto, push_forward(inside, {"body": 1.0}))
    assert push_forward(inside >> onto, {"body": 1.0}) == by_steps == {"body": 1.0}
    assert push_forward(inside, {"body": 1.0}, onto={"body": 0.0, "head": 2.0}) == {
        "body": 1.0,
        "head": 2.0,
    }
    with raises(UnknownName, "hed"):
        push_forward(onto, {"hed": 1.0})


def test_moving_averages_and_operators_come_along():
    slow = cl.MovingAverage("slow", of="body", decay=0.9)
    slope = cl.Operator("slope", "derivative", of="head", along=(0,))
    diagram = cl.LearningDiagram(ONE, BODY, HEAD, slow, slope, equations=[FIT])
    result = cl.fit(diagram, optax.sgd(0.1), steps=2, progress=False)
    trained = result.diagram
    assert set(trained.starts) == {"body", "head", "slow"}
    _, state = cl.lower(trained.loss()).init(jax.random.key(1))
    found = state["mutable"]["slow"]["weight"]
    np.testing.assert_array_equal(found, result.state["mutable"]["slow"]["weight"])
    assert not np.array_equal(found, trained.starts["body"]["weight"])
    assert set(subdiagram(trained, edges=["slope"]).edges) == {"head", "slope"}
    with raises(CatlearnError, "slope", "head"):
        component(trained, "slope")
    # Frozen, the average follows nothing that moves.
    with raises(InvalidStructure, "slow", "subdiagram", law="freeze", where="edge 'body'"):
        with_frozen(trained, ["body"])


def test_a_trained_diagram_is_saved_and_goes_on(tmp_path):
    # What is trained, stored, loaded and trained on is what was trained at once.
    diagram = first()
    half = cl.fit(diagram, optax.sgd(0.1), steps=2, progress=False)
    cl.save(half.diagram, tmp_path / "half.json")
    loaded = cl.load(tmp_path / "half.json").bind(one=dict(ONE.arrays))
    rest = cl.fit(loaded, optax.sgd(0.1), steps=2, progress=False)
    whole = cl.fit(diagram, optax.sgd(0.1), steps=4, progress=False)
    for edge in ("body", "head"):
        np.testing.assert_array_equal(rest.params[edge]["weight"], whole.params[edge]["weight"])
    assert half.diagram.with_values(average(half, half)).starts.keys() == {"body", "head"}
