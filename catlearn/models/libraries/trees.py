"""Small helpers for trees of variables."""

from __future__ import annotations

from typing import Any

from catlearn.models.spaces import AnySpace


def gaps(tree: Any) -> Any:
    """Return the tree with None for each leaf."""
    import jax

    return jax.tree.map(lambda _: None, tree)


def example(source: AnySpace) -> Any:
    """Return a batch of one example, all zero, by which a library learns shapes."""
    import jax
    import jax.numpy as jnp

    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), source.example(1))


def arrays(tree: Any) -> Any:
    """Return the tree with JAX arrays as leaves."""
    import jax
    import jax.numpy as jnp

    return jax.tree.map(jnp.asarray, tree)


def floating(tree: Any, wanted: bool = True) -> Any:
    """Return the tree with None for each leaf that is not floating (or that is)."""
    import jax
    import jax.numpy as jnp

    return jax.tree.map(
        lambda leaf: leaf if jnp.issubdtype(leaf.dtype, jnp.inexact) == wanted else None, tree
    )
