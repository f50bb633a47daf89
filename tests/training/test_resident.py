"""Data that stay on the device are the data that are sent, batch by batch."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.training import data as sources
from catlearn.training.data import Sources

KEY = jax.random.key(0)


@pytest.fixture
def all_stay(monkeypatch):
    """However small batches are, their data set is kept."""
    monkeypatch.setattr(sources, "SENT_BYTES", 0)


def heads():
    """Three heads that are stored and run as one, with columns of labels that are, too."""
    X, Y = cl.Space("X", 2), cl.Space("Y", 1)
    x = np.random.default_rng(0).normal(size=(10, 2)).astype("float32")
    columns = {f"Y{i}": (Y, x[:, :1] + i) for i in range(3)}
    init = {"w": jnp.ones((2, 1))}
    pair = (lambda key: init, lambda params, x: x @ params["w"])
    models = [cl.Model(f"head_{i}", X, Y, pair) for i in range(3)]
    equations = {f"task_{i}": f"d.X >> head_{i} = d.Y{i}" for i in range(3)}
    data = cl.Dataset("d", X=(X, x), **columns)
    return cl.lower(cl.LearningDiagram(data, *models, equations=equations).loss(), stack=True)


@pytest.fixture(scope="module")
def stacked():
    return heads()


def both(fn, data=None):
    return (Sources(fn, data, 4, key=KEY, resident=stay) for stay in (True, False))


def same(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ["plain", "stacked"])
def test_batches_are_the_same(kind, fn, stacked, all_stay):
    fn = fn if kind == "plain" else stacked
    kept, sent = both(fn)
    labels = tuple(("d", f"Y{i}") for i in range(3))
    assert set(kept.resident) == {*fn.plan.columns, *([labels] if kind == "stacked" else [])}
    assert not sent.resident
    for step in (0, 1, 5):
        same(kept.take(step), sent.take(step))
    steps = range(1, 4)
    (_, found), (_, expected) = kept.take_many(steps), sent.take_many(steps)
    same(found, expected)
    # Mutants: another step, and steps in another order.
    for other in (kept.take_many(range(2, 5)), kept.take_many(steps[::-1])):
        with pytest.raises(AssertionError):
            same(other[1], expected)


def test_runs_are_the_same(fn, adam, all_stay, monkeypatch):
    options = {"steps": 5, "batch_size": 4, "progress": False}
    kept = cl.fit(fn, adam, **options)
    several = cl.fit(fn, adam, scan_steps=2, **options)
    monkeypatch.setattr(sources, "SENT_BYTES", 2**30)
    sent = cl.fit(fn, adam, **options)
    assert kept.history == sent.history
    same(kept.params, sent.params)
    np.testing.assert_allclose(several.history.rows, sent.history.rows, rtol=1e-5)
    assert cl.fit(fn, adam, key=jax.random.key(1), **options).history != sent.history


def test_data_of_another_length_compile_no_step(regime, all_stay):
    fn, sgd = cl.lower(regime.loss()), optax.sgd(0.1)
    for length in (12, 11, 7):
        labelled = {name: column[:length] for name, column in regime.data["labelled"].items()}
        data = {**regime.data, "labelled": labelled}
        cl.fit(fn, sgd, steps=2, batch_size=4, data=data, progress=False)
    (program,) = fn.compiled.values()
    assert program._cache_size() == 1


def test_what_stays(fn, regime, tmp_path, monkeypatch):
    x = np.memmap(tmp_path / "x", "float32", "w+", shape=(12, 2))
    on_disk = {**regime.data["labelled"], "X": x}
    data = {**regime.data, "labelled": on_disk}
    size = 4 * 3 * 4  # four examples of three numbers
    for least, most, given, expected in (
        (0, 2**20, None, {"labelled", "unlabelled"}),
        (size, 2**20, None, {"labelled"}),
        (size + 1, 2**20, None, set()),
        (0, 7 * 2 * 4, None, {"unlabelled"}),
        (0, 2**20, data, {"unlabelled"}),
    ):
        monkeypatch.setattr(sources, "SENT_BYTES", least)
        monkeypatch.setattr(sources, "RESIDENT_BYTES", most)
        kept, _ = both(fn, given)
        assert set(kept.resident) == expected
    # What is taken whole lies on the device anyway.
    assert not Sources(fn, None, 12, key=KEY, resident=True).resident
