r"""ViT: a transformer on the patches of an image.

The image is cut into patches of a by b pixels, each of which one linear map makes a token; a
learned token stands in front of them, whose last value gives the scores. Positions are learned, and
layers are those of GPT-2 without a mask, with the exact gelu.

>>> vit().at_dom((224, 224, 3)).at(VIT_B16).counts().parameters
86567656

Left out: dropout in training, and the hidden layer that the head has in pre-training.

References
----------
Dosovitskiy et al., "An image is worth 16x16 words", 2021.
"""

from __future__ import annotations

from catlearn.arrays import (
    Circuit,
    compose,
    concat,
    gelu,
    idle,
    linear,
    norm,
    parameter,
    residual,
    shift,
    view,
)
from catlearn.zoo.architectures.attending import attention, feed_forward

VIT_B16 = {"L": 12, "m": 768, "h": 12, "d": 64, "f": 3072, "a": 16, "b": 16, "c": 197, "n": 1000}
VIT_L16 = VIT_B16 | {"L": 24, "m": 1024, "h": 16, "f": 4096}


def vit_layer() -> Circuit:
    """Return a layer of ViT.

    Examples
    --------
    >>> vit_layer()
    Circuit(R[x m] -> R[x m])
    """
    first, second = (norm(name, "[m]", eps=1e-6) for name in ("ln1", "ln2"))
    return residual(first >> attention(bias=True)) >> residual(second >> feed_forward(gelu()))


def vit() -> Circuit:
    """Return ViT, from an image to the scores of n classes.

    Examples
    --------
    >>> vit().at_dom((224, 224, 3)).at(VIT_B16)
    Circuit(R[ua vb i] -> R[n])
    """
    patch = view("(u a) (v b) i -> u v a b i") >> linear("patch", "a b i -> m", bias=True)
    token = parameter("class", "t m", t=1, init="zeros") @ idle
    start = token >> concat("[t] m, [x] m -> [y] m") >> shift("positions", "c m", at="x")
    end = norm("ln", "[m]", eps=1e-6), view("0 m -> m"), linear("head", "m -> n", bias=True)
    return compose(patch, view("u v m -> (u v) m"), start, vit_layer().repeat("L", "layers"), *end)
