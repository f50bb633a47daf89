"""Categories whose arrows are tuples of arrows, composed part by part.

An arrow of a comma category, a functor category or a Karoubi envelope is a tuple of arrows of
other categories, with two ends; tuples compose in each part. What is common to all of these is
here: distinct tuples are sorted, identities first, and composites are looked up by value.

>>> from catlearn.category import FiniteCategory
>>> C = FiniteCategory.chain(1)
>>> part = Part(np.array([0, 1, 2]), C.ids.values, C.then)
>>> name = lambda f, a, b: C.ar.label(f)
>>> made, columns = tuple_category(
...     FiniteCategory, ["a", "b"], np.array([0, 1, 0]), np.array([0, 1, 1]), [part], name
... )
>>> made.arrows
('id(a)', 'id(b)', '0 <= 1')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from catlearn.category.composition import Compose
from catlearn.category.finite import FiniteCategory
from catlearn.category.path import Path
from catlearn.errors import TooLarge
from catlearn.finset.join import find
from catlearn.names import distinct

Made = TypeVar("Made", bound=FiniteCategory)

MOST_PAIRS = 50_000_000
"""The most pairs of arrows that a construction composes."""


@dataclass(frozen=True)
class Part:
    """One part of the tuples: its row in each tuple, in each identity, and how it composes."""

    rows: np.ndarray
    units: np.ndarray
    then: Compose


def tuple_category(
    kind: type[Made],
    objects: Iterable[str],
    src: np.ndarray,
    tgt: np.ndarray,
    parts: Sequence[Part],
    name: Callable[..., str],
) -> tuple[Made, list[np.ndarray]]:
    """Build a category of tuples.

    Parameters
    ----------
    kind
        The class to build.
    objects
        The names of the objects.
    src, tgt
        The rows of the ends of each tuple.
    parts
        The parts of the tuples; with the ends they tell all tuples apart.
    name
        Called with the rows of the parts of a tuple, and then with those of its two ends, for
        all but identities; returns its name.

    Returns
    -------
    category, columns
        The category, and the rows of each part and of the two ends, in the order of its arrows.

    Raises
    ------
    TooLarge
        If there are too many pairs of arrows that meet.
    """
    objects = distinct(objects, "-")
    is_unit = src == tgt
    for part in parts:
        is_unit = is_unit & (part.rows == part.units[src])
    columns = [*(part.rows for part in parts), src, tgt]
    order = np.lexsort((*columns[:-2][::-1], tgt, src, ~is_unit))
    columns = [column[order] for column in columns]
    *rows, src, tgt = columns
    size = len(objects)
    check_pairs(size, src, tgt)
    lines = zip(*(column[size:].tolist() for column in columns), strict=True)
    names = [str(Path.identity(a)) for a in objects] + [name(*line) for line in lines]

    def compose(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        parted = [part.then(row[first], row[second]) for part, row in zip(parts, rows, strict=True)]
        return lookup([src, tgt, *rows], [src[first], tgt[second], *parted])

    made = kind.build(objects, distinct(names, "-"), src, tgt, np.arange(size), compose)
    return made, columns


def check_pairs(size: int, src: np.ndarray, tgt: np.ndarray) -> None:
    """Refuse to compose more pairs of arrows than :data:`MOST_PAIRS`."""
    pairs = int(np.bincount(src, minlength=size).astype(float) @ np.bincount(tgt, minlength=size))
    if pairs > MOST_PAIRS:
        message = (
            f"the category has {size} objects and {len(src)} arrows, of which {pairs} pairs meet, "
            f"more than the budget of {MOST_PAIRS}; take a smaller category"
        )
        raise TooLarge(message)


def lookup(table: Sequence[np.ndarray], rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return the place of each of the rows in a table of distinct rows that has it.

    Examples
    --------
    >>> table = [np.array([0, 0, 1]), np.array([2, 3, 2])]
    >>> lookup(table, [np.array([1, 0]), np.array([2, 3])]).tolist()
    [2, 1]
    """
    sizes = [int(column.max(initial=0)) + 1 for column in table]
    if np.prod([float(size) for size in sizes]) > 2.0**62:
        return find(table, rows)
    codes = np.zeros(len(table[0]), np.int64)
    wanted = np.zeros(len(rows[0]), np.int64)
    for size, column, row in zip(sizes, table, rows, strict=True):
        codes, wanted = codes * size + column, wanted * size + row
    order = np.argsort(codes)
    return order[np.searchsorted(codes, wanted, sorter=order)]


def written_tuple(names: Sequence[str]) -> str:
    """Return ``(f, g)`` for several names, ``f`` for one."""
    return names[0] if len(names) == 1 else f"({', '.join(names)})"
