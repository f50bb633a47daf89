"""Rounding: a fold in float32 is at most twice as wrong as its circuit, there and back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import (
    cross_entropy,
    cumsum,
    einsum,
    idle,
    logsumexp,
    mean,
    reciprocal,
    softmax,
    sqrt,
    square,
    tanh,
    traced,
    view,
    where,
)
from catlearn.lowering import streamed
from catlearn.models import circuits
from catlearn.streams import deriving, stream
from catlearn.streams.normal import Rewriting
from tests.streams.programs import layer_linear, variance
from tests.streams.test_folds import arrays


@pytest.fixture(autouse=True)
def _optimised():
    """Let programs be compiled as they are elsewhere: products and sums are contracted."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    with jax.enable_x64(True):
        yield
    jax.config.update("jax_disable_most_optimizations", before)


@traced("b n")
def variances(x):
    mu = mean("b [n] -> b")(x)
    return mean("b [n] -> b")(square(x - view("b -> b n")(mu))), mu


@traced("b d", "d", "d o")
def rms_linear(x, g, w):
    r = reciprocal(sqrt(mean("b [d] -> b")(square(x))))
    return einsum("b d, d o -> b o")(einsum("b d, b, d -> b d")(x, r, g), w)


@traced("b n", "b")
def means(x, shift):
    return mean("b [n] -> b")(tanh(x + view("b -> b n")(shift)))


@traced("b n", "b n")
def weighted(w, x):
    p = softmax("[n]")(w)
    mu = einsum("b n, b n -> b")(p, x)
    return einsum("b n, b n -> b")(p, square(x - view("b -> b n")(mu))), mu


@traced("b x", "b")
def tempered(s, t):
    return logsumexp("b [x] -> b")(einsum("b x, b -> b x")(s, t))


@traced("q d", "x d", "x", "x e")
def biased(q, k, bias, v):
    s = einsum("q d, x d -> q x", scale="d**-0.5")(q, k) + view("x -> q x")(bias)
    return einsum("q x, x e -> q e")(softmax("[x]")(s), v)


@traced("h q x", "h", "h x e")
def heads(s, t, v):
    weights = softmax("[x]")(einsum("h q x, h -> h q x")(s, t))
    return einsum("h q x, h x e -> h q e")(weights, v)


@traced("q x", "", "x e")
def by_one(s, t, v):
    return einsum("q x, x e -> q e")(softmax("[x]")(einsum("q x, -> q x")(s, t)), v)


CONTRASTIVE = einsum("b d, c d -> b c", scale=10.0) >> logsumexp("b [c] -> b")
LABELLED = einsum("b d, v d -> b v") @ idle >> cross_entropy("b [v]")
LINEAR = (einsum("t d, s d -> t s") >> where("t s", "s <= t", outside=0.0)) @ idle >> einsum(
    "t s, s e -> t e"
)
COSTS = (
    (einsum("b m, m f -> b f") >> tanh) @ idle
    >> einsum("b f, f o -> b o")
    >> square
    >> einsum("b o -> b")
    >> mean("[b] ->")
)
NORM, FAR = [(16, 1024), (1024,), (1024, 8)], (0, 10, 1e4)
CASES = {
    "means": (means, "n", 16, [(16, 2048), (16,)], 0, (0, 1)),
    "mean of costs": (COSTS, "b", 16, [(16384, 8), (8, 8), (8, 4)], 0, (0,)),
    "variances": (variances, "n", 16, [(4, 65536)], 0, FAR),
    "weighted variances": (weighted, "n", 16, [(16, 2048), (16, 2048)], 1, FAR),
    "layer norm and linear": (layer_linear, "d", 16, NORM, 0, FAR),
    "RMS norm and linear": (rms_linear, "d", 16, NORM, 0, FAR),
    "attention": (biased, "x", 16, [(32, 16), (2048, 16), (2048,), (2048, 8)], 2, (0, -1e4)),
    "logits by a temperature": (tempered, "x", 16, [(16, 1024), (16,)], 0, (0, -10, -1e4)),
    "heads by temperatures": (heads, "x", 16, [(4, 1024, 512), (4,), (4, 512, 4)], 0, (0, -10)),
    "InfoNCE": (CONTRASTIVE, "c", 64, [(256, 16), (1024, 16)], 0, (0,)),
    "cross-entropy": (LABELLED, "v", 64, [(16, 32), (2048, 32)], 0, (0,)),
    "cumulative sums": (cumsum("b [t]"), "t", 16, [(8, 16384)], 0, FAR),
    "linear attention": (LINEAR, "t", 16, [(512, 16), (512, 16), (512, 8)], 0, (0, 10)),
}
"""Circuits, what is streamed, blocks, shapes, and which input has which means."""

SEEDS = range(3)


def multiples(name):
    """Return the errors of values and gradients as multiples of the circuit's, for each mean.

    Errors are relative to the norm, and squares of them are averaged over seeds; half a unit in the
    last place is no error.
    """
    circuit, variable, block, shapes, far, means = CASES[name]
    labels = [7 * jnp.arange(shapes[0][0])] if name == "cross-entropy" else []

    def both(fn):
        def run(*xs):
            made, back = jax.vjp(lambda *xs: jax.tree.leaves(fn({}, *xs, *labels)), *xs)
            slopes = [1.5 + jnp.cos(jnp.arange(y.size)).reshape(y.shape) for y in made]
            return [*made, *back([g.astype(y.dtype) for g, y in zip(slopes, made, strict=True)])]

        return jax.jit(run)

    naive, fold = both(cl.lower(circuit)), both(cl.lower(stream(circuit, variable), block=block))

    def squares(fn, xs, want):
        made = zip(fn(*xs), want, strict=True)
        return [float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b)) ** 2 for a, b in made]

    found = {}
    for at in means:
        errors = []
        for seed in SEEDS:
            xs = [x + at if k == far else x for k, x in enumerate(arrays(shapes, seed))]
            xs = [x.astype("float32") for x in xs]
            want = naive(*(x.astype(float) for x in xs))
            errors.append([squares(fn, xs, want) for fn in (fold, naive)])
        own, theirs = np.sqrt(np.mean(errors, 0))
        found[at] = own / np.maximum(theirs, np.finfo("float32").eps / 2)
    return found


@pytest.mark.parametrize("name", CASES)
def test_errors_are_at_most_twice_those_of_the_circuit(name):
    assert {at: one.max() for at, one in multiples(name).items() if one.max() > 2} == {}


@pytest.mark.parametrize("mean", [0, -10])
def test_the_gradient_of_one_number_is_at_most_twice_as_wrong(mean):
    def slope(fn):
        def run(*xs):
            y, back = jax.vjp(lambda *xs: fn({}, *xs), *xs)
            return back((1.5 + jnp.cos(jnp.arange(y.size))).reshape(y.shape).astype(y.dtype))[1]

        return jax.jit(run)

    naive, fold = slope(cl.lower(by_one)), stream(by_one, "x")
    several = [naive, *(slope(cl.lower(fold, block=block)) for block in (16, 64))]
    errors = []
    for seed in range(48):  # it may be near to 0, so errors are not relative to it
        s, *others = arrays([(64, 1024), (), (1024, 4)], seed)
        xs = [np.asarray(x, "float32") for x in (s + mean, *others)]
        want = naive(*(x.astype(float) for x in xs))
        errors.append([float(fn(*xs) - want) for fn in several])
    theirs, *own = np.sqrt(np.mean(np.square(errors), 0))
    assert max(own) < 2 * theirs


CHAINS = {"means": (0, 2), "mean of costs": (0, 2, 3), "variances": (0, 1),
          "weighted variances": (0, 1, 2), "cumulative sums": (0, 1)}  # fmt: skip
"""What is wrong, of values and gradients, where many blocks are summed in one chain."""


def test_what_rounding_leaves_out_of_many_blocks_is_kept(mutants, monkeypatch):
    with mutants("streams: what rounding leaves out of a sum over blocks is dropped"):
        monkeypatch.setattr(streamed, "SEVERAL", 10**9)
        for name, wrong in CHAINS.items():
            found = np.max([*multiples(name).values()], 0)
            assert all(found[k] > 2 for k in wrong)


def test_what_rows_share_is_summed_over_them_at_the_end(mutants, monkeypatch):
    with mutants("streams: cotangents of what rows share are summed over them in each block"):
        monkeypatch.setattr(deriving, "spread", lambda circuit, one: circuit)
        assert multiples("heads by temperatures")[-10][2] > 2


def test_scores_that_are_formed_twice_are_rounded_alike(mutants, monkeypatch):
    def gap(x, y):
        return jnp.where(jnp.isneginf(x) | jnp.isneginf(y), -jnp.inf, x - y)

    with mutants("streams: a score is read twice where it is subtracted from"):
        monkeypatch.setitem(circuits.FUNCTIONS, "shifted", gap)
        assert multiples("logits by a temperature")[-1e4].max() > 100


def test_an_infinite_sum_is_infinite(mutants, monkeypatch):
    fold = stream(einsum("n ->"), "n")
    x = jnp.ones(64).at[5].set(jnp.inf)
    assert cl.lower(fold, block=4)({}, x) == jnp.inf

    def compensated(before, more, left):
        total = before + more + left
        return total, more + left - (total - before)

    with mutants("streams: what rounding leaves out of an infinite sum is added"):
        monkeypatch.setitem(circuits.FUNCTIONS, "compensated", compensated)
        assert jnp.isnan(cl.lower(fold, block=4)({}, x))


def test_what_powers_are_relative_to_is_one_number(mutants, monkeypatch):
    with mutants("streams: references are rounded as a compiler likes"):
        monkeypatch.setitem(circuits.FUNCTIONS, "rounded", lambda x: x)
        assert max(multiples("variances")[1e4]) > 20


def far_variance_error():
    x = (arrays([(1024,)])[0] + 1e6).astype("float32")
    made, _ = jax.jit(cl.lower(stream(variance, "n"), block=128))({}, x)
    want = np.var(np.asarray(x, float))
    return abs(made - want) / want


def test_what_a_mean_is_rounded_by_is_put_right(mutants, monkeypatch):
    assert far_variance_error() < 1e-6
    with mutants("streams: a rounded mean is taken for the mean"):
        monkeypatch.setattr(Rewriting, "_rounded", lambda *_: None)
        assert far_variance_error() > 1e-5
