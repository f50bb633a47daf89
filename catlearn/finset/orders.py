"""Labels: which are the same.

>>> column = [1, True, 1.0, (1, "x"), (True, "x"), np.int64(1), float("nan"), float("nan")]
>>> codes, labels = coded(column)
>>> codes.tolist()
[0, 1, 2, 3, 4, 0, 5, 5]
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

PLAIN = frozenset((str, type(None)))
"""Types of labels that no label of another type equals."""

NUMBERS = frozenset((bool, int, float, complex))
SCALARS = (np.bool_, np.number, np.str_, np.bytes_)


def as_label(given: Any) -> Any:
    """Read a label: NumPy's scalars are Python's, also inside tuples.

    Examples
    --------
    >>> as_label((np.int64(1), np.True_))
    (1, True)
    """
    if isinstance(given, SCALARS):
        return given.item()
    if type(given) is tuple:
        return tuple(map(as_label, given))
    return given


def label_key(label: Any) -> Hashable:
    """Return what is equal for two labels if and only if they are the same.

    For Python 1, True and 1.0 are equal, and NaN equals nothing; here numbers of different types
    differ, NaN is NaN, and NumPy's scalars are Python's, also inside tuples and frozen sets.
    Other labels are the same if they are equal.

    Examples
    --------
    >>> label_key(1) == label_key(True), label_key((0, 1.0)) == label_key((0, 1))
    (False, False)
    >>> label_key(float("nan")) == label_key(np.float32("nan"))
    True
    """
    kind = type(label)
    if kind in PLAIN:
        return label
    if kind in NUMBERS:
        return kind, label if label == label else repr(label)
    if isinstance(label, SCALARS):
        found = label.item()
        return label if isinstance(found, SCALARS) else label_key(found)
    if isinstance(label, tuple):
        return kind, *map(label_key, label)
    if isinstance(label, frozenset):
        return kind, frozenset(map(label_key, label))
    return label


def same_label(one: Any, other: Any) -> bool:
    """Whether two labels are the same; see :func:`label_key`."""
    return one is other or label_key(one) == label_key(other)


def coded(column: Sequence[Any]) -> tuple[np.ndarray, tuple[Any, ...]]:
    """Return a column of labels as int64 codes of its distinct labels, and those labels."""
    kinds = set(map(type, column))
    # Among labels of these types those that are equal are the same, and each is its own key.
    plain = kinds <= PLAIN or kinds <= {*PLAIN, int} or kinds <= {*PLAIN, bool}
    seen: dict[Hashable, int] = {}
    keys = column if plain else list(map(label_key, column))
    codes = np.fromiter((seen.setdefault(key, len(seen)) for key in keys), np.int64, len(column))
    if plain:
        return codes, tuple(seen)
    return codes, tuple(column[k] for k in np.unique(codes, return_index=True)[1].tolist())
