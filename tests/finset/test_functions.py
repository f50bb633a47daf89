"""Functions between finite sets: values, composition, and what is refused."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st

from catlearn.errors import InvalidStructure, NotComposable, UnknownName
from catlearn.finset import FinFunction, FinSet, Frozen, ListFunction
from catlearn.finset.value import once
from tests.errors import fails, raises, says


@st.composite
def chains(draw, length):
    """Composable functions, one after another, between sets of up to four elements."""
    sizes = [draw(st.integers(0, 4))]
    for _ in range(length):
        sizes.append(draw(st.integers(min(sizes[-1], 1), 4)))
    return [
        FinFunction(
            draw(st.lists(st.integers(0, b - 1), min_size=a, max_size=a)) if b else [], a, b
        )
        for a, b in pairwise(sizes)
    ]


def rows_into(size, count):
    entry = st.lists(st.integers(0, size - 1), max_size=3) if size else st.just([])
    return st.lists(entry, min_size=count, max_size=count)


def compose(f, g):
    return f >> g


def compose_wrongly(f, g):
    """First g's last value, then f's others: wrong as soon as two values differ."""
    return FinFunction(np.roll(g.values[f.values], 1), f.domain, g.codomain)


def is_a_category(chain, then):
    f, g, h = chain
    return (
        then(then(f, g), h) == then(f, then(g, h))
        and then(FinFunction.identity(f.domain), f) == f
        and then(f, FinFunction.identity(f.codomain)) == f
    )


@given(chains(3))
def test_composition_is_associative_and_unital(chain):
    assert is_a_category(chain, compose)


def test_a_wrong_composition_is_not_a_category():
    f = FinFunction([0, 1], codomain=2)
    assert not is_a_category((f, f, f), compose_wrongly)


@given(chains(2))
def test_composition_is_that_of_functions(chain):
    f, g = chain
    assert list(f >> g) == [g(f(k)) for k in f.domain]


def preserves_composition(plus, left, right):
    (f, g), (h, k) = left, right
    return plus(f >> g, h >> k) == plus(f, h) >> plus(g, k)


@given(chains(2), chains(2))
def test_sum_and_product_are_functors(left, right):
    assert preserves_composition(lambda f, g: f + g, left, right)
    assert preserves_composition(lambda f, g: f @ g, left, right)


def test_a_sum_that_forgets_to_shift_is_no_functor():
    def unshifted(f, g):
        return FinFunction([*f, *g], codomain=len(f.codomain) + len(g.codomain))

    f, swap = FinFunction([0], codomain=2), FinFunction([1, 0], codomain=2)
    identity = FinFunction.identity(2)
    assert not preserves_composition(unshifted, (f, swap), (f, identity))


@given(chains(1), chains(1))
def test_sum_and_product_by_elements(left, right):
    (f,), (g,) = left, right
    assert list(f + g) == [*f, *(k + len(f.codomain) for k in g)]
    assert list(f @ g) == [a * len(g.codomain) + b for a in f for b in g]


@given(chains(1))
def test_kinds_of_functions(chain):
    (f,) = chain
    values = set(f)
    assert f.is_injective == (len(values) == len(f))
    assert f.is_surjective == (values == set(f.codomain))
    assert list(f.image()) == sorted(values)
    if f.is_bijective:
        assert f >> f.inverse() == FinFunction.identity(f.domain)
        assert f.inverse() >> f == FinFunction.identity(f.codomain)
    else:
        with raises(InvalidStructure, law="bijection", where="values"):
            f.inverse()


@given(st.data())
def test_reindexing_and_mapping_lists(data):
    f, g = data.draw(chains(2))
    h = FinFunction([0] * len(g.codomain), codomain=1)
    sides = ListFunction.of(data.draw(rows_into(len(g.codomain), len(f.codomain))), g.codomain)
    assert list(f >> sides) == [list(sides)[k] for k in f]
    assert list(sides.map(h)) == [[h(k) for k in row] for row in sides]
    assert (f >> sides).map(h) == f >> sides.map(h)
    assert [sides.row(k).tolist() for k in sides.domain] == list(sides)
    assert eval(repr(sides)) == sides
    assert hash(eval(repr(sides))) == hash(sides)


@given(chains(1), st.booleans())
def test_repr_evaluates_back(chain, named):
    (f,) = chain
    if named:
        names = ["a", "b'", 'c"', "d/e"]
        f = FinFunction(f.values, names[: len(f.domain)], names[: len(f.codomain)])
    again = eval(repr(f))
    assert again == f
    assert hash(again) == hash(f)
    assert "\n" not in repr(f)


def test_equality_sees_values_names_and_ends():
    f = FinFunction([0, 1], codomain=2)
    assert f != FinFunction([0, 0], codomain=2)
    assert f != FinFunction([0, 1], codomain=3)
    assert f != FinFunction([0, 1], codomain=["a", "b"])
    assert f != [0, 1]
    assert FinSet(["a"]) != FinSet(1)
    assert FinSet([]) == FinSet(0)
    rows = ListFunction.of([[0]], 1)
    assert rows != ListFunction.of([[0, 0]], 1)
    assert rows != ListFunction.of([[0]], 2)
    assert rows != [[0]]


def test_values_by_name_and_by_mapping():
    by_name = FinFunction(["y", "x"], ["a", "b"], ["x", "y"])
    assert FinFunction({"b": "x", "a": "y"}, ["a", "b"], ["x", "y"]) == by_name
    assert by_name("a") == 1
    assert str(by_name) == "[y, x] : {a, b} -> {x, y}"
    assert FinFunction(by_name, by_name.domain, by_name.codomain) == by_name
    with raises(InvalidStructure) as error:
        FinFunction({"c": "x", "a": "q"}, ["a", "b"], ["x", "y"])
    assert len(error.value.failures) == 3
    says(error.value, "'c'", "'b'", "'a'", "'q'")


def test_every_position_out_of_range_is_listed_and_long_lists_are_counted():
    with fails(InvalidStructure, ("range", "values", "'0' -> 5", "'2' -> -1", "0..1")):
        FinFunction([5, 0, -1], codomain=2)
    with fails(InvalidStructure, ("range", "values", 5)) as error:
        FinFunction([7] * 15, codomain=2)
    assert str(error.value).count("-> 7") == 10
    with fails(InvalidStructure, ("length", "values")):
        FinFunction([0, 0], domain=3, codomain=1)
    assert FinFunction([5], codomain=2, check=False).failures()


@pytest.mark.parametrize(
    "values", [[0.0], [True], [None], [[0]], np.zeros(2), np.zeros((1, 1), int)]
)
def test_what_is_not_a_number_or_a_name_is_refused(values):
    with fails(InvalidStructure, *[("range", "values")] * len(values)):
        FinFunction(values, codomain=3)


def test_a_codomain_is_needed():
    with raises(TypeError, "codomain="):
        FinFunction([0])


def test_what_does_not_compose_is_refused():
    f = FinFunction([0], codomain=2)
    with fails(NotComposable, ("composition", "f")):
        f >> f
    with fails(NotComposable, ("composition", "f")):
        f >> ListFunction.of([[0]], 1)
    with fails(NotComposable, ("composition", "l")):
        ListFunction.of([[0]], 1).map(FinFunction([0, 0], codomain=1))
    with pytest.raises(TypeError):
        f >> 3


def test_composition_compares_sizes_and_not_names():
    f, g = FinFunction([0], codomain=["a", "b"]), FinFunction([0, 0], ["x", "y"], 1)
    assert list(f >> g) == [0]


@pytest.mark.parametrize(
    ("offsets", "values", "found"),
    [
        ([0, 2], [0], ("offsets", "offsets")),
        ([1, 1], [0], ("offsets", "offsets")),
        ([0, 2, 1], [0], ("offsets", "offsets")),
        ([0, 1], [4], ("range", "rows")),
    ],
)
def test_bad_rows_are_refused(offsets, values, found):
    with fails(InvalidStructure, found):
        ListFunction(offsets, values, codomain=2)


def test_rows_by_name_say_whose_entry_is_unknown():
    rows = ListFunction.of({"q": ["f", "g"], "p": []}, ["f", "g"], ["p", "q"])
    assert list(rows) == [[], [0, 1]]
    with fails(InvalidStructure, *[("range", "rows")] * 3) as error:
        ListFunction.of({"q": ["f", "h"], "r": []}, ["f", "g"], ["p", "q"])
    says(error.value, "'q[1]'", "'h'", "'r'", "'p'")
    with fails(InvalidStructure, ("length", "rows")):
        ListFunction.of([[]], 1, 2)


def test_sets_look_up_labels():
    named = FinSet(["a", "b"])
    assert list(named) == [0, 1]
    assert named.index("b") == named.index(1) == 1
    assert "b" in named
    assert "c" not in named
    assert 2 not in named
    assert (FinSet(3).label(2), named.label(0)) == ("2", "a")
    assert (str(named), str(FinSet(2))) == ("{a, b}", "2")
    for missing in ("c", 2, -1):
        with raises(UnknownName, missing, "a", "b"):
            named.index(missing)
    with pytest.raises(TypeError):
        named.index(0.5)
    with fails(InvalidStructure, ("names", "names", "'a'", 3)):
        FinSet(["a", "a", 3])
    with fails(InvalidStructure, ("size", "size")):
        FinSet(-1)


def test_values_are_immutable_and_copied():
    given_values = np.array([0, 1])
    f = FinFunction(given_values, codomain=2)
    given_values[0] = 1
    assert list(f) == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        f.values[0] = 1
    with raises(AttributeError, "FinFunction", "values"):
        f.values = given_values
    for again in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert again == f
        assert not again.values.flags.writeable


def test_long_functions_have_short_reprs():
    assert len(repr(FinFunction(np.zeros(10_000, int), codomain=1))) < 100


class Pair(Frozen, by="x y"):
    def __init__(self, x, y, colour="red"):
        self._set(x=x, y=y, colour=colour)

    @once
    def total(self):
        return [self.x + self.y]


class Counted(Frozen):
    @once
    def count(self):
        return len(vars(self))


class Both(Pair, Counted):
    """What is computed once comes from each of the two."""


def test_what_is_computed_once_by_either_base_is_not_pickled():
    both = Both(1, 2)
    assert (both.total, both.count) == ([3], 4)
    assert vars(pickle.loads(pickle.dumps(both))) == {"x": 1, "y": 2, "colour": "red"}


@given(st.tuples(*[st.integers(0, 2)] * 3), st.tuples(*[st.integers(0, 2)] * 3))
def test_values_are_compared_by_the_fields_that_their_class_names(one, other):
    a, b = Pair(*one), Pair(*other)
    assert (a == b) == (one[:2] == other[:2])
    assert a != b or hash(a) == hash(b)


@given(st.integers(), st.integers())
def test_what_is_computed_once_is_not_pickled(x, y):
    pair = Pair(x, y)
    assert pair.total is pair.total
    same = pickle.loads(pickle.dumps(pair))
    assert "total" in vars(pair)
    assert vars(same) == {"x": x, "y": y, "colour": "red"}
    assert same == pair
    assert same.total == [x + y]
    with raises(AttributeError):
        pair.x = 3
