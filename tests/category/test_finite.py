"""Finite categories themselves: what the constructor refuses, associativity, words, size."""

import pickle
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from catlearn.category import Equal, FiniteCategory, Graph, NotEqual, Path, are_isomorphic
from catlearn.errors import InvalidStructure, NotComposable, UnknownName
from tests.errors import raises

S3 = FiniteCategory.permutation_group({"s": [1, 0, 2], "t": [0, 2, 1]})
SPLIT = FiniteCategory(
    ["A", "B"],
    {"r": ("A", "B"), "s": ("B", "A"), "e": ("A", "A")},
    {
        ("s", "r"): "id(B)",
        ("r", "s"): "e",
        ("e", "e"): "e",
        ("e", "r"): "r",
        ("s", "e"): "s",
    },
)
SOME = [S3, SPLIT, FiniteCategory.chain(3), FiniteCategory.codiscrete(["x", "y", "z"])]
some = st.sampled_from(SOME)


def is_associative(C: FiniteCategory) -> bool:
    """The law at every triple of arrows that meet."""
    triples = product(range(len(C)), repeat=3)
    return all(
        C.then(C.then(f, g), h) == C.then(f, C.then(g, h))
        for f, g, h in triples
        if C.tgt(f) == C.src(g) and C.tgt(g) == C.src(h)
    )


@given(some)
def test_laws(C: FiniteCategory):
    assert not C.failures()
    assert is_associative(C)
    for f in C.arrows:
        source, target = C.ends(f)
        assert C.compose(C.identity(source), f) == f == C.compose(f, C.identity(target))
    assert sum(len(C.hom(a, b)) for a in C.objects for b in C.objects) == len(C.arrows)


monoids = st.integers(1, 4).flatmap(
    lambda n: st.lists(st.integers(0, n - 1), min_size=(n - 1) ** 2, max_size=(n - 1) ** 2).map(
        lambda values: magma(n, values)
    )
)


def magma(n: int, values: list[int]) -> FiniteCategory:
    """A unital table on 0, ..., n - 1, associative or not."""
    table = np.zeros((n, n), np.int64)
    table[0], table[:, 0] = np.arange(n), np.arange(n)
    table[1:, 1:] = np.reshape(values, (n - 1, n - 1))
    loops = np.zeros(n, np.int64)
    names = [f"m{k}" for k in range(n)]
    return FiniteCategory.build(["*"], names, loops, loops, np.array([0]), lambda f, g: table[f, g])


@settings(max_examples=60)
@given(monoids)
def test_associativity_is_decided_on_generators(M: FiniteCategory):
    found = M.failures()
    assert (not found) == is_associative(M)
    assert {failure.law for failure in found} <= {"associativity"}


@settings(max_examples=40)
@given(some, st.data())
def test_a_wrong_composite_is_found(C: FiniteCategory, data):
    first, second = C.pairs
    proper = np.flatnonzero(~(C.is_identity[first] | C.is_identity[second]))
    entry = int(data.draw(st.sampled_from(proper.tolist())))
    parallel = C.hom_rows(C.src(int(first[entry])), C.tgt(int(second[entry])))
    wrong = C.composites.copy()
    wrong[entry] = data.draw(st.sampled_from(parallel.tolist()))
    mutant = FiniteCategory.build(
        C.ob, C.ar, C.src.values, C.tgt.values, C.ids.values, lambda f, g: wrong
    )
    assert (not mutant.failures()) == is_associative(mutant)


def test_a_failure_shows_both_sides():
    with pytest.raises(InvalidStructure) as caught:
        FiniteCategory(
            ["A"],
            {"x": ("A", "A"), "y": ("A", "A")},
            {("x", "x"): "y", ("x", "y"): "x", ("y", "x"): "y", ("y", "y"): "x"},
        )
    assert "x >> x >> x: (x >> x) >> x is y, x >> (x >> x) is x [associativity]" in map(
        str, caught.value.failures
    )


def test_every_failure_is_listed():
    with pytest.raises(InvalidStructure) as caught:
        FiniteCategory(
            ["A", "B"],
            {"f": ("A", "B"), "g": ("B", "C"), "h": "AB", "id(A)": ("A", "A")},
            {("f", "q"): "f", ("f", "f"): "f", "fg": "h"},
            identities={"Z": "z"},
        )
    assert [(failure.law, failure.where) for failure in caught.value.failures] == [
        ("known names", "identity of Z"),
        ("known names", "arrow g"),
        ("ends", "arrow h"),
        ("names", "arrow id(A)"),
        ("known names", "f >> q = f"),
        ("composition", "f >> f = f"),
        ("composition", "entry 'fg'"),
    ]
    with pytest.raises(InvalidStructure) as caught:
        FiniteCategory(["A", "B"], {"f": ("A", "B"), "g": ("B", "A")}, {("f", "g"): "f"})
    assert [(failure.law, failure.where) for failure in caught.value.failures] == [
        ("totality", "g >> f"),
        ("typing", "f >> g = f"),
    ]
    with raises(InvalidStructure, "h", law="unit", where="id(A) >> f"):
        FiniteCategory(["A", "B"], {"f": ("A", "B"), "h": ("A", "B")}, {("id(A)", "f"): "h"})


def test_arrows_are_read():
    assert SPLIT.read("r >> s >> r") == "r"
    assert SPLIT.read(Path("A", ("r", "s"), "A")) == SPLIT.read("e") == "e"
    assert SPLIT.read("id(A) >> r") == "r"
    assert SPLIT.equal("r >> s", "e") == Equal
    assert SPLIT.equal("e", "id(A)") == NotEqual
    assert SPLIT.composite("A", ["r", "s", "r"]) == "r"
    with raises(NotComposable, "A", "B", law="composition", where="r >> r"):
        SPLIT.read("r >> r")
    with raises(NotComposable, "A", "B", law="composition", where="r >> e"):
        SPLIT.composite("A", ["r", "s", "r", "e", "r"])
    with raises(NotComposable, law="parallel arrows", where="r : A -> B"):
        SPLIT.equal("r", "s")
    with pytest.raises(UnknownName):
        SPLIT.read("q")
    assert SPLIT.then(np.array([0, 2]), np.array([2, 2])).tolist() == [2, -1]


def composites_of(C: FiniteCategory, arrows: list[str]) -> set[str]:
    """The arrows that are composites of some, the identities among them."""
    found = {C.identity(a) for a in C.objects}
    while True:
        more = {C.compose(f, g) for f in found for g in arrows if C.ends(f)[1] == C.ends(g)[0]}
        if more <= found:
            return found
        found |= more


@given(some)
def test_words_and_presentations_lead_back(C: FiniteCategory):
    for f in C.arrows:
        word = C.word(f)
        assert C.read(word) == f
        assert all(edge in C.generators.edges for edge in word.edges)
    again = C.presentation().category()
    assert isinstance(again, FiniteCategory)
    assert len(again) == len(C)
    assert are_isomorphic(again, C)
    fewer = Graph({g: C.generators.ends(g) for g in C.generators.edges[1:]}, vertices=C.objects)
    for edge in C.generators.edges[:1]:
        assert C.read(edge) not in composites_of(C, [C.read(g) for g in fewer.edges])


def test_a_thousand_arrows():
    n = 1000
    loops = np.zeros(n, np.int64)

    def add(f: np.ndarray, g: np.ndarray) -> np.ndarray:
        return (f + g) % n

    cyclic = FiniteCategory.build(1, n, loops, loops, np.array([0]), add)
    assert not cyclic.failures()
    assert cyclic.generating.tolist() == [1]

    def wrong(f: np.ndarray, g: np.ndarray) -> np.ndarray:
        return np.where((f == 500) & (g == 501), 7, add(f, g))

    mutant = FiniteCategory.build(1, n, loops, loops, np.array([0]), wrong)
    assert {failure.law for failure in mutant.failures()} == {"associativity"}
    order = FiniteCategory.chain(43)
    assert len(order) == 990
    assert not order.failures()
    assert len(order.generators.edges) == 43


def test_categories_are_values():
    assert pickle.loads(pickle.dumps(SPLIT)) == SPLIT
    assert eval(repr(SPLIT)) == SPLIT
    assert SPLIT != S3
    assert hash(SPLIT) == hash(pickle.loads(pickle.dumps(SPLIT)))
    with pytest.raises(AttributeError):
        SPLIT.ob = S3.ob  # type: ignore[misc]
