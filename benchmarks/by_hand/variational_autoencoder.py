"""The variational autoencoder: reconstruction from a sample, and a prior."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

import catlearn as cl

from .common import Regime, Sizes, network, total

REBUILD = "digits.X >> q >> sample >> decoder = digits.X"
PRIOR = "digits.X >> q = digits.X >> prior"


def regime(sizes: Sizes) -> Regime:
    """Return the regime at some size."""
    X, H = sizes.space("X", sizes.data), sizes.space("H", sizes.features)
    Z, V = sizes.space("Z", sizes.latent), sizes.space("V", sizes.latent)
    models = (
        sizes.model("encoder", X, H),
        sizes.model("mean", H, Z),
        sizes.model("spread", H, V),
        sizes.model("decoder", Z, X),
    )
    diagram = cl.zoo.variational_autoencoder(*models, cl.Dataset("digits", X=X), beta=0.5)
    fn = cl.lower(diagram.loss())
    (step,) = (step for step in fn.plan.steps if step.name == "sample" and step.op == "apply")
    batch = {"digits": {"X": sizes.noise(sizes.batch, sizes.data)}}
    return Regime(diagram, fn, partial(by_hand, digest=step.digest), batch, jax.random.key(5))


def by_hand(
    params: Any, state: Any, batch: Any, key: Any = None, digest: int = 0, sign: float = 1.0
) -> Any:
    """Minus the evidence lower bound: Kingma and Welling, equation 10; ``sign`` of the spread.

    The sample is drawn by the key with ``digest`` folded in, so that it is that of the regime.
    """
    x = batch["digits"]["X"]
    h = network(params["encoder"], x)
    mean, log_variance = network(params["mean"], h), network(params["spread"], h)
    noise = jax.random.normal(jax.random.fold_in(key, digest), mean.shape, mean.dtype)
    again = network(params["decoder"], mean + jnp.exp(0.5 * log_variance) * noise)
    density = 0.5 * ((again - x) ** 2 + math.log(2 * math.pi))
    inside = 1 + sign * log_variance - mean**2 - jnp.exp(log_variance)
    terms = {
        REBUILD: jnp.mean(jnp.sum(density, axis=1)),
        PRIOR: jnp.mean(-0.5 * jnp.sum(inside, axis=1)),
    }
    return total(terms, state)
