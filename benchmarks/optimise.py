"""Optimised functions against the functions themselves: memory, time and compilation of gradients.

The gradient is that of the mean of squares of the result, by all real arrays; memory is that of the
compiled program besides its inputs and outputs. Compiling is all that comes before the first run,
tracing, lowering and XLA's part, in seconds of the processor, in turns; *by hand* it is that of a
program with the same blocks and a reverse pass of its own, as an expert writes it, where there is
one. Attentions of equinox, flax and nnx are measured where these are installed.

    python benchmarks/optimise.py [--quick] [--only NAME ...] [--out table.md]
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from typing import Any

import _measure
import jax
import jax.numpy as jnp
import numpy as np
import optax
from by_hand import streamed

import catlearn as cl

COLUMNS = (
    "function", "streamed", "memory, before / after", "after, MB", "time, after / before",
    "compiling, after / before", "compiling, by hand / before", "planning, s", "difference",
)  # fmt: skip

Case = tuple[Callable[..., Any], tuple[Any, ...]]


def normal(seed: int, *shape: int, scale: float = 1.0) -> Any:
    """Return random numbers."""
    return jax.random.normal(jax.random.key(seed), shape) * scale


def cross_entropy(size: int) -> Case:
    """Optax's loss of integer labels over a vocabulary of 32 times as many as examples."""

    def loss(x: Any, weights: Any, labels: Any) -> Any:
        found = optax.softmax_cross_entropy_with_integer_labels(x @ weights, labels)
        return found.mean()

    labels = jax.random.randint(jax.random.key(2), (size,), 0, 32 * size)
    return loss, (normal(0, size, 64), normal(1, 64, 32 * size, scale=0.1), labels)


def causal(size: int) -> Case:
    """A causal attention as users write it."""

    def attention(q: Any, k: Any, v: Any) -> Any:
        scores = jnp.einsum("qd,xd->qx", q, k) / np.sqrt(q.shape[-1])
        scores = jnp.where(jnp.tril(jnp.ones(scores.shape, bool)), scores, -jnp.inf)
        return jax.nn.softmax(scores) @ v

    return attention, tuple(normal(k, 4 * size, 64) for k in range(3))


def jax_nn(size: int) -> Case:
    """Attention of ``jax.nn``, causal, 4 heads."""
    attend = jax.nn.dot_product_attention
    given = tuple(normal(k, 1, 2 * size, 4, 64) for k in range(3))
    return lambda q, k, v: attend(q, k, v, is_causal=True), given


def equinox(size: int) -> Case:
    """Equinox's attention of 4 heads."""
    import equinox as eqx

    own, rest = eqx.partition(eqx.nn.MultiheadAttention(4, 64, key=jax.random.key(1)), eqx.is_array)
    return lambda own, x: eqx.combine(own, rest)(x, x, x), (own, normal(0, 2 * size, 64))


def linen(size: int) -> Case:
    """Flax's attention of 4 heads."""
    from flax import linen as nn

    layer, x = nn.MultiHeadDotProductAttention(4), normal(0, 2 * size, 64)
    return layer.apply, (layer.init(jax.random.key(1), x), x)


def nnx(size: int) -> Case:
    """Attention of 4 heads of flax's nnx."""
    from flax import nnx

    layer = nnx.MultiHeadAttention(4, 64, decode=False, rngs=nnx.Rngs(0))
    graph, own = nnx.split(layer)
    return lambda own, x: nnx.merge(graph, own)(x), (own, normal(0, 2 * size, 64))


def gpt2(size: int) -> Case:
    """A GPT-2 of 4 layers and a vocabulary of 8 times as many as tokens, batches of 2."""
    width, heads, tokens, words = 256, 4, 2 * size, 8 * size

    def norm(own: Any, x: Any) -> Any:
        x = x - x.mean(-1, keepdims=True)
        return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5) * own[0] + own[1]

    def layer(own: Any, x: Any) -> Any:
        h = norm(own["norm"], x)
        q, k, v = (jnp.einsum("bnm,mhd->bnhd", h, own[name]) for name in "qkv")
        scores = jnp.einsum("bqhd,bxhd->bhqx", q, k) / np.sqrt(q.shape[-1])
        scores = jnp.where(jnp.tril(jnp.ones((tokens, tokens), bool)), scores, -1e30)
        mixed = jnp.einsum("bhqx,bxhd->bqhd", jax.nn.softmax(scores), v)
        x = x + jnp.einsum("bqhd,hdm->bqm", mixed, own["o"])
        return x + jax.nn.gelu(norm(own["second"], x) @ own["up"]) @ own["down"]

    def loss(own: Any, text: Any) -> Any:
        x = own["words"][text[:, :-1]] + own["places"]
        for one in own["layers"]:
            x = layer(one, x)
        scores = norm(own["norm"], x) @ own["words"].T
        found = optax.softmax_cross_entropy_with_integer_labels(scores, text[:, 1:])
        return found.mean()

    def some(seed: int, **shapes: tuple[int, ...]) -> dict[str, Any]:
        names = enumerate(shapes.items())
        return {name: normal(seed + k, *shape, scale=0.02) for k, (name, shape) in names}

    ones = jnp.ones(width), jnp.zeros(width)
    inner = (width, heads, width // heads)
    layers = [
        some(10 * k, q=inner, k=inner, v=inner, o=inner[1:] + inner[:1], up=(width, 4 * width),
             down=(4 * width, width)) | {"norm": ones, "second": ones}
        for k in range(4)
    ]  # fmt: skip
    own = some(99, words=(words, width), places=(tokens, width)) | {"norm": ones, "layers": layers}
    return loss, (own, jax.random.randint(jax.random.key(5), (2, tokens + 1), 0, words))


def perceptron(size: int) -> Case:
    """What has no large array: it is left alone."""
    weights = normal(0, 256, 256, scale=0.1), normal(1, 256, 256, scale=0.1)
    return lambda own, x: jnp.tanh(x @ own[0]) @ own[1], (weights, normal(2, size, 256))


CASES: dict[str, tuple[Callable[[int], Case], str]] = {
    "optax cross-entropy": (cross_entropy, "optax"),
    "causal attention": (causal, "jax"),
    "jax.nn attention": (jax_nn, "jax"),
    "equinox attention": (equinox, "equinox"),
    "flax attention": (linen, "flax"),
    "nnx attention": (nnx, "flax"),
    "GPT-2, 4 layers": (gpt2, "optax"),
    "perceptron": (perceptron, "jax"),
}
"""What is measured, and the library that it needs."""


def equinox_by_hand(size: int) -> Callable[..., Any]:
    """Return equinox's attention with its products formed in tiles."""
    import equinox as eqx

    layer = eqx.nn.MultiheadAttention(4, 64, key=jax.random.key(1))
    attend, rest = streamed.attention(min(32, 2 * size), min(1024, 2 * size)), layer

    def heads(linear: Any, x: Any) -> Any:
        return jnp.moveaxis(jax.vmap(linear)(x).reshape(len(x), 4, -1), 1, 0)

    def run(own: Any, x: Any) -> Any:
        layer = eqx.combine(own, rest)
        maps = layer.query_proj, layer.key_proj, layer.value_proj
        made = attend(*(heads(one, x) for one in maps))
        return jax.vmap(layer.output_proj)(jnp.moveaxis(made, 0, 1).reshape(len(x), -1))

    return run


BY_HAND: dict[str, Callable[[int], Callable[..., Any]]] = {
    "optax cross-entropy": lambda size: streamed.cross_entropy(),
    "causal attention": lambda size: streamed.attention(*(min(512, 4 * size),) * 2, causal=True),
    "equinox attention": equinox_by_hand,
}
"""The same functions in blocks of the sizes that are planned, by hand."""


def gradient_of(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return the gradient of the mean of squares of a result, by all real arrays."""

    def total(real: Any, leaves: Any, tree: Any) -> Any:
        left = iter(real)
        own = [next(left) if jnp.issubdtype(one.dtype, jnp.floating) else one for one in leaves]
        found = jax.tree.leaves(fn(*jax.tree.unflatten(tree, own)))
        return sum(jnp.square(one).mean() for one in found)

    def gradient(*arguments: Any) -> Any:
        leaves, tree = jax.tree.flatten(arguments)
        real = [one for one in leaves if jnp.issubdtype(one.dtype, jnp.floating)]
        return jax.grad(total)(real, leaves, tree)

    return gradient


def measured(name: str, size: int, rounds: int) -> tuple[Any, ...]:
    """Return the row of a function."""
    fn, arguments = CASES[name][0](size)
    fast = cl.optimise(fn)
    start = time.perf_counter()
    plan = fast.plan(*arguments)
    planning = time.perf_counter() - start
    fns = {"before": fn, "after": fast}
    if name in BY_HAND:
        fns["by hand"] = BY_HAND[name](size)
    made: dict[str, Any] = {}

    def compilation(key: str) -> Callable[[], None]:
        def compile() -> None:
            jax.clear_caches()
            made[key] = jax.jit(gradient_of(fns[key])).lower(*arguments).compile()

        return compile

    compilations = {key: compilation(key) for key in fns}
    took = _measure.in_turns(compilations, 1 + rounds // 2, clock=time.process_time)
    took = {key: found[1:] or found for key, found in took.items()}  # the first round warms up
    compiling = {key: str(_measure.ratio(took, key, "before")) for key in fns}
    held = {key: one.memory_analysis().temp_size_in_bytes for key, one in made.items()}
    before, *others = (made[key](*arguments) for key in fns)
    scale = max(float(jnp.abs(one).max()) for one in before)
    gaps = [max(float(jnp.abs(a - b).max()) / scale for a, b in zip(before, one, strict=True))
            for one in others]  # fmt: skip
    if max(gaps) > 1e-4:
        raise ArithmeticError(f"{name}: gradients differ by {max(gaps):.0e}")
    calls = {
        key: (lambda one=made[key]: jax.block_until_ready(one(*arguments)))
        for key in ("before", "after")
    }
    times = _measure.in_turns(calls, rounds, settle=True)
    passes = str(len(plan.streams.streamed)) if plan.streams.streamed else "left alone"
    return (
        name, passes, f"{held['before'] / max(held['after'], 1):.1f}",
        f"{held['after'] / 1e6:.2f}", str(_measure.ratio(times, "after", "before")),
        compiling["after"], compiling.get("by hand", ""), f"{planning:.2f}", f"{gaps[0]:.0e}",
    )  # fmt: skip


def main() -> None:
    """Measure, print, and write the table if asked to."""
    options = _measure.parser(__doc__, "short arrays, once")
    options.add_argument("--only", nargs="*", help="what is measured; all unless said")
    chosen = options.parse_args()
    size, rounds = (128, 1) if chosen.quick else (1024, 9)
    table = _measure.Table(COLUMNS, f"Gradients, {_measure.device()}.", options=chosen)
    for name in chosen.only or CASES:
        _, library = CASES[name]
        if importlib.util.find_spec(library) is None:
            print(f"{name}: {library} is not installed")
            continue
        table.row(measured(name, size, rounds))
    table.write(chosen.out)


if __name__ == "__main__":
    main()
