"""Every key of a configuration: what it takes, what it is otherwise, and what it says.

This table is the only place where keys are listed: files are read by it
(:func:`read_section`), and the reference in the documentation and in ``catlearn train --help`` is
written from it (:func:`markdown`, :func:`plain`).
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from catlearn.cli.reader import KINDS, REQUIRED, Reader, shown
from catlearn.errors import did_you_mean
from catlearn.learning.selection import SELECTIONS

TEXT, TRUTH, INTEGER, NUMBER, TABLE, LIST = KINDS
PRECISIONS = ("bfloat16", "float16", "float32", "float64")


@dataclass(frozen=True)
class Key:
    """One key of a configuration.

    Parameters
    ----------
    place
        Its TOML path; ``NAME`` stands for a name of the user's.
    kinds
        What values of TOML it takes.
    says
        What it is for.
    default
        What it is where it is not given.
    expected
        What it takes, where kinds say too little.
    good
        Whether a value of the right kind will do.
    """

    place: str
    kinds: tuple[str, ...]
    says: str
    default: Any = None
    expected: str = ""
    good: Callable[[Any], bool] = lambda value: True

    @property
    def section(self) -> str:
        """The table that it is in, ``""`` for the file itself."""
        return self.place.rpartition(".")[0]

    @property
    def name(self) -> str:
        """What it is called in its table."""
        return self.place.rpartition(".")[2]

    @property
    def home(self) -> str:
        """The section under which it is listed."""
        return max((name for name in SECTIONS if self.place.startswith(f"{name}.")), default="")

    @property
    def takes(self) -> str:
        """What values it takes, in words."""
        return self.expected or " or ".join(self.kinds)

    @property
    def otherwise(self) -> str:
        """Its default, as TOML writes it."""
        if self.default is REQUIRED:
            return "has to be given"
        return "" if self.default in (None, {}, ()) else shown(self.default)


def _natural(place: str, says: str, default: Any = None, least: int = 1) -> Key:
    def good(number: int) -> bool:
        return least <= number < 2**31

    return Key(place, (INTEGER,), says, default, f"an integer from {least}", good)


def _texts(given: Any) -> bool:
    return isinstance(given, str) or (
        isinstance(given, list) and bool(given) and all(isinstance(text, str) for text in given)
    )


def _is_equations(given: Any) -> bool:
    return given in SELECTIONS if isinstance(given, str) else _texts(given)


def _is_batch_size(given: Any) -> bool:
    sizes = given.values() if isinstance(given, dict) else [given]
    return all(type(size) is int and 1 <= size < 2**31 for size in sizes)


def _is_precision(given: Any) -> bool:
    dtypes = given.values() if isinstance(given, dict) else [given]
    return all(dtype in PRECISIONS for dtype in dtypes)


def _is_held_out(given: float) -> bool:
    return 0 < given < 1 if isinstance(given, float) else given >= 1


def _is_count(given: Any) -> bool:
    return given == "all" if isinstance(given, str) else given >= 1


def _is_chain(given: list[Any]) -> bool:
    return bool(given) and all(isinstance(table, dict) for table in given)


_MODELS = "names of models; a pattern such as 'head_*' stands for all that match"

KEYS = (
    _natural("steps", "how many in all, those of a resumed checkpoint included", REQUIRED),
    Key(
        "batch_size", (INTEGER, TABLE), "examples in a batch, of all data sets or of each",
        128, "an integer from 1, or a table with one for each data set", _is_batch_size,
    ),
    _natural(
        "accumulate", "into how many parts to cut a batch, evaluated one after the other to save "
        "memory", 1,
    ),
    _natural(
        "scan_steps", "how many steps to take in one compiled call, for models so small that "
        "starting a step takes longer than the step", 1,
    ),
    _natural(
        "seed", "draws the variables, the order of the data and what is held out", 0, least=0
    ),
    _natural("log_every", "after how many steps to look at costs and show progress", 100),
    Key(
        "loss.equations", (TEXT, LIST), "which equations to train; by default those that the "
        "diagram declares, or all if it declares none",
        None, f"one of {', '.join(SELECTIONS)}, or a list of equations", _is_equations,
    ),
    Key("loss.aggregator", (TEXT,), "how costs are put together: 'sum' or 'max'", "sum"),
    _natural("loss.max_length", "the longest path that is enumerated, where there are cycles"),
    Key(
        "loss.weights", (TABLE,), "other weights than the diagram's, by the equation's name or a "
        "pattern with '*': a number (0 leaves the equation out), or a schedule",
        {}, "a table of numbers and schedules",
    ),
    Key(
        "data.NAME.file", (TEXT,), ".npz, .csv (with a header) or .safetensors, relative to the "
        "configuration", REQUIRED, "the name of a file",
    ),
    Key(
        "data.NAME.columns", (TABLE,), "for each projection what the file calls it: a name, a "
        "list of names, or a pattern such as 'pixel_*'; at a product a list with one entry for "
        "each factor; by default the projection's own name", {},
    ),
    Key(
        "data.NAME.test", (NUMBER,), "held out, and measured at the end",
        None, "a share between 0 and 1, or a number of examples", _is_held_out,
    ),
    Key(
        "data.NAME.test_file", (TEXT,), "a second file, whose examples are measured at the end",
        None, "the name of a file",
    ),
    Key(
        "optimizer.name", (TEXT,), "an optimizer of optax, whose options are further keys; 'none' "
        "leaves models as they are", None, "the name of an optimizer",
    ),
    Key(
        "optimizer.chain", (LIST,), "in place of a name: transformations of optax, with their "
        "options, one after the other, and one optimizer among them",
        None, "a list of tables with name = ...", _is_chain,
    ),
    Key(
        "optimizer.learning_rate", (NUMBER, TABLE), "as all options that optax lets follow a "
        "schedule: a number, or a table with the schedule's name and options",
    ),
    Key(
        "optimizer.clip", (NUMBER,), "the largest norm of all gradients together",
        None, "a positive number", lambda norm: norm > 0,
    ),
    Key(
        "optimizer.models.NAME", (TABLE,), "another optimizer, with name or chain and options, "
        "for one model, several ('encoder, decoder') or a pattern ('head_*')",
        None, "a table with name = ...",
    ),
    Key(
        "lowering.precision", (TEXT, TABLE), "the dtype in which models compute, of all or "
        "by name; parameters and costs keep their own",
        None, f"one of {', '.join(PRECISIONS)}, or a table with one for each model", _is_precision,
    ),
    Key(
        "lowering.remat", (TRUTH, TEXT, LIST), "models whose intermediate values "
        "are computed again in the backward pass, to save memory",
        False, f"true, or {_MODELS}", lambda given: isinstance(given, bool) or _texts(given),
    ),
    Key(
        "lowering.independent", (TEXT, LIST), "random models that draw a new sample for each "
        "side of each equation", (), _MODELS, _texts,
    ),
    Key(
        "lowering.stack", (TRUTH, INTEGER), "the least number of models alike that "
        "are stored stacked and run as one",
        8, "true, false, or an integer from 2", lambda least: isinstance(least, bool) or least >= 2,
    ),
    Key(
        "checkpoint.path", (TEXT,), "a file *.safetensors, or a folder such as 'checkpoint/' for "
        "orbax, relative to the configuration", REQUIRED, "the name of a file or a folder", bool,
    ),
    _natural("checkpoint.every", "after how many steps to save; by default only at the end"),
    Key(
        "checkpoint.resume", (TRUTH,), "whether to go on from the checkpoint if there is "
        "one, as --resume on the command line", False,
    ),
    Key(
        "devices.count", (INTEGER, TEXT), "over how many devices to split each batch",
        "all", "an integer from 1, or 'all'", _is_count,
    ),
    Key(
        "devices.parameters", (TEXT,), "'whole' on every device, or split over them ('fsdp')",
        "whole", "'whole' or 'fsdp'", lambda how: how in ("whole", "fsdp"),
    ),
    _natural("devices.least", "for 'fsdp', how many entries an array has at least that is split",
             2**12),
)  # fmt: skip

SECTIONS: Mapping[str, str] = {
    "": "At the top, above all sections",
    "loss": "Which equations, and what they weigh",
    "data.NAME": "Where the columns of a data set come from",
    "optimizer": "How parameters move",
    "lowering": "How the loss is run, without changing what it is",
    "checkpoint": "Where the run is kept, so that it can go on",
    "devices": "Over which devices it is spread",
}
"""The tables of a configuration, in order."""


def keys_of(section: str) -> list[Key]:
    """Return the keys of a table; what is in it by the user's names comes with its section."""
    return [key for key in KEYS if key.section == section]


def advice(key: str, known: list[str]) -> str:
    """Say where a key belongs that is elsewhere, or which one was meant.

    Examples
    --------
    >>> advice("precision", ["steps", "seed"])
    'belongs in the section [lowering]'
    >>> advice("sed", ["steps", "seed"])
    'did you mean seed?'
    """
    homes = [one.section for one in KEYS if one.name == key]
    if not homes:
        return did_you_mean(key, known)
    return f"belongs in the section [{homes[0]}]" if homes[0] else "belongs above all sections"


def read_section(
    reader: Reader, table: Mapping[str, Any], section: str, at: str | None = None
) -> dict[str, Any]:
    """Read the keys of a table, and note all that is wrong with them.

    Parameters
    ----------
    reader
        Collects the faults.
    table
        The table.
    section
        Which one it is.
    at
        Its TOML path, if that has names of the user's in it.

    Returns
    -------
    dict
        A value for each key; its default where it is not given or wrong.
    """
    at, names = section if at is None else at, [key.name for key in keys_of(section)]
    tables = [name.removesuffix(".NAME") for name in SECTIONS if name and not section]
    reader.unknown(table, [*names, *tables], at, advice)
    return {name: read_key(reader, table, f"{section}.{name}".strip("."), at) for name in names}


def read_key(reader: Reader, table: Mapping[str, Any], place: str, at: str | None = None) -> Any:
    """Read one key of a table, and note what is wrong with it.

    Parameters
    ----------
    reader
        Collects the faults.
    table
        The table.
    place
        Which key it is.
    at
        The table's TOML path, if it is another one than the key's section.
    """
    key = next(key for key in KEYS if key.place == place)
    return reader.value(
        table, key.name, key.kinds, key.section if at is None else at,
        default=key.default, good=key.good, expected=key.expected,
    )  # fmt: skip


def markdown() -> str:
    """Return the reference of all keys for the documentation."""
    blocks = []
    for section, title in SECTIONS.items():
        rows = [
            f"| `{key.place}` | {key.takes} | {key.otherwise} | {key.says} |"
            for key in KEYS
            if key.home == section
        ]
        head = ["| key | takes | by default | says |", "|---|---|---|---|"]
        blocks.append("\n".join([f"{title}:", "", *head, *rows]))
    return "\n\n".join(blocks) + "\n"


def plain(width: int = 96) -> str:
    """Return the reference of all keys for a terminal."""
    lines = []
    for section, title in SECTIONS.items():
        lines += ["", f"{title}:" if not section else f"[{section}]  {title}:"]
        for key in (key for key in KEYS if key.home == section):
            otherwise = f"; {key.otherwise}" if key.otherwise else ""
            lines += textwrap.wrap(
                f"{key.place.removeprefix(f'{section}.'):<14} {key.says} ({key.takes}{otherwise})",
                width, initial_indent="  ", subsequent_indent=" " * 17,
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
    return "\n".join(lines[1:])
