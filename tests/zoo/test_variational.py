"""The variational autoencoder against the same loss by hand."""

import math

import jax
import jax.numpy as jnp
import pytest

import catlearn as cl

REBUILD = "digits.X >> q >> sample >> decoder = digits.X"
PRIOR = "digits.X >> q = digits.X >> prior"


def linear(params, x):
    return x @ params["weight"] + params["bias"]


def regime(dtype="float32"):
    X, H = cl.Space("X", 5, dtype), cl.Space("H", 3, dtype)
    Z, V = cl.Space("Z", 2, dtype), cl.Space("V", 2, dtype)
    models = (
        cl.Model("encoder", X, H, "linear"),
        cl.Model("mean", H, Z, "linear"),
        cl.Model("spread", H, V, "linear"),
        cl.Model("decoder", Z, X, "linear"),
    )
    return cl.zoo.variational_autoencoder(*models, cl.Dataset("digits", X=X), beta=0.5)


def sample_key(fn, key):
    (step,) = (step for step in fn.plan.steps if step.name == "sample" and step.op == "apply")
    return jax.random.fold_in(key, step.digest)


def hand_written(fn, sign=1.0):
    """Minus the evidence lower bound: Kingma and Welling, equation 10, with a weight."""

    def by_hand(params, state, batch, key):
        x = batch["digits"]["X"]
        h = linear(params["encoder"], x)
        mean, log_variance = linear(params["mean"], h), linear(params["spread"], h)
        noise = jax.random.normal(sample_key(fn, key), mean.shape, mean.dtype)
        again = linear(params["decoder"], mean + jnp.exp(0.5 * log_variance) * noise)
        density = 0.5 * ((again - x) ** 2 + math.log(2 * math.pi))
        inside = 1 + sign * log_variance - mean**2 - jnp.exp(log_variance)
        terms = {
            REBUILD: jnp.mean(jnp.sum(density, axis=1)),
            PRIOR: jnp.mean(-0.5 * jnp.sum(inside, axis=1)),
        }
        weights = state["weights"]
        return weights[REBUILD] * terms[REBUILD] + weights[PRIOR] * terms[PRIOR], terms

    return by_hand


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, noise, dtype):
    with agrees.precision(dtype):
        fn = cl.lower(regime(dtype).loss())
        batch = {"digits": {"X": noise((6, 5), dtype)}}
        wrong = hand_written(fn, sign=-1.0)
        key = jax.random.key(5)
        agrees(fn, batch, hand_written(fn), wrong=wrong, key=key, program="flops")


def test_it_is_random_and_gradients_pass_the_sample(noise):
    fn = cl.lower(regime().loss([REBUILD]))
    params, state = fn.init(jax.random.key(0))
    batch = {"digits": {"X": noise((6, 5))}}
    run = jax.jit(jax.value_and_grad(lambda p, key: fn(p, state, batch, key)[0]))
    (one, found), (other, _) = (run(params, jax.random.key(i)) for i in (1, 2))
    assert abs(float(one - other)) > 1e-4
    for edge in ("mean", "spread", "encoder"):
        assert jnp.abs(found[edge]["weight"]).max() > 1e-4
