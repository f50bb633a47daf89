"""Functors out of free categories: laws, checks, memoised prefixes, colimits of their values."""

import pytest
from hypothesis import given, strategies as st

from catlearn.category import (
    Functions,
    Functor,
    Graph,
    GraphMorphism,
    Morphisms,
    Path,
    Paths,
    Presentation as Presented,
)
from catlearn.errors import InvalidStructure, NotComposable, UnknownName
from catlearn.finset import FinFunction, FinSet, coequalizer, colimit, pushout

ROSE = Graph({"a": ("*", "*"), "b": ("*", "*")})
words = st.lists(st.sampled_from("ab"), max_size=5).map(lambda w: Path("*", tuple(w), "*"))
endos = st.lists(st.integers(0, 2), min_size=3, max_size=3).map(
    lambda values: FinFunction(values, codomain=3)
)


def is_functorial(F: Functor, p: Path, q: Path) -> None:
    """F sends identities to identities, composites to composites and edges to their arrows."""
    assert F(Path.identity("*")) == FinFunction.identity(3)
    assert F(p >> q) == F(p) >> F(q)
    for edge in F.graph.edges:
        assert F(F.graph.path([edge])) == F.arrows[edge]


@given(endos, endos, words, words)
def test_a_functor_is_functorial(a: FinFunction, b: FinFunction, p: Path, q: Path):
    F = Functor(ROSE, Morphisms(), arrows={"a": a, "b": b})
    is_functorial(F, p, q)
    assert list(F(p)) == [run(F, p, k) for k in range(3)]


def run(F: Functor, p: Path, at: int) -> int:
    for edge in p.edges:
        at = F.arrows[edge](at)
    return at


class Backwards(Morphisms):
    def compose(self, first, then, /):
        return then >> first


class Forgetful(Morphisms):
    def compose(self, first, then, /):
        return then


class Constant(Morphisms):
    def identity(self, object, /):
        return FinFunction([0, 0, 0], codomain=3)


@pytest.mark.parametrize("target", [Backwards(), Forgetful(), Constant()])
def test_what_is_not_functorial_is_rejected(target: Morphisms):
    arrows = {"a": FinFunction([1, 2, 0], codomain=3), "b": FinFunction([1, 0, 2], codomain=3)}
    is_functorial(Functor(ROSE, Morphisms(), arrows=arrows), ROSE.path("a"), ROSE.path("b"))
    with pytest.raises(AssertionError):
        is_functorial(Functor(ROSE, target, arrows=arrows), ROSE.path("a"), ROSE.path("b"))


def test_each_prefix_is_composed_once():
    calls = []

    class Counting(Morphisms):
        def compose(self, first, then, /):
            calls.append((first, then))
            return first >> then

    a = FinFunction([1, 2, 0], codomain=3)
    F = Functor(ROSE, Counting(), arrows={"a": a, "b": a})
    F(ROSE.path("a >> a >> a >> b"))
    assert len(calls) == 3
    F(ROSE.path("a >> a >> a >> a"))
    F(ROSE.path("a >> a"))
    F(ROSE.path("a"))
    assert len(calls) == 4


def test_functions_compose_flat_and_strictly():
    target, f, g, h = Functions(), abs, str, len
    one = target.identity(None)
    assert target.compose(f, one) is f
    assert target.compose(one, f) is f
    left = target.compose(target.compose(f, g), h)
    assert left == target.compose(f, target.compose(g, h))
    assert left(-100) == 3
    G = Graph({"inc": ("N", "N")})
    F = Functor(G, target, arrows={"inc": lambda n: n + 1})
    assert F(Path("N", ("inc",) * 5000, "N"))(0) == 5000
    assert F("N") == "N"


def test_every_failure_is_listed():
    G = Graph({"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C")}, vertices=["Z"])
    with pytest.raises(InvalidStructure) as caught:
        Functor(
            G,
            Morphisms(),
            objects={"A": FinSet(2), "q": FinSet(1)},
            arrows={
                "f": FinFunction([0], codomain=3),
                "g": FinFunction([0, 0], codomain=2),
                "ff": FinFunction([0], codomain=1),
            },
        )
    wheres = [(failure.law, failure.where) for failure in caught.value.failures]
    assert wheres == [
        ("totality", "vertex Z"),
        ("known names", "vertex q"),
        ("totality", "edge h"),
        ("known names", "edge ff"),
        ("ends", "edge f"),
        ("ends", "edge g"),
    ]


def test_a_functor_out_of_a_presentation_respects_its_equations():
    P = Presented({"t": ("A", "A")}, {"cubed": "t >> t >> t = id(A)"})
    turn, swap = FinFunction([1, 2, 0], codomain=3), FinFunction([1, 0, 2], codomain=3)
    Functor(P, Morphisms(), arrows={"t": turn})
    with pytest.raises(InvalidStructure, match=r"equation 't >> t >> t = id\(A\)' \(cubed\)"):
        Functor(P, Morphisms(), arrows={"t": swap})
    assert Functor(P, Morphisms(), arrows={"t": swap}, check=False).failures()
    Functor(Graph.of(P), Morphisms(), arrows={"t": swap})


def test_functions_are_compared_when_it_is_said_how():
    P = Presented({"double": ("N", "N"), "add": ("N", "N")}, ["double = add"])
    F = Functor(P, Functions(), arrows={"double": lambda n: 2 * n, "add": lambda n: n + n})
    G = Functor(P, Functions(), arrows={"double": lambda n: 2 * n, "add": lambda n: n + 1})

    def on_samples(f, g) -> bool:
        return [f(n) for n in range(5)] == [g(n) for n in range(5)]

    assert F.failures() == G.failures() == F.failures(equal=on_samples) == []
    assert [failure.law for failure in G.failures(equal=on_samples)] == ["equations"]


@given(words, words)
def test_a_morphism_of_graphs_is_a_functor_into_paths(p: Path, q: Path):
    H = Graph({"s": ("X", "X"), "t": ("X", "X")})
    m = GraphMorphism(ROSE, H, V={"*": "X"}, E={"a": "t", "b": "s"})
    F = Functor(ROSE, Paths(), arrows={"a": H.path("t"), "b": H.path("s")})
    assert F(p >> q) == m(p >> q) == F(p) >> F(q)
    doubled = Functor(H, Paths(), arrows={"s": H.path("s >> s"), "t": H.path("id(X)")})
    assert (m >> doubled)(p) == doubled(m(p))


def test_precomposition_must_meet():
    H = Graph({"s": ("X", "X")})
    m = GraphMorphism(ROSE, H, V=[0], E=[0, 0])
    with pytest.raises(InvalidStructure, match="starts elsewhere"):
        m >> Functor(ROSE, Paths(), arrows={"a": ROSE.path("a"), "b": ROSE.path("b")})


def test_the_colimit_of_a_functor():
    span = Graph({"l": ("I", "A"), "r": ("I", "B")}, vertices=["A", "B", "I"])
    f, g = FinFunction([0], codomain=2), FinFunction([1], codomain=3)
    whole = colimit(Functor(span, Morphisms(), arrows={"l": f, "r": g}))
    po = pushout(f, g)
    assert whole.apex == po.apex
    assert [whole["A"], whole["B"]] == list(po)
    parallel = Graph({"f": ("A", "B"), "g": ("A", "B")})
    f, g = FinFunction([0], codomain=3), FinFunction([2], codomain=3)
    whole = colimit(Functor(parallel, Morphisms(), arrows={"f": f, "g": g}))
    assert whole["B"].is_surjective
    assert whole.apex == coequalizer(f, g).apex == FinSet(2)


def test_the_colimit_of_a_functor_into_graphs():
    point, arrow, loop = Graph({}, ["p"]), Graph({"a": ("x", "y")}), Graph({"l": ("z", "z")})
    span = Graph({"l": ("I", "A"), "r": ("I", "B")}, vertices=["A", "B", "I"])
    left = GraphMorphism(point, arrow, V={"p": "y"}, E={})
    right = GraphMorphism(point, loop, V={"p": "z"}, E={})
    F = Functor(span, Morphisms(), arrows={"l": left, "r": right})
    assert F("I") == point
    assert F(span.path("l")) == left
    assert colimit(F).apex.matches(pushout(left, right).apex)


def test_functors_are_values():
    a = FinFunction([1, 2, 0], codomain=3)
    F = Functor(ROSE, Morphisms(), arrows={"a": a, "b": a})
    assert Functor(ROSE, Morphisms(), {"*": FinSet(3)}, {"b": a, "a": a}) == F
    assert hash(F) == hash(Functor(ROSE, Morphisms(), arrows={"a": a, "b": a}))
    assert Functor(ROSE, Morphisms(), arrows={"a": a, "b": a >> a}) != F


def test_a_functor_refuses_what_is_not_in_its_graph():
    G = Graph({"f": ("A", "B"), "g": ("B", "C")})
    F = Functor(G, Functions(), arrows={"f": abs, "g": str})
    for path in (Path("A", ("g",), "C"), Path("A", ("f", "f"), "B"), Path("Q", (), "Q")):
        with pytest.raises(NotComposable):
            F(path)
    with pytest.raises(UnknownName, match="no vertex Q"):
        F("Q")
    with pytest.raises(AttributeError):
        F.graph = G
