"""The captioning experiment: composed data, words as numbers, teacher forcing, writing, BLEU."""

import jax
import numpy as np
import pytest

import catlearn as cl

pytest.importorskip("sklearn")
captioning = pytest.importorskip("captioning")


@pytest.fixture(scope="module")
def pictures():
    """Pictures of digits that are uniformly as dark as their labels."""
    labels = np.arange(10)
    images = np.repeat((labels + 1.0)[:, None], 64, axis=1).astype("float32")
    return captioning.compose((images, labels), 60, seed=0)


@pytest.fixture(scope="module")
def vocabulary(pictures):
    return captioning.Vocabulary.of([text for right in pictures.references for text in right])


def test_sentences_name_what_is_in_the_picture(pictures):
    for image, told, right in zip(pictures.images, pictures.told, pictures.references, strict=True):
        shades = image.reshape(8, 3, 8).mean(axis=(0, 2))
        digits = [int(shade) - 1 for shade in shades if shade]
        assert right == captioning.sentences(digits)
        assert told in right
    assert {len(right) for right in pictures.references} == {3, 4}


def test_articles_and_plurals():
    assert captioning.sentences([8, 1])[0] == "an eight left of a one"
    assert captioning.sentences([6, 6, 6])[0] == "three sixes"
    assert captioning.sentences([1, 2, 3])[1] == "a two between a one and a three"


def test_words_and_numbers_are_the_same(vocabulary, pictures):
    rows = vocabulary.numbers(pictures.told)
    assert rows.shape == (60, vocabulary.length + 1)
    assert vocabulary.text(rows[:, 1:]) == pictures.told
    assert (rows[:, 0] == vocabulary.words.index(captioning.START)).all()


def test_the_loss_is_that_of_teacher_forcing_by_hand(vocabulary, pictures):
    fn = cl.lower(captioning.captioning(pictures, vocabulary, width=8).loss())
    params, state = fn.init(jax.random.key(0))
    (name,) = fn.diagram.soft_equations
    value, _ = fn(params, state, fn.diagram.data)
    encoder, decoder = (
        fn.architecture(edge).rebuild(params[edge]) for edge in ("encoder", "decoder")
    )
    inside = encoder(pictures.images)
    rows, decode = vocabulary.numbers(pictures.told), jax.jit(decoder)
    costs = np.zeros(len(rows))
    for place in range(1, rows.shape[1]):
        # The decoder sees the words before only: what comes after is blotted out.
        seen = np.where(np.arange(rows.shape[1] - 1) < place, rows[:, :-1], 0)
        logits = np.asarray(decode((inside, seen))[:, place - 1])
        told = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        words = rows[:, place]
        each = told[np.arange(len(rows)), words]
        costs -= np.where(words > 0, each, 0)
    assert name == "seen >> decoder = pairs.sentence >> after"
    assert float(value) == pytest.approx(costs.mean(), rel=1e-4)


def test_captions_are_written_word_by_word(vocabulary, pictures):
    diagram = captioning.captioning(pictures, vocabulary, width=8)
    result = captioning.cl.fit(
        diagram, captioning.optax.adam(1e-2), steps=3, batch_size=16, progress=False
    )
    written = captioning.write(result, pictures.images[:5], vocabulary)
    assert len(written) == 5
    assert {word for text in written for word in text.split()} <= set(vocabulary.words[3:])
    inside, decode = result.model("encoder")(pictures.images[:2]), result.model("decoder")
    decode = jax.jit(decode)
    for row in range(2):
        told = [captioning.START]
        while told[-1] != captioning.END and len(told) <= vocabulary.length:
            seen = np.zeros((1, vocabulary.length), np.int32)
            seen[0, : len(told)] = [vocabulary.words.index(word) for word in told]
            logits = np.asarray(decode((inside[row : row + 1], seen)))[0, len(told) - 1]
            told.append(vocabulary.words[logits.argmax()])
        marks = (captioning.PAD, captioning.START, captioning.END)
        assert written[row] == " ".join(word for word in told if word not in marks)


def test_bleu_is_of_several_references():
    pytest.importorskip("sacrebleu", reason="captions are measured by sacrebleu")
    right = [["a three left of a seven", "a seven right of a three"], ["two sixes side by side"]]
    assert captioning.bleu(["a seven right of a three", "two sixes side by side"], right) == (
        pytest.approx(100)
    )
    swapped = captioning.bleu(["a seven left of a three", "two sixes side by side"], right)
    assert 0 < swapped < 100
