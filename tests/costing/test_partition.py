"""Convex cuts: plans through sets of stages, compared with all ordered partitions there are."""

import functools
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from catlearn.arrays import add, einsum, relu, softmax, traced
from catlearn.cost import LAWVERE, Matrix
from catlearn.costing import (
    Costs,
    Island,
    NoTile,
    Partition,
    cheapest,
    convex_cuts,
    islands,
    stages_of,
)
from catlearn.errors import CatlearnError, InvalidStructure


@st.composite
def graphs(draw):
    """Stages with flows, and what each set of them costs as one island."""
    count, rng = draw(st.integers(2, 6)), np.random.default_rng(draw(st.integers(0, 10**6)))
    pairs = [*itertools.combinations(range(count), 2)]
    flows = [pair for pair in pairs if rng.random() < draw(st.sampled_from([0.3, 0.6]))]
    drawn = np.random.default_rng(rng.integers(10**6)).random(2**count)
    single = 1 + rng.random(count)

    def cost(some):
        number = sum(1 << k for k in some)
        if len(some) > 1 and drawn[number] < 0.1:
            return math.inf
        return sum(single[k] for k in some) * (1 if len(some) == 1 else 0.5 + drawn[number])

    return count, flows, cost


def connected(some, flows):
    reached, more = {min(some)}, True
    while more:
        new = {k for pair in flows for k in pair if {*pair} & reached and {*pair} <= {*some}}
        more, reached = not new <= reached, reached | new
    return reached == {*some}


def is_plan(parts, count, flows):
    """Whether islands cover all stages once, hang together, and run one after the other."""
    place = {k: n for n, part in enumerate(parts) for k in part}
    return (
        sorted(k for part in parts for k in part) == [*range(count)]
        and all(place[i] <= place[j] for i, j in flows)
        and all(connected(part, flows) for part in parts)
    )


def enumerated(count, flows, cost, longest):
    """The least cost over all ways to run islands one after the other, by recursion."""
    before = {j: {i for i, k in flows if k == j} for j in range(count)}

    @functools.cache
    def least(done):
        left = [k for k in range(count) if k not in done]
        found = [0.0] if not left else []
        for size in range(1, longest + 1):
            for some in itertools.combinations(left, size):
                ready = all(before[k] <= done | {*some} for k in some)
                if ready and connected(some, flows):
                    found.append(cost(frozenset(some)) + least(done | {*some}))
        return min(found, default=math.inf)

    return least(frozenset())


def planned(graph, **options):
    count, flows, cost = graph
    return convex_cuts([*map(str, range(count))], flows, cost, **options)


@settings(max_examples=30)
@given(graphs(), st.sampled_from([2, 4]), st.sampled_from([0, 0.5]))
def test_plans_are_the_best_of_all(graph, longest, share):
    count, flows, cost = graph
    asked = []

    def priced(some):
        asked.append(some)
        return cost(some)

    def bound(some):
        return min(share * cost(some), 1e9)

    plan = planned((count, flows, priced), longest=longest, bound=bound)
    assert is_plan(plan.numbers, count, flows)
    assert plan.cost == pytest.approx(sum(cost(frozenset(part)) for part in plan.numbers))
    assert plan.cost == pytest.approx(enumerated(count, flows, cost, longest))
    assert len(asked) == len({*asked})
    joined = planned(graph, longest=longest, exact=0)
    assert is_plan(joined.numbers, count, flows)
    assert joined.cost >= plan.cost * (1 - 1e-9)
    assert joined.why[0].code == "bounded-search"


@settings(max_examples=20)
@given(graphs(), st.data())
def test_plans_of_composites_cost_at_most_the_plans_of_their_parts(graph, data):
    count, flows, cost = graph
    cut = data.draw(st.integers(1, count - 1))

    def part(low, high):
        inside = [(i - low, j - low) for i, j in flows if low <= i and j < high]
        moved = lambda some: cost(frozenset(k + low for k in some))  # noqa: E731
        return planned((high - low, inside, moved)).cost

    assert planned(graph).cost <= (part(0, cut) + part(cut, count)) * (1 + 1e-9)


def test_chains_have_the_plan_of_the_star():
    rng = np.random.default_rng(0)
    for n in (2, 4, 6):
        costs = rng.integers(1, 12, (n + 1, n + 1)).astype(float)
        chain = [(k, k + 1) for k in range(n - 1)]
        plan = planned((n, chain, lambda some, c=costs: c[min(some), max(some) + 1]), longest=n)
        upper = np.where(np.triu(np.ones_like(costs), 1) > 0, costs, np.inf)
        assert plan.cost == cheapest(costs).cost == Matrix(upper, LAWVERE).star()[0, n]


def test_mutants_of_plans(mutants):
    def cost(some):  # b and c read what a writes, and d what both write
        return {frozenset("ad"): 1, frozenset("ac"): 3}.get(
            frozenset("abcd"[k] for k in some), 2 * len(some) + (len(some) > 1)
        )

    flows = [(0, 1), (0, 2), (1, 3), (2, 3)]
    plan = convex_cuts("abcd", flows, cost)
    with mutants("an island around what runs in between"):
        assert is_plan(plan.numbers, 4, flows)
        assert not is_plan([(0, 3), (1,), (2,)], 4, flows)
        assert plan.cost == 7 > 1 + 2 + 2
    with mutants("islands are stretches of one order"):
        order = [[math.inf] * 5 for _ in range(5)]
        for i, j in itertools.combinations(range(5), 2):
            order[i][j] = cost(range(i, j))
        assert plan.cost < cheapest(order).cost
        assert convex_cuts("abcd", flows, cost, exact=0).cost == 7  # joined afterwards


def test_other_stages_are_refused():
    with pytest.raises(InvalidStructure) as refused:
        convex_cuts("ab", [(1, 0), (0, 2)], len)
    assert len(refused.value.failures) == 2
    with pytest.raises(InvalidStructure):
        convex_cuts("", [], len)
    with pytest.raises(CatlearnError):
        convex_cuts("ab", [(0, 1)], lambda some: math.inf if 1 in some else 1)
    with pytest.raises(InvalidStructure):
        convex_cuts("ab", [(0, 1)], len, longest=0)
    with pytest.raises(InvalidStructure) as refused:
        islands({0: Costs.of(1, {}), (1, 0): Costs.of(1, {}), (0, 1): Costs.of(1, {})})
    assert len(refused.value.failures) == 2


def test_a_plan_that_does_not_fit_says_how_much_memory_would():
    product = einsum("a b, b c -> a c").at(a=8, b=8, c=8)
    with pytest.raises(NoTile) as refused:
        islands(product, fast_memory=2)
    assert (refused.value.least, refused.value.memory) == (3, 2)
    assert islands(product, fast_memory=refused.value.least).cost > 0
    costs = Island(product).costs()
    with pytest.raises(NoTile) as refused:
        islands({(0, 1): costs}, fast_memory=2)
    assert islands({(0, 1): costs}, fast_memory=refused.value.least).cost > 0


def test_branches_of_circuits_are_cut_where_that_moves_less():
    """The second product does not wait between the first one and what reads it."""
    reading = traced("x m", "m f", "m o", "f o")(
        lambda x, u, w, v: add(
            einsum("x f, f o -> x o")(relu(einsum("x m, m f -> x f")(x, u)), v),
            einsum("x m, m o -> x o")(x, w),
        )
    )
    sizes = {"x": 512, "m": 16, "f": 64, "o": 16}
    plan = islands(reading, fast_memory=2**11, sizes=sizes)
    assert isinstance(plan, Partition)
    assert plan.cost == pytest.approx(sum(t.optimum.value for t in plan.tilings))
    flat = sorted(k for part in plan.numbers for k in part)
    assert flat == [*range(len(plan.stages))]
    bounded = islands(reading, fast_memory=2**11, sizes=sizes, longest=1)
    assert plan.cost <= bounded.cost * (1 + 1e-9)
    assert {len(part) for part in bounded.parts} == {1}


def test_light_boxes_are_with_what_reads_them_or_with_what_they_read():
    circuit = einsum("a b, b c -> a c") >> relu >> softmax("[c]") >> relu
    found = [[boxes for _, boxes in stages] for stages in stages_of(circuit)]
    assert found == [[[0], [1, 2, 3]], [[0, 1], [2, 3]]]


def branches(width):
    """Two linear maps of one array, of which the second has another width."""
    return traced("x m", "m f", "m g")(
        lambda x, u, v: (einsum("x m, m f -> x f")(x, u), einsum("x m, m g -> x g")(x, v))
    ).at(x=64, m=32, f=16, g=width)


def test_parts_that_are_alike_are_priced_once_and_others_apart(mutants):
    alike, others = (islands(branches(width), fast_memory=2**9, longest=1) for width in (16, 48))
    for plan in (alike, others):
        assert plan.cost == pytest.approx(sum(t.optimum.value for t in plan.tilings))
        assert [circuit.counts().operations for circuit in plan.circuits]
    assert len({t.optimum.value for t in alike.tilings}) == 1
    with mutants("maps of other widths cost the same"):
        assert others.cost != pytest.approx(2 * others.tilings[0].optimum.value)
