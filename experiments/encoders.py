"""Encoders of images: a small one by plain functions, and the published one by flax."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.errors import CatlearnError

LAYERS = ((5, 16), (3, 32), (3, 64))
"""Side of the window and number of channels of each convolution of the small one; strides are 2."""


def small(channels: int = 1) -> tuple[Callable, Callable]:
    """Return convolutions, each followed by layer normalisation and ReLU.

    Parameters
    ----------
    channels
        Of the images: of one without an axis, shape ``(batch, n, n)``; else ``(batch, n, n,
        channels)``.

    Returns
    -------
    tuple
        ``(init, apply)``, to vectors ``(batch, features)``.
    """

    def initialise(key: Any) -> list[dict[str, Any]]:
        before, params = channels, []
        for number, (side, after) in enumerate(LAYERS):
            shape = (side, side, before, after)
            noise = jax.random.normal(jax.random.fold_in(key, number), shape)
            weight = noise * (2 / (side * side * before)) ** 0.5
            params.append({"weight": weight, "scale": jnp.ones(after), "bias": jnp.zeros(after)})
            before = after
        return params

    def encode(params: Any, images: Any) -> Any:
        x = images[..., None] if images.ndim == 3 else images
        for layer in params:
            kinds = ("NHWC", "HWIO", "NHWC")
            x = jax.lax.conv_general_dilated(
                x, layer["weight"], (2, 2), "SAME", dimension_numbers=kinds
            )
            # Of one image by itself, so that the encoder is a function of an image.
            x = jax.nn.standardize(x, axis=(1, 2, 3)) * layer["scale"] + layer["bias"]
            x = jax.nn.relu(x)
        # Squared distances of size 1, whatever the number of features.
        return x.reshape(len(x), -1) / np.sqrt(np.prod(x.shape[1:]) / 16)

    return initialise, encode


def published() -> Any:
    """Return the encoder of the papers, a module of flax with a state, see ``published.py``.

    Raises
    ------
    CatlearnError
        If flax is not installed.
    """
    try:
        from published import Published
    except ImportError as error:
        message = 'the published encoder needs flax; install it with: pip install "catlearn[flax]"'
        raise CatlearnError(f"{message}; or take --encoder small") from error
    return Published()


ENCODERS: dict[str, Callable[[], Any]] = {"small": small, "published": published}


def embedding(trained: Any) -> Callable[[Any], Any]:
    """Return a trained encoder as a function of a batch: what has a state is in evaluation."""
    if not hasattr(trained, "unbind"):
        return trained
    module, variables = trained.unbind()
    return functools.partial(module.apply, variables, train=False)


def features(encoder: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an encoded image, without computing."""

    def run(key: Any, x: Any) -> Any:
        if isinstance(encoder, tuple):
            return encoder[1](encoder[0](key), x)
        return encoder.init_with_output(key, x, train=False)[0]

    images = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    return jax.eval_shape(run, jax.random.key(0), images).shape[1:]
