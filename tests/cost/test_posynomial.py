"""Posynomials and geometric programs: laws beside mutants, and problems with known optima."""

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from catlearn.cost import POSYNOMIALS, Infeasible, Posynomial, minimise
from catlearn.errors import CatlearnError, InvalidStructure, UnknownName

NAMES = ("d", "g_q", "mix/x")
EXPONENTS = st.sampled_from([Fraction(k, 2) for k in range(-4, 5)])
MONOMIALS = st.dictionaries(st.sampled_from(NAMES), EXPONENTS, max_size=3).map(
    lambda powers: tuple(sorted(powers.items()))
)
POINTS = st.fixed_dictionaries({name: st.sampled_from([1, 2, 5, 0.25]) for name in NAMES})


@st.composite
def posynomials(draw, most=3):
    numbers = st.sampled_from([1, 2, 3, Fraction(1, 2), Fraction(5, 3)])
    return Posynomial.of(draw(st.dictionaries(MONOMIALS, numbers, max_size=most)))


def semiring(one, two, three, cls=Posynomial):
    """The laws of a commutative semiring, for one implementation."""
    zero, unit = cls.of(0), cls.of(1)
    return (
        one + two == two + one
        and (one + two) + three == one + (two + three)
        and one + zero == one
        and one * two == two * one
        and (one * two) * three == one * (two * three)
        and one * unit == one
        and one * zero == zero
        and one * (two + three) == one * two + one * three
    )


def is_homomorphism(one, two, at):
    """Evaluation keeps sums and products."""
    added = math.isclose((one + two)(at), one(at) + two(at), rel_tol=1e-12)
    return added and math.isclose((one * two)(at), one(at) * two(at), rel_tol=1e-12)


@settings(max_examples=30)
@given(posynomials(), posynomials(), posynomials(), POINTS)
def test_posynomials_are_a_semiring_and_evaluation_keeps_it(one, two, three, at):
    assert semiring(one, two, three)
    assert is_homomorphism(one, two, at)
    assert hash(one + two) == hash(two + one)
    assert POSYNOMIALS.total([one, two, three]) == one + two + three
    assert one**3 == one * one * one


@settings(max_examples=30)
@given(posynomials(), posynomials(), posynomials(), POINTS)
def test_posynomials_are_a_lattice_whose_order_evaluation_keeps(one, two, three, at):
    assert one & two <= one <= one | two
    assert (one | two) | three == one | (two | three)
    assert one & (one | two) == one == one | (one & two)
    assert (one & two)(at) <= one(at) * (1 + 1e-12) <= (one | two)(at) * (1 + 1e-12)
    assert (one <= two) == ((one | two) == two)


@settings(max_examples=30)
@given(posynomials(), posynomials(most=1), POINTS)
def test_putting_in_is_evaluation_in_two_steps(one, monomial, at):
    assume(monomial.terms)
    whole = one.at(d=monomial)
    assert math.isclose(whole(at), one({**at, "d": monomial(at)}), rel_tol=1e-9)
    assert math.isclose(one.at(at).number, one(at), rel_tol=1e-12)
    assert one / monomial * monomial == one or any(
        isinstance(c, float) for _, c in (one / monomial).terms
    )


@settings(max_examples=30)
@given(posynomials())
def test_texts_are_read_back_and_sympy_agrees(one):
    assert Posynomial.parse(str(one)) == one == eval(repr(one))
    expression = one.expression
    at = {"d": 2, "g_q": 3, "mix/x": 5}
    found = expression.subs({s: at[s.name] for s in expression.free_symbols})
    assert math.isclose(float(found), one(at), rel_tol=1e-12)


def test_mutants_of_posynomials(mutants):
    one, two, three = (Posynomial.parse(t) for t in ("d + 1/g_q", "2*d**2", "d/g_q"))

    class Forgetful(Posynomial):
        def _merged(self, other, combine):
            return type(self)({**dict(self.terms), **dict(other.terms)}.items())

    with mutants("a sum keeps the last of two equal monomials"):
        assert not semiring(*(Forgetful(p.terms) for p in (one, one, three)), cls=Forgetful)

    with mutants("monomials keep zero exponents"):
        kept = Posynomial((((("d", Fraction(0)),), 1),))
        assert kept != Posynomial.of(1) == Posynomial.of({(("d", 0),): 1})

    class First(Posynomial):
        def __mul__(self, other):
            return Posynomial(self.terms[:1]) * other

    with mutants("a product takes the first term only"):
        assert is_homomorphism(one, two, {"d": 2, "g_q": 3})
        assert not is_homomorphism(First(one.terms), two, {"d": 2, "g_q": 3})


@pytest.mark.parametrize(
    "text", ["", "d -", "-d", "d - 1", "d**d", "2**1000", "f(d)", "d/(d + 1)", "True", "(" * 300]
)
def test_what_is_no_posynomial_is_refused(text):
    with pytest.raises(CatlearnError):
        Posynomial.parse(text)


def test_numbers_and_names_that_are_missing_are_named():
    with pytest.raises(InvalidStructure):
        Posynomial.of({(("d", 1),): -1})
    with pytest.raises(InvalidStructure):
        1 / Posynomial.parse("d + 1")
    with pytest.raises(InvalidStructure):
        Posynomial.parse("1/g_q").at(g_q=0)
    with pytest.raises(UnknownName):
        Posynomial.parse("d*g_q")(d=3)
    assert Posynomial.parse("x/g")(x=7, g=2) == 3.5
    np.testing.assert_allclose(Posynomial.parse("x/g")(x=6, g=np.array([2, 4])), [3, 1.5])


# Geometric programs


def is_optimal(found, objective, limits, bounds, seed=0):
    """Whether no random point that keeps the limits is better, and the point does keep them."""
    point = found.point
    kept = all(p(point) <= limit * (1 + 1e-8) for p, limit in limits)
    kept &= all(lo * (1 - 1e-9) <= point[n] <= hi * (1 + 1e-9) for n, (lo, hi) in bounds.items())
    rng = np.random.default_rng(seed)
    near = rng.normal(0, rng.choice([1e-3, 1e-1, 1.0], (2000, 1)), (2000, len(bounds)))
    others = {
        name: np.clip(point[name] * np.exp(near[:, k]), *bounds[name])
        for k, name in enumerate(bounds)
    }
    inside = np.ones(2000, bool)
    for one, limit in limits:
        inside &= one(others) <= limit
    values = np.where(inside, objective(others), np.inf)
    return kept and bool(found.value <= values.min() * (1 + 1e-7))


@st.composite
def programs(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    names = tuple("abc"[: rng.integers(1, 4)])

    def some(powers):
        terms = {}
        for _ in range(rng.integers(1, 5)):
            key = tuple((n, int(rng.choice(powers))) for n in names)
            terms[key] = terms.get(key, 0) + float(np.exp(rng.normal(0, 2)))
        return Posynomial.of(terms)

    limits = [(some([0, 1]), float(np.exp(rng.normal(3, 2)))) for _ in range(rng.integers(0, 3))]
    return some([-2, -1, 0, 1]), limits, {n: (1, float(rng.choice([7, 100, 1e5]))) for n in names}


@settings(max_examples=25)
@given(programs())
def test_geometric_programs_are_solved_or_nothing_fits(program):
    objective, limits, bounds = program
    least = max((one(dict.fromkeys(bounds, 1)) / limit for one, limit in limits), default=0)
    if least > 1:
        with pytest.raises(Infeasible) as refused:
            minimise(*program)
        assert refused.value.least == pytest.approx(least, rel=1e-6)
    else:
        assert is_optimal(minimise(*program), objective, limits, bounds)


def test_mutants_of_optima(mutants):
    program = Posynomial.parse("16/a + 1"), [(Posynomial.of("a"), 8)], {"a": (1, 100)}
    found = minimise(*program)
    assert is_optimal(found, *program)
    assert found["a"] == pytest.approx(8)
    for name, value in (("a point that is not the best", 4.0), ("a limit is passed", 16.0)):
        with mutants(name):
            wrong = dataclasses.replace(found, point={"a": value}, value=16 / value + 1)
            assert not is_optimal(wrong, *program)


def test_optimal_tiles_may_shrink_as_memory_grows():
    """Oracle 25: so tiles of several levels need not nest."""
    H = Posynomial.parse("36.1641/g1 + 357700/(g0*g1*g2) + 167.737/g0 + 1.24829/g2")
    M = Posynomial.parse("8.58551*g1 + 35.8032*g0*g2 + 6.8403*g0 + 0.10383*g2")
    every = dict.fromkeys(("g0", "g1", "g2"), (1, math.inf))
    found = [minimise(H, [(M, m)], every)["g2"] for m in (1000, 2153, 4645, 10000)]
    np.testing.assert_allclose(found, [2.70, 1.91, 1.47, 1.41], atol=0.006)


@pytest.mark.parametrize("beta", [0.5, 1.0])
@pytest.mark.parametrize(("c1", "c2"), [(1, 1), (0.3, 20)])
def test_the_share_of_a_budget_for_memory(beta, c1, c2):
    """Oracle 30: beta/(1 + beta), whatever the prices are."""
    time = Posynomial.of("M") ** -beta / "B"
    found = minimise(time, [(c1 * Posynomial.of("M") + c2 * Posynomial.of("B"), 1000)])
    assert c1 * found["M"] / 1000 == pytest.approx(beta / (1 + beta), abs=1e-4)


def test_variables_may_have_one_value_or_occur_nowhere():
    found = minimise(Posynomial.parse("8/(a*b)"), [], {"a": (2, 2), "b": (1, 4), "c": (1, 9)})
    assert (found.value, found.point) == (1, {"a": 2, "b": 4, "c": 1})
    assert minimise(Posynomial.of(3)).value == 3
    with pytest.raises(Infeasible) as refused:
        minimise(Posynomial.of("a"), [(Posynomial.parse("a + 5"), 3)], {"a": (1, 2)})
    assert refused.value.least == pytest.approx(2)


def test_a_solver_of_others_agrees():
    cvxpy = pytest.importorskip("cvxpy")
    a, b = cvxpy.Variable(pos=True), cvxpy.Variable(pos=True)
    problem = cvxpy.Problem(cvxpy.Minimize(1 / (a * b) + a), [a * b + 2 * b <= 5])
    limits = [(Posynomial.parse("a*b + 2*b"), 5)]
    assert minimise(Posynomial.parse("1/(a*b) + a"), limits).value == pytest.approx(
        problem.solve(gp=True), rel=1e-6
    )
