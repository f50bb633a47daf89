"""All functors: against brute force, and known counts of monotone maps and homomorphisms."""

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given, strategies as st

from catlearn.category import (
    FiniteCategory,
    Functor,
    Presentation,
    are_equivalent,
    are_isomorphic,
    functors,
)
from catlearn.category.enumeration import colours
from catlearn.errors import CatlearnError, UnknownName
from tests.category.small import IDEMPOTENT, cyclic
from tests.errors import raises

V4 = FiniteCategory.group(range(4), lambda x, y: x ^ y)
S3 = FiniteCategory.permutation_group({"s": [1, 0, 2], "t": [0, 2, 1]})
S4 = FiniteCategory.permutation_group({"s": [1, 0, 2, 3], "t": [1, 2, 3, 0]})
Q8 = FiniteCategory.permutation_group(
    {"i": [1, 2, 3, 0, 5, 6, 7, 4], "j": [4, 7, 6, 5, 2, 1, 0, 3]}
)
ARROW = FiniteCategory.walking_arrow()
SQUARE = Presentation(
    {"f": ("A", "B"), "g": ("B", "D"), "h": ("A", "C"), "k": ("C", "D")}, ["f >> g = h >> k"]
).category()
SMALL = [
    FiniteCategory.discrete([]),
    FiniteCategory.discrete(["x", "y"]),
    FiniteCategory.chain(1),
    FiniteCategory.chain(2),
    FiniteCategory.codiscrete(["x", "y"]),
    cyclic(2),
    cyclic(3),
    IDEMPOTENT,
    FiniteCategory(["A", "B"], {"f": ("A", "B"), "g": ("A", "B")}),
]
small = st.sampled_from(SMALL)


def count(*ends, **options) -> int:
    return len(list(functors(*ends, **options)))


def brute(C: FiniteCategory, D: FiniteCategory) -> set[tuple[int, ...]]:
    """Try every function of arrows."""
    found = set()
    for ar in product(range(len(D.ar)), repeat=len(C.ar)):
        units = [ar[u] for u in C.ids]
        if not all(D.is_identity[u] for u in units):
            continue
        ob = [D.src(u) for u in units]
        if not Functor.build(C, D, np.array(ob, np.int64), np.array(ar, np.int64)).failures():
            found.add(ar)
    return found


@given(small, small)
def test_all_functors_are_found_once(C: FiniteCategory, D: FiniteCategory):
    if len(D.ar) ** len(C.ar) > 5000:
        return
    found = [tuple(F.ar) for F in functors(C, D)]
    assert len(set(found)) == len(found)
    assert set(found) == brute(C, D)
    monic = [ar for ar in found if len(set(ar)) == len(ar)]
    assert [tuple(F.ar) for F in functors(C, D, monic=True)] == monic
    isos = [ar for ar in monic if len(C.ar) == len(D.ar)]
    assert [tuple(F.ar) for F in functors(C, D, iso=True)] == isos
    assert are_isomorphic(C, D) == bool(isos)


@pytest.mark.parametrize(
    ("C", "D", "homomorphisms"),
    [
        (cyclic(4), cyclic(2), 2),
        (cyclic(2), cyclic(4), 2),
        (S3, cyclic(2), 2),
        (V4, cyclic(2), 4),
        (S3, S3, 10),
        (S4, S4, 58),
        (cyclic(12), cyclic(18), 6),
        (Q8, Q8, 28),
    ],
)
def test_functors_of_groups_are_homomorphisms(C, D, homomorphisms):
    assert count(C, D) == homomorphisms


@pytest.mark.parametrize(
    ("G", "automorphisms"), [(cyclic(5), 4), (V4, 6), (S3, 6), (S4, 24), (Q8, 24)]
)
def test_automorphism_groups(G, automorphisms):
    found = list(functors(G, G, iso=True))
    assert len(found) == automorphisms
    assert all(F.is_isomorphism for F in found)
    assert {F >> H for F in found[:4] for H in found} == set(found)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 3), (3, 5), (4, 6)])
def test_functors_of_posets_are_monotone_maps(n: int, m: int):
    assert count(FiniteCategory.chain(n), FiniteCategory.chain(m)) == comb(n + m + 1, n + 1)
    assert count(FiniteCategory.chain(n), FiniteCategory.chain(m), monic=True) == comb(m + 1, n + 1)


@pytest.mark.parametrize("D", [S3, SQUARE, Q8, *SMALL])
def test_functors_out_of_an_arrow_and_a_square_are_those(D: FiniteCategory):
    assert count(ARROW, D) == len(D.ar)
    assert count(FiniteCategory.chain(2), D) == len(D.composites)
    ends = D.src.values[D.pairs[0]] * len(D.ob) + D.tgt.values[D.pairs[1]]
    pairs = np.unique(ends * len(D.ar) + D.composites, return_counts=True)[1]
    assert count(SQUARE, D) == int((pairs**2).sum())


def test_some_values_may_be_given():
    assert [F("1") for F in functors(cyclic(4), cyclic(4), arrows={"2": "2"})] == ["1", "3"]
    P = FiniteCategory.chain(2)
    assert count(P, P, objects={"1": "0"}) == 3
    assert count(P, P, objects={"1": 0}, arrows={"0 <= 1": "1 <= 2"}) == 0
    assert count(S3, S3, limit=3) == 3
    with pytest.raises(UnknownName):
        functors(P, P, objects={"7": "0"})
    with raises(CatlearnError, "Presentation"):
        functors(Presentation({"s": ("A", "A")}), P)


def test_colours_tell_apart_and_are_preserved():
    assert sorted(colours(cyclic(4))) != sorted(colours(V4))
    for F in functors(S4, S4, iso=True, limit=5):
        assert (colours(S4)[F.ar.values] == colours(S4)).all()
    assert not are_isomorphic(FiniteCategory.group(range(8), lambda x, y: (x + y) % 8), Q8)
    A5 = FiniteCategory.permutation_group({"a": [1, 2, 0, 3, 4], "b": [1, 2, 3, 4, 0]})
    assert count(A5, A5, iso=True) == 120


def test_equivalent_categories():
    many = FiniteCategory.codiscrete([f"x{k}" for k in range(5)])
    assert are_equivalent(many, FiniteCategory.chain(0))
    assert not are_equivalent(many, FiniteCategory.chain(1))
    assert not are_isomorphic(many, FiniteCategory.chain(0))
    assert not are_equivalent(cyclic(4), V4)


def test_a_generator_that_others_generate_is_no_choice():
    C = Presentation({"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C")}, ["f >> g = h"]).category()
    D = Presentation({"s": ("E", "V"), "t": ("E", "V")}).category()
    found = list(functors(C, D))
    assert all(F.failures() == [] for F in found)
    # All three to one object; s or t as the first step, or as the second.
    assert len(found) == 2 + 2 + 2
