"""tikz-cd, dot and quiver: complete, escaped, and the same graph when read back."""

import base64
import json
import re
import shutil
import subprocess

import pytest
from hypothesis import given, strategies as st

from catlearn import draw, laws
from catlearn.drawing import Node, Scene, SceneArrow
from catlearn.drawing.arrangement import arrange
from catlearn.drawing.texts import Grid, to_dot, to_quiver, to_tikzcd
from catlearn.typesetting import clean, to_latex
from catlearn.zoo.architectures import bottleneck, gpt2_layer, selective

PREFIX = "https://q.uiver.app/#q="


def decode(link: str) -> tuple[list, list]:
    """Read a quiver link as its format says: vertices, then edges, checked as the editor does."""
    assert link.startswith(PREFIX)
    version, count, *cells = json.loads(base64.b64decode(link.removeprefix(PREFIX), validate=True))
    assert version == 0
    assert 0 <= count <= len(cells)
    vertices, edges = cells[:count], cells[count:]
    for vertex in vertices:
        x, y, *label = vertex
        assert isinstance(x, int)
        assert isinstance(y, int)
        assert min(x, y) >= 0
        assert [type(one) for one in label] in ([], [str])
    for place, edge in enumerate(edges, start=count):
        source, target, *rest = edge
        assert 0 <= source < place
        assert 0 <= target < place
        assert [type(one) for one in rest] == [str, int, dict][: len(rest)]
        assert len(rest) < 2 or 0 <= rest[1] <= 3
    return vertices, edges


def test_a_quiver_link_is_the_same_graph(scene):
    vertices, edges = decode(to_quiver(scene))
    names = [node.name for node in scene.nodes]
    assert [v[2] for v in vertices] == [to_latex(node.shown) for node in scene.nodes]
    assert len({(v[0], v[1]) for v in vertices}) == len(vertices)
    arrows = edges[: len(scene.arrows)]
    assert [(names[e[0]], names[e[1]], (e[2:] or [""])[0]) for e in arrows] == [
        (a.source, a.target, to_latex(a.shown)) for a in scene.arrows
    ]
    two_cells = edges[len(scene.arrows) :]
    assert all(min(e[:2]) >= len(names) for e in two_cells)


def test_a_link_that_is_another_graph_is_noticed():
    nodes = (Node("A"), Node("B"))
    one, other = (Scene("", nodes, (SceneArrow("f", *ends),)) for ends in ("AB", "BA"))
    assert decode(to_quiver(one)) != decode(to_quiver(other))


def test_parallel_edges_bend_apart(examples):
    _, edges = decode(to_quiver(examples["parallel"]))
    curves = [(e[4] if len(e) > 4 else {}).get("curve", 0) for e in edges[:3]]
    assert sorted(curves) == [-2, 0, 2]
    _, edges = decode(to_quiver(examples["two_cycle"]))
    curves = [e[4]["curve"] for e in edges[2:4]]
    assert curves[0] == curves[1] != 0  # each to its own left, or each to its own right


def test_an_edge_over_a_vertex_bends_around_it():
    nodes = (Node("A"), Node("B"), Node("C"))
    arrows = (SceneArrow("f", "A", "B"), SceneArrow("g", "B", "C"), SceneArrow("h", "A", "C"))
    table = Grid(arrange(Scene("", nodes, arrows)))
    (x0, y0), (x1, y1), (x2, y2) = (table.cells[v] for v in "ABC")
    straight = (x1 - x0) * (y2 - y0) == (y1 - y0) * (x2 - x0)
    assert (table.bends["h"] != 0) == straight
    assert table.bends["f"] == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=10))
def test_grid_cells_are_distinct(ends):
    nodes = tuple(Node(str(i)) for i in range(6))
    arrows = tuple(SceneArrow(f"e{i}", str(a), str(b)) for i, (a, b) in enumerate(ends))
    table = Grid(arrange(Scene("", nodes, arrows)))
    assert len(set(table.cells.values())) == 6
    assert min(min(cell) for cell in table.cells.values()) == 0


def balanced(text: str) -> bool:
    """Whether braces match, escaped ones not counted."""
    depth = 0
    for brace in re.findall(r"\\.|[{}]", text, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(brace, 0)
        if depth < 0:
            return False
    return depth == 0


def test_tikzcd_has_every_name_and_no_loose_sign(scene):
    text = to_tikzcd(scene)
    assert text.startswith("\\begin{tikzcd}\n")
    assert text.endswith("\\end{tikzcd}")
    assert text.count("\\end{tikzcd}") == 1
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("%"))
    assert balanced(code)
    assert not re.search(r"(?<!\\)[%#$]", code)
    for node in scene.nodes:
        assert to_latex(node.shown) in code
    for arrow in scene.arrows:
        assert f'"{{{to_latex(arrow.shown)}}}"' in code
    for law in scene.laws:
        assert f"% {clean(law.name)}: " in text
    # A quote inside a label would end it; one apostrophe after a label is the swap sign.
    for options in re.findall(r"\\arrow\[(.*)\]$", code, re.MULTILINE):
        assert options.count('"') % 2 == 0


@pytest.mark.parametrize("kind", ["model", "frozen", "projection", "factor", "defined"])
@pytest.mark.parametrize("write", [to_tikzcd, to_dot, to_quiver])
def test_kinds_are_told_apart(write, kind):
    def made(kind):
        return write(Scene("", (Node("A"), Node("B")), (SceneArrow("f", "A", "B", kind),)))

    text = made("fixed")
    assert made(kind) != text


def test_dot_quotes_everything(scene):
    text = to_dot(scene)
    for node in scene.nodes:
        assert clean(node.name).replace("\\", "\\\\").replace('"', '\\"') in text
    # What is left when quoted texts are taken out is only the language itself.
    rest = re.sub(r'"(?:[^"\\]|\\.)*"', "@", text)
    assert re.fullmatch(r"[\s\w@{}\[\]=;>.-]*", rest), rest


any_text = st.text(max_size=10)


@given(any_text, any_text, any_text)
def test_any_names_are_escaped(a, b, f):
    scene = Scene(
        f, (Node("1", label=a), Node("2", label=b)), (SceneArrow("f", "1", "2", label=f),)
    )
    decode(to_quiver(scene))
    assert balanced(to_tikzcd(scene))
    rest = re.sub(r'"(?:[^"\\]|\\.)*"', "@", to_dot(scene))
    assert '"' not in rest


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_it(scene):
    done = subprocess.run(
        ["dot", "-Tdot"], input=to_dot(scene).encode(), capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert b"syntax error" not in done.stderr
    assert done.stdout.count(b"->") == to_dot(scene).count('" -> "')


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
def test_latex_reads_it(tmp_path, examples):
    scenes = [scene for name, scene in examples.items() if name not in ("hostile", "empty")]
    nodes = [n for n in examples["hostile"].nodes if all(ord(c) < 256 for c in clean(n.name))]
    plain = [n.name for n in nodes]
    kept = {a.name: a for a in examples["hostile"].arrows if {a.source, a.target} <= set(plain)}
    scenes.append(Scene("hostile", tuple(nodes), tuple(kept.values())))
    body = "\n\n".join(f"\\[{to_tikzcd(scene)}\\]" for scene in scenes)
    compiled(body, tmp_path)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
def test_latex_reads_circuits_and_laws(tmp_path):
    circuits = [gpt2_layer(), selective(), bottleneck("w", 2, fitted=True)]
    pictures = [draw(circuit, depth=depth).tikzcd for circuit in circuits for depth in (1, None)]
    listings = [f"\\[{circuit.to_latex()}\\]" for circuit in circuits]
    specs = [spec for spec in map(laws.__getattr__, laws.__all__) if isinstance(spec, laws.Spec)]
    found = [law._repr_latex_() for spec in specs for law in spec.laws]
    assert len(found) > 100
    compiled("\n\n".join([*pictures, *listings, *found]), tmp_path)


def compiled(body, tmp_path):
    """Compile a page of LaTeX."""
    packages = "\\usepackage{amssymb,amsmath,mathtools,tikz-cd}\\usepackage[a0paper]{geometry}"
    page = f"\\documentclass{{article}}{packages}\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (tmp_path / "page.tex").write_text(page)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=tmp_path,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-1500:]
