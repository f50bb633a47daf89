"""Evaluation: the functor out of the free category of a diagram, at given parameters.

For parameters theta each path p computes a function [p], functorially: the empty path is the
identity and ``[p >> q]`` is ``[q]`` after ``[p]`` (Theory, section 2). Training looks for a
theta at which this functor sends the two sides of each equation to functions that agree on the
data.

A sample of a data set is the mapping from its projections to arrays, as in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from catlearn.category import Functions, Functor
from catlearn.models import FactorMap, ProjectionMap, as_input

if TYPE_CHECKING:
    from catlearn.lowering.lowered import Lowered


def evaluation(fn: Lowered, params: Mapping[str, Any], state: Mapping[str, Any]) -> Functor:
    """Return the functor [-]; see :meth:`Lowered.evaluation`."""
    diagram = fn.diagram
    arrows = {
        edge: _function(fn, edge, params, state)
        for edge in diagram.edges
        if diagram.map_label(edge).kind != "defined"
    }
    return Functor(diagram, Functions(), arrows=arrows)


def _function(
    fn: Lowered, edge: str, params: Mapping[str, Any], state: Mapping[str, Any]
) -> Callable[[Any], Any]:
    """Return the function of an edge that is not defined by others."""
    diagram = fn.diagram
    label = diagram.map_label(edge)
    if isinstance(label, ProjectionMap):
        return itemgetter(diagram.projections[edge][1])
    if isinstance(label, FactorMap):
        return itemgetter(label.index)
    space = diagram.space_label(diagram.source(edge))
    architecture, variables = fn.architecture(edge), fn.variables(edge, params, state)
    return lambda value: architecture.apply(variables, as_input(space, value))
