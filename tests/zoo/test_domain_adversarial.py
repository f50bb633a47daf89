"""Domain adaptation by an adversarial head against the same loss by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl

LABEL = "photos.X >> f >> label = photos.Y"
SOURCE = "photos.X >> f >> which = photos.X >> f >> source"
TARGET = "sketches.X >> f >> which = sketches.X >> f >> target"


def linear(params, x):
    return x @ params["weight"] + params["bias"]


def regime(dtype="float32"):
    X, F, R = cl.Space("X", 4, dtype), cl.Space("F", 3, dtype), cl.Space("R", 1, dtype)
    Y = cl.Categorical("Y", 2, dtype=dtype)
    models = (
        cl.Model("f", X, F, "linear"),
        cl.Model("label", F, Y, "linear"),
        cl.Model("which", F, R, "linear"),
    )
    domains = cl.Dataset("photos", X=X, Y=Y), cl.Dataset("sketches", X=X)
    return cl.zoo.domain_adversarial(*models, *domains, strength=0.5, weight=2.0)


def reverse(scale):
    """The layer of the paper: the identity, whose gradient is turned and multiplied."""

    @jax.custom_vjp
    def layer(x):
        return x

    layer.defvjp(lambda x: (x, None), lambda _, g: (scale * g,))
    return layer


def hand_written(scale=-0.5):
    layer = reverse(scale)

    def by_hand(params, state, batch, key):
        x, y, other = batch["photos"]["X"], batch["photos"]["Y"], batch["sketches"]["X"]

        def which(inside, truth):
            logits = linear(params["which"], layer(inside))
            costs = optax.losses.sigmoid_binary_cross_entropy(logits, jnp.full_like(logits, truth))
            return jnp.mean(jnp.sum(costs, axis=1))

        inside = linear(params["f"], x)
        logits = linear(params["label"], inside)
        costs = optax.losses.softmax_cross_entropy_with_integer_labels(logits, y)
        terms = {LABEL: jnp.mean(costs), SOURCE: which(inside, 0.0)}
        terms[TARGET] = which(linear(params["f"], other), 1.0)
        first, second, third = (state["weights"][name] * cost for name, cost in terms.items())
        return first + second + third, terms

    return by_hand


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, noise, dtype):
    labels = np.array([0, 1, 1, 0, 1], "int32")
    batch = {
        "photos": {"X": noise((5, 4), dtype), "Y": labels},
        "sketches": {"X": noise((6, 4), dtype, seed=1)},
    }
    with agrees.precision(dtype):
        fn = cl.lower(regime(dtype).loss())
        # A mutant: features that help the critic.
        agrees(fn, batch, hand_written(), wrong=hand_written(0.5))


def test_features_unlearn_what_the_critic_learns():
    diagram = regime()
    assert diagram.trains(LABEL) is None
    assert diagram.trains(SOURCE) == diagram.trains(TARGET) == {"f": -0.5, "which": 1.0}
    assert diagram.weight(TARGET) == 2.0
