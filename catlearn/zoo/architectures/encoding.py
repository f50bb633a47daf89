r"""BERT: a transformer that reads a text in both directions, and the sentence encoders made of it.

The sum of three looked-up rows (the token, its position, and which of two texts it is of) is
normed, and goes through L layers in which the norm comes last:

.. math:: x \mapsto \mathrm{norm}(x + \mathrm{attention}(x)), \qquad
   x \mapsto \mathrm{norm}(x + W_2\,\mathrm{gelu}(W_1 x))

Attention has h heads, and a mask that says which positions hold tokens; gelu is the one with erf.
The *pooler* is a linear map of the first position, and tanh. A sentence encoder takes the mean of
the positions that hold tokens instead, and its direction.

>>> bert().at(BERT_BASE).counts().parameters
109482240
>>> sentence_encoder().at(MINILM).counts().parameters
22565376

Left out
--------
Dropout, and the two heads of training: the hidden token, and whether the second text follows.

References
----------
Devlin, Chang, Lee and Toutanova, "BERT: pre-training of deep bidirectional transformers for
language understanding", 2019. Reimers and Gurevych, "Sentence-BERT", 2019. Wang, Wei, Dong, Bao,
Yang and Zhou, "MiniLM", 2020.
"""

from __future__ import annotations

from catlearn.arrays import (
    Circuit,
    einsum,
    embed,
    gelu,
    indicator,
    linear,
    norm,
    reciprocal,
    shift,
    tanh,
    traced,
    unit,
    view,
)
from catlearn.zoo.architectures.attending import attention, feed_forward

BERT_BASE = {"L": 12, "m": 768, "h": 12, "d": 64, "f": 3072, "V": 30522, "c": 512, "t": 2}
BERT_LARGE = BERT_BASE | {"L": 24, "m": 1024, "h": 16, "f": 4096}
MINILM = BERT_BASE | {"L": 6, "m": 384, "d": 32, "f": 1536}


def _norm(name: str) -> Circuit:
    return norm(name, "[m]", eps=1e-12)


def bert_layer() -> Circuit:
    """Return a layer of BERT; the mask says which positions hold tokens, and is handed on.

    Examples
    --------
    >>> bert_layer()
    Circuit(R[x m], B[x] -> R[x m], B[x])
    """

    @traced("x m", "x", types=["R", "B"])
    def layer(t, mask):
        t = _norm("ln1")(attention(bias=True, masked=True)(t, mask) + t)
        return _norm("ln2")(feed_forward(gelu())(t) + t), mask

    return layer


def bert(pooler: bool = True) -> Circuit:
    """Return BERT, from tokens, the text that each is of, and a mask, to an array for each token.

    Parameters
    ----------
    pooler
        Whether an array for the whole text is returned, too.

    Examples
    --------
    >>> bert()
    Circuit(N<V>[x], N<t>[x], B[x] -> R[x m], R[n])
    """

    @traced("x", "x", "x", types=[None, None, "B"])
    def model(tokens, texts, mask):
        t = embed("words", "V -> m")(tokens) + embed("texts", "t -> m")(texts)
        t = _norm("ln")(shift("positions", "c m", at="x")(t))
        t, _ = bert_layer().repeat("L", "layers")(t, mask)
        if not pooler:
            return t
        return t, tanh(linear("pooler", "m -> n", bias=True, n="m")(view("0 m -> m")(t)))

    return model


def sentence_encoder() -> Circuit:
    """Return a sentence encoder: the direction of the mean of what BERT returns for the tokens.

    Examples
    --------
    >>> sentence_encoder()
    Circuit(N<V>[x], N<t>[x], B[x] -> R[m])
    """

    @traced("x", "x", "x", types=[None, None, "B"])
    def model(tokens, texts, mask):
        held = indicator(mask)
        total = einsum("x, x m -> m")(held, bert(pooler=False)(tokens, texts, mask))
        return unit("[m]")(einsum("m, -> m")(total, reciprocal(einsum("x -> ")(held))))

    return model


_LAYER = "encoder.layer.{}."
_ENDS = {"": "weight", ".bias": "bias"}
_NORM = {".gain": "weight", ".shift": "bias"}
_HEADS = {"Q": "self.query", "K": "self.key", "V": "self.value"}

BERT_NAMES: dict[str, tuple[str, str]] = {
    "words": ("embeddings.word_embeddings.weight", "V m -> V m"),
    "texts": ("embeddings.token_type_embeddings.weight", "t m -> t m"),
    "positions": ("embeddings.position_embeddings.weight", "c m -> c m"),
    **{f"ln{end}": (f"embeddings.LayerNorm.{suffix}", "m -> m") for end, suffix in _NORM.items()},
    **{
        f"layers/{one}{end}": (f"{_LAYER}attention.{name}.{suffix}", f"(h d){m} ->{m} h d")
        for one, name in _HEADS.items()
        for (end, suffix), m in zip(_ENDS.items(), (" m", ""), strict=True)
    },
    "layers/O": (f"{_LAYER}attention.output.dense.weight", "m (h d) -> h d m"),
    "layers/O.bias": (f"{_LAYER}attention.output.dense.bias", "m -> m"),
    **{
        f"layers/{one}{end}": (f"{_LAYER}{name}.dense.{suffix}", pattern)
        for one, name in (("up", "intermediate"), ("down", "output"))
        for (end, suffix), pattern in zip(_ENDS.items(), ("n m -> m n", "n -> n"), strict=True)
    },
    **{
        f"layers/{one}{end}": (f"{_LAYER}{name}.LayerNorm.{suffix}", "m -> m")
        for one, name in (("ln1", "attention.output"), ("ln2", "output"))
        for end, suffix in _NORM.items()
    },
}
"""Where libraries store the parameters of BERT, for :func:`~catlearn.models.read_parameters`."""

POOLER_NAMES: dict[str, tuple[str, str]] = {
    "pooler": ("pooler.dense.weight", "n m -> m n"),
    "pooler.bias": ("pooler.dense.bias", "n -> n"),
}
"""Where they store those of the pooler."""
