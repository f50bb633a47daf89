"""Circuits on edges: sizes from spaces, zooming, files, fitting, freezing, adapting, rewriting."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.arrays import (
    copy,
    dropout,
    einsum,
    embed,
    lift,
    linear,
    one_hot,
    relu,
    softmax,
    swap,
    view,
)
from catlearn.errors import CatlearnError, InvalidStructure
from catlearn.learning import swap as swapped, with_frozen
from catlearn.models import CircuitModel, each

KEY = jax.random.key(0)
X, F, Y = cl.Space("X", 6), cl.Space("F", 4), cl.Categorical("Y", 3)
XX, XF = cl.Product("XX", X, X), cl.Product("XF", X, F)
rng = np.random.default_rng(0)
BATCH = {"d": {"X": rng.normal(size=(20, 6)).astype("float32"), "Y": rng.integers(0, 3, 20)}}
DATA = cl.Dataset("d", X=(X, BATCH["d"]["X"]), Y=(Y, BATCH["d"]["Y"]))
MLP = linear("A", "m -> h", bias=True) >> relu >> linear("B", "h -> k")


def square(encoder=MLP, **sizes):
    """Return the square of a data set, an encoder that is a circuit, and a head that is one."""
    models = (
        cl.Model("encoder", X, F, encoder, **(sizes or {"h": 5})),
        cl.Model("head", F, Y, linear("C", "k -> y")),
    )
    return cl.glue(cl.LearningDiagram(DATA), cl.LearningDiagram(*models))


def fitted(diagram, **options):
    return cl.fit(diagram, optax.adam(1e-2), steps=4, progress=False, key=KEY, **options)


@pytest.fixture(scope="module")
def trained():
    """Return the square after some steps."""
    return fitted(square())


def same(one, other):
    return all(map(np.array_equal, *map(jax.tree.leaves, (one, other))))


def test_zooming_shows_the_circuit_with_the_sizes_of_its_spaces():
    found = square().zoom("encoder")
    named, other = (MLP.at(h=h).at_dom((6,)).at(k=4) for h in (5, 7))
    _, _, *rest = str(named).split("\n")
    assert found == cl.Circuit.parse("\n".join(["axes h = 5, k = 4, m = 6", *rest]))
    assert found.equal(named)
    assert not found.equal(other)
    assert found != other
    assert [size.number for size in found.parameters["B"]] == [5, 4]
    tall = cl.LearningDiagram(cl.Model("f", X, cl.Space("K", (3, 6)), view("m -> k m")))
    assert [tall.zoom("f").axes[name].number for name in "km"] == [3, 6]


def test_declared_sizes_that_are_numbers_have_no_names():
    """Labels that say the same are one; the mutants have other sizes, or one that is open."""
    one, other = (cl.Model("f", X, F, linear("A", f"m -> {name}")) for name in "kb")
    assert one.label == other.label
    glued = cl.glue(cl.LearningDiagram(one), cl.LearningDiagram(other))
    assert list(glued.trainable) == ["f"]
    deep = linear("A", "m -> h") >> linear("B", "h -> k")
    three, same, wide = (cl.Model("f", X, F, deep, h=h) for h in (3, 3, 7))
    assert three.label == same.label != wide.label
    free = cl.models.CircuitArchitecture(deep).between(X, F)
    assert free.circuit.apex.symbols == ("h",)
    assert not free.circuit.failures()
    double = cl.models.CircuitArchitecture(deep.at(h="2*g")).between(X, F)
    assert [str(size) for size in double.circuit.parameters["B"]] == ["2*g", "4"]


@pytest.mark.parametrize("edge", ["d.X", "encodr", "plain"])
def test_zooming_needs_a_circuit(edge):
    D = cl.glue(square(), cl.LearningDiagram(cl.Model("plain", X, F, "linear")))
    with pytest.raises(CatlearnError) as caught:
        D.zoom(edge)
    assert edge in str(caught.value)


@pytest.mark.parametrize(
    ("source", "target", "circuit"),
    [
        (XX, X, einsum("m, m -> m")),
        (XX, XX, swap(1, 0)),
        (Y, F, embed("E", "V -> m")),
        (Y, Y, linear("A", "y -> z")),
        (cl.Space("words", (), "int32"), F, embed("E", "V -> m", V=9)),
        (
            cl.Space("ids", 5, "int32"),
            cl.Space("rows", (5, 4)),
            lift(embed("E", "V -> m", V=9), "x"),
        ),
    ],
)  # fmt: skip
def test_spaces_are_lists_of_arrays(source, target, circuit):
    assert cl.Model("f", source, target, circuit).failures() == []


@pytest.mark.parametrize(
    ("source", "target", "circuit", "laws", "names"),
    [
        (X, X, softmax("[x] [y]"), ["rank", "rank"], ["'X'", "R[x y]"]),
        (XX, XX, relu, ["arity", "arity"], ["'XX'", "takes 1", "returns 1"]),
        (cl.Space("L", (5, 6)), F, linear("A", "m -> k"), ["rank"], ["R[k]", "2", "'F'", "1"]),
        (XX, XF, swap(1, 0), None, ["XX", "XF", "6", "4"]),
        (cl.Space("Z", (0, 3)), cl.Space("E", 0), relu, ["sizes", "sizes"], ["'Z'", "'E'"]),
        (X, F, softmax("[x]"), None, ["from X to F", "4", "6"]),
    ],
)
def test_what_does_not_fit_is_said_by_the_names_of_spaces(source, target, circuit, laws, names):
    with pytest.raises(InvalidStructure) as caught:
        cl.Model("f", source, target, circuit)
    assert laws is None or [one.law for one in caught.value.failures] == laws
    for name in ("Model 'f'", *names):
        assert name in str(caught.value)


def test_sizes_that_stay_open_are_listed():
    two = linear("A", "m -> h") >> linear("B", "h -> g") >> linear("C", "g -> k")
    with pytest.raises(CatlearnError) as caught:
        cl.LearningDiagram(cl.Model("f", X, F, two))
    assert "'h': ..." in str(caught.value)
    assert "'g': ..." in str(caught.value)


def test_a_fitted_circuit_is_given_back_with_its_parameters(trained):
    D, result = square(), trained
    model = result.model("encoder")
    assert model.circuit == D.zoom("encoder")
    x = BATCH["d"]["X"]
    expected = result.predict("encoder", x)
    np.testing.assert_allclose(model(x), expected, rtol=1e-5, atol=1e-6)
    one = cl.lower(model.circuit)(model.params, x[0])
    np.testing.assert_allclose(one, expected[0], rtol=1e-5, atol=1e-6)
    again = cl.Model("encoder", X, F, model.circuit, start=model)
    assert same(again.start, result.params["encoder"])


def test_files_hold_circuits_and_runs_go_on(tmp_path):
    """A diagram comes back from its file without ``bind``, and a run from its checkpoint."""
    D = square(linear("A", "m -> h") >> relu >> dropout(0.5) >> linear("B", "h -> k"))
    back = cl.load(cl.save(D, tmp_path / "square.json"))
    assert back == D
    assert back.zoom("encoder") == D.zoom("encoder")
    whole = fitted(D)
    place = tmp_path / "run.safetensors"
    options = {"progress": False, "key": KEY, "data": BATCH}
    half = cl.fit(back, optax.adam(1e-2), steps=2, checkpoint=place, **options)
    rest = cl.fit(back, optax.adam(1e-2), steps=4, checkpoint=place, resume=True, **options)
    assert rest.steps == 4
    assert same(rest.params, whole.params)
    assert not same(half.params, whole.params)


def test_frozen_circuits_do_not_move(trained):
    start = trained.diagram
    held = fitted(with_frozen(start, "encoder"))
    moved = fitted(start)
    first = start.starts["encoder"]
    assert not same(moved.params["encoder"], first)
    assert same(held.model("encoder").params, first)
    assert not same(held.params["head"], start.starts["head"])


def test_circuits_are_adapted_by_the_addresses_of_their_parameters():
    nested = linear("A", "m -> h").named("up") >> relu >> linear("B", "h -> k").named("down")
    encoder = cl.Model("encoder", X, F, nested, h=5)
    params = encoder.architecture.init(KEY, X, F)
    lora = cl.lora(cl.Model("encoder", X, F, nested, h=5, start=params), rank=2)
    D = cl.LearningDiagram(DATA, lora, cl.Model("head", F, Y, linear("C", "k -> y")))
    result = fitted(D)
    assert set(result.params["encoder"]["low_rank"]) == {"up/A", "down/B"}
    assert D.zoom("encoder") == cl.LearningDiagram(encoder).zoom("encoder")
    assert isinstance(result.model("encoder"), CircuitModel)
    x = BATCH["d"]["X"]
    before = encoder.architecture.apply(params, x)
    after = result.model("encoder")(x)
    np.testing.assert_allclose(after, result.predict("encoder", x), rtol=1e-4, atol=1e-5)
    assert not np.allclose(after, before, atol=1e-3)


@pytest.mark.parametrize("dropped", [False, True])
def test_edges_of_equal_circuits_are_run_as_one(dropped):
    """Stacked or not, costs and gradients are the same; also where samples are drawn."""
    circuit = MLP >> dropout(0.5) if dropped else MLP
    heads = [cl.Model(f"head_{i}", X, F, circuit, h=5) for i in range(8)]
    ends = cl.Dataset("d", X=X, F=F)
    D = cl.LearningDiagram(ends, *heads, equations=[f"d.X >> head_{i} = d.F" for i in range(8)])
    batch = {"d": {"X": BATCH["d"]["X"], "F": BATCH["d"]["X"][:, :4]}}
    values, stacked = [], []
    for stack in (True, False):
        fn = cl.lower(D.loss(), stack=stack)
        params, state = fn.init(KEY)
        value, gradient = jax.jit(
            jax.value_and_grad(lambda p, fn=fn, state=state: fn(p, state, batch, key=KEY)[0])
        )(params)
        values.append((value, {h.name: gradient[h.name] for h in heads}))
        stacked.append(fn.plan.stacking.found)
    assert stacked == [True, False]
    for one, other in zip(*map(jax.tree.leaves, values), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=1e-6)


def test_losses_of_sequences_of_labels_are_those_by_hand():
    """As in the page on losses: tokens and the next ones, and targets in a column of their own."""
    text, words, targets = (cl.Space(*one, "int32") for one in (("t", 5), ("w", 4), ("y", 4)))
    scores = cl.Space("scores", (4, 7), divergence="word_cross_entropy")
    model = cl.Model("model", words, scores, embed("E", "V -> m") >> linear("A", "m -> V"), m=3)
    parts = [
        cl.Model("before", text, words, "words_before"),
        cl.Model("after", text, scores, "words_after", words=7),
        cl.Model("told", targets, scores, lift(one_hot("v"), "x")),
    ]
    tokens = rng.integers(1, 7, (6, 5)).astype("int32")
    tokens[:3, 3:] = 0
    sides = {
        "texts": "texts.t >> before >> model = texts.t >> after",
        "pairs": "pairs.w >> model = pairs.y >> told",
    }
    D = cl.LearningDiagram(
        cl.Dataset("texts", t=text), cl.Dataset("pairs", w=words, y=targets), model, *parts,
        equations=sides,
    )  # fmt: skip
    fn = cl.lower(D.loss())
    params, state = fn.init(KEY)
    batch = {"texts": {"t": tokens}, "pairs": {"w": tokens[:, :-1], "y": tokens[:, 1:]}}
    terms = fn(params, state, batch)[1].terms
    table, read = (np.asarray(params["model"][name]) for name in "EA")
    logits = table[tokens[:, :-1]] @ read
    costs = np.log(np.exp(logits).sum(-1))
    costs -= np.take_along_axis(logits, tokens[:, 1:, None], -1)[..., 0]
    padded = np.where(tokens[:, 1:] == 0, 0.0, costs)
    expected = {"texts": padded.sum(1).mean(), "pairs": costs.sum(1).mean()}
    for name, cost in expected.items():
        np.testing.assert_allclose(terms[name], cost, rtol=1e-5)
    assert expected["texts"] < expected["pairs"] - 0.1


def test_lists_are_run_by_the_circuit_of_their_entries():
    model = cl.Model("encoder", X, F, MLP, h=5)
    lists = each(model, cl.Space("Xs", (7, 6)), cl.Space("Fs", (7, 4)))
    params = model.architecture.init(KEY, X, F)
    x = jnp.asarray(rng.normal(size=(3, 7, 6)), "float32")
    found = lists.architecture.apply(params, x)
    lifted = cl.lower(lift(model.architecture.circuit, "n x"))(params, x)
    np.testing.assert_allclose(found, lifted, rtol=1e-5, atol=1e-6)


def test_dropout_on_an_edge_takes_keys_and_modes():
    plain, random = (cl.Model("f", X, F, c, h=5).architecture for c in (MLP, MLP >> dropout(0.5)))
    assert (plain.accepts_key, plain.has_modes) == (False, False)
    assert (random.accepts_key, random.has_modes) == (True, True)
    fn = cl.lower(square(MLP >> dropout(0.5), h=5).loss())
    params, state = fn.init(KEY)
    run = jax.jit(lambda key: fn(params, state, BATCH, key=key)[0])
    trained = [run(jax.random.key(k)) for k in (0, 0, 1)]
    assert trained[0] == trained[1] != trained[2]


def test_rules_replace_a_circuit_by_another():
    """A rewriting rule replaces the encoder by two circuits, which have other parameters."""
    G = cl.Space("G", 7)
    up = cl.Model("up", X, G, linear("U", "m -> k"))
    down = cl.Model("down", G, F, relu >> linear("D", "m -> k"))
    D = swapped("encoder", up, down).rewrite(square()).apex
    assert set(D.trainable) == {"up", "down", "head"}
    assert D.zoom("up") == cl.LearningDiagram(up).zoom("up")
    assert [str(size) for size in D.zoom("down").parameters["D"]] == ["7", "4"]


def test_gluing_identifies_equal_circuits_and_refuses_others():
    k_named = linear("A", "a -> h", bias=True) >> relu >> linear("B", "h' -> k")
    assert len(cl.glue(square(), square(k_named)).trainable) == 2
    with pytest.raises(CatlearnError) as caught:
        cl.glue(square(), square(copy(1) >> linear("A", "m -> k"), k=4))
    assert "encoder" in str(caught.value)


def test_resources_of_a_circuit_are_its_counts():
    D = square()
    counts = D.zoom("encoder").counts()
    spent = cl.resources(D)["encoder"]
    assert spent.parameters == counts.parameters
    assert spent.at(dict.fromkeys(spent.flops.free_symbols, 1)).flops == counts.operations
