"""Side data: arrays that rows hold are carried by colimits, limits, parts and rewriting."""

import copy
import pickle

import jax
import numpy as np
import pytest
from hypothesis import given, strategies as st

from catlearn.cset import CSet, Rule, Schema, Variable, homomorphisms
from catlearn.errors import InvalidStructure, LabelConflict, UnknownName
from catlearn.finset import FinSet, Shape, TableMorphism, Tables, coproduct, product, pushout
from catlearn.tensors import same_values
from tests.errors import raises

SHAPE = Schema(["V", "E"], {"at": ("E", "V")}, side_data={"data": "V"})
ARRAYS = [np.zeros(2), np.ones(2), np.array([np.nan, 1.0]), np.zeros(2, "f4"), np.zeros((2, 1))]
TREES = [
    None,
    *ARRAYS,
    -ARRAYS[0],
    {"w": ARRAYS[0]},
    {"v": ARRAYS[0]},
    (ARRAYS[0],),
    [ARRAYS[0], ARRAYS[1]],
    [ARRAYS[0], 1],
    np.array(["a", "b"]),
    np.array(0.0),
    jax.random.key(0),
    jax.random.key(1),
]


def points(*held, names=None):
    """Points that hold arrays, given by number, or nothing."""
    arrays = [None if k is None else ARRAYS[k].copy() for k in held]
    return CSet(SHAPE, V=names or len(held), data=arrays)


def held(tables):
    found = tables.side_data["data"]
    rows = (found.get(row) for row in range(tables.size("V")))
    return [next((k for k, a in enumerate(ARRAYS) if same_values(a, row)), None) for row in rows]


some = st.lists(st.sampled_from([None, 0, 1, 2]), max_size=4)


# ---------------------------------------------------------------- one equality of arrays


@pytest.mark.parametrize("k", range(len(TREES)))
def test_a_tree_is_only_itself(k):
    for j, other in enumerate(TREES):
        assert same_values(TREES[k], copy.deepcopy(other)) == (j == k)


def test_values_that_are_only_close_would_be_a_mutant(mutants):
    with mutants("side data: arrays of another dtype"):
        assert np.array_equal(np.zeros(2), np.zeros(2, "f4"))
        assert not same_values(np.zeros(2), np.zeros(2, "f4"))
    with mutants("side data: NaN conflicts with itself"):
        assert not np.array_equal(ARRAYS[2], ARRAYS[2].copy())
        assert same_values(ARRAYS[2], ARRAYS[2].copy())


# ---------------------------------------------------------------- constructions


def test_side_data_are_read_by_number_and_by_name():
    by_name = CSet(SHAPE, V=["a", "b"], data={"b": ARRAYS[1]})
    assert held(by_name) == [None, 1]
    assert dict(by_name.data) == {1: ARRAYS[1]}
    with raises(InvalidStructure, "c", law="values", where="side data 'data'"):
        CSet(SHAPE, V=["a"], data={"c": ARRAYS[0]})
    with raises(InvalidStructure, law="shape", where="side data 'date'"):
        Tables(SHAPE, {"V": 1}, side_data={"date": [ARRAYS[0]]})
    with raises(InvalidStructure, "W", law="ends", where="'data'"):
        Shape(["V"], side_data={"data": "W"})
    assert Shape(["V"], side_data={"data": "V"}) != Shape(["V"])
    assert repr(Shape(["V"], side_data={"data": "V"})) == "Shape(('V',), side_data={'data': 'V'})"


@given(some, some)
def test_nothing_but_constructions_sees_them(one, other):
    X, Y = points(*one), points(*other)
    assert (X == Y) == (len(one) == len(other))
    assert X != Y or hash(X) == hash(Y)
    number = sum(1 for _ in homomorphisms(X, Y))
    assert number == len(other) ** len(one)
    again = pickle.loads(pickle.dumps(X))
    assert held(again) == held(copy.deepcopy(X)) == list(one)


@given(some, some, st.data())
def test_colimits_join_them_and_name_every_conflict(one, other, data):
    X, Y = points(*one), points(*other)
    pairs = st.tuples(*(st.integers(0, max(n - 1, 0)) for n in (len(one), len(other))))
    pairs = data.draw(st.lists(pairs, max_size=2)) if one and other else []
    foot = points(*(None for _ in pairs))
    f = TableMorphism(foot, X, {"V": [a for a, _ in pairs]})
    g = TableMorphism(foot, Y, {"V": [b for _, b in pairs]})
    whole = coproduct(points(*one), points(*other)).apex
    assert held(whole) == [*one, *other]
    bare = pushout(*(TableMorphism(h.domain, points(*[None] * h.codomain.size("V")), h.components,
                                   check=False) for h in (f, g)))  # fmt: skip
    expected = [set() for _ in range(bare.apex.size("V"))]
    for leg, column in zip(bare.legs, (one, other), strict=True):
        for row, value in enumerate(column):
            expected[leg("V", row)] |= {value} - {None}
    if any(len(values) > 1 for values in expected):
        with pytest.raises(LabelConflict) as caught:
            pushout(f, g)
        assert {failure.law for failure in caught.value.failures} == {"data"}
    else:
        apex = pushout(f, g).apex
        assert held(apex) == [next(iter(values), None) for values in expected]


def test_conflicts_are_listed_with_all_others():
    shape = Shape(["V"], attributes={"label": "V"}, side_data={"data": "V"})
    one, other = (
        Tables(shape, {"V": 2}, {}, {}, {"label": [k, 0]}, {"data": [ARRAYS[k], ARRAYS[k]]})
        for k in (0, 1)
    )
    foot = Tables(shape, {"V": 2})
    f, g = (TableMorphism(foot, X, {"V": [0, 1]}, check=False) for X in (one, other))
    with pytest.raises(LabelConflict) as caught:
        pushout(f, g)
    places = [(failure.law, failure.where) for failure in caught.value.failures]
    assert places == [
        ("label", "V: left '0' = right '0'"),
        ("data", "V: left '0' = right '0'"),
        ("data", "V: left '1' = right '1'"),
    ]


@given(some, some)
def test_limits_meet_them(one, other):
    X, Y = points(*one), points(*other)
    found = product(X, Y)
    rows = zip(*(leg.components["V"].values.tolist() for leg in found.legs), strict=True)
    assert held(found.apex) == [one[a] if one[a] == other[b] else None for a, b in rows]


@given(some, st.data())
def test_parts_keep_them(column, data):
    rows = data.draw(st.sets(st.integers(0, len(column) - 1))) if column else set()
    part, inclusion = points(*column).subtables({"V": sorted(rows)})
    assert held(part) == [column[k] for k in sorted(rows)]
    assert inclusion.domain is part


def test_rewriting_carries_them():
    """Rows that stay and rows that are made anew hold what they held; variables move it."""
    G = CSet(SHAPE, V=["a", "b"], E=["e"], at=["a"], data=[ARRAYS[0], ARRAYS[1]])
    old = CSet(SHAPE, V=["a", "b"], data={"a": Variable("x"), "b": Variable("y")})
    new = CSet(SHAPE, V=["c", "d"], data={"c": Variable("y"), "d": ARRAYS[2]})
    fixed = {"V": {"a": "a", "b": "b"}}
    swap = Rule.between(old, new, replace={"V": {"a": "c"}})
    H = swap.rewrite(G, initial=fixed).apex
    assert (H.names("V"), held(H), list(H.at)) == (("c", "d"), [1, 2], [0])
    plain = CSet(SHAPE, V=["a", "b"])
    same = Rule.between(plain, CSet(SHAPE, V=["a", "b", "c"])).rewrite(G, initial=fixed).apex
    assert held(same) == [0, 1, None]
    back = swap.rewrite(G, initial=fixed).inverse().apex
    assert sorted(zip(back.names("V"), held(back), strict=True)) == [("a", 0), ("b", 1)]
    with raises(InvalidStructure, "?z", law="variables", where="right, row 'c'"):
        Rule.between(plain, CSet(SHAPE, V=["c"], data=[Variable("z")]))
    assert swap != Rule.between(old, CSet(SHAPE, V=["c", "d"]), replace={"V": {"a": "c"}})


def test_other_side_data_make_the_same_tables():
    X = points(0, None, names=["a", "b"])
    Y = X.with_side_data({"data": {"b": ARRAYS[1]}})
    assert X == Y
    assert held(Y) == [None, 1]
    assert isinstance(Y.V, FinSet)


def test_unknown_names_and_short_columns_are_refused():
    with raises(InvalidStructure, "1", "2", law="values", where="side data 'data'"):
        CSet(SHAPE, V=2, data=[ARRAYS[0]])
    for edit in (lambda X: X.with_side_data({"date": {}}), lambda X: X.with_column("date", [])):
        with raises(UnknownName, "date"):
            edit(points(0))


def test_what_only_the_interface_holds_is_carried(mutants):
    """Two morphisms out of points that hold data, into points that hold none."""
    foot, bare = points(1, None), CSet(SHAPE, V=2)
    legs = [TableMorphism(foot, bare, {"V": rows}) for rows in ([0, 1], [1, 0])]
    glued = pushout(*legs).apex
    with mutants("colimit: data that only an interface holds are lost"):
        assert held(glued) != held(pushout(*(TableMorphism(points(None, None), bare, {"V": rows})
                                             for rows in ([0, 1], [1, 0]))).apex)  # fmt: skip
    assert same_values(glued.side_data["data"][0], ARRAYS[1])
    assert list(glued.side_data["data"]) == [0]
    # It has to be what the objects hold, too.
    with pytest.raises(LabelConflict) as caught:
        pushout(legs[0], TableMorphism(foot, points(2, None), {"V": [0, 1]}))
    assert [failure.law for failure in caught.value.failures] == ["data"]
