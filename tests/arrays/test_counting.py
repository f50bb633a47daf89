"""Counts against those known from papers and by hand."""

import pytest

from benchmarks.by_hand.transformer import unrolled
from catlearn.arrays import (
    Size,
    einsum,
    lift,
    linear,
    mul,
    norm,
    relu,
    residual,
    silu,
    softmax,
    top_k,
    traced,
    view,
)
from catlearn.arrays.counting import COUNTS
from catlearn.arrays.sizes import read_size
from catlearn.category import Hypergraph
from catlearn.cset import Open
from catlearn.errors import InvalidStructure
from catlearn.zoo.architectures import attention, gpt2_layer, llama_layer


def test_attention():
    """Oracle 29: contractions, scale, softmax."""
    found = attention().at_dom((8, 8)).at(h=2, d=4, m=8).counts()
    assert found.operations == 6144 + 128 + 5 * 128 - 16
    assert found.multiply_adds == 3072
    assert found.parameters == 4 * 8 * 8


def test_gpt2_small():
    """Oracles 26 and 28: published numbers; the table of tokens is used twice and counts once."""
    model = unrolled(12).at(m=768, h=12, d=64, f=3072, V=50257, c=1024)
    assert model.counts().parameters == 124_439_808
    V, m, c = map(Size.of, "Vmc")
    polynomial = unrolled(2).at(f="4*m", d=64, h=12).counts().parameters
    at = {"m": 768, "V": 50257, "c": 1024}
    each = 12 * m**2 + 13 * m
    assert polynomial.substitute(at) == (V * m + c * m + 2 * each + 2 * m).substitute(at)
    assert model.at(x=1024).counts().multiply_adds * 2 == 291_648_307_200
    one = gpt2_layer().at(h=12, d=64, f=3072, m=768).at_dom((1024, 768))
    assert one.counts().multiply_adds * 2 == 17_716_740_096


def test_declared_sizes_are_written_where_polynomials_are_equal_to_them():
    """Half of d turns in rotary embeddings, so that d = 2 p; keys and queries have d entries."""
    found = llama_layer().counts()
    assert found.parameters == read_size("2*d*g*m*q + 2*d*g*m + 3*f*m + 2*m")
    assert found.multiply_adds.generators == {*"dgmqxf"}


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


def test_counting_is_given_by_boxes():
    """The functor adds up what its boxes and parameters cost, however they are wired."""
    f = attention(causal=True).at(m=8, h=2, d=4).at_dom((5, 8))
    F = f.counting()
    assert list(F.arrows)[:4] == ["Q", "K", "V", "O"]
    assert F.arrows["linear 'Q'"].operations == 2 * 5 * 8 * 8
    row = F.signature.wires
    dom, cod = ([row[wire] for wire in rows] for rows in (f.dom, f.cod))
    assert F(Open(F.signature, dom, cod, "Wire")) == f.counts()
    softmax_twice = Hypergraph(
        {"a": ("x", "y"), "b": ("y", "z")},
        operations={"a": "softmax", "b": "softmax"},
        types={"x": F.signature.ins("softmax")[0], "z": F.signature.outs("softmax")[0]},
    )
    with pytest.raises(InvalidStructure):
        F(Open(softmax_twice, ["x"], ["z"], "Wire"))


def test_rounds_and_parameters_in_the_functor():
    """Boxes of a repeated block count once for each round, and stacked parameters whole."""
    f = residual(linear("A", "m -> f") >> linear("B", "f -> m")).repeat("L", "layers")
    F = f.counting()
    L, m, n = map(Size.of, ["L", "m", "f"])
    assert F.arrows["linear 'A'"].operations == 2 * L * m * n
    assert F.arrows["layers/A"].parameters == L * m * n
    assert COUNTS.total(F.arrows.values()) == f.counts()
