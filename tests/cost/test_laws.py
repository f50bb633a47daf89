"""The laws of Cost over generated objectives, symbolic and numeric, each beside a mutant.

Every law is a predicate over an implementation; the mutant is a broken implementation or a
broken structure that the same predicate must reject.
"""

import itertools
import random
from fractions import Fraction

import pytest
from hypothesis import assume, given, strategies as st

from catlearn.cost import Atom, CostMorphism, Objective, Term, apart, injections
from catlearn.errors import InvalidStructure, NotCertified, NotComposable, UnknownName
from tests.errors import fails, named, raises

PARAMETERS, LEAVES, MAPS, HEADS = "fgh", "xyz", "uv", ("d", "e")
EXACT = [0, 1, 2, Fraction(1, 3), Fraction(5, 2)]
FLOATS = [0.1, 0.2, 0.3, 0.7, 1e-9]
aggregators = st.sampled_from(["sum", "max"])


@st.composite
def costs(draw, parameters):
    """An atom d(m(...m(x)), y) over maps that are parameters or constants."""
    inner = Atom.of(draw(st.sampled_from(LEAVES)))
    for name in draw(st.lists(st.sampled_from([*parameters, *MAPS]), max_size=3)):
        inner = Atom.of(name, inner)
    return Atom.of(draw(st.sampled_from(HEADS)), inner, draw(st.sampled_from(LEAVES)))


@st.composite
def objectives(draw, aggregator=None, weights=(*EXACT, *FLOATS)):
    parameters = draw(st.lists(st.sampled_from(PARAMETERS), unique=True))
    term = st.builds(Term, costs(parameters), st.sampled_from(weights))
    how = aggregator or draw(aggregators)
    return Objective(parameters, draw(st.lists(term, max_size=4)), how)


@st.composite
def morphisms(draw, domain=None, share_constants=False, weights=(*EXACT, *FLOATS)):
    """A morphism out of the domain: rename, merge names, raise weights, add terms, shuffle."""
    domain = draw(objectives(weights=weights)) if domain is None else domain
    pools = dict.fromkeys(domain.parameters, PARAMETERS)
    if not share_constants:
        kinds = [LEAVES, MAPS, HEADS]
        pools |= {c: next(kind for kind in kinds if c in kind) for c in domain.constants}
    renaming = {name: draw(st.sampled_from(pool)) for name, pool in pools.items()}
    parameters = draw(st.lists(st.sampled_from(PARAMETERS), unique=True))
    parameters = dict.fromkeys([*(renaming[p] for p in domain.parameters), *parameters])
    raised = [
        Term(t.atom.rename(renaming), t.weight + draw(st.sampled_from([0, 0, *weights])))
        for t in domain.terms
    ]
    more = st.builds(Term, costs(tuple(parameters)), st.sampled_from(weights))
    terms = draw(st.permutations([*raised, *draw(st.lists(more, max_size=2))]))
    codomain = Objective(parameters, terms, domain.aggregator)
    names = {p: renaming[p] for p in domain.parameters}
    return CostMorphism(domain, codomain, names, renaming)


@st.composite
def chains(draw, length, **options):
    chain = [draw(morphisms(**options))]
    while len(chain) < length:
        chain.append(draw(morphisms(domain=chain[-1].codomain, **options)))
    return chain


def meaning(seed, names=(*PARAMETERS, *LEAVES, *MAPS, *HEADS)):
    """An interpretation by random small numbers, the same for the same arguments."""

    def value(*key):
        return random.Random(repr((seed, key))).randint(0, 4)

    leaves = {name: value(name) for name in names if name in LEAVES}
    return leaves | {n: lambda *a, n=n: value(n, *a) for n in names if n not in LEAVES}


def holds(f, values):
    """The inequality L(r theta') <= L'(theta') at one interpretation."""
    return f.domain.evaluate(f.interpret(values)) <= f.codomain.evaluate(values)


def indicator(atom):
    """The interpretation by terms, in which this atom costs 1 and every other one 0."""
    values = {name: Atom.of(name) for name in LEAVES}
    values |= {n: lambda *a, n=n: Atom.of(n, *a) for n in (*PARAMETERS, *MAPS)}
    return values | {n: lambda *a, n=n: int(Atom.of(n, *a) == atom) for n in HEADS}


# ---------------------------------------------------------------- a category


def is_unital(compose, f):
    one, two = CostMorphism.identity(f.domain), CostMorphism.identity(f.codomain)
    return compose(one, f) == f == compose(f, two)


def is_associative(compose, f, g, h):
    return compose(compose(f, g), h) == compose(f, compose(g, h))


def is_closed(compose, f, g):
    return not compose(f, g).failures()


def right(f, g):
    return f >> g


def forgetful(f, g):
    """A mutant: composes only the ends."""
    return CostMorphism(f.domain, g.codomain, check=False)


def stuttering(f, g):
    """A mutant: applies the first renaming twice."""
    names = {p: g.parameters[f.parameters[f.parameters[p]]] for p in f.parameters}
    return CostMorphism(f.domain, g.codomain, names, check=False)


@given(morphisms())
def test_identities(f):
    assert is_unital(right, f)


@given(chains(3))
def test_associativity(chain):
    assert is_associative(right, *chain)


@given(chains(2))
def test_the_composite_of_certified_morphisms_is_certified(chain):
    assert is_closed(right, *chain)


def test_broken_compositions_are_rejected():
    base = Objective("fgh")
    f, g, h = (
        CostMorphism(base, base, dict(zip("fgh", image, strict=True)))
        for image in ("ghf", "gfh", "fhg")
    )
    assert is_associative(right, f, g, h)
    assert not is_associative(stuttering, f, g, h)
    assert not is_unital(forgetful, f)
    assert not is_unital(stuttering, f)
    named = [Objective((p,), {f"d({p}(x), y)": 1}) for p in "fgh"]
    f, g = (
        CostMorphism(a, b, {a.parameters[0]: b.parameters[0]}) for a, b in itertools.pairwise(named)
    )
    assert is_closed(right, f, g)
    assert not is_closed(forgetful, f, g)


@given(chains(2))
def test_restriction_is_contravariant(chain):
    f, g = chain
    theta = {p: object() for p in g.codomain.parameters}
    assert (f >> g).restrict(theta) == f.restrict(g.restrict(theta))
    ours = f.restrict(g.restrict(theta))
    assert CostMorphism.identity(f.domain).restrict(ours) == ours


def test_a_covariant_restriction_is_rejected():
    base = Objective("fgh")
    f, g = (CostMorphism(base, base, dict(zip("fgh", to, strict=True))) for to in ("ghf", "gfh"))
    theta = {"f": 1, "g": 2, "h": 3}
    assert (f >> g).restrict(theta) == f.restrict(g.restrict(theta))
    assert (f >> g).restrict(theta) != g.restrict(f.restrict(theta))


# ---------------------------------------------------------------- the inequality


@given(morphisms(weights=EXACT), st.integers())
def test_certified_inequalities_hold_numerically(f, seed):
    assert holds(f, meaning(seed))


@given(st.data(), aggregators)
def test_certified_means_for_every_interpretation(data, how):
    """The certificate is exact: it fails at an atom iff the indicator of that atom refutes it."""
    term = st.builds(Term, costs(PARAMETERS), st.sampled_from(EXACT))
    extra = data.draw(st.lists(term, max_size=3))
    one = Objective(PARAMETERS, data.draw(st.lists(term, max_size=3)) + extra, how)
    two = Objective(PARAMETERS, data.draw(st.lists(term, max_size=3)) + extra, how)
    f = CostMorphism(one, two, check=False)
    refuted = {f"atom {str(a)!r}" for a in one.coefficients if not holds(f, indicator(a))}
    assert {failure.where for failure in f.failures()} == refuted


@given(morphisms(), st.data())
def test_lowering_a_tight_coefficient_is_rejected(f, data):
    """The mutant: a codomain in which one coefficient falls below the domain's."""
    assume(f.coefficients)
    victim = data.draw(st.sampled_from(list(f.coefficients)))
    lowered = {**f.codomain.coefficients, victim: f.coefficients[victim] / 2}
    weak = Objective(f.codomain.parameters, lowered, f.codomain.aggregator)
    with pytest.raises(NotCertified) as error:
        CostMorphism(f.domain, weak, f.parameters, f.constants)
    assert [failure.where for failure in error.value.failures] == [f"atom {str(victim)!r}"]


def test_merging_two_rows_into_one_of_the_same_weight_is_rejected():
    rows = Objective(("f",), [Term("d(f(x), y)", name="one"), Term("d(f(x), y)", name="two")])
    merged = Objective(("f",), {"d(f(x), y)": 1})
    with raises(NotCertified, 2, 1, law="inequality", where="atom 'd(f(x), y)'"):
        CostMorphism(rows, merged)
    unchecked = CostMorphism(rows, merged, check=False)
    assert not all(holds(unchecked, meaning(seed)) for seed in range(9))
    # with the aggregator max the same map is a morphism, even a strict one
    assert CostMorphism(
        Objective("f", rows.terms, "max"), Objective("f", merged.terms, "max")
    ).is_strict


def test_inserting_a_step_is_rejected():
    """x >> a = x >> b sent to x >> a >> c = x >> b along a loop c: 4 > 0 on the real line."""
    short = Objective("abc", {"d(a(x), b(x))": 1})
    long = Objective("abc", {"d(c(a(x)), b(x))": 1})
    with pytest.raises(NotCertified):
        CostMorphism(short, long)
    line = {"a": lambda t: t, "b": lambda t: 2 * t, "c": lambda t: 2 * t, "x": 2}
    line["d"] = lambda p, q: (p - q) ** 2
    assert short.evaluate(line) == 4 > long.evaluate(line) == 0


def test_a_true_inequality_need_not_be_certified():
    """Sufficient, not necessary: squared errors are symmetric, which no coefficient knows."""
    small, big = Objective("f", {"d(f(x), y)": 1}), Objective("f", {"d(y, f(x))": 1})
    f = CostMorphism(small, big, check=False)
    assert f.failures()
    symmetric = {"d": lambda p, q: (p - q) ** 2, "f": lambda t: 3 * t + 1}
    assert all(holds(f, symmetric | {"x": x, "y": y}) for x in range(4) for y in range(4))


def test_comparison_is_exact_without_tolerance():
    rows = [Term("a", 0.1), Term("a", 0.2)]
    assert not CostMorphism(Objective((), rows), Objective((), {"a": 0.1 + 0.2})).is_strict
    with raises(NotCertified, "0.30000000000000004", "0.3", law="inequality", where="atom 'a'"):
        CostMorphism(Objective((), rows), Objective((), {"a": 0.3}))
    tiny = Fraction(1, 2**80)
    with raises(NotCertified, 1 + tiny, 1, law="inequality", where="atom 'a'"):
        CostMorphism(Objective((), {"a": 1 + tiny}), Objective((), {"a": 1}))


@given(morphisms())
def test_strictness_is_equality_of_coefficients(f):
    pulled = f.domain.rename(f.renaming)
    parameters = dict.fromkeys([*pulled.parameters, *f.codomain.parameters])
    exact = Objective(parameters, pulled.terms, pulled.aggregator)
    if set(exact.constants) == set(pulled.constants):
        assert CostMorphism(f.domain, exact, f.parameters, f.constants).is_strict
    assert f.is_strict == (pulled.coefficients == f.codomain.coefficients)


# ---------------------------------------------------------------- the disjoint sum


def plus(one, two):
    return one + two


def concatenated(one, two):
    """A mutant: parameters of equal name are shared, not kept apart."""
    names = dict.fromkeys([*one.parameters, *two.parameters])
    return Objective(names, [*one.terms, *two.terms], one.aggregator)


def adds_up(total, one, two, values):
    """(L_1 + L_2)(theta_1, theta_2) is the aggregate of L_1(theta_1) and L_2(theta_2)."""
    i, j = (
        CostMorphism(o, total, r, check=False)
        for o, r in zip((one, two), apart(one, two), strict=True)
    )
    if len(total.parameters) != len(one.parameters) + len(two.parameters):
        return False
    parts = [f.domain.evaluate(f.interpret(values)) for f in (i, j)]
    return total.evaluate(values) == total.aggregator.aggregate(parts)


@given(st.data(), aggregators, st.integers())
def test_disjoint_sum_adds_up(data, how, seed):
    one, two = (data.draw(objectives(how, EXACT)) for _ in range(2))
    total = one + two
    names = {*PARAMETERS, *LEAVES, *MAPS, *HEADS, *total.parameters}
    assert adds_up(total, one, two, meaning(seed, sorted(names)))
    assert not any(f.failures() for f in injections(one, two))


def test_a_sum_that_shares_parameters_is_rejected():
    one = Objective("f", {"d(f(x), y)": 1})
    values = meaning(0, (*"fxyd", "left/f", "right/f"))
    assert adds_up(plus(one, one), one, one, values)
    assert not adds_up(concatenated(one, one), one, one, values)


@given(objectives())
def test_zero_is_the_unit(one):
    zero = Objective.zero(one.aggregator)
    assert zero + one == one == one + zero


@given(st.data(), aggregators)
def test_associative_and_commutative_up_to_renaming(data, how):
    one, two, three = (data.draw(objectives(how)) for _ in range(3))
    (i, j), (i2, j2) = injections(one, two), injections(one + two, three)
    (k, m), (k2, m2) = injections(two, three), injections(one, two + three)
    pairs = [(i >> i2, k2), (j >> i2, k >> m2), (j2, m >> m2)]
    assert agree_up_to_renaming((one + two) + three, one + (two + three), pairs)
    j3, i3 = injections(two, one)
    assert agree_up_to_renaming(one + two, two + one, [(i, i3), (j, j3)])


def agree_up_to_renaming(one, two, pairs):
    renaming = {a.parameters[p]: b.parameters[p] for a, b in pairs for p in a.parameters}
    bijective = len(set(renaming.values())) == len(renaming) == len(one.parameters)
    return bijective and one.rename(renaming).is_same_function(two)


def test_a_wrong_renaming_is_not_an_agreement():
    one, two = Objective("f", {"d(f(x), y)": 1}), Objective("g", {"e(g(x), y)": 1})
    (i, j), (j2, i2) = injections(one, two), injections(two, one)
    assert agree_up_to_renaming(one + two, two + one, [(i, i2), (j, j2)])
    assert not agree_up_to_renaming(one + two, two + one, [(i, i2)])
    crossed = [CostMorphism(one, two + one, {"f": "g"}, check=False), j2]
    assert not agree_up_to_renaming(one + two, two + one, list(zip((i, j), crossed, strict=True)))


@given(st.data())
def test_disjoint_sum_is_a_functor(data):
    f, f2 = data.draw(chains(2, share_constants=True))
    g = data.draw(morphisms(data.draw(objectives(f.domain.aggregator.name)), share_constants=True))
    g2 = data.draw(morphisms(g.codomain, share_constants=True))
    assert (f + g) >> (f2 + g2) == (f >> f2) + (g >> g2)
    one = CostMorphism.identity
    assert one(f.domain) + one(g.domain) == one(f.domain + g.domain)
    assert not (f + g).failures()


def test_a_sum_of_morphisms_that_forgets_the_sides_is_rejected():
    f = CostMorphism(Objective("f", {"a(f)": 1}), Objective("g", {"a(g)": 1}), {"f": "g"})
    both = f + f
    assert both.parameters == {"left/f": "left/g", "right/f": "right/g"}
    sides = {"left/f": "left/g", "right/f": "left/g"}
    assert CostMorphism(both.domain, both.codomain, sides, check=False).failures()


def test_the_codiagonal_is_a_morphism_for_max_only():
    """For max the disjoint sum is the coproduct; for sum the codiagonal would need 2 L <= L."""
    for how in ("sum", "max"):
        one = Objective("f", {"a(f)": 1}, how)
        fold = CostMorphism(one + one, one, {"left/f": "f", "right/f": "f"}, check=False)
        assert [failure.where for failure in fold.failures()] == ["atom 'a(f)'"] * (how == "sum")
        assert all(i >> fold == CostMorphism.identity(one) for i in injections(one, one))


def test_names_of_a_sum():
    one = Objective(("f", "left/f"), [Term("a(f)", name="fit"), Term("b(left/f, f)")])
    two = Objective(("f",), [Term("a(f)", name="fit")])
    total = one + two
    assert total.parameters == ("left/left/f", "left/f", "right/f")
    assert [term.name for term in total.terms] == ["left/fit", None, "right/fit"]
    assert not total.failures()
    # a parameter on one side, a constant on the other: they are different things
    assert str(Objective("f", {"a(f)": 1}) + Objective("g", {"b(g, f)": 1})) == (
        "L(left/f, g) = a(left/f) + b(g, f)"
    )


# ---------------------------------------------------------------- values and messages


@given(morphisms())
def test_repr_evaluates_back_and_morphisms_are_hashable(f):
    assert eval(repr(f)) == f
    assert hash(eval(repr(f))) == hash(f)


def test_board_form():
    two = Objective("fg", {"a(f, x)": 1, "a(g, x)": 1})
    one = Objective("f", {"a(f, u)": 2, "b(f)": 1})
    f = CostMorphism(two, one, {"g": "f"}, {"x": "u"})
    assert str(f) == "(a(f, x) + a(g, x))[x := u, g := f] <= 2 a(f, u) + b(f)"
    assert str(CostMorphism.identity(two)) == "a(f, x) + a(g, x) = a(f, x) + a(g, x)"


def test_all_misfits_are_listed():
    domain = Objective(("f", "g", "h"), {"d(f(x), k)": 1})
    codomain = Objective(("g", "k"), {}, "max")
    with pytest.raises(InvalidStructure) as error:
        CostMorphism(domain, codomain, {"q": "g", "h": "r"})
    assert not isinstance(error.value, NotCertified)
    for failure, (where, *names) in zip(
        error.value.failures,
        [
            ("parameter 'q'",),
            ("parameter 'f'", "'f'", "g, k"),
            ("parameter 'h'", "'r'", "g, k"),
            ("constant 'k'", "'k'"),
            ("the two objectives", "'sum'", "'max'"),
        ],
        strict=True,
    ):
        assert failure.where == where
        assert all(named(name, failure.message) for name in names)
    other = Objective(domain.parameters, domain.terms, "max")
    assert not CostMorphism(domain, other, check=False).is_strict


def test_every_failing_coefficient_is_listed_with_both_numbers():
    domain = Objective("f", {"a(f)": 2.5, "b(f)": 1, "c(f)": Fraction(1, 3)})
    found = ("inequality", "atom 'a(f)'", 2.5, 2), ("inequality", "atom 'c(f)'", "1/3", 0)
    with fails(NotCertified, *found):
        CostMorphism(domain, Objective("f", {"a(f)": 2, "b(f)": 1}))


def test_composition_needs_one_function_in_the_middle():
    one, two = Objective("f", {"a(f)": 1}), Objective("f", {"a(f)": 2})
    with raises(
        NotComposable, "L(f) = 2 a(f)", "L(f) = a(f)", law="composition", where="the first morphism"
    ):
        CostMorphism(one, two) >> CostMorphism.identity(one)
    # names and order of terms are not part of the function
    split = Objective("f", [Term("a(f)", name="first"), Term("a(f)", name="second")])
    assert (CostMorphism(one, two) >> CostMorphism.identity(split)).codomain == split


def test_operators_refuse_other_things():
    one = Objective("f")
    f = CostMorphism.identity(one)
    for broken in (lambda: one + 1, lambda: f + 1, lambda: f >> one):
        with pytest.raises(TypeError):
            broken()
    with raises(InvalidStructure, "sum", "max", law="aggregator", where="the two objectives"):
        one + Objective.zero("max")
    with raises(UnknownName, "f"):
        f.restrict({})
    to = {
        c: CostMorphism(Objective((), {"x": 1}), Objective((), {c: 1}), {}, {"x": c}) for c in "yz"
    }
    with raises(InvalidStructure, "y", "z", law="constants", where="constant 'x'"):
        to["y"] + to["z"]
