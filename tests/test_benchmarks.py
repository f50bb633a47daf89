"""What benchmarks share: tables of times come from quiet machines, or say so."""

import argparse

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
