r"""Llama 3 and Mixtral: transformers with grouped queries, rotary positions and gates.

Norms are root mean squares and come first, no linear map has a bias, and the table of tokens is
used once. Queries and keys are turned by their positions, and g keys serve q queries each:

.. math:: x \mapsto x + \mathrm{attention}(\mathrm{norm}(x)), \qquad
   x \mapsto x + W_2\,(\mathrm{silu}(W_1 z) \cdot W_3 z), \quad z = \mathrm{norm}(x)

Mixtral replaces the feed-forward layer by e of them, of which each token goes through k, weighted
by the softmax of their k scores.

>>> llama().at(LLAMA3_8B).counts().parameters
8030261248
>>> mixtral().at(MIXTRAL_8X7B).counts().active
12879925248

Left out: caches of keys and values; the loss that balances the load of the experts.

References
----------
Grattafiori et al., "The Llama 3 herd of models", 2024. Jiang et al., "Mixtral of experts", 2024.
"""

from __future__ import annotations

from catlearn.arrays import (
    Circuit,
    compose,
    embed,
    linear,
    norm,
    residual,
    softmax,
    top_k,
    traced,
)
from catlearn.zoo.architectures.attending import experts, grouped_attention, swiglu

LLAMA3_8B = {"L": 32, "m": 4096, "g": 8, "q": 4, "d": 128, "f": 14336, "V": 128256}
LLAMA3_70B = {"L": 80, "m": 8192, "g": 8, "q": 8, "d": 128, "f": 28672, "V": 128256}
MIXTRAL_8X7B = LLAMA3_8B | {"V": 32000, "e": 8, "k": 2}


def decoder(layer: Circuit) -> Circuit:
    """Return the model with L layers of a kind, between two tables of tokens."""
    end = norm("norm", "[m]", kind="rms"), linear("output", "m -> V")
    return compose(embed("tokens", "V -> m"), layer.repeat("L", "layers"), *end)


def llama_layer(base: float = 500000.0) -> Circuit:
    """Return a layer of Llama 3.

    Examples
    --------
    >>> llama_layer()
    Circuit(R[x m] -> R[x m])
    """
    return decoder_layer(swiglu(), base)


def decoder_layer(feed_forward: Circuit, base: float) -> Circuit:
    """Return attention and a feed-forward layer, each behind a norm and beside what it is given."""
    mixing = norm("attention_norm", "[m]", kind="rms") >> grouped_attention(base)
    return residual(mixing) >> residual(norm("norm", "[m]", kind="rms") >> feed_forward)


def llama() -> Circuit:
    """Return Llama 3, from tokens to scores of the next ones.

    Examples
    --------
    >>> llama()
    Circuit(N<V>[x] -> R[x V#2])
    """
    return decoder(llama_layer())


def mixture() -> Circuit:
    """Return e gated layers of which each token goes through the k with the highest scores.

    Examples
    --------
    >>> mixture().at_dom((5, 4)).at(e=8, k=2, m=4, f=6).counts().active
    176
    """

    @traced("x m")
    def mixed(t):
        scores, chosen = top_k("[e -> k]")(linear("router", "m -> e")(t))
        return experts()(softmax("[k]")(scores), chosen, t)

    return mixed.block("mixture")


def mixtral_layer(base: float = 1000000.0) -> Circuit:
    """Return a layer of Mixtral.

    Examples
    --------
    >>> mixtral_layer()
    Circuit(R[x m] -> R[x m])
    """
    return decoder_layer(mixture(), base)


def mixtral() -> Circuit:
    """Return Mixtral, from tokens to scores of the next ones.

    Examples
    --------
    >>> mixtral()
    Circuit(N<V>[x] -> R[x V#2])
    """
    return decoder(mixtral_layer())
