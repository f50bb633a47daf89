"""Knowledge distillation against the same loss by hand: labels, two teachers, a hint."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import InvalidStructure

LABEL = "digits.X >> body >> head = digits.Y"
FIRST = "digits.X >> body >> head = digits.X >> big >> top"
SECOND = "digits.X >> body >> head = digits.X >> other"
HINT = "digits.X >> body >> hint = digits.X >> big"
LABELS = np.array([0, 2, 1, 1, 0], "int32")


def linear(params, x):
    return x @ params["weight"] + params["bias"]


def drawn(dtype, source, target, seed):
    draws = np.random.default_rng(seed)
    return {
        "weight": draws.normal(size=(source, target)).astype(dtype),
        "bias": draws.normal(size=target).astype(dtype),
    }


def models(dtype="float32"):
    X, F, G = cl.Space("X", 4, dtype), cl.Space("F", 2, dtype), cl.Space("G", 3, dtype)
    Y = cl.Categorical("Y", 3, dtype=dtype)
    student = [cl.Model("body", X, F, "linear"), cl.Model("head", F, Y, "linear")]
    teachers = [
        [
            cl.Model("big", X, G, "linear", start=drawn(dtype, 4, 3, 0)),
            cl.Model("top", G, Y, "linear", start=drawn(dtype, 3, 3, 1)),
        ],
        cl.Model("other", X, Y, "linear", start=drawn(dtype, 4, 3, 2)),
    ]
    return student, teachers, cl.Dataset("digits", X=X, Y=Y), cl.Model("hint", F, G, "linear")


def regime(dtype="float32"):
    student, teachers, data, hint = models(dtype)
    return cl.zoo.distillation(
        student, teachers, data, hints=[hint], temperature=2.0, weight=0.5, hint_weight=0.1
    )


def by_hand(params, state, batch, key, reverse=False):
    x, y, weights = batch["digits"]["X"], batch["digits"]["Y"], state["weights"]
    teacher = state["frozen"]

    def soft(logits, target):
        if reverse:
            logits, target = target, logits
        p, t = jax.nn.log_softmax(logits / 2.0), jax.nn.log_softmax(target / 2.0)
        return jnp.mean(optax.losses.kl_divergence_with_log_targets(p, t) * 2.0**2)

    inside = linear(params["body"], x)
    logits = linear(params["head"], inside)
    seen = linear(teacher["big"], x)
    away = linear(params["hint"], inside) - seen
    terms = {
        LABEL: jnp.mean(optax.losses.softmax_cross_entropy_with_integer_labels(logits, y)),
        FIRST: soft(logits, linear(teacher["top"], seen)),
        SECOND: soft(logits, linear(teacher["other"], x)),
        HINT: jnp.mean(jnp.sum(away**2, axis=1)),
    }
    first, *rest = (weights[name] * cost for name, cost in terms.items())
    for cost in rest:
        first = first + cost
    return first, terms


def wrong_side(*arguments):
    """A mutant: the divergence of the student from the teacher instead."""
    return by_hand(*arguments, reverse=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_is_the_one_by_hand(agrees, noise, dtype):
    batch = {"digits": {"X": noise((5, 4), dtype), "Y": LABELS}}
    with agrees.precision(dtype):
        agrees(cl.lower(regime(dtype).loss()), batch, by_hand, wrong=wrong_side)


def test_teachers_are_frozen_and_share_their_weight():
    diagram = regime()
    assert diagram.frozen == ("big", "top", "other")
    assert diagram.trainable == ("body", "head", "hint")
    weights = [diagram.weight(name) for name in (LABEL, FIRST, SECOND, HINT)]
    assert weights == [1.0, 0.25, 0.25, 0.1]


def test_the_teacher_may_speak_about_other_data():
    student, teachers, data, _ = models()
    unlabelled = cl.Dataset("more", X=data.spaces["X"])
    diagram = cl.zoo.distillation(student, teachers, data, transfer=unlabelled)
    starts = [sides[0].source for sides in diagram.soft_equations.values()]
    assert starts == ["digits", "more", "more"]


def test_a_hint_from_nowhere_is_refused():
    student, teachers, data, hint = models()
    lost = cl.Model("lost", hint.target, hint.target, "linear")
    with pytest.raises(InvalidStructure, match="leads from 'G' to 'G'"):
        cl.zoo.distillation(student, teachers, data, hints=[lost])
    drawn_later = cl.Model("later", data.spaces["X"], data.spaces["Y"], "linear")
    with pytest.raises(InvalidStructure, match="no parameters yet"):
        cl.zoo.distillation(student, [drawn_later], data)
