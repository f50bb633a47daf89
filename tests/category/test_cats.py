"""Limits and colimits of categories: universal properties, with cones that are none."""

from hypothesis import assume, given, settings, strategies as st

from catlearn.category import (
    FiniteCategory,
    Functor,
    Graph,
    Presentation,
    are_isomorphic,
    functors,
    presentation_of_colimit,
)
from catlearn.errors import CatlearnError, NotACocone, NotACone, TooLarge
from catlearn.finset import (
    Diagram,
    Span,
    coequalizer,
    colimit,
    coproduct,
    equalizer,
    initial,
    product,
    pullback,
    pushout,
    terminal,
)
from tests.category.small import IDEMPOTENT, cyclic
from tests.errors import raises

ARROW, POINT = FiniteCategory.walking_arrow(), FiniteCategory.discrete(["x"])
SMALL = [
    POINT,
    FiniteCategory.discrete(["x", "y"]),
    FiniteCategory.chain(1),
    FiniteCategory.codiscrete(["x", "y"]),
    cyclic(2),
    cyclic(3),
    IDEMPOTENT,
]
small = st.sampled_from(SMALL)


def one_of(data, C, D) -> Functor:
    found = list(functors(C, D, limit=30))
    assume(found)
    return data.draw(st.sampled_from(found))


def factors_once(limit, cone, domain) -> None:
    """The lift commutes with the legs, and is the only functor that does."""
    u = limit.universal(*cone, domain=domain)
    assert not u.failures()
    assert [u >> leg for leg in limit.legs] == list(cone)
    others = [v for v in functors(domain, limit.apex) if [v >> leg for leg in limit] == list(cone)]
    assert others == [u]


def extends_once(colimit, cocone, codomain) -> None:
    """The functor out of the apex commutes with the legs, and is the only one that does."""
    u = colimit.universal(*cocone, codomain=codomain)
    assert not u.failures()
    assert [leg >> u for leg in colimit.legs] == list(cocone)
    every = functors(colimit.apex, codomain)
    assert [v for v in every if [leg >> v for leg in colimit] == list(cocone)] == [u]


@settings(max_examples=30)
@given(small, small, small, st.data())
def test_products_and_coproducts(C, D, T, data):
    both = product(C, D)
    assert not both.apex.failures()
    assert len(both.apex) == len(C) * len(D)
    factors_once(both, [one_of(data, T, C), one_of(data, T, D)], T)
    beside = coproduct(C, D)
    assert not beside.apex.failures()
    assert len(beside.apex) == len(C) + len(D)
    extends_once(beside, [one_of(data, C, T), one_of(data, D, T)], T)


@settings(max_examples=30)
@given(small, small, small, small, st.data())
def test_pullbacks_and_equalizers(C, D, E, T, data):
    F, G = one_of(data, C, E), one_of(data, D, E)
    square = pullback(F, G)
    assert not square.apex.failures()
    p, q = square
    assert p >> F == q >> G
    a, b = one_of(data, T, C), one_of(data, T, D)
    if a >> F == b >> G:
        factors_once(square, [a, b], T)
    else:
        with raises(NotACone, law="triangle"):
            square.universal(a, b)
    H = one_of(data, C, E)
    part = equalizer(F, H)
    assert not part.apex.failures()
    assert part.legs[0].is_monic
    assert set(part.legs[0].ar) == {k for k in range(len(C)) if F.ar(k) == H.ar(k)}


@settings(max_examples=30)
@given(small, small, small, small, st.data())
def test_pushouts(A, C, D, T, data):
    F, G = one_of(data, A, C), one_of(data, A, D)
    try:
        glued = pushout(F, G)
    except TooLarge:
        return
    assert not glued.apex.failures()
    left, right = glued
    assert not left.failures()
    assert F >> left == G >> right
    a, b = one_of(data, C, T), one_of(data, D, T)
    if F >> a == G >> b:
        extends_once(glued, [a, b], T)
    else:
        with raises(NotACocone, law="triangle"):
            glued.universal(a, b)


def test_gluing_two_arrows_end_to_start():
    start, end = (Functor(POINT, ARROW, objects={"x": at}) for at in ARROW.objects)
    two = pushout(end, start)
    assert are_isomorphic(two.apex, FiniteCategory.chain(2))
    assert two.apex.objects == ("0", "x", "1")
    assert not are_isomorphic(pushout(end, end).apex, FiniteCategory.chain(2))


def test_identifying_the_ends_of_an_arrow_gives_the_natural_numbers():
    start, end = (Functor(POINT, ARROW, objects={"x": at}) for at in ARROW.objects)
    with raises(TooLarge, "infinitely", "f", "presentation_of_colimit(diagram)"):
        coequalizer(start, end)
    diagram = Diagram([POINT, ARROW], [(0, 1, start), (0, 1, end)], legs=[1])
    numbers = presentation_of_colimit(diagram)
    assert numbers == Presentation({"f": ("0", "0")})
    assert not numbers.category().is_finite


def test_a_group_divided_by_inversion():
    Z4 = cyclic(4)
    one, minus = Functor.identity(Z4), Functor(Z4, Z4, arrows={"1": "3"})
    half = coequalizer(one, minus)
    assert are_isomorphic(half.apex, cyclic(2))
    assert half.legs[0]("1") == half.legs[0]("3") != half.legs[0]("2")
    assert are_isomorphic(equalizer(one, minus).apex, cyclic(2))
    onto = Functor(Z4, cyclic(2), arrows={"1": "1"})
    assert (half.legs[0] >> half.universal(onto)) == onto
    with raises(NotACocone, 1, 3, law="triangle", where="arrow 1 (0 -> 1)"):
        half.universal(one)


def test_amalgams_of_groups():
    trivial, S3 = cyclic(1), FiniteCategory.permutation_group({"s": [1, 0, 2], "t": [0, 2, 1]})
    with raises(TooLarge, "infinitely"):  # the modular group
        pushout(*(Functor.constant(trivial, cyclic(n), "*") for n in (2, 3)))
    into = Functor(cyclic(2), S3, arrows={"1": "s"})
    dead = pushout(into, Functor.constant(cyclic(2), trivial, "*"))
    assert len(dead.apex) == 1  # the normal closure of a transposition is everything
    turn = Functor(cyclic(3), S3, arrows={"1": "s >> t"})
    sign = pushout(turn, Functor.constant(cyclic(3), trivial, "*"))
    assert are_isomorphic(sign.apex, cyclic(2))


def test_inverting_an_arrow():
    isomorphism = FiniteCategory.walking_isomorphism()
    chain = FiniteCategory.chain(2)
    mark = Functor(ARROW, chain, objects={ARROW.objects[0]: "0", ARROW.objects[1]: "1"})
    free = next(F for F in functors(ARROW, isomorphism) if F.ob.is_bijective)
    local = pushout(mark, free)
    assert len(local.apex.objects) == 3
    assert len(local.apex) == 7
    assert local.apex.equal(local["left"]("0 <= 1"), local["right"](free(ARROW.arrows[2])))


def test_terminal_and_initial():
    assert len(terminal(ARROW)) == 1
    assert len(initial(ARROW)) == 0
    assert terminal(FiniteCategory) == terminal(Functor.identity(ARROW))
    nothing = coproduct(of=FiniteCategory)
    assert len(nothing.universal(codomain=ARROW).ar) == 0
    point = product(of=FiniteCategory)
    assert len(set(point.universal(domain=ARROW).ar)) == 1


def test_names():
    Z2 = cyclic(2)
    assert product(Z2, ARROW).apex.objects == ("(*, 0)", "(*, 1)")
    assert coproduct(Z2, Z2).apex.arrows == ("left/0", "left/1", "right/0", "right/1")
    assert product(ARROW, ARROW).apex.identity("(0, 1)") == 'id("(0, 1)")'
    assert coproduct(ARROW, ARROW).apex.identity("left/0") == "id(left/0)"
    clash = FiniteCategory(["a", "a, a"])
    assert len(set(product(clash, clash, clash).apex.objects)) == 8


def test_diagrams_of_categories():
    start, end = (Functor(POINT, ARROW, objects={"x": at}) for at in ARROW.objects)
    assert len(colimit(Span(end, start)).apex) == 6
    loop = Graph({"s": ("A", "A")}).category()
    with raises(CatlearnError, "object 1"):
        coproduct(POINT, loop)
    with raises(CatlearnError, "object 0"):
        product(loop, loop)
    assert colimit(Span(end, end)).apex.hom("left/0", "right/0") == ()
