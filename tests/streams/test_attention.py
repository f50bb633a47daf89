"""Attentions of practice are one fold each, and streams are as accurate as what they are of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import Circuit, add, einsum, idle, neg, softmax, traced, view, where
from catlearn.streams import stream
from catlearn.streams.normal import Rewriting
from tests.streams.programs import (
    attention,
    attention_by_hand,
    grouped_query_attention,
    layer_linear,
    variance,
)
from tests.streams.test_folds import arrays, differences
from tests.streams.test_laws import value

scores = einsum("h q d, h x d -> h q x", scale="d**-0.5")
QKV, SHAPES = ("h q d", "h x d", "h x e"), ((2, 5, 3), (2, 12, 3), (2, 12, 4))


def weighted(s, v):
    return einsum("h q x, h x e -> h q e")(softmax("[x]")(s), v)


def shown(pattern: str, *conditions: str) -> Circuit:
    """Return attention where an array of booleans says so, and conditions hold."""

    @traced(pattern.partition(",")[0], *QKV, types=["B"])
    def masked(g, q, k, v):
        s = scores(q, k)
        for condition in conditions:
            s = where("q x", condition)(s)
        return weighted(where(pattern)(g, s), v)

    return masked


@traced(*QKV, "h", "q", "x")
def linear_biases(q, k, v, m, i, j):
    gap = add(view("q -> q x")(i), neg(view("x -> q x")(j)))
    return weighted(add(scores(q, k), neg(einsum("h, q x -> h q x")(m, gap))), v)


@traced(*QKV, "h q x")
def biased(q, k, v, b):
    return weighted(add(scores(q, k), b), v)


@traced("h q d", "x c", "c h d", "c h e")
def latent(q, c, wk, wv):
    k = einsum("x c, c h d -> h x d")(c, wk)
    return weighted(scores(q, k), einsum("x c, c h e -> h x e")(c, wv))


decode = (einsum("h d, h x d -> h x", scale="d**-0.5") >> softmax("[x]")) @ idle >> einsum(
    "h x, h x e -> h e"
)

SEGMENTS = np.array([0] * 5 + [1] * 7)
SAME = jnp.asarray(SEGMENTS[3:8, None] == SEGMENTS)

FORMS = {
    "causal": (attention(where("q x", "x <= q")), (), SHAPES, ()),
    "window": (attention(where("q x", "x <= q, q - x < 3")), (), SHAPES, ()),
    "segments": (shown("q x, h q x"), (SAME,), SHAPES, ()),
    "packed": (
        shown("q x, h q x", "x <= q + 3"),
        (SAME,),
        SHAPES,
        (),
    ),
    "lengths": (shown("x, h q x"), (jnp.arange(12) < 7,), SHAPES, ()),
    "linear biases": (linear_biases, (), (*SHAPES, (2,)), (jnp.arange(5.0), jnp.arange(12.0))),
    "relative biases": (biased, (), (*SHAPES, (2, 5, 12)), ()),
    "grouped queries": (grouped_query_attention, (), ((2, 2, 5, 3), *SHAPES[1:]), ()),
    "latent": (latent, (), (SHAPES[0], (12, 6), (6, 2, 3), (6, 2, 4)), ()),
    "decode": (decode, (), ((2, 3), *SHAPES[1:]), ()),
}


@pytest.mark.parametrize("name", FORMS)
def test_attentions_are_one_fold(name):
    circuit, before, shapes, after = FORMS[name]
    fold = stream(circuit, "x")
    assert fold.kinds == ("max", "sum", "sum")
    with jax.enable_x64(True):
        xs = [*before, *arrays(shapes), *after]
        assert differences(value(cl.lower(fold, block=5), xs), value(cl.lower(circuit), xs)) < 1e-14


ACCURACY = {
    "float16 attention": (attention_by_hand, "x", [(5, 16), (200, 16), (200, 8)], 0, "float16"),
    "bfloat16 attention": (attention_by_hand, "x", [(5, 16), (200, 16), (200, 8)], 0, "bfloat16"),
    "layer norm and linear": (
        layer_linear, "d", [(16, 1024), (1024,), (1024, 8)], 10, "float32",
    ),
}  # fmt: skip
BLOCKS = {"layer norm and linear": 64}


@pytest.mark.parametrize("name", ACCURACY)
def test_errors_are_at_most_twice_those_of_the_circuit(name):
    circuit, variable, shapes, mean, dtype = ACCURACY[name]
    with jax.enable_x64(True):
        xs = arrays(shapes)
        low = [one.astype(dtype) for one in (xs[0] + mean, *xs[1:])]
        want = cl.lower(circuit)({}, *(one.astype(float) for one in low))

        def error(fn):
            return float(jnp.linalg.norm(fn({}, *low).astype(float) - want))

        fold = cl.lower(stream(circuit, variable), block=BLOCKS.get(name, 256))
        assert error(jax.jit(fold)) <= 2 * error(cl.lower(circuit))


def test_a_variance_far_from_zero():
    with jax.enable_x64(True):
        x = (arrays([(65536,)])[0] + 1e4).astype("float32")
        made, _ = jax.jit(cl.lower(stream(variance, "n"), block=1024))({}, x)
        want, naive = jnp.var(x.astype(float)), jnp.mean(x * x) - jnp.mean(x) ** 2
        assert abs(made - want) < 1e-4 * want
        assert abs(naive - want) > 0.5 * want


def far_variance_error():
    x = (arrays([(1024,)])[0] + 1e6).astype("float32")
    made, _ = cl.lower(stream(variance, "n"), block=128)({}, x)
    want = jnp.var(x.astype(float))
    return abs(made - want) / want


def test_what_a_mean_is_rounded_by_is_put_right(mutants, monkeypatch):
    with jax.enable_x64(True), jax.disable_jit():
        assert far_variance_error() < 1e-6
        with mutants("streams: a rounded mean is taken for the mean"):
            monkeypatch.setattr(Rewriting, "_rounded", lambda *_: None)
            assert far_variance_error() > 1e-5
