"""A source that gives batches: an iterable, or a function of the epoch that returns one.

A feed hands out one checked batch after another, begins its source again where that ends, and
says where it is, so that a run can be continued there (:mod:`catlearn.training.sources`).
"""

from __future__ import annotations

import base64
import bisect
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from catlearn.errors import CheckpointMismatch, DataError, Failure, did_you_mean
from catlearn.learning.dataset import check_columns
from catlearn.training.fingerprints import checksums

if TYPE_CHECKING:
    from catlearn.models import SpaceLabel

Labels = dict[str, "SpaceLabel"]


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


def _is_factory(source: Any) -> bool:
    return callable(source) and not hasattr(source, "__iter__")


def unread(name: str, step: int, error: Exception) -> DataError:
    message = f"could not be read: {type(error).__name__}: {error}"
    return DataError(
        f"the batch of step {step}", [Failure("source", f"data set '{name}'", message)]
    )


def _array(value: Any, label: SpaceLabel) -> Any:
    """Return a column of a batch as arrays; a tensor may lie on a device or have a gradient."""
    if isinstance(value, tuple | list) and hasattr(label, "factors"):
        factors = itertools.chain(label.factors, itertools.repeat(label))  # type: ignore[attr-defined]
        return tuple(_array(part, factor) for part, factor in zip(value, factors, strict=False))
    if isinstance(value, np.ndarray | jax.Array):
        return value
    detach = getattr(value, "detach", None)
    return np.asarray(value if detach is None else detach().cpu())


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
