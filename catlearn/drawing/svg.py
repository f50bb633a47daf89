"""SVG: an arrangement as a picture for screens, pages and notebooks.

The picture has a transparent background and is legible on light and on dark pages: colours are
CSS variables, set by ``prefers-color-scheme`` and by the theme marks of common notebooks and
documentation sites, with plain attributes for renderers without CSS; text and lines carry a
thin halo in the opposite tone, so that even a page of unexpected colour leaves them readable.
Every rule is scoped to the picture's own id, which is a digest of its content: pictures can share
a page, and the same value always gives the same bytes. Arrowheads are plain paths; nothing in
the file refers to anything outside it.

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
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

from catlearn.drawing.faces import face
from catlearn.drawing.layout import HEAD, Place, Route
from catlearn.drawing.measure import (
    BADGE_HEIGHT,
    CELL,
    LABEL,
    LEADING,
    NAME,
    NOTE,
    Arrangement,
    Badge,
    Figure,
    Tag,
    arrange,
    cell_text,
    note_runs,
)
from catlearn.drawing.scene import ARROW_KINDS, NODE_KINDS, Arrow, Law, Scene
from catlearn.drawing.typeset import SCRIPT, Run, clean, runs, runs_width, width

_MARGIN = 12.0
_FONT = "'STIX Two Text','Latin Modern Roman','Times New Roman',Times,'Liberation Serif',serif"

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
# Pages that say that they are dark or light, whatever the system prefers.
_SAYS_DARK = (
    '[data-jp-theme-light="false"]',
    '[data-theme="dark"]',
    '[data-bs-theme="dark"]',
    ".vscode-dark",
    ".dark",
)
_SAYS_LIGHT = (
    '[data-jp-theme-light="true"]',
    '[data-theme="light"]',
    '[data-bs-theme="light"]',
    ".vscode-light",
    ".light",
)

#: Stroke width, dashes, head and colour of each kind of arrow.
_LINES: dict[str, tuple[float, str, str, str]] = {
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
_MOST_LAWS = 60


def to_svg(scene: Scene) -> str:
    """Return a scene as SVG text."""
    page = arrange(scene)
    pen = _Pen()
    _draw_arrangement(pen, page)
    below = page.layout.height
    wide = page.layout.width
    if scene.laws:
        wide, below = _draw_laws(pen, page, below + 16, wide)
    if scene.key:
        wide, below = _draw_key(pen, scene, below + 16, wide)
    return _document(scene, pen, wide, below)


class _Pen:
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
        extra += f' opacity="{_n(opacity)}"' if opacity != 1.0 else ""
        color = _LIGHT.get(stroke, stroke)
        self.raw(
            f'<path d="{d}"{_class(" ".join([*classes, kind]).strip())} fill='
            f'"{_LIGHT.get(fill, fill)}" stroke="{color}" stroke-width="{_n(width)}"{extra}/>'
        )

    def text(
        self,
        line: Iterable[Run],
        x: float,
        y: float,
        size: float,
        fill: str = "ink",
        anchor: str = "middle",
        weight: str = "",
        halo: bool = True,
    ) -> None:
        """Write a line of runs; ``y`` is the base line."""
        spans = []
        down = 0.0
        for run in line:
            shift = {-1: 0.22, 0: 0.0, 1: -0.38}[run.shift] * size
            attributes = f' dy="{_n(shift - down)}"' if shift != down else ""
            attributes += ' font-style="italic"' if run.italic else ""
            attributes += f' font-size="{_n(size * SCRIPT)}"' if run.shift else ""
            spans.append(f"<tspan{attributes}>{escape(run.text)}</tspan>")
            down = shift
        bold = f' font-weight="{weight}"' if weight else ""
        self.raw(
            f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" text-anchor="{anchor}"'
            f' fill="{_LIGHT[fill]}"{bold}{_class(f"f-{fill}" + (" halo" if halo else ""))}'
            f' xml:space="preserve">{"".join(spans)}</text>'
        )


def _class(names: str) -> str:
    return f" class={quoteattr(names)}" if names else ""


def _n(value: float) -> str:
    text = f"{value:.1f}"
    return (
        text.removesuffix(".0").replace("-0", "0")
        if text in ("-0.0", "0.0")
        else (text.removesuffix(".0"))
    )


def _document(scene: Scene, pen: _Pen, wide: float, tall: float) -> str:
    body = "\n".join(pen.out)
    title, words = escape(clean(scene.title)), escape(scene.description)
    digest = hashlib.sha256(f"{title}\0{words}\0{body}".encode()).hexdigest()[:10]
    name = f"cl-{digest}"
    w, h = _n(wide + 2 * _MARGIN), _n(tall + 2 * _MARGIN)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" width="{w}" height="{h}"'
        f' viewBox="{_n(-_MARGIN)} {_n(-_MARGIN)} {w} {h}" role="img"'
        f' aria-labelledby="{name}-t {name}-d" font-family="{_FONT}">\n'
        f'<title id="{name}-t">{title}</title>\n<desc id="{name}-d">{words}</desc>\n'
        f"<style>{_css(name)}</style>\n{body}\n</svg>\n"
    )


def _css(name: str) -> str:
    def variables(colours: dict[str, str]) -> str:
        return "".join(f"--{k}:{v};" for k, v in colours.items())

    here = f"#{name}"
    dark, light = variables(_DARK), variables(_LIGHT)
    says_dark = ",".join(f"{mark} {here}" for mark in _SAYS_DARK)
    says_light = ",".join(f"{mark} {here}" for mark in _SAYS_LIGHT)
    rules = [
        f":root{here}{{color-scheme:light dark}}",
        f"{here}{{max-width:100%;height:auto;{light}}}",
        f"@media (prefers-color-scheme:dark){{{here}{{{dark}}}}}",
        f"{says_dark}{{{dark}}}",
        f"{says_light}{{{light}}}",
    ]
    for colour in _LIGHT:
        rules.append(f"{here} .s-{colour}{{stroke:var(--{colour})}}")
        rules.append(f"{here} .f-{colour}{{fill:var(--{colour})}}")
    rules.append(
        f"{here} .halo{{paint-order:stroke;stroke:var(--paper);stroke-width:3px;"
        "stroke-opacity:.9;stroke-linejoin:round}"
    )
    return "\n".join(rules)


# The diagram itself


def _draw_arrangement(pen: _Pen, page: Arrangement) -> None:
    numbers = page.numbers
    for arrow in page.scene.arrows:
        _draw_arrow(pen, page, arrow)
    for law in page.scene.laws[:_MOST_LAWS]:
        place = face(page, law)
        if place is not None:
            pen.open(f"{law.name}: {law.text}", "law")
            sign = [Run("=", 0, False), Run(str(numbers[law.name]), -1, False)]
            pen.text(sign, place[0], place[1] + 6, 19)
            pen.close()
    for node in page.scene.nodes:
        _draw_node(pen, page.figures[node.name], page.layout.nodes[node.name])


def _d(pieces: Sequence[tuple]) -> str:
    return "".join(piece[0] + " ".join(_n(v) for v in piece[1:]) for piece in pieces)


def _draw_arrow(pen: _Pen, page: Arrangement, arrow: Arrow) -> None:
    route, tag = page.layout.routes[arrow.name], page.tags[arrow.name]
    kind = "" if arrow.kind == "plain" else f" ({ARROW_KINDS[arrow.kind]})"
    note = f" {arrow.note}" if arrow.note else ""
    pen.open(f"{arrow.name}: {arrow.source} → {arrow.target}{kind}{note}", f"edge {arrow.kind}")
    thick, dash, head, colour = _LINES[arrow.kind]
    line = _d(route.pieces)
    pen.path(line, "paper", thick + 3, opacity=0.75)
    pen.path(line, colour, thick, dash=dash, kind="line")
    _draw_head(pen, route, head, colour, thick)
    if arrow.kind == "defined":
        _draw_bar(pen, route, colour)
    _draw_tag(pen, tag, route.label)
    pen.close()


def _turned(points: Sequence[tuple[float, float]], tip: tuple[float, float], angle: float) -> str:
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    places = [(tip[0] + x * c - y * s, tip[1] + x * s + y * c) for x, y in points]
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in places)


def _draw_head(pen: _Pen, route: Route, head: str, colour: str, thick: float) -> None:
    """Draw the arrowhead, and the last bit of line under an open one."""
    if head in ("open", "none"):
        pen.path(_turned([(-HEAD - 0.5, 0), (-1, 0)], route.tip, route.angle), colour, thick)
    if head == "none":
        return
    if head == "open":
        shape = [(-7.0, -4.2), (-0.5, 0.0), (-7.0, 4.2)]
        d = _turned(shape, route.tip, route.angle)
        pen.path(d, colour, 1.5, kind="head open")
        return
    half = 5.0 if head == "filled" else 4.6
    d = _turned([(-HEAD - 0.3, -half), (-0.3, 0.0), (-HEAD - 0.3, half)], route.tip, route.angle)
    fill = colour if head == "filled" else "paper"
    pen.path(d + "Z", colour, 1.2, fill=fill, kind=f"head {head}")


def _draw_bar(pen: _Pen, route: Route, colour: str) -> None:
    x, y = route.pieces[0][1], route.pieces[0][2]
    way = -1 if route.angle == 180.0 else 1
    pen.path(f"M{_n(x + 3 * way)} {_n(y - 5)}V{_n(y + 5)}", colour, 1.6, kind="tail bar")


def _draw_tag(pen: _Pen, tag: Tag, place: tuple[float, float]) -> None:
    x, y = place
    base = y - 5.5
    if tag.arrow.note:
        pen.text(note_runs(tag.arrow.note), x, base, NOTE, "soft")
        base -= NOTE * LEADING
    icon = tag.arrow.kind == "frozen"
    for line in reversed(tag.names):
        pen.text(line, x + (7 if icon else 0), base, LABEL)
        base -= LABEL * LEADING
    if icon and tag.names:
        first = runs_width(list(tag.names[0]), LABEL)
        _draw_snowflake(pen, x - first / 2 - 3, base + LABEL * LEADING - 5)
    left = x - sum(b.width + 3 for b in tag.badges) / 2 + 1.5
    for badge in tag.badges:
        _draw_badge(pen, badge, left, y + 4)
        left += badge.width + 3


def _draw_snowflake(pen: _Pen, x: float, y: float) -> None:
    arms = []
    for k in range(3):
        c, s = math.cos(math.pi * k / 3 + math.pi / 6), math.sin(math.pi * k / 3 + math.pi / 6)
        arms.append(f"M{_n(x - 5 * c)} {_n(y - 5 * s)}L{_n(x + 5 * c)} {_n(y + 5 * s)}")
    pen.path("".join(arms), "ink", 1.1, kind="snowflake")


def _draw_badge(pen: _Pen, badge: Badge, x: float, y: float) -> None:
    """Draw a pill with the numbers of laws: filled on the left side, hollow on the right."""
    w, h = badge.width, BADGE_HEIGHT
    r = h / 2 if badge.left else 2.0
    d = _rounded(x, y, w, h, r)
    fill, ink = ("ink", "paper") if badge.left else ("paper", "ink")
    pen.path(d, "ink", 1.0, fill=fill, kind="badge " + ("left" if badge.left else "right"))
    text = [Run(badge.text, 0, False)]
    pen.text(text, x + w / 2, y + h - 3.2, 10, ink, halo=False)


def _rounded(x: float, y: float, w: float, h: float, r: float) -> str:
    a = f"a{_n(r)} {_n(r)} 0 0 1 "
    return (
        f"M{_n(x + r)} {_n(y)}H{_n(x + w - r)}{a}{_n(r)} {_n(r)}V{_n(y + h - r)}"
        f"{a}{_n(-r)} {_n(r)}H{_n(x + r)}{a}{_n(-r)} {_n(-r)}V{_n(y + r)}{a}{_n(r)} {_n(-r)}Z"
    )


def _outline(kind: str, x: float, y: float, w: float, h: float) -> list[str]:
    """Return the closed outline of a node's body, then further strokes on it."""
    if kind == "dataset":
        arc = f"{_n(w / 2)} 5 0 0 "
        side = (
            f"M{_n(x)} {_n(y + 5)}A{arc}1 {_n(x + w)} {_n(y + 5)}V{_n(y + h - 5)}"
            f"A{arc}1 {_n(x)} {_n(y + h - 5)}Z"
        )
        return [side, f"M{_n(x)} {_n(y + 5)}A{arc}0 {_n(x + w)} {_n(y + 5)}"]
    if kind == "categorical":
        c = 8.0
        points = [(x + c, y), (x + w - c, y), (x + w, y + c), (x + w, y + h - c)]
        points += [(x + w - c, y + h), (x + c, y + h), (x, y + h - c), (x, y + c)]
        return ["M" + "L".join(f"{_n(a)} {_n(b)}" for a, b in points) + "Z"]
    if kind == "product":
        return [_rounded(x, y, w, h, 2), _rounded(x + 3, y + 3, w - 6, h - 6, 1)]
    return [_rounded(x, y, w, h, 7 if kind == "space" else 3)]


def _draw_node(pen: _Pen, figure: Figure, place: Place) -> None:
    node = figure.node
    kind = "" if node.kind == "plain" else f" ({NODE_KINDS[node.kind]})"
    note = f" {node.note}" if node.note else ""
    pen.open(f"{node.name}{kind}{note}", f"vertex {node.kind}")
    x, y = place.x - figure.width / 2, place.y - figure.height / 2
    if node.inner is not None:
        _draw_panel(pen, figure, x, y)
    elif node.rows:
        _draw_table(pen, figure, x, y)
    else:
        _draw_body(pen, figure, place, x, y)
    pen.close()


def _draw_body(pen: _Pen, figure: Figure, place: Place, x: float, y: float) -> None:
    kind = figure.node.kind
    if kind != "plain":
        colour = "data" if kind == "dataset" else "ink"
        first, *more = _outline(kind, x, y, figure.width, figure.height)
        pen.path(first, colour, 1.7 if kind == "dataset" else 1.2, fill="paper", kind="body")
        for stroke in more:
            pen.path(stroke, colour, 1.0, kind="body")
    text = len(figure.names) * NAME * LEADING + len(figure.notes) * NOTE * LEADING
    at = place.y - text / 2 + (4 if kind == "dataset" else 0)
    for line in figure.names:
        pen.text(line, place.x, at + NAME * 0.95, NAME)
        at += NAME * LEADING
    for line in figure.notes:
        pen.text(line, place.x, at + NOTE * 0.9, NOTE, "soft")
        at += NOTE * LEADING


def _draw_table(pen: _Pen, figure: Figure, x: float, y: float) -> None:
    w, h = figure.width, figure.height
    pen.path(_rounded(x, y, w, h, 3), "ink", 1.2, fill="paper", kind="body")
    top = y + LABEL * 1.6
    pen.text(figure.names[0], x + w / 2, y + LABEL * 1.15, LABEL)
    pen.path(f"M{_n(x)} {_n(top)}H{_n(x + w)}", "ink", 1.2)
    step = CELL * 1.5
    if len(figure.node.rows) > 1:
        pen.path(f"M{_n(x)} {_n(top + step)}H{_n(x + w)}", "soft", 0.8)
    for r, row in enumerate(figure.node.rows):
        left = x
        base = top + r * step + CELL * 1.08
        for c, wide in enumerate(figure.columns):
            if c < len(row):
                run = [Run(cell_text(row[c]), 0, r == 0)]
                pen.text(run, left + wide / 2, base, CELL, "soft" if r == 0 else "ink", halo=False)
            left += wide
    left = x
    for wide in figure.columns[:-1]:
        left += wide
        pen.path(f"M{_n(left)} {_n(top)}V{_n(y + h)}", "soft", 0.6)


def _draw_panel(pen: _Pen, figure: Figure, x: float, y: float) -> None:
    w, h = figure.width, figure.height
    frame = _rounded(x, y, w, h, 9)
    pen.path(frame, "soft", 1.1, dash="2 2.5", kind="body")
    pen.text(figure.names[0], x + 12, y + LABEL * 1.25, LABEL, anchor="start")
    top = y + LABEL * LEADING + 10
    for note in figure.notes:
        pen.text(note, x + 12, y + LABEL * 1.25 + NOTE * LEADING, NOTE, "soft", anchor="start")
        top += NOTE * LEADING
    inner = figure.inner
    if inner is not None:
        left = x + (w - inner.layout.width) / 2
        pen.raw(f'<g transform="translate({_n(left)} {_n(top)})">')
        _draw_arrangement(pen, inner)
        pen.close()


# The panel that lists the equations


def _formula(scene: Scene, law: Law) -> list[list[Run]]:
    """Typeset both sides of a law, broken into lines of moderate length."""
    shown = {arrow.name: arrow.shown or arrow.name for arrow in scene.arrows}
    start = next((n.shown for n in scene.nodes if n.name == law.at), law.at)
    words: list[list[Run]] = []
    for i, side in enumerate((law.lhs, law.rhs)):
        if i:
            words.append([Run("  =  ", 0, False)])
        if not side:
            words.append([Run("id(", 0, False), *runs(start), Run(")", 0, False)])
        for k, name in enumerate(side):
            joint = [Run(" ≫ ", 0, False)] if k else []
            words.append([*joint, *runs(shown.get(name, name))])
    out: list[list[Run]] = [[]]
    for word in words:
        if out[-1] and runs_width([*out[-1], *word], LABEL) > 560:
            out.append([Run("    ", 0, False)])
        out[-1] += word
    return out


def _draw_laws(pen: _Pen, page: Arrangement, top: float, wide: float) -> tuple[float, float]:
    """List the equations under the picture: number, name, both sides, what it costs."""
    shown = page.scene.laws[:_MOST_LAWS]
    pill = max(width(str(len(shown)), 10.0) + 8, BADGE_HEIGHT)
    names = max(runs_width(list(runs(law.name)), LABEL) for law in shown)
    formulas = [_formula(page.scene, law) for law in shown]
    formula = max(runs_width(line, LABEL) for f in formulas for line in f)
    notes = max((runs_width(list(note_runs(law.note)), NOTE) for law in shown), default=0.0)
    name_x = pill + 10
    formula_x = name_x + names + 18
    note_x = formula_x + formula + 20
    y = top + LABEL
    same = all(law.name == law.text for law in shown)
    if same:  # an equation that is its own name need not be written twice
        note_x, formula_x = note_x - formula_x + name_x, name_x
    pen.path(f"M0 {_n(top - 8)}H{_n(max(wide, note_x + notes))}", "soft", 0.6)
    for number, (law, formula_lines) in enumerate(zip(shown, formulas, strict=True), start=1):
        pen.open(f"{law.name}: {law.text}" + (f" ({law.note})" if law.note else ""), "equation")
        _draw_badge(pen, Badge(str(number), True, pill), 0, y - 11)
        if not same:
            pen.text(runs(law.name), name_x, y, LABEL, anchor="start")
        if law.note:
            pen.text(note_runs(law.note), note_x, y, NOTE, "soft", anchor="start")
        for k, line in enumerate(formula_lines):
            pen.text(line, formula_x, y + k * LABEL * LEADING, LABEL, anchor="start")
        pen.close()
        y += len(formula_lines) * LABEL * 1.4
    rest = len(page.scene.laws) - len(shown)
    if rest:
        pen.text([Run(f"… and {rest} more", 0, False)], name_x, y, NOTE, "soft", anchor="start")
        y += LABEL * 1.4
    return max(wide, note_x + notes), y - LABEL


# The key


def _draw_key(pen: _Pen, scene: Scene, top: float, wide: float) -> tuple[float, float]:
    """Explain the kinds of nodes and arrows that occur."""
    nodes = [k for k in NODE_KINDS if any(n.kind == k for n in scene.nodes) and k != "plain"]
    arrows = [k for k in ARROW_KINDS if any(a.kind == k for a in scene.arrows) and k != "plain"]
    entries: list[tuple[float, Callable[[float, float], None], str]] = []
    entries += [(24, _node_sample(pen, k), NODE_KINDS[k]) for k in nodes]
    entries += [(38, _arrow_sample(pen, k), ARROW_KINDS[k]) for k in arrows]
    if scene.laws:
        entries.append((2 * BADGE_HEIGHT + 5, _side_sample(pen), "left / right side"))
    if not entries:
        return wide, top - 16
    room = max(wide, 460.0)
    pen.raw('<g class="key" aria-hidden="true">')
    x, y, widest = 0.0, top, wide
    for space, draw, words in entries:
        text = width(words, NOTE)
        if x and x + space + 6 + text > room:
            x, y = 0.0, y + 20
        draw(x, y)
        pen.text([Run(words, 0, False)], x + space + 6, y + 4, NOTE, "soft", anchor="start")
        x += space + text + 24
        widest = max(widest, x - 18)
    pen.close()
    return widest, y + 10


def _node_sample(pen: _Pen, kind: str) -> Callable[[float, float], None]:
    def draw(x: float, y: float) -> None:
        colour = "data" if kind == "dataset" else "ink"
        thick = 1.7 if kind == "dataset" else 1.2
        dash = "2 2.5" if kind == "panel" else ""
        for i, d in enumerate(_outline(kind, x, y - 9, 24, 18)):
            pen.path(d, colour, thick if i == 0 else 1.0, fill="none", dash=dash)

    return draw


def _arrow_sample(pen: _Pen, kind: str) -> Callable[[float, float], None]:
    def draw(x: float, y: float) -> None:
        thick, dash, head, colour = _LINES[kind]
        route = Route((("M", x, y), ("L", x + 38 - HEAD, y)), (x + 38, y), 0.0, (x, y))
        pen.path(_d(route.pieces), colour, thick, dash=dash)
        _draw_head(pen, route, head, colour, thick)
        if kind == "defined":
            _draw_bar(pen, route, colour)
        if kind == "frozen":
            _draw_snowflake(pen, x + 14, y - 1)

    return draw


def _side_sample(pen: _Pen) -> Callable[[float, float], None]:
    def draw(x: float, y: float) -> None:
        _draw_badge(pen, Badge("1", True, BADGE_HEIGHT), x, y - 7)
        _draw_badge(pen, Badge("1", False, BADGE_HEIGHT), x + BADGE_HEIGHT + 4, y - 7)

    return draw
