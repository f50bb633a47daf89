"""Generative adversarial networks against the same losses by hand, in three forms."""

import jax
import jax.numpy as jnp
import optax
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure

REAL = "images.X >> D = images.X >> real_D"
FAKE = "noise.Z >> G >> D = noise.Z >> G >> fake_D"
FOOL = "noise.Z >> G >> D = noise.Z >> G >> real_D"


def linear(params, x):
    return x @ params["weight"] + params["bias"]


def regime(form, dtype="float32"):
    Z, X, R = cl.Space("Z", 2, dtype), cl.Space("X", 3, dtype), cl.Space("R", 1, dtype)
    players = cl.Model("G", Z, X, "linear"), cl.Model("D", X, R, "linear")
    data = cl.Dataset("images", X=X), cl.Dataset("noise", Z=Z)
    return cl.zoo.gan(*players, *data, form=form)


def still(tree):
    return jax.tree.map(jax.lax.stop_gradient, tree)


def reverse(scale):
    """The identity, whose gradient is multiplied."""

    @jax.custom_vjp
    def layer(x):
        return x

    layer.defvjp(lambda x: (x, None), lambda _, g: (scale * g,))
    return layer


def bits(logits, truth):
    costs = optax.losses.sigmoid_binary_cross_entropy(logits, jnp.full_like(logits, truth))
    return jnp.mean(jnp.sum(costs, axis=1))


def squares(logits, truth):
    costs = optax.losses.squared_error(logits, jnp.full_like(logits, truth))
    return jnp.mean(jnp.sum(costs, axis=1))


def total(terms, state):
    first, *rest = (state["weights"][name] * cost for name, cost in terms.items())
    for cost in rest:
        first = first + cost
    return first, terms


def minimax(params, state, batch, key, scale=-1.0):
    G, D = params["G"], params["D"]
    terms = {REAL: bits(linear(D, batch["images"]["X"]), 1.0)}
    made = linear(G, batch["noise"]["Z"])
    terms[FAKE] = bits(linear(D, reverse(scale)(made)), 0.0)
    return total(terms, state)


def three(cost, free=False):
    def by_hand(params, state, batch, key):
        G, D = params["G"], params["D"]
        fixed = still(D) if not free else D
        terms = {REAL: cost(linear(D, batch["images"]["X"]), 1.0)}
        made = linear(G, batch["noise"]["Z"])
        terms[FAKE] = cost(linear(D, still(made)), 0.0)
        terms[FOOL] = cost(linear(fixed, made), 1.0)
        return total(terms, state)

    return by_hand


def same_sign(*arguments):
    """A mutant: the generator helps the critic."""
    return minimax(*arguments, scale=1.0)


CASES = {
    "minimax": (minimax, same_sign),
    # A mutant: the critic is trained by what the generator wants.
    "non-saturating": (three(bits), three(bits, free=True)),
    "least squares": (three(squares), three(squares, free=True)),
}


@pytest.mark.parametrize(
    ("form", "dtype"), [*((form, "float32") for form in CASES), ("minimax", "float64")]
)
def test_the_loss_is_the_one_by_hand(agrees, noise, dtype, form):
    by_hand, wrong = CASES[form]
    batch = {"images": {"X": noise((6, 3), dtype)}, "noise": {"Z": noise((4, 2), dtype, seed=1)}}
    with agrees.precision(dtype):
        agrees(cl.lower(regime(form, dtype).loss()), batch, by_hand, wrong=wrong)


def test_there_are_no_other_forms():
    with pytest.raises(InvalidStructure, match="expected one of 'minimax'"):
        regime("wasserstein")
