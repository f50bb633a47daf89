"""Regression with two heads against the same loss by hand."""

import jax.numpy as jnp
import pytest

import catlearn as cl

PLACE, ANGLE = (
    "scans.X >> encoder >> where = scans.place",
    "scans.X >> encoder >> turned = scans.angle",
)


def linear(params, x):
    return jnp.tensordot(x, params["weight"], 1) + params["bias"]


def regime(dtype="float32"):
    X, F = cl.Space("X", 4, dtype), cl.Space("F", 3, dtype)
    place, angle = cl.Space("place", 2, dtype), cl.Space("angle", (), dtype, "absolute_error")
    encoder = cl.Model("encoder", X, F, "linear")
    heads = [cl.Model("where", F, place, "linear"), cl.Model("turned", F, angle, "linear")]
    data = cl.Dataset("scans", X=X, place=place, angle=angle)
    return cl.zoo.regression(encoder, heads, data, weights=[1.0, 0.5])


def by_hand(params, state, batch, key, alike=False):
    data, weights = batch["scans"], state["weights"]
    feature = linear(params["encoder"], data["X"])
    away = linear(params["where"], feature) - data["place"]
    turn = linear(params["turned"], feature) - data["angle"]
    terms = {
        PLACE: jnp.mean(jnp.sum(away**2, axis=1)),
        ANGLE: jnp.mean(turn**2 if alike else jnp.abs(turn)),
    }
    return weights[PLACE] * terms[PLACE] + weights[ANGLE] * terms[ANGLE], terms


def both_squared(*arguments):
    """A mutant: the second space has the divergence of the first."""
    return by_hand(*arguments, alike=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, noise, dtype):
    shapes = {"X": (5, 4), "place": (5, 2), "angle": (5,)}
    batch = {
        "scans": {key: noise(shape, dtype, i) for i, (key, shape) in enumerate(shapes.items())}
    }
    with agrees.precision(dtype):
        agrees(cl.lower(regime(dtype).loss()), batch, by_hand, wrong=both_squared)


def test_the_squares_are_glued_along_the_encoder():
    diagram = regime()
    assert diagram.trainable == ("encoder", "where", "turned")
    assert len(diagram.gluing.legs) == 2
    assert diagram.weight(ANGLE) == 0.5
