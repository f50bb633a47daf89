"""Weights of equations, and scales of gradients that may change: numbers by name, and their use.

They are arguments of the compiled program, so that they change without compiling again; see
:class:`~catlearn.Weight`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from catlearn.errors import UnknownName, did_you_mean
from catlearn.learning.weights import Weight
from catlearn.lowering.plan import Plan
from catlearn.lowering.stacked import Layout, Stacked


class Weighting:
    """The weights of a plan's equations, and the scales that may change.

    Parameters
    ----------
    plan
        The plan.
    layout
        How they are stored.
    """

    def __init__(self, plan: Plan, layout: Layout) -> None:
        aggregator = plan.loss.aggregator
        weights = {one.name: Weight.of(one.weight) for one in plan.loss.equations}
        self.given = weights | {name: scale for scale, name in plan.scales.items()}
        self.layout = layout
        # Python's own max, which the symbolic side uses, does not trace.
        self.combine = jnp.maximum if aggregator.name == "max" else aggregator.combine
        self.whole = {"sum": jnp.sum, "max": jnp.max}.get(aggregator.name)
        self.following = {
            name: w
            for name, w in self.given.items()
            if isinstance(w, Weight) and w.schedule is not None
        }

    def at(self, step: Any, values: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Return all of them at a step; ``values`` are new ones of those that have a name.

        Raises
        ------
        UnknownName
            If none has one of the names.
        """
        named = {w.name for w in self.given.values() if isinstance(w, Weight)} - {None}
        unknown = [name for name in values or {} if name not in named]
        if unknown:
            message = f"no weight is called {', '.join(map(repr, unknown))}"
            raise UnknownName(f"{message}; {did_you_mean(unknown[0], sorted(map(str, named)))}")
        numbers = {
            name: w.at(step, values) if isinstance(w, Weight) else w
            for name, w in self.given.items()
        }
        groups = ([numbers[name] for name in group] for group in self.layout.groups)
        parts = (group if len(group) > 1 else group[0] for group in groups)
        return Stacked(self.layout, tuple(jnp.asarray(part, float) for part in parts)).plain

    def scheduled(self, step: Any) -> dict[str, Any]:
        """Return those that follow a schedule, at a step."""
        return {name: jnp.asarray(w.at(step), float) for name, w in self.following.items()}

    def renewed(self, weights: Mapping[str, Any], step: Any) -> Mapping[str, Any]:
        """Return weights of which those that follow a schedule are the ones of a step."""
        given, latest = Stacked.of(weights), self.scheduled(step)
        parts = (
            # Equations that are weighted together follow one schedule.
            jnp.broadcast_to(latest[names[0]], jnp.shape(part)) if names[0] in latest else part
            for names, part in given.groups()
        )
        return Stacked(given.layout, tuple(parts)).plain

    def total(self, terms: Mapping[str, Any], weights: Mapping[str, Any]) -> jax.Array:
        """Return the value of the loss at costs of its equations."""
        given = Stacked.of(weights)
        groups = Stacked.of(terms).groups()
        weighted = [self._combined(given.gather(names) * cost) for names, cost in groups]
        return functools.reduce(self.combine, weighted) if weighted else jnp.zeros(())

    def _combined(self, weighted: jax.Array) -> jax.Array:
        """Combine the costs of a class; in halves, where only the binary operation is known."""
        if weighted.ndim == 0:
            return weighted
        if self.whole is not None:
            return self.whole(weighted)
        while len(weighted) > 1:
            half = len(weighted) // 2
            rest = weighted[2 * half :]
            combined = self.combine(weighted[:half], weighted[half : 2 * half])
            weighted = jnp.concatenate([combined, rest])
        return weighted[0]
