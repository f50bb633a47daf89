"""Physics-informed regression against the same loss by hand: Burgers' equation."""

import jax
import pytest

from benchmarks.by_hand.common import Sizes
from benchmarks.by_hand.physics_informed import LAW, regime
from catlearn.errors import InvalidStructure
from tests.errors import raises


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, dtype):
    with agrees.precision(dtype):
        agrees(regime(Sizes(dtype=dtype)), sign=-1.0, program="flops")


def test_only_the_solution_is_trained():
    small = regime(Sizes())
    diagram = small.diagram
    assert diagram.trainable == ("u",)
    assert diagram.weight(LAW) == 0.5
    assert not small.fn.init(jax.random.key(0))[1]["frozen"]


def test_a_law_about_nothing_is_refused():
    with raises(InvalidStructure, "u_y", "u_x", law="known edges", where="equation"):
        regime(Sizes(), law="u_y = u_x")
