"""The laws of streams hold of the rules and the folds that there are, and each rejects a mutant."""

from dataclasses import replace

import numpy as np
import pytest

from catlearn import laws
from catlearn.arrays import exp2, traced
from catlearn.laws import States, check
from catlearn.streams import RULES, known, rule, stream
from catlearn.streams.rules import cocycle
from tests.streams.programs import FOLDS
from tests.streams.test_laws import BROKEN

with known():
    EXP2 = rule("exp2", lambda s, r: exp2(s - r), lambda r, new: exp2(r - new))


def test_the_rules_hold():
    report = check({**RULES, "exp2": EXP2}, laws.rules, max_examples=4)
    assert report
    assert {*report.passed} == {*RULES, "own cocycles"}
    assert check(RULES, laws.rules.only("own cocycles")).vacuous == ("own cocycles",)


def test_each_rule_of_a_certificate_has_its_law():
    assert {law.name for law in laws.rules.laws} == {*RULES, "own cocycles"}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_is_changed_breaks_its_law(name, mutants):
    old = RULES[name]
    changed = replace(old, equations=lambda **data: old.equations(**{**data, **BROKEN[name](data)}))
    with mutants(f"rules of streams: {name}"):
        rules, spec = {**RULES, name: changed}, laws.rules.only(name)
        assert check(rules, spec, max_examples=2, shrink=False).broken == (name,)


def test_a_cocycle_of_ones_own_that_moves_the_wrong_way_breaks_its_law(mutants):
    wrong = traced("", "")(lambda r, new: exp2(new - r))
    changed = replace(EXP2, equations=lambda: cocycle(EXP2.F(), wrong))
    with mutants("rules of streams: a cocycle of one's own"):
        report = check({"exp2": changed}, laws.rules.only("own cocycles"), shrink=False)
        assert report.broken == ("own cocycles",)


NAMES = ("attention by hand", "centred twice")


def states(name, kind=States):
    circuit, variable, shapes, _ = FOLDS[name]
    random = np.random.default_rng(0)
    return kind(stream(circuit, variable), [random.normal(size=shape) for shape in shapes])


@pytest.mark.parametrize("name", NAMES)
def test_states_are_a_monoid_to_which_lists_of_indices_are_mapped(name):
    check(states(name), laws.fold, max_examples=6).raise_()


class Added(States):
    """Sums are added, without that they are moved to the greater reference."""

    def multiply(self, one, other):
        if one is None or other is None:
            return super().multiply(one, other)
        return [np.maximum(one[0], other[0]), *map(np.add, one[1:], other[1:])]


class Twice(States):
    """The second of two states counts twice."""

    def multiply(self, one, other):
        return super().multiply(one, super().multiply(other, other))


class NoUnit(States):
    """The state of no indices is one of numbers: 0."""

    @property
    def unit(self):
        return [0 * one for one in self.lift(0, 1)]


BROKEN_LAWS = {
    Added: {"lists of indices"},
    Twice: {"left unit", "associativity", "commutativity", "lists of indices"},
    NoUnit: {"left unit", "right unit"},
}


@pytest.mark.parametrize("kind", BROKEN_LAWS)
def test_other_merges_break_laws_of_folds(kind, mutants):
    with mutants(f"fold: {kind.__doc__}"):
        structure = states("attention by hand", kind)
        report = check(structure, laws.fold, max_examples=12, shrink=False)
        assert {*report.broken} == BROKEN_LAWS[kind]
