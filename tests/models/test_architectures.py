"""Architectures: identity, parameters, running on batches; built-ins, functions, modules."""

import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from catlearn.errors import CatlearnError, InvalidStructure, UnknownName
from catlearn.models import (
    ACTIVATIONS,
    Categorical,
    Function,
    Model,
    ModuleArchitecture,
    Plain,
    Product,
    Registered,
    Space,
    Unbound,
    architecture_names,
    as_architecture,
    needs_key,
    register_architecture,
    same_values,
)
from catlearn.models.maps import Map
from tests.errors import raises

X, Z, Y = Space("X", 4), Space("Z", (2, 3)), Categorical("Y", 3)
KEY = jax.random.key(0)
BATCH = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)


def mlp(seed=0, width=8, **options):
    """Make an MLP with numpy's random weights, since drawing by JAX compiles for each shape."""
    rng = np.random.default_rng(seed)
    shapes = eqx.filter_eval_shape(eqx.nn.MLP, 4, 3, width, 2, key=KEY, **options)

    def draw(leaf):
        is_array = isinstance(leaf, jax.ShapeDtypeStruct)
        return rng.standard_normal(leaf.shape).astype(leaf.dtype) if is_array else leaf

    return jax.tree.map(draw, shapes)


def label_of(module):
    return ModuleArchitecture.of(module)[0]


# Registered architectures


def test_linear_is_affine():
    linear = Registered("linear")
    params = linear.init(KEY, X.label, Y.label)
    params = {"weight": params["weight"], "bias": jnp.arange(3.0)}
    expected = BATCH @ np.asarray(params["weight"]) + np.arange(3.0)
    np.testing.assert_allclose(linear.apply(params, BATCH), expected, rtol=1e-5)
    assert set(Registered("linear", use_bias=False).init(KEY, X.label, Y.label)) == {"weight"}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mlp_against_its_definition(activation):
    arch = Registered("mlp", width=8, depth=2, activation=activation)
    first, second, last = arch.init(KEY, X.label, Y.label)
    act = getattr(jax.nn, activation)
    hidden = act(act(BATCH @ first["weight"]) @ second["weight"])
    expected = hidden @ last["weight"]
    np.testing.assert_allclose(
        arch.apply((first, second, last), BATCH), expected, rtol=1e-4, atol=1e-6
    )


def test_mlp_of_depth_zero_is_linear():
    arch = Registered("mlp", depth=0)
    (layer,) = arch.init(KEY, X.label, Y.label)
    np.testing.assert_allclose(
        arch.apply((layer,), BATCH), Registered("linear").apply(layer, BATCH)
    )


def test_initial_weights_have_the_usual_scale_and_differ_by_key():
    big = Space("big", 400)
    draw = functools.partial(Registered("linear").init, source=big.label, target=big.label)
    weight = draw(KEY)["weight"]
    assert abs(np.std(weight) * math.sqrt(400) - 1) < 0.05
    assert not np.array_equal(weight, draw(jax.random.key(1))["weight"])
    np.testing.assert_array_equal(weight, draw(KEY)["weight"])


def test_built_ins_flatten_and_shape():
    pair = Product("P", Z, Product("Q", X, Y))
    scalar = Space("s", ())
    for arch in (Registered("linear"), Registered("mlp", width=8)):
        for source, target in ((pair, Z), (scalar, scalar), (Z, Y)):
            params = arch.structure(source.label, target.label)
            y = jax.eval_shape(arch.apply, params, source.label.example(5))
            assert y == target.label.example(5)
    with raises(InvalidStructure, law="target", where="its end"):
        Registered("linear").init(KEY, X.label, pair.label)


def test_the_order_of_concatenation_is_that_of_the_factors():
    pair = Product("P", X, Y)
    linear = Registered("linear", use_bias=False)
    weight = linear.init(KEY, pair.label, Y.label)["weight"]
    y = linear.apply({"weight": weight}, (BATCH, jnp.zeros((5, 3))))
    np.testing.assert_allclose(y, BATCH @ weight[:4], rtol=1e-5)


def test_registered_identity_options_and_repr():
    assert Registered("mlp") == Registered("mlp", width=64, depth=1)
    assert len({Registered("mlp", width=w) for w in (8, 16, 8)}) == 2
    assert eval(repr(Registered("mlp", width=8))) == Registered("mlp", width=8)
    assert str(Registered("linear")) == "linear(use_bias=True)"
    with raises(UnknownName, "mpl", "linear", "mlp"):
        Registered("mpl")
    with raises(InvalidStructure, "widht", law="options", where="Architecture 'mlp'"):
        Registered("mlp", widht=3)
    with pytest.raises(InvalidStructure) as caught:
        Registered("mlp", width=0, depth=-1, activation="rleu")
    assert len(caught.value.failures) == 3


def test_users_register_their_own():
    def scaled(factor):
        def init(key, source, target):
            return jnp.full(target.shape, factor)

        return init, lambda params, x, key=None: params * x

    register_architecture("scaled_for_this_test", scaled)
    assert "scaled_for_this_test" in architecture_names()
    arch = Registered("scaled_for_this_test", factor=2.0)
    assert arch.accepts_key
    np.testing.assert_allclose(arch.apply(arch.init(KEY, X.label, X.label), BATCH, KEY), 2 * BATCH)
    with raises(
        InvalidStructure, "factor", law="options", where="Architecture 'scaled_for_this_test'"
    ):
        Registered("scaled_for_this_test")
    with raises(CatlearnError, "scaled_for_this_test"):
        register_architecture("scaled_for_this_test", lambda: None)
    register_architecture("broken_for_this_test", lambda: None)
    with raises(InvalidStructure, "(init, apply)", law="registry", where="'broken_for_this_test'"):
        Registered("broken_for_this_test")


# Functions


def scale_init(key):
    return jnp.float32(2.0)


def scale(params, x):
    return params * x


def test_plain_pairs():
    arch = Plain(scale_init, scale)
    assert arch == Plain(scale_init, scale)
    assert arch != Plain(scale_init, lambda params, x: params * x)
    params = arch.init(KEY, X.label, X.label)
    np.testing.assert_allclose(arch.rebuild(params)(BATCH), 2 * BATCH)
    assert arch.structure(X.label, X.label) == jax.ShapeDtypeStruct((), jnp.float32)
    assert not arch.accepts_key


def test_functions_get_factors_spread_when_they_ask_for_as_many():
    x, y = BATCH, 2 * BATCH
    both = Function(lambda a, b: a - b)
    one = Function(lambda pair: pair[0] - pair[1])
    optional = Function(lambda pair, scale=1.0: (pair[0] - pair[1]) * scale)
    for arch in (both, one, optional):
        np.testing.assert_allclose(arch.apply((), (x, y)), x - y)
    weighted = Plain(scale_init, lambda params, a, b, key=None: params * (a - b))
    np.testing.assert_allclose(weighted.apply(3.0, (x, y), KEY), 3 * (x - y))


def test_functions_get_the_key_when_they_have_an_argument_for_it():
    noise = Function(lambda x, key: x + jax.random.normal(key, x.shape))
    expected = BATCH + jax.random.normal(KEY, BATCH.shape)
    np.testing.assert_allclose(noise.apply((), BATCH, KEY), expected)
    np.testing.assert_allclose(Function(jnp.sin).apply((), BATCH, KEY), np.sin(BATCH), rtol=1e-5)


def test_functions_are_told_the_mode_when_they_have_an_argument_for_it():
    told = Function(lambda x, train: x if train else -x)
    pair = Plain(
        scale_init, lambda params, x, y, train=False, key=None: params * (x if train else y)
    )
    for train in (True, False):
        y, changed = told.run((), BATCH, train=train)
        np.testing.assert_allclose(y, BATCH if train else -BATCH)
        assert changed is None
        y, _ = pair.run(3.0, (BATCH, 2 * BATCH), KEY, train)
        np.testing.assert_allclose(y, 3 * BATCH if train else 6 * BATCH)
    assert told.has_modes
    assert pair.has_modes
    assert not Function(lambda x: x).has_modes
    np.testing.assert_allclose(told.apply((), BATCH), -BATCH)


def test_both_modes_are_checked():
    wrong = Model("f", X, X, lambda x, train: x if train else x[:, :2])
    (failure,) = wrong.failures()
    assert "found float32 (batch, 2)" in failure.message


def test_needing_a_key_is_failing_without_one_only():
    def answer(fn):
        return needs_key(Map("fixed", Function(fn)), X.label, X.label)

    assert answer(lambda x, key: x + jax.random.normal(key, x.shape))
    assert not answer(lambda x, key=None: x)
    assert not answer(lambda x: x)
    assert not needs_key(Map("projection"), X.label, X.label)


def test_unbound_says_what_to_do():
    arch = Unbound("equinox MLP")
    assert arch == Unbound("equinox MLP") != Unbound("equinox Linear")
    assert not arch.bound
    for use in (arch.init, arch.apply, arch.structure):
        with raises(CatlearnError, "diagram.bind(name=model)"):
            use(None, None) if use == arch.structure else use(None, None, None)
    with raises(CatlearnError, "'equinox MLP'", "diagram.bind(name=model)"):
        arch.rebuild(None)


# Equinox modules


def test_modules_of_the_same_make_have_equal_labels():
    assert label_of(mlp(0)) == label_of(mlp(1))
    assert hash(label_of(mlp(0))) == hash(label_of(mlp(1)))
    mutants = [mlp(width=9), mlp(activation=jnp.tanh), mlp(use_bias=False), mlp(dtype=jnp.float16)]
    labels = {label_of(module) for module in [mlp(), *mutants]}
    assert len(labels) == 5
    assert label_of(eqx.nn.Dropout(0.5)) == label_of(eqx.nn.Dropout(0.5))
    assert label_of(eqx.nn.Dropout(0.5)) != label_of(eqx.nn.Dropout(0.25))
    # 1 == 1.0 == True in Python, but they are different maps.
    assert len({label_of(Holder(value)) for value in (1, 1.0, True)}) == 3
    assert label_of(Holder(float("nan"))) == label_of(Holder(float("nan")))


class Holder(eqx.Module):
    """Scales by whatever it holds."""

    held: object

    def __call__(self, x):
        return x * self.held


class Shuffle(eqx.Module):
    """A fixed permutation after a trainable scale."""

    order: jax.Array | np.ndarray
    scale: jax.Array | np.ndarray

    def __call__(self, x):
        return self.scale * x[self.order]


def test_integer_arrays_are_constants_compared_by_content():
    ones = np.ones(4, np.float32)
    backwards, params = ModuleArchitecture.of(Shuffle(jnp.arange(4)[::-1], ones))
    assert backwards == label_of(Shuffle(np.arange(4, dtype=np.int32)[::-1], 2 * ones))
    assert backwards != label_of(Shuffle(jnp.arange(4), ones))
    assert [leaf.shape for leaf in jax.tree.leaves(params)] == [(4,)]
    np.testing.assert_allclose(backwards.apply(params, BATCH), BATCH[:, ::-1])
    keyed = [label_of(Holder(jax.random.key(seed))) for seed in (0, 0, 1)]
    assert keyed[0] == keyed[1] != keyed[2]


def test_static_leaves_without_a_hash_and_partials():
    first = [1]
    holder = label_of(Holder(functools.partial(jnp.clip, max=1.0)))
    assert holder == label_of(Holder(functools.partial(jnp.clip, max=1.0)))
    assert holder != label_of(Holder(functools.partial(jnp.clip, max=2.0)))
    unhashable, other = (type("Odd", (), {"__hash__": None})() for _ in range(2))
    assert label_of(Holder(unhashable)) == label_of(Holder(unhashable))
    assert label_of(Holder(unhashable)) != label_of(Holder(other))
    assert label_of(Holder(first)) == label_of(Holder([1])) != label_of(Holder([2]))


class Static(eqx.Module):
    sizes: object = eqx.field(static=True)


def test_static_fields_are_compared_and_cannot_be_arrays():
    assert label_of(Static([1, 2])) == label_of(Static([1, 2])) != label_of(Static([1, 3]))
    with pytest.warns(UserWarning, match="set as static"):
        arrays = [Static(np.arange(3)), Static(np.arange(2))]
    with pytest.raises(InvalidStructure) as caught:
        label_of(eqx.nn.Sequential(arrays))
    assert len(caught.value.failures) == 2


def test_modules_run_per_example():
    module = mlp()
    arch, params = ModuleArchitecture.of(module)
    expected = np.stack([module(x) for x in BATCH])
    np.testing.assert_allclose(arch.apply(params, BATCH), expected, rtol=1e-5, atol=1e-6)
    by_hand = jax.vmap(module)(BATCH)
    np.testing.assert_allclose(arch.apply(params, BATCH), by_hand, rtol=1e-6)


def test_a_module_that_sums_over_its_input_does_not_mix_examples():
    """The mutant of vmapping: on the whole batch, this module would return one number."""

    class Total(eqx.Module):
        def __call__(self, x):
            return x.sum()

    np.testing.assert_allclose(label_of(Total()).apply((), BATCH), BATCH.sum(1), rtol=1e-5)


def test_rebuild_is_the_users_object():
    module = mlp()
    arch, params = ModuleArchitecture.of(module)
    rebuilt = arch.rebuild(params)
    assert same_values(arch.parameters_of(rebuilt), params)
    assert rebuilt.activation is module.activation
    assert isinstance(arch.rebuild(jax.tree.map(jnp.zeros_like, params)), eqx.nn.MLP)
    assert same_values(arch.parameters_of(module), params)
    assert same_values(arch.parameters_of(params), params)
    assert jax.tree.structure(arch.structure(None, None)) == jax.tree.structure(params)
    with raises(CatlearnError, "MLP", "key"):
        arch.init(KEY, X.label, Y.label)


def test_dropout_draws_independently_for_each_example():
    arch, params = ModuleArchitecture.of(eqx.nn.Dropout(0.5))
    label = Map("fixed", arch)
    wide = Space("wide", 100)
    assert arch.parameter_free
    assert arch.accepts_key
    assert needs_key(label, wide.label, wide.label)
    assert not needs_key(label, wide.label, wide.label, train=False)

    def drop(params):
        return np.asarray(arch.run(params, jnp.ones((5, 100)), KEY, train=True)[0]) == 0

    dropped = drop(params)
    assert 0.3 < dropped.mean() < 0.7
    assert all(not np.array_equal(dropped[0], row) for row in dropped[1:])
    np.testing.assert_array_equal(dropped, drop(()))
    np.testing.assert_array_equal(arch.apply(params, jnp.ones((5, 100))), 1)
    sleeping = label_of(eqx.nn.Dropout(0.5, inference=True))
    assert not needs_key(Map("fixed", sleeping), wide.label, wide.label)


def test_modules_of_two_inputs_get_the_factors():
    class Distance(eqx.Module):
        weight: np.ndarray

        def __call__(self, x, y, *, key=None):
            return self.weight @ (x - y)

    arch, params = ModuleArchitecture.of(Distance(np.arange(4.0)))
    y = arch.apply(params, (3 * BATCH, BATCH), KEY)
    np.testing.assert_allclose(y, 2 * BATCH @ np.arange(4.0), rtol=1e-5)


# Factories and other libraries


def test_factories_learn_the_architecture_without_drawing():
    traced = []

    def factory(key):
        traced.append(isinstance(key, jax.core.Tracer))
        return eqx.nn.Linear(4, 3, key=key)

    arch, start = as_architecture("it", factory)
    assert start is None
    assert traced == [True]
    assert arch == label_of(eqx.nn.Linear(4, 3, key=KEY))
    params = jax.jit(lambda key: arch.init(key, X.label, Y.label))(KEY)
    by_hand = eqx.filter_jit(factory)(KEY)
    assert eqx.tree_equal(arch.rebuild(params), by_hand, rtol=1e-6)


def test_factories_by_keyword():
    arch, _ = as_architecture("it", functools.partial(eqx.nn.MLP, 4, 3, 8, 2))
    assert arch == label_of(mlp())
    drawn = jax.eval_shape(lambda key: arch.init(key, X.label, Y.label), KEY)
    assert drawn == arch.structure(X.label, Y.label)


def test_factories_with_constants():
    arch, _ = as_architecture("it", lambda key: Shuffle(jnp.arange(4), jax.random.normal(key, 4)))
    assert arch == label_of(Shuffle(jnp.arange(4), jnp.ones(4)))
    params = jax.jit(arch.init, static_argnums=(1, 2))(KEY, X.label, X.label)
    np.testing.assert_allclose(arch.apply(params, BATCH), jax.random.normal(KEY, 4) * BATCH)
    with raises(InvalidStructure, "key", law="factory", where="it"):
        as_architecture("it", lambda key: Shuffle(jax.random.permutation(key, 4), jnp.ones(4)))


@pytest.mark.parametrize(
    ("factory", "name"),
    [
        (lambda key: jnp.ones(3), "equinox"),
        (lambda key: eqx.nn.Linear("four", 3, key=key), "TypeError"),
    ],
)
def test_factories_that_fail(factory, name):
    with raises(InvalidStructure, name, law="factory", where="Model 'f'"):
        as_architecture("Model 'f'", factory)


class FromTorch:
    """Looks as if torch had made it."""

    __module__ = "torch.nn.modules"

    def __call__(self, x):
        return x


@pytest.mark.parametrize("value", [FromTorch(), 3, (1, 2), eqx.nn.Linear, {"w": 1}, (len,)])
def test_what_is_not_supported_says_what_is(value):
    with raises(InvalidStructure, "equinox", "flax.linen", law="architecture", where="Model 'f'"):
        as_architecture("Model 'f'", value)


def test_options_belong_to_registered_names():
    with raises(InvalidStructure, "width", law="options", where="Model 'f'"):
        as_architecture("Model 'f'", mlp(), width=3)
    unhashable = type("Odd", (), {"__hash__": None, "__call__": lambda self, x: x})()
    with raises(InvalidStructure, "Odd", law="architecture", where="Model 'f'"):
        as_architecture("Model 'f'", unhashable)
