r"""ResNet-50: convolutions whose results are added to what they are given.

A convolution of windows of 7 and a maximum of windows of 3, each of which halves the sides; then
four stages of 3, 4, 6 and 3 blocks, with widths w, 2w, 4w and 8w, of which the first halves the
sides but in the first stage. A block has three convolutions, with windows of 1, 3 and 1, the last
four times as wide; in the first of a stage a fourth one fits what is added:

.. math:: x \mapsto \mathrm{relu}(c_3(c_2(c_1(x))) + x)

Each convolution has a batch norm behind it: in use a gain and a shift of each channel.

>>> resnet50().at(RESNET50).counts().parameters
25557032

Left out: the running means and variances of batch norms, which are part of gain and shift once a
model is trained. Strides are in the convolutions with windows of 3, as everyone has them since; in
the paper they are in those before.

References
----------
He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2016.
"""

from __future__ import annotations

from typing import Any

from catlearn.arrays import (
    Circuit,
    add,
    bias,
    compose,
    conv,
    copy,
    gain,
    idle,
    linear,
    mean,
    pool,
    relu,
)

RESNET50 = {"w": 64, "n": 1000}


def normed(name: str, width: str, window: int, stride: int = 1, **sizes: Any) -> Circuit:
    """Return a convolution without bias, and a batch norm as a gain and a shift."""
    made = conv(
        name, "[y z] i -> [y z] c", window, stride=stride, pad=window // 2, c=width, **sizes
    )  # fmt: skip
    return compose(made, gain(f"{name}.gain", "c"), bias(f"{name}.shift", "c"))


def bottleneck(width: str, stride: int = 1, fitted: bool = False) -> Circuit:
    """Return a block.

    Parameters
    ----------
    width
        The number of channels inside; outside there are four times as many.
    stride
        By how much windows move.
    fitted
        Whether a convolution fits what is added.

    Examples
    --------
    >>> bottleneck("w")
    Circuit(R[y z i] -> R[y z i])
    """
    wide = f"4*({width})"
    first, second = normed("conv1", width, 1), normed("conv2", width, 3, stride)
    side = normed("fit", wide, 1, stride) if fitted else idle
    inside = compose(first, relu, second, relu, normed("conv3", wide, 1))
    return compose(copy(2), inside @ side, add, relu).block("bottleneck")


def stage(width: str, blocks: int, stride: int) -> Circuit:
    """Return so many blocks, of which the first changes the size."""
    first = bottleneck(width, stride, fitted=True).named("0")
    return (first >> bottleneck(width).repeat(blocks - 1, "rest")).block(f"width {width}")


def resnet50() -> Circuit:
    """Return ResNet-50, from an image to the scores of n classes.

    Examples
    --------
    >>> resnet50().at_dom((224, 224, 3)).at(RESNET50).counts().multiply_adds
    4089184256
    """
    start = normed("conv", "w", 7, 2, i=3) >> relu >> pool("max", "[y z] c", 3, stride=2, pad=1)
    sizes = [("w", 3, 1), ("2*w", 4, 2), ("4*w", 6, 2), ("8*w", 3, 2)]
    stages = [stage(*each).named(f"stage{k}") for k, each in enumerate(sizes, 1)]
    return compose(start, *stages, mean("[y z] c -> c"), linear("head", "c -> n", bias=True))
