"""Charts: curves as SVG, with round ticks, gaps where values are not finite, and a legend.

An axis whose values span a large ratio is logarithmic. Of a long curve the least and the greatest
value of each stretch are drawn, so that no spike is lost. Curves differ in more than colour.

>>> from catlearn.display import Chart, Series
>>> chart = chart_svg(Chart("fit", (Series("", range(3), [4.0, 2.0, 1.0]),)))
>>> chart.startswith("<svg"), chart.count("<polyline")
(True, 1)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import starmap

from catlearn.display import Chart
from catlearn.drawing.svg import Pen, num
from catlearn.typesetting import clean, width

#: Width and height of what is drawn, and of the margins around it.
WIDE, TALL = 820, 230
LEFT, RIGHT, TOP, BOTTOM = 72, 14, 12, 46

#: Points of a curve that are drawn; of more, the least and the greatest of each stretch.
MOST_POINTS = 800

#: From this ratio on of greatest to least, an axis is logarithmic.
LOGARITHMIC = 50.0

#: Curves that have a look of their own; further ones are left out, and counted.
MOST_SERIES = 9

_LOOKS = [(colour, dash) for dash in ("", "7 3", "2 3") for colour in ("model", "data", "ink")]

Point = tuple[float, float]


def chart_svg(chart: Chart, wide: int = WIDE, tall: int = TALL) -> str:
    """Return a chart as SVG text.

    Parameters
    ----------
    chart
        The chart.
    wide, tall
        The size in pixels, without the legend.
    """
    pen, end, words = Pen(), 0.0, []
    for part in (chart, *chart.below):
        if end:
            pen.raw(f'<g transform="translate(0 {num(end)})">')
        below = _axes(pen, part, wide, tall)
        if end:
            pen.close()
        end += below
        names = ", ".join(series.name for series in part.series if series.name)
        words.append(f"{part.y} by {part.x}. {clean(names)}".strip())
    return pen.page(chart.title, " ".join(words), wide, end)


def _axes(pen: Pen, chart: Chart, wide: int, tall: int) -> float:
    """Draw a chart with its axes and its legend; return where that ends."""
    shown = chart.series[:MOST_SERIES]
    values = [y for series in shown for y in series.ys if math.isfinite(y)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    logarithmic = low > 0 and high / low > LOGARITHMIC
    ticks = _decades(low, high) if logarithmic else _round(low, high)
    bounds = (min(low, ticks[0]), max(high, ticks[-1]))
    last = max([1.0, *(float(series.xs[-1]) for series in shown if len(series.xs))])
    middle = (LEFT + wide - RIGHT) / 2

    def place(x: float, value: float) -> Point:
        bottom, top = (math.log(b) if logarithmic else b for b in bounds)
        at = math.log(value) if logarithmic else value
        share = 0.5 if top == bottom else (at - bottom) / (top - bottom)
        across = LEFT + (wide - LEFT - RIGHT) * x / last
        return across, tall - BOTTOM - (tall - TOP - BOTTOM) * share

    for tick in ticks:
        _, y = place(0, tick)
        pen.path(f"M{LEFT} {num(y)}H{wide - RIGHT}", "soft", 0.8, opacity=0.3)
        pen.text(f"{tick:g}", LEFT - 8, y + 4, 12, "soft", "end", halo=False)
    for step in _steps(int(last) + 1 if values else 1, (wide - LEFT - RIGHT) // 48):
        x, y = place(step, ticks[0])
        pen.path(f"M{num(x)} {num(y)}v5", "soft", 0.8)
        pen.text(str(step), x, y + 19, 12, "soft", halo=False)
    pen.text(chart.x, middle, tall - 8, 12, "soft", halo=False)
    half = (tall - BOTTOM + TOP) / 2
    unit = f"{chart.y}, log scale" if logarithmic else chart.y
    pen.raw(f'<g transform="rotate(-90 14 {num(half)})">')
    pen.text(unit, 14, half, 12, "soft", halo=False)
    pen.close()
    if not values:
        some = any(len(series.ys) for series in chart.series)
        words = "no finite value" if some else "no step was taken"
        pen.text(words, middle, half, 12, "soft", halo=False)
    for series, (colour, dash) in zip(shown, _LOOKS, strict=False):
        pen.open(series.name or chart.title, "curve")
        for stretch in _stretches(series.xs, series.ys):
            pen.line_through(list(starmap(place, stretch)), colour, dash)
        pen.close()
    return _legend(pen, chart, wide, tall)


def _legend(pen: Pen, chart: Chart, wide: int, top: float) -> float:
    """Write the names of the curves below them; return where that ends."""
    named = [(series.name, look) for series, look in zip(chart.series, _LOOKS, strict=False)]
    x, y = float(LEFT), top + 10
    for name, (colour, dash) in named:
        if not name:
            continue
        room = 32 + width(clean(name), 12) + 18
        if x > LEFT and x + room > wide:
            x, y = float(LEFT), y + 18
        pen.path(f"M{num(x)} {num(y)}h26", colour, 1.8, dash=dash)
        pen.text(name, x + 32, y + 4, 12, "ink", "start", halo=False)
        x += room
    left_out = len(chart.series) - MOST_SERIES
    if left_out > 0:
        pen.text(f"… and {left_out} more", x, y + 4, 12, "soft", "start", halo=False)
    return y + 10 if any(name for name, _ in named) else top


def _stretches(xs: Sequence[float], ys: Sequence[float]) -> Iterator[list[Point]]:
    """Yield the parts between gaps, thinned."""
    stretch: list[Point] = []
    for x, y in zip(xs, ys, strict=True):
        if math.isfinite(y):
            stretch.append((x, y))
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
