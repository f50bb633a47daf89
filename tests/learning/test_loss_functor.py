"""The loss functor and its consequences (Theory, section 4), symbolically and numerically.

Each law is a predicate; a mutant, a broken functor or a broken structure, is one that the same
predicate rejects.
"""

from itertools import product as families

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

import catlearn as cl
from catlearn.cost import CostMorphism, Objective
from catlearn.errors import InvalidStructure, NotCertified
from catlearn.finset import coequalizer, coproduct, pushout
from catlearn.laws import (
    identifications,
    identify,
    interpretation,
    learning_diagrams,
    learning_morphisms,
    learning_parts,
    learning_spans,
    renamed,
    some_parameters,
)
from catlearn.learning import LearningMorphism, loss_functor
from tests.errors import raises

seeds = st.integers(0, 99)
with_data = learning_diagrams(data=True)
few = settings(max_examples=25)


def pulled(phi, aggregator="sum"):
    """L o phi*, as coefficients of atoms of the codomain; nothing is certified."""
    ends = (loss_functor(phi.domain, aggregator), loss_functor(phi.codomain, aggregator))
    parameters = {edge: phi.edge(edge) for edge in ends[0].parameters}
    return CostMorphism(*ends, parameters, ends[0].symbols_along(phi, ends[1]), check=False)


def total(*coefficients):
    """The sum of several families of coefficients, without zeros."""
    atoms = {atom for family in coefficients for atom in family}
    return {atom: sum(family.get(atom, 0) for family in coefficients) for atom in atoms}


def value(diagram, theta, aggregator="sum"):
    """L_D(theta) by the book."""
    loss = loss_functor(diagram, aggregator)
    return loss.evaluate(interpretation(loss, theta))


def is_close(one, other):
    return one == pytest.approx(other, rel=1e-9, abs=1e-9)


def is_injective_on_loss(phi):
    rows = [q for q in phi.domain.soft_equations if phi.domain.weight(q) > 0]
    return len({phi("Eq", row) for row in rows}) == len(rows)


# ---------------------------------------------------------------- the theorem


def holds(phi, theta):
    """L_D(phi* theta') <= L_D'(theta'), up to rounding."""
    here, there = value(phi.domain, phi.restrict(theta)), value(phi.codomain, theta)
    return here <= there + 1e-9 * max(1.0, there)


@few
@given(learning_morphisms(with_data), seeds)
def test_the_inequality_is_certified_and_true(phi, seed):
    try:
        morphism = loss_functor(phi)
    except NotCertified:
        assert not is_injective_on_loss(phi)
        return
    assert morphism.domain == loss_functor(phi.domain)
    assert holds(phi, some_parameters(phi.codomain, seed))


@few
@given(with_data, st.data(), seeds)
def test_it_is_strict_along_isomorphisms(diagram, data, seed):
    phi = renamed(diagram)
    assert loss_functor(phi).is_strict
    theta = some_parameters(phi.codomain, seed)
    assert is_close(value(diagram, phi.restrict(theta)), value(phi.codomain, theta))


def line(weights=(1.0,), edges=("a", "b"), equation="data.x >> a = data.x >> b"):
    """Maps of the real line to itself, compared on the number 2."""
    R = cl.Space("R", 1)
    return cl.LearningDiagram(
        cl.Dataset("data", x=(R, np.array([[2.0]]))),
        *(cl.Model(edge, R, R, "linear", use_bias=False) for edge in edges),
        equations={f"q{k}": cl.Equation(equation, weight=w) for k, w in enumerate(weights)},
    )


def scales(**numbers):
    return {edge: {"weight": np.array([[float(number)]])} for edge, number in numbers.items()}


def test_merging_equations_is_rejected():
    """Two rows of weight 1 sent to one row of weight 1: L_D = 2 ell, L_D' = ell."""
    two, one = line(weights=(1.0, 1.0)), line()
    phi = LearningMorphism(
        two,
        one,
        V={"R": "R", "data": "data"},
        E={edge: edge for edge in two.edges},
        Eq={"q0": "q0", "q1": "q0"},
    )
    with raises(
        NotCertified, 2, 1, law="inequality", where="atom 'E_data(d_R(a(data.x), b(data.x)))'"
    ):
        loss_functor(phi)
    theta = scales(a=1, b=2)
    assert (value(two, phi.restrict(theta)), value(one, theta)) == (8, 4)
    assert not holds(phi, theta)
    assert loss_functor(phi, "max").is_strict


def test_the_codiagonal_is_rejected():
    diagram = line()
    twice = coproduct(diagram, diagram)
    identity = cl.finset.TABLES.identity(diagram)
    codiagonal = twice.universal(identity, identity)
    assert not codiagonal.failures()
    with pytest.raises(NotCertified):
        loss_functor(codiagonal)


def test_inserting_a_step_is_rejected():
    """x >> a = x >> b sent to x >> a >> c = x >> b along a loop c: 4 > 0."""
    edges = ("a", "b", "c")
    short = line(edges=edges)
    long = line(edges=edges, equation="data.x >> a >> c = data.x >> b")
    rows = {table: {name: name for name in short.names(table)} for table in ("V", "E", "Eq")}
    with raises(InvalidStructure, law="naturality of lhs", where="Eq 'q0'"):
        LearningMorphism(short, long, **rows)
    phi = LearningMorphism(short, long, **rows, check=False)
    with raises(
        NotCertified, 1, 0, law="inequality", where="atom 'E_data(d_R(a(data.x), b(data.x)))'"
    ):
        loss_functor(phi)
    theta = scales(a=1, b=2, c=2)
    assert (value(short, theta), value(long, theta)) == (4, 0)
    assert not holds(phi, theta)


def test_forgetting_labels_is_rejected():
    """Equal names are no certificate where spaces or maps differ."""
    one = line(edges=("a", "b"))
    S = cl.Space("R", 1, divergence="huber")
    other = cl.LearningDiagram(
        cl.Dataset("data", x=(S, np.array([[2.0]]))),
        *(cl.Model(edge, S, S, "linear", use_bias=False) for edge in "ab"),
        equations={"q0": "data.x >> a = data.x >> b"},
    )
    rows = {table: {name: name for name in one.names(table)} for table in ("V", "E", "Eq")}
    with raises(InvalidStructure, law="naturality of space", where="V 'R'"):
        LearningMorphism(one, other, **rows)
    phi = LearningMorphism(one, other, **rows, check=False)
    assert not holds(phi, scales(a=1, b=4))
    with raises(InvalidStructure, law="naturality of space", where="V 'R'"):
        loss_functor(phi)


def test_other_data_are_rejected(mutants):
    """The same diagram on the number 3 and on the number 0: L_D = 9 ell, L_D' = 0."""
    R = cl.Space("R", 1)
    three, zero = (
        cl.LearningDiagram(
            cl.Dataset("data", x=(R, np.array([[number]]))),
            *(cl.Model(edge, R, R, "linear", use_bias=False) for edge in "ab"),
            equations={"q0": "data.x >> a = data.x >> b"},
        )
        for number in (3.0, 0.0)
    )
    rows = {table: {name: name for name in three.names(table)} for table in ("V", "E", "Eq")}
    phi = LearningMorphism(three, zero, **rows)
    assert phi.failures() == []  # side data are not seen by naturality
    with mutants("loss functor: data 3 -> 0"), pytest.raises(InvalidStructure) as caught:
        loss_functor(phi)
    (failure,) = caught.value.failures
    assert (failure.law, failure.where) == ("stored values", "edge 'data.x'")
    theta = scales(a=1, b=2)
    assert (value(three, theta), value(zero, theta)) == (9, 0)
    assert not holds(phi, theta)
    same = LearningMorphism(three, three.bind(), **rows)
    assert loss_functor(same).is_strict


def test_other_starting_values_make_the_same_loss():
    """Frozen parameters are part of a loss; those that are trained are its arguments."""
    start = line().with_values({"a": {"weight": np.array([[3.0]], "f4")}})
    other = line().with_values({"a": {"weight": np.array([[0.0]], "f4")}})
    rows = {table: {name: name for name in start.names(table)} for table in ("V", "E", "Eq")}
    assert loss_functor(LearningMorphism(start, other, **rows)).is_strict
    frozen = [cl.with_frozen(diagram, "a") for diagram in (start, other)]
    with raises(InvalidStructure, law="stored values", where="edge 'a'"):
        loss_functor(LearningMorphism(*frozen, **rows))


@given(st.sampled_from(["E_data", "d_R", "d_R#2"]), st.sampled_from(["a", "E_data", "d_R"]))
def test_symbols_of_the_loss_do_not_meet_names_of_edges(one, other):
    assume(one != other)
    diagram = line(edges=(one, other), equation=f"data.x >> {one} = data.x >> {other}")
    assert is_close(value(diagram, scales(**{one: 3, other: 1})), 16)
    assert set(diagram.loss().constants) == {"data.x", *diagram.loss().symbols.values()}


# ---------------------------------------------------------------- functoriality


@st.composite
def chains(draw):
    """Two composable morphisms that are injective on equations, so that both are certified."""
    whole = draw(learning_diagrams())
    phi = draw(learning_parts(whole))
    psi = draw(identifications(whole))
    assume(is_injective_on_loss(psi))
    return phi, psi >> renamed(psi.codomain)


@few
@given(chains())
def test_composites_go_to_composites(chain):
    phi, psi = chain
    assert loss_functor(phi >> psi) == loss_functor(phi) >> loss_functor(psi)


@few
@given(learning_diagrams())
def test_identities_go_to_identities(diagram):
    identity = cl.finset.TABLES.identity(diagram)
    assert loss_functor(identity) == CostMorphism.identity(loss_functor(diagram))


def restricts_contravariantly(restrict, phi, psi, theta):
    """(phi >> psi)* = phi* o psi*."""
    return restrict(phi >> psi, theta) == restrict(phi, restrict(psi, theta))


@few
@given(chains(), seeds)
def test_restriction_is_contravariant(chain, seed):
    phi, psi = chain
    theta = {edge: f"{edge} {seed}" for edge in psi.codomain.trainable}
    assert restricts_contravariantly(LearningMorphism.restrict, phi, psi, theta)
    assert loss_functor(phi).restrict(psi.restrict(theta)) == phi.restrict(psi.restrict(theta))


def test_a_covariant_restriction_is_rejected():
    def covariant(phi, theta):
        return {phi.edge(edge): theta[edge] for edge in phi.domain.trainable}

    diagram = line(edges=("a", "b", "c"), weights=())
    V = {"R": "R", "data": "data"}
    phi, psi = (
        LearningMorphism(
            diagram, diagram, V, {"data.x": "data.x", **dict(zip("abc", to, strict=True))}
        )
        for to in ("bca", "bac")
    )
    theta = {"a": 1, "b": 2, "c": 3}
    assert restricts_contravariantly(LearningMorphism.restrict, phi, psi, theta)
    assert not restricts_contravariantly(covariant, phi, psi, theta)


def test_restriction_names_what_is_missing():
    phi = cl.finset.TABLES.identity(line())
    with raises(cl.errors.UnknownName, "b"):
        phi.restrict({"a": 1})


# ---------------------------------------------------------------- 1. pushouts to pullbacks


def is_pullback(span, legs):
    """Families on the apex are exactly the pairs of families on the feet that agree on Theta_0.

    Values in a two-element set are enough to tell any two sets of edges apart.
    """
    apex = legs[0].codomain.trainable
    found = [
        tuple(leg.restrict(dict(zip(apex, bits, strict=True))) for leg in legs)
        for bits in families((0, 1), repeat=len(apex))
    ]
    feet = [foot.trainable for foot in span.feet]
    all_pairs = [
        tuple(dict(zip(edges, bits, strict=True)) for edges, bits in zip(feet, pair, strict=True))
        for pair in families(*(list(families((0, 1), repeat=len(edges))) for edges in feet))
    ]
    agreeing = [pair for pair in all_pairs if span.f.restrict(pair[0]) == span.g.restrict(pair[1])]
    return sorted(map(repr, found)) == sorted(map(repr, agreeing))


@few
@given(learning_spans(learning_diagrams(equations=False), merge=True))
def test_pushouts_go_to_pullbacks_of_parameter_spaces(span):
    assume(sum(len(foot.trainable) for foot in span.feet) <= 8)
    assert is_pullback(span, pushout(*span).legs)


def test_a_disjoint_union_is_not_that_pullback():
    diagram = line()
    shared = cl.finset.TABLES.identity(diagram)
    span = cl.Span(shared, shared)
    assert is_pullback(span, pushout(*span).legs)
    assert not is_pullback(span, coproduct(diagram, diagram).legs)


# ---------------------------------------------------------------- 2. additivity


def is_additive(span, i, j):
    """L + L_0 = L_1 + L_2, coefficient by coefficient at the apex."""
    whole = loss_functor(i.codomain).coefficients
    parts = [pulled(phi).coefficients for phi in (span.f >> i, i, j)]
    return total(whole, parts[0]) == total(parts[1], parts[2])


def adds_up(span, i, j, theta):
    """The same in numbers, at the restricted parameters."""
    values = [value(phi.domain, phi.restrict(theta)) for phi in (span.f >> i, i, j)]
    return is_close(value(i.codomain, theta) + values[0], values[1] + values[2])


@few
@given(learning_spans(with_data, merge=True), seeds)
def test_losses_add_up_along_one_leg_injective_on_equations(span, seed):
    assert span.f.is_injective("Eq")
    i, j = pushout(*span)
    assert is_additive(span, i, j)
    assert adds_up(span, i, j, some_parameters(i.codomain, seed))


def test_losses_do_not_add_up_if_both_legs_merge_equations():
    """L_0 = 2 ell, L_1 = L_2 = L = ell."""
    two = line(weights=(1.0, 1.0))
    merge = identify(two, {"Eq": [(0, 1)]})
    i, j = pushout(merge, merge)
    assert not is_additive(cl.Span(merge, merge), i, j)
    assert not adds_up(cl.Span(merge, merge), i, j, scales(a=1, b=2))
    one = cl.Span(cl.finset.TABLES.identity(two), merge)
    assert is_additive(one, *pushout(*one))


@few
@given(learning_spans(with_data), seeds)
def test_an_interface_without_equations_costs_nothing(span, seed):
    interface = span.apex
    strict = [interface.row("Eq", name) for name in interface.strict_equations]
    rows = {table: range(interface.size(table)) for table in ("V", "E")}
    bare = interface.subtables({**rows, "Eq": strict})[1]
    i, j = pushout(bare >> span.f, bare >> span.g)
    theta = some_parameters(i.codomain, seed)
    parts = [value(leg.domain, leg.restrict(theta)) for leg in (i, j)]
    assert is_close(value(i.codomain, theta), sum(parts))


# ---------------------------------------------------------------- 3. strong monoidality


@few
@given(with_data, with_data, seeds)
def test_disjoint_unions_go_to_sums(one, other, seed):
    both = coproduct(one, other)
    theta = some_parameters(both.apex, seed)
    parts = [value(leg.domain, leg.restrict(theta)) for leg in both.legs]
    assert is_close(value(both.apex, theta), sum(parts))
    assert len(both.apex.trainable) == len(one.trainable) + len(other.trainable)
    coefficients = [pulled(leg).coefficients for leg in both.legs]
    assert loss_functor(both.apex).coefficients == total(*coefficients)
    assert not set(coefficients[0]) & set(coefficients[1])


def test_the_empty_diagram_goes_to_the_unit():
    empty = cl.LearningDiagram()
    assert empty == cl.LearningDiagram.empty()
    for aggregator in ("sum", "max"):
        unit = Objective.zero(aggregator)
        assert loss_functor(empty, aggregator).is_same_function(unit)
    assert cl.glue(empty, line()) == line()


def test_a_union_that_is_not_disjoint_is_not_a_sum():
    diagram = line()
    glued = cl.glue(diagram, diagram)
    assert glued == diagram
    assert value(glued, scales(a=1, b=2)) == 4 != 2 * value(diagram, scales(a=1, b=2))


# ---------------------------------------------------------------- 4. maxima


def is_compared(span, i, j, theta):
    """max(L_1, L_2) <= L_1 + L_2 - L_0."""
    l0, l1, l2 = (value(phi.domain, phi.restrict(theta)) for phi in (span.f >> i, i, j))
    return max(l1, l2) <= l1 + l2 - l0 + 1e-9 * max(1.0, l1, l2)


@few
@given(learning_spans(with_data), seeds)
def test_the_pointwise_max_compares_with_the_pushout(span, seed):
    i, j = pushout(*span)
    assert is_compared(span, i, j, some_parameters(i.codomain, seed))


def test_the_comparison_fails_if_both_legs_merge_equations():
    merge = identify(line(weights=(1.0, 1.0)), {"Eq": [(0, 1)]})
    span = cl.Span(merge, merge)
    assert not is_compared(span, *pushout(*span), scales(a=1, b=2))


def largest(*coefficients):
    atoms = {atom for family in coefficients for atom in family}
    return {atom: max(family.get(atom, 0) for family in coefficients) for atom in atoms}


@few
@given(learning_spans(with_data, merge=True), seeds)
def test_for_max_the_pushout_is_the_max(span, seed):
    i, j = pushout(*span)
    whole, theta = i.codomain, some_parameters(i.codomain, seed)
    parts = [pulled(leg, "max").coefficients for leg in (i, j)]
    assert loss_functor(whole, "max").coefficients == largest(*parts)
    values = [value(leg.domain, leg.restrict(theta), "max") for leg in (i, j)]
    assert is_close(value(whole, theta, "max"), max(values))


def test_for_sum_it_is_not():
    i, j = coproduct(line(), line())
    theta = {edge: scales(x=k)["x"] for k, edge in enumerate(i.codomain.trainable)}
    values = [value(leg.domain, leg.restrict(theta)) for leg in (i, j)]
    assert value(i.codomain, theta) > max(values) > 0


# ---------------------------------------------------------------- 6. zero


def vanishes_exactly(diagram, theta):
    """L = 0 iff the sides of every equation of positive weight agree on all examples."""
    loss = loss_functor(diagram)
    values = interpretation(loss, theta)
    sides = [term.atom.arguments[0].arguments for term in loss.terms if term.weight > 0]
    agree = all(np.array_equal(*(side.evaluate(values) for side in pair)) for pair in sides)
    return (loss.evaluate(values) == 0) == agree


@given(learning_diagrams(data=True, categorical=False, defined=False), seeds, st.booleans())
def test_the_loss_is_zero_iff_all_equations_hold(diagram, seed, trivial):
    theta = some_parameters(diagram, seed)
    if trivial:
        theta = {e: {k: 0 * a for k, a in tree.items()} for e, tree in theta.items()}
    assert vanishes_exactly(diagram, theta)


def test_zero_is_met():
    assert vanishes_exactly(line(), scales(a=2, b=2))
    assert value(line(), scales(a=2, b=2)) == 0


def test_cross_entropy_does_not_vanish_where_sides_agree():
    X, Y = cl.Space("X", 1), cl.Categorical("Y", 2)
    diagram = cl.LearningDiagram(
        cl.Dataset("data", x=(X, np.ones((1, 1)))),
        *(cl.Model(name, X, Y, "linear", use_bias=False) for name in "ab"),
        equations=["data.x >> a = data.x >> b"],
    )
    theta = {name: {"weight": np.array([[0.0, 1.0]])} for name in "ab"}
    assert value(diagram, theta) > 0.5
    assert not vanishes_exactly(diagram, theta)


# ---------------------------------------------------------------- what is left out


def test_weight_zero_and_untrainable_equations_are_left_out():
    R = cl.Space("R", 1)
    diagram = cl.LearningDiagram(
        cl.Dataset("data", x=R, y=R),
        cl.Model("f", R, R, "linear"),
        equations={
            "off": cl.Equation("data.x >> f = data.y", weight=0),
            "constant": cl.Equation("data.x = data.y", weight=3),
        },
    )
    loss = diagram.loss()
    assert loss.terms == ()
    assert [term.name for term in loss.untrainable] == ["constant"]
    assert loss.parameters == ("f",)


def test_coequalizers_share_weights():
    """Identifying two edges makes them one parameter."""
    diagram = line()
    shared = coequalizer(
        *(
            LearningMorphism(
                line(edges=("a",), weights=()),
                diagram,
                {"R": "R", "data": "data"},
                {"data.x": "data.x", "a": image},
            )
            for image in "ab"
        )
    )
    assert shared.apex.trainable == ("a",)
    assert value(shared.apex, scales(a=5)) == 0
    assert loss_functor(shared.legs[0]).is_strict
