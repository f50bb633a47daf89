"""Alignment: how circuits are glued where their arrays meet.

The ranks of arrays that meet are reconciled by lifting connected components of boxes; then circuits
are glued by a colimit of their tables, which identifies axes position by position, and what has one
name in several of them.

>>> from catlearn.arrays import linear, relu, softmax
>>> parts = [linear("W", "m -> h d"), softmax("[y]") >> relu]
>>> meets = [((0, parts[0].cod[0]), (1, parts[1].dom[0]))]
>>> levels(parts, meets)[1]
{0: 1}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from catlearn.arrays.boxes import ArrayHypergraph, Draft, Operation
from catlearn.arrays.forms import Reading
from catlearn.arrays.kernels import Kernel
from catlearn.cset.cospan import free_rows, glued, leg_along
from catlearn.errors import Failure, LabelConflict, NotComposable, refuse
from catlearn.finset import Colimit
from catlearn.finset.merge import quotient


class OpenArrays(Protocol):
    """Boxes and arrays with lists of arrays that are given and asked for, as a circuit is."""

    apex: ArrayHypergraph
    dom: tuple[int, ...]
    cod: tuple[int, ...]

    @classmethod
    def of(cls, rows: ArrayHypergraph | Draft, dom: Iterable[int], cod: Iterable[int]) -> Self:
        """Return the circuit of rows that are valid."""
        ...


C = TypeVar("C", bound=OpenArrays)

Place = tuple[int, int]
"""A circuit, by its number, and the row of one of its arrays."""


def components(circuit: OpenArrays) -> tuple[np.ndarray, frozenset[int]]:
    """Return the connected component of each array, and those that inputs reach.

    Arrays that a box reads or writes are connected; parameters do not connect, and are
    components by themselves.
    """
    H = circuit.apex
    size, left, right = H.size("Wire"), [], []
    for box, (ins, outs) in enumerate(zip(*H.sides, strict=True)):
        ends = [*(w for w in ins if H.column("name")[w] is None), *outs]
        left += ends
        right += [size + box] * len(ends)
    found, _ = quotient(size + H.size("Box"), np.array(left, np.int64), np.array(right, np.int64))
    return found, frozenset(found[list(circuit.dom)].tolist())


def levels(
    parts: Sequence[OpenArrays], meets: Iterable[tuple[Place, Place]], rigid: Iterable[int] = ()
) -> list[dict[int, int]]:
    """Return by how many axes each component has to be lifted for arrays to have equal ranks.

    It is the least solution, in which some component of what meets is not lifted. What no input
    reaches is not lifted, and neither are circuits that are *rigid*.

    Returns
    -------
    list
        For each circuit: component -> number of axes, where there are any.

    Raises
    ------
    NotComposable
        Listing arrays that no lifting aligns.
    """
    found = [components(part) for part in parts]
    fixed = {*rigid}
    links: dict[Place, list[tuple[Place, int, tuple[Place, Place]]]] = {}
    for one, other in meets:
        nodes = [(k, int(found[k][0][row])) for k, row in (one, other)]
        ranks = [len(parts[k].apex.lists["axes"].row(row)) for k, row in (one, other)]
        # lift(node 0) + rank 0 = lift(node 1) + rank 1
        difference = ranks[0] - ranks[1]
        links.setdefault(nodes[0], []).append((nodes[1], difference, (one, other)))
        links.setdefault(nodes[1], []).append((nodes[0], -difference, (other, one)))
    lifts: dict[Place, int] = {}
    failures: list[Failure] = []
    seen: list[set[Place]] = []
    for start in links:
        if start in lifts:
            continue
        group, stack = {start: 0}, [start]
        via: dict[Place, tuple[Place, Place]] = {}
        while stack:
            node = stack.pop()
            for other, difference, pair in links[node]:
                if other not in group:
                    group[other], via[other] = group[node] + difference, pair
                    stack.append(other)
                elif group[other] != group[node] + difference and {*pair} not in seen:
                    seen.append({*pair})
                    one, two = links[other][0][2]
                    first = via.get(other, (two, one))
                    failures.append(_unaligned(parts, first, pair))
        still = [n for n in group if n[0] in fixed or n[1] not in found[n[0]][1]]
        base, most = (f((group[n] for n in still), default=min(group.values())) for f in (min, max))
        least = min(group.values())
        if not failures and most > least and still:
            node = max(still, key=group.__getitem__)
            failures.append(_repeated(parts, links[node][0][2], most - least))
        lifts |= {node: level - base for node, level in group.items()}
    refuse("this circuit", failures, NotComposable)
    made: list[dict[int, int]] = [{} for _ in parts]
    for (k, component), level in lifts.items():
        if level:
            made[k][component] = level
    return made


def _reader(parts: Sequence[OpenArrays], place: Place) -> str:
    """Say which array is meant, by the box that reads or writes it."""
    k, row = place
    H = parts[k].apex
    if H.column("name")[row] is not None:
        return f"parameter {H.column('name')[row]!r}, {parts[k].apex.array_text(row)}"
    for verb, side in (("read", 0), ("written", 1)):
        for box, wires in enumerate(H.sides[side]):
            if row in wires:
                return f"{parts[k].apex.array_text(row)}, {verb} by {H.title(box)}"
    return parts[k].apex.array_text(row)


def _unaligned(
    parts: Sequence[OpenArrays], pair: tuple[Place, Place], other: tuple[Place, Place]
) -> Failure:
    (one, two), (three, four) = pair, other
    message = (
        f"meets {_reader(parts, two)}; {_reader(parts, three)}, meets {_reader(parts, four)}; no "
        "lifting gives both their ranks; repeat an array by a view, such as 'm -> x m'"
    )
    return Failure("lifting", _reader(parts, one), message)


def _repeated(parts: Sequence[OpenArrays], pair: tuple[Place, Place], missing: int) -> Failure:
    (one, two) = pair
    message = (
        f"meets {_reader(parts, two)}, and would have to be repeated over {missing} more "
        f"{'axis' if missing == 1 else 'axes'}; say so by a view, such as 'm -> n m'"
    )
    return Failure("lifting", _reader(parts, one), message)


def lifted(circuit: C, front: Mapping[int, Sequence[int]], draft: Draft) -> C:
    """Return a circuit with axes in front of the arrays of some components.

    Parameters
    ----------
    circuit
        The circuit.
    front
        Component -> rows of axes of the draft.
    draft
        The rows of the circuit, and the new axes.
    """
    H = circuit.apex
    component, _ = components(circuit)
    moved = {row for row in circuit.dom if int(component[row]) in front}
    reads = dict[int, list[int]]()
    count = -1
    while count < len(moved):  # what goes round is moved from its start on
        count = len(moved)
        for box in H.order:
            ins, outs = H.sides[0][box], H.sides[1][box]
            axes = front.get(int(component[outs[0]]) if outs else -1)
            kernel = H.operations[box].kernel
            reached = [k for k, wire in enumerate(ins) if wire in moved]
            back = {*outs} & moved if kernel.name == "start" else ()
            if axes and (reached or back or not kernel.entry.deterministic):
                reads[box] = reached
                moved.update(outs)
                moved.update(ins[:1] if kernel.name == "last" else ())
    for box, reached in reads.items():
        axes = front[int(component[H.sides[1][box][0]])]
        letters = [draft.axes[axis][0] or "" for axis in axes]
        old = draft.boxes[box]
        made = H.operations[box].lifted(letters, reached)
        draft.boxes[box] = old._replace(vars=[*axes, *old.vars], operation=made)
    for row in moved:
        old = draft.wires[row]
        draft.wires[row] = old._replace(axes=[*front[int(component[row])], *old.axes])
    cod = []
    for row in circuit.cod:
        axes = front.get(int(component[row]))
        if axes and row not in moved:
            rank, kind = draft.wires[row][:2]
            whole = [*axes, *rank]
            count, by = len(whole), len(axes)
            operation = Operation(
                Kernel("view"), (Reading.wiring(range(by, count)),), (tuple(range(count)),),
                letters=tuple(draft.axes[axis][0] or "" for axis in whole), title="repeat",
            )  # fmt: skip
            made = draft.wire(whole, kind)
            draft.box(operation, [row], [made], whole)
            row = made
        cod.append(row)
    return type(circuit).of(draft, circuit.dom, cod)


def raised(circuit: C, level: Mapping[int, int]) -> C:
    """Return a circuit with so many fresh axes in front of each component."""
    if not level:
        return circuit
    draft = Draft.of(circuit.apex)
    front = {c: [draft.axis(None) for _ in range(count)] for c, count in level.items()}
    return lifted(circuit, front, draft)


def alignment(
    parts: Sequence[OpenArrays], meets: Sequence[tuple[Place, Place]], parameters: bool = True
) -> Colimit:
    """Return the colimit of circuits along arrays that meet, and rows that have one name.

    Of two circuits it is the pushout ``f <- I + J -> g`` of what they share. Arrays that meet have
    equal ranks, as :func:`levels` and :func:`raised` make them. Sizes of one name are one, and
    ``parameters`` if it is said.
    """
    shared = {"Wire": "name", "Symbol": "symbol"} if parameters else {"Symbol": "symbol"}
    pairs: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for (i, row), (j, other) in meets:
        pairs.setdefault((i, j), []).append((row, other))
    feet = []
    for (i, j), rows in pairs.items():
        here, there = ([pair[side] for pair in rows] for side in (0, 1))
        foot = free_rows(parts[i].apex, "Wire", here)[0]
        legs = [(k, leg_along(foot, parts[k].apex, "Wire", r)) for k, r in ((i, here), (j, there))]
        feet.append((foot, legs))
    return glued([part.apex for part in parts], feet, shared)


def glue(
    parts: Sequence[OpenArrays], meets: Sequence[tuple[Place, Place]]
) -> tuple[ArrayHypergraph, list[np.ndarray]]:
    """Glue circuits along arrays of equal ranks, and what has one name in several of them.

    Returns
    -------
    tuple
        The boxes and arrays, and for each part the array that each of its arrays became.

    Raises
    ------
    NotComposable
        Listing types and sizes that do not agree, and parameters of one name that differ.
    """
    other, unlike = kinds(parts, meets), sharing(parts)
    failures = [*other, *unlike]
    fit = [one for one in meets if not kinds(parts, [one])] if other else meets
    try:
        whole = alignment(parts, fit, parameters=not unlike)
    except LabelConflict as error:
        failures += [Failure("types", "arrays that meet", one.message) for one in error.failures]
        raise NotComposable("this circuit", failures) from None
    apex = whole.apex
    if apex.solution.failures:
        failures += _clashes(parts, whole)
    failures += unnatural(apex)
    refuse("this circuit", failures, NotComposable)
    # equal labels became one; letters and titles, which are not compared, stay those of each box
    operations = list(apex.operations)
    for part, leg in zip(parts, whole.legs, strict=True):
        rows = leg.components["Box"].values.tolist()
        for row, one in zip(rows, part.apex.operations, strict=True):
            operations[row] = one
    apex = apex.with_column("operation", tuple(operations)).with_lines()
    return apex, [leg.components["Wire"].values for leg in whole.legs]


def unnatural(H: ArrayHypergraph) -> list[Failure]:
    """List readings of indices that put something else than an index outside of an array."""
    found, types = [], H.types
    for box, operation in enumerate(H.operations):
        for wire, one in zip(H.sides[0][box], operation.readings, strict=True):
            if one is None or types[wire] != "N" or (one.outside >= 0 and one.outside % 1 == 0):
                continue
            if one.conditions or any(form.wiring is None for form in one.forms):
                message = f"reads the indices {H.array_text(wire)} and has {one.outside:g} outside "
                message += "of them; an index is 0, 1, 2, ..., so give outside=0, or another one"
                found.append(Failure("types", H.title(box), message))
    return found


def kinds(parts: Sequence[OpenArrays], meets: Iterable[tuple[Place, Place]]) -> list[Failure]:
    """List arrays that meet and hold other numbers."""
    failures = []
    for one, other in meets:
        if len({parts[k].apex.types[row] for k, row in (one, other)} - {None}) > 1:
            message = f"meets {_reader(parts, other)}: they hold other numbers"
            failures.append(Failure("types", _reader(parts, one), message))
    return failures


def sharing(parts: Sequence[OpenArrays]) -> list[Failure]:
    """List parameters of one name that differ."""
    known: dict[str, tuple[int, str, str | None]] = {}
    failures = []
    for part in parts:
        H = part.apex
        for row, name in enumerate(H.column("name")):
            if name is None:
                continue
            rank, start = len(H.lists["axes"].row(row)), H.column("initialiser")[row]
            before = known.setdefault(name, (rank, part.apex.array_text(row), start))
            if before[0] != rank:
                message = f"is {before[1]} in the one and {part.apex.array_text(row)} in the other"
                failures.append(Failure("sharing", f"parameter {name!r}", message))
            elif start is not None and before[2] not in (start, None):
                message = f"starts from {before[2]} in the one and from {start} in the other"
                failures.append(Failure("sharing", f"parameter {name!r}", message))
    return failures


def _clashes(parts: Sequence[OpenArrays], whole: Any) -> list[Failure]:
    """Word sizes that do not agree by what each part says of an axis."""
    apex, failures = whole.apex, []
    every = apex.relations()
    for one, plain in zip(apex.solution.failures, apex.size_failures(), strict=True):
        _, table, row = every[one.number]
        declared: dict[str, str] = {}
        for part, leg in zip(parts, whole.legs, strict=True) if table == "Axis" else ():
            for axis in np.flatnonzero(leg.components["Axis"].values == row).tolist():
                if part.apex.column("size")[axis]:
                    declared[part.apex.axis_title(axis)] = str(part.apex.size_of(axis))
        if len(declared) > 1:
            (first, size), *others = declared.items()
            rest = " and ".join(f"{title} of size {other}" for title, other in others)
            plain = Failure(
                "alignment", first, f"has size {size} and meets {rest}: {plain.message}"
            )
        failures.append(plain)
    return failures
