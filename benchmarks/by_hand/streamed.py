"""Functions whose large arrays are formed block by block, with their own reverse passes.

They keep no block for gradients: of a softmax the logarithms of the sums are kept, and a second
loop forms each block again. The sizes of blocks have to divide those of the arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def cross_entropy(block: int = 128) -> Callable[..., Any]:
    """Return the mean of cross-entropies of ``x @ weights`` to labels, by blocks of these."""

    def read(weights: Any, labels: Any, start: Any) -> tuple[Any, Any]:
        hit = labels[:, None] == start + jnp.arange(block)
        return lax.dynamic_slice_in_dim(weights, start, block, 1), hit

    def starts(weights: Any) -> Any:
        return np.arange(0, weights.shape[1], block, dtype=np.int32)

    @jax.custom_vjp
    def loss(x: Any, weights: Any, labels: Any) -> Any:
        return forward(x, weights, labels)[0]

    def forward(x: Any, weights: Any, labels: Any) -> Any:
        def step(state: Any, start: Any) -> Any:
            greatest, total, right = state
            own, hit = read(weights, labels, start)
            scores = x @ own
            new = jnp.maximum(greatest, scores.max(1))
            more = jnp.exp(scores - new[:, None]).sum(1)
            right = right + jnp.where(hit, scores, 0).sum(1)
            return (new, total * jnp.exp(greatest - new) + more, right), None

        none = jnp.zeros(len(x))
        state, _ = lax.scan(step, (none - jnp.inf, none, none), starts(weights))
        log_sum = state[0] + jnp.log(state[1])
        return jnp.mean(log_sum - state[2]), (x, weights, labels, log_sum)

    def backward(kept: Any, given: Any) -> Any:
        x, weights, labels, log_sum = kept

        def step(carried: Any, start: Any) -> Any:
            of_x, of_weights = carried
            own, hit = read(weights, labels, start)
            slopes = (jnp.exp(x @ own - log_sum[:, None]) - hit) * (given / len(x))
            of_weights = lax.dynamic_update_slice_in_dim(of_weights, x.T @ slopes, start, 1)
            return (of_x + slopes @ own.T, of_weights), None

        zeros = jnp.zeros_like(x), jnp.zeros_like(weights)
        (of_x, of_weights), _ = lax.scan(step, zeros, starts(weights))
        return of_x, of_weights, np.zeros(labels.shape, jax.dtypes.float0)

    loss.defvjp(forward, backward)
    return loss


def attention(rows: int, block: int, causal: bool = False) -> Callable[..., Any]:
    """Return attention of arrays ``[..., n, d]`` by tiles, without those that are hidden."""

    def cut(x: Any, start: Any, size: int) -> Any:
        return lax.dynamic_slice_in_dim(x, start, size, x.ndim - 2)

    def put(x: Any, own: Any, start: Any) -> Any:
        return lax.dynamic_update_slice_in_dim(x, own, start, x.ndim - 2)

    def tiles(q: Any, k: Any) -> Any:
        every = [(i, j) for i in range(0, q.shape[-2], rows) for j in range(0, k.shape[-2], block)]
        return (*np.array([(i, j) for i, j in every if not causal or j < i + rows], np.int32).T,)

    def scores(q: Any, k: Any, i: Any, j: Any) -> Any:
        found = jnp.einsum("...qd,...kd->...qk", q, k) * q.shape[-1] ** -0.5
        if not causal:
            return found
        seen = i + jnp.arange(rows)[:, None] >= j + jnp.arange(block)
        return jnp.where(seen, found, -jnp.inf)

    @jax.custom_vjp
    def attend(q: Any, k: Any, v: Any) -> Any:
        return forward(q, k, v)[0]

    def forward(q: Any, k: Any, v: Any) -> Any:
        def step(state: Any, at: Any) -> Any:
            (greatest, total, out), (i, j) = state, at
            own = scores(cut(q, i, rows), cut(k, j, block), i, j)
            before = cut(greatest, i, rows)
            new = jnp.maximum(before, own.max(-1, keepdims=True))
            weights, kept = jnp.exp(own - new), jnp.exp(before - new)
            sums = cut(total, i, rows) * kept + weights.sum(-1, keepdims=True)
            mixed = cut(out, i, rows) * kept + weights @ cut(v, j, block)
            return (put(greatest, new, i), put(total, sums, i), put(out, mixed, i)), None

        none = jnp.zeros((*q.shape[:-1], 1))
        start = none - jnp.inf, none, jnp.zeros((*q.shape[:-1], v.shape[-1]))
        (greatest, total, out), _ = lax.scan(step, start, tiles(q, k))
        out = out / total
        return out, (q, k, v, out, greatest + jnp.log(total))

    def backward(kept: Any, given: Any) -> Any:
        q, k, v, out, log_sum = kept
        inner = (out * given).sum(-1, keepdims=True)

        def step(carried: Any, at: Any) -> Any:
            (of_q, of_k, of_v), (i, j) = carried, at
            (own_q, of_out), own_k = (cut(x, i, rows) for x in (q, given)), cut(k, j, block)
            weights = jnp.exp(scores(own_q, own_k, i, j) - cut(log_sum, i, rows))
            slopes = jnp.einsum("...qd,...kd->...qk", of_out, cut(v, j, block))
            slopes = weights * (slopes - cut(inner, i, rows)) * q.shape[-1] ** -0.5
            more_k, more_v = (
                jnp.einsum("...qk,...qd->...kd", a, b)
                for a, b in ((slopes, own_q), (weights, of_out))
            )
            return (
                put(of_q, cut(of_q, i, rows) + slopes @ own_k, i),
                put(of_k, cut(of_k, j, block) + more_k, j),
                put(of_v, cut(of_v, j, block) + more_v, j),
            ), None

        return lax.scan(step, (*map(jnp.zeros_like, (q, k, v)),), tiles(q, k))[0]

    attend.defvjp(forward, backward)
    return attend
