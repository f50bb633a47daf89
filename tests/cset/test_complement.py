"""Pushout complements: known answers, recovery of squares, and what is refused and why."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st

from catlearn.category import Graph, GraphMorphism, Presentation, PresentationMorphism
from catlearn.cset import CSet, CSetMorphism, Schema, SchGraph
from catlearn.cset.complement import is_pushout, pushout_complement
from catlearn.errors import CatlearnError, NoComplement
from catlearn.finset import FinFunction, pushout
from catlearn.laws import csets, finite_functions, learning_diagrams, learning_spans, spans
from tests.errors import are, fails, raises

LISTED = Schema(["V", "E"], SchGraph.arrows, lists={"word": ("V", "E")}, attributes={"colour": "V"})


def test_the_complement_is_an_inclusion():
    """AlgebraicRewriting, 1-based: l = [1, 3] -> 4, m = [1, 2, 5, 6] -> 6 leaves {1, 3, 4, 5}."""
    l = FinFunction([0, 2], codomain=4)  # noqa: E741
    k, d = pushout_complement(l, FinFunction([0, 1, 4, 5], codomain=6))
    assert list(d) == [0, 2, 3, 4]
    assert list(k) == [0, 3]


def test_the_identification_condition():
    """AlgebraicRewriting, 1-based: l = [1, 3] -> 4, m = [1, 2, 2, 3] -> 3 has none."""
    l = FinFunction([0, 2], codomain=4)  # noqa: E741
    with raises(NoComplement, 2, law="identification", where="'1'") as caught:
        pushout_complement(l, FinFunction([0, 1, 1, 2], codomain=3))
    assert [failure.law for failure in caught.value.failures] == ["identification"]


def test_a_map_that_is_not_monic_is_refused():
    with raises(NoComplement, law="uniqueness", where="element '0'"):
        pushout_complement(FinFunction([0, 0], codomain=1), FinFunction([0], codomain=1))


def test_maps_that_do_not_compose_are_refused():
    with raises(CatlearnError, "l", "m", 2, 1):
        pushout_complement(FinFunction([0], codomain=2), FinFunction([0], codomain=1))
    with raises(CatlearnError, "FinFunction", "int"):
        pushout_complement(FinFunction([0], codomain=2), 3)


@given(st.data(), st.integers(0, 4), st.integers(0, 4), st.integers(1, 5))
def test_complements_of_functions_make_pushouts(data, small, more, size):
    l = data.draw(finite_functions(small, small + more, injective=True))  # noqa: E741
    m = data.draw(finite_functions(small + more, size))
    hits = np.bincount(m.values, minlength=size)
    outside = set(range(small + more)) - set(l)
    if any(hits[m(x)] > 1 for x in outside):
        with pytest.raises(NoComplement):
            pushout_complement(l, m)
        return
    found = pushout_complement(l, m)
    k, d = found
    assert is_pushout(l, k, m, d)
    assert found.square.universal(m, d) == FinFunction.identity(m.codomain)


@settings(max_examples=40)
@given(spans(csets(LISTED)))
def test_complements_recover_pushouts(span):
    """The complement of l and the leg of a pushout along l is the other foot (l monic)."""
    l, right = span  # noqa: E741
    legs = pushout(l, right)
    m, other = legs
    found = pushout_complement(l, m)
    k, d = found
    assert is_pushout(l, k, m, d)
    # Uniqueness: the other foot has the same image in the apex, and is embedded as l is.
    for table in l.components:
        assert set(d.image_rows(table)) == set(other.image_rows(table))
    assert found.square.universal(m, d) == legs.apex.ambient.identity(legs.apex)


@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
@given(spans(csets(LISTED)))
def test_a_complement_with_a_missing_row_is_no_pushout(span):
    l, right = span  # noqa: E741
    m, _ = pushout(l, right)
    found = pushout_complement(l, m)
    k, d = found
    loose = {
        t: sorted(set(range(d.domain.size(t))) - set(f.values.tolist()))
        for t, f in k.components.items()
    }
    # Edges that no list mentions may be taken away without breaking the tables.
    listed = set(d.domain.lists["word"].values.tolist())
    edges = [e for e in loose["E"] if e not in listed]
    assume(edges)
    rows = {t: list(range(d.domain.size(t))) for t in loose}
    rows["E"].remove(edges[0])
    small, inclusion = d.domain.subtables(rows)
    parts = {t: np.searchsorted(rows[t], f.values) for t, f in k.components.items()}
    mutant = CSetMorphism(k.domain, small, parts)
    assert mutant >> (inclusion >> d) == l >> m  # the square commutes still
    assert not is_pushout(l, mutant, m, inclusion >> d)


@settings(max_examples=15)
@given(learning_spans(learning_diagrams()))
def test_complements_in_learning_diagrams_keep_the_store(span):
    l, right = span  # noqa: E741
    legs = pushout(l, right)
    k, d = pushout_complement(l, legs[0])
    assert is_pushout(l, k, legs[0], d)
    assert type(d.domain) is type(legs.apex)
    for edge, value in d.domain.store.items():
        assert legs.apex.store[d.edge(edge)] is value
    assert set(d.domain.store) == {e for e in d.domain.edges if d.edge(e) in legs.apex.store}


def test_every_dangling_row_is_named():
    G = Graph({"f": ("A", "B"), "g": ("B", "B"), "h": ("A", "A")})
    point = Graph(vertices=["v"])
    nothing = GraphMorphism(Graph(), point, V={}, E={})
    with raises(NoComplement) as caught:
        pushout_complement(nothing, GraphMorphism(point, G, V={"v": "B"}, E={}))
    assert are(
        sorted(caught.value.failures, key=str),
        ("dangling", "edge 'f'", "vertex 'B'", "tgt"),
        ("dangling", "edge 'g'", "vertex 'B'", "src"),
        ("dangling", "edge 'g'", "vertex 'B'", "tgt"),
    )


def test_list_entries_dangle_too():
    P = Presentation({"f": ("A", "A"), "g": ("A", "A")}, {"fit": "f >> f = g", "other": "g = g"})
    L = Presentation({"e": ("X", "X")})
    K = Presentation(Graph(vertices=["X"]))
    l = PresentationMorphism(K, L, V={"X": "X"}, E={})  # noqa: E741
    with fails(NoComplement, ("dangling", "equation 'fit'", "edge 'f'", "lhs")):
        pushout_complement(l, PresentationMorphism(L, P, V={"X": "A"}, E={"e": "f"}))


def test_deleting_an_edge_keeps_the_rest():
    G = CSet(SchGraph, V=["a", "b"], E=["x", "y"], src=[0, 0], tgt=[1, 1])
    arrow = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1])
    ends = CSet(SchGraph, V=2)
    l = CSetMorphism(ends, arrow, V=[0, 1])  # noqa: E741
    k, d = pushout_complement(l, CSetMorphism(arrow, G, V=[0, 1], E=[1]))
    assert k.codomain == CSet(SchGraph, V=["a", "b"], E=["x"], src=[0], tgt=[1])
    assert list(d.components["E"]) == [0]
