r"""GPT-2: a transformer that predicts the next token.

Learned positions, L layers in which the norm comes first, a norm at the end, and scores by the
table of tokens, which is used twice:

.. math:: x \mapsto x + \mathrm{attention}(\mathrm{norm}(x)), \qquad
   x \mapsto x + W_2\,\mathrm{gelu}(W_1\,\mathrm{norm}(x))

Attention is causal with h heads, gelu is approximated by tanh; all linear maps have biases.

>>> gpt2().at(GPT2_SMALL).counts().parameters
124439808

Left out: dropout in training, and starting values that shrink with depth.

References
----------
Radford, Wu, Child, Luan, Amodei and Sutskever, "Language models are unsupervised multitask
learners", 2019.
"""

from __future__ import annotations

from catlearn.arrays import Circuit, compose, embed, gelu, linear, norm, residual, shift
from catlearn.zoo.architectures.attending import attention, feed_forward

GPT2_SMALL = {"L": 12, "m": 768, "h": 12, "d": 64, "f": 3072, "V": 50257, "c": 1024}
GPT2_MEDIUM = GPT2_SMALL | {"L": 24, "m": 1024, "h": 16, "f": 4096}
GPT2_LARGE = GPT2_SMALL | {"L": 36, "m": 1280, "h": 20, "f": 5120}
GPT2_XL = GPT2_SMALL | {"L": 48, "m": 1600, "h": 25, "f": 6400}


def gpt2_layer() -> Circuit:
    """Return a layer of GPT-2.

    Examples
    --------
    >>> gpt2_layer()
    Circuit(R[x m] -> R[x m])
    """
    mixing = norm("ln1", "[m]") >> attention(bias=True, causal=True)
    return residual(mixing) >> residual(norm("ln2", "[m]") >> feed_forward(gelu("tanh")))


def gpt2() -> Circuit:
    """Return GPT-2, from tokens to scores of the next ones.

    Examples
    --------
    >>> gpt2()
    Circuit(N<V>[x] -> R[x V])
    """
    start = embed("wte", "V -> m") >> shift("wpe", "c m", at="x")
    end = norm("lnf", "[m]"), linear("wte", "m -> V", transpose=True)
    return compose(start, gpt2_layer().repeat("L", "layers"), *end)
