"""Folds as kernels: blocks of the outputs over a grid, and the state in fast memory.

A kernel reads a block of the queries, say, and goes over blocks of the variable, with the state of
the fold as all that it keeps. It writes the last state and, of a prefix fold, that after each block
and the blocks of outputs. What comes before and after is left to XLA, and so is the reverse pass,
which needs nothing but these states. What a kernel does at a block are the circuits of the fold,
first and step, with the axes of the grid cut into blocks. Blocks that masks hide it passes by;
where numbers say in the end that their fills add something, it runs again over all.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp

from catlearn.arrays.programs import programmed
from catlearn.errors import Failure, expect, refuse
from catlearn.lowering.streamed import FoldRun, LoweredFold, PrefixRun, either, is_real, wide
from catlearn.models.circuits import functions_of
from catlearn.streams.folding import Fold, refuse_blocks
from catlearn.streams.prefix import PrefixFold
from catlearn.streams.rules import StreamRefused
from catlearn.streams.skipping import Skip, hidden, skips
from catlearn.streams.tiles import Cut, summands


class KernelFold(LoweredFold):
    """A fold as a pure function whose state is made by a Pallas kernel.

    Made by :func:`to_pallas`.
    """

    tiles: Mapping[str, int]
    interpret: bool
    inside: bool

    def run_of(self, fold: Fold | PrefixFold, sizes: Mapping[int, int]) -> FoldRun:
        """Return what runs, at the size of each axis."""
        kind: Any = _PrefixKernel if isinstance(fold, PrefixFold) else _Kernel
        found = kind(fold, sizes, self.block, self._known, self.reverse)
        found.made_of(self.tiles, self.interpret, self.inside)
        return found


def to_pallas(
    fold: Fold | PrefixFold,
    tiles: Mapping[str, int],
    sizes: Mapping[str, Any] | None = None,
    *,
    interpret: bool | None = None,
    inside: bool | None = None,
) -> KernelFold:
    """Return a fold as a JAX function whose state is made by a Pallas kernel.

    Gradients are those of the derived reverse pass, from the state that the kernel writes.

    Parameters
    ----------
    fold
        The fold.
    tiles
        How long blocks are: of the variable, and of axes that each array of the state and each
        output made by blocks has, such as ``{"q": 128, "x": 128}``. Axes that are not named are
        whole.
    sizes
        Sizes by name, that do not follow from the arrays.
    interpret
        Whether the kernel runs as ordinary operations; so it is where there is no accelerator,
        unless said.
    inside
        Whether blocks of the variable are a loop in the kernel, which then is given them all; or
        else the last axis of the grid, which has to run in order, as on a TPU. So it is there,
        unless said.

    Raises
    ------
    InvalidStructure
        Listing tiles that are no numbers from 1, and, in a call, those that do not divide an axis
        of the state. What is left of the variable is read after the kernel.
    StreamRefused
        If an array of the state, or an output made by blocks, does not have an axis that is cut
        into blocks, or runs whole before, as a scan does.

    Examples
    --------
    >>> from catlearn.arrays import idle, softmax, einsum
    >>> from catlearn.streams import stream
    >>> fold = stream(softmax("[x]") @ idle >> einsum("q x, x e -> q e"), "x")
    >>> fn = to_pallas(fold, {"q": 2, "x": 4})
    >>> fn({}, jnp.zeros((4, 8)), jnp.ones((8, 1))).shape
    (4, 1)
    """
    expect(fold, (Fold, PrefixFold), "the first argument", "a fold")
    tiles = getattr(tiles, "tiles", tiles)
    expect(
        tiles,
        Mapping,
        "tiles",
        'a dict from axes to sizes of tiles, such as {"q": 64, "x": 64}, or a tiling',
    )
    tiles = dict(tiles)
    block = tiles.pop(fold.variable, 64)
    refuse_blocks(tiles)
    found = KernelFold(fold, sizes, block=block)
    platform = jax.default_backend()
    found.tiles, found.interpret = tiles, platform == "cpu" if interpret is None else interpret
    found.inside = platform != "tpu" if inside is None else inside
    first, step = (Cut.of(part, tiles) for part in (fold.first, fold.step))
    step.stepped(len(fold.kinds))
    if any(first.entries[a] != step.entries[b] for a, b in _same(fold)):
        message = (
            f"an array is read at {', '.join(tiles)} in two ways by the first block and others"
        )
        raise StreamRefused(fold.variable, message)
    return found


def _same(fold: Fold | PrefixFold) -> list[tuple[int, int]]:
    """List the inputs of the first block, but its indices, with the same ones of a later block."""
    count = len(fold.head.cod) - fold.scans
    states = len(fold.kinds)
    return [(fold.scans + k, states + k) for k in range(count)]


class _Kernel(FoldRun):
    """A fold at given sizes, whose state is made by a kernel."""

    def made_of(self, tiles: Mapping[str, int], interpret: bool, inside: bool) -> None:
        """Say what blocks there are, and check that they divide."""
        self.interpret, self.inside = interpret, inside
        self.cuts = {name: Cut.of(getattr(self.fold, name), tiles)
                     for name in ("first", "step", "compensated")}  # fmt: skip
        self.at_tiles = list[Skip]()
        if self.masks:
            terms = Cut.of(summands(self.fold), tiles)
            self.at_tiles = skips(self.fold, terms.body, terms.given)
        axes = self.cuts["first"].axes
        self.tiles = [
            min(tile, self.sizes[axis]) for tile, axis in zip(tiles.values(), axes, strict=True)
        ]
        failures = [
            Failure("blocks", f"axis {name}", f"has {self.sizes[axis]} indices, which blocks of "
                    f"{tile} do not divide")
            for name, tile, axis in zip(tiles, self.tiles, axes, strict=True)
            if self.sizes[axis] % tile
        ]  # fmt: skip
        refuse("this call", failures)

    def state(self, fixed: Sequence[Any], entries: Sequence[Any]) -> Any:
        """Return the state after all blocks: of whole ones by a kernel."""
        full, rest = divmod(self.length, self.block)

        def after(masks: Sequence[Skip]) -> Any:
            name, state, _, _ = self.called(full, fixed, entries, masks)
            if rest:
                arrays = (*state, *fixed, *self.blocks(entries, full * self.block, rest))
                state = self.part(name, arrays, rest)
            return tuple(state[: len(self.fold.kinds)])

        state = after(self.at_tiles)
        if all(one.is_sure for one in self.at_tiles):
            return state
        sure = reduce(operator.and_, self.sure(self.at_tiles, state, fixed))
        return jax.lax.cond(sure, lambda: state, lambda: after(()))

    def called(
        self, full: int, fixed: Sequence[Any], entries: Sequence[Any], masks: Sequence[Skip] = ()
    ) -> Any:
        """Return the state after so many whole blocks, outputs, and the states after each block.

        There are the latter two where outputs are made by blocks; first comes the name of the step,
        which may be that of compensated sums.

        Parameters
        ----------
        masks
            Of which what they hide is passed by.
        """
        from jax.experimental import pallas as pl

        fold = self.fold
        count, scans = len(fold.kinds), fold.scans
        exits = [axis for axis in fold.exits if axis is not None]
        made = jax.eval_shape(
            lambda *arrays: self.part("first", [*map(wide, arrays)], self.block),
            *fixed, *self.blocks(entries, 0, self.block),
        )  # fmt: skip
        left = self.left(made[:count], entries)
        size, name = count + len(left), "compensated" if left else "step"
        cuts = first_cut, later = self.cuts["first"], self.cuts[name]
        lifts = self.beginning(fixed, entries)[1] if masks else 1
        grid = [self.sizes[axis] // tile
                for axis, tile in zip(first_cut.axes, self.tiles, strict=True)]  # fmt: skip
        programs = []
        for cut in cuts:
            blocks = dict(zip(cut.blocks, self.tiles, strict=True))
            programs.append(programmed(cut.body, {**self.sizes, fold.block: self.block, **blocks}))
        constants = [x for one in programs for x in one.constants.values()]
        functions = functions_of(None)
        known = [functions["array"](x) for x in constants]
        at = dict(zip(range(len(fixed), len(fixed) + len(entries)), fold.entries, strict=True))

        def spec(
            array: Any, places: Mapping[int, int], along: int | None = None, block: int = self.block
        ) -> Any:
            """Return what a step is given of an array: a block at places of the grid's axes."""
            shape, where = [*array.shape], dict[int, int]()
            for number, place in places.items():
                shape[place], where[place] = self.tiles[number], number
            if along is not None and not self.inside:
                shape[along], where[along] = block, len(grid)
            return pl.BlockSpec(
                tuple(shape),
                lambda *ids: tuple(ids[where[k]] if k in where else 0 for k in range(len(shape))),
            )

        arrays = [*fixed, *entries]
        if not self.inside:
            arrays = [
                jax.lax.slice_in_dim(x, 0, full * self.block, axis=at[k]) if k in at else x
                for k, x in enumerate(arrays)
            ]
        specs = [spec(x, first_cut.entries[k], at.get(k)) for k, x in enumerate(arrays)]
        specs += [spec(x, {}) for x in known]

        shapes = [*made[:count], *left]
        results = [spec(x, own) for x, own in zip(shapes, later.exits, strict=False)]
        for one, axis, own in zip(made[count:], exits, first_cut.exits[count:], strict=True):
            shape = (*one.shape[:axis], full * self.block, *one.shape[axis + 1 :])
            shapes.append(jax.ShapeDtypeStruct(shape, one.dtype))
            results.append(spec(shapes[-1], own, axis))
        if exits:
            for one, own in zip(made[:count], first_cut.exits, strict=False):
                shapes.append(jax.ShapeDtypeStruct((full, *one.shape), one.dtype))
                moved = {number: place + 1 for number, place in own.items()}
                results.append(spec(shapes[-1], moved, 0, 1))

        def kernel(*refs: Any) -> None:
            given, outs = refs[: len(refs) - len(shapes)], refs[len(refs) - len(shapes) :]
            own = [one[...] for one in given[len(arrays) :]]
            zeros = [jnp.zeros(ref.shape, ref.dtype) for ref in outs[count:size]]
            ids = [pl.program_id(k) for k in range(len(grid))]
            index = [k * tile + jnp.arange(tile) for k, tile in zip(ids, self.tiles, strict=True)]

            def read(k: int, start: Any) -> Any:
                where: list[Any] = [slice(None)] * len(given[k].shape)
                if k in at and self.inside:
                    where[at[k]] = pl.ds(start, self.block)
                return given[k][tuple(where)]

            def run(number: int, start: Any, before: Sequence[Any]) -> Any:
                """Run the first block, or one with a state before it: to a state, and outputs."""
                values = [*before]
                values += [read(k, start) for k in range(scans if number else 0, len(arrays))]
                values.append(self.first + start + jnp.arange(self.block))
                inputs = [wide(values[k]) if k >= 0 else index[-1 - k] for k in cuts[number].given]
                held = iter(own[len(programs[0].constants) :] if number else own)
                table = {**functions, "array": lambda _: next(held)}
                found = [*programs[number].run(table, inputs)]
                if not number:
                    found[count:count] = zeros
                found = [x.astype(of.dtype) for x, of in zip(found, shapes, strict=False)]
                return found[:size], found[size:]

            def passed(number: int, start: Any, before: Sequence[Any]) -> Any:
                """Run a block unless masks hide it, which leaves the state as it was."""
                if not masks or (lifts and not number):
                    return run(number, start, before)

                def ends(place: int) -> tuple[Any, Any]:
                    k = place - len(fold.references.cod)
                    if place < 0:
                        tile = self.tiles[-1 - place]
                        return ids[-1 - place] * tile, (ids[-1 - place] + 1) * tile - 1
                    if k == len(arrays):
                        return self.first + start, self.first + start + self.block - 1
                    one = read(k, start)
                    return one.min(), one.max()

                none = [*self.empty(outs[:count]), *zeros]
                return jax.lax.cond(
                    either(hidden(masks, self.sizes, ends)),
                    lambda: ([*before] if number else none, list[Any]()),
                    lambda: run(number, start, before),
                )

            def write(found: Any, step: Any) -> list[Any]:
                """Write what is made of a block, and return the state."""
                state, blocks = found
                for ref, value, axis in zip(outs[size:], blocks, exits, strict=False):
                    where: list[Any] = [slice(None)] * len(ref.shape)
                    if self.inside:
                        where[axis] = pl.ds(step * self.block, self.block)
                    ref[tuple(where)] = value
                for ref, value in zip(outs[size + len(exits) :], state, strict=False):
                    ref[step if self.inside else 0] = value
                return state

            def last(state: Sequence[Any]) -> None:
                for ref, value in zip(outs, state, strict=False):
                    ref[...] = value

            if self.inside:
                last(jax.lax.fori_loop(
                    1, full, lambda k, state: write(passed(1, k * self.block, state), k),
                    write(passed(0, 0, ()), 0),
                ))  # fmt: skip
                return
            step = pl.program_id(len(grid))
            start = step * self.block
            pl.when(step == 0)(lambda: last(write(passed(0, start, ()), step)))
            pl.when(step > 0)(
                lambda: last(write(passed(1, start, [ref[...] for ref in outs[:size]]), step))
            )

        found = pl.pallas_call(
            kernel,
            grid=tuple(grid) if self.inside else (*grid, full),
            in_specs=specs,
            out_specs=results,
            out_shape=[jax.ShapeDtypeStruct(x.shape, x.dtype) for x in shapes],
            interpret=self.interpret,
        )(*arrays, *known)
        middle = size + len(exits)
        return name, tuple(found[:size]), found[size:middle], found[middle:]


class _PrefixKernel(PrefixRun, _Kernel):
    """A prefix fold at given sizes, whose outputs and states are made by a kernel."""

    def passed(self, fixed: Any, entries: Any, kind: Any) -> tuple[list[Any], tuple[Any, ...]]:
        """Return what is made of all blocks: in a type, and states before blocks, and the last."""
        full, rest = divmod(self.length, self.block)
        name, before, blocks, after = self.called(full, fixed, entries)
        states = [x[:-1] for x in after]
        if self.fold.unit:
            pairs = zip(self.began(fixed, entries)[0], states, strict=True)
            states = [jnp.concatenate([one[None].astype(x.dtype), x]) for one, x in pairs]
        whole, state = [*blocks], before
        if rest:
            read = self.blocks(entries, full * self.block, rest)
            state, made = self.parts(name, before, fixed, read)
            exits = [axis for axis in self.fold.exits if axis is not None]
            whole = [jnp.concatenate([a, b.astype(a.dtype)], axis)
                     for a, b, axis in zip(whole, made, exits, strict=True)]  # fmt: skip
        whole = [x.astype(kind) if kind and is_real(x) else x for x in whole]
        count = len(self.fold.kinds)
        return whole, (states if len(self.starts()) else None, [*before[:count]], [*state[:count]])
