"""Functions between finite sets, as integer arrays.

The set of size n is {0, ..., n - 1}, and a function is the array of its values: the skeleton of
the category of finite sets.

Laws: ``>>`` is associative, with identities.

>>> from catlearn.finset import FinFunction
>>> f = FinFunction([0, 1, 2, 0], codomain=3)
>>> print(f)
[0, 1, 2, 0] : 4 -> 3
>>> list(f >> FinFunction([1, 1, 0], codomain=2))
[1, 1, 0, 1]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from catlearn.display import brief
from catlearn.errors import Failure, InvalidStructure, NotComposable
from catlearn.finset.sets import FINSETS, FinSet, as_finset
from catlearn.finset.value import SHOWN, Frozen, listing, read_only


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
        unknown = [f"{key!r} is not in its domain" for key in values if key not in domain]
        by_row = {domain.index(key): value for key, value in values.items() if key in domain}
        unknown += [f"no value for {domain.label(k)!r}" for k in domain if k not in by_row]
        there = FinSet._of(len(by_row), domain.labels(sorted(by_row)))
        array, problems = read_values([by_row[k] for k in sorted(by_row)], codomain, there)
        return array, unknown + problems
    values = values if isinstance(values, np.ndarray) else list(values)
    if len(values) == 0:
        return np.zeros(0, np.int64), []
    if not any(isinstance(value, (str, bool, float)) for value in values[:1]):
        array = np.asarray(values)
        if array.dtype.kind in "iu" and array.ndim == 1:
            return array.astype(np.int64), []
    numbers, problems = np.full(len(values), -1), []
    for k, value in enumerate(values):
        if isinstance(value, str) and value in codomain.numbers:
            numbers[k] = codomain.numbers[value]
        elif isinstance(value, (int, np.integer)) and not isinstance(value, bool):
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
        if codomain is None:
            raise TypeError("FinFunction needs codomain=, a size, names or a FinSet")
        target = as_finset(codomain)
        source = as_finset(len(values) if domain is None else domain)
        array, problems = read_values(values, target, source)
        self._set(values=read_only(np.array(array)), domain=source, codomain=target)
        failures = [Failure("range", "values", problem) for problem in problems]
        if check and not failures:
            failures = self.failures()
        if failures:
            raise InvalidStructure("FinFunction", failures)

    @classmethod
    def _of(cls, values: np.ndarray, domain: FinSet, codomain: FinSet) -> FinFunction:
        made = object.__new__(cls)
        made._set(values=read_only(values), domain=domain, codomain=codomain)
        return made

    @classmethod
    def identity(cls, of: FinSet | int | Iterable[str]) -> FinFunction:
        """Return the identity of a set."""
        one = as_finset(of)
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
        """Return the disjoint union of two functions."""
        values = np.concatenate([self.values, other.values + self.codomain.size])
        return FinFunction._of(values, self.domain + other.domain, self.codomain + other.codomain)

    def __matmul__(self, other: FinFunction) -> FinFunction:
        """Return the product of two functions; pairs are numbered lexicographically."""
        values = self.values[:, None] * other.codomain.size + other.values[None, :]
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
        return self._hits() == self.domain.size

    @property
    def is_surjective(self) -> bool:
        """Whether every element of the codomain is a value."""
        return self._hits() == self.codomain.size

    @property
    def is_bijective(self) -> bool:
        """Whether there is an inverse."""
        return self._hits() == self.domain.size == self.codomain.size

    def _hits(self) -> int:
        hit = np.zeros(self.codomain.size, bool)
        hit[self.values] = True
        return int(hit.sum())

    def image(self) -> FinFunction:
        """Return the inclusion of the set of values, in order."""
        hit = np.zeros(self.codomain.size, bool)
        hit[self.values] = True
        values = np.flatnonzero(hit)
        return FinFunction._of(values, self.codomain.part(values), self.codomain)

    def inverse(self) -> FinFunction:
        """Return the inverse function.

        Raises
        ------
        InvalidStructure
            If this function is not bijective.
        """
        if not self.is_bijective:
            message = (
                f"{self.domain.size} elements have {self._hits()} values of {self.codomain.size}"
            )
            raise InvalidStructure("inverse", [Failure("bijection", "values", message)])
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
        raise NotComposable("f >> g", [Failure("composition", "f", message)])


def out_of_range(values: np.ndarray, codomain: FinSet) -> np.ndarray:
    """Return the positions of the values that are not in the codomain."""
    return np.flatnonzero((values < 0) | (values >= codomain.size))
