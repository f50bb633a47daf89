"""Limits of sets as a relational join.

An element of the limit of a finite diagram of finite sets is a family (x_k) with one element
of each object, such that m(x_i) = x_j for every arrow m : i -> j (Mac Lane, V.1). Objects are
placed one at a time: an arrow out of a placed object determines the next column, an arrow into
one is joined by sorting, and an arrow between placed objects filters. Before that, one sweep
backwards over the plan drops the rows that nothing matches, so that on a tree of arrows no
intermediate table is larger than the result (Yannakakis, VLDB 1981).

Elements are numbered in lexicographic order of their legs.

>>> import numpy as np
>>> f, g = np.array([0, 1, 1]), np.array([1, 2])
>>> [column.tolist() for column in join([3, 2, 3], [(0, 2, f), (1, 2, g)], [0, 1])]
[[1, 2], [0, 0]]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catlearn.errors import TooLarge
from catlearn.finset.merge import Arrow
from catlearn.finset.value import check_rows, marked


def keys(left: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Give each row of two tables with the same columns one integer, in lexicographic order."""
    length = len(left[0])
    key = np.concatenate([left[0], right[0]])
    for one, other in zip(left[1:], right[1:], strict=True):
        column = np.concatenate([one, other])
        room = float(key.max(initial=0) + 1) * float(column.max(initial=0) + 1)
        if min(key.min(initial=0), column.min(initial=0)) < 0 or room > 2.0**62:
            key, column = (np.unique(some, return_inverse=True)[1] for some in (key, column))
        key = key * np.int64(column.max(initial=0) + 1) + column
    return key[:length], key[length:]


def expand(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Concatenate the ranges ``starts[k], ..., starts[k] + lengths[k] - 1``."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if ends.size else 0
    return np.arange(total) + np.repeat(starts - (ends - lengths), lengths)


def positions(rows: np.ndarray, size: int) -> np.ndarray:
    """Return where each of so many rows stands among some of them, -1 where it does not."""
    found = np.full(size, -1)
    found[rows] = np.arange(len(rows))
    return found


def find(table: Sequence[np.ndarray], rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return for each of the rows its place in a table of distinct rows, or -1."""
    inside, wanted = keys(table, rows)
    if inside.size == 0:
        return np.full(wanted.size, -1)
    order = np.argsort(inside)
    place = order[np.searchsorted(inside, wanted, sorter=order).clip(max=inside.size - 1)]
    return np.where(inside[place] == wanted, place, -1)


def plan(size: int, arrows: Sequence[Arrow]) -> list[list[int]]:
    """Order the objects of each connected part so that each next one touches a placed one.

    An object that a placed one determines comes before one that has to be joined.
    """
    parts: list[list[int]] = []
    placed: set[int] = set()
    for root in range(size):
        if root in placed:
            continue
        part = [root]
        placed.add(root)
        while True:
            determined = (j for i, j, _ in arrows if i in placed and j not in placed)
            joined = (i for i, j, _ in arrows if j in placed and i not in placed)
            new = next(determined, None)
            new = next(joined, None) if new is None else new
            if new is None:
                break
            part.append(new)
            placed.add(new)
        parts.append(part)
    return parts


def alive(sizes: Sequence[int], arrows: Sequence[Arrow], order: Sequence[int]) -> list[np.ndarray]:
    """Sweep backwards over the order: mark the rows that something matches later on."""
    live = [np.ones(size, bool) for size in sizes]
    rank = {k: place for place, k in enumerate(order)}
    for new in reversed(order):
        for i, j, values in arrows:
            if j == new and rank.get(i, rank[new]) < rank[new]:
                live[i] &= live[j][values]
            elif i == new and rank.get(j, rank[new]) < rank[new]:
                live[j] &= marked(values[live[i]], sizes[j])
    return live


def join_part(
    sizes: Sequence[int], arrows: Sequence[Arrow], order: Sequence[int], most: int | None = None
) -> dict[int, np.ndarray]:
    """Join one connected part of a diagram; return a column for each of its objects."""
    live = alive(sizes, arrows, order)
    columns = {order[0]: np.flatnonzero(live[order[0]])}
    for new in order:
        into = [(i, values) for i, j, values in arrows if j == new and i in columns]
        out = [(j, values) for i, j, values in arrows if i == new and j in columns]
        if new not in columns and into:
            source, values = into[0]
            columns[new] = values[columns[source]]
        elif new not in columns:
            rows = np.flatnonzero(live[new])
            have, want = keys([values[rows] for _, values in out], [columns[j] for j, _ in out])
            by_key = np.argsort(have, kind="stable")
            low = np.searchsorted(have, want, side="left", sorter=by_key)
            count = np.searchsorted(have, want, side="right", sorter=by_key) - low
            total = int(count.sum())
            if most is not None and total > most:
                raise TooLarge(_over(total, most))
            check_rows(total, "a limit of sets", len(columns) + 1)
            columns = {k: np.repeat(column, count) for k, column in columns.items()}
            columns[new] = rows[by_key[expand(low, count)]]
        keep = live[new][columns[new]]
        for i, j, values in arrows:
            if new in (i, j) and i in columns and j in columns:
                keep &= values[columns[i]] == columns[j]
        columns = {k: column[keep] for k, column in columns.items()}
    return columns


def _over(total: int, most: int) -> str:
    return f"a limit of sets with {total} elements is over the budget, {most}"


def _met(
    sizes: Sequence[int], arrows: Sequence[Arrow]
) -> tuple[list[int], list[Arrow], dict[int, np.ndarray]]:
    """Cut objects that are large for what arrives there down to the rows at which something does.

    Returns the sizes and arrows of what is left, and for objects that were cut their rows.
    """
    arriving: dict[int, list[np.ndarray]] = {}
    for _, j, values in arrows:
        arriving.setdefault(j, []).append(values)
    met = {
        k: np.unique(np.concatenate(values))
        for k, values in arriving.items()
        if sizes[k] > 4 * sum(len(part) for part in values)
    }
    if not met:
        return list(sizes), list(arrows), met
    cut = [met[k].size if k in met else size for k, size in enumerate(sizes)]
    kept = []
    for i, j, values in arrows:
        values = values[met[i]] if i in met else values
        kept.append((i, j, np.searchsorted(met[j], values) if j in met else values))
    return cut, kept, met


def join(
    sizes: Sequence[int], arrows: Sequence[Arrow], legs: Sequence[int], most: int | None = None
) -> list[np.ndarray]:
    """Compute the limit of a finite diagram of sets.

    Parameters
    ----------
    sizes
        The size of each object.
    arrows
        Triples (source, target, values).
    legs
        The objects that have legs; arrows lead from them to every other object.
    most
        The most elements that the limit may have, or one of a connected part; any number by
        default.

    Returns
    -------
    list of arrays
        One int64 array for each leg: element of the limit -> row of the object.

    Raises
    ------
    TooLarge
        If there are more, at the end or on the way, or more than memory holds.
    """
    sizes, arrows, met = _met(sizes, arrows)
    check_rows(sum(sizes), "a limit of sets")
    columns: dict[int, np.ndarray] = {}
    length = 1
    for order in plan(len(sizes), arrows):
        part = join_part(sizes, arrows, order, most)
        count = len(part[order[0]])
        if most is not None and length * count > most:
            raise TooLarge(_over(length * count, most))
        check_rows(length * count, "a limit of sets", len(columns) + len(part))
        columns = {k: np.repeat(column, count) for k, column in columns.items()}
        columns |= {k: np.tile(column, length) for k, column in part.items()}
        length *= count
    chosen = [met[k][columns[k]] if k in met else columns[k] for k in legs]
    if not chosen:
        return []
    order = np.lexsort(chosen[::-1])
    return [column[order] for column in chosen]
