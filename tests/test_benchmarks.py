"""What benchmarks share: tables of times come from quiet machines, or say so."""

import argparse
import importlib
from pathlib import Path

import numpy as np
import pytest

from benchmarks import _measure


def written(tmp_path, monkeypatch, busy, loaded=False):
    """What a script writes on a machine that is as busy, time after time, as is said."""
    found = iter(busy)
    monkeypatch.setattr(_measure, "busyness", lambda: next(found))
    path = tmp_path / "table.md"
    options = argparse.Namespace(out=path, loaded=loaded)
    table = _measure.Table(("program", "ms"), options=options)
    table.row(("one", 1.0))
    table.write(path)
    return path.read_text()


def test_a_table_is_written_on_a_quiet_machine_only(tmp_path, monkeypatch):
    for busy in ((1.2,), (1.0, 1.2, 1.0), (1.0, 1.0, 1.2)):
        with pytest.raises(SystemExit, match=r"1\.20"):
            written(tmp_path, monkeypatch, busy)
        assert list(tmp_path.iterdir()) == []
        assert "1.20 times" in written(tmp_path, monkeypatch, (*busy, 1.0, 1.0), loaded=True)
        (tmp_path / "table.md").unlink()
    assert "loaded" not in written(tmp_path, monkeypatch, (1.0, 1.04, 1.0))


def test_a_loop_takes_at_least_its_processor_time():
    assert _measure.busyness() > 0.99


def test_models_that_differ_in_values_or_gradients_are_not_timed(monkeypatch):
    monkeypatch.syspath_prepend(Path(_measure.__file__).parent)
    script = importlib.import_module("architectures")
    expected = script.Ran(np.array([1.0, -4.0]), 2.0)
    script.equal("same", script.Ran(np.array([1.00001, -4.0]), 2.0001), expected)
    for values, gradient in (([1.0, -4.001], 2.0), ([-4.0, 1.0], 2.0), ([1.0, -4.0], 2.001)):
        with pytest.raises(AssertionError):
            script.equal("other", script.Ran(np.array(values), gradient), expected)
