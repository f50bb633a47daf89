"""The category of elements of a C-set, and back: the Grothendieck construction.

The *category of elements* of X : C -> FinSet has the
rows of X as objects, and an arrow x -> y for each arrow f of C with X(f)(x) = y. It projects to C,
and the projection is a *discrete opfibration*: for each arrow f of C out of the projection of x
there is exactly one arrow out of x over f. Every discrete opfibration is one of these, and C-sets
over X are C-sets on its category of elements. (Riehl, *Category Theory in Context*, 2.4; Mac Lane
and Moerdijk, I.5.)

Where C is infinite, so is the category of elements, but its generators are not: they are the
*graph of elements*, whose vertices are rows and whose edges are arrows of the schema at rows.

Laws: ``from_elements(category_of_elements(X).projection)`` is X up to names.

>>> from catlearn.cset import CSet, SchGraph
>>> G = CSet(SchGraph, V=["a", "b"], E=["e"], src=["a"], tgt=["b"])
>>> elements = category_of_elements(G)
>>> print(elements.category.generators)
src@e : E:e → V:a, tgt@e : E:e → V:b
>>> elements.projection("src@e"), elements.at("V:b")
('src', ('V', 1))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from catlearn.category import (
    FiniteCategory,
    Functor,
    Graph,
    Path,
)
from catlearn.cset.cset import CSet, Schema
from catlearn.errors import TooLarge, expect, refuse
from catlearn.finset import FinSet, Frozen, Tables
from catlearn.finset.tables import morphism
from catlearn.finset.value import failures_at, once


def finite_category(X: Tables) -> FiniteCategory:
    """Return the category that a C-set's schema presents.

    Raises
    ------
    TooLarge
        If that is infinite, or not known to be finite.
    """
    category = Schema.of(X.shape).category()
    if not isinstance(category, FiniteCategory):
        message = "the category that the schema presents is infinite, or not known to be finite"
        raise TooLarge(f"{message}: {category}; give a finite one, or take the graph of elements")
    return category


def actions(X: Tables, category: FiniteCategory) -> list[np.ndarray]:
    """Return for each arrow of a category, by row, what it does to the rows of a C-set.

    Parameters
    ----------
    X
        A C-set on the schema of the category's generators.
    category
        A finite category.
    """
    found: dict[tuple[str, tuple[str, ...]], np.ndarray] = {}

    def act(path: Path) -> np.ndarray:
        length = len(path)
        while length and (path.source, path.edges[:length]) not in found:
            length -= 1
        start = path.source, path.edges[:length]
        rows = found[start] if length else found.setdefault(start, np.arange(X.size(path.source)))
        for stop in range(length, len(path)):
            rows = X.arrows[path.edges[stop]].values[rows]
            found[path.source, path.edges[: stop + 1]] = rows
        return rows

    words: Iterator[Path] = map(category.word, range(len(category)))
    return [act(word) for word in words]


class Elements(Frozen, by="cset"):
    """The category of elements of a C-set, with its projection.

    Parameters
    ----------
    cset
        The C-set, without attributes.
    projection
        The functor from the category of elements to the category of the schema.
    """

    cset: CSet
    projection: Functor

    def __init__(self, cset: CSet, projection: Functor) -> None:
        self._set(cset=cset, projection=projection)

    @property
    def category(self) -> FiniteCategory:
        """The category of elements."""
        return self.projection.domain

    def object(self, table: str, row: int | str) -> str:
        """Return the name of the object that a row is."""
        return self.category.objects[self._starts[table] + self.cset.sets[table].index(row)]

    def at(self, object: str) -> tuple[str, int]:
        """Return the table and the number of the row that an object is."""
        number = self.category.object(object)
        table = self.projection.codomain.objects[self.projection.ob(number)]
        return table, number - self._starts[table]

    @once
    def _starts(self) -> dict[str, int]:
        tables = self.projection.codomain.objects
        sizes = np.cumsum([0, *map(self.cset.size, tables)]).tolist()
        return dict(zip(tables, sizes, strict=False))

    def __repr__(self) -> str:
        return f"category_of_elements({self.cset!r})"


def category_of_elements(X: Tables, category: FiniteCategory | None = None) -> Elements:
    """Return the category of elements of a C-set, with its projection.

    Parameters
    ----------
    X
        A C-set; attributes are forgotten.
    category
        The category whose generators are the arrows of X's schema; by default the one that the
        schema presents.

    Returns
    -------
    Elements
        Objects are named ``table:row``, arrows ``arrow@row``, where the row is the one that they
        start at.

    Raises
    ------
    TooLarge
        If the category of the schema is infinite; see :func:`elements_graph`.
    """
    X = CSet.without_attributes(X)
    C = finite_category(X) if category is None else category
    sizes = np.array([X.size(table) for table in C.objects], np.int64)
    first = np.cumsum(sizes) - sizes
    maps = actions(X, C)
    counts = sizes[C.src.values]
    owner = np.repeat(np.arange(len(C)), counts)
    offset = np.cumsum(counts) - counts
    row = np.arange(owner.size) - offset[owner]
    values = np.concatenate([np.zeros(0, np.int64), *maps])

    def compose(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return offset[C.then(owner[one], owner[other])] + row[one]

    labels = [X.names(table) for table in C.objects]
    objects = [f"{table}:{x}" for table, rows in zip(C.objects, labels, strict=True) for x in rows]
    names, unit = [], C.is_identity.tolist()
    for f, (name, source) in enumerate(zip(C.arrows, C.src.values.tolist(), strict=True)):
        if unit[f]:
            names += [f"id({C.objects[source]}:{x})" for x in labels[source]]
        else:
            called = f"({name})" if " " in name else name
            names += [f"{called}@{x}" for x in labels[source]]
    over = np.repeat(np.arange(len(sizes)), sizes)
    made = FiniteCategory.build(
        objects,
        names,
        first[C.src.values[owner]] + row,
        first[C.tgt.values[owner]] + values,
        offset[C.ids.values[over]] + np.arange(over.size) - first[over],
        compose,
        generators=np.flatnonzero(np.isin(owner, C.generating)),
    )
    return Elements(X, Functor.build(made, C, over, owner))


def from_elements(projection: Functor) -> CSet:
    """Return the C-set whose category of elements a discrete opfibration is.

    Parameters
    ----------
    projection
        A functor between finite categories.

    Returns
    -------
    CSet
        On the schema of the codomain's generators; its rows at c are the objects over c.

    Raises
    ------
    InvalidStructure
        Listing the objects and arrows at which there is no lift, or several.
    """
    expect(projection, Functor, "projection", "a functor between finite categories")
    E, C = projection.domain, projection.codomain
    over, ar = projection.ob.values, projection.ar.values
    counts = np.zeros((len(E.ob), len(C)), np.int64)
    np.add.at(counts, (E.src.values, ar), 1)
    expected = over[:, None] == C.src.values[None, :]

    def tell(lift: Sequence[int]) -> tuple[str, str]:
        e, f = lift
        message = f"{counts[e, f]} arrows out of it lie over {C.ar.label(f)}, expected one"
        return f"object {E.ob.label(e)}", message

    bad, others = np.argwhere(counts != expected), "lifts are missing or not unique"
    refuse("discrete opfibration", failures_at("unique lifts", bad, tell, "projection", others))
    schema = Schema.of_category(C)
    rows = {table: np.flatnonzero(over == k) for k, table in enumerate(C.objects)}
    place = np.empty(len(E.ob), np.int64)
    for chosen in rows.values():
        place[chosen] = np.arange(chosen.size)
    sets = {table: E.ob.part(chosen) for table, chosen in rows.items()}
    arrows = {}
    for name, (source, _) in schema.arrows.items():
        lifts = np.flatnonzero(ar == C.arrow(name))
        values = np.empty(len(sets[source]), np.int64)
        values[place[E.src.values[lifts]]] = place[E.tgt.values[lifts]]
        arrows[name] = values
    return CSet._of_columns(schema, sets, arrows)


def elements_graph(X: Tables) -> Any:
    """Return the graph of elements of a C-set on any schema, typed by the schema's graph.

    Returns
    -------
    GraphMorphism
        From the graph whose vertices are rows, ``table:row``, and whose edges are arrows at rows,
        ``arrow@row``, to the graph of tables and arrows.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema
    >>> dynamics = Schema(["X"], {"next": ("X", "X")})
    >>> typing = elements_graph(CSet(dynamics, X=["a", "b"], next=["b", "b"]))
    >>> print(typing.domain)
    next@a : X:a → X:b, next@b : X:b → X:b
    >>> typing.edge("next@b")
    'next'
    """
    X = CSet.without_attributes(X)
    base, sizes = X.schema.graph, [rows.size for rows in X.sets.values()]
    first = dict(zip(X.sets, np.cumsum([0, *sizes]).tolist(), strict=False))
    vertices = FinSet([f"{table}:{x}" for table in X.sets for x in X.names(table)])
    nothing = np.zeros(0, np.int64)
    names, over, src, tgt = [], [nothing], [nothing], [nothing]
    for number, name in enumerate(base.edges):
        (source, target), values = base.ends(name), X.arrows[name].values
        names += [f"{name}@{x}" for x in X.names(source)]
        over.append(np.full(values.size, number))
        src.append(first[source] + np.arange(values.size))
        tgt.append(first[target] + values)
    ends = {"src": np.concatenate(src), "tgt": np.concatenate(tgt)}
    graph = Graph._of_columns(base.shape, {"V": vertices, "E": FinSet(names)}, ends)
    tables = np.array([base.sets["V"].index(table) for table in X.sets], np.int64)
    return morphism(graph, base, {"V": np.repeat(tables, sizes), "E": np.concatenate(over)})
