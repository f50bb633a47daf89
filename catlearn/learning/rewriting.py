"""Rewriting a training regime: ready rules for learning diagrams, and patterns to write others.

A learning diagram is tables, so it is rewritten by double pushouts as all tables are
(:mod:`catlearn.cset.rewriting`). What is particular here is the patterns: their spaces and maps
may be left open, and an edge that is deleted is replaced by a path, along which the equations
that mention it are rewritten: e |-> p. Stored arrays stay with the edges that stay, and with those
that are made anew with the same architecture.

The functions of this module return rules; ``rule.matches(diagram)`` says where one can be applied,
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
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from catlearn.cset import Rule, Variable
from catlearn.errors import CatlearnError, Failure, InvalidStructure
from catlearn.learning.assembly import add_parts
from catlearn.learning.diagram import LearningDiagram
from catlearn.learning.parts import Part
from catlearn.learning.rows import Equations, Rows
from catlearn.learning.schema import STORED
from catlearn.models import (
    ArchitectureMap,
    FrozenMap,
    Map,
    Model,
    ModelMap,
    OperatorMap,
    ProjectionMap,
)
from catlearn.names import distinct

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
        :class:`~catlearn.Variable`.
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
    rows = Rows()
    add_parts(rows, parts)
    given = spaces if isinstance(spaces, Mapping) else dict.fromkeys(spaces)
    for name, space in given.items():
        label = getattr(space, "label", space)
        rows.vertices[name] = Variable(name) if label is None else label
    for name, (source, target, *label) in (edges or {}).items():
        for end in (source, target):
            rows.vertices.setdefault(end, Variable(end))
        held: Any = label[0] if label else Variable(name)
        rows.edges[name] = (source, target, held)
    rows.add_equations(equations)
    if rows.failures:
        raise InvalidStructure("pattern", rows.failures)
    return LearningDiagram.of_rows(rows, check=False)


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
        raise CatlearnError("insert needs an edge: say after= or before=, one of the two")
    edge = after or before or ""
    between = _chain(models)
    first, last = models[0].source, models[-1].target
    if first.label != last.label:
        message = f"they lead from {first.label} to {last.label}, but have to lead back to the same"
        raise InvalidStructure("insert", [Failure("spaces", "models", message)])
    if edge in (model.name for model in models):
        message = "the edge stays, so a model that is inserted needs another name"
        raise InvalidStructure("insert", [Failure("names", f"model '{edge}'", message)])
    middle = first if after else last
    spaces: dict[str, Any] = {"source": None, "target": None}
    spaces["target" if after else "source"] = middle.label
    label = Variable("map", goes_out if after else runs)
    old = pattern(spaces=spaces, edges={edge: ("source", "target", label)})
    names = distinct([middle.name, *between], "'", STAGE_ENDS)
    stops = [names[0], *names[1:], "target"] if after else ["source", *names[1:], names[0]]
    told = {name: Variable(name) if space is None else space for name, space in spaces.items()}
    new = _with_models(
        {**told, names[0]: middle.label},
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
    if failures:
        raise InvalidStructure("chain of models", failures)
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
