"""Generative adversarial networks, in three forms."""

from functools import partial
from typing import Any

import catlearn as cl

from .common import Regime, Sizes, bits, gaps, network, reverse, still, total

REAL = "images.X >> D = images.X >> real_D"
FAKE = "noise.Z >> G >> D = noise.Z >> G >> fake_D"
FOOL = "noise.Z >> G >> D = noise.Z >> G >> real_D"


def regime(sizes: Sizes, form: str) -> Regime:
    """Return the regime at some size."""
    Z, X, R = sizes.space("Z", sizes.latent), sizes.space("X", sizes.data), sizes.space("R", 1)
    players = sizes.model("G", Z, X), sizes.model("D", X, R)
    diagram = cl.zoo.gan(*players, cl.Dataset("images", X=X), cl.Dataset("noise", Z=Z), form=form)
    batch = {
        "images": {"X": sizes.noise(sizes.batch, sizes.data)},
        "noise": {"Z": sizes.noise(sizes.other, sizes.latent, seed=1)},
    }
    return Regime(diagram, cl.lower(diagram.loss()), LOSSES[form], batch)


def minimax(params: Any, state: Any, batch: Any, key: Any = None, scale: float = -1.0) -> Any:
    """Goodfellow et al., equation 1; ``scale`` multiplies the gradient into the generator."""
    G, D = params["G"], params["D"]
    made = network(G, batch["noise"]["Z"])
    terms = {
        REAL: bits(network(D, batch["images"]["X"]), 1.0),
        FAKE: bits(network(D, reverse(scale)(made)), 0.0),
    }
    return total(terms, state)


def three(
    params: Any, state: Any, batch: Any, key: Any = None, cost: Any = bits, free: bool = False
) -> Any:
    """Three equations; ``free``: what the generator wants trains the critic as well."""
    G, D = params["G"], params["D"]
    made = network(G, batch["noise"]["Z"])
    terms = {
        REAL: cost(network(D, batch["images"]["X"]), 1.0),
        FAKE: cost(network(D, still(made)), 0.0),
        FOOL: cost(network(D if free else still(D), made), 1.0),
    }
    return total(terms, state)


LOSSES = {
    "minimax": minimax,
    "non-saturating": partial(three, cost=bits),
    "least squares": partial(three, cost=gaps),
}
