"""Conjunctive queries: against search, delta, brute force and SQL; laws, with mutants."""

import contextlib
import itertools
import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from catlearn.category import Functor
from catlearn.cset import (
    CSet,
    CSetMorphism,
    Query,
    Schema,
    SchGraph,
    delta,
    homomorphisms,
    pattern,
)
from catlearn.errors import InvalidStructure, TooLarge, WrongKind
from catlearn.finset import Variable
from catlearn.laws.strategies import csets, identifications

ENDS = {"src": ("E", "V"), "tgt": ("E", "V")}
COLOURED = Schema(["V", "E"], ENDS, attributes={"hue": "V", "mark": "E"})
LISTS = Schema(["V", "W"], {"of": ("W", "V")}, lists={"word": ("W", "V")}, attributes={"hue": "V"})
FLAT = Schema(["V", "E"], ENDS, attributes={"hue": "V"}, orders={"hue": "flat"})
LOOSE = Schema(["Answer"])
x = Variable("x")
labels = [None, 0, 1, x, Variable("y", where=lambda label: label != 0)]


def rows_of(morphisms_, P):
    return sorted(tuple(v for t in P.sets for v in m.components[t].values) for m in morphisms_)


def answers_of(Q, X, P):
    columns = Q.images(X, "Answer")
    return sorted(zip(*(row.tolist() for t in P.sets for row in columns[t]), strict=True))


@settings(max_examples=80)
@given(st.data(), st.sampled_from([SchGraph, COLOURED, LISTS, FLAT]))
def test_answers_are_the_morphisms_from_the_pattern(data, schema):
    P = data.draw(csets(schema, max_rows=2, max_list=2, labels=labels))
    X = data.draw(csets(schema, max_rows=3, max_list=2))
    Q = Query(LOOSE, schema, {"Answer": P})
    expected = rows_of(homomorphisms(P, X), P)
    assert len(Q(X).Answer) == len(expected)
    if sum(P.size(t) for t in P.sets):
        assert answers_of(Q, X, P) == expected


def test_an_answer_less_is_noticed(mutants):
    P = CSet(SchGraph, V=2, E=1, src=[0], tgt=[1])
    X = CSet(SchGraph, V=2, E=2, src=[0, 1], tgt=[1, 0])
    columns = Query(LOOSE, SchGraph, {"Answer": P}).images(X, "Answer")
    with mutants("query: an answer is lost"):
        lost = {table: rows[:, 1:] for table, rows in columns.items()}
        assert lost["E"].shape[1] != len(list(homomorphisms(P, X)))


@pytest.mark.parametrize("function", [str.upper, None])
def test_labels_through_functions(function):
    c = Variable("c")
    other = c.map(function) if function else c
    P = CSet(COLOURED, V=["a", "b"], hue=[c, other])
    X = CSet(COLOURED, V=4, hue=["r", "R", "g", "r"])
    Q = Query(LOOSE, COLOURED, {"Answer": P})
    assert answers_of(Q, X, P) == rows_of(homomorphisms(P, X), P) != []


PATHS = Query(
    SchGraph,
    SchGraph,
    objects={
        "V": {"V": ["v"]},
        "E": {"V": ["x", "y", "z"], "E": ["f", "g"], "src": ["x", "y"], "tgt": ["y", "z"]},
    },
    arrows={"src": {"V": {"v": "x"}}, "tgt": {"V": {"v": "z"}}},
)


@settings(max_examples=40)
@given(st.data(), csets(SchGraph))
def test_it_is_a_functor(data, X: CSet):
    f = data.draw(identifications(X))
    g = data.draw(identifications(f.codomain))
    assert PATHS(X).failures() == []
    assert PATHS(f).failures() == []
    assert PATHS(f >> g) == PATHS(f) >> PATHS(g)
    assert PATHS(CSetMorphism.identity(X)) == CSetMorphism.identity(PATHS(X))
    # By hand: the pairs of edges that meet.
    pairs = [(e, f) for e in X.E for f in X.E if X.tgt(e) == X.src(f)]
    ends = sorted((X.src(e), X.tgt(f)) for e, f in pairs)
    assert sorted(zip(PATHS(X).src, PATHS(X).tgt, strict=True)) == ends


def test_a_result_with_its_ends_exchanged_is_not_natural(mutants):
    X = CSet(SchGraph, V=3, E=2, src=[0, 1], tgt=[1, 2])
    f = CSetMorphism(X, CSet(SchGraph, V=4, E=3, src=[0, 1, 2], tgt=[1, 2, 3]),
                     V=[0, 1, 2], E=[0, 1])  # fmt: skip
    good = PATHS(f)
    turned = CSet(SchGraph, V=good.codomain.V, E=good.codomain.E,
                  src=good.codomain.tgt.values, tgt=good.codomain.src.values)  # fmt: skip
    assert good.failures() == []
    with mutants("query: an arrow by the wrong morphism of patterns"):
        wrong = CSetMorphism(good.domain, turned, dict(good.components), check=False)
        assert wrong.failures() != []


DYNAMICS = Schema(
    ["X"], {"next": ("X", "X")}, attributes={"hue": "X"}, equations=["next >> next >> next = next"]
)
ARROWS = Schema(["V", "E"], ENDS, attributes={"start": "E", "end": "E", "hue": "V"})
ORBITS = Functor(ARROWS, DYNAMICS, {"V": "X", "E": "X"}, {"src": "id(X)", "tgt": "next"})
ALSO = {"start": "hue", "end": "next >> hue"}


@settings(max_examples=40)
@given(st.data(), csets(DYNAMICS))
def test_with_representable_patterns_it_is_delta(data, X: CSet):
    Q = Query.of(ORBITS, also=ALSO)
    pulled = delta(ORBITS, X, also=ALSO)
    assert Q(X).matches(pulled)
    assert Q(X).attributes == pulled.attributes
    f = data.draw(identifications(X))
    parts = delta(ORBITS, f, also=ALSO).components
    assert all(np.array_equal(one.values, parts[t].values) for t, one in Q(f).components.items())


def test_infinitely_many_arrows_have_no_representable():
    loose = Schema(["X"], {"next": ("X", "X")})
    with pytest.raises(TooLarge):
        Query.of(Functor(Schema(["V"]), loose, {"V": "X"}))


def random_graph(n, m, seed=0):
    ends = np.random.default_rng(seed).integers(0, n, (2, m))
    return CSet(SchGraph, V=n, E=m, src=ends[0], tgt=ends[1])


def answers(X, sql):
    """The rows that a database finds, sorted; it is closed."""
    with contextlib.closing(sqlite3.connect(":memory:")) as base:
        base.execute("create table E (id integer primary key, src integer, tgt integer)")
        rows = zip(range(X.size("E")), X.src.values.tolist(), X.tgt.values.tolist(), strict=True)
        base.executemany("insert into E values (?, ?, ?)", rows)
        base.execute("create index at_src on E (src, tgt)")
        return sorted(base.execute(sql))


JOINS = {
    "triangle": (
        {"V": 3, "E": 3, "src": [0, 1, 2], "tgt": [1, 2, 0]},
        "select f.id, g.id, h.id from E f join E g on g.src = f.tgt "
        "join E h on h.src = g.tgt and h.tgt = f.src",
    ),
    "path": (
        {"V": 4, "E": 3, "src": [0, 1, 2], "tgt": [1, 2, 3]},
        "select f.id, g.id, h.id from E f join E g on g.src = f.tgt join E h on h.src = g.tgt",
    ),
    "fork": (
        {"V": 3, "E": 2, "src": [0, 0], "tgt": [1, 2]},
        "select f.id, g.id from E f join E g on g.src = f.src",
    ),
}


@pytest.mark.parametrize("name", JOINS)
@pytest.mark.parametrize(("n", "m"), [(1, 3), (30, 90), (300, 900)])
def test_against_sql(name, n, m):
    parts, sql = JOINS[name]
    X = random_graph(n, m)
    found = Query(LOOSE, SchGraph, {"Answer": parts}).images(X, "Answer")["E"]
    assert sorted(zip(*found.tolist(), strict=True)) == answers(X, sql)


PEOPLE = Schema(
    ["Supplier", "Part", "Supply"],
    {"by": ("Supply", "Supplier"), "what": ("Supply", "Part")},
    attributes={"name": "Supplier", "city": "Supplier", "colour": "Part", "made": "Part"},
)


def test_suppliers_and_parts():
    """Codd, "A relational model of data for large shared data banks", and Date's data base."""
    X = CSet(
        PEOPLE, Supplier=3, Part=3, Supply=5, name=["Smith", "Jones", "Blake"],
        city=["London", "Paris", "Paris"], colour=["red", "green", "red"],
        made=["London", "Paris", "London"], by=[0, 0, 1, 1, 2], what=[0, 1, 0, 1, 1],
    )  # fmt: skip
    city = Variable("city")
    at_home = pattern(PEOPLE, Supplier=["s"], Part=["p"], Supply=["d"], by=["s"], what=["p"],
                      city=[city], made=[city])  # fmt: skip
    red = pattern(PEOPLE, Supplier=["s"], Part=["p"], Supply=["d"], by=["s"], what=["p"],
                  colour=["red"])  # fmt: skip
    result = Schema(
        ["Home", "Red", "Who"], {"h": ("Home", "Who"), "r": ("Red", "Who")},
        attributes={"who": "Who", "where": "Home", "red": "Red"},
    )  # fmt: skip
    who = pattern(PEOPLE, Supplier=["s"])
    Q = Query(
        result, PEOPLE, {"Home": at_home, "Red": red, "Who": who},
        attributes={"who": "s >> name", "where": "d >> what >> made", "red": ["s", "name"]},
    )  # fmt: skip
    made = Q(X)
    pairs = list(zip(X.by, X.what, strict=True))
    assert sorted(zip((made.who[k] for k in made.h), made.where, strict=True)) == sorted(
        (X.name[s], X.made[p]) for s, p in pairs if X.city[s] == X.made[p]
    )
    assert sorted(made.red) == sorted(X.name[s] for s, p in pairs if X.colour[p] == "red")
    assert [made.who[k] for k in made.r] == list(made.red)


def test_what_does_not_fit_is_refused_all_at_once():
    V = {"V": {"V": 1}, "E": {"V": 2, "E": 1, "src": [0], "tgt": [1]}}
    with pytest.raises(InvalidStructure) as caught:
        Query(SchGraph, SchGraph, {"V": V["V"], "F": V["V"]}, {"s": {}}, {"hue": "0 >> hue"})
    assert len(caught.value.failures) == 4
    with pytest.raises(InvalidStructure) as caught:  # either end will do, so it has to be said
        Query(SchGraph, SchGraph, V)
    assert {failure.where for failure in caught.value.failures} == {"arrow 'src'", "arrow 'tgt'"}
    loop = Schema(["V"], {"f": ("V", "V")}, equations=["f >> f = id(V)"])
    with pytest.raises(InvalidStructure) as caught:
        Query(loop, SchGraph, {"V": {"V": 2}}, {"f": {"V": {0: 1, 1: 1}}})
    assert caught.value.failures[0].law == "equations"
    turned = Query(loop, SchGraph, {"V": {"V": 2}}, {"f": {"V": {0: 1, 1: 0}}})
    assert turned(CSet(SchGraph, V=2)).f.values.tolist() == [0, 2, 1, 3]
    typed = Schema(["A"], attributes={"n": ("A", int), "m": "A"})
    there = Schema(["V"], attributes={"hue": ("V", str)}, lists={"all": ("V", "V")})
    parts = {"V": ["v"], "all": [[]]}
    for side, law in {"v >> hue": "types", "w >> hue": "rows", "v": "names", "v >> all": "names",
                      "v >> x": "known edges"}.items():  # fmt: skip
        with pytest.raises(InvalidStructure) as caught:
            Query(typed, there, {"A": parts}, attributes={"n": side})
        assert [failure.law for failure in caught.value.failures] == [law]
    for wrong in (3, "V", ["V"]):
        with pytest.raises(WrongKind):
            Query(LOOSE, SchGraph, wrong)
        with pytest.raises(WrongKind):
            PATHS(wrong)
    with pytest.raises(InvalidStructure):
        PATHS(CSet(COLOURED))
    with pytest.raises(TooLarge):
        PATHS.images(random_graph(2, 100), "E", most=10)


def test_equations_between_labels_hold_in_the_patterns(mutants):
    result = Schema(["P"], attributes={"a": "P", "b": "P"}, equations=["a = b"])
    two = {"a": "v >> hue", "b": "w >> hue"}
    same = pattern(COLOURED, V=["v", "w"], hue=[x, x])
    made = Query(result, COLOURED, {"P": same}, attributes=two)(CSet(COLOURED, V=3, hue="rgr"))
    assert made.failures() == []
    assert sorted(made.a) == ["g", "r", "r", "r", "r"]
    with (
        mutants("query: labels that an equation makes one are read apart"),
        pytest.raises(InvalidStructure),
    ):
        Query(result, COLOURED, {"P": {"V": ["v", "w"]}}, attributes=two)
    with pytest.raises(InvalidStructure):
        Query(result, COLOURED, {"P": same}, attributes={"a": "v >> hue"})
    within = Schema(["V", "E"], ENDS, attributes={"hue": "V"},
                    equations=["src >> hue = tgt >> hue"])  # fmt: skip
    edge = {"V": ["v", "w"], "E": ["e"], "src": ["v"], "tgt": ["w"]}
    assert len(set(pattern(within, edge).hue)) == 1
    assert Query(result, within, {"P": edge}, attributes=two).labels["b"] == ("hue", 1)


def test_morphisms_that_raise_labels_apart_have_no_image():
    P = CSet(FLAT, V=2, hue=[x, x])
    Q = Query(LOOSE, FLAT, {"Answer": P})
    f = CSetMorphism(CSet(FLAT, V=2), CSet(FLAT, V=2, hue=["r", "g"]), V=[0, 1])
    with pytest.raises(InvalidStructure) as caught:
        Q(f)
    assert caught.value.failures[0].law == "variables"


def test_patterns_leave_open_what_is_not_said():
    P = pattern(COLOURED, V=["a", "b"], E=["e"], src=["a"], tgt=["b"], hue={"a": "red"})
    assert P.hue[0] == "red"
    assert isinstance(P.hue[1], Variable)
    assert isinstance(P.mark[0], Variable)
    X = CSet(COLOURED, V=3, E=2, src=[0, 1], tgt=[1, 2], hue=["red", "red", "blue"], mark=[1, 2])
    assert len(list(homomorphisms(P, X))) == 2
    assert pattern(FLAT, V=1).hue == (None,)
    for wrong in ({"V": 1, "E": 1, "src": [0], "tgt": [1]}, {"V": 2, "hue": ["red"]}):
        with pytest.raises(InvalidStructure):
            pattern(COLOURED, wrong)


def test_no_rows_have_one_answer_and_no_tables_are_one_pattern():
    assert len(Query(LOOSE, SchGraph, {"Answer": {}})(CSet(SchGraph)).Answer) == 1
    assert Query(Schema(), SchGraph, {})(CSet(SchGraph, V=3)) == CSet(Schema())
    pairs = Query(LOOSE, SchGraph, {"Answer": {"V": 2}}).images(CSet(SchGraph, V=3), "Answer")["V"]
    every = itertools.product(range(3), repeat=2)
    assert list(zip(*pairs.tolist(), strict=True)) == list(every)
