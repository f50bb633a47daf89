"""Episodes: how they are drawn, distorted, answered and counted. Nothing is trained here."""

import numpy as np
import pytest

episodes = pytest.importorskip("episodes")


def points(ways, shots, queries, noise, seed=0):
    """Classes around centres: what they are embedded to, ``(ways, shots + queries, d)``."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(ways, 1, 6))
    return centres + noise * random.normal(size=(ways, shots + queries, 6))


def test_an_episode_has_different_classes_and_different_drawings():
    images = np.arange(9 * 5).reshape(9, 5, 1, 1)
    for episode, _ in zip(episodes.episodes(images, 4, 3, seed=1), range(20), strict=False):
        found = episode["images"][..., 0, 0]
        assert found.shape == (4, 3)
        assert len(np.unique(found)) == 12
        assert (found // 5 == found[:, :1] // 5).all()


def test_distortion_is_of_each_image_by_itself_and_small():
    images = np.zeros((3, 6, 21, 21), "f4")
    images[..., 8:13, 8:13] = 1
    some = next(episodes.episodes(images, 2, 4, seed=0, amount=1.0))["images"]
    none = next(episodes.episodes(images, 2, 4, seed=0))["images"]
    assert some.dtype == none.dtype == np.float32
    assert (none == images[0, 0]).all()
    flat = some.reshape(8, -1)
    assert len(np.unique(flat, axis=0)) == 8
    assert ((some >= 0) & (some <= 1)).all()
    assert 15 < flat.sum(axis=1).mean() < 40
    assert (
        np.abs(flat @ np.indices((21, 21)).reshape(2, -1).T / flat.sum(1)[:, None] - 10) < 4
    ).all()


def test_what_is_interpolated_is_linear_and_nothing_is_outside():
    scipy = pytest.importorskip("scipy.ndimage")
    random = np.random.default_rng(0)
    images, places = random.random((3, 5, 7)).astype("f4"), random.uniform(-4, 10, (2, 3, 40))
    found = episodes.interpolated(images, *places)
    for image, where, values in zip(images, places.swapaxes(0, 1), found, strict=True):
        around = np.pad(image, 1)
        expected = scipy.map_coordinates(around, where + 1, order=1, mode="constant")
        np.testing.assert_allclose(values, expected, atol=1e-6)
    assert (found == 0).any()


def test_distances_are_squared_differences():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(3, 4, 6)), random.normal(size=(5, 6))
    expected = ((a[..., None, :] - b) ** 2).sum(axis=-1)
    np.testing.assert_allclose(episodes.distances(a, b), expected, atol=1e-12)


def test_rules_against_scikit_learn():
    neighbors = pytest.importorskip("sklearn.neighbors")
    some = points(6, 5, 10, noise=0.8)
    support, queries = some[:, :5], some[:, 5:]
    flat, classes = support.reshape(30, -1), np.repeat(np.arange(6), 5)
    judges = {
        "prototypes": neighbors.NearestCentroid(),
        "1 nearest neighbour": neighbors.KNeighborsClassifier(1),
    }
    for name, judge in judges.items():
        expected = judge.fit(flat, classes).predict(queries.reshape(60, -1)).reshape(6, 10)
        assert (episodes.RULES[name](support, queries) == expected).all()
        assert (expected != np.arange(6)[:, None]).any()


def test_three_neighbours_vote_and_ties_go_to_the_nearest():
    support = np.array([[[0.0], [10.0]], [[1.0], [1.2]], [[5.0], [5.1]]])
    queries = np.array([[[0.4]], [[3.2]], [[5.0]]])
    rule = episodes.nearest_neighbours(3)
    # 0.4 is nearest to class 0, but two of its three neighbours are of class 1.
    assert rule(support, queries).ravel().tolist() == [1, 2, 2]
    lonely = np.array([[[0.0]], [[1.0]], [[2.0]]])
    assert rule(lonely, np.array([[[0.9]]])).item() == 1


def test_accuracies_of_episodes():
    sure = episodes.evaluate(points(8, 20, 0, noise=0.0), 5, 1, 4, seed=0)
    assert all((shares == 1).all() for shares in sure.values())
    noisy = episodes.evaluate(points(8, 20, 0, noise=0.7), 5, 5, 30, seed=0)
    assert 0.3 < noisy["prototypes"].mean() < 1
    assert noisy["prototypes"].std() > 0
    blind = episodes.evaluate(points(8, 20, 0, noise=100.0), 5, 1, 40, seed=0)
    assert blind["prototypes"].mean() == pytest.approx(0.2, abs=0.05)
