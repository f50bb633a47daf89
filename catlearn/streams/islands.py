"""Islands: parts of a circuit that run as one fold each, since they save a large array."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np

from catlearn.arrays.blocks import path
from catlearn.arrays.boxes import Draft, Operation
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.forms import Reading
from catlearn.arrays.kernels import Kernel
from catlearn.streams.folding import Fold, derived, summed
from catlearn.streams.nodes import Nodes
from catlearn.streams.passes import Pass, ancestors, letter_at, named, passes
from catlearn.streams.rules import StreamRefused


@dataclass(frozen=True)
class Island:
    """Boxes of a circuit that run as one fold.

    Parameters
    ----------
    fold
        The fold of these boxes.
    rest
        The circuit in which they are one opaque box.
    label
        The label of this box.
    largest
        How many numbers the largest array has that is not formed whole.
    title
        Which box reduces over which variable.
    """

    fold: Fold
    rest: Circuit
    label: str
    largest: int
    title: str


JOINED = ("add", "mul", "neg", "reciprocal", "sqrt", "log", "exp", "square", "contraction", "view")
"""Kernels of boxes after a pass that belong to it where all that they read is of it."""


def islands_of(
    circuit: Circuit,
    sizes: Mapping[int, int],
    least: float,
    block: int,
    letters: Iterable[str] | None = None,
    name: str = "stream",
) -> tuple[list[Island], dict[str, str]]:
    """Return the passes that save large arrays, one after the other, and why others do not run.

    Parameters
    ----------
    circuit
        The circuit, without kernels that have definitions.
    sizes
        Of its axes.
    least
        How many times as many numbers as the arrays that are given, and that it reduces to, a
        large array has.
    block
        How many indices a block has: what has no more is left alone.
    letters
        The variables that may be streamed; None for all.
    name
        What the labels of their boxes begin with.
    """
    found: list[Island] = []
    refused: dict[str, str] = {}
    for axis in dict.fromkeys(one.axis for one in passes(circuit)):
        circuit = summed(circuit, axis)
    while True:
        options = []
        H = circuit.apex
        levels = dict.fromkeys(tuple(path(H, box, plain=False)) for box in H.order)
        for one in (one for level in levels for one in passes(circuit, level=level)):
            names = {letter_at(H, b, v) for b, v in one.reductions.items()} | {H.called(one.axis)}
            if sizes[one.axis] <= block or (letters is not None and names.isdisjoint(letters)):
                continue
            (title, *_) = named(circuit, one)
            inside, largest = _large(circuit, one, sizes, least)
            if inside and title not in refused:
                options.append((-largest, len(inside), title, one, inside))
        for negative, _, title, one, inside in sorted(options, key=lambda option: option[:3]):
            try:
                made = _parted(circuit, one, inside, f"{name} {len(found)}")
            except StreamRefused as error:
                refused[title] = str(error)
                continue
            found.append(Island(*made, f"{name} {len(found)}", -negative, title))
            circuit = found[-1].rest
            break
        else:
            return found, refused


def _large(
    circuit: Circuit, one: Pass, sizes: Mapping[int, int], least: float
) -> tuple[set[int], int]:
    """Return the boxes of large arrays of a pass and of what is made of these, and the largest."""
    H, nodes = circuit.apex, Nodes(circuit, one.axis, one.level)

    def numbers(wire: int) -> int:
        return prod(sizes[axis] for axis in H.lists["axes"].row(wire).tolist())

    ends = [*circuit.dom, *(row for row, name in enumerate(H.column("name")) if name is not None)]
    ends += [wire for box in one.reductions for wire in H.sides[1][box]]
    bound = least * max(map(numbers, ends))
    made = nodes.cone(one.reductions.items()).values()
    boxes = {found[0] for found in made if found is not None}
    inside: set[int] = set()
    for box in H.order:
        if box in boxes:
            large = any(numbers(wire) > bound for wire in H.sides[1][box])
            after = any(
                wire in nodes.writer and nodes.writer[wire] in inside for wire in H.sides[0][box]
            )
            if large or after:
                inside.add(box)
    largest = max((numbers(w) for box in inside for w in H.sides[1][box]), default=0)
    return inside, largest


def _parted(circuit: Circuit, one: Pass, inside: set[int], label: str) -> tuple[Fold, Circuit]:
    """Return the fold of some boxes, and the circuit in which they are one opaque box."""
    H = circuit.apex
    ins, outs = H.sides
    writer = {wire: box for box, wires in enumerate(outs) for wire in wires}
    own = {*inside, *one.reductions}
    after: set[int] = set()
    for box in H.order:
        if any(w in writer and writer[w] in (after | {*one.reductions}) for w in ins[box]):
            after.add(box)
    own |= after & ancestors(H, [w for box in own for w in ins[box]])
    for box in H.order:
        reads = [writer.get(w, -1) for w in ins[box]]
        constant = [b >= 0 and H.operations[b].kernel.name == "constant" for b in reads]
        here = tuple(path(H, box, plain=False)) == one.level
        if here and box not in own and H.operations[box].kernel.name in JOINED and any(
            b in own for b in reads
        ) and all(b in own or c for b, c in zip(reads, constant, strict=True)):  # fmt: skip
            own.add(box)
    if any(tuple(path(H, box, plain=False)) != one.level for box in own):
        raise StreamRefused(label, "boxes of a block with rounds stay in it")
    every = [b for b in H.order if H.operations[b].kernel.name == "constant"]
    constants = {b for b in every if any(outs[b][0] in ins[box] for box in own)} - own
    made = {wire for box in own for wire in outs[box]}
    given = list(dict.fromkeys(w for box in sorted(own) for w in ins[box] if w not in made
                              and writer.get(w) not in constants))  # fmt: skip
    asked = {w for box in range(H.size("Box")) if box not in own for w in ins[box]}
    asked |= {*circuit.cod}
    results = sorted(made & asked)
    if {writer[wire] for wire in results} & inside:
        raise StreamRefused(label, "a large array is read elsewhere, too")
    if ancestors(H, given) & own:
        raise StreamRefused(label, "what it reads needs what it returns")
    order = [box for box in H.order if box in own or box in constants]
    draft = Draft.of(H)
    draft.wires = [row._replace(name=None, initialiser=None) for row in draft.wires]
    draft.boxes = [draft.boxes[box]._replace(within=()) for box in order]
    island = Circuit.of(draft, given, results)
    reductions = {order.index(box): v for box, v in one.reductions.items()}
    fold = derived(island, Pass(reductions, one.axis, ()), H.called(one.axis))
    rest = Draft.of(H)
    variables = [axis for w in (*given, *results) for axis in rest.wires[w].axes]
    starts = np.cumsum([0, *(len(rest.wires[w].axes) for w in (*given, *results))]).tolist()
    spans = [tuple(range(a, b)) for a, b in pairwise(starts)]
    whole = Operation(
        Kernel("opaque", (("label", label), ("random", False))),
        tuple(map(Reading.wiring, spans[: len(given)])), tuple(spans[len(given) :]),
        tuple(range(len(variables))), title=label,
    )  # fmt: skip
    rest.boxes = [row for box, row in enumerate(rest.boxes) if box not in own]
    rest.box(whole, given, results, variables, within=one.level)
    return fold, Circuit.of(rest, circuit.dom, circuit.cod)
