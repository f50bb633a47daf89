"""What equations say of gradients, weights and samples: each against the same loss by hand."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure, LabelConflict, UnknownName
from catlearn.models import Architecture
from tests.errors import fails, raises
from tests.trees import close

X, Z, Y = cl.Space("X", 3), cl.Space("Z", 2), cl.Space("Y", 1)
RNG = np.random.default_rng(0)
DATA = cl.Dataset(
    "data", X=(X, RNG.normal(size=(6, 3)).astype("f4")), Y=(Y, RNG.normal(size=(6, 1)).astype("f4"))
)
ENCODER, HEAD, SIDE = (
    cl.Model("encoder", X, Z, "linear"),
    cl.Model("head", Z, Y, "linear"),
    cl.Model("side", Z, Y, "linear"),
)


def lowered(equations, *parts, **options):
    diagram = cl.LearningDiagram(DATA, ENCODER, HEAD, SIDE, *parts, equations=equations)
    fn = cl.lower(diagram.loss(), **options)
    return fn, *fn.init(jax.random.key(1)), diagram.data


def gradient(fn, params, state, batch, key=None):
    return jax.grad(lambda params: fn(params, state, batch, key)[0])(params)


def linear(params, x):
    return x @ params["weight"] + params["bias"]


def fit(params, data, head="head", still=()):
    params = {edge: jax.lax.stop_gradient(p) if edge in still else p for edge, p in params.items()}
    y = linear(params[head], linear(params["encoder"], data["data"]["X"]))
    return jnp.mean(jnp.sum((y - data["data"]["Y"]) ** 2, axis=1))


FIT, ASIDE = "data.X >> encoder >> head = data.Y", "data.X >> encoder >> side = data.Y"


# Which edges an equation trains.


def test_an_equation_trains_what_it_says():
    fn, params, state, data = lowered(
        {"fit": cl.Equation(FIT, trains=["head"]), "aside": cl.Equation(ASIDE, weight=2.0)}
    )
    by_hand = jax.grad(lambda p: fit(p, data, still=["encoder"]) + 2 * fit(p, data, "side"))(params)
    close(gradient(fn, params, state, data), by_hand)
    assert np.abs(by_hand["encoder"]["weight"]).max() > 0


def test_an_adversary_has_the_opposite_sign():
    # Domain adaptation by gradient reversal: the side head learns, the encoder unlearns.
    fn, params, state, data = lowered(
        {"fit": FIT, "aside": cl.Equation(ASIDE, trains={"side": 1.0, "encoder": -0.5})}
    )
    value, _ = fn(params, state, data)
    close(value, fit(params, data) + fit(params, data, "side"))
    usual = jax.grad(fit)(params, data)
    against = jax.grad(partial(fit, head="side"))(params, data)
    found = gradient(fn, params, state, data)
    close(found["side"], against["side"])
    close(
        found["encoder"],
        jax.tree.map(lambda u, a: u - 0.5 * a, usual["encoder"], against["encoder"]),
    )


def test_steps_that_train_differently_are_apart_and_all_others_are_shared():
    fn, *_ = lowered({"fit": FIT, "again": cl.Equation(FIT, trains=["encoder"])})
    applied = [(s.name, s.scale) for s in fn.plan.steps if s.op == "apply"]
    assert applied == [("encoder", 1.0), ("head", 1.0), ("head", 0.0)]
    assert [s.repeats for s in fn.plan.steps if s.op == "apply"][2] is not None


def test_what_is_trained_by_one_scale_is_evaluated_once():
    against = {"side": 1.0, "encoder": -0.5}
    fn, *_ = lowered({"fit": FIT, "aside": cl.Equation(ASIDE, trains=against)})
    ran = [(s.op, s.name, s.scale) for s in fn.plan.steps if s.op in ("apply", "scale")]
    assert ran == [
        ("apply", "encoder", 1.0),
        ("apply", "head", 1.0),
        ("scale", "", -0.5),
        ("apply", "side", 1.0),
    ]


def test_scales_multiply_gradients_through_pairings_too():
    P = cl.Product("P", Z, Z)
    other, top = cl.Model("other", X, Z, "linear"), cl.Model("top", P, Y, "linear")
    both = cl.Pairing("both", P, "data.X >> encoder", "data.X >> other")
    scales = {"encoder": -1.0, "other": 2.0, "top": 0.5}
    found = [
        gradient(*lowered({"fit": cl.Equation("both >> top = data.Y", **t)}, other, top, both))
        for t in ({}, {"trains": scales})
    ]
    for edge, scale in scales.items():
        close(found[1][edge], jax.tree.map(lambda leaf, s=scale: s * leaf, found[0][edge]))


@pytest.mark.parametrize(
    ("given", "law", "names"),
    [
        ({"trains": ["side"]}, "trains", ("'side'", "encoder", "head")),
        ({"trains": ["nobody"]}, "trains", ("'nobody'", "side")),
        ({"trains": {"head": float("nan")}}, "trains", ("'head'", "nan")),
        ({"stop": "left"}, "stop", ("'left'", "'lhs'", "'rhs'", None)),
    ],
)
def test_what_cannot_be_trained_is_refused(given, law, names):
    with fails(InvalidStructure, (law, "equation 'fit'", *names)):
        lowered({"fit": cl.Equation(FIT, **given)})


def test_no_gradient_passes_through_a_stopped_side():
    other = cl.Model("other", X, Z, "linear")
    sides = "data.X >> other = data.X >> encoder"
    fn, params, state, data = lowered({"match": cl.Equation(sides, stop="rhs")}, other)
    found = gradient(fn, params, state, data)
    assert np.abs(found["other"]["weight"]).max() > 0
    assert np.abs(found["encoder"]["weight"]).max() == 0
    fn, params, state, data = lowered({"match": cl.Equation(sides, stop="lhs")}, other)
    found = gradient(fn, params, state, data)
    assert np.abs(found["other"]["weight"]).max() == 0
    assert np.abs(found["encoder"]["weight"]).max() > 0


def test_gluing_carries_what_equations_train_and_refuses_disagreement():
    parts = [
        cl.LearningDiagram(DATA, ENCODER, HEAD, equations={"fit": cl.Equation(FIT, trains=t)})
        for t in (["head"], ["head"], ["encoder"], None)
    ]
    assert cl.glue(parts[0], parts[1]).trains("fit") == {"head": 1.0}
    for other in parts[2:]:
        with raises(LabelConflict, law="trains", where="equation 'fit'"):
            cl.glue(parts[0], other)
    whole = cl.glue(parts[0], cl.LearningDiagram(ENCODER, SIDE))
    i, _ = whole.gluing.legs  # type: ignore[union-attr]
    again = cl.LearningMorphism(
        parts[0], whole, V={v: v for v in parts[0].vertices}, E={e: e for e in parts[0].edges}
    )
    assert again == i
    assert whole.instantiate().trains("fit") == {"head": 1.0}
    assert cl.formats.from_json(cl.formats.to_json(whole)) == whole


# Weights.


def test_weights_by_name_and_by_schedule():
    ramp = optax.linear_schedule(0.0, 1.0, 10)
    fn, params, state, data = lowered(
        {
            "fit": cl.Equation(FIT, weight=cl.Weight("beta", 0.5)),
            "aside": cl.Equation(ASIDE, weight=ramp),
        }
    )
    weights = fn.weights(step=5, values={"beta": 3.0})
    assert {name: float(w) for name, w in weights.items()} == {"fit": 3.0, "aside": 0.5}
    value, _ = fn(params, {**state, "weights": weights}, data)
    close(value, 3 * fit(params, data) + 0.5 * fit(params, data, "side"))
    with raises(UnknownName, "bet", "beta"):
        fn.weights(values={"bet": 1.0})
    assert {name: float(w) for name, w in fn.scheduled(10).items()} == {"aside": 1.0}


def test_schedules_run_while_training_without_compiling_again():
    ramp = optax.linear_schedule(1.0, 0.0, 4)
    fn, *_ = lowered({"fit": cl.Equation(FIT, weight=ramp)})
    result = cl.fit(fn, optax.sgd(0.0), steps=6, progress=False)
    values = result.history.rows[:, 0] / result.history.rows[:, 1]
    np.testing.assert_allclose(values, [1, 0.75, 0.5, 0.25, 0, 0], atol=1e-6)


def test_weights_are_numbers_told_apart_by_name():
    beta, gamma = cl.Weight("beta", 1.0), cl.Weight("gamma", 1.0)
    assert beta != gamma
    assert beta != 1.0
    assert beta + 1 == 2.0
    assert len({beta, gamma, cl.Weight("beta", 1.0)}) == 2
    diagrams = [
        cl.LearningDiagram(DATA, ENCODER, HEAD, equations={"fit": cl.Equation(FIT, weight=w)})
        for w in (beta, gamma)
    ]
    with raises(LabelConflict, "beta", "gamma", law="weight", where="equation 'fit'"):
        cl.glue(*diagrams)
    assert cl.formats.from_json(cl.formats.to_json(diagrams[0])).weight("fit") == beta
    with raises(InvalidStructure, "schedule", law="labels", where="weight of Eq 'fit'"):
        cl.formats.to_json(
            cl.LearningDiagram(
                DATA, ENCODER, HEAD, equations={"fit": cl.Equation(FIT, weight=lambda t: 1.0)}
            )
        )


# Moving averages.


def test_a_moving_average_follows_its_model():
    target = cl.MovingAverage("target", of="encoder", decay=0.9)
    match = {"match": "data.X >> encoder = data.X >> target", "fit": FIT}
    fn, params, state, data = lowered(match, target)
    assert set(params) == {"encoder", "head", "side"}
    start = params["encoder"]
    close(state["mutable"]["target"], start)
    moved = jax.tree.map(lambda p: p + 1, params)
    (_, aux), found = jax.value_and_grad(fn, has_aux=True)(moved, state, data)
    expected = jax.tree.map(lambda p: 0.9 * p + 0.1 * (p + 1), start)
    close(aux.state["mutable"]["target"], expected)

    def by_hand(p):
        x = data["data"]["X"]
        away = linear(p["encoder"], x) - linear(expected, x)
        return jnp.mean(jnp.sum(away**2, axis=1)) + fit(p, data)

    close(found, jax.grad(by_hand)(moved))
    still = fn(moved, state, data, train=False)[1].state["mutable"]
    assert still["target"] is state["mutable"]["target"]


def test_averages_that_cannot_follow():
    with raises(
        InvalidStructure, "encodr", "encoder", law="moving average", where="moving average 'target'"
    ):
        cl.LearningDiagram(ENCODER, cl.MovingAverage("target", of="encodr", decay=0.9))
    with raises(InvalidStructure, 1.5, 0, 1, law="moving average", where="moving average 'target'"):
        cl.LearningDiagram(ENCODER, cl.MovingAverage("target", of="encoder", decay=1.5))
    first = cl.MovingAverage("first", of="encoder", decay=0.5)
    second = cl.MovingAverage("second", of="first", decay=0.5)
    with raises(InvalidStructure, "first", law="moving average", where="moving average 'second'"):
        cl.LearningDiagram(ENCODER, first, second)


def test_training_with_a_moving_average_and_gluing_it():
    target = cl.LearningDiagram(ENCODER, cl.MovingAverage("target", of="encoder", decay=0.5))
    whole = cl.glue(target, cl.LearningDiagram(DATA, ENCODER, HEAD, equations={"fit": FIT}))
    assert whole.averages == {"target": ("encoder", 0.5)}
    assert cl.formats.from_json(cl.formats.to_json(whole)).averages == whole.averages
    result = cl.fit(whole, optax.sgd(0.1), steps=40, progress=False)
    apart = np.abs(result.params["encoder"]["weight"] - result.state["mutable"]["target"]["weight"])
    assert 0 < apart.max() < 0.05


# State and mode.


class Centred(Architecture):
    """Subtract the mean of the batch in training, the running one in evaluation."""

    stateful = True

    def init(self, key, source, target):
        return {"shift": jnp.zeros(source.shape), "mean": jnp.zeros(source.shape)}

    def parts(self, variables):
        return {**variables, "mean": None}, None, {**variables, "shift": None}

    def run(self, variables, x, key=None, train=False):
        mean = x.mean(axis=0) if train else variables["mean"]
        y = x - mean + variables["shift"]
        changed = {"shift": None, "mean": 0.5 * variables["mean"] + 0.5 * mean} if train else None
        return y, changed

    def apply(self, params, x, key=None):
        return self.run(params, x)[0]

    def structure(self, source, target):
        return jax.eval_shape(lambda: self.init(None, source, target))


def test_state_is_handed_on_and_changed_once():
    centre = cl.Model("centre", X, X, Centred())
    to = "data.X >> centre >> encoder >> head = data.Y"
    fn, params, state, data = lowered(
        {"fit": to, "again": cl.Equation(to, trains=["head"])}, centre
    )
    assert set(params["centre"]) == {"shift", "mean"}
    x = data["data"]["X"]
    close(state["mutable"]["centre"]["mean"], np.zeros(3))
    (_, aux) = fn(params, state, data)
    # Both equations evaluate it, for other gradients; it counts as one call.
    close(aux.state["mutable"]["centre"]["mean"], 0.5 * x.mean(axis=0))
    close(aux.terms["fit"], aux.terms["again"])
    still = fn(params, state, data, train=False)[1]
    assert still.state["mutable"]["centre"] is state["mutable"]["centre"]
    assert abs(float(still.terms["fit"] - aux.terms["fit"])) > 1e-6


# Samples.


def noisy(params, x, key):
    return x @ params["weight"] + jax.random.normal(key, (x.shape[0], 2))


NOISY = cl.Model("noisy", X, Z, (lambda key: {"weight": jnp.ones((3, 2))}, noisy))


def test_one_sample_for_one_input_unless_asked_otherwise():
    twice = {"one": "data.X >> noisy >> head = data.Y", "two": "data.X >> noisy >> side = data.Y"}
    key = jax.random.key(3)
    fn, params, state, data = lowered(twice, NOISY)
    params["side"] = params["head"]
    terms = fn(params, state, data, key)[1].terms
    close(terms["one"], terms["two"])
    fn, params, state, data = lowered(twice, NOISY, independent=["noisy"])
    params["side"] = params["head"]
    terms = fn(params, state, data, key)[1].terms
    assert abs(float(terms["one"] - terms["two"])) > 1e-6
    again = fn(params, state, data, key)[1].terms
    close(terms, again)


# How maps are run.


def test_rematerialised_maps_have_the_same_gradient_and_compute_again():
    fn, params, state, data = lowered(FIT)
    again, *_ = lowered(FIT, remat=["encoder"])
    close(gradient(fn, params, state, data), gradient(again, params, state, data))

    def text(fn):
        return str(jax.make_jaxpr(lambda p: fn(p, state, data)[0])(params))

    assert "remat" in text(again) or "checkpoint" in text(again)
    assert "remat" not in text(fn)


def test_maps_compute_in_the_precision_asked_for():
    fn, params, state, data = lowered(FIT)
    half, *_ = lowered(FIT, precision={"encoder": "bfloat16"})
    one, other = fn(params, state, data)[0], half(params, state, data)[0]
    assert other.dtype == jnp.float32
    np.testing.assert_allclose(one, other, rtol=0.05)
    assert float(one) != float(other)
    found = gradient(half, params, state, data)
    assert found["encoder"]["weight"].dtype == jnp.float32


def test_options_for_edges_that_are_not_there():
    with pytest.raises(InvalidStructure) as caught:
        lowered(FIT, remat=["encodr"], precision={"data.X": "int8"}, independent="noise")
    assert len(caught.value.failures) == 4
