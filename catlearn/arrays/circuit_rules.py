"""Rules of circuits: equations between two circuits, read from left to right, as data.

A *rule* is a pair of circuits with the same inputs and one output that compute the same, a law: the
right side may be put for the left one (:mod:`catlearn.arrays.rewriting`).

**An axis of a rule is a word of axes.** ``einsum("i k, k j -> i j")`` is met by a product with
several axes, or none, for each of ``i``, ``k`` and ``j``, in any order: an axis that is found
belongs to that axis of the rule that is in the same arrays and is summed by the same boxes. So one
rule is an equation for arrays of every rank. **An index of a rule is any function of indices**:
where a rule looks an index up in an array, as ``take`` does, slices, reshapes and repetitions are
met, too, as an array of naturals could hold where they read.

>>> from catlearn.arrays import einsum
>>> sums = CircuitRule("sums in turn", einsum("a b -> a") >> einsum("a ->"), einsum("a b ->"))
>>> sums.failures()
[]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import product
from typing import Any

from catlearn.arrays.blocks import GATES
from catlearn.arrays.boxes import BoxRow, Draft
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.evaluation import difference
from catlearn.arrays.forms import Form, Lookup, Reading
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.making import box_of, read_sides
from catlearn.arrays.operations import einsum, elementwise
from catlearn.arrays.tracing import traced
from catlearn.category import Equal
from catlearn.display import Legible
from catlearn.errors import CatlearnError, Failure, InvalidStructure, TooLarge, expect

COMMUTING = ("contraction", "add", "mul")
"""The kernels whose operands have no order."""

LINEAR = ("add", "neg", "view")
"""The kernels of which a factor of all operands is one of what is made."""

UNMOVED = ("contraction", "concat", "earlier", "dropped", *GATES)
"""The kernels of which it is no rule that arrays are looked up in before they are applied."""

POLYNOMIAL = ("contraction", "view", "add", "mul", "neg", "square", "concat", "constant")
"""The kernels that are polynomials."""

SEEDS = 3
"""At how many random arrays polynomials are compared, that no law of ``equal`` compares."""

UNKNOWN = "no law says so, and they are no polynomials"

DEEPEST = 4
"""How many boxes stand below each other at most, in the rules that there are."""

Element = tuple[str, int, int]


class RuleRefused(InvalidStructure):
    """What should be a rule breaks its law; the failures say which, and at which numbers."""

    headline = "{what} is no rule ({count})"


@dataclass(frozen=True)
class CircuitRule(Legible):
    """An equation between two circuits, read from left to right.

    Parameters
    ----------
    name
        What it says.
    left, right
        Circuits with the same inputs and one output, and without parameters. Arrays are read at
        axes, or at indices that are looked up in an input; of one box each at axes of its own, so
        none at one axis twice: there are no rules of diagonals.

    Raises
    ------
    WrongKind
        If the name is no string, or a side no circuit. That the sides are equal is checked where
        the rule is given: by :func:`rewrite` and ``cl.optimise``, and by :meth:`failures`.

    Examples
    --------
    >>> from catlearn.arrays import einsum, exp
    >>> twice = einsum("a b -> a") >> einsum("a ->")
    >>> CircuitRule("sum of sums", twice, einsum("a b ->")).failures()
    []
    >>> wrong = CircuitRule("exp of sum", einsum("a ->") >> exp, exp >> einsum("a ->"))
    >>> [one.law for one in wrong.failures()]
    ['law']
    """

    name: str
    left: Circuit = field(repr=False)
    right: Circuit = field(repr=False)

    def __post_init__(self) -> None:
        expect(self.name, str, "the name of a rule", "a string")
        for side in ("left", "right"):
            what = "a circuit, such as einsum('a b -> a')"
            expect(getattr(self, side), Circuit, f"the {side} side of a rule", what)

    def failures(self) -> list[Failure]:
        """List what keeps the pair from being a rule."""
        where, found = f"rule {self.name!r}", []
        if len(self.left.cod) != 1 or len(self.right.cod) != 1:
            found.append(Failure("shape", where, "each side has one output"))
        if self.left.parameters or self.right.parameters:
            found.append(Failure("shape", where, "has parameters; make them inputs"))
        if not self.left._walk():
            found.append(Failure("shape", where, "its left side has no boxes"))
        if not found:
            found += [Failure("shape", where, text) for text in self.written.faults]
        verdict = self.left.equal(self.right)
        if verdict != Equal and (why := self._apart()):
            message = f"its sides are not shown to be equal: {verdict.reason}; {why}"
            found.append(Failure("law", where, message))
        return found

    def _apart(self) -> str:
        """Say where sides differ as polynomials; nothing, where both are some and are equal.

        Polynomials that agree at numbers drawn at random are equal, with probability 1.
        """
        one, other = (side.live() for side in (self.left, self.right))
        kernels = {row.kernel.name for side in (one, other) for row in side.apex.operations}
        if not kernels <= {*POLYNOMIAL}:
            return UNKNOWN

        def apart(seed: int) -> str:
            try:
                return difference(one, other, seed)
            except TooLarge:
                few = {name: 2 + (k + seed) % 2 for k, name in enumerate(one.axes)}
                return difference(one.at(few), other, seed)

        try:
            return next(filter(None, map(apart, range(SEEDS))), "")
        except CatlearnError as error:
            return f"{error}"

    @cached_property
    def written(self) -> WrittenRule:
        return WrittenRule(self)

    def __str__(self) -> str:
        return self.name


# ---------------------------------------------------------------- which axes go together


@dataclass
class Part:
    """A box of a rule, or one that it is found at: operands and arrays by those of the rule.

    Parameters
    ----------
    row
        The box.
    operands
        The operands that are read, in the order of the rule.
    ins, outs
        The arrays of the rule that are read there, and written.
    """

    row: BoxRow
    operands: Sequence[int]
    ins: Sequence[int]
    outs: Sequence[int]

    def reading(self, k: int) -> Reading:
        found = self.row.operation.readings[self.operands[k]]
        assert found is not None
        return found


class AxisClasses:
    """The classes of axes of some boxes, where those that are read by one variable are one.

    Elements are ``("w", array, position)`` and ``("v", box, variable)``.

    Attributes
    ----------
    forms
        The forms of what is read otherwise, by array and position, with the box.
    signatures
        For each class the arrays that have it, or are read at forms over it, and the boxes that
        have it and that take it whole; and the given arrays, of those that have it not, of which an
        axis is read at forms over it further on.
    clear
        Whether each variable of a box is of another class.
    """

    def __init__(
        self, parts: Sequence[Part], axes: Sequence[Sequence[int]], indices: Iterable[int] = ()
    ) -> None:
        self.parts, self.axes = parts, axes
        self._parent: dict[Element, Element] = {}
        self.forms: dict[tuple[int, int], tuple[int, Form]] = {}
        self.clear = True
        hidden, joined = {*indices}, list[tuple[Element, int, Element]]()
        for b, part in enumerate(parts):
            variables = part.row.vars
            for v in range(len(variables)):
                self.find(("v", b, v))
            for k, wire in enumerate(part.ins):
                for p, form in enumerate(part.reading(k).forms):
                    by = form.wiring
                    if by is not None and variables[by] == axes[wire][p]:
                        self.unite(("w", wire, p), ("v", b, by))
                    elif self.forms.setdefault((wire, p), (b, form)) != (b, form):
                        self.clear = False
                    else:
                        self.find(("w", wire, p))
                        at = "w", wire, p
                        joined += [(("v", b, v), wire, at) for v in form.variables]
                        for one in form.lookups:
                            index = part.row.ins[one.operand]
                            for q, inner in enumerate(one.forms):
                                if index in hidden and inner.wiring is not None:
                                    self.unite(("w", index, q), ("v", b, inner.wiring))
            for wire, places in zip(part.outs, part.row.operation.writes, strict=True):
                for p, v in enumerate(places):
                    self.unite(("w", wire, p), ("v", b, v))
        self.signatures: dict[Element, frozenset[Any]] = {}
        found: dict[Element, set[Any]] = {}
        for one in self._parent:
            kind, place, index = one
            own = found.setdefault(self.find(one), set())
            if kind == "v":
                self.clear = self.clear and (kind, place) not in own
                own.add((kind, place))
                if index in parts[place].row.operation.targets:
                    own.add(("t", place))
            elif place not in hidden:
                own.add((kind, place))
        every = [(self.find(one), wire, place) for one, wire, place in joined]
        for one, wire, _ in every:
            found[one].add(("w", wire))
        made = {wire for part in parts for wire in part.outs}
        given = {one: {wire for kind, wire in own if kind == "w"} - made
                 for one, own in found.items()}  # fmt: skip
        for one, _, place in every:
            found[one].update(("i", wire) for wire in given[self.find(place)] - given[one])
        self.signatures = {one: frozenset(own) for one, own in found.items()}

    def find(self, one: Element) -> Element:
        """Return the first element of a class."""
        seen = []
        while (above := self._parent.setdefault(one, one)) != one:
            seen.append(one)
            one = above
        for below in seen:
            self._parent[below] = one
        return one

    def unite(self, one: Element, other: Element) -> None:
        one, other = self.find(one), self.find(other)
        self._parent[max(one, other)] = min(one, other)

    def axis(self, one: Element) -> int:
        """Return the row of an axis of a class."""
        kind, place, index = one
        return self.axes[place][index] if kind == "w" else self.parts[place].row.vars[index]


class WrittenRule:
    """What is read off a rule once: its boxes without axes, and the classes of axes of both sides.

    Attributes
    ----------
    tie
        From classes of the right side to those of the left.
    writer
        The box that writes an array of the left side.
    last
        The kernel of the box that writes its output.
    depth
        How many boxes stand below each other.
    carriers
        The boxes of the right side that take a factor of the whole; None where none may.
    mask, right_mask
        The box of a side that returns each number that it reads, if there is one: it may be a mask.
    inner
        The arrays of the left side that go with it, each with how often it is read.
    """

    def __init__(self, rule: CircuitRule) -> None:
        left, right = rule.left.live(), rule.right.live()
        self.left, self.right, self.faults = left, right, list[str]()
        (self.parts, self.axes), (self.right_parts, self.right_axes) = map(
            self._side, (left, right)
        )
        for axes in (self.axes, self.right_axes):
            if not axes.clear:
                self.faults.append("a box reads an array at one axis twice, or at two indices")
        self.tie: dict[Element, Element] = {}
        ends = [*zip(left.dom, right.dom, strict=False), *zip(left.cod, right.cod, strict=False)]
        for one, other in ends:
            for p in range(len(right.apex.lists["axes"].row(other))):
                found = self.axes.find(("w", one, p))
                if self.tie.setdefault(self.right_axes.find(("w", other, p)), found) != found:
                    self.faults.append("the right side has one axis where the left has two")
        every = {self.right_axes.find(one) for one in [*self.right_axes._parent]}
        if every - {*self.tie}:
            self.faults.append("the right side has an axis that no input or output has")
        boxes = range(len(self.parts))
        reads = Counter(wire for k in boxes for wire in self.parts[k].ins)
        outs = [wire for part in self.parts for wire in part.outs]
        self.inner = {wire: reads[wire] for wire in outs if wire not in left.cod}
        self.kernels = [part.row.operation.kernel for part in self.parts]
        self.writer = {wire: b for b, part in enumerate(self.parts) for wire in part.outs}
        self.last = self.kernels[self.writer[left.cod[0]]]
        below = list[int]()
        for part in self.parts:
            below.append(1 + max((below[self.writer[w]] for w in part.ins if w in self.writer),
                                 default=0))  # fmt: skip
        self.depth = max(below, default=0)
        self.mask, self.right_mask = map(_mask, (self.parts, self.right_parts))
        self.carriers = self._carriers()
        self.letters: dict[frozenset[Any], Element] = {}
        for one, signature in self.axes.signatures.items():
            self.letters.setdefault(signature, one)

    def _carriers(self) -> set[int] | None:
        """Return the products of the right side that take a factor of the whole; None if none do.

        It goes through sums to all summands, and to one factor of each product.
        """
        needs: dict[int, bool] = {self.right.cod[0]: True}
        found = set[int]()
        for b in reversed(range(len(self.right_parts))):
            part, name = self.right_parts[b], self.right_parts[b].row.operation.kernel.name
            need = needs.get(part.outs[0], False)
            if need and name == "contraction":
                found.add(b)
            elif need and name not in LINEAR:
                return None
            for wire in part.ins:
                if needs.setdefault(wire, need and name in LINEAR) != (need and name in LINEAR):
                    return None
        return None if any(needs.get(wire) for wire in self.right.dom) else found

    def _side(self, side: Circuit) -> tuple[list[Part], AxisClasses]:
        H, draft = side.apex, Draft.of(side.apex)
        parts, indices = [], set[int]()
        for box in side._walk():
            row = draft.boxes[box]
            own = [k for k, one in enumerate(row.operation.readings) if one is not None]
            indices |= {wire for k, wire in enumerate(row.ins) if k not in own}
            parts.append(Part(row, own, [row.ins[k] for k in own], row.outs))
            for k in own:
                one = row.operation.readings[k]
                for form in () if one is None else (*one.forms, *one.conditions):
                    if form.wiring is None and looked_up(form) is None:
                        self.faults.append(f"{row.operation} reads at other than axes and indices")
        if indices - {*side.dom}:
            self.faults.append("indices are looked up in what is no input")
        axes = [one.tolist() for one in map(H.lists["axes"].row, range(H.size("Wire")))]
        return parts, AxisClasses(parts, axes, indices)


def _mask(parts: Sequence[Part]) -> int | None:
    """Return the box that returns each number that it reads at axes, if there is one."""
    found = [
        b for b, part in enumerate(parts)
        if part.row.operation.kernel.name == "view"
        and all(form.wiring is not None for form in part.reading(0).forms)
        and len(part.reading(0).forms) == len(part.row.vars)
    ]  # fmt: skip
    return found[0] if len(found) == 1 else None


def looked_up(form: Form) -> Lookup | None:
    """Return the lookup at variables that a form is, if it is one."""
    match form.terms:
        case ((Lookup() as atom, coefficient),) if (
            coefficient.number == 1 and not form.constant.terms
            and all(one.wiring is not None for one in atom.forms)
        ):  # fmt: skip
            return atom
    return None


# ---------------------------------------------------------------- the rules that there are


def rules_for(kernels: Iterable[Kernel]) -> list[CircuitRule]:
    """Return the rules about some kernels.

    Parameters
    ----------
    kernels
        The kernels that a circuit has.

    Examples
    --------
    >>> for rule in rules_for([Kernel("contraction"), Kernel("view"), Kernel("exp")]):
    ...     print(rule)
    sums before products
    indices before products
    indices before sums
    indices before exp
    indices in turn
    """
    known = {*kernels}
    every = sorted(known, key=str)
    found = dict.fromkeys(rule for one, other in product(every, every)
                          for rule in rules_of(one, other))  # fmt: skip
    return [rule for rule in found if {*rule.written.kernels} <= known]


@cache
def rules_of(before: Kernel, last: Kernel) -> tuple[CircuitRule, ...]:
    """Return the rules with a kernel as the last one, and another that writes what it reads.

    Parameters
    ----------
    before, last
        The kernels.
    """
    match before.name, last.name:
        case "contraction", "contraction":
            return (_sums_of_products(),)
        case "add", "contraction":
            return _means("means before an affine map"), _means("means before a difference", True)
        case "contraction", "add":
            return (_images("one image of a sum"),)
        case "neg", "add":
            return (_images("one image of a difference", True),)
        case "contraction", "view":
            return (_indices_of_products(2), _indices_of_products(1))
        case _, "view":
            return _indices_of(before)
    return ()


# Axes are called by the operands that have them: c01 is kept, and both have it.


@cache
def _sums_of_products() -> CircuitRule:
    """Return that what one factor alone has is summed before factors are multiplied."""
    whole = einsum("k0 k01 i0 i01 c0 c01, k1 k01 i1 i01 c1 c01 -> i0 i1 i01 c0 c1 c01")
    left = whole >> einsum("i0 i1 i01 c0 c1 c01 -> c0 c1 c01")
    first = einsum("k0 k01 i0 i01 c0 c01 -> k01 i01 c0 c01")
    other = einsum("k1 k01 i1 i01 c1 c01 -> k01 i01 c1 c01")
    right = first @ other >> einsum("k01 i01 c0 c01, k01 i01 c1 c01 -> c0 c1 c01")
    return CircuitRule("sums before products", left, right)


def _signed(minus: bool) -> Callable[[str], Callable[..., Any]]:
    """Return what is done to an array with some axes: its negative is taken, or nothing."""
    if not minus:
        return lambda axes: lambda one: one
    return lambda axes: elementwise("neg", pattern=f"{axes} -> {axes}")


@cache
def _images(name: str, minus: bool = False) -> CircuitRule:
    """Return that a linear map is applied to a sum, or a difference, once."""
    x, w, out, of = "k c0 c01", "k c1 c01", "c0 c1 c01", _signed(minus)
    times = einsum(f"{x}, {w} -> {out}")
    plus, under = (elementwise("add", pattern=f"{s}, {s} -> {s}") for s in (out, x))
    sides = traced(x, x, w)
    left = sides(lambda a, b, c: plus(times(a, c), of(out)(times(b, c))))
    right = sides(lambda a, b, c: times(under(a, of(x)(b)), c))
    return CircuitRule(name, left, right)


@cache
def _means(name: str, minus: bool = False) -> CircuitRule:
    """Return that the mean of ``x w + b``, or of ``b - x w``, is that of a mean.

    It is taken over axes that b does not have.
    """
    x, w, b = "k i0 i01 c0 c01 c02 c012", "k i1 i01 c1 c01 c12 c012", "c2 c02 c12 c012"
    linear, of = "c0 c1 c01 c02 c12 c012", _signed(minus)
    image, out = f"i0 i1 i01 {linear}", f"c2 {linear}"
    times = einsum(f"{x}, {w} -> {image}")
    plus = elementwise("add", pattern=f"{image}, {b} -> i0 i1 i01 {out}")
    mean = einsum(f"i0 i1 i01 {out} -> {out}", scale="i0**-1*i1**-1*i01**-1")
    first = einsum(f"{x} -> k i01 c0 c01 c02 c012", scale="i0**-1")
    other = einsum(f"{w} -> k i01 c1 c01 c12 c012", scale="i1**-1")
    last = einsum(f"k i01 c0 c01 c02 c012, k i01 c1 c01 c12 c012 -> {linear}", scale="i01**-1")
    total = elementwise("add", pattern=f"{linear}, {b} -> {out}")
    sides = traced(x, w, b)
    left = sides(lambda x, w, b: mean(plus(of(image)(times(x, w)), b)))
    right = sides(lambda x, w, b: total(of(linear)(last(first(x), other(w))), b))
    return CircuitRule(name, left, right)


INDEXED: Mapping[int, tuple[dict[str, str], list[str]]] = {
    1: ({"i": "c f"}, ["i k c"]),
    2: (
        {
            "i0": "c0 c0f1 c1f0 c01 f0 f01",
            "i1": "c1 c1f0 c0f1 c01 f1 f01",
            "i01": "c0f1 c1f0 c01 f01",
        },
        ["i0 i01 k0 k01 c0 c0f1 c01", "i1 i01 k1 k01 c1 c1f0 c01"],
    ),
}
"""The axes of indices, by what they are of, and those of arrays that are looked up in.

Axes ``i01`` are looked up, of the operands 0 and 1, and ``k01`` are lost or taken whole. Others are
written: ``c0f1`` is one that operand 0 has, and of which an index of operand 1 depends; so ``f01``
are those of indices alone.
"""


def _indexed(name: str, count: int, make: Callable[..., Circuit], *kinds: str) -> CircuitRule:
    """Return that arrays are looked up in before a box is applied, and not after.

    Parameters
    ----------
    name
        Its name.
    count
        How many arrays the box reads.
    make
        From the axes of operands and of the result to the box.
    kinds
        ``"k"``, if it has axes of that kind, and ``"kept"``, if these are written.
    """
    indices, every = INDEXED[count]

    def words(*texts: str, lost: bool = False) -> str:
        found = dict.fromkeys(" ".join(texts).split())
        return " ".join(one for one in found if one[0] != "k" or ("k" in kinds and not lost))

    def view(at: Iterable[str], before: str, after: str) -> Circuit:
        own = [one for one in at if one in indices]
        read = read_sides(", ".join([*(indices[i] for i in own), before]) + f" -> {after}",
                          len(own) + 1, 1)  # fmt: skip
        return box_of(
            Kernel("view"), "take", read, read.left, read.right, {},
            free={"r"}, lookups=dict(enumerate(own)),
        )  # fmt: skip

    whole = [words(one) for one in every]
    part = [words(*(indices.get(one, one) for one in axes.split())) for axes in whole]
    lost = "kept" not in kinds
    out, full = words(*part, lost=lost), words(*indices, *whole, lost=lost)
    get = [view(before.split(), before, after) for before, after in zip(whole, part, strict=True)]
    # an axis r is one of nothing: what is read is repeated
    first, last = make(whole, full), view(indices, full, f"r {out}")
    second, repeat = make(part, out), view((), out, f"r {out}")
    types = [*["N"] * len(indices), *["R"] * count]
    given = traced(*indices.values(), *whole, types=types)

    def left(*arrays: Any) -> Any:
        return last(*arrays[:-count], first(*arrays[-count:]))

    def right(*arrays: Any) -> Any:
        index = dict(zip(indices, arrays, strict=False))
        own = [get[k](*(index[i] for i in whole[k].split() if i in indices), x)
               for k, x in enumerate(arrays[-count:])]  # fmt: skip
        return repeat(second(*own))

    return CircuitRule(name, given(left), given(right))


@cache
def _indices_of_products(count: int) -> CircuitRule:
    """Return that factors are looked up in before they are multiplied; of one, before a sum."""

    def make(sides: Sequence[str], out: str) -> Circuit:
        return einsum(f"{', '.join(sides)} -> {out}")

    name = "indices before sums" if count == 1 else "indices before products"
    return _indexed(name, count, make, "k")


@cache
def _indices_of(kernel: Kernel) -> tuple[CircuitRule, ...]:
    """Return that arrays are looked up in before a function is applied, along axes not its own.

    Of a view they are those of what is read at indices, or through a mask.
    """
    entry = kernel.entry
    (least, most), own = entry.operands, entry.targets
    plain = entry.deterministic and entry.outputs == 1 and not entry.single and own != "written"
    if not plain or least == 0 or kernel.name in UNMOVED:
        return ()
    name = "indices in turn" if kernel.name == "view" else f"indices before {kernel.name}"

    def make(sides: Sequence[str], out: str) -> Circuit:
        return elementwise(kernel, pattern=f"{', '.join(sides)} -> {out}")

    def whole(sides: Sequence[str], out: str) -> Circuit:
        left, right = (" ".join(f"[{one}]" if one[0] == "k" else one for one in axes.split())
                       for axes in (sides[0], out))  # fmt: skip
        read = read_sides(f"{left} -> {right}", 1, 1)
        return box_of(kernel, str(kernel), read, read.left, read.right, {})

    if own != "none":
        return (_indexed(name, 1, whole, "k", *(["kept"] if own == "both" else [])),)
    return tuple(_indexed(name, n, make) for n in range(least, min(most or 2, 2) + 1))
