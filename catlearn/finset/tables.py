"""Tables: named finite sets with plain and list-valued arrows and attributes.

A **shape** names tables, arrows S -> T, list-valued arrows S -> List(T), and attributes of
tables. **Tables** of that shape are a finite set for each table, a function for each arrow, a
list-valued function for each list, and a hashable label (or None, absent) for each row and
attribute: an attributed C-set on a free schema (Patterson, Lynch, Fairbanks, "Categorical data
structures for technical computing", arXiv 2106.04703), with lists. A **morphism** is a function
for each table that commutes with arrows, with lists entry by entry, and preserves attributes.
Rows may have names: comparison of values sees them, morphisms ignore them.

Subclasses (graphs, C-sets, learning diagrams) get limits and colimits without new code:

- They call ``super().__init__`` with a shape, or fix ``shape`` on the class, and keep extra
  fields with ``self._set(...)``. Whatever derives from the tables is computed on demand, since
  apexes are built by ``cls._build``, which does not call ``__init__``.
- ``failures`` extends ``super().failures()``, and returns early if that is not empty.
- ``_morphism_class`` says which subclass of :class:`TableMorphism` legs are.
- The apex's class is the nearest one that all objects of the diagram share.
- ``_colimit_failures()`` lists the laws that a colimit of valid objects may break; a colimit that
  breaks one is refused.

**Side data** are arrays, or trees of arrays, that rows may hold beside their labels: data sets,
parameters. A shape names them. Colimits carry them (a row holds what the rows that became it hold,
which has to be the same, see :func:`catlearn.tensors.same_values`), and so do limits (a row holds
what all of its parts hold), parts, rewriting and files. Nothing else sees them: not ``==``, hashes,
morphisms or search.

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
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from catlearn.display import Displayed, brief
from catlearn.errors import Failure, InvalidStructure
from catlearn.finset.functions import FinFunction, read_values
from catlearn.finset.gluing import TABLES, components_of, morphism, part, shared_codes
from catlearn.finset.lists import ListFunction, read_rows
from catlearn.finset.morphisms import TableMorphism
from catlearn.finset.orders import as_label, coded, label_key
from catlearn.finset.sets import FinSet, as_finset
from catlearn.finset.shapes import Shape
from catlearn.finset.universal import coproduct
from catlearn.finset.value import SHOWN, Frozen, Record, common_class, listing, read_only

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
            if isinstance(column, Mapping):
                found = by_row(f"attribute {name!r}", column, rows[table])
                column = [found.get(k) for k in rows[table]]
            columns[name] = tuple(map(as_label, column))
        held = {
            name: {k: value for k, value in found.items() if value is not None}
            for name, table in shape.side_data.items()
            for found in [
                by_row(f"side data {name!r}", given["side data"].get(name, ()), rows[table])
            ]
        }
        self._fill(shape, rows, functions, many, columns, held)
        if problems or check:
            told = {problem.where for problem in problems}
            found = Tables.failures(self) if problems else self.failures()
            problems += [failure for failure in found if failure.where not in told]
        if problems:
            raise InvalidStructure(type(self).__name__, problems)

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
    def _common(cls, objects: Iterable[Tables]) -> type[Tables]:
        """The nearest class that some objects share; this one if there are none."""
        return common_class(objects, Tables) if objects else cls

    @classmethod
    def _morphism_class(cls) -> type[TableMorphism]:
        """The class of morphisms between instances of this class."""
        return TableMorphism

    def key_failures(self) -> list[Failure]:
        """List rows that agree in a key, but not in all arrows, lists and attributes."""
        failures = []
        for table, keys in self.shape.keys.items():
            steps = [name for name, (source, _) in self.shape.steps().items() if source == table]
            columns = [name for name, home in self.shape.attributes.items() if home == table]
            for key in keys if self.size(table) else ():
                values = np.stack([self.arrows[name].values for name in key])
                _, first, place = np.unique(values, axis=1, return_index=True, return_inverse=True)
                others = first[place.ravel()]
                for row in np.flatnonzero(others != np.arange(others.size)).tolist():
                    pair = int(others[row]), row
                    found = [a for a in steps if not _same_row(self.step(a), *pair)]
                    found += [a for a in columns if len({*self.codes(a)[0][[*pair]].tolist()}) > 1]
                    one, other = map(self.sets[table].label, pair)
                    message = f"and {other!r} have one {' and one '.join(key)}, but not one "
                    failures += [
                        Failure("key", f"{table} {one!r}", f"{message}{name}") for name in found
                    ]
        return failures

    def _colimit_failures(self) -> list[Failure]:
        """List the laws that a colimit of valid objects may break."""
        return self.key_failures()

    def with_column(self: Some, attribute: str, labels: Any) -> Some:
        """Return the same tables with other labels of one attribute.

        Parameters
        ----------
        attribute
            Its name.
        labels
            A label for each row, or a mapping from rows, by number or name, of which the others
            keep theirs.

        Raises
        ------
        InvalidStructure
            If it is not valid with these.

        Examples
        --------
        >>> G = Tables(Shape(["V"], attributes={"colour": "V"}), {"V": ["a", "b"]})
        >>> G.with_column("colour", {"b": "red"}).attributes["colour"]
        (None, 'red')
        """
        if isinstance(labels, Mapping):
            column = list(self.attributes[attribute])
            for row, label in labels.items():
                column[self.row(self.shape.attributes[attribute], row)] = label
            labels = column
        columns = {**self.attributes, attribute: tuple(map(as_label, labels))}
        fields = (self.sets, self.arrows, self.lists, columns, self.side_data)
        made = self._build(self.shape, *fields)
        failures = made.failures()
        if failures:
            raise InvalidStructure(type(self).__name__, failures)
        return made

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
        home = self.shape.side_data
        given = {
            name: {self.row(home[name], row): value for row, value in held.items()}
            for name, held in side_data.items()
        }
        fields = (self.sets, self.arrows, self.lists, self.attributes)
        return self._build(self.shape, *fields, {**self.side_data, **given})

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
        failures = []
        fields = [("arrow", self.arrows.items()), ("list", self.lists.items())]
        for kind, items in fields:
            for name, function in items:
                where = f"{kind} {name!r}"
                failures += [Failure(f.law, where, f.message) for f in function.failures()]
        for name, column in self.attributes.items():
            table = self.shape.attributes[name]
            if len(column) != self.size(table):
                message = f"found {len(column)} labels for {self.size(table)} rows of {table}"
                failures.append(Failure("length", f"attribute {name!r}", message))
            bad = [k for k, label in enumerate(column) if not _hashable(label)]
            if bad:
                shown = listing((f"row {k}: {column[k]!r}" for k in bad[:SHOWN]), len(bad))
                failures.append(Failure("labels", f"attribute {name!r}", f"not hashable: {shown}"))
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
        failures = []
        for name, (source, target) in self.shape.steps().items():
            owners, reached = self._reached(name, np.flatnonzero(marks[source]))
            bad = np.flatnonzero(~marks[target][reached])
            above, below = self.sets[source].label, self.sets[target].label
            for k, j in zip(owners[bad][:SHOWN].tolist(), reached[bad].tolist(), strict=False):
                message = f"its {name} needs {target} {below(j)!r}, which is not there"
                failures.append(Failure("closed", f"{source} {above(k)!r}", message))
            if bad.size > SHOWN:
                message = f"{bad.size - SHOWN} more rows of {target} are missing"
                failures.append(Failure("closed", f"{source}, {name}", message))
        if failures:
            raise InvalidStructure("part", failures)
        chosen = {table: np.flatnonzero(mark) for table, mark in marks.items()}
        steps = {name: self.step(name) for name in self.shape.steps()}
        columns = self.attributes, self._held(chosen)
        sub = part(type(self), self.shape, chosen, self.sets, steps, *columns)
        return sub, morphism(sub, self, components_of(chosen, sub, self))

    def _marks(self, rows: Mapping[str, Iterable[int | str]]) -> dict[str, np.ndarray]:
        """Mark the rows that a user names, or say which there are not."""
        marks = {table: np.zeros(one.size, bool) for table, one in self.sets.items()}
        failures = []
        for table, chosen in rows.items():
            if table not in marks:
                message = f"is not one of {list(marks)}"
                failures.append(Failure("shape", f"table {table!r}", message))
                continue
            values, found = read_values(chosen, self.sets[table], FinSet(0))
            function = FinFunction._of(values, FinSet(len(values)), self.sets[table])
            found = found or [failure.message for failure in function.failures()]
            failures += [Failure("rows", f"table {table!r}", message) for message in found]
            marks[table][values if not found else []] = True
        if failures:
            raise InvalidStructure("rows", failures)
        return marks

    def _reached(self, name: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that an arrow or list leads to, each with the row it comes from."""
        found = self.step(name).at(rows, FinSet(len(rows)))
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


def _hashable(label: Any) -> bool:
    try:
        hash(label)
    except TypeError:
        return False
    return True
