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

[validation]
validate = 0.1               # a share or a number of examples, or a table by data set
every = 100
patience = 5
metrics = {accuracy = ["digits.X >> encoder >> head = digits.Y", "accuracy"]}

[devices]
count = 8
parameters = "fsdp"
```

One table, ``KEYS``, says what each key takes, what it is by default and what it is for. Files are
read and checked by it, and the reference in the documentation and in ``catlearn train --help`` is
written from it. Nothing in a file is executed: optimizers and
schedules are names from the lists in this module, and their options are checked by the signatures
of optax.

>>> file = Section({"steps": "many", "sed": 3})
>>> file.read("steps", INTEGER)
>>> file.refuse_others(["steps", "seed"])
>>> print(*file.faults, sep="\\n")
steps: is 'many', expected an integer of 32 bits [value]
sed: did you mean seed? [unknown key]
"""

from __future__ import annotations

import contextlib
import inspect
import math
import os
import re
import textwrap
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from catlearn.cost import get_aggregator
from catlearn.errors import DEEPEST, CatlearnError, Failures, InvalidStructure, did_you_mean
from catlearn.files import Faults, read_bounded, reading, shorten
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
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{_PART}){{{DEEPEST + 1}}}")

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
    make
        Returns what a run gets, from the place of such a value; by default the value itself. What
        is wrong further inside it notes by its own place.
    """

    words: str
    holds: Callable[[Any], bool]
    make: Callable[[Section], Any] = lambda place: place.value

    def __or__(self, other: Kind) -> Kind:
        """Values of either kind."""
        return Kind(
            f"{self.words} or {other.words}",
            lambda value: self.holds(value) or other.holds(value),
            lambda place: (self if self.holds(place.value) else other).make(place),
        )

    def called(self, words: str) -> Kind:
        """Return the same values by another name."""
        return replace(self, words=words)


TEXT = Kind("a text", lambda value: isinstance(value, str))
TRUTH = Kind("true or false", lambda value: isinstance(value, bool))
INTEGER = Kind("an integer of 32 bits", lambda value: type(value) is int and abs(value) < 2**31)
NUMBER = Kind(
    "a number",
    lambda value: type(value) in (int, float) and math.isfinite(value),
    # JAX takes integers of 32 bits.
    lambda place: place.value if abs(place.value) < 2**31 else float(place.value),
)
TABLE = Kind("a table", lambda value: isinstance(value, dict))


def natural(least: int = 1) -> Kind:
    """Return the integers from the least on, up to what 32 bits hold."""
    return Kind(f"an integer from {least}", lambda n: type(n) is int and least <= n < 2**31)


def one_of(*texts: str) -> Kind:
    """Return some texts."""
    return Kind(f"one of {', '.join(texts)}", lambda value: value in texts)


def lists(inner: Kind, words: str = "a list") -> Kind:
    """Return lists that are not empty, all of whose entries are of a kind."""
    return Kind(
        words,
        lambda value: isinstance(value, list) and bool(value) and all(map(inner.holds, value)),
        lambda place: [inner.make(part) for part in place.entries],
    )


def tables(inner: Kind, words: str = "a table") -> Kind:
    """Return tables by names of the user's; entries that are not of a kind are left out."""

    def make(place: Section) -> dict[str, Any]:
        found = {name: place.read(name, inner) for name in place.values}
        return {name: value for name, value in found.items() if value is not None}

    return Kind(words, TABLE.holds, make)


def each(inner: Kind, what: str) -> Kind:
    """Return values of a kind for all things of a sort, and tables with one for each."""
    return (inner | tables(inner)).called(f"{inner.words}, or a table with one for each {what}")


def settings(section: str) -> Kind:
    """Return tables with the keys of a section: None where one lacks what has to be given."""
    needed = [one.name for one in KEYS if one.section == section and one.default is REQUIRED]

    def make(place: Section) -> Settings | None:
        found = place.settings(section)
        return None if any(getattr(found, name) is None for name in needed) else found

    needs = " and".join(f" with {name} = ..." for name in needed)
    return Kind(f"a section [{section}]{needs}", TABLE.holds, make)


_NAMES = (TEXT | lists(TEXT)).called(
    "names of models; a pattern such as 'head_*' stands for all that match"
)
_POSITIVE = Kind("a positive number", lambda value: NUMBER.holds(value) and value > 0)
_FROM_0 = Kind("a number from 0", lambda value: NUMBER.holds(value) and value >= 0)
_SCHEDULE = Kind("a table with a schedule", TABLE.holds, lambda place: schedule_of(place))
_SCHEDULED = NUMBER | _SCHEDULE
_OPTIMIZER = Kind("a table with name = ...", TABLE.holds, lambda place: _optimizer(place))
_CHAIN = lists(
    Kind("", TABLE.holds, lambda place: _transformation(place, *OPTIMIZERS, *TRANSFORMATIONS)),
    "a list of tables with name = ...",
)
_COLUMNS = Kind(
    "a name or a list of names", lambda value: TEXT.holds(value) or lists(_COLUMNS).holds(value)
)
_FILE = Kind("the name of a file", TEXT.holds, lambda place: place.file())
_PLACE = Kind(
    "the name of a file or a folder",
    lambda value: TEXT.holds(value) and value != "",
    # A text, since a path forgets the slash at its end, by which a folder is known.
    lambda place: os.path.join(place.folder, place.value),
)
_HELD_OUT = Kind(
    "a share between 0 and 1, or a number of examples",
    lambda value: NUMBER.holds(value) and value > 0 and (type(value) is int) == (value >= 1),
)
_METRIC = Kind(
    "an equation and a measure, such as ['digits.X >> f = digits.Y', 'accuracy']",
    lambda value: lists(TEXT).holds(value) and len(value) == 2,
)
_WEIGHT = Kind(
    "a number from 0, or a table with a schedule",
    lambda value: _FROM_0.holds(value) or TABLE.holds(value),
    lambda place: Weight.of(_SCHEDULED.make(place)),
)


# Keys.


class Key(NamedTuple):
    """One key of a configuration.

    Parameters
    ----------
    place
        Its TOML path; ``NAME`` stands for a name of the user's, and at the end says that the key is
        a table by such names.
    kind
        What it takes, for each name.
    default
        What it is where it is not given.
    meaning
        What it is for.
    """

    place: str
    kind: Kind
    default: Any = REQUIRED
    meaning: str = ""

    @property
    def section(self) -> str:
        """Its table, one of the ``SECTIONS``."""
        return self.place.removesuffix(".NAME").rpartition(".")[0]

    @property
    def name(self) -> str:
        """What it is called there."""
        return self.place.removesuffix(".NAME").rpartition(".")[2]

    @property
    def whole(self) -> Kind:
        """What it takes, for all names together."""
        by_name = self.place.endswith(".NAME")
        section = f"a section [{self.place.removesuffix('.NAME')}]"
        return tables(self.kind, section) if by_name else self.kind

    @property
    def otherwise(self) -> str:
        """Its default, as TOML writes it."""
        if self.default is REQUIRED:
            return "has to be given"
        return "" if self.default in (None, {}, ()) else shown(self.default)


KEYS = (
    Key("steps", natural(), REQUIRED,
        "how many in all, those of a resumed checkpoint included"),
    Key("batch_size", each(natural(), "data set"), 128,
        "examples in a batch, of all data sets or of each"),
    Key("accumulate", natural(), 1,
        "into how many parts to cut a batch, evaluated one after the other to save memory"),
    Key("scan_steps", natural(), 1,
        "how many steps to take in one compiled call, for models so small that starting a step "
        "takes longer than the step"),
    Key("seed", natural(0), 0,
        "draws the variables, the order of the data and what is held out"),
    Key("log_every", natural(), 100,
        "after how many steps to look at costs and show progress"),
    Key("loss.equations", one_of(*SELECTIONS) | lists(TEXT, "a list of equations"), None,
        "which equations to train; by default those that the diagram declares, or all if it "
        "declares none"),
    Key("loss.aggregator", TEXT, "sum", "how costs are put together: 'sum' or 'max'"),
    Key("loss.max_length", natural(), None,
        "the longest path that is enumerated, where there are cycles"),
    Key("loss.weights", tables(_WEIGHT, "a table of numbers and schedules"), {},
        "other weights than the diagram's, by the equation's name or a pattern with '*': a number "
        "(0 leaves the equation out), or a schedule"),
    Key("data.NAME.file", _FILE, REQUIRED,
        ".npz, .csv (with a header) or .safetensors, relative to the configuration"),
    Key("data.NAME.columns", tables(_COLUMNS), {},
        "for each projection what the file calls it: a name, a list of names, or a pattern such as "
        "'pixel_*'; at a product a list with one entry for each factor; by default the "
        "projection's own name"),
    Key("data.NAME.test", _HELD_OUT, None, "held out, and measured at the end"),
    Key("data.NAME.test_file", _FILE, None,
        "a second file, whose examples are measured at the end"),
    Key("optimizer.name", TEXT.called("the name of an optimizer"), None,
        "an optimizer of optax, whose options are further keys; 'none' leaves models as they are"),
    Key("optimizer.chain", _CHAIN, None,
        "in place of a name: transformations of optax, with their options, one after the other, "
        "and one optimizer among them"),
    Key("optimizer.learning_rate", _SCHEDULED, None,
        "as all options that optax lets follow a schedule: a number, or a table with the "
        "schedule's name and options"),
    Key("optimizer.clip", _POSITIVE, None, "the largest norm of all gradients together"),
    Key("optimizer.models.NAME", _OPTIMIZER, {},
        "another optimizer, with name or chain and options, for one model, several "
        "('encoder, decoder') or a pattern ('head_*')"),
    Key("lowering.precision",
        each(one_of("bfloat16", "float16", "float32", "float64"), "model"), None,
        "the dtype in which models compute, of all or by name; parameters and costs keep theirs"),
    Key("lowering.remat", TRUTH | _NAMES, False,
        "models whose intermediate values are computed again in the backward pass, to save memory"),
    Key("lowering.independent", _NAMES, (),
        "random models that draw a new sample for each side of each equation"),
    Key("lowering.stack", (TRUTH | natural(2)).called("true, false, or an integer from 2"), 8,
        "the least number of isomorphic models that are stored stacked and run as one"),
    Key("checkpoint.path", _PLACE, REQUIRED,
        "a file *.safetensors, or a folder such as 'checkpoint/' for orbax, relative to the "
        "configuration"),
    Key("checkpoint.every", natural(), None,
        "after how many steps to save; by default only at the end"),
    Key("checkpoint.resume", TRUTH, False,
        "whether to go on from the checkpoint if there is one, as --resume on the command line"),
    Key("validation.validate",
        (_HELD_OUT | tables((_HELD_OUT | _FILE).called(f"{_HELD_OUT.words}, or a file"))).called(
            f"{_HELD_OUT.words}, or a table with one, or a file, for each data set"), REQUIRED,
        "held out of each data set for it"),
    Key("validation.every", natural(), None, "after how many steps; by default log_every"),
    Key("validation.patience", natural(), None,
        "how many validations in a row may be no better before the run stops"),
    Key("validation.by", TEXT, "total",
        "what has to become better: 'total', an equation or a metric"),
    Key("validation.least", _FROM_0, 0.0,
        "by how much it has to be better than the best one to count"),
    Key("validation.largest", TRUTH, False, "whether larger is better, as for an accuracy"),
    Key("validation.metrics.NAME", _METRIC, {},
        "what else to measure, by name: an equation and 'accuracy', 'error_rate' or a divergence"),
    Key("devices.count", (natural() | one_of("all")).called("an integer from 1, or 'all'"), "all",
        "over how many devices to split each batch"),
    Key("devices.parameters", one_of("whole", "fsdp"), "whole",
        "'whole' on every device, or split over them ('fsdp')"),
    Key("devices.least", natural(), 2**12,
        "for 'fsdp', how many entries an array has at least that is split"),
)  # fmt: skip
"""All keys, by their sections."""

PARTS = (
    Key("loss", settings("loss"), None, "Which equations, and what they weigh"),
    Key("data.NAME", settings("data.NAME"), {}, "Where the columns of a data set come from"),
    Key("optimizer", TABLE.called("a section [optimizer] with name = ..."), REQUIRED,
        "How parameters move"),
    Key("lowering", settings("lowering"), None,
        "How the loss is run, without changing what it is"),
    Key("checkpoint", settings("checkpoint"), None, "Where the run is kept, so that it can go on"),
    Key("validation", settings("validation"), None,
        "What is measured while it trains, and when it stops for it"),
    Key("devices", settings("devices"), None, "Over which devices it is spread"),
)  # fmt: skip
"""The sections, which are keys at the top."""

SECTIONS = {"": "At the top, above all sections", **{part.place: part.meaning for part in PARTS}}
"""The tables of a configuration and their titles."""

Settings = SimpleNamespace
"""The values of the keys of a section, by their names."""


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
    for section, title in SECTIONS.items():
        rows = [
            f"| `{key.place}` | {key.kind.words} | {key.otherwise} | {key.meaning} |"
            for key in KEYS
            if key.section == section
        ]
        head = ["| key | takes | by default | meaning |", "|---|---|---|---|"]
        blocks.append("\n".join([f"{title}:", "", *head, *rows]))
    return "\n\n".join(blocks) + "\n"


def plain(width: int = 96) -> str:
    """Return the reference of all keys for a terminal."""
    lines = []
    for section, title in SECTIONS.items():
        lines += ["", f"[{section}]  {title}:" if section else f"{title}:"]
        for key in (key for key in KEYS if key.section == section):
            otherwise = f"; {key.otherwise}" if key.otherwise else ""
            place = key.place.removeprefix(f"{section}.")
            lines += textwrap.wrap(
                f"{place:<14} {key.meaning} ({key.kind.words}{otherwise})",
                width, initial_indent="  ", subsequent_indent=" " * 17,
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
    return "\n".join(lines[1:])


# Reading.


class Section:
    """A value of TOML, most often a table, with its place in the file.

    Parameters
    ----------
    value
        The value; ``values`` are those of its keys, none where it is no table.
    at
        Its TOML path.
    faults
        All that is wrong with the file, to which this place adds.
    folder
        Where files are looked for.
    """

    def __init__(
        self,
        value: Any,
        at: str = "",
        faults: Failures | None = None,
        folder: Path = Path(),
    ) -> None:
        self.value = value
        self.values: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
        self.at = at
        self.faults = Failures() if faults is None else faults
        self.folder = folder

    def fault(self, key: str, message: str, law: str = "value") -> None:
        """Note that something is wrong with a key, or with the value itself for ``""``."""
        self.faults.add(law, dotted(self.at, key) if key else self.at, message)

    @contextlib.contextmanager
    def noting(self, key: str, law: str = "value", before: str = "") -> Iterator[None]:
        """Note what is raised on purpose inside: each failure of an error, or the error itself."""
        try:
            yield
        except InvalidStructure as error:
            for failure in error.failures:
                self.fault(key, f"{before}{failure.where}: {failure.message}", failure.law)
        except (CatlearnError, OSError) as error:
            self.fault(key, problem_of(error), law)

    def section(self, key: str) -> Section:
        """Return the value of a key, None where there is none."""
        return Section(self.values.get(key), dotted(self.at, key), self.faults, self.folder)

    @property
    def entries(self) -> list[Section]:
        """The entries of a list."""
        places = ((entry, f"{self.at}[{n}]") for n, entry in enumerate(self.value))
        return [Section(entry, at, self.faults, self.folder) for entry, at in places]

    def without(self, *keys: str) -> Section:
        """Return the table without some of its keys."""
        rest = {key: value for key, value in self.values.items() if key not in keys}
        return Section(rest, self.at, self.faults, self.folder)

    def read(self, key: str, kind: Kind, default: Any = REQUIRED) -> Any:
        """Return what a key says, or its default where it is missing or wrong."""
        place = self.section(key)
        if key in self.values and kind.holds(place.value):
            return kind.make(place)
        if key in self.values:
            place.fault("", f"is {shown(place.value)}, expected {kind.words}")
        elif default is REQUIRED:
            place.fault("", f"has to be given: {kind.words}", "missing")
        return None if default is REQUIRED else default

    def settings(self, section: str) -> Settings:
        """Return a value for each key of one of the ``SECTIONS``, and note unknown keys."""
        keys = [one for one in (*KEYS, *PARTS) if one.section == section]
        self.refuse_others(one.name for one in keys)
        return Settings(**{one.name: self.read(one.name, one.whole, one.default) for one in keys})

    def refuse_others(self, known: Iterable[str]) -> None:
        """Note the keys that mean nothing."""
        known = list(known)
        for key in self.values:
            if key not in known:
                self.fault(key, advice(key, known, self.at), "unknown key")

    def file(self) -> Path:
        """Return the file that a text names, and note if there is none."""
        path = self.folder / self.value
        if not os.path.isfile(path):
            self.fault("", f"there is no file '{path}'", "missing file")
        return path

    def match(self, known: Collection[str], what: str, needed: Iterable[str] = ()) -> None:
        """Note the keys that are no names of what there is, and the names that have no key."""
        for key in self.values:
            if key not in known:
                self.fault(key, f"is no {what}; {did_you_mean(key, known)}", "unknown name")
        for name in needed:
            if name not in self.values:
                self.fault(name, "has to be given, since others are", "missing")

    def one(self, key: str, known: Sequence[str], what: str) -> str | None:
        """Return the name that a key says, and note if it is none of those that are known."""
        name = self.read(key, TEXT.called(f"the name of the {what}"))
        if name is None or name in known:
            return name
        self.fault(key, f"is {shown(name)}, no {what}; {did_you_mean(name, known)}", "unknown name")
        return None

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
    first, *inner = map(re.escape, re.split(r"\*+", pattern))
    if not inner:
        return []
    # Each piece where it first stands, once and for all: nothing is tried again.
    pieces = "".join(f"(?>.*?{piece})" for piece in inner[:-1])
    found = re.compile(f"{first}{pieces}.*{inner[-1]}", re.DOTALL)
    return [name for name in known if found.fullmatch(name)]


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


def problem_of(error: Exception) -> str:
    """Say what went wrong, and with what file.

    Examples
    --------
    >>> problem_of(FileNotFoundError(2, "No such file or directory", "run.toml"))
    "there is no file 'run.toml'"
    """
    if isinstance(error, FileNotFoundError) and error.filename is not None:
        return f"there is no file '{error.filename}'"
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"'{error.filename}': {error.strerror}"
    return str(error)


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
    file = Section(parse_toml(text, f"configuration {path.name!r}"), folder=path.parent)
    found = file.settings("")
    for name in ("loss", "lowering"):
        setattr(found, name, getattr(found, name) or Section({}).settings(name))
    found.text, found.file = text, file
    return found


def parse_toml(data: bytes, what: str) -> dict[str, Any]:
    """Read TOML: UTF-8, integers of 64 bits, and tables and lists that nest within bounds.

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
            raise ValueError(f"the key {shorten(found[0])} nests more than {DEEPEST} levels")
        found = tomllib.loads(text)
    waiting: list[tuple[str, Any, int]] = [("", found, 0)]
    while waiting:
        at, value, depth = waiting.pop()
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            faults.add(at, "is an integer of more than 64 bits", "TOML")
        elif isinstance(value, dict | list) and depth == DEEPEST:
            faults.add(at, f"nests more than {DEEPEST} levels deep", "TOML")
        elif isinstance(value, dict):
            waiting += [(dotted(at, key), inner, depth + 1) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{at}[{n}]", inner, depth + 1) for n, inner in enumerate(value)]
    faults.check()
    return found


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
    kinds = {key: kind for key, kind in found.items() if kind is not None}
    section.refuse_others(kinds)
    options = {
        key: section.read(key, kind)
        for key, kind in kinds.items()
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
    name = section.one("schedule", (*SCHEDULES, *SCHEDULES.values()), "schedule")
    if name is None:
        return None
    return call(SCHEDULES.get(name, name), section.without("schedule"))


_EMPTY = inspect.Parameter.empty
_LISTS = {
    "schedules": lists(_SCHEDULE, "a list of tables with schedule = ..."),
    "boundaries": lists(INTEGER, "a list of steps"),
    "boundaries_and_scales": Kind(
        "a table of numbers by step, such as {1000 = 0.1}",
        lambda value: TABLE.holds(value) and all(map(str.isdecimal, value)),
        lambda place: {int(n): x for n, x in tables(NUMBER).make(place).items()},
    ),
}
#: Options without a default value that are numbers all the same, and those that TOML cannot give.
_NUMBERS = ("learning_rate", "momentum", "end_value", "weight_decay_rate")
_NOT_GIVEN = ("key", "seed", "weight_decay_mask", "trust_ratio_mask")


def _option(name: str, parameter: inspect.Parameter) -> Kind | None:
    """Return the kind of an option, by its name, default value and annotation."""
    default = parameter.default
    if name in _LISTS:
        return _LISTS[name]
    if isinstance(default, bool):
        return TRUTH
    number = default is _EMPTY or isinstance(default, int | float) or name in _NUMBERS
    if name in _NOT_GIVEN or not number:
        return None
    counts = ("_steps",) if default is _EMPTY else ("_steps", "_begin", "_size", "_factor")
    if not isinstance(default, float) and name.endswith(counts):
        return INTEGER
    return _SCHEDULED if "Callable" in str(parameter.annotation) else NUMBER


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
    clip = section.read("clip", _POSITIVE, None)
    made = {**section.read("models", tables(_OPTIMIZER), {})}
    models, rest = section.section("models"), section.without("clip", "models")
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
    found = {tuple(group): made[key] for key, group in groups.items()}
    if trainable and all(transform is None for transform, _ in found.values()):
        section.fault("", f"is {NONE!r} for all models, so that nothing is trained")
        return None
    by_model, names = ({group: pair[k] for group, pair in found.items()} for k in (0, 1))
    return OptimizerChoice(by_model, clip, names)


def _optimizer(section: Section) -> tuple[Any, str]:
    """Return an optimizer and what it is called: by its name, or as a chain."""
    if "chain" not in section.values:
        return _transformation(section, *OPTIMIZERS, NONE)
    for key in section.without("chain").values:
        section.fault(key, "is given, and so is chain, where each table has its own options")
    made = section.read("chain", _CHAIN) or [(None, "")]
    parts, names = zip(*made, strict=True)
    if all(names) and sum(name in OPTIMIZERS for name in names) != 1:
        message = f"has {', '.join(names)}, expected exactly one optimizer such as adam among them"
        section.fault("chain", message)
    if None in parts:
        return None, ""
    import optax

    return optax.chain(*parts), ", ".join(names)


def _transformation(section: Section, *known: str) -> tuple[Any, str]:
    """Return what a table names, out of what may be named there."""
    name, options = section.one("name", known, "optimizer"), section.without("name")
    if name is None:
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


def make_loss(diagram: LearningDiagram, given: Settings, section: Section) -> Loss | None:
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
    >>> print(make_loss(D, section.settings("loss"), section))
    L(f) = 0.5 E_d(d_Y(f(d.X), d.Y))
    """
    loss, before = None, len(section.faults)
    with section.noting("aggregator", "unknown name"):
        get_aggregator(given.aggregator)
    if len(section.faults) == before:
        with section.noting("equations", "loss"):
            loss = diagram.loss(
                given.equations, aggregator=given.aggregator, max_length=given.max_length
            )
    if loss is None:
        return None
    if not loss.equations:
        message = "no equation has a trainable model; glue data to a model, or declare one"
        section.fault("equations", message, "loss")
        return None
    weighted = _weighted(loss, given.weights, section.section("weights"))
    if not weighted.equations:
        section.fault("weights", "are 0 for all equations, so that nothing is trained", "loss")
        return None
    return weighted


def _weighted(loss: Loss, weights: Mapping[str, Any], table: Section) -> Loss:
    """Return the loss with the weights of a file."""
    chosen = table.by_name([term.name for term in loss.equations], "equation")
    found = [weights.get(chosen.get(term.name, ""), term.weight) for term in loss.equations]
    left = tuple(term for term in weighing(loss, found).equations if _counts(term.weight))
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


def weighing(loss: Loss, weights: Sequence[float | Weight]) -> Loss:
    """Return the loss with other weights, one for each equation."""
    pairs = zip(loss.equations, weights, strict=True)
    terms = tuple(term.given(weight=weight) for term, weight in pairs)
    return Loss(loss.diagram, replace(loss.selection, terms=terms), loss.aggregator)


def _counts(weight: Any) -> bool:
    """Whether an equation of this weight is trained; schedules may start at 0."""
    return getattr(weight, "schedule", None) is not None or weight != 0
