"""Schemas: what tables a C-set has, and which composites of their arrows agree.

A *schema* presents a category C by tables (its objects), plain arrows and equations between
composites of plain arrows; besides, it may have list-valued arrows T -> List(U), and
attributes, which label the rows of a table. (Spivak, "Functorial data migration"; Patterson,
Lynch, Fairbanks, arXiv 2106.04703.)

>>> from catlearn.cset import Schema
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
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from catlearn.category import Category, Equation, Graph, Path, Presentation
from catlearn.category.path import Side
from catlearn.errors import Failure, InvalidStructure
from catlearn.finset import Order, Record, Shape


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
        Equations between composites of plain arrows, written ``"src >> f = g"``.
    side_data
        Name -> table.
    orders
        Attribute -> the order of its labels, or its name; by default labels are at most themselves.
    keys
        Table -> tuples of arrows out of it that no two different rows have in common.

    Raises
    ------
    InvalidStructure
        Listing names used twice and ends that are not tables; or every unknown arrow, step
        that does not compose and pair of sides that are not parallel.
    """

    equations: tuple[Equation, ...]
    types: Record[str, type | tuple[type, ...]]

    def __init__(
        self,
        objects: Iterable[str] = (),
        arrows: Mapping[str, tuple[str, str]] | None = None,
        lists: Mapping[str, tuple[str, str]] | None = None,
        attributes: Mapping[str, str | tuple[str, type]] | None = None,
        equations: Iterable[Equation | str | tuple[Side, Side]] = (),
        side_data: Mapping[str, str] | None = None,
        orders: Mapping[str, Order | str] | None = None,
        keys: Mapping[str, Iterable[Iterable[str]]] | None = None,
    ) -> None:
        tables: dict[str, str] = {}
        types: dict[str, type] = {}
        for name, given in (attributes or {}).items():
            if isinstance(given, str):
                tables[name] = given
            else:
                tables[name], types[name] = given
        read = tuple(Equation.of(equation) for equation in equations)
        self._set(equations=read, types=Record(types))
        super().__init__(objects, arrows, lists, tables, side_data, orders, keys)
        failures = [failure for equation in read for failure in equation.failures(self.graph)]
        if failures:
            raise InvalidStructure(type(self).__name__, failures)

    @classmethod
    def of(cls, shape: Any) -> Schema:
        """Return a shape, a category, a presentation or a graph as a schema.

        A schema is returned unchanged.

        Raises
        ------
        InvalidStructure
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
        message = f"{shape!r} is not a schema, a presentation or a category of named arrows"
        raise InvalidStructure("functor of schemas", [Failure("ends", "functor", message)])

    @property
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
            raise InvalidStructure("C-set as a functor", [Failure("lists", "schema", message)])
        if not self.attributes and not self.side_data:
            return self
        return self._cached(
            "plain", lambda: Schema(self.tables, self.arrows, equations=self.equations)
        )

    @property
    def objects(self) -> tuple[str, ...]:
        """The names of the tables."""
        return self.tables

    @cached_property
    def graph(self) -> Graph:
        """The graph of tables and plain arrows, whose paths are the composites."""
        return Graph(self.arrows, vertices=self.tables)

    @cached_property
    def laws(self) -> tuple[tuple[Equation, Path, Path], ...]:
        """Each equation with its two sides as paths."""
        return tuple((equation, *equation.resolve(self.graph)) for equation in self.equations)

    @cached_property
    def presentation(self) -> Presentation:
        """The tables and plain arrows, with the equations, as a presentation."""
        return Presentation(self.graph, list(dict.fromkeys(self.equations)))

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


SchGraph = Schema(objects=["V", "E"], arrows={"src": ("E", "V"), "tgt": ("E", "V")})
"""The schema of graphs: C-sets on it are graphs."""
