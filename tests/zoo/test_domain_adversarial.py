"""Domain adaptation by an adversarial head against the same loss by hand."""

import pytest

from benchmarks.by_hand.common import Sizes
from benchmarks.by_hand.domain_adversarial import LABEL, SOURCE, TARGET, regime


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, dtype):
    with agrees.precision(dtype):
        # A mutant: features that help the critic.
        agrees(regime(Sizes(dtype=dtype)), scale=0.5)


def test_features_unlearn_what_the_critic_learns():
    diagram = regime(Sizes()).diagram
    assert diagram.trains(LABEL) is None
    assert diagram.trains(SOURCE) == diagram.trains(TARGET) == {"f": -0.5, "which": 1.0}
    assert diagram.weight(TARGET) == 2.0
