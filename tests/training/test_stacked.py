"""Training with stacked storage: optimizers, histories and files see what they would without."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import CatlearnError
from catlearn.lowering.stacked import Stacked
from catlearn.training.data import Sources
from tests.errors import raises

X, F, Y = cl.Space("X", 5), cl.Space("F", 4), cl.Space("Y", 3)
N = 4


def multitask(**options):
    """Four heads on one backbone, each with a column of its own."""
    rng = np.random.default_rng(0)
    columns = {f"Y{i}": (Y, rng.normal(size=(12, 3)).astype("f4")) for i in range(N)}
    heads = [cl.Model(f"head_{i}", F, Y, "linear") for i in range(N)]
    diagram = cl.LearningDiagram(
        cl.Dataset("data", X=(X, rng.normal(size=(12, 5)).astype("f4")), **columns),
        cl.Model("encoder", X, F, "linear"),
        *heads,
        equations={f"task_{i}": f"data.X >> encoder >> head_{i} = data.Y{i}" for i in range(N)},
    )
    return cl.lower(diagram.loss(), **options)


STACKED, PLAIN = multitask(stack=True), multitask(stack=False)
GROUPS = {f"head_{i}": "first" if i < 2 else "second" for i in range(N)} | {"encoder": "second"}
GROUPED = multitask(stack=True, groups=GROUPS)


def decayed(fn):
    return optax.adamw(1e-2, weight_decay=0.1, mask=fn.select({"encoder": True}))


def two_rates(fn):
    rates = {"slow": optax.sgd(0.01), "fast": optax.adam(0.1)}
    return optax.multi_transform(rates, fn.select({"encoder": "slow"}, default="fast"))


def two_groups(fn):
    rates = {"first": cl.per_edge(optax.lamb(0.01)), "second": optax.adam(0.1)}
    return optax.multi_transform(rates, fn.select(GROUPS))


FAMILIES = {
    "sgd with momentum": lambda fn: optax.sgd(0.05, momentum=0.9, nesterov=True),
    "adam": lambda fn: optax.adam(0.05),
    "adamw with a mask": decayed,
    "clipped norm": lambda fn: optax.chain(optax.clip_by_global_norm(0.5), optax.sgd(0.1)),
    "lamb": lambda fn: cl.per_edge(optax.lamb(0.05)),
    "adafactor": lambda fn: cl.per_edge(
        optax.adafactor(0.05, min_dim_size_to_factor=2, multiply_by_parameter_scale=True)
    ),
    "muon": lambda fn: cl.per_edge(optax.contrib.muon(0.05)),
    "multi_transform": two_rates,
}


@functools.cache
def start():
    return PLAIN.init(jax.random.key(0))[0]


def trained(fn, optimizer, steps=3):
    """Take some steps; gradients are a simple function, so that little has to be compiled."""

    def step(t, carry):
        params, state = carry
        gradient = jax.tree.map(lambda p: jnp.sin(3 * p + t) + p, params)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    @jax.jit
    def run(params):
        return jax.lax.fori_loop(0, steps, step, (params, optimizer.init(params)))[0]

    (params,) = fn.pack(start())
    return run(params)


@functools.cache
def trained_plainly(family):
    return trained(PLAIN, FAMILIES[family](PLAIN))


def distance(one, other):
    """How far apart parameters are, by name."""
    assert list(one) == list(other)
    pairs = [
        pair
        for name in one
        for pair in zip(jax.tree.leaves(one[name]), jax.tree.leaves(other[name]), strict=True)
    ]
    return max(float(np.abs(a - b).max()) for a, b in pairs)


@pytest.mark.parametrize("family", FAMILIES)
def test_optimizers_see_what_they_would_see_without_stacking(family):
    stacked = trained(STACKED, FAMILIES[family](STACKED))
    assert isinstance(stacked, Stacked)
    plain = trained_plainly(family)
    assert distance(stacked, plain) < 1e-5
    assert distance(plain, start()) > 1e-3


def test_optimizers_that_look_at_whole_arrays_need_per_edge():
    # The mutant: without per_edge a stack passes for one array.
    assert distance(trained(STACKED, optax.lamb(0.05)), trained_plainly("lamb")) > 1e-4


def test_labels_within_a_class_must_agree_unless_it_is_split():
    with raises(CatlearnError, "'head_0'", "'head_2'", "groups="):
        STACKED.select(GROUPS)
    assert [len(group) for group in GROUPED.storage.edges] == [2, 2]
    labels = GROUPED.select(GROUPS)
    assert dict(labels) == {"encoder": "second"} | GROUPS
    plain = trained(PLAIN, two_groups(PLAIN))
    assert distance(trained(GROUPED, two_groups(GROUPED)), plain) < 1e-6


# The whole way: fit, history, files, models.


def fitted(fn, **options):
    return cl.fit(fn, optax.adam(0.05), steps=6, batch_size=8, progress=False, **options)


@functools.cache
def results():
    return fitted(STACKED), fitted(PLAIN)


def test_training_is_the_same_with_a_history_by_name():
    stacked, plain = results()
    assert isinstance(stacked.params, Stacked)
    assert distance(stacked.params, plain.params) < 1e-5
    assert list(stacked.history) == list(plain.history)
    np.testing.assert_allclose(stacked.history.rows, plain.history.rows, rtol=1e-4)
    assert len({round(float(stacked.history[name][0]), 4) for name in stacked.history}) == N


def test_results_are_read_by_name():
    stacked, plain = results()
    x = np.ones((2, 4), "f4")
    np.testing.assert_allclose(stacked.model("head_2")(x), plain.model("head_2")(x), rtol=1e-4)
    (value, costs), (expected, by_name) = stacked.evaluate(), plain.evaluate()
    assert value == pytest.approx(expected, rel=1e-4)
    assert costs == pytest.approx(by_name, rel=1e-4)
    assert plain.evaluate(stacked.data)[0] == pytest.approx(expected, rel=1e-6)
    restarted = stacked.fn.diagram.with_values(stacked.params)
    start = cl.lower(restarted.loss()).init(jax.random.key(5))[0]
    assert distance(start, dict(stacked.params)) == 0
    part = cl.LearningDiagram(cl.Model("head_3", F, Y, "linear"))
    inclusion = cl.LearningMorphism(part, restarted, V={"F": "F", "Y": "Y"}, E={"head_3": "head_3"})
    restricted = inclusion.restrict(stacked.params)
    assert distance(restricted, {"head_3": stacked.params["head_3"]}) == 0


def test_a_run_continues_from_its_file(tmp_path):
    file = tmp_path / "run.safetensors"
    cl.fit(STACKED, optax.adam(0.05), steps=4, batch_size=8, progress=False, checkpoint=file)
    again = fitted(STACKED, checkpoint=file, resume=True)
    assert again.params == results()[0].params
    assert again.history == results()[0].history


def test_batches_are_drawn_stacked_and_plain_ones_are_accepted():
    stacked, plain = results()
    data = {"data": dict(stacked.data["data"])}
    stream = cl.batches(data, 8, key=jax.random.key(0))
    assert distance(stream[3]["data"], plain_batch(3)) == 0
    params, state = STACKED.pack(*PLAIN.init(jax.random.key(0)))
    value = STACKED(params, state, stream[0])[0]
    assert float(value) == pytest.approx(float(stacked.history.total[0]), rel=1e-5)
    again = fitted(STACKED, params=PLAIN.init(jax.random.key(0))[0], data=data)
    assert distance(again.params, plain.params) < 1e-5


def plain_batch(step):
    return cl.batches(PLAIN.diagram.data, 8, key=jax.random.key(0))[step]["data"]


def test_an_infinite_gradient_is_laid_to_its_equation():
    def root(params, x):
        return jnp.sqrt(params["w"] * jnp.sum(x, axis=1, keepdims=True)) * jnp.ones(3)

    pair = (lambda key: {"w": jnp.float32(1)}, root)
    edges = [cl.Model(f"root_{i}", X, Y, pair) for i in range(3)]
    columns = {f"Y{i}": (Y, np.ones((4, 3), "f4")) for i in range(3)}
    data = cl.Dataset("d", X=(X, np.zeros((4, 5), "f4")), **columns)
    equations = {f"eq_{i}": f"d.X >> root_{i} = d.Y{i}" for i in range(3)}
    fn = cl.lower(cl.LearningDiagram(data, *edges, equations=equations).loss(), stack=True)
    with raises(cl.errors.TrainingDiverged, "equation 'eq_2'", "edge 'root_2'"):
        cl.fit(fn, optax.sgd(0.1), steps=1, progress=False)


# Data sets of one kind: their batches are one array, drawn at once.


def tasks(**options):
    """Three data sets of their own lengths, with a head each, on one backbone."""
    rng = np.random.default_rng(1)
    sets = [
        cl.Dataset(
            f"d{i}",
            X=(X, rng.normal(size=(n, 5)).astype("f4")),
            Y=(Y, rng.normal(size=(n, 3)).astype("f4")),
        )
        for i, n in enumerate((12, 9, 8))
    ]
    heads = [cl.Model(f"head_{i}", F, Y, "linear") for i in range(3)]
    equations = {f"task_{i}": f"d{i}.X >> encoder >> head_{i} = d{i}.Y" for i in range(3)}
    edges = cl.Model("encoder", X, F, "linear"), *heads
    return cl.lower(cl.LearningDiagram(*sets, *edges, equations=equations).loss(), **options)


TASKS, TASKS_APART = tasks(stack=True), tasks(stack=False)


def listed(fn, *names):
    """Give some data sets by lists of two batches."""
    halves = {
        name: [{key: value[a : a + 4] for key, value in columns.items()} for a in (0, 4)]
        for name, columns in fn.diagram.data.items()
    }
    return {name: halves[name] if name in names else fn.diagram.data[name] for name in halves}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 8},
        {"accumulate": 2},
        {"scan_steps": 2},
        {"feeds": ("d0", "d1", "d2")},
        {"feeds": ("d1",), "scan_steps": 2},
        {"stay": True},
        {"stay": True, "scan_steps": 3},
        {"sharding": True, "batch_size": 8},
    ],
    ids=str,
)
def test_data_sets_of_one_kind_are_trained_as_they_are_apart(options, monkeypatch):
    options = {"batch_size": 4, "steps": 5, "progress": False} | options
    if options.pop("stay", False):
        monkeypatch.setattr("catlearn.training.data.SENT_BYTES", 0)
    if options.pop("sharding", False):
        kinds = (jax.sharding.AxisType.Auto,)
        options["sharding"] = jax.make_mesh((1,), ("data",), axis_types=kinds)
    feeds = options.pop("feeds", ())
    one, other = (
        cl.fit(fn, optax.sgd(0.05), data=listed(fn, *feeds) if feeds else None, **options)
        for fn in (TASKS, TASKS_APART)
    )
    assert [group for group, _ in one.params.groups()] == [
        ("encoder",),
        ("head_0", "head_1", "head_2"),
    ]
    np.testing.assert_allclose(one.history.rows, other.history.rows, rtol=1e-4)
    assert distance(one.params, other.params) < 1e-5
    if not feeds:
        assert one.data["d1"]["X"].shape == (9, 5)
        # Where they are only evaluated, lengths warn nobody: warnings are errors here.
        assert one.evaluate()[0] == pytest.approx(other.evaluate()[0], rel=1e-4)


def test_batches_of_a_class_enter_as_one_array():
    sources = Sources(TASKS, None, 4, key=jax.random.key(0))
    batch, plain = sources.take(3), Sources(TASKS_APART, None, 4, key=jax.random.key(0)).take(3)
    assert [leaf.shape for leaf in jax.tree.leaves(batch)] == [(3, 4, 5), (3, 4, 3)]
    assert {d: {c: v.tolist() for c, v in columns.items()} for d, columns in batch.items()} == {
        d: {c: v.tolist() for c, v in columns.items()} for d, columns in plain.items()
    }
    # The mutant: members that begin at other rows.
    for drawn in sources.drawn.values():
        drawn.starts[1:] -= 1
    assert batch["d1"]["X"].tolist() != sources.take(3)["d1"]["X"].tolist()
