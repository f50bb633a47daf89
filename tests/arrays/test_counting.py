"""Counts against those known from papers and by hand."""

import pytest

from benchmarks.by_hand.transformer import attention, block, gpt2
from catlearn.arrays import (
    Size,
    einsum,
    lift,
    linear,
    mul,
    norm,
    relu,
    silu,
    softmax,
    top_k,
    traced,
    view,
)


def test_attention():
    """Oracle 29: contractions, scale, softmax."""
    found = attention(masked=False).at_dom((8, 8)).at(h=2, d=4, m=8).counts()
    assert found.operations == 6144 + 128 + 5 * 128 - 16
    assert found.multiply_adds == 3072
    assert found.parameters == 4 * 8 * 8


def test_gpt2_small():
    """Oracles 26 and 28: published numbers; the table of tokens is used twice and counts once."""
    model = gpt2(12).at(m=768, h=12, d=64, f=3072, V=50257, c=1024)
    assert model.counts().parameters == 124_439_808
    V, m, c = map(Size.of, "Vmc")
    polynomial = gpt2(2).at(f="4*m", d=64, h=12).counts().parameters
    at = {"m": 768, "V": 50257, "c": 1024}
    each = 12 * m**2 + 13 * m
    assert polynomial.substitute(at) == (V * m + c * m + 2 * each + 2 * m).substitute(at)
    assert model.at(x=1024).counts().multiply_adds * 2 == 291_648_307_200
    one = block().at(h=12, d=64, f=3072, m=768).at_dom((1024, 768))
    assert one.counts().multiply_adds * 2 == 17_716_740_096


def test_mixture_of_experts():
    """Mixtral: 8 experts, 2 of which are active."""

    @traced("x m")
    def experts(t):
        g, i = top_k("[e -> k]", k=2)(linear("gate", "m -> e", e=8)(t))
        u = view("m -> k m")(t)
        up = silu(linear("w1", "k, k m -> k f", at="e")(i, u))
        y = up * linear("w3", "k, k m -> k f", at="e")(i, u)
        down = linear("w2", "k, k f -> k n", at="e")(i, y)
        return einsum("k, k n -> n")(softmax("[k]")(g), down)

    found = experts.at(m=4096, f=14336, n=4096).counts()
    assert found.parameters == 4096 * 8 + 3 * 8 * 4096 * 14336
    assert found.active == 4096 * 8 + 3 * 2 * 4096 * 14336


def test_parameters_that_are_shared_count_once():
    """Oracle 30."""
    f = linear("A", "m -> n", n=5).at(m=5)
    assert (f >> f).counts().parameters == f.counts().parameters
    assert (f >> f.named("other")).counts().parameters == 2 * f.counts().parameters
    assert einsum("x, x -> x").counts().operations == lift(mul, "x").counts().operations


@pytest.mark.parametrize("other", [relu, softmax("[n]"), norm("g", "[n]"), linear("B", "n -> p")])
def test_counts_are_a_functor(other):
    """Counts of a composite are sums; lifting multiplies."""
    f, g = linear("A", "k -> n").at_dom((6, 5)).at(n=7), other
    g_alone = (lift(g, "x n") if g == relu else lift(g, "x")).at_dom((6, 7))
    whole = f >> g
    for kind in ("operations", "multiply_adds", "bytes", "parameters"):
        sides = [getattr(one.counts(), kind) for one in (whole, f, g_alone)]
        assert sides[0] == sides[1] + sides[2]
    x = Size.of("x")
    assert (
        lift(linear("A", "m -> n"), "x").counts().operations
        == x * linear("A", "m -> n").counts().operations
    )
