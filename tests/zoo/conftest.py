"""Regimes against the same loss by hand: value, terms, gradient and program.

A test makes a regime at a dtype and calls ``agrees``::

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_it(agrees, dtype):
        with agrees.precision(dtype):
            agrees(regime(Sizes(dtype=dtype)), held=True)

where ``regime.by_hand(params, state, batch, key)`` returns the value and ``{equation: mean cost}``,
and with the options becomes a mutant, which the comparison has to reject.
"""

from contextlib import AbstractContextManager
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.by_hand.programs import normal_form

TOLERANCE = {"float32": 1e-4, "float64": 1e-6}


class Agrees:
    """Compare a lowered loss with one written by hand, and assert that they are one."""

    def precision(self, dtype: str) -> AbstractContextManager:
        """Compute in float64 inside, if that is asked for."""
        return jax.enable_x64(dtype == "float64")

    def __call__(self, regime, *, program="same", **mutation):
        """Compare, at parameters and state that are drawn.

        Programs are compared, and mutants tried, in float32 only, as compiling takes most time.
        ``program`` says how: ``"same"`` optimised program; ``"flops"``: no more operations, to 5 %,
        by which versions of JAX differ. What they take is beside them in ``benchmarks/zoo.py``.
        """
        fn, by_hand = regime.fn, regime.by_hand
        shapes, parts = jax.eval_shape(fn.init, jax.random.key(0))
        state = {name: drawn(parts[name]) for name in ("frozen", "mutable")}
        state["weights"] = fn.weights()
        arguments = (drawn(shapes), state, regime.batch, regime.key)
        precise = jax.config.read("jax_enable_x64")
        ours, found = run(fn, arguments)
        theirs, expected = run(by_hand, arguments)
        (dtype,) = {leaf.dtype.name for leaf in jax.tree.leaves(found)}
        same_values(found, expected, TOLERANCE[dtype])
        if precise:
            return
        if program == "same":
            assert normal_form(ours.as_text()) == normal_form(theirs.as_text())
        else:
            assert 0 < ours.cost_analysis()["flops"] <= 1.05 * theirs.cost_analysis()["flops"]
        if mutation:
            _, other = run(partial(by_hand, **mutation), arguments)
            with pytest.raises(AssertionError):
                same_values(found, other, TOLERANCE[dtype])


@pytest.fixture(scope="session")
def agrees():
    """Return the comparison."""
    return Agrees()


@pytest.fixture(scope="session")
def noise():
    """Return a function that draws an array, normally distributed, from a seed."""

    def draw(shape, dtype="float32", seed=0):
        return np.random.default_rng(seed).normal(size=shape).astype(dtype)

    return draw


def drawn(shapes):
    """Draw arrays by numpy: drawing by JAX compiles for each shape, and biases would be 0."""
    draws = np.random.default_rng(7)
    return jax.tree.map(
        lambda leaf: jnp.asarray(0.5 * draws.normal(size=leaf.shape), leaf.dtype), shapes
    )


def run(loss, arguments):
    """Compile value and gradient of a loss, and run them; return the program and what it gives."""
    program = jax.jit(jax.value_and_grad(loss, has_aux=True)).lower(*arguments).compile()
    (value, aux), gradient = program(*arguments)
    return program, ((value, getattr(aux, "terms", aux)), gradient)


def same_values(found, expected, tolerance):
    """Compare value, terms and gradient, each as one vector, in relative norm."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in ((found[0], expected[0]), (found[1], expected[1])):
        distance = np.linalg.norm(flat(one) - flat(other))
        assert distance <= tolerance * np.linalg.norm(flat(other))
    # The gradient is not a number that any two programs would share.
    assert np.linalg.norm(flat(expected[1])) > 1e-2


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])
