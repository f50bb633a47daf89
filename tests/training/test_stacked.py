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
    assert distance(stacked, plain) < 1e-6
    assert distance(plain, start()) > 1e-3


def test_optimizers_that_look_at_whole_arrays_need_per_edge():
    # The mutant: without per_edge a stack passes for one array.
    assert distance(trained(STACKED, optax.lamb(0.05)), trained_plainly("lamb")) > 1e-4


def test_labels_within_a_class_must_agree_unless_it_is_split():
    with pytest.raises(CatlearnError, match="groups="):
        STACKED.select(GROUPS)
    assert [len(group) for group in GROUPED.storage.edges] == [2, 2]
    labels = GROUPED.select(GROUPS)
    assert dict(labels) == {"encoder": "second"} | GROUPS
    plain = trained(PLAIN, two_groups(PLAIN))
    assert distance(trained(GROUPED, two_groups(GROUPED)), plain) < 1e-6
