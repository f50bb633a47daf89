"""Mini-batches: pure, without replacement, each data set by its own stream."""

import itertools

import jax
import numpy as np
import pytest
from hypothesis import given, strategies as st

import catlearn as cl
from catlearn.errors import DataError
from tests.errors import are

KEYS = [jax.random.key(i) for i in range(3)]


def numbered(*sizes):
    return {f"set{i}": {"n": np.arange(size)} for i, size in enumerate(sizes)}


def drawn(stream, name, steps):
    return [stream[step][name]["n"].tolist() for step in steps]


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 3))
def test_an_epoch_draws_without_replacement(length, size, epoch):
    stream = cl.batches(numbered(length), size, KEYS[0])
    per_epoch = max(1, length // min(size, length))
    steps = range(epoch * per_epoch, (epoch + 1) * per_epoch)
    rows = drawn(stream, "set0", steps)
    seen = list(itertools.chain.from_iterable(rows))
    assert len(seen) == len(set(seen)) == per_epoch * min(size, length)
    assert all(len(row) == min(size, length) for row in rows)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_a_batch_is_a_function_of_the_step(steps):
    """The order of asking does not matter, nor what was asked before."""
    stream = cl.batches(numbered(11), 3, KEYS[0])
    fresh = [cl.batches(numbered(11), 3, KEYS[0])[step]["set0"]["n"].tolist() for step in steps]
    assert drawn(stream, "set0", steps) == fresh
    assert drawn(stream, "set0", reversed(steps)) == fresh[::-1]


def test_key_name_and_epoch_all_matter():
    data = numbered(40, 40)
    one, other = cl.batches(data, 10, KEYS[0]), cl.batches(data, 10, KEYS[1])
    first = drawn(one, "set0", range(4))
    assert first != drawn(other, "set0", range(4))
    assert first != drawn(one, "set1", range(4))
    assert first != drawn(one, "set0", range(4, 8))
    # A stream does not see the other data sets.
    assert first == drawn(cl.batches(numbered(40), 10, KEYS[0]), "set0", range(4))


def test_the_stream_is_the_same_in_every_version():
    stream = cl.batches(numbered(10), 5, KEYS[0])
    assert drawn(stream, "set0", [0, 1, 2]) == EXPECTED


EXPECTED = [[4, 1, 2, 9, 8], [5, 3, 6, 7, 0], [5, 9, 4, 2, 1]]


def test_every_example_comes_equally_often():
    """The remainder that an epoch leaves out differs from epoch to epoch."""
    stream = cl.batches(numbered(7), 3, KEYS[2])
    counts = np.bincount(np.concatenate(drawn(stream, "set0", range(1400))), minlength=7)
    assert counts.sum() == 4200
    assert abs(counts - 600).max() < 60


def test_a_small_data_set_is_taken_whole_in_its_own_order():
    stream = cl.batches(numbered(3, 9), 5, KEYS[0])
    assert drawn(stream, "set0", [0, 8]) == [[0, 1, 2]] * 2
    assert stream.sizes == {"set0": 3, "set1": 5}
    assert repr(stream) == "Batches(set0: 3 of 3, set1: 5 of 9)"


def test_columns_stay_together_and_products_are_tuples():
    n = np.arange(20)
    data = {"d": {"n": n, "pair": (2 * n, jax.numpy.asarray(3 * n))}}
    batch = next(iter(cl.batches(data, {"d": 6}, KEYS[0])))["d"]
    np.testing.assert_array_equal(batch["pair"][0], 2 * batch["n"])
    np.testing.assert_array_equal(batch["pair"][1], 3 * batch["n"])


def test_everything_wrong_with_the_data_is_said_at_once():
    data = {
        "empty": {"n": np.arange(0)},
        "ragged": {"n": np.arange(3), "m": np.arange(4)},
        "good": {"n": np.arange(3)},
        "other": {"n": np.arange(3)},
    }
    with pytest.raises(DataError) as caught:
        cl.batches(data, {"empty": 1, "ragged": 1, "good": 0, "unknown": 2})
    assert are(
        caught.value.failures,
        ("length", "data set 'empty'"),
        ("length", "data set 'ragged'", "'n'", 3, "'m'", 4),
        ("batch size", "data set 'unknown'", "empty", "ragged", "good", "other"),
        ("batch size", "data set 'good'", 0),
        ("batch size", "data set 'other'"),
    )
    with pytest.raises(IndexError):
        cl.batches(numbered(3), 1)[-1]
