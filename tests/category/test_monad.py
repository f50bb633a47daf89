"""Monads and comonads: their laws with mutants, and the two adjunctions that give them back."""

from itertools import product as pairs_of

import pytest

from catlearn.category import (
    Comonad,
    FiniteCategory,
    Functor,
    Monad,
    eilenberg_moore,
    functors,
    kleisli,
    left_adjoint,
    right_adjoint,
)
from catlearn.errors import CatlearnError, InvalidStructure

Z4 = FiniteCategory.group(range(4), lambda x, y: (x + y) % 4)
SPLIT = FiniteCategory(
    ["A", "B"],
    {"r": ("A", "B"), "s": ("B", "A"), "e": ("A", "A")},
    {("s", "r"): "id(B)", ("r", "s"): "e", ("e", "e"): "e", ("e", "r"): "r", ("s", "e"): "s"},
)
CATEGORIES = [
    FiniteCategory.discrete(["*"]),
    FiniteCategory.chain(2),
    FiniteCategory.poset([("0", "a"), ("0", "b"), ("a", "1"), ("b", "1")]),
    FiniteCategory.codiscrete(["x", "y"]),
    SPLIT,
    FiniteCategory.group(range(3), lambda x, y: (x + y) % 3),
]


def adjunctions():
    for C, D in pairs_of(CATEGORIES, repeat=2):
        for functor in functors(C, D, limit=40):
            for find in (right_adjoint, left_adjoint):
                try:
                    yield find(functor)
                except CatlearnError:
                    continue
    one = Functor.identity(Z4)
    yield from (right_adjoint(one) >> pair for pair in [right_adjoint(one)])


PAIRS = list(adjunctions())


def test_there_are_adjunctions_of_every_kind():
    assert len(PAIRS) > 100
    assert any(not pair.is_equivalence for pair in PAIRS)
    assert any(not pair.left.domain.is_thin for pair in PAIRS)
    assert any(Monad.of(pair).functor != Functor.identity(pair.left.domain) for pair in PAIRS)


def test_an_adjunction_gives_a_monad_and_a_comonad():
    for pair in PAIRS:
        monad, comonad = Monad.of(pair), Comonad.of(pair)
        assert not monad.failures()
        assert not comonad.failures()
        assert monad.functor == pair.left >> pair.right
        assert comonad.functor == pair.right >> pair.left
        assert monad.unit == pair.unit
        assert comonad.counit == pair.counit
        assert monad.opposite.opposite == monad == Monad.of(pair.opposite.opposite)
        assert comonad.opposite.opposite == comonad


def test_the_kleisli_adjunction_is_the_first_that_gives_a_monad():
    for pair in PAIRS:
        monad = Monad.of(pair)
        made = kleisli(monad)
        assert not made.failures()
        assert not made.adjunction.failures()
        assert Monad.of(made.adjunction) == monad
        to = made.comparison(pair)
        assert not to.failures()
        assert to.is_full
        assert to.is_faithful
        assert made.adjunction.left >> to == pair.left
        assert to >> pair.right == made.adjunction.right


def test_the_adjunction_of_algebras_is_the_last_that_gives_a_monad():
    for pair in PAIRS:
        monad = Monad.of(pair)
        made = eilenberg_moore(monad)
        assert not made.failures()
        assert not made.adjunction.failures()
        assert Monad.of(made.adjunction) == monad
        to = made.comparison(pair)
        assert not to.failures()
        assert pair.left >> to == made.adjunction.left
        assert to >> made.adjunction.right == pair.right


def test_comparisons_are_the_only_functors_that_commute_with_both_adjoints():
    for pair in PAIRS[::9]:
        monad = Monad.of(pair)
        first, last = kleisli(monad).adjunction, eilenberg_moore(monad).adjunction
        for before, after in ((first, pair), (pair, last)):
            between = [
                F
                for F in functors(before.left.codomain, after.left.codomain)
                if before.left >> F == after.left and F >> after.right == before.right
            ]
            assert len(between) == 1


def test_algebras_by_their_definition():
    for pair in PAIRS[::5]:
        monad = Monad.of(pair)
        C, T = monad.functor.domain, monad.functor
        algebras = [
            h
            for h in C.arrows
            if (a := C.ends(h)[1]) and C.ends(h)[0] == T(a)
            if C.compose(monad.unit(a), h) == C.identity(a)
            if C.compose(monad.multiplication(a), h) == C.compose(T(h), h)
        ]
        made = eilenberg_moore(monad)
        assert list(made.objects) == algebras
        maps = [
            (h, k, f)
            for h, k in pairs_of(algebras, repeat=2)
            for f in C.hom(C.ends(h)[1], C.ends(k)[1])
            if C.compose(T(f), k) == C.compose(h, f)
        ]
        assert len(made) == len(maps)


def test_monads_of_finite_categories_are_idempotent():
    for pair in PAIRS:
        monad = Monad.of(pair)
        assert monad.multiplication.is_isomorphism
        algebras = eilenberg_moore(monad)
        assert algebras.adjunction.right.is_full
        assert algebras.comparison(kleisli(monad).adjunction).is_equivalence


def one_object(elements, table, t, unit, mu):
    """A monad on a monoid, as far as it is one."""
    M = FiniteCategory.monoid(elements, table)
    return Monad(Functor(M, M, arrows=t), {"*": unit}, {"*": mu}, check=False)


def with_zero(x, y):
    return "z" if "z" in (x, y) else str((int(x) + int(y)) % 6)


SIX = [*map(str, range(6)), "z"]
LOOP = FiniteCategory(
    ["a", "b"], {"u": ("a", "b"), "s": ("b", "b")}, {("u", "s"): "u", ("s", "s"): "s"}
)
MUTANTS = {
    # T(eta) >> mu is s at a.
    ("left unit",): Monad(
        Functor(LOOP, LOOP, {"a": "b", "b": "b"}, {"u": "s", "s": "s"}),
        {"a": "u", "b": "id(b)"},
        {"a": "id(b)", "b": "id(b)"},
        check=False,
    ),
    # T sends both elements to 1, and eta is 0.
    ("right unit",): one_object("10", lambda x, y: min(x, y), {"0": "1"}, "0", "1"),
    # T(mu) >> mu is 4 + 1, mu_T >> mu is 1 + 1. Associativity follows from the other laws here.
    ("associativity", "left unit", "right unit"): one_object(
        SIX, with_zero, {x: x if x == "z" else str(4 * int(x) % 6) for x in SIX}, "z", "1"
    ),
    ("naturality",): Monad(
        Functor.identity(S3 := FiniteCategory.permutation_group({"s": [1, 0, 2], "t": [0, 2, 1]})),
        {"*": "s"},
        {"*": "id(*)"},
        check=False,
    ),
}


@pytest.mark.parametrize("laws", MUTANTS, ids=str)
def test_mutants_break_the_laws(laws):
    mutant = MUTANTS[laws]
    assert tuple(dict.fromkeys(failure.law for failure in mutant.failures())) == laws
    dual = mutant.opposite
    assert tuple(dict.fromkeys(failure.law for failure in dual.failures())) == laws
    for kind, one in ((Monad, mutant), (Comonad, dual)):
        with pytest.raises(InvalidStructure) as caught:
            kind(*one._key())
        assert caught.value.failures == tuple(one.failures())


def test_a_broken_unit_is_none_of_the_kleisli_category():
    assert "unit" in {failure.law for failure in kleisli(MUTANTS["right unit",]).failures()}


def test_ends_are_checked():
    chain, point = FiniteCategory.chain(1), FiniteCategory.discrete(["*"])
    with pytest.raises(InvalidStructure) as caught:
        Monad(Functor.constant(chain, point, "*"), {}, {})
    assert [failure.where for failure in caught.value.failures] == ["functor"]
    one = Functor.identity(chain)
    with pytest.raises(InvalidStructure) as caught:
        Monad(one, {"0": "0 <= 1"}, {"0": "id(0)", "1": "id(1)"})
    assert {failure.law for failure in caught.value.failures} == {"totality"}
    with pytest.raises(InvalidStructure):
        Comonad(one, Monad.of(right_adjoint(Functor.constant(chain, point, "*"))).unit, {})


def test_comparisons_are_with_adjunctions_that_give_the_monad():
    two, shifted = (
        right_adjoint(Functor.identity(Z4)),
        Monad(Functor.identity(Z4), {"*": "1"}, {"*": "3"}),
    )
    for made in (kleisli(shifted), eilenberg_moore(shifted)):
        with pytest.raises(InvalidStructure) as caught:
            made.comparison(two)
        assert [failure.law for failure in caught.value.failures] == ["monad"]
