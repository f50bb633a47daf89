"""Training from files: what is checked, what is written, and that it is the run one would write."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.cli import load_run, main
from catlearn.cli.commands import _parser
from catlearn.cli.configuration import Section, choose_optimizers
from catlearn.cli.run_folder import FILES, write_run
from catlearn.cli.running import divide, prepare
from catlearn.errors import (
    CatlearnError,
    CheckpointNotWritten,
    FileFormatError,
    InvalidStructure,
)
from catlearn.tensors import header_of
from tests.errors import fails, raises

X, F, Y = cl.Space("X", 4), cl.Space("F", 3), cl.Categorical("Y", 2)
RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(20, 4)).astype("f4")
LABELS = (IMAGES[:, 0] > 0).astype("i4")
DIAGRAM = cl.LearningDiagram(
    cl.Dataset("digits", X=X, Y=Y),
    cl.Model("body", X, F, "linear"),
    cl.Model("head", F, Y, "linear"),
)
EQUATION = "digits.X >> body >> head = digits.Y"
CONFIG = """
steps = {steps}
batch_size = 8
accumulate = 2
seed = 3
log_every = 2

[loss.weights]
"digits.*" = {{schedule = "linear", init_value = 1, end_value = 0.5, transition_steps = 6}}

[data.digits]
file = "digits.npz"
columns = {{X = "images", Y = "labels"}}
test = 0.2

[optimizer]
name = "sgd"
learning_rate = {{schedule = "linear", init_value = 0.5, end_value = 0.1, transition_steps = 6}}
clip = 2.0

[optimizer.models.head]
name = "adam"
learning_rate = 0.01

[lowering]
precision = {{body = "bfloat16"}}
remat = "he*"
stack = false

[checkpoint]
path = "checkpoint.safetensors"

[devices]
count = 1
parameters = "fsdp"
least = 4
"""


def make(folder, config=CONFIG, **values):
    cl.save(DIAGRAM, folder / "diagram.json")
    np.savez(folder / "digits.npz", images=IMAGES, labels=LABELS)
    (folder / "run.toml").write_text(config.format(**{"steps": 6, **values}))
    return ["train", str(folder / "diagram.json"), "--config", str(folder / "run.toml"), "--quiet",
            "--out", str(folder / "run")]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with one run of six steps, which was stopped after four and went on."""
    folder = tmp_path_factory.mktemp("trained")
    assert main(make(folder, steps=4)) == 0
    assert load_run(folder / "run").metrics["steps"] == 4
    assert main([*make(folder), "--resume", "--overwrite"]) == 0
    return folder


# The run.


def test_the_run_is_the_one_that_is_written_by_hand_without_a_stop(trained):
    run = load_run(trained / "run")
    train, test = divide({"X": IMAGES, "Y": LABELS}, 0.2, 3, "digits")
    optimizer = optax.chain(
        optax.clip_by_global_norm(2.0),
        optax.multi_transform(
            {"a": optax.sgd(optax.linear_schedule(0.5, 0.1, 6)), "b": optax.adam(0.01)},
            {"body": "a", "head": "b"},
        ),
    )
    weight = optax.linear_schedule(1, 0.5, 6)
    loss = DIAGRAM.with_equations({EQUATION: cl.Equation(EQUATION, weight=weight)}).loss()
    fn = cl.lower(loss, precision={"body": "bfloat16"}, remat=["head"])
    result = cl.fit(
        fn, optimizer, steps=6, batch_size=8, key=jax.random.key(3), data={"digits": train},
        progress=False, accumulate=2,
    )  # fmt: skip
    for edge in ("body", "head"):
        for name in ("weight", "bias"):
            np.testing.assert_allclose(
                run.diagram.starts[edge][name], result.params[edge][name], rtol=1e-5, atol=1e-6
            )
    np.testing.assert_allclose(run.history["total"], result.history.total, rtol=1e-5)
    found = run.metrics["test"]
    assert found["equations"][EQUATION] == pytest.approx(
        result.evaluate({"digits": test})[0], rel=1e-4
    )
    logits = result.model("head")(result.model("body")(test["X"]))
    accuracy = np.mean(np.asarray(logits).argmax(1) == test["Y"])
    assert found["accuracy"][EQUATION] == pytest.approx(accuracy)


def test_the_folder_holds_all_of_it(trained):
    folder = trained / "run"
    assert {path.name for path in folder.iterdir()} == set(FILES)
    assert not [path for path in trained.iterdir() if path.name.startswith(".")]
    assert (folder / "config.toml").read_bytes() == (trained / "run.toml").read_bytes()
    assert cl.load(folder / "diagram.json") == DIAGRAM
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (metrics["status"], metrics["steps"], metrics["seed"]) == ("finished", 6, 3)
    assert (metrics["data"]["digits"]["train"], metrics["data"]["digits"]["test"]) == (16, 4)
    assert metrics["parameters"] == {"body": 15, "head": 8}
    # The weight follows a schedule; it is said as in the last step.
    ((weight, cost),) = ((t["weight"], metrics["train"]["equations"][t["name"]])
                         for t in metrics["equations"])  # fmt: skip
    assert weight == pytest.approx(1 - 0.5 * 5 / 6)
    assert metrics["train"]["value"] == pytest.approx(weight * cost)
    assert metrics["loss"].startswith(f"L(body, head) = {weight:g}")
    assert len(load_run(folder).history[EQUATION]) == 6


def test_a_dry_run_says_what_would_run_and_writes_nothing(tmp_path, capsys):
    assert main([*make(tmp_path), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "digits: 16 examples, 4 held out, in batches of 8" in said
    for part in (
        "apply body",
        "sgd for body; adam for head",
        "23 parameters",
        "6 steps, seed 3",
        "devices: 1, which split parameters too",
    ):
        assert part in said
    assert not (tmp_path / "run").exists()


def test_a_run_that_diverges_is_kept_and_said(tmp_path, capsys):
    config = CONFIG.partition("[optimizer]")[0] + '[optimizer]\nname = "sgd"\nlearning_rate = 1e38'
    assert main(make(tmp_path, config)) == 1
    said = capsys.readouterr().err
    assert re.search("catlearn: step [1-5]: the cost of", said)
    assert "are in the run folder" in said
    assert "try a smaller learning rate, or set optimizer.clip" in said
    run = load_run(tmp_path / "run")
    assert run.metrics["status"] == "diverged"
    assert all(np.isfinite(run.diagram.starts["body"]["weight"]).ravel())


def ending(fn, options, **how):
    """The result of a run that took no step."""
    import catlearn.training as room

    params, state = fn.init(jax.random.key(0))
    history = cl.History((EQUATION,), np.zeros((0, 2)))
    return room.Result(fn, params, state, None, history, 0, options["data"], **how)


def test_an_interrupted_run_is_kept_and_said(tmp_path, monkeypatch, capsys):
    def interrupted(fn, *args, **options):
        return ending(fn, options, stopped="signal")

    monkeypatch.setattr("catlearn.training.fit", interrupted)
    assert main(make(tmp_path)) == 130
    assert "interrupted after 0 of 6 steps" in capsys.readouterr().err
    assert load_run(tmp_path / "run").metrics["status"] == "interrupted"


def test_a_run_whose_checkpoint_could_not_be_written_is_kept_and_said(
    tmp_path, monkeypatch, capsys
):
    def unsaved(fn, *args, **options):
        said = "the disk is full. The result of the run is in this error's .result"
        raise CheckpointNotWritten(said, ending(fn, options))

    monkeypatch.setattr("catlearn.training.fit", unsaved)
    assert main(make(tmp_path)) == 1
    assert "disk is full. The result of the run is in the run folder" in capsys.readouterr().err
    assert load_run(tmp_path / "run").metrics["status"] == "unsaved"


# Its place.


def test_an_older_run_is_replaced_only_when_asked(trained, capsys):
    words = make(trained)
    assert main(words) == 1
    assert "--overwrite" in capsys.readouterr().err
    other = trained / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("mine")
    assert main([*words[:-1], str(other), "--overwrite"]) == 1
    assert "is no run" in capsys.readouterr().err
    assert (other / "thesis.tex").read_text() == "mine"


def test_a_folder_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    files = dict.fromkeys(FILES, b"old")
    write_run(tmp_path / "run", files)

    class Full:
        def __buffer__(self, flags):
            raise OSError("No space left on device")

    broken = {**dict.fromkeys(FILES, b"new"), "metrics.json": Full()}
    with pytest.raises((OSError, TypeError)):
        write_run(tmp_path / "run", broken, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert (tmp_path / "run" / "config.toml").read_bytes() == b"old"
    write_run(tmp_path / "run", dict.fromkeys(FILES, b"new"), overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert (tmp_path / "run" / "config.toml").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("name", "content", "law", "where"),
    [
        ("metrics.json", b"[]", "run", "metrics.json"),
        ("history.csv", b"step,total\n0,one\n", "history", "record 2"),
        ("params.safetensors", b"", "header", "first bytes"),
        ("diagram.json", b"{", "strict JSON", "line 1, column 2"),
    ],
)
def test_a_broken_run_is_refused(trained, tmp_path, name, content, law, where):
    files = {file: (trained / "run" / file).read_bytes() for file in FILES}
    write_run(tmp_path / "run", {**files, name: content})
    with fails(FileFormatError, (law, where)):
        load_run(tmp_path / "run")
    (tmp_path / "run" / name).unlink()
    with raises(CatlearnError, name):
        load_run(tmp_path / "run")


def test_a_checkpoint_replaces_nothing_else(tmp_path, capsys):
    """Neither a run's own of a later step, nor data, diagrams or notes; a dry run says so, too."""
    words = make(tmp_path, steps=4)
    assert main(words) == 0
    shutil.rmtree(tmp_path / "run")
    kept = (tmp_path / "checkpoint.safetensors").read_bytes()
    for more in ([], ["--dry-run"]):
        capsys.readouterr()
        assert main([*words, *more]) == 1
        said = capsys.readouterr().err
        assert "step 4" in said
        assert "--resume" in said
        assert "--overwrite" in said
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == kept
    for name in ("diagram.json", "digits.npz", "run.toml"):
        config = CONFIG.replace("checkpoint.safetensors", name)
        words = make(tmp_path, config, steps=4)
        content = (tmp_path / name).read_bytes()
        for more in ([], ["--dry-run"], ["--resume"]):
            assert main([*words, *more]) == 1
            assert "is no checkpoint" in capsys.readouterr().err
        assert (tmp_path / name).read_bytes() == content
    words = make(tmp_path, steps=2)
    assert main([*words, "--overwrite"]) == 0
    assert load_run(tmp_path / "run").metrics["steps"] == 2


def test_a_run_that_is_finished_is_a_success(tmp_path, capsys):
    words = make(tmp_path, steps=4)
    assert main([*words, "--resume"]) == 0
    assert "begins anew" in capsys.readouterr().err
    before = (tmp_path / "run" / "metrics.json").read_bytes()
    assert main([*words, "--resume"]) == 0
    assert "finished" in capsys.readouterr().out
    assert (tmp_path / "run" / "metrics.json").read_bytes() == before
    # With more steps it goes on, and replaces its own folder.
    assert main([*make(tmp_path, steps=6), "--resume"]) == 0
    assert load_run(tmp_path / "run").metrics["steps"] == 6
    # The folder of another run is not its own.
    other = make(tmp_path, CONFIG.replace("seed = 3", "seed = 4"), steps=6)
    assert main([*other, "--resume"]) == 1
    assert "--overwrite" in capsys.readouterr().err


def test_the_second_run_to_one_folder_is_refused(tmp_path, capsys, monkeypatch):
    words, found = make(tmp_path), []

    def within(fn, *args, **options):
        found.append(main(words))
        return ending(fn, options)

    monkeypatch.setattr("catlearn.training.fit", within)
    assert main(words) == 0
    assert found == [1]
    assert "another run" in capsys.readouterr().err
    assert not list(tmp_path.glob(".*"))


PROGRAM = """
import json, os, signal, sys, warnings
import catlearn, optax
from catlearn import training
from catlearn.cli import main

catlearn.load, catlearn.lower, training.fit  # imported before the forks

def killed(fn, *args, callback=None, fit=training.fit, **options):
    def kill(step, costs):
        if step == 3:
            os.kill(os.getpid(), heard)
    return fit(fn, *args, callback=kill, **{**options, "log_every": 1})

training.fit, codes = killed, []
warnings.simplefilter("ignore", RuntimeWarning)  # no thread of JAX runs before the forks
for name, ignored, words in json.loads(sys.argv[1]):
    heard, child = getattr(signal, name), os.fork()
    if child == 0:
        code = 1
        try:
            if ignored:
                signal.signal(heard, signal.SIG_IGN)
            elif name == "SIGHUP":  # the tests themselves may run after nohup
                signal.signal(heard, signal.SIG_DFL)
            code = main(words)
        finally:
            os._exit(code)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(codes))
"""
SIGNALS = {("SIGTERM", False): 143, ("SIGHUP", False): 129, ("SIGHUP", True): 0,
           ("SIGINT", False): 130}  # fmt: skip
"""Codes that runs end with, by the signal that they get, and whether they ignore it."""


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Runs that get a signal, each a fork of one process: the code of each, and its folder."""
    folders = [tmp_path_factory.mktemp(name) for name, _ in SIGNALS]
    runs = [(*case, make(folder)) for case, folder in zip(SIGNALS, folders, strict=True)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(runs)],
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    codes = json.loads(done.stdout.splitlines()[-1])
    return dict(zip(SIGNALS, zip(codes, folders, strict=True), strict=True)), done.stderr


@pytest.mark.skipif(os.name != "posix", reason="needs signals of POSIX")
@pytest.mark.parametrize(("name", "ignored"), SIGNALS)
def test_signals_end_a_run_after_its_step(ended, name, ignored):
    (code, folder), printed = ended[0][name, ignored], ended[1]
    assert code == SIGNALS[name, ignored], printed
    metrics = load_run(folder / "run").metrics
    steps = 6 if ignored else 3
    assert metrics["status"] == ("finished" if ignored else "interrupted")
    assert metrics["steps"] == pytest.approx(steps, abs=1)
    shapes, _ = header_of(folder / "checkpoint.safetensors")
    assert shapes["history"][0] == metrics["steps"]


# All that is wrong, at once.

WRONG = """
stps = 60
seed = -1
precision = "bfloat16"
batch_size = {digit = 16}
accumulate = 0
[loss]
equations = ["digits.X >> body = digits.Y"]
[data.digit]
file = "digits.npz"
[data.digits]
file = "nowhere.npz"
colums = {X = "images"}
test = 1.5
[optimizer]
name = "adamw"
lerning_rate = 3
nesterov = "yes"
clip = 0
[optimizer.models.hed]
name = "sdg"
[optimizer.models.head]
name = "sgd"
learning_rate = {schedule = "cosine", decay_steps = 0.5}
[lowering]
precision = {body = "float12"}
stack = 1
[checkpoint]
resume = true
[devices]
count = 4096
"""
SAID = """
stps: did you mean steps?
steps: has to be given
seed: is -1
precision: belongs in the section [lowering]
accumulate: is 0, expected an integer from 1
loss.equations:
data.digits.colums: did you mean columns?
data.digits.file: there is no file
data.digits.test: is 1.5
data.digit: is no data set; did you mean digits?
batch_size.digit: is no data set; did you mean digits?
optimizer.lerning_rate: did you mean learning_rate?
optimizer.learning_rate: has to be given
optimizer.nesterov: is 'yes', expected true or false
optimizer.clip: is 0
optimizer.models.hed: 'hed' is no trainable model; did you mean head?
optimizer.models.hed.name: is 'sdg', no optimizer; did you mean sgd?
optimizer.models.head.learning_rate.schedule: is 'cosine', no schedule; did you mean cosine_decay
lowering.precision.body: is 'float12', expected one of bfloat16, float16, float32, float64
lowering.stack: is 1, expected true, false, or an integer from 2
checkpoint.path: has to be given
devices.count: is 4096, but there is only 1 cpu device; the environment's XLA_FLAGS
"""


def test_all_that_is_wrong_is_said_at_once_and_nothing_runs(tmp_path, capsys):
    words = make(tmp_path)
    (tmp_path / "run.toml").write_text(WRONG)
    assert main(words) == 1
    said = capsys.readouterr().err
    lines = SAID.split("\n")[1:-1]
    assert [line for line in lines if f"  - {line}" not in said] == []
    assert said.count("\n  - ") == len(lines)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("steps = ", "file [TOML]"),
        ('"a\\u0007" = 1', '"a\ufffd" [unknown key]'),
        ("x = " + "[" * 3000, "file [TOML]"),
        ('steps = 1\noptimizer = "adam"\ndata = 3', "data [value] 3"),
        ("steps = true\nbatch_size = 0", "steps [value] true"),
        ('steps = 1\n[loss]\naggregator = "mean"', "loss.aggregator [unknown name] 'mean'"),
        ("steps = 1\n[data.digits]\nfile = 'digits.npz'", "data.digits.columns.X [missing]"),
        ("steps = 1", "data.digits [missing] X, Y"),
        ("steps = 1\n[data]\ndigits = 'digits.npz'", "data.digits [value]"),
        (
            "steps = 1\n[data.digits]\nfile='digits.npz'\ntest_file='digits.npz'\ntest=2",
            "data.digits.test [value] test_file",
        ),
        (
            "steps = 1\n[data.digits]\nfile='digits.npz'\ncolumns={Z='images', X=3}",
            "data.digits.columns.Z [unknown name]",
        ),
        (
            "steps = 1\n[data.digits]\nfile='diagram.json'",
            "data.digits [file] .npz, .csv, .safetensors",
        ),
        (
            "steps = 1\n[data.digits]\nfile='digits.npz'\ncolumns={X='labels',Y='images'}",
            "data.digits.columns.X [shape]",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path, capsys, names, config, says):
    words = make(tmp_path)
    (tmp_path / "run.toml").write_text(config)
    assert main(words) == 1
    assert names(capsys.readouterr().err, says)


def test_a_diagram_that_cannot_be_trained_is_named(tmp_path):
    make(tmp_path)
    bare = cl.LearningDiagram(cl.Dataset("digits", X=X, Y=Y), cl.Model("f", X, Y, "linear"))
    code = cl.LearningDiagram(
        cl.Dataset("digits", X=X, Y=Y), cl.Model("f", X, Y, (lambda key: {}, lambda p, x: x[:, :2]))
    )
    for diagram, law, where in (
        (code, "architecture", "other.json"),
        (cl.LearningDiagram(cl.Dataset("digits", X=X, Y=Y)), "loss", "loss.equations"),
        (cl.Graph({"f": ("A", "B")}), "diagram", "other.json"),
    ):
        cl.save(diagram, tmp_path / "other.json")
        with raises(InvalidStructure, law=law, where=where):
            prepare(tmp_path / "other.json", tmp_path / "run.toml")
    with raises(InvalidStructure, law="diagram", where="nowhere.json"):
        prepare(tmp_path / "nowhere.json", tmp_path / "run.toml")
    cl.save(bare, tmp_path / "other.json")
    with raises(InvalidStructure, "'head'", "f", law="unknown name", where="optimizer.models.head"):
        prepare(tmp_path / "other.json", tmp_path / "run.toml")


# The documentation.

PAGE = (Path(__file__).parents[2] / "docs" / "api" / "cli.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_of_the_documentation_is_one(tmp_path, monkeypatch, capsys):
    (python,) = blocks("python")
    config, more_optimizers, weights = blocks("toml")
    example, commands = blocks("sh")
    monkeypatch.chdir(tmp_path)
    exec(compile(python, "cli.md", "exec"), {})
    (tmp_path / "run.toml").write_text(config)
    check, *others = commands.splitlines()
    assert check.endswith("--dry-run")
    assert main(check.split()[1:]) == 0
    assert "points: 160 examples, 40 held out, in batches of 32" in capsys.readouterr().out
    for line in [*example.splitlines(), *others]:
        _parser().parse_args(line.split()[1:])
    models = ["encoder", "decoder", "frozen_1", "head"]
    optimizer = Section(tomllib.loads(more_optimizers)["optimizer"], "optimizer")
    made = choose_optimizers(optimizer, models)
    assert dict(made.names) == {
        ("encoder", "decoder"): "sgd", ("frozen_1",): "none",
        ("head",): "clip_by_global_norm, adamw",
    }  # fmt: skip
    loss = Section(tomllib.loads(weights)["loss"], "loss")
    loss.settings("loss")
    assert not optimizer.faults + loss.faults


def test_the_example_folder_trains_as_it_is(tmp_path, capsys):
    folder = tmp_path / "spirals"
    assert main(["example", str(folder)]) == 0
    said = capsys.readouterr().out
    assert all(str(path) in said for path in folder.iterdir())
    command = next(line for line in said.splitlines() if line.startswith("  catlearn train"))
    words = command.split()[1:]
    assert main([*words, "--dry-run"]) == 0
    said = capsys.readouterr().out
    for part in (
        "labelled: 150 examples, 300 held out, in batches of 64",
        "rebuild[unlabelled.X]",
        "0.5 E_unlabelled",
        "adamw for encoder, classifier; adam for decoder",
    ):
        assert part in said
    # Few steps already teach what is to be learnt.
    config = folder / "run.toml"
    config.write_text(config.read_text().replace("steps = 1000", "steps = 100"))
    assert main([*words, "--quiet"]) == 0
    measured = load_run(folder / "run").metrics["test"]
    assert measured["accuracy"]["classify"] > 0.9
    assert measured["equations"]["rebuild[unlabelled.X]"] < 0.05
    # The program that made the folder is there, and makes the same.
    made = tmp_path / "again"
    program = {"__name__": "made", "__file__": str(folder / "make.py")}
    exec(compile((folder / "make.py").read_text(), "make.py", "exec"), program)
    program["write"](made)
    assert (made / "labelled.csv").read_bytes() == (folder / "labelled.csv").read_bytes()
    assert main(["example", str(made)]) == 1
    assert "is there already" in capsys.readouterr().err
