"""Folds: circuits that read an axis block by block, with a state that is merged.

A fold along x has a *head*, which runs before the pass; a *lift*, from a block of indices of x to a
state; a *merge* of two states, which is associative and commutative; and a *tail* from the state to
the outputs. So blocks may be of any size, be split over devices and be merged in any order. All are
circuits. They follow from the normal form of the circuit (:mod:`catlearn.streams.normal`), by the
rules of its certificate (:mod:`catlearn.streams.rules`).

>>> from catlearn.arrays import logsumexp
>>> from catlearn.streams import stream
>>> fold = stream(logsumexp("b [v] -> b"), "v")
>>> fold.kinds, fold.dropped, fold.check()
(('max', 'sum'), (True, False), [])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from catlearn.arrays.aligning import glue
from catlearn.arrays.blocks import GATES
from catlearn.arrays.boxes import BoxRow, Draft, Operation
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.forms import Form, Reading
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.listing import letter_of, written
from catlearn.arrays.sizes import Size
from catlearn.display import Displayed
from catlearn.errors import Failure, refuse
from catlearn.streams.nodes import Nodes, Ref
from catlearn.streams.normal import Accumulator, Rewriting
from catlearn.streams.passes import Pass, ancestors, chosen, letter_at, refuse_random
from catlearn.streams.rules import (
    EXPONENTIAL,
    Cocycle,
    Instance,
    StreamRefused,
    own_cocycles,
    own_rules,
    unverified,
)


@dataclass(frozen=True, repr=False)
class Loop(Displayed):
    """A circuit that reads blocks of an axis in turn, with a state: what all folds have.

    Parameters
    ----------
    circuit
        The circuit.
    variable
        What is streamed, or swept.
    state
        A text for each array of the state.
    head
        From the inputs and parameters to the starts of what goes round, what is the same in all
        blocks, and the arrays of which blocks are read.
    step
        From a state, what is fixed, a block and its indices to the state after it, and blocks of
        outputs.
    compensated
        The step with compensated sums: what rounding left out of the sums of the state is read
        after it, and made after the next one.
    tail
        From the last state, and what is fixed, to the other outputs.
    entries
        At which position each array has the variable of which blocks are read.
    fixed
        How many arrays are the same in all blocks.
    kinds
        ``"sum"``, ``"max"``, ``"place"``, or ``"scan"`` for what goes round, for each array of the
        state.
    certificate
        The instances of rules by which this is equal to the circuit.
    given
        The circuit as it was given, with kernels that have definitions.
    """

    circuit: Circuit
    variable: str
    state: tuple[str, ...]
    head: Circuit
    step: Circuit
    compensated: Circuit
    tail: Circuit
    entries: tuple[int, ...]
    fixed: int
    kinds: tuple[str, ...]
    axis: int
    block: int
    certificate: tuple[Instance, ...]
    given: Circuit

    kind: ClassVar[str] = "fold"
    if TYPE_CHECKING:
        first: Circuit
        exits: tuple[int | None, ...]

    @property
    def scans(self) -> int:
        """How many arrays go round."""
        return self.kinds.count("scan")

    def check(self, seed: int = 0) -> list[Failure]:
        """Verify every instance of a rule by random numbers; list those that do not hold."""
        return unverified(self.certificate, seed)

    def looped(self, block: int | None = None) -> Circuit:
        """Return the fold as a circuit: the head, the first block, a scan of steps, the tail.

        It has the inputs, parameters and outputs of the circuit, and is equal to it as numbers;
        states are what goes round, and blocks of outputs are stacked. So it is listed, drawn,
        lowered and kept as any other circuit.
        The size of the variable has to be a multiple of that of a block, and twice as large.

        Parameters
        ----------
        block
            How many indices are read at a time; None for any number.

        Raises
        ------
        InvalidStructure
            If it is no number from 1.

        Examples
        --------
        >>> from catlearn.arrays import cumsum, logsumexp
        >>> from catlearn.streams import stream
        >>> fold = stream(logsumexp("b [v] -> b"), "v")
        >>> loop = fold.looped(4)
        >>> loop.at(v=20).axes["rounds"]
        Size('4')
        >>> stream(cumsum("[t]"), "t").looped(2).at(t=8)
        Circuit(R[t] -> R[t])
        """
        refuse_blocks({} if block is None else {self.variable: block})
        return _looped(self, block)

    def __str__(self) -> str:
        names = ", ".join(self.circuit.shapes(self.circuit.dom))
        lines = [f"{self.kind} along {self.variable} of {names}"]
        return "\n".join([*lines, *(f"  {one}" for one in self.state)])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.circuit!r} along {self.variable})"


@dataclass(frozen=True, repr=False)
class Fold(Loop):
    """A circuit as a fold along one of its variables.

    Parameters beside these are those of every :class:`Loop`.

    Parameters
    ----------
    step
        It is the merge with the lift of the block, where the block's contributions are formed at
        the new references.
    lift
        From what is fixed, blocks, and the indices of the block to a state.
    merge
        From two states, and what is fixed, to one.
    references
        From a state, and what is fixed, to the references that accumulators are relative to.
    terms
        From references, what is fixed, blocks and indices to accumulators, and what the greatest
        entries are of: the lift where references are known.
    moved
        From a state, references and what is fixed to the accumulators at the state's own
        references.
    sources
        For each greatest entry, where the axes of what it is of stand in it.
    dropped
        Which greatest entries the outputs do not depend on, though references do.
    """

    lift: Circuit
    merge: Circuit
    references: Circuit
    terms: Circuit
    moved: Circuit
    sources: tuple[tuple[int | None, ...], ...]
    dropped: tuple[bool, ...]

    @cached_property
    def total(self) -> int | None:
        """Which sum of the state is the one number that depends on inputs; None if more do.

        Its gradient is known up to a factor as soon as its value is, block by block.

        Examples
        --------
        >>> from catlearn.arrays import logsumexp, mean, square
        >>> from catlearn.streams import stream
        >>> [stream(one, "n").total for one in (square >> mean("[n] ->"), logsumexp("[n] ->"))]
        [0, None]
        """
        H, cod = self.terms.apex, self.terms.cod[: len(self.kinds)]
        given = {*self.terms.dom[:-1]}
        reads = [{w for box in ancestors(H, [wire]) for w in H.sides[0][box]} for wire in cod]
        found = [k for k, some in enumerate(reads) if not given.isdisjoint(some)]
        if len(found) != 1 or self.references.cod or {*self.kinds} != {"sum"}:
            return None
        return found[0] if not len(H.lists["axes"].row(cod[found[0]])) else None

    @property
    def first(self) -> Circuit:
        """The lift, of the first block."""
        return self.lift

    @property
    def exits(self) -> tuple[int | None, ...]:
        """At which position each output has the variable: at none."""
        return (None,) * len(self.circuit.cod)

    def again(self, circuit: Circuit) -> Fold:
        """Return the fold of the same variable of another circuit, without defined kernels."""
        rules = own_cocycles(self.certificate)
        return derived(circuit, chosen(circuit, self.variable), self.variable, rules)


# ---------------------------------------------------------------- derivation


def summed(circuit: Circuit, axis: int) -> Circuit:
    """Return a circuit in which an entry that is looked up along an axis is a sum over the axis.

    ``s[b, y[b]]`` is the sum over x of s[b, x], where x is y[b], and 0 elsewhere; what is given, or
    made by a box that reads it whole, is looked up as it is.
    """
    H = circuit.apex
    axes = [H.lists["axes"].row(row).tolist() for row in range(H.size("Wire"))]
    looked = (
        axes[wire][place] == axis
        for box, one in enumerate(H.operations)
        if one.kernel.name == "view"
        for wire, reading in zip(H.sides[0][box], one.readings, strict=True)
        if reading is not None
        for place, form in enumerate(reading.forms)
        if form.lookups
    )
    if not any(looked):
        return circuit
    nodes = Nodes(circuit, axis)
    draft, boxes = nodes.draft, []
    for box, row in enumerate(draft.boxes):
        is_view = row.operation.kernel.name == "view"
        read = [k for k, one in enumerate(row.operation.readings) if is_view and one is not None]
        operand = read[0] if read else 0
        reading = row.operation.readings[operand] if read else None
        forms = () if reading is None else reading.forms
        places = [p for p, form in enumerate(forms) if form in map(Form.atom, form.lookups)]
        plain = len(places) == 1 and [form.wiring for form in forms].count(None) == 1
        if (
            reading is None or reading.conditions or not plain
            or draft.wires[row.ins[operand]].axes[places[0]] != axis
            or nodes.made((row.ins[operand], frozenset(places))) is None
        ):  # fmt: skip
            boxes.append(row)
            continue
        (place,), (written,), count = places, row.operation.writes, len(row.vars)
        x = Form.variable(count)
        gap = forms[place] + x.times(-1)
        letters = (*(nodes.letter(box, v) for v in range(count)), H.called(axis))
        moved = Reading((*forms[:place], x, *forms[place + 1 :]), 0.0, (gap, gap.times(-1)))
        readings = [*row.operation.readings]
        readings[operand] = moved
        where = replace(
            row.operation, readings=tuple(readings),
            writes=((*written, count),), letters=letters,
        )  # fmt: skip
        own = [*(row.vars[v] for v in written), axis]
        inner, rank = draft.wire(own), tuple(range(len(written)))
        total = Operation(
            Kernel("contraction"), (Reading.wiring((*rank, len(rank))),), (rank,), (len(rank),),
            letters=tuple(letters[v] for v in (*written, count)), title=row.operation.title,
        )  # fmt: skip
        boxes.append(row._replace(operation=where, outs=[inner], vars=[*row.vars, axis]))
        boxes.append(row._replace(operation=total, ins=[inner], vars=own, mentions=[]))
    draft.boxes = boxes
    return Circuit.of(draft, circuit.dom, circuit.cod)


def spread(circuit: Circuit, one: Pass) -> Circuit:
    """Return a circuit in which what is the same at some entries of a block is given to each.

    Of an array without x that a box repeats along other axes than that of x, blocks read one that
    is repeated along these before. So its cotangent is summed over x first, by the sums that
    blocks are added to, and over the other axes at the end: where sums over x cancel, as those of
    the scores of a softmax do, a block's sum over both is much larger than what is left of it.
    """
    H, nodes = circuit.apex, one.nodes(circuit)
    draft = Draft.of(H)
    known: dict[Any, int] = {}
    before: dict[int, list[Any]] = {}
    repeated: dict[int, bool] = {}

    def shared(wire: int) -> bool:
        """Whether an array is of real numbers that are given, and not of the pass."""
        if wire not in repeated:
            needed = ancestors(H, [wire])
            read = {w for box in needed for w in H.sides[0][box]} | {wire}
            repeated[wire] = H.types[wire] == "R" and needed.isdisjoint(one.reductions) and any(
                w not in H.writer for w in read
            )  # fmt: skip
        return repeated[wire]

    for box, at in dict.fromkeys(filter(None, nodes.cone(one.reductions.items()).values())):
        row = draft.boxes[box]
        operation, kept = row.operation, {*row.operation.writes[0]} - at
        for k, (wire, places) in enumerate(nodes.operands(box, at)):
            reading = operation.readings[k]
            if reading is None or places or reading.conditions or len(operation.uses[k]) != 1:
                continue
            wired = [form.wiring for form in reading.forms if form.wiring is not None]
            if len(wired) < len(reading.forms) or not kept > {*wired} or not shared(wire):
                continue
            own = [v for v in operation.writes[0] if v in kept]
            axes, rank = [row.vars[v] for v in own], tuple(range(len(own)))
            key = wire, tuple(own.index(v) for v in wired), tuple(axes), tuple(row.within)
            if key not in known:
                known[key] = draft.wire(axes, draft.wires[wire].type)
                view = Operation(
                    Kernel("view"), (Reading.wiring(key[1]),), (rank,),
                    letters=tuple(nodes.letter(box, v) for v in own), title=operation.title,
                )  # fmt: skip
                made = row._replace(operation=view, ins=[wire], outs=[known[key]], vars=axes,
                                    mentions=[])  # fmt: skip
                before.setdefault(box, []).append(made)
            readings, ins = [*operation.readings], [*row.ins]
            readings[k], ins[k] = Reading.wiring(own), known[key]
            operation = replace(operation, readings=tuple(readings))
            row = draft.boxes[box] = row._replace(operation=operation, ins=ins)
    if not known:
        return circuit
    draft.boxes = [b for box, row in enumerate(draft.boxes) for b in (*before.get(box, ()), row)]
    return Circuit.of(draft, circuit.dom, circuit.cod)


def interned(circuit: Circuit) -> Circuit:
    """Return a circuit in which equal boxes that read the same are one, unless they draw samples.

    Examples
    --------
    >>> from catlearn.arrays import add, copy, exp
    >>> f = copy(2) >> exp @ exp >> add
    >>> interned(f).apex.size("Box")
    2
    """
    draft = Draft.of(circuit.apex)
    same: dict[int, int] = {}
    seen: dict[Any, list[int]] = {}
    boxes = []
    for box in circuit._walk():
        row = draft.boxes[box]
        row = row._replace(ins=[same.get(wire, wire) for wire in row.ins])
        kernel = row.operation.kernel
        if kernel.entry.deterministic and kernel.name not in GATES:
            key = (row.operation, *map(tuple, (row.ins, row.vars, row.mentions, row.within)))
            outs = seen.setdefault(key, row.outs)
            if outs is not row.outs:
                same |= dict(zip(row.outs, outs, strict=True))
                continue
        boxes.append(row)
    draft.boxes = boxes
    return Circuit.of(draft, circuit.dom, [same.get(wire, wire) for wire in circuit.cod])


def derived(
    circuit: Circuit, one: Pass, variable: str, rules: Sequence[Cocycle] | None = None
) -> Fold:
    """Return the fold of a pass over a circuit, without kernels that have definitions.

    Rules of one's own are those that are registered, unless given.
    """
    rules = [*own_rules().values()] if rules is None else rules
    H = circuit.apex
    refuse_random(circuit)
    work = Rewriting(circuit, one.reductions, one.axis, rules, through=one.through)
    _refuse_kept(work, one, variable)
    draft = work.draft
    block = draft.axis(H.called(one.axis))
    index = draft.wire([block], draft.type("N", one.axis))
    every = work.accumulators
    references = {ref.wire: ref for acc in every for ref in acc.references}
    # a block alone, and a block where references are known
    known: dict[Any, int] = {}
    free: dict[int, int] = {}
    for acc in every:
        wire = acc.array.wire
        free[wire] = work.blocked((wire, frozenset()), block, index, known, free)
    lifted = [free[acc.array.wire] for acc in every]
    leaves = {node: wire for node, wire in known.items() if node[1] and work.made(node) is None}
    held = {wire: work.given(ref).wire for wire, ref in references.items()}
    again: dict[Any, int] = dict(leaves)
    free = dict(held)
    for acc in every:
        wire = acc.array.wire
        made = work.blocked((wire, frozenset()), block, index, again, free)
        free.setdefault(wire, made)
    summands = [again[acc.array.wire, frozenset()] for acc in every]
    sources = [work.blocked(acc.source, block, index, again, free)
               for acc in every if acc.source is not None]  # fmt: skip
    # states
    own = [acc.array.wire for acc in every]
    pairs = [{acc.array.wire: work.given(acc.array).wire for acc in every} for _ in range(2)]
    both = merged(work, pairs)
    # a state and a block
    at: dict[Any, int] = dict(leaves)
    nexts = stepped(work, pairs[0], block, index, at)
    left = {wire: pairs[1][wire] for wire, acc in zip(own, every, strict=True)
            if acc.kind == "sum"}  # fmt: skip
    compensated = stepped(work, pairs[0], block, index, dict(leaves), left)
    # where no output depends on the choice of references, an accumulator stands at its own
    dropped = _dropped(work)
    gone = {wire for wire, drops in zip(own, dropped, strict=True) if drops}
    again_at: dict[int, int] = {}
    moved = []
    for acc in every:
        ends = {*work.needed([ref.wire for ref in acc.references], own)[1]}
        if ends and ends <= gone:
            again_at[acc.array.wire] = acc.array.wire
            moved.append(acc.array.wire)
            continue
        made = _moved(work, acc, lambda ref: Ref(held[ref.wire], ref.variables), None, again_at)
        again_at[acc.array.wire] = work.sum(made).wire
        moved.append(again_at[acc.array.wire])
    # parts
    inner = [*leaves.values(), index]
    states = [*pairs[0].values(), *pairs[1].values()]
    relative = [*held.values()]
    asked = [
        ([], inner, lifted), ([*pairs[0].values()], inner, nexts), (states, [], both),
        (own, [], [*circuit.cod]), (own, [], [*references]),
        (relative, inner, [*summands, *sources]),
        ([*own, *relative], [], moved),
        ([*pairs[0].values(), *left.values()], inner, compensated),
    ]  # fmt: skip
    needed = [work.needed(cod, [*first, *last]) for first, last, cod in asked]
    given = {wire for first, last, _ in asked for wire in (*first, *last)}
    fixed = sorted({leaf for _, some in needed for leaf in some} - given)
    names = ("lift", "step", "merge", "tail", "references", "terms", "moved", "compensated")
    parts: dict[str, Any] = {
        name: interned(work.part(boxes, [*first, *fixed, *last], cod))
        for name, (first, last, cod), (boxes, _) in zip(names, asked, needed, strict=True)
    }
    head = before(circuit, [*fixed, *(node[0] for node in leaves)])
    if any(len(node[1]) > 1 for node in leaves):
        raise StreamRefused(variable, f"an array is read at {variable} at two of its axes")
    return Fold(
        circuit=circuit,
        variable=variable,
        state=tuple(texts(work, circuit)),
        head=head,
        **parts,
        entries=tuple(min(node[1]) for node in leaves),
        fixed=len(fixed),
        kinds=tuple(acc.kind for acc in every),
        sources=tuple(tuple(work.read(acc.array.wire)) for acc in every if acc.source is not None),
        dropped=dropped,
        axis=one.axis,
        block=block,
        certificate=tuple(work.instances),
        given=circuit,
    )


def _refuse_kept(work: Rewriting, one: Pass, variable: str) -> None:
    """Refuse what has the variable in what follows the pass."""
    H = work.circuit.apex
    letter = variable.rpartition("/")[2]
    cone = {node[0] for node in work.nodes}
    boxes, _ = work.needed(work.circuit.cod, [acc.array.wire for acc in work.accumulators])
    for box in boxes:
        if box >= H.size("Box") or not work.draft.boxes[box].outs:
            continue
        row = work.draft.boxes[box]
        if not cone.isdisjoint(row.ins) and any(
            row.vars[v] == one.axis and letter_at(H, box, v) == letter
            for written in row.operation.writes for v in written
        ):  # fmt: skip
            title = H.title(box)
            raise StreamRefused(
                title,
                f"axis {letter} is in the output of {title}; stream it together with the "
                "contraction that removes it",
            )


def _moved(
    work: Rewriting, acc: Accumulator, reference: Any, state: dict[int, int] | None,
    target: dict[int, int],
) -> list[Ref]:  # fmt: skip
    """Return what is summed to an accumulator of a state at the references of another one.

    Parameters
    ----------
    reference
        From a reference to that of the state.
    state
        The arrays of the state; None for those of the rewritten circuit themselves.
    target
        What stands for arrays without x in the state that it is moved to.
    """

    def held(ref: Ref) -> Ref:
        return ref if state is None else Ref(state[ref.wire], ref.variables)

    def there(ref: Ref) -> Ref:
        return Ref(work.substituted(ref.wire, target), ref.variables)

    if not acc.moves:
        return [held(acc.array)]
    rows = [
        work.row(one, work.between(one, reference(one.reference), there(one.reference)))
        for one in acc.moves
    ]
    return work.combined(acc.lower, rows, held)


def merged(work: Rewriting, states: Sequence[dict[int, int]]) -> list[int]:
    """Return the accumulators of two states that are merged, in order."""
    both: dict[int, int] = {}
    for acc in work.accumulators:
        both[acc.array.wire] = _merged(work, acc, states, both).wire
    return [both[acc.array.wire] for acc in work.accumulators]


def stepped(
    work: Rewriting, state: dict[int, int], block: int, index: int, at: dict[Any, int],
    left: dict[int, int] | None = None,
) -> list[int]:  # fmt: skip
    """Return the accumulators of a state and a block, whose references are the new ones.

    Parameters
    ----------
    left
        What rounding left out of the sums of the state; what it leaves out is then added, and what
        that leaves is returned after the accumulators.
    """
    new: dict[int, int] = {}
    own: dict[int, int] = {}
    after: list[int] = []
    for acc in work.accumulators:
        wire = acc.array.wire
        own[wire] = work.blocked((wire, frozenset()), block, index, at, new)
        if left is None or acc.kind != "sum":
            new[wire] = _merged(work, acc, (state, own), new, at_new=True).wire
            continue
        moved, more = (_moved(work, acc, _relative(work, state), some, new)
                       for some in (state, left))  # fmt: skip
        *lower, before = moved
        added = [Ref(own[wire], acc.array.variables), *lower]
        total, rest = work.compensated(before, added, work.sum(more))
        new[wire] = total.wire
        after.append(rest.wire)
    return [*(new[acc.array.wire] for acc in work.accumulators), *after]


def _relative(work: Rewriting, state: Mapping[int, int]) -> Callable[[Ref], Ref]:
    """Return what takes a reference to that of a state."""
    known = dict(state)
    return lambda ref: Ref(work.substituted(ref.wire, known), ref.variables)


def _merged(
    work: Rewriting, acc: Accumulator, states: Sequence[dict[int, int]], both: dict[int, int],
    at_new: bool = False,
) -> Ref:  # fmt: skip
    """Return an accumulator of two states that are merged.

    Parameters
    ----------
    states
        The arrays of both, by those of the rewritten circuit.
    both
        What stands for arrays without x in the merged state.
    at_new
        Whether the second state is at the references of the merged one.
    """
    variables = acc.array.variables
    if acc.before is not None:
        greatest = [Ref(state[acc.before.wire], acc.before.variables) for state in states]
        places = [Ref(state[acc.array.wire], variables) for state in states]
        like = work.draft.wires[acc.array.wire].type
        return work.box(Kernel("earlier"), [*greatest, *places], variables, like=like)
    if acc.kind == "max":
        sides = [Ref(state[acc.array.wire], variables) for state in states]
        return work.box(Kernel("larger"), sides, variables)
    sides = [Ref(states[1][acc.array.wire], variables)] if at_new else []
    for state in states[: 1 if at_new else 2]:
        sides.append(work.sum(_moved(work, acc, _relative(work, state), state, both)))
    return work.sum(sides)


# ---------------------------------------------------------------- a loop over blocks


def refuse_blocks(blocks: Mapping[str, Any]) -> None:
    """Refuse sizes of blocks, by variable, that are no numbers from 1.

    Raises
    ------
    InvalidStructure
        Listing them.
    """
    failures = [
        Failure("blocks", name, f"has blocks of {size!r} indices; a number from 1 is expected")
        for name, size in blocks.items()
        if type(size) is not int or size < 1
    ]
    refuse("options", failures)


def _looped(fold: Loop, block: int | None) -> Circuit:
    first, step = map(_read, (fold.first, fold.step))
    before, read, states = fold.scans + fold.fixed, len(fold.entries), len(fold.kinds)
    firsts = len(first.dom) - before
    rests = firsts + len(step.dom) - states - fold.fixed
    letter, H = fold.variable.rpartition("/")[2], step.apex
    middle = Circuit.parse(_in_blocks(fold, letter, block, firsts > read, rests > firsts + read))
    carried = [f"{kind}[{' '.join(map(H.called, H.lists['axes'].row(wire).tolist()))}]"
               for kind, wire in zip(fold.kinds, step.dom, strict=False)]  # fmt: skip
    title = f"blocks of {fold.variable}, carrying {', '.join(carried)}"
    loop = step.scan("rounds", states=states, fixed=fold.fixed, title=title)
    per = Size.generator(f"{letter}_block") if block is None else Size.of(block)
    length = Size.generator(f"{letter}_rounds") * per + per
    head, lift, loop, tail = (
        _of_length(fold, one, length) for one in (fold.head, first.block("lift"), loop, fold.tail)
    )
    fixed, meets = head.cod[fold.scans : before], []

    def meet(one: int, rows: Sequence[int], other: int, places: Sequence[int]) -> None:
        meets.extend(((one, a), (other, b)) for a, b in zip(rows, places, strict=True))

    meet(0, head.cod[before:], 1, middle.dom[:read])
    meet(0, head.cod[:before], 2, lift.dom[:before])
    meet(1, middle.cod[:firsts], 2, lift.dom[before:])
    meet(2, lift.cod[:states], 3, loop.dom[:states])
    meet(2, lift.cod[states:], 1, middle.dom[read::2])
    meet(3, loop.cod[states:], 1, middle.dom[read + 1 :: 2])
    meet(0, fixed, 3, loop.dom[states : states + fold.fixed])
    meet(1, middle.cod[firsts:rests], 3, loop.dom[states + fold.fixed :])
    meet(3, loop.cod[:states], 4, tail.dom[:states])
    meet(0, fixed, 4, tail.dom[states:])
    apex, legs = glue([head, middle, lift, loop, tail], meets)
    blocks, lasts = (iter(legs[k][list(rows)].tolist())
                     for k, rows in ((1, middle.cod[rests:]), (4, tail.cod)))  # fmt: skip
    cod = [next(lasts if place is None else blocks) for place in fold.exits]
    return Circuit.of(Draft.of(apex), legs[0][list(head.dom)].tolist(), cod).live()


def _of_length(fold: Loop, part: Circuit, length: Size) -> Circuit:
    """Return a part with a size of the variable, which its boxes may mention alone."""
    draft = Draft.of(part.apex)
    letter, sizes = draft.axes[fold.axis]
    draft.axes[fold.axis] = letter, frozenset([*(sizes or ()), draft.size(length)])
    if fold.block < len(draft.axes):
        draft.axes[fold.block] = "block", draft.axes[fold.block][1]
    return Circuit.of(draft, part.dom, part.cod)


def _read(part: Circuit) -> Circuit:
    """Return a part without the indices of its block, unless it reads them."""
    reads = any(part.dom[-1] in ins for ins in part.apex.sides[0])
    return part if reads else Circuit.of(part.apex, part.dom[:-1], part.cod)


def _in_blocks(fold: Loop, letter: str, block: int | None, *indexed: bool) -> str:
    """Return the listing of what reads the first block, and the others, and puts outputs in order.

    Parameters
    ----------
    indexed
        Whether the first block, and the others, are read with their indices.
    """
    x, b, r, later = (f"{written(name)}#1" for name in (letter, "block", "rounds", "later"))
    rounds, per = (written(f"{letter}_{name}") for name in ("rounds", "block"))
    sizes = f"sizes {rounds}" if block else f"sizes {per}, {rounds}"
    per, at, fresh = str(block or per), f"|{b}|*{r}+{b}+|{b}|", count(2)
    exits = [place for place in fold.exits if place is not None]
    given = f"axes {x} = {rounds}*{per} + {per}, {b} = {per}, {r} = {rounds}"
    lines = [sizes, f"{given}, {later} = {rounds}*{per}" if exits else given]
    asked: list[list[str]] = [[], [], []]

    def axes(part: Circuit, wire: int, place: int) -> Callable[[str], str]:
        """Return what lists the axes of an array, with something at a place."""
        rows = part.apex.lists["axes"].row(wire).tolist()
        names = [written(f"{letter_of(part.apex.called(row))}#{next(fresh)}") for row in rows]
        return lambda one: " ".join([*names[:place], one, *names[place + 1 :]])

    read = fold.head.cod[fold.scans + fold.fixed :]
    for k, (wire, place) in enumerate(zip(read, fold.entries, strict=True)):
        v = axes(fold.head, wire, place)
        lines += [
            f"x{k}[{v(x)}]: ?{k}",
            f"first{k}[{v(b)}]: ?{k} = view(x{k}[{v(b)}]) with {x} relations {b} <= {x} "
            f'as "first block of {letter}"',
            f'rest{k}[{r} {v(b)}]: ?{k} = view(x{k}[{v(at)}]) as "blocks of {letter}"',
        ]
        asked[0].append(f"first{k}")
        asked[1].append(f"rest{k}")
    for k, (is_read, own, index) in enumerate(zip(indexed, (b, f"{r} {b}"), (b, at), strict=True)):
        title = f'as "indices of {letter}"'
        lines += [
            f'one{k}[]: R = constant(value=1.0) as "1"',
            f"is{k}[{own} {x}]: R = view(one{k}[] where {index} <= {x} and {x} <= {index}) {title}",
            f"index{k}[{own}]: N<{x}> = argmax(is{k}[{own} {x}]) {title}",
        ] * is_read
        asked[k] += [f"index{k}"] * is_read
    for k, (wire, place) in enumerate(zip(fold.step.cod[len(fold.kinds) :], exits, strict=True)):
        v, kind = axes(fold.step, wire, place), f"?{len(read) + k}"
        title = f'with {b} as "blocks of {letter} in order"'
        turned = v(f"({later} mod |{b}|)")
        lines += [
            f"head{k}[{v(b)}]: {kind}",
            f"stack{k}[{r} {v(b)}]: {kind}",
            f"flat{k}[{v(later)}]: {kind} = view(stack{k}[({later} div |{b}|) {turned}]) {title}",
            f"out{k}[{v(x)}]: {kind} = concat(head{k}[{v(x)}], flat{k}[{v(f'{x}-|{b}|')}]) {title}",
        ]
        asked[2].append(f"out{k}")
    return "\n".join([*lines, f"return {', '.join(name for some in asked for name in some)}"])


# ---------------------------------------------------------------- blocks of outputs


@dataclass(frozen=True)
class Grouping:
    """A circuit whose outputs are made block by block along one of their axes.

    Parameters
    ----------
    head
        From the inputs and parameters to what is the same for all blocks, and arrays of which
        blocks are read.
    body
        From what is fixed, blocks, and the indices of the block to blocks of the outputs.
    entries, exits
        At which position the axis stands in the arrays of which blocks are read, and in outputs.
    fixed
        How many arrays are the same for all blocks.
    axis, block
        The rows of the axis and of that of a block.
    """

    head: Circuit
    body: Circuit
    entries: tuple[int, ...]
    exits: tuple[int, ...]
    fixed: int
    axis: int
    block: int


def grouped(circuit: Circuit, along: str | int, whole: bool = False) -> Grouping:
    """Return what makes a circuit's outputs block by block along one of their axes.

    Parameters
    ----------
    along
        What the axis is called, or its row.
    whole
        Whether the body is all that can be: what is the same for all blocks is in the head unless
        said.

    Raises
    ------
    StreamRefused
        If the axis is not in each output, once.
    """
    H = circuit.apex
    letter = H.called(along) if isinstance(along, int) else along
    nodes = Nodes(circuit, -1, through=True)
    nodes.touched |= {wire for row in nodes.draft.boxes for wire in row.outs} if whole else set()
    exits, axes = [], [nodes.draft.wires[wire].axes for wire in circuit.cod]
    named = [
        [p for p, axis in enumerate(own)
         if axis == along or along in _called(nodes, wire, p, axis)]
        for wire, own in zip(circuit.cod, axes, strict=True)
    ]  # fmt: skip
    rows = {own[p] for own, places in zip(axes, named, strict=True) for p in places}
    for k, (wire, own) in enumerate(zip(circuit.cod, axes, strict=True)):
        places = named[k] or [p for p, axis in enumerate(own) if axis in rows]
        if len(places) != 1:
            shown = f"output {k}, {H.array_text(wire)}"
            often = "no axis" if not places else f"{len(places)} axes"
            message = f"has {often} {letter!r}; blocks are along an axis that each output has once"
            raise StreamRefused(shown, f"{shown}, {message}")
        exits.append(places[0])
    rows = {own[p] for own, p in zip(axes, exits, strict=True)}
    rows |= {along} if isinstance(along, int) else set()
    if len(rows) > 1:
        raise StreamRefused(letter, f"axis {letter} of the outputs is not one axis")
    (nodes.x,) = rows
    block = nodes.draft.axis(letter)
    index = nodes.draft.wire([block], nodes.draft.type("N", nodes.x))
    known: dict[Any, int] = {}
    asked = [
        nodes.blocked((wire, frozenset([p])), block, index, known, {})
        for wire, p in zip(circuit.cod, exits, strict=True)
    ]
    leaves = {node: wire for node, wire in known.items() if node[1] and nodes.made(node) is None}
    boxes, needed = nodes.needed(asked, [*leaves.values(), index])
    fixed = [wire for wire in needed if wire not in (*leaves.values(), index)]
    return Grouping(
        before(circuit, [*fixed, *(node[0] for node in leaves)]),
        nodes.part(boxes, [*fixed, *leaves.values(), index], asked),
        tuple(min(node[1]) for node in leaves), tuple(exits), len(fixed), nodes.x, block,
    )  # fmt: skip


def _called(nodes: Nodes, wire: int, place: int, axis: int) -> set[str]:
    """Return what an axis of an array is called."""
    found = {nodes.circuit.apex.called(axis)}
    if wire in nodes.writer:
        row = nodes.draft.boxes[nodes.writer[wire]]
        v = row.operation.writes[row.outs.index(wire)][place]
        found.add(nodes.letter(nodes.writer[wire], v))
    return found


def before(circuit: Circuit, asked: Sequence[int]) -> Circuit:
    """Return the boxes of a circuit that some arrays need, with these as outputs."""
    found = Circuit.of(circuit.apex, circuit.dom, asked)
    draft = Draft.of(circuit.apex)
    draft.boxes = [draft.boxes[box] for box in found._walk()]
    return Circuit.of(draft, found.dom, found.cod)


# ---------------------------------------------------------------- what drops out


def _dropped(work: Rewriting) -> tuple[bool, ...]:
    """Say of each accumulator whether it is a greatest entry that outputs do not depend on.

    A number that depends on the choice of a reference r does so by a factor exp(w r), or by an
    addend a r; the outputs do not depend on r if both are 0 for them. Gradients ask for this, so
    that what is made of a number whose gradient is stopped does not depend on it.
    """
    return tuple(acc.kind == "max" and _drops(work, acc) for acc in work.accumulators)


def _drops(work: Rewriting, one: Accumulator) -> bool:
    every = [acc.array.wire for acc in work.accumulators]
    found: dict[int, Slope | None] = {one.array.wire: Slope.of(len(one.array.variables))}

    def follow(asked: Sequence[int]) -> None:
        for box in work.needed(asked, every)[0]:
            row = work.draft.boxes[box]
            kernel, sides = row.operation.kernel.name, [found.get(w, FLAT) for w in row.ins]
            if kernel == "rounded":  # what is near to a reference is chosen as that is
                row = row._replace(operation=replace(row.operation, kernel=Kernel("view")))
            known = [side for side in sides if side is not None]
            is_known = kernel == "stop" or len(known) == len(sides)
            found.update(dict.fromkeys(row.outs, sloped(row, known) if is_known else None))

    for acc in work.accumulators:
        follow([ref.wire for ref in acc.references])
        for move in acc.moves:
            ref, side = move.reference, found.get(move.reference.wire, FLAT)
            if side == FLAT:
                continue
            found[acc.array.wire] = None
            if side is not None and not side.weight and move.instance.rule is EXPONENTIAL:
                at = tuple(acc.array.variables.index(ref.variables[p]) for p in side.places)
                found[acc.array.wire] = Slope(-side.add, Fraction(0), at)
    follow(work.circuit.cod)
    return all(found.get(wire, FLAT) == FLAT for wire in work.circuit.cod)


class Slope(NamedTuple):
    """That an array is exp(weight D) times what it is where D is 0, and add D more.

    Its positions are those at which D has its axes.
    """

    weight: Fraction
    add: Fraction
    places: tuple[int, ...]

    @classmethod
    def of(cls, rank: int) -> Slope:
        """Return that of D itself."""
        return cls(Fraction(0), Fraction(1), (*range(rank),))


FLAT = Slope(Fraction(0), Fraction(0), ())
"""That an array does not depend on D."""

POWERS = {"reciprocal": Fraction(-1), "sqrt": Fraction(1, 2), "square": Fraction(2)}


def sloped(row: BoxRow, sides: Sequence[Slope]) -> Slope | None:
    """Return how what a box writes depends on D, from what it reads; None if that is unknown."""
    one, hot, at = row.operation, [side for side in sides if side != FLAT], set[tuple[int, ...]]()
    name = one.kernel.name
    if not hot or name == "stop":
        return FLAT
    written = one.writes[0]
    for reading, side in zip(one.readings, sides, strict=True):
        if side == FLAT:
            continue
        # what stands outside of an array is 0 times anything, but not 0 and more
        if reading is None or not (reading.is_plain or side.add == reading.outside == 0):
            return None
        variables = [reading.forms[p].wiring for p in side.places]
        if not {*variables} <= {*written}:
            return None
        at.add(tuple(written.index(v) for v in variables if v is not None))
    weights, adds = [side.weight for side in sides], [side.add for side in sides]
    weight, add, alone = weights[0], sum(adds, Fraction(0)), len(sides) == 1
    made = None
    if (
        name in ("add", "max", "view", "neg")
        and len({*weights}) == 1
        and not (weight and any(adds))
    ):
        made = weight, -add if name == "neg" else add
    elif name == "shifted" and not any(weights):
        made = Fraction(0), adds[0] - adds[1]
    elif name in ("mul", "contraction") and not any(adds):
        made = sum(weights, Fraction(0)), Fraction(0)
    elif name == "contraction" and alone and not (weight or one.targets or one.scale.powers):
        made = Fraction(0), one.scale.factor * add
    elif name in POWERS and not add:
        made = POWERS[name] * weight, Fraction(0)
    elif name == "log" and not add:
        made = Fraction(0), weight
    elif name == "exp" and not weight:
        made = add, Fraction(0)
    if made is None or len(at) > 1:
        return None
    return Slope(*made, at.pop()) if any(made) else FLAT


def texts(work: Rewriting, circuit: Circuit) -> list[str]:
    """Write what is accumulated of a circuit's inputs and parameters, and of earlier sums."""
    H, inputs = circuit.apex, circuit.dom
    letter, found = work.along, []
    names = {acc.array.wire: f"a{k}" for k, acc in enumerate(work.accumulators)}
    for k, acc in enumerate(work.accumulators):
        row = work.draft.boxes[work.writer[acc.array.wire]]
        axes = " ".join(work.letter_of[v] for v in acc.array.variables)
        what = f"max_{letter}" if acc.kind == "max" else f"sum_{letter}"
        read = []
        for wire in row.ins:
            if wire in inputs:
                read.append(f"in{inputs.index(wire)}")
            elif wire in work.writer:
                read.append(work.title(work.writer[wire]))
            else:
                read.append(H.column("name")[wire] or H.title(H.writer[wire]))
        line = f"a{k}[{axes}] = {what} {' '.join(read)}"
        moves = dict.fromkeys(_reference_text(work, ref, names) for ref in acc.references)
        if moves:
            line += f", relative to {', '.join(moves)}"
        found.append(line)
    return found


def _reference_text(work: Rewriting, ref: Ref, names: Mapping[int, str]) -> str:
    """Write a reference: the accumulator that it is, or R of those that it is computed from."""
    same = [names[one.wire] for one in [ref, *work.copies(ref)] if one.wire in names]
    read = {*work.needed([ref.wire], names)[1]}
    return same[0] if same else f"R({', '.join(names[wire] for wire in names if wire in read)})"
