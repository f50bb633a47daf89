"""The distillation experiment: its diagrams, at a size that says nothing of accuracy."""

import jax
import numpy as np
import pytest

import catlearn as cl

pytest.importorskip("sklearn")
distillation = pytest.importorskip("distillation")


@pytest.fixture(scope="module")
def split():
    return cl.cli.demo.load_split(0)


@pytest.fixture(scope="module")
def teacher():
    models = (distillation.BODY, distillation.READOUT)
    keys = jax.random.split(jax.random.key(0), len(models))
    return {
        model.name: model.architecture.init(key, model.source.label, model.target.label)
        for model, key in zip(models, keys, strict=True)
    }


def test_the_hint_is_one_more_equation(split, teacher):
    without = distillation.soft_labels(split, teacher)
    hinted = distillation.soft_labels(split, teacher, hint=0.25)
    more = set(hinted.soft_equations) - set(without.soft_equations)
    assert more == {"images.X >> student_body >> relu >> hint = images.X >> body"}
    assert set(without.soft_equations) < set(hinted.soft_equations)
    assert [hinted.weight(name) for name in more] == [0.25]
    assert len(without.data["labelled"]["X"]) == distillation.LABELLED


def test_a_student_learns_and_its_accuracy_is_of_its_own_layers(split, teacher):
    diagram = distillation.soft_labels(split, teacher, hint=0.1)
    before = distillation.train(diagram, 0, 0)
    after = distillation.train(diagram, 0, 30)
    assert after.evaluate()[0] < before.evaluate()[0]
    params = jax.device_get(after.params)
    body, readout = (params[f"student_{part}"] for part in ("body", "readout"))
    images, labels = split.test
    inside = np.maximum(images @ body["weight"] + body["bias"], 0)
    logits = inside @ readout["weight"] + readout["bias"]
    expected = np.mean(logits.argmax(axis=1) == labels)
    assert distillation.accuracy(after, split) == pytest.approx(expected, abs=0.003)
