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

Each pattern has variables of its own. In a **colimit** a variable becomes what its places become: a
label, everywhere, where one of them is glued to it; else a variable, one for all that were glued.
Variables of two objects that only have equal names are told apart by the names of the legs. In a
**limit** of patterns, labels that differ are a variable, one for each family of labels: that is
what leads to all of them.

>>> from catlearn.finset import product, pushout
>>> point = Tables(shape, {"V": 1}, attributes={"colour": [Variable("x")]})
>>> red = Tables(shape, {"V": 1}, attributes={"colour": ["red"]})
>>> left, right = (TableMorphism(point, one, {"V": [0]}) for one in (pattern, red))
>>> glued = pushout(left, right)
>>> glued.apex.attributes["colour"], glued.legs[0].binding
(('red', 'red'), {'c': 'red'})
>>> both = product(pattern, red)
>>> [str(label) for label in both.apex.attributes["colour"]], both.legs[1].binding
(['?(c, red)', '?(c, red)'], {'(c, red)': 'red'})
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from catlearn.display import Legible
from catlearn.errors import CatlearnError, Failure, WrongKind, expect
from catlearn.finset.merge import class_names, quotient
from catlearn.finset.shapes import label_key, same_label
from catlearn.names import fresh

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


def shared_codes(
    objects: Iterable[Any], attribute: str, along: Sequence[Mapping[str, Any]] | None = None
) -> tuple[list[np.ndarray], list[Hashable]]:
    """Code an attribute of several tables together: equal labels have equal codes.

    Labels that mention rows are those that they become along the components that are given.
    """
    seen: dict[Hashable, int] = {}
    columns: list[np.ndarray] = []
    every: list[Hashable] = []
    for number, one in enumerate(objects):
        codes, labels = one.codes(attribute)
        carry = one.shape.order(attribute).carry
        if carry is not None and along is not None:
            labels = [carry(label, along[number]) for label in labels]
        numbers = []
        for label in labels:
            numbers.append(seen.setdefault(label_key(label), len(seen)))
            if len(seen) > len(every):
                every.append(label)
        columns.append(np.array(numbers, np.int64)[codes] if codes.size else codes)
    return columns, every


def met_labels(
    objects: Sequence[Any],
    attribute: str,
    rows: Sequence[np.ndarray],
    families: dict[Any, Variable] | None,
) -> tuple[Sequence[Any], np.ndarray]:
    """Return the meets of the labels of families of rows, and which families have one.

    Parameters
    ----------
    objects, attribute
        Tables, and an attribute of them.
    rows
        For each of them the rows that are in the families.
    families
        In a limit of patterns, where families without a meet have a variable: those so far.
    """
    order = objects[0].shape.order(attribute)
    if order.carry is not None and len(objects) > 1:
        message = f"the labels of {attribute} mention rows: limits of such tables are not known"
        raise CatlearnError(message)
    columns, labels = shared_codes(objects, attribute)
    codes = np.stack([column[at] for column, at in zip(columns, rows, strict=True)])
    different = (codes != codes[0]).any(axis=0)
    if not different.any() or (order.below is None and families is None):
        return [labels[code] for code in codes[0].tolist()], ~different
    kinds, place = np.unique(codes, axis=1, return_inverse=True)
    met = []
    for kind in kinds.T.tolist():
        found = (labels[kind[0]],)
        for code in kind[1:]:
            found = order.meet(found[0], labels[code]) if found else ()
        if not found and families is not None:
            found = (_of_family([labels[code] for code in kind], families),)
        met.append(found)
    return (
        [met[k][0] if met[k] else None for k in place.ravel().tolist()],
        np.array([bool(found) for found in met], bool)[place.ravel()],
    )


def _of_family(labels: Sequence[Any], families: dict[Any, Variable]) -> Variable:
    """Return the variable for a family of labels; it admits what all that are variables admit."""
    key = tuple(map(label_key, labels))
    if key not in families:
        open_ = [label for label in labels if isinstance(label, Variable)]
        where = open_[0].where if open_ else None
        if any(where is None or not v.admits(label) for v in open_ for label in labels):
            where = None
        text = ", ".join(x.name if isinstance(x, Variable) else str(x) for x in labels)
        name = fresh(f"({text})", {one.name for one in families.values()}, "'")
        families[key] = Variable(name, where)
    return families[key]


def unified(
    objects: Sequence[Any], names: Sequence[str], parts: Sequence[Mapping[str, Any]]
) -> tuple[Sequence[Any], list[Failure]]:
    """Fill the variables of the objects of a colimit with what they become.

    Parameters
    ----------
    objects, names
        The objects that have legs, and the names of these.
    parts
        For each object, the components of its leg.

    Returns
    -------
    objects, failures
        Variables that become one are called alike; and what is bound to a label that it does not
        admit.
    """
    places = [variables(one) for one in objects]
    if not any(places):
        return objects, []
    homes, called = objects[0].shape.attributes, [dict[str, int]() for _ in objects]
    bounds = [0]
    for own, found in zip(called, places, strict=True):
        for _, _, variable in found:
            own.setdefault(variable.name, bounds[-1] + len(own))
        bounds.append(bounds[-1] + len(own))
    # A class for each variable and for the label of each row of the apex, variables first.
    start, total = {}, bounds[-1]
    for name in {name: None for found in places for name, _, _ in found}:
        start[name], total = total, total + parts[0][homes[name]].codomain.size
    pairs = [
        (own[variable.name], start[name] + part[homes[name]](row))
        for own, found, part in zip(called, places, parts, strict=True)
        for name, row, variable in found
        if variable.function is None
    ]
    left, right = np.array(pairs, np.int64).reshape(-1, 2).T
    classes, first = quotient(total, left, right)
    count = int(np.searchsorted(first, bounds[-1]))
    labels: dict[int, Any] = {}
    for one, part in zip(objects, parts, strict=True):
        for name, begin in start.items():
            order, (codes, known) = one.shape.order(name), one.codes(name)
            at = classes[begin + part[homes[name]].values]
            for row in np.flatnonzero(at < count).tolist():
                label, number = known[codes[row]], int(at[row])
                absent = label is None and order.at_most(None, Variable(""))
                if not (absent or isinstance(label, Variable)) and (
                    number not in labels or order.at_most(labels[number], label)
                ):
                    labels[number] = label
    known_as = class_names(
        [(len(own), tuple(own)) for own in called], names, np.array(bounds), first[:count], []
    )
    admitting: dict[int, dict[Any, None]] = {}
    for own, found in zip(called, places, strict=True):
        for _, _, variable in found:
            if variable.where is not None and variable.function is None:
                admitting.setdefault(int(classes[own[variable.name]]), {})[variable.where] = None
    for number, name in enumerate(known_as or ()):
        if number not in labels:
            labels[number] = Variable(name, _all_of(list(admitting.get(number, ()))))
    failures, filled_in = [], []
    for one, own, found, leg in zip(objects, called, places, names, strict=True):
        bindings = {name: labels[int(classes[k])] for name, k in own.items()}
        for name, row, variable in found:
            label = bindings[variable.name]
            if not isinstance(label, Variable) and not variable.admits(label):
                place = f"{homes[name]}: {leg} {one.sets[homes[name]].label(row)!r}"
                message = f"{name} is {label!r}, which {variable} does not admit"
                failures.append(Failure(name, place, message))
        for name in dict.fromkeys(name for name, _, _ in found):
            column = one.attributes[name]
            filled = [x.fill(bindings) if isinstance(x, Variable) else x for x in column]
            one = one.with_column(name, filled, check=False)
        filled_in.append(one)
    return filled_in, failures


def _all_of(conditions: Sequence[Callable[[Any], bool]]) -> Callable[[Any], bool] | None:
    """Return the condition that all of some hold."""
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return lambda label: all(one(label) for one in conditions)
