"""The distillation experiment: its diagrams, at a size that says nothing of accuracy."""

import jax
import numpy as np
import pytest

import catlearn as cl

pytest.importorskip("sklearn")
distillation = pytest.importorskip("distillation")
pytestmark = pytest.mark.heavy
demo = cl.cli.demo


@pytest.fixture(scope="module")
def split():
    return demo.load_split(0)


@pytest.fixture(scope="module")
def nets(split):
    return distillation.Networks.of(split.train[0].shape[1])


@pytest.fixture(scope="module")
def teacher(nets):
    random = np.random.default_rng(0)

    def drawn(model):
        shapes = model.architecture.structure(model.source.label, model.target.label)
        return jax.tree.map(lambda x: 0.1 * random.normal(size=x.shape).astype(x.dtype), shapes)

    return {model.name: drawn(model) for model in (nets.body, demo.READOUT)}


def test_the_hint_is_one_more_equation(nets, split, teacher):
    without = distillation.soft_labels(nets, split, teacher)
    hinted = distillation.soft_labels(nets, split, teacher, hint=0.25)
    more = set(hinted.soft_equations) - set(without.soft_equations)
    assert more == {"images.X >> student_body >> relu >> hint = images.X >> body"}
    assert set(without.soft_equations) < set(hinted.soft_equations)
    assert [hinted.weight(name) for name in more] == [0.25]
    assert len(without.data["labelled"]["X"]) == distillation.LABELLED


def test_its_networks_and_diagrams_are_those_of_the_demo(nets, split, teacher):
    assert (nets.body, nets.whole) == (demo.BODY, demo.STUDENT)
    here = distillation.all_equations(nets, split, teacher)
    there = cl.lower(demo.distillation(split, teacher).loss("all"))
    assert here.loss == there.loss
    assert here.diagram == there.diagram
    square = cl.zoo.classification(
        nets.body, demo.READOUT, data=cl.Dataset("train", X=nets.image, Y=demo.DIGIT)
    )
    theirs = demo.teacher_square(split)
    assert list(square.loss().equations) == list(theirs.loss("all").equations)
    few = nets.labelled(split)
    assert (few.arrays["X"] == demo.labelled_data(split).data["labelled"]["X"]).all()


def test_networks_are_for_images_of_any_size(split):
    nets = distillation.Networks.of(784)
    assert nets.image.label.shape == nets.parts[0].source.label.shape == (784,)
    assert nets.hint == distillation.Networks.of(64).hint


def test_a_student_learns_and_its_accuracy_is_of_its_own_layers(nets, split, teacher):
    fn = cl.lower(distillation.soft_labels(nets, split, teacher, hint=0.1).loss())
    result = distillation.train(fn, 0, 60)
    total = result.history.total
    assert total[-10:].mean() < 0.8 * total[:10].mean()
    params = jax.device_get(result.params)
    body, readout = (params[f"student_{part}"] for part in ("body", "readout"))
    images, labels = split.test
    inside = np.maximum(images @ body["weight"] + body["bias"], 0)
    logits = inside @ readout["weight"] + readout["bias"]
    expected = np.mean(logits.argmax(axis=1) == labels)
    assert distillation.accuracy(result, nets.parts, split) == pytest.approx(expected, abs=0.003)
