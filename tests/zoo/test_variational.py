"""The variational autoencoder against the same loss by hand."""

import jax
import jax.numpy as jnp
import pytest

import catlearn as cl
from benchmarks.by_hand.common import Sizes
from benchmarks.by_hand.variational_autoencoder import REBUILD, regime


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, dtype):
    with agrees.precision(dtype):
        agrees(regime(Sizes(dtype=dtype)), sign=-1.0, program="flops")


def test_it_is_random_and_gradients_pass_the_sample():
    whole = regime(Sizes())
    fn, batch = cl.lower(whole.diagram.loss([REBUILD])), whole.batch
    params, state = fn.init(jax.random.key(0))
    run = jax.jit(jax.value_and_grad(lambda p, key: fn(p, state, batch, key)[0]))
    (one, found), (other, _) = (run(params, jax.random.key(i)) for i in (1, 2))
    assert abs(float(one - other)) > 1e-4
    for edge in ("mean", "spread", "encoder"):
        assert jnp.abs(found[edge]["weight"]).max() > 1e-4
