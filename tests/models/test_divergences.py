"""Divergences against numpy and scipy, their properties, and what they refuse."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import special

from catlearn.category import Equation
from catlearn.errors import CatlearnError, InvalidStructure, UnknownName, WrongKind
from catlearn.models import (
    Categorical,
    Divergence,
    DivergenceSum,
    Product,
    Space,
    divergence_names,
    divergences,
    info_nce,
    register_divergence,
)
from catlearn.models.maps import compares_examples
from tests.errors import raises

SEEDS = st.integers(0, 2**32 - 1)
NAMES = ("squared_error", "absolute_error", "huber", "cross_entropy", "kl", "cosine")
TOLERANCE = 2e-5
# Values come from seeds, so a few draws say as much as many.
few = settings(max_examples=20)


def run(divergence, p, t):
    """Compile the whole instead of each operation; equal divergences compile once."""
    return jax.jit(divergence)(p, t)


def pair(seed, shape=(5, 4), scale=2.0):
    rng = np.random.default_rng(seed)
    return tuple(scale * rng.standard_normal((2, *shape)).astype(np.float32))


def entropy_cost(p, t):
    return -(special.softmax(t, -1) * special.log_softmax(p, -1)).sum(-1)


ORACLES = {
    Divergence("squared_error"): lambda p, t: ((p - t) ** 2).sum(-1),
    Divergence("absolute_error"): lambda p, t: np.abs(p - t).sum(-1),
    Divergence("huber", delta=0.7): lambda p, t: special.huber(0.7, p - t).sum(-1),
    Divergence("cross_entropy"): entropy_cost,
    Divergence("kl"): lambda p, t: special.rel_entr(
        special.softmax(t, -1), special.softmax(p, -1)
    ).sum(-1),
    Divergence("kl", temperature=3.0): lambda p, t: (
        9 * special.rel_entr(special.softmax(t / 3, -1), special.softmax(p / 3, -1)).sum(-1)
    ),
    Divergence("cosine"): lambda p, t: (
        1 - (p * t).sum(-1) / np.linalg.norm(p, axis=-1) / np.linalg.norm(t, axis=-1)
    ),
}


@pytest.mark.parametrize("divergence", ORACLES, ids=str)
@few
@given(seed=SEEDS)
def test_against_numpy_and_scipy(divergence, seed):
    p, t = pair(seed)
    expected = ORACLES[divergence](p.astype(np.float64), t.astype(np.float64))
    cost = run(divergence, p, t)
    assert cost.shape == (5,)
    assert cost.dtype == jnp.float32
    np.testing.assert_allclose(cost, expected, rtol=1e-4, atol=TOLERANCE)


def test_the_oracles_tell_prediction_from_target():
    """The mutant: swapping the arguments must not pass where the divergence is asymmetric."""
    p, t = pair(0)
    for divergence, oracle in ORACLES.items():
        swapped = np.allclose(run(divergence, t, p), oracle(p, t), rtol=1e-3)
        assert swapped == (divergence.name not in ("cross_entropy", "kl"))


@few
@given(seed=SEEDS)
def test_labels_are_targets_one_hot(seed):
    p, _ = pair(seed)
    labels = np.random.default_rng(seed).integers(0, 4, 5)
    expected = special.logsumexp(p, -1) - p[np.arange(5), labels]
    np.testing.assert_allclose(
        run(Divergence("cross_entropy"), p, labels), expected, rtol=1e-4, atol=TOLERANCE
    )


@pytest.mark.parametrize("name", NAMES)
@few
@given(seed=SEEDS)
def test_costs_are_not_negative(name, seed):
    p, t = pair(seed)
    assert np.all(run(Divergence(name), p, t) >= -TOLERANCE)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "cross_entropy"])
@few
@given(seed=SEEDS)
def test_zero_on_the_diagonal(name, seed):
    p, t = pair(seed)
    np.testing.assert_allclose(run(Divergence(name), p, p), 0, atol=TOLERANCE)
    assert np.all(run(Divergence(name), p, t) > TOLERANCE)


def test_cross_entropy_of_a_value_with_itself_is_its_entropy():
    p, _ = pair(0)
    entropy = special.entr(special.softmax(p, -1)).sum(-1)
    np.testing.assert_allclose(Divergence("cross_entropy")(p, p), entropy, rtol=1e-5)
    assert np.all(entropy > 0.01)


def test_zero_sets_that_are_larger_than_the_diagonal():
    p, _ = pair(0)
    np.testing.assert_allclose(Divergence("kl")(p, p + 5), 0, atol=TOLERANCE)
    np.testing.assert_allclose(Divergence("cosine")(p, 5 * p), 0, atol=TOLERANCE)


def test_cosine_of_a_zero_vector_is_one_with_finite_gradient():
    zero, one = jnp.zeros((2, 3)), jnp.ones((2, 3))
    assert Divergence("cosine")(zero, one).tolist() == [1.0, 1.0]
    gradient = jax.jit(jax.grad(lambda x: Divergence("cosine")(x, one).sum()))(zero)
    assert np.all(np.isfinite(gradient))


def test_temperature_keeps_the_size_of_the_gradient():
    """Hinton et al. 2015: without the factor T^2 the gradient would fall as 1/T^2."""
    p, t = pair(0, scale=0.1)

    def size(temperature):
        cost = Divergence("kl", temperature=temperature)
        return np.linalg.norm(jax.jit(jax.grad(lambda x: cost(x, t).sum()))(p))

    assert 0.9 < size(100.0) / size(10.0) < 1.1


@pytest.mark.parametrize("name", NAMES)
def test_sums_over_every_axis_but_the_first(name):
    p, t = pair(0, shape=(5, 3, 4))
    divergence = Divergence(name)
    assert run(divergence, p, t).shape == (5,)
    if name != "cosine":
        by_row = sum(run(divergence, p[:, i], t[:, i]) for i in range(3))
        np.testing.assert_allclose(run(divergence, p, t), by_row, rtol=1e-4)


def test_gradients_flow_into_both_sides():
    p, t = pair(0)
    for name in NAMES:
        d = Divergence(name)
        gradients = jax.jit(jax.grad(lambda a, b, d=d: d(a, b).sum(), (0, 1)))(p, t)
        assert all(np.abs(g).max() > 1e-3 for g in gradients)


def test_float64_stays_float64():
    with jax.enable_x64(True):
        p, t = (jnp.asarray(x, "float64") for x in pair(0))
        for divergence in ORACLES:
            cost = run(divergence, p, t)
            assert cost.dtype == jnp.float64
            expected = ORACLES[divergence](np.asarray(p), np.asarray(t))
            np.testing.assert_allclose(cost, expected, rtol=1e-9)


def test_a_product_adds_the_costs_of_its_factors():
    (p, t), (q, u) = pair(1), pair(2)
    total = DivergenceSum((Divergence("squared_error"), Divergence("kl")))((p, q), (t, u))
    expected = Divergence("squared_error")(p, t) + Divergence("kl")(q, u)
    np.testing.assert_allclose(total, expected)
    everywhere = Divergence("absolute_error")((p, (q, p)), (t, (u, t)))
    expected = 2 * Divergence("absolute_error")(p, t) + Divergence("absolute_error")(q, u)
    np.testing.assert_allclose(everywhere, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("prediction", "target"),
    [((np.ones((5, 4)),), np.ones((5, 4))), ((np.ones((5, 4)),), (np.ones((5, 4)),) * 2)],
)
def test_tuples_must_match(prediction, target):
    for divergence in (Divergence("kl"), DivergenceSum((Divergence("kl"),))):
        with raises(InvalidStructure, law="divergence", where="of a product"):
            divergence(prediction, target)


@pytest.mark.parametrize("name", NAMES)
def test_shapes_that_would_broadcast_are_refused(name):
    with raises(InvalidStructure, "(5, 4)", "(5, 1)", law="divergence"):
        Divergence(name)(np.ones((5, 4), np.float32), np.ones((5, 1), np.float32))


def test_labels_of_the_wrong_shape_and_kl_against_labels():
    p = np.ones((5, 4), np.float32)
    with raises(InvalidStructure, "(5,)", law="divergence", where="cross_entropy"):
        Divergence("cross_entropy")(p, np.zeros((5, 4), np.int32))
    with raises(InvalidStructure, "cross_entropy", law="divergence", where="kl"):
        Divergence("kl")(p, np.zeros(5, np.int32))


@pytest.mark.parametrize(
    "mutant",
    [
        lambda p, t: jnp.mean((p - t) ** 2),
        lambda p, t: (p - t) ** 2,
        lambda p, t: jnp.zeros(5, jnp.int32),
        lambda p, t: None,
    ],
    ids=["scalar", "not summed", "integer", "nothing"],
)
def test_a_callable_must_return_one_floating_cost_per_example(mutant):
    p, t = pair(0)
    with raises(InvalidStructure, "(5,)", law="divergence", where="<lambda>"):
        Divergence(mutant)(p, t)


def halved(prediction, target, factor=0.5):
    return factor * ((prediction - target) ** 2).sum(-1)


def test_callables_are_compared_by_identity_and_take_options():
    p, t = pair(0)
    assert Divergence(halved) == Divergence(halved, factor=0.5)
    assert Divergence(halved) != Divergence(halved, factor=1.0)
    assert Divergence(halved) != Divergence(lambda p, t: halved(p, t))
    np.testing.assert_allclose(Divergence(halved, factor=1.0)(p, t), ((p - t) ** 2).sum(-1))


def test_registration_is_for_good():
    register_divergence("halved_for_this_test", halved)
    register_divergence("halved_for_this_test", halved)
    assert "halved_for_this_test" in divergence_names()
    assert Divergence("halved_for_this_test", factor=2).options == (("factor", 2),)
    with raises(CatlearnError, "halved_for_this_test"):
        register_divergence("halved_for_this_test", lambda p, t: halved(p, t))


def test_equality_hash_and_repr():
    values = [Divergence(name) for name in NAMES] + [Divergence("kl", temperature=2.0)]
    assert len(set(values)) == len(values)
    for value in values:
        assert eval(repr(value)) == value
    assert Divergence("huber") == Divergence("huber", delta=1.0)
    assert hash(Divergence("huber")) == hash(Divergence("huber", delta=1.0))
    assert Divergence.of("kl") == Divergence.of(Divergence("kl"))
    assert str(Divergence("kl")) == "kl(temperature=1.0)"


def test_bad_names_and_options_are_all_listed():
    with raises(UnknownName, "squared_eror", "squared_error", "absolute_error"):
        Divergence("squared_eror")
    with pytest.raises(InvalidStructure) as caught:
        Divergence("huber", delat=1.0, sigma=2.0)
    assert len(caught.value.failures) == 2
    for bad in (0.0, -1.0, float("nan"), float("inf"), "1"):
        with raises(InvalidStructure, bad, law="options"):
            Divergence("kl", temperature=bad)
    with raises(InvalidStructure, "delta", law="options", where="Divergence 'huber'"):
        Divergence("huber", delta=[1.0])
    with raises(WrongKind, "int"):
        Divergence(3)


def centred(prediction, target):
    return jnp.sum((prediction - prediction.mean(0) - target) ** 2, axis=1)


def by_labels(prediction, target):
    return -jnp.take_along_axis(prediction, target[:, None], axis=1)[:, 0] + 0.0 * target.max()


@pytest.mark.parametrize(
    ("divergence", "space", "compares"),
    [
        (Divergence(centred), Space("X", 2), True),
        (Divergence(lambda p, t: abs(p - t).sum(1)), Space("X", 2), False),
        (Divergence(lambda p, t: abs(p - t).sum(1), batch_level=True), Space("X", 2), True),
        (Divergence(lambda p, t: (p - p.sum(0)).sum(1) * 1.0), Space("I", 2, dtype="int32"), True),
        (Divergence(by_labels), Categorical("C", 3), False),
        (Divergence(lambda p, t: by_labels(p - p.mean(0), t)), Categorical("C", 3), True),
        (Divergence(lambda p, t: by_labels(p, t), batch_level=False), Categorical("C", 3), False),
        (Divergence("info_nce"), Space("X", 2), True),
        (Divergence(info_nce), Space("X", 2), True),
        (Divergence(centred), Product("P", Space("X", 2), Space("Y", 3)), True),
        (Divergence("huber"), Product("P", Space("X", 2), Space("Y", 3)), False),
    ],
)
def test_divergences_of_whole_batches_are_found_out(divergence, space, compares):
    assert compares_examples(divergence, space.label) == compares


def test_what_is_said_of_batches_belongs_to_the_divergence():
    said = Divergence(centred, batch_level=True)
    assert said.batch_level
    assert said != Divergence(centred)
    assert "batch_level=True" in repr(said)
    assert Divergence("info_nce", batch_level=True) == Divergence("info_nce")
    with raises(InvalidStructure, "batch_level=True", law="divergence", where="huber"):
        Divergence("huber", batch_level=True)


def test_helps_lead_to_a_table_of_all_that_there_are():
    table = divergences.__doc__ or ""
    own = [
        name
        for name in divergence_names()
        if divergences.divergence_function(name).__module__ == divergences.__name__
    ]
    rows = set(re.findall(r"^(\w+)(?:\(.*?\))? {2,}\S", table, re.M))
    assert set(own) <= rows
    for kind in (Divergence, Equation):
        assert f"help({divergences.__name__})" in (kind.__doc__ or "")
