"""Translation among three domains without pairs against the same losses by hand."""

import jax
import numpy as np
import pytest

import catlearn as cl
from benchmarks.by_hand.common import Sizes
from benchmarks.by_hand.translation import regime


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, dtype):
    with agrees.precision(dtype):
        agrees(regime(Sizes(dtype=dtype)), sign=-1.0, program="flops")


def test_there_are_two_cycles_and_two_triangles_for_each_domain():
    names = [
        name
        for a, b, c in ("ABC", "BAC", "CAB")
        for name in (
            f"texts_{a}.{a} >> {a}{b} >> {b}{a} = texts_{a}.{a}",
            f"texts_{a}.{a} >> {a}{c} >> {c}{a} = texts_{a}.{a}",
            f"texts_{a}.{a} >> {a}{b} >> {b}{c} = texts_{a}.{a} >> {a}{c}",
            f"texts_{a}.{a} >> {a}{c} >> {c}{b} = texts_{a}.{a} >> {a}{b}",
        )
    ]
    assert sorted(regime(Sizes()).diagram.soft_equations) == sorted(names)


def test_the_basis_gives_all_other_equations():
    # Translators that are a rotation and its inverse satisfy the basis, and with it longer cycles.
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]], "float32")
    X, Y = cl.Space("X", 2), cl.Space("Y", 2)
    there, back = (
        cl.Model(name, *ends, "linear", use_bias=False, start={"weight": weight})
        for name, ends, weight in (("there", (X, Y), turn), ("back", (Y, X), turn.T))
    )
    data = [cl.Dataset("a", X=X), cl.Dataset("b", Y=Y)]
    diagram = cl.zoo.translation([there, back], data)
    longer = "a.X >> there >> back >> there = a.X >> there"
    batch = {"a": {"X": turn}, "b": {"Y": turn}}
    for equations in (None, [longer]):
        fn = cl.lower(diagram.loss(equations) if equations else diagram.loss())
        value, _ = fn(*fn.init(jax.random.key(0)), batch)
        np.testing.assert_allclose(value, 0, atol=1e-6)
