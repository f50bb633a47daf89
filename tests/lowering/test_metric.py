"""The metric on parallel paths at fixed parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.errors import DataError, InvalidStructure, TooManyPaths
from catlearn.lowering.metric import path_metric
from tests.errors import raises

SIZE = 3


def linear(name, source, target):
    def init(key):
        return jax.random.normal(key, (SIZE, SIZE))

    return cl.Model(name, source, target, (init, lambda w, x: x @ w))


def regime(divergence="absolute_error", last=linear):
    """Three ways from the data to Y, and h : Y -> Z."""
    X, Y, Z = (cl.Space(name, SIZE, divergence=divergence) for name in "XYZ")
    D = cl.LearningDiagram(
        cl.Dataset("data", X=X, Y=Y), linear("f", X, Y), linear("g", X, Y), last("h", Y, Z)
    )
    return cl.lower(D.loss("all"))


ABSOLUTE, SQUARED = regime(), regime("squared_error")


def at(fn, seed):
    params, state = fn.init(jax.random.key(seed))
    rng = np.random.default_rng(seed)
    batch = {"data": {k: rng.normal(size=(5, SIZE)).astype("float32") for k in "XY"}}
    return params, state, batch


@given(st.integers(0, 20))
@settings(max_examples=5)
def test_losses_of_parallel_paths_are_a_metric(seed):
    params, state, batch = at(ABSOLUTE, seed)
    found = path_metric(ABSOLUTE, params, state, batch, "data", "Y")
    assert found.objects == ("data.Y", "data.X >> f", "data.X >> g")
    assert found.failures() == []
    assert found.is_symmetric
    x, y = batch["data"]["X"], batch["data"]["Y"]
    by_hand = np.mean(np.sum(abs(x @ np.asarray(params["f"]) - y), axis=1))
    assert found.distance("data.X >> f", "data.Y") == pytest.approx(by_hand, rel=1e-5)


@given(st.integers(0, 20))
@settings(max_examples=5)
def test_the_terms_of_the_loss_are_distances(seed):
    params, state, batch = at(ABSOLUTE, seed)
    terms = ABSOLUTE(params, state, batch)[1].terms
    for vertex in "YZ":
        found = path_metric(ABSOLUTE, params, state, batch, "data", vertex)
        for term in ABSOLUTE.loss.equations:
            if term.target == vertex:
                expected = float(terms[term.name])
                assert found.distance(str(term.lhs), str(term.rhs)) == pytest.approx(
                    expected, rel=1e-4, abs=1e-5
                )


def is_lipschitz(fn, params, state, batch, K):
    """l(p >> h, q >> h) <= K l(p, q)."""
    before, after = (path_metric(fn, params, state, batch, "data", v, check=False) for v in "YZ")
    return before.lipschitz(after, {p: f"{p} >> h" for p in before.objects}) <= K * (1 + 1e-4)


@given(st.integers(0, 20))
@settings(max_examples=5)
def test_a_lipschitz_map_stretches_by_at_most_its_constant(seed):
    params, state, batch = at(ABSOLUTE, seed)
    # for sums of absolute values, the largest sum of a row
    K = float(jnp.abs(params["h"]).sum(axis=1).max())
    assert is_lipschitz(ABSOLUTE, params, state, batch, K)
    assert not is_lipschitz(ABSOLUTE, {**params, "h": 10 * params["h"]}, state, batch, K / 10)


def test_squared_error_is_no_metric_and_says_so():
    params, state, _ = at(SQUARED, 0)
    batch = {"data": {"X": np.ones((1, SIZE), "f4"), "Y": np.zeros((1, SIZE), "f4")}}
    params = {**params, "f": jnp.eye(SIZE), "g": 2 * jnp.eye(SIZE)}
    with pytest.raises(InvalidStructure) as error:
        path_metric(SQUARED, params, state, batch, "data", "Y")
    assert "its divergence, squared_error, is no metric" in str(error.value)
    assert "data.Y -> data.X >> f -> data.X >> g: " in str(error.value)
    assert {failure.law for failure in error.value.failures} == {"triangle"}
    raw = path_metric(SQUARED, params, state, batch, "data", "Y", check=False)
    assert raw.distance("data.Y", "data.X >> g") == pytest.approx(12)
    assert np.sqrt(raw.hom)[0, 2] <= np.sqrt(raw.hom)[0, 1] + np.sqrt(raw.hom)[1, 2] + 1e-6


def test_labels_predict_nothing():
    X, Y = cl.Space("X", 2), cl.Categorical("Y", 3)
    D = cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y), cl.Model("f", X, Y, "linear"))
    fn = cl.lower(D.loss())
    params, state = fn.init(jax.random.key(0))
    batch = {"data": {"X": np.ones((4, 2), "f4"), "Y": np.zeros(4, "i4")}}
    with raises(InvalidStructure, law="representation", where="path 'data.Y'"):
        path_metric(fn, params, state, batch, "data", "Y")
    alone = path_metric(fn, params, state, batch, "data", "Y", paths=["data.X >> f"], check=False)
    assert alone.distance("data.X >> f", "data.X >> f") > 0


def test_refusals():
    params, state, batch = at(ABSOLUTE, 0)
    with pytest.raises(TooManyPaths):
        path_metric(ABSOLUTE, params, state, batch, "data", "Y", bound=2)
    with raises(InvalidStructure, "data", "X", "Y", law="ends", where="path 'data.X'"):
        path_metric(ABSOLUTE, params, state, batch, "data", "Y", paths=["data.X"])
    with raises(DataError, law="batch", where="projection 'data.Y'"):
        path_metric(ABSOLUTE, params, state, {"data": {"X": batch["data"]["X"]}}, "data", "Y")
    none = path_metric(ABSOLUTE, params, state, batch, "data", "Y", paths=[])
    assert len(none) == 0
