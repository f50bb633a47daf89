"""Islands: parts of a circuit that run as one fold each, since they save a large array.

A pass that reduces a large array is cut out of the circuit, with the boxes that make this array,
and an opaque box is put in its place. What several passes read is formed again in each.

>>> from catlearn.arrays import einsum, idle, softmax
>>> scores = einsum("q d, x d -> q x") >> softmax("[x]")
>>> attention = (scores @ idle >> einsum("q x, x e -> q e")).unfold()
>>> sizes = dict.fromkeys(range(attention.apex.size("Axis")), 64)
>>> sizes |= {axis: 4 for axis in sizes if attention.apex.called(axis) in "de"}
>>> (one,), refused = islands_of(attention, sizes, least=2.0)
>>> one.title, one.largest, one.block, one.fold.kinds
('einsum/x', 4096, 16, ('max', 'sum', 'sum'))
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod

import numpy as np

from catlearn.arrays.blocks import path
from catlearn.arrays.boxes import Draft, Operation
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.forms import Reading
from catlearn.arrays.kernels import Kernel
from catlearn.streams.folding import Fold, derived, summed
from catlearn.streams.passes import Pass, ancestors, earlier, letter_at, named, passes
from catlearn.streams.prefix import PrefixFold, Sweep, swept
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
    block
        How many indices are read at a time.
    title
        Which box reduces over which variable.
    """

    fold: Fold | PrefixFold
    rest: Circuit
    label: str
    largest: int
    block: int
    title: str


AT_ONCE = 2**17
"""About how many numbers of the largest array are formed at once, unless said."""


def block_for(largest: int, size: int, state: int = 0) -> int:
    """Return how many indices are read at a time: a power of 2.

    Parameters
    ----------
    largest
        How many numbers the largest array has.
    size
        How many indices there are.
    state
        How many numbers the largest array has that all blocks read, or write: as many are formed at
        once at least.
    """
    count = max(
        min(AT_ONCE * size // max(largest, 1), size // 32, 1024),
        min(state * size // max(largest, 1), size // 4),
    )
    return 2 ** (max(count, 16).bit_length() - 1)


JOINED = ("add", "mul", "neg", "reciprocal", "sqrt", "log", "exp", "square", "contraction", "view")
"""Kernels of boxes after a pass that belong to it where all that they read is of it."""


def islands_of(
    circuit: Circuit,
    sizes: Mapping[int, int],
    least: float,
    block: int | None = None,
    letters: Iterable[str] | None = None,
    name: str = "stream",
    threshold: int = 0,
    whole: Container[int] = (),
    worth: Callable[[Fold | PrefixFold, int, int], str | None] | None = None,
) -> tuple[list[Island], dict[str, str]]:
    """Return the passes that save large arrays, one after the other, and why others do not run.

    Large arrays that several passes read are formed again in each, if then none is formed whole.

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
        How many indices a block has, :func:`block_for` unless said: what has no more is left alone.
    letters
        The variables that may be streamed; None for all.
    name
        What the labels of their boxes begin with.
    threshold
        How many numbers a large array has at least.
    whole
        Axes that are not streamed.
    worth
        Says of a fold, of the largest array that it saves, and how many indices are read at a time,
        why it does not pay, or nothing.
    """
    for axis in dict.fromkeys(one.axis for one in passes(circuit)):
        circuit = summed(circuit, axis)
    options = sizes, least, block, letters, name, threshold, whole, worth
    once = _islands(circuit, *options, again=False)
    if ELSEWHERE not in once[1].values():
        return once
    twice = _islands(circuit, *options, again=True)

    def formed(found: list[Island]) -> int:
        rest = found[-1].rest if found else circuit
        return sum(_numbers(rest, w, sizes) for b in rest._walk() for w in rest.apex.sides[1][b])

    return min(once, twice, key=lambda made: formed(made[0]))


ELSEWHERE = "a large array is read elsewhere, too"


def _numbers(circuit: Circuit, wire: int, sizes: Mapping[int, int]) -> int:
    """Return how many numbers an array has."""
    return prod(sizes[axis] for axis in circuit.apex.lists["axes"].row(wire).tolist())


def _islands(
    circuit: Circuit, sizes: Mapping[int, int], least: float, block: int | None,
    letters: Iterable[str] | None, name: str, threshold: int, whole: Container[int],
    worth: Callable[[Fold | PrefixFold, int, int], str | None] | None, again: bool,
) -> tuple[list[Island], dict[str, str]]:  # fmt: skip
    found: list[Island] = []
    refused: dict[frozenset[int], tuple[str, str]] = {}
    tried: set[tuple[bool, frozenset[int]]] = set()
    joint: list[Pass] = []

    def results(one: Pass) -> frozenset[int]:
        return frozenset(wire for box in one.reductions for wire in H.sides[1][box])

    def key(one: Pass) -> tuple[bool, frozenset[int]]:
        return one in joint, results(one)

    def length(largest: int, one: Pass, state: int = 0) -> int:
        return block or block_for(largest, sizes[one.axis], state)

    while True:
        options = []
        H = circuit.apex
        levels = dict.fromkeys(tuple(path(H, box, plain=False)) for box in H.order)
        pairs = product(levels, (False, True))
        sweep = Sweep(circuit)
        kept = {box: sweep.letter(box, t) for box, (_, t) in sweep.prefixes.items()}
        together: dict[int, dict[int, int]] = {}
        for box, (s, t) in sweep.prefixes.items():
            together.setdefault(sweep.at(box, t), {})[box] = s
        joint = [Pass(own, sweep.at(*next(iter(own.items()))), tuple(own))
                 for own in together.values() if len(own) > 1]  # fmt: skip
        every = [one for at, through in pairs for one in passes(circuit, None, at, through)]
        for one in (*joint, *every):
            names = {letter_at(H, b, v) for b, v in one.reductions.items()} | {H.called(one.axis)}
            names |= {kept[b] for b in one.reductions if b in kept}
            if one.axis in whole or (letters is not None and names.isdisjoint(letters)):
                continue
            inside, largest = _large(circuit, one, sizes, least, threshold)
            if inside and key(one) not in tried and sizes[one.axis] > length(largest, one):
                order = one not in joint, -largest, not one.through, len(inside)
                options.append((*order, named(circuit, one)[0], one))
        made = None
        for *_, title, one in sorted(options, key=lambda option: option[:5]):
            while one is not None and made is None and key(one) not in tried:
                tried.add(key(one))
                label, alone = f"{name} {len(found)}", one not in joint
                reason, parted, largest = "", None, 0
                for near in (again, not again):
                    inside, most = _large(circuit, one, sizes, least, threshold, near)
                    try:
                        if inside and parted is None:
                            parted = _parted(circuit, one, inside, label, again, sizes, alone)
                            largest = most
                    except StreamRefused as error:
                        reason = reason or str(error)
                if parted is None:
                    if alone:
                        refused[results(one)] = title, reason
                    one = None
                    continue
                fold, rest = parted
                H = circuit.apex
                read = [_numbers(fold.tail, wire, sizes) for wire in fold.tail.dom]
                state, fixed = max(read[: len(fold.kinds)]), read[len(fold.kinds) :]
                if state >= largest:
                    reason = f"its state has {state:,} numbers, the largest array {largest:,}"
                    refused[results(one)] = title, reason
                    one = earlier(circuit, one)
                    continue
                count = length(largest, one, max([state, *fixed]))
                if worth is not None and (reason := worth(fold, largest, count)):
                    refused[results(one)], one = (title, reason), None
                    continue
                swept_at = f"{title.rpartition('/')[0]}/{fold.variable}"
                shown = swept_at if isinstance(fold, PrefixFold) else title
                made = Island(fold, rest, label, largest, count, shown)
                own = results(one)
                refused = {other: why for other, why in refused.items() if own.isdisjoint(other)}
            if made is not None:
                break
        if made is None:
            shown = dict[str, str]()
            for title, reason in refused.values():
                same = sum(other.partition(" (")[0] == title for other in shown)
                shown[f"{title} ({same + 1})" if same else title] = reason
            return found, shown
        found.append(made)
        circuit = made.rest


def _large(
    circuit: Circuit, one: Pass, sizes: Mapping[int, int], least: float, threshold: int,
    near: bool = False,
) -> tuple[set[int], int]:  # fmt: skip
    """Return the boxes of large arrays of a pass and of what is made of these, and the largest.

    Near ones are those from which large arrays alone lead to what the pass reduces: the hidden
    layer of the layer before is not one of those of an attention.
    """
    H, nodes = circuit.apex, one.nodes(circuit)

    def numbers(wire: int) -> int:
        return _numbers(circuit, wire, sizes)

    ends = [*circuit.dom, *(row for row, name in enumerate(H.column("name")) if name is not None)]
    ends += [wire for box in one.reductions for wire in H.sides[1][box]]
    bound = max(least * max(map(numbers, ends)), threshold - 1)
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
    if near:
        found, stack = set[int](), [*one.reductions]
        while stack:
            wires = H.sides[0][stack.pop()]
            ahead = {nodes.writer[w] for w in wires if w in nodes.writer and numbers(w) > bound}
            stack += (ahead & inside) - found
            found |= ahead & inside
        inside = found
    largest = max((numbers(w) for box in inside for w in H.sides[1][box]), default=0)
    return inside, largest


def _swept(
    island: Circuit, reductions: Mapping[int, int], sizes: Mapping[int, int]
) -> PrefixFold | None:
    """Return the prefix fold of an island, if all that it reduces is earlier."""
    nodes = Sweep(island)
    if not {*reductions} <= {*nodes.prefixes}:
        return None
    ends = [(nodes.at(box, s), nodes.at(box, t)) for box, (s, t) in nodes.prefixes.items()]
    if len({t for _, t in ends}) > 1 or any(sizes[s] != sizes[t] for s, t in ends):
        return None
    (box, *_) = reductions
    try:
        return swept(island, nodes.letter(box, nodes.prefixes[box][1]), ends[0][1])
    except StreamRefused:
        return None


def _parted(
    circuit: Circuit, one: Pass, inside: set[int], label: str, again: bool,
    sizes: Mapping[int, int], alone: bool,
) -> tuple[Fold | PrefixFold, Circuit]:  # fmt: skip
    """Return the fold of some boxes, and the circuit in which they are one opaque box.

    Prefix reductions after each other are no fold but a prefix fold: they do not stand ``alone``.

    Large arrays that are read elsewhere, too, are formed again there, if they may be.
    """
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
        joined = here and box not in own and H.operations[box].kernel.name in JOINED
        small = (c or b in own - inside for b, c in zip(reads, constant, strict=True))
        if joined and not own.isdisjoint(reads) and all(small):
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
    kept, results, stack = set[int](), set[int](), [*(made & asked)]
    while stack:
        wire = stack.pop()
        box = writer.get(wire, -1)
        if box in inside and box not in kept:
            kept.add(box)
            stack += ins[box]
        elif box in own - inside:
            results.add(wire)
    if kept and not again:
        raise StreamRefused(label, ELSEWHERE)
    results = sorted(results)
    if ancestors(H, given) & own:
        raise StreamRefused(label, "what it reads needs what it returns")
    order = [box for box in H.order if box in own or box in constants]
    draft = Draft.of(H)
    draft.wires = [row._replace(name=None, initialiser=None) for row in draft.wires]
    draft.boxes = [draft.boxes[box]._replace(within=()) for box in order]
    island = Circuit.of(draft, given, results)
    reductions = {order.index(box): v for box, v in one.reductions.items()}
    fold = _swept(island, reductions, sizes)
    if fold is None and not alone:
        raise StreamRefused(label, "what is earlier is reduced in several passes")
    if fold is None:
        same = Pass(reductions, one.axis, (), through=one.through)
        fold = derived(island, same, H.called(one.axis))
    rest = Draft.of(H)
    variables = [axis for w in (*given, *results) for axis in rest.wires[w].axes]
    starts = np.cumsum([0, *(len(rest.wires[w].axes) for w in (*given, *results))]).tolist()
    spans = [tuple(range(a, b)) for a, b in pairwise(starts)]
    whole = Operation(
        Kernel("opaque", (("label", label), ("random", False))),
        tuple(map(Reading.wiring, spans[: len(given)])), tuple(spans[len(given) :]),
        tuple(range(len(variables))), title=label,
    )  # fmt: skip
    rest.boxes = [row for box, row in enumerate(rest.boxes) if box not in own - kept]
    rest.box(whole, given, results, variables, within=one.level)
    return fold, Circuit.of(rest, circuit.dom, circuit.cod)
