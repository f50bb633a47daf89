"""Pictures of posets, categories, functors and natural transformations."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.drawing.arrangement import arrange
from catlearn.drawing.scene import Scene
from catlearn.drawing.views import (
    adjunction_scene,
    category_scene,
    functor_scene,
    transformation_scene,
)
from catlearn.errors import InvalidStructure
from tests.errors import raises

SQUARE = cl.Presentation(
    {"f": ("A", "B"), "g": ("B", "D"), "h": ("A", "C"), "k": ("C", "D")}, ["f >> g = h >> k"]
)


@st.composite
def posets(draw):
    size = draw(st.integers(1, 7))
    pair = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)).map(sorted)
    pairs = draw(st.lists(pair, max_size=10))
    return cl.FiniteCategory.poset(
        [(f"p{i}", f"p{j}") for i, j in pairs], elements=[f"p{i}" for i in range(size)]
    )


def upwards(scene: Scene) -> bool:
    """Whether every arrow leads from a lower place to a higher one, and ends at its boxes."""
    layout = arrange(scene).layout
    for arrow in scene.arrows:
        start, end = layout.nodes[arrow.source], layout.nodes[arrow.target]
        route = layout.routes[arrow.name]
        heights = [y for _, y in route.points()]
        if start.y <= end.y or any(below < above for below, above in pairwise(heights)):
            return False
        found = [*route.pieces[0][1:], *route.tip]
        if not np.allclose(
            found, [start.x, start.y - start.box.above, end.x, end.y + end.box.below]
        ):
            return False
    return True


@given(posets())
@settings(max_examples=40)
def test_hasse_diagrams_lead_upwards(poset):
    scene = category_scene(poset)
    assert scene.upward
    assert upwards(scene)
    assert [(a.source, a.target) for a in scene.arrows] == [
        poset.generators.ends(e) for e in poset.generators.edges
    ]
    places = arrange(scene).layout.nodes.values()
    apart = [(p.x, p.y, q.x, q.y, p.box, q.box) for p in places for q in places if p is not q]
    assert all(
        abs(px - qx) >= (a.width + b.width) / 2 - 0.01 or abs(py - qy) >= a.above + b.below - 0.01
        for px, py, qx, qy, a, b in apart
    )


def test_a_picture_from_left_to_right_does_not_lead_upwards():
    scene = category_scene(SQUARE.category(), "generators")
    assert not scene.upward
    assert not upwards(scene)


@given(posets())
@settings(max_examples=20)
def test_hasse_diagrams_in_other_languages(poset):
    picture = cl.draw(poset)
    assert picture.dot.count("->") == len(poset.generators.edges)
    assert "rankdir=BT" in picture.dot
    assert picture.tikzcd.count("no head") == len(poset.generators.edges)
    # Rows of tikz-cd count downwards.
    again = cl.formats.from_tikzcd(picture.tikzcd)
    assert {again.ends(e) for e in again.edges} == {
        poset.generators.ends(e) for e in poset.generators.edges
    }


def test_generators_or_all_arrows():
    C = SQUARE.category()
    assert len(category_scene(C, "generators").arrows) == 4
    assert [law.text for law in category_scene(C, "generators").laws] == ["h >> k = f >> g"]
    assert len(category_scene(C, "all").arrows) == 5
    group = cl.Presentation.monoid("ab", ["a a = 1", "b b b = 1", "a b a b a b = 1"]).category()
    assert len(category_scene(group).arrows) == 2
    assert len(category_scene(group, "all").arrows) == 11
    assert "svg" in cl.draw(group).svg


def test_too_many_arrows_are_refused_and_none_are_invented():
    integers = cl.Graph({"s": ("A", "A")}).category()
    assert len(category_scene(integers).arrows) == 1
    with raises(InvalidStructure, law="size", where="category"):
        category_scene(integers, "all")
    with raises(ValueError, "'generators'", "'all'", "'some'"):
        category_scene(integers, "some")


def test_a_functor_says_where_everything_goes():
    C, P = SQUARE.category(), cl.FiniteCategory.chain(2)
    ends = {"A": "0", "B": "1", "C": "0", "D": "2"}
    arrows = {"f": "0 <= 1", "g": "1 <= 2", "h": "id(0)", "k": "0 <= 2"}
    F = cl.Functor(C, P, ends, arrows)
    scene = functor_scene(F)
    inside = scene.nodes[0].inner
    assert inside is not None
    assert {n.name: n.note for n in inside.nodes} == {a: f"↦ {b}" for a, b in ends.items()}
    assert [a.note for a in inside.arrows] == ["↦ 0 <= 1", "↦ 1 <= 2", "↦ id(0)", "↦ 0 <= 2"]
    assert "codomain" in F._repr_mimebundle_()["image/svg+xml"]


def test_a_functor_into_sets():
    turn = cl.Graph({"t": ("A", "A")})
    F = cl.Functor(
        turn, cl.category.Morphisms(), arrows={"t": cl.FinFunction([1, 2, 0], codomain=3)}
    )
    scene = functor_scene(F)
    assert scene.nodes[0].inner.arrows[0].note == "↦ [1, 2, 0]"  # type: ignore[union-attr]


def test_a_natural_transformation_is_its_squares():
    C, P = SQUARE.category(), cl.FiniteCategory.chain(2)
    low, high = cl.Functor.constant(C, P, "0"), cl.Functor.constant(C, P, "2")
    alpha = cl.NaturalTransformation(low, high, dict.fromkeys(C.objects, "0 <= 2"))
    scene = transformation_scene(alpha)
    graph = cl.Graph({a.name: (a.source, a.target) for a in scene.arrows})
    assert len(scene.nodes) == 8
    assert len(scene.laws) == len(scene.arrows) - 8 == 4
    for law in scene.laws:
        left, right = (graph.path(list(side)) for side in (law.lhs, law.rhs))
        assert left.is_parallel(right)
    assert cl.draw(alpha).quiver.startswith("https://q.uiver.app")


def pairs_arrows(scene: Scene, adjunction: cl.category.Adjunction) -> bool:
    """Whether a picture's table is a bijection of arrows L(c) -> d and c -> R(d)."""
    (table,) = (node for node in scene.nodes if node.kind == "table")
    L, R = adjunction.left, adjunction.right
    found = set()
    for c, d, arrow, partner in table.rows[1:]:
        if R.domain.ends(arrow) != (L(c), d) or L.domain.ends(partner) != (c, R(d)):
            return False
        found |= {(c, d, partner)}
    homs = [(c, d) for c in L.domain.objects for d in R.domain.objects]
    count = sum(len(L.domain.hom(c, R(d))) for c, d in homs)
    return len(found) == len(table.rows) - 1 == count


def test_an_adjunction_is_two_categories_and_the_arrows_that_correspond(mutants):
    places = {"0": "0", "1": "2", "2": "3"}
    adjunction = cl.right_adjoint(
        cl.Functor(cl.FiniteCategory.chain(2), cl.FiniteCategory.chain(3), objects=places)
    )
    scene = adjunction_scene(adjunction)
    assert [node.name for node in scene.nodes] == ["C", "D", "bijection"]
    ends = {(arrow.name, arrow.source, arrow.target) for arrow in scene.arrows}
    assert ends == {("L", "C", "D"), ("R", "D", "C")}
    assert scene.nodes[1].inner.nodes[1].note == "↦ 0 · ε 0 <= 1"
    assert pairs_arrows(scene, adjunction)
    assert "image/svg+xml" in adjunction._repr_mimebundle_()
    head, first, *rest = scene.nodes[2].rows
    wrong = replace(scene.nodes[2], rows=(head, (*first[:3], rest[-1][3]), *rest))
    with mutants("a picture that pairs arrows between other objects"):
        assert not pairs_arrows(replace(scene, nodes=(*scene.nodes[:2], wrong)), adjunction)
    short = replace(scene.nodes[2], rows=(head, *rest))
    with mutants("a picture without one of the arrows"):
        assert not pairs_arrows(replace(scene, nodes=(*scene.nodes[:2], short)), adjunction)


def test_large_adjoint_categories_have_no_table():
    chain = cl.FiniteCategory.chain(30)
    identity = cl.Functor.identity(chain)
    scene = adjunction_scene(cl.right_adjoint(identity))
    assert [node.kind for node in scene.nodes] == ["panel", "panel"]


def test_limits_inside_a_category_are_drawn_with_names():
    D = cl.FiniteCategory.poset([("1", "2"), ("1", "3"), ("2", "6"), ("3", "6")])
    scene = cl.draw(cl.pushout(D["1 <= 2"], D["1 <= 3"])).scene
    assert [a.shown for a in scene.arrows] == ["1 <= 2", "1 <= 3", "2 <= 6", "3 <= 6"]
    assert [n.note for n in scene.nodes] == ["1", "2", "3", "6"]
