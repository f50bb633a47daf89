"""Prototypical networks and nearest neighbours: a batch is an episode, an example a class."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import catlearn as cl

from .common import Regime, Sizes, network, total

SIDES = "classes.images >> encoder >> queries = classes.images >> encoder >> "


def parts(sizes: Sizes, shots: int = 2, queries: int = 3) -> tuple[cl.Model, cl.Dataset]:
    """Return an encoder and classes."""
    X, Z = sizes.space("X", sizes.data), sizes.space("Z", sizes.latent)
    images = sizes.space("images", (shots + queries, sizes.data))
    return sizes.model("encoder", X, Z), cl.Dataset("classes", images=images)


def episode(
    sizes: Sizes, ways: int = 4, count: int = 5, seed: int = 0
) -> dict[str, dict[str, np.ndarray]]:
    """Return classes around centres that the noise does not hide."""
    images = sizes.noise(ways, count, sizes.data, seed=seed)
    return {"classes": {"images": images + 2 * sizes.noise(ways, 1, sizes.data, seed=seed + 1)}}


def prototypical(sizes: Sizes, ways: int = 4, shots: int = 2, queries: int = 3) -> Regime:
    """Return the first regime at some size."""
    diagram = cl.zoo.prototypical(*parts(sizes, shots, queries), shots)
    return _regime(diagram, sizes, ways, shots, queries, prototypes_by_hand)


def nearest_neighbour(sizes: Sizes, ways: int = 4, shots: int = 2, queries: int = 3) -> Regime:
    """Return the second regime at some size."""
    diagram = cl.zoo.nearest_neighbour(*parts(sizes, shots, queries), shots, temperature=2.0)
    return _regime(diagram, sizes, ways, shots, queries, neighbours_by_hand)


def _regime(
    diagram: cl.LearningDiagram,
    sizes: Sizes,
    ways: int,
    shots: int,
    queries: int,
    loss: Callable[..., Any],
) -> Regime:
    batch = episode(sizes, ways, shots + queries)
    return Regime(diagram, cl.lower(diagram.loss()), partial(loss, shots=shots), batch)


def embedded(params: Any, batch: Any, shots: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return supports by class, all queries, and the classes of those."""
    images = batch["classes"]["images"]
    z = network(params["encoder"], images)
    queries = z[:, shots:]
    labels = jnp.repeat(jnp.arange(len(z)), queries.shape[1])
    return z[:, :shots], queries.reshape(-1, z.shape[-1]), labels


def prototypes_by_hand(
    params: Any, state: Any, batch: Any, key: Any = None, shots: int = 2, sign: float = -1.0
) -> Any:
    """Snell et al., algorithm 1: logits are minus squared distances; ``sign`` 1: far is near."""
    support, queries, labels = embedded(params, batch, shots)
    centres = support.mean(axis=1)
    logits = sign * jnp.sum((queries[:, None] - centres) ** 2, axis=-1)
    cost = -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1))
    return total({SIDES + "prototype": cost}, state)


def neighbours_by_hand(
    params: Any, state: Any, batch: Any, key: Any = None, shots: int = 2, errors: bool = False
) -> Any:
    """Goldberger et al.: the stochastic neighbour has the right label; ``errors``: no logarithm."""
    support, queries, labels = embedded(params, batch, shots)
    points = support.reshape(-1, support.shape[-1])
    near = jax.nn.softmax(-jnp.sum((queries[:, None] - points) ** 2, axis=-1) / 2.0)
    of = jnp.repeat(jnp.arange(len(support)), shots)
    right = jnp.sum(near * (labels[:, None] == of), axis=1)
    cost = jnp.mean(1 - right) if errors else -jnp.mean(jnp.log(right))
    return total({SIDES + "support": cost}, state)
