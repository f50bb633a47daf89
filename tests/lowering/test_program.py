"""The lowered loss against the same loss by hand: values, gradients, and the program itself."""

import jax
import numpy as np
import pytest

from benchmarks.by_hand.naive import naive
from benchmarks.by_hand.programs import normal_form

REGIMES = ("square", "distillation", "diamonds")


def compiled(loss, regime):
    """Compile value and gradient of a loss, and run them; return the program and what it gives."""
    arguments = (*regime.fn.init(jax.random.key(0)), regime.batch)
    program = jax.jit(jax.value_and_grad(loss, has_aux=True)).lower(*arguments).compile()
    (value, aux), gradient = program(*arguments)
    return normal_form(program.as_text()), ((value, getattr(aux, "terms", aux)), gradient)


@pytest.fixture(scope="module")
def hand_written():
    """Compile each loss by hand once: name -> (program, what it gives)."""
    known = {}

    def get(name, regime):
        if name not in known:
            known[name] = compiled(regime.by_hand, regime)
        return known[name]

    return get


@pytest.mark.parametrize("name", REGIMES)
def test_lowered_is_the_program_an_expert_writes(make, hand_written, name):
    regime = make(name)
    ours, found = compiled(regime.fn, regime)
    by_hand, expected = hand_written(name, regime)
    assert ours == by_hand
    assert ours.count("\n") > 20
    agree(found, expected, 1e-4)


def test_the_comparison_sees_naive_evaluation(make, hand_written):
    regime = make("diamonds")
    by_hand, expected = hand_written("diamonds", regime)
    mutant, found = compiled(naive(regime.fn), regime)
    assert mutant != by_hand
    agree(found, expected, 1e-4)


def test_the_comparison_sees_another_arrangement_of_terms(make, hand_written):
    regime = make("distillation")

    def other_order(params, state, batch):
        """The same value, with the terms added the other way round."""
        _, terms = regime.by_hand(params, state, batch)
        return sum(state["weights"][name] * terms[name] for name in reversed(terms)), terms

    by_hand, expected = hand_written("distillation", regime)
    other, found = compiled(other_order, regime)
    assert other != by_hand
    agree(found, expected, 1e-4)


@pytest.mark.parametrize("name", REGIMES)
def test_values_and_gradients_in_float64(make, name):
    with jax.enable_x64(True):
        regime = make(name, "float64")
        _, found = compiled(regime.fn, regime)
        _, expected = compiled(regime.by_hand, regime)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(found)} == {"float64"}
    agree(found, expected, 1e-6)


def test_the_aggregator_max(make):
    regime = make("distillation", aggregator="max")
    _, found = compiled(regime.fn, regime)
    _, expected = compiled(regime.by_hand, regime)
    agree(found, expected, 1e-4)
    (value, terms), _ = found
    assert value == max(float(terms["label"]), 0.5 * float(terms["soft"]))


def agree(found, expected, tolerance):
    """Compare values, terms and gradients, each as one vector, in relative norm."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    (value, terms), gradient = found
    (value_by_hand, terms_by_hand), gradient_by_hand = expected
    assert distance(value, value_by_hand) < tolerance
    assert all(distance(terms[name], terms_by_hand[name]) < tolerance for name in terms)
    assert distance(flat(gradient), flat(gradient_by_hand)) < tolerance
    # The gradient is not a number that any two programs would share.
    assert np.linalg.norm(flat(gradient_by_hand)) > 1e-2


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def distance(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)
