"""Settings: what a TOML file says of a run, checked completely before anything runs.

```toml
steps = 2000                 # the only key that has no default, beside the optimizer's
batch_size = 64              # or a table: {digits = 64, unlabelled = 256}
seed = 0
equations = "all"            # declared, all, irreducible, basis, or a list of equations
log_every = 100
checkpoint = "run.safetensors"
checkpoint_every = 500
resume = false

[data.digits]
file = "digits.npz"          # or .csv, .safetensors; relative to this file
test = 0.2                   # a share or a number of examples held out; or test_file = "..."
columns = {X = "images", Y = "labels"}

[optimizer]
name = "adamw"
learning_rate = {schedule = "cosine_decay", init_value = 1e-3, decay_steps = 2000}
weight_decay = 1e-4
clip = 1.0                   # of the norm of all gradients

[optimizer.models.encoder]   # another one for this model
name = "sgd"
learning_rate = 1e-4
```

Nothing in the file is executed: optimizers, schedules and architectures are names.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from catlearn.errors import Failure, InvalidStructure, did_you_mean
from catlearn.files import read_bounded, shorten
from catlearn.learning.selection import SELECTIONS

#: Bytes of a configuration that are read.
MAX_TOML_BYTES = 2**20

_REQUIRED: Any = object()
_KINDS = {
    "a text": lambda value: isinstance(value, str),
    "true or false": lambda value: isinstance(value, bool),
    "an integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "a number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "a table": lambda value: isinstance(value, dict),
    "a list": lambda value: isinstance(value, list),
}


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
        A share or a number of examples that are held out.
    test_file
        A second file whose examples are held out.
    """

    file: Path
    columns: Mapping[str, Any]
    test: float = 0
    test_file: Path | None = None


@dataclass(frozen=True)
class Settings:
    """What a run does; see the module's example.

    Parameters
    ----------
    text
        The file itself.
    steps, batch_size, seed, equations, max_length, aggregator, log_every
        As for ``diagram.loss`` and ``fit``.
    checkpoint, checkpoint_every, resume
        As for ``fit``.
    data
        By data set.
    optimizer
        The table of the optimizer, whose options are checked when it is made.
    """

    text: bytes = field(repr=False)
    steps: int
    batch_size: int | dict[str, int]
    seed: int
    equations: str | list[str] | None
    max_length: int | None
    aggregator: str
    log_every: int
    checkpoint: Path | None
    checkpoint_every: int | None
    resume: bool
    data: Mapping[str, DataSettings]
    optimizer: Mapping[str, Any]


class Reader:
    """Takes keys from tables and collects all that is wrong, by its TOML path."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []

    def fault(self, law: str, where: str, message: str) -> None:
        """Note that something is wrong."""
        self.failures.append(Failure(law, where, message))

    def value(
        self,
        table: Mapping[str, Any],
        key: str,
        kinds: str | Iterable[str],
        at: str = "",
        *,
        default: Any = _REQUIRED,
        good: Callable[[Any], bool] = lambda value: True,
        expected: str = "",
    ) -> Any:
        """Return the value of a key, or its default where it is missing or wrong."""
        where = dotted(at, key)
        kinds = [kinds] if isinstance(kinds, str) else list(kinds)
        otherwise = None if default is _REQUIRED else default
        if key not in table:
            if default is _REQUIRED:
                self.fault("missing", where, f"has to be given: {expected or ' or '.join(kinds)}")
            return otherwise
        value = table[key]
        if any(_KINDS[kind](value) for kind in kinds) and good(value):
            return value
        wanted = expected or " or ".join(kinds)
        self.fault("value", where, f"is {shorten(repr(value))}, expected {wanted}")
        return otherwise

    def unknown(self, table: Mapping[str, Any], known: Iterable[str], at: str = "") -> None:
        """Note the keys that mean nothing."""
        known = list(known)
        for key in table:
            if key not in known:
                self.fault("unknown key", dotted(at, key), did_you_mean(key, known))


def dotted(at: str, key: str) -> str:
    """Return the TOML path of a key.

    Examples
    --------
    >>> dotted("data.digits", "file"), dotted("data", "my digits")
    ('data.digits.file', 'data."my digits"')
    """
    plain = key.replace("_", "").replace("-", "").isalnum() and key.isascii()
    shown = key if plain else '"' + shorten(key).replace('"', '\\"') + '"'
    return f"{at}.{shown}" if at else shown


_KEYS = (
    "steps",
    "batch_size",
    "seed",
    "equations",
    "max_length",
    "aggregator",
    "log_every",
    "checkpoint",
    "checkpoint_every",
    "resume",
    "data",
    "optimizer",
)


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
    what = f"configuration {path.name!r}"
    text = read_bounded(path, MAX_TOML_BYTES, what)
    try:
        document = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidStructure(what, [Failure("TOML", "file", shorten(str(error), 200))]) from None
    value = reader.value
    reader.unknown(document, _KEYS)
    checkpoint = value(document, "checkpoint", "a text", default=None)
    every = _natural(reader, document, "checkpoint_every", default=None)
    resume = value(document, "resume", "true or false", default=False)
    for key, given in (("checkpoint_every", every), ("resume", resume)):
        if given and checkpoint is None:
            reader.fault("missing", "checkpoint", f"has to be given, since {key} is")
    return Settings(
        text=text,
        steps=_natural(reader, document, "steps"),
        batch_size=_batch_size(reader, document),
        seed=_natural(reader, document, "seed", default=0, least=0),
        equations=_equations(reader, document),
        max_length=_natural(reader, document, "max_length", default=None),
        aggregator=value(document, "aggregator", "a text", default="sum"),
        log_every=_natural(reader, document, "log_every", default=100),
        checkpoint=None if checkpoint is None else path.parent / checkpoint,
        checkpoint_every=every,
        resume=resume,
        data={
            name: _data(reader, document["data"][name], dotted("data", name), path.parent)
            for name in value(document, "data", "a table", default={})
        },
        optimizer=value(
            document, "optimizer", "a table", default={} if "optimizer" in document else _REQUIRED
        )
        or {},
    )


def _natural(
    reader: Reader, table: Mapping[str, Any], key: str, default: Any = _REQUIRED, least: int = 1
) -> Any:
    return reader.value(
        table,
        key,
        "an integer",
        default=default,
        good=lambda number: least <= number < 2**31,
        expected=f"an integer from {least}",
    )


def _batch_size(reader: Reader, document: Mapping[str, Any]) -> Any:
    given = reader.value(document, "batch_size", ["an integer", "a table"], default=128)
    if isinstance(given, dict):
        for name in given:
            reader.value(
                given, name, "an integer", "batch_size",
                good=lambda size: size >= 1, expected="an integer from 1",
            )  # fmt: skip
    elif given < 1:
        reader.fault("value", "batch_size", f"is {given}, expected an integer from 1")
    return given


def _equations(reader: Reader, document: Mapping[str, Any]) -> Any:
    return reader.value(
        document,
        "equations",
        ["a text", "a list"],
        default=None,
        good=lambda given: (
            given in SELECTIONS
            if isinstance(given, str)
            else bool(given) and all(isinstance(text, str) for text in given)
        ),
        expected=f"one of {', '.join(SELECTIONS)}, or a list of equations",
    )


def _data(reader: Reader, table: Any, at: str, folder: Path) -> DataSettings:
    if not isinstance(table, dict):
        reader.fault("value", at, f"is {shorten(repr(table))}, expected a table with file = ...")
        return DataSettings(folder, {})
    reader.unknown(table, ("file", "columns", "test", "test_file"), at)
    files: dict[str, Path | None] = {}
    for key, default in (("file", _REQUIRED), ("test_file", None)):
        name = reader.value(table, key, "a text", at, default=default)
        files[key] = path = None if name is None else folder / name
        if path is not None and not path.is_file():
            reader.fault("missing file", dotted(at, key), f"there is no file '{path}'")
    test = reader.value(
        table,
        "test",
        "a number",
        at,
        default=0,
        good=lambda n: 0 < n < 1 if isinstance(n, float) else n >= 1,
        expected="a share between 0 and 1, or a number of examples",
    )
    if test and files["test_file"] is not None:
        reader.fault("value", dotted(at, "test"), "is given beside test_file; one of the two")
    columns = reader.value(table, "columns", "a table", at, default={})
    good = {key: names for key, names in columns.items() if _is_columns(names)}
    for key in columns.keys() - good.keys():
        where = dotted(dotted(at, "columns"), key)
        found = shorten(repr(columns[key]))
        reader.fault("value", where, f"is {found}, expected a name or a list of names")
    return DataSettings(files["file"] or folder, good, test, files["test_file"])


def _is_columns(names: Any) -> bool:
    if isinstance(names, list):
        return bool(names) and all(map(_is_columns, names))
    return isinstance(names, str)
