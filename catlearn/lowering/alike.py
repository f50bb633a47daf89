"""What must agree where parts of a loss run as one: everything but names and values."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from catlearn.lowering.stacking import Stacking, stacking_of
from catlearn.lowering.variables import ends_of

if TYPE_CHECKING:
    from catlearn.lowering.lowered import Lowered
    from catlearn.lowering.plan import Plan


def stacking_for(fn: Lowered, plan: Plan) -> Stacking:
    """Find what runs as one; what hands on state, and averages, run by themselves."""
    options, diagram = fn.options, fn.diagram
    if options.stack < 2:
        return Stacking()
    architectures = {edge: fn.architecture(edge) for edge in plan.edges}
    terms = [planned.term for planned in plan.terms]

    def essence(edge: str) -> Hashable:
        architecture = architectures[edge]
        alone = edge in diagram.averages or edge in diagram.operators
        if architecture.stateful or not architecture.stackable or alone:
            return None
        return (
            architecture,
            diagram.map_label(edge).kind,
            *ends_of(fn, edge),
            edge in options.remat,
            options.precision.get(edge),
            edge in options.independent,
            options.groups.get(edge),
            _signature(diagram.starts.get(edge)),
        )

    def term_essence(position: int) -> Hashable:
        term = terms[position]
        schedule = getattr(term.weight, "schedule", None)
        space = diagram.space_label(term.target)
        return term.data, term.divergence, term.stop, space, schedule

    return stacking_of(
        plan,
        essence,
        term_essence,
        least=options.stack,
        random=[edge for edge, known in architectures.items() if known.accepts_key],
        in_order=[
            edge for edge, known in architectures.items() if known.stateful or not known.stackable
        ],
    )


def _signature(start: Any) -> Hashable:
    """The structure of starting values, which an architecture alone may not tell."""
    if start is None:
        return None
    leaves, structure = jax.tree.flatten(start)
    return structure, tuple((jnp.shape(leaf), str(jnp.result_type(leaf))) for leaf in leaves)
