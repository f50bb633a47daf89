"""Terms: reading and writing them, and what is no term."""

import pytest
from hypothesis import given, strategies as st

from catlearn.category.terms import (
    APPLY,
    BINDS,
    FAMILY,
    Expr,
    read_operation,
    read_statement,
    read_term,
    read_typing,
)
from catlearn.errors import PathSyntaxError

NAMES = st.sampled_from(["f", "g", "α", "id", "my edge", "L0", "x′"]).map(Expr)


def grown(terms):
    two = st.tuples(terms, terms)
    return st.one_of(
        st.builds(Expr, st.sampled_from([sign for sign in BINDS if BINDS[sign]]), two),
        st.builds(Expr, st.sampled_from(["F", "X", "id"]), st.lists(terms, min_size=1).map(tuple)),
        st.builds(lambda body: Expr(FAMILY, (body, Expr("i"), Expr("legs"))), terms),
        st.builds(lambda a, b, x: Expr(APPLY, (Expr(">>", (a, b)), x)), terms, terms, terms),
    )


TERMS = st.recursive(NAMES.filter(lambda t: " " not in t.head), grown, max_leaves=8)


@given(TERMS)
def test_what_is_written_is_read(term):
    assert read_term(str(term)) == term


@given(TERMS)
def test_substitution_matches(term):
    pattern = Expr("F", (Expr("x"), Expr("y"), Expr("x")))
    found = {}
    image = pattern.substituted({"x": term, "y": Expr("g")})
    assert image.matched(pattern, {"x", "y"}, found)
    assert found == {"x": term, "y": Expr("g")}
    other = Expr("F", (term, Expr("g"), Expr("h")))
    assert other.matched(pattern, {"x", "y"}, {}) == (term == Expr("h"))


def test_operations_bind():
    assert read_term("f >> g ⊗ h + k") == read_term("(f >> (g ⊗ h)) + k")
    assert read_term("f >> g >> h") == read_term("(f >> g) >> h")
    assert read_term("f @ g") == read_term("f ⊗ g")


def test_chains_and_typings():
    chain = read_statement("I ⊗ A = A = A ⊗ I")
    assert (len(chain.sides), chain.relations) == (3, ("=", "="))
    both = read_statement("a ⊗ b <= c <=> a <= residual(b, c)")
    assert [side.head for side in both.sides] == ["≤", "≤"]
    assert read_statement(str(both)) == both
    typed = read_statement("F(f) : F(A) -> F(B) in D")
    assert str(typed) == "F(f) : F(A) -> F(B) in D"
    kinds = read_typing("f: A -> B in D, x, y: element of a set, h: [D(i) -> X for i in legs]")
    assert list(kinds) == ["f", "x", "y", "h"]
    assert kinds["x"] == kinds["y"] == Expr("element of a set")
    name, parameters, kind = read_operation("apex: object")
    assert (name, parameters, kind) == ("apex", {}, Expr("object"))


@pytest.mark.parametrize(
    ("read", "text", "place"),
    [
        (read_statement, "f >> = g", 5),
        (read_statement, "f", 1),
        (read_statement, "f = g =", 7),
        (read_term, "f g", 2),
        (read_term, "(f", 2),
        (read_term, "[f or i in legs]", 15),
        (read_term, "f ; g", 2),
        (read_typing, "f: A ->", 7),
        (read_typing, "x: element, x: element", 22),
        (read_typing, "f: F(A)", 7),
        (read_operation, "F(f: A -> B)", 12),
    ],
)
def test_what_is_no_term_is_refused_at_its_place(read, text, place):
    with pytest.raises(PathSyntaxError) as refused:
        read(text)
    assert str(refused.value).splitlines()[-1] == " " * (place + 2) + "^"
