"""Rows as ACSets writes them: objects with their ``_id``, arrows, lists and attributes.

Law: reading what was written gives equal columns; see :mod:`catlearn.formats.codecs` for labels.

>>> from catlearn.category import Graph
>>> from catlearn.formats.acset_rows import write_rows
>>> write_rows(Graph({"f": ("A", "B")}), [], names=True)["V"]
[{'_id': 1, '_name': 'A'}, {'_id': 2, '_name': 'B'}]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catlearn.errors import Failure
from catlearn.files import shorten
from catlearn.finset import Shape, Tables
from catlearn.formats.codecs import Unreadable, decode
from catlearn.formats.faults import Faults, encoded

ID, NAME = "_id", "_name"


def write_rows(tables: Tables, failures: list[Failure], names: bool) -> dict[str, Any]:
    """Return the rows of all tables, with their names if they are asked for."""
    document: dict[str, Any] = {}
    shape = tables.shape
    for table in shape.tables:
        rows: list[dict[str, Any]] = [{ID: k + 1} for k in range(tables.size(table))]
        labels = tables.sets[table].names
        if names and labels is not None:
            for row, label in zip(rows, labels, strict=True):
                row[NAME] = encoded(label, f"name of a row of {table}", failures)
        for name, (source, _) in shape.arrows.items():
            if source == table:
                for row, value in zip(rows, tables.arrows[name].values.tolist(), strict=True):
                    row[name] = value + 1
        for name, (source, _) in shape.lists.items():
            if source == table:
                for row, values in zip(rows, tables.lists[name], strict=True):
                    row[name] = [int(value) + 1 for value in values]
        for name, home in shape.attributes.items():
            if home == table:
                where = [f"{name} of {table} {label!r}" for label in tables.names(table)]
                pairs = zip(rows, tables.attributes[name], where, strict=True)
                for row, label, place in pairs:
                    row[name] = encoded(label, place, failures)
        document[table] = rows
    return document


def read_rows(
    document: Mapping[str, Any], shape: Shape, faults: Faults
) -> tuple[dict[str, Any], ...]:
    """Read the rows of all tables: sets, arrows, lists and attributes."""
    sets: dict[str, Any] = {}
    for key in document:
        if key not in shape.tables and document[key] != []:
            known = ", ".join(shape.tables)
            faults.add("document", f"has the unknown table {shorten(repr(key))}; known are {known}")
    rows: dict[str, list[dict[str, Any]]] = {}
    for table in shape.tables:
        found = document.get(table)
        if not isinstance(found, list):
            problem = "is missing" if table not in document else "must be a list of rows"
            faults.add(f"table {table}", problem)
            found = []
        rows[table] = [row if isinstance(row, dict) else {} for row in found]
        for k, row in enumerate(found):
            if not isinstance(row, dict):
                faults.add(f"{table} row {k + 1}", f"must be an object, found {_short(row)}")
        sets[table] = _read_names(table, rows[table], faults)
    sizes = {table: len(found) for table, found in rows.items()}
    arrows = {
        name: _read_arrow(name, rows[source], source, target, sizes[target], faults)
        for name, (source, target) in shape.arrows.items()
    }
    lists = {
        name: _read_list(name, rows[source], source, target, sizes[target], faults)
        for name, (source, target) in shape.lists.items()
    }
    attributes = {
        name: _read_attribute(name, rows[table], table, faults)
        for name, table in shape.attributes.items()
    }
    _check_fields(rows, shape, faults)
    return sets, arrows, lists, attributes


def _short(value: Any) -> str:
    return shorten(repr(value))


def _row(table: str, k: int, row: Mapping[str, Any]) -> str:
    name = row.get(NAME)
    return f"{table} row {k + 1}" + (f" ({shorten(name)!r})" if isinstance(name, str) else "")


def _read_names(table: str, rows: list[dict[str, Any]], faults: Faults) -> Any:
    """Check the ids of a table and return its row names, or its size."""
    seen: dict[int, int] = {}
    for k, row in enumerate(rows):
        number = row.get(ID)
        if isinstance(number, bool) or not isinstance(number, int):
            faults.add(_row(table, k, row), f"{ID} must be {k + 1}, found {_short(number)}")
        elif number in seen:
            faults.add(_row(table, k, row), f"{ID} {_short(number)} is that of row {seen[number]}")
        elif number != k + 1:
            faults.add(_row(table, k, row), f"{ID} must be {k + 1}, found {_short(number)}")
        if isinstance(number, int):
            seen.setdefault(number, k + 1)
    named = [row for row in rows if NAME in row]
    if not named:
        return len(rows)
    met: dict[str, int] = {}
    for k, row in enumerate(rows):
        name = row.get(NAME)
        if not isinstance(name, str):
            message = f"{NAME} must be a text, as other rows have names; found {_short(name)}"
            faults.add(f"{table} row {k + 1}", message)
        elif name in met:
            faults.add(_row(table, k, row), f"has the name of row {met[name]}")
        else:
            met[name] = k + 1
    return tuple(met)


def _read_reference(
    value: Any, where: str, name: str, target: str, size: int, faults: Faults
) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        faults.add(where, f"{name} must be the {ID} of a row of {target}, found {_short(value)}")
        return 0
    if not 1 <= value <= size:
        message = f"{name} is {_short(value)}, there are {size} rows of {target}"
        faults.add(where, message, "dangling")
        return 0
    return value - 1


def _read_arrow(
    name: str, rows: list[dict[str, Any]], source: str, target: str, size: int, faults: Faults
) -> list[int]:
    return [
        _read_reference(row.get(name), _row(source, k, row), name, target, size, faults)
        for k, row in enumerate(rows)
    ]


def _read_list(
    name: str, rows: list[dict[str, Any]], source: str, target: str, size: int, faults: Faults
) -> list[list[int]]:
    out = []
    for k, row in enumerate(rows):
        where, values = _row(source, k, row), row.get(name)
        if not isinstance(values, list):
            faults.add(where, f"{name} must be a list of ids of {target}, found {_short(values)}")
            values = []
        out.append([_read_reference(v, where, name, target, size, faults) for v in values])
    return out


def _read_attribute(name: str, rows: list[dict[str, Any]], table: str, faults: Faults) -> list[Any]:
    out = []
    for k, row in enumerate(rows):
        try:
            label = decode(row.get(name))
            hash(label)
        except (Unreadable, TypeError) as error:
            faults.add(_row(table, k, row), f"{name}: {error}", "labels")
            label = None
        out.append(label)
    return out


def _check_fields(rows: Mapping[str, list[dict[str, Any]]], shape: Shape, faults: Faults) -> None:
    """Note fields that the schema does not have, and attributes that are missing."""
    for table, found in rows.items():
        steps = {name for name, (source, _) in shape.steps().items() if source == table}
        own = {name for name, home in shape.attributes.items() if home == table}
        known = steps | own | {ID, NAME}
        for k, row in enumerate(found):
            for key in row:
                if key not in known:
                    faults.add(_row(table, k, row), f"has the unknown field {_short(key)}")
            for key in own:
                if row and key not in row:
                    message = f"has no {key}; write null where it is absent"
                    faults.add(_row(table, k, row), message)
