"""Columns of data sets: arrays with examples along one axis, in memory, on a device or on disk.

Columns that are stored stacked (:class:`~catlearn.lowering.stacked.Columns`) have the members of a
class on their first axis and the examples on the second.

>>> import numpy as np
>>> columns = {"X": np.arange(12.0).reshape(4, 3), "Y": np.arange(4)}
>>> take(columns, np.array([2, 0]))["Y"].tolist()
[2, 0]
>>> batch_lengths(columns), lengths_of({"d": columns})
([4], {'d': [4]})

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

from catlearn.lowering.stacked import Columns, Stacked

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


def along_examples(change: Callable[[Any, int], Any], batch: Mapping[str, Any]) -> Any:
    """Change all arrays of a batch, knowing which axis of each has the examples."""
    if isinstance(batch, Columns):
        return batch.map(change)
    return jax.tree.map(lambda leaf: change(leaf, 0), batch)


def batch_lengths(columns: Mapping[str, Any]) -> list[int]:
    """Return how many examples the arrays of a data set have."""
    return sorted({leaf.shape[0] for leaf in jax.tree.leaves(columns)})


def lengths_of(batch: Mapping[str, Any], lead: int = 0) -> dict[str, list[int]]:
    """Return the same for each data set of a batch, after some leading axes."""
    sizes = along_examples(lambda leaf, axis: leaf.shape[lead + axis], batch)
    sizes = sizes.of_each() if isinstance(sizes, Columns) else sizes
    return {name: sorted({*jax.tree.leaves(columns)}) for name, columns in sizes.items()}


def merged(one: Any, other: Any) -> Any:
    """Return the batch of which one mapping has some parts and another one the rest."""
    if not isinstance(one, Columns):
        return {**one, **other}
    parts = zip(one.stacked.parts, other.stacked.parts, strict=True)
    found = tuple(there if here is None else here for here, there in parts)
    return Columns(Stacked(one.stacked.layout, found))


def take(columns: Any, rows: Any) -> Any:
    """Return some examples of arrays, which may be traced; no row may come twice."""
    if type(columns) is dict and all(type(leaf) is np.ndarray for leaf in columns.values()):
        # The usual case, at every step of a run: no more than an expert would write.
        return {name: column[rows] for name, column in columns.items()}
    return jax.tree.map(functools.partial(_take, rows), columns)


def _take(rows: Any, leaf: Any) -> Any:
    if isinstance(leaf, jax.Array):
        return leaf.at[rows].get(mode="promise_in_bounds", unique_indices=True)
    if not is_lazy(leaf):
        return leaf[rows]
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
