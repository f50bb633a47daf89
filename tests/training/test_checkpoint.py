"""Checkpoints: a continued run is the run, and nothing else is accepted."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn.errors import (
    CheckpointMismatch,
    CheckpointNotWritten,
    FileFormatError,
    InvalidStructure,
)
from catlearn.tensors import load_tree, save_tree
from catlearn.training import CheckpointSkipped, MoreStepsDone, NothingToResume
from tests.errors import raises, warns
from tests.trees import same_bits

KEY = jax.random.key(0)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "run.safetensors"


def test_a_continued_run_is_bitwise_the_whole_run(fit, file):
    whole = fit(steps=9, key=KEY)
    fit(steps=4, key=KEY, checkpoint=file)
    continued = fit(steps=9, key=KEY, checkpoint=file, resume=True)
    for part in ("params", "optimizer_state", "state"):
        assert same_bits(getattr(continued, part), getattr(whole, part))
    assert continued.history == whole.history
    assert continued.steps == 9
    # The mutant: continuing from the same parameters with a fresh optimizer differs.
    half = fit(steps=4, key=KEY)
    restarted = fit(steps=5, key=KEY, params=half.params)
    assert not same_bits(restarted.params, whole.params)


def test_saving_now_and_then_keeps_the_latest(fit, file):
    fit(steps=5, checkpoint=file, checkpoint_every=2, log_every=100)
    tree, _ = load_tree(file)
    assert tree["arrays"][".step"] == 5
    assert tree["history"].shape == (5, 3)
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]
    done = fit(steps=5, checkpoint=file, resume=True)
    assert done.steps == 5


def test_resuming_without_a_file_starts_and_says_so(fit, file):
    with warns(NothingToResume, file):
        begun = fit(steps=2, checkpoint=file, resume=True)
    assert begun.history == fit(steps=2).history
    assert file.exists()


def test_nothing_else_is_replaced(fit, file, mutants, monkeypatch):
    """A checkpoint of another run, one of this run, data, notes: refused before the first step."""
    fit(steps=3, checkpoint=file)
    whole = file.read_bytes()
    with raises(
        InvalidStructure, "step 3", "resume=True", "overwrite=True", law="checkpoint"
    ) as caught:
        fit(steps=1, checkpoint=file)
    assert [(f.law, f.where) for f in caught.value.failures] == [("checkpoint", f"'{file}'")]
    others = [file.with_name("notes.txt"), file.with_name("data.npz"), file.with_name("empty")]
    others[0].write_text("mine")
    np.savez(others[1], x=np.ones(3))
    save_tree(file.with_name("other.safetensors"), {"a": np.ones(2)}, {})
    others[2].touch()
    for other in [*others[:2], file.with_name("other.safetensors")]:
        content = other.read_bytes()
        with raises(InvalidStructure, "overwrite=True", law="checkpoint", where=other):
            fit(steps=1, checkpoint=other)
        assert other.read_bytes() == content
    assert file.read_bytes() == whole
    with mutants("a place at which nobody looks"), monkeypatch.context() as patch:
        patch.setattr("catlearn.training.loop.occupied", lambda path: "")
        fit(steps=1, checkpoint=others[0])
        assert others[0].read_bytes() != b"mine"
    assert fit(steps=1, checkpoint=file, overwrite=True).steps == 1
    assert load_tree(file)[0]["arrays"][".step"] == 1


def test_a_file_that_somebody_else_writes_is_left_alone(fit, file):
    def callback(step, costs):
        if step == 4:
            file.write_text("another run's")

    with (
        warns(CheckpointSkipped, file, "step 6", "step 4"),
        raises(CheckpointNotWritten, file, "step 8", "step 4") as caught,
    ):
        fit(steps=8, log_every=2, checkpoint=file, checkpoint_every=2, callback=callback)
    assert file.read_text() == "another run's"
    assert caught.value.result.steps == 8


def test_damaged_checkpoints_are_refused(fit, file):
    fit(steps=3, checkpoint=file)
    whole = file.read_bytes()
    body = 8 + int.from_bytes(whole[:8], "little")
    rng = np.random.default_rng(0)
    for place in rng.integers(body, len(whole), 20):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(damaged)
        with pytest.raises(FileFormatError) as caught:
            fit(steps=5, checkpoint=file, resume=True)
        assert [failure.law for failure in caught.value.failures] == ["checksum"]


def test_the_width_of_floats_belongs_to_a_run(fit, file):
    fit(steps=2, checkpoint=file)
    tree, metadata = load_tree(file)
    manifest = json.loads(metadata["catlearn.checkpoint"])
    assert manifest["x64"] is bool(jax.config.read("jax_enable_x64"))
    for x64, differ in ((not manifest["x64"], True), (None, False)):
        other = {**manifest, "x64": x64}
        if x64 is None:
            del other["x64"]  # as earlier versions wrote them
        save_tree(file, tree, {**metadata, "catlearn.checkpoint": json.dumps(other)})
        if differ:
            with pytest.raises(CheckpointMismatch) as caught:
                fit(steps=3, checkpoint=file, resume=True)
            assert [failure.where for failure in caught.value.failures] == ["x64"]
        else:
            assert fit(steps=3, checkpoint=file, resume=True).steps == 3


def test_every_difference_is_listed(fit, file, regime):
    fit(steps=2, checkpoint=file, key=KEY)
    renamed = regime.with_equations(
        {
            "label": cl.Equation("labelled.X >> student = labelled.Y", divergence="huber"),
            "other": "labelled.X >> student = labelled.X >> teacher",
        },
        only=True,
    )
    fn = cl.lower(renamed.loss(aggregator="max"))
    _, state = fn.init(KEY)
    state = {**state, "frozen": {"teacher": {"w": jnp.ones((2, 1))}}}
    with pytest.raises(CheckpointMismatch) as caught:
        cl.fit(
            fn,
            optax.sgd(0.1),
            steps=4,
            batch_size=3,
            key=jax.random.key(7),
            state=state,
            checkpoint=file,
            resume=True,
            progress=False,
        )
    found = {failure.where for failure in caught.value.failures}
    assert found == {
        "aggregator",
        "equations 'label'",
        "equations 'other'",
        "equations 'soft'",
        "weights 'other'",
        "weights 'soft'",
        "data 'labelled.batch'",
        "data 'unlabelled.examples'",
        "data 'unlabelled.batch'",
        "contents 'unlabelled.X'",
        "key",
        "frozen \"['teacher']['w']\"",
        "the optimizer",
    }
    message = "is 4 in the checkpoint and 3 in this run"
    assert f"data 'labelled.batch': {message} [checkpoint]" in str(caught.value)


def test_other_files_are_refused(fit, file):
    save_tree(file, {"a": np.ones(2)}, {})
    with raises(FileFormatError, "catlearn.checkpoint", law="checkpoint", where="metadata"):
        fit(steps=2, checkpoint=file, resume=True)
    file.write_bytes(b"no tensors")
    with pytest.raises(FileFormatError):
        fit(steps=2, checkpoint=file, resume=True)


def test_a_checkpoint_with_other_arrays_than_it_says_is_refused(fit, file):
    fit(steps=2, checkpoint=file)
    tree, metadata = load_tree(file)
    name = ".params['student']['w']"
    tree["arrays"][name] = np.zeros((3, 1), "float32")
    del tree["arrays"][".step"]
    tree["history"] = tree["history"][:, :1]
    save_tree(file, tree, metadata)
    with pytest.raises(FileFormatError) as caught:
        fit(steps=4, checkpoint=file, resume=True)
    assert len(caught.value.failures) == 3


def test_random_keys_in_an_optimizer_survive(fit, file):
    noisy = optax.chain(optax.add_noise(0.1, 0.5, jax.random.key(3)), optax.sgd(0.1))
    whole = fit(optimizer=noisy, steps=6)
    fit(optimizer=noisy, steps=3, checkpoint=file)
    continued = fit(optimizer=noisy, steps=6, checkpoint=file, resume=True)
    assert same_bits(continued.params, whole.params)


def test_a_folder_that_is_not_there_is_made_and_one_that_cannot_be_is_refused(fit, file, mutants):
    seen = []

    def callback(step, costs):
        seen.append(step)

    deep = file.parent / "runs" / "today" / "run.safetensors"
    assert fit(steps=2, checkpoint=deep).steps == 2
    assert fit(steps=3, checkpoint=deep, resume=True).steps == 3
    file.write_text("no folder")
    for place in (file / "run.safetensors", file / "deep" / "run.safetensors"):
        with pytest.raises(InvalidStructure) as caught:
            fit(steps=2, checkpoint=place, callback=callback, log_every=1)
        assert [failure.law for failure in caught.value.failures] == ["checkpoint"]
    assert not seen
    with mutants("a place that is looked at after the run"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("catlearn.training.loop.writable", lambda path: "")
        with pytest.raises(NotADirectoryError):
            fit(steps=2, checkpoint=place, callback=callback, log_every=1)


def test_another_optimizer_is_one_fault(fit, file):
    fit(steps=2, checkpoint=file)
    for other in (optax.sgd(0.1), optax.sgd(0.1, momentum=0.9), optax.lion(0.1)):
        with pytest.raises(CheckpointMismatch) as caught:
            fit(optimizer=other, steps=3, checkpoint=file, resume=True)
        (failure,) = caught.value.failures
        assert failure.where == "the optimizer"
    # The remedy that is named.
    done = fit(steps=2, checkpoint=file, resume=True)
    start = {"params": done.params, "state": done.state}
    new = fit(optimizer=optax.sgd(0.1), steps=1, checkpoint=f"{file}.new.safetensors", **start)
    assert same_bits(new.params, fit(optimizer=optax.sgd(0.1), steps=1, **start).params)


def test_fewer_steps_than_are_done_are_said(fit, file):
    whole = fit(steps=5, checkpoint=file)
    before = file.read_bytes()
    with warns(MoreStepsDone, "5 steps"):
        found = fit(steps=3, checkpoint=file, resume=True)
    assert found.steps == 5
    assert found.history == whole.history
    assert file.read_bytes() == before
