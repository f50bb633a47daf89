"""Ink: placed circuits drawn by a pen, of SVG or of tikz, and what explains their glyphs.

Nothing rests on colour: naturals have an arrowhead and the sign N, learned glyphs are chipped and
bold, frames of blocks inside one another have different lines.

>>> from catlearn.arrays import linear
>>> from catlearn.drawing.circuits.scene import circuit_scene
>>> print(circuit_svg(circuit_scene(linear("A", "m -> n")))[:24])
<svg xmlns="http://www.w
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from catlearn.drawing.circuits.glyphs import KINDS, Glyph
from catlearn.drawing.circuits.placing import (
    LINE_GAP,
    NOTE_LINE,
    SMALL,
    TEXT,
    Placed,
    beside_dots,
    dot_place,
    ending,
    frame_edges,
    glyph_width,
    placed,
    stand_place,
    whole,
)
from catlearn.drawing.circuits.scene import CircuitScene, Sign
from catlearn.drawing.svg import LABEL, Pen, num, polygon, polyline
from catlearn.typesetting import (
    SAFETY,
    TextRun,
    clean,
    runs,
    runs_width,
    to_latex,
    word_runs,
)

THIN, BOLD = 1.3, 2.2
DASH, DOTS = "6 4", "1.5 3.5"
_FRAMES = ("", "7 3", "2 3")
_POINTED = ("norm", "rms", "softmax", "choice")
"""Glyphs whose sides are not upright: their lines run together in the middle."""


class TikzPen(Pen):
    """A pen that writes tikz; a unit of the picture is a point of LaTeX times 0.75."""

    def open(self, title: str, kind: str = "") -> None:
        self.raw(f"% {clean(title)}")

    def close(self) -> None:
        pass

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
        options = [f"line width={num(width)}bp"] if stroke != "none" else []
        if stroke in _TIKZ:
            options.append(f"draw={_TIKZ[stroke]}")
        if fill in _TIKZ:
            options.append(f"fill={_TIKZ[fill]}")
        if opacity != 1.0:
            options.append(f"fill opacity={opacity:g}")
        if dash:
            on, off = dash.split()
            options.append(f"dash pattern=on {on}bp off {off}bp")
        self.raw(f"\\path[{', '.join(options)}] {_tikz_path(d)};")

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
        line = [TextRun(line, 0, False)] if isinstance(line, str) else [*line]
        shown = "".join(_tikz_run(run) for run in line)
        where = {"middle": "base", "start": "base west", "end": "base east"}[anchor]
        font = f"\\fontsize{{{num(size)}}}{{{num(size)}}}\\selectfont"
        self.raw(
            f"\\node[anchor={where}, inner sep=0, font={font}] at ({num(x)},{num(y)}) {{{shown}}};"
        )


_TIKZ = {"ink": "black", "soft": "black!60", "paper": "white", "model": "blue!70!black",
         "data": "orange!60!black"}  # fmt: skip


def _tikz_run(run: TextRun) -> str:
    shown = to_latex(run.text)
    return f"${'^' if run.shift > 0 else '_'}{{{shown}}}$" if run.shift else f"${shown}$"


def _tikz_path(d: str) -> str:
    """Write the path data of lines and curves as tikz."""
    found, at = "", (0.0, 0.0)
    for letter, rest in re.findall(r"([MLHVCZ])([^MLHVCZ]*)", d):
        values = [float(v) for v in re.findall(r"-?[\d.]+", rest)]
        pairs = [*zip(values[::2], values[1::2], strict=False)]
        points = [f"({num(x)},{num(y)})" for x, y in pairs]
        if letter in "HV":
            at = (values[0], at[1]) if letter == "H" else (at[0], values[0])
            found += f" -- ({num(at[0])},{num(at[1])})"
            continue
        at = pairs[-1] if pairs else at
        if letter == "Z":
            found += " -- cycle"
        elif letter == "C":
            found += f" .. controls {points[0]} and {points[1]} .. {points[2]}"
        else:
            found += f" {points[0]}" if letter == "M" else f" -- {points[0]}"
    return found.strip()


def circuit_svg(scene: CircuitScene) -> str:
    """Return a scene as SVG text."""
    pages, pen = placed(scene), Pen()
    wide, tall = _drawn(pen, scene, pages)
    if scene.key:
        wide, tall = _key(pen, scene, tall + 26.0, wide)
    return pen.page(scene.title, scene.description, wide + 28.0, tall + 36.0, -16.0)


def circuit_tikz(scene: CircuitScene) -> str:
    """Return a scene as a ``tikzpicture`` environment."""
    pages, pen = placed(scene), TikzPen()
    _drawn(pen, scene, pages)
    inside = "".join(f"    {line}\n" for line in pen.out if line)
    return (
        f"% {clean(scene.title)}\n\\begin{{tikzpicture}}[x=1bp, y=-1bp]\n{inside}"
        "\\end{tikzpicture}"
    )


@dataclass(frozen=True)
class CircuitPanel:
    """A circuit in a panel of another picture, without its legend."""

    scene: CircuitScene

    @cached_property
    def pages(self) -> list[Placed]:
        """Its rows."""
        return placed(self.scene)

    @property
    def size(self) -> tuple[float, float]:
        """Its width and height."""
        return whole(self.pages)

    def draw(self, pen: Pen) -> None:
        """Draw it."""
        _drawn(pen, self.scene, self.pages)


def _drawn(pen: Pen, scene: CircuitScene, pages: Sequence[Placed]) -> tuple[float, float]:
    down = 0.0
    for page in pages:
        down += page.head
        _Ink(pen, scene, page, down).all()
        down += page.height + LINE_GAP
    return whole(pages)


def _curve(x0: float, y0: float, x1: float, y1: float) -> str:
    """Return the path data from one place, where the pen is, to another, level at both."""
    if num(y0) == num(y1):
        return f"H{num(x1)}"
    middle = (x0 + x1) / 2
    return f"C{num(middle)} {num(y0)} {num(middle)} {num(y1)} {num(x1)} {num(y1)}"


def _level(path: str) -> str:
    """Write level pieces of a path that follow one another as one."""
    return re.sub(r"(?:H[^A-Z]*)+(H[^A-Z]*)", r"\1", path)


STEEP = 2.5
"""How many times its width a dashed line climbs in a step; where that would be more, it ends."""


class _Ink:
    """Draws a row."""

    def __init__(self, pen: Pen, scene: CircuitScene, page: Placed, down: float) -> None:
        self.pen, self.scene, self.page, self.down = pen, scene, page, down
        self.states = scene.states[page.first : page.last + 1]
        self.steps = scene.steps[page.first : page.last]
        self.done: list[tuple[str, str, bool, str]] = []
        self.dots: list[tuple[float, float]] = []
        self.ends: dict[tuple[int, int], float] = {}

    def y(self, state: int, row: int) -> float:
        return round(self.down + self.page.heights[state][row], 1)

    def all(self) -> None:
        """Draw frames, dashed lines, lines, glyphs and signs, in this order, and labels."""
        self.table()
        self.frames()
        self.dashes()
        self.lines()
        self.glyphs()
        self.labels()

    def table(self) -> None:
        """Write what stands above states and steps: transfers and memory."""
        page, last = self.page, len(self.states) - 1
        places = [
            *((state.above, (page.left[k] + page.right[k]) / 2)
              for k, state in enumerate(self.states) if k in (0, last)),
            *((step.above, (page.right[k] + page.left[k + 1]) / 2)
              for k, step in enumerate(self.steps)),
        ]  # fmt: skip
        for above, x in places:
            if above:
                self.pen.open(f"{above[0]} = {' '.join(above[1:])}", "above")
            for n, line in enumerate(above):
                y = self.down - page.head + n * NOTE_LINE
                written = _exponents(line) if n else [TextRun(line)]
                self.pen.text(written, x, round(y, 1), SMALL, "ink" if n else "soft")
            if above:
                self.pen.close()

    def frames(self) -> None:
        shown = [f for f in self.scene.frames if f.block in self.page.frames]
        for frame in sorted(shown, key=lambda f: f.depth):
            low, high, begins, ends = frame_edges(frame, self.page)
            top, bottom = (round(v + self.down, 1) for v in self.page.frames[frame.block])
            pen = self.pen
            times = f", {frame.times}" if frame.times else ""
            pen.open(f"{frame.title}{times}", "frame")
            box = f"M{num(low)} {num(top)}H{num(high)}V{num(bottom)}H{num(low)}Z"
            pen.path(box, "none", 0, fill="soft", opacity=0.1)
            dash = _FRAMES[frame.depth % len(_FRAMES)]
            sides = f"M{num(low)} {num(top)}H{num(high)}M{num(low)} {num(bottom)}H{num(high)}"
            for x, there in ((low, begins), (high, ends)):
                if there and not frame.times:
                    sides += f"M{num(x)} {num(top)}V{num(bottom)}"
            pen.path(sides, "soft", 1.0, dash=dash)
            for x, there, by in ((low, begins, -5.0), (high, ends, 5.0)):
                if there and frame.times:
                    curve = (x + by, top, x + by, bottom, x, bottom)
                    pen.path(f"M{num(x)} {num(top)}C{' '.join(map(num, curve))}", "ink", BOLD)
            words = [TextRun(clean(frame.title), 0, False)]
            words += [TextRun(f"  {frame.times}", 0, False)] if frame.times else []
            pen.text(words, low + 10.0, top + LABEL * 1.05, SMALL + 1.0, anchor="start")
            pen.close()

    def dashes(self) -> None:
        """Draw the lines between arrays, each as one line as far as it goes."""
        done: list[str] = []
        now: dict[int, tuple[str, float]] = {}
        for k, state in enumerate(self.states):
            rows = state.rows
            places = [j for j in range(len(rows) - 1) if rows[j].strand != rows[j + 1].strand]
            left, right = self.page.left[k], self.page.right[k]
            onto = self._onto(k - 1) if k else {}
            room = left - self.page.right[k - 1] if k else 0.0
            came = {
                onto[j]: one
                for j, one in now.items()
                if onto.get(j) in places
                and abs(one[1] - self.between(k, onto[j], one[1])) <= STEEP * room
            }
            for j, (path, y) in now.items():
                if onto.get(j) not in came:
                    done.append(f"{path}H{num(self._stop(k - 1))}")
                    self.ends[k - 1, j] = y
            now = {}
            for j in places:
                y = self.between(k, j, came[j][1] if j in came else None)
                if j in came:
                    path = came[j][0] + self._bent(k - 1, came[j][1], y)
                else:
                    plain = not k or self.steps[k - 1].kind in ("border", "glyphs")
                    back = 0.0 if plain else 0.45 * room
                    path = f"M{num(left - back)} {num(y)}"
                now[j] = path + f"H{num(right)}", y
        for path in (*done, *(path for path, _ in now.values())):
            self.pen.path(_level(path), "soft", 1.3, dash=DASH, kind="between")

    def between(self, state: int, row: int, before: float | None = None) -> float:
        """Return the height of the dashed line under a line: as before if that is free."""
        edges = self.page.edges[state]
        low, high = edges[row][1], edges[row + 1][0]
        above, below = (self.states[state].rows[k].path for k in (row, row + 1))
        frames = self.page.frames
        low = max([low, *(frames[b][1] for b in above if b in frames and b not in below)])
        high = min([high, *(frames[b][0] for b in below if b in frames and b not in above)])
        low, high = low + self.down, high + self.down
        free = max((high - low) / 2 - 6.0, 0.0)
        middle = (low + high) / 2
        wanted = max(middle, high - 16.0) if before is None else before
        return round(min(max(wanted, middle - free), middle + free), 1)

    def _stop(self, step: int) -> float:
        """Return where, in the operation that joins two arrays, the line between them ends."""
        x0, x1 = self.page.right[step], self.page.left[step + 1]
        return x0 + (0.2 if self.steps[step].kind == "joins" else 0.15) * (x1 - x0)

    def _bent(self, step: int, before: float, after: float) -> str:
        x0, x1 = self.page.right[step], self.page.left[step + 1]
        return _curve(x0, before, x1, after)

    def _onto(self, step: int) -> dict[int, int]:
        """Return which line between arrays goes on as which, over a step."""
        s, rows = self.steps[step], self.states[step].rows
        after = self.states[step + 1].rows
        targets: dict[int, set[int]] = {}
        for link in s.links:
            for a in link.left:
                targets.setdefault(rows[a].strand, set()).update(link.right)
        for stand in s.stands:
            for a in stand.left:
                targets.setdefault(rows[a].strand, set()).update(stand.right)
        found = {}
        for a in range(len(rows) - 1):
            one, other = rows[a].strand, rows[a + 1].strand
            if one != other and targets.get(one) and targets.get(other):
                high, low = max(targets[one]), min(targets[other])
                strands = {row.strand for row in after[high + 1 : low + 1]}
                if low > high and strands == {after[low].strand} != {after[high].strand}:
                    found[a] = high
        return found

    def lines(self) -> None:
        """Draw the lines, each as one path as far as it goes, with dots, cups and arrowheads."""
        page, pen = self.page, self.pen
        now: dict[int, str] = {}
        heads: list[tuple[float, float]] = []
        for k, state in enumerate(self.states):
            for j, row in enumerate(state.rows):
                y = self.y(k, j)
                now[j] = now.get(j, f"M{num(page.left[k])} {num(y)}") + f"H{num(page.right[k])}"
                if row.kind == "value" and (j in state.labelled or not k):
                    heads.append((page.right[k], y))
            now = self.step(k, now)
        for title, kind, fast, path in self.done:
            pen.open(title, f"wire {kind}{' fast' if fast else ''}")
            colour = "model" if kind == "value" else "data" if fast else "ink"
            thick = 2 * BOLD if kind == "bus" else BOLD if fast else THIN
            pen.path(_level(path), colour, thick, dash=DOTS if kind == "scalar" else "")
            pen.close()
        for x, y in heads:
            pen.path(_head(x - 3.0, y), "model", 1.5, kind="head open")
        for x, y in self.dots:
            pen.path(_circle(x, y, 3.0), "none", 0, fill="ink", kind="dot")

    def step(self, k: int, now: dict[int, str]) -> dict[int, str]:
        """Continue the paths of lines over a step; put down those that end."""
        rows = self.states[k].rows

        def finish(a: int, more: str = "") -> None:
            self.done.append((rows[a].title, rows[a].kind, rows[a].fast, now[a] + more))

        if k == len(self.steps):
            for a in now:
                finish(a)
            return {}
        x0, x1 = self.page.right[k], self.page.left[k + 1]
        after: dict[int, str] = {}
        for link in self.steps[k].links:
            here = [self.y(k, a) for a in link.left]
            there = [self.y(k + 1, b) for b in link.right]
            match link.kind:
                case "pass" | "join":
                    b = link.right[0]
                    paths = [_curve(x0, y, x1, there[0]) for y in here]
                    for a, path in [*zip(link.left, paths, strict=True)][1:]:
                        finish(a, path)
                    after[b] = now[link.left[0]] + paths[0]
                    if rows[link.left[0]].fast != self.states[k + 1].rows[b].fast:
                        finish(link.left[0], paths[0])
                        after[b] = f"M{num(x1)} {num(there[0])}"
                    self.dots += [(x1, there[0])] * (link.kind == "join")
                case "copy":
                    finish(link.left[0])
                    self.dots.append((x0, here[0]))
                    start = f"M{num(x0)} {num(here[0])}"
                    for b, y in zip(link.right, there, strict=True):
                        after[b] = start + _curve(x0, here[0], x1, y)
                case "begin" | "start":
                    begin = x1 - min(0.5 * (x1 - x0), 24.0)
                    for b, y in zip(link.right, there, strict=True):
                        after[b] = f"M{num(begin)} {num(there[0])}" + _curve(begin, there[0], x1, y)
                    dotted = rows and self.states[k + 1].rows[link.right[0]].kind == "scalar"
                    if len(there) > 1 or (link.kind == "start" and not dotted):
                        self.dots.append((begin, there[0]))
                case "bus" if len(there) == 1:
                    for a, y in zip(link.left, here, strict=True):
                        finish(a, _curve(x0, y, x1, there[0]))
                    after[link.right[0]] = f"M{num(x1)} {num(there[0])}"
                case "bus":
                    finish(link.left[0])
                    for b, y in zip(link.right, there, strict=True):
                        after[b] = f"M{num(x0)} {num(here[0])}" + _curve(x0, here[0], x1, y)
                case "cup":
                    one, other = sorted(link.left, key=lambda a: self.y(k, a))
                    top, bottom = min(here), max(here)
                    out = num(x0 + min(0.95 * (x1 - x0), 12.0 + 0.55 * (bottom - top)) * 4 / 3)
                    end = f"{out} {num(bottom)} {num(x0)} {num(bottom)}"
                    finish(one, f"C{out} {num(top)} {end}")
                    finish(other)
                case "end":
                    x = dot_place(self.page, k)
                    self.dots.append((x, here[0]))
                    for a, y in zip(link.left, here, strict=True):
                        finish(a, _curve(x0, y, x, here[0]))
                case "sign":
                    for a in link.left:
                        finish(a, f"H{num(x0 + 0.3 * (x1 - x0))}")
        for n, stand in enumerate(self.steps[k].stands):
            if stand.glyph.kind == "elementwise":
                continue
            low, top, high, bottom = stand_place(self.page, k, n, stand)
            pointed = stand.glyph.kind in _POINTED
            y = round(self.down + (top + bottom) / 2, 1)
            if pointed:
                low = high = (low + high) / 2
            for a in stand.left:
                at = self.y(k, a)
                finish(a, _curve(x0, at, low, y if pointed else at))
            for b in stand.right:
                at = self.y(k + 1, b)
                start = y if pointed else at
                after[b] = f"M{num(high)} {num(start)}" + _curve(high, start, x1, at)
        return after

    def glyphs(self) -> None:
        """Draw glyphs, and the signs where arrays meet."""
        for k, step in enumerate(self.steps):
            for n, stand in enumerate(step.stands):
                low, top, high, bottom = stand_place(self.page, k, n, stand)
                self.pen.open(stand.glyph.title, f"glyph {stand.glyph.kind}")
                draw_glyph(self.pen, stand.glyph, low, top + self.down, high, bottom + self.down)
                self.pen.close()
            for sign in step.signs:
                self.sign(k, sign)

    def sign(self, k: int, sign: Sign) -> None:
        x0, x1 = self.page.right[k], self.page.left[k + 1]
        if sign.kind == "join":
            if sign.text:
                self.pen.open(sign.title, "scale")
                ends = [self.y(k, row) for row in ending(self.steps[k], sign)]
                if beside_dots(self.steps[k], sign):
                    x = dot_place(self.page, k) + 7.0
                    self.pen.text(_exponents(sign.text), x, ends[0] + 4.0, SMALL, anchor="start")
                else:
                    y = min([self.y(k + 1, sign.onto), *ends]) - 19.0
                    self.pen.text(_exponents(sign.text), x1 + 1.0, y, SMALL)
                self.pen.close()
            return
        y = self.ends.get((k, sign.between[0])) or self.between(k, sign.between[0])
        self.pen.open(sign.title, f"sign {sign.kind}")
        draw_sign(self.pen, sign.kind, x0 + 0.2 * (x1 - x0), y)
        self.pen.close()

    def labels(self) -> None:
        last = len(self.states) - 1
        for k, state in enumerate(self.states):
            for j, row in enumerate(state.rows):
                if row.label and (k in (0, last) or j in state.labelled):
                    line = runs(row.label, italic=row.kind != "value")
                    line = line if row.kind != "bus" else (TextRun(row.label),)
                    if row.block:
                        line = (*line, TextRun(" "), *runs(row.block))
                    x = self.page.left[k] + 3.0
                    if k == last:
                        x = self.page.right[k] - 2.0 - runs_width(line, SMALL) / SAFETY
                    colour = "model" if row.kind == "value" else "ink"
                    self.pen.text(line, x, self.y(k, j) - 4.0, SMALL, colour, "start")


def _exponents(text: str) -> list[TextRun]:
    """Typeset a scale such as ``d**(-1/2)``."""
    found: list[TextRun] = []
    for part in re.split(r"(\*\*\([^)]*\)|\*\*-?\w+|\*|/|\+ )", text):
        if part.startswith("**"):
            found.append(TextRun(part[2:].strip("()").replace("-", "−"), 1, False))
        elif part in ("*", "/", "+ "):
            found.append(TextRun("·" if part == "*" else part, 0, False))
        elif part:
            found += runs(part)
    return found


def _circle(x: float, y: float, r: float) -> str:
    k = 0.5523 * r
    points = [
        ((x + r, y - k), (x + k, y - r), (x, y - r)), ((x - k, y - r), (x - r, y - k), (x - r, y)),
        ((x - r, y + k), (x - k, y + r), (x, y + r)), ((x + k, y + r), (x + r, y + k), (x + r, y)),
    ]  # fmt: skip
    curves = ("C" + " ".join(f"{num(a)} {num(b)}" for a, b in three) for three in points)
    return f"M{num(x + r)} {num(y)}" + "".join(curves) + "Z"


def _head(x: float, y: float) -> str:
    """Return the path data of an arrowhead with its tip at a place."""
    return polyline((x - 6, y - 4), (x, y), (x - 6, y + 4))


def draw_sign(pen: Pen, kind: str, x: float, y: float) -> None:
    """Draw the sign where arrays meet."""
    if kind == "mask":
        half_filled(pen, x - 8.0, y - 8.0, x + 8.0, y + 8.0)
        return
    c = 5.0 if kind == "add" else 3.8
    strokes = ((x - c, y), (x + c, y)), ((x, y - c), (x, y + c))
    if kind == "mul":
        strokes = ((x - c, y - c), (x + c, y + c)), ((x - c, y + c), (x + c, y - c))
    pen.path("".join(polyline(*ends) for ends in strokes), "ink", 2.0)


def half_filled(pen: Pen, low: float, top: float, high: float, bottom: float) -> None:
    """Draw a square that is filled above its diagonal."""
    pen.path(polygon((low, top), (high, top), (high, bottom), (low, bottom)), "ink", 1.2, "paper")
    pen.path(polygon((low, top), (high, top), (high, bottom)), "none", 0, "ink")


def draw_glyph(pen: Pen, glyph: Glyph, low: float, top: float, high: float, bottom: float) -> None:
    """Draw a glyph in a box."""
    x, y = (low + high) / 2, (top + bottom) / 2
    match glyph.kind:
        case "linear" | "learned" | "embed":
            chip = ((low + 7, bottom), (low, bottom - 7))
            outline = polygon((low, top), (high, top), (high, bottom), *chip)
            pen.path(outline, "ink", THIN, "paper")
            name = runs(glyph.name, italic=False)
            name = [replace(run, shift=-1 if glyph.sign else 0) for run in name]
            _bold(pen, [TextRun(glyph.sign, 0, False), *name], x, y + 5.0)
        case "norm" | "rms":
            pen.path(_circle(x, y, 12.0), "ink", 2.6, "paper")
            if glyph.sign:
                pen.text(runs(glyph.sign), x, y + 4.0, SMALL + 1, halo=False)
            else:
                pen.path(polyline((x - 5, y - 5), (x, y + 5), (x + 5, y - 5)), "ink", 1.2)
        case "softmax":
            pen.path(polygon((low, y), (high, y - 11), (high, y + 11)), "ink", THIN, "paper")
        case "mask":
            half_filled(pen, low, top, high, bottom)
        case "choice":
            pen.path(polygon((low, y), (x, y - 13), (high, y), (x, y + 13)), "ink", THIN, "paper")
            pen.text(runs(glyph.sign), x, y + 4.0, SMALL, halo=False)
        case "reading":
            upper = (low, y), (low + 8, top), (high - 8, top)
            lower = (high, y), (high - 8, bottom), (low + 8, bottom)
            pen.path(polygon(*upper, *lower), "ink", THIN, "paper")
            pen.text([TextRun(glyph.sign, 0, True)], x, y + 4.0, SMALL, halo=False)
        case "elementwise":
            for tip in (low + 7.0, high - 2.0):
                ends = (tip - 5, top + 6), (tip, top + 10), (tip - 5, top + 14)
                pen.path(polyline(*ends), "ink", 1.2)
            pen.text([TextRun(glyph.sign, 0, True)], x, top + 14.0, SMALL)
        case _:
            outline = polygon((low, top), (high, top), (high, bottom), (low, bottom))
            pen.path(outline, "ink", THIN, "paper")
            pen.text(word_runs(glyph.sign), x, y + 5.0, TEXT - 1.0, halo=False)


def _bold(pen: Pen, line: Sequence[TextRun], x: float, y: float) -> None:
    """Write bold text."""
    at = len(pen.out)
    pen.text(line, x, y, TEXT, halo=False)
    if not isinstance(pen, TikzPen):
        pen.out[at:] = [
            text.replace("<text ", '<text font-weight="bold" ', 1) for text in pen.out[at:]
        ]


def _key(pen: Pen, scene: CircuitScene, top: float, wide: float) -> tuple[float, float]:
    """Explain the glyphs and lines that occur."""
    kinds = {stand.glyph.kind for stand in scene.stands} | {sign.kind for sign in scene.signs}
    lines = {row.kind for state in scene.states for row in state.rows}
    fast = any(row.fast for state in scene.states for row in state.rows)

    def line(colour: str, dash: str, x: float, y: float, thick: float = THIN) -> None:
        pen.path(f"M{num(x)} {num(y)}H{num(x + 28)}", colour, thick, dash=dash)
        if colour == "model":
            pen.path(_head(x + 23.0, y), "model", 1.5)

    def meeting(x: float, y: float) -> None:
        out = f"{num(x + 10)} {num(y - 6)} {num(x + 10)} {num(y + 6)} {num(x)} {num(y + 6)}"
        pen.path(f"M{num(x)} {num(y - 6)}C{out}", "ink", THIN)
        pen.path(_circle(x + 16, y, 3.0), "none", 0, fill="ink")

    def sample(kind: str, x: float, y: float) -> None:
        glyph = Glyph(kind, _SAMPLES.get(kind, ""), "", "", (), ())
        half = min(glyph_width(glyph), 28.0 if kind == "elementwise" else 24.0) / 2
        if kind in ("add", "mul"):
            draw_sign(pen, kind, x + 12.0, y)
        else:
            draw_glyph(pen, glyph, x + 12 - half, y - 10.0, x + 12 + half, y + 10.0)

    several = any(scene.dashed(k) for k in range(len(scene.states)))
    meets = bool(scene.links("cup", "join", "end"))
    entries: list[tuple[bool, tuple[float, Callable[[float, float], None], str]]] = [
        ("axis" in lines, (28.0, partial(line, "ink", ""), "axis")),
        ("value" in lines, (28.0, partial(line, "model", ""), "naturals (N)")),
        ("scalar" in lines, (28.0, partial(line, "ink", DOTS), "number")),
        ("bus" in lines, (28.0, partial(line, "ink", "", thick=2 * BOLD), "several axes")),
        (fast, (28.0, partial(line, "data", "", thick=BOLD), "in fast memory; other lines cross")),
        (several, (28.0, partial(line, "soft", DASH), "between arrays")),
        (meets, (20.0, meeting, "summed, joined")),
        *((kind in kinds, (24.0, partial(sample, kind), words)) for kind, words in KINDS.items()),
    ]
    shown = [entry for occurs, entry in entries if occurs]
    widest, y = pen.samples(shown, top, wide, max(wide, 420.0), 26, 20)
    return widest, y + 8.0


_SAMPLES = {
    "linear": "L", "embed": "E", "learned": "+", "elementwise": "f", "choice": "k", "rms": "R",
}  # fmt: skip
