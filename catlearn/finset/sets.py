"""Finite sets, functions and list-valued functions between them, as integer arrays.

The set of size n is {0, ..., n - 1}, whose elements may have names, and a function is the array of
its values: the skeleton of the category of finite sets. A *list-valued* function T -> List(U), a
Kleisli arrow of the list monad, is an array in compressed rows. Functions act on both sides of it:
``f >> l`` reads other rows, ``l.map(g)`` maps the entries.

Laws: ``>>`` is associative, with identities; the two actions on list-valued functions are
functorial, and commute with each other.

>>> from catlearn.finset import FinFunction, FinSet, ListFunction
>>> FinSet(["a", "b"]) + FinSet(["b"])
FinSet(['a', 'left/b', 'right/b'])
>>> f = FinFunction([0, 1, 2, 0], codomain=3)
>>> print(f)
[0, 1, 2, 0] : 4 -> 3
>>> list(f >> FinFunction([1, 1, 0], codomain=2))
[1, 1, 0, 1]
>>> list(f >> ListFunction.of([[0, 2], [], [1]], codomain=3))
[[0, 2], [], [1], [0, 2]]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from operator import index
from typing import Any

import numpy as np

from catlearn.display import brief
from catlearn.errors import Failure, NotComposable, UnknownName, expect, fault, refuse
from catlearn.finset.join import expand, find, join
from catlearn.finset.merge import merge
from catlearn.finset.universal import Ambient, Colimit, Diagram, Limit, coproduct
from catlearn.finset.value import (
    MOST_ROW,
    SHOWN,
    Frozen,
    check_rows,
    check_value,
    listing,
    marked,
    once,
    read_only,
)


class FinSets(Ambient):
    """The category of finite sets; morphisms are :class:`FinFunction`."""

    name = "finite sets"

    def mismatch(self, one: FinSet, other: FinSet) -> str:
        return "" if one.size == other.size else f"{one.size} elements are not {other.size}"

    def identity(self, of: FinSet) -> FinFunction:
        return FinFunction.identity(of)

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
        return apex, tuple(FinFunction._of(leg, one, apex) for leg, one in pairs)

    def descend(self, colimit: Colimit, cocone: tuple[Any, ...], codomain: FinSet) -> FinFunction:
        values = np.zeros(colimit.apex.size, np.int64)
        for leg, h in zip(colimit.legs, cocone, strict=True):
            values[leg.values] = h.values
        return FinFunction._of(values, colimit.apex, codomain)

    def limit(self, diagram: Diagram) -> tuple[FinSet, tuple[FinFunction, ...]]:
        sizes = [one.size for one in diagram.objects]
        arrows = [(i, j, m.values) for i, j, m in diagram.arrows]
        columns = join(sizes, arrows, diagram.legs)
        apex = FinSet._of(
            len(columns[0]) if columns else 1, family_names(diagram.leg_objects, columns)
        )
        pairs = zip(columns, diagram.leg_objects, strict=True)
        return apex, tuple(FinFunction._of(column, apex, one) for column, one in pairs)

    def lift(self, limit: Limit, cone: tuple[Any, ...], domain: FinSet) -> FinFunction:
        values = np.zeros(domain.size, np.int64)
        if cone:
            values = find([leg.values for leg in limit.legs], [h.values for h in cone])
        return FinFunction._of(values, domain, limit.apex)


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


class FinSet(Frozen, by="size names"):
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
                raise fault("FinSet", "size", "size", f"{elements} < 0")
            self._set(size=int(elements), names=None)
            return
        expect(elements, Iterable, "a set", "a size, or a list of names")
        names = tuple(elements)
        seen: set[Any] = set()
        bad = [n for n in names if not isinstance(n, str) or n in seen or seen.add(n)]
        if bad:
            message = f"not distinct strings: {listing(map(repr, bad[:SHOWN]), len(bad))}"
            raise fault("FinSet", "names", "names", message)
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

    @once
    def numbers(self) -> Mapping[str, int]:
        """The numbers of the named elements."""
        return {n: k for k, n in enumerate(self.names or ())}

    def __add__(self, other: FinSet) -> FinSet:
        """Return the disjoint union."""
        if self.names is None and other.names is None:
            return FinSet(self.size + other.size)
        return coproduct(self, other).apex

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.size))

    def __contains__(self, element: object) -> bool:
        if isinstance(element, str):
            return element in self.numbers
        return isinstance(element, (int, np.integer)) and 0 <= int(element) < self.size

    def __repr__(self) -> str:
        return f"FinSet({brief(self.names) if self.names else self.size})"

    def __str__(self) -> str:
        return "{" + ", ".join(self.names) + "}" if self.names else str(self.size)


def as_finset(elements: FinSet | int | Iterable[str]) -> FinSet:
    """Return a set given as itself, by its size or by its names."""
    return elements if isinstance(elements, FinSet) else FinSet(elements)


def read_values(values: Any, codomain: FinSet, domain: FinSet) -> tuple[np.ndarray, list[str]]:
    """Read a function's values as users write them.

    Parameters
    ----------
    values
        A :class:`FinFunction`, an array or list of elements of the codomain, by number or
        name, or a mapping from elements of the domain to them.
    codomain, domain
        The sets that names are looked up in.

    Returns
    -------
    array, problems
        int64 values, -1 where nothing could be read, and a message for each such place.
    """
    if isinstance(values, FinFunction):
        return values.values, []
    if isinstance(values, Mapping):
        by_row, unknown = _by_row(values, domain, "value")
        there = FinSet._of(len(by_row), domain.labels(sorted(by_row)))
        array, problems = read_values([by_row[k] for k in sorted(by_row)], codomain, there)
        return array, unknown + problems
    expect(values, Iterable, "values", "a list of elements, by number or name, or a dict")
    values = values if isinstance(values, np.ndarray) else list(values)
    if len(values) == 0:
        return np.zeros(0, np.int64), []
    if not any(isinstance(value, (str, bool, float)) for value in values[:1]):
        array = np.asarray(values)
        if array.dtype.kind in "iu" and array.ndim == 1:
            check_value(int(array.max()), "a function")
            return array.astype(np.int64), []
    numbers, problems = np.full(len(values), -1), []
    for k, value in enumerate(values):
        if isinstance(value, str) and value in codomain.numbers:
            numbers[k] = codomain.numbers[value]
        elif isinstance(value, (int, np.integer)) and not isinstance(value, bool):
            check_value(abs(int(value)), "a function")
            numbers[k] = value
        else:
            problems.append(f"{domain.label(k) if k < len(domain) else k!r} goes to {value!r}, "
                            f"which is not an element of its codomain")  # fmt: skip
    return numbers, problems


class FinFunction(Frozen):
    """A function between finite sets.

    Parameters
    ----------
    values
        The value at each element: numbers or names of elements of the codomain, or a mapping
        from elements of the domain.
    domain, codomain
        The sets, or their sizes, or their names. The domain is read off the values if it is
        not given.
    check
        Whether to look for values out of range.

    Raises
    ------
    InvalidStructure
        Listing the positions whose values are not in the codomain.

    Examples
    --------
    >>> f = FinFunction([0, 1, 2, 0], codomain=3)
    >>> f.domain, f.codomain, f(3)
    (FinSet(4), FinSet(3), 0)
    >>> f + FinFunction([0], codomain=1), f @ FinFunction([0], codomain=2)
    (FinFunction([0, 1, 2, 0, 3], codomain=4), FinFunction([0, 2, 4, 0], codomain=6))
    """

    ambient = FINSETS
    values: np.ndarray
    domain: FinSet
    codomain: FinSet

    def __init__(
        self,
        values: Any,
        domain: FinSet | int | Iterable[str] | None = None,
        codomain: FinSet | int | Iterable[str] | None = None,
        *,
        check: bool = True,
    ) -> None:
        kinds = FinSet, int, np.integer, Iterable
        expect(codomain, kinds, "codomain", "a size, names or a FinSet, as in codomain=2")
        assert codomain is not None
        expect(values, Iterable, "values", "a list of elements of the codomain")
        target = as_finset(codomain)
        source = as_finset(len(values) if domain is None else domain)
        array, problems = read_values(values, target, source)
        self._set(values=read_only(np.array(array)), domain=source, codomain=target)
        failures = [Failure("range", "values", problem) for problem in problems]
        if check and not failures:
            failures = self.failures()
        refuse("FinFunction", failures)

    @classmethod
    def _of(cls, values: np.ndarray, domain: FinSet, codomain: FinSet) -> FinFunction:
        made = object.__new__(cls)
        made._set(values=read_only(values), domain=domain, codomain=codomain)
        return made

    @classmethod
    def identity(cls, of: FinSet | int | Iterable[str]) -> FinFunction:
        """Return the identity of a set."""
        one = as_finset(of)
        check_rows(one.size, "an identity")
        return cls._of(np.arange(one.size), one, one)

    def failures(self) -> list[Failure]:
        """List a length that differs from the domain's, and the values out of range."""
        if self.values.ndim != 1 or len(self.values) != self.domain.size:
            message = f"found {len(self.values)} values for {self.domain.size} elements"
            return [Failure("length", "values", message)]
        outside = out_of_range(self.values, self.codomain)
        if not outside.size:
            return []
        shown = (f"{self.domain.label(k)!r} -> {self.values[k]}" for k in outside[:SHOWN])
        message = f"not in 0..{self.codomain.size - 1}: {listing(shown, outside.size)}"
        return [Failure("range", "values", message)]

    def __rshift__(self, other: FinFunction) -> FinFunction:
        """Compose: first this function, then the other; a list-valued one may follow, too."""
        if not isinstance(other, FinFunction):
            return NotImplemented
        check_composable(self, other)
        return FinFunction._of(other.values[self.values], self.domain, other.codomain)

    def __add__(self, other: FinFunction) -> FinFunction:
        """Return the disjoint union of two functions.

        Raises
        ------
        TooLarge
            If a value is past 64 bits.
        """
        if other.values.size:
            check_value(self.codomain.size + int(other.values.max()), "a disjoint union")
        values = np.concatenate([self.values, other.values + self.codomain.size])
        return FinFunction._of(values, self.domain + other.domain, self.codomain + other.codomain)

    def __matmul__(self, other: FinFunction) -> FinFunction:
        """Return the product of two functions; pairs are numbered lexicographically.

        Raises
        ------
        TooLarge
            If there are more values than memory holds, or one is past 64 bits.
        """
        width = other.codomain.size
        check_rows(self.values.size * other.values.size, "a product of functions")
        if self.values.size and other.values.size:
            largest = int(self.values.max()) * width + int(other.values.max())
            check_value(largest, "a product of functions")
        # Where the width is past 64 bits, all that is multiplied by it is 0.
        values = self.values[:, None] * min(width, MOST_ROW) + other.values[None, :]
        domain = FinSet(self.domain.size * other.domain.size)
        codomain = FinSet(self.codomain.size * other.codomain.size)
        return FinFunction._of(values.ravel(), domain, codomain)

    def __call__(self, element: int | str) -> int:
        """Return the value at one element, given by number or name."""
        return int(self.values[self.domain.index(element)])

    def __iter__(self) -> Iterator[int]:
        return iter(self.values.tolist())

    def __len__(self) -> int:
        return self.domain.size

    @property
    def is_injective(self) -> bool:
        """Whether no two elements have the same value."""
        return len(self._hit()) == self.domain.size

    @property
    def is_surjective(self) -> bool:
        """Whether every element of the codomain is a value."""
        return len(self._hit()) == self.codomain.size

    @property
    def is_bijective(self) -> bool:
        """Whether there is an inverse."""
        return len(self._hit()) == self.domain.size == self.codomain.size

    def _hit(self) -> np.ndarray:
        if self.codomain.size > 4 * len(self.values):
            return np.unique(self.values)
        return np.flatnonzero(marked(self.values, self.codomain.size))

    def image(self) -> FinFunction:
        """Return the inclusion of the set of values, in order."""
        values = self._hit()
        return FinFunction._of(values, self.codomain.part(values), self.codomain)

    def inverse(self) -> FinFunction:
        """Return the inverse function.

        Raises
        ------
        InvalidStructure
            If this function is not bijective.
        """
        if not self.is_bijective:
            hits = len(self._hit())
            message = f"{self.domain.size} elements have {hits} values of {self.codomain.size}"
            raise fault("inverse", "bijection", "values", message)
        values = np.empty(self.domain.size, np.int64)
        values[self.values] = np.arange(self.domain.size)
        return FinFunction._of(values, self.codomain, self.domain)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FinFunction):
            return NotImplemented
        ends = self.domain == other.domain and self.codomain == other.codomain
        return ends and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash((self.values.tobytes(), self.domain, self.codomain))

    def __repr__(self) -> str:
        domain = f"{brief(self.domain.names)}, " if self.domain.names else ""
        codomain = brief(self.codomain.names) if self.codomain.names else self.codomain.size
        return f"FinFunction({brief(self.values.tolist())}, {domain}codomain={codomain})"

    def __str__(self) -> str:
        values = [self.codomain.label(k) for k in self.values]
        return f"[{', '.join(values)}] : {self.domain} -> {self.codomain}"


def check_composable(first: FinFunction, second: Any) -> None:
    """Raise NotComposable if a function does not end where the next one starts."""
    if first.codomain.size != second.domain.size:
        message = f"ends in {first.codomain}, but the next starts at {second.domain}"
        raise fault("f >> g", "composition", "f", message, NotComposable)


def out_of_range(values: np.ndarray, codomain: FinSet) -> np.ndarray:
    """Return the positions of the values that are not in the codomain."""
    return np.flatnonzero((values < 0) | (values >= codomain.size))


class ListFunction(Frozen):
    """A list-valued function T -> List(U), in compressed rows.

    Parameters
    ----------
    offsets
        Where each row starts in ``values``, and where the last ends: one more than rows.
    values
        The entries of all rows, one after another.
    codomain, domain
        The sets, or their sizes or names; the domain is read off the offsets by default.
    check
        Whether to look for offsets and values out of range.

    Raises
    ------
    InvalidStructure
        Listing what is out of range.

    Examples
    --------
    >>> sides = ListFunction.of([[0, 2], [], [1]], codomain=3)
    >>> sides.row(0).tolist(), sides.lengths.tolist()
    ([0, 2], [2, 0, 1])
    >>> FinFunction([2, 0], codomain=3) >> sides
    ListFunction.of([[1], [0, 2]], codomain=3)
    >>> sides.map(FinFunction([1, 1, 0], codomain=2))
    ListFunction.of([[1, 0], [], [1]], codomain=2)
    """

    ambient = FINSETS
    offsets: np.ndarray
    values: np.ndarray
    domain: FinSet
    codomain: FinSet

    def __init__(
        self,
        offsets: Any,
        values: Any,
        codomain: FinSet | int | Iterable[str],
        domain: FinSet | int | Iterable[str] | None = None,
        *,
        check: bool = True,
    ) -> None:
        starts = np.array(offsets, np.int64)
        self._set(
            offsets=read_only(starts),
            values=read_only(np.array(values, np.int64)),
            codomain=as_finset(codomain),
            domain=as_finset(len(starts) - 1 if domain is None else domain),
        )
        self._validate(check)

    @classmethod
    def _of(
        cls, offsets: np.ndarray, values: np.ndarray, domain: FinSet, codomain: FinSet
    ) -> ListFunction:
        made = object.__new__(cls)
        made._set(offsets=read_only(offsets), values=read_only(values))
        made._set(domain=domain, codomain=codomain)
        return made

    @classmethod
    def of(
        cls,
        rows: Iterable[Sequence[Any]] | Mapping[Any, Sequence[Any]],
        codomain: FinSet | int | Iterable[str],
        domain: FinSet | int | Iterable[str] | None = None,
    ) -> ListFunction:
        """Read rows of elements of the codomain, by number or name."""
        rows = rows if isinstance(rows, Mapping) else list(rows)
        target = as_finset(codomain)
        source = as_finset(len(rows) if domain is None else domain)
        made, problems = read_rows(rows, source, target)
        refuse(
            "ListFunction",
            [Failure("range", "rows", problem) for problem in problems] or made.failures(),
        )
        return made

    def failures(self) -> list[Failure]:
        """List offsets that are not those of the domain, and entries out of range."""
        steps = np.diff(self.offsets)
        if len(self.offsets) != self.domain.size + 1:
            message = f"found {len(self.offsets) - 1} rows for {self.domain.size} elements"
            return [Failure("length", "rows", message)]
        if np.any(steps < 0) or self.offsets[0] != 0 or self.offsets[-1] != len(self.values):
            message = f"offsets must rise from 0 to {len(self.values)}"
            return [Failure("offsets", "offsets", message)]
        outside = out_of_range(self.values, self.codomain)
        if not outside.size:
            return []
        rows = np.searchsorted(self.offsets, outside[:SHOWN], side="right") - 1
        pairs = zip(rows, outside[:SHOWN], strict=True)
        shown = (f"{self.domain.label(row)!r} has {self.values[k]}" for row, k in pairs)
        message = f"not in 0..{self.codomain.size - 1}: {listing(shown, outside.size)}"
        return [Failure("range", "rows", message)]

    @property
    def lengths(self) -> np.ndarray:
        """The length of each row."""
        return np.diff(self.offsets)

    @property
    def owners(self) -> np.ndarray:
        """The row of each entry."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def row(self, element: int | str) -> np.ndarray:
        """Return one row, as numbers of elements of the codomain."""
        k = self.domain.index(element)
        return self.values[self.offsets[k] : self.offsets[k + 1]]

    def at(self, rows: np.ndarray, domain: FinSet) -> ListFunction:
        """Return the rows with these numbers, in this order, as a function on ``domain``."""
        lengths = self.lengths[rows]
        entries = expand(self.offsets[:-1][rows], lengths)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return ListFunction._of(offsets, self.values[entries], domain, self.codomain)

    def __rrshift__(self, other: FinFunction) -> ListFunction:
        """Compose: first a function, then this one."""
        if not isinstance(other, FinFunction):
            return NotImplemented
        check_composable(other, self)
        return self.at(other.values, other.domain)

    def map(self, g: FinFunction) -> ListFunction:
        """Apply a function to every entry."""
        if g.domain.size != self.codomain.size:
            message = f"entries are in {self.codomain}, but the function starts at {g.domain}"
            raise fault("l.map(g)", "composition", "l", message, NotComposable)
        return ListFunction._of(self.offsets, g.values[self.values], self.domain, g.codomain)

    def __len__(self) -> int:
        return self.domain.size

    def __iter__(self) -> Iterator[list[int]]:
        entries, ends = self.values.tolist(), self.offsets.tolist()
        return (entries[a:b] for a, b in pairwise(ends))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ListFunction):
            return NotImplemented
        ends = self.domain == other.domain and self.codomain == other.codomain
        return ends and self.same_rows(other)

    def same_rows(self, other: ListFunction) -> bool:
        """Say whether the rows are the same, whatever the sets are called."""
        offsets = np.array_equal(self.offsets, other.offsets)
        return offsets and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        ends = (self.domain, self.codomain)
        return hash((self.offsets.tobytes(), self.values.tobytes(), *ends))

    def __repr__(self) -> str:
        domain = f", domain={brief(self.domain.names)}" if self.domain.names else ""
        codomain = brief(self.codomain.names) if self.codomain.names else self.codomain.size
        return f"ListFunction.of({brief(list(self))}, codomain={codomain}{domain})"


def _by_row(
    given: Mapping[Any, Any], domain: FinSet, what: str
) -> tuple[dict[int, Any], list[str]]:
    """Return what a mapping from elements says of rows, and which are unknown or missing."""
    problems = [f"{key!r} is not in its domain" for key in given if key not in domain]
    by_row = {domain.index(key): one for key, one in given.items() if key in domain}
    problems += [f"no {what} for {domain.label(k)!r}" for k in domain if k not in by_row]
    return by_row, problems


def read_rows(rows: Any, domain: FinSet, codomain: FinSet) -> tuple[ListFunction, list[str]]:
    """Read a list-valued function's rows as users write them, with a message for each fault."""
    if isinstance(rows, ListFunction):
        return ListFunction._of(rows.offsets, rows.values, domain, codomain), []
    problems = []
    if isinstance(rows, Mapping):
        by_row, problems = _by_row(rows, domain, "row")
        rows = [by_row.get(k, ()) for k in domain]
    expect(rows, Iterable, "rows", "a list of lists of elements, or a dict of such")
    for row in rows:
        expect(row, Iterable, "each row", "a list of elements, by number or name")
    rows = [list(row) for row in rows]
    offsets = np.cumsum([0, *map(len, rows)])
    labels = [domain.label(k) if k < len(domain) else str(k) for k in range(len(rows))]
    home = [f"{labels[k]}[{n}]" for k, row in enumerate(rows) for n in range(len(row))]
    flat = [entry for row in rows for entry in row]
    values, unread = read_values(flat, codomain, FinSet._of(len(flat), tuple(home)))
    return ListFunction._of(offsets, values, domain, codomain), problems + unread
