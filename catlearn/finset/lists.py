"""List-valued functions between finite sets, in compressed rows.

A list-valued function T -> List(U) is a Kleisli arrow of the list monad. Functions act on both
sides: ``f >> l`` reads other rows, ``l.map(g)`` maps the entries.

Laws: the two actions are functorial, and commute with each other.

>>> from catlearn.finset import ListFunction
>>> sides = ListFunction.of([[0, 2], [], [1]], codomain=3)
>>> sides.row(0).tolist(), sides.lengths.tolist()
([0, 2], [2, 0, 1])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from catlearn.display import brief
from catlearn.errors import Failure, InvalidStructure, NotComposable
from catlearn.finset.functions import FinFunction, check_composable, out_of_range, read_values
from catlearn.finset.join import expand
from catlearn.finset.sets import FINSETS, FinSet, as_finset
from catlearn.finset.value import SHOWN, Frozen, listing, read_only


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
        failures = self.failures() if check else []
        if failures:
            raise InvalidStructure("ListFunction", failures)

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
        failures = [Failure("range", "rows", problem) for problem in problems] or made.failures()
        if failures:
            raise InvalidStructure("ListFunction", failures)
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
            raise NotComposable("l.map(g)", [Failure("composition", "l", message)])
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


def read_rows(rows: Any, domain: FinSet, codomain: FinSet) -> tuple[ListFunction, list[str]]:
    """Read a list-valued function's rows as users write them, with a message for each fault."""
    if isinstance(rows, ListFunction):
        return ListFunction._of(rows.offsets, rows.values, domain, codomain), []
    problems = []
    if isinstance(rows, Mapping):
        problems = [f"{key!r} is not in its domain" for key in rows if key not in domain]
        by_row = {domain.index(key): row for key, row in rows.items() if key in domain}
        problems += [f"no row for {domain.label(k)!r}" for k in domain if k not in by_row]
        rows = [by_row.get(k, ()) for k in domain]
    rows = [list(row) for row in rows]
    offsets = np.cumsum([0, *map(len, rows)])
    labels = [domain.label(k) if k < len(domain) else str(k) for k in range(len(rows))]
    home = [f"{labels[k]}[{n}]" for k, row in enumerate(rows) for n in range(len(row))]
    flat = [entry for row in rows for entry in row]
    values, unread = read_values(flat, codomain, FinSet._of(len(flat), tuple(home)))
    return ListFunction._of(offsets, values, domain, codomain), problems + unread
