"""What a run will do: files read and checked against each other, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.cli.columns import Columns, count, divide, load_columns
from catlearn.cli.equations import make_loss
from catlearn.cli.optimizing import Optimizer, make_optimizer
from catlearn.cli.reader import Reader, dotted
from catlearn.cli.runs import problem_of, writable
from catlearn.cli.settings import DeviceSettings, Settings, read_settings
from catlearn.errors import CatlearnError, InvalidStructure, did_you_mean
from catlearn.files import shorten
from catlearn.learning import LearningDiagram, Loss
from catlearn.learning.dataset import check_lengths
from catlearn.models.architectures import Unbound, architecture_names

if TYPE_CHECKING:
    from catlearn.lowering import Lowered
    from catlearn.training import Sharding

Data = dict[str, Columns]


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
    sharding
        The devices, None for one.
    """

    diagram: LearningDiagram
    loss: Loss
    fn: Lowered
    settings: Settings
    optimizer: Optimizer
    train: Data
    test: Data
    sharding: Sharding | None

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
    what, reader = f"the run of '{diagram.name}' with '{config.name}'", Reader()
    settings = read_settings(config, reader)
    if settings.checkpoint is not None:
        _checkpoint(settings.checkpoint.path, reader)
    elif resume:
        reader.fault("missing", "checkpoint.path", "has to be given, since --resume is")
    sharding = None if settings.devices is None else _sharding(settings.devices, reader)
    loaded = _diagram(diagram, reader)
    if loaded is None:
        raise InvalidStructure(what, reader.failures)
    train, test = _data(loaded, settings, reader)
    _batches(loaded, settings, train, reader)
    optimizer = None
    if settings.optimizer:
        optimizer = make_optimizer(settings.optimizer, reader, loaded.trainable)
    loss = make_loss(loaded, settings.loss, reader)
    fn = None if loss is None else _lowered(loss, settings, optimizer, reader)
    if fn is not None:
        _missing(fn, settings, train, test, reader)
    if reader.failures or fn is None or optimizer is None:
        raise InvalidStructure(what, reader.failures)
    needed = {name: [s.column for s in steps] for name, steps in fn.plan.columns.items()}
    train, test = (
        {name: {key: part[name][key] for key in needed[name]} for name in needed if name in part}
        for part in (train, test)
    )
    return Plan(loaded, fn.loss, fn, settings, optimizer, train, test, sharding)


def _checkpoint(path: str, reader: Reader) -> None:
    """Note why a checkpoint cannot be where it is said to be."""
    from catlearn.training.checkpoint import is_folder

    problem, place = writable(Path(path)), Path(path)
    if place.exists() and place.is_dir() != is_folder(path):
        kind, other = ("folder", "file") if place.is_dir() else ("file", "folder")
        problem = f"'{path}' names a {other}, but there is a {kind} of that name"
    if problem:
        reader.fault("checkpoint", "checkpoint.path", problem)


def _sharding(given: DeviceSettings, reader: Reader) -> Sharding | None:
    import jax

    from catlearn.training import Sharding

    there = jax.device_count()
    number = there if given.count == "all" else int(given.count)
    if number > there:
        kind = jax.devices()[0].platform
        message = f"is {number}, but there {_are(there)} {kind} device{'s' if there > 1 else ''}"
        if kind == "cpu":
            flag = f"XLA_FLAGS=--xla_force_host_platform_device_count={number}"
            message += f"; the environment's {flag} makes more"
        reader.fault("devices", "devices.count", message)
        return None
    auto = jax.sharding.AxisType.Auto
    mesh = jax.make_mesh((number,), ("data",), axis_types=(auto,), devices=jax.devices()[:number])
    params = "fsdp" if given.parameters == "fsdp" else None
    return Sharding(mesh, params=params, least=given.least)


def _are(number: int) -> str:
    return f"is only {number}" if number == 1 else f"are only {number}"


def _diagram(path: Path, reader: Reader) -> LearningDiagram | None:
    from catlearn.formats import load

    try:
        value = load(path)
    except InvalidStructure as error:
        for failure in error.failures:
            reader.fault(failure.law, f"{path.name}: {failure.where}", failure.message)
        return None
    except (CatlearnError, OSError) as error:
        reader.fault("diagram", path.name, problem_of(error))
        return None
    if not isinstance(value, LearningDiagram):
        kind = type(value).__name__
        reader.fault("diagram", path.name, f"holds a {kind}, expected a learning diagram")
        return None
    for edge in value.edges:
        architecture = value.runs(edge).architecture
        if isinstance(architecture, Unbound):
            name = shorten(architecture.description)
            known = did_you_mean(name.partition("(")[0], architecture_names())
            message = f"has {name}, which is no registered architecture; {known}"
            reader.fault(
                "architecture", f"{path.name}: edge '{edge}'",
                f"{message} (architectures of your own are trained from Python)",
            )  # fmt: skip
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
        for part, key, path in (
            (train, "file", given.file),
            (test, "test_file", given.test_file),
        ):
            if path is not None and path.is_file():
                part[name] = columns = load_columns(diagram, name, path, given, reader, at)
                reader.failures += check_lengths(name, columns)
                if columns and count(columns) == 0:
                    reader.fault("length", dotted(at, key), f"'{path.name}' has no examples")
        if given.test is not None and count(train.get(name, {})):
            try:
                train[name], test[name] = divide(train[name], given.test, settings.seed, name)
            except CatlearnError as error:
                reader.fault("value", dotted(at, "test"), str(error))
    return train, test


def _batches(diagram: LearningDiagram, settings: Settings, train: Data, reader: Reader) -> None:
    """Note batch sizes of data sets that there are not, and batches that do not divide."""
    sizes = settings.batch_size
    if isinstance(sizes, dict):
        for name in (name for name in sizes if name not in diagram.data_sets):
            message = f"is no data set; {did_you_mean(name, diagram.data_sets)}"
            reader.fault("unknown name", dotted("batch_size", name), message)
    for name, columns in train.items():
        if isinstance(sizes, dict) and name not in sizes:
            at = dotted("batch_size", name)
            reader.fault("missing", at, "has to be given, since others are")
            continue
        size = min(count(columns), sizes[name] if isinstance(sizes, dict) else sizes)
        if size % settings.accumulate:
            message = f"is {settings.accumulate}, which does not divide a batch of {size} examples"
            reader.fault("value", "accumulate", f"{message} of '{name}'")


def _lowered(
    loss: Loss, settings: Settings, optimizer: Optimizer | None, reader: Reader
) -> Lowered | None:
    from catlearn.lowering import lower

    options = _options(loss.diagram, settings, reader)
    if any(failure.law == "architecture" for failure in reader.failures):
        return None
    groups = None if optimizer is None else optimizer.groups
    try:
        return lower(loss, groups=groups, **options)
    except InvalidStructure as error:
        reader.failures += error.failures
        return None


def _options(diagram: LearningDiagram, settings: Settings, reader: Reader) -> dict[str, Any]:
    """Return the options of lowering, with the models that patterns stand for."""
    given, at = settings.lowering, "lowering"
    models = [edge for edge in diagram.edges if diagram.map_label(edge).architecture]
    precision: Any = given.precision
    if isinstance(precision, dict):
        chosen = reader.by_name(precision, models, f"{at}.precision", "model")
        precision = {edge: dtype for edge, (_, dtype) in chosen.items()}
    found: dict[str, Any] = {"precision": precision, "stack": given.stack}
    for name, names in (("remat", given.remat), ("independent", given.independent)):
        whole = isinstance(names, bool)
        found[name] = names if whole else reader.named(names, models, f"{at}.{name}", "model")
    if "float64" in (precision.values() if isinstance(precision, dict) else [precision]):
        import jax

        if not jax.config.read("jax_enable_x64"):
            message = "is float64, which needs JAX_ENABLE_X64=1 in the environment"
            reader.fault("value", f"{at}.precision", message)
    return found


def _missing(fn: Lowered, settings: Settings, train: Data, test: Data, reader: Reader) -> None:
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
                failure.where == at or failure.where.startswith((where, f"{at}.file"))
                for failure in reader.failures
            )
            if said:
                continue
            lacking = [
                f"'{path.name}'"
                for part, path in (
                    (train, settings.data[name].file),
                    (test, settings.data[name].test_file),
                )
                if path is not None and name in part and step.column not in part[name]
            ]
            if lacking:
                message = f"has to be given: {' and '.join(lacking)} has nothing of this name"
                reader.fault("missing", where, message)


def describe(plan: Plan) -> str:
    """Say what a run would do."""
    settings, fn = plan.settings, plan.fn
    lines = [str(plan.diagram), "", str(plan.loss), "", str(fn.plan), ""]
    sizes = settings.batch_size
    for name, columns in plan.train.items():
        size = sizes[name] if isinstance(sizes, dict) else sizes
        held = f", {count(plan.test[name])} held out" if name in plan.test else ""
        said = f"{name}: {count(columns)} examples{held}, in batches of {size}"
        lines.append(f"{said}, from {settings.data[name].file}")
    lines.append(f"optimizer: {plan.optimizer}")
    lines.append(f"{_parameters(fn)} parameters in {', '.join(fn.trainable)}")
    lines.append(f"{settings.steps} steps, seed {settings.seed}")
    if plan.sharding is not None:
        number, params = plan.sharding.mesh.size, plan.sharding.params
        lines.append(f"devices: {number}{', which split parameters too' if params else ''}")
    if settings.checkpoint is not None:
        every = settings.checkpoint.every
        said = f"every {every} steps and at the end" if every else "at the end"
        lines.append(f"checkpoint: {settings.checkpoint.path}, {said}")
    return "\n".join(lines)


def _parameters(fn: Lowered) -> int:
    import jax

    params, _ = jax.eval_shape(fn.init, jax.random.key(0))
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params))
