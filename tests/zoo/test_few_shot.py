"""Prototypical networks and nearest neighbours against the same losses by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure

WAYS, SHOTS, QUERIES = 4, 2, 3
SIDES = "classes.images >> encoder >> queries = classes.images >> encoder >> "


def linear(params, x):
    return x @ params["weight"] + params["bias"]


def parts(dtype="float32"):
    X, Z = cl.Space("X", 5, dtype), cl.Space("Z", 2, dtype)
    images = cl.Space("images", (SHOTS + QUERIES, 5), dtype)
    return cl.Model("encoder", X, Z, "linear"), cl.Dataset("classes", images=images)


def episode(noise, dtype="float32", seed=0):
    """Classes around centres that the noise does not hide."""
    images = noise((WAYS, SHOTS + QUERIES, 5), dtype, seed)
    return {"classes": {"images": images + 2 * noise((WAYS, 1, 5), dtype, seed + 1)}}


def embedded(params, batch):
    z = linear(params["encoder"], batch["classes"]["images"])
    return z[:, :SHOTS], z[:, SHOTS:].reshape(WAYS * QUERIES, 2)


def prototypes_by_hand(params, state, batch, key, sign=-1.0):
    """Snell et al., algorithm 1: logits are minus squared distances, labels the classes."""
    support, queries = embedded(params, batch)
    centres = support.mean(axis=1)
    logits = sign * jnp.sum((queries[:, None] - centres) ** 2, axis=-1)
    labels = jnp.repeat(jnp.arange(WAYS), QUERIES)
    cost = -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1))
    name = SIDES + "prototype"
    return state["weights"][name] * cost, {name: cost}


def neighbours_by_hand(params, state, batch, key, all_classes=True):
    """Goldberger et al.: the probability that the stochastic neighbour has the right label."""
    support, queries = embedded(params, batch)
    points = support.reshape(WAYS * SHOTS, 2)
    near = jax.nn.softmax(-jnp.sum((queries[:, None] - points) ** 2, axis=-1) / 2.0)
    labels, of = jnp.repeat(jnp.arange(WAYS), QUERIES), jnp.repeat(jnp.arange(WAYS), SHOTS)
    right = jnp.sum(near * (labels[:, None] == of), axis=1)
    cost = -jnp.mean(jnp.log(right)) if all_classes else jnp.mean(1 - right)
    name = SIDES + "support"
    return state["weights"][name] * cost, {name: cost}


def attracted_by_others(*arguments):
    """A mutant: far is near."""
    return prototypes_by_hand(*arguments, sign=1.0)


def expected_errors(*arguments):
    """A mutant: the probability itself instead of its logarithm."""
    return neighbours_by_hand(*arguments, all_classes=False)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_prototypes_are_the_loss_by_hand(agrees, noise, dtype):
    with agrees.precision(dtype):
        fn = cl.lower(cl.zoo.prototypical(*parts(dtype), SHOTS).loss())
        batch = episode(noise, dtype)
        agrees(fn, batch, prototypes_by_hand, wrong=attracted_by_others, program="flops")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_neighbours_are_the_loss_by_hand(agrees, noise, dtype):
    with agrees.precision(dtype):
        diagram = cl.zoo.nearest_neighbour(*parts(dtype), SHOTS, temperature=2.0)
        batch = episode(noise, dtype)
        agrees(
            cl.lower(diagram.loss()),
            batch,
            neighbours_by_hand,
            wrong=expected_errors,
            program="flops",
        )


@pytest.mark.parametrize("neighbours", [1, 3])
def test_the_error_rate_is_that_of_a_classifier(noise, neighbours):
    sklearn = pytest.importorskip("sklearn.neighbors")
    regime = cl.zoo.error_rate(cl.zoo.nearest_neighbour(*parts(), SHOTS), neighbours)
    fn = cl.lower(regime.loss())
    params, state = fn.init(jax.random.key(0))
    rate = jax.jit(lambda batch: fn(params, state, batch)[0])
    wrong = 0
    for seed in range(5):
        batch = episode(noise, seed=10 * seed)
        support, queries = map(np.asarray, embedded(params, batch))
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


def test_shuffling_draws_the_support_anew(noise):
    fn = cl.lower(cl.zoo.prototypical(*parts(), SHOTS, shuffle=True).loss())
    params, state = fn.init(jax.random.key(0))
    batch = episode(noise)
    value = jax.jit(lambda key: fn(params, state, batch, key)[0])
    values = {float(value(jax.random.key(i))) for i in (1, 1, 2, 3)}
    assert len(values) == 3
    lists = jnp.arange(12.0).reshape(3, 4)
    mixed = cl.zoo.few_shot.shuffled(lists, jax.random.key(0))
    assert (jnp.sort(mixed, axis=1) == lists).all()
    assert (mixed != lists).any()


def test_an_episode_is_a_batch_of_classes():
    encoder, classes = parts()
    images = np.random.default_rng(0).normal(size=(12, SHOTS + QUERIES, 5)).astype("float32")
    data = cl.Dataset("classes", images=(classes.spaces["images"], images))
    stream = cl.batches(cl.zoo.prototypical(encoder, data, SHOTS).data, WAYS)
    assert stream[0]["classes"]["images"].shape == (WAYS, SHOTS + QUERIES, 5)


def test_lists_that_do_not_fit_are_refused():
    encoder, classes = parts()
    with pytest.raises(InvalidStructure, match="lists of 5 have no 5 for support"):
        cl.zoo.prototypical(encoder, classes, 5)
    flat = cl.Dataset("classes", images=encoder.source)
    with pytest.raises(InvalidStructure, match="needs one column of lists of R"):
        cl.zoo.prototypical(encoder, flat, 1)
