"""One run of a plan: its steps in order, at given parameters, on one batch.

A run evaluates the program of a plan (:func:`~catlearn.category.evaluate`), an open hypergraph. Its
boxes are steps, or classes of isomorphic ones (:mod:`catlearn.lowering.stacking`): one call of
``jax.vmap``, over whatever the members do not have in common, their inputs, their variables, their
keys. Every value of a class has its members on a leading axis. All arguments are
:class:`~catlearn.lowering.stacked.Stacked` in here.

The next step that calls a model which changes some of its variables (batch norm) finds them as the
last call left them; a step that repeats another one for other equations finds them as that one
did, and changes nothing. Moving averages move before anything is evaluated.

Uses of an edge that changes state lie at different depths, in the order of the
plan, and a class lies at one depth. So a class calls each such edge once at most, and each call
finds what the one before it in the plan left: the state goes through the same values as without
stacking.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from itertools import starmap
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.category import evaluate
from catlearn.learning.weights import Weight
from catlearn.lowering.arguments import Options, batch_sizes
from catlearn.lowering.arrays import scaled_all
from catlearn.lowering.plan import Plan, Step
from catlearn.lowering.representations import Representation
from catlearn.lowering.stacked import Columns, Stacked, entry, group_text, take
from catlearn.lowering.storage import (
    Storage,
    architecture_of,
    changes_state,
    owners_of,
    part_of,
)
from catlearn.models import as_input
from catlearn.models.architectures import combined

if TYPE_CHECKING:
    from catlearn.lowering.streaming import Region
    from catlearn.models import AnySpace

Axis = int | None
"""Along which axis the members of a class lie; None if they have it in common."""


class Run:
    """The variables as steps change them, and what boxes of the plan's program make of values.

    Parameters
    ----------
    plan, storage
        What runs for a batch of its size, and how it is stored.
    options
        How maps are run.
    params, state
        Variables, stacked.
    batch, key, train
        As for calling a lowered loss.
    """

    def __init__(
        self,
        plan: Plan,
        storage: Storage,
        options: Options,
        params: Stacked,
        state: Mapping[str, Stacked],
        batch: Mapping[str, Mapping[str, Any]],
        key: jax.Array | None,
        train: bool,
    ) -> None:
        self.plan, self.diagram, self.storage, self.options = plan, plan.diagram, storage, options
        self.params, self.state = params, state
        self.batch = self.storage.columns.stacked(Columns.of(batch).stacked)
        self.key, self.train = key, train
        self.mutable = self.state["mutable"]
        self.boxes: tuple[tuple[Step, ...], ...] = self.plan.program.apex.operations  # type: ignore
        # What regions read, and the values of those that ran.
        self.read: dict[int, Any] = {}
        self.ran: dict[Region, dict[int, Any]] = {}
        # What boxes found of the variables that calls change.
        self.found: dict[int, Any] = {}
        if train and self.diagram.averages:
            self.mutable = averaged(plan, self.params, self.state)

    def costs(self) -> Stacked:
        """Return the mean cost of each equation."""
        costs = evaluate(self.plan.program, self._box, note=self._note)
        return Stacked(self.storage.terms, tuple(map(self._value, costs)))

    def _box(self, box: int, values: tuple[Any, ...]) -> tuple[Any]:
        """Run isomorphic steps as one."""
        steps, (ins, _) = self.boxes[box], self.plan.program.apex.sides
        read = dict(zip(ins[box], values, strict=True))
        streams = self.plan.streams
        if streams is not None and box in streams.together:
            self.read |= read
            return (_Pending(box, streams.together[box]),)
        first, read = steps[0], {wire: self._value(one) for wire, one in read.items()}
        if first.op == "sample":
            return (None,)  # columns are read where they are projected
        inputs = [
            self._stored(read, members)
            for members in zip(*(step.inputs for step in steps), strict=True)
        ]
        match first.op:
            case "project":
                columns = self.batch.gather([step.read for step in steps])
                return (_read(self.diagram.space_label(first.vertex), first.form, columns),)
            case "apply":
                with jax.named_scope(group_text([step.name for step in steps])):
                    return (self._apply(box, inputs[0]),)
            case "divergence":
                return (_mapped(functools.partial(_mean_cost, first), len(steps), *inputs),)
        return (_mapped(functools.partial(self._move, first), len(steps), *inputs),)

    def _stored(self, stored: Mapping[int, Any], steps: Sequence[int]) -> tuple[Any, Axis]:
        """Return what is stored for the steps that the members of a class read."""
        boxes, positions = zip(*(self.plan.places[i] for i in steps), strict=True)
        (box,) = set(boxes)
        whole, size = stored[box], len(self.boxes[box])
        if len(set(steps)) == 1:
            return (whole if size == 1 else entry(whole, positions[0])), None
        return take(whole, positions, size), 0

    def _value(self, value: Any) -> Any:
        """Return a value; that of a region's box is there when all that it reads is."""
        if not isinstance(value, _Pending):
            return value
        box, region = value
        if region not in self.ran:
            wires = {self.plan.places[i][0] for members in region.given for i in members}
            read = {wire: self._value(self.read[wire]) for wire in wires}
            arguments = [
                *(
                    self._variables(owners, scale, part_of(self.mutable, owners))
                    for owners, scale in region.variables
                ),
                *(self._stored(read, members) for members in region.given),
                *(self._keys(self.boxes[one]) for one in region.seeds),
            ]
            run = functools.partial(region.values, train=self.train)
            made = _mapped(run, region.size, *arguments)
            self.ran[region] = dict(zip(region.asked, made, strict=True))
        return self.ran[region][box]

    def _variables(self, owners: Sequence[str], scale: Any, mutable: Any) -> tuple[Any, Axis]:
        """Return the variables of the members of a class, whose gradients are multiplied."""
        params = scaled_all(self._scale(scale), part_of(self.params, owners))
        found = combined(params, part_of(self.state["frozen"], owners), mutable)
        return found, 0 if len(owners) > 1 else None

    def _move(self, step: Step, *inputs: Any) -> Any:
        """Return the value of a step that applies no map."""
        match step.op:
            case "one-hot":
                return as_input(self.diagram.space_label(step.vertex), inputs[0])
            case "tuple":
                return inputs
            case "scale":
                return scaled_all(self._scale(step.scale), inputs[0])
            case "join":
                return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *inputs)
            case "part":
                sizes = batch_sizes(self.plan, step.together, Columns(self.batch))
                before = [sizes[data] or 0 for data in step.together[: step.position + 1]]
                start, stop = sum(before[:-1]), sum(before)
                return jax.tree.map(lambda leaf: leaf[start:stop], inputs[0])
        return inputs[0][step.position]

    def _apply(self, box: int, x: tuple[Any, Axis]) -> Any:
        steps = self.boxes[box]
        first = steps[0]
        owners = owners_of(self.diagram, [step.name for step in steps])
        mutable = part_of(self.mutable, owners)
        if first.repeats is not None and changes_state(self.diagram, first.name):
            again = [step.repeats for step in steps if step.repeats is not None]
            mutable, _ = self._stored(self.found, again)
        self.found[box] = mutable
        variables = self._variables(owners, first.scale, mutable)
        run = self._map(box, mutable)
        y, changed = _mapped(run, len(steps), variables, x, self._keys(steps))
        if changed is not None and first.repeats is None:
            self.mutable = self.mutable.put(owners, changed)
        return y

    def _keys(self, steps: Sequence[Step]) -> tuple[Any, Axis]:
        """Return the random keys of calls, if they draw."""
        if self.key is None or not architecture_of(self.diagram, steps[0].name).accepts_key:
            return None, None
        if len(steps) == 1:
            return jax.random.fold_in(self.key, steps[0].digest), None
        digests = np.array([step.digest for step in steps], "uint32")
        return jax.vmap(jax.random.fold_in, (None, 0))(self.key, digests), 0

    def _scale(self, scale: float) -> Any:
        """Return a scale of gradients, from the state if it may change."""
        return _amount(self.plan, scale, self.state)

    def _map(self, box: int, mutable: Any) -> Callable[..., tuple[Any, Any]]:
        """Return the map of a box, ``(variables, x, key) -> (y, changed)``, run as asked."""
        step, options, streams = self.boxes[box][0], self.options, self.plan.streams
        edge = step.name
        train = self.train and self.diagram.map_label(self.diagram.owner(edge)).kind != "frozen"
        region = None if streams is None else streams.alone.get(box)
        what = architecture_of(self.diagram, edge) if region is None else region
        run: Callable = functools.partial(_run, what, train)
        dtype = options.precision.get(edge)
        if dtype is not None:
            example = self.diagram.space_label(step.vertex).example(0, step.form)
            run = functools.partial(_run_in, dtype, run, _dtypes(example), mutable)
        return jax.checkpoint(run) if edge in options.remat else run

    def _note(self, box: int) -> str:
        """Say where in the diagram an error arose."""
        steps = self.boxes[box]
        first, names = steps[0], group_text([step.name for step in steps])
        if first.op == "divergence":
            return f"in equation{'s' if len(steps) > 1 else ''} '{names}'"
        if first.op != "apply":
            return f"in the step {first.op} {names}".rstrip()
        where = f"in edge '{first.name}' on the path '{self.plan.path(first)}'"
        where += f", together with {', '.join(first.together[1:])}" if first.together else ""
        if first.name == steps[-1].name:
            return where
        named = ", ".join(f"'{step.name}'" for step in steps[:3])
        more = f" and {len(steps) - 3} more like them" if len(steps) > 3 else ""
        return f"{where}; run as one: {named}{more}"


def _mapped(run: Callable[..., Any], size: int, *arguments: tuple[Any, Axis]) -> Any:
    """Run a function for all members of a class at once."""
    values, axes = zip(*arguments, strict=True)
    if any(axis is not None for axis in axes):
        return jax.vmap(run, in_axes=axes, axis_size=size)(*values)
    once = run(*values)
    if size == 1:
        return once
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (size, *leaf.shape)), once)


def _mean_cost(term: Step, prediction: Any, target: Any) -> jax.Array:
    assert term.divergence is not None
    if term.stop == "lhs":
        prediction = jax.lax.stop_gradient(prediction)
    if term.stop == "rhs":
        target = jax.lax.stop_gradient(target)
    return jnp.mean(term.divergence(prediction, target))


def averaged(plan: Plan, params: Stacked, state: Mapping[str, Stacked]) -> Stacked:
    """Return the mutable state after moving averages have moved once."""
    averages, mutable = plan.diagram.averages, state["mutable"]
    parts = params, state["frozen"], mutable
    for edges, average in state["mutable"].groups():
        if edges[0] not in averages:
            continue
        followed = owners_of(plan.diagram, [averages[edge][0] for edge in edges])
        latest = combined(*(part_of(part, followed) for part in parts))
        move = functools.partial(_moved, _amount(plan, averages[edges[0]][1], state))
        mutable = mutable.put(edges, jax.tree.map(move, average, latest))
    return mutable


def _amount(plan: Plan, amount: Any, state: Mapping[str, Stacked]) -> Any:
    """Return a number that a diagram gives, from the state if it may change."""
    if not isinstance(amount, Weight):
        return amount
    return amount.factor * state["weights"][plan.scales[amount.unscaled]]


def _moved(decay: Any, average: Any, latest: Any) -> Any:
    latest = jax.lax.stop_gradient(latest)
    if not jnp.issubdtype(average.dtype, jnp.inexact):
        return jnp.broadcast_to(latest, average.shape)
    if not isinstance(decay, int | float):
        decay = decay.astype(average.dtype)
    return decay * average + (1 - decay) * latest


def _run(what: Any, train: bool, variables: Any, x: Any, key: Any) -> tuple[Any, Any]:
    return what.run(variables, x, key=key, train=train)


class _Pending(NamedTuple):
    """The value of a box that runs with others of its region."""

    box: int
    region: Region


def _run_in(
    dtype: Any, run: Callable, dtypes: Any, mutable: Any, variables: Any, x: Any, key: Any
) -> tuple[Any, Any]:
    """Run a map in another dtype, and return what it makes in its own."""
    y, changed = run(_cast(dtype, variables), _cast(dtype, x), key)
    y = jax.tree.map(lambda leaf, own: leaf.astype(own), y, dtypes)
    if changed is not None:
        changed = jax.tree.map(lambda new, old: new.astype(old.dtype), changed, mutable)
    return y, changed


def _cast(dtype: Any, tree: Any) -> Any:
    return jax.tree.map(
        lambda leaf: leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf, tree
    )


def _dtypes(example: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.dtype, example)


def _read(label: AnySpace, form: Representation, value: Any) -> Any:
    """Turn a column of a batch into arrays of the space's own dtype."""
    if isinstance(form, tuple):
        parts = zip(label.factors, form, value, strict=True)  # type: ignore[attr-defined]
        return tuple(starmap(_read, parts))
    return jnp.asarray(value, label.example(0, form).dtype)
