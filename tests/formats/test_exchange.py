"""Values of other libraries and languages: there and back, and what is refused on the way."""

import base64
import contextlib
import csv
import json
import re
from functools import partial

import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.errors import FileFormatError, InvalidStructure
from catlearn.formats import from_discopy_hypergraph, to_discopy_hypergraph
from catlearn.laws import csets, graphs, presentations
from catlearn.names import numbered
from catlearn.typesetting import plain_name, to_latex
from tests.errors import raises, refused, says

TRIANGLE = {"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C")}
NAMES = st.from_regex(r"[a-z]{1,3}(_[a-z0-9]{1,2})?(\^[0-9]{1,2})?", fullmatch=True)


def link(*cells) -> str:
    return "https://q.uiver.app/#q=" + base64.b64encode(json.dumps(cells).encode()).decode()


def same(found: cl.Graph, expected: cl.Graph) -> bool:
    """Whether two presentations agree but for the order and the names of their equations."""
    ends = [{e: g.ends(e) for e in g.edges} for g in (found, expected)]
    sides = [
        {frozenset(g.sides(q)) for q in getattr(g, "equations", ())} for g in (found, expected)
    ]
    return (
        ends[0] == ends[1]
        and set(found.vertices) == set(expected.vertices)
        and sides[0] == sides[1]
    )


# Names.


@given(
    st.from_regex(r"[A-Za-z][A-Za-z0-9.]{0,8}(_[A-Za-z0-9]{1,8})?(\^[0-9]{1,3})?", fullmatch=True)
)
def test_names_come_back_from_latex(name):
    assert plain_name(to_latex(name)) == name


@given(st.text(max_size=40))
def test_any_label_is_some_name(label):
    assert isinstance(plain_name(label), str)


@given(st.lists(st.sampled_from(["", "A", "A#2", "v1", "B"]), max_size=8))
def test_names_become_distinct(names):
    found = numbered(names, "v")
    assert len(found) == len(set(found)) == len(names)
    assert all(new.startswith(old) for new, old in zip(found, names, strict=True))


# quiver.


def test_a_link_made_in_quiver():
    # Made in the editor: a square with labels in LaTeX, a curved arrow and a pullback's corner.
    corner = [0, 3, "", 0, {"style": {"name": "corner"}}, [0, 0, 0, 1]]
    square = link(
        0, 4, [0, 0, "P"], [1, 0, "X"], [0, 1, "Y"], [1, 1, "{\\mathcal{Z}}", [240, 60, 60, 1]],
        [0, 1, "{\\pi_1}"], [0, 2, "{\\pi_2}", 2], [1, 3, "f", 0, {"curve": -2}], [2, 3, "g"],
        corner,
    )  # fmt: skip
    found = cl.formats.from_quiver(square, commutes=True)
    assert found.vertices == ("P", "X", "Y", "Z")
    assert found.edges == ("pi_1", "pi_2", "f", "g")
    assert isinstance(found, cl.Presentation)
    assert [str(q) for q in found.equations.values()] == ["pi_2 >> g = pi_1 >> f"]


@given(presentations(max_vertices=4, max_edges=6, acyclic=True, max_equations=2))
@settings(max_examples=40)
def test_quiver_there_and_back(presentation):
    drawn = cl.draw(presentation).quiver
    kept = [
        name
        for name in presentation.equations
        for left, right in [presentation.sides(name)]
        if left.edges and right.edges and not set(left.edges) & set(right.edges)
    ]
    expected = {name: presentation.sides(name) for name in kept}
    assert same(cl.formats.from_quiver(drawn), cl.Presentation(cl.Graph.of(presentation), expected))


def test_two_cells_between_parallel_arrows_are_equations():
    cells = [0, 2, [0, 0, "A"], [1, 0, "B"], [0, 1, "f"], [0, 1, "g"], [2, 3, ""]]
    assert str(cl.formats.from_quiver(link(*cells)).equations["f = g"]) == "f = g"  # type: ignore[attr-defined]
    longer = [0, 3, [0, 0, "A"], [1, 0, "B"], [2, 0, "C"], [0, 1, "f"], [1, 2, "g"], [0, 2, "h"]]
    with raises(FileFormatError, "f", "h", "commutes=True"):
        cl.formats.from_quiver(link(*longer, [3, 5, "?"]))
    named = cl.formats.from_quiver(link(*longer, [3, 5, "f >> g = h"]))
    assert named == cl.Presentation(TRIANGLE, ["f >> g = h"])


def test_unlabelled_and_repeated():
    cells = [0, 3, [0, 0], [1, 0, "A"], [2, 0, "A"], [0, 1], [1, 2, "f"], [1, 2, "f"]]
    found = cl.formats.from_quiver(link(*cells))
    assert found.vertices == ("v1", "A", "A#2")
    assert found.edges == ("e1", "f", "f#2")


LINKS = [
    ("https://q.uiver.app/#q=%%%", "format", "link"),
    (link(1, 0), "format", "link", 1, 0),
    (link(0, 3, [0, 0, "A"]), "format", "number of vertices", 3, 0, 1),
    (link(0, True, [0, 0, "A"]), "format", "number of vertices", True, 0, 1),
    (link(0, 1, "A"), "format", "vertex 1", "'A'"),
    (link(0, 1, [0, 0, 7]), "format", "vertex 1", 7),
    (link(0, 1, [0, 0, "A"], [0, 5, "f"]), "format", "arrow 1", 5, 0),
    (link(0, 1, [0, 0, "A"], [0, -1, "f"]), "format", "arrow 1", "-1", 0),
    (link(0, 1, [0, 0, "A"], [0, 0, "f"], [0, 1, "c"]), "format", "arrow 2"),
    (
        link(0, 1, [0, 0, "A"], [0, 0, "f"], [1, 1, "p >> q = r"]),
        "known edges",
        "equation 'p >> q = r', left side",
    ),
    ("https://q.uiver.app/#q=" + "A" * (5 * 2**20), "size limit", "link", 5242903, 4194304),
    (link(0, 0, *[[0, 0, "f"]] * 30_000), "size limit", "link", 30000, 20000),
]
"""Links that cannot be read: each with a law, a place, and names."""


@pytest.mark.parametrize("fault", LINKS)
def test_bad_links(fault):
    link, law, where, *names = fault
    with raises(FileFormatError, *names, law=law, where=where):
        cl.formats.from_quiver(link)


def test_everything_wrong_with_a_link_at_once():
    wrong = link(0, 1, [0], [0, 9, "f"], [0, 0, None])
    assert len(refused(FileFormatError, cl.formats.from_quiver, wrong).failures) == 3


@given(st.binary(max_size=60))
def test_noise_is_refused_or_read(data):
    text = base64.b64encode(data).decode()
    try:
        cl.formats.from_quiver(text)
    except FileFormatError:
        return
    assert not data or json.loads(data)[0] == 0


# tikz-cd.


@given(presentations(max_vertices=4, max_edges=6, max_equations=3))
@settings(max_examples=40)
def test_tikzcd_there_and_back(presentation):
    assert same(cl.formats.from_tikzcd(cl.draw(presentation).tikzcd), presentation)


@given(st.lists(NAMES, min_size=4, max_size=4, unique=True))
def test_tikzcd_keeps_names(names):
    a, b, f, g = names
    graph = cl.Graph({f: (a, b), g: (b, a)})
    assert same(cl.formats.from_tikzcd(cl.draw(graph).tikzcd), graph)


def test_tikzcd_of_a_learning_diagram():
    X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    data, model = cl.Dataset("data", X=X, Y=Y), cl.Model("model", X, Y, "linear")
    diagram = cl.LearningDiagram(data, model, equations={"fit": "data.X >> model = data.Y"})
    assert same(cl.formats.from_tikzcd(cl.draw(diagram).tikzcd), diagram)
    assert same(cl.formats.from_quiver(cl.draw(diagram).quiver), diagram)


def test_tikzcd_as_papers_write_it():
    text = r"""
    Consider \begin{tikzcd}[column sep=large, row sep={1em,between origins}]
      T \arrow[drr, bend left, "x"] \arrow[ddr, bend right, "y"']
        \arrow[dr, dotted, "{(x,y)}" description] & & \\
      & X\times_Z Y \arrow[r, "p"] \ar[d, "q"] & X \arrow[d, "f", hook] \\  % the square
      & Y \arrow[r, "g", two heads] & Z
    \end{tikzcd} of schemes."""
    found = cl.formats.from_tikzcd(text, commutes=True)
    assert found.vertices == ("T", "X×_Z Y", "X", "Y", "Z")
    assert found.ends("(x,y)") == ("T", "X×_Z Y")
    assert found.ends("g") == ("Y", "Z")
    assert '"(x,y)" >> p = x' in found.equations  # type: ignore[attr-defined]


BODIES = [
    (r"A \ar[r, " "] & ", "format", "arrow 1 (r, )", 2),
    (r"A \ar[l] & B", "format", "arrow 1 (l)", 0),
    (r"A \arrow{r}{f} & B", "format", "arrow \\arrow{r}{f}", "options"),
    (r"A \ar[r & B", "format", "arrow \\ar[r & B"),
    (r'A \ar[r, "f"] & B \ar["x", from=1, to=2]', "format", 'arrow 2 ("x", from=1, to=2)', True),
    (r'A \ar["f"] & B', "format", 'arrow 1 ("f")'),
    ('% f >> g = h\nA \\ar[r, "f"] & B', "known edges", "equation 'f >> g = h', left side"),
]
"""Diagrams of LaTeX that cannot be read: each with a law, a place, and names."""


@pytest.mark.parametrize("fault", BODIES)
def test_bad_tikzcd(fault):
    body, law, where, *names = fault
    with raises(FileFormatError, *names, law=law, where=where):
        cl.formats.from_tikzcd("\\begin{tikzcd}\n" + body + "\n\\end{tikzcd}")


def test_tikzcd_needs_one_environment():
    with raises(FileFormatError, 0, law="format", where="text"):
        cl.formats.from_tikzcd("no diagram")


@pytest.mark.parametrize("piece", ["[", "{", '"', "\\ar[", "\\\\", "&", "%\n", "a: "])
def test_long_and_broken_tikzcd_is_read_or_refused(piece):
    text = "\\begin{tikzcd}" + piece * (200_000 // len(piece)) + "\\end{tikzcd}"
    with contextlib.suppress(FileFormatError):
        assert cl.formats.from_tikzcd(text).edges == ()


# sympy.


@given(graphs(max_vertices=4, max_edges=4, acyclic=True))
@settings(max_examples=20)
def test_sympy_there_and_back(graph):
    touched = {end for edge in graph.edges for end in graph.ends(edge)}
    graph = cl.Graph({e: graph.ends(e) for e in graph.edges}, vertices=sorted(touched))
    assert same(cl.formats.from_sympy(cl.formats.to_sympy(graph)), graph)


def test_sympy_categories_there_and_back():
    edges = {**TRIANGLE, "k": ("C", "D"), "u": ("A", "D")}
    P = cl.Presentation(edges, ["f >> g = h", "h >> k = u"])
    assert same(cl.formats.from_sympy(cl.formats.to_sympy(P)), P)


def test_sympy_holds_only_what_it_means():
    loop = {"s": ("A", "A"), **TRIANGLE, "k": ("C", "D")}
    P = cl.Presentation(loop, ["s = id(A)", "f >> g >> k = h >> k", "f >> g = h"])
    found = refused(InvalidStructure, cl.formats.to_sympy, P)
    says(found, "f >> g = h", law="sympy")
    assert len(found.failures) == 2
    with raises(FileFormatError, "str", law="format", where="value"):
        cl.formats.from_sympy("f")


def test_sympy_morphisms_of_one_name():
    from sympy import FiniteSet
    from sympy.categories import Category, Diagram, NamedMorphism, Object

    A, B, C = map(Object, "ABC")
    one, other = (Diagram([NamedMorphism(A, end, "f")]) for end in (B, C))
    with raises(FileFormatError, where="morphism f"):
        cl.formats.from_sympy(Category("K", commutative_diagrams=[one, other]))
    assert FiniteSet(one) != FiniteSet(other)


# discopy.


@given(st.data())
@settings(max_examples=20)
def test_discopy_there_and_back(data):
    pytest.importorskip("discopy")
    from catlearn.laws import paths

    graph = data.draw(graphs(max_vertices=3).filter(lambda graph: len(graph.vertices) > 0))
    path = data.draw(paths(graph))
    found, again = cl.formats.from_discopy(cl.formats.to_discopy(graph, path))
    assert again == path
    assert {edge: found.ends(edge) for edge in found.edges} == {
        edge: graph.ends(edge) for edge in path.edges
    }


def test_discopy_composes_as_paths_do():
    cat = pytest.importorskip("discopy.cat")
    G = cl.Graph(TRIANGLE)
    f, g = (cl.formats.to_discopy(G, edge) for edge in ("f", "g"))
    assert f >> g == cl.formats.to_discopy(G, "f >> g")
    assert cl.formats.to_discopy(G, "id(A)") == cat.Arrow.id(cat.Ob("A"))


def test_discopy_boxes_that_are_no_edges():
    cat = pytest.importorskip("discopy.cat")
    x, y, z = map(cat.Ob, "xyz")
    f, other = cat.Box("f", x, y), cat.Box("f", x, z)
    boxes = (f, other, f[::-1], cat.Box("d", x, y, data=3), "f")
    found = refused(FileFormatError, cl.formats.from_discopy, *boxes)
    assert len(found.failures) == 4
    says(found, where="argument 4")


@st.composite
def wirings(draw):
    names = ["x", "y", "z"][: draw(st.integers(1, 3))]
    ports = st.lists(st.sampled_from(names), max_size=3)
    boxes = {f"R{k}": draw(ports) for k in range(draw(st.integers(0, 3)))}
    return cl.WiringDiagram(boxes, outer=draw(ports), junctions=names)


@given(wirings())
@settings(max_examples=30)
def test_hypergraphs_there_and_back(wiring):
    pytest.importorskip("discopy")
    found = from_discopy_hypergraph(to_discopy_hypergraph(wiring))
    # Spiders have an order of their own: by first use.
    assert found.boxes == wiring.boxes
    assert [found.ports(box) for box in found.boxes] == [wiring.ports(b) for b in wiring.boxes]
    assert found.outside == wiring.outside
    assert set(found.junctions) == set(wiring.junctions)


def test_a_hypergraph_made_in_discopy():
    frobenius = pytest.importorskip("discopy.frobenius")
    x, y = map(frobenius.Ty, "xy")
    f, g = frobenius.Box("f", x, y), frobenius.Box("g", y, x)
    loop = (f >> g).to_hypergraph()
    assert str(from_discopy_hypergraph(loop)) == "(x, x#2) <- f(x, y), g(y, x#2)"
    with raises(FileFormatError, "str", law="format"):
        from_discopy_hypergraph("f >> g")


# py-acsets.

TYPED = cl.Schema(
    ["V", "E"],
    {"src": ("E", "V"), "tgt": ("E", "V")},
    attributes={"name": ("V", str), "weight": ("E", float)},
)


def test_acsets_there_and_back():
    pytest.importorskip("acsets")
    G = cl.CSet(TYPED, V=2, E=2, src=[0, 1], tgt=[1, 1], name=["a", None], weight=[0.5, 2.0])
    acset = cl.formats.to_acset(G, "Weighted")
    assert [acset.nparts(ob) for ob in acset.schema.obs] == [2, 2]
    assert cl.formats.from_acset(acset) == G


def test_acsets_and_our_json_are_one_format():
    import warnings

    pytest.importorskip("acsets")
    G = cl.CSet(TYPED, V=2, E=1, src=[0], tgt=[1], name=["a", "b"], weight=[0.5])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = cl.formats.to_acset(G).to_json_str()
    assert json.loads(text)["V"][0]["name"] == "a"


def test_what_acsets_cannot_hold():
    pytest.importorskip("acsets")
    schema = cl.Schema(
        ["A"], {"s": ("A", "A")}, {"l": ("A", "A")}, {"x": "A"}, equations=["s >> s = s"]
    )
    whole = cl.CSet(schema, A=2, s=[0, 0], l=[[], [0]], x=[1, "one"])
    with pytest.raises(InvalidStructure) as caught:
        cl.formats.to_acset(whole)
    assert [failure.where for failure in caught.value.failures] == [
        "list 'l'", "schema", "attribute 'x'",
    ]  # fmt: skip


def test_acsets_with_gaps():
    acsets = pytest.importorskip("acsets")
    acset = cl.formats.to_acset(cl.CSet(cl.SchGraph, V=1, E=0))
    acset.add_part(acset.schema.obs[1])
    assert isinstance(acset, acsets.ACSet)
    with raises(FileFormatError, "src", where="E row 0"):
        cl.formats.from_acset(acset)


# CSV.

LISTED = cl.Schema(
    ["V", "E"],
    {"src": ("E", "V")},
    {"path": ("V", "E")},
    {"mark": "V", "text": ("E", str), "size": ("E", float)},
)
UNTYPED = cl.Schema(LISTED.tables, LISTED.arrows, LISTED.lists, dict(LISTED.attributes))
LABELS = (
    None,
    0,
    1.5,
    True,
    "",
    "1",
    "true",
    "a,b",
    'say "x"',
    "[1]",
    "line\nbreak",
    "line\rbreak",
    "null",
)


@given(csets(UNTYPED, labels=LABELS))
@settings(max_examples=60)
def test_csv_there_and_back(tmp_path_factory, whole):
    folder = tmp_path_factory.mktemp("csv")
    text = ["" if one is None else str(one) for one in whole.attributes["text"]]
    size = [one if isinstance(one, float) else None for one in whole.attributes["size"]]
    parts = {table: list(s.names) if s.names else s.size for table, s in whole.sets.items()}
    parts |= {"src": list(whole.arrows["src"]), "path": list(whole.lists["path"])}
    whole = cl.CSet(
        LISTED, {**parts, "mark": list(whole.attributes["mark"]), "text": text, "size": size}
    )
    cl.formats.to_csv(whole, folder)
    found = cl.formats.from_csv(LISTED, folder)
    assert found == whole
    pairs = zip(found.attributes["mark"], whole.attributes["mark"], strict=True)
    assert all(type(one) is type(other) for one, other in pairs)


FORMULAS = (
    "=1+1",
    "+1",
    "-1",
    "-1.5e3",
    "-x",
    "@a",
    "\t=1",
    "\r=1",
    "'",
    "'=1",
    "''@",
    "'a",
    "＝1",
)


@given(st.lists(st.sampled_from(FORMULAS), min_size=1, unique=True), st.data())
def test_csv_for_spreadsheets(tmp_path_factory, names, data):
    """No cell runs as a formula, and what is read is what was written."""
    folder = tmp_path_factory.mktemp("csv")
    labels = [data.draw(st.sampled_from(FORMULAS)) for _ in names]
    schema = cl.Schema(["V"], {"=f": ("V", "V")}, attributes={"text": ("V", str), "-any": "V"})
    whole = cl.CSet(schema, {"V": names, "=f": names, "text": labels, "-any": labels})
    (path,) = cl.formats.to_csv(whole, folder, spreadsheet=True).values()
    assert cl.formats.from_csv(schema, folder, spreadsheet=True) == whole
    with path.open(newline="", encoding="utf-8") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert not any(map(runs, cells))


def runs(cell):
    return re.match(r"[=+@\t\r＝]|-(?!\d+(\.\d+e\d+)?$)", cell) is not None


def test_a_formula_that_runs_is_noticed(mutants, monkeypatch, tmp_path):
    monkeypatch.setattr("catlearn.files._quoted", lambda cell: cell)
    whole = cl.CSet(cl.SchGraph, V=["=1"], E=0, src=[], tgt=[])
    with mutants("formulas in CSV for spreadsheets"):
        written = cl.formats.to_csv(whole, tmp_path, spreadsheet=True)["V"].read_text()
        assert any(map(runs, written.split("\n")[:-1]))


def test_csv_as_spreadsheets_write_it(tmp_path):
    (tmp_path / "V.csv").write_bytes(
        b"\xef\xbb\xbfcity,population,country\r\nOslo,700000,N\r\nBern,,C\r\n"
    )
    (tmp_path / "E.csv").write_text("tgt,src\nOslo,Bern\n\nBern,Bern\n")
    schema = cl.Schema(
        ["V", "E"], {"src": ("E", "V"), "tgt": ("E", "V")}, attributes={"population": ("V", int)}
    )
    found = cl.formats.from_csv(schema, tmp_path, keys={"V": "city"}, extra=True)
    assert found.names("V") == ("Oslo", "Bern")
    assert found.population == (700000, None)
    assert found.src.values.tolist() == [1, 1]
    with raises(FileFormatError, "'country'"):
        cl.formats.from_csv(schema, tmp_path, keys={"V": "city"})


def test_all_that_is_wrong_with_a_folder(tmp_path):
    (tmp_path / "V.csv").write_text("_name\na\na\n")
    read = partial(refused, FileFormatError, cl.formats.from_csv, cl.SchGraph, tmp_path)
    says(read(), where="E.csv")
    (tmp_path / "E.csv").write_text("src\n0\n")
    says(read(), "'a'", where="record 3")
    says(read(), "'tgt'", where="E.csv")
    (tmp_path / "V.csv").write_text("_name\na\nb\n")
    (tmp_path / "E.csv").write_text("src,tgt\n0,a\nb,c\n")
    says(read(), "src", "'0'", where="E.csv, record 2")
    says(read(), "tgt", "'c'", where="E.csv, record 3")
    (tmp_path / "E.csv").write_text("src,tgt\na\n")
    says(read(), 1, 2, where="record 2")
    (tmp_path / "E.csv").write_bytes(b"src,tgt\n\xff,a\n")
    says(read(), "0xff")
    (tmp_path / "E.csv").write_text('src,tgt\n"a,b\n')
    says(read(), where="E.csv, document")
    (tmp_path / "E.csv").write_text("src,tgt\na,b\n")
    says(read(max_bytes=5), 5, law="size limit")


def test_nothing_is_written_unless_everything_can_be(tmp_path):
    schema = cl.Schema(["A", "../B"], attributes={"x": "A"})
    whole = cl.CSet(schema, {"A": 1, "../B": 0, "x": [frozenset()]})
    with pytest.raises(InvalidStructure) as caught:
        cl.formats.to_csv(whole, tmp_path / "out")
    assert len(caught.value.failures) == 2
    assert not (tmp_path / "out").exists()


def test_a_text_of_many_beginnings_is_refused_in_linear_time():
    text = "\\begin{tikzcd}" * 60_000
    with raises(FileFormatError, 60000):
        cl.formats.from_tikzcd(text)
