"""A block of ResNet against modules of other libraries that have its parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl
from catlearn.zoo.architectures import bottleneck

RNG = np.random.default_rng(0)
IMAGE = RNG.normal(size=(5, 6, 4)).astype("float32")
NAMES = ("conv1", "conv2", "conv3", "fit")
STRIDES = {"conv1": 1, "conv2": 2, "conv3": 1, "fit": 2}


@pytest.fixture(scope="module")
def block():
    """The function, parameters of which none is 0 or 1, and what it returns."""
    fn = cl.lower(bottleneck("w", stride=2, fitted=True).at_dom(IMAGE.shape), sizes={"w": 3})
    shapes = jax.eval_shape(fn.init, jax.random.key(0))
    params = jax.tree.map(lambda one: RNG.normal(size=one.shape).astype("float32"), shapes)
    return params, np.asarray(fn(params, IMAGE))


def whole(convolved, image, relu):
    """Put the four normed convolutions of a block together."""
    x = relu(convolved("conv2", relu(convolved("conv1", image))))
    return relu(convolved("conv3", x) + convolved("fit", image))


def is_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * np.abs(expected).max())


def test_torch(block):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    params, expected = block

    def convolved(name, x):
        height, width, i, o = params[name].shape
        conv = torch.nn.Conv2d(
            i, o, (height, width), STRIDES[name], (height // 2, width // 2), bias=False
        )
        norm = torch.nn.BatchNorm2d(o, eps=0.0).eval()
        with torch.no_grad():
            conv.weight.copy_(torch.tensor(params[name].transpose(3, 2, 0, 1)))
            norm.weight.copy_(torch.tensor(params[f"{name}.gain"]))
            norm.bias.copy_(torch.tensor(params[f"{name}.shift"]))
            return norm(conv(x))

    image = torch.tensor(IMAGE.transpose(2, 0, 1)[None])
    found = whole(convolved, image, torch.relu)[0].numpy().transpose(1, 2, 0)
    is_close(expected, found)


def test_flax(block):
    linen = pytest.importorskip("flax.linen", reason="flax is not installed")
    params, expected = block

    def convolved(name, x):
        height, width, _, o = params[name].shape
        pad = [(height // 2,) * 2, (width // 2,) * 2]
        conv = linen.Conv(o, (height, width), STRIDES[name], pad, use_bias=False)
        norm = linen.BatchNorm(use_running_average=True, epsilon=0.0)
        trained = {"scale": params[f"{name}.gain"], "bias": params[f"{name}.shift"]}
        statistics = {"mean": np.zeros(o), "var": np.ones(o)}
        x = conv.apply({"params": {"kernel": params[name]}}, x)
        return norm.apply({"params": trained, "batch_stats": statistics}, x)

    is_close(expected, whole(convolved, IMAGE[None], jax.nn.relu)[0])


def test_equinox(block):
    eqx = pytest.importorskip("equinox", reason="equinox is not installed")
    params, expected = block

    def convolved(name, x):
        height, width, i, o = params[name].shape
        conv = eqx.nn.Conv2d(
            i, o, (height, width), STRIDES[name], (height // 2, width // 2), use_bias=False,
            key=jax.random.key(0),
        )  # fmt: skip
        weight = jnp.asarray(params[name].transpose(3, 2, 0, 1))
        x = eqx.tree_at(lambda one: one.weight, conv, weight)(x)
        gain, shift = (params[f"{name}.{end}"][:, None, None] for end in ("gain", "shift"))
        return x * gain + shift

    image = jnp.asarray(IMAGE.transpose(2, 0, 1))
    is_close(expected, whole(convolved, image, jax.nn.relu).transpose(1, 2, 0))
