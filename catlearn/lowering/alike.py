"""What must agree where parts of a loss run as one: everything but names and values.

Of an edge that is made of another one, an operator on it or a moving average of it, the other
ones must be alike too, so that their variables lie together. An edge *hands on* what its calls
change if it is trained and has such variables, as batch norm does: frozen ones, and averages, run
as in evaluation, and there nothing changes.
"""

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


def hands_on(fn: Lowered, edge: str) -> bool:
    """Whether a call of an edge in training changes what the next one finds."""
    return fn.architecture(edge).stateful and fn.diagram.map_label(edge).kind != "frozen"


def stacking_for(fn: Lowered, plan: Plan) -> Stacking:
    """Find what runs as one."""
    options, diagram = fn.options, fn.diagram
    if options.stack < 2:
        return Stacking.alone(len(plan.steps))
    schedules = {one.name: getattr(one.weight, "schedule", None) for one in fn.loss.equations}

    def essence(edge: str) -> Hashable:
        architecture = fn.architecture(edge)
        if not architecture.stackable:
            return None
        _, decay = diagram.averages.get(edge, (edge, None))
        return (
            architecture,
            diagram.map_label(edge).kind,
            decay,
            *ends_of(fn, edge),
            edge in options.remat,
            options.precision.get(edge),
            edge in options.independent,
            options.groups.get(edge),
            _signature(diagram.starts.get(edge)),
        )

    def term_essence(position: int) -> Hashable:
        term = plan.terms[position]
        space = diagram.space_label(term.vertex)
        return term.data, term.divergence, term.stop, space, schedules[term.name]

    return stacking_of(
        plan,
        essence,
        term_essence,
        least=options.stack,
        made_of={**diagram.operators, **{one: of for one, (of, _) in diagram.averages.items()}},
        random=[edge for edge in plan.edges if fn.architecture(edge).accepts_key],
        in_order=[
            edge for edge in plan.edges if hands_on(fn, edge) or not fn.architecture(edge).stackable
        ],
    )


def _signature(start: Any) -> Hashable:
    """The structure of starting values, which an architecture alone may not tell."""
    if start is None:
        return None
    leaves, structure = jax.tree.flatten(start)
    return structure, tuple((jnp.shape(leaf), str(jnp.result_type(leaf))) for leaf in leaves)
