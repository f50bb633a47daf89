"""Shapes: the names of tables, of what is between them and on them, and the orders of labels.

A shape names an :class:`Order` of the labels of each attribute. Morphisms may raise labels: that of
a row is at most that of its image. Colimits join the labels of the rows that become one, limits
meet them; where there is no join a colimit is refused, and where there is no meet a limit has no
row. In the *discrete* order, the default, labels are at most themselves. In the *flat* order None,
absent, is below every label: an axis of unknown size, glued to one of size 128, has size 128. A
size that two axes have is a row of a table of its own, so that what identifies the row is seen by
both.

>>> from catlearn.finset import Shape
>>> Shape(("V", "E"), arrows={"src": ("E", "V"), "tgt": ("E", "W")})
Traceback (most recent call last):
    ...
catlearn.errors.InvalidStructure: Shape is not valid (1 failure):
  - 'tgt': 'W' is not one of the tables ['V', 'E'] [ends]

Which labels are the same:

>>> column = [1, True, 1.0, (1, "x"), (True, "x"), np.int64(1), float("nan"), float("nan")]
>>> codes, labels = coded(column)
>>> codes.tolist()
[0, 1, 2, 3, 4, 0, 5, 5]
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from catlearn.errors import DEEPEST, Failure, Failures, TooLarge, expect, expect_known, refuse
from catlearn.finset.value import Frozen, Record

Classes = Sequence[tuple[Any, ...]]
Conflict = tuple[int, int, str]
"""Two rows whose labels have no join, and what to say of them."""

Merge = Callable[[Classes], tuple[Sequence[Any], Mapping[int, str]]]

PLAIN = frozenset((str, type(None)))
"""Types of labels that no label of another type equals."""

NUMBERS = frozenset((bool, int, float, complex))
SCALARS = (np.bool_, np.number, np.str_, np.bytes_)


def as_label(given: Any, depth: int = 0) -> Any:
    """Read a label: NumPy's scalars are Python's, also inside tuples and frozen sets.

    Raises
    ------
    TooLarge
        If these nest more than :data:`~catlearn.errors.DEEPEST` levels deep.

    Examples
    --------
    >>> as_label((np.int64(1), np.True_))
    (1, True)
    """
    if isinstance(given, SCALARS):
        return given.item()
    if type(given) in (tuple, frozenset):
        if depth == DEEPEST:
            raise TooLarge(f"a label nests more than {DEEPEST} levels deep")
        return type(given)([as_label(one, depth + 1) for one in given])
    return given


def label_key(label: Any, depth: int = 0) -> Hashable:
    """Return what is equal for two labels if and only if they are the same.

    For Python 1, True and 1.0 are equal, and NaN equals nothing; here numbers of different types
    differ, NaN is NaN, and NumPy's scalars are Python's, also inside tuples and frozen sets.
    Other labels are the same if they are equal.

    Raises
    ------
    TooLarge
        If it nests more than 128 levels deep, which a few labels together do not.

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
    if isinstance(label, tuple | frozenset):
        if depth > 2 * DEEPEST:
            raise TooLarge(f"a label nests more than {2 * DEEPEST} levels deep")
        keys = [label_key(one, depth + 1) for one in label]
        return (kind, *keys) if isinstance(label, tuple) else (kind, frozenset(keys))
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


@dataclass(frozen=True)
class Order:
    """A partial order of the labels of an attribute.

    Parameters
    ----------
    name
        What it is called.
    below
        Whether a label is below another, different one, where None is absent; by default never.
    merge
        Joins where they depend on all classes at once, such as sizes that are terms over unknowns:
        from the different labels of each class of rows that become one, in order, to their joins,
        or, by class, why there is none. By default the join of a class is that of its labels that
        is above all others.
    carry
        What a label becomes along a morphism, given its components, if labels mention rows.

    Examples
    --------
    >>> FLAT.at_most(None, 3), FLAT.at_most(3, None), DISCRETE.at_most(None, 3)
    (True, False, False)
    >>> powers = Order("divisibility", below=lambda a, b: None not in (a, b) and b % a == 0)
    >>> powers.at_most(2, 6), powers.meet(4, 2), powers.meet(4, 6)
    (True, (2,), ())
    """

    name: str
    below: Callable[[Any, Any], bool] | None = None
    merge: Merge | None = None
    carry: Callable[[Any, Mapping[str, Any]], Any] | None = field(default=None, repr=False)

    def at_most(self, one: Any, other: Any) -> bool:
        """Whether a label is below another one, or the same."""
        return same_label(one, other) or bool(self.below is not None and self.below(one, other))

    def meet(self, one: Any, other: Any) -> tuple[Any, ...]:
        """Return the greatest of two labels and None that is below both; nothing if none is."""
        found = [a for a in (one, other, None) if self.at_most(a, one) and self.at_most(a, other)]
        return tuple(found[:1])

    def fit(self, codes: np.ndarray, images: np.ndarray, labels: Sequence[Any]) -> np.ndarray:
        """Mark where a label, given by its code, is at most another one."""
        found = codes == images
        if self.below is not None and not found.all():
            rest = np.flatnonzero(~found)
            pairs = codes[rest] * len(labels) + images[rest]
            pairs, place = np.unique(pairs, return_inverse=True)
            ends = (divmod(pair, len(labels)) for pair in pairs.tolist())
            fits = [self.below(labels[a], labels[b]) for a, b in ends]
            found[rest] = np.array(fits, bool)[place]
        return found

    def joins(
        self, codes: np.ndarray, classes: np.ndarray, first: np.ndarray, labels: Sequence[Any]
    ) -> tuple[list[Any], list[Conflict]]:
        """Return the join of the labels of each class, and what has none.

        Parameters
        ----------
        codes, classes
            For each row the code of its label, and its class.
        first
            The first row of each class.
        labels
            The labels, by code.

        Returns
        -------
        list, list
            The labels of the classes; and pairs of rows that do not agree, each with what is wrong.
        """
        if self.merge is not None:
            return self._merged(self.merge, codes, classes, first, labels)
        top = first.copy()
        rest = np.flatnonzero(codes != codes[first][classes])
        while rest.size and self.below is not None:
            below = codes[top[classes[rest]]]
            rest = rest[(below != codes[rest]) & self.fit(below, codes[rest], labels)][::-1]
            top[classes[rest]] = rest  # of several rows the first, which is written last
            rest = np.flatnonzero(codes != codes[top][classes]) if rest.size else rest
        above = top[classes]
        bad = np.flatnonzero(~self.fit(codes, codes[above], labels))
        failures = []
        for row, other in zip(above[bad].tolist(), bad.tolist(), strict=True):
            one, two = (repr(labels[codes[k]]) for k in (row, other))
            failures.append((row, other, f"is {one} at the one, {two} at the other"))
        return [labels[code] for code in codes[top].tolist()], failures

    @staticmethod
    def _merged(
        merge: Merge,
        codes: np.ndarray,
        classes: np.ndarray,
        first: np.ndarray,
        labels: Sequence[Any],
    ) -> tuple[list[Any], list[Conflict]]:
        members: list[dict[int, int]] = [{} for _ in first]
        for row, number in enumerate(classes.tolist()):
            members[number].setdefault(int(codes[row]), row)
        found, faults = merge([tuple(labels[code] for code in one) for one in members])
        rows = [list(one.values()) for one in members]
        return list(found), [(rows[k][0], rows[k][-1], why) for k, why in faults.items()]


DISCRETE = Order("discrete")
"""Labels are at most themselves."""


def is_absent(label: Any, other: Any = None) -> bool:
    """Whether a label is None, which in the flat order is below every other."""
    return label is None


FLAT = Order("flat", below=is_absent)
"""None, absent, is below every label, and no label is below another."""

ORDERS = {order.name: order for order in (DISCRETE, FLAT)}
"""The orders that have names."""


def order_of(given: Order | str) -> Order:
    """Return an order, or the one of a name.

    Raises
    ------
    UnknownName
        If there is none: ``"discrete"`` and ``"flat"`` have names.
    """
    if isinstance(given, Order):
        return given
    expect(given, str, "order", f"an Order, or a name of one: {', '.join(ORDERS)}")
    expect_known(given, ORDERS, f"there is no order {given!r}")
    return ORDERS[given]


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
        expect(tables, Iterable, "tables", "a list of names")
        given = {"arrows": arrows, "lists": lists, "attributes": attributes, "orders": orders}
        for called, named in {**given, "side_data": side_data, "keys": keys}.items():
            expect(named, (type(None), Mapping), called, "a dict by name")
        for called, named in (("arrows", arrows), ("lists", lists), ("keys", keys)):
            for name, value in (named or {}).items():
                expect(value, Iterable, f"{called}[{name!r}]", "a pair or list of names")
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
        refuse(type(self).__name__, Shape.failures(self))

    def failures(self) -> list[Failure]:
        """List names used twice, unknown ends, orders of no attribute and keys of no arrows."""
        names = [*self.tables, *self.arrows, *self.lists, *self.attributes, *self.side_data]
        twice = {name: None for name in names if names.count(name) > 1}
        failures = Failures(
            Failure("names", repr(name), "is used more than once") for name in twice
        )
        failures += [
            Failure("names", repr(name), "is no text")
            for name in names
            if not isinstance(name, str)
        ]
        failures += [
            Failure("ends", repr(name), f"its ends are (source, target), not {ends!r}")
            for name, ends in self.steps().items()
            if len(ends) != 2
        ]
        ends = [(name, end) for name, pair in self.steps().items() for end in pair]
        ends += [*self.attributes.items(), *self.side_data.items()]
        for name, end in ends:
            if end not in self.tables:
                message = f"{end!r} is not one of the tables {list(self.tables)}"
                failures.add("ends", repr(name), message)
        for name in self.orders:
            if name not in self.attributes:
                message = f"is not one of the attributes {list(self.attributes)}"
                failures.add("orders", repr(name), message)
        for table, keys in self.keys.items():
            out = [name for name, (source, _) in self.arrows.items() if source == table]
            for key in keys:
                if not key or any(name not in out for name in key):
                    message = f"{key} are not some of the arrows {out} out of it"
                    failures.add("keys", repr(table), message)
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

    def __repr__(self) -> str:
        named = ("arrows", "lists", "attributes", "side_data")
        fields = [(name, getattr(self, name)) for name in named]
        fields.append(("orders", {name: order.name for name, order in self.orders.items()}))
        fields.append(("keys", self.keys))
        given = "".join(f", {name}={field!r}" for name, field in fields if field)
        return f"{type(self).__name__}({self.tables!r}{given})"
