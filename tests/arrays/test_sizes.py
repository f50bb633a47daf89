"""Sizes and relations between them: rings by random evaluation, solving by brute force."""

from fractions import Fraction
from functools import reduce
from itertools import pairwise, permutations, product
from math import prod
from operator import mul

import pytest
from hypothesis import assume, given, strategies as st

from catlearn.arrays import Scalar, Size, SizeRelation, read_scalar, read_size, solve
from catlearn.arrays.sizes import LARGEST_FACTORED
from catlearn.errors import CatlearnError

NAMES = "mhd"
monomials = st.tuples(st.integers(-3, 3), st.lists(st.sampled_from(NAMES), max_size=3))
sizes = st.lists(monomials, max_size=3).map(
    lambda terms: sum((c * _product(names) for c, names in terms), Size.of(0))
)
values = st.fixed_dictionaries({name: st.integers(1, 6) for name in NAMES})


def _product(names):
    found = Size.of(1)
    for name in names:
        found = found * Size.of(name)
    return found


def number(size, given):
    return size.substitute(given).number


@given(sizes, sizes, values)
def test_polynomials_are_evaluated_as_integers(one, two, at):
    a, b = number(one, at), number(two, at)
    assert number(one + two, at) == a + b
    assert number(one - two, at) == a - b
    assert number(one * two, at) == a * b
    assert number(one**3, at) == a**3
    assert number(one.substitute({"m": two}), at) == number(one, {**at, "m": b})


@given(sizes, sizes, sizes)
def test_equal_polynomials_are_one_value(a, b, c):
    assert a * (b + c) == c * a + b * a
    assert hash((a + b) - b) == hash(a)


@given(sizes)
def test_text_is_read_back(size):
    assert read_size(str(size)) == size


@given(sizes, values)
def test_what_is_shown_positive_is(size, at):
    if size.is_positive:
        assert number(size, at) >= 1
    if size.is_natural:
        assert number(size, at) >= 0


@pytest.mark.parametrize(
    ("text", "at", "value"),
    [
        ("d**-0.5", {"d": 16}, 0.25),
        ("1/|k|", {"k": 8}, 0.125),
        ("(d + r)**-0.5", {"d": 3, "r": 6}, 1 / 3),
        ("2*d**(1/2)/3", {"d": 9}, 2.0),
        ("0.1", {}, 0.1),
        ("-1/2", {}, -0.5),
    ],
)
def test_scalars(text, at, value):
    assert read_scalar(text).substitute(at).value == pytest.approx(value)
    assert read_scalar(str(read_scalar(text))) == read_scalar(text)


SUMS = ["m", "m + 1", "m - h", "2*m + 3*h", "m*h + d", "m**2 + h", "6", "m - 2"]
products = st.lists(st.tuples(st.sampled_from(SUMS), st.integers(-2, 2)), max_size=4)


def multiplied(pairs):
    found = Scalar()
    for text, exponent in pairs:
        found = found * Scalar.of(read_size(text)) ** exponent
    return found


@given(products, values)
def test_products_have_one_form(pairs, at):
    """Written as one quotient of sums, multiplied out, or factor by factor."""
    top, bottom = (
        reduce(mul, (read_size(t) ** abs(e) for t, e in pairs if e * sign > 0), Size.of(1))
        for sign in (1, -1)
    )
    whole = multiplied(pairs)
    assume(max(len(top.terms), len(bottom.terms)) <= LARGEST_FACTORED[1])
    assert Scalar.of(top) * Scalar.of(bottom) ** -1 == whole
    root = (whole * whole) ** Fraction(1, 2)
    if all(read_size(text).is_natural for text, _ in pairs):
        assert root == whole
    else:
        numbers = [Fraction(number(read_size(text), at)) for text, _ in pairs]
        if 0 not in numbers:
            expected = prod(float(n) ** e for n, (_, e) in zip(numbers, pairs, strict=True))
            assert root.substitute(at).value == pytest.approx(abs(expected))


def test_a_root_of_a_square_is_no_difference():
    """A mutant multiplies exponents: the root of (m - h)^2 would be m - h, also where m < h."""
    root = read_scalar("((m - h)**2)**0.5")
    assert root != read_scalar("m - h")
    assert root.substitute({"m": 2, "h": 5}).value == 3
    assert read_scalar("((m + h)**2)**0.5") == read_scalar("m + h")
    assert read_scalar("(m**2 - 1)**0.5") == read_scalar("(m + 1)**0.5*(m - 1)**0.5")


def test_scalars_are_in_lowest_terms():
    h, d = Size.of("h"), Size.of("d")
    assert Scalar.of(h * d) ** -1 * d == Scalar.of(h) ** -1
    assert Scalar.of(4) ** Fraction(1, 2) == Scalar.of(2)
    assert Scalar.of(12) ** Fraction(1, 2) * (Scalar.of(3) ** Fraction(1, 2)) == Scalar.of(6)
    assert read_scalar("d**0.5 * d**0.5") == Scalar.of(d)


@pytest.mark.parametrize(
    "text", ["", "m +", "m**", "(m", "m/2", "m**0.5", "2**101", "m m", "m**-1", "((" * 200, "1.5x",
             "(((10**100)**100)**100)**100", "*".join(["9" * 99] * 99)],
)  # fmt: skip
def test_what_is_no_size_is_refused(text):
    with pytest.raises(CatlearnError):
        read_size(text)


def test_what_is_no_text_is_refused():
    for wrong in (1.5, None, True, ["m"]):
        with pytest.raises(CatlearnError):
            read_size(wrong)


def relation(text):
    left, sign, right = text.split(" ")
    return SizeRelation(sign, read_size(left), read_size(right))


CASES = {
    "a number is everywhere": (["d = 16", "x = d"], "x", {"d": "16", "x": "16"}, []),
    "flexible sizes take what comes": (["x = m", "y = x"], "xy", {"x": "m", "y": "m"}, []),
    "split": (["m = h*d", "m = 768", "h = 12"], "d", {"d": "64"}, []),
    "split that fails": (["m = h*d", "m = 768", "h = 12", "d = 65"], "", {}, ["numbers"]),
    "two declared": (["m = n"], "", {}, ["declared"]),
    "two declared, by a number": (["m = n", "n = 16"], "", {"m": "16"}, []),
    "two declared, as follows": (["m = h*d", "n = h*d", "m = n"], "", {}, []),
    "m and 2 m": (["m = 2*m"], "", {}, ["numbers"]),
    "m and m + 1": (["m = m+1"], "", {}, ["numbers"]),
    "a bound that holds": (["x <= c", "x = 12", "c = 1024"], "", {}, []),
    "a bound that fails": (["x <= c", "x = 1025", "c = 1024"], "x", {}, ["numbers"]),
    "sums": (["z = x+y", "x = 3", "y = 4"], "xyz", {"z": "7"}, []),
    "a part of a sum": (["z = x+y", "x = 3", "z = 4"], "xyz", {"y": "1"}, []),
    "no part of a sum": (["z = x+y", "x = 4", "z = 4"], "xyz", {}, ["numbers"]),
    "an odd multiple": (["x = 2*y", "x = 7"], "xy", {}, ["numbers"]),
}


@pytest.mark.parametrize(("texts", "flexible", "values", "wrong"), CASES.values(), ids=CASES)
def test_solving(texts, flexible, values, wrong):
    """The value and the failures are the same in whatever order relations come."""
    for order in permutations(map(relation, texts)):
        found = solve(order, flexible)
        for key, value in values.items():
            assert found.of(Size.of(key)) == read_size(value)
        assert ["declared" if one.declared else "numbers" for one in found.failures] == wrong


@pytest.mark.parametrize(
    ("length", "stride", "reach", "expected"),
    [(7, 2, 2, 4), (8, 2, 2, 4), (6, 1, 0, 4), (9, 3, 0, 3)],
)
def test_windows(length, stride, reach, expected):
    """The windows of 3 that fit, counted."""
    inner = Size.of(length + reach - 3)
    found = solve([SizeRelation("window", inner, Size.of("y"), stride)], ["y"])
    assert found.of(Size.of("y")).number == expected
    fit = [start for start in range(0, length + reach, stride) if start + 3 <= length + reach]
    assert len(fit) == expected


@given(st.lists(st.tuples(sizes, sizes), max_size=3))
def test_solutions_are_those_of_the_relations(pairs):
    """Nothing is lost: by brute force over all sizes up to 4."""
    relations = [SizeRelation("=", one, two) for one, two in pairs]
    found = solve(relations, NAMES)
    exact = [
        at
        for numbers in product(range(1, 5), repeat=3)
        for at in [dict(zip(NAMES, numbers, strict=True))]
        if all(number(one.left, at) == number(one.right, at) for one in relations)
    ]
    for at in exact:
        assert not [one for one in found.failures if not one.declared]
        for key, value in found.values.items():
            assert number(value, at) == at[key]
        for one in found.relations:
            left, right = number(one.left, at), number(one.right, at)
            assert left == right if one.kind == "=" else left <= right


@pytest.mark.parametrize("order", [1, -1])
def test_chains_of_sizes_are_solved_in_time_that_grows_linearly(order, monkeypatch):
    """So often sizes are put in; each value into all earlier ones would be four times as often."""
    made, substitute = [], Size.substitute
    monkeypatch.setattr(Size, "substitute", lambda self, values: (
        made.append(self) or substitute(self, values)
    ))  # fmt: skip
    found = []
    for length in (100, 200):
        made.clear()
        chain = [Size.generator(k) for k in range(length)]
        steps = [SizeRelation("=", one + 1, two) for one, two in pairwise(chain)]
        solution = solve(steps[::order], range(length))
        assert solution.of(chain[-1] - chain[0]) == Size.of(length - 1)
        found.append(len(made))
    assert found[1] < 2.6 * found[0]
