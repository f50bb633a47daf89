"""Folds at tiles as JAX functions: one loop over blocks of two axes, without those that are hidden.

The state has all indices of the axis: a tile reads its own, and writes them again; so do the
cotangents of the reverse pass. What a mask hides before there are numbers is not in the loop; where
numbers decide whether its fill adds something, a tile comes after all others, or is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.arrays.programs import programmed
from catlearn.lowering.streamed import FoldRun, either, is_inexact, put, varying
from catlearn.streams.folding import before
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
        """Run a part of the fold at a tile; of its terms as far as they are :meth:`needed`."""
        part = getattr(self.tiled, name)
        key = "tile", name, self.rows, self.block, tuple(sorted(self.sizes.items()))
        if key not in self.known:
            body, own = part.body, {self.fold.block: self.block, part.blocks[0]: self.rows}
            if name == "terms":
                body = before(body, [body.cod[k] for k in self.needed()])
            self.known[key] = programmed(body, {**self.sizes, **own})
        return tuple(self.known[key].run(self.functions, [arrays[k] for k in part.given]))

    def over_tiles(self, step: Any, carried: Any, tiles: np.ndarray, *more: np.ndarray) -> Any:
        """Carry something over tiles; ``step(carried, row, start, *more)``.

        Rows and starts are two arrays: what reads a block at a row, and at a start, is then one
        kernel to a compiler.
        """
        every = *tiles.T, *more
        return jax.lax.scan(lambda own, tile: (step(own, *tile), None), carried, every)[0]

    def tiles(self, masks: Sequence[Skip] | None = None) -> np.ndarray:
        """List the first indices of the tiles that masks do not hide."""
        return self.tiled.visited(self.sizes, self.rows, self.block, masks)

    def cuts(self, places: Sequence[Mapping[int, int]], row: Any, start: Any = None) -> list[Cuts]:
        """Return what a tile reads of arrays with the axis at some places, or without it.

        Parameters
        ----------
        start
            The first index of the variable; the last arrays are then those of which blocks are
            read.
        """
        found = [[(place, row, self.rows) for place in one.values()] for one in places]
        if start is not None:
            first = len(found) - len(self.fold.entries)
            for own, axis in zip(found[first:], self.fold.entries, strict=True):
                own.append((axis, start, self.block))
        return [*found]

    def given(self, name: str, row: Any, start: Any) -> list[Cuts]:
        """Return what a tile reads of what is fixed and what blocks are read of, for a part."""
        part = getattr(self.tiled, name)
        before = len(self.fold.references.cod) if name == "terms" else len(part.exits)
        return self.cuts(part.entries[before:-1], row, start)

    def indices(self, row: Any, start: Any) -> tuple[Any, Any]:
        """Return the indices of the variable, and of the axis."""
        return start + jnp.arange(self.block), row + jnp.arange(self.rows)

    def state(self, fixed: Sequence[Any], entries: Sequence[Any]) -> Any:
        """Return the state after all tiles.

        Those that fills may add something of come after all others, in the same loop.
        """
        masks = self.tiled.masks
        unknown = [one for one in masks if one not in self.tiled.known]
        doubtful, tiles, late = [one for one in masks if not one.is_sure], self.tiles(), []
        if doubtful:
            last = self.tiles([one for one in self.tiled.known if one.is_sure])
            if not unknown:
                last = np.array([one for one in last.tolist() if one not in tiles.tolist()])
            else:
                late = [np.arange(len(tiles) + len(last)) >= len(tiles)]
            tiles = np.concatenate([tiles, last.reshape(-1, 2).astype(tiles.dtype)])

        empty = self.empty(self.lifted(fixed, entries))
        left = self.left(empty, entries)
        name = "compensated" if left else "step"

        def step(state: Any, row: Any, start: Any, late: Any = None) -> Any:
            at = self.cuts(getattr(self.tiled, name).exits, row)

            def blocks() -> tuple[list[Any], list[Any]]:
                read = _cut([*fixed, *entries], self.given(name, row, start))
                return [*_cut(state, at)], [*read, *self.indices(row, start)]

            def run() -> Any:
                own, arrays = blocks()
                return _pasted(state, self.at_tile(name, (*own, *arrays)), at)

            if not (unknown or doubtful):
                return run()
            own, arrays = blocks()
            gone = either(self.closed(unknown, arrays)) if unknown else jnp.asarray(False)
            if doubtful:
                given = (*own[: len(empty)], *arrays[: len(fixed)], arrays[-1])
                hidden = self.hides(masks, arrays, own, self.at_tile("references", given))
                other = ~either(self.closed(masks, arrays)) | hidden
                gone = hidden if late is None else jnp.where(late, other, gone)
            return jax.lax.cond(gone, lambda: [*state], run)

        carried = varying([*empty, *left], fixed, entries)
        return self.over_tiles(step, carried, tiles, *late)[: len(empty)]

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
        real = [is_inexact(one) for one in (*fixed, *entries)]

        def step(carried: Any, row: Any, start: Any) -> Any:
            totals, left = carried
            at, every = self.cuts(terms.exits, row), self.given("terms", row, start)

            def blocks() -> tuple[list[Any], list[Any], list[Any]]:
                known = [*_cut(references, self.cuts(terms.entries[:count], row))]
                read = [*_cut([*fixed, *entries], every)]
                own = [one for one, is_one in zip(read, real, strict=True) if is_one]
                return known, [*read, *self.indices(row, start)], own

            def back() -> Any:
                known, arrays, own = blocks()
                given = [*_cut(of_state, at)]

                def summed(own: Any) -> Any:
                    return [*self.at_tile("terms", (*known, *put(arrays, own)))]

                return jax.vjp(summed, own)[1]([given[k] for k in self.needed()])[0]

            if masks:
                known, arrays, own = blocks()
                hidden = self.hides(masks, arrays, [*_cut(state, at)], known)
                more = jax.lax.cond(hidden, lambda: [*map(jnp.zeros_like, own)], back)
            else:
                more = back()
            places = [one for one, is_one in zip(every, real, strict=True) if is_one]
            after, kept = self.increased([*_cut(totals, places)], [*_cut(left, places)], more)
            return _pasted(totals, after, places), _pasted(left, kept, places)

        totals = [jnp.zeros_like(one) for one in (*fixed, *entries) if is_inexact(one)]
        first = sum(map(is_inexact, fixed))
        left = [*self.left_of(totals[:first], entries), *(None for _ in totals[first:])]
        carried = totals, left
        found, _ = self.over_tiles(step, varying(carried, fixed, entries), self.tiles(certain))
        return found[:first], found[first:]


def _cut(arrays: Sequence[Any], cuts: Sequence[Cuts]) -> Any:
    """Yield blocks of arrays, or None for none; an array without axes to be cut is whole."""
    for one, own in zip(arrays, cuts, strict=True):
        if one is None or not own:
            yield one
            continue
        starts, sizes = _places(one, own)
        yield jax.lax.dynamic_slice(one, starts, sizes, allow_negative_indices=False)


def _pasted(arrays: Sequence[Any], blocks: Sequence[Any], cuts: Sequence[Cuts]) -> list[Any]:
    """Return arrays with blocks where they were cut."""
    return [
        jax.lax.dynamic_update_slice(
            one, block.astype(one.dtype), _places(one, own)[0], allow_negative_indices=False
        )
        if own and block is not None else block
        for one, block, own in zip(arrays, blocks, cuts, strict=True)
    ]  # fmt: skip


def _places(one: Any, cuts: Cuts) -> tuple[list[Any], list[int]]:
    """Return the first indices, and the shape, of a block of an array."""
    starts, sizes = [0] * one.ndim, [*one.shape]
    for axis, start, size in cuts:
        starts[axis], sizes[axis] = start, size
    return starts, sizes
