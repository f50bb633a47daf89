"""Progress: silent in tests and pipes, a bar or a line where somebody looks."""

import io
import sys

import pytest

from catlearn.display import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_nothing_is_shown_unless_wanted(capsys):
    shown = Progress(10, wanted=False)
    shown.show(5, cost=1.0)
    shown.close()
    assert capsys.readouterr() == ("", "")


def test_without_tqdm_a_terminal_gets_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(sys, "stderr", Terminal())
    shown = Progress(10, wanted=True)
    shown.show(5, cost=0.25)
    shown.show(10, cost=0.125)
    shown.close()
    assert sys.stderr.getvalue() == "\rstep 5/10  cost 0.25 \rstep 10/10  cost 0.125 \n"


def test_without_tqdm_a_pipe_gets_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    shown = Progress(10, wanted=True)
    shown.show(5, cost=0.25)
    shown.close()
    assert sys.stderr.getvalue() == ""


def test_with_tqdm_a_terminal_gets_a_bar_and_a_pipe_nothing(monkeypatch):
    pytest.importorskip("tqdm")
    for stream, shows in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        shown = Progress(10, wanted=True)
        shown.show(4, cost=0.5)
        shown.close()
        assert ("4/10" in stream.getvalue()) == shows
