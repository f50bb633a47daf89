"""The published encoder of few-shot learning on Omniglot, as a module of flax.

Vinyals et al., "Matching networks for one shot learning", 2016; Snell, Swersky, Zemel,
"Prototypical networks for few-shot learning", 2017: four blocks of a convolution with windows of
3 x 3, batch normalisation, ReLU, and the maximum of each 2 x 2 pixels. Batch normalisation has a
state: in training it reads the statistics of the batch, here of all images of an episode, and in
evaluation their running means, so that a trained encoder is a function of one image.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import linen


class Published(linen.Module):
    """Blocks from ``(batch, n, n)`` to ``(batch, features)``; 64 features of 28 x 28 pixels.

    Parameters
    ----------
    channels
        Of each block.
    blocks
        How many there are; each halves height and width.
    """

    channels: int = 64
    blocks: int = 4

    @linen.compact
    def __call__(self, images: Any, train: bool) -> Any:
        x = images[..., None]
        for _ in range(self.blocks):
            x = linen.Conv(self.channels, (3, 3), use_bias=False)(x)
            x = linen.BatchNorm(use_running_average=not train, momentum=0.9)(x)
            # The maximum of ReLUs is the ReLU of the maximum, of a quarter of the pixels.
            x = linen.relu(halved(x))
        return x.reshape(len(x), -1)


def halved(x: Any) -> Any:
    """Return the maximum of each 2 x 2 pixels of ``(batch, height, width, channels)``.

    An odd row or column at the end is left out. Two maxima of two are quicker on processors than a
    window that moves; and the derivative of one over several axes divides by the number of places
    where the maximum is found, which is 0 where a compiler rounds it otherwise than what it is of.
    """
    height, width = (size // 2 * 2 for size in x.shape[1:3])
    rows = jnp.maximum(x[:, 0:height:2], x[:, 1:height:2])
    return jnp.maximum(rows[:, :, 0:width:2], rows[:, :, 1:width:2])
