"""Kinds of arrows, and limits inside a category: known cases, and definitions by brute force."""

import itertools
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.category import (
    Arrow,
    FiniteCategory,
    Functor,
    Graph,
    Morphisms,
    Object,
    full_subcategory,
    functors,
    opposite,
)
from catlearn.cset import CSet, Schema
from catlearn.errors import (
    DoesNotExist,
    InvalidStructure,
    NotACone,
    NotComposable,
    TooLarge,
    UnknownName,
)
from catlearn.finset import Diagram, FinFunction
from catlearn.laws import finite_categories
from tests.errors import fails, raises

FEW = settings(max_examples=30)
small = finite_categories(nonempty=True).filter(lambda C: len(C) <= 30)


def functions(most: int) -> tuple[FiniteCategory, list[FinFunction]]:
    """The category of the sets of sizes 0 to ``most``, and the function that each arrow is."""
    found = [
        FinFunction(list(values), m, n)
        for m in range(most + 1)
        for n in range(most + 1)
        for values in itertools.product(range(n), repeat=m)
    ]
    place = {f: row for row, f in enumerate(found)}

    def compose(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        pairs = zip(first.tolist(), second.tolist(), strict=True)
        return np.array([place[found[f] >> found[g]] for f, g in pairs])

    C = FiniteCategory.build(
        [str(n) for n in range(most + 1)],
        [str(f) for f in found],
        np.array([f.domain.size for f in found]),
        np.array([f.codomain.size for f in found]),
        np.array([place[FinFunction.identity(n)] for n in range(most + 1)]),
        compose,
    )
    return C, found


SETS, FUNCTIONS = functions(3)
DIVISORS = FiniteCategory.poset(lambda a, b: b % a == 0, [d for d in range(1, 61) if 60 % d == 0])


def by_definition(C: FiniteCategory) -> dict[str, set[str]]:
    """Each kind of arrow by its definition, quantifier by quantifier."""
    kinds: dict[str, set[str]] = {kind: set() for kind in KINDS}
    into = {a: [f for f in C.arrows if C.ends(f)[1] == a] for a in C.objects}
    out = {a: [f for f in C.arrows if C.ends(f)[0] == a] for a in C.objects}
    for f in C.arrows:
        a, b = C.ends(f)
        before = [C.compose(u, f) for u in into[a]]
        after = [C.compose(f, u) for u in out[b]]
        section = any(C.compose(f, r) == C.identity(a) for r in C.hom(b, a))
        retraction = any(C.compose(s, f) == C.identity(b) for s in C.hom(b, a))
        idempotent = a == b and C.compose(f, f) == f
        split = idempotent and any(
            C.compose(r, s) == f and C.compose(s, r) == C.identity(c)
            for c in C.objects
            for r in C.hom(a, c)
            for s in C.hom(c, a)
        )
        for kind, holds in zip(
            KINDS,
            (
                len({(C.ends(h), h) for h in before}) == len(before),
                len(set(after)) == len(after),
                section,
                retraction,
                section and retraction,
                idempotent,
                split,
            ),
            strict=True,
        ):
            if holds:
                kinds[kind].add(f)
    return kinds


KINDS = (
    "monomorphisms",
    "epimorphisms",
    "sections",
    "retractions",
    "isomorphisms",
    "idempotents",
    "split_idempotents",
)


@FEW
@given(small)
def test_kinds_of_arrows_are_what_their_definitions_say(C: FiniteCategory):
    expected = by_definition(C)
    for kind in KINDS:
        assert set(getattr(C, kind)) == expected[kind], kind


@FEW
@given(small)
def test_kinds_are_dual(C: FiniteCategory):
    D = opposite(C)
    assert D.monomorphisms == C.epimorphisms
    assert D.sections == C.retractions
    assert D.isomorphisms == C.isomorphisms
    assert D.split_idempotents == C.split_idempotents
    assert D.initial_objects == C.terminal_objects


def test_a_mutant_has_other_monos():
    """The kinds depend on composites: change one and the definition disagrees with the old ones."""
    M = FiniteCategory.monoid(range(4), lambda a, b: (a + b) % 4)
    table = M.composites.copy()
    table[5] = 0  # 1 + 1 = 0
    N = FiniteCategory.build(
        ["*"], M.ar, M.src.values, M.tgt.values, M.ids.values, lambda f, g: table
    )
    assert set(N.monomorphisms) == by_definition(N)["monomorphisms"] != set(M.monomorphisms)


def test_kinds_of_functions():
    rows = zip(SETS.is_mono, SETS.is_epi, SETS.is_iso, FUNCTIONS, strict=True)
    for mono, epi, iso, f in rows:
        assert (mono, epi, iso) == (f.is_injective, f.is_surjective, f.is_bijective)
    # Sections are injective functions, but for those from the empty set to others.
    assert len(SETS.monomorphisms) - len(SETS.sections) == 3
    assert SETS.retractions == SETS.epimorphisms
    assert SETS.idempotents == SETS.split_idempotents
    assert (SETS.initial_objects, SETS.terminal_objects, SETS.zero_objects) == (("0",), ("1",), ())
    assert [len(SETS.subobjects(str(n))) for n in range(4)] == [1, 2, 4, 8]
    assert SETS.is_balanced
    assert SETS.is_skeletal
    assert not SETS.is_thin
    assert not SETS.is_groupoid


def test_inverses_and_splittings():
    for f in SETS.isomorphisms:
        g = SETS.inverse(f)
        a, b = SETS.ends(f)
        assert SETS.compose(f, g) == SETS.identity(a)
        assert SETS.compose(g, f) == SETS.identity(b)
    for e in SETS.idempotents:
        r, s = SETS.splitting(e)
        assert SETS.compose(r, s) == e
        assert SETS.compose(s, r) == SETS.identity(SETS.ends(r)[1])
    M = FiniteCategory.monoid("1e", {(x, y): max(x, y) for x in "1e" for y in "1e"})
    with raises(InvalidStructure, "x", "id", law="isomorphism", where="e"):
        M.inverse("e")
    with raises(InvalidStructure, law="idempotent", where="e"):
        M.splitting("e")
    with raises(InvalidStructure, "id", law="idempotent", where="s"):
        FiniteCategory(["A"], {"s": ("A", "A")}, {("s", "s"): "id(A)"}).splitting("s")
    with raises(InvalidStructure, law="idempotent", where="2 <= 4"):
        DIVISORS.splitting("2 <= 4")


def test_arrows_are_values():
    C = FiniteCategory.free(Graph({"f": ("A", "B"), "g": ("B", "C")}))
    f, g = C["f"], C["g"]
    assert f >> g == C["f >> g"] == Arrow(C, C.generators.path("f >> g"))
    assert (f.domain, g.codomain) == (C["A"], Object(C, "C"))
    assert {f, f >> g, C["f"]} == {f, C["f >> g"]}
    assert pickle.loads(pickle.dumps(f)) == f
    assert repr(f) == "<Arrow f : A -> B>"
    assert str(f.domain) == "A"
    with raises(NotComposable, "A", "C", law="composition", where="g >> f"):
        g >> f
    with raises(NotComposable, law="composition", where="f >> [2, 2, 2] : 3 -> 3"):
        f >> SETS[SETS.arrows[-1]]
    with raises(UnknownName, "k", "A", "B", "C"):
        C["k"]
    with raises(UnknownName, 0):
        C[0]  # type: ignore[index]
    with raises(InvalidStructure, "2", law="category", where="object 1"):
        cl.product(C["A"], Object(SETS, "2"))
    both = FiniteCategory.monoid(["*"], [["*"]])
    with raises(UnknownName, "*"):
        both["*"]
    assert Object(both, "*") != Arrow(both, "*")
    swap = SETS["[1, 0] : 2 -> 2"]
    assert swap.inverse() == swap
    assert swap.is_iso
    assert swap.is_epi
    assert not swap.is_identity


@given(st.sampled_from(DIVISORS.objects), st.sampled_from(DIVISORS.objects))
@FEW
def test_products_of_divisors_are_greatest_common_divisors(a: str, b: str):
    x, y = DIVISORS[a], DIVISORS[b]
    assert cl.product(x, y).apex.name == str(math.gcd(int(a), int(b)))
    assert cl.coproduct(x, y).apex.name == str(math.lcm(int(a), int(b)))
    f, g = (DIVISORS[DIVISORS.hom(k, "60")[0]] for k in (a, b))
    assert cl.pullback(f, g).apex == cl.product(x, y).apex
    assert cl.initial(x).name == "1"
    assert cl.terminal(x).name == "60"


arrows = st.sampled_from(range(len(FUNCTIONS)))
spans = st.tuples(arrows, arrows).filter(lambda k: FUNCTIONS[k[0]].domain == FUNCTIONS[k[1]].domain)


def parallel(k: tuple[int, int]) -> bool:
    f, g = FUNCTIONS[k[0]], FUNCTIONS[k[1]]
    return f.domain == g.domain and f.codomain == g.codomain


def agrees(
    inside: cl.finset.Colimit | cl.finset.Limit, outside: cl.finset.Colimit | cl.finset.Limit
) -> bool:
    """Whether a (co)limit found by search is one: compare with the one of finite sets."""
    legs = [FUNCTIONS[leg.row] for leg in inside.legs]
    if inside.apex.row != outside.apex.size:
        return False
    return outside.universal(*legs).is_bijective


@settings(max_examples=60)
@given(spans)
def test_pushouts_of_functions_agree_with_those_of_finite_sets(k: tuple[int, int]):
    f, g = (SETS[SETS.ar.label(row)] for row in k)
    outside = cl.pushout(FUNCTIONS[k[0]], FUNCTIONS[k[1]])
    if outside.apex.size <= 3:
        inside = cl.pushout(f, g)
        assert agrees(inside, outside)
        u = inside.universal(*inside.legs)
        assert u.is_identity
    else:
        with raises(DoesNotExist):
            cl.pushout(f, g)


@settings(max_examples=60)
@given(st.tuples(arrows, arrows).filter(parallel))
def test_equalizers_of_functions_agree_with_those_of_finite_sets(k: tuple[int, int]):
    (f, g), (one, two) = (SETS[SETS.ar.label(row)] for row in k), (FUNCTIONS[row] for row in k)
    assert agrees(cl.equalizer(f, g), cl.equalizer(one, two))
    assert agrees(cl.coequalizer(f, g), cl.coequalizer(one, two))


def test_products_of_sets():
    for m in range(4):
        for n in range(4):
            one, two = Object(SETS, m), Object(SETS, n)
            if m * n <= 3:
                inside = cl.product(one, two)
                assert inside.apex.row == m * n
                assert agrees(inside, cl.product(cl.FinSet(m), cl.FinSet(n)))
            else:
                with pytest.raises(DoesNotExist):
                    cl.product(one, two)
            if m + n <= 3:
                assert cl.coproduct(one, two).apex.row == m + n


def test_agreement_with_finite_sets_can_fail():
    f = SETS["[0, 0] : 2 -> 2"]
    found = cl.equalizer(f, SETS["[1, 0] : 2 -> 2"])
    wrong = cl.finset.Limit(found.diagram, Object(SETS, "1"), [SETS["[1] : 1 -> 2"]])
    outside = cl.equalizer(FUNCTIONS[f.row], cl.FinFunction([1, 0], codomain=2))
    assert agrees(found, outside)
    with pytest.raises(NotACone):
        agrees(cl.finset.Limit(found.diagram, Object(SETS, "1"), [SETS["[0] : 1 -> 2"]]), outside)
    assert agrees(wrong, outside)
    assert not agrees(cl.finset.Limit(found.diagram, Object(SETS, "2"), [f]), outside)


def is_limit(C: FiniteCategory, limit: cl.finset.Limit) -> bool:
    """The universal property, cone by cone: each is ``u >> leg`` for exactly one u."""
    diagram = limit.diagram
    for y in C.objects:
        made = [
            tuple((Arrow(C, u) >> leg).row for leg in limit.legs) for u in C.hom(y, limit.apex.name)
        ]
        cones: list[tuple[int, ...]] = [()]
        for d in diagram.leg_objects:
            cones = [(*cone, C.arrow(h)) for cone in cones for h in C.hom(y, d.name)]
        good = [c for c in cones if not diagram.walk([Arrow(C, h) for h in c], inward=False)[1]]
        if sorted(made) != sorted(good):
            return False
    return True


@st.composite
def diagrams(draw: st.DrawFn) -> tuple[FiniteCategory, Diagram]:
    """A small category, and a diagram in it: objects, and some arrows between them."""
    C = draw(small)
    chosen = draw(st.lists(st.sampled_from(C.objects), min_size=1, max_size=3))
    places = range(len(chosen))
    between = [
        (i, j, Arrow(C, f)) for i in places for j in places for f in C.hom(chosen[i], chosen[j])
    ]
    some = draw(st.lists(st.sampled_from(between), max_size=3))
    return C, Diagram([Object(C, a) for a in chosen], some)


def search(take: Any, diagram: Diagram) -> Any:
    """Return the (co)limit, or the text of the error that there is none."""
    try:
        return take(diagram)
    except DoesNotExist as error:
        return str(error)


@settings(max_examples=60)
@given(diagrams())
def test_limits_have_the_universal_property_and_are_missed_nowhere(
    case: tuple[FiniteCategory, Diagram],
):
    C, diagram = case
    found = search(cl.limit, diagram)
    if not isinstance(found, cl.finset.Limit):
        assert "it is universal" not in found
        for x in C.objects:
            cones: list[list[Arrow]] = [[]]
            for d in diagram.objects:
                cones = [[*cone, Arrow(C, h)] for cone in cones for h in C.hom(x, d.name)]
            for cone in cones:
                if not diagram.walk(cone, inward=False)[1]:
                    assert not is_limit(C, cl.finset.Limit(diagram, Object(C, x), cone))
        return
    assert is_limit(C, found)
    for u in C.hom(C.objects[-1], found.apex.name):
        cone = [Arrow(C, u) >> leg for leg in found.legs]
        assert found.universal(*cone) == Arrow(C, u)


@settings(max_examples=40)
@given(diagrams())
def test_colimits_are_limits_of_the_opposite(case: tuple[FiniteCategory, Diagram]):
    C, diagram = case
    D = opposite(C)
    turned = Diagram(
        [Object(D, a.row) for a in diagram.objects],
        [(j, i, Arrow(D, m.row)) for i, j, m in diagram.arrows],
    )
    found = search(cl.colimit, diagram)
    if not isinstance(found, cl.finset.Colimit):
        assert (
            found.replace("cocone", "cone").replace(" to ", " from ").splitlines()[1:]
            == str(search(cl.limit, turned)).splitlines()[1:]
        )
        return
    other = cl.limit(turned)
    assert found.apex.row == other.apex.row
    assert [leg.row for leg in found.legs] == [leg.row for leg in other.legs]
    for u in C.hom(found.apex.name, C.objects[0]):
        cocone = [leg >> Arrow(C, u) for leg in found.legs]
        assert found.universal(*cocone) == Arrow(C, u)


def test_a_cone_that_is_not_universal_is_told_from_one_that_is():
    meet = cl.product(DIVISORS["4"], DIVISORS["6"])
    assert is_limit(DIVISORS, meet)
    smaller = [DIVISORS["1 <= 4"], DIVISORS["1 <= 6"]]
    assert not is_limit(DIVISORS, cl.finset.Limit(meet.diagram, DIVISORS["1"], smaller))


def test_an_error_names_the_nearest_candidates():
    # Two lower bounds of two upper ones: no meet.
    P = FiniteCategory.poset([("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")])
    a, b = "(a <= c, a <= d)", "(b <= c, b <= d)"
    nearest = [(f"a with legs {a}", b, "b"), (f"b with legs {b}", a, "a")]
    with fails(DoesNotExist, *[("universality", *one) for one in nearest]):
        cl.product(P["c"], P["d"])
    with raises(DoesNotExist, law="existence", where="diagram"):
        cl.product(P["a"], P["b"])
    with raises(DoesNotExist, law="existence", where="diagram"):
        cl.coproduct(P["c"], P["d"])
    twice = FiniteCategory.free(Graph({"f": ("A", "B"), "g": ("A", "B")}))
    with raises(DoesNotExist, "B", "f", "g", law="universality", where="A"):
        cl.initial(twice["A"])


def test_a_functor_is_a_diagram_in_its_codomain():
    two = FiniteCategory.free(Graph({"p": ("x", "z"), "q": ("y", "z")}))
    for F in list(functors(two, SETS, objects={"x": "1", "y": "2", "z": "2"}))[:6]:
        whole = cl.limit(F)
        square = cl.pullback(SETS[F("p")], SETS[F("q")])
        assert whole.apex == square.apex
        assert (whole["x"], whole["y"]) == square.legs
    F = Functor(two, SETS, arrows={"p": "[0] : 1 -> 2", "q": "[0, 1] : 2 -> 2"})
    assert cl.colimit(F).apex.name == "2"


@pytest.mark.parametrize(
    ("target", "ends"),
    [
        (SETS, ("0", "1")),
        (FiniteCategory.chain(2), ("0", "2")),
        (FiniteCategory.poset([("c", "a"), ("a", "b")]), ("c", "b")),
    ],
)
def test_limits_of_nothing_are_terminal_and_initial_objects(target, ends):
    nothing = Functor(FiniteCategory([], {}), target)
    assert (cl.colimit(nothing).apex.name, cl.limit(nothing).apex.name) == ends
    for x in target.objects:
        into = cl.limit(nothing).universal(domain=target[x])
        assert (into.domain, into.codomain) == (target[x], cl.limit(nothing).apex)
        out = cl.colimit(nothing).universal(codomain=target[x])
        assert (out.domain, out.codomain) == (cl.colimit(nothing).apex, target[x])
    discrete = FiniteCategory.discrete(["A", "B"])
    for take in (cl.limit, cl.colimit):
        with pytest.raises(DoesNotExist):
            take(Functor(FiniteCategory([], {}), discrete))


def test_morphisms_say_of_which_category_nothing_is_a_diagram():
    graph, three = Graph({"f": ("A", "B")}), FiniteCategory.chain(2)
    for of, least, most in (
        (None, cl.FinSet(0), cl.FinSet(1)),
        (Graph({}), Graph({}), None),
        (three, FiniteCategory([], {}), FiniteCategory.discrete(["A"])),
    ):
        target = Morphisms() if of is None else Morphisms(of=of)
        nothing = Functor(Graph({}), target)
        assert cl.colimit(nothing).apex == least
        if most is not None:
            assert len(cl.limit(nothing).apex) == len(most)
    loop = cl.limit(Functor(Graph({}), Morphisms(of=graph)))
    assert (loop.apex.size("V"), loop.apex.size("E")) == (1, 1)
    assert cl.limit(CSet(Schema([])).as_functor()).apex == cl.FinSet(1)
    assert cl.colimit(CSet(Schema([])).as_functor()).apex == cl.FinSet(0)


def test_what_is_found_does_not_depend_on_names_of_parts():
    part = full_subcategory(SETS, ["0", "1", "2"])
    for n in range(3):
        assert cl.product(part["1"], part[str(n)]).apex.name == str(n)


def test_thousand_arrows():
    """A monoid with 1000 elements, against the arithmetic of residues."""
    M = FiniteCategory.monoid(range(1000), lambda a, b: a * b % 1000, check=False)
    units = tuple(str(k) for k in range(1000) if math.gcd(k, 1000) == 1)
    assert M.isomorphisms == M.monomorphisms == M.epimorphisms == units
    assert M.idempotents == ("0", "1", "376", "625")
    assert M.split_idempotents == ("1",)
    assert M.inverse("3") == str(pow(3, -1, 1000))
    assert M.failures() == []
    assert np.count_nonzero(M.is_section) == 400


def test_diagrams_with_too_many_cones_are_refused():
    M = FiniteCategory.monoid(range(300), lambda a, b: a * b % 300, check=False)
    with raises(TooLarge, "27000000"):
        cl.pullback(M["0"], M["0"], M["0"])
