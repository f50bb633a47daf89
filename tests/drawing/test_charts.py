"""Charts: curves go through their values, whatever these are, and differ in more than colour."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import catlearn as cl
from catlearn.display import Chart, Series
from catlearn.drawing.charts import MOST_POINTS, MOST_SERIES, chart_svg
from catlearn.errors import InvalidStructure
from catlearn.training import Curves
from tests.errors import raises


def curve(values, title):
    return chart_svg(Chart(title, (Series("", range(len(values)), values),)))


def points(chart):
    return [
        [tuple(map(float, pair.split(","))) for pair in line.split()]
        for line in re.findall(r'points="([^"]*)"', chart)
    ]


def test_a_curve_goes_through_its_values():
    (line,) = points(curve([0.0, 5.0, 10.0], "x"))
    (x0, y0), (x1, y1), (x2, y2) = line
    assert (x1 - x0, y0 - y1) == pytest.approx((x2 - x1, y1 - y2), abs=0.11)
    assert y0 > y1 > y2
    # Over decades the scale is logarithmic: equal ratios are equal distances.
    (line,) = points(curve([1.0, 100.0, 10000.0], "x"))
    assert line[0][1] - line[1][1] == pytest.approx(line[1][1] - line[2][1], abs=0.11)


def test_a_curve_has_gaps_where_values_are_not_finite():
    chart = curve([1.0, 2.0, float("nan"), 3.0, float("inf"), 2.0, 1.0], "x")
    assert [len(line) for line in points(chart)] == [2, 2]
    assert chart.count("<circle") == 1


def test_a_long_curve_is_thinned_and_no_spike_is_lost():
    values = np.ones(50_000)
    values[31_415] = 7.0
    (line,) = points(curve(values.tolist(), "x"))
    assert len(line) <= MOST_POINTS + 2
    heights = [y for _, y in line]
    assert heights.count(min(heights)) == 1
    (every,) = points(curve(values[::100].tolist(), "x"))
    assert len({y for _, y in every}) == 1


@pytest.mark.parametrize(
    "values",
    [[], [float("nan")], [3.0], [0.0, 0.0], [-5.0, -5.0], [1e300, -1e300], [1e-320, 1e300]],
)
def test_any_values_make_a_chart(values):
    chart = curve(values, "<script>&\0'\"")
    assert not re.search(r'="[^"]*(nan|inf)', chart)
    assert ET.fromstring(chart).tag.endswith("svg")


def test_several_curves_have_a_legend_and_differ_in_more_than_colour():
    names = [f"curve {k}" for k in range(MOST_SERIES + 3)]
    chart = Chart(
        "many", tuple(Series(name, range(3), [1.0, 2.0, k]) for k, name in enumerate(names))
    )
    root = ET.fromstring(chart_svg(chart))
    lines = root.findall(".//{*}polyline")
    looks = {(line.get("stroke"), line.get("stroke-dasharray")) for line in lines}
    assert len(lines) == len(looks) == MOST_SERIES
    written = "".join(root.itertext())
    assert all(name in written for name in names[:MOST_SERIES])
    assert "3 more" in written


def test_a_history_is_a_chart():
    rows = np.array([[3.0, 1.0, 2.0], [1.5, 0.5, 1.0]])
    history = cl.History(("fit", "cycle"), rows, Curves(("total",), [2], [[4.0]]))
    series = {s.name: (list(s.xs), list(s.ys)) for s in history.chart().series}
    assert series == {
        "total": ([0, 1], [3.0, 1.5]),
        "total in validation": ([2], [4.0]),
        "fit": ([0, 1], [1.0, 0.5]),
        "cycle": ([0, 1], [2.0, 1.0]),
    }
    # What validation found of an equation follows the equations, metrics have axes of their own.
    found = Curves(("total", "fit", "cycle", "accuracy"), [1, 2], [[4, 2, 2, 0.5], [3, 1, 2, 1.0]])
    validated = cl.History(("fit", "cycle"), rows, found)
    chart = validated.chart()
    assert [s.name for s in chart.series] == [
        "total", "total in validation", "fit", "cycle", "fit in validation", "cycle in validation"
    ]  # fmt: skip
    (below,) = chart.below
    assert [(s.name, list(s.xs), list(s.ys)) for s in below.series] == [
        ("accuracy", [1, 2], [0.5, 1.0])
    ]
    page = ET.fromstring(cl.draw(validated).svg)
    assert len(page.findall(".//{*}polyline")) == 7
    assert "accuracy" in "".join(page.itertext())
    first = ET.fromstring(cl.draw(history).svg)
    assert float(page.get("height")) > 1.8 * float(first.get("height"))
    assert history._repr_mimebundle_()["image/svg+xml"] == cl.draw(history).svg
    picture = cl.draw(history)
    assert "quiver" not in picture.html
    with raises(InvalidStructure, "tikz-cd", "SVG", law="format"):
        _ = picture.tikzcd
    # One equation of weight 1 is the total.
    alone = cl.History(("fit",), np.array([[1.0, 1.0], [0.5, 0.5]]))
    assert [s.name for s in alone.chart().series] == ["total"]
    assert cl.draw(cl.History(("fit",), np.zeros((0, 2)))).svg.count("no step was taken") == 1
