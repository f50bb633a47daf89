"""Equations: one value however it is written, resolved or refused with every failure."""

import pickle

import pytest

from catlearn.category import Equation, Graph, Path, Presentation
from catlearn.errors import InvalidStructure, NotComposable, PathSyntaxError
from tests.errors import named, raises

G = Graph({"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C"), "encoder": ("C", "D")})


def test_one_equation_however_it_is_given():
    written = Equation("f >> g = h", weight=2.0)
    for same in (
        Equation((["f", "g"], ["h"]), weight=2.0),
        Equation(("f>>g", Path("A", ("h",), "C")), weight=2.0),
        Equation((Path("A", ("f",), "B") >> Path("B", ("g",), "C"), "h"), weight=2.0),
        eval(repr(written)),
        pickle.loads(pickle.dumps(written)),
    ):
        assert same == written
        assert hash(same) == hash(written)
    assert written != Equation("f >> g = h")
    assert written != Equation("h = f >> g", weight=2.0)
    assert Equation("f = g", a=1, b=2) == Equation("f = g", b=2, a=1)
    with pytest.raises(AttributeError):
        written.lhs = ()
    with pytest.raises(TypeError):
        written.attributes["weight"] = 1.0


def test_resolving_gives_both_paths():
    assert Equation("f >> g = h").resolve(G) == (Path("A", ("f", "g"), "C"), Path("A", ("h",), "C"))
    loop = Graph({"e": ("X", "Z"), "d": ("Z", "X")})
    assert Equation("e >> d = id(X)").resolve(loop) == (
        Path("X", ("e", "d"), "X"),
        Path.identity("X"),
    )
    assert Equation("id(A) >> f >> id(B) = f").resolve(G)[0] == Path("A", ("f",), "B")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("f >> h = h", ["f B h A"]),
        ("f = g", ["f A g B", "f B g C"]),
        ("encodr = h", ["encodr encoder"]),
        ("f >> x >> g = q >> h >> f", ["x", "q", "h C f A"]),
        ("A = f", ["A id(A)"]),
        ("id(Q) = f", ["Q"]),
        ("id(C) >> f = f", ["id(C) C f A"]),
    ],
)
def test_every_failure_is_listed_at_once(text: str, said: list[str]):
    with raises(NotComposable) as caught:
        Equation(text).resolve(G)
    for failure, names in zip(caught.value.failures, said, strict=True):
        assert all(named(name, failure.message) for name in names.split())
    assert list(caught.value.failures) == Equation(text).failures(G)


def test_an_empty_side_must_say_where_it_stands():
    with raises(NotComposable, "id(A)", law="identity", where="equation ' = f', left side"):
        Equation(([], "f")).resolve(G)


def test_facts_are_read_as_attributes_and_change_in_a_copy():
    fit = Equation("f >> g = h", weight=2.0)
    assert fit.weight == 2.0
    assert fit.given(weight=3.0, stop="rhs") == Equation("f >> g = h", weight=3.0, stop="rhs")
    assert fit.weight == 2.0
    with raises(AttributeError, "stop"):
        _ = fit.stop
    assert not hasattr(Equation.__new__(Equation), "attributes")


def test_sides_that_are_paths_stay_paths():
    left, right = Equation("f >> g = h").resolve(G)
    resolved = Equation((left, right))
    assert (resolved.lhs, resolved.rhs) == (left, right)
    assert resolved == Equation("f >> g = h")
    assert hash(resolved) == hash(Equation("f >> g = h"))
    assert pickle.loads(pickle.dumps(resolved)).lhs == left


def test_equations_that_say_what_they_train_are_hashable():
    one, other = (Equation("f = g", trains={"f": scale}) for scale in (0.5, 0.5))
    assert {one, other} == {one}
    assert {one, one.given(trains={"f": 1.0})} != {one}


def test_each_unknown_name_is_reported_once_and_the_message_is_short():
    graph = Graph({"f": ("A", "B")})
    names = [f"e{k}" for k in range(20_000)]
    for side, count in ((names, 201), (["g", "h"] * 10_000, 2), (["f"] * 10_000, 1)):
        with pytest.raises(InvalidStructure) as caught:
            Presentation(graph, [" >> ".join(side) + " = f"])
        assert len(caught.value.failures) == count
        assert len(str(caught.value)) < 100_000
    with pytest.raises(PathSyntaxError) as syntax:
        Equation(" >> ".join(names) + ") = f")
    *_, line, mark = str(syntax.value).split("\n")
    assert len(line) < 200
    assert line[mark.index("^")] == ")"
