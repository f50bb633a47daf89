"""Names as mathematics: scripts, Greek, widths, line breaks and LaTeX."""

import pytest
from hypothesis import given, strategies as st

from catlearn.typesetting import clean, lines, runs, to_latex, width


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x", [("x", 0)]),
        ("x_1", [("x", 0), ("1", -1)]),
        ("x_12", [("x", 0), ("12", -1)]),
        ("x^2", [("x", 0), ("2", 1)]),
        ("x_i^2", [("x", 0), ("i", -1), ("2", 1)]),
        ("x_{ij}", [("x", 0), ("ij", -1)]),
        ("R^64", [("ℝ", 0), ("64", 1)]),
        ("R^{3×32}", [("ℝ", 0), ("3×32", 1)]),
        ("head_3", [("head", 0), ("3", -1)]),
        ("tasks.Y_3", [("tasks.Y", 0), ("3", -1)]),
        ("theta", [("θ", 0)]),
        ("Omega_max", [("Ω", 0), ("max", -1)]),
        ("alpha_beta", [("α", 0), ("β", -1)]),
        ("digits.X", [("digits.X", 0)]),
        # An underscore that joins words is no subscript.
        ("my_long_name", [("my_long_name", 0)]),
        ("image_encoder", [("image_encoder", 0)]),
        ("_x", [("_x", 0)]),
        ("x_", [("x_", 0)]),
        ("a b_1", [("a b_1", 0)]),
    ],
)
def test_runs(name, expected):
    assert [(run.text, run.shift) for run in runs(name)] == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("f", "f"),
        ("f_1", "f_{1}"),
        ("theta", r"\theta"),
        ("θ", r"\theta "),
        ("encoder", r"\mathit{encoder}"),
        ("R^64", r"\mathbb{R}^{64}"),
        ("a&b", r"\mathit{a\&b}"),
        ("\\end", r"\mathit{\backslash end}"),
        ('"', "''"),
    ],
)
def test_latex(name, expected):
    assert to_latex(name) == expected


@given(st.text())
def test_clean_text_has_nothing_that_breaks_lines_or_encodings(text):
    out = clean(text)
    assert len(out) == len(text)
    assert "\n" not in out
    assert len(out.splitlines()) <= 1
    out.encode("utf-8")
    assert clean(out) == out


@given(st.text(max_size=200))
def test_lines_are_short_and_keep_the_start(text):
    found = lines(text)
    assert 1 <= len(found) <= 3
    assert all(len(line) <= 26 for line in found)
    whole = "".join(clean(text).split())
    joined = "".join("".join(found).split())
    assert whole.startswith(joined.rstrip("…")) or whole == joined


@given(st.text(max_size=20), st.text(max_size=20), st.floats(1, 50))
def test_width_is_additive_and_scales(a, b, size):
    assert width(a + b, size) == pytest.approx(width(a, size) + width(b, size))
    assert width(a, 2 * size) == pytest.approx(2 * width(a, size))
    assert width("M", size) > width("i", size) > 0
