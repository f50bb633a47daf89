"""Haiku's transformed functions as edges, against haiku's own init and apply."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.models import needs_key

hk = pytest.importorskip("haiku", reason="dm-haiku is not installed")

X, Y = cl.Space("X", 3), cl.Space("Y", 2)
RNG = np.random.default_rng(0)
XS, YS = RNG.normal(size=(6, 3)).astype("f4"), RNG.normal(size=(6, 2)).astype("f4")
DATA = cl.Dataset("data", X=(X, XS), Y=(Y, YS))
KEY = jax.random.key(0)


def net(x, is_training):
    x = hk.Linear(2)(x)
    x = hk.BatchNorm(create_scale=True, create_offset=True, decay_rate=0.9)(x, is_training)
    return hk.dropout(hk.next_rng_key(), 0.5, x) if is_training else x


def plain(x):
    return hk.Linear(2)(x)


NET, PLAIN = hk.transform_with_state(net), hk.transform(plain)


def close(one, other):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), one, other)


def error(y):
    return jnp.mean(jnp.sum((y - YS) ** 2, axis=1))


def lowered(model):
    fn = cl.lower(cl.LearningDiagram(DATA, model).loss())
    digest = next(s for s in fn.plan.steps if s.op == "apply").digest
    return fn, *fn.init(KEY), jax.random.fold_in(KEY, digest)


def test_a_step_is_the_one_by_hand():
    fn, params, state, key = lowered(cl.Model("f", X, Y, NET))
    step = jax.jit(jax.value_and_grad(fn, has_aux=True))
    (value, aux), grads = step(params, state, fn.diagram.data, KEY)
    variables = fn.variables("f", params, state)

    @jax.jit
    @partial(jax.value_and_grad, has_aux=True)
    def by_hand(weights):
        y, after = NET.apply(weights, variables["state"], key, XS, True)
        return error(y), after

    (expected, after), slopes = by_hand(variables["params"])
    close(value, expected)
    close(grads["f"]["params"], slopes)
    close(aux.state["mutable"]["f"]["state"], after)
    # In evaluation: the running statistics, no key.
    value, aux = fn(params, state | aux.state, fn.diagram.data, train=False)
    transformed, weights, last = fn.architecture("f").rebuild(
        fn.variables("f", params, state | aux.state)
    )
    assert transformed is NET
    close(last, after)
    close(value, error(NET.apply(weights, last, None, XS, False)[0]))


def test_values_are_drawn_as_by_hand_and_given_beside():
    model = cl.Model("f", X, Y, NET)
    drawn = model.architecture.init(KEY, X.label, Y.label)
    params, state = NET.init(KEY, np.zeros((1, 3), "f4"), True)
    close(drawn, {"params": params, "state": state})
    given = cl.Model("f", X, Y, (NET, params, state))
    assert given.label == model.label
    close(given.start, drawn)
    assert model.failures() == given.failures() == []
    assert needs_key(model.label, X.label, Y.label)
    assert not needs_key(model.label, X.label, Y.label, train=False)
    frozen, g = given.freeze(), cl.Model("g", X, Y, "linear")
    fn = cl.lower(cl.LearningDiagram(DATA, frozen, g, equations="g = f").loss())
    weights, kept = fn.init(KEY)
    value, aux = fn(weights, kept, fn.diagram.data)
    y = XS @ weights["g"]["weight"] + weights["g"]["bias"]
    close(value, jnp.mean(jnp.sum((y - NET.apply(params, state, None, XS, False)[0]) ** 2, axis=1)))
    assert aux.state["mutable"] == {}


@pytest.mark.parametrize("transformed", [PLAIN, hk.without_apply_rng(PLAIN)])
def test_without_state(transformed):
    model = cl.Model("f", X, Y, transformed)
    assert model.failures() == []
    assert not model.architecture.stateful
    variables = model.architecture.init(KEY, X.label, Y.label)
    back, params = model.architecture.rebuild(variables)
    assert back is transformed
    close(model.architecture.apply(variables, XS), PLAIN.apply(params, None, XS))
    close(cl.Model("f", X, Y, (back, params)).start, variables)


def test_documents_mention_haiku():
    diagram = cl.LearningDiagram(cl.Model("f", X, Y, PLAIN))
    back = cl.from_json(cl.to_json(diagram))
    assert str(back.map_label("f")) == "unbound haiku plain"
    assert back.bind({"f": PLAIN}) == diagram
