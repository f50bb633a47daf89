"""A block of convolutions and one of ResNet, as one writes them in JAX by hand, and as circuits."""

from __future__ import annotations

from typing import Any

import jax

from catlearn.arrays import Circuit, compose, conv, lift, relu, residual
from catlearn.zoo.architectures import bottleneck


def convolutions() -> Circuit:
    """Return two convolutions with a residual, R[n y z i] -> R[n y z i]."""
    first = conv("c1", "[y z] i -> [y z] o", 3, pad=1, bias=True)
    second = conv("c2", "[y z] o -> [y z] i", 3, pad=1, bias=True)
    return lift(residual(compose(first, relu, second)), "n")


def resnet_block() -> Circuit:
    """Return a block of ResNet on examples, R[n y z i] -> R[n y z i]; inside it has w channels."""
    return lift(bottleneck("w"), "n")


def convolved(params: Any, name: str, x: jax.Array) -> jax.Array:
    """Convolve, and pad so that the size stays."""
    w = params[name]
    pads = [(w.shape[0] // 2,) * 2, (w.shape[1] // 2,) * 2]
    return jax.lax.conv_general_dilated(
        x, w, (1, 1), pads, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def convolutions_by_hand(params: Any, x: jax.Array) -> jax.Array:
    """Return two convolutions with a residual."""
    hidden = jax.nn.relu(convolved(params, "c1", x) + params["c1.bias"])
    return convolved(params, "c2", hidden) + params["c2.bias"] + x


def resnet_by_hand(params: Any, x: jax.Array) -> jax.Array:
    """Return a block of ResNet, whose norms are a gain and a shift."""

    def normed(name: str, x: jax.Array) -> jax.Array:
        made = convolved(params, name, x)
        return made * params[f"{name}.gain"] + params[f"{name}.shift"]

    hidden = jax.nn.relu(normed("conv1", x))
    hidden = jax.nn.relu(normed("conv2", hidden))
    return jax.nn.relu(normed("conv3", hidden) + x)


CASES: dict[str, tuple[Any, Any, Any]] = {
    "convolutions": (convolutions, convolutions_by_hand, lambda width: {"o": width}),
    "block of ResNet": (resnet_block, resnet_by_hand, lambda width: {"w": width // 4}),
}
"""The circuit, the function by hand, and the sizes for so many channels, by name."""
