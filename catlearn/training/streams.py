r"""Mini-batches: each data set is drawn by its own stream, without replacement.

The batch of step :math:`t` is a pure function of (key, name of the data set, :math:`t`): nothing
has to be stored to continue a run, and two data sets of different sizes never wait for each
other. An epoch of a data set of :math:`n` examples is a permutation of it, cut into
:math:`\lfloor n / b \rfloor` batches of :math:`b`; the remainder is left out, a different one in
each epoch. A data set with at most :math:`b` examples is taken whole, in its own order.

>>> import jax
>>> import numpy as np
>>> data = {"points": {"X": np.arange(5.0), "Y": np.arange(5)}}
>>> stream = batches(data, batch_size=2, key=jax.random.key(0))
>>> sorted(np.concatenate([stream[0]["points"]["Y"], stream[1]["points"]["Y"]])) == sorted(
...     set(stream[0]["points"]["Y"]) | set(stream[1]["points"]["Y"])
... )
True
>>> batch = next(iter(stream))
>>> bool((batch["points"]["X"] == batch["points"]["Y"]).all())
True
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from catlearn.errors import DataError, Failure
from catlearn.lowering.stacked import Layout
from catlearn.training.columns import Batch, is_lazy, readable, take


class Batches:
    """An endless stream of mini-batches that can be entered at any step.

    Iterate over it, or ask for the batch of step ``t`` by ``stream[t]``.

    Parameters
    ----------
    data
        ``{data set: {projection: array}}``; arrays of numpy are read on the host, arrays of JAX
        where they lie. A column of a product is a tuple of arrays.
    batch_size
        Examples in a batch, the same for all data sets or one number for each.
    key
        A JAX random key.
    layouts
        How columns are stored stacked (``fn.storage.columns`` of a lowered loss); by default
        none are.

    Raises
    ------
    DataError
        Listing every data set that is empty or whose columns differ in length, and every
        batch size that is missing, not positive, or for an unknown data set.
    """

    def __init__(
        self,
        data: Mapping[str, Mapping[str, Any]],
        batch_size: int | Mapping[str, int] = 128,
        *,
        key: Any,
        layouts: Mapping[str, Layout] | None = None,
    ) -> None:
        data = {
            name: {key: jax.tree.map(readable, column) for key, column in columns.items()}
            for name, columns in data.items()
        }
        sizes = batch_size if isinstance(batch_size, Mapping) else dict.fromkeys(data, batch_size)
        failures = [*_data_failures(data), *_size_failures(data, sizes)]
        if failures:
            raise DataError("the data", failures)
        self.on_device: Batch = {}
        words = [int(word) for word in np.ravel(key_words(key))]
        self.streams = {
            name: _Stream(_length(columns), sizes[name], (*words, zlib.crc32(name.encode())))
            for name, columns in data.items()
        }
        self.data: Batch = {
            name: _stored(columns, (layouts or {}).get(name)) for name, columns in data.items()
        }

    def __getitem__(self, step: int) -> Batch:
        """Return the batch of a step, counted from 0."""
        if step < 0:
            raise IndexError(f"steps are counted from 0, found {step}")
        return {name: self.columns(name, step) for name in self.data}

    def draws(self, name: str) -> bool:
        """Whether the batches of a data set are drawn, rather than all of it."""
        return self.streams[name].draws

    def rows(self, name: str, step: int) -> np.ndarray | None:
        """Return the rows of one data set in the batch of a step; None for all in order."""
        return self.streams[name].rows(step)

    def columns(self, name: str, step: int) -> Mapping[str, Any]:
        """Return the batch of one data set at a step."""
        rows = self.rows(name, step)
        return self.placed(name) if rows is None else take(self.data[name], rows)

    def placed(self, name: str) -> Mapping[str, Any]:
        """Return all of a data set, on the device to which it goes once."""
        if name not in self.on_device:
            self.on_device[name] = jax.device_put(self.data[name])
        return self.on_device[name]

    def __iter__(self) -> Iterator[Batch]:
        return map(self.__getitem__, itertools.count())

    @property
    def sizes(self) -> dict[str, int]:
        """The number of examples in a batch of each data set."""
        return {name: stream.batch for name, stream in self.streams.items()}

    @property
    def lengths(self) -> dict[str, int]:
        """The number of examples of each data set."""
        return {name: stream.length for name, stream in self.streams.items()}

    def __repr__(self) -> str:
        parts = [
            f"{name}: {stream.batch} of {stream.length}" for name, stream in self.streams.items()
        ]
        return f"Batches({', '.join(parts)})"


def batches(
    data: Mapping[str, Mapping[str, Any]],
    batch_size: int | Mapping[str, int] = 128,
    key: Any = None,
) -> Batches:
    """Return an endless, reproducible stream of mini-batches.

    Parameters
    ----------
    data
        ``{data set: {projection: array}}``, examples along the leading axis.
    batch_size
        Examples in a batch: one number, or ``{data set: number}``. A data set that has no more
        examples than that is taken whole.
    key
        A JAX random key, by default ``jax.random.key(0)``.

    Returns
    -------
    Batches
        Iterate over it, or ask it for the batch of a step: ``stream[17]``.

    Raises
    ------
    DataError
        Listing everything that is wrong with the data and the sizes.

    Examples
    --------
    >>> import numpy as np
    >>> stream = batches({"points": {"X": np.arange(10.0)}}, 4)
    >>> stream
    Batches(points: 4 of 10)
    >>> stream[3]["points"]["X"].shape
    (4,)
    """
    return Batches(data, batch_size, key=jax.random.key(0) if key is None else key)


class _Stream:
    """The rows of each batch of one data set."""

    def __init__(self, length: int, batch: int, seed: tuple[int, ...]) -> None:
        self.length = length
        self.batch = min(batch, length)
        self.draws = self.batch < length
        self.seed = seed
        self.epoch = -1
        self.order = np.empty(0, "int32")

    def rows(self, step: int) -> np.ndarray | None:
        """Return the rows of a step's batch; None stands for all rows in order."""
        if not self.draws:
            return None
        epoch, position = divmod(step, self.length // self.batch)
        if epoch != self.epoch:
            self.order = _permutation(self.length, (*self.seed, epoch))
            self.epoch = epoch
        return self.order[position * self.batch : (position + 1) * self.batch]


def _permutation(length: int, seed: tuple[int, ...]) -> np.ndarray:
    """Return a permutation that is the same in every version of numpy.

    The raw words of a bit generator are guaranteed to be stable, methods of ``Generator`` are
    not; ties between 64-bit words are broken by the stable sort.
    """
    words = np.random.Philox(np.random.SeedSequence(seed)).random_raw(length)
    return np.argsort(words, kind="stable").astype("int32" if length < 2**31 else "int64")


def key_words(key: Any) -> np.ndarray:
    """Return the words of a JAX random key, typed or not."""
    if jax.numpy.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    return np.asarray(key)


def _stored(columns: dict[str, Any], layout: Layout | None) -> Mapping[str, Any]:
    """Store columns in memory as they will be needed, rather than each batch of them."""
    lazy = any(map(is_lazy, jax.tree.leaves(columns)))
    there = layout is not None and columns.keys() >= set(layout.names)
    return layout.pack(columns) if layout is not None and there and not lazy else columns


def _length(columns: Mapping[str, Any]) -> int:
    return min((len(leaf) for leaf in jax.tree.leaves(columns)), default=0)


def _data_failures(data: Mapping[str, Mapping[str, Any]]) -> list[Failure]:
    failures: list[Failure] = []
    for name, columns in data.items():
        lengths = {
            key: len(leaf) for key, column in columns.items() for leaf in jax.tree.leaves(column)
        }
        if not lengths or not all(lengths.values()):
            failures.append(Failure("length", f"data set '{name}'", "has no examples"))
        elif len(set(lengths.values())) > 1:
            found = ", ".join(f"'{key}' has {length}" for key, length in lengths.items())
            failures.append(
                Failure("length", f"data set '{name}'", f"columns differ in length: {found}")
            )
    return failures


def _size_failures(
    data: Mapping[str, Mapping[str, Any]], sizes: Mapping[str, int]
) -> list[Failure]:
    failures = [
        Failure(
            "batch size",
            f"data set '{name}'",
            f"no such data set; the data sets are {', '.join(data) or 'none'}",
        )
        for name in sizes
        if name not in data
    ]
    for name in data:
        size = sizes.get(name)
        if size is None:
            failures.append(Failure("batch size", f"data set '{name}'", "has no batch size"))
        elif size < 1:
            failures.append(
                Failure("batch size", f"data set '{name}'", f"must be at least 1, found {size}")
            )
    return failures
