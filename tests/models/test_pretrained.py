"""Parameters that are read from arrays of other names and shapes."""

import numpy as np
import pytest

from catlearn.arrays import linear, residual
from catlearn.errors import CatlearnError
from catlearn.models import read_parameters

RNG = np.random.default_rng(0)
Q = linear("Q", "m -> h d", bias=True).at(m=2, h=3, d=4)
STORED = {
    "query.weight": RNG.normal(size=(12, 2)).astype("float32"),
    "query.bias": RNG.normal(size=12).astype("float32"),
}
TABLE = {
    "Q": ("query.weight", "(h d) m -> m h d"),
    "Q.bias": ("query.bias", "(h d) -> h d"),
}


def test_patterns_put_axes_in_order():
    found = read_parameters(Q, STORED, TABLE)
    weight, bias = STORED["query.weight"], STORED["query.bias"]
    np.testing.assert_array_equal(found["Q"], np.moveaxis(weight.reshape(3, 4, 2), 2, 0))
    np.testing.assert_array_equal(found["Q.bias"], bias.reshape(3, 4))


def test_arrays_of_layers_are_put_together():
    layers = residual(linear("A", "m -> n", n="m")).repeat(3, "layers").at_dom((2,))
    arrays = {f"layer.{k}.w": RNG.normal(size=(2, 2)).astype("float32") for k in range(3)}
    found = read_parameters(layers, arrays, {"layers/A": ("layer.{}.w", "n m -> m n")})
    for k in range(3):
        np.testing.assert_array_equal(found["layers"]["A"][k], arrays[f"layer.{k}.w"].T)
    plain = read_parameters(layers, arrays, {"layers/A": "layer.{}.w"})
    np.testing.assert_array_equal(plain["layers"]["A"][1], arrays["layer.1.w"])


def test_dtypes_stay():
    half = {name: one.astype("float16") for name, one in STORED.items()}
    assert read_parameters(Q, half, TABLE)["Q"].dtype == "float16"


def test_arrays_that_are_skipped_are_not_read():
    more = STORED | {"ids": np.arange(3), "head.w": np.ones(2), "head.b": np.ones(2)}
    assert list(read_parameters(Q, more, TABLE, skip=["ids", "head.*"])) == ["Q", "Q.bias"]


@pytest.mark.parametrize(
    ("arrays", "table", "names"),
    [
        ({}, TABLE, ["'query.weight'", "'query.bias'", "missing"]),
        (STORED | {"more": np.ones(1)}, TABLE, ["'more'", "skip"]),
        (STORED, {"Q": TABLE["Q"]}, ["'Q.bias'", "'query.bias'"]),
        (STORED, TABLE | {"K": "key"}, ["'K'"]),
        (STORED | {"query.bias": np.ones(11)}, TABLE, ["(11,)", "(12)", "'Q.bias'"]),
        (STORED | {"query.weight": np.ones(2)}, TABLE, ["(2,)", "(12, 2)"]),
        (STORED, TABLE | {"Q.bias": ("query.bias", "n -> n")}, ["'Q.bias'"]),
        (STORED, TABLE | {"Q.bias": ("query.bias", "n ->")}, ["'Q.bias'"]),
        (STORED, TABLE | {"Q.bias": "{}{}{}"}, ["'Q.bias'", "{}{}{}"]),
        ({"more": np.ones(1)}, {"K": "key", "Q": TABLE["Q"]},
         ["'more'", "'K'", "'Q.bias'", "'query.weight'"]),
    ],
)  # fmt: skip
def test_all_that_is_wrong_is_said_at_once(arrays, table, names):
    with pytest.raises(CatlearnError) as caught:
        read_parameters(Q, arrays, table)
    for name in names:
        assert name in str(caught.value)


def test_sizes_are_known():
    with pytest.raises(CatlearnError) as caught:
        read_parameters(linear("A", "m -> n"), {"A": np.ones((2, 3))}, {"A": "A"})
    assert "'A'" in str(caught.value)
