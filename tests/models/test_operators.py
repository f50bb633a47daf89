"""Operators on maps against differences of their values, on batches of several examples and of one.

The maps have several outputs, of a shape that is not that of the inputs. For each operator there
are others that are nearly it, which the same comparison rejects.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from catlearn.models import operation

H = 1e-3


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


def f(x):
    """From pairs of pairs to triples, in JAX or in NumPy; mixed derivatives are not zero."""
    xp = x.__array_namespace__()
    a, b, c, d = (x[:, i, j] for i in (0, 1) for j in (0, 1))
    return xp.stack([a**2 * b + c, xp.sin(b * c) * d, a * b * c * d + a**3], axis=1)


def batch(size, seed=0):
    return np.random.default_rng(seed).normal(size=(size, 2, 2))


# By differences, which say what each operator means.


def partial(f, axis):
    step = np.zeros(4)
    step[axis] = H
    step = step.reshape(2, 2)
    return lambda x: (f(x + step) - f(x - step)) / (2 * H)


def derivative(f, along=(0,)):
    for axis in along:
        f = partial(f, axis)
    return f


def laplacian(f, along=None):
    axes = range(4) if along is None else along
    return lambda x: sum(derivative(f, (axis, axis))(x) for axis in axes)


def jacobian(f):
    def every(x):
        slopes = np.stack([partial(f, axis)(x) for axis in range(4)], axis=-1)
        return slopes.reshape(*slopes.shape[:-1], 2, 2)

    return every


def tangent(f):
    return lambda pair: (
        f(pair[0]),
        (f(pair[0] + H * pair[1]) - f(pair[0] - H * pair[1])) / (2 * H),
    )


BY_DIFFERENCES = {
    "derivative": derivative,
    "laplacian": laplacian,
    "jacobian": jacobian,
    "tangent": tangent,
}
CASES = [
    ("derivative", {}),
    ("derivative", {"along": (2,)}),
    ("derivative", {"along": (0, 1)}),
    ("derivative", {"along": (1, 2, 3)}),
    ("laplacian", {}),
    ("laplacian", {"along": (0, 2)}),
    ("jacobian", {}),
    ("tangent", {}),
]


def same(operator, name, options, size):
    """Compare an operator with the differences: shapes first, so that nothing is broadcast."""
    x, v = batch(size), batch(size, seed=1)
    argument = (x, v) if name == "tangent" else x
    found = jax.tree.leaves(jax.jit(operator(f, **options))(argument))
    expected = jax.tree.leaves(BY_DIFFERENCES[name](f, **options)(argument))
    assert [leaf.shape for leaf in found] == [leaf.shape for leaf in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [5, 1])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_an_operator_is_what_differences_say(name, options, size):
    same(operation(name), name, options, size)


# Operators that are nearly right.


def along_another(f, along=(0,)):
    return operation("derivative")(f, tuple(3 - axis for axis in along))


def only_the_first(f, along=(0,)):
    return operation("derivative")(f, along[:1])


def of_the_whole_batch(f, along=(0,)):
    """As if examples depended on each other."""
    return lambda x: jnp.broadcast_to(
        operation("derivative")(f, along)(x).mean(axis=0), (len(x), 3)
    )


def with_mixed_terms(f, along=None):
    axes = range(4) if along is None else along
    every = operation("derivative")
    return lambda x: sum(every(f, (i, j))(x) for i in axes for j in axes)


def squares_of_slopes(f, along=None):
    axes = range(4) if along is None else along
    return lambda x: sum(operation("derivative")(f, (axis,))(x) ** 2 for axis in axes)


def transposed(f):
    return lambda x: jnp.swapaxes(operation("jacobian")(f)(x), -1, -2)


def axes_in_front(f):
    return lambda x: jnp.moveaxis(operation("jacobian")(f)(x), 1, -1)


def without_direction(f):
    return lambda pair: operation("tangent")(f)((pair[0], jnp.ones_like(pair[1])))


def at_the_direction(f):
    return lambda pair: operation("tangent")(f)(pair[::-1])


MUTANTS = {
    along_another: ("derivative", {"along": (2,)}),
    only_the_first: ("derivative", {"along": (0, 1)}),
    of_the_whole_batch: ("derivative", {"along": (2,)}),
    with_mixed_terms: ("laplacian", {}),
    squares_of_slopes: ("laplacian", {"along": (0, 2)}),
    transposed: ("jacobian", {}),
    axes_in_front: ("jacobian", {}),
    without_direction: ("tangent", {}),
    at_the_direction: ("tangent", {}),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_differences_tell_operators_apart(mutants, mutant):
    with mutants(f"operator {mutant.__name__}"), pytest.raises(AssertionError):
        same(mutant, *MUTANTS[mutant], size=5)
