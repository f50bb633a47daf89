"""A run under way: the variables on the device, and the costs that were fetched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.errors import TrainingDiverged
from catlearn.training.history import History
from catlearn.training.result import Result
from catlearn.training.step import GOOD, Carry

if TYPE_CHECKING:
    from catlearn.lowering import Lowered
    from catlearn.training.sources import Sources

Callback = Callable[[int, dict[str, float]], bool | None]
Step = Callable[..., tuple[Carry, jax.Array]]


class Run:
    """The variables of a run, and its costs up to the last time they were fetched.

    Parameters
    ----------
    fn
        The lowered loss.
    step
        The compiled step.
    key
        The random key of the run.
    sources
        Where batches come from.
    state
        The state of the loss; its mutable part is in the carry.
    carry
        The variables.
    rows
        The costs of the steps so far.
    """

    def __init__(
        self,
        fn: Lowered,
        step: Step,
        key: jax.Array,
        sources: Sources,
        state: Mapping[str, Any],
        carry: Carry,
        rows: np.ndarray,
    ) -> None:
        self.fn = fn
        self.step = step
        self.key = key
        self.sources = sources
        self.constant = {name: part for name, part in state.items() if name != "mutable"}
        self.carry = carry
        self.rows = rows
        self.pending: list[jax.Array] = []
        self.steps = len(rows)
        self.stopped = False
        self.equations = tuple(term.name for term in fn.loss.equations)

    def advance(self) -> None:
        """Take one step without waiting for it."""
        batch = self.sources.take(self.steps)
        self.carry, row = self.step(self.carry, self.constant, batch, self.key)
        self.pending.append(row)
        self.steps += 1

    def collect(self) -> None:
        """Fetch the costs of the steps since the last time, and check that all went well."""
        if not self.pending:
            return
        fetched = np.stack(jax.device_get(self.pending))
        self.pending = []
        self.rows = np.concatenate([self.rows.astype(fetched.dtype), fetched])
        failed = int(self.carry.failed)
        if failed != GOOD:
            self._diverge(failed)

    def report(self, callback: Callback | None) -> bool:
        """Tell the callback the last costs; return whether it wants to stop."""
        if callback is None:
            return False
        costs = dict(zip(self.equations, self.rows[-1, 1:].tolist(), strict=True))
        return callback(self.steps, costs) is True

    def result(self, *, interrupted: bool = False) -> Result:
        """Return the result so far."""
        carry = self.carry
        return Result(
            fn=self.fn,
            params=carry.params,
            state={**self.constant, "mutable": carry.mutable},
            optimizer_state=carry.optimizer,
            history=History(self.equations, self.rows),
            steps=self.steps,
            data=self.sources.data,
            interrupted=interrupted,
        )

    def _diverge(self, failed: int) -> None:
        """Go back to before a step that was not finite, and say what happened there."""
        costs = self.rows[failed, 1:]
        self.rows, self.steps = self.rows[:failed], failed
        # Whatever happened after the failed step changed nothing but these two.
        self.carry = self.carry._replace(step=jnp.int32(failed), failed=jnp.int32(GOOD))
        bad = [
            f"the cost of equation '{name}' is {cost}"
            for name, cost in zip(self.equations, costs, strict=True)
            if not np.isfinite(cost)
        ]
        raise TrainingDiverged(f"step {failed}: {'; '.join(bad or self._bad_gradients(failed))}")

    def _bad_gradients(self, failed: int) -> list[str]:
        """Say through which equation an update that is not finite came; costs were finite."""
        batch = self.sources.again(failed)
        if batch is None:
            return ["the update is not finite, though all costs are"]
        key = jax.random.fold_in(self.key, failed)
        state = {**self.constant, "mutable": self.carry.mutable}

        def costs(params: Any) -> Mapping[str, jax.Array]:
            return self.fn(params, state, batch, key)[1].terms

        jacobian = jax.jit(jax.jacrev(costs))(self.carry.params)
        bad = [
            f"the gradient of equation '{name}' with respect to edge '{edge}' is not finite"
            for name in self.equations
            for edge, tree in jacobian[name].items()
            if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(tree))
        ]
        return bad or ["the optimizer's update is not finite, though all gradients are"]
