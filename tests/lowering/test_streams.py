"""Circuits that run with some of their passes streamed: the same numbers, less memory."""

from functools import partial

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
from catlearn.arrays.evaluation import evaluate
from catlearn.errors import InvalidStructure, UnknownName, WrongKind
from catlearn.lowering.streaming import StreamPlan
from catlearn.models.architectures import Architecture
from catlearn.streams import AmbiguousAxis, stream
from catlearn.zoo import architectures
from tests.errors import says
from tests.lowering.test_arrays import BATCH, CASES


def differences(one, other):
    pairs = zip(*(map(np.asarray, jax.tree.leaves(some)) for some in (one, other)), strict=True)
    return max(np.max(np.abs(a - b) / (1 + np.max(np.abs(b)))) for a, b in pairs)


@pytest.fixture(scope="module")
def layer():
    return architectures.gpt2_layer().at(m=4, h=2, d=2, f=64)


def test_attention_and_the_hidden_layer_of_a_transformer_are_streamed(layer):
    with jax.enable_x64(True):
        plain, streamed = cl.lower(layer), cl.lower(layer, streams="auto", block=16)
        params = jax.tree.map(
            lambda x: jnp.asarray(np.random.default_rng(0).normal(size=x.shape)),
            jax.eval_shape(plain.init, jax.random.key(0)),
        )
        x = jnp.asarray(np.random.default_rng(1).normal(size=(40, 4)))
        shapes = [x.shape, *(one.shape for one in plain.values(params))]
        made, _ = streamed.islands(*shapes)
        assert {len(one.fold.state) for one in made} == {1, 3}
        assert len(streamed.plan(*shapes).streamed) == 2

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
            jax.eval_shape(plain.init, jax.random.key(0)),
        )
        x = jnp.asarray(np.random.default_rng(1).normal(size=(40, 4)))
        made, _ = streamed.islands(x.shape, *(one.shape for one in plain.values(params)))
        assert {len(one.fold.state) for one in made} == {1, 3}
        made = jax.jit(lambda *given: [fn(*given) for fn in (streamed, plain)])(params, x)
        assert differences(*made) < 1e-11


def test_arrays_of_other_sizes_run_with_what_is_streamed_for_these():
    hidden = (einsum("b m, m f -> b f") >> tanh) @ idle >> einsum("b f, f o -> b o")
    other = (einsum("n d, d p -> n p") >> square) @ idle >> einsum("n p, p r -> n r")
    both = hidden @ other
    fn, plain = cl.lower(both, streams="auto"), cl.lower(both)
    random = np.random.default_rng(0)

    def arrays(size):
        return [random.normal(size=shape) for shape in ((size, 2), (2, size), (size, 2))]

    one, two = [*arrays(200), *arrays(3)], [*arrays(3), *arrays(200)]
    compiled = jax.jit(lambda *xs: [run({}, *xs) for run in (fn, plain)])
    for xs in (one, two, one):
        assert differences(*compiled(*xs)) < 1e-4


def test_small_arrays_are_left_alone(layer):
    streamed = cl.lower(layer, streams="auto")
    shapes = [(2, 4), *(tuple(int(s.number) for s in p) for p in layer.parameters.values())]
    assert streamed.islands(*shapes) == ([], {})


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
        params, state = jax.jit(fn.init)(jax.random.key(0))
        step = jax.jit(jax.value_and_grad(lambda p, fn=fn, s=state: fn(p, s, {"points": data})[0]))
        assert ("while" in step.lower(params).as_text()) == (streams == "auto")
        values.append(step(params))
    assert differences(*values) < 1e-5


# ---------------------------------------------------------------- losses


def language(n=64, v=2048, d=4, streams=None, **options):
    """Return a language model whose last map is on an edge, its divergence in the equation."""
    X, F, W = cl.Space("X", d), cl.Space("F", d), cl.Categorical("word", v)
    trunk = cl.Model("trunk", X, F, linear("up", "m -> f") >> tanh >> linear("down", "f -> k"), f=8)
    head = cl.Model("head", F, W, linear("E", "k -> v"))
    text = cl.Dataset("text", X=X, word=W)
    D = cl.LearningDiagram(
        text, trunk, head, equations={"lm": "text.X >> trunk >> head = text.word"}
    )
    random = np.random.default_rng(0)
    batch = {"X": random.normal(size=(n, d)).astype("float32"), "word": random.integers(0, v, n)}
    return cl.lower(D.loss(), streams=streams, **options), {"text": batch}


def contrastive(n=512, d=4, streams=None, symmetric=True, **options):
    X, F = cl.Space("X", d), cl.Space("F", d)
    left, right = (cl.Model(name, X, F, linear("A", "m -> k")) for name in ("left", "right"))
    fit = cl.Equation("pairs.X >> left = pairs.Y >> right",
                      divergence=cl.Divergence("info_nce", symmetric=symmetric))  # fmt: skip
    D = cl.LearningDiagram(cl.Dataset("pairs", X=X, Y=X), left, right, equations={"clip": fit})
    random = np.random.default_rng(0)
    batch = {name: random.normal(size=(n, d)).astype("float32") for name in "XY"}
    return cl.lower(D.loss(), streams=streams, **options), {"pairs": batch}


def gradient_of(fn, batch, key=None):
    """Return the compiled value and gradient of a loss, and its arguments."""
    params, state = jax.jit(fn.init)(jax.random.key(0))

    def run(params, batch):
        return fn(params, state, batch, key)[0]

    return jax.jit(jax.value_and_grad(run)).lower(params, batch).compile(), (params, batch)


@pytest.mark.parametrize(("made", "least"), [(language, 10), (contrastive, 2)])
def test_a_pass_goes_through_an_edge_and_the_divergence_of_its_equation(made, least):
    found = {streams: gradient_of(*made(streams=streams)) for streams in (None, "auto")}
    held = {key: run.memory_analysis().temp_size_in_bytes for key, (run, _) in found.items()}
    assert held[None] > least * held["auto"]
    assert differences(*(run(*arguments) for run, arguments in found.values())) < 1e-5


def test_the_plan_of_a_loss_says_what_is_streamed():
    fn, batch = language(streams="auto")
    (asked,) = fn.plan.streams.at(text=64).values()
    (one,) = asked.streamed
    assert (one.largest, one.length) == (64 * 2048, 2048)
    assert one.saved == 64 * 2048 - 64 * one.block > 64 * 1024
    assert not asked.refused
    jax.eval_shape(lambda: fn(*fn.init(jax.random.key(0)), batch))
    assert str(one) in str(fn.plan)
    (small,) = fn.plan.streams.at(text=1).values()
    assert not small.streamed


def test_variables_of_a_loss_are_those_of_its_circuits():
    fn, _ = language(streams=["v"])
    (asked,) = fn.plan.streams.at(text=64).values()
    assert len(asked.streamed) == 1
    (asked,) = language(streams=["f"])[0].plan.streams.at(text=64).values()
    assert not asked.streamed


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"streams": ["zzz", "v", "yyy"]}, UnknownName, ["'zzz'", "'yyy'"]),
        ({"streams": 3}, WrongKind, ["streams"]),
        ({"streams": [3]}, WrongKind, ["streams"]),
        ({"streams": "auto", "block": 0}, InvalidStructure, ["0"]),
        ({"block": 32}, InvalidStructure, ["streams="]),
        ({"streams": "auto", "block": 1.5, "remat": ["nobody"]}, InvalidStructure,
         ["1.5", "nobody"]),
    ],
)  # fmt: skip
def test_bad_options_of_streams_are_refused(options, error, said):
    with pytest.raises(error) as caught:
        language(**options)
    assert all(word in str(caught.value) for word in said)


def test_a_run_is_streamed():
    import optax

    (plain, batch), (fn, _) = language(), language(streams="auto")
    given = {"steps": 3, "batch_size": 64, "data": batch, "progress": False}
    one, two = (cl.fit(f, optax.sgd(1e-2), **given) for f in (plain, fn))
    assert differences(one.params, two.params) < 1e-6
    three = cl.fit(plain.loss, optax.sgd(1e-2), streams=["v"], **given)
    assert differences(one.params, three.params) < 1e-6
    with pytest.raises(InvalidStructure):
        cl.fit(fn, optax.sgd(1e-2), streams="auto", **given)


def test_what_costs_too_much_is_left_alone_unless_it_is_named():
    """What is carried from block to block is long where vectors are, and blocks are short."""
    fn, _ = contrastive(streams="auto", d=512, block=16)
    (asked,) = fn.plan.streams.at(pairs=4096).values()
    assert not asked.streamed
    assert asked.refused
    fn, _ = contrastive(streams=["here"], d=512, block=16)
    (asked,) = fn.plan.streams.at(pairs=4096).values()
    assert asked.streamed[0].slower > 1.6
    centre = cl.arrays.variance("[n] -> ")
    assert cl.lower(centre, streams="auto").plan((65536,)) == StreamPlan()


class BatchMean(Architecture):
    """What is left after the mean over the batch, which is kept."""

    stateful = True

    def init(self, key, source, target):
        return {"mean": jnp.zeros(source.features)}

    def parts(self, variables):
        return None, None, variables

    def run(self, variables, x, key=None, train=False):
        mean = x.mean(axis=0)
        return x - mean, {"mean": mean}


def test_edges_that_see_a_whole_batch_are_apart():
    X, Y = cl.Space("X", 4), cl.Space("Y", 2)
    parts = [
        cl.Model("drop", X, X, linear("A", "m -> k") >> cl.arrays.dropout(0.5)),
        cl.Model("norm", X, X, BatchMean()), cl.Model("head", X, Y, linear("B", "m -> k")),
    ]  # fmt: skip
    D = cl.LearningDiagram(cl.Dataset("d", X=X, Y=Y), *parts)
    fn = cl.lower(D.loss(["d.X >> drop >> norm >> head = d.Y"]), streams=["d"])
    assert list(fn.plan.streams.apart) == ["drop", "norm"]
    assert "norm" in str(fn.plan.streams)
    random = np.random.default_rng(0)
    batch = {"d": {"X": random.normal(size=(9, 4)), "Y": random.normal(size=(9, 2))}}
    values = []
    for one in (fn, cl.lower(fn.loss)):
        params, state = jax.jit(one.init)(jax.random.key(0))
        values.append(jax.jit(one)(params, state, batch, jax.random.key(1)))
    assert differences(*values) < 1e-6


@pytest.mark.parametrize(
    "name", ["equations that train", "a model that is no circuit", "logits against logits"]
)
def test_a_streamed_loss_is_the_loss(name):
    values = []
    for streams in (None, "auto"):
        fn = cl.lower(CASES[name].loss(), streams=streams)
        params, state = jax.jit(fn.init)(jax.random.key(0))
        step = jax.value_and_grad(lambda p, fn=fn, s=state: fn(p, s, BATCH), has_aux=True)
        values.append(jax.jit(step)(params))
    assert differences(*values) < 1e-5


@pytest.mark.parametrize("options", [{"stack": 2}, {"precision": "bfloat16"}, {"remat": True}])
def test_classes_of_losses_run_as_one_and_are_streamed(options):
    """Two squares of one shape, and one that shares the data; also with other options."""
    X, F, W = cl.Space("X", 3), cl.Space("F", 2), cl.Categorical("word", 300)
    parts, equations = [], {}
    for k in range(3 if "stack" in options else 1):
        parts += [cl.Model(f"trunk_{k}", X, F, linear("A", "m -> k")),
                  cl.Model(f"head_{k}", F, W, linear("E", "k -> v"))]  # fmt: skip
        data = f"text_{min(k, 1)}"
        equations[f"lm_{k}"] = f"{data}.X >> trunk_{k} >> head_{k} = {data}.word"
    texts = [cl.Dataset(f"text_{k}", X=X, word=W) for k in range(min(2, len(equations)))]
    loss = cl.LearningDiagram(*texts, *parts, equations=equations).loss()
    random = np.random.default_rng(0)
    batch = {one.name: {"X": random.normal(size=(80, 3)).astype("float32"),
                        "word": random.integers(0, 300, 80)} for one in texts}  # fmt: skip
    values = []
    for streams in (None, "auto"):
        fn = cl.lower(loss, streams=streams, **options)
        params, state = jax.jit(fn.init)(jax.random.key(0))
        step = jax.jit(jax.value_and_grad(lambda p, fn=fn, s=state: fn(p, s, batch)[0]))
        if "stack" in options:
            assert ("while" in step.lower(params).as_text()) == (streams == "auto")
        values.append(step(params))
    assert differences(*values) < (1e-2 if "precision" in options else 1e-5)


def test_variables_have_one_name_in_streams_and_in_costs():
    both = linear("A", "m -> k") >> tanh >> linear("B", "m -> k") >> einsum("k ->")
    with pytest.raises(AmbiguousAxis) as caught:
        stream(both, "m")
    names = [f"{one}/m" for one in "AB"]
    assert all(name in str(caught.value) for name in names)
    for name in names:
        assert name in cl.resources(both, island=name).island.modes
        assert stream(both, name).variable == name
    assert stream(both, "linear 'B'/m").state == stream(both, "B/m").state


@cl.traced("n m", "")
def dropping(x, seed):
    q, k = linear("Q", "m -> d", d=3)(x), linear("K", "m -> d", d=3)(x)
    weights = cl.arrays.softmax("[x]")(einsum("q d, x d -> q x")(q, k))
    weights = cl.arrays.dropout(0.5, by="q x")(weights, seed)
    return einsum("q x, x d -> q d")(weights, linear("V", "m -> d", d=3)(x))


@pytest.fixture(scope="module")
def drops():
    """Return losses of two edges that drop weights, as they are and streamed, and a batch."""
    X, Y = cl.Space("X", (32, 4)), cl.Space("Y", (32, 3))
    models = [cl.Model(name, X, Y, dropping) for name in ("left", "right")]
    same = cl.Equation("data.X >> left = data.Y"), cl.Equation("data.X >> right = data.Y")
    D = cl.LearningDiagram(cl.Dataset("data", X=X, Y=Y), *models)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 32, 4)))
    batch = {"data": {"X": jnp.concatenate([x, x]), "Y": jnp.zeros((2, 32, 3))}}
    fns = [cl.lower(D.loss([*same])), cl.lower(D.loss([*same]), streams=["x"], block=8)]
    params, state = fns[0].init(jax.random.key(0))
    one = params["left"]
    return fns, {**params, "left": one, "right": one}, state, batch


def test_dropout_by_indices_draws_with_the_key_of_its_edge_in_blocks_too(drops):
    fns, params, state, batch = drops
    assert all(one.streamed for one in fns[1].plan.streams.at(data=2).values())

    def cost(params, key, fn, train=True):
        return fn(params, state, batch, key=key, train=train)[0]

    key = jax.random.key(7)
    slopes = [jax.jit(jax.value_and_grad(partial(cost, fn=fn))) for fn in fns]
    plain, streamed = (slope(params, key) for slope in slopes)
    assert differences(plain, streamed) < 1e-5
    other, _ = slopes[0](params, jax.random.key(8))
    assert abs(other - plain[0]) > 1e-3 * plain[0]  # mutant: a seed that no key gives
    for fn, (trained, _) in zip(fns, (plain, streamed), strict=True):  # evaluation drops nothing
        evaluated = jax.jit(partial(cost, fn=fn, train=False))
        assert jnp.allclose(evaluated(params, key), evaluated(params, None))
        assert evaluated(params, None) != trained


def test_examples_and_edges_drop_each_by_a_seed_of_their_own(drops):
    _, params, _, batch = drops
    model = cl.Model("left", cl.Space("X", (32, 4)), cl.Space("Y", (32, 3)), dropping)
    architecture = model.architecture.between(cl.Space("X", (32, 4)), cl.Space("Y", (32, 3)))
    one, two = architecture.run(params["left"], batch["data"]["X"], jax.random.key(0), True)[0]
    assert not jnp.allclose(one, two)  # mutant: one seed for a batch
    one, two = architecture.run(params["left"], batch["data"]["X"], None, True)[0]
    assert jnp.allclose(one, two)


def test_a_negative_seed_drops_nothing():
    circuit = cl.arrays.dropout(0.5, by="q x")
    x = np.random.default_rng(0).normal(size=(4, 6))
    for seed, dropped in ((-1, False), (3, True)):
        found = evaluate(circuit, [x, np.array(seed)])
        found += [cl.lower(circuit)({}, jnp.asarray(x), jnp.asarray(seed))]
        for one in found:
            assert bool((np.asarray(one) == 0).any()) is dropped


def test_plans_are_asked_for_by_arrays_or_shapes_of_all_and_data_sets_by_name():
    scores = einsum("q d, x d -> q x") >> softmax("[x]")
    fn = cl.lower(scores @ idle >> einsum("q x, x e -> q e"), streams="auto")
    shapes = (64, 2), (64, 2), (64, 2)
    arrays = [jax.ShapeDtypeStruct(shape, "float32") for shape in shapes]
    assert str(fn.plan(*arrays)) == str(fn.plan(*shapes))
    with pytest.raises(InvalidStructure) as caught:
        fn.plan(shapes[0])
    says(caught.value, "input 1")
    with pytest.raises(WrongKind) as caught:
        fn.plan({}, *shapes)
    says(caught.value, "shape")
    with pytest.raises(UnknownName) as caught:
        cl.lower(fn.circuit, streams="automatic")
    says(caught.value, "'auto'")
    streams = language(streams=["f"])[0].plan.streams
    for sizes, name in (({"txt": 64}, "txt"), ({}, "text")):
        with pytest.raises(UnknownName) as caught:
            streams.at(**sizes)
        says(caught.value, name)
