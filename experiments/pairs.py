"""Pictures with sentences for the captioning experiment: composed of digits, or photographs.

Composed: two or three handwritten digits side by side, and sentences from templates that say what
stands where ("a three left of a seven"), so that all right sentences are known. Photographs:
Flickr8k, where a user has it, with five sentences each.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import digits
import numpy as np
from vocabulary import Vocabulary

from catlearn.datasets import Captioned, Flickr8k, load_flickr8k

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SLOTS = 3


@dataclass(frozen=True)
class Pictures:
    """Pictures with sentences to learn from, and all by which a caption is measured.

    Parameters
    ----------
    images
        Numbers from 0 to 1, or as uint8 from 0 to 255; shape ``(n, height, width)``, or with three
        colours at the end.
    told
        The sentences of each to learn from, words separated by spaces.
    references
        All right sentences of each.
    """

    images: np.ndarray
    told: list[list[str]]
    references: list[list[str]]

    def __len__(self) -> int:
        return len(self.images)

    def pixels(self, rows: np.ndarray | slice) -> np.ndarray:
        """Return some of the images, as numbers from 0 to 1 of type float32."""
        images = self.images[rows]
        return images.astype("f4") / 255 if images.dtype == np.uint8 else images

    def first(self, count: int) -> Pictures:
        """Return the first of them."""
        return Pictures(self.images[:count], self.told[:count], self.references[:count])


def plural(digit: int) -> str:
    """Return the name of several of a digit: sixes, threes, zeros."""
    return NAMES[digit] + ("es" if digit == 6 else "s")


def sentences(shown: Sequence[int]) -> list[str]:
    """Return all that may be said of digits from left to right, words separated by spaces.

    Examples
    --------
    >>> sentences([3, 8])[:2]
    ['a three left of an eight', 'an eight right of a three']
    >>> sentences([6, 6])[0]
    'two sixes'
    """
    one = [f"{'an' if digit == 8 else 'a'} {NAMES[digit]}" for digit in shown]
    if len(set(shown)) == 1:
        many, what = NAMES[len(shown)], plural(shown[0])
        return [f"{many} {what}", f"{many} {what} side by side", f"only {what} , {many} of them"]
    if len(shown) == 2:
        a, b = one
        told = ("{0} left of {1}", "{1} right of {0}", "{0} followed by {1}", "{0} and then {1}")
        return [text.format(a, b) for text in told]
    a, b, c = one
    return [
        f"{a} , {b} and {c}",
        f"{b} between {a} and {c}",
        f"from left to right {a} , {b} and {c}",
        f"{a} left of {b} left of {c}",
    ]


def compose(known: tuple[np.ndarray, np.ndarray], count: int, seed: int) -> Pictures:
    """Put two or three digits, drawn with their labels, side by side; two leave one place free.

    One of the right sentences of each is there to learn from.
    """
    images, labels = known
    side = math.isqrt(images.shape[1])
    random = np.random.default_rng(seed)
    canvas = np.zeros((count, side, SLOTS * side), np.float32)
    told, references = [], []
    for number in range(count):
        places = random.permutation(SLOTS)[: random.integers(2, SLOTS + 1)]
        rows = random.integers(len(images), size=len(places))
        for place, row in zip(np.sort(places), rows, strict=True):
            canvas[number, :, place * side : (place + 1) * side] = images[row].reshape(side, side)
        right = sentences([int(labels[row]) for row in rows])
        references.append(right)
        told.append([right[random.integers(len(right))]])
    return Pictures(canvas, told, references)


def plain(sentence: str) -> str:
    """Return a sentence in lower case without punctuation, words separated by spaces.

    Examples
    --------
    >>> plain("A girl 's dog , one-eyed , RUNS .")
    "a girl 's dog one eyed runs"
    """
    return " ".join(re.findall(r"[\w']+", sentence.lower()))


def described(photographs: Captioned) -> Pictures:
    """Return photographs with their sentences made plain: all to learn from, all references."""
    told = [[plain(one) for one in captions] for captions in photographs.captions]
    return Pictures(photographs.images, told, told)


def load(
    dataset: str, folder: str | None, seed: int, sizes: tuple[int, int]
) -> tuple[Pictures, Pictures, str]:
    """Return pictures for training and for test, at most so many, and what they are.

    Parameters
    ----------
    dataset
        ``"flickr8k"``, or ``"digits"`` or ``"mnist"`` to compose pictures of.
    folder
        Where it is, or None for the environment variable.
    seed
        Of a composition, and of the division of scikit-learn's digits.
    sizes
        How many pictures for training and for test.
    """
    if dataset == "flickr8k":
        data = flickr(folder)
        train, test = described(data.train).first(sizes[0]), described(data.test).first(sizes[1])
        height, width = train.images.shape[1:3]
        about = (
            f"Flickr8k, {data.division} division, {height} x {width} pixels: {len(train):,} "
            f"photographs for training, {len(test):,} for test, all sentences of each to learn "
            "from and as references, in lower case and without punctuation; no network was "
            "trained on other images before"
        )
        return train, test, about
    split = digits.load(dataset, folder, seed)
    train, test = compose(split.train, sizes[0], seed), compose(split.test, sizes[1], seed)
    about = (
        f"Composed data: {len(train):,} pictures for training from {len(split.train[1]):,} real "
        f"digits, {len(test):,} for test from {len(split.test[1]):,} other ones "
        f"({digits.named(dataset, split)}); two or three digits each, three or four right "
        "sentences a picture, one of them to learn from, all of them as references"
    )
    return train, test, about


@functools.lru_cache(maxsize=1)
def flickr(folder: str | None) -> Flickr8k:
    """Return the photographs, read once for all seeds."""
    return load_flickr8k(folder)


def batches(
    pictures: Pictures, vocabulary: Vocabulary, size: int, seed: int
) -> Iterator[dict[str, np.ndarray]]:
    """Yield batches without end: pictures, all before one comes again, and a sentence of each."""
    random = np.random.default_rng(seed)
    numbers = [vocabulary.numbers(told) for told in pictures.told]
    size = min(size, len(pictures))
    while True:
        order = random.permutation(len(pictures))
        for start in range(0, len(order) - size + 1, size):
            rows = order[start : start + size]
            drawn = [numbers[row][random.integers(len(numbers[row]))] for row in rows]
            yield {"image": pictures.pixels(rows), "sentence": np.stack(drawn)}
