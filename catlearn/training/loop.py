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
import warnings
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from catlearn.errors import (
    CheckpointNotWritten,
    DataError,
    Failure,
    InvalidStructure,
    TrainingDiverged,
)
from catlearn.learning import LearningDiagram, Loss
from catlearn.lowering import Lowered, lower
from catlearn.training.checkpoint import manifest_of
from catlearn.training.distributed import Processes
from catlearn.training.folders import FolderSaver, is_folder
from catlearn.training.gradients import warn_of_parts
from catlearn.training.groups import Optimizer, Optimizers, by_edge_of, optimizer_of
from catlearn.training.interrupts import Interrupts
from catlearn.training.progress import progress_of
from catlearn.training.result import Result
from catlearn.training.run import Callback, Manner, Run
from catlearn.training.saving import Saver
from catlearn.training.sharding import Sharding
from catlearn.training.sources import Sources
from catlearn.training.step import start


class TrainingInterrupted(UserWarning):
    """Training was stopped from the keyboard; the variables so far are returned."""


def fit(
    fn: Lowered | Loss | LearningDiagram,
    optimizer: Optimizer | Optimizers,
    *,
    steps: int,
    batch_size: int | Mapping[str, int] = 128,
    key: jax.Array | None = None,
    data: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
    log_every: int = 100,
    progress: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    callback: Callback | None = None,
    accumulate: int = 1,
    scan_steps: int = 1,
    sharding: Sharding | Mesh | None = None,
) -> Result:
    """Minimise a loss by mini-batches.

    Parameters
    ----------
    fn
        A lowered loss; a loss or a learning diagram is lowered first, such that edges with
        different optimizers are not stacked.
    optimizer
        An optax transformation. It sees the trainable parameters only: frozen ones have no
        optimizer state and do not decay. A mapping from edges, tuples of edges and ``"*"`` for all
        others has an optimizer for each; None leaves edges as they are.
    steps
        The number of steps in all, those of a resumed checkpoint included.
    batch_size
        Examples in a batch: one number, or ``{data set: number}``. A data set that has no more
        than that is taken whole.
    key
        The random key of the run, by default ``jax.random.key(0)``.
    data
        ``{data set: source}``, by default the arrays that the diagram came with. A source is
        ``{projection: array}``, where an array may lie on disk; any iterable of batches, such as
        a grain or torch loader; or a function of the epoch that returns one
        (:mod:`catlearn.training.sources`).
    params, state
        Where to start, by default ``fn.init(key)``. They are copied.
    log_every
        After how many steps to fetch costs, check that they are finite, and report.
    progress
        Whether to show a progress bar, where there is somebody to see it.
    checkpoint
        A file to save the run in, ``*.safetensors``, at the end and every ``checkpoint_every``
        steps; or a folder (``"run/"``), in which orbax saves while training goes on
        (:mod:`catlearn.training.folders`).
    checkpoint_every
        After how many steps to save; by default only at the end.
    resume
        Whether to continue from ``checkpoint`` if that file is there.
    callback
        Called at log points as ``callback(step, costs)``, where ``costs`` has the last cost of
        each equation. Training stops if it returns True.
    accumulate
        Into how many parts to cut each batch, which are evaluated one after the other: the same
        step in less memory (:mod:`catlearn.training.gradients`).
    scan_steps
        How many steps to take in one compiled call, for models so small that starting a step
        takes longer than the step. Costs are looked at, and checkpoints written, after such calls.
    sharding
        A mesh of devices, to split each batch among them, or a :class:`Sharding`, to split
        parameters too. The mesh may span processes (:mod:`catlearn.training.distributed`).

    Returns
    -------
    Result
        Parameters, state, history, and the trained models by name.

    Raises
    ------
    DataError
        If arrays are missing or do not fit, listing all of them; if a batch does not fit or a
        source fails, naming the data set, the projection and the step.
    InvalidStructure
        Listing numbers out of range and options that need a checkpoint file.
    CheckpointMismatch
        If the checkpoint belongs to another run, listing every difference.
    TrainingDiverged
        If a cost or an update is not finite.
    CheckpointNotWritten
        If the last checkpoint could not be written, for example because the disk is full.

    An error that ends a run which was under way has the result up to the last good step in
    ``.result``; it is also saved, if there is a checkpoint.

    Warns
    -----
    CheckpointSkipped
        If a checkpoint could not be written; the run goes on, and the next one is tried.
    ExamplesApart
        If batches are cut into parts, and a divergence compares their examples with each other.
    TrainingInterrupted
        If stopped by Ctrl-C. The step at hand is finished, the checkpoint is written, and the
        result so far is returned. A second Ctrl-C stops at once.
    """
    numbers = {"accumulate": accumulate, "scan_steps": scan_steps}
    _check_options(steps, log_every, checkpoint, checkpoint_every, resume, numbers)
    fn = _lowered(fn, optimizer)
    optimizer = optimizer_of(fn, optimizer)
    warn_of_parts(fn, accumulate)
    manner = Manner(accumulate, scan_steps, Sharding.of(sharding))
    processes = Processes.of(manner.sharding)
    key = jax.random.key(0) if key is None else key
    resident = manner.sharding is None
    sources = Sources(fn, data, batch_size, key=key, processes=processes, resident=resident)
    if params is None or state is None:
        own_params, own_state = fn.init(key)
        params = own_params if params is None else params
        state = own_state if state is None else state
    state = {**fn.pack(params, state)[1]}
    carry = start(optimizer, fn.pack(params)[0], state["mutable"])
    rows = np.empty((0, 1 + len(fn.loss.equations)))
    saver = None
    if checkpoint is not None:
        manifest = manifest_of(fn, carry, state, sources, key)
        saver = (
            FolderSaver(checkpoint, manifest, processes, manner.sharding)
            if is_folder(checkpoint)
            else Saver(checkpoint, manifest, processes)
        )
        saver.clean()
        saved = saver.load(carry) if resume else None
        if saved is not None:
            carry, rows = saved.carry, saved.rows
            sources.restore(saved.sources, f"checkpoint '{checkpoint}'")
    run = Run(fn, optimizer, key, sources, state, carry, rows, manner)
    bar = progress_of(steps, progress)
    interrupts = Interrupts()
    try:
        with interrupts:
            while run.steps < steps and not run.stopped:
                before = run.steps
                run.advance(steps)
                save = _passed(before, run.steps, checkpoint_every)
                # Several processes stop together, so they look at the same steps.
                last = run.steps == steps or (interrupts.count > 0 and processes.count == 1)
                if not (last or save or _passed(before, run.steps, log_every)):
                    continue
                run.collect()
                bar.show(run.steps, run.rows[-1, 0])
                if save and saver is not None:
                    saver.save(run)
                run.stopped = processes.agree(interrupts.count > 0 or run.report(callback))
    except KeyboardInterrupt:
        # Raised by callback or data, between steps; one within a step cannot be recovered from.
        if interrupts.count > 1:
            raise
        interrupts.count = 1
        run.collect()
    except (DataError, TrainingDiverged) as error:
        raise _kept(error, run, saver) from error.__cause__
    finally:
        bar.close()
    problem = None if saver is None else _saved(saver, run)
    if problem is not None:
        message = f"{problem}. The result of the run is in this error's .result"
        raise CheckpointNotWritten(message, run.result())
    interrupted = interrupts.count > 0 and run.steps < steps
    if interrupted:
        place = f"; continue with resume=True from '{checkpoint}'" if checkpoint is not None else ""
        message = f"training was interrupted after {run.steps} of {steps} steps{place}"
        warnings.warn(message, TrainingInterrupted, stacklevel=2)
    return run.result(interrupted=interrupted)


def _check_options(
    steps: int,
    log_every: int,
    checkpoint: Any,
    checkpoint_every: int | None,
    resume: bool,
    numbers: Mapping[str, int],
) -> None:
    failures = [
        Failure("options", name, f"must be at least {least}, found {value}")
        for name, value, least in (
            ("steps", steps, 0),
            ("log_every", log_every, 1),
            ("checkpoint_every", checkpoint_every, 1),
            *((name, number, 1) for name, number in numbers.items()),
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


def _passed(before: int, after: int, every: int | None) -> bool:
    """Whether a multiple of a number was reached."""
    return every is not None and after // every > before // every


def _saved(saver: Saver, run: Run) -> str | None:
    """Save at the end, unless that is done, and return what went wrong."""
    problem = None if saver.saved == run.steps else saver.try_save(run)
    return saver.close() or problem


def _kept(
    error: DataError | TrainingDiverged, run: Run, saver: Saver | None
) -> DataError | TrainingDiverged:
    """Keep the last good state, on disk and in the error, and say so."""
    try:
        run.collect()
    except TrainingDiverged as earlier:  # the data failed later than the numbers did
        error = earlier
    kept = f"The variables after {run.steps} steps are in this error's .result"
    if isinstance(error, TrainingDiverged) and saver is not None and saver.saved is not None:
        # What comes before numbers go bad is mostly on its way there; better is further back.
        saver.close()
        kept += f", and the checkpoint '{saver.path}' stays at step {saver.saved}"
    elif saver is not None:
        problem = _saved(saver, run)
        kept += f" and in '{saver.path}'" if problem is None else f". {problem}"
    if saver is not None and saver.saved is not None:
        kept += "; resume=True continues from there"
    if isinstance(error, TrainingDiverged):
        kept += "; try a smaller learning rate, or clip gradients with optax.clip_by_global_norm"
    error.args = (f"{error.args[0]}{_gap(error)}{kept}",)
    error.result = run.result()
    return error


def _gap(error: Exception) -> str:
    return "\n" if isinstance(error, DataError) else ". "


def _lowered(fn: Lowered | Loss | LearningDiagram, optimizer: Optimizer | Optimizers) -> Lowered:
    if not isinstance(fn, Lowered):
        loss = fn.loss() if isinstance(fn, LearningDiagram) else fn
        apart = isinstance(optimizer, Mapping)
        fn = lower(loss, groups=by_edge_of(loss.diagram.trainable, optimizer) if apart else None)
    if not fn.loss.equations:
        constants = ", ".join(f"'{term}'" for term in fn.loss.untrainable)
        message = f"it has no trainable edge in {constants}" if constants else "it has no equation"
        message += "; glue data to a model so that two paths become parallel, or declare one"
        raise InvalidStructure("training", [Failure("equations", "the loss", message)])
    return fn
