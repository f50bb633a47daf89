"""Colimits of finite sets: known answers, a naive union-find, and the universal property."""

from itertools import product as tuples

import numpy as np
import pytest
from hypothesis import given, strategies as st

from catlearn.errors import InvalidStructure, NotACocone, NotComposable
from catlearn.finset import (
    Colimit,
    Diagram,
    FinFunction,
    FinSet,
    Shape,
    Span,
    TableMorphism,
    Tables,
    coequalizer,
    colimit,
    coproduct,
    initial,
    pushout,
)
from tests.errors import fails, raises, says


def one_based(values, codomain):
    return FinFunction([k - 1 for k in values], codomain=codomain)


def all_functions(domain, codomain):
    return [FinFunction(v, domain, codomain) for v in tuples(range(codomain), repeat=domain)]


@st.composite
def diagrams(draw):
    """Up to four small sets and four functions, some objects without a leg."""
    sizes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    sets = [FinSet(size) for size in sizes]
    ends = [(i, j) for i, a in enumerate(sizes) for j, b in enumerate(sizes) if b or not a]
    chosen = draw(st.lists(st.sampled_from(ends), max_size=4)) if ends else []
    arrows = []
    for i, j in chosen:
        values = [draw(st.integers(0, sizes[j] - 1)) for _ in range(sizes[i])]
        arrows.append((i, j, FinFunction(values, sets[i], sets[j])))
    whole = Diagram(sets, arrows)
    optional = [k for k in range(len(sizes)) if draw(st.booleans())]
    legs = [k for k in range(len(sizes)) if k not in optional]
    try_fewer = Diagram(sets, arrows, legs=legs, names=[f"L{k}" for k in legs])
    return whole if try_fewer.undetermined(inward=True) else try_fewer


def naive(diagram):
    """The classes of the disjoint union, by merging sets of elements one relation at a time."""
    order = [*diagram.legs, *(k for k in range(len(diagram.objects)) if k not in diagram.legs)]
    classes = [{(k, x)} for k in order for x in diagram.objects[k]]
    for i, j, m in diagram.arrows:
        for x in m.domain:
            one = next(c for c in classes if (i, x) in c)
            other = next(c for c in classes if (j, m(x)) in c)
            if one is not other:
                one |= other
                classes.remove(other)
    classes = [c for c in classes if any(k in diagram.legs for k, _ in c)]
    rank = {(k, x): n for n, (k, x) in enumerate((k, x) for k in order for x in diagram.objects[k])}
    classes.sort(key=lambda c: min(rank[e] for e in c))
    return [
        [next(n for n, c in enumerate(classes) if (k, x) in c) for x in diagram.objects[k]]
        for k in diagram.legs
    ]


def values(legs):
    return [list(leg) for leg in legs]


@given(diagrams())
def test_one_pass_finds_the_classes_of_a_naive_union_find(diagram):
    assert values(colimit(diagram)) == naive(diagram)


def test_the_naive_union_find_rejects_coarser_finer_and_renumbered_classes():
    f, g = FinFunction([0], codomain=3), FinFunction([2], codomain=3)
    diagram = coequalizer(f, g).diagram
    assert naive(diagram) == [[0, 1, 0]]
    for wrong in ([0, 0, 0], [0, 1, 2], [1, 0, 1]):
        assert naive(diagram) != [wrong]


def cocones(diagram, size):
    """All families of functions from the leg objects into a set that commute, by brute force."""
    for family in tuples(*(all_functions(len(o), size) for o in diagram.leg_objects)):
        if not diagram.walk(family, inward=True)[1]:
            yield family


def is_universal(diagram, apex, legs, size=2):
    """Every cocone factors through exactly one function, and the legs are a cocone."""
    candidates = all_functions(len(apex), size)
    if diagram.walk(legs, inward=True)[1]:
        return False
    for family in cocones(diagram, size):
        through = [u for u in candidates if values(leg >> u for leg in legs) == values(family)]
        if len(through) != 1:
            return False
    return True


@given(diagrams())
def test_universal_property_by_brute_force(diagram):
    found = colimit(diagram)
    if sum(map(len, diagram.leg_objects)) <= 6:
        assert is_universal(diagram, found.apex, found.legs)


def test_brute_force_rejects_apexes_that_are_too_large_or_too_small():
    diagram = pushout(FinFunction([0], codomain=2), FinFunction([1], codomain=2)).diagram
    left, right = [0, 1], [2, 0]
    assert is_universal(diagram, FinSet(3), [FinFunction(v, codomain=3) for v in (left, right)])
    too_large = [FinFunction(v, codomain=4) for v in (left, right)]
    assert not is_universal(diagram, FinSet(4), too_large)
    too_small = [FinFunction(v, codomain=2) for v in ([0, 1], [1, 0])]
    assert not is_universal(diagram, FinSet(2), too_small)
    no_cocone = [FinFunction(v, codomain=3) for v in (left, [0, 2])]
    assert not is_universal(diagram, FinSet(3), no_cocone)


@given(diagrams(), st.data())
def test_universal_answers_exactly_the_cocones(diagram, data):
    found = colimit(diagram)
    family = [
        FinFunction([data.draw(st.integers(0, 1)) for _ in one], one, 2)
        for one in diagram.leg_objects
    ]
    if not family:
        return
    commutes = True
    for leg_a, h_a in zip(found.legs, family, strict=True):
        for leg_b, h_b in zip(found.legs, family, strict=True):
            commutes &= all(h_a(x) == h_b(y) for x in leg_a.domain for y in leg_b.domain
                            if leg_a(x) == leg_b(y))  # fmt: skip
    if commutes:
        u = found.universal(*family)
        assert values(leg >> u for leg in found) == values(family)
    else:
        with pytest.raises(NotACocone):
            found.universal(*family)


@given(diagrams())
def test_legs_induce_the_identity(diagram):
    found = colimit(diagram)
    if found.legs:
        assert found.universal(*found.legs) == FinFunction.identity(found.apex)


def test_coequalizer_known_answers():
    """Cases of the test suites of Catlab.jl, FinSetsForCAP and open-hypergraphs."""
    q = coequalizer(one_based([1], 3), one_based([3], 3))
    assert values(q) == [[0, 1, 0]]
    assert q.universal(one_based([4, 1, 4], 4)) == one_based([4, 1], 4)
    cycle = one_based([2, 3, 4, 5, 1], 5)
    assert len(coequalizer(cycle, FinFunction.identity(5)).apex) == 1
    several = [one_based(v, 8) for v in ([1, 2, 3, 8], [2, 3, 8, 5], [4, 2, 3, 8])]
    assert values(coequalizer(*several)) == [[0, 0, 0, 0, 0, 1, 2, 0]]
    zeros = FinFunction([0] * 10, codomain=7), FinFunction([0] * 9 + [1], codomain=7)
    assert values(coequalizer(*zeros)) == [[0, 0, 1, 2, 3, 4, 5]]


def test_pushout_known_answer():
    """A case of the test suite of Catlab.jl."""
    po = pushout(one_based([1], 2), one_based([2], 3))
    i1, i2 = po
    assert len(po.apex) == 4
    assert (i1, i2) == (one_based([1, 2], 4), one_based([3, 1, 4], 4))
    assert (po["left"], po["right"], len(po)) == (i1, i2, 2)


@given(st.data())
def test_a_pushout_commutes(data):
    n, a, b = (
        data.draw(st.integers(0, 4)),
        data.draw(st.integers(1, 4)),
        data.draw(st.integers(1, 4)),
    )
    f = FinFunction([data.draw(st.integers(0, a - 1)) for _ in range(n)], codomain=a)
    g = FinFunction([data.draw(st.integers(0, b - 1)) for _ in range(n)], codomain=b)
    i, j = po = pushout(f, g)
    assert f >> i == g >> j
    assert po == colimit(Span(f, g))
    assert po.diagram.objects == (f.domain, f.codomain, g.codomain)


def test_wide_pushouts_glue_once():
    f = FinFunction([0], codomain=2)
    assert values(pushout(f, f, f)) == [[0, 1], [0, 2], [0, 3]]


def test_a_failing_triangle_is_named_with_its_rows():
    f, g = FinFunction(["a"], ["x"], ["a", "b"]), FinFunction(["d"], ["x"], ["c", "d"])
    po = pushout(f, g)
    assert po.apex.names == ("x", "b", "c")
    h, k = FinFunction([0, 1], codomain=["p", "q"]), FinFunction([0, 1], codomain=["p", "q"])
    names = ("arrow 0", "'left'", "arrow 1", "'right'", "'x'", "'p'", "'q'")
    with fails(NotACocone, ("triangle", "arrow 1 (0 -> 2)", *names)):
        po.universal(h, k)


def test_a_cocone_with_the_wrong_ends_is_refused_before_its_triangles():
    po = pushout(FinFunction([0], codomain=2), FinFunction([0], codomain=1))
    with pytest.raises(NotACocone) as error:
        po.universal(po.legs[0])
    assert [failure.where for failure in error.value.failures] == ["components"]
    with pytest.raises(NotACocone) as error:
        po.universal(po.legs[1], FinFunction([0], codomain=5))
    assert len(error.value.failures) == 2
    says(error.value, 1, 2, 5)


def test_objects_without_legs_only_relate():
    one, two = FinSet(1), FinSet(2)
    first, second = FinFunction([0], one, two), FinFunction([1], one, two)
    glued = Diagram(
        [two, two, two, one, one],
        [(3, 0, first), (3, 1, second), (4, 1, first), (4, 2, second)],
        legs=[0, 1, 2],
        names=["a", "b", "c"],
    )
    found = colimit(glued)
    assert values(found) == [[0, 1], [2, 0], [3, 2]]
    with pytest.raises(InvalidStructure) as error:
        colimit(Diagram([one, two, one], [(0, 1, first)], legs=[1]))
    assert [(failure.law, failure.where) for failure in error.value.failures] == [
        ("legs", "object 2")
    ]


def test_relations_pass_through_objects_without_legs():
    one, two = FinSet(1), FinSet(2)
    swap = FinFunction([1, 0], two, two)
    middle = Diagram([two, two, one], [(0, 1, swap), (1, 0, swap), (2, 1, FinFunction([0], 1, 2)),
                                       (2, 1, FinFunction([1], 1, 2))], legs=[0])  # fmt: skip
    assert values(colimit(middle)) == [[0, 0]]


def test_no_objects_need_a_category():
    assert initial(FinSet) == coproduct(of=FinSet(3)).apex == FinSet(0)
    assert coproduct(of=FinFunction([0], codomain=1)).apex == FinSet(0)
    empty = coproduct(of=FinSet)
    assert empty.universal(codomain=FinSet(3)) == FinFunction([], codomain=3)
    for error, law, call in (
        (NotACocone, "shape", empty.universal),
        (InvalidStructure, "category", coproduct),
    ):
        with pytest.raises(error) as caught:
            call()
        assert [failure.law for failure in caught.value.failures] == [law]


def test_names_of_classes():
    def names(f, g, **options):
        return pushout(f, g, **options).apex.names

    inner = FinFunction(["a"], ["x"], ["a", "b"]), FinFunction(["a"], ["x"], ["a", "c"])
    assert names(*inner) == ("x", "b", "c")
    clash = FinFunction(["a"], ["x"], ["a", "b"]), FinFunction(["c"], ["x"], ["b", "c"])
    assert names(*clash) == ("x", "left/b", "right/b")
    assert names(*clash, names=("one", "two")) == ("x", "one/b", "two/b")
    unnamed_interface = FinFunction(["a"], codomain=["a"]), FinFunction(["b"], codomain=["b", "c"])
    assert names(*unnamed_interface) == ("a", "c")
    unnamed_leg = FinFunction([0], ["x"], ["a", "b"]), FinFunction([0], ["x"], 2)
    assert names(*unnamed_leg) is None
    reserved = FinFunction(["a"], ["b"], ["a", "b"]), FinFunction(["a"], ["b"], ["a", "b"])
    assert names(*reserved) == ("b", "left/b", "right/b")
    taken = FinFunction([], [], ["x", "left/x"]), FinFunction([], [], ["x"])
    assert names(*taken) == ("left/left/x", "left/x", "right/x")
    source, letters = FinSet(["r"]), FinSet(["a", "b"])
    quotient = coequalizer(FinFunction(["b"], source, letters), FinFunction(["a"], source, letters))
    assert quotient.apex.names == ("a",)
    assert coproduct(FinSet(["a"]), FinSet(0)).apex.names == ("a",)
    assert coproduct(FinSet(["a"]), FinSet(["a"]), FinSet(["b"])).apex.names == ("0/a", "1/a", "b")


def test_equal_names_of_two_interfaces_fall_back_on_the_legs():
    a, b, c, i = FinSet(["a"]), FinSet(["b", "c"]), FinSet(["d"]), FinSet(["x"])
    glued = Diagram(
        [a, b, c, i, i],
        [(3, 0, FinFunction(["a"], i, a)), (3, 1, FinFunction(["b"], i, b)),
         (4, 1, FinFunction(["c"], i, b)), (4, 2, FinFunction(["d"], i, c))],
        legs=[0, 1, 2],
    )  # fmt: skip
    assert colimit(glued).apex.names == ("a", "c")


@given(st.data())
def test_class_names_are_distinct(data):
    letters = st.lists(st.sampled_from(["x", "y", "left/x", "right/x"]), unique=True, min_size=1)
    a, b = FinSet(data.draw(letters)), FinSet(data.draw(letters))
    i = FinSet(data.draw(letters)[: min(len(a), len(b))])
    f = FinFunction(data.draw(st.permutations(range(len(a))))[: len(i)], i, a)
    g = FinFunction(data.draw(st.permutations(range(len(b))))[: len(i)], i, b)
    apex = pushout(f, g).apex
    assert FinSet(apex.names) == apex


def test_diagrams_list_every_arrow_that_does_not_fit():
    f = FinFunction([0], codomain=2)
    shape = Shape(("V",))
    stranger = TableMorphism.identity(Tables(shape, {"V": 1}))
    with pytest.raises(InvalidStructure) as error:
        Diagram(
            [FinSet(1), FinSet(3)], [(0, 1, f), (0, 5, f), (0, 1, stranger)], legs=[0, 0], names="a"
        )
    assert [failure.law for failure in error.value.failures] == [
        "ends", "ends", "category", "legs", "names",
    ]  # fmt: skip


def test_diagrams_and_spans_are_values():
    f, g = FinFunction([0], codomain=2), FinFunction([1], codomain=2)
    span = Span(f, g)
    assert (span.apex, span.feet) == (FinSet(1), (FinSet(2), FinSet(2)))
    assert span == Span(f, g) != Span(g, f)
    assert len({span, Span(f, g)}) == 1
    assert eval(repr(span)) == span
    diagram = span.as_diagram()
    assert eval(repr(diagram)) == diagram
    assert len({diagram, span.as_diagram(), span.as_diagram(names=["l", "r"])}) == 2
    with raises(NotComposable, "1", "2", law="span", where="domains"):
        Span(f, FinFunction([0, 0], codomain=1))
    po = pushout(*span)
    assert isinstance(po, Colimit)
    assert hash(po) == hash(pushout(f, g))
    assert po != pushout(g, f)


def test_a_large_coequalizer_against_networkx():
    import networkx as nx

    rng = np.random.default_rng(0)
    f, g = (FinFunction(rng.integers(0, 2000, 1500), codomain=2000) for _ in range(2))
    graph = nx.Graph()
    graph.add_nodes_from(range(2000))
    graph.add_edges_from(zip(f, g, strict=True))
    parts = sorted(map(sorted, nx.connected_components(graph)))
    label = {x: n for n, part in enumerate(parts) for x in part}
    assert list(coequalizer(f, g).legs[0]) == [label[x] for x in range(2000)]
