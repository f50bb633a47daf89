"""Contrastive learning of images and texts, with a temperature that is given or learned."""

from functools import partial
from typing import Any

import jax.numpy as jnp

import catlearn as cl

from .common import Regime, Sizes, entropy, network, total


def regime(sizes: Sizes, temperature: float | None = 0.5) -> Regime:
    """Return the regime at some size."""
    image, text = sizes.space("image", sizes.data), sizes.space("text", sizes.features)
    Z = sizes.space("Z", sizes.latent)
    see, read = sizes.model("see", image, Z), sizes.model("read", text, Z)
    pairs = cl.Dataset("pairs", image=image, text=text)
    diagram = cl.zoo.contrastive(see, read, pairs, temperature=temperature)
    batch = {
        "image": sizes.noise(sizes.batch, sizes.data),
        "text": sizes.noise(sizes.batch, sizes.features, seed=1),
    }
    loss = partial(by_hand, temperature=temperature)
    return Regime(diagram, cl.lower(diagram.loss()), loss, {"pairs": batch})


def by_hand(
    params: Any,
    state: Any,
    batch: Any,
    key: Any = None,
    temperature: float | None = None,
    both: bool = True,
) -> Any:
    """Radford et al., figure 3; ``both=False``: only texts are looked for."""
    (name,) = state["weights"]
    scale = jnp.exp(params["log_scale"]) if temperature is None else 1 / temperature
    see = network(params["see"], batch["pairs"]["image"])
    read = network(params["read"], batch["pairs"]["text"])
    see, read = (z / jnp.linalg.norm(z, axis=1, keepdims=True) for z in (see, read))
    logits, labels = scale * (see @ read.T), jnp.arange(len(see))
    images, texts = entropy(logits, labels), entropy(logits.T, labels)
    return total({name: (images + texts) / 2 if both else images}, state)
