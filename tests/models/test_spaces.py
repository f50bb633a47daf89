"""Spaces and their labels, and the check of data against them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from catlearn import models
from catlearn.errors import CatlearnError, InvalidStructure
from catlearn.learning import Dataset, LearningDiagram
from catlearn.models import (
    Categorical,
    DataSpace,
    Divergence,
    DivergenceSum,
    Model,
    Product,
    Registered,
    Space,
    as_input,
    cast,
    check_array,
    representation_of,
)
from tests.errors import are, raises

X = Space("X", (64,))
Y = Categorical("Y", 10)
P = Product("P", X, Y)


def test_the_label_of_a_vertex_is_its_space_whose_name_does_not_count():
    for space in (X, Y, P):
        assert space == space.label
        assert hash(space) == hash(space.label)
        assert type(space.label) is type(space)
        assert (space.label.name, space.label.label) == (None, space.label)
        assert eval(repr(space.label)) == space
        assert str(space) == f"{space.name} = {space.label}"
    assert [str(factor) for factor in P.label.factors] == [str(X.label), str(Y.label)]
    assert Product("Q", Space("A", 64), Y) == P
    assert models.ArrayLabel is Space
    assert models.NamedSpace is models.SpaceLabel is models.AnySpace


def test_what_has_no_name_stands_for_no_vertex():
    linear = Registered("linear")
    for build in (
        lambda: Product("P", X.label, Y),
        lambda: Model("f", X.label, X, linear),
        lambda: Dataset("d", x=X.label),
        lambda: LearningDiagram(X.label),
    ):
        with pytest.raises(InvalidStructure):
            build()
    same = Model("f", X, X, linear)
    assert same == Model("f", X, X, linear) != Model("f", X, Space("Z", 64), linear)


def test_labels_do_not_see_names_and_see_all_else():
    assert X.label == Space("Z", 64).label
    assert hash(P.label) == hash(Product("Q", Space("A", 64), Categorical("B", 10)).label)
    labels = {
        X.label,
        Space("X", (8, 8)).label,
        Space("X", 64, dtype="float64").label,
        Space("X", 64, divergence="huber").label,
        Space("X", 64, divergence=Divergence("huber", delta=2.0)).label,
        Y.label,
        Categorical("Y", 10, dtype="bfloat16").label,
        Categorical("Y", 10, divergence="kl").label,
        P.label,
        Product("P", Y, X).label,
        DataSpace(),
    }
    assert len(labels) == 11


def test_text_forms():
    texts = {
        Space("a", ()): "R",
        Space("a", 3): "R^3",
        Space("a", (8, 8)): "R^(8×8)",
        Space("a", 3, dtype="int32"): "Z^3",
        Space("a", 3, dtype="complex64"): "C^3",
        Categorical("a", 10): "{0..9}",
        Categorical("a", 1): "{0}",
        P: "R^64 × {0..9}",
        Product("a", P, X): "(R^64 × {0..9}) × R^64",
    }
    assert {space: str(space.label) for space in texts} == texts
    assert str(DataSpace()) == "data"
    assert str(X) == "X = R^64"


@pytest.mark.parametrize(
    "space",
    [
        X,
        Y,
        P,
        Space("a", (), dtype="bfloat16"),
        Space("a", (2, 3), dtype=jnp.int32, divergence=Divergence("huber", delta=2.0)),
        Categorical("a", 3, divergence="kl", dtype=np.float64),
    ],
    ids=str,
)
def test_repr_evaluates_back(space):
    assert eval(repr(space)) == space


def test_examples():
    assert X.label.example(7) == jax.ShapeDtypeStruct((7, 64), jnp.float32)
    assert Y.label.example(7, "label") == jax.ShapeDtypeStruct((7,), jnp.int32)
    assert Y.label.example(7) == Y.label.example(7, "logits")
    assert P.label.example(7) == (X.label.example(7), Y.label.example(7))
    assert P.label.example(7, (None, "label"))[1].shape == (7,)
    assert (X.label.features, Y.label.features, P.label.features) == (64, 10, 74)
    with raises(CatlearnError, "projections"):
        DataSpace().example(7)


def test_a_product_has_the_sum_of_the_divergences():
    assert P.label.divergence == DivergenceSum((X.label.divergence, Y.label.divergence))


def test_bad_spaces_list_everything():
    with pytest.raises(InvalidStructure) as caught:
        Space("", (3, -1), dtype="object")
    assert [f.law for f in caught.value.failures] == ["name", "space", "space"]
    with pytest.raises(InvalidStructure) as caught:
        Categorical("Y", 0, dtype="int32")
    assert len(caught.value.failures) == 2
    for shape in (1.5, "64", (1, None)):
        with raises(InvalidStructure, shape, law="space", where="space 'X'"):
            Space("X", shape)
    for dtype in ("floot", "str", "bfloat17", None):
        with raises(InvalidStructure, repr(dtype), law="space", where="space 'X'"):
            Space("X", 3, dtype=dtype)
    with raises(InvalidStructure, "str", law="space", where="factor 1 of 'P'"):
        Product("P", X, "Y")
    with raises(InvalidStructure, law="space", where="product 'P'"):
        Product("P")


GOOD = [
    (X, np.zeros((5, 64))),
    (X, np.zeros((5, 64), np.uint8)),
    (X, jnp.zeros((0, 64))),
    (Space("b", 3, dtype="bfloat16"), np.zeros((5, 3))),
    (Space("i", 3, dtype="int32"), np.zeros((5, 3), np.int64)),
    (Y, np.arange(10)),
    (Y, np.arange(10, dtype=np.uint8)),
    (Y, np.zeros((5, 10))),
    (Categorical("one", 1), np.ones((5, 1))),
    (Space("i", (), dtype="uint8"), np.array([0, 255])),
    (Space("i", (), dtype="int64"), np.array([2**63 - 1], "uint64")),
    (Space("i", (), dtype="int8"), np.array([True, False])),
    (P, (np.zeros((5, 64)), np.zeros(5, int))),
]
BAD = [
    (X, np.zeros(64), "shape", "(64,)", "(examples, 64)"),
    (X, np.float32(1), "shape", "()"),
    (X, np.zeros((5, 64), complex), "dtype", "complex128", "float32"),
    (X, np.array([["a"] * 64]), "dtype", "<U1"),
    (X, [[1.0], [1.0, 2.0]], "shape"),
    (X, np.full((5, 64), 1e300), "finite", 320, "float32"),
    (Space("i", 3, dtype="int32"), np.zeros((5, 3)), "dtype", "float64"),
    (Space("s", ()), np.zeros((5, 1)), "shape", "(examples,)"),
    (Y, np.array([0, 10, 3, -1]), "labels", 2, 4, 10, 1),
    (Y, np.zeros((5, 9)), "shape", "(examples, 10)"),
    (Y, np.zeros(5), "shape", "(examples, 10)"),
    (Y, np.zeros((5, 10), int), "shape", "(5, 10)"),
    (Y, np.ones(5, bool), "dtype", "bool"),
    (Y, np.eye(10), "representation", "np.log"),
    (Y, np.full((5, 10), np.inf), "finite", 50),
    (P, np.zeros((5, 64)), "shape", 2),
    (P, (np.zeros((5, 64)), np.zeros(4, int)), "shape"),
    (DataSpace(), np.zeros(5), "shape"),
    (Space("i", (), dtype="uint8"), [0, 300], "range", 1, 2, "0..255", 300, "(1,)"),
    (Space("i", (), dtype="int8"), [-129, 200], "range", 2, "-128..127"),
    (Space("i", (), dtype="int32"), [2**32 + 5], "range", "int32", 4294967301),
    (Space("i", (), dtype="int64"), np.array([2**63], "uint64"), "range", "range of int64"),
    (Space("i", (), dtype="uint64"), [-1], "range", -1),
    (X, np.ma.masked_equal(np.zeros((5, 64)), 0), "mask", 320),
    (Y, np.ma.array([1, 2], mask=[False, True]), "mask", 1, 2, ".filled(value)"),
]


@pytest.mark.parametrize(("space", "array"), GOOD)
def test_good_data(space, array):
    assert check_array("here", space.label, array) == []
    stored = cast(space.label, array)
    assert representation_of(space.label, stored) is not None
    assert check_array("here", space.label, stored) == []


@pytest.mark.parametrize("fault", BAD)
def test_bad_data(fault):
    space, array, law, *names = fault
    label = space if isinstance(space, DataSpace) else space.label
    assert are(check_array("here", label, array), (law, "here", *names))


def test_every_fault_of_a_product_is_listed():
    failures = check_array("pairs", P.label, (np.full((5, 63), np.nan), np.full(5, 10)))
    assert [(f.where, f.law) for f in failures] == [
        ("pairs[0]", "shape"),
        ("pairs[0]", "finite"),
        ("pairs[1]", "labels"),
    ]


@given(
    holes=st.sets(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1),
    value=st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_what_is_not_finite_is_counted_and_located(holes, value):
    array = np.zeros((5, 3), np.float32)
    for hole in holes:
        array[hole] = value
    (failure,) = check_array("here", Space("X", 3).label, array)
    expected = f"{len(holes)} of 15 values are not finite in float32, the first is {value} at"
    assert failure.message == f"{expected} {min(holes)}"


def test_cast_makes_the_spaces_own_dtype_without_needless_copies():
    array = np.zeros((5, 64), np.float32)
    assert cast(X.label, array) is array
    assert cast(X.label, array.astype(int)).dtype == np.float32
    assert cast(Y.label, np.arange(10)).dtype == np.int32
    assert cast(Y.label, np.zeros((2, 10))).dtype == np.float32
    assert [part.dtype for part in cast(P.label, (array, np.arange(5)))] == [np.float32, np.int32]


def test_representations():
    assert representation_of(X.label, np.zeros((5, 64), np.float32)) == "array"
    assert representation_of(X.label, np.zeros((5, 63), np.float32)) is None
    assert representation_of(X.label, np.zeros((5, 64), np.int32)) is None
    assert representation_of(Y.label, np.zeros(5, np.int32)) == "label"
    assert representation_of(Y.label, Y.label.example(3)) == "logits"
    assert representation_of(Y.label, np.zeros((5, 9), np.float32)) is None
    assert representation_of(P.label, P.label.example(3, (None, "label"))) == ("array", "label")
    assert representation_of(P.label, X.label.example(3)) is None
    assert representation_of(P.label, (X.label.example(3), X.label.example(3))) is None
    assert representation_of(DataSpace(), np.zeros(5)) is None


def test_inputs_are_labels_one_hot_and_nothing_else():
    labels = np.array([3, 0, 9])
    np.testing.assert_array_equal(as_input(Y.label, labels), np.eye(10)[labels])
    assert as_input(Y.label, labels).dtype == jnp.float32
    assert as_input(Categorical("Y", 10, dtype="bfloat16").label, labels).dtype == jnp.bfloat16
    logits, x = np.zeros((3, 10), np.float32), np.zeros((3, 64), np.float32)
    assert as_input(Y.label, logits) is logits
    tokens = np.zeros((3, 4), np.int32)
    assert as_input(Space("tokens", 4, dtype="int32").label, tokens) is tokens
    first, second = as_input(P.label, (x, labels))
    assert first is x
    assert second.shape == (3, 10)
