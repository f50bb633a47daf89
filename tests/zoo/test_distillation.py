"""Knowledge distillation against the same loss by hand: labels, two teachers, a hint."""

import pytest

import catlearn as cl
from benchmarks.by_hand.common import Sizes
from benchmarks.by_hand.distillation import FIRST, HINT, LABEL, SECOND, models, regime
from catlearn.errors import InvalidStructure
from tests.errors import raises


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, dtype):
    with agrees.precision(dtype):
        agrees(regime(Sizes(dtype=dtype)), turned=True)


def test_teachers_are_frozen_and_share_their_weight():
    diagram = regime(Sizes()).diagram
    assert diagram.frozen == ("big", "top", "other")
    assert diagram.trainable == ("body", "head", "hint")
    weights = [diagram.weight(name) for name in (LABEL, FIRST, SECOND, HINT)]
    assert weights == [1.0, 0.25, 0.25, 0.1]


def test_the_teacher_may_speak_about_other_data():
    student, teachers, data, _ = models(Sizes())
    unlabelled = cl.Dataset("more", X=data.spaces["X"])
    diagram = cl.zoo.distillation(student, teachers, data, transfer=unlabelled)
    starts = [sides[0].source for sides in diagram.soft_equations.values()]
    assert starts == ["digits", "more", "more"]


def test_a_hint_from_nowhere_is_refused():
    student, teachers, data, hint = models(Sizes())
    lost = cl.Model("lost", hint.target, hint.target, "linear")
    with raises(InvalidStructure, "'G'", law="hint", where="hint 'lost'"):
        cl.zoo.distillation(student, teachers, data, hints=[lost])
    drawn_later = cl.Model("later", data.spaces["X"], data.spaces["Y"], "linear")
    with raises(InvalidStructure, "freeze(variables)", law="freeze", where="Model 'later'"):
        cl.zoo.distillation(student, [drawn_later], data)
