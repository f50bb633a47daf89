"""Limits and colimits of functors: out of free, presented and finite categories, into sets,
graphs and C-sets, against all cones and cocones."""

from itertools import product as tuples
from typing import Any

import pytest
from hypothesis import assume, given, settings, strategies as st

from catlearn.category import Functor, Graph, GraphMorphism, Morphisms
from catlearn.cset import CSet, CSetMorphism, Profunctor, Schema, SchGraph, homomorphisms
from catlearn.cset.profunctor import pairs_schema
from catlearn.errors import NotACocone
from catlearn.finset import FinFunction, colimit, limit
from catlearn.laws.strategies import csets

SHAPES = {
    "empty": Schema(),
    "discrete": Schema(["i", "j"]),
    "span": Schema(["s", "i", "j"], {"p": ("s", "i"), "q": ("s", "j")}),
    "parallel": Schema(["i", "j"], {"p": ("i", "j"), "q": ("i", "j")}),
    "chain": Schema(["i", "j", "k"], {"p": ("i", "j"), "q": ("j", "k")}),
    "triangle": Schema(
        ["i", "j", "k"],
        {"p": ("i", "j"), "q": ("j", "k"), "r": ("i", "k")},
        equations=["p >> q = r"],
    ),
    "idempotent": Schema(["i"], {"e": ("i", "i")}, equations=["e >> e = e"]),
    "involution": Schema(["i"], {"s": ("i", "i")}, equations=["s >> s = id(i)"]),
}
KINDS = {
    "sets": Schema(["X"]),
    "graphs": SchGraph,
    "reflexive graphs": Schema(
        ["V", "E"],
        {"src": ("E", "V"), "tgt": ("E", "V"), "refl": ("V", "E")},
        equations=["refl >> src = id(V)", "refl >> tgt = id(V)"],
    ),
    "dynamics": Schema(["X"], {"next": ("X", "X")}),
}


@st.composite
def diagrams(draw: st.DrawFn, kind: Schema) -> Functor:
    """Draw a functor from one of the shapes, in one of the three guises, to C-sets."""
    shape = SHAPES[draw(st.sampled_from(sorted(set(SHAPES) - {"empty"})))]
    on_pairs = pairs_schema(shape.opposite, kind)
    H = Profunctor.of(shape.opposite, kind, draw(csets(on_pairs, max_rows=2, named=False)))
    objects = {
        i: CSet(
            kind,
            {t: H.at(i, t) for t in kind.tables} | {g: H.right(i, g) for g in kind.arrows},
        )
        for i in shape.tables
    }
    arrows: dict[str, Any] = {
        f: CSetMorphism(objects[i], objects[j], {t: H.left(f, t) for t in kind.tables})
        for f, (i, j) in shape.arrows.items()
    }
    guises = [shape, shape.presentation, shape.category()] + [shape.graph] * (not shape.equations)
    return Functor(draw(st.sampled_from(guises)), Morphisms(), objects, arrows)


def families(F: Functor, Y: CSet, inward: bool) -> list[tuple[Any, ...]]:
    """All cocones into Y, or all cones out of it, over all arrows of the shape."""
    vertices = F.graph.vertices
    choices = [list(homomorphisms(F(i), Y) if inward else homomorphisms(Y, F(i))) for i in vertices]
    size = 1
    for choice in choices:
        size *= len(choice)
    assume(size <= 400)
    found = []
    for family in tuples(*choices):
        at = dict(zip(vertices, family, strict=True))
        commutes = (
            F.arrows[f] >> at[j] == at[i] if inward else at[i] >> F.arrows[f] == at[j]
            for f, (i, j) in ((f, F.graph.ends(f)) for f in F.graph.edges)
        )
        if all(commutes):
            found.append(family)
    return found


kinds = st.sampled_from(sorted(KINDS)).map(KINDS.__getitem__)


@settings(max_examples=40)
@given(st.data(), kinds)
def test_colimits_are_universal(data, kind: Schema):
    F = data.draw(diagrams(kind))
    Y = data.draw(csets(kind, max_rows=2, named=False))
    cocones, found = families(F, Y, inward=True), colimit(F)
    assert found.apex.failures() == []
    morphisms = list(homomorphisms(found.apex, Y))
    assert len(morphisms) == len(cocones)
    for cocone in cocones:
        u = found.universal(*cocone, codomain=Y)
        assert [leg >> u for leg in found.legs] == list(cocone)
    assert {found.universal(*cocone, codomain=Y) for cocone in cocones} == set(morphisms)


@settings(max_examples=40)
@given(st.data(), kinds)
def test_limits_are_universal(data, kind: Schema):
    F = data.draw(diagrams(kind))
    Y = data.draw(csets(kind, max_rows=2, named=False))
    cones, found = families(F, Y, inward=False), limit(F)
    assert found.apex.failures() == []
    morphisms = list(homomorphisms(Y, found.apex))
    assert len(morphisms) == len(cones)
    for cone in cones:
        u = found.universal(*cone, domain=Y)
        assert [u >> leg for leg in found.legs] == list(cone)
    assert {found.universal(*cone, domain=Y) for cone in cones} == set(morphisms)


@settings(max_examples=40)
@given(st.data(), st.sampled_from(sorted(set(SHAPES) - {"empty"})))
def test_diagrams_of_sets(data, name: str):
    """Elements of a limit are natural families; classes of a colimit are connected elements."""
    X = data.draw(csets(SHAPES[name], max_rows=3, named=False))
    F = X.as_functor(data.draw(st.sampled_from([None, X.schema.category()])))
    rows = [(i, x) for i in X.sets for x in X.sets[i]]
    agree = [
        family
        for family in tuples(*X.sets.values())
        if all(
            X.arrows[f](family[list(X.sets).index(i)]) == family[list(X.sets).index(j)]
            for f, (i, j) in X.schema.arrows.items()
        )
    ]
    found = limit(F)
    assert list(zip(*found.legs, strict=True)) == agree
    block = {row: {row} for row in rows}
    for f, (i, j) in X.schema.arrows.items():
        for x in X.sets[i]:
            one, other = block[i, x], block[j, X.arrows[f](x)]
            if one is not other:
                one |= other
                block |= dict.fromkeys(other, one)
    glued = colimit(F)
    assert len(glued.apex) == len({id(one) for one in block.values()})
    legs = dict(zip(X.sets, glued.legs, strict=True))
    for (i, x), (j, y) in tuples(rows, repeat=2):
        assert (legs[i](x) == legs[j](y)) == (block[i, x] is block[j, y])


def test_relations_may_not_be_left_out(mutants):
    X = CSet(SHAPES["parallel"], i=2, j=3, p=[0, 1], q=[1, 1])
    F = X.as_functor()
    loose = CSet(SHAPES["discrete"], i=2, j=3).as_functor()
    with mutants("colimit of a functor: arrows left out"):
        assert len(colimit(loose).apex) != len(colimit(F).apex) == 2
    with mutants("limit of a functor: arrows left out"):
        assert len(limit(loose).apex) != len(limit(F).apex) == 1
    with mutants("colimit of a functor: no cocone"), pytest.raises(NotACocone):
        colimit(F).universal(FinFunction([0, 0], codomain=2), FinFunction([0, 1, 0], codomain=2))


def test_graphs_stay_graphs():
    """The two ends of an arrow made one are a loop; they are nowhere equal."""
    point, arrow = Graph(vertices=["p"]), Graph({"f": ("a", "b")})
    ends = {k: GraphMorphism(point, arrow, V=[k], E=[]) for k in (0, 1)}
    F = Functor(
        SHAPES["parallel"].category(), Morphisms(), {"i": point, "j": arrow},
        {"p": ends[0], "q": ends[1]},
    )  # fmt: skip
    glued = colimit(F)
    assert type(glued.apex) is Graph
    assert glued.apex.count_paths(glued.apex.vertices[0], max_length=3) == 4
    assert limit(F).apex.size("V") == 0
