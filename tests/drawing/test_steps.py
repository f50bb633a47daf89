"""Pictures of rules, steps of rewriting, open objects, and patterns."""

import xml.etree.ElementTree as xml

import pytest

import catlearn as cl
from catlearn.drawing import scene_of, to_svg
from catlearn.learning import freeze, pattern, swap

X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
D = cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y), cl.Model("f", X, Y, "linear"))
GRAPH = cl.Graph({"e": ("A", "B")})
SUBDIVIDE = cl.Rule.between(GRAPH, cl.Graph({"f": ("A", "M"), "g": ("M", "B")}))


@pytest.mark.parametrize(
    "value",
    [
        SUBDIVIDE,
        SUBDIVIDE.rewrite(GRAPH),
        freeze("f"),
        swap("f", cl.Model("g", X, Y, "mlp")).rewrite(D),
        cl.open_graph(GRAPH, ["A"], ["B", "A"]),
        cl.open_diagram(D, ["X"], ["Y"]),
        pattern(edges={"e": ("A", "B")}),
    ],
    ids=repr,
)
def test_notebooks_show_them(value):
    bundle = value._repr_mimebundle_()
    assert bundle["text/plain"] == repr(value)
    assert xml.fromstring(bundle["image/svg+xml"]).tag.endswith("svg")
    assert to_svg(value) == to_svg(value)


def test_a_rule_is_a_span_and_a_step_two_squares():
    assert [node.name for node in scene_of(SUBDIVIDE).nodes] == ["L", "K", "R"]
    step = scene_of(SUBDIVIDE.rewrite(GRAPH))
    ends = {(arrow.source, arrow.target) for arrow in step.arrows}
    assert ends == {*zip("KKLKRDD", "LRGDHGH", strict=True)}
    inner = {node.name: node.inner for node in step.nodes}
    assert {node.name for node in inner["H"].nodes} == {"A", "B", "M"}


def test_large_objects_are_summed_up():
    large = cl.Graph({f"e{k}": (f"v{k}", f"w{k}") for k in range(60)})
    node = scene_of(cl.Rule.between(large, GRAPH)).nodes[0]
    assert (node.inner, node.note) == (None, "V: 120, E: 60")


def test_ends_are_marked_and_open_labels_written():
    scene = scene_of(cl.open_graph(GRAPH, ["A"], ["B", "A"]))
    assert [node.note for node in scene.nodes] == ["in 0 · out 1", "out 0"]
    along = scene_of(cl.Open(GRAPH, [], ["e"], table="E"))
    assert next(arrow.note for arrow in along.arrows) == "out 0"
    assert not any(node.note for node in along.nodes)
    open_one = scene_of(pattern(cl.Model("m", X, Y, "linear"), edges={"e": ("A", "X")}))
    assert [arrow.note for arrow in open_one.arrows] == ["", "?e"]
