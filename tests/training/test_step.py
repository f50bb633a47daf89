"""How steps are taken changes nothing: optimizers by edge, parts of batches, steps at once."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import DataError, InvalidStructure
from catlearn.training.step import ExamplesApart, gradient_of
from tests.errors import are, raises, warns

KEY = jax.random.key(0)
X, F, Y = cl.Space("X", (2,)), cl.Space("F", (3,)), cl.Space("Y", (1,))
ROWS = np.random.default_rng(0).normal(size=(12, 2)).astype("float32")


def edge(name, source, target):
    """A linear edge whose start is fixed by its name, so that nothing is drawn."""
    start = np.random.default_rng(len(name)).normal(size=(source, target)).astype("float32")
    spaces = {2: X, 3: F, 1: Y}
    model = (lambda key: {"w": jnp.asarray(start)}, lambda params, x: x @ params["w"])
    return cl.Model(name, spaces[source], spaces[target], model)


@pytest.fixture(scope="module")
def two():
    data = cl.Dataset("d", X=(X, ROWS), Y=(Y, ROWS[:, :1]))
    return cl.lower(cl.LearningDiagram(data, edge("encoder", 2, 3), edge("head", 3, 1)).loss())


SLOW, FAST = optax.sgd(0.02), optax.adam(0.1)


def test_optimizers_by_edge_are_multi_transform(two):
    labels = two.select({"encoder": "slow", "head": "fast"})
    options = {"steps": 4, "batch_size": 6, "progress": False}
    expected = cl.fit(two, optax.multi_transform({"slow": SLOW, "fast": FAST}, labels), **options)
    for given in ({"encoder": SLOW, "head": FAST}, {"*": FAST, ("encoder",): SLOW}):
        found = cl.fit(two, given, **options)
        assert found.history == expected.history
    compiled = list(two.compiled)
    cl.fit(two, {"encoder": SLOW, "head": FAST}, **options)
    assert list(two.compiled) == compiled
    # The mutant: the optimizers the other way round.
    assert cl.fit(two, {"encoder": FAST, "head": SLOW}, **options).history != expected.history


def test_an_edge_without_optimizer_stays(two):
    start, _ = two.init(KEY)
    result = cl.fit(two, {"encoder": None, "*": FAST}, steps=3, progress=False)
    np.testing.assert_array_equal(result.params["encoder"]["w"], start["encoder"]["w"])
    assert not np.array_equal(result.params["head"]["w"], start["head"]["w"])


def test_edges_with_one_optimizer_are_one_group(two):
    clipped, other = (optax.chain(optax.clip_by_global_norm(0.01), SLOW) for _ in range(2))
    options = {"steps": 2, "progress": False}
    together = cl.fit(two, clipped, **options)
    for same in ({"encoder": clipped, "head": clipped}, {("encoder", "head"): clipped}):
        assert cl.fit(two, same, **options).history == together.history
    apart = cl.fit(two, {"encoder": clipped, "head": other}, **options)
    assert apart.history != together.history


def test_what_is_wrong_with_the_optimizers_is_listed(two):
    with pytest.raises(InvalidStructure) as caught:
        cl.fit(two, {"encodr": SLOW, ("head", "d.X"): FAST, "head": SLOW}, steps=1)
    assert are(
        caught.value.failures,
        ("optimizer", "edge 'encodr'", "encoder"),
        ("optimizer", "edge 'd.X'", "encoder", "head"),
        ("optimizer", "edge 'head'"),
        ("optimizer", "edge 'encoder'", "'*'"),
    )


def test_parts_of_a_batch_are_the_batch(fit):
    sizes = {"labelled": 6, "unlabelled": 3}
    whole = fit(steps=5, batch_size=sizes)
    parts = fit(steps=5, batch_size=sizes, accumulate=3)
    np.testing.assert_allclose(parts.history.rows, whole.history.rows, rtol=1e-5)
    np.testing.assert_allclose(
        parts.params["student"]["w"], whole.params["student"]["w"], rtol=1e-5
    )
    with raises(DataError, 6, 4, law="accumulate", where="data set 'labelled'"):
        fit(steps=1, batch_size={"labelled": 6, "unlabelled": 4}, accumulate=4)


@pytest.mark.parametrize("stack", [False, True])
def test_parts_of_a_batch_have_one_maximum(stack):
    """Which cost is largest is known only when all parts are."""
    data = cl.Dataset("d", X=(X, ROWS), Y=(Y, 0 * ROWS[:, :1]), Z=(Y, 0 * ROWS[:, :1] + 0.5))
    start = (lambda key: {"w": jnp.ones((2, 1))}, lambda params, x: x @ params["w"])
    equations = {"first": "d.X >> f = d.Y", "second": "d.X >> g = d.Z"}
    diagram = cl.LearningDiagram(
        data, cl.Model("f", X, Y, start), cl.Model("g", X, Y, start), equations=equations
    )
    fn = cl.lower(diagram.loss(aggregator="max"), stack=stack)
    assert fn.plan.stacking.found == stack
    params, state = fn.init(KEY)
    batch = {"d": dict(fn.diagram.data["d"])}
    batch = fn.pack(params, state, batch)[2]
    key = jax.random.key(1)
    (value, aux), expected = gradient_of(fn)(params, state, batch, key)
    (same, other), found = jax.jit(gradient_of(fn, 4))(params, state, batch, key)
    np.testing.assert_allclose(same, value, rtol=1e-6)
    flat = [np.concatenate([np.ravel(x) for x in jax.tree.leaves(t)]) for t in (expected, found)]
    np.testing.assert_allclose(*flat, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(*map(jax.tree.leaves, (other.terms, aux.terms)), rtol=1e-6)
    # The mutant: the mean of the maxima of all parts.
    parts = [{"d": {k: v[i::4] for k, v in fn.diagram.data["d"].items()}} for i in range(4)]
    assert np.mean([fn(params, state, part)[0] for part in parts]) > value * (1 + 1e-3)


def test_parts_of_a_batch_that_is_compared_with_itself_are_warned_of():
    data = cl.Dataset("d", X=(X, ROWS), Y=(X, ROWS))
    start = (lambda key: {"w": jnp.ones((2, 2))}, lambda params, x: x @ params["w"])
    fit = cl.Equation("d.X >> f = d.Y", divergence="info_nce")
    diagram = cl.LearningDiagram(data, cl.Model("f", X, X, start), equations={"fit": fit})
    with warns(ExamplesApart, "'fit'", "accumulate=2"):
        cl.fit(diagram, SLOW, steps=1, batch_size=4, accumulate=2, progress=False)


def test_averages_move_once_in_a_step_of_many_parts():
    data = cl.Dataset("d", X=(X, ROWS), Y=(Y, ROWS[:, :1]))
    online = edge("online", 2, 1)
    target = cl.MovingAverage("target", of="online", decay=0.5)
    equations = {"fit": "d.X >> online = d.Y", "follow": "d.X >> online = d.X >> target"}
    fn = cl.lower(cl.LearningDiagram(data, online, target, equations=equations).loss())
    runs = [
        cl.fit(fn, SLOW, steps=3, batch_size=6, progress=False, accumulate=parts)
        for parts in (1, 3)
    ]
    one, three = (run.state["mutable"]["target"]["w"] for run in runs)
    np.testing.assert_allclose(one, three, rtol=1e-5)
    assert not np.allclose(one, runs[0].params["online"]["w"])


def test_several_steps_at_once_are_the_steps(fit, tmp_path):
    file = tmp_path / "run.safetensors"
    for sizes in (4, {"labelled": 4, "unlabelled": 7}, 12):
        single = fit(steps=11, batch_size=sizes)
        at_once = fit(steps=11, batch_size=sizes, scan_steps=4)
        np.testing.assert_allclose(at_once.history.rows, single.history.rows, rtol=1e-5)
        for one, other in zip(
            jax.tree.leaves((at_once.params, at_once.optimizer_state)),
            jax.tree.leaves((single.params, single.optimizer_state)),
            strict=True,
        ):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
        # The mutant: batches of other steps are far away.
        other = fit(steps=11, batch_size=sizes, scan_steps=4, key=jax.random.key(1))
        drawn = sizes != 12
        assert np.allclose(other.history.rows, single.history.rows, rtol=1e-5) != drawn
    # Log points and checkpoints come after the call in which they fall.
    seen = []
    options = {"scan_steps": 4, "checkpoint": file, "callback": lambda step, _: seen.append(step)}
    fit(steps=11, log_every=3, **options)
    assert seen == [4, 8, 9, 11]
    # A run goes on bitwise where its calls begin at the same steps, and else up to rounding.
    for stop, same in ((8, True), (6, False)):
        fit(steps=stop, checkpoint_every=2, overwrite=True, **options)
        resumed, whole = fit(steps=12, resume=True, **options), fit(steps=12, scan_steps=4)
        np.testing.assert_allclose(resumed.history.rows, whole.history.rows, rtol=1e-5)
        if same:
            assert resumed.history == whole.history
            for one, other in zip(
                jax.tree.leaves(resumed.params), jax.tree.leaves(whole.params), strict=True
            ):
                np.testing.assert_array_equal(one, other)


def test_a_step_consumes_the_one_before(fn, adam, fit):
    from catlearn.training.step import compiled_step, start

    fit(steps=1)
    params, state = fn.init(KEY)
    carry = start(adam, params, state["mutable"])
    batch = cl.batches(fn.diagram.data, 4, KEY)[0]
    constant = {name: part for name, part in state.items() if name != "mutable"}
    compiled_step(fn, adam)(carry, constant, batch, KEY)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(carry))
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves((params, state)))


def test_weights_schedules_and_data_compile_nothing(regime):
    """One program, whatever numbers come in."""
    weight = cl.Weight("beta", 0.5, schedule=optax.linear_schedule(0.0, 1.0, 10))
    equations = {
        "label": "labelled.X >> student = labelled.Y",
        "soft": cl.Equation("unlabelled.X >> student = unlabelled.X >> teacher", weight=weight),
    }
    fn = cl.lower(regime.with_equations(equations, only=True).loss())
    rate = optax.inject_hyperparams(optax.sgd)(learning_rate=optax.cosine_decay_schedule(0.1, 9))
    first = cl.fit(fn, rate, steps=3, batch_size=4, progress=False)
    (program,) = fn.compiled.values()
    data = jax.tree.map(lambda leaf: 2 * leaf, dict(regime.data))
    batches = [{"X": ROWS[:4], "Y": ROWS[:4, :1]}]
    for source in (data, {**data, "labelled": batches}):
        other = cl.fit(
            fn, rate, steps=5, batch_size=4, data=source, progress=False, key=jax.random.key(4)
        )
        assert other.history != first.history
    assert list(fn.compiled.values()) == [program]
    assert program._cache_size() == 1


def test_edges_with_different_optimizers_are_not_stacked():
    names = [f"f_{i}" for i in range(16)]
    data = cl.Dataset("d", X=(X, ROWS), Y=(Y, ROWS[:, :1]))
    start = (lambda key: {"w": jnp.ones((2, 1))}, lambda params, x: x @ params["w"])
    edges = [cl.Model(name, X, Y, start) for name in names]
    diagram = cl.LearningDiagram(
        data, *edges, equations={name: f"d.X >> {name} = d.Y" for name in names}
    )
    given = {tuple(names[:8]): SLOW, "*": None}
    result = cl.fit(diagram, given, steps=1, progress=False)
    assert result.fn.plan.stacking.edges == (tuple(names[:8]), tuple(names[8:]))
    assert not np.array_equal(result.params["f_7"]["w"], np.ones((2, 1)))
    np.testing.assert_array_equal(result.params["f_8"]["w"], np.ones((2, 1)))
    # One optimizer for all leaves them together, and a loss that was lowered so says what to do.
    together = cl.lower(diagram.loss())
    assert together.plan.stacking.edges == (tuple(names),)
    with raises(cl.errors.CatlearnError, "'f_0'", "'f_8'", "groups="):
        cl.fit(together, given, steps=1, progress=False)
