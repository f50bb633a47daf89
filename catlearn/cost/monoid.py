"""Commutative monoids as categories with one object: what adds up along paths.

A monoid is a category with one object, whose arrows are its elements. A functor from the free
category on a graph to it is an element for each edge; a path goes to their product. Lengths,
costs and counts are such functors (Mac Lane, "Categories for the Working Mathematician", I.2).

Laws: associativity, the unit is neutral, commutativity.

>>> from catlearn.category import Functor, Graph
>>> from catlearn.cost import LAWVERE, Monoid
>>> roads = Graph({"a": ("here", "there"), "b": ("there", "home")})
>>> length = Functor(roads, Monoid.of(LAWVERE), arrows={"a": 1.5, "b": 2.0})
>>> float(length(roads.path("a >> b"))), length(roads.path("id(home)"))
(3.5, 0.0)
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from catlearn.cost.quantale import Quantale
from catlearn.errors import Failure


@dataclass(frozen=True)
class Monoid:
    """A commutative monoid, as a target of functors.

    Parameters
    ----------
    name
        What messages call it.
    unit
        Its neutral element.
    combine
        Its operation.

    Examples
    --------
    >>> Monoid("product", 1, lambda a, b: a * b).total([2, 3, 7])
    42
    """

    name: str
    unit: Any
    combine: Callable[[Any, Any], Any]

    @classmethod
    def of(cls, quantale: Quantale) -> Monoid:
        """Return the tensor of a quantale."""
        return cls(quantale.name, quantale.unit, quantale.tensor)

    def identity(self, object: Any, /) -> Any:
        """Return the unit, whatever the object."""
        return self.unit

    def compose(self, first: Any, then: Any, /) -> Any:
        """Return the product of two elements."""
        return self.combine(first, then)

    def total(self, elements: Iterable[Any]) -> Any:
        """Return the product of all elements; the unit for none."""
        return reduce(self.combine, elements, self.unit)

    def failures(self, samples: Iterable[Any]) -> list[Failure]:
        """Try the laws on all triples of samples, and list those that fail.

        Examples
        --------
        >>> [f.law for f in Monoid("difference", 0, lambda a, b: a - b).failures([1, 2])]
        ['associativity', 'commutativity', 'unit']
        """
        values, found = list(samples), {}
        op = self.combine
        for a in values:
            for b in values:
                pair = f"a = {a}, b = {b}"
                for c in values:
                    one, two = op(op(a, b), c), op(a, op(b, c))
                    if one != two:
                        message = f"(ab)c = {one}, a(bc) = {two}"
                        where = f"{pair}, c = {c}"
                        found.setdefault("associativity", Failure("associativity", where, message))
                if op(a, b) != op(b, a):
                    message = f"ab = {op(a, b)}, ba = {op(b, a)}"
                    found.setdefault("commutativity", Failure("commutativity", pair, message))
            if op(self.unit, a) != a or op(a, self.unit) != a:
                message = f"with the unit {self.unit} it becomes {op(self.unit, a)}"
                found.setdefault("unit", Failure("unit", f"a = {a}", message))
        return list(found.values())

    def __repr__(self) -> str:
        return f"<monoid {self.name}>"


ADDITION = Monoid("addition", 0, operator.add)
"""Numbers (or polynomials) under addition."""
