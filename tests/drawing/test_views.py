"""Every value of the package has its picture, with all of its names."""

import functools
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import catlearn as cl
from catlearn.display import Displayed
from catlearn.drawing import draw, scene_of, to_svg
from tests.errors import raises

X, F, Y = cl.Space("X", 64), cl.Space("F", (3, 8, 8), dtype="float16"), cl.Categorical("Y", 10)


def square() -> cl.LearningDiagram:
    images, labels = np.zeros((12, 64), "float32"), np.zeros(12, "int32")
    data = cl.LearningDiagram(cl.Dataset("digits", X=(X, images), Y=(Y, labels)))
    models = cl.Model("encoder", X, F, lambda x: x), cl.Model("head", F, Y, "linear")
    return cl.glue(data, cl.LearningDiagram(*models, check=False))


def test_a_learning_diagram_shows_kinds_spaces_and_what_the_loss_takes():
    scene = scene_of(square())
    assert {n.name: (n.kind, n.note) for n in scene.nodes} == {
        "digits": ("dataset", "12 examples"),
        "X": ("space", "R^64"),
        "Y": ("categorical", "10 classes"),
        "F": ("space", "R^{3×8×8} float16"),
    }
    kinds = {a.name: a.kind for a in scene.arrows}
    assert kinds == {
        "digits.X": "projection",
        "digits.Y": "projection",
        "encoder": "fixed",
        "head": "model",
    }
    (law,) = scene.laws
    assert law.text == "digits.X >> encoder >> head = digits.Y"
    assert "not declared" in law.note
    assert scene.key


def test_declared_equations_are_shown_with_weight_and_divergence():
    equation = cl.Equation("d.X >> f = d.Y", weight=2.5, divergence="kl")
    target = cl.Categorical("Y", 3, divergence="cross_entropy")
    diagram = cl.LearningDiagram(
        cl.Dataset("d", X=X, Y=target),
        cl.Model("f", X, target, "linear"),
        equations={"fit": equation},
    )
    (law,) = scene_of(diagram).laws
    assert (law.name, law.lhs, law.rhs) == ("fit", ("d.X", "f"), ("d.Y",))
    assert law.note == "weight 2.5 · kl(temperature=1.0)"
    assert draw(diagram, equations="basis").scene.laws != ()
    assert draw(diagram.loss()).scene.laws[0].text == law.text


def test_strict_equations_and_products_are_shown():
    product = cl.Product("P", cl.Space("A", 2), cl.Space("B", 2))
    data = cl.Dataset("pairs", A=cl.Space("A", 2), B=cl.Space("B", 2))
    pairing = cl.Pairing("both", product, "pairs.A", "pairs.B")
    scene = scene_of(cl.LearningDiagram(data, product, pairing))
    kinds = {a.name: a.kind for a in scene.arrows}
    assert kinds["both"] == "defined"
    assert kinds["P.A"] == kinds["P.B"] == "factor"
    assert {law.note for law in scene.laws} == {"strict"}
    assert next(n for n in scene.nodes if n.name == "P").note == "R^2 × R^2"


def test_infinitely_many_implied_equations_are_not_listed():
    loop = cl.LearningDiagram(cl.Dataset("d", X=X), cl.Model("step", X, X, "linear"))
    assert scene_of(loop).laws == ()


def graph_pushout() -> cl.finset.Colimit:
    point = cl.Graph({}, vertices=["B"])
    one = cl.Graph({"f": ("A", "B")})
    other = cl.Graph({"g": ("B", "C"), "s": ("B", "B")})
    left = cl.GraphMorphism(point, one, V={"B": "B"}, E={})
    return cl.pushout(left, cl.GraphMorphism(point, other, V={"B": "B"}, E={}))


def cset() -> cl.CSet:
    schema = cl.Schema(
        ["Student", "Course"],
        arrows={"tutor": ("Student", "Student")},
        lists={"takes": ("Student", "Course")},
        attributes={"mark": "Student"},
    )
    return cl.CSet(
        schema,
        Student=["ann", "bob"],
        Course=["logic", "sheaves"],
        tutor=["bob", "bob"],
        takes=[["logic", "sheaves"], []],
        mark=[1.5, None],
    )


VALUES = {
    "graph": (lambda: cl.Graph({"f": ("A", "B")}, vertices=["C"]), ["A", "B", "C", "f"]),
    "presentation": (
        lambda: cl.Presentation({"f": ("A", "B"), "g": ("A", "B")}, {"same": "f = g"}),
        ["A", "B", "f", "g", "same"],
    ),
    "C-set": (cset, ["ann", "bob", "logic", "sheaves", "tutor", "takes", "mark", "1.5"]),
    "graph C-set": (lambda: cl.CSet(cl.SchGraph, V=2, E=1, src=[0], tgt=[1]), ["0", "1"]),
    "schema with an equation between labels": (
        lambda: cl.Schema(
            ["V", "E"],
            {"src": ("E", "V"), "tgt": ("E", "V")},
            attributes={"hue": "V", "mark": "E"},
            equations=["src >> hue = mark", "src >> hue = tgt >> hue"],
        ),
        ["V", "E", "src", "tgt", "hue", "mark"],
    ),
    "schema": (lambda: cset().schema, ["Student", "Course", "tutor", "takes", "mark"]),
    "pushout": (graph_pushout, ["shared", "left", "right", "apex", "A", "B", "C", "f", "g", "s"]),
    "gluing": (lambda: square().gluing, ["digits", "encoder", "left", "right", "apex"]),
    "graph morphism": (lambda: graph_pushout().legs[1], ["domain", "codomain", "↦ B", "↦ g"]),
    "C-set morphism": (lambda: cl.CSetMorphism.identity(cset()), ["↦", "ann", "sheaves"]),
    "sets": (
        lambda: cl.pushout(cl.FinFunction([0], codomain=2), cl.FinFunction([1], codomain=3)),
        ["[0, 1]", "[2, 0, 3]", "apex"],
    ),
    "product": (lambda: cl.product(cl.FinSet(2), cl.FinSet(3)), ["apex", "6"]),
    "function": (lambda: cl.FinFunction({"a": 1, "b": 0}.values(), ["a", "b"], 2), ["a", "b"]),
    "path": (lambda: cl.Path("A", ("f", "g"), "C"), ["A", "C", "f", "g"]),
    "loss": (lambda: square().loss(), ["encoder", "digits.X"]),
}


@pytest.mark.parametrize("name", VALUES)
def test_every_value_draws_with_its_names(name):
    make, names = VALUES[name]
    picture = draw(make())
    root = ET.fromstring(picture.svg)
    said = " ".join(root.itertext())
    for word in names:
        assert word in said, word
    assert picture.svg == draw(make()).svg
    assert picture.tikzcd
    assert picture.dot
    assert picture.quiver


def test_notebooks_show_tables_morphisms_and_colimits():
    for name in ("graph", "presentation", "C-set", "pushout", "graph morphism", "gluing"):
        value = VALUES[name][0]()
        assert isinstance(value, Displayed)
        bundle = value._repr_mimebundle_()
        assert bundle["image/svg+xml"] == to_svg(value)
        assert bundle["text/plain"] == repr(value)
        assert "text/latex" not in bundle


def test_large_values_are_summed_up():
    rows = cl.CSet(cl.Schema(["T"], arrows={"f": ("T", "T")}), T=1000, f=[0] * 1000)
    said = " ".join(ET.fromstring(to_svg(rows)).itertext())
    assert "… 976 more" in said
    big = cl.Graph({f"e{i}": (f"v{i}", f"v{i + 1}") for i in range(100)})
    scene = scene_of(cl.coproduct(big, big))
    assert all(node.inner is None for node in scene.nodes)
    assert scene.nodes[0].note == "V: 101, E: 100"


def test_what_has_no_picture_is_refused_by_name():
    with raises(TypeError, "int", "LearningDiagram"):
        draw(3)


def test_an_equation_that_is_its_own_name_is_listed_once():
    for edge in ("f", '"second head"'):
        name = edge.strip('"')
        presentation = cl.Presentation({name: ("A", "B"), "g": ("A", "B")}, [f"{edge} = g"])
        (law,) = scene_of(presentation).laws
        assert law.name == law.text == f"{edge} = g"


def test_a_moving_average_says_of_what():
    X = cl.Space("X", (3,))
    online = cl.Model("online", X, X, "linear")
    diagram = cl.LearningDiagram(online, cl.MovingAverage("target", of="online", decay=0.9))
    notes = {arrow.name: arrow.note for arrow in scene_of(diagram).arrows}
    assert notes == {"online": "", "target": "average of online"}


def paired() -> cl.LearningDiagram:
    X, Y = cl.Space("X", 3), cl.Space("Y", 2)
    P = cl.Product("P", X, Y)
    return cl.LearningDiagram(
        cl.Dataset("data", X=X, P=P),
        cl.Model("f", X, X, "linear"),
        cl.Model("g", X, Y, "linear"),
        cl.Pairing("both", P, "f", "g"),
        equations=[cl.Equation("data.X >> both = data.P", divergence="squared_error")],
    )


def test_pairings_are_folded_in_pictures_and_whole_in_texts():
    diagram = paired()
    assert len(diagram.strict_equations) == 2
    folded, whole = cl.draw(diagram), cl.draw(diagram, fold=False)
    texts = [law.text for law in folded.scene.folded.laws]
    assert texts == ["both = ⟨f, g⟩", "data.X >> both = data.P"]
    assert len(ET.fromstring(whole.svg).findall(".//{*}g[@class='equation']")) == 3
    assert len(ET.fromstring(folded.svg).findall(".//{*}g[@class='equation']")) == 2
    # What reads texts back needs every equation.
    assert folded.tikzcd.count("    % ") == whole.tikzcd.count("    % ") == 3
    assert folded.quiver == whole.quiver


def test_the_legend_is_optional():
    diagram = paired()
    assert 'class="key"' in cl.draw(diagram).svg
    assert 'class="key"' not in cl.draw(diagram, legend=False).svg
    graph = cl.Graph({"f": ("A", "B")})
    assert cl.draw(graph, legend=True).svg.startswith("<svg")


def test_a_name_that_is_its_equation_is_written_once():
    graph = {"f": ("A", "B"), "g": ("A", "B"), "h": ("A", "B")}
    presentation = cl.Presentation(graph, {"f = g": "f = g", "other": "g = h"})
    groups = ET.fromstring(to_svg(presentation)).findall(".//{*}g[@class='equation']")
    written = ["".join(t.text for t in g.findall(".//{*}tspan")).replace(" ", "") for g in groups]
    assert written == ["1f=g", "2otherg=h"]


def test_divergences_are_shown_by_their_names():
    from catlearn.models.divergences import register_divergence

    registered = lambda a, b: ((a - b) ** 2).sum(-1)  # noqa: E731
    register_divergence("of a picture", registered)

    def mine(a, b):
        return ((a - b) ** 2).sum(-1)

    for given, name in (
        (registered, "of a picture"),
        (mine, "mine"),
        (functools.partial(mine), "mine"),
        (lambda a, b: ((a - b) ** 2).sum(-1), "a lambda"),
    ):
        X = cl.Space("X", 3)
        diagram = cl.LearningDiagram(
            cl.Model("f", X, X, "linear"),
            cl.Dataset("data", X=X),
            equations=[cl.Equation("data.X >> f = data.X", divergence=given)],
        )
        assert cl.draw(diagram).scene.laws[0].note.endswith(f"· {name}")


def test_a_scalar_is_a_blackboard_letter():
    P = cl.Product("P", cl.Space("A", ()), cl.Space("B", 2))
    diagram = cl.LearningDiagram(cl.Model("f", P, cl.Space("X", ()), lambda a, b: a), check=False)
    notes = {node.name: node.note for node in cl.draw(diagram).scene.nodes}
    assert notes == {"X": "ℝ", "P": "ℝ × R^2", "A": "ℝ", "B": "R^2"}
