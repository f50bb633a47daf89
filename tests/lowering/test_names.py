"""The hash that keys are folded with."""

from hypothesis import given, strategies as st

from catlearn.lowering.storage import stable_hash


def test_known_values():
    """CRC-32 of ISO 3309, the same in every process: the standard's check value."""
    assert stable_hash("123456789") == 0xCBF43926
    assert stable_hash("") == 0


@given(st.text(max_size=12), st.integers(0, 99), st.integers(0, 99))
def test_numbered_names_never_collide(stem, i, j):
    assert (stable_hash(f"{stem}{i:02}") == stable_hash(f"{stem}{j:02}")) == (i == j)
