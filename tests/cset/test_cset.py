"""C-sets and schemas: reading, checking, equations, types, naturality."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st

from catlearn.category import Equation, Graph, Presentation
from catlearn.cset import CSet, CSetMorphism, Schema, SchGraph
from catlearn.errors import InvalidStructure
from catlearn.finset import FinFunction, FinSet, ListFunction, Shape
from tests.cset.schemas import REFLEXIVE
from tests.errors import fails, raises, says

WORDS = Schema(
    objects=["Letter", "Word"],
    lists={"spelling": ("Word", "Letter")},
    attributes={"sound": ("Letter", str), "weight": "Word"},
)


def test_a_graph_as_a_c_set():
    G = CSet(SchGraph, V=3, E=2, src=[0, 1], tgt=[1, 2])
    assert FinSet(3) == G.V
    assert G.src == FinFunction([0, 1], codomain=3)
    assert G.schema is SchGraph
    assert CSet(SchGraph, V=["a", "b"], E=["e"], src=["a"], tgt={"e": "b"}).tgt(0) == 1
    assert CSet(SchGraph) == CSet.empty(SchGraph)
    with raises(AttributeError, "weight"):
        G.weight  # noqa: B018
    with raises(AttributeError, "CSet", "src"):
        G.src = [0]


def test_lists_and_attributes():
    W = CSet(
        WORDS, Letter=["a", "b"], Word=2, spelling=[["a", "b"], []], sound=["ah", None],
        weight=[1.0, 2.0],
    )  # fmt: skip
    assert W.spelling == ListFunction.of([[0, 1], []], codomain=["a", "b"])
    assert W.sound == ("ah", None)
    assert CSet(WORDS, Letter=["a", "b"], sound={"b": "beh"}).sound == (None, "beh")


@pytest.mark.parametrize(
    "value",
    [
        CSet(SchGraph, V=3, E=2, src=[0, 1], tgt=[1, 2]),
        CSet(SchGraph, V=["a"], E=["e"], src=["a"], tgt=["a"]),
        CSet(REFLEXIVE, V=1, E=1, src=[0], tgt=[0], refl=[0]),
        CSet(Schema(objects=["left/X"]), {"left/X": 2}),
        CSet(Schema(objects=["V"], attributes={"w": "V"}), V=2, w=[1, "x"]),
    ],
)
def test_a_c_set_is_a_value(value: CSet):
    assert eval(repr(value)) == value
    assert hash(eval(repr(value))) == hash(value)
    for same in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert same == value
    f = CSetMorphism.identity(value)
    assert type(f) is CSetMorphism
    assert eval(repr(f)) == f


def test_everything_wrong_is_listed():
    with pytest.raises(InvalidStructure) as caught:
        CSet(SchGraph, V=2, Edge=1, scr=[0])
    assert [failure.where for failure in caught.value.failures] == ["Edge", "scr"]
    says(caught.value, "src", where="scr")
    with pytest.raises(InvalidStructure) as caught:
        CSet(SchGraph, V=2, E=2, src=[0, 7], tgt=[0])
    assert {failure.where for failure in caught.value.failures} == {"arrow 'src'", "arrow 'tgt'"}


def test_schemas():
    assert Schema.of(Shape(SchGraph.tables, SchGraph.arrows)) == SchGraph
    assert Schema.of(REFLEXIVE) is REFLEXIVE
    assert Schema(["V", "E"], REFLEXIVE.arrows) != REFLEXIVE
    assert SchGraph != Schema(["V", "E"], SchGraph.arrows, attributes={"w": "V"})
    assert eval(repr(REFLEXIVE)) == REFLEXIVE
    assert hash(eval(repr(REFLEXIVE))) == hash(REFLEXIVE)
    assert REFLEXIVE.objects == ("V", "E")
    assert REFLEXIVE.graph.count_paths("V", "V", max_length=2) == 3
    with pytest.raises(InvalidStructure) as caught:
        Schema(["A", "B"], {"f": ("A", "B")}, equations=["f >> f = f", "g = f", "f = id(A)"])
    assert len(caught.value.failures) == 3
    with raises(InvalidStructure, law="ends", where="'f'"):
        Schema(["A"], {"f": ("A", "B")})


@given(st.lists(st.integers(0, 2), min_size=2, max_size=2), st.data())
def test_equations_of_the_schema_are_checked(refl: list[int], data: st.DataObject):
    ends = st.lists(st.integers(0, 1), min_size=3, max_size=3)
    src, tgt = data.draw(ends), data.draw(ends)
    G = CSet(REFLEXIVE, V=2, E=3, src=src, tgt=tgt, refl=refl, check=False)
    broken = [
        text
        for arrow, text in ((src, "refl >> src = id(V)"), (tgt, "refl >> tgt = id(V)"))
        if [arrow[edge] for edge in refl] != [0, 1]
    ]
    assert [failure.where for failure in G.failures()] == [f"equation '{text}'" for text in broken]


def test_a_broken_equation_names_the_rows():
    with raises(
        InvalidStructure, "b", "a", law="equations", where="equation 'refl >> src = id(V)'"
    ) as caught:
        CSet(
            REFLEXIVE,
            V=["a", "b"],
            E=["la", "lb"],
            src=["a", "a"],
            tgt=["a", "b"],
            refl=["la", "lb"],
        )
    assert len(caught.value.failures) == 1


def test_types_of_attributes_are_checked():
    CSet(WORDS, Letter=2, sound=["ah", None])
    with raises(InvalidStructure, 1, 3, law="types", where="attribute 'sound'") as caught:
        CSet(WORDS, Letter=2, Word=1, spelling=[[]], sound=["ah", 3], weight=[object])
    assert len(caught.value.failures) == 1


def test_composites_along_paths():
    G = CSet(REFLEXIVE, V=2, E=3, src=[0, 1, 0], tgt=[0, 1, 1], refl=[0, 1])
    assert list(G.along(REFLEXIVE.graph.path("tgt >> refl"))) == [0, 1, 1]
    assert list(G.along(REFLEXIVE.graph.path("id(E)"))) == [0, 1, 2]


def test_between_graphs_and_c_sets():
    G = Graph({"f": ("A", "B"), "g": ("B", "A")})
    X = CSet.of(G)
    assert type(X) is CSet
    assert CSet(SchGraph, V=["A", "B"], E=["f", "g"], src=[0, 1], tgt=[1, 0]) == X
    assert Graph.of(X) == G
    unnamed = Graph.of(CSet(SchGraph, V=2, E=1, src=[0], tgt=[1]))
    assert unnamed.ends("0") == ("0", "1")
    P = Presentation(G, {"q": Equation("f >> g = id(A)", weight=2.0)})
    assert CSet.of(P).lhs.row(0).tolist() == [0, 1]
    assert CSet.of(P).weight == (2.0,)
    assert CSet.of(P).rhs.row(0).tolist() == []


rows = st.lists(st.integers(0, 1), min_size=2, max_size=2)


@given(rows, rows, rows, rows, rows, rows)
def test_a_morphism_is_exactly_a_natural_transformation(src, tgt, src2, tgt2, V, E):
    G = CSet(SchGraph, V=2, E=2, src=src, tgt=tgt)
    H = CSet(SchGraph, V=2, E=2, src=src2, tgt=tgt2)
    broken = [
        (f"naturality of {name}", f"E '{edge}'")
        for name, here, there in (("src", src, src2), ("tgt", tgt, tgt2))
        for edge in range(2)
        if there[E[edge]] != V[here[edge]]
    ]
    f = CSetMorphism(G, H, V=V, E=E, check=False)
    assert [(failure.law, failure.where) for failure in f.failures()] == broken
    if broken:
        with fails(InvalidStructure, *broken):
            CSetMorphism(G, H, V=V, E=E)


def test_lists_are_preserved_entry_by_entry():
    short = CSet(WORDS, Letter=["a"], Word=["w"], spelling=[["a"]])
    long = CSet(WORDS, Letter=["a"], Word=["w"], spelling=[["a", "a"]])
    with raises(InvalidStructure, law="naturality of spelling", where="Word 'w'"):
        CSetMorphism(short, long, Letter=[0], Word=[0])
    swapped = CSet(WORDS, Letter=["a", "b"], Word=["w"], spelling=[["b", "a"]])
    words = CSet(WORDS, Letter=["a", "b"], Word=["w"], spelling=[["a", "b"]])
    with raises(InvalidStructure, law="naturality of spelling", where="Word 'w'"):
        CSetMorphism(words, swapped, Letter=[0, 1], Word=[0])
    CSetMorphism(words, swapped, Letter=[1, 0], Word=[0])


def test_attributes_are_preserved():
    ah, oh = (CSet(WORDS, Letter=["a"], sound=[sound]) for sound in ("ah", "oh"))
    with raises(InvalidStructure, "oh", "ah", law="naturality of sound", where="Letter 'a'"):
        CSetMorphism(ah, oh, Letter=[0])


def test_morphisms_compose_and_compare():
    G = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1])
    L = CSet(SchGraph, V=1, E=1, src=[0], tgt=[0])
    f = CSetMorphism(G, L, V=[0, 0], E=[0])
    assert CSetMorphism.identity(G) >> f == f == f >> CSetMorphism.identity(L)
    assert type(f >> CSetMorphism.identity(L)) is CSetMorphism
    assert not f.is_monic
    assert f.is_injective("E")
    assert np.array_equal(f.image_rows("V"), [0])
    with raises(InvalidStructure, law="shape", where="table 'W'"):
        CSetMorphism(G, L, W=[0])
