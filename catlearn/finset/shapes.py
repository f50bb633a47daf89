"""Shapes: the names of tables, and of what is between them and on them.

>>> from catlearn.finset import Shape
>>> Shape(("V", "E"), arrows={"src": ("E", "V"), "tgt": ("E", "W")})
Traceback (most recent call last):
    ...
catlearn.errors.InvalidStructure: Shape is not valid (1 failure):
  - 'tgt': 'W' is not one of the tables ['V', 'E'] [ends]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from catlearn.errors import Failure, InvalidStructure
from catlearn.finset.orders import DISCRETE, Order, order_of
from catlearn.finset.value import Frozen, Record

Ends = tuple[str, str]


class Shape(Frozen):
    """The names of tables, arrows, lists, attributes and side data; subclasses may add laws.

    Parameters
    ----------
    tables
        Names of the tables.
    arrows, lists
        Name -> (source, target), for plain and for list-valued arrows.
    attributes
        Name -> table.
    side_data
        Name -> table, for arrays that rows may hold; see :class:`~catlearn.finset.Tables`.
    keys
        Table -> tuples of arrows out of it, each a *key*: rows that agree in these agree in all.
        A row belongs to the one to which the first arrow of its key leads.
    orders
        Attribute -> the order of its labels (:class:`~catlearn.finset.Order`) or its name, for
        those that are not discrete.

    Raises
    ------
    InvalidStructure
        Listing names used twice, ends that are not tables, orders of no attribute, and keys that
        are not arrows out of their table.

    Examples
    --------
    >>> Shape(["Axis"], attributes={"size": "Axis"}, orders={"size": "flat"})
    Shape(('Axis',), attributes={'size': 'Axis'}, orders={'size': 'flat'})
    """

    tables: tuple[str, ...]
    arrows: Record[str, Ends]
    lists: Record[str, Ends]
    attributes: Record[str, str]
    side_data: Record[str, str]
    orders: Record[str, Order]
    keys: Record[str, tuple[tuple[str, ...], ...]]

    def __init__(
        self,
        tables: Iterable[str] = (),
        arrows: Mapping[str, Iterable[str]] | None = None,
        lists: Mapping[str, Iterable[str]] | None = None,
        attributes: Mapping[str, str] | None = None,
        side_data: Mapping[str, str] | None = None,
        orders: Mapping[str, Order | str] | None = None,
        keys: Mapping[str, Iterable[Iterable[str]]] | None = None,
    ) -> None:
        read = {name: order_of(order) for name, order in (orders or {}).items()}
        self._set(
            tables=tuple(tables),
            arrows=Record({name: tuple(ends) for name, ends in (arrows or {}).items()}),
            lists=Record({name: tuple(ends) for name, ends in (lists or {}).items()}),
            attributes=Record(attributes or {}),
            side_data=Record(side_data or {}),
            orders=Record({name: order for name, order in read.items() if order != DISCRETE}),
            keys=Record({name: tuple(map(tuple, some)) for name, some in (keys or {}).items()}),
        )
        failures = Shape.failures(self)
        if failures:
            raise InvalidStructure(type(self).__name__, failures)

    def failures(self) -> list[Failure]:
        """List names used twice, unknown ends, orders of no attribute and keys of no arrows."""
        names = [*self.tables, *self.arrows, *self.lists, *self.attributes, *self.side_data]
        twice = {name: None for name in names if names.count(name) > 1}
        failures = [Failure("names", repr(name), "is used more than once") for name in twice]
        ends = [(name, end) for name, pair in self.steps().items() for end in pair]
        ends += [*self.attributes.items(), *self.side_data.items()]
        for name, end in ends:
            if end not in self.tables:
                message = f"{end!r} is not one of the tables {list(self.tables)}"
                failures.append(Failure("ends", repr(name), message))
        for name in self.orders:
            if name not in self.attributes:
                message = f"is not one of the attributes {list(self.attributes)}"
                failures.append(Failure("orders", repr(name), message))
        for table, keys in self.keys.items():
            out = [name for name, (source, _) in self.arrows.items() if source == table]
            for key in keys:
                if not key or any(name not in out for name in key):
                    message = f"{key} are not some of the arrows {out} out of it"
                    failures.append(Failure("keys", repr(table), message))
        return failures

    def order(self, attribute: str) -> Order:
        """Return the order of the labels of an attribute."""
        return self.orders.get(attribute, DISCRETE)

    def steps(self) -> dict[str, Ends]:
        """Return the ends of the arrows, then of the lists."""
        return {**self.arrows, **self.lists}

    def _key(self) -> tuple[Any, ...]:
        fields = self.arrows, self.lists, self.attributes, self.side_data, self.orders, self.keys
        return frozenset(self.tables), *fields

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, Shape):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        named = ("arrows", "lists", "attributes", "side_data")
        fields = [(name, getattr(self, name)) for name in named]
        fields.append(("orders", {name: order.name for name, order in self.orders.items()}))
        fields.append(("keys", self.keys))
        given = "".join(f", {name}={field!r}" for name, field in fields if field)
        return f"{type(self).__name__}({self.tables!r}{given})"
