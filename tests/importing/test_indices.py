"""What is read and written at indices outside of an axis is what JAX reads and writes there."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

import catlearn as cl
from catlearn.arrays import embed, mean
from catlearn.importing import imported
from catlearn.importing.building import Builder

X, Y = (jnp.asarray(np.random.default_rng(k).normal(size=(4, 6)), "float32") for k in (0, 1))
WHOLE = jnp.arange(24).reshape(4, 6) * 3


def read(mode):
    """Return what reads rows, columns, entries and integers in a mode."""

    def fn(x, i):
        return (
            x.at[i].get(mode=mode),
            x.at[i[:3], i[1:]].get(mode=mode),
            jnp.take(x, i, 1, mode=mode),
            jnp.take_along_axis(x, i[:, None], 1, mode=mode),
            jnp.take(WHOLE + i.sum() * 0, i, 0, mode=mode),
            jnp.take(WHOLE + i.sum() * 0 > 9, i, 0, mode=mode),
            jnp.take(x[:1], i, 0, mode=mode),
        )

    return fn


def written(mode):
    """Return what writes rows, columns and entries in a mode."""

    def fn(x, i):
        return (
            x.at[i].add(Y, mode=mode),
            x.at[:, i].add(Y[:, :4], mode=mode),
            x.at[i[:3], i[1:]].subtract(Y[0, :3], mode=mode),
            x.at[i[0]].set(Y[0], mode=mode),
            x.at[i].max(Y, mode=mode),
            x.at[i].multiply(Y, mode=mode),
            jnp.zeros((5, 6)).at[i].add(x, mode=mode),
        )

    return fn


CASES = {
    "filled": read("fill"),
    "filled with a number": lambda x, i: x.at[i].get(mode="fill", fill_value=2),
    "clipped": read("clip"),
    "wrapped": lambda x, i: (jnp.take(x, i, 0, mode="wrap"), jnp.take(x, i, 1, mode="wrap")),
    "dropped": written("drop"),
    "written at the end": written("clip"),
    "promised": lambda x, i: jax.lax.stop_gradient((x[i], x[i[0]], x[i, i])),
    "windows": lambda x, i: (
        jax.lax.dynamic_slice(x, (i[0], i[1]), (2, 3)),
        jax.lax.dynamic_slice(x, (i[0], i[1]), (1, 1)),
        jax.lax.dynamic_update_slice(x, Y[:2, :3], (i[0], i[1])),
        jax.lax.dynamic_index_in_dim(x, i[0], 1),
        jax.vmap(lambda j: jax.lax.dynamic_slice(x, (j, 0), (1, 2)))(i),
    ),
    "counted": lambda x, i: (jax.nn.one_hot(i, 4) @ x, jax.ops.segment_sum(x, i, 4)),
    "small integers": lambda x, i: jax.lax.stop_gradient(
        jnp.take(jnp.tile(x, (50, 1)), i.astype("int8"), 0)
    ),
    "labels": lambda x, i: optax.softmax_cross_entropy_with_integer_labels(x, i),
    "places of another axis": lambda x, i: x.at[jnp.argmax(x, 1)].get(mode="fill"),
    "rounds": lambda x, i: jax.lax.scan(lambda c, j: (c + 1, jnp.take(x, j, 0)), 0, i)[1],
}


def real(leaves):
    return [one for one in leaves if jnp.issubdtype(one.dtype, jnp.floating)]


@functools.cache
def both():
    """Return the program of all functions and of what was imported, with gradients."""
    pairs = []
    for fn in CASES.values():
        one = imported(fn, X, jnp.arange(4), exact=True)
        lowered = cl.lower(one.circuit)
        pairs.append((fn, lambda x, i, f=lowered, one=one: one.result(f({}, *one.inputs(x, i)))))

    def run(x, i):
        def values(fn, x):
            leaves = jax.tree.leaves(fn(x, i))
            return sum(jnp.sin(one).sum() for one in real(leaves)), leaves

        return [
            [jax.value_and_grad(functools.partial(values, fn), has_aux=True)(x) for fn in pair]
            for pair in pairs
        ]

    return jax.jit(run)


ENDS = [-(2**31), -24, -7, -5, 6, 7, 23, 127, 2**31 - 1]
INDICES = arrays("int32", 4, elements=st.integers(-9, 9) | st.sampled_from(ENDS))


def check(i):
    for name, (one, other) in zip(CASES, both()(X, i), strict=True):
        for a, b in zip(jax.tree.leaves(one[0][1]), jax.tree.leaves(other[0][1]), strict=True):
            assert a.dtype == b.dtype, name
            np.testing.assert_allclose(a, b, 1e-5, 1e-5, err_msg=name)
        np.testing.assert_allclose(one[1], other[1], 1e-5, 1e-5, err_msg=name)


@given(INDICES)
def test_indices_outside_of_an_axis_are_those_of_jax(i):
    check(i)


def trusting(monkeypatch):
    """Take integers that are given for indices."""
    monkeypatch.setattr(Builder, "inside", lambda self, wire, last, size: True)


def unfilled(monkeypatch):
    """Fill with 0."""
    monkeypatch.setattr("catlearn.importing.indexing._filled", lambda value, dtype: 0)


@pytest.mark.parametrize("mutant", [trusting, unfilled])
def test_other_indices_are_found(mutant, monkeypatch):
    mutant(monkeypatch)
    monkeypatch.setattr("tests.importing.test_indices.CASES", {"labels": CASES["labels"]})
    both.cache_clear()
    with pytest.raises(AssertionError):
        check(jnp.array([1, 6, -1, 0]))
    both.cache_clear()


def test_indices_of_few_bits_reach_all_of_an_axis():
    circuit = embed("t", "v -> m", v=300) >> mean("k [m] -> k")
    table, i = jnp.arange(600.0).reshape(300, 2), jnp.array([3, 250])
    fn = cl.lower(circuit)
    assert jnp.array_equal(fn({"t": table}, i.astype("uint8")), fn({"t": table}, i))


def test_labels_outside_of_the_vocabulary_are_one_fold():
    x, w = X @ Y.T, jnp.tile(X, (1, 96)) / 3
    y = jnp.array([5, 576, -1, -577])

    def loss(x, w, y):
        return optax.softmax_cross_entropy_with_integer_labels(x @ w, y)

    fast = cl.optimise(loss, threshold=512, block=64)
    (fold,) = fast.plan(x, w, y).streams.streamed
    assert fold.length == 576

    def both(f):
        gradients = [jax.vjp(lambda x, w: f(x, w, y), x, w)[1](jnp.arange(4.0)),
                     jax.grad(lambda x, w: f(x, w, y).mean(), (0, 1))(x, w)]  # fmt: skip
        return f(x, w, y), gradients

    pairs = zip(
        *(jax.tree.leaves(jax.jit(lambda f=f: both(f))()) for f in (loss, fast)), strict=True
    )
    for one, other in pairs:
        np.testing.assert_allclose(one, other, 1e-4, 1e-5)
