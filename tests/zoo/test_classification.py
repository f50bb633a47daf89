"""Supervised classification against the same loss by hand."""

import pytest

import catlearn as cl
from benchmarks.by_hand.classification import NAME, regime
from benchmarks.by_hand.common import Sizes
from catlearn.errors import InvalidStructure
from tests.errors import raises


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, dtype):
    with agrees.precision(dtype):
        agrees(regime(Sizes(dtype=dtype)), squares=True)


def test_its_equation_emerges():
    diagram = regime(Sizes()).diagram
    assert tuple(diagram.soft_equations) == (NAME,)
    assert len(diagram.loss("all").terms) == 1


def test_data_without_the_columns_are_refused():
    X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    model = cl.Model("f", X, Y, "linear")
    with raises(InvalidStructure, "Y", "X", law="column", where="data set 'digits'"):
        cl.zoo.classification(model, data=cl.Dataset("digits", X=X))
    with raises(
        InvalidStructure, "digits.X", "digits.again", law="column", where="data set 'digits'"
    ):
        cl.zoo.classification(model, data=cl.Dataset("digits", X=X, again=X, Y=Y))
