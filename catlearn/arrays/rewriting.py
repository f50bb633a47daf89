"""Rewriting circuits: rules are applied where the right side is cheaper.

Rules (:mod:`catlearn.arrays.circuit_rules`) are data: those of one's own are given to
:func:`rewrite`, and to ``cl.optimise``, beside those that there are.

Boxes and arrays of a left side are found by the search for morphisms of tables
(:func:`~catlearn.cset.homomorphisms`), in a circuit without its axes: boxes with their kernels, and
arrays with how often they are read, since what is read elsewhere has to stay. A rule is then
written out for the axes that are there, which is a span of circuits, and applied by a double
pushout (:class:`~catlearn.cset.Rule`); what does not overlap is rewritten at once.

>>> from catlearn.arrays import einsum
>>> f = (einsum("x y, y z -> x z") >> einsum("x z -> z")).at(x=8, y=9, z=7)
>>> found = rewrite(f)
>>> print(found)
sums before products: 1
price 807 -> 286
>>> bool(found.circuit.equal(f))
True
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from catlearn.arrays.boxes import BoxRow, Draft, Operation
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.circuit_rules import (
    AxisClasses,
    CircuitRule,
    Element,
    Part,
    RuleRefused,
    looked_up,
    net,
    rules_for,
)
from catlearn.arrays.counting import IDLE
from catlearn.arrays.forms import Change, Form, Lookup, Reading
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.sizes import ONE, Scalar, Size
from catlearn.cset.rewriting import Rule
from catlearn.cset.search import homomorphisms
from catlearn.display import Legible
from catlearn.errors import Failure, InvalidStructure, expect, wrong_kind
from catlearn.finset import Tables
from catlearn.finset.tables import morphism

WORTH = 0.9
"""What share of the price of its boxes a rule leaves at most, where it is applied."""

ROUNDS = 32
"""How often rules are looked for again, in what they made."""

ENOUGH = 0.99
"""What share of the price of a circuit is left at most, where anything is rewritten."""

# ---------------------------------------------------------------- where a rule is found


class _Whole:
    """A circuit that is rewritten, with what is asked of its boxes again and again."""

    def __init__(self, circuit: Circuit, sizes: Sequence[int], price: Pricing) -> None:
        H = circuit.apex
        self.circuit, self.H, self.draft, self.sizes = circuit, H, Draft.of(H), [*sizes]
        self.axes = [wire.axes for wire in self.draft.wires]
        walk = circuit._walk()
        self.price = price
        self.reads = Counter(wire for b in walk for wire in self.draft.boxes[b].ins)
        self.reads.update(circuit.cod)
        self.writer = {w: b for b in walk for w in self.draft.boxes[b].outs}
        self.walk = [b for b in walk if self.draft.boxes[b].operation.kernel.entry.deterministic]
        self.kernels = {b: self.draft.boxes[b].operation.kernel for b in self.walk}
        self.steps: Counter[Any] = Counter()
        for b in self.walk:
            for wire in _values(self.draft.boxes[b]):
                if self.writer.get(wire) in self.kernels:
                    self.steps[self.kernels[self.writer[wire]], self.kernels[b]] += 1

    def net(self, kernels: Iterable[Kernel]) -> tuple[Tables, list[int]]:
        """Return the boxes with some kernels, without axes, and which they are."""
        kernels = {*kernels}
        boxes = [b for b in self.walk if self.kernels[b] in kernels]
        rows = [self.draft.boxes[b] for b in boxes]
        place: dict[int, int] = {}
        ins, outs = (
            [[place.setdefault(w, len(place)) for w in some] for some in side]
            for side in ([_values(row) for row in rows], [row.outs for row in rows])
        )
        reads = [self.reads[wire] for wire in place]
        names = [self.kernels[b] for b in boxes]
        return net(len(place), ins, outs, names, reads), boxes

    def cost(self, row: BoxRow, axes: Sequence[Sequence[int]]) -> float:
        """Return the price of a box."""
        size = self.sizes
        reads = [[size[a] for a in axes[w]] for w in _values(row)]
        writes = [[size[a] for a in axes[w]] for w in row.outs]
        return self.price(row.operation, [size[a] for a in row.vars], reads, writes)


def _values(row: BoxRow) -> list[int]:
    """Return the arrays that a box reads, without those that it only looks up in."""
    every = zip(row.ins, row.operation.readings, strict=True)
    return [wire for wire, reading in every if reading is not None]


Pricing = Callable[
    [Operation, Sequence[int], Sequence[Sequence[int]], Sequence[Sequence[int]]], float
]


def multiply_adds(
    operation: Operation, variables: Sequence[int], reads: Sequence[Sequence[int]],
    writes: Sequence[Sequence[int]],
) -> float:  # fmt: skip
    """Return the multiply-adds of a box, or its operations on numbers where it has none."""
    name, own = operation.kernel.name, sum(map(prod, writes))
    if name == "contraction":
        every = prod(variables)
        return every - own if len(reads) == 1 else every * (len(reads) - 1)
    return 0 if name in IDLE else own * max(1, len(reads) - 1)


def transfers(
    operation: Operation, variables: Sequence[int], reads: Sequence[Sequence[int]],
    writes: Sequence[Sequence[int]],
) -> float:  # fmt: skip
    """Return how many numbers a box reads and writes."""
    every = prod(variables)
    return sum(min(prod(one), every) for one in reads) + sum(map(prod, writes))


def price(
    operation: Operation, variables: Sequence[int], reads: Sequence[Sequence[int]],
    writes: Sequence[Sequence[int]],
) -> float:  # fmt: skip
    """Return the operations of a box on numbers and the numbers that it reads and writes.

    Parameters
    ----------
    operation
        What the box does.
    variables
        The sizes of its variables.
    reads, writes
        The shapes of the arrays that it reads and writes.
    """
    given = operation, variables, reads, writes
    return multiply_adds(*given) + transfers(*given)


@dataclass
class _Match:
    """A rule written out where it was found: boxes that go, and those that come.

    Parameters
    ----------
    rule
        The rule.
    boxes
        The boxes that go.
    inner
        The arrays that go.
    rows
        What comes: boxes, whose arrays from -1 down are the new ones.
    wires
        The new arrays: their axes, and the array whose type they have, or None.
    gain
        By how much the price falls.
    """

    rule: CircuitRule
    boxes: list[int]
    inner: list[int]
    rows: list[BoxRow]
    wires: list[tuple[list[int], int | None]]
    gain: float


def _matches(rule: CircuitRule, whole: _Whole) -> Iterator[_Match]:
    """Yield where a rule is found, and makes the price fall."""
    written = rule.written
    if any(step not in whole.steps for step in written.steps):
        return
    net, boxes = whole.net(written.kernels)
    if len(boxes) < len(written.parts):
        return
    seen = set[Any]()
    for left, order in written.variants:
        for found in homomorphisms(left, net, monic=["Box"]):
            at = [boxes[b] for b in found.components["Box"].values.tolist()]
            key = tuple(at), tuple(order)
            made = None if key in seen else _Instance(rule, whole, at, order).match()
            seen.add(key)
            if made is not None:
                yield made


class _Instance:
    """A rule at boxes of a circuit."""

    def __init__(
        self, rule: CircuitRule, whole: _Whole, at: Sequence[int], order: Sequence[Sequence[int]]
    ) -> None:
        self.rule, self.whole, self.at = rule, whole, at
        self.written = written = rule.written
        self.parts, self.place = list[Part](), dict[int, int]()
        for part, box, one in zip(written.parts, at, order, strict=True):
            row = whole.draft.boxes[box]
            own = [k for k, reading in enumerate(row.operation.readings) if reading is not None]
            back = {k: place for place, k in enumerate(one)}
            operands = [own[back[k]] for k in range(len(part.ins))]
            self.parts.append(Part(row, operands, part.ins, part.outs))
            for wire, other in zip(part.ins, operands, strict=True):
                self.place[wire] = row.ins[other]
            self.place.update(zip(part.outs, row.outs, strict=True))

    def match(self) -> _Match | None:
        """Return the rule written out; None if it does not hold here, or is not cheaper."""
        written, whole = self.written, self.whole
        inner = [self.place[wire] for wire in written.inner]
        kept = {self.place[wire] for wire in self.place if wire not in written.inner}
        rows = [part.row for part in self.parts]
        blocks = {tuple(row.within) for row in rows}
        if kept & {*inner} or len({*inner}) < len(inner) or len(blocks) > 1:
            return None
        if not self._alike() or not self._read() or not self._sorted():
            return None
        made = self._made()
        if made is None:
            return None
        new, wires = made
        axes = [*whole.axes, *(own for own, _ in reversed(wires))]
        before = sum(whole.cost(row, whole.axes) for row in rows)
        gain = before - sum(whole.cost(row, axes) for row in new)
        if gain < (1 - WORTH) * before or gain <= 0:
            return None
        return _Match(self.rule, [*self.at], inner, new, wires, gain)

    def _alike(self) -> bool:
        """Whether scales and relations are those of the rule, or can be carried over."""
        self.scale, self.relations = Scalar(), list[Any]()
        for part, one in zip(self.parts, self.written.parts, strict=True):
            row, other = part.row, one.row.operation
            rows = dict(enumerate(row.vars))
            rows |= {-1 - k: axis for k, axis in enumerate(row.mentions)}
            if row.operation.scale != other.scale:
                if not self.written.scales or other.scale != ONE:
                    return False
                self.scale = self.scale * row.operation.scale.rename(rows.__getitem__)
            if row.operation.relations:
                if row.operation.kernel.name != "view":
                    return False
                self.relations += [r.rename(rows.__getitem__) for r in row.operation.relations]
        return True

    def _read(self) -> bool:
        """Whether all is read inside of the arrays."""
        whole = self.whole
        for part in self.parts:
            sizes = [whole.sizes[a] for a in part.row.vars]
            known: dict[Any, Any] = dict(enumerate(sizes))
            known |= {-1 - k: whole.sizes[a] for k, a in enumerate(part.row.mentions)}
            for k in range(len(part.ins)):
                reading, wire = part.reading(k), part.row.ins[part.operands[k]]
                if reading.conditions:
                    return False
                for form, axis in zip(reading.forms, whole.axes[wire], strict=True):
                    if form.wiring is None and not _inside(form, known, sizes, whole.sizes[axis]):
                        return False
        return True

    def _sorted(self) -> bool:
        """Sort the axes that are here into the words of the rule's."""
        written = self.written
        axes: list[Sequence[int]] = [()] * (1 + max(self.place, default=0))
        for wire, row in self.place.items():
            axes[wire] = self.whole.axes[row]
        self.axes = AxisClasses(self.parts, axes)
        if not self.axes.clear:
            return False
        self.words: dict[Element, list[Element]] = {}
        for one, signature in self.axes.signatures.items():
            letter = written.letters.get(signature)
            if letter is not None:
                self.words.setdefault(letter, []).append(one)
            elif not signature <= {("w", wire) for wire in written.left.dom}:
                return False
        single = (part.row.operation for part in self.parts)
        if any(one.kernel.entry.single and len(one.targets) != 1 for one in single):
            return False
        # What is looked up depends on those axes alone on which it does in the rule.
        given = {wire: k for k, wire in enumerate(written.left.dom)}
        self.found: dict[tuple[int, Element], tuple[int, Form]] = {}
        self.apart: dict[Element, tuple[int, Form]] = {}
        ruled: dict[tuple[int, Element], tuple[int, set[Element]]] = {}
        for (wire, p), (b, form) in written.axes.forms.items():
            atom = looked_up(form)
            if atom is None:
                return False
            index = written.parts[b].row.ins[atom.operand]
            letters = {written.axes.find(("w", index, q)) for q in range(len(atom.forms))}
            ruled[wire, written.axes.find(("w", wire, p))] = given[index], letters
        for (wire, p), (b, form) in self.axes.forms.items():
            one = self.axes.find(("w", wire, p))
            letter = written.letters.get(self.axes.signatures[one])
            if letter is None:
                self.apart[one] = b, form
                continue
            if (wire, letter) not in ruled:
                return False
            index, letters = ruled[wire, letter]
            allowed = {c for one in letters for c in self.words.get(one, ())}
            if any(self.axes.find(("v", b, v)) not in allowed for v in form.variables):
                return False
            if self.found.setdefault((index, one), (b, form)) != (b, form):
                return False
        return True

    def _made(self) -> tuple[list[BoxRow], list[tuple[list[int], int | None]]] | None:
        """Return the boxes of the right side, and the new arrays."""
        written, axes = self.written, self.axes
        right = written.right
        wires: list[tuple[list[int], int | None]] = []
        known: dict[int, tuple[int, list[Element]]] = {}

        def classes(wire: int) -> list[Element]:
            count = len(self.whole.axes[self.place[wire]])
            return [axes.find(("w", wire, p)) for p in range(count)]

        for one, other in zip(written.left.dom, right.dom, strict=True):
            if one in self.place:
                known[other] = self.place[one], classes(one)
        (end,), (last,) = written.left.cod, right.cod
        scale, relations, rows = self.scale, self.relations, list[BoxRow]()
        carried = False
        names = [part.row.operation.kernel.name for part in written.right_parts]
        scaled = max((b for b, name in enumerate(names) if name == "contraction"), default=-1)
        for b, part in enumerate(written.right_parts):
            made = _New(self, b, part, scale if b == scaled else ONE, relations)
            if not all(made.read(k, *known[wire]) for k, wire in enumerate(part.ins)):
                return None
            (wire,), (places,) = part.outs, part.row.operation.writes
            out = [c for v in places for c in made.words[v]]
            same = made.unchanged(out)
            if same is not None and wire != last:
                known[wire] = same
                continue
            if wire == last:
                row, out = self.place[end], classes(end)
            else:
                types = right.apex.arrows["type"].values
                like = [w for w in part.ins if types[w] == types[wire]]
                found = known[like[0]][0] if like else None
                if found is not None and found < 0:
                    found = wires[-1 - found][1]
                wires.append(([axes.axis(c) for c in out], found))
                row = -len(wires)
            if any(c not in made.at for c in out):
                return None
            rows.append(made.row(row, out))
            known[wire] = row, out
            carried = carried or made.kernel.name == "view"
        if (relations and not carried) or (scaled < 0 and scale != Scalar()):
            return None
        return rows, wires


class _New:
    """A box of the right side of a rule, written out."""

    def __init__(
        self, of: _Instance, b: int, part: Part, scale: Scalar, relations: Sequence[Any]
    ) -> None:
        written = of.written
        self.of, self.b, self.part, self.kernel = of, b, part, part.row.operation.kernel
        self.scale = scale if self.kernel.name == "contraction" else part.row.operation.scale
        self.relations = relations if self.kernel.name == "view" else ()
        self.words = [
            of.words.get(written.tie[written.right_axes.find(("v", b, v))], [])
            for v in range(len(part.row.vars))
        ]
        every = dict.fromkeys(c for word in self.words for c in word)
        self.at = {c: k for k, c in enumerate(every)}
        self.vars = [of.axes.axis(c) for c in self.at]
        self.mentions: list[int] = []
        self.ins: list[int] = []
        self.lookups: list[int] = []
        self.readings: list[Reading | None] = []
        self.read_at: list[list[Element]] = []

    def generator(self, axis: int) -> int:
        """Return what the size of an axis is called in the box."""
        if axis in self.vars:
            return self.vars.index(axis)
        if axis not in self.mentions:
            self.mentions.append(axis)
        return -1 - self.mentions.index(axis)

    def read(self, k: int, row: int, classes: list[Element]) -> bool:
        """Read an array, whose axes have some classes; whether that can be written."""
        of, axes = self.of, self.of.written.right_axes
        wire, given = self.part.ins[k], {w: j for j, w in enumerate(of.written.right.dom)}
        how: dict[Element, Form] = {}
        for q, form in enumerate(self.part.reading(k).forms):
            letter = of.written.tie[axes.find(("w", wire, q))]
            how |= dict.fromkeys(of.words.get(letter, ()), form)
        self.ins.append(row)
        self.read_at.append(classes)
        forms: list[Form] = []
        self.readings.append(None)
        for c in classes:
            form = how.get(c)
            atom = None if form is None else looked_up(form)
            found = of.apart.get(c)
            if atom is not None:
                found = of.found.get((given[self.part.row.ins[atom.operand]], c))
            if found is not None:
                made = self.moved(*found)
                if made is None:
                    return False
                forms.append(made)
            elif c in self.at:
                forms.append(Form.variable(self.at[c]))
            else:
                return False
        self.readings[len(self.ins) - 1] = Reading(tuple(forms))
        return True

    def moved(self, b: int, form: Form) -> Form | None:
        """Return a form of a box that was found, at the variables of this one."""
        row = self.of.parts[b].row
        every: dict[int, Form] = {}
        for v in form.variables:
            one = self.of.axes.find(("v", b, v))
            if one not in self.at:
                return None
            every[v] = Form.variable(self.at[one])
        forms = [every.get(v, Form()) for v in range(len(row.vars))]

        def size(one: Size) -> Size:
            rows = dict(enumerate(row.vars))
            rows |= {-1 - k: axis for k, axis in enumerate(row.mentions)}
            return one.rename(lambda key: self.generator(rows[key]))

        def looked(atom: Lookup, change: Change) -> Form:
            wire = row.ins[atom.operand]
            if wire not in self.lookups:
                self.lookups.append(wire)
            return atom.map(change, len(self.part.ins) + self.lookups.index(wire))

        return form.substitute(forms, size).rewritten(Form.variable, lookup=looked)

    def unchanged(self, out: list[Element]) -> tuple[int, list[Element]] | None:
        """Return what is read if it is what is written, but for the order of axes."""
        if self.kernel.name not in ("view", "contraction") or len(self.ins) != 1:
            return None
        (reading,), (classes,) = self.readings, self.read_at
        plain = reading is not None and all(form.wiring is not None for form in reading.forms)
        same = sorted(classes) == sorted(out) and len({*classes}) == len(classes)
        return (self.ins[0], classes) if plain and same and self.scale == ONE else None

    def row(self, wire: int, out: list[Element]) -> BoxRow:
        """Return the box, that writes an array."""
        old = [part.row for part in self.of.parts]
        like = next((one for one in old if one.operation.kernel == self.kernel), old[-1])
        operation = Operation(
            self.kernel,
            (*self.readings, *(None for _ in self.lookups)),
            (tuple(self.at[c] for c in out),),
            tuple(self.at[c] for v in self.part.row.operation.targets for c in self.words[v]),
            self.scale.rename(self.generator),
            tuple(one.rename(self.generator) for one in self.relations),
            title=like.operation.title, source=like.operation.source,
        )  # fmt: skip
        ins = [*self.ins, *self.lookups]
        return BoxRow(ins, [wire], self.vars, self.mentions, operation, like.within)


def _inside(form: Form, known: Mapping[Any, Any], sizes: Sequence[int], length: int) -> bool:
    """Whether what is read at a form is in an axis; what is looked up is."""
    match form.terms:
        case ((Lookup(), coefficient),) if coefficient.number == 1 and not form.constant.terms:
            return True
    plain = form.substitute(
        [Form.variable(v) for v in range(len(sizes))], lambda one: one.substitute(known)
    )
    found = plain.range([*map(Size.of, sizes)])
    if found is None:
        return False
    least, greatest = (one.number for one in found)
    return least is not None and greatest is not None and least >= 0 and greatest < length


# ---------------------------------------------------------------- rewriting


@dataclass(frozen=True)
class Rewritten(Legible):
    """A circuit that was rewritten.

    Parameters
    ----------
    circuit
        The circuit; the given one, if no rule made it cheaper.
    used
        How often each rule was used, by its name.
    price
        Of all boxes that are needed, before and after.
    """

    circuit: Circuit = field(repr=False)
    used: Mapping[str, int]
    price: tuple[float, float]

    def __str__(self) -> str:
        lines = [f"{name}: {count}" for name, count in self.used.items()]
        before, after = self.price
        return "\n".join([*lines, f"price {before:,} -> {after:,}"] if lines else ["as it was"])


def rewrite(
    circuit: Circuit, rules: Iterable[CircuitRule] = (), *,
    sizes: Mapping[int, int] | None = None, price: Pricing = price,
) -> Rewritten:  # fmt: skip
    """Return a circuit that is equal and cheaper, by rules.

    Parameters
    ----------
    circuit
        The circuit.
    rules
        Rules beside those that there are for its kernels (:func:`rules_for`).
    sizes
        The size of each axis, by its row; those that the circuit has unless said.
    price
        What a box costs, of its operation, the sizes of its variables, and the shapes of what it
        reads and writes; a rule is applied where it leaves a tenth less.

    Raises
    ------
    RuleRefused
        Listing rules whose sides are not shown to be equal, or that cannot be looked for.
    InvalidStructure
        Listing axes whose size is open.
    WrongKind
        If rules is no list of rules, or price no function.

    Examples
    --------
    A linear map is applied to the rows that are looked up, and not to all:

    >>> from catlearn.arrays import einsum, idle, take
    >>> every = idle @ einsum("x y, y z -> x z") >> take("k, x z -> k z", at="x")
    >>> print(rewrite(every.at(k=2, x=100, y=8, z=9)).circuit)
    axes k = 2, x = 100, y = 8, z = 9
    x1[k]: N<x>
    x2[x y]: R
    x3[y z]: R
    a1[k y]: R = view(x2[x1[k] y], x1) as "take"
    a2[k z]: R = contraction(a1[k y], x3[y z]) as "einsum"
    return a2
    """
    listed = "a list of rules, CircuitRule(name, left, right)"
    expect(circuit, Circuit, "what is rewritten", "a circuit")
    expect(price, Callable, "price", "a function from a box and sizes to a number")
    expect(sizes, (Mapping, type(None)), "sizes", "a dict from rows of axes to sizes")
    if isinstance(rules, str | CircuitRule):
        raise wrong_kind(rules, "rules", listed)
    expect(rules, Iterable, "rules", listed)
    own = [*rules]
    for one in own:
        expect(one, CircuitRule, "each of rules", "a rule, CircuitRule(name, left, right)")
    failures = [failure for one in own for failure in one.failures()]
    if failures:
        raise RuleRefused("what is given", failures)
    if sizes is None:
        known = [circuit.apex.size_of(axis) for axis in range(circuit.apex.size("Axis"))]
        used = {axis for wire in Draft.of(circuit.apex).wires for axis in wire.axes}
        bad = [axis for axis in sorted(used) if known[axis].number is None]
        if bad:
            message = "has an open size; give it, as by .at(), or give sizes"
            failures = [Failure("sizes", f"axis {circuit.apex.called(a)}", message) for a in bad]
            raise InvalidStructure("rewriting", failures)
        sizes = {axis: one.number or 1 for axis, one in enumerate(known)}
    H = circuit.apex
    every = [sizes.get(axis, 1) for axis in range(H.size("Axis"))]
    whole = _Whole(circuit, every, price)
    start = _total(whole)
    apart = _apart(whole)
    used = Counter[str]()
    for _ in range(ROUNDS):
        chosen = _chosen(own, apart)
        if not chosen:
            break
        used.update(one.rule.name for one in chosen)
        apart = _applied(apart, chosen)
    if not used or _total(apart) > ENOUGH * start:
        return Rewritten(circuit, {}, (start, start))
    return Rewritten(apart.circuit, dict(used), (start, _total(apart)))


def _total(whole: _Whole) -> float:
    walk = whole.circuit._walk()
    return sum(whole.cost(whole.draft.boxes[b], whole.axes) for b in walk)


def _apart(whole: _Whole) -> _Whole:
    """Return a circuit where what is read at indices, and nowhere else, is an array by itself."""
    draft, size = Draft.of(whole.H), whole.sizes
    for b in whole.walk:
        row = draft.boxes[b]
        if row.operation.kernel.name in IDLE or row.operation.relations or row.mentions:
            continue
        for k, (wire, reading) in enumerate(zip(row.ins, row.operation.readings, strict=True)):
            if reading is None or reading.conditions or whole.reads[wire] != 1:
                continue
            plain = all(form.wiring is not None for form in reading.forms)
            hidden = any(isinstance(a, Lookup) or c.generators for a, c in reading.atoms)
            own = sorted(reading.variables)
            axes = [row.vars[v] for v in own]
            fewer = prod(size[a] for a in axes) < prod(size[a] for a in draft.wires[wire].axes)
            if plain or hidden or not fewer or whole.writer.get(wire) not in whole.kernels:
                continue
            made = draft.wire(axes, draft.wires[wire].type)
            place = {v: Form.variable(p) for p, v in enumerate(own)}
            forms = [place.get(v, Form()) for v in range(len(row.vars))]
            view = Operation(
                Kernel("view"), (reading.map(lambda form, at=forms: form.substitute(at)),),
                (tuple(range(len(own))),), title="view", source=row.operation.source,
            )  # fmt: skip
            draft.boxes.append(BoxRow([wire], [made], axes, [], view, row.within))
            readings = list(row.operation.readings)
            readings[k] = Reading.wiring(own)
            operation = replace(row.operation, readings=tuple(readings))
            row = row._replace(ins=[*row.ins[:k], made, *row.ins[k + 1 :]], operation=operation)
            draft.boxes[b] = row
    if len(draft.boxes) == whole.H.size("Box"):
        return whole
    circuit = Circuit.of(draft, whole.circuit.dom, whole.circuit.cod)
    return _Whole(circuit, size, whole.price)


def _chosen(own: Sequence[CircuitRule], whole: _Whole) -> list[_Match]:
    """Return matches that do not overlap, the dearest first."""
    every = [*own, *rules_for(whole.kernels.values())]
    found = [one for rule in every for one in _matches(rule, whole)]
    taken, chosen = set[int](), list[_Match]()
    for one in sorted(found, key=lambda one: -one.gain):
        if taken.isdisjoint(one.boxes):
            taken.update(one.boxes)
            chosen.append(one)
    return chosen


def _applied(whole: _Whole, chosen: Sequence[_Match]) -> _Whole:
    """Apply rules where they were found, by one double pushout."""
    H = whole.H
    boxes = [b for one in chosen for b in one.boxes]
    inner = {w for one in chosen for w in one.inner}
    rows = H.closure({"Box": boxes})
    rows = {**rows, "Symbol": np.arange(H.size("Symbol"))}
    L, match = H.subtables(rows)
    places = {t: {int(row): k for k, row in enumerate(match.components[t].values)} for t in rows}
    stays = {t: [*range(L.size(t))] for t in L.shape.tables}
    stays["Box"] = []
    stays["Wire"] = [places["Wire"][w] for w in rows["Wire"].tolist() if w not in inner]
    K, left = L.subtables(stays)
    at = {w: k for k, w in enumerate(w for w in rows["Wire"].tolist() if w not in inner)}
    axis, block = places["Axis"], places["Block"]
    draft = Draft.of(K)
    types = {row: k for k, row in enumerate(rows["Type"].tolist())}
    for one in chosen:
        new: dict[int, int] = {}
        for k, (axes, like) in enumerate(one.wires):
            kind = draft.type("R") if like is None else types[whole.draft.wires[like].type]
            new[-1 - k] = draft.wire([axis[a] for a in axes], kind)
        for row in one.rows:
            ins, outs = ([new[w] if w < 0 else at[w] for w in some] for some in (row.ins, row.outs))
            draft.boxes.append(row._replace(
                ins=ins, outs=outs, vars=[axis[a] for a in row.vars],
                mentions=[axis[a] for a in row.mentions], within=[block[b] for b in row.within],
            ))  # fmt: skip
    R = draft.made()
    right = morphism(K, R, {t: np.arange(K.size(t)) for t in K.shape.tables})
    step = Rule(left, right, name=", ".join(dict.fromkeys(one.rule.name for one in chosen)))
    made = step.rewrite(H, match)
    before, after = (leg.components for leg in (made.complement.d, made.right.legs[0]))
    moved = dict(zip(before["Wire"].values.tolist(), after["Wire"].values.tolist(), strict=True))
    dom, cod = ([moved[w] for w in side] for side in (whole.circuit.dom, whole.circuit.cod))
    sizes = [1] * made.apex.size("Axis")
    for old, now in zip(before["Axis"].values.tolist(), after["Axis"].values.tolist(), strict=True):
        sizes[now] = whole.sizes[old]
    return _Whole(Circuit.of(made.apex, dom, cod), sizes, whole.price)
