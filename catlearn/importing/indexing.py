"""Reading and writing at indices: sorting, gathers, slices that move, scatters.

What is read at given or computed indices is a reading that looks them up. What is added there is a
contraction: each entry is the sum over what a mask puts at it, the transpose of a lookup. So the
gradient of an embedding, of a greatest entry or of a sorted array is a box that folds and costs
know; where it runs it is scattered, and no mask is formed.

>>> import jax.numpy as jnp
>>> from catlearn.importing import from_jax
>>> added = lambda x, at, y: x.at[at].add(y)
>>> print(from_jax(added, jnp.ones(9), jnp.zeros(3, int), jnp.ones(3)))
axes at = 3, x = 9
x1[x]: R
x2[at]: N<x>
x3[at]: R
a1[x]: R = contraction(x3[at] where x <= x2[at] and x2[at] <= x, x2) as "scatter-add"
a2[x]: R = add(x1[x], a1[x])
return a2
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.arrays.forms import Form, Lookup
from catlearn.arrays.kernels import Kernel
from catlearn.importing.building import (
    Builder,
    Index,
    Number,
    function_of,
    is_number,
    is_ordered,
    is_real,
    number_of,
)
from catlearn.importing.primitives import HANDLERS, Found, handles
from catlearn.importing.words import Value, bounds, divided, joined, met, refinement, word

__all__ = ["HANDLERS"]


@handles("sort")
def _sorted(self: Builder, eqn: Any, values: list[Value]) -> Found:
    dtypes, axis = [atom.aval.dtype for atom in eqn.invars], eqn.params["dimension"]
    keys = range(eqn.params["num_keys"])
    known = any(not isinstance(values[k].source, int) or not is_ordered(dtypes[k]) for k in keys)
    if known or values[0].shape[axis] == 1:
        return None
    for key in reversed(keys):  # of equal entries the order stays
        values = _by(self, values, dtypes, axis, key)
    return values


def _by(
    self: Builder, values: Sequence[Value], dtypes: Sequence[Any], axis: int, key: int
) -> list[Value]:
    """Return arrays in the order of the entries of one of them along an axis."""
    value, length = values[key], values[key].shape[axis]
    value = value.at_words([
        word(length) if k == axis else own for k, own in enumerate(value.words)
    ])  # fmt: skip
    (target,) = value.places(axis)
    used = sorted({v for form in value.forms for v in form.variables} | {target})
    made, order = self.box(
        Kernel("sort"), [(value.source, value.forms)], value.sizes, [used] * 2,
        [self.dtypes[value.source], np.dtype(np.int32)], [target], title="sort",
    )  # fmt: skip
    self.looked_up(order, self.draft.wires[order].axes[used.index(target)])
    self.natural[order] = length
    forms, found = tuple(map(Form.variable, used)), list[Value]()
    places = Value(order, value.words, forms)
    for k, one in enumerate(values):
        if k == key:
            found.append(Value(made, value.words, forms))
            continue
        if isinstance(one.source, Index) and one.forms == (Form.variable(one.places(axis)[0]),):
            found.append(places)
            continue
        one, own = met([one, places])
        at: list[Form | Sequence[Form]] = [
            [Form.variable(v) for v in one.places(j)] for j in range(len(one.words))
        ]
        at[axis] = Form.atom(Lookup(order, own.forms))
        found.append(_taken(self, one, at, one.words, dtypes[k]))
    return found


def _columns(self: Builder, index: Value) -> list[Value]:
    """Return the arrays of integers that stand side by side along the last dimension."""
    parts = self.parts.get(index.source) if isinstance(index.source, int) else None
    rank = len(index.shape) - 1
    return met(parts or [
        index.sliced(rank, k, 1, 1).reshaped(index.shape[:-1]) for k in range(index.shape[-1])
    ])  # fmt: skip


def _clamped(self: Builder, value: Value, most: int, length: int) -> Value:
    """Return integers as indices from 0 to the last one at which a window begins."""
    if self.inside(value.source, most, length):
        return self.indices(value, length)
    label, dtype = f"clamp(0, _, {most})", _wide(np.empty(0, self.dtypes[value.source])).dtype
    kernel = function_of(label, lambda index: jnp.clip(_wide(index), 0, most))
    return self.indices(self.applied(kernel, [value], dtype), length)


def _wide(index: Any) -> Any:
    """Return integers of a type in which sizes of axes are written."""
    return index.astype("int32") if index.dtype.itemsize < 4 else index


@handles("gather")
def _gather(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (operand, index), aval, numbers = values, eqn.outvars[0].aval, eqn.params["dimension_numbers"]
    sizes, shape = eqn.params["slice_sizes"], index.shape[:-1]
    fill = eqn.params["mode"] == jax.lax.GatherScatterMode.FILL_OR_DROP
    if 0 in aval.shape:
        return None
    places, masks = _columns(self, index), list[Value]()
    batched = dict(zip(numbers.start_indices_batching_dims, numbers.operand_batching_dims,
                       strict=True))  # fmt: skip
    words: list[Any] = [*places[0].words]
    for there, own in batched.items():
        found = refinement([words[there], operand.words[own]])
        words[there] = word(shape[there]) if found is None else found
    places = [one.at_words(words) for one in places]
    lost = *numbers.collapsed_slice_dims, *numbers.operand_batching_dims
    whole = [k for k in range(len(operand.words)) if k not in lost]
    within = dict(zip(numbers.offset_dims, whole, strict=True))
    batch = iter(words)
    out = Value(None, tuple(
        (operand.words[within[k]] if sizes[within[k]] == operand.shape[within[k]] else word(n))
        if k in within else next(batch) for k, n in enumerate(aval.shape)
    ))  # fmt: skip
    outer = [k for k in range(len(aval.shape)) if k not in within]
    moved = [Form.variable(v) for k in outer for v in out.places(k)]
    forms: list[list[Form] | Form] = []
    for k, length in enumerate(operand.shape):
        form = Form()
        if k in whole:
            place = out.places(next(there for there, own in within.items() if own == k))
            if sizes[k] == length:
                forms.append([*map(Form.variable, place)])
                continue
            form = Form.variable(place[0]) if place else Form()
        if k in batched.values():
            there = next(there for there, own in batched.items() if own == k)
            fine = words[there]
            made = divided(operand.words[k], fine) if (
                refinement([operand.words[k], fine]) == fine
            ) else joined(fine, operand.words[k])  # fmt: skip
            inner = [Form.variable(v) for v in out.places(outer[there])]
            forms.append([one.substitute(inner) for one in made])
            continue
        if k in numbers.start_index_map:
            one = places[numbers.start_index_map.index(k)]
            own = [inner.substitute(moved) for inner in one.forms]
            if isinstance(one.source, Number):
                own = [Form.number(int(one.source.value))]
            if isinstance(one.source, Number | Index):
                found = bounds(own[0], out.sizes)
                if found is None or found[0] < 0 or found[1] > length - sizes[k]:
                    return None
                form = form + own[0]
            elif not isinstance(one.source, int):
                return None
            else:
                at = replace(one, words=out.words, forms=tuple(own))
                last = length - sizes[k]
                if fill and not self.inside(one.source, last, length):
                    kernel = function_of(
                        f"0 <= _ <= {last}", lambda i, n=last: (_wide(i) >= 0) & (_wide(i) <= n)
                    )
                    masks.append(self.applied(kernel, [at], np.dtype(bool), "inside"))
                if length > 1:
                    plain = fill and sizes[k] == 1
                    at = self.indices(at, length) if plain else _clamped(self, at, last, length)
                    form = form + Form.atom(Lookup(at.source, at.forms))
        forms.append(form)
    found = _taken(self, operand, forms, out.words, eqn.invars[0].aval.dtype)
    outside = np.asarray(_filled(eqn.params["fill_value"], aval.dtype), aval.dtype)[()]
    kernel = Kernel("where", (("outside", float(outside)),)) if is_real(aval.dtype) else (
        function_of(f"_ or {outside}", lambda inside, x: jnp.where(inside, x, outside))
    )  # fmt: skip
    for mask in masks:
        found = self.applied(kernel, [mask, self.typed(found, aval.dtype)], aval.dtype, "inside")
    return found


def _filled(value: Any, dtype: Any) -> Any:
    """Return what is read at indices outside of an axis, unless that is said: no number."""
    if value is not None:
        return value
    if jnp.issubdtype(dtype, jnp.inexact):
        return np.nan
    if dtype == np.bool_:
        return True
    return (jnp.iinfo(dtype).min if jnp.issubdtype(dtype, jnp.signedinteger)
            else jnp.iinfo(dtype).max)  # fmt: skip


def _taken(
    self: Builder, operand: Value, forms: Sequence[Sequence[Form] | Form], words: Sequence[Any],
    dtype: Any,
) -> Value:  # fmt: skip
    """Return an array at a form for each dimension, or for its variables; forms may look up."""
    every: list[Form] = []
    for one, own in zip(forms, operand.words, strict=True):
        if isinstance(one, Form):
            every += [v.substitute([one]) for v in joined([prod(own)], own)]
        else:
            every += one
    lookups = {one.operand for form in every for one in form.lookups}
    if not lookups:
        return operand.put(every, words)
    read = [form.substitute(every) for form in operand.forms]
    plain = [form for form in forms if isinstance(form, Form) and form.lookups]
    if not isinstance(operand.source, int) or any(f.lookups and f not in plain for f in read):
        made = self.of_wire(self.whole(operand, dtype))
        index = [
            one if isinstance(one, Form) else reduce(
                lambda a, b: a.times(b[0]) + b[1], zip(own, one, strict=True), Form()
            )
            for one, own in zip(forms, operand.words, strict=True)
        ]  # fmt: skip
        return _taken(self, made, index, words, dtype)
    used = sorted({v for form in read for v in form.variables})
    (made,) = self.box(
        Kernel("view"), [(operand.source, read), *((wire, None) for wire in sorted(lookups))],
        [size for one in words for size in one], [used], [dtype], title="take",
        kind=self.kind(operand.source),
    )  # fmt: skip
    return Value(made, tuple(words), tuple(map(Form.variable, used)))


@handles("dynamic_slice")
def _chosen(self: Builder, eqn: Any, values: list[Value]) -> Found:
    value, aval = values[0], eqn.outvars[0].aval
    out, forms = Value(None, tuple(map(word, aval.shape))), []
    for axis, (one, size) in enumerate(zip(values[1:], aval.shape, strict=True)):
        places, start, length = out.places(axis), number_of(one), value.shape[axis]
        form = Form.variable(places[0]) if places else Form()
        if size == length:
            start = 0
        if start is not None:
            form = form + Form.number(min(max(int(start), 0), length - size))
        elif not isinstance(one.source, int):
            return None
        else:
            index = _clamped(self, one, length - size, length)
            form = form + Form.atom(Lookup(index.source, index.forms))
        forms.append(form)
    return _taken(self, value, forms, out.words, eqn.invars[0].aval.dtype)


@handles("dynamic_update_slice")
def _replaced(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (operand, update, *starts), shape = values, eqn.outvars[0].aval.shape
    at: list[tuple[Value | None, int | None]] = []
    for k, (start, size) in enumerate(zip(starts, shape, strict=True)):
        last, number = size - update.shape[k], number_of(start)
        if number is not None:
            number = min(max(int(number), 0), last)
            start = replace(start, source=Number(np.asarray(number)))
        elif last and isinstance(start.source, int):
            start = _clamped(self, start, last, size)
        elif last:
            return None
        at.append((start if last else None, k))
    return _put(self, eqn, operand, update, [], at, "scatter")


@handles("scatter", "scatter-add", "scatter-sub")
def _scattered(self: Builder, eqn: Any, values: list[Value]) -> Found:
    (operand, index, update), numbers = values, eqn.params["dimension_numbers"]
    shape, clip = operand.shape, eqn.params["mode"] == jax.lax.GatherScatterMode.CLIP
    inner, columns = numbers.update_window_dims, _columns(self, index)
    outer = [k for k in range(len(update.shape)) if k not in inner]
    lost = *numbers.inserted_window_dims, *numbers.operand_batching_dims
    window = dict(zip((k for k in range(len(shape)) if k not in lost), inner, strict=True))
    batched = dict(zip(map(int, numbers.operand_batching_dims),
                       map(int, numbers.scatter_indices_batching_dims), strict=True))  # fmt: skip
    at: list[tuple[Value | None, int | None]] = []
    for k, size in enumerate(shape):
        if k in batched:
            at.append((None, outer[batched[k]]))
            continue
        start, last = None, size - (update.shape[window[k]] if k in window else 1)
        if k in numbers.scatter_dims_to_operand_dims:
            start = columns[numbers.scatter_dims_to_operand_dims.index(k)]
            if isinstance(start.source, int):
                start = _clamped(self, start, last, size) if clip else self.indices(start, size)
            elif bounds(_known(start), start.sizes) is None:
                return None
            else:
                ends = bounds(_known(start), start.sizes) or (0, 0)
                if ends[0] < 0 or ends[1] > last:
                    return None
        at.append((start, window.get(k)))
    single = all(size == 1 for k, size in enumerate(update.shape) if k in outer) or not outer
    apart = single or eqn.params["unique_indices"] or _injective(columns)
    if eqn.primitive.name == "scatter" and not apart:
        return None
    return _put(self, eqn, operand, update, outer, at, eqn.primitive.name)


def _known(value: Value) -> Form:
    """Return the form of integers that are known."""
    if isinstance(value.source, Number):
        return Form.number(int(value.source.value))
    return value.forms[0]


def _injective(columns: Sequence[Value]) -> bool:
    """Whether known indices put each entry elsewhere."""
    if any(isinstance(one.source, int) for one in columns):
        return False
    sizes = columns[0].sizes
    grid = np.indices(sizes)
    values = (_known(one).evaluated(grid.__getitem__) for one in columns)
    found = [np.broadcast_to(value, sizes).ravel() for value in values]
    return len(np.unique(np.stack(found, -1), axis=0)) == prod(sizes)


def _put(
    self: Builder, eqn: Any, operand: Value, update: Value, outer: Sequence[int],
    at: Sequence[tuple[Value | None, int | None]], kind: str,
) -> Found:  # fmt: skip
    """Return an array with the entries of another one added, or put, at indices.

    Each entry of the array is the sum over the entries that a mask puts there: the transpose of
    reading at these indices, and no array that the sum is of is formed.

    Parameters
    ----------
    outer
        The dimensions of what is put that are no windows: those of the indices, in order.
    at
        For each dimension of the array where an entry is put, or a window starts, and the dimension
        of what is put that is that window; of one that indices have, too, that and no start.
    """
    aval, rounds = eqn.outvars[0].aval, any(self.draft.blocks[one][1] for one in self.within)
    if not is_number(aval.dtype) or (rounds and number_of(operand) != 0):
        return None  # what goes round is changed in place
    shape, fill = operand.shape, kind == "scatter" and number_of(operand) != 0
    one = Value(Number(np.ones((), aval.dtype)), ()).repeated(update.shape, ())
    for k, (start, j) in enumerate(at):
        first = start is None or (not isinstance(start.source, int) and _known(start) == Form())
        if j is not None and j not in outer and first and update.shape[j] < shape[k]:
            # a window at the beginning goes on with zeros
            rest = [size if i != j else shape[k] - size for i, size in enumerate(update.shape)]
            zeros = Value(Number(np.zeros((), aval.dtype)), ()).repeated(rest, ())
            update, one = (self.joined([x, zeros], j, aval.dtype) for x in (update, one))
            at = [*at[:k], (None, j), *at[k + 1 :]]
    dims = update.shape
    batch = [update.words[j] for j in outer]
    for start, _ in at:
        for b, own in enumerate(start.words if start is not None and outer else ()):
            found = refinement([batch[b], own])
            batch[b] = word(dims[outer[b]]) if found is None else found
    words: list[Any] = []
    for k, (start, j) in enumerate(at):
        whole = start is None and j is not None and dims[j] == shape[k]
        own = update.words[j] if whole and j is not None else None
        own = batch[outer.index(j)] if j in outer else own
        words.append(word(shape[k]) if own is None else own)
    summed = [b for b, j in enumerate(outer) if all(j != one for _, one in at)]
    full = Value(None, (*words, *(batch[b] for b in summed)))
    moved: dict[int, list[Form]] = {}
    for b, j in enumerate(outer):
        place = len(words) + summed.index(b) if b in summed else [one for _, one in at].index(j)
        moved[j] = [Form.variable(v) for v in full.places(place)]
    over = [form for j in outer for form in moved[j]]
    conditions: list[Form] = []
    looked: set[int] = set()
    meant: list[tuple[int, int]] = []
    for k, (start, j) in enumerate(at):
        if j in outer or (start is None and j is not None and dims[j] == shape[k]):
            moved |= {} if j is None else {j: [Form.variable(v) for v in full.places(k)]}
            continue
        begin = Form()
        if start is not None:
            start = start.at_words(batch) if outer else start
            forms = [form.substitute(over) for form in start.forms]
            begin = forms[0] if isinstance(start.source, Index) else _known(start) if (
                not isinstance(start.source, int)
            ) else Form.atom(Lookup(start.source, tuple(forms)))  # fmt: skip
            looked |= {start.source} if isinstance(start.source, int) else set()
        places = full.places(k)
        if start is not None and isinstance(start.source, int) and j is None and places:
            meant.append((start.source, places[0]))
        apart = (Form.variable(places[0]) if places else Form()) + begin.times(-1)
        last = 0 if j is None else dims[j] - 1
        conditions += [apart.times(-1) + Form.number(last), apart]
        if j is not None:
            moved[j] = [apart] if dims[j] > 1 else []
            if start is not None and isinstance(start.source, int) and moved[j]:
                # places in the window, which is an axis of its own
                kernel = function_of(f"indices of {dims[j]}", lambda index: index)
                own = self.applied(kernel, [start], self.dtypes[start.source], "window")
                forms = tuple(form.substitute(over) for form in own.forms)
                moved[j] = [apart + begin + Form.atom(Lookup(own.source, forms)).times(-1)]
                looked.add(own.source)
            room = shape[k] - dims[j]
            if start is not None and isinstance(start.source, int) and last:
                conditions += [begin, begin.times(-1) + Form.number(room)]
    sizes = full.sizes
    ends = [bounds(one, sizes) for one in conditions]
    conditions = [one for one, end in zip(conditions, ends, strict=True) if not end or end[0] < 0]
    single = [
        batch[outer.index(j)] if j in outer else own if len(moved[j]) == len(own) else word(dims[j])
        for j, own in enumerate(update.words)
    ]
    update = update.at_words(single)
    inner = [form for j in range(len(dims)) for form in moved[j]]
    kept = sum(map(len, words))
    operands = [(wire, None) for wire in sorted(looked)]

    def sums(value: Value) -> Value:
        """Return the sums of entries, by where they are put."""
        wire, forms = self.read(value)
        read = [form.substitute(inner) for form in forms]
        used = {v for form in (*read, *conditions) for v in form.variables}
        writes, targets = [v for v in range(kept) if v in used], range(kept, len(sizes))
        (made,) = self.box(
            Kernel("contraction" if targets else "view"), [(wire, read), *operands], sizes,
            [writes], [self.dtypes[wire]], targets, conditions=conditions, title=kind,
        )  # fmt: skip
        for index, v in meant:
            self.looked_up(index, self.draft.wires[made].axes[writes.index(v)])
        return Value(made, tuple(words), tuple(map(Form.variable, writes)))

    found = sums(update)
    if kind == "scatter-sub":
        found = self.applied(Kernel("neg"), [found], aval.dtype)
    if number_of(operand) == 0:
        return found
    if not fill:
        return self.applied(Kernel("add"), [operand, found], aval.dtype)
    kernel = function_of("put", lambda inside, one, other: jnp.where(inside != 0, one, other))
    operand = self.typed(operand, aval.dtype)
    return self.applied(kernel, [sums(one.at_words(single)), found, operand], aval.dtype, "put")
