"""Physics-informed regression: Burgers' equation, and values at the border."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

import catlearn as cl

from .common import Regime, Sizes, network, squared, total

NU = 0.1
FIT = "border.X >> u = border.U"
LAW = "inside.X >> jet >> burgers = inside.X >> nothing"


def burgers(u: Any, u_t: Any, u_x: Any, u_xx: Any) -> Any:
    """Return by how much the law is missed."""
    return u_t + u * u_x - NU * u_xx


def regime(sizes: Sizes, law: str = "jet >> burgers = nothing") -> Regime:
    """Return the regime at some size."""
    X, U = sizes.space("X", 2), sizes.space("U", 1)
    u = cl.Model("u", X, U, "mlp", width=sizes.width or 4, activation="tanh")
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
    diagram = cl.zoo.physics_informed(u, parts, law, *data, weight=0.5)
    batch = {
        "inside": {"X": sizes.noise(sizes.batch, 2)},
        "border": {
            "X": sizes.noise(sizes.other, 2, seed=1),
            "U": sizes.noise(sizes.other, 1, seed=2),
        },
    }
    return Regime(diagram, cl.lower(diagram.loss()), by_hand, batch)


def by_hand(params: Any, state: Any, batch: Any, key: Any = None, sign: float = 1.0) -> Any:
    """Gradients of one example, mapped over the batch; ``sign`` of the viscosity."""
    net = partial(network, params["u"], activation=jnp.tanh)

    def at(x: jax.Array) -> jax.Array:
        return net(x)[0]

    def residual(x: jax.Array) -> jax.Array:
        slope = jax.grad(at)(x)
        return burgers(at(x), slope[1], slope[0], sign * jax.hessian(at)(x)[0, 0])

    terms = {
        FIT: squared(net(batch["border"]["X"]), batch["border"]["U"]),
        LAW: jnp.mean(jax.vmap(residual)(batch["inside"]["X"]) ** 2),
    }
    return total(terms, state)
