"""Cost as a category: initial object, coproducts, pushouts, and the comparison with the sum."""

import random
from fractions import Fraction

import pytest
from hypothesis import given, settings, strategies as st

from catlearn.cost import (
    Atom,
    CostMorphism,
    Maximum,
    Objective,
    Term,
    amalgam,
    comparison,
    injections,
    maximum,
)
from catlearn.errors import CatlearnError, InvalidStructure, NotACocone, NotCertified
from catlearn.finset import (
    Diagram,
    coequalizer,
    colimit,
    coproduct,
    initial,
    pushout,
)
from catlearn.laws import learning_diagrams, learning_spans
from catlearn.learning import loss_functor
from tests.errors import raises

PARAMETERS, CONSTANTS, HEADS = "fgh", "xy", "ab"
WEIGHTS = [1, 2, Fraction(1, 3), Fraction(5, 2)]
aggregators = st.sampled_from(["sum", "max"])


@st.composite
def objectives(draw, how, parameters=PARAMETERS):
    names = draw(st.lists(st.sampled_from(parameters), unique=True))
    symbol = st.sampled_from([*names, *CONSTANTS])
    atom = st.builds(Atom.of, st.sampled_from(HEADS), symbol)
    return Objective(names, draw(st.lists(st.builds(Term, atom, st.sampled_from(WEIGHTS)))), how)


@st.composite
def extensions(draw, domain, spare):
    """A morphism out of an objective: names go to names of the same kind, terms are added."""
    new = [f"{p}{spare}" for p in PARAMETERS]
    parameters = {p: draw(st.sampled_from(new)) for p in domain.parameters}
    constants = {c: c if c in HEADS else draw(st.sampled_from(CONSTANTS)) for c in domain.constants}
    terms = [Term(t.atom.rename({**constants, **parameters}), t.weight) for t in domain.terms]
    more = draw(objectives(domain.aggregator.name, new))
    names = dict.fromkeys([*parameters.values(), *more.parameters])
    codomain = Objective(names, [*terms, *more.terms], domain.aggregator)
    return CostMorphism(domain, codomain, parameters, constants)


@st.composite
def spans(draw, how=None):
    apex = draw(objectives(how or draw(aggregators)))
    return draw(extensions(apex, 1)), draw(extensions(apex, 2))


def meaning(seed, names):
    def value(*key):
        return random.Random(repr((seed, key))).randint(0, 5)

    heads = {h: lambda v, h=h: value(h, v) for n in names for h in [n] if n.split("/")[-1] in HEADS}
    return {n: value(n) for n in names} | heads


def symbols(objective):
    return (*objective.parameters, *objective.constants)


def is_pointwise_maximum(apex, legs, values):
    """L(theta) is the largest of the legs' losses at the restricted parameters."""
    parts = [leg.domain.evaluate(leg.interpret(values)) for leg in legs]
    return float(apex.evaluate(values)) == pytest.approx(float(max(parts, default=0)))


def is_colimit(legs, cocone):
    """There is one certified morphism out of the apex through which the cocone factors."""
    apex, end = legs[0].codomain, cocone[0].codomain
    to = {
        image: h.renaming.get(s, s)
        for leg, h in zip(legs, cocone, strict=True)
        for s, image in leg.renaming.items()
    }
    u = CostMorphism(apex, end, {p: to[p] for p in apex.parameters}, to, check=False)
    factors = all((leg >> u).renaming == h.renaming for leg, h in zip(legs, cocone, strict=True))
    return factors and not u.failures()


@given(spans(), st.integers())
@settings(max_examples=25)
def test_pushouts_are_pointwise_maxima_over_glued_parameters(span, seed):
    f, g = span
    po = pushout(f, g)
    values = meaning(seed, [*symbols(po.apex), *(i for leg in po for i in leg.renaming.values())])
    assert is_pointwise_maximum(po.apex, po.legs, values)
    assert (f >> po.legs[0]).renaming == (g >> po.legs[1]).renaming
    assert not any(leg.failures() for leg in po)


@given(st.data(), spans())
@settings(max_examples=25)
def test_pushouts_are_universal(data, span):
    po = pushout(*span)
    further = data.draw(extensions(po.apex, 3)) if not isinstance(po.apex, Maximum) else None
    if further is not None:
        cocone = [leg >> further for leg in po]
        assert is_colimit(po.legs, cocone)
        assert po.universal(*cocone).renaming == further.renaming
    i, j = amalgam(*span)
    assert is_colimit(po.legs, [i, j])
    assert po.universal(*po) == CostMorphism.identity(po.apex)


def test_the_sum_is_not_the_pushout():
    """The mutant: with the sum as apex the legs form a cocone that is not universal."""
    none = Objective(("f",))
    one, two = Objective(("f",), {"a(f)": 1}), Objective(("f",), {"b(f)": 1})
    span = CostMorphism(none, one), CostMorphism(none, two)
    biggest = Objective(("f",), {"a(f)": 1, "b(f)": 1})
    both = [CostMorphism(one, biggest), CostMorphism(two, biggest)]
    po = pushout(*span)
    assert is_colimit(po.legs, both)
    assert is_colimit(both, both)  # a cocone it is
    cocone = list(po)  # into max(a, b), which is smaller than a + b
    assert is_colimit(po.legs, cocone)
    assert not is_colimit(both, cocone)


@given(st.data(), aggregators, st.integers())
@settings(max_examples=20)
def test_coproducts_and_the_initial_object(data, how, seed):
    parts = [data.draw(objectives(how)) for _ in range(data.draw(st.integers(1, 3)))]
    sum_of_all = coproduct(*parts)
    apex = sum_of_all.apex
    assert len(apex.parameters) == sum(len(part.parameters) for part in parts)
    names = [*symbols(apex), *(i for leg in sum_of_all for i in leg.renaming.values())]
    assert is_pointwise_maximum(apex, sum_of_all.legs, meaning(seed, names))
    fold = coproduct(parts[0], parts[0]).universal(*2 * [CostMorphism.identity(parts[0])])
    assert not fold.failures()
    zero = initial(parts[0])
    assert zero == Objective.zero(how)
    assert coproduct(of=parts[0]).universal(codomain=parts[0]) == CostMorphism(zero, parts[0])


def test_the_coproduct_for_max_is_the_disjoint_sum():
    one, two = Objective("f", {"a(f)": 2}, "max"), Objective("f", {"b(f)": 1}, "max")
    assert coproduct(one, two).apex.is_same_function(one + two)
    assert [leg.parameters for leg in coproduct(one, two)] == [
        m.parameters for m in injections(one, two)
    ]
    plus = Objective("f", {"a(f)": 2}) + Objective("f", {"b(f)": 1})
    assert coproduct(Objective("f", {"a(f)": 2}), Objective("f", {"b(f)": 1})).apex != plus


def test_coequalizers_share_parameters():
    one, two = Objective(("f",), {"a(f)": 1}), Objective(("g", "h"), {"a(g)": 1, "a(h)": 1})
    q = coequalizer(CostMorphism(one, two, {"f": "g"}), CostMorphism(one, two, {"f": "h"}))
    assert q.apex.is_same_function(Objective(("g",), {"a(g)": 2}))


def test_constants_are_glued_along_arrows_only():
    none, shared = Objective(("f",)), Objective(("f",), {"a(f, x)": 1})
    one, two = (Objective(("f",), {"a(f, x)": w}) for w in (2, 3))
    apart = pushout(CostMorphism(none, one), CostMorphism(none, two)).apex
    assert str(apart) == ("L(f) = max(2 left/a(f, left/x), 3 right/a(f, right/x))")
    assert pushout(CostMorphism(shared, one), CostMorphism(shared, two)).apex == two


def test_torn_cocones_and_mixed_aggregators_are_refused():
    shared, one = Objective(("f",)), Objective(("f", "g"), {"a(f)": 1})
    legs = CostMorphism(shared, one), CostMorphism(shared, one)
    end = Objective(("f", "g"), {"a(f)": 1, "a(g)": 1})
    straight, crossed = CostMorphism(one, end), CostMorphism(one, end, {"f": "g", "g": "f"})
    with raises(NotACocone, "f", "g", law="triangle", where="arrow 1 (0 -> 2)"):
        pushout(*legs).universal(straight, crossed)
    with raises(InvalidStructure, "sum", "max", law="aggregator"):
        coproduct(one, Objective.zero("max"))


def test_colimits_of_longer_diagrams():
    a, b, c = (Objective(("f",), {atom: 1}) for atom in ("a(f)", "b(f)", "c(f)"))
    bottom = Objective(("f",))
    d = Diagram([bottom, a, b, c], [(0, k, CostMorphism(bottom, o)) for k, o in
                                    enumerate((a, b, c), start=1)], legs=[1, 2, 3])  # fmt: skip
    assert str(colimit(d).apex) == "L(f) = max(a(f), b(f), c(f))"


# ---------------------------------------------------------------- maxima


@st.composite
def maxima(draw, size=2):
    return maximum(*(draw(objectives("sum")) for _ in range(size)), parameters=PARAMETERS)


@given(maxima(), maxima(), st.integers())
@settings(max_examples=25)
def test_sums_of_maxima(one, two, seed):
    """Disjoint sum: values add; max distributes."""
    total = one + two
    values = meaning(seed, symbols(total))
    left, right = (
        {n: values.get(f"{side}/{n}", values.get(n)) for n in (*PARAMETERS, *CONSTANTS, *HEADS)}
        for side in ("left", "right")
    )
    known = [{n: v for n, v in side.items() if v is not None} for side in (left, right)]
    parts = one.evaluate(known[0]) + two.evaluate(known[1])
    assert float(total.evaluate(values)) == pytest.approx(float(parts))
    assert (one + Objective.zero()).is_same_function(one)


@given(maxima(), maxima(), st.integers(0, 50))
@settings(max_examples=25)
def test_certified_inequalities_of_maxima_hold(one, two, seed):
    f = CostMorphism(one, two, check=False)
    if not f.failures():
        names = {*symbols(one), *symbols(two)}
        small, big = (float(o.evaluate(meaning(seed, names))) for o in (one, two))
        assert small <= big + 1e-9
    assert not CostMorphism(one, maximum(one, two)).failures()
    assert maximum(one, two).is_same_function(maximum(two, one, two))


@given(st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=2), min_size=2, max_size=3),
       st.lists(st.integers(0, 4), min_size=2, max_size=2))  # fmt: skip
@settings(max_examples=40)
def test_the_certificate_is_exact(bounds, ours):
    """With two atoms: certified iff true at all values that can be critical."""
    atoms = "a(f)", "b(f)"
    small = Objective(("f",), dict(zip(atoms, ours, strict=True)))
    big = maximum(*(Objective(("f",), dict(zip(atoms, b, strict=True))) for b in bounds))
    tries = [(Fraction(k, 60), Fraction(60 - k, 60)) for k in range(61)]
    # crossings of two lines with slopes up to 4 lie at fractions of denominator up to 8: all the
    # least points of max(bounds) - ours are among these
    tries += [(Fraction(p, q), 1 - Fraction(p, q)) for q in range(1, 9) for p in range(q + 1)]
    true = all(
        sum(w * x for w, x in zip(ours, at, strict=True))
        <= max(sum(w * x for w, x in zip(b, at, strict=True)) for b in bounds)
        for at in tries
    )
    assert (CostMorphism(small, big, check=False).failures() == []) == true


def test_what_no_mixture_bounds_is_refused():
    a, b = Objective(("f",), {"a(f)": 1}), Objective(("f",), {"b(f)": 1})
    most = Objective(("f",), {"a(f)": 0.75, "b(f)": 0.5})
    with raises(NotCertified, law="inequality", where="alternative '0.75 a(f) + 0.5 b(f)'"):
        CostMorphism(most, maximum(a, b))
    with raises(NotCertified, 2, 1, law="inequality", where="atom 'a(f)'"):
        CostMorphism(Objective(("f",), {"a(f)": 2}), maximum(a, b))
    values = {"f": 0, "a": lambda _: 1, "b": lambda _: 1}
    assert most.evaluate(values) > maximum(a, b).evaluate(values)


def test_values_of_maxima():
    one = maximum(Objective(("f",), {"a(f)": 2}), Objective(("g",), {"b(g)": 1}))
    assert eval(repr(one)) == one
    assert hash(eval(repr(one))) == hash(one)
    assert str(one.expression) == "Max(2*a(f), b(g))"
    assert one._repr_latex_() == (
        r"$\displaystyle L(f, g) = \max\left(2 a\left(f\right), b\left(g\right)\right)$"
    )
    assert one.rename({"g": "f", "b": "a"}) == Objective(("f",), {"a(f)": 2})
    with raises(CatlearnError, "maximum"):
        _ = one.coefficients
    with raises(InvalidStructure, "sum", "max", law="aggregator"):
        maximum(one, Objective.zero("max"))
    assert maximum() == Objective.zero()


# ---------------------------------------------------------------- the comparison


@given(spans(), st.integers())
@settings(max_examples=25)
def test_comparison(span, seed):
    """max(L_1, L_2) <= L_1 + L_2 - L_0: certified, and true at random values."""
    f, g = span
    c = comparison(f, g)
    assert not c.failures()
    assert c.parameters == {p: p for p in c.domain.parameters}
    values = meaning(seed, {*symbols(c.domain), *symbols(c.codomain)})
    i, j = amalgam(f, g)
    one, two, shared = (m.domain.evaluate(m.interpret(values)) for m in (i, j, f >> i))
    found, bound = (float(o.evaluate(values)) for o in (c.domain, c.codomain))
    assert found == pytest.approx(float(max(one, two)))
    assert found <= bound + 1e-9
    if f.domain.aggregator.name == "sum":
        assert bound == pytest.approx(float(one + two - shared))
    else:
        assert c.is_strict


def test_a_comparison_the_other_way_round_is_rejected():
    none = Objective(("f",))
    legs = (CostMorphism(none, Objective(("f",), {f"{h}(f)": 1})) for h in "ab")
    c = comparison(*legs)
    with pytest.raises(NotCertified):
        CostMorphism(c.codomain, c.domain)


def test_maxima_have_no_amalgam():
    a, b = Objective(("f",), {"a(f)": 1}), Objective(("f",), {"b(f)": 1})
    none = Objective(("f",))
    with raises(InvalidStructure, law="aggregator", where="the span"):
        amalgam(CostMorphism(none, maximum(a, b)), CostMorphism(none, a))


def coefficients_along(m):
    return {atom: float(w) for atom, w in m.coefficients.items()}


@given(st.data(), aggregators)
@settings(max_examples=10)
def test_the_loss_of_a_gluing_is_the_amalgam_of_the_losses(data, how):
    """Consequences 2 and 4 of the loss functor, along monomorphisms of diagrams."""
    span = data.draw(learning_spans(learning_diagrams()))
    legs = [loss_functor(m, how) for m in span]
    parts = [loss_functor(m, how) for m in pushout(*span)]
    i, _ = amalgam(*legs)
    induced = pushout(*legs).universal(*parts)  # max(L_1, L_2) <= L of the gluing
    assert not induced.failures()
    through = CostMorphism(
        i.codomain, parts[0].codomain, induced.parameters, induced.constants, check=False
    )
    assert coefficients_along(through) == pytest.approx(
        {a: float(w) for a, w in parts[0].codomain.coefficients.items()}
    )
    if how == "max":
        assert induced.is_strict
