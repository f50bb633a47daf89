"""Finite sets {0, ..., n - 1}, whose elements may have names, and their limits and colimits.

>>> from catlearn.finset.sets import FinSet
>>> FinSet(["a", "b"]) + FinSet(["b"])
FinSet(['a', 'left/b', 'right/b'])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.display import brief
from catlearn.errors import Failure, InvalidStructure, UnknownName
from catlearn.finset.diagrams import Ambient, Diagram
from catlearn.finset.join import find, join
from catlearn.finset.merge import merge
from catlearn.finset.universal import Colimit, Limit, coproduct
from catlearn.finset.value import SHOWN, Frozen, listing

if TYPE_CHECKING:
    from catlearn.finset.functions import FinFunction


class FinSets(Ambient):
    """The category of finite sets; morphisms are :class:`FinFunction`."""

    name = "finite sets"

    def mismatch(self, one: FinSet, other: FinSet) -> str:
        return "" if one.size == other.size else f"{one.size} elements are not {other.size}"

    def identity(self, of: FinSet) -> FinFunction:
        return function(np.arange(of.size), of, of)

    def differences(self, f: FinFunction, g: FinFunction) -> str:
        bad = np.flatnonzero(f.values != g.values)
        shown = (
            f"{f.domain.label(k)!r} goes to {f.codomain.label(f(k))!r}"
            f" and to {g.codomain.label(g(k))!r}"
            for k in bad[:SHOWN].tolist()
        )
        return listing(shown, bad.size)

    def colimit(self, diagram: Diagram) -> tuple[FinSet, tuple[FinFunction, ...]]:
        sets = diagram.objects
        merged = merge(
            [one.size for one in sets],
            [(i, j, m.values) for i, j, m in diagram.arrows],
            diagram.legs,
            [one.names for one in sets],
            diagram.names,
        )
        apex = FinSet._of(len(merged.first), merged.names)
        pairs = zip(merged.legs, diagram.leg_objects, strict=True)
        return apex, tuple(function(leg, one, apex) for leg, one in pairs)

    def descend(self, colimit: Colimit, cocone: tuple[Any, ...], codomain: FinSet) -> FinFunction:
        values = np.zeros(colimit.apex.size, np.int64)
        for leg, h in zip(colimit.legs, cocone, strict=True):
            values[leg.values] = h.values
        return function(values, colimit.apex, codomain)

    def limit(self, diagram: Diagram) -> tuple[FinSet, tuple[FinFunction, ...]]:
        sizes = [one.size for one in diagram.objects]
        arrows = [(i, j, m.values) for i, j, m in diagram.arrows]
        columns = join(sizes, arrows, diagram.legs)
        apex = FinSet._of(
            len(columns[0]) if columns else 1, family_names(diagram.leg_objects, columns)
        )
        pairs = zip(columns, diagram.leg_objects, strict=True)
        return apex, tuple(function(column, apex, one) for column, one in pairs)

    def lift(self, limit: Limit, cone: tuple[Any, ...], domain: FinSet) -> FinFunction:
        values = np.zeros(domain.size, np.int64)
        if cone:
            values = find([leg.values for leg in limit.legs], [h.values for h in cone])
        return function(values, domain, limit.apex)


def function(values: np.ndarray, domain: FinSet, codomain: FinSet) -> FinFunction:
    """Make a function of values that are known to be right."""
    from catlearn.finset.functions import FinFunction

    return FinFunction._of(values, domain, codomain)


FINSETS = FinSets()

MOST_FAMILIES = 100_000
"""The most elements of a limit of several sets that are given names."""


def family_names(sets: Sequence[FinSet], columns: Sequence[np.ndarray]) -> tuple[str, ...] | None:
    """Name the elements of a limit: the name that all their parts have, else ``(x, y)``.

    There are no names if a set has none, if two elements would have the same, or if there are
    more than :data:`MOST_FAMILIES`.

    Examples
    --------
    >>> a, b = FinSet(["x", "y"]), FinSet(["0", "1"])
    >>> family_names([a, b], [np.array([0, 1]), np.array([1, 1])])
    ('(x, 1)', '(y, 1)')
    >>> family_names([a, a], [np.array([0, 1]), np.array([0, 1])])
    ('x', 'y')
    """
    if not columns or any(one.names is None for one in sets):
        return None
    if len(columns) > 1 and len(columns[0]) > MOST_FAMILIES:
        return None
    parts = [one.labels(column.tolist()) for one, column in zip(sets, columns, strict=True)]
    if all(part == parts[0] for part in parts):
        names = parts[0]
    else:
        names = tuple(f"({', '.join(family)})" for family in zip(*parts, strict=True))
    return (names or None) if len(set(names)) == len(names) else None


class FinSet(Frozen):
    """A finite set {0, ..., size - 1}, whose elements may have names.

    Parameters
    ----------
    elements
        The size, or the names of the elements: distinct strings. No names and size 0 are the
        same set.

    Raises
    ------
    InvalidStructure
        If the size is negative, or names repeat or are not strings.

    Examples
    --------
    >>> FinSet(3), FinSet(["a", "b"]).index("b"), FinSet(3).label(2)
    (FinSet(3), 1, '2')
    """

    ambient = FINSETS
    size: int
    names: tuple[str, ...] | None

    def __init__(self, elements: int | Iterable[str]) -> None:
        if isinstance(elements, (int, np.integer)):
            if elements < 0:
                raise InvalidStructure("FinSet", [Failure("size", "size", f"{elements} < 0")])
            self._set(size=int(elements), names=None)
            return
        names = tuple(elements)
        seen: set[Any] = set()
        bad = [n for n in names if not isinstance(n, str) or n in seen or seen.add(n)]
        if bad:
            message = f"not distinct strings: {listing(map(repr, bad[:SHOWN]), len(bad))}"
            raise InvalidStructure("FinSet", [Failure("names", "names", message)])
        self._set(size=len(names), names=names or None)

    @classmethod
    def _of(cls, size: int, names: tuple[str, ...] | None) -> FinSet:
        made = object.__new__(cls)
        made._set(size=size, names=names)
        return made

    def label(self, element: int) -> str:
        """Return the name of an element, or its number as text."""
        return self.names[element] if self.names else str(element)

    def labels(self, elements: Iterable[int] | None = None) -> tuple[str, ...]:
        """Return the labels of some elements, by default of all."""
        if elements is None:
            return self.names or tuple(map(str, range(self.size)))
        return tuple(self.label(element) for element in elements)

    def index(self, element: int | str) -> int:
        """Return the number of an element given by name or number.

        Raises
        ------
        UnknownName
            If there is no such element.
        """
        by_name = isinstance(element, str)
        found = self.numbers.get(element, -1) if by_name else index(element)
        if not 0 <= found < self.size:
            known = listing(map(repr, self.labels(range(min(SHOWN, self.size)))), self.size)
            raise UnknownName(f"no element {element!r}; there are {known or 'none'}")
        return found

    def part(self, elements: np.ndarray) -> FinSet:
        """Return the set of some elements, with their names."""
        names = self.labels(elements) if self.names else ()
        return FinSet._of(len(elements), names or None)

    @property
    def numbers(self) -> Mapping[str, int]:
        """The numbers of the named elements."""
        return self._cached("numbers", lambda: {n: k for k, n in enumerate(self.names or ())})

    def __add__(self, other: FinSet) -> FinSet:
        """Return the disjoint union."""
        return coproduct(self, other).apex

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.size))

    def __contains__(self, element: object) -> bool:
        if isinstance(element, str):
            return element in self.numbers
        return isinstance(element, (int, np.integer)) and 0 <= int(element) < self.size

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FinSet):
            return NotImplemented
        return (self.size, self.names) == (other.size, other.names)

    def __hash__(self) -> int:
        return hash((self.size, self.names))

    def __repr__(self) -> str:
        return f"FinSet({brief(self.names) if self.names else self.size})"

    def __str__(self) -> str:
        return "{" + ", ".join(self.names) + "}" if self.names else str(self.size)


def as_finset(elements: FinSet | int | Iterable[str]) -> FinSet:
    """Return a set given as itself, by its size or by its names."""
    return elements if isinstance(elements, FinSet) else FinSet(elements)
