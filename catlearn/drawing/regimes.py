"""Views of learning diagrams and losses: graphs whose vertices and edges have kinds.

>>> from catlearn.drawing.regimes import learning_scene
>>> from catlearn.learning import LearningDiagram
>>> from catlearn.models import Categorical, Model, Space
>>> f = Model("f", Space("X", (3,)), Categorical("Y", 2), "linear")
>>> [(node.name, node.kind, node.note) for node in learning_scene(LearningDiagram(f)).nodes]
[('X', 'space', 'R^3'), ('Y', 'categorical', '2 classes')]
"""

from __future__ import annotations

from typing import Any

from catlearn.cset import Variable
from catlearn.drawing.graphs import graph_title, presentation_scene
from catlearn.drawing.scene import Arrow, Law, Node, Scene, counted
from catlearn.errors import CatlearnError
from catlearn.learning import LearningDiagram
from catlearn.learning.weights import training_text, weight_text
from catlearn.models import (
    ArrayLabel,
    CategoricalLabel,
    DataLabel,
    ProductLabel,
    SpaceLabel,
)

#: Generated equations that a picture lists of its own accord.
MOST_IMPLIED = 24


def learning_scene(diagram: LearningDiagram, terms: tuple = (), implied: bool = False) -> Scene:
    """Return the scene of a learning diagram.

    Parameters
    ----------
    diagram
        The diagram.
    terms
        Equations to show instead of its soft ones.
    implied
        Whether to show, where it declares none, those that its loss takes by default.
    """
    nodes = tuple(_space_node(diagram, vertex) for vertex in diagram.vertices)
    arrows = tuple(_map_arrow(diagram, edge) for edge in diagram.edges)
    laws = [_definition(diagram, name) for name in diagram.strict_equations]
    if terms:
        laws += [_term_law(term) for term in terms]
    elif diagram.soft_equations or not implied:
        laws += [_soft_law(diagram, name) for name in diagram.soft_equations]
    else:
        laws += _implied(diagram)
    return Scene(graph_title(diagram), nodes, arrows, tuple(laws), key=True)


def pattern_scene(diagram: LearningDiagram) -> Scene:
    """Return the scene of a learning diagram some of whose labels are left open."""
    nodes = tuple(
        Node(vertex, note=str(label))
        if isinstance(label, Variable)
        else _space_node(diagram, vertex)
        for vertex, label in zip(diagram.vertices, diagram.attributes["space"], strict=True)
    )
    arrows = tuple(
        Arrow(edge, *diagram.ends(edge), note=str(label))
        if isinstance(label, Variable)
        else _map_arrow(diagram, edge)
        for edge, label in zip(diagram.edges, diagram.attributes["map"], strict=True)
    )
    return Scene(graph_title(diagram), nodes, arrows, presentation_scene(diagram).laws)


def _space_node(diagram: LearningDiagram, vertex: str) -> Node:
    label = diagram.space_label(vertex)
    if not isinstance(label, DataLabel):
        return Node(vertex, _space_kind(label), _space_note(label))
    columns = diagram.data.get(vertex, {})
    size = next((len(array) for array in columns.values()), None)
    note = "" if size is None else counted(size, "example")
    return Node(vertex, "dataset", note)


def _space_kind(label: SpaceLabel) -> str:
    kinds = {CategoricalLabel: "categorical", ProductLabel: "product"}
    return kinds.get(type(label), "space")


def _space_note(label: SpaceLabel) -> str:
    match label:
        case CategoricalLabel(n):
            return counted(n, "class", "classes")
        case ProductLabel(factors):
            return " × ".join(_space_note(factor) for factor in factors)
        case ArrayLabel():
            text = str(label).replace("(", "{").replace(")", "}")
            return text if label.dtype == "float32" else f"{text} {label.dtype}"
    return str(label)


def _map_arrow(diagram: LearningDiagram, edge: str) -> Arrow:
    source, target = diagram.ends(edge)
    label = diagram.map_label(edge)
    unbound = label.architecture is not None and not label.architecture.bound
    if label.kind == "operator":
        of = diagram.operators.get(edge, "nothing")
        return Arrow(edge, source, target, "defined", f"{label.architecture} of {of}")
    if edge in diagram.averages:
        return Arrow(edge, source, target, label.kind, f"average of {diagram.averages[edge][0]}")
    return Arrow(edge, source, target, label.kind, "unbound" if unbound else "")


def _cost_note(weight: float, divergence: Any, trains: Any, stop: str | None) -> str:
    name = str(divergence).replace("_", " ")
    return " · ".join([f"weight {weight_text(weight)}", name, *training_text(trains, stop)])


def _soft_law(diagram: LearningDiagram, name: str) -> Law:
    left, right = diagram.sides(name)
    trained = diagram.trains(name), diagram.stop(name)
    note = _cost_note(diagram.weight(name), diagram.divergence(name), *trained)
    return Law(name, left.edges, right.edges, left.source, note)


def _term_law(term: Any, note: str = "") -> Law:
    cost = _cost_note(term.weight, term.divergence, term.trains, term.stop)
    return Law(term.name, term.lhs.edges, term.rhs.edges, term.lhs.source, cost + note)


def _definition(diagram: LearningDiagram, name: str) -> Law:
    left, right = diagram.sides(name)
    return Law(name, left.edges, right.edges, left.source, "strict")


def _implied(diagram: LearningDiagram) -> list[Law]:
    """Return the equations that the loss takes by default, if there are few."""
    try:
        terms = diagram.select("all", bound=10 * MOST_IMPLIED).terms
    except CatlearnError:  # infinitely many, or too many: a picture says nothing of them
        return []
    if len(terms) > MOST_IMPLIED:
        return []
    return [_term_law(term, " · not declared") for term in terms]
