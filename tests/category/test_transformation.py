"""Natural transformations: squares, compositions and their interchange, and search for all."""

from itertools import product

import pytest
from hypothesis import assume, given, settings, strategies as st

from catlearn.category import (
    FiniteCategory,
    Functions,
    Functor,
    Graph,
    Morphisms,
    NaturalTransformation,
    Paths,
    functors,
    natural_transformations,
    naturally_isomorphic,
)
from catlearn.errors import CatlearnError, InvalidStructure, NotComposable, UnknownName
from catlearn.finset import FinFunction, FinSet
from tests.category.small import IDEMPOTENT
from tests.errors import raises

Z2, Z3, Z4 = (FiniteCategory.group(range(n), lambda x, y, n=n: (x + y) % n) for n in (2, 3, 4))
S3 = FiniteCategory.permutation_group({"s": [1, 0, 2], "t": [0, 2, 1]})
PARALLEL = FiniteCategory(["A", "B"], {"f": ("A", "B"), "g": ("A", "B")})
SMALL = [
    FiniteCategory.chain(1),
    FiniteCategory.chain(2),
    FiniteCategory.codiscrete(["x", "y"]),
    FiniteCategory.discrete(["x", "y"]),
    PARALLEL,
    IDEMPOTENT,
    Z2,
    Z3,
]
small = st.sampled_from(SMALL)


def one_of(data: st.DataObject, found) -> NaturalTransformation | Functor:
    found = list(found)
    assume(found)
    return data.draw(st.sampled_from(found))


def transformations(data: st.DataObject, C, D, length: int) -> list[NaturalTransformation]:
    """Draw composable transformations between functors C -> D."""
    F = one_of(data, functors(C, D, limit=30))
    found = []
    for _ in range(length):
        G = one_of(
            data, (G for G in functors(C, D, limit=30) if any(natural_transformations(F, G)))
        )
        found.append(one_of(data, natural_transformations(F, G, limit=30)))
        F = G
    return found


def brute(F: Functor, G: Functor) -> set[tuple[str, ...]]:
    """Try all families of components, and all squares."""
    C, D = F.domain, F.codomain
    homs = [D.hom(F(a), G(a)) for a in C.objects]
    place = {a: k for k, a in enumerate(C.objects)}
    return {
        family
        for family in product(*homs)
        if all(
            D.compose(F(f), family[place[C.ends(f)[1]]])
            == D.compose(family[place[C.ends(f)[0]]], G(f))
            for f in C.arrows
        )
    }


@settings(max_examples=40)
@given(small, small, st.data())
def test_all_transformations_are_found_once(C, D, data):
    F, G = (one_of(data, functors(C, D, limit=30)) for _ in range(2))
    found = list(natural_transformations(F, G))
    families = [tuple(alpha.components.values()) for alpha in found]
    assert len(set(families)) == len(families)
    assert set(families) == brute(F, G)
    assert all(not alpha.failures() for alpha in found)
    isos = list(natural_transformations(F, G, iso=True))
    assert isos == [alpha for alpha in found if alpha.is_isomorphism]
    assert (naturally_isomorphic(F, G) is None) == (not isos)


@settings(max_examples=40)
@given(small, small, st.data())
def test_broken_squares_are_those_that_do_not_commute(C, D, data):
    F, G = (one_of(data, functors(C, D, limit=30)) for _ in range(2))
    homs = [D.hom(F(a), G(a)) for a in C.objects]
    assume(all(homs))
    family = tuple(data.draw(st.sampled_from(arrows)) for arrows in homs)
    alpha = NaturalTransformation(F, G, dict(zip(C.objects, family, strict=True)), check=False)
    assert (not alpha.failures()) == (family in brute(F, G))
    sides = [alpha.square(f) for f in C.generators.edges]
    assert len(alpha.failures()) == sum(one != other for one, other in sides)


@settings(max_examples=40)
@given(small, small, st.data())
def test_vertical_composition(C, D, data):
    alpha, beta, gamma = transformations(data, C, D, 3)
    assert (alpha >> beta) >> gamma == alpha >> (beta >> gamma)
    assert not (alpha >> beta).failures()
    one = NaturalTransformation.identity(alpha.domain)
    assert one >> alpha == alpha == alpha >> NaturalTransformation.identity(alpha.codomain)
    if alpha.is_isomorphism:
        assert alpha >> alpha.inverse() == one
    elif alpha.domain != alpha.codomain:
        with raises(InvalidStructure, law="isomorphism"):
            alpha.inverse()


def interchanges(a, b, c, d, horizontal) -> bool:
    return horizontal(a >> b, c >> d) == horizontal(a, c) >> horizontal(b, d)


@settings(max_examples=30)
@given(small, small, small, st.data())
def test_interchange(C, D, E, data):
    a, b = transformations(data, C, D, 2)
    c, d = transformations(data, D, E, 2)
    assert interchanges(a, b, c, d, lambda x, y: x @ y)
    assert not (a @ c).failures()
    assert a @ c == (a >> c.domain) >> (a.codomain >> c) == (a.domain >> c) >> (a >> c.codomain)
    one = NaturalTransformation.identity(Functor.identity(C))
    assert one @ a == a == a @ NaturalTransformation.identity(Functor.identity(D))


def test_interchange_rejects_what_is_not_natural():
    one = Functor.identity(S3)
    s, t = (NaturalTransformation(one, one, {"*": name}, check=False) for name in "st")
    assert s.failures()
    assert not interchanges(s, t, s, t, lambda x, y: x @ y)


@settings(max_examples=30)
@given(small, small, small, st.data())
def test_whiskering_is_functorial(C, D, E, data):
    a, b = transformations(data, D, E, 2)
    K = one_of(data, functors(C, D, limit=30))
    assert K >> (a >> b) == (K >> a) >> (K >> b)
    L = one_of(data, functors(E, Z2, limit=30))
    assert (a >> b) >> L == (a >> L) >> (b >> L)
    assert (K >> a) >> L == K >> (a >> L)
    assert not (K >> a).failures()


def hom(C: FiniteCategory, a: str) -> Functor:
    """The functor C(a, -) into finite sets."""
    sets = {b: FinSet(C.hom(a, b)) for b in C.objects}
    arrows = {}
    for f in C.generators.edges:
        b, c = C.ends(f)
        arrows[f] = FinFunction([C.compose(g, f) for g in C.hom(a, b)], sets[b], sets[c])
    return Functor(C, Morphisms(), sets, arrows)


def sets_on_arrow(values: list[int], size: int) -> Functor:
    arrow = FinFunction(values, codomain=size)
    return Functor(FiniteCategory.chain(1), Morphisms(), arrows={"0 <= 1": arrow})


@pytest.mark.parametrize("C", [*SMALL, S3])
def test_yoneda(C: FiniteCategory):
    for a in C.objects:
        for b in C.objects:
            F = hom(C, b)
            assert len(list(natural_transformations(hom(C, a), F))) == len(F(a))


functions = st.integers(1, 3).flatmap(
    lambda m: st.lists(st.integers(0, m - 1), max_size=3).map(lambda f: sets_on_arrow(f, m))
)


@settings(max_examples=40)
@given(functions, functions)
def test_transformations_of_functions_by_brute_force(F: Functor, G: Functor):
    f, g = F("0 <= 1"), G("0 <= 1")
    expected = [
        (list(top), list(bottom))
        for top in product(range(len(g.domain)), repeat=len(f.domain))
        for bottom in product(range(len(g.codomain)), repeat=len(f.codomain))
        if all(bottom[f(x)] == g(top[x]) for x in f.domain)
    ]
    found = [(list(alpha("0")), list(alpha("1"))) for alpha in natural_transformations(F, G)]
    assert sorted(found) == sorted(expected)
    isos = [
        pair for pair in found if [len(set(p)) for p in pair] == [*map(len, [f.domain, f.codomain])]
    ]
    isos = [
        pair
        for pair in isos
        if (len(f.domain), len(f.codomain)) == (len(g.domain), len(g.codomain))
    ]
    assert len(list(natural_transformations(F, G, iso=True))) == len(isos)


def test_actions_of_groups():
    def action(values: list[int]) -> Functor:
        return Functor(Z4, Morphisms(), arrows={"1": FinFunction(values, codomain=len(values))})

    turn, swap, still = action([1, 2, 3, 0]), action([1, 0]), action([0, 1])
    assert len(list(natural_transformations(turn, turn))) == 4
    assert len(list(natural_transformations(turn, swap))) == 2
    assert len(list(natural_transformations(swap, turn))) == 0
    assert len(list(natural_transformations(swap, still))) == 2
    assert naturally_isomorphic(swap, still) is None
    given_one = list(natural_transformations(turn, turn, components={"*": turn("2")}))
    assert [list(alpha("*")) for alpha in given_one] == [[2, 3, 0, 1]]
    alpha = given_one[0]
    assert alpha >> alpha == NaturalTransformation.identity(turn)
    assert alpha.inverse() == alpha


def test_the_centre_of_a_group():
    one = Functor.identity(S3)
    assert [alpha("*") for alpha in natural_transformations(one, one)] == ["id(*)"]
    conjugates = [F for F in functors(S3, S3, iso=True) if naturally_isomorphic(one, F)]
    assert len(conjugates) == 6  # every automorphism of S3 is inner


def test_every_failure_is_listed():
    F, G = (Functor.constant(PARALLEL, PARALLEL, at) for at in "AB")
    with pytest.raises(InvalidStructure) as caught:
        NaturalTransformation(F, G, {"A": "f", "C": "g"})
    assert [(e.law, e.where) for e in caught.value.failures] == [
        ("totality", "object B"),
        ("known names", "component at C"),
    ]
    with raises(InvalidStructure, "A", "B", law="ends", where="component at A"):
        NaturalTransformation(F, G, {"A": "id(B)", "B": "g"})
    with raises(InvalidStructure, "g", "F(f)", "B", law="naturality", where="square at f"):
        NaturalTransformation(F, G, {"A": "f", "B": "g"})
    with raises(InvalidStructure, law="values", where="component at A"):
        NaturalTransformation(F, G, {"A": "q", "B": "g"})
    with raises(InvalidStructure, law="parallel functors", where="the two functors"):
        NaturalTransformation(F, Functor.identity(Z2), {"A": "f", "B": "g"})
    with raises(InvalidStructure, law="parallel functors", where="the two functors"):
        natural_transformations(F, Functor.identity(Z2))
    with raises(UnknownName, "Q"):
        natural_transformations(F, G, components={"Q": "f"})
    alpha = NaturalTransformation(F, G, {"A": "f", "B": "f"})
    with pytest.raises(NotComposable):
        alpha >> alpha
    with pytest.raises(UnknownName):
        alpha("Q")


def test_targets_that_are_not_finite():
    G = Graph({"s": ("A", "A")})
    F = Functor(G, Paths(), arrows={"s": G.path("s")})
    twice = NaturalTransformation(F, F, {"A": G.path("s >> s")})
    assert (twice >> twice)("A") == G.path("s >> s >> s >> s")
    with raises(CatlearnError, "A", "s"):
        _ = twice.is_isomorphism
    assert NaturalTransformation.identity(F).is_isomorphism
    with raises(CatlearnError, "A", "s"):
        natural_transformations(F, F)
    shout = Functor(G, Functions(), arrows={"s": str.upper})
    strip = NaturalTransformation(shout, shout, {"A": str.strip})
    assert strip.failures() == []

    def on_samples(f, g) -> bool:
        return all(f(text) == g(text) for text in (" a", "B "))

    assert strip.failures(equal=on_samples) == []
    wrong = NaturalTransformation(shout, shout, {"A": str.lower})
    assert [failure.law for failure in wrong.failures(equal=on_samples)] == ["naturality"]


def test_transformations_are_values():
    one = Functor.identity(Z3)
    alpha, beta = (NaturalTransformation(one, one, {"*": k}) for k in "12")
    assert alpha != beta
    assert len({alpha, beta, NaturalTransformation(one, one, {"*": "1 >> 1"})}) == 2
    assert str(alpha) == "*: 1"
    assert alpha["*"] == "1"
