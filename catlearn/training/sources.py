"""Where batches come from: arrays in memory or on disk, and anything that gives batches.

Each data set has a source of its own:

* a mapping ``{projection: array}``, of which mini-batches are drawn
  (:mod:`catlearn.training.streams`). An array may be a ``numpy.memmap`` or anything else with a
  length, a shape and rows by index (an HDF5 or zarr array): only the rows of a batch are read,
  and they are checked when they are;
* an iterable of batches: a list, a generator, a ``grain.DataLoader`` or ``IterDataset``, a
  ``torch.utils.data.DataLoader``. A batch is ``{projection: array}``, or the arrays in the order
  of the data set's projections; tensors are turned into arrays. An iterable that ends is begun
  again;
* a function of the epoch, which returns such an iterable: ``lambda epoch: shuffled(seed=epoch)``.

A run is continued where a source was. An iterator with ``get_state`` and ``set_state`` (grain)
or a loader with ``state_dict`` and ``load_state_dict`` (torchdata) is asked for its state, if that
is JSON or bytes. Any other is gone through from the beginning of the epoch, and the last batch
must be the one it was; a loader whose order is new each time is found out and refused.

>>> import catlearn as cl, numpy as np
>>> X, Y = cl.Space("X", 2), cl.Space("Y", 1)
>>> D = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, "linear"))
>>> batch = {"X": np.zeros((8, 2), "f4"), "Y": np.zeros((8, 1), "f4")}
>>> sources = Sources(cl.lower(D.loss()), {"d": [batch]}, 8, key=jax.random.key(0))
>>> [sources.take(step)["d"]["X"].shape for step in (0, 1)]
[(8, 2), (8, 2)]
>>> sources
Sources(d: list)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from catlearn.errors import CheckpointMismatch, DataError, Failure
from catlearn.learning.dataset import check_lengths, without_examples
from catlearn.models import check_array
from catlearn.training.columns import Batch, is_lazy, take
from catlearn.training.distributed import ALONE, Processes
from catlearn.training.feeds import Feed, Labels, unread
from catlearn.training.fingerprints import checksums
from catlearn.training.streams import Batches

if TYPE_CHECKING:
    from catlearn.lowering import Lowered

#: Bytes of a data set, at most, and of a batch of it, at least, where examples are kept on the
#: device. Small batches are sent in less time than it takes to start a program that draws them.
RESIDENT_BYTES = 2**30
SENT_BYTES = 2**16


class Sources:
    """The source of each data set, from which every step takes one batch.

    Parameters
    ----------
    fn
        The lowered loss, which says what is needed.
    data
        ``{data set: source}``; by default the arrays that the diagram came with.
    batch_size
        As for :func:`catlearn.batches`; sources that give batches have their own.
    key
        The random key of the run.
    processes
        Who trains together, each on data of its own; a batch is made of an equal part from each.
    resident
        Whether data sets are kept on the device, so that a step sends the numbers of its rows in
        place of them, where they have at most ``RESIDENT_BYTES`` and a batch of them at least
        ``SENT_BYTES``.

    Raises
    ------
    DataError
        If arrays are missing or do not fit, listing all of them.
    """

    def __init__(
        self,
        fn: Lowered,
        data: Mapping[str, Any] | None,
        batch_size: int | Mapping[str, int],
        *,
        key: jax.Array,
        processes: Processes = ALONE,
        resident: bool = False,
    ) -> None:
        given, own = (fn.diagram.data, True) if data is None else (data, False)
        if not isinstance(given, Mapping):
            message = f"expected {{data set: source}}, found {type(given).__name__}"
            raise DataError("the data", [Failure("data", "data=", message)])
        self.labels: dict[str, Labels] = {
            name: {step.column: fn.diagram.space_label(step.vertex) for step in steps}
            for name, steps in fn.plan.columns.items()
        }
        arrays = _arrays(self.labels, given, own=own)
        others = [name for name in self.labels if name not in arrays]
        sizes = batch_size
        if isinstance(sizes, Mapping) and others:
            sizes = {name: size for name, size in sizes.items() if name not in others}
        self.processes = processes
        if processes.count > 1:
            key = jax.random.fold_in(key, processes.index)
            sizes = _part_sizes(sizes, processes.count)
        self.batches = Batches(arrays, sizes, key=key, layouts=fn.storage.columns)
        self.resident: Batch = {
            name: self.batches.placed(name)
            for name, columns in self.batches.data.items()
            if resident and self.batches.draws(name) and self._stays(name, columns)
        }
        self.pack = fn.storage.pack_batch
        self.taken = [name for name in self.labels if name not in self.resident]
        self.lazy = [
            (name, column)
            for name, columns in self.batches.data.items()
            for column, array in columns.items()
            if any(map(is_lazy, jax.tree.leaves(array)))
        ]
        projections = fn.diagram.projections.values()
        self.feeds = {
            name: Feed(
                name,
                given[name],
                self.labels[name],
                [column for data_set, column in projections if data_set == name],
            )
            for name in others
        }

    def take(self, step: int) -> Batch:
        """Return the batch of a step; steps come one after another.

        Raises
        ------
        DataError
            If a source ends, fails, or gives a batch that does not fit: the data set, the
            projection and the step are named.
        """
        batch = {name: self._columns(name, step) for name in self.taken}
        if self.resident:
            rows = {name: self.batches.rows(name, step) for name in self.resident}
            batch.update(_drawn(self.resident, rows))
        return batch

    def take_many(self, steps: range) -> tuple[Batch, Batch]:
        """Return what the batches of some steps have in common, and the rest.

        The rest has a further axis in front, for the steps, and is stored as the loss does.
        """
        taken = [{name: self._columns(name, step) for name in self.taken} for step in steps]
        same = {
            name: columns
            for name, columns in taken[0].items()
            if all(other[name] is columns for other in taken)
        }
        packed = [
            self.pack({name: part for name, part in batch.items() if name not in same})
            for batch in taken
        ]
        batches = jax.tree.map(lambda *leaves: np.stack(leaves), *packed)
        if self.resident:
            rows = {
                name: np.array([self.batches.rows(name, step) for step in steps])
                for name in self.resident
            }
            batches |= _all_drawn(self.resident, rows)
        return same, batches

    def _stays(self, name: str, columns: Mapping[str, Any]) -> bool:
        """Whether a data set is kept on the device; what lies on one anyway is."""
        leaves = jax.tree.leaves(columns)
        if any(map(is_lazy, leaves)):
            return False
        size = sum(leaf.nbytes for leaf in leaves)
        sent = sum(leaf.nbytes for leaf in leaves if isinstance(leaf, np.ndarray))
        batch = size * self.batches.sizes[name] // self.batches.lengths[name]
        return sent <= RESIDENT_BYTES and (batch >= SENT_BYTES or sent < size)

    def _columns(self, name: str, step: int) -> Mapping[str, Any]:
        if name in self.feeds:
            return self.feeds[name].take()
        try:
            columns = self.batches.columns(name, step)
        except Exception as error:
            raise unread(name, step, error) from error
        failures = [
            failure
            for data, column in self.lazy
            if data == name
            for failure in check_array(
                f"projection '{name}.{column}'", self.labels[name][column], columns[column]
            )
        ]
        if failures:
            raise DataError(f"the batch of step {step}", failures)
        return columns

    def again(self, step: int) -> Batch | None:
        """Return the batch of an earlier step, if no source has to go back for it."""
        return None if self.feeds else self.batches[step]

    @property
    def data(self) -> Batch:
        """The arrays, of those data sets that have some."""
        return self.batches.data

    def state(self, step: int) -> dict[str, Any]:
        """Return, as JSON, where the sources are after some steps."""
        return {name: feed.state(step) for name, feed in self.feeds.items()}

    def restore(self, states: list[Any], what: str) -> None:
        """Go where the sources were, in each process.

        Raises
        ------
        CheckpointMismatch
            If a source does not give again what it gave.
        """
        failures = []
        if len(states) != self.processes.count:
            message = f"is of {len(states)} processes, and here are {self.processes.count}"
            raise CheckpointMismatch(what, [Failure("sources", "data", message)])
        state = states[self.processes.index]
        for name, feed in self.feeds.items():
            try:
                feed.restore(state[name])
            except CheckpointMismatch as error:
                failures += error.failures
        if failures:
            raise CheckpointMismatch(what, failures)

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return how many examples there are, and in a batch, as far as it is known."""
        arrays = {
            name: {"examples": self.batches.lengths[name], "batch": size}
            for name, size in self.batches.sizes.items()
        }
        return arrays | {name: {"source": "batches"} for name in self.feeds}

    def contents(self) -> dict[str, str]:
        """Return the fingerprints of all processes, which all of them must ask for."""
        every = self.processes.gather(self.fingerprint())
        return {name: " ".join(found[name] for found in every) for name in every[0]}

    def fingerprint(self) -> dict[str, str]:
        """Return a checksum of the contents of each column, or of an iterable's first batch.

        All of a column counts up to ``FINGERPRINT_BYTES`` or, on disk, ``FINGERPRINT_ROWS``; of a
        larger one, rows at even distances, the first and the last among them.

        Raises
        ------
        DataError
            If a column cannot be read.
        """
        found: dict[str, str] = {}
        columns = {
            name: self.feeds[name].first if name in self.feeds else self.batches.data[name]
            for name in self.labels
        }
        for name, arrays in columns.items():
            try:
                for column, crc in checksums(arrays).items():
                    found[f"{name}.{column}"] = f"crc32={crc:08x}"
            except OSError as error:
                raise unread(name, 0, error) from error
        return found

    def __repr__(self) -> str:
        parts = [repr(self.batches)[8:-1]] if self.batches.data else []
        parts += [f"{name}: {feed.kind}" for name, feed in self.feeds.items()]
        return f"Sources({', '.join(parts)})"


def _part_sizes(sizes: int | Mapping[str, int], count: int) -> int | dict[str, int]:
    """Return the sizes of the batches of one process."""
    named = sizes if isinstance(sizes, Mapping) else {"": sizes}
    failures = [
        Failure(
            "batch size",
            f"data set '{name}'" if name else "batch_size",
            f"{size} examples do not divide among {count} processes",
        )
        for name, size in named.items()
        if size % count
    ]
    if failures:
        raise DataError("the data", failures)
    parts = {name: size // count for name, size in named.items()}
    return parts if isinstance(sizes, Mapping) else parts[""]


def _arrays(labels: Mapping[str, Labels], given: Mapping[str, Any], *, own: bool) -> Batch:
    """Return the columns of data sets given by arrays; say which are missing or do not fit."""
    remedy = "give its array to the Dataset" if own else "it is not in data="
    failures: list[Failure] = []
    arrays: Batch = {}
    for name, columns in labels.items():
        there = given.get(name, {})
        if not isinstance(there, Mapping):
            if not (hasattr(there, "__iter__") or callable(there)):
                message = f"is a {type(there).__name__}; give arrays by projection, or batches"
                failures.append(Failure("data", f"data set '{name}'", message))
            continue
        failures += [
            Failure("data", f"data set '{name}', projection '{column}'", f"has no array; {remedy}")
            for column in columns
            if column not in there
        ]
        arrays[name] = {column: there[column] for column in columns if column in there}
        if not own:  # what the diagram came with was checked when it was put there
            failures += _column_failures(name, columns, arrays[name])
    if failures:
        raise DataError("the data", failures)
    return arrays


def _column_failures(name: str, labels: Labels, columns: Mapping[str, Any]) -> list[Failure]:
    """Check arrays now, except for the values of those that lie on disk."""
    read = {
        column: without_examples(array) if any(map(is_lazy, jax.tree.leaves(array))) else array
        for column, array in columns.items()
    }
    found = [
        failure
        for column, array in read.items()
        for failure in check_array(f"projection '{name}.{column}'", labels[column], array)
    ]
    return found + check_lengths(name, columns)


@jax.jit
def _drawn(columns: Batch, rows: Mapping[str, Any]) -> Batch:
    """Return some rows of data sets that lie on the device.

    This is no part of the training step, so that data of another length do not compile it anew.
    """
    return {name: take(columns[name], rows[name]) for name in columns}


_all_drawn = jax.jit(jax.vmap(_drawn, in_axes=(None, 0)))
