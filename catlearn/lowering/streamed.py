"""Folds as JAX functions: one loop over blocks, and a reverse pass that keeps no intermediate.

The value is one ``lax.scan`` over blocks, with the state as what is carried. For gradients nothing
but the inputs and the last state is kept: the cotangents of the state are found at references that
*move* (each is read from the moved accumulators before it), and a second loop forms each block's
contributions again, at the references of the last state, and takes their vector-Jacobian product.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.custom_batching import custom_vmap
from jax.interpreters import ad

from catlearn.arrays.forms import IndexPart
from catlearn.arrays.masks import hidden_rows
from catlearn.arrays.programs import Program, programmed
from catlearn.errors import (
    CatlearnError,
    UnknownName,
    called,
    did_you_mean,
    expect,
    expect_dicts,
    refuse,
)
from catlearn.models.circuits import LoweredCircuit, functions_of
from catlearn.streams.folding import Fold, Grouping, before, grouped, refuse_blocks
from catlearn.streams.prefix import PrefixFold
from catlearn.streams.skipping import Skip, hidden, skips, starts_empty


class LoweredFold:
    """A fold as a pure function ``fn(params, *arrays)``.

    It may be jitted, differentiated (twice, too) and vmapped.

    Parameters
    ----------
    fold
        The fold.
    sizes
        Sizes by name, that do not follow from the arrays.
    block
        How many indices of the variable are read at a time.
    group
        Axes of the outputs of which blocks run one after the other, with the size of these.
    reverse
        How gradients are formed: ``"stream"``, from the last state; or ``"checkpoint"``, an
        ordinary loop that keeps the state of each block, and can be differentiated forward; equal
        greatest entries of different blocks do not share its gradient equally.

    Raises
    ------
    InvalidStructure
        Listing block sizes that are no numbers from 1.
    StreamRefused
        If an axis of ``group`` is not in each output.
    """

    def __init__(
        self,
        fold: Fold | PrefixFold,
        sizes: Mapping[str, Any] | None = None,
        *,
        block: int = 64,
        group: Mapping[str, int] | None = None,
        reverse: str = "stream",
    ) -> None:
        what = "a fold, as stream(circuit, variable) makes it"
        expect(fold, (Fold, PrefixFold), "what is lowered", what)
        expect_dicts("a dict from axes to sizes of blocks", group=group)
        group = dict(group or {})
        refuse_blocks({fold.variable: block, **group})
        if reverse not in REVERSE:
            raise UnknownName(f"reverse={reverse!r} is not known; {did_you_mean(reverse, REVERSE)}")
        self.fold, self.block, self.group, self.reverse = fold, block, group, reverse
        self.lowered = LoweredCircuit(fold.circuit, sizes)
        self._given = LoweredCircuit(fold.given, sizes)
        self._known: dict[Any, Program] = {}
        self._runs: dict[tuple[tuple[int, ...], ...], Any] = {}
        circuit, self._groups = fold.circuit, list[tuple[Grouping, int]]()
        for name, size in group.items():
            self._groups.append((grouped(circuit, name), size))
            circuit = self._groups[-1][0].body
        self._inner = fold.again(circuit) if group else fold

    def init(self, key: jax.Array, dtype: Any = None) -> dict[str, Any]:
        """Return starting parameters, as :meth:`LoweredCircuit.init` does."""
        return self.lowered.init(key, dtype)

    @called
    def __call__(self, params: Mapping[str, Any], *arrays: Any, key: Any = None) -> Any:
        """Return the outputs: an array, or a tuple of them.

        A fold draws no samples, so that a key changes nothing, as with circuits that draw none.

        Raises
        ------
        InvalidStructure
            If parameters are missing, or shapes do not agree, listing all.
        """
        self.lowered.takes(len(arrays))
        values = self.lowered.arrays((*arrays, *self.lowered.values(params)))
        shapes = tuple(one.shape for one in values)
        if shapes not in self._runs:
            refuse_hidden(self._given, shapes)
            self._runs[shapes] = self._run(shapes)
        found = self._runs[shapes](*values)
        return found[0] if len(found) == 1 else found

    def _run(self, shapes: Sequence[tuple[int, ...]]) -> Any:
        """Return what runs on arrays of these shapes."""
        sizes = self.lowered.sizes(shapes)
        blocks = {one.block: min(size, sizes[one.axis]) for one, size in self._groups}
        run: Any = self.run_of(self._inner, {**sizes, **blocks})
        for k, (one, _) in reversed([*enumerate(self._groups)]):
            before = {g.block: blocks[g.block] for g, _ in self._groups[:k]}
            run = _Groups(one, k, run, {**sizes, **before}, blocks[one.block], self._known)
        if self.reverse == "checkpoint":
            return lambda *values: run.forward(*values)[0]
        return differentiable(run)

    def run_of(self, fold: Fold | PrefixFold, sizes: Mapping[int, int]) -> FoldRun:
        """Return what runs, at the size of each axis."""
        return run_of(fold, sizes, self.block, self._known, self.reverse)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.fold!r}, block={self.block})"


def refuse_hidden(lowered: LoweredCircuit, shapes: Sequence[tuple[int, ...]]) -> None:
    """Refuse masks whose conditions hide a whole row of a softmax, listing them."""
    failures = hidden_rows(lowered.circuit.apex, lowered.sizes(shapes))
    refuse("this circuit", failures)


REVERSE = ("stream", "checkpoint")

SEVERAL = 16
"""From how many blocks on sums over them are compensated, where they are small."""

SMALL = 32
"""How many times fewer numbers than what is read by blocks has what is small."""

ROUNDING = 8
"""By how many times the precision of its type an entry that is formed again may differ."""


def run_of(
    fold: Fold | PrefixFold, sizes: Mapping[int, int], block: int,
    known: dict[Any, Program] | None = None, reverse: str = "stream",
) -> FoldRun:  # fmt: skip
    """Return the run of a fold at sizes of its axes."""
    kind: Any = PrefixRun if isinstance(fold, PrefixFold) else FoldRun
    kind = TotalRun if isinstance(fold, Fold) and fold.total is not None else kind
    return kind(fold, sizes, block, {} if known is None else known, reverse)


def either(closed: Iterable[Any]) -> Any:
    """Return whether any of some booleans is true."""
    return reduce(operator.or_, closed)


@custom_vmap
def in_all(holds: Any) -> Any:
    """Return a boolean, or in ``jax.vmap`` whether it holds in all examples, which branch alike."""
    return holds


@in_all.def_vmap
def _in_all(size: int, mapped: Sequence[bool], holds: Any) -> tuple[Any, bool]:
    return jnp.all(holds, axis=0), False


def everywhere(conditions: Iterable[Any]) -> Any:
    """Return whether arrays of booleans hold, looking at those of one shape together."""
    found: dict[tuple[int, ...], Any] = {}
    for one in conditions:
        found[one.shape] = found[one.shape] & one if one.shape in found else one
    return reduce(operator.and_, (in_all(one.all()) for one in found.values()), jnp.asarray(True))


def differentiable(run: Any, whole: Any = None) -> Any:
    """Return the value of a run with its own reverse pass, both traced once for inputs of a kind.

    Differentiated forward it is refused where that is seen; inside of ``jax.jit`` that is
    differentiated itself, and by ``jax.linearize``, JAX says what it says of any such function.

    Parameters
    ----------
    run
        The run.
    whole
        What gives the value where no gradient is asked for; the run unless said.
    """
    saved, pulled = jax.jit(run.saved), jax.jit(run.backward)

    def value(*inputs: Any) -> Any:
        if run.saves_more:
            return run.forward(*inputs)[0]
        with jax.sharding.use_abstract_mesh(jax.sharding.get_abstract_mesh()):
            return saved(*inputs)[0]  # its trace is that of the gradient, where a mesh is named

    function = jax.custom_vjp(whole or jax.jit(value))

    def forward(*inputs: Any) -> Any:
        found, state = saved(*inputs)
        return found, (inputs, state)

    def backward(kept: Any, given: Any) -> tuple[Any, ...]:
        inputs, state = kept
        found = iter(pulled(inputs, state, given))
        return tuple(
            next(found) if is_inexact(x) else np.zeros(x.shape, jax.dtypes.float0) for x in inputs
        )

    function.defvjp(forward, backward)

    def checked(*inputs: Any) -> Any:
        if any(map(is_forward, inputs)):
            raise CatlearnError(
                "a fold has a reverse pass of its own, and is not differentiated forward; "
                'cl.lower(fold, reverse="checkpoint") is, and keeps the state of each block'
            )
        return function(*varying(inputs))

    return checked


def varying(arrays: Any, *others: Any) -> Any:
    """Return arrays as they are on each device, where any of them or of others is so.

    Inside of ``jax.shard_map`` what is carried by a loop has to be so from the start on.
    """

    def own(one: Any) -> frozenset[str]:
        known: Any = jax.typeof(one)
        return known.manual_axis_type.varying if hasattr(known, "manual_axis_type") else known.vma

    axes = frozenset[str]().union(*map(own, jax.tree.leaves((arrays, others))))

    def cast(one: Any) -> Any:
        missing = tuple(sorted(axes - own(one)))
        return jax.lax.pcast(one, missing, to="varying") if missing else one

    return jax.tree.map(cast, arrays) if axes else arrays


def is_forward(x: Any) -> bool:
    """Whether an array is differentiated forward, as far as is seen: not inside of ``jax.jit``."""
    while isinstance(x, Tracer) and hasattr(x, "batch_dim"):
        x = x.val  # of a map
    # reverse passes linearise by tracers of another class
    return (
        getattr(jax.config, "jax_use_direct_linearize", True)
        and isinstance(x, ad.JVPTracer)
        and not isinstance(x.tangent, ad.Zero)
    )


def _sliced(arrays: Sequence[Any], axes: Sequence[int], start: Any, block: int) -> list[Any]:
    """Return the blocks of arrays that start at an index, and the indices."""
    found = [
        jax.lax.dynamic_slice_in_dim(one, start, block, axis, allow_negative_indices=False)
        for one, axis in zip(arrays, axes, strict=True)
    ]
    return [*found, start + jnp.arange(block)]


def _written(
    arrays: Sequence[Any], blocks: Sequence[Any], axes: Sequence[int], start: Any
) -> list[Any]:
    """Return arrays with blocks put where they start."""
    return [
        jax.lax.dynamic_update_slice_in_dim(
            whole, one.astype(whole.dtype), start, axis, allow_negative_indices=False
        )
        for whole, one, axis in zip(arrays, blocks, axes, strict=True)
    ]


class Stacks:
    """Arrays of which small ones of one shape and type are stacked.

    What a loop carries in a stack is the result of one kernel, and not of one for each array.

    Parameters
    ----------
    arrays
        The arrays, or what has their shapes and types.
    read
        What small ones are smaller than.
    """

    def __init__(self, arrays: Sequence[Any], read: Sequence[Any]) -> None:
        same: dict[Any, list[int]] = {}
        for k, one in enumerate(arrays):
            same.setdefault((one.shape, one.dtype), []).append(k)
        self.places: list[list[int]] = []
        for own in same.values():
            small = sum(arrays[k].size for k in own) < sum(one.size for one in read)
            self.places += [own] if small else [[k] for k in own]

    def together(self, arrays: Sequence[Any]) -> list[Any]:
        """Return the stacks."""
        return [jnp.stack([arrays[k] for k in own]) if len(own) > 1 else arrays[own[0]]
                for own in self.places]  # fmt: skip

    def apart(self, stacks: Sequence[Any]) -> list[Any]:
        """Return the arrays of stacks."""
        found = {}
        for own, one in zip(self.places, stacks, strict=True):
            found |= {k: one[n] if len(own) > 1 else one for n, k in enumerate(own)}
        return [found[k] for k in range(len(found))]


class _Groups:
    """Blocks of outputs, one after the other."""

    def __init__(
        self, grouping: Grouping, depth: int, inner: Any, sizes: Mapping[int, int], block: int,
        known: dict[Any, Program],
    ) -> None:  # fmt: skip
        self.grouping, self.inner, self.sizes, self.block = grouping, inner, sizes, block
        self.known, self.depth, self.saves_more = known, depth, inner.saves_more
        self.full, self.rest = divmod(sizes[grouping.axis], block)

    def head(self, *inputs: Any) -> tuple[list[Any], list[Any]]:
        """Return what is fixed, and of what blocks are read."""
        key = "group", self.depth, tuple(sorted(self.sizes.items()))
        if key not in self.known:
            self.known[key] = programmed(self.grouping.head, self.sizes)
        made = self.known[key].run(functions_of(None), inputs)
        return made[: self.grouping.fixed], made[self.grouping.fixed :]

    def at(self, block: int) -> Any:
        """Return what runs for a block."""
        return self.inner.resized(self.grouping.block, block)

    def forward(self, *inputs: Any) -> tuple[Any, Any]:
        """Return the outputs, and the state of each block."""
        return self._made(inputs, lambda run, *own: run.forward(*own))

    def saved(self, *inputs: Any) -> tuple[Any, Any]:
        """Return the outputs, and what the reverse pass of each block needs."""
        return self._made(inputs, lambda run, *own: run.saved(*own))

    def _made(self, inputs: Sequence[Any], run: Any) -> tuple[Any, Any]:
        fixed, entries = self.head(*inputs)
        exits = self.grouping.exits

        def one(start: Any, block: int) -> Any:
            blocks = _sliced(entries, self.grouping.entries, start, block)
            return run(self.at(block), *fixed, *blocks)

        found, last = [], None
        starts = jnp.arange(self.full) * self.block
        made, states = jax.lax.map(lambda start: one(start, self.block), starts)
        for array, axis in zip(made, exits, strict=True):
            moved = jnp.moveaxis(array, 0, axis)
            found.append(moved.reshape(*moved.shape[:axis], -1, *moved.shape[axis + 2 :]))
        if self.rest:
            made, last = one(self.full * self.block, self.rest)
            pairs = zip(found, made, exits, strict=True)
            found = [jnp.concatenate([a, b], axis) for a, b, axis in pairs]
        return tuple(found), (states, last)

    def backward(self, inputs: Sequence[Any], state: Any, given: Sequence[Any]) -> Sequence[Any]:
        """Return the cotangents of the inputs that are real."""
        (fixed, entries), back = _head_vjp(self.head, inputs)
        axes = [a for a, x in zip(self.grouping.entries, entries, strict=True) if is_inexact(x)]
        states, last = state

        def step(carried: Any, start: Any, block: int, own: Any) -> Any:
            of_fixed, of_entries = carried
            blocks = _sliced(entries, self.grouping.entries, start, block)
            part = _sliced(given, self.grouping.exits, start, block)[:-1]
            found = self.at(block).backward((*fixed, *blocks), own, part)
            count = len(of_fixed)
            of_fixed = added(of_fixed, found[:count])
            return of_fixed, _written(of_entries, found[count:], axes, start)

        carried: Any = tuple(
            [jnp.zeros_like(x) for x in some if is_inexact(x)] for some in (fixed, entries)
        )
        starts = jnp.arange(self.full) * self.block
        carried, _ = jax.lax.scan(
            lambda c, now: (step(c, now[0], self.block, now[1]), None), carried, (starts, states)
        )
        if self.rest:
            carried = step(carried, self.full * self.block, self.rest, last)
        return back([*carried])

    def resized(self, axis: int, size: int) -> _Groups:
        """Return it for another size of an axis."""
        return _Groups(
            self.grouping, self.depth, self.inner.resized(axis, size),
            {**self.sizes, axis: size}, self.block, self.known,
        )  # fmt: skip


def _head_vjp(head: Any, inputs: Sequence[Any]) -> tuple[Any, Any]:
    """Return two lists of arrays, and what takes cotangents of their real ones to the inputs'."""

    def real(*own: Any) -> Any:
        made = head(*put(inputs, own))
        return [[x for x in some if is_inexact(x)] for some in made], made

    out, back, made = jax.vjp(real, *(x for x in inputs if is_inexact(x)), has_aux=True)

    def pulled(cotangents: Any) -> Any:  # they may be wider than what they are of
        return back(jax.tree.map(lambda x, own: x.astype(own.dtype), cotangents, out))

    return made, pulled


class FoldRun:
    """A fold at given sizes.

    Parameters
    ----------
    fold
        The fold.
    sizes
        The size of each axis by its row.
    block
        How many indices are read at a time.
    known
        Programs that were made; those that are made are added.
    reverse
        How gradients are formed.

    Attributes
    ----------
    saves_more
        Whether more is computed for the reverse pass than for the value.
    """

    saves_more = False

    def __init__(
        self, fold: Fold, sizes: Mapping[int, int], block: int, known: dict[Any, Program],
        reverse: str,
    ) -> None:  # fmt: skip
        self.fold, self.sizes, self.known, self.reverse = fold, sizes, known, reverse
        self.length, self.asked = sizes[fold.axis], block
        self.first: Any = 0
        self.block = min(block, self.length)
        self.masks = skips(fold) if isinstance(fold, Fold) else ()
        self.functions = functions_of(None)

    def resized(self, axis: int, size: int) -> FoldRun:
        """Return it for another size of an axis."""
        found = copy(self)
        found.sizes = {**self.sizes, axis: size}
        return found

    def within(self, first: Any, length: int) -> FoldRun:
        """Return it for the indices of the variable from one on, so many."""
        found = run_of(self.fold, self.sizes, self.asked, self.known, self.reverse)
        found.first, found.length, found.block = first, length, min(self.asked, length)
        return found

    def part(self, name: str, arrays: Sequence[Any], block: int = 0) -> tuple[Any, ...]:
        """Run one of the circuits of the fold; of its terms as far as :meth:`needed`."""
        key = name, block, tuple(sorted(self.sizes.items()))
        if key not in self.known:
            circuit, sizes = getattr(self.fold, name), {**self.sizes, self.fold.block: block}
            if name == "terms":
                circuit = before(circuit, [circuit.cod[k] for k in self.needed()])
            self.known[key] = programmed(circuit, sizes)
        return tuple(self.known[key].run(self.functions, arrays))

    def head(self, *inputs: Any) -> tuple[list[Any], list[Any]]:
        """Return what is fixed, and what is read by blocks, in at least 32 bits."""
        made = [*map(wide, self.part("head", inputs))]
        return made[: self.fold.fixed], made[self.fold.fixed :]

    def blocks(self, entries: Sequence[Any], start: Any, block: int) -> list[Any]:
        """Return the blocks of some arrays that start at an index, and the indices."""
        *found, index = _sliced(entries, self.fold.entries, start, block)
        return [*found, self.first + index]

    def over(self, step: Any, carried: Any, first: int = 0) -> Any:
        """Carry something over all blocks from one on; ``step(carried, start, block)``."""
        full, rest = divmod(self.length, self.block)
        starts = np.arange(first, full, dtype=np.int32) * self.block
        if len(starts):
            carried, _ = jax.lax.scan(
                lambda state, start: (step(state, start, self.block), None), carried, starts
            )
        return step(carried, full * self.block, rest) if rest else carried

    def state(self, fixed: Sequence[Any], entries: Sequence[Any]) -> Any:
        """Return the state after all blocks."""
        return self.joined(fixed, entries, tuple)

    def joined(
        self, fixed: Sequence[Any], entries: Sequence[Any], join: Callable[[Any], Any]
    ) -> Any:
        """Return the state after all blocks, merged with those of others.

        A block that a finite fill hides adds nothing to a state all of whose rows have an open
        entry. Since the order does not matter, it comes after all others, or not at all.

        Parameters
        ----------
        join
            Merges a state with those of others.
        """
        own = self.seen(fixed, entries)
        masks, state = self.closing(), join(own)
        if all(one.is_sure for one in masks):
            return state

        def whole(own: Any, state: Any) -> Any:
            sure = self.sure(masks, state, fixed)
            step = self.kept(partial(added, sure))
            begun = self.beginning(fixed, entries)[1]
            return jax.lax.cond(
                reduce(operator.and_, sure),
                lambda: state,
                lambda: join(self.over(step, own, begun)),
            )

        def added(sure: Any, state: Any, start: Any, block: int) -> Any:
            read = self.blocks(entries, start, block)
            closed = self.closed(masks, (*fixed, *read))

            def run(state: Any) -> Any:
                return self.part("step", (*state, *fixed, *read), block)

            late = either(closed) & ~either(map(operator.and_, closed, sure))
            return jax.lax.cond(late, run, tuple, state)

        whole = jax.checkpoint(whole) if self.reverse == "checkpoint" else whole
        return whole(own, state)

    def kept(self, step: Any) -> Any:
        """Return a step of which a loop that JAX goes back through keeps the state before it."""
        return jax.checkpoint(step, static_argnums=(2,)) if self.reverse == "checkpoint" else step

    def seen(self, fixed: Sequence[Any], entries: Sequence[Any]) -> Any:
        """Return the state after all blocks but those that masks hide."""
        masks = self.closing()
        state, first = self.beginning(fixed, entries)
        count, left = len(state), varying(self.left(state, entries), fixed, entries)
        name, state = "compensated" if left else "step", [*state, *left]
        stacks = Stacks(state, entries)

        def step(carried: Any, start: Any, block: int) -> Any:
            read = self.blocks(entries, start, block)

            def run(carried: Any) -> Any:
                own = stacks.apart(carried)
                return stacks.together(self.part(name, (*own, *fixed, *read), block))

            closed = self.closed(masks, (*fixed, *read))
            return jax.lax.cond(either(closed), list, run, carried) if masks else run(carried)

        found = self.over(self.kept(step), stacks.together(state), first)
        return tuple(stacks.apart(found)[:count])

    def beginning(self, fixed: Sequence[Any], entries: Sequence[Any]) -> tuple[Any, int]:
        """Return the state that blocks begin with, and how many blocks it has read."""
        made = self.lifted(fixed, entries)
        if not (starts_empty(self.fold) and all(map(is_inexact, made))):
            return self.lift(fixed, entries), 1
        return varying(tuple(self.empty(made)), fixed, entries), 0

    def empty(self, like: Sequence[Any]) -> list[Any]:
        """Return the state of no index, of the shapes and types of a state."""
        return [
            jnp.full(one.shape, -jnp.inf if kind == "max" else 0, one.dtype)
            for one, kind in zip(like, self.fold.kinds, strict=True)
        ]

    def lift(self, fixed: Sequence[Any], entries: Sequence[Any]) -> tuple[Any, ...]:
        """Return the state of the first block."""
        return self.part("lift", (*fixed, *self.blocks(entries, 0, self.block)), self.block)

    def lifted(self, fixed: Sequence[Any], entries: Sequence[Any]) -> Sequence[Any]:
        """Return the shapes and types of a state.

        Where all is real numbers of one type, so is the state, and nothing has to be traced.
        """
        H, kind = self.fold.lift.apex, jnp.result_type(float)
        dom, cod, axes = self.fold.lift.dom, self.fold.lift.cod, H.lists["axes"]
        given = zip(dom, (*fixed, *entries), strict=False)
        if (
            any(one.kernel.name in ("cast", "opaque") for one in H.operations)
            or any(H.types[wire] != "R" for wire in cod)
            or any(H.types[wire] != "N" and x.dtype != kind for wire, x in given)
        ):
            return jax.eval_shape(self.lift, fixed, entries)
        shapes = ([self.sizes[axis] for axis in axes.row(wire).tolist()] for wire in cod)
        return [jax.ShapeDtypeStruct(shape, kind) for shape in shapes]

    def left(self, state: Sequence[Any], entries: Sequence[Any]) -> list[Any]:
        """Return zeros for what rounding leaves out of the sums of a state, if it is kept."""
        sums = [one for one, kind in zip(state, self.fold.kinds, strict=True) if kind == "sum"]
        return [*map(jnp.zeros_like, sums)] if self.compensates(state, entries) else []

    def left_of(self, sums: Sequence[Any], entries: Sequence[Any]) -> list[Any]:
        """Return zeros for what rounding leaves out of each sum, or None where it is not kept."""
        return [jnp.zeros_like(x) if self.compensates([x], entries) else None for x in sums]

    def compensates(self, arrays: Sequence[Any], entries: Sequence[Any]) -> bool:
        """Whether what rounding leaves out of sums over blocks is kept: these are many.

        It takes as much as the arrays, which have to be small.
        """
        many = self.length // self.block >= SEVERAL
        return many and SMALL * sum(one.size for one in arrays) < sum(one.size for one in entries)

    def increased(
        self, sums: Sequence[Any], left: Sequence[Any], more: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """Return sums and more, each with what rounding left out of it, or None."""
        pairs = [
            (total + one, None) if own is None else self.functions["compensated"](total, one, own)
            for total, own, one in zip(sums, left, more, strict=True)
        ]
        return [total for total, _ in pairs], [rest for _, rest in pairs]

    def closing(self) -> list[Skip]:
        """List the masks that may hide a whole block."""
        place = len(self.fold.terms.dom) - 1

        def may_close(one: Skip) -> bool:
            known = {*one.places.values()} <= {place} and type(self.first) is int
            if not one.conditions or not known or any(
                isinstance(atom, IndexPart) for form in one.conditions for atom, _ in form.terms
            ):  # fmt: skip
                return True
            last = self.first + self.length - 1
            bounds = [
                one.greatest(self.sizes, lambda _, ends=ends: ends)
                for ends in ((self.first, self.first + self.block - 1), (last, last))
            ]
            return any(bound < 0 for some in bounds for bound in some)  # affine: least at an end

        return [one for one in self.masks if may_close(one)]

    def closed(self, masks: Sequence[Skip], arrays: Sequence[Any]) -> list[Any]:
        """Say of each mask whether it hides all of a block.

        Parameters
        ----------
        arrays
            What is fixed, the blocks, and the indices: of the variable, and of another axis.
        """
        count, read = len(self.fold.references.cod), self.fold.fixed + len(self.fold.entries)

        def ends(place: int) -> tuple[Any, Any]:
            one = arrays[place if place < 0 else place - count]
            if not 0 <= place < count + read:
                return one[0], one[-1]  # indices, in order
            return one.min(), one.max()

        return hidden(masks, self.sizes, ends)

    def sure(
        self, masks: Sequence[Skip], state: Any, fixed: Sequence[Any], references: Any = None
    ) -> list[Any]:
        """Say of each mask whether what it hides adds nothing to a state.

        Parameters
        ----------
        references
            Of the state, if they are known.
        """
        needed = references is None and any(one.vanishing for one in masks)
        known: Any = self.part("references", (*state, *fixed)) if needed else references
        return [
            everywhere([
                *(jnp.exp(c - known[k]) == 0 for c, k in one.vanishing),
                *(state[k] > c for c, k in one.below),
            ])
            for one in masks
        ]  # fmt: skip

    def forward(self, *inputs: Any) -> tuple[Any, Any]:
        """Return the outputs and the last state."""
        fixed, entries = self.head(*inputs)
        state = self.state(fixed, entries)
        return self.ended(state, fixed, inputs), state

    def saved(self, *inputs: Any) -> tuple[Any, Any]:
        """Return the outputs, and what the reverse pass needs: the last state."""
        return self.forward(*inputs)

    def ended(self, state: Any, fixed: Sequence[Any], inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Return the outputs of a state, in the type of the inputs."""
        kinds = [one.dtype for one in inputs if is_real(one)]
        found = self.part("tail", (*state, *fixed))
        kind = jnp.result_type(*kinds) if kinds else None
        return tuple(_as(one, kind) for one in found)

    def backward(self, inputs: Sequence[Any], state: Any, given: Any) -> Sequence[Any]:
        """Return the cotangents of the inputs that are real."""

        def swept(references: Any, fixed: Any, entries: Any, of_state: Any) -> Any:
            ties = self.ties(state, references, fixed, entries)
            return self.swept(references, fixed, entries, state, of_state, ties)

        return self.pulled(inputs, state, given, swept)

    def pulled(self, inputs: Sequence[Any], state: Any, given: Any, swept: Any) -> Sequence[Any]:
        """Return the cotangents of the inputs, by what pulls those of the state back."""
        (fixed, entries), back = _head_vjp(self.head, inputs)
        references = self.part("references", (*state, *fixed))

        def tail(state: Any, own: Any) -> Any:
            whole = put(fixed, own)
            moved = self.part("moved", (*state, *references, *whole))
            return self.ended(moved, whole, inputs)

        own_fixed = [x for x in fixed if is_inexact(x)]
        _, tail_back = jax.vjp(tail, state, own_fixed)
        of_state, of_fixed = tail_back(tuple(given))
        more, of_entries = swept(references, fixed, entries, of_state)
        return back([added(of_fixed, more), of_entries])

    def swept(
        self, references: Any, fixed: Any, entries: Any, state: Any, of_state: Any, ties: Any
    ) -> tuple[list[Any], list[Any]]:
        """Return the cotangents of what all blocks read, and of what blocks are read of."""

        def sent(made: Any) -> Any:
            return self.cotangents(made, of_state, state, ties)

        _, *found = self.summed(references, fixed, entries, state, sent)
        return found[0], found[1]

    def summed(
        self, references: Any, fixed: Any, entries: Any, state: Any, sent: Any,
        sums: Sequence[Any] = (),
    ) -> Any:  # fmt: skip
        """Return sums over blocks: what they make, if sums to begin with are given, and cotangents.

        Parameters
        ----------
        sent
            From what is needed of a block to its cotangents.
        sums
            What the sums of blocks are added to.
        """
        own_fixed, own_entries = ([x for x in some if is_inexact(x)] for some in (fixed, entries))
        masks = self.closing()
        sure = self.sure(masks, state, fixed, references)

        def step(carried: Any, start: Any, block: int) -> Any:
            totals, left, of_entries = carried
            read = self.blocks(entries, start, block)
            *parts, index = read

            def terms(own: Any, blocks: Any) -> Any:
                arrays = (*references, *put(fixed, own), *put(parts, blocks), index)
                return [*self.part("terms", arrays, block)]

            def back(*own: Any) -> Any:
                made, terms_back = jax.vjp(terms, *own)
                return made if sums else [], *terms_back(sent(made))

            def nothing(*own: Any) -> Any:
                return jax.tree.map(jnp.zeros_like, ([*sums], *own))

            own = own_fixed, [x for x in parts if is_inexact(x)]
            gone = map(operator.and_, self.closed(masks, (*fixed, *read)), sure)
            made = jax.lax.cond(either(gone), nothing, back, *own) if masks else back(*own)
            more, of_more, of_block = made
            totals, left = self.increased(totals, left, [*more, *of_more])
            return totals, left, _written(of_entries, of_block, axes, start)

        axes = [a for a, x in zip(self.fold.entries, entries, strict=True) if is_inexact(x)]
        totals, count = [*sums, *map(jnp.zeros_like, own_fixed)], len(sums)
        left = self.left_of(totals, entries)
        # where blocks are all of an array, each is written, whatever is there at first
        begun = [x if x.shape[axis] == self.length else jnp.zeros_like(x)
                 for x, axis in zip(own_entries, axes, strict=True)]  # fmt: skip
        carried = varying((totals, left, begun), fixed, entries)
        totals, _, of_entries = self.over(step, carried)
        return totals[:count], totals[count:], of_entries

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
        """Return how many entries are the greatest, for each that outputs depend on.

        They are counted twice: up to the rounding of the greatest, and of what is largest.
        """
        if not self.greatest():
            return {}

        def count(start: Any, block: int) -> list[Any]:
            arrays = (*references, *fixed, *self.blocks(entries, start, block))
            made = self.part("terms", arrays, block)[-len(self.greatest()) :]
            return [
                self._summed(n, same)
                for (k, n), own in zip(self.greatest(), made, strict=True)
                for same in self.attained(n, own, state[k])
            ]

        def step(carried: Any, start: Any, block: int) -> Any:
            return added(carried, count(start, block))

        found = self.over(step, count(0, self.block), 1)
        pairs = zip(found[::2], found[1::2], strict=True)
        return {k: pair for (k, _), pair in zip(self.greatest(), pairs, strict=True)}

    def attained(self, n: int, own: Any, state: Any) -> tuple[Any, Any]:
        """Return where entries of a block are the greatest.

        They are formed again, perhaps by other instructions than those that the greatest is of: up
        to the rounding of the greatest; and of what is as large as the largest of the block, which
        a sum of large terms needs. A finite fill may be the largest, and then all are as great: so
        the second counts only where no entry is the greatest by the first.
        """
        own, greatest = jax.lax.stop_gradient(own), self.source(n, state)
        sizes = jnp.where(jnp.isfinite(own), jnp.abs(own), 0)
        largest = sizes.max(axis=self._lost(n), keepdims=True)
        near = jnp.where(jnp.isfinite(greatest), jnp.abs(greatest), 0)
        eps = ROUNDING * jnp.finfo(own.dtype).eps
        return own >= greatest - eps * near, own >= greatest - eps * jnp.maximum(near, largest)

    def _lost(self, n: int) -> tuple[int, ...]:
        return tuple(a for a, p in enumerate(self.fold.sources[n]) if p is None)

    def _summed(self, n: int, same: Any) -> Any:
        order = [p for p in self.fold.sources[n] if p is not None]
        found = same.sum(axis=self._lost(n))
        return jnp.transpose(found, np.argsort(order).tolist())

    def needed(self) -> list[int]:
        """List which terms are sums, and which are what greatest entries are of, as needed."""
        count = len(self.fold.kinds)
        sums = (k for k, kind in enumerate(self.fold.kinds) if kind == "sum")
        return [*sums, *(count + n for _, n in self.greatest())]

    def cotangents(self, made: Any, of_state: Any, state: Any, ties: Mapping[int, Any]) -> Any:
        """Return the cotangents of what is needed of a block."""
        kinds = self.fold.kinds
        found = [of for kind, of in zip(kinds, of_state, strict=True) if kind == "sum"]
        for (k, n), own in zip(self.greatest(), made[len(found) :], strict=True):
            near, far = ties[k]
            count = jnp.where(near > 0, near, far)
            share, greatest = self.source(n, of_state[k] / count), self.source(n, state[k])
            same = jnp.where(self.source(n, near > 0), *self.attained(n, own, state[k]))
            same = same | jnp.isnan(greatest)
            share = jnp.where(jnp.isnan(greatest), greatest, share)
            found.append(jnp.where(same, share, jnp.zeros_like(share)))
        return found


class TotalRun(FoldRun):
    """A fold whose state is one number: its gradient is formed with it, each block once."""

    saves_more = True

    def saved(self, *inputs: Any) -> tuple[Any, Any]:
        """Return the outputs; and the last state, with its gradient."""
        fixed, entries = self.head(*inputs)
        zeros = [jnp.zeros(one.shape, one.dtype) for one in self.lifted(fixed, entries)]
        ones = [*map(jnp.ones_like, zeros)]
        state, *slopes = self.summed((), fixed, entries, (), lambda made: ones, zeros)
        return self.ended(state, fixed, inputs), (state, slopes)

    def backward(self, inputs: Sequence[Any], state: Any, given: Any) -> Sequence[Any]:
        """Return the cotangents of the inputs that are real."""
        state, slopes = state

        def scaled(references: Any, fixed: Any, entries: Any, of_state: Any) -> Any:
            return jax.tree.map(lambda x: of_state[self.fold.total] * x, slopes)

        return self.pulled(inputs, state, given, scaled)


class PrefixRun(FoldRun):
    """A prefix fold at given sizes: what is fixed begins with the starts of what goes round."""

    fold: Any

    @property
    def scans(self) -> int:
        """How many arrays go round."""
        return self.fold.scans

    def head(self, *inputs: Any) -> tuple[list[Any], list[Any]]:
        """Return what is fixed, in at least 32 bits, and what is read by blocks."""
        made, count = self.part("head", inputs), self.scans + self.fold.fixed
        return [*map(wide, made[:count])], [*made[count:]]

    def parts(self, name: str, state: Any, fixed: Any, blocks: Any) -> tuple[list[Any], list[Any]]:
        """Return the next state, and blocks of outputs."""
        own = fixed if name == "first" else fixed[self.scans :]
        read = [*map(wide, blocks)]
        made = self.part(name, (*state, *own, *read), blocks[-1].shape[0])
        count = len(state) or len(self.fold.kinds)
        return [*made[:count]], [*made[count:]]

    def began(self, fixed: Sequence[Any], entries: Sequence[Any]) -> tuple[Any, Any]:
        """Return the state, and outputs, of the first block, or before it and of none."""
        blocks = self.blocks(entries, 0, self.block)
        if not self.fold.unit:
            return self.parts("first", (), fixed, blocks)
        own, made = jax.eval_shape(lambda: self.parts("first", (), fixed, blocks))
        count = len(own) - self.scans
        starts = (x.astype(one.dtype) for x, one in zip(fixed, own[count:], strict=False))
        return [*(jnp.zeros(one.shape, one.dtype) for one in own[:count]), *starts], made

    def forward(self, *inputs: Any) -> tuple[Any, Any]:
        """Return the outputs, and the states before blocks, and the last one."""
        fixed, entries = self.head(*inputs)
        kinds = [one.dtype for one in inputs if is_real(one)]
        kind = jnp.result_type(*kinds) if kinds else None
        whole, states = self.passed(fixed, entries, kind)
        ends = iter(self.part("tail", (*states[-1], *fixed[self.scans :])))
        blocks = iter(whole)
        found = [
            next(blocks) if axis is not None else _as(next(ends), kind) for axis in self.fold.exits
        ]
        return tuple(found), states

    def passed(self, fixed: Any, entries: Any, kind: Any) -> tuple[list[Any], tuple[Any, ...]]:
        """Return what is made of all blocks: in a type, and states before blocks, and the last."""

        def step(state: Any, start: Any, block: int) -> Any:
            return self.parts(name, state, fixed, self.blocks(entries, start, block))

        step = jax.checkpoint(step, static_argnums=(2,)) if self.reverse == "checkpoint" else step
        state, made = self.began(fixed, entries)
        count, left = len(state), self.left(state, entries)
        name = "compensated" if left else "step"
        exits = [axis for axis in self.fold.exits if axis is not None]
        whole = [
            jnp.zeros(
                (*one.shape[:axis], self.length, *one.shape[axis + 1 :]),
                kind if kind and is_real(one) else one.dtype,
            )
            for one, axis in zip(made, exits, strict=True)
        ]
        if not self.fold.unit:
            whole = _written(whole, made, exits, 0)

        def carried(before: Any, start: Any, block: int = self.block) -> Any:
            state, whole = before
            after, made = step(state, start, block)
            after = [a.astype(b.dtype) for a, b in zip(after, state, strict=True)]
            return (after, _written(whole, made, exits, start)), state[:count]

        states, state = None, [*state, *left]
        if len(self.starts()):
            (state, whole), states = jax.lax.scan(carried, (state, whole), self.starts())
        rest = self.length % self.block
        before = state[:count]
        if rest:
            (state, whole), _ = carried((state, whole), self.length - rest, rest)
        return whole, (states, before, state[:count])

    def alone(self, fixed: Sequence[Any], entries: Sequence[Any]) -> Any:
        """Return the state of these indices alone, by lift and merge."""
        inner = fixed[self.scans :]

        def lifted(start: Any, block: int) -> Any:
            read = map(wide, self.blocks(entries, start, block))
            return self.part("lift", (*inner, *read), block)

        def step(state: Any, start: Any, block: int) -> Any:
            return self.part("merge", (*state, *lifted(start, block), *inner))

        return self.over(jax.checkpoint(step, static_argnums=(2,)), lifted(0, self.block), 1)

    def placed(self, alone: Sequence[Any], fixed: Sequence[Any]) -> list[Any]:
        """Return a state of some indices alone as one from the starts on of what goes round."""
        count, inner = len(self.fold.kinds) - self.scans, fixed[self.scans :]
        sums, maps = alone[:count], alone[count:]
        if not self.scans:
            return [*sums]
        # a constant map before them
        each, before = len(maps) // self.scans, [*map(jnp.zeros_like, maps)]
        before[each - 1 :: each] = fixed[: self.scans]
        merged = self.part("merge", (*sums, *before, *alone, *inner))
        return [*sums, *merged[count + each - 1 :: each]]

    def starts(self) -> Any:
        """Return where the whole blocks start that are read with a state before them."""
        first = 0 if self.fold.unit else 1
        return np.arange(first, self.length // self.block) * self.block

    def backward(self, inputs: Sequence[Any], state: Any, given: Sequence[Any]) -> Sequence[Any]:
        """Return the cotangents of the inputs that are real."""
        (fixed, entries), back = _head_vjp(self.head, inputs)
        states, before, last = state
        own_fixed = [x for x in fixed if is_inexact(x)]
        exits = [axis for axis in self.fold.exits if axis is not None]
        of_ends = [g for g, axis in zip(given, self.fold.exits, strict=True) if axis is None]
        of_blocks = [g for g, axis in zip(given, self.fold.exits, strict=True) if axis is not None]
        axes = [a for a, x in zip(self.fold.entries, entries, strict=True) if is_inexact(x)]
        # sums that grow alone: their cotangents do, too, by those of what a block adds
        zeros = self.left(last, entries) if self.fold.unit else []
        step = "compensated" if zeros else "step"
        alone = copy(self)
        alone.functions = {**self.functions, "compensated": lambda _, *more: (more[0], more[-1])}

        def pulled(name: str, carried: Any, state: Any, start: Any, block: int) -> Any:
            """Pull the cotangents of a state, and of a block of outputs, back through a block."""
            (of_state, of_fixed), left, of_entries = carried
            *parts, index = self.blocks(entries, start, block)

            def run(own_state: Any, own: Any, blocks: Any) -> Any:
                given, read = [*put(state, own_state), *zeros], [*put(parts, blocks), index]
                after, made = alone.parts(name, given, put(fixed, own), read)
                after = after[: len(after) - len(zeros)]
                return [[x for x in some if is_inexact(x)] for some in (after, made)]

            real = [[x for x in some if is_inexact(x)] for some in (state, parts)]
            made, run_back = jax.vjp(run, real[0], own_fixed, real[1])
            cotangents = _sliced(of_blocks, exits, start, block)[:-1]
            cotangents = [g for g in cotangents if is_inexact(g)]
            of = [[g.astype(x.dtype) for g, x in zip(some, own, strict=True)]
                  for some, own in zip((of_state, cotangents), made, strict=True)]  # fmt: skip
            of_before, more, of_block = run_back(of)
            of_sums, own = self.increased(of_state[: len(zeros)], left[0], of_before[: len(zeros)])
            of_fixed, rest = self.increased(of_fixed, left[1], more)
            of = [*of_sums, *of_before[len(zeros) :]], of_fixed
            return [*of], [own, rest], _written(of_entries, of_block, axes, start)

        def tail(own_state: Any, own: Any) -> Any:
            made = self.part("tail", (*put(last, own_state), *put(fixed, own)[self.scans :]))
            return [x for x in made if is_inexact(x)]

        made, tail_back = jax.vjp(tail, [x for x in last if is_inexact(x)], own_fixed)
        real_ends = [g for g in of_ends if is_inexact(g)]
        of_state, of_fixed = tail_back([g.astype(x.dtype) for g, x in
                                        zip(real_ends, made, strict=True)])  # fmt: skip
        left = [zeros, self.left_of(of_fixed, entries)]
        of_entries = [jnp.zeros_like(x) for x in entries if is_inexact(x)]
        carried: Any = [of_state, of_fixed], left, of_entries
        rest = self.length % self.block
        if rest:
            carried = pulled(step, carried, before, self.length - rest, rest)
        if len(self.starts()):
            carried, _ = jax.lax.scan(
                lambda c, now: (pulled(step, c, now[0], now[1], self.block), None),
                carried, (states, self.starts()), reverse=True,
            )  # fmt: skip
        if not self.fold.unit:
            carried = pulled("first", carried, (), 0, self.block)
        (of_state, of_fixed), _, of_entries = carried
        scans = sum(map(is_inexact, fixed[: self.scans])) if self.fold.unit else 0
        starts = added(of_fixed[:scans], of_state[len(of_state) - scans :])
        of_starts = [x.astype(own.dtype) for x, own in zip(starts, of_fixed, strict=False)]
        return back([[*of_starts, *of_fixed[scans:]], of_entries])


def _as(x: Any, kind: Any) -> Any:
    return x.astype(kind) if kind and is_real(x) else x


def added(some: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """Return sums of arrays, one by one."""
    return [a + b for a, b in zip(some, others, strict=True)]


def is_real(x: Any) -> bool:
    """Whether an array is of real numbers."""
    return bool(jnp.issubdtype(x.dtype, jnp.floating))


def is_inexact(x: Any) -> bool:
    """Whether an array is of real or complex numbers, and so has a gradient."""
    return bool(jnp.issubdtype(x.dtype, jnp.inexact))


def wide(x: Any) -> Any:
    """Return an array in at least 32 bits."""
    return x.astype(jnp.result_type(x, jnp.float32)) if is_inexact(x) else x


def put(arrays: Sequence[Any], real: Sequence[Any]) -> list[Any]:
    """Return arrays with others for those that have a gradient."""
    left = iter(real)
    return [next(left) if is_inexact(one) else one for one in arrays]
