"""Scales by which equations train edges, where they change: by name, or by a schedule."""

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import CheckpointMismatch, DataError, InvalidStructure, UnknownName
from catlearn.laws import interpretation
from tests.errors import raises

TOLD = "photos.X >> f >> which = photos.X >> f >> source"
SGD = optax.sgd(0.2)
TOLERANCE = {"float32": 1e-4, "float64": 1e-6}
SHAPES = {"f": (4, 3), "label": (3, 2), "which": (3, 1)}


def rising(step, steps=10):
    """The schedule of Ganin et al., which rises from 0 to 1."""
    return 2 / (1 + jnp.exp(-10 * step / steps)) - 1


def noise(shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def regime(strength, dtype="float32"):
    X, F, R = cl.Space("X", 4, dtype), cl.Space("F", 3, dtype), cl.Space("R", 1, dtype)
    Y = cl.Categorical("Y", 2, dtype=dtype)
    models = (
        cl.Model("f", X, F, "linear"),
        cl.Model("label", F, Y, "linear"),
        cl.Model("which", F, R, "linear"),
    )
    photos = cl.Dataset("photos", X=(X, noise((6, 4), dtype)), Y=(Y, np.arange(6) % 2))
    sketches = cl.Dataset("sketches", X=(X, noise((4, 4), dtype, 1)))
    return cl.zoo.domain_adversarial(*models, photos, sketches, strength=strength)


@cache
def lowered(named):
    """Lower the regime whose strength has a name, or a schedule; tests share what they compile."""
    return cl.lower(regime(cl.Weight("strength", 0.5) if named else rising).loss())


def drawn(dtype="float32"):
    return {
        edge: {"weight": noise(shape, dtype, seed), "bias": noise(shape[1:], dtype, seed + 5)}
        for seed, (edge, shape) in enumerate(SHAPES.items())
    }


def linear(params, x):
    return x @ params["weight"] + params["bias"]


@jax.custom_vjp
def turned(x, strength):
    """The layer of the paper: the identity, whose gradient is turned and multiplied."""
    return x


turned.defvjp(lambda x, s: (x, s), lambda s, g: (-s.astype(g.dtype) * g, None))


def by_hand(params, batch, strength):
    """The loss of the paper, with the layer that reverses gradients."""
    x, y, other = batch["photos"]["X"], batch["photos"]["Y"], batch["sketches"]["X"]

    def which(inside, truth):
        logits = linear(params["which"], turned(inside, strength))
        costs = optax.losses.sigmoid_binary_cross_entropy(logits, jnp.full_like(logits, truth))
        return jnp.mean(jnp.sum(costs, axis=1))

    inside = linear(params["f"], x)
    costs = optax.losses.softmax_cross_entropy_with_integer_labels(
        linear(params["label"], inside), y
    )
    return jnp.mean(costs) + which(inside, 0.0) + which(linear(params["f"], other), 1.0)


def descend(params, batch, strengths):
    """Train by hand, at the strength of each step."""
    gradient = jax.jit(jax.grad(by_hand))
    for strength in strengths:
        slopes = gradient(params, batch, jnp.asarray(strength, "float32"))
        params = jax.tree.map(lambda p, g: p - 0.2 * g, params, slopes)
    return params


def far(one, other):
    """The distance of two gradients, relative in norm."""
    one, other = (
        np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)]) for tree in (one, other)
    )
    return np.linalg.norm(one - other) / np.linalg.norm(other)


# Against the same loss by hand.


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_gradient_is_the_one_by_hand_at_every_step_of_a_schedule(dtype):
    with jax.enable_x64(dtype == "float64"):
        diagram, params = regime(rising, dtype), drawn(dtype)
        fn = cl.lower(diagram.loss())
        ours = jax.jit(jax.grad(lambda p, weights: fn(p, state(weights), diagram.data)[0]))
        theirs = jax.jit(jax.grad(by_hand))

        def state(weights):
            return {"frozen": {"source": (), "target": ()}, "mutable": {}, "weights": weights}

        for step in (0, 1, 5, 40):
            found = ours(params, fn.weights(step))
            assert found["f"]["weight"].dtype == dtype
            expected = theirs(params, diagram.data, jnp.asarray(rising(step), float))
            assert far(found, expected) < TOLERANCE[dtype]
            # A mutant: the strength of another step.
            assert far(found, theirs(params, diagram.data, jnp.asarray(0.2, float))) > 1e-2
        assert ours._cache_size() == 1  # pyright: ignore[reportAttributeAccessIssue]


def test_a_scale_that_changes_costs_no_more_than_by_hand():
    fn, params = lowered(named=True), drawn()
    diagram = fn.diagram
    _, state = fn.init(jax.random.key(0))
    ours = jax.jit(jax.grad(lambda p, s: fn(p, s, diagram.data)[0])).lower(params, state)
    theirs = jax.jit(jax.grad(by_hand)).lower(params, diagram.data, jnp.float32(0.5))
    one, other = (dict(p.compile().cost_analysis() or {})["flops"] for p in (ours, theirs))
    assert 0 < one <= 1.02 * other


def test_training_is_training_by_hand_and_compiles_once():
    """A mutant: a schedule that is asked once, at the first step."""
    fn, params = lowered(named=False), drawn()
    data = fn.diagram.data
    run = partial(cl.fit, fn, SGD, steps=6, params=params, progress=False)
    mesh = jax.make_mesh((1,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    for options in ({}, {"accumulate": 2, "sharding": mesh}):
        found = run(**options).params
        assert far(found, descend(params, data, map(rising, range(6)))) < 1e-5
        assert far(found, descend(params, data, [rising(0)] * 6)) > 1e-3
    assert [program._cache_size() for program in fn.compiled.values()] == [1, 1]


def test_a_scale_is_changed_by_name_without_compiling_again():
    fn, params = lowered(named=True), drawn()
    diagram = fn.diagram
    assert list(fn.weights()) == [*diagram.soft_equations, "strength"]
    _, state = fn.init(jax.random.key(0))
    for strength in (0.5, 0.0, 2.0):
        state["weights"] = fn.weights(values={"strength": strength})
        found = cl.fit(fn, SGD, steps=2, params=params, state=state, progress=False).params
        assert far(found, descend(params, diagram.data, [strength] * 2)) < 1e-5
        assert far(found, descend(params, diagram.data, [1.0] * 2)) > 1e-3
    (program,) = fn.compiled.values()
    assert program._cache_size() == 1
    with raises(UnknownName, "strenth", "strength"):
        fn.weights(values={"strenth": 1.0})
    with raises(DataError, law="state", where="scale 'strength'"):
        fn(params, {**state, "weights": dict.fromkeys(diagram.soft_equations, 1.0)}, diagram.data)


def test_values_are_those_of_the_reference_whatever_the_scales():
    with jax.enable_x64(True):
        diagram, params = regime(rising, "float64"), drawn("float64")
        loss = diagram.loss()
        fn = cl.lower(loss)
        _, state = fn.init(jax.random.key(0))
        by_the_book = loss.evaluate(interpretation(loss, params))
        assert float(fn(params, state, diagram.data)[0]) == pytest.approx(by_the_book, rel=1e-9)


# What runs as one.


def heads(scale):
    X, F, Y = cl.Space("X", 4), cl.Space("F", 3), cl.Space("Y", 2)
    columns: dict[str, Any] = {f"Y{i}": (Y, noise((6, 2), seed=i + 1)) for i in range(3)}
    data = cl.Dataset("data", X=(X, noise((6, 4))), **columns)
    models = [cl.Model(f"head_{i}", F, Y, "linear") for i in range(3)]
    equations = {
        f"task_{i}": cl.Equation(
            f"data.X >> body >> head_{i} = data.Y{i}", trains={"body": scale(i), f"head_{i}": 1.0}
        )
        for i in range(3)
    }
    return cl.LearningDiagram(data, cl.Model("body", X, F, "linear"), *models, equations=equations)


def gradients(diagram, stack, weights):
    fn = cl.lower(diagram.loss(), stack=stack)
    params, state = fn.init(jax.random.key(0))
    state["weights"] = fn.weights(**weights)
    (batch,) = fn.pack(params, state, diagram.data)[2:]
    slopes = jax.jit(jax.grad(lambda p: fn(p, state, batch)[0]))(params)
    return fn, {edge: slopes[edge] for edge in fn.trainable}


@pytest.mark.parametrize("weights", [{"values": {"a": -0.5}}, {"step": 4}])
def test_equations_that_train_by_one_weight_run_as_one(weights):
    weight = cl.Weight("a", 2.0, schedule=lambda step: step / 8)
    diagram = heads(lambda i: weight)
    fn, stacked = gradients(diagram, True, weights)
    assert fn.plan.stacking.edges == (("head_0", "head_1", "head_2"),)
    plain, unstacked = gradients(diagram, False, weights)
    assert far(stacked, unstacked) < 1e-6
    assert dict(fn.weights(3).items()) == plain.weights(3)
    at_seven = fn.reweighted(fn.weights(), 7)
    assert {name: float(w) for name, w in at_seven.items()} == {
        "task_0": 1.0, "task_1": 1.0, "task_2": 1.0, "a": 0.875
    }  # fmt: skip


def test_scales_that_change_by_themselves_do_not_run_as_one():
    """A mutant: scales that are told apart by their number, which here is one."""
    diagram = heads(lambda i: cl.Weight(f"a{i}", 1.0))
    given = {"values": {"a0": 0.5, "a2": -3.0}}
    fn, stacked = gradients(diagram, True, given)
    _, plain = gradients(heads([0.5, 1.0, -3.0].__getitem__), False, {})
    assert far(stacked, plain) < 1e-6
    assert list(fn.weights())[3:] == ["a0", "a1", "a2"]


def test_every_scale_has_a_name_of_its_own_in_the_state():
    taken = [cl.Weight("task_1", 1.0), cl.Weight("b", 2.0), cl.Weight("b", 3.0)]
    fn = cl.lower(heads(taken.__getitem__).loss())
    numbers = {name: float(w) for name, w in list(fn.weights().items())[3:]}
    assert numbers == {"task_0: body": 1.0, "b": 2.0, "task_2: body": 3.0}
    everyone = fn.weights(values={"b": 5.0})
    assert [float(everyone[name]) for name in numbers] == [1.0, 5.0, 5.0]
    anonymous = cl.lower(heads(lambda i: rising).loss()).weights(1)
    assert list(anonymous)[3:] == ["task_0: body"]


# Decays of moving averages, which change in the same way.


def rises(step):
    """The decay of Grill et al., which rises to 1."""
    return 1 - 0.5 * (jnp.cos(jnp.pi * step / 10) + 1) / 2


@pytest.mark.parametrize("stack", [False, True])
def test_a_decay_follows_a_schedule(stack):
    X, Z = cl.Space("X", 4), cl.Space("Z", 3)
    views = cl.Dataset("views", one=(X, noise((6, 4))), two=(X, noise((6, 4), seed=1)))
    parts = [
        cl.zoo.self_distillation(
            cl.Model(f"f{i}", X, Z, "linear"), cl.Model(f"q{i}", Z, Z, "linear"), views, decay=rises
        )
        for i in range(2)
    ]
    diagram = cl.glue(*parts)
    fn = cl.lower(diagram.loss(), stack=stack)
    params, state = fn.init(jax.random.key(0))
    assert list(fn.weights())[4:] == ["decay of target_f0"]
    further = jax.tree.map(lambda leaf: leaf + 1, params)
    for step in (0, 5, 10):
        now = {**state, "weights": fn.weights(step)}
        moved = fn(further, now, diagram.data)[1].state["mutable"]
        for i in range(2):
            away = jax.tree.map(jnp.subtract, moved[f"target_f{i}"], further[f"f{i}"])
            flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(away)])
            np.testing.assert_allclose(flat, -float(rises(step)), atol=1e-6)
            # A mutant: the decay of another step.
            assert np.abs(flat + float(rises(step + 3))).max() > 1e-2


def test_a_decay_has_a_name_and_survives_files_and_gluing():
    X = cl.Space("X", 4)
    f, slow = cl.Model("f", X, X, "linear"), cl.Weight("slow", 0.5)
    diagram = cl.LearningDiagram(
        cl.Dataset("d", X=(X, noise((6, 4)))),
        f,
        cl.MovingAverage("ema", of="f", decay=slow),
        equations=["d.X >> f = d.X >> ema"],
    )
    assert (
        cl.formats.from_json(cl.formats.to_json(diagram)).averages
        == diagram.averages
        == {"ema": ("f", slow)}
    )
    assert cl.glue(diagram, cl.LearningDiagram(f)).averages == diagram.averages
    fn = cl.lower(diagram.loss())
    assert fn.weights(values={"slow": 0.75})["slow"] == 0.75
    with raises(InvalidStructure, 1.5, 0, 1, law="moving average", where="moving average 'ema'"):
        cl.LearningDiagram(f, cl.MovingAverage("ema", of="f", decay=cl.Weight("slow", 1.5)))


# Diagrams whose scales change.


def test_scales_are_labels_of_a_diagram():
    named, plain = regime(cl.Weight("strength", 0.5)), regime(0.5)
    assert named != plain
    assert cl.formats.from_json(cl.formats.to_json(named.bind())) == named
    assert str(named).endswith("target  (trains f by -strength, which)")
    assert str(plain).endswith("target  (trains f by -0.5, which)")
    assert "by a schedule from 0" in str(regime(rising))
    with raises(InvalidStructure, "schedule", law="labels", where="scale of Trains"):
        cl.formats.to_json(regime(rising))
    with raises(InvalidStructure, "nan", law="trains", where="equation"):
        regime(cl.Weight("strength", float("nan")))


def test_scales_are_kept_by_what_is_done_to_diagrams():
    strength = cl.Weight("strength", 0.5)
    diagram = regime(strength)
    assert cl.glue(diagram, regime(strength)) == diagram
    with raises(cl.errors.LabelConflict, "'strength'", 0.5, 0.25, law="trains", where="equation"):
        cl.glue(diagram, regime(cl.Weight("strength", 0.25)))
    assert diagram.instantiate().trains(TOLD) == {"f": -strength, "which": 1.0}
    part = cl.learning.subdiagram(diagram, equations=[TOLD])
    assert part.trains(TOLD) == {"f": -strength, "which": 1.0}
    frozen = cl.learning.with_frozen(diagram.with_values(drawn()), ["which"])
    assert frozen.trains(TOLD) == {"f": -strength}
    other = cl.learning.swap("f", cl.Model("g", cl.Space("X", 4), cl.Space("F", 3), "mlp"))
    swapped = other.rewrite(diagram).apex
    assert swapped.trains(TOLD.replace(" f ", " g ")) == {"g": -strength, "which": 1.0}


def test_an_edge_has_one_scale_after_any_colimit():
    def told(*scales):
        said = {f"f{i}": scale for i, scale in enumerate(scales) if scale is not None}
        X = cl.Space("X", 2)
        models = [cl.Model(f"f{i}", X, X, "linear") for i in range(2)]
        fit = cl.Equation("f0 >> f1 = id(X)", **({"trains": said} if said else {}))
        return cl.LearningDiagram(*models, equations={"fit": fit})

    bare, half = told(None, None), cl.Weight("a", 0.5)

    def put_together(one, other):
        span = (cl.learning.inclusion(bare, part) for part in (one, other))
        return cl.pushout(*span).apex

    same = put_together(told(1.0, half), told(None, half))
    assert same.trains("fit") == {"f0": 1.0, "f1": half}
    # A mutant: scales that are compared as numbers.
    with raises(
        InvalidStructure, "by", "trained", "scale", law="key", where="Trains 'left/fit: f1'"
    ) as caught:
        put_together(told(1.0, half), told(None, 0.5))
    assert [failure.law for failure in caught.value.failures] == ["key"]


def test_a_checkpoint_knows_the_scales(tmp_path):
    fn, path = lowered(named=True), tmp_path / "run.safetensors"
    run = partial(cl.fit, fn, SGD, params=drawn(), checkpoint=path, progress=False)
    run(steps=2)
    resumed = run(steps=4, resume=True)
    assert far(resumed.params, run(steps=4, overwrite=True).params) < 1e-6
    _, state = fn.init(jax.random.key(0))
    state["weights"] = fn.weights(values={"strength": 0.75})
    with raises(CheckpointMismatch, "0.5", "0.75", law="checkpoint", where="weights 'strength'"):
        run(steps=6, state=state, resume=True)


# Weights as values.


def test_weights_are_read_from_what_they_print():
    for weight in (cl.Weight("a", 0.5), -cl.Weight("a", 0.5), cl.Weight("a", 2.0, factor=-0.25)):
        assert eval(repr(weight), {"Weight": cl.Weight}) == weight
        assert weight.unscaled == cl.Weight("a", weight.value)
        assert float(weight) == weight.factor * weight.value
    opposite = -cl.Weight("a", 0.5)
    assert -opposite == cl.Weight("a", 0.5) != opposite
    assert (-cl.Weight("a", 0.5)).at(0, {"a": 3.0}) == -3.0
