"""The autoencoder against the same loss by hand."""

import pytest

import catlearn as cl
from benchmarks.by_hand.autoencoder import NAME, regime
from benchmarks.by_hand.common import Sizes


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, dtype):
    with agrees.precision(dtype):
        agrees(regime(Sizes(width=4, dtype=dtype)), held=True)


def test_it_is_a_basis_and_labels_beside_do_not_matter():
    X, Z = cl.Space("X", 4), cl.Space("Z", 2)
    there, back = cl.Model("encoder", X, Z, "linear"), cl.Model("decoder", Z, X, "linear")
    data = cl.Dataset("digits", X=X, Y=cl.Categorical("Y", 3))
    assert tuple(cl.zoo.autoencoder(there, back, data).soft_equations) == (NAME,)
