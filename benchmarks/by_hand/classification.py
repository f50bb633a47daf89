"""Supervised classification: X -> F -> Y against labels."""

from typing import Any

import jax.numpy as jnp

import catlearn as cl

from .common import Regime, Sizes, entropy, network, squared, total

NAME = "digits.X >> encoder >> head = digits.Y"


def regime(sizes: Sizes) -> Regime:
    """Return the regime at some size."""
    X, F, Y = sizes.space("X", sizes.data), sizes.space("F", sizes.features), sizes.labels_of("Y")
    encoder, head = sizes.model("encoder", X, F), sizes.model("head", F, Y)
    diagram = cl.zoo.classification(encoder, head, data=cl.Dataset("digits", X=X, Y=Y))
    batch = {"X": sizes.noise(sizes.batch, sizes.data), "Y": sizes.labels(sizes.batch)}
    return Regime(diagram, cl.lower(diagram.loss()), by_hand, {"digits": batch})


def by_hand(params: Any, state: Any, batch: Any, key: Any = None, squares: bool = False) -> Any:
    """Cross-entropy; ``squares``: labels as vectors, and squared errors."""
    x, y = batch["digits"]["X"], batch["digits"]["Y"]
    logits = network(params["head"], network(params["encoder"], x))
    cost = squared(logits, jnp.eye(logits.shape[1])[y]) if squares else entropy(logits, y)
    return total({NAME: cost}, state)
