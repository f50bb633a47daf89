"""One run of a plan: its steps in order, at given parameters, on one batch.

A model that changes some of its variables when it is called (batch norm) hands them on to the
next step that calls it; a step that repeats another one for other equations finds them as that
one did, and changes nothing. Moving averages move before anything is evaluated.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from catlearn.learning.weights import Weight
from catlearn.lowering.arguments import batch_length
from catlearn.lowering.forms import Form
from catlearn.lowering.stacked import groups_of, put
from catlearn.lowering.steps import PlannedTerm, Step
from catlearn.lowering.variables import joined, owners_of, part_of
from catlearn.models import as_input

if TYPE_CHECKING:
    from catlearn.lowering.lowered import Lowered
    from catlearn.models import SpaceLabel


class Run:
    """The values of the steps so far, and the variables that they changed.

    Parameters
    ----------
    fn
        The lowered loss.
    params, state, batch, key, train
        As for calling it.
    """

    def __init__(
        self,
        fn: Lowered,
        params: Mapping[str, Any],
        state: Mapping[str, Any],
        batch: Mapping[str, Mapping[str, Any]],
        key: jax.Array | None,
        train: bool,
    ) -> None:
        self.fn, self.diagram, self.plan = fn, fn.diagram, fn.plan
        self.params, self.state, self.batch = params, state, batch
        self.key, self.train = key, train
        self.mutable: Mapping[str, Any] = state["mutable"]
        self.values: list[Any] = []
        # What steps found of the variables that calls change, where the steps' values are.
        self.found: dict[int, Any] = {}
        if train and self.diagram.averages:
            self._move_averages()

    def _move_averages(self) -> None:
        averages, fn = self.diagram.averages, self.fn
        parts = self.params, self.state["frozen"], self.state["mutable"]
        for edges, average in groups_of(self.state["mutable"]):
            if edges[0] not in averages:
                continue
            followed = owners_of(fn, [averages[edge][0] for edge in edges])
            latest = joined(*(part_of(part, followed) for part in parts))
            move = functools.partial(_moved, self._scale(averages[edges[0]][1]))
            self.mutable = put(self.mutable, edges, jax.tree.map(move, average, latest))

    def costs(self) -> Mapping[str, jax.Array]:
        """Return the mean cost of each equation, and run each step when it is first needed."""
        terms: dict[str, jax.Array] = {}
        for planned in self.plan.terms:
            for step in self.plan.steps[len(self.values) : max(planned.sides) + 1]:
                self.values.append(self._step(step))
            terms[planned.term.name] = self._cost(planned)
        return terms

    def _value(self, index: int) -> Any:
        return self._at(self.values, index)

    def _at(self, stored: Any, index: int) -> Any:
        """Return what is stored for a step."""
        return stored[index]

    def _cost(self, planned: PlannedTerm) -> jax.Array:
        with noting(functools.partial("in equation '{}'".format, planned.term.name)):
            return _mean_cost(planned, *map(self._value, planned.sides))

    def _step(self, step: Step) -> Any:
        inputs = list(map(self._value, step.inputs))
        match step.op:
            case "sample":
                return self.batch[step.data]
            case "project":
                label = self.diagram.space_label(step.vertex)
                return _read(label, step.form, inputs[0][step.column])
            case "apply":
                where = functools.partial(self._where, step)
                with jax.named_scope(step.name), noting(where):
                    return self._apply(step, inputs[0])
        return self._move(step, *inputs)

    def _move(self, step: Step, *inputs: Any) -> Any:
        """Return the value of a step that applies no map."""
        match step.op:
            case "one-hot":
                return as_input(self.diagram.space_label(step.vertex), inputs[0])
            case "tuple":
                return inputs
            case "scale":
                return _scaled_all(self._scale(step.scale), inputs[0])
            case "join":
                return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *inputs)
            case "part":
                start = sum(map(self._examples, step.together[: step.position]))
                stop = start + self._examples(step.name)
                return jax.tree.map(lambda leaf: leaf[start:stop], inputs[0])
        return inputs[0][step.position]

    def _examples(self, data: str) -> int:
        """Return how many examples the batch has of a data set."""
        return batch_length(self.plan, data, self.batch)

    def _apply(self, step: Step, x: Any) -> Any:
        edge, fn = step.name, self.fn
        owner = self.diagram.owner(edge)
        mutable = self.mutable.get(owner)
        if step.repeats is not None and edge in fn.changing:
            mutable = self._at(self.found, step.repeats)
        self.found[len(self.values)] = mutable
        params = _scaled_all(self._scale(step.scale), self.params.get(owner))
        parts = {"frozen": self.state["frozen"], "mutable": {owner: mutable}}
        variables = fn.variables(owner, {owner: params}, parts)
        key = None
        if edge in fn.random and self.key is not None:
            key = jax.random.fold_in(self.key, step.digest)
        y, changed = self._map(step, mutable)(variables, x, key)
        if changed is not None and step.repeats is None:
            self.mutable = put(self.mutable, [edge], changed)
        return y

    def _scale(self, scale: float) -> Any:
        """Return a scale of gradients or a decay, from the state if it may change."""
        if not isinstance(scale, Weight):
            return scale
        return scale.factor * self.state["weights"][self.plan.scales[scale.unscaled]]

    def _map(self, step: Step, mutable: Any = None) -> Callable[..., tuple[Any, Any]]:
        """Return the map of a step, ``(variables, x, key) -> (y, changed)``, run as asked."""
        edge, options = step.name, self.fn.options
        train = self.train and self.diagram.map_label(self.diagram.owner(edge)).kind != "frozen"
        run: Callable = functools.partial(_run, self.fn.architecture(edge), train)
        dtype = options.precision.get(edge)
        if dtype is not None:
            example = self.diagram.space_label(step.vertex).example(0, step.form)
            run = functools.partial(_run_in, dtype, run, _dtypes(example), mutable)
        return jax.checkpoint(run) if edge in options.remat else run

    def _where(self, step: Step) -> str:
        more = f", together with {', '.join(step.together[1:])}" if step.together else ""
        return f"in edge '{step.name}' on the path '{self.plan.path(step)}'{more}"


class noting:
    """Say where in the diagram an error arose, below its own message."""

    def __init__(self, note: Callable[[], str]) -> None:
        self.note = note

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is not None:
            error.add_note(self.note())


def _mean_cost(planned: PlannedTerm, prediction: Any, target: Any) -> jax.Array:
    if planned.term.stop == "lhs":
        prediction = jax.lax.stop_gradient(prediction)
    if planned.term.stop == "rhs":
        target = jax.lax.stop_gradient(target)
    return jnp.mean(planned.term.divergence(prediction, target))


def _moved(decay: Any, average: Any, latest: Any) -> Any:
    latest = jax.lax.stop_gradient(latest)
    if not jnp.issubdtype(average.dtype, jnp.inexact):
        return jnp.broadcast_to(latest, average.shape)
    if not isinstance(decay, int | float):
        decay = decay.astype(average.dtype)
    return decay * average + (1 - decay) * latest


@jax.custom_jvp
def _scaled(scale: Any, leaf: Any) -> Any:
    """Return the same number with its gradient multiplied, but none to what multiplies it."""
    return leaf


@_scaled.defjvp
def _scaled_jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
    (scale, leaf), (_, tangent) = primals, tangents
    return leaf, jnp.asarray(scale, tangent.dtype) * tangent


def _scaled_all(scale: Any, tree: Any) -> Any:
    """Return the same tree with its gradient multiplied by a number, or by a traced one."""
    if tree is None:
        return tree
    if isinstance(scale, float) and scale in (0.0, 1.0):
        return tree if scale else jax.lax.stop_gradient(tree)
    return jax.tree.map(
        lambda leaf: _scaled(scale, leaf) if jnp.issubdtype(leaf.dtype, jnp.inexact) else leaf, tree
    )


def _run(architecture: Any, train: bool, variables: Any, x: Any, key: Any) -> tuple[Any, Any]:
    return architecture.run(variables, x, key=key, train=train)


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


def _read(label: SpaceLabel, form: Form, value: Any) -> Any:
    """Turn a column of a batch into arrays of the space's own dtype."""
    if isinstance(form, tuple):
        parts = zip(label.factors, form, value, strict=True)  # type: ignore[attr-defined]
        return tuple(_read(*part) for part in parts)
    return jnp.asarray(value, label.example(0, form).dtype)
