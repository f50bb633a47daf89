"""Attention that is handed to JAX's: the same numbers, and what is none is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from catlearn.importing import from_jax, optimise
from catlearn.lowering.attention import Attention, NoAttention

N, D = 6, 4


def plain(q, k, v):
    return jax.nn.softmax(q @ k.T / 2) @ v


def causal(q, k, v):
    scores = jnp.einsum("qhd,khd->hqk", q, k) * 0.3
    scores = jnp.where(jnp.tri(N, dtype=bool), scores, -jnp.inf)
    return jnp.einsum("hqk,khd->qhd", jax.nn.softmax(scores), v)


def grouped(q, k, v):
    """Groups of heads read the same keys, and positions see those near them."""
    near = jnp.arange(N)[:, None] - jnp.arange(N) < 3
    scores = jnp.where(near & jnp.tri(N, dtype=bool), jnp.einsum("qhgd,khd->hgqk", q, k), -1e30)
    return jnp.einsum("hgqk,khd->qghd", jax.nn.softmax(scores), v)


def biased(q, k, v, slope, b):
    far = jnp.abs(jnp.arange(N)[:, None] - jnp.arange(N))
    return jax.nn.softmax((q @ k.T + b) * 0.5 - slope * far) @ v


def late(q, k, v):
    """The division comes last, and nothing is a maximum that is stopped."""
    scores = q @ k.T
    weights = jnp.exp(scores - scores.max(-1, keepdims=True))
    return (weights @ v) / weights.sum(-1, keepdims=True)


def padded(q, k, v, length):
    return jax.nn.softmax(jnp.where(length > 0, q @ k.T, -1e30)) @ v


def joined(q, k, v):
    """Heads are parts of one axis, as of a projection."""
    q, k, v = (one.reshape(N, 2, D // 2) for one in (q, k, v))
    weights = jax.nn.softmax(jnp.einsum("qhd,khd->hqk", q, k))
    return jnp.einsum("hqk,khd->hqd", weights, v)


def one(q, k, v):
    """A query alone, as in decoding."""
    return jax.nn.softmax(k @ q) @ v


QKV, HEADS = [(N, D)] * 3, [(N, 2, D)] * 3
CASES = {
    plain: (QKV, {}), causal: (HEADS, {"causal": True}), grouped: ([(N, 2, 3, D), *HEADS[1:]], {}),
    biased: ([*QKV, (), (N,)], {}), late: (QKV, {}), padded: ([*QKV, (N,)], {}), joined: (QKV, {}),
    one: ([(D,), *QKV[1:]], {}),
}  # fmt: skip


def read(fn, shapes):
    arrays = [np.random.default_rng(k).normal(size=shape) for k, shape in enumerate(shapes)]
    circuit = from_jax(fn, *map(jnp.asarray, arrays))
    H = circuit.apex
    sizes = {axis: H.size_of(axis).number or 1 for axis in range(H.size("Axis"))}
    return Attention(circuit, sizes), arrays


@pytest.mark.parametrize("fn", CASES)
def test_attention_has_the_numbers_of_the_function(fn):
    shapes, known = CASES[fn]
    with jax.enable_x64(True):
        found, arrays = read(fn, shapes)
        assert {name: getattr(found, name) for name in known} == known
        np.testing.assert_allclose(jax.jit(found)(*arrays), jax.jit(fn)(*arrays), atol=1e-6)


MUTANTS = {"scale": (plain, 1.0), "causal": (causal, False), "masks": (grouped, []),
           "given_masks": (padded, []), "added": (biased, [])}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_that_forget_have_other_numbers(name):
    fn, forgotten = MUTANTS[name]
    found, arrays = read(fn, CASES[fn][0])
    if name == "causal":
        found.masks = []
    setattr(found, name, forgotten)
    assert np.abs(jax.jit(found)(*arrays) - jax.jit(fn)(*arrays)).max() > 1e-3


def softened(q, k, v):
    weights = jnp.exp(q @ k.T - (q @ k.T).max(-1, keepdims=True))
    return (weights / (1 + weights.sum(-1, keepdims=True))) @ v


def warmed(q, k, v):
    return jax.nn.softmax((q @ k.T) * q[:, :1]) @ v


def squared(q, k, v):
    return jax.nn.softmax((q @ k.T) ** 2) @ v


def other_way(q, k, v):
    return jax.nn.softmax(q @ k.T, 0) @ v


def hidden(q, k, v):
    """The first row has no keys, so its numbers are none."""
    return jax.nn.softmax(jnp.where(jnp.tri(N, k=-1, dtype=bool), q @ k.T, -jnp.inf)) @ v


def low(q, k, v):
    """What is put for scores is a score."""
    return jax.nn.softmax(jnp.where(jnp.tri(N, dtype=bool), q @ k.T, -1.0)) @ v


def endless(q, k, v):
    return jax.nn.softmax(jnp.where(q[:, 0] > 0, q @ k.T, -jnp.inf)) @ v


def nothing(q, k, v):
    return (q @ k.T) @ v


@pytest.mark.parametrize(
    "fn", [softened, warmed, squared, other_way, hidden, low, endless, nothing, plain]
)
def test_what_is_no_attention_of_jax_is_refused(fn):
    shapes = [*QKV[:2], (N, D + 1)] if fn is plain else QKV
    with pytest.raises(NoAttention):
        read(fn, shapes)


def test_what_follows_the_scores_is_compared(monkeypatch):
    """A mutant that does not compare takes what is no softmax for one."""
    monkeypatch.setattr(Attention, "_again", lambda self: self.circuit)
    found, arrays = read(softened, QKV)
    assert np.abs(found(*arrays) - softened(*map(jnp.asarray, arrays))).max() > 1e-3


def test_optimised_functions_hand_attention_to_jax():
    def layer(q, k, v):
        scores = jnp.where(jnp.tri(len(q), dtype=bool), q @ k.T / 2, -jnp.inf)
        return q + jax.nn.softmax(scores) @ v

    random = np.random.default_rng(0)
    arrays = [jnp.asarray(random.normal(size=(128, D)), jnp.float32) for _ in range(3)]
    fast = optimise(layer, attention="jax", threshold=4096)
    (handed,) = fast.plan(*arrays).streams.streamed
    assert handed.attention
    assert "dot_product_attention" in str(handed)

    def both(*arrays):
        return [jax.value_and_grad(lambda *own, fn=fn: jnp.sin(fn(*own)).sum(), (0, 1, 2))(*arrays)
                for fn in (layer, fast)]  # fmt: skip

    for one, other in zip(*map(jax.tree.leaves, jax.jit(both)(*arrays)), strict=True):
        np.testing.assert_allclose(one, other, atol=3e-5)
    (kept,) = optimise(plain, attention="xla", threshold=4096).plan(
        *arrays[:2], jnp.ones((128, 3))
    ).streams.streamed  # fmt: skip
    assert kept.refused
    assert not kept.attention
