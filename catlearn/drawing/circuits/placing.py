"""Places of what a picture of a circuit shows: heights by a linear program, widths, rows.

All heights are variables of one program: it makes the total climb of lines as small as it can, then
the extent of arrays, glyphs and frames, such that lines keep their order and their distances, what
passes a glyph is clear of it, and a frame has its own lines inside and others outside. Absolute
values give straight lines with few bends. Ties are broken by small weights, and results rounded, so
that bytes are the same everywhere.

>>> from catlearn.arrays import linear
>>> from catlearn.drawing.circuits.scene import circuit_scene
>>> (page,) = placed(circuit_scene(linear("A", "m -> n")))
>>> [len(column) for column in page.heights], page.heights[0] == page.heights[1]
([1, 1], True)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from catlearn.drawing.circuits.glyphs import Glyph
from catlearn.drawing.circuits.scene import (
    CircuitScene,
    Frame,
    Sign,
    Stand,
    State,
    Transition,
    arrays_of,
)
from catlearn.typesetting import runs, runs_width, width

PITCH, APART = 20.0, 31.0
"""Room between lines of one array, and of two."""

PAGE = 1000.0
"""The width beyond which a picture is broken into rows."""

TEXT, SMALL, SIGN = 14.0, 11.0, 15.0
"""Type sizes: of what stands on glyphs, of labels, and of signs."""

CLEAR, AROUND = 8.0, 13.0
"""Room around a glyph, and around a frame."""

TITLE, FOOT = 32.0, 12.0
"""Room between the edge of a frame and the first line in it, and the last one."""

LINE_GAP, NOTE_LINE = 34.0, 14.0
"""Room between rows, and what a line above columns takes."""

_PADS: Mapping[str, tuple[float, float]] = {
    "norm": (12.0, 12.0),
    "rms": (12.0, 12.0),
    "softmax": (11.0, 11.0),
    "mask": (9.0, 9.0),
    "choice": (12.0, 12.0),
    "elementwise": (22.0, 2.0),
    "closed": (12.0, 12.0),
}
_HOLD = {"elementwise": 0.05}
"""What the height of glyphs costs that are not held together."""

_WEIGHTS = {"glyphs": 4.0, "border": 4.0, "joins": 2.0, "forks": 1.5, "copies": 1.0}


@dataclass(frozen=True)
class Placed:
    """A row, placed.

    Parameters
    ----------
    first, last
        Its first and last state.
    left, right
        For each state, where its lines begin to be straight, and cease to be.
    heights
        For each state, those of its lines.
    stands
        For each step, the top and the bottom of each glyph.
    frames
        The top and the bottom of each frame that has a part here.
    edges
        For each state, what each line takes with its glyphs and signs, from the top to the bottom.
    height
        That of the whole line.
    head
        The room above it, for what is written there.
    """

    first: int
    last: int
    left: tuple[float, ...]
    right: tuple[float, ...]
    heights: tuple[tuple[float, ...], ...]
    stands: tuple[tuple[tuple[float, float], ...], ...]
    frames: Mapping[int, tuple[float, float]]
    edges: tuple[tuple[tuple[float, float], ...], ...]
    height: float
    head: float = 0.0

    @property
    def width(self) -> float:
        return self.right[-1]


def glyph_width(glyph: Glyph) -> float:
    """Return how wide a glyph is."""
    match glyph.kind:
        case "linear" | "learned" | "embed":
            name = runs_width(runs(glyph.name, italic=False), TEXT * 0.8)
            return max(28.0, 14.0 + width(glyph.sign, TEXT) + name)
        case "norm" | "rms" | "choice":
            return 26.0
        case "softmax":
            return 20.0
        case "mask":
            return 20.0
        case "elementwise":
            return 22.0 + width(glyph.sign, SMALL)
        case "reading":
            return 22.0 + width(glyph.sign, SMALL)
    return 20.0 + width(glyph.sign, TEXT)


class _LinearProgram:
    """A linear program in the making: variables, costs, and differences that are large enough."""

    def __init__(self) -> None:
        self.costs: list[float] = []
        self.rows: list[tuple[int, int, float]] = []

    def variable(self, cost: float = 0.0) -> int:
        self.costs.append(cost)
        return len(self.costs) - 1

    def extent(self, cost: float, least: float = 0.0) -> tuple[int, int]:
        """Return a top and a bottom, at least so far apart; their distance costs."""
        found = self.variable(-cost), self.variable(cost)
        self.apart(*found, least)
        return found

    def apart(self, above: int, below: int, by: float) -> None:
        """Ask for a variable to be at least so much below another."""
        self.rows.append((above, below, by))

    def bend(self, one: int, other: int, weight: float) -> None:
        """Let the difference of two variables cost."""
        high, low = self.variable(weight), self.variable(-weight)
        for v in (one, other):
            self.apart(v, high, 0.0)
            self.apart(low, v, 0.0)

    def solved(self) -> list[float]:
        """Return the variables, of which none is negative."""
        import numpy as np
        from scipy.optimize import linprog
        from scipy.sparse import csr_array

        count = len(self.rows)
        where = np.repeat(np.arange(count), 2)
        columns = np.array([v for above, below, _ in self.rows for v in (above, below)])
        A = csr_array((np.tile([1.0, -1.0], count), (where, columns)), (count, len(self.costs)))
        ties = [1e-3 * (1 + (k * 0.6180339887498949) % 1.0) for k in range(len(self.costs))]
        costs = np.array(self.costs) + ties
        bounds = np.array([-by for *_, by in self.rows])
        found = linprog(costs, A, bounds, method="highs-ds")
        assert found.success, found.message
        return [round(round(float(v), 4), 1) for v in found.x]


def placed(scene: CircuitScene, page: float = PAGE) -> list[Placed]:
    """Return the rows of a scene."""
    ends = _breaks(scene, page)
    return [_line(scene, first, last) for first, last in pairwise(ends)]


def _breaks(scene: CircuitScene, page: float) -> list[int]:
    """Return the states at which rows begin and end: where few lines cross."""
    wide = [0.0]
    for k, step in enumerate(scene.steps):
        wide.append(wide[-1] + _lead(scene.states[k]) + _step_width(step, 40.0))
    last = len(scene.states) - 1
    if not last:
        return [0, 0]
    columns = {k for k in range(1, last) if scene.states[k].column}
    places = [0, *sorted(columns | {*scene.breaks} - {0, last}), last]
    best: dict[int, tuple[float, int]] = {0: (0.0, 0)}
    for n, here in enumerate(places[1:], start=1):
        found: list[tuple[float, int]] = []
        for there in reversed(places[:n]):
            over = wide[here] - wide[there] > page
            if over and found:
                break
            if there in best:
                rows = scene.states[there].rows
                blocks = {block for row in rows for block in row.path}
                cost = best[there][0] + 24.0 + len(rows) * 3.0 + len(blocks) * 12.0
                slack = max(0.0, page - (wide[here] - wide[there])) / page
                found.append((cost + (0.0 if here == last else 4.0 * slack), there))
            if there in scene.breaks:
                break
        best[here] = min(found)
    ends = [last]
    while ends[-1]:
        ends.append(best[ends[-1]][1])
    return ends[::-1]


def _lead(state: State, every: bool = False) -> float:
    """Return the room that the labels of a state take, those that are shown or all."""
    shown = range(len(state.rows)) if every else sorted(state.labelled)
    found = [(width(state.rows[k].written, SMALL), state.rows[k].kind) for k in shown]
    lead = max((wide + (16.0 if kind == "value" else 8.0) for wide, kind in found), default=0.0)
    return max(lead, _above(state))


def _above(part: State | Transition) -> float:
    """Return the width of what is written above a state or a step."""
    return max((width(line, SMALL) + 8.0 for line in part.above), default=0.0)


def _step_width(step: Transition, climb: float) -> float:
    if step.kind == "border":
        return 20.0
    if step.kind == "glyphs":
        wide = max(glyph_width(stand.glyph) for stand in step.stands) + 20.0
        return max(wide, _above(step))
    beside = (width(sign.text, SMALL) + 50.0 for sign in step.signs if beside_dots(step, sign))
    return max(min(84.0, 24.0 + 0.42 * climb), _above(step), *beside)


def _line(scene: CircuitScene, first: int, last: int) -> Placed:
    """Place what is between two states."""
    program = _LinearProgram()
    states, steps = scene.states[first : last + 1], scene.steps[first:last]
    heights = [[program.variable() for _ in state.rows] for state in states]
    shown = [frame for frame in scene.frames if _stretch(frame, first, last)]
    frames = {frame.block: program.extent(0.15) for frame in shown}
    stands = [
        [program.extent(_HOLD.get(one.glyph.kind, 3.0), sum(_pads(one))) for one in step.stands]
        for step in steps
    ]
    tops: dict[tuple[int, int], int] = {}
    for k, state in enumerate(states):
        sides = []
        if k < len(steps):
            sides.append([(stand.left, _pads(stand)) for stand in steps[k].stands])
        if k:
            sides.append([(stand.right, _pads(stand)) for stand in steps[k - 1].stands])
        at = [k, k - 1] if k < len(steps) else [k - 1]
        if not sides:
            sides, at = [[]], [k]
        for side, number in zip(sides, at, strict=False):
            on = {
                row: _Edge(stands[number][j], pads, CLEAR)
                for j, (rows, pads) in enumerate(side)
                for row in rows
            }
            _stack(program, state, heights[k], on, frames)
        for rows in arrays_of(state).values():
            if len(rows) > 1:
                program.costs[heights[k][rows[0]]] -= 0.3
                program.costs[heights[k][rows[-1]]] += 0.3
    for k, step in enumerate(steps):
        weight = _WEIGHTS[step.kind]
        here, there = heights[k], heights[k + 1]
        for link in step.links:
            for a in link.left:
                for b in link.right:
                    program.bend(here[a], there[b], weight)
            if link.kind == "cup":
                program.bend(here[link.left[0]], here[link.left[1]], 0.2)
        for (_, bottom), (top, _) in pairwise(stands[k]):
            program.apart(bottom, top, CLEAR)
        for stand, (top, bottom) in zip(step.stands, stands[k], strict=True):
            for link in step.links if bool(stand.left) != bool(stand.right) else ():
                rows = stand.left or stand.right
                own, side = (link.left, here) if stand.left else (link.right, there)
                for row in own:
                    other = there[link.right[0]] if side is here else here[link.left[0]]
                    if row < rows[0]:
                        program.apart(other, top, CLEAR)
                    elif row > rows[-1]:
                        program.apart(bottom, other, CLEAR)
            count = len(stand.left) * len(stand.right)
            for a in stand.left if stand.glyph.kind != "elementwise" else ():
                for b in stand.right:
                    program.bend(here[a], there[b], 1.6 / count)
        for sign in step.signs:
            if beside_dots(step, sign):
                dot = ending(step, sign)[0]
                for link in step.links:
                    for b in link.right if link.left else ():
                        if max(link.left) < dot:
                            program.apart(there[b], here[dot], 14.0)
                        elif min(link.left) > dot:
                            program.apart(here[dot], there[b], 14.0)
            elif sign.text and sign.kind == "join":
                top = tops[k + 1, sign.onto] = program.variable(-0.1)
                program.costs[there[sign.onto]] += 0.1
                for v in [there[sign.onto], *(here[row] for row in ending(step, sign))]:
                    program.apart(top, v, 32.0)
                if sign.onto:
                    program.apart(there[sign.onto - 1], top, CLEAR)
    found = program.solved()
    left, right = [0.0], [_lead(states[0], True)]
    for k, step in enumerate(steps):
        climbs = [
            abs(found[heights[k][a]] - found[heights[k + 1][b]])
            for link in step.links for a in link.left for b in link.right
        ]  # fmt: skip
        climbs += [abs(found[heights[k][a]] - found[heights[k][b]]) for link in step.links
                   if link.kind == "cup" for a, b in [link.left]]  # fmt: skip
        left.append(round(right[-1] + _step_width(step, max(climbs, default=0.0)), 1))
        right.append(round(left[-1] + _lead(states[k + 1], k + 1 == len(steps)), 1))
    edges = [[(found[v], found[v]) for v in column] for column in heights]
    for (k, row), v in tops.items():
        edges[k][row] = found[v], edges[k][row][1]
    for k, step in enumerate(steps):
        for stand, (a, b) in zip(step.stands, stands[k], strict=True):
            for at, row in [*((k, r) for r in stand.left), *((k + 1, r) for r in stand.right)]:
                top, bottom = edges[at][row]
                edges[at][row] = min(top, found[a]), max(bottom, found[b])
    below = [bottom for column in edges for _, bottom in column]
    below += [found[b] for _, b in frames.values()]
    noted = max((len(part.above) for part in (*states, *steps)), default=0)
    return Placed(
        first, last, tuple(left), tuple(right),
        tuple(tuple(found[v] for v in column) for column in heights),
        tuple(tuple((found[a], found[b]) for a, b in pairs) for pairs in stands),
        {block: (found[a], found[b]) for block, (a, b) in frames.items()},
        tuple(map(tuple, edges)), max(below, default=0.0),
        NOTE_LINE * (noted + 1 if noted else 0),
    )  # fmt: skip


def _stretch(frame: Frame, first: int, last: int) -> bool:
    """Whether a frame is on a row, and not only at an end of it."""
    low, high = max(frame.first, first), min(frame.last, last)
    return low < high or (low == high and frame.first == frame.last)


def _pads(stand: Stand) -> tuple[float, float]:
    """Return how far a glyph reaches over its first and last line."""
    return _PADS.get(stand.glyph.kind, (10.0, 10.0))


class _Edge(NamedTuple):
    """A glyph or frame around lines: its top and bottom, the room inside at each, and outside."""

    ends: tuple[int, int]
    inside: tuple[float, float]
    clear: float


def _stack(
    program: _LinearProgram,
    state: State,
    heights: Sequence[int],
    on: Mapping[int, _Edge],
    frames: Mapping[int, tuple[int, int]],
) -> None:
    """Ask for lines, glyphs and frames to keep their order and distances."""
    around: list[list[_Edge]] = [[]]
    for k, row in enumerate(state.rows):
        own = [_Edge(frames[block], (TITLE, FOOT), AROUND) for block in row.path if block in frames]
        around.append(own + ([on[k]] if k in on else []))
    for k, (before, after) in enumerate(pairwise([*around, []])):
        shared = 0
        while shared < min(len(before), len(after)) and before[shared] == after[shared]:
            shared += 1
        inside = 0 < k < len(heights)
        at, room = (heights[k - 1] if k else program.variable()), 0.0
        # close what the line before was in, then open what this one is in
        for edge in reversed(before[shared:]):
            program.apart(at, edge.ends[1], room or edge.inside[1])
            at, room = edge.ends[1], edge.clear
        for edge in after[shared:]:
            program.apart(at, edge.ends[0], max(room, edge.clear) if k else room)
            at, room = edge.ends[0], edge.inside[0]
        if inside:
            same = state.rows[k - 1].strand == state.rows[k].strand
            program.apart(heights[k - 1], heights[k], PITCH if same else APART)
        if k < len(heights):
            program.apart(at, heights[k], room)


def frame_edges(frame: Frame, page: Placed) -> tuple[float, float, bool, bool]:
    """Return the left and right of a frame on a row, and whether these are edges."""
    begins, ends = frame.first >= page.first, frame.last <= page.last
    low = page.left[frame.first - page.first] - 10.0 if begins else page.left[0] - 12.0
    high = page.right[frame.last - page.first] + 10.0 if ends else page.right[-1] + 12.0
    return low, high, begins and frame.first > page.first, ends and frame.last < page.last


def ending(step: Transition, sign: Sign) -> list[int]:
    """Return the lines on the left that end in dots where a sign stands."""
    low, high = sign.between
    rows = (row for link in step.links if link.kind == "end" for row in link.left)
    return [row for row in rows if low <= row <= high]


def dot_place(page: Placed, step: int) -> float:
    """Return where lines end in dots."""
    x0, x1 = page.right[step], page.left[step + 1]
    return x0 + min(0.4 * (x1 - x0), 34.0)


def beside_dots(step: Transition, sign: Sign) -> bool:
    """Whether a scale is written beside the dots in which all lines end that meet there."""
    low, high = sign.between
    rows = [row for link in step.links if link.kind in ("cup", "join") for row in link.left]
    bare = not any(low <= row <= high for row in rows)
    return bool(sign.text and sign.kind == "join" and bare and ending(step, sign))


def stand_place(
    page: Placed, step: int, number: int, stand: Stand
) -> tuple[float, float, float, float]:
    """Return the left, top, right and bottom of a glyph."""
    middle = (page.right[step] + page.left[step + 1]) / 2
    half = glyph_width(stand.glyph) / 2
    top, bottom = page.stands[step][number]
    return middle - half, top, middle + half, bottom


def whole(pages: Iterable[Placed]) -> tuple[float, float]:
    """Return the width and the height of rows."""
    every = [*pages]
    height = math.fsum(page.height + page.head for page in every) + LINE_GAP * (len(every) - 1)
    return max(page.width for page in every), height
