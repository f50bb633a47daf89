"""Paths and their text: laws of the free category, round trips, and what parse errors say."""

import copy
import pickle
import time
from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import example, given, strategies as st

from catlearn.category import Equation, Graph, Path
from catlearn.category.path import read_equation, read_path, write_steps, written
from catlearn.errors import CatlearnError, NotComposable, PathSyntaxError
from tests.errors import raises

ROSE = Graph({"a": ("*", "*"), "b": ("*", "*")})
WORDS = [Path("*", edges, "*") for n in range(3) for edges in product("ab", repeat=n)]

Compose = Callable[[Path, Path], Path]


def concatenates(compose: Compose) -> None:
    """The laws of the free category on a rose, whose paths are words."""
    for p in WORDS:
        assert compose(Path.identity("*"), p) == p == compose(p, Path.identity("*"))
    for p, q in product(WORDS, WORDS):
        assert len(compose(p, q)) == len(p) + len(q)
        assert compose(p, q).edges[: len(p)] == p.edges
    for p, q, r in product(WORDS, WORDS, WORDS):
        assert compose(compose(p, q), r) == compose(p, compose(q, r))


def test_paths_form_the_free_category():
    concatenates(lambda p, q: p >> q)


@pytest.mark.parametrize(
    "mutant",
    [
        lambda p, q: q >> p,
        lambda p, q: Path("*", (*p.edges, "a", *q.edges), "*"),
        lambda p, q: Path("*", p.edges + q.edges[::-1], "*"),
        lambda p, q: Path("*", tuple(dict.fromkeys(p.edges + q.edges)), "*"),
    ],
)
def test_other_compositions_are_rejected(mutant: Compose):
    with pytest.raises(AssertionError):
        concatenates(mutant)


def test_a_path_that_does_not_compose_names_both():
    with raises(NotComposable, "B", "C", law="composition", where="(f) >> (g)"):
        Path("A", ("f",), "B") >> Path("C", ("g",), "D")
    with raises(NotComposable, "A", "B", law="identity", where="path without edges"):
        Path("A", (), "B")


def test_a_path_is_a_value():
    p = Path("A", ("f", "g"), "C")
    assert p == Path("A", ["f", "g"], "C")
    assert {p: 1}[Path("A", ("f", "g"), "C")] == 1
    assert p != Path("A", ("f", "g"), "D")
    assert eval(repr(p)) == p
    assert pickle.loads(pickle.dumps(p)) == p
    assert bool(Path.identity("A"))
    assert len(Path.identity("A")) == 0
    with pytest.raises(AttributeError):
        p.source = "B"


names = st.one_of(
    st.sampled_from(
        ["digits.X", "left/f", "id", "a-b", "_", "0", "f'", "été", "θ₁", "图", "my edge"]
    ),
    st.text(min_size=1, max_size=6),
)


@given(st.lists(names | names.map(Path.identity), min_size=1, max_size=4))
@example(["id", Path.identity("id")])
@example(['"', "\\", "\n", "=", ">>", "id(A)", "\u2028"])
def test_text_round_trips_for_every_name(steps: list[str | Path]):
    text = write_steps(tuple(steps))
    assert read_path(text) == tuple(steps)
    assert read_equation(f"{text}={text}") == (tuple(steps), tuple(steps))


def test_names_that_need_no_quotes():
    for name in [
        "digits.X",
        "left/right/x",
        "a-b_c",
        "f'",
        "f′",
        "Größe",
        "θ₁",
        "e\u0301",
        "图",
        "1",
    ]:
        assert written(name) == name
    for name in ["", "a b", "f=g", "f>g", "(", "f,g", '"', "→"]:
        assert written(name) != name


@pytest.mark.parametrize(
    ("text", "names", "column"),
    [
        ("f >> = h", ["'='"], 5),
        ("f > g = h", ["'>>'", "'>'"], 2),
        ("f ; g = h", ["'>>'", "';'"], 2),
        ("f g = h", ["'>>'", "'='", "'g'"], 2),
        ("f = g = h", ["'>>'", "'='"], 6),
        ("f", [], 1),
        ("", [], 0),
        ("id(A = f", ["')'", "'='"], 5),
        ("id() = f", ["')'"], 3),
        ("f, g = h", [], 1),
        (r'"\q" = h', ["JSON"], 0),
    ],
)
def test_parse_errors_mark_the_place(text: str, names: list[str], column: int):
    with raises(PathSyntaxError, *names) as caught:
        Equation(text)
    assert str(caught.value).splitlines()[-1] == "  " + " " * column + "^"
    assert isinstance(caught.value, CatlearnError)


@given(st.recursive(st.sampled_from("fg"), lambda part: st.tuples(part, part), max_leaves=12))
def test_long_composites_are_the_paths_of_their_edges(tree):
    """However they are nested: listed when they are first asked for, equal, hashed and copied."""
    blocks = {name: Path("*", (name,) * 100, "*") for name in "fg"}

    def composite(node):
        return blocks[node] if isinstance(node, str) else composite(node[0]) >> composite(node[1])

    def edges(node):
        return (node,) * 100 if isinstance(node, str) else edges(node[0]) + edges(node[1])

    expected = Path("*", edges(tree), "*")
    assert pickle.loads(pickle.dumps(composite(tree))) == copy.deepcopy(composite(tree)) == expected
    assert composite(tree) == expected
    assert hash(composite(tree)) == hash(expected)
    assert len(composite(tree)) == len(expected)
    with pytest.raises(AttributeError):
        composite(tree).vertex  # noqa: B018


def test_composing_one_after_another_is_linear():
    """An hour if every step copied what came before."""
    f, began = Path("*", ("f",), "*"), time.process_time()
    path = f
    for _ in range(300_000):
        path = path >> f
    assert len(path) == 300_001
    assert pickle.loads(pickle.dumps(path >> f)).edges == ("f",) * 300_002
    line = Graph({f"e{i}": (f"v{i}", f"v{i + 1}") for i in range(10_000)})
    (whole,) = line.paths("v0", "v10000")
    assert whole.edges == line.edges
    assert [len(path) for path in line.paths("v9000")] == list(range(1001))
    assert time.process_time() - began < 60
