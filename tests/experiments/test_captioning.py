"""The captioning experiment: teacher forcing, writing, BLEU, on pictures of uniform digits."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

import catlearn as cl

pytest.importorskip("sklearn")
captioning, pairs = pytest.importorskip("captioning"), pytest.importorskip("pairs")
vocabularies = pytest.importorskip("vocabulary")
pytestmark = pytest.mark.heavy
PAD, START, END = vocabularies.PAD, vocabularies.START, vocabularies.END


@pytest.fixture(scope="module")
def pictures():
    """Pictures of digits that are uniformly as dark as their labels."""
    labels = np.arange(10)
    images = np.repeat((labels + 1.0)[:, None], 64, axis=1).astype("float32")
    return pairs.compose((images, labels), 20, seed=0)


@pytest.fixture(scope="module")
def vocabulary(pictures):
    return vocabularies.Vocabulary.of([text for right in pictures.references for text in right])


@pytest.fixture(scope="module")
def fn(vocabulary):
    return cl.lower(captioning.captioning((8, 24), vocabulary, hidden=8, width=8).loss())


@pytest.fixture(scope="module")
def start(fn):
    """Parameters and state, drawn by numpy: to compile what draws takes longer than the tests."""
    params, state = jax.eval_shape(fn.init, jax.random.key(0))
    random = np.random.default_rng(0)
    drawn = jax.tree.map(lambda x: (0.3 * random.normal(size=x.shape)).astype(x.dtype), params)
    state = jax.tree.map(lambda x: np.ones(x.shape, x.dtype), state)
    return jax.device_put((drawn, state))


@pytest.fixture(scope="module")
def models(fn, start):
    """The encoder and the decoder, untrained; each is compiled once for all tests."""
    edges = ("encoder", "decoder")
    return {edge: jax.jit(fn.architecture(edge).rebuild(start[0][edge])) for edge in edges}


def test_the_loss_is_that_of_teacher_forcing_by_hand(fn, start, models, vocabulary, pictures):
    (name,) = fn.diagram.soft_equations
    batch = next(pairs.batches(pictures, vocabulary, 20, seed=1))
    value, _ = jax.jit(fn)(*start, {"pairs": batch})
    inside = models["encoder"](batch["image"])
    rows = batch["sentence"]
    costs = np.zeros(len(rows))
    for place in range(1, rows.shape[1]):
        # The decoder sees the words before only: what comes after is blotted out.
        seen = np.where(np.arange(rows.shape[1] - 1) < place, rows[:, :-1], 0)
        logits = np.asarray(models["decoder"]((inside, seen))[:, place - 1])
        told = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        words = rows[:, place]
        each = told[np.arange(len(rows)), words]
        costs -= np.where(words > 0, each, 0)
    assert name == "seen >> decoder = pairs.sentence >> after"
    assert float(value) == pytest.approx(costs.mean(), rel=1e-4)


def test_captions_are_written_word_by_word(models, vocabulary, pictures):
    trained = SimpleNamespace(model=models.get)
    written = captioning.write(trained, pictures, vocabulary, batch=20)
    assert len(written) == 20
    assert {word for text in written for word in text.split()} <= set(vocabulary.words[3:])
    inside = models["encoder"](pictures.images)
    told = [[START] for _ in written]
    for place in range(vocabulary.length):
        seen = np.zeros((20, vocabulary.length), np.int32)
        for row, words in enumerate(told):
            seen[row, : len(words)] = [vocabulary.words.index(word) for word in words]
        logits = np.asarray(models["decoder"]((inside, seen)))
        for row, words in enumerate(told):
            words.append(vocabulary.words[logits[row, place].argmax()])
    for text, words in zip(written, told, strict=True):
        upto = words[: words.index(END)] if END in words else words
        assert text == " ".join(word for word in upto if word not in (PAD, START))


def test_photographs_have_convolutions_before_the_decoder(vocabulary):
    diagram = captioning.captioning((16, 16, 3), vocabulary, hidden=8)
    assert diagram.space_label("F").shape == (2 * 2 * 64,)


def test_bleu_is_of_several_references():
    pytest.importorskip("sacrebleu", reason="captions are measured by sacrebleu")
    right = [["a three left of a seven", "a seven right of a three"], ["two sixes side by side"]]
    assert captioning.bleu(["a seven right of a three", "two sixes side by side"], right) == (
        pytest.approx(100)
    )
    swapped = captioning.bleu(["a seven left of a three", "two sixes side by side"], right)
    assert 0 < swapped < 100
