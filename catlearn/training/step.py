"""One step of training, compiled: gradient, update, and a guard against numbers gone bad.

The step never lets a value that is not finite into the parameters. The first step whose costs
or new parameters are not finite is recorded and changes nothing, nor does any step after it,
so the host may look as rarely as it likes and still find the last good variables.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from catlearn.lowering.stacked import Stacked
from catlearn.training.gradients import gradient_of

if TYPE_CHECKING:
    from catlearn.lowering import Lowered
    from catlearn.training.sharding import Sharding

GOOD = -1
"""The value of ``Carry.failed`` while every step has been finite."""


class Carry(NamedTuple):
    """What a step changes; its buffers are donated to the next step.

    Parameters
    ----------
    params
        The trainable parameters.
    optimizer
        The optimizer's state.
    mutable
        The mutable part of the loss's state.
    step
        How many steps have been taken, an int32 scalar.
    failed
        The first step that was not finite, or ``GOOD``.
    """

    params: Any
    optimizer: Any
    mutable: Any
    step: jax.Array
    failed: jax.Array


def start(optimizer: optax.GradientTransformation, params: Any, mutable: Any) -> Carry:
    """Return the carry before the first step, on buffers of its own.

    Some optimizers keep the parameters themselves in their state, and one buffer cannot be
    donated twice; hence the copy.
    """
    carry = Carry(params, optimizer.init(params), mutable, jnp.int32(0), jnp.int32(GOOD))
    return jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), carry)


def compiled_step(
    fn: Lowered,
    optimizer: optax.GradientTransformation,
    *,
    accumulate: int = 1,
    steps: int = 1,
    sharding: Sharding | None = None,
    carry: Carry | None = None,
) -> Callable[..., tuple[Carry, jax.Array]]:
    """Return the compiled step of a loss and an optimizer.

    Training the same function again with the same optimizer compiles nothing.

    Parameters
    ----------
    fn
        The lowered loss.
    optimizer
        The optimizer.
    accumulate
        Into how many parts each batch is cut.
    steps
        How many steps are taken in one call, on batches with an axis in front for them.
    sharding, carry
        How the run is spread over devices, and a carry of it.

    Returns
    -------
    callable
        ``step(carry, state, batch, key) -> (carry, row)``, where ``row`` is the value followed
        by the cost of each equation, and the evaluation key is ``fold_in(key, carry.step)``. For
        several steps ``step(carry, state, batches, batch, key) -> (carry, rows)``, where
        ``batch`` has the data sets that are the same in each.
    """
    name = ("step", optimizer, accumulate, steps, sharding)
    if name not in fn.compiled:
        step = _step(fn, optimizer, accumulate)
        places: dict[str, Any] = {}
        if sharding is not None and carry is not None:
            places = {"out_shardings": (sharding.carry(carry), sharding.whole)}
        program = step if steps == 1 else _repeated(step, steps)
        fn.compiled[name] = jax.jit(program, donate_argnums=0, **places)
    return fn.compiled[name]


def _repeated(step: Callable[..., Any], length: int) -> Callable[..., Any]:
    def steps(
        carry: Carry, state: Any, batches: Any, batch: Any, key: jax.Array
    ) -> tuple[Carry, jax.Array]:
        return jax.lax.scan(
            lambda carry, one: step(carry, state, {**batch, **one}, key), carry, batches, length
        )

    return steps


def _step(
    fn: Lowered, optimizer: optax.GradientTransformation, accumulate: int
) -> Callable[..., Any]:
    transform = optax.with_extra_args_support(optimizer)
    equations = [term.name for term in fn.loss.equations]
    gradient_at = gradient_of(fn, accumulate)

    def step(carry: Carry, state: Any, batch: Any, key: jax.Array) -> tuple[Carry, jax.Array]:
        weights = fn.reweighted(state["weights"], carry.step)
        state = {**state, "mutable": carry.mutable, "weights": weights}
        key = jax.random.fold_in(key, carry.step)
        (value, aux), gradient = gradient_at(carry.params, state, batch, key)
        updates, optimizer_state = transform.update(
            gradient,
            carry.optimizer,
            carry.params,
            value=value,
            grad=gradient,
            value_fn=lambda params: fn(params, state, batch, key)[0],
        )
        params = optax.apply_updates(carry.params, updates)
        row = cost_row(value, aux.terms, equations)
        finite = _all_finite((row, params))
        good = finite & (carry.failed == GOOD)
        failed = jnp.where((carry.failed == GOOD) & ~finite, carry.step, carry.failed)
        old = (carry.params, carry.optimizer, carry.mutable)
        new = (params, optimizer_state, aux.state["mutable"])
        params, optimizer_state, mutable = jax.tree.map(
            lambda after, before: jnp.where(good, after, before), new, old
        )
        return Carry(params, optimizer_state, mutable, carry.step + 1, failed), row

    return step


def cost_row(value: jax.Array, terms: Any, equations: Sequence[str]) -> jax.Array:
    """Return the value and the cost of each equation as one array."""
    if isinstance(terms, Stacked):
        return jnp.concatenate([value[None], terms.vector()])
    return jnp.stack([value, *(terms[name] for name in equations)])


def _all_finite(tree: Any) -> jax.Array:
    checks = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)]
    return functools.reduce(operator.and_, checks)
