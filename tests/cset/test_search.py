"""Homomorphism search: against brute force, known counts, flags, and a search that is wrong."""

from collections.abc import Callable, Iterable, Iterator
from itertools import permutations, product as tuples

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.category import Graph, Presentation, PresentationMorphism
from catlearn.cset import (
    CSet,
    CSetMorphism,
    Schema,
    SchGraph,
    automorphisms,
    homomorphism,
    homomorphisms,
    is_isomorphic,
    isomorphism,
)
from catlearn.errors import InvalidStructure, NoMorphism, NotUnique
from catlearn.finset import TableMorphism, Tables, Variable, constraints
from catlearn.finset.constraints import MorphismProblem
from tests.errors import raises

POINTS = Schema(["X"])
MIXED = Schema(
    ["A", "B"],
    arrows={"f": ("A", "B"), "loop": ("A", "A")},
    lists={"word": ("B", "A")},
    attributes={"colour": "A"},
)


def symmetric(size: int, pairs: Iterable[tuple[int, int]]) -> CSet:
    both = sorted({end for a, b in pairs for end in ((a, b), (b, a))})
    src, tgt = [a for a, _ in both], [b for _, b in both]
    return CSet(SchGraph, V=size, E=len(both), src=src, tgt=tgt)


def cycle(size: int) -> CSet:
    return symmetric(size, [(k, (k + 1) % size) for k in range(size)])


def complete(size: int) -> CSet:
    return symmetric(size, [(a, b) for b in range(size) for a in range(b)])


def path(size: int) -> CSet:
    ends = range(size - 1)
    return CSet(SchGraph, V=size, E=size - 1, src=ends, tgt=[k + 1 for k in ends])


def count(found: Iterator[TableMorphism]) -> int:
    return sum(1 for _ in found)


@st.composite
def mixed(draw: st.DrawFn, most: int = 2) -> CSet:
    a, b = draw(st.integers(0, most)), draw(st.integers(0, most))
    b = max(b, 1) if a else b

    def rows(length: int, end: int) -> list[int]:
        place = st.integers(0, max(end - 1, 0))
        return draw(st.lists(place, min_size=length, max_size=length))

    lengths = rows(b, 3) if a else [0] * b
    return CSet(
        MIXED,
        A=a,
        B=b,
        f=rows(a, b),
        loop=rows(a, a),
        word=[rows(length, a) for length in lengths],
        colour=draw(st.lists(st.sampled_from("rg"), min_size=a, max_size=a)),
    )


def brute(G: Tables, H: Tables) -> list[TableMorphism]:
    """Every morphism, by trying all functions."""
    tables = G.shape.tables
    choices = [tuples(range(H.size(table)), repeat=G.size(table)) for table in tables]
    found = []
    for values in tuples(*choices):
        parts = {t: list(column) for t, column in zip(tables, values, strict=True)}
        candidate = TableMorphism(G, H, parts, check=False)
        if not candidate.failures():
            found.append(candidate)
    return found


def keys(found: Iterable[TableMorphism]) -> list[tuple[bytes, ...]]:
    return sorted(tuple(f.values.tobytes() for f in m.components.values()) for m in found)


def is_epic(m: TableMorphism, *tables: str) -> bool:
    return all(m.components[t].is_surjective for t in tables or m.components)


def agrees_with_brute_force(search: Callable[..., Iterable[TableMorphism]], G: CSet, H: CSet):
    every = brute(G, H)
    assert keys(search(G, H)) == keys(every)
    assert keys(search(G, H, monic=True)) == keys(m for m in every if m.is_monic)
    assert keys(search(G, H, epic=True)) == keys(m for m in every if is_epic(m))
    both = [m for m in every if m.is_monic and is_epic(m)]
    assert keys(search(G, H, iso=True)) == keys(both)
    assert keys(search(G, H, monic="A")) == keys(m for m in every if m.is_injective("A"))
    assert keys(search(G, H, epic=["B"])) == keys(m for m in every if is_epic(m, "B"))
    for m in every[:1]:
        start = {"A": dict(enumerate(m.components["A"]))}
        fixed = [n for n in every if n.components["A"] == m.components["A"]]
        assert keys(search(G, H, initial=start)) == keys(fixed)


@settings(max_examples=60)
@given(mixed(), mixed(3))
def test_search_finds_what_brute_force_finds(G: CSet, H: CSet):
    agrees_with_brute_force(homomorphisms, G, H)
    agrees_with_brute_force(homomorphisms, G, G)
    for m in homomorphisms(G, H):
        assert type(m) is CSetMorphism
        assert m.failures() == []


def forgetful(name: str) -> Callable[..., Iterable[TableMorphism]]:
    """A search that forgets one of its constraints."""

    def search(G: CSet, H: CSet, **options) -> Iterable[TableMorphism]:
        shape = G.shape
        if name == "unique":
            return [m for m in homomorphisms(G, H, **options) for _ in range(2)]
        if name in options:
            options.pop(name)
        kept = [
            Schema(
                shape.tables,
                {a: ends for a, ends in shape.arrows.items() if a != name},
                {a: ends for a, ends in shape.lists.items() if a != name},
                {a: ends for a, ends in shape.attributes.items() if a != name},
            )
        ] * 2
        bare = [
            CSet.of(
                Tables(
                    schema,
                    one.sets,
                    *(
                        {a: part for a, part in getattr(one, kind).items() if a != name}
                        for kind in ("arrows", "lists", "attributes")
                    ),
                )
            )
            for schema, one in zip(kept, (G, H), strict=True)
        ]
        return homomorphisms(*bare, **options)

    return search


def pair(f: Iterable[int] = (0, 0), loop: Iterable[int] = (0, 1), words=((),), colour="rr") -> CSet:
    return CSet(MIXED, A=2, B=len(words), f=f, loop=loop, word=words, colour=colour)


@pytest.mark.parametrize(
    ("name", "G"),
    [
        ("f", pair(words=((), ()))),
        ("loop", pair(loop=(1, 0))),
        ("word", pair(words=((0, 1),))),
        ("colour", pair(colour="rg")),
        ("monic", pair()),
        ("epic", pair()),
        ("initial", pair()),
        ("unique", pair()),
    ],
)
def test_a_search_that_forgets_a_law_is_rejected(name: str, G: CSet):
    agrees_with_brute_force(homomorphisms, G, G)
    with pytest.raises(AssertionError):
        agrees_with_brute_force(forgetful(name), G, G)


def test_known_counts():
    assert count(homomorphisms(path(3), path(4))) == 2
    assert count(homomorphisms(cycle(5), complete(3))) == 30
    assert count(homomorphisms(cycle(5), complete(2))) == 0
    assert count(automorphisms(complete(6))) == 720
    onto = homomorphisms(CSet(POINTS, X=4), CSet(POINTS, X=2), epic=True)
    assert count(onto) == 14
    assert count(homomorphisms(complete(6), complete(5))) == 0
    assert count(homomorphisms(cycle(5), cycle(5))) == 10
    # Chromatic polynomial of the cycle: (k - 1)^n + (-1)^n (k - 1).
    assert count(homomorphisms(cycle(7), complete(4))) == 3**7 - 3
    # Proper colourings of the rook's graph are Latin squares.
    rook = symmetric(
        16,
        [(a, b) for b in range(16) for a in range(b) if a % 4 == b % 4 or a // 4 == b // 4],
    )
    assert count(homomorphisms(rook, complete(4))) == 576
    assert count(automorphisms(rook)) == 2 * 24 * 24


def test_patterns_in_a_larger_graph_against_matrix_powers():
    random = np.random.default_rng(0)
    size = 200
    upper = np.triu(random.random((size, size)) < 0.04, 1)
    adjacency = (upper | upper.T).astype(int)
    G = symmetric(size, np.argwhere(upper).tolist())
    triangles = np.trace(np.linalg.matrix_power(adjacency, 3))
    assert count(homomorphisms(cycle(3), G)) == triangles
    assert count(homomorphisms(complete(3), G, monic=True)) == triangles
    degrees = adjacency.sum(axis=0)
    star = symmetric(3, [(0, 1), (0, 2)])
    assert count(homomorphisms(star, G, monic=True)) == (degrees * (degrees - 1)).sum()
    assert count(homomorphisms(star, G, monic=True, limit=7)) == 7


@settings(max_examples=30)
@given(mixed(3), st.randoms(use_true_random=False))
def test_isomorphism_is_invariant_under_renumbering(G: CSet, random):
    orders = {table: list(range(one.size)) for table, one in G.sets.items()}
    for order in orders.values():
        random.shuffle(order)
    place = {table: np.argsort(order) for table, order in orders.items()}
    a, b = orders["A"], orders["B"]
    H = CSet(
        MIXED,
        A=len(a),
        B=len(b),
        f=place["B"][G.f.values[a]],
        loop=place["A"][G.loop.values[a]],
        word=[place["A"][G.word.row(k)] for k in b],
        colour=[G.colour[k] for k in a],
    )
    assert is_isomorphic(G, H)
    m = isomorphism(G, H, any=True)
    assert m.is_monic
    assert is_epic(m)
    assert count(homomorphisms(G, H, iso=True)) == count(automorphisms(G))


def cubic(*extra: tuple[int, int]) -> CSet:
    """A cycle of eight vertices, with four chords: regular, so that colours do not help."""
    return symmetric(8, [(k, (k + 1) % 8) for k in range(8)] + list(extra))


def test_regular_graphs_that_are_not_isomorphic():
    moebius = cubic((0, 4), (1, 5), (2, 6), (3, 7))
    other = cubic((0, 2), (1, 3), (4, 6), (5, 7))
    assert not is_isomorphic(moebius, other)
    assert is_isomorphic(moebius, moebius)
    assert count(automorphisms(moebius)) == 16
    two = symmetric(6, [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)])
    assert not is_isomorphic(two, cycle(6))
    assert not is_isomorphic(pair(), path(2))


def test_strongly_regular_graphs_with_the_same_parameters():
    cells = [(i, j) for i in range(4) for j in range(4)]

    def cayley(*steps: tuple[int, int]) -> CSet:
        near = [(a, cells.index(((i + di) % 4, (j + dj) % 4)))
                for a, (i, j) in enumerate(cells) for di, dj in steps]  # fmt: skip
        return symmetric(16, near)

    shrikhande = cayley((0, 1), (1, 0), (1, 1))
    rook = cayley((0, 1), (0, 2), (1, 0), (2, 0))
    assert shrikhande.size("E") == rook.size("E")
    assert not is_isomorphic(shrikhande, rook)
    assert count(automorphisms(shrikhande)) == 192


def test_a_sweep_that_finds_too_little_leaves_the_rest_to_the_search(monkeypatch):
    """Whatever the budget, the same morphisms are found, each once."""
    K4, C5 = complete(4), cycle(5)
    wheel = symmetric(6, [(a, (a + 1) % 5) for a in range(5)] + [(a, 5) for a in range(5)])
    pairs = [(C5, wheel), (wheel, K4), (path(3), wheel), (C5 + path(2), K4), (wheel, complete(3))]
    for options in ({}, {"monic": True}):
        expected = [keys(homomorphisms(G, H, **options)) for G, H in pairs]
        assert [len(found) for found in expected] == [len(set(found)) for found in expected]
        for free, per_solution in ((0, 0), (20, 1), (200, 1), (200, 3)):
            monkeypatch.setattr(constraints, "FREE", free)
            monkeypatch.setattr(constraints, "PER_SOLUTION", per_solution)
            monkeypatch.setattr(constraints, "FIRST", 2)
            assert [keys(homomorphisms(G, H, **options)) for G, H in pairs] == expected


def test_every_permutation_is_an_automorphism_of_a_set():
    found = [tuple(m.components["X"]) for m in automorphisms(CSet(POINTS, X=4))]
    assert sorted(found) == sorted(permutations(range(4)))
    assert found == [tuple(m.components["X"]) for m in automorphisms(CSet(POINTS, X=4))]


def test_parallel_edges_are_told_apart():
    two = CSet(SchGraph, V=2, E=2, src=[0, 0], tgt=[1, 1])
    three = CSet(SchGraph, V=2, E=3, src=[0, 0, 0], tgt=[1, 1, 1])
    assert count(homomorphisms(two, three)) == 9
    assert count(homomorphisms(two, three, monic=True)) == 6
    assert count(homomorphisms(two, three, monic="V")) == 9
    assert count(homomorphisms(three, two, epic=True)) == 6


def test_large_candidate_sets_stay_all_different():
    dots = CSet(POINTS, X=2)
    many = CSet(POINTS, X=100)
    assert count(homomorphisms(dots, many, monic=True)) == 100 * 99
    assert count(homomorphisms(CSet(POINTS, X=101), many, monic=True)) == 0


def test_depth_is_not_bounded_by_the_stack():
    long = CSet(POINTS, X=2000)
    assert count(homomorphisms(long, CSet(POINTS, X=2), limit=3)) == 3


def test_graphs_presentations_and_learning_diagrams():
    P = Presentation({"f": ("A", "A")}, ["f >> f = f"])
    Q = Presentation({"g": ("X", "X"), "h": ("X", "X")}, ["g >> g = g", "h >> h = h", "h = g"])
    found = list(homomorphisms(P, Q))
    assert [m.edge("f") for m in found] == ["g", "h"]
    assert type(found[0]) is PresentationMorphism
    assert homomorphism(P, Q, initial={"E": {"f": "h"}}) == found[1]
    X, F, Y = cl.Space("X", (2,)), cl.Space("F", (3,)), cl.Space("Y", (2,))
    linear = cl.Model("f", X, F, "linear"), cl.Model("g", F, X, "linear")
    pattern = cl.LearningDiagram(linear[0])
    whole = cl.LearningDiagram(*linear, cl.Model("h", Y, F, "linear"))
    m = list(homomorphisms(pattern, whole))
    assert [(one.edge("f"), type(one)) for one in m] == [
        ("f", cl.LearningMorphism),
        ("h", cl.LearningMorphism),
    ]


def test_unique_or_an_error():
    with raises(NoMorphism, "X", 2, 1, "monic=True"):
        homomorphism(CSet(POINTS, X=2), CSet(POINTS, X=1), monic=True)
    with raises(NotUnique, 0, 1, "X") as caught:
        homomorphism(CSet(POINTS, X=1), CSet(POINTS, X=2))
    assert [list(m.components["X"]) for m in caught.value.answers] == [[0], [1]]
    first = homomorphism(CSet(POINTS, X=1), CSet(POINTS, X=2), any=True)
    assert list(first.components["X"]) == [0]
    assert homomorphism(CSet(POINTS), CSet(POINTS, X=3)).domain == CSet(POINTS)
    with pytest.raises(NoMorphism):
        isomorphism(path(2), path(3))


def test_what_cannot_be_asked():
    with raises(InvalidStructure, law="shape", where="domain and codomain"):
        homomorphisms(path(2), CSet(POINTS, X=1))
    with pytest.raises(InvalidStructure) as caught:
        homomorphisms(
            path(2), Graph.of(path(2)) and path(3), monic=["W"], limit=-1,
            initial={"V": {0: 9, "x": 0}, "F": {}},
        )  # fmt: skip
    assert len(caught.value.failures) == 5


def test_constraints_that_follow_are_not_posed():
    assert MorphismProblem(complete(4), complete(4), {"V", "E"}).different == [True, False]
    parallel = CSet(SchGraph, V=1, E=2, src=[0, 0], tgt=[0, 0])
    assert MorphismProblem(parallel, parallel, {"V", "E"}).different == [True, True]
    assert MorphismProblem(complete(4), complete(4), {"E"}).different == [False, True]


def test_a_row_that_an_arrow_fixes_goes_to_such_rows():
    swap = Schema(["A"], {"s": ("A", "A")})
    fixed, four = CSet(swap, A=1, s=[0]), CSet(swap, A=4, s=[0, 2, 1, 3])
    assert [f("A", 0) for f in homomorphisms(fixed, four)] == [0, 3]


# Variables among the labels.


@st.composite
def patterns(draw: st.DrawFn) -> CSet:
    G = draw(mixed())
    label = st.sampled_from(["r", Variable("x"), Variable("y"), Variable("g", "g".__eq__)])
    size = G.size("A")
    return G.with_column("colour", draw(st.lists(label, min_size=size, max_size=size)))


def bound_by_hand(G: CSet, H: CSet) -> dict[tuple[bytes, ...], dict[str, str]]:
    """Morphisms of the rows alone, with what variables are bound to, where that is one label."""
    bare = [one.with_column("colour", [""] * one.size("A")) for one in (G, H)]
    found = {}
    for m in brute(*bare):
        bindings: dict[str, set[str]] = {}
        fits = True
        for row, label in enumerate(G.colour):
            image = H.colour[m("A", row)]
            if isinstance(label, Variable):
                bindings.setdefault(label.name, set()).add(image)
                fits = fits and (label.name != "g" or image == "g")
            else:
                fits = fits and label == image
        if fits and all(len(some) == 1 for some in bindings.values()):
            found[keys([m])[0]] = {name: min(some) for name, some in bindings.items()}
    return found


def agrees_on_variables(search: Callable[..., Iterable[TableMorphism]], G: CSet, H: CSet):
    found = list(search(G, H))
    assert all(m.domain is G and m.failures() == [] for m in found)
    assert {keys([m])[0]: m.binding for m in found} == bound_by_hand(G, H)
    assert len(found) == len(bound_by_hand(G, H))
    monic = list(search(G, H, monic=True))
    assert keys(monic) == keys(m for m in found if m.is_monic)
    assert keys(search(G, H, epic=True)) == keys(m for m in found if is_epic(m))


@settings(max_examples=60)
@given(patterns(), mixed(3))
def test_variables_are_bound_as_by_hand(G: CSet, H: CSet):
    agrees_on_variables(homomorphisms, G, H)


def test_a_search_that_binds_a_variable_twice_is_rejected():
    def apart(G: CSet, H: CSet, **options) -> Iterable[TableMorphism]:
        """A variable of its own for each place."""
        names = [Variable(f"{label.name}{k}") for k, label in enumerate(G.colour)]
        found = homomorphisms(G.with_column("colour", names), H, **options)
        return [TableMorphism(G, H, m.components, check=False) for m in found]

    x, H = Variable("x"), pair(colour="rg")
    G = CSet(MIXED, A=2, B=1, f=[0, 0], loop=[0, 1], word=[[]], colour=[x, x])
    agrees_on_variables(homomorphisms, G, H)
    with pytest.raises(AssertionError):
        agrees_on_variables(apart, G, H)


def test_isomorphisms_rename_variables():
    def dyed(*colour: str | Variable) -> CSet:
        return CSet(MIXED, A=2, B=1, f=[0, 0], loop=[0, 1], word=[[0, 1]], colour=colour)

    x, y = Variable("x"), Variable("y")
    assert isomorphism(dyed(x, "r"), dyed(y, "r")).binding == {"x": y}
    assert isomorphism(dyed(x, "r"), dyed(y, "r")).is_isomorphism
    assert not is_isomorphic(dyed(x, y), dyed(x, x))
    assert not is_isomorphic(dyed(x, x), dyed("r", "r"))
    assert not is_isomorphic(dyed("r", "r"), dyed(x, x))
    assert not homomorphism(dyed(x, x), dyed("r", "r")).is_isomorphism


def test_labels_beside_variables_may_be_raised():
    shape = Schema(["X"], arrows={"s": ("X", "X")}, attributes={"a": "X"}, orders={"a": "flat"})
    G = CSet(shape, X=2, s=[1, 1], a=[None, Variable("x")])
    H = CSet(shape, X=2, s=[1, 1], a=[3, 4])
    found = homomorphism(G, H, monic=True)
    assert found.binding == {"x": 4}
    assert found.failures() == []
