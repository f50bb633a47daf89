"""Regression with two heads, whose spaces have divergences of their own."""

from typing import Any

import jax.numpy as jnp

import catlearn as cl

from .common import Regime, Sizes, network, squared, total

PLACE = "scans.X >> encoder >> where = scans.place"
ANGLE = "scans.X >> encoder >> turned = scans.angle"


def regime(sizes: Sizes) -> Regime:
    """Return the regime at some size."""
    X, F = sizes.space("X", sizes.data), sizes.space("F", sizes.features)
    place, angle = sizes.space("place", 2), sizes.space("angle", (), "absolute_error")
    heads = [sizes.model("where", F, place), sizes.model("turned", F, angle)]
    data = cl.Dataset("scans", X=X, place=place, angle=angle)
    diagram = cl.zoo.regression(sizes.model("encoder", X, F), heads, data, weights=[1.0, 0.5])
    batch = {
        "X": sizes.noise(sizes.batch, sizes.data),
        "place": sizes.noise(sizes.batch, 2, seed=1),
        "angle": sizes.noise(sizes.batch, seed=2),
    }
    return Regime(diagram, cl.lower(diagram.loss()), by_hand, {"scans": batch})


def by_hand(params: Any, state: Any, batch: Any, key: Any = None, alike: bool = False) -> Any:
    """Squares and absolute values; ``alike``: the second space has the divergence of the first."""
    data = batch["scans"]
    inside = network(params["encoder"], data["X"])
    place = network(params["where"], inside)
    turn = network(params["turned"], inside) - data["angle"]
    terms = {
        PLACE: squared(place, data["place"]),
        ANGLE: jnp.mean(turn**2 if alike else jnp.abs(turn)),
    }
    return total(terms, state)
