r"""U-Net: convolutions on four scales below the image, and back, for a class of each pixel.

On each scale there are two convolutions of windows of 3 without padding, each with twice as many
channels as above, and on the way down a maximum of windows of 2. On the way up a linear map makes
four pixels of each, and what the way down had on this scale is cropped and put beside.

>>> u_net().at(U_NET).counts().parameters
31030658

Left out: dropout at the end of the way down, the weights of pixels in the loss, and the tiling of
images.

References
----------
Ronneberger, Fischer and Brox, "U-Net: convolutional networks for biomedical image segmentation",
2015.
"""

from __future__ import annotations

from typing import Any

from catlearn.arrays import (
    Circuit,
    bias,
    compose,
    concat,
    conv,
    copy,
    linear,
    pool,
    relu,
    view,
)

U_NET = {"w": 64, "n": 2}


def twice(name: str, width: str, **sizes: Any) -> Circuit:
    """Return two convolutions of windows of 3, with relu."""
    first = conv(f"{name}1", "[y z] i -> [y z] o", 3, bias=True, o=width, **sizes)
    second = conv(f"{name}2", "[y z] i -> [y z] o", 3, bias=True, o=width)
    return compose(first, relu, second, relu)


def up(width: str) -> Circuit:
    """Return the convolution that makes of each pixel two by two.

    Examples
    --------
    >>> up("w").at_dom((28, 28, 8)).axes["(u a)"]
    Size('56')
    """
    spread = linear("up", "i -> a b o", a=2, b=2, o=width)
    return compose(spread, view("u v a b o -> (u a) (v b) o"), bias("up.bias", "o"))


def scale(level: int, scales: int = 4, **sizes: Any) -> Circuit:
    """Return the convolutions of a scale, and of those below it.

    Parameters
    ----------
    level
        How many scales are above.
    scales
        How many there are below the first one.
    """
    width, below = f"{2**level}*w", scales - level

    def named(circuit: Circuit) -> Circuit:
        return circuit.named(f"scale{level}")

    down = named(twice("down", width, **sizes))
    if not below:
        return down
    lost = 12 * 2 ** (below - 1) - 8
    crop = view(f"y+{lost} z+{lost} c -> y z c", pad=(-lost, -lost))
    inside = pool("max", "[y z] c", 2) >> scale(level + 1, scales)
    beside = concat("y z [a], y z [b] -> y z [c]") >> twice("up", width)
    made = compose(down, copy(2), crop @ (inside >> named(up(width))), named(beside))
    return made.block(f"scale {level}")


def u_net() -> Circuit:
    """Return U-Net, from an image with one channel to the scores of n classes for each pixel.

    Examples
    --------
    >>> u_net().at_dom((572, 572, 1)).at(U_NET).counts().multiply_adds
    150428424448
    """
    return scale(0, i=1) >> conv("head", "[y z] i -> [y z] n", 1, bias=True)
