"""Domain adaptation by an adversarial head, whose gradient is reversed."""

from typing import Any

import jax

import catlearn as cl

from .common import Regime, Sizes, bits, entropy, network, reverse, total

LABEL = "photos.X >> f >> label = photos.Y"
SOURCE = "photos.X >> f >> which = photos.X >> f >> source"
TARGET = "sketches.X >> f >> which = sketches.X >> f >> target"


def regime(sizes: Sizes) -> Regime:
    """Return the regime at some size."""
    X, F, R = sizes.space("X", sizes.data), sizes.space("F", sizes.features), sizes.space("R", 1)
    Y = sizes.labels_of("Y")
    models = sizes.model("f", X, F), sizes.model("label", F, Y), sizes.model("which", F, R)
    domains = cl.Dataset("photos", X=X, Y=Y), cl.Dataset("sketches", X=X)
    diagram = cl.zoo.domain_adversarial(*models, *domains, strength=0.5, weight=2.0)
    batch = {
        "photos": {"X": sizes.noise(sizes.batch, sizes.data), "Y": sizes.labels(sizes.batch)},
        "sketches": {"X": sizes.noise(sizes.other, sizes.data, seed=1)},
    }
    return Regime(diagram, cl.lower(diagram.loss()), by_hand, batch)


def by_hand(params: Any, state: Any, batch: Any, key: Any = None, scale: float = -0.5) -> Any:
    """Ganin et al.; ``scale`` multiplies the gradient into the features."""
    layer = reverse(scale)

    def which(inside: jax.Array, truth: float) -> jax.Array:
        return bits(network(params["which"], layer(inside)), truth)

    inside = network(params["f"], batch["photos"]["X"])
    terms = {
        LABEL: entropy(network(params["label"], inside), batch["photos"]["Y"]),
        SOURCE: which(inside, 0.0),
        TARGET: which(network(params["f"], batch["sketches"]["X"]), 1.0),
    }
    return total(terms, state)
