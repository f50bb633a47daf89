"""The training loop.

The files of this room, each of which imports only those before it: columns, sharding, step, data,
validation, result, checkpoint, loop.

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

import contextlib
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from inspect import Signature
from pathlib import Path
from types import FrameType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from catlearn.display import Progress
from catlearn.errors import (
    CheckpointNotWritten,
    DataError,
    Failure,
    TrainingDiverged,
    WrongKind,
    expect,
    fault,
    refuse,
)
from catlearn.files import shorten_repr, writable
from catlearn.learning import LearningDiagram, Loss
from catlearn.lowering import Lowered, lower
from catlearn.models.calls import signature_of
from catlearn.training.checkpoint import (
    FolderSaver,
    NothingToResume,
    Saver,
    is_folder,
    manifest_of,
    occupied,
)
from catlearn.training.columns import Batch
from catlearn.training.data import Sources, expect_key, expect_sizes
from catlearn.training.result import History, Result
from catlearn.training.sharding import Processes, Sharding
from catlearn.training.step import (
    GOOD,
    Carry,
    Optimizer,
    Optimizers,
    by_edge_of,
    compiled_step,
    cost_row,
    optimizer_of,
    start,
    warn_of_parts,
)
from catlearn.training.validation import Patience, Validation


class TrainingInterrupted(UserWarning):
    """Training was stopped by a signal; the variables so far are returned."""


class MoreStepsDone(UserWarning):
    """A checkpoint has more steps than a run that continues it was to have in all."""


class StoppedAtOnce(UserWarning):
    """A callback stopped the run when it was called for the first time."""


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
    overwrite: bool = False,
    callback: Callback | None = None,
    stop_on: Iterable[int] = (),
    validate: Mapping[str, Any] | None = None,
    validate_every: int | None = None,
    stop: Patience | None = None,
    metrics: Mapping[str, Any] | None = None,
    accumulate: int = 1,
    scan_steps: int = 1,
    sharding: Sharding | Mesh | None = None,
    streams: str | Iterable[str] | None = None,
) -> Result:
    """Minimise a loss by mini-batches.

    Parameters
    ----------
    fn
        A lowered loss; a loss or a learning diagram is lowered first, such that edges with
        different optimizers are not stacked.
    optimizer
        An optax transformation. It sees the edges to which an equation sends a gradient
        (``fn.trained``) only: all others have no optimizer state, and keep their values bit by
        bit. A mapping from edges, tuples of edges and ``"*"`` for all others has an optimizer for
        each; None leaves edges as they are.
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
        (:mod:`catlearn.training.data`).
    params, state
        Where to start, by default ``fn.init(key)``. They are copied.
    log_every
        After how many steps to fetch costs, check that they are finite, and report.
    progress
        Whether to show a progress bar, where there is somebody to see it.
    checkpoint
        A file to save the run in, ``*.safetensors``, at the end and every ``checkpoint_every``
        steps; or a folder (``"run/"``), in which orbax saves while training goes on
        (:mod:`catlearn.training.checkpoint`). Folders above it are made.
    checkpoint_every
        After how many steps to save; by default only at the end.
    resume
        Whether to continue from ``checkpoint`` if that file is there.
    overwrite
        Whether a checkpoint of another run, or whatever else is there, may be replaced.
    callback
        Called at log points as ``callback(step, costs)``, where ``costs`` has the last cost of
        each equation; or, if it needs three arguments, as ``callback(step, costs, result)`` with
        the result so far, a copy, which it may evaluate and keep. It returns None to go on, or a
        boolean (of Python, NumPy or JAX): whether to stop.
    stop_on
        Signals that end the run as Ctrl-C does, such as ``signal.SIGTERM``; in the main thread
        only. Once the checkpoint is written, what handled the signal before handles it.
    validate
        Held-out data to evaluate while the run goes on, ``{data set: {projection: array}}`` with
        all data sets, in parts no larger than batches. Its costs are in
        ``result.history.validation``, and the best variables in ``result.best``
        (:mod:`catlearn.training.validation`). Of several processes each gives all of them.
    validate_every
        After how many steps, by default ``log_every``; and at the end.
    stop
        Stops the run when validation has not become better for a while:
        ``catlearn.training.Patience(3)``.
    metrics
        What to measure besides in validations: ``{"accuracy": ("data.X >> f = data.Y", accuracy)}``
        with a divergence or a function of two batches, in ``jax.numpy``, such as
        :func:`~catlearn.training.accuracy`. Nothing is lowered for it.
    accumulate
        Into how many parts to cut each batch, which are evaluated one after the other: the same
        step in less memory (:mod:`catlearn.training.step`).
    scan_steps
        How many steps to take in one compiled call, for models so small that starting a step
        takes longer than the step. Costs are looked at, and checkpoints written, after such calls.
        The steps are the same up to rounding; a run that is continued is bitwise the run that was
        never stopped if its calls begin at the same steps.
    sharding
        A mesh of devices, to split each batch among them, or a :class:`Sharding`, to split
        parameters too. The mesh may span processes (:mod:`catlearn.training.sharding`).
    streams
        Of a loss or a diagram: what runs block by block, as for :func:`catlearn.lower`.

    Returns
    -------
    Result
        Parameters, state, history, and the trained models by name.

    Raises
    ------
    DataError
        If arrays are missing or do not fit, those of ``validate`` too, listing all of them; if a
        batch does not fit or a source fails, naming the data set, the projection and the step.
    InvalidStructure
        Listing numbers out of range, options that need a checkpoint or held-out data, and equations
        through which no gradient passes; if an optimizer is given for an edge that no gradient
        reaches; if a checkpoint would replace what is not this run's, or cannot be written; if a
        metric is not in ``jax.numpy``; if the callback returns neither None nor a boolean.
    WrongKind
        If an argument is of another kind than described; a callback by its number of arguments.
    CheckpointMismatch
        If the checkpoint belongs to another run, listing every difference.
    TrainingDiverged
        If a cost or an update is not finite.
    CheckpointNotWritten
        If the last checkpoint could not be written, for example because the disk is full.

    Notes
    -----
    An error that ends a run which was under way has the result up to the last good step in
    ``.result``; it is also saved, if there is a checkpoint. So has whatever a callback raises,
    which is raised as it was.

    Warns
    -----
    CheckpointSkipped
        If a checkpoint could not be written; the run goes on, and the next one is tried.
    ExamplesApart
        If batches are cut into parts, and a divergence compares their examples with each other; a
        callable that declares nothing is tried on a few numbers.
    ManyPrograms
        If a source gives batches of so many sizes that compiling for them takes the time.
    MoreStepsDone
        If the checkpoint has more steps than were asked for: its result is returned.
    NothingToResume
        If there is no checkpoint to continue from.
    StoppedAtOnce
        If the callback stops the run when it is called for the first time.
    TrainingInterrupted
        If stopped by Ctrl-C. The step at hand is finished, the checkpoint is written, and the
        result so far is returned. A second Ctrl-C stops at once.

    Examples
    --------
    A progress bar of one's own, which says nothing about stopping::

        with tqdm(total=1000) as bar:
            def show(step, costs):
                bar.update(step - bar.n)
            cl.fit(fn, optax.adam(1e-3), steps=1000, callback=show, progress=False)

    A run on a cluster that sends SIGTERM before it takes the machine away::

        cl.fit(..., checkpoint="run.safetensors", resume=True, stop_on=[signal.SIGTERM])
    """
    _check_options(**locals())
    signals = Signals(stop_on)
    fn = _lowered(fn, optimizer, streams)
    optimizer = optimizer_of(fn, optimizer)
    warn_of_parts(fn, accumulate)
    sharding = Sharding.of(sharding)
    processes = Processes.of(sharding)
    key = jax.random.key(0) if key is None else key
    resident = sharding is None
    sources = Sources(fn, data, batch_size, key=key, processes=processes, resident=resident)
    if params is None or state is None:
        own_params, own_state = fn.init(key)
        params = own_params if params is None else params
        state = own_state if state is None else state
    _check_start(fn, params, state)
    state = {**fn.pack(params, state)[1]}
    validation = None
    if validate is not None:
        largest = batch_size if isinstance(batch_size, int) else max(batch_size.values())
        every = log_every if validate_every is None else validate_every
        validation = Validation(fn, validate, every, stop, metrics, largest, key)
        validation.trace(params, state)
    carry = start(optimizer, fn.pack(params)[0], state["mutable"])
    rows = np.empty((0, 1 + len(fn.loss.equations)))
    saver = None
    if checkpoint is not None:
        _check_place(checkpoint, resume, overwrite, processes)
        manifest = manifest_of(fn, carry, state, sources, key)
        saver = (
            FolderSaver(checkpoint, manifest, processes, sharding, fn)
            if is_folder(checkpoint)
            else Saver(checkpoint, manifest, processes, fn)
        )
        saver.validation = validation
        saver.prepare()
        saved = saver.load(carry) if resume else None
        if saved is not None:
            carry, rows = saved.carry, saved.rows
            sources.restore(saved.sources, f"checkpoint '{checkpoint}'")
        if len(rows) > steps:
            message = f"checkpoint '{checkpoint}' has {len(rows)} steps, and steps={steps} counts"
            message += " them, too: nothing is trained, and its result is returned"
            warnings.warn(message, MoreStepsDone, stacklevel=2)
    run = Trainer(
        fn, optimizer, key, sources, state, carry, rows,
        accumulate=accumulate, scan_steps=scan_steps, sharding=sharding, validation=validation,
    )  # fmt: skip
    run.stopped = "patience" if validation is not None and validation.is_over else ""
    bar = Progress(steps, progress)
    raised: BaseException | None = None
    try:
        with signals:
            while run.steps < steps and not run.stopped:
                before = run.steps
                run.advance(steps)
                save = _passed(before, run.steps, checkpoint_every)
                # Several processes stop together, so they look at the same steps.
                last = run.steps == steps or (bool(signals.received) and processes.count == 1)
                look = run.validates(before, steps)
                log = last or save or _passed(before, run.steps, log_every)
                if not (log or look):
                    continue
                run.collect()
                bar.show(run.steps, cost=run.rows[-1, 0])
                why = ""
                try:
                    why = "patience" if look and run.validate() else ""
                except (Exception, SystemExit) as error:
                    raised = error
                if save and saver is not None:
                    saver.save(run.carry, run.rows, sources)
                try:
                    if raised is None and not why and log and run.report(callback, steps):
                        why = "callback"
                except (Exception, SystemExit) as error:
                    raised = error
                # What one process raises ends all of them.
                why = "error" if raised is not None else "signal" if signals.received else why
                run.stopped = processes.agree(why)
    except KeyboardInterrupt:
        # Raised by callback or data, between steps; one within a step cannot be recovered from.
        if signals.received.count(signal.SIGINT) > 1:
            raise
        signals.received.append(signal.SIGINT)
        run.collect()
    except (DataError, TrainingDiverged) as error:
        raise run.kept(error, saver) from error.__cause__
    finally:
        bar.close()
    if raised is not None:
        raise run.kept(raised, saver)
    problem = None if saver is None else saver.finish(run.carry, run.rows, sources)
    signals.pass_on()
    if problem is not None:
        message = f"{problem}. The result of the run is in this error's .result"
        raise CheckpointNotWritten(message, run.result())
    if run.steps >= steps:
        run.stopped = ""
    elif signals.received:
        run.stopped = "signal"
        place = f"; continue with resume=True from '{checkpoint}'" if checkpoint is not None else ""
        message = f"training was interrupted after {run.steps} of {steps} steps{place}"
        warnings.warn(message, TrainingInterrupted, stacklevel=2)
    return run.result()


_WHOLE = ((int, np.integer), "a whole number")
_FLAG = ((bool, int, np.bool_), "True or False")
_BY_NAME = (Mapping, "a dict by name")
_KINDS: Mapping[str, tuple[Any, str]] = {
    "steps": (_WHOLE[0], "a number of steps"),
    "data": _BY_NAME,
    "params": _BY_NAME,
    "state": _BY_NAME,
    "log_every": _WHOLE,
    "progress": _FLAG,
    "checkpoint": ((str, os.PathLike), "the path of a file or a folder"),
    "checkpoint_every": _WHOLE,
    "resume": _FLAG,
    "overwrite": _FLAG,
    "callback": ("__call__", "a function of the step and the costs"),
    "validate": _BY_NAME,
    "validate_every": _WHOLE,
    "stop": (Patience, "a Patience, such as Patience(3)"),
    "metrics": _BY_NAME,
    "accumulate": _WHOLE,
    "scan_steps": _WHOLE,
    "sharding": ((Mesh, Sharding), "a mesh of devices or a Sharding"),
}
"""What each option of `fit` takes, besides None."""

_LEAST = {
    "steps": 0,
    "log_every": 1,
    "checkpoint_every": 1,
    "validate_every": 1,
    "accumulate": 1,
    "scan_steps": 1,
}
_NEEDS = {
    "checkpoint": (
        "needs a file: give checkpoint=path",
        ("checkpoint_every", "resume", "overwrite"),
    ),
    "validate": (
        "needs held-out data: give validate={data set: columns}",
        ("validate_every", "stop", "metrics"),
    ),
}
"""The options that say nothing without another one."""


def _check_options(
    fn: Any, optimizer: Any, batch_size: Any, key: Any, callback: Any, **given: Any
) -> None:
    """Refuse what `fit` cannot take, before anything is done."""
    lossy = (Lowered, Loss, LearningDiagram)
    expect(fn, lossy, "what fit minimises", "a diagram, loss or lowered one")
    for one in optimizer.values() if isinstance(optimizer, Mapping) else [optimizer]:
        if one is not None:
            wanted = "an optax optimizer, such as optax.adam(1e-3), or one for each edge"
            expect(one, "init", "optimizer", wanted)
    expect_sizes(batch_size)
    if key is not None:
        expect_key(key)
    for name, value in (*given.items(), ("callback", callback)):
        if name in _KINDS and (value is not None or name == "steps"):
            expect(value, _KINDS[name][0], name, _KINDS[name][1])
    if callback is not None:
        _takes_result(callback)
    failures = [
        Failure("options", name, f"must be at least {least}, found {given[name]}")
        for name, least in _LEAST.items()
        if given[name] is not None and given[name] < least
    ]
    failures += [
        Failure("options", name, message)
        for giver, (message, names) in _NEEDS.items()
        if given[giver] is None
        for name in names
        if given[name] not in (None, False)
    ]
    refuse("fit", failures)


def _check_start(fn: Lowered, params: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Refuse variables that are not of this loss, by their names."""
    edges = [edge for edge in fn.trainable if not fn.architecture(edge).parameter_free]
    refuse(
        "fit",
        (
            Failure("options", option, f"has no {name!r}; give what fn.init or a result has")
            for option, given, names in (
                ("params", params, edges),
                ("state", state, ("weights", "frozen", "mutable")),
            )
            for name in names
            if name not in given
        ),
    )


def _check_place(checkpoint: Any, resume: bool, overwrite: bool, processes: Processes) -> None:
    """Refuse a checkpoint that would replace something, and say if there is none to go on from."""
    found = processes.agree(occupied(checkpoint))
    barred = "" if os.path.lexists(checkpoint) else writable(Path(checkpoint))
    if barred := processes.agree(barred):
        raise fault("fit", "checkpoint", f"'{checkpoint}'", barred)
    if resume and not found and processes.index == 0:
        message = f"there is no checkpoint '{checkpoint}' to continue from; the run begins anew"
        warnings.warn(message, NothingToResume, stacklevel=3)
    if found and not resume and not overwrite:
        remedy = "resume=True continues it" if found.startswith("holds") else "give another path"
        message = f"{found}; {remedy}, overwrite=True replaces it"
        raise fault("fit", "checkpoint", f"'{checkpoint}'", message)


def _passed(before: int, after: int, every: int | None) -> bool:
    """Whether a multiple of a number was reached."""
    return every is not None and after // every > before // every


def _lowered(
    fn: Lowered | Loss | LearningDiagram, optimizer: Optimizer | Optimizers, streams: Any
) -> Lowered:
    if not isinstance(fn, Lowered):
        loss = fn.loss() if isinstance(fn, LearningDiagram) else fn
        apart = isinstance(optimizer, Mapping)
        groups = by_edge_of(loss.diagram.trainable, optimizer) if apart else None
        fn = lower(loss, groups=groups, streams=streams)
    elif streams is not None:
        message = "the loss is lowered already; say it there: cl.lower(loss, streams=...)"
        raise fault("fit", "options", "streams", message)
    if not fn.loss.equations:
        constants = ", ".join(f"'{term}'" for term in fn.loss.untrainable)
        message = f"it has no trainable edge in {constants}" if constants else "it has no equation"
        message += "; glue data to a model so that two paths become parallel, or declare one"
        raise fault("training", "equations", "the loss", message)
    refuse("training", untrained_failures(fn))
    return fn


def untrained_failures(fn: Lowered) -> list[Failure]:
    """List the equations of a loss that train nothing."""
    message = (
        "no gradient passes through it to a trainable edge: its sides are stopped, or it trains "
        "none of their edges; leave it out, or change stop= or trains="
    )
    return [Failure("equations", f"equation '{name}'", message) for name in fn.plan.untrained]


Callback = Callable[[int, dict[str, float]], Any]
"""What is called with the step and the last costs; it returns None, or whether to stop."""


class Trainer:
    """The variables of a run, and its costs up to the last time they were fetched.

    Parameters
    ----------
    fn
        The lowered loss.
    optimizer
        The optimizer.
    key
        The random key of the run.
    sources
        Where batches come from.
    state
        The state of the loss; its mutable part is in the carry.
    carry
        The variables.
    rows
        The costs of the steps so far.
    accumulate
        Into how many parts each batch is cut.
    scan_steps
        How many steps are taken in one compiled call.
    sharding
        How the run is spread over devices.
    validation
        What is evaluated while it goes on.
    """

    def __init__(
        self,
        fn: Lowered,
        optimizer: optax.GradientTransformation,
        key: jax.Array,
        sources: Sources,
        state: Mapping[str, Any],
        carry: Carry,
        rows: np.ndarray,
        *,
        accumulate: int = 1,
        scan_steps: int = 1,
        sharding: Sharding | None = None,
        validation: Validation | None = None,
    ) -> None:
        self.fn = fn
        self.validation = validation
        self.key = key
        self.sources = sources
        self.constant = {name: part for name, part in state.items() if name != "mutable"}
        self.sharding = sharding
        self.processes = Processes.of(sharding)
        options: dict[str, Any] = {"accumulate": accumulate}
        if sharding is not None:
            options |= {"sharding": sharding, "carry": carry}
            carry = sharding.place(carry, sharding.carry(carry))
            self.constant = sharding.constant(self.constant)
            self.key = sharding.place(key)
        self.step = compiled_step(fn, optimizer, **options)
        self.count = scan_steps
        if self.count > 1:
            self.many = compiled_step(fn, optimizer, steps=self.count, **options)
        self.carry = carry
        self.rows = rows
        self.pending: list[jax.Array] = []
        self.steps = len(rows)
        #: Why the run ends before its last step, as its result says.
        self.stopped = ""
        self.called = False
        self.equations = tuple(term.name for term in fn.loss.equations)
        # Arrays that are the same in every step, as they were taken and as they were placed.
        self.placed: dict[int, tuple[Any, Any]] = {}

    def advance(self, limit: int) -> None:
        """Take one step, or as many as are taken at once, without waiting for them."""
        if self.count == 1 or self.steps + self.count > limit:
            batch = self._ready(self.sources.take(self.steps))
            carry, costs = self.step(self.carry, self.constant, batch, self.key)
            self.steps += 1
        else:
            same, batches = self.sources.take_many(range(self.steps, self.steps + self.count))
            batches = batches if self.sharding is None else self.sharding.split(batches, lead=1)
            carry, costs = self.many(
                self.carry, self.constant, batches, self._ready(same), self.key
            )
            self.steps += self.count
        self.carry = carry
        self.pending.append(costs)

    def _ready(self, batch: Batch) -> Batch:
        """Put a batch onto the devices that need it."""
        if self.sharding is None:
            return batch
        taken, structure = jax.tree.flatten(batch)
        known = [self.placed.get(id(leaf), (None, leaf))[1] for leaf in taken]
        ready = self.sharding.split(jax.tree.unflatten(structure, known))
        pairs = zip(taken, jax.tree.leaves(ready), strict=True)
        # An array of numpy may be filled anew.
        self.placed = {id(one): (one, there) for one, there in pairs if isinstance(one, jax.Array)}
        return ready

    def collect(self) -> None:
        """Fetch the costs of the steps since the last time, and check that all went well."""
        if not self.pending:
            return
        for rows in self.pending:
            if not rows.is_fully_addressable or next(iter(rows.devices())).platform != "cpu":
                rows.copy_to_host_async()  # all at once, where that takes a while
        fetched = np.concatenate([np.atleast_2d(np.asarray(rows)) for rows in self.pending])
        self.pending = []
        self.rows = np.concatenate([self.rows.astype(fetched.dtype), fetched])
        failed = int(self.carry.failed)
        if failed != GOOD:
            self._diverge(failed)

    def validates(self, before: int, last: int) -> bool:
        """Whether a validation is due after the steps since ``before``."""
        if self.validation is None:
            return False
        return self.steps == last or _passed(before, self.steps, self.validation.every)

    def validate(self) -> bool:
        """Validate; return whether patience is over."""
        assert self.validation is not None
        state = {**self.constant, "mutable": self.carry.mutable}
        keep = self.processes.on_host
        return self.validation.check(self.steps, self.carry.params, state, keep)

    def report(self, callback: Callback | None, steps: int) -> bool:
        """Tell the callback the last costs; return whether it wants to stop before the end.

        Raises
        ------
        InvalidStructure
            If it returns neither None nor a boolean.
        """
        if callback is None:
            return False
        first, self.called = not self.called, True
        costs = dict(zip(self.equations, self.rows[-1, 1:].tolist(), strict=True))
        more = (self.result(copied=True),) if _takes_result(callback) else ()
        answer = callback(self.steps, costs, *more)
        if answer is None:
            return False
        name = callback_name(callback)
        if getattr(answer, "dtype", type(answer)) != np.dtype(bool) or np.ndim(answer):
            message = f"returned {shorten_repr(answer)}; return None to go on, or whether to stop"
            raise fault("fit", "callback", f"callback {name}", message)
        stop = bool(answer)
        if stop and first and self.steps < steps:
            message = f"callback {name} returned {answer!r} at its first call, so training stops"
            warnings.warn(f"{message} after {self.steps} of {steps} steps", StoppedAtOnce, 3)
        return stop

    def result(self, *, copied: bool = False) -> Result:
        """Return the result so far; copied if the run goes on, as its variables then move."""
        carry, constant = self.processes.on_host((self.carry, self.constant))
        if copied:
            carry = jax.tree.map(jnp.copy, carry)
        validation = self.validation
        result = Result(
            fn=self.fn,
            params=carry.params,
            state={**constant, "mutable": carry.mutable},
            optimizer_state=carry.optimizer,
            history=History(
                self.equations, self.rows, None if validation is None else validation.curves
            ),
            steps=self.steps,
            data=self.sources.data,
            stopped=self.stopped,
        )
        if validation is None or validation.best is None:
            return result
        step, params, mutable = validation.best
        state = {**constant, "mutable": mutable}
        best = replace(
            result, params=params, state=state, optimizer_state=None, steps=step, stopped=""
        )
        return replace(result, best=best)

    def kept(self, error: BaseException, saver: Saver | None) -> BaseException:
        """Keep the last good state, on disk and in an error that ends the run; return the error."""
        self.stopped = "error"
        if isinstance(error, DataError):
            try:
                self.collect()
            except TrainingDiverged as earlier:  # the data failed later than the numbers did
                error = earlier
        diverged = isinstance(error, TrainingDiverged)
        kept = f"The variables after {self.steps} steps are in this error's .result"
        if diverged and saver is not None and saver.saved is not None:
            # What comes before numbers go bad is mostly on its way there; better is further back.
            saver.close()
            kept += f", and the checkpoint '{saver.path}' stays at step {saver.saved}"
        elif saver is not None:
            problem = saver.finish(self.carry, self.rows, self.sources)
            kept += f" and in '{saver.path}'" if problem is None else f". {problem}"
        if saver is not None and saver.saved is not None:
            kept += "; resume=True continues from there"
        if diverged:
            kept += "; try a smaller learning rate, or clip gradients with "
            kept += "optax.clip_by_global_norm"
        if isinstance(error, (DataError, TrainingDiverged)):
            gap = ". " if diverged else "\n"
            error.args = (f"{error.args[0]}{gap}{kept}",)
        else:
            error.add_note(kept)
        with contextlib.suppress(AttributeError, TypeError):  # a class that takes no attributes
            error.result = self.result()  # type: ignore[attr-defined]
        return error

    def _diverge(self, failed: int) -> None:
        """Go back to before a step that was not finite, and say what happened there."""
        costs = self.rows[failed, 1:]
        self.rows, self.steps = self.rows[:failed], failed
        # Whatever happened after the failed step changed nothing but these two.
        step, good = jnp.int32(failed), jnp.int32(GOOD)
        if self.sharding is not None:
            step, good = self.sharding.place((step, good))
        self.carry = self.carry._replace(step=step, failed=good)
        bad = [
            f"the cost of equation '{name}' is {cost}"
            for name, cost in zip(self.equations, costs, strict=True)
            if not np.isfinite(cost)
        ]
        raise TrainingDiverged(f"step {failed}: {'; '.join(bad or self._bad_gradients(failed))}")

    def _bad_gradients(self, failed: int) -> list[str]:
        """Say through which equation an update that is not finite came; costs were finite."""
        batch = self.sources.again(failed)
        if batch is None:
            return ["the update is not finite, though all costs are"]
        key = jax.random.fold_in(self.key, failed)
        state = {**self.constant, "mutable": self.carry.mutable}

        @jax.jit
        @jax.grad
        def slopes(params: Any, chosen: Any) -> jax.Array:
            value, aux = self.fn(params, state, batch, key)
            return cost_row(value, aux.terms, self.equations)[1:] @ chosen

        # One equation after the other: all gradients at once may not fit into memory.
        bad = [
            f"the gradient of equation '{name}' with respect to edge '{edge}' is not finite"
            for name, chosen in zip(
                self.equations, np.eye(len(self.equations), dtype="float32"), strict=True
            )
            for edge, tree in jax.device_get(slopes(self.carry.params, chosen)).items()
            if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(tree))
        ]
        return bad or ["the optimizer's update is not finite, though all gradients are"]


def _takes_result(callback: Callback) -> bool:
    """Whether a callback has to be called with three arguments.

    Raises
    ------
    WrongKind
        If it can be called with neither two nor three.
    """
    signature = signature_of(callback)
    if signature is None or _fits(signature, 2):
        return False
    if not _fits(signature, 3):
        message = "callback is a function of the step and the costs, or of the step, the costs and"
        raise WrongKind(f"{message} the result; found {callback_name(callback)}{signature}")
    return True


def callback_name(callback: Callback) -> str:
    """Return what messages call a callback."""
    return getattr(callback, "__qualname__", type(callback).__qualname__)


def _fits(signature: Signature, count: int) -> bool:
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


class Signals:
    """Note signals inside a ``with``: Ctrl-C, and others that are asked for.

    A second Ctrl-C raises ``KeyboardInterrupt``; another signal that comes twice is handled as
    before, at once. Signals reach only the main thread; elsewhere Ctrl-C is left alone.

    Parameters
    ----------
    others
        Signals besides Ctrl-C.

    Attributes
    ----------
    received
        The signals that came, in order.

    Raises
    ------
    InvalidStructure
        If others are asked for outside the main thread, are no signals, or cannot be noted.
    """

    def __init__(self, others: Iterable[int] = ()) -> None:
        self.received: list[int] = []
        self.active = threading.current_thread() is threading.main_thread()
        self.before: dict[int, Any] = {}
        try:
            self.others = [signal.Signals(number) for number in others]
            for number in self.others:
                if number.name in ("SIGKILL", "SIGSTOP"):
                    raise ValueError(f"{number.name} reaches no program")
            if self.others and not self.active:
                raise ValueError("signals reach only the main thread; call fit there")
        except (TypeError, ValueError) as error:
            message = f"{error}; give a list such as [signal.SIGTERM]"
            raise fault("fit", "options", "stop_on", message) from None

    def __enter__(self) -> Signals:
        if self.active:
            for number in (signal.SIGINT, *self.others):
                self.before[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        again = number in self.received
        self.received.append(number)
        if again and number == signal.SIGINT:
            raise KeyboardInterrupt
        if again:
            signal.signal(number, self.before[number])
            signal.raise_signal(number)

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def pass_on(self) -> None:
        """Let the signals besides Ctrl-C be handled as they were before."""
        for number in self.others:
            if number in self.received:
                signal.raise_signal(number)
