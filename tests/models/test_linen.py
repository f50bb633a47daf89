"""Flax linen modules as edges, against linen's own init and apply."""

from functools import partial

import jax
import pytest

import catlearn as cl
from catlearn.models import needs_key
from catlearn.models.libraries import Linen
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

nn = pytest.importorskip("flax.linen", reason="flax is not installed")


class Net(nn.Module):
    """Dense, batch norm, dropout."""

    width: int = 2

    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(nn.Dense(self.width)(x))
        return nn.Dropout(0.5)(x, deterministic=not train)


def test_a_step_is_the_one_by_hand():
    fn, params, state, key = lowered(Net())
    assert list(state["mutable"]["f"]) == ["batch_stats", "params"]
    value, grads, after_step = stepped(fn, params, state)
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
    close(grads["params"], slopes)
    close(after_step["mutable"]["f"]["batch_stats"], after)
    # In evaluation: the running statistics, no key.
    value, back = evaluated(fn, params, after_step)
    close(value, error(Net().apply({**variables, "batch_stats": after}, XS, train=False)))
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
        runs_frozen(model, Net().apply(drawn, XS, train=False))


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
    is_mentioned(Net(), "unbound flax.linen Net")
