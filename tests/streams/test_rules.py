"""Rules of one's own: accepted where their law holds, and then there is a fold."""

import jax
import pytest

import catlearn as cl
from catlearn.arrays import (
    constant as number,
    cos,
    dropout,
    einsum,
    exp2,
    maximum,
    mean,
    parameter,
    reciprocal,
    relu,
    sin,
    softmax,
    traced,
    where,
)
from catlearn.errors import WrongKind
from catlearn.streams import RuleRefused, StreamRefused, known, rule, stream
from tests.streams.programs import along, apart, arrays, both, minus


@pytest.fixture(autouse=True)
def _alone():
    with jax.enable_x64(True), known():
        yield


def weighted(scores, v):
    e = exp2(minus(scores, along(maximum("q [x] -> q")(scores))))
    weights = einsum("q x, q -> q x")(e, reciprocal(einsum("q x -> q")(e)))
    return einsum("q x, x e -> q e")(weights, v)


@traced("q d", "x d", "x e")
def by_powers_of_two(q, k, v):
    return weighted(where("q x", "x <= q")(einsum("q d, x d -> q x")(q, k)), v)


@traced("q x", "x e")
def turned(s, v):
    gap = minus(s, along(mean("q [x] -> q")(s)))
    return einsum("q x, q x, x e -> q e")(cos(gap), sin(gap), v)


def rotation(r, new):
    return cos(r - new), -sin(r - new), sin(r - new), cos(r - new)


ACCEPTED = {
    "exp2": (lambda s, r: exp2(s - r), lambda r, new: exp2(r - new), by_powers_of_two,
             [(5, 3), (20, 3), (20, 4)]),
    "rotation": (lambda s, r: (cos(s - r), sin(s - r)), rotation, turned, [(3, 20), (20, 2)]),
}  # fmt: skip
"""Functions of s and r, how they move, and a circuit with the shapes of its inputs."""


@pytest.mark.parametrize("name", ACCEPTED)
def test_by_a_rule_that_holds_there_is_a_fold(name):
    F, T, circuit, shapes = ACCEPTED[name]
    with pytest.raises(StreamRefused):
        stream(circuit, "x")
    with known():
        made = rule(name, F, T)
        fold = stream(circuit, "x")
    assert {one.rule.name for one in fold.certificate} >= {name}
    assert not fold.check()
    xs, whole = arrays(shapes), cl.lower(circuit)
    fn = cl.lower(fold, block=12, group={"q": 3})
    assert apart(both(fn, xs), both(whole, xs)) < 1e-12
    with pytest.raises(StreamRefused):  # outside of the context it is not known,
        stream(circuit, "x")
    assert stream(circuit, "x", rules=[made]).kinds == fold.kinds  # unless it is given


REFUSED = {
    "moves the wrong way": (lambda s, r: exp2(s - r), lambda r, new: exp2(new - r), "F(s, r')"),
    "has no finite state": (lambda s, r: relu(s - r), lambda r, new: number(1.0)(), "F(s, r')"),
    "is not 1 at one reference": (
        lambda s, r: (exp2(s - r), number(0.0)()),
        lambda r, new: (exp2(r - new), number(0.0)(), number(0.0)(), number(0.0)()), "T(r, r)",
    ),
    "does not compose": (
        lambda s, r: (exp2(s - r), number(0.0)()),
        lambda r, new: (exp2(r - new), sin(r - new), number(0.0)(), number(1.0)()), "T(r, r'')",
    ),
    "is wrong for far references alone": (
        lambda s, r: exp2(s - r), lambda r, new: exp2(r - new) + relu(new - r - number(8.0)()),
        "F(s, r')",
    ),
    "is wrong for near references alone": (
        lambda s, r: exp2(s - r), lambda r, new: exp2(r - new) + relu(number(1e-3)() - (r - new)
            * (r - new)) * (r - new) * number(1e5)(), "F(s, r')",
    ),
    "is of no difference": (lambda s, r: s * r, lambda r, new: new / r, "s - r"),
    "has too few entries": (lambda s, r: (cos(s - r), sin(s - r)), lambda r, new: r, "4"),
    "draws": (lambda s, r: dropout(0.5)(s - r), lambda r, new: r, "dropout"),
    "reads arrays": (softmax("[x]"), lambda r, new: r, "axes"),
    "has parameters": (lambda s, r: s - r + parameter("A", "")(), lambda r, new: r, "parameters"),
    "has no kernel of a difference": (
        lambda s, r: (number(1.0)(), s - r),
        lambda r, new: (number(1.0)(), number(0.0)(), r - new, number(1.0)()), "component",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_cocycle_is_refused_with_the_law_that_fails(name, mutants):
    F, T, said = REFUSED[name]
    with mutants(f"streams: a rule that {name}"), pytest.raises(RuleRefused) as caught:
        rule(name, F, T)
    assert said in str(caught.value)


def test_a_rule_is_a_function_of_two_numbers_with_a_name_of_its_own():
    F, T, *_ = ACCEPTED["exp2"]
    with pytest.raises(RuleRefused):
        rule("sum", F, T)
    with pytest.raises(WrongKind):
        rule("one", lambda s: s, T)
    with pytest.raises(WrongKind):
        rule("none", 3, T)
    with pytest.raises(WrongKind):
        stream(turned, "x", rules=["exp2"])
