"""Exponentials and the subobject classifier, by their universal properties and by counting."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from catlearn.category import Graph
from catlearn.cset import (
    CSet,
    CSetMorphism,
    Exponential,
    Schema,
    SchGraph,
    Subobject,
    exponential,
    homomorphisms,
    is_isomorphic,
    subobject_classifier,
    subobjects,
)
from catlearn.errors import InvalidStructure, NotComposable, TooLarge
from catlearn.finset import equalizer, product, pullback, terminal
from tests.cset.schemas import REFLEXIVE
from tests.errors import raises

SWAPS = Schema(["A"], {"s": ("A", "A")}, equations=["s >> s = id(A)"])
COSPAN = Schema(["L", "M", "R"], {"l": ("L", "M"), "r": ("R", "M")})
MONOID = Schema(["A"], {"e": ("A", "A")}, equations=["e >> e = e"])


def draw_rows(draw: st.DrawFn, length: int, end: int) -> list[int]:
    place = st.integers(0, max(end - 1, 0))
    return draw(st.lists(place, min_size=length, max_size=length))


@st.composite
def graphs(draw: st.DrawFn, most: int = 2) -> CSet:
    size = draw(st.integers(0, most))
    edges = draw(st.integers(0, most)) if size else 0
    src, tgt = draw_rows(draw, edges, size), draw_rows(draw, edges, size)
    return CSet(SchGraph, V=size, E=edges, src=src, tgt=tgt)


@st.composite
def reflexives(draw: st.DrawFn) -> CSet:
    size, more = draw(st.integers(1, 2)), draw(st.integers(0, 1))
    loops = list(range(size))
    src, tgt = (loops + draw_rows(draw, more, size) for _ in range(2))
    return CSet(REFLEXIVE, V=size, E=size + more, src=src, tgt=tgt, refl=loops)


@st.composite
def swaps(draw: st.DrawFn) -> CSet:
    pairs, fixed = draw(st.integers(0, 1)), draw(st.integers(0, 1))
    values = [1, 0][: 2 * pairs] + [2 * pairs][:fixed]
    return CSet(SWAPS, A=len(values), s=values)


@st.composite
def idempotents(draw: st.DrawFn) -> CSet:
    size = draw(st.integers(0, 3))
    kept = draw(st.integers(1, max(size, 1)))
    return CSet(MONOID, A=size, e=[k if k < kept else 0 for k in range(size)])


@st.composite
def cospans(draw: st.DrawFn) -> CSet:
    m = draw(st.integers(0, 2))
    left, right = (draw(st.integers(0, 1)) if m else 0 for _ in range(2))
    return CSet(COSPAN, L=left, M=m, R=right, l=draw_rows(draw, left, m),
                r=draw_rows(draw, right, m))  # fmt: skip


def triples(one: st.SearchStrategy[CSet]) -> st.SearchStrategy[tuple[CSet, CSet, CSet]]:
    return st.tuples(one, one, one)


KINDS = st.one_of(*map(triples, (graphs(), reflexives(), swaps(), idempotents(), cospans())))


def is_exponential(power: Any, A: CSet, X: CSet, Y: CSet) -> None:
    """Currying is a bijection, and uncurrying, which is evaluation, is its inverse."""
    assert power.evaluation.failures() == []
    above = list(homomorphisms(product(A, X).apex, Y))
    below = list(homomorphisms(A, power.cset))
    curried = [power.curry(f, A) for f in above]
    for f, g in zip(above, curried, strict=True):
        assert g.failures() == []
        assert power.uncurry(g) == f
    assert len(set(curried)) == len(curried)
    assert set(curried) == set(below)


@settings(max_examples=40)
@given(KINDS)
def test_currying_is_a_bijection(three: tuple[CSet, CSet, CSet]):
    A, X, Y = three
    power = exponential(Y, X)
    assert power.cset.failures() == []
    is_exponential(power, A, X, Y)


class Constant(Exponential):
    """Currying that forgets its argument."""

    def curry(self, f: Any, A: CSet) -> Any:
        return next(homomorphisms(A, self.cset))


class Larger(Exponential):
    """One vertex too many."""

    def __init__(self, base: CSet, exponent: CSet, budget: int) -> None:
        super().__init__(base, exponent, budget)
        vars(self).update(cset=self.cset + CSet(SchGraph, V=1))

    def curry(self, f: Any, A: CSet) -> Any:
        g = super().curry(f, A)
        return CSetMorphism(A, self.cset, {t: one.values for t, one in g.components.items()})

    def uncurry(self, g: Any) -> Any:
        right = exponential(self.base, self.exponent)
        return right.uncurry(CSetMorphism(g.domain, right.cset,
                             {t: one.values for t, one in g.components.items()}))  # fmt: skip


class Swapped(Exponential):
    """Evaluation that mixes up the vertices."""

    def uncurry(self, g: Any) -> Any:
        f = super().uncurry(g)
        return CSetMorphism(f.domain, f.codomain, V=1 - f.components["V"].values)


@pytest.mark.parametrize("wrong", [Constant, Larger, Swapped])
def test_what_is_not_an_exponential_is_rejected(wrong: type[Exponential]):
    A, X, Y = (CSet(SchGraph, V=size) for size in (1, 2, 2))
    is_exponential(exponential(Y, X), A, X, Y)
    with pytest.raises(AssertionError):
        is_exponential(wrong(Y, X, 1000), A, X, Y)


def test_vertices_and_loops_of_an_exponential_of_graphs():
    G = CSet.of(Graph({"f": ("A", "B"), "g": ("B", "A"), "h": ("A", "A")}))
    H = CSet.of(Graph({"f": ("A", "B"), "l": ("B", "B")}))
    power = exponential(H, G)
    assert power.cset.size("V") == H.size("V") ** G.size("V")
    loops = np.count_nonzero(power.cset.src.values == power.cset.tgt.values)
    assert loops == len(list(homomorphisms(G, H)))
    one = terminal(G)
    assert is_isomorphic(exponential(H, one).cset, H)
    assert is_isomorphic(exponential(one, H).cset, one)
    assert is_isomorphic(exponential(H, CSet(SchGraph)).cset, one)


@settings(max_examples=10)
@given(graphs(1), graphs(1), graphs())
def test_exponents_add_and_multiply(A: CSet, B: CSet, Y: CSet):
    power = exponential(Y, A + B).cset
    assert is_isomorphic(power, product(exponential(Y, A).cset, exponential(Y, B).cset).apex)
    twice = exponential(exponential(Y, A).cset, B).cset
    assert is_isomorphic(twice, exponential(Y, product(A, B).apex).cset)


def classifies(omega: Any, X: CSet) -> None:
    """Each subobject is the pullback of true along exactly one morphism, which we are told."""
    assert omega.true.failures() == []
    every = list(homomorphisms(X, omega.cset))
    parts = list(subobjects(X))
    assert len(every) == len(parts)
    for part in parts:
        chi = omega.characteristic(part)
        assert chi.failures() == []
        pulled = [
            other for other in every if Subobject.image(pullback(other, omega.true)[0]) == part
        ]
        assert pulled == [chi]
        assert omega.subobject(chi) == part
        assert omega.characteristic(part.inclusion) == chi


@settings(max_examples=40)
@given(st.one_of(graphs(), reflexives(), swaps(), idempotents(), cospans()))
def test_subobjects_are_classified(X: CSet):
    classifies(subobject_classifier(X.schema), X)


def test_another_truth_is_rejected():
    X = CSet.of(Graph({"f": ("A", "B")}))
    classifies(subobject_classifier(SchGraph), X)
    omega = subobject_classifier(SchGraph)
    # The other loops: not at all, and both ends without the edge.
    for vertex, edge in ((0, 0), (1, 3)):
        true = CSetMorphism(omega.true.domain, omega.cset, V=[vertex], E=[edge])
        vars(omega).update(true=true)
        with pytest.raises(AssertionError):
            classifies(omega, X)


def test_the_classifier_of_graphs():
    omega = subobject_classifier(SchGraph).cset
    assert (omega.size("V"), omega.size("E")) == (2, 5)
    ends = sorted(zip(omega.src, omega.tgt, strict=True))
    assert ends == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 1)]
    assert subobject_classifier(Schema(["P"])).cset.P.size == 2
    assert subobject_classifier(SWAPS).cset.size("A") == 2
    assert subobject_classifier(MONOID).cset.size("A") == 3
    reflexive = subobject_classifier(REFLEXIVE).cset
    assert reflexive.failures() == []
    assert (reflexive.size("V"), reflexive.size("E")) == (2, 5)


def test_truth_values_are_the_parts_of_the_terminal_object():
    one = terminal(CSet(COSPAN))
    omega = subobject_classifier(COSPAN)
    assert len(list(homomorphisms(one, omega.cset))) == len(list(subobjects(one))) == 5


def test_where_there_are_none():
    lists = Schema(["A", "B"], lists={"l": ("A", "B")}, attributes={"c": "A"})
    endless = Schema(["X"], {"n": ("X", "X")})
    with raises(InvalidStructure, law="schema", where="list 'l'") as caught:
        subobject_classifier(lists)
    assert len(caught.value.failures) == 2
    with raises(InvalidStructure, law="schema", where="list 'l'"):
        exponential(CSet(lists), CSet(lists))
    with raises(TooLarge, "infinite", "X", "n"):
        subobject_classifier(endless)
    with raises(TooLarge, "infinite", "X", "n"):
        exponential(CSet(endless), CSet(endless))
    points = CSet(SchGraph, V=9)
    with raises(TooLarge, 1000, "V"):
        exponential(points, points, budget=1000)
    with raises(TooLarge, "subobjects", "budget=", 3):
        subobject_classifier(SchGraph, budget=3)


def test_ends_are_checked():
    X = CSet(SchGraph, V=2)
    power, omega = exponential(X, X), subobject_classifier(SchGraph)
    identity = CSetMorphism.identity(X)
    with raises(NotComposable, "A x X", "Y", law="ends", where="domain"):
        power.curry(identity, X)
    with raises(NotComposable, "A", "Y^X", law="ends", where="codomain"):
        power.uncurry(identity)
    with raises(NotComposable, "Omega", law="ends", where="codomain"):
        omega.subobject(identity)
    with raises(InvalidStructure, law="monic", where="inclusion"):
        omega.characteristic(CSetMorphism(X, X, V=[0, 0]))
    with raises(InvalidStructure, law="schema", where="whole"):
        omega.characteristic(Subobject.top(CSet(SWAPS)))
    with raises(InvalidStructure, law="shape", where="base and exponent"):
        exponential(X, CSet(SWAPS))


@settings(max_examples=30)
@given(graphs(), graphs(), graphs())
def test_limits_of_c_sets_have_the_universal_property(W: CSet, X: CSet, Y: CSet):
    """Every cone factors through the limit in exactly one way, the one that is told."""
    pairs = product(X, Y)
    into = list(homomorphisms(W, pairs.apex))
    for f in homomorphisms(W, X, limit=3):
        for g in homomorphisms(W, Y, limit=3):
            found = [u for u in into if u >> pairs[0] == f and u >> pairs[1] == g]
            assert found == [pairs.universal(f, g)]
    maps = list(homomorphisms(X, Y, limit=3))
    if len(maps) > 1:
        f, g = maps[0], maps[-1]
        equal, corner = equalizer(f, g), pullback(f, g)
        for h in homomorphisms(W, X):
            if h >> f == h >> g:
                found = [u for u in homomorphisms(W, equal.apex) if u >> equal[0] == h]
                assert found == [equal.universal(h)]
            for k in homomorphisms(W, X, limit=3):
                if h >> f == k >> g:
                    u = corner.universal(h, k)
                    assert [u] == [
                        v
                        for v in homomorphisms(W, corner.apex)
                        if v >> corner[0] == h and v >> corner[1] == k
                    ]
    assert len(list(homomorphisms(W, terminal(X)))) == 1
