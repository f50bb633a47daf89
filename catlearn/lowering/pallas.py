"""Folds as kernels: blocks of the outputs over a grid, and the state in fast memory.

A kernel reads a block of the queries, say, and goes over blocks of the variable, with the state of
the fold as all that it keeps and writes. What comes before and after is left to XLA, and so is the
reverse pass, which needs nothing but that state. What a kernel does at a block are the circuits of
the fold, lift and merge, with the axes of the grid cut into blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from catlearn.arrays.circuit import Circuit
from catlearn.arrays.programs import programmed
from catlearn.errors import Failure, InvalidStructure, expect
from catlearn.lowering.streamed import FoldRun, LoweredFold
from catlearn.models.circuits import functions_of
from catlearn.streams.folding import Fold, grouped
from catlearn.streams.rules import StreamRefused


class KernelFold(LoweredFold):
    """A fold as a pure function whose state is made by a Pallas kernel.

    Made by :func:`to_pallas`.
    """

    tiles: Mapping[str, int]
    interpret: bool
    inside: bool

    def run_of(self, fold: Fold, sizes: Mapping[int, int]) -> FoldRun:
        """Return what runs, at the size of each axis."""
        found = _Kernel(fold, sizes, self.block, self._known, self.reverse)
        found.made_of(self.tiles, self.interpret, self.inside)
        return found


def to_pallas(
    fold: Fold,
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
        How long blocks are: of the variable, and of axes that each array of the state has, such as
        ``{"q": 128, "x": 128}``. Axes that are not named are whole.
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
        If an array of the state does not have an axis that is cut into blocks.

    Examples
    --------
    >>> from catlearn.arrays import idle, softmax, einsum
    >>> from catlearn.streams import stream
    >>> fold = stream(softmax("[x]") @ idle >> einsum("q x, x e -> q e"), "x")
    >>> fn = to_pallas(fold, {"q": 2, "x": 4})
    >>> fn({}, jnp.zeros((4, 8)), jnp.ones((8, 1))).shape
    (4, 1)
    """
    expect(fold, Fold, "the first argument", "a fold that reduces its variable; others are lowered")
    tiles = getattr(tiles, "tiles", tiles)
    expect(
        tiles,
        Mapping,
        "tiles",
        'a dict from axes to sizes of tiles, such as {"q": 64, "x": 64}, or a tiling',
    )
    tiles = dict(tiles)
    block = tiles.pop(fold.variable, 64)
    failures = [
        Failure("blocks", name, f"has blocks of {size!r} indices; a number from 1 is expected")
        for name, size in tiles.items()
        if type(size) is not int or size < 1
    ]
    if failures:
        raise InvalidStructure("options", failures)
    found = KernelFold(fold, sizes, block=block)
    platform = jax.default_backend()
    found.tiles, found.interpret = tiles, platform == "cpu" if interpret is None else interpret
    found.inside = platform != "tpu" if inside is None else inside
    lifting, merging = (_Cut.of(part, tiles) for part in (fold.lift, fold.merge))
    states = 2 * len(fold.kinds)
    for k in {*merging.given}:
        if k >= states and merging.entries[k] != lifting.entries[k - states]:
            message = f"an array is read at {', '.join(tiles)} in two ways by lift and merge"
            raise StreamRefused(fold.variable, message)
    return found


class _Cut(NamedTuple):
    """A part of a fold at blocks of some axes.

    Parameters
    ----------
    body
        What runs at a block.
    given
        Where each array that it is given comes from: an input of the part; or, negative, the
        indices of an axis, the first of which is -1.
    entries
        At which position each input has the axes that are cut, in their order.
    exits
        The same of each output.
    axes, blocks
        The rows of the axes, and of those of their blocks.
    """

    body: Circuit
    given: list[int]
    entries: dict[int, dict[int, int]]
    exits: list[list[int]]
    axes: list[int]
    blocks: list[int]

    @classmethod
    def of(cls, part: Circuit, names: Sequence[str] | Mapping[str, int]) -> _Cut:
        """Return a part at blocks of axes of its outputs."""
        body, given = part, [*range(len(part.dom))]
        entries: dict[int, dict[int, int]] = {k: {} for k in given}
        exits: list[list[int]] = [[] for _ in part.cod]
        axes, blocks = [], []
        for number, name in enumerate(names):
            one = grouped(body, name)
            if one.head.apex.size("Box"):
                title = one.head.apex.title(0)
                message = f"{title} runs whole before blocks of {name}; a kernel has blocks alone"
                raise StreamRefused(title, message)
            places = [body.dom.index(wire) for wire in one.head.cod]
            sources = [given[place] for place in places]
            if len({*sources}) < len(sources):
                message = f"an array is read at {name} in two ways; a kernel is given one block"
                raise StreamRefused(name, message)
            for place, axis in zip(places[one.fixed :], one.entries, strict=True):
                entries[given[place]][number] = axis
            for found, axis in zip(exits, one.exits, strict=True):
                found.append(axis)
            given = [*(given[place] for place in places), -1 - number]
            body = one.body
            axes.append(one.axis)
            blocks.append(one.block)
        return cls(body, given, entries, exits, axes, blocks)


class _Kernel(FoldRun):
    """A fold at given sizes, whose state is made by a kernel."""

    def made_of(self, tiles: Mapping[str, int], interpret: bool, inside: bool) -> None:
        """Say what blocks there are, and check that they divide."""
        self.interpret, self.inside = interpret, inside
        self.lifting = _Cut.of(self.fold.lift, tiles)
        self.merging = _Cut.of(self.fold.merge, tiles)
        self.tiles = [
            min(tile, self.sizes[axis])
            for tile, axis in zip(tiles.values(), self.lifting.axes, strict=True)
        ]
        failures = [
            Failure("blocks", f"axis {name}", f"has {self.sizes[axis]} indices, which blocks of "
                    f"{tile} do not divide")
            for name, tile, axis in zip(tiles, self.tiles, self.lifting.axes, strict=True)
            if self.sizes[axis] % tile
        ]  # fmt: skip
        if failures:
            raise InvalidStructure("this call", failures)

    def state(self, fixed: Sequence[Any], entries: Sequence[Any]) -> Any:
        """Return the state after all blocks: of whole ones by a kernel."""
        full, rest = divmod(self.length, self.block)
        state = self.called(full, fixed, entries)
        if not rest:
            return state
        arrays = (*fixed, *self.blocks(entries, full * self.block, rest))
        return self.part("merge", (*state, *self.part("lift", arrays, rest), *fixed))

    def called(self, full: int, fixed: Sequence[Any], entries: Sequence[Any]) -> tuple[Any, ...]:
        """Return the state after so many whole blocks."""
        from jax.experimental import pallas as pl

        count, axes = len(self.fold.kinds), self.lifting.axes
        grid = [self.sizes[axis] // tile for axis, tile in zip(axes, self.tiles, strict=True)]
        programs = []
        for cut, more in ((self.lifting, {self.fold.block: self.block}), (self.merging, {})):
            blocks = dict(zip(cut.blocks, self.tiles, strict=True))
            programs.append(programmed(cut.body, {**self.sizes, **more, **blocks}))
        constants = [x for one in programs for x in one.constants.values()]
        functions = functions_of(None)
        known = [functions["array"](x) for x in constants]
        at = dict(zip(range(len(fixed), len(fixed) + len(entries)), self.fold.entries, strict=True))

        def spec(array: Any, places: Mapping[int, int], along: int | None) -> Any:
            """Return what a step is given of an array: a block at places of the grid's axes."""
            shape, where = [*array.shape], dict[int, int]()
            for number, place in places.items():
                shape[place], where[place] = self.tiles[number], number
            if along is not None and not self.inside:
                shape[along], where[along] = self.block, len(grid)
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
        specs = [spec(x, self.lifting.entries[k], at.get(k)) for k, x in enumerate(arrays)]
        specs += [spec(x, {}, None) for x in known]
        shapes = jax.eval_shape(
            lambda *arrays: self.part("lift", arrays, self.block),
            *fixed, *self.blocks(entries, 0, self.block),
        )  # fmt: skip
        exits = [dict(enumerate(places)) for places in self.lifting.exits]
        results = [spec(x, places, None) for x, places in zip(shapes, exits, strict=True)]

        def kernel(*refs: Any) -> None:
            given, outs = refs[: len(refs) - count], refs[len(refs) - count :]
            own = [one[...] for one in given[len(arrays) :]]
            ids = [pl.program_id(k) for k in range(len(grid))]
            index = [k * tile + jnp.arange(tile) for k, tile in zip(ids, self.tiles, strict=True)]

            def run(number: int, cut: _Cut, values: Sequence[Any]) -> list[Any]:
                inputs = [values[k] if k >= 0 else index[-1 - k] for k in cut.given]
                held = iter(own[len(programs[0].constants) :] if number else own)
                table = {**functions, "array": lambda _: next(held)}
                return programs[number].run(table, inputs)

            def lift(start: Any) -> list[Any]:
                values = []
                for k, ref in enumerate(given[: len(arrays)]):
                    where: list[Any] = [slice(None)] * len(ref.shape)
                    if k in at and self.inside:
                        where[at[k]] = pl.ds(start, self.block)
                    values.append(ref[tuple(where)])
                values.append(self.first + start + jnp.arange(self.block))
                found = run(0, self.lifting, values)
                return [x.astype(of.dtype) for x, of in zip(found, shapes, strict=True)]

            def merge(state: Sequence[Any], more: Sequence[Any]) -> list[Any]:
                fixed = [ref[...] for ref in given[: len(self.fold.head.cod)]][: self.fold.fixed]
                found = run(1, self.merging, [*state, *more, *fixed])
                return [x.astype(of.dtype) for x, of in zip(found, shapes, strict=True)]

            def write(state: Sequence[Any]) -> None:
                for ref, value in zip(outs, state, strict=True):
                    ref[...] = value

            if self.inside:
                write(jax.lax.fori_loop(
                    1, full, lambda k, state: merge(state, lift(k * self.block)), lift(0)
                ))  # fmt: skip
                return
            step = pl.program_id(len(grid))
            lifted = lift(step * self.block)
            pl.when(step == 0)(lambda: write(lifted))
            pl.when(step > 0)(lambda: write(merge([ref[...] for ref in outs], lifted)))

        made = pl.pallas_call(
            kernel,
            grid=tuple(grid) if self.inside else (*grid, full),
            in_specs=specs,
            out_specs=results,
            out_shape=[jax.ShapeDtypeStruct(x.shape, x.dtype) for x in shapes],
            interpret=self.interpret,
        )(*arrays, *known)
        return tuple(made)
