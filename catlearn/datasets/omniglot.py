r"""Omniglot: handwritten characters of many alphabets, each drawn once by twenty people.

The archives are read as they are published, from a folder of yours; nothing is downloaded. Each
image is inverted (ink is 1, paper 0) and made smaller by averaging. Two splits are known, and both
keep whole alphabets apart:

===========  ===================================  ==============================================
split        for training                         for test
===========  ===================================  ==============================================
full         images_background.zip                images_evaluation.zip
small        images_background_small2.zip         alphabets of images_background_small1.zip that
                                                  are not in images_background_small2.zip
===========  ===================================  ==============================================

The two small archives have five alphabets each, of which two, Greek and Latin, are in both.

References
----------
Lake, Salakhutdinov, Tenenbaum, "Human-level concept learning through probabilistic program
induction", Science 350, 2015. https://github.com/brendenlake/omniglot
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from catlearn.datasets.folders import data_folder, find
from catlearn.datasets.pixels import NoImage, pixels
from catlearn.errors import CatlearnError, DataError, FileFormatError, InvalidStructure, fault
from catlearn.files import check_bounded, problem, reading

SOURCE = "https://github.com/brendenlake/omniglot/tree/master/python"

SPLITS = {
    "full": ("images_background.zip", "images_evaluation.zip"),
    "small": ("images_background_small2.zip", "images_background_small1.zip"),
}
"""Of each split, the archive for training and the one for test."""

MAX_ARCHIVE, MAX_IMAGES, MAX_BYTES = 1 << 28, 100_000, 1 << 16

_NAME = re.compile(r"[^/.][^/]*/(?P<alphabet>[^/.][^/]*)/(?P<character>[^/.][^/]*)/[^/]+\.png")


@dataclass(frozen=True)
class Characters:
    """The characters of some alphabets.

    Parameters
    ----------
    images
        Ink from 0 to 1, shape ``(characters, drawings, size, size)``.
    names
        ``alphabet/character`` of each.
    """

    images: np.ndarray
    names: tuple[str, ...]

    @property
    def alphabets(self) -> tuple[str, ...]:
        """The alphabets, in order."""
        return tuple(dict.fromkeys(name.split("/")[0] for name in self.names))

    def __len__(self) -> int:
        return len(self.names)

    def only(self, alphabets: Any) -> Characters:
        """Return the characters of some of the alphabets."""
        kept = [row for row, name in enumerate(self.names) if name.split("/")[0] in alphabets]
        return Characters(self.images[kept], tuple(self.names[row] for row in kept))

    def rotated(self) -> Characters:
        """Return four characters for each: turned by 0, 90, 180 and 270 degrees.

        Examples
        --------
        >>> one = Characters(np.eye(2)[None, None], ("Latin/character01",))
        >>> len(one.rotated()), one.rotated().names[1]
        (4, 'Latin/character01 turned by 90')
        """
        turns = [np.rot90(self.images, turn, axes=(-2, -1)) for turn in range(4)]
        suffixes = ("", *(f" turned by {90 * turn}" for turn in (1, 2, 3)))
        names = tuple(name + suffix for suffix in suffixes for name in self.names)
        return Characters(np.concatenate(turns), names)

    def __repr__(self) -> str:
        return f"Characters({len(self)} of {len(self.alphabets)} alphabets, {self.images.shape})"


@dataclass(frozen=True)
class Omniglot:
    """Characters for training and for test, of different alphabets.

    Parameters
    ----------
    train, test
        The characters.
    split
        ``"full"`` or ``"small"``.
    """

    train: Characters
    test: Characters
    split: str


def load_omniglot(
    folder: str | os.PathLike[str] | None = None, *, split: str | None = None, size: int = 28
) -> Omniglot:
    """Read the archives of a folder.

    Parameters
    ----------
    folder
        Where the archives are, or a folder ``omniglot`` with them; by default the value of the
        environment variable ``CATLEARN_DATA``.
    split
        ``"full"`` or ``"small"``; by default the full one if both of its archives are there.
    size
        Pixels at each side.

    Raises
    ------
    CatlearnError
        If there is no folder, or archives are missing; the error says where to get them.
    DataError
        If an archive is not one of Omniglot's.
    """
    known = data_folder(folder, "the archives of Omniglot", SOURCE)
    splits = SPLITS if split is None else {split: _archives(split)}
    for name, archives in splits.items():
        found = [find(known, "omniglot", [archive]) for archive in archives]
        if None not in found:
            train, test = (read_archive(path, size=size) for path in found if path is not None)
            kept = [name for name in test.alphabets if name not in train.alphabets]
            return Omniglot(train, test.only(kept), name)
    wanted = " or ".join(" and ".join(archives) for archives in splits.values())
    raise CatlearnError(f"found no {wanted} in '{known}'; get them from {SOURCE}")


def read_archive(path: str | os.PathLike[str], *, size: int = 28) -> Characters:
    """Read one archive: ``.../alphabet/character/drawing.png``, as many drawings of each.

    Nothing is unpacked; numbers and sizes of images are bounded.

    Raises
    ------
    DataError
        If it is not such an archive.
    """
    where, images = f"archive '{path}'", dict[str, list[np.ndarray]]()
    try:
        check_bounded(path, MAX_ARCHIVE)
        with reading(where), zipfile.ZipFile(path) as archive:
            members = sorted(archive.infolist(), key=lambda member: member.filename)
            if len(members) > MAX_IMAGES:
                raise _refused(where, f"has {len(members)} members, more than {MAX_IMAGES}")
            for member in members:
                name = _NAME.fullmatch(member.filename)
                if name is not None:
                    found = images.setdefault(f"{name['alphabet']}/{name['character']}", [])
                    found.append(_image(archive, member, size, where))
    except (OSError, FileFormatError) as error:
        raise _refused(where, f"cannot be read: {problem(error)}") from error
    return _characters(images, where)


def _characters(images: Mapping[str, list[np.ndarray]], where: str) -> Characters:
    counts = {len(drawings) for drawings in images.values()}
    if len(counts) != 1:
        span = f"from {min(counts)} to {max(counts)}" if counts else "no"
        raise _refused(where, f"has {span} drawings of a character, expected as many of each")
    return Characters(np.stack([np.stack(found) for found in images.values()]), tuple(images))


def _image(archive: zipfile.ZipFile, member: zipfile.ZipInfo, size: int, where: str) -> np.ndarray:
    with archive.open(member) as stream:
        data = stream.read(MAX_BYTES + 1)
    try:
        small = pixels(data, size, grey=True, formats=("PNG",), max_bytes=MAX_BYTES)
    except NoImage as error:
        raise _refused(where, f"'{member.filename}' {error}") from error
    return 1 - small.astype(np.float32) / 255


def _archives(split: str) -> tuple[str, str]:
    if split not in SPLITS:
        raise CatlearnError(f"no split is called {split!r}; there are: {', '.join(SPLITS)}")
    return SPLITS[split]


def _refused(where: str, message: str) -> InvalidStructure:
    return fault("Omniglot", "archive", where, message, DataError)
