"""No number that is not finite reaches the variables, at the cost of little time and memory."""

import functools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import TrainingDiverged
from catlearn.training import step
from catlearn.training.step import compiled_step, start
from tests.errors import raises

KEY = jax.random.key(0)
X, Y = cl.Space("X", 2), cl.Space("Y", 1)
ROWS = np.random.default_rng(0).normal(size=(12, 2)).astype("float32")
BAD = 3


def slope(name, apply=lambda params, x: x @ params["w"]):
    return cl.Model(name, X, Y, (lambda key: {"w": jnp.ones((2, 1))}, apply))


def regime(apply=lambda params, x: x @ params["w"]):
    """A line, another one, and the moving average of the first."""
    average = cl.MovingAverage("average", of="f", decay=0.5)
    equations = {
        "fit": "d.X >> f = d.Y",
        "other": "d.X >> g = d.Y",
        "follow": "d.X >> g = d.X >> average",
    }
    data = cl.Dataset("d", X=(X, ROWS), Y=(Y, 9 + ROWS[:, :1]))
    return cl.LearningDiagram(data, slope("f", apply), slope("g"), average, equations=equations)


@pytest.fixture(scope="module")
def fn():
    return cl.lower(regime().loss())


def rate(step, bad=float("inf")):
    """A learning rate at which updates overflow from some step on."""
    return jnp.where(step < BAD, 0.01, bad)


def asking(optimizer):
    """The same optimizer, which asks for the value of the loss at the parameters."""

    def update(updates, state, params=None, *, value_fn, **extra):
        updates, state = optimizer.update(updates, state, params)
        return jax.tree.map(lambda u: u + 0 * value_fn(params), updates), state

    return optax.GradientTransformationExtraArgs(optimizer.init, update)


OPTIMIZERS = {
    "sgd": optax.sgd(functools.partial(rate, bad=1e38), momentum=0.9),
    "adam": optax.adam(rate),
    "clipped": optax.chain(optax.clip_by_global_norm(10.0), optax.adamw(rate)),
    "one edge": {"f": None, "*": optax.adam(rate)},
    "each edge": cl.per_edge(optax.adam(rate)),
    "matrix products": optax.contrib.muon(rate),
    "asking": asking(optax.adam(rate)),
}


def mesh():
    return jax.make_mesh((1,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))


OPTIONS = {
    "a step at a time": {},
    "in parts": {"accumulate": 3},
    "several at once": {"scan_steps": 2},
    "on a mesh": {"sharding": mesh()},
}


def variables(result):
    return jax.tree.leaves((result.params, result.optimizer_state, result.state["mutable"]))


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [(name, "a step at a time") for name in OPTIMIZERS] + [("adam", name) for name in OPTIONS],
)
def test_an_update_that_overflows_changes_nothing(fn, optimizer, options):
    given = {"progress": False, "batch_size": 6, **OPTIONS[options]}
    with raises(TrainingDiverged, f"step {BAD}", "optimizer's update") as caught:
        cl.fit(fn, OPTIMIZERS[optimizer], steps=8, **given)
    # The good steps one by one: some at once are the same up to rounding.
    found, good = caught.value.result, cl.fit(fn, OPTIMIZERS[optimizer], steps=BAD, **given)
    assert found.steps == good.steps == BAD
    for one, other in zip(variables(found), variables(good), strict=True):
        if "scan_steps" in given:
            np.testing.assert_allclose(one, other, rtol=1e-5)
        else:
            np.testing.assert_array_equal(one, other)
    # The mutant: one step further by hand, costs and gradients are finite and parameters are not.
    chosen = cl.training.step.optimizer_of(fn, OPTIMIZERS[optimizer])
    key = jax.random.fold_in(KEY, BAD)
    batch = cl.batches(fn.diagram.data, 6, KEY)[BAD]
    slopes = jax.jit(jax.value_and_grad(lambda *given: fn(*given)[0]))
    value, gradient = slopes(found.params, found.state, batch)
    extra = {"value_fn": lambda params: fn(params, found.state, batch, key)[0]}
    update = optax.with_extra_args_support(chosen).update
    state = found.optimizer_state
    updates, _ = jax.jit(functools.partial(update, **extra))(gradient, state, found.params)
    assert np.isfinite(value)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    moved = [name for name in updates if jax.tree.leaves(updates[name])]
    after = {name: optax.apply_updates(found.params[name], updates[name]) for name in moved}
    assert not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after))


def test_a_line_search_runs_once():
    """Evaluations of the loss are counted as they run."""
    seen = []

    def apply(params, x):
        jax.debug.callback(lambda w: seen.append(w), params["w"][0, 0])
        return x @ params["w"]

    data = cl.Dataset("d", X=(X, ROWS), Y=(Y, ROWS[:, :1]))
    fn = cl.lower(cl.LearningDiagram(data, slope("f", apply)).loss())
    counts = []
    for optimizer in (optax.sgd(0.1), asking(optax.sgd(0.1))):
        seen.clear()
        cl.fit(fn, optimizer, steps=3, progress=False)
        jax.effects_barrier()
        counts.append(len(seen))
    assert counts == [3, 6]


def test_side_effects_of_an_optimizer_happen_once(fn):
    seen = []

    def update(updates, state, params=None):
        jax.debug.callback(lambda: seen.append(1))
        return updates, state

    cl.fit(fn, optax.GradientTransformation(lambda _: (), update), steps=2, progress=False)
    jax.effects_barrier()
    assert len(seen) == 2


def test_an_optimizer_may_change_the_dtype_of_its_state(fn):
    def update(updates, state, params=None):
        return jax.tree.map(lambda u: -0.1 * u, updates), state + jnp.float32(0.5)

    optimizer = optax.GradientTransformation(lambda _: jnp.zeros((), "float16"), update)
    result = cl.fit(fn, optimizer, steps=3, progress=False)
    assert result.optimizer_state == 1.5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("count", [1, 3, 70])
def test_one_bad_number_among_arrays_alike_is_found(bad, count, mutants, monkeypatch):
    """Wherever it stands, and where the numbers of others cancel it, or make a sum overflow."""
    others = np.ones(3, "float16"), np.arange(4), np.zeros((0, 2), "float32")
    look = jax.jit(step._all_finite)

    def tree(place=None, rest=3e38):
        alike = [np.full((2, 3), rest, "float32") for _ in range(count)]
        if place is not None:
            alike[place][1, 2] = bad
        return alike, others

    assert look(tree())
    for place in {0, count // 2, count - 1}:
        assert not look(tree(place))
        assert not look(tree(place, -bad))
    with mutants("arrays after the first ones are passed over"), monkeypatch.context() as patch:
        first = SimpleNamespace(reduce=lambda f, found: next(iter(found)))
        patch.setattr(step, "functools", first)
        assert count == 1 or jax.jit(lambda tree: step._all_finite(tree))(tree(count - 1))


def test_a_step_takes_the_memory_of_one_more_gradient():
    """Than the step by hand, whose results are written where the old ones lay."""
    S = cl.Space("S", 256)

    def apply(params, x):
        for w in params:
            x = jnp.tanh(x @ w)
        return x

    def init(key):
        return [jax.random.normal(key, (256, 256)) / 16 for _ in range(6)]

    x = np.ones((4, 256), "float32")
    data = cl.Dataset("d", X=(S, x), Y=(S, x))
    model = cl.Model("f", S, S, (init, apply))
    fn = cl.lower(cl.LearningDiagram(data, model).loss({"fit": "d.X >> f = d.Y"}))
    optimizer = optax.adam(0.1)
    params, state = fn.init(KEY)
    batch, carry = dict(fn.diagram.data), start(optimizer, params, state["mutable"])

    @jax.jit
    def bare(carry, batch):
        value, gradient = jax.value_and_grad(lambda p: fn(p, state, batch)[0])(carry.params)
        updates, after = optimizer.update(gradient, carry.optimizer, carry.params)
        params = optax.apply_updates(carry.params, updates)
        return carry._replace(params=params, optimizer=after), value

    def memory(step, *arguments):
        program = jax.jit(step, donate_argnums=0).lower(*arguments).compile()
        return program.memory_analysis().temp_size_in_bytes

    gradients = sum(leaf.nbytes for leaf in jax.tree.leaves(params))
    by_hand = memory(bare, carry, batch)
    assert memory(compiled_step(fn, optimizer), carry, state, batch, KEY) < by_hand + gradients

    # The mutant: all that is new is kept until all of it is known to be finite.
    def kept(carry, batch):
        new, value = bare(carry, batch)
        good = jnp.isfinite(jnp.stack([leaf.sum() for leaf in new.params["f"]])).all()
        return jax.tree.map(lambda a, b: jnp.where(good, a, b), new, carry), value

    assert memory(kept, carry, batch) > by_hand + gradients
