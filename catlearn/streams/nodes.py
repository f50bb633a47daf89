"""Nodes: arrays that are read at a variable, and what they are at a block of its indices.

An array read with x at some of its positions is a *node*, a pair of the array and these positions:
the query and the key of self-attention are two nodes of one array. A box that writes a node is
applied at each index of x, or else is a barrier, and runs whole before. At a block of indices the
same boxes run on an axis of their own; where a condition, or a reading, speaks of x itself, the
index is looked up in the array of the block's indices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from catlearn.arrays.blocks import GATES, path
from catlearn.arrays.boxes import ArrayHypergraph, Draft, Operation
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.forms import Change, Form, IndexPart, Lookup, Reading
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.sizes import ZERO, Size

PLACES = ("argmax", "argmin")
"""The kernels that say where an entry is."""

REDUCING = ("contraction", "max", "min", *PLACES)
"""The kernels that a pass may form, of real numbers."""

Node = tuple[int, frozenset[int]]
"""An array, and the positions at which it is read at x."""


class Ref(NamedTuple):
    """An array, and the variable that each of its positions is read at."""

    wire: int
    variables: tuple[int, ...]


def of_reals(H: ArrayHypergraph, box: int) -> bool:
    """Whether what a box reads first, if it reads an array, are real numbers."""
    return all(H.types[wire] == "R" for wire in H.sides[0][box][:1])


def reduces(H: ArrayHypergraph, box: int) -> bool:
    """Whether a box is a reduction that a pass may form; integers are reduced whole."""
    return H.operations[box].kernel.name in REDUCING and of_reals(H, box)


class Nodes:
    """The nodes of a circuit along an axis.

    Parameters
    ----------
    circuit
        The circuit, without kernels that have definitions.
    axis
        The axis of x.
    level
        The blocks with rounds that boxes are in; others run whole before.
    through
        Whether boxes that reduce over another variable of the axis of x are applied at each index
        of x, too.

    Attributes
    ----------
    draft
        Its rows, and those that are added.
    writer
        The box that writes an array.
    touched
        Arrays that depend on a state.
    streamed
        Arrays that are a reduction over x, with the variable of their box.
    """

    def __init__(
        self, circuit: Circuit, axis: int, level: tuple[int, ...] = (), through: bool = False
    ) -> None:
        self.circuit, self.x, self.level, self.through = circuit, axis, level, through
        self.draft = Draft.of(circuit.apex)
        self.writer = {wire: k for k, box in enumerate(self.draft.boxes) for wire in box.outs}
        self.touched: set[int] = set()
        self.streamed: dict[int, int] = {}

    def made(self, node: Node) -> tuple[int, frozenset[int]] | None:
        """Return the box that makes a node entry by entry along x, and its variables that are x.

        None for what is given, and for what has to be made whole before.
        """
        wire, places = node
        if wire not in self.writer:
            return None
        box = self.writer[wire]
        own = self.draft.boxes[box]
        written = own.operation.writes[own.outs.index(wire)]
        at = frozenset(written[p] for p in places)
        return None if self.is_barrier(box, at) else (box, at)

    def is_barrier(self, box: int, at: frozenset[int]) -> bool:
        """Whether a box has to run whole, if some of its variables are x."""
        own = self.draft.boxes[box]
        one, entry = own.operation, own.operation.kernel.entry
        if one.kernel.name in GATES or self.outside(box):
            return True
        if entry.targets == "whole" or not entry.deterministic or not at.isdisjoint(one.targets):
            return True
        if not self.through and any(own.vars[v] == self.x for v in one.targets):
            return True
        # arrays that are put together along x are there before, the first one too
        wired = [{form.wiring for form in r.forms} for r in one.readings if r is not None]
        return one.kernel.name == "concat" and not all(at <= forms for forms in wired)

    def outside(self, box: int) -> bool:
        """Whether a box of the circuit is in other blocks with rounds."""
        H = self.circuit.apex
        return box < H.size("Box") and tuple(path(H, box, plain=False)) != self.level

    def operands(self, box: int, at: frozenset[int]) -> list[Node]:
        """Return the nodes that a box reads: positions are x where all readings say so."""
        own = self.draft.boxes[box]
        found = []
        for k, wire in enumerate(own.ins):
            uses = own.operation.uses[k]
            rank = len(self.draft.wires[wire].axes)
            places = (
                p for p in range(rank) if uses and all(forms[p].wiring in at for forms in uses)
            )
            found.append((wire, frozenset(places)))
        return found

    def cone(
        self, reductions: Iterable[tuple[int, int]],
        before: Callable[[int], list[Node]] = lambda box: [],
    ) -> dict[Node, tuple[int, frozenset[int]] | None]:  # fmt: skip
        """Return the nodes that reductions are made of, each with what makes it entry by entry.

        Parameters
        ----------
        reductions
            Boxes, each with its variable that is x.
        before
            From a box that makes an array without x to further nodes.
        """
        found: dict[Node, tuple[int, frozenset[int]] | None] = {}
        stack = [node for box, v in reductions for node in self.operands(box, frozenset([v]))]
        while stack:
            node = stack.pop()
            if node in found:
                continue
            found[node] = made = self.made(node) if node[1] else None
            if made is not None:
                stack += self.operands(*made)
            elif not node[1] and node[0] in self.writer:
                stack += before(self.writer[node[0]])
        return found

    def letter(self, box: int, v: int) -> str:
        """Return what a variable of a box is called: by its pattern, or by its axis."""
        row, H = self.draft.boxes[box], self.circuit.apex
        letters = row.operation.letters
        own = letters[v] if v < len(letters) else ""
        return own or (H.called(row.vars[v]) if row.vars[v] < H.size("Axis") else "")

    def title(self, box: int) -> str:
        """Say which box is meant."""
        return str(self.draft.boxes[box].operation)

    # ------------------------------------------------------------ parts

    def substituted(self, wire: int, known: dict[int, int]) -> int:
        """Return what an array without x becomes, where others stand for some that it needs.

        Parameters
        ----------
        known
            What stands for which; what is found is added.
        """
        stack = [wire]
        while stack:
            one = stack[-1]
            if one in known or one not in self.touched or one not in self.writer:
                known.setdefault(one, one)
                stack.pop()
                continue
            row = self.draft.boxes[self.writer[one]]
            left = [w for w in row.ins if w not in known]
            if left:
                stack += left
                continue
            ins = [known[w] for w in row.ins]
            if ins == row.ins:
                known |= {w: w for w in row.outs}
                continue
            outs = [self._wire_like(w) for w in row.outs]
            box = self.draft.box(row.operation, ins, outs, row.vars, row.mentions, row.within)
            self.writer |= dict.fromkeys(outs, box)
            self.touched |= {*outs}
            known |= dict(zip(row.outs, outs, strict=True))
        return known[wire]

    def _wire_like(self, wire: int, axes: Sequence[int] | None = None) -> int:
        row = self.draft.wires[wire]
        return self.draft.wire(row.axes if axes is None else axes, row.type)

    def needed(self, asked: Iterable[int], given: Iterable[int]) -> tuple[list[int], list[int]]:
        """Return the boxes that arrays need, in order, and what is given to these.

        Parameters
        ----------
        asked
            The arrays.
        given
            Arrays that are not made.
        """
        given, done, leaves = {*given}, dict[int, None](), dict[int, None]()
        last = {row.ins[0]: row.outs[0] for row in self.draft.boxes
                if row.operation.kernel.name == "last" and row.outs}  # fmt: skip
        ends = [*asked]
        for end in ends:
            stack = [end]
            while stack:
                wire = stack[-1]
                if wire in given or self._is_leaf(wire):
                    leaves.setdefault(wire)
                    stack.pop()
                    continue
                box = self.writer[wire]
                left = [
                    w
                    for w in self.draft.boxes[box].ins
                    if w not in given and w not in leaves and self.writer.get(w) not in done
                ]
                if box in done or not left:
                    if box not in done:
                        leaves |= dict.fromkeys(w for w in self.draft.boxes[box].ins if w in given)
                    done.setdefault(box)
                    ends += [last[w] for w in self.draft.boxes[box].outs if w in last]
                    stack.pop()
                else:
                    stack += left
        return [*done], [*leaves]

    def _is_leaf(self, wire: int) -> bool:
        """Whether an array is given, or made before a pass."""
        if wire not in self.writer:
            return True
        return self.is_before(wire)

    def is_before(self, wire: int) -> bool:
        """Whether an array is made before a pass: it depends on no reduction, and is no round's."""
        box = self.writer[wire]
        if wire in self.touched or box >= self.circuit.apex.size("Box"):
            return False
        name = self.draft.boxes[box].operation.kernel.name
        inside = path(self.circuit.apex, box, plain=False)
        return name != "constant" and not (inside[:-1] if name in ("last", "stack") else inside)

    def part(self, boxes: Iterable[int], dom: Sequence[int], cod: Sequence[int]) -> Circuit:
        """Return some boxes as a circuit; all that it is given are inputs."""
        draft = replace(self.draft)
        draft.wires = [row._replace(name=None, initialiser=None) for row in draft.wires]
        draft.boxes = [self.draft.boxes[box] for box in boxes]
        return Circuit.of(draft, dom, cod)

    # ------------------------------------------------------------ a block of indices

    def blocked(
        self, node: Node, axis: int, index: int, known: dict[Node, int], free: dict[int, int]
    ) -> int:
        """Return a node at a block of indices of x.

        Parameters
        ----------
        node
            The node; for an accumulator, the array alone.
        axis
            The axis of the block.
        index
            The array of the indices of the block.
        known
            What nodes are, at the block; what is found is added, also what is given.
        free
            What arrays without x are.
        """
        stack = [node]
        while stack:
            one = stack[-1]
            if one in known:
                stack.pop()
                continue
            wire, places = one
            if not places and wire not in self.streamed:
                known[one] = self.substituted(wire, free)
                continue
            made = (self.writer[wire], frozenset([self.streamed[wire]])) if not places else (
                self.made(one)
            )  # fmt: skip
            if made is None:
                axes = [axis if p in places else row
                        for p, row in enumerate(self.draft.wires[wire].axes)]  # fmt: skip
                known[one] = self._wire_like(wire, axes)
                continue
            box, at = made
            read = self.operands(box, at)
            left = [other for other in read if other not in known]
            if left:
                stack += left
                continue
            self._block(box, at, axis, index, read, known)
        return known[node]

    def _block(
        self, box: int, at: frozenset[int], axis: int, index: int, read: Sequence[Node],
        known: dict[Node, int],
    ) -> None:  # fmt: skip
        """Add a box at a block of indices."""
        row = self.draft.boxes[box]
        one, place = row.operation, len(row.ins)
        mentions, uses_index, uses_whole = [*row.mentions, self.x], False, False
        whole = Size.generator(-len(mentions))

        def size(given: Size) -> Size:
            nonlocal uses_whole
            uses_whole |= not at.isdisjoint(given.generators)
            return given.substitute(dict.fromkeys(at, whole))

        def form(given: Form) -> Form:
            shift = sum((c for atom, c in given.terms if atom in at), ZERO)

            def variable(v: int) -> Form:
                nonlocal uses_index
                if v not in at or shift == ZERO:
                    return Form.variable(v)
                uses_index = True
                return Form.atom(Lookup(place, (Form.variable(v),)))

            return given.rewritten(
                variable,
                size,
                lambda one, _: Form.atom(IndexPart(one.kind, form(one.form), size(one.by))),
                lambda one, _: Form.atom(Lookup(one.operand, forms(read[one.operand], one.forms))),
            )

        def forms(node: Node, given: Sequence[Form]) -> tuple[Form, ...]:
            return tuple(f if p in node[1] else form(f) for p, f in enumerate(given))

        readings: list[Reading | None] = []
        for k, reading in enumerate(one.readings):
            if reading is None:
                readings.append(None)
                continue
            own, conditions = forms(read[k], reading.forms), tuple(map(form, reading.conditions))
            readings.append(replace(reading, forms=own, conditions=conditions))
        ins = [known[other] for other in read]
        for base, _ in one.scale.powers:
            size(base)
        made = replace(one, readings=tuple(readings), relations=(),
                       scale=one.scale.substitute(dict.fromkeys(at, whole)))  # fmt: skip
        if not uses_whole:
            mentions.pop()
        if uses_index:
            ins, made = [*ins, index], replace(made, readings=(*made.readings, None))
        variables = [axis if v in at else a for v, a in enumerate(row.vars)]
        outs = []
        for wire, written in zip(row.outs, one.writes, strict=True):
            outs.append(self._wire_like(wire, [variables[v] for v in written]))
            places = frozenset(p for p, v in enumerate(written) if v in at)
            known[wire, places] = outs[-1]
        local = one.kernel.name in PLACES and not at.isdisjoint(one.targets)
        made_at = [self._wire_like(outs[0])] if local else outs
        new = self.draft.box(made, ins, made_at, variables, mentions, row.within)
        self.writer |= dict.fromkeys(made_at, new)
        if local:
            # a place in the block is one among all indices
            (written,) = one.writes
            rank = tuple(range(len(written)))
            found = Lookup(1, tuple(map(Form.variable, rank)))
            looked = Operation(
                Kernel("view"), (Reading((Form.atom(found),)), None), (rank,), title=one.title
            )
            own = [variables[v] for v in written]
            self.writer[outs[0]] = self.draft.box(looked, [index, made_at[0]], outs, own)
        self.touched |= {*outs, *made_at}


def with_operands(form: Form, places: Mapping[int, int]) -> Form:
    """Return a form whose lookups are in other operands."""

    def looked_up(one: Lookup, change: Change) -> Form:
        return one.map(change, places.get(one.operand, one.operand))

    return form.rewritten(Form.variable, lookup=looked_up)
