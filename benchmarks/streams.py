"""Folds that are derived from circuits, against the circuits themselves: memory and time.

Both are of the gradient of the mean of squares of the outputs; memory is that of the compiled
program besides its inputs and outputs. Attention is also compared with
``jax.nn.dot_product_attention``, and what has a softmax with a loop that is written by hand, whose
rounds are formed again in the reverse pass. Losses of learning diagrams are compared with and
without ``streams="auto"``: a language model with a large vocabulary, and a large batch against
itself. Last, how long it takes to derive a fold.

    python benchmarks/streams.py [--quick] [--out table.md]
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import _measure
import jax
import jax.numpy as jnp

import catlearn as cl
from catlearn.arrays import (
    Circuit,
    cross_entropy,
    cumsum,
    einsum,
    exp,
    gelu,
    idle,
    linear,
    logsumexp,
    mean,
    softmax,
    square,
    traced,
    view,
    where,
)
from catlearn.streams import stream
from catlearn.zoo.architectures import gpt2_layer

COLUMNS = ("case", "block", "memory, naive / fold", "fold, MB", "time, fold / naive")

ATTENTION = (einsum("q d, x d -> q x", scale="d**-0.5") >> softmax("[x]")) @ idle >> einsum(
    "q x, x e -> q e"
)
CONTRASTIVE = einsum("b d, c d -> b c", scale=10.0) >> logsumexp("b [c] -> b") >> mean("[b] ->")
VOCABULARY = einsum("b d, v d -> b v") @ idle >> cross_entropy("b [v]") >> mean("[b] ->")
HIDDEN = (einsum("b m, m f -> b f") >> gelu()) @ idle >> einsum("b f, f o -> b o")
REGRESSION = (
    HIDDEN >> square >> einsum("b o -> b") >> mean("[b] ->")
)  # the mean over examples: gradient accumulation

LINEAR = (einsum("t d, s d -> t s") >> where("t s", "s <= t", outside=0.0)) @ idle >> einsum(
    "t s, s e -> t e"
)


@traced("t d", "t d", "t e", "t")
def gated(q: Any, k: Any, v: Any, a: Any) -> Any:
    """Return linear attention that forgets: with the N x N matrix of decays."""
    c = cumsum("[t]")(-square(a))
    gap = view("t -> t s", s="t")(c) - view("s -> t s", t="s")(c)
    decay = exp(where("t s", "s <= t")(gap))
    return einsum("t s, t s, s e -> t e")(einsum("t d, s d -> t s")(q, k), decay, v)


@traced("c n", "c n", "c", "n", "n")
def _round(h: Any, a: Any, x: Any, b: Any, c: Any) -> Any:
    h = exp(-exp(a)) * h + einsum("c, n -> c n")(x, b)
    return h, einsum("c n, n -> c")(h, c)


STATE_SPACE = _round.scan("t")  # naive: a loop over t that keeps each state for gradients

CASES: dict[str, tuple[Circuit, str, tuple[tuple[str, ...], ...], tuple[int, ...]]] = {
    "attention": (ATTENTION, "x", (("n", "d"),) * 3, (16, 64)),
    "cross-entropy": (VOCABULARY, "v", (("b", "d"), ("v", "d"), ("b",)), (64, 128)),
    "InfoNCE": (CONTRASTIVE, "c", (("c", "d"), ("c", "d")), (16, 64)),
    "hidden layer": (HIDDEN, "f", (("b", "m"), ("m", "f"), ("f", "m")), (128, 256)),
    "linear attention": (LINEAR, "t", (("t", "d"),) * 3, (64, 128)),
    "linear attention with decays": (gated, "t", (("t", "d"),) * 3 + (("t",),), (64, 128)),
    "state space": (
        STATE_SPACE,
        "t",
        (("d", "k"), ("t", "d", "k"), ("t", "d"), ("t", "k"), ("t", "k")),
        (16, 64),
    ),
    "mean over examples": (REGRESSION, "b", (("n", "m"), ("m", "m"), ("m", "m")), (256,)),
}
"""Circuits with the variable, the sizes of their inputs by name, and blocks."""

SIZES = {
    "n": 8192,
    "d": 64,
    "b": 1024,
    "v": 32768,
    "c": 4096,
    "m": 256,
    "f": 8192,
    "t": 4096,
    "k": 16,
}
SMALL = {"n": 256, "d": 8, "b": 32, "v": 512, "c": 128, "m": 16, "f": 256, "t": 256, "k": 4}


def inputs(shapes: Sequence[Sequence[str]], sizes: dict[str, int]) -> list[jax.Array]:
    """Return arrays; those of examples alone are labels."""
    keys = jax.random.split(jax.random.key(0), len(shapes))
    return [
        jax.random.normal(key, [sizes[one] for one in shape])
        if shape != ("b",)
        else jax.random.randint(key, [sizes[shape[0]]], 0, sizes["v"])
        for key, shape in zip(keys, shapes, strict=True)
    ]


def attention_by_hand(q: jax.Array, k: jax.Array, v: jax.Array, block: int = 64) -> jax.Array:
    """Return attention by a loop with checkpoints over blocks of keys and values."""

    def step(state: Any, one: Any) -> Any:
        greatest, total, out = state
        scores = (q @ one[0].T) / q.shape[1] ** 0.5
        new = jnp.maximum(greatest, scores.max(1))
        weights, kept = jnp.exp(scores - new[:, None]), jnp.exp(greatest - new)
        out = out * kept[:, None] + weights @ one[1]
        return (new, total * kept + weights.sum(1), out), None

    rows = q.shape[:1]
    first = jnp.full(rows, -jnp.inf), jnp.zeros(rows), jnp.zeros((*rows, v.shape[1]))
    blocks = [one.reshape(-1, min(block, len(one)), one.shape[1]) for one in (k, v)]
    (_, total, out), _ = jax.lax.scan(jax.checkpoint(step), first, blocks)
    return out / total[:, None]


def log_sum_by_hand(
    e: jax.Array, w: jax.Array, labels: jax.Array | None = None, *, block: int, scale: float = 1.0
) -> jax.Array:
    """Return a mean of log-sum-exp, less scores of labels, by a loop with checkpoints."""

    def step(state: Any, one: jax.Array) -> Any:
        greatest, total = state
        scores = scale * (e @ one.T)
        new = jnp.maximum(greatest, scores.max(1))
        more = jnp.exp(scores - new[:, None]).sum(1)
        return (new, total * jnp.exp(greatest - new) + more), None

    first = jnp.full(len(e), -jnp.inf), jnp.zeros(len(e))
    blocks = w.reshape(-1, min(block, len(w)), w.shape[1])
    (greatest, total), _ = jax.lax.scan(jax.checkpoint(step), first, blocks)
    right = 0.0 if labels is None else scale * jnp.sum(e * w[labels], 1)
    return jnp.mean(greatest + jnp.log(total) - right)


BY_HAND: dict[str, Callable[..., Any]] = {
    "attention": attention_by_hand,
    "cross-entropy": partial(log_sum_by_hand, block=128),
    "InfoNCE": partial(log_sum_by_hand, block=64, scale=10.0),
}


def called(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function without parameters as one of arrays."""
    return lambda *arrays: fn({}, *arrays)


def loss(fn: Callable[..., Any], arrays: list[jax.Array]) -> Any:
    """Return a loss of the arrays that are real, and these."""
    real = [one for one in arrays if jnp.issubdtype(one.dtype, jnp.floating)]

    def total(real: list[jax.Array]) -> Any:
        made = jax.tree.leaves(fn(*real, *arrays[len(real) :]))
        return sum(jnp.mean(jnp.square(one)) for one in made), None

    return total, (real,)


def language(sizes: dict[str, int]) -> cl.LearningDiagram:
    """Return the square of a language model, whose last map is on an edge."""
    X, F, W = cl.Space("X", sizes["d"]), cl.Space("F", sizes["d"]), cl.Categorical("W", sizes["v"])
    trunk = cl.Model("trunk", X, F, linear("up", "m -> f") >> gelu() >> linear("down", "f -> k"),
                     f=2 * sizes["d"])  # fmt: skip
    head = cl.Model("head", F, W, linear("E", "k -> v"))
    text = cl.Dataset("text", X=X, Y=W)
    return cl.LearningDiagram(
        text, trunk, head, equations={"fit": "text.X >> trunk >> head = text.Y"}
    )


def contrastive(sizes: dict[str, int]) -> cl.LearningDiagram:
    """Return two encoders of pairs, which find each other in their batch."""
    X, F = cl.Space("X", sizes["d"]), cl.Space("F", sizes["d"])
    left, right = (cl.Model(name, X, F, linear("A", "m -> k")) for name in ("left", "right"))
    fit = cl.Equation("text.X >> left = text.Y >> right", divergence="info_nce")
    return cl.LearningDiagram(cl.Dataset("text", X=X, Y=X), left, right, equations={"fit": fit})


LOSSES = {"a language model": (language, "b"), "pairs in a batch": (contrastive, "c")}
"""Learning diagrams, and the size of their batches by name."""


def streamed_loss(
    diagram: cl.LearningDiagram, sizes: dict[str, int], examples: int
) -> dict[str, tuple[Callable[..., Any], tuple[Any]]]:
    """Return a loss as it is, and streamed, as functions of parameters."""
    keys = jax.random.split(jax.random.key(0))
    columns: dict[str, jax.Array] = {"X": jax.random.normal(keys[0], (examples, sizes["d"]))}
    labels = "W" in diagram.vertices
    columns["Y"] = (
        jax.random.randint(keys[1], (examples,), 0, sizes["v"])
        if labels else jax.random.normal(keys[1], (examples, sizes["d"]))
    )  # fmt: skip
    found = {}
    for name in ("naive", "auto"):
        fn = cl.lower(diagram.loss(), streams=None if name == "naive" else name)
        params, state = fn.init(jax.random.key(1))

        def total(params: Any, fn: Any = fn, state: Any = state) -> Any:
            return fn(params, state, {"text": columns})[0], None

        found[name] = total, (params,)
    return found


def temporary(found: _measure.Compared) -> dict[str, float]:
    """Return the megabytes that each program holds besides its inputs and outputs."""
    programs = found.programs.items()
    return {key: one.memory_analysis().temp_size_in_bytes / 1e6 for key, one in programs}


def derived(circuit: Circuit, variable: str, rounds: int) -> float:
    """Return the median of the seconds in which a fold is derived."""
    took = []
    for _ in range(rounds):
        start = time.perf_counter()
        stream(circuit, variable)
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def main() -> None:
    """Measure, print, and write the table if asked to."""
    options = _measure.parser(__doc__, "few rounds, small sizes").parse_args()
    counts = (2, 1, 0) if options.quick else (9, 1, 1)
    sizes = SMALL if options.quick else SIZES
    table = _measure.Table(COLUMNS, f"Gradients, {_measure.device()}.", options=options)
    for name, (circuit, variable, shapes, blocks) in CASES.items():
        arrays, fold = inputs(shapes, sizes), stream(circuit, variable)
        runs = {"naive": called(cl.lower(circuit))}
        runs |= {str(block): called(cl.lower(fold, block=block)) for block in blocks}
        if name == "attention":
            runs["jax"] = lambda q, k, v: jax.nn.dot_product_attention(
                *(one[:, None, :] for one in (q, k, v))
            )[:, 0, :]
        if name in BY_HAND:
            runs["by hand"] = BY_HAND[name]
        found = _measure.compare({key: loss(run, arrays) for key, run in runs.items()}, *counts)
        held = temporary(found)
        for key in [key for key in runs if key != "naive"]:
            others = {"jax": "jax.nn.dot_product_attention", "by hand": f"{name}, by hand"}
            table.row((
                others.get(key, name), "" if key in others else key,
                f"{held['naive'] / held[key]:.1f}",
                f"{held[key]:.2f}", str(_measure.ratio(found.running, key, "naive")),
            ))  # fmt: skip
    for name, (made, count) in LOSSES.items():
        losses = streamed_loss(made(sizes), sizes, sizes[count])
        found = _measure.compare(losses, *counts)
        held = temporary(found)
        table.row((
            f"the loss of {name}", "auto", f"{held['naive'] / held['auto']:.1f}",
            f"{held['auto']:.2f}", str(_measure.ratio(found.running, "auto", "naive")),
        ))  # fmt: skip
    rounds = 2 if options.quick else 9
    took = {"attention": derived(ATTENTION, "x", rounds), "a block of GPT-2": derived(
        gpt2_layer(), "y", rounds
    )}  # fmt: skip
    table.below("Derived: " + ", ".join(f"{k} {1e3 * s:.0f} ms" for k, s in took.items()) + ".")
    table.write(options.out)


if __name__ == "__main__":
    main()
