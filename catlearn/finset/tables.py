"""Tables: named finite sets with plain and list-valued arrows and attributes; their (co)limits.

A **shape** names tables, arrows S -> T, list-valued arrows S -> List(T), and attributes of
tables. **Tables** of that shape are a finite set for each table, a function for each arrow, a
list-valued function for each list, and a hashable label (or None, absent) for each row and
attribute: an attributed C-set on a free schema (Patterson, Lynch, Fairbanks, "Categorical data
structures for technical computing", arXiv 2106.04703), with lists. Rows may have names: comparison
of values sees them, morphisms ignore them.

A **morphism** is a function for each table. Laws: for an arrow a : S -> T, ``f_S >> a' == a >>
f_T``; for a list l, ``f_S >> l' == l.map(f_T)``; for an attribute, ``attr <= f_S >> attr'`` in its
order, which is equality unless the shape names another one.

**Colimits.** Each table of the apex is the colimit of the objects' tables (one union-find each);
arrows, lists and attributes of a class are those of its smallest member. For natural morphisms
that is well defined but for attributes, whose agreement is checked; so is the rest, since
morphisms may have been built unchecked. A colimit of valid tables is valid.

**Limits.** Tables are coalgebras: a row has its attributes, and the lists of rows that it
reaches. The limit is the largest part of the tables' limits in which attributes agree, lists
have equal lengths, and every row that is reached is there (Rutten, "Universal coalgebra", 2000).

**Side data** are arrays, or trees of arrays, that rows may hold besides their labels: data sets,
parameters. A shape names them. Colimits carry them (a row holds what the rows that became it hold,
which has to be the same, see :func:`catlearn.tensors.same_values`), and so do limits (a row holds
what all of its parts hold), parts, rewriting and files. Nothing else sees them: not ``==``, hashes,
morphisms or search.

Subclasses (graphs, C-sets, learning diagrams) get limits and colimits without new code:

- They call ``super().__init__`` with a shape, or fix ``shape`` on the class, and keep extra
  fields with ``self._set(...)``. Whatever derives from the tables is computed on demand, since
  apexes are built by ``cls._build``, which does not call ``__init__``.
- ``failures`` extends ``super().failures()``, and returns early if that is not empty.
- ``_morphism_class`` says which subclass of :class:`TableMorphism` legs are.
- The apex's class is the nearest one that all objects of the diagram share.
- ``_colimit_failures()`` lists the laws that a colimit of valid objects may break; a colimit that
  breaks one is refused.

>>> from catlearn.finset import product
>>> shape = Shape(("V", "E"), arrows={"src": ("E", "V"), "tgt": ("E", "V")})
>>> G = Tables(shape, {"V": ["a", "b"], "E": 1}, {"src": ["a"], "tgt": ["b"]})
>>> G.arrows["tgt"], G.names("V")
(FinFunction([1], codomain=['a', 'b']), ('a', 'b'))
>>> TableMorphism(G, G, {"V": [1, 0], "E": [0]})
Traceback (most recent call last):
    ...
catlearn.errors.InvalidStructure: TableMorphism is not valid (2 failures):
  - E '0': src of its image is 'a', the image of its src is 'b' [naturality of src]
  - E '0': tgt of its image is 'b', the image of its tgt is 'a' [naturality of tgt]
>>> square = product(G, G).apex
>>> square.size("V"), square.size("E")
(4, 1)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, starmap
from typing import Any, TypeVar

import numpy as np

from catlearn.display import Displayed, brief
from catlearn.errors import (
    CatlearnError,
    Failure,
    Failures,
    InvalidStructure,
    LabelConflict,
    NotComposable,
    expect,
    expect_dicts,
    expect_each,
    expect_known,
    fault,
    listed,
    refuse,
)
from catlearn.finset.join import find, positions
from catlearn.finset.labels import closed, met_labels, shared_codes, unified
from catlearn.finset.sets import (
    FINSETS,
    FinFunction,
    FinSet,
    ListFunction,
    as_finset,
    read_rows,
    read_values,
)
from catlearn.finset.shapes import Shape, as_label, coded, label_key
from catlearn.finset.universal import Ambient, Colimit, Diagram, Limit, Universal, coproduct
from catlearn.finset.value import SHOWN, Frozen, Record, common_class, listing, read_only
from catlearn.finset.variables import Variable, bound, fill, open_attributes, variables
from catlearn.tensors import same_values

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
        conflicts = Failures()

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
                    conflicts.add(name, f"{source}: {rows[member]} = {rows[k]}", message)
        attributes = {}
        parts = [{table: legs[table][k] for table in sets} for k in range(len(objects))]
        labelled, refused = unified(objects, diagram.names, parts)
        conflicts += refused
        for name, table in shape.attributes.items():
            columns, labels = shared_codes(labelled, name, parts)
            order, codes = shape.order(name), joined(columns)
            found, bad = order.joins(codes, classes[table], first[table], labels)
            attributes[name] = tuple(found)
            rows = union_labels(diagram, table) if bad else []
            for one, other, why in bad:
                conflicts.add(name, f"{table}: {rows[one]} = {rows[other]}", f"{name} {why}")
        side_data: dict[str, dict[int, Any]] = {}
        holders: list[tuple[str, Tables, Parts]]
        holders = list(zip(diagram.names, objects, parts, strict=True))
        holders += list(interfaces(diagram, parts)) if shape.side_data else []
        for name, table in shape.side_data.items():
            held, places = side_data.setdefault(name, {}), {}
            for called, one, part in holders:
                for row, value in one.side_data[name].items():
                    at = int(part[table].values[row])
                    place = f"{called} {one.sets[table].label(row)!r}"
                    if not same_values(held.setdefault(at, value), value):
                        message = "they hold different values"
                        conflicts.add(name, f"{table}: {places[at]} = {place}", message)
                    places.setdefault(at, place)
        refuse("colimit", conflicts, LabelConflict)
        kind = diagram.of._common(diagram.objects)
        apex = closed(kind._of_steps(shape, sets, steps, attributes, side_data))
        refuse("the colimit", apex._colimit_failures())
        pairs = zip(objects, parts, strict=True)
        return apex, tuple(morphism(one, apex, part) for one, part in pairs)

    def descend(self, colimit: Colimit, cocone: tuple[Any, ...], codomain: Tables) -> TableMorphism:
        parts = by_table(FINSETS.descend, colimit, cocone, codomain)
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
            fitting = [rows.at(np.flatnonzero(live[source]), sets[source]) for rows in lists]
            ends = np.cumsum([0, *np.where(live[source], lists[0].lengths, 0)])
            values = fitting[0].values
            if objects:
                values = find(columns[target], [rows.values for rows in fitting])
            steps[name] = ListFunction._of(ends, values, sets[source], sets[target])
        attributes = {}
        families: dict[Any, Variable] | None = {} if any(map(open_attributes, objects)) else None
        for name, table in shape.attributes.items():
            met, fits = met_labels(objects, name, columns[table], families)
            attributes[name] = tuple(met)
            live[table] &= fits
        kind = diagram.of._common(diagram.objects)
        rows = largest_part(shape, live, steps)
        values = [
            {table: columns[table][k][rows[table]] for table in sets} for k in range(len(objects))
        ]
        side_data = held_by_all([one._held(at) for one, at in zip(objects, values, strict=True)])
        apex = part(kind, shape, rows, sets, steps, attributes, side_data)
        pairs = zip(objects, values, strict=True)
        return apex, tuple(morphism(apex, one, at) for one, at in pairs)

    def lift(self, limit: Limit, cone: tuple[Any, ...], domain: Tables) -> TableMorphism:
        return morphism(domain, limit.apex, by_table(FINSETS.lift, limit, cone, domain))


TABLES = TableCategory()


def shape_of(diagram: Diagram) -> Shape:
    """Return the shape that all objects of a diagram share."""
    shape = getattr(diagram.of, "shape", None)
    if shape is None:
        message = f"{diagram.of!r} has no shape; say of= with tables that have one"
        raise fault("diagram", "shape", "of", message)
    refuse(
        "diagram",
        (
            Failure("shape", f"object {k}", f"its shape is not that of object 0, {shape!r}")
            for k, one in enumerate(diagram.objects)
            if one.shape != shape
        ),
    )
    return shape


def table_of(diagram: Diagram, table: str) -> Diagram:
    """Return the diagram of sets that a diagram of tables is at one table."""
    sets = [one.sets[table] for one in diagram.objects]
    arrows = [(i, j, m.components[table]) for i, j, m in diagram.arrows]
    return Diagram(sets, arrows, legs=diagram.legs, names=diagram.names, of=FinSet)


def by_table(
    induced: Callable[..., FinFunction], universal: Universal, cone: tuple[Any, ...], end: Tables
) -> dict[str, FinFunction]:
    """Return what a (co)cone of tables induces, from the (co)limit of sets at each table."""
    parts, kind = {}, type(universal)
    for table, there in end.sets.items():
        legs, components = (tuple(m.components[table] for m in ms) for ms in (universal, cone))
        at_table = kind(universal.diagram, universal.apex.sets[table], legs)
        parts[table] = induced(at_table, components, there)
    return parts


def morphism(
    domain: Tables, codomain: Tables, parts: Mapping[str, FinFunction | np.ndarray]
) -> TableMorphism:
    """Return the (valid) morphism with these components, of the class that its ends ask for.

    A component may be given by its values.
    """
    made = {
        table: one
        if isinstance(one, FinFunction)
        else FinFunction._of(one, domain.sets[table], codomain.sets[table])
        for table, one in parts.items()
    }
    return domain._common([domain, codomain])._morphism_class()._build(domain, codomain, made)


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
    place = {table: positions(chosen, sets[table].size) for table, chosen in rows.items()}
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
    owners = {name: one.owners for name, one in steps.items()}
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


def interfaces(diagram: Diagram, parts: Sequence[Parts]) -> Iterator[tuple[str, Tables, Parts]]:
    """Yield the objects that hold side data and have no legs, and where they go in the apex."""
    known = dict(zip(diagram.legs, parts, strict=True))
    waiting = [k for k, one in enumerate(diagram.objects) if k not in known]
    if not any(held for k in waiting for held in diagram.objects[k].side_data.values()):
        return
    while len(known) < len(diagram.objects):
        for i, j, m in diagram.arrows:
            if i not in known and j in known:
                known[i] = {table: f >> known[j][table] for table, f in m.components.items()}
    for k in waiting:
        yield f"object {k}", diagram.objects[k], known[k]


def held_by_all(parts: list[dict[str, dict[int, Any]]]) -> dict[str, dict[int, Any]]:
    """Return the side data that are the same in all."""
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


Some = TypeVar("Some", bound="Tables")


class Tables(Frozen, Displayed):
    """Finite sets with functions, list-valued functions and attributes between them.

    Parameters
    ----------
    shape
        What tables, arrows, lists and attributes there are.
    sets
        Table -> its size, its row names or a :class:`FinSet`; absent tables are empty.
    arrows
        Name -> values: rows of the target by number or name, or a mapping from row names.
    lists
        Name -> rows of such values.
    attributes
        Name -> a hashable label for each row, or a mapping from row names; None is absent,
        and an attribute that is not given is absent everywhere.
    side_data
        Name -> what each row holds, or a mapping from rows by number or name; None is nothing.
    check
        Whether to look for broken laws. What cannot be read is refused in any case.

    Raises
    ------
    InvalidStructure
        Listing everything that is wrong.
    """

    ambient = TABLES
    shape: Shape
    sets: Record[str, FinSet]
    arrows: Record[str, FinFunction]
    lists: Record[str, ListFunction]
    attributes: Record[str, tuple[Hashable, ...]]
    side_data: Record[str, Record[int, Any]]

    def __init__(
        self,
        shape: Shape,
        sets: Mapping[str, Any] | None = None,
        arrows: Mapping[str, Any] | None = None,
        lists: Mapping[str, Any] | None = None,
        attributes: Mapping[str, Any] | None = None,
        side_data: Mapping[str, Any] | None = None,
        *,
        check: bool = True,
    ) -> None:
        expect(shape, Shape, "shape", "a Shape or a Schema")
        fields = {"sets": sets, "arrows": arrows, "lists": lists, "attributes": attributes}
        for called, field in {**fields, "side_data": side_data}.items():
            if field is not None:
                expect(field, Mapping, called, "a dict by name")
        given = {"table": sets or {}, "arrow": arrows or {}, "list": lists or {}}
        given |= {"attribute": attributes or {}, "side data": side_data or {}}
        expected = {"table": shape.tables, "arrow": shape.arrows, "list": shape.lists}
        expected |= {"attribute": shape.attributes, "side data": shape.side_data}
        problems = [
            Failure("shape", f"{kind} {name!r}", f"is not one of {list(expected[kind])}")
            for kind, names in given.items()
            for name in names
            if name not in expected[kind]
        ]

        def noted(where: str, found: list[str]) -> None:
            problems.extend(Failure("values", where, message) for message in found)

        rows: dict[str, FinSet] = {}
        for table in shape.tables:
            try:
                rows[table] = as_finset(given["table"].get(table, 0))
            except InvalidStructure as error:
                rows[table] = FinSet(0)
                noted(f"table {table!r}", [failure.message for failure in error.failures])
        functions, many, columns = {}, {}, {}
        for name, (source, target) in shape.arrows.items():
            values, found = read_values(given["arrow"].get(name, ()), rows[target], rows[source])
            functions[name] = FinFunction._of(np.array(values), rows[source], rows[target])
            noted(f"arrow {name!r}", found)
        for name, (source, target) in shape.lists.items():
            entries = given["list"].get(name, ())
            many[name], found = read_rows(entries, rows[source], rows[target])
            noted(f"list {name!r}", found)

        def by_row(where: str, column: Any, there: FinSet) -> dict[int, Any]:
            items = dict(column if isinstance(column, Mapping) else enumerate(column))
            noted(where, [f"no row {key!r}" for key in items if key not in there])
            return {there.index(key): value for key, value in items.items() if key in there}

        for name, table in shape.attributes.items():
            column = given["attribute"].get(name, (None,) * rows[table].size)
            expect(column, Iterable, f"attribute {name!r}", "a list of labels, or a dict by row")
            if isinstance(column, Mapping):
                found = by_row(f"attribute {name!r}", column, rows[table])
                column = [found.get(k) for k in rows[table]]
            columns[name] = tuple(map(as_label, column))
        held = {}
        for name, table in shape.side_data.items():
            column, size = given["side data"].get(name, {}), rows[table].size
            expect(column, Iterable, f"side data {name!r}", "a list by row, or a dict")
            found = by_row(f"side data {name!r}", column, rows[table])
            if not isinstance(column, Mapping) and len(column) < size:
                noted(f"side data {name!r}", [f"found {len(column)} for {size} rows of {table}"])
            held[name] = {k: value for k, value in found.items() if value is not None}
        self._fill(shape, rows, functions, many, columns, held)
        if problems or check:
            known = {problem.where for problem in problems}
            found = Tables.failures(self) if problems else self.failures()
            problems += [failure for failure in found if failure.where not in known]
        refuse(type(self).__name__, problems)

    def _fill(
        self,
        shape: Shape,
        sets: Mapping[str, FinSet],
        arrows: Mapping[str, FinFunction],
        lists: Mapping[str, ListFunction],
        attributes: Mapping[str, tuple[Any, ...]],
        side_data: Mapping[str, Mapping[int, Any]] | None = None,
    ) -> None:
        self._set(shape=shape, sets=Record(sets), arrows=Record(arrows), lists=Record(lists))
        held = {name: Record((side_data or {}).get(name, {})) for name in shape.side_data}
        self._set(attributes=Record(attributes), side_data=Record(held))

    @classmethod
    def _build(cls: type[Some], shape: Shape, *parts: Any) -> Some:
        """Make an instance of already valid parts: sets, arrows, lists, attributes, side data."""
        made = object.__new__(cls)
        made._fill(shape, *parts)
        return made

    @classmethod
    def _of_steps(
        cls: type[Some],
        shape: Shape,
        sets: Mapping[str, FinSet],
        steps: Mapping[str, ListFunction],
        attributes: Mapping[str, tuple[Hashable, ...]],
        side_data: Mapping[str, Mapping[int, Any]] | None = None,
    ) -> Some:
        """Make an instance of valid parts, with arrows given as lists of length one."""
        arrows = {
            name: FinFunction._of(steps[name].values, sets[source], sets[target])
            for name, (source, target) in shape.arrows.items()
        }
        lists = {name: steps[name] for name in shape.lists}
        return cls._build(shape, sets, arrows, lists, attributes, side_data)

    @classmethod
    def _of_columns(
        cls: type[Some],
        shape: Shape,
        sets: Mapping[str, FinSet],
        columns: Mapping[str, Any],
    ) -> Some:
        """Make an instance of valid columns: rows by number, lists of these, and labels."""
        steps = {
            name: ListFunction._of(
                np.cumsum([0, *map(len, columns[name])]),
                np.array([*chain.from_iterable(columns[name])], np.int64),
                sets[source],
                sets[target],
            )
            for name, (source, target) in shape.lists.items()
        }
        arrows = {
            name: FinFunction._of(np.array(columns[name], np.int64), sets[source], sets[target])
            for name, (source, target) in shape.arrows.items()
        }
        labels = {name: tuple(columns[name]) for name in shape.attributes}
        return cls._build(shape, sets, arrows, steps, labels, None)

    @classmethod
    def _common(cls, objects: Iterable[Tables]) -> type[Tables]:
        """The nearest class that some objects share; this one if there are none."""
        return common_class(objects, Tables) if objects else cls

    @classmethod
    def _morphism_class(cls) -> type[TableMorphism]:
        """The class of morphisms between instances of this class."""
        return TableMorphism

    @listed
    def key_failures(self) -> Iterator[Failure]:
        """List rows that agree in a key, but not in all arrows, lists and attributes."""
        for table, keys in self.shape.keys.items():
            steps = [name for name, (source, _) in self.shape.steps().items() if source == table]
            columns = [name for name, home in self.shape.attributes.items() if home == table]
            for key in keys if self.size(table) else ():
                others = self._agreeing(key)
                for row in np.flatnonzero(others != np.arange(others.size)).tolist():
                    pair = int(others[row]), row
                    found = [a for a in steps if not _same_row(self.step(a), *pair)]
                    found += [a for a in columns if len({*self.codes(a)[0][[*pair]].tolist()}) > 1]
                    one, other = map(self.sets[table].label, pair)
                    message = f"and {other!r} agree in {' and '.join(key)}, but not in "
                    yield from [
                        Failure("key", f"{table} {one!r}", f"{message}{name}") for name in found
                    ]

    def _agreeing(self, key: Sequence[str]) -> np.ndarray:
        """Return for each row of a table the first that agrees with it in a key."""
        values = np.stack([self.arrows[name].values for name in key])
        _, first, place = np.unique(values, axis=1, return_index=True, return_inverse=True)
        return first[place.ravel()]

    def label_pairs(self) -> Iterator[tuple[str, np.ndarray, str, np.ndarray]]:
        """Yield what laws say of labels: two attributes, and rows at which these are the same."""
        for table, keys in self.shape.keys.items():
            columns = [name for name, home in self.shape.attributes.items() if home == table]
            for key in keys if columns and self.size(table) else ():
                others = self._agreeing(key)
                yield from ((name, np.arange(others.size), name, others) for name in columns)

    def _colimit_failures(self) -> list[Failure]:
        """List the laws that a colimit of valid objects may break."""
        return self.key_failures()

    def with_column(self: Some, attribute: str, labels: Any, *, check: bool = True) -> Some:
        """Return the same tables with other labels of one attribute.

        Parameters
        ----------
        attribute
            Its name.
        labels
            A label for each row, or a mapping from rows, by number or name, of which the others
            keep theirs.
        check
            Whether to look for broken laws.

        Raises
        ------
        InvalidStructure
            If it is not valid with these.
        UnknownName
            If there is no such attribute or row.

        Examples
        --------
        >>> G = Tables(Shape(["V"], attributes={"colour": "V"}), {"V": ["a", "b"]})
        >>> G.with_column("colour", {"b": "red"}).attributes["colour"]
        (None, 'red')
        """
        table = _known(self.shape.attributes, attribute, "attribute")
        if isinstance(labels, Mapping):
            column = list(self.attributes[attribute])
            for row, label in labels.items():
                column[self.row(table, row)] = label
            labels = column
        expect(labels, Iterable, "labels", "a list of labels, or a dict by row")
        columns = {**self.attributes, attribute: tuple(map(as_label, labels))}
        fields = (self.sets, self.arrows, self.lists, columns, self.side_data)
        made = self._build(self.shape, *fields)
        made._validate(check)
        return made

    def with_names(self: Some, names: Mapping[str, FinSet | int | Iterable[str]]) -> Some:
        """Return the same tables with other names of rows.

        Parameters
        ----------
        names
            Table -> the names of its rows, or their number for none; others keep theirs.

        Examples
        --------
        >>> G = Tables(Shape(["V", "E"], {"src": ("E", "V")}), {"V": 2, "E": 1}, {"src": [1]})
        >>> G.with_names({"V": "ab"}).arrows["src"]
        FinFunction([1], codomain=['a', 'b'])
        """
        expect(names, Mapping, "names", 'a dict by table, such as {"V": ["a", "b"]}')
        sets = {table: as_finset(names.get(table, one)) for table, one in self.sets.items()}
        steps = {
            name: ListFunction._of(old.offsets, old.values, sets[source], sets[target])
            for name, (source, target) in self.shape.steps().items()
            for old in [self.step(name)]
        }
        return self._of_steps(self.shape, sets, steps, self.attributes, self.side_data)

    def with_rows(
        self: Some, rows: Mapping[str, Mapping[str, Mapping[str, Any]]], *, check: bool = True
    ) -> Some:
        """Return the same tables with more rows, behind those that there are.

        Parameters
        ----------
        rows
            Table -> the name of a row -> what it has, by arrow, list, attribute and side data. Ends
            are given by name or number; they may be new rows, too. What is not given of a label or
            of side data is absent.
        check
            Whether to look for broken laws.

        Raises
        ------
        InvalidStructure
            If names are there already, or the tables are not valid with these.

        Examples
        --------
        >>> shape = Shape(["V", "E"], arrows={"src": ("E", "V"), "tgt": ("E", "V")})
        >>> G = Tables(shape, {"V": ["a"]})
        >>> H = G.with_rows({"V": {"b": {}}, "E": {"f": {"src": "a", "tgt": "b"}}})
        >>> H.names("V"), H.arrows["tgt"].values.tolist()
        (('a', 'b'), [1])
        """
        expect(rows, Mapping, "rows", 'a dict by table, such as {"V": {"a": {}}}')
        made = self._build(self.shape, *self._grown(rows))
        made._validate(check)
        return made

    def _grown(self, rows: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> tuple[Any, ...]:
        """Return sets, arrows, lists, attributes and side data with more rows."""
        shape, new = self.shape, {table: list(named.values()) for table, named in rows.items()}
        sets = {
            table: FinSet([*one.labels(), *rows[table]]) if rows.get(table) else one
            for table, one in self.sets.items()
        }
        arrows, lists = {}, {}
        for name, (source, target) in shape.steps().items():
            more = [row[name] for row in new.get(source, ())]
            old, ends = self.step(name), (sets[source], sets[target])
            flat = more if name in shape.arrows else [end for some in more for end in some]
            values = np.array([sets[target].index(end) for end in flat], np.int64)
            values = np.concatenate([old.values, values])
            if name in shape.arrows:
                arrows[name] = FinFunction._of(values, *ends)
            else:
                lengths = [len(some) for some in more]
                offsets = np.append(old.offsets, old.offsets[-1] + np.cumsum(lengths, dtype=int))
                lists[name] = ListFunction._of(offsets, values, *ends)
        columns = {
            name: (*self.attributes[name], *(as_label(row.get(name)) for row in new.get(table, ())))
            for name, table in shape.attributes.items()
        }
        held = {}
        for name, table in shape.side_data.items():
            more = enumerate(new.get(table, ()), self.size(table))
            values = {row: has[name] for row, has in more if has.get(name) is not None}
            held[name] = {**self.side_data[name], **values}
        return sets, arrows, lists, columns, held

    def with_side_data(self: Some, side_data: Mapping[str, Mapping[Any, Any]]) -> Some:
        """Return the same tables with other side data.

        Parameters
        ----------
        side_data
            Name -> row, by number or name -> what it holds. Names that are not given stay as they
            are.

        Examples
        --------
        >>> shape = Shape(["V"], side_data={"data": "V"})
        >>> G = Tables(shape, {"V": ["a", "b"]}, side_data={"data": {"a": np.ones(2)}})
        >>> H = G.with_side_data({"data": {"b": np.zeros(3)}})
        >>> G == H, H.side_data["data"]
        (True, {1: array([0., 0., 0.])})
        """
        expect(side_data, Mapping, "side_data", "a dict by name, of dicts by row")
        home = {name: _known(self.shape.side_data, name, "side data") for name in side_data}
        given = {
            name: {self.row(home[name], row): value for row, value in held.items()}
            for name, held in side_data.items()
        }
        fields = (self.sets, self.arrows, self.lists, self.attributes)
        return self._build(self.shape, *fields, {**self.side_data, **given})

    def interface_failures(self, table: str, rows: Iterable[int]) -> list[Failure]:
        """List the rows of a table that cannot be copied without what else says what they are."""
        return []

    def _may_hold(self, name: str, row: int, other: Tables, there: int) -> bool:
        """Whether a row may hold the side data of a row of other tables of which it was made."""
        return True

    def _held(self, rows: Mapping[str, np.ndarray]) -> dict[str, dict[int, Any]]:
        """Return the side data of some rows, by their places among these."""
        return {
            name: {k: held[row] for k, row in enumerate(rows[table].tolist()) if row in held}
            if held
            else {}
            for name, table in self.shape.side_data.items()
            for held in [self.side_data[name]]
        }

    @classmethod
    def empty(cls: type[Some], shape: Shape | None = None) -> Some:
        """Return the tables without rows, the initial object."""
        shape = shape or getattr(cls, "shape", None)
        if shape is None:
            raise TypeError(f"{cls.__name__}.empty needs a shape")
        sets = {table: FinSet(0) for table in shape.tables}
        steps = {name: ListFunction([0], (), 0) for name in shape.steps()}
        return cls._of_steps(shape, sets, steps, dict.fromkeys(shape.attributes, ()))

    def failures(self) -> list[Failure]:
        """List values out of range, lengths that differ, labels without a hash, and broken keys."""
        failures = Failures()
        fields = [("arrow", self.arrows.items()), ("list", self.lists.items())]
        for kind, items in fields:
            for name, function in items:
                where = f"{kind} {name!r}"
                failures += [Failure(f.law, where, f.message) for f in function.failures()]
        for name, column in self.attributes.items():
            table = self.shape.attributes[name]
            if len(column) != self.size(table):
                message = f"found {len(column)} labels for {self.size(table)} rows of {table}"
                failures.add("length", f"attribute {name!r}", message)
            bad = [k for k, label in enumerate(column) if not _hashable(label)]
            if bad:
                shown = listing((f"row {k}: {column[k]!r}" for k in bad[:SHOWN]), len(bad))
                failures.add("labels", f"attribute {name!r}", f"not hashable: {shown}")
        return failures or self.key_failures()

    def size(self, table: str) -> int:
        """Return the number of rows of a table."""
        return self.sets[table].size

    def names(self, table: str) -> tuple[str, ...]:
        """Return the labels of a table's rows: their names, or their numbers as text."""
        return self.sets[table].labels()

    def row(self, table: str, name: str | int) -> int:
        """Return the number of a row given by name or number; UnknownName if there is none."""
        return self.sets[table].index(name)

    def codes(self, attribute: str) -> tuple[np.ndarray, tuple[Hashable, ...]]:
        """Return an attribute as int64 codes of its distinct labels, and those labels."""

        def code() -> tuple[np.ndarray, tuple[Hashable, ...]]:
            codes, labels = coded(self.attributes[attribute])
            return read_only(codes), labels

        return self._cached(f"codes of {attribute}", code)

    def step(self, name: str) -> ListFunction:
        """Return an arrow or a list as a list-valued function; an arrow's lists have length one."""
        if name in self.lists:
            return self.lists[name]
        f = self.arrows[name]
        return ListFunction._of(np.arange(f.domain.size + 1), f.values, f.domain, f.codomain)

    def closure(self, rows: Mapping[str, Iterable[int | str]]) -> dict[str, np.ndarray]:
        """Add to some rows all that their arrows and lists reach.

        Parameters
        ----------
        rows
            Table -> rows, by number or name.

        Returns
        -------
        dict
            Table -> int64 row numbers, increasing; every table is there.
        """
        marks = self._marks(rows)
        growing = True
        while growing:
            growing = False
            for name, (source, target) in self.shape.steps().items():
                reached = self._reached(name, np.flatnonzero(marks[source]))[1]
                growing = growing or not marks[target][reached].all()
                marks[target][reached] = True
        return {table: np.flatnonzero(mark) for table, mark in marks.items()}

    def interior(self, rows: Mapping[str, Iterable[int | str]]) -> dict[str, np.ndarray]:
        """Leave out of some rows those that reach others: the largest part within them.

        Parameters
        ----------
        rows
            Table -> rows, by number or name; of a table that is not given, all.

        Returns
        -------
        dict
            Table -> int64 row numbers, increasing; every table is there.

        Examples
        --------
        >>> shape = Shape(["V", "E"], arrows={"src": ("E", "V"), "tgt": ("E", "V")})
        >>> G = Tables(shape, {"V": 3, "E": 2}, {"src": [0, 1], "tgt": [1, 2]})
        >>> {table: found.tolist() for table, found in G.interior({"V": [0, 1]}).items()}
        {'V': [0, 1], 'E': [0]}
        """
        live = self._marks({**{table: range(self.size(table)) for table in self.sets}, **rows})
        return largest_part(
            self.shape, live, {name: self.step(name) for name in self.shape.steps()}
        )

    def subtables(
        self: Some, rows: Mapping[str, Iterable[int | str]]
    ) -> tuple[Some, TableMorphism]:
        """Return the part with these rows, and its inclusion.

        Parameters
        ----------
        rows
            Table -> rows, by number or name; absent tables get none. See :meth:`closure`.

        Raises
        ------
        InvalidStructure
            Listing the rows that arrows or lists of these rows need, but that are not there.
        """
        marks = self._marks(rows)
        failures = Failures()
        for name, (source, target) in self.shape.steps().items():
            owners, reached = self._reached(name, np.flatnonzero(marks[source]))
            bad = np.flatnonzero(~marks[target][reached])
            above, below = self.sets[source].label, self.sets[target].label
            for k, j in zip(owners[bad][:SHOWN].tolist(), reached[bad].tolist(), strict=False):
                message = f"its {name} needs {target} {below(j)!r}, which is not there"
                failures.add("closed", f"{source} {above(k)!r}", message)
            if bad.size > SHOWN:
                message = f"{bad.size - SHOWN} more rows of {target} are missing"
                failures.add("closed", f"{source}, {name}", message)
        refuse("part", failures)
        chosen = {table: np.flatnonzero(mark) for table, mark in marks.items()}
        steps = {name: self.step(name) for name in self.shape.steps()}
        columns = self.attributes, self._held(chosen)
        sub = part(type(self), self.shape, chosen, self.sets, steps, *columns)
        return sub, morphism(sub, self, chosen)

    def _marks(self, rows: Mapping[str, Iterable[int | str]]) -> dict[str, np.ndarray]:
        """Mark the rows that a user names, or say which there are not."""
        expect(rows, Mapping, "rows", "a dict by table, of lists of rows")
        marks = {table: np.zeros(one.size, bool) for table, one in self.sets.items()}
        failures = Failures()
        for table, chosen in rows.items():
            if table not in marks:
                message = f"is not one of {list(marks)}"
                failures.add("shape", f"table {table!r}", message)
                continue
            values, found = read_values(chosen, self.sets[table], FinSet(0))
            function = FinFunction._of(values, FinSet(len(values)), self.sets[table])
            found = found or [failure.message for failure in function.failures()]
            failures += [Failure("rows", f"table {table!r}", message) for message in found]
            marks[table][values if not found else []] = True
        refuse("rows", failures)
        return marks

    def _reached(self, name: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that an arrow or list leads to, each with the row it comes from."""
        if name in self.arrows:
            return rows, self.arrows[name].values[rows]
        found = self.lists[name].at(rows, FinSet(len(rows)))
        return np.repeat(rows, found.lengths), found.values

    def mismatch(self, other: Tables) -> str:
        """Say where two values differ other than in the names of their rows; empty if nowhere."""
        if self is other:
            return ""
        if self.shape != other.shape:
            return "their shapes differ"
        sizes = ((table, self.size(table), other.size(table)) for table in self.shape.tables)
        found = [f"{table} has {a} rows against {b}" for table, a, b in sizes if a != b]
        steps = [] if found else self.shape.steps()
        found += [f"{a} differs" for a in steps if not self.step(a).same_rows(other.step(a))]
        columns = [] if found else self.attributes
        found += [f"{name} differs" for name in columns if self._differs(name, other)]
        return "; ".join(found)

    def _differs(self, attribute: str, other: Tables) -> bool:
        if self.attributes[attribute] is other.attributes[attribute]:
            return False
        one, two = shared_codes([self, other], attribute)[0]
        return not np.array_equal(one, two)

    def matches(self, other: Tables) -> bool:
        """Say whether two values are the same but for the names of their rows."""
        return not self.mismatch(other)

    def __add__(self, other: Tables) -> Tables:
        """Return the disjoint union."""
        return coproduct(self, other).apex

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, Tables):
            return NotImplemented
        return self.sets == other.sets and self.matches(other)

    def __hash__(self) -> int:
        def code() -> int:
            columns = ((name, *self.codes(name)) for name in self.attributes)
            labels = {(n, codes.tobytes(), *map(label_key, seen)) for n, codes, seen in columns}
            return hash((self.shape, self.sets, self.arrows, self.lists, frozenset(labels)))

        return self._cached("hash", code)

    def _extent(self) -> str:
        return ", ".join(f"{table}: {one.size:,}" for table, one in self.sets.items())

    def __repr__(self) -> str:
        def written(fields: Mapping[str, Any]) -> str:
            texts = (f"{name!r}: {field}" for name, field in fields.items())
            return f"{{{', '.join(texts)}}}"

        sets = {t: brief(one.names) if one.names else one.size for t, one in self.sets.items()}
        parts = {
            "arrows": {name: brief(f.values.tolist()) for name, f in self.arrows.items()},
            "lists": {name: brief(list(f)) for name, f in self.lists.items()},
            "attributes": {name: brief(column) for name, column in self.attributes.items()},
        }
        given = "".join(f", {name}={written(part)}" for name, part in parts.items() if part)
        return f"{type(self).__name__}({self.shape!r}, {written(sets)}{given})"

    def __str__(self) -> str:
        lines = [f"{table} = {one}" for table, one in self.sets.items()]
        for name, (source, target) in self.shape.arrows.items():
            values = ", ".join(self.sets[target].labels(self.arrows[name].values))
            lines.append(f"{name} : {source} -> {target} = [{values}]")
        for name, (source, target) in self.shape.lists.items():
            rows = (f"[{', '.join(self.sets[target].labels(row))}]" for row in self.lists[name])
            lines.append(f"{name} : {source} -> List({target}) = [{', '.join(rows)}]")
        lines += [f"{name} = {list(column)}" for name, column in self.attributes.items()]
        return "\n".join(lines)


def _same_row(step: ListFunction, one: int, other: int) -> bool:
    return step.row(one).tolist() == step.row(other).tolist()


def _known(names: Mapping[str, str], name: str, kind: str) -> str:
    """Return the table of an attribute or of side data."""
    expect_known(name, names, f"there is no {kind} {name!r}")
    return names[name]


def _hashable(label: Any) -> bool:
    try:
        hash(label)
    except TypeError:
        return False
    return True


class TableMorphism(Frozen, Displayed, by="domain codomain components"):
    """A function for each table, natural for arrows and lists, that keeps or raises labels.

    Parameters
    ----------
    domain, codomain
        Tables of one shape.
    components
        Table -> values: rows of the codomain by number or name, or a mapping from row names.
    check
        Whether to look for broken laws. What cannot be read is refused in any case.

    Raises
    ------
    InvalidStructure
        Listing every broken square, by row.
    """

    ambient = TABLES
    domain: Any
    codomain: Any
    components: Record[str, FinFunction]

    def __init__(
        self,
        domain: Tables,
        codomain: Tables,
        components: Mapping[str, Any] | None = None,
        *,
        check: bool = True,
    ) -> None:
        problems = Failures()
        expect_each(Tables, "a graph, C-set or other tables", domain=domain, codomain=codomain)
        expect_dicts("a dict by table", components=components)
        if domain.shape != codomain.shape:
            message = f"{domain.shape!r} is not {codomain.shape!r}"
            raise fault(type(self).__name__, "shape", "domain and codomain", message)
        given, functions = dict(components or {}), {}
        for table in given:
            if table not in domain.sets:
                message = f"is not one of {list(domain.sets)}"
                problems.add("shape", f"table {table!r}", message)
        for table, source in domain.sets.items():
            target = codomain.sets[table]
            values, found = read_values(given.get(table, ()), target, source)
            functions[table] = FinFunction._of(np.array(values), source, target)
            where = f"component {table!r}"
            found = found or [failure.message for failure in functions[table].failures()]
            problems += [Failure("function", where, message) for message in found]
        self._set(domain=domain, codomain=codomain, components=Record(functions))
        refuse(type(self).__name__, problems or (self.failures() if check else []))

    @classmethod
    def _build(
        cls, domain: Tables, codomain: Tables, components: Mapping[str, FinFunction]
    ) -> TableMorphism:
        """Make an instance of already valid parts."""
        made = object.__new__(cls)
        made._set(domain=domain, codomain=codomain, components=Record(components))
        return made

    @classmethod
    def identity(cls, of: Tables) -> TableMorphism:
        """Return the identity morphism of tables."""
        return TABLES.identity(of)

    def failures(self) -> list[Failure]:
        """List every broken square: arrows, lists entry by entry, and attributes.

        Variables among the labels of the domain are bound to the labels of images.
        """
        failures: list[Failure] = []
        one, other, parts = self.domain, self.codomain, self.components
        for name, (source, target) in one.shape.steps().items():
            over, under = parts[source] >> other.step(name), one.step(name).map(parts[target])
            bad, labels = differing_rows(over, under), other.sets[target].labels
            pairs = [(labels(over.row(k)), labels(under.row(k))) for k in bad[:SHOWN].tolist()]
            failures += self._broken(source, name, bad, pairs)
        open_ = variables(one)
        for name, table in one.shape.attributes.items():
            here, image, labels = self._labels(name)
            fits = one.shape.order(name).fit(here, image, labels)
            rows = [row for at, row, _ in open_ if at == name]
            fits[rows] = here[rows] == image[rows]
            bad = np.flatnonzero(~fits)
            shown = np.stack([image, here])[:, bad[:SHOWN]].T.tolist()
            pairs = [(labels[there], labels[mine]) for there, mine in shown]
            failures += self._broken(table, name, bad, pairs)
        return failures

    @property
    def is_isomorphism(self) -> bool:
        """Whether it is bijective at every table, with equal labels of rows and their images."""
        bijective = all(part.is_bijective for part in self.components.values())
        labels = self.binding.values()
        renamed = {label.name for label in labels if isinstance(label, Variable)}
        raised = (self._labels(name)[:2] for name in self.domain.shape.orders)
        equal = len(renamed) == len(labels) and all(starmap(np.array_equal, raised))
        return bijective and equal

    @property
    def binding(self) -> dict[str, Any]:
        """What the variables among the labels of the domain stand for, by their names."""
        return {name: label for name, label in bound(self)[0].items() if isinstance(name, str)}

    def _labels(self, attribute: str) -> tuple[np.ndarray, np.ndarray, Sequence[Any]]:
        """Return, as codes, the labels of rows and those of their images; and the labels."""
        ends = fill(self.domain, bound(self)[0]), self.codomain
        home = self.domain.shape.attributes[attribute]
        mentions_rows = self.domain.shape.order(attribute).carry is not None
        same = TABLES.identity(self.codomain).components if mentions_rows else {}
        (here, there), labels = shared_codes(ends, attribute, [self.components, same])
        return here, there[self.components[home].values], labels

    @listed
    def _broken(
        self, table: str, name: str, bad: np.ndarray, pairs: Iterable[tuple[Any, Any]]
    ) -> Iterator[Failure]:
        """Word the squares of one arrow, list or attribute that break, with both ways round."""
        law, label = f"naturality of {name}", self.domain.sets[table].label
        way = "its" if name in self.domain.attributes else "the image of its"
        for k, pair in zip(bad.tolist(), pairs, strict=False):
            a, b = (repr(ends[0] if name in self.domain.arrows else ends) for ends in pair)
            message = f"{name} of its image is {a}, {way} {name} is {b}"
            yield Failure(law, f"{table} {label(k)!r}", message)
        if bad.size > SHOWN:
            yield Failure(law, table, f"{bad.size - SHOWN} more rows")

    def held_apart(self) -> Iterator[tuple[str, int]]:
        """Yield the rows that hold other side data than their images, each with the name of it.

        A morphism may do so, since side data are not seen by naturality; legs of limits and
        colimits and inclusions of parts never do.

        Examples
        --------
        >>> from catlearn.finset import Shape, Tables
        >>> shape = Shape(["V"], side_data={"data": "V"})
        >>> one, other = (Tables(shape, {"V": 1}, side_data={"data": [n]}) for n in (3, 0))
        >>> list(TableMorphism(one, other, {"V": [0]}).held_apart())
        [('data', 0)]
        """
        for name, table in self.domain.shape.side_data.items():
            there, part = self.codomain.side_data[name], self.components[table].values
            for row, value in self.domain.side_data[name].items():
                image = int(part[row])
                if image in there and not same_values(value, there[image]):
                    yield name, row

    def __rshift__(self, other: TableMorphism) -> TableMorphism:
        """Compose: first this morphism, then the other."""
        if not isinstance(other, TableMorphism):
            return NotImplemented
        why = self.codomain.mismatch(other.domain)
        if why:
            message = f"the codomain of the one is not the domain of the other: {why}"
            raise fault("f >> g", "composition", "f", message, NotComposable)
        parts = {table: f >> other.components[table] for table, f in self.components.items()}
        kind = common_class([self, other], TableMorphism)
        return kind._build(self.domain, other.codomain, parts)

    def __add__(self, other: TableMorphism) -> TableMorphism:
        """Return the disjoint union of two morphisms."""
        above = coproduct(self.domain, other.domain)
        left, right = coproduct(self.codomain, other.codomain)
        return above.universal(self >> left, other >> right)

    def is_injective(self, table: str) -> bool:
        """Whether no two rows of a table have the same image."""
        return self.components[table].is_injective

    @property
    def is_monic(self) -> bool:
        """Whether the morphism is injective on every table."""
        return all(f.is_injective for f in self.components.values())

    def image_rows(self, table: str) -> np.ndarray:
        """Return the rows of the codomain that are images, increasing."""
        return self.components[table].image().values

    def __call__(self, table: str, row: int | str) -> int:
        """Return the image of one row."""
        return self.components[table](row)

    def __repr__(self) -> str:
        parts = ", ".join(f"{t!r}: {brief(f.values.tolist())}" for t, f in self.components.items())
        return f"{type(self).__name__}({self.domain!r}, {self.codomain!r}, {{{parts}}})"

    def __str__(self) -> str:
        return "\n".join(f"{table}: {f}" for table, f in self.components.items())
