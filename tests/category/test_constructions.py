"""Constructions on finite categories: counts, universal properties, and a mutant for each."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.category import (
    FiniteCategory,
    Functor,
    Graph,
    Morphisms,
    NaturalTransformation,
    are_equivalent,
    are_isomorphic,
    arrow_category,
    comma,
    coslice_category,
    full_subcategory,
    functor_category,
    functors,
    grothendieck,
    karoubi,
    natural_transformations,
    opposite,
    skeleton,
    slice_category,
    subcategory,
    twisted_arrow_category,
    wide_subcategory,
)
from catlearn.errors import NotComposable, TooLarge, WrongKind
from catlearn.finset import FinSet
from catlearn.laws import finite_categories
from tests.errors import raises

FEW = settings(max_examples=30)
small = finite_categories(nonempty=True).filter(lambda C: len(C) <= 25)
DIVISORS = FiniteCategory.poset(lambda a, b: b % a == 0, [d for d in range(1, 61) if 60 % d == 0])
S3 = FiniteCategory.permutation_group({"s": [1, 0, 2], "t": [0, 2, 1]})
T3 = FiniteCategory.transformation_monoid({"a": [1, 2, 0], "b": [1, 0, 2], "c": [0, 0, 2]})
IDEMPOTENT = FiniteCategory.monoid("1e", {(x, y): max(x, y) for x in "1e" for y in "1e"})


def holds(F: Functor) -> bool:
    """Whether a functor that was built from arrays is one, by all pairs."""
    C, D = F.domain, F.codomain
    first, second = C.pairs
    ob, ar = F.ob.values, F.ar.values
    return (
        np.array_equal(ar[C.composites], D.then(ar[first], ar[second]))
        and np.array_equal(ar[C.ids.values], D.ids.values[ob])
        and np.array_equal(D.src.values[ar], ob[C.src.values])
        and np.array_equal(D.tgt.values[ar], ob[C.tgt.values])
    )


def natural(alpha: NaturalTransformation) -> bool:
    return not alpha.failures()


def test_these_checks_can_fail():
    C = FiniteCategory.chain(2)
    one = Functor.identity(C)
    assert holds(one)
    assert not holds(Functor.build(C, C, one.ob.values, one.ar.values[::-1]))
    assert not holds(Functor.build(C, C, one.ob.values[::-1], one.ar.values))
    broken = {"*": "s"}
    assert not natural(NaturalTransformation(*[Functor.identity(S3)] * 2, broken, check=False))


@FEW
@given(small)
def test_the_opposite_turns_composites_round_and_is_an_involution(C: FiniteCategory):
    D = opposite(C)
    assert D.failures() == []
    assert opposite(D) is C
    assert opposite(pickle.loads(pickle.dumps(D))) == C
    for f, g in zip(*(C.ar.labels(rows.tolist()) for rows in C.pairs), strict=True):
        assert D.compose(g, f) == C.compose(f, g)
    F = Functor.constant(C, C, C.objects[-1])
    assert holds(opposite(F))


def test_a_mutant_of_the_opposite_forgets_to_turn_composites():
    D = opposite(S3)
    mutant = FiniteCategory.build(
        S3.ob, S3.ar, S3.tgt.values, S3.src.values, S3.ids.values, S3.then
    )
    assert D.compose("t", "s") == S3.compose("s", "t") != mutant.compose("t", "s")


def test_opposite_orders_and_groups():
    assert are_isomorphic(opposite(DIVISORS), DIVISORS)
    assert are_isomorphic(opposite(S3), S3)
    assert opposite(S3) != S3
    fork = FiniteCategory.poset([("a", "b"), ("a", "c")])
    assert not are_isomorphic(opposite(fork), fork)


@FEW
@given(small, st.data())
def test_slices(C: FiniteCategory, data: st.DataObject):
    at = data.draw(st.sampled_from(C.objects))
    S = slice_category(C, at)
    assert S.failures() == []
    assert holds(S.projection)
    # Arrows of the slice are pairs of arrows that meet, the second of which ends there.
    _, second = C.pairs
    into = C.tgt.values == C.object(at)
    assert (len(S.objects), len(S)) == (into.sum(), into[second].sum())
    assert C.identity(at) in S.terminal_objects
    assert cl.terminal(S[S.identity(C.identity(at))]).name in S.terminal_objects
    for arrow in S.arrows:
        f, g = S.ends(arrow)
        assert C.compose(S.projection(arrow), g) == f
    K = coslice_category(opposite(C), at)
    assert are_isomorphic(opposite(K), S)
    assert holds(K.projection)
    assert C.identity(at) in coslice_category(C, at).initial_objects


def test_the_slice_of_a_poset_is_a_principal_ideal():
    for n in DIVISORS.objects:
        below = full_subcategory(DIVISORS, [d for d in DIVISORS.objects if int(n) % int(d) == 0])
        S = slice_category(DIVISORS, n)
        assert are_isomorphic(S, below)
        assert S.projection.image().domain == below
    assert not are_isomorphic(slice_category(DIVISORS, "12"), slice_category(DIVISORS, "30"))


@FEW
@given(small)
def test_the_arrow_category_is_a_functor_category(C: FiniteCategory):
    squares = arrow_category(C)
    assert squares.failures() == []
    assert holds(squares.left)
    assert holds(squares.right)
    assert natural(squares.transformation)
    functors_in = functor_category(FiniteCategory.walking_arrow(), C)
    assert sorted(functors_in.objects) == sorted(squares.objects)
    assert len(functors_in) == len(squares)
    if len(squares) <= 60:
        assert are_isomorphic(functors_in, squares)


@FEW
@given(finite_categories(nonempty=True, max_arrows=3), st.data())
def test_comma_categories(C: FiniteCategory, data: st.DataObject):
    A = data.draw(st.sampled_from([FiniteCategory.chain(1), FiniteCategory.discrete("pq")]))
    found = list(functors(A, C, limit=20))
    F, G = data.draw(st.sampled_from(found)), data.draw(st.sampled_from(found))
    K = comma(F, G)
    assert K.failures() == []
    assert holds(K.left)
    assert holds(K.right)
    assert natural(K.transformation)
    # Counted by the definition.
    objects = [(a, b, h) for a in A.objects for b in A.objects for h in C.hom(F(a), G(b))]
    squares = [
        (u, v)
        for (a, b, h), (c, d, k) in itertools.product(objects, objects)
        for u in A.hom(a, c)
        for v in A.hom(b, d)
        if C.compose(F(u), k) == C.compose(h, G(v))
    ]
    assert (len(K.objects), len(K)) == (len(objects), len(squares))


def test_the_transformation_of_a_comma_category_is_universal():
    """A natural transformation between two ways to C is the same as a functor to the comma."""
    F = Functor(FiniteCategory.chain(1), DIVISORS, arrows={"0 <= 1": "2 <= 6"})
    G = Functor(FiniteCategory.discrete("p"), DIVISORS, objects={"p": "12"})
    K = comma(F, G)
    X = FiniteCategory.walking_arrow()
    cones = [
        (H, L, alpha)
        for H in functors(X, F.domain)
        for L in functors(X, G.domain)
        for alpha in natural_transformations(H >> F, L >> G)
    ]
    into = list(functors(X, K))
    assert len(into) == len(cones) > 0
    made = {(M >> K.left, M >> K.right, str(M >> K.transformation)) for M in into}
    assert made == {(H, L, str(alpha)) for H, L, alpha in cones}
    with raises(NotComposable, law="codomain", where="F, G"):
        comma(F, Functor.identity(X))


@FEW
@given(small)
def test_twisted_arrows(C: FiniteCategory):
    T = twisted_arrow_category(C)
    assert T.failures() == []
    assert holds(T.left)
    assert holds(T.right)
    count = 0
    for f in C.arrows:
        a, b = C.ends(f)
        out = sum(len(C.hom(b, c)) for c in C.objects)
        count += out * sum(len(C.hom(c, a)) for c in C.objects)
    assert len(T) == count
    # It is the category of elements of hom: arrows over identities are identities.
    over = (T.left.ar.values, T.right.ar.values)
    units = C.is_identity[over[0]] & C.is_identity[over[1]]
    assert np.array_equal(units, T.is_identity)


@FEW
@given(small, st.data())
def test_subcategories(C: FiniteCategory, data: st.DataObject):
    some = data.draw(st.lists(st.sampled_from(C.arrows), max_size=3))
    for part in (subcategory(C, some), wide_subcategory(C, some)):
        assert part.failures() == []
        assert holds(part.inclusion)
        assert set(some) <= set(part.arrows)
        again = subcategory(C, part.arrows) if part.objects else part
        assert again == part
    assert wide_subcategory(C, some).objects == C.objects
    objects = {end for f in some for end in C.ends(f)}
    full = full_subcategory(C, objects)
    assert set(subcategory(C, some).arrows) <= set(full.arrows)
    assert full.inclusion.is_full
    assert full.inclusion.is_faithful


@FEW
@given(small)
def test_a_skeleton_is_equivalent_and_skeletal(C: FiniteCategory):
    S = skeleton(C)
    assert S.is_skeletal
    assert S.failures() == []
    assert S.inclusion.is_equivalence
    assert holds(S.retraction)
    assert S.inclusion >> S.retraction == Functor.identity(S)
    assert natural(S.isomorphism)
    assert S.isomorphism.is_isomorphism
    assert are_equivalent(S, C)
    assert len(S.objects) == len(C.isomorphism_classes)


def test_skeletons():
    assert skeleton(FiniteCategory.codiscrete("ABC")).arrows == ("id(A)",)
    assert skeleton(DIVISORS) == DIVISORS
    # A groupoid with two isomorphic objects has the automorphisms of one of them.
    connected = cl.product(S3, FiniteCategory.codiscrete("AB")).apex
    assert are_isomorphic(skeleton(connected), S3)
    mutant = full_subcategory(connected, connected.objects)
    assert not mutant.is_skeletal


@FEW
@given(finite_categories(nonempty=True).filter(lambda C: len(C) <= 12))
def test_in_the_karoubi_envelope_all_idempotents_split(C: FiniteCategory):
    K = karoubi(C)
    assert K.failures() == []
    assert K.idempotents == K.split_idempotents
    E = K.embedding
    assert holds(E)
    assert E.is_full
    assert E.is_faithful
    assert E.is_equivalence == (C.idempotents == C.split_idempotents)
    if len(K) <= 40:
        assert are_equivalent(karoubi(K), K)


def test_karoubi_envelopes():
    K = karoubi(IDEMPOTENT)
    # The walking retract: two objects, and a retraction r and a section s with s >> r = id.
    retract = FiniteCategory(
        ["A", "B"],
        {"r": ("A", "B"), "s": ("B", "A"), "e": ("A", "A")},
        {
            ("s", "r"): "id(B)",
            ("r", "s"): "e",
            ("e", "e"): "e",
            ("e", "r"): "r",
            ("s", "e"): "s",
        },
    )
    assert are_isomorphic(K, retract)
    assert not K.embedding.is_equivalence
    assert karoubi(S3).embedding.is_isomorphism
    # Functions on three elements split into sets of three, two and one elements.
    sets = skeleton(karoubi(T3))
    sizes = sorted(len(sets.hom(a, a)) for a in sets.objects)
    assert sizes == [1, 4, 27]
    assert len(sets) == sum(n**m for m in (1, 2, 3) for n in (1, 2, 3))


@FEW
@given(
    finite_categories(nonempty=True, max_objects=2, max_arrows=2).filter(lambda C: len(C) <= 8),
    finite_categories(nonempty=True, max_objects=2, max_arrows=3).filter(lambda C: len(C) <= 8),
)
def test_functor_categories(C: FiniteCategory, D: FiniteCategory):
    K = functor_category(C, D)
    assert K.failures() == []
    assert list(K.functors) == list(functors(C, D))
    for F, a in zip(K.functors[:3], K.objects, strict=False):
        for G, b in zip(K.functors[:3], K.objects, strict=False):
            here = {str(K.transformation(f)) for f in K.hom(a, b)}
            assert here == {str(alpha) for alpha in natural_transformations(F, G)}
    for f in K.arrows[-3:]:
        assert natural(K.transformation(f))
    for a in C.objects:
        assert holds(K.evaluation(a))
    first, second = K.pairs
    for k in range(0, len(first), max(1, len(first) // 5)):
        whole = K.transformation(int(first[k])) >> K.transformation(int(second[k]))
        assert whole == K.transformation(int(K.composites[k]))


@pytest.mark.parametrize(
    "D",
    [
        FiniteCategory.chain(1),
        FiniteCategory.free(Graph({"f": ("A", "B"), "g": ("A", "B")})),
        FiniteCategory.group(range(2), lambda x, y: (x + y) % 2),
        IDEMPOTENT,
    ],
)
def test_functors_of_two_arguments_are_functors_to_functors(D: FiniteCategory):
    """[A x B, D] and [A, [B, D]] are isomorphic."""
    A, B = FiniteCategory.walking_arrow(), FiniteCategory.discrete("pq")
    together = functor_category(cl.product(A, B).apex, D)
    one_by_one = functor_category(A, functor_category(B, D))
    assert are_isomorphic(together, one_by_one)
    assert not are_isomorphic(together, functor_category(A, D))


def test_functor_categories_of_known_size():
    assert functor_category(FiniteCategory.discrete("pq"), DIVISORS).objects[1] == "(1, 2)"
    point = FiniteCategory.discrete(["p"])
    assert are_isomorphic(functor_category(point, S3), S3)
    # Monotone maps between chains [m] -> [n] are counted by binomials.
    chains = functor_category(FiniteCategory.chain(2), FiniteCategory.chain(3))
    assert len(chains.objects) == 20
    assert chains.is_thin
    assert chains.is_skeletal
    # Homomorphisms of groups up to conjugation: the classes of elements of order 1 and 2.
    Z2 = FiniteCategory.group(range(2), lambda x, y: (x + y) % 2)
    homs = functor_category(Z2, S3)
    assert homs.is_groupoid
    assert sorted(map(len, homs.isomorphism_classes)) == [1, 3]
    empty = FiniteCategory.discrete([])
    assert len(functor_category(empty, S3)) == 1
    assert len(functor_category(S3, empty)) == 0


def test_constructions_that_are_too_large():
    big = FiniteCategory.group(range(400), lambda x, y: (x + y) % 400, check=False)
    with raises(TooLarge, "64000000"):
        arrow_category(big)
    with raises(TooLarge, "64000000"):
        twisted_arrow_category(big)
    with raises(TooLarge, "bound", 10):
        functor_category(FiniteCategory.chain(2), FiniteCategory.chain(3), bound=10)
    with raises(TooLarge, "bound", 50):
        functor_category(FiniteCategory.chain(2), FiniteCategory.chain(3), bound=50)


def test_names_are_unique_and_read_back():
    parallel = FiniteCategory.free(Graph({"f": ("A", "B"), "g": ("A", "B")}))
    for C in (
        slice_category(parallel, "B"),
        arrow_category(parallel),
        twisted_arrow_category(parallel),
        karoubi(IDEMPOTENT),
        functor_category(FiniteCategory.discrete("pq"), parallel),
        comma(Functor.identity(parallel), Functor.constant(parallel, parallel, "B")),
    ):
        assert len(set(C.arrows)) == len(C)
        assert [C.arrow(f) for f in C.arrows] == list(range(len(C)))
        assert pickle.loads(pickle.dumps(C)) == C


# ---------------------------------------------------------------- the Grothendieck construction


def is_opcartesian(P: Functor, phi: str) -> bool:
    """Each arrow out of phi's source over ``f >> g`` is phi, then exactly one arrow over g."""
    E, C, f = P.domain, P.codomain, P(phi)
    source, target = E.ends(phi)
    out = [k for k in E.arrows if E.ends(k)[0] == target]
    return all(
        sum(E.compose(phi, k) == whole and P(k) == g for k in out) == 1
        for whole in E.arrows
        if E.ends(whole)[0] == source
        for g in C.hom(C.ends(f)[1], P(E.ends(whole)[1]))
        if C.compose(f, g) == P(whole)
    )


def is_opfibration(P: Functor) -> bool:
    E, C = P.domain, P.codomain
    return all(
        any(P(k) == f and is_opcartesian(P, k) for k in E.arrows if E.ends(k)[0] == e)
        for e in E.objects
        for f in C.arrows
        if C.ends(f)[0] == P(e)
    )


POOL = [
    FiniteCategory.discrete([]),
    FiniteCategory.discrete(["x", "y"]),
    FiniteCategory.chain(1),
    FiniteCategory.group(range(2), lambda x, y: (x + y) % 2),
    IDEMPOTENT,
]
FREE = [
    Graph({"f": ("a", "b")}),
    Graph({"f": ("a", "b"), "g": ("a", "c")}),
    Graph({"f": ("a", "b"), "g": ("b", "c")}),
    Graph({"f": ("a", "b"), "g": ("a", "b")}),
]


@st.composite
def families(draw):
    """Functors from a free category to small ones."""
    C = FiniteCategory.free(draw(st.sampled_from(FREE)))
    parts, arrows = {}, {}
    for c in C.objects:
        parts[c] = draw(st.sampled_from(POOL if c == "a" else POOL[1:]))
    for f in C.generators.edges:
        source, target = (parts[end] for end in C.ends(f))
        arrows[f] = draw(st.sampled_from(list(functors(source, target))))
    return Functor(C, Morphisms(), parts, arrows)


@FEW
@given(families())
def test_the_projection_of_a_total_category_is_a_split_opfibration(F):
    total = grothendieck(F)
    P, C = total.projection, F.domain
    assert not total.failures()
    assert not P.failures()
    assert len(total.objects) == sum(len(F(c).objects) for c in C.objects)
    for e in total.objects:
        assert total.lift(e, C.identity(P(e))) == total.identity(e)
        for f in (f for f in C.arrows if C.ends(f)[0] == P(e)):
            phi = total.lift(e, f)
            assert total.ends(phi)[0] == e
            assert P(phi) == f
            assert is_opcartesian(P, phi)
            end = total.ends(phi)[1]
            for g in (g for g in C.arrows if C.ends(g)[0] == C.ends(f)[1]):
                assert total.compose(phi, total.lift(end, g)) == total.lift(e, C.compose(f, g))
    for c in C.objects:
        inside = total.fibre(c)
        assert holds(inside)
        assert inside.is_monic
        assert set(inside.ar.values) == {
            k for k, f in enumerate(P.ar.values.tolist()) if f == C.arrow(C.identity(c))
        }
        for e in F(c).objects:
            for f in (f for f in C.generators.edges if C.ends(f)[0] == c):
                # The lift ends at the value of the functor at f.
                end = total.ends(total.lift(f"{c}:{e}", f))[1]
                assert end == f"{C.ends(f)[1]}:{F.arrows[f](e)}"


def test_what_is_no_opfibration_is_rejected():
    chain, point = FiniteCategory.chain(1), FiniteCategory.discrete(["p"])
    assert not is_opfibration(Functor.constant(point, chain, "0"))
    total = grothendieck(
        Functor(
            FiniteCategory.walking_arrow(),
            Morphisms(),
            arrows={"f": Functor.constant(point, chain, "0")},
        )
    )
    assert is_opfibration(total.projection)
    assert is_opcartesian(total.projection, "f@p")
    assert not is_opcartesian(total.projection, "(f, 0 <= 1): 0:p -> 1:1")
    with pytest.raises(NotComposable):
        total.lift("1:0", "f")


@FEW
@given(small, small)
def test_the_total_category_of_a_constant_family_is_the_product(C, D):
    if len(C) * len(D) > 60:
        return
    total = grothendieck(Functor.constant(C, Morphisms(), D))
    assert are_isomorphic(total, cl.product(C, D).apex)


@FEW
@given(cl.laws.csets(cl.SchGraph, max_rows=3))
def test_the_total_category_of_a_family_of_sets_has_the_elements_of_the_cset(X):
    C = cl.SchGraph.category()
    parts = {c: FiniteCategory.discrete(X.names(c)) for c in C.objects}
    arrows = {
        f: Functor(
            parts[C.ends(f)[0]],
            parts[C.ends(f)[1]],
            dict(zip(X.names(C.ends(f)[0]), X.arrows[f].values.tolist(), strict=True)),
        )
        for f in C.generators.edges
    }
    total = grothendieck(Functor(C, Morphisms(), parts, arrows))
    elements = cl.cset.category_of_elements(X)
    same = Functor(
        total,
        elements.category,
        {a: a for a in total.objects},
        {k: k for k in total.generators.edges},
    )
    assert same.is_isomorphism
    assert same >> elements.projection == total.projection


def test_families_are_of_finite_categories():
    chain, line = FiniteCategory.chain(1), Graph({"f": ("a", "b")})
    with pytest.raises(WrongKind):
        grothendieck(Functor(line, Morphisms(), arrows={"f": Functor.identity(chain)}))
    with pytest.raises(WrongKind):
        grothendieck(Functor.constant(chain, Morphisms(), FinSet(2)))
    with pytest.raises(WrongKind):
        grothendieck(chain)
    empty = grothendieck(Functor(FiniteCategory.discrete([]), Morphisms()))
    assert empty.objects == empty.arrows == ()
