"""Haiku's transformed functions as edges, against haiku's own init and apply."""

from functools import partial

import jax
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

hk = pytest.importorskip("haiku", reason="dm-haiku is not installed")


def net(x, is_training):
    x = hk.Linear(2)(x)
    x = hk.BatchNorm(create_scale=True, create_offset=True, decay_rate=0.9)(x, is_training)
    return hk.dropout(hk.next_rng_key(), 0.5, x) if is_training else x


def plain(x):
    return hk.Linear(2)(x)


NET, PLAIN = hk.transform_with_state(net), hk.transform(plain)


def test_a_step_is_the_one_by_hand():
    fn, params, state, key = lowered(NET)
    value, grads, after_step = stepped(fn, params, state)
    variables = fn.variables("f", params, state)

    @jax.jit
    @partial(jax.value_and_grad, has_aux=True)
    def by_hand(weights):
        y, after = NET.apply(weights, variables["state"], key, XS, True)
        return error(y), after

    (expected, after), slopes = by_hand(variables["params"])
    close(value, expected)
    close(grads["params"], slopes)
    close(after_step["mutable"]["f"]["state"], after)
    # In evaluation: the running statistics, no key.
    value, (transformed, weights, last) = evaluated(fn, params, after_step)
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
    runs_frozen(given, NET.apply(params, state, None, XS, False)[0])


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
    is_mentioned(PLAIN, "unbound haiku plain")
