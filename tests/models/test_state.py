"""Equinox modules with state and modes: batch norm and dropout against the library's own code."""

import equinox as eqx
import jax
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure
from catlearn.models import ModuleArchitecture, needs_key
from tests.errors import raises
from tests.models.on_edges import (
    DATA,
    KEY,
    XS,
    X,
    Y,
    close,
    error,
    evaluated,
    lowered,
    runs_frozen,
    stepped,
)


class Net(eqx.Module):
    """Linear, batch norm, dropout."""

    linear: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    dropout: eqx.nn.Dropout

    def __init__(self, key, axis="examples", mode="batch"):
        self.linear = eqx.nn.Linear(3, 2, key=key)
        self.norm = eqx.nn.BatchNorm(2, axis, mode=mode)
        self.dropout = eqx.nn.Dropout(0.5)

    def __call__(self, x, state, *, key=None):
        x, state = self.norm(self.linear(x), state)
        return self.dropout(x, key=key), state


def made(**options):
    return eqx.nn.make_with_state(Net)(KEY, **options)


def by_hand(module, state, keys):
    def one(x, state, key):
        return module(x, state, key=key)

    over = jax.vmap(one, (0, None, 0), (0, None), axis_name="examples")
    y, state = over(XS, state, keys)
    return error(y), state


@pytest.mark.parametrize("mode", ["batch", "ema"])
def test_a_step_is_the_one_by_hand(mode):
    module, state = made(mode=mode)
    fn, params, start, key = lowered((module, state))
    assert len(jax.tree.leaves(params)) == 4
    value, grads, after_step = stepped(fn, params, start)
    keys = jax.random.split(key, 6)
    weights, static = eqx.partition(module, eqx.is_inexact_array)
    (expected, after), slopes = jax.jit(
        jax.value_and_grad(lambda w: by_hand(eqx.combine(w, static), state, keys), has_aux=True)
    )(weights)
    close(value, expected)
    close(jax.tree.leaves(grads), jax.tree.leaves(slopes))
    close(jax.tree.leaves(after_step["mutable"]["f"]), jax.tree.leaves(after))
    # In evaluation nothing changes, no key is needed, and the statistics are the running ones.
    value, (back, statistics) = evaluated(fn, params, after_step)
    expected, _ = by_hand(eqx.nn.inference_mode(module), after, keys)
    close(value, expected)
    assert isinstance(back, Net)
    close(jax.tree.leaves(statistics), jax.tree.leaves(after))
    close(by_hand(eqx.nn.inference_mode(back), statistics, keys)[0], expected)


def test_labels_forget_values_and_keep_names_of_axes():
    label = ModuleArchitecture.of(made())[0]
    assert label == ModuleArchitecture.of(eqx.nn.make_with_state(Net)(jax.random.key(1)))[0]
    assert label == ModuleArchitecture.of(Net(KEY))[0]
    assert label != ModuleArchitecture.of(made(axis="other"))[0]
    assert label.axis_names == ("examples",)
    assert ModuleArchitecture.of(made(axis=("a", "b")))[0].axis_names == ("a", "b")


def test_several_names_of_the_batch_axis():
    one, variables = ModuleArchitecture.of(
        eqx.nn.make_with_state(eqx.nn.BatchNorm)(3, ("a", "b"), mode="batch")
    )
    norm = eqx.nn.make_with_state(eqx.nn.BatchNorm)(3, "a", mode="batch")
    two, same = ModuleArchitecture.of(norm)
    close(one.run(variables, XS, train=True)[0], two.run(same, XS, train=True)[0])


def test_factories_of_modules_with_state():
    model = cl.Model("f", X, Y, lambda key: eqx.nn.make_with_state(Net)(key))
    assert model.architecture == ModuleArchitecture.of(made())[0]
    assert model.architecture.stateful
    assert model.failures() == []
    assert needs_key(model.label, X.label, Y.label)
    assert not needs_key(model.label, X.label, Y.label, train=False)
    variables = model.architecture.init(KEY, X.label, Y.label)
    assert jax.tree.structure(variables) == jax.tree.structure(
        model.architecture.structure(X.label, Y.label)
    )


def test_the_state_must_be_there():
    with raises(InvalidStructure, "(module, state)", law="state", where="module 'Net'"):
        cl.Model("f", X, Y, made()[0])


def test_frozen_modules_run_in_evaluation():
    module = eqx.nn.inference_mode(made()[0])
    y = jax.vmap(lambda x: module(x, made()[1])[0], axis_name="examples")(XS)
    runs_frozen(cl.Model("f", X, Y, made()), y)


def test_a_dropout_of_its_own_drops_in_training_only():
    parts = cl.Model("drop", X, X, eqx.nn.Dropout(0.5)), cl.Model("f", X, Y, "linear")
    fn = cl.lower(
        cl.LearningDiagram(DATA, *parts, equations=["data.X >> drop >> f = data.Y"]).loss()
    )
    params, state = fn.init(KEY)
    still, _ = fn(params, state, fn.diagram.data, train=False)
    one, two = (fn(params, state, fn.diagram.data, jax.random.key(i))[0] for i in (1, 2))
    assert len({float(still), float(one), float(two)}) == 3


def test_documents_mention_modules_with_state():
    diagram = cl.LearningDiagram(cl.Model("f", X, Y, lambda key: eqx.nn.make_with_state(Net)(key)))
    back = cl.formats.from_json(cl.formats.to_json(diagram))
    assert "equinox Net" in str(back.map_label("f"))
    assert back.bind({"f": lambda key: eqx.nn.make_with_state(Net)(key)}) == diagram
