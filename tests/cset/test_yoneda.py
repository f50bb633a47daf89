"""Representables, the Yoneda lemma and embedding, density."""

import pytest
from hypothesis import given, settings, strategies as st

from catlearn.category import FiniteCategory, Presentation, opposite
from catlearn.cset import (
    CSet,
    CSetMorphism,
    Schema,
    SchGraph,
    density,
    homomorphisms,
    representable,
    yoneda,
    yoneda_embedding,
)
from catlearn.cset.representables import actions_from, paths_from, precompose
from catlearn.errors import InvalidStructure, TooLarge, UnknownName
from catlearn.laws.strategies import csets, out_of
from tests.cset.schemas import REFLEXIVE, SQUARE
from tests.errors import raises

MONOID = Schema(
    ["A"],
    {"a": ("A", "A"), "b": ("A", "A")},
    equations=["a >> a = a", "b >> b = id(A)", "a >> b >> a = a"],
)
schemas = st.sampled_from([SchGraph, REFLEXIVE, MONOID, SQUARE])


@st.composite
def presented(draw: st.DrawFn) -> Schema:
    """A random finite category: a free one on an acyclic graph, with some equations."""
    objects = ["A", "B", "C", "D"]
    pairs = [(a, b) for k, a in enumerate(objects) for b in objects[k + 1 :]]
    ends = draw(st.lists(st.sampled_from(pairs), max_size=5))
    arrows = {f"f{k}": pair for k, pair in enumerate(ends)}
    free = Schema(objects, arrows)
    equations = []
    for a in objects:
        paths = free.graph.paths(a)
        parallel = [(p, q) for p in paths for q in paths if p.is_parallel(q) and p != q]
        if parallel:
            equations += draw(st.lists(st.sampled_from(parallel), max_size=2))
    return Schema(objects, arrows, equations=list(dict.fromkeys(equations)))


@settings(max_examples=40)
@given(presented())
def test_representables_are_the_arrows_of_the_category(schema: Schema):
    C = schema.category()
    assert isinstance(C, FiniteCategory)
    for a in schema.tables:
        y = representable(schema, a)
        assert y.failures() == []
        for b in schema.tables:
            # Each arrow is named by one of the paths that stand for it.
            assert sorted(map(C.read, y.names(b))) == sorted(C.hom(a, b))
        assert y.names(a)[0] == f"id({a})"
        for f, (b, c) in schema.arrows.items():
            for x, image in zip(y.names(b), y.arrows[f], strict=True):
                assert C.read(y.names(c)[image]) == C.compose(C.read(x), C.read(f))


@settings(max_examples=60)
@given(st.data(), st.one_of(schemas, presented()))
def test_the_yoneda_lemma(data, schema: Schema):
    """Nat(Hom(c, -), X) has |X(c)| elements, and the bijection is the one that is told."""
    X = data.draw(csets(schema))
    table = data.draw(st.sampled_from(schema.tables))
    bijection = yoneda(X, table)
    found = list(homomorphisms(bijection.representable, X))
    assert len(found) == X.size(table) == len(bijection)
    assert sorted(map(bijection.element, found)) == list(range(X.size(table)))
    for alpha in found:
        assert bijection.morphism(bijection.element(alpha)) == alpha
    for row, alpha in enumerate(bijection):
        assert alpha.failures() == []
        assert bijection.element(alpha) == row


def test_something_that_is_not_representable_has_other_counts(mutants):
    arrow, G = representable(SchGraph, "E"), CSet(SchGraph, V=2, E=2, src=[0, 0], tgt=[1, 1])
    point = CSet(SchGraph, V=1, E=1, src=[0], tgt=[0])
    assert len(list(homomorphisms(arrow, G))) == G.size("E")
    with mutants("Yoneda: the terminal graph is not Hom(E, -)"):
        assert len(list(homomorphisms(point, G))) != G.size("E")


@settings(max_examples=40)
@given(st.data(), schemas)
def test_the_bijection_is_natural(data, schema: Schema):
    X = data.draw(csets(schema))
    phi = data.draw(out_of(X))
    Y = phi.codomain
    for table in schema.tables:
        for row in X.sets[table]:
            through = yoneda(X, table).morphism(row) >> phi
            assert through == yoneda(Y, table).morphism(phi(table, row))
    for name, (source, target) in schema.arrows.items():
        for row in X.sets[source]:
            before = precompose(schema, schema.graph.path([name]))
            there = before >> yoneda(X, source).morphism(row)
            assert there == yoneda(X, target).morphism(X.arrows[name](row))


@settings(max_examples=40)
@given(st.one_of(schemas, presented()))
def test_the_embedding_is_full_and_faithful(schema: Schema):
    embedding = yoneda_embedding(schema)
    assert embedding.failures() == []
    for a in schema.tables:
        for b in schema.tables:
            found = list(homomorphisms(embedding(b), embedding(a)))
            arrows = [precompose(schema, path) for (end, _), path in
                      paths_from(representable(schema, a), a).items() if end == b]  # fmt: skip
            assert len(found) == len(arrows)
            assert all(found.count(arrow) == 1 for arrow in arrows)


def test_the_embedding_turns_composites_round():
    embedding = yoneda_embedding(Presentation({"f": ("A", "B"), "g": ("B", "C")}))
    assert embedding.graph.ends("f") == ("B", "A")
    assert embedding("g >> f") == embedding("g") >> embedding("f")
    C = FiniteCategory(["A"], {"s": ("A", "A")}, {("s", "s"): "id(A)"})
    embedding = yoneda_embedding(C)
    assert embedding.domain == opposite(C)
    swap = embedding("s")
    assert swap >> swap == CSetMorphism.identity(representable(Schema.of_category(C), "A"))


@settings(max_examples=40)
@given(schemas.flatmap(lambda schema: csets(schema, max_rows=2)))
def test_every_c_set_is_a_colimit_of_representables(X: CSet):
    glued, comparison = density(X)
    assert len(glued.legs) == sum(map(X.size, X.sets))
    assert comparison.failures() == []
    assert all(component.is_bijective for component in comparison.components.values())
    assert comparison.codomain == X


def test_without_relations_it_is_another_colimit(mutants):
    """The disjoint union of the representables alone is too large."""
    G = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1])
    alone = sum(representable(SchGraph, t).size("V") * G.size(t) for t in ("V", "E"))
    with mutants("density: relations left out"):
        assert alone != density(G)[0].apex.size("V") == 2


@settings(max_examples=30)
@given(schemas.flatmap(csets))
def test_arrows_act_as_their_paths(X: CSet):
    for table in X.sets:
        y = representable(X.schema, table)
        values = actions_from(y, table, X)
        for place, path in paths_from(y, table).items():
            assert values[place].tolist() == list(X.along(path))


def test_what_cannot_be_is_refused():
    G = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1])
    with raises(UnknownName, "W"):
        yoneda(G, "W")
    with raises(UnknownName, "W"):
        representable(SchGraph, "W")
    with pytest.raises(UnknownName):
        yoneda(G, "E").morphism(1)
    with pytest.raises(InvalidStructure) as caught:
        yoneda(G, "E").element(CSetMorphism.identity(CSet(SchGraph, V=1)))
    assert len(caught.value.failures) == 2
    free = Schema(["X"], {"next": ("X", "X")})
    with raises(TooLarge, "arrows out of X", "next", "budget="):
        representable(free, "X", budget=1000)
