"""Programs: what of an array library each box becomes, decided from sizes alone.

A circuit whose sizes are known becomes a straight-line program over operations that any array
library has. A reading by variables is a subscript of ``einsum``, with the letters of the patterns
where they are free. Splits and joins are reshapes, beginnings, strides and shifts slices and
padding, concatenations concatenations, and whole rows of a table are taken; other readings gather.
Windows that meet weights are convolutions, and those that are summed or of which the greatest entry
is taken are reductions of windows; nothing is stored for them. Sums over what a mask puts at
looked-up indices are scattered.

What is decided here runs elsewhere: a back end is a table of functions, one for each name of a
step; :meth:`Program.run` calls them. Since nothing of it depends on values, programs can be read,
compared, and traced by any compiler.

>>> from catlearn.arrays import view
>>> print(programmed(view("(h d) -> d h", h=2).at_dom((6,))))
1[2 3] = reshape 0 (2, 3)
2[3 2] = transpose 1 (1, 0)
return 2
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

import numpy as np

from catlearn.arrays.blocks import Loop, level, nested
from catlearn.arrays.boxes import ArrayHypergraph, Operation
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.forms import Form, IndexPart, Lookup, Reading
from catlearn.arrays.masks import hidden_rows, ties
from catlearn.arrays.sizes import ONE, Size
from catlearn.category import hypergraph
from catlearn.display import Legible
from catlearn.errors import CatlearnError, refuse


class Register(NamedTuple):
    """A place for an array, and the shape of the array."""

    number: int
    shape: tuple[int, ...]


class Instruction(NamedTuple):
    """One call of a function of the back end.

    Parameters
    ----------
    name
        Which function.
    ins, outs
        The registers that it reads and writes.
    options
        What follows the arrays.
    box
        Which box it is a part of, in messages.
    """

    name: str
    ins: tuple[int, ...]
    outs: tuple[Register, ...]
    options: tuple[Any, ...]
    box: str


@dataclass(frozen=True, repr=False)
class Program(Legible):
    """A straight-line program.

    Parameters
    ----------
    inputs
        How many arrays it is given, in the first registers.
    constants
        Arrays that are known, by register.
    steps
        What is called, in order.
    outputs
        The registers of what it returns.
    """

    inputs: int
    constants: Mapping[int, np.ndarray]
    steps: tuple[Instruction, ...]
    outputs: tuple[int, ...]

    def run(self, functions: Mapping[str, Callable[..., Any]], arrays: Sequence[Any]) -> list[Any]:
        """Run it by the functions of a back end.

        Parameters
        ----------
        functions
            One for each name of a step, and ``array`` for arrays of NumPy.
        arrays
            One for each input.
        """
        held = dict(enumerate(arrays))
        for number, array in self.constants.items():
            held[number] = functions["array"](array)
        for step in self.steps:
            try:
                made = functions[step.name](*(held[k] for k in step.ins), *step.options)
            except Exception as error:
                error.add_note(f"in {step.box}")
                raise
            many = len(step.outs) > 1 or step.name == "loop"
            for register, one in zip(step.outs, made if many else (made,), strict=True):
                held[register.number] = one
        return [held[number] for number in self.outputs]

    def __str__(self) -> str:
        lines = [f"{k} = array {x.dtype}{list(x.shape)}" for k, x in self.constants.items()]
        for step in self.steps:
            outs = ", ".join(f"{k}[{' '.join(map(str, shape))}]" for k, shape in step.outs)
            words = [step.name, *map(str, (*step.ins, *step.options))]
            lines.append(f"{outs} = {' '.join(words)}")
        return "\n".join([*lines, f"return {', '.join(map(str, self.outputs))}"])


class Rounds(NamedTuple):
    """What a step ``loop`` does: a program that is run so many times.

    The step reads states, arrays with the rounds as their first axis, of which a round reads an
    entry, and what is the same in all rounds; it writes the last states, and stacked results.

    Parameters
    ----------
    title
        The title of the block.
    number
        How many rounds there are.
    states, entries
        How many arrays of the first two kinds it reads.
    body
        From states, entries and what is fixed to the next states and results.
    """

    title: str
    number: int
    states: int
    entries: int
    body: Program

    def __str__(self) -> str:
        inner = str(self.body).replace("\n", "\n  ")
        return f"{self.title!r} x {self.number}:\n  {inner}"


def programmed(
    circuit: Circuit,
    sizes: Mapping[int, int] | None = None,
    experts: str = "auto",
) -> Program:
    """Return the program of a circuit, of its inputs and then its parameters.

    Parameters
    ----------
    circuit
        The circuit.
    sizes
        The size of each axis by its row; those that the circuit says, unless given.
    experts
        How weights that are read at looked-up indices meet what they are applied to: ``"gather"``
        reads those of each index; ``"dense"`` applies all, and selects, so that nothing is copied;
        ``"auto"`` is dense where twice as many weights would be read as there are, or more, and
        they are of at most :data:`DENSE` indices.

    Raises
    ------
    InvalidStructure
        Listing masks that hide a whole row.
    CatlearnError
        What is wrong with a box, which a note names.
    """
    H = circuit.apex
    parameters = [row for row, name in enumerate(H.column("name")) if name is not None]
    if sizes is None:
        found = {axis: H.size_of(axis).number for axis in range(H.size("Axis"))}
        sizes = {axis: number for axis, number in found.items() if number is not None}
    refuse("this circuit", hidden_rows(H, sizes))
    inputs = (*circuit.dom, *parameters)
    shapes = [tuple(sizes[axis] for axis in H.lists["axes"].row(row).tolist()) for row in inputs]
    whole = level(H, nested(H, H.order, plain=False), inputs, circuit.cod)
    return _Planner(H, sizes, shapes, experts).made(whole)


NEUTRAL = {"max": float("-inf"), "min": float("inf")}
"""What is no greatest and no least entry of windows, by the kernel."""

DENSE = 32
"""Up to how many experts all are applied, unless that is said."""

Value = tuple[Register, tuple[int, ...]]
"""An array, and the variable that each of its axes stands for."""


class _Along(NamedTuple):
    """Where an axis is read by windows: a multiple of one or two places, and where it starts."""

    terms: tuple[tuple[int, int], ...]
    start: int


class _Windows(NamedTuple):
    """Windows of an array, as a view reads them."""

    source: Register
    axes: tuple[_Along, ...]
    outside: float


class _Slide(NamedTuple):
    """An axis of an array over which windows slide, or by which it is read."""

    over: int
    inside: int | None
    stride: int
    dilation: int
    pads: tuple[int, int]


class _Planner:
    """A program while it is made, box by box."""

    def __init__(
        self,
        H: ArrayHypergraph,
        sizes: Mapping[int, int],
        shapes: Sequence[tuple[int, ...]],
        experts: str,
    ) -> None:
        self.H, self.axis_size, self.experts = H, sizes, experts
        self.inputs = [Register(k, shape) for k, shape in enumerate(shapes)]
        self.steps: list[Instruction] = []
        self.constants: dict[int, np.ndarray] = {}
        self.count = len(shapes)
        self.fixed: set[int] = set()  # what follows from no input
        self.wide: set[int] = set()  # real numbers among it
        self.windowed: dict[int, _Windows] = {}  # arrays of windows
        self.put: dict[int, tuple[int, tuple[Register, ...]]] = {}  # what views put at indices

    def made(self, boxes: hypergraph.StringDiagram) -> Program:
        """Return the program of boxes, and blocks with rounds."""
        every, H = boxes.operations, self.H

        def apply(row: int, given: tuple[Any, ...]) -> list[Register]:
            one = every[row]
            if isinstance(one, Loop):
                return self.loop(one, given)
            return self.box(one, given)

        def note(row: int) -> str:
            one = every[row]
            loop = isinstance(one, Loop)
            return f"in block {H.column('title')[one.block]!r}" if loop else f"in {H.title(one)}"

        found = hypergraph.evaluate(boxes, apply, self.inputs, note)
        numbers = tuple(one.number for one in found)
        needed, steps = {*numbers}, []
        for step in reversed(self.steps):  # what stands for windows, say, may not be needed
            if not needed.isdisjoint(one.number for one in step.outs):
                needed.update(step.ins)
                steps.append(step)
        constants = {number: one for number, one in self.constants.items() if number in needed}
        return Program(len(self.inputs), constants, tuple(steps[::-1]), numbers)

    @cached_property
    def drawn(self) -> dict[int, str]:
        """The address of each random box: its kernel, and its number among boxes of that."""
        found, counts = {}, Counter[str]()
        for box in self.H.order:
            kernel = self.H.operations[box].kernel
            if not kernel.entry.deterministic:
                found[box] = f"{kernel.name} {counts[kernel.name]}"
                counts[kernel.name] += 1
        return found

    def loop(self, loop: Loop, given: tuple[Register, ...]) -> list[Register]:
        """Add a block with rounds."""
        title, count = self.H.column("title")[loop.block], loop.states
        self.title, number = f"block {title!r}", self.axis_size[loop.axis]
        shapes = [
            tuple(self.axis_size[axis] for axis in self.H.lists["axes"].row(wire).tolist())
            for wire in loop.body.inputs
        ]
        own = count + len(loop.entries)
        states = [self.broadcast(*one) for one in zip(given[:count], shapes, strict=False)]
        entries = []
        for one, place in zip(given[count:own], loop.entries, strict=True):
            rest = [k for k in range(len(one.shape)) if k != place]
            entries.append(self.transpose(one, [place, *rest]))
        body = _Planner(self.H, self.axis_size, shapes, self.experts).made(loop.body)
        made = []
        for wire in loop.body.outputs:
            axes = self.H.lists["axes"].row(wire).tolist()
            made.append([self.axis_size[axis] for axis in axes])
        written = [*made[:count], *([number, *shape] for shape in made[count:])]
        rounds = Rounds(title, number, count, len(entries), body)
        ins = [*states, *entries, *given[own:]]
        found = self.several("loop", ins, written, rounds)
        results = []
        for one, place in zip(found[count:], loop.results, strict=True):
            order = [*range(1, place + 1), 0, *range(place + 1, len(one.shape))]
            results.append(self.transpose(one, order))
        return [*found[:count], *results]

    def emit(self, name: str, ins: Sequence[Register], shape: Sequence[int], *options: Any) -> Any:
        """Add a step that writes one array."""
        return self.several(name, ins, [shape], *options)[0]

    def several(
        self, name: str, ins: Sequence[Register], shapes: Sequence[Sequence[int]], *options: Any
    ) -> list[Register]:
        """Add a step that writes arrays of these shapes.

        Real numbers that are known have a back end's own precision until they meet an array.
        """
        others = [one for one in ins if one.number not in self.fixed]
        if others and name != "like":
            ins = [
                self.emit("like", [one, *others], one.shape) if one.number in self.wide else one
                for one in ins
            ]
        outs = [Register(self.count + k, tuple(shape)) for k, shape in enumerate(shapes)]
        self.count += len(outs)
        numbers = tuple(one.number for one in ins)
        self.steps.append(Instruction(name, numbers, tuple(outs), options, self.title))
        if not others:
            found = {one.number for one in outs}
            self.fixed |= found
            typed = name in ("cast", "function", "along", "opaque")  # with a type of their own
            real = name == "constant" or (self.wide & {*numbers} and not typed)
            self.wide |= found if real else set()
        return outs

    def constant(self, array: np.ndarray) -> Register:
        """Add an array that is known."""
        self.constants[self.count] = array
        self.fixed.add(self.count)
        self.wide |= {self.count} if array.dtype.kind == "f" else set()
        self.count += 1
        return Register(self.count - 1, array.shape)

    def box(self, row: int, given: tuple[Register, ...]) -> list[Register]:
        """Add what a box does, and return what it writes."""
        operation = self.enter(row, given)
        out, name = operation.writes[0], operation.kernel.name
        if name == "opaque":
            if len(operation.targets) < len(self.shape):
                raise CatlearnError("what is opaque takes whole arrays, and is not lifted")
            shapes = [[self.shape[v] for v in one] for one in operation.writes]
            label = operation.kernel.option("label")
            return self.several(name, given, shapes, label, self.drawn.get(row))
        if name == "along":
            return self.called(operation)
        if name == "view":
            windows = self.windows(operation.readings[0], out)
            pairs = zip(given, operation.readings, strict=True)
            ((array, reading),) = ((one, how) for one, how in pairs if how is not None)
            made = self.aligned(self.read(array, reading), out)
            made = self.broadcast(made, [self.shape[v] for v in out])
            self.windowed |= {} if windows is None else {made.number: windows}
            self.put |= {made.number: (row, given)} if ties(operation) else {}
            return [made]
        put = self.scattered(row, given) if name == "contraction" else None
        self.enter(row, given)
        slides = name in ("contraction", *NEUTRAL) and put is None
        slid = self.slid(operation) if slides else None
        if name == "contraction":
            return [self.contraction(operation, slid or put or self.summed(operation))]
        if name == "concat":
            return [self.concat(operation, given)]
        if slid is not None:
            return [self.broadcast(self.aligned(slid, out), [self.shape[v] for v in out])]
        values = [
            self.read(one, reading)
            for one, reading in zip(given, operation.readings, strict=True)
            if reading is not None
        ]
        if name == "constant":
            return [self.emit(name, [], (), operation.kernel.option("value"))]
        if name == "index":
            return [self.constant(np.arange(*(self.shape[v] for v in operation.targets)))]
        if name == "angle":
            base: Any = operation.kernel.option("base")
            positions, rates = (np.arange(self.shape[v]) for v in operation.targets)
            return [self.constant(np.outer(positions, base ** -(rates / len(rates))))]
        if name == "top_k":
            return self.top_k(operation, values[0])
        if operation.kernel.entry.targets == "read":
            array, own = self.covering(values[0], operation.targets)
            lost = tuple(k for k, v in enumerate(own) if v in operation.targets)
            kept = tuple(v for v in own if v in out)
            if lost:
                array = self.emit(name, [array], [self.shape[v] for v in kept], lost)
            value = array, kept
            return [self.broadcast(self.aligned(value, out), [self.shape[v] for v in out])]
        if operation.kernel.entry.targets == "both":
            values = [self.covering(one, operation.targets) for one in values]
        full = [self.shape[v] for v in out]
        arrays = [self.aligned(one, out) for one in values]
        places = tuple(k for k, v in enumerate(out) if v in operation.targets)
        if operation.kernel.entry.outputs != 1:
            found = self.several(name, [self.broadcast(one, full) for one in arrays],
                                 [full] * len(operation.writes), *places)  # fmt: skip
            return [
                self.transpose(one, [out.index(v) for v in writes])
                for one, writes in zip(found, operation.writes, strict=True)
            ]
        return [self.broadcast(self.elementwise(operation, arrays, places, full), full)]

    def called(self, operation: Operation) -> list[Register]:
        """Add a function of arrays along its targets, which it has last, behind the degree."""
        degree = [v for v in operation.writes[0] if v not in operation.targets]
        arrays = []
        for one, reading in zip(self.given, operation.readings, strict=True):
            assert reading is not None
            value, own = self.read(one, reading)
            last = [v for v in own if v not in degree]
            made = self.aligned((value, own), [*degree, *last])
            arrays.append(self.broadcast(made, [self.shape[v] for v in (*degree, *last)]))
        orders = [[*degree, *(v for v in one if v not in degree)] for one in operation.writes]
        shapes = [[self.shape[v] for v in one] for one in orders]
        found = self.several("along", arrays, shapes, operation.kernel.option("label"))
        return [
            self.transpose(one, [order.index(v) for v in writes])
            for one, order, writes in zip(found, orders, operation.writes, strict=True)
        ]

    def enter(self, row: int, given: tuple[Register, ...]) -> Operation:
        """Note which box is meant, on which arrays, and how long its variables are."""
        H = self.H
        axes, mentions = (H.lists[name].row(row).tolist() for name in ("vars", "mentions"))
        self.title = H.title(row)
        self.shape = [self.axis_size[axis] for axis in axes]
        self.local = dict(enumerate(self.shape))
        self.local |= {-1 - k: self.axis_size[axis] for k, axis in enumerate(mentions)}
        self.given, self.row = given, row
        return H.operations[row]

    def number(self, size: Size) -> int:
        """Return a size of the box as a number."""
        return size.substitute(self.local).number or 0

    def elementwise(
        self, operation: Operation, arrays: list[Register], places: tuple[int, ...], full: list[int]
    ) -> Register:
        """Apply a kernel to arrays with one axis for each variable of the output, or length 1."""
        kernel, shape = operation.kernel, np.broadcast_shapes(*(one.shape for one in arrays))
        options = tuple(value for _, value in kernel.options)
        if kernel.name == "dropout":
            arrays, shape = [self.broadcast(arrays[0], full)], full
            options = (*options, self.drawn[self.row])
        elif kernel.entry.targets == "both":
            options = (places, *options)
        return self.emit(kernel.name, arrays, shape, *options)

    def contraction(self, operation: Operation, found: Value) -> Register:
        """Scale what is summed, and repeat it along variables that nothing reads."""
        (made, kept), out = found, operation.writes[0]
        readings = [one for one in operation.readings if one is not None]
        used = {v for one in readings for v in one.variables}
        lost = prod(self.shape[v] for v in range(len(self.shape)) if v not in used and v not in out)
        if operation.scale != ONE or lost != 1:
            factor = (operation.scale.substitute(self.local).value or 0.0) * lost
            made = self.emit("times", [made], made.shape, factor)
        return self.broadcast(self.aligned((made, kept), out), [self.shape[v] for v in out])

    def summed(self, operation: Operation) -> Value:
        """Sum products over the variables that the output does not have."""
        letters = _letters(operation.letters, len(self.shape) + 1)
        pairs = zip(self.given, operation.readings, strict=True)
        operands = [(array, reading) for array, reading in pairs if reading is not None]
        chosen = [self.chosen(*one) if len(operands) > 1 else None for one in operands]
        out, values, hot = operation.writes[0], [], None
        for (array, reading), one in zip(operands, chosen, strict=True):
            if one is not None and hot is None:
                hot, value = one
                values.append(value)
            else:
                values.append(self.operand(array, reading))
        if hot is not None:
            every = (*out, *(v for v in hot[1] if v not in out))
            values = [self.einsum(values, every, letters), hot]
        return self.einsum(values, out, letters)

    def scattered(self, row: int, given: tuple[Register, ...]) -> Value | None:
        """Return sums whose entries are put at looked-up indices, if masks of operands say that."""
        operation = self.H.operations[row]
        if not (ties(operation) or any(one.number in self.put for one in given)):
            return None
        out, values, found = operation.writes[0], [], list[tuple[int, Value]]()
        for k, (one, reading) in enumerate(zip(given, operation.readings, strict=True)):
            if one.number in self.put:
                source, arrays = self.put[one.number]
                wired = [form.wiring for form in reading.forms] if reading is not None else [None]
                if reading is None or reading.conditions or None in wired:
                    return None
                name: Any = dict(zip(self.H.operations[source].writes[0], wired, strict=True))
                (array, own), index = self.parted(source, arrays, 0)
                values.append((array, tuple(name[v] for v in own)))
                found += [(name[v], (x, tuple(name[w] for w in at))) for v, (x, at) in index]
            elif reading is not None:
                value, index = self.parted(row, given, k)
                values.append(value)
                found += index
        self.enter(row, given)
        tied = [v for v, _ in found]
        by = {v for _, (_, own) in found for v in own}
        read = by.union(*(own for _, own in values))
        if not tied or len({*tied}) < len(tied) or not {*tied} <= {*out} or read & {*tied}:
            return None
        batch = [v for v in out if v in by]
        front = [*sorted(by - {*batch}), *batch]
        letters = _letters(operation.letters, len(self.shape))
        made, own = self.einsum(values, [*front, *(v for v in out if v not in by)], letters)
        rest = [v for v in own if v not in by]
        array = self.aligned((made, own), [*front, *rest])
        array = self.broadcast(array, [self.shape[v] for v in (*front, *rest)])
        places = [(self.constant(np.arange(self.shape[v])), (v,)) for v in batch]
        shape = tuple(self.shape[v] for v in (*tied, *batch, *rest))
        where = [self.aligned(one, front) for one in (*(one for _, one in found), *places)]
        return self.emit("scatter", [array, *where], shape, shape), (*tied, *batch, *rest)

    def parted(
        self, row: int, given: tuple[Register, ...], k: int
    ) -> tuple[Value, list[tuple[int, Value]]]:
        """Return an operand without what ties variables in its mask, and these with their index."""
        operation = self.enter(row, given)
        reading = operation.readings[k]
        assert reading is not None
        pairs = [(v, form) for j, v, form in ties(operation) if j == k]
        own = [form + Form.variable(v).times(-1) for v, form in pairs]
        own += [form.times(-1) for form in own]
        kept = tuple(one for one in reading.conditions if one not in own)
        value = self.operand(given[k], replace(reading, conditions=kept))
        return value, [(v, self.computed(form)) for v, form in pairs]

    def einsum(self, values: list[Value], out: Sequence[int], letters: list[str]) -> Value:
        """Sum products over the variables that are not asked for."""
        used = {v for _, variables in values for v in variables}
        kept = tuple(v for v in out if v in used)
        sides = ["".join(letters[v] for v in variables) for _, variables in values]
        target = "".join(letters[v] for v in kept)
        if sides == [target]:
            return values[0][0], kept
        lengths = {
            v: size
            for array, variables in values
            for v, size in zip(variables, array.shape, strict=True)
        }
        text = f"{','.join(sides)}->{target}"
        shape = [lengths[v] for v in kept]
        return self.emit("einsum", [array for array, _ in values], shape, text), kept

    def chosen(self, array: Register, reading: Reading) -> tuple[Value, Value] | None:
        """Return a mask of chosen indices, and weights of all of them, if all are applied.

        The number of variables stands for the index of the weights.
        """
        at = [k for k, form in enumerate(reading.forms) if form in map(Form.atom, form.lookups)]
        rest = [form.wiring for k, form in enumerate(reading.forms) if k not in at]
        if self.experts == "gather" or len(at) != 1 or not rest or reading.conditions:
            return None
        form, count = reading.forms[at[0]], array.shape[at[0]]
        lookups = prod(self.shape[v] for v in form.variables)
        if self.experts == "auto" and (lookups < 2 * count or count > DENSE):
            return None
        sizes = [self.shape[v] for v in rest if v is not None]
        if sizes != [size for k, size in enumerate(array.shape) if k not in at]:
            return None
        index, own = self.computed(form)
        hot = self.emit("one_hot", [index], (*index.shape, count), count)
        places = [v for v in rest if v is not None]
        places.insert(at[0], len(self.shape))
        return (hot, (*own, len(self.shape))), (array, tuple(places))

    def windows(self, reading: Reading | None, out: Sequence[int]) -> _Windows | None:
        """Return windows of an array that is read, if a view has some and nothing else."""
        if reading is None or reading.conditions or len(self.given) != 1:
            return None
        source = self.given[0]
        if source.number in self.windowed or source.number in self.put:
            return None
        found, moving = [], 0
        for form, size in zip(reading.forms, source.shape, strict=True):
            terms = [(atom, self.number(c)) for atom, c in form.terms]
            start, wiring = self.number(form.constant), form.wiring
            plain = wiring is not None and self.shape[wiring] == size
            # a window of length 1 could be a split, too
            ones = all(number == 1 for _, number in terms)
            window = len(terms) == 2 and (ones or self.split(form, size) is None)
            if not (plain or window) or any(
                not isinstance(atom, int) or number < 1 for atom, number in terms
            ):
                return None
            moving += window
            found.append(_Along(tuple((out.index(v), n) for v, n in terms), start))
        places = [place for one in found for place, _ in one.terms]
        if not moving or len({*places}) != len(places):
            return None
        return _Windows(source, tuple(found), reading.outside)

    def slid(self, operation: Operation) -> Value | None:
        """Return sums or extremes over windows: a convolution, or a reduction of them."""
        out, values = operation.writes[0], []
        for one, reading in zip(self.given, operation.readings, strict=True):
            places = [form.wiring for form in reading.forms] if reading is not None else [None]
            if reading is None or reading.conditions or None in places:
                return None
            sizes = [self.shape[v] for v in places if v is not None]
            if tuple(sizes) != tuple(one.shape) or len({*places}) != len(places):
                return None
            values.append((one, [v for v in places if v is not None]))
        moving = [k for k, (one, _) in enumerate(values) if one.number in self.windowed]
        if len(moving) != 1 or len(values) > 2:
            return None
        array, places = values.pop(moving[0])
        windows = self.windowed[array.number]
        axes: list[_Slide] = []
        neutral = NEUTRAL.get(operation.kernel.name, 0.0)
        for along, size in zip(windows.axes, windows.source.shape, strict=True):
            terms = sorted(along.terms, key=lambda term: places[term[0]] not in out)
            variables = [places[place] for place, _ in terms]
            if len(variables) == 1:
                axes.append(_Slide(variables[0], None, 1, 1, (0, 0)))
                continue
            (over, inside), (stride, by) = variables, (number for _, number in terms)
            if over not in out or inside in out:
                return None
            reach = stride * (self.shape[over] - 1) + by * (self.shape[inside] - 1) + along.start
            pads = (-along.start, reach - size + 1)
            if max(pads) > 0 and windows.outside != neutral:
                return None
            axes.append(_Slide(over, inside, stride, by, pads))
        if values:
            ((weights, own),) = values
            return self.convolved(windows.source, axes, weights, own, out)
        kept = tuple(one.over for one in axes)
        if any(v not in out for v in kept):
            return None
        lengths = tuple(1 if one.inside is None else self.shape[one.inside] for one in axes)
        options = (tuple(column) for column in zip(*(one[2:] for one in axes), strict=True))
        shape = [self.shape[v] for v in kept]
        kind = operation.kernel.name
        return self.emit("pool", [windows.source], shape, kind, lengths, *options), kept

    def convolved(
        self, x: Register, axes: list[_Slide], w: Register, own: list[int], out: Sequence[int]
    ) -> Value | None:
        """Return a contraction of windows with weights as a convolution."""
        slides = [one for one in axes if one.inside is not None]
        plain = [one.over for one in axes if one.inside is None]
        inner = [one.inside for one in slides if one.inside is not None]
        over = [one.over for one in slides]
        batch = [v for v in plain if v in out and v not in own]
        group = [v for v in plain if v in out and v in own]
        summed = [v for v in plain if v not in out]
        new = [v for v in out if v in own and v not in plain]
        if not {*summed, *inner} <= {*own} or {*over} & {*own} or len(slides) > 3:
            return None
        if {*own} != {*inner, *summed, *group, *new}:
            return None
        space = "012"[: len(slides)]
        spread = [[v] for v in over]
        kept = tuple(v for v in out if v in {*batch, *over, *group, *new})
        arrays, specs = [], []
        for array, variables, names, groups in (
            (x, [one.over for one in axes], f"N{space}C", [batch, *spread, group + summed]),
            (w, own, f"{space}IO", [*([v] for v in inner), summed, group + new]),
        ):
            order = self.turn(variables, groups)
            places = [[variables.index(v) for v in groups[k]] for k in order]
            joint = [prod(array.shape[k] for k in some) for some in places]
            array = self.transpose(array, [k for some in places for k in some])
            arrays.append(self.reshape(array, joint))
            specs.append("".join(names[k] for k in order))
        groups = [batch, *spread, group + new]
        order = self.turn(list(kept), groups)
        specs.append("".join(f"N{space}C"[k] for k in order))
        options = [tuple(column) for column in zip(*(one[2:] for one in slides), strict=True)]
        shape = [self.joint(groups[k]) for k in order]
        made = self.emit("convolve", arrays, shape, tuple(specs), *options, self.joint(group))
        flat = tuple(v for k in order for v in groups[k])
        return self.reshape(made, [self.shape[v] for v in flat]), flat

    def joint(self, variables: Sequence[int]) -> int:
        """Return how many values variables have together."""
        return prod(self.shape[v] for v in variables)

    def turn(self, variables: list[int], groups: list[list[int]]) -> list[int]:
        """Return an order of groups of variables, if it can be that in which they stand."""
        last = len(groups) - 1
        order = sorted(
            range(len(groups)),
            key=lambda k: variables.index(groups[k][0]) if groups[k] else -1 if k < last else 99,
        )
        return order if [v for k in order for v in groups[k]] == variables else [*range(last + 1)]

    def operand(self, array: Register, reading: Reading) -> Value:
        """Read an operand of a contraction: diagonals are left to ``einsum``."""
        places = [form.wiring for form in reading.forms]
        if not reading.conditions and all(
            v is not None and self.shape[v] == size
            for v, size in zip(places, array.shape, strict=True)
        ):
            return array, tuple(v for v in places if v is not None)
        return self.read(array, reading)

    def concat(self, operation: Operation, given: tuple[Register, ...]) -> Register:
        """Put arrays one after the other."""
        out, values, along = operation.writes[0], [], 0
        for array, reading in zip(given, operation.readings, strict=True):
            forms = reading.forms if reading is not None else ()
            variables = [form.wiring for form in forms]
            for k, form in enumerate(forms):
                if form.wiring is None or self.shape[form.wiring] != array.shape[k]:
                    (variables[k],) = form.variables
                    along = out.index(variables[k])
            own = tuple(v for v in variables if v is not None)
            values.append(self.aligned((array, own), out))
        shape = [self.shape[v] for v in out]
        values = [
            self.broadcast(one, (*shape[:along], one.shape[along], *shape[along + 1 :]))
            for one in values
        ]
        return self.emit("concatenate", values, shape, along)

    def top_k(self, operation: Operation, value: Value) -> list[Register]:
        """Return the greatest entries along a variable, and where they are."""
        out = operation.writes[0]
        (new,) = (v for v in operation.targets if v in out)
        (old,) = (v for v in operation.targets if v not in out)
        degree = [v for v in out if v != new]
        moved = self.aligned(value, (*degree, old))
        order = [*degree, new]
        shapes = [[self.shape[v] for v in order]] * 2
        found = self.several("top_k", [moved], shapes, self.shape[new])
        return [
            self.transpose(one, [order.index(v) for v in writes])
            for one, writes in zip(found, operation.writes, strict=True)
        ]

    def transpose(self, array: Register, order: Sequence[int]) -> Register:
        """Return an array with its axes in another order."""
        if list(order) == sorted(order):
            return array
        shape = [array.shape[k] for k in order]
        return self.emit("transpose", [array], shape, tuple(order))

    def reshape(self, array: Register, shape: Sequence[int]) -> Register:
        """Return an array in another shape."""
        shape = tuple(shape)
        return array if array.shape == shape else self.emit("reshape", [array], shape, shape)

    def broadcast(self, array: Register, shape: Sequence[int]) -> Register:
        """Return an array repeated along axes of length 1."""
        shape = tuple(shape)
        return array if array.shape == shape else self.emit("broadcast", [array], shape, shape)

    def aligned(self, value: Value, out: Sequence[int]) -> Register:
        """Return an array with an axis for each of some variables, of length 1 if it lacks it."""
        array, variables = value
        array = self.transpose(array, [variables.index(v) for v in out if v in variables])
        missing = tuple(k for k, v in enumerate(out) if v not in variables)
        if not missing:
            return array
        shape = list(array.shape)
        for k in missing:
            shape.insert(k, 1)
        return self.emit("expand", [array], shape, missing)

    def covering(self, value: Value, variables: Iterable[int]) -> Value:
        """Return an array that is repeated along those of some variables that it lacks."""
        array, own = value
        wider = (*own, *(v for v in variables if v not in own))
        made = self.aligned(value, wider)
        return self.broadcast(
            made, [*array.shape, *(self.shape[v] for v in wider[len(own) :])]
        ), wider

    def read(self, array: Register, reading: Reading) -> Value:
        """Read an array at forms: one axis for each variable that occurs."""
        value, guard = self.placed(array, reading.forms, reading.outside)
        guard += map(self.holds, reading.conditions)
        array, variables = value
        for mask, own in guard:
            wider = (*variables, *(v for v in own if v not in variables))
            both = [self.aligned((mask, own), wider), self.aligned((array, variables), wider)]
            shape = np.broadcast_shapes(*(one.shape for one in both))
            array = self.emit("where", both, shape, reading.outside)
            variables = wider
        return array, variables

    def holds(self, condition: Form) -> Value:
        """Say where a form is not negative: its positive terms are at least the others."""
        sides = [Form(), Form()]
        for atom, coefficient in condition.terms:
            number = self.number(coefficient)
            sides[number < 0] += Form.atom(atom).times(abs(number))
        number = self.number(condition.constant)
        sides[number < 0] += Form.number(abs(number))
        own = tuple(sorted(condition.variables))
        both = [self.aligned(self.computed(one), own) for one in sides]
        shape = np.broadcast_shapes(*(one.shape for one in both))
        return self.emit("at_least", both, shape), own

    def placed(
        self, array: Register, forms: Sequence[Form], outside: float
    ) -> tuple[Value, list[Value]]:
        """Read an array at forms that may be outside, and say where they are inside."""
        sizes, guard = array.shape, []
        joined = self.join(array, forms)
        if joined is not None:
            return joined, guard
        uses = [form.variables for form in forms]
        often = {v for v in range(len(self.shape)) if sum(v in one for one in uses) > 1}
        if not often:
            variables: list[int] = []
            axis = 0
            for form in forms:
                array, own = self.along(array, axis, form, outside, guard)
                variables += own
                axis += len(own)
            return (array, tuple(variables)), guard
        if all(form.wiring is not None for form in forms):
            own = [form.wiring for form in forms if form.wiring is not None]
            if all(self.shape[v] == size for v, size in zip(own, sizes, strict=True)):
                letters = _letters((), len(self.shape))
                kept = list(dict.fromkeys(own))
                sides = ["".join(letters[v] for v in some) for some in (own, kept)]
                shape = [self.shape[v] for v in kept]
                return (self.emit("einsum", [array], shape, "->".join(sides)), tuple(kept)), guard
        every = tuple(sorted({v for one in uses for v in one}))
        index = []
        for form, size in zip(forms, sizes, strict=True):
            found = self.index(form, size, guard)
            index.append(self.aligned(found, every))
        shape = [self.shape[v] for v in every]
        return (self.broadcast(self.gather(array, index), shape), every), guard

    def gather(self, array: Register, index: Sequence[Register]) -> Register:
        """Read an array at an index for each of its axes."""
        shape = np.broadcast_shapes(*(one.shape for one in index))
        return self.emit("gather", [array, *index], shape)

    def along(
        self, array: Register, axis: int, form: Form, outside: float, guard: list[Value]
    ) -> tuple[Register, list[int]]:
        """Read one axis at a form whose variables stand nowhere else."""
        size, v = array.shape[axis], form.wiring
        before, after = array.shape[:axis], array.shape[axis + 1 :]
        if v is not None and self.shape[v] == size:
            return array, [v]
        split = self.split(form, size)
        if split is not None:
            return self.reshape(array, (*before, *(self.shape[v] for v in split), *after)), split
        own = sorted(form.variables)
        if len(own) < 2 and not form.lookups and not _parts(form):
            found = self.sliced(array, axis, form, outside)
            if found is not None:
                return (found, own) if own else (self.reshape(found, (*before, *after)), own)
        index, own = self.index(form, size, guard)
        shape = (*before, *index.shape, *after)
        return self.emit("take", [array, index], shape, axis), list(own)

    def sliced(self, array: Register, axis: int, form: Form, outside: float) -> Register | None:
        """Read one axis at a multiple of one variable, and a constant: slice and pad."""
        size, start, count, step = array.shape[axis], self.number(form.constant), 1, 1
        for atom, coefficient in form.terms:
            assert isinstance(atom, int)
            count, step = self.shape[atom], self.number(coefficient)
        if step < 1:
            return None
        low = max(0, -(start // step))
        high = max(0, (start + step * (count - 1) - size) // step + 1)
        inside = count - low - high
        if inside < 1:
            return None
        first = start + step * low
        if (first, inside, step) != (0, size, 1):
            stop = first + step * (inside - 1) + 1
            shape = [*array.shape]
            shape[axis] = inside
            array = self.emit("slice", [array], shape, axis, first, stop, step)
        if low or high:
            shape = [*array.shape]
            shape[axis] = count
            array = self.emit("pad", [array], shape, axis, low, high, outside)
        return array

    def index(self, form: Form, size: int, guard: list[Value]) -> Value:
        """Return where an axis is read, and note where that is inside, unless it always is."""
        if not form.lookups:
            found, own = self.values(form)
            inside = (found >= 0) & (found < size)
            if not np.all(inside):
                guard.append((self.constant(inside), own))
            return self.constant(np.clip(found, 0, size - 1)), own
        found, own = self.computed(form)
        if form not in map(Form.atom, form.lookups):
            guard.append((self.emit("inside", [found], found.shape, size), own))
        return found, own

    def split(self, form: Form, size: int) -> list[int] | None:
        """Return the variables, outermost first, of which a form is the joined index."""
        terms = []
        for atom, coefficient in form.terms:
            number = self.number(coefficient)
            if not isinstance(atom, int) or number < 1:
                return None
            terms.append((number, self.shape[atom], atom))
        if len(terms) < 2 or self.number(form.constant) != 0:
            return None
        terms.sort(key=lambda term: (term[0] * term[1], term[0]))
        reach = 1
        for number, length, _ in terms:
            if number != reach:
                return None
            reach *= length
        return [atom for _, _, atom in reversed(terms)] if reach == size else None

    def join(self, array: Register, forms: Sequence[Form]) -> Value | None:
        """Read by parts of joined indices: transpose and reshape."""
        if not any(_parts(form) for form in forms):
            return None
        groups: dict[int, list[int]] = {}
        for k, form in enumerate(forms):
            if len(form.variables) != 1 or form.lookups:
                return None
            (v,) = form.variables
            groups.setdefault(v, []).append(k)
        order, shape = [], []
        for v, places in groups.items():
            index = [self.values(forms[k])[0] for k in places]
            # places as digits of the index: the order in which they change, slowest first
            turn = sorted(range(len(places)), key=lambda j: _slowness(index[j]))
            dims = [array.shape[places[j]] for j in turn]
            if prod(dims) != self.shape[v]:
                return None
            flat = np.ravel_multi_index([index[j] for j in turn], dims, mode="clip")
            if not np.array_equal(flat, np.arange(self.shape[v])):
                return None
            order += [places[j] for j in turn]
            shape.append(self.shape[v])
        return self.reshape(self.transpose(array, order), shape), tuple(groups)

    def values(self, form: Form) -> tuple[np.ndarray, tuple[int, ...]]:
        """Return the values of a form that looks up nothing, with an axis for each variable."""
        own = tuple(sorted(form.variables))
        grid = np.ogrid[tuple(slice(self.shape[v]) for v in own)]
        found = form.evaluated(dict(zip(own, grid, strict=True)).__getitem__, self.number)
        return np.broadcast_to(found, [self.shape[v] for v in own]), own

    def computed(self, form: Form) -> Value:
        """Return the values of a form as steps: of one that looks up, or is better not stored."""
        own = tuple(sorted(form.variables))

        def value(one: Form) -> Register:
            found = None
            for atom, coefficient in one.terms:
                if isinstance(atom, IndexPart):
                    inner = value(atom.form)
                    made = self.emit(atom.kind, [inner], inner.shape, self.number(atom.by))
                elif isinstance(atom, Lookup):
                    read = self.placed(self.given[atom.operand], atom.forms, 0.0)[0]
                    made = self.aligned(read, own)
                else:
                    length = self.shape[atom]
                    made = self.aligned((self.emit("arange", [], (length,), length), (atom,)), own)
                number = self.number(coefficient)
                made = made if number == 1 else self.emit("times", [made], made.shape, number)
                if found is not None:
                    shape = np.broadcast_shapes(found.shape, made.shape)
                    made = self.emit("add", [found, made], shape)
                found = made
            number = self.number(one.constant)
            if found is None:
                return self.constant(np.full([1] * len(own), number))
            return self.emit("plus", [found], found.shape, number) if number else found

        return self.broadcast(value(form), [self.shape[v] for v in own]), own


def _parts(form: Form) -> bool:
    return any(isinstance(atom, IndexPart) for atom, _ in form.terms)


def _slowness(index: np.ndarray) -> int:
    """Return how often an index changes."""
    return int(np.count_nonzero(np.diff(index)))


def _letters(names: Sequence[str], count: int) -> list[str]:
    """Return a letter for each variable: the first one of its name, where that is free."""
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    found: list[str] = []
    for k in range(count):
        first = names[k][:1] if k < len(names) else ""
        free = (x for x in alphabet if x not in found)
        found.append(first if first in alphabet and first not in found and first else next(free))
    return found
