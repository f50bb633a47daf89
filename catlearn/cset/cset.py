"""Attributed C-sets: schemas, tables on them, and their morphisms.

A *schema* presents a category C by tables (its objects), plain arrows and equations between
composites of plain arrows; besides, it may have list-valued arrows T -> List(U), and
attributes, which label the rows of a table. (Spivak, "Functorial data migration"; Patterson,
Lynch, Fairbanks, arXiv 2106.04703.)

A *C-set* on a schema is a functor from the category that it presents to finite sets: a set for
each table and a function for each arrow, such that the schema's equations hold. An *attributed*
one labels rows besides. A *morphism* is a natural transformation: a function for each table
that commutes with the arrows, with list-valued arrows entry by entry, and preserves attributes.
Rows are numbered from 0 and may have names.

Equations may also be between labels: ``"src >> colour = tgt >> colour"``, where both sides end in
an attribute, says that the labels there are the same. Attributes are then arrows to one object
more, of all labels, which morphisms leave as it is.

Laws: naturality, ``f_S >> a' == a >> f_T`` for each arrow a : S -> T; colimits are computed
table by table and inherit the equations. Those between labels too: where a colimit raises a label,
it raises those that have to be the same.

>>> from catlearn.cset import CSet, CSetMorphism, SchGraph, Schema
>>> from catlearn.finset import pushout
>>> reflexive = Schema(
...     objects=["V", "E"],
...     arrows={"src": ("E", "V"), "tgt": ("E", "V"), "refl": ("V", "E")},
...     equations=["refl >> src = id(V)", "refl >> tgt = id(V)"],
... )
>>> reflexive.equations[0]
Equation('refl >> src = id(V)')
>>> Schema(objects=["A"], arrows={"s": ("A", "A")}, equations=["s >> t = s"])
Traceback (most recent call last):
    ...
catlearn.errors.InvalidStructure: Schema is not valid (1 failure):
  - equation 's >> t = s', left side: there is no edge t; there are only s [known edges]
>>> point = CSet(SchGraph, V=1)
>>> arrow = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1])
>>> loop = CSet(SchGraph, V=1, E=1, src=[0], tgt=[0])
>>> glued = pushout(CSetMorphism(point, arrow, V=[1]), CSetMorphism(point, loop, V=[0]))
>>> list(glued.apex.src), list(glued.apex.tgt)
([0, 1], [1, 1])
>>> CSetMorphism(arrow, arrow, V=[1, 0], E=[0])
Traceback (most recent call last):
    ...
catlearn.errors.InvalidStructure: CSetMorphism is not valid (2 failures):
  - E '0': src of its image is '0', the image of its src is '1' [naturality of src]
  - E '0': tgt of its image is '1', the image of its tgt is '0' [naturality of tgt]

In a graph whose edges stay within the vertices of one colour:

>>> coloured = Schema(["V", "E"], SchGraph.arrows, attributes={"colour": "V"},
...                   equations=["src >> colour = tgt >> colour"])
>>> CSet(coloured, V=["a", "b"], E=["e"], src=["a"], tgt=["b"], colour=["red", "blue"])
Traceback (most recent call last):
    ...
catlearn.errors.InvalidStructure: CSet is not valid (1 failure):
  - equation 'src >> colour = tgt >> colour': E 'e' has 'red' and 'blue' [equations]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, get_args

import numpy as np

from catlearn.category import Category, Equation, Functor, Graph, Morphisms, Path, Presentation
from catlearn.category.path import Side, steps_of
from catlearn.errors import (
    Failure,
    Failures,
    did_you_mean,
    expect,
    expect_dicts,
    fault,
    listed,
    refuse,
)
from catlearn.finset import FinFunction, FinSet, Order, Record, Shape, TableMorphism, Tables
from catlearn.finset.shapes import coded
from catlearn.finset.value import SHOWN, listing, once
from catlearn.finset.variables import Variable
from catlearn.names import fresh

Reading = tuple[Path, str]
"""A path of plain arrows, and the attribute or list of the table at its end."""


class Schema(Shape):
    """The shape of tables, with equations and with types of attributes.

    Parameters
    ----------
    objects
        Names of the tables.
    arrows, lists
        Name -> (source, target), for plain and for list-valued arrows.
    attributes
        Name -> table, or name -> (table, type) to say which type its labels have.
    equations
        Equations between composites of plain arrows, written ``"src >> f = g"``, or between
        attributes, read at rows or along such composites.
    side_data
        Name -> table.
    orders
        Attribute -> the order of its labels, or its name; by default labels are at most themselves.
    keys
        Table -> tuples of arrows out of it, each a key: rows that agree in these agree in all.

    Raises
    ------
    InvalidStructure
        Listing names used twice and ends that are not tables; or every unknown arrow, step
        that does not compose, pair of sides that are not parallel, and of attributes whose labels
        have different orders.
    """

    equations: tuple[Equation, ...]
    types: Record[str, type | tuple[type, ...]]

    def __init__(
        self,
        objects: Iterable[str] = (),
        arrows: Mapping[str, tuple[str, str]] | None = None,
        lists: Mapping[str, tuple[str, str]] | None = None,
        attributes: Mapping[str, str | tuple[str, type | tuple[type, ...]]] | None = None,
        equations: Iterable[Equation | str | tuple[Side, Side]] = (),
        side_data: Mapping[str, str] | None = None,
        orders: Mapping[str, Order | str] | None = None,
        keys: Mapping[str, Iterable[Iterable[str]]] | None = None,
    ) -> None:
        tables: dict[str, str] = {}
        types: dict[str, Any] = {}
        expect_dicts("a dict by name", attributes=attributes)
        expect(equations, Iterable, "equations", "a list of equations")
        for name, given in (attributes or {}).items():
            if isinstance(given, str):
                tables[name] = given
                continue
            wanted = "the name of a table, or a pair of it and a type"
            expect(given, Sequence, f"attributes[{name!r}]", wanted)
            tables[name], types[name], *_ = (*given, None, None)
            try:
                isinstance(None, types[name])
            except TypeError:
                expect(types[name], (), f"the type of {name!r}", "a class, such as str, or several")
        equations = [equations] if isinstance(equations, str) else equations
        read = tuple(Equation.of(equation) for equation in equations)
        self._set(equations=read, types=Record(types))
        super().__init__(objects, arrows, lists, tables, side_data, orders, keys)
        refuse(
            type(self).__name__, (failure for equation in read for failure in self._unfit(equation))
        )

    def _unfit(self, equation: Equation) -> list[Failure]:
        """List what keeps an equation from being one between arrows, or between attributes."""
        sides, failures = equation.traced(self._sides, None)
        if failures or sides[0].target in self.tables:  # type: ignore[union-attr]
            return failures
        where = f"equation '{equation}'"
        ends = [side.edges[-1] if side.edges else "" for side in sides]  # type: ignore[union-attr]
        if any(end not in self.attributes for end in ends):
            return [Failure("equations", where, "its sides end neither at a table nor in labels")]
        orders = [self.order(end).name for end in ends]
        if self.order(ends[0]) != self.order(ends[1]):
            message = f"the order of {ends[0]} is {orders[0]}, that of {ends[1]} is {orders[1]}"
            return [Failure("orders", where, message)]
        return []

    @classmethod
    def of(cls, shape: Any) -> Schema:
        """Return a shape, a category, a presentation or a graph as a schema.

        A schema is returned unchanged.

        Raises
        ------
        WrongKind
            If it is none of these, but for example what a set-valued functor maps into.
        """
        if isinstance(shape, Schema):
            return shape
        if isinstance(shape, Category):
            return cls.of_category(shape)
        if isinstance(shape, Graph):
            return cls.of_presentation(shape)
        if isinstance(shape, Shape):
            fields = shape.arrows, shape.lists, shape.attributes
            more = {"side_data": shape.side_data, "orders": shape.orders, "keys": shape.keys}
            return cls(shape.tables, *fields, **more)
        wanted = "a schema, a shape, a presentation or a category of named arrows"
        expect(shape, (), "what C-sets are on", wanted)
        raise AssertionError("unreachable")

    @once
    def without_attributes(self) -> Schema:
        """The schema of functors to finite sets: without attributes.

        Raises
        ------
        InvalidStructure
            If it has lists.
        """
        if self.lists:
            message = (
                f"{', '.join(self.lists)} have lists as values; a functor to sets has elements"
            )
            raise fault("C-set as a functor", "lists", "schema", message)
        if not self.attributes and not self.side_data:
            return self
        equations = [equation for equation, *_ in self.laws]
        return Schema(self.tables, self.arrows, equations=equations)

    @property
    def objects(self) -> tuple[str, ...]:
        """The names of the tables."""
        return self.tables

    @cached_property
    def graph(self) -> Graph:
        """The graph of tables and plain arrows, whose paths are the composites."""
        return Graph(self.arrows, vertices=self.tables)

    @cached_property
    def _sides(self) -> Graph:
        """The graph with attributes and lists besides, which lead to vertices of their own."""
        labels = fresh("labels", self.tables, "'")
        ends = {name: (table, labels) for name, table in self.attributes.items()}
        lists = {
            name: (one, fresh(f"List({other})", self.tables, "'"))
            for name, (one, other) in self.lists.items()
        }
        return Graph({**self.arrows, **ends, **lists}, vertices=self.tables)

    @cached_property
    def resolved(self) -> tuple[tuple[Equation, Path, Path], ...]:
        """Each equation with its two sides as paths; those between labels end in an attribute."""
        return tuple((equation, *equation.resolve(self._sides)) for equation in self.equations)

    @cached_property
    def laws(self) -> tuple[tuple[Equation, Path, Path], ...]:
        """Each equation between plain arrows, with its two sides as paths."""
        return tuple(law for law in self.resolved if law[1].target in self.tables)

    @cached_property
    def label_laws(self) -> tuple[tuple[Equation, Reading, Reading], ...]:
        """Each equation between labels, with where its two sides are read."""
        found = (law for law in self.resolved if law[1].target not in self.tables)
        return tuple((law, self._reading(one), self._reading(two)) for law, one, two in found)

    def _reading(self, side: Path) -> Reading:
        """Split a path that ends in an attribute or list."""
        *edges, last = side.edges
        home = self.attributes.get(last) or self.lists[last][0]
        return Path(side.source, tuple(edges), home), last

    def reading(self, side: Side, where: str) -> tuple[Reading | None, list[Failure]]:
        """Resolve the name of an attribute or list, or a path that ends in one.

        Parameters
        ----------
        side
            Such as ``"colour"`` or ``"src >> colour"``.
        where
            What messages say of the place.

        Returns
        -------
        reading, failures
            None where there are failures.

        Examples
        --------
        >>> coloured = Schema(["V", "E"], {"src": ("E", "V")}, attributes={"colour": "V"})
        >>> coloured.reading("src >> colour", "here")
        ((Path('E', ('src',), 'V'), 'colour'), [])
        """
        known = isinstance(side, str) and (side in self.attributes or side in self.lists)
        steps = steps_of([side] if known else side)  # type: ignore[list-item]
        path, failures = self._sides.traced(steps, where)
        if path is not None and (not path.edges or path.target in self.tables):
            hint = did_you_mean(str(side), [*self.attributes, *self.lists])
            failures = [Failure("names", where, f"it ends in no attribute or list; {hint}")]
        return (None if failures or path is None else self._reading(path)), failures

    @cached_property
    def labelled(self) -> Presentation:
        """The presentation in which attributes are arrows to one more object, of all labels."""
        return Presentation(self._sides, [(one, other) for _, one, other in self.resolved])

    @cached_property
    def presentation(self) -> Presentation:
        """The tables and plain arrows, with the equations between them, as a presentation."""
        return Presentation(self.graph, list(dict.fromkeys(law for law, *_ in self.laws)))

    def category(self, budget: int | None = None) -> Any:
        """Return the category that it presents, which remembers the schema.

        Parameters
        ----------
        budget
            As for :meth:`Presentation.category`.

        Examples
        --------
        >>> SchGraph.category().hom("E", "V")
        ('src', 'tgt')
        """

        def complete() -> Any:
            category = self.presentation.category(budget)
            # A field, not a cache: it cannot be found again from the category when unpickled.
            category._set(schema=self)
            return category

        return self._cached(f"category within {budget}", complete)

    @classmethod
    def of_category(cls, category: Category) -> Schema:
        """Return the schema of the generators of a category: C-sets on it are functors to sets.

        A category that comes from a schema gives it back.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory
        >>> group = FiniteCategory(["A"], {"s": ("A", "A")}, {("s", "s"): "id(A)"})
        >>> Schema.of_category(group)
        Schema(['A'], arrows={'s': ('A', 'A')}, equations=['s >> s = id(A)'])
        """

        if "schema" in vars(category):
            return vars(category)["schema"]

        def read() -> Schema:
            given: Any = category.presentation  # type: ignore[attr-defined]
            presentation: Any = given() if callable(given) else given
            schema = cls.of_presentation(presentation)
            schema._cached("category within None", lambda: category)
            return schema

        return category._cached("schema", read)

    @classmethod
    def of_presentation(cls, presentation: Graph) -> Schema:
        """Return a graph, or a presentation, as a schema.

        Examples
        --------
        >>> Schema.of_presentation(Presentation({"s": ("A", "A")}, ["s >> s = s"]))
        Schema(['A'], arrows={'s': ('A', 'A')}, equations=['s >> s = s'])
        """
        arrows = {edge: presentation.ends(edge) for edge in presentation.edges}
        sides = []
        if isinstance(presentation, Presentation):
            sides = [presentation.sides(name) for name in presentation.equations]
        return cls(presentation.vertices, arrows, equations=sides)

    @cached_property
    def opposite(self) -> Schema:
        """The schema with all plain arrows turned round; it has no lists and attributes.

        Examples
        --------
        >>> SchGraph.opposite
        Schema(['V', 'E'], arrows={'src': ('V', 'E'), 'tgt': ('V', 'E')})
        """
        turned = {name: (target, source) for name, (source, target) in self.arrows.items()}
        sides = [
            [Path(side.target, side.edges[::-1], side.source) for side in (left, right)]
            for _, left, right in self.laws
        ]
        return Schema(self.tables, turned, equations=[(left, right) for left, right in sides])

    def _key(self) -> tuple[object, ...]:
        return *super()._key(), frozenset(self.equations), self.types

    def __repr__(self) -> str:
        attributes = {
            name: (table, self.types[name]) if name in self.types else table
            for name, table in self.attributes.items()
        }
        fields = {"arrows": self.arrows, "lists": self.lists, "attributes": attributes}
        fields |= {"equations": list(map(str, self.equations)), "side_data": self.side_data}
        fields |= {"orders": {name: order.name for name, order in self.orders.items()}}
        fields |= {"keys": self.keys}
        given = "".join(f", {name}={field!r}" for name, field in fields.items() if field)
        return f"{type(self).__name__}({list(self.tables)!r}{given})"


def _classes(given: Any) -> list[Any]:
    """List the classes that a type is, or several are."""
    kinds = given if isinstance(given, tuple) else (given,)
    return [one for kind in kinds for one in get_args(kind) or (kind,)]


def mistyped(there: Schema, read: str, here: Schema, name: str, where: str) -> list[Failure]:
    """Say that an attribute is read from one whose labels are of another type, if they are.

    Labels whose types do not tell are looked at where they are read.
    """
    found, wanted = map(_classes, (there.types.get(read, ()), here.types.get(name, ())))
    known = all(isinstance(one, type) for one in (*found, *wanted))
    if not (known and wanted) or all(issubclass(one, tuple(wanted)) for one in found):
        return []
    texts = (" or ".join(one.__name__ for one in kinds) for kinds in (found, wanted))
    message = "{!r} has labels of type {}, expected {}".format(read, *texts)
    return [Failure("types", where, message)]


SchGraph = Schema(objects=["V", "E"], arrows={"src": ("E", "V"), "tgt": ("E", "V")})
"""The schema of graphs: C-sets on it are graphs."""


KINDS = ("sets", "arrows", "lists", "attributes", "side_data")


class CSet(Tables):
    """Tables on a schema.

    Parameters
    ----------
    schema
        The schema; a bare :class:`Shape` is one without equations.
    parts
        What ``**named`` says, for names that are not Python identifiers.
    check
        Whether to look for broken laws.
    **named
        By name: the size or the row names of each table, the values of each arrow (rows by
        number or name), the rows of each list, the labels of each attribute, the side data that
        rows hold. Tables that are not given are empty.

    Raises
    ------
    InvalidStructure
        Listing unknown names; or everything that is wrong, and each row at which the two
        sides of an equation differ.

    Examples
    --------
    >>> from catlearn.cset import SchGraph
    >>> G = CSet(SchGraph, V=["a", "b"], E=1, src=["a"], tgt=["b"])
    >>> G.V, G.tgt, G.tgt(0)
    (FinSet(['a', 'b']), FinFunction([1], codomain=['a', 'b']), 1)
    """

    def __init__(
        self,
        schema: Shape,
        parts: Mapping[str, Any] | None = None,
        /,
        *,
        check: bool = True,
        **named: Any,
    ) -> None:
        schema = Schema.of(schema)
        expect_dicts("a dict by table, arrow, list or attribute", parts=parts)
        kinds = (schema.tables, *(getattr(schema, kind) for kind in KINDS[1:]))
        given = {**(parts or {}), **named}
        known = [name for kind in kinds for name in kind]
        refuse(
            type(self).__name__,
            (
                Failure("names", name, f"is not in the schema; {did_you_mean(name, known)}")
                for name in given
                if name not in known
            ),
        )
        by_kind = ({name: given[name] for name in kind if name in given} for kind in kinds)
        Tables.__init__(self, schema, *by_kind, check=check)

    @classmethod
    def of(cls, tables: Tables) -> CSet:
        """Return any tables, such as a graph or a presentation, as a C-set.

        Examples
        --------
        >>> from catlearn.category import Graph
        >>> G = Graph({"f": ("A", "B")})
        >>> CSet.of(G).V, Graph.of(CSet.of(G)) == G
        (FinSet(['A', 'B']), True)
        """
        expect(tables, Tables, "tables", "a graph, a presentation or other tables")
        shape = Schema.of(tables.shape)
        return CSet._build(shape, *(getattr(tables, kind) for kind in KINDS))

    @classmethod
    def _morphism_class(cls) -> type[TableMorphism]:
        return CSetMorphism

    @property
    def schema(self) -> Schema:
        """The schema that it is on."""
        return Schema.of(self.shape)

    def __getattr__(self, name: str) -> Any:
        """Return the table, arrow, list, attribute or side data of this name."""
        # Copying and unpickling ask for special names before there are any fields.
        if not name.startswith("__"):
            for kind in KINDS:
                field = vars(self).get(kind, {})
                if name in field:
                    return field[name]
        raise AttributeError(f"{type(self).__name__} has no table, arrow or attribute {name!r}")

    def along(self, path: Path) -> FinFunction:
        """Return the composite of the functions along a path of plain arrows."""
        composite = FinFunction.identity(self.sets[path.source])
        for arrow in path.edges:
            composite = composite >> self.arrows[arrow]
        return composite

    def read(self, at: Reading) -> tuple[Any, ...]:
        """Return the labels of an attribute at the ends of a path, by the rows where it starts."""
        path, column = at[0], self.attributes[at[1]]
        if not path.edges:
            return column
        return tuple(column[row] for row in self.along(path).values.tolist())

    def label_pairs(self) -> Iterator[tuple[str, np.ndarray, str, np.ndarray]]:
        """Yield what keys and equations say of labels: attributes, and rows, that have the same."""
        yield from super().label_pairs()
        for _, (one, a), (other, b) in getattr(self.shape, "label_laws", ()):
            yield a, self.along(one).values, b, self.along(other).values

    @classmethod
    def without_attributes(cls, tables: Tables) -> CSet:
        """Return tables as a C-set without attributes; InvalidStructure if there are lists."""
        expect(tables, Tables, "X", "a C-set, or a functor to finite sets")
        schema = Schema.of(tables.shape).without_attributes
        return CSet._build(schema, tables.sets, tables.arrows, {}, {})

    @classmethod
    def on_schema(cls, tables: Any, schema: Schema, what: str) -> CSet:
        """Return tables as a C-set on a schema whose tables, arrows and equations they have.

        Parameters
        ----------
        tables, schema
            The tables, and the schema.
        what
            What messages say that it is for.

        Raises
        ------
        InvalidStructure
            If they do not.
        """
        expect(tables, Tables, f"the C-set ({what})", "a C-set, or a morphism of C-sets")
        own = Schema.of(tables.shape)
        if own == schema:
            return tables if isinstance(tables, CSet) else CSet.of(tables)
        same = (set(own.tables), own.arrows, own.lists, own.attributes)
        if same != (set(schema.tables), schema.arrows, schema.lists, schema.attributes):
            message = f"it is on {own!r}, but the functor's schema is {schema!r}"
            raise fault(what, "schema", "C-set", message)
        moved = CSet._build(schema, *(getattr(tables, kind) for kind in KINDS))
        refuse(what, moved.failures())
        return moved

    def as_functor(self, category: Category | None = None) -> Functor:
        """Return it as a functor to finite sets, a *copresheaf*.

        Tables go to sets, arrows to functions, paths to composites; morphisms of C-sets are the
        natural transformations (Mac Lane and Moerdijk, *Sheaves in Geometry and Logic*, I.1).

        Parameters
        ----------
        category
            The domain, if that is to be a category on its tables that its arrows generate, such
            as ``X.schema.category()``; by default it is the schema. Attributes are forgotten.

        Raises
        ------
        InvalidStructure
            If it has lists, or does not satisfy the category's equations.

        Examples
        --------
        >>> from catlearn.cset import SchGraph
        >>> F = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1]).as_functor()
        >>> F("tgt"), CSet.from_functor(F).V
        (FinFunction([1], codomain=2), FinSet(2))
        """
        X = CSet.without_attributes(self)
        expect(category, (type(None), Category), "category", "a category on the tables")
        if category is None:
            return Functor(X.schema, Morphisms(), X.sets, X.arrows, check=False)
        arrows = {name: X.arrows[name] for name in category.generators.edges if name in X.arrows}
        return Functor(category, Morphisms(), X.sets, arrows)

    @classmethod
    def from_functor(cls, F: Functor) -> CSet:
        """Read a functor to finite sets, as a C-set on the schema of its domain.

        Parameters
        ----------
        F
            A functor out of a schema, a presentation, a graph or a category whose values are
            finite sets and functions.

        Raises
        ------
        InvalidStructure
            Listing the values that are not functions of finite sets, and broken equations.
        """
        expect(F, Functor, "F", "a functor to finite sets, such as X.as_functor()")
        schema = Schema.of(F.domain)
        kinds = (("object", F.objects, FinSet), ("arrow", F.arrows, FinFunction))
        failures = [
            Failure(
                "set-valued", f"{kind} {name}", f"its value {value!r} is not a {expected.__name__}"
            )
            for kind, values, expected in kinds
            for name, value in values.items()
            if not isinstance(value, expected)
        ]
        refuse("set-valued functor", failures)
        arrows = {name: F(Path(a, (name,), b)).values for name, (a, b) in schema.arrows.items()}
        made = CSet._of_columns(schema.without_attributes, F.objects, arrows)
        refuse("set-valued functor", made.failures())
        return made

    def failures(self) -> list[Failure]:
        """List what is wrong with the tables; then broken equations and labels of a wrong type."""
        failures = Failures(super().failures())
        if failures or not isinstance(self.shape, Schema):
            return failures
        for equation, table, codes, label, words in self._sides_of_laws():
            bad = np.flatnonzero(codes[0] != codes[1])
            if bad.size:
                pairs = ([label(int(side[k])) for side in codes] for k in bad[:SHOWN])
                rows = self.sets[table].labels(bad[:SHOWN].tolist())
                shown = (
                    f"{table} {row!r} {words.format(*pair)}"
                    for row, pair in zip(rows, pairs, strict=True)
                )
                failures.add("equations", f"equation '{equation}'", listing(shown, bad.size))
        return failures + self.type_failures()

    def _sides_of_laws(self) -> Iterator[tuple[Equation, str, Any, Any, str]]:
        """Generate each equation, its table, both columns, what their entries are, and a verb."""
        for equation, *sides in self.schema.laws:
            label = self.sets[sides[0].target].label
            ends = [self.along(side).values for side in sides]
            yield equation, sides[0].source, ends, label, "goes to {!r} and to {!r}"
        for equation, *sides in self.schema.label_laws:
            codes, labels = coded([label for side in sides for label in self.read(side)])
            sides_of = codes.reshape(2, -1), labels.__getitem__
            yield equation, sides[0][0].source, *sides_of, "has {!r} and {!r}"

    @listed
    def type_failures(self) -> Iterator[Failure]:
        """List the labels of a wrong type."""
        for name, expected in self.schema.types.items():
            rows = self.sets[self.shape.attributes[name]]
            column = self.attributes[name]
            allowed = (expected, Variable, type(None))
            bad = [k for k in rows if not isinstance(column[k], allowed)]
            if bad:
                called = getattr(expected, "__name__", str(expected))
                shown = (f"{rows.label(k)!r} has {column[k]!r}" for k in bad[:SHOWN])
                message = f"not of type {called}: {listing(shown, len(bad))}"
                yield Failure("types", f"attribute {name!r}", message)

    def __repr__(self) -> str:
        sets = {t: list(one.names) if one.names else one.size for t, one in self.sets.items()}
        parts: dict[str, Any] = dict(sets)
        parts |= {name: f.values.tolist() for name, f in self.arrows.items()}
        parts |= {name: list(f) for name, f in self.lists.items()}
        parts |= {name: list(column) for name, column in self.attributes.items()}
        if all(name.isidentifier() and name != "check" for name in parts):
            given = ", ".join(f"{name}={part!r}" for name, part in parts.items())
            return f"CSet({self.schema!r}, {given})"
        return f"CSet({self.schema!r}, {parts!r})"


class CSetMorphism(TableMorphism):
    """A natural transformation between C-sets on one schema.

    Parameters
    ----------
    domain, codomain
        The C-sets.
    parts
        What ``**components`` says, for names that are not Python identifiers.
    check
        Whether to check naturality.
    **components
        By table: the row that each row goes to, as a list of numbers or names, or as a
        mapping from row names. Tables that are empty need not be given.

    Raises
    ------
    InvalidStructure
        Listing every square that does not commute: the row, and both ways around.
    """

    domain: Tables
    codomain: Tables

    def __init__(
        self,
        domain: Tables,
        codomain: Tables,
        parts: Mapping[str, Any] | None = None,
        /,
        *,
        check: bool = True,
        **components: Any,
    ) -> None:
        expect_dicts("a dict by table", components=parts)
        TableMorphism.__init__(self, domain, codomain, {**(parts or {}), **components}, check=check)

    def __repr__(self) -> str:
        parts = {table: f.values.tolist() for table, f in self.components.items()}
        return f"CSetMorphism({self.domain!r}, {self.codomain!r}, {parts})"
