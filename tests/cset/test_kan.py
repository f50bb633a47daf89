"""Kan extensions: universal properties, pointwise formulas by brute force, known answers."""

import pickle
from functools import cache
from itertools import islice, product as tuples

import pytest
from hypothesis import assume, given, reject, settings, strategies as st

from catlearn.category import FiniteCategory, Functor, Morphisms, functors
from catlearn.cset import (
    CSet,
    CSetMorphism,
    Schema,
    SchGraph,
    delta,
    homomorphisms,
    is_isomorphic,
    left_kan,
    pi,
    pi_unit,
    representable,
    right_kan,
    sigma,
    sigma_counit,
    tensor,
)
from catlearn.errors import InvalidStructure, TooLarge, WrongKind
from catlearn.finset import FinFunction, FinSet, coproduct
from catlearn.laws.strategies import csets, identifications, out_of
from tests.cset.schemas import REFLEXIVE
from tests.errors import raises

SYMMETRIC = Schema(
    ["V", "E"],
    {"src": ("E", "V"), "tgt": ("E", "V"), "inv": ("E", "E")},
    equations=["inv >> src = tgt", "inv >> tgt = src", "inv >> inv = id(E)"],
)
SCHEMAS = {
    "graph": SchGraph,
    "reflexive": REFLEXIVE,
    "symmetric": SYMMETRIC,
    "point": Schema(["X"]),
    "two": Schema(["L", "R"]),
    "arrow": Schema(["A", "B"], {"f": ("A", "B")}),
    "chain": Schema(["A", "B", "C"], {"f": ("A", "B"), "g": ("B", "C")}),
    "span": Schema(["S", "X", "Y"], {"x": ("S", "X"), "y": ("S", "Y")}),
    "triangle": Schema(
        ["A", "B", "C"],
        {"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C")},
        equations=["f >> g = h"],
    ),
    "idempotent": Schema(["A"], {"e": ("A", "A")}, equations=["e >> e = e"]),
    "involution": Schema(["A"], {"s": ("A", "A")}, equations=["s >> s = id(A)"]),
}
DYNAMICS = Schema(["X"], {"next": ("X", "X")})
TO_REFLEXIVE = Functor(SchGraph, REFLEXIVE, arrows={"src": "src", "tgt": "tgt"})
TO_SYMMETRIC = Functor(SchGraph, SYMMETRIC, arrows={"src": "src", "tgt": "tgt"})


@cache
def functors_between(one: str, other: str) -> list[Functor]:
    """Some functors between the categories of two of the schemas, at most a dozen."""
    found = list(islice(functors(SCHEMAS[one].category(), SCHEMAS[other].category()), 12))
    assert all(F.failures() == [] for F in found)
    return found


@st.composite
def schema_functors(draw: st.DrawFn) -> Functor:
    names = st.sampled_from(list(SCHEMAS))
    found = functors_between(draw(names), draw(names))
    assume(found)
    return draw(st.sampled_from(found))


def ends(F: Functor) -> tuple[Schema, Schema]:
    return Schema.of_category(F.domain), Schema.of_category(F.codomain)


def path(vertices: int) -> CSet:
    edges = vertices - 1
    return CSet(SchGraph, V=vertices, E=edges, src=range(edges), tgt=range(1, vertices))


def sizes(X: CSet) -> dict[str, int]:
    return {table: rows.size for table, rows in X.sets.items()}


def act(X: CSet, C: FiniteCategory, arrow: str, row: int) -> int:
    return X.along(C.word(arrow))(row)


def left_sizes(F: Functor, X: CSet) -> dict[str, int]:
    """The colimit over each comma category F / d, by merging blocks one pair at a time."""
    A, B = F.domain, F.codomain
    found = {}
    for d in B.objects:
        members = {
            (c, x, b): {(c, x, b)} for c in A.objects for x in X.sets[c] for b in B.hom(F(c), d)
        }
        for a in A.arrows:
            c, e = A.ends(a)
            for x, b in tuples(X.sets[c], B.hom(F(e), d)):
                one = members[c, x, B.compose(F(a), b)]
                other = members[e, act(X, A, a, x), b]
                if one is not other:
                    one |= other
                    members |= dict.fromkeys(other, one)
        found[d] = len({id(block) for block in members.values()})
    return found


def right_sizes(F: Functor, X: CSet) -> dict[str, int]:
    """The limit over each comma category d / F, by trying all families."""
    A, B = F.domain, F.codomain
    found = {}
    for d in B.objects:
        places = [(c, b) for c in A.objects for b in B.hom(d, F(c))]
        families = 0
        for values in tuples(*(X.sets[c] for c, _ in places)):
            at = dict(zip(places, values, strict=True))
            families += all(
                act(X, A, a, at[A.ends(a)[0], b]) == at[A.ends(a)[1], B.compose(b, F(a))]
                for a in A.arrows
                for b in B.hom(d, F(A.ends(a)[0]))
            )
        found[d] = families
    return found


@settings(max_examples=50)
@given(st.data(), schema_functors())
def test_the_left_extension_is_pointwise(data, F: Functor):
    X = data.draw(csets(ends(F)[0], max_rows=2))
    extension = left_kan(F, X)
    assert sizes(extension.cset) == left_sizes(F, X)
    assert extension.cset.failures() == []
    assert extension.unit.failures() == []


@settings(max_examples=40)
@given(st.data(), schema_functors())
def test_the_right_extension_is_pointwise(data, F: Functor):
    X = data.draw(csets(ends(F)[0], max_rows=2))
    places = [len(F.codomain.hom(d, F(c))) * [X.size(c)] for d in F.codomain.objects
              for c in F.domain.objects]  # fmt: skip
    assume(sum(len(one) for one in places) < 24)
    extension = right_kan(F, X)
    assert sizes(extension.cset) == right_sizes(F, X)
    assert extension.cset.failures() == []
    assert extension.counit.failures() == []


def is_left_extension(F: Functor, unit: CSetMorphism, cset: CSet, Y: CSet) -> None:
    """Morphisms X -> delta(F, Y) factor through the unit in exactly one way."""
    found = [unit >> delta(F, u) for u in homomorphisms(cset, Y)]
    expected = list(homomorphisms(unit.domain, delta(F, Y)))
    assert len(found) == len(expected)
    assert all(found.count(f) == 1 for f in expected)


def is_right_extension(F: Functor, counit: CSetMorphism, cset: CSet, Y: CSet) -> None:
    """Morphisms delta(F, Y) -> X factor through the counit in exactly one way."""
    found = [delta(F, u) >> counit for u in homomorphisms(Y, cset)]
    expected = list(homomorphisms(delta(F, Y), counit.codomain))
    assert len(found) == len(expected)
    assert all(found.count(g) == 1 for g in expected)


def few(X: CSet, Y: CSet) -> bool:
    return len(list(homomorphisms(X, Y, limit=41))) <= 40


@settings(max_examples=40)
@given(st.data(), schema_functors())
def test_the_left_extension_is_universal(data, F: Functor):
    A, B = ends(F)
    X = data.draw(csets(A, max_rows=2))
    Y = data.draw(csets(B, max_rows=2))
    assume(few(X, delta(F, Y)))
    extension = left_kan(F, X)
    is_left_extension(F, extension.unit, extension.cset, Y)
    for f in homomorphisms(X, delta(F, Y)):
        u = extension.universal(f, Y)
        assert u.failures() == []
        assert extension.transpose(u) == f
    for u in homomorphisms(extension.cset, Y):
        assert extension.universal(extension.transpose(u), Y) == u


@settings(max_examples=40)
@given(st.data(), schema_functors())
def test_the_right_extension_is_universal(data, F: Functor):
    A, B = ends(F)
    X = data.draw(csets(A, max_rows=2))
    Y = data.draw(csets(B, max_rows=2))
    assume(few(delta(F, Y), X))
    extension = right_kan(F, X)
    is_right_extension(F, extension.counit, extension.cset, Y)
    for g in homomorphisms(delta(F, Y), X):
        u = extension.universal(g, Y)
        assert u.failures() == []
        assert extension.transpose(u) == g
    for u in homomorphisms(Y, extension.cset):
        assert extension.universal(extension.transpose(u), Y) == u


def test_what_is_not_a_left_extension_is_rejected(mutants):
    extension, loop = left_kan(TO_REFLEXIVE, path(3)), left_kan(TO_REFLEXIVE, path(2)).cset
    is_left_extension(TO_REFLEXIVE, extension.unit, extension.cset, loop)
    wider = coproduct(extension.cset, representable(REFLEXIVE, "V")).legs[0]
    unit = extension.unit >> delta(TO_REFLEXIVE, wider)
    with mutants("left extension: a row too many"), pytest.raises(AssertionError):
        is_left_extension(TO_REFLEXIVE, unit, wider.codomain, loop)
    point = representable(REFLEXIVE, "V")
    narrow = CSetMorphism(extension.cset, point, V=[0] * 3, E=[0] * 5)
    unit = extension.unit >> delta(TO_REFLEXIVE, narrow)
    with mutants("left extension: rows identified"), pytest.raises(AssertionError):
        is_left_extension(TO_REFLEXIVE, unit, point, loop)


def test_what_is_not_a_right_extension_is_rejected(mutants):
    fold = Functor(SCHEMAS["two"], SCHEMAS["point"], objects={"L": "X", "R": "X"})
    X, Y = CSet(SCHEMAS["two"], L=2, R=2), CSet(SCHEMAS["point"], X=1)
    extension = right_kan(fold, X)
    is_right_extension(fold, extension.counit, extension.cset, Y)
    fewer = CSetMorphism(CSet(SCHEMAS["point"], X=3), extension.cset, X=[0, 1, 2])
    counit = delta(fold, fewer) >> extension.counit
    with mutants("right extension: a family is missing"), pytest.raises(AssertionError):
        is_right_extension(fold, counit, fewer.domain, Y)
    twice = CSetMorphism(CSet(SCHEMAS["point"], X=5), extension.cset, X=[0, 1, 2, 3, 3])
    counit = delta(fold, twice) >> extension.counit
    with mutants("right extension: a family is there twice"), pytest.raises(AssertionError):
        is_right_extension(fold, counit, twice.domain, Y)


@settings(max_examples=40)
@given(st.data(), schema_functors())
def test_the_triangle_laws(data, F: Functor):
    A, B = ends(F)
    X, Y = data.draw(csets(A, max_rows=2)), data.draw(csets(B, max_rows=2))
    left = left_kan(F, X)
    assert sigma(F, left.unit) >> sigma_counit(F, left.cset) == identity(left.cset)
    back = delta(F, Y)
    assert left_kan(F, back).unit >> delta(F, sigma_counit(F, Y)) == identity(back)
    right = right_kan(F, X)
    try:
        unit = pi_unit(F, right.cset)
    except TooLarge:  # an extension of an extension may be
        reject()
    assert unit >> pi(F, right.counit) == identity(right.cset)
    assert delta(F, pi_unit(F, Y)) >> right_kan(F, back).counit == identity(back)


def identity(X: CSet) -> CSetMorphism:
    return CSetMorphism.identity(X)  # type: ignore[return-value]


def test_a_wrong_unit_breaks_a_triangle(mutants):
    involution = Functor.identity(SCHEMAS["involution"].category())
    X = CSet(SCHEMAS["involution"], A=2, s=[1, 0])
    left = left_kan(involution, X)
    turned = CSetMorphism(X, X, A=[1, 0]) >> left.unit
    with mutants("adjunction: a unit that is natural, but not the unit"):
        wrong = sigma(involution, turned) >> sigma_counit(involution, left.cset)
        assert wrong.failures() == []
        assert wrong != identity(left.cset)


@settings(max_examples=40)
@given(st.data(), schema_functors())
def test_the_extensions_are_functors(data, F: Functor):
    X = data.draw(csets(ends(F)[0], max_rows=2))
    f = data.draw(out_of(X))
    g = data.draw(identifications(f.codomain))
    for push in (sigma, pi):
        assert push(F, f).failures() == []
        assert push(F, f >> g) == push(F, f) >> push(F, g)
        assert push(F, identity(X)) == identity(push(F, X))


EMBEDDINGS = [
    F
    for ends_of in (("point", "arrow"), ("arrow", "chain"), ("arrow", "triangle"), ("two", "span"),
                    ("span", "span"), ("involution", "involution"), ("reflexive", "reflexive"))
    for F in functors_between(*ends_of)
    if F.is_full and F.is_faithful
]  # fmt: skip


@settings(max_examples=40)
@given(st.data(), st.sampled_from(EMBEDDINGS))
def test_along_full_and_faithful_functors_nothing_changes(data, F: Functor):
    X = data.draw(csets(ends(F)[0]))
    assert is_iso(left_kan(F, X).unit)
    assert is_iso(right_kan(F, X).counit)


def is_iso(f: CSetMorphism) -> bool:
    return all(component.is_bijective for component in f.components.values())


def test_along_other_functors_something_changes(mutants):
    point = Functor(SCHEMAS["involution"], SCHEMAS["point"], {"A": "X"}, {"s": "id(X)"})
    X = CSet(SCHEMAS["involution"], A=2, s=[1, 0])
    with mutants("Kan extensions along a functor that is full but not faithful"):
        assert not is_iso(left_kan(point, X).unit)
        assert not is_iso(right_kan(point, X).counit)
    fold = Functor(SCHEMAS["two"], SCHEMAS["point"], objects={"L": "X", "R": "X"})
    Y = CSet(SCHEMAS["two"], L=2, R=1)
    with mutants("Kan extensions along a functor that is faithful but not full"):
        assert not is_iso(left_kan(fold, Y).unit)
        assert not is_iso(right_kan(fold, Y).counit)


@settings(max_examples=30)
@given(st.data(), schema_functors())
def test_the_left_extension_is_a_tensor_product(data, F: Functor):
    """At d it is the coend over c of Hom(F c, d) x X(c)."""
    A = ends(F)[0]
    X = data.draw(csets(A, max_rows=2))
    C, D = F.domain, F.codomain
    extension = left_kan(F, X).cset
    for d in D.objects:
        sets = {c: list(D.hom(F(c), d)) for c in C.objects}
        arrows = {}
        for a, (c, e) in A.arrows.items():
            arrows[a] = [sets[c].index(D.compose(F(a), b)) for b in sets[e]]
        presheaf = CSet(A.opposite, {c: len(one) for c, one in sets.items()} | arrows)
        assert len(tensor(presheaf, X).apex) == extension.size(d)


def test_the_path_as_a_reflexive_graph():
    free = left_kan(TO_REFLEXIVE, path(3))
    assert sizes(free.cset) == {"V": 3, "E": 5}
    assert list(free.cset.refl) == [2, 3, 4]
    assert free.cset.schema == REFLEXIVE


def test_free_symmetric_graphs_have_each_edge_twice():
    free = left_kan(TO_SYMMETRIC, path(4)).cset
    assert sizes(free) == {"V": 4, "E": 6}
    cofree = right_kan(TO_SYMMETRIC, CSet(SchGraph, V=2, E=3, src=[0, 1, 0], tgt=[1, 0, 0])).cset
    # An edge with a choice of an edge back: a pair there and back, turned round, and the loop.
    assert sizes(cofree) == {"V": 2, "E": 3}


def test_rows_are_named_after_those_that_they_come_from():
    X = CSet(SchGraph, V=["a", "b"], E=["f"], src=["a"], tgt=["b"])
    assert left_kan(TO_REFLEXIVE, X).cset.names("E") == ("f", "a.refl", "b.refl")
    two = SCHEMAS["two"]
    fold = Functor(two, SCHEMAS["point"], objects={"L": "X", "R": "X"})
    X = CSet(two, L=["a", "b"], R=["b"])
    assert sigma(fold, X).names("X") == ("a", "L/b", "R/b")
    assert FinSet(2) == sigma(fold, CSet(two, L=["a"], R=1)).X


def test_the_fold_is_sum_and_product():
    two, point = SCHEMAS["two"], SCHEMAS["point"]
    fold = Functor(two, point, objects={"L": "X", "R": "X"})
    X = CSet(two, L=3, R=4)
    assert sigma(fold, X).size("X") == 7
    assert pi(fold, X).size("X") == 12
    assert right_kan(fold, X).family("X", 5) == {("L", "id(X)"): 1, ("R", "id(X)"): 1}


def test_quotients_and_fixed_points_of_a_group_action():
    """Along the functor to the point: orbits and fixed points."""
    cyclic = Schema(["A"], {"s": ("A", "A")}, equations=["s >> s >> s = id(A)"])
    to_point = Functor(cyclic, SCHEMAS["point"], objects={"A": "X"}, arrows={"s": "id(X)"})
    X = CSet(cyclic, A=7, s=[1, 2, 0, 3, 4, 6, 5], check=False)
    assert X.failures() != []
    X = CSet(cyclic, A=8, s=[1, 2, 0, 3, 4, 6, 7, 5])
    assert sigma(to_point, X).size("X") == 4
    assert pi(to_point, X).size("X") == 2


def test_induced_representations_have_the_size_of_the_index():
    """From the trivial group to the symmetric group on three letters: six times as many rows."""
    s3 = Schema(
        ["A"],
        {"r": ("A", "A"), "s": ("A", "A")},
        equations=["r >> r >> r = id(A)", "s >> s = id(A)", "r >> s >> r = s"],
    )
    F = Functor(SCHEMAS["point"], s3, objects={"X": "A"})
    X = CSet(SCHEMAS["point"], X=2)
    assert sigma(F, X).size("A") == 12
    assert pi(F, X).size("A") == 64
    F = Functor(SCHEMAS["involution"], s3, arrows={"s": "s"})
    X = CSet(SCHEMAS["involution"], A=3, s=[1, 0, 2])
    assert sigma(F, X).size("A") == 9
    assert pi(F, X).size("A") == 27


def test_paths_are_sent_through_rows_of_their_own():
    """An arrow that goes to a path of two: sigma inserts the row between."""
    F = Functor(SCHEMAS["arrow"], SCHEMAS["chain"], {"A": "A", "B": "C"}, {"f": "f >> g"})
    X = CSet(SCHEMAS["arrow"], A=["a", "b"], B=["x"], f=["x", "x"])
    extension = left_kan(F, X)
    assert sizes(extension.cset) == {"A": 2, "B": 2, "C": 1}
    assert is_iso(extension.unit)


def test_a_finite_result_in_an_infinite_category():
    same = Functor(DYNAMICS, DYNAMICS, arrows={"next": "next"})
    X = CSet(DYNAMICS, X=4, next=[1, 2, 0, 0])
    assert is_iso(left_kan(same, X).unit)
    twice = Functor(DYNAMICS, DYNAMICS, arrows={"next": "next >> next"})
    root = left_kan(twice, X)
    assert root.cset.size("X") == 8
    assert delta(twice, root.cset).failures() == []
    assert root.unit.is_monic


def test_an_infinite_result_is_refused():
    F = Functor(SCHEMAS["point"], DYNAMICS, {"X": "X"})
    with raises(TooLarge, "X", "next", "budget="):
        left_kan(F, CSet(SCHEMAS["point"], X=1), budget=1000)
    with raises(TooLarge, "arrows out of X", "next", "budget="):
        right_kan(F, CSet(SCHEMAS["point"], X=1), budget=1000)
    assert left_kan(F, CSet(SCHEMAS["point"])).cset.size("X") == 0


def test_a_budget_that_is_too_small_is_refused_and_a_larger_one_is_not():
    with pytest.raises(TooLarge):
        left_kan(TO_REFLEXIVE, path(300), budget=200)
    assert left_kan(TO_REFLEXIVE, path(300), budget=1000).cset.size("E") == 599


def test_too_many_families_are_refused():
    two = SCHEMAS["two"]
    fold = Functor(two, SCHEMAS["point"], objects={"L": "X", "R": "X"})
    with raises(TooLarge, "budget", 10000000000):
        right_kan(fold, CSet(two, L=100_000, R=100_000))
    with raises(TooLarge, "budget", 12, 11):
        right_kan(fold, CSet(two, L=3, R=4), budget=11)


def test_set_valued_functors_extend():
    X = path(3).as_functor()
    extension = left_kan(TO_REFLEXIVE, X)
    assert extension.functor("refl") == FinFunction([2, 3, 4], codomain=5)
    assert extension.functor.target == Morphisms()
    assert extension == left_kan(TO_REFLEXIVE, path(3))
    C = FiniteCategory(["A", "B"], {"f": ("A", "B")})
    D = FiniteCategory(["A", "B", "C"], {"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C")},
                       {("f", "g"): "h"})  # fmt: skip
    F = Functor(C, D, arrows={"f": "h"})
    G = Functor(C, Morphisms(), arrows={"f": FinFunction([0, 0], codomain=1)})
    right = right_kan(F, G)
    assert {table: len(right.functor(table)) for table in "ABC"} == {"A": 2, "B": 1, "C": 1}


def test_extensions_can_be_pickled():
    for extension in (left_kan(TO_REFLEXIVE, path(3)), right_kan(TO_SYMMETRIC, path(3))):
        again = pickle.loads(pickle.dumps(extension))
        assert again == extension
        Y = extension.cset
        at = CSetMorphism.identity(Y)
        assert again.universal(again.transpose(at), Y) == at


def test_what_does_not_fit_is_refused():
    extension = left_kan(TO_REFLEXIVE, path(3))
    Y = extension.cset
    with raises(InvalidStructure, law="schema", where="C-set"):
        left_kan(TO_SYMMETRIC, Y)
    with raises(InvalidStructure, law="ends", where="codomain"):
        extension.universal(identity(path(3)), Y)
    broken = CSetMorphism(path(3), delta(TO_REFLEXIVE, Y), V=[1, 0, 2], E=[0, 1], check=False)
    with raises(InvalidStructure, law="naturality of src", where="E '0'"):
        extension.universal(broken, Y)
    with raises(WrongKind, 3):
        left_kan(TO_REFLEXIVE, 3)  # type: ignore[arg-type]
    words = Schema(["Letter", "Word"], lists={"spelling": ("Word", "Letter")})
    spelled = Functor(words, SCHEMAS["point"], {"Letter": "X", "Word": "X"})
    with raises(InvalidStructure, "spelling", law="lists", where="schema"):
        left_kan(spelled, CSet(words, Letter=1))


def test_attributes_are_forgotten():
    coloured = Schema(["X"], attributes={"colour": "X"})
    F = Functor(coloured, SCHEMAS["point"], {"X": "X"})
    X = CSet(coloured, X=["a"], colour=["red"])
    extension = left_kan(F, X)
    assert extension.of == CSet(SCHEMAS["point"], X=["a"])
    assert extension.cset.size("X") == 1
    assert pi(F, identity(X)).components.keys() == {"X"}


def test_extensions_compose():
    """Along a composite, up to isomorphism."""
    inner = Functor(SCHEMAS["arrow"].category(), SchGraph, {"A": "E", "B": "V"}, {"f": "src"})
    outer = Functor(SchGraph.category(), REFLEXIVE, arrows={"src": "src", "tgt": "tgt"})
    X = CSet(SCHEMAS["arrow"], A=3, B=2, f=[0, 0, 1])
    for push in (sigma, pi):
        assert is_isomorphic(push(inner >> outer, X), push(outer, push(inner, X)))


def test_the_chase_merges_what_equations_say():
    """The category of a triangle whose long side is given twice."""
    F = Functor(SCHEMAS["two"], SCHEMAS["triangle"], {"L": "A", "R": "C"})
    extension = left_kan(F, CSet(SCHEMAS["two"], L=2, R=1)).cset
    assert sizes(extension) == {"A": 2, "B": 2, "C": 3}
