"""CycleGAN, two domains without pairs and their games, against the same losses by hand."""

import pytest

from benchmarks.by_hand.common import Sizes
from benchmarks.by_hand.cycle_gan import regime


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, dtype):
    with agrees.precision(dtype):
        agrees(regime(Sizes(dtype=dtype)), around=False)
