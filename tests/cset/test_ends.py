"""Profunctors, ends and coends: universal (co)wedges, known counts, composition."""

from itertools import product as tuples

import pytest
from hypothesis import assume, given, settings, strategies as st

from catlearn.category import FiniteCategory, Functor, Morphisms, opposite
from catlearn.cset import (
    CSet,
    Profunctor,
    Schema,
    SchGraph,
    coend,
    delta,
    end,
    functions_between,
    hom_profunctor,
    homomorphisms,
    is_isomorphic,
    left_kan,
    representable,
    tensor,
)
from catlearn.cset.profunctor import pairs_schema, transformations
from catlearn.errors import InvalidStructure, NotACocone, NotACone, TooLarge
from catlearn.finset import FinFunction, coproduct, product
from catlearn.laws.strategies import csets
from tests.cset.schemas import SQUARE
from tests.errors import raises

ARROW = Schema(["A", "B"], {"f": ("A", "B")})
IDEMPOTENT = Schema(["A"], {"e": ("A", "A")}, equations=["e >> e = e"])
CYCLIC = Schema(["A"], {"s": ("A", "A")}, equations=["s >> s >> s = id(A)"])
S3 = Schema(
    ["A"],
    {"r": ("A", "A"), "s": ("A", "A")},
    equations=["r >> r >> r = id(A)", "s >> s = id(A)", "r >> s >> r = s"],
)
schemas = st.sampled_from([SchGraph, ARROW, IDEMPOTENT, CYCLIC])


@st.composite
def profunctors(draw: st.DrawFn, source: Schema, target: Schema, max_rows: int = 2) -> Profunctor:
    values = draw(csets(pairs_schema(source, target), max_rows=max_rows, named=False))
    return Profunctor.of(source, target, values)


bifunctors = schemas.flatmap(lambda C: profunctors(C, C))


@settings(max_examples=40)
@given(bifunctors)
def test_an_end_is_the_set_of_families_that_agree(H: Profunctor):
    C, found = H.source, end(H)
    families = [
        dict(zip(C.tables, family, strict=True))
        for family in tuples(*(H.at(c, c) for c in C.tables))
    ]
    agree = [
        list(h.values())
        for h in families
        if all(H.right(a, f)(h[a]) == H.left(f, b)(h[b]) for f, (a, b) in C.arrows.items())
    ]
    assert [[leg(k) for leg in found.legs] for k in found.apex] == agree
    assert found.diagram.names == C.tables
    assert found.universal(*found.legs) == FinFunction.identity(found.apex)


@settings(max_examples=40)
@given(st.data(), bifunctors)
def test_a_coend_is_the_universal_cowedge(data, H: Profunctor):
    """Functions out of it are the cowedges, by counting and by the induced function."""
    C, found = H.source, coend(H)
    size = data.draw(st.integers(1, 2))
    rows = [(c, x) for c in C.tables for x in H.at(c, c)]
    assume(size ** len(rows) <= 512)
    count = 0
    for values in tuples(range(size), repeat=len(rows)):
        at = dict(zip(rows, values, strict=True))
        cowedge = [FinFunction([at[c, x] for x in H.at(c, c)], H.at(c, c), size) for c in C.tables]
        commutes = all(
            at[a, H.left(f, a)(x)] == at[b, H.right(b, f)(x)]
            for f, (a, b) in C.arrows.items()
            for x in H.at(b, a)
        )
        if commutes:
            u = found.universal(*cowedge)
            assert [leg >> u for leg in found.legs] == cowedge
            count += 1
        else:
            with pytest.raises(NotACocone):
                found.universal(*cowedge)
    assert count == size ** len(found.apex)


def test_what_is_not_universal_is_rejected(mutants):
    H = hom_profunctor(CYCLIC)
    found, row = end(H), H.at("A", "A")
    with mutants("end: a wedge with another component"), pytest.raises(NotACone):
        end(hom_profunctor(SchGraph)).universal(
            FinFunction([0], codomain=["id(V)"]), FinFunction([0, 0], codomain=["id(E)"])
        )
    # All rows, whether or not they agree on the two sides, are too many.
    S = hom_profunctor(S3)
    with mutants("end: the product of the diagonal"):
        assert len(end(S).apex) != len(S.at("A", "A"))
    with mutants("coend: the sum of the diagonal"):
        assert len(coend(S).apex) != len(S.at("A", "A"))
    assert len(found.apex) == len(row) == 3  # in an abelian group they are not


def test_centres_and_conjugacy_classes():
    """The end of Hom is the centre of a category, its coend the classes of endomorphisms."""
    for schema, centre, classes in (
        (CYCLIC, 3, 3),
        (S3, 1, 3),
        (IDEMPOTENT, 2, 2),
        (SchGraph, 1, 2),
        (SQUARE, 1, 4),
    ):
        H = hom_profunctor(schema)
        assert H.cset.failures() == []
        assert (len(end(H).apex), len(coend(H).apex)) == (centre, classes)


@settings(max_examples=40)
@given(st.data(), schemas)
def test_natural_transformations_are_an_end(data, schema: Schema):
    X, Y = data.draw(csets(schema, max_rows=3)), data.draw(csets(schema, max_rows=2))
    found, morphisms = transformations(X, Y)
    assert all(f.failures() == [] for f in morphisms)
    expected = list(homomorphisms(X, Y))
    assert len(morphisms) == len(found.apex) == len(expected)
    assert all(f in morphisms for f in expected)


@settings(max_examples=30)
@given(st.data(), schemas)
def test_functions_are_a_bifunctor(data, schema: Schema):
    X, Y = data.draw(csets(schema, max_rows=2)), data.draw(csets(schema, max_rows=2))
    H = functions_between(X, Y)
    assert H.cset.failures() == []
    for a, b in tuples(schema.tables, repeat=2):
        assert len(H.at(a, b)) == Y.size(b) ** X.size(a)


def test_functions_on_either_side_are_told_apart(mutants):
    H = functions_between(CSet(CYCLIC, A=3, s=[1, 2, 0]), CSet(CYCLIC, A=2, s=[0, 1]))
    left, right = {("s", "A"): list(H.left("s", "A"))}, {("A", "s"): [1, 2, 3, 4, 5, 6, 7, 0]}
    with mutants("profunctor: sides that do not commute"), pytest.raises(InvalidStructure) as bad:
        Profunctor(CYCLIC, CYCLIC, {("A", "A"): 8}, left, right)
    assert "(s, id(A)) >> (id(A), s)" in str(bad.value).replace('"', "")


def test_too_many_functions_are_refused():
    X = CSet(SchGraph, V=20)
    with raises(TooLarge, 20, "V"):
        functions_between(X, X)


@settings(max_examples=40)
@given(st.data(), schemas)
def test_the_tensor_product_with_a_representable_is_evaluation(data, schema: Schema):
    """Co-Yoneda: the coend over c of Hom(c, d) x X(c) is X(d)."""
    X = data.draw(csets(schema))
    H = hom_profunctor(schema)
    for d in schema.tables:
        values: dict = {c: len(H.at(c, d)) for c in schema.tables}
        values |= {f: list(H.left(f, d)) for f in schema.arrows}
        assert len(tensor(CSet(schema.opposite, values), X).apex) == X.size(d)


@settings(max_examples=30)
@given(st.data(), schemas)
def test_the_tensor_product_with_the_point_is_the_set_of_components(data, schema: Schema):
    X = data.draw(csets(schema))
    point = product(of=CSet(schema.opposite)).apex
    to_point = Functor(
        schema, Schema(["X"]), dict.fromkeys(schema.tables, "X"),
        dict.fromkeys(schema.arrows, "id(X)"),
    )  # fmt: skip
    assert len(tensor(point, X).apex) == left_kan(to_point, X).cset.size("X")
    one = delta(to_point, CSet(Schema(["X"]), X=1))
    assert len(end(functions_between(X, delta(to_point, CSet(Schema(["X"]), X=2)))).apex) == 2 ** (
        len(tensor(point, X).apex)
    )
    assert all(one.size(table) == 1 for table in schema.tables)


def test_the_tensor_product_needs_the_opposite():
    with raises(InvalidStructure, law="schema", where="C-set"):
        tensor(representable(SchGraph, "V"), representable(SchGraph, "E"))


@settings(max_examples=20)
@given(st.data(), schemas, st.sampled_from([ARROW, IDEMPOTENT]))
def test_hom_is_the_unit_of_composition(data, C: Schema, D: Schema):
    P = data.draw(profunctors(C, D))
    assert is_isomorphic((hom_profunctor(C) >> P).cset, P.cset)
    assert is_isomorphic((P >> hom_profunctor(D)).cset, P.cset)


@settings(max_examples=20)
@given(st.data())
def test_composition_is_associative(data):
    A, B, C, D = (data.draw(st.sampled_from([ARROW, IDEMPOTENT, CYCLIC])) for _ in range(4))
    P = data.draw(profunctors(A, B))
    Q = data.draw(profunctors(B, C))
    R = data.draw(profunctors(C, D))
    one, other = (P >> Q) >> R, P >> (Q >> R)
    assert one.cset.failures() == []
    assert is_isomorphic(one.cset, other.cset)


def test_the_product_alone_is_not_composition(mutants):
    """Pairs without relations: Hom would not be a unit."""
    P = hom_profunctor(CYCLIC)
    with mutants("composition of profunctors: relations left out"):
        assert len(P.at("A", "A")) ** 2 != len((P >> P).at("A", "A")) == 3


def test_composites_must_meet():
    with raises(InvalidStructure, law="composition", where="P"):
        hom_profunctor(CYCLIC) >> hom_profunctor(ARROW)
    with raises(InvalidStructure, law="ends", where="bifunctor"):
        end(Profunctor(CYCLIC, ARROW))


@settings(max_examples=20)
@given(st.data())
def test_functors_of_two_arguments_are_profunctors(data):
    C = FiniteCategory(["A", "B"], {"f": ("A", "B")})
    H = data.draw(profunctors(Schema.of_category(C), Schema.of_category(C)))
    pairs = product(opposite(C), C).apex
    assert set(H.cset.schema.tables) == set(pairs.objects)
    assert set(H.cset.schema.arrows) <= set(pairs.arrows)
    F = Functor(pairs, Morphisms(), H.cset.sets, H.cset.arrows)
    assert Profunctor.of(C, C, F) == H
    assert Profunctor.of(C, C, H.cset.as_functor()) == H
    with raises(InvalidStructure, "A", "B", law="objects"):
        Profunctor.of(C, C, Functor(C, Morphisms(), arrows={"f": FinFunction.identity(1)}))


def test_profunctors_of_sums():
    """Coends commute with disjoint unions."""
    H = hom_profunctor(S3)
    twice = Profunctor.of(S3, S3, coproduct(H.cset, H.cset).apex)
    assert len(coend(twice).apex) == 2 * len(coend(H).apex)
