"""Episodes of few-shot classification: how they are drawn, distorted, answered and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]


def draw(
    random: np.random.Generator, shape: tuple[int, int], ways: int, drawings: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of an episode: classes ``(ways, 1)`` and drawings ``(ways, drawings)``."""
    classes = random.permutation(shape[0])[:ways, None]
    return classes, random.random((len(classes), shape[1])).argsort(axis=1)[:, :drawings]


def episodes(
    images: np.ndarray, ways: int, drawings: int, seed: int, amount: float = 0.0
) -> Iterator[dict[str, np.ndarray]]:
    """Yield episodes for training without end, images of shape ``(ways, drawings, n, n)``.

    Each image is distorted by itself, by an amount of which 0 is none.
    """
    random = np.random.default_rng(seed)
    while True:
        chosen = images[draw(random, images.shape[:2], ways, drawings)]
        if amount:
            flat = chosen.reshape(-1, *chosen.shape[2:])
            chosen = distorted(flat, random, amount).reshape(chosen.shape)
        yield {"images": chosen}


def distorted(images: np.ndarray, random: np.random.Generator, amount: float) -> np.ndarray:
    """Return images ``(batch, n, n)``, each turned, stretched, sheared and moved a little.

    The standard deviations at amount 1: ten degrees, a tenth of the size, half of that for each
    axis, 0.15 of the height, one pixel. Pixels are interpolated, and 0 outside.
    """
    count, height, width = images.shape
    angle, size, stretch, shear = (
        amount * scale * random.normal(size=(count, 1, 1)) for scale in (0.17, 0.1, 0.08, 0.15)
    )
    moved = amount * random.normal(size=(2, count, 1, 1))
    down, right = np.mgrid[:height, :width]
    down, right = down - (height - 1) / 2, right - (width - 1) / 2
    cos, sin, size, stretch = np.cos(angle), np.sin(angle), np.exp(size), np.exp(stretch)
    rows = size * stretch * cos * down + (shear - size * sin) * right + (height - 1) / 2 + moved[0]
    columns = size * sin * down + size / stretch * cos * right + (width - 1) / 2 + moved[1]
    return interpolated(images, rows, columns)


def interpolated(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the pixels of each image at places between its own, linearly, and 0 outside.

    Parameters
    ----------
    images
        Shape ``(batch, height, width)``.
    rows, columns
        Where, counted from 0, shape ``(batch, ...)``.
    """
    count, height, width = images.shape
    paper = np.pad(images, ((0, 0), (1, 2), (1, 2)))
    rows = np.clip(rows, -1, height) + 1
    columns = np.clip(columns, -1, width) + 1
    up, left = rows.astype(int), columns.astype(int)
    below, beside = (rows - up).astype("f4"), (columns - left).astype("f4")
    which = np.arange(count).reshape(-1, *[1] * (rows.ndim - 1))
    first = (1 - beside) * paper[which, up, left] + beside * paper[which, up, left + 1]
    second = (1 - beside) * paper[which, up + 1, left] + beside * paper[which, up + 1, left + 1]
    return (1 - below) * first + below * second


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
