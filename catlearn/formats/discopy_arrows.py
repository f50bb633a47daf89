"""discopy: paths and graphs as arrows and boxes of ``discopy.cat``, both ways.

An arrow of discopy's free category is a list of boxes with a domain and a codomain, and that is
what a path is: edges become boxes, vertices become objects. (A box that is a dagger, or carries
data, is no edge of a graph and is refused.) discopy is not needed until one of these is called.

>>> from catlearn.category import Graph
>>> G = Graph({"f": ("x", "y"), "g": ("y", "z")})
>>> arrow = to_discopy(G, "f >> g")
>>> print(arrow, "from", arrow.dom, "to", arrow.cod)
f >> g from x to z
>>> from_discopy(arrow)
(Graph({'f': ('x', 'y'), 'g': ('y', 'z')}), Path('x', ('f', 'g'), 'z'))
"""

from __future__ import annotations

import importlib
from typing import Any

from catlearn.category import Graph, Path
from catlearn.category.path import Side
from catlearn.errors import Failure, FileFormatError


def to_discopy(graph: Graph, path: Side) -> Any:
    """Return a path of a graph as a ``discopy.cat.Arrow``.

    Parameters
    ----------
    graph
        The graph.
    path
        A path, or its text.

    Raises
    ------
    NotComposable
        If it is not a path of the graph.
    """
    cat = _cat()
    found = graph.path(path)
    objects = {vertex: cat.Ob(vertex) for vertex in (found.source, found.target)}
    objects |= {end: cat.Ob(end) for edge in found.edges for end in graph.ends(edge)}
    boxes = {
        edge: cat.Box(edge, *(objects[end] for end in graph.ends(edge))) for edge in found.edges
    }
    inside = tuple(boxes[edge] for edge in found.edges)
    return cat.Arrow(inside, objects[found.source], objects[found.target])


def from_discopy(*arrows: Any) -> tuple[Any, ...]:
    """Return the graph of the boxes of some discopy arrows, and the path of each arrow.

    Parameters
    ----------
    *arrows
        Arrows or boxes of ``discopy.cat``.

    Returns
    -------
    graph, *paths
        A graph with an edge for each box, and one path for each arrow.

    Raises
    ------
    FileFormatError
        Listing boxes of one name with different ends, and what is not a plain box.
    """
    cat = _cat()
    failures: list[Failure] = []
    edges: dict[str, tuple[str, str]] = {}
    vertices: dict[str, None] = {}
    paths = []
    for number, arrow in enumerate(arrows):
        if not isinstance(arrow, cat.Arrow):
            message = f"expected an arrow of discopy.cat, found {type(arrow).__name__}"
            failures.append(Failure("format", f"argument {number}", message))
            continue
        inside = [_read_box(box, edges, failures) for box in arrow.inside]
        ends = [_read_object(end, failures) for end in (arrow.dom, arrow.cod)]
        vertices |= dict.fromkeys(
            [ends[0], *(end for name in inside for end in edges.get(name, ()))]
        )
        paths.append((ends[0], tuple(inside), ends[1]))
    if failures:
        raise FileFormatError("discopy arrow", failures)
    return Graph(edges, vertices=vertices), *(Path(*path) for path in paths)


def _cat() -> Any:
    """Return discopy's module of free categories."""
    return importlib.import_module("discopy.cat")


def _read_object(end: Any, failures: list[Failure]) -> str:
    if type(end) is not _cat().Ob:
        message = f"objects are those of discopy.cat, found {type(end).__name__}"
        failures.append(Failure("format", f"object {end}", message))
    return str(end.name)


def _read_box(box: Any, edges: dict[str, tuple[str, str]], failures: list[Failure]) -> str:
    """Note the edge that a box is; return its name."""
    where, name = f"box {box}", str(getattr(box, "name", ""))
    if type(box) is not _cat().Box or box.is_dagger or box.data is not None:
        message = "is more than a name and two ends: a dagger, a sum, or a box with data"
        failures.append(Failure("format", where, message))
        return name
    ends = _read_object(box.dom, failures), _read_object(box.cod, failures)
    if edges.setdefault(name, ends) != ends:
        message = f"goes {' -> '.join(ends)} here and {' -> '.join(edges[name])} elsewhere"
        failures.append(Failure("names", where, message))
    return name
