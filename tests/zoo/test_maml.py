"""Model-agnostic meta-learning against the same loss by hand."""

from functools import partial

import optax
import pytest

import catlearn as cl
from benchmarks.by_hand.common import Regime, Sizes
from benchmarks.by_hand.maml import TERM, by_hand, regime
from catlearn.errors import InvalidStructure
from tests.errors import raises


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, dtype):
    with agrees.precision(dtype):
        agrees(regime(Sizes(dtype=dtype, width=4)), rate=0.0, program="flops")


def test_several_steps_follow_one_another(agrees):
    made = regime(Sizes(width=4), steps=3)
    agrees(
        Regime(made.diagram, made.fn, partial(by_hand, steps=3), made.batch),
        steps=2, program="flops",
    )  # fmt: skip


def test_the_model_is_trained_though_no_path_runs_through_it():
    made = regime(Sizes())
    assert made.diagram.trainable == ("net",)
    assert made.diagram.weight(TERM) == 1 / 3
    result = cl.fit(
        made.fn, optax.adam(0.02), data=made.batch, steps=40, batch_size=6, progress=False
    )
    assert result.history.total[-1] < result.history.total[0]


def test_columns_that_are_not_there_are_listed():
    X, Y = cl.Space("X", 1), cl.Space("Y", 1)
    net = cl.Model("net", X, Y, "linear")
    tasks = cl.Dataset("tasks", points=cl.Space("Xs", (2, 1)), values=cl.Space("Ys", (2, 1)))
    with raises(InvalidStructure, 2, "points"):
        cl.zoo.maml(net, tasks, ("point", "values"), ("points", "q"))
