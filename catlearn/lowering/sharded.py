"""Folds over devices: each reads its part of the variable, and the states are merged.

What is exchanged is a state from each device, never an input: merging is associative, so the parts
are merged in a tree. In the reverse pass each device forms the cotangents of its own part; those of
arrays that all blocks read are summed over the devices. Of a prefix fold a device begins with the
state of the parts before its own, and has its part of the outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from catlearn.errors import UnknownName, did_you_mean, expect, fault
from catlearn.lowering.streamed import FoldRun, LoweredFold, PrefixRun, is_inexact
from catlearn.streams.folding import Fold
from catlearn.streams.prefix import PrefixFold
from catlearn.streams.rules import StreamRefused

WHOLE = PartitionSpec()


class ShardedFold(LoweredFold):
    """A fold as a pure function, with the indices of its variable over an axis of a mesh.

    Made by :func:`to_shards`.
    """

    mesh: jax.sharding.Mesh
    name: str

    def run_of(self, fold: Fold | PrefixFold, sizes: Mapping[int, int]) -> FoldRun:
        """Return what runs, at the size of each axis."""
        kind: Any = _PrefixShards if isinstance(fold, PrefixFold) else _Shards
        found = kind(fold, sizes, self.block, self._known, self.reverse)
        found.mesh, found.name = self.mesh, self.name
        number, length = self.mesh.shape[self.name], found.length
        if length % number:
            message = f"has {length} indices, which {number} devices do not divide"
            raise fault("this call", "shards", f"axis {fold.variable}", message)
        return found


def to_shards(
    fold: Fold | PrefixFold,
    mesh: jax.sharding.Mesh,
    name: str,
    sizes: Mapping[str, Any] | None = None,
    *,
    block: int = 64,
    group: Mapping[str, int] | None = None,
) -> ShardedFold:
    """Return a fold as a JAX function of which each device reads a part of the variable.

    Each device hands its state to the others, and no input. Inputs keep how they are sharded over
    other axes of the mesh.

    Parameters
    ----------
    fold
        The fold.
    mesh
        The devices.
    name
        The axis of the mesh over which the indices of the variable are spread.
    sizes, block, group
        As for :func:`catlearn.lower` of a fold; blocks are those of a device.

    Raises
    ------
    UnknownName
        If the mesh has no such axis.
    StreamRefused
        If what a block of a prefix fold adds depends on the state before it.
    InvalidStructure
        If the type of the axis is not ``Auto``; in a call, if the devices do not divide the number
        of indices.

    Examples
    --------
    >>> from catlearn.arrays import idle, softmax, einsum
    >>> from catlearn.streams import stream
    >>> fold = stream(softmax("[x]") @ idle >> einsum("x, x e -> e"), "x")
    >>> kinds = (jax.sharding.AxisType.Auto,)
    >>> fn = to_shards(fold, jax.make_mesh((1,), ("devices",), kinds), "devices")
    >>> fn({}, jnp.zeros(8), jnp.ones((8, 2)))
    Array([1., 1.], dtype=float32)
    """
    expect(fold, (Fold, PrefixFold), "the first argument", "a fold")
    expect(mesh, jax.sharding.Mesh, "the second argument", "a mesh of devices")
    if name not in mesh.shape:
        hint = did_you_mean(name, mesh.axis_names)
        raise UnknownName(f"the mesh has no axis {name!r}; {hint}")
    if mesh.axis_types[mesh.axis_names.index(name)] != jax.sharding.AxisType.Auto:
        message = "has another type than jax.sharding.AxisType.Auto; give axis_types to make_mesh"
        raise fault("options", "shards", f"axis {name!r}", message)
    reverse = "stream"
    if isinstance(fold, PrefixFold):
        reverse = "checkpoint"
        if fold.merge is None:
            raise StreamRefused(
                fold.variable,
                f"{fold.unmerged}; so states of parts are not merged, and devices would wait for "
                "each other",
            )
    found = ShardedFold(fold, sizes, block=block, group=group, reverse=reverse)
    found.mesh, found.name = mesh, name
    return found


class _Local(FoldRun):
    """A fold at given sizes, of which each device of a mesh runs a part."""

    mesh: jax.sharding.Mesh
    name: str

    def local(self, function: Callable[..., Any], results: Any, arrays: Sequence[Any]) -> Any:
        """Run a function of a part of the fold, fixed arrays, entries and others on each device."""
        number = self.mesh.shape[self.name]
        length = self.length // number
        entries = [PartitionSpec(*[None] * p, self.name) for p in self.fold.entries]

        def own(first: Any, *arrays: Any) -> Any:
            return function(self.within(first[0], length), *arrays)

        return jax.shard_map(
            own,
            mesh=self.mesh,
            in_specs=(PartitionSpec(self.name), WHOLE, entries, *[WHOLE] * (len(arrays) - 2)),
            out_specs=results,
            axis_names={self.name},
            check_vma=False,
        )(jnp.arange(number) * length, *arrays)

    def gathered(self, state: Any) -> list[tuple[Any, ...]]:
        """Return the states of all devices, in their order."""
        every = jax.lax.all_gather(state, self.name)
        return [tuple(x[k] for x in every) for k in range(self.mesh.shape[self.name])]


class _Shards(_Local):
    """A fold that reduces its variable: the state is that of all parts, merged in a tree."""

    def state(self, fixed: Sequence[Any], entries: Sequence[Any]) -> Any:
        """Return the state after all blocks."""

        def whole(one: FoldRun, fixed: Any, entries: Any) -> Any:
            def merged(state: Any) -> Any:
                states = self.gathered(state)
                while len(states) > 1:
                    pairs = zip(states[::2], states[1::2], strict=False)
                    left = states[len(states) & ~1 :]
                    states = [one.part("merge", (*a, *b, *fixed)) for a, b in pairs] + left
                return states[0]

            return one.joined(fixed, entries, merged)

        return self.local(whole, WHOLE, (fixed, entries))

    def ties(self, state: Any, references: Any, fixed: Any, entries: Any) -> dict[int, Any]:
        """Return how many entries are the greatest, for each that outputs depend on."""
        if not self.greatest():
            return {}

        def counted(one: FoldRun, fixed: Any, entries: Any, state: Any, references: Any) -> Any:
            return jax.lax.psum(one.ties(state, references, fixed, entries), self.name)

        return self.local(counted, WHOLE, (fixed, entries, state, references))

    def swept(
        self, references: Any, fixed: Any, entries: Any, state: Any, of_state: Any, ties: Any
    ) -> tuple[list[Any], list[Any]]:
        """Return the cotangents of what all blocks read, and of what blocks are read of."""
        places = zip(self.fold.entries, entries, strict=True)
        specs = [PartitionSpec(*[None] * p, self.name) for p, x in places if is_inexact(x)]

        def one_part(
            one: FoldRun, fixed: Any, entries: Any, references: Any, state: Any, of_state: Any,
            ties: Any,
        ) -> Any:  # fmt: skip
            of_fixed, own = one.swept(references, fixed, entries, state, of_state, ties)
            return jax.lax.psum(of_fixed, self.name), own

        of_real = [one if is_inexact(one) else None for one in of_state]
        arrays = fixed, entries, references, state, of_real, ties
        return self.local(one_part, (WHOLE, specs), arrays)


class _PrefixShards(PrefixRun, _Local):
    """A prefix fold: each device begins with the state of the parts before its own.

    The states of parts are formed first, by lift and merge; then blocks of outputs, as ever. JAX
    goes back through both, with the state of each block kept.
    """

    def passed(self, fixed: Any, entries: Any, kind: Any) -> tuple[list[Any], tuple[Any, ...]]:
        """Return what is made of all blocks, each device of its own, and the last state."""

        def part(one: Any, fixed: Any, entries: Any) -> Any:
            own = one.alone(fixed, entries)

            def merge(state: Any, more: Any) -> Any:
                return one.part("merge", (*state, *more, *fixed[one.scans :]))

            until = [*accumulate(self.gathered(own), merge)]
            ends = [one.placed(state, fixed) for state in until]
            place = jax.lax.axis_index(self.name)
            before = [jnp.stack(x)[place - 1] for x in zip(*ends, strict=True)]
            begin, began = place == 0, one.began

            def begun(fixed: Any, entries: Any) -> Any:
                if one.fold.unit:
                    first, made = began(fixed, entries)
                    pairs = zip(first, before, strict=True)
                    return [jnp.where(begin, a, b) for a, b in pairs], made
                blocks = one.blocks(entries, 0, one.block)
                return jax.lax.cond(
                    begin,
                    lambda: one.parts("first", (), fixed, blocks),
                    lambda: one.parts("step", before, fixed, blocks),
                )

            one.began = begun
            whole, _ = one.passed(fixed, entries, kind)
            return whole, ends[-1]

        exits = [PartitionSpec(*[None] * axis, self.name)
                 for axis in self.fold.exits if axis is not None]  # fmt: skip
        whole, last = self.local(part, (exits, WHOLE), (fixed, entries))
        return whole, (None, None, last)
