"""Prototypical networks and nearest neighbours against the same losses by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from benchmarks.by_hand import few_shot
from benchmarks.by_hand.common import Sizes
from catlearn.errors import InvalidStructure
from tests.errors import raises

WAYS, SHOTS, QUERIES = 4, 2, 3
MUTANTS = {"prototypical": {"sign": 1.0}, "nearest_neighbour": {"errors": True}}


def parts():
    return few_shot.parts(Sizes(), SHOTS, QUERIES)


def episode(seed=0):
    return few_shot.episode(Sizes(), WAYS, SHOTS + QUERIES, seed)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MUTANTS)
def test_the_loss_is_the_one_by_hand(agrees, dtype, name):
    with agrees.precision(dtype):
        regime = getattr(few_shot, name)(Sizes(dtype=dtype), WAYS, SHOTS, QUERIES)
        agrees(regime, program="flops", **MUTANTS[name])


@pytest.mark.parametrize("neighbours", [1, 3])
def test_the_error_rate_is_that_of_a_classifier(neighbours):
    sklearn = pytest.importorskip("sklearn.neighbors")
    regime = cl.zoo.error_rate(cl.zoo.nearest_neighbour(*parts(), SHOTS), neighbours)
    fn = cl.lower(regime.loss())
    params, state = fn.init(jax.random.key(0))
    rate = jax.jit(lambda batch: fn(params, state, batch)[0])
    wrong = 0
    for seed in range(5):
        batch = episode(10 * seed)
        support, queries, _ = map(np.asarray, few_shot.embedded(params, batch, SHOTS))
        # Weighted by distance, ties go to the nearer class as here.
        judge = sklearn.KNeighborsClassifier(neighbours, weights=lambda d: 1 + 1e-3 * np.exp(-d))
        judge.fit(support.reshape(-1, 2), np.repeat(np.arange(WAYS), SHOTS))
        expected = np.mean(judge.predict(queries) != np.repeat(np.arange(WAYS), QUERIES))
        assert float(rate(batch)) == pytest.approx(expected, abs=1e-6)
        wrong += expected
    assert 0 < wrong < 5


def test_the_error_rate_of_prototypes(noise):
    regime = cl.zoo.error_rate(cl.zoo.prototypical(*parts(), SHOTS))
    (divergence,) = map(regime.divergence, regime.soft_equations)
    queries, centres = noise((WAYS, QUERIES, 1, 2)), noise((WAYS, 1, 1, 2), seed=1)
    found = divergence(queries, np.broadcast_to(centres, queries.shape))
    far = np.linalg.norm(queries - centres[:, 0, 0], axis=-1)
    expected = np.mean(far.argmin(axis=-1) != np.arange(WAYS)[:, None], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert 0 < expected.mean() < 1


def test_shuffling_draws_the_support_anew():
    fn = cl.lower(cl.zoo.prototypical(*parts(), SHOTS, shuffle=True).loss())
    params, state = fn.init(jax.random.key(0))
    batch = episode()
    value = jax.jit(lambda key: fn(params, state, batch, key)[0])
    values = {float(value(jax.random.key(i))) for i in (1, 1, 2, 3)}
    assert len(values) == 3
    lists = jnp.arange(12.0).reshape(3, 4)
    mixed = cl.zoo.few_shot.shuffled(lists, jax.random.key(0))
    assert (jnp.sort(mixed, axis=1) == lists).all()
    assert (mixed != lists).any()


def test_batch_norm_reads_all_images_of_an_episode():
    """And changes its running means once; statistics of each class are another loss, a mutant."""
    linen = pytest.importorskip("flax.linen")

    class Normed(linen.Module):
        @linen.compact
        def __call__(self, x, train: bool):
            return linen.BatchNorm(use_running_average=not train, momentum=0.9)(linen.Dense(2)(x))

    encoder, classes = parts()
    normed = cl.Model("encoder", encoder.source, encoder.target, Normed())
    fn = cl.lower(cl.zoo.prototypical(normed, classes, SHOTS).loss())
    params, state = fn.init(jax.random.key(0))
    batch = episode()
    value, aux = jax.jit(fn)(params, state, batch)
    dense = jax.device_get(params["encoder"]["params"]["Dense_0"])
    z = np.asarray(batch["classes"]["images"]) @ dense["kernel"] + dense["bias"]

    def by_hand(axes):
        normal = (z - z.mean(axes, keepdims=True)) / np.sqrt(z.var(axes, keepdims=True) + 1e-5)
        centres, queries = normal[:, :SHOTS].mean(axis=1), normal[:, SHOTS:].reshape(-1, 2)
        near = np.exp(-((queries[:, None] - centres) ** 2).sum(axis=-1))
        own = near[np.arange(len(queries)), np.repeat(np.arange(WAYS), QUERIES)]
        return -np.log(own / near.sum(axis=1)).mean()

    assert float(value) == pytest.approx(by_hand((0, 1)), rel=1e-4)
    assert float(value) != pytest.approx(by_hand(1), rel=1e-2)
    found = aux.state["mutable"]["encoder"]["batch_stats"]["BatchNorm_0"]["mean"]
    np.testing.assert_allclose(found, 0.1 * z.mean(axis=(0, 1)), rtol=1e-4, atol=1e-6)


def test_an_episode_is_a_batch_of_classes():
    encoder, classes = parts()
    images = np.random.default_rng(0).normal(size=(12, SHOTS + QUERIES, 5)).astype("float32")
    data = cl.Dataset("classes", images=(classes.spaces["images"], images))
    stream = cl.batches(cl.zoo.prototypical(encoder, data, SHOTS).data, WAYS)
    assert stream[0]["classes"]["images"].shape == (WAYS, SHOTS + QUERIES, 5)


def test_lists_that_do_not_fit_are_refused():
    encoder, classes = parts()
    with raises(InvalidStructure, 5, law="shots", where="data set 'classes'"):
        cl.zoo.prototypical(encoder, classes, 5)
    flat = cl.Dataset("classes", images=encoder.source)
    with raises(InvalidStructure, "R^5", 0, law="column", where="data set 'classes'"):
        cl.zoo.prototypical(encoder, flat, 1)
