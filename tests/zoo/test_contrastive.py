"""Contrastive learning of images and texts against the same loss by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure


def linear(params, x):
    return x @ params["weight"] + params["bias"]


def regime(dtype="float32", temperature: float | None = 0.5):
    left, right = cl.Space("image", 5, dtype), cl.Space("text", 4, dtype)
    Z = cl.Space("Z", 3, dtype)
    see, read = cl.Model("see", left, Z, "linear"), cl.Model("read", right, Z, "linear")
    return cl.zoo.contrastive(
        see, read, cl.Dataset("pairs", image=left, text=right), temperature=temperature
    )


def by_hand(params, state, batch, key, both=True):
    """Radford et al., figure 3, with a temperature that is learned or 0.5."""
    (name,) = state["weights"]
    scale = jnp.exp(params["log_scale"]) if "log_scale" in params else 2.0
    see = linear(params["see"], batch["pairs"]["image"])
    read = linear(params["read"], batch["pairs"]["text"])
    see, read = (z / jnp.linalg.norm(z, axis=1, keepdims=True) for z in (see, read))
    logits, labels = scale * (see @ read.T), jnp.arange(len(see))
    entropy = optax.losses.softmax_cross_entropy_with_integer_labels
    images, texts = entropy(logits, labels).mean(), entropy(logits.T, labels).mean()
    cost = (images + texts) / 2 if both else images
    return state["weights"][name] * cost, {name: cost}


def one_sided(*arguments):
    """A mutant: only texts are looked for."""
    return by_hand(*arguments, both=False)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, noise, dtype):
    with agrees.precision(dtype):
        batch = {"pairs": {"image": noise((6, 5), dtype), "text": noise((6, 4), dtype, 1)}}
        fn = cl.lower(regime(dtype).loss())
        agrees(fn, batch, by_hand, wrong=one_sided, program="flops")


def test_the_temperature_is_learned(agrees, noise):
    with agrees.precision("float64"):
        batch = {"pairs": {"image": noise((6, 5), "float64"), "text": noise((6, 4), "float64", 1)}}
        fn = cl.lower(regime("float64", temperature=None).loss())
        assert np.exp(fn.init(jax.random.key(0))[0]["log_scale"]) == pytest.approx(1 / 0.07)
        agrees(fn, batch, by_hand, program="flops")


def test_the_scale_is_bounded(noise):
    sides = noise((6, 3)), noise((6, 3), seed=1)

    def cost(log_scale):
        scales = np.ones(6, "float32") * log_scale
        return cl.Divergence("scaled_info_nce")(*((side, scales) for side in sides)).sum()

    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(cost)))(np.array([1.0, 5.0, 20.0]))
    assert values[1] == values[2] != values[0]
    assert slopes[1] == slopes[2] == 0 != slopes[0]


def test_encoders_that_do_not_meet_are_refused():
    left, right = cl.Space("image", 5), cl.Space("text", 4)
    see = cl.Model("see", left, cl.Space("Z", 3), "linear")
    read = cl.Model("read", right, cl.Space("W", 3), "linear")
    with pytest.raises(InvalidStructure, match="ends at W"):
        cl.zoo.contrastive(see, read, cl.Dataset("pairs", image=left, text=right), temperature=1.0)
