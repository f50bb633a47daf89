r"""The laws of C-sets and of their morphisms, row by row.

A C-set is a functor from the category that its schema presents to finite sets; a morphism is a
natural transformation, which commutes with list-valued arrows entry by entry and preserves
attributes (Patterson, Lynch, Fairbanks, arXiv 2106.04703).

>>> from catlearn.cset import CSet, CSetMorphism, SchGraph
>>> from catlearn.laws import check
>>> arrow = CSet(SchGraph, V=["a", "b"], E=["e"], src=[0], tgt=[1])
>>> report = check(CSetMorphism(arrow, arrow, V=[0, 0], E=[0], check=False))
>>> print(report.failures[0])
naturality fails
  a = tgt
  x = e
  expected (X(a) >> φ(T))(x) = (φ(S) >> Y(a))(x)
  left side:  a
  right side: b
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import starmap
from typing import Any

import numpy as np
from hypothesis import strategies as st

from catlearn.category import Path
from catlearn.cset import Schema
from catlearn.display import Legible
from catlearn.finset import FinFunction, FinSet, ListFunction, Order, TableMorphism, Tables
from catlearn.finset.shapes import label_key
from catlearn.laws.categories import category_of, strategy_of
from catlearn.laws.signature import Signature, Spec
from catlearn.laws.strategies import paths


@dataclass(frozen=True)
class Row(Legible):
    """A row of a table, to be read: its number and its label."""

    number: int
    label: str

    def __str__(self) -> str:
        return self.label


def _row(table: FinSet, number: Any) -> Row:
    number = int(number)
    is_row = 0 <= number < table.size
    return Row(number, table.label(number) if is_row else f"{number}, which is no row")


@dataclass(frozen=True)
class _Equation(Legible):
    """An equation of a schema, with its sides."""

    left: Path
    right: Path

    def __str__(self) -> str:
        return f"{self.left} = {self.right}"


@dataclass(frozen=True)
class _Entrywise:
    """A function, applied to each entry of a list."""

    function: FinFunction


@dataclass(frozen=True)
class _Label(Legible):
    """A label, in the order of its attribute."""

    label: Any
    order: Order

    def __str__(self) -> str:
        return repr(self.label)


@dataclass(frozen=True)
class _Labelling:
    """The labels of rows, in an order."""

    column: tuple[Any, ...]
    order: Order


class _Sets:
    """Functions, list-valued functions and labellings of rows, which take a row to its value."""

    def ends(self, function: Any, /) -> tuple[Any, Any]:
        return function.domain, function.codomain

    def compose(self, first: FinFunction, then: FinFunction, /) -> FinFunction:
        return first >> then

    def apply(self, function: Any, at: Any, /) -> Any:
        match function:
            case None:
                return at
            case _Entrywise(each):
                return tuple(self.apply(each, row) for row in at)
            case ListFunction():
                return tuple(_row(function.codomain, row) for row in function.row(at.number))
            case FinFunction():
                return _row(function.codomain, function.values[at.number])
        return _Label(function.column[at.number], function.order)


class _NamedArrows:
    """Arrows by their names, and the tables that they lead between."""

    def __init__(self, ends: Mapping[str, tuple[str, Any]]) -> None:
        self._ends = ends

    def ends(self, arrow: str, /) -> tuple[str, Any]:
        return self._ends[arrow]


def _along(X: Tables, path: Path) -> FinFunction:
    along = getattr(X, "along", None)
    if along is not None:
        return along(path)
    rows = range(X.size(path.source))
    for arrow in path.edges:
        rows = [int(X.arrows[arrow].values[row]) for row in rows]
    return FinFunction(rows, X.sets[path.source], X.sets[path.target])


def _rows(X: Tables, table: str) -> st.SearchStrategy[Row]:
    return strategy_of(list(starmap(Row, enumerate(X.sets[table].labels()))))  # type: ignore


def _cset_sorts(X: Tables, given: Mapping[str, Any]) -> dict[str, Any]:
    schema = Schema.of(X.shape)
    plain = [sides for _, *sides in schema.laws]
    laws = list(starmap(_Equation, plain))
    labelled = [_Equation(*sides) for _, *sides in schema.resolved if sides not in plain]
    keys = [_Key(table, key) for table, some in X.shape.keys.items() for key in some]
    return {
        "generator": lambda: strategy_of(tuple(schema.arrows)),
        "row of the source of _": lambda a: _rows(X, schema.arrows[a][0]),
        "list": lambda: strategy_of(tuple(schema.lists)),
        "row of the source of the list _": lambda a: _rows(X, schema.lists[a][0]),
        "attribute": lambda: strategy_of(tuple(schema.attributes)),
        "row with the attribute _": lambda a: _rows(X, schema.attributes[a]),
        "key": lambda: strategy_of(keys),
        "row that has the key _": lambda k: _rows(X, k.table),
        "row that agrees by _ with _": lambda k, x: strategy_of(k.agreeing(X, x)),
        "arrow": lambda: paths(schema.graph) if schema.tables else st.nothing(),
        "arrow after _": lambda p: paths(schema.graph, source=p.target),
        "equation": lambda: strategy_of(laws),
        "row where _ starts": lambda q: _rows(X, q.left.source),
        "equation of labels": lambda: strategy_of(labelled),
        "row where the labels of _ start": lambda e: _rows(X, e.left.source),
    }


@dataclass(frozen=True)
class _Key(Legible):
    """A key of a table: arrows that determine a row."""

    table: str
    arrows: tuple[str, ...]

    def agreeing(self, X: Tables, x: Row) -> list[Row]:
        """The rows that the arrows send where they send a row."""
        columns = [X.arrows[a].values for a in self.arrows]
        labels = enumerate(X.sets[self.table].labels())
        return [Row(k, at) for k, at in labels if all(c[k] == c[x.number] for c in columns)]

    def __str__(self) -> str:
        return ", ".join(self.arrows)


def _all_of(X: Tables, k: _Key, x: Row) -> tuple[Any, ...]:
    """What the arrows, lists and attributes of its table say of a row."""
    steps = [a for a, (source, _) in X.shape.steps().items() if source == k.table]
    here = [a for a, table in X.shape.attributes.items() if table == k.table]
    rows = [tuple(np.atleast_1d(X.step(a).row(x.number)).tolist()) for a in steps]
    return (*rows, *(int(X.codes(a)[0][x.number]) for a in here))


def _label_at(X: Tables, side: Path, x: Row) -> Any:
    """The label at the end of a side of an equation, read from a row."""
    *edges, last = side.edges
    row = x.number
    for arrow in edges:
        row = int(X.arrows[arrow].values[row])
    return label_key(X.attributes[last][row])


@dataclass(frozen=True)
class _Labels(Legible):
    """The labels that an attribute may have: values with a hash, of a type or None."""

    type: Any

    def has(self, one: _Label) -> bool:
        try:
            hash(one.label)
        except TypeError:
            return False
        return isinstance(one.label, (self.type, type(None)))

    def __str__(self) -> str:
        return f"labels of the type {getattr(self.type, '__name__', self.type)}"


def _is_in(X: Tables, x: Any, values: Any) -> bool:
    match x:
        case tuple():
            return all(0 <= row.number < values.size for row in x)
        case Row():
            return 0 <= x.number < values.size
    return values.has(x)


CSET = Signature(
    {"S": lambda X: category_of(Schema.of(X.shape).graph), "Set": lambda X: _Sets()},
    {
        "X(A: object): object in Set": lambda X, A: X.sets[A],
        "X(p: A -> B): X(A) -> X(B) in Set": _along,
        "X(a: generator): X(source(a)) -> X(target(a)) in Set": lambda X, a: X.arrows[a],
        "source(a: generator): object": lambda X, a: X.shape.arrows[a][0],
        "target(a: generator): object": lambda X, a: X.shape.arrows[a][1],
        "X(l: list): X(start(l)) -> X(end(l)) in Set": lambda X, a: X.lists[a],
        "start(l: list): object": lambda X, a: X.shape.lists[a][0],
        "end(l: list): object": lambda X, a: X.shape.lists[a][1],
        "X(a: attribute): X(home(a)) -> labels(a) in Set": lambda X, a: _data(X, a),
        "home(a: attribute): object": lambda X, a: X.shape.attributes[a],
        "labels(a: attribute): object in Set": lambda X, a: _Labels(
            getattr(X.shape, "types", {}).get(a, object)
        ),
        "all(k: key, x: row): entries": _all_of,
        "first(e: equation of labels, x: row): label": lambda X, e, x: _label_at(X, e.left, x),
        "second(e: equation of labels, x: row): label": lambda X, e, x: _label_at(X, e.right, x),
        "left(q: equation): start(q) -> end(q)": lambda X, q: q.left,
        "right(q: equation): start(q) -> end(q)": lambda X, q: q.right,
        "start(q: equation): object": lambda X, q: q.left.source,
        "end(q: equation): object": lambda X, q: q.left.target,
    },
    {"∈": _is_in},
    alias={
        "row that has the key k": "row",
        "row that agrees by k with x": "row",
        "row where the labels of e start": "row",
    },
)
"""A functor X from the category S that a schema presents to finite sets."""


cset = Spec(
    "C-set",
    (
        CSET.law(
            "functions",
            "X(a)(x) ∈ X(target(a))",
            "a: generator, x: row of the source of a",
            lambda X: any(X.size(source) for source, _ in X.shape.arrows.values()),
        ),
        CSET.law(
            "lists",
            "X(l)(x) ∈ X(end(l))",
            "l: list, x: row of the source of the list l",
            lambda X: any(X.size(source) for source, _ in X.shape.lists.values()),
        ),
        CSET.law(
            "labels",
            "X(a)(x) ∈ labels(a)",
            "a: attribute, x: row with the attribute a",
            lambda X: any(X.size(table) for table in X.shape.attributes.values()),
        ),
        CSET.law(
            "keys",
            "all(k, x) = all(k, y)",
            "k: key, x: row that has the key k, y: row that agrees by k with x",
            lambda X: any(X.size(table) for table in X.shape.keys),
        ),
        CSET.law("functoriality", "X(p >> q) = X(p) >> X(q)", "p: A -> B, q: B -> C"),
        CSET.law(
            "equations",
            "X(left(q))(x) = X(right(q))(x)",
            "q: equation, x: row where q starts",
            lambda X: any(X.size(left.source) for _, left, _ in Schema.of(X.shape).laws),
        ),
        CSET.law(
            "equations of labels",
            "first(e, x) = second(e, x)",
            "e: equation of labels, x: row where the labels of e start",
            lambda X: any(X.size(at[0].source) for _, at, _ in Schema.of(X.shape).label_laws),
        ),
    ),
    _cset_sorts,
    {},
    lambda structure: isinstance(structure, Tables),
    "Patterson, Lynch, Fairbanks, arXiv 2106.04703",
    CSET,
)
"""The laws of a C-set (any :class:`~catlearn.finset.Tables`): a functor to finite sets."""


# ---------------------------------------------------------------- morphisms


def _morphism_sorts(phi: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    X = phi.domain
    shape = X.shape
    return {
        "object": lambda: strategy_of(tuple(shape.tables)),
        "row of _": lambda S: _rows(X, S),
        "arrow": lambda: strategy_of(tuple(shape.arrows)),
        "row of the source of _": lambda a: _rows(X, shape.arrows[a][0]),
        "arrow in L": lambda: strategy_of(tuple(shape.lists)),
        "row of the source of the list _": lambda a: _rows(X, shape.lists[a][0]),
        "arrow in A": lambda: strategy_of(tuple(shape.attributes)),
        "row with the attribute _": lambda a: _rows(X, shape.attributes[a]),
    }


@dataclass(frozen=True)
class _Lists(Legible):
    """The lists of rows of a table."""

    table: str

    def __str__(self) -> str:
        return f"lists of {self.table}"


def _set(X: Tables, at: Any) -> Any:
    return X.sets.get(at, at)


def _component(phi: Any, at: Any) -> Any:
    match at:
        case _Lists(table):
            return _Entrywise(phi.components[table])
        case str() if at in phi.components:
            return phi.components[at]
    return None  # labels stay what they are


def _data(X: Tables, a: str) -> Any:
    if a in X.attributes:
        return _Labelling(X.attributes[a], X.shape.order(a))
    return next(part[a] for part in (X.arrows, X.lists) if a in part)


def _raises(phi: TableMorphism, one: _Label, other: _Label) -> bool:
    carry = one.order.carry
    label = one.label if carry is None else carry(one.label, phi.components)
    return one.order.at_most(label, other.label)


MORPHISM = Signature(
    {
        "S": lambda phi: _NamedArrows(phi.domain.shape.arrows),
        "L": lambda phi: _NamedArrows(
            {a: (source, _Lists(to)) for a, (source, to) in phi.domain.shape.lists.items()}
        ),
        "A": lambda phi: _NamedArrows(
            {a: (table, "labels") for a, table in phi.domain.shape.attributes.items()}
        ),
        "Set": lambda phi: _Sets(),
    },
    {
        "X(S: object in any): object in Set": lambda phi, S: _set(phi.domain, S),
        "X(a: S -> T in any): X(S) -> X(T) in Set": lambda phi, a: _data(phi.domain, a),
        "Y(S: object in any): object in Set": lambda phi, S: _set(phi.codomain, S),
        "Y(a: S -> T in any): Y(S) -> Y(T) in Set": lambda phi, a: _data(phi.codomain, a),
        "φ(S: object in any): X(S) -> Y(S) in Set": _component,
    },
    {"≤": _raises, "∈": lambda phi, x, rows: 0 <= x.number < rows.size},
    latex={name: name_ + "_{{{0}}}" for name, name_ in (("X", "X"), ("Y", "Y"), ("φ", r"\varphi"))},
)
"""Morphisms φ of tables from X to Y: S has the plain arrows of their shape, L those to lists of
rows, which φ maps entry by entry, and A those to labels, which stay what they are
or are raised, in the order of their attribute."""

NATURAL = "(X(a) >> φ(T))(x) = (φ(S) >> Y(a))(x)"


def _has_rows(ends: Any) -> Any:
    return lambda phi: any(phi.domain.size(table) for table in ends(phi.domain.shape))


cset_morphism = Spec(
    "C-set morphism",
    (
        MORPHISM.law(
            "components",
            "φ(S)(x) ∈ Y(S)",
            "S: object, x: row of S",
            _has_rows(lambda shape: shape.tables),
        ),
        MORPHISM.law(
            "naturality",
            NATURAL,
            "a: S -> T, x: row of the source of a",
            _has_rows(lambda shape: [source for source, _ in shape.arrows.values()]),
        ),
        MORPHISM.law(
            "naturality of lists",
            NATURAL,
            "a: S -> T in L, x: row of the source of the list a",
            _has_rows(lambda shape: [source for source, _ in shape.lists.values()]),
        ),
        MORPHISM.law(
            "attributes",
            "X(a)(x) ≤ Y(a)(φ(S)(x))",
            "a: S -> T in A, x: row with the attribute a",
            _has_rows(lambda shape: shape.attributes.values()),
        ),
    ),
    _morphism_sorts,
    {},
    lambda structure: isinstance(structure, TableMorphism),
    "Patterson, Lynch, Fairbanks, arXiv 2106.04703",
    MORPHISM,
)
"""The laws of a morphism of C-sets (any :class:`~catlearn.finset.TableMorphism`)."""
