"""Products in another order: the same circuit, for fewer multiply-adds."""

from math import prod

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.arrays import contracting, einsum, exp, idle
from catlearn.arrays.contracting import reordered
from catlearn.arrays.evaluation import evaluate
from catlearn.models import LoweredCircuit

LETTERS = "abcdef"


@st.composite
def networks(draw):
    """A sum of products in a random order, and its sizes."""
    count = draw(st.integers(3, 5))
    words = ["".join(draw(st.sets(st.sampled_from(LETTERS), min_size=1, max_size=3)))
             for _ in range(count)]  # fmt: skip
    sizes = {letter: draw(st.integers(2, 5)) for letter in LETTERS}
    wanted = draw(st.sets(st.sampled_from(sorted(set("".join(words))))))
    circuit, left = None, words[0]
    for k, word in enumerate(words[1:], 2):
        rest = {*wanted, *"".join(words[k:])}
        made = "".join(sorted({*left, *word} & rest))
        step = einsum(f"{' '.join(left)}, {' '.join(word)} -> {' '.join(made)}")
        circuit = step if circuit is None else circuit @ idle >> step
        left = made
    return circuit, words, left, sizes


def at(circuit, words, sizes):
    """Return arrays, and the sizes of axes."""
    random = np.random.default_rng(0)
    arrays = [random.normal(size=[sizes[letter] for letter in word]) for word in words]
    lowered = LoweredCircuit(circuit)
    return arrays, lowered.sizes([one.shape for one in arrays])


def adds(circuit, sizes):
    H = circuit.apex
    return sum(prod(sizes[a] for a in H.lists["vars"].row(b).tolist()) for b in circuit._walk())


@settings(max_examples=60)
@given(networks())
def test_products_in_another_order_are_the_same(network):
    circuit, words, left, sizes = network
    arrays, known = at(circuit, words, sizes)
    found = reordered(circuit, known)
    assert found is circuit or adds(found, known) < adds(circuit, known)
    assert found.equal(circuit)
    expected = np.einsum(f"{','.join(words)}->{left}", *arrays)
    (made,) = evaluate(found, arrays)
    np.testing.assert_allclose(made, expected, atol=1e-9 * (1 + np.abs(expected).max()))


CHAIN = einsum("x y, y z -> x z") @ idle >> einsum("x z, z -> x")


def test_a_matrix_is_applied_before_matrices_are_multiplied():
    _, known = at(CHAIN, ["xy", "yz", "z"], {"x": 8, "y": 9, "z": 7})
    assert adds(CHAIN, known) == 8 * 9 * 7 + 8 * 7
    assert adds(reordered(CHAIN, known), known) == 9 * 7 + 8 * 9


def test_what_is_read_twice_or_is_no_product_stays():
    for circuit in (
        einsum("x y, y z -> x z") >> exp >> einsum("x z -> x"),
        einsum("x y, y z -> x z") >> cl.arrays.copy(2) >> idle @ einsum("x z -> x"),
    ):
        _, known = at(circuit, ["xy", "yz"], {"x": 8, "y": 9, "z": 7})
        assert reordered(circuit, known) is circuit


def test_a_sum_that_another_factor_needs_is_not_taken_early(monkeypatch):
    """The mutant: a variable is summed though a factor that is left has it."""
    arrays, known = at(CHAIN, ["xy", "yz", "z"], {"x": 8, "y": 9, "z": 7})
    walked = contracting._walked

    def early(made, path):
        for picked, writes, every in walked(made, path):
            yield picked, tuple(v for v in writes if v in made.writes), every

    monkeypatch.setattr(contracting, "_walked", early)

    def run():
        found = cl.lower(reordered(CHAIN, known))({}, *arrays)
        np.testing.assert_allclose(found, np.einsum("xy,yz,z->x", *arrays), rtol=1e-4)

    with pytest.raises((AssertionError, ValueError, TypeError, cl.errors.CatlearnError)):
        run()


def test_optimised_functions_multiply_in_the_cheapest_order():
    def fn(a, b, x):
        return jnp.tanh(a @ b @ x)

    random = np.random.default_rng(0)
    given = [random.normal(size=shape).astype("float32") for shape in ((64, 64), (64, 64), (64,))]
    fast = cl.optimise(fn)
    plan = fast.plan(*given)
    assert not plan.left_alone
    assert plan.multiply_adds == (64**3 + 64**2, 2 * 64**2)
    np.testing.assert_allclose(fast(*given), fn(*given), rtol=1e-5)
