"""SVG: well-formed, complete, scoped, the same every time, and not only in colours."""

import builtins
import functools
import io
import math
import operator
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, strategies as st

from catlearn.drawing import Node, Picture, Scene, SceneArrow, SceneLaw
from catlearn.drawing.arrangement import arrange
from catlearn.drawing.scene import ARROW_KINDS, NODE_KINDS
from catlearn.drawing.svg import to_svg
from catlearn.errors import InvalidStructure
from catlearn.typesetting import clean
from tests.errors import raises

SVG = "{http://www.w3.org/2000/svg}"
_exactly = math.fsum
COLOURS = ("fill", "stroke", "class")


def parse(scene: Scene) -> ET.Element:
    return ET.fromstring(to_svg(scene))


def titles(root: ET.Element, kind: str) -> list[str]:
    groups = [g for g in root.iter(f"{SVG}g") if kind in g.get("class", "").split()]
    return [g.find(f"{SVG}title").text for g in groups]


def all_names(scene: Scene) -> tuple[list[str], list[str], list[str]]:
    """The vertices, edges and equations of a scene and of the scenes in its panels."""
    vertices = [n.name for n in scene.nodes]
    edges = [a.name for a in scene.arrows]
    laws = [law.name for law in scene.laws]
    for node in scene.nodes:
        if node.inner is not None:
            inner = all_names(node.inner)
            vertices, edges = vertices + inner[0], edges + inner[1]
    return vertices, edges, laws


def test_every_name_appears(scene):
    root = parse(scene)
    for names, kind in zip(all_names(scene), ("vertex", "edge", "equation"), strict=True):
        found = titles(root, kind)
        assert len(found) == len(names)
        for name in names:
            assert any(title.startswith(clean(name)) for title in found), name


def test_visible_text_spells_the_names(scene):
    """Beside the tooltips: what is drawn spells every name, typeset or broken into lines."""
    root = parse(scene)
    drawn = "".join(t.text or "" for t in root.iter(f"{SVG}tspan"))
    letters = re.sub(r"[\W_]", "", drawn)
    for names in all_names(scene)[:2]:
        for name in names:
            start = re.sub(r"[\W_]", "", clean(name))[:20]
            assert start in letters, name


def test_accessible_title_and_description(scene):
    root = parse(scene)
    assert root.get("role") == "img"
    ids = {e.get("id"): e for e in root.iter() if e.get("id")}
    title, description = (ids[i] for i in root.get("aria-labelledby").split())
    assert title.text == clean(scene.title)
    for names in (scene.nodes, scene.arrows, scene.laws):
        for thing in names:
            assert clean(thing.name) in (description.text or "")


def test_drawing_is_deterministic_and_ids_tell_pictures_apart(examples):
    ids = set()
    for scene in examples.values():
        text = to_svg(scene)
        assert text == to_svg(scene)
        found = re.findall(r' id="([^"]+)"', text)
        assert len(set(found)) == len(found) == 3
        ids.update(found)
    assert len(ids) == 3 * len(examples)


def _one_by_one(terms, start=0):
    """Add as Python 3.11 does, every partial sum rounded."""
    return functools.reduce(operator.add, terms, start)


def _compensated(terms, start=0):
    """Add as later Pythons do, floats with what rounding took away."""
    terms = list(terms)
    return _exactly([start, *terms]) if float in map(type, terms) else _one_by_one(terms, start)


def _same_by_both(examples, monkeypatch):
    """Whether pictures and their arrangements are the same under both ways to add."""
    found = []
    for add in (_one_by_one, _compensated):
        monkeypatch.setattr(builtins, "sum", add)
        found.append([(to_svg(scene), arrange(scene).layout) for scene in examples.values()])
    return found[0] == found[1]


def test_pictures_do_not_depend_on_how_an_interpreter_adds(examples, mutants, monkeypatch):
    with monkeypatch.context() as patch:
        assert _same_by_both(examples, patch)
    with monkeypatch.context() as patch, mutants("floats added by the built-in sum"):
        patch.setattr(math, "fsum", lambda terms: sum(terms))
        assert not _same_by_both(examples, patch)


def test_styles_are_scoped_and_nothing_outside_is_mentioned(scene):
    text = to_svg(scene)
    root = ET.fromstring(text)
    name = root.get("id")
    style = root.find(f"{SVG}style").text
    style = re.sub(r"@media \(prefers-color-scheme:dark\)\{(.*?\})\}", r"\1", style)
    for selectors in re.findall(r"([^{}]+)\{[^{}]*\}", style):
        for selector in selectors.split(","):
            assert f"#{name}" in selector, selector
    assert "url(" not in text
    assert "href" not in text
    assert text.count("http") == 1  # the namespace


def test_light_and_dark_are_both_served(scene):
    text = to_svg(scene)
    assert "@media (prefers-color-scheme:dark)" in text
    assert '[data-jp-theme-light="false"]' in text
    root = ET.fromstring(text)
    coloured = [e for e in root.iter() if e.get("fill") or e.get("stroke")]
    for element in coloured:
        for key, prefix in (("fill", "f-"), ("stroke", "s-")):
            if element.get(key, "none") != "none":
                # Every literal colour, for renderers without CSS, has a class that adapts it.
                assert any(c.startswith(prefix) for c in element.get("class").split())


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_contrast_is_enough_for_text_in_both_schemes():
    text = to_svg(Scene("one", (Node("A"),)))
    schemes = re.findall(r"--ink:(#\w+);--paper:(#\w+);--soft:(#\w+);--model:(#\w+);--data:(#\w+)",
                         text)  # fmt: skip
    assert len(set(schemes)) == 2
    for ink, paper, *others in schemes:
        for colour in (ink, *others):
            a, b = sorted((luminance(colour), luminance(paper)))
            assert (b + 0.05) / (a + 0.05) >= 4.5


def shapes(root: ET.Element, kind: str) -> list[tuple]:
    """What the shapes of the first group of a kind look like without colours and places."""
    group = next(g for g in root.iter(f"{SVG}g") if kind in g.get("class", "").split())
    looks = []
    for path in group.iter(f"{SVG}path"):
        commands = re.sub(r"[^A-Za-z]", "", path.get("d"))
        look = {k: v for k, v in path.attrib.items() if k not in (*COLOURS, "d")}
        hollow = path.get("fill") == "none"
        looks.append((commands, hollow, tuple(sorted(look.items()))))
    return looks


def without_colour(root: ET.Element, kind: str) -> tuple:
    """The look of a kind, where fills are either none, paper or full."""
    group = next(g for g in root.iter(f"{SVG}g") if kind in g.get("class", "").split())
    fills = [{"none": 0, "#ffffff": 1}.get(p.get("fill"), 2) for p in group.iter(f"{SVG}path")]
    return tuple(shapes(root, kind)), tuple(fills)


@pytest.mark.parametrize("what", ["arrows", "nodes"])
def test_kinds_differ_in_more_than_colour(what):
    looks = {}
    kinds = list(ARROW_KINDS if what == "arrows" else NODE_KINDS)
    for kind in kinds:
        if what == "arrows":
            scene = Scene("one", (Node("A"), Node("B")), (SceneArrow("f", "A", "B", kind),))
            looks[kind] = without_colour(parse(scene), "edge")
        else:
            inner = Scene("", (Node("B"),)) if kind == "panel" else None
            rows = (("x",), ("1",)) if kind == "table" else ()
            scene = Scene("one", (Node("A", kind, rows=rows, inner=inner),))
            looks[kind] = without_colour(parse(scene), "vertex")
    # A list-valued arrow never meets the projection of a product, which looks alike but thicker.
    assert len(set(looks.values())) == len(kinds), looks


def test_the_two_sides_of_an_equation_differ_in_more_than_colour(examples):
    root = parse(examples["parallel"])
    badges = {}
    for group in root.iter(f"{SVG}g"):
        if "edge" in group.get("class", "").split():
            name = group.find(f"{SVG}title").text[0]
            found = [p for p in group.iter(f"{SVG}path") if "badge" in p.get("class", "")]
            badges[name] = [(p.get("fill"), re.sub(r"M[^a-zA-Z]*", "", p.get("d"))) for p in found]
    (left,), (right,) = badges["f"], badges["g"]
    assert badges["h"] == []
    assert left[0] != right[0]
    assert left[1] != right[1]


def test_a_chain_of_diamonds_has_a_sign_in_each_face(examples):
    found = titles(parse(examples["diamonds"]), "law")
    assert [title.split(":")[0] for title in found] == ["d_0", "d_1", "d_2", "d_3"]


def test_many_laws_are_counted_and_badges_stay_short():
    arrows = (SceneArrow("f", "A", "B"), SceneArrow("g", "A", "B"))
    laws = tuple(SceneLaw(f"law {i}", ("f",), ("g",), "A") for i in range(100))
    scene = Scene("many", (Node("A"), Node("B")), arrows, laws)
    text = to_svg(scene)
    assert "… and 40 more" in text
    assert [b.text for b in arrange(scene).tags["f"].badges] == ["1–100"]


any_text = st.text(max_size=12)


@given(any_text, any_text, any_text)
def test_any_names_give_well_formed_xml(a, b, f):
    scene = Scene(f, (Node("1", label=a), Node("2", note=b)), (SceneArrow(f, "1", "2", note=a),))
    root = ET.fromstring(to_svg(scene).encode("utf-8"))
    assert root.tag.endswith("svg")
    # The mutant: a name that is not escaped.
    with pytest.raises(ET.ParseError):
        ET.fromstring(to_svg(scene).replace("</title>", "<&</title>", 1).encode("utf-8"))


def test_pictures_save_by_their_ending(tmp_path, examples):
    picture = Picture(examples["square"])
    for name, start in {
        "a.svg": "<svg",
        "a.html": "<!DOCTYPE html>",
        "a.tex": "\\begin{tikzcd}",
        "a.dot": "digraph",
        "a.gv": "digraph",
    }.items():
        assert picture.save(tmp_path / name) == tmp_path / name
        assert (tmp_path / name).read_text().startswith(start)
    with raises(InvalidStructure, ".jpeg", ".png", law="format", where="file 'a.jpeg'"):
        picture.save(tmp_path / "a.jpeg")
    assert not (tmp_path / "a.jpeg").exists()
    assert picture._repr_mimebundle_()["image/svg+xml"] == picture._repr_svg_() == picture.svg
    ET.fromstring(picture.html.removeprefix("<!DOCTYPE html>"))


def test_an_equation_that_is_broken_begins_a_line_with_its_sign():
    long = [f"{letter * 36}" for letter in "fgh"]
    scene = Scene(
        "long",
        nodes=(Node("A"), Node("B")),
        arrows=tuple(SceneArrow(name, "A", "B") for name in long),
        laws=(
            SceneLaw("law", (long[0],), (long[1],), at="A"),
            SceneLaw("law 2", (long[2],), (), at="A"),
        ),
    )
    first, second = map(arrange(scene).formula, scene.laws)
    assert ["".join(run.text for run in line).strip() for line in first] == [
        long[0], f"=  {long[1]}"
    ]  # fmt: skip
    assert "".join(run.text for line in second for run in line) == f"{long[2]}  =  id(A)"


def pixels(picture: bytes) -> np.ndarray:
    """The darkness of a PNG, between 0 for white and 1 for black."""
    image = pytest.importorskip("PIL.Image").open(io.BytesIO(picture)).convert("L")
    return 1 - np.asarray(image) / 255


def cairo(picture: Picture) -> np.ndarray:
    try:
        return pixels(picture.rendered(".png", scale=1.0))
    except ImportError as error:
        pytest.skip(str(error))


def test_cairo_draws_what_browsers_draw(examples, mutants):
    """Renderers without CSS variables: no part is lost, and strokes lie where the paths say."""
    picture = Picture(examples["square"])
    drawn = cairo(picture)
    size = [float(ET.fromstring(picture.svg).get(side)) for side in ("height", "width")]
    assert drawn.shape == pytest.approx(size, abs=1)
    inside = drawn[12:-12, 12:-12]
    assert 0.01 < inside.mean() < 0.3
    # Both edges of the frame of the picture have ink near them: nothing is cut or moved away.
    rows, columns = np.nonzero(drawn > 0.4)
    assert rows.min() < 40
    assert drawn.shape[1] - columns.max() < 60
    with mutants("rules that renderers without variables obey"):
        bare = Picture(examples["square"])
        bare.svg = picture.svg.replace("@supports (color:var(--ink)){", "").replace("}\n}<", "}<")
        assert cairo(bare).mean() < 0.001


@pytest.mark.skipif(shutil.which("rsvg-convert") is None, reason="needs rsvg-convert")
def test_cairo_and_librsvg_agree(examples):
    for name in ("square", "parallel"):
        picture = Picture(examples[name])
        other = subprocess.run(
            ["rsvg-convert", "-b", "white"],
            input=picture.svg.encode(),
            capture_output=True,
            check=True,
        )
        one, two = cairo(picture), pixels(other.stdout)
        tall, wide = map(min, zip(one.shape, two.shape, strict=True))
        assert np.abs(one[:tall, :wide] - two[:tall, :wide]).mean() < 0.25 * two.mean() + 0.01


def test_pictures_save_as_png_and_pdf(tmp_path, examples):
    picture = Picture(examples["square"])
    small = cairo(picture)
    large = pixels(picture.save(tmp_path / "a.png", scale=3).read_bytes())
    assert large.shape[0] == pytest.approx(3 * small.shape[0], abs=3)
    assert picture.save(tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_pictures_without_cairo_say_what_to_install(tmp_path, examples, monkeypatch):
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with raises(ImportError, "catlearn[pictures]"):
        Picture(examples["square"]).save(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
