"""Functions of JAX become circuits with the same numbers and the same gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.arrays.evaluation import evaluate
from catlearn.drawing.circuits.scene import circuit_scene
from catlearn.importing import ImportRefused, imported, indexing, jaxpr, primitives, words
from catlearn.streams import stream


def normal(number, *shape):
    return jnp.asarray(np.random.default_rng(number).normal(size=shape), "float32")


A, B, C = normal(0, 4, 6), normal(1, 4, 6), normal(2, 6, 4)
Q, K, V = (normal(seed, 2, 4, 3, 6) for seed in (3, 4, 5))
WHOLE, AGAIN = jnp.array([1, 0, 3, 2]), jnp.array([1, 3, 1, 1])
TIES = jnp.round(A)


def agree(cases, tolerance=1e-5):
    """Compare functions with their circuits, values and gradients, in one program."""
    found = {}
    for name, (fn, *arguments) in cases.items():
        one = imported(fn, *arguments)
        lowered = cl.lower(one.circuit)
        inputs = one.inputs(*arguments)
        wanted = jax.tree.leaves(jax.eval_shape(fn, *arguments))
        shown = jax.eval_shape(lambda *given, lowered=lowered: lowered({}, *given), *inputs)
        types = [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(shown)]
        assert types == [(leaf.shape, leaf.dtype) for leaf in wanted], name

        def again(*given, one=one, lowered=lowered):
            return one.result(lowered(one.parameters(*given), *one.inputs(*given)))

        found[name] = fn, again, arguments

    def both():
        made = {}
        for name, (fn, again, arguments) in found.items():
            pair = []
            for function in (fn, again):
                real = [k for k, one in enumerate(arguments)
                        if jnp.issubdtype(jnp.asarray(one).dtype, jnp.floating)]  # fmt: skip

                def total(given, function=function, arguments=arguments, real=real):
                    every = [*arguments]
                    for k, one in zip(real, given, strict=True):
                        every[k] = one
                    leaves = jax.tree.leaves(function(*every))
                    numbers = [x for x in leaves if jnp.issubdtype(x.dtype, jnp.floating)]
                    return sum(jnp.sin(x).sum() for x in numbers), leaves

                (_, leaves), gradients = jax.value_and_grad(total, has_aux=True)(
                    [arguments[k] for k in real]
                )
                pair.append((leaves, gradients))
            made[name] = pair
        return made

    for name, (wanted, given) in jax.jit(both)().items():
        for one, other in zip(jax.tree.leaves(wanted), jax.tree.leaves(given), strict=True):
            np.testing.assert_allclose(one, other, tolerance, tolerance, err_msg=name)


def attention(q, k, v):
    s = jnp.einsum("bqhd,bkhd->bhqk", q, k) / jnp.sqrt(q.shape[-1])
    s = jnp.where(jnp.tril(jnp.ones(s.shape[-2:], bool)), s, -jnp.inf)
    return jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(s, -1), v)


def self_attention(w, x):
    b, t, m = x.shape
    q, k, v = ((x @ w[name]).reshape(b, t, 2, m // 2) for name in "qkv")
    return attention(q, k, v).reshape(b, t, m)


def layer_norm(x, gain, shift):
    centre, spread = x.mean(-1, keepdims=True), jnp.var(x, -1, keepdims=True)
    return (x - centre) * jax.lax.rsqrt(spread + 1e-5) * gain + shift


def rotary(x):
    first, second = jnp.split(x, 2, -1)
    return jnp.concatenate([first * 2 - second, second * 2 + first], -1)


NHWC = ("NHWC", "HWIO", "NHWC")
X, W = normal(7, 2, 4, 4, 2), normal(8, 3, 3, 2, 4)


def convolved(x, w, strides, **options):
    return jax.lax.conv_general_dilated(x, w, strides, "SAME", dimension_numbers=NHWC, **options)


def pooled(x, start, function, padding):
    return jax.lax.reduce_window(x, start, function, (1, 2, 2, 1), (1, 2, 2, 1), padding)


@jax.custom_vjp
def rounded(x):
    """Return the nearest integers, whose gradient is that of the identity."""
    return jnp.round(x)


rounded.defvjp(lambda x: (rounded(x), None), lambda _, g: (g,))


@jax.custom_vjp
def clipped(x):
    return x


clipped.defvjp(lambda x: (x, None), lambda _, g: (jnp.clip(g, -0.1, 0.1),))

KNOWN = {
    "transposed": (lambda x: x @ x.T + (x @ x.T).T, A),
    "attention": (attention, Q, K, V),
    "grouped": (lambda q, k, v: jax.nn.dot_product_attention(q, k, v, is_causal=True),
                normal(6, 2, 4, 6, 6), K, V),
    "layer norm": (layer_norm, A, A[0], B[0]),
    "activations": (lambda x: [f(x) for f in (
        jax.nn.gelu, jax.nn.silu, jax.nn.relu, jax.nn.softplus, jax.nn.relu6, jax.nn.elu,
        lambda x: jax.nn.gelu(x, approximate=False), jnp.abs)], A),
    "log-sum-exp": (lambda x: jax.nn.logsumexp(x, axis=1), A),
    "reshaped": (lambda x: x.reshape(6, 4).T.reshape(24) * jnp.arange(24.0), A),
    "sums along": (lambda x: jnp.cumsum(x, 0), A),
    "places": (lambda x: (jnp.argmax(x, 1), x.max(0), x.min(0), jnp.argmin(x.reshape(2, 2, 6), 1)),
               A),
    "places twice": (lambda x, y: (jnp.argmax(x, 1), jnp.sin(y), jnp.argmax(x, 1) + 1), A, C),
    "slices": (lambda x: (x[1:3] * 2, x[::2] + 1, x[::-1] + x, x[:, 1], x[0]), A),
    "concatenated": (lambda x, y: (jnp.concatenate([x, y]) @ C, jnp.stack([x[0], y[1]], 1)), A, B),
    "padded": (lambda x: jnp.pad(x, ((1, 2), (0, 0))) * 2, A),
    "empty": (lambda x: (jnp.concatenate([x[:0], x]), x[:, :0].sum(1) + x[:, 0]), A),
    "tiled": (lambda x: jnp.tile(x, (2, 3)) + jnp.repeat(jnp.repeat(x, 3, 1), 2, 0), A),
    "rotary": (rotary, A),
    "rows": (lambda x, i: x[i] + jnp.take(x, i, axis=0), A, WHOLE),
    "entries": (lambda x, i: x[i, i] + jnp.take_along_axis(x, i[:, None], 1)[:, 0], A, WHOLE),
    "computed rows": (lambda x, i: x[2 * i - 1], A, WHOLE // 2),
    "indices": (lambda x: x[jnp.arange(2) * 2] + x[1, :1], A),
    "masks": (lambda x: (jnp.tril(x) + 2 * jnp.triu(x, 1), jnp.where(jnp.eye(4, 6) > 0, x, 0),
                         jnp.where((jnp.arange(6) < 2) | (jnp.arange(6) == 4), 0, x)), A),
    "one hot": (lambda i, w: jax.nn.one_hot(i, 6) @ w, WHOLE, C),
    "labels": (lambda e, w, y: optax.softmax_cross_entropy_with_integer_labels(e @ w, y).mean(),
               A, C, WHOLE),
    "powers": (lambda x: (x * jnp.arange(6.0) + 3 - 1 / x + x**3 - 2 / x) / (x**2 + 1) ** 0.5, A),
    "constants": (lambda x: (jnp.zeros((2, 3)), jnp.ones(2, int), jnp.arange(3), jnp.eye(3), x), A),
    "integers": (lambda i: (i + 1, i // 2, i == 3, (i == 3) & (i > 0), i.astype(float)), WHOLE),
    "sums from the end": (lambda x: jax.lax.cumsum(x, 1, reverse=True), A),
    "greatest": (lambda x, w: (lambda v, i: (v[..., None] * w[i]).sum(1))(*jax.lax.top_k(x, 2)),
                 A, C),
    "greatest of gradients": (jax.grad(lambda x: (jax.lax.top_k(x, 2)[0] ** 2).sum()), A),
    "sorted": (lambda x: (jnp.sort(x), jnp.argsort(x, 0), jnp.sort(x, 1, descending=True)), TIES),
    "gradient of one column": (jax.grad(lambda x, i: (x[:, i, None].T ** 2 @ x[:, 0]).sum()), A,
                               AGAIN[:3]),
    "gradient of a sorted array": (jax.grad(lambda x: (jnp.sort(x) * jnp.arange(6.0)).sum()), TIES),
    "sorted together": (lambda x, y: jax.lax.sort_key_val(x, y, 0), TIES, B),
    "entries in order": (lambda x, y: jnp.take_along_axis(y, jnp.argsort(x, 1), 1), A, B),
    "entries outside": (lambda x, i: jnp.take(x, 2 * i - 3, 0, mode="clip"), A, AGAIN),
    "gradient of rows": (jax.grad(lambda x, i: jnp.sin(x[i]).sum()), A, AGAIN),
    "added": (lambda x, y, i: (x.at[i].add(y), x.at[:, i].add(y[:, :4]), x.at[i, i].add(1.0),
                               x.at[2 * i - 2].subtract(y)), A, B, AGAIN),
    "segments": (lambda x, i: jax.ops.segment_sum(x, i, 7), A, AGAIN),
    "put": (lambda x, y, k: (x.at[1:3].set(y[:2]), x.at[:, 1].set(y[:, 0]), x.at[0, 0].set(7),
                             x.at[:].set(y),
                             x.at[k].set(y[0]), x.at[::2].set(y[:2])), A, B, 2),
    "windows that move": (lambda x, y, k: (
        jax.lax.dynamic_slice(x, (3 * k, k), (2, 3)),
        jax.lax.dynamic_update_slice(x, jnp.outer(y[0, :2], y[1, :3]), (3 * k, k)),
        jax.vmap(lambda j: jax.lax.dynamic_slice(x, (j, 0), (2, 3)))(k + jnp.arange(3))), A, B, 1),
    "numbers of indices": (lambda x: (x * (jnp.arange(6) - jnp.arange(4)[:, None]),
                                      x + jax.lax.iota("float32", 6), jnp.arange(4) // 2), A),
    "dimensions of 1 that are repeated": (lambda x: (
        jax.nn.softmax(jnp.zeros((4, 6))) @ x.T, jnp.full((3, 4), 2.0) ** x[:1, :4] + 1), A),
    "entries outside of one": (lambda x, i: (
        jnp.take(x[:1], 2 * i - 3, 0, mode="fill", fill_value=2.0),
        x[:1].at[2 * i - 2].add(1.0)), A, AGAIN),
    "integers that wrap around": (lambda x: (
        x * (jnp.arange(6, dtype="int32") * 1103515245 % 100),
        jnp.where(jnp.arange(6, dtype="int32") * 1500000000 > 0, x, 0),
        jnp.where(jnp.arange(200).astype("int8") < 0, x[0, 0], 1)), A),
    "convolution": (lambda x, w, v: jax.lax.conv_general_dilated(
        convolved(x, w, (2, 1), rhs_dilation=(1, 2)), v, (1, 1), "SAME", feature_group_count=4,
        dimension_numbers=NHWC), X, W, normal(9, 1, 1, 1, 4)),
    "transposed convolution": (lambda x, w: jax.lax.conv_transpose(
        x, w, (2, 2), "SAME", dimension_numbers=NHWC), X, W),
    "windows longer than the image": (lambda x, w: (convolved(x[:, :1, :2], w, (2, 3)), pooled(
        x[:, :2, :2], -jnp.inf, jax.lax.max, ((0, 0), (0, 1), (1, 2), (0, 0)))), X, W),
    "pools": (lambda x: (pooled(x, -jnp.inf, jax.lax.max, "SAME"),
                         pooled(x, 0.0, jax.lax.add, "VALID") / 4), X),
    "rounds": (lambda x: jax.lax.scan(lambda c, y: ((jnp.tanh(c[0] + y), c[1] + 1), c[0] * y),
                                      (x[0], 0), x), A),
    "rounds backwards": (lambda x: jax.lax.scan(lambda c, y: (c * y, c), x[0], x, reverse=True),
                         A),
    "rounds in rounds": (lambda x: jax.lax.scan(lambda c, y: jax.lax.scan(
        lambda d, z: (d + z, d * z), c, y), 0.0, x), A),
    "rows in rounds": (lambda t, i: jax.lax.scan(lambda c, j: (c + t[j], None), t[0], i)[0],
                       A, WHOLE),
    "gradient of rounds": (jax.grad(lambda x: jax.lax.scan(
        lambda c, y: (jnp.tanh(c * y), c), x[0], x)[1].sum()), A),
    "products": (lambda x: (x.prod(0), jnp.cumprod(x, 1), x[:, None].prod(1), x[:0].prod(0)), A),
    "beginnings": (lambda x: (jax.lax.cummax(x, 1), jax.lax.cummin(x, 0, reverse=True),
                              jax.lax.cumlogsumexp(x, 1)), TIES),
    "all and any": (lambda x: ((x > 0).all(0), (x > 2).any(), jnp.quantile(x, 0.3, 1)), A),
    "sums of integers": (lambda i, x: (
        (i * 1000000007).sum(), i.max(), i.min(), i.prod(), jnp.cumsum(i), (x > 0).sum(1),
        i @ jnp.stack([i, i], 1), (x > 1).argmax(1), i.argmin(), jax.lax.top_k(i, 2),
        jnp.concatenate([i, i]), jnp.pad(i, 1), jnp.bincount(i, length=4), i.at[1].set(3), x * 2),
                         AGAIN, A),
    "sorted by two": (lambda x, y: jax.lax.sort((jnp.abs(x), y, x), 1, num_keys=2), TIES, B),
    "associative scan": (lambda x: jax.lax.associative_scan(jnp.multiply, x), A),
    "apart": (lambda x: jax.lax.pad(x, 2.0, ((1, 2, 1), (0, -1, 0))), A),
    "gradient of a grouped convolution": (jax.grad(lambda w, x: jnp.sin(
        convolved(x, w, (2, 1), feature_group_count=2)).sum()), W[:, :, :1], X),
    "gradient": (jax.grad(lambda w, x: (jax.nn.relu(x @ w) ** 2).sum()), C, A),
    "gradient of attention": (jax.grad(lambda q, k, v: attention(q, k, v).sum()), Q, K, V),
}  # fmt: skip
"""Functions of which nothing is opaque."""

OPAQUE = {
    "while": (
        lambda x: (jax.lax.while_loop(lambda c: c < 5, lambda c: c + 1, x[0, 0].astype(int)), x),
        A,
    ),
    "branches": (lambda x: jax.lax.cond(x.sum() > 0, jnp.sin, jnp.cos, x), A),
    "again": (lambda x: jax.checkpoint(lambda y: jnp.sin(jnp.cos(y)))(x), A),
    "straight through": (lambda q, k, v: attention(rounded(q), k, v), Q, K, V),
    "clip": (lambda x: clipped(x**2) * 3, A),
}
"""Functions of which something is opaque."""


def test_numbers_and_gradients_are_equal():
    agree(KNOWN)
    for name, (fn, *arguments) in KNOWN.items():
        found = imported(fn, *arguments)
        assert found.opaque == [], name
        assert found.coverage == {"operations": 1, "flops": 1}, name


def test_kernels_of_an_axis_are_what_they_are_said_to_be():
    def fn(x):
        return (
            x.prod(1),
            jnp.cumprod(x, 0),
            *(along(x, 1) for along in (jax.lax.cummax, jax.lax.cummin, jax.lax.cumlogsumexp)),
        )

    for one, other in zip(evaluate(cl.from_jax(fn, TIES), [TIES]), fn(TIES), strict=True):
        np.testing.assert_allclose(one, other, 1e-5)


def test_integers_are_not_summed_block_by_block():
    def fn(x, i):
        return (x * i).sum(0), i.sum(0), jnp.cumsum(i, 0)[-1], i.max(0)

    circuit = cl.from_jax(fn, A, jnp.ones((4, 6), int))
    state = stream(circuit, "x0").state
    assert [text.split("= ")[1].split("_")[0] for text in state] == ["sum"]


def test_arrays_that_are_put_together_are_streamed_along_that_axis():
    def fn(x, y):
        return (jnp.concatenate([x, y]) ** 3).sum(0)

    lowered = cl.lower(stream(cl.from_jax(fn, A, B[:3]), "x0"), block=3)
    for one in (fn, lambda *xs: lowered({}, *xs)):
        found = jax.vjp(one, A, B[:3])
        pair = found[0], found[1](A[0])
        np.testing.assert_allclose(pair[0], fn(A, B[:3]), 1e-5)
        for own, x in zip(pair[1], (A, B[:3]), strict=True):
            np.testing.assert_allclose(own, 3 * x**2 * A[0], 1e-4, 1e-5)


def test_what_has_no_kernel_is_evaluated_by_its_primitive():
    agree(OPAQUE)
    found = imported(*OPAQUE["again"])
    assert found.coverage["operations"] < 1
    assert "test_jaxpr.py" in found.opaque[0]


def test_sixteen_bits_stay_sixteen_bits():
    half = [one.astype("bfloat16") for one in (A, C)]
    agree({"masked": (lambda x, w: jnp.where(jnp.tri(4, dtype=bool), (x @ w) * 2 + 1, 0), *half),
           "mixed": (lambda x, w: jnp.sin(x.astype("float32") @ w.astype("float32")), *half)},
          0.02)  # fmt: skip


def test_rounded_scores_are_streamed():
    half = [one.astype("bfloat16") for one in (Q, K, V)]
    circuit = cl.from_jax(KNOWN["grouped"][0], *half)
    lowered = cl.lower(stream(circuit, "k1"), block=2)
    made, exact = jax.jit(lambda *xs: lowered({}, *xs))(*half), KNOWN["grouped"][0](Q, K, V)
    assert made.dtype == "bfloat16"
    np.testing.assert_allclose(made.astype("float32"), exact, 0.03, 0.03)


def test_axes_meet_and_variables_do_not():
    circuit = cl.from_jax(lambda x: x + x.T, normal(0, 3, 3))
    assert [one.title for one in circuit.apex.operations] == ["add"]
    (operation,) = circuit.apex.operations
    assert len(circuit.axes) == 1
    assert len(operation.writes[0]) == 2
    x = normal(0, 3, 3)
    assert jnp.allclose(cl.lower(circuit)({}, x), x + x.T)


def test_modules_of_equinox_are_one_fold():
    eqx = pytest.importorskip("equinox")
    module = eqx.nn.MultiheadAttention(2, 6, key=jax.random.key(0))
    x = normal(0, 5, 6)
    found = imported(lambda module, x: module(x, x, x), module, x, params=0)
    assert found.opaque == []
    assert len(found.circuit.dom) == 1
    fold = stream(found.circuit, "x0'")
    assert [text.split("= ")[1].split("_")[0] for text in fold.state] == ["max", "sum", "sum"]
    value = jax.jit(cl.lower(found.circuit))(found.params, x)
    np.testing.assert_allclose(value, eqx.filter_jit(module)(x, x, x), 1e-5, 1e-5)


def test_equal_sizes_identify_nothing():
    circuit = cl.from_jax(attention, *(normal(k, 2, 4, 3, 4) for k in range(3)))
    assert [str(one) for one in circuit.shapes(circuit.dom)] == [
        "R[b q h d]", "R[b k h d]", "R[b k h d#2]",
    ]  # fmt: skip


def test_layers_are_as_many_contractions_as_products():
    layers = [{name: normal(9 * k + j, 6, 6) for j, name in enumerate("qkv")} for k in range(12)]

    def model(layers, x):
        for one in layers:
            x = self_attention(one, x)
        return x

    circuit = cl.from_jax(model, layers, normal(0, 2, 5, 6), params="layers")
    products = [one for one in circuit.apex.operations if one.title == "dot_general"]
    assert len(products) == 60
    assert len(circuit.parameters) == 36
    assert "3/q" in circuit.parameters


def test_nothing_is_computed_twice():
    def encoder(w, x):
        return jnp.tanh(x @ w)

    def both(w, v, x, y):
        a, b = encoder(w, x), encoder(v, y)
        return a @ b.T, (a * b).sum(-1)

    circuit = cl.from_jax(both, C, C, A, B)
    titles = [one.title for one in circuit.apex.operations]
    assert titles.count("tanh") == 2


def slopes(q, k, v, s):
    """Return attention with the biases of ALiBi, as numbers of indices."""
    scores = jnp.einsum("qd,kd->qk", q, k)
    scores += s * (jnp.arange(len(k)) - jnp.arange(len(q))[:, None])
    return jnp.einsum("qk,kd->qd", jax.nn.softmax(scores), v)


def buckets(q, k, v, s):
    """Return attention with biases by distance, logarithmic from 4 on, as in T5."""
    apart = jnp.arange(len(k)) - jnp.arange(len(q))[:, None]
    far = 4 + jnp.log(jnp.maximum(abs(apart), 1) / 4).astype(int)
    bias = s[jnp.where(abs(apart) < 4, abs(apart), jnp.minimum(far, 7))]
    return jnp.einsum("qk,kd->qd", jax.nn.softmax(jnp.einsum("qd,kd->qk", q, k) + bias), v)


@pytest.mark.parametrize(("fn", "rank"), [(slopes, ()), (buckets, (8,))])
def test_biases_by_positions_are_never_whole(fn, rank):
    q, k, v, s = (normal(j, *shape) for j, shape in enumerate([(64, 4)] * 3 + [rank]))
    circuit = cl.from_jax(fn, q, k, v, s)
    assert circuit.opaque == []
    lowered = cl.lower(stream(circuit, "k"), block=8)
    pair = [lambda *xs: lowered({}, *xs).sum(), lambda *xs: fn(*xs).sum()]
    compiled = [jax.jit(jax.grad(one, (0, 1, 2, 3))).lower(q, k, v, s).compile() for one in pair]
    found, wanted = (one(q, k, v, s) for one in compiled)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, 1e-4, 1e-4)
    memory = [one.memory_analysis().temp_size_in_bytes for one in compiled]
    assert memory[0] < memory[1] / 2


def test_what_is_put_in_blocks_forms_no_mask():
    u, i = normal(0, 256, 2), jnp.arange(256) * 7 % 512

    def fn(u, i):
        return jax.ops.segment_sum(jnp.tanh(u), i, 512)

    lowered = cl.lower(stream(cl.from_jax(fn, u, i), "u0"), block=64)
    compiled = jax.jit(lambda u, i: lowered({}, u, i)).lower(u, i).compile()
    np.testing.assert_allclose(compiled(u, i), fn(u, i), 1e-6)
    assert compiled.memory_analysis().temp_size_in_bytes < 64 * 512 * 4 / 4


@pytest.mark.parametrize(
    ("case", "letter", "parts"),
    [
        ("attention", "k", ["max", "sum", "sum"]),
        ("grouped", "k1", ["max", "sum", "sum"]),
        ("labels", "w1", ["max", "sum", "sum"]),
    ],
)
def test_attentions_and_losses_are_one_fold(case, letter, parts):
    fn, *arguments = KNOWN[case]
    fold = stream(cl.from_jax(fn, *arguments), letter)
    assert [text.split("= ")[1].split("_")[0] for text in fold.state] == parts


def test_stopped_gradients_are_stopped():
    def byol(w, x, y):
        return ((x @ w - jax.lax.stop_gradient(y @ w)) ** 2).mean()

    agree({"byol": (byol, C, A, B)})


def test_scopes_are_blocks_and_boxes_have_their_line():
    def layer(w, x):
        with jax.named_scope("layer"):
            with jax.named_scope("linear"):
                y = x @ w
            return jnp.tanh(y)

    circuit = cl.from_jax(lambda w, x: layer(w, -layer(w, x)).sum(), normal(0, 6, 6), A)
    H = circuit.apex
    paths = {
        one.title: [H.column("title")[b] for b in H.lists["within"].row(box)]
        for box, one in enumerate(H.operations)
    }
    assert paths["dot_general"] == ["layer", "linear"]
    assert paths["tanh"] == ["layer"]
    assert paths["reduce_sum"] == []
    assert len(H.column("title")) == 4
    assert all("test_jaxpr.py:" in one.source for one in H.operations)


def test_arguments_of_other_sizes_are_named():
    found = imported(lambda q, k: q @ k.T, jnp.ones((3, 4)), jnp.ones((5, 4)))
    with pytest.raises(ImportRefused) as error:
        found.inputs(jnp.ones((3, 4)), jnp.ones((5, 2)))
    assert [(one.where, one.message[:6]) for one in error.value.failures] == [
        ("argument k", "axis 1")
    ]  # fmt: skip


def test_axes_are_called_by_arguments_and_layers():
    weights = {"up": {"weight": jnp.ones((4, 6)), "bias": jnp.ones(6)}, "down": jnp.ones((6, 2))}

    def layer(weights, x):
        return jnp.tanh(x @ weights["up"]["weight"] + weights["up"]["bias"]) @ weights["down"]

    circuit = cl.from_jax(layer, weights, jnp.ones((3, 4)), params=0)
    assert {*circuit.axes} == {"x0", "x1", "up", "down"}
    assert {*cl.from_jax(lambda x: x * 2, jnp.ones(3)).axes} == {"x"}
    assert {*cl.from_jax(lambda *args: args[0] + args[1], C, C).axes} == {"x0", "x1"}


@pytest.mark.parametrize("library", ["flax", "equinox"])
def test_layers_of_models_are_drawn_once(library):
    pytest.importorskip(library, reason=f"{library} is not installed")
    circuit = {"flax": linen_layers, "equinox": equinox_layers}[library](4)
    for depth in (0, 1):
        scene = circuit_scene(circuit, depth=depth)
        closed = [stand.glyph.sign for stand in scene.stands if stand.glyph.kind == "closed"]
        shown = [*closed, *(f"{frame.title} {frame.times}" for frame in scene.frames)]
        assert sum("×" in one for one in shown) == 1
        assert "Layer ×4" in shown or "layers ×4" in shown
    inside = {frame.block: frame.times for frame in scene.frames}
    own = [s for s in scene.stands if s.glyph.path and inside[s.glyph.path[0]] == "×4"]
    assert [one.glyph.kind for one in own].count("closed") == 5


def linen_layers(count):
    from flax import linen

    class Layer(linen.Module):
        @linen.compact
        def __call__(self, x):
            x = x + linen.MultiHeadDotProductAttention(2)(linen.LayerNorm()(x))
            y = linen.Dense(8)(linen.LayerNorm()(x))
            return x + linen.Dense(4)(jnp.tanh(y))

    class Model(linen.Module):
        @linen.compact
        def __call__(self, x):
            for _ in range(count):
                x = Layer()(x)
            return linen.Dense(3)(x)

    x, model = jax.ShapeDtypeStruct((5, 4), jnp.float32), Model()
    return cl.from_jax(model.apply, jax.eval_shape(model.init, jax.random.key(0), x), x, params=0)


def equinox_layers(count):
    import equinox as eqx

    class Layer(eqx.Module):
        norms: list
        attention: eqx.nn.MultiheadAttention
        up: eqx.nn.Linear
        down: eqx.nn.Linear

        def __call__(self, x):
            y = jax.vmap(self.norms[0])(x)
            x = x + self.attention(y, y, y)
            y = jax.vmap(self.up)(jax.vmap(self.norms[1])(x))
            return x + jax.vmap(self.down)(jnp.tanh(y))

    class Model(eqx.Module):
        layers: list
        out: eqx.nn.Linear

        def __call__(self, x):
            for layer in self.layers:
                x = layer(x)
            return jax.vmap(self.out)(x)

    key = jax.random.key(0)

    def layer():
        norms, attention = [eqx.nn.LayerNorm(4)] * 2, eqx.nn.MultiheadAttention(2, 4, key=key)
        return Layer(norms, attention, *(eqx.nn.Linear(*n, key=key) for n in ((4, 8), (8, 4))))

    model = Model([layer() for _ in range(count)], eqx.nn.Linear(4, 3, key=key))
    return cl.from_jax(lambda model, x: model(x), model, jnp.ones((5, 4)), params=0)


def test_scopes_that_cannot_stand_together_are_no_blocks():
    def twice(x, y):
        with jax.named_scope("outer"):
            a, b = jnp.sin(x), jnp.cos(y)
            with jax.named_scope("inner"):
                c = jnp.exp(a)
            d = jnp.tanh(c) + b
            return d

    circuit = cl.from_jax(lambda x, y: twice(x, y) * 2, A, B)
    assert circuit.apex.column("title") == ("outer", "inner")
    assert circuit.failures() == []


def test_effects_keep_their_order():
    seen = []

    def printing(x):
        jax.debug.callback(lambda value: seen.append(("first", float(value))), x[0, 0])
        y = jnp.sin(x)
        jax.debug.callback(lambda value: seen.append(("then", float(value))), y[0, 0])
        return y

    circuit = cl.from_jax(printing, A)
    assert jnp.allclose(cl.lower(circuit)({}, A), jnp.sin(A))
    jax.effects_barrier()
    assert [name for name, _ in seen] == ["first", "then"]
    assert jnp.allclose(jax.grad(lambda x: cl.lower(circuit)({}, x).sum())(A), jnp.cos(A))


def test_layers_take_the_operations_of_the_original():
    layers = [{name: normal(9 * k + j, 32, 32) for j, name in enumerate("qkv")} for k in range(2)]

    def model(layers, x):
        for one in layers:
            x = self_attention(one, x)
        return x

    x = normal(0, 2, 16, 32)
    found = imported(model, layers, x, params=0)
    lowered = cl.lower(found.circuit)
    pair = [jax.jit(model).lower(layers, x), jax.jit(lowered).lower(found.params, x)]
    flops, own = (one.compile().cost_analysis()["flops"] for one in pair)
    assert abs(own / flops - 1) < 0.01


def test_parameters_have_addresses():
    tree = {"up": [C, A[0]], "down": {"w": A}}
    found = imported(lambda x, tree: x @ tree["up"][0] @ tree["down"]["w"], A, tree, params="tree")
    assert list(found.circuit.parameters) == ["down/w", "up/0"]
    value = cl.lower(found.circuit)(found.params, *found.inputs(A, tree))
    assert jnp.allclose(value, A @ C @ A, atol=1e-4)


def at_one(monkeypatch):
    """Let all variables of a shape be read in the other order."""
    whole = words.joined
    monkeypatch.setattr(words, "joined", lambda sizes, before: whole(sizes, before)[::-1])


def entered(monkeypatch):
    """Enter functions with a rule of their own."""
    monkeypatch.setattr(
        jaxpr, "_entered", lambda eqn: eqn.params.get("jaxpr") or eqn.params.get("call_jaxpr")
    )


def unstopped(monkeypatch):
    """Let gradients pass what stops them."""
    monkeypatch.setitem(primitives.ELEMENTWISE, "stop_gradient", "view")


def unmasked(monkeypatch):
    """Let a condition hold where it does not."""
    monkeypatch.setattr(primitives, "_negated", lambda value: value)


def unclamped(monkeypatch):
    """Let windows that reach over the end begin where they are told."""
    monkeypatch.setattr(
        indexing, "_clamped", lambda self, value, most, length: self.indices(value, length)
    )


def together(monkeypatch):
    """Add up what is put at one place."""
    monkeypatch.setattr(indexing, "_injective", lambda columns: True)


@pytest.mark.parametrize(
    ("mutant", "case"),
    [
        (unclamped, ("windows that move", *KNOWN["windows that move"])),
        (together, ("put at one place", lambda x, y, i: x.at[i].set(y), A, B, AGAIN)),
        (at_one, ("reshaped", *KNOWN["reshaped"])),
        (entered, ("clip", *OPAQUE["clip"])),
        (unstopped, ("stop", lambda x: x * jax.lax.stop_gradient(x), A)),
        (unmasked, ("mask", lambda x: jnp.where(jnp.arange(6) < 2, 0, x), A)),
    ],
)
def test_broken_importers_are_found(mutant, case, monkeypatch):
    name, *arguments = case
    mutant(monkeypatch)
    with pytest.raises((AssertionError, IndexError, ValueError)):
        agree({name: arguments})


def test_arguments_may_be_given_by_name():
    def shifted(x, *, y, shift):
        return x - 2 * y + shift

    circuit = cl.from_jax(shifted, A, shift=1.0, y=2 * A)
    np.testing.assert_allclose(cl.lower(circuit)({}, A, 1.0, 2 * A), 1 - 3 * A, rtol=1e-5)
    circuit = cl.from_jax(shifted, A, y=2 * A, shift=1.0, params="y")
    assert list(circuit.parameters) == ["y"]
    with pytest.raises(ImportRefused, match="unexpected keyword argument 'z'"):
        cl.from_jax(shifted, A, z=A)
    summed = [cl.from_jax(lambda x, axis: x.sum(axis), A, 0, static_argnums=k) for k in (1, -1)]
    assert summed[0] == summed[1]


def branching(x):
    return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    ("fn", "arguments", "options"),
    [
        (branching, (A,), {}),
        (lambda x: x[x > 0], (A,), {}),
        (lambda x: x + "a", (A,), {}),
        (lambda x: jnp.nonzero(x), (A,), {}),
        (lambda x: np.sin(x), (A,), {}),
        (lambda x: x * float(x.sum()), (A,), {}),
        (lambda x: jnp.zeros(x[0, 0].astype(int)), (A,), {}),
        (lambda x: jax.checkpoint(branching)(x), (A,), {}),
        (lambda x: ("a", x), (A,), {}),
        (lambda x: x, (jnp.zeros((0, 2)),), {}),
        (lambda x: x[:0], (A,), {}),
        (3, (A,), {}),
        (lambda weights: weights, (A,), {"params": "weigths"}),
        (lambda x, y: x + y, (A, 0), {"static_argnums": 2}),
        (lambda x, y: x + y, (A, 0), {"static_argnums": (1, -3)}),
    ],
)
def test_what_cannot_be_imported_is_refused(fn, arguments, options):
    with pytest.raises(ImportRefused):
        cl.from_jax(fn, *arguments, **options)
