"""What every value of the package shares: it is immutable, compared and listed by structure.

>>> from catlearn.finset.value import Record, listing
>>> ends = Record({"src": ("E", "V")})
>>> ends["src"], hash(ends) == hash(Record({"src": ("E", "V")}))
(('E', 'V'), True)
>>> listing([f"row {i}" for i in range(3)], total=5)
'row 0; row 1; row 2; and 2 more'
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from catlearn.display import Brief
from catlearn.errors import Failure, TooLarge, refuse

Key = TypeVar("Key")
Item = TypeVar("Item")
Kind = TypeVar("Kind")

SHOWN = 10
"""How many rows a message lists before it counts the others."""


class once(cached_property[Kind]):
    """A property that follows from the fields of a value, computed once; it is not pickled."""


class Frozen(Brief):
    """A value whose fields are set once, by ``_set`` in its constructor.

    Two of one class are equal if their keys are: the fields that the class names, by their names
    in ``by``, or what ``_key`` returns. By default each is equal to itself alone.

    >>> class Point(Frozen, by="x y"):
    ...     def __init__(self, x, y, colour):
    ...         self._set(x=x, y=y, colour=colour)
    >>> Point(1, 2, "red") == Point(1, 2, "blue"), Point(1, 2, "red") == Point(1, 3, "red")
    (True, False)
    """

    def __init_subclass__(cls, by: str = "", **options: Any) -> None:
        super().__init_subclass__(**options)
        if by:
            fields = attrgetter(*by.split())
            cls._key = lambda self: fields(self)

    def _key(self) -> Any:
        return id(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frozen) or type(self) is not type(other):
            return NotImplemented
        return self is other or self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _set(self, **fields: Any) -> None:
        vars(self).update(fields)

    def _validate(self: Any, check: bool) -> None:
        """Refuse it if it breaks laws, all of which are listed, unless it is not to be checked."""
        refuse(type(self).__name__, self.failures() if check else [])

    def _cached(self, key: str, make: Callable[[], Any]) -> Any:
        """Compute something that follows from the fields once; it is not pickled."""
        cache = vars(self).setdefault("_cache", {})
        if key not in cache:
            cache[key] = make()
        return cache[key]

    def __getstate__(self) -> dict[str, Any]:
        found = {name for name in vars(self) if isinstance(getattr(type(self), name, None), once)}
        return {name: vars(self)[name] for name in vars(self) if name not in found | {"_cache"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for field in state.values():
            if isinstance(field, np.ndarray):
                field.setflags(write=False)
        self._set(**state)

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(self).__name__
        raise AttributeError(f"{kind} is immutable: build a new one instead of setting {name!r}")


class Record(Mapping[Key, Item]):
    """An immutable, hashable mapping that keeps insertion order and compares without it."""

    def __init__(self, items: Mapping[Key, Item] | Iterable[tuple[Key, Item]] = ()) -> None:
        self._items = dict(items)

    def __getitem__(self, key: Key) -> Item:
        return self._items[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


MOST_ROW = int(np.iinfo(np.int64).max)
"""The largest number of a row; sizes of sets are Python integers, and may be larger."""


def memory() -> int:
    """Return how many bytes the machine has, as far as it says so."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 2**40


def check_rows(count: int, what: str, columns: int = 1) -> None:
    """Refuse columns of so many numbers that the memory does not hold them.

    Raises
    ------
    TooLarge
        If it does not.

    Examples
    --------
    >>> check_rows(2**62, "a coproduct")
    Traceback (most recent call last):
    catlearn.errors.TooLarge: a coproduct has 4611686018427387904 elements, more than memory holds
    """
    if 8 * count * columns > memory():
        raise TooLarge(f"{what} has {count} elements, more than memory holds")


def check_value(value: int, what: str) -> None:
    """Refuse a row number that 64 bits do not hold.

    Raises
    ------
    TooLarge
        If they do not.
    """
    if value > MOST_ROW:
        raise TooLarge(f"{what} has the value {value}, past the largest row {MOST_ROW}")


def marked(rows: Any, size: int) -> np.ndarray:
    """Return which numbers below a size are among some rows.

    >>> marked([2, 0], 4).tolist()
    [True, False, True, False]
    """
    mark = np.zeros(size, bool)
    mark[rows] = True
    return mark


def read_only(array: np.ndarray) -> np.ndarray:
    """Return the array as read-only int64, in place where it is int64 already."""
    array = np.asarray(array, dtype=np.int64)
    array.setflags(write=False)
    return array


def listing(items: Iterable[str], total: int) -> str:
    """Join the items of a message, and count those that were left out."""
    shown = list(items)
    rest = [f"and {total - len(shown)} more"] if total > len(shown) else []
    return "; ".join(shown + rest)


def failures_at(
    law: str, bad: np.ndarray, tell: Callable[[Any], tuple[str, str]], where: str, others: str
) -> Iterator[Failure]:
    """Yield a failure at each of the first rows that break a law, and one that counts the others.

    Parameters
    ----------
    law
        The law.
    bad
        The rows that break it, or pairs of rows.
    tell
        Says of a row where that is, and what is wrong.
    where, others
        Where the others are, and what they do.

    Examples
    --------
    >>> broken = failures_at("unit", np.arange(12), lambda k: (f"row {k}", "is 0"), "rows", "are 0")
    >>> [str(failure) for failure in broken][-2:]
    ['row 9: is 0 [unit]', 'rows: 2 more are 0 [unit]']
    """
    for row in bad[:SHOWN].tolist():
        yield Failure(law, *tell(row))
    if len(bad) > SHOWN:
        yield Failure(law, where, f"{len(bad) - SHOWN} more {others}")


def common_class(values: Iterable[Any], base: type[Kind]) -> type[Kind]:
    """Return the nearest class below ``base`` that all the values are instances of."""
    values = list(values)
    lineage = type(values[0]).__mro__ if values else (base,)
    shared = (kind for kind in lineage if all(isinstance(value, kind) for value in values))
    return next(kind for kind in shared if issubclass(kind, base))
