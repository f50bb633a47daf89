"""Presentations: every failure listed, attributes kept, morphisms and colimits."""

import pickle

import pytest
from hypothesis import given, strategies as st

from catlearn.category import Equation, Graph, Presentation, PresentationMorphism
from catlearn.errors import InvalidStructure, LabelConflict, UnknownName
from catlearn.finset import Tables, coequalizer, pushout
from tests.errors import raises

TRIANGLE = Graph({"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C")})
LOOP = Graph({"s": ("X", "X")})


def test_equations_by_name_and_by_text():
    P = Presentation(TRIANGLE, {"law": "f >> g = h"})
    assert list(P.equations) == ["law"]
    assert P.equations["law"] == Equation("f >> g = h")
    assert P.sides("law") == (P.path("f >> g"), P.path("h"))
    assert Presentation(TRIANGLE, ["f >> g = h"]) != P
    assert Presentation(P) == P
    with raises(UnknownName, "lew", "law"):
        P.sides("lew")
    for Q in (P, Presentation(LOOP, ["s >> s = id(X)"]), Presentation(LOOP)):
        assert eval(repr(Q)) == Q
        assert pickle.loads(pickle.dumps(Q)) == Q
    assert str(P) == "f : A → B, g : B → C, h : A → C | f >> g = h"


def test_attributes_of_equations_are_attributes_of_the_tables():
    P = Presentation(LOOP, {"a": Equation("s = id(X)", weight=2.0), "b": "s >> s = s"})
    assert P.attributes["weight"] == (2.0, None)
    assert P.equations["a"].attributes == {"weight": 2.0}
    assert P.equations["b"].attributes == {}
    assert eval(repr(P)) == P
    assert Presentation(P, ["s = s"]).equations.keys() == {"a", "b", "s = s"}


def test_every_failure_of_every_equation_is_listed():
    with pytest.raises(InvalidStructure) as caught:
        Presentation(TRIANGLE, {"one": "g >> f = h", "two": "f = q", "three": "f = g"})
    wheres = [failure.where for failure in caught.value.failures]
    assert [where.split("(")[-1].split(")")[0] for where in wheres] == [
        "one", "two", "three", "three",
    ]  # fmt: skip


def presentation_of(start: int, end: int, lhs: list[int], rhs: list[int]) -> Presentation:
    """The triangle with one equation, given by rows and not checked."""
    made = Presentation(TRIANGLE, ["f >> g = h"])
    sets = {"V": TRIANGLE.vertices, "E": TRIANGLE.edges, "Eq": ["q"]}
    arrows = {name: made.arrows[name].values for name in ("src", "tgt")}
    arrows |= {"start": [start], "end": [end]}
    unchecked = object.__new__(Presentation)
    lists = {"lhs": [lhs], "rhs": [rhs]}
    Tables.__init__(unchecked, made.shape, sets, arrows, lists, check=False)
    return unchecked


@given(
    st.integers(0, 2),
    st.integers(0, 2),
    st.lists(st.integers(0, 2), max_size=3),
    st.lists(st.integers(0, 2), max_size=3),
)
def test_failures_are_exactly_the_sides_that_are_not_paths(start, end, lhs, rhs):
    ends = [(0, 1), (1, 2), (0, 2)]

    def is_path(edges: list[int]) -> bool:
        trail = [start, *(ends[edge][1] for edge in edges)]
        return trail[-1] == end and all(
            ends[edge][0] == at for edge, at in zip(edges, trail, strict=False)
        )

    P = presentation_of(start, end, lhs, rhs)
    wheres = {failure.where for failure in P.failures()}
    expected = {
        f"equation 'q', {called} side"
        for called, edges in (("left", lhs), ("right", rhs))
        if not is_path(edges)
    }
    assert wheres == expected


def test_a_presentation_with_one_broken_end_is_rejected():
    assert presentation_of(0, 2, [0, 1], [2]).failures() == []
    assert len(presentation_of(0, 1, [0, 1], [2]).failures()) == 2
    assert len(presentation_of(0, 2, [1, 0], [2]).failures()) == 1


def test_morphisms_preserve_sides_edge_by_edge():
    P = Presentation({"f": ("A", "A")}, ["f >> f = f"])
    Q = Presentation(LOOP, {"a": "s >> s = s", "b": "s = s >> s"})
    m = PresentationMorphism(P, Q, V={"A": "X"}, E={"f": "s"})
    assert list(m.components["Eq"]) == [0]
    assert m(P.sides("f >> f = f")[0]) == Q.sides("a")[0]
    with raises(InvalidStructure, law="naturality of lhs", where="Eq 'f >> f = f'"):
        PresentationMorphism(P, Q, V=[0], E=[0], Eq={"f >> f = f": "b"})
    twice = Presentation(LOOP, {"a": "s >> s = s", "b": "s >> s = s"})
    with raises(InvalidStructure, "a", "b", "Eq=", law="equations", where="equation 'f >> f = f'"):
        PresentationMorphism(P, twice, V=[0], E=[0])


def test_gluing_presentations_gives_a_presentation():
    I = Presentation(Graph({"f": ("A", "B")}))  # noqa: E741
    P = Presentation(TRIANGLE, ["f >> g = h"])
    Q = Presentation({"f": ("A", "B"), "k": ("B", "A")}, {"inverse": "f >> k = id(A)"})
    V = {"A": "A", "B": "B"}
    po = pushout(
        PresentationMorphism(I, P, V, {"f": "f"}), PresentationMorphism(I, Q, V, {"f": "f"})
    )
    assert type(po.apex) is Presentation
    assert all(type(leg) is PresentationMorphism for leg in po)
    assert po.apex.failures() == []
    assert set(map(str, po.apex.equations.values())) == {"f >> g = h", "f >> k = id(A)"}
    assert po.apex.edges == ("f", "g", "h", "k")


def test_equations_whose_sides_meet_stay_paths():
    P = Presentation({"a": ("A", "B"), "b": ("A", "B"), "c": ("B", "A")}, ["a >> c = id(A)"])
    point = Presentation({"e": ("U", "W")})
    ends = {"U": "A", "W": "B"}
    q = coequalizer(
        PresentationMorphism(point, P, ends, {"e": "a"}),
        PresentationMorphism(point, P, ends, {"e": "b"}),
    )
    assert [str(equation) for equation in q.apex.equations.values()] == ["a >> c = id(A)"]
    assert q.apex.edges == ("a", "c")


def test_equations_with_different_weights_are_not_identified():
    light = Presentation(LOOP, {"q": Equation("s = id(X)", weight=1.0)})
    heavy = Presentation(LOOP, {"q": Equation("s = id(X)", weight=2.0)})
    with raises(InvalidStructure, 1.0, 2.0, law="naturality of weight", where="Eq 'q'"):
        PresentationMorphism(light, heavy, V=[0], E=[0])
    blank = Presentation(LOOP, {"q": "s = id(X)"})
    with raises(InvalidStructure, law="shape", where="domain and codomain"):
        PresentationMorphism(blank, heavy, V=[0], E=[0], Eq=[0])
    forced = [
        PresentationMorphism(light, other, V=[0], E=[0], Eq=[0], check=False)
        for other in (light, heavy)
    ]
    with raises(LabelConflict, law="weight", where="Eq: left 'q' = right 'q'"):
        pushout(*forced)
