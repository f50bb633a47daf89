"""Model-agnostic meta-learning: an example is a task, with points to learn from and others."""

from typing import Any

import jax
import jax.numpy as jnp

import catlearn as cl

from .common import Regime, Sizes, network, total

TERM = "task >> adapted = tasks.w"
RATE = 0.05


def regime(sizes: Sizes, shots: int = 4, asked: int = 3, steps: int = 1) -> Regime:
    """Return the regime at some size."""
    X, Y = sizes.space("X", sizes.data), sizes.space("Y", sizes.latent)
    lists = {"x": (shots, sizes.data), "y": (shots, sizes.latent)}
    lists |= {"z": (asked, sizes.data), "w": (asked, sizes.latent)}
    tasks = cl.Dataset("tasks", **{name: sizes.space(name, shape) for name, shape in lists.items()})
    net = sizes.model("net", X, Y)
    diagram = cl.zoo.maml(net, tasks, ("x", "y"), ("z", "w"), rate=RATE, steps=steps)
    columns = {
        name: sizes.noise(sizes.batch, *shape, seed=seed)
        for seed, (name, shape) in enumerate(lists.items())
    }
    return Regime(diagram, cl.lower(diagram.loss()), by_hand, {"tasks": columns})


def by_hand(
    params: Any, state: Any, batch: Any, key: Any = None, rate: float = RATE, steps: int = 1
) -> Any:
    """Finn et al., algorithm 2: the loss at the parameters that a task has after its step."""

    def task(x: jax.Array, y: jax.Array, z: jax.Array, w: jax.Array) -> jax.Array:
        def cost(own: Any) -> jax.Array:
            return jnp.mean(jnp.sum((network(own, x) - y) ** 2, axis=-1))

        own = params["net"]
        for _ in range(steps):
            own = jax.tree.map(lambda leaf, slope: leaf - rate * slope, own, jax.grad(cost)(own))
        return jnp.sum((network(own, z) - w) ** 2)

    columns = batch["tasks"]
    costs = jax.vmap(task)(*(columns[name] for name in "xyzw"))
    return total({TERM: jnp.mean(costs)}, state)
