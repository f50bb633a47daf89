"""Blocks that a mask hides are skipped where they add nothing, and computed elsewhere."""

from collections import Counter
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import einsum, idle, softmax, traced, where
from catlearn.lowering import pallas, streamed, to_pallas, to_source
from catlearn.streams import stream
from tests.streams.programs import apart, arrays, both

HIDDEN, FINITE = float("-inf"), -1e30
CAUSAL, WINDOW = "x <= q", "x <= q, q - x < 8"


@traced("n d")
def alone(x):
    scores = where("q x", "x <= q")(einsum("q d, x d -> q x")(x, x))
    return einsum("q x, x e -> q e")(softmax("[x]")(scores), x)


def masked(conditions, fill):
    scores = einsum("q d, x d -> q x") >> where("q x", conditions, outside=fill)
    return (scores >> softmax("[x]")) @ idle >> einsum("q x, x e -> q e")


@pytest.fixture
def computed(monkeypatch):
    """How many blocks are computed, by the circuit that they run."""
    found, part = Counter[str](), streamed.FoldRun.part

    def counted(self, name, given, block=0):
        if name in ("lift", "step", "terms"):
            jax.debug.callback(lambda *_: found.update([name]))
        return part(self, name, given, block)

    monkeypatch.setattr(streamed.FoldRun, "part", counted)
    return found


def in_blocks(circuit, xs, block):
    """Return an output by blocks of both axes, and whether it and gradients are the circuit's."""
    fn = cl.lower(stream(circuit, "x"), block=block, group={"q": block})
    made = both(fn, xs)
    jax.effects_barrier()
    return made[1], apart(made, both(cl.lower(circuit), xs)) < 1e-5


CASES = {
    "causal": (CAUSAL, HIDDEN, 128, 528, 528),
    "causal, finite": (CAUSAL, FINITE, 128, 528, 528),
    "window": (WINDOW, HIDDEN, 128, 93, 93),
    # rows have no open entry before their window, and have one in the end
    "window, finite": (WINDOW, FINITE, 128, 93, 93),
    # no block is without an entry that counts: exp(0 - max) is not 0
    "causal, zero": (CAUSAL, 0.0, 32, 64, 64),
}
"""Conditions, fill, size, and how many blocks of 4 by 4 the passes there and back compute."""


@pytest.mark.parametrize("name", CASES)
def test_hidden_blocks_are_skipped_where_they_add_nothing(name, computed):
    conditions, fill, size, there, back = CASES[name]
    assert in_blocks(masked(conditions, fill), arrays([(size, 2)] * 3), 4)[1]
    assert computed["lift"] + computed["step"] == there
    assert computed["terms"] == back


def test_examples_of_a_map_skip_what_is_hidden_in_all(computed):
    circuit, xs = masked(WINDOW, FINITE), arrays([(3, 64, 2)] * 3)
    fn = cl.lower(stream(circuit, "x"), block=4, group={"q": 4})
    made, want = (jax.vmap(jax.grad(lambda q, k, v, one=one: jnp.sum(one({}, q, k, v) ** 2)))(*xs)
                  for one in (fn, cl.lower(circuit)))  # fmt: skip
    jax.effects_barrier()
    assert apart(made, want) < 1e-5
    assert computed["step"] == computed["terms"] == 45


def test_what_arrays_of_booleans_hide_is_skipped(computed):
    @traced("q x", "q x", "x e", types=["B"])
    def circuit(open, s, v):
        return einsum("q x, x e -> q e")(softmax("[x]")(where("q x")(open, s)), v)

    segments = np.repeat(np.arange(4), 4)
    s, v = arrays([(16, 16), (16, 3)])
    fn = cl.lower(stream(circuit, "x"), block=4, group={"q": 4})
    open = jnp.asarray(segments[:, None] == segments)
    made = jax.jit(fn)({}, open, s, v)
    jax.effects_barrier()
    assert apart(made, cl.lower(circuit)({}, open, s, v)) < 1e-5
    assert computed["lift"] + computed["step"] == 4


LEFT_OUT = {
    "checkpoint": lambda fold: cl.lower(fold, block=4, group={"q": 4}, reverse="checkpoint"),
    "kernel": lambda fold: to_pallas(fold, {"q": 4, "x": 4}, interpret=True, inside=True),
    "grid": lambda fold: to_pallas(fold, {"q": 4, "x": 4}, interpret=True, inside=False),
    "text": lambda fold: as_text(fold, "x", 4, {"q": 4}),
}
"""What runs a fold otherwise, by blocks of 4 by 4."""


def as_text(fold, variable, block, group):
    """Return what the text of a fold is, at the sizes of arrays, as other functions are called."""

    def run(params, *xs):
        own, space = stream(fold.circuit.at_dom(*(x.shape for x in xs)), variable), {}
        exec(to_source(own, block=block, group=group), space)
        return space["fold"](*xs)[0]

    return run


def blocks_of(fn, q, k, v):
    """Count the blocks of 4 by 4 that are computed: what is no number in them is in rows then."""

    def rows(block):
        hidden = jnp.where(jnp.arange(len(v))[:, None] // 4 == block, jnp.nan, v)
        return jnp.isnan(fn({}, q, k, hidden)).any(1).reshape(-1, 4).any(1)

    return int(jax.jit(jax.vmap(rows))(jnp.arange(len(v) // 4)).sum())


@pytest.mark.parametrize("name", LEFT_OUT)
def test_the_same_blocks_are_left_out_wherever_a_fold_runs(name, mutants, monkeypatch):
    circuit, xs = masked(WINDOW, FINITE), arrays([(32, 2)] * 3)
    fn = LEFT_OUT[name](stream(circuit, "x"))
    assert blocks_of(fn, *xs) == 8 + 7 + 6
    assert apart(both(fn, xs), both(cl.lower(circuit), xs)) < 1e-5
    other = LEFT_OUT[name](stream(masked("x < q", FINITE), "x"))
    # the first rows have no open entry: their blocks come last, or kernels run over all
    assert blocks_of(other, *xs) == (36 + 7 if name in ("checkpoint", "text") else 64)
    with mutants("streams: fills of hidden blocks count for nothing wherever a fold runs"):
        skips = streamed.skips
        for module in (streamed, pallas):  # texts ask the former
            monkeypatch.setattr(module, "skips", lambda *of: [
                replace(one, vanishing=(), below=()) for one in skips(*of)
            ])  # fmt: skip
        other = LEFT_OUT[name](stream(masked("x < q", FINITE), "x"))
        assert blocks_of(other, *xs) == 36


def test_self_attention_is_made_in_blocks_of_rows():
    """Its rows and columns are one axis: others than those of a block are read, too."""
    xs = arrays([(12, 2)])
    fn = cl.lower(stream(alone, "x"), block=5, group={"q": 4})
    assert apart(both(fn, xs), both(cl.lower(alone), xs)) < 1e-5


def test_a_row_without_an_open_entry_is_the_mean_of_all():
    xs = arrays([(16, 2), (16, 2), (16, 3)])
    made, same = in_blocks(masked("x < q", FINITE), xs, 4)
    assert same
    assert np.allclose(made[0], xs[2].mean(0), atol=1e-6)


def test_blocks_may_not_be_skipped_at_any_fill(mutants, monkeypatch):
    skips = streamed.skips
    with mutants("streams: hidden blocks are skipped at any fill"):
        monkeypatch.setattr(streamed, "skips", lambda fold: [
            replace(one, vanishing=(), below=()) for one in skips(fold)
        ])  # fmt: skip
        assert not in_blocks(masked("x < q", FINITE), arrays([(16, 2), (16, 2), (16, 3)]), 4)[1]
