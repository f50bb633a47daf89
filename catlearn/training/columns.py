"""Columns of data sets: arrays with examples along one axis, in memory, on a device or on disk.

Columns that are stored stacked (:mod:`catlearn.lowering.stacked`) have the members of a class on
their first axis and the examples on the second.

>>> import numpy as np
>>> columns = {"X": np.arange(12.0).reshape(4, 3), "Y": np.arange(4)}
>>> take(columns, np.array([2, 0]))["Y"].tolist()
[2, 0]
>>> batch_lengths(columns)
[4]

A run that goes on knows by checksums that its data are the same:

>>> checksums({"X": np.arange(3)}) == checksums({"X": np.array([0, 1, 2])})
True
"""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from catlearn.lowering.stacked import Stacked

Batch = dict[str, Mapping[str, Any]]
"""``{data set: {projection: array}}``, examples along the leading axis."""


def is_lazy(array: Any) -> bool:
    """Whether an array lies on disk, so that rows are read when they are asked for."""
    return isinstance(array, np.memmap) or not isinstance(array, np.ndarray | jax.Array)


def any_lazy(columns: Any) -> bool:
    """Whether any array of some columns lies on disk."""
    return any(map(is_lazy, jax.tree.leaves(columns)))


def permutation(length: int, seed: tuple[int, ...]) -> np.ndarray:
    """Return a permutation that is the same in every version of numpy.

    The raw words of a bit generator are guaranteed to be stable, methods of ``Generator`` are
    not; ties between 64-bit words are broken by the stable sort.
    """
    words = np.random.Philox(np.random.SeedSequence(seed)).random_raw(length)
    return np.argsort(words, kind="stable").astype("int32" if length < 2**31 else "int64")


def readable(array: Any) -> Any:
    """Return a view in numpy of what lies in the host's memory, where rows are cheap to take."""
    on_host = isinstance(array, jax.Array) and array.devices() == {jax.devices("cpu")[0]}
    return np.asarray(array) if on_host else array


def along_examples(change: Callable[[Any, int], Any], columns: Mapping[str, Any]) -> Any:
    """Change all arrays of a data set, knowing which axis of each has the examples."""
    if isinstance(columns, Stacked):
        return columns.map(
            lambda part, stacked: jax.tree.map(lambda leaf: change(leaf, int(stacked)), part)
        )
    return jax.tree.map(lambda leaf: change(leaf, 0), columns)


def batch_lengths(columns: Mapping[str, Any], lead: int = 0) -> list[int]:
    """Return how many examples the arrays of a data set have, after some leading axes."""
    sizes = along_examples(lambda leaf, axis: leaf.shape[lead + axis], columns)
    return sorted(set(jax.tree.leaves(sizes)))


def take(columns: Mapping[str, Any], rows: Any) -> Any:
    """Return some examples of a data set, which may be traced; no row may come twice."""
    if type(columns) is dict and all(type(leaf) is np.ndarray for leaf in columns.values()):
        # The usual case, at every step of a run: no more than an expert would write.
        return {name: column[rows] for name, column in columns.items()}
    return along_examples(functools.partial(_take, rows), columns)


def _take(rows: Any, leaf: Any, axis: int) -> Any:
    index = (*[slice(None)] * axis, rows)
    if isinstance(leaf, jax.Array):
        return leaf.at[index].get(mode="promise_in_bounds", unique_indices=True)
    if not is_lazy(leaf):
        return leaf[index]
    # A disk is read forwards; libraries of files insist on it.
    order = np.argsort(rows)
    return np.asarray(leaf[rows[order]])[np.argsort(order)]


#: Bytes of a column in memory that go into its fingerprint, and rows of one on disk.
FINGERPRINT_BYTES = 64 * 2**20
FINGERPRINT_ROWS = 256


def checksum(array: Any) -> int:
    crc = 0
    for leaf in jax.tree.leaves(array):
        size = math.prod(leaf.shape) * leaf.dtype.itemsize
        most = FINGERPRINT_ROWS if is_lazy(leaf) else FINGERPRINT_BYTES * len(leaf) // (size or 1)
        rows: Any = slice(None)
        if len(leaf) > most:
            rows = np.unique(np.linspace(0, len(leaf) - 1, max(2, most)).astype(np.int64))
        crc = zlib.crc32(np.ascontiguousarray(leaf[rows]).tobytes(), crc)
        crc = zlib.crc32(f"{leaf.dtype}{leaf.shape}".encode(), crc)
    return crc


def checksums(columns: Mapping[str, Any]) -> dict[str, int]:
    return {column: checksum(array) for column, array in columns.items()}
