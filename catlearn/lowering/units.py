"""One run of a plan of which some parts run as one.

A class of isomorphic steps (:mod:`catlearn.lowering.stacking`) is one call of ``jax.vmap``, over
whatever its members do not have in common: their inputs, their variables, their keys. Every
value of a class carries the members on a leading axis. All other steps run as they do without
stacking, on slices.

Uses of an edge that hands on what its calls change lie at different depths, in the order of the
plan, and a class lies at one depth. So a class calls each such edge once at most, and each call
finds what the one before it in the plan left: the state goes through the same values as without
stacking.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.lowering.run import Run, _mean_cost, _read, _scaled_all, noting
from catlearn.lowering.stacked import Stacked, entry, gather, group_text, put, take
from catlearn.lowering.steps import PlannedTerm, Step
from catlearn.lowering.variables import joined, owners_of, part_of

Axis = int | None
"""Along which axis the members of a class lie; None if they have it in common."""


class StackedRun(Run):
    """The values of the units of a plan, class by class."""

    def costs(self) -> Mapping[str, jax.Array]:
        """Return the mean cost of each equation; those of a class in one array."""
        stacking = self.plan.stacking
        self.places = stacking.unit_of()
        for unit in stacking.units:
            steps = [self.plan.steps[i] for i in unit]
            self.values.append(self._step(steps[0]) if len(steps) == 1 else self._class(steps))
        layout = self.fn.storage.terms
        if layout is None:
            return {planned.term.name: self._cost(planned) for planned in self.plan.terms}
        planned = {planned.term.name: planned for planned in self.plan.terms}
        return Stacked(layout, tuple(self._group([planned[n] for n in g]) for g in layout.groups))

    def _at(self, stored: Any, index: int) -> Any:
        unit, position = self.places[index]
        found = stored[unit]
        return found if len(self.plan.stacking.units[unit]) == 1 else entry(found, position)

    def _all_at(self, stored: Any, steps: Sequence[int]) -> tuple[Any, Axis]:
        """Return what is stored for the steps that the members of a class read."""
        if len(set(steps)) == 1:
            return self._at(stored, steps[0]), None
        units, positions = zip(*(self.places[i] for i in steps), strict=True)
        (unit,) = set(units)
        return take(stored[unit], positions, len(self.plan.stacking.units[unit])), 0

    def _values(self, steps: Sequence[int]) -> tuple[Any, Axis]:
        return self._all_at(self.values, steps)

    def _group(self, group: Sequence[PlannedTerm]) -> jax.Array:
        if len(group) == 1:
            return self._cost(group[0])
        names = group_text([planned.term.name for planned in group])
        sides = zip(*(planned.sides for planned in group), strict=True)
        with noting(functools.partial("in equations '{}'".format, names)):
            cost = functools.partial(_mean_cost, group[0])
            return _mapped(cost, len(group), *map(self._values, sides))

    def _class(self, steps: Sequence[Step]) -> Any:
        """Run isomorphic steps as one."""
        first = steps[0]
        if first.op == "project":
            columns = gather(self.batch[first.data], [step.column for step in steps])
            return _read(self.diagram.space_label(first.vertex), first.form, columns)
        inputs = map(self._values, zip(*(step.inputs for step in steps), strict=True))
        one = functools.partial(self._move, first)
        if first.op != "apply":
            return _mapped(one, len(steps), *inputs)
        names = group_text([step.name for step in steps])
        with jax.named_scope(names), noting(functools.partial(self._where_all, steps)):
            return self._apply_all(steps, *inputs)

    def _apply_all(self, steps: Sequence[Step], x: tuple[Any, Axis]) -> Any:
        first, fn = steps[0], self.fn
        owners = owners_of(fn, [step.name for step in steps])
        mutable = part_of(self.mutable, owners)
        if first.repeats is not None and first.name in fn.changing:
            again = [step.repeats for step in steps if step.repeats is not None]
            mutable, _ = self._all_at(self.found, again)
        self.found[len(self.values)] = mutable
        params = _scaled_all(self._scale(first.scale), part_of(self.params, owners))
        variables = joined(params, part_of(self.state["frozen"], owners), mutable)
        key: tuple[Any, Axis] = None, None
        if first.name in fn.random and self.key is not None:
            digests = np.array([step.digest for step in steps], "uint32")
            key = jax.vmap(jax.random.fold_in, (None, 0))(self.key, digests), 0
        axis = 0 if len(owners) > 1 else None
        y, changed = _mapped(self._map(first, mutable), len(steps), (variables, axis), x, key)
        if changed is not None and first.repeats is None:
            self.mutable = put(self.mutable, owners, changed)
        return y

    def _where_all(self, steps: Sequence[Step]) -> str:
        named = ", ".join(f"'{step.name}'" for step in steps[:3])
        more = f" and {len(steps) - 3} more like them" if len(steps) > 3 else ""
        where = self._where(steps[0])
        return (
            f"{where}" if steps[0].name == steps[-1].name else f"{where}; run as one: {named}{more}"
        )


def _mapped(run: Callable[..., Any], size: int, *arguments: tuple[Any, Axis]) -> Any:
    """Run a function for all members of a class at once."""
    values, axes = zip(*arguments, strict=True)
    if any(axis is not None for axis in axes):
        return jax.vmap(run, in_axes=axes, axis_size=size)(*values)
    once = run(*values)
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (size, *leaf.shape)), once)
