r"""MNIST: handwritten digits, 60,000 for training and 10,000 for test, in files of the format IDX.

Read as published, from a folder of yours, compressed or not; nothing is downloaded. An IDX file is
two zeros, the code of a type (8, unsigned bytes), the number of axes, the length of each axis as
four bytes, the most significant first, and the values. Files of the same names in the same format
can be read too, such as Fashion-MNIST and Kuzushiji-MNIST.

>>> images = bytes([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3]) + bytes([7, 8, 9])
>>> parse_idx(images)
array([[7, 8, 9]], dtype=uint8)

References
----------
LeCun, Cortes, Burges, "The MNIST database of handwritten digits",
http://yann.lecun.com/exdb/mnist, with the description of IDX. Mirror:
https://ossci-datasets.s3.amazonaws.com/mnist.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from catlearn.datasets.folders import data_folder, find
from catlearn.errors import (
    CatlearnError,
    DataError,
    Failure,
    FileFormatError,
    InvalidStructure,
    fault,
    refuse,
)
from catlearn.files import check_bounded, problem, reading

SOURCE = "https://ossci-datasets.s3.amazonaws.com/mnist"

MAX_FILE, MAX_VALUES, MAX_AXES = 1 << 30, 1 << 28, 4

_FILES = {
    "training images": ("train-images", 3),
    "training labels": ("train-labels", 1),
    "test images": ("t10k-images", 3),
    "test labels": ("t10k-labels", 1),
}
"""Of each file, the start of its name and its number of axes."""


@dataclass(frozen=True)
class Digits:
    """Images of digits with their labels, for training and for test.

    Parameters
    ----------
    train, test
        Ink from 0 to 1, shape ``(n, height, width)``, and labels from 0 to 9, shape ``(n,)``.
    """

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]

    def __repr__(self) -> str:
        counts = f"{len(self.train[1])} for training, {len(self.test[1])} for test"
        height, width = self.train[0].shape[1:]
        return f"Digits({counts}, {height} x {width} pixels)"


def load_mnist(folder: str | os.PathLike[str] | None = None) -> Digits:
    """Read the four files of a folder.

    Parameters
    ----------
    folder
        Where the files are, or a folder ``mnist`` with them; by default the value of the
        environment variable ``CATLEARN_DATA``. A file may end with ``.gz``.

    Raises
    ------
    CatlearnError
        If there is no folder, or files are missing; the error says where to get them.
    DataError
        If files are not such, or do not belong together; all faults are listed.

    Examples
    --------
    >>> load_mnist("no such folder")
    Traceback (most recent call last):
    catlearn.errors.CatlearnError: found no train-images-idx3-ubyte(.gz), ...
    """
    known = data_folder(folder, "the four files of MNIST", SOURCE)
    names = [f"{start}-idx{axes}-ubyte" for start, axes in _FILES.values()]
    paths = [find(known, "mnist", _spellings(name)) for name in names]
    missing = [f"{name}(.gz)" for name, path in zip(names, paths, strict=True) if path is None]
    if missing:
        raise CatlearnError(f"found no {', '.join(missing)} in '{known}'; get them from {SOURCE}")
    arrays: dict[str, np.ndarray] = {}
    failures: list[Failure] = []
    for (what, (_, axes)), path in zip(_FILES.items(), paths, strict=True):
        try:
            arrays[what] = read_idx(path, axes)  # type: ignore[arg-type]
        except DataError as error:
            failures += error.failures
    failures += [] if failures else _disagreements(arrays)
    refuse("MNIST", failures, DataError)
    train, test = (
        (arrays[f"{part} images"].astype(np.float32) / 255, arrays[f"{part} labels"].astype("i4"))
        for part in ("training", "test")
    )
    return Digits(train, test)


def read_idx(path: str | os.PathLike[str], axes: int | None = None) -> np.ndarray:
    """Read an IDX file of unsigned bytes, decompressed if its name ends with ``.gz``.

    Parameters
    ----------
    path
        The file.
    axes
        How many axes it has to have, by default any number up to 4.

    Raises
    ------
    DataError
        If it cannot be read, is no such file, or has more than 268 million values.
    """
    where = f"file '{path}'"
    most = MAX_VALUES + 4 * (MAX_AXES + 1)
    try:
        check_bounded(path, MAX_FILE)
        opener = gzip.open if str(path).endswith(".gz") else open
        with opener(path, "rb") as file, reading(where):
            # One byte more than any good file has, so that a bomb is not unpacked.
            data = file.read(most + 1)
    except (OSError, FileFormatError) as error:
        raise _refused(where, f"cannot be read: {problem(error)}") from error
    try:
        values = parse_idx(data)
    except ValueError as error:
        raise _refused(where, f"{error}; get it from {SOURCE}") from error
    if axes is not None and values.ndim != axes:
        raise _refused(where, f"has {values.ndim} axes, expected {axes}")
    return values


def parse_idx(data: bytes) -> np.ndarray:
    """Return the unsigned bytes of an IDX file, in their shape.

    Raises
    ------
    ValueError
        If the data are not such.

    Examples
    --------
    >>> parse_idx(b"PK")
    Traceback (most recent call last):
    ValueError: begins with 504b, expected 0000 08 and the number of axes: no IDX of bytes
    """
    axes = data[3] if len(data) > 3 else 0
    if data[:3] != b"\0\0\x08" or not 0 < axes <= MAX_AXES or len(data) < 4 * (axes + 1):
        begins = data[:4].hex() or "nothing"
        raise ValueError(
            f"begins with {begins}, expected 0000 08 and the number of axes: no IDX of bytes"
        )
    shape = struct.unpack(f">{axes}I", data[4 : 4 * (axes + 1)])
    count, found = math.prod(shape), len(data) - 4 * (axes + 1)
    if count > MAX_VALUES or count != found:
        extent = " × ".join(map(str, shape))
        more = f"more than {MAX_VALUES}" if found > MAX_VALUES else found
        raise ValueError(f"announces {extent} values, found {more}")
    return np.frombuffer(data, np.uint8, offset=4 * (axes + 1)).reshape(shape)


def _spellings(name: str) -> list[str]:
    """The published name first; some unpackers write the second dash as a dot."""
    names = (name, name.replace("-idx", ".idx"))
    return [spelled + end for spelled in names for end in ("", ".gz")]


def _disagreements(arrays: dict[str, np.ndarray]) -> Iterable[Failure]:
    """Yield what is wrong with files of which each is right by itself."""
    for part in ("training", "test"):
        images, labels = arrays[f"{part} images"], arrays[f"{part} labels"]
        if len(images) != len(labels) or not len(labels):
            message = f"found {len(images)} images and {len(labels)} labels, expected as many"
            yield Failure("lengths", f"{part} files", message)
        if labels.size and labels.max() > 9:
            message = f"found the label {labels.max()}, expected 0 to 9"
            yield Failure("labels", f"{part} labels", message)
    sizes = [arrays[f"{part} images"].shape[1:] for part in ("training", "test")]
    if sizes[0] != sizes[1]:
        message = f"found {sizes[0]} pixels for training and {sizes[1]} for test, expected the same"
        yield Failure("sizes", "images", message)


def _refused(where: str, message: str) -> InvalidStructure:
    return fault("MNIST", "file", where, message, DataError)
