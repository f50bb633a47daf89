"""Under JAX's strict settings built-in models, divergences and the loop still work."""

from contextlib import contextmanager
from functools import partial

import jax
import numpy as np
import optax
import pytest

import catlearn as cl
from benchmarks.by_hand import (
    captioning,
    classification,
    contrastive,
    domain_adversarial,
    few_shot,
    gan,
    maml,
    physics_informed,
    self_distillation,
    variational_autoencoder,
)
from benchmarks.by_hand.common import Sizes
from catlearn.training import Patience, accuracy

REGIMES = {
    "classification": classification.regime,
    "variational autoencoder": variational_autoencoder.regime,
    "prototypical networks": partial(few_shot.prototypical, ways=4, shots=2, queries=3),
    "contrastive": partial(contrastive.regime, temperature=None),
    "captioning": partial(captioning.regime, words=20, length=4),
    "self-distillation": partial(self_distillation.regime, decay=0.99),
    "GAN": partial(gan.regime, form="minimax"),
    "domain adversarial": domain_adversarial.regime,
    "physics-informed": physics_informed.regime,
    "MAML": maml.regime,
}
SMALL = Sizes(width=4)


@contextmanager
def strict():
    """Neither ranks nor dtypes are promoted."""
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        yield


#: Adam itself mixes dtypes, so what is strict about them is tried with plain gradients.
SETTINGS = {
    "ranks": (lambda: jax.numpy_rank_promotion("raise"), optax.adam(1e-2)),
    "ranks and dtypes": (strict, optax.sgd(1e-2)),
}


@pytest.mark.parametrize("name", REGIMES)
def test_regimes_train(name):
    regime = REGIMES[name](SMALL)
    usual = cl.fit(regime.fn, optax.sgd(1e-3), steps=2, data=regime.batch, progress=False)
    regime.fn.compiled.clear()
    with strict():
        found = cl.fit(regime.fn, optax.sgd(1e-3), steps=2, data=regime.batch, progress=False)
    np.testing.assert_allclose(found.history.rows, usual.history.rows, rtol=1e-6)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(
    "options", [{"accumulate": 2}, {"scan_steps": 2}], ids=lambda o: next(iter(o))
)
def test_options_of_the_loop(setting, options):
    context, optimizer = SETTINGS[setting]
    X, Y = cl.Space("X", 4), cl.Categorical("Y", 3)
    rng = np.random.default_rng(0)
    columns = {"X": rng.normal(size=(12, 4)).astype("f4"), "Y": rng.integers(0, 3, 12).astype("i4")}
    diagram = cl.LearningDiagram(
        cl.Dataset("data", X=X, Y=Y),
        cl.Model("body", X, cl.Space("F", 5), "mlp"),
        cl.Model("head", cl.Space("F", 5), Y, "linear"),
        cl.MovingAverage("slow", "body", 0.9),
        equations={
            "fit": "data.X >> body >> head = data.Y",
            "near": cl.Equation("data.X >> body = data.X >> slow", stop="rhs", weight=0.1),
        },
    )
    with context():
        result = cl.fit(
            diagram, optimizer, steps=6, batch_size=4, data={"data": columns}, log_every=2,
            progress=False, validate={"data": columns}, stop=Patience(5),
            metrics={"right": ("data.X >> body >> head = data.Y", accuracy)}, **options,
        )  # fmt: skip
        assert result.predict("body >> head", columns["X"], batch_size=5).shape == (12, 3)
    assert np.isfinite(result.history.rows).all()
