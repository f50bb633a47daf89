"""Pulling C-sets back along functors of schemas; C-sets as functors."""

import pytest
from hypothesis import given, settings, strategies as st

from catlearn.category import (
    FiniteCategory,
    Functor,
    Graph,
    Morphisms,
    Presentation,
    natural_transformations,
)
from catlearn.cset import (
    CSet,
    CSetMorphism,
    Schema,
    SchGraph,
    delta,
    homomorphisms,
    left_kan,
    sigma,
    sigma_counit,
)
from catlearn.cset.elements import actions, finite_category
from catlearn.errors import InvalidStructure, LabelConflict, TooLarge, WrongKind
from catlearn.finset import FinFunction, FinSet, coproduct, pullback
from catlearn.laws.strategies import csets, identifications, morphisms
from tests.errors import raises

DYNAMICS = Schema(["X"], {"next": ("X", "X")})
LINE = Schema(["A", "B"], {"f": ("A", "B")})
PETRI = Schema(["S", "T", "In"], {"is": ("In", "S"), "it": ("In", "T")})
ORBITS = Functor(SchGraph, DYNAMICS, {"V": "X", "E": "X"}, {"src": "id(X)", "tgt": "next"})
FAST = Functor(DYNAMICS, DYNAMICS, arrows={"next": "next >> next"})
SOURCES = Functor(LINE.category(), SchGraph, {"A": "E", "B": "V"}, {"f": "src"})


@given(csets(DYNAMICS))
def test_it_takes_the_tables_and_paths_that_the_functor_names(X: CSet):
    G, Y = delta(ORBITS, X), delta(FAST, X)
    assert (G.V, G.E) == (X.X, X.X)
    assert list(G.src) == list(range(X.size("X")))
    assert list(G.tgt) == list(X.next)
    assert [Y.next(k) for k in X.X] == [X.next(X.next(k)) for k in X.X]
    assert G.failures() == []
    assert G.schema == SchGraph


@settings(max_examples=40)
@given(st.data(), csets(DYNAMICS))
def test_it_is_a_functor(data, X: CSet):
    f = data.draw(identifications(X))
    g = data.draw(identifications(f.codomain))
    for F in (ORBITS, FAST):
        assert delta(F, f).failures() == []
        assert delta(F, f >> g) == delta(F, f) >> delta(F, g)
        assert delta(F, CSetMorphism.identity(X)) == CSetMorphism.identity(delta(F, X))


def test_a_wrong_arrow_is_not_natural(mutants):
    X = CSet(DYNAMICS, X=4, next=[1, 0, 3, 2])
    f = CSetMorphism(X, CSet(DYNAMICS, X=2, next=[1, 0]), X=[0, 1, 0, 1])
    pulled = delta(ORBITS, f)
    assert pulled.failures() == []
    with mutants("delta: another function on one table"):
        wrong = CSetMorphism(
            pulled.domain, pulled.codomain, V=[0, 1, 0, 1], E=[1, 0, 0, 1], check=False
        )
        assert wrong.failures() != []


@given(csets(SchGraph))
def test_along_a_composite(G: CSet):
    into = Functor(LINE.category(), LINE.category(), {"A": "A", "B": "A"}, {"f": "id(A)"})
    assert delta(into, delta(SOURCES, G)) == delta(into >> SOURCES, G)


@settings(max_examples=40)
@given(st.data())
def test_it_preserves_limits_and_colimits(data):
    f = data.draw(morphisms(csets(DYNAMICS)))
    both, pulled = pullback(f, f), delta(ORBITS, f)
    assert delta(ORBITS, both.apex).matches(pullback(pulled, pulled).apex)
    twice = coproduct(f.domain, f.codomain).apex
    assert delta(ORBITS, twice).matches(coproduct(pulled.domain, pulled.codomain).apex)


def test_rows_keep_their_names():
    X = CSet(DYNAMICS, X=["a", "b"], next=["b", "b"])
    assert delta(ORBITS, X).tgt == FinFunction([1, 1], ["a", "b"], ["a", "b"])


def test_attributes_and_lists_come_along_where_the_map_says():
    here = Schema(
        ["P", "W"], {"of": ("W", "P")}, lists={"all": ("P", "W")}, attributes={"colour": "P"}
    )
    there = Schema(
        ["N", "M"],
        {"at": ("M", "N")},
        lists={"ms": ("N", "M")},
        attributes={"hue": "N", "size": ("M", int)},
    )
    F = Functor(here, there, {"P": "N", "W": "M"}, {"of": "at"})
    X = CSet(there, N=2, M=2, at=[0, 0], ms=[[1, 0], []], hue=["red", None], size=[1, 2])
    bare = delta(F, X)
    assert (bare.colour, list(bare.all)) == ((None, None), [[], []])
    full = delta(F, X, also={"colour": "hue", "all": "ms"})
    assert (full.colour, list(full.all)) == (("red", None), [[1, 0], []])
    assert full.failures() == []
    f = delta(F, CSetMorphism.identity(X), also={"colour": "hue", "all": "ms"})
    assert f == CSetMorphism.identity(full)
    with raises(InvalidStructure, "'size'", "M", "N", "'all'", "'shade'") as caught:
        delta(F, X, also={"colour": "size", "all": "hue", "shade": "hue"})
    assert len(caught.value.failures) == 3


def test_what_is_not_on_the_schema_is_refused():
    with raises(InvalidStructure, law="schema", where="C-set"):
        delta(ORBITS, CSet(SchGraph, V=1))
    with raises(WrongKind, 7):
        delta(ORBITS, 7)  # type: ignore[call-overload]
    sets = Functor(
        SchGraph, Morphisms(), arrows=dict.fromkeys(["src", "tgt"], FinFunction.identity(1))
    )
    with raises(WrongKind, "Morphisms"):
        delta(sets, CSet(SchGraph))


def test_equations_of_the_other_schema_may_be_written_otherwise():
    swap = Schema(["A"], {"s": ("A", "A")}, equations=["s >> s >> s = s", "s >> s = id(A)"])
    same = Schema(["A"], {"s": ("A", "A")}, equations=["s >> s = id(A)"])
    F = Functor(same, same, arrows={"s": "s"})
    assert delta(F, CSet(swap, A=2, s=[1, 0])).schema == same
    loose = Schema(["A"], {"s": ("A", "A")})
    with raises(InvalidStructure, law="equations", where="equation 's >> s = id(A)'"):
        delta(F, CSet(loose, A=2, s=[1, 1]))


def test_graphs_and_presentations_are_c_sets_too():
    G = Graph({"f": ("A", "B"), "g": ("A", "B")})
    assert list(delta(SOURCES, G).f) == [0, 0]


@given(csets(PETRI))
def test_a_c_set_is_a_functor(X: CSet):
    F = X.as_functor()
    assert F("is") == X.arrows["is"]
    assert F(PETRI.graph.path("id(S)")) == FinFunction.identity(X.S)
    assert CSet.from_functor(F) == X


@settings(max_examples=30)
@given(csets(SchGraph), csets(SchGraph, max_rows=2))
def test_natural_transformations_are_morphisms(X: CSet, Y: CSet):
    found = list(natural_transformations(X.as_functor(), Y.as_functor()))
    expected = list(homomorphisms(X, Y))
    assert len(found) == len(expected)
    parts = [{t: list(alpha(t)) for t in X.sets} for alpha in found]
    assert all({t: list(f.components[t]) for t in X.sets} in parts for f in expected)


@given(csets(SchGraph))
def test_pulling_back_is_composition(X: CSet):
    composite = SOURCES >> X.as_functor(SOURCES.codomain)
    assert CSet.from_functor(composite) == delta(SOURCES, X)


def test_functors_out_of_categories_are_c_sets():
    C = FiniteCategory(["A", "B"], {"f": ("A", "B"), "e": ("A", "A"), "ef": ("A", "B")},
                       {("e", "f"): "ef", ("e", "e"): "e", ("e", "ef"): "ef"})  # fmt: skip
    e, f = FinFunction([0, 0, 2], codomain=3), FinFunction([0, 1, 1], codomain=2)
    F = Functor(C, Morphisms(), arrows={"e": e, "f": f})
    X = CSet.from_functor(F)
    assert X.schema == Schema.of_category(C)
    assert X.schema.category() is C
    assert X.as_functor(C) == F
    values = dict(zip(C.arrows, actions(X, C), strict=True))
    assert values["ef"].tolist() == [0, 0, 1]
    assert values["id(B)"].tolist() == [0, 1]
    with raises(InvalidStructure, law="composition", where="e >> e = e"):
        CSet(Schema(["A", "B"], X.schema.arrows), A=2, B=2, e=[1, 0], f=[0, 1]).as_functor(C)


def test_what_is_not_set_valued_is_refused():
    P = Presentation({"f": ("A", "B")})
    F = Functor(P, Morphisms(), {"A": CSet(SchGraph), "B": FinSet(1)},
                {"f": CSetMorphism.identity(CSet(SchGraph))}, check=False)  # fmt: skip
    with pytest.raises(InvalidStructure) as caught:
        CSet.from_functor(F)
    assert len(caught.value.failures) == 2
    swap = Presentation({"s": ("A", "A")}, ["s >> s = id(A)"])
    wrong = Functor(swap, Morphisms(), arrows={"s": FinFunction([0, 0], codomain=2)}, check=False)
    with raises(InvalidStructure, law="equations", where="equation 's >> s = id(A)'"):
        CSet.from_functor(wrong)
    words = CSet(Schema(["L", "W"], lists={"spelling": ("W", "L")}))
    with raises(InvalidStructure, "spelling", law="lists", where="schema"):
        words.as_functor()


def test_infinite_categories_are_not_listed():
    with raises(TooLarge, "infinite", "next"):
        finite_category(CSet(DYNAMICS))


LABELLED = Schema(
    ["V", "E"],
    {"src": ("E", "V"), "tgt": ("E", "V")},
    attributes={"hue": "V", "size": "E"},
    orders={"hue": "flat", "size": "flat"},
)
ROWS = Schema(
    ["Row"],
    attributes={"start": "Row", "end": "Row", "weight": "Row"},
    orders={"start": "flat", "end": "flat", "weight": "flat"},
)
TABLE = Functor(ROWS, LABELLED, objects={"Row": "E"})
COLUMNS = {"start": "src >> hue", "end": "tgt >> hue", "weight": "size"}


@settings(max_examples=40)
@given(csets(LABELLED))
def test_along_the_identity_all_stays_with_attributes(X: CSet):
    G = Functor(LABELLED, LABELLED, arrows={"src": "src", "tgt": "tgt"})
    for F in (Functor.identity(LABELLED), G):
        assert delta(F, X) == X
        assert sigma(F, X) == X
        assert left_kan(F, X).unit == CSetMorphism.identity(X)
    named = X.with_names({"V": [f"v{k}" for k in X.sets["V"]]})
    assert sigma(G, named) == named
    discrete = Schema(LABELLED.tables, LABELLED.arrows, attributes=LABELLED.attributes)
    Y = CSet(discrete, {**X.sets, **X.arrows, **X.attributes})
    assert sigma(Functor(discrete, discrete, arrows={"src": "src", "tgt": "tgt"}), Y) == Y


@settings(max_examples=30)
@given(csets(ROWS, max_rows=2), csets(LABELLED, max_rows=2))
def test_sigma_is_left_adjoint_with_attributes_along_paths(X: CSet, Y: CSet):
    extension, pulled = left_kan(TABLE, X, also=COLUMNS), delta(TABLE, Y, also=COLUMNS)
    assert extension.unit.failures() == []
    assert extension.cset.schema == LABELLED
    for k in X.sets["Row"]:
        edge = extension.unit("Row", k)
        assert extension.cset.hue[extension.cset.src(edge)] == X.start[k]
        assert extension.cset.hue[extension.cset.tgt(edge)] == X.end[k]
    found = [extension.transpose(u) for u in homomorphisms(extension.cset, Y)]
    expected = list(homomorphisms(X, pulled))
    assert len(found) == len(expected)
    assert all(found.count(f) == 1 for f in expected)
    for f in expected:
        u = extension.universal(f, Y)
        assert u.failures() == []
        assert extension.transpose(u) == f
    counit = sigma_counit(TABLE, Y, also=COLUMNS)
    assert counit.failures() == []
    assert left_kan(TABLE, pulled, also=COLUMNS).transpose(counit).failures() == []


def test_labels_that_are_not_the_least_are_no_extension(mutants):
    X = CSet(ROWS, Row=2, start=["a", None], end=["b", "a"], weight=[1, 2])
    extension = left_kan(TABLE, X, also=COLUMNS)
    assert extension.cset.hue == ("a", None, "b", "a")
    greater = extension.cset.with_column("hue", ["a", "c", "b", "a"])
    Y = extension.cset
    with mutants("sigma: a label that nothing forces"):
        assert not list(homomorphisms(greater, Y))
    less = extension.cset.with_column("hue", ["a", None, None, "a"])
    with mutants("sigma: a label that is lost"):
        assert delta(TABLE, less, also=COLUMNS).end != X.end


def test_labels_are_joined_and_conflicts_are_listed():
    point = Schema(["P"], attributes={"hue": "P"})
    two = Schema(["L", "R"], {"r": ("L", "R")}, attributes={"left": "L", "right": "R"})
    collapse = Functor(two, point, {"L": "P", "R": "P"}, {"r": "id(P)"})
    both = {"left": "hue", "right": "hue"}
    X = CSet(two, L=1, R=1, r=[0], left=["red"], right=["red"])
    assert sigma(collapse, X, also=both) == CSet(point, P=1, hue=["red"])
    wrong = CSet(two, L=["x", "z"], R=["y"], r=[0, 0], left=["red", "blue"], right=["blue"])
    with pytest.raises(LabelConflict) as caught:
        sigma(collapse, wrong, also=both)
    assert caught.value.failures[0].where == "left of L 'x' and left of L 'z'"
    flat = Schema(["P"], attributes={"hue": "P"}, orders={"hue": "flat"})
    collapse = Functor(two, flat, {"L": "P", "R": "P"}, {"r": "id(P)"})
    open_ = CSet(two, L=2, R=1, r=[0, 0], left=["red", None], right=[None])
    assert sigma(collapse, open_, also=both) == CSet(flat, P=1, hue=["red"])


def test_the_paths_that_attributes_are_read_along_are_checked():
    F = Functor(ROWS, LABELLED, objects={"Row": "E"})
    with pytest.raises(InvalidStructure) as caught:
        delta(
            F,
            CSet(LABELLED),
            also={"start": "src >> size", "end": "hue >> src", "weight": "x >> hue"},
        )
    assert len(caught.value.failures) == 3


def test_one_table_of_salaries_is_two():
    """Spivak, "Functorial data migration" (2012), the first example: a table and its two parts."""
    first = {"ssn": "T1", "first1": "T1", "last1": "T1"}
    second = {"first2": "T2", "last2": "T2", "salary": "T2"}
    parts = Schema(["T1", "T2"], attributes={**first, **second})
    whole = Schema(["T"], attributes=dict.fromkeys(["ssn", "first", "last", "salary"], "T"))
    F = Functor(parts, whole, objects={"T1": "T", "T2": "T"})
    also = {"first1": "first", "last1": "last", "first2": "first", "last2": "last"}
    people = {"first": ["Bob", "Sue", "Alice"], "last": ["Smith", "Smith", "Jones"]}
    X = CSet(whole, T=3, ssn=["115", "122", "198"], salary=[250, 300, 100], **people)
    pulled = delta(F, X, also=also)
    assert (pulled.ssn, pulled.salary) == (X.ssn, X.salary)
    assert pulled.first1 == pulled.first2 == X.first
    # Sigma is the union: of a row that came from one part the columns of the other are unknown.
    union = sigma(F, pulled, also=also)
    assert union.size("T") == 6
    assert union.ssn == (*X.ssn, None, None, None)
    assert union.salary == (None, None, None, *X.salary)
    assert union.first == X.first * 2
