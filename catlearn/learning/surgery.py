"""Surgery on diagrams: parts, components, what is trained, and rules that rewrite them.

A diagram stores the values that its models start from, so a *trained* diagram is the diagram of
a result with its variables in the store, ``result.diagram``. What one does after training is then
an operation on diagrams:

- take a part: :func:`subdiagram`, closed under ends and definitions, and its :func:`inclusion`;
- swap a component: the rule :func:`swap`, with a :func:`component` of another
  diagram or a new model;
- train a new head only: glue it to :func:`with_frozen`; or let its equation train nothing else.

Trained diagrams are put together by :func:`~catlearn.learning.merge`.

>>> import catlearn as cl
>>> X, F, Y = cl.Space("X", 4), cl.Space("F", 3), cl.Categorical("Y", 2)
>>> encoder, head = cl.Model("encoder", X, F, "linear"), cl.Model("head", F, Y, "linear")
>>> D = cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y), encoder, head)
>>> print(subdiagram(D, edges=["encoder"]))
X = R^4
F = R^3
encoder : X -> F  (linear(use_bias=True))
>>> deeper = swap("encoder", cl.Model("deep", X, F, "mlp"))
>>> print(deeper.rewrite(D).apex.loss())
L(head, deep) = E_data(d_Y(head(deep(data.X)), data.Y))

**Rules.** A learning diagram is tables, so it is rewritten by double pushouts as all tables are
(:mod:`catlearn.cset.rewriting`). What is particular here is the patterns: their spaces and maps
may be left open, and an edge that is deleted is replaced by a path, along which the equations
that mention it are rewritten: e |-> p. Stored arrays stay with the edges that stay, and with those
that are made anew with the same architecture.

:func:`swap`, :func:`insert`, :func:`freeze`, :func:`unfreeze` and :func:`split` return rules;
``rule.matches(diagram)`` says where one can be applied, and
``rule.rewrite(diagram, match).apex`` is the diagram afterwards. The result is checked like any
learning diagram, so a swap that does not fit its spaces is refused.

>>> import catlearn as cl
>>> X, Z, Y = cl.Space("X", 4), cl.Space("Z", 2), cl.Categorical("Y", 3)
>>> D = cl.LearningDiagram(
...     cl.Dataset("data", X=X, Y=Y),
...     cl.Model("f", X, Y, "linear"),
...     equations="data.X >> f = data.Y",
... )
>>> rule = swap("f", cl.Model("down", X, Z, "linear"), cl.Model("up", Z, Y, "linear"))
>>> print(rule.rewrite(D).apex.loss())
L(down, up) = E_data(d_Y(up(down(data.X)), data.Y))
>>> freeze().rewrite(D).apex.frozen
('f',)

**Splitting a head**: a second edge from where the first starts, with the equations that run through
the first. It is a rule that deletes nothing. What it adds depends on where it is applied: let A be
the part of the diagram with the head, the edges that are to be copied, and the declared equations
whose sides are still paths when the edges are exchanged for their copies. The rule is written out
as A = A -> A + A', where A' has the copies, so that the result is a pushout: two heads on all that
does not mention them.

>>> import catlearn as cl
>>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
>>> fit = cl.Equation("data.X >> head = data.Y", weight=2.0)
>>> parts = cl.Dataset("data", X=X, Y=Y), cl.Model("head", X, Y, "linear")
>>> D = cl.LearningDiagram(*parts, equations={"fit": fit})
>>> E = split("head", "other", "Y2", data={"data.Y": "data.Y2"}).rewrite(D).apex
>>> for name, sides in E.soft_equations.items():
...     print(name, ":", *sides, E.weight(name))
fit : data.X >> head data.Y 2.0
fit of other : data.X >> other data.Y2 2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise, starmap
from typing import Any

from catlearn.category import Equation, Path
from catlearn.cset import Rule, Variable
from catlearn.errors import (
    CatlearnError,
    Failure,
    Failures,
    UnknownName,
    did_you_mean,
    expect,
    expect_each,
    fault,
    refuse,
)
from catlearn.finset import Shape, Tables
from catlearn.learning.assembly import Assembly, Equations, equation_row, rows_of
from catlearn.learning.diagram import LearningDiagram, LearningMorphism
from catlearn.learning.parts import Part
from catlearn.learning.schema import STORED
from catlearn.models import (
    ArchitectureMap,
    Categorical,
    FactorMap,
    FrozenMap,
    Map,
    Model,
    ModelMap,
    OperatorMap,
    Product,
    ProjectionMap,
    Space,
)
from catlearn.models.spaces import AnySpace
from catlearn.names import distinct, fresh


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
    check_diagram(diagram)
    soft = diagram.soft_equations
    vertices = _names(vertices, "vertices")
    asked = None if equations is None else _names(equations, "equations")
    chosen = None if edges is None else _names(edges, "edges")
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


def check_diagram(diagram: Any) -> None:
    """Refuse what is no learning diagram."""
    expect(diagram, LearningDiagram, "diagram", "a learning diagram")


def _names(given: str | Iterable[str], what: str) -> list[str]:
    expect(given, Iterable, what, "a name, or several")
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
    for diagram in (part, whole):
        check_diagram(diagram)
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
    check_diagram(diagram)
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
    return Product(name, *starmap(_named, zip(names, label.factors, strict=True)))


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
    check_diagram(diagram)
    there = [edge for edge in diagram.edges if diagram.map_label(edge).kind == old]
    free = [edge for edge in there if edge not in diagram.averages]
    chosen = free if edges is None else _names(edges, "edges")
    called = {"model": "trainable", "frozen": "frozen"}
    check_known(f"{called[old]} edge", chosen, there)
    labels, failures = {}, Failures()
    for edge in chosen:
        if new == "frozen" and edge not in diagram.starts:
            message = "has no stored variables to freeze; take the diagram of a result "
            message += "(fit(...).diagram), or give them by with_values(...)"
            failures.add("freeze", f"edge '{edge}'", message)
        following = [one for one, (of, _) in diagram.averages.items() if of == edge]
        if new == "frozen" and following:
            message = f"is followed by the moving average {', '.join(map(repr, following))}, which "
            message += (
                "follows what is trained; leave it out first: subdiagram(diagram, edges=[...])"
            )
            failures.add("freeze", f"edge '{edge}'", message)
        label = diagram.map_label(edge)
        assert isinstance(label, ArchitectureMap)
        labels[edge] = Map(new, label.architecture)
    if new == "frozen":
        for name in diagram.names("Eq"):
            if set(diagram.trains(name) or ()) - set(chosen) or not diagram.trains(name):
                continue
            message = "trains nothing but edges that are to be frozen; leave it out first"
            failures.add("freeze", f"equation '{name}'", message)
        trained = diagram.sets["E"].labels(diagram.arrows["trained"].values)
        left = [row for row, edge in enumerate(trained) if edge not in labels]
        diagram = diagram.subtables(diagram.interior({"Trains": left}))[0]
    refuse(f"with_{'frozen' if new == 'frozen' else 'trained'}", failures)
    return diagram.with_column("map", labels)


# Rules, and patterns to write others.

Ends = tuple[str, str, Any]

STAGE_ENDS = ("source", "target")
"""What the vertices at the ends of a pattern are called."""


def runs(label: Map) -> bool:
    """Whether a map is a model, frozen or fixed: something with an architecture of its own."""
    return isinstance(label, ArchitectureMap) and not isinstance(label, OperatorMap)


def trains(label: Map) -> bool:
    """Whether a map is trainable."""
    return isinstance(label, ModelMap)


def stays(label: Map) -> bool:
    """Whether a map is frozen."""
    return isinstance(label, FrozenMap)


def goes_out(label: Map) -> bool:
    """Whether a map can be followed by others: it runs, or is a projection of a data set."""
    return runs(label) or isinstance(label, ProjectionMap)


def as_frozen(label: ArchitectureMap) -> Map:
    """Return the label of the same map whose parameters do not move."""
    return FrozenMap(label.architecture)


def as_trainable(label: ArchitectureMap) -> Map:
    """Return the label of the same map whose parameters are trained."""
    return ModelMap(label.architecture)


def pattern(
    *parts: Part,
    spaces: Mapping[str, Any] | Iterable[str] = (),
    edges: Mapping[str, tuple[str, str] | Ends] | None = None,
    equations: Equations = (),
) -> LearningDiagram:
    """Return a learning diagram in which labels may be left open, for a side of a rule.

    Parameters
    ----------
    *parts
        What a learning diagram is made of, with definite labels.
    spaces
        Names of vertices of any space; or name -> a space, a label or a
        :class:`~catlearn.cset.Variable`.
    edges
        Name -> (source, target) for any map; or (source, target, map), where the map is a label
        or a variable.
    equations
        Equations, as for :class:`LearningDiagram`.

    Returns
    -------
    LearningDiagram
        Not checked, since it may not be complete. A label that is left open is a variable of
        the name of its row.

    Examples
    --------
    >>> print(pattern(edges={"e": ("A", "B")}).attributes["map"][0])
    ?e
    """
    made = Assembly(parts)
    vertices, steps = made.rows["V"], made.rows["E"]
    given = spaces if isinstance(spaces, Mapping) else dict.fromkeys(spaces)
    for name, space in given.items():
        label = getattr(space, "label", space)
        vertices[name] = {"space": Variable(name) if label is None else label}
    for name, (source, target, *label) in (edges or {}).items():
        for end in (source, target):
            vertices.setdefault(end, {"space": Variable(end)})
        held: Any = label[0] if label else Variable(name)
        steps[name] = {**steps.get(name, {}), "src": source, "tgt": target, "map": held}
    made.add_equations(equations)
    refuse("pattern", made.failures)
    return LearningDiagram.empty().with_rows(made.rows, check=False)


def swap(edge: str | None, *models: Model) -> Rule:
    """Replace a model by another, or by several one after the other.

    Parameters
    ----------
    edge
        The name of the edge; None for any edge between such spaces.
    *models
        Models one after the other, from the edge's source to its target; their spaces have
        to be those of the edge. They start as they are given: nothing of the old model stays.

    Raises
    ------
    InvalidStructure
        If the models do not follow each other.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, F = cl.Space("X", 4), cl.Space("F", 2)
    >>> swap("encoder", cl.Model("deep", X, F, "mlp", width=8))
    Rule(swap encoder: deletes encoder; keeps source, target; adds deep)
    """
    if edge is not None:
        expect(edge, str, "edge", "the name of one, or None for any")
    name = edge or "any model"
    between = _chain(models)
    first, last = models[0].source.label, models[-1].target.label
    spaces = {"source": first, "target": last}
    # A model of the same name is another edge, not the old one made anew with what it holds.
    while name in (model.name for model in models):
        name = f"old {name}"
    old = pattern(spaces=spaces, edges={name: ("source", "target", Variable("map", runs))})
    new = _with_models(spaces, models, ["source", *between, "target"])
    return Rule.between(
        old,
        new,
        replace={"E": {name: [model.name for model in models]}},
        spread=_trained(models),
        at=None if edge is None else {"E": {name: edge}},
        name=f"swap {edge or name}",
    )


def insert(*models: Model, after: str | None = None, before: str | None = None) -> Rule:
    """Insert models behind or before an edge, such as a bottleneck behind an encoder.

    The edge stays, with its name and stored arrays, but ends (or starts) at a new vertex, a copy of
    the one that it ended (started) at; equations that mention it now go on through the models.

    Parameters
    ----------
    *models
        Models one after the other. Behind an edge, the first starts at the new vertex and the
        last ends at the old one; before an edge it is the other way round.
    after, before
        The name of the edge: a model, or behind it also a projection of a data set. One of the two.

    Raises
    ------
    InvalidStructure
        If the models do not follow each other, or do not lead back to the space they start at.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, H, Z, F = (cl.Space(name, n) for name, n in (("X", 4), ("H", 3), ("Z", 1), ("F", 3)))
    >>> D = cl.LearningDiagram(cl.Model("encoder", X, F, "linear"))
    >>> down, up = cl.Model("down", H, Z, "linear"), cl.Model("up", Z, F, "linear")
    >>> E = insert(down, up, after="encoder").rewrite(D).apex
    >>> E.ends("encoder"), E.ends("down"), E.ends("up")
    (('X', 'H'), ('H', 'Z'), ('Z', 'F'))
    """
    if (after is None) == (before is None):
        raise CatlearnError("insert needs an edge: give after= or before=, one of the two")
    edge = after or before or ""
    expect(edge, str, "edge", "the name of one")
    between = _chain(models)
    first, last = models[0].source, models[-1].target
    if first.label != last.label:
        message = f"they lead from {first.label} to {last.label}, but have to lead back to the same"
        raise fault("insert", "spaces", "models", message)
    if edge in (model.name for model in models):
        message = "the edge stays, so a model that is inserted needs another name"
        raise fault("insert", "names", f"model '{edge}'", message)
    middle = first if after else last
    spaces: dict[str, Any] = {"source": None, "target": None}
    spaces["target" if after else "source"] = middle.label
    label = Variable("map", goes_out if after else runs)
    old = pattern(spaces=spaces, edges={edge: ("source", "target", label)})
    names = distinct([middle.name, *between], "'", STAGE_ENDS)
    stops = [names[0], *names[1:], "target"] if after else ["source", *names[1:], names[0]]
    open_spaces = {
        name: Variable(name) if space is None else space for name, space in spaces.items()
    }
    new = _with_models(
        {**open_spaces, names[0]: middle.label},
        models,
        stops,
        {edge: ("source", stops[0], label) if after else (stops[-1], "target", label)},
    )
    steps = [model.name for model in models]
    path = [edge, *steps] if after else [*steps, edge]
    where = "after" if after else "before"
    return Rule.between(
        old,
        new,
        replace={"E": {edge: path}},
        spread=_trained(models, edge),
        at=_at(edge),
        name=f"insert {', '.join(steps)} {where} {edge}",
    )


def freeze(edge: str | None = None, values: Any = None) -> Rule:
    """Let the parameters of a model not move.

    Parameters
    ----------
    edge
        The name of the edge; None for any trainable edge.
    values
        Parameters to freeze it at; by default those that are stored with it, if there are some.
    """
    return _relabel(edge, "freeze", trains, as_frozen, values)


def unfreeze(edge: str | None = None) -> Rule:
    """Train the parameters of a frozen edge, from those that are stored with it.

    Parameters
    ----------
    edge
        The name of the edge; None for any frozen edge.
    """
    return _relabel(edge, "unfreeze", stays, as_trainable)


def _relabel(edge: str | None, verb: str, where: Any, change: Any, values: Any = None) -> Rule:
    """Give an edge another label of the same architecture."""
    if edge is not None:
        expect(edge, str, "edge", "the name of one, or None for any")
    name = edge or "any edge"
    label = Variable("map", where)
    old = pattern(edges={name: ("source", "target", label)})
    new = pattern(edges={name: ("source", "target", label.map(change))})
    if values is not None:
        new = new.with_side_data({STORED: {name: values}})
    return Rule.between(old, new, at=_at(edge), name=f"{verb} {name}")


def _trained(models: Sequence[Model], *more: str) -> dict[str, list[str]]:
    """Say that an equation that trains an edge trains, by one scale, what replaces it."""
    return {"trained": [*more, *(model.name for model in models if trains(model.label))]}


def _at(edge: str | None) -> dict[str, dict[str, str]] | None:
    return None if edge is None else {"E": {edge: edge}}


def _chain(models: Sequence[Model]) -> list[str]:
    """Return the names of the spaces between models that follow each other."""
    for model in models:
        expect(model, Model, "each argument", "a Model; they follow one another")
    failures = [
        Failure(
            "composition",
            f"'{one.name} >> {other.name}'",
            f"{one.name} ends at {one.target.name}, {other.name} starts at {other.source.name}",
        )
        for one, other in pairwise(models)
        if (one.target.name, one.target.label) != (other.source.name, other.source.label)
    ]
    if not models:
        failures = [Failure("models", "models", "found none, expected one or more")]
    refuse("chain of models", failures)
    return distinct((model.target.name for model in models[:-1]), "'", STAGE_ENDS)


def _with_models(
    spaces: Mapping[str, Any],
    models: Sequence[Model],
    stops: Sequence[str],
    edges: Mapping[str, Ends] | None = None,
) -> LearningDiagram:
    """Return a pattern with models that lead along some vertices."""
    inner = {stop: model.target.label for model, stop in zip(models[:-1], stops[1:-1], strict=True)}
    steps = {
        model.name: (source, target, model.label)
        for model, (source, target) in zip(models, pairwise(stops), strict=True)
    }
    made = pattern(spaces={**spaces, **inner}, edges={**(edges or {}), **steps})
    starts = {model.name: model.start for model in models if model.start is not None}
    return made.with_side_data({STORED: starts})


# Splitting a head.


def split(
    edge: str,
    new: str,
    target: str,
    *,
    data: Mapping[str, str] | None = None,
    values: bool = False,
    equations: bool = True,
) -> Rule:
    """Split a head: a second edge of the same label, to a copy of its target.

    Parameters
    ----------
    edge
        The name of the edge.
    new, target
        Names for the second edge and for the copy.
    data
        Other edges that end at the target, such as projections -> names for copies of them that
        end at the copy, with the same arrays or variables.
    values
        Whether the second edge starts from the stored parameters of the first.
    equations
        Whether declared soft equations that mention the edge come again for the second one, with
        weight, divergence and what they train. They come where the sides are paths with all
        edges exchanged for their copies: not where labels to compare with have no copy.
        One that has a name is called by it, ``"fit of other"``. If not, the new head has no
        declared equation, and ``with_equations`` gives it some.

    Raises
    ------
    InvalidStructure
        If the copies have no names of their own.

    Examples
    --------
    >>> import catlearn as cl
    >>> X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    >>> D = cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y), cl.Model("head", X, Y, "linear"))
    >>> E = split("head", "other", "Y2", data={"data.Y": "data.Y2"}).rewrite(D).apex
    >>> print(E.loss())
    L(head, other) = E_data(d_Y(head(data.X), data.Y)) + E_data(d_Y2(other(data.X), data.Y2))
    """
    expect_each(str, "a name", edge=edge, new=new, target=target)
    if data is not None:
        expect(data, Mapping, "data", "a dict from edges to the names of their copies")
    return Split(edge, new, target, dict(data or {}), values, equations)


class Split(Rule):
    """The rule that :func:`split` returns."""

    copies: Mapping[str, str]
    equations: bool

    def __init__(
        self,
        edge: str,
        new: str,
        target: str,
        data: Mapping[str, str],
        values: bool,
        equations: bool,
    ) -> None:
        copies = {edge: new, **data}
        names = [target, *copies, *copies.values()]
        again = {name for name in names if names.count(name) > 1}
        if again or edge in data:
            where = ", ".join(map(repr, sorted(again) or [edge]))
            raise fault("split", "names", where, "give the copies names of their own")
        edges: dict[str, Any] = {edge: ("source", "old", Variable("map", runs))}
        for number, other in enumerate(data):
            edges[other] = (f"source {number}", "old", Variable(other))
        old = pattern(edges=edges)
        added = {copies[e]: (source, target, label) for e, (source, _, label) in edges.items()}
        both = pattern(
            spaces={**{v: Variable(v) for v in old.vertices}, target: Variable("old")},
            edges={**edges, **added},
        )
        self._set(copies=copies, equations=equations)
        held = {e: Variable(e) for e in copies if values or e != edge}
        both = both.with_side_data({STORED: {copies[e]: value for e, value in held.items()}})
        plain = Rule.between(old.with_side_data({STORED: held}), both)
        super().__init__(
            plain.left,
            plain.right,
            at={"E": {name: name for name in edges}},
            name=f"split {edge}",
        )

    def _at(self, match: Any) -> tuple[Rule, Any]:
        """Write the rule out at a match, with the equations that come again."""
        rule, found = super()._at(match)
        if not self.equations:
            return rule, found
        whole, added = match.codomain, rule.right.codomain
        both = self.right.codomain
        copies = {
            match.edge(edge): added.edges[both.row("E", copy)] for edge, copy in self.copies.items()
        }
        head = next(iter(copies))
        ends = {edge: whole.ends(edge) for edge in whole.edges}
        ends |= {copy: added.ends(copy) for copy in copies.values()}
        again = dict(_copied(whole, head, copies, ends))
        part = subdiagram(whole, edges=list(copies), equations=list(again))
        (vertex,) = {ends[copy][1] for copy in copies.values()}
        edges = {
            copy: {
                **dict(zip(("src", "tgt"), ends[copy], strict=True)),
                "map": added.map_label(copy),
                STORED: added.store.get(copy),
            }
            for copy in copies.values()
        }
        rows = {"V": {vertex: {"space": added.space_label(vertex)}}, "E": edges}
        titles, equations = set(whole.names("Eq")), {}
        for name, row in again.items():
            title = fresh(_title(name, whole, row, copies[head]), titles, "'")
            titles.add(title)
            equations[title] = row
        larger = part.with_rows({**rows, **rows_of(equations)}, check=False)
        same = LearningMorphism(part, part, *_by_name(part), check=False)
        right = LearningMorphism(part, larger, *_by_name(part), check=False)
        return Rule(same, right, name=self.name), inclusion(part, whole)


def _copied(
    whole: LearningDiagram,
    head: str,
    copies: Mapping[str, str],
    ends: Mapping[str, tuple[str, str]],
) -> Iterator[tuple[str, Equation]]:
    """Yield equations that mention the head, with the edges exchanged for their copies."""
    for name, sides in whole.soft_equations.items():
        if not any(head in side.edges for side in sides):
            continue
        lhs, rhs = (_exchanged(side, copies, ends) for side in sides)
        if lhs is None or rhs is None or lhs.target != rhs.target:
            continue
        trains = whole.trains(name)
        if trains is not None:
            trains = {copies.get(edge, edge): scale for edge, scale in trains.items()}
        row = whole.row("Eq", name)
        facts = (whole.attributes[k][row] for k in ("strict", "weight", "divergence", "stop"))
        yield name, equation_row(lhs, rhs, *facts, trains)  # type: ignore[arg-type]


def _exchanged(
    side: Path, copies: Mapping[str, str], ends: Mapping[str, tuple[str, str]]
) -> Path | None:
    """Return a path with edges exchanged for their copies, if it is one."""
    edges, at = [copies.get(edge, edge) for edge in side.edges], side.source
    for edge in edges:
        source, target = ends[edge]
        if source != at:
            return None
        at = target
    return Path(side.source, tuple(edges), at)


def _title(name: str, whole: LearningDiagram, row: Equation, new: str) -> str:
    lhs, rhs = whole.sides(name)
    return f"{row.lhs} = {row.rhs}" if name == f"{lhs} = {rhs}" else f"{name} of {new}"


def _by_name(part: LearningDiagram) -> Iterator[dict[str, str]]:
    return ({name: name for name in part.names(table)} for table in part.shape.tables)
