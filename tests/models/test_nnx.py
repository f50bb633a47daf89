"""Flax nnx modules as edges, against the same module called by hand."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.models import needs_key

nnx = pytest.importorskip("flax.nnx", reason="flax is not installed")

X, Y = cl.Space("X", 3), cl.Space("Y", 2)
RNG = np.random.default_rng(0)
XS, YS = RNG.normal(size=(6, 3)).astype("f4"), RNG.normal(size=(6, 2)).astype("f4")
DATA = cl.Dataset("data", X=(X, XS), Y=(Y, YS))
KEY = jax.random.key(0)


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


def close(one, other):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), one, other)


def error(y):
    return jnp.mean(jnp.sum((y - YS) ** 2, axis=1))


def lowered(model):
    fn = cl.lower(cl.LearningDiagram(DATA, model).loss())
    digest = next(s for s in fn.plan.steps if s.op == "apply").digest
    return fn, *fn.init(KEY), jax.random.fold_in(KEY, digest)


def test_a_step_is_the_one_by_hand():
    module = net()
    fn, params, state, key = lowered(cl.Model("f", X, Y, module))
    step = jax.jit(jax.value_and_grad(fn, has_aux=True))
    (value, aux), grads = step(params, state, fn.diagram.data, KEY)
    module.dropout.rngs.key[...] = key

    @nnx.jit
    def by_hand(module):
        return nnx.value_and_grad(lambda module: error(module(XS)))(module)

    expected, slopes = by_hand(module)
    close(value, expected)
    close(grads["f"]["linear/kernel"], slopes["linear"]["kernel"][...])
    close(grads["f"]["norm/scale"], slopes["norm"]["scale"][...])
    close(aux.state["mutable"]["f"]["norm/mean"], module.norm.mean[...])
    close(aux.state["mutable"]["f"]["norm/var"], module.norm.var[...])
    # In evaluation: the running statistics, no key.
    value, aux = jax.jit(partial(fn, train=False))(params, state | aux.state, fn.diagram.data)
    module.eval()
    close(value, error(module(XS)))
    back = fn.architecture("f").rebuild(fn.variables("f", params, state | aux.state))
    assert isinstance(back, Net)
    back.eval()
    close(back(XS), module(XS))


def test_the_object_that_was_given_is_not_changed():
    module = net()
    fn, params, state, _ = lowered(cl.Model("f", X, Y, module))
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
    module = net()
    parts = cl.Model("f", X, Y, module).freeze(), cl.Model("g", X, Y, "linear")
    diagram = cl.LearningDiagram(DATA, *parts, equations="g = f")
    fn = cl.lower(diagram.loss())
    params, state = fn.init(KEY)
    value, aux = fn(params, state, diagram.data)
    module.eval()
    y = XS @ params["g"]["weight"] + params["g"]["bias"]
    close(value, jnp.mean(jnp.sum((y - module(XS)) ** 2, axis=1)))
    assert aux.state["mutable"] == {}


def test_documents_mention_nnx():
    diagram = cl.LearningDiagram(cl.Model("f", X, Y, net()))
    back = cl.from_json(cl.to_json(diagram))
    assert str(back.map_label("f")) == "unbound flax.nnx Net"
    assert back.bind({"f": net()}).map_label("f") == diagram.map_label("f")
