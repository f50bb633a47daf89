"""``catlearn train``: a diagram that is data, trained as a configuration says."""

from __future__ import annotations

import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.cli.columns import Columns, count, divide, load_columns
from catlearn.cli.measures import metrics_of
from catlearn.cli.optimizing import Optimizer, make_optimizer
from catlearn.cli.runs import check_place, to_json, write_run
from catlearn.cli.settings import Reader, Settings, dotted, read_settings
from catlearn.cost import get_aggregator
from catlearn.errors import (
    CatlearnError,
    InvalidStructure,
    TrainingDiverged,
    did_you_mean,
)
from catlearn.learning import LearningDiagram, Loss
from catlearn.learning.dataset import check_lengths

if TYPE_CHECKING:
    from catlearn.lowering import Lowered
    from catlearn.training import Result

Data = dict[str, Columns]

FINISHED, INTERRUPTED, DIVERGED = "finished", "interrupted", "diverged"


@dataclass(frozen=True)
class Plan:
    """A run that has been checked, before anything runs.

    Parameters
    ----------
    diagram, loss, fn
        What is trained.
    settings
        The configuration.
    optimizer
        The optimizer.
    train, test
        ``{data set: {projection: array}}``; only data sets with examples held out are in the
        second.
    """

    diagram: LearningDiagram
    loss: Loss
    fn: Lowered
    settings: Settings
    optimizer: Optimizer
    train: Data
    test: Data

    def __str__(self) -> str:
        return describe(self)


def plan_run(diagram: Path, config: Path, *, resume: bool = False) -> Plan:
    """Read and check everything that a run needs.

    Parameters
    ----------
    diagram
        The diagram, in JSON.
    config
        The configuration, in TOML.
    resume
        Whether the command line asks to go on from the checkpoint.

    Raises
    ------
    InvalidStructure
        Listing all that is wrong, by TOML path.
    """
    reader = Reader()
    settings = read_settings(config, reader)
    if resume and settings.checkpoint is None:
        reader.fault("missing", "checkpoint", "has to be given, since --resume is")
    loaded = _diagram(diagram, reader)
    if loaded is None:
        raise InvalidStructure(f"configuration '{config.name}'", reader.failures)
    train, test = _data(loaded, settings, reader)
    if isinstance(settings.batch_size, dict):
        for name in settings.batch_size:
            if name not in loaded.data_sets:
                message = f"is no data set; {did_you_mean(name, loaded.data_sets)}"
                reader.fault("unknown name", dotted("batch_size", name), message)
    optimizer = None
    if settings.optimizer:
        optimizer = make_optimizer(settings.optimizer, reader, loaded.trainable)
    fn = _lowered(loaded, settings, optimizer, reader)
    if fn is not None:
        _missing(fn, settings, train, reader)
    if reader.failures or fn is None or optimizer is None:
        raise InvalidStructure(f"configuration '{config.name}'", reader.failures)
    needed = {name: [s.column for s in steps] for name, steps in fn.plan.columns.items()}
    train, test = (
        {name: {key: part[name][key] for key in needed[name]} for name in needed if name in part}
        for part in (train, test)
    )
    return Plan(loaded, fn.loss, fn, settings, optimizer, train, test)


def _diagram(path: Path, reader: Reader) -> LearningDiagram | None:
    from catlearn.formats import load

    try:
        value = load(path)
    except InvalidStructure as error:
        reader.failures += error.failures
        return None
    except (CatlearnError, OSError) as error:
        reader.fault("diagram", str(path), str(error))
        return None
    if not isinstance(value, LearningDiagram):
        kind = type(value).__name__
        reader.fault("diagram", str(path), f"holds a {kind}, expected a learning diagram")
        return None
    for edge in value.edges:
        architecture = value.runs(edge).architecture
        if architecture is not None and not architecture.bound:
            message = (
                f"its architecture, {architecture}, is no registered name, so no file holds it"
            )
            reader.fault("architecture", f"edge '{edge}'", f"{message}; train it from Python")
    return value


def _data(diagram: LearningDiagram, settings: Settings, reader: Reader) -> tuple[Data, Data]:
    train: Data = {}
    test: Data = {}
    for name, given in settings.data.items():
        at = dotted("data", name)
        if name not in diagram.data_sets:
            message = f"is no data set; {did_you_mean(name, diagram.data_sets)}"
            reader.fault("unknown name", at, message)
            continue
        for part, path in ((train, given.file), (test, given.test_file)):
            if path is not None and path.is_file():
                part[name] = load_columns(diagram, name, path, given, reader, at)
                reader.failures += check_lengths(name, part[name])
        if given.test and train.get(name):
            try:
                train[name], test[name] = divide(train[name], given.test, settings.seed, name)
            except CatlearnError as error:
                reader.fault("value", dotted(at, "test"), str(error))
    return train, test


def _lowered(
    diagram: LearningDiagram, settings: Settings, optimizer: Optimizer | None, reader: Reader
) -> Lowered | None:
    from catlearn.lowering import lower

    try:
        get_aggregator(settings.aggregator)
    except CatlearnError as error:
        reader.fault("unknown name", "aggregator", str(error))
        return None
    try:
        loss = diagram.loss(
            settings.equations, aggregator=settings.aggregator, max_length=settings.max_length
        )
    except InvalidStructure as error:
        for failure in error.failures:
            reader.fault(failure.law, f"equations: {failure.where}", failure.message)
        return None
    except CatlearnError as error:
        reader.fault("loss", "equations", str(error))
        return None
    if not loss.equations:
        message = "no equation has a trainable model; glue data to a model, or declare one"
        reader.fault("loss", "equations", message)
        return None
    if any(failure.law == "architecture" for failure in reader.failures):
        return None
    try:
        return lower(loss, groups=None if optimizer is None else optimizer.groups)
    except InvalidStructure as error:
        reader.failures += error.failures
        return None


def _missing(fn: Lowered, settings: Settings, train: Data, reader: Reader) -> None:
    """Note the columns that the loss reads and nobody gives."""
    for name, steps in fn.plan.columns.items():
        at = dotted("data", name)
        if name not in settings.data:
            columns = ", ".join(step.column for step in steps)
            reader.fault("missing", at, f"has to be given: a file with {columns}")
            continue
        for step in steps:
            where = dotted(dotted(at, "columns"), step.column)
            said = any(
                failure.where.startswith((where, f"{at}.file")) for failure in reader.failures
            )
            if step.column not in train.get(name, {}) and not said:
                message = "has to be given: the file has nothing of this name"
                reader.fault("missing", where, message)


def describe(plan: Plan) -> str:
    """Say what a run would do."""
    settings, fn = plan.settings, plan.fn
    lines = [str(plan.diagram), "", str(plan.loss), "", str(fn.plan), ""]
    sizes = settings.batch_size
    for name, columns in plan.train.items():
        size = sizes.get(name, "?") if isinstance(sizes, dict) else sizes
        held = f", {count(plan.test[name])} held out" if name in plan.test else ""
        said = f"{name}: {count(columns)} examples{held}, in batches of {size}"
        lines.append(f"{said}, from {settings.data[name].file}")
    name = settings.optimizer["name"]
    own = "".join(
        f"; {edge}: {t['name']}" for edge, t in settings.optimizer.get("models", {}).items()
    )
    lines.append(f"optimizer: {name}{own}")
    lines.append(f"{_parameters(fn)} parameters in {', '.join(fn.trainable)}")
    lines.append(f"{settings.steps} steps, seed {settings.seed}")
    if settings.checkpoint is not None:
        every = settings.checkpoint_every
        said = f"every {every} steps and at the end" if every else "at the end"
        lines.append(f"checkpoint: {settings.checkpoint}, {said}")
    return "\n".join(lines)


def _parameters(fn: Lowered) -> int:
    import jax

    params, _ = jax.eval_shape(fn.init, jax.random.key(0))
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params))


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
        The configuration, in TOML; see :mod:`catlearn.cli.settings`.
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
        ``"finished"``, ``"interrupted"`` or ``"diverged"``; the folder is written all the same.

    Raises
    ------
    InvalidStructure
        Listing all that is wrong with the files, before anything runs.
    """
    out = Path(config.stem) if out is None else out
    if not dry_run:
        check_place(out, overwrite)
    plan = plan_run(diagram, config, resume=resume)
    if dry_run:
        print(f"{describe(plan)}\nwould write {out}")
        return FINISHED
    began = time.perf_counter()
    result, status, message = _fit(plan, resume, progress)
    measured = metrics_of(plan, result)
    seconds = round(time.perf_counter() - began, 3)
    ended = {"format": 1, "status": status, "message": message, "seconds": seconds}
    _write(out, plan, result, {**ended, **measured}, overwrite)
    print(f"{plan.loss}\n{_summary(measured)}\nwrote {out}")
    if message:
        print(f"catlearn: {message}", file=sys.stderr)
    return status


def _fit(plan: Plan, resume: bool, progress: bool) -> tuple[Result, str, str]:
    import jax

    from catlearn.training import TrainingInterrupted, fit

    settings = plan.settings
    with warnings.catch_warnings():
        # Said by the status instead.
        warnings.simplefilter("ignore", TrainingInterrupted)
        try:
            result = fit(
                plan.fn,
                plan.optimizer.over(plan.fn),
                steps=settings.steps,
                batch_size=settings.batch_size,
                key=jax.random.key(settings.seed),
                data=plan.train,
                log_every=settings.log_every,
                progress=progress,
                checkpoint=settings.checkpoint,
                checkpoint_every=settings.checkpoint_every,
                resume=resume or settings.resume,
            )
        except TrainingDiverged as error:
            found: Any = error.result
            return found, DIVERGED, str(error)
    if result.interrupted:
        message = f"interrupted after {result.steps} of {settings.steps} steps"
        return result, INTERRUPTED, message
    return result, FINISHED, ""


def _write(
    out: Path, plan: Plan, result: Result, metrics: dict[str, Any], overwrite: bool
) -> None:  # fmt: skip
    from catlearn.formats import to_json as diagram_json
    from catlearn.tensors import encode_tree, plain_tree

    tree = {edge: plain_tree(value) for edge, value in result.diagram.starts.items()}
    files = {
        "config.toml": plan.settings.text,
        "diagram.json": diagram_json(plan.diagram).encode(),
        "params.safetensors": encode_tree(tree, {}),
        "history.csv": result.history.to_csv().encode(),
        "metrics.json": to_json(metrics),
    }
    write_run(out, files, overwrite=overwrite)


def _summary(metrics: dict[str, Any]) -> str:
    lines = [f"after {metrics['steps']} steps: {metrics['train']['value']:.6g}"]
    for part in ("train", "test"):
        for name, cost in metrics[part].get("equations", {}).items():
            accuracy = metrics[part]["accuracy"].get(name)
            said = "" if accuracy is None else f", accuracy {accuracy:.4f}"
            lines.append(f"  {part}: {name}: {cost:.6g}{said}")
    return "\n".join(lines)
