"""Moving averages of a result have followed the last step too, against sums by hand."""

import jax
import numpy as np
import optax
import pytest

import catlearn as cl

X, Y = cl.Space("X", 2), cl.Space("Y", 1)
NUMBERS = np.random.default_rng(0)
DATA = {
    "X": NUMBERS.normal(size=(24, 2)).astype("float32"),
    "Y": NUMBERS.normal(size=(24, 1)).astype("float32"),
}


def lowered(decay=0.75, count=1, **options):
    """Return a loss of models, each with its moving average."""
    parts, equations = [cl.Dataset("d", X=(X, DATA["X"]), Y=(Y, DATA["Y"]))], {}
    for mark in ["", *map(str, range(1, count))]:
        parts.append(cl.Model(f"f{mark}", X, Y, "linear"))
        parts.append(cl.MovingAverage(f"slow{mark}", of=f"f{mark}", decay=decay))
        equations[f"fit{mark}"] = cl.Equation(f"d.X >> f{mark} = d.Y")
        equations[f"follow{mark}"] = cl.Equation(f"d.X >> f{mark} = d.X >> slow{mark}", stop="rhs")
    return cl.lower(cl.LearningDiagram(*parts, equations=equations).loss(), **options)


def fit(fn, steps=6, **options):
    options = {"batch_size": 8, "progress": False, "log_every": 1, **options}
    return cl.fit(fn, optax.sgd(0.1), steps=steps, **options)


def by_hand(fn, edge, decay, steps=6, **options):
    """Return the average of the weights at the start and after each step, the last included."""
    start, _ = fn.init(jax.random.key(0))
    average = np.asarray(start[edge]["weight"])
    for step in range(1, steps + 1):
        weight = np.asarray(fit(fn, step, **options).params[edge]["weight"])
        average = decay(step) * average + (1 - decay(step)) * weight
    return average


@pytest.mark.parametrize(
    ("options", "fitting"),
    [({}, {}), ({"stack": True, "count": 3}, {}), ({}, {"accumulate": 2}), ({}, {"scan_steps": 3})],
    ids=["plain", "stacked", "accumulated", "scanned"],
)
def test_the_average_has_followed_the_last_step(options, fitting):
    fn = lowered(**options)
    result = fit(fn, **fitting)
    for edge in fn.trainable:
        slow = edge.replace("f", "slow")
        expected = by_hand(fn, edge, lambda step: 0.75, **fitting)
        weights = result.diagram.starts[edge]
        x = np.eye(2, dtype="float32")
        bias = result.model(slow)(np.zeros((1, 2), "float32"))
        found = result.model(slow)(x) - bias
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(result.predict(slow, x), result.model(slow)(x))
        # The test would see an average that is one step behind.
        behind = result.state["mutable"][slow]["weight"]
        assert np.abs(behind - expected).max() > 1e-4 < np.abs(weights["weight"] - expected).max()


def test_a_decay_that_changes_is_the_one_of_the_step():
    fn = lowered(lambda step: 1.0 - 1.0 / (1 + step))
    expected = by_hand(fn, "f", lambda step: 1.0 - 1.0 / (1 + step))
    result = fit(fn)
    found = result.evaluation_state["mutable"]["slow"]["weight"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_without_inertia_it_is_what_it_follows():
    result = fit(lowered(0.0))
    np.testing.assert_array_equal(result.model("slow")(DATA["X"]), result.model("f")(DATA["X"]))
    assert result.evaluate()[1]["follow"] == 0


def test_evaluation_and_validation_see_it():
    result = fit(lowered(), validate={"d": DATA}, validate_every=2)
    here, there = (result.predict(edge, DATA["X"]) for edge in ("f", "slow"))
    expected = np.mean(np.square(here - there))
    assert result.evaluate()[1]["follow"] == pytest.approx(expected, rel=1e-5)
    assert result.history.validation["follow"][-1] == pytest.approx(expected, rel=1e-5)
    best = result.best
    at = result.history.validation.steps.tolist().index(best.steps)
    found = best.evaluate({"d": DATA})[1]["follow"]
    assert found == pytest.approx(result.history.validation["follow"][at], rel=1e-5)


def test_going_on_from_a_result_counts_no_step_twice():
    fn, data = lowered(), {"d": DATA}
    half = fit(fn, 3, batch_size=24)
    whole = fit(fn, 6, batch_size=24)
    on = fit(fn, 3, batch_size=24, params=half.params, state=half.state, data=data)
    for found, expected in ((on.params, whole.params), (on.state, whole.state)):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, expected)


def test_no_step_moves_nothing():
    fn = lowered()
    start, state = fn.init(jax.random.key(0))
    state["mutable"]["slow"] = jax.tree.map(np.zeros_like, start["f"])
    result = fit(fn, 0, params=start, state=state)
    assert not np.any(result.model("slow")(DATA["X"]))
