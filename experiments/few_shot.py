"""Few-shot classification on Omniglot: prototypical networks and nearest neighbours.

An embedding is trained by the diagram ``catlearn.zoo.prototypical`` on characters of some
alphabets, and judged on characters of alphabets that it has never seen: in an episode, a few
drawings of each of 5 or 20 new characters are given, and the others have to be told apart.

    CATLEARN_DATA=FOLDER python experiments/few_shot.py [--quick] [--out table.md]

The folder has the two small background archives, or the two full ones, which are preferred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from reporting import Clock, interval, machine, parser, report, table

import catlearn as cl
from catlearn.datasets import load_omniglot

LAYERS = ((5, 16), (3, 32), (3, 64))
"""Side of the window and number of channels of each convolution; strides are 2."""

SETTINGS = ((5, 1), (5, 5), (20, 1), (20, 5))
"""Ways and shots of the test episodes."""

PUBLISHED = {(5, 1): 98.8, (5, 5): 99.7, (20, 1): 96.0, (20, 5): 98.9}
"""Prototypical networks on the full data set (Snell, Swersky, Zemel 2017, table 1)."""

Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]


def initialise(key: Any) -> list[dict[str, Any]]:
    """Draw the parameters of the encoder."""
    channels, params = 1, []
    for number, (side, more) in enumerate(LAYERS):
        shape = (side, side, channels, more)
        noise = jax.random.normal(jax.random.fold_in(key, number), shape)
        weight = noise * (2 / (side * side * channels)) ** 0.5
        params.append({"weight": weight, "scale": jnp.ones(more), "bias": jnp.zeros(more)})
        channels = more
    return params


def encode(params: Any, images: Any) -> Any:
    """Convolutions, each followed by layer normalisation and ReLU: ``(batch, n, n)`` to a vector.

    The normalisation is of one image by itself, so that the encoder is a function of an image.
    """
    x = images[..., None]
    for layer in params:
        kinds = ("NHWC", "HWIO", "NHWC")
        x = jax.lax.conv_general_dilated(
            x, layer["weight"], (2, 2), "SAME", dimension_numbers=kinds
        )
        x = jax.nn.standardize(x, axis=(1, 2, 3)) * layer["scale"] + layer["bias"]
        x = jax.nn.relu(x)
    # Squared distances of size 1, whatever the number of features.
    return x.reshape(len(x), -1) / np.sqrt(np.prod(x.shape[1:]) / 16)


def regime(size: int, shots: int, queries: int) -> cl.LearningDiagram:
    """Return the diagram: classes, their images, the embedding, and where queries should be."""
    entry = jax.eval_shape(
        lambda key, x: encode(initialise(key), x), jax.random.key(0), jnp.zeros((1, size, size))
    )
    image, inside = cl.Space("image", (size, size)), cl.Space("Z", entry.shape[1:])
    classes = cl.Dataset("classes", images=cl.Space("images", (shots + queries, size, size)))
    encoder = cl.Model("encoder", image, inside, (initialise, encode))
    return cl.zoo.prototypical(encoder, classes, shots)


def draw(
    random: np.random.Generator, shape: tuple[int, int], ways: int, drawings: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of an episode: classes ``(ways, 1)`` and drawings ``(ways, drawings)``."""
    classes = random.permutation(shape[0])[:ways, None]
    return classes, random.random((len(classes), shape[1])).argsort(axis=1)[:, :drawings]


def episodes(
    images: np.ndarray, ways: int, drawings: int, seed: int
) -> Iterator[dict[str, np.ndarray]]:
    """Yield episodes for training without end, images of shape ``(ways, drawings, n, n)``."""
    random = np.random.default_rng(seed)
    while True:
        yield {"images": images[draw(random, images.shape[:2], ways, drawings)]}


def train(
    images: np.ndarray, steps: int, seed: int, *, ways: int = 30, shots: int = 1, queries: int = 3
) -> Callable[[Any], Any]:
    """Train the embedding on episodes of the training characters, and return it."""
    diagram = regime(images.shape[-1], shots, queries)
    rate = optax.schedules.cosine_decay_schedule(2e-3, steps)
    stream = episodes(images, ways, shots + queries, seed)
    result = cl.fit(
        diagram,
        optax.adam(rate),
        steps=steps,
        data={"classes": stream},
        key=jax.random.key(seed),
        log_every=50,
        progress=False,
        callback=_tell,
    )
    return result.model("encoder")


def _tell(step: int, costs: dict[str, float]) -> None:
    if step % 200 == 0:
        print(f"  step {step}: {sum(costs.values()):.4f}", flush=True)


def embed(encoder: Callable[[Any], Any], images: np.ndarray, batch: int = 500) -> np.ndarray:
    """Embed all images once: ``(classes, drawings, n, n)`` to ``(classes, drawings, features)``."""
    run = jax.jit(encoder)
    flat = images.reshape(-1, *images.shape[2:])
    parts = [np.asarray(run(flat[at : at + batch])) for at in range(0, len(flat), batch)]
    return np.concatenate(parts).reshape(*images.shape[:2], -1)


def distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return squared distances, ``(..., a, d)`` and ``(b, d)`` to ``(..., a, b)``."""
    flat = points.reshape(-1, points.shape[-1])
    squares = (flat**2).sum(axis=-1)[:, None] + (others**2).sum(axis=-1)
    return (squares - 2 * flat @ others.T).reshape(*points.shape[:-1], len(others))


def nearest_prototype(support: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Return the class whose mean is nearest: ``(ways, k, d)``, ``(..., d)`` to ``(...)``."""
    return distances(queries, support.mean(axis=1)).argmin(axis=-1)


def nearest_neighbours(count: int) -> Rule:
    """Return the rule of k nearest neighbours; among as many votes the nearer class wins."""

    def rule(support: np.ndarray, queries: np.ndarray) -> np.ndarray:
        ways, shots = support.shape[:2]
        far = distances(queries, support.reshape(ways * shots, -1))
        voters = far.argsort(axis=-1)[..., :count] // shots
        votes = (voters[..., None] == voters[..., None, :]).sum(axis=-1)
        return np.take_along_axis(voters, votes.argmax(axis=-1)[..., None], axis=-1)[..., 0]

    return rule


RULES: dict[str, Rule] = {
    "prototypes": nearest_prototype,
    "1 nearest neighbour": nearest_neighbours(1),
    "3 nearest neighbours": nearest_neighbours(3),
}


def evaluate(
    embedded: np.ndarray, ways: int, shots: int, count: int, seed: int, queries: int = 15
) -> dict[str, np.ndarray]:
    """Return, for each rule, the share of right answers in each test episode.

    With one shot the rules are the same, and only the first is evaluated.
    """
    random = np.random.default_rng((seed, ways, shots))
    rules = RULES if shots > 1 else {"prototypes": nearest_prototype}
    right: dict[str, list[float]] = {name: [] for name in rules}
    for _ in range(count):
        chosen = embedded[draw(random, embedded.shape[:2], ways, shots + queries)]
        support, asked = chosen[:, :shots], chosen[:, shots:]
        answers = np.arange(len(chosen))[:, None]
        for name, rule in rules.items():
            right[name].append(float((rule(support, asked) == answers).mean()))
    return {name: np.array(shares) for name, shares in right.items()}


def rows_of(title: str, embedded: np.ndarray, count: int, seed: int) -> Iterator[list[str]]:
    """Yield a line of the table for each rule; with one shot all rules are the same."""
    found = {setting: evaluate(embedded, *setting, count, seed) for setting in SETTINGS}
    for name in RULES:
        cells = [
            interval(found[setting][name]) if name in found[setting] else "same"
            for setting in SETTINGS
        ]
        yield [f"{title}, {name}", *cells]


def main() -> None:
    """Train, test on episodes, print the table, and write it if asked to."""
    options = parser(__doc__)
    options.add_argument("--data", help="the folder of archives; else the variable CATLEARN_DATA")
    options.add_argument("--steps", type=int, default=1500, help="training steps (default 1500)")
    options.add_argument("--episodes", type=int, default=1000, help="test episodes a setting")
    chosen = options.parse_args()
    steps, count = (20, 50) if chosen.quick else (chosen.steps, chosen.episodes)
    clock, data = Clock(), load_omniglot(chosen.data)
    classes = data.train.rotated()
    print(f"training on {classes}, testing on {data.test}", flush=True)
    encoder = train(classes.images, steps, chosen.seed)
    pixels = data.test.images.reshape(*data.test.images.shape[:2], -1)
    header = ["accuracy in %", *(f"{ways}-way {shots}-shot" for ways, shots in SETTINGS)]
    rows = [
        *rows_of("trained embedding", embed(encoder, data.test.images), count, chosen.seed),
        *rows_of("pixels", pixels, count, chosen.seed),
        ["published, full data set", *(PUBLISHED[setting] for setting in SETTINGS)],
    ]
    about = (
        f"Split *{data.split}*: {len(data.train)} characters of {len(data.train.alphabets)} "
        f"alphabets for training ({', '.join(data.train.alphabets)}), turned into {len(classes)} "
        f"classes; {len(data.test)} characters of {len(data.test.alphabets)} other alphabets for "
        f"test ({', '.join(data.test.alphabets)}). Seed {chosen.seed}, one training run of {steps} "
        f"episodes (30-way, 1-shot, 3 queries a class), {count} test episodes a setting with 15 "
        f"queries a class; ± is the 95 % interval over episodes. {clock}; {machine()}.\n"
    )
    report(f"{table(header, rows)}\n{about.replace('_', ' ')}", chosen.out)


if __name__ == "__main__":
    main()
