"""Validation from files: it is that of `fit`, and what does not fit is named by its place."""

import re
import shutil
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.cli import load_run, main
from catlearn.cli.running import divide
from catlearn.training import Patience, accuracy

X, Y = cl.Space("X", 3), cl.Categorical("Y", 3)
RNG = np.random.default_rng(1)
INPUTS = RNG.normal(size=(60, 3)).astype("f4")
LABELS = np.abs(INPUTS).argmax(1)
DIAGRAM = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), cl.Model("f", X, Y, "mlp", width=8))
EQUATION = "d.X >> f = d.Y"
CONFIG = f"""\
steps = 400
batch_size = 16
log_every = 100
[data.d]
file = "d.npz"
test = 0.1
[optimizer]
name = "adam"
learning_rate = 0.05
[validation]
validate = 0.25
every = 5
patience = 3
by = "hits"
largest = true
metrics = {{hits = ["{EQUATION}", "accuracy"], far = ["{EQUATION}", "cross_entropy"]}}
[checkpoint]
path = "run.safetensors"
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command among these files."""
    monkeypatch.chdir(tmp_path)
    cl.save(DIAGRAM, tmp_path / "diagram.json")
    np.savez(tmp_path / "d.npz", X=INPUTS, Y=LABELS)

    def run(*words, config=CONFIG):
        (tmp_path / "run.toml").write_text(config)
        return main(["train", "diagram.json", "--config", "run.toml", "--quiet", *words])

    return run


def test_it_is_the_validation_of_fit(run, capsys):
    assert run("--dry-run") == 0
    assert (
        "validation: 15 of d, every 5 steps, until hits is no better 3" in capsys.readouterr().out
    )
    assert run() == 0
    said = capsys.readouterr().out
    found = load_run("run")
    train, test = divide({"X": INPUTS, "Y": LABELS}, 6, 0, "d")
    train, held = divide(train, 15, 0, "d")
    result = cl.fit(
        DIAGRAM, optax.adam(0.05), steps=400, batch_size=16, key=jax.random.key(0), progress=False,
        data={"d": train}, validate={"d": held}, validate_every=5,
        metrics={"hits": (EQUATION, accuracy), "far": (EQUATION, "cross_entropy")},
        stop=Patience(3, by="hits", largest=True),
    )  # fmt: skip
    assert result.stopped == "patience"
    curves = result.history.validation
    assert found.validation["step"] == curves.steps.tolist()
    for name in curves:
        np.testing.assert_allclose(found.validation[name], curves[name], rtol=1e-4, atol=1e-6)
    assert found.metrics["steps"] == result.steps < 400
    validated = found.metrics["validation"]
    assert (validated["best"], validated["stopped"]) == (result.best.steps, True)
    assert f"best after {result.best.steps} steps, which ended the run" in said
    best, last = (
        cl.lower(d.loss()).init(jax.random.key(1))[0] for d in (found.best, found.diagram)
    )
    for one, other in ((best, result.best.params), (last, result.params)):
        pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
        assert all(np.allclose(a, b, atol=1e-5) for a, b in pairs)
    assert found.metrics["data"]["d"]["train"] == len(train["Y"]) == 39
    assert found.metrics["data"]["d"]["test"] == len(test["Y"]) == 6
    assert main(["report", "run"]) == 0
    page = Path("run/report.html").read_text()
    assert page.count("<figure>") == 4
    assert "validation" in page
    assert "hits" in page


def test_a_run_that_goes_on_has_its_curves_and_its_patience(run, capsys):
    assert run() == 0
    whole = load_run("run")
    best = whole.metrics["validation"]["best"]
    for file in ("run.safetensors", "run.toml"):
        Path(file).unlink()
    shutil.rmtree("run")
    assert run(config=CONFIG.replace("steps = 400", f"steps = {best + 5}")) == 0
    assert load_run("run").metrics["validation"]["stopped"] is False
    assert run("--resume") == 0
    found = load_run("run")
    assert found.validation == whole.validation
    assert found.history == whole.history
    # Its patience is over; with more of it the run goes on, and with fewer steps it says so.
    assert run("--resume") == 0
    assert load_run("run").history == whole.history
    more = CONFIG.replace("patience = 3", "patience = 5")
    assert run("--resume", config=more) == 0
    assert load_run("run").metrics["steps"] > whole.metrics["steps"]
    capsys.readouterr()
    assert run("--resume", config=CONFIG.replace("steps = 400", "steps = 7")) == 0
    assert "more than 7" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("every = 5", "validation.validate [missing]"),
        ('validate = "d.npz"', "validation.validate [value] 'd.npz'"),
        ("validate = 2000", "validation.validate [value] 2000 of 60"),
        ("validate = {e = 0.5}", "validation.validate.e [unknown name] only d"),
        ("validate = {e = 0.5}", "validation.validate.d [missing]"),
        ('validate = {d = "no.npz"}', "validation.validate.d [missing file] 'no.npz'"),
        ('validate = {d = "bare.npz"}', "data set 'd', projection 'Y' [data] validate="),
        ("validate = 5\nby = 'acc'\npatience = 2", "validation.by [unknown name] 'acc'"),
        ("validate = 5\nleast = 0.5", "validation.least [value] patience"),
        ("validate = 5\npatiense = 2", "validation.patiense [unknown key] patience?"),
        (f"validate = 5\nmetrics = {{m = ['{EQUATION}', 'acuracy']}}",
         "validation.metrics.m [unknown name] accuracy?"),
        ("validate = 5\nmetrics = {m = ['d.X >> g = d.Y', 'accuracy']}",
         "validation.metrics.m [known edges]"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(run, names, capsys, lines, says):
    np.savez("bare.npz", X=INPUTS)
    config = CONFIG.replace("test = 0.1\n", "").partition("[validation]")[0]
    assert run(config=f"{config}[validation]\n{lines}\n") == 1
    assert names(capsys.readouterr().err, says)


def test_the_example_of_the_documentation(tmp_path, monkeypatch, capsys):
    page = (Path(__file__).parents[2] / "docs" / "experiments.md").read_text(encoding="utf-8")
    (config,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    assert main(["example", "spirals"]) == 0
    Path("spirals/validated.toml").write_text(config)
    (words,) = re.findall(r"`catlearn (train spirals.*?)`", page)
    assert main([*words.split(), "--quiet"]) == 0
    run = load_run("validated")
    assert run.metrics["validation"]["stopped"]
    assert run.metrics["steps"] < 2000
    assert max(run.validation["accuracy"]) > 0.9
    assert run.best is not None
