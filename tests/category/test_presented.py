"""Presented categories: counts, composition against models and brute force, infinity, colimits."""

import pickle
from itertools import islice, product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from catlearn.category import (
    Budget,
    Equal,
    FiniteCategory,
    Finiteness,
    Graph,
    NotEqual,
    Path,
    Presentation,
    PresentedCategory,
    Unknown,
    complete,
)
from catlearn.errors import (
    InvalidStructure,
    NotComposable,
    PathSyntaxError,
    TooLarge,
    Undecided,
    UnknownName,
)
from catlearn.laws import graphs
from tests.errors import raises

SQUARE = Graph({"f": ("A", "B"), "g": ("B", "D"), "h": ("A", "C"), "k": ("C", "D")})
A4 = Presentation.monoid("ab", ["a a = 1", "b b b = 1", "a b a b a b = 1"])
ACTION = {"a": np.array([1, 0, 3, 2]), "b": np.array([1, 2, 0, 3])}


def finite(presentation: Graph, budget: Budget | None = None) -> FiniteCategory:
    found = presentation.category(budget)
    assert isinstance(found, FiniteCategory)
    return found


@pytest.mark.parametrize(
    ("presentation", "number"),
    [
        (SQUARE, 4 + 4 + 2),
        (Presentation(SQUARE, ["f >> g = h >> k"]), 4 + 4 + 1),
        (A4, 12),
        (Presentation.monoid("a", ["aaaa = 1"]), 4),
        (Presentation.group("a", ["a^4"]), 4),
        (Presentation.group("ij", ["i^2 = j^2 = (i j)^2"]), 8),
        (Graph({}, vertices=["A", "B"]), 2),
        (Graph(), 0),
        (Presentation({"f": ("A", "B"), "g": ("B", "A")}, ["f >> g = id(A)", "g >> f = id(B)"]), 4),
        (Presentation({"f": ("A", "B"), "g": ("B", "A")}, ["f >> g = id(A)"]), 5),
        # Three objects in a circle, once around is the identity: one arrow for each pair.
        (
            Presentation(
                {"f": ("A", "B"), "g": ("B", "C"), "h": ("C", "A")},
                ["f >> g >> h = id(A)", "g >> h >> f = id(B)", "h >> f >> g = id(C)"],
            ),
            9,
        ),
        (Presentation(Graph({"f": ("A", "B"), "g": ("A", "B")}), ["f = g"]), 3),
    ],
)
def test_known_numbers_of_arrows(presentation, number):
    C = finite(presentation)
    assert len(C.arrows) == number
    assert C.failures() == []
    presented = PresentedCategory(presentation)
    assert tuple(map(str, presented.arrows)) == C.arrows
    assert presented.is_finite.count == number
    assert presented.finite() == C


def test_arrows_are_named_by_normal_forms_in_shortlex_order():
    C = finite(Presentation(SQUARE, ["f >> g = h >> k"]))
    assert C.objects == ("A", "B", "D", "C")
    assert C.arrows[4:] == ("f", "g", "h", "k", "f >> g")
    assert C.compose("h", "k") == C.read("h >> k") == "f >> g"
    assert C.generators == SQUARE
    assert finite(Presentation.monoid("ba", ["bb = 1", "aa = 1", "ab = ba"])).arrows == (
        *("id(*)", "b", "a"),
        "b >> a",
    )


def test_edges_of_the_presentation_are_read_whatever_they_are_equal_to():
    P = Presentation(
        {"my edge": ("A", "B"), "g": ("B", "C"), "h": ("A", "B"), "l": ("B", "B"), "k": ("A", "C")},
        [(["my edge"], "h"), "l = id(B)", (["my edge", "g"], "k")],
    )
    C = finite(P)
    assert C.arrows == ("id(A)", "id(B)", "id(C)", "my edge", "g", "k")
    assert C.generators.edges == ("my edge", "g", "k")
    assert C.read("h") == C.read('"my edge"') == C.read("my edge") == "my edge"
    assert C.read("l") == C.read("l >> l") == "id(B)"
    assert C.compose("h >> l", "g") == "k"
    assert C.equal("h >> g", "k") == Equal
    for name in P.equations:
        left, right = P.sides(name)
        assert C.equal(left, right) == Equal
    strange = Graph({"f": ("A", "B"), "g": ("B", "C"), "f >> g": ("A", "C")})
    assert finite(strange).arrows[3:] == ("f", "g", '"f >> g"', "f >> g")
    assert finite(strange).compose("f", "g") == "f >> g"


def test_composition_is_that_of_the_permutations():
    C = finite(A4)
    assert C.failures() == []
    values = {}
    for name in C.arrows:
        points = np.arange(4)
        for letter in C.word(name).edges:
            points = ACTION[letter][points]
        values[name] = points
    assert len({tuple(points) for points in values.values()}) == 12
    for f, g in product(C.arrows, repeat=2):
        assert (values[C.compose(f, g)] == values[g][values[f]]).all()


def test_a_long_cyclic_group_composes_by_adding():
    C = finite(Presentation.monoid("a", ["a^300 = 1"]))
    first, second = C.pairs
    assert (C.composites == (first + second) % 300).all()


def test_a_table_with_one_wrong_product_is_not_a_category():
    assert complete(A4).automaton.list_words().category(A4).failures() == []
    C = finite(A4)
    wrong = C.composites.copy()
    wrong[30] = (wrong[30] + 1) % 12
    parts = (C.ob, C.ar, C.src.values, C.tgt.values, C.ids.values)
    mutant = FiniteCategory.build(*parts, lambda first, second: wrong)
    laws = {failure.law for failure in mutant.failures()}
    assert laws & {"unit", "associativity"}


@st.composite
def presentations(draw: st.DrawFn) -> Presentation:
    """Small presentations with loops and cycles, which need not be finite."""
    size = draw(st.integers(1, 3))
    place = st.integers(0, size - 1)
    ends = draw(st.lists(st.tuples(place, place), min_size=1, max_size=4))
    graph = Graph({f"e{k}": (f"v{s}", f"v{t}") for k, (s, t) in enumerate(ends)})
    paths = [path for v in graph.vertices for path in graph.paths(v, max_length=3, bound=None)]
    equations = []
    for _ in range(draw(st.integers(0, 4))):
        left = draw(st.sampled_from(paths))
        right = draw(st.sampled_from([path for path in paths if path.is_parallel(left)]))
        equations.append((left, right))
    return Presentation(graph, {f"q{k}": pair for k, pair in enumerate(equations)})


@settings(max_examples=50)
@given(presentations())
def test_what_is_presented_is_a_category(presentation):
    C = PresentedCategory(presentation, Budget(rules=30, letters=5_000, arrows=60))
    if C.is_finite.is_finite and (C.is_finite.count or 0) <= 60:
        found = C.finite()
        assert found.failures() == []
        for f, g in zip(*found.pairs, strict=True):
            p, q = C.arrows[f], C.arrows[g]
            assert C.arrows[found.then(f, g)] == C.compose(p, q)
        for name in presentation.equations:
            assert len({C.normal_form(side) for side in presentation.sides(name)}) == 1
    elif C.is_complete:
        first = list(islice(C.iterate(), 40))
        assert len(set(first)) == len(first)
        assert all(C.normal_form(path) == path for path in first)
        assert first == sorted(first, key=lambda p: (len(p), list(p.edges) if len(p) else []))
        if not C.is_finite:
            is_proof_of_infinity(C, C.is_finite)


def is_proof_of_infinity(C: PresentedCategory, proof: Finiteness) -> None:
    """Going around once more always gives another arrow."""
    at, seen = proof.before, set()
    assert at is not None
    assert proof.loop is not None
    for _ in range(6):
        normal = C.normal_form(at)
        assert normal not in seen
        seen.add(normal)
        at = at >> proof.loop


def test_infinity_is_proven():
    for presentation in (
        Graph({"s": ("A", "A")}),
        Graph({"f": ("A", "B"), "g": ("B", "A")}),
        Presentation.group("ab", ["[a, b]"]),
        Presentation.monoid("ab", ["ab = 1"]),
        Presentation.group("st", ["s^2", "t^2"]),
    ):
        C = presentation.category()
        assert isinstance(C, PresentedCategory)
        assert not C.is_finite
        is_proof_of_infinity(C, C.is_finite)
        with raises(TooLarge, "infinitely"):
            C.finite()
        with raises(TooLarge, "infinitely"):
            C.arrows  # noqa: B018
    two = PresentedCategory(Presentation.group("st", ["s^2", "t^2"]))
    mutant = Finiteness(False, "", before=Path.identity("*"), loop=Path("*", ("s",), "*"))
    with pytest.raises(AssertionError):
        is_proof_of_infinity(two, mutant)


def test_what_is_not_decided_says_why():
    C = PresentedCategory(A4, 2)
    assert not C.is_complete
    assert C.is_finite.is_finite is None
    for ask in (lambda: bool(C.is_finite), lambda: next(C.iterate())):
        with raises(Undecided, "budget", 3):
            ask()
    with raises(TooLarge, "budget"):
        C.finite()
    assert isinstance(A4.category(budget=2), PresentedCategory)
    assert C.equal("a >> a >> b", "b") == Equal
    assert C.equal("a", "b") == NotEqual
    assert C.equal("a >> b >> a >> b", "b >> b >> a") == Unknown


def test_infinity_is_proven_without_a_complete_system_where_edges_can_be_counted():
    commuting = ["aA = 1", "Aa = 1", "bB = 1", "Bb = 1", "ab = ba"]
    C = Presentation.monoid("abAB", commuting).category(20)
    assert isinstance(C, PresentedCategory)
    assert not C.is_complete
    assert not C.is_finite
    is_proof_of_infinity(C, C.is_finite)
    with raises(TooLarge, "infinitely", "a"):
        C.arrows  # noqa: B018
    assert C.equal("a >> b", "b >> a") == Equal
    assert C.equal("a >> b", "b >> a >> a") == NotEqual


def test_large_categories_are_counted_and_not_listed():
    chain = {f"a{k}": (f"{k}", f"{k + 1}") for k in range(100)}
    twice = Graph(chain | {f"b{k}": ends for k, ends in enumerate(chain.values())})
    C = twice.category()
    assert isinstance(C, PresentedCategory)
    assert C.is_finite.count == sum((101 - k) * 2**k for k in range(101))
    with raises(TooLarge, "Budget(arrows="):
        C.finite()
    small = PresentedCategory(A4, Budget(composites=143))
    with raises(TooLarge, "144", "Budget(composites=144)"):
        small.finite()
    assert len(small.arrows) == 12


def test_it_answers_as_a_category_does():
    C = PresentedCategory(Presentation({"f": ("A", "B"), "g": ("B", "A")}, ["f >> g = id(A)"]))
    assert C.objects == ("A", "B")
    assert C.identity("A") == Path.identity("A")
    assert C.compose("g >> f", "g") == C.read("g") == C.word("g >> f >> g")
    assert C.ends("f >> g >> f") == ("A", "B")
    assert [str(path) for path in C.hom("B", "B")] == ["id(B)", "g >> f"]
    assert [(str(left), str(right)) for left, right in C.rules] == [("f >> g", "id(A)")]
    assert C.same("A", "A")
    assert not C.same("A", "B")
    assert C.generators == Graph({"f": ("A", "B"), "g": ("B", "A")})
    assert C.presentation().category() == C.finite()
    assert pickle.loads(pickle.dumps(C)) == C
    assert hash(PresentedCategory(C.graph, budget=5)) == hash(C)
    with raises(UnknownName, "Q"):
        C.identity("Q")
    with pytest.raises(NotComposable):
        C.compose("f", "f")


@settings(max_examples=40)
@given(graphs(), st.data())
def test_hom_sets_are_known_where_loops_are_elsewhere(G, data):
    """The arrows between two objects, against all arrows up to a length."""
    C = PresentedCategory(G)
    short = [path for path in islice(C.iterate(), 300) if len(path) <= 5]
    for source in G.vertices:
        for target in G.vertices:
            expected = [p for p in short if (p.source, p.target) == (source, target)]
            try:
                found = C.hom(source, target)
            except TooLarge:
                # Some way from the one to the other meets a vertex with a loop.
                assert any(
                    v in G.reachable(source).vertices
                    and target in G.reachable(v).vertices
                    and any(v in G.reachable(G.target(e)).vertices for e in G.out_edges(v))
                    for v in G.vertices
                )
            else:
                assert [p for p in found if p in set(short)] == expected
                assert len(set(found)) == len(found)


def test_hom_sets_of_categories_that_are_not_complete_or_not_finite(mutants):
    edges = {"f": ("A", "B"), "g": ("A", "B"), "k": ("B", "C"), "s": ("A", "A"), "t": ("D", "D")}
    absorbed = PresentedCategory(Presentation(edges, ["s >> f = f", "f >> k = g >> k"]))
    assert not absorbed.is_finite
    # Infinite are those from A that go round s and end at g: s^n g are different arrows.
    assert list(map(str, absorbed.hom("B", "C"))) == ["k"]
    assert list(map(str, absorbed.hom("A", "C"))) == ["f >> k"]
    assert absorbed.hom("C", "A") == absorbed.hom("D", "A") == ()
    for source, target, loop in (("A", "A", "s"), ("A", "B", "s"), ("D", "D", "t")):
        with raises(TooLarge, source, target, loop):
            absorbed.hom(source, target)
    # A word problem without an answer at D, and equations between A and C that have one.
    hard = {"a": ("D", "D"), "b": ("D", "D"), "c": ("D", "D")}
    braids = ["a >> b >> a = b >> a >> b", "b >> c >> b = c >> b >> c", "a >> c >> a = c >> a >> c"]
    del edges["s"]
    both = PresentedCategory(Presentation(edges | hard, [*braids, "f >> k = g >> k"]), budget=20)
    assert not both.is_complete
    assert list(map(str, both.hom("A", "C"))) == ["f >> k"]
    with raises(TooLarge, "D", "budget"):
        both.hom("D", "D")
    assert len(PresentedCategory(Graph(edges), Budget(arrows=2)).hom("A", "C")) == 2
    with raises(TooLarge, "Budget(arrows=2)"):
        PresentedCategory(Graph(edges), Budget(arrows=1)).hom("A", "C")
    with mutants("hom: paths instead of arrows"):
        assert [str(p) for p in Graph(edges).paths("A", "C")] != ["f >> k"]


@pytest.mark.parametrize(
    ("relation", "sides"),
    [
        ("a a = 1", ("aa", "")),
        ("abba=b", ("abba", "b")),
        ("(a b)^2 b^0 = (b^2 1)^2", ("abab", "bbbb")),
        ("((a b)^2)^2 = 1", ("abababab", "")),
        ("a^-2 = [a, b]", ("AA", "ABab")),
        ("(a b)^-1", ("BA", "")),
        ("A = 1", ("A", "")),
    ],
)
def test_relations_are_read_as_in_algebra(relation, sides):
    group = Presentation.group("ab", [relation])
    left, right = group.sides(group.names("Eq")[-1])
    assert ("".join(left.edges), "".join(right.edges)) == sides


def test_letters_may_have_longer_names():
    P = Presentation.monoid("turn flip", ["turn^3 = 1", "flip flip = 1", "flip turn = turn^2 flip"])
    assert P.edges == ("turn", "flip")
    assert len(finite(P).arrows) == 6
    assert Presentation.group(["x1", "x2"], ["x1 = x2^-1"]).edges == ("x1", "x1'", "x2", "x2'")
    assert Presentation.group("aA").edges == ("a", "a'", "A", "A'")
    assert Presentation.monoid("ab", "ab = ba", vertex="X").vertices == ("X",)
    assert len(Presentation.monoid("a", ["a = 1", "a^1 = 1"]).equations) == 1


@pytest.mark.parametrize(("zero", "one"), ["ab", "01", "12", "10", "2٣", ("7", "12"), ("12", "1")])
def test_digits_are_letters_like_others(zero, one):
    """The same relations in any two letters present the same monoid, up to their names."""
    empty = "id" if "1" in (zero, one) else "1"
    relations = [f"{zero} {zero} = {empty}", f"{one}^3 = {empty}", f"({zero} {one})^3 = {empty}"]
    P = Presentation.monoid([zero, one], relations)
    rename = {"a": zero, "b": one}
    assert [(left.edges, right.edges) for left, right in map(P.sides, P.equations)] == [
        tuple(tuple(rename[e] for e in side.edges) for side in A4.sides(name))
        for name in A4.equations
    ]
    assert len(finite(P).arrows) == 12
    assert finite(P).read(f"{one} >> {one} >> {one}") == "id(*)"
    group = Presentation.group([zero, one], relations)
    assert len(finite(group).arrows) == 12


def test_one_is_a_letter_where_the_alphabet_has_it_and_the_empty_word_elsewhere():
    def words(letters, relation):
        P = Presentation.monoid(letters, [relation])
        return [side.edges for side in P.sides(*P.equations)]

    assert words("01", "01 = 10") == [("0", "1"), ("1", "0")]
    assert words("01", "1 1 = 0 id") == [("1", "1"), ("0",)]
    assert words("0a", "a1a = 0") == [("a", "a"), ("0",)]
    assert words("id", "id = 1") == [("i", "d"), ()]
    assert words("1id", "i d = id") == [("i", "d"), ()]
    with pytest.raises(PathSyntaxError):
        Presentation.monoid("01", ["0 0 = 2"])
    # A mutant: 1 read as the empty word would make this the trivial relation on 0.
    assert words("01", "0 1 = 0") != words("02", "0 1 = 0")


UNREADABLE = {
    "a c = 1": (2, "a", "b"),
    "a a": (3, "="),
    "a^-1 = b": (1, "^-1"),
    "[a, b] = 1": (0, "["),
    "(a = 1": (3, "')'"),
    "= a": (0, "1", "'('"),
    "a b ) = 1": (4, "'='", ")"),
    "": (0, "1", "'('"),
    "a^4000 b^4000 = 1": (7, 5000),
}
"""Relations in the letters a and b that cannot be read: the place that is marked, and names."""


@pytest.mark.parametrize("relation", UNREADABLE)
def test_relations_that_cannot_be_read(relation):
    place, *names = UNREADABLE[relation]
    with raises(PathSyntaxError, *names) as refused:
        Presentation.monoid("ab", [relation])
    assert str(refused.value).endswith(f"\n  {relation}\n{' ' * (place + 2)}^")


def test_a_relation_with_too_many_letters_is_not_written_out():
    with raises(TooLarge, "(a^3000 b)^2 = 1", 5000):
        Presentation.monoid("ab", ["(a^3000 b)^2 = 1"])


@pytest.mark.parametrize(
    ("letters", "at"), [("aa", "'a'"), (["1", "id"], "'id'"), (["a b"], "'a b'")]
)
def test_letters_that_cannot_be_used(letters, at):
    with raises(InvalidStructure, law="letters", where=at):
        Presentation.monoid(letters)
