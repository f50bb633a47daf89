"""Relations between rows: closed under arrows, lists and keys; with what disagrees."""

import itertools

import pytest
from hypothesis import given, strategies as st

from catlearn.errors import InvalidStructure, LabelConflict
from catlearn.finset import Shape, TableMorphism, Tables, pushout
from catlearn.finset.relations import Relation
from tests.errors import raises

WORDS = Shape(
    ("V", "E", "W"),
    arrows={"src": ("E", "V"), "tgt": ("E", "V"), "head": ("W", "V")},
    lists={"word": ("W", "E")},
    attributes={"colour": "V"},
    keys={"E": [("src", "tgt")]},
)


@st.composite
def values(draw):
    """Draw tables in which no two edges have the same ends."""
    size = draw(st.integers(1, 3))
    pairs = st.tuples(*[st.integers(0, size - 1)] * 2)
    edges = draw(st.lists(pairs, max_size=4, unique=True))
    word = st.lists(st.integers(0, len(edges) - 1), max_size=2) if edges else st.just([])
    words = draw(st.lists(word, max_size=2))
    heads = [draw(st.integers(0, size - 1)) for _ in words]
    ends = {"src": [a for a, _ in edges], "tgt": [b for _, b in edges], "head": heads}
    colours = [draw(st.sampled_from([None, "red"])) for _ in range(size)]
    sets = {"V": size, "E": len(edges), "W": len(words)}
    return Tables(WORDS, sets, ends, {"word": words}, {"colour": colours})


@st.composite
def relations(draw):
    one, other = draw(values()), draw(values())
    pairs = {}
    for table in WORDS.tables:
        rows = draw(st.permutations(range(other.size(table))))
        count = draw(st.integers(0, min(one.size(table), other.size(table))))
        chosen = draw(st.permutations(range(one.size(table))))[:count]
        pairs[table] = dict(zip(chosen, rows, strict=False))
    return Relation(one, other, pairs)


def follows(one, other, pairs):
    """What pairs imply, one rule after the other, row by row."""
    for row, image in pairs["E"].items():
        for arrow in ("src", "tgt"):
            yield "V", one.arrows[arrow](row), other.arrows[arrow](image)
    for row, image in pairs["W"].items():
        yield "V", one.arrows["head"](row), other.arrows["head"](image)
        mine, theirs = (
            side.lists["word"].row(k).tolist() for side, k in ((one, row), (other, image))
        )
        if len(mine) == len(theirs):
            yield from (("E", a, b) for a, b in zip(mine, theirs, strict=True))
    for a, b in itertools.product(range(one.size("E")), range(other.size("E"))):
        ends = [(one.arrows[arrow](a), other.arrows[arrow](b)) for arrow in ("src", "tgt")]
        if all(pairs["V"].get(mine) == theirs for mine, theirs in ends):
            yield "E", a, b


def paired(relation):
    return {
        table: dict(zip(*(x.tolist() for x in relation.pairs(table)), strict=True))
        for table in WORDS.tables
    }


@given(relations())
def test_closed_relations_have_what_they_imply(relation):
    closed = relation.closed()
    before, after = paired(relation), paired(closed)
    for table in WORDS.tables:
        assert before[table].items() <= after[table].items()
    for table, row, _ in follows(closed.one, closed.other, after):
        assert row in after[table]
    # Nothing is paired that was not asked for and does not follow.
    reached = {table: set(rows.items()) for table, rows in before.items()}
    found = list(follows(closed.one, closed.other, after))
    for table, rows in after.items():
        assert set(rows.items()) <= reached[table] | {(a, b) for t, a, b in found if t == table}


@given(relations())
def test_what_disagrees_is_what_keeps_it_from_being_a_span(relation):
    closed = relation.closed()
    one, other, pairs = closed.one, closed.other, paired(closed)
    wrong = any(pairs[table].get(row) != image for table, row, image in follows(one, other, pairs))
    wrong |= any(
        len(one.lists["word"].row(row)) != len(other.lists["word"].row(image))
        for row, image in pairs["W"].items()
    )
    wrong |= any(
        one.attributes["colour"][row] != other.attributes["colour"][image]
        for row, image in pairs["V"].items()
    )
    # An edge belongs to its source: with this all edges out of it are paired.
    for row, image in pairs["V"].items():
        out = [
            {k for k in range(side.size("E")) if side.arrows["src"](k) == at}
            for side, at in ((one, row), (other, image))
        ]
        wrong |= {pairs["E"].get(k) for k in out[0]} != out[1]
    assert bool(list(closed.differences())) == wrong
    assert bool(closed.failures()) == wrong


def test_a_row_of_which_only_one_side_has_is_told():
    loop, point = (
        Tables(WORDS, {"V": ["x"], "E": len(ends)}, {"src": ends, "tgt": ends, "head": []})
        for ends in ([0], [])
    )
    for one, other in ((loop, point), (point, loop)):
        (failure,) = Relation(one, other, {"V": {"x": "x"}}).closed().failures()
        assert (failure.law, failure.where) == ("src", "E '0'")


def test_keys_are_kept():
    ends = {"src": [0, 0], "tgt": [0, 0], "head": []}
    same = Tables(WORDS, {"V": 1, "E": 2}, ends)
    assert same.key_failures() == []
    coloured = Shape(("V", "E"), {"src": ("E", "V")}, attributes={"c": "E"}, keys={"E": [["src"]]})
    with pytest.raises(InvalidStructure) as caught:
        Tables(coloured, {"V": 1, "E": ["f", "g"]}, {"src": [0, 0]}, attributes={"c": [1, True]})
    assert [(f.law, f.where) for f in caught.value.failures] == [("key", "E 'f'")]
    with raises(InvalidStructure, law="keys", where="'E'"):
        Shape(("V", "E"), {"src": ("E", "V")}, keys={"E": [["tgt"]]})
    assert eval(repr(coloured)) == coloured


KEYED = Shape(
    ["V", "E"],
    {"of": ("E", "V")},
    attributes={"size": "E"},
    keys={"E": [("of",)]},
    orders={"size": "flat"},
)


def sized(*sizes):
    """One vertex, with edges that its key makes alike."""
    return Tables(KEYED, {"V": 1, "E": len(sizes)}, {"of": [0] * len(sizes)}, {}, {"size": sizes})


def glued(*objects):
    foot = Tables(KEYED, {"V": 1})
    return pushout(*(TableMorphism(foot, one, {"V": [0]}) for one in objects))


def test_rows_of_one_key_get_the_join_of_their_labels(mutants):
    """None and 1 are no conflict: their join is 1. Colimits stay universal."""
    both = glued(sized(None), sized(1))
    assert both.apex.attributes["size"] == (1, 1)
    assert all(leg.failures() == [] for leg in both.legs)
    whole = sized(1)
    cocone = [TableMorphism(leg.domain, whole, {"V": [0], "E": [0]}) for leg in both.legs]
    assert both.universal(*cocone).failures() == []
    with mutants("colimit: rows of one key keep labels that differ"):
        lower = both.apex.with_column("size", [None, 1], check=False)
        assert lower.failures() != []
    with pytest.raises(LabelConflict) as caught:
        glued(sized(2), sized(None), sized(1))
    assert [failure.law for failure in caught.value.failures] == ["size"]
    with pytest.raises(InvalidStructure):  # tables themselves agree, or are refused
        sized(None, 1)
