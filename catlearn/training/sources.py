"""Where batches come from: arrays in memory or on disk, and anything that gives batches.

Each data set has a source of its own:

* a mapping ``{projection: array}``, of which mini-batches are drawn
  (:mod:`catlearn.training.batches`). An array may be a ``numpy.memmap`` or anything else with a
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

import base64
import bisect
import itertools
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from catlearn.errors import CheckpointMismatch, DataError, Failure, did_you_mean
from catlearn.learning.dataset import check_columns, check_lengths, without_examples
from catlearn.models import check_array
from catlearn.training.batches import Batch, Batches, is_lazy
from catlearn.training.distributed import ALONE, Processes

if TYPE_CHECKING:
    from catlearn.lowering import Lowered
    from catlearn.models import SpaceLabel

#: Bytes of a column in memory that go into its fingerprint, and rows of one on disk.
FINGERPRINT_BYTES = 64 * 2**20
FINGERPRINT_ROWS = 256

Labels = dict[str, "SpaceLabel"]


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
        return {name: self._columns(name, step) for name in self.labels}

    def _columns(self, name: str, step: int) -> Mapping[str, Any]:
        if name in self.feeds:
            return self.feeds[name].take()
        try:
            columns = self.batches.columns(name, step)
        except Exception as error:
            raise _unread(name, step, error) from error
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
                for column, crc in _checksums(arrays).items():
                    found[f"{name}.{column}"] = f"crc32={crc:08x}"
            except OSError as error:
                raise _unread(name, 0, error) from error
        return found

    def __repr__(self) -> str:
        parts = [repr(self.batches)[8:-1]] if self.batches.data else []
        parts += [f"{name}: {feed.kind}" for name, feed in self.feeds.items()]
        return f"Sources({', '.join(parts)})"


class Feed:
    """A source that gives batches: an iterable, or a function of the epoch.

    Parameters
    ----------
    name
        The name of the data set.
    source
        The iterable or function.
    labels
        The space label of each projection that is needed.
    projections
        All projections of the data set, in order.
    """

    def __init__(self, name: str, source: Any, labels: Labels, projections: list[str]) -> None:
        self.name, self.source = name, source
        self.labels, self.projections = labels, projections
        self.kind = type(source).__name__
        self.starts = [0]
        self.taken = 0
        self.iterator = self._open(0)
        self.peeked: list[dict[str, Any]] = []
        self.last = self.first = self._next()
        self.peeked = [self.first]

    @property
    def can_begin_again(self) -> bool:
        """Whether the source can be gone through more than once."""
        return _is_factory(self.source) or not isinstance(self.source, Iterator)

    def _open(self, epoch: int) -> Iterator[Any]:
        try:
            return iter(self.source(epoch) if _is_factory(self.source) else self.source)
        except Exception as error:
            raise _unread(self.name, self.taken, error) from error

    def take(self) -> dict[str, Any]:
        """Return the next batch, checked."""
        self.last = self.peeked.pop() if self.peeked else self._next()
        self.taken += 1
        return self.last

    def _next(self) -> dict[str, Any]:
        step = self.taken
        try:
            raw = next(self.iterator, _END)
            if raw is _END and self.taken > self.starts[-1] and self.can_begin_again:
                self.starts.append(self.taken)
                self.iterator = self._open(len(self.starts) - 1)
                raw = next(self.iterator, _END)
        except DataError:
            raise
        except Exception as error:
            raise _unread(self.name, step, error) from error
        if raw is _END:
            raise DataError(f"the batch of step {step}", [self._ended()])
        return self._checked(raw, step)

    def _ended(self) -> Failure:
        where = f"data set '{self.name}'"
        if self.taken == self.starts[-1]:
            epoch = f" in epoch {len(self.starts) - 1}" if len(self.starts) > 1 else ""
            return Failure("source", where, f"its {self.kind} gives no batch{epoch}")
        message = (
            f"its {self.kind} ended after {self.taken} batches and cannot be begun again; give a "
            "list, a loader or a function of the epoch, or train for fewer steps"
        )
        return Failure("source", where, message)

    def _checked(self, raw: Any, step: int) -> dict[str, Any]:
        what, where = f"the batch of step {step}", f"data set '{self.name}'"
        if isinstance(raw, tuple | list) and len(raw) == len(self.projections):
            raw = dict(zip(self.projections, raw, strict=True))
        if not isinstance(raw, Mapping):
            found = f"{type(raw).__name__} of {len(raw)}" if hasattr(raw, "__len__") else repr(raw)
            message = (
                f"its {self.kind} gave a {found}; a batch is {{projection: array}}, or the arrays "
                f"of {', '.join(self.projections)} in order"
            )
            raise DataError(what, [Failure("batch", where, message)])
        missing = [column for column in self.labels if column not in raw]
        if missing:
            raise DataError(
                what,
                [
                    Failure(
                        "batch",
                        f"projection '{self.name}.{column}'",
                        f"is missing from the batch; {did_you_mean(column, map(str, raw))}",
                    )
                    for column in missing
                ],
            )
        columns = {column: _array(raw[column], label) for column, label in self.labels.items()}
        failures = check_columns(self.name, self.labels, columns)
        failures += [
            Failure("length", f"projection '{self.name}.{column}'", "has no examples")
            for column, array in columns.items()
            if not failures and not len(jax.tree.leaves(array)[0])
        ]
        if failures:
            raise DataError(what, failures)
        return columns

    def state(self, step: int) -> dict[str, Any]:
        """Return where the source is after some steps; further back it is known less exactly."""
        epoch = bisect.bisect_left(self.starts, step, lo=1) - 1
        state = {"taken": step, "epoch": epoch, "position": step - self.starts[epoch]}
        if step == self.taken and not self.peeked:
            state["last"] = _checksums(self.last)
            state["saved"] = self._saved()
        return state

    def _saved(self) -> Any:
        for owner, ask, _ in self._stateful():
            found = _as_json(getattr(owner, ask)())
            if found is not None:
                return found
        return None

    def _stateful(self) -> Iterator[tuple[Any, str, str]]:
        for owner in (self.iterator, self.source):
            for ask, tell in (("get_state", "set_state"), ("state_dict", "load_state_dict")):
                if hasattr(owner, ask) and hasattr(owner, tell):
                    yield owner, ask, tell

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go where the source was, by its own state or from the beginning of the epoch."""
        taken, epoch, position = state["taken"], state["epoch"], state["position"]
        starts = [0] * epoch + [taken - position]
        if state.get("saved") is not None and self._restored(state["saved"], epoch):
            self.starts, self.taken, self.peeked = starts, taken, []
            return
        if epoch and self.can_begin_again:
            self.starts, self.taken, self.peeked = starts, taken - position, []
            self.iterator = self._open(epoch)
        else:
            position = taken
        try:
            for _ in range(position):
                self.take()
        except DataError as error:
            raise CheckpointMismatch("the data", error.failures) from error
        self.starts = starts
        if position and state.get("last", _checksums(self.last)) != _checksums(self.last):
            message = (
                f"its {self.kind} gives other batches than in the run that was saved: batch "
                f"{position - 1} of epoch {epoch} differs; give it an order that depends on the "
                "epoch alone, or a source that can save its state"
            )
            raise CheckpointMismatch(
                "the data", [Failure("source", f"data set '{self.name}'", message)]
            )

    def _restored(self, saved: Any, epoch: int) -> bool:
        self.iterator = self.iterator if epoch == 0 else self._open(epoch)
        for owner, _, tell in self._stateful():
            try:
                getattr(owner, tell)(_from_json(saved))
            except Exception:  # it knows its state no longer, so go through the epoch instead
                return False
            if owner is self.source:
                self.iterator = iter(self.source)
            return True
        return False


_END = object()


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


def _is_factory(source: Any) -> bool:
    return callable(source) and not hasattr(source, "__iter__")


def _unread(name: str, step: int, error: Exception) -> DataError:
    message = f"could not be read: {type(error).__name__}: {error}"
    return DataError(
        f"the batch of step {step}", [Failure("source", f"data set '{name}'", message)]
    )


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


def _array(value: Any, label: SpaceLabel) -> Any:
    """Return a column of a batch as arrays; a tensor may lie on a device or have a gradient."""
    if isinstance(value, tuple | list) and hasattr(label, "factors"):
        factors = itertools.chain(label.factors, itertools.repeat(label))  # type: ignore[attr-defined]
        return tuple(_array(part, factor) for part, factor in zip(value, factors, strict=False))
    if isinstance(value, np.ndarray | jax.Array):
        return value
    detach = getattr(value, "detach", None)
    return np.asarray(value if detach is None else detach().cpu())


def _checksum(array: Any) -> int:
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


def _checksums(columns: Mapping[str, Any]) -> dict[str, int]:
    return {column: _checksum(array) for column, array in columns.items()}


def _as_json(state: Any) -> Any:
    """Return a state as JSON, None if it is neither JSON nor bytes."""
    if isinstance(state, bytes):
        return {"bytes": base64.b64encode(state).decode()}
    try:
        return {"json": json.loads(json.dumps(state, allow_nan=False))}
    except (TypeError, ValueError):
        return None


def _from_json(saved: Any) -> Any:
    return base64.b64decode(saved["bytes"]) if "bytes" in saved else saved["json"]
