"""Limits and colimits of tables, table by table.

**Colimits.** Each table of the apex is the colimit of the objects' tables (one union-find each);
arrows, lists and attributes of a class are those of its smallest member. For natural morphisms
that is well defined but for attributes, whose agreement is checked; so is the rest, since
morphisms may have been built unchecked. A colimit of valid tables is valid.

**Limits.** Tables are coalgebras: a row has its attributes, and the lists of rows that it
reaches. The limit is the largest part of the tables' limits in which attributes agree, lists
have equal lengths, and every row that is reached is there (Rutten, "Universal coalgebra", 2000).

>>> from catlearn.finset import Shape, Tables, product
>>> shape = Shape(("V", "E"), arrows={"src": ("E", "V"), "tgt": ("E", "V")})
>>> arrow = Tables(shape, {"V": 2, "E": 1}, {"src": [0], "tgt": [1]})
>>> square = product(arrow, arrow).apex
>>> square.size("V"), square.size("E")
(4, 1)
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from catlearn.errors import CatlearnError, Failure, InvalidStructure, LabelConflict
from catlearn.finset.diagrams import Ambient, Diagram
from catlearn.finset.functions import FinFunction
from catlearn.finset.join import find
from catlearn.finset.lists import ListFunction
from catlearn.finset.orders import label_key
from catlearn.finset.sets import FINSETS, FinSet
from catlearn.finset.universal import Colimit, Limit, Universal
from catlearn.tensors import same_values

if TYPE_CHECKING:
    from catlearn.finset.morphisms import TableMorphism
    from catlearn.finset.shapes import Shape
    from catlearn.finset.tables import Tables

Kind = TypeVar("Kind", bound=Universal)
Parts = Mapping[str, FinFunction]


class TableCategory(Ambient):
    """The category of tables of one shape; morphisms are :class:`TableMorphism`."""

    name = "tables"

    def identity(self, of: Tables) -> TableMorphism:
        return morphism(of, of, {t: FinFunction.identity(one) for t, one in of.sets.items()})

    def mismatch(self, one: Tables, other: Tables) -> str:
        return one.mismatch(other)

    def differences(self, f: TableMorphism, g: TableMorphism) -> str:
        found = {t: FINSETS.differences(one, g.components[t]) for t, one in f.components.items()}
        return "; ".join(f"in {table}, {text}" for table, text in found.items() if text)

    def colimit(self, diagram: Diagram) -> tuple[Tables, tuple[TableMorphism, ...]]:
        shape, objects = shape_of(diagram), diagram.leg_objects
        found = {table: FINSETS.colimit(table_of(diagram, table)) for table in shape.tables}
        sets = {table: apex for table, (apex, _) in found.items()}
        legs = {table: legs for table, (_, legs) in found.items()}
        classes = {table: joined(leg.values for leg in legs[table]) for table in sets}
        first = {
            table: first_members(labels, len(sets[table])) for table, labels in classes.items()
        }
        conflicts: list[Failure] = []

        steps = {}
        for name, (source, target) in shape.steps().items():
            lists = [one.step(name) for one in objects]
            pairs = zip(lists, legs[target], strict=True)
            values = joined(leg.values[rows.values] for rows, leg in pairs)
            ends = np.cumsum([0, *joined(rows.lengths for rows in lists)])
            every = ListFunction._of(ends, values, FinSet(len(ends) - 1), sets[target])
            steps[name] = every.at(first[source], sets[source])
            bad = differing_rows(every, steps[name].at(classes[source], every.domain))
            if bad.size:
                rows, lists = union_labels(diagram, source), [sets[target].labels(r) for r in every]
                for k in bad.tolist():
                    member = int(first[source][classes[source][k]])
                    one, other = (f"[{', '.join(lists[row])}]" for row in (member, k))
                    message = f"{name} is {one} at the one, {other} at the other"
                    place = f"{source}: {rows[member]} = {rows[k]}"
                    conflicts.append(Failure(name, place, message))
        attributes = {}
        parts = [{table: legs[table][k] for table in sets} for k in range(len(objects))]
        for name, table in shape.attributes.items():
            columns, labels = shared_codes(objects, name, parts)
            order, codes = shape.order(name), joined(columns)
            found, bad = order.joins(codes, classes[table], first[table], labels)
            attributes[name] = tuple(found)
            rows = union_labels(diagram, table) if bad else []
            for one, other, why in bad:
                place = f"{table}: {rows[one]} = {rows[other]}"
                conflicts.append(Failure(name, place, f"{name} {why}"))
        side_data: dict[str, dict[int, Any]] = {}
        for name, table in shape.side_data.items():
            held, places = side_data.setdefault(name, {}), {}
            for where, value in side_by_side(objects, name, table):
                row = int(classes[table][where])
                if not same_values(held.setdefault(row, value), value):
                    rows, other = union_labels(diagram, table), places[row]
                    place = f"{table}: {rows[other]} = {rows[where]}"
                    conflicts.append(Failure(name, place, "they hold different values"))
                places.setdefault(row, where)
        if conflicts:
            raise LabelConflict("colimit", conflicts)
        kind = diagram.of._common(diagram.objects)
        apex = kind._of_steps(shape, sets, steps, attributes, side_data)
        failures = apex._colimit_failures()
        if failures:
            raise InvalidStructure("the colimit", failures)
        pairs = zip(objects, parts, strict=True)
        return apex, tuple(morphism(one, apex, part) for one, part in pairs)

    def descend(self, colimit: Colimit, cocone: tuple[Any, ...], codomain: Tables) -> TableMorphism:
        parts = {}
        for table, end in codomain.sets.items():
            components = tuple(h.components[table] for h in cocone)
            parts[table] = FINSETS.descend(at_table(colimit, table), components, end)
        return morphism(colimit.apex, codomain, parts)

    def limit(self, diagram: Diagram) -> tuple[Tables, tuple[TableMorphism, ...]]:
        shape, objects = shape_of(diagram), diagram.leg_objects
        if not objects and (shape.lists or shape.attributes):
            message = "tables with lists or attributes have no terminal object"
            raise CatlearnError(f"{message}; take the limit of at least one")
        found = {table: FINSETS.limit(table_of(diagram, table)) for table in shape.tables}
        sets = {table: apex for table, (apex, _) in found.items()}
        columns = {table: [leg.values for leg in legs] for table, (_, legs) in found.items()}
        live = {table: np.ones(len(one), bool) for table, one in sets.items()}
        steps = {}
        for name, (source, target) in shape.steps().items():
            pairs = zip(objects, columns[source], strict=True)
            lists = [one.step(name).at(column, sets[source]) for one, column in pairs]
            lists = lists or [ListFunction.of([[0]], 1)]
            for other in lists[1:]:
                live[source] &= other.lengths == lists[0].lengths
            alike = [rows.at(np.flatnonzero(live[source]), sets[source]) for rows in lists]
            ends = np.cumsum([0, *np.where(live[source], lists[0].lengths, 0)])
            values = alike[0].values
            if objects:
                values = find(columns[target], [rows.values for rows in alike])
            steps[name] = ListFunction._of(ends, values, sets[source], sets[target])
        attributes = {}
        for name, table in shape.attributes.items():
            attributes[name], fits = met_labels(objects, name, columns[table])
            live[table] &= fits
        kind = diagram.of._common(diagram.objects)
        rows = largest_part(shape, live, steps)
        values = [
            {table: columns[table][k][rows[table]] for table in sets} for k in range(len(objects))
        ]
        side_data = held_by_all([one._held(at) for one, at in zip(objects, values, strict=True)])
        apex = part(kind, shape, rows, sets, steps, attributes, side_data)
        pairs = zip(objects, values, strict=True)
        return apex, tuple(morphism(apex, one, components_of(at, apex, one)) for one, at in pairs)

    def lift(self, limit: Limit, cone: tuple[Any, ...], domain: Tables) -> TableMorphism:
        parts = {}
        for table, start in domain.sets.items():
            components = tuple(h.components[table] for h in cone)
            parts[table] = FINSETS.lift(at_table(limit, table), components, start)
        return morphism(domain, limit.apex, parts)


TABLES = TableCategory()


def shape_of(diagram: Diagram) -> Shape:
    """Return the shape that all objects of a diagram share."""
    shape = getattr(diagram.of, "shape", None)
    if shape is None:
        message = f"{diagram.of!r} has no shape; say of= with tables that have one"
        raise InvalidStructure("diagram", [Failure("shape", "of", message)])
    other = [k for k, one in enumerate(diagram.objects) if one.shape != shape]
    if other:
        message = f"its shape is not that of object 0, {shape!r}"
        raise InvalidStructure("diagram", [Failure("shape", f"object {k}", message) for k in other])
    return shape


def table_of(diagram: Diagram, table: str) -> Diagram:
    """Return the diagram of sets that a diagram of tables is at one table."""
    sets = [one.sets[table] for one in diagram.objects]
    arrows = [(i, j, m.components[table]) for i, j, m in diagram.arrows]
    return Diagram(sets, arrows, legs=diagram.legs, names=diagram.names, of=FinSet)


def at_table(universal: Kind, table: str) -> Kind:
    """Return the limit or colimit of sets that one of tables is at one table."""
    legs = [leg.components[table] for leg in universal.legs]
    return type(universal)(universal.diagram, universal.apex.sets[table], legs)


def morphism(domain: Tables, codomain: Tables, parts: Parts) -> TableMorphism:
    """Return the (valid) morphism with these components, of the class that its ends ask for."""
    return domain._common([domain, codomain])._morphism_class()._build(domain, codomain, parts)


def components_of(
    values: Mapping[str, np.ndarray], domain: Tables, codomain: Tables
) -> dict[str, FinFunction]:
    """Return components given by their values."""
    return {
        table: FinFunction._of(array, domain.sets[table], codomain.sets[table])
        for table, array in values.items()
    }


def part(
    kind: type[Tables],
    shape: Shape,
    rows: Mapping[str, np.ndarray],
    sets: Mapping[str, FinSet],
    steps: Mapping[str, ListFunction],
    attributes: Mapping[str, tuple[Hashable, ...]],
    side_data: Mapping[str, Mapping[int, Any]],
) -> Any:
    """Build the part of some tables that has these rows: closed, increasing.

    The side data are those of the part.
    """
    place = {table: np.full(one.size, -1) for table, one in sets.items()}
    for table, chosen in rows.items():
        place[table][chosen] = np.arange(chosen.size)
    small = {table: sets[table].part(chosen) for table, chosen in rows.items()}
    kept = {}
    for name, (source, target) in shape.steps().items():
        found = steps[name].at(rows[source], small[source])
        values = place[target][found.values]
        kept[name] = ListFunction._of(found.offsets, values, small[source], small[target])
    columns = {
        name: tuple(attributes[name][k] for k in rows[table].tolist())
        for name, table in shape.attributes.items()
    }
    for name, order in shape.orders.items():
        if order.carry is not None:
            inside = {t: FinFunction._of(place[t], sets[t], small[t]) for t in rows}
            columns[name] = tuple(order.carry(label, inside) for label in columns[name])
    return kind._of_steps(shape, small, kept, columns, side_data)


def largest_part(
    shape: Shape, live: dict[str, np.ndarray], steps: Mapping[str, ListFunction]
) -> dict[str, np.ndarray]:
    """Drop rows that reach one that is not live (or -1, not there) until none do."""
    owners = {name: np.repeat(np.arange(len(one)), one.lengths) for name, one in steps.items()}
    shrinking = True
    while shrinking:
        shrinking = False
        for name, (source, target) in shape.steps().items():
            reached = np.append(live[target], False)[steps[name].values]
            lost = owners[name][~reached]
            shrinking = shrinking or bool(live[source][lost].any())
            live[source][lost] = False
    return {table: np.flatnonzero(mark) for table, mark in live.items()}


def joined(arrays: Iterable[np.ndarray]) -> np.ndarray:
    """Concatenate int64 arrays, of which there may be none."""
    return np.concatenate([np.zeros(0, np.int64), *arrays])


def first_members(labels: np.ndarray, count: int) -> np.ndarray:
    """Return the smallest member of each class."""
    first = np.empty(count, np.int64)
    first[labels[::-1]] = np.arange(labels.size - 1, -1, -1)
    return first


def union_labels(diagram: Diagram, table: str) -> list[str]:
    """Say for each row of the legs' disjoint union which it is, as ``left 'x'``."""
    pairs = zip(diagram.names, diagram.leg_objects, strict=True)
    return [f"{name} {label!r}" for name, one in pairs for label in one.names(table)]


def side_by_side(objects: Iterable[Tables], name: str, table: str) -> Iterator[tuple[int, Any]]:
    """Yield what rows of a disjoint union hold, each with its row there."""
    first = 0
    for one in objects:
        yield from ((first + row, value) for row, value in one.side_data[name].items())
        first += one.size(table)


def held_by_all(parts: list[dict[str, dict[int, Any]]]) -> dict[str, dict[int, Any]]:
    """Return the side data that all hold alike."""
    return {
        name: {
            row: value
            for row, value in held.items()
            if all(row in one[name] and same_values(one[name][row], value) for one in parts)
        }
        for name, held in (parts[0] if parts else {}).items()
    }


def differing_rows(f: ListFunction, g: ListFunction) -> np.ndarray:
    """Return the rows at which two list-valued functions with one domain differ."""
    if f.same_rows(g):
        return np.zeros(0, np.int64)
    differs = f.lengths != g.lengths
    same = np.flatnonzero(~differs)
    one, other = f.at(same, FinSet(same.size)), g.at(same, FinSet(same.size))
    home = np.repeat(same, one.lengths)
    differs[home[one.values != other.values]] = True
    return np.flatnonzero(differs)


def met_labels(
    objects: Sequence[Tables], attribute: str, rows: Sequence[np.ndarray]
) -> tuple[Sequence[Any], np.ndarray]:
    """Return the meets of the labels of families of rows, and which families have one."""
    order = objects[0].shape.order(attribute)
    if order.carry is not None and len(objects) > 1:
        message = f"the labels of {attribute} mention rows: limits of such tables are not known"
        raise CatlearnError(message)
    columns, labels = shared_codes(objects, attribute)
    codes = np.stack([column[at] for column, at in zip(columns, rows, strict=True)])
    different = (codes != codes[0]).any(axis=0)
    if order.below is None or not different.any():
        return [labels[code] for code in codes[0].tolist()], ~different
    kinds, place = np.unique(codes, axis=1, return_inverse=True)
    met = []
    for kind in kinds.T.tolist():
        found = (labels[kind[0]],)
        for code in kind[1:]:
            found = order.meet(found[0], labels[code]) if found else ()
        met.append(found)
    return (
        [met[k][0] if met[k] else None for k in place.ravel().tolist()],
        np.array([bool(found) for found in met], bool)[place.ravel()],
    )


def shared_codes(
    objects: Iterable[Tables], attribute: str, along: Sequence[Parts] | None = None
) -> tuple[list[np.ndarray], list[Hashable]]:
    """Code an attribute of several tables alike: equal labels have equal codes.

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
