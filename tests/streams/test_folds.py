"""Folds: derived from circuits, equal to them as numbers, whatever the blocks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.streams import Fold, StreamRefused, stream, streamable
from tests.streams.programs import FOLDS, REFUSED, attention


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def arrays(shapes, seed=0):
    random = np.random.default_rng(seed)
    return [jnp.asarray(random.normal(size=shape)) for shape in shapes]


def differences(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(float(jnp.max(jnp.abs(a - b) / (1 + jnp.max(jnp.abs(b))))) for a, b in pairs)


def both(fn, xs):
    """Return the value and the gradient of a number that depends on all outputs."""

    def total(*xs):
        made = fn({}, *xs)
        return sum(jnp.sum(jnp.sin(y)) for y in jax.tree.leaves(made)), made

    return jax.jit(jax.grad(total, tuple(range(len(xs))), has_aux=True))(*xs)


@pytest.mark.parametrize("name", FOLDS)
def test_a_fold_has_the_values_and_gradients_of_its_circuit(name):
    circuit, variable, shapes, most = FOLDS[name]
    fold = stream(circuit, variable)
    assert len(fold.state) <= most
    assert not fold.check()
    xs = arrays(shapes)
    assert differences(both(cl.lower(fold, block=7), xs), both(cl.lower(circuit), xs)) < 1e-13


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_fold_is_refused_with_the_box_that_is_in_the_way(name):
    circuit, variable, said, theorem = REFUSED[name]
    with pytest.raises(StreamRefused) as caught:
        stream(circuit, variable)
    assert said in str(caught.value)
    assert caught.value.theorem == theorem
    assert streamable(circuit)[variable] == str(caught.value)


def test_outputs_may_be_made_in_blocks():
    fold = stream(attention(), "x")
    assert isinstance(fold, Fold)
    xs = arrays([(2, 5, 3), (2, 20, 3), (2, 20, 4)])
    whole, parts = cl.lower(fold, block=20), cl.lower(fold, block=8, group={"h": 1, "q": 2})
    assert differences(both(parts, xs), both(whole, xs)) < 1e-14
