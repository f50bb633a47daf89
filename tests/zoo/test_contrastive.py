"""Contrastive learning of images and texts against the same loss by hand."""

import jax
import numpy as np
import pytest

import catlearn as cl
from benchmarks.by_hand.common import Sizes
from benchmarks.by_hand.contrastive import regime
from catlearn.errors import InvalidStructure
from tests.errors import raises


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, dtype):
    with agrees.precision(dtype):
        agrees(regime(Sizes(latent=4, dtype=dtype)), both=False, program="flops")


def test_the_temperature_is_learned(agrees):
    with agrees.precision("float64"):
        learned = regime(Sizes(dtype="float64"), temperature=None)
        start = learned.fn.init(jax.random.key(0))[0]["log_scale"]
        assert np.exp(start) == pytest.approx(1 / 0.07)
        agrees(learned)


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
    with raises(
        InvalidStructure,
        "W",
        law="parallel sides",
        where="equation 'pairs.image >> see = pairs.text >> read'",
    ):
        cl.zoo.contrastive(see, read, cl.Dataset("pairs", image=left, text=right), temperature=1.0)
