"""Limits of finite sets: known answers, brute force over families, the universal property."""

from itertools import product as tuples

import numpy as np
import pytest
from hypothesis import given, strategies as st

from catlearn.errors import InvalidStructure, NotACone
from catlearn.finset import (
    Diagram,
    FinFunction,
    FinSet,
    equalizer,
    join as joins,
    limit,
    product,
    pullback,
    terminal,
)
from tests.errors import raises


def one_based(values, codomain):
    return FinFunction([k - 1 for k in values], codomain=codomain)


@st.composite
def diagrams(draw):
    """Up to four small sets and five functions, with cycles; some objects without a leg."""
    sizes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    sets = [FinSet(size) for size in sizes]
    ends = [(i, j) for i, a in enumerate(sizes) for j, b in enumerate(sizes) if b or not a]
    chosen = draw(st.lists(st.sampled_from(ends), max_size=5)) if ends else []
    arrows = []
    for i, j in chosen:
        values = [draw(st.integers(0, sizes[j] - 1)) for _ in range(sizes[i])]
        arrows.append((i, j, FinFunction(values, sets[i], sets[j])))
    legs = draw(st.permutations([k for k in range(len(sizes)) if draw(st.booleans())]))
    try_fewer = Diagram(sets, arrows, legs=legs)
    return Diagram(sets, arrows) if try_fewer.undetermined(inward=False) else try_fewer


def families(diagram):
    """All compatible families of elements, in lexicographic order of the legs."""
    found = [
        family
        for family in tuples(*diagram.objects)
        if all(m(family[i]) == family[j] for i, j, m in diagram.arrows)
    ]
    return sorted(tuple(family[k] for k in diagram.legs) for family in found)


def elements(legs):
    return list(zip(*legs, strict=True))


@given(diagrams())
def test_the_join_finds_all_compatible_families_in_order(diagram):
    assert elements(limit(diagram)) == families(diagram)


def test_elements_are_sorted_by_the_legs_and_not_by_the_join():
    """The join places 0, then 2, then 1, whose map is decreasing."""
    down, to_point = FinFunction([1, 0], codomain=2), FinFunction([0, 0], codomain=1)
    chain = Diagram([FinSet(1), FinSet(2), FinSet(2)], [(2, 0, to_point), (1, 2, down)])
    assert elements(limit(chain)) == families(chain) == [(0, 0, 1), (0, 1, 0)]


def test_the_families_reject_a_missing_a_foreign_and_a_misplaced_element():
    f, g = FinFunction([0, 1, 1], codomain=2), FinFunction([1, 0], codomain=2)
    diagram = pullback(f, g).diagram
    right = families(diagram)
    assert right == [(0, 1), (1, 0), (2, 0)]
    for wrong in (right[1:], [*right, (0, 0)], right[::-1]):
        assert wrong != right


@given(diagrams(), st.data())
def test_universal_answers_exactly_the_cones(diagram, data):
    found = limit(diagram)
    if not found.legs or not all(map(len, diagram.leg_objects)):
        return
    rows = data.draw(st.integers(0, 2))
    cone = [
        FinFunction([data.draw(st.integers(0, len(one) - 1)) for _ in range(rows)], codomain=one)
        for one in diagram.leg_objects
    ]
    compatible = set(families(diagram))
    if all(tuple(p(x) for p in cone) in compatible for x in range(rows)):
        u = found.universal(*cone)
        assert [u >> leg for leg in found] == cone
        others = [FinFunction(v, rows, len(found.apex))
                  for v in tuples(range(len(found.apex)), repeat=rows)]  # fmt: skip
        assert sum([v >> leg for leg in found] == cone for v in others[:500]) <= 1
    else:
        with pytest.raises(NotACone):
            found.universal(*cone)


@given(diagrams())
def test_legs_induce_the_identity(diagram):
    found = limit(diagram)
    if found.legs:
        assert found.universal(*found.legs) == FinFunction.identity(found.apex)


def test_equalizer_known_answers():
    e = equalizer(one_based([1, 2, 4, 3], 4), one_based([3, 2, 4, 1], 4))
    assert list(e.legs[0]) == [1, 2]
    cycle = one_based([2, 3, 4, 5, 1], 5)
    assert len(equalizer(cycle, FinFunction.identity(5)).apex) == 0


@given(st.data())
def test_pullback_by_brute_force(data):
    f, g = (
        FinFunction(data.draw(st.lists(st.integers(0, 2), max_size=5)), codomain=3)
        for _ in range(2)
    )
    p, q = pullback(f, g)
    assert elements((p, q)) == [(x, y) for x in f.domain for y in g.domain if f(x) == g(y)]
    assert p >> f == q >> g


def test_products_are_numbered_as_products_of_functions_are():
    f, g = FinFunction([1, 0], codomain=2), FinFunction([2, 0, 1], codomain=3)
    p, q = product(f.domain, g.domain)
    found = product(f.codomain, g.codomain)
    assert found.universal(p >> f, q >> g) == f @ g
    assert len(product(FinSet(2), FinSet(3), FinSet(0)).apex) == 0
    wide = product(*[FinSet(2)] * 10)
    assert wide.universal(*wide.legs) == FinFunction.identity(1024)


def test_no_objects_need_a_category():
    assert terminal(FinSet) == FinSet(1)
    assert product(of=FinSet).universal(domain=FinSet(3)) == FinFunction([0, 0, 0], codomain=1)
    with pytest.raises(NotACone) as error:
        product(of=FinSet).universal()
    assert [failure.where for failure in error.value.failures] == ["domain"]


def test_parts_keep_their_names():
    letters, two = FinSet(["a", "b", "c"]), FinSet(2)
    e = equalizer(FinFunction([0, 1, 0], letters, two), FinFunction([1, 1, 0], letters, two))
    assert e.apex.names == ("b", "c")
    assert product(letters, letters).apex.label(1) == "(a, b)"
    assert product(letters, two).apex.names is None


def test_a_failing_triangle_is_named_with_its_rows():
    pb = pullback(FinFunction([0, 1], codomain=2), FinFunction([0, 1], codomain=2))
    names = ("'left'", "arrow 0", "'right'", "arrow 1", "'1'", "'0'")
    with raises(NotACone, *names, law="triangle") as error:
        pb.universal(FinFunction([0, 1, 1], codomain=2), FinFunction([0, 0, 1], codomain=2))
    assert len(error.value.failures) == 1
    with pytest.raises(InvalidStructure) as error:
        limit(Diagram([FinSet(1), FinSet(1)], legs=[0]))
    assert [(failure.law, failure.where) for failure in error.value.failures] == [
        ("legs", "object 1")
    ]


def test_no_intermediate_table_of_a_tree_is_larger_than_the_result(monkeypatch):
    """A chain a -> c <- b -> d <- e whose first join alone has a million rows, the whole none."""
    largest = []

    def watched(starts, lengths):
        largest.append(int(lengths.sum()))
        return np.arange(largest[-1]) + np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)

    monkeypatch.setattr(joins, "expand", watched)
    n = 1000
    same = FinFunction([0] * n, codomain=1)
    even, odd = FinFunction([0] * n, codomain=2), FinFunction([1] * n, codomain=2)
    chain = Diagram(
        [FinSet(n), FinSet(1), FinSet(n), FinSet(2), FinSet(n)],
        [(0, 1, same), (2, 1, same), (2, 3, even), (4, 3, odd)],
        legs=[0, 2, 4],
    )
    assert len(limit(chain).apex) == 0
    assert max(largest) == 0


def test_parallel_constraints_are_joined_at_once(monkeypatch):
    """Two arrows from a to the objects that b determines: the join uses both keys."""
    largest = []
    honest = joins.expand
    monkeypatch.setattr(joins, "expand", lambda s, n: largest.append(int(n.sum())) or honest(s, n))
    n = 30
    high = FinFunction([k // n for k in range(n * n)], codomain=n)
    low = FinFunction([k % n for k in range(n * n)], codomain=n)
    square = Diagram(
        [FinSet(n * n), FinSet(n), FinSet(n), FinSet(n * n)],
        [(0, 1, high), (0, 2, low), (3, 1, high), (3, 2, low)],
    )
    assert len(limit(square).apex) == n * n
    assert max(largest) == n * n
