"""Attention as JAX and PyTorch have it: what of a circuit are queries, keys and values.

A circuit is attention if it is equal to the softmax of scores along an axis, which weights values,
and the scores are products of queries and keys, times a number, plus what does not depend on them,
where no mask hides them. What follows the scores is compared by ``equal``, so that the order of its
steps does not matter; the scores are read box by box. Axes are sorted by the arrays that have them:
those of queries and keys or values are batches and heads, those of queries alone are positions and
groups of heads (Ainslie et al., "GQA", 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isinf, prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from catlearn.arrays.boxes import BoxRow, Draft, Operation
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.forms import Form, Reading
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.programs import programmed
from catlearn.arrays.sizes import ONE, Size
from catlearn.category import Equal
from catlearn.display import Legible
from catlearn.errors import CatlearnError
from catlearn.models.circuits import functions_of

HIDDEN = -1e9
"""A score that is at most so great, and is put by a mask, is taken for none."""

Label = Any
Functions = Mapping[str, Callable[..., Any]]


class NoAttention(CatlearnError, ValueError):
    """A circuit is not attention as JAX has it; the message says why."""


@dataclass(frozen=True)
class _Read:
    """An array that a box reads, and what its variables are called."""

    wire: int
    reading: Reading
    labels: Mapping[int, Label]
    row: BoxRow

    @property
    def names(self) -> set[Label]:
        return {self.labels[v] for v in self.reading.variables}


class Attention(Legible):
    """A circuit with one output as attention, for given sizes of its axes.

    Parameters
    ----------
    circuit
        The circuit, without kernels that have definitions.
    sizes
        The size of each axis, by its row.

    Raises
    ------
    NoAttention
        If it is not attention as JAX has it, with the reason.
    """

    def __init__(self, circuit: Circuit, sizes: Mapping[int, int]) -> None:
        draft = Draft.of(circuit.apex)
        for k, row in enumerate(draft.boxes):
            if row.operation.kernel.name == "cast":
                plain = Operation(Kernel("view"), row.operation.readings, row.operation.writes)
                draft.boxes[k] = row._replace(operation=plain)
        self.circuit = Circuit.of(draft, circuit.dom, circuit.cod)
        self.draft, self.sizes = draft, sizes
        self.writer = {w: b for b in self.circuit._walk() for w in draft.boxes[b].outs}
        self.axes: dict[Label, int] = {}
        self._softmax()
        self._scores()
        self._sorted()

    # What it consists of.

    def _softmax(self) -> None:
        """Find the scores and the values, and compare what follows the scores."""
        boxes = {b: self.draft.boxes[b] for b in self.writer.values()}
        most = [b for b, row in boxes.items() if row.operation.kernel.name == "max"]
        if len(most) != 1 or len(self.circuit.cod) != 1:
            raise NoAttention("it has no softmax, or several, or other outputs")
        row = boxes[most[0]]
        (self.scores,) = row.ins
        own = self._plain(_read(row, 0))
        if len(row.operation.targets) != 1:
            raise NoAttention("its softmax is over several axes")
        self.labels = [*range(len(own))]
        self.axes |= dict(zip(self.labels, self.draft.wires[self.scores].axes, strict=True))
        self.key = own.index(row.operation.targets[0])
        after = {self.scores}
        for b in self.circuit._walk():
            if not after.isdisjoint(boxes[b].ins):
                after.update(boxes[b].outs)
        self.after = after
        found = [
            (b, k) for b, row in boxes.items()
            if row.operation.kernel.name == "contraction" and len(row.ins) == 2
            for k in range(2) if row.ins[k] in after and row.ins[1 - k] not in after
        ]  # fmt: skip
        if len(found) != 1 or len(boxes[found[0][0]].operation.targets) != 1:
            raise NoAttention("no sum along its keys has weights and values")
        ((b, k),) = found
        row = self.draft.boxes[b]
        if row.operation.scale != ONE:
            raise NoAttention("its values are multiplied by a number")
        weights = self._back(row.ins[k], self.labels, self.scores)
        of = dict(zip(self._plain(_read(row, k)), weights, strict=True))
        if of.get(row.operation.targets[0]) != self.key:
            raise NoAttention("its softmax is not along what its values are summed over")
        for v in row.operation.writes[0]:
            if v not in of:
                of[v] = "e", v
                self.axes["e", v] = row.vars[v]
        self.value = _Read(row.ins[1 - k], _read(row, 1 - k), of, row)
        self.made = [of[v] for v in row.operation.writes[0]]
        self.out = self._back(self.circuit.cod[0], self.made, row.outs[0])
        if self._again().equal(self.circuit) != Equal:
            raise NoAttention("what follows its scores is not shown to be a softmax with values")

    def _back(self, wire: int, labels: Sequence[Label], start: int) -> list[Label]:
        """Return what the axes of an array are called that is made from another one."""
        if wire == start:
            return [*labels]
        row = self.draft.boxes[self.writer[wire]]
        if row.operation.kernel.name in ("view", "mul", "add", "exp"):
            for k, one in enumerate(row.ins):
                rank = len(self.draft.wires[one].axes)
                once = {v for v, axis in enumerate(row.vars) if self.sizes[axis] == 1}
                once -= _read(row, k).variables
                if one in self.after and rank == len(self.draft.wires[wire].axes) - len(once):
                    of = dict(zip(self._plain(_read(row, k)), self._back(one, labels, start),
                                  strict=True))  # fmt: skip
                    of |= {v: ("1", v) for v in once}
                    self.axes |= {("1", v): row.vars[v] for v in once}
                    return [of[v] for v in row.operation.writes[0]]
        raise NoAttention(f"{row.operation} follows its scores")

    def _plain(self, reading: Reading) -> list[int]:
        found = [form.wiring for form in reading.forms]
        if None in found or reading.conditions or len({*found}) < len(found):
            raise NoAttention("its weights are read otherwise than at each index")
        return [v for v in found if v is not None]

    def _again(self) -> Circuit:
        """Return softmax and values, from the boxes that make the scores."""
        draft, n = self._part([self.scores, self.value.wire]), len(self.labels)
        rows = [p for p in self.labels if p != self.key]
        axes = self.draft.wires[self.scores].axes
        stops = any(self.draft.boxes[b].operation.kernel.name == "stop"
                    for wire, b in self.writer.items() if wire in self.after)  # fmt: skip

        def box(
            kernel: str, ins: Sequence[int], reads: Sequence[Sequence[int]], whole: bool
        ) -> int:
            kept = [*range(n)] if whole else rows
            out = draft.wire([axes[p] for p in kept], draft.wires[self.scores].type)
            used = sorted({*kept, *(p for one in reads for p in one)})
            at = {p: k for k, p in enumerate(used)}
            operation = Operation(
                Kernel(kernel), tuple(Reading.wiring([at[p] for p in one]) for one in reads),
                (tuple(at[p] for p in kept),), tuple(at[p] for p in used if p not in kept),
            )  # fmt: skip
            draft.box(operation, ins, [out], [axes[p] for p in used])
            return out

        every = self.labels
        shift = box("max", [self.scores], [every], False)
        if stops:
            shift = box("stop", [shift], [rows], False)
        shift = box("neg", [shift], [rows], False)
        above = box("exp", [box("add", [self.scores, shift], [every, rows], True)], [every], True)
        total = box("contraction", [above], [every], False)
        weights = box("mul", [above, box("reciprocal", [total], [rows], False)],
                      [every, rows], True)  # fmt: skip
        row = self.value.row
        place = {label: v for v, label in self.value.labels.items()}
        operation = Operation(
            Kernel("contraction"), (Reading.wiring([place[p] for p in every]), self.value.reading),
            (tuple(place[p] for p in self.made),), row.operation.targets,
        )  # fmt: skip
        kind = draft.wires[row.outs[0]].type
        found = draft.wire([row.vars[place[p]] for p in self.made], kind)
        draft.box(operation, [weights, self.value.wire], [found], row.vars, row.mentions)
        at = {p: k for k, p in enumerate(self.out)}
        axes = [self.axes[p] for p in self.out]
        out, turned = draft.wire(axes, kind), Reading.wiring([at[p] for p in self.made])
        draft.box(Operation(Kernel("view"), (turned,), ((*at.values(),),)), [found], [out], axes)
        return Circuit.of(draft, self.circuit.dom, [out])

    def _scores(self) -> None:
        """Read the scores: products of queries and keys, a factor, what is added, and masks."""
        products = {w for w, b in self.writer.items() if self._is_product(b)}
        from_products = {*products}
        for b in self.circuit._walk():
            if not from_products.isdisjoint(self.draft.boxes[b].ins):
                from_products.update(self.draft.boxes[b].outs)
        self.scale, self.added = 1.0, list[tuple[float, _Read]]()
        self.masks, self.given_masks, self.outside = list[_Read](), list[_Read](), set[float]()
        wire, labels = self.scores, list[Label](self.labels)
        while True:
            b = self.writer.get(wire)
            if b is None:
                raise NoAttention("its scores are no products of queries and keys")
            row = self.draft.boxes[b]
            name = row.operation.kernel.name
            of: dict[int, Label] = dict(zip(row.operation.writes[0], labels, strict=True))
            if wire in products:
                break
            inner = [k for k, one in enumerate(row.ins) if one in from_products]
            others = [k for k in range(len(row.ins)) if k not in inner]
            if len(inner) != 1 or name not in ("mul", "add", "view", "contraction", "where"):
                raise NoAttention(f"{row.operation} stands between its products and its softmax")
            if name == "contraction" and (row.operation.targets or others):
                raise NoAttention("its scores are no products of queries and keys")
            self.scale *= row.operation.scale.substitute(self._numbers(row)).value or 0.0
            for k in others:
                one = _Read(row.ins[k], _read(row, k), of, row)
                if name == "add":
                    self.added.append((self.scale, one))
                    continue
                if name == "where":
                    self._mask(one, float(str(row.operation.kernel.option("outside"))), True)
                    continue
                made = self.writer.get(row.ins[k])
                kernel = None if made is None else self.draft.boxes[made].operation.kernel
                if kernel is None or kernel.name != "constant":
                    raise NoAttention("its scores are multiplied by an array")
                self.scale *= float(str(kernel.option("value")))
            reading = _read(row, inner[0])
            if reading.conditions:
                bare = Reading((), 0.0, reading.conditions)
                self._mask(_Read(-1, bare, of, row), reading.outside, False)
            labels = [of[v] for v in self._plain(Reading(reading.forms))]
            wire = row.ins[inner[0]]
        for v in range(len(row.vars)):
            if v not in of:
                of[v] = "d", v
                self.axes["d", v] = row.vars[v]
        self.scale *= row.operation.scale.substitute(self._numbers(row)).value or 0.0
        sides = [_Read(row.ins[k], _read(row, k), of, row) for k in range(2)]
        sides.sort(key=lambda one: self.key in one.names)
        self.query, self.keys = sides
        if self.key in self.query.names or self.key not in self.keys.names:
            raise NoAttention("its softmax is not along an axis of the keys alone")

    def _mask(self, one: _Read, outside: float, data: bool) -> None:
        """Note a mask; one that is data may hide whole rows, where each score is what it puts."""
        if outside * self.scale > HIDDEN or self.scale <= 0:
            raise NoAttention(f"its mask puts {outside:g}, which is no mask")
        (self.given_masks if data else self.masks).append(one)
        self.outside.add(outside * self.scale)
        if self.given_masks and (len(self.outside) > 1 or isinf(outside)):
            raise NoAttention("its mask is data: rows that it hides are not those of JAX")

    def _is_product(self, b: int) -> bool:
        row = self.draft.boxes[b]
        two = row.operation.kernel.name == "contraction" and len(row.ins) == 2
        return two and not any(w in self.after for w in row.ins)

    def _numbers(self, row: BoxRow) -> dict[Any, int]:
        known = {v: self.sizes[axis] for v, axis in enumerate(row.vars)}
        return known | {-1 - k: self.sizes[axis] for k, axis in enumerate(row.mentions)}

    def _sorted(self) -> None:
        """Sort axes into batches, heads, groups and positions."""
        given = [self.query, self.keys, self.value]
        every = [*given, *self.masks, *self.given_masks, *(one for _, one in self.added)]
        if any(form.lookups for one in every
               for form in (*one.reading.forms, *one.reading.conditions)):  # fmt: skip
            raise NoAttention("queries, keys, values, or a mask or bias, are looked up")
        if any(one.reading.conditions for one in given):
            raise NoAttention("queries, keys or values are masked")
        both = self.keys.names | self.value.names
        shared = [p for p in self.labels if p in both and p != self.key]
        alone = [p for p in self.labels if p not in both]
        bound = {p for one in self.masks for p in one.names} & {*alone}
        alone.sort(key=lambda p: (p in bound, self.size([p])))
        self.heads, self.batch = shared[-1:], shared[:-1]
        self.groups, self.at = alone[:-1], alone[-1:]
        self.depth = [p for p in self.axes if isinstance(p, tuple) and p[0] == "d"]
        self.width = [p for p in self.axes if isinstance(p, tuple) and p[0] == "e"]
        d, e = self.size(self.depth), self.size(self.width)
        if d != e:
            raise NoAttention(f"its values have {e} entries and its keys {d}; JAX's have as many")
        self.causal = False
        if len(self.masks) == 1 and self.at:
            one = self.masks[0]
            place = {label: v for v, label in one.labels.items()}
            gap = Form.variable(place[self.at[0]]) + Form.variable(place[self.key]).times(-1)
            same = self.size(self.at) == self.size([self.key])
            self.causal = one.reading.conditions == (gap,) and same
        if self.masks and not self.causal and not self._open().any(-1).all():
            raise NoAttention("its mask hides whole rows")

    def size(self, labels: Iterable[Label]) -> int:
        """Return how many indices axes have together."""
        return prod(self.sizes[self.axes[p]] for p in labels)

    # How it runs.

    def _part(self, wires: Iterable[int]) -> Draft:
        """Return the rows, with the boxes that make some arrays."""
        draft, left, needed = Draft.of(self.circuit.apex), [*wires], set[int]()
        while left:
            b = self.writer.get(left.pop())
            if b is not None and b not in needed:
                needed.add(b)
                left += draft.boxes[b].ins
        draft.boxes = [row for b, row in enumerate(draft.boxes) if b in needed]
        return draft

    def _array(
        self, one: _Read, words: Sequence[Sequence[Label]], arrays: Sequence[Any],
        functions: Functions, whole: bool = False,
    ) -> Any:  # fmt: skip
        """Return an array with an axis for each word, of size 1 where it has none of its axes.

        If it is whole it is repeated along those.
        """
        names = one.names
        own = [[*word] if whole or names.intersection(word) else [] for word in words]
        order = [label for word in own for label in word]
        place = {label: k for k, label in enumerate(order)}
        forms = [Form.variable(place[one.labels[v]]) if one.labels.get(v) in place else Form()
                 for v in range(len(one.row.vars))]  # fmt: skip

        def size(given: Size) -> Size:
            return given.substitute(self._numbers(one.row))

        draft = self._part([one.wire] if one.wire >= 0 else [])
        wire = one.wire
        if wire < 0:
            wire = draft.wire([])
            kernel = Kernel("constant", (("value", 1.0),))
            draft.box(Operation(kernel, (), ((),)), [], [wire], [])
        reading = one.reading.map(lambda form: form.substitute(forms, size))
        view = Operation(Kernel("view"), (reading,), (tuple(range(len(order))),))
        axes = [self.axes[label] for label in order]
        out = draft.wire(axes, draft.wires[wire].type)
        draft.box(view, [wire], [out], axes)
        program = programmed(Circuit.of(draft, self.circuit.dom, [out]), self.sizes)
        (found,) = program.run(functions, arrays)
        return functions["reshape"](found, tuple(self.size(word) for word in own))

    def _open(self) -> Any:
        """Return where no mask hides scores, by batch, head, query and key."""
        words = self.batch, [*self.heads, *self.groups], self.at, [self.key]
        nothing, by = [None] * len(self.circuit.dom), functions_of(None)
        with jax.ensure_compile_time_eval():  # masks are numbers inside a program, too
            found = [self._array(one, words, nothing, by) for one in self.masks]
        return np.logical_and.reduce([np.asarray(one) > 0 for one in np.broadcast_arrays(*found)])

    def __call__(self, *arrays: Any, implementation: str | None = None) -> Any:
        """Return what the circuit returns.

        Parameters
        ----------
        *arrays
            The inputs of the circuit.
        implementation
            That of ``jax.nn.dot_product_attention``.
        """
        words = self.batch, self.at, [*self.heads, *self.groups]
        query, keys, value, bias, mask = self._operands(arrays, functions_of(None), 2)
        dtype = jnp.result_type(query, keys, value)
        query, keys, value = (one.astype(dtype) for one in (query, keys, value))
        by: Any = implementation
        found = jax.nn.dot_product_attention(
            query, keys, value, bias, mask, scale=self.scale, is_causal=self.causal,
            implementation=by,
        )  # fmt: skip
        return self._returned(found, words, functions_of(None))

    def in_torch(self, *tensors: Any, dropout: float = 0.0) -> Any:
        """Return what the circuit returns, by PyTorch's ``scaled_dot_product_attention``.

        Parameters
        ----------
        *tensors
            The inputs of the circuit, on one device.
        dropout
            The share of weights that are dropped.
        """
        import torch  # pyright: ignore[reportMissingImports]

        from catlearn.lowering.pytorch import functions_on

        real = next(one.dtype for one in tensors if one.is_floating_point())
        by = functions_on(tensors[0].device, real)
        query, keys, value, bias, mask = self._operands(tensors, by, 1)
        dtype = torch.promote_types(torch.promote_types(query.dtype, keys.dtype), value.dtype)
        query, keys, value = (one.to(dtype) for one in (query, keys, value))
        bias = bias if bias is None else bias.to(dtype)
        if self.given_masks:
            # A row that data hide has all its keys alike, and its scores have no gradient.
            some = mask.any(-1, keepdim=True)
            query, mask = torch.where(some, query, 0), mask | ~some
            bias = bias if bias is None else torch.where(some, bias, 0)
        if mask is not None and bias is not None:
            mask = torch.where(mask, bias, -torch.inf)
        found = torch.nn.functional.scaled_dot_product_attention(
            query, keys, value, bias if mask is None else mask, dropout, self.causal,
            scale=self.scale, enable_gqa=bool(self.groups),
        )  # fmt: skip
        return self._returned(found, (self.batch, [*self.heads, *self.groups], self.at), by)

    def _operands(self, arrays: Sequence[Any], functions: Functions, heads: int) -> list[Any]:
        """Return queries, keys, values, a bias and a mask; heads are the axis of that number."""
        every = [*self.heads, *self.groups]

        def words(positions: Sequence[Label], own: Sequence[Label]) -> list[Sequence[Label]]:
            return [self.batch, positions, own] if heads == 2 else [self.batch, own, positions]

        sides = [
            (self.query, [*words(self.at, every), self.depth]),
            (self.keys, [*words([self.key], self.heads), self.depth]),
            (self.value, [*words([self.key], self.heads), self.width]),
        ]
        given = [self._array(*side, arrays, functions, whole=True) for side in sides]
        scores = self.batch, every, self.at, [self.key]
        bias = mask = None
        for factor, one in self.added:
            more = factor * self._array(one, scores, arrays, functions)
            bias = more if bias is None else bias + more
        if self.masks and not self.causal:
            mask = functions["array"](self._open())
        for one in self.given_masks:
            more = self._array(one, scores, arrays, functions) != 0
            mask = more if mask is None else mask & more
        return [*given, bias, mask]

    def _returned(self, found: Any, words: Sequence[Sequence[Label]], functions: Functions) -> Any:
        """Return what the circuit returns, of an array with an axis for each word and values."""
        once = [p for p in self.out if p not in self.made]
        made = [label for word in (*words, self.width, once) for label in word]
        found = functions["reshape"](found, tuple(self.size([p]) for p in made))
        return functions["transpose"](found, tuple(made.index(p) for p in self.out))

    def __str__(self) -> str:
        masked = self.masks or self.given_masks
        what = "causal" if self.causal else "masked" if masked else "full"
        return f"{what} attention" + (" with a bias" if self.added else "")


def _read(row: BoxRow, k: int) -> Reading:
    found = row.operation.readings[k]
    if found is None:
        raise NoAttention("it looks values up")
    return found
