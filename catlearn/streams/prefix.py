"""Prefix folds: circuits that keep an axis, and read it block by block with a state of the past.

Where an output at t depends on what stands at s <= t alone, t is *swept*: each block of its indices
gives a block of the outputs, and a state for the next (a Mealy machine). There are two ways to
depend on the past. A *prefix reduction*, a contraction or greatest entry over s whose summand
vanishes for s > t, is that over the block, as it stands, and that over all earlier indices. The
latter is a fold along s that reads t after its pass alone: what depends on t is a coefficient of
the normal form (:mod:`catlearn.streams.normal`), as reductions are. And a *scan* along t is one
over the first indices, and then one over the others, with its state.

>>> from catlearn.arrays import einsum, idle, where
>>> from catlearn.streams import stream
>>> scores = einsum("t d, s d -> t s") >> where("t s", "s <= t", outside=0.0)
>>> fold = stream(scores @ idle >> einsum("t s, s e -> t e"), "t")
>>> fold.kinds, fold.check()
(('sum',), [])
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, inf
from typing import Any, ClassVar

from catlearn.arrays.blocks import GATES, flat, nested, path
from catlearn.arrays.boxes import BoxRow, Draft, Operation, short_title
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.definitions import DEFINITIONS
from catlearn.arrays.forms import Form, Reading
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.sizes import Scalar, Size
from catlearn.streams.folding import (
    FLAT,
    Loop,
    Slope,
    before,
    interned,
    merged,
    sloped,
    stepped,
    texts,
)
from catlearn.streams.merging import Monomial, Polynomials, of_sums
from catlearn.streams.nodes import Node, Nodes, Ref, of_reals, reduces
from catlearn.streams.normal import Accumulator, Rewriting
from catlearn.streams.passes import Pass, ancestors, refuse_random
from catlearn.streams.rules import (
    RULES,
    AmbiguousAxis,
    Cocycle,
    Instance,
    StreamRefused,
    own_cocycles,
)

BEYOND = {"contraction": 0.0, "max": -inf}
"""The kernels of prefix reductions, with what their summands are for s > t."""

JOINS = {"contraction": "add", "cumsum": "add", "max": "larger"}
"""The kernels by which the past and the block are one."""


@dataclass(frozen=True, repr=False)
class PrefixFold(Loop):
    """A circuit as a fold along a variable that its outputs keep.

    Parameters beside these are those of every :class:`Loop`.

    Parameters
    ----------
    first
        From the starts of what goes round, what is fixed, blocks, and the indices of the first
        block to a state, and blocks of outputs.
    lift, merge
        The state of a block alone, and that of two parts of the indices of which one comes after
        the other, from their states and what is fixed: associative. For what goes round they have
        a and b of the map h -> a h + b: a has once more the indices that it mixes, and there is
        one for each array that goes round where these meet. None where what a block adds depends on
        the state before it otherwise than that it moves by sums, or such a map is not known.
    unmerged
        Why there is no merge; nothing where there is one.
    exits
        At which position each output has the variable; None for those of the last state.
    unit
        Whether zeros, and the starts of what goes round, are the state before the first block.
    """

    first: Circuit
    lift: Circuit | None
    merge: Circuit | None
    unmerged: str
    exits: tuple[int | None, ...]
    unit: bool

    kind: ClassVar[str] = "prefix fold"

    def again(self, circuit: Circuit) -> PrefixFold:
        """Return the prefix fold of the same variable of another circuit, without definitions."""
        return swept(circuit, self.variable, self.axis, own_cocycles(self.certificate))


# ---------------------------------------------------------------- what depends on the past


class Sweep(Nodes):
    """The nodes of a circuit along an axis that is swept.

    Parameters
    ----------
    circuit
        The circuit, without kernels that have definitions but for cumulative sums.
    axis
        The axis; -1 for all, to ask which there are.
    level
        The blocks with rounds that these are in.

    Attributes
    ----------
    prefixes
        Boxes of prefix reductions along the axis, with their variables s and t.
    sums
        Boxes of cumulative sums along it, with their variable.
    rounds
        Blocks with rounds along it.
    opened
        Boxes without the conditions that hold for all earlier s, by their variables that are t.
    """

    def __init__(self, circuit: Circuit, axis: int = -1, level: tuple[int, ...] = ()) -> None:
        super().__init__(circuit, axis, level)
        H = circuit.apex
        self.opened: dict[tuple[int, frozenset[int]], BoxRow] = {}
        self._seen: dict[Any, tuple[float | None, dict[tuple[int, frozenset[int]], BoxRow]]] = {}
        self.prefixes: dict[int, tuple[int, int]] = {}
        self.sums: dict[int, int] = {}
        self.rounds: dict[int, int] = {}
        rounds = H.lists["rounds"]
        for box in H.order:
            one, inside = H.operations[box], path(H, box, plain=False)
            if len(inside) > len(level) and tuple(inside[: len(level)]) == level:
                self.rounds[inside[len(level)]] = int(rounds.row(inside[len(level)])[0])
            if self.outside(box) or not of_reals(H, box):
                continue
            if one.kernel.name == "cumsum":
                self.sums[box] = one.targets[0]
            if one.kernel.name in BEYOND:
                self._prefix(box, one)
        if axis >= 0:
            self.prefixes = {b: o for b, o in self.prefixes.items() if self.at(b, o[1]) == axis}
            self.sums = {b: v for b, v in self.sums.items() if self.at(b, v) == axis}
            self.rounds = {b: a for b, a in self.rounds.items() if a == axis}

    def at(self, box: int, v: int) -> int:
        """Return the axis of a variable of a box."""
        return self.draft.boxes[box].vars[v]

    def names(self) -> list[tuple[str, str, int]]:
        """List what is kept and depends on the past: a box or block, a letter, and the axis.

        Where the axis of rounds has no letter, as that of layers, it goes by the block's title.
        """
        H = self.circuit.apex
        where = [*((b, t) for b, (_, t) in self.prefixes.items()), *self.sums.items()]
        found = [(self.title(b), self.letter(b, t), self.at(b, t)) for b, t in where]
        for block, axis in self.rounds.items():
            title = H.column("title")[block] or H.called(axis)
            found.append((title, H.column("letter")[axis] or title, axis))
        return found

    def _prefix(self, box: int, one: Operation) -> None:
        """Note a reduction over s, if its summand vanishes for s > t."""
        for t in one.writes[0]:
            for s in one.targets:
                opened: dict[tuple[int, frozenset[int]], BoxRow] = {}
                found = self._beyond(box, frozenset([s]), frozenset([t]), opened)
                if found == BEYOND[one.kernel.name]:
                    self.prefixes[box] = (s, t)
                    self.opened |= opened

    def _beyond(
        self, box: int, s: frozenset[int], t: frozenset[int],
        opened: dict[tuple[int, frozenset[int]], BoxRow],
    ) -> float | None:  # fmt: skip
        """Return what all that a box reduces, or writes, is for s > t, if that is one number.

        Conditions that hold for all s before the block of t are left out, in ``opened``.
        """
        row = self.draft.boxes[box]
        one, name = row.operation, row.operation.kernel.name
        values: list[float | None] = []
        readings = [*one.readings]
        for k, ((wire, places), (_, others)) in enumerate(
            zip(self.operands(box, s), self.operands(box, t), strict=True)
        ):
            reading, value = one.readings[k], None
            if reading is None:
                continue
            kept = []
            for form in reading.conditions:
                gap = _gap(form, s, t)
                if gap is not None and gap <= 0:
                    value = reading.outside
                if gap is None or gap < -1:
                    kept.append(form)
            readings[k] = replace(reading, conditions=tuple(kept))
            if value is None and places and others and wire in self.writer:
                found = self._value(wire, places, others, opened)
                value = found if reading.is_plain or found == reading.outside else None
            values.append(value)
        if readings != [*one.readings]:
            opened[box, t] = row._replace(operation=replace(one, readings=tuple(readings)))
        return _applied(name, values)

    def _value(
        self, wire: int, s: frozenset[int], t: frozenset[int],
        opened: dict[tuple[int, frozenset[int]], BoxRow],
    ) -> float | None:  # fmt: skip
        """Return what an array is for s > t."""
        key = wire, s, t
        if key not in self._seen:
            value, own = None, dict[tuple[int, frozenset[int]], BoxRow]()
            box = self.writer[wire]
            one = self.draft.boxes[box].operation
            written = one.writes[self.draft.boxes[box].outs.index(wire)]
            over, kept = (frozenset(written[p] for p in places) for places in (s, t))
            if {*one.targets}.isdisjoint(over | kept) and not self.outside(box):
                value = self._beyond(box, over, kept, own)
            self._seen[key] = value, own
        value, own = self._seen[key]
        opened |= own
        return value

    def _block(self, box: int, at: frozenset[int], *rest: Any) -> None:
        """Add a box at a block of indices of t, or of s and t; the former are later ones."""
        row = self.draft.boxes[box]
        self.draft.boxes[box] = self.opened.get((box, at), row)
        super()._block(box, at, *rest)
        self.draft.boxes[box] = row


def _gap(form: Form, s: frozenset[int], t: frozenset[int]) -> int | None:
    """Return c if a form is t - s + c."""
    signs = {atom: c.number for atom, c in form.terms if isinstance(atom, int)}
    if len(signs) != len(form.terms) or len(signs) != 2:
        return None
    ends = {+1: t, -1: s}
    if any(sign not in ends or atom not in ends[sign] for atom, sign in signs.items()):
        return None
    return None if {*signs.values()} != {1, -1} else form.constant.number


def _applied(name: str, values: list[float | None]) -> float | None:
    """Return what a kernel makes of numbers; None for those that are not known."""
    if name in ("contraction", "mul") and 0.0 in values:
        return 0.0
    if name in ("add", "mul") and len(values) > 1:
        return -inf if name == "add" and -inf in values else None
    known = values[0] if len(values) == 1 else None
    if name == "exp" and known is not None:
        return exp(known)
    return known if name in ("view", "max") else None


def sweeps(circuit: Circuit, level: tuple[int, ...] = ()) -> list[tuple[str, Pass, bool]]:
    """List what may be swept: what depends on earlier indices of an axis.

    Of each axis that is all of it, where there are several, and then each by itself. Blocks with
    rounds that have an opaque box are left out.

    Parameters
    ----------
    circuit
        The circuit, without kernels that have definitions but for cumulative sums.
    level
        The blocks with rounds that it is in.

    Returns
    -------
    list
        The name of each, the pass, and whether it is by itself.

    Examples
    --------
    >>> from catlearn.arrays import traced
    >>> average = traced("n", "n")(lambda h, x: (h + x, h)).scan("t")
    >>> [(name, alone) for name, _, alone in sweeps(average)]
    [('scan/t', True)]
    """
    nodes, H = Sweep(circuit, level=level), circuit.apex
    every = dict[int, list[tuple[str, Pass]]]()

    def add(title: str, letter: str, one: Pass) -> None:
        every.setdefault(one.axis, []).append((f"{short_title(title)}/{letter}", one))

    for box, (s, t) in nodes.prefixes.items():
        one = Pass({box: s}, nodes.at(box, t), (box,), level)
        add(nodes.title(box), nodes.letter(box, t), one)
    for box, v in nodes.sums.items():
        add(nodes.title(box), nodes.letter(box, v), Pass({box: v}, nodes.at(box, v), (box,), level))
    for block, axis in nodes.rounds.items():
        inner = (*level, block)
        paths = {box: tuple(path(H, box, plain=False)) for box in H.order}
        boxes = frozenset(box for box in H.order if paths[box][: len(inner)] == inner)
        if any(H.operations[box].kernel.name in ("opaque", "along") for box in boxes):
            continue
        each = {box: H.operations[box].targets[0] for box in sorted(boxes)
                if H.operations[box].kernel.name == "each" and paths[box] == inner}  # fmt: skip
        title = H.column("title")[block] or H.called(axis)
        one = Pass(each, axis, (*each,), level, extra=boxes)
        add(title, H.column("letter")[axis] or title, one)
    found = list[tuple[str, Pass, bool]]()
    for axis, some in every.items():
        if len(some) > 1:
            whole = {box: v for _, one in some for box, v in one.reductions.items()}
            boxes = frozenset[int]().union(*(one.extra for _, one in some))
            found.append((some[0][0], Pass(whole, axis, (*whole,), level, extra=boxes), False))
        found += [(title, one, True) for title, one in some]
    return found


def swept_axes(circuit: Circuit, variable: str) -> list[int]:
    """List the axes that a name means and along which outputs depend on the past."""
    box, _, letter = variable.rpartition("/")
    return [*dict.fromkeys(
        axis for title, name, axis in Sweep(circuit).names()
        if name == letter and box in ("", title)
    )]  # fmt: skip


def prefix_fold(
    circuit: Circuit, variable: str, rules: Sequence[Cocycle] = ()
) -> PrefixFold | None:
    """Return a circuit as a prefix fold along a variable; None if outputs do not keep it.

    Raises
    ------
    StreamRefused
        With the box that is in the way.
    AmbiguousAxis
        If several boxes keep variables of that name, of several axes.
    """
    names = [name for name in DEFINITIONS if name != "cumsum"]
    plain = interned(circuit.unfold(names).live())
    axes = swept_axes(plain, variable)
    for axis in axes:  # of several that are compared in turn, the last is one with all before
        whole = of_one_axis(plain, axis).live()
        if len(own := swept_axes(whole, variable)) == 1:
            return replace(swept(whole, variable, own[0], rules), given=circuit.live())
    if not axes:
        return None
    every = [f"{box}/{name}" for box, name, axis in Sweep(plain).names() if axis in axes]
    known = " or ".join(dict.fromkeys(one for one in every if one.endswith(f"/{variable}")))
    raise AmbiguousAxis(f"axis {variable} is {known}")


def of_one_axis(circuit: Circuit, axis: int) -> Circuit:
    """Return a circuit in which what is compared with an axis by prefix reductions is that axis."""
    while True:
        nodes = Sweep(circuit, axis)
        others = {nodes.at(box, s) for box, (s, _) in nodes.prefixes.items()} - {axis}
        if not others:
            return circuit
        draft = nodes.draft

        def there(row: int, others: set[int] = others) -> int:
            return axis if row in others else row

        def size(one: Size) -> Size:
            return one.rename(lambda key: there(key) if key >= 0 else key)

        def sizes(some: Any) -> Any:
            return some and frozenset(map(size, some))

        known = [some for row in (axis, *others) for some in draft.axes[row][1] or ()]
        draft.axes = [(letter, sizes(some)) for letter, some in draft.axes]
        left = sizes(known) - {Size.generator(axis)} if known else None
        draft.axes[axis] = draft.axes[axis][0], left or None
        draft.symbols = [(name, sizes(some)) for name, some in draft.symbols]
        draft.types = [(kind, there(row)) for kind, row in draft.types]
        draft.wires = [row._replace(axes=[*map(there, row.axes)]) for row in draft.wires]
        draft.blocks = [(title, [*map(there, rounds)]) for title, rounds in draft.blocks]
        draft.boxes = [
            row._replace(vars=[*map(there, row.vars)], mentions=[*map(there, row.mentions)])
            for row in draft.boxes
        ]
        circuit = Circuit.of(draft, circuit.dom, circuit.cod)


# ---------------------------------------------------------------- derivation


class Past(Rewriting):
    """A circuit while prefix reductions over what is earlier than a block are rewritten.

    Parameters
    ----------
    circuit
        The circuit: for a block of t, with reductions over s.
    reductions
        These, with s.
    axis
        The axis of s.
    block
        The axis of the block.
    rules
        The rules of one's own.
    outer
        What is given that is read at t, and states.
    """

    def __init__(
        self, circuit: Circuit, reductions: Mapping[int, int], axis: int, block: int,
        rules: Sequence[Cocycle], outer: Iterable[int],
    ) -> None:  # fmt: skip
        self.block = block
        super().__init__(circuit, reductions, axis, rules, outer)

    def is_before(self, wire: int) -> bool:
        """Whether an array is made before a pass: a block of indices is not there then."""
        return self.block not in self.draft.wires[wire].axes and super().is_before(wire)

    def is_counted(self, size: Size) -> bool:
        """Whether a size is how many indices were seen at the end; blocks come before that."""
        return False

    def _is_polynomial(self, one: Any) -> bool:
        """Whether powers are centred at a reference as it is: no state is relative to t."""
        return False

    def kept_refused(self, box: int, wire: int) -> StreamRefused:
        """Return that a box reads an array at two indices, one of which is earlier."""
        return self.grows(self.title(box))

    def product_refused(self, box: int, theorem: bool) -> StreamRefused:
        """Return that a product stands where only sums may."""
        why = "finite linear state (Theorem B)" if theorem else "rule known"
        reason = f"a product of a value at {self.along} and an earlier one has no {why}"
        return self.grows(self.title(box), f"{reason}: ", theorem)

    def grows(self, title: str, reason: str = "", theorem: bool = False) -> StreamRefused:
        """Return that a state would have the axis that is swept."""
        t = self.along
        message = f"{title}: {reason}what is kept of earlier {t} would have the axis {t} itself; "
        return StreamRefused(title, f"{message}stream what is reduced over", theorem)


def swept(circuit: Circuit, variable: str, axis: int, rules: Sequence[Cocycle] = ()) -> PrefixFold:
    """Return the prefix fold along an axis of a circuit, without kernels that have definitions.

    Raises
    ------
    StreamRefused
        With the box that is in the way.
    """
    nodes = Sweep(circuit, axis)
    if not (nodes.prefixes or nodes.sums or nodes.rounds):
        reason = f"what depends on earlier {variable} does not have the axes of blocks of outputs"
        raise StreamRefused(variable, f"{reason}; group axes of all that is compared")
    circuit = of_one_axis(circuit, axis)
    refuse_random(circuit)
    return _Derivation(circuit, variable, axis).fold(rules)


class _Derivation:
    """A circuit at a block of indices, with what it needs of the past.

    Attributes
    ----------
    known
        What nodes are at the block.
    joins
        For each reduction, the box that joins the past and the block, and the latter.
    cut
        Boxes that are replaced.
    pasts
        Boxes that reduce over all of s, with s.
    totals
        Boxes that reduce over the axis what is swept, each with its variable.
    states
        For each array that goes round: that before the block, its start, that after the block, and
        the last one.
    factors
        For each array that goes round and is a h + b after a round, the products of all a.
    kept
        For each array that goes round, the axes along which that is so index by index.
    degree
        Of the polynomial of h that it is after a round, index by index; 0 unless that is known.
    read
        What scans read at the block.
    """

    def __init__(self, circuit: Circuit, variable: str, axis: int) -> None:
        self.circuit, self.variable, self.axis = circuit, variable, axis
        self.nodes = nodes = Sweep(circuit, axis)
        self.draft, H = nodes.draft, circuit.apex
        self.letter = H.called(axis)
        self.block = self.draft.axis("block")
        self.index = self.draft.wire([self.block], self.draft.type("N", axis))
        self.known: dict[Node, int] = {}
        self.joins: dict[int, int] = {}
        self.cut: dict[int, None] = {}
        self.pasts: dict[int, int] = {}
        self.states: list[tuple[int, int, int, int]] = []
        self.factors: dict[int, dict[int, int]] = {}
        self.kept: dict[int, Sequence[int]] = {}
        self.degree = 0
        self.read: list[int] = []
        self.ones: list[int] = []
        self.instances: list[Instance] = []
        for one in nested(H, H.order, plain=False):
            if isinstance(one, tuple) and one[0] in nodes.rounds:
                self.cut |= dict.fromkeys(flat(one[1]))
                self._scan(one[0], flat(one[1]))
            elif one in nodes.prefixes or one in nodes.sums:
                self.cut[one] = None
                self._reduction(one)
        self.totals = self._totals()

    def at_block(self, node: Node) -> int:
        """Return a node at the block."""
        return self.nodes.blocked(node, self.block, self.index, self.known, {})

    def _totals(self) -> dict[int, int]:
        """Return the boxes that reduce what is swept: they are known after the last block.

        Raises
        ------
        StreamRefused
            If what is swept, or an output that keeps the axis, needs one.
        """
        H, late, found = self.circuit.apex, {*self.cut}, dict[int, int]()
        for box in H.order:
            if any(H.writer.get(wire) in late for wire in H.sides[0][box]):
                late.add(box)
            one, variables = H.operations[box], self.draft.boxes[box].vars
            over = [v for v in one.targets if variables[v] == self.axis]
            whole = not reduces(H, box) or path(H, box, plain=False) or len(over) > 1
            if box in late and over and not whole and box not in self.cut:
                found[box] = over[0]
        kept = [wire for wire in self.circuit.cod if self.axis in self.draft.wires[wire].axes]
        kept += [wire for box in self.cut for wire in H.sides[0][box]]
        ends = [box for box in self.cut if H.operations[box].kernel.name == "last"
                and path(H, box, plain=False)[-1] in self.nodes.rounds]  # fmt: skip
        needed = ancestors(H, kept)
        for box in (box for box in (*found, *ends) if box in needed):
            title = H.title(box)
            message = (
                f"{title}: is over all {self.letter}, and what is at each {self.letter} needs it"
            )
            raise StreamRefused(title, message)
        return found

    def _reduction(self, box: int) -> None:
        """Add a reduction at a block, of the past and of the block, and what joins them."""
        nodes, draft = self.nodes, self.draft
        row = draft.boxes[box]
        one, (written,), (out,) = row.operation, row.operation.writes, row.outs
        name = one.kernel.name
        if name == "cumsum":
            (v,) = one.targets
            node = out, frozenset([written.index(v)])
            at, (read,) = frozenset([v]), nodes.operands(box, frozenset([v]))
            self.at_block(read)
            nodes._block(box, at, self.block, self.index, [read], self.known)
            kept = [w for w in range(len(row.vars)) if w != v]
            total = replace(
                one, kernel=Kernel("contraction"), writes=(tuple(w for w in written if w != v),)
            )
            past = draft.wire([row.vars[w] for w in written if w != v], draft.wires[out].type)
            self.pasts[draft.box(total, row.ins, [past], row.vars, row.mentions)] = v
            places = tuple(p for p, w in enumerate(written) if w in kept)
        else:
            s, t = nodes.prefixes[box]
            node = out, frozenset([written.index(t)])
            made = []
            for at in (frozenset([t]), frozenset([s, t])):
                read = nodes.operands(box, at)
                for other in read:
                    self.at_block(other)
                nodes._block(box, at, self.block, self.index, read, self.known)
                made.append(self.known.pop(node))
            past, self.known[node] = made
            self.pasts[nodes.writer[past]] = s
            places = tuple(range(len(written)))
        local, rank = self.known[node], tuple(range(len(written)))
        whole = nodes._wire_like(local)
        join = Operation(
            Kernel(JOINS[name]), (Reading.wiring(rank), Reading.wiring(places)), (rank,),
            letters=tuple(nodes.letter(box, v) for v in written), title=one.title,
        )  # fmt: skip
        added = draft.box(join, [local, past], [whole], draft.wires[local].axes)
        nodes.writer[whole] = added
        self.joins[added], self.known[node] = local, whole
        data = ("name", JOINS[name]), ("order", (0, 1, 2))
        self.instances.append(Instance(RULES["prefix"], nodes.title(box), data))

    def _scan(self, block: int, boxes: Iterable[int]) -> None:
        """Add a block with rounds, for a block of indices."""
        nodes, draft, H = self.nodes, self.draft, self.circuit.apex
        title = draft.blocks[block][0]
        draft.blocks.append((title, [self.block]))
        within, stands = len(draft.blocks) - 1, dict[int, int]()
        begun: dict[int, tuple[int, int]] = {}
        for box in boxes:
            row = draft.boxes[box]
            name = row.operation.kernel.name
            own = path(H, box, plain=False)[-1] == block
            ins, variables = [stands.get(w, w) for w in row.ins], [*row.vars]
            if own and name == "start":
                ins = [nodes._wire_like(row.outs[0])]
            if own and name == "each":
                (node,) = nodes.operands(box, frozenset(row.operation.targets))
                ins = [self.at_block(node)]
            if name != "start":
                self.read += [w for w in ins if w not in stands.values()]
            if own and name in ("each", "stack"):
                variables[row.operation.targets[0]] = self.block
            outs = [
                nodes._wire_like(wire, [variables[v] for v in written])
                for wire, written in zip(row.outs, row.operation.writes, strict=True)
            ]
            stands |= dict(zip(row.outs, outs, strict=True))
            blocks = [within if b == block else b for b in row.within]
            made = draft.box(row.operation, ins, outs, variables, row.mentions, blocks)
            nodes.writer |= dict.fromkeys(outs, made)
            if own and name == "start":
                begun[row.outs[0]] = ins[0], row.ins[0]
            if own and name == "last":
                self.states.append((*begun[row.ins[0]], outs[0], row.outs[0]))
            if own and name == "stack":
                (written,) = row.operation.writes
                place = written.index(row.operation.targets[0])
                self.known[row.outs[0], frozenset([place])] = outs[0]
        self.title = title or "scan"
        self.instances.append(Instance(RULES["rounds"], self.title, (("kept", 1.0),)))
        if all(path(H, box, plain=False) == [block] for box in boxes):
            found = self._factors([*begun], [*boxes], stands, {block: within})
            self.factors |= {begun[k][0]: {begun[j][0]: wire for j, wire in own.items()}
                             for k, own in found.items()}  # fmt: skip
            self.kept |= {begun[k][0]: self.kept[k] for k in found}
            if len(begun) == 1 and not found:
                (started,) = begun
                self.degree = self._degree(started, [self.draft.boxes[box] for box in boxes])

    def _degree(self, started: int, rows: Sequence[BoxRow]) -> int:
        """Return the degree of what goes round after a round, in what it was; 0 if unknown."""
        whole = tuple(range(len(self.draft.wires[started].axes)))
        hot: dict[int, tuple[int, tuple[int | None, ...]]] = {started: (1, whole)}
        for row in rows:
            one, reads = row.operation, [k for k, wire in enumerate(row.ins) if wire in hot]
            name, degrees = one.kernel.name, [hot[row.ins[k]][0] for k in reads]
            if name == "last" and row.ins[0] == started:
                degree, places = hot.get(row.ins[1], (0, whole))
                return degree if places == whole else 0
            places = _places(row, reads, hot)
            if not reads or name in GATES:
                continue
            made = 0
            if name == "add" and (degrees.count(max(degrees)) == 1 or max(degrees) == 1):
                made = max(degrees)
            elif name in ("mul", "contraction", "square"):
                made = sum(degrees) * (2 if name == "square" else 1)
            elif name in ("neg", "view"):
                made = degrees[0]
            if not made or None in places:
                return 0
            hot |= dict.fromkeys(row.outs, (made, places))
        return 0

    def _factors(
        self, begun: Sequence[int], *of: Any
    ) -> dict[int, dict[int, int]]:  # fmt: skip
        """Return the products of all a of what goes round, if that is a h + b after a round.

        Each array has its own; or, where arrays meet, one for each of them. Indices that a round
        does not mix, such as those of examples, are the same on both sides.
        """

        def made(some: Sequence[int]) -> dict[int, dict[int, int]]:
            axes = [self.draft.wires[one].axes for one in some]
            kept = [row for row in axes[0] if all(own.count(row) == 1 for own in axes)]
            while True:
                found = [self._factor(some, seed, kept, *of) for seed in some]
                mixed = {one for one in found if isinstance(one, int)}
                if not mixed:
                    break
                kept = [row for row in kept if row not in mixed]
            whole = [one for one in found if isinstance(one, dict)]
            if len(whole) < len(some):
                return {}
            self.kept |= dict.fromkeys(some, kept)
            return {k: dict(zip(some, (one[k] for one in whole), strict=True)) for k in some}

        alone = [made([one]) for one in begun]
        return {k: v for one in alone for k, v in one.items()} if all(alone) else made(begun)

    def _factor(
        self, begun: Sequence[int], seed: int, kept: Sequence[int], boxes: Sequence[int],
        stands: Mapping[int, int], within: Mapping[int, int],
    ) -> dict[int, int] | int | None:  # fmt: skip
        """Add the derivative of what goes round by the start of one array of it.

        It goes round as h does, from 1 on, without what is added. If a round is not affine there is
        none; and an axis, if that is one along which it is not index by index, where it should be.

        Parameters
        ----------
        begun
            Arrays that go round.
        kept
            Axes along which all is index by index; the derivative has the others of the array by
            which it is one.
        """
        draft, nodes = self.draft, self.nodes
        extra = [row for row in draft.wires[seed].axes if row not in kept]
        hot: dict[int, tuple[int, tuple[int | None, ...]]] = {}
        others, added, ends = set[int](), list[BoxRow](), dict[int, int]()
        for box in boxes:
            row = draft.boxes[box]
            name, operation, ins, reads = row.operation.kernel.name, row.operation, [*row.ins], [0]
            if here := {*row.outs} & {*begun}:
                (one,) = here
                axes = draft.wires[one].axes
                places = tuple[int | None, ...](map(axes.index, kept))
                ins = [self._identity(one, extra, one == seed)]
            elif name == "last" and row.ins[0] in begun:
                found, (start, places) = hot.get(row.ins[1]), hot[row.ins[0]]
                if row.ins[1] in others or found is None:
                    return None
                ins, reads = [start, found[0]], [0, 1]
                places = tuple(a if a == b else None for a, b in zip(places, found[1], strict=True))
            elif name in GATES or not others.isdisjoint(row.ins):
                others |= {*row.outs} if name != "each" else set()
                continue
            else:
                linear = _linear(row, hot)
                if linear is None:
                    others |= {*row.outs}
                if not linear:
                    continue
                places = _places(row, [k for k, wire in enumerate(row.ins) if wire in hot], hot)
                operation, read = linear
                reads = [k for k, wire in enumerate(read) if wire in hot]
                ins = [hot[w][0] if w in hot else stands.get(w, w) for w in read]
            if None in places:
                return kept[places.index(None)]
            made = nodes._wire_like(row.outs[0], [*draft.wires[row.outs[0]].axes, *extra])
            hot[row.outs[0]] = made, places
            if name == "last":
                ends[row.ins[0]] = made
            operation = _with_axes(operation, reads, len(row.vars), len(extra))
            blocks = [within.get(b, b) for b in row.within]
            axes = [*row.vars, *extra]
            added.append(BoxRow(ins, [made], axes, row.mentions, operation, blocks))
        for row in added:
            made = draft.box(row.operation, row.ins, row.outs, row.vars, row.mentions, row.within)
            nodes.writer |= dict.fromkeys(row.outs, made)
        return ends

    def _identity(self, wire: int, more: Sequence[int], is_one: bool) -> int:
        """Return the derivative of an array by one that has these axes: itself, or another."""
        draft, axes = self.draft, self.draft.wires[wire].axes
        made = self.nodes._wire_like(wire, [*axes, *more])
        places = [p for p, row in enumerate(axes) if row in more] if is_one else []
        gaps = [Form.variable(p) + Form.variable(len(axes) + k).times(-1)
                for k, p in enumerate(places)]  # fmt: skip
        conditions = tuple(side for gap in gaps for side in (gap, gap.times(-1)))
        self.ones.append(_filled(draft, float(is_one), made, conditions))
        return made

    # ------------------------------------------------------------ parts

    def fold(self, rules: Sequence[Cocycle]) -> PrefixFold:
        """Return the prefix fold."""
        circuit, draft, block = self.circuit, self.draft, self.block
        exits, asked, ends = list[int | None](), list[int](), list[int]()
        for wire in circuit.cod:
            places = [p for p, row in enumerate(draft.wires[wire].axes) if row == self.axis]
            if len(places) > 1:
                self._refuse_read(wire, "has it twice")
            exits.append(places[0] if places else None)
            if places:
                asked.append(self.at_block((wire, frozenset(places))))
            else:
                ends.append(wire)
        work = self._rewritten([*asked, *ends], rules)
        every = work.accumulators
        for acc in every:
            box = work.writer[acc.array.wire]
            axes = [work.axis_of[v] for ref in (acc.array, *acc.references) for v in ref.variables]
            if block in axes:
                raise work.grows(work.title(box))
        # a block's state, and the two merged
        seeds = {node: wire for node, wire in self.known.items() if node[1]}
        known = dict(seeds)
        free: dict[int, int] = {}
        for acc in every:
            wire = acc.array.wire
            free[wire] = work.blocked((wire, frozenset()), block, self.index, known, free)
        own = [acc.array.wire for acc in every]
        lifted = [free[wire] for wire in own]
        leaves = {node: wire for node, wire in known.items() if node[1] and wire not in work.writer}
        for node in leaves:
            if len(node[1]) > 1:
                self._refuse_read(node[0], "is read at two of its axes")
        pairs = [{wire: work.given(acc.array).wire for wire, acc in zip(own, every, strict=True)}
                 for _ in range(2)]  # fmt: skip
        left = {wire: pairs[1][wire] for wire, acc in zip(own, every, strict=True)
                if acc.kind == "sum"}  # fmt: skip
        state, known = dict(zip(own, own, strict=True)), {**seeds, **leaves}
        nexts, compensated = (
            stepped(work, state, block, self.index, {**known}, some) for some in (None, left)
        )
        # parts
        given, starts, afters, lasts = ([one[k] for one in self.states] for k in range(4))
        inner = [*leaves.values(), self.index]
        lift, late = work.needed([*lifted, *self.read], inner)
        moves, unmerged = self._moves(work, lift, lifted)
        sums: Any = None
        if unmerged and not self.states:
            try:
                sums = self._polynomials(work, lifted, own, inner, rules)
                unmerged = ""
            except StreamRefused as error:
                unmerged = str(error)
        reads = self.joins.keys() & work.needed(self.read, inner)[0]
        if not {*given} <= {*self.factors}:
            unmerged = f"{self.title}: what goes round is no affine map of it"
            if self.degree > 1:
                unmerged += (
                    f"; it is of degree {self.degree}, and after n rounds of degree "
                    f"{self.degree}^n, so there is no finite linear state (Theorem B)"
                )
        elif not {*given}.isdisjoint(late):
            unmerged = f"{self.title}: what is kept besides depends on what goes round"
        elif reads:
            title = work.title(min(reads))
            unmerged = f"{self.title}: what goes round depends on what is earlier by {title}"
        asked_of = {
            "step": ([*own, *given], inner, [*nexts, *afters, *asked]),
            "compensated": (
                [*own, *given, *left.values()],
                inner,
                [*compensated[: len(own)], *afters, *compensated[len(own) :], *asked],
            ),
            "tail": ([*own, *lasts], [], ends),
            "first": (given, inner, [*lifted, *afters, *asked]),
        }
        if not unmerged and sums is None:
            maps = [wire for one in self.states
                    for wire in (*self.factors[one[0]].values(), one[2])]  # fmt: skip
            later = self._moved(work, every, moves, pairs)
            both = merged(work, [pairs[0], later])
            both_maps, composed = self._composed(work)
            pairs_given = [wire for pair, two in zip(pairs, both_maps, strict=True)
                           for wire in (*pair.values(), *two)]  # fmt: skip
            asked_of["lift"] = [], [*inner, *given], [*lifted, *maps]
            asked_of["merge"] = pairs_given, [], [*both, *composed]
        past, alone = work.draft.boxes, [*work.draft.boxes]
        for box, local in self.joins.items():
            alone[box] = _joined_to_none(past[box], local)
        boxes_of = {name: alone if name in ("first", "lift") else past for name in asked_of}
        needed = dict[str, tuple[list[int], list[int]]]()
        for name, (first, last, cod) in asked_of.items():
            work.draft.boxes = boxes_of[name]
            needed[name] = work.needed(cod, [*first, *last])
        every_given = {wire for one in asked_of.values() for part in one[:2] for wire in part}
        fixed = sorted({leaf for name in asked_of for leaf in needed[name][1]} - every_given)
        parts: dict[str, Any] = {"lift": None, "merge": None}
        for name, (first, last, cod) in asked_of.items():
            boxes, work.draft.boxes = needed[name][0], boxes_of[name]
            if name == "lift":
                last = [wire for wire in last if wire not in given]
                zeros = range(len(alone), len(alone) + 2 * len(given))
                for wire in given:
                    _filled(work.draft, 0.0, wire)
                boxes = [*zeros, *boxes]
            parts[name] = work.part(boxes, [*first, *fixed, *last], cod)
        work.draft.boxes = past
        if sums is not None:
            found, order, stands = sums
            of = [stands.get(wire) for wire in fixed]
            of = [found.draft.wire(*work.draft.wires[wire][:2]) if one is None else one
                  for wire, one in zip(fixed, of, strict=True)]  # fmt: skip
            parts["lift"], parts["merge"] = found.parts(order, of, [stands[w] for w in inner])
            self.instances += found.instances
        read = [*starts, *fixed, *(node[0] for node in leaves)]
        for wire in read:
            self._refuse_late(wire)
        return PrefixFold(
            circuit=circuit, variable=self.variable,
            state=(*texts(work, circuit), *self._round_texts()),
            head=before(circuit, read), **parts,
            entries=tuple(min(node[1]) for node in leaves), exits=tuple(exits), fixed=len(fixed),
            kinds=(*(acc.kind for acc in every), *("scan" for _ in self.states)),
            unmerged=unmerged,
            unit=all(acc.kind == "sum" and not acc.references for acc in every),
            axis=self.axis, block=block,
            certificate=(*self.instances, *work.instances), given=circuit,
        )  # fmt: skip

    def _rewritten(self, cod: list[int], rules: Sequence[Cocycle]) -> Past:
        """Return the circuit at the block, where reductions over the past are rewritten."""
        draft, circuit = self.draft, self.circuit
        boxes = [box for box in range(len(draft.boxes)) if box not in self.cut]
        place = {box: k for k, box in enumerate(boxes)}
        written = {wire for box in boxes for wire in draft.boxes[box].outs}
        read = [wire for box in boxes for wire in draft.boxes[box].ins]
        dom = [wire for wire in dict.fromkeys([*circuit.dom, *read, *cod]) if wire not in written]
        outer = {row for row, wire in enumerate(draft.wires) if self.block in wire.axes}
        outer |= {wire for one in self.states for wire in (one[0], one[3])}
        outer |= {*self.ones}
        pasts = {place[box]: s for box, s in (self.pasts | self.totals).items()}
        self.joins = {place[box]: local for box, local in self.joins.items()}
        part = self.nodes.part(boxes, dom, cod)
        return Past(part, pasts, self.axis, self.block, rules, outer - {self.index})

    def _polynomials(
        self, work: Past, lifted: Sequence[int], own: Sequence[int], inner: Sequence[int],
        rules: Sequence[Cocycle],
    ) -> tuple[Polynomials, list[tuple[int, Monomial]], dict[int, int]]:  # fmt: skip
        """Return what a block adds as polynomials in the states before it, and their monomials.

        And what stands for arrays that are given.
        """
        boxes, leaves = work.needed(lifted, [*own, *inner])
        fixed = [wire for wire in leaves if wire not in (*own, *inner)]
        dom = [*own, *fixed, *inner]
        part = of_sums(work.part(boxes, dom, lifted))
        found = Polynomials(part, self.block, len(own), rules)
        found.instances.append(Instance(RULES["polynomial maps"], self.letter, (("by", 2),)))
        stands = dict(zip(dom, part.dom, strict=True))
        return found, found.monomials([stands[wire] for wire in inner]), stands

    def _moves(
        self, work: Past, boxes: Sequence[int], lifted: Sequence[int]
    ) -> tuple[list[dict[int, Slope]], str]:
        """Say how the state of a block depends on sums over what is earlier, for each array of it.

        What is earlier moves it by these. Or else say why it depends on them in another way than
        that it grows by a multiple of such a sum, or by a power of its exponential.
        """

        def unknown(box: int) -> tuple[list[dict[int, Slope]], str]:
            title = work.title(box)
            return [], f"{title}: what a block adds does not follow from what it adds alone"

        slopes: dict[int, dict[int, Slope]] = {}
        for box in boxes:
            row, found = work.draft.boxes[box], dict[int, Slope]()
            reads = [slopes.get(wire, {}) for wire in row.ins]
            if box in self.joins:
                past = row.ins[1]
                axes = work.draft.wires[past].axes
                if row.operation.kernel.name != "add" or self.block in axes:
                    return unknown(box)
                reads[1] = {past: Slope.of(len(axes))}
            for past in dict.fromkeys(key for own in reads for key in own):
                made = sloped(row, [own.get(past, FLAT) for own in reads])
                if made is None:
                    return unknown(box)
                found |= {} if made == FLAT else {past: made}
            slopes |= dict.fromkeys(row.outs, found)
        return [slopes.get(wire, {}) for wire in lifted], ""

    def _moved(
        self, work: Past, every: Sequence[Accumulator], moves: Sequence[dict[int, Slope]],
        pairs: Sequence[dict[int, int]],
    ) -> dict[int, int]:  # fmt: skip
        """Return the state of a later part, moved by sums over the part before it."""
        found = {**pairs[1]}
        known = dict(pairs[0])
        for acc, slopes in zip(every, moves, strict=True):
            for past, one in slopes.items():
                sum_so_far = Ref(
                    work.substituted(past, known),
                    tuple(acc.array.variables[p] for p in one.places),
                )
                later = Ref(found[acc.array.wire], acc.array.variables)
                if one.weight:
                    by = work.product([sum_so_far], Scalar(one.weight))
                    factor = work.box(Kernel("exp"), [by], by.variables)
                    later = work.product([later, factor])
                if one.add:
                    later = work.sum([later, work.product([sum_so_far], Scalar(one.add))])
                found[acc.array.wire] = later.wire
                data = ("weight", float(one.weight)), ("add", float(one.add)), ("by", 0)
                self.instances.append(Instance(RULES["decays"], self.letter, data))
        return found

    def _composed(self, work: Past) -> tuple[list[list[int]], list[int]]:
        """Return two lists of the a and b of what goes round, and those of a' (a h + b) + b'."""
        states = [one for one, *_ in self.states]
        same = {row: work.variable(row, "") for own in self.kept.values() for row in own}
        written, met, read = (
            {
                k: [same[row] if row in self.kept[k] else work.variable(row, "")
                    for row in self.draft.wires[k].axes]
                for k in states
            }
            for _ in range(3)
        )  # fmt: skip
        mixed, by = ({k: [v for v in some[k] if v not in same.values()] for k in states}
                     for some in (met, read))  # fmt: skip

        def given(out: Mapping[int, list[int]], by: Mapping[int, list[int]]) -> dict[int, Any]:
            """Return the a of each array, by what they are multiplied by, and then b."""
            return {
                k: [
                    Ref(work.draft.wire([work.axis_of[v] for v in own]), (*own,))
                    for own in [*([*out[k], *by[j]] for j in self.factors[k]), out[k]]
                ]
                for k in states
            }

        earlier, later, made = given(met, by), given(written, mixed), list[int]()
        for k in states:
            *factors, after = later[k]
            for n in range(len(factors) + 1):
                sides = [
                    work.product([one, earlier[j][n]], summed=mixed[j])
                    for one, j in zip(factors, self.factors[k], strict=True)
                ]
                total = work.sum([*sides, *([after] if n == len(factors) else [])])
                out = [*written[k], *(by[[*self.factors[k]][n]] if n < len(factors) else ())]
                made.append(work.box(Kernel("view"), [total], out).wire)
        if states:
            self.instances.append(Instance(RULES["affine maps"], self.title, (("by", 1),)))
        both = ([ref.wire for k in states for ref in one[k]] for one in (earlier, later))
        return [*both], made

    def _refuse_late(self, wire: int) -> None:
        """Refuse an array that is read whole and depends on what is swept."""
        H = self.circuit.apex
        late = ancestors(H, [wire]) & {*self.cut}
        if late:
            readers = [box for box in H.order if wire in H.sides[0][box] and box not in self.cut]
            title = H.title((readers or [*late])[0])
            raise StreamRefused(
                title,
                f"{title}: reads what depends on earlier {self.letter} elsewhere than at "
                f"{self.letter}, so blocks of it do not do",
            )

    def _refuse_read(self, wire: int, why: str) -> None:
        H = self.circuit.apex
        shown = H.array_text(wire) if wire < H.size("Wire") else self.letter
        raise StreamRefused(
            shown, f"axis {self.letter} of {shown} {why}; blocks of it are of one axis"
        )

    def _round_texts(self) -> list[str]:
        """Write what goes round."""
        H, found = self.circuit.apex, []
        for k, (_, start, _, _) in enumerate(self.states):
            found.append(f"h{k} = what goes round, from {H.array_text(start)} on")
        return found


def _filled(draft: Draft, value: float, wire: int, conditions: tuple[Form, ...] = ()) -> int:
    """Let an array be of one number, where conditions hold, and return it."""
    number = draft.wire((), draft.wires[wire].type)
    constant = Operation(Kernel("constant", (("value", value),)), (), ((),), title=f"{value:g}")
    draft.box(constant, (), [number], ())
    rank = tuple(range(len(draft.wires[wire].axes)))
    reading = Reading((), 0.0, conditions)
    view = Operation(Kernel("view"), (reading,), (rank,), title=f"{value:g}")
    draft.box(view, [number], [wire], draft.wires[wire].axes)
    return wire


def _with_axes(one: Operation, reads: Sequence[int], count: int, more: int) -> Operation:
    """Return an operation of arrays that have further axes, which it keeps."""
    new = range(count, count + more)
    readings = [*one.readings]
    for k in reads:
        if (reading := readings[k]) is not None:
            readings[k] = replace(reading, forms=(*reading.forms, *map(Form.variable, new)))
    writes = ((*one.writes[0], *new),)
    letters = (*one.letters, *[""] * more) if one.letters else ()
    return replace(one, readings=tuple(readings), writes=writes, letters=letters)


def _linear(row: BoxRow, hot: Container[int]) -> tuple[Operation, list[int]] | tuple[()] | None:
    """Return the linear part of a box in what goes round: an operation, and of what.

    Nothing if it does not depend on it; None if it is not linear, with a part that is added.
    """
    one, reads = row.operation, [k for k, wire in enumerate(row.ins) if wire in hot]
    if not reads:
        return ()
    name = one.kernel.name
    if name not in ("add", "mul", "contraction", "neg", "view") or None in one.readings:
        return None
    fills = any(r.outside for k in reads if (r := one.readings[k]) is not None)
    if (name in ("mul", "contraction") and len(reads) > 1) or fills:
        return None
    kept = reads if name == "add" else [*range(len(row.ins))]
    kernel = Kernel("view") if len(kept) == 1 and name == "add" else one.kernel
    kernel = Kernel("contraction") if name == "mul" else kernel
    made = replace(one, kernel=kernel, readings=tuple(one.readings[k] for k in kept))
    return made, [row.ins[k] for k in kept]


def _places(
    row: BoxRow, reads: Sequence[int], hot: Mapping[int, tuple[int, tuple[int | None, ...]]]
) -> tuple[int | None, ...]:
    """Return where what a box writes has axes of what goes round; None for those that it mixes."""
    one, found = row.operation, list[tuple[int | None, ...]]()
    for k in reads:
        reading, written = one.readings[k], one.writes[0]
        forms = reading.forms if reading is not None else ()
        wired = [forms[p].wiring if forms and p is not None else None for p in hot[row.ins[k]][1]]
        found.append(tuple(written.index(v) if v in written else None for v in wired))
    return tuple(same.pop() if len(same := {*some}) == 1 else None
                 for some in zip(*found, strict=True))  # fmt: skip


def _joined_to_none(row: BoxRow, local: int) -> BoxRow:
    """Return what joins the past and a block where there is no past."""
    one = row.operation
    view = Operation(
        Kernel("view"), one.readings[:1], one.writes, letters=one.letters, title=one.title
    )
    return row._replace(ins=[local], operation=view)
