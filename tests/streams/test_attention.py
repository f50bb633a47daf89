"""Attentions of practice are one fold each, and streams are as accurate as what they are of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import Circuit, add, dropout, einsum, idle, neg, softmax, traced, view, where
from catlearn.arrays.evaluation import evaluate
from catlearn.errors import CatlearnError
from catlearn.streams import StreamRefused, stream
from tests.streams.programs import (
    apart,
    arrays,
    attention,
    attention_by_hand,
    grouped_query_attention,
)
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
        assert apart(value(cl.lower(fold, block=5), xs), value(cl.lower(circuit), xs)) < 1e-14


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_errors_in_half_precision_are_at_most_twice_those_of_the_circuit(dtype):
    with jax.enable_x64(True):
        low = [one.astype(dtype) for one in arrays([(5, 16), (200, 16), (200, 8)])]
        want = cl.lower(attention_by_hand)({}, *(one.astype(float) for one in low))

        def error(fn):
            return float(jnp.linalg.norm(fn({}, *low).astype(float) - want))

        fold = cl.lower(stream(attention_by_hand, "x"), block=256)
        assert error(jax.jit(fold)) <= 2 * error(cl.lower(attention_by_hand))


def dropped(box):
    @traced("h q d", "h x d", "h x e", "")
    def attention(q, k, v, seed):
        weights = softmax("[x]")(scores(q, k))
        return einsum("h q x, h x e -> h q e")(box(weights, seed), v)

    return attention


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


def test_dropout_by_indices_is_in_blocks_what_it_is_in_the_whole(double, mutants):
    circuit, xs = dropped(dropout(0.3, by="h q x")), arrays(SHAPES)
    whole, fold = cl.lower(circuit), stream(circuit, "x")
    assert fold.kinds == ("max", "sum", "sum")
    assert not fold.check()

    def both(fn):
        def total(*xs):
            return jnp.sum(jnp.sin(made := fn({}, *xs))), made

        return jax.jit(jax.grad(total, (0, 1, 2), has_aux=True))

    run = both(whole)
    wanted = run(*xs, 7)
    assert apart(both(cl.lower(fold, block=5, group={"q": 2}))(*xs, 7), wanted) < 1e-13
    assert apart(run(*xs, 8), wanted) > 1e-2
    assert np.allclose(evaluate(circuit, [*xs, 7])[0], wanted[1])
    with mutants("streams: dropout by indices in the block alone"):
        _, moved = run(*(np.roll(x, 5, 1) if k else x for k, x in enumerate(xs)), 7)
        assert not np.allclose(moved, wanted[1])


def test_dropout_by_indices_keeps_a_share_and_is_refused_elsewhere(double):
    kept = np.asarray(value(cl.lower(dropout(0.25, by="q x")), (np.ones((300, 300)), 3)))
    assert set(np.unique(kept).tolist()) == {0.0, 1 / 0.75}
    assert abs(float(kept.mean()) - 1) < 0.01
    near = [(kept[1:] * kept[:-1]).mean(), (kept[:, 1:] * kept[:, :-1]).mean()]
    assert np.allclose(near, 1, atol=0.02)
    with pytest.raises(StreamRefused) as caught:
        stream(dropped(lambda x, seed: dropout(0.3)(x)), "x")
    assert "by=" in str(caught.value)
    with pytest.raises(CatlearnError):
        dropout(0.3, by="q x, y")
