"""Subobjects: enumeration, Heyting and co-Heyting laws, adjoints along morphisms, images."""

from collections.abc import Callable
from itertools import product as tuples
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from catlearn.category import Graph, Presentation, opposite
from catlearn.cset import (
    CSet,
    CSetMorphism,
    Schema,
    SchGraph,
    Subobject,
    homomorphisms,
    image,
    isomorphism,
    subobject_lattice,
    subobjects,
)
from catlearn.errors import InvalidStructure, NotComposable, TooLarge
from catlearn.finset import TableMorphism, Tables, coproduct, product, pullback
from tests.errors import raises

WORDS = Schema(
    ["V", "E", "W"],
    arrows={**SchGraph.arrows, "next": ("V", "V")},
    lists={"word": ("W", "E")},
    attributes={"colour": "V"},
)
Operation = Callable[[Subobject, Subobject], Subobject]


@st.composite
def words(draw: st.DrawFn, most: int = 2) -> CSet:
    size = draw(st.integers(0, most))
    edges = draw(st.integers(0, most)) if size else 0

    def rows(length: int, end: int) -> list[int]:
        place = st.integers(0, max(end - 1, 0))
        return draw(st.lists(place, min_size=length, max_size=length))

    spelt = [rows(draw(st.integers(0, 2)), edges)] if edges else []
    return CSet(
        WORDS, V=size, E=edges, W=len(spelt), src=rows(edges, size), tgt=rows(edges, size),
        next=rows(size, size), word=spelt, colour=["r"] * size,
    )  # fmt: skip


def every_part(whole: Tables) -> list[Subobject]:
    """All closed parts, by trying all sets of rows."""
    tables = whole.shape.tables
    choices = [list(tuples([False, True], repeat=whole.size(table))) for table in tables]
    found = []
    for masks in tuples(*choices):
        rows = {t: np.flatnonzero(mask) for t, mask in zip(tables, masks, strict=True)}
        try:
            found.append(Subobject(whole, rows))
        except InvalidStructure:
            continue
    return found


@settings(max_examples=30)
@given(words())
def test_enumeration_finds_every_closed_part_once(X: CSet):
    found = list(subobjects(X))
    assert len(found) == len(set(found))
    assert set(found) == set(every_part(X))
    assert all(not b < a for k, a in enumerate(found) for b in found[k:])
    monos = {
        Subobject.image(m) for a in found for m in homomorphisms(a.inclusion.domain, X, monic=True)
    }
    assert monos <= set(found)


def is_heyting(parts: list[Subobject], implies: Operation, minus: Operation) -> None:
    pairs = list(tuples(parts, repeat=2))
    meets, joins = {(a, b): a & b for a, b in pairs}, {(a, b): a | b for a, b in pairs}
    implied, less = {ab: implies(*ab) for ab in pairs}, {ab: minus(*ab) for ab in pairs}
    for a, b, c in tuples(parts, repeat=3):
        assert (meets[a, b] <= c) == (a <= implied[b, c])
        assert (less[a, b] <= c) == (a <= joins[b, c])


def has_meets_and_joins(parts: list[Subobject], meet: Operation, join: Operation) -> None:
    for a, b in tuples(parts, repeat=2):
        both, either = meet(a, b), join(a, b)
        for c in parts:
            assert (c <= a and c <= b) == (c <= both)
            assert (a <= c and b <= c) == (either <= c)


@settings(max_examples=20)
@given(words())
def test_the_lattice_laws(X: CSet):
    parts = list(subobjects(X))[-6:]
    top, bottom = Subobject.top(X), Subobject.bottom(X)
    is_heyting(parts, Subobject.implies, Subobject.__sub__)
    has_meets_and_joins(parts, Subobject.__and__, Subobject.__or__)
    for a in parts:
        assert bottom <= a <= top
        assert ~a == a.implies(bottom)
        assert a.boundary == a & (top - a)
        assert a <= ~~a
        assert Subobject.generated(X, a.rows) == a == Subobject(X, a.rows)


def generated_complement(a: Subobject, b: Subobject) -> Subobject:
    """The closure of the set-theoretic implication, which is too large."""
    masks = {table: ~a.masks[table] | b.masks[table] for table in a.masks}
    return Subobject.generated(a.whole, {t: np.flatnonzero(mask) for t, mask in masks.items()})


PATH = CSet.of(Graph({"f": ("A", "B"), "g": ("B", "C")}))


@pytest.mark.parametrize(
    ("implies", "minus"),
    [
        (generated_complement, Subobject.__sub__),
        (lambda a, b: ~a | b, Subobject.__sub__),
        (Subobject.implies, lambda a, b: a & ~b),
        (Subobject.implies, lambda a, b: a),
    ],
)
def test_other_implications_and_differences_are_rejected(implies: Operation, minus: Operation):
    parts = list(subobjects(PATH))
    is_heyting(parts, Subobject.implies, Subobject.__sub__)
    with pytest.raises(AssertionError):
        is_heyting(parts, implies, minus)


def test_meets_and_joins_that_are_swapped_are_rejected():
    with pytest.raises(AssertionError):
        has_meets_and_joins(list(subobjects(PATH)), Subobject.__or__, Subobject.__and__)


def are_adjoint(f: Any, exists: Callable, back: Callable, forall: Callable) -> None:
    for a, b in tuples(subobjects(f.domain), subobjects(f.codomain)):
        assert (exists(a, f) <= b) == (a <= back(b, f))
        assert (back(b, f) <= a) == (b <= forall(a, f))


FACES = Subobject.exists, Subobject.pullback, Subobject.forall


@settings(max_examples=25)
@given(words(), words(), st.integers(0, 3))
def test_both_images_are_adjoint_to_pulling_back(X: CSet, Y: CSet, k: int):
    for f in list(homomorphisms(X, Y, limit=k + 1))[-1:]:
        are_adjoint(f, *FACES)
        b = Subobject.image(f)
        assert b.pullback(f) == Subobject.top(X)
        for part in subobjects(Y):
            legs = pullback(f, part.inclusion)
            assert Subobject.image(legs[0]) == part.pullback(f)


def test_other_images_are_rejected():
    one = CSet(SchGraph, V=1)
    f = CSetMorphism(one, PATH, V=["B"])
    are_adjoint(f, *FACES)
    exists, back, forall = FACES
    for wrong in (
        (forall, back, forall),
        (exists, back, exists),
        (exists, lambda b, f: Subobject.bottom(f.domain), forall),
    ):
        with pytest.raises(AssertionError):
            are_adjoint(f, *wrong)


def factors(f: TableMorphism, epi: TableMorphism, mono: TableMorphism) -> None:
    """The law of an image: an epi and a mono, whose composite is f."""
    assert epi.failures() + mono.failures() == []
    assert epi >> mono == f
    assert mono.is_monic
    assert all(one.is_surjective for one in epi.components.values())


@settings(max_examples=30)
@given(words(3), words(3), st.integers(0, 5))
def test_images(X: CSet, Y: CSet, k: int):
    for f in list(homomorphisms(X, Y, limit=k + 1))[-1:]:
        epi, mono = image(f)
        factors(f, epi, mono)
        assert type(epi.codomain) is CSet
        # Another factorisation is isomorphic in exactly one way that respects both parts.
        for renumbering in homomorphisms(epi.codomain, epi.codomain, iso=True):
            there = epi >> renumbering
            back = isomorphism(epi.codomain, epi.codomain, any=True)
            assert back.is_monic
            between = [
                h
                for h in homomorphisms(epi.codomain, epi.codomain)
                if epi >> h == there and h >> (mono_of(renumbering) >> mono) == mono
            ]
            assert between == [renumbering]


def mono_of(iso: TableMorphism) -> TableMorphism:
    parts = {table: one.inverse() for table, one in iso.components.items()}
    return CSetMorphism(iso.codomain, iso.domain, parts)


def test_factorisations_that_are_no_images_are_rejected():
    two, one = CSet(SchGraph, V=2), CSet(SchGraph, V=1)
    f = CSetMorphism(two, two, V=[0, 0])
    factors(f, *image(f))
    identity = CSetMorphism.identity
    for epi, mono in (
        (f, identity(two)),
        (identity(two), f),
        (CSetMorphism(two, one, V=[0, 0]), CSetMorphism(one, two, V=[1])),
    ):
        with pytest.raises(AssertionError):
            factors(f, epi, mono)


def test_a_path():
    a = Subobject(PATH, V=["A", "B"], E=["f"])
    top = Subobject.top(PATH)
    assert str(~a) == "{V: C}"
    assert str(top - a) == "{V: B, C; E: g}"
    assert str(a.boundary) == "{V: B}"
    assert (a | ~a) != top
    assert ("V", "A") in a
    assert ("E", "g") not in a
    assert (a.size("V"), a.size("E")) == (2, 1)
    assert a > Subobject.bottom(PATH)
    assert top >= a
    assert len(list(subobjects(PATH))) == 8 + 2 + 2 + 1


def test_parts_of_presentations_stay_presentations():
    P = Presentation({"f": ("A", "A"), "g": ("A", "B")}, ["f >> f = f"])
    part = Subobject.generated(P, Eq=["f >> f = f"])
    assert type(part.inclusion.domain) is Presentation
    assert part.inclusion.domain == Presentation({"f": ("A", "A")}, ["f >> f = f"])


def test_what_is_refused():
    with raises(InvalidStructure, "A", "V", law="closed", where="E 'f'"):
        Subobject(PATH, E=["f"])
    a, other = Subobject.top(PATH), Subobject.top(CSet(SchGraph, V=1))
    with raises(NotComposable, law="ends", where="subobjects"):
        a & other
    with raises(NotComposable, law="ends", where="codomain of the morphism"):
        a.pullback(CSetMorphism.identity(CSet(SchGraph, V=1)))
    with raises(TooLarge, "budget=", 1000):
        list(subobjects(CSet(SchGraph, V=30), budget=1000))
    with raises(TooLarge, 2000, "V"):
        list(subobjects(CSet(SchGraph, V=2000), budget=1000))


def is_inclusion(order, parts: list[Subobject]) -> bool:
    """Whether a poset is the inclusion of parts, in this order."""
    names = order.objects
    return len(names) == len(parts) and all(
        bool(order.hom(names[i], names[j])) == (a <= b)
        for i, a in enumerate(parts)
        for j, b in enumerate(parts)
    )


@settings(max_examples=15)
@given(words())
def test_the_lattice_of_parts_is_their_inclusion(X: CSet):
    parts = list(subobjects(X))
    lattice = subobject_lattice(X, budget=10_000)
    assert is_inclusion(lattice, parts)
    at = dict(zip(parts, lattice.objects, strict=True))
    a, b = parts[len(parts) // 3], parts[-1 - len(parts) // 3]
    assert product(lattice[at[a]], lattice[at[b]]).apex.name == at[a & b]
    assert coproduct(lattice[at[a]], lattice[at[b]]).apex.name == at[a | b]


def test_another_order_of_parts_is_rejected(mutants):
    X = Graph({"f": ("A", "B")})
    parts = list(subobjects(X))
    upside_down = opposite(subobject_lattice(X))
    with mutants("parts, the largest first"):
        assert not is_inclusion(upside_down, parts)
    with pytest.raises(TooLarge):
        subobject_lattice(Graph(vertices=map(str, range(9))))


def test_nothing_has_one_part():
    nothing = CSet(Schema([]))
    (only,) = subobjects(nothing)
    assert only == Subobject.top(nothing)
    assert len(subobject_lattice(nothing).objects) == 1
