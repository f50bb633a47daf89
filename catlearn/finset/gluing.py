"""Limits and colimits of tables, table by table.

**Colimits.** Each table of the apex is the colimit of the objects' tables (one union-find each);
arrows, lists and attributes of a class are those of its smallest member. For natural morphisms
this is well defined except for attributes, whose agreement is checked; so are the rest, since
morphisms may have been built unchecked. A colimit of valid tables is valid.

**Limits.** Tables are coalgebras: a row is sent to its attributes, the rows that its arrows
reach, and the lists of rows that its lists reach. The limit is the largest part of the limits
of the tables in which attributes agree, lists have equal lengths, and every row that is reached
is there (Rutten, "Universal coalgebra", 2000).

>>> from catlearn.finset import Shape, Tables, product
>>> shape = Shape(("V", "E"), arrows={"src": ("E", "V"), "tgt": ("E", "V")})
>>> arrow = Tables(shape, {"V": 2, "E": 1}, {"src": [0], "tgt": [1]})
>>> square = product(arrow, arrow).apex
>>> square.size("V"), square.size("E")
(4, 1)
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.errors import CatlearnError, Failure, InvalidStructure, LabelConflict
from catlearn.finset.functions import FinFunction, FinSet, ListFunction
from catlearn.finset.join import find, join
from catlearn.finset.merge import Merged, merge
from catlearn.finset.universal import Ambient, Colimit, Diagram, Limit

if TYPE_CHECKING:
    from catlearn.finset.tables import Shape, TableMorphism, Tables


class TableCategory(Ambient):
    """The category of tables of one shape; morphisms are :class:`TableMorphism`."""

    name = "tables"

    def same(self, one: Tables, other: Tables) -> bool:
        return one.matches(other)

    def identity(self, of: Tables) -> TableMorphism:
        kind = of._morphism_class()
        parts = {table: FinFunction.identity(one) for table, one in of.sets.items()}
        return kind._build(of, of, parts)

    def differences(self, f: TableMorphism, g: TableMorphism) -> str:
        found = []
        for table, one in f.components.items():
            bad = one.ambient.differences(one, g.components[table])
            found += [f"in {table}, {bad}"] if bad else []
        return "; ".join(found)

    def colimit(self, diagram: Diagram) -> tuple[Tables, tuple[TableMorphism, ...]]:
        shape = _shape(diagram)
        merged = {table: _merge(diagram, table) for table in shape.tables}
        sets = {table: FinSet._of(len(one.first), one.names) for table, one in merged.items()}
        objects = diagram.leg_objects
        glue = _Glue(shape, objects, diagram.names, merged)
        arrows = {
            name: FinFunction._of(glue.arrow(name, *ends), sets[ends[0]], sets[ends[1]])
            for name, ends in shape.arrows.items()
        }
        lists = {
            name: glue.rows(name, *ends, sets[ends[0]], sets[ends[1]])
            for name, ends in shape.lists.items()
        }
        attributes = {name: glue.attribute(name, table) for name, table in shape.attributes.items()}
        if glue.conflicts:
            raise LabelConflict("colimit", glue.conflicts)
        kind = diagram.of._common(diagram.objects)
        bare = kind._build(shape, sets, arrows, lists, attributes)
        parts = [{t: one.legs[k] for t, one in merged.items()} for k in range(len(objects))]
        pairs = list(zip(objects, parts, strict=True))
        apex = bare._glued(diagram, tuple(_morphism(one, bare, part) for one, part in pairs))
        return apex, tuple(_morphism(one, apex, part) for one, part in pairs)

    def descend(self, colimit: Colimit, cocone: tuple[Any, ...], codomain: Tables) -> TableMorphism:
        parts = {}
        for table, one in colimit.apex.sets.items():
            values = np.empty(one.size, np.int64)
            for leg, h in zip(colimit.legs, cocone, strict=True):
                values[leg.components[table].values] = h.components[table].values
            parts[table] = values
        return _morphism(colimit.apex, codomain, parts)

    def limit(self, diagram: Diagram) -> tuple[Tables, tuple[TableMorphism, ...]]:
        shape, objects = _shape(diagram), diagram.leg_objects
        if not objects and (shape.lists or shape.attributes):
            message = "tables with lists or attributes have no terminal object"
            raise CatlearnError(f"{message}; take the limit of at least one")
        columns = {table: _join(diagram, table) for table in shape.tables}
        rows = _largest_part(shape, objects, columns)
        columns = {t: [column[rows[t]] for column in found] for t, found in columns.items()}
        sets = {table: _limit_set(diagram, table, columns[table], rows) for table in shape.tables}
        arrows, lists = {}, {}
        for name, (source, target) in shape.arrows.items():
            reached = [
                one.arrows[name].values[column]
                for one, column in zip(objects, columns[source], strict=True)
            ]
            found = find(columns[target], reached) if objects else np.zeros(1, np.int64)
            arrows[name] = FinFunction._of(found, sets[source], sets[target])
        for name, (source, target) in shape.lists.items():
            found = [
                one.lists[name].at(column, sets[source])
                for one, column in zip(objects, columns[source], strict=True)
            ]
            entries = find(columns[target], [one.values for one in found])
            lists[name] = ListFunction._of(found[0].offsets, entries, sets[source], sets[target])
        attributes = {
            name: tuple(objects[0].attributes[name][k] for k in columns[table][0].tolist())
            for name, table in shape.attributes.items()
        }
        bare = diagram.of._common(diagram.objects)._build(shape, sets, arrows, lists, attributes)

        def legs(apex: Tables) -> tuple[TableMorphism, ...]:
            parts = [{t: columns[t][k] for t in shape.tables} for k in range(len(objects))]
            return tuple(
                _morphism(apex, one, part) for one, part in zip(objects, parts, strict=True)
            )

        apex = bare._limited(diagram, legs(bare))
        return apex, legs(apex)

    def lift(self, limit: Limit, cone: tuple[Any, ...], domain: Tables) -> TableMorphism:
        parts = {}
        for table, one in domain.sets.items():
            parts[table] = np.zeros(one.size, np.int64)
            if cone:
                found = [leg.components[table].values for leg in limit.legs]
                parts[table] = find(found, [h.components[table].values for h in cone])
        return _morphism(domain, limit.apex, parts)


TABLES = TableCategory()


def part(whole: Tables, rows: Mapping[str, np.ndarray]) -> tuple[Any, TableMorphism]:
    """Return the part of tables with these rows (closed, increasing), and its inclusion."""
    sets, place = {}, {}
    for table, chosen in rows.items():
        one = whole.sets[table]
        names = one.labels(chosen) if one.names else ()
        sets[table] = FinSet._of(chosen.size, names or None)
        place[table] = np.full(one.size, -1)
        place[table][chosen] = np.arange(chosen.size)
    arrows, lists = {}, {}
    for name, (source, target) in whole.shape.arrows.items():
        values = place[target][whole.arrows[name].values[rows[source]]]
        arrows[name] = FinFunction._of(values, sets[source], sets[target])
    for name, (source, target) in whole.shape.lists.items():
        found = whole.lists[name].at(rows[source], sets[source])
        values = place[target][found.values]
        lists[name] = ListFunction._of(found.offsets, values, sets[source], sets[target])
    attributes = {
        name: tuple(whole.attributes[name][k] for k in rows[table].tolist())
        for name, table in whole.shape.attributes.items()
    }
    bare = type(whole)._build(whole.shape, sets, arrows, lists, attributes)
    sub = bare._restricted(_morphism(bare, whole, rows))
    return sub, _morphism(sub, whole, rows)


def _shape(diagram: Diagram) -> Shape:
    """Return the shape that all objects of a diagram share."""
    of = diagram.of if hasattr(diagram.of, "shape") else diagram.of.domain
    other = [k for k, one in enumerate(diagram.objects) if one.shape != of.shape]
    if other:
        message = f"has shape {diagram.objects[other[0]].shape!r}, but object 0 has {of.shape!r}"
        raise InvalidStructure("diagram", [Failure("shape", f"object {k}", message) for k in other])
    return of.shape


def _morphism(domain: Tables, codomain: Tables, parts: Mapping[str, np.ndarray]) -> TableMorphism:
    functions = {
        table: FinFunction._of(values, domain.sets[table], codomain.sets[table])
        for table, values in parts.items()
    }
    kind = domain._common([domain, codomain])._morphism_class()
    return kind._build(domain, codomain, functions)


def _merge(diagram: Diagram, table: str) -> Merged:
    sets = [one.sets[table] for one in diagram.objects]
    arrows = [(i, j, m.components[table].values) for i, j, m in diagram.arrows]
    sizes, names = [one.size for one in sets], [one.names for one in sets]
    return merge(sizes, arrows, diagram.legs, names, diagram.names)


class _Glue:
    """What arrows, lists and attributes of the legs' objects induce on the classes."""

    def __init__(
        self,
        shape: Shape,
        objects: Sequence[Tables],
        prefixes: Sequence[str],
        merged: Mapping[str, Merged],
    ) -> None:
        self.objects, self.prefixes = objects, prefixes
        self.first = {table: one.first for table, one in merged.items()}
        self.legs = {table: one.legs for table, one in merged.items()}
        self.labels = {table: _joined(one.legs) for table, one in merged.items()}
        self.conflicts: list[Failure] = []

    def arrow(self, name: str, source: str, target: str) -> np.ndarray:
        pairs = zip(self.objects, self.legs[target], strict=True)
        values = _joined([leg[one.arrows[name].values] for one, leg in pairs])
        induced = values[self.first[source]]
        bad = np.flatnonzero(values != induced[self.labels[source]])
        self._refuse(
            name, source, bad, lambda k: self._row(target, self._member(target, values[k]))
        )
        return induced

    def rows(
        self, name: str, source: str, target: str, domain: FinSet, codomain: FinSet
    ) -> ListFunction:
        parts = [one.lists[name] for one in self.objects]
        pairs = zip(parts, self.legs[target], strict=True)
        values = _joined([leg[part.values] for part, leg in pairs])
        offsets = np.cumsum([0, *_joined([part.lengths for part in parts])])
        rows = ListFunction._of(offsets, values, FinSet(len(offsets) - 1), codomain)
        induced = rows.at(self.first[source], domain)
        bad = differing_rows(rows, induced.at(self.labels[source], rows.domain))
        self._refuse(
            name,
            source,
            bad,
            lambda k: [self._row(target, self._member(target, v)) for v in rows.row(int(k))],
        )
        return induced

    def attribute(self, name: str, table: str) -> tuple[Hashable, ...]:
        columns, labels = shared_codes(self.objects, name)
        codes = _joined(columns)
        induced = codes[self.first[table]]
        bad = np.flatnonzero(codes != induced[self.labels[table]])
        self._refuse(name, table, bad, lambda k: labels[codes[k]])
        return tuple(labels[code] for code in induced.tolist())

    def _member(self, table: str, label: int) -> int:
        return int(self.first[table][label])

    def _row(self, table: str, row: int) -> str:
        """Say which row of the disjoint union this is, as ``left 'x'``."""
        for one, prefix in zip(self.objects, self.prefixes, strict=True):
            if row < one.size(table):
                return f"{prefix} {one.sets[table].label(row)!r}"
            row -= one.size(table)
        raise IndexError(row)

    def _refuse(self, name: str, table: str, bad: np.ndarray, say: Any) -> None:
        """Note the rows whose value is not that of their class, with both values."""
        for k in bad.tolist():
            first = self._member(table, self.labels[table][k])
            where = f"{table}: {self._row(table, first)} = {self._row(table, k)}"
            message = f"{name} is {say(first)!r} at the one, {say(k)!r} at the other"
            self.conflicts.append(Failure(name, where, message))


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int64), *arrays])


def _join(diagram: Diagram, table: str) -> list[np.ndarray]:
    sizes = [one.size(table) for one in diagram.objects]
    arrows = [(i, j, m.components[table].values) for i, j, m in diagram.arrows]
    return join(sizes, arrows, diagram.legs)


def _limit_set(
    diagram: Diagram, table: str, columns: Sequence[np.ndarray], rows: Mapping[str, np.ndarray]
) -> FinSet:
    if len(columns) == 1 and diagram.leg_objects[0].sets[table].names:
        names = diagram.leg_objects[0].sets[table].labels(columns[0])
        return FinSet._of(len(names), names or None)
    return FinSet(len(columns[0]) if columns else len(rows[table]))


def _largest_part(
    shape: Shape, objects: Sequence[Tables], columns: Mapping[str, Sequence[np.ndarray]]
) -> dict[str, np.ndarray]:
    """Return the rows of the tables' limits that the limit of the tables keeps."""
    if not objects:
        return {table: np.zeros(1, np.int64) for table in shape.tables}
    live = {table: np.ones(len(found[0]), bool) for table, found in columns.items()}
    for name, table in shape.attributes.items():
        coded = shared_codes(objects, name)[0]
        reached = [codes[column] for codes, column in zip(coded, columns[table], strict=True)]
        for codes in reached[1:]:
            live[table] &= codes == reached[0]
    needs: list[tuple[str, str, np.ndarray, np.ndarray]] = []
    for name, (source, target) in shape.arrows.items():
        reached = [
            one.arrows[name].values[column]
            for one, column in zip(objects, columns[source], strict=True)
        ]
        found = find(columns[target], reached)
        needs.append((source, target, np.arange(found.size), found))
    for name, (source, target) in shape.lists.items():
        lengths = [
            one.lists[name].lengths[column]
            for one, column in zip(objects, columns[source], strict=True)
        ]
        for other in lengths[1:]:
            live[source] &= other == lengths[0]
        kept = np.flatnonzero(live[source])
        rows = [
            one.lists[name].at(column[kept], FinSet(kept.size))
            for one, column in zip(objects, columns[source], strict=True)
        ]
        owners = np.repeat(kept, lengths[0][kept])
        needs.append((source, target, owners, find(columns[target], [r.values for r in rows])))
    shrinking = True
    while shrinking:
        shrinking = False
        for source, target, owners, found in needs:
            lost = owners[(found < 0) | ~np.append(live[target], False)[found]]
            shrinking = shrinking or bool(live[source][lost].any())
            live[source][lost] = False
    return {table: np.flatnonzero(mark) for table, mark in live.items()}


def differing_rows(f: ListFunction, g: ListFunction) -> np.ndarray:
    """Return the rows at which two list-valued functions with one domain differ."""
    differs = f.lengths != g.lengths
    same = np.flatnonzero(~differs)
    one, other = f.at(same, FinSet(same.size)), g.at(same, FinSet(same.size))
    home = np.repeat(same, one.lengths)
    differs[home[one.values != other.values]] = True
    return np.flatnonzero(differs)


def shared_codes(
    objects: Sequence[Tables], attribute: str
) -> tuple[list[np.ndarray], list[Hashable]]:
    """Code an attribute of several tables alike: equal labels have equal codes."""
    seen: dict[Hashable, int] = {}
    columns = []
    for one in objects:
        codes, labels = one.codes(attribute)
        table = np.array([seen.setdefault(label, len(seen)) for label in labels], np.int64)
        columns.append(table[codes] if codes.size else codes)
    return columns, list(seen)
