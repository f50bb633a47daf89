"""Settings: what a TOML file says of a run, checked completely before anything runs.

```toml
steps = 2000                 # the only key above the sections that has no default
batch_size = 64              # or a table: {digits = 64, unlabelled = 256}
seed = 0

[loss]
equations = "all"            # declared, all, irreducible, basis, or a list of equations
weights = {"unlabelled.*" = 0.5}

[data.digits]
file = "digits.npz"          # or .csv, .safetensors; relative to this file
test = 0.2                   # a share or a number of examples held out; or test_file = "..."
columns = {X = "images", Y = "labels"}

[optimizer]
name = "adamw"
learning_rate = {schedule = "cosine_decay", init_value = 1e-3, decay_steps = 2000}
weight_decay = 1e-4
clip = 1.0                   # of the norm of all gradients

[optimizer.models."encoder, decoder"]   # another one for these models
name = "sgd"
learning_rate = 1e-4

[lowering]
precision = {encoder = "bfloat16"}
remat = ["encoder"]

[checkpoint]
path = "run.safetensors"     # or a folder, "run/", for orbax
every = 500

[devices]
count = 8
parameters = "fsdp"
```

All keys are in :mod:`catlearn.cli.keys`. Nothing in the file is executed: optimizers, schedules and
architectures are names.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from catlearn.cli.keys import read_section
from catlearn.cli.reader import Reader, dotted, shown
from catlearn.errors import Failure, InvalidStructure
from catlearn.files import read_bounded, shorten

#: Bytes of a configuration that are read.
MAX_TOML_BYTES = 2**20


@dataclass(frozen=True)
class LossSettings:
    """Which equations are trained, as for ``diagram.loss``, and what they weigh.

    Parameters
    ----------
    equations, aggregator, max_length
        As for ``diagram.loss``.
    weights
        Numbers and tables of schedules by name or pattern.
    """

    equations: str | list[str] | None = None
    aggregator: str = "sum"
    max_length: int | None = None
    weights: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataSettings:
    """Where the columns of a data set come from.

    Parameters
    ----------
    file
        An ``.npz``, ``.csv`` or ``.safetensors`` file.
    columns
        ``{projection: what the file calls it}``: a name, a list of names, or a pattern such as
        ``"pixel_*"``. Projections that are not mentioned are looked for by their own name.
    test
        A share or a number of examples that are held out; None for none.
    test_file
        A second file whose examples are held out.
    """

    file: Path
    columns: Mapping[str, Any]
    test: float | None = None
    test_file: Path | None = None


@dataclass(frozen=True)
class LoweringSettings:
    """How the loss is run, as for :func:`catlearn.lower`; names may be patterns."""

    precision: str | Mapping[str, str] | None
    remat: bool | str | list[str]
    independent: str | list[str]
    stack: bool | int


@dataclass(frozen=True)
class CheckpointSettings:
    """Where a run is kept: ``checkpoint``, ``checkpoint_every`` and ``resume`` of ``fit``.

    The path is a text, since one that ends in a slash is a folder.
    """

    path: str
    every: int | None
    resume: bool


@dataclass(frozen=True)
class DeviceSettings:
    """Over which devices a run is spread.

    Parameters
    ----------
    count
        How many, or ``"all"``.
    parameters
        ``"whole"`` or ``"fsdp"``.
    least
        As for :class:`catlearn.training.Sharding`.
    """

    count: int | str
    parameters: str
    least: int


@dataclass(frozen=True)
class Settings:
    """What a run does; see the module's example.

    Parameters
    ----------
    text
        The file itself.
    steps, batch_size, accumulate, scan_steps, seed, log_every
        As for ``fit``.
    loss, lowering
        Sections of the file.
    checkpoint, devices
        Sections of the file; None where they are not there.
    data
        By data set.
    optimizer
        The table of the optimizer, whose options are checked when it is made.
    """

    text: bytes = field(repr=False)
    steps: int
    batch_size: int | dict[str, int]
    accumulate: int
    scan_steps: int
    seed: int
    log_every: int
    loss: LossSettings
    data: Mapping[str, DataSettings]
    optimizer: Mapping[str, Any]
    lowering: LoweringSettings
    checkpoint: CheckpointSettings | None
    devices: DeviceSettings | None


def read_settings(path: str | os.PathLike[str], reader: Reader) -> Settings:
    """Read a configuration, and note all that is wrong with it.

    Parameters
    ----------
    path
        The TOML file.
    reader
        Collects the faults.

    Raises
    ------
    InvalidStructure
        If the file is no TOML at all.
    OSError
        If there is no such file.
    """
    path = Path(path)
    document = _document(path, text := read_bounded(path, MAX_TOML_BYTES))
    top = read_section(reader, document, "")
    sections = {
        name: _section(reader, document, name, hint)
        for name, hint in (
            ("loss", ""),
            ("data", ""),
            ("optimizer", "with name = ..."),
            ("lowering", ""),
            ("checkpoint", "with path = ..."),
            ("devices", "with count = ..."),
        )
    }
    if "optimizer" not in document:
        reader.fault("missing", "optimizer", "has to be given: a section with name = ...")
    data = {
        name: _data(reader, table, dotted("data", name), path.parent)
        for name, table in (sections["data"] or {}).items()
    }
    checkpoint = None
    if sections["checkpoint"] is not None:
        checkpoint = _checkpoint(reader, sections["checkpoint"], path.parent)
    devices = None
    if sections["devices"] is not None:
        devices = DeviceSettings(**read_section(reader, sections["devices"], "devices"))
    return Settings(
        text=text,
        **top,
        loss=LossSettings(**read_section(reader, sections["loss"] or {}, "loss")),
        data=data,
        optimizer=sections["optimizer"] or {},
        lowering=LoweringSettings(**read_section(reader, sections["lowering"] or {}, "lowering")),
        checkpoint=checkpoint,
        devices=devices,
    )


def _document(path: Path, text: bytes) -> dict[str, Any]:
    what = f"configuration {path.name!r}"
    try:
        return tomllib.loads(text.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidStructure(what, [Failure("TOML", "file", shorten(str(error), 200))]) from None


def _section(reader: Reader, document: Mapping[str, Any], name: str, hint: str) -> Any:
    expected = f"a section [{name}] {hint}".strip()
    return reader.value(document, name, "a table", default=None, expected=expected)


def _checkpoint(
    reader: Reader, table: Mapping[str, Any], folder: Path
) -> CheckpointSettings | None:
    given = read_section(reader, table, "checkpoint")
    path = given.pop("path")
    # Joined as a text, since a path forgets the slash at its end.
    return None if path is None else CheckpointSettings(os.path.join(folder, path), **given)


def _data(reader: Reader, table: Any, at: str, folder: Path) -> DataSettings:
    if not isinstance(table, dict):
        reader.fault("value", at, f"is {shown(table)}, expected a table with file = ...")
        return DataSettings(folder, {})
    given = read_section(reader, table, "data.NAME", at)
    files = {
        key: None if given[key] is None else folder / given[key] for key in ("file", "test_file")
    }
    for key, path in files.items():
        if path is not None and not path.is_file():
            reader.fault("missing file", dotted(at, key), f"there is no file '{path}'")
    if given["test"] is not None and files["test_file"] is not None:
        reader.fault("value", dotted(at, "test"), "is given beside test_file; one of the two")
    good = {key: names for key, names in given["columns"].items() if _is_columns(names)}
    for key in (key for key in given["columns"] if key not in good):
        where = dotted(dotted(at, "columns"), key)
        found = shown(given["columns"][key])
        reader.fault("value", where, f"is {found}, expected a name or a list of names")
    return DataSettings(files["file"] or folder, good, given["test"], files["test_file"])


def _is_columns(names: Any) -> bool:
    if isinstance(names, list):
        return bool(names) and all(map(_is_columns, names))
    return isinstance(names, str)
