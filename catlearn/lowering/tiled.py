"""Folds at tiles as JAX functions: one loop over blocks of two axes, without those that are hidden.

The state has all indices of the axis: a tile reads its own, and writes them again; so do the
cotangents of the reverse pass. What a mask hides before there are numbers is not in the loop; where
numbers decide whether its fill adds something, a tile comes after all others, or is left out.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp

from catlearn.arrays.programs import programmed
from catlearn.lowering.streamed import FoldRun, either, is_real, put, varying
from catlearn.streams.skipping import Skip
from catlearn.streams.tiles import Tiled

Cuts = Sequence[tuple[int, Any, int]]
"""Axes along which a block of an array is read, with its first index and its size."""


class TiledRun(FoldRun):
    """A fold at tiles, at given sizes.

    Parameters
    ----------
    tiled
        The fold, and its parts at blocks of an axis.
    sizes
        The size of each axis by its row.
    rows, block
        How many indices of the axis, and of the variable, are read at a time; they divide these.
    """

    def __init__(self, tiled: Tiled, sizes: Mapping[int, int], rows: int, block: int) -> None:
        super().__init__(tiled.fold, sizes, block, {}, "stream")
        self.tiled, self.rows = tiled, rows

    def at_tile(self, name: str, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """Run a part of the fold at a tile."""
        part = getattr(self.tiled, name)
        key = "tile", name, self.rows, self.block, tuple(sorted(self.sizes.items()))
        if key not in self.known:
            own = {self.fold.block: self.block, part.block: self.rows}
            self.known[key] = programmed(part.circuit, {**self.sizes, **own})
        return tuple(self.known[key].run(self.functions, arrays))

    def over_tiles(self, step: Any, carried: Any, masks: Sequence[Skip] | None = None) -> Any:
        """Carry something over the tiles that masks do not hide; ``step(carried, row, start)``.

        Rows and starts are two arrays: what reads a block at a row, and at a start, is then one
        kernel to a compiler.
        """
        tiles = (*self.tiled.visited(self.sizes, self.rows, self.block, masks).T,)
        return jax.lax.scan(lambda own, tile: (step(own, *tile), None), carried, tiles)[0]

    def cuts(self, places: Sequence[int | None], row: Any, start: Any = None) -> list[Cuts]:
        """Return what a tile reads of arrays with the axis at some places.

        Parameters
        ----------
        start
            The first index of the variable; the last arrays are then those of which blocks are
            read.
        """
        found = [[] if place is None else [(place, row, self.rows)] for place in places]
        if start is not None:
            first = len(found) - len(self.fold.entries)
            for own, axis in zip(found[first:], self.fold.entries, strict=True):
                own.append((axis, start, self.block))
        return [*found]

    def given(self, name: str, row: Any, start: Any) -> list[Cuts]:
        """Return what a tile reads of what is fixed and what blocks are read of, for a part."""
        before = len(self.fold.kinds) if name == "step" else len(self.fold.references.cod)
        places = getattr(self.tiled, name).entries
        return self.cuts(places[before:-1], row, start)

    def indices(self, row: Any, start: Any) -> tuple[Any, Any]:
        """Return the indices of the variable, and of the axis."""
        return start + jnp.arange(self.block), row + jnp.arange(self.rows)

    def state(self, fixed: Sequence[Any], entries: Sequence[Any]) -> Any:
        """Return the state after all tiles."""
        exits, masks = self.tiled.step.exits, self.tiled.masks
        unknown = [one for one in masks if one not in self.tiled.known]

        def step(state: Any, row: Any, start: Any, late: bool = False) -> Any:
            at = self.cuts(exits, row)
            read = [*_cut([*fixed, *entries], self.given("step", row, start))]
            arrays, own = [*read, *self.indices(row, start)], [*_cut(state, at)]

            def run(own: Any) -> Any:
                return [*self.at_tile("step", (*own, *arrays))]

            asked = masks if late else unknown
            if not asked:
                return _pasted(state, run(own), at)
            gone = either(self.closed(asked, arrays))
            if late:
                references = self.at_tile("references", (*own, *arrays[: len(fixed)], arrays[-1]))
                gone = ~gone | self.hides(masks, arrays, own, references)
            return _pasted(state, jax.lax.cond(gone, list, run, own), at)

        def lift() -> Any:
            return self.part("lift", (*fixed, *self.blocks(entries, 0, self.block)), self.block)

        empty = [
            jnp.full(one.shape, -jnp.inf if kind == "max" else 0, one.dtype)
            for one, kind in zip(jax.eval_shape(lift), self.fold.kinds, strict=True)
        ]
        state = self.over_tiles(step, varying(empty, fixed, entries))
        if all(one.is_sure for one in masks):
            return state
        sure = self.sure(masks, tuple(state), fixed)
        return jax.lax.cond(
            reduce(operator.and_, sure), list,
            lambda state: self.over_tiles(partial(step, late=True), state, ()), [*state],
        )  # fmt: skip

    def hides(
        self, masks: Sequence[Skip], arrays: Sequence[Any], state: Sequence[Any], references: Any
    ) -> Any:
        """Say whether masks hide a tile, so that it adds nothing to a state."""
        pairs = zip(self.closed(masks, arrays), self.sure(masks, state, arrays, references),
                    strict=True)  # fmt: skip
        return either(closed & sure for closed, sure in pairs)

    def swept(
        self, references: Any, fixed: Any, entries: Any, state: Any, of_state: Any, ties: Any
    ) -> tuple[list[Any], list[Any]]:
        """Return the cotangents of what all blocks read, and of what blocks are read of."""
        terms, count = self.tiled.terms, len(references)
        certain = [one for one in self.tiled.known if one.is_sure]
        masks = [one for one in self.tiled.masks if one not in certain]
        real = [is_real(one) for one in (*fixed, *entries)]
        sums = [k for k, kind in enumerate(self.fold.kinds) if kind == "sum"]

        def step(carried: Any, row: Any, start: Any) -> Any:
            at, every = self.cuts(terms.exits, row), self.given("terms", row, start)
            known = [*_cut(references, self.cuts(terms.entries[:count], row))]
            read, given = [*_cut([*fixed, *entries], every)], [*_cut(of_state, at)]
            indices = self.indices(row, start)

            def summed(own: Any) -> Any:
                made = self.at_tile("terms", (*known, *put(read, own), *indices))
                return [made[k] for k in sums]

            def back(own: Any) -> Any:
                return jax.vjp(summed, own)[1]([given[k] for k in sums])[0]

            def nothing(own: Any) -> Any:
                return [*map(jnp.zeros_like, own)]

            own = [one for one, is_one in zip(read, real, strict=True) if is_one]
            if masks:
                hidden = self.hides(masks, (*read, *indices), [*_cut(state, at)], known)
                more = jax.lax.cond(hidden, nothing, back, own)
            else:
                more = back(own)
            places = [one for one, is_one in zip(every, real, strict=True) if is_one]
            after = [a + b for a, b in zip(_cut(carried, places), more, strict=True)]
            return _pasted(carried, after, places)

        carried = [jnp.zeros_like(one) for one in (*fixed, *entries) if is_real(one)]
        found = self.over_tiles(step, varying(carried, fixed, entries), certain)
        first = sum(map(is_real, fixed))
        return found[:first], found[first:]


def _cut(arrays: Sequence[Any], cuts: Sequence[Cuts]) -> Any:
    """Yield blocks of arrays; an array without axes to be cut is whole."""
    for one, own in zip(arrays, cuts, strict=True):
        starts, sizes = _places(one, own)
        yield (
            jax.lax.dynamic_slice(one, starts, sizes, allow_negative_indices=False) if own else one
        )


def _pasted(arrays: Sequence[Any], blocks: Sequence[Any], cuts: Sequence[Cuts]) -> list[Any]:
    """Return arrays with blocks where they were cut."""
    return [
        jax.lax.dynamic_update_slice(
            one, block.astype(one.dtype), _places(one, own)[0], allow_negative_indices=False
        )
        if own else block
        for one, block, own in zip(arrays, blocks, cuts, strict=True)
    ]  # fmt: skip


def _places(one: Any, cuts: Cuts) -> tuple[list[Any], list[int]]:
    """Return the first indices, and the shape, of a block of an array."""
    starts, sizes = [0] * one.ndim, [*one.shape]
    for axis, start, size in cuts:
        starts[axis], sizes[axis] = start, size
    return starts, sizes
