"""Tiles, closed forms, bounds, times and partitions: known figures, laws beside mutants."""

import contextlib
import functools
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from catlearn.arrays import add, copy, einsum, idle, linear, neg, relu, softmax, traced, view
from catlearn.cost import LAWVERE, Matrix, Posynomial
from catlearn.costing import (
    Costs,
    Device,
    Indexed,
    Island,
    Level,
    NoTile,
    bounds,
    cheapest,
    closed_form,
    devices,
    islands,
    notices,
    stages_of,
    tile,
    tiling,
    timed,
)
from catlearn.costing.tiling import blocks, ways
from catlearn.errors import CatlearnError, InvalidStructure, UnknownName
from catlearn.testing import assert_time_below
from tests.costing.programs import (
    attention,
    attention_chain,
    cross_entropy,
    grouped_query,
    k_means,
    matmul,
    mlp,
    split_cross_entropy,
    swept,
)
from tests.errors import says

N = 16384
HEAD = {"q": N, "x": N, "d": 128}
SQUARE = dict.fromkeys("abc", 4096)
SKINNY = {"a": 4096, "b": 4096, "c": 16}
UPDATE = {"a": 4096, "b": 16, "c": 4096}


def least(costs, memory, **sizes):
    """The optimum before rounding, in words."""
    return tile(costs, fast_memory=memory, sizes=sizes).optimum


# Known figures


@pytest.mark.parametrize("memory", [2**10, 2**14, 2**18])
def test_a_product_of_matrices_has_square_tiles(memory):
    """Oracle 18."""
    found = least(matmul(), memory, **SQUARE)
    side = math.sqrt(memory + 1) - 1
    assert found["g_a"] == pytest.approx(side, rel=1e-4) == found["g_c"]
    assert found["s_b"] == 1
    assert found.value == pytest.approx(2 * 4096**3 / side + 4096**2, rel=1e-6)
    if memory == 2**14:
        assert found.value == pytest.approx(1.0990e9, rel=1e-3)


@pytest.mark.parametrize(
    ("memory", "rows", "words"),
    [(2**12, 15.32, 4.490e9), (2**16, 252.5, 2.763e8), (2**20, 4048, 2.117e7), (2**23, N, 8.389e6)],
)
def test_attention_has_as_many_rows_as_fit(memory, rows, words):
    """Oracle 19, and the figures of 40."""
    t = tile(attention(), fast_memory=memory, sizes=HEAD)
    assert t.optimum["g_q"] == pytest.approx(rows, rel=1e-3)
    assert t.optimum.value == pytest.approx(words, rel=1e-3)
    if memory == 2**16:
        assert t.closed_form.unclamped(memory, HEAD) == pytest.approx(2.726e8, rel=1e-3)
    assert t.closed_form(memory, HEAD) == pytest.approx(t.optimum.value, rel=0.05)
    if memory == 2**23:
        assert t.optimum.value == pytest.approx(t.costs.compulsory.number)
        assert "clamped" in [notice.code for notice in t.notices]


def test_skinny_products_are_clamped():
    """Oracle 20."""
    found = least(matmul(), 2**14, **SKINNY)
    assert (found["g_c"], found["g_a"]) == (pytest.approx(16), pytest.approx(962.8, rel=1e-4))
    assert found.value == pytest.approx(1.712e7, rel=1e-3)
    form = closed_form(matmul())
    assert form.unclamped(2**14, SKINNY) == pytest.approx(4.26e6, rel=1e-3)
    assert matmul().at(SKINNY).compulsory.number == pytest.approx(1.691e7, rel=1e-3)
    assert form(2**14, SKINNY) == pytest.approx(found.value, rel=1e-3)
    bound = bounds.projective(SKINNY, ["ab", "bc", "ac"], 2**14)
    assert sum(bound.weights.values()) == pytest.approx(1.286, abs=1e-3)
    assert bound.words == pytest.approx(1.678e7, rel=1e-3)


def test_what_bounds_times_and_formulas_are_given_is_all_read_or_refused():
    form, found = closed_form(matmul()), timed({"matrix": 1e9}, [1e6], "H100")
    for call in (form, form.unclamped):
        with pytest.raises(UnknownName, match="b, c"):
            call(2**14, {"a": 4})
    refused = {
        lambda: timed({"matrix": 1e9}, [1e6] * 3, "H100"): ["levels"],
        lambda: timed({"matrix": -1}, ["1"], "H100"): ["number"] * 2,
        lambda: bounds.projective(SKINNY, ["ab", "bz"], 2**14): ["axis"],
    }
    for call, laws in refused.items():
        with pytest.raises(InvalidStructure) as caught:
            call()
        assert [one.law for one in caught.value.failures] == laws
    with pytest.raises(UnknownName, match="matrx"):
        found.of("matrx")


def test_sweeping_is_needed_for_updates_of_low_rank():
    """Oracle 20b: with both ways to run it the better one is taken."""
    assert least(matmul(), 2**14, **UPDATE).value == pytest.approx(2.100e7, rel=1e-3)
    both = tile([matmul(), swept()], fast_memory=2**14, sizes=UPDATE)
    assert both.optimum.value == pytest.approx(1.712e7, rel=1e-3)
    assert both.symbolic == swept()
    bound = bounds.projective(UPDATE, ["ab", "bc", "ac"], 2**14)
    assert bound.words == pytest.approx(1.678e7, rel=1e-3)


LARGE = {
    "matmul": (matmul(), dict.fromkeys("abc", 2**20), 0.5),
    "attention": (attention(), {"q": 2**20, "x": 2**20, "d": 64}, 1),
    "mlp": (mlp(), {"b": 2**20, "m": 256, "f": 2**20}, 1),
    "cross-entropy": (cross_entropy(), {"b": 2**20, "v": 2**20, "d": 256}, 1),
    "k-means": (k_means(), {"p": 2**20, "k": 2**20, "d": 256}, 1),
}


@pytest.mark.parametrize("name", LARGE)
def test_exponents_of_memory(name):
    """Oracle 21: fitted, and as the closed form says."""
    costs, sizes, beta = LARGE[name]
    form = closed_form(costs)
    fixed = form.constant.at(sizes).number
    one, two = (least(costs, 2**k, **sizes).value - fixed for k in (18, 19))
    assert math.log2(one / two) == pytest.approx(beta, abs=0.01)
    assert float(form.beta) == beta


@pytest.mark.parametrize("d", [64, 128, 256])
def test_where_attention_is_cut(d):
    """Oracle 22: scores | softmax and values up to d^2/2, one island from 2 d^2, equal between."""
    sizes, chain = {"q": N, "x": N, "d": d}, attention_chain()
    plans = {
        k: islands(chain, fast_memory=d * d * 2.0**k, stages=["QK", "softmax", "PV"], sizes=sizes)
        for k in (-1, 0, 1)
    }
    assert plans[-1].parts == (("QK",), ("softmax", "PV"))
    assert plans[1].parts == (("QK", "softmax", "PV"),)
    fused = least(attention(), d * d, **sizes).value
    assert plans[0].cost == pytest.approx(fused, rel=0.02)
    assert [notice.code for notice in plans[-1].why] == ["fusing-costs-more"]


@pytest.mark.parametrize(
    ("memory", "cut", "fused"),
    [(2**13, 1.598e9, 2.211e9), (2**14, 1.091e9, 1.099e9), (2**15, 8.15e8, 5.49e8)],
)
def test_figures_of_the_cut(memory, cut, fused):
    chain = {pair: costs for pair, costs in attention_chain().items() if pair != (0, 3)}
    assert islands(chain, fast_memory=memory, sizes=HEAD).cost == pytest.approx(cut, rel=1e-3)
    assert least(attention(), memory, **HEAD).value == pytest.approx(fused, rel=1e-3)


def test_grouped_queries_share_rows_of_a_tile():
    """Oracle 23."""
    grouped, heads = grouped_query().at(h=32, k=8), grouped_query().at(h=32, k=32)
    one, other = (least(c, 2**17, **HEAD).value for c in (grouped, heads))
    assert one == pytest.approx(4.484e9, rel=1e-3) == other
    decode = HEAD | {"q": 1}
    one, other = (least(c, 2**17, **decode).value for c in (grouped, heads))
    assert (one, other) == (pytest.approx(3.356e7, rel=1e-3), pytest.approx(1.342e8, rel=1e-3))
    assert other / one == pytest.approx(4, rel=1e-3)


def product_of_widths(inner, sums, out):
    return Costs.of(
        f"{inner}*a*b*c/g_a + {inner}*a*b*c/g_c + {out}*a*c",
        {"sum": f"{sums}*g_a*g_c + {inner}*(g_a*s_b + s_b*g_c)"},
        bounds={"g_a": "a", "s_b": "b", "g_c": "c"},
    )


@pytest.mark.parametrize(
    ("make", "sizes", "ratio"),
    [
        (lambda w: attention(w, w, w, w), HEAD, 3.944),
        (lambda w: product_of_widths(w, w, w), dict.fromkeys("abc", N), 2.823),
        (lambda w: attention(w, 4, 4, 2), HEAD, 2.376),
        (lambda w: product_of_widths(w, 4, 2), dict.fromkeys("abc", N), 1.992),
    ],
)
def test_narrower_numbers(make, sizes, ratio):
    """Oracle 24: in bytes, from two to one."""
    two, one = (least(make(width), 2**17, **sizes).value for width in (2, 1))
    assert two / one == pytest.approx(ratio, rel=1e-3)


def test_memory_below_the_least_column():
    """Oracle 27."""
    with pytest.raises(NoTile) as refused:
        tile(attention(), fast_memory=300, sizes=HEAD)
    assert (refused.value.least, refused.value.memory) == (pytest.approx(2 * 128 + 3 + 128), 300)
    tile(attention(), fast_memory=387, sizes=HEAD)


def test_ridges():
    """Oracle 28, and those that the theory names."""
    found = {name: round(devices[name].ridge(), 1) for name in ("A100", "H100", "H200", "TPU v5e")}
    assert found == {"A100": 153.0, "H100": 295.2, "H200": 206.0, "TPU v5e": 240.5}


@pytest.mark.parametrize(("d", "published"), [(64, 497), (128, 648), (256, 756)])
def test_throughput_of_attention(d, published):
    """Oracle 29: FlashAttention-3 (arXiv 2407.08608), forward, no mask, N = 16384."""
    h = 2048 // d
    work = {"matrix": 4 * h * N * N * d, "exponential": h * N * N}
    found = timed(work, [2 * 4 * h * N * d], devices["H100"])
    units = found.of("matrix", "exponential")
    serial, overlapped = (work["matrix"] / t / 1e12 for t in (units.serial, units.overlapped))
    assert round(serial) == {64: 497, 128: 661, 256: 793}[d]
    assert serial == pytest.approx(published, rel=0.06)
    assert round(overlapped) == 989
    if d == 128:
        seconds = [round(1e3 * found.by_unit[unit], 2) for unit in ("matrix", "exponential", "HBM")]
        assert seconds == [2.22, 1.10, 0.08]


def test_formulas():
    """Section 5 of the theory: closed forms in the limit of large sizes, by structure alone."""
    written = {
        matmul: "a*c + 2*a*b*c/M**(1/2)",
        attention: "2*d*q + 4*d**2*q*x/M",
        grouped_query: "2*d*h*q + 4*d**2*h*q*x/M",
        mlp: "2*b*m + 4*b*f*m**2/M",
        cross_entropy: "b*(d + 2) + b*d**2*v/M",
        split_cross_entropy: "2*b + 2*b*d*v/M**(1/2)",
        k_means: "p*(d + 2) + d**2*k*p/M",
    }
    assert {make: str(closed_form(make())) for make in written} == written
    other = Costs.of(
        "h*q*(d + e) + h*q*x*(d + e)/g_q",
        {"values": "g_q*(d + e + 3) + s_x*e"},
        bounds={"g_q": "q", "s_x": "x"},
    )
    form = closed_form(other)
    assert str(form) == "h*q*(d + e) + h*q*x*(d + e)**2/M"
    assert form.clamps == ("g_q = M/(d + e) <= q",)
    assert closed_form(Costs.of("2*n", {"move": "g_n"}, bounds={"g_n": "n"})).beta == 0
    assert closed_form(Costs.of("n/g + n*m/(g*s) + n*g", {"c": "g*s"}, bounds={"g": "n"})) is None


# Laws

SIZES = st.sampled_from([16, 24, 64, 96, 100, 512, 1000])
MEMORY = st.integers(9, 20).map(lambda k: 2**k)
PROGRAMS = st.sampled_from([matmul, attention, mlp, cross_entropy, split_cross_entropy, k_means])


@st.composite
def problems(draw):
    costs = draw(PROGRAMS)()
    names = {n for _, size in costs.bounds.values() for n in size.names} | {*"abcqxdmfvkpb"}
    return costs.at({n: draw(SIZES) for n in sorted(names)}), draw(MEMORY)


def solved(costs, memory, **options):
    with contextlib.suppress(NoTile):
        return tile(costs, fast_memory=memory, **options)


def is_sound(t):
    """Tiles fit, are counted as they run, and move at least what has to move."""
    memory = t.device.levels[-1].capacity
    tiles = {n: min(t.tiles[n], size.number) for n, (_, size) in t.costs.bounds.items()}
    counted = {
        n: size.number / -(-size.number // t.tiles[n]) for n, (_, size) in t.costs.bounds.items()
    }
    return (
        t.costs.memory(tiles) <= memory * (1 + 1e-9)
        and t.transfers == pytest.approx(t.costs.transfers(counted), rel=1e-9)
        and t.gap >= 1 - 1e-9
        and t.optimum.value >= bounds.compulsory(t.costs).words * (1 - 1e-9)
    )


@settings(max_examples=25)
@given(problems())
def test_tiles_are_sound(problem):
    t = solved(*problem)
    assert t is None or is_sound(t)
    even = solved(*problem, remainders=False)
    if even is not None:
        assert is_sound(even)
        assert all(s.number % even.tiles[n] == 0 for n, (_, s) in even.costs.bounds.items())
        assert t.transfers <= even.transfers * 1.05


@settings(max_examples=15)
@given(problems(), st.sampled_from([2, 3]))
def test_more_memory_moves_no_more_and_widths_scale(problem, factor):
    costs, memory = problem
    t, more = solved(costs, memory), solved(costs, factor * memory)
    if t is not None:
        assert more.optimum.value <= t.optimum.value * (1 + 1e-7)
        wide = Costs(
            factor * costs.transfers,
            tuple((name, factor * one) for name, one in costs.columns),
            costs.work,
            costs.bounds,
        )
        scaled = solved(wide, factor * memory).optimum.value
        assert scaled == pytest.approx(factor * t.optimum.value, rel=1e-6)


@settings(max_examples=20)
@given(SIZES, SIZES, SIZES, st.integers(6, 16))
def test_optima_are_above_lower_bounds(a, b, c, k):
    t = solved([matmul(), swept(), swept("c", "b", "a")], 2**k, sizes={"a": a, "b": b, "c": c})
    if t is not None:
        loops = bounds.projective({"a": a, "b": b, "c": c}, ["ab", "bc", "ac"], 2**k)
        known = [bounds.matmul(a, b, c, 2**k), loops, bounds.compulsory(t.costs)]
        assert t.optimum.value >= bounds.greatest(known).words * (1 - 1e-9)
    one = solved(attention(), 2**k, sizes={"q": a, "x": b, "d": c})
    if one is not None:
        assert one.optimum.value >= bounds.attention(a, b, c, 2**k).words


def is_subadditive(plan, costs, cut):
    """Whether the plan of the whole costs at most the plans of its parts, one after the other."""
    first = costs[: cut + 1, : cut + 1]
    rest = costs[cut:, cut:]
    parts = cheapest(first).cost + cheapest(rest).cost
    return plan.cost <= parts * (1 + 1e-9)


@settings(max_examples=25)
@given(st.integers(2, 6), st.integers(0, 10**6), st.data())
def test_plans_are_shortest_paths_and_subadditive(n, seed, data):
    rng = np.random.default_rng(seed)
    costs = rng.integers(1, 12, (n + 1, n + 1)).astype(float)
    costs[rng.random(costs.shape) < 0.2] = np.inf
    costs[np.arange(n), np.arange(1, n + 1)] = rng.integers(1, 12, n)  # each stage alone
    plan = cheapest(costs)
    ends = (0, *plan.cuts, n)
    assert plan.cost == sum(costs[i, j] for i, j in pairwise(ends))
    assert is_subadditive(plan, costs, data.draw(st.integers(1, n - 1)))
    upper = np.where(np.triu(np.ones_like(costs), 1) > 0, costs, np.inf)
    assert plan.cost == Matrix(upper, LAWVERE).star()[0, n]


def test_chains_without_a_plan():
    inf = math.inf
    with pytest.raises(CatlearnError):
        cheapest([[inf, inf, inf], [inf, inf, 1], [inf, inf, inf]], ["one", "two"])
    with pytest.raises(CatlearnError):
        cheapest([[inf, 1], [inf, inf]], ["one", "two"])


# Claims that are false, as mutants that the laws reject


def test_false_claims(mutants):
    with mutants("fusing never costs more transfers"):
        always = [least(attention(), m, **HEAD).value for m in (2**13, 2**15)]
        apart = {pair: costs for pair, costs in attention_chain().items() if pair != (0, 3)}
        cut = [islands(apart, fast_memory=m, sizes=HEAD).cost for m in (2**13, 2**15)]
        assert [one <= two for one, two in zip(always, cut, strict=True)] == [False, True]

    with mutants("a planner without the plans of the parts"):
        costs = np.array([[9, 4, 9], [9, 9, 3], [9, 9, 9]], float)
        fused = cheapest(costs)
        assert is_subadditive(fused, costs, 1)
        wrong = cheapest(np.where([[0, 0, 1], [0, 0, 0], [0, 0, 0]], costs, np.inf))
        assert not is_subadditive(wrong, costs, 1)

    with mutants("grouped queries divide the transfers of attention by h/k"):
        grouped, heads = (least(grouped_query().at(h=32, k=k), 2**17, **HEAD) for k in (8, 32))
        assert heads.value / grouped.value == pytest.approx(1, rel=1e-3)
        assert heads.value / grouped.value != pytest.approx(4, rel=0.5)

    with mutants("closed forms without clamps"):
        for costs, memory, sizes in ((matmul(), 2**14, SKINNY), (attention(), 2**23, HEAD)):
            form, floor = closed_form(costs), costs.at(sizes).compulsory.number
            assert form(memory, sizes) >= floor > form.unclamped(memory, sizes)

    with mutants("optimal tiles grow with memory"):
        H = "36.1641/g_1 + 357700/(g_0*g_1*g_2) + 167.737/g_0 + 1.24829/g_2"
        M = "8.58551*g_1 + 35.8032*g_0*g_2 + 6.8403*g_0 + 0.10383*g_2"
        ends = dict.fromkeys(("g_0", "g_1", "g_2"), 4096)
        odd = Costs.of(H, {"all": M}, bounds=ends)
        tiles = [least(odd, m)["g_2"] for m in (1000, 2153, 4645, 10000)]
        assert tiles == sorted(tiles, reverse=True)
        levels = [Level("slow", 1e12), Level("L2", 10000, 1.0), Level("L1", 1000, 1.0)]
        both = tile(odd, Device("two", tuple(levels)), width=1)
        assert all(both.levels[0].tiles[n] >= both.levels[1].tiles[n] for n in ends)
        assert both.optimum["g_2@L2"] >= both.optimum["g_2"] * (1 - 1e-6)

    with mutants("compute-bound if and only if the group of a unit has 295 rows"):
        # groups of 128 to 192 rows reach more than that rule allows, as they share what L2 holds
        H100, heads = devices["H100"], 16
        many = attention().at(HEAD)
        work = {unit: heads * one.number for unit, one in many.work.items()}
        for rows, reached in ((128, 648), (192, 756)):
            alone = timed({"matrix": 1.0}, [1 / rows], H100)
            ruled = 1 / alone.serial if rows >= H100.ridge() else 989e12 * rows / H100.ridge()
            assert ruled < reached * 1e12
        shared = timed(work, [heads * 2 * many.compulsory.number], H100)
        assert shared.bound == "matrix"

    with mutants("the streamed blocks have no room"):
        slim = Costs(attention().transfers, (("rows", attention().columns[0][1].at(s_x=1e-9)),),
                     attention().work, attention().bounds)  # fmt: skip
        t = tile(slim, fast_memory=2**12, sizes=HEAD)
        true = attention().at(HEAD).memory(t.tiles)
        assert true > 2**12

    with mutants("blocks that do not divide are fractions"):
        t = tile(attention(), fast_memory=2**16, sizes=HEAD)
        assert is_sound(t)
        fraction = t.costs.transfers(t.tiles)
        assert t.transfers > fraction * (1 + 1e-3)


# Circuits

HEADS = (einsum("h q d, h x d -> h q x", scale="d**-0.5") >> softmax("[x]")) @ idle
HEADS = HEADS >> einsum("h q x, h x e -> h q e")


def test_circuits_have_the_tiles_of_their_costs_written_by_hand():
    product = einsum("a b, b c -> a c")
    for sizes, by_hand in ((SQUARE, matmul()), (SKINNY, matmul()), (UPDATE, swept())):
        found, known = (least(one, 2**14, **sizes).value for one in (product, by_hand))
        assert found == pytest.approx(known, rel=1e-3)
    t = tile(HEADS, fast_memory=2**16, sizes={**HEAD, "e": 128, "h": 1})
    assert t.optimum.value == pytest.approx(2.763e8, rel=1e-3)
    assert (set(t.tiles), t.tiles["g_h"]) == ({"g_h", "g_q", "s_x"}, 1)
    assert str(t.closed_form) == "h*q*(d + e) + h*q*x*(d + e)**2/M"
    assert t.closed_form.clamps == ("g_q = M/(d + e) <= q",)
    back = tile(HEADS, devices["H100"], sizes={**HEAD, "e": 128, "h": 16}, reverse=True)
    assert back.tiles.keys() == {"g_h", "g_q", "s_x"}
    assert back.time.by_unit["matrix"] == pytest.approx(2.5 * 2.223e-3, rel=1e-3)
    assert "few-tiles" not in [notice.code for notice in back.notices]


def test_widths_of_circuits():
    """Oracle 24, of the circuit with q grouped and x streamed; and in the best of all modes."""
    modes, sizes = {"h": "grouped", "q": "grouped", "x": "streamed"}, {**HEAD, "e": 128, "h": 1}

    def moved(*widths):
        island = Island(HEADS, modes, sizes=sizes, widths=widths)
        return tile(island.costs(), fast_memory=2**17).optimum.value

    assert moved(2, 2, 2) / moved(1, 1, 1) == pytest.approx(3.944, rel=1e-3)
    assert moved(2, 2, 4) / moved(1, 2, 4) == pytest.approx(2.376, rel=1e-3)
    free = tile(HEADS, fast_memory=2**17, sizes=sizes, widths=(2, 2, 4))
    assert free.optimum.value <= moved(2, 2, 4) * (1 + 1e-9)
    assert "mixed-width" in [notice.code for notice in free.notices]


def test_circuits_are_cut_where_that_moves_less():
    sizes = {"h": 1, "q": 2048, "x": 2048, "d": 32, "e": 32}
    cut = islands(HEADS, fast_memory=2**9, sizes=sizes)
    assert [len(part) for part in cut.parts] == [1, 2]
    assert cut.cost == pytest.approx(sum(t.optimum.value for t in cut.tilings))
    (why,) = cut.why
    assert why.figures["whole"] > why.figures["apart"] == pytest.approx(cut.cost)
    (order,) = stages_of(HEADS >> relu)
    assert [len(boxes) for _, boxes in order] == [1, 1, 2]


def test_what_is_no_fold_is_not_streamed(mutants):
    """The sum of relu(x - sum x) has no rule, so its axis is whole; that of x - sum x is a fold."""
    sizes = {"x": 64, "y": 1024}
    sums = (einsum("x y -> x") >> view("x -> x y")) @ idle
    least = {}
    for name, last in (("fold", idle), ("none", relu)):
        circuit = copy(2) >> sums >> add >> last >> einsum("x y -> x")
        with pytest.raises(NoTile) as refused:
            tile(circuit, fast_memory=1, sizes=sizes)
        least[name] = refused.value.least
    with mutants("axes that have no fold are streamed"):
        assert least["fold"] < 10 < 1024 <= least["none"]


def test_boxes_that_wait_for_nothing_run_first_in_one_of_the_orders():
    read = einsum("y m, m d -> y d")
    late = (einsum("x d, y d -> x y") >> softmax("[y]")) @ read >> einsum("x y, y d -> x d")
    listed, soon = stages_of(late)
    assert [name for name, _ in listed] == ["einsum", "softmax", "einsum", "einsum"]
    assert [name for name, _ in soon] == ["einsum", "einsum", "softmax", "einsum"]
    for order in (listed, soon):
        assert sorted(box for _, boxes in order for box in boxes) == [0, 1, 2, 3]


# Devices


def test_levels_are_solved_together():
    t = tile(attention(), devices["H100"], sizes=HEAD)
    L2, SMEM = t.levels
    assert all(L2.tiles[name] >= SMEM.tiles[name] for name in t.tiles)
    assert L2.transfers == t.costs.compulsory.number < SMEM.transfers
    assert SMEM.memory * 2 <= 228e3
    assert L2.memory * 2 <= 50e6
    assert SMEM.tiles["s_x"] >= 16 <= SMEM.tiles["g_q"]
    assert t.bound == "matrix"
    assert t.time.overlapped <= t.time.serial
    codes = {notice.code: notice for notice in t.notices}
    assert codes["few-tiles"].figures["groups"] < 132
    assert codes["compute-bound"].figures["ridge"] == devices["H100"].ridge()
    decode = tile(attention(), devices["H100"], sizes=HEAD | {"q": 1})
    assert decode.bound == "HBM"
    assert "bandwidth-bound" in [notice.code for notice in decode.notices]
    assert str(t).count("\n") >= 4


def test_floors_and_open_sizes():
    t = tile(attention(), fast_memory=2**16, sizes=HEAD, floors={"s": 32})
    assert t.tiles["s_x"] >= 32
    assert tile(attention(), fast_memory=2**16, sizes=HEAD, floors={"s_x": 64}).tiles["s_x"] >= 64
    with pytest.raises(UnknownName) as refused:
        tile(attention(), fast_memory=2**16, sizes={"q": 4})
    assert "d, x" in str(refused.value)
    with pytest.raises(CatlearnError):
        tile(attention(), sizes=HEAD)
    with pytest.raises(CatlearnError):
        tile(attention(), devices["H100"], 2**10, sizes=HEAD)


@pytest.mark.parametrize("options", [
    {"sizes": 3}, {"sizes": {**HEAD, "z": 3}}, {"sizes": {**HEAD, "d": 0}}, {"fast_memory": "1"},
    {"sizes": {**HEAD, "d": 2.5}}, {"floors": {"t_x": 3}}, {"floors": {"s": -1}}, {"floors": [1]},
    {"fast_memory": -1}, {"device": "H10", "fast_memory": None}, {"widths": (1, 2, 2)},
    {"costs": []}, {"costs": 3}, {"costs": [3]},
])  # fmt: skip
def test_other_arguments_of_tiles_are_refused(options):
    given = {"costs": attention(), "fast_memory": 2**12, "sizes": HEAD, **options}
    with pytest.raises(CatlearnError):
        tile(**given)


READ = [
    einsum("a b, b c -> a c").at(a=24, b=16, c=40),
    ((einsum("q d, x d -> q x") >> softmax("[x]")) @ idle >> einsum("q x, x e -> q e")).at(
        q=16, x=24, d=8, e=8
    ),
    (einsum("a b, b c -> a c") >> relu).at(a=8, b=8, c=8),
]


def fitting_ways_are_left_out(room):
    """Whether some way that is left out before it is made has tiles; and how many are left out."""
    found, count = False, 0
    for circuit in READ:
        kept = ways(circuit, room=room)
        for one in ways(circuit):
            if one not in kept:
                count += 1
                with contextlib.suppress(NoTile):
                    tile(one, fast_memory=room)
                    found = True
    return found, count


def test_ways_that_are_left_out_do_not_fit(monkeypatch, mutants):
    found, count = fitting_ways_are_left_out(64)
    assert count
    assert not found
    least_of = tiling.least_memory
    with mutants("a step needs four times what it holds"):
        monkeypatch.setattr(tiling, "least_memory", lambda *given: 4 * least_of(*given))
        assert fitting_ways_are_left_out(64)[0]


def test_other_costs_of_chains_are_refused():
    for wrong in ([[1]], [[1, 2]], [1, 2], [[0, -1], [0, 0]], [[0, math.nan], [0, 0]]):
        with pytest.raises(CatlearnError):
            cheapest(wrong)
    for costs in ({}, 3):
        with pytest.raises(CatlearnError):
            islands(costs, fast_memory=8)


def test_heads_run_one_by_one_and_count_as_groups():
    heads = Costs.of(
        "h*(2*q*d + 2*q*x*d/g_q)",
        {"scores": "g_h*(g_q*(2*d + 3) + d)"},
        {"matrix": "4*h*q*x*d"},
        {"g_h": "h", "g_q": "q", "s_x": "x"},
    )
    t = tile(heads, devices["H100"], sizes=HEAD | {"h": 16})
    assert t.tiles["g_h"] == 1
    assert "few-tiles" not in [notice.code for notice in t.notices]


QKV = ("h q d", "h x d", "h x e")


@traced(*QKV, "h", "q", "x")
def linear_biases(q, k, v, m, i, j):
    gap = add(view("q -> q x")(i), neg(view("x -> q x")(j)))
    s = add(einsum("h q d, h x d -> h q x")(q, k), neg(einsum("h, q x -> h q x")(m, gap)))
    return einsum("h q x, h x e -> h q e")(softmax("[x]")(s), v)


@traced(*QKV, "h q x")
def relative_biases(q, k, v, b):
    s = add(einsum("h q d, h x d -> h q x")(q, k), b)
    return einsum("h q x, h x e -> h q e")(softmax("[x]")(s), v)


GROUPS = (einsum("k g q d, k x d -> k g q x") >> softmax("[x]")) @ idle
GROUPS = GROUPS >> einsum("k g q x, k x e -> k g q e")
LENGTHS = {"h": 16, "k": 4, "g": 4, "q": 4096, "x": 4096, "d": 64, "e": 64}


@pytest.mark.parametrize("circuit", [linear_biases, GROUPS], ids=["ALiBi", "grouped queries"])
def test_floors_are_of_sides_of_products(circuit, mutants):
    """Positions lack the axis of heads, which all operands of products have: heads run alone."""
    H100 = devices["H100"]
    if circuit is linear_biases:
        found, plain = (
            tile(one, fast_memory=2**15, sizes=sized(one), floors={"g": 16, "s": 16})
            for one in (circuit, HEADS)
        )
        assert found.optimum.value < 1.5 * plain.optimum.value
    islands = [Island(circuit, modes, sizes=sized(circuit)).costs() for modes in (
        {"h": "grouped", "q": "grouped", "x": "streamed"},
        {"k": ("grouped", 1), "g": "grouped", "q": "grouped", "x": "streamed"},
    ) if modes.keys() <= Indexed.of(circuit).variables.keys()]  # fmt: skip
    fused = tile(islands, H100)
    rows = math.prod(n for name, n in fused.tiles.items() if name in ("g_g", "g_q"))
    assert rows >= 16 <= fused.tiles["s_x"]
    assert fused.tiles.get("g_h", 1) == 1
    one = tile(islands, H100, floors={"g_h" if circuit is linear_biases else "g_g": 4}).tiles
    assert one.get("g_h", 4) == 4 <= one.get("g_g", 4)
    if circuit is linear_biases:
        with mutants("floors are of every grouped axis that transfers depend on"):
            every = tile([replace(one, sides=None) for one in islands], H100)
            assert every.optimum.value > 5 * fused.optimum.value


@functools.cache
def heads_on_H100():
    return tile(HEADS, devices["H100"], sizes=sized(HEADS))


def codes(t):
    return {notice.code: notice for notice in t.notices}


def test_what_is_made_again_is_said():
    """Oracle 42 in a notice: one of the five contractions of the reverse pass is made again."""
    H100, sizes = devices["H100"], sized(HEADS)
    back = tile(HEADS, H100, sizes=sizes, reverse=True)
    again = {one.node: one.figures for one in back.notices if one.code == "recomputed"}
    assert again["matrix"]["reverse"] * 5 == again["matrix"]["all"] == back.work["matrix"]
    assert again["exponential"]["reverse"] == again["exponential"]["all"] == 16 * 4096**2
    assert "recomputed" not in codes(heads_on_H100())
    keys = traced("q d", "x c", "c d", "x e")(
        lambda q, c, w, v: einsum("q x, x e -> q e")(
            softmax("[x]")(einsum("q d, x d -> q x")(q, einsum("x c, c d -> x d")(c, w))), v
        )
    )
    island = Island(
        keys,
        {"q": "grouped", "x": "streamed"},
        sizes={"q": 256, "x": 256, **dict.fromkeys("dce", 64)},
    )
    found = tile(island.costs(), fast_memory=2**14)
    groups = -(-256 // found.tiles["g_q"])
    (said,) = [one.figures for one in found.notices if one.code == "recomputed"]
    assert said["groups"] == (groups - 1) * 2 * 256 * 64**2 > 0


def test_a_split_pays_where_units_are_idle(mutants):
    """One query: of 132 units 16 have a head, until keys are split (flash decoding)."""
    H100, sizes = devices["H100"], sized(HEADS) | {"q": 1}
    heads = [Island(HEADS, {"h": "grouped", "q": "grouped", "x": kind}).costs()
             for kind in ("streamed", "split")]  # fmt: skip
    split = codes(tile(heads, H100, sizes=sizes))["split-pays"]
    assert (split.node, split.figures["parts"]) == ("x", 9)
    assert 7 < split.figures["gain"] <= 132 / 16
    # of more keys a ninth is too much for a unit: they are split in more parts
    assert codes(tile(heads, H100, sizes=sizes | {"x": 2**17}))["split-pays"].figures["parts"] > 9
    with mutants("a split always pays"):
        assert "split-pays" not in codes(tile(heads, H100, sizes=sizes | {"h": 256}))
        assert "split-pays" not in codes(tile(heads, fast_memory=2**17, sizes=sizes))
        assert "split-pays" not in codes(tile(heads[:1], H100, sizes=sizes))


NOTICED = {
    "integral-gap": (
        {"q": 4099, "x": 4099, "remainders": False, "fast_memory": 2**16},
        {"fast_memory": 2**16},
    ),
    "clamped": ({"fast_memory": 2**23}, {"fast_memory": 2**16}),
    "compute-bound": ({"device": "H100"}, {"device": "H100", "q": 1}),
    "bandwidth-bound": ({"device": "H100", "q": 1}, {"device": "H100"}),
}
"""For each code a case with it, and one without."""


@pytest.mark.parametrize("code", NOTICED)
def test_notices_have_figures_where_they_are_due(code):
    def noticed(device=None, fast_memory=None, q=N, x=N, **options):
        where = devices[device] if device else None
        sizes = {**HEAD, "q": q, "x": x}
        return codes(tile(attention(), where, fast_memory, sizes=sizes, **options))

    due, other = (noticed(**options) for options in NOTICED[code])
    assert due[code].figures
    assert code not in other


def test_widths_that_differ_are_said():
    for widths, said in (((2, 2, 4), True), ((2, 2, 2), False)):
        found = codes(tile(HEADS, fast_memory=2**17, sizes=sized(HEADS), widths=widths))
        assert ("mixed-width" in found) is said
        assert not said or found["mixed-width"].figures["widths"] == widths


def test_heads_that_run_one_by_one_are_groups():
    """A head is a group though its block is no tile; a mutant counts tiles alone."""
    costs, sizes = Island(HEADS).costs(), sized(HEADS) | {"h": 256, "q": 1}
    assert "g_h" not in costs.bounds
    t = tile(costs, devices["H100"], sizes=sizes)
    assert t.groups == 256
    assert "few-tiles" not in codes(t)
    alone = replace(costs, groups=Posynomial.of(1))
    assert "few-tiles" in codes(tile(alone, devices["H100"], sizes=sizes))


def sized(circuit):
    """The sizes of a circuit's axes."""
    names = Indexed.of(circuit).variables
    return {name: size for name, size in LENGTHS.items() if name in names}


def test_sides_are_rows_columns_and_what_is_added_up():
    def sides(circuit, **modes):
        return {tiles: str(whole) for tiles, whole in Island(circuit, modes).costs().sides}

    fused = {"h": "grouped", "q": "grouped", "x": "streamed"}
    assert sides(HEADS, **fused) == {("g_q",): "1", ("s_x",): "1"}
    assert sides(linear_biases, **fused) == {("g_q",): "1", ("s_x",): "1"}
    assert sides(relative_biases, **fused) == {("g_q",): "1", ("s_x",): "1"}
    heads = einsum("q m, h m d -> h q d")
    found = sides(heads, h="grouped", q="grouped", m="streamed")
    assert found == {("g_h",): "d", ("g_q",): "1", ("s_m",): "1"}
    assert sides(einsum("h, q x -> h q x"), h="grouped", q="grouped") == {}


def test_devices_are_values_with_sources():
    assert {"A100", "H100", "H200", "B200", "TPU v5e", "TPU v5p", "cpu"} == set(devices)
    for device in devices.values():
        figures = {level.name for level in device.levels} | set(device.throughputs)
        assert figures <= set(device.sources)
        kinds = ("vendor:", "measured:", "derived:", "capacity vendor:")
        assert all(text.startswith(kinds) for text in device.sources.values())
        assert str(device).startswith(device.name)
    H100 = devices["H100"]
    more = H100.replace(name="more", HBM=6.7e12, SMEM_capacity=456e3, exponential=8e12)
    assert (more.levels[1].bandwidth, more.levels[2].capacity) == (6.7e12, 456e3)
    assert (more.throughput("exponential"), H100.throughput("exponential")) == (8e12, 3.9e12)
    assert H100.replace() == H100 != more
    for wrong in ({"HBMs": 1}, {"SMEM": 1.0}):
        with pytest.raises(UnknownName):
            H100.replace(**wrong)
    for asked in (lambda: devices["H10"], lambda: H100.throughput("scalar"), lambda: H100.ridge(3)):
        with pytest.raises(UnknownName):
            asked()
    with pytest.raises(InvalidStructure) as refused:
        Device("none", (Level("only", 0),), {"matrix": -1})
    assert len(refused.value.failures) == 3


@settings(max_examples=30)
@given(st.integers(1, 200), st.lists(st.integers(1, 60), min_size=1, max_size=3))
def test_blocks_are_those_of_nested_loops(size, tiles):
    tiles = sorted(tiles, reverse=True)

    def loop(length, rest):
        if not rest:
            return 1
        step = rest[0]
        return sum(loop(min(step, length - at), rest[1:]) for at in range(0, length, step))

    assert blocks(size, tiles) == loop(size, tiles)


def test_devices_are_taken_by_name_and_sizes_that_lack_are_named_as_given():
    product, sizes = einsum("a b, b c -> a c"), {"a": 64, "b": 64, "c": 64}
    found = tile(product, "H100", sizes=sizes)
    assert found.device is devices["H100"]
    assert assert_time_below(product, 1.0, "H100", sizes=sizes).device is devices["H100"]
    with pytest.raises(UnknownName) as caught:
        tile(product, "H10", sizes=sizes)
    says(caught.value, "H100")
    with pytest.raises(CatlearnError) as caught:
        tile(product, sizes=sizes)
    says(caught.value, "neither")
    twice = (linear("A", "m -> f") >> linear("B", "f -> m")).at(m=8, f=2)
    for asked in (tile, notices):
        with pytest.raises(UnknownName) as caught:
            asked(twice, "H100")
        says(caught.value, "'m#2': ...", "both")
