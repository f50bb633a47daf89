"""Run folders: what a run of ``catlearn train`` leaves behind, whole or not at all.

==========================  =======================================================
file                        holds
==========================  =======================================================
``config.toml``             the configuration, as it was given
``diagram.json``            the diagram, without variables
``params.safetensors``      the trained variables, ``{edge: tree}``
``history.csv``             the cost of each equation at each step
``metrics.json``            how it ended, final costs, equations, data, versions
==========================  =======================================================

The folder is made beside its place and moved there at once. Reading one executes nothing.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catlearn.errors import CatlearnError, Failure, FileFormatError
from catlearn.files import MAX_JSON_BYTES, parse_json, read_bounded, shorten
from catlearn.learning import LearningDiagram

#: Bytes of a history that are read.
MAX_HISTORY_BYTES = 2**30

FILES = ("config.toml", "diagram.json", "params.safetensors", "history.csv", "metrics.json")


@dataclass(frozen=True)
class Run:
    """A run that has ended.

    Parameters
    ----------
    folder
        Where it lies.
    config
        The text of its configuration.
    diagram
        The diagram, with the trained variables.
    history
        ``{"total": costs, equation: costs, ...}``, step by step.
    metrics
        What ``metrics.json`` says.
    """

    folder: Path
    config: str
    diagram: LearningDiagram
    history: dict[str, list[float]]
    metrics: dict[str, Any]


def write_run(folder: Path, files: Mapping[str, bytes], *, overwrite: bool = False) -> None:
    """Write a run folder in one step.

    Parameters
    ----------
    folder
        Its place.
    files
        The content of each file.
    overwrite
        Whether an older run may be replaced; anything else is never touched.
    """
    check_place(folder, overwrite)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        for name, content in files.items():
            with (made / name).open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        made.chmod(0o755)
        if folder.exists() and any(folder.iterdir()):
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".old", dir=made.parent))
            os.replace(folder, old)
            os.replace(made, folder)
            shutil.rmtree(old)
        else:
            os.replace(made, folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def check_place(folder: Path, overwrite: bool) -> None:
    """Refuse a place that holds something already, or cannot be written to."""
    problem = writable(folder)
    if problem:
        raise CatlearnError(f"{problem}; choose another --out")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise CatlearnError(f"'{folder}' is there already and is no folder; choose another --out")
    names = {path.name for path in folder.iterdir()}
    if names and not names.issuperset(FILES):
        raise CatlearnError(f"'{folder}' is there already and is no run; choose another --out")
    if names and not overwrite:
        raise CatlearnError(f"'{folder}' holds a run already; choose another --out, or --overwrite")


def writable(path: Path) -> str:
    """Return why a file or folder cannot be made, ``""`` if nothing is in the way.

    Examples
    --------
    >>> writable(Path(__file__) / "run")  # doctest: +ELLIPSIS
    "'...runs.py' is no folder, so '...run' cannot be made"
    """
    above = path.absolute().parent
    while not os.path.lexists(above) and above != above.parent:
        above = above.parent
    if not above.is_dir():
        return f"'{above}' is no folder, so '{path}' cannot be made"
    try:
        tempfile.TemporaryDirectory(prefix=".", dir=above).cleanup()
    except OSError as error:
        return f"'{above}' cannot be written to ({error.strerror}), so '{path}' cannot be made"
    return ""


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


def load_run(folder: str | os.PathLike[str]) -> Run:
    """Read a run folder.

    Parameters
    ----------
    folder
        What ``catlearn train`` wrote.

    Returns
    -------
    Run
        With the trained diagram.

    Raises
    ------
    FileFormatError
        Listing everything that is wrong with a file.
    CatlearnError
        If files are missing.
    """
    from catlearn.formats import load
    from catlearn.tensors import load_tree

    folder = Path(folder)
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise CatlearnError(f"'{folder}' is no run folder: it has no {', '.join(missing)}")
    diagram = load(folder / "diagram.json")
    values, _ = load_tree(folder / "params.safetensors")
    if not isinstance(diagram, LearningDiagram) or not isinstance(values, dict):
        message = "must hold a learning diagram and its variables"
        raise FileFormatError(f"run '{folder}'", [Failure("run", "diagram.json", message)])
    data = read_bounded(folder / "metrics.json", MAX_JSON_BYTES)
    metrics = parse_json(data, "file 'metrics.json'")
    if not isinstance(metrics, dict):
        fault = Failure("run", "metrics.json", "must be an object")
        raise FileFormatError(f"run '{folder}'", [fault])
    return Run(
        folder,
        read_bounded(folder / "config.toml", MAX_JSON_BYTES).decode("utf-8", "replace"),
        diagram.with_values(values),
        read_history(folder / "history.csv"),
        metrics,
    )


def read_history(path: Path) -> dict[str, list[float]]:
    """Read ``history.csv``: the total and each equation, step by step."""
    text = read_bounded(path, MAX_HISTORY_BYTES).decode("utf-8", "replace")
    rows = csv.reader(io.StringIO(text, newline=""))
    header = next(rows, [])
    columns: list[list[float]] = [[] for _ in header]
    for line, row in enumerate(rows, 2):
        try:
            for column, cell in zip(columns, row, strict=True):
                column.append(float(cell))
        except ValueError:
            message = f"has no number for each of {len(header)} columns: {shorten(repr(row))}"
            fault = Failure("history", f"record {line}", message)
            raise FileFormatError(f"file '{path.name}'", [fault]) from None
    return dict(zip(header[1:], columns[1:], strict=True))


def to_json(value: Any) -> bytes:
    """Write metrics as strict JSON; numbers that are not finite become null."""

    def plain(part: Any) -> Any:
        if isinstance(part, Mapping):
            return {str(key): plain(inner) for key, inner in part.items()}
        if isinstance(part, list | tuple):
            return [plain(inner) for inner in part]
        return None if isinstance(part, float) and not math.isfinite(part) else part

    return (json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n").encode()
