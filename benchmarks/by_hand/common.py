"""What the losses by hand share: sizes and data, a perceptron, and sums of terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import catlearn as cl

Tree = Any
Loss = Callable[..., tuple[jax.Array, Any]]


@dataclass(frozen=True)
class Sizes:
    """How large a regime is; models have one hidden layer, or are linear where ``width`` is 0."""

    batch: int = 6
    other: int = 4
    data: int = 5
    features: int = 3
    latent: int = 2
    classes: int = 3
    width: int = 0
    dtype: str = "float32"

    def space(self, name: str, size: int | tuple[int, ...], *divergence: str) -> cl.Space:
        """Return a space of floats."""
        return cl.Space(name, size, self.dtype, *divergence)

    def labels_of(self, name: str) -> cl.Categorical:
        """Return a space of classes."""
        return cl.Categorical(name, self.classes, dtype=self.dtype)

    def model(self, name: str, source: Any, target: Any, **options: Any) -> cl.Model:
        """Return a model between two spaces."""
        if self.width == 0:
            return cl.Model(name, source, target, "linear", **options)
        return cl.Model(name, source, target, "mlp", width=self.width, **options)

    def noise(self, *shape: int, seed: int = 0) -> np.ndarray:
        """Draw an array, normally distributed."""
        return np.random.default_rng(seed).normal(size=shape).astype(self.dtype)

    def labels(self, count: int, seed: int = 0) -> np.ndarray:
        """Draw labels."""
        return np.random.default_rng(seed).integers(0, self.classes, count).astype("int32")


@dataclass(frozen=True)
class Regime:
    """A diagram, the loss that an expert would write for it, and a batch."""

    diagram: cl.LearningDiagram
    fn: Any
    by_hand: Loss
    batch: dict[str, dict[str, np.ndarray]]
    key: jax.Array | None = None

    def losses(self) -> dict[str, tuple[Loss, tuple[Any, ...]]]:
        """Return both losses, each with first values of its arguments, stored as it likes best."""
        batch: Any = jax.tree.map(jnp.asarray, self.batch)
        params, state = self.fn.init(jax.random.key(0))
        packed = self.fn.pack(params, state, batch)
        plain = {edge: params[edge] for edge in params}, {**state, "weights": self.fn.weights()}
        return {
            "catlearn": (self.fn, (*packed, self.key)),
            "by hand": (self.by_hand, (*plain, batch, self.key)),
        }


def linear(params: Tree, x: jax.Array) -> jax.Array:
    """Run an affine map."""
    return jnp.tensordot(x, params["weight"], 1) + params["bias"]


def network(
    params: Tree, x: jax.Array, activation: Callable[[jax.Array], jax.Array] = jax.nn.relu
) -> jax.Array:
    """Run affine maps with an activation between them."""
    *hidden, last = params if isinstance(params, tuple) else (params,)
    for layer in hidden:
        x = activation(linear(layer, x))
    return linear(last, x)


def still(tree: Tree) -> Tree:
    """Let no gradient pass."""
    return jax.tree.map(jax.lax.stop_gradient, tree)


def reverse(scale: float) -> Callable[[jax.Array], jax.Array]:
    """Return the layer of Ganin et al.: the identity, whose gradient is multiplied."""

    @jax.custom_vjp
    def layer(x: jax.Array) -> jax.Array:
        return x

    layer.defvjp(lambda x: (x, None), lambda _, g: (scale * g,))
    return layer


def squared(one: jax.Array, other: jax.Array) -> jax.Array:
    """Return the mean of squared distances."""
    return jnp.mean(jnp.sum((one - other) ** 2, axis=1))


def entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the mean cross-entropy of labels."""
    return jnp.mean(optax.losses.softmax_cross_entropy_with_integer_labels(logits, labels))


def softened(logits: jax.Array, target: jax.Array, temperature: float) -> jax.Array:
    """Return the mean divergence of softened logits from those of a teacher, by its square."""
    p, t = jax.nn.log_softmax(logits / temperature), jax.nn.log_softmax(target / temperature)
    return jnp.mean(optax.losses.kl_divergence_with_log_targets(p, t) * temperature**2)


def bits(logits: jax.Array, truth: float) -> jax.Array:
    """Return the mean cross-entropy of a critic that should say ``truth``."""
    costs = optax.losses.sigmoid_binary_cross_entropy(logits, jnp.full_like(logits, truth))
    return jnp.mean(jnp.sum(costs, axis=1))


def gaps(logits: jax.Array, truth: float) -> jax.Array:
    """Return the mean squared error of a critic that should say ``truth``."""
    return squared(logits, jnp.full_like(logits, truth))


def total(terms: dict[str, jax.Array], state: Tree) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Add the weighted terms, in their order."""
    first, *rest = (state["weights"][name] * cost for name, cost in terms.items())
    for cost in rest:
        first = first + cost
    return first, terms
