"""Knowledge distillation: labels, two frozen teachers, a hint."""

from typing import Any

import jax
import numpy as np

import catlearn as cl

from .common import Regime, Sizes, entropy, network, softened, squared, total

LABEL = "digits.X >> body >> head = digits.Y"
FIRST = "digits.X >> body >> head = digits.X >> big >> top"
SECOND = "digits.X >> body >> head = digits.X >> other"
HINT = "digits.X >> body >> hint = digits.X >> big"


def models(sizes: Sizes) -> tuple[list[cl.Model], list[Any], cl.Dataset, cl.Model]:
    """Return a student, teachers, data, and a hint."""
    X, F, G = (
        sizes.space(name, size)
        for name, size in (("X", sizes.data), ("F", sizes.latent), ("G", sizes.features))
    )
    Y = sizes.labels_of("Y")
    student = [sizes.model("body", X, F), sizes.model("head", F, Y)]
    big, top, other = (
        _known(sizes.model(*edge), seed)
        for seed, edge in enumerate((("big", X, G), ("top", G, Y), ("other", X, Y)))
    )
    return student, [[big, top], other], cl.Dataset("digits", X=X, Y=Y), sizes.model("hint", F, G)


def _known(model: cl.Model, seed: int) -> cl.Model:
    """Give a model its parameters, drawn by numpy since drawing by JAX compiles each shape."""
    draws = np.random.default_rng(seed)
    shapes = model.architecture.structure(model.source.label, model.target.label)
    return model.freeze(
        jax.tree.map(
            lambda leaf: (draws.normal(size=leaf.shape) / leaf.shape[0] ** 0.5).astype(leaf.dtype),
            shapes,
        )
    )


def regime(sizes: Sizes) -> Regime:
    """Return the regime at some size."""
    student, teachers, data, hint = models(sizes)
    diagram = cl.zoo.distillation(
        student, teachers, data, hints=[hint], temperature=2.0, weight=0.5, hint_weight=0.1
    )
    batch = {"X": sizes.noise(sizes.batch, sizes.data), "Y": sizes.labels(sizes.batch)}
    return Regime(diagram, cl.lower(diagram.loss()), by_hand, {"digits": batch})


def by_hand(params: Any, state: Any, batch: Any, key: Any = None, turned: bool = False) -> Any:
    """Hinton et al., and Romero et al.; ``turned``: the divergence of student from teacher."""
    x, y, teacher = batch["digits"]["X"], batch["digits"]["Y"], state["frozen"]

    def soft(logits: jax.Array, target: jax.Array) -> jax.Array:
        return softened(*((target, logits) if turned else (logits, target)), 2.0)

    inside = network(params["body"], x)
    logits = network(params["head"], inside)
    seen = network(teacher["big"], x)
    terms = {
        LABEL: entropy(logits, y),
        FIRST: soft(logits, network(teacher["top"], seen)),
        SECOND: soft(logits, network(teacher["other"], x)),
        HINT: squared(network(params["hint"], inside), seen),
    }
    return total(terms, state)
