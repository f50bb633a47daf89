"""CSV: a C-set as a folder with one file for each table, both ways.

A file ``E.csv`` has a row for each row of E, and a column for each arrow, list and attribute out
of it; the column ``_name`` has the names of rows where they have some. A value of an arrow is the
name of a row, or its number, from 0, where rows have no names. Cells of lists are JSON lists of
such values.

A cell of an attribute is text, or JSON if it reads as JSON (a number, ``true``, a quoted text);
an empty cell is an absent label. A column of type ``str`` is text throughout. Reading executes
nothing, is bounded, and refuses a bad folder with one error that lists all that is wrong.

Law: ``from_csv(x.schema, to_csv(x, folder)) == x``.

>>> import tempfile
>>> from catlearn.cset import CSet, SchGraph
>>> G = CSet(SchGraph, V=["a", "b"], E=["f"], src=["a"], tgt=["b"])
>>> with tempfile.TemporaryDirectory() as folder:
...     paths = to_csv(G, folder)
...     print(paths["E"].read_text(), end="")
...     from_csv(SchGraph, folder) == G
_name,src,tgt
f,a,b
True
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from catlearn.cset import CSet, Schema
from catlearn.errors import CatlearnError, Failure, FileFormatError, InvalidStructure
from catlearn.files import Faults, atomic_write, json_depth, read_bounded, shorten, shorten_repr
from catlearn.finset import FinSet, Shape, Tables
from catlearn.formats.acset import NAME
from catlearn.formats.codecs import Unreadable, Unwritable, decode, encode

MAX_CSV_BYTES = 256 * 2**20
"""Bytes of one file that are read unless the caller allows more."""

MAX_CELL = 2**20
"""Characters of one cell that are read."""


def to_csv(tables: Tables, folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Write tables into a folder, a file for each table.

    Parameters
    ----------
    tables
        A C-set or any other tables.
    folder
        Made if it is not there. Each file is written whole or not at all, and none is written
        unless everything can be.

    Returns
    -------
    dict
        The path of the file of each table.

    Raises
    ------
    InvalidStructure
        Listing every label that a cell cannot hold, and tables whose names are no file names.
    """
    failures: list[Failure] = []
    texts = {table: _write_table(tables, table, failures) for table in tables.shape.tables}
    for table in texts:
        if Path(table).name != table or table in (".", ".."):
            failures.append(Failure("names", f"table {table!r}", "is no name of a file"))
    if failures:
        raise InvalidStructure("CSV folder", failures)
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    paths = {table: home / f"{table}.csv" for table in texts}
    for table, text in texts.items():
        atomic_write(paths[table], text.encode())
    return paths


def _columns(shape: Shape, table: str) -> dict[str, str]:
    """Return the columns of a table, each with what it holds."""
    columns = {name: "arrow" for name, (source, _) in shape.arrows.items() if source == table}
    columns |= {name: "list" for name, (source, _) in shape.lists.items() if source == table}
    return columns | {name: "attribute" for name, home in shape.attributes.items() if home == table}


def _write_table(tables: Tables, table: str, failures: list[Failure]) -> str:
    shape, types = tables.shape, getattr(tables.shape, "types", {})
    columns: dict[str, Sequence[str]] = {}
    if tables.sets[table].names is not None:
        columns[NAME] = tables.names(table)
    for name, kind in _columns(shape, table).items():
        if kind == "arrow":
            target = tables.names(shape.arrows[name][1])
            columns[name] = [target[k] for k in tables.arrows[name].values.tolist()]
        elif kind == "list":
            target = tables.sets[shape.lists[name][1]]
            columns[name] = [
                json.dumps([target.label(int(k)) if target.names else int(k) for k in row])
                for row in tables.lists[name]
            ]
        else:
            text = types.get(name) is str
            columns[name] = [
                _write_label(label, text, f"{name} of {table} {row!r}", failures)
                for row, label in zip(tables.names(table), tables.attributes[name], strict=True)
            ]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    # A table without any column still has its number of rows to say.
    writer.writerow(columns or ["_id"])
    cells = columns.values() if columns else [list(map(str, range(tables.size(table))))]
    writer.writerows(zip(*cells, strict=True))
    return out.getvalue()


def _write_label(label: Any, text: bool, where: str, failures: list[Failure]) -> str:
    if label is None:
        return ""
    try:
        plain = encode(label)
    except Unwritable as error:
        failures.append(Failure("labels", where, str(error)))
        return ""
    if isinstance(plain, str) and "\0" in plain:
        failures.append(Failure("labels", where, "holds the character 0, which CSV cannot"))
        return ""
    if isinstance(plain, str) and plain and (text or not _is_json(plain)) and plain[0] != '"':
        return plain
    return json.dumps(plain, ensure_ascii=False)


def _is_json(text: str) -> bool:
    return _parse(text) is not _NOT_JSON


_NOT_JSON = object()


def _parse(text: str) -> Any:
    if json_depth(text) > 64 or (len(text) > 40 and text.lstrip("-").isdigit()):
        return _NOT_JSON
    try:
        return json.loads(text, parse_constant=lambda _: _NOT_JSON)
    except ValueError:
        return _NOT_JSON


def from_csv(
    schema: Shape,
    folder: str | os.PathLike[str],
    *,
    keys: Mapping[str, str] | None = None,
    extra: bool = False,
    max_bytes: int = MAX_CSV_BYTES,
) -> CSet:
    """Return the C-set that a folder of CSV files holds.

    Parameters
    ----------
    schema
        Its schema.
    folder
        Has a file ``T.csv`` for each table T, in UTF-8, with a row of column names.
    keys
        By table, the column that has the names of rows; ``_name`` where there is one.
    extra
        Whether columns that the schema does not have are passed over; else they are faults.
    max_bytes
        The largest file that is read.

    Raises
    ------
    FileFormatError
        Listing every missing file and column, unknown column, dangling or unreadable cell.
    """
    schema, faults = Schema.of(schema), Faults(f"CSV folder {os.fspath(folder)!r}")
    for table in keys or {}:
        if table not in schema.tables:
            faults.add(f"keys of {table!r}", f"known tables are {', '.join(schema.tables)}")
    read: dict[str, tuple[list[str], list[list[str]]]] = {}
    for table in schema.tables:
        rows = _read_file(Path(folder) / f"{table}.csv", table, faults, max_bytes)
        if rows is not None:
            read[table] = rows
    faults.check()
    sets: dict[str, FinSet] = {}
    for table, (header, rows) in read.items():
        key = (keys or {}).get(table, NAME)
        if keys and table in keys and key not in header:
            faults.add(f"{table}.csv", f"has no column {key!r}, which should have the names")
        names = [row[header.index(key)] for row in rows] if key in header else None
        sets[table] = _read_names(table, names, len(rows), faults)
        _check_header(schema, table, header, key, extra, faults)
    faults.check()
    parts: dict[str, Any] = {
        t: list(one.names) if one.names else len(one) for t, one in sets.items()
    }
    for table, (header, rows) in read.items():
        for name, kind in _columns(schema, table).items():
            at = header.index(name)
            column = [row[at] for row in rows]
            parts[name] = _read_column(schema, name, kind, table, column, sets, faults)
    faults.check()
    try:
        return CSet(schema, parts)
    except CatlearnError as error:
        faults.extend(getattr(error, "failures", None) or [Failure("format", "C-set", str(error))])
        faults.check()
        raise


def _read_file(
    path: Path, table: str, faults: Faults, max_bytes: int
) -> tuple[list[str], list[list[str]]] | None:
    where = f"{table}.csv"
    try:
        data = read_bounded(path, max_bytes, where)
    except FileFormatError as error:
        faults.extend(error.failures)
        return None
    except FileNotFoundError:
        faults.add(where, "there is no such file in the folder")
        return None
    except OSError as error:
        faults.add(where, f"could not be opened: {error.strerror}")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.add(where, f"is not UTF-8: byte {error.start} cannot be read")
        return None
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if row or len(rows[:1] and rows[0]) == 1:
                rows.append(row or [""])
    except csv.Error as error:
        faults.add(f"{where}, line {reader.line_num}", f"is not CSV: {error}")
        return None
    if not rows:
        faults.add(where, "is empty; it needs a row of column names at least")
        return None
    header, body = rows[0], rows[1:]
    for name in dict.fromkeys(name for name in header if header.count(name) > 1):
        faults.add(where, f"has {header.count(name)} columns {shorten(name)!r}")
    fine = True
    for number, row in enumerate(body, 2):
        if len(row) != len(header):
            message = f"has {len(row)} cells, the first row has {len(header)}"
            faults.add(f"{where}, row {number}", message)
            fine = False
    return (header, body) if fine else None


def _read_names(table: str, names: list[str] | None, size: int, faults: Faults) -> FinSet:
    if names is None:
        return FinSet(size)
    met: dict[str, int] = {}
    for number, name in enumerate(names, 2):
        if name in met:
            message = f"has the name {shorten(name)!r}, as row {met[name]} has"
            faults.add(f"{table}.csv, row {number}", message)
        met.setdefault(name, number)
    return FinSet(met)


def _check_header(
    schema: Schema, table: str, header: list[str], key: str, extra: bool, faults: Faults
) -> None:
    columns = _columns(schema, table)
    for name, kind in columns.items():
        if name not in header:
            faults.add(f"{table}.csv", f"has no column for the {kind} {name!r}")
    for name in dict.fromkeys(header):
        if name not in columns and name not in (key, NAME, "_id") and not extra:
            message = (
                f"has the column {shorten(name)!r}, which the schema does not have; "
                "read with extra=True to pass over it"
            )
            faults.add(f"{table}.csv", message)


def _read_column(
    schema: Schema,
    name: str,
    kind: str,
    table: str,
    column: list[str],
    sets: Mapping[str, FinSet],
    faults: Faults,
) -> list[Any]:
    def place(row: int) -> str:
        return f"{table}.csv, row {row + 2}, {name}"

    if kind == "attribute":
        return [
            _read_label(cell, schema.types.get(name), place(row), faults)
            for row, cell in enumerate(column)
        ]
    target = schema.arrows[name][1] if kind == "arrow" else schema.lists[name][1]
    if kind == "arrow":
        return [
            _read_row(cell, sets[target], target, place(row), faults)
            for row, cell in enumerate(column)
        ]
    out = []
    for row, cell in enumerate(column):
        entries = _parse(cell) if cell else []
        if not isinstance(entries, list):
            faults.add(
                place(row), f"must be a JSON list of rows of {target}, found {shorten_repr(cell)}"
            )
            entries = []
        out.append([_read_row(e, sets[target], target, place(row), faults) for e in entries])
    return out


def _read_row(cell: Any, rows: FinSet, target: str, where: str, faults: Faults) -> int:
    """Return the number of a row that a cell gives by its name, or by number."""
    found = -1
    if rows.names is not None:
        found = rows.numbers.get(cell, -1) if isinstance(cell, str) else -1
    elif isinstance(cell, int) and not isinstance(cell, bool):
        found = cell
    elif isinstance(cell, str) and cell.isascii() and cell.isdigit() and len(cell) < 19:
        found = int(cell)
    if 0 <= found < len(rows):
        return found
    wanted = "the name of a row" if rows.names is not None else f"a number below {len(rows)}"
    faults.add(where, f"is {shorten_repr(cell)}, expected {wanted} of {target}", "dangling")
    return 0


def _read_label(cell: str, expected: Any, where: str, faults: Faults) -> Any:
    if not cell:
        return None
    if len(cell) > MAX_CELL:
        faults.add(where, f"has {len(cell)} characters, at most {MAX_CELL} are read", "size limit")
        return None
    parsed = _parse(cell) if expected is not str or cell[0] == '"' else _NOT_JSON
    if parsed is _NOT_JSON:
        return cell
    try:
        label = decode(parsed)
        hash(label)
    except (Unreadable, TypeError) as error:
        faults.add(where, str(error), "labels")
        return None
    return float(label) if expected is float and type(label) is int else label
