"""Enriched categories, functors and bimodules; Lawvere metrics; each law beside a mutant."""

import heapq

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from catlearn.category import Functor, Graph
from catlearn.cost import (
    BOOL,
    CLOSENESS,
    FORGET_ULTRA,
    INDICATOR,
    LAWVERE,
    PROBABILITY,
    REACHABLE,
    ULTRAMETRIC,
    Bimodule,
    EnrichedCategory,
    EnrichedFunctor,
    LawvereMetric,
    Matrix,
    free,
    subsets,
)
from catlearn.errors import InvalidStructure, NotComposable, UnknownName
from catlearn.laws import graphs
from tests.errors import fails, raises

QUANTALES = (LAWVERE, ULTRAMETRIC, PROBABILITY, BOOL, subsets(3))
quantales = st.sampled_from(QUANTALES)
inf = float("inf")


@st.composite
def weighted(draw, quantale, max_edges=6):
    graph = draw(graphs(max_edges=max_edges))
    value = st.sampled_from(quantale.samples)
    return graph, {edge: draw(value) for edge in graph.edges}


@st.composite
def categories(draw, quantale, size=None):
    """The closure of any matrix."""
    n = draw(st.integers(0, 4)) if size is None else size
    entries = [[draw(st.sampled_from(quantale.samples)) for _ in range(n)] for _ in range(n)]
    matrix = Matrix(np.reshape(entries, (n, n)), quantale).star()
    return EnrichedCategory([f"x{k}" for k in range(n)], matrix.entries, quantale)


def is_category(matrix):
    """As a monad in matrices: 1 <= M and M >> M <= M."""
    return Matrix.identity(matrix.rows, matrix.quantale) <= matrix and matrix @ matrix <= matrix


@given(st.data(), quantales)
@settings(max_examples=60)
def test_a_category_is_a_monad_in_matrices(data, quantale):
    n = data.draw(st.integers(1, 3))
    entries = [[data.draw(st.sampled_from(quantale.samples)) for _ in range(n)] for _ in range(n)]
    any_matrix = EnrichedCategory("xyz"[:n], entries, quantale, check=False)
    assert (any_matrix.failures() == []) == is_category(any_matrix.matrix)


def test_every_broken_triangle_and_unit_is_named():
    broken = [
        ("unit", "object z", "hom(z, z) = 0.5"),
        ("triangle", "x -> y -> z", "hom(x, y) ⊗ hom(y, z) = 3", "hom(x, z) = 9"),
        ("triangle", "z -> y -> x", "hom(z, y) ⊗ hom(y, x) = 3", "hom(z, x) = 9"),
    ]
    with fails(InvalidStructure, *broken):
        EnrichedCategory("xyz", [[0, 1, 9], [1, 0, 2], [9, 2, 0.5]])
    with raises(InvalidStructure, "hom(x, z)", law="triangle", where="x -> y -> z"):
        EnrichedCategory(
            "xyz", [[1, 1, 0], [0, 1, 1], [0, 0, 1]], BOOL
        )  # a relation that is not transitive


def test_other_misfits():
    with raises(InvalidStructure, "nan", law="value", where="hom(x, y)"):
        EnrichedCategory("xy", [[0, np.nan], [0, 0]])
    with raises(InvalidStructure, "(1, 1)", 2, law="shape", where="hom"):
        EnrichedCategory("xy", [[0]])
    with raises(InvalidStructure, law="names", where="object 'x'"):
        EnrichedCategory("xx", [[0, 0], [0, 0]])
    with raises(UnknownName, "q", "x"):
        EnrichedCategory("x", [[0]])("x", "q")


def test_a_long_list_of_failures_is_counted():
    steep = np.where(np.eye(12), 0, 100.0)
    steep[:, 0] = steep[0] = 0
    found = EnrichedCategory(map(str, range(12)), steep, check=False).failures(limit=3)
    assert str(found[-1]) == "other triples: and 107 more; 110 in all [triangle]"


# ---------------------------------------------------------------- free ones


def dijkstra(graph, weights, start):
    """Shortest paths by the textbook, independent of scipy."""
    best, queue = {}, [(0.0, start)]
    while queue:
        d, v = heapq.heappop(queue)
        if v in best:
            continue
        best[v] = d
        for e in graph.out_edges(v):
            heapq.heappush(queue, (d + weights[e], graph.target(e)))
    return best


@given(weighted(LAWVERE))
@settings(max_examples=40)
def test_free_metric_spaces_are_shortest_paths(pair):
    graph, weights = pair
    space = free(graph, weights)
    assert isinstance(space, LawvereMetric)
    assert space.failures() == []
    for x in graph.vertices:
        best = dijkstra(graph, weights, x)
        assert [space.distance(x, y) for y in graph.vertices] == pytest.approx(
            [best.get(y, inf) for y in graph.vertices]
        )


class Values:
    """A quantale's tensor as a category with one object."""

    def __init__(self, quantale):
        self.identity = lambda _: quantale.unit
        self.compose = quantale.tensor


@given(st.data(), quantales)
@settings(max_examples=60)
def test_hom_of_a_free_category_is_the_join_over_paths(data, quantale):
    graph, weights = data.draw(weighted(quantale, max_edges=5))
    assume(graph.is_acyclic())
    weight = Functor(graph, Values(quantale), arrows=weights)
    space = free(graph, weights, quantale)
    for x in graph.vertices:
        for y in graph.vertices:
            along = np.array([weight(p) for p in graph.paths(x, y)], quantale.dtype)
            assert quantale.equal(space(x, y), quantale.joined(along))


@given(st.data(), quantales)
@settings(max_examples=60)
def test_universal_property_of_free_categories(data, quantale):
    """A map of vertices is a functor out of the free category iff no edge gets worse."""
    graph, weights = data.draw(weighted(quantale, max_edges=4))
    B = data.draw(categories(quantale, size=3))
    to = {v: data.draw(st.sampled_from(B.objects)) for v in graph.vertices}
    on_edges = all(
        quantale.leq(weights[e], B(to[graph.source(e)], to[graph.target(e)])) for e in graph.edges
    )
    f = EnrichedFunctor(free(graph, weights, quantale), B, to, check=False)
    assert (f.failures() == []) == on_edges


def test_a_category_that_is_not_the_least_fails_the_universal_property():
    graph, weights = Graph({"f": ("A", "B")}), {"f": 2.0}
    too_near = LawvereMetric(["A", "B"], [[0, 1], [inf, 0]])
    to = {"A": "A", "B": "B"}
    assert EnrichedFunctor(free(graph, weights), too_near, to).failures() == []
    assert EnrichedFunctor(too_near, free(graph, weights), to, check=False).failures()


def test_parallel_edges_join_and_misfits_are_listed():
    graph = Graph({"a": ("x", "y"), "b": ("x", "y"), "c": ("y", "y")})
    assert free(graph, [3, 2, 1]).distance("x", "y") == 2
    with pytest.raises(InvalidStructure) as error:
        free(graph, {"a": 1, "b": -1, "d": 0})
    assert [(f.where, f.law) for f in error.value.failures] == [
        ("edge 'c'", "weights"),
        ("weight of 'd'", "weights"),
        ("edge 'b'", "value"),
    ]
    with raises(InvalidStructure, 1, 3, law="weights", where="weights"):
        free(graph, [1])


# ---------------------------------------------------------------- constructions


@given(st.data(), quantales)
@settings(max_examples=40)
def test_constructions_are_categories(data, quantale):
    A, B = data.draw(categories(quantale)), data.draw(categories(quantale, size=2))
    for made in (
        A.opposite(), A.symmetrised(), A.skeleton(), A.underlying(), A @ B, A.product(B), A + B
    ):  # fmt: skip
        assert made.failures() == []
    assert A.opposite().opposite() == A
    assert A.symmetrised().is_symmetric
    assert A.skeleton().is_separated


def test_a_join_of_both_directions_is_not_a_category():
    """The mutant of symmetrisation: the smaller of both distances breaks the triangle law."""
    A = LawvereMetric("xyz", [[0, 1, 9], [9, 0, 9], [9, 1, 0]])
    assert LawvereMetric("xyz", np.minimum(A.hom, A.hom.T), check=False).failures()
    assert A.symmetrised().failures() == []


@given(st.data())
@settings(max_examples=30)
def test_change_of_base(data):
    A = data.draw(categories(LAWVERE))
    for along in (REACHABLE, CLOSENESS):
        assert A.change_base(along).failures() == []
    U, P = data.draw(categories(ULTRAMETRIC)), data.draw(categories(BOOL))
    assert U.change_base(FORGET_ULTRA).failures() == []
    assert P.change_base(INDICATOR).underlying() == P
    assert P.change_base(INDICATOR).change_base(REACHABLE) == P


def test_change_of_base_needs_the_right_source():
    with raises(InvalidStructure, "ultrametric", "Lawvere", law="quantale"):
        LawvereMetric("x", [[0]]).change_base(FORGET_ULTRA)
    metric = LawvereMetric("xyz", [[0, 1, 2], [1, 0, 1], [2, 1, 0]])
    assert EnrichedCategory(metric.objects, metric.hom, ULTRAMETRIC, check=False).failures()


@given(st.data(), quantales)
@settings(max_examples=40)
def test_products_and_coproducts_are_universal(data, quantale):
    A, B = (data.draw(categories(quantale, size=2)) for _ in range(2))
    product, total = A.product(B), A + B
    first = {f"({x}, {y})": x for x in A.objects for y in B.objects}
    second = {f"({x}, {y})": y for x in A.objects for y in B.objects}
    assert not EnrichedFunctor(product, A, first).failures()
    assert not EnrichedFunctor(product, B, second).failures()
    diagonal = {x: f"({x}, {x})" for x in A.objects}
    assert not EnrichedFunctor(A, A.product(A), diagonal).failures()
    fold = {f"{side}/{x}": x for side in ("left", "right") for x in A.objects}
    assert not EnrichedFunctor(A + A, A, fold).failures()
    for side in ("left", "right"):
        part = A if side == "left" else B
        assert EnrichedFunctor(part, total, {x: f"{side}/{x}" for x in part.objects}, check=False)


def test_the_tensor_product_is_not_the_product():
    A = LawvereMetric("xy", [[0, 1], [1, 0]])
    diagonal = {x: f"({x}, {x})" for x in "xy"}
    assert EnrichedFunctor(A, A @ A, diagonal, check=False).failures()


# ---------------------------------------------------------------- functors


@given(st.data(), quantales)
@settings(max_examples=40)
def test_functors_form_a_category(data, quantale):
    A, B, C = (data.draw(categories(quantale, size=2)) for _ in range(3))
    f = EnrichedFunctor(A, B, {x: data.draw(st.sampled_from(B.objects)) for x in A.objects}, False)
    g = EnrichedFunctor(B, C, {x: data.draw(st.sampled_from(C.objects)) for x in B.objects}, False)
    if not f.failures() and not g.failures():
        assert not (f >> g).failures()
    assert EnrichedFunctor.identity(A) >> f == f == f >> EnrichedFunctor.identity(B)
    assert all((f >> g)(x) == g(f(x)) for x in A.objects)


def test_maps_that_are_no_functors():
    A, B = LawvereMetric("xy", [[0, 1], [2, 0]]), LawvereMetric("uv", [[0, 3], [1, 0]])
    with fails(InvalidStructure, ("functor", "x -> y", "hom(x, y) = 1", "hom(u, v) = 3")):
        EnrichedFunctor(A, B, {"x": "u", "y": "v"})
    with pytest.raises(InvalidStructure) as error:
        EnrichedFunctor(A, B, {"x": "w", "z": "u"})
    assert [f.where for f in error.value.failures] == ["object y", "object z", "object x"]
    with pytest.raises(NotComposable):
        EnrichedFunctor.identity(A) >> EnrichedFunctor.identity(B)


@given(st.data())
@settings(max_examples=40)
def test_lipschitz_constants(data):
    """K is the least factor by which the domain has to be stretched."""
    A, B = (data.draw(categories(LAWVERE, size=3)) for _ in range(2))
    A, B = LawvereMetric.of(A), LawvereMetric.of(B)
    to = {x: data.draw(st.sampled_from(B.objects)) for x in A.objects}
    K = A.lipschitz(B, to)
    if np.isinf(K):
        assert EnrichedFunctor(A.scaled(1e9), B, to, check=False).failures()
        return
    assert EnrichedFunctor(A.scaled(K), B, to).failures() == []
    if K > 0:
        assert EnrichedFunctor(A.scaled(K * 0.99), B, to, check=False).failures()


def test_a_metric_in_the_usual_sense():
    assert LawvereMetric("xy", [[0, 1], [1, 0]]).is_metric
    for broken in ([[0, 1], [2, 0]], [[0, 0], [0, 0]], [[0, inf], [inf, 0]]):
        assert not LawvereMetric("xy", broken).is_metric
    with raises(InvalidStructure, "probability", law="quantale", where="quantale"):
        LawvereMetric.of(EnrichedCategory("x", [[1]], PROBABILITY))


# ---------------------------------------------------------------- presheaves and bimodules


@given(st.data(), quantales)
@settings(max_examples=40)
def test_yoneda(data, quantale):
    """Homs out of representables are values; so the embedding is an isometry."""
    A = data.draw(categories(quantale, size=3))
    weights = np.array([data.draw(st.sampled_from(quantale.samples)) for _ in A.objects])
    # the free presheaf on a family of values
    P = (A.matrix @ Matrix(weights[:, None], quantale, A.objects, ["*"])).entries[:, 0]
    assert A.is_presheaf(P)
    for k, x in enumerate(A.objects):
        assert A.is_presheaf(A.representable(x))
        assert quantale.equal(A.presheaf_hom(A.representable(x), P), P[k])
        for y in A.objects:
            embedded = A.presheaf_hom(A.representable(x), A.representable(y))
            assert quantale.equal(embedded, A(x, y))


def test_yoneda_fails_for_what_is_no_presheaf():
    A = LawvereMetric("xy", [[0, 1], [1, 0]])
    steep = np.array([5.0, 0.0])
    assert not A.is_presheaf(steep)
    assert A.presheaf_hom(A.representable("y"), steep) != steep[1]


@given(st.data(), quantales)
@settings(max_examples=40)
def test_functors_give_adjoint_bimodules(data, quantale):
    A, B = (data.draw(categories(quantale, size=2)) for _ in range(2))
    to = {x: data.draw(st.sampled_from(B.objects)) for x in A.objects}
    f = EnrichedFunctor(A, B, to, check=False)
    assume(not f.failures())
    down, up = Bimodule.graph(f), Bimodule.cograph(f)
    assert not down.failures()
    assert not up.failures()
    assert Bimodule.identity(A) <= down >> up
    assert up >> down <= Bimodule.identity(B)


def test_a_map_that_expands_gives_no_adjunction():
    A, B = LawvereMetric("xy", [[0, 1], [1, 0]]), LawvereMetric("xy", [[0, 3], [3, 0]])
    f = EnrichedFunctor(A, B, {"x": "x", "y": "y"}, check=False)
    assert not Bimodule.identity(A) <= Bimodule.graph(f) >> Bimodule.cograph(f)


@given(st.data(), quantales)
@settings(max_examples=40)
def test_bimodules_form_a_category(data, quantale):
    A, B, C = (data.draw(categories(quantale, size=2)) for _ in range(3))
    entries = [
        Matrix(
            [[data.draw(st.sampled_from(quantale.samples)) for _ in range(2)] for _ in range(2)],
            quantale, X.objects, Y.objects,
        )
        for X, Y in ((A, B), (B, C))
    ]  # fmt: skip
    P, Q = Bimodule.of(A, B, entries[0]), Bimodule.of(B, C, entries[1])
    assert not P.failures()
    assert not (P >> Q).failures()
    assert (Bimodule.identity(A) >> P).close_to(P)
    assert (P >> Bimodule.identity(B)).close_to(P)


def drawn(data, A, B):
    """A bimodule between two categories."""
    values = st.sampled_from(A.quantale.samples)
    entries = [[data.draw(values) for _ in B.objects] for _ in A.objects]
    return Bimodule.of(A, B, Matrix(entries, A.quantale, A.objects, B.objects))


def swap(A, B):
    """The bimodule that exchanges two categories: A @ B -> B @ A."""
    pairs = {f"({a}, {b})": f"({b}, {a})" for a in A.objects for b in B.objects}
    return Bimodule.graph(EnrichedFunctor(A @ B, B @ A, pairs, check=False))


@given(st.data(), quantales)
@settings(max_examples=25)
def test_bimodules_are_traced_monoidal(data, quantale):
    """Of the laws of Joyal, Street and Verity: interchange, naturality, sliding, yanking."""
    A, B, X = (data.draw(categories(quantale, size=2)) for _ in range(3))
    P, Q, u = drawn(data, A, B), drawn(data, X, X), drawn(data, X, X)
    both = P.tensor(Q)
    assert not both.failures()
    one, other = (Bimodule.identity(Y) for Y in (A, X))
    assert (P.tensor(other) >> Bimodule.identity(B).tensor(Q)).close_to(both)
    assert (one.tensor(Q) >> P.tensor(other)).close_to(both)
    wired = drawn(data, A @ X, B @ X)
    looped = wired.trace(A, B, X)
    assert not looped.failures()
    f = drawn(data, A, A)
    assert (f.tensor(other) >> wired).trace(A, B, X).close_to(f >> looped)
    slid = (one.tensor(u) >> wired).trace(A, B, X)
    assert slid.close_to((wired >> Bimodule.identity(B).tensor(u)).trace(A, B, X))
    assert swap(X, X).trace(X, X, X).close_to(other)


def test_mutants_of_traces(mutants):
    A = EnrichedCategory("xy", [[True, True], [False, True]], BOOL)
    crossed = swap(A, A)
    with mutants("a trace is the join of all entries"):
        shape = (2, 2, 2, 2)
        every = crossed.entries.reshape(shape).any(axis=(1, 3))
        assert every.tolist() != Bimodule.identity(A).entries.tolist()
    with pytest.raises(NotComposable) as refused:
        crossed.trace(A @ A, A, A)
    assert [failure.where for failure in refused.value.failures] == ["domain"]


def test_a_matrix_on_which_nothing_acts_is_no_bimodule():
    A = LawvereMetric("xy", [[0, 1], [1, 0]])
    with pytest.raises(InvalidStructure) as error:
        Bimodule(A, A, [[0, 5], [5, 0]])
    assert {failure.law for failure in error.value.failures} == {"left action", "right action"}
    assert len(error.value.failures) == 4


def test_hausdorff_distance_of_sets_is_a_lawvere_metric():
    space = LawvereMetric("wxyz", abs(np.subtract.outer([0, 1, 3, 7], [0, 1, 3, 7])))
    sets = ["w", "wx", "yz", "wz", "xyz", "wxyz"]
    distances = [[space.hausdorff(s, t) for t in sets] for s in sets]
    assert LawvereMetric(sets, distances).distance("w", "wxyz") == 0
    assert space.hausdorff("", "w") == 0
    assert space.hausdorff("w", "") == inf


def test_notebooks_show_a_table_cut_off_where_it_is_large():
    names = [f"<{k}>" for k in range(40)]
    small, large = (EnrichedCategory.discrete(names[:n])._repr_html_() for n in (2, 40))
    assert small.count("<tr>") == 3
    assert "&lt;1&gt;" in small
    assert small.count("∞") == 2
    assert large.count("<tr>") < 40
    assert "40 x 40 in all" in large
    assert EnrichedCategory.discrete(names[:2]).matrix._repr_html_() == small
