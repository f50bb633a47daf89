"""Multi-task learning with shared weights against the same loss by hand."""

import jax
import numpy as np
import pytest

import catlearn as cl
from benchmarks.by_hand.common import Sizes
from benchmarks.by_hand.multi_task import regime
from catlearn.errors import InvalidStructure
from tests.errors import raises


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, dtype):
    with agrees.precision(dtype):
        agrees(regime(Sizes(dtype=dtype)), tied=True)


def test_many_heads_run_as_one_and_cost_no_more():
    n = 9
    many = regime(Sizes(), tasks=n, apart=False)
    fn = many.fn
    assert fn.plan.stacking.edges == (tuple(f"head{i}" for i in range(n)),)
    params, state = fn.init(jax.random.key(0))
    plain = {edge: params[edge] for edge in params}, {"weights": fn.weights()}, many.batch
    ours, theirs = (
        jax.jit(jax.value_and_grad(loss, has_aux=True)).lower(*arguments).compile()
        for loss, arguments in ((fn, (params, state, many.batch)), (many.by_hand, plain))
    )
    (value, _), found = ours(params, state, many.batch)
    (expected, _), gradient = theirs(*plain)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    for edge in gradient:
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
            found[edge],
            gradient[edge],
        )
    assert 0 < ours.cost_analysis()["flops"] <= 1.01 * theirs.cost_analysis()["flops"]


def test_there_is_one_backbone_and_an_equation_for_each_task():
    diagram = regime(Sizes(), tasks=12, apart=False).diagram
    assert diagram.trainable == ("backbone", *(f"head{i}" for i in range(12)))
    assert len(diagram.soft_equations) == 12
    assert diagram.data_sets == ("all",)


def test_a_task_without_data_is_refused():
    X, F, Y = cl.Space("X", 4), cl.Space("F", 3), cl.Categorical("Y", 2)
    heads = [cl.Model("head", F, Y, "linear")]
    with raises(InvalidStructure, "Y", law="column", where="data set 'one'"):
        cl.zoo.multi_task(cl.Model("backbone", X, F, "linear"), heads, [cl.Dataset("one", X=X)])
