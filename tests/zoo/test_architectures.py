"""The architectures: their published counts, and their blocks against code by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.by_hand.transformer import gpt2_block
from catlearn.models import LoweredCircuit
from catlearn.zoo import architectures as zoo

KEY = jax.random.key(0)


def values(params, seed=0):
    """Replace parameters by numbers of which none is 0 or 1 by chance."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda one: jnp.asarray(rng.normal(size=one.shape)), params)


def agrees(circuit, by_hand, sizes, *arrays):
    """Run a circuit with some parameters, and compare it with a function by hand, in float64."""
    with jax.enable_x64(True):
        fn = LoweredCircuit(circuit, sizes)
        params = values(fn.init(KEY))
        found, expected = fn(params, *arrays), by_hand(params, *arrays)
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def normal(*shape):
    return np.random.default_rng(1).normal(size=shape)


def test_gpt2_counts():
    """Oracle 26."""
    assert zoo.gpt2().at(zoo.GPT2_SMALL).counts().parameters == 124_439_808


def test_gpt2_by_hand():
    sizes = {"m": 6, "h": 2, "d": 4, "f": 5}
    agrees(zoo.gpt2_layer(), gpt2_block, sizes, normal(3, 6))
