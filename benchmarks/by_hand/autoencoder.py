"""The autoencoder: X -> Z -> X."""

from typing import Any

import jax

import catlearn as cl

from .common import Regime, Sizes, network, squared, total

NAME = "digits.X >> encoder >> decoder = digits.X"


def regime(sizes: Sizes) -> Regime:
    """Return the regime at some size."""
    X, Z = sizes.space("X", sizes.data), sizes.space("Z", sizes.latent)
    there, back = sizes.model("encoder", X, Z), sizes.model("decoder", Z, X)
    diagram = cl.zoo.autoencoder(there, back, cl.Dataset("digits", X=X))
    batch = {"digits": {"X": sizes.noise(sizes.batch, sizes.data)}}
    return Regime(diagram, cl.lower(diagram.loss()), by_hand, batch)


def by_hand(params: Any, state: Any, batch: Any, key: Any = None, held: bool = False) -> Any:
    """Squared error of what comes back; ``held``: no gradient reaches the encoder."""
    x = batch["digits"]["X"]
    z = network(params["encoder"], x)
    z = jax.lax.stop_gradient(z) if held else z
    return total({NAME: squared(network(params["decoder"], z), x)}, state)
