"""The main job, with one seed and few steps: what it prints and what it leaves behind."""

import numpy as np
import pytest

import catlearn as cl
from catlearn.cli.demo import accuracy, demo, load_split

pytest.importorskip("sklearn")


def test_the_demo_trains_and_leaves_its_files(tmp_path, capsys):
    (seed,) = demo(tmp_path / "out", seeds=1, steps=200)
    printed = capsys.readouterr().out
    for equation in (
        "train.X >> body >> readout = train.Y",
        "labelled.X >> student = labelled.Y",
        "labelled.X >> student = labelled.X >> body >> readout",
        "unlabelled.X >> student = unlabelled.X >> body >> readout",
    ):
        assert equation in printed
    assert seed.accuracies["teacher"] > 0.8
    assert all(name in printed for name in seed.accuracies)
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"square.svg", "distillation.svg", "distillation.json",
                     "distillation.safetensors", "history.csv"}  # fmt: skip
    assert all(name in printed for name in files)
    saved = cl.load(tmp_path / "out" / "distillation.json")
    assert saved == seed.distilled.fn.diagram
    images = load_split(0).test[0]
    trained = saved.map_label("student").architecture.rebuild(saved.starts["student"])
    assert np.array_equal(trained(images), seed.distilled.model("student")(images))


def test_the_teacher_does_not_move():
    from catlearn.cli import demo as module

    split = load_split(0)
    teacher = module.train(module.teacher_square(split), 0, 20)
    diagram = module.distillation(split, teacher.params)
    result = module.train(diagram, 0, 20)
    assert diagram.frozen == ("body", "readout")
    assert result.fn.trainable == ("student",)
    for edge in diagram.frozen:
        for before, after in zip(
            *map(_leaves, (teacher.params[edge], result.state["frozen"][edge])), strict=True
        ):
            assert np.array_equal(before, after)


def test_splits_are_disjoint_and_depend_on_the_seed():
    one, other = load_split(0), load_split(1)
    assert len(one.train[0]) + len(one.test[0]) == 1797
    assert not np.array_equal(one.test[1], other.test[1])


def test_accuracy_counts_the_largest_logit():
    logits = np.array([[0.0, 1.0], [2.0, 1.0], [0.0, 3.0]])
    assert accuracy(logits, np.array([1, 0, 0])) == pytest.approx(2 / 3)


def _leaves(tree):
    import jax

    return jax.tree.leaves(tree)
