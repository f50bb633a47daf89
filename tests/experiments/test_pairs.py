"""Pictures with sentences: composed of digits, or photographs; words and numbers."""

import numpy as np
import pytest

from catlearn.datasets import Captioned

pytest.importorskip("sklearn")
pairs, vocabularies = pytest.importorskip("pairs"), pytest.importorskip("vocabulary")


@pytest.fixture(scope="module")
def pictures():
    """Pictures of digits that are uniformly as dark as their labels."""
    labels = np.arange(10)
    images = np.repeat((labels + 1.0)[:, None], 64, axis=1).astype("float32")
    return pairs.compose((images, labels), 60, seed=0)


def test_sentences_name_what_is_in_the_picture(pictures):
    found = zip(pictures.images, pictures.told, pictures.references, strict=True)
    for image, (told,), right in found:
        shades = image.reshape(8, 3, 8).mean(axis=(0, 2))
        digits = [int(shade) - 1 for shade in shades if shade]
        assert right == pairs.sentences(digits)
        assert told in right
    assert {len(right) for right in pictures.references} == {3, 4}


def test_articles_and_plurals():
    assert pairs.sentences([8, 1])[0] == "an eight left of a one"
    assert pairs.sentences([6, 6, 6])[0] == "three sixes"
    assert pairs.sentences([1, 2, 3])[1] == "a two between a one and a three"


def test_pictures_of_any_size_are_composed():
    images = np.eye(10, 28 * 28, dtype="f4")
    assert pairs.compose((images, np.arange(10)), 5, seed=0).images.shape == (5, 28, 84)


def test_words_and_numbers_are_the_same(pictures):
    vocabulary = vocabularies.Vocabulary.of([one for right in pictures.references for one in right])
    told = [one for (one,) in pictures.told]
    rows = vocabulary.numbers(told)
    assert rows.shape == (60, vocabulary.length + 1)
    assert vocabulary.text(rows[:, 1:]) == told
    assert (rows[:, 0] == vocabulary.words.index(vocabularies.START)).all()
    assert vocabularies.UNKNOWN not in vocabulary.words


def test_rare_words_are_unknown_and_sentences_are_cut():
    told = ["a dog runs", "a dog sleeps on a large sofa", "a cat"]
    vocabulary = vocabularies.Vocabulary.of(told, least=2, longest=4)
    assert vocabulary.words[3:] == ("<unknown>", "a", "dog")
    assert vocabulary.length == 5
    rows = vocabulary.numbers(told)
    assert rows.shape == (3, 6)
    assert vocabulary.text(rows[:, 1:]) == [
        "a dog <unknown>",
        "a dog <unknown> <unknown>",
        "a <unknown>",
    ]


def test_photographs_are_described_in_plain_words():
    images = np.full((1, 4, 4, 3), 51, np.uint8)
    known = pairs.described(Captioned(images, (("A girl 's dog .", "One, two!"),), ("a.jpg",)))
    assert known.told == known.references == [["a girl 's dog", "one two"]]
    assert known.pixels(slice(None)).dtype == np.float32
    assert known.pixels(np.array([0])) == pytest.approx(0.2)


def test_every_picture_comes_once_in_an_epoch_with_each_of_its_sentences(pictures):
    told = [[f"{k} {one}" for one in right] for k, right in enumerate(pictures.references)]
    known = pairs.Pictures(pictures.images, told, told)
    vocabulary = vocabularies.Vocabulary.of([one for many in told for one in many])
    stream, seen = pairs.batches(known, vocabulary, 20, seed=0), set()
    for _ in range(40):
        epoch = [next(stream) for _ in range(3)]
        found = vocabulary.text(np.concatenate([part["sentence"] for part in epoch])[:, 1:])
        rows = [int(text.split()[0]) for text in found]
        assert sorted(rows) == list(range(60))
        images = np.concatenate([part["image"] for part in epoch])
        assert (images == pictures.images[rows]).all()
        seen.update(found)
    assert seen == {one for many in told for one in many}
