"""Equations between attributes: checked, kept by (co)limits, migration and files; mutants."""

import pytest
from hypothesis import given, settings, strategies as st

import catlearn as cl
from catlearn import laws
from catlearn.category import Functor
from catlearn.cset import CSet, CSetMorphism, Schema, delta, homomorphisms, left_kan, sigma
from catlearn.errors import FileFormatError, InvalidStructure, LabelConflict
from catlearn.finset import pullback, pushout
from catlearn.formats import from_csv, from_json, to_csv, to_json
from catlearn.laws.strategies import csets, identifications, morphisms
from tests.errors import raises

ENDS = {"src": ("E", "V"), "tgt": ("E", "V")}
WITHIN = "src >> colour = tgt >> colour"
PLAIN = Schema(["V", "E"], ENDS, attributes={"colour": "V"}, equations=[WITHIN])
FLAT = Schema(
    ["V", "E"], ENDS, attributes={"colour": "V"}, equations=[WITHIN], orders={"colour": "flat"}
)
TWO = Schema(["V"], attributes={"one": "V", "other": "V"}, equations=["one = other"])
schemas = st.sampled_from([PLAIN, FLAT, TWO])


def edge(*colours, schema=PLAIN):
    return CSet(schema, V=["a", "b"], E=["e"], src=["a"], tgt=["b"], colour=colours)


def test_the_row_and_both_labels_are_named():
    with pytest.raises(InvalidStructure) as caught:
        edge("red", "blue")
    (failure,) = caught.value.failures
    assert failure.law == "equations"
    assert WITHIN in failure.where
    for said in ("'e'", "'red'", "'blue'"):
        assert said in failure.message
    # 1 and True are different labels, NaN is NaN.
    with pytest.raises(InvalidStructure):
        edge(1, True)
    assert edge(float("nan"), float("nan")).failures() == []


@pytest.mark.parametrize(
    ("equation", "law"),
    [
        ("src >> colour = tgt", "parallel sides"),
        ("colour = src >> colour", "parallel sides"),
        ("src >> hue = tgt >> colour", "known edges"),
        ("colour >> src = src >> colour", "composition"),
        ("colour = size", "orders"),
        ("all = all", "equations"),
        ("id(labels) = id(labels)", "equations"),
    ],
)
def test_equations_that_make_no_sense_are_refused(equation, law):
    with pytest.raises(InvalidStructure) as caught:
        Schema(
            ["V", "E"],
            ENDS,
            lists={"all": ("V", "E")},
            attributes={"colour": "V", "size": "V"},
            orders={"size": "flat"},
            equations=[equation],
        )
    assert {failure.law for failure in caught.value.failures} == {law}


@given(schemas.flatmap(csets))
def test_drawn_c_sets_obey(X: CSet):
    assert X.failures() == []


def test_the_spec_sees_that_they_hold():
    assert laws.check(edge("red", "red")).broken == ()


@settings(max_examples=40)
@given(st.data(), schemas)
def test_colimits_and_limits_keep_them(data, schema):
    X = data.draw(csets(schema))
    f, g = data.draw(identifications(X)), data.draw(identifications(X))
    try:
        glued = pushout(f, g)
    except LabelConflict:
        assert schema is FLAT  # only where labels may be raised can they meet another
    else:
        assert glued.apex.failures() == []
        assert all(leg.failures() == [] for leg in glued.legs)
    h = data.draw(morphisms(csets(schema)))
    both = pullback(h, h)
    assert both.apex.failures() == []
    assert all(leg.failures() == [] for leg in both.legs)


def test_what_is_raised_raises_what_has_to_be_the_same(mutants):
    """The other end of the edge is raised, too; the universal arrow exists."""
    point = CSet(FLAT, V=1)
    red = CSet(FLAT, V=1, colour=["red"])
    into = CSetMorphism(point, edge(None, None, schema=FLAT), V=[0])
    glued = pushout(into, CSetMorphism(point, red, V=[0]))
    assert glued.apex.colour == ("red", "red")
    assert glued.apex.failures() == []
    whole = edge("red", "red", schema=FLAT)
    legs = (CSetMorphism(into.codomain, whole, V=[0, 1], E=[0]), CSetMorphism(red, whole, V=[0]))
    assert glued.universal(*legs).failures() == []
    with mutants("colimit: a label that an equation raises stays"):
        assert glued.apex.with_column("colour", ["red", None], check=False).failures() != []
    blue = CSet(FLAT, V=1, colour=["blue"])
    ends = CSetMorphism(CSet(FLAT, V=2), edge(None, None, schema=FLAT), V=[0, 1])
    apart = CSetMorphism(CSet(FLAT, V=2), red + blue, V=[0, 1])
    with pytest.raises(LabelConflict) as caught:
        pushout(ends, apart)
    assert [failure.law for failure in caught.value.failures] == ["colour"]


PAIRS = Schema(
    ["P"], {"turn": ("P", "P")}, attributes={"left": "P", "right": "P"},
    equations=["turn >> turn = id(P)", "turn >> left = right"],
)  # fmt: skip
ALSO = {"left": "src >> colour", "right": "tgt >> colour"}
SYMMETRIC = Schema(
    ["V", "E"],
    {**ENDS, "inv": ("E", "E")},
    attributes={"colour": "V"},
    equations=["inv >> inv = id(E)", "inv >> src = tgt", "inv >> tgt = src"],
)
ALONG = Functor(PAIRS, SYMMETRIC, {"P": "E"}, {"turn": "inv"})


@settings(max_examples=30)
@given(csets(SYMMETRIC))
def test_delta_of_equations_that_follow(X: CSet):
    pulled = delta(ALONG, X, also=ALSO)
    assert pulled.failures() == []
    assert pulled.left == tuple(X.colour[v] for v in X.src)


def test_delta_refuses_equations_that_do_not_go_to_ones_that_hold():
    loose = Schema(["V", "E"], {**ENDS, "inv": ("E", "E")}, attributes={"colour": "V"},
                   equations=["inv >> inv = id(E)"])  # fmt: skip
    X = CSet(loose)
    F = Functor(PAIRS, loose, {"P": "E"}, {"turn": "inv"})
    for also in (ALSO, {"left": "src >> colour"}):
        with pytest.raises(InvalidStructure) as caught:
            delta(F, X, also=also)
        assert [failure.law for failure in caught.value.failures] == ["equations"]
        assert "turn >> left = right" in caught.value.failures[0].where
    # By an equation between labels of the codomain it does.
    within = [*loose.equations, "inv >> src >> colour = tgt >> colour"]
    tight = Schema(loose.tables, loose.arrows, attributes=loose.attributes, equations=within)
    F = Functor(PAIRS, tight, {"P": "E"}, {"turn": "inv"})
    assert delta(F, CSet(tight, V=1, E=1, src=[0], tgt=[0], inv=[0]), also=ALSO).left == (None,)


@settings(max_examples=30)
@given(csets(PAIRS, max_rows=2), csets(SYMMETRIC, max_rows=2))
def test_sigma_is_left_adjoint(X: CSet, Y: CSet):
    extension = left_kan(ALONG, X, also=ALSO)
    assert extension.cset.failures() == []
    if None in extension.cset.colour:
        return  # in the discrete order, what no label reaches has none
    expected = list(homomorphisms(X, delta(ALONG, Y, also=ALSO)))
    found = [extension.transpose(u) for u in homomorphisms(extension.cset, Y)]
    assert len(found) == len(expected)
    assert all(found.count(f) == 1 for f in expected)


def test_sigma_brings_labels_to_where_equations_ask_for_them():
    here = Schema(["P"], attributes={"hue": "P"})
    F = Functor(here, PLAIN, {"P": "E"})
    made = sigma(F, CSet(here, P=2, hue=["red", "blue"]), also={"hue": "src >> colour"})
    assert made.failures() == []
    assert None not in made.colour
    twice = Schema(["P"], attributes={"p": "P", "q": "P"})
    with pytest.raises(LabelConflict):
        sigma(Functor(twice, PLAIN, {"P": "E"}), CSet(twice, P=1, p=["a"], q=["b"]),
              also={"p": "src >> colour", "q": "tgt >> colour"})  # fmt: skip


def test_types_are_compared_along_paths():
    """What is read along a path has its type, too: from strings no numbers are read."""
    here = Schema(["P"], attributes={"n": ("P", int)})
    for type_, fits in ((str, False), (bool, True), ((int, str), False), (None, None)):
        attribute = "V" if type_ is None else ("V", type_)
        there = Schema(["V", "E"], ENDS, attributes={"colour": attribute})
        F = Functor(here, there, {"P": "E"})
        X = CSet(there, V=1, E=1, src=[0], tgt=[0], colour=[True if fits else "red"])
        if fits:
            assert delta(F, X, also={"n": "src >> colour"}).failures() == []
            continue
        with pytest.raises(InvalidStructure) as caught:
            delta(F, X, also={"n": "src >> colour"})
        assert [failure.law for failure in caught.value.failures] == ["types"]
    # Sigma: what arrives has to be of the type that is there.
    typed = Schema(["V", "E"], ENDS, attributes={"colour": ("V", str)})
    loose = Schema(["P"], attributes={"n": "P"})
    F = Functor(loose, typed, {"P": "E"})
    assert sigma(F, CSet(loose, P=1, n=["a"]), also={"n": "src >> colour"}).failures() == []
    with pytest.raises(InvalidStructure) as caught:
        sigma(F, CSet(loose, P=1, n=[3]), also={"n": "src >> colour"})
    assert [failure.law for failure in caught.value.failures] == ["types"]


def test_sigma_follows_equations_through_attributes_that_are_not_read():
    """a = b = c, and labels arrive at a and c only: they have to be the same, and b has them."""
    chain = Schema(["V"], attributes=dict.fromkeys("abc", "V"), equations=["a = b", "b = c"])
    here = Schema(["P"], attributes={"a": "P", "c": "P"})
    F, also = Functor(here, chain, {"P": "V"}), {"a": "a", "c": "c"}
    made = sigma(F, CSet(here, P=1, a=["red"], c=["red"]), also=also)
    assert made == CSet(chain, V=1, a=["red"], b=["red"], c=["red"])
    with pytest.raises(LabelConflict):
        sigma(F, CSet(here, P=1, a=["red"], c=["blue"]), also=also)
    same = Schema(["P"], attributes=here.attributes, equations=["a = c"])
    F = Functor(same, chain, {"P": "V"})
    assert delta(F, made, also=also).failures() == []
    assert sigma(F, delta(F, made, also=also), also=also) == made


@given(schemas.flatmap(csets))
def test_files_keep_them(X: CSet):
    read = from_json(to_json(X))
    assert read == X
    assert read.schema.equations == X.schema.equations


def test_they_are_in_texts_pictures_and_tables(tmp_path):
    X = edge("red", "red")
    assert eval(repr(PLAIN), {"Schema": Schema}) == PLAIN
    assert Schema(["V"], attributes=TWO.attributes) != TWO
    picture = cl.draw(PLAIN)
    for text in (picture.svg, picture.tikzcd, picture.dot, picture.quiver):
        assert text
    assert "colour" in picture.svg
    to_csv(X, tmp_path)
    assert from_csv(PLAIN, tmp_path) == X
    broken = (tmp_path / "V.csv").read_text().replace("red", "blue", 1)
    (tmp_path / "V.csv").write_text(broken)
    with raises(
        FileFormatError, "'blue'", "'red'", law="equations", where="src >> colour = tgt >> colour"
    ):
        from_csv(PLAIN, tmp_path)


def test_a_wrong_file_is_refused():
    text = to_json(edge("red", "red"))
    for old, new in (('"src","colour"', '"src","hue"'), ('"src", "colour"', '"src", "hue"')):
        text = text.replace(old, new)
    with raises(FileFormatError, "hue", law="known edges", where="src >> hue = tgt >> colour"):
        from_json(text)
