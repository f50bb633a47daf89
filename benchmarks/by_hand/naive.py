"""Losses with every path of every equation evaluated by itself, as no expert would write them."""

from typing import Any

import jax
import jax.numpy as jnp

from .common import Loss, total


def naive(fn: Any) -> Loss:
    """Return the loss of a lowered one, path by path."""

    def along(path: Any, trains: Any, params: Any, state: Any, batch: Any) -> Any:
        first, *edges = path.edges
        data, column = fn.diagram.projections[first]
        value = batch[data][column]
        for edge in edges:
            variables = fn.variables(edge, params, state)
            if trains is not None and edge in params and edge not in trains:
                variables = jax.lax.stop_gradient(variables)
            value = fn.architecture(edge).apply(variables, value)
        return value

    def loss(params: Any, state: Any, batch: Any, key: Any = None) -> Any:
        terms = {}
        for term in fn.loss.equations:
            sides = (
                along(path, term.trains, params, state, batch) for path in (term.lhs, term.rhs)
            )
            terms[term.name] = jnp.mean(term.divergence(*sides))
        return total(terms, state)

    return loss
