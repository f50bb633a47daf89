"""Multi-task learning with shared weights against the same loss by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure

N = 3


def linear(params, x):
    return x @ params["weight"] + params["bias"]


def regime(dtype="float32", n=N, apart=True):
    X, F = cl.Space("X", 4, dtype), cl.Space("F", 3, dtype)
    tasks = [cl.Categorical(f"Y{i}", 2, dtype=dtype) for i in range(n)]
    heads = [cl.Model(f"head{i}", F, task, "linear") for i, task in enumerate(tasks)]
    columns = {f"Y{i}": task for i, task in enumerate(tasks)}
    data = cl.Dataset("all", X=X, **columns)
    if apart:
        data = [cl.Dataset(f"task{i}", X=X, Y=task) for i, task in enumerate(tasks)]
    return cl.zoo.multi_task(cl.Model("backbone", X, F, "linear"), heads, data)


def by_hand(params, state, batch, key, tied=False):
    value, terms = 0, {}
    for i in range(N):
        name = f"task{i}.X >> backbone >> head{i} = task{i}.Y"
        data, head = batch[f"task{i}"], params[f"head{0 if tied else i}"]
        logits = linear(head, linear(params["backbone"], data["X"]))
        costs = optax.losses.softmax_cross_entropy_with_integer_labels(logits, data["Y"])
        terms[name] = jnp.mean(costs)
    for name, cost in terms.items():
        value = value + state["weights"][name] * cost
    return value, terms


def tied_heads(*arguments):
    """A mutant: all tasks have the first one's head."""
    return by_hand(*arguments, tied=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, noise, dtype):
    batch = {
        f"task{i}": {"X": noise((4 + i, 4), dtype, i), "Y": np.arange(4 + i, dtype="int32") % 2}
        for i in range(N)
    }
    with agrees.precision(dtype):
        agrees(cl.lower(regime(dtype).loss()), batch, by_hand, wrong=tied_heads)


def test_many_heads_run_as_one_and_cost_no_more(noise):
    n = 9
    fn = cl.lower(regime(n=n, apart=False).loss())
    assert fn.plan.stacking.edges == (tuple(f"head{i}" for i in range(n)),)
    params, state = fn.init(jax.random.key(0))
    columns = {f"Y{i}": np.arange(5, dtype="int32") * (i + 1) % 2 for i in range(n)}
    batch = {"all": {"X": noise((5, 4)), **columns}}

    def loop(params, state, batch):
        x, value = batch["all"]["X"], 0
        for i in range(n):
            logits = linear(params[f"head{i}"], linear(params["backbone"], x))
            label = batch["all"][f"Y{i}"]
            costs = optax.losses.softmax_cross_entropy_with_integer_labels(logits, label)
            value = value + jnp.mean(costs)
        return value, {}

    plain = {edge: params[edge] for edge in params}
    ours, theirs = (
        jax.jit(jax.value_and_grad(loss, has_aux=True)).lower(p, state, batch).compile()
        for loss, p in ((fn, params), (loop, plain))
    )
    (value, _), found = ours(params, state, batch)
    (expected, _), gradient = theirs(plain, state, batch)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    for edge in plain:
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
            found[edge],
            gradient[edge],
        )
    assert 0 < ours.cost_analysis()["flops"] <= 1.01 * theirs.cost_analysis()["flops"]


def test_there_is_one_backbone_and_an_equation_for_each_task():
    diagram = regime(n=12, apart=False)
    assert diagram.trainable == ("backbone", *(f"head{i}" for i in range(12)))
    assert len(diagram.soft_equations) == 12
    assert diagram.data_sets == ("all",)


def test_a_task_without_data_is_refused():
    X, F, Y = cl.Space("X", 4), cl.Space("F", 3), cl.Categorical("Y", 2)
    heads = [cl.Model("head", F, Y, "linear")]
    with pytest.raises(InvalidStructure, match="needs one column at the space 'Y'"):
        cl.zoo.multi_task(cl.Model("backbone", X, F, "linear"), heads, [cl.Dataset("one", X=X)])
