"""What the tables of the experiments say."""

import numpy as np
import pytest

reporting = pytest.importorskip("reporting")


def test_intervals_cover_as_often_as_they_say():
    random = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        mean, half = map(float, reporting.interval(random.random(200)).split(" ± "))
        covered.append(abs(mean - 50) <= half)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)


def test_one_value_has_no_spread():
    assert reporting.spread([0.5]) == "50.0"
    assert reporting.spread([0.0, 1.0], digits=2, scale=1.0) == "0.50 ± 0.71"


def test_a_report_is_what_is_written(tmp_path, capsys):
    text = reporting.table(["a"], [[1], [2]])
    reporting.report(text, tmp_path / "table.md")
    assert (tmp_path / "table.md").read_text() == text == capsys.readouterr().out
    assert reporting.machine()
    assert "minutes" in str(reporting.Clock())
