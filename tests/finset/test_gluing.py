"""Limits and colimits of tables: known answers, universal properties by brute force, hooks."""

from itertools import product as tuples

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from catlearn.errors import CatlearnError, InvalidStructure, LabelConflict, NotACocone, NotACone
from catlearn.finset import (
    Diagram,
    FinFunction,
    Shape,
    TableMorphism,
    Tables,
    coequalizer,
    colimit,
    coproduct,
    equalizer,
    initial,
    product,
    pullback,
    pushout,
    terminal,
)
from tests.errors import fails, raises

GRAPH = Shape(("V", "E"), arrows={"src": ("E", "V"), "tgt": ("E", "V")})
WORDS = Shape(
    ("V", "E", "Q"),
    arrows={"src": ("E", "V"), "tgt": ("E", "V")},
    lists={"side": ("Q", "E")},
    attributes={"color": "V"},
)


def graph(vertices, *edges):
    ends = {"src": [a for a, _ in edges], "tgt": [b for _, b in edges]}
    return Tables(GRAPH, {"V": vertices, "E": len(edges)}, ends)


def homs(domain, codomain):
    """All morphisms, by trying every family of functions."""
    families = [
        [FinFunction(v, domain.sets[t], codomain.sets[t])
         for v in tuples(range(codomain.size(t)), repeat=domain.size(t))]
        for t in domain.shape.tables
    ]  # fmt: skip
    for family in tuples(*families):
        m = TableMorphism(
            domain, codomain, dict(zip(domain.sets, family, strict=True)), check=False
        )
        if not m.failures():
            yield m


@st.composite
def words(draw, most=(2, 2, 1)):
    """Small colored graphs with words of edges."""
    v = draw(st.integers(1, most[0]))
    e, q = draw(st.integers(0, most[1])), draw(st.integers(0, most[2]))
    ends = st.lists(st.integers(0, v - 1), min_size=e, max_size=e)
    entry = st.lists(st.integers(0, e - 1), max_size=2) if e else st.just([])
    return Tables(
        WORDS,
        {"V": v, "E": e, "Q": q},
        {"src": draw(ends), "tgt": draw(ends)},
        {"side": draw(st.lists(entry, min_size=q, max_size=q))},
        {"color": draw(st.lists(st.sampled_from(["red", "blue"]), min_size=v, max_size=v))},
    )


@st.composite
def spans(draw):
    """Two morphisms out of a part of one object: an inclusion, and any that there is."""
    left, right = draw(words()), draw(words())
    some = {t: draw(st.sets(st.integers(0, left.size(t) - 1))) if left.size(t) else ()
            for t in ("V", "E")}  # fmt: skip
    part, inclusion = left.subtables(left.closure(some))
    return inclusion, draw(st.sampled_from([*homs(part, right), inclusion]))


def values(morphism):
    return {table: list(f) for table, f in morphism.components.items()}


def composite(f, g):
    return values(f >> g)


def is_pushout(f, g, i, j, tests):
    """The square commutes, and every other such square factors through exactly one morphism."""
    if i.failures() or j.failures() or composite(f, i) != composite(g, j):
        return False
    for end in tests:
        induced = [(composite(i, u), composite(j, u)) for u in homs(i.codomain, end)]
        for h in homs(f.codomain, end):
            for k in homs(g.codomain, end):
                if (
                    composite(f, h) == composite(g, k)
                    and induced.count((values(h), values(k))) != 1
                ):
                    return False
    return True


@settings(max_examples=40)
@given(spans(), words())
def test_pushouts_have_the_universal_property(span, end):
    f, g = span
    i, j = po = pushout(f, g)
    assert po.apex.failures() == []
    if sum(map(len, po.apex.sets.values())) <= 7:
        assert is_pushout(f, g, i, j, [end])


def test_brute_force_rejects_squares_that_are_not_pushouts():
    dot, arrow = graph(["x"]), graph(2, (0, 1))
    f, g = TableMorphism(dot, arrow, {"V": [1]}), TableMorphism(dot, arrow, {"V": [0]})
    i, j = pushout(f, g)
    ends = [graph(2, (0, 1), (1, 1)), graph(1, (0, 0))]
    assert is_pushout(f, g, i, j, ends)
    collapse = TableMorphism(i.codomain, graph(1, (0, 0)), {"V": [0, 0, 0], "E": [0, 0]})
    assert not is_pushout(f, g, i >> collapse, j >> collapse, ends)
    more = i.codomain + dot
    into = TableMorphism(i.codomain, more, {"V": [0, 1, 2], "E": [0, 1]})
    assert not is_pushout(f, g, i >> into, j >> into, ends)
    assert not is_pushout(f, g, i, TableMorphism(arrow, i.codomain, {"V": [0, 1], "E": [0]}), ends)


@settings(max_examples=40)
@given(spans(), words(), st.data())
def test_universal_answers_exactly_the_cocones(span, end, data):
    f, g = span
    i, j = po = pushout(f, g)
    left, right = list(homs(f.codomain, end)), list(homs(g.codomain, end))
    if not left or not right:
        return
    h, k = data.draw(st.sampled_from(left)), data.draw(st.sampled_from(right))
    if composite(f, h) == composite(g, k):
        u = po.universal(h, k)
        assert u.failures() == []
        assert (i >> u, j >> u) == (h, k)
    else:
        with raises(NotACocone, law="triangle"):
            po.universal(h, k)


def is_pointwise(legs, f, g):
    """At each table, the legs are those of the pushout of sets."""
    return all(
        [list(leg.components[table]) for leg in legs]
        == [list(leg) for leg in pushout(f.components[table], g.components[table])]
        for table in f.domain.shape.tables
    )


@settings(max_examples=40)
@given(spans())
def test_colimits_are_pointwise(span):
    po = pushout(*span)
    assert is_pointwise(po.legs, *span)
    assert po.universal(*po.legs) == TableMorphism.identity(po.apex)


def test_isomorphic_but_renumbered_legs_are_not_the_pointwise_ones():
    dot, arrow = graph(["x"]), graph(2, (0, 1))
    f, g = TableMorphism(dot, arrow, {"V": [1]}), TableMorphism(dot, arrow, {"V": [0]})
    assert is_pointwise(pushout(f, g).legs, f, g)
    assert not is_pointwise(reversed(pushout(g, f).legs), f, g)


@settings(max_examples=40)
@given(words(most=(3, 3, 2)), words())
def test_coequalizers_identify_the_least(domain, codomain):
    pairs = [(f, g) for f in homs(codomain, domain) for g in homs(codomain, domain)][:4]
    for f, g in pairs:
        q = coequalizer(f, g)
        assert f >> q.legs[0] == g >> q.legs[0]
        for table in WORDS.tables:
            alone = coequalizer(f.components[table], g.components[table])
            assert list(q.legs[0].components[table]) == list(alone.legs[0])


def test_lists_through_a_colimit():
    """Two vertices of a path are identified: its word becomes the word of a loop and an edge."""
    path = Tables(
        WORDS,
        {"V": ["a", "b", "c"], "E": ["f", "g"], "Q": ["w"]},
        {"src": ["a", "b"], "tgt": ["b", "c"]},
        {"side": [["f", "g"]]},
    )
    dot = Tables(WORDS, {"V": ["p"]})
    q = coequalizer(TableMorphism(dot, path, {"V": ["a"]}), TableMorphism(dot, path, {"V": ["b"]}))
    assert (
        str(q.apex.lists["side"]) == "ListFunction.of([[0, 1]], codomain=['f', 'g'], domain=['w'])"
    )
    assert q.apex.names("V") == ("a", "c")
    both = coproduct(path, path, names=["l", "r"]).apex
    assert list(both.lists["side"]) == [[0, 1], [2, 3]]
    assert both.names("E") == ("l/f", "l/g", "r/f", "r/g")


def test_an_arrow_glued_to_a_loop():
    """A case of the test suite of Catlab.jl."""
    arrow, loop, dot = graph(2, (0, 1)), graph(1, (0, 0)), graph(1)
    po = pushout(TableMorphism(dot, arrow, {"V": [1]}), TableMorphism(dot, loop, {"V": [0]}))
    assert list(po.apex.arrows["src"]) == [0, 1]
    assert list(po.apex.arrows["tgt"]) == [1, 1]


def painted(*colors, names=None):
    return Tables(WORDS, {"V": names or len(colors)}, attributes={"color": colors})


def test_every_disagreement_is_listed_with_both_values():
    left, right = (
        painted("red", "red", names=["a", "b"]),
        painted("blue", "green", names=["c", "d"]),
    )
    shared = painted(None, None)
    f = TableMorphism(shared, left, {"V": [0, 1]}, check=False)
    g = TableMorphism(shared, right, {"V": [0, 1]}, check=False)
    with pytest.raises(LabelConflict) as error:
        pushout(f, g, names=["one", "two"])
    assert list(map(str, error.value.failures)) == [
        "V: one 'a' = two 'c': color is 'red' at the one, 'blue' at the other [color]",
        "V: one 'b' = two 'd': color is 'red' at the one, 'green' at the other [color]",
    ]


def test_ends_and_lists_that_disagree_are_refused_too():
    """Unchecked morphisms that are not natural cannot make a colimit that is not well defined."""
    dots = painted("red", "red")
    edges = Tables(WORDS, {"V": 2, "E": 2, "Q": 2}, {"src": [0, 1], "tgt": [0, 0]},
                   {"side": [[0, 1], [0]]}, {"color": ["red", "red"]})  # fmt: skip
    one = Tables(WORDS, {"V": 1, "E": 1, "Q": 1}, {"src": [0], "tgt": [0]}, {"side": [[]]},
                 {"color": ["red"]})  # fmt: skip
    f = TableMorphism(one, edges, {"V": [0], "E": [0], "Q": [0]}, check=False)
    g = TableMorphism(one, edges, {"V": [0], "E": [1], "Q": [1]}, check=False)
    with pytest.raises(LabelConflict) as error:
        coequalizer(f, g)
    assert list(map(str, error.value.failures)) == [
        "E: 0 '0' = 0 '1': src is [0] at the one, [1] at the other [src]",
        "Q: 0 '0' = 0 '1': side is [0, 0] at the one, [0] at the other [side]",
    ]
    assert dots.failures() == []


def test_absent_is_a_value_of_its_own():
    with raises(InvalidStructure, "red", None, law="naturality of color", where="V '0'"):
        TableMorphism(painted(None), painted("red"), {"V": [0]})
    glued = pushout(*[TableMorphism(painted(None), painted(None, "red"), {"V": [0]})] * 2)
    assert glued.apex.attributes["color"] == (None, "red", "red")


def test_gluing_many_along_interfaces():
    arrows = [graph(["a", "b"], (0, 1)) for _ in range(3)]
    dot = graph(["x"])
    ends = [
        TableMorphism(dot, arrow, {"V": [k]}) for arrow, k in zip(arrows, (1, 0, 0), strict=True)
    ]
    glued = colimit(Diagram(
        [*arrows, dot], [(3, k, m) for k, m in enumerate(ends)],
        legs=[0, 1, 2], names=["one", "two", "three"],
    ))  # fmt: skip
    assert glued.apex.names("V") == ("a", "x", "two/b", "three/b")
    assert list(glued.apex.arrows["src"]) == [0, 1, 1]
    assert glued["two"] == glued.legs[1]


def test_no_objects():
    arrow = graph(2, (0, 1))
    assert initial(arrow) == initial(TableMorphism.identity(arrow)) == Tables.empty(GRAPH)
    u = coproduct(of=arrow).universal(codomain=arrow)
    assert u == TableMorphism(Tables.empty(GRAPH), arrow)
    assert terminal(arrow) == graph(1, (0, 0))
    assert product(of=arrow).universal(domain=arrow).failures() == []
    with raises(CatlearnError, "terminal object"):
        terminal(painted("red"))
    with raises(InvalidStructure, "Tables", "of=", law="shape", where="of"):
        initial(Tables)
    with raises(InvalidStructure, "0", law="shape", where="object 1"):
        coproduct(arrow, painted("red"))


def test_product_of_arrows():
    arrow = graph(2, (0, 1))
    square = product(arrow, arrow)
    assert (square.apex.size("V"), square.apex.size("E")) == (4, 1)
    cube = product(arrow, arrow, arrow).apex
    assert (cube.size("V"), cube.size("E")) == (8, 1)
    diagonal = square.universal(*[TableMorphism.identity(arrow)] * 2)
    assert values(diagonal) == {"V": [0, 3], "E": [0]}


def is_limit(cone, ends, tests, commutes):
    """The cone commutes, and every other one factors through exactly one morphism."""
    if any(leg.failures() for leg in cone) or not commutes(cone):
        return False
    for start in tests:
        induced = [[composite(u, leg) for leg in cone] for u in homs(start, cone[0].domain)]
        for family in tuples(*(list(homs(start, end)) for end in ends)):
            if commutes(family) and induced.count([values(p) for p in family]) != 1:
                return False
    return True


@settings(max_examples=40)
@given(words(), words(), words())
def test_products_have_the_universal_property(left, right, start):
    found = product(left, right)
    assert found.apex.failures() == []
    assert is_limit(found.legs, (left, right), [start], lambda cone: True)
    assert found.universal(*found.legs) == TableMorphism.identity(found.apex)


def test_what_is_no_cone_or_cocone_is_refused_at_its_rows():
    dot, two = graph(1), graph(2)
    first, second = (TableMorphism(dot, two, {"V": [row]}) for row in (0, 1))
    one = TableMorphism.identity(dot)
    with fails(NotACone, ("triangle", "arrow 1 (1 -> 2)", "V", "'0'", "'1'")):
        pullback(first, second).universal(one, one)
    with fails(NotACocone, ("triangle", "arrow 1 (0 -> 2)", "V", "'0'", "'1'")):
        pushout(one, one).universal(first, second)


@settings(max_examples=40)
@given(words(), words(), st.data())
def test_pullbacks_and_equalizers_have_the_universal_property(domain, codomain, data):
    arrows = list(homs(domain, codomain))
    if not arrows:
        return
    f, g = data.draw(st.sampled_from(arrows)), data.draw(st.sampled_from(arrows))
    start = data.draw(words())
    square = pullback(f, g)
    meets = lambda cone: composite(cone[0], f) == composite(cone[1], g)  # noqa: E731
    assert is_limit(square.legs, (domain, domain), [start], meets)
    part = equalizer(f, g)
    agrees = lambda cone: composite(cone[0], f) == composite(cone[0], g)  # noqa: E731
    assert is_limit(part.legs, (domain,), [start], agrees)
    if not meets([TableMorphism.identity(domain)] * 2):
        with raises(NotACone, law="triangle"):
            square.universal(*[TableMorphism.identity(domain)] * 2)


def test_brute_force_rejects_cones_that_are_not_limits():
    loop, arrow = graph(1, (0, 0)), graph(2, (0, 1))
    p, q = product(arrow, arrow)
    always = lambda cone: True  # noqa: E731
    tests = [graph(1), arrow, loop]
    assert is_limit((p, q), (arrow, arrow), tests, always)
    _, inclusion = p.domain.subtables({"V": [0, 3], "E": [0]})
    assert not is_limit((inclusion >> p, inclusion >> q), (arrow, arrow), tests, always)
    twice = coproduct(p.domain, p.domain)
    fold = twice.universal(*[TableMorphism.identity(p.domain)] * 2)
    assert not is_limit((fold >> p, fold >> q), (arrow, arrow), tests, always)


def test_limits_keep_only_rows_whose_lists_and_labels_agree():
    def word(side, color):
        return Tables(WORDS, {"V": ["v"], "E": 1, "Q": 1}, {"src": [0], "tgt": [0]},
                      {"side": [side]}, {"color": [color]})  # fmt: skip

    def sizes(left, right):
        apex = product(left, right).apex
        assert apex.failures() == []
        return [apex.size(table) for table in WORDS.tables]

    assert sizes(word([0, 0], "red"), word([0, 0], "red")) == [1, 1, 1]
    assert sizes(word([0], "red"), word([0, 0], "red")) == [1, 1, 0]
    assert sizes(word([0], "red"), word([0], "blue")) == [0, 0, 0]
    assert sizes(word([], "red"), word([], "blue")) == [0, 0, 1]


def test_lists_of_rows_that_are_dropped_leave_no_gap():
    def words(*sides):
        return Tables(WORDS, {"V": 1, "E": 2, "Q": len(sides)}, {"src": [0, 0], "tgt": [0, 0]},
                      {"side": sides})  # fmt: skip

    found = product(words([0, 1], [1]), words([0, 0], [0]))
    assert [list(leg.components["Q"]) for leg in found] == [[0, 1], [0, 1]]
    assert list(found.apex.lists["side"]) == [[0, 2], [2]]
    found = product(words([0, 1], [1]), words([1]))
    assert list(found.apex.lists["side"]) == [[3]]
    assert all(leg.failures() == [] for leg in found)


def test_a_limit_drops_rows_until_nothing_that_is_reached_is_missing():
    """Chains whose last labels differ: no pair of rows has the same future."""
    chain = Shape(("N",), {"next": ("N", "N")}, attributes={"label": "N"})

    def ending(label):
        return Tables(chain, {"N": 4}, {"next": [1, 2, 3, 3]}, {}, {"label": [*"aaa", label]})

    assert product(ending("x"), ending("y")).apex.size("N") == 0
    assert list(product(ending("x"), ending("x")).legs[0].components["N"]) == [0, 1, 2, 3]


def test_limits_of_unchecked_morphisms_are_still_tables():
    """The edges agree in the codomain but their ends do not, so no pair of edges is left."""
    arrow, two = graph(2, (0, 1)), graph(3, (0, 1))
    honest = TableMorphism(arrow, two, {"V": [0, 1], "E": [0]})
    wrong = TableMorphism(arrow, two, {"V": [2, 1], "E": [0]}, check=False)
    found = pullback(honest, wrong)
    assert found.apex.failures() == []
    assert found.apex == graph(1)
    assert all(leg.failures() == [] for leg in found)


STORED = Shape(("V", "E"), GRAPH.arrows, side_data={"store": "V"})


class Stored(Tables):
    """Graphs whose vertices may hold numbers as side data."""

    shape = STORED

    def __init__(self, vertices, edges, store):
        ends = {"src": [a for a, _ in edges], "tgt": [b for _, b in edges]}
        sets = {"V": vertices, "E": len(edges)}
        super().__init__(STORED, sets, ends, side_data={"store": store})

    @classmethod
    def _morphism_class(cls):
        return StoredMorphism

    @property
    def store(self):
        return dict(self.side_data["store"])


class StoredMorphism(TableMorphism):
    pass


class Other(Tables):
    shape = STORED


class Both(Stored, Other):
    pass


def test_subclasses_get_colimits_with_side_data():
    left, right = Stored(2, [(0, 1)], {1: 10.0}), Stored(2, [(0, 1)], {0: 10.0, 1: 20.0})
    dot = Stored(1, [], {})
    f, g = TableMorphism(dot, left, {"V": [1]}), TableMorphism(dot, right, {"V": [0]})
    po = pushout(f, g)
    assert type(po.apex) is Stored
    assert po.apex.store == {1: 10.0, 2: 20.0}
    assert all(type(leg) is StoredMorphism and leg.codomain is po.apex for leg in po)
    assert type(po.universal(*po.legs)) is StoredMorphism
    part, inclusion = po.apex.subtables({"V": [2]})
    assert (type(part), part.store, type(inclusion)) == (Stored, {0: 20.0}, StoredMorphism)
    assert inclusion.domain is part
    assert product(left, dot).apex.store == {}
    assert product(left, right).apex.store == {2: 10.0}
    assert type(TableMorphism.identity(left)) is StoredMorphism
    assert type(Stored.empty()) is Stored
    assert type(initial(Stored)) is Stored
    assert left != Tables(STORED, left.sets, left.arrows)


def test_the_apex_has_the_nearest_class_that_all_objects_share():
    stored, both = Stored(1, [], {}), Both(1, [], {})
    other = Other(STORED, {"V": 1})
    assert type(coproduct(both, both).apex) is Both
    assert type(coproduct(both, stored).apex) is Stored
    assert type(coproduct(other, both).apex) is Other
    assert type(coproduct(stored, other).apex) is Tables
    mixed = TableMorphism(both, other, {"V": [0]}) >> TableMorphism.identity(other)
    assert type(mixed) is TableMorphism


def test_large_tables_glue_as_arrays():
    n = 20_000
    rng = np.random.default_rng(0)
    big = graph(n, *zip(rng.integers(0, n, n), rng.integers(0, n, n), strict=True))
    dots = graph(n // 2)
    f, g = (TableMorphism(dots, big, {"V": rng.integers(0, n, n // 2)}) for _ in range(2))
    po = pushout(f, g)
    assert po.apex.size("E") == 2 * n
    assert po.apex.failures() == []
    assert all(leg.failures() == [] for leg in po)
