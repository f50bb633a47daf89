"""Sizes are Python integers, row numbers have 64 bits, and what no memory holds is refused."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

import catlearn as cl
from catlearn.errors import TooLarge
from catlearn.finset import FinFunction, FinSet
from tests.errors import raises

LARGE = 2**40


def test_values_past_64_bits_are_refused_and_do_not_wrap():
    last = FinFunction([2**32 - 1], codomain=2**32)
    with raises(TooLarge, 2**64 - 1):
        last @ last
    # Where the values fit, the size of the codomain does not matter.
    first = FinFunction([0], codomain=2**32)
    assert (first @ last).values.tolist() == [2**32 - 1]
    assert (first @ last).codomain.size == 2**64
    assert (
        FinFunction([0], codomain=2**70) @ FinFunction([3], codomain=2**70)
    ).values.tolist() == [3]
    with pytest.raises(TooLarge):
        FinFunction([2**62], codomain=2**63) + FinFunction([1], codomain=2**63)
    for values in ([2**63], np.array([2**63 + 5], np.uint64), [2**70], ["a", 2**70]):
        with pytest.raises(TooLarge):
            FinFunction(values, codomain=2**64)


def test_sizes_are_python_integers():
    assert (FinSet(2**62) + FinSet(2**62)).size == 2**63
    assert FinSet(2**70).size == 2**70
    assert (FinSet(["a"]) + FinSet(["b"])).names == ("a", "b")


@pytest.mark.parametrize(
    "make",
    [
        lambda: cl.coproduct(FinSet(2**62), FinSet(2**62)),
        lambda: cl.product(FinSet(LARGE), FinSet(LARGE)),
        lambda: cl.product(FinSet(2**20), FinSet(2**20), FinSet(2**20)),
        lambda: cl.pullback(*(FinFunction(np.zeros(2**21, int), codomain=1) for _ in range(2))),
        lambda: cl.pushout(FinFunction([3], codomain=LARGE), FinFunction([0], codomain=1)),
        lambda: FinFunction.identity(LARGE),
        lambda: cl.product(*(cl.CSet(cl.Schema(["X"]), X=LARGE) for _ in range(2))),
    ],
)
def test_what_memory_does_not_hold_is_too_large(make):
    with pytest.raises(TooLarge):
        make()


values = st.lists(st.integers(0, 8), max_size=6)


@given(values, values, values)
def test_limits_over_large_codomains_are_those_over_small_ones(one, other, third):
    spread = np.array([5, 2**33, 7, 2**39, 0, 1, 2**38 + 1, 9, 2**20])
    small = [FinFunction(v, codomain=9) for v in (one, other, third)]
    large = [FinFunction(spread[np.array(v, int)], codomain=LARGE) for v in (one, other, third)]
    for count in (2, 3):
        ours, theirs = cl.pullback(*large[:count]), cl.pullback(*small[:count])
        assert [leg.values.tolist() for leg in ours.legs] == [
            leg.values.tolist() for leg in theirs.legs
        ]
    assert cl.equalizer(*(f >> FinFunction.identity(9) for f in small[:1] * 2)).apex.size == len(
        one
    )
    assert large[0].image().values.tolist() == sorted(set(large[0].values.tolist()))
    assert large[0].is_injective == small[0].is_injective
