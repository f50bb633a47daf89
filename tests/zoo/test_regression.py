"""Regression with two heads against the same loss by hand."""

import pytest

from benchmarks.by_hand.common import Sizes
from benchmarks.by_hand.regression import ANGLE, regime


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, dtype):
    with agrees.precision(dtype):
        agrees(regime(Sizes(dtype=dtype)), alike=True)


def test_the_squares_are_glued_along_the_encoder():
    diagram = regime(Sizes()).diagram
    assert diagram.trainable == ("encoder", "where", "turned")
    assert len(diagram.gluing.legs) == 2
    assert diagram.weight(ANGLE) == 0.5
