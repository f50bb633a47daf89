"""sympy.categories: diagrams and categories of sympy, both ways.

sympy has objects, named morphisms, diagrams, which hold all composites of their morphisms, and
categories, in which some diagrams are known to commute. A graph goes to the diagram of its
edges. A presentation goes to the category in which, for each equation, the diagram of its two
sides commutes, and so, trivially, does each edge that no equation has. Read back, the arrows of
a commutative diagram agree along all parallel paths.

sympy lists all composites, so this is for small diagrams without cycles; its sets have an order
of their own, so edges come back in another one.

>>> from catlearn.category import Graph, Presentation
>>> P = Presentation({"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C")}, ["f >> g = h"])
>>> to_sympy(P).commutative_diagrams.args[0].objects
{Object("A"), Object("B"), Object("C")}
>>> print(from_sympy(to_sympy(P)))
f : A → B, h : A → C, g : B → C | f >> g = h
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from catlearn.category import Graph, Path, Presentation
from catlearn.errors import Failure, Failures, FileFormatError, fault, refuse

MAX_COMPOSITES = 10_000
"""Paths that sympy is asked to list, all together."""


def to_sympy(graph: Graph) -> Any:
    """Return a graph as a sympy ``Diagram``, or a presentation as a sympy ``Category``.

    Parameters
    ----------
    graph
        A graph without cycles, or a presentation.

    Raises
    ------
    InvalidStructure
        Listing what sympy cannot hold: cycles, more than 10,000 composites, and equations that
        are not all that it means for their two sides to be a commutative diagram (a side that
        is an identity, or sides that meet on the way).
    """
    from sympy import FiniteSet
    from sympy.categories import Category, Diagram, NamedMorphism, Object

    objects = {vertex: Object(vertex) for vertex in graph.vertices}
    arrows = {
        edge: NamedMorphism(objects[graph.source(edge)], objects[graph.target(edge)], edge)
        for edge in graph.edges
    }
    if not isinstance(graph, Presentation):
        failures = _too_much(graph, "graph")
        refuse("sympy diagram", failures)
        return Diagram([arrows[edge] for edge in graph.edges])
    failures, parts = [], []
    for name in graph.equations:
        sides = graph.sides(name)
        used = dict.fromkeys(edge for side in sides for edge in side.edges)
        part = Graph({edge: graph.ends(edge) for edge in used})
        broken = _too_much(part, f"equation '{name}'") or _not_alone(part, sides, name)
        failures += broken
        parts.append(list(used))
    refuse("sympy category", failures)
    met = {edge for part in parts for edge in part}
    parts += [[edge] for edge in graph.edges if edge not in met]
    diagrams = [Diagram([arrows[edge] for edge in part]) for part in parts]
    category: Any = Category
    return category("K", FiniteSet(*objects.values()), FiniteSet(*diagrams))


def _too_much(graph: Graph, where: str) -> list[Failure]:
    if not graph.is_acyclic():
        return [Failure("sympy", where, "has a cycle; sympy lists all composites, without end")]
    count = sum(graph.count_paths(vertex) for vertex in graph.vertices)
    if count > MAX_COMPOSITES:
        message = f"has {count} composites, sympy is asked for {MAX_COMPOSITES} at most"
        return [Failure("sympy", where, message)]
    return []


def _not_alone(part: Graph, sides: tuple[Path, Path], name: str) -> list[Failure]:
    """List an equation that is not what it means for its edges to commute."""
    commuting = Presentation.commutative(part)
    means = [set(commuting.sides(equation)) for equation in commuting.equations]
    if means == [set(sides)]:
        return []
    found = ", ".join(commuting.equations) or "nothing"
    message = f"as a commutative diagram, its sides would say {found} instead"
    return [Failure("sympy", f"equation '{name}'", message)]


def from_sympy(value: Any) -> Graph:
    """Return a sympy ``Diagram`` as a graph, or a sympy ``Category`` as a presentation.

    Parameters
    ----------
    value
        A diagram: its named morphisms become edges. Or a category: the arrows are those of its
        commutative diagrams, in each of which all parallel paths agree.

    Raises
    ------
    FileFormatError
        If it is something else, or two morphisms of one name have different ends.

    Examples
    --------
    >>> from sympy.categories import Diagram, NamedMorphism, Object
    >>> f = NamedMorphism(Object("A"), Object("B"), "f")
    >>> g = NamedMorphism(Object("B"), Object("C"), "g")
    >>> from_sympy(Diagram([f, g]))
    Graph({'f': ('A', 'B'), 'g': ('B', 'C')})
    """
    from sympy.categories import Category, Diagram

    if isinstance(value, Diagram):
        return _graph_of(_objects(value.objects), [value])
    if not isinstance(value, Category):
        message = f"expected a sympy Diagram or Category, found {type(value).__name__}"
        raise fault("sympy value", "format", "value", message, FileFormatError)
    known: Any = value
    diagrams = list(known.commutative_diagrams)
    objects = [one for diagram in diagrams for one in _objects(diagram.objects)]
    graph = _graph_of([*_objects(getattr(known.objects, "set", ())), *objects], diagrams)
    sides: dict[tuple[Path, Path], None] = {}
    for diagram in diagrams:
        part = Presentation.commutative(_graph_of((), [diagram]))
        sides |= dict.fromkeys(part.sides(name) for name in part.equations)
    return Presentation(graph, list(sides))


def _objects(some: Any) -> list[str]:
    return [str(one.name) for one in some]


def _graph_of(vertices: Iterable[str], diagrams: Iterable[Any]) -> Graph:
    from sympy.categories import NamedMorphism

    named: list[Any]
    edges: dict[str, tuple[str, str]] = {}
    failures = Failures()
    for diagram in diagrams:
        named = [arrow for arrow in diagram.premises if isinstance(arrow, NamedMorphism)]
        for arrow in sorted(named, key=lambda arrow: arrow.sort_key()):
            ends = str(arrow.domain.name), str(arrow.codomain.name)
            if edges.setdefault(str(arrow.name), ends) != ends:
                there = " -> ".join(edges[str(arrow.name)])
                message = f"goes {' -> '.join(ends)} here and {there} elsewhere"
                failures.add("names", f"morphism {arrow.name}", message)
    refuse("sympy value", failures, FileFormatError)
    return Graph(edges, vertices=vertices)
