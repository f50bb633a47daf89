"""Few-shot classification on Omniglot: prototypical networks and nearest neighbours.

An embedding is trained by the diagram ``catlearn.zoo.prototypical`` on characters of some
alphabets, and judged on characters of alphabets that it has never seen: in an episode, a few
drawings of each of 5 or 20 new characters are given, and the others have to be told apart.

    CATLEARN_DATA=FOLDER python experiments/few_shot.py [--quick] [--out table.md]

The folder has the two small background archives, or the two full ones, which are preferred. Options
are chosen by ``--validate ALPHABET ...``, which keeps alphabets of the training archive out of
training and judges on them; the alphabets for test are not looked at then.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from encoders import ENCODERS, embedding, features
from episodes import RULES, episodes, evaluate
from reporting import Clock, both, command, machine, many, parser, report, table

import catlearn as cl
from catlearn.datasets import Characters, load_omniglot
from catlearn.errors import CatlearnError

SETTINGS = ((5, 1), (5, 5), (20, 1), (20, 5))
"""Ways and shots of the test episodes."""

PUBLISHED = {(5, 1): 98.8, (5, 5): 99.7, (20, 1): 96.0, (20, 5): 98.9}
"""Prototypical networks on the full data set (Snell, Swersky, Zemel 2017, table 1)."""

Shares = dict[tuple[int, int], dict[str, np.ndarray]]
"""For each setting and rule, the share of right answers in each test episode."""


def regime(encoder: Any, size: int, shots: int, queries: int) -> cl.LearningDiagram:
    """Return the diagram: classes, their images, the embedding, and where queries should be."""
    image = cl.Space("image", (size, size))
    inside = cl.Space("Z", features(encoder, (size, size)))
    classes = cl.Dataset("classes", images=cl.Space("images", (shots + queries, size, size)))
    return cl.zoo.prototypical(cl.Model("encoder", image, inside, encoder), classes, shots)


def train(
    images: np.ndarray,
    steps: int,
    seed: int,
    encoder: Any,
    *,
    ways: int = 30,
    shots: int = 1,
    queries: int = 3,
    rate: float = 2e-3,
    distort: float = 0.0,
    checkpoint: Path | None = None,
) -> Callable[[Any], Any]:
    """Train the embedding on episodes of the training characters, and return it.

    With a checkpoint, a run that was stopped goes on, and one that has ended is read from it.
    """
    result = cl.fit(
        regime(encoder, images.shape[-1], shots, queries),
        optax.adam(optax.schedules.cosine_decay_schedule(rate, steps)),
        steps=steps,
        data={"classes": episodes(images, ways, shots + queries, seed, distort)},
        key=jax.random.key(seed),
        log_every=50,
        progress=False,
        callback=_tell,
        checkpoint=checkpoint,
        checkpoint_every=None if checkpoint is None else 200,
        resume=checkpoint is not None and checkpoint.exists(),
    )
    return embedding(result.model("encoder"))


def _tell(step: int, costs: dict[str, float]) -> None:
    if step % 200 == 0:
        print(f"  step {step}: {sum(costs.values()):.4f}", flush=True)


def embed(encoder: Callable[[Any], Any], images: np.ndarray, batch: int = 500) -> np.ndarray:
    """Embed all images once: ``(classes, drawings, n, n)`` to ``(classes, drawings, features)``."""
    run = jax.jit(encoder)
    flat = images.reshape(-1, *images.shape[2:])
    parts = [np.asarray(run(flat[at : at + batch])) for at in range(0, len(flat), batch)]
    return np.concatenate(parts).reshape(*images.shape[:2], -1)


def judge(embedded: np.ndarray, count: int, seed: int) -> Shares:
    """Return the shares of right answers of all settings and rules; equal seeds, equal episodes."""
    return {setting: evaluate(embedded, *setting, count, seed) for setting in SETTINGS}


def rows_of(title: str, runs: Sequence[Shares]) -> Iterator[list[str]]:
    """Yield a line of the table for each rule; with one shot all rules are the same."""
    for name in RULES:
        cells = [
            both([run[setting][name] for run in runs]) if name in runs[0][setting] else "same"
            for setting in SETTINGS
        ]
        yield [f"{title}, {name}", *cells]


def parts(train: Characters, test: Characters, kept: Sequence[str]) -> tuple[Characters, ...]:
    """Return characters to train on and to judge on: those for test, or alphabets that are kept.

    Raises
    ------
    CatlearnError
        If some alphabet is not among those for training, or none would be left.
    """
    if not kept:
        return train, test
    known = {name.replace("_", " "): name for name in train.alphabets}
    names = [known.get(name.replace("_", " "), name) for name in kept]
    unknown = [name for name in names if name not in train.alphabets]
    left = [name for name in train.alphabets if name not in names]
    if unknown or not left:
        found = f"found {', '.join(kept)}" if unknown else "found all of them"
        message = f"validation needs some alphabets for training: {', '.join(train.alphabets)}"
        raise CatlearnError(f"{message}; {found}")
    return train.only(left), train.only(names)


def options() -> argparse.ArgumentParser:
    """Return the options of the command."""
    made = parser(__doc__)
    made.add_argument("--data", help="the folder of archives; else the variable CATLEARN_DATA")
    made.add_argument("--split", choices=("small", "full"), help="which archives (default: best)")
    made.add_argument("--encoder", choices=ENCODERS, default="published", help="which network")
    made.add_argument("--seeds", type=int, default=3, help="training runs (default 3)")
    made.add_argument("--steps", type=int, default=1200, help="training episodes (default 1200)")
    made.add_argument("--ways", type=int, default=30, help="classes of these (default 30)")
    made.add_argument("--shots", type=int, default=1, help="their support (default 1)")
    made.add_argument("--queries", type=int, default=3, help="their queries (default 3)")
    made.add_argument("--rate", type=float, default=2e-3, help="first learning rate (2e-3)")
    made.add_argument("--distort", type=float, default=0.5, help="training images (default 0.5)")
    made.add_argument("--episodes", type=int, default=1000, help="test episodes a setting")
    made.add_argument("--checkpoints", type=Path, help="a folder, by which stopped runs go on")
    made.add_argument("--validate", nargs="*", default=(), help="alphabets kept from training")
    return made


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Train, test on episodes, print the table, and write it if asked to."""
    chosen = options().parse_args(arguments)
    seeds, steps, count = chosen.seeds, chosen.steps, chosen.episodes
    if chosen.quick:
        seeds, steps, count = 2, 10, 50
    folder = chosen.checkpoints
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    clock, data = Clock(), load_omniglot(chosen.data, split=chosen.split)
    learned, judged = parts(data.train, data.test, chosen.validate)
    classes = learned.rotated()
    print(f"training on {classes}, judging on {judged}", flush=True)
    runs: list[Shares] = []
    for seed in range(chosen.seed, chosen.seed + seeds):
        encoder = train(
            classes.images,
            steps,
            seed,
            ENCODERS[chosen.encoder](),
            ways=chosen.ways,
            shots=chosen.shots,
            queries=chosen.queries,
            rate=chosen.rate,
            distort=chosen.distort,
            checkpoint=folder and folder / f"{chosen.encoder}-{seed}.safetensors",
        )
        runs.append(judge(embed(encoder, judged.images), count, chosen.seed))
        told = [f"{100 * runs[-1][setting]['prototypes'].mean():.1f}" for setting in SETTINGS]
        print(f"seed {seed}: {', '.join(told)}; {clock}", flush=True)
    pixels = judged.images.reshape(*judged.images.shape[:2], -1)
    header = ["accuracy in %", *(f"{ways}-way {shots}-shot" for ways, shots in SETTINGS)]
    rows = [
        *rows_of("trained embedding", runs),
        *rows_of("pixels", [judge(pixels, count, chosen.seed)]),
        ["published, full data set", *(PUBLISHED[setting] for setting in SETTINGS)],
    ]
    kept = ", without training that was read from checkpoints" if folder else ""
    distorted = f"distorted by {chosen.distort:g}" if chosen.distort else "not distorted"
    about = (
        f"Split *{data.split}*: {many(len(learned), 'character')} of "
        f"{many(len(learned.alphabets), 'alphabet')} for training ({', '.join(learned.alphabets)})"
        f", turned into {len(classes):,} classes; {many(len(judged), 'character')} of "
        f"{many(len(judged.alphabets), 'other alphabet')} for "
        f"{'validation' if chosen.validate else 'test'} ({', '.join(judged.alphabets)}). "
        f"Encoder *{chosen.encoder}*; {many(seeds, 'training run')} (from seed {chosen.seed}) of "
        f"{steps} episodes each ({chosen.ways}-way, {chosen.shots}-shot, {chosen.queries} queries "
        f"a class, images {distorted}), learning rate from {chosen.rate:g} to 0 by a cosine. "
        f"{count} test episodes a setting with 15 queries a class, the same for all runs. The mean "
        "over runs, ± its 95 % interval over episodes; in brackets the deviation over runs. "
        f"{clock}{kept}; {machine()}.\n"
    )
    report(f"{table(header, rows)}\n{about.replace('_', ' ')}", chosen.out)


if __name__ == "__main__":
    main()
