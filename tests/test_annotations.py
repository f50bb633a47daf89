"""False annotations are found while tests run; see ``tests/annotations.py``."""

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest
from beartype.roar import BeartypeCallHintViolation

MODULE = """
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction


def right(x: int) -> list[int]:
    return [x]


def returns_another(x: int) -> str:
    return x


def takes_more(x: int) -> object:
    return x


def refuses(x: int) -> None:
    raise ValueError(x)


def halved(x: Fraction) -> Fraction:
    return x / 2


class Money:
    def __init__(self, amount: int) -> None:
        self.amount = amount

    def __add__(self, other: Money) -> Money:
        if not isinstance(other, Money):
            return NotImplemented
        return Money(self.amount + other.amount)

    @property
    def currency(self) -> str:
        return self.amount
"""


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """A module of one's own, imported with its annotations checked."""
    here = Path(__file__).parent / "annotations.py"
    spec = importlib.util.spec_from_file_location("annotations_under_test", here)
    annotations = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, annotations)
    spec.loader.exec_module(annotations)
    (tmp_path / "room_with_annotations.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.delitem(sys.modules, "room_with_annotations", raising=False)
    monkeypatch.setattr("builtins.__annotated__", annotations.annotated, raising=False)
    annotations.check_annotations("room_with_annotations")
    return importlib.import_module("room_with_annotations")


def test_what_is_true_passes(checked):
    from fractions import Fraction

    assert checked.right(3) == [3]
    assert checked.halved(Fraction(1)) == Fraction(1, 2)
    assert (checked.Money(1) + checked.Money(2)).amount == 3


def test_a_false_return_is_noticed(checked, mutants):
    with mutants("returns an int as a str"), pytest.raises(BeartypeCallHintViolation):
        checked.returns_another(3)
    with mutants("a property of another type"), pytest.raises(BeartypeCallHintViolation):
        _ = checked.Money(1).currency


def test_an_argument_that_is_accepted_against_its_annotation_is_noticed(checked, mutants):
    with mutants("takes a str as an int"), pytest.raises(BeartypeCallHintViolation):
        checked.takes_more("3")
    with mutants("takes an int as a fraction"), pytest.raises(BeartypeCallHintViolation):
        checked.halved(3)


def test_what_a_function_refuses_is_no_fault(checked):
    with pytest.raises(ValueError, match="three"):
        checked.refuses("three")
    with pytest.raises(TypeError, match="unsupported operand"):
        checked.Money(1) + 2
