"""Validation: its curves are those by hand, patience is kept, and the best variables stay."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, strategies as st

import catlearn as cl
from catlearn.errors import DataError, InvalidStructure, WrongKind
from catlearn.training import (
    Curves,
    Patience,
    TrainingInterrupted,
    accuracy,
    error_rate,
    validation,
)

KEY = jax.random.key(0)
X, Y = cl.Space("X", 3), cl.Categorical("Y", 4)
rng = np.random.default_rng(0)


def columns(size):
    x = rng.normal(size=(size, 3)).astype("float32")
    return {"X": x, "Y": (np.abs(x[:, 0]) * 2).astype("int32").clip(0, 3)}


TRAIN, HELD_OUT, OTHER = columns(24), columns(17), columns(3)
DIAGRAM = cl.LearningDiagram(
    cl.Dataset("data", X=X, Y=Y),
    cl.Dataset("small", X=X, Y=Y),
    cl.Model("encoder", X, cl.Space("F", 4), "mlp", width=8),
    cl.Model("head", cl.Space("F", 4), Y, "linear"),
    equations={
        "large": "data.X >> encoder >> head = data.Y",
        "few": cl.Equation("small.X >> encoder >> head = small.Y", weight=0.3),
    },
)
FN = cl.lower(DIAGRAM.loss())
ADAM = optax.adam(0.05)
DATA = {"data": TRAIN, "small": OTHER}
VALID = {"data": HELD_OUT, "small": OTHER}
METRICS = {
    "accuracy": ("data.X >> encoder >> head = data.Y", accuracy),
    "errors": cl.Equation("small.X >> encoder >> head = small.Y", divergence=error_rate),
}


def fit(**options):
    given = {"steps": 12, "batch_size": 5, "data": DATA, "progress": False, "log_every": 4}
    return cl.fit(FN, ADAM, **{**given, "validate": VALID, **options})


def test_parts_have_the_cost_of_the_whole(mutants, monkeypatch):
    result = fit(validate=None)
    whole = result.evaluate(VALID, metrics=METRICS)
    assert set(whole[1]) == {"large", "few", "accuracy", "errors"}
    for size in (1, 2, 5, 16, 17, 100):
        value, costs = result.evaluate(VALID, batch_size=size, metrics=METRICS)
        assert value == pytest.approx(whole[0], rel=1e-5)
        assert costs == pytest.approx(whole[1], rel=1e-5)
    with mutants("parts that count alike, whatever their size"), monkeypatch.context() as patch:
        parts = validation._parts

        def alike(*given):
            found = list(parts(*given))
            return [(batch, dict.fromkeys(shares, 1 / len(found))) for batch, shares in found]

        patch.setattr(np, "array_split", lambda rows, count: [rows[:1], rows[1:]])
        assert result.evaluate(VALID, batch_size=16)[0] == pytest.approx(whole[0], rel=1e-5)
        patch.setattr(validation, "_parts", alike)
        assert result.evaluate(VALID, batch_size=16)[0] != pytest.approx(whole[0], rel=1e-3)


def test_metrics_may_read_what_the_loss_does_not():
    diagram = cl.LearningDiagram(
        cl.Dataset("data", X=X, Y=Y, Z=cl.Space("F", 4)),
        cl.Model("encoder", X, cl.Space("F", 4), "mlp", width=8),
        cl.Model("head", cl.Space("F", 4), Y, "linear"),
        equations=["data.X >> encoder = data.Z"],
    )
    data = {**TRAIN, "Z": np.ones((24, 4), "float32")}
    metrics = {"far": ("data.X >> encoder = data.Z", "absolute_error")}
    metrics["own"] = ("data.X >> encoder >> head = data.Y", accuracy)
    result = cl.fit(diagram, ADAM, steps=1, data={"data": data}, progress=False)
    with pytest.raises(DataError) as caught:  # the run has kept what its loss reads
        result.evaluate(metrics=metrics)
    assert [failure.where for failure in caught.value.failures] == ["projection 'data.Y'"]
    _, costs = result.evaluate({"data": data}, metrics=metrics, batch_size=7)
    assert costs["far"] > 0
    scores = result.predict("encoder >> head", data["X"])
    assert costs["own"] == pytest.approx(np.mean(scores.argmax(-1) == data["Y"]))
    with pytest.raises(DataError):
        result.predict("encoder >> head", data["X"][:, :2])


def test_metrics_are_those_by_hand():
    result = fit(validate=None)
    _, costs = result.evaluate(VALID, metrics=METRICS)
    for data, name, sign in ((HELD_OUT, "accuracy", 1), (OTHER, "errors", -1)):
        scores = result.predict("encoder >> head", data["X"])
        right = np.mean(scores.argmax(-1) == data["Y"])
        assert costs[name] == pytest.approx(right if sign > 0 else 1 - right)


def test_columns_of_a_data_set_are_predicted_from_by_name():
    x = np.ones((3, 2), "f4")
    X, Y = cl.Space("X", 2), cl.Space("Y", 1)
    data = cl.Dataset("d", X=(X, x), Y=(Y, x[:, :1]))
    diagram = cl.LearningDiagram(data, cl.Model("f", X, Y, "linear"))
    result = cl.fit(diagram, optax.sgd(0.1), steps=1, progress=False)
    found = result.predict("d.X >> f", {"X": x, "Y": x[:2, :1]})
    np.testing.assert_array_equal(found, result.predict("f", x))
    for path, lists in (("f", x.tolist()), ("f", [*x]), ("d.X >> f", {"X": x.tolist()})):
        np.testing.assert_array_equal(result.predict(path, lists), found)
    for wrong in ({}, {"Z": x}, {"X": x[:, :1]}, {"X": x[0]}):
        with pytest.raises(DataError, match=r"'d\.X'"):
            result.predict("d.X >> f", wrong)
    with pytest.raises(WrongKind):
        result.predict("d.X >> f", x)


def test_predictions_in_parts_are_those_of_the_whole():
    result = fit(validate=None)
    path = DIAGRAM.path("data.X >> encoder >> head")
    whole = result.predict(path, HELD_OUT)
    assert whole.shape == (17, 4)
    for size in (1, 4, 17, 50):
        found = result.predict(path, HELD_OUT, batch_size=size)
        np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-6)
    encode = result.model("encoder")
    np.testing.assert_allclose(
        result.predict("encoder", HELD_OUT["X"]), encode(HELD_OUT["X"]), rtol=1e-5
    )


def test_curves_are_those_of_runs_that_end_there():
    result = fit(validate_every=5, metrics=METRICS)
    curves = result.history.validation
    assert curves.steps.tolist() == [5, 10, 12]
    assert list(curves) == ["total", "large", "few", "accuracy", "errors"]
    for row, step in enumerate(curves.steps):
        shorter = fit(steps=int(step), validate=None)
        value, costs = shorter.evaluate(VALID, metrics=METRICS)
        assert curves["total"][row] == pytest.approx(value, rel=1e-5)
        for name, cost in costs.items():
            assert curves[name][row] == pytest.approx(cost, rel=1e-5)
    # Training is what it is without.
    assert np.array_equal(result.history.rows, fit(validate=None).history.rows)


def test_the_best_variables_are_kept():
    result = cl.fit(FN, optax.adam(0.5), steps=30, batch_size=5, data=DATA, progress=False,
                    validate=VALID, validate_every=2)  # fmt: skip
    total = result.history.validation["total"]
    step = int(result.history.validation.steps[np.argmin(total)])
    assert result.best.steps == step < 30
    assert result.best.evaluate(VALID)[0] == pytest.approx(total.min(), rel=1e-5)
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(result.best.params))
    assert fit(validate=None).best is None


def test_patience_stops_and_survives_a_restart(tmp_path):
    options = {"validate_every": 2, "stop": Patience(3), "steps": 200}
    bad = cl.fit(
        FN, optax.adam(0.5), batch_size=5, data=DATA, progress=False, validate=VALID, **options
    )
    curve = bad.history.validation["total"]
    assert bad.steps < 200
    assert bad.stopped == "patience"
    assert not bad.interrupted
    assert "stopped by patience" in repr(bad)
    assert f"best after {bad.best.steps} steps" in repr(bad)
    assert len(curve) - 1 - np.argmin(curve) == 3
    for place in (tmp_path / "run.safetensors", f"{tmp_path / 'run'}/"):
        if str(place).endswith("/"):
            pytest.importorskip("orbax.checkpoint", reason="orbax is not installed")
        given = {**options, "batch_size": 5, "data": DATA, "progress": False, "validate": VALID}
        middle = bad.best.steps + 3  # best and one worse validation are behind it

        def stop(step, costs, middle=middle):
            return step >= middle

        cl.fit(FN, optax.adam(0.5), **given, checkpoint=place, log_every=1, callback=stop)
        again = cl.fit(FN, optax.adam(0.5), **given, checkpoint=place, resume=True)
        assert again.history == bad.history
        assert again.stopped == "patience"
        assert again.best.steps == bad.best.steps
        for one, other in zip(
            *map(jax.tree.leaves, (again.best.params, bad.best.params)), strict=True
        ):
            np.testing.assert_array_equal(one, other)
        # A run whose patience is over does not go on.
        assert (
            cl.fit(FN, optax.adam(0.5), **given, checkpoint=place, resume=True).steps == bad.steps
        )


def test_several_steps_at_once_validate_at_multiples():
    result = fit(scan_steps=4, validate_every=3)
    assert result.history.validation.steps.tolist() == [4, 8, 12]


def test_a_callback_may_ask_for_the_run():
    seen = []

    def callback(step, costs, run):
        assert run.steps == step
        seen.append((step, run.evaluate(VALID)[0], run))

    result = fit(callback=callback, validate_every=4)
    total = result.history.validation["total"]
    assert [step for step, _, _ in seen] == [4, 8, 12]
    np.testing.assert_allclose([value for _, value, _ in seen], total, rtol=1e-5)
    # What was kept stays what it was, though training has gone on.
    np.testing.assert_allclose([run.evaluate(VALID)[0] for _, _, run in seen], total, rtol=1e-5)

    def two(step, costs, note="a default is none of its arguments"):
        assert isinstance(note, str) or note.steps == step

    fit(callback=two)


def test_what_a_metric_raises_leaves_the_result(tmp_path):
    file = tmp_path / "run.safetensors"

    def measure(prediction, target):
        raise RuntimeError("of the metric")

    metrics = {"mine": ("data.X >> encoder >> head = data.Y", measure)}
    with pytest.raises(RuntimeError, match="of the metric") as caught:
        fit(metrics=metrics, checkpoint=file)
    assert caught.value.result.steps == 4
    assert file.exists()
    assert fit(checkpoint=file, resume=True).steps == 12


def test_what_does_not_fit_is_refused_before_the_first_step():
    with pytest.raises(DataError) as caught:
        fit(validate={"data": {"X": HELD_OUT["X"][:, :2], "Y": HELD_OUT["Y"]}, "small": OTHER})
    assert [failure.where for failure in caught.value.failures] == ["projection 'data.X'"]
    with pytest.raises(InvalidStructure) as caught:
        fit(validate=None, validate_every=3, stop=Patience(2), metrics=METRICS)
    assert [f.where for f in caught.value.failures] == ["validate_every", "stop", "metrics"]
    for wrong in (
        {"stop": Patience(2, by="acuracy")},
        {"metrics": {"large": METRICS["accuracy"]}},
        {"metrics": {"mine": "accuracy"}},
    ):
        with pytest.raises(InvalidStructure):
            fit(**wrong)
    with pytest.raises(InvalidStructure) as caught:
        Patience(0, least=-1)
    assert len(caught.value.failures) == 2


curves = st.lists(st.one_of(st.floats(-3, 3), st.just(np.nan)), max_size=9)


@given(curves, st.integers(1, 4), st.booleans(), st.sampled_from([0.0, 0.5]))
def test_patience_by_the_definition(values, checks, largest, least):
    """One value after the other: it is best if it beats the best so far by more than the least."""
    best, since, over = None, 0, False
    for value in values:
        gain = None if best is None else (value - best) * (1 if largest else -1)
        if np.isfinite(value) and (best is None or gain > least):
            best, since = value, 0
        else:
            since += 1
        over = since >= checks
    patience = Patience(checks, least=least, largest=largest)
    assert patience.is_over(values) == (over if values else False)
    place = patience.best(values)
    assert (None if place is None else values[place]) == best


def test_stopped_by_a_signal_it_has_its_curves(tmp_path):
    import signal

    def callback(step, costs):
        if step == 4:
            signal.raise_signal(signal.SIGINT)

    file = tmp_path / "run.safetensors"
    with pytest.warns(TrainingInterrupted):
        stopped = fit(callback=callback, checkpoint=file, validate_every=2)
    assert stopped.history.validation.steps.tolist()[:2] == [2, 4]
    assert (
        fit(checkpoint=file, resume=True, validate_every=2).history == fit(validate_every=2).history
    )


def test_curves_are_values():
    one = Curves(("total",), [1], [[np.nan]])
    assert one == Curves(("total",), [1], [[np.nan]])
    assert one != Curves(("total",), [2], [[np.nan]])
    assert "1 validations" in repr(one)
    with pytest.raises(KeyError):
        one["other"]
    assert jnp.asarray(accuracy(np.array([1, 2]), np.array([1, 1]))).tolist() == [1, 0]
