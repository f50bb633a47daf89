"""Pages about runs: complete, self-contained, and safe whatever a run's files say."""

import base64
import gzip
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import catlearn as cl
from catlearn.cli import main
from catlearn.cli.run_folder import to_json, write_run
from catlearn.tensors import encode_tree

EVIL = '</script><script>alert("1")</script><img src=x onerror=alert(1)>\x07'
X, Y = cl.Space("X", 2), cl.Space("Y", 1)


def write(folder, *, edge="f", metrics=None, config="steps = 3\n", history=None):
    model = cl.Model(edge, X, Y, "linear", use_bias=False)
    diagram = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), model)
    equation = "d.X >> f = d.Y"
    usual = {
        "status": "finished",
        "steps": 3,
        "seconds": 1.5,
        "loss": "L(f) = 2 E_d(d_Y(f(d.X), d.Y))",
        "equations": [
            {"name": "fit", "equation": equation, "data": "d", "weight": 2.0, "divergence": "huber"}
        ],
        "train": {"value": 0.5, "equations": {"fit": 0.25}, "accuracy": {"fit": 0.75}},
        "test": {"equations": {"fit": 0.375}, "accuracy": {}},
        "data": {"d": {"file": "points.npz", "sha256": "abc", "train": 16, "test": 4}},
        "parameters": {"f": 2},
        "versions": {"jax": "1.2.3"},
        "environment": {"machine": "a laptop"},
    }
    write_run(
        folder,
        {
            "config.toml": config.encode(),
            "diagram.json": cl.formats.to_json(diagram).encode(),
            "params.safetensors": encode_tree({edge: {"weight": np.ones((2, 1), "f4")}}, {}),
            "history.csv": (
                history or "step,total,fit\n0,4.0,2.0\n1,2.0,1.0\n2,0.5,0.25\n"
            ).encode(),
            "metrics.json": to_json(usual if metrics is None else metrics),
        },
    )
    return folder


class Page(HTMLParser):
    """The tags, attributes and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.given, self.texts, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.given += attrs
        if tag not in ("meta", "path", "polyline", "circle", "rect", "line"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data):
        self.texts.append(data)


def read(path):
    return Page(path.read_text(encoding="utf-8"))


def test_a_page_shows_the_run(tmp_path, capsys):
    folder = write(tmp_path / "run")
    assert main(["report", str(folder)]) == 0
    assert "report.html" in capsys.readouterr().out
    page = read(folder / "report.html")
    text = "\n".join(page.texts)
    for part in ("finished after 3 steps", "L(f) = 2 E_d", "fit: d.X >> f = d.Y", "huber", "0.375",
                 "0.25", "0.75", "points.npz", "steps = 3", "1.2.3", "a laptop"):  # fmt: skip
        assert part in text
    assert page.tags.count("svg") == 3
    assert page.tags.count("polyline") == 2
    assert page.open == []
    assert main(["report", str(folder), "-o", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_bytes() == (folder / "report.html").read_bytes()


def test_a_page_needs_nothing_from_anywhere(tmp_path):
    page = read_report(write(tmp_path / "run"))
    assert not {"script", "link", "iframe", "img", "object", "base", "form"} & set(page.tags)
    for name, value in page.given:
        assert name not in ("src", "href", "srcset", "action", "style")
        assert not name.startswith("on")
        assert "http" not in (value or "") or name in ("xmlns", "http-equiv")
    text = (tmp_path / "run" / "report.html").read_text()
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import", text)
    assert "prefers-color-scheme:dark" in text


def read_report(folder):
    assert main(["report", str(folder)]) == 0
    return read(folder / "report.html")


def test_whatever_files_say_is_text(tmp_path):
    terms = [dict.fromkeys(("name", "equation", "data", "weight", "divergence"), EVIL)]
    metrics = {
        **dict.fromkeys(("status", "steps", "seconds", "message", "loss", "device"), EVIL),
        "equations": terms,
        "train": {"value": EVIL, "equations": {EVIL: EVIL}, "accuracy": {EVIL: EVIL}},
        "test": {"equations": {EVIL: EVIL}},
        "data": {EVIL: dict.fromkeys(("file", "sha256", "train", "test"), EVIL)},
        "parameters": {EVIL: EVIL},
        "versions": {EVIL: EVIL},
    }
    name = EVIL[:-1].replace('"', "'")
    history = f"step,total,{name}\n0,4,2\n1,nan,1\n"
    folder = write(
        tmp_path / "a<b>&c", edge=name, metrics=metrics, config=EVIL, history=history
    )  # fmt: skip
    page = read_report(folder)
    assert not {"script", "img"} & set(page.tags)
    assert not [name for name, _ in page.given if name.startswith("on")]
    assert page.open == []
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "\x07" not in text
    assert "<script" not in text
    # What is shown is what was said.
    assert sum("<script>alert" in part for part in page.texts) > 10
    # The same text unescaped is found out.
    assert "script" in Page(f"<h3>{EVIL}</h3>").tags


def test_the_picture_has_the_equations_and_weights_of_the_run(tmp_path):
    """The diagram in the folder declares none; the configuration says what they weigh."""
    equation = "d.X >> f = d.Y"
    config = f'steps = 3\n[loss]\nweights = {{"{equation}" = 0.125}}\n'
    term = {"name": equation, "equation": equation, "weight": 0.125, "divergence": "huber"}
    metrics = {"equations": [term]}
    text = texts(write(tmp_path / "run", config=config, metrics=metrics))
    assert "weight 0.125" in text
    # A configuration that is another run's is not believed.
    other = {"equations": [{**term, "name": "fit"}]}
    said = texts(write(tmp_path / "other", config=config, metrics=other))
    assert "weight 1" in said
    assert "weight 0.125" not in said
    assert "weight 1" in texts(write(tmp_path / "none", config="steps =", metrics=metrics))


def texts(folder):
    """What a reader sees, where letters of formulas are shapes with a title."""
    page = read_report(folder)
    return "\n".join(page.texts) + (folder / "report.html").read_text(encoding="utf-8")


def test_curves_have_axes_and_units(tmp_path):
    said = read_report(write(tmp_path / "run")).texts
    assert said.count("step") == 2
    assert "weighted sum" in said
    assert "huber" in said
    assert "4 to 0.5" in said


def test_many_equations_stand_side_by_side(tmp_path):
    names = [f"fit_{k}" for k in range(64)]
    rows = [[step, 64.0, *([1.0 / (step + 1)] * 64)] for step in range(3)]
    history = "\n".join(",".join(map(str, row)) for row in [["step", "total", *names], *rows])
    terms = [{"name": name, "equation": "d.X >> f = d.Y", "weight": 1.0} for name in names]
    costs = {"value": 64.0, "equations": dict.fromkeys(names, 0.25)}
    metrics = {"equations": terms, "train": costs, "loss": "L = " + "f + " * 500}
    folder = write(tmp_path / "run", history=history + "\n", metrics=metrics)
    page = read_report(folder)
    assert page.tags.count("figure") == 65
    assert ("class", "side3") in page.given
    assert page.texts.count("0.25") == 64
    widths = {value.split()[2] for name, value in page.given if name == "viewbox"}
    assert {"820", "280"} <= widths


@pytest.mark.parametrize(
    ("rows", "says"), [("", "no step was taken"), ("0,nan,inf\n", "no finite")]
)
def test_a_run_without_numbers_has_a_page(tmp_path, rows, says):
    metrics = {
        "status": "diverged",
        "steps": 0,
        "message": "step 0: the cost of equation 'fit' is nan",
        "equations": [{"name": "fit", "equation": "d.X >> f = d.Y"}],
        "train": {"value": None, "equations": {"fit": None}},
    }
    folder = write(tmp_path / "run", metrics=metrics, history=f"step,total,fit\n{rows}")
    page = read_report(folder)
    text = "\n".join(page.texts)
    assert "diverged after 0 steps" in text
    assert ("role", "alert") in page.given
    assert "the cost of equation 'fit' is nan" in text
    assert text.count("not finite") == 2
    assert says in text
    assert "None" not in text


@pytest.mark.parametrize("metrics", [{}, {"equations": 3, "train": [], "data": {"d": 1}}])
def test_a_page_of_metrics_that_say_little(tmp_path, metrics):
    assert "unknown" in "".join(read_report(write(tmp_path / "run", metrics=metrics)).texts)


def test_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    (tmp_path / "metrics.json").write_text(json.dumps({}))
    assert main(["report", str(tmp_path)]) == 1
    assert "is no run folder" in capsys.readouterr().err


# Charts.


def paged(folder):
    """The text of the dashboard of a run, and what it holds."""
    text = (folder / "dashboard.html").read_text()
    packed = re.search(r'id="payload">(.*?)</script>', text)[1]
    return text, json.loads(gzip.decompress(base64.b64decode(packed)))


@pytest.mark.parametrize("weight", [0.25, 3.0])
def test_a_dashboard_of_a_run_has_the_weights_of_the_run(tmp_path, weight):
    name = "d.X >> f = d.Y"
    term = {"name": name, "equation": name, "data": "d", "weight": weight, "divergence": "huber"}
    folder = write(tmp_path / "run", metrics={"equations": [term]})
    assert main(["dashboard", str(folder)]) == 0
    (diagram,) = paged(folder)[1]["diagrams"]
    assert [row["weight"] for row in diagram["equations"]] == [str(weight)]


def test_a_dashboard_of_a_run_has_its_equations_and_curves(tmp_path, capsys):
    folder = write(tmp_path / "run", edge=EVIL)
    assert main(["dashboard", str(folder)]) == 0
    assert "dashboard.html" in capsys.readouterr().out
    text, payload = paged(folder)
    (diagram,) = payload["diagrams"]
    assert [row["divergence"] for row in diagram["equations"]] == ["squared_error"]
    assert [one["title"] for one in payload["charts"][0]["svgs"]] == ["total", "fit"]
    assert payload["designs"] == []
    assert EVIL not in text


def test_a_dashboard_of_what_is_no_run_is_refused(tmp_path, capsys):
    assert main(["dashboard", str(tmp_path)]) == 1
    assert "run folder" in capsys.readouterr().err
    assert main(["dashboard", str(tmp_path / "none.json")]) == 1
