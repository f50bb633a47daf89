"""Scenes that every writer must draw well."""

import itertools

import pytest

from catlearn.drawing import Node, Scene, SceneArrow, SceneLaw


def square() -> Scene:
    nodes = (
        Node("digits", "dataset", "1797 examples"),
        Node("X", "space", "R^64"),
        Node("F", "space", "R^32"),
        Node("Y", "categorical", "10 classes"),
    )
    arrows = (
        SceneArrow("digits.X", "digits", "X", "projection"),
        SceneArrow("digits.Y", "digits", "Y", "projection"),
        SceneArrow("encoder", "X", "F", "model"),
        SceneArrow("head", "F", "Y", "model"),
    )
    law = SceneLaw("fit", ("digits.X", "encoder", "head"), ("digits.Y",), "digits", "weight 2")
    return Scene("commuting square", nodes, arrows, (law,), key=True)


def distillation() -> Scene:
    nodes = (
        Node("labelled", "dataset"),
        Node("unlabelled", "dataset"),
        Node("X", "space"),
        Node("Y", "categorical"),
    )
    arrows = (
        SceneArrow("labelled.X", "labelled", "X", "projection"),
        SceneArrow("labelled.Y", "labelled", "Y", "projection"),
        SceneArrow("unlabelled.X", "unlabelled", "X", "projection"),
        SceneArrow("student", "X", "Y", "model"),
        SceneArrow("teacher", "X", "Y", "frozen"),
    )
    laws = (
        SceneLaw("label", ("labelled.X", "student"), ("labelled.Y",), "labelled"),
        SceneLaw("imitate", ("unlabelled.X", "student"), ("unlabelled.X", "teacher"), "unlabelled"),
    )
    return Scene("distillation", nodes, arrows, laws, key=True)


def two_cycle() -> Scene:
    nodes = (Node("horses", "dataset"), Node("zebras", "dataset"), Node("X"), Node("Y"))
    arrows = (
        SceneArrow("horses.X", "horses", "X", "projection"),
        SceneArrow("zebras.Y", "zebras", "Y", "projection"),
        SceneArrow("G", "X", "Y", "model"),
        SceneArrow("F", "Y", "X", "model"),
    )
    laws = (
        SceneLaw("cycle_X", ("horses.X", "G", "F"), ("horses.X",), "horses"),
        SceneLaw("cycle_Y", ("zebras.Y", "F", "G"), ("zebras.Y",), "zebras"),
    )
    return Scene("two-cycle", nodes, arrows, laws)


def heads(count: int = 6) -> Scene:
    ids = range(1, count + 1)
    nodes = (Node("tasks", "dataset"), Node("X", "space"), Node("F", "space"))
    arrows = (
        SceneArrow("tasks.X", "tasks", "X", "projection"),
        SceneArrow("backbone", "X", "F", "model"),
        *(SceneArrow(f"head_{i}", "F", f"Y_{i}", "model") for i in ids),
        *(SceneArrow(f"tasks.Y_{i}", "tasks", f"Y_{i}", "projection") for i in ids),
    )
    laws = tuple(
        SceneLaw(f"task {i}", ("tasks.X", "backbone", f"head_{i}"), (f"tasks.Y_{i}",), "tasks")
        for i in ids
    )
    return Scene("heads", (*nodes, *(Node(f"Y_{i}", "categorical") for i in ids)), arrows, laws)


def parallel() -> Scene:
    arrows = tuple(SceneArrow(name, "A", "B") for name in "fgh")
    return Scene(
        "parallel", (Node("A"), Node("B")), arrows, (SceneLaw("f = g", ("f",), ("g",), "A"),)
    )


def loops() -> Scene:
    ends = {"s": "AA", "t": "AA", "u": "AA", "f": "AB", "long_name_of_a_loop": "BB"}
    arrows = tuple(SceneArrow(name, *pair) for name, pair in ends.items())
    return Scene("loops", (Node("A"), Node("B")), arrows, (SceneLaw("s", ("s", "s"), (), "A"),))


def diamonds(count: int = 4) -> Scene:
    nodes = [Node("A_0")]
    arrows: list[SceneArrow] = []
    laws = []
    for i in range(count):
        nodes += [Node(f"B_{i}"), Node(f"C_{i}"), Node(f"A_{i + 1}")]
        arrows += [
            SceneArrow(f"f_{i}", f"A_{i}", f"B_{i}"),
            SceneArrow(f"g_{i}", f"B_{i}", f"A_{i + 1}"),
        ]
        arrows += [
            SceneArrow(f"h_{i}", f"A_{i}", f"C_{i}"),
            SceneArrow(f"k_{i}", f"C_{i}", f"A_{i + 1}"),
        ]
        laws.append(SceneLaw(f"d_{i}", (f"f_{i}", f"g_{i}"), (f"h_{i}", f"k_{i}"), f"A_{i}"))
    return Scene("diamonds", tuple(nodes), tuple(arrows), tuple(laws))


def long_names() -> Scene:
    long = "an_intermediate_representation_of_images_and_of_text"
    nodes = (Node("a very long name of a data set with spaces", "dataset"), Node(long, "space"))
    return Scene("long", nodes, (SceneArrow("x" * 90, nodes[0].name, long, "frozen"),))


def kinds() -> Scene:
    nodes = (Node("S", "dataset"), Node("X", "space"), Node("Y", "categorical"))
    nodes += (Node("P", "product"),)
    arrows = (
        SceneArrow("S.X", "S", "X", "projection"),
        *(SceneArrow(kind, "X", "Y", kind) for kind in ("model", "frozen", "fixed", "defined")),
        SceneArrow("P.X", "P", "X", "factor"),
        SceneArrow("pair", "S", "P", "defined"),
    )
    return Scene("kinds", nodes, arrows, key=True)


def cube() -> Scene:
    corners = list(itertools.product((0, 1), repeat=3))
    nodes = tuple(Node("".join(map(str, c))) for c in corners)
    arrows = []
    for corner, axis in itertools.product(corners, range(3)):
        if corner[axis] == 0:
            end = [*corner[:axis], 1, *corner[axis + 1 :]]
            names = ["".join(map(str, c)) for c in (corner, end)]
            arrows.append(SceneArrow(f"{names[0]}{'xyz'[axis]}", *names))
    return Scene("cube", nodes, tuple(arrows))


def panels() -> Scene:
    def graph(*edges: str) -> Scene:
        vertices = dict.fromkeys(v for _, *ends in edges for v in ends)
        return Scene("", tuple(map(Node, vertices)), tuple(SceneArrow(*edge) for edge in edges))

    inner = {
        "I": Scene("", (Node("B"),)),
        "G": graph("fAB"),
        "H": graph("gBC", "sBB"),
        "P": graph("fAB", "gBC", "sBB"),
    }
    nodes = tuple(Node(name, "panel", inner=scene) for name, scene in inner.items())
    ends = {"l": "IG", "r": "IH", "i_1": "GP", "i_2": "HP"}
    return Scene("pushout", nodes, tuple(SceneArrow(n, *e, "morphism") for n, e in ends.items()))


def tables() -> Scene:
    rows = {"V": (("",), ("a",), ("b",)), "E": (("", "src", "tgt"), ("0", "a", "b"))}
    nodes = tuple(Node(name, "table", rows=cells) for name, cells in rows.items())
    return Scene(
        "tables", nodes, (SceneArrow("src", "E", "V"), SceneArrow("tgt", "E", "V", "list"))
    )


def hostile() -> Scene:
    """Names that mean something in XML, TeX, dot or JSON, and some that nothing can hold."""
    names = ['a&b"', "<script>alert(1)</script>", "]]>", "\\end{tikzcd}", "%", "{", "}", "$x$"]
    names += ["#1", "^~", "--", "]],[", "\x00\x1b[31m", "\ud800", "‮abc", "\u2028", "文字", "é"]
    nodes = tuple(map(Node, names))
    arrows = tuple(
        SceneArrow(f"{n}!", a, b)
        for n, (a, b) in zip(names, itertools.pairwise(names), strict=False)
    )
    law = SceneLaw("</desc>\n%", (f"{names[0]}!",), (f"{names[0]}!",), names[0], "<b>")
    return Scene("<svg>&\x07", nodes, arrows, (law,))


EXAMPLES = {
    make.__name__: make()
    for make in (
        square,
        distillation,
        two_cycle,
        heads,
        parallel,
        loops,
        diamonds,
        long_names,
        kinds,
        cube,
        panels,
        tables,
        hostile,
    )
}
EXAMPLES["empty"] = Scene("empty")
EXAMPLES["one vertex"] = Scene("one", (Node("A"),))


@pytest.fixture(params=EXAMPLES)
def scene(request: pytest.FixtureRequest) -> Scene:
    return EXAMPLES[request.param]


@pytest.fixture
def examples() -> dict[str, Scene]:
    return EXAMPLES
