"""Divergences of distributions, of adversaries and of whole batches.

===================================  ============================================  ============
name                                 cost of one example                           reads
===================================  ============================================  ============
gaussian_kl                          KL(N(m, e^v) || N(m', e^v'))                  (m, v) pairs
gaussian_nll(scale)                  -log N(t; p, scale^2), or N(t; m, e^v)        arrays, pairs
binary_cross_entropy                 -t log s(p) - (1 - t) log(1 - s(p))           arrays
hinge(margin)                        max(0, margin - t p)                          arrays
info_nce(temperature, symmetric)     -log softmax of cosines / temperature         whole batch
===================================  ============================================  ============

The first two also live at a product of a space of means and one of logarithms of variances, and
then read both factors together. ``info_nce`` compares each prediction with every target of the
batch: the cost of an example depends on the others beside it (``Divergence.batch_level``). Sums
run over all axes but the batch's. An adversary by least squares is ``squared_error`` against a
constant; a likelihood of classes is ``cross_entropy``. A density may exceed one, so
``gaussian_nll`` may be negative; the theorems on losses then do not speak of it.

>>> import numpy as np
>>> from catlearn.models import Divergence
>>> zero, one = np.zeros((1, 2)), np.ones((1, 2))
>>> Divergence("gaussian_kl")((one, zero), (zero, zero)).tolist()
[1.0]
>>> Divergence("info_nce").batch_level
True

References
----------
Kingma, Welling, "Auto-encoding variational Bayes", arXiv 1312.6114, appendix B. Goodfellow et al.,
"Generative adversarial networks", arXiv 1406.2661. Lim, Ye, "Geometric GAN", arXiv 1705.02894.
van den Oord, Li, Vinyals, "Representation learning with contrastive predictive coding",
arXiv 1807.03748. Radford et al., "Learning transferable visual models from natural language
supervision", arXiv 2103.00020, for the symmetric form.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from catlearn.models.divergences import (
    _check_same_shape,
    _refuse,
    _refuse_shapes,
    _sum_features,
    register_divergence,
)

if TYPE_CHECKING:
    import jax


def gaussian_kl(prediction: Any, target: Any) -> jax.Array:
    """KL divergence of one diagonal Gaussian from another, each a pair of mean and log-variance.

    Parameters
    ----------
    prediction, target
        Pairs (mean, log-variance) of arrays ``(batch, ...)``, all of one shape; pairs of zeros
        are the standard normal distribution.
    """
    import jax.numpy as jnp

    (mean, log_variance), (other, log_other) = (
        _pair("gaussian_kl", side) for side in (prediction, target)
    )
    _check_same_shape("gaussian_kl", mean, other)
    change = log_variance - log_other
    distance = (mean - other) ** 2 * jnp.exp(-log_other)
    return _sum_features(0.5 * (jnp.exp(change) + distance - 1 - change))


def gaussian_nll(prediction: Any, target: Any, scale: float = 1.0) -> jax.Array:
    """Negative log-density of the target under a Gaussian around the prediction.

    Parameters
    ----------
    prediction
        Means ``(batch, ...)``, or at a product pairs (mean, log-variance).
    target
        Values of the means' shape; at a product pairs whose first entries are the values.
    scale
        The standard deviation where no variance is predicted.
    """
    import jax.numpy as jnp

    if isinstance(prediction, tuple) or isinstance(target, tuple):
        mean, log_variance = _pair("gaussian_nll", prediction)
        value, _ = _pair("gaussian_nll", target)
    else:
        mean, log_variance, value = prediction, 2 * math.log(scale), target
    _check_same_shape("gaussian_nll", mean, value)
    squares = (mean - value) ** 2 * jnp.exp(-jnp.asarray(log_variance, jnp.result_type(mean)))
    return _sum_features(0.5 * (squares + log_variance + math.log(2 * math.pi)))


def binary_cross_entropy(prediction: Any, target: Any) -> jax.Array:
    """Cross-entropy of independent bits: logits against probabilities of equal shape."""
    import optax

    _check_same_shape("binary_cross_entropy", prediction, target)
    return _sum_features(optax.losses.sigmoid_binary_cross_entropy(prediction, target))


def hinge(prediction: Any, target: Any, margin: float = 1.0) -> jax.Array:
    """How far a score falls short of a margin on the side that the target's sign, 1 or -1, says."""
    import jax.numpy as jnp

    _check_same_shape("hinge", prediction, target)
    return _sum_features(jnp.maximum(0, margin - target * prediction))


def info_nce(
    prediction: Any, target: Any, temperature: float = 0.1, symmetric: bool = True
) -> jax.Array:
    """Cross-entropy of finding the target that belongs to a prediction among those of the batch.

    Parameters
    ----------
    prediction, target
        Batches of equal shape; each example is taken as one vector, of which only the direction
        counts.
    temperature
        What cosines are divided by before the softmax.
    symmetric
        Whether the mean is taken with the cost of finding the prediction of a target.
    """
    import jax
    import jax.numpy as jnp

    _check_same_shape("info_nce", prediction, target)
    left, right = (_directions(side) for side in (prediction, target))
    similar = left @ right.T / temperature
    own = jnp.diagonal(similar)
    costs = jax.nn.logsumexp(similar, axis=1) - own
    if not symmetric:
        return costs
    return 0.5 * (costs + jax.nn.logsumexp(similar, axis=0) - own)


register_divergence("gaussian_kl", gaussian_kl, on_products=True)
register_divergence("gaussian_nll", gaussian_nll, on_products=True)
register_divergence("binary_cross_entropy", binary_cross_entropy)
register_divergence("hinge", hinge)
register_divergence("info_nce", info_nce, batch_level=True)


def _pair(name: str, side: Any) -> tuple[Any, Any]:
    import jax.numpy as jnp

    if not isinstance(side, tuple) or len(side) != 2:
        found = f"a tuple of {len(side)}" if isinstance(side, tuple) else "one array"
        message = f"found {found}, expected a product of two factors: mean and log-variance"
        raise _refuse(name, message)
    if jnp.shape(side[0]) != jnp.shape(side[1]):
        raise _refuse_shapes(name, *side, "a mean and a log-variance of equal shapes")
    return side


def _directions(side: Any) -> jax.Array:
    import jax.numpy as jnp

    rows = jnp.reshape(side, (jnp.shape(side)[0], -1))
    # Squared norms are at least epsilon, so that a zero vector has a gradient.
    squares = jnp.sum(rows**2, axis=1, keepdims=True)
    return rows / jnp.sqrt(jnp.maximum(squares, 1e-12))
