"""Captioning with teacher forcing, by a recurrent decoder."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import catlearn as cl

from .common import Regime, Sizes, network, total

TOLD = "seen >> decoder = pairs.sentence >> after"


def regime(sizes: Sizes, words: int = 5, length: int = 3) -> Regime:
    """Return the regime at some size; captions tell ``length`` words after the first."""
    image, F = sizes.space("image", sizes.data), sizes.space("F", sizes.features)
    sentence = cl.Space("sentence", length + 1, "int32")
    earlier = cl.Space("earlier", length, "int32")
    logits = sizes.space("logits", (length, words))
    told = partial(_init, sizes, words), tell
    parts = (
        sizes.model("encoder", image, F),
        cl.Model("decoder", cl.Product("context", F, earlier), logits, told),
    )
    diagram = cl.zoo.captioning(
        *parts, cl.Dataset("pairs", image=image, sentence=sentence), sentence
    )
    batch = {
        "image": sizes.noise(sizes.batch, sizes.data),
        "sentence": sentences(sizes.batch, words, length),
    }
    return Regime(diagram, cl.lower(diagram.loss()), by_hand, {"pairs": batch})


def _init(sizes: Sizes, words: int, key: jax.Array) -> dict[str, jax.Array]:
    size = sizes.features
    shapes = {"state": (size, size), "embedding": (words, size), "readout": (size, words)}
    keys = jax.random.split(key, len(shapes))
    return {
        name: jax.random.normal(one, shape, sizes.dtype) / size**0.5
        for one, (name, shape) in zip(keys, shapes.items(), strict=True)
    }


def sentences(count: int, words: int, length: int) -> np.ndarray:
    """Draw sentences: 1 begins, 2 ends, 0 comes after the end."""
    draws = np.random.default_rng(0)
    found = draws.integers(3, words, (count, length + 1))
    found[:, 0] = 1
    ends, places = draws.integers(1, length + 1, (count, 1)), np.arange(length + 1)
    return np.where(places < ends, found, np.where(places == ends, 2, 0)).astype("int32")


def tell(params: Any, start: jax.Array, words: jax.Array) -> jax.Array:
    """Run the decoder: its state begins at the image, and reads one word at each place."""

    def step(state: jax.Array, word: jax.Array) -> tuple[jax.Array, jax.Array]:
        state = jnp.tanh(state @ params["state"] + params["embedding"][word])
        return state, state @ params["readout"]

    _, logits = jax.lax.scan(step, start, words.T)
    return jnp.moveaxis(logits, 0, 1)


def by_hand(params: Any, state: Any, batch: Any, key: Any = None, peeks: bool = False) -> Any:
    """Cross-entropy of the words; ``peeks``: the decoder reads the words that it shall tell."""
    sentence = batch["pairs"]["sentence"]
    after = sentence[:, 1:]
    start = network(params["encoder"], batch["pairs"]["image"])
    logits = tell(params["decoder"], start, after if peeks else sentence[:, :-1])
    there = (after != 0)[..., None].astype(logits.dtype)
    target = jax.nn.one_hot(after, logits.shape[-1], dtype=logits.dtype) * there
    cost = jnp.mean(jnp.sum(-target * jax.nn.log_softmax(logits), axis=(1, 2)))
    return total({TOLD: cost}, state)
