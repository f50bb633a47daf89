"""Columns of data sets from files: npz, CSV and safetensors.

A *table* is what a file holds: arrays by name, one example for each entry of the leading axis. In
a CSV file each column is an array of numbers. A projection is given by a name; by a list of names,
put side by side (at a product: one for each factor); or by a pattern with ``*``, which
stands for the columns that match it, in the file's order. Nothing is unpickled.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from catlearn.cli.reader import Reader, dotted, matching
from catlearn.cli.runs import problem_of
from catlearn.cli.settings import DataSettings
from catlearn.errors import CatlearnError, InvalidStructure, did_you_mean
from catlearn.files import read_bounded, shorten
from catlearn.learning import LearningDiagram
from catlearn.models import (
    ArrayLabel,
    CategoricalLabel,
    ProductLabel,
    check_array,
)
from catlearn.models.values import cast
from catlearn.tensors import MAX_TENSOR_BYTES, decode_tensors

Columns = dict[str, Any]

#: Bytes of one CSV file that are read.
MAX_CSV_BYTES = 4 * 2**30


class Table:
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

    def __init__(self, names: list[str], read: Callable[[str], np.ndarray], flat: bool) -> None:
        self.names = names
        self.read = read
        self.flat = flat


def open_table(path: Path) -> Table:
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


def _npz(path: Path) -> Table:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, ValueError) as error:
        raise CatlearnError(f"'{path.name}' is no npz file: {shorten(str(error), 200)}") from None
    if size > MAX_TENSOR_BYTES:
        raise CatlearnError(f"'{path.name}' unpacks to {size} bytes, at most {MAX_TENSOR_BYTES}")

    def read(name: str) -> np.ndarray:
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return arrays[name]
        except (ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
            message = f"array {name!r} of '{path.name}': {shorten(str(error), 200)}"
            raise CatlearnError(message) from None

    with np.load(path, allow_pickle=False) as arrays:
        return Table(list(arrays.files), read, flat=False)


def _safetensors(path: Path) -> Table:
    arrays, _ = decode_tensors(read_bounded(path, MAX_TENSOR_BYTES), f"file {path.name!r}")
    return Table(list(arrays), arrays.__getitem__, flat=False)


def _csv(path: Path) -> Table:
    data = read_bounded(path, MAX_CSV_BYTES)
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise CatlearnError(f"'{path.name}' is no CSV: {shorten(str(error), 200)}") from None
    if not rows or not any(rows[0]):
        raise CatlearnError(f"'{path.name}' is empty; its first record names the columns")
    header, *rows = rows
    rows = [(line, row) for line, row in enumerate(rows, 2) if row]
    wrong = [str(line) for line, row in rows if len(row) != len(header)]
    if wrong:
        shown = ", ".join(wrong[:5]) + (", ..." if len(wrong) > 5 else "")
        message = f"'{path.name}' has {len(header)} columns, but not in record {shown}"
        raise CatlearnError(message)
    again = sorted({shorten(name) for name in header if header.count(name) > 1})
    if again:
        raise CatlearnError(f"'{path.name}' has two columns called {', '.join(again)}")

    def read(name: str) -> np.ndarray:
        place = header.index(name)
        numbers = np.empty(len(rows))
        for k, (line, row) in enumerate(rows):
            try:
                numbers[k] = float(row[place])
            except ValueError:
                found = shorten(repr(row[place]))
                message = f"'{path.name}', record {line}, column {name!r}: {found} is no number"
                raise CatlearnError(message) from None
        whole = np.isfinite(numbers).all() and (np.abs(numbers) < 2**53).all()
        return numbers.astype(np.int64) if whole and (numbers % 1 == 0).all() else numbers

    return Table(header, read, flat=True)


def load_columns(
    diagram: LearningDiagram, name: str, path: Path, settings: DataSettings, reader: Reader, at: str
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
    settings
        What the file calls the projections.
    reader
        Collects the faults.
    at
        The TOML path of the data set.
    """
    labels = {
        key: diagram.space_label(diagram.target(edge))
        for edge, (data, key) in diagram.projections.items()
        if data == name
    }
    for key in settings.columns:
        if key not in labels:
            where = dotted(dotted(at, "columns"), key)
            reader.fault("unknown name", where, f"is no projection; {did_you_mean(key, labels)}")
    try:
        table = open_table(path)
    except InvalidStructure as error:
        for failure in error.failures:
            reader.fault(failure.law, at, f"'{path.name}': {failure.where}: {failure.message}")
        return {}
    except (CatlearnError, OSError) as error:
        reader.fault("file", at, problem_of(error))
        return {}
    found: Columns = {}
    for key, label in labels.items():
        where = dotted(dotted(at, "columns"), key)
        names = settings.columns.get(key, key if key in table.names else None)
        if names is None:
            continue
        try:
            column = _column(table, label, names)
        except CatlearnError as error:
            reader.fault("column", where, str(error))
            continue
        faults = check_array(where, label, column)
        reader.failures += faults
        if not faults:
            found[key] = cast(label, column)
    return found


def _column(table: Table, label: Any, names: Any) -> Any:
    if isinstance(label, ProductLabel):
        if not isinstance(names, list) or len(names) != len(label.factors):
            raise CatlearnError(f"expected a list of {len(label.factors)}, one for each factor")
        pairs = zip(label.factors, names, strict=True)
        return tuple(_column(table, factor, name) for factor, name in pairs)
    chosen = [found for name in _flat(names) for found in _matching(table, name)]
    arrays = [table.read(name) for name in chosen]
    lengths = {len(array) if array.ndim else 0 for array in arrays}
    if len(lengths) > 1:
        raise CatlearnError(f"columns differ in length: {', '.join(map(str, sorted(lengths)))}")
    several = isinstance(names, list) or len(arrays) > 1
    array = np.stack(arrays, axis=1) if several else arrays[0]
    if not table.flat:
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
    if isinstance(label, CategoricalLabel):
        return () if array.ndim == 1 else (label.n,)
    assert isinstance(label, ArrayLabel)
    return label.shape


def _flat(names: Any) -> list[str]:
    return [one for name in names for one in _flat(name)] if isinstance(names, list) else [names]


def _matching(table: Table, name: str) -> list[str]:
    found = matching(name, table.names)
    if not found:
        known = did_you_mean(name, [shorten(other) for other in table.names])
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
    words = np.random.Philox(np.random.SeedSequence((seed, zlib.crc32(name.encode()))))
    order = np.argsort(words.random_raw(length), kind="stable")
    return _take(columns, np.sort(order[held:])), _take(columns, np.sort(order[:held]))


def _take(column: Any, rows: np.ndarray) -> Any:
    if isinstance(column, Mapping):
        return {key: _take(part, rows) for key, part in column.items()}
    if isinstance(column, tuple):
        return tuple(_take(part, rows) for part in column)
    return column[rows]


def count(columns: Columns) -> int:
    """Return the number of examples."""
    column = next(iter(columns.values()), ())
    while isinstance(column, tuple) and column:
        column = column[0]
    return len(column)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
