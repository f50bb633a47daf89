"""Primitives that are functions along axes, loops and branches that are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.importing import imported, jaxpr, primitives
from tests.importing.test_jaxpr import AGAIN, WHOLE, A, B, X, agree, normal, pooled

KEY, SQUARE = jax.random.key(1), normal(3, 2, 3, 3)


def definite(x):
    return x @ x.mT + jnp.eye(3)


def in_rounds(x):
    def step(state, row):
        low, high, key = state
        low = low + row.astype("bfloat16")
        high = high * 0.5 + jax.random.uniform(key, row.shape) * row
        return (low, high, jax.random.split(key)[0]), low * 2

    start = jnp.zeros(6, "bfloat16"), jnp.zeros(6), KEY
    (low, high, _), rows = jax.lax.scan(step, start, x)
    return low, high, rows


def halved(x, number):
    def step(state):
        k, y = state
        return k + 2, jnp.sin(y) * k

    def going(state):
        return state[0] < number

    found = jax.lax.fori_loop(0, 1, lambda _, y: jax.lax.scan(
        lambda c, _: (step(c), None), (1, y), None, max(number // 2, 0)
    )[0][1], x)  # fmt: skip
    again = jax.lax.stop_gradient(jax.lax.while_loop(going, step, (1, x))[1])
    return found, again


CASES = {
    "factors of a batch": (lambda x: jnp.linalg.cholesky(definite(x)), SQUARE),
    "solved": (lambda x, y: jnp.linalg.solve(definite(x), y), SQUARE, SQUARE[::-1]),
    "determinants": (lambda x: jnp.linalg.slogdet(definite(x)), SQUARE),
    "spectrum": (lambda x: jnp.abs(jnp.fft.rfft(x)), A),
    "complex": (lambda x, y: jnp.real(jnp.stack([x + 1j * y]) @ (x - 2j * y).T), A, B),
    "samples": (lambda x, k: x * jax.random.normal(k, x.shape), A, KEY),
    "dropped": (lambda x, k: jnp.where(jax.random.bernoulli(k, 0.5, x.shape), x * 2, 0), A, KEY),
    "for each key": (
        lambda x, k: jax.vmap(lambda y, k: y * jax.random.uniform(k, y.shape))(
            x, jax.random.split(jax.random.fold_in(k, 3), 4)
        ),
        A,
        KEY,
    ),
    "by index": (lambda x, y, i: (x.at[i].max(y), x.at[i].min(y)), A, B, AGAIN),
    "products by index": (lambda x, y, i: x.at[i].mul(y, unique_indices=True), A, B, WHOLE),
    "put": (lambda x, y, i: x.at[i].set(y), A, B, WHOLE),
    "rows put in rounds": (
        lambda x: jax.lax.fori_loop(1, 4, lambda k, c: c.at[k].set(c[k - 1] + x[k]), x),
        A,
    ),
    "pool of equal ones": (
        jax.grad(lambda x: (pooled(jax.nn.relu(x), -jnp.inf, jax.lax.max, "SAME") ** 2).sum()), X,
    ),
    "equal ones in windows": (
        lambda x: [
            jax.lax.reduce_window(jax.nn.relu(x), -end, function, (1, *length, 1), (1, *step, 1),
                                  "VALID")
            for end, function in ((jnp.inf, jax.lax.max), (-jnp.inf, jax.lax.min))
            for length, step in (((2, 2), (2, 2)), ((2, 3), (2, 1)), ((3, 2), (1, 1)),
                                 ((4, 4), (1, 1)))
        ],
        X,
    ),
    "filled": (
        lambda x, i: (x, jnp.take(jnp.arange(12).reshape(4, 3), i * 3, 0, fill_value=7.0)),
        A,
        AGAIN,
    ),
    "booleans": (lambda x, y: jnp.concatenate([x > 0, y > 0]) * jnp.pad(x, ((0, 4), (0, 0))), A, B),
    "bits": (lambda x: jnp.copysign(x, B), A),
    "special": (lambda x: (jax.scipy.special.log_ndtr(x), jnp.sinc(x), jnp.i0(x)), A),
    "branches": (
        lambda x: (
            jax.lax.cond(True, jnp.sin, jnp.cos, x), jax.lax.switch(7, [jnp.sin, jnp.tanh], x),
        ), A,
    ),
    "rounds": (lambda x: halved(x, 5), A),
    "no rounds": (lambda x: halved(x, 0), A),
}  # fmt: skip


def test_numbers_and_gradients_are_equal():
    agree(CASES)
    for name, (fn, *arguments) in CASES.items():
        found = imported(fn, *arguments)
        assert found.opaque == [], name
        assert found.coverage["operations"] == 1, name


def test_each_state_of_a_loop_keeps_its_type():
    agree({"rounds": (in_rounds, A)}, 0.01)
    circuit = cl.from_jax(in_rounds, A)
    assert circuit.opaque == []
    for one, other in zip(cl.lower(circuit)({}, A), in_rounds(A), strict=True):
        assert (one.dtype, one.tolist()) == (other.dtype, other.tolist())


ROWS = jnp.arange(1.0, 4.0), jnp.ones((3, 2))
BATCHED = {
    "cholesky": (jax.lax.linalg.cholesky, definite(SQUARE)),
    "lu": (jax.lax.linalg.lu, SQUARE),
    "eigh": (jax.lax.linalg.eigh, definite(SQUARE)),
    "triangular_solve": (
        lambda x: jax.lax.linalg.triangular_solve(definite(x), x, left_side=True), SQUARE,
    ),
    "tridiagonal_solve": (
        lambda x: jax.lax.linalg.tridiagonal_solve(x, x + 5, x, x[..., None]), SQUARE[:, 0],
    ),
    "fft": (jnp.fft.fft, SQUARE + 0j),
    "reduce_window_max": (
        lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 3, 3), (1, 3, 3), "VALID"),
        SQUARE,
    ),
    "random_bits": (lambda k: jax.vmap(lambda k: jax.random.bits(k, (3,)))(k),
                    jax.random.split(KEY, 2)),
}  # fmt: skip
"""Functions of arrays along all axes but the first, with the primitive that they are made of."""


def each_alone(name):
    """Compare what a box makes of one index of a batch with what it makes of all there."""
    fn, x = BATCHED[name]
    circuit = cl.from_jax(fn, x)
    boxes = [one for one in circuit.apex.operations if one.kernel.name == "along"]
    (box,) = [one for one in boxes if one.title == name]
    batch = {*range(len(box.letters))} - {*box.targets}
    assert batch
    assert batch == {*box.writes[0][: len(batch)]}
    label = box.kernel.option("label")

    def call(*arrays):
        found = label.call(*arrays)
        return found if isinstance(found, list | tuple) else [found]

    if name == "triangular_solve":
        given = [definite(x), x]
    elif name == "tridiagonal_solve":
        given = [x, x + 5, x, x[..., None]]
    else:
        given = [x]
    for k in range(len(batch)):
        first = (*[slice(None)] * k, slice(1))
        alone = call(*(x[first] for x in given))
        for one, other in zip(alone, call(*given), strict=True):
            np.testing.assert_allclose(one, other[first], 1e-5, 1e-5)


@pytest.mark.parametrize("name", BATCHED)
def test_a_batch_is_no_axis_of_a_function(name):
    each_alone(name)


def fewer(monkeypatch):
    """Let a factor be one of each row."""
    monkeypatch.setitem(primitives.ALONG, "cholesky", 1)


def one_more(monkeypatch):
    """Count a round too many."""
    whole = jaxpr.rounds_of
    monkeypatch.setattr(jaxpr, "rounds_of", lambda *given: (whole(*given) or 0) + 1)


def first_branch(monkeypatch):
    """Take the first branch always."""
    monkeypatch.setattr(jaxpr, "number_of", lambda value: 0)


@pytest.mark.parametrize(
    ("mutant", "run"),
    [
        (fewer, lambda: each_alone("cholesky")),
        (one_more, lambda: agree({"rounds": CASES["rounds"]})),
        (first_branch, lambda: agree({"branches": CASES["branches"]})),
    ],
)
def test_broken_importers_are_found(mutant, run, monkeypatch):
    mutant(monkeypatch)
    with pytest.raises((AssertionError, TypeError, ValueError)):
        run()


def test_rounds_that_depend_on_data_stay_opaque():
    def fn(x, n):
        one = jax.lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + n, c[1] + 1), (0, x))[1]
        return one, jax.lax.while_loop(lambda c: c.sum() < 3, lambda c: c + 1, x)

    circuit = cl.from_jax(fn, jnp.zeros(3), jnp.ones((), int))
    assert [text.partition(" ")[0].partition("(")[0] for text in circuit.opaque] == ["while"] * 2
    for one, other in zip(cl.lower(circuit)({}, jnp.zeros(3), 2), fn(jnp.zeros(3), 2), strict=True):
        assert (one == other).all()
