"""Boxes from patterns: what operations have in common that are written as axes.

>>> read = read_sides("m -> h d", 1, 1)
>>> box_of(Kernel("contraction"), "sum", read, read.left, read.right, {})
Circuit(R[m] -> R[h d])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from catlearn.arrays.boxes import Draft, Operation
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.forms import Form, Lookup, Reading, part
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.patterns import Array, Item, Pattern, read_pattern
from catlearn.arrays.sizes import ONE, Scalar, Size, SizeRelation, read_scalar, read_size
from catlearn.errors import Failure, did_you_mean, expect, refuse

OPTIONS = frozenset(
    [
        "at",
        "bias",
        "init",
        "kind",
        "eps",
        "scale",
        "window",
        "stride",
        "pad",
        "outside",
        "transpose",
        "sizes",
        "condition",
    ]
)
"""Names that no axis may have, since operations take them as keywords."""

Sizes = Mapping[str, Any]


@dataclass
class LearnedArray:
    """An array of a box that is a parameter: its name, and what it starts from."""

    name: str
    initialiser: str | None


Type = str | tuple[str, str] | None
"""What an array holds: a dtype, ``("N", axis)`` for indices of an axis, or None for anything."""


@dataclass
class PatternBox:
    """A box while it is made from a pattern.

    Variables are the names and groups of the outputs, in order, then those of what is read.

    Parameters
    ----------
    pattern
        What the user wrote.
    sizes
        The sizes that are given.
    flexible
        Names whose size takes what comes.
    open
        Names whose size follows from how often affine forms fit.
    keeps, padded, pad
        Whether ``"m+1 -> m"`` keeps the size; whether it is said by how much windows reach over the
        beginning and the end, and by how much.
    """

    pattern: Pattern
    sizes: dict[str, Size]
    flexible: set[str]
    open: set[str] = field(default_factory=set)
    keeps: bool = False
    padded: bool = False
    pad: tuple[int, int] = (0, 0)
    draft: Draft = field(default_factory=Draft)
    axes: dict[str, int] = field(default_factory=dict)
    letters: list[str] = field(default_factory=list)
    mentions: list[int] = field(default_factory=list)
    relations: list[SizeRelation] = field(default_factory=list)
    forms: dict[str, Form] = field(default_factory=dict)

    def axis(self, name: str) -> int:
        """Return the axis of a name: of a size that is given, of one that comes, or declared."""
        if name not in self.axes:
            if name in self.sizes and name not in self.related:
                size = self.draft.size(self.sizes[name])
            else:
                free = name in self.flexible or name in self.related
                size = None if free else self.draft.size(Size.of(name))
            self.axes[name] = self.draft.axis(name, size)
        return self.axes[name]

    @cached_property
    def related(self) -> set[str]:
        """The names whose size is given by that of other axes of the pattern."""
        arrays = (*self.pattern.left, *self.pattern.right)
        names = {name for array in arrays for item in array for name in item.names}
        names |= self.flexible
        return {name for name, size in self.sizes.items() if size.generators & names}

    def relate(self, sign: str, *sides: Size) -> None:
        """Note a relation between sizes of names."""
        here, there = (one.substitute({n: self.length(n) for n in one.generators}) for one in sides)
        self.relations.append(SizeRelation(sign, here, there))

    def finish(self) -> None:
        """Note the sizes that are given by other axes."""
        for name in sorted(self.related & {*self.axes}):
            self.relate("=", Size.of(name), self.sizes[name])

    def variable(self, name: str) -> int:
        """Return the place of a variable, which is added where it is not there."""
        if name not in self.letters:
            self.letters.append(name)
            self.axis(name)
        return self.letters.index(name)

    def length(self, name: str) -> Size:
        """Return the size of an axis in the generators of the box."""
        if name in self.letters:
            return Size.generator(self.letters.index(name))
        return self.mention(self.axis(name))

    def mention(self, axis: int) -> Size:
        """Return the size of an axis that is no variable's, in the generators of the box."""
        if axis not in self.mentions:
            self.mentions.append(axis)
        return Size.generator(-1 - self.mentions.index(axis))

    def affine(self, size: Size) -> Form:
        """Return an affine form of names as one of variables."""
        form = Form.number(size.constant)
        for monomial, c in size.terms:
            if monomial:
                form = form + Form.variable(self.variable(monomial[0][0])).times(c)
        return form

    def place(self, item: Item) -> int:
        """Return the variable that an axis of an output is; a group is joined."""
        if item.size is not None and not item.name:
            raise self.pattern.error("an affine form can only be read, on the left", item)
        if item.name:
            return self.variable(item.name)
        name = f"({' '.join(item.names)})"
        self.flexible.add(name)
        joined, product = Form.variable(self.variable(name)), Size.of(1)
        for k, one in enumerate(reversed(item.names), start=1):
            digit, length = part("div", joined, product), self.length(one)
            self.forms[one] = digit if k == len(item.names) else part("mod", digit, length)
            product = product * length
        self.relations.append(SizeRelation("=", self.length(name), product))
        return self.variable(name)

    def read(self, item: Item) -> tuple[int, Form]:
        """Return the axis of what is read there, and the form at which it is; a group is split."""
        if item.name in self.forms:
            return self.axis(item.name), self.forms[item.name]
        if item.name:
            return self.axis(item.name), Form.variable(self.variable(item.name))
        if item.size is not None:
            axis = self.draft.axis(None)
            return axis, self.window(item, axis)
        found, product = Form(), Size.of(1)
        for one in reversed(item.names):
            inner = self.forms[one] if one in self.forms else Form.variable(self.variable(one))
            found = found + inner.times(product)
            product = product * self.length(one)
        axis = self.draft.axis("".join(item.names) or None)
        self.relations.append(SizeRelation("=", self.mention(axis), product))
        return axis, found

    def window(self, item: Item, axis: int) -> Form:
        """Return an affine form, and note the size that follows from how often it fits."""
        assert item.size is not None
        coefficients = {m[0][0]: c for m, c in item.size.terms if m}
        form = self.affine(item.size)
        if item.size.constant < -self.pad[0] and self.padded:
            message = f"begins {-item.size.constant} before its axis; pad says {self.pad[0]}"
            raise self.pattern.error(message, item)
        if not item.names and item.size.constant < 0:
            raise self.pattern.error("an index is at least 0", item)
        if not item.names and item.size.constant > 0:
            last = Size.of(item.size.constant + 1)
            self.relations.append(SizeRelation("<=", last, self.mention(axis)))
        for name in self.open.intersection(item.names):
            whole, own = self.mention(axis), self.length(name)
            if self.keeps and len(coefficients) == 1 and coefficients[name] == 1:
                self.relations.append(SizeRelation("=", own, whole))
                continue
            reach = whole - 1 + self.pad[1] - item.size.constant
            for other, c in coefficients.items():
                reach = reach - (c * (self.length(other) - 1) if other != name else 0)
            self.relations.append(SizeRelation("window", reach, own, coefficients[name]))
        return form

    def type(self, wanted: Type) -> int:
        """Return a type: of a dtype, or of the indices of an axis."""
        if isinstance(wanted, tuple):
            return self.draft.type(wanted[0], self.axis(wanted[1]))
        return self.draft.type(wanted)


def titled(kind: str, name: str = "") -> str:
    return f"{kind} {name!r}" if name else kind


def sizes_of(
    pattern: Pattern, sizes: Sizes | None, more: Sizes, besides: Iterable[str] = ()
) -> dict[str, Size]:
    """Read the sizes that are given, and refuse those of names that the pattern does not have."""
    given = {**(sizes or {}), **more}
    arrays = (*pattern.left, *pattern.right)
    known = {name for array in arrays for item in array for name in (*item.names, item.changed)}
    known |= {*besides}
    failures = [
        Failure("pattern", repr(name), f"no axis is called so; {did_you_mean(name, known)}")
        for name in given
        if name not in known
    ]
    failures += [
        Failure("pattern", repr(name), "is the name of an option, and of no axis")
        for name in sorted(known & OPTIONS)
    ]
    found = {name: read_size(size) for name, size in given.items() if name in known}
    failures += [
        Failure("sizes", repr(name), f"its size is {size}; sizes are at least 1")
        for name, size in found.items()
        if (-size).is_natural
    ]
    refuse("this pattern", failures)
    return found


def read_sides(text: str, left: int | None, right: int | None) -> Pattern:
    """Read a pattern with so many arrays on each side; None is any number but 0."""
    pattern = read_pattern(text)
    for arrays, count, side in ((pattern.left, left, "left"), (pattern.right, right, "right")):
        if (count is None and not arrays) or (count is not None and len(arrays) != count):
            wanted = "arrays" if count is None else f"{count} array{'s' if count != 1 else ''}"
            raise pattern.error(f"expected {wanted} on the {side}, found {len(arrays)}")
    return pattern


def only_names(pattern: Pattern, arrays: Iterable[Iterable[Item]], brackets: bool = False) -> None:
    """Refuse groups, affine forms and, unless they are asked for, brackets."""
    for array in arrays:
        for item in array:
            if not item.name or item.changed:
                raise pattern.error("only names of axes can stand here", item)
            if item.bracket and not brackets:
                raise pattern.error(
                    "this operation takes no axes whole: leave the brackets out", item
                )


def axis_named(name: object) -> Item:
    """Return an axis that is said by ``at=``."""
    expect(name, str, "at", "the name of an axis")
    read = read_pattern(str(name))
    items = [item for array in read.left for item in array]
    if read.right or len(items) != 1 or not items[0].name or items[0].bracket:
        raise read.error("at= is the name of one axis")
    return items[0]


def each_once(pattern: Pattern, array: Array) -> None:
    """Refuse an axis that an array has twice."""
    for k, item in enumerate(array):
        if item.name in {one.name for one in array[:k]}:
            raise pattern.error(f"{item.name} is there twice", item)


def is_called(name: object, what: str) -> None:
    """Refuse what is no name of a parameter."""
    expect(name, str, what, "called by a name first, then a pattern")


def _window(item: Item, known: Set[str], order: Sequence[str]) -> str:
    """Return the name whose size an affine form decides: the first one that nothing else gives."""
    if item.size is None or item.name:
        return ""
    positive = {m[0][0] for m, c in item.size.terms if m and c > 0}
    return next((name for name in order if name in positive - known), "")


def box_of(
    kernel: Kernel,
    title: str,
    pattern: Pattern,
    reads: Sequence[Array],
    writes: Sequence[Array],
    sizes: dict[str, Size],
    *,
    free: Set[str] = frozenset(),
    parameters: Mapping[int, LearnedArray] | None = None,
    lookups: Mapping[int, str] | None = None,
    scale: Scalar | str | float = ONE,
    outside: float = 0.0,
    keeps: bool = False,
    pad: tuple[int, int] | None = None,
    conditions: Sequence[Size] = (),
    relations: Sequence[tuple[str, Size, Size]] = (),
    types: Sequence[Type] = (),
    results: Sequence[Type | int] = (),
) -> Circuit:
    """Return the circuit of one box.

    Parameters
    ----------
    reads, writes
        The axes of the arrays that are read, and written.
    free
        Names whose size takes what comes, besides those on the left.
    parameters
        Which of those that are read are parameters.
    lookups
        Which of those that are read are indices, and of which axis; they are read by lookups alone.
    keeps
        Whether the size of a name that stands alone in an affine form stays as it is.
    relations
        Relations between sizes of names, besides those of the pattern.
    types, results
        The types of what is read and written: a dtype, "N" with the axis that is meant, or the
        number of the array whose type it has.
    """
    parameters, lookups = parameters or {}, lookups or {}
    given = [item for k, array in enumerate(reads) if k not in parameters for item in array]
    plain = {item.name for array in reads for item in array if item.name}
    joined = {n for array in writes for item in array if item.size is None for n in item.names}
    split = {n for item in given if item.size is None for n in item.names}
    order = [item.name for array in writes for item in array if item.name]
    windows = [_window(item, {*plain, *sizes}, order) for item in given]
    box = PatternBox(
        pattern,
        sizes,
        flexible={item.name for item in given if item.name} | (split & joined) | {*windows, *free},
        open={*windows} - {""},
        keeps=keeps and pad is None,
        padded=pad is not None,
        pad=pad or (0, 0),
    )
    written = [tuple(map(box.place, array)) for array in writes]
    for array, places in zip(writes, written, strict=True):
        for k, item in enumerate(array):
            if places[k] in places[:k]:
                raise pattern.error(f"{item} is written twice", item)
            if {*item.names} & {*lookups.values()}:
                message = f"{item} is looked up, and cannot be written; name another axis"
                raise pattern.error(message, item)
    draft, found = box.draft, [[] for _ in reads]
    for k, axis in lookups.items():
        found[k] = [box.read(item) for item in reads[k]]
        box.forms[axis] = Form.atom(Lookup(k, tuple(form for _, form in found[k])))
    for k, array in enumerate(reads):
        found[k] = found[k] or [box.read(item) for item in array]
    masks = tuple(map(box.affine, conditions))
    wires, readings, kinds = [], [], []
    for k, array in enumerate(found):
        wanted = ("N", lookups[k]) if k in lookups else types[k] if k < len(types) else "R"
        kinds.append(box.type(wanted))
        parameter = parameters.get(k)
        label = (parameter.name, parameter.initialiser) if parameter else (None, None)
        wires.append(draft.wire((axis for axis, _ in array), kinds[-1], *label))
        forms = tuple(form for _, form in array)
        readings.append(None if k in lookups else Reading(forms, outside, () if k else masks))
    made = []
    for k, places in enumerate(written):
        wanted = results[k] if k < len(results) else "R"
        kind = kinds[wanted] if isinstance(wanted, int) else box.type(wanted)
        made.append(draft.wire((box.axes[box.letters[v]] for v in places), kind))
    for one in relations:
        box.relate(*one)
    box.finish()
    factor = read_scalar(scale)
    keys = factor.generators
    wrong = sorted(keys - {*box.axes})
    if wrong:
        raise pattern.error(f"the scale speaks of {wrong[0]!r}; {did_you_mean(wrong[0], box.axes)}")
    whole = {item.name for array in (*reads, *writes) for item in array if item.bracket}
    operation = Operation(
        kernel,
        tuple(readings),
        tuple(written),
        tuple(
            v
            for v, name in enumerate(box.letters)
            if name in whole or any(v not in places for places in written)
        ),
        factor.substitute({key: box.length(key) for key in keys}),
        tuple(box.relations),
        tuple(box.letters),
        title,
    )
    draft.box(operation, wires, made, (box.axes[name] for name in box.letters), box.mentions)
    dom = [wire for k, wire in enumerate(wires) if k not in parameters]
    return Circuit.of(draft, dom, made)
