"""Self-distillation against the same loss by hand, with a moving average and without."""

import pytest

import catlearn as cl
from benchmarks.by_hand.common import Sizes
from benchmarks.by_hand.self_distillation import regime
from catlearn.errors import InvalidStructure
from tests.errors import raises


@pytest.mark.parametrize("decay", [0.75, None])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, dtype, decay):
    with agrees.precision(dtype):
        agrees(regime(Sizes(dtype=dtype), decay), free=True)


def test_two_views_are_needed():
    X = cl.Space("X", 4)
    f, q = cl.Model("f", X, X, "linear"), cl.Model("q", X, X, "linear")
    with raises(InvalidStructure, "X", law="column", where="data set 'views'"):
        cl.zoo.self_distillation(f, q, cl.Dataset("views", one=X))
