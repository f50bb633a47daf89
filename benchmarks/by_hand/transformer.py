"""Attention and a block of GPT-2, as written in JAX by hand, beside the gallery's circuits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from catlearn.arrays import Circuit, compose, embed, linear, norm, shift
from catlearn.zoo.architectures import attention, gpt2_layer


def unrolled(blocks: int) -> Circuit:
    """Return a GPT-2 of so many blocks, which are not stacked; one table is used twice."""
    layers = [gpt2_layer().named(str(k)) for k in range(blocks)]
    ends = embed("wte", "V -> m") >> shift("wpe", "c m", at="x")
    return compose(ends, *layers, norm("lnf", "[m]") >> linear("wte", "m -> V", transpose=True))


def mapped(params: Any, name: str, text: str, x: jax.Array) -> jax.Array:
    """Apply a linear map, and its bias if it has one."""
    made = jnp.einsum(text, x, params[name])
    return made + params[f"{name}.bias"] if f"{name}.bias" in params else made


def attend(params: Any, x: jax.Array) -> jax.Array:
    """Return masked attention by hand; parameters are those of the circuit."""
    q, k, v = (mapped(params, name, "xm,mhd->xhd", x) for name in "QKV")
    scores = jnp.einsum("xhd,yhd->hxy", q, k) * q.shape[-1] ** -0.5
    places = jnp.arange(x.shape[0])
    scores = jnp.where(places[:, None] >= places, scores, -jnp.inf)
    mixed = jnp.einsum("hxy,yhd->xhd", jax.nn.softmax(scores, axis=-1), v)
    return mapped(params, "O", "xhd,hdm->xm", mixed)


def normed(params: Any, name: str, x: jax.Array) -> jax.Array:
    """Return the normalisation over the last axis, with its gain and shift."""
    x = x - x.mean(axis=-1, keepdims=True)
    x = x * jax.lax.rsqrt(jnp.square(x).mean(axis=-1, keepdims=True) + 1e-5)
    return x * params[f"{name}.gain"] + params[f"{name}.shift"]


def gpt2_block(params: Any, x: jax.Array) -> jax.Array:
    """Return a block of GPT-2 by hand."""
    x = attend(params, normed(params, "ln1", x)) + x
    hidden = mapped(params, "up", "xm,mf->xf", normed(params, "ln2", x))
    return mapped(params, "down", "xf,fm->xm", jax.nn.gelu(hidden, approximate=True)) + x


CASES: dict[str, tuple[Callable[[], Circuit], Callable[[Any, jax.Array], jax.Array]]] = {
    "attention": (partial(attention, causal=True), attend),
    "block of GPT-2": (gpt2_layer, gpt2_block),
}
"""The circuit and the function by hand, by name."""
