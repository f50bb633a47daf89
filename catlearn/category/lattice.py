"""Membership in a lattice of integer vectors, which proves that two paths differ.

Counting how often each edge occurs is a functor from the free category on a graph to the abelian
group of integer vectors. Modulo the lattice that the differences of all equations span it is a
functor out of the presented category: paths whose counts differ there are not equal, and a loop
of which no multiple is in the lattice leads to infinitely many arrows.

>>> lattice = Lattice([{"a": 2}, {"b": 3, "a": 1}])
>>> {"a": 4} in lattice, {"b": 6} in lattice, {"b": 3} in lattice
(True, True, False)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

Vector = Mapping[Any, int]
"""An integer vector by its coordinates; those left out are 0."""


class Lattice:
    """The integer combinations of some vectors, in echelon form.

    Parameters
    ----------
    vectors
        The vectors that span it.
    """

    def __init__(self, vectors: Iterable[Vector]) -> None:
        # One vector for each leading coordinate; the coordinates before it are 0.
        self._rows: dict[Hashable, dict[Any, int]] = {}
        self._order: dict[Any, int] = {}
        for vector in vectors:
            self._insert(self._clean(vector))

    def _clean(self, vector: Vector) -> dict[Any, int]:
        for coordinate in vector:
            self._order.setdefault(coordinate, len(self._order))
        return {coordinate: value for coordinate, value in vector.items() if value}

    def _lead(self, vector: Vector) -> Hashable:
        return min(vector, key=self._order.__getitem__)

    def _insert(self, vector: dict[Any, int]) -> None:
        while vector:
            lead = self._lead(vector)
            row = self._rows.get(lead)
            if row is None:
                self._rows[lead] = vector
                return
            # Euclid's algorithm on the two leading entries.
            while vector.get(lead):
                row, vector = vector, _add(row, -(row[lead] // vector[lead]), vector)
            self._rows[lead] = row

    def __contains__(self, vector: Vector) -> bool:
        rest = self._clean(vector)
        while rest:
            lead = self._lead(rest)
            row = self._rows.get(lead)
            if row is None or rest[lead] % row[lead]:
                return False
            rest = _add(rest, -(rest[lead] // row[lead]), row)
        return True

    def has_multiple(self, vector: Vector) -> bool:
        """Whether some multiple of a vector, but 0, is in the lattice.

        Examples
        --------
        >>> lattice = Lattice([{"a": 2, "b": 2}])
        >>> lattice.has_multiple({"a": 3, "b": 3}), lattice.has_multiple({"a": 1})
        (True, False)
        """
        rest = self._clean(vector)
        while rest:
            lead = self._lead(rest)
            row = self._rows.get(lead)
            if row is None:
                return False
            rest = _add(_add({}, row[lead], rest), -rest[lead], row)
        return True


def _add(one: Vector, factor: int, other: Vector) -> dict[Any, int]:
    """Return ``one + factor * other``."""
    total = dict(one)
    for coordinate, value in other.items():
        total[coordinate] = total.get(coordinate, 0) + factor * value
    return {coordinate: value for coordinate, value in total.items() if value}


def difference(one: Iterable[Hashable], other: Iterable[Hashable]) -> dict[Any, int]:
    """Return how much more often each entry occurs in the first than in the second.

    Examples
    --------
    >>> difference("aab", "bc")
    {'a': 2, 'c': -1}
    """
    counts = Counter(one)
    counts.subtract(Counter(other))
    return {entry: count for entry, count in counts.items() if count}
