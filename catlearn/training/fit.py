"""The training loop.

``fit`` is this loop and nothing else, compiled, with a guard, a history and checkpoints::

    params, state = fn.init(key)
    stream = batches(data, batch_size, key)
    opt_state = optimizer.init(params)
    for t in range(steps):
        noise = jax.random.fold_in(key, t)
        (value, aux), grads = jax.value_and_grad(fn, has_aux=True)(params, state, stream[t], noise)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        params, state = optax.apply_updates(params, updates), state | aux.state

Everything that step ``t`` does is a function of the key, ``t`` and the variables, so a run
continued from a checkpoint is bitwise the run that was never stopped. The host waits for the
device only at log points.
"""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import jax
import numpy as np
import optax

from catlearn.errors import DataError, Failure, InvalidStructure, TrainingDiverged
from catlearn.learning import LearningDiagram, Loss
from catlearn.learning.dataset import check_columns
from catlearn.lowering import Lowered, lower
from catlearn.training.batches import Batches
from catlearn.training.checkpoint import load_checkpoint, manifest_of, save_checkpoint
from catlearn.training.history import History
from catlearn.training.progress import progress_of
from catlearn.training.result import Result
from catlearn.training.step import GOOD, Carry, compiled_step, start

Callback = Callable[[int, dict[str, float]], bool | None]


class TrainingInterrupted(UserWarning):
    """Training was stopped from the keyboard; the variables so far are returned."""


def fit(
    fn: Lowered | Loss | LearningDiagram,
    optimizer: optax.GradientTransformation,
    *,
    steps: int,
    batch_size: int | Mapping[str, int] = 128,
    key: jax.Array | None = None,
    data: Mapping[str, Mapping[str, Any]] | None = None,
    params: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
    log_every: int = 100,
    progress: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    callback: Callback | None = None,
) -> Result:
    """Minimise a loss by mini-batches.

    Parameters
    ----------
    fn
        A lowered loss; a loss or a learning diagram is lowered first.
    optimizer
        An optax transformation. It sees the trainable parameters only: frozen ones have no
        optimizer state and do not decay.
    steps
        The number of steps in all, those of a resumed checkpoint included.
    batch_size
        Examples in a batch: one number, or ``{data set: number}``. A data set that has no more
        than that is taken whole.
    key
        The random key of the run, by default ``jax.random.key(0)``.
    data
        ``{data set: {projection: array}}``, by default the arrays that the diagram came with.
    params, state
        Where to start, by default ``fn.init(key)``. They are copied.
    log_every
        After how many steps to fetch costs, check that they are finite, and report.
    progress
        Whether to show a progress bar, where there is somebody to see it.
    checkpoint
        A file to save the run in, at the end and every ``checkpoint_every`` steps.
    checkpoint_every
        After how many steps to save; by default only at the end.
    resume
        Whether to continue from ``checkpoint`` if that file is there.
    callback
        Called at log points as ``callback(step, costs)``, where ``costs`` has the last cost of
        each equation. Training stops if it returns True.

    Returns
    -------
    Result
        Parameters, state, history, and the trained models by name.

    Raises
    ------
    DataError
        If arrays are missing or do not fit, listing all of them.
    InvalidStructure
        Listing numbers out of range and options that need a checkpoint file.
    CheckpointMismatch
        If the checkpoint belongs to another run, listing every difference.
    TrainingDiverged
        If a cost or an update is not finite; ``.result`` has the variables before that step.

    Warns
    -----
    TrainingInterrupted
        If stopped by Ctrl-C. The step at hand is finished, the checkpoint is written, and the
        result so far is returned. A second Ctrl-C stops at once.
    """
    _check_options(steps, log_every, checkpoint, checkpoint_every, resume)
    fn = _lowered(fn)
    key = jax.random.key(0) if key is None else key
    stream = Batches(_needed(fn, data), batch_size, key=key)
    if params is None or state is None:
        first_params, first_state = fn.init(key)
        params = first_params if params is None else params
        state = first_state if state is None else state
    carry = start(optimizer, params, state["mutable"])
    rows = np.empty((0, 1 + len(fn.loss.equations)))
    manifest = manifest_of(fn, carry, state, stream, key) if checkpoint is not None else {}
    if checkpoint is not None and resume and os.path.exists(checkpoint):
        saved = load_checkpoint(checkpoint, carry, manifest)
        carry, rows = saved.carry, saved.rows
    run = _Run(fn, optimizer, key, stream, state, carry, rows)
    bar = progress_of(steps, progress)
    interrupts = _Interrupts()
    try:
        with interrupts:
            while run.steps < steps and not run.stopped:
                run.advance()
                save = checkpoint_every is not None and run.steps % checkpoint_every == 0
                last = run.steps == steps or interrupts.count > 0
                if not (last or save or run.steps % log_every == 0):
                    continue
                run.collect()
                bar.show(run.steps, run.rows[-1, 0])
                if save and checkpoint is not None:
                    save_checkpoint(checkpoint, run.carry, run.rows, manifest)
                run.stopped = interrupts.count > 0 or run.report(callback)
    except KeyboardInterrupt:
        # Raised by the callback, between steps; one within a step cannot be recovered from.
        if interrupts.count > 1:
            raise
        interrupts.count = 1
    finally:
        bar.close()
    if checkpoint is not None:
        save_checkpoint(checkpoint, run.carry, run.rows, manifest)
    interrupted = interrupts.count > 0 and run.steps < steps
    if interrupted:
        place = f"; continue with resume=True from '{checkpoint}'" if checkpoint is not None else ""
        message = f"training was interrupted after {run.steps} of {steps} steps{place}"
        warnings.warn(message, TrainingInterrupted, stacklevel=2)
    return run.result(interrupted=interrupted)


class _Run:
    """A run under way: the variables on the device, and the costs that were fetched."""

    def __init__(
        self,
        fn: Lowered,
        optimizer: optax.GradientTransformation,
        key: jax.Array,
        stream: Batches,
        state: Mapping[str, Any],
        carry: Carry,
        rows: np.ndarray,
    ) -> None:
        self.fn = fn
        self.step = compiled_step(fn, optimizer)
        self.key = key
        self.stream = stream
        self.constant = {name: part for name, part in state.items() if name != "mutable"}
        self.carry = carry
        self.rows = rows
        self.pending: list[jax.Array] = []
        self.steps = len(rows)
        self.stopped = False
        self.equations = tuple(term.name for term in fn.loss.equations)

    def advance(self) -> None:
        """Take one step without waiting for it."""
        batch = self.stream[self.steps]
        self.carry, row = self.step(self.carry, self.constant, batch, self.key)
        self.pending.append(row)
        self.steps += 1

    def collect(self) -> None:
        """Fetch the costs of the steps since the last time, and check that all went well."""
        fetched = np.stack(jax.device_get(self.pending))
        self.pending = []
        self.rows = np.concatenate([self.rows.astype(fetched.dtype), fetched])
        failed = int(self.carry.failed)
        if failed != GOOD:
            self._diverge(failed)

    def report(self, callback: Callback | None) -> bool:
        """Tell the callback the last costs; return whether it wants to stop."""
        if callback is None:
            return False
        costs = dict(zip(self.equations, self.rows[-1, 1:].tolist(), strict=True))
        return callback(self.steps, costs) is True

    def result(self, *, interrupted: bool = False) -> Result:
        carry = self.carry
        return Result(
            fn=self.fn,
            params=carry.params,
            state={**self.constant, "mutable": carry.mutable},
            optimizer_state=carry.optimizer,
            history=History(self.equations, self.rows),
            steps=self.steps,
            data=self.stream.data,
            interrupted=interrupted,
        )

    def _diverge(self, failed: int) -> None:
        costs = self.rows[failed, 1:]
        self.rows, self.steps = self.rows[:failed], failed
        bad = [
            f"the cost of equation '{name}' is {cost}"
            for name, cost in zip(self.equations, costs, strict=True)
            if not np.isfinite(cost)
        ]
        message = f"step {failed}: {'; '.join(bad or self._bad_gradients(failed))}"
        raise TrainingDiverged(
            f"{message}. The variables before that step are in this error's .result; try a smaller "
            "learning rate, or clip gradients with optax.clip_by_global_norm",
            self.result(),
        )

    def _bad_gradients(self, failed: int) -> list[str]:
        """Say through which equation an update that is not finite came; costs were finite."""
        key = jax.random.fold_in(self.key, failed)
        state = {**self.constant, "mutable": self.carry.mutable}

        def costs(params: Any) -> dict[str, jax.Array]:
            return self.fn(params, state, self.stream[failed], key)[1].terms

        jacobian = jax.jit(jax.jacrev(costs))(self.carry.params)
        bad = [
            f"the gradient of equation '{name}' with respect to edge '{edge}' is not finite"
            for name in self.equations
            for edge, tree in jacobian[name].items()
            if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(tree))
        ]
        return bad or ["the optimizer's update is not finite, though all gradients are"]


class _Interrupts:
    """Count Ctrl-C instead of raising, so that a step is never cut in two.

    Signals reach only the main thread; elsewhere nothing is changed.
    """

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> _Interrupts:
        self.active = threading.current_thread() is threading.main_thread()
        if self.active:
            self.before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            raise KeyboardInterrupt

    def __exit__(self, *exception: object) -> None:
        if self.active:
            signal.signal(signal.SIGINT, self.before)


def _check_options(
    steps: int, log_every: int, checkpoint: Any, checkpoint_every: int | None, resume: bool
) -> None:
    failures = [
        Failure("options", name, f"must be at least {least}, found {value}")
        for name, value, least in (
            ("steps", steps, 0),
            ("log_every", log_every, 1),
            ("checkpoint_every", checkpoint_every, 1),
        )
        if value is not None and value < least
    ]
    failures += [
        Failure("options", name, "needs a file: give checkpoint=path")
        for name, wanted in (("checkpoint_every", checkpoint_every), ("resume", resume))
        if wanted and checkpoint is None
    ]
    if failures:
        raise InvalidStructure("fit", failures)


def _lowered(fn: Lowered | Loss | LearningDiagram) -> Lowered:
    if not isinstance(fn, Lowered):
        fn = lower(fn.loss() if isinstance(fn, LearningDiagram) else fn)
    if not fn.loss.equations:
        constants = ", ".join(f"'{term}'" for term in fn.loss.untrainable)
        message = f"it has no trainable edge in {constants}" if constants else "it has no equation"
        message += "; glue data to a model so that two paths become parallel, or declare one"
        raise InvalidStructure("training", [Failure("equations", "the loss", message)])
    return fn


def _needed(fn: Lowered, data: Mapping[str, Mapping[str, Any]] | None) -> dict[str, dict[str, Any]]:
    """Return the columns that the loss reads, or say which are missing or do not fit."""
    given = fn.diagram.data if data is None else data
    needed = {name: [step.column for step in steps] for name, steps in fn.plan.columns.items()}
    remedy = "give its array to the Dataset" if data is None else "it is not in data="
    failures = [
        Failure("data", f"data set '{name}', projection '{column}'", f"has no array; {remedy}")
        for name, columns in needed.items()
        for column in columns
        if column not in given.get(name, {})
    ]
    # What the diagram came with was checked when it was put there.
    for name, steps in fn.plan.columns.items() if data is not None else ():
        labels = {step.column: fn.diagram.space_label(step.vertex) for step in steps}
        there = {column: given[name][column] for column in labels if column in given.get(name, {})}
        failures += check_columns(name, labels, there)
    if failures:
        raise DataError("the data", failures)
    return {
        name: {column: given[name][column] for column in columns}
        for name, columns in needed.items()
    }
