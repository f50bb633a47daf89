"""The few-shot experiment on tiny images: both encoders, choice without the test, the table."""

import jax
import numpy as np
import pytest

from catlearn.datasets import Characters
from catlearn.errors import CatlearnError
from tests.errors import raises

few_shot, encoders = pytest.importorskip("few_shot"), pytest.importorskip("encoders")
pytestmark = pytest.mark.heavy

RANDOM = np.random.default_rng(0)
IMAGES = (RANDOM.random((6, 1, 8, 8)) + 0.5 * RANDOM.random((6, 4, 8, 8))).astype("float32")


def characters(*alphabets):
    names = tuple(f"{alphabet}/character{k}" for alphabet in alphabets for k in (1, 2))
    return Characters(np.zeros((len(names), 3, 4, 4), "f4"), names)


@pytest.fixture(autouse=True)
def one_layer(monkeypatch):
    """Compiling takes longer than anything else here."""
    monkeypatch.setattr(encoders, "LAYERS", ((3, 2),))


def published():
    return pytest.importorskip("published").Published(channels=3, blocks=1)


@pytest.mark.parametrize("make", [encoders.small, published])
def test_the_embedding_learns_and_is_a_function_of_one_image(monkeypatch, make):
    """What has a state is in evaluation: the others of the batch do not matter."""
    told = []
    monkeypatch.setattr(few_shot, "_tell", lambda step, costs: told.extend(costs.values()))
    encoder = few_shot.train(IMAGES, 100, 0, make(), ways=5, queries=2, rate=2e-2)
    # Guessing costs log 5.
    assert told[-1] < 0.8
    whole = few_shot.embed(encoder, IMAGES, batch=7)
    assert whole.shape[:2] == (6, 4)
    one = np.asarray(encoder(IMAGES[2, 3:4]))
    np.testing.assert_allclose(whole[2, 3], one[0], rtol=1e-4, atol=1e-5)


def test_the_published_encoder_is_that_of_the_papers():
    pytest.importorskip("flax", reason="the published encoder is a module of flax")
    encoder = encoders.published()
    shapes = jax.eval_shape(
        lambda key, x: encoder.init(key, x, train=False),
        jax.random.key(0),
        jax.ShapeDtypeStruct((1, 28, 28), np.float32),
    )
    kernels = [shapes["params"][f"Conv_{k}"]["kernel"].shape for k in range(4)]
    assert kernels == [(3, 3, 1, 64), *[(3, 3, 64, 64)] * 3]
    # Windows, then scale and shift; the bias of a convolution would be taken off again.
    count = sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))
    assert count == 9 * 64 * (1 + 3 * 64) + 4 * 2 * 64
    assert len(jax.tree.leaves(shapes["batch_stats"])) == 8
    assert few_shot.regime(encoder, 28, 1, 2).space_label("Z of queries").shape == (2, 1, 64)


def test_pixels_are_halved_by_their_maximum():
    x = np.random.default_rng(0).normal(size=(2, 7, 4, 3))
    found = pytest.importorskip("published").halved(x)
    assert found.shape == (2, 3, 2, 3)
    for row in range(3):
        for column in range(2):
            window = x[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            assert (found[:, row, column] == window.max(axis=(1, 2))).all()


def test_an_image_with_colours_is_embedded():
    initialise, encode = encoders.small(3)
    x = np.random.default_rng(0).random((2, 8, 8, 3)).astype("f4")
    shape = jax.eval_shape(lambda key: encode(initialise(key), x), jax.random.key(0)).shape
    assert shape == (2, 4 * 4 * 2)


def test_validation_never_looks_at_the_test():
    train, test = characters("Greek", "Early_Aramaic", "Latin"), characters("Korean")
    assert few_shot.parts(train, test, ()) == (train, test)
    learned, judged = few_shot.parts(train, test, ["Early Aramaic", "Latin"])
    assert learned.alphabets == ("Greek",)
    assert judged.alphabets == ("Early_Aramaic", "Latin")
    with raises(CatlearnError, "Greek", "Korean"):
        few_shot.parts(train, test, ["Korean"])
    with raises(CatlearnError):
        few_shot.parts(train, test, train.alphabets)


def test_lines_have_all_settings_and_rules():
    runs = [
        few_shot.judge(np.random.default_rng(k).normal(size=(21, 20, 2)), 3, 0) for k in range(2)
    ]
    lines = list(few_shot.rows_of("noise", runs))
    assert [line[0] for line in lines] == [f"noise, {name}" for name in few_shot.RULES]
    assert lines[1][1] == lines[2][3] == "same"
    expected = np.mean([run[5, 5]["1 nearest neighbour"].mean() for run in runs])
    assert float(lines[1][2].split(" ± ")[0]) == pytest.approx(100 * expected, abs=0.06)
