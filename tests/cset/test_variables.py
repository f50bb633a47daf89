"""Variables in limits and colimits, with their universal properties; mutants."""

import itertools

import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.cset import CSet, CSetMorphism, Schema, homomorphisms, is_isomorphic
from catlearn.errors import InvalidStructure, LabelConflict
from catlearn.finset import Variable, coproduct, product, pullback, pushout

POINTS = Schema(["X"], attributes={"hue": "X", "mark": "X"})
x, y = Variable("x"), Variable("y")
labels = st.sampled_from([x, y, "r", "g", None])


@st.composite
def patterns(draw, max_rows=2):
    n = draw(st.integers(0, max_rows))
    column = st.lists(labels, min_size=n, max_size=n)
    return CSet(POINTS, X=n, hue=draw(column), mark=draw(column))


def points(*hues, mark=None):
    return CSet(POINTS, X=len(hues), hue=list(hues), mark=mark or [None] * len(hues))


def test_one_place_that_is_bound_binds_all(mutants):
    both = CSet(POINTS, X=2, hue=[x, "g"], mark=["s", x])
    foot = points(x, mark=["s"])
    glued = pushout(
        CSetMorphism(foot, both, X=[0]), CSetMorphism(foot, points("r", mark=["s"]), X=[0])
    )
    assert (glued.apex.hue, glued.apex.mark) == (("r", "g"), ("s", "r"))
    assert all(leg.failures() == [] for leg in glued.legs)
    with mutants("colimit: a variable is bound at one place only"):
        apart = glued.apex.with_column("mark", ["s", x])
        assert CSetMorphism(both, apart, X=[0, 1], check=False).failures() != []


def test_two_labels_for_one_variable_are_a_conflict_and_so_is_one_that_it_does_not_admit():
    pattern, foot = points(x, x), points(Variable("a"), Variable("b"))
    onto = CSetMorphism(points(y, y), pattern, X=[0, 1])
    with pytest.raises(InvalidStructure):
        CSetMorphism(foot, pattern, X=[0, 1]) and pushout(
            onto, CSetMorphism(points(y, y), points("r", "g"), X=[0, 1])
        )
    apart = CSetMorphism(foot, points("r", "g"), X=[0, 1])
    with pytest.raises(LabelConflict):
        pushout(CSetMorphism(foot, pattern, X=[0, 1]), apart)
    loud = points(Variable("x", str.isupper))
    with pytest.raises(LabelConflict) as caught:
        pushout(*(CSetMorphism(points(y), one, X=[0]) for one in (loud, points("r"))))
    assert [failure.law for failure in caught.value.failures] == ["hue"]


def test_variables_of_two_objects_are_told_apart():
    twice = coproduct(points(x), points(x))
    assert len(set(twice.apex.hue)) == 2
    onto = twice.universal(*(CSetMorphism(points(x), points("r", "g"), X=[k]) for k in (0, 1)))
    assert onto.failures() == []
    assert coproduct(points(x), points(y)).apex.hue == (x, y)


def cones(one, other):
    return [(f, g) for f in one for g in other]


@settings(max_examples=60)
@given(st.data())
def test_colimits_of_patterns_are_universal(data):
    """Morphisms out of a pushout are the pairs that agree on the interface; a conflict has none."""
    f = data.draw(st.sampled_from(to(data, "left")))
    g = data.draw(st.sampled_from(to(data, "right", f.domain)))
    Z = data.draw(patterns())
    agreeing = [
        (h, k)
        for h, k in cones(*(list(homomorphisms(m.codomain, Z)) for m in (f, g)))
        if all((f >> h).components[t] == (g >> k).components[t] for t in "X")
    ]
    try:
        glued = pushout(f, g)
    except LabelConflict:
        assert agreeing == []
        return
    assert all(leg.failures() == [] for leg in glued.legs)
    induced = [glued.universal(h, k) for h, k in agreeing]
    assert all(u.failures() == [] for u in induced)
    assert len(induced) == len(list(homomorphisms(glued.apex, Z)))


def to(data, name, foot=None):
    """Some morphisms out of a pattern, or out of one drawn before."""
    foot = data.draw(patterns(), label=name) if foot is None else foot
    whole = data.draw(patterns(3), label=f"{name} whole")
    found = list(homomorphisms(foot, whole))
    return found or [CSetMorphism.identity(foot)]


@settings(max_examples=60)
@given(patterns(), patterns(), patterns())
def test_products_of_patterns_are_universal(P, Q, W):
    if not any(isinstance(label, Variable) for one in (P, Q) for label in one.hue + one.mark):
        P = CSet(POINTS, X=1, hue=[x], mark=[x])
    both = product(P, Q)
    assert both.apex.size("X") == P.size("X") * Q.size("X")
    assert all(leg.failures() == [] for leg in both.legs)
    pairs = cones(list(homomorphisms(W, P)), list(homomorphisms(W, Q)))
    induced = [both.universal(*pair, domain=W) for pair in pairs]
    assert all(u.failures() == [] for u in induced)
    assert len(set(induced)) == len(pairs) == len(list(homomorphisms(W, both.apex)))


def test_a_product_with_a_variable_for_each_place_is_none(mutants):
    P, Q = points(x, x), points("r")
    both = product(P, Q)
    W = points(y, y)
    pair = CSetMorphism(W, P, X=[0, 1]), CSetMorphism(W, Q, X=[0, 0])
    assert both.universal(*pair).failures() == []
    wrong = both.apex.with_column("hue", [Variable("a"), Variable("b")])
    with mutants("limit: a variable for each row, not for each family of labels"):
        assert CSetMorphism(W, wrong, X=[0, 1], check=False).failures() != []


def test_the_pullback_along_a_binding():
    G, P = points("r", "g"), points(x)
    both = pullback(CSetMorphism(G, points("r", "g"), X=[0, 1]),
                    CSetMorphism(P, points("r", "g"), X=[0]))  # fmt: skip
    assert both.apex.size("X") == 1
    assert both.legs[1].binding == {"(r, x)": x}
    # Without variables labels that differ make no row, as ever.
    assert product(points("r"), points("g")).apex.size("X") == 0


def test_variables_as_rows_of_a_table_of_values():
    """The other form: a size that several axes have is a row, whose label is flat."""
    schema = Schema(
        ["Axis", "Size"],
        {"size": ("Axis", "Size")},
        attributes={"value": "Size"},
        orders={"value": "flat"},
    )
    square = CSet(schema, Axis=2, Size=1, size=[0, 0])
    axis = CSet(schema, Axis=1, Size=1, size=[0])
    ends = square, CSet(schema, Axis=1, Size=1, size=[0], value=[128])
    glued = pushout(*(CSetMorphism(axis, end, Axis=[0], Size=[0]) for end in ends)).apex
    rows, m = Schema(["Axis"], attributes={"size": "Axis"}), Variable("m")
    lone = CSet(rows, Axis=1, size=[m])
    ends = CSet(rows, Axis=2, size=[m, m]), CSet(rows, Axis=1, size=[128])
    labelled = pushout(*(CSetMorphism(lone, end, Axis=[0]) for end in ends)).apex
    assert [glued.value[k] for k in glued.arrows["size"]] == list(labelled.attributes["size"])


def test_isomorphic_up_to_names_of_variables():
    one, other = coproduct(points(x), points(x)).apex, points(x, y)
    assert is_isomorphic(one, other)
    assert not is_isomorphic(one, points(x, x))
    assert len({tuple(m.components["X"]) for m in homomorphisms(one, other)}) == len(
        list(itertools.product(range(2), repeat=2))
    )


def test_wrong_names_of_variables():
    with pytest.raises(cl.errors.WrongKind):
        Variable(3)
    with pytest.raises(cl.errors.WrongKind):
        Variable("x", where="red")
