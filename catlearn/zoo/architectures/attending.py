"""What transformers have in common: attention with several heads, positions, feed-forward layers.

>>> from catlearn.arrays import relu
>>> from catlearn.arrays import residual
>>> residual(attention()) >> residual(feed_forward(relu))
Circuit(R[x m] -> R[x m])
"""

from __future__ import annotations

from catlearn.arrays import (
    Circuit,
    angles,
    compose,
    copy,
    cos,
    einsum,
    idle,
    interleaved,
    linear,
    mul,
    silu,
    sin,
    softmax,
    swap,
    traced,
    view,
    where,
)


def attention(
    bias: bool = False, causal: bool = False, cross: bool = False, masked: bool = False
) -> Circuit:
    """Return attention with h heads of d numbers, scores divided by the root of d.

    Parameters
    ----------
    bias
        Whether the four linear maps have biases.
    causal
        Whether a position sees itself and those before it alone.
    cross
        Whether keys and values are those of a second array.
    masked
        Whether the last array says which positions are seen.

    Examples
    --------
    >>> attention(), attention(cross=True)
    (Circuit(R[x m#2] -> R[x m]), Circuit(R[x m#2], R[y m#3] -> R[x m]))
    >>> attention(masked=True)
    Circuit(R[x m#2], B[x] -> R[x m])
    """
    Q, K, V = (linear(name, "m -> h d", bias=bias) for name in "QKV")
    copies, maps = idle @ copy(2) if cross else copy(3), Q @ K @ V
    scores = einsum("x h d, y h d -> h x y", scale="d**-0.5")
    if masked:
        copies, maps = copies @ idle, maps @ idle >> idle @ idle @ swap()
        scores = scores @ idle >> swap() >> where("y, h x y")
    mask = [where("x y", "y <= x")] if causal else []
    core = compose(scores, *mask, softmax("[y]")) @ idle >> einsum("h x y, y h d -> x h d")
    whole = compose(copies, maps, core, linear("O", "h d -> m", bias=bias))
    return whole.block("masked attention" if causal else "attention")


def feed_forward(activation: Circuit) -> Circuit:
    """Return two linear maps with biases, and a function of each number between them.

    Examples
    --------
    >>> from catlearn.arrays import gelu
    >>> list(feed_forward(gelu()).parameters)
    ['up', 'up.bias', 'down', 'down.bias']
    """
    up, down = (linear(*one, bias=True) for one in (("up", "m -> f"), ("down", "f -> m")))
    return compose(up, activation, down).block("feed-forward")


def swiglu(width: str = "f") -> Circuit:
    """Return the gated feed-forward layer without biases, x -> down(silu(gate x) * up x).

    Shazeer, "GLU variants improve transformer", 2020.

    Examples
    --------
    >>> swiglu().at_dom((8,)).at(m=8, f=32).counts().parameters
    768
    """
    gate, up = linear("gate", f"m -> {width}") >> silu, linear("up", f"m -> {width}")
    made = compose(copy(2), gate @ up, mul, linear("down", f"{width} -> m"))
    return made.block("feed-forward")


def experts(width: str = "f") -> Circuit:
    """Return the sum of k gated layers that are chosen for each token, with weights.

    It takes the weights, which of the e layers are chosen, and the tokens.

    Examples
    --------
    >>> experts()
    Circuit(R[x k], N<e>[x k], R[x m#2] -> R[x m])
    """
    up, gate = (linear(name, f"k, k m -> k {width}", at="e") for name in ("up", "gate"))
    down = linear("down", f"k, k {width} -> k m", at="e")

    @traced("x k", "x k", "x m", types=("R", "N", "R"))
    def mixed(weights, chosen, t):
        copies = view("m -> k m")(t)
        hidden = silu(gate(chosen, copies)) * up(chosen, copies)
        return einsum("k, k m -> m")(weights, down(chosen, hidden))

    return mixed.block("experts")


def rotary(pattern: str, base: float) -> Circuit:
    """Return what turns entries 2p and 2p + 1 of position x by the angle x / base^(2p/d).

    Su et al., "RoFormer", 2021: scalar products of what is turned depend on the difference of
    positions alone.

    Parameters
    ----------
    pattern
        The axes: that of positions first, that of entries last.
    base
        10000 in the paper.

    Examples
    --------
    >>> rotary("x h d", 10000.0)
    Circuit(R[x h d] -> R[x h d#2])
    """
    position, *middle, entry = pattern.split()
    kept = " ".join([position, *middle, "p"])
    turn = einsum(f"{kept}, {position} p -> {kept}")

    @traced(pattern)
    def turned(t):
        pairs = view("(p s) -> p s", s=2)(t)
        first, second = view("p 0 -> p")(pairs), view("p 1 -> p")(pairs)
        angle = angles(f"{position} p", base)()
        c, s = cos(angle), sin(angle)
        return interleaved(entry)(
            turn(first, c) - turn(second, s), turn(first, s) + turn(second, c)
        )  # fmt: skip

    return turned.block("rotary")


def grouped_attention(base: float) -> Circuit:
    """Return causal attention whose g keys and values serve q queries each, with rotary positions.

    Ainslie et al., "GQA", 2023.

    Examples
    --------
    >>> grouped_attention(10000.0).at_dom((5, 8)).at(g=2, q=3, d=4).parameters["Q"]
    (Size('8'), Size('2'), Size('3'), Size('4'))
    """
    scores = einsum("x g q d, y g d -> g q x y", scale="d**-0.5")
    mix = einsum("g q x y, y g d -> x g q d")

    @traced("x m")
    def attend(t):
        q = rotary("x g q d", base)(linear("Q", "m -> g q d")(t))
        k, v = rotary("y g d", base)(linear("K", "m -> g d")(t)), linear("V", "m -> g d")(t)
        weights = softmax("[y]")(where("x y", "y <= x")(scores(q, k)))
        return linear("O", "g q d -> m")(mix(weights, v))

    return attend.block("masked attention")
