"""Categories of elements: discrete opfibrations, the round trip, slices."""

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from catlearn.category import FiniteCategory, Functor
from catlearn.cset import (
    CSet,
    CSetMorphism,
    Schema,
    SchGraph,
    category_of_elements,
    elements_graph,
    from_elements,
    homomorphisms,
)
from catlearn.errors import InvalidStructure, TooLarge
from catlearn.laws.strategies import csets
from tests.cset.schemas import REFLEXIVE, SQUARE
from tests.errors import fails, raises

GROUP = Schema(["A"], {"s": ("A", "A")}, equations=["s >> s >> s = id(A)"])
schemas = st.sampled_from([SchGraph, REFLEXIVE, SQUARE, GROUP])


@settings(max_examples=60)
@given(schemas.flatmap(csets))
def test_it_is_a_category_over_the_schema(X: CSet):
    elements = category_of_elements(X)
    E, P = elements.category, elements.projection
    assert E.failures() == []
    assert P.failures() == []
    assert len(E.objects) == sum(map(X.size, X.sets))
    # Exactly one arrow out of each row over each arrow out of its table.
    for name in E.objects:
        table, row = elements.at(name)
        assert elements.object(table, row) == name
        out = np.flatnonzero(E.src.values == E.object(name))
        over = np.flatnonzero(P.codomain.src.values == P.codomain.object(table))
        assert sorted(P.ar.values[out]) == sorted(over)


@settings(max_examples=60)
@given(schemas.flatmap(csets))
def test_the_round_trip(X: CSet):
    back = from_elements(category_of_elements(X).projection)
    assert back.matches(X)
    assert back.schema == X.schema


def test_the_generators_are_enough():
    X = CSet(SQUARE, A=["a"], B=["b"], C=["c"], D=["d"], f=[0], g=[0], h=[0], k=[0])
    E = category_of_elements(X).category
    assert E.generators.edges == ("f@a", "g@b", "h@a", "k@c")
    assert E.compose("f@a", "g@b") == E.compose("h@a", "k@c")
    E = FiniteCategory.build(
        E.ob, E.ar, E.src.values, E.tgt.values, E.ids.values, E.then
    )  # without being told generators
    assert set(E.generators.edges) == {"f@a", "g@b", "h@a", "k@c"}


def test_what_is_not_a_discrete_opfibration_is_refused(mutants):
    base = FiniteCategory(["A", "B"], {"f": ("A", "B")})
    no_lift = ("unique lifts", "object x", 0, "f")
    with mutants("discrete opfibration: no lift"), fails(InvalidStructure, no_lift):
        from_elements(Functor(FiniteCategory(["x"]), base, {"x": "A"}))
    twice = FiniteCategory(["x", "y"], {"u": ("x", "y"), "v": ("x", "y")})
    F = Functor(twice, base, arrows={"u": "f", "v": "f"})
    two_lifts = ("unique lifts", "object x", 2, "f")
    with mutants("discrete opfibration: two lifts"), fails(InvalidStructure, two_lifts):
        from_elements(F)
    # An arrow over an identity that is none.
    F = Functor(twice, base, {"x": "B", "y": "B"}, {"u": "id(B)", "v": "id(B)"})
    with mutants("discrete opfibration: a vertical arrow"), pytest.raises(InvalidStructure):
        from_elements(F)


@settings(max_examples=60)
@given(schemas.flatmap(csets))
def test_the_graph_of_elements_generates_it(X: CSet):
    typing, E = elements_graph(X), category_of_elements(X).category
    assert typing.failures() == []
    assert typing.domain.vertices == E.objects
    assert {e: typing.domain.ends(e) for e in typing.domain.edges} == {
        e: E.ends(e) for e in E.generators.edges
    }


def test_the_graph_of_elements_of_an_infinite_category():
    dynamics = Schema(["X"], {"next": ("X", "X")})
    X = CSet(dynamics, X=3, next=[1, 2, 0])
    with raises(TooLarge, "infinite", "next"):
        category_of_elements(X)
    typing = elements_graph(X)
    assert typing.domain.ends("next@2") == ("X:2", "X:0")
    assert typing.codomain == dynamics.graph


def fibres(f: CSetMorphism) -> CSet:
    """A C-set over X as a C-set on the elements of X."""
    elements = category_of_elements(f.codomain)
    schema = Schema.of_category(elements.category)
    rows = {}
    for name in elements.category.objects:
        table, row = elements.at(name)
        rows[name] = np.flatnonzero(f.components[table].values == row)
    parts = {name: len(chosen) for name, chosen in rows.items()}
    for edge, (source, target) in schema.arrows.items():
        values = f.domain.arrows[elements.projection(edge)].values[rows[source]]
        parts[edge] = np.searchsorted(rows[target], values)
    return CSet(schema, parts)


@settings(max_examples=40)
@given(st.data(), st.sampled_from([SchGraph, GROUP]))
def test_c_sets_over_x_are_c_sets_on_its_elements(data, schema: Schema):
    X = data.draw(csets(schema, max_rows=2))
    over = []
    for _ in range(2):
        found = list(homomorphisms(data.draw(csets(schema, max_rows=2)), X))
        assume(found)
        over.append(data.draw(st.sampled_from(found)))
    f, g = over
    between = [u for u in homomorphisms(f.domain, g.domain) if u >> g == f]
    assert len(between) == len(list(homomorphisms(fibres(f), fibres(g))))


def test_a_category_may_be_given():
    C = FiniteCategory(["A", "B"], {"f": ("A", "B")})
    X = CSet(Schema.of_category(C), A=["x", "y"], B=["z"], f=["z", "z"])
    assert category_of_elements(X).projection.codomain is C
    assert category_of_elements(X, C) == category_of_elements(X)
    assert category_of_elements(X, C).category.arrows == (
        "id(A:x)", "id(A:y)", "id(B:z)", "f@x", "f@y",
    )  # fmt: skip
