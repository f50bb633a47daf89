"""The main job, with one seed and few steps: what it prints and what it leaves behind."""

import contextlib
import io

import numpy as np
import pytest

import catlearn as cl
from catlearn.cli.demo import accuracy, demo, load_split

pytest.importorskip("sklearn")
pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One seed of the demo: its folder, what it printed, and what it gave."""
    folder, printed = tmp_path_factory.mktemp("demo") / "out", io.StringIO()
    with contextlib.redirect_stdout(printed):
        (seed,) = demo(folder, seeds=1, steps=200)
    return folder, printed.getvalue(), seed


def test_the_demo_trains_and_leaves_its_files(run):
    folder, printed, seed = run
    for equation in (
        "train.X >> body >> readout = train.Y",
        "labelled.X >> student = labelled.Y",
        "labelled.X >> student = labelled.X >> body >> readout",
        "unlabelled.X >> student = unlabelled.X >> body >> readout",
    ):
        assert equation in printed
    assert seed.accuracies["teacher"] > 0.8
    assert all(name in printed for name in seed.accuracies)
    files = {path.name for path in folder.iterdir()}
    assert files == {"square.svg", "distillation.svg", "distillation.json",
                     "distillation.safetensors", "history.csv"}  # fmt: skip
    assert all(name in printed for name in files)
    saved = cl.load(folder / "distillation.json")
    assert saved == seed.distilled.fn.diagram
    images = load_split(0).test[0]
    trained = saved.map_label("student").architecture.rebuild(saved.starts["student"])
    assert np.array_equal(trained(images), seed.distilled.model("student")(images))


def test_the_teacher_does_not_move(run):
    _, _, seed = run
    assert seed.distilled.fn.diagram.frozen == ("body", "readout")
    assert seed.distilled.fn.trainable == ("student",)
    frozen = seed.distilled.state["frozen"]
    for edge in ("body", "readout"):
        before, after = _leaves(seed.teacher.params[edge]), _leaves(frozen[edge])
        assert all(map(np.array_equal, before, after))
        assert any(np.any(leaf) for leaf in before)


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
