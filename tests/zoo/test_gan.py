"""Generative adversarial networks against the same losses by hand, in three forms."""

import pytest

from benchmarks.by_hand.common import Sizes
from benchmarks.by_hand.gan import LOSSES, regime
from catlearn.errors import InvalidStructure
from tests.errors import raises

# The generator helps the critic, or the critic is trained by what the generator wants.
MUTANTS = {form: {"scale": 1.0} if form == "minimax" else {"free": True} for form in LOSSES}


@pytest.mark.parametrize(
    ("form", "dtype"), [*((form, "float32") for form in LOSSES), ("minimax", "float64")]
)
def test_the_loss_is_the_one_by_hand(agrees, dtype, form):
    with agrees.precision(dtype):
        agrees(regime(Sizes(dtype=dtype), form), **MUTANTS[form])


def test_there_are_no_other_forms():
    with raises(InvalidStructure, "'wasserstein'", "'minimax'", law="form", where="form="):
        regime(Sizes(), "wasserstein")
