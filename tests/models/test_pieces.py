"""Constants, samples, powers and low-rank adaptation, each against the same loss by hand."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure
from catlearn.models import Each, LowRank, Registered
from tests.errors import raises
from tests.trees import close

X, Z, Y = cl.Space("X", 3), cl.Space("Z", 2), cl.Categorical("Y", 4)
RNG = np.random.default_rng(0)
XS = RNG.normal(size=(5, 3)).astype("f4")
LABELS = RNG.integers(0, 4, 5).astype("i4")
KEY = jax.random.key(0)
DATA = cl.Dataset("data", X=(X, XS), Y=(Y, LABELS))


def slope(fn, *arguments):
    """Value and gradient with respect to the first argument, compiled as one program."""

    def run(*arguments):
        out = fn(*arguments)
        return out[0] if isinstance(out, tuple) else out

    return jax.jit(jax.value_and_grad(run))(*arguments)


def affine(params, x):
    return x @ params["weight"] + params["bias"]


# Constants


@pytest.mark.parametrize(
    ("target", "value", "expected"),
    [
        (Z, 1.0, np.ones((5, 2))),
        (Z, [1.0, 2.0], np.tile([1.0, 2.0], (5, 1))),
        (Z, np.arange(2), np.tile([0.0, 1.0], (5, 1))),
        (Y, 3, np.full(5, 3)),
        (Y, [0.0, 1.0, 2.0, 3.0], np.tile(np.arange(4.0), (5, 1))),
        (cl.Product("P", Z, cl.Product("Q", X, Y)), (1.0, (0.0, 2)), None),
    ],
)
def test_constants_forget_their_input(target, value, expected):
    constant = cl.Constant("c", X, target, value)
    assert constant.failures() == []
    assert constant.label.kind == "fixed"
    y = constant.architecture.apply((), XS)
    if expected is None:
        expected = (np.ones((5, 2)), (np.zeros((5, 3)), np.full(5, 2)))
    close(y, expected)
    assert constant == cl.Constant("c", X, target, value)
    diagram = cl.LearningDiagram(constant)
    assert cl.formats.from_json(cl.formats.to_json(diagram)) == diagram


@pytest.mark.parametrize(
    ("target", "value"),
    [(Z, [1.0, 2.0, 3.0]), (Y, 4), (Y, [1.0]), (cl.Product("P", Z, Z), 0.0), (Z, "one")],
)
def test_constants_live_in_their_target(target, value):
    with raises(InvalidStructure, law="value", where="constant 'c'"):
        cl.Constant("c", X, target, value)


def test_a_trained_value():
    fn = cl.lower(cl.LearningDiagram(DATA, cl.Model("prior", X, Y, "parameter")).loss())
    params, state = fn.init(KEY)
    value, gradient = slope(fn, params, state, fn.diagram.data)
    close(value, np.log(4))
    frequencies = np.bincount(LABELS, minlength=4) / 5
    close(gradient["prior"], 0.25 - frequencies)


# Sampling, by the variational autoencoder


def test_a_variational_autoencoder_is_the_one_by_hand():
    P = cl.Product("P", Z, Z)
    diagram = cl.LearningDiagram(
        cl.Dataset("data", X=(X, XS)),
        cl.Model("mean", X, Z, "linear"),
        cl.Model("spread", X, Z, "linear"),
        cl.Pairing("posterior", P, "mean", "spread"),
        cl.Model("sample", P, Z, "gaussian_sample"),
        cl.Model("decoder", Z, X, "linear"),
        cl.Constant("prior", X, P, (0.0, 0.0)),
        equations={
            "fit": "data.X >> posterior >> sample >> decoder = data.X",
            "kl": cl.Equation("data.X >> posterior = data.X >> prior", divergence="gaussian_kl"),
        },
    )
    fn = cl.lower(diagram.loss())
    params, state = fn.init(KEY)
    sample = next(s for s in fn.plan.steps if s.name == "sample")
    noise = jax.random.normal(jax.random.fold_in(KEY, sample.digest), (5, 2))

    def by_hand(params):
        mean, spread = affine(params["mean"], XS), affine(params["spread"], XS)
        z = mean + jnp.exp(spread / 2) * noise
        fit = jnp.mean(jnp.sum((affine(params["decoder"], z) - XS) ** 2, 1))
        return fit - 0.5 * jnp.mean(jnp.sum(1 + spread - mean**2 - jnp.exp(spread), 1))

    close(slope(fn, params, state, diagram.data, KEY), slope(by_hand, params))
    assert cl.formats.from_json(cl.formats.to_json(diagram)).map_label(
        "sample"
    ) == diagram.map_label("sample")
    with raises(cl.errors.DataError, "key=", law="key", where="edge 'sample'"):
        fn(params, state, diagram.data)


# Powers


def test_one_model_on_the_factors_of_a_power_and_on_arrays():
    X2, Z2 = cl.Product("X2", X, X), cl.Product("Z2", Z, Z)
    f = cl.Model("f", X, Z, "linear")
    parts = cl.models.on_factors("both", f, X2, Z2)
    pairs = cl.Dataset("pairs", P=(X2, (XS, 2 * XS)), Q=(Z2, (XS[:, :2], XS[:, :2])))
    diagram = cl.LearningDiagram(pairs, *parts, equations=["pairs.P >> both = pairs.Q"])
    fn = cl.lower(diagram.loss())
    params, state = fn.init(KEY)
    assert list(params) == ["f"]
    value, _ = fn(params, state, diagram.data)
    by_hand = [affine(params["f"], x) - XS[:, :2] for x in (XS, 2 * XS)]
    close(value, sum(np.mean(np.sum(np.square(y), 1)) for y in by_hand))
    # The same as one batched operation.
    many = Each(Registered("linear"), X.label, Z.label)
    y = many.apply(params["f"], np.stack([XS, 2 * XS], axis=1))
    close(y, np.stack([affine(params["f"], x) for x in (XS, 2 * XS)], axis=1))
    with raises(InvalidStructure, "X", law="power", where="source 'Z2'"):
        cl.models.on_factors("both", f, Z2, Z2)
    with raises(InvalidStructure, 2, 3, law="power", where="its two products"):
        cl.models.on_factors("both", f, X2, cl.Product("Z3", Z, Z, Z))


# Low-rank adaptation


def merged(base, thin):
    return base + thin["a"] @ thin["b"]


def test_an_adapted_model_starts_as_the_same_map_and_trains_its_factors_only():
    weight, bias = jax.random.normal(KEY, (3, 4)), jnp.arange(4.0)
    base = cl.Model("f", X, Y, "linear", start={"weight": weight, "bias": bias})
    fn = cl.lower(cl.LearningDiagram(DATA, base.lora(2)).loss())
    params, state = fn.init(KEY)
    assert [leaf.shape for leaf in jax.tree.leaves(params)] == [(3, 2), (2, 4)]
    close(state["frozen"]["f"]["base"], base.start)
    plain = cl.lower(cl.LearningDiagram(DATA, base).loss())
    ours = slope(fn, params, state, fn.diagram.data)[0]
    close(ours, slope(plain, *plain.init(KEY), fn.diagram.data)[0])

    def by_hand(thin):
        logits = affine({"weight": merged(weight, thin), "bias": bias}, XS)
        return -jnp.mean(jax.nn.log_softmax(logits)[np.arange(5), LABELS])

    thin = {"a": params["f"]["low_rank"]["weight"]["a"], "b": jnp.ones((2, 4))}
    params = {"f": {**params["f"], "low_rank": {"weight": thin}}}
    value, found = slope(fn, params, state, fn.diagram.data)
    close((value, found["f"]["low_rank"]["weight"]), slope(by_hand, thin))
    variables = fn.variables("f", params, state)
    close(fn.architecture("f").merge(variables)["weight"], merged(weight, thin))


def test_modules_come_back_with_the_products_added():
    module = eqx.nn.MLP(3, 4, 8, 1, key=KEY)
    model = cl.Model("f", X, Y, module).lora(2, alpha=4.0)
    assert model.failures() == []
    thin = model.start["low_rank"]
    assert list(thin) == ["layers/0/weight", "layers/1/weight"]
    close(model.architecture.rebuild(model.start)(XS[0]), module(XS[0]))
    ones = jax.tree.map(jnp.ones_like, thin)
    back = model.architecture.rebuild({**model.start, "low_rank": ones})
    assert isinstance(back, eqx.nn.MLP)
    close(back.layers[0].weight, module.layers[0].weight + 2 * 2.0)
    close(back.layers[0].bias, module.layers[0].bias)


def test_state_is_handed_on_below_an_adaptation():
    def net(key):
        layers = [eqx.nn.Linear(3, 4, key=key), eqx.nn.BatchNorm(4, "batch", mode="batch")]
        return eqx.nn.make_with_state(eqx.nn.Sequential)(layers)

    model = cl.Model("f", X, Y, net).lora(1)
    fn = cl.lower(cl.LearningDiagram(DATA, model).loss())
    params, state = fn.init(KEY)
    _, aux = jax.jit(fn)(params, state, fn.diagram.data)
    before, after = (jax.tree.leaves(s["mutable"]["f"]) for s in (state, aux.state))
    assert len(before) == len(after) == 3
    assert not np.array_equal(before[1], after[1])
    variables = fn.variables("f", params, state | aux.state)
    assert jax.tree.structure(variables) == jax.tree.structure(
        model.architecture.structure(X.label, Y.label)
    )


def test_kernels_are_cut_where_they_are_nearest_to_square():
    kernel = Registered("linear", use_bias=False)
    images, many = cl.Space("images", 64), cl.Space("many", (3, 3, 16))
    thin = LowRank(kernel, 4).structure(images.label, many.label)["low_rank"]["weight"]
    assert (thin["a"].shape, thin["b"].shape) == ((64, 4), (4, 144))


@pytest.mark.parametrize(("rank", "alpha"), [(0, None), (1.5, None), (1, -1.0), (1, np.inf)])
def test_what_is_no_rank(rank, alpha):
    with raises(InvalidStructure, where="low-rank adaptation"):
        LowRank(Registered("linear"), rank, alpha)


def test_what_has_no_matrices():
    with raises(InvalidStructure, "constant", law="parameters", where="low-rank adaptation"):
        LowRank(Registered("constant", value=1.0), 1)
    with raises(InvalidStructure, "parameter()", law="parameters", where="its matrices"):
        LowRank(Registered("parameter"), 1).init(KEY, X.label, Z.label)


def test_documents_hold_adaptations_and_lists():
    Xs, Zs = cl.Space("Xs", (4, 3)), cl.Space("Zs", (4, 2))
    diagram = cl.LearningDiagram(
        cl.Model("f", X, Z, "linear").lora(2, alpha=3.0),
        cl.models.each(cl.Model("g", X, Z, "linear"), Xs, Zs),
        cl.Model("h", X, Z, eqx.nn.Linear(3, 2, key=KEY)).lora(1),
    )
    back = cl.formats.from_json(cl.formats.to_json(diagram))
    assert back.map_label("f") == diagram.map_label("f")
    assert back.map_label("g") == diagram.map_label("g")
    assert str(back.map_label("h")) == "unbound equinox Linear adapted at rank 1"
    assert back.bind({"h": diagram.map_label("h").architecture}).map_label("h") == (
        diagram.map_label("h")
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [('"rank": 2', '"rank": 0'), ('"rank": 2', '"rank": "two"'), ('"alpha": 3.0', '"alpha": []')],
)
def test_hostile_adaptations_are_refused(old, new):
    text = cl.formats.to_json(cl.LearningDiagram(cl.Model("f", X, Z, "linear").lora(2, alpha=3.0)))
    text = text if isinstance(text, str) else json.dumps(text)
    assert old in text or old.replace(" ", "") in text
    for one, other in ((old, new), (old.replace(" ", ""), new)):
        text = text.replace(one, other)
    with pytest.raises(cl.CatlearnError):
        cl.formats.from_json(text)
