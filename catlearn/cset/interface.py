"""What two objects have in common by name: the interface of a rule that is given by its sides.

>>> from catlearn.category import Graph
>>> one = Graph({"e": ("A", "B"), "f": ("B", "A")})
>>> in_common(one, Graph({"e": ("A", "B"), "f": ("B", "B")}))
{'V': ['A', 'B'], 'E': ['e']}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from catlearn.errors import UnknownName
from catlearn.finset import Tables
from catlearn.finset.orders import same_label


def in_common(
    L: Tables,
    R: Tables,
    keep: Mapping[str, Iterable[Any]] | None = None,
    without: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, list[str]]:
    """Return the largest part that two objects share by name, table by table.

    Parameters
    ----------
    L, R
        Tables of one shape. Rows without names are called by their numbers.
    keep
        Table -> rows that may be in it; by default all.
    without
        Table -> rows that may not.

    Returns
    -------
    dict
        Table -> names of rows that have the same labels, ends and entries in both, all of which
        are there too.
    """
    common: dict[str, set[str]] = {}
    for table in L.shape.tables:
        names = set(L.names(table)) & set(R.names(table))
        names -= set((without or {}).get(table, ()))
        common[table] = names if keep is None else names & set(map(str, keep.get(table, ())))
    shrinking = True
    while shrinking:
        same = {t: {n for n in rows if alike(L, R, t, n, common)} for t, rows in common.items()}
        shrinking, common = same != common, same
    return {t: [n for n in L.names(t) if n in rows] for t, rows in common.items()}


def alike(L: Tables, R: Tables, table: str, name: str, common: Mapping[str, set[str]]) -> bool:
    """Whether a row is the same in both: its labels, and where it leads, all of it common."""
    shape, x, y = L.shape, number(L, table, name), number(R, table, name)
    for attribute, home in shape.attributes.items():
        labels = L.attributes[attribute], R.attributes[attribute]
        if home == table and not same_label(labels[0][x], labels[1][y]):
            return False
    for step, (source, target) in shape.steps().items():
        if source == table:
            one = L.sets[target].labels(L.step(step).row(x).tolist())
            if one != R.sets[target].labels(R.step(step).row(y).tolist()):
                return False
            if not set(one) <= common[target]:
                return False
    return True


def rows_of(R: Any, table: str, rows: Any) -> tuple[int, ...]:
    """Read the rows that replace one."""
    if isinstance(rows, str) and rows not in R.sets[table] and table == "E" and hasattr(R, "path"):
        rows = R.path(rows).edges
    if isinstance(rows, (str, int, np.integer)):
        rows = [rows]
    assert isinstance(rows, Sequence)
    return tuple(number(R, table, row) for row in rows)


def number(tables: Tables, table: str, row: Any) -> int:
    """Return the number of a row given by number, name or label."""
    if isinstance(row, str) and not tables.sets[table].names:
        if not row.isdecimal():
            raise UnknownName(f"{table} has no row {row!r}; its rows have no names")
        row = int(row)
    return tables.row(table, row)
