"""Captioning with teacher forcing against the same loss by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure

WORDS, LENGTH = 5, 3
TOLD = "seen >> decoder = pairs.sentence >> after"
SENTENCES = np.array([[1, 3, 4, 2], [1, 4, 2, 0], [1, 2, 0, 0], [1, 3, 2, 0]], "int32")


def linear(params, x):
    return x @ params["weight"] + params["bias"]


def tell(params, start, words):
    """A recurrent decoder: its state begins at the image, and reads one word at each place."""

    def step(state, word):
        state = jnp.tanh(state @ params["state"] + params["embedding"][word])
        return state, state @ params["readout"]

    _, logits = jax.lax.scan(step, start, words.T)
    return jnp.moveaxis(logits, 0, 1)


def decoder_of(dtype):
    shapes = {"state": (2, 2), "embedding": (WORDS, 2), "readout": (2, WORDS)}

    def init(key):
        keys = jax.random.split(key, 3)
        return {
            name: jax.random.normal(k, shape, dtype)
            for k, (name, shape) in zip(keys, shapes.items(), strict=True)
        }

    return init, tell


def regime(dtype="float32"):
    image, F = cl.Space("image", 4, dtype), cl.Space("F", 2, dtype)
    sentence = cl.Space("sentence", LENGTH + 1, "int32")
    earlier = cl.Space("earlier", LENGTH, "int32")
    logits = cl.Space("logits", (LENGTH, WORDS), dtype)
    encoder = cl.Model("encoder", image, F, "linear")
    decoder = cl.Model("decoder", cl.Product("context", F, earlier), logits, decoder_of(dtype))
    pairs = cl.Dataset("pairs", image=image, sentence=sentence)
    return cl.zoo.captioning(encoder, decoder, pairs, sentence)


def hand_written(forced=slice(None, -1)):
    def by_hand(params, state, batch, key):
        sentence = batch["pairs"]["sentence"]
        start = linear(params["encoder"], batch["pairs"]["image"])
        logits = tell(params["decoder"], start, sentence[:, forced])
        after = sentence[:, 1:]
        there = (after != 0)[..., None].astype(logits.dtype)
        target = jax.nn.one_hot(after, WORDS, dtype=logits.dtype) * there
        cost = jnp.mean(jnp.sum(-target * jax.nn.log_softmax(logits), axis=(1, 2)))
        return state["weights"][TOLD] * cost, {TOLD: cost}

    return by_hand


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, noise, dtype):
    batch = {"pairs": {"image": noise((4, 4), dtype), "sentence": SENTENCES}}
    with agrees.precision(dtype):
        fn = cl.lower(regime(dtype).loss())
        # A mutant: the decoder reads the words that it shall tell.
        agrees(fn, batch, hand_written(), wrong=hand_written(slice(1, None)))


def test_padding_costs_nothing_and_no_word_sees_those_after_it(noise):
    fn = cl.lower(regime().loss())
    params, state = fn.init(jax.random.key(0))
    images = noise((4, 4))
    value, _ = fn(params, state, {"pairs": {"image": images[1:2], "sentence": SENTENCES[1:2]}})
    start = linear(params["encoder"], images[1:2])
    logits = tell(params["decoder"], start, SENTENCES[1:2, :-1])
    words = jax.nn.log_softmax(logits)[0]
    np.testing.assert_allclose(value, -(words[0, 4] + words[1, 2]), rtol=1e-5)
    other = tell(params["decoder"], start, SENTENCES[:1, :-1])
    np.testing.assert_allclose(logits[0, 0], other[0, 0], rtol=1e-5)
    assert np.abs(logits[0, 1] - other[0, 1]).max() > 1e-3


def test_a_decoder_that_reads_no_words_is_refused():
    X = cl.Space("X", 2)
    pairs = cl.Dataset("pairs", image=X, sentence=cl.Space("sentence", 4, "int32"))
    f = cl.Model("f", X, X, "linear")
    with pytest.raises(InvalidStructure, match="expected a product of the features"):
        cl.zoo.captioning(f, f, pairs, pairs.spaces["sentence"])
