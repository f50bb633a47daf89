"""Folds at tiles: the numbers and gradients of the circuit, without the tiles that a mask hides."""

from collections import Counter
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import add, einsum, softmax, traced, where
from catlearn.lowering import streamed
from catlearn.lowering.streamed import differentiable
from catlearn.lowering.tiled import TiledRun
from catlearn.models import LoweredCircuit
from catlearn.streams import StreamRefused, stream, tiles
from tests.streams.programs import apart, arrays, both
from tests.streams.test_skipping import CAUSAL, FINITE, HIDDEN, WINDOW, alone, masked


def at_tiles(circuit, rows, block, *shapes):
    """Return a circuit as a function that reads tiles of q and of x, and how many it visits."""
    fold = stream(circuit, "x")
    (axis,) = tiles.beside(fold)
    sizes = LoweredCircuit(fold.circuit).sizes(shapes)
    run = TiledRun(tiles.tiled(fold, axis), sizes, rows, block)
    made = differentiable(run)
    return (lambda params, *xs: made(*xs)[0]), run


@pytest.fixture
def computed(monkeypatch):
    """How many tiles are computed, by the circuit that they run."""
    found, part = Counter[str](), TiledRun.at_tile

    def counted(self, name, given):
        if name != "references":
            shown = "terms" if name == "terms" else "step"
            jax.debug.callback(lambda *_: found.update([shown]))
        return part(self, name, given)

    monkeypatch.setattr(TiledRun, "at_tile", counted)
    return found


CASES = {
    "causal": (CAUSAL, HIDDEN, 64, 136, 136),
    "causal, finite": (CAUSAL, FINITE, 64, 136, 136),
    "window": (WINDOW, HIDDEN, 64, 45, 45),
    # rows have no open entry before their window, and have one in the end
    "window, finite": (WINDOW, FINITE, 64, 45, 45),
    # no tile is without an entry that counts: exp(0 - max) is not 0
    "causal, zero": (CAUSAL, 0.0, 32, 64, 64),
}
"""Conditions, fill, size, and how many tiles of 4 by 4 the passes there and back compute."""


@pytest.mark.parametrize("name", CASES)
def test_tiles_that_are_hidden_are_left_out_where_they_add_nothing(name, computed, monkeypatch):
    monkeypatch.setattr(streamed, "SEVERAL", 1)  # sums are compensated
    monkeypatch.setattr(streamed, "SMALL", 0)
    conditions, fill, size, there, back = CASES[name]
    circuit, xs = masked(conditions, fill), arrays([(size, 2)] * 3)
    fn, _ = at_tiles(circuit, 4, 4, *(one.shape for one in xs))
    made = both(fn, xs)
    jax.effects_barrier()
    assert apart(made, both(cl.lower(circuit), xs)) < 1e-5
    assert (computed["step"], computed["terms"]) == (there, back)


def test_a_fill_that_may_add_something_is_asked_of_numbers(mutants, monkeypatch):
    circuit, xs = masked("x <= q", 0.0), arrays([(16, 2)] * 3)
    shapes = [one.shape for one in xs]
    expected = both(cl.lower(circuit), xs)
    assert apart(both(at_tiles(circuit, 4, 8, *shapes)[0], xs), expected) < 1e-5
    with mutants("tiles: what a mask hides adds nothing, whatever its fill is"):
        skips = tiles.skips
        monkeypatch.setattr(tiles, "skips", lambda *of: [
            replace(one, vanishing=(), below=()) for one in skips(*of)
        ])  # fmt: skip
        assert apart(both(at_tiles(circuit, 4, 8, *shapes)[0], xs), expected) > 1e-2


def test_a_tile_is_visited_if_its_last_corner_is_open(mutants, monkeypatch):
    circuit, xs = masked("x <= q", float("-inf")), arrays([(16, 2)] * 3)
    shapes = [one.shape for one in xs]
    fn, run = at_tiles(circuit, 4, 8, *shapes)
    visited = run.tiled.visited(run.sizes, 4, 8).tolist()
    assert visited == [[0, 0], [4, 0], [8, 0], [8, 8], [12, 0], [12, 8]]
    expected = both(cl.lower(circuit), xs)
    assert apart(both(fn, xs), expected) < 1e-5
    with mutants("tiles: bounds are those of first indices"):
        greatest = tiles.Skip.greatest
        monkeypatch.setattr(tiles.Skip, "greatest", lambda self, sizes, ends: greatest(
            self, sizes, lambda place: (ends(place)[0], ends(place)[0])))  # fmt: skip
        other, _ = at_tiles(circuit, 8, 4, *shapes)
        assert apart(both(other, xs), expected) > 1e-2


@traced("q d", "x d", "q x", "x e")
def biased(q, k, bias, v):
    scores = add(einsum("q d, x d -> q x")(q, k), bias)
    return einsum("q x, x e -> q e")(softmax("[x]")(where("q x", "x <= q")(scores)), v)


@pytest.mark.parametrize(("circuit", "shapes"), [
    (biased, [(8, 2), (12, 2), (8, 12), (12, 3)]), (alone, [(12, 2)]),
])  # fmt: skip
def test_what_is_read_at_both_axes_is_cut_at_both(circuit, shapes):
    xs = arrays(shapes)
    fn, _ = at_tiles(circuit, 4, 4, *shapes)
    assert apart(both(fn, xs), both(cl.lower(circuit), xs)) < 1e-5

    def curvature(fn):
        slope = jax.grad(lambda x: jnp.sin(fn({}, x, *xs[1:])).sum())
        return jax.jit(jax.grad(lambda x: jnp.vdot(slope(x), xs[0])))(xs[0])

    assert apart(curvature(fn), curvature(cl.lower(circuit))) < 1e-4


def test_arrays_of_booleans_hide_tiles_when_there_are_numbers(computed):
    @traced("q x", "q x", "x e", types=["B"])
    def circuit(open, s, v):
        s = where("q x", "x <= q")(where("q x")(open, s))
        return einsum("q x, x e -> q e")(softmax("[x]")(s), v)

    segments = np.repeat(np.arange(4), 4)
    s, v = arrays([(16, 16), (16, 3)])
    open = jnp.asarray(segments[:, None] == segments)
    fn, run = at_tiles(circuit, 4, 4, open.shape, s.shape, v.shape)
    made = jax.jit(fn)({}, open, s, v)
    jax.effects_barrier()
    assert apart(made, cl.lower(circuit)({}, open, s, v)) < 1e-5
    assert len(run.tiled.visited(run.sizes, 4, 4)) == 10
    assert computed["step"] == 4


@pytest.mark.parametrize("fill", [FINITE, 0.0])
def test_what_arrays_of_booleans_hide_at_a_finite_fill_comes_last(fill, computed):
    """A row without an open entry has the mean of all, and its tiles alone are computed again."""

    @traced("q x", "q x", "x e", types=["B"])
    def circuit(open, s, v):
        return einsum("q x, x e -> q e")(softmax("[x]")(where("q x", outside=fill)(open, s)), v)

    segments = np.repeat(np.arange(4), 4)
    s, v = arrays([(16, 16), (16, 3)])
    open = jnp.asarray((segments[:, None] == segments) & (segments[:, None] != 2))
    fn, _ = at_tiles(circuit, 4, 4, open.shape, s.shape, v.shape)
    made = jax.jit(fn)({}, open, s, v)
    jax.effects_barrier()
    assert apart(made, cl.lower(circuit)({}, open, s, v)) < 1e-5
    assert computed["step"] == (3 + 4 if fill == FINITE else 16)


def test_what_has_no_tiles_says_why():
    fold = stream(where("q x", "x <= q", outside=0.0) >> einsum("q x -> "), "x")
    H = fold.circuit.apex
    (axis,) = (one for one in range(H.size("Axis")) if H.called(one) == "q")
    assert tiles.beside(fold) == []
    with pytest.raises(StreamRefused, match="axis q"):
        tiles.tiled(fold, axis)
