"""Flax linen modules as edges, against linen's own init and apply."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.models import needs_key
from catlearn.models.libraries import Linen

nn = pytest.importorskip("flax.linen", reason="flax is not installed")

X, Y = cl.Space("X", 3), cl.Space("Y", 2)
RNG = np.random.default_rng(0)
XS, YS = RNG.normal(size=(6, 3)).astype("f4"), RNG.normal(size=(6, 2)).astype("f4")
DATA = cl.Dataset("data", X=(X, XS), Y=(Y, YS))
KEY = jax.random.key(0)


class Net(nn.Module):
    """Dense, batch norm, dropout."""

    width: int = 2

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(nn.Dense(self.width)(x))
        return nn.Dropout(0.5)(x, deterministic=not train)


def close(one, other):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), one, other)


def error(y):
    return jnp.mean(jnp.sum((y - YS) ** 2, axis=1))


def lowered(model):
    fn = cl.lower(cl.LearningDiagram(DATA, model).loss())
    key = next(s for s in fn.plan.steps if s.op == "apply").digest
    return fn, *fn.init(KEY), jax.random.fold_in(KEY, key)


def test_a_step_is_the_one_by_hand():
    fn, params, state, key = lowered(cl.Model("f", X, Y, Net()))
    assert list(state["mutable"]["f"]) == ["batch_stats", "params"]
    step = jax.jit(jax.value_and_grad(fn, has_aux=True))
    (value, aux), grads = step(params, state, fn.diagram.data, KEY)
    variables = fn.variables("f", params, state)

    @jax.jit
    @partial(jax.value_and_grad, has_aux=True)
    def by_hand(weights):
        every = {**variables, "params": weights}
        rngs = {"dropout": key}
        y, after = Net().apply(every, XS, train=True, rngs=rngs, mutable=["batch_stats"])
        return error(y), after["batch_stats"]

    (expected, after), slopes = by_hand(variables["params"])
    close(value, expected)
    close(grads["f"]["params"], slopes)
    close(aux.state["mutable"]["f"]["batch_stats"], after)
    # In evaluation: the running statistics, no key.
    value, aux = fn(params, state | aux.state, fn.diagram.data, train=False)
    close(value, error(Net().apply({**variables, "batch_stats": after}, XS, train=False)))
    back = fn.architecture("f").rebuild(fn.variables("f", params, state | aux.state))
    module, found = back.unbind()
    assert module == Net()
    close(found["batch_stats"], after)
    close(error(back(XS, train=False)), value)


def test_variables_are_drawn_as_by_hand_and_given_beside():
    arch = cl.Model("f", X, Y, Net()).architecture
    drawn = Net().init(KEY, XS[:1], train=False)
    close(arch.init(KEY, X.label, Y.label), drawn)
    for given in ((Net(), drawn), Net().bind(drawn)):
        model = cl.Model("f", X, Y, given)
        assert model.architecture == arch
        close(model.start, drawn)
        frozen = model.freeze()
        fn, params, state, _ = lowered(cl.Model("g", X, Y, "linear"))
        diagram = cl.LearningDiagram(DATA, frozen, cl.Model("g", X, Y, "linear"), equations="g = f")
        fn = cl.lower(diagram.loss())
        params, state = fn.init(KEY)
        value, aux = fn(params, state, diagram.data)
        y = XS @ params["g"]["weight"] + params["g"]["bias"]
        close(value, jnp.mean(jnp.sum((y - Net().apply(drawn, XS, train=False)) ** 2, axis=1)))
        assert aux.state["mutable"] == {}


def test_labels_modes_and_checks():
    model = cl.Model("f", X, Y, Net())
    assert model.label == cl.Model("other", X, Y, Net()).label
    assert model.label != cl.Model("f", X, Y, Net(3)).label
    assert model.failures() == []
    assert needs_key(model.label, X.label, Y.label)
    assert not needs_key(model.label, X.label, Y.label, train=False)
    (failure,) = cl.Model("f", X, Y, Net(3)).failures()
    assert "(batch, 3)" in failure.message
    assert model.architecture.stateful
    dense = cl.Model("d", X, Y, nn.Dense(2))
    assert dense.failures() == []
    assert not dense.architecture.stateful
    assert isinstance(Linen.of(nn.Sequential([nn.Dense(3), nn.relu]))[0], Linen)


def test_documents_mention_linen():
    diagram = cl.LearningDiagram(cl.Model("f", X, Y, Net()))
    back = cl.from_json(cl.to_json(diagram))
    assert str(back.map_label("f")) == "unbound flax.linen Net"
    assert back.bind({"f": Net()}) == diagram
