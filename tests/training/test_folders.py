"""Checkpoints in folders: what holds of files holds of them."""

import jax
import numpy as np
import optax
import pytest

from catlearn.errors import (
    CatlearnError,
    CheckpointMismatch,
    FileFormatError,
    InvalidStructure,
    TrainingDiverged,
)
from catlearn.training.checkpoint import is_folder
from tests.errors import raises
from tests.trees import same_bits

pytest.importorskip("orbax.checkpoint", reason="orbax is not installed")

KEY = jax.random.key(0)


@pytest.fixture
def folder(tmp_path):
    return f"{tmp_path}/run/"


def test_a_folder_is_a_path_without_suffix():
    assert is_folder("run/")
    assert is_folder("runs/one")
    assert not is_folder("run.safetensors")


def test_a_continued_run_is_bitwise_the_whole_run(fit, folder):
    whole = fit(steps=9, key=KEY)
    fit(steps=4, key=KEY, checkpoint=folder, checkpoint_every=1, log_every=2)
    continued = fit(steps=9, key=KEY, checkpoint=folder, resume=True)
    for part in ("params", "optimizer_state", "state"):
        assert same_bits(getattr(continued, part), getattr(whole, part))
    assert continued.history == whole.history
    # Another run takes its place if it is told to.
    with raises(InvalidStructure, "step 9", law="checkpoint"):
        fit(steps=2, checkpoint=folder)
    assert fit(steps=2, checkpoint=folder, overwrite=True).steps == 2
    assert fit(steps=3, checkpoint=folder, resume=True).history == fit(steps=3).history


def test_sources_and_random_keys_survive(fit, folder, regime):
    noisy = optax.chain(optax.add_noise(0.1, 0.5, jax.random.key(3)), optax.sgd(0.1))
    x = regime.data["unlabelled"]["X"]

    def source(epoch):
        return [{"X": np.roll(x, epoch + i, axis=0)} for i in range(4)]

    data = {**regime.data, "unlabelled": source}
    whole = fit(optimizer=noisy, steps=6, data=data)
    fit(optimizer=noisy, steps=5, data=data, checkpoint=folder)
    continued = fit(optimizer=noisy, steps=6, data=data, checkpoint=folder, resume=True)
    assert same_bits(continued.params, whole.params)
    assert continued.history == whole.history


def test_other_runs_are_refused(fit, folder):
    fit(steps=2, checkpoint=folder, key=KEY)
    with raises(CheckpointMismatch, law="checkpoint", where="key"):
        fit(steps=4, checkpoint=folder, resume=True, key=jax.random.key(7))


def test_a_broken_folder_is_named(fit, tmp_path, folder):
    fit(steps=2, checkpoint=folder)
    for broken in tmp_path.glob("run/2/run/*"):
        broken.write_bytes(b"no JSON")
    with raises(FileFormatError, "JSONDecodeError", law="folder"):
        fit(steps=4, checkpoint=folder, resume=True)


def test_a_run_that_diverged_keeps_the_one_before(fit, folder):
    explosive = optax.sgd(optax.piecewise_constant_schedule(0.1, {5: 1e38}))
    with raises(TrainingDiverged, "step 4"):
        fit(optimizer=explosive, steps=9, checkpoint=folder, checkpoint_every=4)


def test_orbax_is_optional(fit, folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "orbax.checkpoint", None)
    with raises(CatlearnError, folder, "pip install catlearn[orbax]"):
        fit(steps=1, checkpoint=folder)
