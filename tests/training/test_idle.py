"""Edges to which no equation sends a gradient stay as they are, whatever the optimizer."""

import functools
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import CheckpointMismatch, InvalidStructure
from catlearn.lowering.stacking import stacking_for
from catlearn.training import loop
from tests.errors import raises

KEY = jax.random.key(0)
X, F, Y = cl.Space("X", 2), cl.Space("F", 3), cl.Space("Y", 1)
ROWS = np.random.default_rng(0).normal(size=(12, 2)).astype("float32")
DATA = cl.Dataset("d", X=(X, ROWS), Y=(Y, ROWS[:, :1]), F=(F, ROWS[:, [0, 1, 0]]))
DECAY = optax.adamw(0.1, weight_decay=1.0)


def edge(name, source, target):
    """A linear edge, with a zero that has a sign."""
    spaces = {2: X, 3: F, 1: Y}
    w = np.random.default_rng(len(name)).normal(size=(source, target)).astype("float32")
    w[0, 0] = -0.0
    model = (lambda key: {"w": jnp.asarray(w)}, lambda params, x: x @ params["w"])
    return cl.Model(name, spaces[source], spaces[target], model)


ENCODER, HEAD, OTHER = edge("encoder", 2, 3), edge("head", 3, 1), edge("other", 2, 1)
LABEL = "d.X >> encoder >> head = d.Y"
EQUATIONS = {
    "all": ({"fit": LABEL, "and": "d.X >> other = d.Y"}, {"encoder", "head", "other"}),
    "not reached": ({"fit": LABEL}, {"encoder", "head"}),
    "named by no trains": ({"fit": cl.Equation(LABEL, trains=["head"])}, {"head"}),
    "trained by nothing": (
        {"fit": cl.Equation(LABEL, trains={"head": 1.0, "encoder": 0.0})},
        {"head"},
    ),
    "behind a stop": (
        {"fit": cl.Equation("d.X >> other = d.X >> encoder >> head", stop="rhs")},
        {"other"},
    ),
    "elsewhere": (
        {
            "fit": cl.Equation(LABEL, trains=["head"]),
            "near": cl.Equation("d.X >> encoder = d.F", weight=0.5),
        },
        {"encoder", "head"},
    ),
    "a weight that is 0 now": (
        {
            "fit": LABEL,
            "later": cl.Equation(
                "d.X >> other = d.Y", weight=cl.Weight("w", 0.0, schedule=lambda step: 0.0 * step)
            ),
        },
        {"encoder", "head", "other"},
    ),
    "a scale that is 0 now": (
        {
            "fit": cl.Equation(
                LABEL,
                trains={"encoder": cl.Weight("s", schedule=lambda step: 0.0 * step), "head": 1.0},
            )
        },
        {"encoder", "head"},
    ),
}


def lowered(equations, *further, **options):
    parts = DATA, ENCODER, HEAD, OTHER, *further
    return cl.lower(cl.LearningDiagram(*parts, equations=equations).loss(), **options)


def bits(tree):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


@pytest.mark.parametrize("case", EQUATIONS)
def test_what_is_trained_has_a_gradient_and_the_rest_stays(case):
    equations, trained = EQUATIONS[case]
    fn = lowered(equations)
    assert {*fn.trained} == trained
    params, state = fn.init(KEY)
    batch = dict(fn.diagram.data)
    # The law, against JAX: with all weights at 1, an edge has a gradient if it is trained.
    ones = jax.tree.map(jnp.ones_like, dict(state["weights"]))
    gradient = jax.grad(lambda p: fn(p, {**state, "weights": ones}, batch)[0])(params)
    moved = {
        name for name, tree in gradient.items() if any(np.any(g) for g in jax.tree.leaves(tree))
    }
    assert moved == trained
    for optimizer in (
        DECAY,
        {"*": DECAY},
        cl.per_edge(DECAY),
        optax.chain(optax.identity(), DECAY),
    ):
        result = cl.fit(fn, optimizer, steps=3, batch_size=4, progress=False)
        for name in params:
            same = bits(result.params[name]) == bits(params[name])
            assert same == (name not in trained)
        arrays = jax.tree_util.tree_leaves_with_path(result.optimizer_state)
        keys = [
            [k.key for k in path if getattr(k, "key", None) in params]
            for path, x in arrays
            if x.ndim
        ]
        seen = {names[-1] for names in keys}
        assert seen == trained
    # The mutant: the optimizer itself moves every edge, gradient or not.
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, _ = DECAY.update(zeros, DECAY.init(params), params)
    assert all(bits(optax.apply_updates(params[n], updates[n])) != bits(params[n]) for n in params)


def test_edges_with_no_optimizer_keep_their_bits():
    fn = lowered(EQUATIONS["all"][0])
    start, _ = fn.init(KEY)
    result = cl.fit(fn, {"encoder": None, "*": DECAY}, steps=2, progress=False)
    assert bits(result.params["encoder"]) == bits(start["encoder"])
    whole = cl.fit(fn, {"*": None}, steps=2, progress=False)
    assert bits(whole.params) == bits(start)


def test_operators_and_pairings_reach_edges():
    """The gradient goes to what an operator acts on, and to all components of a pairing."""
    slope = cl.Operator("slope", "derivative", of="other", along=(0,))
    assert lowered({"flat": "d.X >> slope = d.Y"}, slope).trained == ("other",)
    product = cl.Product("YY", Y, Y)
    both = cl.Pairing("both", product, "encoder >> head", "other")
    join = cl.Model("join", product, Y, lambda pair: pair[0] - pair[1])
    fn = lowered({"alike": "d.X >> both >> join = d.Y"}, both, join)
    assert fn.trained == ("encoder", "head", "other")
    one = lowered({"alike": cl.Equation("d.X >> both >> join = d.Y", trains=["head"])}, both, join)
    assert one.trained == ("head",)


def test_an_average_goes_on_following():
    average = cl.MovingAverage("slow", of="encoder", decay=0.5)
    equations = {
        "fit": cl.Equation("d.X >> encoder = d.F"),
        "follow": cl.Equation("d.X >> other = d.X >> slow >> head", stop="rhs"),
    }
    fn = lowered(equations, average)
    assert {*fn.trained} == {"encoder", "other"}
    start, _ = fn.init(KEY)
    result = cl.fit(fn, DECAY, steps=3, progress=False)
    slow = result.state["mutable"]["slow"]["w"]
    assert bits(result.params["head"]) == bits(start["head"])
    assert not np.allclose(slow, start["encoder"]["w"])
    assert not np.allclose(slow, result.params["encoder"]["w"])


def test_an_optimizer_for_an_edge_without_gradient_is_refused():
    fn = lowered({"fit": cl.Equation(LABEL, trains=["head"])})
    with pytest.raises(InvalidStructure) as caught:
        cl.fit(fn, {("encoder", "other"): DECAY, "*": DECAY}, steps=1)
    assert [failure.where for failure in caught.value.failures] == [
        "edge 'encoder'",
        "edge 'other'",
    ]
    given = {("encoder", "other"): None, "head": DECAY}
    assert cl.fit(fn, given, steps=1, progress=False).steps == 1


def test_equations_through_which_no_gradient_passes_are_refused():
    stopped = cl.Equation("d.X >> other = d.Y", stop="lhs")
    nobody = cl.Equation("d.X >> other = d.Y", trains={"other": 0.0})
    equations = {"fit": LABEL, "stopped": stopped, "nobody": nobody}
    fn = lowered(equations)
    assert fn.plan.untrained == ("stopped", "nobody")
    with pytest.raises(InvalidStructure) as caught:
        cl.fit(fn, DECAY, steps=1)
    assert [failure.where for failure in caught.value.failures] == [
        "equation 'stopped'",
        "equation 'nobody'",
    ]


def test_edges_without_gradient_are_not_stored_with_others():
    names = [f"f_{i}" for i in range(16)]
    start = (lambda key: {"w": jnp.ones((2, 1))}, lambda params, x: x @ params["w"])
    edges = [cl.Model(name, X, Y, start) for name in names]
    equations = {name: f"d.X >> {name} = d.Y" for name in names[:8]}
    equations |= {
        f"{name} follows": cl.Equation(f"d.X >> {name} = d.X >> {other}", stop="rhs")
        for name, other in zip(names[:8], names[8:], strict=True)
    }
    fn = cl.lower(cl.LearningDiagram(DATA, *edges, equations=equations).loss())
    assert fn.trained == tuple(names[:8])
    assert tuple(names[:8]) in fn.plan.stacking.edges
    result = cl.fit(fn, DECAY, steps=2, progress=False)
    np.testing.assert_array_equal(result.params["f_9"]["w"], np.ones((2, 1)))
    assert not np.array_equal(result.params["f_1"]["w"], np.ones((2, 1)))


PLACES = [
    "run.safetensors",
    pytest.param(
        "run",
        marks=pytest.mark.skipif(importlib.util.find_spec("orbax") is None, reason="needs orbax"),
    ),
]


@pytest.mark.parametrize("place", PLACES)
def test_older_checkpoints_have_more_state_and_resume(tmp_path, monkeypatch, place):
    fn = lowered({"fit": cl.Equation(LABEL, trains=["head"])})
    options = {"batch_size": 4, "progress": False}
    adam = optax.adam(0.1)
    whole = cl.fit(fn, adam, steps=6, **options)
    path = tmp_path / place
    with monkeypatch.context() as before:
        before.setattr(loop, "optimizer_of", lambda fn, given: given)
        older = cl.fit(fn, adam, steps=3, checkpoint=path, **options)
    assert older.optimizer_state[0].mu["encoder"]["w"].shape == (2, 3)
    resumed = cl.fit(fn, adam, steps=6, checkpoint=path, resume=True, **options)
    # The program of before was another one, equal up to rounding.
    np.testing.assert_allclose(resumed.history.rows, whole.history.rows, rtol=1e-5)
    found, expected = ((r.params, r.optimizer_state) for r in (resumed, whole))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), found, expected
    )
    # The mutant: what is missing for an edge that is trained is a difference.
    with raises(CheckpointMismatch, "'head'", law="checkpoint", where="the optimizer"):
        cl.fit(fn, optax.sgd(0.1), steps=9, checkpoint=path, resume=True, **options)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("earlier", ["together", "apart"])
def test_older_checkpoints_that_store_edges_otherwise_resume(tmp_path, monkeypatch, place, earlier):
    """Version 0.1.0 stored trained edges with idle ones, and those of several data sets apart."""
    names = [f"f_{i}" for i in range(16)]
    drawn = lambda key: {"w": jax.random.normal(key, (2, 1))}, lambda params, x: x @ params["w"]
    edges = [cl.Model(name, X, Y, drawn) for name in names]
    equations = {name: f"d.X >> {name} = d.Y" for name in names[:8]}
    equations |= {
        f"{name} follows": cl.Equation(f"d.X >> {name} = d.X >> {other}", stop="rhs")
        for name, other in zip(names[:8], names[8:], strict=True)
    }
    loss = cl.LearningDiagram(DATA, *edges, equations=equations).loss()
    options = {"batch_size": 4, "progress": False}
    adam, path, fn = optax.adam(0.1), tmp_path / place, cl.lower(loss)
    whole = cl.fit(fn, adam, steps=6, **options)
    with monkeypatch.context() as before:
        before.setattr(loop, "optimizer_of", lambda fn, given: given)
        joint = functools.partial(stacking_for, idle_apart=False)
        before.setattr("catlearn.lowering.lowered.stacking_for", joint)
        old = cl.lower(loss, stack=8 if earlier == "together" else False)
        assert [len(group) for group in old.plan.stacking.edges] == [16] * (earlier == "together")
        cl.fit(old, adam, steps=3, checkpoint=path, **options)
    assert sorted(map(len, fn.plan.stacking.edges)) == [8, 8]
    resumed = cl.fit(fn, adam, steps=6, checkpoint=path, resume=True, **options)
    np.testing.assert_allclose(resumed.history.rows, whole.history.rows, rtol=1e-5)
    found, expected = ((r.params, r.optimizer_state) for r in (resumed, whole))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), found, expected
    )
    # The mutant: another optimizer is another one, however edges are stored.
    with pytest.raises(CheckpointMismatch):
        cl.fit(fn, optax.sgd(0.1), steps=9, checkpoint=path, resume=True, **options)
