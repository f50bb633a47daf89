r"""The original transformer: an encoder of one sentence, and a decoder that writes another.

Both have L layers, with the norm behind each sum. The decoder sees its own past, and all of what
the encoder made. Attention has no biases. One table embeds both sentences, times the root of m, and
gives the scores; sinusoids say the positions:

.. math:: x \mapsto \mathrm{norm}(x + \mathrm{attention}(x)), \qquad
   x \mapsto \mathrm{norm}(x + W_2\,\mathrm{relu}(W_1 x + b_1) + b_2)

>>> transformer().at(TRANSFORMER_BASE).counts().parameters
63045632

Left out: dropout and label smoothing in training, masks of padding, beam search.

References
----------
Vaswani et al., "Attention is all you need", 2017.
"""

from __future__ import annotations

from catlearn.arrays import (
    Circuit,
    add,
    compose,
    discard,
    einsum,
    embed,
    idle,
    linear,
    norm,
    relu,
    residual,
    sinusoid,
    swap,
    traced,
)
from catlearn.zoo.architectures.attending import attention, feed_forward

TRANSFORMER_BASE = {"L": 6, "m": 512, "h": 8, "d": 64, "f": 2048, "V": 37000}
TRANSFORMER_BIG = TRANSFORMER_BASE | {"m": 1024, "h": 16, "f": 4096}


def encoder_layer() -> Circuit:
    """Return a layer of the encoder.

    Examples
    --------
    >>> encoder_layer()
    Circuit(R[x m] -> R[x m])
    """
    mixing = residual(attention()) >> norm("ln1", "[m]")
    return mixing >> residual(feed_forward(relu)) >> norm("ln2", "[m]")


def decoder_layer() -> Circuit:
    """Return a layer of the decoder: what it writes, and what the encoder made, which stays.

    Examples
    --------
    >>> decoder_layer()
    Circuit(R[y m], R[x m] -> R[y m], R[x m])
    """

    @traced("y m", "x m")
    def layer(t, memory):
        t = norm("ln1", "[m]")(attention(causal=True).named("self")(t) + t)
        t = norm("ln2", "[m]")(attention(cross=True).named("cross")(t, memory) + t)
        return norm("ln3", "[m]")(feed_forward(relu)(t) + t), memory

    return layer


def transformer() -> Circuit:
    """Return the transformer, from two sentences to scores of the second one's next tokens.

    Examples
    --------
    >>> transformer()
    Circuit(N<V>[x], N<V>[x#2] -> R[x#2 V])
    """
    positions = idle @ sinusoid("x m") >> add
    start = embed("table", "V -> m") >> einsum("m -> m", scale="m**0.5") >> positions
    encoder = start >> encoder_layer().repeat("L", "encoder")
    decoder = swap() >> decoder_layer().repeat("L", "decoder") >> idle @ discard
    return compose(encoder @ start, decoder, linear("table", "m -> V", transpose=True))
