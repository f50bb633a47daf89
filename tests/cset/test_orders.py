"""Orders of labels: colimits join, limits meet, search and rewriting raise; with mutants."""

import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import catlearn as cl
from catlearn import laws
from catlearn.cset import is_pushout, pushout_complement
from catlearn.errors import InvalidStructure, LabelConflict, NoComplement, UnknownName
from catlearn.finset import FLAT, Order, Shape, TableMorphism, Tables
from tests.errors import raises

POINTS = Shape(["X"], attributes={"colour": "X"}, orders={"colour": "flat"})
ARRAYS = cl.Schema(
    ["Wire", "Axis", "Size"],
    arrows={"size": ("Axis", "Size")},
    lists={"axes": ("Wire", "Axis")},
    attributes={"value": "Size"},
    orders={"value": "flat"},
)


def points(*colours):
    return Tables(POINTS, {"X": len(colours)}, attributes={"colour": colours})


def array(sizes, axes):
    """One wire with these axes; sizes by name, each with its value or None."""
    places = list(sizes)
    return cl.CSet(
        ARRAYS,
        Wire=["x"],
        Axis=len(axes),
        Size=places,
        size=[places.index(name) for name in axes],
        axes=[list(range(len(axes)))],
        value=list(sizes.values()),
    )


colours = st.lists(st.sampled_from([None, "red", "blue"]), min_size=1, max_size=4)


@st.composite
def maps(draw, whole=None):
    """Draw a morphism, onto given points or any: labels of the domain are at most those there."""
    Y = draw(colours.map(lambda found: points(*found))) if whole is None else whole
    rows = draw(st.lists(st.integers(0, Y.size("X") - 1), max_size=4)) if Y.size("X") else []
    lower = [draw(st.sampled_from([None, Y.attributes["colour"][row]])) for row in rows]
    return TableMorphism(points(*lower), Y, {"X": rows})


@given(maps())
def test_what_is_drawn_is_a_morphism(f):
    assert f.failures() == []


def test_a_map_that_lowers_labels_is_none():
    with raises(InvalidStructure, law="naturality of colour", where="X '0'"):
        TableMorphism(points("red"), points(None), {"X": [0]})
    raising = TableMorphism(points(None, "red"), points("red"), {"X": [0, 0]})
    assert laws.check(raising, laws.cset_morphism).broken == ()
    lowering = TableMorphism(points("red"), points(None), {"X": [0]}, check=False)
    assert laws.check(lowering, laws.cset_morphism).broken == ("attributes",)
    # In the discrete order, which is the default, no label may be raised either.
    plain = Shape(["X"], attributes={"colour": "X"})
    ends = [Tables(plain, {"X": 1}, attributes={"colour": [label]}) for label in (None, "red")]
    with raises(InvalidStructure, law="naturality of colour", where="X '0'"):
        TableMorphism(*ends, {"X": [0]})


@given(st.data())
def test_colimits_join(data):
    """Legs are morphisms, and the universal arrow of every cocone is one."""
    Z = data.draw(colours.map(lambda found: points(*found)))
    h, k = data.draw(maps(Z)), data.draw(maps(Z))
    square = cl.pullback(h, k)
    f, g = square.legs
    glued = cl.pushout(f, g)
    for leg in glued.legs:
        assert leg.failures() == []
    assert glued.universal(h, k).failures() == []
    for row, label in enumerate(glued.apex.attributes["colour"]):
        below = [
            leg.domain.attributes["colour"][x]
            for leg in glued.legs
            for x in np.flatnonzero(leg.components["X"].values == row)
        ]
        # The join, and no higher: absent only where all are.
        assert label == next((one for one in below if one is not None), None)


@given(st.data())
def test_limits_meet(data):
    Z = data.draw(colours.map(lambda found: points(*found)))
    h, k = data.draw(maps(Z)), data.draw(maps(Z))
    cone = cl.pullback(h, k)
    for leg in cone.legs:
        assert leg.failures() == []
    one = data.draw(maps(cone.apex))
    assert cone.universal(*(one >> leg for leg in cone.legs)).failures() == []
    both = cl.product(points("red", None), points("red", "blue")).apex
    assert both.attributes["colour"] == ("red", None, None, None)


def test_every_conflict_is_reported():
    apart = points("red", "red", None), points("blue", "red", "blue")
    same = points(None, None, None)
    ends = [TableMorphism(same, one, {"X": [0, 1, 2]}) for one in apart]
    with pytest.raises(LabelConflict) as caught:
        cl.pushout(*ends)
    assert [failure.where for failure in caught.value.failures] == ["X: left '0' = right '0'"]


def test_isomorphisms_have_equal_labels():
    raising = TableMorphism(points(None), points("red"), {"X": [0]})
    assert all(part.is_bijective for part in raising.components.values())
    assert not raising.is_isomorphism
    assert not cl.is_isomorphic(points(None), points("red"))
    assert cl.is_isomorphic(points("red", None), points(None, "red"))


@given(colours, colours)
def test_a_bijection_that_raises_is_monic_and_epic_and_no_isomorphism(one, other):
    G, H = points(*one), points(*other)
    every = list(cl.homomorphisms(G, H))
    both = [m for m in every if m.components["X"].is_bijective]
    assert set(cl.homomorphisms(G, H, monic=True, epic=True)) == set(both)
    found = set(cl.homomorphisms(G, H, iso=True))
    assert found == {m for m in both if m.is_isomorphism}


@given(colours, colours)
def test_search_finds_all_that_raise(one, other):
    G, H = points(*one), points(*other)
    found = {tuple(m.components["X"].values.tolist()) for m in cl.homomorphisms(G, H)}
    every = itertools.product(range(len(other)), repeat=len(one))
    assert found == {
        rows
        for rows in every
        if all(label in (None, other[row]) for label, row in zip(one, rows, strict=True))
    }


def test_identifying_two_sizes_identifies_all_their_uses():
    square = array({"m": None}, ["m", "m"])
    row = array({"n": 128}, ["n"])
    foot = cl.CSet(ARRAYS, Axis=1, Size=1, size=[0], value=[None])
    ends = [cl.CSetMorphism(foot, one, Axis=[0], Size=[0], Wire=[]) for one in (square, row)]
    glued = cl.pushout(*ends).apex
    sizes = [glued.attributes["value"][glued.arrows["size"](axis)] for axis in range(2)]
    assert sizes == [128, 128]
    # The mutant: sizes as labels of axes, joined row by row.
    labels = Shape(["Axis"], attributes={"size": "Axis"}, orders={"size": "flat"})
    alone = [
        Tables(labels, {"Axis": len(column)}, attributes={"size": column})
        for column in ([None], [None, None], [128])
    ]
    pair = [TableMorphism(alone[0], one, {"Axis": [0]}) for one in alone[1:]]
    assert cl.pushout(*pair).apex.attributes["size"] == (128, None)


def unify(classes):
    """Join sizes that are numbers or names, all classes at once."""
    known, failures = {}, {}
    for _ in classes:
        for labels in classes:
            values = [known.get(label, label) for label in labels]
            number = next((value for value in values if isinstance(value, int)), None)
            chosen = values[0] if number is None else number
            known |= {value: chosen for value in values if isinstance(value, str)}
    joined = []
    for number, labels in enumerate(classes):
        values = {known.get(label, label) for label in labels}
        if len(values) > 1:
            failures[number] = f"is {' and '.join(map(repr, labels))}"
        joined.append(min(values, key=str))
    return joined, failures


SIZES = Order("sizes", below=lambda one, other: isinstance(one, str), merge=unify)
AXES = Shape(["Axis"], attributes={"size": "Axis"}, orders={"size": SIZES})


def axes(*sizes):
    return Tables(AXES, {"Axis": len(sizes)}, attributes={"size": sizes})


def along(foot, one, other, rows):
    return [
        TableMorphism(foot, end, {"Axis": at}) for end, at in zip((one, other), rows, strict=True)
    ]


def test_a_merge_gets_all_classes_at_once():
    glued = cl.pushout(*along(axes("m"), axes("m", "m", "k"), axes(128), [[0], [0]]))
    # The second axis is in a class of its own; its size is known all the same.
    assert glued.apex.attributes["size"] == (128, 128, "k")
    assert all(leg.failures() == [] for leg in glued.legs)
    with raises(LabelConflict, 64, 128, law="size", where="Axis: left '1' = right '1'"):
        cl.pushout(*along(axes("a", "b"), axes("m", 64), axes("n", 128), [[0, 1], [0, 1]]))


def test_labels_may_mention_rows():
    """Sizes as tuples of rows: what they become along a morphism is carried."""
    carry = Order("products", carry=lambda size, f: tuple(sorted(f["Axis"](row) for row in size)))
    shape = Shape(["Axis"], attributes={"size": "Axis"}, orders={"size": carry})
    one, other = (
        Tables(shape, {"Axis": len(sizes)}, attributes={"size": sizes})
        for sizes in ([(0,), (0,)], [(0,), (1,), (1,)])
    )
    swapped = TableMorphism(other, other, {"Axis": [0, 1, 2]})
    assert swapped.failures() == []
    union = cl.coproduct(one, other).apex
    assert union.attributes["size"] == ((0,), (0,), (2,), (3,), (3,))
    assert union.subtables({"Axis": [2, 3, 4]})[0].attributes["size"] == ((0,), (1,), (1,))
    found = [m.components["Axis"].values.tolist() for m in cl.homomorphisms(one, other)]
    assert found == [[0, 0], [1, 1], [1, 2]]


def test_rules_raise_and_take_away_labels():
    rule = cl.Rule(
        TableMorphism(points(None), points("red"), {"X": [0]}),
        TableMorphism(points(None), points("blue"), {"X": [0]}),
    )
    whole = points("red", None, "blue")
    assert rule.rewrite(whole).apex.attributes["colour"] == ("blue", None, "blue")
    kept = cl.Rule(
        TableMorphism(points(None), points(None), {"X": [0]}),
        TableMorphism(points(None), points("blue"), {"X": [0]}),
    )
    # A label that the rule does not mention stays; giving a row two of them is no pushout.
    results = [one.apex.attributes["colour"] for one in [kept.rewrite(points(None))]]
    assert results == [("blue",)]


@given(st.data())
def test_rewrites_are_pushouts_with_the_labels_of_the_match(data):
    """Also where a deleted row matches one with a label above its own, or kept rows meet."""
    G = data.draw(colours.map(lambda found: points(*found)))
    m = data.draw(maps(G))
    left = data.draw(maps(m.domain).filter(lambda f: f.is_monic))
    right = TableMorphism.identity(left.domain)
    try:
        step = cl.Rule(left, right).rewrite(G, m)
    except NoComplement:
        return
    left, k = step.applied.left, step.complement.k
    assert k.failures() == step.complement.d.failures() == []
    assert is_pushout(left, k, step.match, step.complement.d)
    assert cl.is_isomorphic(step.inverse().apex, G)


def test_a_deleted_row_has_the_label_of_its_image():
    nothing, some, whole = points(), points(None), points("red")
    left = TableMorphism(nothing, some, {"X": []})
    match = TableMorphism(some, whole, {"X": [0]})
    with raises(NoComplement, "red", law="labels", where="X '0'"):
        pushout_complement(left, match)
    # A rule may ask for less than it finds: what it finds is what it deletes.
    step = cl.Rule(left, left.identity(nothing)).rewrite(whole)
    assert step.apex.size("X") == 0
    assert step.inverse().apex.attributes["colour"] == ("red",)


def test_kept_rows_that_meet_keep_the_label_that_one_of_them_has():
    below, both = points(None, "red"), points("red", "red")
    left = TableMorphism(below, both, {"X": [0, 1]})
    k, d = pushout_complement(left, TableMorphism(both, points("red"), {"X": [0, 0]}))
    assert k.failures() == d.failures() == []


def test_orders_are_read_by_name():
    assert POINTS.order("colour") is FLAT
    assert Shape(["X"], attributes={"colour": "X"}, orders={"colour": FLAT}) == POINTS
    assert Shape(["X"], attributes={"colour": "X"}) != POINTS
    assert eval(repr(POINTS)) == POINTS
    assert eval(repr(ARRAYS), {"Schema": cl.Schema}) == ARRAYS
    with raises(UnknownName, "flatt", "flat"):
        Shape(["X"], attributes={"colour": "X"}, orders={"colour": "flatt"})
    with raises(InvalidStructure, law="orders", where="'colour'"):
        Shape(["X"], orders={"colour": "flat"})
