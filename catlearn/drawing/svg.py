"""SVG: an arrangement as a picture for screens, pages and notebooks.

The picture has a transparent background and is legible on light and on dark pages: colours are
CSS variables, set by ``prefers-color-scheme`` and by the theme marks of common notebooks and
documentation sites, with plain attributes for renderers without CSS; text and lines carry a thin
halo in the opposite tone, so that even a page of unexpected colour leaves them readable. Every
rule is scoped to the picture's own id, which is a digest of its content: pictures can share a
page, and the same value always gives the same bytes. Nothing in the file refers to anything
outside it.

Colour never carries meaning alone:

====================  =========================================================
data set              cylinder
space                 box with round corners
classes               box with cut corners
product               double box
model (trained)       heavy line, filled head
frozen model          line with a snowflake, hollow head
fixed map             thin line, open head
projection            dashed line, open head
product projection    dotted line, open head
defined edge          dash-dot line with a bar at its tail, open head
list-valued arrow     dotted line, open head
morphism              heavy grey line, hollow head
covering of an order  line without a head, upwards
left side of a law    filled badge with the law's number
right side            hollow badge with the law's number
====================  =========================================================

>>> from catlearn.drawing.svg import Pen
>>> pen = Pen()
>>> pen.path("M0 0H9", "soft", 1.5)
>>> print(*pen.out)
<path d="M0 0H9" class="s-soft" fill="none" stroke="#59636e" stroke-width="1.5"/>
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from catlearn.drawing.arrangement import (
    BADGE_HEIGHT,
    CELL,
    LABEL,
    LEADING,
    NAME,
    NOTE,
    PANEL,
    Arrangement,
    Badge,
    Figure,
    Tag,
    abridged,
    arrange,
    cell_text,
    widest,
)
from catlearn.drawing.layout import HEAD, Place, Point, Route
from catlearn.drawing.scene import ARROW_KINDS, NODE_KINDS, Scene, SceneArrow
from catlearn.typesetting import (
    SAFETY,
    SCRIPT,
    TextRun,
    clean,
    joined,
    runs,
    runs_width,
    width,
    word_runs,
)

#: Equations that are listed before the others are counted.
MOST_LAWS = 60

_MARGIN = 12.0
# Cairo knows the first family only, and looks for no other where that lacks a character.
_SYMBOLS = "DejaVu Sans"
_FONT = "'Times New Roman',Times,'Liberation Serif',serif"
_FINE_FONT = f"'STIX Two Text','Latin Modern Roman',{_FONT}"

_LIGHT = {
    "ink": "#1f2328",
    "paper": "#ffffff",
    "soft": "#59636e",
    "model": "#0a58b8",
    "data": "#8a5200",
}
_DARK = {
    "ink": "#e9eef4",
    "paper": "#0d1117",
    "soft": "#a3adb8",
    "model": "#78b7ff",
    "data": "#e3b35c",
}
# Marks of pages that are dark or light, whatever the system prefers.
_DARK_PAGES = (
    '[data-jp-theme-light="false"]',
    '[data-theme="dark"]',
    '[data-bs-theme="dark"]',
    ".vscode-dark",
    ".dark",
)
_LIGHT_PAGES = (
    '[data-jp-theme-light="true"]',
    '[data-theme="light"]',
    '[data-bs-theme="light"]',
    ".vscode-light",
    ".light",
)

#: Stroke width, dashes, head and colour of each kind of arrow.
LINES: dict[str, tuple[float, str, str, str]] = {
    "plain": (1.3, "", "open", "ink"),
    "model": (2.4, "", "filled", "model"),
    "frozen": (1.7, "", "hollow", "ink"),
    "fixed": (1.1, "", "open", "ink"),
    "projection": (1.3, "6 3.5", "open", "data"),
    "factor": (1.5, "1.5 3.5", "open", "ink"),
    "defined": (1.4, "10 3 2 3", "open", "ink"),
    "list": (1.3, "1.5 3.5", "open", "ink"),
    "morphism": (2.2, "", "hollow", "soft"),
    "order": (1.3, "", "none", "ink"),
}


def to_svg(scene: Scene) -> str:
    """Return a scene as SVG text; the equations that define a pairing are folded to one.

    Of a scene that would take long, unless it says ``whole``, it has the first part.
    """
    scene = abridged(scene)
    shown = scene.folded if scene.fold else scene
    page, pen = arrange(shown), Pen()
    pen.arrangement(page)
    wide, below = page.layout.width, page.layout.height
    if shown.laws:
        wide, below = pen.laws(page, below + 16, wide)
    if scene.key:
        wide, below = pen.key(shown, below + 16, wide)
    if shown.rest:
        below += 24
        pen.text(f"… and {shown.rest}", 0, below - 4, NOTE, "soft", anchor="start")
        wide = max(wide, width(f"… and {shown.rest}", NOTE))
    return pen.document(scene, wide, below)


def num(value: float) -> str:
    """Write a number with at most one digit after the point.

    Examples
    --------
    >>> num(2.0), num(-0.04), num(1.26)
    ('2', '0', '1.3')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def polyline(*points: Point) -> str:
    """Return the path data of a line through some points."""
    return "M" + "L".join(f"{num(x)} {num(y)}" for x, y in points)


def polygon(*points: Point) -> str:
    """Return the path data of a closed line through some points."""
    return polyline(*points) + "Z"


def _path_data(pieces: Sequence[tuple]) -> str:
    """Write the pieces of a route as SVG path data."""
    return "".join(piece[0] + " ".join(num(v) for v in piece[1:]) for piece in pieces)


def _rounded(x: float, y: float, w: float, h: float, r: float) -> str:
    """Return the path data of a box with round corners."""
    a = f"a{num(r)} {num(r)} 0 0 1 "
    return (
        f"M{num(x + r)} {num(y)}H{num(x + w - r)}{a}{num(r)} {num(r)}V{num(y + h - r)}"
        f"{a}{num(-r)} {num(r)}H{num(x + r)}"
        f"{a}{num(-r)} {num(-r)}V{num(y + r)}{a}{num(r)} {num(-r)}Z"
    )


def _outline(kind: str, x: float, y: float, w: float, h: float) -> list[str]:
    """Return the closed outline of a node's body, then further strokes on it."""
    if kind == "dataset":
        arc = f"{num(w / 2)} 5 0 0 "
        side = (
            f"M{num(x)} {num(y + 5)}A{arc}1 {num(x + w)} {num(y + 5)}V{num(y + h - 5)}"
            f"A{arc}1 {num(x)} {num(y + h - 5)}Z"
        )
        return [side, f"M{num(x)} {num(y + 5)}A{arc}0 {num(x + w)} {num(y + 5)}"]
    if kind == "categorical":
        c = 8.0
        points = [(x + c, y), (x + w - c, y), (x + w, y + c), (x + w, y + h - c)]
        points += [(x + w - c, y + h), (x + c, y + h), (x, y + h - c), (x, y + c)]
        return [polygon(*points)]
    if kind == "product":
        return [_rounded(x, y, w, h, 2), _rounded(x + 3, y + 3, w - 6, h - 6, 1)]
    return [_rounded(x, y, w, h, 7 if kind == "space" else 3)]


def _style(run: TextRun, size: float) -> str:
    slant = ' font-style="italic"' if run.italic else ""
    return slant + (f' font-size="{num(size * SCRIPT)}"' if run.shift else "")


def _is_symbol(character: str) -> bool:
    """Whether a character is no Latin or Greek letter, dash or ellipsis: not in every face."""
    code = ord(character)
    return code > 0x24F and not (0x370 <= code < 0x400 or 0x2010 <= code < 0x2028)


def _class(names: str) -> str:
    return f" class={quoteattr(names)}" if names else ""


class Pen:
    """Collects elements; every colour is a class for CSS and an attribute for the rest."""

    def __init__(self) -> None:
        self.out: list[str] = []

    def raw(self, text: str) -> None:
        self.out.append(text)

    def open(self, title: str, kind: str = "") -> None:
        self.raw(f"<g{_class(kind)}><title>{escape(clean(title))}</title>")

    def close(self) -> None:
        self.raw("</g>")

    def path(
        self,
        d: str,
        stroke: str = "ink",
        width: float = 1.3,
        fill: str = "none",
        dash: str = "",
        kind: str = "",
        opacity: float = 1.0,
    ) -> None:
        classes = [f"s-{stroke}"] if stroke != "none" else []
        classes += [f"f-{fill}"] if fill != "none" else []
        extra = f' stroke-dasharray="{dash}"' if dash else ""
        extra += f' opacity="{num(opacity)}"' if opacity != 1.0 else ""
        color = _LIGHT.get(stroke, stroke)
        self.raw(
            f'<path d="{d}"{_class(" ".join([*classes, kind]).strip())} fill='
            f'"{_LIGHT.get(fill, fill)}" stroke="{color}" stroke-width="{num(width)}"{extra}/>'
        )

    def text(
        self,
        line: str | Iterable[TextRun],
        x: float,
        y: float,
        size: float,
        fill: str = "ink",
        anchor: str = "middle",
        halo: bool = True,
    ) -> None:
        """Write a line of runs, or a plain upright text; ``y`` is the base line."""
        line = joined([TextRun(line, 0, False)] if isinstance(line, str) else line)
        if anchor == "middle" and len(line) > 1:  # Cairo centres each run by itself
            x, anchor = x - runs_width(line, size) / (2 * SAFETY), "start"
        spans = []
        down = 0.0
        for run in line:
            shift = {-1: 0.22, 0: 0.0, 1: -0.38}[run.shift] * size
            moved = f' dy="{num(shift - down)}"' if shift != down else ""
            # The halo of what is raised stays off the ascender of a slanted letter before it.
            moved = (
                f' dx="{num(0.14 * size)}"{moved}' if run.shift > 0 and moved and spans else moved
            )
            for symbols, text in groupby(run.text, _is_symbol):
                # Other scripts have no italics, and the face of symbols none of them in italics.
                style = _style(replace(run, italic=run.italic and not symbols), size)
                style += f' class="sym" font-family="{_SYMBOLS}"' if symbols else ""
                spans.append(f"<tspan{moved}{style}>{escape(''.join(text))}</tspan>")
                moved = ""
            down = shift
        self.raw(
            f'<text x="{num(x)}" y="{num(y)}" font-size="{num(size)}"'
            f' text-anchor="{anchor}" fill="{_LIGHT[fill]}"'
            f"{_class(f'f-{fill}' + (' halo' if halo else ''))}"
            f' xml:space="preserve">{"".join(spans)}</text>'
        )

    def line_through(self, points: Sequence[Point], stroke: str, dash: str = "") -> None:
        """Draw a line through points, or one point as a dot."""
        if len(points) == 1:
            (x, y), color = points[0], _LIGHT[stroke]
            dot = f'cx="{num(x)}" cy="{num(y)}" r="3" class="f-{stroke}" fill="{color}"'
            self.raw(f"<circle {dot}/>")
            return
        places = " ".join(f"{num(x)},{num(y)}" for x, y in points)
        extra = f' stroke-dasharray="{dash}"' if dash else ""
        self.raw(
            f'<polyline points="{places}" class="s-{stroke}" fill="none" stroke="{_LIGHT[stroke]}"'
            f' stroke-width="1.8" stroke-linejoin="round"{extra}/>'
        )

    # The arrangement.

    def arrangement(self, page: Arrangement) -> None:
        """Draw edges, the signs of equations in their faces, and vertices over them."""
        numbers = page.numbers
        for arrow in page.scene.arrows:
            self.arrow(arrow, page.layout.routes[arrow.name], page.tags[arrow.name])
        for law in page.scene.laws[:MOST_LAWS]:
            place = page.face(law)
            if place is not None:
                self.open(f"{law.name}: {law.text}", "law")
                sign = [TextRun("=", 0, False), TextRun(str(numbers[law.name]), -1, False)]
                self.text(sign, place[0], place[1] + 6, 19)
                self.close()
        for node in page.scene.nodes:
            self.figure(page.figures[node.name], page.layout.nodes[node.name])

    def arrow(self, arrow: SceneArrow, route: Route, tag: Tag) -> None:
        """Draw an edge with its label and badges."""
        kind = "" if arrow.kind == "plain" else f" ({ARROW_KINDS[arrow.kind]})"
        note = f" {arrow.note}" if arrow.note else ""
        ends = f"{arrow.source} → {arrow.target}"
        self.open(f"{arrow.name}: {ends}{kind}{note}", f"edge {arrow.kind}")
        self.path(_path_data(route.pieces), "paper", LINES[arrow.kind][0] + 3, opacity=0.75)
        self.line(arrow.kind, route, "line")
        self.tag(tag, *route.label)
        self.close()

    def line(self, kind: str, route: Route, name: str = "") -> None:
        """Draw the line of a kind of arrow, its head, and the bar at the tail of a defined one."""
        thick, dash, head, colour = LINES[kind]
        self.path(_path_data(route.pieces), colour, thick, dash=dash, kind=name)
        self.head(route, head, colour, thick)
        if kind == "defined":
            _, x, y = route.pieces[0]
            x += -3 if route.angle == 180.0 else 3
            self.path(f"M{num(x)} {num(y - 5)}V{num(y + 5)}", colour, 1.6, kind="tail bar")

    def head(self, route: Route, head: str, colour: str, thick: float) -> None:
        """Draw the arrowhead, and the last bit of line under an open one."""
        c, s = math.cos(math.radians(route.angle)), math.sin(math.radians(route.angle))

        def turned(*points: Point) -> str:
            tip = route.tip
            return polyline(*((tip[0] + x * c - y * s, tip[1] + x * s + y * c) for x, y in points))

        if head in ("open", "none"):
            self.path(turned((-HEAD - 0.5, 0), (-1, 0)), colour, thick)
        if head == "open":
            d = turned((-7.0, -4.2), (-0.5, 0.0), (-7.0, 4.2))
            self.path(d, colour, 1.5, kind="head open")
        elif head != "none":
            half = 5.0 if head == "filled" else 4.6
            d = turned((-HEAD - 0.3, -half), (-0.3, 0.0), (-HEAD - 0.3, half)) + "Z"
            fill = colour if head == "filled" else "paper"
            self.path(d, colour, 1.2, fill=fill, kind=f"head {head}")

    def tag(self, tag: Tag, x: float, y: float) -> None:
        """Draw a label: its lines above the edge, badges below it."""
        if tag.arrow.inner is not None:
            self._opened(tag, x, y)
            return
        base = y - 5.5
        if tag.arrow.note:
            self.text(word_runs(tag.arrow.note), x, base, NOTE, "soft")
            base -= NOTE * LEADING
        icon = tag.arrow.kind == "frozen"
        for line in reversed(tag.names):
            self.text(line, x + (7 if icon else 0), base, LABEL)
            base -= LABEL * LEADING
        if icon and tag.names:
            first = runs_width(tag.names[0], LABEL)
            self.snowflake(x - first / 2 - 3, base + LABEL * LEADING - 5)
        self._badges(tag, x, y + 4)

    def _badges(self, tag: Tag, x: float, y: float) -> None:
        left = x - math.fsum(badge.width + 3 for badge in tag.badges) / 2 + 1.5
        for badge in tag.badges:
            self.badge(badge, left, y)
            left += badge.width + 3

    def _opened(self, tag: Tag, x: float, y: float) -> None:
        """Draw the panel of an edge, with what is in it."""
        assert tag.arrow.inner is not None
        wide, tall = tag.arrow.inner.size
        left, top = x - wide / 2 - PANEL, y - tag.box.above
        height = tall + 2 * PANEL + LABEL * LEADING
        outline = _rounded(left, top, wide + 2 * PANEL, height, 9)
        self.path(outline, "soft", 1.1, fill="paper", dash="2 2.5", kind="body")
        for line in tag.names:
            self.text(line, left + PANEL, top + LABEL * 1.25, LABEL, anchor="start")
        place = f"{num(left + PANEL)} {num(top + PANEL + LABEL * LEADING)}"
        self.raw(f'<g transform="translate({place})">')
        tag.arrow.inner.draw(self)
        self.close()
        self._badges(tag, x, top + height + 4)

    def snowflake(self, x: float, y: float) -> None:
        """Draw the mark of a frozen edge."""
        arms = []
        for k in range(3):
            c, s = math.cos(math.pi * k / 3 + math.pi / 6), math.sin(math.pi * k / 3 + math.pi / 6)
            arms.append(polyline((x - 5 * c, y - 5 * s), (x + 5 * c, y + 5 * s)))
        self.path("".join(arms), "ink", 1.1, kind="snowflake")

    def badge(self, badge: Badge, x: float, y: float) -> None:
        """Draw a pill with the numbers of laws: filled on the left side, hollow on the right."""
        w, h = badge.width, BADGE_HEIGHT
        d = _rounded(x, y, w, h, h / 2 if badge.left else 2.0)
        fill, ink = ("ink", "paper") if badge.left else ("paper", "ink")
        self.path(d, "ink", 1.0, fill=fill, kind="badge " + ("left" if badge.left else "right"))
        self.text(badge.text, x + w / 2, y + h - 3.2, 10, ink, halo=False)

    def figure(self, figure: Figure, place: Place) -> None:
        """Draw a vertex, a table or a panel."""
        node = figure.node
        kind = "" if node.kind == "plain" else f" ({NODE_KINDS[node.kind]})"
        note = f" {node.note}" if node.note else ""
        self.open(f"{node.name}{kind}{note}", f"vertex {node.kind}")
        x, y = place.x - figure.width / 2, place.y - figure.height / 2
        if figure.inner is not None:
            self._panel(figure, figure.inner, x, y)
        elif node.rows:
            self._table(figure, x, y)
        else:
            self._body(figure, place, x, y)
        self.close()

    def _body(self, figure: Figure, place: Place, x: float, y: float) -> None:
        kind = figure.node.kind
        if kind != "plain":
            colour = "data" if kind == "dataset" else "ink"
            first, *more = _outline(kind, x, y, figure.width, figure.height)
            self.path(first, colour, 1.7 if kind == "dataset" else 1.2, fill="paper", kind="body")
            for stroke in more:
                self.path(stroke, colour, 1.0, kind="body")
        text = len(figure.names) * NAME * LEADING + len(figure.notes) * NOTE * LEADING
        at = place.y - text / 2 + (4 if kind == "dataset" else 0)
        for line in figure.names:
            self.text(line, place.x, at + NAME * 0.95, NAME)
            at += NAME * LEADING
        for line in figure.notes:
            self.text(line, place.x, at + NOTE * 0.9, NOTE, "soft")
            at += NOTE * LEADING

    def _table(self, figure: Figure, x: float, y: float) -> None:
        w, h = figure.width, figure.height
        self.path(_rounded(x, y, w, h, 3), "ink", 1.2, fill="paper", kind="body")
        top = y + LABEL * 1.6
        self.text(figure.names[0], x + w / 2, y + LABEL * 1.15, LABEL)
        self.path(f"M{num(x)} {num(top)}H{num(x + w)}", "ink", 1.2)
        step = CELL * 1.5
        if len(figure.node.rows) > 1:
            self.path(f"M{num(x)} {num(top + step)}H{num(x + w)}", "soft", 0.8)
        for r, row in enumerate(figure.node.rows):
            left = x
            base = top + r * step + CELL * 1.08
            colour = "ink" if r else "soft"
            for cell, wide in zip(row, figure.columns, strict=False):
                run = [TextRun(cell_text(cell), 0, r == 0)]
                self.text(run, left + wide / 2, base, CELL, colour, halo=False)
                left += wide
        left = x
        for wide in figure.columns[:-1]:
            left += wide
            self.path(f"M{num(left)} {num(top)}V{num(y + h)}", "soft", 0.6)

    def _panel(self, figure: Figure, inner: Arrangement, x: float, y: float) -> None:
        w, h = figure.width, figure.height
        self.path(_rounded(x, y, w, h, 9), "soft", 1.1, dash="2 2.5", kind="body")
        base = y + LABEL * 1.25
        self.text(figure.names[0], x + 12, base, LABEL, anchor="start")
        top = y + LABEL * LEADING + 10
        for note in figure.notes:
            self.text(note, x + 12, base + NOTE * LEADING, NOTE, "soft", anchor="start")
            top += NOTE * LEADING
        left = x + (w - inner.layout.width) / 2
        self.raw(f'<g transform="translate({num(left)} {num(top)})">')
        self.arrangement(inner)
        self.close()

    # What stands under it.

    def laws(self, page: Arrangement, top: float, wide: float) -> tuple[float, float]:
        """List the equations under the picture: number, name, both sides, what it costs."""
        shown = page.scene.laws[:MOST_LAWS]
        numbers = page.numbers
        pill = max(width(str(len(shown)), 10.0) + 8, BADGE_HEIGHT)
        formulas = [page.formula(law) for law in shown]
        # A name that is the equation, or what the equation defines, need not be written twice.
        names = ["" if law.name in (law.text, law.pairing) else law.name for law in shown]
        name_x = pill + 10
        formula_x = name_x + (widest(map(runs, names), LABEL) + 18 if any(names) else 0)
        note_x = formula_x + max(widest(lines, LABEL) for lines in formulas) + 20
        notes = widest((word_runs(law.note) for law in shown), NOTE)
        y = top + LABEL
        self.path(f"M0 {num(top - 8)}H{num(max(wide, note_x + notes))}", "soft", 0.6)
        for law, name, lines in zip(shown, names, formulas, strict=True):
            self.open(
                f"{law.name}: {law.text}" + (f" ({law.note})" if law.note else ""), "equation"
            )
            if law.name in numbers:
                self.badge(Badge(str(numbers[law.name]), True, pill), 0, y - 11)
            if name:
                self.text(runs(name), name_x, y, LABEL, anchor="start")
            if law.note:
                self.text(word_runs(law.note), note_x, y, NOTE, "soft", anchor="start")
            for k, line in enumerate(lines):
                self.text(line, formula_x, y + k * LABEL * LEADING, LABEL, anchor="start")
            self.close()
            y += len(lines) * LABEL * 1.4
        rest = len(page.scene.laws) - len(shown)
        if rest:
            self.text(f"… and {rest} more", name_x, y, NOTE, "soft", anchor="start")
            y += LABEL * 1.4
        return max(wide, note_x + notes), y - LABEL

    def key(self, scene: Scene, top: float, wide: float) -> tuple[float, float]:
        """Explain the kinds of nodes and arrows that occur."""
        kinds = {part.kind for part in (*scene.nodes, *scene.arrows)} - {"plain"}
        nodes, arrows = ([k for k in known if k in kinds] for known in (NODE_KINDS, ARROW_KINDS))
        entries: list[tuple[float, Callable[[float, float], None], str]] = []
        entries += [(24, partial(self._node_sample, k), NODE_KINDS[k]) for k in nodes]
        entries += [(38, partial(self._line_sample, k), ARROW_KINDS[k]) for k in arrows]
        if any(not law.components for law in scene.laws):
            entries.append((2 * BADGE_HEIGHT + 5, self._badge_sample, "left / right side"))
        if not entries:
            return wide, top - 16
        widest, y = self.samples(entries, top, wide, max(wide, 460.0), 20, 24)
        return widest, y + 10

    def samples(
        self,
        entries: Iterable[tuple[float, Callable[[float, float], None], str]],
        top: float,
        wide: float,
        room: float,
        lead: float,
        gap: float,
    ) -> tuple[float, float]:
        """Draw samples and what they are called, in as many lines as the room asks for.

        Parameters
        ----------
        entries
            For each sample how wide it is, what draws it in the middle of a line, and its words.
        top, wide, room
            Where the first line is, how wide the picture is, and how wide a line may be.
        lead, gap
            From one line to the next, and from one entry to the next.

        Returns
        -------
        tuple
            How wide the picture is now, and where the last line is.
        """
        self.raw('<g class="key" aria-hidden="true">')
        x, y = 0.0, top
        for space, sample, words in entries:
            text = width(words, NOTE)
            if x and x + space + 6 + text > room:
                x, y = 0.0, y + lead
            sample(x, y)
            self.text(words, x + space + 6, y + 4, NOTE, "soft", anchor="start")
            x += space + text + gap
            wide = max(wide, x - gap + 6)
        self.close()
        return wide, y

    def _node_sample(self, kind: str, x: float, y: float) -> None:
        colour, thick = ("data", 1.7) if kind == "dataset" else ("ink", 1.2)
        dash = "2 2.5" if kind == "panel" else ""
        for i, d in enumerate(_outline(kind, x, y - 9, 24, 18)):
            self.path(d, colour, thick if i == 0 else 1.0, dash=dash)

    def _line_sample(self, kind: str, x: float, y: float) -> None:
        pieces = (("M", x, y), ("L", x + 38 - HEAD, y))
        self.line(kind, Route(pieces, (x + 38, y), 0.0, (x, y)))
        if kind == "frozen":
            self.snowflake(x + 14, y - 1)

    def _badge_sample(self, x: float, y: float) -> None:
        self.badge(Badge("1", True, BADGE_HEIGHT), x, y - 7)
        self.badge(Badge("1", False, BADGE_HEIGHT), x + BADGE_HEIGHT + 4, y - 7)

    # The file.

    def document(self, scene: Scene, wide: float, tall: float) -> str:
        """Return the SVG of a scene that was drawn, with a margin around it."""
        wide, tall = wide + 2 * _MARGIN, tall + 2 * _MARGIN
        return self.page(scene.title, scene.description, wide, tall, -_MARGIN)

    def page(self, title: str, words: str, wide: float, tall: float, start: float = 0.0) -> str:
        """Return the SVG of what was drawn, with a title and a description in words."""
        body = "\n".join(self.out)
        title, words = escape(clean(title)), escape(clean(words))
        digest = hashlib.sha256(f"{title}\0{words}\0{body}".encode()).hexdigest()[:10]
        name = f"cl-{digest}"
        w, h = num(wide), num(tall)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" width="{w}" height="{h}"'
            f' viewBox="{num(start)} {num(start)} {w} {h}" role="img"'
            f' aria-labelledby="{name}-t {name}-d" font-family="{_FONT}">\n'
            f'<title id="{name}-t">{title}</title>\n<desc id="{name}-d">{words}</desc>\n'
            f"<style>{_css(name)}</style>\n{body}\n</svg>\n"
        )


def _css(name: str) -> str:
    def variables(colours: dict[str, str]) -> str:
        return "".join(f"--{k}:{v};" for k, v in colours.items())

    here = f"#{name}"
    dark, light = variables(_DARK), variables(_LIGHT)
    on_dark = ",".join(f"{mark} {here}" for mark in _DARK_PAGES)
    on_light = ",".join(f"{mark} {here}" for mark in _LIGHT_PAGES)
    rules = [
        f":root{here}{{color-scheme:light dark}}",
        f"{here}{{max-width:100%;height:auto;font-family:{_FINE_FONT};{light}}}",
        f"@media (prefers-color-scheme:dark){{{here}{{{dark}}}}}",
        f"{on_dark}{{{dark}}}",
        f"{on_light}{{{light}}}",
    ]
    rules.append(f"{here} .sym{{font-family:inherit}}")
    for colour in _LIGHT:
        rules.append(f"{here} .s-{colour}{{stroke:var(--{colour})}}")
        rules.append(f"{here} .f-{colour}{{fill:var(--{colour})}}")
    rules.append(
        f"{here} .halo{{paint-order:stroke;stroke:var(--paper);stroke-width:3px;"
        "stroke-opacity:.9;stroke-linejoin:round}"
    )
    # Renderers that know no variables, such as Cairo's, keep the plain attributes.
    return "@supports (color:var(--ink)){\n" + "\n".join(rules) + "\n}"
