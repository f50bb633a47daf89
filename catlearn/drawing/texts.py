"""Other languages: tikz-cd, Graphviz dot and quiver links.

All three start from the same arrangement as the picture. tikz-cd and quiver place things on a
grid, so vertices are snapped to the columns of the layout and to rows; edges that would then
run over each other, or through a vertex, are bent. Every name is escaped for its language, and
nothing but names, ends and styles is written.

>>> from catlearn.drawing.scene import SceneArrow, Node, Scene
>>> arrow = Scene("arrow", (Node("A"), Node("B")), (SceneArrow("f_1", "A", "B"),))
>>> print(to_tikzcd(arrow))
\\begin{tikzcd}
    A & B
    \\arrow["{f_{1}}", from=1-1, to=1-2]
\\end{tikzcd}
>>> to_quiver(arrow)
'https://q.uiver.app/#q=WzAsMixbMCwwLCJBIl0sWzEsMCwiQiJdLFswLDEsImZfezF9Il1d'
"""

from __future__ import annotations

import base64
import json
import math
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from catlearn.drawing.arrangement import Arrangement, abridged, arrange
from catlearn.drawing.scene import ARROW_KINDS, Scene, SceneArrow, SceneLaw
from catlearn.errors import TooLarge
from catlearn.names import quote
from catlearn.typesetting import clean, to_latex, width

Cell = tuple[int, int]

_TIKZ_ARROWS: Mapping[str, tuple[str, ...]] = {
    "plain": (),
    "model": ("thick",),
    "frozen": ("two heads",),
    "fixed": (),
    "projection": ("dashed",),
    "factor": ("dotted",),
    "defined": ("maps to",),
    "list": ("dotted",),
    "morphism": ("Rightarrow",),
    "order": ("no head",),
}
_TIKZ_NODES: Mapping[str, str] = {"dataset": "draw, very thick", "product": "draw, double"}

_QUIVER_ARROWS: Mapping[str, dict[str, Any]] = {
    "plain": {},
    "model": {},
    "frozen": {"style": {"head": {"name": "epi"}}},
    "fixed": {"style": {"body": {"name": "barred"}}},
    "projection": {"style": {"body": {"name": "dashed"}}},
    "factor": {"style": {"body": {"name": "dotted"}}},
    "defined": {"style": {"tail": {"name": "maps to"}}},
    "list": {"style": {"body": {"name": "dotted"}}},
    "morphism": {"level": 2},
    "order": {"style": {"head": {"name": "none"}}},
}

_DOT_NODES: Mapping[str, str] = {
    "plain": "shape=plaintext",
    "space": 'shape=box style="rounded"',
    "categorical": "shape=octagon",
    "product": "shape=box peripheries=2",
    "dataset": "shape=cylinder penwidth=1.6",
    "table": "shape=box",
    "panel": "shape=box style=dashed",
}
_DOT_ARROWS: Mapping[str, str] = {
    "plain": "arrowhead=vee",
    "model": "arrowhead=normal penwidth=2.2",
    "frozen": "arrowhead=empty penwidth=1.6",
    "fixed": "arrowhead=vee penwidth=0.8",
    "projection": "arrowhead=vee style=dashed",
    "factor": "arrowhead=vee style=dotted",
    "defined": "arrowhead=vee arrowtail=tee dir=both",
    "list": "arrowhead=vee style=dotted",
    "morphism": "arrowhead=empty penwidth=2.2",
    "order": "arrowhead=none",
}


class Grid:
    """An arrangement on a grid: columns and rows, both from 0, and how strongly each edge bends.

    Vertices of one column always get different rows. A bend of n is n steps to the left of the
    edge's direction, negative to the right.

    Parameters
    ----------
    page
        What is snapped to the grid.

    Attributes
    ----------
    cells : dict
        The column and the row of each vertex.
    bends : dict
        The bend of each edge that is no loop.
    turns : dict
        The degrees by which each loop is turned, so that loops of one vertex stand apart.
    """

    def __init__(self, page: Arrangement) -> None:
        self.page = page
        self.cells = self._snapped()
        self.taken = set(self.cells.values())
        self.bends: dict[str, int] = {}
        self.turns: dict[str, int] = {}
        groups: dict[tuple[str, ...], list[SceneArrow]] = {}
        for arrow in page.scene.arrows:
            ends = arrow.source, arrow.target
            group = groups.setdefault(tuple(sorted(ends)), [])
            if arrow.source == arrow.target:
                self.turns[arrow.name] = 90 * len(group)
            group.append(arrow)
        for (one, other), group in groups.items():
            if one != other:
                self._bend(group)

    @property
    def size(self) -> Cell:
        columns = 1 + max((c for c, _ in self.cells.values()), default=-1)
        return columns, 1 + max((r for _, r in self.cells.values()), default=-1)

    def _snapped(self) -> dict[str, Cell]:
        layout, upward = self.page.layout, self.page.scene.upward
        across = {name: place.x if upward else place.y for name, place in layout.nodes.items()}
        rows: list[float] = []
        for at in sorted(across.values()):
            if not rows or at - rows[-1] > 14.0:
                rows.append(at)
        taken: dict[Cell, str] = {}
        for name, at in across.items():
            row = bisect_right(rows, at + 1e-9) - 1
            while (layout.columns[name], row) in taken:
                row += 1
            taken[layout.columns[name], row] = name
        top = max(layout.columns.values(), default=0)
        return {
            name: (row, top - column) if upward else (column, row)
            for (column, row), name in taken.items()
        }

    def _bend(self, group: list[SceneArrow]) -> None:
        """Bend parallel edges apart, and a single edge around the vertices in its way."""
        layout = self.page.layout
        # From the top of the page to the bottom, whichever way they point.
        for i, arrow in enumerate(sorted(group, key=lambda a: layout.routes[a.name].label[1])):
            steps = len(group) - 1 - 2 * i
            start, end = self.cells[arrow.source], self.cells[arrow.target]
            if len(group) == 1 and self._blocked(start, end):
                middle = (layout.nodes[arrow.source].y + layout.nodes[arrow.target].y) / 2
                steps = 3 if layout.routes[arrow.name].label[1] < middle else -3
            rightwards = (end[0], -end[1]) > (start[0], -start[1])
            self.bends[arrow.name] = steps if rightwards else -steps

    def _blocked(self, start: Cell, end: Cell) -> bool:
        """Whether a vertex lies on the straight line between two cells."""
        dx, dy = end[0] - start[0], end[1] - start[1]
        parts = math.gcd(dx, dy)
        return any(
            (start[0] + k * dx // parts, start[1] + k * dy // parts) in self.taken
            for k in range(1, parts)
        )

    @property
    def separations(self) -> list[float]:
        """How many em each gap between columns needs beyond the usual, for its labels."""
        extra = [0.0] * max(self.size[0] - 1, 0)
        for arrow in self.page.scene.arrows:
            start, end = sorted((self.cells[arrow.source][0], self.cells[arrow.target][0]))
            if start < end:
                # Labels are set small, and some of the usual gap is theirs already.
                needed = width(arrow.shown, 0.62) / (end - start) - 1.6
                for gap in range(start, end):
                    extra[gap] = max(extra[gap], needed)
        return [round(e, 1) for e in extra]


def _two_cells(scene: Scene) -> list[tuple[SceneLaw, str, str]]:
    """Choose for each law whose sides share no edge an edge on each, opposite to each other."""
    return [
        (law, law.lhs[(len(law.lhs) - 1) // 2], law.rhs[len(law.rhs) // 2]) for law in scene.faces
    ]


def _arranged(scene: Scene) -> Arrangement:
    """Arrange a scene, all of it, since others are to read it; refuse what takes long."""
    if abridged(scene) is not scene:
        message = f"{scene.title} takes long to lay out; draw(value, whole=True) does it"
        raise TooLarge(f"{message}, and dot leaves it to Graphviz")
    return arrange(scene)


def to_tikzcd(scene: Scene) -> str:
    """Return a scene as a ``tikzcd`` environment, for LaTeX with ``\\usepackage{tikz-cd}``.

    Trained models are thick, frozen ones have two heads, projections of data sets are
    dashed, those of products dotted, defined edges start with a bar; data sets are framed.
    Equations are signs between two edges, and comments.
    """
    page = _arranged(scene)
    grid = Grid(page)
    columns, rows = grid.size
    words: dict[Cell, str] = {}
    for node in scene.nodes:
        frame = _TIKZ_NODES.get(node.kind)
        prefix = f"|[{frame}]| " if frame else ""
        words[grid.cells[node.name]] = prefix + to_latex(node.shown)
    gaps = [f"&[{e}em]" if e >= 0.5 else "&" for e in grid.separations]
    lines = []
    for r in range(rows):
        cells = [words.get((c, r), "") for c in range(columns)]
        # Extra room is written once for each gap, in the first row.
        signs = gaps if r == 0 else ["&"] * len(gaps)
        pairs = zip(cells, [*signs, ""], strict=True)
        lines.append(" ".join(word for pair in pairs for word in pair if word))
    body = [line + (" \\\\" if i + 1 < rows else "") for i, line in enumerate(lines)]
    faces = [cell for cell in _two_cells(scene) if page.face(cell[0]) is not None]
    anchors = {name: i for i, name in enumerate(dict.fromkeys(a for f in faces for a in f[1:]))}
    for arrow in scene.arrows:
        body.append(_tikz_arrow(arrow, grid, anchors))
    for law, left, right in faces:
        number = f"_{{{page.numbers[law.name]}}}" if len(scene.laws) > 1 else ""
        sign = f'"{{={number}}}"{{description}}'
        body.append(f"\\arrow[{sign}, phantom, from={anchors[left]}, to={anchors[right]}]")
    body += [f"% {clean(law.name)}: {clean(law.text)}" for law in scene.laws]
    inside = "".join(f"    {line}\n" for line in body)
    return f"\\begin{{tikzcd}}\n{inside}\\end{{tikzcd}}"


def _tikz_arrow(arrow: SceneArrow, grid: Grid, anchors: Mapping[str, int]) -> str:
    parts = []
    if arrow.name in anchors:
        name = anchors[arrow.name]
        parts.append(f'""{{name={name}, anchor=center, inner sep=0}}')
    bend = grid.bends.get(arrow.name, 0)
    if arrow.shown:
        swap = "'" if bend < 0 else ""
        parts.append(f'"{{{to_latex(arrow.shown)}}}"{swap}')
    parts += [
        f"{end}={grid.cells[v][1] + 1}-{grid.cells[v][0] + 1}"
        for end, v in (("from", arrow.source), ("to", arrow.target))
    ]
    if arrow.source == arrow.target:
        turn = grid.turns[arrow.name]
        parts += ["loop", f"in={(55 + turn) % 360}", f"out={(125 + turn) % 360}", "distance=10mm"]
    elif bend:
        parts.append(f"bend {'left' if bend > 0 else 'right'}={min(18 * abs(bend), 80)}")
    parts += _TIKZ_ARROWS[arrow.kind]
    return f"\\arrow[{', '.join(parts)}]"


def to_quiver(scene: Scene) -> str:
    """Return a link that opens a scene in the quiver editor, https://q.uiver.app.

    The link holds the whole diagram: base64 of the JSON list ``[0, n, *vertices, *edges]``,
    with ``[x, y, label]`` for a vertex and ``[source, target, label, alignment, options]`` for an
    edge. Frozen models have two heads, fixed maps are barred, projections dashed or dotted,
    defined edges start with a bar. Equations become 2-cells without a head between two edges;
    one whose sides share an edge, or are empty, has no two edges to lie between and is left out.
    """
    page = _arranged(scene)
    grid = Grid(page)
    index = {node.name: i for i, node in enumerate(scene.nodes)}
    cells: list[list[Any]] = [
        [*grid.cells[node.name], to_latex(node.shown)] for node in scene.nodes
    ]
    for arrow in scene.arrows:
        options: dict[str, Any] = dict(_QUIVER_ARROWS[arrow.kind])
        bend = grid.bends.get(arrow.name, 0)
        if arrow.source == arrow.target:
            turn = grid.turns[arrow.name]
            options |= {"angle": (turn + 180) % 360 - 180} if turn else {}
        elif bend:
            options["curve"] = -bend
        label = to_latex(arrow.shown) if arrow.shown else ""
        edge = [index[arrow.source], index[arrow.target], label, 2 if bend < 0 else 0, options]
        cells.append(_shortest(edge))
    places = {arrow.name: len(index) + i for i, arrow in enumerate(scene.arrows)}
    for law, left, right in _two_cells(scene):
        two_cell = {"shorten": {"source": 20, "target": 20}, "style": {"head": {"name": "none"}}}
        cells.append([places[left], places[right], to_latex(law.titled), 0, two_cell])
    text = json.dumps([0, len(index), *cells], separators=(",", ":"), ensure_ascii=False)
    return "https://q.uiver.app/#q=" + base64.b64encode(text.encode()).decode()


def _shortest(edge: list[Any]) -> list[Any]:
    """Leave out trailing entries that have their defaults, as the format asks."""
    for default in ({}, 0, ""):
        if edge[-1] != default:
            break
        edge = edge[:-1]
    return edge


def to_dot(scene: Scene) -> str:
    """Return a scene in Graphviz's dot language, drawn from left to right, or upwards."""
    direction = "BT" if scene.upward else "LR"
    lines = [f"digraph {_quoted(scene.title)} {{", f"  rankdir={direction};"]
    lines.append('  node [fontname="Times-Italic"]; edge [fontname="Times-Italic"];')
    for node in scene.nodes:
        label = _quoted(node.shown, *([node.note] if node.note else []))
        lines.append(f"  {_quoted(node.name)} [label={label} {_DOT_NODES[node.kind]}];")
    for arrow in scene.arrows:
        ends = f"{_quoted(arrow.source)} -> {_quoted(arrow.target)}"
        tip = _quoted(f"{arrow.name} ({ARROW_KINDS[arrow.kind]})")
        label = _quoted(arrow.shown)
        lines.append(f"  {ends} [label={label} tooltip={tip} {_DOT_ARROWS[arrow.kind]}];")
    if scene.laws:
        words = (f"{law.titled}   ({law.note})" if law.note else law.titled for law in scene.laws)
        label = _quoted(*words, ends="\\l")
        lines.append(f"  label={label}; labelloc=b; labeljust=l;")
    return "\n".join([*lines, "}"])


def _quoted(*lines: str, ends: str = "") -> str:
    """Quote lines for dot, whose strings are JSON's once control characters are pictures."""
    mark = ends or "\\n"
    return '"' + mark.join(quote(clean(line))[1:-1] for line in lines) + ends + '"'
