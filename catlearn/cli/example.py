"""A diagram in files: a classifier of three spirals whose features also rebuild the points.

Few points have labels, and many have none. The classifier learns from the former, and the
autoencoder, which shares its encoder, from both::

    python make.py FOLDER

writes the diagram, the data and a configuration, which ``catlearn train`` trains as they are.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

import catlearn as cl

CLASSES, NUMBERS = 3, 6
LABELLED, TEST, UNLABELLED = 150, 300, 1500

CONFIG = """\
# What to do with diagram.json; 'catlearn train --help' lists every key.

steps = 1000
batch_size = {labelled = 64, unlabelled = 256}
seed = 0                                   # of variables and of the order of the data

[loss]
equations = "declared"                     # or a list of names, or "all"
weights = {"rebuild*" = 0.5}               # of the equations that match; others keep theirs

[data.labelled]
file = "labelled.csv"                      # relative to this file
columns = {X = "x_*", Y = "label"}         # X is made of all columns that match
test_file = "test.csv"                     # measured at the end

[data.unlabelled]
file = "unlabelled.npz"
columns = {X = "points"}
test = 0.2                                 # a share held out

[optimizer]
name = "adamw"
learning_rate = {schedule = "cosine_decay", init_value = 1e-2, decay_steps = 1000}
clip = 1.0                                 # the largest norm of all gradients together

[optimizer.models.decoder]                 # this model has an optimizer of its own
name = "adam"
learning_rate = 3e-3

[checkpoint]
path = "checkpoint.safetensors"            # go on from it with: catlearn train ... --resume
every = 500
"""


def diagram() -> cl.LearningDiagram:
    """Return the diagram: two data sets, three models, two equations, one of them a template."""
    X, F, Y = cl.Space("X", NUMBERS), cl.Space("F", 16), cl.Categorical("Y", CLASSES)
    return cl.LearningDiagram(
        cl.Dataset("labelled", X=X, Y=Y),
        cl.Dataset("unlabelled", X=X),
        cl.Model("encoder", X, F, "mlp", width=64, depth=1),
        cl.Model("classifier", F, Y, "linear"),
        cl.Model("decoder", F, X, "linear"),
        equations={
            "classify": "labelled.X >> encoder >> classifier = labelled.Y",
            # It starts at no data set, so it holds for each data set that reaches X.
            "rebuild": "encoder >> decoder = id(X)",
        },
    )


def spirals(number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points of three spirals, bent into six dimensions, and which spiral each is on."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, number)
    along = random.uniform(0.2, 1.0, number)
    angle = 2 * np.pi * (labels / CLASSES + 0.75 * along)
    plane = along[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    bend = np.random.default_rng(7).normal(size=(2, NUMBERS))
    points = np.tanh(1.5 * plane @ bend) + random.normal(scale=0.02, size=(number, NUMBERS))
    return points.astype(np.float32), labels


def write(folder: Path) -> list[Path]:
    """Write all files.

    Parameters
    ----------
    folder
        A new or empty folder.

    Returns
    -------
    list
        The files.

    Raises
    ------
    CatlearnError
        If there is something in the folder, which is never touched.
    """
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise cl.CatlearnError(f"'{folder}' is there already; choose a new folder")
    program = Path(__file__).read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    cl.save(diagram(), folder / "diagram.json")
    header = ",".join([*(f"x_{n}" for n in range(NUMBERS)), "label"])
    for name, number, seed in (("labelled.csv", LABELLED, 0), ("test.csv", TEST, 1)):
        points, labels = spirals(number, seed)
        rows = (
            ",".join([*(f"{x:.4f}" for x in p), str(k)])
            for p, k in zip(points, labels, strict=True)
        )
        (folder / name).write_text("\n".join([header, *rows]) + "\n")
    np.savez(folder / "unlabelled.npz", points=spirals(UNLABELLED, 2)[0])
    (folder / "run.toml").write_text(CONFIG)
    (folder / "make.py").write_bytes(program)
    names = "diagram.json", "labelled.csv", "test.csv", "unlabelled.npz", "run.toml", "make.py"
    return [folder / name for name in names]


if __name__ == "__main__":
    print(*write(Path(sys.argv[1])), sep="\n")
