"""Distillation on real digits: labels, soft labels, and hints from inside the teacher.

A student of 16 hidden units has 100 labelled images, and 1,200 that nobody labelled; a teacher has
learned from all labels. The student learns alone; as in ``catlearn demo``, where all equations of
the glued diagram count alike; and by two diagrams of ``catlearn.zoo.distillation``: softened logits
(Hinton et al., 2015), and those with a hint from the hidden layer of the teacher (Romero et al.,
2015).

    python experiments/distillation.py [--quick] [--out table.md]
"""

from __future__ import annotations

from typing import Any

import jax
import optax
from reporting import Clock, machine, parser, report, spread, table

import catlearn as cl
from catlearn.cli import demo
from catlearn.cli.demo import BODY, DIGIT, HIDDEN, IMAGE, LABELLED, READOUT, Split

WIDTH = 16
BEFORE, INSIDE = cl.Space("A", WIDTH), cl.Space("F", WIDTH)
STUDENT = (
    cl.Model("student_body", IMAGE, BEFORE, "linear"),
    cl.Model("relu", BEFORE, INSIDE, jax.nn.relu),
    cl.Model("student_readout", INSIDE, DIGIT, "linear"),
)
"""The student of the demo, with its hidden layer at a vertex."""

HINT = cl.Model("hint", INSIDE, HIDDEN, "linear")
TEMPERATURE = 4.0


def soft_labels(split: Split, teacher: dict[str, Any], hint: float = 0.0) -> cl.LearningDiagram:
    """Return labels, a frozen teacher, all training images without labels, and the student.

    Parameters
    ----------
    split
        The digits.
    teacher
        The parameters of ``body`` and ``readout``.
    hint
        The weight of the hint; 0 is without.
    """
    images, labels = split.train
    few = (IMAGE, images[:LABELLED]), (DIGIT, labels[:LABELLED])
    return cl.zoo.distillation(
        STUDENT,
        [[BODY.freeze(teacher["body"]), READOUT.freeze(teacher["readout"])]],
        cl.Dataset("labelled", X=few[0], Y=few[1]),
        transfer=cl.Dataset("images", X=(IMAGE, images)),
        temperature=TEMPERATURE,
        hints=[HINT] if hint else [],
        hint_weight=hint,
    )


def accuracy(result: cl.Result, split: Split) -> float:
    """Return the share of test images that the trained student gets right."""
    images, labels = split.test
    value = images
    for part in STUDENT:
        model = jax.nn.relu if part.label.kind == "fixed" else result.model(part.name)
        value = model(value)
    return demo.accuracy(value, labels)


def train(diagram: cl.LearningDiagram, seed: int, steps: int) -> cl.Result:
    """Train on the declared equations, as the demo trains on all."""
    key = jax.random.key(seed)
    adam = optax.adam(3e-3)
    return cl.fit(diagram, adam, steps=steps, batch_size=64, key=key, progress=False)


def run_seed(seed: int, steps: int, hint: float) -> dict[str, float]:
    """Return the test accuracy of teacher and students, on one division of the digits."""
    told = demo.run_seed(seed, steps)
    split, teacher = demo.load_split(seed), told.teacher.params
    softened = train(soft_labels(split, teacher), seed, steps)
    hinted = train(soft_labels(split, teacher, hint), seed, steps)
    alone, distilled = (told.accuracies[f"student {name}"] for name in ("alone", "distilled"))
    return {
        "teacher, 1,300 labels": told.accuracies["teacher"],
        "student alone": alone,
        "student, all equations (the demo)": distilled,
        "student, soft labels": accuracy(softened, split),
        "student, soft labels and hint": accuracy(hinted, split),
    }


def main() -> None:
    """Train over several seeds, print the table, and write it if asked to."""
    options = parser(__doc__)
    options.add_argument("--seeds", type=int, default=5, help="how many (default 5)")
    options.add_argument("--steps", type=int, default=2000, help="of each model (default 2000)")
    options.add_argument("--hint", type=float, default=0.1, help="weight of the hint (default 0.1)")
    chosen = options.parse_args()
    seeds, steps = (2, 50) if chosen.quick else (chosen.seeds, chosen.steps)
    clock, found = Clock(), []
    for seed in range(chosen.seed, chosen.seed + seeds):
        found.append(run_seed(seed, steps, chosen.hint))
        print(f"seed {seed}: {found[-1]}", flush=True)
    alone = [one["student alone"] for one in found]
    rows = [
        [
            name,
            spread([one[name] for one in found]),
            spread([one[name] - base for one, base in zip(found, alone, strict=True)]),
        ]
        for name in found[0]
    ]
    header = ["model", "test accuracy in %", "above the student alone, same seed"]
    about = (
        f"scikit-learn's 1,797 digits: {len(demo.load_split(0).train[0])} for training, of which "
        f"{LABELLED} labelled for the students, {demo.TEST} for test. Mean ± standard deviation "
        f"over {seeds} seeds (from {chosen.seed}), each another division; {steps} steps of Adam; "
        f"temperature {TEMPERATURE:g}, hint of weight {chosen.hint:g}. {clock}; {machine()}.\n"
    )
    report(f"{table(header, rows)}\n{about}", chosen.out)


if __name__ == "__main__":
    main()
