"""Distillation on real digits: labels, soft labels, and hints from inside the teacher.

A student of 16 hidden units has 100 labelled images, and others that nobody labelled; a teacher has
learned from all labels. The student learns alone; as in ``catlearn demo``, where all equations of
the glued diagram count alike; and by two diagrams of ``catlearn.zoo.distillation``: softened logits
(Hinton et al., 2015), and those with a hint from the hidden layer of the teacher (Romero et al.,
2015).

    python experiments/distillation.py [--quick] [--out table.md]

The digits are scikit-learn's, or MNIST if its four files are in the folder ``mnist`` of
CATLEARN_DATA; ``--dataset`` says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import digits
import jax
import optax
from reporting import Clock, command, machine, parser, report, spread, table

import catlearn as cl
from catlearn.cli import demo
from catlearn.cli.demo import DIGIT, HIDDEN, LABELLED, READOUT, DigitsSplit
from catlearn.models.spaces import AnySpace

WIDTH, TEMPERATURE = 16, 4.0
DATASETS = ("digits", "mnist")


@dataclass(frozen=True)
class Networks:
    """The networks of the demo, for images of some number of pixels.

    Parameters
    ----------
    body
        The teacher up to its hidden layer; ``READOUT`` follows.
    whole
        The student as one edge.
    parts
        The student with its hidden layer at a vertex.
    hint
        From that vertex to the hidden layer of the teacher.
    """

    body: cl.Model
    whole: cl.Model
    parts: tuple[cl.Model, ...]
    hint: cl.Model

    @classmethod
    def of(cls, pixels: int) -> Networks:
        """Return them for images as rows of so many numbers."""
        image, before, inside = cl.Space("X", pixels), cl.Space("A", WIDTH), cl.Space("F", WIDTH)
        return cls(
            cl.Model("body", image, HIDDEN, "mlp", width=128, depth=1),
            cl.Model("student", image, DIGIT, "mlp", width=WIDTH, depth=1),
            (
                cl.Model("student_body", image, before, "linear"),
                cl.Model("relu", before, inside, jax.nn.relu),
                cl.Model("student_readout", inside, DIGIT, "linear"),
            ),
            cl.Model("hint", inside, HIDDEN, "linear"),
        )

    @property
    def image(self) -> AnySpace:
        """The space of images."""
        return self.body.source

    def frozen(self, teacher: Any) -> list[cl.Model]:
        """Return the teacher with trained parameters of ``body`` and ``readout``."""
        return [self.body.freeze(teacher["body"]), READOUT.freeze(teacher["readout"])]

    def labelled(self, split: DigitsSplit) -> cl.Dataset:
        """Return the few images with labels."""
        images, labels = (column[:LABELLED] for column in split.train)
        return cl.Dataset("labelled", X=(self.image, images), Y=(DIGIT, labels))


def all_equations(nets: Networks, split: DigitsSplit, teacher: Any) -> cl.Lowered:
    """Return the loss of the demo: labels, unlabelled images, frozen teacher, student, glued."""
    unlabelled = cl.Dataset("unlabelled", X=(nets.image, split.train[0][LABELLED:]))
    parts = [[nets.labelled(split)], [unlabelled], nets.frozen(teacher), [nets.whole]]
    return cl.lower(cl.glue(*(cl.LearningDiagram(*part) for part in parts)).loss("all"))


def soft_labels(
    nets: Networks, split: DigitsSplit, teacher: Any, hint: float = 0.0
) -> cl.LearningDiagram:
    """Return labels, a frozen teacher, all training images without labels, and the student.

    Parameters
    ----------
    nets
        The networks.
    split
        The digits.
    teacher
        The parameters of ``body`` and ``readout``.
    hint
        The weight of the hint; 0 is without.
    """
    return cl.zoo.distillation(
        nets.parts,
        [nets.frozen(teacher)],
        nets.labelled(split),
        transfer=cl.Dataset("images", X=(nets.image, split.train[0])),
        temperature=TEMPERATURE,
        hints=[nets.hint] if hint else [],
        hint_weight=hint,
    )


def accuracy(result: cl.Result, models: tuple[cl.Model, ...], split: DigitsSplit) -> float:
    """Return the share of test images that trained models, one after the other, get right."""
    value, labels = split.test
    for model in models:
        fixed = model.label.kind == "fixed"
        value = jax.nn.relu(value) if fixed else result.model(model.name)(value)
    return demo.accuracy(value, labels)


def train(regime: Any, seed: int, steps: int) -> cl.Result:
    """Train as the demo does."""
    key = jax.random.key(seed)
    adam = optax.adam(3e-3)
    return cl.fit(regime, adam, steps=steps, batch_size=64, key=key, progress=False)


def run_seed(split: DigitsSplit, seed: int, steps: int, hint: float) -> dict[str, float]:
    """Return the test accuracy of teacher and students, on one division of the digits."""
    nets = Networks.of(split.train[0].shape[1])
    everything = cl.Dataset("train", X=(nets.image, split.train[0]), Y=(DIGIT, split.train[1]))
    teacher, whole = (nets.body, READOUT), (nets.whole,)
    taught = train(cl.zoo.classification(*teacher, data=everything), seed, steps)
    told = taught.params
    regimes = {
        "student alone": (cl.zoo.classification(*whole, data=nets.labelled(split)), whole),
        "student, all equations (the demo)": (all_equations(nets, split, told), whole),
        "student, soft labels": (soft_labels(nets, split, told), nets.parts),
        "student, soft labels and hint": (soft_labels(nets, split, told, hint), nets.parts),
    }
    found = {f"teacher, {len(split.train[1]):,} labels": accuracy(taught, teacher, split)}
    for name, (regime, models) in regimes.items():
        found[name] = accuracy(train(regime, seed, steps), models, split)
    return found


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Train over several seeds, print the table, and write it if asked to."""
    options = parser(__doc__)
    digits.add_options(options, DATASETS)
    options.add_argument("--seeds", type=int, default=5, help="how many (default 5)")
    options.add_argument("--steps", type=int, default=2000, help="of each model (default 2000)")
    options.add_argument("--hint", type=float, default=0.1, help="weight of the hint (default 0.1)")
    chosen = options.parse_args(arguments)
    seeds, steps = (2, 50) if chosen.quick else (chosen.seeds, chosen.steps)
    clock, found, dataset = Clock(), [], digits.chosen(chosen, DATASETS)
    for seed in range(chosen.seed, chosen.seed + seeds):
        split = digits.load(dataset, chosen.data, seed)
        found.append(run_seed(split, seed, steps, chosen.hint))
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
        f"{digits.named(dataset, split)}: {len(split.train[1]):,} for training, of which "
        f"{LABELLED} labelled for the students, {len(split.test[1]):,} for test. Mean ± standard "
        f"deviation over {seeds} seeds (from {chosen.seed}), each another "
        f"{'division' if dataset == 'digits' else 'choice of these'}; {steps} steps of "
        f"Adam; temperature {TEMPERATURE:g}, hint of weight {chosen.hint:g}. {clock}; "
        f"{machine()}.\n"
    )
    report(f"{table(header, rows)}\n{about}", chosen.out)


if __name__ == "__main__":
    main()
