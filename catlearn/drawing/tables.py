"""Views of tables, their shapes and morphisms, and of functions between finite sets.

>>> from catlearn.drawing.tables import function_scene
>>> from catlearn.finset import FinFunction
>>> function_scene(FinFunction([1, 0, 1], codomain=2)).nodes[0].rows
(('x', 'f(x)'), ('0', '1'), ('1', '0'), ('2', '1'))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from catlearn.drawing.graphs import graph_scene
from catlearn.drawing.scene import Arrow, Law, Node, Scene, counted
from catlearn.finset import FinFunction, Shape, TableMorphism, Tables

#: Rows of a table that are shown before the rest are counted.
MOST_ROWS = 24


def _is_graph(tables: Tables) -> bool:
    shape = tables.shape
    return (
        set(shape.tables) == {"V", "E"}
        and dict(shape.arrows) == {"src": ("E", "V"), "tgt": ("E", "V")}
        and not shape.lists
        and not shape.attributes
    )


def tables_scene(tables: Tables, images: Mapping[str, tuple[str, ...]] | None = None) -> Scene:
    """Return the scene of tables: each table with its rows, and the arrows of the shape.

    Parameters
    ----------
    tables
        The tables.
    images
        For each table a last column, such as where a morphism sends the rows.
    """
    shape = tables.shape
    if _is_graph(tables) and images is None:
        return graph_scene(tables)
    nodes = []
    for table in shape.tables:
        columns = {"": tables.names(table)}
        for name, (source, target) in shape.arrows.items():
            if source == table:
                columns[name] = tables.sets[target].labels(tables.arrows[name].values)
        for name, (source, target) in shape.lists.items():
            if source == table:
                labels = tables.sets[target].labels
                columns[name] = tuple(f"[{', '.join(labels(row))}]" for row in tables.lists[name])
        for name, home in shape.attributes.items():
            if home == table:
                values = tables.attributes[name]
                columns[name] = tuple("–" if v is None else str(v) for v in values)
        if images is not None:
            columns["↦"] = images[table]
        nodes.append(Node(table, "table", rows=rows_of(columns)))
    title = f"{type(tables).__name__}: " + ", ".join(
        f"{table} has {counted(tables.size(table), 'row')}" for table in shape.tables
    )
    return Scene(title, tuple(nodes), _shape_arrows(shape))


def rows_of(columns: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Return the head and the rows of a table, or its first rows and how many there are more."""
    count = max((len(column) for column in columns.values()), default=0)
    body = [tuple(column[k] for column in columns.values()) for k in range(min(count, MOST_ROWS))]
    if count > MOST_ROWS:
        body.append((f"… {count - MOST_ROWS} more", *("" for _ in range(len(columns) - 1))))
    return (tuple(columns), *body)


def _shape_arrows(shape: Shape) -> tuple[Arrow, ...]:
    plain = [Arrow(name, *ends) for name, ends in shape.arrows.items()]
    lists = [Arrow(name, *ends, "list", "list") for name, ends in shape.lists.items()]
    return (*plain, *lists)


def shape_scene(shape: Shape) -> Scene:
    """Return the scene of a schema: its tables with their attributes, arrows and equations."""
    nodes = []
    for table in shape.tables:
        own = [name for name, home in shape.attributes.items() if home == table]
        nodes.append(Node(table, "space", ", ".join(own)))
    laws = tuple(
        Law(str(equation), left.edges, right.edges, left.source)
        for equation, left, right in getattr(shape, "laws", ())
    )
    title = f"{type(shape).__name__} with {counted(len(shape.tables), 'table')}"
    return Scene(title, tuple(nodes), _shape_arrows(shape), laws)


def morphism_scene(morphism: TableMorphism, picture: Callable[[Any], Scene]) -> Scene:
    """Return the scene of a morphism: every row of the domain says where it goes."""
    one, other = morphism.domain, morphism.codomain
    images = {
        table: other.sets[table].labels(morphism.components[table].values)
        for table in one.shape.tables
    }
    if {"src", "tgt"} <= set(one.shape.arrows):
        domain = picture(one)
        vertices, edges = ({}, {})
        for table, into in (("V", vertices), ("E", edges)):
            into.update(zip(one.names(table), images[table], strict=True))
        inside = replace(
            domain,
            nodes=tuple(replace(n, note=f"↦ {vertices[n.name]}") for n in domain.nodes),
            arrows=tuple(replace(a, note=f"↦ {edges[a.name]}") for a in domain.arrows),
            laws=(),
        )
    else:
        inside = tables_scene(one, images)
    panels = (
        Node("domain", "panel", inner=inside),
        Node("codomain", "panel", inner=replace(picture(other), laws=())),
    )
    title = f"{type(morphism).__name__} from {inside.title} to {panels[1].inner.title}"  # type: ignore
    return Scene(title, panels, (Arrow("morphism", "domain", "codomain", "morphism", label=""),))


def function_scene(function: FinFunction) -> Scene:
    """Return the scene of a finite function: its elements, each with its image."""
    one, other = function.domain, function.codomain
    images = other.labels(function.values)
    tables = (
        Node("domain", "table", rows=rows_of({"x": one.labels(), "f(x)": images})),
        Node("codomain", "table", rows=rows_of({"y": other.labels()})),
    )
    title = f"Function from {counted(one.size, 'element')} to {other.size}"
    return Scene(title, tables, (Arrow("f", "domain", "codomain"),))
