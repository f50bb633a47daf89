"""The history: columns by name, and text that reads back."""

import csv

import numpy as np
import pytest

from catlearn.training import History

ROWS = np.array([[3.0, 1.0, 2.0], [1.5, 0.5, 1.0]], "float32")


def test_it_is_a_mapping_from_equations_to_arrays():
    history = History(("fit", "total"), ROWS)
    assert dict(history).keys() == {"fit", "total"}
    np.testing.assert_array_equal(history["total"], [2.0, 1.0])
    np.testing.assert_array_equal(history.total, [3.0, 1.5])
    assert history.steps == 2
    with pytest.raises(KeyError):
        history["other"]
    with pytest.raises(ValueError, match="read-only"):
        history.total[0] = 1.0


def test_equality_is_of_values():
    assert History(("a", "b"), ROWS) == History(("a", "b"), ROWS)
    assert History(("a", "b"), ROWS) != History(("a", "c"), ROWS)
    assert History(("a", "b"), ROWS) != History(("a", "b"), ROWS + 1)


def test_csv_reads_back(tmp_path):
    history = History(("f >> g = h", 'with, "quotes"'), ROWS)
    text = history.to_csv(tmp_path / "h.csv")
    assert (tmp_path / "h.csv").read_text() == text
    with (tmp_path / "h.csv").open() as stream:
        header, *rows = csv.reader(stream)
    assert header == ["step", "total", *history.equations]
    np.testing.assert_array_equal(np.array(rows, "float32")[:, 1:], ROWS)
    assert history.to_dict()["equations"]["f >> g = h"] == [1.0, 0.5]
