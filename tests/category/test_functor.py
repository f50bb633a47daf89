"""Functors: laws, checks, memoised prefixes, colimits of values, and what finite ones know."""

import pytest
from hypothesis import given, settings, strategies as st

from catlearn.category import (
    FiniteCategory,
    Functions,
    Functor,
    Graph,
    GraphMorphism,
    Morphisms,
    Path,
    Paths,
    Presentation as Presented,
    Unknown,
    comma,
    functors,
    left_adjoint,
)
from catlearn.cset import Schema
from catlearn.errors import CatlearnError, InvalidStructure, NotComposable, UnknownName, WrongKind
from catlearn.finset import FinFunction, FinSet, coequalizer, colimit, limit, pushout
from tests.category.small import IDEMPOTENT, cyclic
from tests.errors import places, raises

ROSE = Graph({"a": ("*", "*"), "b": ("*", "*")})
words = st.lists(st.sampled_from("ab"), max_size=5).map(lambda w: Path("*", tuple(w), "*"))
endos = st.lists(st.integers(0, 2), min_size=3, max_size=3).map(
    lambda values: FinFunction(values, codomain=3)
)


def is_functorial(F: Functor, p: Path, q: Path) -> None:
    """F sends identities to identities, composites to composites and edges to their arrows."""
    assert F(Path.identity("*")) == FinFunction.identity(3)
    assert F(p >> q) == F(p) >> F(q)
    for edge in F.graph.edges:
        assert F(F.graph.path([edge])) == F.arrows[edge]


@given(endos, endos, words, words)
def test_a_functor_is_functorial(a: FinFunction, b: FinFunction, p: Path, q: Path):
    F = Functor(ROSE, Morphisms(), arrows={"a": a, "b": b})
    is_functorial(F, p, q)
    assert list(F(p)) == [run(F, p, k) for k in range(3)]


def run(F: Functor, p: Path, at: int) -> int:
    for edge in p.edges:
        at = F.arrows[edge](at)
    return at


class Backwards(Morphisms):
    def compose(self, first, then, /):
        return then >> first


class Forgetful(Morphisms):
    def compose(self, first, then, /):
        return then


class Constant(Morphisms):
    def identity(self, object, /):
        return FinFunction([0, 0, 0], codomain=3)


@pytest.mark.parametrize("target", [Backwards(), Forgetful(), Constant()])
def test_what_is_not_functorial_is_rejected(target: Morphisms):
    arrows = {"a": FinFunction([1, 2, 0], codomain=3), "b": FinFunction([1, 0, 2], codomain=3)}
    is_functorial(Functor(ROSE, Morphisms(), arrows=arrows), ROSE.path("a"), ROSE.path("b"))
    with pytest.raises(AssertionError):
        is_functorial(Functor(ROSE, target, arrows=arrows), ROSE.path("a"), ROSE.path("b"))


def test_each_prefix_is_composed_once():
    calls = []

    class Counting(Morphisms):
        def compose(self, first, then, /):
            calls.append((first, then))
            return first >> then

    a = FinFunction([1, 2, 0], codomain=3)
    F = Functor(ROSE, Counting(), arrows={"a": a, "b": a})
    F(ROSE.path("a >> a >> a >> b"))
    assert len(calls) == 3
    F(ROSE.path("a >> a >> a >> a"))
    F(ROSE.path("a >> a"))
    F(ROSE.path("a"))
    assert len(calls) == 4


def test_functions_compose_flat_and_strictly():
    target, f, g, h = Functions(), abs, str, len
    one = target.identity(None)
    assert target.compose(f, one) is f
    assert target.compose(one, f) is f
    left = target.compose(target.compose(f, g), h)
    assert left == target.compose(f, target.compose(g, h))
    assert left(-100) == 3
    G = Graph({"inc": ("N", "N")})
    F = Functor(G, target, arrows={"inc": lambda n: n + 1})
    assert F(Path("N", ("inc",) * 5000, "N"))(0) == 5000
    assert F("N") == "N"


def test_every_failure_is_listed():
    G = Graph({"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C")}, vertices=["Z"])
    with pytest.raises(InvalidStructure) as caught:
        Functor(
            G,
            Morphisms(),
            objects={"A": FinSet(2), "q": FinSet(1)},
            arrows={
                "f": FinFunction([0], codomain=3),
                "g": FinFunction([0, 0], codomain=2),
                "ff": FinFunction([0], codomain=1),
            },
        )
    wheres = [(failure.law, failure.where) for failure in caught.value.failures]
    assert wheres == [
        ("totality", "vertex Z"),
        ("known names", "vertex q"),
        ("totality", "edge h"),
        ("known names", "edge ff"),
        ("ends", "edge f"),
        ("ends", "edge g"),
    ]


def test_a_functor_out_of_a_presentation_respects_its_equations():
    P = Presented({"t": ("A", "A")}, {"cubed": "t >> t >> t = id(A)"})
    turn, swap = FinFunction([1, 2, 0], codomain=3), FinFunction([1, 0, 2], codomain=3)
    Functor(P, Morphisms(), arrows={"t": turn})
    with raises(InvalidStructure, law="equations", where="equation 't >> t >> t = id(A)' (cubed)"):
        Functor(P, Morphisms(), arrows={"t": swap})
    assert Functor(P, Morphisms(), arrows={"t": swap}, check=False).failures()
    Functor(Graph.of(P), Morphisms(), arrows={"t": swap})


def test_functions_are_compared_when_it_is_said_how():
    P = Presented({"double": ("N", "N"), "add": ("N", "N")}, ["double = add"])
    F = Functor(P, Functions(), arrows={"double": lambda n: 2 * n, "add": lambda n: n + n})
    G = Functor(P, Functions(), arrows={"double": lambda n: 2 * n, "add": lambda n: n + 1})

    def on_samples(f, g) -> bool:
        return [f(n) for n in range(5)] == [g(n) for n in range(5)]

    assert F.failures() == G.failures() == F.failures(equal=on_samples) == []
    assert [failure.law for failure in G.failures(equal=on_samples)] == ["equations"]


@given(words, words)
def test_a_morphism_of_graphs_is_a_functor_into_paths(p: Path, q: Path):
    H = Graph({"s": ("X", "X"), "t": ("X", "X")})
    m = GraphMorphism(ROSE, H, V={"*": "X"}, E={"a": "t", "b": "s"})
    F = Functor(ROSE, Paths(), arrows={"a": H.path("t"), "b": H.path("s")})
    assert F(p >> q) == m(p >> q) == F(p) >> F(q)
    doubled = Functor(H, Paths(), arrows={"s": H.path("s >> s"), "t": H.path("id(X)")})
    assert (m >> doubled)(p) == doubled(m(p))


def test_precomposition_must_meet():
    H = Graph({"s": ("X", "X")})
    m = GraphMorphism(ROSE, H, V=[0], E=[0, 0])
    with raises(InvalidStructure, law="composition", where="morphism"):
        m >> Functor(ROSE, Paths(), arrows={"a": ROSE.path("a"), "b": ROSE.path("b")})


def test_the_colimit_of_a_functor():
    span = Graph({"l": ("I", "A"), "r": ("I", "B")}, vertices=["A", "B", "I"])
    f, g = FinFunction([0], codomain=2), FinFunction([1], codomain=3)
    whole = colimit(Functor(span, Morphisms(), arrows={"l": f, "r": g}))
    po = pushout(f, g)
    assert whole.apex == po.apex
    assert [whole["A"], whole["B"]] == list(po)
    parallel = Graph({"f": ("A", "B"), "g": ("A", "B")})
    f, g = FinFunction([0], codomain=3), FinFunction([2], codomain=3)
    whole = colimit(Functor(parallel, Morphisms(), arrows={"f": f, "g": g}))
    assert whole["B"].is_surjective
    assert whole.apex == coequalizer(f, g).apex == FinSet(2)


def test_the_colimit_of_a_functor_into_graphs():
    point, arrow, loop = Graph({}, ["p"]), Graph({"a": ("x", "y")}), Graph({"l": ("z", "z")})
    span = Graph({"l": ("I", "A"), "r": ("I", "B")}, vertices=["A", "B", "I"])
    left = GraphMorphism(point, arrow, V={"p": "y"}, E={})
    right = GraphMorphism(point, loop, V={"p": "z"}, E={})
    F = Functor(span, Morphisms(), arrows={"l": left, "r": right})
    assert F("I") == point
    assert F(span.path("l")) == left
    assert colimit(F).apex.matches(pushout(left, right).apex)


def test_functors_are_values():
    a = FinFunction([1, 2, 0], codomain=3)
    F = Functor(ROSE, Morphisms(), arrows={"a": a, "b": a})
    assert Functor(ROSE, Morphisms(), {"*": FinSet(3)}, {"b": a, "a": a}) == F
    assert hash(F) == hash(Functor(ROSE, Morphisms(), arrows={"a": a, "b": a}))
    assert Functor(ROSE, Morphisms(), arrows={"a": a, "b": a >> a}) != F


def test_a_functor_refuses_what_is_not_in_its_graph():
    G = Graph({"f": ("A", "B"), "g": ("B", "C")})
    F = Functor(G, Functions(), arrows={"f": abs, "g": str})
    for path in (Path("A", ("g",), "C"), Path("A", ("f", "f"), "B"), Path("Q", (), "Q")):
        with pytest.raises(NotComposable):
            F(path)
    with raises(UnknownName, "Q"):
        F("Q")
    with pytest.raises(AttributeError):
        F.graph = G


SPLIT = Presented({"r": ("A", "B"), "s": ("B", "A")}, ["s >> r = id(B)"]).category()
SMALL = [
    FiniteCategory.chain(0),
    FiniteCategory.chain(1),
    FiniteCategory.chain(2),
    FiniteCategory.discrete(["x", "y"]),
    FiniteCategory.codiscrete(["x", "y"]),
    cyclic(2),
    cyclic(3),
    IDEMPOTENT,
    SPLIT,
]
small = st.sampled_from(SMALL)


def respects_composition(F: Functor) -> bool:
    """The definition of a functor, arrow by arrow and pair by pair."""
    C, D, ob, ar = F.domain, F.codomain, list(F.ob), list(F.ar)
    ends = all(
        D.src(ar[f]) == ob[C.src(f)] and D.tgt(ar[f]) == ob[C.tgt(f)] for f in range(len(ar))
    )
    units = all(ar[C.ids(a)] == D.ids(ob[a]) for a in range(len(ob)))
    return (
        ends
        and units
        and all(
            ar[h] == D.then(ar[f], ar[g]) for f, g, h in zip(*C.pairs, C.composites, strict=True)
        )
    )


@settings(max_examples=40)
@given(small, small, st.data())
def test_failures_are_found_exactly_where_the_definition_fails(C, D, data):
    all_functors = list(functors(C, D))
    assert all(respects_composition(F) and not F.failures() for F in all_functors)
    if not all_functors:
        return
    F = data.draw(st.sampled_from(all_functors))
    ob, ar = F.ob.values.copy(), F.ar.values.copy()
    ar[data.draw(st.integers(0, len(ar) - 1))] = data.draw(st.integers(0, len(D.ar) - 1))
    mutant = Functor.build(C, D, ob, ar)
    assert respects_composition(mutant) == (not mutant.failures()) == (mutant in all_functors)


@settings(max_examples=40)
@given(small, small, small, st.data())
def test_functors_compose(C, D, E, data):
    F, G = (
        data.draw(st.sampled_from(list(functors(*ends)) or [None])) for ends in [(C, D), (D, E)]
    )
    if F is None or G is None:
        return
    H = F >> G
    assert not H.failures()
    assert [H(f) for f in C.arrows] == [G(F(f)) for f in C.arrows]
    assert Functor.identity(C) >> F == F == F >> Functor.identity(D)
    assert Functor(C, E, H.objects, H.arrows) == H
    everything = {f: H(f) for f in C.arrows}
    assert Functor(C, E, H.objects, everything) == H


@settings(max_examples=40)
@given(small, small, st.data())
def test_full_faithful_and_essentially_surjective_by_definition(C, D, data):
    F = data.draw(st.sampled_from(list(functors(C, D)) or [None]))
    if F is None:
        return
    homs = [(C.hom(a, b), D.hom(F(a), F(b))) for a in C.objects for b in C.objects]
    images = [[F(f) for f in arrows] for arrows, _ in homs]
    assert F.is_faithful == all(len(set(fs)) == len(fs) for fs in images)
    assert F.is_full == all(
        set(fs) == set(there) for fs, (_, there) in zip(images, homs, strict=True)
    )
    values = {F(a) for a in C.objects}
    isomorphic = {
        d
        for d in D.objects
        for c in values
        for f in D.hom(c, d)
        for g in D.hom(d, c)
        if D.compose(f, g) == D.identity(c) and D.compose(g, f) == D.identity(d)
    }
    assert F.is_essentially_surjective == (isomorphic == set(D.objects))
    if F.is_isomorphism:
        assert F >> F.inverse() == Functor.identity(C)
        assert F.is_equivalence
    else:
        with raises(InvalidStructure) as caught:
            F.inverse()
        assert {law for law, _ in places(caught.value)} <= {"injective", "surjective"}
    part = F.image()
    assert part.is_faithful
    assert not part.failures()
    assert not part.domain.failures()
    assert set(F.ar) <= set(part.ar)


def test_an_equivalence_that_is_no_isomorphism():
    two, one = FiniteCategory.codiscrete(["x", "y"]), FiniteCategory.discrete(["p"])
    F = Functor(two, one)
    assert F.is_equivalence
    assert not F.is_isomorphism
    inclusion = Functor(FiniteCategory.discrete(["x", "y"]), two, objects={"x": "x", "y": "y"})
    assert inclusion.is_faithful
    assert inclusion.is_essentially_surjective
    assert not inclusion.is_full


def test_values_of_all_arrows_are_checked():
    Z4 = cyclic(4)
    whole = {"0": "0", "1": "3", "2": "2", "3": "1"}
    assert Functor(Z4, Z4, arrows=whole) == Functor(Z4, Z4, arrows={"1": "3"})
    assert Functor(Z4, Z4, arrows={"3": "1"}) == Functor(Z4, Z4, arrows=whole)
    with pytest.raises(InvalidStructure) as caught:
        Functor(Z4, Z4, arrows={**whole, "0": "2", "2": "1"})
    found = [(failure.law, failure.where) for failure in caught.value.failures]
    assert found == [("identities", "arrow 0"), ("composition", "arrow 2")]
    with raises(InvalidStructure, 0, 3, law="composition", where="2 >> 1 = 0"):
        Functor(cyclic(3), Z4, arrows={"1": "1"})


def test_generators_may_be_others_than_those_the_category_names():
    Z6 = cyclic(6)
    assert Z6.generators.edges == ("1",)
    assert Functor(Z6, Z6, arrows={"2": "4", "3": "3"}) == Functor(Z6, Z6, arrows={"1": "5"})
    with raises(InvalidStructure, law="totality", where="arrow 1"):
        Functor(Z6, Z6, arrows={"2": "4"})


def test_a_group_acts_on_a_set():
    S3 = FiniteCategory.permutation_group({"s": [1, 0, 2], "t": [0, 2, 1]})
    s, t = FinFunction([1, 0, 2], codomain=3), FinFunction([0, 2, 1], codomain=3)
    F = Functor(S3, Morphisms(), arrows={"s": s, "t": t})
    assert F("s >> t >> s") == s >> t >> s == F("t >> s >> t")
    assert F("s >> s") == FinFunction.identity(3)
    assert len({F(g) for g in S3.arrows}) == 6
    with pytest.raises(InvalidStructure) as caught:
        Functor(S3, Morphisms(), arrows={"s": s >> t, "t": t})
    assert {failure.law for failure in caught.value.failures} == {"composition"}


def test_what_is_not_known_to_be_equal_is_listed_as_undecided():
    class Doubtful(Morphisms):
        def equal(self, one, other, /):
            return Unknown("nobody looked")

    P = Presented({"t": ("A", "A")}, ["t >> t = id(A)"])
    with raises(
        InvalidStructure, "nobody looked", law="undecided", where="equation 't >> t = id(A)'"
    ):
        Functor(P, Doubtful(), arrows={"t": FinFunction([1, 0], codomain=2)})


def test_targets_are_read_and_coerced():
    P = Presented({"f": ("A", "B"), "g": ("B", "A")}, ["f >> g = id(A)"])
    F = Functor(Graph({"e": ("X", "X")}), P, arrows={"e": "g >> f"})
    assert F.codomain == P.category()
    assert F("e >> e") == F("e")
    with pytest.raises(InvalidStructure) as caught:
        Functor(Graph({"e": ("X", "X")}), P, objects={"X": "C"}, arrows={"e": "g >> g"})
    assert [failure.law for failure in caught.value.failures] == ["values", "values"]
    with raises(WrongKind, "identity(object)", "compose(first, then)", 3):
        Functor(ROSE, 3)
    with raises(WrongKind, 3):
        Functor(3, P)


def test_functors_out_of_a_schema_respect_its_equations():
    schema = Schema(
        objects=["V", "E"],
        arrows={"src": ("E", "V"), "refl": ("V", "E")},
        equations=["refl >> src = id(V)"],
    )
    src, refl = FinFunction([0, 1, 1], codomain=2), FinFunction([0, 2], codomain=3)
    F = Functor(schema, Morphisms(), arrows={"src": src, "refl": refl})
    assert F("refl >> src") == FinFunction.identity(2)
    wrong = FinFunction([1, 2], codomain=3)
    with raises(InvalidStructure, law="equations", where="equation 'refl >> src = id(V)'"):
        Functor(schema, Morphisms(), arrows={"src": src, "refl": wrong})


def test_composites_must_meet():
    with raises(NotComposable, law="composition", where="F >> G"):
        Functor.identity(cyclic(2)) >> Functor.identity(cyclic(3))
    with raises(CatlearnError, "a", "*", "b"):
        _ = Functor(ROSE, Paths(), arrows={"a": ROSE.path("b"), "b": ROSE.path("a")}).is_full
    with pytest.raises(AttributeError):
        _ = Functor(ROSE, Functions(), arrows={"a": abs, "b": abs}).ambient


def test_long_chains():
    n = 10_000
    G = Graph({f"f{k}": (f"A{k}", f"A{k + 1}") for k in range(n)})
    H = Graph({f"g{k}": (f"B{k}", f"B{k + 1}") for k in range(n)})
    F = Functor(G, Paths(), arrows={f"f{k}": H.path([f"g{k}"]) for k in range(n)})
    whole = G.path(list(G.edges))
    assert F(whole).edges == H.edges
    assert (F >> Functor.identity(H))(whole) == F(whole)
    turn = Functor(G, cyclic(3), arrows=dict.fromkeys(G.edges, "1"))
    assert turn(whole) == str(n % 3)
    step = Functor(cyclic(3), cyclic(3), arrows={"1": "2"})
    power = Functor.identity(cyclic(3))
    for _ in range(1001):
        power = power >> step
    assert power == step


def test_arrows_between_posets_need_not_be_said():
    P = FiniteCategory.chain(2)
    F = Functor(P, P, objects={"0": "0", "1": "2", "2": "2"})
    assert F("1 <= 2") == "id(2)"
    with raises(InvalidStructure, law="totality", where='arrow "0 <= 1"'):
        Functor(P, P, objects={"0": "2", "1": "0", "2": "2"})
    with raises(InvalidStructure, 2, 0, law="totality", where='arrow "0 <= 1"'):
        Functor(P, P, objects={"0": "2", "1": "0", "2": "2"})
    with raises(InvalidStructure, 0, 1, law="totality", where='arrow "0 <= 1"'):
        Functor(P, cyclic(2))


# ---------------------------------------------------------------- initial and final functors


SETS = [
    FiniteCategory.discrete(["*"]),
    FiniteCategory.discrete(["x", "y"]),
    FiniteCategory.chain(1),
    FiniteCategory.poset([("0", "a"), ("0", "b")]),
    FiniteCategory.free(Graph({"s": ("E", "V"), "t": ("E", "V")})),
    Presented(
        Graph({"s": ("E", "V"), "t": ("E", "V"), "i": ("V", "E")}),
        ["i >> s = id(V)", "i >> t = id(V)"],
    ).category(),
    FiniteCategory.monoid("1e", {(x, y): max(x, y) for x in "1e" for y in "1e"}),
]
ALONG = [F for C in SETS for D in SETS for F in functors(C, D, limit=12)]


def parts(C: FiniteCategory) -> int:
    """How many connected parts a category has, by following its arrows."""
    label = {a: a for a in C.objects}
    for f in C.arrows:
        one, other = (label[end] for end in C.ends(f))
        label = {a: one if at == other else at for a, at in label.items()}
    return len(set(label.values()))


def point(D: FiniteCategory, d: str) -> Functor:
    return Functor.constant(FiniteCategory.discrete(["p"]), D, d)


def representable(D: FiniteCategory, d: str) -> Functor:
    """The functor x -> D(d, x) to finite sets."""
    homs = {x: FinSet(D.hom(d, x)) for x in D.objects}
    arrows = {}
    for f in D.generators.edges:
        source, target = (homs[end] for end in D.ends(f))
        values = [target.index(D.compose(h, f)) for h in source.labels()]
        arrows[f] = FinFunction(values, source, target)
    return Functor(D, Morphisms(), homs, arrows)


def is_restricted_well(F: Functor, G: Functor) -> bool:
    """Whether the colimit of G restricted along F maps to that of G by a bijection."""
    below, whole = colimit(F >> G), colimit(G)
    legs = dict(zip(G.graph.vertices, whole.legs, strict=True))
    cocone = [legs[F(c)] for c in F.graph.vertices]
    return below.universal(*cocone, codomain=whole.apex).is_bijective


def limits_are_restricted_well(F: Functor, G: Functor) -> bool:
    below, whole = limit(F >> G), limit(G)
    legs = dict(zip(G.graph.vertices, whole.legs, strict=True))
    cone = [legs[F(c)] for c in F.graph.vertices]
    return below.universal(*cone, domain=whole.apex).is_bijective


def test_final_functors_have_connected_comma_categories():
    assert 20 < sum(F.is_final for F in ALONG) < len(ALONG) - 20
    for F in ALONG:
        D = F.codomain
        assert F.is_final == all(parts(comma(point(D, d), F)) == 1 for d in D.objects)
        assert F.is_initial == all(parts(comma(F, point(D, d))) == 1 for d in D.objects)
        assert F.is_initial == F.opposite.is_final


def test_colimits_are_those_along_final_functors():
    """And of no others: a functor is final if the colimits of representables are so."""
    for F in ALONG:
        D = F.codomain
        assert F.is_final == all(is_restricted_well(F, representable(D, d)) for d in D.objects)


def test_limits_are_those_along_initial_functors():
    truth = FinFunction([1, 0], codomain=2)
    seen = 0
    for F in (F for F in ALONG if F.is_initial):
        for d in F.codomain.objects:
            assert limits_are_restricted_well(F, representable(F.codomain, d))
            seen += 1
    assert seen > 50
    two = FiniteCategory.discrete(["x", "y"])
    G = Functor(two, Morphisms(), objects={"x": truth.domain, "y": truth.domain})
    one = Functor(FiniteCategory.discrete(["x"]), two, {"x": "x"})
    assert not one.is_initial
    assert not limits_are_restricted_well(one, G)


def test_right_adjoints_are_final_and_terminal_objects_are():
    for F in ALONG:
        try:
            pair = left_adjoint(F)
        except CatlearnError:
            continue
        assert F.is_final
        assert pair.left.is_initial
    for D in SETS:
        for d in D.objects:
            assert point(D, d).is_final == (d in D.terminal_objects)
            assert point(D, d).is_initial == (d in D.initial_objects)
