"""Rewriting training regimes: swap, insert, freeze, split; stores, and lowered losses."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn.cset import is_isomorphic
from catlearn.errors import CatlearnError, InvalidStructure, NoComplement, NoMorphism, UnknownName
from catlearn.laws import learning_diagrams
from catlearn.learning import freeze, insert, pattern, swap, unfreeze
from tests.errors import raises
from tests.learning.rewrites import squares_are_pushouts

X, F, H, Y = cl.Space("X", 3), cl.Space("F", 2), cl.Space("H", 2), cl.Categorical("Y", 3)
IMAGES = np.arange(12, dtype=np.float32).reshape(4, 3) / 10
LABELS = np.array([0, 1, 2, 1])
START = {"weight": np.ones((3, 2), np.float32), "bias": np.zeros(2, np.float32)}


def linear(name, source, target, **options):
    return cl.Model(name, source, target, "linear", **options)


def start_of(source, target, seed=0):
    architecture = linear("m", source, target).architecture
    return architecture.init(jax.random.key(seed), source.label, target.label)


ENCODER, HEAD = start_of(X, F, 1), start_of(F, Y, 2)
D = cl.LearningDiagram(
    cl.Dataset("data", X=(X, IMAGES), Y=(Y, LABELS)),
    linear("encoder", X, F, start=ENCODER),
    linear("head", F, Y, start=HEAD),
    equations={"fit": cl.Equation("data.X >> encoder >> head = data.Y", weight=2.0)},
)


def value(diagram, equations=None):
    """The loss of a diagram on the data, from the values that it starts with."""
    fn = cl.lower(diagram.loss(equations))
    params, state = fn.init(jax.random.key(0))
    batch = {name: dict(columns) for name, columns in diagram.data.items()}
    return float(fn(params, state, batch)[0]), params, state


def test_swap_replaces_the_edge_in_equations():
    first, second = start_of(X, H, 3), start_of(H, F, 4)
    rule = swap("encoder", linear("one", X, H, start=first), linear("two", H, F, start=second))
    rewrite = rule.rewrite(D)
    E = rewrite.apex
    assert isinstance(E, cl.LearningDiagram)
    assert squares_are_pushouts(rewrite)
    assert [*map(str, E.sides("fit"))] == ["data.X >> one >> two >> head", "data.Y"]
    assert E.weight("fit") == 2.0
    assert E.store["head"] is D.store["head"]
    assert E.store["data.X"] is D.store["data.X"]
    assert "encoder" not in E.store
    by_hand = cl.LearningDiagram(
        cl.Dataset("data", X=(X, IMAGES), Y=(Y, LABELS)),
        linear("one", X, H, start=first),
        linear("two", H, F, start=second),
        linear("head", F, Y, start=HEAD),
        equations={"fit": cl.Equation("data.X >> one >> two >> head = data.Y", weight=2.0)},
    )
    assert is_isomorphic(E, by_hand)
    assert value(E)[0] == pytest.approx(value(by_hand)[0])
    assert value(E)[0] != pytest.approx(value(D)[0])  # a mutant that changes nothing


def test_a_swapped_model_starts_as_it_is_given():
    same = swap("encoder", linear("encoder", X, F)).rewrite(D).apex
    assert "encoder" not in same.store
    assert set(same.edges) == set(D.edges)
    given = swap("encoder", linear("encoder", X, F, start=START)).rewrite(D).apex
    assert given.starts["encoder"] == START


def test_swap_finds_all_models_that_fit():
    rule = swap(None, linear("new", F, Y))
    (match,) = rule.matches(D)
    assert match.edge("any model") == "head"
    assert "new" in rule.rewrite(D, match).apex.edges
    assert list(swap(None, linear("new", Y, X)).matches(D)) == []


def test_a_swap_that_does_not_fit_has_no_match():
    with raises(NoMorphism, "encoder", "tgt", "R^2", "{0..2}"):
        swap("encoder", linear("new", X, Y)).rewrite(D)
    with raises(InvalidStructure, "H", "F", law="composition", where="'a >> b'"):
        swap("encoder", linear("a", X, H), linear("b", F, F))


def test_a_bottleneck():
    down, up = cl.Space("Z", 1), F
    rule = insert(linear("down", H, down), linear("up", down, up), after="encoder")
    rewrite = rule.rewrite(D)
    E = rewrite.apex
    assert squares_are_pushouts(rewrite)
    assert [*map(str, E.sides("fit"))] == ["data.X >> encoder >> down >> up >> head", "data.Y"]
    assert E.ends("encoder") == ("X", "H")
    assert E.starts["encoder"] is D.starts["encoder"]  # made anew, with what it had
    assert E.is_acyclic()
    assert np.isfinite(value(E)[0])
    before = insert(
        linear("up", X, down), linear("down", down, cl.Space("X2", 3)), before="encoder"
    )
    B = before.rewrite(D).apex
    assert [str(B.sides("fit")[0])] == ["data.X >> up >> down >> encoder >> head"]
    assert B.ends("encoder") == ("X2", "F")
    augment = insert(cl.Model("noise", cl.Space("raw", 3), X, lambda x: x + 1), after="data.X")
    A = augment.rewrite(D).apex
    assert str(A.sides("fit")[0]) == "data.X >> noise >> encoder >> head"
    assert A.store["data.X"] is D.store["data.X"]
    assert A.ends("data.X") == ("data", "raw")
    assert value(A)[0] != pytest.approx(value(D)[0])


def test_what_an_equation_trains_it_trains_in_what_replaces_it():
    """By the same scale; a mutant: by the scale of one model alone."""
    against = -cl.Weight("strength", 0.5)
    told = cl.Equation("data.X >> encoder >> head = data.Y", trains={"encoder": against, "head": 1})
    G = D.with_equations({"fit": told}, only=True)
    one, two, fixed = (
        linear("one", X, H),
        linear("two", H, F),
        cl.Model("half", F, F, lambda x: x / 2),
    )
    swapped = swap("encoder", one, two, fixed).rewrite(G)
    assert squares_are_pushouts(swapped)
    assert swapped.apex.trains("fit") == {"one": against, "two": against, "head": 1.0}
    assert swapped.apex.trains("fit") != {"one": against, "head": 1.0}
    assert is_isomorphic(swapped.inverse().apex, G)
    inserted = insert(linear("down", H, F), after="encoder").rewrite(G)
    assert squares_are_pushouts(inserted)
    assert inserted.apex.trains("fit") == {"encoder": against, "down": against, "head": 1.0}
    rerun = swap("encoder", cl.Model("still", X, F, "linear").freeze(START))
    with raises(InvalidStructure, "still", law="trains", where="equation 'fit'"):
        rerun.rewrite(G)


def test_insert_says_what_is_wrong():
    with raises(CatlearnError, "after=", "before="):
        insert(linear("m", F, F))
    with raises(InvalidStructure, law="spaces", where="models"):
        insert(linear("m", F, X), after="encoder")
    with raises(InvalidStructure, law="names", where="model 'encoder'"):
        insert(linear("encoder", F, F), after="encoder")
    with raises(InvalidStructure, law="models", where="models"):
        swap("encoder")


def test_what_rewriting_does_to_the_loss():
    """Additivity in both squares: L_G + L_K = L_D + L_L, and L_H + L_K = L_D + L_R."""
    twin, second = linear("twin", X, Y, start=start_of(X, Y)), start_of(H, F, 4)
    G = cl.LearningDiagram(
        cl.Dataset("data", X=(X, IMAGES), Y=(Y, LABELS)),
        linear("encoder", X, F, start=ENCODER),
        linear("head", F, Y, start=HEAD),
        twin,
        equations={"fit": "data.X >> encoder >> head = data.Y", "aim": "data.X >> twin = data.Y"},
    )
    rule = swap(
        "encoder", linear("one", X, H, start=start_of(X, H)), linear("two", H, F, start=second)
    )
    rewrite = rule.rewrite(G)
    k, applied = rewrite.complement.k, rewrite.applied
    assert k.codomain.soft_equations.keys() == {"aim"}
    for square in (rewrite.left, rewrite.right):
        whole, (one, other) = square.apex, square.legs
        _, params, _ = value(whole)

        def part(leg, params=params):
            if not leg.domain.soft_equations:
                return 0.0
            fn = cl.lower(leg.domain.loss("declared"))
            _, own = fn.init(jax.random.key(0))
            batch = {name: dict(columns) for name, columns in leg.domain.data.items()}
            return float(fn(leg.restrict(params), own, batch)[0])

        assert not applied.interface.soft_equations
        assert value(whole)[0] == pytest.approx(part(one) + part(other))
        assert part(one) > 0
        assert part(other) > 0


def test_freezing_and_unfreezing():
    rewrite = freeze("encoder").rewrite(D)
    E = rewrite.apex
    assert squares_are_pushouts(rewrite)
    assert (E.frozen, E.trainable) == (("encoder",), ("head",))
    assert E.starts["encoder"] is D.starts["encoder"]
    assert str(E.sides("fit")[0]) == "data.X >> encoder >> head"
    (there, params, state), (here, _, _) = value(E), value(D)
    assert there == pytest.approx(here)
    assert set(params) == {"head"}
    assert set(state["frozen"]) == {"encoder"}
    assert is_isomorphic(unfreeze("encoder").rewrite(E).apex, D)
    assert is_isomorphic(rewrite.inverse().apex, D)
    assert not is_isomorphic(E, D)
    other = freeze("encoder", START).rewrite(D).apex
    assert other.starts["encoder"] == START
    with pytest.raises(NoMorphism):
        freeze("encoder").rewrite(E)
    assert {m.edge("any edge") for m in freeze().matches(D)} == {"encoder", "head"}


def test_an_edge_that_is_mentioned_is_not_just_deleted():
    gone = pattern(spaces=["A", "B"])
    rule = cl.Rule.between(pattern(edges={"e": ("A", "B")}), gone)
    with raises(NoComplement, "edge 'encoder'", law="dangling", where="equation 'fit'"):
        rule.rewrite(D, initial={"E": {"e": "encoder"}})
    bare = D.with_equations({}, only=True)
    assert "encoder" not in rule.rewrite(bare, initial={"E": {"e": "encoder"}}).apex.edges


def test_a_result_is_checked_like_any_diagram():
    """An edge that no longer fits its spaces: the target of the encoder is made larger."""
    old = pattern(spaces={"F": F})
    rule = cl.Rule.between(old, pattern(spaces={"F": cl.Space("F", 5)}))
    # The stored parameters of encoder and head have the wrong shapes for it.
    with raises(InvalidStructure, law="parameters", where="edge 'encoder'"):
        rule.rewrite(D)
    drawn = cl.LearningDiagram(linear("encoder", X, F), linear("head", F, Y))
    E = rule.rewrite(drawn).apex
    assert E.space_label("F") == cl.Space("F", 5).label
    assert E.ends("encoder") == ("X", "F")


def test_loops():
    """The pattern's two ends may be one vertex; new rows are then called as for two."""
    L = cl.LearningDiagram(cl.Dataset("data", A=X), linear("f", X, X))
    E = swap("f", linear("a", X, F), linear("b", F, X)).rewrite(L).apex
    assert (E.ends("a"), E.ends("b")) == (("X", "F"), ("F", "X"))
    B = insert(linear("a", X, X), before="f").rewrite(L).apex
    assert (B.ends("a"), B.ends("f")) == (("X", "new/X"), ("new/X", "X"))


def test_an_edge_that_is_not_there():
    with raises(UnknownName, "encodr", "encoder"):
        freeze("encodr").rewrite(D)


def test_definitions_are_rewritten():
    P = cl.LearningDiagram(
        linear("f", X, F), linear("g", F, Y), cl.learning.Defined("both", "f >> g")
    )
    E = swap("f", linear("a", X, H), linear("b", H, F)).rewrite(P).apex
    assert str(E.definition("both")[0]) == "a >> b >> g"


def test_patterns_are_read():
    assert pattern(linear("m", X, F)).edges == ("m",)
    with raises(InvalidStructure, "q", law="known edges", where="equation 'm = q', right side"):
        pattern(linear("m", X, F), equations="m = q")


@settings(max_examples=15)
@given(learning_diagrams(), st.data())
def test_freezing_changes_labels_alone(diagram, data):
    if not diagram.trainable:
        assert list(freeze().matches(diagram)) == []
        return
    edge = data.draw(st.sampled_from(diagram.trainable))
    rewrite = freeze(edge).rewrite(diagram)
    E = rewrite.apex
    assert set(E.edges) == set(diagram.edges)
    assert set(E.trainable) == set(diagram.trainable) - {edge}
    for other in diagram.edges:
        assert E.ends(other) == diagram.ends(other)
    for name in diagram.names("Eq"):
        assert E.sides(name) == diagram.sides(name)
    assert {e: id(v) for e, v in E.store.items()} == {e: id(v) for e, v in diagram.store.items()}
    assert squares_are_pushouts(rewrite)
    assert is_isomorphic(rewrite.inverse().apex, diagram)
