"""Rewriting circuits: rules are applied where the right side is cheaper.

Rules (:mod:`catlearn.arrays.circuit_rules`) are data: those of one's own are given to
:func:`rewrite`, and to ``cl.optimise``, beside those that there are.

Where a left side is found is a morphism of circuits without axes: boxes with their kernels, and
arrays with how often they are read, since what is read elsewhere has to stay. As each array is
written by one box, it is known by where the last box goes, so rules are looked for where that may
be, and, after one was applied, only near what it made; what is there already is not made again. A
rule is written out for the axes that are there, which is a span of circuits, and all that were
applied, one after the other, are one double pushout (:class:`~catlearn.cset.Rule`).

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
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import count, permutations, takewhile
from math import prod
from typing import Any

import numpy as np

from catlearn.arrays.boxes import BoxRow, Draft, Operation
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.circuit_rules import (
    COMMUTING,
    DEEPEST,
    LINEAR,
    AxisClasses,
    CircuitRule,
    Element,
    Part,
    RuleRefused,
    WrittenRule,
    looked_up,
    rules_of,
)
from catlearn.arrays.counting import IDLE, operations
from catlearn.arrays.forms import Change, Form, IndexPart, Lookup, Reading, part as part_of
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.sizes import ONE, Scalar, Size, SizeRelation
from catlearn.cset.rewriting import Rule
from catlearn.display import Legible
from catlearn.errors import Failure, expect, expect_dicts, refuse, wrong_kind
from catlearn.finset.tables import morphism

WORTH = 0.9
"""What share of the price of its boxes a rule leaves at most, where it is applied."""

TIMES = 32
"""How often rules are applied at most, for each box that there is."""

ENOUGH = 0.99
"""What share of the price of a circuit is left at most, where anything is rewritten."""

# ---------------------------------------------------------------- what is rewritten


class _Whole:
    """A circuit that is rewritten: its boxes, those that are gone, and those that have come.

    Attributes
    ----------
    reads
        How often each array is read, by boxes and at the end.
    boxes
        The kernels of the boxes that are needed and draw no samples.
    gone, lost
        The boxes, and the arrays, that are there no more.
    """

    def __init__(self, circuit: Circuit, sizes: Sequence[int], price: Pricing) -> None:
        H = circuit.apex
        self.circuit, self.H, self.draft, self.sizes = circuit, H, Draft.of(H), [*sizes]
        self.price = price
        self.gone, self.lost = set[int](), set[int]()
        self.writer: dict[int, int] = {}
        self.reads = Counter(circuit.cod)
        self.readers: dict[int, dict[int, None]] = {}
        self.boxes: dict[int, Kernel] = {}
        self.alike: dict[Any, dict[int, None]] = {}
        needed = {*circuit._walk()}
        for box, row in enumerate(self.draft.boxes):
            self._note(box, row, box in needed)

    def _note(self, box: int, row: BoxRow, needed: bool) -> None:
        self.writer |= dict.fromkeys(row.outs, box)
        self.reads.update(row.ins)
        for wire in row.ins:
            self.readers.setdefault(wire, {})[box] = None
        kernel = row.operation.kernel
        if needed and kernel.entry.deterministic:
            self.boxes[box] = kernel
            self.alike.setdefault((kernel, *row.ins), {})[box] = None

    def add(self, row: BoxRow) -> int:
        """Add a box, and return its number."""
        self.draft.boxes.append(row)
        box = len(self.draft.boxes) - 1
        self._note(box, row, True)
        return box

    def remove(self, box: int) -> None:
        """Take a box away, and what nothing reads any more."""
        row = self.draft.boxes[box]
        self.gone.add(box)
        kernel = self.boxes.pop(box, None)
        if kernel is not None:
            del self.alike[kernel, *row.ins][box]
        for wire in row.outs:
            del self.writer[wire]
        self.reads.subtract(row.ins)
        for wire in {*row.ins}:
            del self.readers[wire][box]

    def dropped(self, wires: Iterable[int]) -> None:
        """Take away what writes some arrays, or leads to them, where nothing reads these."""
        left = [*wires]
        while left:
            box = self.writer.get(left.pop())
            if box is not None:
                row = self.draft.boxes[box]
                if not any(self.reads[wire] for wire in row.outs):
                    self.remove(box)
                    self.lost.update(row.outs)
                    left += row.ins

    def rounds(self, row: BoxRow) -> tuple[int, ...]:
        """Return the blocks with rounds that a box is in."""
        return tuple(block for block in row.within if self.draft.blocks[block][1])

    def raised(self, box: int, within: Sequence[int]) -> list[int] | None:
        """Return the blocks that a box is in together with others; None if it has to stay."""
        common = _common(self.draft.boxes[box].within, within)
        stays = box < self.H.size("Box") and common != [*self.draft.boxes[box].within]
        return None if stays else common

    def shared(self, row: BoxRow) -> tuple[int, list[int]] | None:
        """Return a box that is there already, and the axes of its array, by variables of the row.

        Boxes are the same if they differ in the order of their variables and of what they write. It
        may be in other blocks, if it can be raised to those that both are in.
        """
        key = None
        for box in self.alike.get((row.operation.kernel, *row.ins), ()):
            key = key or _ordered(row)
            known = self.draft.boxes[box]
            other = _ordered(known)
            same = key[0] == other[0] and self.rounds(known) == self.rounds(row)
            if same and self.raised(box, row.within) is not None:
                (places,) = known.operation.writes
                at = {v: k for k, v in enumerate(other[1])}
                return box, [key[1][at[v]] for v in places]
        return None

    def cost(self, row: BoxRow, axes: Mapping[int, Sequence[int]]) -> float:
        """Return the price of a box, given the axes of arrays that are not there yet."""
        size = self.sizes
        own = {w: axes[w] if w < 0 else self.draft.wires[w].axes for w in (*row.ins, *row.outs)}
        reads = [[size[a] for a in own[w]] for w in values_of(row)]
        writes = [[size[a] for a in own[w]] for w in row.outs]
        return self.price(row.operation, [size[a] for a in row.vars], reads, writes)

    def total(self) -> float:
        """Return the price of all boxes that are needed."""
        done, left, found = set[int](), [*self.circuit.cod], 0
        while left:
            box = self.writer.get(left.pop())
            if box is not None and box not in done:
                done.add(box)
                found += self.cost(self.draft.boxes[box], {})
                left += self.draft.boxes[box].ins
        return found


def _common(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """Return the blocks that two boxes are in together."""
    both = zip(one, other, strict=False)
    return [block for block, _ in takewhile(lambda pair: pair[0] == pair[1], both)]


def values_of(row: BoxRow) -> list[int]:
    """Return the arrays that a box reads, without those that it only looks up in."""
    every = zip(row.ins, row.operation.readings, strict=True)
    return [wire for wire, reading in every if reading is not None]


def _ordered(row: BoxRow) -> tuple[Any, list[int]]:
    """Return what is equal of boxes that are the same, and the order of their variables in it."""
    one = row.operation
    read = (form for reading in one.readings if reading is not None
            for form in (*reading.forms, *reading.conditions))  # fmt: skip
    order = [*dict.fromkeys([*(v for form in read for v in sorted(form.variables)),
                             *range(len(row.vars))])]  # fmt: skip
    place = {v: k for k, v in enumerate(order)}
    forms = [Form.variable(place[v]) for v in range(len(order))]

    def named(key: int) -> int:
        return place[key] if key >= 0 else key

    def form(one: Form) -> Form:
        return one.substitute(forms, lambda size: size.rename(named))

    key = (
        tuple(None if reading is None else reading.map(form) for reading in one.readings),
        tuple(frozenset(place[v] for v in places) for places in one.writes),
        frozenset(place[v] for v in one.targets), one.scale.rename(named),
        tuple(relation.rename(named) for relation in one.relations),
        *map(tuple, ([row.vars[v] for v in order], row.mentions)),
    )  # fmt: skip
    return key, order


Pricing = Callable[
    [Operation, Sequence[int], Sequence[Sequence[int]], Sequence[Sequence[int]]], float
]


def multiply_adds(
    operation: Operation, variables: Sequence[int], reads: Sequence[Sequence[int]],
    writes: Sequence[Sequence[int]],
) -> float:  # fmt: skip
    """Return the operations of a box on numbers; an addition with a product is one with it."""
    found = operations(operation, variables, reads, writes)
    return sum(found.values()) - found.get("matrix", 0) // max(1, len(reads))


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


# ---------------------------------------------------------------- where a rule is found


@dataclass
class _Match:
    """A rule written out where it was found: boxes that go, and those that come.

    Parameters
    ----------
    found
        Where it was found.
    inner
        The arrays that go.
    rows
        What comes: boxes, whose arrays from -1 down are the new ones.
    wires
        The new arrays: their axes, and the array whose type they have, or None.
    gain
        By how much the price falls.
    """

    found: _Instance
    inner: list[int]
    rows: list[BoxRow]
    wires: list[tuple[list[int], int | None]]
    gain: float


def _places(
    rule: WrittenRule, whole: _Whole, root: int
) -> Iterator[tuple[list[int], list[Sequence[int]]]]:
    """Yield the boxes of a rule whose last one is some box, and the operands that each reads.

    They are the morphisms of circuits without axes, one to one on boxes, where inner arrays are
    read as often as in the rule. As each array is written once, a morphism is determined by where
    the last box goes, but for the order of operands that have none.
    """
    count = len(rule.parts)
    at: dict[int, int] = {}
    orders: dict[int, Sequence[int]] = {}

    def follow(
        left: Sequence[tuple[int, int]], place: Mapping[int, int]
    ) -> Iterator[tuple[list[int], list[Sequence[int]]]]:
        if not left:
            yield [at[b] for b in range(count)], [orders[b] for b in range(count)]
            return
        (b, box), *rest = left
        if b in at or box in at.values():
            if at.get(b) == box:
                yield from follow(rest, place)
            return
        part, row = rule.parts[b], whole.draft.boxes[box]
        own = [k for k, reading in enumerate(row.operation.readings) if reading is not None]
        if (
            whole.boxes.get(box) != rule.kernels[b] or len(own) != len(part.ins)
            or len(row.outs) != len(part.outs)
        ):  # fmt: skip
            return
        at[b] = box
        turns = permutations(own) if rule.kernels[b].name in COMMUTING else [own]
        for orders[b] in turns:
            now, deeper = dict(place), [*rest]
            pairs = [*zip(part.ins, (row.ins[k] for k in orders[b]), strict=True),
                     *zip(part.outs, row.outs, strict=True)]  # fmt: skip
            for wire, there in pairs:
                if now.setdefault(wire, there) != there:
                    break
                if wire in rule.inner and whole.reads[there] != rule.inner[wire]:
                    break
                if wire in rule.writer:
                    deeper.append((rule.writer[wire], whole.writer.get(there, -1)))
            else:
                yield from follow(deeper, now)
        del at[b]

    return follow([(rule.writer[rule.left.cod[0]], root)], {})


class _Instance:
    """A rule at boxes of a circuit, each with the operands that it reads."""

    def __init__(
        self, rule: CircuitRule, whole: _Whole, at: Sequence[int], orders: Sequence[Sequence[int]]
    ) -> None:
        self.rule, self.whole, self.at, self.orders = rule, whole, at, orders
        self.used = list[tuple[int, Sequence[int]]]()
        self.written = written = rule.written
        self.parts, self.place = list[Part](), dict[int, int]()
        for part, box, operands in zip(written.parts, at, orders, strict=True):
            row = whole.draft.boxes[box]
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
        blocks = {whole.rounds(row) for row in rows}
        if kept & {*inner} or len({*inner}) < len(inner) or len(blocks) > 1:
            return None
        if not self._read() or not self._sorted() or not self._alike():
            return None
        made = self._made()
        if made is None:
            return None
        new, wires = made
        axes = {-1 - k: own for k, (own, _) in enumerate(wires)}
        before = sum(whole.cost(row, {}) for row in rows)
        gain = before - sum(whole.cost(row, axes) for row in new)
        if gain < (1 - WORTH) * before or gain <= 0:
            return None
        return _Match(self, inner, new, wires, gain)

    def _alike(self) -> bool:
        """Whether scales and relations are those of the rule, or can be carried over."""
        self.relations = list[Any]()
        ratios = list[Scalar]()
        for b, (part, one) in enumerate(zip(self.parts, self.written.parts, strict=True)):
            row = part.row
            rows = dict(enumerate(row.vars))
            rows |= {-1 - k: axis for k, axis in enumerate(row.mentions)}
            scale, given = row.operation.scale, one.row.operation.scale
            if scale != ONE or given != ONE:
                given = self.at_words(given, self.written.axes, b)
                scale = scale.rename(rows.__getitem__) * given**-1
            ratios.append(scale)
            if row.operation.relations:
                if row.operation.kernel.name != "view":
                    return False
                self.relations += [r.rename(rows.__getitem__) for r in row.operation.relations]
        scale = self._factor(self.written.left.cod[0], ratios)
        self.scale = scale or ONE
        return scale == ONE or (scale is not None and self.written.carriers is not None)

    def _factor(self, wire: int, ratios: Sequence[Scalar]) -> Scalar | None:
        """Return by what an array differs from that of the rule; None if it is no factor."""
        b = self.written.writer.get(wire)
        if b is None:
            return ONE
        part, name = self.written.parts[b], self.written.kernels[b].name
        factors = list[Scalar]()
        for one in part.ins:
            factor = self._factor(one, ratios)
            if factor is None:
                return None
            factors.append(factor)
        if name == "contraction":
            return prod(factors, start=ratios[b])
        same = len({*factors}) == 1 and (name in LINEAR or factors[0] == ONE)
        return factors[0] if same and ratios[b] == ONE else None

    def at_words(self, scale: Scalar, axes: AxisClasses, b: int) -> Scalar:
        """Return a scale of a box of the rule, for the words that its axes stand for here."""
        if not scale.powers:
            return scale
        own = axes is self.written.axes
        sizes: dict[int, Size] = {}
        for v in range(len(axes.parts[b].row.vars)):
            letter = axes.find(("v", b, v))
            word = self.words.get(letter if own else self.written.tie[letter], ())
            sizes[v] = prod((Size.generator(self.axes.axis(c)) for c in word), start=Size.of(1))
        return scale.substitute(sizes)

    def _read(self) -> bool:
        """Whether all is read inside of the arrays."""
        whole, rule = self.whole, self.written
        for b, part in enumerate(self.parts):
            sizes = [whole.sizes[a] for a in part.row.vars]
            known: dict[Any, Any] = dict(enumerate(sizes))
            known |= {-1 - k: whole.sizes[a] for k, a in enumerate(part.row.mentions)}
            for k in range(len(part.ins)):
                reading, wire = part.reading(k), part.row.ins[part.operands[k]]
                if reading.conditions and (b != rule.mask or rule.right_mask is None):
                    return False
                for form, axis in zip(reading.forms, whole.draft.wires[wire].axes, strict=True):
                    if form.wiring is None and not _inside(form, known, sizes, whole.sizes[axis]):
                        return False
        return True

    def _sorted(self) -> bool:
        """Sort the axes that are here into the words of the rule's."""
        written = self.written
        axes: list[Sequence[int]] = [()] * (1 + max(self.place, default=0))
        for wire, row in self.place.items():
            axes[wire] = self.whole.draft.wires[row].axes
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
            count = len(self.whole.draft.wires[self.place[wire]].axes)
            return [axes.find(("w", wire, p)) for p in range(count)]

        for one, other in zip(written.left.dom, right.dom, strict=True):
            if one in self.place:
                known[other] = self.place[one], classes(one)
        (end,), (last,) = written.left.cod, right.cod
        scale, relations, rows = self.scale, self.relations, list[BoxRow]()
        carried, before = False, None
        lookups = [any(one is None for one in part.row.operation.readings)
                   for part in written.right_parts]  # fmt: skip
        scaled = written.carriers or ()
        for b, part in enumerate(written.right_parts):
            made = _New(self, b, part, scale if b in scaled else ONE, relations)
            if not all(made.read(k, *known[wire]) for k, wire in enumerate(part.ins)):
                return None
            if b == written.right_mask and written.mask is not None and not made.masked():
                return None
            (wire,), (places,) = part.outs, part.row.operation.writes
            out = [c for v in places for c in made.words[v]]
            same = made.unchanged(out, lookups[b])
            if same is not None and wire != last:
                known[wire] = same
                continue
            if same is not None and before is not None and wires and same[0] == -len(wires):
                made, rows = before, rows[:-1]
                wires.pop()
            if wire == last:
                row, out = self.place[end], classes(end)
            else:
                if any(c not in made.at for c in out):
                    return None
                same = self._shared(made, out)
                if same is not None:
                    known[wire] = same
                    carried = carried or made.kernel.name == "view"
                    continue
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
            known[wire], before = (row, out), made
            carried = carried or made.kernel.name == "view"
        return None if relations and not carried else (rows, wires)

    def within(self, made: _New) -> Sequence[int]:
        """Return the blocks of a new box: those of the last one, which all before it may be in.

        Those of the first of two, where the other reads nothing else, and nothing is looked up.
        """
        last = self.written.writer[self.written.left.cod[0]]
        rows = [part.row for b, part in enumerate(self.parts) if b != last]
        alone = len(rows) == 1 and {*self.parts[last].row.ins} <= {*rows[0].outs}
        return rows[0].within if alone and not made.lookups else self.parts[last].row.within

    def _shared(self, made: _New, out: list[Element]) -> tuple[int, list[Element]] | None:
        """Return the array of a box that stays and is the same, and its axes."""
        if any(wire < 0 for wire in made.ins):
            return None
        row = made.row(-1, out)
        found = self.whole.shared(row)
        if found is None or found[0] in self.at:
            return None
        every = [*made.at]
        self.used.append((found[0], row.within))
        return self.whole.draft.boxes[found[0]].outs[0], [every[v] for v in found[1]]


class _New:
    """A box of the right side of a rule, written out."""

    def __init__(
        self, of: _Instance, b: int, part: Part, scale: Scalar, relations: Sequence[Any]
    ) -> None:
        written = of.written
        self.of, self.b, self.part, self.kernel = of, b, part, part.row.operation.kernel
        own = of.at_words(part.row.operation.scale, written.right_axes, b)
        self.scale = scale if own == ONE else own * scale
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
        self.looked = False

    def generator(self, axis: int) -> int:
        """Return what the size of an axis is called in the box."""
        return self.vars.index(axis) if axis in self.vars else self.mention(axis)

    def mention(self, axis: int) -> int:
        """Return what the size of an axis is called that the box mentions."""
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
        for place, c in enumerate(classes):
            form = how.get(c)
            atom = None if form is None else looked_up(form)
            found = of.apart.get(c)
            if atom is not None:
                found = of.found.get((given[self.part.row.ins[atom.operand]], c))
                self.looked = self.looked or found is not None
            if found is not None:
                made = self.moved(*found)
                if made is None or not self._are_of(made, row, place, c):
                    return False
                forms.append(made)
            elif c in self.at:
                forms.append(Form.variable(self.at[c]))
            else:
                return False
        self.readings[len(self.ins) - 1] = Reading(tuple(forms))
        return True

    def _are_of(self, form: Form, row: int, place: int, one: Element) -> bool:
        """Whether what a form looks up are indices of the axis that is read at it."""
        draft, first = self.of.whole.draft, len(self.part.ins)
        axis = self.of.axes.axis(one) if row < 0 else draft.wires[row].axes[place]
        wires = (self.lookups[look.operand - first] for look in form.lookups)
        return all(draft.types[draft.wires[wire].type][1] == axis for wire in wires)

    def masked(self) -> bool:
        """Read through the mask that was found; whether that can be written."""
        b, (place,) = self.of.written.mask, range(len(self.ins))
        assert b is not None
        found, own = self.of.parts[b].reading(0), self.readings[place]
        conditions = [self.moved(b, form) for form in found.conditions]
        if own is None or None in conditions:
            return False
        some = tuple(form for form in conditions if form is not None)
        self.readings[place] = replace(own, conditions=some, outside=found.outside)
        return True

    def moved(self, b: int, form: Form) -> Form | None:
        """Return a form of a box that was found, at the variables of this one.

        What is looked up along a variable stands for it, where this box has it no more.
        """
        row = self.of.parts[b].row
        every: dict[int, Form] = {}
        for v in form.variables:
            one = self.of.axes.find(("v", b, v))
            if one in self.at:
                every[v] = Form.variable(self.at[one])
                continue
            at = next((at for (_, other), at in self.of.found.items() if other == one), None)
            made = None if at is None or at == (b, form) else self.moved(*at)
            if made is None:
                return None
            every[v] = made

        def size(one: Size) -> Size:
            rows = dict(enumerate(row.vars))
            rows |= {-1 - k: axis for k, axis in enumerate(row.mentions)}
            return one.rename(lambda key: self.generator(rows[key]))

        def looked(atom: Lookup, change: Change) -> Form:
            wire = row.ins[atom.operand]
            if wire not in self.lookups:
                self.lookups.append(wire)
            return atom.map(change, len(self.part.ins) + self.lookups.index(wire))

        def divided(one: IndexPart, change: Change) -> Form:
            return part_of(one.kind, change(one.form), size(one.by))

        return form.rewritten(every.__getitem__, size, divided, looked)

    def unchanged(self, out: list[Element], looks: bool) -> tuple[int, list[Element]] | None:
        """Return what is read if it is what is written, but for the order of axes.

        A box of a rule that looks up, where nothing is looked up, leaves readings to the next one.
        """
        if looks and not self.looked:
            return self.ins[0], self.read_at[0]
        if self.kernel.name not in ("view", "contraction") or len(self.ins) != 1:
            return None
        (reading,), (classes,) = self.readings, self.read_at
        plain = reading is not None and all(form.wiring is not None for form in reading.forms)
        plain = plain and not (reading is not None and reading.conditions)
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
            self.scale.rename(self.generator) if self.scale.powers else self.scale,
            tuple(
                replace(one, left=one.left.rename(self.generator), right=one.right.rename(
                    self.mention if one.kind == "<=" else self.generator))
                for one in self.relations
            ),
            title=like.operation.title, source=like.operation.source,
        )  # fmt: skip
        ins = [*self.ins, *self.lookups]
        return BoxRow(ins, [wire], self.vars, self.mentions, operation, self.of.within(self))


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
    expect_dicts("a dict from rows of axes to sizes", sizes=sizes)
    if isinstance(rules, str | CircuitRule):
        raise wrong_kind(rules, "rules", listed)
    expect(rules, Iterable, "rules", listed)
    own = [*rules]
    for one in own:
        expect(one, CircuitRule, "each of rules", "a rule, CircuitRule(name, left, right)")
    refuse("what is given", (one for rule in own for one in rule.failures()), RuleRefused)
    if sizes is None:
        known = [circuit.apex.size_of(axis) for axis in range(circuit.apex.size("Axis"))]
        used = {axis for wire in Draft.of(circuit.apex).wires for axis in wire.axes}
        message = "has an open size; give it, as by .at(), or give sizes"
        refuse(
            "rewriting",
            (
                Failure("sizes", f"axis {circuit.apex.called(axis)}", message)
                for axis in sorted(used)
                if known[axis].number is None
            ),
        )
        sizes = {axis: one.number or 1 for axis, one in enumerate(known)}
    every = [sizes.get(axis, 1) for axis in range(circuit.apex.size("Axis"))]
    whole = _Whole(circuit, every, price)
    start = whole.total()
    used = _applied(own, whole)
    if not used or whole.total() > ENOUGH * start:
        return Rewritten(circuit, {}, (start, start))
    return Rewritten(_circuit(whole, ", ".join(used)), dict(used), (start, whole.total()))


def _applied(own: Sequence[CircuitRule], whole: _Whole) -> Counter[str]:
    """Apply rules, the dearest first, and return how often each was.

    After one is applied rules are looked for at what it made, and at what reads that, as far as the
    last box of a rule may be from another.
    """
    _part_diagonals(whole)
    _part_views(whole)
    apart = max([DEEPEST, *(one.written.depth for one in own)])
    often = max([1, *(count for one in own for count in one.written.inner.values())])
    by_last: dict[Kernel, list[CircuitRule]] = {}
    for one in own:
        by_last.setdefault(one.written.last, []).append(one)
    queue: list[tuple[float, int, _Match]] = []
    numbers = count()

    def look(box: int) -> None:
        kernel = whole.boxes[box]
        before = dict.fromkeys(
            whole.boxes[b] for wire in values_of(whole.draft.boxes[box])
            if (b := whole.writer.get(wire, -1)) in whole.boxes
        )  # fmt: skip
        rules = dict.fromkeys(rule for one in before for rule in rules_of(one, kernel))
        for rule in (*by_last.get(kernel, ()), *rules):
            for at, orders in _places(rule.written, whole, box):
                push(_Instance(rule, whole, at, orders).match())

    def push(match: _Match | None) -> None:
        if match is not None:
            heappush(queue, (-match.gain, next(numbers), match))

    for box in [*whole.boxes]:
        look(box)
    used, most = Counter[str](), TIMES * len(whole.boxes)
    while queue and used.total() < most:
        gain, _, match = heappop(queue)
        found = match.found
        if not whole.gone.isdisjoint(found.at):
            continue
        fresh = _Instance(found.rule, whole, found.at, found.orders).match()
        if fresh is None or fresh.gain < -gain:
            push(fresh)
            continue
        used[found.rule.name] += 1
        fewer = [wire for box in found.at for wire in whole.draft.boxes[box].ins]
        new = _put(whole, fresh)
        near = {
            *new,
            *(whole.writer[w] for w in fewer if w in whole.writer and whole.reads[w] <= often),
        }
        seen = set[int]()
        for _ in range(apart):
            seen |= near
            near = {
                box for b in near for wire in whole.draft.boxes[b].outs
                for box in whole.readers.get(wire, ())
            } - seen  # fmt: skip
        for box in sorted(seen):
            if box in whole.boxes:
                look(box)
    return used


def _put(whole: _Whole, match: _Match) -> list[int]:
    """Apply a rule where it was found, and return the new boxes."""
    draft = whole.draft
    before = [wire for box in match.found.at for wire in draft.boxes[box].ins]
    for box in match.found.at:
        whole.remove(box)
    whole.lost.update(match.inner)
    for box, within in match.found.used:
        common = whole.raised(box, within)
        if common is not None and box in whole.boxes:
            draft.boxes[box] = draft.boxes[box]._replace(within=common)
    new: dict[int, int] = {}
    for k, (axes, like) in enumerate(match.wires):
        kind = draft.type("R") if like is None else draft.wires[like].type
        new[-1 - k] = draft.wire(axes, kind)
    boxes = []
    for row in match.rows:
        ins, outs = ([new.get(w, w) for w in some] for some in (row.ins, row.outs))
        boxes.append(whole.add(row._replace(ins=ins, outs=outs)))
    whole.dropped(wire for wire in before if not whole.reads[wire])
    return boxes


def _part_diagonals(whole: _Whole) -> None:
    """Read a diagonal, where what is not on it is masked by 0 and summed.

    The law is that of an indicator: the sum over i of [i = j] x_ij is x_jj.
    """
    draft = whole.draft
    for b, kernel in [*whole.boxes.items()]:
        row = draft.boxes[b]
        inner = whole.writer.get(row.ins[0], -1) if len(row.ins) == 1 else -1
        if kernel.name != "contraction" or whole.boxes.get(inner) != Kernel("view"):
            continue
        mask = draft.boxes[inner]
        (read,), (reading,), (places,) = (
            row.operation.readings, mask.operation.readings[:1], mask.operation.writes,
        )  # fmt: skip
        if (
            read is None or reading is None or whole.reads[row.ins[0]] != 1
            or not all(form.wiring is not None for form in (*read.forms, *reading.forms))
            or row.operation.relations or row.mentions or mask.operation.relations
            or mask.within != row.within or len(mask.ins) > 1
        ):  # fmt: skip
            continue
        summed = {v: t.wiring for v, t in zip(places, read.forms, strict=True)
                  if t.wiring in row.operation.targets}  # fmt: skip
        found = _diagonal(reading, mask, summed, whole.sizes)
        if found is None:
            continue
        gone, kept = found
        at = {v: form.wiring for v, form in zip(places, read.forms, strict=True)}
        if at[gone] in row.operation.scale.generators:
            continue
        place = {v: k for k, v in enumerate(v for v in range(len(mask.vars)) if v != gone)}
        forms = [Form.variable(place[kept if v == gone else v]) for v in range(len(mask.vars))]
        axes = [mask.vars[v] for v in place]
        (axis, other), relations, mentions = (mask.vars[gone], mask.vars[kept]), (), []
        if axis != other:
            mentions = [axis]
            shorter = SizeRelation("<=", Size.generator(place[kept]), Size.generator(-1))
            relations = (shorter,)
        made = draft.wire(axes, draft.wires[mask.outs[0]].type)
        diagonal = replace(
            mask.operation, readings=(Reading(tuple(forms[f.wiring or 0] for f in reading.forms)),),
            writes=(tuple(range(len(axes))),), relations=relations, letters=(),
        )  # fmt: skip
        left = [v for v in range(len(row.vars)) if v != at[gone]]
        now = {v: k for k, v in enumerate(left)}
        total = replace(
            row.operation, readings=(Reading.wiring([now[at[v] or 0] for v in place]),),
            writes=tuple(tuple(now[v] for v in one) for one in row.operation.writes),
            targets=tuple(now[v] for v in row.operation.targets if v in now), letters=(),
            scale=row.operation.scale.substitute(
                {v: Size.generator(now[v]) for v in now}),
        )  # fmt: skip
        for box in (b, inner):
            whole.remove(box)
        whole.lost.update(row.ins)
        whole.add(mask._replace(outs=[made], vars=axes, mentions=mentions, operation=diagonal))
        whole.add(row._replace(ins=[made], vars=[row.vars[v] for v in left], operation=total))


def _diagonal(
    reading: Reading, mask: BoxRow, summed: Container[int], sizes: Sequence[int]
) -> tuple[int, int] | None:
    """Return the variable of a mask that is summed, and the one that it has to be equal to."""
    if reading.outside != 0 or len(reading.conditions) != 2 or len(reading.forms) != len(mask.vars):
        return None
    for i, j in permutations(sorted(reading.conditions[0].variables), 2):
        gap = Form.variable(i) + Form.variable(j).times(-1)
        if (
            {*reading.conditions} == {gap, gap.times(-1)} and i in summed
            and sizes[mask.vars[j]] <= sizes[mask.vars[i]]
        ):  # fmt: skip
            return i, j
    return None


def _part_views(whole: _Whole) -> None:
    """Make what is read at the same indices, wherever it is read, an array by itself."""
    size, draft = whole.sizes, whole.draft
    views: dict[int, list[tuple[int, int, list[int], BoxRow]]] = {}
    for b in whole.boxes:
        row = draft.boxes[b]
        if row.operation.kernel.name in IDLE or row.operation.relations or row.mentions:
            continue
        for k, (wire, reading) in enumerate(zip(row.ins, row.operation.readings, strict=True)):
            if reading is None or reading.conditions:
                continue
            plain = all(form.wiring is not None for form in reading.forms)
            hidden = any(isinstance(a, Lookup) or c.generators for a, c in reading.atoms)
            own = sorted(reading.variables)
            axes = [row.vars[v] for v in own]
            fewer = prod(size[a] for a in axes) < prod(size[a] for a in draft.wires[wire].axes)
            if plain or hidden or not fewer or whole.writer.get(wire) not in whole.boxes:
                continue
            place = {v: Form.variable(p) for p, v in enumerate(own)}
            forms = [place.get(v, Form()) for v in range(len(row.vars))]
            view = Operation(
                Kernel("view"), (reading.map(lambda form, at=forms: form.substitute(at)),),
                (tuple(range(len(own))),), title="view", source=row.operation.source,
            )  # fmt: skip
            made = BoxRow([wire], [], axes, [], view, row.within)
            views.setdefault(wire, []).append((b, k, own, made))
    now: dict[int, int] = {}
    for wire, some in views.items():
        keys = [_ordered(view) for *_, view in some]
        rounds = {whole.rounds(view) for *_, view in some}
        if (
            len(some) != whole.reads[wire] or any(key != keys[0][0] for key, _ in keys)
            or len(rounds) > 1
        ):  # fmt: skip
            continue
        first = some[0][3]
        for *_, view in some[1:]:
            first = first._replace(within=_common(first.within, view.within))
        made = draft.wire(first.vars, draft.wires[wire].type)
        whole.add(first._replace(outs=[made]))
        at = {v: k for k, v in enumerate(keys[0][1])}
        for (box, k, own, _), (_, order) in zip(some, keys, strict=True):
            row = draft.boxes[now.get(box, box)]
            readings, ins = [*row.operation.readings], [*row.ins]
            readings[k] = Reading.wiring([own[order[at[v]]] for v in range(len(first.vars))])
            ins[k] = made
            whole.remove(now.get(box, box))
            now[box] = whole.add(row._replace(
                ins=ins, operation=replace(row.operation, readings=tuple(readings)),
            ))  # fmt: skip


def _circuit(whole: _Whole, name: str) -> Circuit:
    """Return the circuit that is left, by one double pushout.

    Steps one after the other are one step, of their concurrent rule (Ehrig, Pfender, Schneider,
    1973): it deletes the given boxes and arrays that are gone, and adds those that have come.
    """
    H, draft = whole.H, whole.draft
    count, old = H.size("Box"), H.size("Wire")
    rows = [row for b, row in enumerate(draft.boxes) if b >= count and b not in whole.gone]
    gone = [b for b in whole.gone if b < count]
    touched = [wire for row in rows for wire in (*row.ins, *row.outs)]
    types = {draft.wires[wire].type for wire in touched}
    every = H.closure({
        "Box": gone, "Wire": [wire for wire in touched if wire < old],
        "Type": [kind for kind in types if kind < H.size("Type")],
        "Axis": [axis for row in rows for axis in (*row.vars, *row.mentions)],
        "Block": [block for row in rows for block in row.within],
        "Symbol": range(H.size("Symbol")),
    })  # fmt: skip
    L, match = H.subtables(every)
    places = {t: {int(row): k for k, row in enumerate(match.components[t].values)} for t in every}
    kept = [wire for wire in every["Wire"].tolist() if wire not in whole.lost]
    stays = {t: [*range(L.size(t))] for t in L.shape.tables}
    stays |= {"Box": [], "Wire": [places["Wire"][wire] for wire in kept]}
    K, left = L.subtables(stays)
    at = {wire: k for k, wire in enumerate(kept)}
    axis, block, kinds = (places[table] for table in ("Axis", "Block", "Type"))
    made = Draft.of(K)
    for wire in sorted({wire for wire in touched if wire >= old}):
        own = draft.wires[wire]
        kind = kinds[own.type] if own.type in kinds else made.type("R")
        at[wire] = made.wire([axis[a] for a in own.axes], kind)
    for row in rows:
        ins, outs = ([at[wire] for wire in some] for some in (row.ins, row.outs))
        made.boxes.append(row._replace(
            ins=ins, outs=outs, vars=[axis[a] for a in row.vars],
            mentions=[axis[a] for a in row.mentions], within=[block[b] for b in row.within],
        ))  # fmt: skip
    R = made.made()
    right = morphism(K, R, {t: np.arange(K.size(t)) for t in K.shape.tables})
    step = Rule(left, right, name=name).rewrite(H, match)
    before, after = (leg.components["Wire"].values.tolist()
                     for leg in (step.complement.d, step.right.legs[0]))  # fmt: skip
    moved = dict(zip(before, after, strict=True))
    dom, cod = ([moved[w] for w in side] for side in (whole.circuit.dom, whole.circuit.cod))
    return Circuit.of(step.apex, dom, cod)
