"""Quantales, their lax morphisms and matrices over them; each law beside a mutant."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from catlearn.cost import (
    BOOL,
    CLOSENESS,
    FORGET_ULTRA,
    INDICATOR,
    LAWVERE,
    PROBABILITY,
    REACHABLE,
    ULTRAMETRIC,
    Matrix,
    Quantale,
    QuantaleMorphism,
    scaling,
    subsets,
)
from catlearn.errors import CatlearnError, InvalidStructure, NotComposable
from tests.errors import raises

QUANTALES = (LAWVERE, ULTRAMETRIC, PROBABILITY, BOOL, subsets(3))
quantales = st.sampled_from(QUANTALES)


@st.composite
def matrices(draw, quantale, *sizes):
    """Matrices that compose, with entries among the samples (operations are exact on them)."""
    value = st.sampled_from(quantale.samples)
    return [
        Matrix(
            [[draw(value) for _ in range(n)] for _ in range(m)] if m else np.empty((0, n)),
            quantale,
            [f"r{i}" for i in range(m)],
            [f"r{i}" for i in range(n)],
        )
        for m, n in itertools.pairwise(sizes)
    ]


@pytest.mark.parametrize("quantale", [*QUANTALES, subsets(5)], ids=repr)
def test_the_ready_made_ones_satisfy_the_laws(quantale):
    assert quantale.failures() == []
    assert quantale.is_integral


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=5))
@settings(max_examples=20)
def test_laws_hold_on_other_samples(numbers):
    assert LAWVERE.failures([*numbers, np.inf]) == []
    assert PROBABILITY.failures([1 / (1 + n) for n in numbers]) == []


def broken(**changes):
    with pytest.raises(InvalidStructure) as error:
        dataclasses.replace(LAWVERE, name="broken", **changes)
    return {failure.law for failure in error.value.failures}


def test_mutants_are_rejected_by_name_of_the_law():
    def mean(a, b):
        return (np.asarray(a) + b) / 2

    assert "tensor is associative" in broken(tensor=mean)
    assert "tensor is commutative" in broken(tensor=lambda a, b: np.asarray(a) + 2 * np.asarray(b))
    assert broken(unit=1.0) == {"unit"}
    assert "residual" in broken(residual=lambda b, c: np.asarray(c, float))
    assert {"bottom", "tensor preserves the empty join"} <= broken(bottom=0.0)
    assert "top" in broken(top=1.0)
    assert "absorption" in broken(meet=np.minimum)
    with pytest.raises(InvalidStructure) as error:
        dataclasses.replace(subsets(3), tensor=np.bitwise_xor, unit=0)
    assert "tensor preserves joins" in {failure.law for failure in error.value.failures}


def test_a_failure_shows_values_on_which_the_law_fails():
    with raises(InvalidStructure, 1.0, 0.0, law="unit", where="a = 0.0, b = 0.0, c = 0.0"):
        dataclasses.replace(LAWVERE, name="shifted", unit=1.0)


def test_the_residual_of_distances_at_infinity():
    inf = np.inf
    assert LAWVERE.residual(np.array([inf, inf, 2.0]), np.array([inf, 3.0, inf])).tolist() == [
        0,
        0,
        inf,
    ]


@pytest.mark.parametrize(
    "morphism", [REACHABLE, CLOSENESS, INDICATOR, FORGET_ULTRA, scaling(2.5)], ids=repr
)
def test_lax_morphisms(morphism):
    assert morphism.failures() == []


def test_maps_that_are_not_lax_are_rejected():
    for source, target, function, law in (
        (LAWVERE, LAWVERE, np.square, "tensor"),
        (LAWVERE, LAWVERE, lambda d: d + 1, "unit"),
        (LAWVERE, ULTRAMETRIC, lambda d: d, "tensor"),
        (LAWVERE, BOOL, lambda d: d > 1, "monotone"),
    ):
        with pytest.raises(InvalidStructure) as error:
            QuantaleMorphism(source, target, function)
        assert law in {failure.law for failure in error.value.failures}


@given(st.data(), quantales)
@settings(max_examples=60)
def test_matrices_form_a_category(data, quantale):
    sizes = data.draw(st.lists(st.integers(0, 3), min_size=4, max_size=4))
    a, b, c = data.draw(matrices(quantale, *sizes))
    assert ((a @ b) @ c).close_to(a @ (b @ c))
    assert Matrix.identity(a.rows, quantale) >> a == a == a >> Matrix.identity(a.columns, quantale)
    assert (a @ b).T == b.T @ a.T


def test_a_product_with_ordinary_addition_is_not_min_plus():
    one = Matrix([[1.0, 2.0], [4.0, 8.0]])
    assert (one @ one).entries.tolist() == [[2, 3], [5, 6]]
    assert (one @ one).entries.tolist() != (one.entries @ one.entries).tolist()


@given(st.data(), quantales)
@settings(max_examples=60)
def test_the_star_is_the_least_reflexive_transitive_matrix_above(data, quantale):
    (m,) = data.draw(matrices(quantale, 4, 4))
    star, one = m.star(), Matrix.identity(m.rows, quantale)
    assert m <= star
    assert one <= star
    assert star @ star <= star
    powers = one
    for _ in range(4):  # the join of the powers up to the number of points
        powers = one | (powers @ m)
    assert powers.close_to(star)
    assert star.close_to(star.star())


def test_too_few_powers_are_not_the_star():
    m = Matrix([[np.inf, 1, np.inf], [np.inf, np.inf, 1], [np.inf, np.inf, np.inf]])
    once = Matrix.identity(3) | m
    assert m <= once
    assert not once @ once <= once


def test_edges_of_length_zero_are_edges():
    assert Matrix([[np.inf, 0.0], [np.inf, np.inf]]).star()[0, 1] == 0


def test_growing_powers_are_refused_and_resting_ones_are_found():
    whole = Quantale(
        "extended naturals", np.maximum, np.minimum, np.multiply, 1.0, 0.0, np.inf,
        lambda b, c: c, check=False,
    )  # fmt: skip
    assert not whole.is_integral
    with raises(CatlearnError, "enriched category", "unit"):
        Matrix([[2.0]], whole).star()
    nilpotent = Matrix([[0.0, 3.0, 0.0], [0.0, 0.0, 5.0], [0.0, 0.0, 0.0]], whole)
    assert nilpotent.star()[0, 2] == 15


@given(st.data(), quantales, st.integers(0, 9))
@settings(max_examples=30)
def test_powers(data, quantale, exponent):
    value = data.draw(st.sampled_from(quantale.samples))
    expected = quantale.unit
    for _ in range(exponent):
        expected = quantale.tensor(expected, value)
    assert quantale.equal(quantale.power(value, exponent), expected)


def test_misfits_of_matrices():
    with raises(InvalidStructure, "nan", "Lawvere", law="value", where="entry (0, 0)"):
        Matrix([[np.nan]])
    with raises(InvalidStructure, -1.0, law="value", where="entry (0, 0)"):
        Matrix([[-1.0]])
    with raises(InvalidStructure, 1, 2, law="names", where="rows"):
        Matrix([[1], [2]], rows=["a"])
    with raises(InvalidStructure, "(2,)", law="shape", where="entries"):
        Matrix([1, 2])
    with raises(NotComposable, 0, 1, law="composition", where="the two matrices"):
        Matrix([[1, 2]]) @ Matrix([[1]])
    with raises(NotComposable, "Lawvere", "Bool", law="quantale", where="the two matrices"):
        Matrix([[1]]) @ Matrix([[True]], BOOL)
    with raises(InvalidStructure, 63, 1, 62, law="size", where="n"):
        subsets(63)
    with raises(InvalidStructure, -1, law="factor", where="factor"):
        scaling(-1)
