"""What training refuses before its first step: other kinds, and options that say nothing."""

import signal

import jax
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import CatlearnError, DataError, InvalidStructure, WrongKind
from catlearn.training import Patience, Sharding, batches
from tests.errors import each_call

X, Y = cl.Space("X", 2), cl.Space("Y", 1)
COLUMNS = {"X": np.ones((4, 2), "f4"), "Y": np.ones((4, 1), "f4")}
DIAGRAM = cl.LearningDiagram(
    cl.Dataset("d", X=(X, COLUMNS["X"]), Y=(Y, COLUMNS["Y"])), cl.Model("f", X, Y, "linear")
)
HELD_OUT = {"d": COLUMNS}
SGD = optax.sgd(0.1)


def fit(**options):
    return cl.fit(DIAGRAM, SGD, **{"steps": 1, "progress": False, **options})


def metric(measure):
    return fit(validate=HELD_OUT, metrics={"mine": ("d.X >> f = d.Y", measure)})


@pytest.fixture(scope="module")
def result():
    return fit()


WRONG = {
    "callback": [lambda r: fit(callback=lambda step: None), lambda r: fit(callback=print_four),
                 lambda r: fit(callback=lambda: None)],
    "params": lambda r: fit(params=[1]),
    "state": lambda r: fit(state="s"),
    "resume": lambda r: fit(resume="no", checkpoint="run.safetensors"),
    "overwrite": lambda r: fit(overwrite="yes", checkpoint="run.safetensors"),
    "stop": lambda r: fit(stop=3, validate=HELD_OUT),
    "sharding": lambda r: fit(sharding=4),
    "mesh": lambda r: Sharding(4),
    "least": lambda r: Sharding(jax.make_mesh((1,), ("x",)), least="many"),
    "batch_size": [lambda r: batches(HELD_OUT, "4"), lambda r: r.predict("f", COLUMNS["X"], "4"),
                   lambda r: r.evaluate(batch_size=2.5)],
    "data": [lambda r: r.evaluate([COLUMNS]), lambda r: batches({"d": 1}),
             lambda r: batches({"d": {"X": 1}})],
    "key": lambda r: r.evaluate(key=0),
    "metrics": lambda r: r.evaluate(metrics=["accuracy"]),
    "path": lambda r: r.predict(3, COLUMNS["X"]),
    "checks": [lambda r: Patience("x"), lambda r: Patience(True), lambda r: Patience(2.5)],
    "by": lambda r: Patience(3, by=3),
    "least ": lambda r: Patience(3, least="x"),
    "largest": lambda r: Patience(3, largest="yes"),
    "optimizer": [lambda r: cl.per_edge(3), lambda r: cl.per_edge({}),
                  lambda r: cl.fit(DIAGRAM, {"f": {"learning_rate": 1}}, steps=1)],
}  # fmt: skip


def print_four(step, costs, result, more):
    """A callback of too many arguments."""


@each_call(WRONG)
def test_wrong_kinds_are_refused_by_name(result, name, make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WrongKind) as caught:
        make(result)
    assert str(caught.value).startswith(f"{name.strip()} is ")
    assert isinstance(caught.value, TypeError)
    assert not list(tmp_path.iterdir())


REFUSED = {
    "stop_on": [lambda r: fit(stop_on=[9]), lambda r: fit(stop_on=[signal.SIGSTOP]),
                lambda r: fit(stop_on=15), lambda r: fit(stop_on="SIGTERM")],
    "batch_size": [lambda r: r.predict("f", COLUMNS["X"], 0), lambda r: r.evaluate(batch_size=-1)],
    "overwrite": lambda r: fit(overwrite=True),
    "resume": lambda r: fit(resume=True),
    "params": lambda r: fit(params={"g": r.params["f"]}),
    "state": lambda r: fit(state={k: v for k, v in r.state.items() if k != "frozen"}),
    "checks": lambda r: Patience(0),
    "least": lambda r: Patience(1, least=float("nan")),
    # Metrics are measured inside of jax.jit, one float for each example.
    "measure argmax": lambda r: metric(lambda p, t: argmax(p)),
    "measure number": lambda r: metric(lambda p, t: number(p)),
    "measure whole": lambda r: metric(lambda p, t: p * t),
}  # fmt: skip


def argmax(p):
    return np.asarray(p).argmax(-1) * 1.0


def number(p):
    return float(p[0, 0])


@each_call(REFUSED)
def test_what_says_nothing_is_refused(result, name, make):
    with pytest.raises(InvalidStructure) as caught:
        make(result)
    (failure,) = caught.value.failures
    assert name.startswith("measure ") or failure.where == name
    # A metric is refused by its name.
    assert ("metric 'mine'" in str(caught.value)) == name.startswith("measure ")


def test_a_metric_is_refused_before_the_first_step(tmp_path):
    """And after training, by the same error."""
    seen = []
    metrics = {"mine": ("d.X >> f = d.Y", lambda p, t: argmax(p))}
    with pytest.raises(InvalidStructure):
        fit(validate=HELD_OUT, metrics=metrics, callback=lambda s, c: seen.append(s), log_every=1)
    assert not seen
    with pytest.raises(InvalidStructure) as caught:
        fit().evaluate(metrics=metrics)
    assert "metric 'mine'" in str(caught.value)


@pytest.mark.parametrize("option", ["validate", "data"])
def test_data_by_another_name_are_recognised(option):
    """Each fault says what the caller calls the data."""
    with pytest.raises(DataError) as caught:
        fit(**{option: {"dd": COLUMNS}})
    assert [f.where for f in caught.value.failures] == [
        "data set 'dd'", "data set 'd', projection 'X'", "data set 'd', projection 'Y'"
    ]  # fmt: skip
    assert "did you mean d?" in caught.value.failures[0].message
    with pytest.raises(DataError) as caught:
        fit(**{option: {"d": {"X": COLUMNS["X"]}}})
    (failure,) = caught.value.failures
    assert failure.where == "data set 'd', projection 'Y'"
    assert f"{option}=" in failure.message
    other = {"validate": "data", "data": "validate"}[option]
    assert f"{other}=" not in str(caught.value)


def test_callbacks_of_two_or_three_arguments_are_taken():
    calls = []

    class Two:
        def __call__(self, step, costs, *, note=None):
            calls.append(step)

    fit(callback=Two())
    fit(callback=lambda *given: calls.append(given[0]))
    fit(callback=lambda step, costs, result: calls.append(result.steps))
    assert calls == [1, 1, 1]
    assert issubclass(WrongKind, CatlearnError)
