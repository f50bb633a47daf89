"""Rounding: a fold in float32 is at most twice as wrong as its circuit, there and back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import (
    cross_entropy,
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
from catlearn.streams import stream
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


@traced("q d", "x d", "x", "x e")
def biased(q, k, bias, v):
    s = einsum("q d, x d -> q x", scale="d**-0.5")(q, k) + view("x -> q x")(bias)
    return einsum("q x, x e -> q e")(softmax("[x]")(s), v)


CONTRASTIVE = einsum("b d, c d -> b c", scale=10.0) >> logsumexp("b [c] -> b")
LABELLED = einsum("b d, v d -> b v") @ idle >> cross_entropy("b [v]")
LINEAR = (einsum("t d, s d -> t s") >> where("t s", "s <= t", outside=0.0)) @ idle >> einsum(
    "t s, s e -> t e"
)
NORM, FAR = [(16, 1024), (1024,), (1024, 8)], (0, 10, 1e4)
CASES = {
    "means": (means, "n", 16, [(16, 2048), (16,)], 0, (0, 1)),
    "variances": (variances, "n", 16, [(16, 2048)], 0, FAR),
    "layer norm and linear": (layer_linear, "d", 16, NORM, 0, FAR),
    "RMS norm and linear": (rms_linear, "d", 16, NORM, 0, FAR),
    "attention": (biased, "x", 16, [(32, 16), (2048, 16), (2048,), (2048, 8)], 2, (0, -1e4)),
    "InfoNCE": (CONTRASTIVE, "c", 64, [(256, 16), (1024, 16)], 0, (0,)),
    "cross-entropy": (LABELLED, "v", 64, [(16, 32), (2048, 32)], 0, (0,)),
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
            given = [jnp.cos(jnp.arange(y.size)).reshape(y.shape).astype(y.dtype) for y in made]
            return [*made, *back(given)]

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


def test_many_blocks_are_not_summed_in_one_chain(mutants, monkeypatch):
    with mutants("streams: all blocks are summed in one chain"):
        monkeypatch.setattr(streamed, "SEVERAL", 10**9)
        value, _, slope = multiples("means")[0]
        assert value > 2
        assert slope > 2


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
