"""Sentences as arrays of word numbers: what teacher forcing reads of them, and what words cost.

A sentence of n + 1 word numbers is read twice: the words before, from which each next one is told,
and the words after, which are to be told, as distributions. Padding is no word: it has the zero
distribution, and costs nothing. ``words_before`` and ``words_after`` are registered architectures
without parameters, ``word_cross_entropy`` a divergence.

>>> import numpy as np
>>> from catlearn.models import Model, Space
>>> sentence, later = Space("sentence", 4, "int32"), Space("later", (3, 5))
>>> after = Model("after", sentence, later, "words_after", words=5)
>>> after.architecture.apply((), np.array([[1, 4, 2, 0]]))[0].argmax(axis=-1).tolist()
[4, 2, 0]
>>> after.architecture.apply((), np.array([[1, 4, 2, 0]])).sum(axis=-1).tolist()
[[1.0, 1.0, 0.0]]

References
----------
Williams, Zipser, "A learning algorithm for continually running fully recurrent neural networks",
Neural Computation 1, 1989, for teacher forcing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from catlearn.errors import Failure, InvalidStructure
from catlearn.models.architectures import register_architecture
from catlearn.models.divergences import register_divergence
from catlearn.models.spaces import AnySpace


def words_before() -> tuple[Callable, Callable]:
    """All words of a sentence but the last."""

    def init(key: Any, source: AnySpace, target: AnySpace) -> tuple:
        return ()

    def apply(params: Any, sentence: Any) -> Any:
        return sentence[:, :-1]

    return init, apply


def words_after(words: int, padding: int = 0, dtype: str = "float32") -> tuple[Callable, Callable]:
    """All words of a sentence but the first, as distributions over the words.

    Parameters
    ----------
    words
        How many words there are.
    padding
        The number that stands for no word.
    dtype
        The type of the distributions.
    """

    def init(key: Any, source: AnySpace, target: AnySpace) -> tuple:
        return ()

    def apply(params: Any, sentence: Any) -> Any:
        import jax

        later = sentence[:, 1:]
        there = (later != padding)[..., None]
        return jax.nn.one_hot(later, words, dtype=dtype) * there.astype(dtype)

    return init, apply


def word_cross_entropy(prediction: Any, target: Any) -> Any:
    """Cross-entropy of logits against distributions, ``(batch, length, words)``, over all words."""
    import jax
    import jax.numpy as jnp

    if prediction.ndim < 2 or prediction.shape != target.shape:
        message = f"found {prediction.shape} and {target.shape}, expected equal shapes"
        failure = Failure("divergence", "word_cross_entropy", f"{message} (batch, ..., words)")
        raise InvalidStructure("Divergence 'word_cross_entropy'", [failure])
    costs = -target * jax.nn.log_softmax(prediction)
    return jnp.sum(costs, axis=tuple(range(1, costs.ndim)))


register_architecture("words_before", words_before, parameter_free=True)
register_architecture("words_after", words_after, parameter_free=True)
register_divergence("word_cross_entropy", word_cross_entropy)
