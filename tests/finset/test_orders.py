"""Labels: which are the same, wherever they are compared."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from catlearn.cset import Rule, Variable, homomorphisms, is_isomorphic
from catlearn.errors import InvalidStructure, LabelConflict
from catlearn.finset import (
    Shape,
    TableMorphism,
    Tables,
    coproduct,
    product,
    pushout,
)
from catlearn.finset.shapes import as_label, coded, label_key, same_label
from tests.errors import raises

POINTS = Shape(["X"], attributes={"a": "X"})
KINDS = [
    0,
    1,
    False,
    True,
    0.0,
    1.0,
    float("nan"),
    complex(1),
    None,
    "1",
    (),
    (1,),
    (True,),
    (1.0,),
]

numbers = st.one_of(st.booleans(), st.integers(-2, 2), st.sampled_from([0.0, 1.0, float("nan")]))
labels = st.recursive(
    st.one_of(numbers, st.none(), st.sampled_from("ab")), lambda part: st.tuples(part, part)
)


def point(*column):
    return Tables(POINTS, {"X": len(column)}, attributes={"a": column})


def matches(pattern, whole):
    """Generate the injective matches of a pattern, as the rule finds them that changes nothing."""
    same = TableMorphism.identity(pattern)
    return Rule(same, same).matches(whole, monic=True)


def text(label):
    """A second way to say which labels are the same: they are written alike."""
    return repr(label)


@given(st.lists(labels, max_size=8))
def test_labels_are_the_same_if_they_are_written_alike(column):
    codes, distinct = coded(column)
    assert [text(distinct[code]) for code in codes] == list(map(text, column))
    assert len(set(map(text, distinct))) == len(distinct)
    first = [codes.tolist().index(code) for code in range(len(distinct))]
    assert first == sorted(first)
    for one in column:
        for other in column:
            assert same_label(one, other) == (text(one) == text(other))


def test_python_s_equality_would_be_a_mutant(mutants):
    with mutants("labels: equal numbers of several types"):
        assert len(dict.fromkeys((1, True, 1.0))) == 1 < len(coded((1, True, 1.0))[1])
    with mutants("labels: NaN differs from itself"):
        nan = float("nan")
        assert nan != float("nan")
        assert same_label((nan,), (float("nan"),))


@pytest.mark.parametrize(("one", "other"), list(combinations(KINDS, 2)))
def test_different_labels_differ_everywhere(one, other):
    x, y = point(one), point(other)
    assert x != y
    assert x.mismatch(y) == "a differs"
    assert not is_isomorphic(x, y)
    assert list(homomorphisms(x, y)) == []
    assert coproduct(x, y).apex.codes("a")[0].tolist() == [0, 1]
    assert product(x, y).apex.size("X") == 0
    with raises(InvalidStructure, law="naturality of a", where="X '0'"):
        TableMorphism(x, y, {"X": [0]})
    f, g = TableMorphism.identity(x), TableMorphism(x, y, {"X": [0]}, check=False)
    with pytest.raises(LabelConflict):
        pushout(f, g)
    twice = point(Variable("v"), Variable("v"))
    assert list(matches(twice, point(one, other))) == []


@pytest.mark.parametrize("label", [*KINDS, ((float("nan"), 1), "x")])
def test_a_label_and_its_copy_are_the_same_everywhere(label):
    copy = eval(repr(label), {"nan": float("nan")})
    x, y = point(label), point(copy)
    assert x == y
    assert hash(x) == hash(y)
    assert is_isomorphic(x, y)
    assert TableMorphism(x, y, {"X": [0]}).failures() == []
    assert product(x, y).apex == x
    assert pushout(*[TableMorphism(x, y, {"X": [0]})] * 2).apex.size("X") == 1
    assert len(list(matches(point(*[Variable("v")] * 2), point(label, copy)))) == 2


def test_scalars_of_numpy_are_read_as_python_s():
    given = [np.int8(1), np.float32(0.5), np.bool_(True), np.str_("s"), (np.int64(1), (np.True_,))]
    read = point(*given).attributes["a"]
    assert list(map(text, read)) == ["1", "0.5", "True", "'s'", "(1, (True,))"]
    assert all(label_key(one) == label_key(other) for one, other in zip(given, read, strict=True))
    assert as_label(np.int64) is np.int64


def test_gluing_keeps_labels_as_they_are():
    """Gluing made 1, True and 1.0 one label."""
    assert (
        repr(coproduct(point(1), point(True), point(1.0)).apex.attributes["a"]) == "(1, True, 1.0)"
    )
