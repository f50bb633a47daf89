"""Contrastive learning of images and texts against the same loss by hand."""

import jax.numpy as jnp
import optax
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure

NAME = "pairs.image >> see = pairs.text >> read"


def linear(params, x):
    return x @ params["weight"] + params["bias"]


def regime(dtype="float32"):
    left, right = cl.Space("image", 5, dtype), cl.Space("text", 4, dtype)
    Z = cl.Space("Z", 3, dtype)
    see, read = cl.Model("see", left, Z, "linear"), cl.Model("read", right, Z, "linear")
    return cl.zoo.contrastive(
        see, read, cl.Dataset("pairs", image=left, text=right), temperature=0.5
    )


def by_hand(params, state, batch, key, both=True):
    """Radford et al., figure 3, at a fixed temperature."""
    see = linear(params["see"], batch["pairs"]["image"])
    read = linear(params["read"], batch["pairs"]["text"])
    see, read = (z / jnp.linalg.norm(z, axis=1, keepdims=True) for z in (see, read))
    logits, labels = see @ read.T / 0.5, jnp.arange(len(see))
    entropy = optax.losses.softmax_cross_entropy_with_integer_labels
    images, texts = entropy(logits, labels).mean(), entropy(logits.T, labels).mean()
    cost = (images + texts) / 2 if both else images
    return state["weights"][NAME] * cost, {NAME: cost}


def one_sided(*arguments):
    """A mutant: only texts are looked for."""
    return by_hand(*arguments, both=False)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, noise, dtype):
    with agrees.precision(dtype):
        batch = {"pairs": {"image": noise((6, 5), dtype), "text": noise((6, 4), dtype, 1)}}
        fn = cl.lower(regime(dtype).loss())
        agrees(fn, batch, by_hand, wrong=one_sided, program="flops")


def test_encoders_that_do_not_meet_are_refused():
    left, right = cl.Space("image", 5), cl.Space("text", 4)
    see = cl.Model("see", left, cl.Space("Z", 3), "linear")
    read = cl.Model("read", right, cl.Space("W", 3), "linear")
    with pytest.raises(InvalidStructure, match="ends at W"):
        cl.zoo.contrastive(see, read, cl.Dataset("pairs", image=left, text=right))
