"""Multiplication: reading the table of a monoid, and the monoid that functions generate.

>>> table, failures = read_table("1e", {(x, y): max(x, y) for x in "1e" for y in "1e"})
>>> table.tolist(), failures
([[0, 1], [1, 1]], [])
>>> right, before, last = transformations(np.array([[1, 2, 0]]), bound=10)
>>> right.tolist(), before, last
([[1, 2, 0]], [-1, 0, 1], [-1, 0, 0])
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from catlearn.errors import Failure, TooLarge
from catlearn.finset.value import SHOWN, listing


def read_table(elements: Sequence[Hashable], table: Any) -> tuple[np.ndarray, list[Failure]]:
    """Read a monoid's product into an array of positions, and list what is no element."""
    size, place = len(elements), {element: row for row, element in enumerate(elements)}
    if len({str(element) for element in elements}) < size:
        message = "elements repeat, or different ones have the same text"
        return np.zeros((0, 0), np.int64), [Failure("names", "elements", message)]
    if isinstance(table, np.ndarray):
        if table.shape == (size, size) and ((table >= 0) & (table < size)).all():
            return table.astype(np.int64), []
        message = f"expected a ({size}, {size}) array of numbers below {size}"
        return np.zeros((0, 0), np.int64), [Failure("table", "table", message)]
    if isinstance(table, Mapping):
        products = [[table.get((a, b)) for b in elements] for a in elements]
    elif callable(table):
        products = [[table(a, b) for b in elements] for a in elements]
    else:
        products = [list(row) for row in table]
        if len(products) != size or any(len(row) != size for row in products):
            message = f"expected {size} rows of {size} products"
            return np.zeros((0, 0), np.int64), [Failure("table", "table", message)]
    array = np.array([[place.get(c, -1) for c in row] for row in products], np.int64)
    array = array.reshape(size, size)
    bad = np.argwhere(array < 0).tolist()
    shown = [f"{elements[i]} >> {elements[j]} = {products[i][j]!r}" for i, j in bad[:SHOWN]]
    failures = [Failure("closure", "table", f"not elements: {listing(shown, len(bad))}")]
    return array, failures if bad else []


def without_inverse(names: list[str], is_unit: np.ndarray, unit: str) -> list[Failure]:
    """List the elements without inverse; ``is_unit`` says which products are the unit."""
    lost = np.flatnonzero(~(is_unit & is_unit.T).any(axis=1))
    failures = [
        Failure("inverse", x, f"there is no y with {x} >> y = {unit} = y >> {x}")
        for x in (names[k] for k in lost[:SHOWN].tolist())
    ]
    if lost.size > SHOWN:
        message = f"{lost.size - SHOWN} more have no inverse"
        failures.append(Failure("inverse", "elements", message))
    return failures


def transformations(steps: np.ndarray, bound: int) -> tuple[np.ndarray, list[int], list[int]]:
    """Enumerate the monoid that functions generate.

    Parameters
    ----------
    steps
        The values of each generator, of shape (generators, degree).
    bound
        The most elements there may be.

    Returns
    -------
    right, before, last
        ``right[s, f]`` is the element f followed by generator s; for each element the one
        before its last step, and that step. Element 0 is the identity.
    """
    degree = steps.shape[1]
    found, place = [np.arange(degree)], {np.arange(degree).tobytes(): 0}
    before, last, right = [-1], [-1], []
    for row, element in enumerate(found):  # grows while it is read: a queue
        line = []
        for step, values in enumerate(steps):
            image = values[element]
            key = image.tobytes()
            if key not in place:
                if len(found) == bound:
                    message = f"the monoid has more than {bound} elements; raise bound"
                    raise TooLarge(message)
                place[key] = len(found)
                found.append(image)
                before.append(row)
                last.append(step)
            line.append(place[key])
        right.append(line)
    return np.array(right, np.int64).reshape(len(found), len(steps)).T, before, last
