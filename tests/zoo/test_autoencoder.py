"""The autoencoder against the same loss by hand."""

import jax
import jax.numpy as jnp
import pytest

import catlearn as cl

NAME = "digits.X >> encoder >> decoder = digits.X"


def linear(params, x):
    return x @ params["weight"] + params["bias"]


def regime(dtype="float32", **columns):
    X, Z = cl.Space("X", 4, dtype), cl.Space("Z", 2, dtype)
    there, back = cl.Model("encoder", X, Z, "mlp", width=3), cl.Model("decoder", Z, X, "linear")
    return cl.zoo.autoencoder(there, back, cl.Dataset("digits", X=X, **columns))


def by_hand(params, state, batch, key, held=False):
    x = batch["digits"]["X"]
    first, last = params["encoder"]
    z = linear(last, jax.nn.relu(linear(first, x)))
    z = jax.lax.stop_gradient(z) if held else z
    cost = jnp.mean(jnp.sum((linear(params["decoder"], z) - x) ** 2, axis=1))
    return state["weights"][NAME] * cost, {NAME: cost}


def held_encoder(*arguments):
    """A mutant: no gradient reaches the encoder."""
    return by_hand(*arguments, held=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, noise, dtype):
    batch = {"digits": {"X": noise((5, 4), dtype)}}
    with agrees.precision(dtype):
        agrees(cl.lower(regime(dtype).loss()), batch, by_hand, wrong=held_encoder)


def test_it_is_a_basis_and_labels_beside_do_not_matter():
    assert tuple(regime(Y=cl.Categorical("Y", 3)).soft_equations) == (NAME,)
