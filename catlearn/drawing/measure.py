"""Measuring: how much room the parts of a scene need, and the finished arrangement.

``arrange`` turns a scene into an :class:`Arrangement`: every node as a measured figure, every
arrow with its label and the badges of the laws it takes part in, all of it laid out. All writers
start from an arrangement, so they agree on where things are.

>>> from catlearn.drawing.measure import arrange
>>> from catlearn.drawing.scene import Arrow, Node, Scene
>>> page = arrange(Scene("arrow", (Node("A"), Node("B")), (Arrow("f", "A", "B"),)))
>>> page.layout.nodes["A"].x < page.layout.nodes["B"].x
True
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from catlearn.drawing.layout import Box, Layout, layout, layout_upward, loop_room
from catlearn.drawing.scene import Arrow, Law, Node, Scene
from catlearn.typesetting import Run, clean, lines, runs, runs_width, width

#: Type sizes.
NAME, LABEL, NOTE, CELL = 17.0, 15.0, 11.5, 13.0
#: Height of a line, as a multiple of the type size.
LEADING = 1.25
BADGE_HEIGHT = 13.0


@dataclass(frozen=True)
class Figure:
    """A node, measured: its lines of type and the size of its body."""

    node: Node
    names: tuple[tuple[Run, ...], ...]
    notes: tuple[tuple[Run, ...], ...]
    width: float
    height: float
    columns: tuple[float, ...] = ()
    inner: Arrangement | None = None


@dataclass(frozen=True)
class Badge:
    """The numbers of the laws in which an arrow stands on one side, such as ``1-3, 5``."""

    text: str
    left: bool
    width: float


@dataclass(frozen=True)
class Tag:
    """An arrow's label, measured: its lines of type, icon and badges."""

    arrow: Arrow
    names: tuple[tuple[Run, ...], ...]
    badges: tuple[Badge, ...]
    box: Box


@dataclass(frozen=True)
class Arrangement:
    """A scene with every part measured and placed."""

    scene: Scene
    figures: dict[str, Figure]
    tags: dict[str, Tag]
    layout: Layout

    @property
    def numbers(self) -> dict[str, int]:
        """The number by which the picture refers to each law."""
        return {law.name: i for i, law in enumerate(self.scene.laws, start=1)}


def arrange(scene: Scene) -> Arrangement:
    """Measure and lay out a scene."""
    loops = Counter(a.source for a in scene.arrows if a.source == a.target)
    figures = {node.name: measure_node(node, loops[node.name]) for node in scene.nodes}
    badges = _badges(scene.laws)
    tags = {a.name: measure_arrow(a, badges.get(a.name, ())) for a in scene.arrows}
    boxes = {k: Box(f.width, f.height / 2, f.height / 2) for k, f in figures.items()}
    edges = [(a.name, a.source, a.target, tags[a.name].box) for a in scene.arrows]
    place = layout_upward if scene.upward else layout
    return Arrangement(scene, figures, tags, place(boxes, edges))


def note_runs(note: str) -> tuple[Run, ...]:
    """Typeset a note word by word, upright."""
    out: list[Run] = []
    for i, word in enumerate(note.split(" ")):
        if i:
            out.append(Run(" ", 0, False))
        out.extend(runs(word, italic=False))
    return tuple(out)


def measure_node(node: Node, loops: int = 0) -> Figure:
    """Measure a node's figure; loops need room to stand on."""
    figure = _measure(node)
    return replace(figure, width=max(figure.width, loop_room(loops)))


def _measure(node: Node) -> Figure:
    if node.inner is not None:
        return _measure_panel(node, node.inner)
    if node.rows:
        return _measure_table(node)
    names = tuple(tuple(runs(line)) for line in lines(node.shown))
    notes = tuple(note_runs(line) for line in lines(node.note, 34, 2)) if node.note else ()
    text = max(
        [runs_width(list(line), NAME) for line in names]
        + [runs_width(list(line), NOTE) for line in notes]
    )
    height = len(names) * NAME * LEADING + len(notes) * NOTE * LEADING
    if node.kind == "plain":
        return Figure(node, names, notes, max(text + 10, 16.0), height + 4)
    extra = {"dataset": 12.0, "product": 8.0}.get(node.kind, 4.0)
    side = {"categorical": 26.0, "product": 24.0}.get(node.kind, 18.0)
    return Figure(node, names, notes, max(text + side, 34.0), height + 6 + extra)


def _measure_table(node: Node) -> Figure:
    count = max(len(row) for row in node.rows)
    cells = [
        [width(_cell(row[c]), CELL) for row in node.rows if c < len(row)] for c in range(count)
    ]
    columns = tuple(max(max(column), 14.0) + 14 for column in cells)
    title = runs_width(list(runs(node.shown)), LABEL) + 16
    if math.fsum(columns) < title:
        columns = (*columns[:-1], columns[-1] + title - math.fsum(columns))
    height = LABEL * 1.6 + len(node.rows) * CELL * 1.5
    return Figure(node, (tuple(runs(node.shown)),), (), math.fsum(columns), height, columns)


def _cell(text: str) -> str:
    text = clean(text)
    return text if len(text) <= 24 else text[:23] + "…"


def cell_text(text: str) -> str:
    """Return a table cell as it is shown: long ones are cut."""
    return _cell(text)


def _measure_panel(node: Node, scene: Scene) -> Figure:
    inner = arrange(scene)
    names = tuple(tuple(runs(line)) for line in lines(node.shown, 40, 1))
    title = max(runs_width(list(line), LABEL) for line in names)
    wide = max(inner.layout.width, title) + 24
    tall = inner.layout.height + LABEL * LEADING + 26
    if node.note:
        tall += NOTE * LEADING
        wide = max(wide, runs_width(list(note_runs(node.note)), NOTE) + 24)
    notes = (note_runs(node.note),) if node.note else ()
    return Figure(node, names, notes, wide, tall, inner=inner)


def measure_arrow(arrow: Arrow, badges: Sequence[Badge] = ()) -> Tag:
    """Measure an arrow's label: type above the line, badges below it."""
    shown = lines(arrow.shown, 24) if arrow.shown else []
    names = tuple(tuple(runs(line)) for line in shown)
    notes = [note_runs(arrow.note)] if arrow.note else []
    text = max([runs_width(list(line), LABEL) for line in names], default=0.0)
    text = max([text, *(runs_width(list(n), NOTE) for n in notes)])
    if arrow.kind == "frozen":
        text += 2 * 14.0
    below = math.fsum(b.width + 3 for b in badges)
    above = len(names) * LABEL * LEADING + len(notes) * NOTE * LEADING + 3 if names else 4.0
    return Tag(
        arrow,
        names,
        tuple(badges),
        Box(max(text, below, 6.0) + 4, above, 5.0 + (BADGE_HEIGHT if badges else 0.0)),
    )


def _badges(laws: Sequence[Law]) -> dict[str, tuple[Badge, ...]]:
    """Say, for each arrow, in which laws it stands on the left and on the right."""
    found: dict[str, tuple[set[int], set[int]]] = {}
    for number, law in enumerate(laws, start=1):
        for side, names in enumerate((law.lhs, law.rhs)):
            for name in names:
                found.setdefault(name, (set(), set()))[side].add(number)
    return {
        name: tuple(
            Badge(text, side == 0, width(text, 10.0) + 8)
            for side in (0, 1)
            for text in [_spans(sorted(numbers[side]))]
            if text
        )
        for name, numbers in found.items()
    }


def _spans(numbers: Sequence[int]) -> str:
    """Write sorted numbers shortly, as in ``1-3,5``; at most four spans."""
    spans: list[list[int]] = []
    for n in numbers:
        if spans and spans[-1][1] == n - 1:
            spans[-1][1] = n
        else:
            spans.append([n, n])
    words = [str(a) if a == b else f"{a}–{b}" for a, b in spans]
    return ",".join(words if len(words) <= 4 else [*words[:3], "…", words[-1]])
