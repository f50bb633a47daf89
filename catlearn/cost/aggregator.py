"""Aggregators: how the terms of an objective become one cost.

An aggregator is a commutative monoid (combine, 0) on [0, inf] that is monotone (a <= a' implies
combine(a, b) <= combine(a', b)) and homogeneous (k * combine(a, b) = combine(k * a, k * b) for
k >= 0). The unit 0 lets a vanishing term drop out, monotonicity gives the inequalities of Cost,
and homogeneity lets two terms with one atom be merged into one with the combined weight
(Theory, section 4). ``sum`` is the default, ``max`` the second standard choice.

>>> from catlearn.cost import get_aggregator
>>> get_aggregator("max").aggregate([2, 5, 3])
5
>>> get_aggregator("sum").aggregate([])
0
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from catlearn.errors import Failure, InvalidStructure, UnknownName

if TYPE_CHECKING:
    import sympy


@dataclass(frozen=True)
class Aggregator:
    """A monotone, homogeneous, commutative monoid on [0, inf] with unit 0.

    Parameters
    ----------
    name
        Its name in the registry, and its name when written as a function.
    combine
        The binary operation.
    infix
        The sign between terms, such as ``"+"``; None writes ``name(a, b)``.
    sympy_name
        The sympy class of the operation, such as ``"Max"``; None for an undefined function.
    """

    name: str
    combine: Callable[[Any, Any], Any]
    infix: str | None = None
    sympy_name: str | None = None

    def aggregate(self, costs: Iterable[Any]) -> Any:
        """Return all costs combined; 0 for none.

        Examples
        --------
        >>> from catlearn.cost import get_aggregator
        >>> get_aggregator("sum").aggregate([2, 5, 3])
        10
        """
        return reduce(self.combine, costs, 0)

    def write(self, terms: Sequence[str], function: str | None = None) -> str:
        """Return the terms' texts joined as on a board; one term stands alone.

        Examples
        --------
        >>> from catlearn.cost import get_aggregator
        >>> get_aggregator("max").write(["a", "2 b"])
        'max(a, 2 b)'
        """
        if len(terms) < 2:
            return terms[0] if terms else "0"
        if self.infix is not None:
            return f" {self.infix} ".join(terms)
        return f"{function or self.name}({', '.join(terms)})"

    def expression(self, terms: Sequence[sympy.Expr]) -> sympy.Expr:
        """Return the sympy expression of the terms combined."""
        import sympy

        if len(terms) < 2:
            return terms[0] if terms else sympy.Integer(0)
        if self.sympy_name is None:
            return sympy.Function(self.name)(*terms)
        return getattr(sympy, self.sympy_name)(*terms)


_registry = {
    "sum": Aggregator("sum", operator.add, infix="+", sympy_name="Add"),
    "max": Aggregator("max", max, sympy_name="Max"),
}


def register_aggregator(new: Aggregator) -> None:
    """Make an aggregator known by its name.

    Raises
    ------
    InvalidStructure
        If the name already means another aggregator, or 0 is not the unit.
    """
    failures = []
    if _registry.get(new.name, new) != new:
        failures.append(
            Failure("registry", f"aggregator {new.name!r}", "this name is taken; choose another")
        )
    if any(new.combine(0, x) != x or new.combine(x, 0) != x for x in (0, 1, 2.5)):
        failures.append(Failure("unit", f"aggregator {new.name!r}", "0 must be its unit"))
    if failures:
        raise InvalidStructure("Aggregator", failures)
    _registry[new.name] = new


def get_aggregator(which: str | Aggregator) -> Aggregator:
    """Return the aggregator of a name (an aggregator is returned as it is).

    Raises
    ------
    UnknownName
        If no aggregator has this name; the message lists the names there are.
    """
    if isinstance(which, Aggregator):
        return which
    if which not in _registry:
        raise UnknownName(f"no aggregator {which!r}; there are {', '.join(sorted(_registry))}")
    return _registry[which]
