"""Flax nnx modules as edges, against the same module called by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.models import needs_key
from tests.models.on_edges import (
    KEY,
    XS,
    X,
    Y,
    close,
    error,
    evaluated,
    is_mentioned,
    lowered,
    runs_frozen,
    stepped,
)

nnx = pytest.importorskip("flax.nnx", reason="flax is not installed")


class Net(nnx.Module):
    """Linear, batch norm, dropout."""

    def __init__(self, rngs, width=2):
        self.linear = nnx.Linear(3, width, rngs=rngs)
        self.norm = nnx.BatchNorm(width, momentum=0.9, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.dropout(self.norm(self.linear(x)))


def net(seed=0, **options):
    return Net(nnx.Rngs(seed), **options)


def test_a_step_is_the_one_by_hand():
    module = net()
    fn, params, state, key = lowered(module)
    value, grads, after_step = stepped(fn, params, state)
    module.dropout.rngs.key[...] = key

    @nnx.jit
    def by_hand(module):
        return nnx.value_and_grad(lambda module: error(module(XS)))(module)

    expected, slopes = by_hand(module)
    close(value, expected)
    close(grads["linear/kernel"], slopes["linear"]["kernel"][...])
    close(grads["norm/scale"], slopes["norm"]["scale"][...])
    close(after_step["mutable"]["f"]["norm/mean"], module.norm.mean[...])
    close(after_step["mutable"]["f"]["norm/var"], module.norm.var[...])
    # In evaluation: the running statistics, no key.
    value, back = evaluated(fn, params, after_step)
    module.eval()
    close(value, error(module(XS)))
    assert isinstance(back, Net)
    back.eval()
    close(back(XS), module(XS))


def test_the_object_that_was_given_is_not_changed():
    module = net()
    fn, params, state, _ = lowered(module)
    fn(params, state, fn.diagram.data, KEY)
    close(module.norm.mean[...], np.zeros(2))
    assert int(module.dropout.rngs.count[...]) == 0
    assert not module.dropout.deterministic


def test_labels_factories_and_checks():
    model = cl.Model("f", X, Y, net())
    assert model.label == cl.Model("other", X, Y, net(1)).label
    assert model.label != cl.Model("f", X, Y, net(width=3)).label
    drawn = cl.Model("f", X, Y, lambda key: Net(nnx.Rngs(key)))
    assert drawn.label == model.label
    assert drawn.start is None
    assert model.failures() == drawn.failures() == []
    variables = drawn.architecture.init(KEY, X.label, Y.label)
    close(variables["linear/kernel"], Net(nnx.Rngs(KEY)).linear.kernel[...])
    assert isinstance(drawn.architecture.rebuild(variables), Net)
    assert needs_key(model.label, X.label, Y.label)
    assert not needs_key(model.label, X.label, Y.label, train=False)
    assert model.architecture.stateful
    (failure,) = cl.Model("f", X, Y, net(width=3)).failures()
    assert "(batch, 3)" in failure.message
    linear = cl.Model("f", X, Y, nnx.Linear(3, 2, rngs=nnx.Rngs(0)))
    assert not linear.architecture.stateful
    assert not linear.architecture.accepts_key
    assert cl.Model("f", X, X, nnx.Dropout(0.5, rngs=nnx.Rngs(0))).label.kind == "fixed"


def test_two_layers_of_dropout_draw_differently():
    class Twice(nnx.Module):
        def __init__(self, rngs):
            self.one, self.two = (nnx.Dropout(0.5, rngs=rngs) for _ in range(2))

        def __call__(self, x):
            return jnp.stack([self.one(x), self.two(x)], axis=1)

    model = cl.Model("f", cl.Space("W", 64), cl.Space("V", (2, 64)), Twice(nnx.Rngs(0)))
    y, _ = model.architecture.run(model.start, jnp.ones((1, 64)), KEY, train=True)
    again, _ = model.architecture.run(model.start, jnp.ones((1, 64)), KEY, train=True)
    np.testing.assert_array_equal(y, again)
    assert not np.array_equal(y[:, 0], y[:, 1])


def test_frozen_modules_run_in_evaluation():
    model, module = cl.Model("f", X, Y, net()), net()
    module.eval()
    runs_frozen(model, module(XS))


def test_documents_mention_nnx():
    is_mentioned(net(), "unbound flax.nnx Net")
