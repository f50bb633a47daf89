"""CSV: a C-set as a folder with one file for each table, both ways.

A file ``E.csv`` has a row for each row of E, and a column for each arrow, list and attribute out
of it; the column ``_name`` has the names of rows where they have some. A value of an arrow is the
name of a row, or its number, from 0, where rows have no names. Cells of lists are JSON lists of
such values.

A cell of an attribute is text, or JSON if it reads as JSON (a number, ``true``, a quoted text);
an empty cell is an absent label. A column of type ``str`` is text throughout. The schema, with its
orders and keys, is not in the folder; nor are the arrays of a learning diagram, and what the rows
of other tables hold is refused. Reading executes nothing, is bounded, and refuses a bad folder with
one error that lists all that is wrong.

Spreadsheets do execute: a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or an end of line
is a formula to them. Where names or labels are other people's and the folder will be opened in one,
write and read it with ``spreadsheet=True``, which quotes such cells by an apostrophe.

Law: ``from_csv(x.schema, to_csv(x, folder)) == x``, also with ``spreadsheet=True`` in both.

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

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from catlearn.cset import CSet, Schema
from catlearn.errors import Failures, FileFormatError, refuse
from catlearn.files import (
    MAX_CSV_BYTES,
    Faults,
    atomic_write,
    parse_csv,
    parse_json,
    read_bounded,
    shorten,
    write_csv,
)
from catlearn.finset import FinSet, Shape, Tables
from catlearn.formats.acset import NAME, RowReader
from catlearn.formats.codecs import Unreadable, Unwritable, decode, encode
from catlearn.learning import LearningDiagram

MAX_CELL = 2**20
"""Characters of one cell that are read."""


def to_csv(
    tables: Tables, folder: str | os.PathLike[str], *, spreadsheet: bool = False
) -> dict[str, Path]:
    """Write tables into a folder, a file for each table.

    Parameters
    ----------
    tables
        A C-set or any other tables.
    folder
        Made if it is not there. Each file is written whole or not at all, and none is written
        unless everything can be.
    spreadsheet
        Whether to quote cells that spreadsheets would run as formulas, by an apostrophe.

    Returns
    -------
    dict
        The path of the file of each table.

    Raises
    ------
    InvalidStructure
        Listing every label that a cell cannot hold, tables whose names are no file names, and
        side data.
    """
    failures = Failures()
    records = {table: _records(tables, table, failures) for table in tables.shape.tables}
    texts = {table: write_csv(cells, spreadsheet) for table, cells in records.items()}
    for name, held in tables.side_data.items():
        if held and not isinstance(tables, LearningDiagram):
            message = f"{len(held)} rows of {tables.shape.side_data[name]} hold arrays; use save"
            failures.add("side data", repr(name), message)
    for table in texts:
        if Path(table).name != table or table in (".", ".."):
            failures.add("names", f"table {table!r}", "is no name of a file")
    refuse("CSV folder", failures)
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


def _records(tables: Tables, table: str, failures: Failures) -> list[Iterable[str]]:
    """Return the cells of a table, the names of its columns first."""
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
    # A table without any column still has its number of rows to say.
    columns = columns or {"_id": list(map(str, range(tables.size(table))))}
    return [columns, *zip(*columns.values(), strict=True)]


def _write_label(label: Any, text: bool, where: str, failures: Failures) -> str:
    if label is None:
        return ""
    try:
        plain = encode(label)
    except Unwritable as error:
        failures.add("labels", where, str(error))
        return ""
    if isinstance(plain, str) and "\0" in plain:
        failures.add("labels", where, "holds the character 0, which CSV cannot")
        return ""
    bare = isinstance(plain, str) and plain and plain[0] != '"'
    if bare and (text or _parse(plain) is _NOT_JSON):
        return plain
    return json.dumps(plain, ensure_ascii=False)


_NOT_JSON = object()


def _parse(text: str) -> Any:
    """Return what a cell is as strict JSON, if it is."""
    if text.lstrip()[:1] not in '-0123456789"[{tfn':
        return _NOT_JSON
    try:
        return parse_json(text)
    except FileFormatError:
        return _NOT_JSON


def from_csv(
    schema: Shape,
    folder: str | os.PathLike[str],
    *,
    keys: Mapping[str, str] | None = None,
    extra: bool = False,
    spreadsheet: bool = False,
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
    spreadsheet
        Whether it was written with that option.
    max_bytes
        The largest file that is read.

    Raises
    ------
    FileFormatError
        Listing every missing file and column, unknown column, dangling or unreadable cell.
    """
    schema = Schema.of(schema)
    reader = _Folder(schema, folder, keys or {}, extra, spreadsheet, max_bytes)
    parts: dict[str, Any] = {
        table: list(rows.names) if rows.names is not None else len(rows)
        for table, rows in reader.sets.items()
    }
    for columns in reader.read():
        parts |= columns
    reader.faults.check()
    with reader.faults.collecting("C-set"):
        return CSet(schema, parts)


class _Folder(RowReader):
    """The rows of all tables of a folder.

    Parameters
    ----------
    schema, folder, keys, extra, spreadsheet, max_bytes
        As for :func:`from_csv`.
    """

    def __init__(
        self,
        schema: Schema,
        folder: str | os.PathLike[str],
        keys: Mapping[str, str],
        extra: bool,
        spreadsheet: bool,
        max_bytes: int,
    ) -> None:
        super().__init__(schema, faults := Faults(f"CSV folder {os.fspath(folder)!r}"))
        self.types = schema.types
        for table in keys:
            if table not in schema.tables:
                faults.add(f"keys of {table!r}", f"known tables are {', '.join(schema.tables)}")
        self.headers: dict[str, list[str]] = {}
        self.rows: dict[str, list[list[str]]] = {}
        for table in schema.tables:
            where = f"{table}.csv"
            try:
                data = read_bounded(Path(folder) / where, max_bytes, where)
                self.headers[table], self.rows[table] = parse_csv(data, where, spreadsheet)
            except FileFormatError as error:
                faults.extend(replace(one, where=f"{where}, {one.where}") for one in error.failures)
            except FileNotFoundError:
                faults.add(where, "there is no such file in the folder")
            except OSError as error:
                faults.add(where, f"could not be opened: {error.strerror}")
        faults.check()
        for table in schema.tables:
            self._read_names(table, keys.get(table), extra)
        faults.check()

    def _read_names(self, table: str, key: str | None, extra: bool) -> None:
        """Read the names of the rows of a table, and check those of its columns."""
        faults, where = self.faults, f"{table}.csv"
        header, rows, columns = self.headers[table], self.rows[table], _columns(self.shape, table)
        if key is not None and key not in header:
            faults.add(where, f"has no column {key!r}, which should have the names")
        named = key or NAME
        self.places[table] = [f"{where}, record {number}" for number in range(2, len(rows) + 2)]
        self.sets[table] = FinSet(len(rows))
        if named in header:
            self.sets[table] = self.named(table, self.cells(table, named))
        for name, kind in columns.items():
            if name not in header:
                faults.add(where, f"has no column for the {kind} {name!r}")
        for name in header:
            if name not in (*columns, named, NAME, "_id") and not extra:
                message = (
                    f"has the column {shorten(name)!r}, which the schema does not have; "
                    "read with extra=True to pass over it"
                )
                faults.add(where, message)

    def cells(self, table: str, name: str) -> list[str]:
        at = self.headers[table].index(name)
        return [row[at] for row in self.rows[table]]

    def row(self, cell: Any, target: str) -> int:
        """Return the number of a row that a cell gives by its name, or by number."""
        numbers = self.sets[target].numbers if self.sets[target].names is not None else None
        if numbers is not None:
            return numbers.get(cell, -1) if isinstance(cell, str) else -1
        if isinstance(cell, str):
            return int(cell) if cell.isascii() and cell.isdigit() and len(cell) < 19 else -1
        return cell if type(cell) is int else -1

    def wanted(self, target: str) -> str:
        rows = self.sets[target]
        what = "the name of a row" if rows.names is not None else f"a number below {len(rows)}"
        return f"{what} of {target}"

    def entries(self, cell: str) -> Any:
        return _parse(cell) if cell else []

    def label(self, cell: str, name: str) -> Any:
        expected = self.types.get(name)
        if not cell:
            return None
        if len(cell) > MAX_CELL:
            raise Unreadable(f"has {len(cell)} characters, at most {MAX_CELL} are read")
        parsed = _parse(cell) if expected is not str or cell[0] == '"' else _NOT_JSON
        label = cell if parsed is _NOT_JSON else decode(parsed)
        return float(label) if expected is float and type(label) is int else label
