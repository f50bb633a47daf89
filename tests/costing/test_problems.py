"""Co-design: fronts against random designs, design problems against enumeration, the theorem."""

import itertools
import math

import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import einsum, idle, softmax
from catlearn.cost import Bimodule, EnrichedCategory
from catlearn.costing import (
    Chip,
    Costs,
    NoDesign,
    Quantity,
    codesign,
    design_problem,
    least_resources,
    tile,
)
from catlearn.errors import CatlearnError, InvalidStructure, UnknownName
from tests.costing.programs import attention, matmul

LIMITS = {
    "matmul": (
        Costs.of("a*b*c/g_a + a*b*c/g_c", {"sum": "g_a*g_c"}, bounds={"g_a": "a", "g_c": "c"}).at(
            dict.fromkeys("abc", 2**24)
        ),
        1 / 3,
    ),
    "attention": (
        Costs.of("2*q*x*d/g_q", {"rows": "2*d*g_q"}, bounds={"g_q": "q"}).at(
            q=2**24, x=2**24, d=64
        ),
        1 / 2,
    ),
}
HEADS = (einsum("h q d, h x d -> h q x", scale="d**-0.5") >> softmax("[x]")) @ idle
HEADS = HEADS >> einsum("h q x, h x e -> h q e")
ONE = (einsum("q d, x d -> q x") >> softmax("[x]")) @ idle >> einsum("q x, x e -> q e")
SIZES = {"h": 4, "q": 1024, "x": 1024, "d": 32, "e": 32}
SMALL = {name: size for name, size in SIZES.items() if name != "h"}


@pytest.mark.parametrize("prices", [(1, 3), (7, 0.2), (1e-3, 1e4)])
@pytest.mark.parametrize("name", LIMITS)
def test_the_share_of_fast_memory(name, prices):
    """Oracle 30: b/(1 + b), for any prices."""
    costs, share = LIMITS[name]
    front = codesign(costs, f"{prices[0]}*M + {prices[1]}*B", budget=[prices[0] * 1e6])
    assert front[0].shares["M"] == pytest.approx(share, abs=1e-4)
    assert sum(front[0].shares.values()) == pytest.approx(1)


def test_the_share_is_no_rule_where_transfers_are_no_power(mutants):
    with mutants("half of the area of every chip is fast memory"):
        assert abs(codesign(LIMITS["matmul"][0], "M + B", budget=1e6)[0].shares["M"] - 0.5) > 0.1
    with mutants("the limit holds where an axis fits whole"):
        whole = codesign(attention(), "M + B", budget=1e9, sizes={"q": 512, "x": 512, "d": 64})
        assert whole[0].shares["M"] < 0.01


def test_no_design_within_the_budget_is_faster():
    rng, area = np.random.default_rng(0), Chip("M + 2*B + B*M/100000 + matrix/1000").area
    sizes = {"q": 512, "x": 512, "d": 32}
    costs = attention().at(sizes)
    for overlap in (False, True):
        (best,) = codesign(costs, Chip(area), budget=2e4, overlap=overlap).designs
        assert area(dict(best.point)) == pytest.approx(2e4, rel=1e-6)
        assert costs.memory({**best.point}) <= best["M"] * (1 + 1e-6)
        together = max if overlap else sum
        assert best.time == pytest.approx(together(best.parts.values()), rel=1e-6)
        for _ in range(300):
            g, s = np.exp(rng.uniform(0, math.log(512), 2))
            point = {"g_q": g, "s_x": 1 + (s - 1) * (rng.random() < 0.3)}
            point["M"] = costs.memory(point)
            left = 2e4 - point["M"]
            point["B"] = left / (2 + point["M"] / 1e5) * rng.random()
            left -= point["B"] * (2 + point["M"] / 1e5)
            if left > 0:
                times = (
                    costs.transfers(point) / point["B"],
                    costs.work["matrix"](point) / (left * 1000),
                )
                assert together(times) >= best.time * (1 - 1e-9)


def grids(falling=True):
    times = Quantity("t", [100, 300, 1e3, 1e4], falling=falling)
    room = Quantity("M", [2**k for k in range(8, 14)]), Quantity("B", [100, 300, 1000])
    return times, room, Quantity("A", [1e3, 3e3, 5e3, 2e4])


def moved(memory):
    """The least transfers of a product; infinite where nothing fits."""
    try:
        return tile(matmul(128, 128, 128), fast_memory=memory).optimum.value
    except CatlearnError:
        return math.inf


def test_composites_are_relations_found_by_enumeration(mutants):
    """Oracle 31, and that the composite is a bimodule."""
    times, room, areas = grids()
    H = {M: moved(M) for M in room[0].values}
    kernel = design_problem(times, room, lambda t, M, B: H[M] / B <= t)
    chip = design_problem(room, areas, lambda M, B, A: M + 3 * B <= A)
    both = kernel >> chip
    assert isinstance(both, Bimodule)
    assert not both.failures()
    found = [
        [any(H[M] / B <= t and M + 3 * B <= A for M in room[0].values for B in room[1].values)
         for A in areas.values] for t in times.values
    ]  # fmt: skip
    assert both.entries.tolist() == found
    assert 0 < np.sum(found) < np.size(found)
    assert (kernel >> Bimodule.identity(chip.domain)).entries.tolist() == kernel.entries.tolist()
    with mutants("the order of time is turned round"):
        turned, _, _ = grids(falling=False)
        with pytest.raises(InvalidStructure) as refused:
            design_problem(turned, room, lambda t, M, B: H[M] / B <= t)
        assert {one.law for one in refused.value.failures} == {"left action"}
        assert all("entry (t=" in one.where for one in refused.value.failures)
    with mutants("less fast memory is better"):
        with pytest.raises(InvalidStructure) as refused:
            design_problem(times, room, lambda t, M, B: H[M] / B > t)
        assert "right action" in {one.law for one in refused.value.failures}


def test_least_resources_are_a_front():
    times, room, _ = grids()
    kernel = design_problem(times, room, lambda t, M, B: t * M * B >= 1e8)
    enough = [(M, B) for M in room[0].values for B in room[1].values if M * B >= 1e5]
    least = [
        (M, B) for M, B in enough
        if not any((m, b) != (M, B) and m <= M and b <= B for m, b in enough)
    ]  # fmt: skip
    assert least_resources(kernel, "t=1000") == [f"(M={M}, B={B})" for M, B in least]
    with pytest.raises(UnknownName):
        least_resources(kernel, "t=1")


def test_problems_side_by_side_and_fed_back():
    """Work and a load need area, and power, which is a load."""
    work, area = Quantity("W", [1, 2, 3]), Quantity("A", [1, 2, 3, 4, 5, 6])
    load = Quantity("Q", [0, 0.5, 1, 2])
    powered = design_problem(
        (work, load), (area, load), lambda W, Q, A, P: W + Q <= A and W + Q <= 4 * P
    )
    looped = powered.trace(work.order, area.order, load.order)
    found = [
        [any(W + Q <= A and W + Q <= 4 * Q for Q in load.values) for A in area.values]
        for W in work.values
    ]
    assert looped.entries.tolist() == found
    assert least_resources(looped, "W=3") == ["A=4"]
    assert not looped.failures()
    alone = design_problem(work, area, lambda W, A: W <= A)
    both = alone.tensor(alone)
    for (i, W), (j, V) in itertools.product(enumerate(work.values), repeat=2):
        row = both.entries[3 * i + j].reshape(6, 6)
        assert row.tolist() == [[W <= A and V <= C for C in area.values] for A in area.values]


def test_fronts_come_from_their_problem():
    budgets = [3e3, 1e4, 1e5, 1e6, 1e8, 1e9]
    front = codesign(HEADS, "M + 3*B", ("M", "B", "g_q"), budgets, sizes=SIZES)
    areas = [design.area for design in front.designs]
    times = [design.time for design in front.designs]
    assert areas == sorted(areas)
    assert times == sorted(times, reverse=True)
    relation = [[least <= t * (1 + 1e-9) for least in times] for t in times]
    assert front.problem.entries.tolist() == relation
    for part in (front.kernel, front.layout, front.problem):
        assert not part.failures()
    for k, t in enumerate(front.problem.rows):
        assert least_resources(front.problem, t) == [front.problem.columns[k]]
    assert isinstance(front.kernel.codomain, EnrichedCategory)
    for design in front.designs:
        assert 1 <= design["g_q"] <= 1024


def test_fronts_are_tables_and_pictures():
    front = codesign(ONE, "M + 3*B", ("M", "B", "g_q"), [3e3, 1e5], sizes=SMALL)
    head, body = front.rows
    assert head == ["area", "time", "M", "B", "g_q", "M's share", "B's share"]
    assert (len(body), len(front)) == (2, 2)
    assert str(front).splitlines()[0].split("  ")[-1] == "B's share"
    assert front.to_latex().count(r"\\") == 3
    html = front._repr_mimebundle_()["text/html"]
    assert "<table" in html
    assert html.count("<svg") == 1
    assert "least time by area" in cl.draw(front).svg


def test_training_takes_seven_contractions_to_two():
    """The reverse pass is an island of its own, with five contractions, and tiles of its own."""
    at = {"matrix": 1e12, "exponential": 1e12}
    ran, trained = (
        codesign(ONE, "M + 3*B", budget=1e5, sizes=SMALL, at=at, reverse=reverse)[0]
        for reverse in (False, True)
    )
    assert trained.parts["matrix"] == pytest.approx(3.5 * ran.parts["matrix"])
    assert trained.parts["exponential"] == pytest.approx(2 * ran.parts["exponential"])
    assert trained.parts["B"] > 2 * ran.parts["B"]
    tiles = {name for name in trained.point if name.startswith(("1/", "2/"))}
    assert any(name.startswith("2/") for name in tiles)
    costs = attention().at(q=4096, x=4096, d=64)
    again, once = (codesign(one, "M + 3*B", budget=1e5)[0] for one in ([costs, costs], costs))
    assert again.time == pytest.approx(2 * once.time, rel=1e-6)


def test_figures_that_do_not_vary():
    costs = attention().at(q=4096, x=4096, d=64)
    front = codesign(costs, "M + 3*B", ("B",), [1e4, 1e5], at={"M": 5000, "g_q": 20})
    assert [design["M"] for design in front.designs] == [5000, 5000]
    assert [design["B"] for design in front.designs] == pytest.approx([5000 / 3, 95000 / 3])
    assert front.shown == ("B",)
    assert codesign(costs, "M", ("M", "g_q"), [1e5], at={"B": 1.0})[0].parts.keys() == {"B"}


@pytest.mark.parametrize("options", [
    {"chip": "M + 3*b"}, {"chip": "7"}, {"chip": 3}, {"over": ("M", "B", "g_z")}, {"budget": []},
    {"over": ("M",)}, {"budget": [0]}, {"budget": ["much"]}, {"at": {"B": -1}}, {"at": {"C": 1}},
    {"sizes": {"q": 4}}, {"program": 3}, {"program": []}, {"program": [3]}, {"chip": "M"},
    {"chip": "B"},    {"over": ("M", "B", "matrix")},
])  # fmt: skip
def test_other_arguments_are_refused(options):
    given = {
        "program": attention(), "chip": "M + 3*B", "over": None, "budget": [1e4],
        "sizes": {"q": 64, "x": 64, "d": 8}, **options,
    }  # fmt: skip
    with pytest.raises(CatlearnError):
        codesign(given.pop("program"), given.pop("chip"), **given)


def test_budgets_below_what_fits_are_refused_with_both():
    costs = attention().at(q=4096, x=4096, d=64)
    with pytest.raises(NoDesign) as refused:
        codesign(costs, "2*M + 3*B", budget=[100, 1e5])
    least = costs.memory(g_q=1, s_x=1)
    assert refused.value.least == pytest.approx(2 * least, rel=1e-6)
    assert refused.value.budget == 100
    codesign(costs, "2*M + 3*B", budget=2 * least * 1.01)
    with pytest.raises(NoDesign):
        codesign(costs, "M + B", ("B",), 1e5, at={"M": 10})
