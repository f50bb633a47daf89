"""Captioning with teacher forcing against the same loss by hand."""

import jax
import numpy as np
import pytest

import catlearn as cl
from benchmarks.by_hand.captioning import regime, sentences, tell
from benchmarks.by_hand.common import Sizes, linear
from catlearn.errors import InvalidStructure
from tests.errors import raises

SENTENCES = np.array([[1, 3, 4, 2], [1, 4, 2, 0], [1, 2, 0, 0], [1, 3, 2, 0]], "int32")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, dtype):
    with agrees.precision(dtype):
        agrees(regime(Sizes(dtype=dtype)), peeks=True)


def test_padding_costs_nothing_and_no_word_sees_those_after_it(noise):
    fn = regime(Sizes()).fn
    params, state = fn.init(jax.random.key(0))
    images = noise((4, 5))
    value, _ = fn(params, state, {"pairs": {"image": images[1:2], "sentence": SENTENCES[1:2]}})
    start = linear(params["encoder"], images[1:2])
    logits = tell(params["decoder"], start, SENTENCES[1:2, :-1])
    words = jax.nn.log_softmax(logits)[0]
    np.testing.assert_allclose(value, -(words[0, 4] + words[1, 2]), rtol=1e-5)
    other = tell(params["decoder"], start, SENTENCES[:1, :-1])
    np.testing.assert_allclose(logits[0, 0], other[0, 0], rtol=1e-5)
    assert np.abs(logits[0, 1] - other[0, 1]).max() > 1e-3


def test_sentences_that_are_drawn_end_and_are_padded():
    found = sentences(50, 7, 4)
    for sentence in found.tolist():
        end = sentence.index(2)
        assert sentence[0] == 1
        assert all(3 <= word < 7 for word in sentence[1:end])
        assert not any(sentence[end + 1 :])
    assert {sentence.index(2) for sentence in found.tolist()} == {1, 2, 3, 4}


def test_a_decoder_that_reads_no_words_is_refused():
    X = cl.Space("X", 2)
    pairs = cl.Dataset("pairs", image=X, sentence=cl.Space("sentence", 4, "int32"))
    f = cl.Model("f", X, X, "linear")
    with raises(InvalidStructure, law="decoder", where="'f'"):
        cl.zoo.captioning(f, f, pairs, pairs.spaces["sentence"])
