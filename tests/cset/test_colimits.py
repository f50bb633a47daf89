"""Colimits of C-sets: the universal property by brute force, attributes, lists, known answers."""

from collections.abc import Iterator
from itertools import product as tuples

import pytest
from hypothesis import given, settings, strategies as st

from catlearn.cset import CSet, CSetMorphism, Schema, SchGraph
from catlearn.errors import InvalidStructure, LabelConflict, NotACocone
from catlearn.finset import (
    FinFunction,
    coequalizer,
    coproduct,
    initial,
    product,
    pushout,
)
from tests.errors import raises

POINTS = Schema(objects=["X"])
LABELLED = Schema(["V", "E"], SchGraph.arrows, attributes={"colour": "V", "weight": ("E", float)})
WORDS = Schema(["Letter", "Word"], lists={"spelling": ("Word", "Letter")})


def points(size: int) -> CSet:
    return CSet(POINTS, X=size)


def function(values: list[int], size: int) -> CSetMorphism:
    return CSetMorphism(points(len(values)), points(size), X=values)


def graph(vertices: int, *edges: tuple[int, int]) -> CSet:
    src, tgt = [s for s, _ in edges], [t for _, t in edges]
    return CSet(SchGraph, V=vertices, E=len(edges), src=src, tgt=tgt)


def homs(G: CSet, H: CSet) -> Iterator[CSetMorphism]:
    """Every morphism, by trying all functions."""
    for V in tuples(range(H.size("V")), repeat=G.size("V")):
        choices = [
            [e for e in range(H.size("E")) if (H.src(e), H.tgt(e)) == (V[s], V[t])]
            for s, t in zip(G.src, G.tgt, strict=True)
        ]
        for E in tuples(*choices):
            yield CSetMorphism(G, H, V=V, E=E)


@st.composite
def graphs(draw: st.DrawFn, vertices: int = 2, edges: int = 2) -> CSet:
    size = draw(st.integers(0, vertices))
    if not size:
        return graph(0)
    place = st.integers(0, size - 1)
    return graph(size, *draw(st.lists(st.tuples(place, place), max_size=edges)))


def is_pushout(legs: list[CSetMorphism], universal, f: CSetMorphism, g: CSetMorphism, X: CSet):
    """Every cocone into X factors through the legs in exactly one way, the one that is told."""
    i, j = legs
    assert f >> i == g >> j
    candidates = list(homs(i.codomain, X))
    for h, k in tuples(homs(f.codomain, X), homs(g.codomain, X)):
        if f >> h == g >> k:
            factors = [u for u in candidates if i >> u == h and j >> u == k]
            assert factors == [universal(h, k)]


@settings(max_examples=60)
@given(st.data(), graphs(2, 1), graphs(2, 2), graphs(2, 2), graphs(2, 2))
def test_pushouts_have_the_universal_property(data, apex: CSet, G: CSet, H: CSet, X: CSet):
    left, right = list(homs(apex, G)), list(homs(apex, H))
    if not left or not right:
        return
    f, g = data.draw(st.sampled_from(left)), data.draw(st.sampled_from(right))
    po = pushout(f, g)
    is_pushout(list(po), po.universal, f, g, X)
    for h, k in tuples(homs(G, X), homs(H, X)):
        if f >> h != g >> k:
            with pytest.raises(NotACocone):
                po.universal(h, k)
            break


def edge_with_a_loop() -> tuple[CSetMorphism, CSetMorphism]:
    point = graph(1)
    return (
        CSetMorphism(point, graph(2, (0, 1)), V=[1]),
        CSetMorphism(point, graph(1, (0, 0)), V=[0]),
    )


@pytest.mark.parametrize(
    ("apex", "V"),
    [
        (graph(3, (0, 1), (1, 1)), [0, 1]),  # one vertex too many: not unique
        (graph(1, (0, 0), (0, 0)), [0, 0]),  # too much identified: none exists
        (graph(2, (0, 1), (1, 1), (1, 1)), [0, 1]),  # one edge too many
    ],
)
def test_other_cocones_are_not_pushouts(apex: CSet, V: list[int]):
    f, g = edge_with_a_loop()
    i = CSetMorphism(f.codomain, apex, V=V, E=[0])
    j = CSetMorphism(g.codomain, apex, V=[V[1]], E=[1])
    po, X = pushout(f, g), graph(2, (0, 1), (1, 1), (1, 1))
    is_pushout(list(po), po.universal, f, g, X)

    def induced(h: CSetMorphism, k: CSetMorphism) -> CSetMorphism | None:
        found = (u for u in homs(apex, X) if i >> u == h and j >> u == k)
        return next(found, None)

    with pytest.raises(AssertionError):
        is_pushout([i, j], induced, f, g, X)


@settings(max_examples=60)
@given(st.data(), graphs(2, 2), graphs(3, 2), graphs(2, 2))
def test_coequalizers_have_the_universal_property(data, G: CSet, H: CSet, X: CSet):
    arrows = list(homs(G, H))
    if not arrows:
        return
    f, g = data.draw(st.sampled_from(arrows)), data.draw(st.sampled_from(arrows))
    q = coequalizer(f, g)
    assert f >> q.legs[0] == g >> q.legs[0]
    for h in homs(H, X):
        if f >> h == g >> h:
            factors = [u for u in homs(q.apex, X) if q.legs[0] >> u == h]
            assert factors == [q.universal(h)]
        else:
            with pytest.raises(NotACocone):
                q.universal(h)


@settings(max_examples=40)
@given(graphs(2, 2), graphs(2, 2), graphs(2, 2))
def test_coproducts_have_the_universal_property(G: CSet, H: CSet, X: CSet):
    both = coproduct(G, H)
    assert type(both.apex) is CSet
    assert both.apex == G + H
    candidates = list(homs(both.apex, X))
    assert len(candidates) == len(list(homs(G, X))) * len(list(homs(H, X)))
    for h, k in tuples(homs(G, X), homs(H, X)):
        u = both.universal(h, k)
        assert [w for w in candidates if both.legs[0] >> w == h and both.legs[1] >> w == k] == [u]


def test_the_empty_c_set_is_initial():
    empty = initial(graph(1))
    assert empty == graph(0)
    assert len(list(homs(empty, graph(2, (0, 1))))) == 1


def test_known_coequalizers_and_pushouts_of_sets():
    q = coequalizer(function([0], 3), function([2], 3))
    assert list(q.legs[0].components["X"]) == [0, 1, 0]
    assert list(q.universal(function([3, 0, 3], 4)).components["X"]) == [3, 0]
    with pytest.raises(NotACocone):
        q.universal(function([3, 0, 2], 4))
    po = pushout(function([0], 2), function([1], 3))
    assert po.apex.size("X") == 4
    assert [list(leg.components["X"]) for leg in po] == [[0, 1], [2, 0, 3]]
    cycle = function([1, 2, 3, 4, 0], 5)
    assert coequalizer(cycle, CSetMorphism.identity(points(5))).apex == points(1)


def test_an_arrow_glued_to_a_loop():
    apex = pushout(*edge_with_a_loop()).apex
    assert (list(apex.src), list(apex.tgt)) == ([0, 1], [1, 1])


def test_products_of_an_arrow():
    arrow = graph(2, (0, 1))
    for factors in (2, 3):
        cube = product(*[arrow] * factors).apex
        assert type(cube) is CSet
        assert (cube.size("V"), cube.size("E")) == (2**factors, 1)


def coloured(colour: str | None, weight: float = 1.0) -> CSet:
    return CSet(
        LABELLED, V=["v"], E=["e"], src=[0], tgt=[0], colour=[colour], weight=[weight]
    )  # fmt: skip


def test_attributes_of_identified_rows_agree():
    point = CSet(LABELLED, V=["v"], colour=["red"])
    into = [CSetMorphism(point, coloured("red", w), V=["v"]) for w in (1.0, 2.0)]
    po = pushout(*into)
    assert po.apex.colour == ("red",)
    assert po.apex.weight == (1.0, 2.0)
    assert po.apex.names("E") == ("left/e", "right/e")
    u = po.universal(*(leg for leg in po))
    assert u == CSetMorphism.identity(po.apex)


def test_attributes_that_disagree_are_all_named():
    bare = CSet(LABELLED, V=["v"], E=["e"], src=[0], tgt=[0], colour=[None], weight=[None])
    into = [
        CSetMorphism(bare, coloured(colour, weight), V=["v"], E=["e"], check=False)
        for colour, weight in (("red", 1.0), ("blue", 2.0))
    ]
    names = ("colour", "weight", "'red'", "'blue'", "1.0", "2.0")
    with raises(LabelConflict, *names) as caught:
        pushout(*into)
    assert len(caught.value.failures) == 2


def test_lists_are_induced_like_any_other_arrow():
    letters = CSet(WORDS, Letter=["a", "b"])
    one = CSet(WORDS, Letter=["a", "b"], Word=["ab"], spelling=[["a", "b"]])
    other = CSet(WORDS, Letter=["x", "y"], Word=["yx"], spelling=[["y", "x"]])
    po = pushout(
        CSetMorphism(letters, one, Letter=["a", "b"]),
        CSetMorphism(letters, other, Letter=["y", "x"]),
    )
    assert list(po.apex.spelling) == [[0, 1], [0, 1]]
    assert po.apex.names("Word") == ("ab", "yx")
    merged = coequalizer(
        CSetMorphism(CSet(WORDS, Letter=1), one, Letter=["a"]),
        CSetMorphism(CSet(WORDS, Letter=1), one, Letter=["b"]),
    )
    assert list(merged.apex.spelling) == [[0, 0]]


def test_colimits_inherit_the_equations_of_the_schema():
    reflexive = Schema(
        ["V", "E"],
        {**SchGraph.arrows, "refl": ("V", "E")},
        equations=["refl >> src = id(V)", "refl >> tgt = id(V)"],
    )
    point = CSet(reflexive, V=1, E=1, src=[0], tgt=[0], refl=[0])
    arrow = CSet(reflexive, V=2, E=3, src=[0, 1, 0], tgt=[0, 1, 1], refl=[0, 1])
    ends = [CSetMorphism(point, arrow, V=[k], E=[k]) for k in (0, 1)]
    for colimit in (pushout(ends[1], ends[0]), coequalizer(*ends), coproduct(arrow, arrow)):
        assert colimit.apex.failures() == []
        assert colimit.apex.schema == reflexive
    chain = pushout(ends[1], ends[0]).apex
    assert (chain.size("V"), chain.size("E")) == (3, 5)


def test_c_sets_on_different_schemas_have_no_morphisms():
    with raises(InvalidStructure, law="shape", where="domain and codomain"):
        CSetMorphism(points(1), graph(1), X=[0])


def test_c_sets_and_finite_sets_have_the_same_colimits():
    f, g = [0, 1, 2, 7], [1, 2, 7, 4]
    q = coequalizer(function(f, 8), function(g, 8))
    p = coequalizer(FinFunction(f, codomain=8), FinFunction(g, codomain=8))
    assert q.legs[0].components["X"] == p.legs[0]
