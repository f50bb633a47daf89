r"""Where batches come from: arrays in memory or on disk, and anything that gives batches.

Each data set has a source of its own:

* a mapping ``{projection: array}``, of which mini-batches are drawn by :class:`Batches`. An array
  may be a ``numpy.memmap`` or anything else with a length, a shape and rows by index (an HDF5 or
  zarr array): only the rows of a batch are read, and they are checked when they are;
* an iterable of batches: a list, a generator, a ``grain.DataLoader`` or ``IterDataset``, a
  ``torch.utils.data.DataLoader``. A batch is ``{projection: array}``, or the arrays in the order
  of the data set's projections; tensors are turned into arrays. An iterable that ends is begun
  again;
* a function of the epoch, which returns such an iterable: ``lambda epoch: shuffled(seed=epoch)``.

Mini-batches are drawn without replacement. The batch of step :math:`t` is a pure function of (key,
name of the data set, :math:`t`): nothing has to be stored to continue a run, and two data sets of
different sizes never wait for each other. An epoch of a data set of :math:`n` examples is a
permutation of it, cut into :math:`\lfloor n / b \rfloor` batches of :math:`b`; the remainder is
left out, a different one in each epoch. A data set with at most :math:`b` examples is taken whole,
in its own order.

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

A run is continued where a source was. An iterator with ``get_state`` and ``set_state`` (grain)
or a loader with ``state_dict`` and ``load_state_dict`` (torchdata) is asked for its state, if that
is JSON or bytes. Any other is gone through from the beginning of the epoch, and the last batch
must be the one it was; a loader whose order is new each time is found out and refused.

>>> import catlearn as cl
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
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from catlearn.errors import (
    CheckpointMismatch,
    DataError,
    Failure,
    Failures,
    InvalidStructure,
    did_you_mean,
    expect,
    fault,
    refuse,
)
from catlearn.learning.parts import (
    as_array,
    check_columns,
    check_lengths,
    examples,
    without_examples,
)
from catlearn.lowering import Lowered
from catlearn.lowering.stacked import Columns, Layout, Stacked
from catlearn.models import AnySpace, check_array
from catlearn.training.columns import (
    Batch,
    any_lazy,
    batch_lengths,
    checksums,
    merged,
    permutation,
    readable,
    take,
)
from catlearn.training.sharding import ALONE, Processes


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
    ) -> None:
        self.data: Batch = {
            name: {key: jax.tree.map(readable, column) for key, column in columns.items()}
            for name, columns in data.items()
        }
        data = self.data
        sizes = batch_size if isinstance(batch_size, Mapping) else dict.fromkeys(data, batch_size)
        refuse("the data", [*_data_failures(data), *_size_failures(data, sizes)], DataError)
        words = [int(word) for word in np.ravel(key_words(key))]
        self.sources = {
            name: Drawn(
                columns,
                [_Stream(_length(columns), sizes[name], (*words, zlib.crc32(name.encode())))],
            )
            for name, columns in data.items()
        }

    def __getitem__(self, step: int) -> Batch:
        """Return the batch of a step, counted from 0."""
        if step < 0:
            raise IndexError(f"steps are counted from 0, found {step}")
        return {name: source.batch(step) for name, source in self.sources.items()}

    def draws(self, name: str) -> bool:
        """Whether the batches of a data set are drawn, rather than all of it."""
        return self.sources[name].draws

    def rows(self, name: str, step: int) -> np.ndarray | None:
        """Return the rows of one data set in the batch of a step; None for all in order."""
        return self.sources[name].rows(step)

    def columns(self, name: str, step: int) -> Mapping[str, Any]:
        """Return the batch of one data set at a step."""
        return self.sources[name].batch(step)

    def __iter__(self) -> Iterator[Batch]:
        return map(self.__getitem__, itertools.count())

    @property
    def streams(self) -> dict[str, _Stream]:
        """Of each data set, the rows of its batches."""
        return {name: source.streams[0] for name, source in self.sources.items()}

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
    wanted = "a dict of data sets, each a dict of arrays"
    for part in (data, *(data.values() if isinstance(data, Mapping) else ())):
        expect(part, Mapping, "data", wanted)
        for column in part.values() if part is not data else ():
            for leaf in jax.tree.leaves(column):
                expect(leaf, "__len__", "data", wanted)
    expect_sizes(batch_size)
    if key is not None:
        expect_key(key)
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
            self.order = permutation(self.length, (*self.seed, epoch))
            self.epoch = epoch
        return self.order[position * self.batch : (position + 1) * self.batch]


class Drawn:
    """Columns of which every step takes some rows: of one data set, or of the members of a class.

    The examples of all members lie one after the other, so that one indexing draws the batches of
    all, however many examples each has; a batch has the members in front.

    Parameters
    ----------
    columns
        The arrays.
    streams
        The rows of each member.
    """

    def __init__(self, columns: Any, streams: Sequence[_Stream]) -> None:
        self.columns, self.streams = columns, streams
        self.draws = any(stream.draws for stream in streams)
        self.starts = np.cumsum([0, *(stream.length for stream in streams)])
        self.whole: Any = None

    def rows(self, step: int) -> np.ndarray | None:
        """Return the rows of a step's batch; None stands for all rows in order."""
        found = [stream.rows(step) for stream in self.streams]
        if len(found) == 1:
            return found[0]
        every = [
            np.arange(stream.length) if rows is None else rows
            for stream, rows in zip(self.streams, found, strict=True)
        ]
        dtype = "int32" if self.starts[-1] < 2**31 else "int64"
        return (np.stack(every) + self.starts[:-1, None]).astype(dtype)

    def batch(self, step: int) -> Any:
        """Return the batch of a step; all of a data set goes to the device once."""
        if self.draws:
            return take(self.columns, self.rows(step))
        if self.whole is None:
            members = len(self.streams)
            columns = self.columns
            if members > 1:
                columns = jax.tree.map(lambda x: x.reshape(members, -1, *x.shape[1:]), columns)
            self.whole = jax.device_put(columns)
        return self.whole


def expect_key(key: Any) -> None:
    """Refuse what is no random key."""
    expect(key, "dtype", "key", "a random key, such as jax.random.key(0)")


def expect_sizes(batch_size: Any) -> None:
    """Refuse what is no number of examples, nor one for each data set."""
    for size in batch_size.values() if isinstance(batch_size, Mapping) else [batch_size]:
        wanted = "a number of examples, or one for each data set"
        expect(size, (int, np.integer), "batch_size", wanted)


def key_words(key: Any) -> np.ndarray:
    """Return the words of a JAX random key, typed or not."""
    if jax.numpy.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    return np.asarray(key)


def _length(columns: Mapping[str, Any]) -> int:
    return min((len(leaf) for leaf in jax.tree.leaves(columns)), default=0)


def _data_failures(data: Mapping[str, Mapping[str, Any]]) -> Iterator[Failure]:
    for name, columns in data.items():
        lengths = {
            key: len(leaf) for key, column in columns.items() for leaf in jax.tree.leaves(column)
        }
        message = ""
        if not lengths or not all(lengths.values()):
            message = "has no examples"
        elif len(set(lengths.values())) > 1:
            found = ", ".join(f"'{key}' has {length}" for key, length in lengths.items())
            message = f"columns differ in length: {found}"
        if message:
            yield Failure("length", f"data set '{name}'", message)


def _size_failures(
    data: Mapping[str, Mapping[str, Any]], sizes: Mapping[str, int]
) -> Iterator[Failure]:
    for name in [*(name for name in sizes if name not in data), *data]:
        size, message = sizes.get(name), ""
        if name not in data:
            message = f"no such data set; the data sets are {', '.join(data) or 'none'}"
        elif size is None:
            message = "has no batch size"
        elif size < 1:
            message = f"must be at least 1, found {size}"
        if message:
            yield Failure("batch size", f"data set '{name}'", message)


Labels = dict[str, AnySpace]


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
        self.by_epoch = callable(source) and not hasattr(source, "__iter__")
        self.can_begin_again = self.by_epoch or not isinstance(source, Iterator)
        self.starts = [0]
        self.taken = 0
        self.iterator = self._open(0)
        self.peeked: list[dict[str, Any]] = []
        self.last = self.first = self._next()
        self.peeked = [self.first]

    def _open(self, epoch: int) -> Iterator[Any]:
        try:
            return iter(self.source(epoch) if self.by_epoch else self.source)
        except Exception as error:
            raise unread(self.name, self.taken, error) from error

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
            raise unread(self.name, step, error) from error
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
            raise fault(what, "batch", where, message, DataError)
        refuse(
            what,
            (
                Failure(
                    "batch",
                    f"projection '{self.name}.{column}'",
                    f"is missing from the batch; {did_you_mean(column, map(str, raw))}",
                )
                for column in self.labels
                if column not in raw
            ),
            DataError,
        )
        columns = {column: _array(raw[column], label) for column, label in self.labels.items()}
        failures = check_columns(self.name, self.labels, columns)
        failures = failures or [
            Failure("length", f"projection '{self.name}.{column}'", "has no examples")
            for column, array in columns.items()
            if not examples(array)
        ]
        refuse(what, failures, DataError)
        return columns

    def state(self, step: int) -> dict[str, Any]:
        """Return where the source is after some steps; further back it is known less exactly."""
        epoch = bisect.bisect_left(self.starts, step, lo=1) - 1
        state = {"taken": step, "epoch": epoch, "position": step - self.starts[epoch]}
        if step == self.taken and not self.peeked:
            state["last"] = checksums(self.last)
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
        if position and state.get("last", checksums(self.last)) != checksums(self.last):
            message = (
                f"its {self.kind} gives other batches than in the run that was saved: batch "
                f"{position - 1} of epoch {epoch} differs; give it an order that depends on the "
                "epoch alone, or a source that can save its state"
            )
            raise fault(
                "the data", "source", f"data set '{self.name}'", message, CheckpointMismatch
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


def unread(name: Source, step: int, error: Exception) -> InvalidStructure:
    message = f"could not be read: {type(error).__name__}: {error}"
    return fault(f"the batch of step {step}", "source", f"data set '{name}'", message, DataError)


def _array(value: Any, label: AnySpace) -> Any:
    """Return a column of a batch as arrays; a tensor may lie on a device or have a gradient."""
    if isinstance(value, tuple | list) and hasattr(label, "factors"):
        factors = itertools.chain(label.factors, itertools.repeat(label))  # type: ignore[attr-defined]
        return tuple(itertools.starmap(_array, zip(value, factors, strict=False)))
    if isinstance(value, np.ndarray | jax.Array):
        return value
    detach = getattr(value, "detach", None)
    return as_array(value) if detach is None else np.asarray(detach().cpu())


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


#: Bytes of a data set, at most, and of a batch of it, at least, where examples are kept on the
#: device. Small batches are sent in less time than it takes to start a program that draws them.
RESIDENT_BYTES = 2**30
SENT_BYTES = 2**16

#: Sizes in which batches may come before there is a warning: each is a program to compile.
PROGRAMS = 4


class ManyPrograms(UserWarning):
    """Batches come in many sizes, for each of which a program is compiled."""


Source = str | tuple[tuple[str, str], ...]
"""What is drawn by one set of rows: a data set, or a class of columns."""


def _concatenated(leaves: Sequence[Any]) -> Any:
    on_host = all(isinstance(leaf, np.ndarray) for leaf in leaves)
    return np.concatenate(leaves) if on_host else jax.numpy.concatenate(leaves)


class Sources:
    """The source of each data set, from which every step takes one batch.

    Parameters
    ----------
    fn
        The lowered loss, which knows what is needed.
    data
        ``{data set: source}``; by default the arrays that the diagram came with.
    batch_size
        As for :func:`~catlearn.training.batches`; sources that give batches have their own.
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
            raise fault("the data", "data", "data=", message, DataError)
        self.labels = _labels(fn)
        arrays = (
            _arrays(self.labels, given)
            if own  # what the diagram came with was checked when it was put there
            else _arrays(self.labels, given, "data", _column_failures)
        )
        others = [name for name in self.labels if name not in arrays]
        sizes = batch_size
        if isinstance(sizes, Mapping) and others:
            sizes = {name: size for name, size in sizes.items() if name not in others}
        self.processes = processes
        if processes.count > 1:
            key = jax.random.fold_in(key, processes.index)
            sizes = _part_sizes(sizes, processes.count)
        self.batches = Batches(arrays, sizes, key=key)
        self.programs: set[Any] = set()
        self.lazy = [
            (name, column)
            for name, columns in self.batches.data.items()
            for column, array in columns.items()
            if any_lazy(array)
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
        self.fn = fn
        given_sizes = {name: batch_lengths(feed.first)[0] for name, feed in self.feeds.items()}
        self.storage = fn.of_sizes(self.batches.sizes | given_sizes)[1]
        stacks = self.storage.columns.stacks
        pooled = [
            names
            for names in stacks
            if all(d in arrays and (d, column) not in self.lazy for d, column in names)
        ]
        #: What rows are taken of: data sets, but for the columns that classes of them pool.
        self.drawn: dict[Source, Drawn] = {}
        inside = {name for names in pooled for name in names}
        for name, source in self.batches.sources.items():
            rest = {c: array for c, array in source.columns.items() if (name, c) not in inside}
            if rest:
                self.drawn[name] = Drawn(rest, source.streams) if inside else source
        for names in pooled:
            columns = [self.batches.data[d][column] for d, column in names]
            self.drawn[names] = Drawn(
                jax.tree.map(lambda *leaves: _concatenated(leaves), *columns),
                [self.batches.streams[d] for d, _ in names],
            )
        self.layout = Layout.of(self.storage.columns.names, pooled)
        #: Whether classes are put together from several sources at every step.
        classed = {name for group in fn.plan.stacking.data for name in group}
        self.mixed = len(pooled) < len(stacks) or not classed.isdisjoint(self.feeds)
        self.resident: dict[Source, Any] = {
            source: jax.device_put(drawn.columns)
            for source, drawn in self.drawn.items()
            if resident and drawn.draws and self._stays(drawn)
        }
        self.taken = [source for source in (*self.drawn, *others) if source not in self.resident]

    def take(self, step: int) -> Batch:
        """Return the batch of a step; steps come one after another.

        Raises
        ------
        DataError
            If a source ends, fails, or gives a batch that does not fit: the data set, the
            projection and the step are named.
        """
        batch = {source: self._columns(source, step) for source in self.taken}
        self._note({name: batch[name] for name in self.feeds})
        if self.resident:
            rows = [self.drawn[source].rows(step) for source in self.resident]
            drawn = _drawn(list(self.resident.values()), rows)
            batch.update(zip(self.resident, drawn, strict=True))
        return self._stored(batch)

    def take_many(self, steps: range) -> tuple[Batch, Batch]:
        """Return what the batches of some steps have in common, and the rest.

        The rest has a further axis in front, for the steps, and is stored as the loss does.
        """
        taken = [{source: self._columns(source, step) for source in self.taken} for step in steps]
        self._check_one_size(taken, steps)
        self._note({name: taken[0][name] for name in self.feeds})
        same = {
            source: columns
            for source, columns in taken[0].items()
            if all(other[source] is columns for other in taken) and not self.mixed
        }
        packed = [
            self._stored({source: part for source, part in batch.items() if source not in same})
            for batch in taken
        ]
        batches = jax.tree.map(lambda *leaves: np.stack(leaves), *packed)
        if self.resident:
            rows = [
                np.array([self.drawn[source].rows(step) for step in steps])
                for source in self.resident
            ]
            drawn = _all_drawn(list(self.resident.values()), rows)
            found = dict(zip(self.resident, drawn, strict=True))
            batches = merged(batches, self._stored(found))
        return self._stored(same), batches

    def _stored(self, found: Mapping[Source, Any]) -> Any:
        """Return what was taken as a batch of the loss; what is missing is None where it stacks."""
        if not self.storage.columns.stacks:
            return found

        def part(names: tuple[tuple[str, str], ...]) -> Any:
            (data, column), *others = names
            return found.get(names) if others else found.get(data, {}).get(column)

        columns = Columns(Stacked(self.layout, tuple(map(part, self.layout.groups))))
        # Those who give batches may give others each time.
        return (self.fn if self.feeds else self.storage).pack_batch(columns)

    def _stays(self, drawn: Drawn) -> bool:
        """Whether columns are kept on the device; what lies on one anyway is."""
        leaves = jax.tree.leaves(drawn.columns)
        if any_lazy(leaves) or self.mixed:
            return False
        size = sum(leaf.nbytes for leaf in leaves)
        sent = sum(leaf.nbytes for leaf in leaves if isinstance(leaf, np.ndarray))
        batch = size * sum(s.batch for s in drawn.streams) // int(drawn.starts[-1])
        return sent <= RESIDENT_BYTES and (batch >= SENT_BYTES or sent < size)

    def _columns(self, source: Source, step: int) -> Any:
        if source in self.feeds:
            return self.feeds[source].take()
        try:
            columns = self.drawn[source].batch(step)
        except Exception as error:
            raise unread(source, step, error) from error
        refuse(
            f"the batch of step {step}",
            (
                failure
                for data, column in self.lazy
                if data == source
                for failure in check_array(
                    f"projection '{data}.{column}'", self.labels[data][column], columns[column]
                )
            ),
            DataError,
        )
        return columns

    def _note(self, batch: Batch) -> None:
        """Warn where batches come in so many sizes that compiling for them takes the time."""
        if not batch or len(self.programs) > PROGRAMS:
            return
        self.programs.add(tuple([(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(batch)]))
        if len(self.programs) > PROGRAMS:
            names = ", ".join(map(repr, self.feeds))
            message = (
                f"batches of {names} have come in {len(self.programs)} sizes or dtypes, for each "
                "of which the step is compiled anew; leave out what does not fill a batch, or pad "
                "the examples to a few sizes"
            )
            warnings.warn(message, ManyPrograms, stacklevel=5)

    def _check_one_size(self, batches: Sequence[Mapping[Any, Any]], steps: range) -> None:
        """Refuse batches of several sizes where they enter one program."""
        failures = Failures()
        for name in self.feeds:
            sizes = [batch_lengths(batch[name])[0] for batch in batches]
            if len(set(sizes)) > 1:
                message = (
                    f"its {self.feeds[name].kind} gave batches of {', '.join(map(str, sizes))} "
                    "examples; those of one call need one size, or take scan_steps=1"
                )
                failures.add("batch", f"data set '{name}'", message)
        refuse(f"the batches of steps {steps[0]} to {steps[-1]}", failures, DataError)

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
            raise fault(what, "sources", "data", message, CheckpointMismatch)
        state = states[self.processes.index]
        for name, feed in self.feeds.items():
            try:
                feed.restore(state[name])
            except CheckpointMismatch as error:
                failures += error.failures
        refuse(what, failures, CheckpointMismatch)

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
    refuse(
        "the data",
        (
            Failure(
                "batch size",
                f"data set '{name}'" if name else "batch_size",
                f"{size} examples do not divide among {count} processes",
            )
            for name, size in named.items()
            if size % count
        ),
        DataError,
    )
    parts = {name: size // count for name, size in named.items()}
    return parts if isinstance(sizes, Mapping) else parts[""]


def _labels(fn: Lowered) -> dict[str, Labels]:
    """Return the space label of each column that a loss reads."""
    return {
        name: {step.column: fn.diagram.space_label(step.vertex) for step in steps}
        for name, steps in fn.plan.columns.items()
    }


def checked(fn: Lowered, data: Mapping[str, Any], option: str = "data") -> Batch:
    """Return whole data sets as one batch of a loss, such as to evaluate it, if they are good.

    Parameters
    ----------
    fn
        The lowered loss.
    data
        ``{data set: {projection: array}}``.
    option
        What the caller calls them.

    Raises
    ------
    DataError
        Listing everything that is missing, has no examples or does not fit, values included.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 2), cl.Space("Y", 1)
    >>> D = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, "linear"))
    >>> checked(cl.lower(D.loss()), {"d": {"X": np.ones((0, 2)), "Y": np.ones((0, 1))}})
    Traceback (most recent call last):
    catlearn.errors.DataError: the data cannot be used (1 failure):
      - data set 'd': has no examples [length]
    """
    arrays = _arrays(_labels(fn), data, option, check_columns)
    refuse(_called(option), list(_data_failures(arrays)), DataError)
    return arrays


def _called(option: str) -> str:
    """Return what errors call the data of an option."""
    return "the data" if option in ("", "data") else f"the data of {option}="


def _arrays(
    labels: Mapping[str, Labels],
    given: Mapping[str, Any],
    option: str = "",
    check: Callable[[str, Labels, Mapping[str, Any]], list[Failure]] | None = None,
) -> Batch:
    """Return the columns of data sets given by arrays; say which are missing or do not fit.

    By default the data are those of the diagram.
    """
    arrays: Batch = {}
    remedy = f"give it by {option}=" if option else "give its array to the Dataset"
    missing = [name for name in labels if name not in given]
    failures = Failures(
        Failure("data", f"data set '{name}'", f"is not read; {did_you_mean(str(name), missing)}")
        for name in given
        if option and missing and name not in labels
    )
    for name, columns in labels.items():
        there = given.get(name, {})
        if not isinstance(there, Mapping):
            if not (hasattr(there, "__iter__") or callable(there)):
                message = f"is a {type(there).__name__}; give arrays by projection, or batches"
                failures.add("data", f"data set '{name}'", message)
            continue
        failures += [
            Failure("data", f"data set '{name}', projection '{column}'", f"has no array; {remedy}")
            for column in columns
            if column not in there
        ]
        arrays[name] = {
            column: as_array(there[column], label)
            for column, label in columns.items()
            if column in there
        }
        failures += [] if check is None else check(name, columns, arrays[name])
    refuse(_called(option), failures, DataError)
    return arrays


def _column_failures(name: str, labels: Labels, columns: Mapping[str, Any]) -> list[Failure]:
    """Check arrays now, except for the values of those that lie on disk."""
    read = {
        column: without_examples(array) if any_lazy(array) else array
        for column, array in columns.items()
    }
    found = (
        check_array(f"projection '{name}.{column}'", labels[column], array)
        for column, array in read.items()
    )
    return [failure for failures in found for failure in failures] + check_lengths(name, columns)


@jax.jit
def _drawn(columns: list[Any], rows: list[Any]) -> list[Any]:
    """Return some rows of data sets that lie on the device.

    This is no part of the training step, so that data of another length do not compile it anew.
    """
    return list(map(take, columns, rows))


_all_drawn = jax.jit(jax.vmap(_drawn, in_axes=(None, 0)))
