"""The arrays of a circuit at index variables: what modes, tiles, transfers and memory speak of.

Boxes are followed back from the outputs. An array at a reading is one node, however often it is
read there; views are substituted, and constants, indices and conditions are no nodes. What a sum,
or a greatest value, goes over is a variable of its own. Two of these are one variable if

* they range over one axis, and read one array there, also through kernels of single numbers: the
  maximum, the sum and the contraction of an attention, after its softmax is unfolded. What else
  reads an array that is computed counts, too, so that it is computed once: in a residual chain; and
* what one of them gives is not read at the other.

Positions that meet are one axis, and never for that reason one variable: x + x^T has two.

>>> from catlearn.arrays import einsum, idle, softmax, traced, view
>>> attention = (einsum("q d, x d -> q x") >> softmax("[x]")) @ idle >> einsum("q x, x e -> q e")
>>> read = Indexed.of(attention)
>>> {name: str(read.sizes[v]) for name, v in read.variables.items()}
{'q': 'q', 'e': 'e', 'x': 'x', 'd': 'd'}
>>> print(", ".join(read.title(node) for node in read.inputs))
in2[x e], in0[q d], in1[x d]
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from catlearn.arrays import Circuit
from catlearn.arrays.blocks import GATES
from catlearn.arrays.boxes import Draft, short_title
from catlearn.arrays.definitions import DEFINITIONS
from catlearn.arrays.entries import Entries
from catlearn.arrays.forms import Change, Form, Lookup, Reading, sizes_at
from catlearn.arrays.kernels import KERNELS
from catlearn.arrays.masks import ties
from catlearn.arrays.sizes import Size
from catlearn.errors import CatlearnError, UnknownName, did_you_mean, expect
from catlearn.names import fresh
from catlearn.streams import AmbiguousAxis, StreamRefused, stream

PREFIX = ("cumsum",)
"""Kernels that go on along a variable, with a state; they are not unfolded."""

UNFOLDED = tuple(n for n in DEFINITIONS if n not in PREFIX and KERNELS[n].targets != "none")
"""Kernels that are unfolded: those of single numbers are made in place."""

PLACES = ("argmax", "argmin")
"""Kernels that say where an entry is, for which they keep it."""

SIGNS = ("neg", "reciprocal")
"""Kernels of differences and quotients: what follows reads what they read."""


@dataclass(frozen=True)
class IndexedArray:
    """An array at a reading.

    Parameters
    ----------
    kind
        ``"input"``; ``"map"``, of each number by itself; ``"sum"`` and ``"max"``, which go over
        variables; ``"prefix"``, which goes on along variables; ``"whole"``, of a kernel that takes
        variables whole.
    name
        What it is called.
    forms
        At which index, one for each axis.
    free
        The variables of the forms.
    bound
        The variables that it goes over, or takes whole.
    operands
        The nodes that it reads.
    kernel
        The name of the kernel.
    box
        The box that writes it, before kernels are unfolded, or -1.
    real
        Whether it holds real numbers, and not indices or conditions.
    along
        The variables along which it goes on: of sums up to each entry.
    masks
        Forms that are not negative where its operands are not -inf.
    tied
        The variables that masks tie to an index that is looked up: it is computed at one of each.
    """

    kind: str
    name: str
    forms: tuple[Form, ...]
    free: frozenset[int]
    bound: tuple[int, ...] = ()
    operands: tuple[int, ...] = ()
    kernel: str = ""
    box: int = -1
    real: bool = True
    along: tuple[int, ...] = ()
    masks: tuple[Form, ...] = ()
    tied: frozenset[int] = frozenset()

    @property
    def every(self) -> frozenset[int]:
        """The variables at which it is computed."""
        return self.free.union(self.bound)


def part_of(circuit: Circuit, boxes: Iterable[int]) -> Circuit:
    """Return some boxes of a circuit as one: it reads and writes what crosses their border.

    Inputs are in the order in which boxes read them, outputs in that in which boxes write them.
    """
    expect(circuit, Circuit, "part_of", "called with a circuit, and rows of boxes")
    expect(boxes, Iterable, "boxes", "a list of rows of boxes")
    inside, H = {*boxes}, circuit.apex
    order = [box for box in circuit._walk() if box in inside]
    written = dict.fromkeys(wire for box in order for wire in H.sides[1][box])
    read = dict.fromkeys(wire for box in order for wire in H.sides[0][box])
    asked = {*circuit.cod}.union(
        *(wires for box, wires in enumerate(H.sides[0]) if box not in inside)
    )
    draft, names = Draft.of(H), H.column("name")
    draft.boxes = [draft.boxes[box] for box in order]
    given = [wire for wire in read if wire not in written and names[wire] is None]
    return Circuit.of(draft, given, [wire for wire in written if wire in asked]).live()


@dataclass
class Indexed:
    """Arrays at index variables, each after those that it reads.

    Parameters
    ----------
    nodes
        The arrays.
    outputs
        For each array that is asked for, its node, its name and its variables.
    sizes
        Of the variables, over names.
    variables
        The variables by their names: the letter of the box that binds one, or ``box/letter``.
    letters
        The names of the variables that share a letter.
    whole
        The variables that some kernel takes whole.
    gradients
        Whether outputs are gradients: of what is reduced for one of them another one may have it.
    readings
        For arrays of the circuit, by their rows, the forms at which they are read or asked for.
    circuit
        What was read, or None.
    kept
        What islands of these arrays were asked for that depends on a part of their modes alone.
    """

    nodes: list[IndexedArray]
    outputs: list[tuple[int, str, tuple[Form, ...]]]
    sizes: list[Size]
    variables: dict[str, int]
    letters: dict[str, list[str]] = field(default_factory=dict)
    whole: frozenset[int] = frozenset()
    gradients: bool = False
    readings: dict[int, list[tuple[Form, ...]]] = field(default_factory=dict)
    circuit: Circuit | None = None
    kept: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, circuit: Circuit) -> Indexed:
        """Return the arrays that the outputs of a circuit need, where kernels are unfolded.

        Raises
        ------
        CatlearnError
            If boxes are in a block with rounds, which is no island by itself.
        """
        expect(circuit, Circuit, "Indexed.of", "called with a circuit")
        unfolded = circuit.unfold(UNFOLDED)
        found = cls.boxed(unfolded)
        found.circuit = circuit
        # boxes of a definition stand where their box stood; the last one writes what it wrote
        whole, parts = circuit.apex.sides[1], unfolded.apex.sides[1]
        origin, at = [], 0
        for wires in parts:
            origin.append(at)
            at += wires == whole[at]
        found.nodes = [
            replace(node, box=origin[node.box]) if node.box >= 0 else node for node in found.nodes
        ]
        return found

    @classmethod
    def boxed(cls, circuit: Circuit) -> Indexed:
        """Return the arrays that the outputs of a circuit need, with its kernels as they are."""
        expect(circuit, Circuit, "Indexed.boxed", "called with a circuit")
        return _Reader(circuit).found()

    def __getitem__(self, name: str) -> int:
        """Return the variable of a name.

        Raises
        ------
        AmbiguousAxis
            If it is a letter that several variables have.
        UnknownName
            If there is none.
        """
        expect(name, str, "the name of an axis", "a text, such as 'q'")
        if name in self.variables:
            return self.variables[name]
        if name in self.letters:
            raise AmbiguousAxis(f"axis {name} is {' or '.join(self.letters[name])}")
        raise UnknownName(f"there is no axis {name!r}; {did_you_mean(name, self.variables)}")

    @cached_property
    def names(self) -> dict[int, str]:
        """The names of the variables."""
        return {v: name for name, v in self.variables.items()}

    @property
    def inputs(self) -> list[int]:
        """The nodes that are given."""
        return [k for k, node in enumerate(self.nodes) if node.kind == "input"]

    @cached_property
    def reduced(self) -> dict[int, None]:
        """The variables that something goes over, outermost first."""
        return dict.fromkeys(v for node in reversed(self.nodes) for v in node.bound)

    @cached_property
    def refused(self) -> dict[int, str]:
        """The variables along which no fold is known, and why.

        It is asked for where one reduction over a variable reads what another one gives; what is
        only added up is a fold.
        """
        found: dict[int, str] = {}
        circuit = self.circuit
        if circuit is None or self.gradients:
            return found
        for v in self.reduced:
            after = [False] * len(self.nodes)
            own = [k for k, node in enumerate(self.nodes) if v in node.bound]
            for k, node in enumerate(self.nodes):
                after[k] = any(after[j] or v in self.nodes[j].bound for j in node.operands)
            kept = any(v in one for one in self.written)
            if kept or v in self.whole or not any(after[k] for k in own):
                continue
            last = self.nodes[own[-1]].name
            for name in (self.names[v], f"{last}/{self.names[v].rpartition('/')[2]}"):
                try:
                    stream(circuit, name)
                except StreamRefused as error:
                    found[v] = str(error)
                except UnknownName:
                    continue
                break
        return found

    @cached_property
    def along(self) -> frozenset[int]:
        """The variables along which sums go on."""
        return frozenset(v for node in self.nodes for v in node.along)

    @cached_property
    def written(self) -> list[frozenset[int]]:
        """The variables of each output."""
        return [frozenset(v for f in forms for v in f.variables) for _, _, forms in self.outputs]

    @cached_property
    def counts(self) -> dict[int, int] | None:
        """The sizes of variables, if all are numbers."""
        found = {v: self.sizes[v].number for v in self.variables.values()}
        return None if None in found.values() else {v: int(n or 0) for v, n in found.items()}

    @cached_property
    def plain(self) -> list[tuple[int, ...] | None]:
        """The variables of arrays that have an entry for each of their indices; None of others."""
        found = []
        for node in self.nodes:
            at = tuple(form.wiring for form in node.forms)
            found.append(at if None not in at and {*at} == node.free else None)
        return found

    @cached_property
    def _titles(self) -> list[str]:
        return [self.shown(node.name, node.forms) for node in self.nodes]

    def title(self, node: int) -> str:
        """Write an array with the names of its variables."""
        return self._titles[node]

    def shown(self, name: str, forms: Iterable[Form]) -> str:
        """Write a name with forms."""

        def looked_up(one: Lookup) -> str:
            return self.shown("in", one.forms)

        written = (form.written(self.names.__getitem__, str, looked_up) for form in forms)
        return f"{name}[{' '.join(written)}]"


class _Reader:
    """Reads the boxes of a circuit from the last to the first."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit, self.H = circuit, circuit.apex
        self.order = circuit._walk()
        H = self.H
        rounds = [H.title(b) for b in self.order if H.operations[b].kernel.name in GATES]
        if rounds:
            raise CatlearnError(
                f"{rounds[0]}: what is repeated is no island; take the circuit of one round"
            )
        self.table = Entries()
        self.axes = [H.size_of(axis) for axis in range(H.size("Axis"))]
        self.writer = {wire: box for box in self.order for wire in H.sides[1][box]}
        self.roots = self._rooted()
        self.rooted: dict[int, set[Any]] = {}
        self.called: dict[int, tuple[str, str]] = {}
        self.over: dict[int, list[int]] = {}
        self.whole: set[int] = set()
        self.wanted: dict[int, dict[tuple[Form, ...], int]] = {}
        self.places: list[tuple[int, tuple[Form, ...]]] = []
        self.made: dict[int, IndexedArray | tuple[int, ...]] = {}
        self.hidden: dict[int, dict[Form, None]] = {}

    # ------------------------------------------------------------ variables

    def letter(self, box: int, v: int) -> str:
        """Return what a variable of a box is called: by it, by what it reads there, or its axis."""
        H = self.H
        while True:
            letters = H.operations[box].letters
            if v < len(letters) and letters[v]:
                return letters[v]
            for wire, reading in zip(H.sides[0][box], H.operations[box].readings, strict=True):
                forms = reading.forms if reading is not None else ()
                place = next((k for k, one in enumerate(forms) if one.wiring == v), None)
                if place is not None and wire in self.writer:
                    at = self.writer[wire]
                    k = H.sides[1][at].index(wire)
                    box, v = at, H.operations[at].writes[k][place]
                    break
            else:
                axis = int(H.lists["vars"].row(box)[v])
                return H.column("letter")[axis] or H.called(axis)

    def _rooted(self) -> dict[tuple[int, int], Any]:
        """Say for each position of an array which position it is, through maps of single numbers.

        A position of a parameter that meets another one is that one, and where an array is
        repeated it is none.
        """
        H, roots = self.H, {}
        names = H.column("name")

        def root(wire: int, place: int) -> Any:
            return roots.get((wire, place), (wire, place))

        for box in self.order:
            operation = H.operations[box]
            reduces = operation.targets and operation.kernel.entry.targets not in ("both", "none")
            for wire, writes in zip(H.sides[1][box], operation.writes, strict=True):
                for place, v in enumerate(writes):
                    if reduces:
                        continue
                    found: dict[Any, None] = {}
                    for operand, reading in zip(H.sides[0][box], operation.readings, strict=True):
                        for k, form in enumerate(reading.forms if reading is not None else ()):
                            if form.wiring == v and root(operand, k) is not None:
                                found[root(operand, k)] = None
                    own = [one for one in found if names[one[0]] is None] or [*found]
                    if len(own) < 2:
                        roots[wire, place] = own[0] if own else None
        return roots

    def _new(self, axis: int, letter: str, title: str) -> int:
        v = self.table.variable(self.axes[axis])
        self.over.setdefault(axis, []).append(v)
        self.called[v] = letter, title
        self.rooted[v] = set()
        return v

    def bound(self, box: int, v: int, free: frozenset[int], used: Iterable[int]) -> int:
        """Return the variable that a box takes whole, which none of its outputs has."""
        H, operation = self.H, self.H.operations[box]
        axis = int(H.lists["vars"].row(box)[v])
        names = H.column("name")
        own = {
            self.roots.get((wire, k), (wire, k))
            for wire, reading in zip(H.sides[0][box], operation.readings, strict=True)
            for k, form in enumerate(reading.forms if reading is not None else ())
            if form.wiring == v
        } - {None}
        own = {one for one in own if names[one[0]] is None} or own
        for other in self.over.get(axis, []):
            if other not in free and other not in used and self.rooted[other] & own:
                self.rooted[other] |= own
                return other
        made = self._new(axis, self.letter(box, v), self.H.title(box))
        self.rooted[made] |= own
        return made

    # ------------------------------------------------------------ boxes

    def ask(self, wire: int, forms: tuple[Form, ...]) -> int:
        """Return the number of an array at a reading."""
        known = self.wanted.setdefault(wire, {})
        if forms not in known:
            known[forms] = len(self.places)
            self.places.append((wire, forms))
            for place, form in enumerate(forms):
                root = self.roots.get((wire, place), (wire, place))
                if form.wiring is not None and root is not None and root[0] in self.writer:
                    self.rooted[form.wiring].add(root)
        return known[forms]

    def found(self) -> Indexed:
        """Return the arrays that are needed."""
        H, ends = self.H, []
        lettered: dict[tuple[int, str], int] = {}
        for wire in dict.fromkeys(self.circuit.cod):
            own: list[int] = []
            for place, axis in enumerate(H.lists["axes"].row(wire).tolist()):
                letter, title = H.column("letter")[axis] or H.called(axis), "output"
                if wire in self.writer:
                    box = self.writer[wire]
                    v = H.operations[box].writes[H.sides[1][box].index(wire)][place]
                    letter, title = self.letter(box, v), self.H.title(box)
                v = lettered.get((axis, letter), -1)
                if v < 0 or v in own:
                    v = self._new(axis, letter, title)
                    lettered.setdefault((axis, letter), v)
                self.rooted[v] |= {self.roots.get((wire, place), (wire, place))} - {None}
                own.append(v)
            forms = tuple(map(Form.variable, own))
            ends.append((self.ask(wire, forms), wire, forms))
        for box in reversed(self.order):
            self._box(box)
        for number, (wire, forms) in enumerate(self.places):
            if number not in self.made:
                real = H.types[wire] in ("R", None)
                self.made[number] = self._node("input", wire, forms, (), (), "", -1, real)
        return self._ordered(ends)

    def _node(
        self, kind: str, wire: int, forms: tuple[Form, ...], bound: Iterable[int],
        operands: Iterable[int], kernel: str, box: int, real: bool = True,
    ) -> IndexedArray:  # fmt: skip
        free = frozenset(v for form in forms for v in form.variables)
        name = self.H.column("name")[wire]
        if name is None and wire in self.circuit.dom:
            name = f"in{self.circuit.dom.index(wire)}"
        name = name or self.H.title(box)
        return IndexedArray(
            kind, name, forms, free, tuple(bound), tuple(operands), kernel, box, real
        )

    def _box(self, box: int) -> None:
        H, operation = self.H, self.H.operations[box]
        ins, entry = H.sides[0][box], operation.kernel.entry
        instances = [
            (number, wire, forms, dict(zip(writes, forms, strict=True)))
            for wire, writes in zip(H.sides[1][box], operation.writes, strict=True)
            for forms, number in self.wanted.get(wire, {}).items()
        ]
        lists = (H.lists[name].row(box).tolist() for name in ("vars", "mentions"))
        over = dict(enumerate(self.axes))
        local = {key: size.substitute(over) for key, size in sizes_at(*lists).items()}
        free = frozenset(v for _, _, forms, _ in instances for f in forms for v in f.variables)
        bound: dict[int, int] = {}
        for v in operation.targets:
            if not any(v in at for _, _, _, at in instances):
                bound[v] = self.bound(box, v, free, bound.values())
        name = operation.kernel.name
        takes = entry.targets in ("both", "whole", "chosen", "written") and name not in PREFIX
        for number, wire, forms, at in instances:
            at = at | {v: Form.variable(one) for v, one in bound.items()}
            if takes:
                for v in operation.targets:
                    self.whole |= at[v].variables
            operands: list[int] = []
            for k, reading in enumerate(operation.readings):
                if reading is not None:
                    operands += self._read(number, ins, ins[k], reading, at, local)
            passed = name in ("view", "stop") or (name in SIGNS and wire not in self.circuit.cod)
            if passed or name in ("constant", "angle", "index"):
                self.made[number] = tuple(operands)
            else:
                kind = "whole" if takes else "prefix" if name in PREFIX else "map"
                if bound and not takes:
                    kind = "sum" if name == "contraction" else "max"
                made = self._node(
                    kind, wire, forms, bound.values(), operands, name, box, H.types[wire] != "N"
                )
                along = {v for w in operation.targets for v in at[w].variables}
                self.made[number] = replace(
                    made,
                    along=tuple(sorted(along)) if kind == "prefix" else (),
                    tied=frozenset(w for _, v, _ in ties(operation) for w in at[v].variables),
                )

    def _read(
        self, number: int, ins: Sequence[int], wire: int, reading: Reading, at: Any, local: Any
    ) -> list[int]:
        """Return what an operand reads: the array, and those that say at which index."""
        asked: list[int] = []

        def size(one: Size) -> Size:
            return one.substitute(local)

        def looked_up(one: Lookup, change: Change) -> Form:
            inner = tuple(map(change, one.forms))
            asked.append(self.ask(ins[one.operand], inner))
            return Form.atom(Lookup(ins[one.operand], inner))

        def form(one: Form) -> Form:
            return one.rewritten(
                at.__getitem__,
                size,
                lambda own, change: self.table.part(own.kind, change(own.form), size(own.by)),
                looked_up,
            )

        forms = tuple(map(form, reading.forms))
        conditions = dict.fromkeys(map(form, reading.conditions))
        if reading.outside == -math.inf:
            self.hidden.setdefault(number, {}).update(conditions)
        return [self.ask(wire, forms), *asked]

    # ------------------------------------------------------------ what was found

    def _resolved(self) -> dict[int, tuple[dict[int, None], dict[Form, None]]]:
        """Return what each reading comes to, and the masks on the way: views are passed."""
        found: dict[int, tuple[dict[int, None], dict[Form, None]]] = {}
        for number in range(len(self.places)):
            stack = [number]
            while stack:
                made = self.made[stack[-1]]
                left = [k for k in made if k not in found] if isinstance(made, tuple) else []
                if left:
                    stack += left
                    continue
                at = stack.pop()
                nodes, masks = (
                    ({}, self.hidden.get(at, {})) if isinstance(made, tuple) else ({at: None}, {})
                )
                for k in made if isinstance(made, tuple) else ():
                    nodes, masks = nodes | found[k][0], masks | found[k][1]
                found[at] = nodes, masks
        return found

    def _ordered(self, ends: list[tuple[int, int, tuple[Form, ...]]]) -> Indexed:
        found = self._resolved()
        real = {k: made for k, made in self.made.items() if isinstance(made, IndexedArray)}
        order = {box: k for k, box in enumerate(self.order)}
        kept = sorted(real, key=lambda k: (order.get(real[k].box, -1), k))
        place = {number: k for k, number in enumerate(kept)}
        nodes = []
        for number in kept:
            given, masks = real[number].operands, dict(self.hidden.get(number, {}))
            operands = tuple(place[k] for one in given for k in found[one][0])
            for one in given:
                masks |= found[one][1]
            nodes.append(replace(real[number], operands=operands, masks=tuple(masks)))
        outputs = [
            (place[next(iter(found[number][0]))], self.H.column("name")[wire] or f"out{k}", forms)
            for k, (number, wire, forms) in enumerate(ends)
            if found[number][0]
        ]
        used = dict.fromkeys(v for _, _, forms in outputs for f in forms for v in f.variables)
        used |= dict.fromkeys(v for node in reversed(nodes) for v in sorted(node.every))
        letters: dict[str, list[int]] = {}
        for v in used:
            letters.setdefault(self.called[v][0], []).append(v)
        names: dict[int, str] = {}
        for v in used:
            letter, title = self.called[v]
            long = f"{short_title(title)}/{letter}"
            names[v] = fresh(letter if len(letters[letter]) == 1 else long, names.values(), "#")
        shared = {
            letter: [names[v] for v in some] for letter, some in letters.items() if len(some) > 1
        }
        return Indexed(
            nodes, outputs, self.table.sizes, {name: v for v, name in names.items()}, shared,
            frozenset(self.whole), readings={wire: [*asked] for wire, asked in self.wanted.items()},
        )  # fmt: skip
