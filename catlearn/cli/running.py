"""``catlearn train``: files read and checked against each other, trained, measured, and written.

:func:`prepare` reads a diagram, a configuration and data, and lists all that is wrong with them
before anything runs. What it returns, a :class:`Job`, is trained by :func:`train`.

Columns of data sets come from npz, CSV and safetensors files, which hold arrays by name, one
example for each entry of the leading axis. In a CSV file each column is an array of numbers. A
projection is given by a name; by a list of names, put side by side (at a product: one for each
factor); or by a pattern with ``*``, which stands for the columns that match it, in the order of the
file. Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import platform
import signal
import sys
import threading
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import jax
import numpy as np

from catlearn import training
from catlearn.category import Equation
from catlearn.cli.configuration import (
    OptimizerChoice,
    Section,
    Settings,
    at_step,
    choose_optimizers,
    dotted,
    make_loss,
    matching,
    read_settings,
)
from catlearn.cli.run_folder import (
    BEST,
    VALIDATION,
    check_place,
    say,
    to_json,
    write_run,
)
from catlearn.display import Legible
from catlearn.errors import (
    CatlearnError,
    CheckpointNotWritten,
    Failures,
    FileFormatError,
    InvalidStructure,
    TrainingDiverged,
    did_you_mean,
    fault,
)
from catlearn.files import (
    MAX_JSON_BYTES,
    check_bounded,
    parse_csv,
    parse_json,
    read_bounded,
    reading,
    shorten,
    writable,
)
from catlearn.formats import load, to_json as diagram_json
from catlearn.learning import LearningDiagram, Loss
from catlearn.learning.parts import check_lengths
from catlearn.lowering import Lowered, lower
from catlearn.models import (
    ArchitectureMap,
    Categorical,
    Product,
    Space,
    check_array,
    divergence_names,
    needs_key,
)
from catlearn.models.architectures import Unbound, architecture_names
from catlearn.models.spaces import cast
from catlearn.names import fresh
from catlearn.tensors import MAX_TENSOR_BYTES, decode_tensors, encode_tree, plain_tree
from catlearn.training.checkpoint import is_folder, occupied
from catlearn.training.columns import batch_lengths, permutation, take
from catlearn.training.loop import untrained_failures
from catlearn.training.validation import evaluated, measures_of, ready

FINISHED, INTERRUPTED, DIVERGED = "finished", "interrupted", "diverged"
#: Trained, but without its last checkpoint.
UNSAVED = "unsaved"

#: Bytes of one CSV file that are read.
MAX_CSV_BYTES = 4 * 2**30

Columns = dict[str, Any]
Data = dict[str, Columns]


def train(
    diagram: Path,
    config: Path,
    out: Path | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: bool = True,
) -> str:
    """Train a diagram from a file as a configuration says, and write a run folder.

    Parameters
    ----------
    diagram
        The diagram, in JSON.
    config
        The configuration, in TOML; see :mod:`catlearn.cli.configuration`.
    out
        The run folder, by default the configuration's name without its ending.
    resume
        Whether to go on from the checkpoint.
    overwrite
        Whether an older run may be replaced.
    dry_run
        Whether to say what would run, and stop there.
    progress
        Whether to show a progress bar.

    Returns
    -------
    str
        ``"finished"``, ``"interrupted"``, ``"diverged"``, or ``"unsaved"`` where the checkpoint
        could not be written; the run folder is written all the same. After another signal than
        Ctrl-C its name follows, ``"interrupted by SIGTERM"``.

    Raises
    ------
    InvalidStructure
        Listing all that is wrong with the files, before anything runs.
    CatlearnError
        If something else is in the folder's place, or another run is about to write there.
    """
    out = Path(config.stem) if out is None else out
    job = prepare(diagram, config, resume=resume, overwrite=overwrite)
    overwrite = overwrite or (job.resumes(resume) and job.wrote(out))
    check_place(out, overwrite)
    if dry_run:
        say(f"{job}\nwould write {out}")
        return FINISHED
    with _alone(out):
        if job.resumes(resume) and job.is_finished(out):
            say(f"the run in '{out}' is finished: it has all {job.settings.steps} steps")
            return FINISHED
        return _run(job, out, resume, overwrite, progress)


def _run(job: Job, out: Path, resume: bool, overwrite: bool, progress: bool) -> str:
    """Train, measure, write and print."""
    began = time.perf_counter()
    with Stops() as stops:
        result, status, message = job.fit(resume, overwrite, progress, stops.signals)
    measured = job.measure(result)
    seconds = round(time.perf_counter() - began, 3)
    ended = {"format": 1, "status": status, "message": message, "seconds": seconds}
    write_run(out, job.files(result, {**ended, **measured}), overwrite=overwrite)
    say(f"{measured['loss']}\n{_summary(measured)}\nwrote {out}")
    if message:
        say(f"catlearn: {message}", sys.stderr)
    return f"{INTERRUPTED} by {stops.received[0].name}" if stops.received else status


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep other runs from writing to a folder, as long as this process lives."""
    import filelock

    out.parent.mkdir(parents=True, exist_ok=True)
    place = out.parent / f".{out.name}.lock"
    lock = filelock.FileLock(place)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        message = f"another run is about to write '{out}'; choose another --out, or wait for it"
        raise CatlearnError(message) from None
    try:
        yield
    finally:
        place.unlink(missing_ok=True)
        lock.release()


class Stops:
    """Note inside a ``with`` the signals that end a run after its step, but for Ctrl-C.

    Attributes
    ----------
    signals
        SIGTERM, and SIGHUP unless it is ignored, as it is after ``nohup``.
    received
        Those that came.
    """

    def __init__(self) -> None:
        names = ("SIGTERM", "SIGHUP")
        known = [getattr(signal, name) for name in names if hasattr(signal, name)]
        main = threading.current_thread() is threading.main_thread()
        self.signals = [
            number for number in known if main and signal.getsignal(number) != signal.SIG_IGN
        ]
        self.received: list[signal.Signals] = []

    def __enter__(self) -> Stops:
        self.before = {number: signal.signal(number, self._note) for number in self.signals}
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received.append(signal.Signals(number))

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def _summary(metrics: dict[str, Any]) -> str:
    lines = [f"after {metrics['steps']} steps: {metrics['train']['value']:.6g}"]
    for part in ("train", "test"):
        for name, cost in metrics[part].get("equations", {}).items():
            accuracy = metrics[part]["accuracy"].get(name)
            share = "" if accuracy is None else f", accuracy {accuracy:.4f}"
            lines.append(f"  {part}: {name}: {cost:.6g}{share}")
    if found := metrics["validation"]:
        ended = ", which ended the run" if found["stopped"] else ""
        lines.append(f"validation was best after {found['best']} steps{ended}")
        lines += [f"  validation: {name}: {value:.6g}" for name, value in found["values"].items()]
    return "\n".join(lines)


# What is trained and measured.


@dataclass(frozen=True)
class Job(Legible):
    """A run that has been checked, before anything runs.

    Parameters
    ----------
    diagram, loss, fn
        What is trained.
    settings
        The configuration.
    optimizers
        The optimizers.
    train, test
        ``{data set: {projection: array}}``; only data sets with examples held out are in the
        second.
    sharding
        The devices, None for one.
    validation
        The options of `fit` about validation.
    """

    diagram: LearningDiagram
    loss: Loss
    fn: Lowered
    settings: Settings
    optimizers: OptimizerChoice
    train: Data
    test: Data
    sharding: training.Sharding | None
    validation: Mapping[str, Any]

    def __str__(self) -> str:
        settings, fn = self.settings, self.fn
        lines = [str(self.diagram), "", str(self.loss), "", str(fn.plan), ""]
        sizes = settings.batch_size
        for name, columns in self.train.items():
            size = sizes[name] if isinstance(sizes, dict) else sizes
            held = f", {count(self.test[name])} held out" if name in self.test else ""
            examples = f"{name}: {count(columns)} examples{held}, in batches of {size}"
            lines.append(f"{examples}, from {settings.data[name].file}")
        lines.append(f"optimizer: {self.optimizers}")
        params, _ = jax.eval_shape(fn.init, jax.random.key(0))
        number = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
        lines.append(f"{number} parameters in {', '.join(fn.trainable)}")
        lines.append(f"{settings.steps} steps, seed {settings.seed}")
        if self.sharding is not None:
            split = ", which split parameters too" if self.sharding.params else ""
            lines.append(f"devices: {self.sharding.mesh.size}{split}")
        if settings.validation is not None:
            held = ", ".join(f"{count(c)} of {n}" for n, c in self.validation["validate"].items())
            every, stop = settings.validation.every or settings.log_every, self.validation["stop"]
            lines.append(f"validation: {held}, every {every} steps")
            if stop is not None:
                lines[-1] += f", until {stop.by} is no better {stop.checks} times"
        if settings.checkpoint is not None:
            every = settings.checkpoint.every
            when = f"every {every} steps and at the end" if every else "at the end"
            lines.append(f"checkpoint: {settings.checkpoint.path}, {when}")
        return "\n".join(lines)

    def resumes(self, asked: bool) -> bool:
        """Whether the run goes on from its checkpoint, as the command line or the file asks."""
        kept = self.settings.checkpoint
        return kept is not None and (asked or kept.resume)

    def wrote(self, out: Path) -> bool:
        """Whether a folder is of this run: of its diagram, with its seed."""
        return self._metrics(out).get("seed") == self.settings.seed

    def is_finished(self, out: Path) -> bool:
        """Whether a folder is of this run, and has all its steps."""
        metrics = self._metrics(out)
        done = metrics.get("status"), metrics.get("steps")
        return self.wrote(out) and done == (FINISHED, self.settings.steps)

    def _metrics(self, out: Path) -> dict[str, Any]:
        """Return what a run folder of the same diagram says of itself; nothing of any other."""
        try:
            same = read_bounded(out / "diagram.json", MAX_JSON_BYTES) == self._diagram_file
            data = read_bounded(out / "metrics.json", MAX_JSON_BYTES)
            metrics = parse_json(data, "file 'metrics.json'")
        except (CatlearnError, OSError):
            return {}
        return metrics if same and isinstance(metrics, dict) else {}

    @property
    def _diagram_file(self) -> bytes:
        return diagram_json(self.diagram).encode()

    def fit(
        self, resume: bool, overwrite: bool, progress: bool, stop_on: list[Any]
    ) -> tuple[training.Result, str, str]:
        """Train; return the result, its status, and a message, ``""`` where all is well."""
        settings, kept = self.settings, self.settings.checkpoint
        if kept is not None and self.resumes(resume) and not occupied(kept.path):
            message = f"there is no checkpoint '{kept.path}' to go on from; the run begins anew"
            say(f"catlearn: {message}", sys.stderr)
        with warnings.catch_warnings():
            # This and the status say so instead.
            warnings.simplefilter("ignore", training.MoreStepsDone)
            warnings.simplefilter("ignore", training.NothingToResume)
            warnings.simplefilter("ignore", training.TrainingInterrupted)
            try:
                result = training.fit(
                    self.fn,
                    self.optimizers.over(self.fn),
                    steps=settings.steps,
                    batch_size=settings.batch_size,
                    key=jax.random.key(settings.seed),
                    data=self.train,
                    log_every=settings.log_every,
                    progress=progress,
                    checkpoint=None if kept is None else kept.path,
                    checkpoint_every=None if kept is None else kept.every,
                    resume=self.resumes(resume),
                    overwrite=overwrite and kept is not None and not self.resumes(resume),
                    stop_on=stop_on,
                    accumulate=settings.accumulate,
                    scan_steps=settings.scan_steps,
                    sharding=self.sharding,
                    **self.validation,
                )
            except (TrainingDiverged, CheckpointNotWritten) as error:
                found: Any = error.result
                status = DIVERGED if isinstance(error, TrainingDiverged) else UNSAVED
                return found, status, _in_files(str(error))
        if result.interrupted:
            message = f"interrupted after {result.steps} of {settings.steps} steps"
            return result, INTERRUPTED, message
        message = ""
        if result.steps > settings.steps:
            message = f"the checkpoint has {result.steps} steps, more than {settings.steps}"
        return result, FINISHED, message

    def measure(self, result: training.Result) -> dict[str, Any]:
        """Return what ``metrics.json`` says of a run.

        Costs are means over whole data sets, with models in evaluation mode and weights as in the
        last step. An equation whose one side is a column of labels has an *accuracy*: how often
        the likeliest class is the label.
        """
        settings, last = self.settings, max(result.steps - 1, 0)
        loss, weights = at_step(self.loss, last), self.fn.weights(last)
        key = jax.random.key(settings.seed)
        result = replace(result, state={**result.state, "weights": weights})
        names = {term.name for term in loss.equations}
        rated = {
            fresh(term.name, names, "'"): term
            for term in self.loss.equations
            if _is_classification(self.diagram, term)
        }
        measures = {new: term.given(divergence=training.accuracy) for new, term in rated.items()}

        def measured(data: Data) -> dict[str, Any]:
            every, given = {**self.train, **data}, (result.params, result.evaluation_state)
            value, costs = evaluated(self.fn, *given, every, key, None, measures)
            right = {term.name: costs[new] for new, term in rated.items() if term.data in data}
            own = {term.name: costs[term.name] for term in loss.equations if term.data in data}
            return {"value": value, "equations": own, "accuracy": right}

        return {
            "steps": result.steps,
            "seed": settings.seed,
            "loss": str(loss),
            "aggregator": loss.aggregator.name,
            "equations": [
                {
                    "name": term.name,
                    "equation": str(term),
                    "data": term.data,
                    "weight": float(term.weight),
                    "divergence": str(term.divergence),
                }
                for term in loss.equations
            ],
            "train": measured(self.train),
            "test": measured(self.test) if self.test else {},
            "validation": self._validated(result),
            "data": {
                name: {
                    "file": str(given.file),
                    "sha256": digest(given.file),
                    "train": count(self.train.get(name, {})),
                    "test": count(self.test.get(name, {})),
                }
                for name, given in settings.data.items()
            },
            "parameters": {
                edge: sum(int(np.size(leaf)) for leaf in jax.tree.leaves(result.params[edge]))
                for edge in self.fn.trainable
            },
            "versions": _versions(),
            "environment": {
                "date": datetime.now(UTC).isoformat(sep=" ", timespec="seconds"),
                "machine": f"{platform.platform()}, {os.cpu_count()} CPU cores",
            },
            "device": f"{jax.device_count()} {jax.devices()[0].device_kind}",
        }

    def _validated(self, result: training.Result) -> dict[str, Any]:
        """Return when validation was best, what it found then, and whether it ended the run."""
        curves, best = result.history.validation, result.best
        if curves is None or best is None:
            return {}
        (row,) = np.flatnonzero(curves.steps == best.steps)[-1:]
        values = dict(zip(curves.names, curves.rows[row].tolist(), strict=True))
        return {"best": best.steps, "values": values, "stopped": result.stopped == "patience"}

    def files(self, result: training.Result, metrics: dict[str, Any]) -> dict[str, bytes]:
        """Return what the run folder holds."""
        files = {
            "config.toml": self.settings.text,
            "diagram.json": self._diagram_file,
            "params.safetensors": _variables(result),
            "history.csv": result.history.to_csv().encode(),
            "metrics.json": to_json(metrics),
        }
        if result.history.validation is not None:
            files[VALIDATION] = result.history.validation.to_csv().encode()
        if result.best is not None:
            files[BEST] = _variables(result.best)
        return files


def _variables(result: training.Result) -> bytes:
    """Return the variables of a result, as they are used, as a file."""
    final = replace(result, state=result.evaluation_state)
    tree = {edge: plain_tree(value) for edge, value in final.diagram.starts.items()}
    return encode_tree(tree, {})


def _in_files(message: str) -> str:
    """Return an error's advice in words of files rather than of Python."""
    words = {
        "this error's .result": "the run folder",
        "resume=True": "--resume",
        "clip gradients with optax.clip_by_global_norm": "set optimizer.clip",
    }
    for python, file in words.items():
        message = message.replace(python, file)
    return message


def _is_classification(diagram: LearningDiagram, term: Equation) -> bool:
    """Whether labels are predicted, by maps that need no random key."""
    kinds = [diagram.map_label(edge).kind for edge in term.rhs.edges]
    used = {part for side in (term.lhs, term.rhs) for part in diagram.rewriting.edges_of(side)}
    random = any(
        needs_key(diagram.runs(e), *map(diagram.space_label, diagram.ends(e)), train=False)
        for e in used
    )
    label = diagram.space_label(term.target)
    return isinstance(label, Categorical) and kinds == ["projection"] and not random


def _versions() -> dict[str, str]:
    """Return the versions of what computes."""
    found = {"python": platform.python_version()}
    for package in ("catlearn", "jax", "optax", "numpy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


# What is checked before.


def prepare(diagram: Path, config: Path, *, resume: bool = False, overwrite: bool = False) -> Job:
    """Read and check everything that a run needs.

    Parameters
    ----------
    diagram
        The diagram, in JSON.
    config
        The configuration, in TOML.
    resume
        Whether the command line asks to go on from the checkpoint.
    overwrite
        Whether it says that a checkpoint may be replaced.

    Raises
    ------
    InvalidStructure
        Listing all that is wrong, by TOML path.
    """
    what = f"the run of '{diagram.name}' with '{config.name}'"
    settings = read_settings(config)
    file = settings.file
    if settings.checkpoint is not None:
        goes_on = resume or settings.checkpoint.resume
        _check_checkpoint(settings.checkpoint.path, file, goes_on, overwrite)
    elif resume:
        file.section("checkpoint").fault("path", "has to be given, since --resume is", "missing")
    sharding = None if settings.devices is None else _sharding(settings.devices, file)
    loaded = _diagram(diagram, file.faults)
    if loaded is None:
        raise InvalidStructure(what, file.faults)
    train, test, held = _data(loaded, settings)
    _check_batches(loaded, settings, train)
    optimizers = None
    if (section := file.section("optimizer")).values:
        optimizers = choose_optimizers(section, loaded.trainable)
    loss = make_loss(loaded, settings.loss, file.section("loss"))
    fn = None if loss is None else _lowered(loss, settings, optimizers)
    validation: dict[str, Any] = {}
    if fn is not None:
        _check_columns(fn, settings, train, test)
        file.faults += untrained_failures(fn)
        if optimizers is not None:
            _check_optimizers(fn, optimizers, file)
        validation = _validation(fn, settings, held)
    if file.faults or fn is None or optimizers is None:
        raise InvalidStructure(what, file.faults)
    needed = {name: [s.column for s in steps] for name, steps in fn.plan.columns.items()}
    train, test = (
        {name: {key: part[name][key] for key in needed[name]} for name in needed if name in part}
        for part in (train, test)
    )
    return Job(loaded, fn.loss, fn, settings, optimizers, train, test, sharding, validation)


def _check_optimizers(fn: Lowered, optimizers: OptimizerChoice, file: Section) -> None:
    """Note the models that have an optimizer of their own, and no gradient."""
    models = file.section("optimizer").section("models")
    for group, transform in optimizers.by_model.items():
        for model in {*group}.intersection(models.values).difference(fn.trained):
            if transform is not None:
                models.fault(model, "no equation sends it a gradient; leave it out", "optimizer")


def _check_checkpoint(path: str, file: Section, resume: bool, overwrite: bool) -> None:
    """Note why a checkpoint cannot be at its place."""
    problem, place = writable(Path(path)), Path(path)
    if place.exists() and place.is_dir() != is_folder(path):
        kind, other = ("folder", "file") if place.is_dir() else ("file", "folder")
        problem = f"'{path}' names a {other}, but there is a {kind} of that name"
    found = "" if problem or overwrite else occupied(path)
    if found.startswith("holds") and not resume:
        problem = f"'{path}' {found}; --resume continues it, --overwrite replaces it"
    elif found and not found.startswith("holds"):
        problem = f"'{path}' {found}; choose another path, or --overwrite"
    if problem:
        file.section("checkpoint").fault("path", problem, "checkpoint")


def _sharding(given: Settings, file: Section) -> training.Sharding | None:
    there = jax.device_count()
    number = there if given.count == "all" else int(given.count)
    if number > there:
        kind = jax.devices()[0].platform
        are, plural = ("is", "") if there == 1 else ("are", "s")
        message = f"is {number}, but there {are} only {there} {kind} device{plural}"
        if kind == "cpu":
            flag = f"XLA_FLAGS=--xla_force_host_platform_device_count={number}"
            message += f"; the environment's {flag} makes more"
        file.section("devices").fault("count", message, "devices")
        return None
    auto = jax.sharding.AxisType.Auto
    mesh = jax.make_mesh((number,), ("data",), axis_types=(auto,), devices=jax.devices()[:number])
    params = "fsdp" if given.parameters == "fsdp" else None
    return training.Sharding(mesh, params=params, least=given.least)


def _diagram(path: Path, faults: Failures) -> LearningDiagram | None:
    file, value = Section({}, path.name, faults), None
    with file.noting("", "diagram"):
        value = load(path)
    if not isinstance(value, LearningDiagram):
        if value is not None:
            message = f"holds a {type(value).__name__}, expected a learning diagram"
            file.fault("", message, "diagram")
        return None
    for edge in value.edges:
        label = value.runs(edge)
        architecture = label.architecture if isinstance(label, ArchitectureMap) else None
        if isinstance(architecture, Unbound):
            name = shorten(architecture.description)
            known = did_you_mean(name.partition("(")[0], architecture_names())
            message = f"has {name}, which is no registered architecture; {known}"
            message += " (architectures of your own are trained from Python)"
            file.fault("", f"edge '{edge}': {message}", "architecture")
    return value


def _data(diagram: LearningDiagram, settings: Settings) -> tuple[Data, Data, Data]:
    """Return what is trained on, what is tested at the end, and what is validated meanwhile."""
    train, test, held = parts = {}, {}, {}
    validation, data = settings.file.section("validation"), settings.file.section("data")
    data.match(diagram.data_sets, "data set")
    wanted = None if settings.validation is None else settings.validation.validate
    for name, given in settings.data.items():
        section = data.section(name)
        if name not in diagram.data_sets:
            continue
        if given.test is not None and given.test_file is not None:
            section.fault("test", "is given, and so is test_file; give one of the two")
        by_name = isinstance(wanted, Mapping)
        sources = (
            (train, given.file, section, "file"),
            (test, given.test_file, section, "test_file"),
            (test, given.test, section, "test"),
            (held, wanted.get(name), validation.section("validate"), name)
            if by_name
            else (held, wanted, validation, "validate"),
        )
        total = 0
        for part, some, table, key in sources:
            total = total or count(train.get(name, {}))
            if isinstance(some, Path) and os.path.isfile(some):
                part[name] = columns = load_columns(diagram, name, some, given.columns, section)
                section.faults += check_lengths(name, columns)
                if columns and count(columns) == 0:
                    table.fault(key, f"'{some.name}' has no examples", "length")
            elif isinstance(some, int | float) and total:
                number = round(some * total) if isinstance(some, float) else some
                with table.noting(key):
                    train[name], part[name] = divide(train[name], number, settings.seed, name)
    return parts


#: Measures that are no divergences.
MEASURES = {"accuracy": training.accuracy, "error_rate": training.error_rate}


def _validation(fn: Lowered, settings: Settings, held: Data) -> dict[str, Any]:
    """Return the options of `fit`, and note what does not fit the diagram and its data."""
    given, file = settings.validation, settings.file
    if given is None:
        return {}
    section = file.section("validation")
    table, metrics = section.section("validate"), section.section("metrics")
    if isinstance(given.validate, Mapping):
        table.match(fn.plan.columns, "data set that the loss reads", fn.plan.columns)
    pairs: dict[str, Any] = {}
    measures: dict[str, Equation] = {}
    for name, (equation, by) in given.metrics.items():
        if not metrics.named(name, by, (*MEASURES, *divergence_names()), "measure"):
            continue
        pairs[name] = equation, MEASURES.get(by, by)
        with metrics.noting(name, "metric"):
            measures |= measures_of(fn, {name: pairs[name]})
    known = ("total", *(term.name for term in fn.loss.equations), *metrics.values)
    section.named("by", [given.by], known, "equation or metric")
    for key in ("by", "least", "largest"):
        if given.patience is None and key in section.values:
            section.fault(key, "is given, and patience is not")
    if not file.faults:
        try:
            ready(fn, held, measures, "validate")
        except InvalidStructure as error:
            file.faults += error.failures
    stop = None
    if given.patience is not None:
        stop = training.Patience(given.patience, given.by, given.least, given.largest)
    return {
        "validate": held,
        "validate_every": given.every,
        "stop": stop,
        "metrics": pairs,
    }


def _check_batches(diagram: LearningDiagram, settings: Settings, train: Data) -> None:
    """Note batch sizes of data sets that there are not, and batches that do not divide."""
    sizes, table = settings.batch_size, settings.file.section("batch_size")
    if isinstance(sizes, dict):
        table.match(diagram.data_sets, "data set", train)
    for name, columns in train.items():
        size = sizes.get(name) if isinstance(sizes, dict) else sizes
        if size is None:
            continue
        size = min(count(columns), size)
        if size % settings.accumulate:
            message = f"is {settings.accumulate}, which does not divide a batch of {size} examples"
            settings.file.fault("accumulate", f"{message} of '{name}'")


def _lowered(loss: Loss, settings: Settings, optimizers: OptimizerChoice | None) -> Lowered | None:
    file, given = settings.file, settings.lowering
    section, diagram = file.section("lowering"), loss.diagram
    models = [
        edge for edge in diagram.edges if isinstance(diagram.map_label(edge), ArchitectureMap)
    ]
    precision: Any = given.precision
    if isinstance(precision, dict):
        chosen = section.section("precision").by_name(models, "model")
        precision = {edge: precision[key] for edge, key in chosen.items() if key in precision}
    dtypes = precision.values() if isinstance(precision, dict) else [precision]
    if "float64" in dtypes and not jax.config.read("jax_enable_x64"):
        section.fault("precision", "is float64, which needs JAX_ENABLE_X64=1 in the environment")
    remat = given.remat
    if not isinstance(remat, bool):
        remat = section.named("remat", remat, models, "model")
    independent = section.named("independent", given.independent, models, "model")
    if any(failure.law == "architecture" for failure in file.faults):
        return None
    try:
        return lower(
            loss,
            groups=None if optimizers is None else optimizers.groups,
            precision=precision,
            stack=given.stack,
            remat=remat,
            independent=independent,
        )
    except InvalidStructure as error:
        file.faults += error.failures
        return None


def _check_columns(fn: Lowered, settings: Settings, train: Data, test: Data) -> None:
    """Note the columns that the loss reads and nobody gives."""
    data = settings.file.section("data")
    for name, steps in fn.plan.columns.items():
        if name not in settings.data:
            columns = ", ".join(step.column for step in steps)
            if name not in data.values:
                data.fault(name, f"has to be given: a file with {columns}", "missing")
            continue
        given, section = settings.data[name], data.section(name)
        for step in steps:
            table = section.section("columns")
            known = dotted(table.at, step.column), dotted(section.at, "file")
            if any(f.where == section.at or f.where.startswith(known) for f in data.faults):
                continue
            lacking = [
                f"'{path.name}'"
                for part, path in ((train, given.file), (test, given.test_file))
                if path is not None and name in part and step.column not in part[name]
            ]
            if lacking:
                message = f"has to be given: {' and '.join(lacking)} has nothing of this name"
                table.fault(step.column, message, "missing")


# Columns from files.


class ColumnFile(NamedTuple):
    """Arrays by name, read when they are asked for.

    Parameters
    ----------
    names
        What the file calls them, in its order.
    read
        Returns one of them.
    flat
        Whether columns are single numbers, so that several make up one array of any shape.
    """

    names: list[str]
    read: Callable[[str], np.ndarray]
    flat: bool


def open_columns(path: Path) -> ColumnFile:
    """Open a file by its ending.

    Raises
    ------
    CatlearnError
        If it cannot be read, or has another ending.
    """
    readers = {".npz": _npz, ".csv": _csv, ".safetensors": _safetensors}
    if path.suffix.lower() not in readers:
        raise CatlearnError(f"'{path.name}' ends in {path.suffix!r}; read are {', '.join(readers)}")
    return readers[path.suffix.lower()](path)


def _npz(path: Path) -> ColumnFile:
    what = f"file {path.name!r}"
    check_bounded(path, MAX_TENSOR_BYTES, what)
    with reading(what), zipfile.ZipFile(path) as archive:
        members = {one.filename.removesuffix(".npy"): one for one in archive.infolist()}
    size = sum(one.file_size for one in members.values())
    if size > MAX_TENSOR_BYTES:
        message = f"unpacks to {size} bytes, at most {MAX_TENSOR_BYTES} are read"
        raise fault(what, "size limit", "document", message, FileFormatError)

    def read(name: str) -> np.ndarray:
        where = f"array {shorten(name)!r}"
        with reading(what, where), zipfile.ZipFile(path) as archive:
            # What an array claims to have is compared with what is there before it is made.
            with archive.open(members[name]) as stream:
                wanted = _claimed(stream)
            if wanted > members[name].file_size:
                message = f"claims {wanted} bytes, the file has {members[name].file_size} of it"
                raise fault(what, "size limit", where, message, FileFormatError)
            with archive.open(members[name]) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)

    return ColumnFile(list(members), read, flat=False)


def _claimed(stream: Any) -> int:
    """Return how many bytes the header of an array says that it has."""
    version = np.lib.format.read_magic(stream)
    wide = version != (1, 0)
    header = np.lib.format.read_array_header_2_0 if wide else np.lib.format.read_array_header_1_0
    shape, _, dtype = header(stream)
    return math.prod(shape) * dtype.itemsize


def _safetensors(path: Path) -> ColumnFile:
    arrays, _ = decode_tensors(read_bounded(path, MAX_TENSOR_BYTES), f"file {path.name!r}")
    return ColumnFile(list(arrays), arrays.__getitem__, flat=False)


def _csv(path: Path) -> ColumnFile:
    header, rows = parse_csv(read_bounded(path, MAX_CSV_BYTES), f"file {path.name!r}")
    rows = [row for row in rows if row != [""]]

    def read(name: str) -> np.ndarray:
        place = header.index(name)
        numbers = np.empty(len(rows))
        for k, row in enumerate(rows):
            try:
                numbers[k] = float(row[place])
            except ValueError:
                found = shorten(repr(row[place]))
                message = f"'{path.name}', record {k + 2}, column {name!r}: {found} is no number"
                raise CatlearnError(message) from None
        whole = np.isfinite(numbers).all() and (np.abs(numbers) < 2**53).all()
        return numbers.astype(np.int64) if whole and (numbers % 1 == 0).all() else numbers

    return ColumnFile(header, read, flat=True)


def load_columns(
    diagram: LearningDiagram, name: str, path: Path, called: Mapping[str, Any], section: Section
) -> Columns:
    """Read the columns of a data set from a file, and note all that is wrong.

    Parameters
    ----------
    diagram
        Whose projections are asked for.
    name
        The data set.
    path
        The file.
    called
        What the file calls the projections.
    section
        The section of the data set.
    """
    labels = {
        key: diagram.space_label(diagram.target(edge))
        for edge, (data, key) in diagram.projections.items()
        if data == name
    }
    table = section.section("columns")
    table.match(labels, "projection")
    file, found = None, {}
    with section.noting("", "file", f"'{path.name}': "):
        file = open_columns(path)
    if file is None:
        return {}
    for key, label in labels.items():
        names = called.get(key, key if key in file.names else None)
        if names is None:
            continue
        with table.noting(key, "column", f"'{path.name}': "):
            column = _column(file, label, names)
            faults = check_array(dotted(table.at, key), label, column)
            section.faults += faults
            if not faults:
                found[key] = cast(label, column)
    return found


def _column(file: ColumnFile, label: Any, names: Any) -> Any:
    if isinstance(label, Product):
        if not isinstance(names, list) or len(names) != len(label.factors):
            raise CatlearnError(f"expected a list of {len(label.factors)}, one for each factor")
        pairs = zip(label.factors, names, strict=True)
        return tuple(_column(file, factor, name) for factor, name in pairs)
    chosen = [found for name in _flat(names) for found in _matching(file, name)]
    arrays = [file.read(name) for name in chosen]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) > 1:
        raise CatlearnError(f"columns differ in shape: {', '.join(map(str, shapes))}")
    several = isinstance(names, list) or len(arrays) > 1
    array = np.stack(arrays, axis=1) if several else arrays[0]
    if not file.flat:
        return array
    shape = _example(label, array)
    if several and math.prod(shape) != array.shape[1]:
        message = f"found {array.shape[1]} columns, expected {math.prod(shape)} for {label}"
        raise CatlearnError(message)
    if not several and math.prod(shape) != 1:
        message = f"found one column, expected {math.prod(shape)} for {label}; give a list of names"
        raise CatlearnError(f"{message}, or a pattern such as 'pixel_*'")
    return array.reshape(len(array), *shape)


def _example(label: Any, array: np.ndarray) -> tuple[int, ...]:
    if isinstance(label, Categorical):
        return () if array.ndim == 1 else (label.n,)
    assert isinstance(label, Space)
    return label.shape


def _flat(names: Any) -> list[str]:
    return [one for name in names for one in _flat(name)] if isinstance(names, list) else [names]


def _matching(file: ColumnFile, name: str) -> list[str]:
    found = matching(name, file.names)
    if not found:
        known = did_you_mean(name, [shorten(other) for other in file.names])
        raise CatlearnError(f"the file has no {shorten(name)!r}; {known}")
    return found


def divide(columns: Columns, test: float, seed: int, name: str) -> tuple[Columns, Columns]:
    """Hold out some examples, chosen by a seed and the data set's name.

    Parameters
    ----------
    columns
        Arrays by projection; tuples of arrays at a product.
    test
        A share, or a number of examples.
    seed, name
        Say which ones.

    Returns
    -------
    tuple
        The rest, and what is held out, each in the order of the file.

    Examples
    --------
    >>> rest, held = divide({"X": np.arange(10)}, 0.3, 0, "digits")
    >>> sorted([*rest["X"].tolist(), *held["X"].tolist()]) == list(range(10)), len(held["X"])
    (True, 3)
    """
    length = count(columns)
    held = round(test * length) if isinstance(test, float) else int(test)
    if not 0 < held < length:
        raise CatlearnError(f"{test} of {length} examples leaves none to train on or to test")
    order = permutation(length, (seed, zlib.crc32(name.encode())))
    return take(columns, np.sort(order[held:])), take(columns, np.sort(order[:held]))


def count(columns: Columns) -> int:
    """Return the number of examples."""
    return min(batch_lengths(columns), default=0)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
