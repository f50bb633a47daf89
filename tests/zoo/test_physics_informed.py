"""Physics-informed regression against the same loss by hand: Burgers' equation."""

import jax
import jax.numpy as jnp
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure

NU = 0.1
FIT = "border.X >> u = border.U"
LAW = "inside.X >> jet >> burgers = inside.X >> nothing"


def burgers(u, u_t, u_x, u_xx):
    return u_t + u * u_x - NU * u_xx


def net(params, x):
    first, last = params
    return jnp.tanh(x @ first["weight"] + first["bias"]) @ last["weight"] + last["bias"]


def regime(dtype="float32", law="jet >> burgers = nothing"):
    X, U = cl.Space("X", 2, dtype), cl.Space("U", 1, dtype)
    u = cl.Model("u", X, U, "mlp", width=4, activation="tanh")
    J = cl.Product("J", U, U, U, U)
    parts = [
        cl.Operator("u_t", "derivative", of="u", along=(1,)),
        cl.Operator("u_x", "derivative", of="u", along=(0,)),
        cl.Operator("u_xx", "derivative", of="u", along=(0, 0)),
        cl.Pairing("jet", J, "u", "u_t", "u_x", "u_xx"),
        cl.Model("burgers", J, U, burgers),
        cl.Constant("nothing", X, U, 0.0),
    ]
    data = cl.Dataset("inside", X=X), cl.Dataset("border", X=X, U=U)
    return cl.zoo.physics_informed(u, parts, law, *data, weight=0.5)


def hand_written(sign=1.0):
    """As it is usually written: gradients of one example, mapped over the batch."""

    def by_hand(params, state, batch, key):
        def at(x):
            return net(params["u"], x)[0]

        def residual(x):
            slope = jax.grad(at)(x)
            return burgers(at(x), slope[1], slope[0], sign * jax.hessian(at)(x)[0, 0])

        away = net(params["u"], batch["border"]["X"]) - batch["border"]["U"]
        terms = {
            FIT: jnp.mean(jnp.sum(away**2, axis=1)),
            LAW: jnp.mean(jax.vmap(residual)(batch["inside"]["X"]) ** 2),
        }
        weights = state["weights"]
        return weights[FIT] * terms[FIT] + weights[LAW] * terms[LAW], terms

    return by_hand


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, noise, dtype):
    batch = {
        "inside": {"X": noise((6, 2), dtype)},
        "border": {"X": noise((4, 2), dtype, seed=1), "U": noise((4, 1), dtype, seed=2)},
    }
    with agrees.precision(dtype):
        fn = cl.lower(regime(dtype).loss())
        # A mutant: the sign of the viscosity.
        wrong = hand_written(-1.0)
        agrees(fn, batch, hand_written(), wrong=wrong, program="flops")


def test_only_the_solution_is_trained():
    diagram = regime()
    assert diagram.trainable == ("u",)
    assert diagram.weight(LAW) == 0.5
    assert not cl.lower(diagram.loss()).init(jax.random.key(0))[1]["frozen"]


def test_a_law_about_nothing_is_refused():
    with pytest.raises(InvalidStructure, match="there is no edge u_y; did you mean"):
        regime(law="u_y = u_x")
