"""Variables: labels that are left open, and what a morphism binds them to.

Tables with variables among their labels are a *pattern*. A morphism out of a pattern sends rows to
rows and binds each variable to the label that it finds, one for all places where the variable
stands. (The attribute variables of attributed C-sets: Patterson, Lynch, Fairbanks, arXiv
2106.04703; rule schemata: Plump, Steinert, "Towards graph programs for graph algorithms", 2004.)

>>> from catlearn.finset import Shape, TableMorphism, Tables
>>> shape = Shape(["V"], attributes={"colour": "V"})
>>> pattern = Tables(shape, {"V": 2}, attributes={"colour": [Variable("c"), Variable("c")]})
>>> whole = Tables(shape, {"V": 3}, attributes={"colour": ["red", "red", "blue"]})
>>> TableMorphism(pattern, whole, {"V": [0, 1]}).binding
{'c': 'red'}
>>> TableMorphism(pattern, whole, {"V": [0, 2]})
Traceback (most recent call last):
    ...
catlearn.errors.InvalidStructure: TableMorphism is not valid (1 failure):
  - V '1': colour of its image is 'blue', its colour is 'red' [naturality of colour]
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from catlearn.display import Legible
from catlearn.errors import WrongKind, expect
from catlearn.finset.shapes import same_label

Bindings = Mapping[Any, Any]
"""Variable -> label, and (side data, variable) -> what the row holds."""


@dataclass(frozen=True)
class Variable(Legible):
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

    def __post_init__(self) -> None:
        expect(self.name, str, "name", "a text, such as Variable('x')")
        for name, given in (("where", self.where), ("function", self.function)):
            if given is not None and not callable(given):
                raise WrongKind(f"{name} is a function of a label; found {given!r}")

    def map(self, function: Callable[[Any], Hashable]) -> Variable:
        """Return the label that comes of applying a function to what this one is bound to."""
        before = self.function
        after = function if before is None else lambda label: function(before(label))
        return replace(self, function=after)

    def admits(self, label: Hashable) -> bool:
        """Whether it may be bound to a label: to a variable, if that admits no more."""
        if self.where is None:
            return True
        if isinstance(label, Variable):
            return label.function is None and label.where == self.where
        return bool(self.where(label))

    def fill(self, bindings: Bindings) -> Hashable:
        """Return the label that it stands for: itself, if it is not bound."""
        return self.of(bindings[self.name]) if self.name in bindings else self

    def of(self, found: Any) -> Any:
        """Return what it stands for where this is found."""
        if self.function is None:
            return found
        return found.map(self.function) if isinstance(found, Variable) else self.function(found)

    def __str__(self) -> str:
        return f"?{self.name}" if self.function is None else f"f(?{self.name})"


def open_attributes(tables: Any) -> list[str]:
    """List the attributes that have variables among their labels."""
    return [
        name
        for name in tables.attributes
        if any(isinstance(label, Variable) for label in tables.codes(name)[1])
    ]


def variables(tables: Any) -> list[tuple[str, int, Variable]]:
    """List the variables of a pattern, each with its attribute and its row."""
    return [
        (name, row, label)
        for name in open_attributes(tables)
        for row, label in enumerate(tables.attributes[name])
        if isinstance(label, Variable)
    ]


def open_values(tables: Any) -> list[tuple[str, int, Variable]]:
    """List the side data of a pattern that are variables, each with its name and its row."""
    return [
        (name, row, value)
        for name, held in tables.side_data.items()
        for row, value in held.items()
        if isinstance(value, Variable)
    ]


def bound(found: Any) -> tuple[dict[Any, Any], bool]:
    """Return what variables stand for along a morphism, and whether that is one label each.

    Parameters
    ----------
    found
        A morphism of tables; its domain may be a pattern. A variable stands for the label of the
        image of its first row, if it admits that; side data are bound besides, by their name and
        the variable's.
    """
    pattern, whole, parts = found.domain, found.codomain, found.components
    bindings: dict[Any, Any] = {}
    refused, fits = set(), True
    for name, row, variable in variables(pattern):
        if variable.function is None:
            label = whole.attributes[name][parts[pattern.shape.attributes[name]](row)]
            fits = same_label(bindings.setdefault(variable.name, label), label) and fits
            if not variable.admits(label):
                refused.add(variable.name)
    bindings = {name: label for name, label in bindings.items() if name not in refused}
    fits = fits and not refused
    for name, row, variable in open_values(pattern):
        image = parts[pattern.shape.side_data[name]](row)
        if image in whole.side_data[name]:
            bindings[name, variable.name] = whole.side_data[name][image]
    return bindings, fits


def fill(pattern: Any, bindings: Bindings) -> Any:
    """Return a pattern with its variables replaced by labels, and all else unchanged.

    What is to hold the side data of a row that holds none holds none.
    """
    values = open_values(pattern)
    if not values and not open_attributes(pattern):
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


def filled(found: Any) -> Any:
    """Return a morphism out of a pattern as one out of the pattern with its variables filled in."""
    return type(found)._build(fill(found.domain, bound(found)[0]), found.codomain, found.components)
