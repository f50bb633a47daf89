"""Optimizers, edge by edge.

Parameters of isomorphic edges may be stored stacked (:mod:`catlearn.lowering.stacked`). An
optimizer that treats every number alike (sgd, adam), or all of them together (a clipped norm),
does on a stack what it would do without. One that looks at whole arrays (lamb, adafactor, muon,
or a mask by number of axes) would take a stack for one array; :func:`per_edge` shows it each edge
by itself.

>>> import jax.numpy as jnp, optax
>>> params = {"encoder": jnp.array([0.0, 4.0]), "head": jnp.array([0.5])}
>>> clip = per_edge(optax.clip_by_global_norm(1.0))
>>> updates, _ = clip.update(params, clip.init(params), params)
>>> updates["encoder"].tolist(), updates["head"].tolist()
([0.0, 1.0], [0.5])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import optax

from catlearn.lowering.stacked import Stacked


def per_edge(
    optimizer: optax.GradientTransformation,
) -> optax.GradientTransformationExtraArgs:
    """Run an optimizer on each edge by itself.

    Every edge has its own optimizer state, and whatever the optimizer computes of a whole tree,
    such as a norm, or of an array, such as its rank, it computes of the parameters of one edge.
    Edges that are stored stacked are run as one, by ``jax.vmap``.

    Parameters
    ----------
    optimizer
        Any optax transformation that needs no line search over all parameters.

    Returns
    -------
    optax.GradientTransformationExtraArgs
        A transformation of mappings ``{edge: tree}``, stacked or not.
    """
    inner = optax.with_extra_args_support(optimizer)

    def init(params: Any) -> Any:
        return _by_edge(inner.init, params)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        def one(tree: Any, state: Any, params: Any = None) -> Any:
            return inner.update(tree, state, params, **extra)

        given = (updates, state) if params is None else (updates, state, params)
        pairs = _by_edge(one, *given)
        return _each(pairs, lambda pair: pair[0]), _each(pairs, lambda pair: pair[1])

    return optax.GradientTransformationExtraArgs(init, update)  # pyright: ignore[reportArgumentType]


def _by_edge(run: Callable[..., Any], *trees: Any) -> Mapping[str, Any]:
    """Call a function for each edge; once for all edges that are stored together."""
    first = trees[0]
    if not isinstance(first, Stacked):
        return {edge: run(*(tree[edge] for tree in trees)) for edge in first}
    found = []
    for group, *part in zip(first.layout.groups, *(tree.parts for tree in trees), strict=True):
        # What a mask hides from the optimizer has no arrays.
        stacked = len(group) > 1 and jax.tree.leaves(part[0])
        found.append(jax.vmap(run)(*part) if stacked else run(*part))
    return Stacked(first.layout, tuple(found))


def _each(pairs: Mapping[str, Any], choose: Callable[[Any], Any]) -> Mapping[str, Any]:
    if isinstance(pairs, Stacked):
        return Stacked(pairs.layout, tuple(map(choose, pairs.parts)))
    return {edge: choose(pair) for edge, pair in pairs.items()}
