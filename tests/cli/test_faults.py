"""Whatever is wrong with the files of a run is one message, and nothing is left behind."""

import copy
import json
import os
import pickle
import random
import re

import numpy as np
import pytest

import catlearn as cl
from catlearn.cli import main
from catlearn.cli.run_folder import FILES
from catlearn.cli.running import prepare
from catlearn.errors import CatlearnError
from catlearn.files import writable

X, F, Y = cl.Space("X", 4), cl.Space("F", 3), cl.Categorical("Y", 2)
DATA = cl.Dataset("d", X=X, Y=Y)
SQUARE = cl.LearningDiagram(
    DATA, cl.Model("f", X, F, "mlp", width=7), cl.Model("g", F, Y, "linear")
)
RNG = np.random.default_rng(0)
INPUTS, LABELS = RNG.normal(size=(20, 4)).astype("f4"), np.arange(20) % 2
CONFIG = """\
steps = 2
[data.d]
file = "d.npz"
[optimizer]
name = "sgd"
learning_rate = 0.1
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command among good files, some of which were replaced; say what it said."""
    monkeypatch.chdir(tmp_path)

    def run(*words, diagram=SQUARE, config=CONFIG, **files):
        cl.save(diagram, tmp_path / "diagram.json")
        np.savez(tmp_path / "d.npz", X=INPUTS, Y=LABELS)
        (tmp_path / "run.toml").write_text(config)
        for name, content in files.items():
            content = content(tmp_path) if callable(content) else content
            if isinstance(content, bytes):
                (tmp_path / name.replace("_", ".")).write_bytes(content)
        before = sorted(tmp_path.rglob("*"))
        code = main(["train", "diagram.json", "--config", "run.toml", "--quiet", *words])
        assert code == 1
        assert sorted(tmp_path.rglob("*")) == before
        said = capsys.readouterr()
        assert said.err.startswith("catlearn: ")
        assert "Traceback" not in said.err
        return said.err

    return run


def arrays(**columns):
    return lambda folder: np.savez(folder / "d.npz", **columns)


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("was unpickled",))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (arrays(X=INPUTS), "data.d.columns.Y [missing] 'd.npz'"),
        (arrays(X=INPUTS.astype("U4"), Y=LABELS), "data.d.columns.X [dtype] <U4"),
        (arrays(X=INPUTS + 1j, Y=LABELS), "data.d.columns.X [dtype] complex64"),
        (arrays(X=INPUTS[:, :3], Y=LABELS), "data.d.columns.X [shape] (20, 3)"),
        (arrays(X=np.float32(3), Y=LABELS), "data.d.columns.X [shape] ()"),
        (arrays(X=INPUTS * np.nan, Y=LABELS), "data.d.columns.X [finite] 80 of 80"),
        (arrays(X=INPUTS, Y=LABELS + 0.5), "data.d.columns.Y [shape] float64"),
        (arrays(X=INPUTS, Y=LABELS + 5), "data.d.columns.Y [labels] 20 of 20"),
        (arrays(X=INPUTS[:9], Y=LABELS), "data set 'd' [length]"),
        (arrays(X=INPUTS[:0], Y=LABELS[:0]), "data.d.file [length] 'd.npz'"),
        (arrays(X=np.array([Trap()] * 20), Y=LABELS), "data.d.columns.X [file] pickle"),
        (pickle.dumps([1]), "data.d [file] 'd.npz'"),
        (b"", "data.d [file] 'd.npz'"),
    ],
)
def test_data_that_does_not_fit(run, names, content, says):
    said = run(d_npz=content)
    assert names(said, says)
    assert said.count("\n  - ") == 1


CSV = CONFIG.replace('"d.npz"', '"d.csv"\ncolumns = {X = ["a", "b", "c", "e"]}')


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a,b,c,e,Y\n1,2,x,4,1\n", "data.d.columns.X [column] record 2, column 'c': 'x'"),
        (b"a,b,c,e,Y\n1,2,,4,1\n", "data.d.columns.X [column] record 2, column 'c': ''"),
        (b"a,b,c,e,Y\n1,2,4,1\n", "data.d [file] record 2"),
        (b"a,b,c,f,Y\n1,2,3,4,1\n", "data.d.columns.X [column] 'e'"),
        (b"a,b,c,e,e\n1,2,3,4,1\n", "data.d [file]"),
        (b"a,b,c,e,Y\n", "data.d.file [length] 'd.csv'"),
        (b"", "data.d [file] 'd.csv'"),
        (bytes(range(256)), "data.d [file] 'd.csv'"),
    ],
)
def test_tables_of_text_that_are_none(run, names, content, says):
    assert names(run(config=CSV, d_csv=content), says)


def test_a_file_that_claims_more_than_it_has(run):
    config = CONFIG.replace("npz", "safetensors")
    said = run(config=config, d_safetensors=b"\xff" * 9)
    assert "  - data.d: 'd.safetensors': first bytes: the header claims" in said
    assert said.count("\n") == 2


def test_what_is_held_out_has_the_columns_too(run, tmp_path):
    config = CONFIG.replace('"d.npz"', '"d.npz"\ntest_file = "u.npz"')
    assert "data.d.test_file: there is no file 'u.npz'" in run(config=config)
    np.savez(tmp_path / "u.npz", X=INPUTS)
    assert "data.d.columns.Y: has to be given: 'u.npz' has nothing" in run(config=config)
    np.savez(tmp_path / "u.npz", X=INPUTS[:0], Y=LABELS[:0])
    assert "data.d.test_file: 'u.npz' has no examples" in run(config=config)


def changed(old, new):
    """The diagram's file with something else in it."""

    def change(folder):
        text = (folder / "diagram.json").read_text()
        found, number = re.subn(old, new, text, count=1)
        assert number == 1
        return found.encode()

    return change


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"hello", "diagram.json: line 1, column 1 [strict JSON]"),
        (b"{}", "diagram.json: document [format] '_catlearn'"),
        (b"[]", "diagram.json: document [format]"),
        (changed('"linear"', '"liner"'), "diagram.json: edge 'g' [architecture] liner"),
        (changed('"linear"', '"liner"'), "diagram.json: edge 'g' [architecture] linear?"),
        (changed(r'"width": ?7', '"width": 0'), "diagram.json: E row 3 ('f') [labels] width"),
        (changed(r'"width": ?7', '"width": "wide"'), "diagram.json: E row 3 ('f') [labels] 'wide'"),
        (changed(r'"width": ?7', '"widht": 7'), "diagram.json: E row 3 ('f') [labels] 'widht'"),
        (
            changed(r'"width": ?7', '"width": 99999999999'),
            "diagram.json: E row 3 ('f') [labels] 2147483647",
        ),
        (changed(r"\[4\]", "[-4]"), "diagram.json: V row 2 ('X') [labels] -4"),
        (changed(r"\[4\]", "[5]"), "data.d.columns.X [shape] (examples, 5)"),
        (
            lambda folder: (folder / "diagram.json").unlink(),
            "diagram.json [diagram] 'diagram.json'",
        ),
        (
            lambda folder: cl.save(cl.Graph({"f": ("A", "B")}), folder / "diagram.json"),
            "diagram.json [diagram] Graph",
        ),
    ],
)
def test_diagrams_that_cannot_be_trained(run, names, content, says):
    said = run(diagram_json=content)
    assert "the run of 'diagram.json' with 'run.toml' is not valid" in said
    assert names(said, says)


def test_equations_without_data_or_models(run):
    bare = cl.LearningDiagram(
        cl.Model("f", X, F, "linear"), cl.Model("g", X, F, "linear"), equations={"same": "f = g"}
    )
    config = CONFIG.replace('[data.d]\nfile = "d.npz"\n', "")
    said = run(diagram=bare, config=config)
    assert "equation 'same': no data set reaches its start 'X'" in said
    alone = cl.LearningDiagram(cl.Dataset("d", X=X), cl.Model("f", X, F, "linear"))
    assert "no equation has a trainable model" in run(diagram=alone)
    cycle = cl.LearningDiagram(
        cl.Dataset("d", X=X), cl.Model("f", X, F, "linear"), cl.Model("b", F, X, "linear")
    )
    assert "infinitely many paths" in run(diagram=cycle)
    assert "data.d: has to be given: a file with X, Y" in run(config=config)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("[loss]\nweights = {fit = 2}", "loss.weights.fit [unknown name] 'fit'"),
        ('[loss]\nweights = {"*" = 0}', "loss.weights [loss]"),
        ('[loss]\nweights = {"*" = -1}', 'loss.weights."*" [value] -1'),
        ('[loss]\nweights = {"*" = "much"}', "loss.weights.\"*\" [value] 'much'"),
        (
            '[loss]\nweights = {"*" = {schedule = "linear"}}',
            'loss.weights."*".transition_steps [missing]',
        ),
        (
            '[loss]\nequations = ["d.X >> f >> = d.Y"]',
            "loss.equations: equation 'd.X >> f >> = d.Y' [syntax]",
        ),
        (
            '[loss]\nequations = ["d.X >> h = d.Y"]',
            "loss.equations: equation 'd.X >> h = d.Y', left side [known edges]",
        ),
        ('[lowering]\nremat = ["h"]', "lowering.remat [unknown name] only f, g"),
        ('[lowering]\nindependent = "d.X"', "lowering.independent [unknown name] 'd.X'"),
        ('[lowering]\nprecision = {h = "float16"}', "lowering.precision.h [unknown name] 'h'"),
        ('[lowering]\nprecision = {f = "int8"}', "lowering.precision.f [value] 'int8'"),
        ('[lowering]\nprecision = "float64"', "lowering.precision [value] JAX_ENABLE_X64=1"),
        ('[checkpoint]\npath = "run.toml/x"', "checkpoint.path [checkpoint]"),
        ('[checkpoint]\npath = "run.toml/"', "checkpoint.path [checkpoint] './run.toml/'"),
        ("[devices]\ncount = 4096", "devices.count [devices] 4096"),
    ],
)
def test_sections_that_do_not_fit_the_diagram(run, names, more, says):
    assert names(run(config=f"{CONFIG}\n{more}\n"), says)


def test_a_checkpoint_that_is_none(run, names):
    more = '[checkpoint]\npath = "run.toml"\nresume = true'
    assert names(run(config=f"{CONFIG}\n{more}\n"), "checkpoint.path [checkpoint] run.toml")


@pytest.mark.parametrize(
    ("top", "says"),
    [
        ("accumulate = 3", "accumulate [value] 'd'"),
        ("batch_size = {e = 3}", "batch_size.e [unknown name]"),
        ("batch_size = {e = 3}", "batch_size.d [missing]"),
        ("seed = 2020-01-01", "seed [value] 2020-01-01"),
    ],
)
def test_numbers_that_do_not_fit_the_data(run, names, top, says):
    assert names(run(config=f"{top}\n{CONFIG}"), says)


def test_places_that_cannot_be_written(run, tmp_path, monkeypatch):
    assert "'run.toml/run' cannot be made" in run("--out", "run.toml/run")
    assert "is there already and is no folder" in run("--out", "d.npz")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    assert "is no run; choose another --out" in run("--out", "full")
    assert "has to be given, since --resume is" in run("--resume")
    # Root may write anywhere, so the system's answer is played here.
    monkeypatch.setattr("tempfile.mkdtemp", refused)
    assert "cannot be written to (Permission denied), so" in run("--out", "here")
    assert "cannot be written to" in writable(tmp_path / "x" / "y")


def refused(*args, **options):
    raise PermissionError(13, "Permission denied", "somewhere")


def test_the_configuration_has_to_be_there(run, tmp_path):
    assert run(run_toml=lambda folder: os.unlink(folder / "run.toml")) == (
        "catlearn: there is no file 'run.toml'\n"
    )
    (tmp_path / "folder").mkdir()
    assert "is a folder, a file was expected" in run("--config", "folder")


@pytest.mark.parametrize("name", FILES)
def test_a_report_says_what_is_missing(tmp_path, capsys, name):
    for file in FILES:
        if file != name:
            (tmp_path / file).write_bytes(b"")
    assert main(["report", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said == f"catlearn: '{tmp_path}' is no run folder: it has no {name}\n"
    assert not (tmp_path / "report.html").exists()


EVERY = {
    "steps": 3, "batch_size": {"d": 4}, "accumulate": 2, "scan_steps": 1, "seed": 0, "log_every": 1,
    "loss": {"equations": "all", "aggregator": "sum", "max_length": 3,
             "weights": {"*": {"schedule": "constant", "value": 1}}},
    "data": {"d": {"file": "d.npz", "columns": {"X": "X"}, "test": 0.2}},
    "optimizer": {
        "name": "adam", "clip": 1.0,
        "learning_rate": {"schedule": "linear", "init_value": 0.1, "end_value": 0,
                          "transition_steps": 3},
        "models": {"f": {"chain": [{"name": "clip", "max_delta": 1.0},
                                   {"name": "sgd", "learning_rate": 0.1}]}},
    },
    "lowering": {"precision": {"f": "float32"}, "remat": ["f"], "independent": ["f"], "stack": 2},
    "checkpoint": {"path": "c.safetensors", "every": 2, "resume": False},
    "validation": {"validate": {"d": 0.2}, "every": 1, "patience": 2, "by": "hits", "least": 0.1,
                   "largest": True, "metrics": {"hits": ["d.X >> f >> g = d.Y", "accuracy"]}},
    "devices": {"count": 1, "parameters": "fsdp", "least": 4},
}  # fmt: skip
OTHERS = (
    None,
    True,
    -1,
    0,
    2.5,
    "x",
    "*",
    [],
    ["x"],
    [1],
    {},
    {"x": 1},
    {"*": "x"},
    [{}],
    10**9,
    "",
)


def places(value, at=()):
    """The path of every key and entry."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in inner:
        yield (*at, key)
        if isinstance(part, dict | list):
            yield from places(part, (*at, key))


def written(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {written(part)}' for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return json.dumps(value)


def test_any_value_of_another_kind_is_a_fault_or_fits(tmp_path, monkeypatch):
    """Never an error of Python or of a library; what is left out is a None here."""
    monkeypatch.chdir(tmp_path)
    cl.save(SQUARE, "diagram.json")
    np.savez("d.npz", X=INPUTS, Y=LABELS)
    rng, refused = random.Random(0), 0

    def attempt(table):
        lines = [f"{key} = {written(part)}" for key, part in table.items()]
        (tmp_path / "run.toml").write_text("\n".join(lines))
        prepare(tmp_path / "diagram.json", tmp_path / "run.toml")

    attempt(EVERY)
    every = [*places(EVERY)]
    for at in every:
        for other in rng.sample(OTHERS, 4):
            table = copy.deepcopy(EVERY)
            *outer, last = at
            part = table
            for key in outer:
                part = part[key]
            part[last] = other
            if other is None:
                del part[last]
            try:
                attempt(table)
            except CatlearnError:
                refused += 1
    assert refused > 2 * len(every)
