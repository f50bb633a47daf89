"""Decided equality of circuits as functions: by the normal forms of their entries.

Two circuits are compared in one table of :class:`~catlearn.arrays.entries.Entries`: sizes modulo
the relations of both, inputs by place, parameters by name. Boxes that draw samples are told apart
by what they read, then by where their samples are read, then by trying; the axes of a sample may
be permuted, split and joined, for all its readings alike. ``Equal`` is a proof, for every meaning
of the kernels; ``NotEqual`` means that these laws do not make them equal.

>>> from catlearn.arrays import copy, dropout, linear, relu, view
>>> A = linear("A", "m -> n")
>>> decide(A >> copy(2), copy(2) >> A @ A).name
'Equal'
>>> decide(dropout() >> copy(2), copy(2) >> dropout() @ dropout()).name
'NotEqual'
>>> decide(relu >> view("a b -> b a"), view("a b -> b a") >> relu).name
'Equal'
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations, product
from math import prod
from typing import TYPE_CHECKING, Any

from catlearn.arrays.blocks import Loop, level, nested, path
from catlearn.arrays.entries import MOST_LEAVES, Call, Entries, Node
from catlearn.arrays.evaluation import difference
from catlearn.arrays.forms import Form, IndexPart, Lookup, Reading, quotient, sizes_at
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.recurrences import Array, Recurrence, put
from catlearn.arrays.sizes import Size, SizeRelation, Solution, solve
from catlearn.category import Equal, NotEqual, Unknown, Verdict
from catlearn.category.hypergraph import StringDiagram, evaluate
from catlearn.errors import CatlearnError, TooLarge

if TYPE_CHECKING:
    from catlearn.arrays.circuit import Circuit


GO_ROUND = Unknown("rounds are not shown to be equal by these laws, nor to differ")

MOST_IN_TURN = 10_000
"""The most boxes of rounds that are written one after the other."""


def decide(one: Circuit, other: Circuit) -> Verdict:
    """Decide whether two circuits are equal as functions; see :meth:`Circuit.equal`."""
    if one == other:
        return Equal("they have the same boxes")
    first, second = one.live(), other.live()
    found = _compared(first, second)
    turned = _in_turn(first, second) if found is GO_ROUND else None
    return found if turned is None else turned


def _in_turn(*circuits: Circuit) -> Verdict | None:
    """Decide repetitions by their rounds one after the other.

    Where the number of rounds is a declared size, two and three rounds are tried, of other sizes
    one more each; then circuits can only be shown to differ.
    """
    names, boxes = set[str](), 0
    for c in circuits:
        H = c.apex
        kernels = [one.kernel for one in H.operations]
        if any(one.name == "stack" or not one.entry.deterministic for one in kernels):
            return None
        for box in range(H.size("Box")):
            rounds = [H.size_of(int(H.lists["rounds"].row(b)[0])) for b in path(H, box, False)]
            if any(size.number is None and size not in map(Size.of, H.symbols) for size in rounds):
                return None
            names |= {name for size in rounds for name in size.generators}
            boxes += prod(size.number or 3 for size in rounds)
    if boxes > MOST_IN_TURN:
        return None
    for start in (2, 3) if names else (0,):
        put = {name: start + k for k, name in enumerate(sorted(names))}
        shown = ", ".join(f"{name} = {number}" for name, number in put.items()) or "all of them"
        try:
            sized = [c.at({n: put[n] for n in put if n in c.apex.symbols}) for c in circuits]
            found = _compared(sized[0], sized[1], in_turn=True)
        except CatlearnError:
            continue
        if found == NotEqual or (found == Equal and not names):
            return found(f"{found.reason}, with rounds in turn, {shown}")
    return None


def _compared(first: Circuit, second: Circuit, in_turn: bool = False) -> Verdict:
    """Compare the normal forms of circuits all of whose boxes are needed."""
    difference = _ends(first, second)
    if difference:
        return NotEqual(difference)
    sizes = _Sizes(first, second)
    if sizes.difference:
        return NotEqual(sizes.difference)
    table = Entries()
    try:
        sides = [_Side(table, c, sizes.of(k), in_turn) for k, c in enumerate((first, second))]
        keys = [side.least() for side in sides]
    except TooLarge as error:
        return Unknown(str(error))
    if keys[0] == keys[1]:
        laws = ", ".join(table.laws)
        return Equal(f"both have one normal form{', by ' + laws if laws else ''}")
    if sizes.hidden:
        return Unknown("there are sizes that no input, parameter or output has")
    differ = [
        (place, [node for node, _ in roots])
        for place, roots in enumerate(zip(*(key[0] for key in keys), strict=True))
        if roots[0] != roots[1]
    ]
    if any(side.has_rounds for side in sides) and not in_turn:
        proved = not any(side.random for side in sides)
        plain = [one for one in differ if proved and not table.go_round(one[1])]
        if not plain:
            return GO_ROUND
        differ = plain
    for place, roots in differ:
        nodes = [table.nodes[node] for node in roots]
        return NotEqual(f"output {place} differs by these laws: {_apart(table, *nodes)}")
    return NotEqual("they draw other samples, by these laws")


def refuted(verdict: Verdict, one: Circuit, other: Circuit, seed: int) -> Verdict:
    """Return a verdict, or that two circuits differ as numbers; its reason says what was found."""
    if verdict == Equal:
        return verdict
    try:
        found = difference(one.live(), other.live(), seed)
    except CatlearnError as error:
        return verdict(f"{verdict.reason}; as numbers they were not compared: {error}")
    if found:
        why = f"{verdict.reason}; " if verdict == NotEqual else ""
        return NotEqual(f"{why}as numbers of seed {seed}, {found}")
    return verdict(f"{verdict.reason}; as numbers of seed {seed} they agree")


def _ends(one: Circuit, other: Circuit) -> str:
    """Say what keeps inputs, outputs and parameters from agreeing."""
    for what in ("dom", "cod"):
        rows = getattr(one, what), getattr(other, what)
        word = "inputs" if what == "dom" else "outputs"
        if len(rows[0]) != len(rows[1]):
            return f"they have {len(rows[0])} and {len(rows[1])} {word}"
        for k, (a, b) in enumerate(zip(*rows, strict=True)):
            ranks = [len(c.apex.lists["axes"].row(r)) for c, r in ((one, a), (other, b))]
            types = {one.apex.types[a], other.apex.types[b]} - {None}
            if len({*ranks}) > 1 or len(types) > 1:
                shown = one.apex.array_text(a), other.apex.array_text(b)
                return f"{word[:-1]} {k} is {shown[0]} and {shown[1]}"
    columns = [c.apex.column("name") for c in (one, other)]
    if {*columns[0]} != {*columns[1]}:
        only = sorted({*columns[0]} ^ {*columns[1]}, key=str)
        return f"one of them alone has the parameter {only[0]!r}"
    for name in sorted({*columns[0]} - {None}):
        a, b = (column.index(name) for column in columns)
        starts = one.apex.column("initialiser")[a], other.apex.column("initialiser")[b]
        ranks = [len(c.apex.lists["axes"].row(r)) for c, r in ((one, a), (other, b))]
        if starts[0] != starts[1] or ranks[0] != ranks[1]:
            return f"parameter {name!r} has other axes, or starts from {starts[0]} and {starts[1]}"
    return ""


def _places(circuit: Circuit) -> list[tuple[str, int]]:
    """List the axes of inputs, outputs and parameters, and what they have indices of."""
    H, found = circuit.apex, []
    parameters = sorted((name, row) for row, name in enumerate(H.column("name")) if name)
    rows = [(f"input {k}", row) for k, row in enumerate(circuit.dom)]
    rows += [(f"output {k}", row) for k, row in enumerate(circuit.cod)]
    rows += [(f"parameter {name!r}", row) for name, row in parameters]
    for where, row in rows:
        found += [(where, axis) for axis in H.lists["axes"].row(row).tolist()]
        if H.types[row] == "N":
            found.append((where, int(H.arrows["range"].values[H.arrows["type"].values[row]])))
    return found


def _closed(relations: list[SizeRelation], every: range) -> Solution:
    """Solve relations, where windows of equal lengths fit equally often."""
    while True:
        found = solve(relations, every)
        first: dict[Any, Size] = {}
        more = [
            SizeRelation("=", first.setdefault((one.left, one.stride), one.right), one.right)
            for one in found.relations
            if one.kind == "window"
        ]
        more = [one for one in more if one.left != one.right]
        if not more or found.failures:
            return found
        relations = [*relations, *more]


def _variables(circuit: Circuit) -> Iterator[int]:
    """List the axes of variables of boxes, and of rounds, in the order in which they are needed."""
    H = circuit.apex
    for box in circuit._walk():
        yield from H.lists["vars"].row(box).tolist()
        for block in path(H, box, plain=False):
            yield from H.lists["rounds"].row(block).tolist()


def sizes_apart(
    circuits: Sequence[Circuit],
    places: Sequence[Sequence[tuple[str, int]]],
    sizes: Sequence[Sequence[Size]],
) -> str:
    """Say which axes have other sizes in one circuit than in another, up to names of axes.

    Parameters
    ----------
    circuits
        The two circuits.
    places, sizes
        What each has, with the rows of axes, and the sizes of these.
    """
    seen: tuple[dict[Size, Size], dict[Size, Size]] = {}, {}
    for k, ((where, _), a, b) in enumerate(zip(places[0], *sizes, strict=True)):
        numbers = [size.number is not None for size in (a, b)]
        declared = [all(one < 0 for one in size.generators) for size in (a, b)]
        if numbers[0] != numbers[1] or (all(declared) and a != b):
            shown = [str(c.apex.size_of(places[j][k][1])) for j, c in enumerate(circuits)]
            return f"an axis of {where} has size {shown[0]} and {shown[1]}"
        if seen[0].setdefault(a, b) != b or seen[1].setdefault(b, a) != a:
            return f"an axis of {where} is one with another in one of them alone"
    return ""


class _Sizes:
    """The sizes of two circuits, over generators of both: those of inputs and outputs are one."""

    def __init__(self, one: Circuit, other: Circuit) -> None:
        circuits = one, other
        names = sorted({*one.apex.symbols, *other.apex.symbols})
        starts = 0, one.apex.size("Axis")

        def key(k: int) -> Callable[[int], int]:
            symbols = circuits[k].apex.symbols
            return lambda row: row + starts[k] if row >= 0 else -1 - names.index(symbols[-1 - row])

        self.keys = [key(0), key(1)]
        relations = [
            relation.rename(self.keys[k])
            for k, c in enumerate(circuits)
            for relation, _, _ in c.apex.relations()
        ]
        every = range(-len(names), starts[1] + other.apex.size("Axis"))
        places = [_places(c) for c in circuits]
        self.hidden = False
        self.difference = ""
        if [where for where, _ in places[0]] != [where for where, _ in places[1]]:
            self.difference = "inputs, outputs or parameters have other types"
            return
        alone = _closed(relations, every)
        own = [
            [alone.of(Size.generator(self.keys[k](axis))) for _, axis in places[k]]
            for k in range(2)
        ]
        self.difference = sizes_apart(circuits, places, own)
        if self.difference:
            return
        relations += [SizeRelation("=", *pair) for pair in zip(*own, strict=True)]
        self.solution = _closed(relations, every)
        if self.solution.failures:
            self.difference = "there are no sizes at which both are defined"
            return
        ends = {g for size in own[0] for g in self.solution.of(size).generators}
        hidden = [
            [
                *dict.fromkeys(
                    g
                    for axis in _variables(c)
                    for g in sorted(self.solution.of(Size.generator(self.keys[k](axis))).generators)
                    if g >= 0 and g not in ends
                )
            ]
            for k, c in enumerate(circuits)
        ]
        if hidden[0] or hidden[1]:
            self.hidden = True
            if len(hidden[0]) == len(hidden[1]):
                pairs = zip(*(map(Size.generator, some) for some in hidden), strict=True)
                more = _closed([*relations, *(SizeRelation("=", *pair) for pair in pairs)], every)
                self.solution = self.solution if more.failures else more

    def of(self, which: int) -> Callable[[Size], Size]:
        """Return what makes a size over rows of one of the circuits one over all generators."""
        return lambda size: self.solution.of(size.rename(self.keys[which]))


@dataclass
class _Pass:
    """What is found while the boxes of a circuit are followed once.

    Parameters
    ----------
    marks
        What tells boxes apart that draw from the same.
    orders
        Which order of the axes of a sample is meant.
    rounds
        The variable of the rounds of each block that is followed.
    symbolic
        Whether the states of all these are symbols, not yet what follows from their equations.
    labels, counts
        What each box that draws is called, and how many orders its axes may have.
    calls
        What it draws from, and the places of the axes of its samples among those of this.
    axes
        The places of the axes of its samples, in their order.
    drawn
        The numbers of a label with what it draws from.
    """

    marks: Mapping[int, int]
    orders: Mapping[int, int]
    rounds: dict[int, int] = field(default_factory=dict)
    symbolic: bool = True
    labels: dict[int, int] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    calls: dict[int, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    axes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    drawn: dict[int, int] = field(default_factory=dict)


class _Side:
    """The entries of the outputs of a circuit.

    Parameters
    ----------
    table
        Where they are interned.
    circuit
        A circuit all of whose boxes are needed.
    size
        From sizes over rows to those that are compared.
    in_turn
        Whether rounds, whose numbers are known, are followed one after the other.
    """

    def __init__(
        self, table: Entries, circuit: Circuit, size: Callable[[Size], Size], in_turn: bool = False
    ) -> None:
        self.table, self.circuit, self.size, self.in_turn = table, circuit, size, in_turn
        H = circuit.apex
        self.axes = [size(Size.generator(axis)) for axis in range(H.size("Axis"))]
        self.boxes = circuit._walk()
        self.random = [b for b in self.boxes if not H.operations[b].kernel.entry.deterministic]
        names = H.column("name")
        self.leaves = {row: ("input", k) for k, row in enumerate(circuit.dom)}
        self.leaves |= {row: ("parameter", name) for row, name in enumerate(names) if name}
        inside = nested(H, self.boxes, plain=False)
        self.whole = level(H, inside, [*self.leaves], circuit.cod)
        self.has_rounds = any(isinstance(one, Loop) for one in self.whole.operations)
        self.shapes: dict[int, list[tuple[int, int | Size]]] = {b: [] for b in self.random}
        self.passes = 0

    def least(self) -> tuple[Any, Any]:
        """Return the least key of the outputs, over all orders of what samples leave open."""
        if not self.random:
            return self.entries({}, {})[0]
        unique = {box: 1 + k for k, box in enumerate(self.random)}
        while True:
            key, found = self.entries(unique, {})
            if not self._reshaped([node for node, _ in key[0]], found):
                break
        choices = product(*(range(found.counts[box]) for box in self.random))
        return min(self._search({}, dict(zip(self.random, one, strict=True))) for one in choices)

    def _search(self, marks: Mapping[int, int], orders: Mapping[int, int]) -> tuple[Any, Any]:
        while True:
            key, found = self.entries(marks, orders)
            classes: dict[int, list[int]] = {}
            for box in self.random:
                classes.setdefault(found.labels[box], []).append(box)
            tied = {label: some for label, some in classes.items() if len(some) > 1}
            if not tied:
                return key
            depth = 1 + max(marks.values(), default=0)
            seen: dict[int, int] = {}
            for box in sorted(box for some in tied.values() for box in some):
                key, found = self.entries({**marks, box: depth}, orders)
                seen[box] = self.table.number((key, found.drawn[box]))
            ranks = {n: k for k, n in enumerate(sorted({*seen.values()}))}
            if all(len({seen[box] for box in some}) == 1 for some in tied.values()):
                some = tied[min(tied)]
                return min(self._search({**marks, box: depth}, orders) for box in some)
            marks = {**marks, **{box: depth + ranks[n] for box, n in seen.items()}}

    def entries(
        self, marks: Mapping[int, int], orders: Mapping[int, int]
    ) -> tuple[tuple[Any, Any], _Pass]:
        """Return a key of the outputs and samples, and what was found.

        Parameters
        ----------
        marks
            What tells boxes apart that read the same.
        orders
            Which order of the axes of a sample is meant.
        """
        self.passes += 1
        if self.passes > MOST_LEAVES:
            raise TooLarge(f"more than {MOST_LEAVES} orders of samples")
        table, found, roots = self.table, _Pass(marks, orders), []
        given = []
        for row, label in self.leaves.items():
            own = self._fresh(row)
            given.append((own, table.array(label, tuple(map(Form.variable, own)))))
        for own, (node, args) in self._run(self.whole, given, found):
            same = [args, *(tuple(args[k] for k in one) for one in table.nodes[node].symmetries)]
            roots.append((node, min(tuple(own.index(v) for v in one) for one in same)))
        found.drawn = {
            box: table.number((label, found.calls[box])) for box, label in found.labels.items()
        }
        return (tuple(roots), tuple(sorted(found.drawn.values()))), found

    def _fresh(self, wire: int) -> tuple[int, ...]:
        """Return a new variable for each position of an array."""
        axes = self.circuit.apex.lists["axes"].row(wire).tolist()
        return tuple(self.table.variable(self.axes[axis]) for axis in axes)

    def _run(self, boxes: StringDiagram, given: Iterable[Array], found: _Pass) -> tuple[Array, ...]:
        """Return the entries of the outputs of boxes, and blocks with rounds."""

        def apply(row: int, read: tuple[Array, ...]) -> list[Array]:
            box = boxes.operations[row]
            if isinstance(box, Loop):
                return self._rounds(box, read, found)
            at, made = self._box(box, read)
            operation = self.circuit.apex.operations[box]
            if box in self.shapes:
                made = [self._sample(box, [at[v] for v in operation.writes[0]], made[0], found)]
            places = (tuple(at[v] for v in one) for one in operation.writes)
            return [*zip(places, made, strict=True)]

        return evaluate(boxes, apply, given)

    def _rounds(self, loop: Loop, given: tuple[Array, ...], found: _Pass) -> list[Array]:
        """Follow the boxes of a block with rounds: with its states as symbols, then as known."""
        table, symbolic, count = self.table, found.symbolic, loop.states
        t = found.rounds[loop.block] = table.variable(self.axes[loop.axis])
        starts, rest = list[Array](), list[Array]()
        for (own, call), wire in zip(given[:count], loop.body.inputs, strict=False):
            new = self._fresh(wire)  # what starts may be repeated along axes in front
            starts.append((new, table.read(call, put(own, new[len(new) - len(own) :]))))
        for k, (own, call) in enumerate(given[count:]):
            if k < len(loop.entries):
                place = loop.entries[k]
                call = table.read(call, put([own[place]], [t]))
                own = (*own[:place], *own[place + 1 :])
            rest.append((own, call))
        final = self.axes[loop.axis] - 1
        if self.in_turn:
            for number in range((final + 1).number or 0):
                at = {t: Form.number(number)}
                after = self._run(loop.body, [*starts, *rest], found)
                starts = [(own, table.read(call, at)) for own, call in after]
            del found.rounds[loop.block]
            return starts
        states = Recurrence(table, t, starts)

        def follow(shown: Callable[[int], Array]) -> tuple[Array, ...]:
            return self._run(loop.body, [*map(shown, range(count)), *rest], found)

        after = follow(states.shown)
        while not states.settled(after[:count]):
            for box in self.random if symbolic else ():
                if loop.block in path(self.circuit.apex, box):
                    found.labels.pop(box, None)
            after = follow(states.shown)
        found.symbolic = False
        if states.moving:
            after = follow(states.entry)
        found.symbolic = symbolic
        del found.rounds[loop.block]
        last = {t: Form.number(final)}
        ends = [(own, table.read(call, last)) for own, call in after[:count]]
        stacked = zip(after[count:], loop.results, strict=True)
        return ends + [((*own[:k], t, *own[k:]), call) for (own, call), k in stacked]

    def _sample(self, box: int, places: list[int], operand: Call, found: _Pass) -> Call:
        """Return the entry of a sample, which each round has for itself."""
        table = self.table
        own = [*found.rounds.values(), *places]
        forms = list(map(Form.variable, own))
        for k, by in self.shapes[box]:
            if isinstance(by, Size):
                left = quotient(table.sizes[own[k]], by)
                assert left is not None
                new = [table.variable(left), table.variable(by)]
                joined = Form.variable(new[0]).times(by) + Form.variable(new[1])
                operand = table.read(operand, {own[k]: joined})
                parts = [table.part(one, forms[k], by) for one in ("div", "mod")]
                own[k : k + 1], forms[k : k + 1] = new, parts
            else:
                size = table.sizes[own[by]]
                v = table.variable(table.sizes[own[k]] * size)
                here, there = (table.part(one, Form.variable(v), size) for one in ("div", "mod"))
                operand = table.read(operand, {own[k]: here, own[by]: there})
                forms[k] = table.form(forms[k].times(size) + forms[by], {})
                own[k] = v
                del own[by], forms[by]
        node, args = operand
        if box not in found.labels:
            found.axes[box] = self._axes(box, own, operand, found)
            sizes = tuple(table.sizes[own[k]] for k in found.axes[box])
            kernel = self.circuit.apex.operations[box].kernel
            found.labels[box] = table.number((kernel, sizes, node, found.marks.get(box, 0)))
        order = found.axes[box]
        every = [args, *(tuple(args[k] for k in one) for one in table.nodes[node].symmetries)]
        every = [tuple(order.index(own.index(v)) for v in one if v in own) for one in every]
        found.calls[box] = node, min(every)
        label = ("sample", found.labels[box])
        return table.array(label, tuple(forms[k] for k in order))

    def _axes(self, box: int, own: list[int], operand: Call, found: _Pass) -> tuple[int, ...]:
        """Return the places of the axes of a sample in an order of what it is drawn from."""
        table, (node, args) = self.table, operand
        same = [args, *(tuple(args[k] for k in one) for one in table.nodes[node].symmetries)]
        same = list(dict.fromkeys(tuple(v for v in one if v in own) for one in same))
        rest = sorted((v for v in own if v not in args), key=lambda v: table.number(table.sizes[v]))
        sizes = [table.number(table.sizes[v]) for v in rest]
        count = 1
        for k in range(len(rest)):
            count *= 1 + sizes[:k].count(sizes[k])
        if count * len(same) > MOST_LEAVES:
            raise TooLarge(f"more than {MOST_LEAVES} orders of the axes of a sample")
        others = [
            one
            for one in permutations(rest)
            if [table.number(table.sizes[v]) for v in one] == sizes
        ]
        every = [(*one, *two) for one in same for two in others]
        found.counts[box] = len(every)
        return tuple(own.index(v) for v in every[found.orders.get(box, 0) % len(every)])

    def _reshaped(self, roots: list[int], found: _Pass) -> bool:
        """Split or join axes of samples as their readings say; say whether there was one."""
        table, changed = self.table, False
        boxes = {label: box for box, label in found.labels.items()}
        read: dict[int, list[tuple[Form, ...]]] = {box: [] for box in self.random}
        for number in table.under([*roots, *(node for node, _ in found.calls.values())]):
            node = table.nodes[number]
            fresh = tuple(table.variable(size) for size in node.sizes[: node.free])
            for label, inner, args in table.opened((number, fresh))[1]:
                if inner is None and isinstance(label, tuple) and label[0] == "sample":
                    box = boxes[label[1]]
                    forms = dict(zip(found.axes[box], args, strict=True))
                    read[box].append(tuple(forms[k] for k in range(len(forms))))
        for box, readings in read.items():
            change = self._change(readings)
            if change:
                self.shapes[box].append(change)
                changed = True
        return changed

    def _change(self, readings: list[tuple[Form, ...]]) -> tuple[int, int | Size] | None:
        """Return an axis with what divides it, or with the axis that it is joined with."""
        table = self.table
        rank = len(readings[0]) if readings else 0
        for k in range(rank):
            splits = [
                c
                for one in readings
                for _, c in one[k].terms
                if c.number != 1
                and not any(
                    isinstance(atom, IndexPart)
                    for kind in ("div", "mod")
                    for atom, _ in table.part(kind, one[k], c).terms
                )
            ]
            if splits:
                return k, min(splits, key=lambda size: size.terms)
        for k, j in permutations(range(rank), 2):
            pairs = [(_only(one[k]), _only(one[j])) for one in readings]
            if all(
                isinstance(a, IndexPart) and isinstance(b, IndexPart)
                and (a.kind, b.kind, a.form, a.by) == ("div", "mod", b.form, b.by)
                for a, b in pairs
            ):  # fmt: skip
                return k, j
        return None

    # ------------------------------------------------------------ boxes

    def _box(self, box: int, given: tuple[Array, ...]) -> tuple[list[int], list[Call]]:
        """Return the variables of a box, and the entries of what it writes."""
        H, table = self.circuit.apex, self.table
        operation = H.operations[box]
        lists = (H.lists[name].row(box).tolist() for name in ("vars", "mentions"))
        local = {key: self.size(size) for key, size in sizes_at(*lists).items()}
        at = [table.variable(self.axes[axis]) for axis in H.lists["vars"].row(box).tolist()]
        kernel, entry_of, targets = operation.kernel, operation.kernel.entry, operation.targets
        name = kernel.name

        def form(one: Form) -> Form:
            return table.form(one.rewritten(
                lambda v: Form.variable(at[v]),
                lambda size: size.substitute(local),
                lambda own, _: table.part(own.kind, form(own.form), own.by.substitute(local)),
                lambda own, _: table.looked_up(entry(given[own.operand], map(form, own.forms))),
            ), {})  # fmt: skip

        def entry(array: Array, forms: Any) -> Call:
            return table.read(array[1], dict(zip(array[0], forms, strict=True)))

        def read(array: Array, wire: int, reading: Reading) -> Call:
            forms = [*map(form, reading.forms)]
            conditions = [*map(form, reading.conditions)]
            for axis, one, old in zip(
                H.lists["axes"].row(wire).tolist(), forms, reading.forms, strict=True
            ):
                plain = old.wiring is not None and operation.kernel.name != "concat"
                looked = isinstance(_only(old), Lookup)
                if not (plain or looked or not old.terms or table.inside(one, self.axes[axis])):
                    last = Form.number(self.axes[axis] - 1)
                    conditions += [one, last + one.times(-1)]
            return table.guard(conditions, reading.outside, entry(array, forms))

        operands = [
            read(array, wire, one)
            for array, wire, one in zip(given, H.sides[0][box], operation.readings, strict=True)
            if one is not None
        ]
        if not entry_of.deterministic or name == "view":
            return at, operands
        if name in ("contraction", "mul"):
            scale = operation.scale.substitute(local)
            return at, [table.contraction([(one, 1) for one in operands], [at[v] for v in targets], scale)]  # fmt: skip # noqa: E501
        if name in ("add", "concat"):
            return at, [table.add((one, 1) for one in operands)]
        return self._kernel(kernel, operation, at, operands)

    def _kernel(
        self, kernel: Kernel, operation: Any, at: list[int], operands: list[Call]
    ) -> tuple[list[int], list[Call]]:
        table, entry = self.table, kernel.entry
        bound: dict[int, Hashable] = {}
        places: list[tuple[Hashable, tuple[Form, ...]]] = []
        at = list(at)
        size: Any = None
        for k, v in enumerate(operation.targets):
            old = at[v]
            if entry.targets == "chosen" and any(v in one for one in operation.writes):
                places.append(("place", (Form.variable(old),)))
                size = table.sizes[old]
                continue
            bound[old] = ("target",) if entry.symmetric else ("target", k)
            shown = [Form.variable(old)]
            if entry.targets == "both":
                at[v] = table.variable(table.sizes[old])
                shown.append(Form.variable(at[v]))
            places.append(("at", tuple(shown)))
        made = [
            table.apply(
                (kernel, k, size) if len(operation.writes) > 1 else (kernel,),
                enumerate(operands), bound, places,
            )
            for k in range(len(operation.writes))
        ]  # fmt: skip
        return at, made


def _only(form: Form) -> Any:
    """Return the atom that a form is, or None."""
    if len(form.terms) != 1 or form.constant.terms or form.terms[0][1].number != 1:
        return None
    return form.terms[0][0]


def _called(node: Node) -> str:
    head: Any = node.head
    if head[0] == "kernel":
        return str(head[1][0])
    if head[0] == "array":
        label: Any = node.items[0][0]
        return f"{label[0]} {label[1]!r}" if label[0] != "sample" else "a sample"
    words = {"mul": "a product", "sum": "a sum over indices", "add": "a sum", "guard": "a mask"}
    return words[head[0]]


def _apart(table: Entries, one: Node, other: Node) -> str:
    """Say where two entries differ: as far down as one operand alone does."""
    path = []
    while True:
        if one.head != other.head:
            names = _called(one), _called(other)
            found = f"{names[0]} against {names[1]}" if names[0] != names[1] else names[0]
            break
        own, others = (
            [(label, node) for label, node, _ in side.items if node is not None]
            for side in (one, other)
        )
        left = [pair for pair in own if pair not in others]
        right = [pair for pair in others if pair not in own]
        if len(left) == len(right) == 1 and left[0][0] == right[0][0]:
            path.append(_called(one))
            one, other = (table.nodes[node] for _, node in (left[0], right[0]))
            continue
        found = f"{_called(one)}, read at other indices" if not (left or right) else _called(one)
        break
    return f"{found}, in {' of '.join(path[::-1][:3])}" if path else found
