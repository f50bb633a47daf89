"""The main job: knowledge distillation on real digits, from two diagrams to trained models.

A teacher is trained through the square that gluing all training labels to it makes. A small
student is trained twice: alone on 100 labelled images, and in the glued diagram in which it
must agree with the labels, with the frozen teacher on the labelled images, and with the teacher
on the remaining images, whose labels nobody reads.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from catlearn.cli.run_folder import say
from catlearn.drawing import draw
from catlearn.errors import CatlearnError
from catlearn.formats import save
from catlearn.learning import Dataset, LearningDiagram, glue
from catlearn.lowering import lower
from catlearn.models import Categorical, Model, Space
from catlearn.training import Result, fit

IMAGE, HIDDEN, DIGIT = Space("X", 64), Space("H", 64), Categorical("Y", 10)
LABELLED, TEST = 100, 497
BODY = Model("body", IMAGE, HIDDEN, "mlp", width=128, depth=1)
READOUT = Model("readout", HIDDEN, DIGIT, "linear")
STUDENT = Model("student", IMAGE, DIGIT, "mlp", width=16, depth=1)


@dataclass(frozen=True)
class DigitsSplit:
    """One random division of the digits, images as rows of 64 numbers in [0, 1]."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Seed:
    """What one seed gave: three runs and their accuracies on the test images."""

    teacher: Result
    alone: Result
    distilled: Result
    accuracies: dict[str, float]


def load_split(seed: int) -> DigitsSplit:
    """Return scikit-learn's 1,797 digits, shuffled by a seed: 1,300 for training, 497 for test.

    Raises
    ------
    CatlearnError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        message = 'the demo needs scikit-learn; install it with: pip install "catlearn[examples]"'
        raise CatlearnError(message) from error
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(images))
    images = (images[order] / 16).astype(np.float32)
    labels = labels[order].astype(np.int32)
    train, test = slice(None, -TEST), slice(-TEST, None)
    return DigitsSplit((images[train], labels[train]), (images[test], labels[test]))


def teacher_square(split: DigitsSplit) -> LearningDiagram:
    """Return the square of a teacher and all training labels: one emergent equation."""
    images, labels = split.train
    data = LearningDiagram(Dataset("train", X=(IMAGE, images), Y=(DIGIT, labels)))
    return glue(data, LearningDiagram(BODY, READOUT))


def labelled_data(split: DigitsSplit) -> LearningDiagram:
    """Return the data set of the few labelled images."""
    images, labels = (column[:LABELLED] for column in split.train)
    return LearningDiagram(Dataset("labelled", X=(IMAGE, images), Y=(DIGIT, labels)))


def distillation(split: DigitsSplit, teacher: Mapping[str, Any]) -> LearningDiagram:
    """Return labels, unlabelled images, frozen teacher and student, glued.

    Parameters
    ----------
    split
        The digits.
    teacher
        The parameters of ``body`` and ``readout``.
    """
    unlabelled = LearningDiagram(Dataset("unlabelled", X=(IMAGE, split.train[0][LABELLED:])))
    frozen = LearningDiagram(BODY.freeze(teacher["body"]), READOUT.freeze(teacher["readout"]))
    return glue(labelled_data(split), unlabelled, frozen, LearningDiagram(STUDENT))


def train(diagram: LearningDiagram, seed: int, steps: int) -> Result:
    """Train a diagram on all its equations."""
    fn = lower(diagram.loss("all"))
    key = jax.random.key(seed)
    return fit(fn, optax.adam(3e-3), steps=steps, batch_size=64, key=key, progress=False)


def accuracy(logits: Any, labels: np.ndarray) -> float:
    """Return the share of images whose largest logit is that of their label."""
    return float(np.mean(np.argmax(np.asarray(logits), axis=-1) == labels))


def run_seed(seed: int, steps: int) -> Seed:
    """Train teacher, lonely student and distilled student on one division of the digits."""
    split = load_split(seed)
    images, labels = split.test
    teacher = train(teacher_square(split), seed, steps)
    alone = train(glue(labelled_data(split), LearningDiagram(STUDENT)), seed, steps)
    distilled = train(distillation(split, teacher.params), seed, steps)
    logits = teacher.model("readout")(teacher.model("body")(images))
    accuracies = {
        "teacher": accuracy(logits, labels),
        "student alone": accuracy(alone.model("student")(images), labels),
        "student distilled": accuracy(distilled.model("student")(images), labels),
    }
    return Seed(teacher, alone, distilled, accuracies)


def demo(folder: Path, seeds: int = 5, steps: int = 2000) -> list[Seed]:
    """Run the main job, print what happens, and write what was made.

    Parameters
    ----------
    folder
        Where to write the drawings, the diagram, its variables and the history.
    seeds
        How many divisions of the data to repeat over.
    steps
        Training steps of each model.

    Returns
    -------
    list
        What each seed gave.
    """
    began = time.perf_counter()
    say(
        "Knowledge distillation on 1,797 real digits: a student of 16 hidden units learns from "
        f"{LABELLED} labels and a frozen teacher.\n"
        f"Three models, {seeds} seeds, {steps} steps each; the first seed compiles.\n",
    )
    results: list[Seed] = []
    for seed in range(seeds):
        results.append(run_seed(seed, steps))
        if seed == 0:
            _print_diagrams(results[0])
            say("\nTest accuracy:")
        shown = ", ".join(f"{name} {value:.3f}" for name, value in results[-1].accuracies.items())
        say(f"  seed {seed}: {shown}")
    _print_summary(results)
    for path in _write(folder, results[0]):
        say(f"wrote {path}")
    say(f"{time.perf_counter() - began:.0f} seconds in all")
    return results


def _print_diagrams(first: Seed) -> None:
    titled = (
        ("The teacher's square", first.teacher),
        ("The student alone", first.alone),
        ("The distillation diagram", first.distilled),
    )
    for title, result in titled:
        diagram = result.fn.diagram
        say(f"{title}: {diagram!r}")
        emergent = {term.name for term in diagram.emergent}
        costs = result.evaluate()[1]
        for term in result.fn.loss.equations:
            where = "emergent" if term.name in emergent else "in a part"
            say(f"  {term}   ({where}; cost {costs[term.name]:.4f} after training)")


def _print_summary(results: list[Seed]) -> None:
    say(f"\nOver {len(results)} seeds (mean ± standard deviation):")
    for name in results[0].accuracies:
        values = np.array([result.accuracies[name] for result in results])
        spread = values.std(ddof=1) if len(values) > 1 else 0.0
        say(f"  {name:<18} {values.mean():.3f} ± {spread:.3f}")
    say("")


def _write(folder: Path, first: Seed) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    square, distilled = first.teacher.fn.diagram, first.distilled.fn.diagram
    trained = distilled.with_values(first.distilled.params)
    pictures = {"square.svg": square, "distillation.svg": distilled}
    for name, diagram in pictures.items():
        draw(diagram).save(folder / name)
    save(trained, folder / "distillation.json")
    first.distilled.history.to_csv(folder / "history.csv")
    names = (*pictures, "distillation.json", "distillation.safetensors", "history.csv")
    return [folder / name for name in names]
