"""PyTorch modules as edges, against the same loss in PyTorch."""

import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.models import needs_key
from tests.models.on_edges import (
    DATA,
    KEY,
    XS,
    YS,
    X,
    Y,
    close,
    evaluated,
    is_mentioned,
    lowered,
    runs_frozen,
    stepped,
)

torch = pytest.importorskip("torch", reason="torch is not installed")
from catlearn.models.libraries.torch import Torch, seeded  # noqa: E402


def net(seed=0, width=2):
    """Linear, batch norm, dropout."""
    with seeded(seed):
        linear = torch.nn.Linear(3, width)
    return torch.nn.Sequential(linear, torch.nn.BatchNorm1d(width), torch.nn.Dropout(0.5))


def by_hand(module):
    return ((module(torch.tensor(XS)) - torch.tensor(YS)) ** 2).sum(1).mean()


def named(tensors):
    return {name: tensor.detach().numpy() for name, tensor in tensors}


def test_a_step_is_the_one_by_hand():
    module = net()
    fn, params, state, key = lowered(module)
    value, grads, after_step = stepped(fn, params, state)
    close(module[1].running_mean.numpy(), np.zeros(2))
    with seeded(int(jax.random.bits(key, (), "uint32"))):
        expected = by_hand(module)
    expected.backward()
    close(value, expected.item())
    close(grads["params"], {name: p.grad.numpy() for name, p in module.named_parameters()})
    close(after_step["mutable"]["f"]["buffers"], named(module.named_buffers()))
    close(stepped(fn, params, state)[0], value)
    assert not np.allclose(stepped(fn, params, state, jax.random.key(1))[0], value)
    # In evaluation: the running statistics, no key.
    value, back = evaluated(fn, params, after_step)
    close(value, by_hand(module.eval()).item())
    assert isinstance(back, torch.nn.Sequential)
    assert back.training
    close(named(back.state_dict().items()), named(module.state_dict().items()))


def test_gradients_pass_through_the_inputs():
    middle = cl.Space("F", 3)
    front, back = cl.Model("front", X, middle, "linear"), torch.nn.Linear(3, 2)
    diagram = cl.LearningDiagram(DATA, front, cl.Model("back", middle, Y, back))
    fn = cl.lower(diagram.loss())
    params, state = fn.init(KEY)
    found = jax.jit(jax.grad(lambda p: fn(p, state, diagram.data)[0]))(params)

    def loss(front):
        x = XS @ front["weight"] + front["bias"]
        weight, bias = (jnp.asarray(p.detach().numpy()) for p in back.parameters())
        return jnp.mean(jnp.sum((x @ weight.T + bias - YS) ** 2, axis=1))

    close(found["front"], jax.jit(jax.grad(loss))(params["front"]))


def test_gradients_of_complex_numbers_are_those_of_jax():
    class Turned(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.tensor([1 + 2j, 3 - 1j]))

        def forward(self, x):
            return self.w * x * x

    def squares(run):
        def total(params, x):
            y = run(params, x)
            return jnp.sum(jnp.abs(y - 1j) ** 2 * jnp.arange(2))

        return jax.grad(total, (0, 1))

    architecture, variables = Torch.of(Turned())
    x = jnp.array([[1 - 1j, 2j], [0.5, 1 + 1j]])
    ours = squares(lambda w, x: architecture.run({**variables, "params": {"w": w}}, x)[0])
    theirs = squares(lambda w, x: w * x * x)
    for found, expected in zip(
        *(one(variables["params"]["w"], x) for one in (ours, theirs)), strict=True
    ):
        close(found, expected)


def test_training_gives_the_users_object_back():
    module = net()
    before = named(module.state_dict().items())
    diagram = cl.LearningDiagram(DATA, cl.Model("f", X, Y, module))
    import optax

    result = cl.fit(cl.lower(diagram.loss()), optax.sgd(0.1), steps=3, progress=False)
    trained = result.model("f")
    close(named(module.state_dict().items()), before)
    assert int(trained[1].num_batches_tracked) == 3
    close(result.evaluate()[0], by_hand(copy.deepcopy(trained).eval()).item())


def test_labels_factories_and_checks():
    model = cl.Model("f", X, Y, net())
    assert model.label == cl.Model("other", X, Y, net(1)).label
    others = [net(width=3), net().eval(), net()[:2], torch.nn.Linear(3, 2)]
    assert len({model.label, *(Torch.of(other)[0] for other in others)}) == 5
    drawn = cl.Model("f", X, Y, lambda key: net(torch.initial_seed() % 1000))
    assert drawn.label == model.label
    assert drawn.start is None
    assert model.failures() == drawn.failures() == []
    one, two = (drawn.architecture.init(jax.random.key(i), X.label, Y.label) for i in (0, 1))
    assert not np.array_equal(one["params"]["0.weight"], two["params"]["0.weight"])
    assert needs_key(model.label, X.label, Y.label)
    assert not needs_key(model.label, X.label, Y.label, train=False)
    (failure,) = cl.Model("f", X, Y, net(width=3)).failures()
    assert "(batch, 3)" in failure.message
    assert cl.Model("f", X, X, torch.nn.ReLU()).label.kind == "fixed"


def test_parameters_without_gradient_are_held():
    module = torch.nn.Linear(3, 2)
    module.bias.requires_grad_(False)
    fn, params, state, _ = lowered(module)
    assert params["f"]["params"]["bias"] is None
    assert state["frozen"]["f"]["params"]["weight"] is None
    value, _ = fn(params, state, fn.diagram.data)
    close(value, by_hand(module).item())


def test_frozen_modules_run_in_evaluation():
    model, module = cl.Model("f", X, Y, net()), net().eval()
    runs_frozen(model, module(torch.tensor(XS)).detach().numpy())


def test_large_arrays_do_not_block():
    wide = cl.Space("W", 1500)
    module = torch.nn.Sequential(torch.nn.Linear(1500, 1500), torch.nn.Linear(1500, 1500))
    model = cl.Model("f", wide, wide, module)
    x = np.ones((64, 1500), "f4")

    @jax.jit
    def loss(params):
        y, _ = model.architecture.run({"params": params, "buffers": {}}, x, train=True)
        return jnp.sum(y @ y.T)

    for _ in range(3):
        jax.block_until_ready(jax.grad(loss)(model.start["params"]))


def test_documents_mention_torch():
    is_mentioned(net(), "unbound torch Sequential")
