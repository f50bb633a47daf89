"""Surgery on diagrams: parts, components, and what is trained.

A diagram stores the values that its models start from, so a *trained* diagram is the diagram of
a result with its variables in the store, ``result.diagram``. What one does after training is then
an operation on diagrams:

- take a part: :func:`subdiagram`, closed under ends and definitions, and its :func:`inclusion`;
- swap a component: the rule :func:`~catlearn.learning.swap`, with a :func:`component` of another
  diagram or a new model;
- train a new head only: glue it to :func:`with_frozen`; or let its equation train nothing else.

Trained diagrams are put together in :mod:`catlearn.learning.merging`.

>>> import catlearn as cl
>>> X, F, Y = cl.Space("X", 4), cl.Space("F", 3), cl.Categorical("Y", 2)
>>> encoder, head = cl.Model("encoder", X, F, "linear"), cl.Model("head", F, Y, "linear")
>>> D = cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y), encoder, head)
>>> print(subdiagram(D, edges=["encoder"]))
X = R^4
F = R^3
encoder : X -> F  (linear(use_bias=True))
>>> swap = cl.learning.swap("encoder", cl.Model("deep", X, F, "mlp"))
>>> print(swap.rewrite(D).apex.loss())
L(head, deep) = E_data(d_Y(head(deep(data.X)), data.Y))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from catlearn.errors import CatlearnError, Failure, InvalidStructure, UnknownName, did_you_mean
from catlearn.finset import Shape, Tables
from catlearn.learning.diagram import LearningDiagram
from catlearn.learning.morphisms import LearningMorphism
from catlearn.learning.rows import Rows
from catlearn.models import (
    ArchitectureMap,
    Categorical,
    FactorMap,
    Map,
    Model,
    Product,
    Space,
)
from catlearn.models.spaces import AnySpace


def subdiagram(
    diagram: LearningDiagram,
    vertices: str | Iterable[str] = (),
    edges: str | Iterable[str] | None = None,
    *,
    equations: str | Iterable[str] | None = None,
) -> LearningDiagram:
    """Return the part of a diagram with these rows, with their data and variables.

    Parameters
    ----------
    diagram
        The whole.
    vertices
        Vertices to take, one name or several; a product comes with its factors.
    edges
        Edges to take, each with its ends and, if it is defined, with what defines it. By default
        all edges between the vertices.
    equations
        Soft equations to take, each with its edges. By default all whose edges are there.

    Returns
    -------
    LearningDiagram
        The part, closed under ends, sides and definitions; see :func:`inclusion`. An edge
        that is a moving average stays one if the edge that it follows is there.

    Raises
    ------
    UnknownName
        Listing the names that are not in the diagram.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, F, Y = cl.Space("X", 4), cl.Space("F", 3), cl.Categorical("Y", 2)
    >>> f, g = cl.Model("f", X, F, "linear"), cl.Model("g", F, Y, "linear")
    >>> D = cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y), f, g)
    >>> subdiagram(D, edges=["g"]).vertices, subdiagram(D, ["X", "F"]).edges
    (('Y', 'F'), ('f',))
    """
    soft = diagram.soft_equations
    vertices, asked = _names(vertices), None if equations is None else _names(equations)
    chosen = None if edges is None else _names(edges)
    for name in vertices:
        if name in diagram.edges and name not in diagram.vertices:
            raise UnknownName(f"{name!r} is an edge, not a vertex; take it by edges=[{name!r}]")
    check_known("vertex", vertices, diagram.vertices)
    check_known("edge", chosen or (), diagram.edges)
    check_known("soft equation", asked or (), soft)
    whole = _with_needs(diagram)
    rows = whole.closure({"V": vertices, "E": chosen or (), "Eq": asked or ()})
    left_out = set(soft).difference(soft if asked is None else asked)
    equations = [name for name in diagram.names("Eq") if name not in left_out]
    kept = {"V": rows["V"], "E": diagram.edges if edges is None else rows["E"], "Eq": equations}
    return diagram.subtables(whole.interior(kept))[0]


def _names(given: str | Iterable[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _with_needs(diagram: LearningDiagram) -> Tables:
    """Return the rows with lists of what they need besides: definitions, operands, factors."""
    shape = diagram.shape
    lists = {"definitions": ("E", "Eq"), "operands": ("E", "E"), "factors": ("V", "E")}
    of = diagram.operators
    needs = {
        "definitions": [[*diagram.definers.get(edge, {}).values()] for edge in diagram.edges],
        "operands": [[of[edge]] if edge in of else [] for edge in diagram.edges],
        "factors": [
            [edge for edge in diagram.out_edges(v) if diagram.map_label(edge).kind == "factor"]
            for v in diagram.vertices
        ],
    }
    return Tables(
        Shape(shape.tables, shape.arrows, {**shape.lists, **lists}),
        diagram.sets,
        diagram.arrows,
        {**diagram.lists, **needs},
        check=False,
    )


def check_known(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        names = ", ".join(map(repr, unknown))
        raise UnknownName(f"no {what} is called {names}; {did_you_mean(unknown[0], known)}")


def inclusion(part: LearningDiagram, whole: LearningDiagram) -> LearningMorphism:
    """Return the morphism that sends each row to the row of its name.

    Parameters
    ----------
    part, whole
        Learning diagrams; the names of the first are names of the second.

    Raises
    ------
    InvalidStructure
        Listing every row that is missing or differs.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, F, Y = cl.Space("X", 4), cl.Space("F", 3), cl.Categorical("Y", 2)
    >>> f, g = cl.Model("f", X, F, "linear"), cl.Model("g", F, Y, "linear")
    >>> D = cl.LearningDiagram(f, g)
    >>> inclusion(subdiagram(D, edges=["g"]), D).restrict({"f": 1.0, "g": 2.0})
    {'g': 2.0}
    """
    same = {table: {name: name for name in part.names(table)} for table in part.shape.tables}
    return LearningMorphism(part, whole, *same.values())


def component(diagram: LearningDiagram, edge: str, name: str | None = None) -> Model:
    """Return the model on an edge with its stored variables, to be put elsewhere.

    Parameters
    ----------
    diagram
        A learning diagram.
    edge
        A trainable, frozen or fixed edge.
    name
        What to call it; by default as the edge.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, F = cl.Space("X", 4), cl.Space("F", 3)
    >>> D = cl.LearningDiagram(cl.Model("encoder", X, F, "linear"))
    >>> component(D, "encoder", "teacher")
    Model('teacher', X -> F, linear(use_bias=True))
    """
    check_known("edge", [edge], diagram.edges)
    label = diagram.map_label(edge)
    if edge in diagram.operators:
        of = diagram.operators[edge]
        raise CatlearnError(f"edge '{edge}' is an operator on '{of}'; take that component instead")
    if not isinstance(label, ArchitectureMap):
        raise CatlearnError(f"edge '{edge}' is a {label.kind} map, not a model")
    source, target = (_space(diagram, vertex) for vertex in diagram.ends(edge))
    start = diagram.starts.get(edge)
    model = Model(name or edge, source, target, label.architecture, start=start)
    return model.freeze() if label.kind == "frozen" and start is not None else model


def _space(diagram: LearningDiagram, vertex: str) -> AnySpace:
    """Return the space of a vertex; factors are named as the vertices that they lead to."""
    label = diagram.space_label(vertex)
    names = None
    if isinstance(label, Product):
        targets = {
            diagram.factor_index(edge): diagram.target(edge)
            for edge in diagram.out_edges(vertex)
            if isinstance(diagram.map_label(edge), FactorMap)
        }
        names = [targets.get(n, f"{vertex}.{n}") for n in range(len(label.factors))]
    return _named(vertex, label, names)


def _named(name: str, label: AnySpace, factors: Sequence[str] | None = None) -> AnySpace:
    if isinstance(label, Space):
        return Space(name, label.shape, label.dtype, label.divergence)
    if isinstance(label, Categorical):
        return Categorical(name, label.n, label.divergence, label.dtype)
    assert isinstance(label, Product)
    names = factors or [f"{name}.{n}" for n in range(len(label.factors))]
    return Product(name, *(_named(n, f) for n, f in zip(names, label.factors, strict=True)))


# What is trained.


def with_frozen(
    diagram: LearningDiagram, edges: str | Iterable[str] | None = None
) -> LearningDiagram:
    """Return the diagram with models frozen at their stored variables.

    Glue a new head to it, and only the head is trained.

    Parameters
    ----------
    diagram
        A trained diagram, such as ``result.diagram``.
    edges
        Trainable edges, one name or several; by default all.

    Raises
    ------
    InvalidStructure
        Listing the models that have no stored variables, and the equations that trained
        nothing else.

    Examples
    --------
    >>> import catlearn as cl, numpy as np
    >>> X, F, Y = cl.Space("X", 2), cl.Space("F", 1), cl.Categorical("Y", 3)
    >>> D = cl.LearningDiagram(cl.Model("f", X, F, "linear", use_bias=False))
    >>> trained = D.with_values({"f": {"weight": np.ones((2, 1), "f4")}})
    >>> head = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model("head", F, Y, "linear"))
    >>> print(cl.glue(with_frozen(trained), head).loss())
    L(head) = E_d(d_Y(head(f(d.X)), d.Y))
    """
    return _relabelled(diagram, "model", "frozen", edges)


def with_trained(
    diagram: LearningDiagram, edges: str | Iterable[str] | None = None
) -> LearningDiagram:
    """Return the diagram in which frozen edges are trained, from their stored variables.

    Parameters
    ----------
    diagram
        A learning diagram.
    edges
        Frozen edges, one name or several; by default all that are no moving averages.
    """
    return _relabelled(diagram, "frozen", "model", edges)


def _relabelled(
    diagram: LearningDiagram, old: str, new: str, edges: str | Iterable[str] | None
) -> LearningDiagram:
    there = [edge for edge in diagram.edges if diagram.map_label(edge).kind == old]
    chosen = [e for e in there if e not in diagram.averages] if edges is None else _names(edges)
    called = {"model": "trainable", "frozen": "frozen"}
    check_known(f"{called[old]} edge", chosen, there)
    rows = Rows.of(diagram)
    failures = []
    for edge in chosen:
        if new == "frozen" and edge not in diagram.starts:
            message = "has no stored variables to freeze; take the diagram of a result "
            message += "(fit(...).diagram), or give them by with_values(...)"
            failures.append(Failure("freeze", f"edge '{edge}'", message))
        source, target, label = rows.edges[edge]
        assert isinstance(label, ArchitectureMap)
        rows.edges[edge] = (source, target, Map(new, label.architecture))
    for name, row in rows.equations.items():
        if new != "frozen" or not row.trains:
            continue
        left = {edge: scale for edge, scale in row.trains.items() if edge not in chosen}
        rows.equations[name] = row.given(trains=left)
        if not left:
            message = "trains nothing but edges that are to be frozen; leave it out first"
            failures.append(Failure("freeze", f"equation '{name}'", message))
    if failures:
        raise InvalidStructure(f"with_{'frozen' if new == 'frozen' else 'trained'}", failures)
    return type(diagram).of_rows(rows)
