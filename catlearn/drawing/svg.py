"""SVG: an arrangement as a picture for screens, pages and notebooks.

The picture has a transparent background and is legible on light and on dark pages (see
:mod:`catlearn.drawing.pen`). Nothing in the file refers to anything outside it.

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

import math

from catlearn.drawing.faces import face
from catlearn.drawing.layout import Place
from catlearn.drawing.legend import MOST_LAWS, draw_key, draw_laws
from catlearn.drawing.measure import (
    CELL,
    LABEL,
    LEADING,
    NAME,
    NOTE,
    Arrangement,
    Figure,
    Tag,
    arrange,
    cell_text,
    note_runs,
)
from catlearn.drawing.pen import Pen, document, num
from catlearn.drawing.scene import ARROW_KINDS, NODE_KINDS, Arrow, Scene
from catlearn.drawing.strokes import (
    LINES,
    draw_badge,
    draw_bar,
    draw_head,
    draw_snowflake,
    outline,
    path_data,
    rounded,
)
from catlearn.typesetting import Run, runs_width


def to_svg(scene: Scene) -> str:
    """Return a scene as SVG text."""
    page = arrange(scene)
    pen = Pen()
    _draw_arrangement(pen, page)
    below = page.layout.height
    wide = page.layout.width
    if scene.laws:
        wide, below = draw_laws(pen, page, below + 16, wide)
    if scene.key:
        wide, below = draw_key(pen, scene, below + 16, wide)
    return document(scene, pen, wide, below)


def _draw_arrangement(pen: Pen, page: Arrangement) -> None:
    numbers = page.numbers
    for arrow in page.scene.arrows:
        _draw_arrow(pen, page, arrow)
    for law in page.scene.laws[:MOST_LAWS]:
        place = face(page, law)
        if place is not None:
            pen.open(f"{law.name}: {law.text}", "law")
            sign = [Run("=", 0, False), Run(str(numbers[law.name]), -1, False)]
            pen.text(sign, place[0], place[1] + 6, 19)
            pen.close()
    for node in page.scene.nodes:
        _draw_node(pen, page.figures[node.name], page.layout.nodes[node.name])


def _draw_arrow(pen: Pen, page: Arrangement, arrow: Arrow) -> None:
    route, tag = page.layout.routes[arrow.name], page.tags[arrow.name]
    kind = "" if arrow.kind == "plain" else f" ({ARROW_KINDS[arrow.kind]})"
    note = f" {arrow.note}" if arrow.note else ""
    pen.open(f"{arrow.name}: {arrow.source} → {arrow.target}{kind}{note}", f"edge {arrow.kind}")
    thick, dash, head, colour = LINES[arrow.kind]
    line = path_data(route.pieces)
    pen.path(line, "paper", thick + 3, opacity=0.75)
    pen.path(line, colour, thick, dash=dash, kind="line")
    draw_head(pen, route, head, colour, thick)
    if arrow.kind == "defined":
        draw_bar(pen, route, colour)
    _draw_tag(pen, tag, route.label)
    pen.close()


def _draw_tag(pen: Pen, tag: Tag, place: tuple[float, float]) -> None:
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
        draw_snowflake(pen, x - first / 2 - 3, base + LABEL * LEADING - 5)
    left = x - math.fsum(b.width + 3 for b in tag.badges) / 2 + 1.5
    for badge in tag.badges:
        draw_badge(pen, badge, left, y + 4)
        left += badge.width + 3


def _draw_node(pen: Pen, figure: Figure, place: Place) -> None:
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


def _draw_body(pen: Pen, figure: Figure, place: Place, x: float, y: float) -> None:
    kind = figure.node.kind
    if kind != "plain":
        colour = "data" if kind == "dataset" else "ink"
        first, *more = outline(kind, x, y, figure.width, figure.height)
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


def _draw_table(pen: Pen, figure: Figure, x: float, y: float) -> None:
    w, h = figure.width, figure.height
    pen.path(rounded(x, y, w, h, 3), "ink", 1.2, fill="paper", kind="body")
    top = y + LABEL * 1.6
    pen.text(figure.names[0], x + w / 2, y + LABEL * 1.15, LABEL)
    pen.path(f"M{num(x)} {num(top)}H{num(x + w)}", "ink", 1.2)
    step = CELL * 1.5
    if len(figure.node.rows) > 1:
        pen.path(f"M{num(x)} {num(top + step)}H{num(x + w)}", "soft", 0.8)
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
        pen.path(f"M{num(left)} {num(top)}V{num(y + h)}", "soft", 0.6)


def _draw_panel(pen: Pen, figure: Figure, x: float, y: float) -> None:
    w, h = figure.width, figure.height
    frame = rounded(x, y, w, h, 9)
    pen.path(frame, "soft", 1.1, dash="2 2.5", kind="body")
    pen.text(figure.names[0], x + 12, y + LABEL * 1.25, LABEL, anchor="start")
    top = y + LABEL * LEADING + 10
    for note in figure.notes:
        pen.text(note, x + 12, y + LABEL * 1.25 + NOTE * LEADING, NOTE, "soft", anchor="start")
        top += NOTE * LEADING
    inner = figure.inner
    if inner is not None:
        left = x + (w - inner.layout.width) / 2
        pen.raw(f'<g transform="translate({num(left)} {num(top)})">')
        _draw_arrangement(pen, inner)
        pen.close()
