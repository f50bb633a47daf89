"""A configuration: what a TOML file says of a run, with all that is wrong in it, by its place.

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

A section of the file is a dataclass, whose fields (:func:`key`) say what a key takes, what it is by
default and what it is for. Files are read by these fields, and the reference in the documentation
and in ``catlearn train --help`` is written from them. Nothing in a file is executed: optimizers and
schedules are names from the lists in this module, and their options are checked by the signatures
of optax.

>>> file = Section({"steps": "many", "sed": 3})
>>> file.read("steps", INTEGER)
>>> file.refuse_others(["steps", "seed"])
>>> print(*file.faults, sep="\\n")
steps: is 'many', expected an integer [value]
sed: did you mean seed? [unknown key]
"""

from __future__ import annotations

import inspect
import math
import os
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from catlearn.cost import get_aggregator
from catlearn.errors import CatlearnError, Failure, InvalidStructure, did_you_mean
from catlearn.files import MAX_JSON_DEPTH, Faults, read_bounded, reading, shorten
from catlearn.learning import LearningDiagram, Loss
from catlearn.learning.selection import SELECTIONS
from catlearn.learning.weights import Weight

if TYPE_CHECKING:
    import optax

    from catlearn.lowering import Lowered

#: Bytes of a configuration that are read.
MAX_TOML_BYTES = 2**20

# The parser takes quadratic time for a key of many parts.
_PART = r"""(?:"[^"\n]*+"|'[^'\n]*+'|[\w-]++)[ \t]*+\.[ \t]*+"""
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{_PART}){{{MAX_JSON_DEPTH + 1}}}")

#: Stands for the default of a key that has to be given.
REQUIRED: Any = object()


# Kinds of values.


@dataclass(frozen=True)
class Kind:
    """What a key takes.

    Parameters
    ----------
    words
        What messages and the reference call it.
    holds
        Whether a value is of this kind.
    """

    words: str
    holds: Callable[[Any], bool]

    def __or__(self, other: Kind) -> Kind:
        """Values of either kind."""
        either = (self.holds, other.holds)
        return Kind(f"{self.words} or {other.words}", lambda value: any(h(value) for h in either))

    def called(self, words: str) -> Kind:
        """Return the same values by another name."""
        return Kind(words, self.holds)

    def of(self, inner: Kind) -> Kind:
        """Return tables, or lists that are not empty, all of whose entries are of a kind."""

        def holds(value: Any) -> bool:
            if not self.holds(value):
                return False
            entries = value.values() if isinstance(value, dict) else value
            return all(map(inner.holds, entries)) and (bool(value) or isinstance(value, dict))

        return Kind(self.words, holds)


TEXT = Kind("a text", lambda value: isinstance(value, str))
TRUTH = Kind("true or false", lambda value: isinstance(value, bool))
INTEGER = Kind("an integer", lambda value: type(value) is int)
NUMBER = Kind("a number", lambda value: type(value) in (int, float) and math.isfinite(value))
TABLE = Kind("a table", lambda value: isinstance(value, dict))
LIST = Kind("a list", lambda value: isinstance(value, list))
FILE = TEXT.called("the name of a file")


def natural(least: int = 1) -> Kind:
    """Return the integers from the least on, up to what 32 bits hold."""
    return Kind(f"an integer from {least}", lambda n: type(n) is int and least <= n < 2**31)


def one_of(*texts: str) -> Kind:
    """Return some texts."""
    return Kind(f"one of {', '.join(texts)}", lambda value: value in texts)


_PRECISION = one_of("bfloat16", "float16", "float32", "float64")
_MODELS = "names of models; a pattern such as 'head_*' stands for all that match"
_NAMES = (TEXT | LIST.of(TEXT)).called(_MODELS)
_CLIP = Kind("a positive number", lambda value: NUMBER.holds(value) and value > 0)
_CHAIN = LIST.of(TABLE).called("a list of tables with name = ...")
_OPTIMIZER = TABLE.called("a table with name = ...")
_COLUMNS = Kind(
    "a name or a list of names", lambda value: TEXT.holds(value) or LIST.of(_COLUMNS).holds(value)
)


def _is_held_out(value: Any) -> bool:
    return NUMBER.holds(value) and (0 < value < 1 if isinstance(value, float) else value >= 1)


# Keys.


def key(kind: Kind, meaning: str, default: Any = REQUIRED, named: bool = False) -> Any:
    """Return the field of a key.

    Parameters
    ----------
    kind
        What it takes.
    meaning
        What it is for.
    default
        What it is where it is not given.
    named
        Whether it is a table by names of the user's.
    """
    return field(
        default_factory=lambda: default, metadata={"kind": kind, "meaning": meaning, "named": named}
    )


@dataclass(frozen=True)
class LossSettings:
    """Which equations, and what they weigh."""

    equations: str | list[str] | None = key(
        (one_of(*SELECTIONS) | LIST.of(TEXT)).called(
            f"one of {', '.join(SELECTIONS)}, or a list of equations"
        ),
        "which equations to train; by default those that the diagram declares, or all if it "
        "declares none",
        None,
    )
    aggregator: str = key(TEXT, "how costs are put together: 'sum' or 'max'", "sum")
    max_length: int | None = key(
        natural(), "the longest path that is enumerated, where there are cycles", None
    )
    weights: Mapping[str, Any] = key(
        TABLE.called("a table of numbers and schedules"),
        "other weights than the diagram's, by the equation's name or a pattern with '*': a number "
        "(0 leaves the equation out), or a schedule",
        {},
    )


@dataclass(frozen=True)
class DataSettings:
    """Where the columns of a data set come from."""

    file: Path = key(
        FILE, ".npz, .csv (with a header) or .safetensors, relative to the configuration"
    )
    columns: Mapping[str, Any] = key(
        TABLE,
        "for each projection what the file calls it: a name, a list of names, or a pattern such as "
        "'pixel_*'; at a product a list with one entry for each factor; by default the "
        "projection's own name",
        {},
    )
    test: float | None = key(
        Kind("a share between 0 and 1, or a number of examples", _is_held_out),
        "held out, and measured at the end",
        None,
    )
    test_file: Path | None = key(
        FILE, "a second file, whose examples are measured at the end", None
    )


@dataclass(frozen=True)
class OptimizerSettings:
    """How parameters move."""

    name: str | None = key(
        TEXT.called("the name of an optimizer"),
        "an optimizer of optax, whose options are further keys; 'none' leaves models as they are",
        None,
    )
    chain: list[Any] | None = key(
        _CHAIN,
        "in place of a name: transformations of optax, with their options, one after the other, "
        "and one optimizer among them",
        None,
    )
    learning_rate: float | Mapping[str, Any] | None = key(
        NUMBER | TABLE,
        "as all options that optax lets follow a schedule: a number, or a table with the "
        "schedule's name and options",
        None,
    )
    clip: float | None = key(_CLIP, "the largest norm of all gradients together", None)
    models: Mapping[str, Any] = key(
        _OPTIMIZER,
        "another optimizer, with name or chain and options, for one model, several "
        "('encoder, decoder') or a pattern ('head_*')",
        {},
        named=True,
    )


@dataclass(frozen=True)
class LoweringSettings:
    """How the loss is run, without changing what it is."""

    precision: str | Mapping[str, str] | None = key(
        (_PRECISION | TABLE.of(_PRECISION)).called(
            f"{_PRECISION.words}, or a table with one for each model"
        ),
        "the dtype in which models compute, of all or by name; parameters and costs keep their own",
        None,
    )
    remat: bool | str | list[str] = key(
        (TRUTH | _NAMES).called(f"true, or {_MODELS}"),
        "models whose intermediate values are computed again in the backward pass, to save memory",
        False,
    )
    independent: str | list[str] = key(
        _NAMES, "random models that draw a new sample for each side of each equation", ()
    )
    stack: bool | int = key(
        (TRUTH | natural(2)).called("true, false, or an integer from 2"),
        "the least number of isomorphic models that are stored stacked and run as one",
        8,
    )


@dataclass(frozen=True)
class CheckpointSettings:
    """Where the run is kept, so that it can go on."""

    # A text, since a path forgets the slash at its end, by which a folder is known.
    path: str = key(
        Kind("the name of a file or a folder", lambda value: TEXT.holds(value) and value != ""),
        "a file *.safetensors, or a folder such as 'checkpoint/' for orbax, relative to the "
        "configuration",
    )
    every: int | None = key(
        natural(), "after how many steps to save; by default only at the end", None
    )
    resume: bool = key(
        TRUTH,
        "whether to go on from the checkpoint if there is one, as --resume on the command line",
        False,
    )


@dataclass(frozen=True)
class DeviceSettings:
    """Over which devices it is spread."""

    count: int | str = key(
        (natural() | one_of("all")).called("an integer from 1, or 'all'"),
        "over how many devices to split each batch",
        "all",
    )
    parameters: str = key(
        one_of("whole", "fsdp").called("'whole' or 'fsdp'"),
        "'whole' on every device, or split over them ('fsdp')",
        "whole",
    )
    least: int = key(
        natural(), "for 'fsdp', how many entries an array has at least that is split", 2**12
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """At the top, above all sections."""

    steps: int = key(natural(), "how many in all, those of a resumed checkpoint included")
    batch_size: int | dict[str, int] = key(
        (natural() | TABLE.of(natural())).called(
            "an integer from 1, or a table with one for each data set"
        ),
        "examples in a batch, of all data sets or of each",
        128,
    )
    accumulate: int = key(
        natural(),
        "into how many parts to cut a batch, evaluated one after the other to save memory",
        1,
    )
    scan_steps: int = key(
        natural(),
        "how many steps to take in one compiled call, for models so small that starting a step "
        "takes longer than the step",
        1,
    )
    seed: int = key(
        natural(0), "draws the variables, the order of the data and what is held out", 0
    )
    log_every: int = key(natural(), "after how many steps to look at costs and show progress", 100)
    loss: LossSettings
    data: Mapping[str, DataSettings]
    lowering: LoweringSettings
    checkpoint: CheckpointSettings | None
    devices: DeviceSettings | None
    # The file as it is: its bytes, and its table with the faults that are found.
    text: bytes = field(repr=False)
    file: Section = field(repr=False)


SECTIONS = {
    "": Settings,
    "loss": LossSettings,
    "data.NAME": DataSettings,
    "optimizer": OptimizerSettings,
    "lowering": LoweringSettings,
    "checkpoint": CheckpointSettings,
    "devices": DeviceSettings,
}
"""The tables of a configuration, in order; ``NAME`` stands for a name of the user's."""


class Key(NamedTuple):
    """One key of a configuration, of the table that the field of a section is."""

    section: str
    name: str
    kind: Kind
    meaning: str
    default: Any
    named: bool

    @property
    def place(self) -> str:
        """Its TOML path."""
        return f"{self.section}.{self.name}{'.NAME' if self.named else ''}".lstrip(".")

    @property
    def otherwise(self) -> str:
        """Its default, as TOML writes it."""
        if self.default is REQUIRED:
            return "has to be given"
        return "" if self.default in (None, {}, ()) else shown(self.default)


KEYS = tuple(
    Key(section, one.name, default=one.default_factory(), **one.metadata)  # type: ignore[misc]
    for section, table in SECTIONS.items()
    for one in fields(table)
    if one.metadata
)


def advice(name: str, known: list[str], at: str = "") -> str:
    """Say where a key belongs that is elsewhere, or which one was meant.

    Examples
    --------
    >>> advice("precision", ["steps", "seed"])
    'belongs in the section [lowering]'
    >>> advice("sed", ["steps", "seed"])
    'did you mean seed?'
    """
    homes = [one.section for one in KEYS if one.name == name and one.section != at]
    if not homes:
        return did_you_mean(name, known)
    return f"belongs in the section [{homes[0]}]" if homes[0] else "belongs above all sections"


def markdown() -> str:
    """Return the reference of all keys for the documentation."""
    blocks = []
    for section, table in SECTIONS.items():
        rows = [
            f"| `{key.place}` | {key.kind.words} | {key.otherwise} | {key.meaning} |"
            for key in KEYS
            if key.section == section
        ]
        head = ["| key | takes | by default | meaning |", "|---|---|---|---|"]
        blocks.append("\n".join([f"{_title(table)}:", "", *head, *rows]))
    return "\n\n".join(blocks) + "\n"


def plain(width: int = 96) -> str:
    """Return the reference of all keys for a terminal."""
    lines = []
    for section, table in SECTIONS.items():
        lines += ["", f"[{section}]  {_title(table)}:" if section else f"{_title(table)}:"]
        for key in (key for key in KEYS if key.section == section):
            otherwise = f"; {key.otherwise}" if key.otherwise else ""
            place = key.place.removeprefix(f"{section}.")
            lines += textwrap.wrap(
                f"{place:<14} {key.meaning} ({key.kind.words}{otherwise})",
                width, initial_indent="  ", subsequent_indent=" " * 17,
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
    return "\n".join(lines[1:])


def _title(table: type) -> str:
    return (table.__doc__ or "").partition(".")[0]


# Reading.


class Section:
    """A table of TOML, with its place in the file.

    Parameters
    ----------
    values
        What the table holds.
    at
        Its TOML path.
    faults
        All that is wrong with the file, to which this table adds.
    """

    def __init__(
        self, values: Mapping[str, Any], at: str = "", faults: list[Failure] | None = None
    ) -> None:
        self.values = values
        self.at = at
        self.faults = [] if faults is None else faults

    def fault(self, key: str, message: str, law: str = "value") -> None:
        """Note that something is wrong with a key, or with the table itself for ``""``."""
        self.faults.append(Failure(law, dotted(self.at, key) if key else self.at, message))

    def read(self, key: str, kind: Kind, default: Any = REQUIRED) -> Any:
        """Return the value of a key, or its default where it is missing or wrong."""
        if key not in self.values:
            if default is REQUIRED:
                self.fault(key, f"has to be given: {kind.words}", "missing")
        elif kind.holds(value := self.values[key]):
            return value
        else:
            self.fault(key, f"is {shown(value)}, expected {kind.words}")
        return None if default is REQUIRED else default

    def settings(self, section: str) -> dict[str, Any]:
        """Return a value for each key of one of the ``SECTIONS``, and note unknown keys."""
        keys = [key for key in KEYS if key.section == section]
        inner = [] if section else [name.removesuffix(".NAME") for name in SECTIONS if name]
        self.refuse_others([*(key.name for key in keys), *inner])
        return {key.name: self.read(key.name, key.kind, key.default) for key in keys}

    def refuse_others(self, known: Iterable[str]) -> None:
        """Note the keys that mean nothing."""
        known = list(known)
        for key in self.values:
            if key not in known:
                self.fault(key, advice(key, known, self.at), "unknown key")

    def section(self, key: str) -> Section:
        """Return an inner table, an empty one where there is none."""
        values = self.values.get(key)
        return Section(
            values if isinstance(values, dict) else {}, dotted(self.at, key), self.faults
        )

    def sections(self, key: str, kind: Kind) -> list[Section]:
        """Return the tables of a list."""
        at, tables = dotted(self.at, key), self.read(key, kind) or []
        return [Section(table, f"{at}[{n}]", self.faults) for n, table in enumerate(tables)]

    def without(self, *keys: str) -> Section:
        """Return the table without some of its keys."""
        rest = {key: value for key, value in self.values.items() if key not in keys}
        return Section(rest, self.at, self.faults)

    def named(self, key: str, names: Any, known: Iterable[str], what: str) -> list[str]:
        """Return the names that a text stands for, and note those that match nothing.

        Parameters
        ----------
        key
            Where they stand.
        names
            A name, several with commas between them, or a pattern with ``*`` for any characters;
            or a list of such.
        known
            All names that there are.
        what
            What has these names, such as ``"model"``.

        Examples
        --------
        >>> models = ["head_1", "head_2", "body"]
        >>> Section({}).named("remat", ["head_*", "body"], models, "model")
        ['head_1', 'head_2', 'body']
        """
        known, found = list(known), {}
        for text in [names] if isinstance(names, str) else names:
            for part in [text] if text in known else re.split(r"\s*,\s*", text.strip()):
                same = matching(part, known)
                found.update(dict.fromkeys(same))
                if not same:
                    message = f"{shown(part)} is no {what}; {did_you_mean(part, known)}"
                    self.fault(key, message, "unknown name")
        return list(found)

    def by_name(self, known: Iterable[str], what: str) -> dict[str, str]:
        """Return for each name the key of the table that stands for it.

        A key is read as by :meth:`named`. One that is the name itself goes before a pattern, and
        any pattern before ``"*"``; two of the same rank for one name are a fault.

        Examples
        --------
        >>> Section({"*": 1, "head": 2}).by_name(["body", "head"], "model")
        {'body': '*', 'head': 'head'}
        """
        known = list(known)
        found: dict[str, tuple[int, str]] = {}
        for key in self.values:
            rank = 0 if key == "*" else 1 if "*" in key and key not in known else 2
            for name in self.named(key, key, known, what):
                before, other = found.get(name, (-1, ""))
                if before == rank:
                    message = f"stands for {what} '{name}', and so does {dotted(self.at, other)}"
                    self.fault(key, message, "ambiguous")
                elif before < rank:
                    found[name] = rank, key
        return {name: found[name][1] for name in known if name in found}


def matching(pattern: str, known: Iterable[str]) -> list[str]:
    """Return the names that a pattern stands for, in which only ``*`` means anything but itself.

    Examples
    --------
    >>> matching("fit[*]", ["fit[d.X]", "fit"]), matching("f", ["f", "fit"])
    (['fit[d.X]'], ['f'])
    """
    if pattern in (known := list(known)):
        return [pattern]
    first, *inner = re.split(r"\*+", pattern)
    return [name for name in known if inner and _matches(name, first, *inner)]


def _matches(name: str, first: str, *pieces: str) -> bool:
    """Whether pieces stand in a name one after the other, the first and the last at its ends."""
    *inner, last = pieces
    if not name.startswith(first):
        return False
    at = len(first)
    for piece in inner:
        at = name.find(piece, at) + len(piece)
        if at < len(piece):
            return False
    return name.endswith(last) and len(name) - len(last) >= at


def dotted(at: str, key: str) -> str:
    """Return the TOML path of a key.

    Examples
    --------
    >>> dotted("data.digits", "file"), dotted("data", "my digits")
    ('data.digits.file', 'data."my digits"')
    """
    plain = key.replace("_", "").replace("-", "").isalnum() and key.isascii()
    written = key if plain else '"' + shorten(key).replace('"', '\\"') + '"'
    return f"{at}.{written}" if at else written


def shown(value: Any) -> str:
    """Return a value as TOML writes it, short enough for a message.

    Examples
    --------
    >>> shown(True), shown("adam"), shown([1, "x"])
    ('true', "'adam'", "[1, 'x']")
    """
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if hasattr(value, "isoformat") else shorten(repr(value))


def read_settings(path: str | os.PathLike[str]) -> Settings:
    """Read a configuration, and note all that is wrong with it in ``settings.file.faults``.

    Parameters
    ----------
    path
        The TOML file.

    Raises
    ------
    InvalidStructure
        If the file is no TOML at all.
    OSError
        If there is no such file.
    """
    path = Path(path)
    text = read_bounded(path, MAX_TOML_BYTES)
    file = Section(parse_toml(text, f"configuration {path.name!r}"))
    top = file.settings("")
    given = {
        name: file.read(name, TABLE.called(f"a section [{name}]{needs}"), default)
        for name, needs, default in (
            ("loss", "", None),
            ("data", "", None),
            ("optimizer", " with name = ...", REQUIRED),
            ("lowering", "", None),
            ("checkpoint", " with path = ...", None),
            ("devices", " with count = ...", None),
        )
    }
    tables = file.section("data")
    data = {name: _data(tables, name, path.parent) for name in tables.values}
    checkpoint = None
    if given["checkpoint"] is not None:
        found = file.section("checkpoint").settings("checkpoint")
        if found["path"] is not None:
            found["path"] = os.path.join(path.parent, found["path"])
            checkpoint = CheckpointSettings(**found)
    devices = None
    if given["devices"] is not None:
        devices = DeviceSettings(**file.section("devices").settings("devices"))
    return Settings(
        **top,
        loss=LossSettings(**file.section("loss").settings("loss")),
        data=data,
        lowering=LoweringSettings(**file.section("lowering").settings("lowering")),
        checkpoint=checkpoint,
        devices=devices,
        text=text,
        file=file,
    )


def parse_toml(data: bytes, what: str) -> dict[str, Any]:
    """Read TOML: UTF-8, integers of 64 bits, and tables and lists that nest no deeper than JSON.

    Parameters
    ----------
    data
        The content of the file.
    what
        What errors should call it.

    Raises
    ------
    FileFormatError
        If it is none, or listing each integer of more bits and what is deeper.

    Examples
    --------
    >>> parse_toml(b"steps = 2_000", "a file")
    {'steps': 2000}
    """
    faults = Faults(what)
    with reading(what, "file", "TOML"):
        text = data.decode("utf-8-sig")
        if found := _LONG_KEY.search(text):
            raise ValueError(f"the key {shorten(found[0])} nests more than {MAX_JSON_DEPTH} levels")
        found = tomllib.loads(text)
    waiting: list[tuple[str, Any, int]] = [("", found, 0)]
    while waiting:
        at, value, depth = waiting.pop()
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            faults.add(at, "is an integer of more than 64 bits", "TOML")
        elif isinstance(value, dict | list) and depth == MAX_JSON_DEPTH:
            faults.add(at, f"nests more than {MAX_JSON_DEPTH} levels deep", "TOML")
        elif isinstance(value, dict):
            waiting += [(dotted(at, key), inner, depth + 1) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{at}[{n}]", inner, depth + 1) for n, inner in enumerate(value)]
    faults.check()
    return found


def _data(tables: Section, name: str, folder: Path) -> DataSettings:
    if tables.read(name, TABLE.called("a table with file = ...")) is None:
        return DataSettings(folder)
    section = tables.section(name)
    given = section.settings("data.NAME")
    for key in ("file", "test_file"):
        if given[key] is not None:
            given[key] = folder / given[key]
            if not os.path.isfile(given[key]):
                section.fault(key, f"there is no file '{given[key]}'", "missing file")
    if given["test"] is not None and given["test_file"] is not None:
        section.fault("test", "is given, and so is test_file; give one of the two")
    columns = Section(given["columns"], dotted(section.at, "columns"), section.faults)
    read = {key: columns.read(key, _COLUMNS) for key in columns.values}
    named = {key: names for key, names in read.items() if names is not None}
    return DataSettings(given["file"] or folder, named, given["test"], given["test_file"])


# Optimizers and schedules of optax, by name.

OPTIMIZERS = (
    "adabelief", "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamaxw", "adamw", "adan",
    "amsgrad", "fromage", "lamb", "lars", "lion", "nadam", "nadamw", "novograd",
    "optimistic_gradient_descent", "radam", "rmsprop", "rprop", "sgd", "sign_sgd", "sm3", "yogi",
)  # fmt: skip
#: What stands in a chain with an optimizer.
TRANSFORMATIONS = (
    "adaptive_grad_clip", "add_decayed_weights", "apply_every", "centralize", "clip",
    "clip_by_block_rms", "clip_by_global_norm", "ema", "keep_params_nonnegative",
    "normalize_by_update_norm", "scale", "trace", "zero_nans",
)  # fmt: skip
#: Leaves models as they are.
NONE = "none"
#: What looks at whole arrays is shown the arrays of each model, though they are stored stacked.
ARRAYWISE = (
    "adafactor", "adaptive_grad_clip", "centralize", "clip_by_block_rms", "fromage", "lamb",
    "lars", "novograd", "sm3",
)  # fmt: skip
#: What optax calls them, by the name without its ``_schedule``.
SCHEDULES = {
    name.removesuffix("s").removesuffix("_schedule"): name
    for name in (
        "constant_schedule",
        "cosine_decay_schedule",
        "cosine_onecycle_schedule",
        "exponential_decay",
        "join_schedules",
        "linear_schedule",
        "linear_onecycle_schedule",
        "piecewise_constant_schedule",
        "polynomial_schedule",
        "warmup_constant_schedule",
        "warmup_cosine_decay_schedule",
        "warmup_exponential_decay_schedule",
    )
}


def call(name: str, section: Section) -> Any:
    """Call a function of optax, or note all that is wrong with its options and return None.

    Parameters
    ----------
    name
        What optax calls it.
    section
        The options, which are checked by its signature.

    Examples
    --------
    >>> options = Section({"learning_rate": 0.1, "nestrov": True}, "optimizer")
    >>> call("sgd", options)
    >>> print(*options.faults)
    optimizer.nestrov: did you mean nesterov? [unknown key]
    """
    import optax

    function, before = getattr(optax, name), len(section.faults)
    parameters = inspect.signature(function).parameters
    found = {key: _option(key, parameter) for key, parameter in parameters.items()}
    readers = {key: reader for key, reader in found.items() if reader is not None}
    section.refuse_others(readers)
    options = {
        key: reader(section, key)
        for key, reader in readers.items()
        if key in section.values or key in _LISTS or parameters[key].default is _EMPTY
    }
    if len(section.faults) > before:
        return None
    try:
        return function(**options)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        section.fault("", shorten(str(error), 200))
        return None


def schedule_of(section: Section) -> Callable[[Any], Any] | None:
    """Return the schedule that a table describes, or note all that is wrong with it.

    Parameters
    ----------
    section
        ``schedule``, its name, and its options.

    Examples
    --------
    >>> ramp = {"init_value": 0, "end_value": 1, "transition_steps": 4}
    >>> float(schedule_of(Section({"schedule": "linear", **ramp}))(2))
    0.5
    """
    name = section.read("schedule", TEXT.called("the name of a schedule"))
    if name is None:
        return None
    known = SCHEDULES.get(name.removesuffix("_schedule"))
    if known is None:
        message = f"is {shown(name)}, no schedule; {did_you_mean(name, SCHEDULES)}"
        section.fault("schedule", message, "unknown name")
        return None
    return call(known, section.without("schedule"))


Option = Callable[[Section, str], Any]
"""Reads an option of a function of optax."""


def _scheduled(section: Section, key: str) -> Any:
    if isinstance(section.values.get(key), dict):
        return schedule_of(section.section(key))
    return section.read(key, NUMBER.called("a number or a table with a schedule"))


def _schedules(section: Section, key: str) -> Any:
    kind = LIST.of(TABLE).called("a list of tables with schedule = ...")
    return [schedule_of(table) for table in section.sections(key, kind)]


def _boundaries(section: Section, key: str) -> Any:
    return section.read(key, LIST.of(INTEGER).called("a list of steps"))


def _scales(section: Section, key: str) -> Any:
    words = "a table of numbers by step, such as {1000 = 0.1}"
    steps = Kind(words, lambda value: TABLE.holds(value) and all(map(str.isdecimal, value)))
    table = Section(section.read(key, steps) or {}, dotted(section.at, key), section.faults)
    return {int(step): table.read(step, NUMBER) for step in table.values}


_EMPTY = inspect.Parameter.empty
_LISTS: Mapping[str, Option] = {
    "schedules": _schedules,
    "boundaries": _boundaries,
    "boundaries_and_scales": _scales,
}
#: Options without a default value that are numbers all the same, and those that TOML cannot give.
_NUMBERS = ("momentum", "end_value", "weight_decay_rate")
_NOT_GIVEN = ("key", "seed", "weight_decay_mask", "trust_ratio_mask")


def _option(key: str, parameter: inspect.Parameter) -> Option | None:
    """Return what reads an option, by its name, default value and annotation."""
    default = parameter.default
    if key in _LISTS:
        return _LISTS[key]
    if key in _NOT_GIVEN:
        return None
    if isinstance(default, bool):
        kind = TRUTH
    elif key == "learning_rate" or isinstance(default, float) or key in _NUMBERS:
        kind = NUMBER
    elif isinstance(default, int):
        counts = key.endswith(("_steps", "_begin", "_size", "_factor"))
        kind = INTEGER if counts else NUMBER
    elif default is _EMPTY:
        kind = INTEGER if key.endswith("_steps") else NUMBER
    else:
        return None
    if kind is NUMBER and "Callable" in str(parameter.annotation):
        return _scheduled
    return lambda section, key: section.read(key, kind)


class OptimizerChoice(NamedTuple):
    """Optimizers by model.

    Parameters
    ----------
    by_model
        ``{models: optimizer}`` as for :func:`catlearn.fit`; None leaves models as they are.
    clip
        The largest norm of all gradients together, None for any.
    names
        What each is called, by the key of ``by_model``.
    """

    by_model: Mapping[tuple[str, ...], optax.GradientTransformation | None]
    clip: float | None
    names: Mapping[tuple[str, ...], str]

    @property
    def groups(self) -> dict[str, str]:
        """Labels for ``lower(groups=...)``: models with different optimizers are stored apart."""
        if len(self.by_model) == 1:
            return {}
        return {model: " ".join(models) for models in self.by_model for model in models}

    def over(self, fn: Lowered) -> optax.GradientTransformation:
        """Return one transformation of the parameters of a lowered loss."""
        import optax

        from catlearn.training.step import grouped

        one, *others = self.by_model.values()
        found = {model: t for models, t in self.by_model.items() for model in models}
        by_edge = {edge: found[edge] for edge in fn.trainable}
        moved = one if one is not None and not others else grouped(fn, by_edge)
        if self.clip is None:
            return moved
        return optax.chain(optax.clip_by_global_norm(self.clip), moved)

    def __str__(self) -> str:
        clip = "" if self.clip is None else f", gradients clipped to norm {self.clip:g}"
        if len(self.names) == 1:
            return f"{next(iter(self.names.values()))}{clip}"
        parts = (f"{name} for {', '.join(models)}" for models, name in self.names.items())
        return f"{'; '.join(parts)}{clip}"


def choose_optimizers(section: Section, trainable: Iterable[str]) -> OptimizerChoice | None:
    """Make the optimizers that a table describes, or note all that is wrong with them.

    Parameters
    ----------
    section
        ``name`` or ``chain``, options, ``clip``, and ``models``: such tables by model.
    trainable
        The models that there are.

    Examples
    --------
    >>> optimizer = Section({"name": "adam", "learning_rte": 0.1}, "optimizer")
    >>> choose_optimizers(optimizer, ["encoder"])
    >>> print(*optimizer.faults, sep="\\n")
    optimizer.learning_rte: did you mean learning_rate? [unknown key]
    optimizer.learning_rate: has to be given: a number or a table with a schedule [missing]
    """
    before, trainable = len(section.faults), list(trainable)
    clip = section.read("clip", _CLIP, None)
    section.read("models", TABLE, {})
    models, rest = section.section("models"), section.without("clip", "models")
    made = {
        key: _optimizer(models.section(key))
        for key in models.values
        if models.read(key, _OPTIMIZER) is not None
    }
    chosen = models.by_name(trainable, "trainable model")
    if rest.values or len(chosen) < len(trainable) or not trainable:
        made[""] = _optimizer(rest)
    if rest.values and "*" in models.values:
        models.fault("*", "is given, and so are options of [optimizer] itself", "ambiguous")
    if len(section.faults) > before:
        return None
    groups: dict[str, list[str]] = {}
    for model in trainable:
        groups.setdefault(chosen.get(model, ""), []).append(model)
    by_model = {tuple(group): made[key] for key, group in groups.items()}
    if trainable and all(transform is None for transform, _ in by_model.values()):
        section.fault("", f"is {NONE!r} for all models, so that nothing is trained")
        return None
    return OptimizerChoice(
        {group: transform for group, (transform, _) in by_model.items()},
        clip,
        {group: name for group, (_, name) in by_model.items()},
    )


def _optimizer(section: Section) -> tuple[Any, str]:
    """Return an optimizer and what it is called: by its name, or as a chain."""
    if "chain" not in section.values:
        return _transformation(section, (*OPTIMIZERS, NONE))
    for key in section.without("chain").values:
        section.fault(key, "is given, and so is chain, where each table has its own options")
    made = [
        _transformation(table, (*OPTIMIZERS, *TRANSFORMATIONS))
        for table in section.sections("chain", _CHAIN)
    ]
    parts, names = [part for part, _ in made], [name for _, name in made]
    if made and all(names) and sum(name in OPTIMIZERS for name in names) != 1:
        message = f"has {', '.join(names)}, expected exactly one optimizer such as adam among them"
        section.fault("chain", message)
    if not made or any(part is None for part in parts):
        return None, ""
    import optax

    return optax.chain(*parts), ", ".join(names)


def _transformation(section: Section, known: tuple[str, ...]) -> tuple[Any, str]:
    """Return what a table names, out of what may be named there."""
    name = section.read("name", TEXT.called("the name of an optimizer"))
    options = section.without("name")
    if name is None:
        return None, ""
    if name not in known:
        message = f"is {shown(name)}, no optimizer; {did_you_mean(name, known)}"
        section.fault("name", message, "unknown name")
        return None, ""
    if name == NONE:
        options.refuse_others(())
        return None, NONE
    transform = call(name, options)
    if transform is not None and name in ARRAYWISE:
        from catlearn.training import per_edge

        transform = per_edge(transform)
    return transform, name


# Equations and their weights.


def make_loss(diagram: LearningDiagram, given: LossSettings, section: Section) -> Loss | None:
    """Make the loss that a configuration describes, or note all that is wrong with it.

    Parameters
    ----------
    diagram
        The diagram.
    given, section
        The settings of the section, and the section itself.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    >>> D = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, "linear"))
    >>> section = Section({"weights": {"d.*": 0.5}}, "loss")
    >>> print(make_loss(D, LossSettings(**section.settings("loss")), section))
    L(f) = 0.5 E_d(d_Y(f(d.X), d.Y))
    """
    try:
        get_aggregator(given.aggregator)
    except CatlearnError as error:
        section.fault("aggregator", str(error), "unknown name")
        return None
    try:
        loss = diagram.loss(
            given.equations, aggregator=given.aggregator, max_length=given.max_length
        )
    except InvalidStructure as error:
        for failure in error.failures:
            where = f"{dotted(section.at, 'equations')}: {failure.where}"
            section.faults.append(Failure(failure.law, where, failure.message))
        return None
    except CatlearnError as error:
        section.fault("equations", str(error), "loss")
        return None
    if not loss.equations:
        message = "no equation has a trainable model; glue data to a model, or declare one"
        section.fault("equations", message, "loss")
        return None
    weighted = _weighted(loss, section.section("weights"))
    if not weighted.equations:
        section.fault("weights", "are 0 for all equations, so that nothing is trained", "loss")
        return None
    return weighted


def _weighted(loss: Loss, table: Section) -> Loss:
    """Return the loss with the weights of a file."""
    weights = {key: _weight(table, key) for key in table.values}
    chosen = table.by_name([term.name for term in loss.equations], "equation")
    terms = []
    for term in loss.equations:
        weight = weights.get(chosen.get(term.name, ""))  # None where it is at fault, too
        terms.append(term if weight is None else term.given(weight=weight))
    left = tuple(term for term in terms if _counts(term.weight))
    return Loss(loss.diagram, replace(loss.selection, terms=left), loss.aggregator)


def at_step(loss: Loss, step: int) -> Loss:
    """Return the loss whose weights are the numbers that they are at a step.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    >>> fit = cl.Equation("d.X >> f = d.Y", weight=lambda step: step / 10)
    >>> d, f = cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, "linear")
    >>> print(at_step(cl.LearningDiagram(d, f, equations={"fit": fit}).loss(), 5))
    L(f) = 0.5 E_d(d_Y(f(d.X), d.Y))
    """
    weights = [term.weight for term in loss.equations]
    return weighing(loss, [float(w.at(step)) if isinstance(w, Weight) else w for w in weights])


def weighing(loss: Loss, weights: Sequence[float]) -> Loss:
    """Return the loss with other weights, one for each equation."""
    pairs = zip(loss.equations, weights, strict=True)
    terms = tuple(term.given(weight=weight) for term, weight in pairs)
    return Loss(loss.diagram, replace(loss.selection, terms=terms), loss.aggregator)


def _counts(weight: Any) -> bool:
    """Whether an equation of this weight is trained; schedules may start at 0."""
    return getattr(weight, "schedule", None) is not None or weight != 0


def _weight(table: Section, key: str) -> float | Weight | None:
    if isinstance(table.values[key], dict):
        schedule = schedule_of(table.section(key))
        return None if schedule is None else Weight(None, schedule=schedule)
    words = "a number from 0, or a table with a schedule"
    return table.read(key, Kind(words, lambda value: NUMBER.holds(value) and value >= 0))
