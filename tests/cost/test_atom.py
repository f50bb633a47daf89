"""Atoms: text and terms are inverse, renaming acts, evaluation is a homomorphism."""

import sys

import pytest
import sympy
from hypothesis import assume, given, strategies as st

from catlearn.cost import Atom
from catlearn.errors import InvalidStructure, UnknownName
from tests.errors import fails, raises

names = st.sampled_from(
    ["x", "digits.X", "left/f", "a-b", "f_1", "7", "π", "id(A)", "two words", 'q"q', "a,b", ""]
)
atoms = st.recursive(
    names.map(Atom.of),
    lambda inner: st.builds(
        lambda head, args: Atom.of(head, *args), names, st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


@given(atoms)
def test_text_and_repr_evaluate_back(atom):
    assert Atom.parse(str(atom)) == atom
    assert eval(repr(atom)) == atom


@given(atoms, atoms)
def test_distinct_atoms_have_distinct_texts(one, two):
    assert (str(one) == str(two)) == (one == two) == (one.expression == two.expression)


def test_unquoted_text_would_not_be_faithful():
    """The mutant of the two laws above: without quotes a name reads as an application."""
    assert Atom.parse("id(A)") != Atom.of("id(A)")
    assert str(Atom.of("id(A)")) == '"id(A)"'


@given(atoms)
def test_head_and_arguments_rebuild_the_term(atom):
    assert Atom.of(atom.head, *atom.arguments) == atom


@given(atoms, st.dictionaries(names, names), st.dictionaries(names, names))
def test_renaming_is_an_action(atom, first, second):
    both = {name: second.get(first.get(name, name), first.get(name, name)) for name in atom.symbols}
    assert atom.rename(first).rename(second) == atom.rename(both)
    assert atom.rename({}) == atom


def test_renaming_is_simultaneous_not_one_after_the_other():
    swap = {"f": "g", "g": "f"}
    assert Atom.parse("f(g(x))").rename(swap) == Atom.parse("g(f(x))")
    one_by_one = Atom.parse("f(g(x))").rename({"f": "g"}).rename({"g": "f"})
    assert one_by_one != Atom.parse("g(f(x))")


@given(atoms)
def test_evaluation_in_terms_is_the_identity(atom):
    leaves = {name for name, arity in atom.postfix if arity == 0}
    heads = {name for name, arity in atom.postfix if arity > 0}
    assume(not leaves & heads)
    values = {name: Atom.of(name) for name in leaves}
    values |= {name: lambda *args, name=name: Atom.of(name, *args) for name in heads}
    assert atom.evaluate(values) == atom


def test_deep_terms_do_not_recurse():
    depth = 10 * sys.getrecursionlimit()
    atom = Atom((("x", 0), *((("f", 1),) * depth)))
    assert Atom.parse(str(atom)) == atom
    assert atom.evaluate({"x": 0, "f": lambda value: value + 1}) == depth
    assert hash(atom.rename({"f": "g"})) != hash(atom)
    assert len(atom.arguments[0].postfix) == depth


def test_a_quote_in_a_name_may_be_doubled():
    assert Atom.parse('d("q""q", "a b")') == Atom.of("d", 'q"q', "a b")


@pytest.mark.parametrize(
    ("text", "place", "names"),
    [
        ("", ">>>", []),
        ("d(f(x), y", "d(f(x), y>>>", ["')'", "'d'"]),
        ("f(a,)", "f(a,>>>)", ["')'"]),
        ("f()", "f(>>>)", ["')'"]),
        ("f(x))", "f(x)>>>)", []),
        ("(x)", ">>>(x)", []),
        ("f(x)(y)", "f(x)>>>(y)", []),
        ("f x", "f >>>x", ["','", "')'"]),
        ('f("x)', 'f(>>>"x)', []),
    ],
)
def test_syntax_errors_point_at_the_place(text, place, names):
    with fails(InvalidStructure, ("syntax", place, *names)):
        Atom.parse(text)


@pytest.mark.parametrize("postfix", [(), (("x", 0), ("y", 0)), (("f", 1),), (("x", 0), ("f", -1))])
def test_ill_formed_postfix_is_rejected(postfix):
    with raises(InvalidStructure, law="term"):
        Atom(postfix)


def test_missing_values_are_listed_together():
    with raises(UnknownName, "x", "f", "d(f(x), y)"):
        Atom.parse("d(f(x), y)").evaluate({"d": max, "y": 1})


def test_sympy_form():
    expression = Atom.parse("E_S(d_Y(head(S.X), S.Y))").expression
    assert isinstance(expression, sympy.Expr)
    assert str(expression) == "E_S(d_Y(head(S.X), S.Y))"
    assert sympy.latex(expression) == (
        r"\mathbb{E}_{S}\, d_{Y}\left(\mathrm{head}\left(x\right), y\right)"
    )
    assert sympy.latex(expression**2).endswith(r"\right)^{2}")
    assert sympy.latex(Atom.parse("d_Y(x)").expression ** 2) == r"d_{Y}^{2}\left(x\right)"


def test_typesetting_survives_the_users_own_function_of_that_name():
    own = sympy.Function("d_my_space")(sympy.Symbol("x"))
    ours = Atom.parse("d_my_space(x)").expression
    assert sympy.latex(ours) == r"d_{\mathrm{my\_space}}\left(x\right)" != sympy.latex(own)


def test_projections_that_differ_only_in_case_keep_their_full_names():
    text = sympy.latex(Atom.parse("E_S(d(S.X, S.x))").expression)
    assert text == r"\mathbb{E}_{S}\, d\left(\mathrm{S.X}, \mathrm{S.x}\right)"
