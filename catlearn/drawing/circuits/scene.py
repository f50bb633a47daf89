"""Scenes of circuits: what their pictures show, before anybody says where.

A scene is a row of *states*, lists of lines from the top to the bottom, and of *steps* between
them, from left to right. In a step, lines go on, fork, meet or end (:class:`~.glyphs.Link`), or run
into glyphs. Rules of the picture are facts of the scene:

* Boxes stand in columns, by longest paths, with blocks as units: a block begins when all that it
  reads is there, and hands out when all of it is done. What an input feeds that is not needed at
  the beginning stands as far to the right as it can.
* Orders follow from right to left: a box is put where its outputs are, and replaced by its inputs
  in order. An array that is used twice is there twice until both uses are to its right; there it
  forks.

>>> from catlearn.arrays import copy, idle, linear, relu, residual
>>> scene = circuit_scene(residual(linear("A", "m -> m") >> relu))
>>> [step.kind for step in scene.steps]
['copies', 'glyphs', 'glyphs', 'joins']
>>> [link.kind for link in scene.steps[0].links]
['copy']
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from graphlib import CycleError, TopologicalSorter
from itertools import groupby, pairwise
from typing import Any

from catlearn.arrays.boxes import ArrayHypergraph
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.listing import letter_of
from catlearn.arrays.repeats import once
from catlearn.cost import Posynomial
from catlearn.costing.table import CircuitResources, Levels
from catlearn.drawing.circuits.glyphs import (
    SCALAR,
    VALUE,
    Glyph,
    Link,
    closed,
    glyphs_of,
    letters_read,
    lines_of,
    shape_text,
    spelled,
)
from catlearn.drawing.scene import counted
from catlearn.errors import Failure, did_you_mean, expect, fault, refuse


@dataclass(frozen=True)
class Line:
    """A line in a state.

    Parameters
    ----------
    label, title
        What is written where it begins, and what is said when one points at it.
    kind
        ``axis``, ``value`` (of naturals), ``scalar``, or ``bus``, several lines as one.
    strand
        The number of its array in the state; between lines of different ones is a dashed line.
    path
        The blocks that it is in, by their rows, from the outermost.
    wire
        The row of its array.
    block
        The block in which an island has the axis in fast memory.
    fast
        Whether its array stays in fast memory.
    """

    label: str
    title: str
    kind: str
    strand: int
    path: tuple[int, ...] = ()
    wire: int = -1
    block: str = ""
    fast: bool = False

    @property
    def written(self) -> str:
        """The label and the block."""
        return f"{self.label} {self.block}".strip()


@dataclass(frozen=True)
class State:
    """Lines from the top to the bottom, which have their labels shown, and what stands above."""

    rows: tuple[Line, ...]
    labelled: frozenset[int] = frozenset()
    column: bool = False
    above: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stand:
    """A glyph on lines of the states before and after it."""

    glyph: Glyph
    left: tuple[int, ...]
    right: tuple[int, ...]


@dataclass(frozen=True)
class Sign:
    """A sign where arrays meet: between two lines on the left, before a line on the right."""

    kind: str
    text: str
    title: str
    between: tuple[int, int]
    onto: int


@dataclass(frozen=True)
class Transition:
    """What happens between two states.

    Parameters
    ----------
    kind
        ``copies``, ``joins``, ``glyphs``, ``forks`` of what glyphs write, or ``border`` of blocks.
    links
        Which lines go on, meet, fork and end.
    stands, signs
        The glyphs, and the signs where arrays meet.
    above
        What is written above it, in lines.
    """

    kind: str
    links: tuple[Link, ...]
    stands: tuple[Stand, ...] = ()
    signs: tuple[Sign, ...] = ()
    above: tuple[str, ...] = ()


@dataclass(frozen=True)
class Frame:
    """The frame of a block: its title, how often it is repeated, and its first and last state."""

    block: int
    title: str
    times: str
    first: int
    last: int
    depth: int


@dataclass(frozen=True)
class CircuitScene:
    """What a picture of a circuit shows.

    Parameters
    ----------
    title, description
        One line that says what it is, and all of it in words: the listing.
    states, steps
        From left to right; step k lies between states k and k + 1.
    frames
        The blocks that are drawn open.
    key
        Whether to explain the glyphs that occur.
    breaks
        States at which a row ends, besides those that the width asks for.
    """

    title: str
    description: str
    states: tuple[State, ...]
    steps: tuple[Transition, ...]
    frames: tuple[Frame, ...] = ()
    key: bool = True
    breaks: tuple[int, ...] = ()

    @property
    def stands(self) -> Iterator[Stand]:
        """All glyphs, from left to right."""
        return (stand for step in self.steps for stand in step.stands)

    @property
    def signs(self) -> Iterator[Sign]:
        """All signs where arrays meet, from left to right."""
        return (sign for step in self.steps for sign in step.signs)

    @property
    def size(self) -> int:
        """How many lines and glyphs there are, counted in each state."""
        return sum(len(state.rows) for state in self.states) + len([*self.stands])

    def links(self, *kinds: str) -> list[Link]:
        """Return the places where lines fork, meet or end in these ways, from left to right."""
        return [link for step in self.steps for link in step.links if link.kind in kinds]

    def crossings(self, step: int) -> int:
        """Count the pairs of lines that cross in a step."""
        pairs = [(a, b) for link in self.steps[step].links for a in link.left for b in link.right]
        return sum((a - c) * (b - d) < 0 for k, (a, b) in enumerate(pairs) for c, d in pairs[:k])

    def dashed(self, state: int) -> list[int]:
        """Return the lines below which, in a state, is a dashed line."""
        rows = self.states[state].rows
        return [k for k in range(len(rows) - 1) if rows[k].strand != rows[k + 1].strand]


# ---------------------------------------------------------------- blocks


def _blocks(H: ArrayHypergraph, once: Mapping[int, int]) -> tuple[dict[int, str], dict[int, str]]:
    """Return the titles of blocks, and how often they are repeated."""
    times = {}
    for block, axes in enumerate(H.lists["rounds"]):
        every = [*([once[block]] if block in once else []), *map(H.size_of, axes)]
        times[block] = "".join(f"×{one}" for one in every)
    return {b: title or "" for b, title in enumerate(H.column("title"))}, times


def _closed(
    circuit: Circuit, glyphs: list[Glyph], shown: Mapping[int, str], opened: set[int]
) -> list[Glyph]:
    """Return glyphs with one in place of those of each block that is drawn closed."""
    inside: dict[tuple[int, ...], list[Glyph]] = {}
    for k, g in enumerate(glyphs):
        cut = next((n for n, b in enumerate(g.path) if b not in opened), None)
        inside.setdefault(g.path[: cut + 1] if cut is not None else (-1 - k,), []).append(g)
    found = []
    for path, own in inside.items():
        if path[0] < 0:
            found += own
            continue
        written = {wire for g in own for wire in g.outs}
        outside = {wire for gs in inside.values() if gs is not own for g in gs for wire in g.ins}
        outside |= {*circuit.cod}
        ins = dict.fromkeys(wire for g in own for wire in g.ins if wire not in written)
        outs = dict.fromkeys(wire for g in own for wire in g.outs if wire in outside)
        found.append(closed(own, shown[path[-1]], [*ins], [*outs], circuit.apex, path[:-1]))
    return found


def _known(names: Iterable[str], titles: Iterable[str | None]) -> None:
    """Refuse names that no block has."""
    known = dict.fromkeys(title or "" for title in titles)
    message = "is no block of the circuit"
    refuse(
        "draw",
        (
            Failure("open", repr(name), f"{message}; {did_you_mean(name, known)}")
            for name in sorted({*names} - {*known})
        ),
    )


def _opened(
    titles: Mapping[int, str], paths: Iterable[tuple[int, ...]], wanted: set[str] | None,
    depth: int | None,
) -> set[int]:  # fmt: skip
    """Return the blocks that are drawn open."""
    deepest = depth if depth is not None else 0 if wanted is not None else len(titles)
    found: set[int] = set()
    for path in paths:
        named = [k for k, b in enumerate(path) if wanted is not None and titles[b] in wanted]
        found |= {*path[: max([deepest, *(k + 1 for k in named)])]}
    return found


# ---------------------------------------------------------------- columns


def _columns(glyphs: Sequence[Glyph]) -> tuple[list[int], set[int]]:
    """Return the column of each glyph, and blocks that cannot be drawn as one piece."""
    loose: set[int] = set()
    while True:
        paths = [tuple(b for b in g.path if b not in loose) for g in glyphs]
        try:
            found = dict(_level(glyphs, paths, [*range(len(glyphs))], 0)[0])
        except _Tangled as tangled:
            loose |= tangled.blocks
        else:
            return [found[k] for k in range(len(glyphs))], loose


class _Tangled(Exception):
    """Blocks of one level of which each reads what another writes."""

    def __init__(self, blocks: set[int]) -> None:
        self.blocks = blocks


def _level(
    glyphs: Sequence[Glyph], paths: Sequence[tuple[int, ...]], members: list[int], depth: int
) -> tuple[list[tuple[int, int]], int]:
    """Return the columns of glyphs of one block, from 0, and how many there are."""

    def node(k: int) -> tuple[str, int]:
        return ("block", paths[k][depth]) if len(paths[k]) > depth else ("glyph", k)

    inside: dict[tuple[str, int], list[int]] = {}
    for k in members:
        inside.setdefault(node(k), []).append(k)
    parts, long = {}, {}
    for one, own in inside.items():
        whole = one[0] == "block"
        parts[one], long[one] = (
            _level(glyphs, paths, own, depth + 1) if whole else ([(own[0], 0)], 1)
        )
    writer = {wire: node(k) for k in members for wire in glyphs[k].outs}
    before: dict[Any, set[Any]] = {one: set() for one in inside}
    given: dict[int, set[Any]] = {}
    for k in members:
        for wire in glyphs[k].ins:
            if wire not in writer:
                given.setdefault(wire, set()).add(node(k))
            elif writer[wire] != node(k):
                before[node(k)].add(writer[wire])
    try:
        order = [*TopologicalSorter(before).static_order()]
    except CycleError as error:
        raise _Tangled({b for kind, b in error.args[1] if kind == "block"}) from None
    start: dict[Any, int] = {}
    for one in order:
        start[one] = max((start[other] + long[other] for other in before[one]), default=0)
    total = max((start[one] + long[one] for one in order), default=0)
    latest = {one: total - long[one] for one in order}
    for one in reversed(order):
        for other in before[one]:
            latest[other] = min(latest[other], latest[one] - long[other])
    early: set[Any] = set()
    for readers in given.values():
        if any(start[one] == 0 == latest[one] for one in readers):
            early |= readers
    for one in order:
        if before[one] & early:
            early.add(one)
    at: dict[Any, int] = {}
    after: dict[Any, list[Any]] = {one: [] for one in order}
    for one in reversed(order):
        last = min((at[other] for other in after[one]), default=total) - long[one]
        at[one] = start[one] if one in early else last
        gate = glyphs[one[1]].sign if one[0] == "glyph" and glyphs[one[1]].kind == "gate" else ""
        if gate:
            at[one] = 0 if gate in ("start", "each") else total - 1
        for other in before[one]:
            after[other].append(one)
    return [(k, at[one] + column) for one in order for k, column in parts[one]], total


# ---------------------------------------------------------------- order


@dataclass(frozen=True)
class _Array:
    """An array in a state: its row, and the blocks that it is in there."""

    wire: int
    path: tuple[int, ...] = ()


def _end(arrays: Sequence[_Array], path: tuple[int, ...]) -> int:
    """Return the place below all arrays of a block."""
    while path:
        inside = [k for k, one in enumerate(arrays) if one.path[: len(path)] == path]
        if inside:
            return inside[-1] + 1
        path = path[:-1]
    return len(arrays)


def _together(arrays: list[_Array], chosen: Iterable[int]) -> list[int]:
    """Return an order in which chosen arrays stand together, where the middle one of them was."""
    picked = [*chosen]
    if not picked:
        return [*range(len(arrays))]
    middle = sorted(picked)[(len(picked) - 1) // 2]
    rest = [k for k in range(len(arrays)) if k not in picked]
    at = sum(k < middle for k in rest)
    return [*rest[:at], *picked, *rest[at:]]


class _Column:
    """The states and steps of one column: what is read, meets, is passed on by glyphs, and forks.

    Attributes
    ----------
    states
        What is read, the core before and after the glyphs, and what is written.
    labelled
        Of the core before the glyphs, and of what is written, the lines whose labels are shown.
    links
        Those of ``joins``, ``glyphs`` and ``forks``.
    plain
        Whether in such a step nothing happens.
    """

    def __init__(self) -> None:
        self.states: tuple[list[Line], ...] = ([], [], [], [])
        self.links: tuple[list[Link], ...] = ([], [], [])
        self.plain = {"joins": True, "glyphs": True, "forks": True}
        self.stands: list[Stand] = []
        self.signs: list[Sign] = []
        self.labelled: tuple[set[int], set[int]] = (set(), set())
        self.arrays = 0

    def _add(self, rows: Sequence[Sequence[Line]]) -> list[int]:
        """Add lines to the states, numbering their arrays; return where they begin."""
        at = [len(state) for state in self.states]
        for state, own in zip(self.states, rows, strict=True):
            state += [replace(row, strand=self.arrays + row.strand) for row in own]
        self.arrays += 1 + max((row.strand for own in rows for row in own), default=0)
        return at

    def passes(self, rows: Sequence[Line]) -> None:
        """Add an array that the column does not read."""
        at = self._add([rows] * 4)
        for k, links in enumerate(self.links):
            links += [Link("pass", (at[k] + j,), (at[k + 1] + j,)) for j in range(len(rows))]

    def glyph(self, scene: _Builder, g: Glyph, ins: list[Line], outs: list[Line]) -> None:
        """Add a glyph."""
        H, sides = scene.H, ({}, {})
        for side, wires in zip(sides, (g.ins, g.outs), strict=True):
            every = ((k, place) for k, wire in enumerate(wires) for place in lines_of(H, wire))
            side |= {place: j for j, place in enumerate(every)}
        read, write = sides
        floats = g.kind == "elementwise"
        framed = floats or g.stands != (0, 0)
        apart = framed or len(g.ins) == 1  # else a dashed line ends, if nothing more happens
        plain = (
            [(p,) for p in read] == [*g.before] and not g.ended and apart,
            [(p,) for p in write] == [*g.after],
        )
        low, (inner, outer) = g.above, g.stands
        onto = dict(g.passing)
        cores: list[list[Line]] = []
        for side, places, count in ((0, g.before, inner), (1, g.after, outer)):
            core = []
            for j, ends in enumerate(places):
                stood = low <= j < low + count
                if not side and ends and (stood or plain[0]):
                    row = ins[read[ends[0]]]
                else:
                    row = outs[write[(ends if side else g.after[onto[j]])[0]]]
                strand = ends[0][0] if plain[side] and ends else 0
                core.append(replace(row, strand=strand))
            cores.append(core)
        at = self._add([ins, *cores, outs])
        joins, glyphs, forks = self.links
        for j, ends in enumerate(g.before):
            alone = "begin" if g.kind == "gate" else "start"
            kind = alone if not ends else "pass" if len(ends) == 1 else "join"
            joins.append(Link(kind, tuple(at[0] + read[p] for p in ends), (at[1] + j,)))
        for ends in g.ended:
            kind = "cup" if len(ends) == 2 else "end"
            bare = g.kind == "gate" or all(place == SCALAR for _, place in ends)
            kind = "sign" if bare else kind
            joins.append(Link(kind, tuple(at[0] + read[p] for p in ends)))
        glyphs += [Link("pass", (at[1] + a,), (at[2] + b,)) for a, b in g.passing]
        for j, ends in enumerate(g.after):
            kind = "pass" if len(ends) == 1 else "copy"
            forks.append(Link(kind, (at[2] + j,), tuple(at[3] + write[p] for p in ends)))
        self.plain["joins"] &= plain[0]
        self.plain["forks"] &= plain[1]
        if framed:
            self.plain["glyphs"] = False
            counts = (len(g.before), len(g.after)) if floats else (inner, outer)
            low = 0 if floats else low
            left, right = (
                tuple(range(at[1 + k] + low, at[1 + k] + low + count))
                for k, count in enumerate(counts)
            )
            self.stands.append(Stand(g, left, right))
        if g.kind in _NEW:
            made = (p for ends in g.after[g.above : g.above + outer] for p in ends)
            self.labelled[1].update(at[3] + write[p] for p in made if p[1] != SCALAR)
        elif g.kind == "join" and g.relabels:
            self.labelled[0].update(at[1] + j for j, row in enumerate(cores[0]) if row.label)
        ends = [[j for p, j in read.items() if p[0] == k] for k in range(len(g.ins))]
        if g.kind == "join" and ends:
            self.signs.append(Sign("join", g.sign, g.title, (at[0], at[0] + len(read) - 1), at[1]))
        elif g.kind in ("add", "mul", "mask") and not g.stands[0]:
            for one, other in pairwise(ends):
                pair = at[0] + one[-1], at[0] + other[0]
                self.signs.append(Sign(g.kind, g.sign, g.title, pair, at[1]))


_NEW = ("linear", "learned", "embed", "choice", "reading", "closed", "constant", "box")


def _needed(
    circuit: Circuit, glyphs: Sequence[Glyph], columns: Sequence[int]
) -> tuple[dict[int, int], set[int]]:
    """Return the column that needs each array first, and the arrays that late inputs lead to."""
    first: dict[int, int] = {}
    uses = [(w, columns[k]) for k, g in enumerate(glyphs) for w in g.ins]
    for wire, at in [*uses, *((w, -1) for w in circuit.cod)]:
        first[wire] = min(at, first.get(wire, at))
    start = min((first[wire] for wire in circuit.dom if wire in first), default=0)
    late = {wire for wire in circuit.dom if first.get(wire, start) > start}
    given: set[int] = set()
    for g in glyphs:
        rest = {*g.ins} - given
        if not rest:
            given |= {*g.outs}
        elif rest <= late:
            late |= {*g.outs}
    return first, late


def _sunk(g: Glyph, late: set[int]) -> Glyph:
    """Return the box of a closed block with arrays that late inputs lead to below the others."""
    order = sorted(range(len(g.ins)), key=lambda k: g.ins[k] in late)
    if g.kind != "closed" or order == [*range(len(g.ins))]:
        return g
    before = tuple(
        ((new, place),) for new, k in enumerate(order) for ((old, place),) in g.before if old == k
    )
    return replace(g, ins=tuple(g.ins[k] for k in order), before=before)


class _Builder:
    """Makes states and steps from right to left."""

    def __init__(
        self, circuit: Circuit, glyphs: list[Glyph], columns: list[int],
        order: Sequence[int] | None, levels: Levels | None = None,
    ) -> None:  # fmt: skip
        self.levels = levels
        first, late = _needed(circuit, glyphs, columns)
        glyphs = [_sunk(g, late) for g in glyphs]
        self.H, self.circuit, self.glyphs, self.columns = circuit.apex, circuit, glyphs, columns
        self.order = order
        self.states: list[State] = []
        self.steps: list[Transition] = []
        self.read = letters_read(circuit.apex)
        self.labels = self._labels()
        self.writer = {wire: k for k, g in enumerate(glyphs) for wire in g.outs}
        self.first = first
        self.late = late
        self.spans: dict[int, tuple[int, int]] = {}
        self.parents: dict[int, tuple[int, ...]] = {}
        for k, g in enumerate(glyphs):
            for depth, block in enumerate(g.path):
                low, high = self.spans.get(block, (columns[k], columns[k]))
                self.spans[block] = min(low, columns[k]), max(high, columns[k])
                self.parents[block] = g.path[:depth]

    # Labels.

    def _labels(self) -> dict[tuple[int, int], str]:
        """Return what the line of each place of each array is called."""
        H, found = self.H, {}
        for wire in self.circuit.dom:
            for place in lines_of(H, wire):
                found[wire, place] = self._letter(wire, place)
        for g in self.glyphs:
            for here, there in g.passing:
                for j, place in g.after[there] if g.before[here] else ():
                    k, other = g.before[here][0]
                    found[g.outs[j], place] = found.get((g.ins[k], other), "")
            for j, wire in enumerate(g.outs):
                for place in lines_of(H, wire):
                    known = g.labels.get((j, place)) or found.get((wire, place))
                    found[wire, place] = known or self._letter(wire, place)
        return found

    def _letter(self, wire: int, place: int) -> str:
        if place < 0:
            return "N" if place == VALUE else ""
        axis = int(self.H.lists["axes"].row(wire)[place])
        return self.read.get(axis) or letter_of(self.H.called(axis))

    # Rows.

    def rows(self, arrays: Iterable[_Array]) -> list[Line]:
        """Return the lines of arrays."""
        found = []
        for strand, one in enumerate(arrays):
            for place in lines_of(self.H, one.wire):
                found.append(self.row(one.wire, place, strand, one.path))
        return found

    def row(self, wire: int, place: int, strand: int, path: tuple[int, ...]) -> Line:
        """Return a line of an array."""
        label = self.labels[wire, place]
        kind = {VALUE: "value", SCALAR: "scalar"}.get(place, "axis")
        made = Line(label, self.title_of(wire, place), kind, strand, path, wire)
        if self.levels is None:
            return made
        block, fast = self.levels.blocks.get((wire, place), ""), wire in self.levels.fast
        where = "in fast memory" if fast else "crosses"
        title = f"{made.title}, {f'in blocks of {block}, ' if block else ''}{where}"
        return replace(made, title=title, block=block, fast=fast)

    def memory(self, column: int) -> tuple[str, ...]:
        """Return what is written above the boxes of a column: the words that are live."""
        if self.levels is None:
            return ()
        every = [
            self.levels.columns[wire]
            for k, g in enumerate(self.glyphs) if self.columns[k] == column
            for wire in g.outs if wire in self.levels.columns
        ]  # fmt: skip
        if not every:
            return ()
        return terms_of("M", reduce(lambda one, other: other if one <= other else one, every))

    def title_of(self, wire: int, place: int) -> str:
        """Say what a line is."""
        H, whole = self.H, shape_text(self.H, wire)
        if place == SCALAR:
            return f"a number: {whole}"
        if place == VALUE:
            of = int(H.arrows["range"].values[int(H.arrows["type"].values[wire])])
            return f"indices of {letter_of(H.called(of))}, of size {H.size_of(of)}: {whole}"
        axis = int(H.lists["axes"].row(wire)[place])
        return f"axis {self.labels[wire, place]} of size {H.size_of(axis)}: {whole}"

    def put(
        self, step: Transition | None, rows: Iterable[Line], labelled: Iterable[int] = ()
    ) -> None:
        """Put a state to the left of those that are there, and the step that leads to these."""
        if step is not None:
            self.steps.append(step)
        self.states.append(State(tuple(rows), frozenset(labelled)))

    # Boundaries.

    def boundary(self, arrays: list[_Array], column: int) -> list[_Array]:
        """Go from the arrays that a column reads to those that the column before it writes."""
        onto = [[k] for k in range(len(arrays))]
        now = arrays
        starting = {b for b, (low, _) in self.spans.items() if low == column + 1}
        while True:
            now, onto = self._merged(now, onto)
            ending = {one.path[-1] for one in now if one.path and one.path[-1] in starting}
            if not ending:
                break
            deepest = max(len(self.parents[b]) for b in ending)
            self._copied(now, onto, arrays)
            now = [
                replace(one, path=one.path[:-1])
                if one.path and one.path[-1] in ending and len(one.path) == deepest + 1
                else one
                for one in now
            ]
            starting -= {b for b in ending if len(self.parents[b]) == deepest}
            self.put(self._border(len(self.rows(now))), self.rows(now))
            arrays, onto = now, [[k] for k in range(len(now))]
        order = [*range(len(now))]
        inside = [*now]
        ended = sorted(
            (b for b, (_, high) in self.spans.items() if high == column),
            key=lambda b: len(self.parents[b]),
        )
        for block in ended:
            written = {w for g in self.glyphs if block in g.path for w in g.outs}
            picked = [
                k
                for k, one in enumerate(inside)
                if one.path == self.parents[block] and one.wire in written
            ]
            moved = _together(inside, picked)
            inside = [inside[k] for k in moved]
            order = [order[k] for k in moved]
            path = (*self.parents[block], block)
            chosen = {*picked}
            inside = [
                replace(one, path=path) if k in chosen else one
                for k, one in zip(moved, inside, strict=True)
            ]
        for g in (g for k, g in enumerate(self.glyphs) if self.columns[k] == column):
            here = {one.wire: i for i, one in enumerate(inside) if one.path == g.path}
            picked = [here[wire] for wire in g.outs if wire in here]
            moved = _together(inside, picked)
            order, inside = [order[i] for i in moved], [inside[i] for i in moved]
            at = moved.index(picked[0]) if picked else _end(inside, g.path)
            for j, wire in enumerate(g.outs):
                if wire not in here:
                    inside.insert(at + j, _Array(wire, g.path))
                    order.insert(at + j, -1)
        begun: list[int] = []
        if column >= 0:
            begun = [k for k in order if k >= 0 and self._begins(now[k], column)]
            kept = [i for i, k in enumerate(order) if k not in begun]
            inside, order = [inside[i] for i in kept], [order[i] for i in kept]
        else:
            unused = [wire for wire in self.circuit.dom if wire not in self.first]
            inside, order = [*inside, *map(_Array, unused)], [*order, *[-1] * len(unused)]
            if self.order is not None:
                wanted = [self.circuit.dom[k] for k in self.order]
                ranked = sorted(range(len(inside)), key=lambda k: wanted.index(inside[k].wire))
                inside, order = [inside[k] for k in ranked], [order[k] for k in ranked]
        gone = {*ended}
        outer = [replace(one, path=tuple(b for b in one.path if b not in gone)) for one in inside]
        targets = [onto[k] if k >= 0 else [] for k in order]
        self._copied(outer, targets, arrays, [onto[k] for k in begun])
        for block in ended:
            gone -= {block}
            outer = [
                replace(one, path=tuple(b for b in one.path if b not in gone)) for one in inside
            ]
            self.put(self._border(len(self.rows(outer))), self.rows(outer))
        return inside

    def _begins(self, one: _Array, column: int) -> bool:
        """Whether an input enters after a column."""
        return one.wire not in self.writer and not one.path and self.first[one.wire] > column

    def _border(self, count: int) -> Transition:
        return Transition("border", tuple(Link("pass", (k,), (k,)) for k in range(count)))

    def _merged(
        self, arrays: list[_Array], onto: list[list[int]]
    ) -> tuple[list[_Array], list[list[int]]]:
        """Return arrays with those that are there twice as one, in the middle of their places.

        What comes from the first inputs then goes above what comes from later ones.
        """
        places: dict[_Array, list[int]] = {}
        for k, one in enumerate(arrays):
            places.setdefault(one, []).append(k)

        def place(one: _Array) -> tuple[int, int]:
            found = places[one]
            middle = found[(len(found) - 1) // 2]
            if len(found) == 1 or one.wire in self.late:
                return middle, 1
            later = (k for k, o in enumerate(arrays) if o.path == one.path and o.wire in self.late)
            return min([middle, *later]), 0

        made = sorted(places, key=place)
        return made, [[j for k in places[one] for j in onto[k]] for one in made]

    def _copied(
        self,
        left: list[_Array],
        onto: list[list[int]],
        right: list[_Array],
        begun: Sequence[list[int]] = (),
    ) -> None:
        """Put a state before one into which its arrays fork, unless they are the same."""
        if onto == [[k] for k in range(len(right))]:
            return
        before, after = self._starts(left), self._starts(right)
        links = []
        for k, targets in [*enumerate(onto), *((-1, targets) for targets in begun)]:
            wire = left[k].wire if k >= 0 else right[targets[0]].wire
            for line in range(len(lines_of(self.H, wire))):
                ends = tuple(after[j] + line for j in targets)
                kind = "pass" if len(ends) == 1 else "copy" if ends else "end"
                start = (before[k] + line,) if k >= 0 else ()
                links.append(Link(kind if k >= 0 else "begin", start, ends))
        labelled = {b for link in links if link.kind == "begin" for b in link.right}
        self.states[-1] = replace(self.states[-1], labelled=self.states[-1].labelled | labelled)
        self.put(Transition("copies", tuple(links)), self.rows(left))

    def _starts(self, arrays: Iterable[_Array]) -> list[int]:
        """Return the number of the first line of each array."""
        found, at = [], 0
        for one in arrays:
            found.append(at)
            at += len(lines_of(self.H, one.wire))
        return found

    # Columns of boxes.

    def boxes(self, right: list[_Array], column: int) -> list[_Array]:
        """Put the boxes of a column before the arrays that it writes; return what it reads."""
        made = _Column()
        left: list[_Array] = []
        k = 0
        while k < len(right):
            one, w = right[k], self.writer.get(right[k].wire, -1)
            if w < 0 or self.columns[w] != column or one.path != self.glyphs[w].path:
                made.passes(self.rows([one]))
                left.append(one)
                k += 1
                continue
            g = self.glyphs[w]
            ins, outs = ([_Array(wire, g.path) for wire in wires] for wires in (g.ins, g.outs))
            made.glyph(self, g, self.rows(ins), self.rows(outs))
            left += ins
            k += len(outs)
        last, states = self.states[-1], made.states
        labelled = made.labelled[0] | made.labelled[1] if made.plain["glyphs"] else made.labelled[1]
        self.states[-1] = replace(last, labelled=last.labelled | labelled, column=True)
        steps = zip(("joins", "glyphs", "forks"), states, made.links, strict=False)
        over = next((k for k in ("glyphs", "joins", "forks") if not made.plain[k]), "")
        for kind, rows, links in reversed([*steps]):
            if not made.plain[kind]:
                stands = tuple(made.stands) if kind == "glyphs" else ()
                signs = tuple(made.signs) if kind == "joins" else ()
                shown = made.labelled[0] if kind == "glyphs" else ()
                above = self.memory(column) if kind == over else ()
                self.put(Transition(kind, tuple(links), stands, signs, above), rows, shown)
        return left

    def made(self) -> tuple[tuple[State, ...], tuple[Transition, ...]]:
        """Return the states and steps, from left to right."""
        columns = max(self.columns, default=-1) + 1
        arrays = [_Array(wire) for wire in self.circuit.cod]
        rows = self.rows(arrays)
        self.put(None, rows, range(len(rows)))
        for column in range(columns - 1, -1, -1):
            arrays = self.boundary(arrays, column)
            arrays = self.boxes(arrays, column)
        arrays = self.boundary(arrays, -1)
        self.states[-1] = replace(
            self.states[-1], labelled=frozenset(range(len(self.states[-1].rows))), column=True
        )
        states, steps = self.states[::-1], self.steps[::-1]
        for k, step in enumerate(steps):
            for at in (k, k + 1) if step.kind == "border" else ():
                states[at] = replace(states[at], column=True)
        return tuple(states), tuple(steps)


# ---------------------------------------------------------------- scenes


def circuit_scene(
    circuit: Circuit,
    open: str | Iterable[str] | None = None,
    depth: int | None = None,
    inputs: Sequence[int] | None = None,
    breaks: Iterable[str] = (),
    resources: CircuitResources | None = None,
    fold: bool | Mapping[int, int] = True,
) -> CircuitScene:
    """Return the scene of what the outputs of a circuit need.

    Parameters
    ----------
    circuit
        The circuit.
    open
        Titles of blocks that are drawn open, with those around them; others are closed.
    depth
        How many blocks inside one another are drawn open; by default all, unless ``open`` is given.
    inputs
        The order of the inputs from the top to the bottom, by place from 0.
    breaks
        Titles of boxes or blocks, or names of parameters, before which a row begins.
    resources
        What the circuit takes as one island (:func:`catlearn.resources`): levels of memory, the
        blocks of axes, and above columns the words that are live.
    fold
        Whether equal blocks that follow each other are drawn once (:mod:`catlearn.arrays.repeats`).
        They are not where ``open`` or ``breaks`` names a later one of them.
        Of a circuit that has them once already: how often each block is there, by its row.

    Raises
    ------
    InvalidStructure
        If a hint names what is not there, or the resources are those of another circuit.
    """
    levels = None
    if resources is not None:
        expect(resources, CircuitResources, "resources", "what cl.resources(circuit) returns")
        levels = resources.levels()
        own = resources.circuit
        if own is None or not _same_boxes(own, circuit):
            raise fault("draw", "resources", "the table", "is that of another circuit")
    expect(depth, (type(None), int), "depth", "a number of blocks")
    expect(inputs, (type(None), Sequence), "inputs", "a list of places")
    expect(breaks, Iterable, "breaks", "a list of titles")
    live = whole = circuit.live()
    hints = [breaks] if isinstance(breaks, str) else [*breaks]
    wanted = [] if open is None else [open] if isinstance(open, str) else [*open]
    _known(wanted, whole.apex.column("title"))
    if inputs is not None and sorted(map(repr, inputs)) != sorted(map(repr, range(len(whole.dom)))):
        message = f"is no order of {counted(len(whole.dom), 'input')}, counted from 0"
        raise fault("draw", "inputs", str([*inputs]), message)
    shown_once: Mapping[int, int] = fold if isinstance(fold, Mapping) else {}
    if fold is True:
        found = once(whole, (*wanted, *hints))
        live, shown_once = found.circuit, found.times
        left = [wire for wire in (whole.dom[k] for k in inputs or ()) if wire in live.dom]
        inputs = None if inputs is None else [*map(live.dom.index, left)]
        wanted, hints = ([found.called.get(one, one) for one in some] for some in (wanted, hints))
    live = spelled(live)
    every = glyphs_of(live)
    titles, times = _blocks(live.apex, shown_once)
    names = None if open is None else {*wanted}
    opened = _opened(titles, [g.path for g in every], names, depth)
    shown = {block: f"{title} {times[block]}".strip() for block, title in titles.items()}
    every = _closed(live, every, shown, opened)
    columns, loose = _columns(every)
    every = [replace(g, path=tuple(b for b in g.path if b not in loose)) for g in every]
    order = sorted(range(len(every)), key=columns.__getitem__)
    every, columns = [every[k] for k in order], [columns[k] for k in order]
    builder = _Builder(live, every, columns, inputs, levels)
    states, steps = builder.made()
    if levels is not None:
        crossing = terms_of("H", levels.given), terms_of("H", levels.asked)
        first, last = (
            replace(states[k], above=one) for k, one in zip((0, -1), crossing, strict=True)
        )
        states = (first, *states[1:-1], last)[: len(states)]
    frames = _frames(states, titles, times)
    broken = tuple(_place(hint, states, steps, frames) for hint in hints)
    states, steps = _bundled(states, steps)
    ends = repr(circuit).removeprefix("Circuit(").removesuffix(")")
    title = f"Circuit {ends} with {counted(whole.apex.size('Box'), 'box', 'boxes')}"
    return CircuitScene(title, str(whole), states, steps, frames, breaks=broken)


def terms_of(head: str, one: Posynomial) -> tuple[str, ...]:
    """Write a posynomial under a head, a term a line.

    Examples
    --------
    >>> terms_of("M", Posynomial.parse("d*g_q + 2*g_q"))
    ('M', 'd*g_q', '+ 2*g_q')
    """
    terms = str(one).split(" + ") if one.number is None else [f"{one.number:,}"]
    return (head, terms[0], *(f"+ {term}" for term in terms[1:]))


def _same_boxes(one: Circuit, other: Circuit) -> bool:
    """Whether two circuits are one but for sizes that are put in."""
    kernels = ([o.kernel for o in c.apex.operations] for c in (one, other))
    return [*next(kernels)] == [*next(kernels)] and one.apex.sides == other.apex.sides


# ---------------------------------------------------------------- buses

MANY, LONG = 4, 4
"""Lines of an array that waits, and states for which it does, that are drawn one by one."""


def _bundled(
    states: Sequence[State], steps: Sequence[Transition]
) -> tuple[tuple[State, ...], tuple[Transition, ...]]:
    """Draw as one line an array that waits long and has many lines, or waits beside two others."""
    arrays = [arrays_of(state) for state in states]
    waits = [_waiting(step, *pair) for step, pair in zip(steps, pairwise(arrays), strict=True)]
    joined: list[set[int]] = [set() for _ in states]
    for k, on in enumerate(waits):
        for first in on.keys() - ({*waits[k - 1].values()} if k else set()):
            run = [first]
            while k + len(run) <= len(waits) and run[-1] in waits[k + len(run) - 1]:
                run.append(waits[k + len(run) - 1][run[-1]])
            held = [_crowded(arrays[k + j], waits[k + j], one) for j, one in enumerate(run[:-1])]
            start = 0
            for crowded, same in groupby(held):
                end = start + len([*same])
                if crowded and end - start >= LONG:
                    for j in range(start + 1, end):
                        joined[k + j].add(run[j])
                start = end
    moved: list[list[int]] = []
    made: list[State] = []
    for state, own, ones in zip(states, arrays, joined, strict=True):
        rows: list[Line] = []
        onto: list[int] = []
        for strand, places in own.items():
            some = [state.rows[j] for j in places]
            if strand in ones:
                label, title = " ".join(row.written for row in some), some[0].title.split(": ")[-1]
                some = [replace(some[0], label=label, title=title, kind="bus", block="")]
            last = len(rows) + len(some) - 1
            onto += [min(len(rows) + n, last) for n in range(len(places))]
            rows += some
        shown = {onto[j] for j in state.labelled if rows[onto[j]].kind != "bus"}
        moved.append(onto)
        made.append(State(tuple(rows), frozenset(shown), state.column, state.above))
    found = [_renumbered(step, *pair) for step, pair in zip(steps, pairwise(moved), strict=True)]
    for k, step in enumerate(found):
        begun = {link.right[0] for link in step.links if link.kind == "bus" and len(link.left) > 1}
        made[k + 1] = replace(made[k + 1], labelled=made[k + 1].labelled | begun)
    return tuple(made), tuple(found)


def arrays_of(state: State) -> dict[int, list[int]]:
    """Return the lines of each array of a state."""
    found: dict[int, list[int]] = {}
    for k, row in enumerate(state.rows):
        found.setdefault(row.strand, []).append(k)
    return found


def _waiting(
    step: Transition, left: Mapping[int, list[int]], right: Mapping[int, list[int]]
) -> dict[int, int]:
    """Return the arrays to which a step does nothing, and which they are after it."""
    onto = {link.left[0]: link.right[0] for link in step.links if link.kind == "pass"}
    busy = {row for stand in step.stands for row in stand.left}
    ends = {tuple(rows): strand for strand, rows in right.items()}
    found = {}
    for strand, rows in left.items():
        after = tuple(onto.get(row, -1) for row in rows)
        if after in ends and not busy.intersection(rows):
            found[strand] = ends[after]
    return found


def _crowded(arrays: Mapping[int, list[int]], waiting: Mapping[int, int], one: int) -> bool:
    """Whether an array that waits has many lines, or stands among three that wait."""
    if len(arrays[one]) > MANY:
        return True
    order = [*arrays]
    low = high = order.index(one)
    while low and order[low - 1] in waiting:
        low -= 1
    while high + 1 < len(order) and order[high + 1] in waiting:
        high += 1
    lines = sum(len(arrays[other]) for other in order[low : high + 1])
    return len(arrays[one]) > 1 and high - low >= 2 and lines > MANY


def _renumbered(step: Transition, left: Sequence[int], right: Sequence[int]) -> Transition:
    """Return a step between states some of whose lines are joined."""

    def there(rows: Iterable[int], onto: Sequence[int]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(onto[row] for row in rows))

    links: dict[Link, None] = {}
    buses: dict[int, list[Link]] = {}
    for link in step.links:
        moved = Link(link.kind, there(link.left, left), there(link.right, right))
        many = left.count((*moved.left, -1)[0]) > 1, right.count((*moved.right, -1)[0]) > 1
        if link.kind == "pass" and many[0] != many[1]:
            bus = moved.left[0] if many[0] else -1 - moved.right[0]
            buses.setdefault(bus, []).append(moved)
        else:
            links[moved] = None
    for some in buses.values():
        lefts = tuple(dict.fromkeys(link.left[0] for link in some))
        rights = tuple(dict.fromkeys(link.right[0] for link in some))
        links[Link("bus", lefts, rights)] = None
    stands = (
        replace(o, left=there(o.left, left), right=there(o.right, right)) for o in step.stands
    )
    signs = (
        replace(o, between=(left[o.between[0]], left[o.between[1]]), onto=right[o.onto])
        for o in step.signs
    )
    return replace(step, links=tuple(links), stands=tuple(stands), signs=tuple(signs))


def _place(
    name: str, states: Sequence[State], steps: Sequence[Transition], frames: Sequence[Frame]
) -> int:
    """Return the state, of those after columns, before which a box or a block of a name begins."""
    known = {frame.title: frame.first - 1 for frame in reversed(frames)}
    for k in range(len(steps) - 1, -1, -1):
        for stand in steps[k].stands:
            known |= dict.fromkeys([stand.glyph.name, stand.glyph.called], k)
    known.pop("", None)
    if name not in known:
        message = f"is no box or block of the picture; {did_you_mean(name, known)}"
        raise fault("draw", "breaks", repr(name), message)
    return max(k for k in range(known[name] + 1) if states[k].column)


def _frames(
    states: Sequence[State], titles: Mapping[int, str], times: Mapping[int, str]
) -> tuple[Frame, ...]:
    """Return the frames of blocks, by the states in which they have lines."""
    spans: dict[int, tuple[int, int, int]] = {}
    for k, state in enumerate(states):
        for row in state.rows:
            for depth, block in enumerate(row.path):
                low, high, _ = spans.get(block, (k, k, depth))
                spans[block] = min(low, k), max(high, k), depth
    return tuple(
        Frame(b, titles[b], times[b], low, high, depth) for b, (low, high, depth) in spans.items()
    )
