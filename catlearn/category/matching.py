"""All solutions of constraints between pairs of variables, one after the other.

Each variable has finitely many candidates. A constraint between two variables gives every
candidate of either an integer, its *code*; the chosen candidates must have equal codes. First
candidates without a partner are dropped until none is left (arc consistency; Mackworth,
"Consistency in networks of relations", 1977). Then variables are chosen in an order in which
those that earlier ones determine come first, and each takes the candidates that fit.

>>> import numpy as np
>>> codes = np.array([0, 1, 1])
>>> [choice.tolist() for choice in solutions([3, 3], [(0, 1, codes, np.array([1, 0, 0]))])]
[[0, 1], [0, 2], [1, 0], [2, 0]]
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

import numpy as np

Constraint = tuple[int, int, np.ndarray, np.ndarray]
"""Two different variables, and the code of each candidate of the first and of the second."""


def solutions(sizes: Sequence[int], constraints: Sequence[Constraint]) -> Iterator[np.ndarray]:
    """Yield each choice of one candidate for each variable that meets all constraints.

    Parameters
    ----------
    sizes
        The number of candidates of each variable.
    constraints
        The constraints.
    """
    touching: list[list[tuple[int, np.ndarray, np.ndarray]]] = [[] for _ in sizes]
    for i, j, left, right in constraints:
        touching[i].append((j, left, right))
        touching[j].append((i, right, left))
    kept = _consistent(sizes, touching)
    if any(not rows.size for rows in kept):
        return
    order = _order(kept, touching)
    place = {variable: number for number, variable in enumerate(order)}
    earlier = [[known for known in touching[v] if place[known[0]] < place[v]] for v in order]
    chosen = np.zeros(len(sizes), np.int64)
    # One iterator of candidates for each variable that has been reached.
    levels = [iter(kept[order[0]].tolist())] if order else []
    if not order:
        yield chosen
    while levels:
        here = len(levels) - 1
        candidate = next(levels[here], None)
        if candidate is None:
            levels.pop()
            continue
        chosen[order[here]] = candidate
        if here + 1 == len(order):
            yield chosen.copy()
            continue
        rows = kept[order[here + 1]]
        for other, mine, theirs in earlier[here + 1]:
            rows = rows[mine[rows] == theirs[chosen[other]]]
        levels.append(iter(rows.tolist()))


def _consistent(
    sizes: Sequence[int], touching: list[list[tuple[int, np.ndarray, np.ndarray]]]
) -> list[np.ndarray]:
    """Drop candidates that have no partner at a neighbour, until all have."""
    kept = [np.arange(size) for size in sizes]
    pending = dict.fromkeys(range(len(sizes)))
    while pending:
        changed, _ = pending.popitem()
        for other, mine, theirs in touching[changed]:
            rows = kept[other]
            fits = np.isin(theirs[rows], mine[kept[changed]])
            if not fits.all():
                kept[other] = rows[fits]
                pending[other] = None
    return kept


def _order(
    kept: list[np.ndarray], touching: list[list[tuple[int, np.ndarray, np.ndarray]]]
) -> list[int]:
    """Order the variables: next to earlier ones, the determined ones and the smallest first."""
    heap = [(2, len(rows), variable) for variable, rows in enumerate(kept)]
    heapq.heapify(heap)
    order: dict[int, None] = {}
    while heap:
        _, _, variable = heapq.heappop(heap)
        if variable in order:
            continue
        order[variable] = None
        for other, _, theirs in touching[variable]:
            if other not in order:
                codes = theirs[kept[other]]
                determined = len(np.unique(codes)) == len(codes)
                heapq.heappush(heap, (0 if determined else 1, len(codes), other))
    return list(order)
