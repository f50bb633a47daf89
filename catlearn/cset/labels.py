"""Labels that a pattern leaves open: variables, what a match binds them to, and the search for it.

A pattern may have a :class:`Variable` where an attribute has a label. A *match* sends rows to
rows and binds each variable to the label it finds, one for all places where the variable
stands; the pattern with these labels filled in has an ordinary morphism into the whole. (These
are rule schemata: Plump, Steinert, "Towards graph programs for graph algorithms", 2004; and
the attribute variables of attributed C-sets.)

Searching for matches is searching for ordinary morphisms after *labels became rows*: each label
of an attribute is a row of a table of its own, and the attribute an arrow into it. Variables are
rows without a label, in the flat order, so they may go anywhere, but one variable to one label; and
morphisms between tables without variables are the same as before.

>>> any_colour = Variable("colour")
>>> print(any_colour, any_colour.map(str.upper).fill({"colour": "red"}))
?colour RED
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from catlearn.finset import FinFunction, Shape, Tables
from catlearn.finset.shapes import FLAT, coded, same_label
from catlearn.names import fresh

Bindings = Mapping[Any, Any]
"""Variable -> label, and (side data, variable) -> what the row holds."""


@dataclass(frozen=True)
class Variable:
    """A label that is left open.

    Parameters
    ----------
    name
        Variables of one name are bound to one label.
    where
        Which labels it may be bound to; any by default.
    function
        What to apply to the label that it is bound to, see :meth:`map`.
    """

    name: str
    where: Callable[[Any], bool] | None = None
    function: Callable[[Any], Hashable] | None = None

    def map(self, function: Callable[[Any], Hashable]) -> Variable:
        """Return the label that comes of applying a function to what this one is bound to."""
        before = self.function
        after = function if before is None else lambda label: function(before(label))
        return replace(self, function=after)

    def admits(self, label: Hashable) -> bool:
        """Whether it may be bound to a label."""
        return self.where is None or bool(self.where(label))

    def fill(self, bindings: Bindings) -> Hashable:
        """Return the label that it stands for."""
        return self.of(bindings[self.name])

    def of(self, found: Any) -> Any:
        """Return what it stands for where this is found."""
        return found if self.function is None else self.function(found)

    def __str__(self) -> str:
        return f"?{self.name}" if self.function is None else f"f(?{self.name})"


def variables(tables: Tables) -> list[tuple[str, int, Variable]]:
    """List the variables of a pattern, each with its attribute and its row."""
    return [
        (name, row, label)
        for name, column in tables.attributes.items()
        for row, label in enumerate(column)
        if isinstance(label, Variable)
    ]


def open_values(tables: Tables) -> list[tuple[str, int, Variable]]:
    """List the side data of a pattern that are variables, each with its name and its row."""
    return [
        (name, row, value)
        for name, held in tables.side_data.items()
        for row, value in held.items()
        if isinstance(value, Variable)
    ]


def bind(
    pattern: Tables, whole: Tables, components: Mapping[str, FinFunction]
) -> dict[Any, Any] | None:
    """Return what the variables of a pattern stand for in the whole; None if they cannot."""
    bound: dict[Any, Any] = {}
    for name, row, variable in variables(pattern):
        image = components[pattern.shape.attributes[name]](row)
        label = whole.attributes[name][image]
        known = bound.setdefault(variable.name, label)
        if not variable.admits(label) or not same_label(known, label):
            return None
    for name, row, variable in open_values(pattern):
        image = components[pattern.shape.side_data[name]](row)
        if image in whole.side_data[name]:
            bound[name, variable.name] = whole.side_data[name][image]
    return bound


def fill(pattern: Any, bindings: Bindings) -> Any:
    """Return a pattern with its variables replaced by labels, and all else unchanged.

    What is to hold the side data of a row that holds none holds none.
    """
    values = open_values(pattern)
    if not values and not variables(pattern):
        return pattern
    attributes = {
        name: tuple(
            label.fill(bindings) if isinstance(label, Variable) else label for label in column
        )
        for name, column in pattern.attributes.items()
    }
    held = {name: dict(rows) for name, rows in pattern.side_data.items()}
    for name, row, variable in values:
        if (name, variable.name) in bindings:
            held[name][row] = variable.of(bindings[name, variable.name])
        else:
            del held[name][row]
    fields = (pattern.sets, pattern.arrows, pattern.lists, attributes, held)
    return type(pattern)._build(pattern.shape, *fields)


def open_attributes(*patterns: Tables) -> tuple[str, ...]:
    """Return the attributes in which some pattern has variables."""
    return tuple(dict.fromkeys(name for one in patterns for name, _, _ in variables(one)))


LABELS = "labels"
"""The table of labels that have become rows, and the attribute that says which each is."""


def labels_as_rows(tables: Tables, attributes: Iterable[str]) -> Tables:
    """Return tables in which the labels of some attributes have become rows.

    Parameters
    ----------
    tables
        Tables of any kind.
    attributes
        Names of attributes. Each becomes an arrow into a table of labels, with a row for each
        different label and each variable. That of a variable has no label, in the flat order.

    Examples
    --------
    >>> shape = Shape(["V"], attributes={"colour": "V"})
    >>> colours = ["red", Variable("any"), Variable("any"), "red"]
    >>> print(labels_as_rows(Tables(shape, {"V": 4}, attributes={"colour": colours}), ["colour"]))
    V = 4
    labels = 2
    colour : V -> labels = [0, 1, 1, 0]
    label = [('red',), None]
    """
    chosen = tuple(attributes)
    if not chosen:
        return tables
    return tables._cached(f"labels as rows {chosen}", lambda: _opened(tables, chosen))


def _opened(tables: Tables, chosen: tuple[str, ...]) -> Tables:
    shape = tables.shape
    column = [label for name in chosen for label in tables.attributes[name]]
    codes, labels = coded([Variable(x.name) if isinstance(x, Variable) else x for x in column])
    table, label = fresh(LABELS, shape.tables, "'"), fresh("label", shape.attributes, "'")
    kept = {name: home for name, home in shape.attributes.items() if name not in chosen}
    opened = Shape(
        (*shape.tables, table),
        {**shape.arrows, **{name: (shape.attributes[name], table) for name in chosen}},
        shape.lists,
        {**kept, label: table},
        orders={**{name: shape.orders[name] for name in kept if name in shape.orders}, label: FLAT},
    )
    sizes = np.cumsum([0, *(len(tables.attributes[name]) for name in chosen)])
    rows = {name: codes[sizes[k] : sizes[k + 1]] for k, name in enumerate(chosen)}
    constants = [None if isinstance(one, Variable) else (one,) for one in labels]
    return Tables(
        opened,
        {**tables.sets, table: len(labels)},
        {**{name: f.values for name, f in tables.arrows.items()}, **rows},
        tables.lists,
        {**{name: tables.attributes[name] for name in kept}, label: constants},
        check=False,
    )
