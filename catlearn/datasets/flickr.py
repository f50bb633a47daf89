r"""Flickr8k: 8,000 photographs, each with five sentences by five people.

Read as published, from a folder of yours; nothing is downloaded. Two editions are known:

========================================  ===================================  ==================
sentences                                 photographs                          division
========================================  ===================================  ==================
``Flickr8k.token.txt``: lines of          ``Flicker8k_Dataset/*.jpg``          as published, if its
``name.jpg#0``, a tab, and a sentence     (the folder's name is misspelt)      lists are there
``captions.txt``: a table (CSV) with the  ``Images/*.jpg``                     the same
columns ``image`` and ``caption``
========================================  ===================================  ==================

The lists of the published division are ``Flickr_8k.trainImages.txt`` and
``Flickr_8k.testImages.txt``. Without them one eighth, at most 1,000 photographs, is drawn for test,
always the same. Text files may lie in a folder ``Flickr8k_text``.

>>> parse_captions("image,caption\na.jpg,A dog .\na.jpg,\"One dog, alone\"\n")
{'a.jpg': ('A dog .', 'One dog, alone')}
>>> parse_captions("a.jpg#0\tA dog .\nb.jpg#0\tA cat .")
{'a.jpg': ('A dog .',), 'b.jpg': ('A cat .',)}

References
----------
Hodosh, Young, Hockenmaier, "Framing image description as a ranking task: data, models and
evaluation metrics", Journal of Artificial Intelligence Research 47, 2013.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catlearn.datasets.folders import data_folder, find
from catlearn.datasets.pixels import NoImage, pixels
from catlearn.errors import (
    CatlearnError,
    DataError,
    Failure,
    Failures,
    FileFormatError,
    InvalidStructure,
    fault,
    refuse,
)
from catlearn.files import parse_csv, problem, read_bounded

SOURCE = "https://hockenmaier.cs.illinois.edu/8k-pictures.html"

MAX_TEXT, MAX_IMAGES, MAX_BYTES, MAX_SIDE = 1 << 25, 50_000, 1 << 22, 4096

_TEXTS = ("Flickr8k.token.txt", "captions.txt")
_FOLDERS = ("Flicker8k_Dataset", "Flickr8k_Dataset", "Images")
_LISTS = ("Flickr_8k.trainImages.txt", "Flickr_8k.testImages.txt")
_NAME = re.compile(r"[\w-][\w.-]*\.jpe?g", re.ASCII | re.IGNORECASE)
_NUMBERED = re.compile(r"(?P<name>[^\t#]+)#\d+\t(?P<text>.+)")
_SHOWN = 5


@dataclass(frozen=True)
class Captioned:
    """Photographs with all sentences about each.

    Parameters
    ----------
    images
        Red, green and blue from 0 to 255, shape ``(n, size, size, 3)``, type uint8.
    captions
        The sentences about each, as they were written.
    names
        The names of their files.
    """

    images: np.ndarray
    captions: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        sentences = sum(map(len, self.captions))
        return f"Captioned({len(self)} images {self.images.shape[1:]}, {sentences} sentences)"


@dataclass(frozen=True)
class Flickr8k:
    """Photographs for training and for test.

    Parameters
    ----------
    train, test
        The photographs.
    division
        ``"published"``, or ``"drawn"`` where the lists of the published one are not there.
    """

    train: Captioned
    test: Captioned
    division: str


def load_flickr8k(folder: str | os.PathLike[str] | None = None, *, size: int = 64) -> Flickr8k:
    """Read the photographs and sentences of a folder.

    Parameters
    ----------
    folder
        Where they are, or a folder ``flickr8k`` with them; by default the value of the
        environment variable ``CATLEARN_DATA``.
    size
        Pixels at each side; photographs are squeezed to squares.

    Raises
    ------
    CatlearnError
        If there is no folder, or what should be in it is missing: the error says where to get it.
    DataError
        If sentences cannot be read, or photographs that they speak of; faults are listed.

    Examples
    --------
    >>> load_flickr8k("no such folder")
    Traceback (most recent call last):
    catlearn.errors.CatlearnError: found no Flickr8k.token.txt or captions.txt, and no folder ...
    """
    known = data_folder(folder, "Flickr8k", SOURCE)
    text, photographs = _text(known, _TEXTS), find(known, "flickr8k", _FOLDERS)
    if text is None or photographs is None:
        missing = [] if text else [" or ".join(_TEXTS)]
        missing += [] if photographs else [f"folder {' or '.join(_FOLDERS)}"]
        message = f"found no {', and no '.join(missing)} in '{known}'"
        raise CatlearnError(f"{message}; get Flickr8k from {SOURCE}")
    sentences = _captions(text)
    lists = [_text(known, [name]) for name in _LISTS]
    published = [_listed(path, sentences) for path in lists if path is not None]
    division = "published" if len(published) == 2 else "drawn"
    parts = published if division == "published" else _drawn(sorted(sentences))
    train, test = (_photographs(photographs, names, sentences, size) for names in parts)
    return Flickr8k(train, test, division)


def parse_captions(text: str) -> dict[str, tuple[str, ...]]:
    """Read either edition's sentences, by the name of the photograph.

    Raises
    ------
    ValueError
        If a line is none of the format; the message says which.
    """
    table = text.lstrip("\ufeff").startswith("image,caption")
    sentences: dict[str, list[str]] = {}
    for number, (name, sentence) in enumerate(_rows(text) if table else _lines(text), 1):
        if not _NAME.fullmatch(name.removesuffix(".1")):
            message = f"sentence {number} is about '{name[:60]}', expected the name of a JPEG"
            raise ValueError(message)
        sentences.setdefault(name, []).append(sentence.strip())
    # The published file speaks of one photograph under a name that no file has, with ".1" added.
    return {name: tuple(found) for name, found in sentences.items() if _NAME.fullmatch(name)}


def _rows(text: str) -> list[list[str]]:
    header, rows = parse_csv(text.encode(), "table")
    if len(header) != 2:
        raise ValueError(f"has {len(header)} columns, expected two")
    return rows


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        found = _NUMBERED.fullmatch(line.strip())
        if found is None and line.strip():
            message = f"line {number} is '{line[:60]}', expected 'name.jpg#0', a tab and a sentence"
            raise ValueError(message)
        if found is not None:
            yield found["name"], found["text"]


def _text(folder: Path, names: Iterable[str]) -> Path | None:
    places = [place for name in names for place in (name, f"Flickr8k_text/{name}")]
    return find(folder, "flickr8k", places)


def _read(path: Path) -> str:
    try:
        return read_bounded(path, MAX_TEXT).decode("utf-8")
    except (OSError, ValueError) as error:
        raise _refused(f"file '{path}'", f"cannot be read: {problem(error)}") from error


def _captions(path: Path) -> dict[str, tuple[str, ...]]:
    text = _read(path)
    try:
        sentences = parse_captions(text)
    except ValueError as error:
        raise _refused(f"file '{path}'", problem(error)) from error
    if not 2 <= len(sentences) <= MAX_IMAGES:
        message = f"speaks of {len(sentences)} photographs, expected from 2 to {MAX_IMAGES}"
        raise _refused(f"file '{path}'", message)
    return sentences


def _listed(path: Path, sentences: Mapping[str, tuple[str, ...]]) -> list[str]:
    names = _read(path).split()
    unknown = [name for name in names if name not in sentences]
    if unknown or not names:
        message = f"lists {len(names)} photographs, of which {len(unknown)} have no sentences"
        shown = f", such as {', '.join(unknown[:_SHOWN])}" if unknown else ""
        raise _refused(f"file '{path}'", message + shown)
    return names


def _drawn(names: list[str]) -> tuple[list[str], list[str]]:
    order = np.random.default_rng(0).permutation(len(names))
    mixed = [names[place] for place in order]
    test = min(1000, max(1, len(names) // 8))
    return mixed[:-test], mixed[-test:]


def _photographs(
    folder: Path, names: list[str], sentences: Mapping[str, tuple[str, ...]], size: int
) -> Captioned:
    images, failures = np.empty((len(names), size, size, 3), np.uint8), Failures()
    for row, name in enumerate(names):
        try:
            data = read_bounded(folder / name, MAX_BYTES)
            images[row] = pixels(
                data, size, grey=False, formats=("JPEG",), max_bytes=MAX_BYTES, max_side=MAX_SIDE
            )
        except (OSError, FileFormatError, NoImage) as error:
            cannot = "" if isinstance(error, NoImage) else "cannot be read: "
            message = cannot + problem(error)
            failures.add("file", f"photograph '{folder / name}'", message)
    if len(failures) > _SHOWN:
        message = f"{len(failures)} of {len(names)} cannot be used"
        failures[_SHOWN:] = [Failure("file", "photographs", message)]
    refuse("Flickr8k", failures, DataError)
    return Captioned(images, tuple(sentences[name] for name in names), tuple(names))


def _refused(where: str, message: str) -> InvalidStructure:
    return fault("Flickr8k", "file", where, message, DataError)
