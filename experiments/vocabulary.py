"""Sentences as numbers, and numbers as sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PAD, START, END, UNKNOWN = "<pad>", "<start>", "<end>", "<unknown>"


@dataclass(frozen=True)
class Vocabulary:
    """Words by number; padding is 0.

    Parameters
    ----------
    words
        All words, the marks first.
    length
        Of the longest sentence with its end.
    """

    words: tuple[str, ...]
    length: int

    @classmethod
    def of(cls, told: Sequence[str], least: int = 1, longest: int | None = None) -> Vocabulary:
        """Return the words of some sentences, in alphabetical order.

        Parameters
        ----------
        told
            The sentences.
        least
            How often a word has to occur; all others are one word, the mark of the unknown.
        longest
            After how many words sentences are cut.

        Examples
        --------
        >>> Vocabulary.of(["a dog", "a cat"], least=2).words[3:]
        ('<unknown>', 'a')
        """
        counts = Counter(word for sentence in told for word in sentence.split())
        words = sorted(word for word, count in counts.items() if count >= least)
        marks = (PAD, START, END) if len(words) == len(counts) else (PAD, START, END, UNKNOWN)
        most = max(len(sentence.split()) for sentence in told)
        return cls((*marks, *words), min(most, longest or most) + 1)

    def numbers(self, told: Sequence[str]) -> np.ndarray:
        """Return sentences as numbers between the marks, shape ``(n, length + 1)``."""
        place = {word: number for number, word in enumerate(self.words)}
        unknown = place.get(UNKNOWN)
        rows = np.zeros((len(told), self.length + 1), np.int32)
        for row, sentence in zip(rows, told, strict=True):
            marked = [START, *sentence.split()[: self.length - 1], END]
            row[: len(marked)] = [
                place[word] if unknown is None else place.get(word, unknown) for word in marked
            ]
        return rows

    def text(self, rows: np.ndarray) -> list[str]:
        """Return numbers as sentences, each up to its end."""
        told = []
        for row in rows:
            words = [self.words[number] for number in row]
            words = words[: words.index(END)] if END in words else words
            told.append(" ".join(word for word in words if word not in (PAD, START)))
        return told
