"""What stands under a picture: the list of its equations, and the key to its kinds."""

from __future__ import annotations

from collections.abc import Callable

from catlearn.drawing.layout import HEAD, Route
from catlearn.drawing.measure import (
    BADGE_HEIGHT,
    LABEL,
    LEADING,
    NOTE,
    Arrangement,
    Badge,
    note_runs,
)
from catlearn.drawing.pen import Pen, num
from catlearn.drawing.scene import ARROW_KINDS, NODE_KINDS, Law, Scene
from catlearn.drawing.strokes import (
    LINES,
    draw_badge,
    draw_bar,
    draw_head,
    draw_snowflake,
    outline,
    path_data,
)
from catlearn.typesetting import Run, runs, runs_width, width

#: Equations that are listed before the others are counted.
MOST_LAWS = 60


def _formula(scene: Scene, law: Law) -> list[list[Run]]:
    """Typeset both sides of a law, broken into lines of moderate length."""
    shown = {arrow.name: arrow.shown or arrow.name for arrow in scene.arrows}
    start = next((n.shown for n in scene.nodes if n.name == law.at), law.at)
    words: list[list[Run]] = []
    for sign, side in (("", law.lhs), ("  =  ", law.rhs)):
        names = [runs(shown.get(name, name)) for name in side]
        identity = [[Run("id(", 0, False), *runs(start), Run(")", 0, False)]]
        for k, name in enumerate(names or identity):
            joint = " ≫ " if k else sign
            words.append([*([Run(joint, 0, False)] if joint else []), *name])
    out: list[list[Run]] = [[]]
    for word in words:
        if out[-1] and runs_width([*out[-1], *word], LABEL) > 560:
            out.append([Run("    ", 0, False)])
        out[-1] += word
    return out


def draw_laws(pen: Pen, page: Arrangement, top: float, wide: float) -> tuple[float, float]:
    """List the equations under the picture: number, name, both sides, what it costs."""
    shown = page.scene.laws[:MOST_LAWS]
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
    pen.path(f"M0 {num(top - 8)}H{num(max(wide, note_x + notes))}", "soft", 0.6)
    for number, (law, formula_lines) in enumerate(zip(shown, formulas, strict=True), start=1):
        pen.open(f"{law.name}: {law.text}" + (f" ({law.note})" if law.note else ""), "equation")
        draw_badge(pen, Badge(str(number), True, pill), 0, y - 11)
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


def draw_key(pen: Pen, scene: Scene, top: float, wide: float) -> tuple[float, float]:
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


def _node_sample(pen: Pen, kind: str) -> Callable[[float, float], None]:
    def draw(x: float, y: float) -> None:
        colour = "data" if kind == "dataset" else "ink"
        thick = 1.7 if kind == "dataset" else 1.2
        dash = "2 2.5" if kind == "panel" else ""
        for i, d in enumerate(outline(kind, x, y - 9, 24, 18)):
            pen.path(d, colour, thick if i == 0 else 1.0, fill="none", dash=dash)

    return draw


def _arrow_sample(pen: Pen, kind: str) -> Callable[[float, float], None]:
    def draw(x: float, y: float) -> None:
        thick, dash, head, colour = LINES[kind]
        route = Route((("M", x, y), ("L", x + 38 - HEAD, y)), (x + 38, y), 0.0, (x, y))
        pen.path(path_data(route.pieces), colour, thick, dash=dash)
        draw_head(pen, route, head, colour, thick)
        if kind == "defined":
            draw_bar(pen, route, colour)
        if kind == "frozen":
            draw_snowflake(pen, x + 14, y - 1)

    return draw


def _side_sample(pen: Pen) -> Callable[[float, float], None]:
    def draw(x: float, y: float) -> None:
        draw_badge(pen, Badge("1", True, BADGE_HEIGHT), x, y - 7)
        draw_badge(pen, Badge("1", False, BADGE_HEIGHT), x + BADGE_HEIGHT + 4, y - 7)

    return draw
