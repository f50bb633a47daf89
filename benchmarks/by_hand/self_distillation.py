"""Self-distillation, with a moving average (BYOL) and without (SimSiam)."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

import catlearn as cl
from catlearn.lowering import Aux

from .common import Regime, Sizes, network, still, total

FIRST = "views.one >> f >> q = views.two >> {}"
SECOND = "views.two >> f >> q = views.one >> {}"


def regime(sizes: Sizes, decay: float | None) -> Regime:
    """Return the regime at some size; without ``decay`` there is no average."""
    X, Z = sizes.space("X", sizes.data), sizes.space("Z", sizes.features)
    f, q = sizes.model("f", X, Z), sizes.model("q", Z, Z)
    diagram = cl.zoo.self_distillation(f, q, cl.Dataset("views", one=X, two=X), decay=decay)
    batch = {
        name: sizes.noise(sizes.batch, sizes.data, seed=seed)
        for seed, name in enumerate(("one", "two"))
    }
    loss = partial(by_hand, decay=decay)
    return Regime(diagram, cl.lower(diagram.loss()), loss, {"views": batch})


def by_hand(
    params: Any,
    state: Any,
    batch: Any,
    key: Any = None,
    decay: float | None = None,
    free: bool = False,
) -> Any:
    """Grill et al., equation 2; ``free``: gradients pass into the target."""
    one, two = batch["views"]["one"], batch["views"]["two"]
    stop = (lambda tree: tree) if free else still
    mutable, target, name = {}, params["f"], "f"
    if decay is not None:
        name, slow = "target_f", state["mutable"]["target_f"]
        target = jax.tree.map(
            lambda old, new: decay * old + (1 - decay) * stop(new), slow, params["f"]
        )
        mutable = {"target_f": target}

    def cost(seen: jax.Array, other: jax.Array) -> jax.Array:
        there = network(params["q"], network(params["f"], seen))
        away = optax.losses.cosine_distance(there, stop(network(target, other)), epsilon=1e-12)
        return jnp.mean(away)

    value, terms = total(
        {FIRST.format(name): cost(one, two), SECOND.format(name): cost(two, one)}, state
    )
    return value, Aux(terms, {"mutable": mutable})
