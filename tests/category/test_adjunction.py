"""Adjunctions: triangle laws with mutants, Galois connections, reflections, bijections of homs."""

from itertools import product as pairs_of

import pytest
from hypothesis import given, settings, strategies as st

from catlearn.category import (
    Adjunction,
    FiniteCategory,
    Functor,
    adjunction,
    functors,
    left_adjoint,
    naturally_isomorphic,
    right_adjoint,
)
from catlearn.category.constructions import full_subcategory
from catlearn.errors import CatlearnError, InvalidStructure
from catlearn.finset import product
from tests.errors import fails, raises

Z4 = FiniteCategory.group(range(4), lambda x, y: (x + y) % 4)
DIAMOND = FiniteCategory.poset([("0", "a"), ("0", "b"), ("a", "1"), ("b", "1")])
FORK = FiniteCategory.poset([("0", "a"), ("0", "b")])
POSETS = [FiniteCategory.chain(1), FiniteCategory.chain(2), DIAMOND, FORK]
posets = st.sampled_from(POSETS)


def below(P: FiniteCategory, a: str, b: str) -> bool:
    return bool(P.hom(a, b))


def is_galois(L: Functor, R: Functor) -> bool:
    """``L(p) <= q`` exactly if ``p <= R(q)``."""
    P, Q = L.domain, L.codomain
    return all(below(Q, L(p), q) == below(P, p, R(q)) for p in P.objects for q in Q.objects)


def finite_sets(most: int) -> FiniteCategory:
    """The sets of at most so many elements and all functions between them."""
    tables = [
        (n, m, f)
        for n in range(most + 1)
        for m in range(most + 1)
        for f in pairs_of(range(m), repeat=n)
    ]
    place = {table: k for k, table in enumerate(tables)}
    name = [f"{n}{m}:{''.join(map(str, f))}" for n, m, f in tables]
    ends = {name[k]: (str(n), str(m)) for k, (n, m, _) in enumerate(tables)}
    units = {str(n): name[place[n, n, tuple(range(n))]] for n in range(most + 1)}
    compose = {
        (name[j], name[k]): name[place[f[0], g[1], tuple(g[2][x] for x in f[2])]]
        for j, f in enumerate(tables)
        for k, g in enumerate(tables)
        if f[1] == g[0] and not {name[j], name[k]} & set(units.values())
    }
    proper = {f: pair for f, pair in ends.items() if f not in units.values()}
    return FiniteCategory(list(units), proper, compose, identities=units)


@settings(max_examples=40)
@given(posets, posets, st.data())
def test_adjoints_of_monotone_maps_are_galois_connections(P, Q, data):
    L = data.draw(st.sampled_from(list(functors(P, Q))))
    partners = [R for R in functors(Q, P) if is_galois(L, R)]
    assert len(partners) <= 1
    if partners:
        found = right_adjoint(L)
        assert found.right == partners[0]
        assert not found.failures()
        assert left_adjoint(found.right) == found == adjunction(L, found.right)
    else:
        with raises(CatlearnError, "right adjoint"):
            right_adjoint(L)


@pytest.mark.parametrize("P", [FiniteCategory.chain(2), DIAMOND])
def test_meets_and_joins_are_adjoint_to_the_diagonal(P: FiniteCategory):
    square = product(P, P)
    one = Functor.identity(P)
    diagonal = square.universal(one, one)
    meet, join = right_adjoint(diagonal), left_adjoint(diagonal)
    assert not meet.failures()
    assert not join.failures()
    for a, b in pairs_of(P.objects, repeat=2):
        lower = [c for c in P.objects if below(P, c, a) and below(P, c, b)]
        upper = [c for c in P.objects if below(P, a, c) and below(P, b, c)]
        assert all(below(P, c, meet.right(f"({a}, {b})")) for c in lower)
        assert meet.right(f"({a}, {b})") in lower
        assert all(below(P, join.left(f"({a}, {b})"), c) for c in upper)
    with raises(CatlearnError, "left adjoint", "(a, b)"):
        left_adjoint(product(FORK, FORK).universal(*[Functor.identity(FORK)] * 2))


def test_sets_reflect_into_those_with_at_most_one_element():
    sets = finite_sets(2)
    truth = full_subcategory(sets, ["0", "1"])
    pair = left_adjoint(truth.inclusion)
    assert [pair.left(n) for n in "012"] == ["0", "1", "1"]
    assert not pair.failures()
    assert pair.counit.is_isomorphism
    assert not pair.is_equivalence
    for n, m in pairs_of("012", "01"):
        there = [pair.transpose(f, source=n) for f in truth.hom(pair.left(n), m)]
        assert sorted(there) == sorted(sets.hom(n, m))
        back = [pair.untranspose(f, target=m) for f in there]
        assert back == list(truth.hom(pair.left(n), m))
    with raises(CatlearnError, "right adjoint", 2):
        right_adjoint(truth.inclusion)


def test_initial_and_terminal_objects_are_adjoints():
    sets, point = finite_sets(2), FiniteCategory.discrete(["x"])
    bang = Functor.constant(sets, point, "x")
    assert left_adjoint(bang).left("x") == "0"
    assert right_adjoint(bang).right("x") == "1"
    with raises(CatlearnError, "left adjoint", "x"):
        left_adjoint(Functor.constant(FiniteCategory.discrete(["a", "b"]), point, "x"))


def test_triangles_reject_a_wrong_counit():
    one = Functor.identity(Z4)
    Adjunction(one, one, {"*": "1"}, {"*": "3"})
    found = [
        ("triangle", "triangle at *", side, "'1' >> '1' = '2'", "'0'")
        for side in ("L(unit) >> counit", "unit >> R(counit)")
    ]
    with fails(InvalidStructure, *found):
        Adjunction(one, one, {"*": "1"}, {"*": "1"})
    with raises(CatlearnError, "any=True"):
        adjunction(one, one)
    assert not adjunction(one, one, any=True).failures()


@given(st.sampled_from(range(4)), st.sampled_from(range(4)))
def test_units_of_a_group_are_inverse_to_counits(unit: int, counit: int):
    one = Functor.identity(Z4)
    pair = Adjunction(one, one, {"*": str(unit)}, {"*": str(counit)}, check=False)
    assert (not pair.failures()) == ((unit + counit) % 4 == 0)


def test_ends_and_squares_are_checked():
    one = Functor.identity(Z4)
    S3 = FiniteCategory.permutation_group({"s": [1, 0, 2], "t": [0, 2, 1]})
    with raises(InvalidStructure, law="ends", where="left ends and right starts"):
        Adjunction(one, Functor.identity(S3), {}, {})
    with raises(InvalidStructure, law="naturality", where="unit, square at t"):
        Adjunction(Functor.identity(S3), Functor.identity(S3), {"*": "s"}, {"*": "s"})
    with raises(InvalidStructure, law="totality", where="unit, object *"):
        Adjunction(one, one, {}, {"*": "0"})
    two = FiniteCategory.chain(1)
    low, high = (Functor.constant(two, two, at) for at in "01")
    with raises(CatlearnError, "left adjoint"):
        adjunction(low, low)
    assert not adjunction(low, high).failures()


@settings(max_examples=15)
@given(posets, posets, posets, st.data())
def test_adjunctions_compose(P, Q, S, data):
    def adjoints(C, D):
        found = [R for R in functors(D, C) if any(is_galois(L, R) for L in functors(C, D))]
        return left_adjoint(data.draw(st.sampled_from(found))) if found else None

    first, second = adjoints(P, Q), adjoints(Q, S)
    if first is None or second is None:
        return
    both = first >> second
    assert not both.failures()
    assert both == adjunction(both.left, both.right)


def test_an_equivalence_has_an_adjoint_inverse():
    two, one = FiniteCategory.codiscrete(["x", "y"]), FiniteCategory.discrete(["p"])
    pair = right_adjoint(Functor.constant(two, one, "p"))
    assert pair.is_equivalence
    assert naturally_isomorphic(pair.left >> pair.right, Functor.identity(two))
    with raises(CatlearnError, "x", "y", "source="):
        pair.transpose("id(p)")
    assert pair.transpose("id(p)", source="y") == "y -> x"
