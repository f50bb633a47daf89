"""One small regime on two data sets, so that most tests share one compiled step."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl

X, Y = cl.Space("X", (2,)), cl.Space("Y", (1,))
SLOPE = np.array([[2.0], [-1.0]], "float32")


def matrix(name, shape=(2, 1), value=0.5):
    """An edge that multiplies by a matrix with equal entries, so that nothing is drawn."""

    def init(key):
        return {"w": jnp.asarray(np.full(shape, value, "float32"))}

    return cl.Model(name, X, Y, (init, lambda params, x: x @ params["w"]))


def columns(size, seed):
    x = np.random.default_rng(seed).normal(size=(size, 2)).astype("float32")
    return {"X": (X, x), "Y": (Y, x @ SLOPE)}


def make_regime():
    """A student between its labels and a frozen teacher, on sets of 12 and 7 examples."""
    return cl.LearningDiagram(
        cl.Dataset("labelled", **columns(12, 0)),
        cl.Dataset("unlabelled", X=columns(7, 1)["X"]),
        matrix("student"),
        matrix("teacher").freeze({"w": jnp.asarray(SLOPE)}),
        equations={
            "label": "labelled.X >> student = labelled.Y",
            "soft": cl.Equation("unlabelled.X >> student = unlabelled.X >> teacher", weight=0.5),
        },
    )


@pytest.fixture(scope="session")
def regime():
    return make_regime()


@pytest.fixture(scope="session")
def fn(regime):
    return cl.lower(regime.loss())


@pytest.fixture(scope="session")
def adam():
    return optax.adam(0.1)


@pytest.fixture
def fit(fn, adam):
    """Fit the shared regime with the shared optimizer, quietly and in batches of 4."""

    def run(function=fn, optimizer=adam, **options):
        return cl.fit(function, optimizer, **{"batch_size": 4, "progress": False, **options})

    return run
