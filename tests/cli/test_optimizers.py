"""Optimizers and schedules by name: that they are those of optax, and what is refused."""

import inspect

import jax
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.cli.configuration import (
    ARRAYWISE,
    OPTIMIZERS,
    SCHEDULES,
    TRANSFORMATIONS,
    Section,
    choose_optimizers,
    schedule_of,
)
from catlearn.errors import did_you_mean

MODELS = ["encoder", "head_1", "head_2"]
GRADS = {name: np.array([3.0, 4.0], "f4") * k for k, name in enumerate(MODELS, 1)}
PARAMS = {name: np.ones(2, "f4") for name in MODELS}


def optimizer(trainable=MODELS, **table):
    section = Section(table, "optimizer")
    made = choose_optimizers(section, trainable)
    return made, [str(fault) for fault in section.faults]


def only(**table):
    """The optimizer of all models."""
    made, failures = optimizer(**table)
    assert not failures
    ((models, one),) = made.by_model.items()
    assert models == tuple(MODELS)
    return one


def updates(one, times=1):
    state = one.init(PARAMS)
    for _ in range(times):
        found, state = one.update(GRADS, state, PARAMS)
    return found


def same(one, other, times=1):
    pairs = zip(updates(one, times).values(), updates(other, times).values(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_every_optimizer_and_schedule_has_a_name():
    for name in OPTIMIZERS:
        assert isinstance(only(name=name, learning_rate=0.1), optax.GradientTransformation)
    needed = {"boundaries_and_scales": {"3": 0.5}, "boundaries": [2],
              "schedules": [{"schedule": "constant", "value": k} for k in (1, 2)]}  # fmt: skip
    for name, function in SCHEDULES.items():
        parameters = inspect.signature(getattr(optax, function)).parameters
        wanted = [p for p in parameters if parameters[p].default is inspect.Parameter.empty]
        options = {
            key: needed.get(key, 10 if key.endswith("_steps") else 0.5)
            for key in [*wanted, *(set(parameters) & set(needed))]
        }
        if "decay_steps" in options:
            options["decay_steps"] = 20
        section = Section({"schedule": name, **options}, "rate")
        assert callable(schedule_of(section))
        assert not section.faults


def test_every_transformation_stands_in_a_chain():
    options = {"scale": {"step_size": 2}, "trace": {"decay": 0.9}, "ema": {"decay": 0.9},
               "clip": {"max_delta": 1}, "clip_by_global_norm": {"max_norm": 1},
               "clip_by_block_rms": {"threshold": 1}, "adaptive_grad_clip": {"clipping": 0.1},
               "add_decayed_weights": {"weight_decay": 0.1}}  # fmt: skip
    tables = [{"name": name, **options.get(name, {})} for name in TRANSFORMATIONS]
    one = only(chain=[*tables, {"name": "sgd", "learning_rate": 0.1}])
    assert isinstance(one, optax.GradientTransformation)


def test_an_optimizer_is_the_one_of_optax():
    found = only(name="sgd", learning_rate=0.5, momentum=0.9, nesterov=True)
    assert same(found, optax.sgd(0.5, momentum=0.9, nesterov=True), 3)
    assert not same(found, optax.sgd(0.5), 3)
    found = only(name="sgd", learning_rate={"schedule": "constant", "value": 2.0})
    np.testing.assert_array_equal(updates(found)["encoder"], [-6.0, -8.0])


def test_a_chain_is_the_one_of_optax_in_its_order():
    clip = {"name": "clip_by_global_norm", "max_norm": 0.5}
    decay = {"name": "add_decayed_weights", "weight_decay": 0.1}
    sgd = {"name": "sgd", "learning_rate": 0.5}
    found = only(chain=[clip, decay, sgd])
    by_hand = optax.chain(
        optax.clip_by_global_norm(0.5), optax.add_decayed_weights(0.1), optax.sgd(0.5)
    )
    assert same(found, by_hand)
    assert not same(only(chain=[decay, clip, sgd]), by_hand)


def test_schedules_are_those_of_optax():
    ramp = {"schedule": "linear", "init_value": 0, "end_value": 1, "transition_steps": 4}
    drop = {"schedule": "piecewise_constant", "init_value": 2,
            "boundaries_and_scales": {"3": 0.5, "5": 0.1}}  # fmt: skip
    joined = {"schedule": "join", "schedules": [ramp, drop], "boundaries": [4]}
    rate = schedule_of(Section(joined, "rate"))
    found = [float(rate(step)) for step in (0, 2, 4, 6, 7, 8, 9, 20)]
    assert found == pytest.approx([0, 0.5, 2, 2, 1, 1, 0.1, 0.1], abs=1e-6)
    # Every option that optax lets follow a schedule may.
    one = only(name="adamw", learning_rate=0.1, weight_decay=ramp)
    by_hand = optax.adamw(0.1, weight_decay=optax.linear_schedule(0, 1, 4))
    assert same(one, by_hand, 3)


def test_integers_of_more_than_32_bits_are_numbers_all_the_same():
    ramp = {"schedule": "linear", "init_value": -(2**40), "end_value": 2**40, "transition_steps": 4}
    rate = schedule_of(Section(ramp, "rate"))
    assert [float(rate(step)) for step in (0, 2, 4)] == [-(2.0**40), 0, 2.0**40]


def test_models_have_optimizers_of_their_own():
    sgd, adam = {"name": "sgd", "learning_rate": 1.0}, {"name": "adam", "learning_rate": 1.0}
    made, failures = optimizer(**sgd, models={"head_*": adam, "head_2": {"name": "none"}})
    assert not failures
    assert list(made.by_model) == [("encoder",), ("head_1",), ("head_2",)]
    assert made.by_model["head_2",] is None
    assert str(made) == "sgd for encoder; adam for head_1; none for head_2"
    assert len(set(made.groups.values())) == 3
    made, failures = optimizer(clip=2.0, models={"encoder, head_1": sgd, "*": adam})
    assert not failures
    assert dict(made.names) == {("encoder", "head_1"): "sgd", ("head_2",): "adam"}
    assert str(made).endswith(", gradients clipped to norm 2")


def test_what_looks_at_whole_arrays_sees_each_model_alone():
    """Heads that are stored stacked move as they do apart; a bare lamb would mix their norms."""
    space, target = cl.Space("X", 2), cl.Space("Y", 1)
    heads = [cl.Model(f"f_{k}", space, target, "linear", use_bias=False) for k in range(2)]
    data = cl.Dataset("d", X=space, Y=target)
    loss = cl.LearningDiagram(data, *heads).loss([f"d.X >> f_{k} = d.Y" for k in range(2)])
    fn = cl.lower(loss, stack=True)
    tree = {f"f_{k}": {"weight": np.full((2, 1), k + 1.0, "f4")} for k in range(2)}
    (params,) = fn.pack(tree)
    assert params["f_0"]["weight"].shape == (2, 1) != jax.tree.leaves(params)[0].shape

    def moved(one, params):
        return one.update(jax.tree.map(np.ones_like, params), one.init(params), params)[0]

    made, _ = optimizer(list(tree), name="lars", learning_rate=1.0)
    lars = optax.lars(1.0)
    found, mixed = moved(made.over(fn), params), moved(lars, params)
    for edge in tree:
        alone = moved(lars, tree[edge])
        np.testing.assert_allclose(found[edge]["weight"], alone["weight"], rtol=1e-6)
        assert not np.allclose(mixed[edge]["weight"], alone["weight"], rtol=1e-3)
    assert set(ARRAYWISE) <= {*OPTIMIZERS, *TRANSFORMATIONS}


SGD = {"name": "sgd", "learning_rate": 1}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"clip": 1}, "optimizer.name [missing]"),
        ({"name": "__class__"}, "optimizer.name [unknown name]"),
        (
            {"name": "adm"},
            f"optimizer.name [unknown name] {did_you_mean('adm', (*OPTIMIZERS, 'none'))}",
        ),
        ({"name": "clip"}, "optimizer.name [unknown name]"),
        ({"name": "none"}, "optimizer [value] 'none'"),
        ({"name": "none", "learning_rate": 1}, "optimizer.learning_rate [unknown key]"),
        ({"name": "adam", "learning_rate": "0.1"}, "optimizer.learning_rate [value] '0.1'"),
        ({"name": "adam", "learning_rate": float("nan")}, "optimizer.learning_rate [value] nan"),
        ({"name": "adam", "learning_rate": True}, "optimizer.learning_rate [value] true"),
        ({"name": "adamw", "learning_rate": 1, "mask": "x"}, "optimizer.mask [unknown key]"),
        (
            {"name": "rprop", "learning_rate": {"schedule": "constant", "value": 1}},
            "optimizer.learning_rate [value]",
        ),
        ({"name": "sgd", "learning_rate": 1, "steps": 3}, "optimizer.steps [unknown key] above"),
        (
            {"name": "sgd", "learning_rate":
                {"schedule": "cosine_decay", "init_value": 1, "decay_steps": 2**40}},
            "optimizer.learning_rate.decay_steps [value] 1099511627776",
        ),
        (
            {"name": "sgd", "learning_rate": {"schedule": "exec"}},
            "optimizer.learning_rate.schedule [unknown name]",
        ),
        (
            {"name": "sgd", "learning_rate": {"value": 1}},
            "optimizer.learning_rate.schedule [missing]",
        ),
        (
            {"name": "sgd", "learning_rate": {"schedule": "linear"}},
            "optimizer.learning_rate.transition_steps [missing]",
        ),
        (
            {"name": "sgd", "learning_rate":
                {"schedule": "cosine_decay", "init_value": 1, "decay_steps": 0}},
            "optimizer.learning_rate [value]",
        ),
        (
            {"name": "sgd", "learning_rate":
                {"schedule": "join", "schedules": [3], "boundaries": ["x"]}},
            "optimizer.learning_rate.boundaries [value] ['x']",
        ),
        (
            {"name": "sgd", "learning_rate": {"schedule": "piecewise_constant", "init_value": 1,
                                              "boundaries_and_scales": {"soon": 1}}},
            "optimizer.learning_rate.boundaries_and_scales [value]",
        ),
        ({**SGD, "models": {"head_1": 3}}, "optimizer.models.head_1 [value] 3"),
        ({**SGD, "models": {"hed_1": SGD}}, "optimizer.models.hed_1 [unknown name] head_1"),
        ({**SGD, "models": {"tail_*": SGD}}, "optimizer.models.\"tail_*\" [unknown name] 'tail_*'"),
        ({**SGD, "models": {"*": SGD}}, 'optimizer.models."*" [ambiguous]'),
        (
            {**SGD, "models": {"head_*": SGD, "*_1": SGD}},
            "optimizer.models.\"*_1\" [ambiguous] 'head_1'",
        ),
        ({"models": {"head_*": SGD}}, "optimizer.name [missing]"),
        ({"chain": []}, "optimizer.chain [value] []"),
        ({"chain": [SGD], "name": "sgd"}, "optimizer.name [value] chain"),
        ({"chain": [SGD, SGD]}, "optimizer.chain [value]"),
        ({"chain": [{"name": "zero_nans"}]}, "optimizer.chain [value]"),
        ({"chain": [{"name": "clip"}, SGD]}, "optimizer.chain[0].max_delta [missing]"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_named(names, table, says):
    made, failures = optimizer(**table)
    assert made is None
    assert names("\n".join(failures), says)
