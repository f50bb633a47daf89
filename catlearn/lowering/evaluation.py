"""Evaluation: the functor out of the free category of a diagram, at given parameters.

For parameters theta each path p computes a function [p], functorially: the empty path is the
identity and ``[p >> q]`` is ``[q]`` after ``[p]`` (Theory, section 2). Training looks for a
theta at which this functor sends the two sides of each equation to functions that agree on the
data.

A sample of a data set is the mapping from its projections to arrays, as in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from catlearn.category import Functions, Functor
from catlearn.models import as_input

if TYPE_CHECKING:
    from catlearn.category import Path
    from catlearn.lowering.lowered import Lowered

Arrow = Callable[[Any], Any]


def evaluation(fn: Lowered, params: Mapping[str, Any], state: Mapping[str, Any]) -> Functor:
    """Return the functor [-]; see :meth:`Lowered.evaluation`."""
    arrows: dict[str, Arrow] = {}
    for edge in fn.diagram.edges:
        arrows[edge] = _arrow(fn, edge, arrows, params, state)
    return Functor(fn.diagram, Functions(), arrows=arrows)


def _arrow(
    fn: Lowered,
    edge: str,
    arrows: Mapping[str, Arrow],
    params: Mapping[str, Any],
    state: Mapping[str, Any],
) -> Arrow:
    """Return the function of one edge; a defined one follows the functions of its definition."""
    diagram = fn.diagram
    label = diagram.map_label(edge)
    if label.kind == "projection":
        column = diagram.projections[edge][1]
        return lambda sample: sample[column]
    if label.kind == "factor":
        return lambda value: value[label.index]
    if label.kind == "defined":
        definition = diagram.definitions[edge]
        if not definition.is_pairing:
            return lambda value: _along(definition.paths[0], arrows, value)
        return lambda value: tuple(_along(path, arrows, value) for path in definition.paths)
    space = diagram.space_label(diagram.source(edge))
    architecture, variables = fn.architecture(edge), fn.variables(edge, params, state)
    return lambda value: architecture.apply(variables, as_input(space, value))


def _along(path: Path, arrows: Mapping[str, Arrow], value: Any) -> Any:
    for edge in path.edges:
        value = arrows[edge](value)
    return value
