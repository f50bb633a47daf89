"""Complements of maps that are not monic, and sesqui-pushout rewriting, against brute force."""

from itertools import combinations_with_replacement, product
from math import comb

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from catlearn.category import Graph
from catlearn.cset import CSet, CSetMorphism, Schema, SchGraph, homomorphisms, is_isomorphic
from catlearn.cset.complement import (
    Complement,
    final_pullback_complement,
    is_pushout,
    pushout_complement,
    pushout_complements,
)
from catlearn.cset.rewriting import Rule
from catlearn.errors import InvalidStructure, NoComplement, TooLarge, WrongKind
from catlearn.finset import FinFunction, pullback
from catlearn.laws import csets, finite_functions, identifications, parts

BELL = [1, 1, 2, 5, 15, 52, 203]


def graph(vertices, *edges):
    return CSet(
        SchGraph, V=vertices, E=len(edges), src=[a for a, _ in edges], tgt=[b for _, b in edges]
    )


def vertices(domain, codomain, *values, edges=()):
    return CSetMorphism(domain, codomain, V=values, E=edges)


def classes(k, d):
    """A map of sets k and a map d, up to isomorphisms of what is between them."""
    return sorted((g, tuple(x for x, there in enumerate(k) if there == y)) for y, g in enumerate(d))


def shape_of(k, d):
    """Maps of graphs k and d, up to isomorphisms of what is between them: vertices, then edges."""
    D = d.domain
    points = [
        (g, tuple(np.flatnonzero(k.components["V"].values == y).tolist()))
        for y, g in enumerate(d.components["V"].values.tolist())
    ]
    edges = [
        (g, tuple(np.flatnonzero(k.components["E"].values == e).tolist()),
         points[D.arrows["src"](e)], points[D.arrows["tgt"](e)])
        for e, g in enumerate(d.components["E"].values.tolist())
    ]  # fmt: skip
    return tuple(sorted(points)), tuple(sorted(edges))


# ---------------------------------------------------------------- all pushout complements


@settings(max_examples=15)
@given(st.data())
def test_all_complements_of_functions(data):
    l = data.draw(finite_functions(data.draw(st.integers(0, 3)), 2))  # noqa: E741
    m = data.draw(finite_functions(2, data.draw(st.integers(1, 3))))
    K, G = l.domain.size, m.codomain.size
    expected = set()
    for size in range(K + G + 1):
        for d in combinations_with_replacement(range(G), size):
            # Squares that do not commute are no pushouts, and most do not.
            over = [[y for y in range(size) if d[y] == m(l(x))] for x in range(K)]
            for k in product(*over):
                if is_pushout(l, FinFunction(k, K, size), m, FinFunction(d, size, G)):
                    expected.add(tuple(classes(k, d)))
    try:
        found = [tuple(classes(*map(list, one))) for one in pushout_complements(l, m)]
    except NoComplement:
        found = []
    assert len(found) == len(set(found))  # no two are isomorphic
    assert set(found) == expected


def complements_of_graphs(l, m, most):  # noqa: E741
    """All pushout complements with few rows, one of each class, by trying all graphs."""
    K, G, found = l.domain, m.codomain, set()
    for v, e in product(range(most + 1), repeat=2):
        for points in combinations_with_replacement(range(G.size("V")), v):
            for edges in combinations_with_replacement(range(G.size("E")), e):
                ends = [
                    [y for y in range(v) if points[y] == G.arrows[at](g)]
                    for g in edges for at in ("src", "tgt")
                ]  # fmt: skip
                for chosen in product(*ends):
                    D = graph(v, *zip(chosen[::2], chosen[1::2], strict=True))
                    d = CSetMorphism(D, G, V=points, E=edges)
                    found |= {shape_of(k, d) for k in homomorphisms(K, D) if is_pushout(l, k, m, d)}
    return found


TWO, ONE, ARROW, LOOP = graph(2), graph(1), graph(2, (0, 1)), graph(1, (0, 0))
MERGED = {
    "an edge into a vertex": (vertices(TWO, ONE, 0, 0), vertices(ONE, ARROW, 1)),
    "a loop at a vertex": (vertices(TWO, ONE, 0, 0), vertices(ONE, LOOP, 0)),
    "edges that go with their ends": (
        vertices(graph(2, (0, 0), (1, 1)), LOOP, 0, 0, edges=[0, 0]),
        vertices(LOOP, LOOP, 0, edges=[0]),
    ),
    "vertices that the match glues": (vertices(TWO, TWO, 0, 1), vertices(TWO, ARROW, 0, 0)),
    "a row that is deleted": (vertices(TWO, graph(2), 0, 0), vertices(TWO, graph(2), 0, 1)),
}


@pytest.mark.parametrize("name", MERGED)
def test_all_complements_of_graphs(name):
    l, m = MERGED[name]  # noqa: E741
    found = [shape_of(*one) for one in pushout_complements(l, m)]
    assert len(found) == len(set(found)) > 0
    assert set(found) == complements_of_graphs(l, m, 2 if m.codomain == LOOP else 3)


@settings(max_examples=30)
@given(st.data())
def test_each_complement_is_one(data):
    """The pushout property of each, and equal ones where there is only one."""
    m = data.draw(parts(data.draw(csets(SchGraph, max_rows=3))))
    m = m >> data.draw(identifications(m.codomain))
    l = data.draw(parts(m.domain))  # noqa: E741
    clone = data.draw(csets(SchGraph, max_rows=2)) if data.draw(st.booleans()) else None
    for back in homomorphisms(clone, l.domain, limit=1) if clone is not None else ():
        both = l.domain + clone
        assert both.shape == SchGraph
        values = {
            t: [*part.values, *l.components[t].values[back.components[t].values]]
            for t, part in l.components.items()
        }
        l = CSetMorphism(both, l.codomain, values)  # noqa: E741
    try:
        found = pushout_complements(l, m)
    except NoComplement:
        return
    seen = [one for one, _ in zip(found, range(6), strict=False)]
    assert seen
    for one in seen:
        k, d = one
        assert is_pushout(l, k, m, d)
        assert one.square.universal(m, d) == m.codomain.ambient.identity(m.codomain)
    if l.is_monic:
        assert seen == [pushout_complement(l, m)]


def test_bell_numbers_count_complements():
    """Heumüller, Joshi, König, Stückrath, 2011: n vertices that are merged into one."""
    for n in range(1, 6):
        l = vertices(graph(n), ONE, *[0] * n)  # noqa: E741
        assert len(list(pushout_complements(l, vertices(ONE, ONE, 0)))) == BELL[n]
        # An edge may start at any class; the classes of all partitions are B(n + 1) - B(n).
        edge = list(pushout_complements(l, vertices(ONE, ARROW, 0)))
        assert len(edge) == BELL[n + 1] - BELL[n]
    assert BELL[6] == sum(comb(5, k) * BELL[k] for k in range(6))


def test_a_split_vertex_with_a_wrong_edge_is_no_complement(mutants):
    l, m = MERGED["an edge into a vertex"]  # noqa: E741
    split, *_ = [one for one in pushout_complements(l, m) if one.apex.size("V") == 3]
    with mutants("pushout complement: a vertex too many"):
        D = graph(4, (split.apex.arrows["src"](0), split.apex.arrows["tgt"](0)))
        d = CSetMorphism(D, ARROW, V=[*split.d.components["V"], 1], E=[0])
        k = vertices(TWO, D, *split.k.components["V"])
        assert not is_pushout(l, k, m, d)


# ---------------------------------------------------------------- final pullback complements


SMALL = [graph(v, *edges) for v in range(3)
         for n in range(2) for edges in product(product(range(v), repeat=2), repeat=n)]  # fmt: skip
SMALL.append(graph(2, (0, 1), (0, 1)))
SMALL.append(graph(3, (0, 1), (1, 2)))


def is_final(l, m, k, d):  # noqa: E741
    """Whether a square is a pullback through which every other over m goes in just one way."""
    square = pullback(m, d)
    comparison = square.universal(l, k) if l >> m == k >> d else None
    if comparison is None or not comparison.is_isomorphism:
        return False
    for other in SMALL:
        for there in homomorphisms(other, m.codomain):
            onto, beside = pullback(m, there)
            ways = [u for u in homomorphisms(other, d.domain) if u >> d == there]
            induced = [
                Complement(l, m, k, d, final=True).square.universal(onto, beside >> u) for u in ways
            ]
            for h in homomorphisms(onto.domain, l.domain):
                if h >> l == onto and sum(h == one for one in induced) != 1:
                    return False
    return True


NO_GRAPH = graph(0)
FINAL = {
    "a vertex with its edges is deleted": (
        vertices(NO_GRAPH, ONE), vertices(ONE, ARROW, 0), (1, 0)),
    "a vertex is copied with its edge": (
        vertices(TWO, ONE, 0, 0), vertices(ONE, ARROW, 0), (3, 2)),
    "a vertex with a loop is copied": (vertices(TWO, ONE, 0, 0), vertices(ONE, LOOP, 0), (2, 4)),
    "a loop is copied with its vertex": (
        vertices(graph(2, (0, 1)), LOOP, 0, 0, edges=[0]), vertices(LOOP, LOOP, 0, edges=[0]),
        (2, 1)),
    "glued vertices are deleted": (vertices(NO_GRAPH, TWO), vertices(TWO, LOOP, 0, 0), (0, 0)),
    "glued vertices are kept": (
        vertices(TWO, TWO, 0, 1), vertices(TWO, LOOP, 0, 0), (1, 1)),
    "an edge is deleted alone": (
        vertices(TWO, ARROW, 0, 1), vertices(ARROW, graph(2, (0, 1), (0, 1)), 0, 1, edges=[0]),
        (2, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", FINAL)
def test_final_pullback_complements(name):
    l, m, sizes = FINAL[name]  # noqa: E741
    k, d = found = final_pullback_complement(l, m)
    assert (d.domain.size("V"), d.domain.size("E")) == sizes
    assert is_final(l, m, k, d)
    assert found.square.universal(l, k) == CSetMorphism.identity(l.domain)


def test_what_is_smaller_or_larger_is_not_final(mutants):
    l, m, _ = FINAL["a vertex is copied with its edge"]  # noqa: E741
    k, d = final_pullback_complement(l, m)
    one = d.domain.arrows["src"](0)
    with mutants("final pullback complement: one edge of two"):
        D = graph(3, (one, d.domain.arrows["tgt"](0)))
        small = CSetMorphism(D, ARROW, V=d.components["V"], E=[0])
        assert not is_final(l, m, vertices(TWO, D, *k.components["V"]), small)
    with mutants("final pullback complement: an edge too many"):
        edges = list(zip(d.domain.arrows["src"], d.domain.arrows["tgt"], strict=True))
        D = graph(3, *edges, edges[0])
        large = CSetMorphism(D, ARROW, V=d.components["V"], E=[0, 0, 0])
        assert not is_final(l, m, vertices(TWO, D, *k.components["V"]), large)
    with mutants("final pullback complement: no pullback"):
        assert not is_final(l, m, vertices(TWO, ARROW, 0, 0), CSetMorphism.identity(ARROW))


def test_there_may_be_none():
    both = vertices(TWO, LOOP, 0, 0)
    with pytest.raises(NoComplement) as caught:  # one is deleted, one is kept
        final_pullback_complement(vertices(ONE, TWO, 0), both)
    assert [one.law for one in caught.value.failures] == ["conflict"]
    with pytest.raises(NoComplement) as caught:  # one is copied, one is not
        final_pullback_complement(vertices(graph(3), TWO, 0, 0, 1), both)
    assert [one.law for one in caught.value.failures] == ["conflict"]
    # Edges that are one in G, but start at different copies.
    pair = graph(2, (0, 1), (0, 1))
    l = vertices(graph(3, (0, 2), (1, 2)), pair, 0, 0, 1, edges=[0, 1])  # noqa: E741
    with pytest.raises(NoComplement) as caught:
        final_pullback_complement(l, vertices(pair, ARROW, 0, 1, edges=[0, 0]))
    assert {one.law for one in caught.value.failures} == {"conflict"}


CHAINS = Schema(["X", "V"], arrows={"next": ("X", "X"), "at": ("X", "V")})
SQUARES = Schema(
    ["F", "E", "V"],
    arrows={"top": ("F", "E"), "side": ("F", "E"), "src": ("E", "V")},
    equations=["top >> src = side >> src"],
)


def test_copies_may_be_infinitely_many_or_too_many():
    point = CSet(CHAINS, V=1)
    cycle = CSet(CHAINS, X=1, V=1, next=[0], at=[0])
    l = CSetMorphism(CSet(CHAINS, V=2), point, V=[0, 0], X=[])  # noqa: E741
    with pytest.raises(NoComplement) as caught:
        final_pullback_complement(l, CSetMorphism(point, cycle, V=[0], X=[]))
    assert [one.law for one in caught.value.failures] == ["finite"]
    many = vertices(graph(1001), ONE, *[0] * 1001)
    with pytest.raises(TooLarge):
        final_pullback_complement(many, vertices(ONE, LOOP, 0))


def test_copies_obey_the_equations():
    """A square over an edge whose start is copied starts at one copy, not at two."""
    point = CSet(SQUARES, V=1)
    G = CSet(SQUARES, F=1, E=2, V=1, top=[0], side=[1], src=[0, 0])
    l = CSetMorphism(CSet(SQUARES, V=2), point, V=[0, 0], E=[], F=[])  # noqa: E741
    _, d = final_pullback_complement(l, CSetMorphism(point, G, V=[0], E=[], F=[]))
    D = d.domain
    assert [D.size(t) for t in "VEF"] == [2, 4, 2]
    assert not D.failures()


# ---------------------------------------------------------------- rewriting


@st.composite
def rules_and_matches(draw):
    match = draw(parts(draw(csets(SchGraph, max_rows=3))))
    match = match >> draw(identifications(match.codomain))
    left = draw(parts(match.domain))
    right = left.domain.ambient.identity(left.domain)
    return left, right >> draw(identifications(right.codomain)), match


@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
@given(rules_and_matches())
def test_both_ways_agree_where_both_are_defined(case):
    left, right, match = case
    plain, sesqui = Rule(left, right), Rule(left, right, sesqui=True)
    assert plain != sesqui
    try:
        expected = plain.rewrite(match.codomain, match)
    except NoComplement:
        return
    found = sesqui.rewrite(match.codomain, match)
    assert found.apex == expected.apex
    assert found.complement.d == expected.complement.d
    k, d = found.complement
    assert is_pushout(found.applied.left, k, found.match, d)


FIGURES = {
    "1: a node is deleted with its edges": (
        Rule(vertices(NO_GRAPH, ONE), vertices(NO_GRAPH, NO_GRAPH), sesqui=True),
        graph(4, (0, 1), (2, 1), (2, 3)), {"V": {0: 2}}, graph(3, (0, 1))),
    "2: one of parallel edges is deleted": (
        Rule(vertices(TWO, ARROW, 0, 1), CSetMorphism.identity(TWO), sesqui=True),
        graph(3, (0, 1), (0, 1), (0, 2)), {"E": {0: 0}}, graph(3, (0, 1), (0, 2))),
    "3: a node is copied, and both point to what it points to": (
        Rule(vertices(TWO, ONE, 0, 0), CSetMorphism.identity(TWO), sesqui=True),
        graph(3, (0, 1), (0, 2)), {"V": {0: 0}}, graph(4, (0, 1), (0, 2), (3, 1), (3, 2))),
}  # fmt: skip


@pytest.mark.parametrize("figure", FIGURES)
def test_access_control(figure):
    """Corradini, Heindel, Hermann, König, 2006, figures 1 to 3, as AlgebraicRewriting has them."""
    rule, G, initial, expected = FIGURES[figure]
    assert is_isomorphic(rule.rewrite(G, initial=initial).apex, expected)


def test_a_corner_of_a_triangle_is_copied():
    """AlgebraicRewriting: four triangles, of which two obey the simplicial equations."""
    arrows = {**dict.fromkeys(("d1", "d2", "d3"), ("T", "E")), **SchGraph.arrows}
    laws = ["d1 >> src = d2 >> src", "d1 >> tgt = d3 >> tgt", "d2 >> tgt = d3 >> src"]
    for equations, triangles in (((), 4), (laws, 2)):
        S = Schema(["V", "E", "T"], arrows=arrows, equations=equations)
        G = CSet(S, V=3, E=3, T=1, d1=[0], d2=[1], d3=[2], src=[0, 0, 1], tgt=[2, 1, 2])
        point, two = CSet(S, V=1), CSet(S, V=2)
        left = CSetMorphism(two, point, V=[0, 0], E=[], T=[])
        rule = Rule(left, CSetMorphism.identity(two), sesqui=True)
        assert rule.rewrite(G, initial={"V": {0: 0}}).apex.size("T") == triangles


def test_names_of_copies():
    v, two = Graph(vertices=["v"]), Graph(vertices=["x", "y"])
    clone = Rule(next(homomorphisms(two, v)), two.ambient.identity(two), sesqui=True)
    H = clone.rewrite(Graph({"a": ("A", "B")}), initial={"V": {"v": "A"}}).apex
    assert H.vertices == ("A", "new/A", "B")
    assert {e: H.ends(e) for e in H.edges} == {"a": ("A", "B"), "copy/a": ("new/A", "B")}
    assert "copies v" in repr(clone)


def test_what_a_rule_may_be():
    v, two = Graph(vertices=["v"]), Graph(vertices=["x", "y"])
    left = next(homomorphisms(two, v))
    with pytest.raises(InvalidStructure) as caught:
        Rule(left, two.ambient.identity(two))
    assert [one.law for one in caught.value.failures] == ["monic"]
    edge, path = Graph({"e": ("A", "B")}), Graph({"f": ("A", "M"), "g": ("M", "B")})
    with pytest.raises(InvalidStructure) as caught:
        Rule.between(edge, path, replace={"E": {"e": "f >> g"}}, sesqui=True)
    assert [one.law for one in caught.value.failures] == ["replacement"]
    with pytest.raises(WrongKind):
        Rule.between(edge, path, sesqui="yes")


def test_the_inverse_of_a_copy_merges():
    v, two = Graph(vertices=["v"]), Graph(vertices=["x", "y"])
    left = next(homomorphisms(two, v))
    step = Rule(left, two.ambient.identity(two), sesqui=True).rewrite(Graph(vertices=["A"]))
    assert step.apex.size("V") == 2
    assert step.inverse().apex.size("V") == 1
