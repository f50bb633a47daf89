"""Arrangements: a scene with every part measured and placed.

``arrange`` turns a scene into an :class:`Arrangement`: every node as a measured figure, every
arrow with its label and the badges of the laws it takes part in, all of it laid out. All writers
start from an arrangement, so they agree on where things are.

>>> from catlearn.drawing.arrangement import arrange
>>> from catlearn.drawing.scene import SceneArrow, SceneLaw, Node, Scene
>>> square = Scene(
...     "square",
...     tuple(map(Node, "ABCD")),
...     tuple(SceneArrow(name, *ends) for name, ends in zip("fghk", ["AB", "BD", "AC", "CD"])),
...     (SceneLaw("square", ("f", "g"), ("h", "k"), "A"),),
... )
>>> page = arrange(square)
>>> x, y = page.face(square.laws[0])
>>> page.layout.nodes["B"].y < y < page.layout.nodes["C"].y
True
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import compress, pairwise

import numpy as np

from catlearn.drawing.layout import (
    QUICK_SLOTS,
    Box,
    Edge,
    Page,
    Place,
    Point,
    acyclic,
    layout,
    layout_upward,
    loop_room,
    ranks,
    slots,
)
from catlearn.drawing.scene import Node, Scene, SceneArrow, SceneLaw, counted
from catlearn.typesetting import TextRun, clean, lines, runs, runs_width, width, word_runs

#: Type sizes.
NAME, LABEL, NOTE, CELL = 17.0, 15.0, 11.5, 13.0
#: Height of a line, as a multiple of the type size.
LEADING = 1.25
BADGE_HEIGHT = 13.0
#: Room between what is in an edge's panel and its sides.
PANEL = 12.0

#: With more edges than this, faces are too small for signs and too many to look at.
CROWDED = 200

#: Of a scene of which only a part is drawn: edges with the same ends, and steps of an equation.
MOST_PARALLEL, MOST_STEPS = 12, 1_000

#: Width of a line of an equation, beyond which it is broken.
MEASURE = 560.0

Line = tuple[TextRun, ...]


def widest(texts: Iterable[Line], size: float) -> float:
    """Return the width of the widest line; 0 if there is none."""
    return max((runs_width(line, size) for line in texts), default=0.0)


@dataclass(frozen=True)
class Figure:
    """A node, measured: its lines of type and the size of its body."""

    node: Node
    names: tuple[Line, ...]
    notes: tuple[Line, ...]
    width: float
    height: float
    columns: tuple[float, ...] = ()
    inner: Arrangement | None = None

    @classmethod
    def of(cls, node: Node) -> Figure:
        """Measure a node's figure."""
        if node.inner is not None:
            return cls._panel(node, arrange(node.inner))
        if node.rows:
            return cls._table(node)
        names = tuple(map(runs, lines(node.shown)))
        notes = tuple(map(word_runs, lines(node.note, 34, 2))) if node.note else ()
        text = max(widest(names, NAME), widest(notes, NOTE))
        height = len(names) * NAME * LEADING + len(notes) * NOTE * LEADING
        if node.kind == "plain":
            return cls(node, names, notes, max(text + 10, 16.0), height + 4)
        extra = {"dataset": 12.0, "product": 8.0}.get(node.kind, 4.0)
        side = {"categorical": 26.0, "product": 24.0}.get(node.kind, 18.0)
        return cls(node, names, notes, max(text + side, 34.0), height + 6 + extra)

    @classmethod
    def _table(cls, node: Node) -> Figure:
        cells = [
            [width(cell_text(row[c]), CELL) for row in node.rows if c < len(row)]
            for c in range(max(map(len, node.rows)))
        ]
        columns = [max(max(column), 14.0) + 14 for column in cells]
        name = runs(node.shown)
        title, wide = runs_width(name, LABEL) + 16, math.fsum(columns)
        if wide < title:
            columns[-1] += title - wide
        height = LABEL * 1.6 + len(node.rows) * CELL * 1.5
        return cls(node, (name,), (), math.fsum(columns), height, tuple(columns))

    @classmethod
    def _panel(cls, node: Node, inner: Arrangement) -> Figure:
        names = tuple(map(runs, lines(node.shown, 40, 1)))
        notes = (word_runs(node.note),) if node.note else ()
        wide = max(inner.layout.width, widest(names, LABEL), widest(notes, NOTE)) + 24
        tall = inner.layout.height + LABEL * LEADING + 26 + len(notes) * NOTE * LEADING
        return cls(node, names, notes, wide, tall, inner=inner)


def cell_text(text: str) -> str:
    """Return a table cell as it is shown: long ones are cut."""
    text = clean(text)
    return text if len(text) <= 24 else text[:23] + "…"


@dataclass(frozen=True)
class Badge:
    """The numbers of the laws in which an arrow stands on one side, such as ``1-3, 5``."""

    text: str
    left: bool
    width: float


@dataclass(frozen=True)
class Tag:
    """An arrow's label, measured: its lines of type above the line, badges below it."""

    arrow: SceneArrow
    names: tuple[Line, ...]
    badges: tuple[Badge, ...]
    box: Box

    @classmethod
    def of(cls, arrow: SceneArrow, badges: Sequence[Badge] = ()) -> Tag:
        """Measure an arrow's label."""
        names = tuple(map(runs, lines(arrow.shown, 24))) if arrow.shown else ()
        if arrow.inner is not None:
            wide, tall = (v + 2 * PANEL for v in arrow.inner.size)
            room = BADGE_HEIGHT + 5.0 if badges else 0.0
            box = Box(wide, tall / 2 + LABEL * LEADING, tall / 2 + room)
            return cls(arrow, names[:1], tuple(badges), box)
        notes = (word_runs(arrow.note),) if arrow.note else ()
        text = max(widest(names, LABEL), widest(notes, NOTE))
        if arrow.kind == "frozen":
            text += 2 * 14.0
        wide = max(text, math.fsum(badge.width + 3 for badge in badges), 6.0) + 4
        above = len(names) * LABEL * LEADING + len(notes) * NOTE * LEADING + 3 if names else 4.0
        below = 5.0 + (BADGE_HEIGHT if badges else 0.0)
        return cls(arrow, names, tuple(badges), Box(wide, above, below))


@dataclass(frozen=True)
class Arrangement:
    """A scene with every part measured and placed."""

    scene: Scene
    figures: dict[str, Figure]
    tags: dict[str, Tag]
    layout: Page

    @property
    def numbers(self) -> dict[str, int]:
        """The number by which the picture refers to each law."""
        return _numbers(self.scene.laws)

    def formula(self, law: SceneLaw) -> list[Line]:
        """Typeset both sides of a law, broken into lines of moderate length."""
        shown = {arrow.name: arrow.shown or arrow.name for arrow in self.scene.arrows}
        start = next((n.shown for n in self.scene.nodes if n.name == law.at), law.at)
        identity = (*_upright("id("), *runs(start), *_upright(")"))
        right = law.components or (law.rhs,)
        signs = ["", "  =  ⟨" if law.components else "  =  ", *[", "] * (len(right) - 1)]
        words: list[Line] = []
        for sign, side in zip(signs, (law.lhs, *right), strict=True):
            names = [runs(shown.get(name, name)) for name in side] or [identity]
            words += [(*_upright(" ≫ " if k else sign), *name) for k, name in enumerate(names)]
        if law.components:
            words[-1] += _upright("⟩")
        out: list[Line] = [()]
        for word in words:
            if out[-1] and runs_width((*out[-1], *word), LABEL) > MEASURE:
                out.append(_upright("    "))
            out[-1] += word
        return out

    def face(self, law: SceneLaw) -> Point | None:
        """Find room for a sign between the two sides of a law, in the face that they bound.

        Returns
        -------
        tuple or None
            A place clear of all boxes and edges, with no edge between it and either side; None if
            there is none, or if the sides share an edge or one is an identity.
        """
        if len(self.scene.arrows) > CROWDED or law not in self.scene.faces:
            return None
        routes = self.layout.routes
        upper, lower = (
            [p for name in side for p in routes[name].points(6)] for side in (law.lhs, law.rhs)
        )
        left = max(min(x for x, _ in upper), min(x for x, _ in lower))
        right = min(max(x for x, _ in upper), max(x for x, _ in lower))
        rest = [r.points(6) for k, r in routes.items() if k not in (*law.lhs, *law.rhs)]
        for k in (5, 4, 6, 3, 7, 2, 8):
            x = left + (right - left) * k / 10
            heights = _height_at(upper, x), _height_at(lower, x)
            if None in heights:
                continue
            a, b = sorted(h for h in heights if h is not None)
            y = (a + b) / 2
            others = [_height_at(points, x) for points in rest]
            inside = any(h is not None and a - 15 < h < b + 15 for h in others)
            if b - a >= 44 and not inside and self._is_free(x, y):
                return x, y
        return None

    def _is_free(self, x: float, y: float) -> bool:
        """Whether a sign at a place keeps clear of all boxes."""
        places = list(self.layout.nodes.values())
        places += [Place(*self.layout.routes[k].label, tag.box) for k, tag in self.tags.items()]
        return not any(
            abs(x - p.x) < p.box.width / 2 + 14 and p.top - 12 < y < p.bottom + 12 for p in places
        )


def _upright(text: str) -> Line:
    return (TextRun(text, 0, False),) if text else ()


def _height_at(points: Sequence[Point], x: float) -> float | None:
    for (x0, y0), (x1, y1) in pairwise(points):
        if min(x0, x1) <= x <= max(x0, x1):
            return y0 if x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return None


def arrange(scene: Scene) -> Arrangement:
    """Measure and lay out a scene."""
    loops = Counter(a.source for a in scene.arrows if a.source == a.target)
    figures = {}
    for node in scene.nodes:
        figure = Figure.of(node)
        # Loops need room to stand on.
        wide = max(figure.width, loop_room(loops[node.name]))
        figures[node.name] = replace(figure, width=wide)
    badges = _badges(scene.laws)
    tags = {a.name: Tag.of(a, badges.get(a.name, ())) for a in scene.arrows}
    boxes = {k: Box(f.width, f.height / 2, f.height / 2) for k, f in figures.items()}
    edges = [(a.name, a.source, a.target, tags[a.name].box) for a in scene.arrows]
    place = layout_upward if scene.upward else layout
    return Arrangement(scene, figures, tags, place(boxes, edges))


def abridged(scene: Scene) -> Scene:
    """Return the first part of a scene that would take long to draw; any other as it is.

    The nodes come in their order, with the arrows between them and the equations of these.

    Examples
    --------
    >>> names = [str(k) for k in range(100_000)]
    >>> arrows = tuple(SceneArrow(f"f{a}", a, b) for a, b in pairwise(names))
    >>> path = abridged(Scene("path", tuple(map(Node, names)), arrows))
    >>> len(path.nodes) < 10_000, len(path.nodes) - len(path.arrows)
    (True, 1)
    """
    if scene.whole:
        return scene
    nodes = tuple(node if node.inner is None else _with_part(node) for node in scene.nodes)
    place = {node.name: k for k, node in enumerate(nodes)}
    ends = [(place[arrow.source], place[arrow.target]) for arrow in scene.arrows]
    count, drawn = _first(len(nodes), ends)
    arrows = tuple(compress(scene.arrows, drawn))
    # A step that is no arrow is an attribute of a schema.
    missing = {arrow.name for arrow in scene.arrows} - {arrow.name for arrow in arrows}
    laws = tuple(
        law
        for law in scene.laws
        if len(law.steps) <= MOST_STEPS
        and missing.isdisjoint(law.steps)
        and place.get(law.at, 0) < count
    )
    left = [
        counted(all_ - len(kept), f"more {one}", f"more {many}")
        for all_, kept, one, many in (
            (len(nodes), nodes[:count], "vertex", "vertices"),
            (len(ends), arrows, "edge", "edges"),
            (len(scene.laws), laws, "equation", "equations"),
        )
        if all_ > len(kept)
    ]
    if not left:
        return scene if nodes == scene.nodes else replace(scene, nodes=nodes)
    rest = f"{' and '.join(left)} are not drawn; draw(value, whole=True) draws them"
    return replace(scene, nodes=nodes[:count], arrows=arrows, laws=laws, rest=rest)


def _with_part(panel: Node) -> Node:
    """Return a panel with the first part of what is inside, if that would take long to draw."""
    assert panel.inner is not None
    inner = abridged(panel.inner)
    if inner is panel.inner:
        return panel
    return replace(panel, inner=inner, note=" · ".join(filter(None, [panel.note, inner.rest])))


def _first(count: int, ends: Sequence[Edge]) -> tuple[int, Sequence[bool]]:
    """Return how many of the first nodes are drawn in a second or two, and with which edges."""
    if count + 2 * count * len(ends) <= QUICK_SLOTS:
        return count, [True] * len(ends)
    table = np.array(ends, np.int64).reshape(-1, 2)
    last = table.max(axis=1, initial=0)

    def fits(first: int, among: np.ndarray) -> bool:
        some = table[among & (last < first)]
        across = some[some[:, 0] != some[:, 1]]
        if first + len(some) > QUICK_SLOTS:
            return False
        forward = acyclic(first, list(map(tuple, across.tolist())))
        return slots(ranks(first, forward), forward) + len(some) - len(across) <= QUICK_SLOTS

    every = np.ones(len(table), bool)
    if fits(count, every):
        return count, every.tolist()
    # Of edges with the same ends there are the first few.
    pairs = np.sort(table, axis=1) @ [count, 1]
    order = np.argsort(pairs, kind="stable")
    _, starts = np.unique(pairs[order], return_index=True)
    place = np.arange(len(table))
    every[order] = place - starts[np.searchsorted(starts, place, "right") - 1] < MOST_PARALLEL
    low, high = 1, count + 1
    while high - low > 1 + low // 16:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle, every) else (low, middle)
    return low, (every & (last < low)).tolist()


def _badges(laws: Sequence[SceneLaw]) -> dict[str, tuple[Badge, ...]]:
    """Say, for each arrow, in which laws it stands on the left and on the right."""
    found: dict[str, tuple[set[int], set[int]]] = {}
    numbers = _numbers(laws)
    for law in laws:
        for side, names in enumerate((law.lhs, law.rhs)):
            for name in names if law.name in numbers else ():
                found.setdefault(name, (set(), set()))[side].add(numbers[law.name])
    return {
        name: tuple(
            Badge(text, side == 0, width(text, 10.0) + 8)
            for side in (0, 1)
            for text in [_spans(sorted(numbers[side]))]
            if text
        )
        for name, numbers in found.items()
    }


def _numbers(laws: Sequence[SceneLaw]) -> dict[str, int]:
    """Number the laws; one that folds a pairing has none."""
    numbered = (law for law in laws if not law.components)
    return {law.name: number for number, law in enumerate(numbered, start=1)}


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
