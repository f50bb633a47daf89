"""Tables and their morphisms: what is valid, what is refused, parts, and values."""

import copy
import pickle

import numpy as np
import pytest

from catlearn.errors import InvalidStructure, NotComposable, UnknownName
from catlearn.finset import FinFunction, FinSet, ListFunction, Record, Shape, TableMorphism, Tables
from tests.errors import are, fails, named, raises

WORDS = Shape(
    ("V", "E", "Q"),
    arrows={"src": ("E", "V"), "tgt": ("E", "V")},
    lists={"side": ("Q", "E")},
    attributes={"color": "V", "weight": "Q"},
)


def triangle():
    """a -f-> b -g-> c with the word f g; a and c are red, b is blue."""
    return Tables(
        WORDS,
        {"V": ["a", "b", "c"], "E": ["f", "g"], "Q": ["w"]},
        {"src": ["a", "b"], "tgt": {"g": "c", "f": "b"}},
        {"side": [["f", "g"]]},
        {"color": {"b": "blue", "a": "red", "c": "red"}},
    )


def test_fields_are_sets_and_functions():
    T = triangle()
    assert T.sets["E"] == FinSet(["f", "g"])
    assert T.arrows["tgt"] == FinFunction(["b", "c"], ["f", "g"], ["a", "b", "c"])
    assert T.lists["side"] == ListFunction.of([["f", "g"]], ["f", "g"], ["w"])
    assert T.attributes == {"color": ("red", "blue", "red"), "weight": (None,)}
    assert (T.size("V"), T.names("V"), T.row("V", "c"), T.row("V", 2)) == (3, ("a", "b", "c"), 2, 2)
    assert T.step("src").map(FinFunction.identity(3)) == ListFunction.of([[0], [1]], 3, ["f", "g"])
    with raises(UnknownName, "d", "a", "b", "c"):
        T.row("V", "d")


def test_text():
    T = triangle()
    assert eval(repr(T)) == T
    assert "\n" not in repr(T)
    assert str(T).splitlines() == [
        "V = {a, b, c}",
        "E = {f, g}",
        "Q = {w}",
        "src : E -> V = [a, b]",
        "tgt : E -> V = [b, c]",
        "side : Q -> List(E) = [[f, g]]",
        "color = ['red', 'blue', 'red']",
        "weight = [None]",
    ]
    m = TableMorphism.identity(T)
    assert eval(repr(m)) == m
    assert str(m).startswith("V: [a, b, c] : {a, b, c} -> {a, b, c}\nE: ")


def test_everything_wrong_is_listed_at_once():
    with pytest.raises(InvalidStructure) as error:
        Tables(
            WORDS,
            {"V": ["a", "a"], "E": 2, "W": 1},
            {"src": ["q", 0], "tgt": [0, 5], "through": []},
            {"side": [[0], ["m"]]},
            {"color": [[1]], "weight": {"u": 1}},
        )
    assert [(f.where, f.law) for f in error.value.failures] == [
        ("table 'W'", "shape"),
        ("arrow 'through'", "shape"),
        ("table 'V'", "values"),
        ("arrow 'src'", "values"),
        ("list 'side'", "values"),
        ("attribute 'weight'", "values"),
        ("arrow 'tgt'", "range"),
        ("attribute 'color'", "length"),
        ("attribute 'color'", "labels"),
    ]


def test_a_missing_arrow_is_refused_unless_there_are_no_rows():
    with raises(InvalidStructure, "0", "1", law="length", where="arrow 'src'"):
        Tables(WORDS, {"V": 1, "E": 1}, {"tgt": [0]})
    assert Tables(WORDS, {"V": 1}).arrows["src"] == FinFunction([], codomain=1)


def test_attributes_by_row():
    unnamed = Tables(WORDS, {"V": 3}, attributes={"color": {2: "red", 0: "blue"}})
    assert unnamed.attributes["color"] == ("blue", None, "red")


def test_unchecked_tables_still_say_what_is_wrong():
    wrong = Tables(WORDS, {"V": 1, "E": 1}, {"src": [3], "tgt": [0]}, check=False)
    assert [f.where for f in wrong.failures()] == ["arrow 'src'"]


def test_shapes_are_values_without_order():
    again = Shape(("Q", "E", "V"), {"tgt": ("E", "V"), "src": ("E", "V")}, {"side": ["Q", "E"]},
                  {"weight": "Q", "color": "V"})  # fmt: skip
    assert again == WORDS
    assert hash(again) == hash(WORDS)
    assert eval(repr(WORDS)) == WORDS
    assert Shape(("V", "E", "Q")) != WORDS
    assert WORDS != "WORDS"
    with pytest.raises(InvalidStructure) as error:
        Shape(("V", "V"), {"V": ("V", "W")}, attributes={"color": "U"})
    assert [f.where for f in error.value.failures] == ["'V'", "'V'", "'color'"]


@pytest.mark.parametrize(
    "change",
    [
        lambda s, a, w, c: s.update(V=["a", "b", "d"]),
        lambda s, a, w, c: a.update(src=[0, 0]),
        lambda s, a, w, c: w.update(side=[["g", "f"]]),
        lambda s, a, w, c: w.update(side=[["f"]]),
        lambda s, a, w, c: c.update(color=["red", "blue", "blue"]),
        lambda s, a, w, c: c.update(weight=[2.0]),
    ],
)
def test_equality_sees_every_field(change):
    def build(*changes):
        sets = {"V": ["a", "b", "c"], "E": ["f", "g"], "Q": ["w"]}
        arrows, lists = {"src": [0, 1], "tgt": [1, 2]}, {"side": [["f", "g"]]}
        columns = {"color": ["red", "blue", "red"]}
        for one in changes:
            one(sets, arrows, lists, columns)
        return Tables(WORDS, sets, arrows, lists, columns)

    assert build() == triangle()
    assert hash(build()) == hash(triangle())
    assert build(change) != triangle()


def test_names_count_in_equality_and_not_in_morphisms():
    named, other = Tables(WORDS, {"V": ["a"]}), Tables(WORDS, {"V": ["b"]})
    assert named != other
    assert named.matches(other)
    assert TableMorphism(named, other, {"V": ["b"]}).failures() == []
    first, second = TableMorphism.identity(named), TableMorphism.identity(other)
    assert (first >> second).codomain == other


def test_values_survive_copies_and_refuse_changes():
    T = triangle()
    hash(T)
    again = pickle.loads(pickle.dumps(T))
    assert again == T == copy.deepcopy(T)
    assert len(pickle.dumps(T)) == len(pickle.dumps(triangle()))  # without what was computed
    with raises(AttributeError, "Tables", "shape"):
        T.shape = WORDS
    with pytest.raises(ValueError, match="read-only"):
        again.arrows["src"].values[0] = 1
    with pytest.raises(TypeError):
        T.sets["V"] = FinSet(1)  # type: ignore[index]
    assert Record({"a": 1, "b": 2}) == {"b": 2, "a": 1}


def test_a_morphism_is_natural():
    T = triangle()
    loop = Tables(
        WORDS, {"V": ["x"], "E": ["l"]}, {"src": ["x"], "tgt": ["x"]}, {}, {"color": ["red"]}
    )
    m = TableMorphism(loop, loop, {"V": ["x"], "E": {"l": "l"}})
    assert m == TableMorphism.identity(loop)
    assert m.is_monic
    assert m.is_injective("E")
    assert m("V", "x") == 0
    assert m.image_rows("E").tolist() == [0]
    with pytest.raises(InvalidStructure) as error:
        TableMorphism(T, loop, {"V": [0, 0, 0], "E": [0, 0], "Q": []})
    assert [f.where for f in error.value.failures] == ["component 'Q'"]


@pytest.mark.parametrize(
    ("parts", "broken"),
    [
        (
            {"E": ["g", "f"]},
            {"naturality of src": 2, "naturality of tgt": 2, "naturality of side": 1},
        ),
        ({"V": ["c", "b", "a"]}, {"naturality of src": 1, "naturality of tgt": 1}),
        ({"V": ["b", "b", "c"]}, {"naturality of src": 1, "naturality of color": 1}),
    ],
)
def test_every_broken_square_is_listed(parts, broken):
    T = triangle()
    identity = {"V": [0, 1, 2], "E": [0, 1], "Q": [0]}
    assert TableMorphism(T, T, identity).failures() == []
    with pytest.raises(InvalidStructure) as error:
        TableMorphism(T, T, identity | parts)
    laws = [failure.law for failure in error.value.failures]
    assert {law: laws.count(law) for law in laws} == broken
    assert TableMorphism(T, T, identity | parts, check=False).failures() == list(
        error.value.failures
    )


def test_broken_squares_say_the_users_names():
    T = triangle()
    wrong = TableMorphism(T, T, {"V": ["b", "b", "c"], "E": ["g", "g"], "Q": ["w"]}, check=False)
    assert are(
        wrong.failures(),
        ("naturality of tgt", "E 'f'", "'c'", "'b'"),
        ("naturality of side", "Q 'w'", "('f', 'g')", "('g', 'g')"),
        ("naturality of color", "V 'a'", "'blue'", "'red'"),
    )


def test_many_broken_squares_are_counted():
    many = Tables(WORDS, {"V": 30}, attributes={"color": range(30)})
    wrong = TableMorphism(many, many, {"V": [0] * 30}, check=False)
    failures = wrong.failures()
    assert len(failures) == 11
    assert named(19, failures[-1].message)


def test_a_list_is_preserved_entry_by_entry():
    """No entry may appear or vanish, even where all entries go to one row."""
    loops = {"V": 1, "E": 1, "Q": 1}
    ends = {"src": [0], "tgt": [0]}
    once = Tables(WORDS, loops, ends, {"side": [[0]]})
    twice = Tables(WORDS, loops, ends, {"side": [[0, 0]]})
    with raises(InvalidStructure, law="naturality of side", where="Q '0'"):
        TableMorphism(once, twice, {"V": [0], "E": [0], "Q": [0]})


def test_morphisms_that_do_not_meet():
    T, empty = triangle(), Tables.empty(WORDS)
    into = TableMorphism(empty, T)
    assert (into >> TableMorphism.identity(T)) == into
    with raises(NotComposable, "V", "3", "0", "E", "2", law="composition", where="f"):
        into >> into
    red = Tables(WORDS, {"V": 1}, attributes={"color": ["red"]})
    blue = Tables(WORDS, {"V": 1}, attributes={"color": ["blue"]})
    with raises(NotComposable, "color", law="composition", where="f"):
        TableMorphism.identity(red) >> TableMorphism.identity(blue)
    with raises(InvalidStructure, law="shape", where="domain and codomain"):
        TableMorphism(T, Tables(Shape(("V",))))
    assert into.codomain.mismatch(Tables(Shape(("V",)))) == "their shapes differ"


def test_sums_of_morphisms():
    T = triangle()
    dot = Tables(WORDS, {"V": ["a"]}, attributes={"color": ["red"]})
    m = TableMorphism(dot, T, {"V": ["c"]})
    both = m + TableMorphism.identity(T)
    assert both.domain == dot + T
    assert both.codomain == T + T
    assert list(both.components["V"]) == [2, 3, 4, 5]
    assert both.failures() == []


def test_parts():
    T = triangle()
    part, inclusion = T.subtables({"V": ["c", "b"], "E": [1]})
    assert part == Tables(
        WORDS,
        {"V": ["b", "c"], "E": ["g"]},
        {"src": ["b"], "tgt": ["c"]},
        {},
        {"color": ["blue", "red"]},
    )
    assert inclusion.failures() == []
    assert (list(inclusion.components["V"]), inclusion.codomain) == ([1, 2], T)
    assert inclusion.is_monic


def test_a_part_that_is_not_closed_is_refused_and_can_be_closed():
    T = triangle()
    missing = ("closed", "E 'f'", "tgt", "V 'b'"), ("closed", "Q 'w'", "side", "E 'g'")
    with fails(InvalidStructure, *missing):
        T.subtables({"V": ["a"], "Q": ["w"], "E": ["f"]})
    closed = T.closure({"Q": ["w"]})
    assert {table: rows.tolist() for table, rows in closed.items()} == {
        "V": [0, 1, 2], "E": [0, 1], "Q": [0],
    }  # fmt: skip
    assert T.subtables(closed)[0] == T
    assert {t: list(r) for t, r in T.closure({"E": ["g"]}).items()} == {
        "V": [1, 2],
        "E": [1],
        "Q": [],
    }
    with pytest.raises(InvalidStructure) as error:
        T.subtables({"E": ["h"], "V": [7], "W": []})
    assert len(error.value.failures) == 3


def test_many_missing_rows_are_counted():
    many = Tables(WORDS, {"V": 1, "E": 30}, {"src": [0] * 30, "tgt": [0] * 30})
    with raises(InvalidStructure, 20, "V", law="closed", where="E, src"):
        many.subtables({"E": np.arange(30)})


def test_the_empty_tables():
    empty = Tables.empty(WORDS)
    assert empty == Tables(WORDS)
    assert empty.failures() == []
    with raises(TypeError, "Tables.empty"):
        Tables.empty()


def test_rows_are_called_otherwise():
    shape = Shape(("V", "E"), {"src": ("E", "V")}, {"via": ("E", "V")}, {"size": "V"})
    parts = {"src": [1]}, {"via": [[0, 1, 1]]}, {"size": [3, None]}
    one = Tables(shape, {"V": ["a", "b"], "E": ["e"]}, *parts)
    other = one.with_names({"V": ["x", "y"], "E": 1})
    assert other == Tables(shape, {"V": ["x", "y"], "E": 1}, *parts)
    assert other.matches(one)
    assert other.with_names(one.sets) == one


def test_rows_are_added_with_all_that_they_have():
    shape = Shape(
        ("V", "E"), {"src": ("E", "V")}, {"via": ("E", "V")}, {"size": "V"}, {"data": "E"}
    )
    held = np.ones(2)
    one = Tables(shape, {"V": ["a"], "E": ["e"]}, {"src": [0]}, {"via": [[0]]}, {"size": [3]})
    more = {
        "V": {"b": {"size": 4}, "c": {}},
        "E": {"f": {"src": "b", "via": ["a", "c"], "data": held}, "g": {"src": 0, "via": []}},
    }
    found = one.with_rows(more)
    assert found == Tables(
        shape,
        {"V": ["a", "b", "c"], "E": ["e", "f", "g"]},
        {"src": [0, 1, 0]},
        {"via": [[0], [0, 2], []]},
        {"size": [3, 4, None]},
    )
    assert found.side_data["data"] == {1: held}
    assert one.with_rows({}) == one
    with pytest.raises(InvalidStructure):
        one.with_rows({"V": {"a": {}}})
    with pytest.raises(UnknownName):
        one.with_rows({"E": {"h": {"src": "z", "via": []}}})
    with pytest.raises(InvalidStructure):
        one.with_rows({"V": {"b": {"size": []}}})


def test_the_interior_is_the_largest_part_within():
    shape = Shape(("V", "E"), {"src": ("E", "V")}, {"via": ("E", "V")})
    one = Tables(shape, {"V": 4, "E": 3}, {"src": [0, 1, 0]}, {"via": [[1], [], [1, 3]]})
    found = {table: rows.tolist() for table, rows in one.interior({"V": [0, 1, 2]}).items()}
    assert found == {"V": [0, 1, 2], "E": [0, 1]}
    assert one.interior({"V": [0, 1], "E": [1]})["E"].tolist() == [1]
    assert {t: rows.tolist() for t, rows in one.closure(found).items()} == found
