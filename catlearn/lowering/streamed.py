"""Folds as JAX functions: one loop over blocks, and a reverse pass that keeps no intermediate.

The value is one ``lax.scan`` over blocks, with the state as what is carried. For gradients nothing
but the inputs and the last state is kept: the cotangents of the state are found at references that
*move* (each is read from the moved accumulators before it), and a second loop forms each block's
contributions again, at the references of the last state, and takes their vector-Jacobian product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.arrays.programs import Program, programmed
from catlearn.models.circuits import LoweredCircuit, functions_of
from catlearn.streams import Fold


class LoweredFold:
    """A fold as a pure function ``fn(params, *arrays)``.

    Parameters
    ----------
    fold
        The fold.
    sizes
        Sizes by name, that do not follow from the arrays.
    block
        How many indices are read at a time.
    reverse
        How gradients are formed: ``"stream"``, from the last state; or ``"checkpoint"``, an
        ordinary loop that keeps the state of each block, and can be differentiated forward.
    """

    def __init__(
        self, fold: Fold, sizes: Mapping[str, Any] | None = None, *, block: int = 64,
        reverse: str = "stream",
    ) -> None:  # fmt: skip
        self.fold, self.block, self.reverse = fold, block, reverse
        self.lowered = LoweredCircuit(fold.circuit, sizes)
        self._known: dict[Any, Program] = {}

    def init(self, key: jax.Array, dtype: Any = None) -> dict[str, Any]:
        """Return starting parameters, as :meth:`LoweredCircuit.init` does."""
        return self.lowered.init(key, dtype)

    def __call__(self, params: Mapping[str, Any], *arrays: Any) -> Any:
        """Return the outputs: an array, or a tuple of them."""
        self.lowered.takes(len(arrays))
        values = [*map(jnp.asarray, arrays), *map(jnp.asarray, self.lowered.values(params))]
        sizes = self.lowered.sizes([one.shape for one in values])
        run = _Run(self.fold, sizes, min(self.block, sizes[self.fold.axis]), self._known)
        if self.reverse == "checkpoint":
            found = run.value(*values, keep=False)
        else:
            found = run.differentiable()(*values)
        return found[0] if len(found) == 1 else found

    def __repr__(self) -> str:
        return f"LoweredFold({self.fold!r}, block={self.block})"


class _Run:
    """A fold at given sizes."""

    def __init__(
        self, fold: Fold, sizes: Mapping[int, int], block: int, known: dict[Any, Program]
    ) -> None:
        self.fold, self.sizes, self.block, self.known = fold, sizes, block, known
        self.length = sizes[fold.axis]
        self.functions = functions_of(None)

    def part(self, name: str, arrays: Sequence[Any], block: int = 0) -> tuple[Any, ...]:
        """Run one of the circuits of the fold."""
        key = name, block, tuple(sorted(self.sizes.items()))
        if key not in self.known:
            sizes = {**self.sizes, self.fold.block: block}
            self.known[key] = programmed(getattr(self.fold, name), sizes)
        return tuple(self.known[key].run(self.functions, arrays))

    def head(self, *inputs: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return what is fixed, and what is read by blocks, in at least 32 bits."""
        made = tuple(map(_wide, self.part("head", inputs)))
        return made[: self.fold.fixed], made[self.fold.fixed :]

    def blocks(self, entries: Sequence[Any], start: Any, block: int) -> tuple[Any, ...]:
        """Return the blocks of some arrays that start at an index, and the indices."""
        found = [
            jax.lax.dynamic_slice_in_dim(one, start, block, axis)
            for one, axis in zip(entries, self.fold.entries, strict=True)
        ]
        return (*found, start + jnp.arange(block))

    def over(self, step: Any, carried: Any) -> Any:
        """Carry something over all blocks but the first; ``step(carried, start, block)``."""
        full, rest = divmod(self.length, self.block)
        if full > 1:
            starts = jnp.arange(1, full) * self.block
            carried, _ = jax.lax.scan(
                lambda state, start: (step(state, start, self.block), None), carried, starts
            )
        return step(carried, full * self.block, rest) if rest else carried

    def state(self, fixed: Sequence[Any], entries: Sequence[Any], keep: bool) -> Any:
        """Return the state after all blocks."""

        def lift(start: Any, block: int) -> Any:
            return self.part("lift", (*fixed, *self.blocks(entries, start, block)), block)

        def step(state: Any, start: Any, block: int) -> Any:
            return self.part("merge", (*state, *lift(start, block), *fixed))

        again = step if keep else jax.checkpoint(step, static_argnums=(2,))
        return self.over(again, lift(0, self.block))

    def value(self, *inputs: Any, keep: bool = True) -> tuple[Any, ...]:
        """Return the outputs."""
        fixed, entries = self.head(*inputs)
        return self.ended(self.state(fixed, entries, keep), fixed, inputs)

    def ended(self, state: Any, fixed: Sequence[Any], inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Return the outputs of a state, in the type of the inputs."""
        kinds = [one.dtype for one in inputs if jnp.issubdtype(one.dtype, jnp.floating)]
        found = self.part("tail", (*state, *fixed))
        kind = jnp.result_type(*kinds) if kinds else None
        return tuple(
            one.astype(kind) if kind and jnp.issubdtype(one.dtype, jnp.floating) else one
            for one in found
        )

    def differentiable(self) -> Any:
        """Return the value with the derived reverse pass."""
        function = jax.custom_vjp(self.value)

        def forward(*inputs: Any) -> Any:
            fixed, entries = self.head(*inputs)
            state = self.state(fixed, entries, True)
            return self.ended(state, fixed, inputs), (inputs, state)

        function.defvjp(forward, lambda kept, given: self.backward(*kept, given))
        return function

    def backward(self, inputs: Sequence[Any], state: Any, given: Any) -> tuple[Any, ...]:
        """Return the cotangents of the inputs."""
        real = [jnp.issubdtype(one.dtype, jnp.floating) for one in inputs]

        def head(*own: Any) -> Any:
            left = iter(own)
            made = self.head(*(next(left) if r else x for r, x in zip(real, inputs, strict=True)))
            return [[x for x in some if _is_real(x)] for some in made]

        fixed, entries = self.head(*inputs)
        _, head_back = jax.vjp(head, *(x for r, x in zip(real, inputs, strict=True) if r))
        references = self.part("references", (*state, *fixed))

        def tail(state: Any, own: Any) -> Any:
            whole = _put(fixed, own)
            moved = self.part("moved", (*state, *references, *whole))
            return self.ended(moved, whole, inputs)

        own_fixed, own_entries = ([x for x in some if _is_real(x)] for some in (fixed, entries))
        _, tail_back = jax.vjp(tail, state, own_fixed)
        of_state, of_fixed = tail_back(given)
        ties = self.ties(state, references, fixed, entries)

        def step(carried: Any, start: Any, block: int) -> Any:
            of_fixed, of_entries = carried
            *parts, index = self.blocks(entries, start, block)

            def terms(own: Any, blocks: Any) -> Any:
                arrays = (*references, *_put(fixed, own), *_put(parts, blocks), index)
                return self.part("terms", arrays, block)

            made, back = jax.vjp(terms, own_fixed, [x for x in parts if _is_real(x)])
            more, of_block = back(self.cotangents(made, of_state, state, ties))
            of_fixed = [a + b for a, b in zip(of_fixed, more, strict=True)]
            axes = [a for a, x in zip(self.fold.entries, entries, strict=True) if _is_real(x)]
            of_entries = [
                jax.lax.dynamic_update_slice_in_dim(whole, one, start, axis)
                for whole, one, axis in zip(of_entries, of_block, axes, strict=True)
            ]
            return of_fixed, of_entries

        carried = of_fixed, [*map(jnp.zeros_like, own_entries)]
        found = iter(head_back([*self.over(step, step(carried, 0, self.block))]))
        return tuple(
            next(found) if r else np.zeros(x.shape, jax.dtypes.float0)
            for r, x in zip(real, inputs, strict=True)
        )

    def greatest(self) -> list[tuple[int, int]]:
        """List the greatest entries that outputs depend on: in the state, and in the sources."""
        every = [k for k, kind in enumerate(self.fold.kinds) if kind == "max"]
        return [(k, n) for n, k in enumerate(every) if not self.fold.dropped[k]]

    def source(self, n: int, one: Any) -> Any:
        """Return an array of a greatest entry, with an axis for each of those of its source."""
        places = self.fold.sources[n]
        order = [p for p in places if p is not None]
        moved = jnp.transpose(one, order)
        return jnp.expand_dims(moved, [k for k, p in enumerate(places) if p is None])

    def ties(self, state: Any, references: Any, fixed: Any, entries: Any) -> dict[int, Any]:
        """Return how many entries are the greatest, for each that outputs depend on."""
        if not self.greatest():
            return {}

        def count(start: Any, block: int) -> list[Any]:
            arrays = (*references, *fixed, *self.blocks(entries, start, block))
            made = self.part("terms", arrays, block)[len(state) :]
            found = []
            for k, n in self.greatest():
                same = made[n] == self.source(n, state[k])
                lost = [a for a, p in enumerate(self.fold.sources[n]) if p is None]
                found.append(self._summed(n, same, lost))
            return found

        def step(carried: Any, start: Any, block: int) -> Any:
            return [a + b for a, b in zip(carried, count(start, block), strict=True)]

        found = self.over(step, count(0, self.block))
        return {k: one for (k, _), one in zip(self.greatest(), found, strict=True)}

    def _summed(self, n: int, same: Any, lost: Sequence[int]) -> Any:
        order = [p for p in self.fold.sources[n] if p is not None]
        found = same.sum(axis=tuple(lost))
        return jnp.transpose(found, np.argsort(order))

    def cotangents(self, made: Any, of_state: Any, state: Any, ties: Mapping[int, Any]) -> Any:
        """Return the cotangents of the terms of a block."""
        count = len(state)
        found = [
            jnp.zeros_like(one) if kind == "max" else of
            for kind, of, one in zip(self.fold.kinds, of_state, made, strict=False)
        ]
        sources = [*map(jnp.zeros_like, made[count:])]
        for k, n in self.greatest():
            share = self.source(n, of_state[k] / ties[k])
            same = made[count + n] == self.source(n, state[k])
            sources[n] = jnp.where(same, share, jnp.zeros_like(share))
        return (*found, *sources)


def _is_real(x: Any) -> bool:
    return bool(jnp.issubdtype(x.dtype, jnp.floating))


def _wide(x: Any) -> Any:
    """Return an array in at least 32 bits."""
    return x.astype(jnp.result_type(x, jnp.float32)) if _is_real(x) else x


def _put(arrays: Sequence[Any], real: Sequence[Any]) -> list[Any]:
    """Return arrays with others for those of real numbers."""
    left = iter(real)
    return [next(left) if _is_real(one) else one for one in arrays]
