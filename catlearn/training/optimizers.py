"""Optimizers, edge by edge.

>>> import jax.numpy as jnp, optax
>>> params = {"encoder": jnp.array([0.0, 4.0]), "head": jnp.array([0.5])}
>>> clip = per_edge(optax.clip_by_global_norm(1.0))
>>> updates, _ = clip.update(params, clip.init(params), params)
>>> updates["encoder"].tolist(), updates["head"].tolist()
([0.0, 1.0], [0.5])
"""

from __future__ import annotations

from typing import Any

import optax


def per_edge(
    optimizer: optax.GradientTransformation,
) -> optax.GradientTransformationExtraArgs:
    """Run an optimizer on each edge by itself.

    Every edge has its own optimizer state, and whatever the optimizer computes of a whole tree,
    such as a norm, it computes of the parameters of one edge.

    Parameters
    ----------
    optimizer
        Any optax transformation that needs no line search over all parameters.

    Returns
    -------
    optax.GradientTransformationExtraArgs
        A transformation of trees ``{edge: tree}``.
    """
    inner = optax.with_extra_args_support(optimizer)

    def init(params: Any) -> dict[str, Any]:
        return {edge: inner.init(tree) for edge, tree in params.items()}

    def update(
        updates: Any, state: Any, params: Any = None, **extra: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        pairs = {
            edge: inner.update(tree, state[edge], None if params is None else params[edge], **extra)
            for edge, tree in updates.items()
        }
        return (
            {edge: pair[0] for edge, pair in pairs.items()},
            {edge: pair[1] for edge, pair in pairs.items()},
        )

    return optax.GradientTransformationExtraArgs(init, update)  # pyright: ignore[reportArgumentType]
