"""Sources of finite categories: orders, monoids, groups, free categories."""

import networkx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from catlearn.category import FiniteCategory, Functor, Graph, Presentation, are_isomorphic
from catlearn.errors import InfinitelyManyPaths, InvalidStructure, TooLarge, TooManyPaths
from tests.errors import raises

FEW = settings(max_examples=30)


def divisors(n: int) -> FiniteCategory:
    return FiniteCategory.poset(lambda a, b: b % a == 0, [d for d in range(1, n + 1) if n % d == 0])


def test_every_source_is_a_category():
    for C in (
        divisors(60),
        FiniteCategory.preorder([("a", "b"), ("b", "a"), ("b", "c")]),
        FiniteCategory.monoid(range(12), lambda a, b: a * b % 12),
        FiniteCategory.permutation_group({"s": [1, 0, 2, 3], "t": [1, 2, 3, 0]}),
        FiniteCategory.transformation_monoid({"a": [1, 2, 0], "b": [1, 0, 2], "c": [0, 0, 2]}),
        FiniteCategory.discrete(["A", "B"]),
        FiniteCategory.codiscrete("ABC"),
        FiniteCategory.chain(4),
        FiniteCategory.walking_arrow(),
        FiniteCategory.walking_isomorphism(),
        FiniteCategory.free(Graph({"f": ("A", "B"), "g": ("A", "B"), "h": ("B", "C")})),
        FiniteCategory.discrete([]),
    ):
        assert C.failures() == []


pairs = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde")), max_size=8)


@FEW
@given(pairs)
def test_a_preorder_is_the_reflexive_transitive_closure(relation: list[tuple[str, str]]):
    P = FiniteCategory.preorder(relation, "abcde")
    graph = networkx.DiGraph(relation)
    graph.add_nodes_from("abcde")
    for a in "abcde":
        below = networkx.descendants(graph, a) | {a}
        assert {b for b in "abcde" if P.hom(a, b)} == below
    assert P.is_thin
    assert P.failures() == []
    components = networkx.strongly_connected_components(graph)
    assert set(map(frozenset, P.isomorphism_classes)) == set(map(frozenset, components))


@FEW
@given(pairs)
def test_a_poset_is_refused_exactly_if_two_elements_are_below_each_other(
    relation: list[tuple[str, str]],
):
    P = FiniteCategory.preorder(relation, "abcde")
    if P.is_skeletal:
        assert FiniteCategory.poset(relation, "abcde") == P
    else:
        with raises(InvalidStructure, law="antisymmetry"):
            FiniteCategory.poset(relation, "abcde")


def test_all_pairs_that_break_antisymmetry_are_listed():
    with pytest.raises(InvalidStructure) as error:
        FiniteCategory.poset([("a", "b"), ("b", "a"), ("c", "d"), ("d", "c"), ("b", "c")])
    assert [failure.where for failure in error.value.failures] == ["a, b", "c, d"]


def test_an_order_can_be_given_in_four_ways():
    given_pairs = FiniteCategory.poset([("a", "b"), ("b", "c")])
    graph = Graph({"f": ("a", "b"), "g": ("b", "c")})
    assert FiniteCategory.poset(graph) == given_pairs
    assert FiniteCategory.poset(networkx.DiGraph([("a", "b"), ("b", "c")])) == given_pairs
    assert FiniteCategory.poset(lambda x, y: x <= y, "abc") == given_pairs
    with raises(InvalidStructure, law="direction", where="networkx graph"):
        FiniteCategory.poset(networkx.Graph([("a", "b")]))
    with raises(InvalidStructure, law="names", where="1"):
        FiniteCategory.poset([(1, "1")])


def test_the_generators_of_a_poset_are_its_covering_relations():
    graph = networkx.DiGraph((a, b) for a in range(1, 61) for b in range(1, 61) if b % a == 0)
    graph.remove_nodes_from([k for k in range(1, 61) if 60 % k])
    graph.remove_edges_from([(k, k) for k in list(graph)])
    hasse = {(str(a), str(b)) for a, b in networkx.transitive_reduction(graph).edges}
    P = divisors(60)
    assert {P.ends(edge) for edge in P.generators.edges} == hasse


def test_monoids_are_checked():
    table = {(x, y): max(x, y) for x in "012" for y in "012"}
    assert FiniteCategory.monoid("012", table).identity("*") == "0"
    outside = ("1 >> 2 = '3'", "2 >> 1 = '4'")
    with raises(InvalidStructure, *outside, law="closure", where="table"):
        FiniteCategory.monoid("012", table | {("1", "2"): "3", ("2", "1"): "4"})
    with raises(InvalidStructure, law="unit", where="elements"):
        FiniteCategory.monoid("012", dict.fromkeys(table, "1"))
    with raises(InvalidStructure, law="associativity", where="1 >> 1 >> 2"):
        FiniteCategory.monoid("012", table | {("1", "1"): "2", ("2", "2"): "1"})
    with raises(InvalidStructure, "3", law="table", where="table"):
        FiniteCategory.monoid("012", [["0"]])
    with raises(InvalidStructure, law="names", where="elements"):
        FiniteCategory.monoid([1, 1], lambda a, b: 1)
    rows = np.maximum.outer(np.arange(3), np.arange(3))
    assert FiniteCategory.monoid("012", rows) == FiniteCategory.monoid("012", table)
    with raises(InvalidStructure, law="table", where="table"):
        FiniteCategory.monoid("012", rows + 1)


def test_a_group_lists_the_elements_without_inverse():
    units = FiniteCategory.group([1, 5, 7, 11], lambda a, b: a * b % 12)
    assert units.is_groupoid
    assert units.inverse("7") == "7"
    with pytest.raises(InvalidStructure) as error:
        FiniteCategory.group(range(6), lambda a, b: a * b % 6)
    assert [failure.where for failure in error.value.failures] == ["0", "2", "3", "4"]


# Orders of groups and monoids: textbook values (Clifford and Preston I for the monoids).
@pytest.mark.parametrize(
    ("generators", "order"),
    [
        ({"t": [1, 2, 3, 0]}, 4),
        ({"a": [1, 2, 0, 3], "b": [1, 0, 3, 2]}, 12),
        ({"i": [1, 2, 3, 0, 5, 6, 7, 4], "j": [4, 7, 6, 5, 2, 1, 0, 3]}, 8),
        ({"s": [1, 0, 2, 3, 4], "t": [1, 2, 3, 4, 0]}, 120),
    ],
)
def test_orders_of_permutation_groups(generators: dict[str, list[int]], order: int):
    from sympy.combinatorics import Permutation, PermutationGroup

    G = FiniteCategory.permutation_group(generators)
    assert len(G) == order
    assert G.is_groupoid
    group = PermutationGroup([Permutation(image) for image in generators.values()])
    assert group.order() == order


def test_orders_of_transformation_monoids():
    for n in (2, 3, 4):
        turn, swap = [*range(1, n), 0], [1, 0, *range(2, n)]
        collapse = [0, 0, *range(2, n)]
        T = FiniteCategory.transformation_monoid({"t": turn, "s": swap, "c": collapse})
        assert len(T) == n**n
        if n < 4:
            assert len(T.idempotents) == {2: 3, 3: 10}[n]


def test_elements_of_a_transformation_monoid_multiply_as_functions():
    generators = {"a": [1, 2, 0], "c": [0, 0, 2]}
    T = FiniteCategory.transformation_monoid(generators)

    def value(name: str) -> tuple[int, ...]:
        at = (0, 1, 2)
        for edge in T.word(name).edges:
            at = tuple(generators[edge][k] for k in at)
        return at

    assert len({value(name) for name in T.arrows}) == len(T)
    for f in T.arrows:
        for g in T.arrows:
            assert value(T.compose(f, g)) == tuple(value(g)[k] for k in value(f))


def test_what_does_not_act_is_refused():
    with raises(InvalidStructure, law="permutation", where="a"):
        FiniteCategory.permutation_group({"a": [0, 0]})
    with pytest.raises(InvalidStructure) as error:
        FiniteCategory.transformation_monoid({"a": [0, 2], "b": [1]})
    assert len(error.value.failures) == 2
    with raises(TooLarge, "bound", 100):
        FiniteCategory.permutation_group({"s": [1, 0, 2, 3, 4], "t": [1, 2, 3, 4, 0]}, bound=100)


edges = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4)).map(sorted).filter(lambda e: e[0] < e[1]),
    max_size=7,
)


@FEW
@given(edges)
def test_a_free_category_has_the_paths_as_arrows(ends: list[list[int]]):
    G = Graph({f"e{k}": (str(a), str(b)) for k, (a, b) in enumerate(ends)}, vertices="01234")
    C = FiniteCategory.free(G)
    assert C.failures() == []
    paths = [str(path) for vertex in G.vertices for path in G.paths(vertex)]
    assert sorted(C.arrows) == sorted(paths)
    for f in C.arrows:
        assert C.read(C.word(f)) == f
        assert str(C.word(f)) == f
    assert C.generators.edges == G.edges
    assert G.category() == C


def test_edges_of_any_name_are_arrows_of_that_name_in_free_categories():
    G = Graph({"my edge": ("A", "B"), "f >> g": ("B", "C"), "g": ("A", "B")})
    C = FiniteCategory.free(G)
    assert C.generators == G
    for edge in G.edges:
        assert C.read(G.path([edge])) == edge
    assert C.read('"my edge" >> "f >> g"') == C.compose("my edge", "f >> g")
    same = Functor(G, C, arrows={edge: G.path([edge]) for edge in G.edges})
    assert dict(same.arrows) == {edge: edge for edge in G.edges}


def test_the_free_category_on_a_presentation_is_that_on_its_graph():
    G = Graph({"f": ("A", "B"), "g": ("A", "B")})
    assert FiniteCategory.free(Presentation(G, ["f = g"])) == FiniteCategory.free(G)


def test_free_categories_that_are_too_large():
    with pytest.raises(InfinitelyManyPaths) as error:
        FiniteCategory.free(Graph({"a": ("A", "B"), "f": ("B", "C"), "g": ("C", "B")}))
    assert sorted(error.value.cycle) == ["f", "g"]
    double = {f"{x}{k}": (str(k), str(k + 1)) for k in range(40) for x in "ab"}
    with pytest.raises(TooManyPaths) as many:
        FiniteCategory.free(Graph(double))
    assert many.value.count == sum(2**k * (41 - k) for k in range(41))


def test_walking_shapes():
    assert are_isomorphic(FiniteCategory.walking_arrow(), FiniteCategory.chain(1))
    iso = FiniteCategory.walking_isomorphism()
    assert iso.inverse("f") == "g"
    assert are_isomorphic(iso, FiniteCategory.codiscrete("AB"))
    assert [len(FiniteCategory.chain(n)) for n in range(5)] == [1, 3, 6, 10, 15]
    assert are_isomorphic(FiniteCategory.chain(3), divisors(8))
    assert not are_isomorphic(FiniteCategory.chain(3), divisors(6))


def test_names_that_would_clash_are_told_apart():
    P = FiniteCategory.poset([("a", "b <= c"), ("a <= b", "c")])
    assert P.failures() == []
    assert len(set(P.arrows)) == 6


def test_gap_agrees_on_orders():
    import shutil
    import subprocess

    gap = shutil.which("gap")
    if gap is None:
        pytest.skip("GAP is not installed")
    text = "Print(Size(Group((1,2,3,4,5),(1,2)(3,4))));"
    shown = subprocess.run([gap, "-q"], input=text, capture_output=True, text=True, timeout=60)
    ours = FiniteCategory.permutation_group({"a": [1, 2, 3, 4, 0], "b": [1, 0, 3, 2, 4]})
    assert int(shown.stdout) == len(ours) == 60


images = st.lists(st.integers(0, 3), min_size=4, max_size=4)


@FEW
@given(st.lists(images, min_size=1, max_size=3))
def test_libsemigroups_agrees_on_transformation_monoids(generators: list[list[int]]):
    library = pytest.importorskip("libsemigroups_pybind11", reason="libsemigroups is not installed")
    T = FiniteCategory.transformation_monoid(
        {"abc"[k]: image for k, image in enumerate(generators)}
    )
    quiet = library.ReportGuard(False)
    theirs = library.FroidurePin([library.Transf(f) for f in [[0, 1, 2, 3], *generators]])
    assert len(T) == theirs.size()
    assert len(T.idempotents) == theirs.number_of_idempotents()
    del quiet


def test_an_order_that_is_not_closed_is_no_category():
    gap = {"a <= b": ("a", "b"), "b <= c": ("b", "c")}
    broken = FiniteCategory("abc", gap, {}, check=False)
    assert {failure.law for failure in broken.failures()} == {"totality"}
    assert FiniteCategory.poset(gap.values(), "abc").failures() == []
