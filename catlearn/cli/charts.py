"""Charts: a curve with axes, as SVG that takes its colours from the page.

>>> chart = curve([4.0, 2.0, 1.0], "fit")
>>> chart.startswith("<svg"), chart.count("<polyline")
(True, 1)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from catlearn.typesetting import clean

#: Width and height of a chart, and of the margins around what is drawn.
WIDE, TALL = 820, 230
LEFT, RIGHT, TOP, BOTTOM = 72, 14, 12, 46
#: Points that are drawn; of more, the least and the greatest of each stretch.
MOST_POINTS = 800
#: From this ratio on of greatest to least, an axis is logarithmic.
LOGARITHMIC = 50.0

Point = tuple[float, float]


def curve(values: Sequence[float], title: str, unit: str = "cost", wide: int = WIDE) -> str:
    """Draw values by step.

    Parameters
    ----------
    values
        One for each step; where one is not finite the curve has a gap.
    title
        What the curve is, for those who cannot see it.
    unit
        What the values are, beside their axis.
    wide
        The width in pixels.
    """
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    logarithmic = low > 0 and high / low > LOGARITHMIC
    ticks = _decades(low, high) if logarithmic else _round(low, high)
    bounds = (min(low, ticks[0]), max(high, ticks[-1]))
    last, middle = max(len(values) - 1, 1), (LEFT + wide - RIGHT) / 2

    def place(step: float, value: float) -> Point:
        bottom, top = (math.log(b) if logarithmic else b for b in bounds)
        at = math.log(value) if logarithmic else value
        share = 0.5 if top == bottom else (at - bottom) / (top - bottom)
        x = LEFT + (wide - LEFT - RIGHT) * step / last
        return x, TALL - BOTTOM - (TALL - TOP - BOTTOM) * share

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {TALL}" role="img" '
        f'class="chart"><title>{escape(clean(title))}</title>'
    ]
    for tick in ticks:
        _, y = place(0, tick)
        out.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{wide - RIGHT}"/>')
        out.append(_label(LEFT - 8, y + 4, f"{tick:g}", "end"))
    for step in _steps(len(values), (wide - LEFT - RIGHT) // 48):
        x, y = place(step, ticks[0])
        out.append(f'<path class="grid" d="M{x:.1f} {y:.1f}v5"/>')
        out.append(_label(x, y + 19, str(step)))
    out.append(_label(middle, TALL - 8, "step"))
    unit = f"{unit}, log scale" if logarithmic else unit
    half = (TALL - BOTTOM + TOP) / 2
    out.append(_label(14, half, unit, turned=True))
    if not finite:
        out.append(_label(middle, half, "no finite value" if values else "no step was taken"))
    for stretch in _stretches(values):
        places = [place(*point) for point in stretch]
        if len(places) == 1:
            x, y = places[0]
            out.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>')
        else:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            out.append(f'<polyline points="{points}"/>')
    return "".join([*out, "</svg>"])


def _label(x: float, y: float, text: str, anchor: str = "middle", turned: bool = False) -> str:
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    said = escape(clean(text))
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{turn}>{said}</text>'


def _stretches(values: Sequence[float]) -> Iterator[list[Point]]:
    """Yield the parts between gaps, thinned."""
    stretch: list[Point] = []
    for step, value in enumerate(values):
        if math.isfinite(value):
            stretch.append((step, value))
        elif stretch:
            yield _thinned(stretch)
            stretch = []
    if stretch:
        yield _thinned(stretch)


def _thinned(points: list[Point]) -> list[Point]:
    """Keep the least and the greatest of each stretch, so that no spike is lost."""
    if len(points) <= MOST_POINTS:
        return points
    width = math.ceil(2 * len(points) / (MOST_POINTS - 2))
    kept = {points[0], points[-1]}
    for start in range(0, len(points), width):
        part = points[start : start + width]
        kept |= {min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}
    return sorted(kept)


def _round(low: float, high: float) -> list[float]:
    """Return some four round numbers from below the least to above the greatest value.

    Examples
    --------
    >>> _round(0.13, 0.92)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    spread = (high - low) or abs(high) or 1.0
    rough = spread / 4
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 1e-300 else 1e-300
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step), math.ceil(high / step)
    if first == last:
        first, last = first - 1, last + 1
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Return powers of ten from below the least to above the greatest value.

    Examples
    --------
    >>> _decades(0.02, 30.0)
    [0.01, 0.1, 1.0, 10.0, 100.0]
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, (last - first) // 5)
    found = [float(f"1e{n}") for n in range(first, last + every, every)]
    return [number for number in found if 0 < number < math.inf]


def _steps(number: int, most: int = 5) -> list[int]:
    """Return round steps among the first ones, with some so many intervals between them.

    Examples
    --------
    >>> _steps(1000), _steps(4), _steps(1)
    ([0, 200, 400, 600, 800], [0, 1, 2, 3], [0])
    """
    last, most = max(number - 1, 0), min(most, 10)
    power = 10 ** max(len(str(last)) - 2, 0)
    every = next(m * power for m in (1, 2, 5, 10, 20, 50, 100) if last <= most * m * power)
    return list(range(0, last + 1, every))
