"""Definitions: kernels as circuits of elementary ones, and circuits in which they are written out.

Some kernels are compositions that deserve a box of their own: they have a *definition* in
elementary kernels that they equal,

    softmax_y x = exp(x - max_y x) / sum_y exp(x - max_y x)
    logsumexp_y x = max_y x + log sum_y exp(x - max_y x)
    norm_m x = c / sqrt(mean_m c^2 + eps), with c = x - mean_m x, or c = x if it does not centre
    silu x = x sigmoid x
    gelu x = x (1 + erf(x / sqrt 2)) / 2, or x sigmoid(x (a + b x^2)), with a = 2 sqrt(2 / pi) and
        b = 0.044715 a, which is x (1 + tanh(...)) / 2
    (cumsum_x s)(x) = sum_y [y <= x] s(y)

A difference is a sum with ``neg``, and a quotient a product with ``reciprocal``; that of logsumexp
is -inf where x is, so that of entries that are all -inf it is that, too. What reads entries
(streams) unfolds definitions; equality and counts do not. The definition of a kernel is seen by
unfolding its box:

>>> from catlearn.arrays import logsumexp
>>> print(logsumexp("[y] -> ").unfold())
x1[y]: R
a1[]: R = max(x1[y]) as "max of logsumexp"
a2[y]: R = shifted(x1[y], a1[]) as "shifted of logsumexp"
a3[y]: R = exp(a2[y]) as "exp of logsumexp"
a4[]: R = contraction(a3[y]) as "contraction of logsumexp"
a5[]: R = log(a4[]) as "log of logsumexp"
a6[]: R = add(a1[], a5[]) as "add of logsumexp"
return a6
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import mul

from catlearn.arrays.boxes import ArrayHypergraph, BoxRow, Draft, Operation
from catlearn.arrays.forms import Form, Reading
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.sizes import ONE, Scalar, Size

Value = tuple[int, tuple[int, ...]]
"""An array, and the variables of the box that its axes stand for."""


@dataclass
class Boxes:
    """The boxes of a definition while it is written out for one box.

    Called with the name of a kernel, arrays and options it adds a box, at the variables of the box
    that is replaced: what that takes whole is read whole by kernels with targets, and the others
    are applied to each number.

    Parameters
    ----------
    draft
        Where arrays are added.
    row
        The box that is replaced.
    order
        Its variables, those that it writes first.
    made
        The boxes so far.
    """

    draft: Draft
    row: BoxRow
    order: tuple[int, ...]
    made: list[BoxRow]

    def __call__(self, name: str, *given: Value, mean: bool = False, **options: float) -> Value:
        kernel, old = Kernel(name, tuple(options.items())), self.row.operation
        own = [v for v in self.order if any(v in variables for _, variables in given)]
        lost = [v for v in own if v in old.targets and kernel.entry.targets == "read"]
        kept = [v for v in own if v not in lost]
        at = {v: k for k, v in enumerate((*kept, *lost))}
        sizes = (Scalar.of(Size.generator(at[v])) ** -1 for v in lost)
        readings = tuple(Reading.wiring([at[v] for v in variables]) for _, variables in given)
        self._box(Operation(
            kernel, readings, (tuple(range(len(kept))),), tuple(at[v] for v in lost),
            reduce(mul, sizes, ONE) if mean else ONE,
            letters=tuple(old.letters[v] if v < len(old.letters) else "" for v in at),
            title=f"{name} of {old}",
        ), [wire for wire, _ in given], kept, at, self.draft.type("R"))  # fmt: skip
        return self.made[-1].outs[0], tuple(kept)

    def sums(self, given: Value) -> Value:
        """Add the sums over entries that are not later, along what is taken whole: a mask first."""
        old, count = self.row.operation, len(self.order)
        (over,), every = old.targets, tuple(range(count + 1))
        wide = *self.order, over
        at = {v: k for k, v in enumerate(self.order)}
        places = [count if v == over else at[v] for v in given[1]]
        later = Form.variable(at[over]) + Form.variable(count).times(-1)
        readings = replace(Reading.wiring(places), conditions=(later,)), Reading.wiring(every)
        letters = tuple(old.letters[v] if v < len(old.letters) else "" for v in wide)
        mask = Operation(Kernel("view"), readings[:1], (every,), letters=letters,
                         title=f"mask of {old}")  # fmt: skip
        total = Operation(Kernel("contraction"), readings[1:], (every[:-1],), (count,),
                          letters=letters, title=f"contraction of {old}")  # fmt: skip
        numbers, _ = self.draft.types[self.draft.wires[self.row.outs[0]].type]
        self._box(mask, [given[0]], wide, wide, self.draft.type(numbers))
        self._box(total, self.made[-1].outs, self.order, wide, self.draft.type(numbers))
        return self.made[-1].outs[0], self.order

    def read(self, place: int) -> Value:
        """Return an array that the box reads, with all its variables: as it is, or by a view."""
        old = self.row.operation
        reading = old.readings[place]
        assert reading is not None
        wired = tuple(v for form in reading.forms if (v := form.wiring) is not None)
        plain = len(wired) == len(reading.forms) and not reading.conditions and not old.relations
        if plain and {*wired} == {*self.order}:
            return self.row.ins[place], wired
        readings = tuple(one if k == place else None for k, one in enumerate(old.readings))
        made = replace(
            old, kernel=Kernel("view"), readings=readings, writes=(self.order,), targets=(),
            scale=ONE, title=f"view of {old}",
        )  # fmt: skip
        every, kind = range(len(self.row.vars)), self.draft.wires[self.row.ins[place]].type
        self._box(made, self.row.ins, self.order, every, kind, self.row.mentions)
        return self.made[-1].outs[0], self.order

    def _box(
        self, operation: Operation, ins: Iterable[int], writes: Iterable[int],
        variables: Iterable[int], kind: int, mentions: Iterable[int] = (),
    ) -> None:  # fmt: skip
        axes = self.row.vars
        out = self.draft.wire((axes[v] for v in writes), kind)
        self.made.append(BoxRow(
            [*ins], [out], [axes[v] for v in variables], [*mentions], operation, self.row.within
        ))  # fmt: skip


def _softmax(box: Boxes, x: Value) -> Value:
    parts = box("exp", box("add", x, box("neg", box("max", x))))
    return box("mul", parts, box("reciprocal", box("contraction", parts)))


def _logsumexp(box: Boxes, x: Value) -> Value:
    greatest = box("max", x)
    parts = box("exp", box("shifted", x, greatest))
    return box("add", greatest, box("log", box("contraction", parts)))


def _norm(box: Boxes, x: Value, kind: str, eps: float) -> Value:
    if kind == "layer":
        x = box("add", x, box("neg", box("contraction", x, mean=True)))
    square = box("contraction", box("square", x), mean=True)
    root = box("sqrt", box("add", square, box("constant", value=eps)))
    return box("mul", x, box("reciprocal", root))


def _silu(box: Boxes, x: Value) -> Value:
    return box("mul", x, box("sigmoid", x))


def _gelu(box: Boxes, x: Value, approximation: str) -> Value:
    def number(value: float) -> Value:
        return box("constant", value=value)

    if approximation == "tanh":
        a = 2 * math.sqrt(2 / math.pi)
        inner = box("add", number(a), box("mul", number(0.044715 * a), box("square", x)))
        return box("mul", x, box("sigmoid", box("mul", x, inner)))
    inner = box("erf", box("mul", x, number(math.sqrt(0.5))))
    return box("mul", number(0.5), x, box("add", number(1.0), inner))


DEFINITIONS: dict[str, Callable[..., Value]] = {
    "softmax": _softmax,
    "logsumexp": _logsumexp,
    "norm": _norm,
    "silu": _silu,
    "gelu": _gelu,
    "cumsum": Boxes.sums,
}
"""The kernels that have a definition: what adds its boxes, of what is read and its options."""


def unfolded(H: ArrayHypergraph, names: Sequence[str]) -> Draft:
    """Return the rows of a circuit where kernels of these names are replaced by their definition.

    See :meth:`Circuit.unfold <catlearn.Circuit.unfold>`.
    """
    draft = Draft.of(H)
    rows, draft.boxes = draft.boxes, []
    for row in rows:
        kernel, writes = row.operation.kernel, row.operation.writes
        if kernel.name not in names:
            draft.boxes.append(row)
            continue
        rest = (v for v in range(len(row.vars)) if v not in writes[0])
        box = Boxes(draft, row, (*writes[0], *rest), [])
        given = [box.read(k) for k, one in enumerate(row.operation.readings) if one is not None]
        DEFINITIONS[kernel.name](box, *given, **dict(kernel.options))
        # what is made last is what the box wrote: an array with its type, and the axis of that
        for table in (draft.wires, draft.types, draft.axes):
            table.pop()
        draft.boxes += [*box.made[:-1], box.made[-1]._replace(outs=row.outs)]
    return draft
