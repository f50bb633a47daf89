"""The normal form of a circuit along a variable: what a pass over its indices has to keep.

A reduction over x whose summand depends on other reductions over x (attention subtracts a maximum
and divides by a sum) is no sum that one pass could form. Its summand is rewritten as a sum of terms

    coefficient (depends on reductions, not on x)  *  generators (depend on x)

where a generator is an array that depends on no reduction, a *referenced* exponential exp(S - R),
or a *centred* power (S - R)^k, with R a function of other reductions. Sums of products of
generators are *accumulators*; coefficients stand outside of the sum. A sum of exp(S - R) is kept
relative to the greatest S, M, and multiplied by exp(M - R) at the end; and powers are relative to
the mean of S, or to M, unless R is a polynomial in sums. What is rewritten are boxes:
the result is a circuit, in which each reduction is a function of accumulators, and no array that
has x depends on a reduction but by its references.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import reduce
from itertools import product
from math import comb, inf, isqrt, prod
from typing import Any, NamedTuple

from catlearn.arrays.boxes import Operation
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.forms import Form, Reading, sizes_at
from catlearn.arrays.kernels import KERNELS, Kernel
from catlearn.arrays.sizes import ONE, Scalar, Size
from catlearn.streams.nodes import PLACES, REDUCING, Node, Nodes, Ref, with_operands
from catlearn.streams.rules import CENTRED, RULES, Cocycle, Instance, StreamRefused, StreamRule

ELEMENTWISE = frozenset(
    name
    for name, entry in KERNELS.items()
    if entry.operands == (1, 1) and entry.targets == "none" and entry.deterministic
)
"""Kernels of one number."""

MOST_TERMS = 64
"""The most terms that a summand is written as."""

ANOTHER = (2, 0, 1)
"""An order in which three are merged, for what is associative and commutative."""

X = 0
"""The variable that is streamed, among the variables of terms."""


@dataclass(frozen=True)
class Term:
    """A product of a scalar, coefficients and generators.

    Parameters
    ----------
    scale
        Over rows of axes.
    count
        By which power of the number of indices of x it is multiplied.
    coefficients
        What depends on reductions, and not on x.
    factors
        What depends on no reduction.
    exponents
        Pairs S, R of the factors exp(S - R).
    powers
        Pairs S, R of the factors (S - R)^k, each with k.
    own
        Pairs S, R of factors that are a component of a rule of one's own, each with both.
    summed
        The variables besides x that are summed over.
    """

    scale: Scalar = ONE
    count: int = 0
    coefficients: tuple[Ref, ...] = ()
    factors: tuple[Ref, ...] = ()
    exponents: tuple[tuple[Ref, Ref], ...] = ()
    powers: tuple[tuple[Ref, Ref, int], ...] = ()
    own: tuple[tuple[Ref, Ref, int, Cocycle], ...] = ()
    summed: tuple[int, ...] = ()

    def times(self, other: Term) -> Term:
        """Return the product of two terms."""
        powers = {(s, r): k for s, r, k in self.powers}
        for s, r, k in other.powers:
            powers[s, r] = powers.get((s, r), 0) + k
        return Term(
            self.scale * other.scale,
            self.count + other.count,
            (*self.coefficients, *other.coefficients),
            (*self.factors, *other.factors),
            (*self.exponents, *other.exponents),
            tuple((s, r, k) for (s, r), k in powers.items()),
            (*self.own, *other.own),
            (*self.summed, *other.summed),
        )

    def renamed(self, names: Mapping[int, int]) -> Term:
        """Return it over other variables."""

        def ref(one: Ref) -> Ref:
            return Ref(one.wire, tuple(names.get(v, v) for v in one.variables))

        return replace(
            self,
            coefficients=tuple(map(ref, self.coefficients)),
            factors=tuple(map(ref, self.factors)),
            exponents=tuple((ref(s), ref(r)) for s, r in self.exponents),
            powers=tuple((ref(s), ref(r), k) for s, r, k in self.powers),
            own=tuple((ref(s), ref(r), k, rule) for s, r, k, rule in self.own),
            summed=tuple(names.get(v, v) for v in self.summed),
        )

    @property
    def is_plain(self) -> bool:
        """Whether it has no factor with a reference."""
        return not self.exponents and not self.powers and not self.own

    @property
    def is_outer(self) -> bool:
        """Whether it is free of x."""
        return self.is_plain and not any(X in one.variables for one in self.factors)

    @property
    def is_inner(self) -> bool:
        """Whether it depends on no reduction."""
        return self.is_plain and not self.coefficients and not self.count


class Move(NamedTuple):
    """That an accumulator is a component of the F of a cocycle, at a reference."""

    instance: Instance
    reference: Ref
    component: int


@dataclass(frozen=True)
class Accumulator:
    """What a pass keeps: the sum, or the greatest entry, over the indices of x.

    Parameters
    ----------
    kind
        ``"sum"``; ``"max"``; or ``"place"``, of the greatest entry that stands before it.
    array
        The array that it is, in the rewritten circuit.
    source
        Of a greatest entry, the node of which it is that.
    moves
        By which rules it moves from one reference to another.
    lower
        The accumulators that it is then a combination of, by their components.
    before
        Of a place, the greatest entry.
    """

    kind: str
    array: Ref
    source: Node | None = None
    moves: tuple[Move, ...] = ()
    lower: Mapping[tuple[int, ...], Ref] = field(default_factory=dict)
    before: Ref | None = None

    @property
    def references(self) -> tuple[Ref, ...]:
        """What it is relative to."""
        return tuple(move.reference for move in self.moves)


class Whole(NamedTuple):
    """How an array is read, in variables of terms and sizes of the circuit's axes.

    Parameters
    ----------
    reading
        Its lookups are in what follows: the first has the number 1.
    lookups
        Arrays that it looks up in.
    """

    reading: Reading
    lookups: tuple[int, ...] = ()


class Rewriting(Nodes):
    """A circuit while it is rewritten along a variable.

    Parameters
    ----------
    circuit
        The circuit, without kernels that have definitions.
    reductions
        Boxes that reduce over x, each with its variable.
    axis
        The axis of x.
    rules
        The rules of one's own.
    outer
        Arrays without x that are known at the end alone, as reductions are.
    through
        Whether boxes that reduce over another variable of the axis are passed through.
    """

    def __init__(
        self,
        circuit: Circuit,
        reductions: Mapping[int, int],
        axis: int,
        rules: Sequence[Cocycle] = (),
        outer: Iterable[int] = (),
        through: bool = False,
    ) -> None:
        super().__init__(circuit, axis, through=through)
        self.reductions, self.rules = reductions, rules
        self.touched |= {*outer}
        self.axis_of = [axis]
        self.letter_of = [circuit.apex.called(axis)]
        self.along = next((self.letter(*one) for one in reductions.items()), self.letter_of[X])
        self.accumulators: list[Accumulator] = []
        self.instances: list[Instance] = []
        self._interned: dict[Any, Ref] = {}
        self._locals: dict[tuple[int, frozenset[int]], list[int]] = {}
        self._terms: dict[tuple[int, frozenset[int]], list[Term]] = {}
        self._count: int | None = None
        self._read_at: dict[int, tuple[int, ...]] = {}
        H = circuit.apex
        self.nodes = {one: made for one, made in self.cone(reductions.items()).items() if one[1]}
        for box in H.order:
            own = self.draft.boxes[box]
            if box in reductions or not self.touched.isdisjoint(own.ins):
                self.touched |= {*own.outs}
        pairs: dict[int, list[frozenset[int]]] = {}
        for found in self.nodes.values():
            if found is not None:
                pairs.setdefault(found[0], []).append(found[1])
        for box in H.order:
            for at in dict.fromkeys(pairs.get(box, ())):
                if any(wire in self.touched for wire in self.draft.boxes[box].outs):
                    self._terms[box, at] = self._decomposed(box, at)
            if box in reductions:
                self._reduced(box, reductions[box])

    # ------------------------------------------------------------ boxes

    def variable(self, axis: int, letter: str) -> int:
        """Return a new variable."""
        self.axis_of.append(axis)
        self.letter_of.append(letter)
        return len(self.axis_of) - 1

    def box(
        self,
        kernel: Kernel,
        operands: Sequence[Ref],
        out: Sequence[int],
        *,
        scale: Scalar = ONE,
        title: str = "",
        wire: int | None = None,
        like: int | None = None,
    ) -> Ref:
        """Add a box, or return the one that is there: it reads arrays, and writes variables.

        Parameters
        ----------
        wire
            The array that it writes.
        like
            The type of what it writes; real numbers unless said.
        """
        every = list(dict.fromkeys([*out, *(v for one in operands for v in one.variables)]))
        mentions = sorted({key for base, _ in scale.powers for key in base.generators})
        made = Operation(
            kernel,
            tuple(Reading.wiring([every.index(v) for v in one.variables]) for one in operands),
            (tuple(range(len(out))),),
            tuple(range(len(out), len(every))) if kernel.name in REDUCING else (),
            scale.rename(lambda key: -1 - mentions.index(key)),
            letters=tuple(self.letter_of[v] for v in every),
            title=title or kernel.name,
        )
        ins = [one.wire for one in operands]
        return self._made_once(made, ins, every, mentions, out, wire, like)

    def viewed(self, one: int, at: Whole, out: Sequence[int], title: str, like: int | None) -> Ref:
        """Return an array at a reading, with the variables that are written."""
        mentions: list[int] = []

        def local(size: Size) -> Size:
            mentions.extend(key for key in sorted(size.generators) if key not in mentions)
            return size.rename(lambda key: -1 - mentions.index(key))

        variables: Any = {v: Form.variable(k) for k, v in enumerate(out)}
        reading = at.reading.map(lambda form: form.substitute(variables, local))
        made = Operation(
            Kernel("view"), (reading, *(None for _ in at.lookups)), (tuple(range(len(out))),),
            letters=tuple(self.letter_of[v] for v in out), title=title,
        )  # fmt: skip
        return self._made_once(made, [one, *at.lookups], out, mentions, out, None, like)

    def _made_once(
        self, made: Operation, ins: list[int], every: Sequence[int], mentions: list[int],
        out: Sequence[int], wire: int | None, like: int | None,
    ) -> Ref:  # fmt: skip
        """Add a box, or return what the one writes that is there."""
        axes = [self.axis_of[v] for v in every]
        key = made, tuple(ins), tuple(axes), tuple(mentions)
        if wire is None and key in self._interned:
            return Ref(self._interned[key].wire, tuple(out))
        if wire is None:
            wire = self.draft.wire(axes[: len(out)], like)
        found = Ref(wire, tuple(out))
        self.writer[wire] = self.draft.box(made, ins, [wire], axes, mentions)
        self._interned.setdefault(key, found)
        if made.kernel.name in REDUCING and X in every[len(out) :]:
            self.streamed[wire] = every.index(X)
        if not self.touched.isdisjoint(ins):
            self.touched.add(wire)
        return found

    def product(self, factors: Sequence[Ref], scale: Scalar = ONE, summed: Iterable[int] = (),
                title: str = "product") -> Ref:  # fmt: skip
        """Return a product, summed over some variables."""
        summed = {*summed}
        out = sorted({v for one in factors for v in one.variables} - summed)
        if len(factors) == 1 and scale == ONE and not summed:
            return factors[0]
        return self.box(Kernel("contraction"), factors, out, scale=scale, title=title)

    def sum(self, operands: Sequence[Ref]) -> Ref:
        """Return a sum of arrays."""
        if len(operands) == 1:
            return operands[0]
        out = sorted({v for one in operands for v in one.variables})
        return self.box(Kernel("add"), operands, out, title="sum")

    def compensated(self, before: Ref, added: Sequence[Ref], left: Ref) -> tuple[Ref, Ref]:
        """Return what was summed before with what is added, and what its rounding leaves out.

        Parameters
        ----------
        left
            What was left out before.
        """
        kernel, operands = Kernel("compensated"), [before, *added, left]
        total = self.box(kernel, operands, left.variables, title="compensated sum")
        box = self.writer[total.wire]
        row = self.draft.boxes[box]
        if len(row.outs) == 1:
            own = replace(row.operation, writes=row.operation.writes * 2)
            outs = [total.wire, self._wire_like(total.wire)]
            self.draft.boxes[box] = row._replace(operation=own, outs=outs)
            self.writer[outs[1]] = box
            self.touched.add(outs[1])
        return total, Ref(self.draft.boxes[box].outs[1], total.variables)

    def spliced(self, circuit: Circuit, given: Sequence[Ref]) -> list[Ref]:
        """Return what a circuit of numbers makes of arrays at each index, without what is 0."""
        H, zero = circuit.apex, self.number(0.0).wire
        known = dict(zip(circuit.dom, given, strict=True))
        for box in circuit._walk():
            one = H.operations[box]
            read, (out,) = [known[wire] for wire in H.sides[0][box]], H.sides[1][box]
            gone = any(ref.wire == zero for ref in read)
            if one.kernel.name == "add":
                read = [ref for ref in read if ref.wire != zero] or read[:1]
            if gone and one.kernel.name in ("neg", "mul", "contraction"):
                known[out] = self.number(0.0)
            elif len(read) == 1 and one.kernel.name in ("add", "view"):
                known[out] = read[0]
            else:
                variables = _met(*read)
                known[out] = self.box(one.kernel, read, variables, scale=one.scale)
        return [known[wire] for wire in circuit.cod]

    def row(self, move: Move, gap: Ref) -> dict[int, list[Ref]]:
        """Return the factors of components that sum to one, at a reference so much less."""
        rule = move.instance.rule
        assert isinstance(rule, Cocycle)
        entries = self.spliced(rule.T(**dict(move.instance.data)), [gap, self.number(0.0)])
        size, (zero, one) = isqrt(len(entries)), (self.number(x).wire for x in (0.0, 1.0))
        own = entries[move.component * size : (move.component + 1) * size]
        return {
            k: [ref] if ref.wire != one else [] for k, ref in enumerate(own) if ref.wire != zero
        }

    def between(self, move: Move, old: Ref, new: Ref) -> Ref:
        """Return the difference of two references of states; -inf where there was nothing yet."""
        # of powers, which are relative to a mean, it is a plain one
        return self._gap(old, new) if move.instance.rule is CENTRED else self.shifted(old, new)

    def shifted(self, one: Ref, other: Ref) -> Ref:
        """Return a difference, and -inf where either is."""
        return self.box(Kernel("shifted"), [one, other], _met(one, other), title="shifted")

    def number(self, value: float) -> Ref:
        """Return a number."""
        return self.box(Kernel("constant", (("value", value),)), (), (), title=f"{value:g}")

    def counted(self) -> Ref:
        """Return the number of indices of x that were seen."""
        if self._count is None:
            one = self.number(1.0)
            made = self.box(Kernel("contraction"), [one, self._ones()], (), title="count")
            self._count = made.wire
            self._keep(Accumulator("sum", made))
        return Ref(self._count, ())

    def is_counted(self, size: Size) -> bool:
        """Whether a size is how many indices were seen at the end."""
        return size == Size.generator(self.x)

    def _ones(self, v: int = X) -> Ref:
        return self.box(Kernel("view"), [self.number(1.0)], (v,), title="1")

    def power(self, one: Ref, exponent: int) -> list[Ref]:
        """Return the factors of an integer power."""
        if exponent < 0:
            one = self.box(Kernel("reciprocal"), [one], one.variables, title="reciprocal")
        return [one] * abs(exponent)

    def outer(self, term: Term) -> Ref:
        """Return a term that is free of x as an array."""
        count = self.power(self.counted(), term.count) if term.count else []
        factors = [*term.coefficients, *term.factors, *count] or [self.number(1.0)]
        return self.product(factors, term.scale, term.summed)

    def inner(self, term: Term) -> Ref:
        """Return a term that depends on no reduction as an array."""
        return self.product(term.factors or (self.number(1.0),), term.scale, term.summed)

    def given(self, like: Ref) -> Ref:
        """Return an array like another, that is given."""
        axes = [self.axis_of[v] for v in like.variables]
        return Ref(self.draft.wire(axes, self.draft.wires[like.wire].type), like.variables)

    # ------------------------------------------------------------ terms

    def locals(self, box: int, at: frozenset[int]) -> list[int]:
        """Return what the variables of a box are among those of terms."""
        if (box, at) not in self._locals:
            self._locals[box, at] = [
                X if v in at else self.variable(axis, self.letter(box, v))
                for v, axis in enumerate(self.draft.boxes[box].vars)
            ]
        return self._locals[box, at]

    def _operand(
        self, box: int, at: frozenset[int], k: int, node: Node, masked: bool = True
    ) -> list[Term]:
        """Return the terms of what a box reads, over its variables."""
        own = self.draft.boxes[box]
        reading = own.operation.readings[k]
        assert reading is not None
        names = self.locals(box, at)
        wire, places = node
        wired = [form.wiring for form in reading.forms]
        if wire not in self.touched:
            return [Term(factors=(self._untouched(box, at, k),))]
        if any(v is None for v in wired):
            raise self.refused(box, "reads what depends on a reduction elsewhere than at x")
        variables = tuple(names[v] for v in wired if v is not None)
        if not places and not self.is_expanded(wire):
            terms = [Term(coefficients=(Ref(wire, variables),))]
        else:
            made = self.made(node) if places else (self.writer[wire], places)
            if made is None:
                raise self.kept_refused(box, wire)
            inner = self.locals(*made)
            source = self.draft.boxes[made[0]]
            written = source.operation.writes[source.outs.index(wire)]
            renaming = {
                inner[v]: variables[p] for p, v in enumerate(written) if inner[v] != X
            }  # fmt: skip
            if made not in self._terms:
                self._terms[made] = self._decomposed(*made)
            terms = [self._fresh(one).renamed(renaming) for one in self._terms[made]]
        return self._masked(box, at, k, terms) if reading.conditions and masked else terms

    def is_expanded(self, wire: int) -> bool:
        """Whether the terms of an array without x that depends on a reduction are looked for."""
        return False

    def _fresh(self, term: Term) -> Term:
        """Return a term with new variables for those that are summed over."""
        names = {v: self.variable(self.axis_of[v], self.letter_of[v]) for v in term.summed}
        return term.renamed(names)

    def _untouched(self, box: int, at: frozenset[int], k: int) -> Ref:
        """Return what a box reads of an array that depends on no reduction."""
        own = self.draft.boxes[box]
        reading, names = own.operation.readings[k], self.locals(box, at)
        assert reading is not None
        wired = [form.wiring for form in reading.forms]
        rank = self.draft.wires[own.ins[k]].axes
        plain = not reading.conditions and all(
            v is not None and own.vars[v] == axis for v, axis in zip(wired, rank, strict=True)
        )
        if plain:
            return Ref(own.ins[k], tuple(names[v] for v in wired if v is not None))
        # a view of its own, at the box's reading
        whole = self._whole(box, at, k)
        if not self.touched.isdisjoint(whole.lookups):
            raise self.refused(box, "is read at an index that depends on a reduction")
        out = [*dict.fromkeys(names[v] for v in sorted(reading.variables))]
        like = self.draft.wires[own.ins[k]].type
        return self.viewed(own.ins[k], whole, out, self.title(box), like)

    def _whole(self, box: int, at: frozenset[int], k: int) -> Whole:
        """Return how a box reads an array, in variables of terms."""
        own, names = self.draft.boxes[box], self.locals(box, at)
        reading, sizes = own.operation.readings[k], sizes_at(own.vars, own.mentions)
        assert reading is not None
        every = (*reading.forms, *reading.conditions)
        lookups = sorted({one.operand for form in every for one in form.lookups})
        variables, places = [*map(Form.variable, names)], {n: 1 + k for k, n in enumerate(lookups)}

        def form(one: Form) -> Form:
            moved = one.substitute(variables, lambda size: size.substitute(sizes))
            return with_operands(moved, places)

        return Whole(reading.map(form), tuple(own.ins[n] for n in lookups))

    def _masked(self, box: int, at: frozenset[int], k: int, terms: list[Term]) -> list[Term]:
        """Return terms where conditions hold, and the outside value elsewhere."""
        reading, lookups = self._whole(box, at, k)
        if not self.touched.isdisjoint(lookups):
            raise self.refused(box, "has a condition that depends on a reduction")
        used = {v for form in reading.conditions for v in form.variables}

        def where(one: Ref, outside: float) -> Ref:
            shown = replace(reading, forms=(*map(Form.variable, one.variables),), outside=outside)
            out = sorted({*one.variables, *used})
            return self.viewed(one.wire, Whole(shown, lookups), out, self.title(box), None)

        return self._outside(box, terms, reading.outside, where)

    def _outside(self, box: int, terms: list[Term], outside: float, where: Any) -> list[Term]:
        """Return masked terms; ``where(array, value)`` masks an array that has no reduction."""
        if abs(outside) == inf:
            self.note("fill", box, outside=outside)
        else:
            self.note("indicator", box, outside=float(outside), inside=0.0)
        if outside == 0:
            mask = where(self.number(1.0), 0.0)
            return [replace(one, factors=(*one.factors, mask)) for one in terms]
        if abs(outside) == inf:
            inner, rest = self._parted(box, terms)
            part = self.sum(inner) if inner else self.number(0.0)
            return [self._centred(where(part, outside), rest)]
        mask, other = where(self.number(1.0), 0.0), where(self.number(0.0), outside)
        kept = [replace(one, factors=(*one.factors, mask)) for one in terms]
        return [*kept, Term(factors=(other,))]

    def _divides(self, term: Term) -> bool:
        """Whether a coefficient of a term is 1/0 where a sum is 0."""
        boxes = (self.writer.get(one.wire) for one in term.coefficients)
        names = (self.draft.boxes[box].operation.kernel.name for box in boxes if box is not None)
        return any(name in ("reciprocal", "log") for name in names)

    def _sides(self, term: Term) -> tuple[Ref, Ref] | None:
        """Return S and R of a multiple S - R of a centred value, if a term is one."""
        lone = len(term.powers) == 1 and term.powers[0][2] == 1
        lone &= not term.exponents and not term.own
        if not lone or term.coefficients or term.count or term.summed:
            return None
        if any(X in one.variables for one in term.factors):
            return None
        s, r, _ = term.powers[0]
        return (
            self.product([s, *term.factors], term.scale),
            self.product([r, *term.factors], term.scale),
        )

    def _parted(
        self, box: int, terms: Iterable[Term], theorem: bool = False
    ) -> tuple[list[Ref], list[Term]]:
        """Return the arrays that have no reduction, and the terms that have no x, of a sum.

        Where there are others it is refused, by a theorem or since no rule is known.
        """
        inner: list[Ref] = []
        rest: list[Term] = []
        for one in terms:
            if one.is_inner:
                inner.append(self.inner(one))
            elif one.is_outer:
                rest.append(one)
            elif (pair := self._sides(one)) is not None:
                inner.append(pair[0])
                rest.append(Term(scale=Scalar(Fraction(-1)), coefficients=(pair[1],)))
            else:
                raise self.product_refused(box, theorem)
        return inner, rest

    def _reference(self, rest: Sequence[Term]) -> Ref:
        """Return the negative of a sum of terms that have no x."""
        minus = Scalar(Fraction(-1))
        return self.sum([self.outer(replace(one, scale=one.scale * minus)) for one in rest])

    def _centred(self, inner: Ref, rest: Sequence[Term]) -> Term:
        """Return S + R as a term, S - (-R) where there is R."""
        if not rest:
            return Term(factors=(inner,))
        return Term(powers=((inner, self._reference(rest), 1),))

    def refused(self, box: int, reason: str, theorem: bool = False) -> StreamRefused:
        """Return that there is no fold, by a reason."""
        return StreamRefused(self.title(box), f"{self.title(box)}: {reason}", theorem)

    def kept_refused(self, box: int, wire: int) -> StreamRefused:
        """Return that a box reads entry by entry what is made whole after a pass."""
        letter, writer = self.along, self.title(self.writer[wire])
        return StreamRefused(
            writer,
            f"axis {letter} is in the output of {writer}; stream it together with the "
            "contraction that removes it",
        )

    def product_refused(self, box: int, theorem: bool) -> StreamRefused:
        """Return that a product stands where only sums may."""
        letter = self.along
        why = "finite linear state (Theorem B)" if theorem else "rule known"
        return self.refused(
            box,
            f"a product of a reduction over {letter} and a value with axis {letter} has no {why}; "
            f"rewrite it or keep {letter} whole",
            theorem,
        )

    def note(self, rule: str | StreamRule, box: int, **data: Any) -> Instance:
        """Note an instance of a rule, and return it."""
        known = RULES[rule] if isinstance(rule, str) else rule
        found = Instance(known, self.title(box), tuple(sorted(data.items())))
        if found not in self.instances:
            self.instances.append(found)
        return found

    def _decomposed(self, box: int, at: frozenset[int]) -> list[Term]:
        """Return the terms of what a box writes."""
        own = self.draft.boxes[box]
        name = own.operation.kernel.name
        nodes = self.operands(box, at)
        read = [
            self._operand(box, at, k, node, masked=name != "where" or k == 1)
            for k, node in enumerate(nodes)
            if own.operation.readings[k] is not None
        ]
        if name in ("view", "cast"):  # what is rounded is not, inside of a pass
            return read[0]
        if name in ("contraction", "mul"):
            found = self._multiplied(box, at, read)
        elif name == "add":
            found = self._added([one for terms in read for one in terms])
        elif name == "dropped" and self.touched.isdisjoint(own.ins[1:]):
            read_too = [self._untouched(box, at, k) for k in range(1, len(nodes))]
            every = self.locals(box, at)
            mask = self.box(own.operation.kernel, [self.number(1.0), *read_too], every)
            found = [replace(one, factors=(*one.factors, mask)) for one in read[0]]
        elif name == "shifted":
            minus = Scalar(Fraction(-1))
            found = self._added([*read[0], *(self._scaled(one, minus) for one in read[1])])
        elif name == "neg":
            minus = Scalar(Fraction(-1))
            found = self._added([self._scaled(one, minus) for one in read[0]])
        elif name == "square":
            found = self._multiplied(box, at, [read[0], [self._fresh(one) for one in read[0]]])
        elif name == "exp":
            found = [self._exponential(box, read[0])]
        elif name == "log":
            found = self._logarithm(box, read[0])
        elif name == "reciprocal":
            found = [self._inverse(box, read[0])]
        elif name == "where" and own.ins[0] not in self.touched:
            mask = Ref(*self._untouched(box, at, 0))
            outside: Any = own.operation.kernel.option("outside")
            if abs(outside) < inf and any(map(self._divides, read[1])):
                reason = "hides what is divided by a sum, which may be 0 there; hide it before"
                raise self.refused(box, reason)

            def where(one: Ref, value: float) -> Ref:
                out = sorted({*one.variables, *mask.variables})
                kernel = Kernel("where", (("outside", value),))
                return self.box(kernel, [mask, one], out, title=self.title(box))

            found = self._outside(box, read[1], outside, where)
        elif name in ELEMENTWISE:
            found = [self._applied(box, read[0])]
        else:
            raise self.no_rule(box)
        if len(found) > MOST_TERMS:
            raise self.refused(box, f"has more than {MOST_TERMS} terms")
        return found

    def _scaled(self, term: Term, scale: Scalar) -> Term:
        """Return a multiple; of a centred value the multiple of both sides."""
        pair = self._sides(term)
        if pair is not None:
            s, r = (self.product([one], scale) for one in pair)
            return Term(powers=((s, r, 1),))
        return replace(term, scale=term.scale * scale)

    def _added(self, terms: list[Term]) -> list[Term]:
        """Return a sum, where what has no reduction is centred at what has no x."""
        pairs = [(t, self._sides(t)) for t in terms]
        lone = [t for t, pair in pairs if pair is not None]
        inner = [t for t in terms if t.is_inner and not t.is_outer]
        outer = [t for t in terms if t.is_outer and t not in inner]
        if not (inner or lone) or not (outer or len(lone) > 1 or (lone and inner)):
            return terms
        rest = [t for t in terms if t not in inner and t not in outer and t not in lone]
        sides = [pair for _, pair in pairs if pair is not None]
        parts = [self.inner(t) for t in inner] + [s for s, _ in sides]
        outer += [Term(scale=Scalar(Fraction(-1)), coefficients=(r,)) for _, r in sides]
        return [self._centred(self.sum(parts), outer), *rest]

    def _multiplied(self, box: int, at: frozenset[int], read: list[list[Term]]) -> list[Term]:
        """Return a product of sums, distributed, and summed over the box's variables."""
        own = self.draft.boxes[box]
        names = self.locals(box, at)
        scale = own.operation.scale.substitute(sizes_at(own.vars, own.mentions))
        summed = tuple(names[v] for v in own.operation.targets if names[v] != X)
        start = Term(scale=scale, summed=summed)
        addends = tuple(map(len, read))
        if prod(addends) > MOST_TERMS:
            raise self.refused(box, f"has more than {MOST_TERMS} terms")
        products: Any = tuple(product(*map(range, addends)))
        if sum(count > 1 for count in addends) and len(read) > 1:
            noted = self.note("distribution", box, addends=addends, products=products)
            products = dict(noted.data)["products"]
        return [
            reduce(Term.times, (terms[k] for terms, k in zip(read, chosen, strict=True)), start)
            for chosen in products
        ]

    def no_rule(self, box: int) -> StreamRefused:
        """Return that no rule is known for the kernel of a box."""
        return self.refused(
            box,
            f"{self.draft.boxes[box].operation.kernel.name} of a value that depends on a reduction "
            f"over {self.along} has no rule known; register one with streams.rule",
        )

    def _applied(self, box: int, terms: list[Term]) -> Term:
        """Return a kernel of S - R, by a rule of one's own; or of R alone."""
        kernel = self.draft.boxes[box].operation.kernel
        known = [rule for rule in self.rules if kernel in rule.kernels]
        if all(one.is_outer for one in terms):
            whole = self.sum([self.outer(one) for one in terms])
            return Term(coefficients=(self.box(kernel, [whole], whole.variables),))
        if not known:
            raise self.no_rule(box)
        inner, rest = self._parted(box, terms)
        whole, rule = self.sum(inner), known[-1]
        if not rest:
            return Term(factors=(self.box(kernel, [whole], whole.variables),))
        place = rule.kernels.index(kernel)
        return Term(own=((whole, self._reference(rest), place, rule),))

    def _exponential(self, box: int, terms: list[Term]) -> Term:
        inner, rest = self._parted(box, terms, theorem=True)
        self.note("exp of a sum", box, sign=1)
        if not inner:
            one = self._reference(rest)
            minus = self.box(Kernel("neg"), [one], one.variables)
            return Term(coefficients=(self.box(Kernel("exp"), [minus], one.variables),))
        if not rest:
            whole = self.sum(inner)
            return Term(factors=(self.box(Kernel("exp"), [whole], whole.variables),))
        return Term(exponents=((self.sum(inner), self._reference(rest)),))

    def _logarithm(self, box: int, terms: list[Term]) -> list[Term]:
        """Return log(c exp(S - R)) = S - R + log c."""
        plain = len(terms) == 1 and not (terms[0].powers or terms[0].own or terms[0].summed)
        if not plain or len(terms[0].exponents) != 1:
            raise self.refused(box, "log of a value that depends on a reduction has no rule known, "
                                    "unless it is a multiple of one exponential")  # fmt: skip
        one = terms[0]
        if any(X in ref.variables for ref in one.factors):
            raise self.refused(box, "log of a product with a factor that may be negative")
        (s, r), rest = one.exponents[0], replace(one, exponents=())
        self.note("log of a product", box, sign=1)
        factor = self.outer(rest)
        log = self.box(Kernel("log"), [factor], factor.variables)
        return [
            self._centred(s, [
                Term(scale=Scalar(Fraction(-1)), coefficients=(r,)), Term(coefficients=(log,))
            ])
        ]  # fmt: skip

    def _inverse(self, box: int, terms: list[Term]) -> Term:
        if len(terms) != 1 or terms[0].powers or terms[0].own or terms[0].summed:
            raise self.refused(box, "the reciprocal of a sum that depends on a reduction has no "
                                    "rule known")  # fmt: skip
        one = terms[0]

        def inverse(ref: Ref) -> Ref:
            return self.box(Kernel("reciprocal"), [ref], ref.variables)

        exponents = tuple(
            (self.box(Kernel("neg"), [s], s.variables), self.box(Kernel("neg"), [r], r.variables))
            for s, r in one.exponents
        )
        return Term(
            one.scale**-1, -one.count, tuple(map(inverse, one.coefficients)),
            tuple(map(inverse, one.factors)), exponents,
        )  # fmt: skip

    # ------------------------------------------------------------ reductions

    def _reduced(self, box: int, v: int) -> None:
        """Replace a reduction by a function of accumulators."""
        own, at = self.draft.boxes[box], frozenset([v])
        names = self.locals(box, at)
        nodes = self.operands(box, at)
        out = [names[w] for w in own.operation.writes[0]]
        if X in out:
            raise self.refused(box, f"keeps axis {self.along}")
        read = [self._operand(box, at, k, node) for k, node in enumerate(nodes)
                if own.operation.readings[k] is not None]  # fmt: skip
        (wire,) = own.outs
        name = own.operation.kernel.name
        summed = [names[w] for w in own.operation.targets]
        minus = Scalar(Fraction(-1))
        if name in ("min", "argmin"):
            read[0] = [self._scaled(one, minus) for one in read[0]]
        if name in PLACES:
            self._place(box, read[0], summed, out, wire)
            return
        if name in ("max", "min"):
            terms = self._greatest(box, read[0], summed)
            if name == "min":
                terms = [replace(one, scale=one.scale * minus) for one in terms]
        else:
            found = self._multiplied(box, at, read)
            terms = [self._accumulated(box, one) for one in found]
        self.draft.boxes[box] = self.draft.boxes[box]._replace(outs=[])
        operands = []
        for one in terms:
            count = self.power(self.counted(), one.count) if one.count else []
            operands.append(replace(one, coefficients=(*one.coefficients, *count), count=0))
        if len(operands) == 1:
            only = operands[0]
            self.box(Kernel("contraction"), only.coefficients, out, scale=only.scale, wire=wire,
                     title=self.title(box))  # fmt: skip
        else:
            arrays = [self.product(one.coefficients, one.scale, one.summed) for one in operands]
            self.box(Kernel("add"), arrays, out, wire=wire, title=self.title(box))

    def _place(
        self, box: int, terms: list[Term], summed: Sequence[int], out: Sequence[int], wire: int
    ) -> None:
        """Replace where the greatest entry of S + R is by where that of S is."""
        if len(summed) > 1:
            raise self.refused(box, "is over more than one axis")
        (greatest, *_) = self._greatest(box, terms, summed)
        (value,) = greatest.coefficients
        reading = self.draft.boxes[self.writer[value.wire]]
        source = Ref(reading.ins[0], self._read_at[value.wire])
        self.draft.boxes[box] = self.draft.boxes[box]._replace(outs=[])
        made = self.box(Kernel("argmax"), [source], out, wire=wire, title=self.title(box))
        self._keep(Accumulator("place", made, before=value))

    def _greatest(self, box: int, terms: list[Term], summed: Sequence[int]) -> list[Term]:
        """Return the greatest entry of S + R as that of S, and R."""
        inner, rest = self._parted(box, terms)
        if not inner:
            return list(rest)
        lost = {*summed} - {X}
        if rest and any(not lost.isdisjoint(one.variables) for t in rest
                        for one in (*t.coefficients, *t.factors)):  # fmt: skip
            raise self.refused(box, "is over a variable that a reference has, too")
        whole = self.sum(inner)
        if X not in whole.variables:
            whole = self.box(Kernel("view"), [whole], [*whole.variables, X])
        out = sorted({*whole.variables} - {*summed} - {X})
        made = self.box(Kernel("max"), [whole], out, title=self.title(box))
        self._read_at[made.wire] = whole.variables
        places = frozenset(p for p, w in enumerate(whole.variables) if w == X)
        self._keep(Accumulator("max", made, (whole.wire, places)))
        self.note("greatest", box, sign=1)
        self.note("larger", box, order=ANOTHER)
        return [Term(coefficients=(made,)), *rest]

    def _keep(self, one: Accumulator) -> None:
        if all(other.array.wire != one.array.wire for other in self.accumulators):
            self.accumulators.append(one)
            self.touched.add(one.array.wire)

    def _accumulated(self, box: int, term: Term) -> Term:
        """Return a term of a sum over x, where generators are accumulated: it is free of x."""
        powers_of_x = [(base, e) for base, e in term.scale.powers
                       if self.is_counted(base) and e.denominator == 1]  # fmt: skip
        count = term.count
        scale = term.scale
        for base, e in powers_of_x:
            scale = scale * Scalar.of(base) ** -e
            count += int(e)
        generators = [one for one in term.factors if X in one.variables]
        others = [one for one in term.factors if X not in one.variables]
        coefficients = [*term.coefficients]
        exponent = None
        if term.exponents:
            s, r = (self.sum([pair[k] for pair in term.exponents]) for k in (0, 1))
            if X in s.variables:
                exponent = s, r
            else:
                coefficients.append(self._ratio(s, r))
        own = [one for one in term.own if X in one[0].variables]
        for s, r, k, rule in term.own:
            if X not in s.variables:
                number = self.number(0.0)
                coefficients.append(self.spliced(rule.F(), [self.shifted(s, r), number])[k])
        of_powers = [
            self.near(r) if self._is_polynomial(r) else None if exponent and exponent[0] == s
            else self.near(self._mean(s)) for s, r, _ in term.powers
        ]  # fmt: skip
        references = [*(r for _, r, _ in term.powers), *(r for r in of_powers if r is not None)]
        references += [exponent[1]] if exponent else []
        references += [r for _, r, _, _ in own]
        kept = {v for one in (*coefficients, *references) for v in one.variables}
        inside = [one for one in others
                  if not {*one.variables}.isdisjoint({*term.summed} - kept)]  # fmt: skip
        outside = [one for one in others if one not in inside]
        kept |= {v for one in outside for v in one.variables}
        summed = {*term.summed} - kept
        factors = [*generators, *inside]
        moves: list[Move] = []
        # for each move, the factors of each component, and where it moves to at the end
        families: list[list[list[Ref]]] = []
        ends: list[Ref] = []
        if exponent:
            s, r = exponent
            largest, is_it = self._largest(s, r, summed)
            of_powers = [largest if one is None else one for one in of_powers]
            gap = self.shifted(s, largest)
            moves.append(Move(self.note("cocycle of exp", box, sign=1), largest, 0))
            families.append([[self.box(Kernel("exp"), [gap], gap.variables, title="exp")]])
            ends.append(largest)
            coefficients += [] if is_it else [self._ratio(largest, r)]
        for s, r, k, rule in own:
            largest, is_it = self._largest(s, r, summed)
            moves.append(Move(self.note(rule, box), largest, k))
            made = self.spliced(rule.F(), [self.shifted(s, largest), self.number(0.0)])
            families.append([[one] for one in made])
            ends.append(largest if is_it else r)
        if exponent or own:
            self.note("unit", box, empty=-inf)
        if term.powers:
            count_of = range(max(k for _, _, k in term.powers) + 1)
            rows = tuple(tuple(comb(k, j) for j in range(k + 1)) for k in count_of)
            noted = self.note("cocycle of powers", box, coefficients=rows)
            for (s, r, k), near in zip(term.powers, of_powers, strict=True):
                assert near is not None
                both = _met(s, near)
                minus = self.box(Kernel("neg"), [near], near.variables, title="-")
                one = self.box(Kernel("add"), [s, minus], both, title="centred")
                moves.append(Move(noted, near, k))
                families.append([[one] * j for j in range(k + 1)])
                ends.append(r)
        every = [*factors, *(one for family in families for some in family for one in some)]
        used = {v for one in (*every, *(move.reference for move in moves)) for v in one.variables}
        lost = [v for v in summed if v not in used]
        for v in lost:
            scale = scale * Scalar.of(Size.generator(self.axis_of[v]))
        summed -= {*lost}
        lower: dict[tuple[int, ...], Ref] = {}
        for place in _below(tuple(len(family) - 1 for family in families)):
            own_factors = [
                one for family, k in zip(families, place, strict=True) for one in family[k]
            ]
            every = [*own_factors, *factors]
            if not any(X in one.variables for one in every):
                every.append(self._ones())
            variables = {v for one in every for v in one.variables}
            # a lower power may read fewer variables than are summed
            every += [self._ones(v) for v in sorted(summed - variables)]
            variables |= summed
            out = sorted(variables - summed - {X})
            plain = every == [self._ones()]
            lower[place] = self.counted() if plain else self.box(
                Kernel("contraction"), every, out, title=self.title(box)
            )  # fmt: skip
            if not plain:
                at = [move._replace(component=k) for move, k in zip(moves, place, strict=True)]
                self._keep(Accumulator("sum", lower[place], None, tuple(at), lower))
        self.note("sum", box, order=ANOTHER)
        gaps = [
            self._gap(move.reference, end) if move.reference != end else None
            for move, end in zip(moves, ends, strict=True)
        ]
        # a mean is rounded: what is left is the mean of the distances from it
        first = len(moves) - len(term.powers)
        for k, (s, r, _) in enumerate(term.powers, first):
            gaps[k] = self._rounded(s, r, moves[k].reference) or gaps[k]
        made = self.sum(self._at_end(lower, moves, gaps))
        return Term(
            scale, count, (*coefficients, *outside, made),
            summed=tuple(v for v in term.summed if v not in summed and v not in lost),
        )  # fmt: skip

    def _at_end(
        self, lower: Mapping[tuple[int, ...], Ref], moves: Sequence[Move],
        gaps: Sequence[Ref | None],
    ) -> list[Ref]:  # fmt: skip
        """Return what is summed to an accumulator at the references of a summand, elsewhere."""
        rows = [
            {move.component: []} if gap is None else self.row(move, gap)
            for move, gap in zip(moves, gaps, strict=True)
        ]
        return self.combined(lower, rows, lambda one: one)

    def near(self, one: Ref) -> Ref:
        """Return a number near to one that is computed, and the same wherever it is read.

        Powers may be relative to any; what is summed at two that differ a little is summed wrongly.
        """
        return self.box(Kernel("rounded"), [one], one.variables, title="near")

    def _rounded(self, s: Ref, r: Ref, near: Ref) -> Ref | None:
        """Return a number near to the mean of S, less the mean, where both sums are kept."""
        minus = self.box(Kernel("neg"), [near], near.variables, title="-")
        centred = self.box(Kernel("add"), [s, minus], _met(s, near), title="centred")
        total, distance = self._summed(s), self._summed(centred)
        if self._count is None or total is None or distance is None:
            return None
        divided = self.power(self.counted(), -1)
        means = [total.wire, divided[0].wire]
        if near != self.near(r) or self.draft.boxes[self.writer[r.wire]].ins != means:
            return None
        return self.product([distance, *divided], Scalar(Fraction(-1)))

    def _summed(self, one: Ref) -> Ref | None:
        """Return the accumulator that is the sum of an array over x alone, if there is one."""
        for acc in self.accumulators:
            row = self.draft.boxes[self.writer[acc.array.wire]]
            if acc.kind == "sum" and row.ins == [one.wire] and len(row.operation.targets) == 1:
                found = self.read(acc.array.wire)
                order = [found.index(k) for k in range(len(acc.array.variables))]
                return Ref(acc.array.wire, tuple(one.variables[k] for k in order))
        return None

    def combined(
        self,
        lower: Mapping[tuple[int, ...], Ref],
        rows: Sequence[Mapping[int, Sequence[Ref]]],
        held: Callable[[Ref], Ref],
    ) -> list[Ref]:
        """Return accumulators times the factors of their components, to be summed."""
        arrays = []
        for place, array in lower.items():
            pairs = [*zip(rows, place, strict=True)]
            if all(k in row for row, k in pairs):
                factors = [one for row, k in pairs for one in row[k]]
                arrays.append(self.product([held(array), *factors]))
        return arrays

    def _largest(self, s: Ref, r: Ref, summed: Iterable[int]) -> tuple[Ref, bool]:
        """Return what exp(S - R) is accumulated relative to, the greatest S, and whether R is it.

        No other reference will do for each block, since one may be without an entry that R is made
        of, and have one of S. Where R is the greatest S, this may be over more; where it is stopped
        in R, so is the reference.
        """
        places = frozenset(p for p, v in enumerate(s.variables) if v == X)
        out = sorted({*s.variables} - {*summed} - {X})
        copies = self.copies(r)
        for acc in self.accumulators:
            if acc.source == (s.wire, places):
                found = self.read(acc.array.wire)
                wired = [s.variables[found.index(k)] for k in range(len(acc.array.variables))]
                own = Ref(acc.array.wire, tuple(wired))
                if own in copies or sorted(own.variables) == out:
                    kernel = Kernel("stop" if copies.get(own) else "view")
                    return self.box(kernel, [own], sorted(own.variables)), own in copies
        made = self.box(Kernel("max"), [s], out)
        self._keep(Accumulator("max", made, (s.wire, places)))
        return self.box(Kernel("view"), [made], out), False

    def copies(self, one: Ref) -> dict[Ref, bool]:
        """Return the arrays that an array is the same as, and whether gradients are stopped.

        It is views, negatives of negatives, and what is stopped of them.
        """
        found, sign, stopped = dict[Ref, bool](), 1, False
        while one.wire in self.writer:
            row = self.draft.boxes[self.writer[one.wire]]
            name, scale = row.operation.kernel.name, row.operation.scale
            if name not in ("contraction", "view", "neg", "stop") or len(row.ins) != 1:
                break
            if row.operation.targets or scale not in (ONE, Scalar(Fraction(-1))):
                break
            sign *= (-1) ** ((name == "neg") + (scale != ONE))
            stopped |= name == "stop"
            one = Ref(row.ins[0], tuple(one.variables[p or 0] for p in self.read(one.wire)))
            if sign == 1:
                found[one] = stopped
        return found

    def read(self, wire: int) -> list[int | None]:
        """Return where each axis of what the box of an array reads stands in the array."""
        row = self.draft.boxes[self.writer[wire]].operation
        (reading,), (written,) = row.readings, row.writes
        assert reading is not None
        wired = [form.wiring for form in reading.forms]
        return [written.index(v) if v in written else None for v in wired]

    def _gap(self, one: Ref, other: Ref) -> Ref:
        minus = self.box(Kernel("neg"), [other], other.variables, title="-")
        return self.sum([one, minus])

    def _ratio(self, one: Ref, other: Ref) -> Ref:
        """Return exp(R - R')."""
        gap = self._gap(one, other)
        return self.box(Kernel("exp"), [gap], gap.variables)

    def _mean(self, s: Ref) -> Ref:
        """Return the mean along x of what was seen."""
        factors = [s] if X in s.variables else [s, self._ones()]
        out = sorted({*s.variables} - {X})
        total = self.box(Kernel("contraction"), factors, out)
        self._keep(Accumulator("sum", total))
        return self.product([total, *self.power(self.counted(), -1)])

    def _is_polynomial(self, one: Ref) -> bool:
        """Whether a reference of powers is a polynomial in sums and means.

        What is divided by, or is a logarithm of, a sum may be huge, or infinite, in a block.
        """
        stack, seen = [one.wire], set[int]()
        while stack:
            wire = stack.pop()
            kinds = [acc.kind for acc in self.accumulators if acc.array.wire == wire]
            if wire in seen or wire not in self.touched or kinds == ["sum"]:
                continue
            seen.add(wire)
            row = self.draft.boxes[self.writer[wire]]
            name = row.operation.kernel.name
            if name == "reciprocal" and row.ins == [self._count]:
                continue
            if kinds or name not in (
                "contraction",
                "mul",
                "add",
                "neg",
                "view",
                "square",
                "rounded",
            ):
                return False
            stack += row.ins
        return True


def _met(*operands: Ref) -> list[int]:
    """Return the variables of some arrays in the order in which they first have them."""
    return list(dict.fromkeys(v for one in operands for v in one.variables))


def _below(top: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return all degrees up to some, lower ones first."""
    found: list[tuple[int, ...]] = [()]
    for k in top:
        found = [(*one, j) for one in found for j in range(k + 1)]
    return sorted(found, key=lambda one: (sum(one), one))
