"""Circuits that run with some of their passes streamed: the same numbers, less memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import (
    cross_entropy,
    einsum,
    idle,
    linear,
    mean,
    relu,
    softmax,
    square,
    tanh,
    where,
)
from catlearn.errors import UnknownName
from catlearn.zoo import architectures


def differences(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(float(jnp.max(jnp.abs(a - b) / (1 + jnp.max(jnp.abs(b))))) for a, b in pairs)


@pytest.fixture(scope="module")
def layer():
    return architectures.gpt2_layer().at(m=4, h=2, d=2, f=64)


def test_attention_and_the_hidden_layer_of_a_transformer_are_streamed(layer):
    with jax.enable_x64(True):
        plain, streamed = cl.lower(layer), cl.lower(layer, streams="auto", block=16)
        params = jax.tree.map(
            lambda x: jnp.asarray(np.random.default_rng(0).normal(size=x.shape)),
            plain.init(jax.random.key(0)),
        )
        x = jnp.asarray(np.random.default_rng(1).normal(size=(40, 4)))
        shapes = [x.shape, *(one.shape for one in plain.values(params))]
        made, _ = streamed.islands(*shapes)
        assert {len(one.fold.state) for one in made} == {1, 3}
        assert streamed.plan(*shapes).count("\n") == 1

        def both(fn):
            def total(params, x):
                y = fn(params, x)
                return jnp.sum(jnp.sin(y)), y

            return jax.jit(jax.grad(total, (0, 1), has_aux=True))(params, x)

        assert differences(both(streamed), both(plain)) < 1e-11


def test_repeated_layers_are_streamed_in_their_rounds(layer):
    repeated = layer.repeat(2, "layers")
    with jax.enable_x64(True):
        plain, streamed = cl.lower(repeated), cl.lower(repeated, streams="auto", block=16)
        params = jax.tree.map(
            lambda x: jnp.asarray(np.random.default_rng(0).normal(size=x.shape)),
            plain.init(jax.random.key(0)),
        )
        x = jnp.asarray(np.random.default_rng(1).normal(size=(40, 4)))
        made, _ = streamed.islands(x.shape, *(one.shape for one in plain.values(params)))
        assert {len(one.fold.state) for one in made} == {1, 3}
        assert differences(streamed(params, x), plain(params, x)) < 1e-11


def test_arrays_of_other_sizes_run_with_what_is_streamed_for_these():
    hidden = (einsum("b m, m f -> b f") >> tanh) @ idle >> einsum("b f, f o -> b o")
    other = (einsum("n d, d p -> n p") >> square) @ idle >> einsum("n p, p r -> n r")
    both = hidden @ other
    fn, plain = cl.lower(both, streams="auto"), cl.lower(both)
    random = np.random.default_rng(0)

    def arrays(size):
        return [random.normal(size=shape) for shape in ((size, 2), (2, size), (size, 2))]

    one, two = [*arrays(200), *arrays(3)], [*arrays(3), *arrays(200)]
    for xs in (one, two, one):
        assert differences(fn({}, *xs), plain({}, *xs)) < 1e-4


def test_small_arrays_are_left_alone(layer):
    streamed = cl.lower(layer, streams="auto")
    shapes = [(2, 4), *(tuple(int(s.number) for s in p) for p in layer.parameters.values())]
    assert streamed.islands(*shapes) == ([], [])


def test_letters_say_what_may_be_streamed(layer):
    shapes = [(80, 4), *(tuple(int(s.number) for s in p) for p in layer.parameters.values())]
    made, _ = cl.lower(layer, streams=["f"], block=16).islands(*shapes)
    assert [len(one.fold.state) for one in made] == [1]
    with pytest.raises(UnknownName):
        cl.lower(layer, streams=["nothing"])


def test_gradients_of_a_vocabulary_take_less_memory():
    circuit = einsum("b d, v d -> b v") @ idle >> cross_entropy("b [v]") >> mean("[b] ->")
    xs = [
        jax.ShapeDtypeStruct(shape, kind)
        for shape, kind in [((64, 8), "float32"), ((4096, 8), "float32"), ((64,), "int32")]
    ]

    def temporary(fn):
        made = jax.jit(jax.grad(lambda *xs: fn({}, *xs), (0, 1))).lower(*xs).compile()
        return made.memory_analysis().temp_size_in_bytes

    assert temporary(cl.lower(circuit)) > 20 * temporary(cl.lower(circuit, streams="auto"))


def test_models_on_edges_are_streamed():
    scores = einsum("q d, x d -> q x") >> where("q x", "x <= q") >> softmax("[x]")
    heads = [linear(name, "m -> d") for name in "QKV"]
    attention = cl.arrays.copy(3) >> heads[0] @ heads[1] @ heads[2]
    attention = attention >> scores @ idle >> einsum("q x, x d -> q d") >> relu
    X, Y = cl.Space("X", (200, 3)), cl.Space("Y", (200, 2))
    random = np.random.default_rng(0)
    data = {
        "X": random.normal(size=(4, 200, 3)).astype("float32"),
        "Y": random.normal(size=(4, 200, 2)).astype("float32"),
    }
    points = cl.Dataset("points", X=(X, data["X"]), Y=(Y, data["Y"]))
    square = cl.LearningDiagram(points, cl.Model("model", X, Y, attention))
    values = []
    for streams in (None, "auto"):
        fn = cl.lower(square.loss(), streams=streams)
        params, state = fn.init(jax.random.key(0))
        step = jax.jit(jax.value_and_grad(lambda p, fn=fn, s=state: fn(p, s, {"points": data})[0]))
        assert ("while" in step.lower(params).as_text()) == (streams == "auto")
        values.append(step(params))
    assert differences(*values) < 1e-5
