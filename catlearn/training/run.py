"""A run under way: the variables on the device, and the costs that were fetched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from catlearn.errors import TrainingDiverged
from catlearn.training.columns import Batch
from catlearn.training.distributed import Processes
from catlearn.training.history import History
from catlearn.training.result import Result
from catlearn.training.sharding import Sharding
from catlearn.training.step import GOOD, Carry, compiled_step, cost_row

if TYPE_CHECKING:
    from catlearn.lowering import Lowered
    from catlearn.training.sources import Sources

Callback = Callable[[int, dict[str, float]], bool | None]


@dataclass(frozen=True)
class Manner:
    """How steps are taken, which changes nothing but rounding.

    Parameters
    ----------
    accumulate
        Into how many parts each batch is cut.
    scan_steps
        How many steps are taken in one compiled call.
    sharding
        How the run is spread over devices.
    """

    accumulate: int = 1
    scan_steps: int = 1
    sharding: Sharding | None = None


class Run:
    """The variables of a run, and its costs up to the last time they were fetched.

    Parameters
    ----------
    fn
        The lowered loss.
    optimizer
        The optimizer.
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
    manner
        How steps are taken.
    """

    def __init__(
        self,
        fn: Lowered,
        optimizer: optax.GradientTransformation,
        key: jax.Array,
        sources: Sources,
        state: Mapping[str, Any],
        carry: Carry,
        rows: np.ndarray,
        manner: Manner,
    ) -> None:
        self.fn = fn
        self.key = key
        self.sources = sources
        self.constant = {name: part for name, part in state.items() if name != "mutable"}
        self.sharding = manner.sharding
        self.processes = Processes.of(manner.sharding)
        options: dict[str, Any] = {"accumulate": manner.accumulate}
        if self.sharding is not None:
            options |= {"sharding": self.sharding, "carry": carry}
            carry = self.sharding.place(carry, self.sharding.carry(carry))
            self.constant = self.sharding.constant(self.constant)
            self.key = self.sharding.place(key)
        self.step = compiled_step(fn, optimizer, **options)
        self.count = manner.scan_steps
        if self.count > 1:
            self.many = compiled_step(fn, optimizer, steps=self.count, **options)
        self.carry = carry
        self.rows = rows
        self.pending: list[jax.Array] = []
        self.steps = len(rows)
        self.stopped = False
        self.equations = tuple(term.name for term in fn.loss.equations)
        # Columns that are the same in every step, as they were taken and as they were placed.
        self.placed: dict[str, tuple[Any, Any]] = {}

    def advance(self, limit: int) -> None:
        """Take one step, or as many as are taken at once, without waiting for them."""
        if self.count == 1 or self.steps + self.count > limit:
            batch = self._ready(self.sources.take(self.steps))
            carry, costs = self.step(self.carry, self.constant, batch, self.key)
            self.steps += 1
        else:
            same, batches = self.sources.take_many(range(self.steps, self.steps + self.count))
            if self.sharding is not None:
                batches = self.sharding.split(batches, lead=1)
            carry, costs = self.many(
                self.carry, self.constant, batches, self._ready(same), self.key
            )
            self.steps += self.count
        self.carry = carry
        self.pending.append(costs)

    def _ready(self, batch: Batch) -> Batch:
        """Store a batch as the loss does, on the devices that need it."""
        if self.sharding is None and not self.fn.storage.columns:
            return batch
        ready: Batch = {}
        for name, columns in batch.items():
            taken, placed = self.placed.get(name, (None, None))
            if taken is not columns:
                placed = self.fn.storage.pack_batch({name: columns})
                if self.sharding is not None:
                    placed = self.sharding.split(placed)
                self.placed[name] = (columns, placed)
            ready.update(placed)
        return ready

    def collect(self) -> None:
        """Fetch the costs of the steps since the last time, and check that all went well."""
        if not self.pending:
            return
        fetched = np.concatenate([np.atleast_2d(rows) for rows in jax.device_get(self.pending)])
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
        carry, constant = self.processes.on_host((self.carry, self.constant))
        return Result(
            fn=self.fn,
            params=carry.params,
            state={**constant, "mutable": carry.mutable},
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
        step, good = jnp.int32(failed), jnp.int32(GOOD)
        if self.sharding is not None:
            step, good = self.sharding.place((step, good))
        self.carry = self.carry._replace(step=step, failed=good)
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

        @jax.jit
        @jax.grad
        def slopes(params: Any, chosen: Any) -> jax.Array:
            value, aux = self.fn(params, state, batch, key)
            return cost_row(value, aux.terms, self.equations)[1:] @ chosen

        # One equation after the other: all gradients at once may not fit into memory.
        bad = [
            f"the gradient of equation '{name}' with respect to edge '{edge}' is not finite"
            for name, chosen in zip(
                self.equations, np.eye(len(self.equations), dtype="float32"), strict=True
            )
            for edge, tree in jax.device_get(slopes(self.carry.params, chosen)).items()
            if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(tree))
        ]
        return bad or ["the optimizer's update is not finite, though all gradients are"]
