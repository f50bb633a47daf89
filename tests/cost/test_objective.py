"""Objectives: coefficients, display, reading back, and messages."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import sympy

from catlearn.cost import (
    Aggregator,
    Atom,
    Objective,
    Term,
    get_aggregator,
    register_aggregator,
)
from catlearn.cost.objective import written
from catlearn.errors import InvalidStructure, UnknownName
from tests.errors import raises


def test_equal_atoms_are_combined_by_the_aggregator():
    terms = [Term("a(f)", 2, name="one"), Term("b(f)"), Term("a(f)", 3, name="two")]
    a, b = Atom.parse("a(f)"), Atom.parse("b(f)")
    assert Objective(("f",), terms).coefficients == {a: 5, b: 1}
    assert Objective(("f",), terms, "max").coefficients == {a: 3, b: 1}
    assert [term.name for term in Objective(("f",), terms).terms] == ["one", None, "two"]


def test_coefficients_are_exact():
    """0.1 + 0.2 rounds up to a float; the exact sum is smaller than that float."""
    terms = [Term("a", 0.1), Term("a", 0.2)]
    (weight,) = Objective((), terms).coefficients.values()
    assert weight == Fraction(0.1) + Fraction(0.2) != 0.1 + 0.2


def test_terms_of_weight_zero_are_not_evaluated():
    objective = Objective(("f",), {"d(f(x), y)": 2, "e(u)": 0})
    assert objective.constants == ("x", "y", "d")
    assert str(objective) == "L(f) = 2 d(f(x), y)"
    values = {"f": lambda x: x, "x": 1, "y": 4, "d": lambda a, b: abs(a - b)}
    assert objective.evaluate(values) == 6


def test_max_evaluates_to_the_largest_weighted_atom():
    objective = Objective((), {"a": 2, "b": 3}, "max")
    assert objective.evaluate({"a": 5, "b": 1}) == 10
    assert Objective((), objective.terms).evaluate({"a": 5, "b": 1}) == 13


@pytest.mark.parametrize(
    "objective",
    [
        Objective(("x", "y"), {"d(f(x), y)": 2.0}),
        Objective(("f",), [Term("a(f)", 1, name="one"), Term("a(f)", 0.5)], "max"),
        Objective(("f",), {'d("two words", f)': Fraction(1, 3)}),
        Objective.zero(),
        Objective.zero("max"),
    ],
)
def test_repr_evaluates_back(objective):
    assert eval(repr(objective)) == objective
    assert hash(eval(repr(objective))) == hash(objective)


def test_equality_sees_names_order_and_aggregator():
    base = Objective(("f",), [Term("a(f)"), Term("b(f)")])
    others = [
        Objective(("f",), [Term("b(f)"), Term("a(f)")]),
        Objective(("f",), [Term("a(f)", name="fit"), Term("b(f)")]),
        Objective(("f",), base.terms, "max"),
        Objective(("f", "g"), base.terms),
    ]
    assert all(base != other for other in others)
    assert [base.is_same_function(other) for other in others] == [True, True, False, False]
    assert base != "L"


def test_expression_is_a_real_sympy_expression():
    objective = Objective(("f",), {"a(f)": 2.0, "b(f)": 1, "c": Fraction(1, 3), "d": 0})
    a, b = Atom.parse("a(f)").expression, Atom.parse("b(f)").expression
    assert objective.expression == 2 * a + b + sympy.Symbol("c") / 3
    assert Objective(("f",), {"a(f)": 2, "b(f)": 1}, "max").expression == sympy.Max(2 * a, b)
    assert Objective.zero().expression == Objective.zero("max").expression == 0
    assert Objective((), {"a": 0.1}).expression == 0.1 * sympy.Symbol("a")


def test_board_and_notebook_forms():
    terms = {"E_S(d_Y(net(S.X), S.Y))": 2.0, "E_S(d_Y(net(S.X), c))": 0.5}
    objective = Objective(("net",), terms, "max")
    assert str(objective) == ("L(net) = max(2 E_S(d_Y(net(S.X), S.Y)), 0.5 E_S(d_Y(net(S.X), c)))")
    latex = objective._repr_latex_()
    assert latex.startswith(r"$\displaystyle L(\mathrm{net}) = \max(2 \mathbb{E}_{S}\, d_{Y}")
    assert latex.endswith("$")
    assert str(Objective.zero()) == "L() = 0"
    # the order of the terms is the user's, not sympy's
    assert Objective((), {"b": 1, "a": 1})._repr_latex_() == r"$\displaystyle L() = b + a$"


def test_weights_of_other_libraries_become_pythons():
    weights = [np.float32(0.5), np.int64(3), True, Fraction(1, 3)]
    assert [type(Term("a", weight).weight) for weight in weights] == [float, int, int, Fraction]


@pytest.mark.parametrize(
    ("weight", "text"),
    [(2.0, "2"), (0.1, "0.1"), (Fraction(1, 3), "1/3"), (1e300, "1e+300"), (10**20, "1e+20")],
)
def test_weights_as_text(weight, text):
    assert written(weight) == text


def test_everything_wrong_is_listed_at_once():
    terms = {"d(f(": 1, "a": -1, "b": float("nan"), "c": "heavy", "e": float("inf"), "g": 10**400}
    with raises(InvalidStructure, "'f'", "d(f(>>>", -1, "nan", "'heavy'", "inf") as error:
        Objective(("f", "f"), terms)
    assert len(error.value.failures) == 7
    with raises(InvalidStructure, law="names", where="term 'fit'"):
        Objective((), [Term("a", name="fit"), Term("b", name="fit")])
    assert Objective(("f", "f"), check=False).failures()


def test_renaming_refuses_to_turn_a_constant_into_a_parameter():
    objective = Objective(("f",), {"d(f(x), y)": 1})
    assert str(objective.rename({"f": "g", "x": "u"})) == "L(g) = d(g(u), y)"
    with raises(InvalidStructure, "f", law="names", where="constant 'x'"):
        objective.rename({"x": "f"})


def test_aggregators():
    assert get_aggregator(get_aggregator("max")) is get_aggregator("max")
    with raises(UnknownName, "mean", "max", "sum"):
        Objective((), {}, "mean")
    with raises(InvalidStructure, law="registry", where="aggregator 'max'") as error:
        register_aggregator(Aggregator("max", min))
    assert [failure.law for failure in error.value.failures] == ["registry", "unit"]


def test_an_aggregator_of_ones_own(monkeypatch):
    monkeypatch.setattr("catlearn.cost.objective._registry", {"sum": get_aggregator("sum")})
    register_aggregator(Aggregator("hypot", lambda a, b: (a * a + b * b) ** 0.5))
    objective = Objective((), {"a": 3, "b": 4}, "hypot")
    assert objective.evaluate({"a": 1, "b": 1}) == 5
    assert str(objective) == "L() = hypot(3 a, 4 b)"
    assert str(objective.expression) == "hypot(3*a, 4*b)"
    assert r"\operatorname{hypot}(3 a, 4 b)" in objective._repr_latex_()


def test_a_subclass_may_hold_more():
    class Loss(Objective):
        def __init__(self, diagram):
            super().__init__(("f",), {"a(f)": 1})
            self.diagram = diagram

    loss = Loss("square")
    assert loss.diagram == "square"
    assert loss == Objective(("f",), {"a(f)": 1})
    assert type(loss + loss) is Objective
    with pytest.raises(AttributeError):
        Objective().parameters = ("f",)


def test_importing_cost_does_not_import_sympy():
    code = (
        "import sys, catlearn.cost as c; c.Objective((), {'a': 1}); print('sympy' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert answer.stdout.strip() == "False"
