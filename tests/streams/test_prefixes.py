"""Prefix folds: outputs keep the axis, and blocks of it are read with a state of the past."""

import jax
import jax.numpy as jnp
import pytest

import catlearn as cl
from catlearn.streams import StreamRefused, stream, streamable
from catlearn.streams.prefix import PrefixFold
from tests.streams.prefixes import KEPT, PREFIXES, N, random_prefix
from tests.streams.test_folds import arrays, differences


@pytest.fixture(autouse=True)
def _stepwise():
    with jax.enable_x64(True), jax.disable_jit():
        yield


def both(fn, xs):
    """Return the gradient of a number that depends on all outputs, and these."""

    def total(*xs):
        made = fn({}, *xs)
        return sum(jnp.sum(jnp.sin(y)) for y in jax.tree.leaves(made)), made

    return jax.grad(total, tuple(range(len(xs))), has_aux=True)(*xs)


@pytest.mark.parametrize("name", PREFIXES)
def test_a_prefix_fold_has_the_values_and_gradients_of_its_circuit(name):
    circuit, variable, shapes = PREFIXES[name]
    fold = stream(circuit, variable)
    assert isinstance(fold, PrefixFold)
    assert not fold.check()
    xs = arrays(shapes)
    whole = both(cl.lower(circuit), xs)
    for block in (3, N):
        assert differences(both(cl.lower(fold, block=block), xs), whole) < 1e-12


@pytest.mark.parametrize("name", KEPT)
def test_what_is_no_prefix_fold_is_refused(name):
    circuit, variable = KEPT[name]
    with pytest.raises(StreamRefused) as caught:
        stream(circuit, variable)
    assert streamable(circuit)[variable] == str(caught.value)


@pytest.mark.parametrize("seed", range(4))
def test_random_prefix_programs(seed):
    circuit = random_prefix(seed)
    fold = stream(circuit, "t")
    xs = arrays([(7, 3), (7, 3), (7,), (3,)], seed)
    found, whole = (both(fn, xs) for fn in (cl.lower(fold, block=3), cl.lower(circuit)))
    assert differences(found, whole) < 1e-10
