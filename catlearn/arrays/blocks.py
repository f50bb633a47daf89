"""Blocks: boxes of a circuit that belong together, and those that are repeated.

A *block* is a group of boxes, a row of a table: ``within : Box -> List(Block)`` lists the blocks of
a box, outermost first. A block has a title, and as a rule nothing else: it is a frame in pictures,
and a circuit is equal to itself without it. A block with *rounds*,
``rounds : Block -> List(Axis)``, is repeated: it runs once for each index of that axis. Arrays go
in and out of it by *gates*, boxes of the block with kernels of their own:

* ``start`` reads what goes round, outside, and writes it for the first round;
* ``each`` reads an array with the axis of rounds, and writes its entry of the present round: the
  parameters of a repeated layer, the sequences of a scan;
* ``last`` reads what its ``start`` wrote, and what the next round starts from; it writes what there
  is after the last round;
* ``stack`` reads an array of the round, and writes all of them along the axis of rounds.

Axes, sizes and parameters in a block are rows of the circuit as all others are, so sizes are
solved, given and counted as everywhere. A box in a block may read arrays outside directly: they are
the same in all rounds.

>>> from catlearn.arrays import linear, relu
>>> f = (linear("W", "m -> f") >> relu >> linear("V", "f -> m")).repeat(3, "layers")
>>> {name: [str(size) for size in sizes] for name, sizes in f.parameters.items()}
{'layers/W': ['3', 'm', 'f'], 'layers/V': ['3', 'f', 'm']}
>>> [item[0] if isinstance(item, tuple) else item for item in nested(f.apex, f.apex.order)]
[0]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from catlearn.arrays.boxes import ArrayHypergraph, Operation
from catlearn.arrays.forms import Reading
from catlearn.arrays.kernels import Kernel
from catlearn.category import Hypergraph, hypergraph
from catlearn.category.hypergraph import HYPERGRAPH
from catlearn.errors import Failure
from catlearn.finset import FinSet

GATES = ("start", "each", "last", "stack")
"""The kernels by which arrays go in and out of a block with rounds."""

Nested = list[Any]
"""Boxes in order; those of a block stand together, as a pair of the block and such a list."""


def gate(kernel: str, letters: Sequence[str], title: str) -> Operation:
    """Return the operation of a gate for an array of the round with these letters.

    The variable of the rounds comes first, where there is one.
    """
    rank = len(letters)
    if kernel in ("start", "last"):
        whole = Reading.wiring(range(rank))
        readings = (whole,) if kernel == "start" else (whole, whole)
        return Operation(
            Kernel(kernel), readings, (tuple(range(rank)),), letters=tuple(letters), title=title
        )
    every, inner = tuple(range(rank + 1)), tuple(range(1, rank + 1))
    read, write = (every, inner) if kernel == "each" else (inner, every)
    letters = ("", *letters)
    return Operation(
        Kernel(kernel), (Reading.wiring(read),), (write,), (0,), letters=letters, title=title
    )


def path(H: ArrayHypergraph, box: int, plain: bool = True) -> list[int]:
    """Return the blocks that a box is in, outermost first: all, or those with rounds."""
    rounds = H.lists["rounds"]
    return [
        block
        for block in H.lists["within"].row(box).tolist()
        if plain or len(rounds.row(block))
    ]  # fmt: skip


def nested(H: ArrayHypergraph, boxes: Iterable[int], plain: bool = True) -> Nested:
    """Return boxes so that those of a block stand together, each after what it needs.

    Parameters
    ----------
    H
        The boxes and arrays of a circuit.
    boxes
        Some of its boxes, each after those that write what it reads.
    plain
        Whether blocks without rounds count, too.

    Returns
    -------
    list
        Rows of boxes, and pairs of the row of a block and such a list.
    """
    paths = {box: path(H, box, plain) for box in boxes}
    return _nested(H, list(paths), paths, 0)


def _nested(
    H: ArrayHypergraph, boxes: list[int], paths: dict[int, list[int]], depth: int
) -> Nested:
    if all(len(paths[box]) == depth for box in boxes):
        return [*boxes]
    ins, outs = H.sides
    groups: dict[tuple[int, int], list[int]] = {}
    for box in boxes:
        key = (1, paths[box][depth]) if len(paths[box]) > depth else (0, box)
        groups.setdefault(key, []).append(box)
    writer = {wire: key for key, some in groups.items() for box in some for wire in outs[box]}
    done: dict[tuple[int, int], None] = {}
    for first in groups:
        stack, seen = [first], set()
        while stack:
            key = stack[-1]
            needs = [writer[w] for box in groups[key] for w in ins[box] if w in writer]
            left = [k for k in needs if k != key and k not in done] if key not in seen else []
            seen.add(key)
            if left:
                stack += [k for k in reversed(left) if k not in seen]
                continue
            done.setdefault(stack.pop())
    return [
        (key, _nested(H, groups[kind, key], paths, depth + 1)) if kind else key
        for kind, key in done
    ]


@dataclass(frozen=True)
class Loop:
    """A block with rounds, as one box: it reads states, entries and what is fixed, in this order.

    Parameters
    ----------
    block, axis
        The rows of the block, and of the axis of its rounds.
    states
        How many arrays go round: it reads those before the first round first, and writes those
        after the last one first.
    entries
        Where the axis of rounds stands in each array of which rounds read an entry.
    results
        Where it stands in each array that is stacked.
    body
        What runs in a round: it reads states, entries and what is fixed, and writes the next states
        and results.
    """

    block: int
    axis: int
    states: int
    entries: tuple[int, ...]
    results: tuple[int, ...]
    body: hypergraph.StringDiagram


def flat(boxes: Nested) -> list[int]:
    """Return nested boxes as a list.

    Examples
    --------
    >>> flat([0, (7, [2, (8, [1])]), 3])
    [0, 2, 1, 3]
    """
    found = []
    for one in boxes:
        found += flat(one[1]) if isinstance(one, tuple) else [one]
    return found


def level(
    H: ArrayHypergraph, boxes: Nested, inputs: Sequence[int], outputs: Sequence[int]
) -> hypergraph.StringDiagram:
    """Return nested boxes as an open hypergraph in which each block with rounds is one box.

    Parameters
    ----------
    H
        The boxes and arrays of a circuit.
    boxes
        Some of its boxes, nested by blocks with rounds.
    inputs, outputs
        The arrays that are given and asked for.

    Returns
    -------
    StringDiagram
        Its boxes are labelled by the row of the box, or a :class:`Loop`.
    """
    rows: list[tuple[list[int], list[int]]] = []
    labels: list[int | Loop] = []
    for one in boxes:
        if isinstance(one, tuple):
            reads, writes, made = _loop(H, *one)
            rows.append((reads, writes))
        else:
            rows.append(([*H.sides[0][one]], [*H.sides[1][one]]))
            made = one
        labels.append(made)
    ins, outs = ([row[side] for row in rows] for side in (0, 1))
    sets = {"Wire": H.sets["Wire"], "Box": FinSet(len(rows))}
    columns = {"type": H.types, "operation": labels, "ins": ins, "outs": outs}
    apex = Hypergraph._of_columns(HYPERGRAPH, sets, columns)
    return hypergraph.StringDiagram(apex, tuple(inputs), tuple(outputs))


def _loop(H: ArrayHypergraph, block: int, boxes: Nested) -> tuple[list[int], list[int], Loop]:
    """Return what a block with rounds reads and writes, and the block."""
    ins, outs = H.sides
    gates: dict[str, list[int]] = {kernel: [] for kernel in GATES}
    rest: Nested = []
    for box in boxes:
        some: Nested = (
            rest if isinstance(box, tuple) else gates.get(H.operations[box].kernel.name, rest)
        )
        some.append(box)
    last = {ins[box][0]: box for box in gates["last"]}
    ends = [(box, last[outs[box][0]]) for box in gates["start"]]

    def places(boxes: Iterable[int], reads: bool) -> tuple[int, ...]:
        found: list[int] = []
        for box in boxes:
            operation = H.operations[box]
            reading = operation.readings[0]
            forms = reading.forms if reading is not None and reads else ()
            variables = [form.wiring for form in forms] or operation.writes[0]
            found.append([*variables].index(operation.targets[0]))
        return tuple(found)

    inner = [outs[box][0] for box in (*gates["start"], *gates["each"])]
    every = flat(rest)
    written = {*inner, *(wire for box in every for wire in outs[box])}
    results = [*(ins[end][1] for _, end in ends), *(ins[box][0] for box in gates["stack"])]
    needed = [*(wire for box in every for wire in ins[box]), *results]
    fixed = list(dict.fromkeys(wire for wire in needed if wire not in written))
    (axis,) = H.lists["rounds"].row(block).tolist()
    made = Loop(
        block, axis, len(ends), places(gates["each"], True), places(gates["stack"], False),
        level(H, rest, [*inner, *fixed], results),
    )  # fmt: skip
    reads = [*(ins[box][0] for box in (*gates["start"], *gates["each"])), *fixed]
    writes = [*(outs[end][0] for _, end in ends), *(outs[box][0] for box in gates["stack"])]
    return reads, writes, made


def block_failures(H: ArrayHypergraph, asked: Iterable[int]) -> list[Failure]:
    """List what keeps groups of boxes from being blocks.

    Parameters
    ----------
    H
        The boxes and arrays of a circuit.
    asked
        The arrays that are read from outside: its outputs.
    """
    failures: list[Failure] = []

    def fail(law: str, where: str, message: str) -> None:
        failures.append(Failure(law, where, message))

    def title(block: int) -> str:
        return f"block {H.column('title')[block]!r}"

    ins, outs = H.sides
    for block, rounds in enumerate(H.lists["rounds"]):
        if len(rounds) > 1:
            fail("blocks", title(block), "has rounds over more than one axis")
    above: dict[int, list[int]] = {}
    paths = [path(H, box) for box in range(H.size("Box"))]
    for box, blocks in enumerate(paths):
        for k, block in enumerate(blocks):
            if above.setdefault(block, blocks[:k]) != blocks[:k]:
                fail("blocks", H.title(box), f"is in {title(block)}, which is elsewhere in others")
    if failures:
        return failures
    order = flat(nested(H, H.order))
    at, writer = {box: k for k, box in enumerate(order)}, H.writer
    for box in order:
        if any(w in writer and at[writer[w]] >= at[box] for w in ins[box]):
            where = title(paths[box][0]) if paths[box] else H.title(box)
            fail("blocks", where, "needs what it writes: its boxes cannot stand together")
    loops = [path(H, box, plain=False) for box in range(H.size("Box"))]
    starts: dict[int, list[int]] = {}
    for box, operation in enumerate(H.operations):
        kernel, inside = operation.kernel.name, loops[box]
        if kernel in GATES and not inside:
            fail("rounds", H.title(box), "is a gate, and in no block with rounds")
            continue
        if kernel in GATES and len(operation.targets) != (kernel in ("each", "stack")):
            fail("rounds", H.title(box), "takes the axis of rounds whole, if it has it")
        elif kernel in ("each", "stack"):
            (axis,) = H.lists["rounds"].row(inside[-1]).tolist()
            if H.lists["vars"].row(box)[operation.targets[0]] != axis:
                fail("rounds", H.title(box), f"has another axis than {title(inside[-1])}")
        if kernel == "start":
            starts.setdefault(outs[box][0], [])
        types = H.arrows["type"].values
        kinds = {int(types[wire]) for wire in (*ins[box], *outs[box])}
        if kernel in GATES and len(kinds) > 1:
            fail("rounds", H.title(box), "reads and writes other numbers")
        for wire in ins[box]:
            source = loops[writer[wire]] if wire in writer else []
            if wire in writer and H.operations[writer[wire]].kernel.name in ("last", "stack"):
                if source[-1:] and source[-1] in inside:
                    message = f"needs what {title(source[-1])} writes after its last round"
                    fail("rounds", H.title(box), message)
                source = source[:-1]
            seen = inside[:-1] if kernel in ("start", "each") else inside
            if source != seen[: len(source)]:
                fail("rounds", H.title(box), "reads an array of a round from outside of its block")
    for box, operation in enumerate(H.operations):
        if operation.kernel.name == "last" and ins[box]:
            before = starts.get(ins[box][0])
            if before is None or loops[writer[ins[box][0]]] != loops[box]:
                fail("rounds", H.title(box), "does not read what a start of its block writes")
            else:
                before.append(box)
    for wire, found in starts.items():
        if len(found) != 1:
            fail("rounds", H.title(writer[wire]), f"is followed by {len(found)} gates 'last'; one")
    for wire in dict.fromkeys(asked):
        if wire in writer:
            gates = H.operations[writer[wire]].kernel.name in ("last", "stack")
            if loops[writer[wire]][: -1 if gates else None]:
                fail(
                    "rounds", H.title(writer[wire]), "writes an array of a round that is asked for"
                )
    return failures
