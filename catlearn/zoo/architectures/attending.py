"""What transformers have in common: attention with several heads, and feed-forward layers.

>>> from catlearn.arrays import relu
>>> from catlearn.arrays import residual
>>> residual(attention()) >> residual(feed_forward(relu))
Circuit(R[x m] -> R[x m])
"""

from __future__ import annotations

from catlearn.arrays import Circuit, compose, copy, einsum, idle, linear, softmax, where


def attention(bias: bool = False, causal: bool = False, cross: bool = False) -> Circuit:
    """Return attention with h heads of d numbers, scores divided by the root of d.

    Parameters
    ----------
    bias
        Whether the four linear maps have biases.
    causal
        Whether a position sees itself and those before it alone.
    cross
        Whether keys and values are those of a second array.

    Examples
    --------
    >>> attention(), attention(cross=True)
    (Circuit(R[x m#2] -> R[x m]), Circuit(R[x m#2], R[y m#3] -> R[x m]))
    """
    Q, K, V = (linear(name, "m -> h d", bias=bias) for name in "QKV")
    scores = einsum("x h d, y h d -> h x y", scale="d**-0.5")
    mask = [where("x y", "y <= x")] if causal else []
    core = compose(scores, *mask, softmax("[y]")) @ idle >> einsum("h x y, y h d -> x h d")
    copies = idle @ copy(2) if cross else copy(3)
    return compose(copies, Q @ K @ V, core, linear("O", "h d -> m", bias=bias))


def feed_forward(activation: Circuit) -> Circuit:
    """Return two linear maps with biases, and a function of each number between them.

    Examples
    --------
    >>> from catlearn.arrays import gelu
    >>> list(feed_forward(gelu()).parameters)
    ['up', 'up.bias', 'down', 'down.bias']
    """
    up, down = (linear(*one, bias=True) for one in (("up", "m -> f"), ("down", "f -> m")))
    return compose(up, activation, down)
