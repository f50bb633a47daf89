"""Parameters that are read from arrays of other names and shapes."""

import numpy as np
import pytest

from catlearn.arrays import linear, residual, view
from catlearn.errors import CatlearnError
from catlearn.models import pretrained, read_parameters

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


class Backwards:
    """NumPy with indices from the last to the first."""

    def __getattr__(self, name):
        return getattr(np, name)

    def ndindex(self, *shape):
        return reversed([*np.ndindex(*shape)])


READING = pretrained._reading
MUTANTS = {
    "weights as they are stored": (
        "_reading", lambda pattern, shape: READING(None, shape),
        test_arrays_of_layers_are_put_together),
    "the last layer first": ("np", Backwards(), test_arrays_of_layers_are_put_together),
    "heads inside of their entries": (
        "view", lambda pattern: view(pattern.replace("(h d)", "(d h)")),
        test_patterns_put_axes_in_order),
    "arrays of other shapes": (
        "_wrong", lambda array, reading: "" if array is not None else "is missing",
        lambda: test_all_that_is_wrong_is_said_at_once(
            STORED | {"query.bias": np.ones(11)}, TABLE, ["(11,)", "(12)", "'Q.bias'"])),
    "arrays that nothing reads": (
        "any", lambda found: True,
        lambda: test_all_that_is_wrong_is_said_at_once(
            STORED | {"more": np.ones(1)}, TABLE, ["'more'", "skip"])),
}  # fmt: skip
"""What is replaced in the reader, by what, and the test that then fails."""


@pytest.mark.parametrize("mutant", MUTANTS)
def test_other_readers_are_rejected(mutant, monkeypatch, mutants):
    name, other, test = MUTANTS[mutant]
    with mutants(f"parameters of others: {mutant}"):
        monkeypatch.setattr(pretrained, name, other, raising=False)
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            test()


def test_sizes_are_known():
    with pytest.raises(CatlearnError) as caught:
        read_parameters(linear("A", "m -> n"), {"A": np.ones((2, 3))}, {"A": "A"})
    assert "'A'" in str(caught.value)
