"""Supervised classification against the same loss by hand."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure

LABELS = np.array([0, 2, 1, 1, 0], "int32")


def linear(params, x):
    return x @ params["weight"] + params["bias"]


def regime(dtype="float32"):
    X, F, Y = (
        cl.Space("X", 4, dtype),
        cl.Space("F", 3, dtype),
        cl.Categorical("Y", 3, dtype=dtype),
    )
    encoder, head = cl.Model("encoder", X, F, "linear"), cl.Model("head", F, Y, "linear")
    return cl.zoo.classification(encoder, head, data=cl.Dataset("digits", X=X, Y=Y))


def by_hand(params, state, batch, key):
    (name,) = state["weights"]
    x, y = batch["digits"]["X"], batch["digits"]["Y"]
    logits = linear(params["head"], linear(params["encoder"], x))
    cost = jnp.mean(optax.losses.softmax_cross_entropy_with_integer_labels(logits, y))
    return state["weights"][name] * cost, {name: cost}


def squares(params, state, batch, key):
    """A mutant: labels as vectors, and squared errors."""
    (name,) = state["weights"]
    x, y = batch["digits"]["X"], batch["digits"]["Y"]
    logits = linear(params["head"], linear(params["encoder"], x))
    cost = jnp.mean(jnp.sum((logits - jnp.eye(3)[y]) ** 2, axis=1))
    return state["weights"][name] * cost, {name: cost}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, noise, dtype):
    with agrees.precision(dtype):
        batch = {"digits": {"X": noise((5, 4), dtype), "Y": LABELS}}
        agrees(cl.lower(regime(dtype).loss()), batch, by_hand, wrong=squares)


def test_its_equation_emerges():
    diagram = regime()
    (name,) = diagram.soft_equations
    assert name == "digits.X >> encoder >> head = digits.Y"
    assert len(diagram.loss("all").terms) == 1


def test_data_without_the_columns_are_refused():
    X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    model = cl.Model("f", X, Y, "linear")
    with pytest.raises(InvalidStructure, match="needs one column at the space 'Y', has only X"):
        cl.zoo.classification(model, data=cl.Dataset("digits", X=X))
    with pytest.raises(InvalidStructure, match=r"has digits\.X, digits\.again"):
        cl.zoo.classification(model, data=cl.Dataset("digits", X=X, again=X, Y=Y))
