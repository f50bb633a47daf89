"""Known arrays are written by indices, and are what they were."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from catlearn.importing import known
from catlearn.importing.known import written


def made():
    """Return arrays that indices say, by name."""
    rows, columns = np.indices((6, 5))
    window = (rows - 2 <= columns) & (columns <= rows + 1)
    return {
        "positions": np.arange(7),
        "a stride": 3 * rows - 2 * columns + 4,
        "causal": columns <= rows,
        "a window": window,
        "outside of it": ~window,
        "a mask that is added": np.where(columns > rows, -np.inf, 0).astype("float32"),
        "repeated": np.broadcast_to((columns <= rows)[:, None, :, None], (6, 2, 5, 3)),
        "lengths": np.arange(9) < 4,
        "one number": np.full((3, 4), 2.5, "float32"),
        "a number": np.array(3),
    }


def literals(array):
    jaxpr = jax.make_jaxpr(lambda: written(array))()
    return [const for const in jaxpr.consts if np.ndim(const)]


@pytest.mark.parametrize("name", made())
def test_what_indices_say_is_no_array(name):
    array = made()[name]
    assert literals(array) == []
    np.testing.assert_array_equal(written(array), array)


@given(st.data())
def test_known_arrays_are_what_they_were(data):
    shape = data.draw(st.sampled_from([(), (0,), (3,), (2, 3), (3, 1, 2)]))
    values = st.sampled_from([0, 1, 2]) if data.draw(st.booleans()) else st.booleans()
    flat = [data.draw(values) for _ in range(int(np.prod(shape)))]
    array = np.array(flat, dtype=None if flat else int).reshape(shape)
    np.testing.assert_array_equal(written(array), array)


def test_a_band_that_is_not_checked_is_seen(monkeypatch):
    """A mutant: whatever is true somewhere is taken for a band."""
    monkeypatch.setattr(known, "_band", lambda inside: jnp.ones(inside.shape, bool))
    with pytest.raises(AssertionError):
        test_what_indices_say_is_no_array("causal")
