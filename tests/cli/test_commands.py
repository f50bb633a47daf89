"""The command line: what it writes, what it says, and its exit codes."""

import json

import pytest

import catlearn as cl
from catlearn.cli import main

X, F, Y = cl.Space("X", 4), cl.Space("F", 3), cl.Categorical("Y", 2)


@pytest.fixture
def files(tmp_path):
    """A data set and a model, each in a file of its own."""
    data = cl.LearningDiagram(cl.Dataset("points", X=X, Y=Y))
    model = cl.LearningDiagram(cl.Model("body", X, F, "linear"), cl.Model("head", F, Y, "linear"))
    cl.save(data, tmp_path / "data.json")
    cl.save(model, tmp_path / "model.json")
    return tmp_path


def test_glue_writes_the_pushout_and_names_what_emerges(files, capsys):
    parts = [str(files / name) for name in ("data.json", "model.json")]
    code = main(["glue", *parts, "-o", str(files / "square.json")])
    assert code == 0
    glued = cl.load(files / "square.json")
    assert glued == cl.glue(cl.load(files / "data.json"), cl.load(files / "model.json"))
    assert "points.X >> body >> head = points.Y" in capsys.readouterr().out


def test_glue_along_some_names_keeps_the_others_apart(files):
    arguments = ["glue", str(files / "data.json"), str(files / "model.json")]
    assert main([*arguments, "-o", str(files / "half.json"), "--along", "X"]) == 0
    assert set(cl.load(files / "half.json").vertices) == {"points", "X", "F", "left/Y", "right/Y"}


def test_glue_along_a_pair_of_names(files):
    other = cl.LearningDiagram(cl.Model("g", cl.Space("Z", 4), F, "linear"))
    cl.save(other, files / "other.json")
    arguments = ["glue", str(files / "data.json"), str(files / "other.json")]
    assert main([*arguments, "-o", str(files / "pair.json"), "--along", "X=Z"]) == 0
    assert cl.load(files / "pair.json").target("points.X") == "X"
    assert cl.load(files / "pair.json").source("g") == "X"


def test_glue_that_disagrees_writes_nothing(files, capsys):
    wrong = cl.LearningDiagram(cl.Model("body", cl.Space("X", 5), F, "linear"))
    cl.save(wrong, files / "wrong.json")
    target = files / "never.json"
    code = main(["glue", str(files / "model.json"), str(files / "wrong.json"), "-o", str(target)])
    assert code == 1
    assert not target.exists()
    assert "vertex 'X'" in capsys.readouterr().err


def test_check_lists_the_equations(files, capsys):
    square = cl.glue(cl.load(files / "data.json"), cl.load(files / "model.json"))
    cl.save(square, files / "square.json")
    assert main(["check", str(files / "square.json")]) == 0
    assert "equations: 1\n  points.X >> body >> head = points.Y" in capsys.readouterr().out


def test_check_reports_all_that_is_wrong(files, capsys):
    tables = json.loads((files / "model.json").read_text())
    text = json.dumps(tables).replace('"src": 1', '"src": 77')
    (files / "broken.json").write_text(text)
    assert main(["check", str(files / "broken.json")]) == 1
    assert "77" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["svg", "tex", "dot"])
def test_draw_writes_what_the_ending_says(files, ending):
    target = files / f"picture.{ending}"
    assert main(["draw", str(files / "model.json"), "-o", str(target)]) == 0
    assert "body" in target.read_text()


def test_draw_refuses_an_ending_it_does_not_know(files, capsys):
    assert main(["draw", str(files / "model.json"), "-o", str(files / "picture.doc")]) == 1
    assert ".svg" in capsys.readouterr().err
    assert not (files / "picture.doc").exists()


def test_a_missing_file_is_named(tmp_path, capsys):
    assert main(["draw", str(tmp_path / "nowhere.json"), "-o", str(tmp_path / "p.svg")]) == 1
    assert "nowhere.json" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["demo"], ["draw"], ["check"], ["glue"]])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    assert stop.value.code == 0
    assert "usage: catlearn" in capsys.readouterr().out


@pytest.mark.parametrize("command", [[], ["dance"], ["demo", "--seeds", "0"], ["draw", "x.json"]])
def test_what_is_not_understood_exits_with_2(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main(command)
    assert stop.value.code == 2
    assert "usage: catlearn" in capsys.readouterr().err


def test_the_module_is_the_command(tmp_path):
    import subprocess
    import sys

    run = subprocess.run(
        [sys.executable, "-m", "catlearn", "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout == f"catlearn {cl.__version__}\n"
