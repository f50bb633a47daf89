"""Assertions for tests of one's own: each holds, and fails with what was found."""

import jax
import jax.numpy as jnp
import pytest

import catlearn as cl
from catlearn import testing
from catlearn.arrays import einsum, elementwise, idle, linear, maximum, mean, relu, softmax
from catlearn.category import Equal
from catlearn.costing import amount, devices, notices, tile
from catlearn.errors import CatlearnError, UnknownName
from catlearn.streams import stream

SCORES = einsum("q d, x d -> q x") >> softmax("[x]")
ATTENTION = SCORES @ idle >> einsum("q x, x e -> q e")
SIZES = {"q": 256, "x": 256, "d": 4, "e": 4}


def said(assertion, *arguments, **options):
    """What an assertion says when it fails."""
    with pytest.raises(AssertionError) as failed:
        assertion(*arguments, **options)
    return str(failed.value)


def test_streams():
    assert testing.assert_streamable(ATTENTION, "x").kinds == ("max", "sum", "sum")
    assert "axis x is in the output" in said(testing.assert_streamable, SCORES, "x")
    assert "along d" in said(testing.assert_streamable, SCORES, "x")
    with pytest.raises(UnknownName):
        testing.assert_streamable(ATTENTION, "z")


def test_equality():
    assert testing.assert_equal(relu >> idle, relu) == Equal
    assert "NotEqual" in said(testing.assert_equal, relu >> relu, relu)


def test_memory_of_a_forward_pass():
    q = jax.ShapeDtypeStruct((4096, 64), jnp.float32)

    def attention(q, k, v):
        return jax.nn.softmax(q @ k.T / 8) @ v

    scores = 4 * 4096**2
    assert testing.assert_memory_below(attention, q, q, q, limit="1 GiB") >= scores
    assert "temporary memory" in said(
        testing.assert_memory_below, attention, q, q, q, limit="1 MiB"
    )

    def largest(q, k):
        return (q @ k.T).max(1)

    counted = jax.jit(largest).lower(q, q).compile().memory_analysis().temp_size_in_bytes
    assert testing.assert_memory_below(largest, q, q, limit="1 GiB") == counted


def test_memory():
    least = testing.assert_memory_below(
        ATTENTION, "1 GB", sizes=SIZES, reverse=True, streams="auto", block=16
    )
    most = testing.assert_memory_below(ATTENTION, 1e9, sizes=SIZES, reverse=True)
    assert 0 < least < most / 3
    z = jnp.ones((64, 64), "complex64")
    turned = testing.assert_memory_below(lambda z: jnp.exp(z @ z), z, limit="1 MB", reverse=True)
    assert turned > testing.assert_memory_below(lambda z: 0 * z, z, limit="1 MB", reverse=True)
    assert testing.assert_memory_below(jnp.argmax, z, limit="1 MB", reverse=True) >= 0
    text = said(testing.assert_memory_below, ATTENTION, "1 kB", sizes=SIZES, reverse=True)
    assert "1 kB allowed" in text
    assert "[256, 256]" in text
    assert 'x can be streamed: streams="auto"' in text.replace("x, d", "x")

    def loop(x):
        step = lambda total, row: (total + jnp.tanh(jnp.outer(row, row)), None)  # noqa: E731
        return jax.lax.scan(step, jnp.zeros((64, 64)), x)[0]

    assert "[64, 64]" in said(testing.assert_memory_below, loop, 1, jnp.zeros((8, 64)))
    shapes = jax.ShapeDtypeStruct((4, 8), jnp.float32)
    testing.assert_memory_below(linear("w", "m -> n"), "1 MB", shapes, sizes={"n": 3})


def test_time():
    product, sizes = einsum("a b, b c -> a c"), dict.fromkeys("abc", 4096)
    found = testing.assert_time_below(product, "1 ms", devices["H100"], sizes=sizes)
    assert found.time.serial < 1e-3
    text = said(testing.assert_time_below, product, 1e-6, devices["H100"], sizes=sizes)
    assert "matrix 139 µs" in text
    assert "bandwidth-bound" in text


def test_notices_while_one_builds():
    (blocked,) = notices(SCORES)
    assert (blocked.code, blocked.node) == ("blocks-streaming", "x")
    assert notices(ATTENTION) == ()
    codes = [one.code for one in notices(ATTENTION, devices["H100"], sizes=SIZES | {"q": 1})]
    assert {"few-tiles", "split-pays", "bandwidth-bound"} <= {*codes}
    (unfit,) = notices(ATTENTION, fast_memory=2, sizes=SIZES)
    assert unfit.code == "tile-exceeds-memory"
    assert unfit.figures["least"] > unfit.figures["memory"] == 2
    again = notices(ATTENTION, fast_memory=2**14, sizes=SIZES, reverse=True)
    assert "recomputed" in [one.code for one in again]
    longer = ATTENTION @ idle >> einsum("q e, e f -> q f")
    small = {**SIZES, "f": 8, "q": 64, "x": 64}
    cut = notices(longer, fast_memory=2**10, sizes=small, longest=3)
    assert {one.code for one in cut} & {"fusing-costs-more", "longest"}
    with pytest.raises(UnknownName):
        notices(ATTENTION, devices["H100"])


@cl.traced("a x", "a x", "x b")
def shifted(s, t, w):
    """A weighted sum of two terms, of which one has what is known at the end."""
    moved = elementwise("mul", pattern="a x, a -> a x")(t, mean("a [x] -> a")(s))
    return einsum("a x, x b -> a b")(s + moved, w)


def test_what_folds_change_of_sums_is_said():
    """Blocks of x add up the sums of attention in another order; one block, or a maximum, none."""
    (said,) = [one for one in notices(ATTENTION, fast_memory=2**14, sizes=SIZES)
               if one.code == "order-of-sums-changed"]  # fmt: skip
    t = tile(ATTENTION, fast_memory=2**14, sizes=SIZES)
    assert said.figures["blocks"] == -(-SIZES["x"] // t.tiles["s_x"]) > 1
    assert said.figures["sums"] == stream(ATTENTION, "x").kinds.count("sum") == 2
    tall = einsum("q d, x d -> q x") >> maximum("q [x] -> q")
    for circuit, fast in ((ATTENTION, 2**26), (tall, 2**12)):
        sizes = {name: SIZES[name] for name in circuit.axes}
        found = notices(circuit, fast_memory=fast, sizes=sizes)
        assert not [one for one in found if (one.code, one.node) == ("order-of-sums-changed", "x")]


def test_products_of_sums_that_are_distributed_are_said():
    (said,) = [one for one in notices(shifted) if one.code == "cancellation"]
    assert said.figures == {"terms": 2}
    assert not [one for one in notices(ATTENTION) if one.code == "cancellation"]


def test_other_arguments_are_refused():
    asked = [
        lambda: testing.assert_memory_below(3, "1 MB"),
        lambda: testing.assert_memory_below(ATTENTION, "much", sizes=SIZES),
        lambda: testing.assert_memory_below(ATTENTION, "1 MB"),
        lambda: testing.assert_memory_below(jnp.sin, "1 MB", jnp.zeros(2), sizes=SIZES),
        lambda: testing.assert_time_below(ATTENTION, "1 MB", devices["H100"]),
        lambda: testing.assert_streamable(3, "x"),
        lambda: testing.assert_equal(3, relu),
        lambda: notices(3),
    ]
    for one in asked:
        with pytest.raises(CatlearnError):
            one()


@pytest.mark.parametrize(
    ("text", "value"),
    [("64 MiB", 2**26), ("8GB", 8e9), ("1.5 kB", 1500), (12, 12), ("1e3 B", 1e3)],
)
def test_amounts(text, value):
    assert amount(text) == value


@pytest.mark.parametrize("wrong", ["64", "B", "-1 B", "1.2.3 B", "3 s", 0, -1, True, None])
def test_other_amounts_are_refused(wrong):
    with pytest.raises(CatlearnError):
        amount(wrong)
