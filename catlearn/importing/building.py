"""Circuits while they are made of a program's arrays: boxes, and what identifies axes.

What is known of an array of the program is a :class:`~catlearn.importing.words.Value` whose source
is an array of the circuit, or a :class:`Number`, an :data:`INDEX` or a :class:`Condition`, of which
the forms say the rest. A box unites the axes of the positions that it reads by one variable; boxes
that would be the same are one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import cycle
from math import isfinite, prod
from string import ascii_lowercase
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from catlearn.arrays.blocks import flat, gate, nested
from catlearn.arrays.boxes import BoxRow, Draft, Operation
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.forms import Form, Reading, part
from catlearn.arrays.kernels import REALS, Function, Kernel
from catlearn.arrays.sizes import ONE, Scalar, Size, SizeRelation
from catlearn.errors import Failure, InvalidStructure
from catlearn.importing.words import Value, met, word
from catlearn.streams.nodes import with_operands


class ImportRefused(InvalidStructure):
    """A function cannot be imported; ``str(error)`` lists why."""


class Number(NamedTuple):
    """What is known of an array all of whose entries are one number."""

    value: np.ndarray


class Index(NamedTuple):
    """What is known of an array of integers that follow from their indices, by one form."""


class Condition(NamedTuple):
    """What is known of an array of booleans: all forms are at least 0, or not all."""

    negated: bool = False


INDEX = Index()


def number_of(value: Value) -> float | None:
    """Return a number that is known, and real or an integer."""
    number = value.source.value if isinstance(value.source, Number) else None
    return None if number is None or number.dtype.kind not in "iufb" else number.item()


def is_real(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.floating)


def is_number(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.number)


def is_ordered(dtype: Any) -> bool:
    return is_real(dtype) or jnp.issubdtype(dtype, jnp.integer)


@dataclass
class Builder:
    """A circuit while it is made of the arrays of a program."""

    draft: Draft = field(default_factory=Draft)
    sizes: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    dtypes: list[Any] = field(default_factory=list)
    loose: set[int] = field(default_factory=set)
    made: dict[Any, tuple[int, ...]] = field(default_factory=dict)
    sums: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    calls: dict[int, tuple[str, list[Value]]] = field(default_factory=dict)
    parts: dict[int, list[Value]] = field(default_factory=dict)
    natural: dict[int, int] = field(default_factory=dict)
    source: str = ""
    within: list[int] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    bases: dict[int, str] = field(default_factory=dict)

    def axis(self, size: int, letter: str | None = None) -> int:
        """Return a new axis."""
        self.sizes.append(size)
        self.parents.append(len(self.parents))
        return self.draft.axis(letter, Size.of(size))

    def find(self, axis: int) -> int:
        """Return the axis that stands for those that an axis was identified with."""
        while self.parents[axis] != axis:
            self.parents[axis] = self.parents[self.parents[axis]]
            axis = self.parents[axis]
        return axis

    def unite(self, one: int, other: int) -> int:
        """Identify two axes, of the same size."""
        first, second = sorted((self.find(one), self.find(other)))
        self.parents[second] = first
        if self.draft.axes[first][1] is None:
            self.draft.axes[first] = (self.draft.axes[first][0], self.draft.axes[second][1])
            self.sizes[first] = self.sizes[second]
        return first

    def kind(self, wire: int) -> int:
        """Return the type of an array, of those that were identified."""
        kind = self.draft.wires[wire].type
        while self.kinds[kind] != kind:
            kind = self.kinds[kind]
        return kind

    def alike(self, one: int, other: int) -> None:
        """Identify the types of two arrays."""
        first, second = sorted((self.kind(one), self.kind(other)))
        if first != second:
            self.kinds[second] = first
            kinds = self.draft.types
            self.unite(kinds[first][1], kinds[second][1])
            kinds[first] = kinds[first][0] or kinds[second][0], kinds[first][1]

    def looked_up(self, index: int, axis: int) -> None:
        """Note that an array holds indices of an axis."""
        kind = self.kind(index)
        own = self.draft.types[kind][1]
        self.draft.types[kind] = ("N", own)
        self.unite(own, axis)

    def writer(self, wire: int) -> BoxRow:
        """Return the box that writes an array."""
        return next(box for box in reversed(self.draft.boxes) if wire in box.outs)

    def indices(self, value: Value, size: int) -> Value:
        """Return integers that hold indices of an axis of a size: those of another are a copy."""
        kind = self.kind(value.source)
        dtype, axis = self.draft.types[kind]
        if dtype != "N":
            self.draft.types[kind] = "N", self.axis(size)
            return value
        if self.sizes[self.find(axis)] == size:
            return value
        kernel = function_of(f"indices of {size}", lambda index: index)
        return self.applied(kernel, [value], self.dtypes[value.source], f"indices of {size}")

    def wire(self, axes: Iterable[int], dtype: Any, name: str | None = None, kind: int = -1) -> int:
        """Return a new array."""
        if kind < 0:
            label = "R" if is_real(dtype) else "B" if dtype == np.bool_ else None
            kind = self.draft.type(label, self.axis(1))
            self.draft.axes[-1] = (None, None)
            self.kinds.append(kind)
        self.dtypes.append(dtype)
        return self.draft.wire(axes, kind, name)

    def given(
        self, shape: Sequence[int], dtype: Any, name: str | None = None, letter: str = "a"
    ) -> tuple[int, Value]:
        """Return a new array that is an input or a parameter, and how it is read."""
        if 0 in shape:
            message = f"has the shape {tuple(shape)}; sizes of axes are at least 1"
            failure = Failure("sizes", name or letter, message)
            raise ImportRefused("this function", [failure])
        places = [str(k) for k in range(len(shape))] if len(shape) > 1 else [""]
        letters = [f"{letter}{k}" if name is None else None for k in places]
        axes = [self.axis(size, own) for size, own in zip(shape, letters, strict=False)]
        wire = self.wire(axes, dtype, name)
        self.bases |= {} if name is None else {wire: letter}
        return wire, self.of_wire(wire)

    def of_wire(self, wire: int) -> Value:
        """Return an array of the circuit, as one of the program."""
        shape = [self.sizes[axis] for axis in self.draft.wires[wire].axes]
        places = iter(range(len(shape)))
        forms = tuple(Form.variable(next(places)) if n > 1 else Form() for n in shape)
        return Value(wire, tuple(map(word, shape)), forms)

    def box(
        self,
        kernel: Kernel,
        operands: Sequence[tuple[int, Sequence[Form] | None]],
        sizes: Sequence[int],
        writes: Sequence[Sequence[int]],
        dtypes: Sequence[Any],
        targets: Iterable[int] = (),
        *,
        scale: Scalar = ONE,
        outside: float = 0.0,
        conditions: Sequence[Form] = (),
        title: str = "",
        kind: int = -1,
        letters: Mapping[int, str] | None = None,
    ) -> tuple[int, ...]:
        """Add a box over variables of these sizes, or return what one that is there writes.

        Parameters
        ----------
        operands
            Arrays, each with the forms at which it is read; None where others look up in it. Of a
            lookup in a form the operand is the row of the array.
        writes
            The variables of each array that is written.
        scale
            Of sizes of the variables.
        kind
            The type of what is written.
        letters
            What variables are called, as far as that is known.
        """
        targets = [*targets]
        every = [*(forms or () for _, forms in operands), conditions]
        used = {v for forms in every for form in forms for v in form.variables}
        order = list(dict.fromkeys([*(v for one in writes for v in one), *targets, *sorted(used)]))
        place = {v: k for k, v in enumerate(order)}
        moved = [Form.variable(place.get(v, 0)) for v in range(len(sizes))]
        read = [[form.substitute(moved) for form in forms] for forms in every]
        axes: list[int | None] = [None] * len(order)
        mentions: list[int] = []
        relations: list[SizeRelation] = []
        pairs = [
            (axis, form)
            for (wire, _), forms in zip(operands, read, strict=False)
            for axis, form in zip(self.draft.wires[wire].axes, forms, strict=False)
        ]
        pairs += [
            pair for form in read[-1] for one in form.lookups
            for pair in zip(self.draft.wires[one.operand].axes, one.forms, strict=True)
        ]  # fmt: skip
        for axis, form in pairs:
            for one in form.lookups:
                self.looked_up(one.operand, axis)
                pairs += zip(self.draft.wires[one.operand].axes, one.forms, strict=True)
            v = form.wiring
            if v is None:
                continue
            if sizes[order[v]] == self.sizes[axis]:
                before = axes[v]
                axes[v] = axis if before is None else self.unite(before, axis)
            elif kernel.name != "concat" and (not conditions or sizes[order[v]] < self.sizes[axis]):
                mentions.append(axis)
                relations.append(SizeRelation(
                    "<=", Size.generator(v), Size.generator(-len(mentions))
                ))  # fmt: skip
        ins = [wire for wire, _ in operands]
        places = {wire: k for k, (wire, forms) in enumerate(operands) if forms is None}
        read = [[with_operands(form, places) for form in forms] for forms in read]
        readings = [
            None if operands[k][1] is None else Reading(
                tuple(forms), outside if k == 0 else 0.0, tuple(read[-1]) if k == 0 else ()
            )
            for k, forms in enumerate(read[:-1])
        ]  # fmt: skip
        operation = Operation(
            kernel, tuple(readings), tuple(tuple(place[v] for v in one) for one in writes),
            tuple(place[v] for v in targets), scale.rename(lambda key: place[key]),
            tuple(relations), tuple((letters or {}).get(v, "") for v in order), title, self.source,
        )  # fmt: skip
        own = [sizes[v] for v in order]
        key = operation, title, tuple(ins), tuple(own), tuple(map(str, dtypes))
        rounds = [block for block in self.within if self.draft.blocks[block][1]]
        for k in range(len(rounds) + 1 if kernel.entry.deterministic else 0):
            if (*rounds[:k], key) in self.made:
                return self.made[*rounds[:k], key]
        key = *rounds, key
        known = [self.axis(size) if axis is None else axis
                 for axis, size in zip(axes, own, strict=True)]  # fmt: skip
        outs = [
            self.wire([known[place[v]] for v in one], dtype, kind=kind)
            for one, dtype in zip(writes, dtypes, strict=True)
        ]
        self.draft.box(operation, ins, outs, known, mentions, [*self.within])
        self.made[key] = tuple(outs)
        reals = all(w in self.loose for w in ins if is_real(self.dtypes[w]))
        if reals and kernel.name not in ("cast", "opaque", "along", "function", "indicator"):
            self.loose |= {w for w in outs if is_real(self.dtypes[w])}
        return self.made[key]

    def enter(self, path: Sequence[str]) -> None:
        """Let boxes be in the blocks of a path, of which those that they are in go on."""
        kept = 0
        while kept < min(len(path), len(self.scopes)) and path[kept] == self.scopes[kept]:
            kept += 1
        del self.within[len(self.within) - len(self.scopes) + kept :]
        for title in path[kept:]:
            self.draft.blocks.append((title, []))
            self.within.append(len(self.draft.blocks) - 1)
        self.scopes = [*path]

    def applied(
        self, kernel: Kernel, values: Sequence[Value], dtype: Any, title: str = ""
    ) -> Value:
        """Apply a kernel to each number of arrays, at the variables that they have."""
        values = met(values)
        read = [self.read(one) for one in values]
        sizes, words = values[0].sizes, values[0].words
        used = sorted({v for _, forms in read for form in forms for v in form.variables})
        (out,) = self.box(kernel, read, sizes, [used], [dtype], title=title or kernel.name)
        return Value(out, words, tuple(map(Form.variable, used)))

    def read(self, value: Value) -> tuple[int, tuple[Form, ...]]:
        """Return an array of the circuit and the forms at which it is read."""
        source = value.source
        if isinstance(source, int):
            return source, value.forms
        if isinstance(source, Number):
            number = number_of(value)
            if is_real(source.value.dtype) and number is not None and isfinite(number):
                kernel = Kernel("constant", (("value", float(number)),))
                (out,) = self.box(kernel, [], [], [()], [source.value.dtype], title=f"{number:g}")
                return out, ()
            return self.constant(source.value), ()
        used = sorted({v for form in value.forms for v in form.variables})
        sizes = value.sizes
        if isinstance(source, Condition):
            found = self.indicated(value)
            text = "is 0" if source.negated else "is not 0"
            holds = jnp.logical_not if source.negated else jnp.bool_
            made = self.applied(function_of(text, holds), [found], np.dtype(bool), text)
            return self.read(made)
        dtype = np.dtype(jnp.result_type(int))
        if not used:
            return self.constant(np.asarray(value.forms[0].constant.number, dtype)), ()
        found = []
        for v in used:
            (index,) = self.box(Kernel("index"), [], sizes, [[v]], [dtype], [v], title="index")
            self.looked_up(index, self.draft.wires[index].axes[0])
            found.append(Value(index, value.words, (Form.variable(v),)))
        moved = dict(zip(used, map(Form.variable, range(len(used))), strict=True))
        form = value.forms[0].substitute([moved.get(v, Form()) for v in range(len(sizes))])
        if form.wiring is not None:
            return self.read(found[0])

        def call(*index: Any) -> jax.Array:
            return form.evaluated([*map(jnp.asarray, index)].__getitem__)

        made = self.applied(function_of(form.written("i{}".format), call), found, dtype, "index")
        return self.read(made)

    def indicated(self, value: Value, inside: float = 1.0, outside: float = 0.0) -> Value:
        """Return numbers where the forms of a value are at least 0, and elsewhere."""
        used = sorted({v for form in value.forms for v in form.variables})
        dtype = np.dtype(jnp.result_type(float))
        one, _ = self.read(Value(Number(np.asarray(inside, dtype)), ()))
        self.loose.add(one)
        (out,) = self.box(
            Kernel("view"), [(one, ())], value.sizes, [used], [dtype], outside=outside,
            conditions=value.forms, title="where",
        )  # fmt: skip
        return Value(out, value.words, tuple(map(Form.variable, used)))

    def constant(self, array: Any) -> int:
        """Return an array that is known."""
        key = getattr(array, "dtype", None), np.shape(array), digest(array)
        kernel = opaque_of(Function(f"array {key[0]}{[*key[1]]} {key[2]}", lambda: array))
        shape = np.shape(array)
        every = range(len(shape))
        title = "array" if shape or is_key(array) or isinstance(array, Tracer) else f"{array:g}"
        (out,) = self.box(kernel, [], shape, [every], [array.dtype], every, title=title)
        return out

    def typed(self, value: Value, dtype: Any) -> Value:
        """Return a value with its own type, where its numbers take that of what they meet."""
        if isinstance(value.source, Number):
            return replace(value, source=self.constant(value.source.value.astype(dtype)))
        wire, forms = self.read(value)
        found = replace(value, source=wire, forms=forms)
        if wire in self.loose or self.dtypes[wire] != dtype:
            return self.converted(found, dtype)
        return found

    def converted(self, value: Value, dtype: Any) -> Value:
        """Return numbers in another type."""
        dtype = np.dtype(dtype)
        if isinstance(value.source, Number):
            return replace(value, source=Number(value.source.value.astype(dtype)))
        real = is_real(self.dtypes[value.source]) and dtype.name in REALS
        kernel = Kernel("cast", (("dtype", dtype.name),)) if real else (
            function_of(f"to {dtype.name}", lambda x: x.astype(dtype))
        )  # fmt: skip
        return self.applied(kernel, [value], dtype, title=f"to {dtype.name}")

    def whole(self, value: Value, dtype: Any) -> int:
        """Return the row of an array with the shape of the program's, position by position."""
        value = self.typed(value, dtype)
        shape = value.shape
        axes = [self.sizes[axis] for axis in self.draft.wires[value.source].axes]
        if axes == [*shape] and value == self.of_wire(value.source):
            return value.source
        value = value.at_words([word(size) for size in shape])
        places = [k for k, size in enumerate(shape) if size > 1]
        forms = [one.substitute([*map(Form.variable, places)]) for one in value.forms]
        kind = self.draft.wires[value.source].type
        return self.box(
            Kernel("view"), [(value.source, forms)], shape, [range(len(shape))], [dtype],
            title="view", kind=kind,
        )[0]  # fmt: skip

    def opaque(
        self, label: Function, values: Sequence[Value], dtypes: Sequence[Any],
        results: Sequence[Any], title: str, batch: int | None = None,
    ) -> list[Value]:  # fmt: skip
        """Add an opaque box of whole arrays; or a function along all axes but the first ones.

        Parameters
        ----------
        batch
            How many dimensions all arrays have in front, for each index of which it is a function
            of the others; None where it is opaque.
        """
        ins = [self.whole(one, dtype) for one, dtype in zip(values, dtypes, strict=True)]
        shapes = [[self.sizes[axis] for axis in self.draft.wires[wire].axes] for wire in ins]
        count = batch or 0
        sizes = [*shapes[0][:count]] if count else []
        places = []
        for shape in (*shapes, *(one.shape for one in results)):
            places.append([*range(count), *range(len(sizes), len(sizes) + len(shape) - count)])
            sizes += shape[count:]
        if 0 in sizes:
            failure = Failure("sizes", title, "has an axis of size 0; sizes are at least 1")
            raise ImportRefused("this function", [failure])
        operands = [(w, [*map(Form.variable, p)]) for w, p in zip(ins, places, strict=False)]
        outs = self.box(
            opaque_of(label) if batch is None else Kernel("along", (("label", label),)), operands,
            sizes, places[len(ins) :], [one.dtype for one in results], range(count, len(sizes)),
            title=title,
        )  # fmt: skip
        return [self.of_wire(out) for out in outs]

    def masked(self, value: Value, conditions: Sequence[Form], outside: float, dtype: Any) -> Value:
        """Return an array where forms are at least 0, and a number elsewhere."""
        wire, forms = self.read(value)
        used = sorted({v for form in (*forms, *conditions) for v in form.variables})
        (out,) = self.box(
            Kernel("view"), [(wire, forms)], value.sizes, [used], [dtype], outside=float(outside),
            conditions=conditions, title="where", kind=self.draft.wires[wire].type,
        )  # fmt: skip
        return Value(out, value.words, tuple(map(Form.variable, used)))

    def summed(
        self, operands: Sequence[tuple[int, Sequence[Form]]], whole: Value, kept: int, dtype: Any,
        title: str, letters: Mapping[int, str] | None = None,
    ) -> Value:  # fmt: skip
        """Sum products over the dimensions of a value behind the first ones."""
        sizes = whole.sizes
        own = sum(len(one) for one in whole.words[:kept])
        used = {v for _, forms in operands for form in forms for v in form.variables}
        writes = sorted(v for v in used if v < own)
        targets = range(own, len(sizes))
        (out,) = self.box(
            Kernel("contraction"), operands, sizes, [writes], [dtype], targets, title=title,
            letters=letters,
        )  # fmt: skip
        if len(operands) == 1:
            self.sums[out] = operands, sizes, writes, dtype, targets
        return Value(out, whole.words[:kept], tuple(map(Form.variable, writes)))

    def over(self, kernel: str, value: Value, axes: Sequence[int], dtype: Any) -> Value:
        """Reduce dimensions of a value; extremes are those of what is not repeated."""
        kept = [k for k in range(len(value.words)) if k not in axes]
        value = value.transposed([*kept, *axes])
        wire, forms = self.read(value)
        if kernel == "contraction":
            return self.summed([(wire, forms)], value, len(kept), dtype, "reduce_sum")
        used = sorted({v for form in forms for v in form.variables})
        own = sum(len(one) for one in value.words[: len(kept)])
        writes, targets = [v for v in used if v < own], [v for v in used if v >= own]
        if kernel == "product":
            targets = [*range(own, len(value.sizes))]
        if not targets:
            return Value(wire, value.words[: len(kept)], forms)
        (made,) = self.box(
            Kernel(kernel), [(wire, forms)], value.sizes, [writes], [dtype], targets, title=kernel
        )
        return Value(made, value.words[: len(kept)], tuple(map(Form.variable, writes)))

    def joined(self, values: Sequence[Value], axis: int, dtype: Any) -> Value:
        """Return arrays one after the other along a dimension."""
        if len(values) == 1:
            return values[0]
        shape = [n for k, n in enumerate(values[0].shape) if n > 1 or k == axis]
        along = sum(n > 1 for n in values[0].shape[:axis])
        count = sum(one.shape[axis] for one in values)
        start, operands = 0, []
        for one in values:
            own = [one.shape[axis] if k == along else n for k, n in enumerate(shape)]
            wire = self.whole(one.reshaped(own), dtype)
            forms = [Form.variable(k) for k in range(len(shape))]
            forms[along] = forms[along] + Form.number(-start)
            operands.append((wire, forms))
            start += own[along]
        shape[along] = count
        (out,) = self.box(
            Kernel("concat"), operands, shape, [range(len(shape))], [dtype], title="concat"
        )
        full = [count if k == axis else n for k, n in enumerate(values[0].shape)]
        return self.of_wire(out).reshaped(full)

    def apart(self, wire: int, axis: int, by: int, between: float = 0.0) -> int:
        """Return an array with a number, so many times less one, between entries along an axis."""
        shape = [self.sizes[axis] for axis in self.draft.wires[wire].axes]
        shape[axis] = by * (shape[axis] - 1) + 1
        forms = [Form.variable(k) for k in range(len(shape))]
        apart = part("mod", forms[axis], Size.of(by)).times(-1)
        forms[axis] = part("div", forms[axis], Size.of(by))
        (out,) = self.box(
            Kernel("view"), [(wire, forms)], shape, [range(len(shape))], [self.dtypes[wire]],
            conditions=[apart], outside=between, title="apart", kind=self.draft.wires[wire].type,
        )  # fmt: skip
        return out

    def inside(self, wire: int, last: int, size: int) -> bool:
        """Whether integers are at most the last index at which something begins, and at least 0.

        ``natural`` has what they are below, where that is known and they are not negative; 0 for
        what is given, and taken for indices of what it is looked up in.
        """
        end = self.natural.get(wire, size + 1)
        return end <= last + 1 if end else last + 1 == size

    def wrapped(self, mask: Value, index: Value, other: Value) -> Value | None:
        """Return indices of which those below 0 count from the end, where none of them is."""
        if not all(isinstance(one.source, int) for one in (mask, index, other)):
            return None
        below, more = self.calls.get(mask.source), self.calls.get(other.source)
        if index.source not in self.natural or below is None or more is None:
            return None
        (one, least), (two, _) = below[1], more[1]
        known = (below[0], more[0]) == ("lt", "add") and one == two == index
        return index if known and number_of(least) == 0 else None

    def mean(self, value: Value, number: float) -> Value | None:
        """Return a sum divided by the number of what is summed as a mean, if it is one."""
        wire = value.source
        if not isinstance(wire, int) or wire not in self.sums:
            return None
        operands, sizes, writes, dtype, targets = self.sums[wire]
        if prod(sizes[v] for v in targets) != number:
            return None
        scale = reduce(
            lambda a, b: a * b, (Scalar.of(Size.generator(v)) ** -1 for v in targets), ONE
        )
        (out,) = self.box(
            Kernel("contraction"), operands, sizes, [writes], [dtype], targets, scale=scale,
            title="mean",
        )  # fmt: skip
        return replace(value, source=out)

    def known(self, array: Any) -> Value:
        """Return an array that the program holds."""
        if np.ndim(array) == 0 and not is_key(array):
            return Value(Number(np.asarray(array)), ())
        return self.of_wire(self.constant(array if is_key(array) else jnp.asarray(array)))

    def gate(self, kernel: str, ins: Sequence[int], rounds: int, title: str) -> int:
        """Add a gate of the block with rounds that boxes are in; return what it writes."""
        axes = self.draft.wires[ins[0]].axes
        for one, other in zip(axes, self.draft.wires[ins[-1]].axes, strict=True):
            self.unite(one, other)
        self.alike(ins[0], ins[-1])
        inner = [*axes]
        if kernel == "each":
            self.unite(rounds, inner.pop(0))
        front = [rounds] if kernel in ("each", "stack") else []
        written = [rounds, *inner] if kernel == "stack" else inner
        out = self.wire(written, self.dtypes[ins[0]], kind=self.draft.wires[ins[0]].type)
        operation = gate(kernel, [""] * len(inner), f"{kernel} of {title}")
        operation = replace(operation, source=self.source)
        self.draft.box(operation, ins, [out], [*front, *inner], within=[*self.within])
        return out

    def needed(self, cod: Sequence[int]) -> list[int]:
        """Return the boxes that some arrays need."""
        writer = {wire: k for k, box in enumerate(self.draft.boxes) for wire in box.outs}
        last = {box.ins[0]: box.outs[0] for box in self.draft.boxes
                if box.operation.kernel.name == "last"}  # fmt: skip
        found, stack = set[int](), [*cod]
        while stack:
            box = writer.get(stack.pop())
            if box is not None and box not in found:
                found.add(box)
                stack += self.draft.boxes[box].ins
                stack += [last[wire] for wire in self.draft.boxes[box].outs if wire in last]
        return sorted(found)

    def circuit(self, dom: Sequence[int], cod: Sequence[int]) -> Circuit:
        """Return the circuit of what some arrays need, with identified axes as one."""
        draft = replace(self.draft, boxes=[self.draft.boxes[box] for box in self.needed(cod)])
        roots = sorted({self.find(axis) for axis in range(len(self.parents))})
        row = {root: k for k, root in enumerate(roots)}
        at = [row[self.find(axis)] for axis in range(len(self.parents))]
        letters: dict[int, str] = {}
        for box in draft.boxes:
            for axis, letter in zip(box.vars, box.operation.letters, strict=True):
                letters |= {at[axis]: letter} if letter and at[axis] not in letters else {}
        given = [axis for wire in dom for axis in draft.wires[wire].axes]
        for axis in (*given, *range(len(draft.axes))):
            letter = draft.axes[axis][0]
            letters |= {at[axis]: letter} if letter and at[axis] not in letters else {}
        for axis, letter in self._layered(draft):
            letters.setdefault(at[axis], letter)
        used = dict.fromkeys(at[axis] for one in draft.wires for axis in one.axes)
        used |= dict.fromkeys(at[axis] for box in draft.boxes for axis in box.vars)
        used |= dict.fromkeys(at[axis] for _, rounds in draft.blocks for axis in rounds)
        known = {*letters.values()}
        free = cycle([one for one in ascii_lowercase if one not in known] or ["a"])
        letters |= {axis: next(free) for axis in used if axis not in letters}
        made = Draft(
            axes=[(letters.get(k), draft.axes[root][1]) for k, root in enumerate(roots)],
            types=[(label, at[axis]) for label, axis in draft.types],
            wires=[
                one._replace(axes=[at[axis] for axis in one.axes], type=self.kind(wire))
                for wire, one in enumerate(draft.wires)
            ],
            blocks=[(title, [at[axis] for axis in rounds]) for title, rounds in draft.blocks],
        )
        named: dict[int, list[str]] = {}
        written = {wire for box in draft.boxes for wire in box.outs}
        for wire, one in enumerate(made.wires):
            if wire not in written:
                named[wire] = _distinct(["" for _ in one.axes], [letters[a] for a in one.axes])
        for box in draft.boxes:
            variables = [at[axis] for axis in box.vars]
            own, operation = [*box.operation.letters], box.operation
            for wire, reading in zip(box.ins, operation.readings, strict=True):
                for form, letter in zip(
                    reading.forms if reading else (), named[wire], strict=False
                ):
                    v = form.wiring
                    if v is not None and not own[v] and letter not in own:
                        own[v] = letter
            own = _distinct(own, [letters[axis] for axis in variables])
            named |= {
                wire: [own[v] for v in one]
                for wire, one in zip(box.outs, operation.writes, strict=True)
            }
            made.boxes.append(box._replace(
                vars=variables, mentions=[at[axis] for axis in box.mentions],
                operation=replace(operation, letters=tuple(own)),
            ))  # fmt: skip
        found = _standing(Circuit.of(made, dom, cod).live())
        return Circuit(found.apex, found.dom, found.cod)

    def _layered(self, draft: Draft) -> Iterator[tuple[int, str]]:
        """Call the axes of parameters by their layers: ``up`` what is written, ``up_in`` the rest.

        Layers come in the order in which they are read, so that what goes through many of them is
        called by the first one that writes it.
        """
        rest: list[tuple[int, str]] = []
        seen = set[int]()
        for box in draft.boxes:
            for wire, reading in zip(box.ins, box.operation.readings, strict=True):
                if wire not in self.bases or wire in seen or reading is None:
                    continue
                seen.add(wire)
                written = {v for one in box.operation.writes for v in one}
                sides: tuple[list[int], list[int]] = [], []
                for axis, form in zip(draft.wires[wire].axes, reading.forms, strict=True):
                    sides[form.wiring in written].append(axis)
                several = len(sides[1]) > 1
                base = self.bases[wire]
                for k, axis in enumerate(sides[1]):
                    yield axis, f"{base}{k}" if several else base
                rest += [(axis, f"{base}_in") for axis in sides[0] if len(sides[0]) == 1]
        yield from rest


def _standing(circuit: Circuit) -> Circuit:
    """Return a circuit without blocks whose boxes cannot stand together, or that have all of it."""
    while True:
        H, draft = circuit.apex, Draft.of(circuit.apex)
        rounds = {block for block, (_, axes) in enumerate(draft.blocks) if axes}
        order = flat(nested(H, H.order))
        at, writer = {box: k for k, box in enumerate(order)}, H.writer
        paths = [[block for block in box.within if block not in rounds] for box in draft.boxes]
        lost = {block for block in range(len(draft.blocks)) if block not in rounds and (
            all(block in path for path in paths)
        )}  # fmt: skip
        for box in order:
            late = [writer[w] for w in H.sides[0][box] if w in writer and at[writer[w]] >= at[box]]
            apart = [b for one in (box, *late) for b in paths[one] if late]
            lost |= {*apart[:1]} if not lost else set()
        if not lost:
            return circuit
        draft.keep_blocks(block for block in range(len(draft.blocks)) if block not in lost)
        circuit = Circuit.of(draft, circuit.dom, circuit.cod)


def _distinct(letters: Sequence[str], names: Iterable[str]) -> list[str]:
    """Return letters, and names where there is none, that are different."""
    found = list(letters)
    for k, name in enumerate(names):
        if not found[k]:
            while name in found:
                name += "'"
            found[k] = name
    return found


def function_of(label: str, call: Callable[..., Any]) -> Kernel:
    return Kernel("function", (("label", Function(label, call)),))


def opaque_of(label: Function) -> Kernel:
    return Kernel("opaque", (("label", label), ("random", False)))


def is_key(array: Any) -> bool:
    return jnp.issubdtype(getattr(array, "dtype", np.dtype(float)), jax.dtypes.extended)


def digest(value: Any) -> str:
    if not isinstance(value, str):
        value = jax.random.key_data(value) if is_key(value) else value
        if isinstance(value, Tracer):
            return f"traced {id(value)}"
        found = np.asarray(value)
        return hashlib.sha1(found.tobytes()).hexdigest()[:12]
    return hashlib.sha1(value.encode()).hexdigest()[:12]
