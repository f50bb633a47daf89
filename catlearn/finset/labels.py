"""What limits and colimits make of labels: joins, meets, and what becomes of variables.

Each pattern has variables of its own. In a **colimit** a variable becomes what its places become: a
label, everywhere, where one of them is glued to it; else a variable, one for all that were glued.
Variables of two objects that only have equal names are told apart by the names of the legs. In a
**limit** of patterns, labels that differ are a variable, one for each family of labels: that is
what leads to all of them.

>>> from catlearn.finset import Shape, TableMorphism, Tables, Variable, product, pushout
>>> shape = Shape(["V"], attributes={"colour": "V"})
>>> pattern = Tables(shape, {"V": 2}, attributes={"colour": [Variable("c"), Variable("c")]})
>>> point = Tables(shape, {"V": 1}, attributes={"colour": [Variable("x")]})
>>> red = Tables(shape, {"V": 1}, attributes={"colour": ["red"]})
>>> left, right = (TableMorphism(point, one, {"V": [0]}) for one in (pattern, red))
>>> glued = pushout(left, right)
>>> glued.apex.attributes["colour"], glued.legs[0].binding
(('red', 'red'), {'c': 'red'})
>>> both = product(pattern, red)
>>> [str(label) for label in both.apex.attributes["colour"]], both.legs[1].binding
(['?(c, red)', '?(c, red)'], {'(c, red)': 'red'})

Where keys, or equations of a schema, say that labels are the same, a colimit that raises one raises
the others:

>>> sizes = Shape(["V", "E"], {"of": ("E", "V")}, attributes={"size": "E"},
...               orders={"size": "flat"}, keys={"E": [("of",)]})
>>> one, other = (Tables(sizes, {"V": 1, "E": 1}, {"of": [0]}, attributes={"size": [n]})
...               for n in (None, 128))
>>> foot = Tables(sizes, {"V": 1})
>>> glued = pushout(*(TableMorphism(foot, each, {"V": [0]}) for each in (one, other))).apex
>>> glued.attributes["size"]
(128, 128)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from catlearn.errors import CatlearnError, Failure, Failures, LabelConflict, refuse
from catlearn.finset.merge import class_names, quotient
from catlearn.finset.shapes import Order, coded, label_key
from catlearn.finset.variables import Variable, variables
from catlearn.names import fresh

Place = tuple[str, int]
"""An attribute, and a number."""


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
    failures, filled_in = Failures(), []
    for one, own, found, leg in zip(objects, called, places, names, strict=True):
        bindings = {name: labels[int(classes[k])] for name, k in own.items()}
        for name, row, variable in found:
            label = bindings[variable.name]
            if not isinstance(label, Variable) and not variable.admits(label):
                place = f"{homes[name]}: {leg} {one.sets[homes[name]].label(row)!r}"
                failures.add(name, place, f"{name} is {label!r}, which {variable} does not admit")
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


def label_classes(tables: Any) -> dict[str, np.ndarray]:
    """Return which labels keys and equations make one.

    Parameters
    ----------
    tables
        Tables of any kind.

    Returns
    -------
    dict
        Attribute -> a number for each row, equal for labels that have to be the same.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema
    >>> same = Schema(["V"], {"next": ("V", "V")}, attributes={"colour": "V"},
    ...               equations=["next >> colour = colour"])
    >>> label_classes(CSet(same, V=3, next=[1, 0, 2]))
    {'colour': array([0, 0, 1])}
    """
    homes, start, total = tables.shape.attributes, {}, 0
    for name, table in homes.items():
        start[name], total = total, total + tables.size(table)
    pairs = [(start[a] + one, start[b] + other) for a, one, b, other in tables.label_pairs()]
    nothing = np.zeros(0, np.int64)
    left, right = (np.concatenate([nothing, *(pair[k] for pair in pairs)]) for k in (0, 1))
    classes = quotient(total, left, right)[0]
    return {n: classes[at : at + tables.size(homes[n])] for n, at in start.items()}


def least_labels(
    tables: Any, given: Mapping[str, tuple[np.ndarray, Sequence[Any]]]
) -> tuple[dict[str, tuple[Any, ...]], list[tuple[Place, Place, str]]]:
    """Return the least labels that are at least some given ones, where keys and equations hold.

    Parameters
    ----------
    tables
        Tables of any kind, whose own labels do not matter.
    given
        Attribute -> rows, and a label for each of them.

    Returns
    -------
    columns, conflicts
        None where no label arrives. A conflict is of two places in what was given, and says
        why the labels there have no join.
    """
    classes, columns, conflicts = label_classes(tables), {}, []
    by_order: dict[Order, list[str]] = {}
    for name in given:
        by_order.setdefault(tables.shape.order(name), []).append(name)
    for order, names in by_order.items():
        labels = [label for name in names for label in given[name][1]]
        reached, first, place = np.unique(
            np.concatenate([classes[name][given[name][0]] for name in names]),
            return_index=True,
            return_inverse=True,
        )
        codes, known = coded(labels)
        joins, bad = order.joins(codes, place, first, known)
        found = dict(zip(reached.tolist(), joins, strict=True))
        columns |= {name: tuple(map(found.get, classes[name].tolist())) for name in names}
        if bad:
            places = [(name, k) for name in names for k in range(len(given[name][1]))]
            conflicts += [(places[one], places[other], why) for one, other, why in bad]
    return columns, conflicts


def closed(tables: Any) -> Any:
    """Raise the labels of a colimit where keys and equations ask for it.

    Raises
    ------
    LabelConflict
        Where labels have no join that have to be the same.
    """
    shape = tables.shape
    if not shape.orders:  # in the discrete order no label is raised
        return tables
    related = {name for a, _, b, _ in tables.label_pairs() for name in (a, b)}
    names = [name for name in shape.orders if name in related]
    if not names:
        return tables
    given = {n: (np.arange(len(tables.attributes[n])), tables.attributes[n]) for n in names}
    columns, conflicts = least_labels(tables, given)
    labels = {n: tables.sets[shape.attributes[n]].label for n in names}
    refuse(
        "colimit",
        (
            Failure(a, f"{a} of {labels[a](one)!r}, {b} of {labels[b](other)!r}", f"{a} {why}")
            for (a, one), (b, other), why in conflicts
        ),
        LabelConflict,
    )
    fields = tables.sets, tables.arrows, tables.lists, {**tables.attributes, **columns}
    return tables._build(shape, *fields, tables.side_data)
