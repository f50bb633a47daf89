"""Fresh names: never taken, never twice the same, and no other than it needs."""

import ast
import importlib
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

import catlearn as cl
from catlearn import display
from catlearn.category import Port
from catlearn.category.path import write_steps
from catlearn.cli import main
from catlearn.errors import CatlearnError, Failure
from catlearn.names import distinct, fresh, quote, readable
from catlearn.typesetting import plain_name, to_latex, width

marks = st.sampled_from(["left/", "'", "#", "-", "."])
names = st.lists(st.sampled_from(["a", "b", "a'", "left/a", "a#2", "a-2", "a.1", "a#3", ""]))


@given(names, marks, st.sets(st.sampled_from(["a", "a-2", "a'", "left/a", "b#2"])))
def test_names_are_made_distinct(given_names, mark, taken):
    found = distinct(given_names, mark, taken)
    assert len(found) == len(set(found)) == len(given_names)
    assert not taken & set(found)
    for k, (old, new) in enumerate(zip(given_names, found, strict=True)):
        assert new.endswith(old) if mark == "left/" else new.startswith(old)
        if new != old:  # it had to
            assert old in taken or old in found[:k]


def test_one_at_a_time():
    assert fresh("a", (), "#") == "a"
    assert fresh("a", {"a", "a#2"}, "#") == "a#3"
    assert fresh("x", {"x", "x.1"}, ".") == "x.2"
    assert fresh("left/a", {"left/a"}, "left/") == "left/left/a"
    assert distinct(["A"] * 4, "-") == ["A", "A-2", "A-3", "A-4"]
    assert distinct(["A", "A", "A"], "'", taken=["A"]) == ["A'", "A''", "A'''"]


def test_many_equal_names_are_quick():
    assert distinct(["x"] * 20_000, "#")[-1] == "x#20000"


HIDDEN = ["\x1b", "\x00", "\r", "\x85", "\u200e", "\u202e", "\u2066", "\u2069", "\u2028"]
SHOWN = ["\N{WOMAN}\u200d\N{ROCKET}", "می\u200cخواهم", "क्\u200dष", "é", "a\\u200d", "\\"]


@given(st.text(st.sampled_from("ab'\\\"u20dc\u200c\u200d\u202e\n\x1b"), max_size=12))
def test_a_readable_repr_evaluates_to_the_same(text):
    written = readable(repr(text))
    assert ast.literal_eval(written) == text
    assert not any(c in written for c in HIDDEN)


@pytest.mark.parametrize("name", [f"x{c}y" for c in (*HIDDEN, *SHOWN)])
def test_names_hide_nothing_and_are_kept(name, tmp_path, capsys):
    """In texts, in errors and on the command line; files and ``eval(repr)`` keep them."""
    value = cl.Presentation({name: ("A", "B"), "g": ("A", "B")}, [([name], ["g"])])
    saved = cl.save(value, tmp_path / "p.json")
    assert main(["check", str(saved)]) == 0
    with pytest.raises(CatlearnError) as caught:
        value.path([name, name])
    for text in (str(value), repr(value), str(caught.value), capsys.readouterr().out):
        assert not any(c in text for c in HIDDEN)
        assert "\\u200" not in text or name == "xa\\u200dy" or "\u200e" in name
    assert cl.load(saved) == value
    assert next(iter(value.equations)) == write_steps((name,)) + " = g"
    scope = {"Presentation": cl.Presentation, "Graph": cl.Graph, "Equation": cl.Equation}
    assert eval(repr(value), scope) == value


@pytest.mark.parametrize("name", ["x\x1bd", "x\u202ed"])
def test_what_commands_print_of_names_is_escaped(name, tmp_path, monkeypatch, capsys):
    """The run of a diagram, what it says, and files that are called so."""
    monkeypatch.chdir(tmp_path)
    X, Y = cl.Space("X", 2), cl.Categorical("Y", 2)
    data = np.ones((8, 2), "f4"), np.zeros(8, int)
    diagram = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model(name, X, Y, "linear"))
    cl.save(diagram, "diagram.json")
    np.savez("d.npz", X=data[0], Y=data[1])
    text = 'steps = 1\n[data.d]\nfile = "d.npz"\n[optimizer]\nname = "adam"\nlearning_rate = 0.1\n'
    Path("run.toml").write_text(text)
    words = ["train", "diagram.json", "--config", "run.toml", "--quiet", "--out", f"out{name}"]
    assert main([*words, "--dry-run"]) == 0
    assert main(words) == 0
    assert main(words) == 1  # the folder is there
    assert main(["report", f"out{name}"]) == 0
    assert main(["draw", "diagram.json", "-o", f"{name}.svg"]) == 0
    said = capsys.readouterr()
    assert not any(c in said.out + said.err for c in HIDDEN)
    assert said.out.count("\\u") > 5
    assert (tmp_path / f"out{name}").is_dir()


def test_a_text_that_is_not_escaped_is_noticed(mutants, monkeypatch):
    monkeypatch.setattr(display, "visible", lambda text: text)
    with mutants("names written as they are"):
        assert "\u202e" in str(cl.FinSet(["a\u202e"]))


def classes_with_texts():
    for module in pkgutil.walk_packages(cl.__path__, "catlearn."):
        if module.name.endswith(("__main__", "torch")):
            continue
        kinds = vars(importlib.import_module(module.name)).values()
        own = (k for k in kinds if isinstance(k, type) and k.__module__ == module.name)
        yield from (k for k in own if "__str__" in vars(k) and not issubclass(k, tuple))


def test_every_class_that_writes_its_text_hides_nothing():
    kinds = set(classes_with_texts())
    assert len(kinds) > 50
    assert all(issubclass(kind, display.Legible | Failure | CatlearnError) for kind in kinds)


HOSTILE = "x\u202ey"


@pytest.mark.parametrize(
    "value",
    [
        cl.Space(HOSTILE, 2),
        cl.Product("P", cl.Categorical(HOSTILE, 2)),
        cl.Weight(HOSTILE, 1.0),
        cl.Variable(HOSTILE),
        cl.Model(HOSTILE, cl.Space("X", 1), cl.Space("Y", 1), "linear"),
        cl.Objective([HOSTILE], {f"f({quote(HOSTILE)})": 1}).terms[0].atom,
        Port(HOSTILE),
        display.text_table(["", "n"], [[HOSTILE, "1"]]),
        display.html_table(["", "n"], [[HOSTILE, "1"]]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_all_kinds_hide_nothing(value):
    assert not any(c in str(value) + repr(value) for c in HIDDEN)


@pytest.mark.parametrize("name", SHOWN[:3])
def test_joined_letters_stay_joined_in_pictures(name, mutants, monkeypatch):
    graph = cl.Graph({name: ("A", "B")})
    assert name in cl.draw(graph).svg
    assert name in cl.draw(graph).dot
    assert f"{{{name}}}" in to_latex(name)
    assert plain_name(to_latex(name)) == name
    assert width(name, 10) == width(name.replace("\u200d", "").replace("\u200c", ""), 10)
    monkeypatch.setattr("catlearn.typesetting._CLUSTERS", re.compile("."))
    with mutants("letters set one by one"):
        assert f"{{{name}}}" not in to_latex(name)
