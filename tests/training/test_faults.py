"""Faults: what went wrong is named, and the last good state is kept."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import catlearn as cl
from catlearn import files
from catlearn.errors import (
    CheckpointNotWritten,
    DataError,
    FileFormatError,
    TrainingDiverged,
)
from catlearn.tensors import load_tree
from catlearn.training import CheckpointSkipped
from tests.errors import raises

KEY = jax.random.key(0)
X, Y = cl.Space("X", (2,)), cl.Space("Y", (1,))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "run.safetensors"


def steps_in(file):
    tree, _ = load_tree(file)
    assert len(tree["history"]) == tree["arrays"][".step"]
    return int(tree["arrays"][".step"])


class Disk:
    """A disk that is full from some write on, in the middle of a file, until there is room."""

    def __init__(self, monkeypatch, full):
        self.writes, self.full = 0, full
        self.fdopen = os.fdopen
        monkeypatch.setattr(files.os, "fdopen", self.open)

    def open(self, handle, mode):
        self.writes += 1
        stream = self.fdopen(handle, mode)
        return Full(stream) if self.writes in self.full else stream


class Full:
    """A file that takes half of what is written."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stream.close()

    def write(self, data):
        self.stream.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_costs_a_checkpoint_and_not_the_run(fit, file, monkeypatch):
    disk = Disk(monkeypatch, full={2, 3})
    kept = []

    def callback(step, costs):
        kept.append(steps_in(file))

    with pytest.warns(CheckpointSkipped) as warned:
        result = fit(steps=8, log_every=2, checkpoint=file, checkpoint_every=2, callback=callback)
    assert kept == [2, 2, 2, 8]
    assert disk.writes == 4
    assert [str(w.message) for w in warned] == [
        f"the checkpoint '{file}' of step {step} was not written: No space left on device; "
        "the one of step 2 is whole. Training goes on, and the next one is tried"
        for step in (4, 6)
    ]
    assert result.steps == steps_in(file) == 8
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]


def test_a_disk_full_at_the_end_is_an_error_with_the_result(fit, file, monkeypatch):
    Disk(monkeypatch, full={1})
    with raises(CheckpointNotWritten, file, "step 3") as caught:
        fit(steps=3, checkpoint=file)
    assert caught.value.result.history == fit(steps=3).history
    assert not list(file.parent.iterdir())
    folder = file.parent / "gone"
    with raises(CheckpointNotWritten, "step 1", "gone"):
        fit(steps=1, checkpoint=folder / file.name, callback=lambda *_: folder.rmdir())


def test_half_written_files_of_killed_runs_are_removed(fit, file):
    (file.parent / f".{file.name}.abc.part").write_bytes(b"half")
    (file.parent / ".other.safetensors.abc.part").write_bytes(b"another run's")
    fit(steps=1, checkpoint=file)
    assert {entry.name for entry in file.parent.iterdir()} == {
        file.name,
        ".other.safetensors.abc.part",
    }


def test_a_checkpoint_that_cannot_be_read_is_named(fit, file):
    file.mkdir()
    with raises(FileFormatError, "folder", law="file", where="run.safetensors"):
        fit(steps=2, checkpoint=file, resume=True)
    file.rmdir()
    file.symlink_to(file.parent / "nothing")
    with raises(FileFormatError, law="file", where="run.safetensors"):
        fit(steps=2, checkpoint=file, resume=True)


class Reader:
    """Rows on a disk, of which one cannot be read."""

    dtype, ndim = np.dtype("float32"), 2

    def __init__(self, rows, bad=None):
        self.rows, self.bad, self.shape = rows, bad, rows.shape
        self.read = []

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            return self.rows[rows]
        assert (np.diff(rows) > 0).all()
        self.read.append(len(rows))
        if self.bad in rows:
            raise OSError(errno.EIO, "Input/output error")
        return self.rows[rows]


def test_a_row_that_cannot_be_read_names_data_set_and_step(fit, regime, file):
    x = regime.data["unlabelled"]["X"]
    bad = cl.batches({"unlabelled": {"n": np.arange(7)}}, 4, KEY)[5]["unlabelled"]["n"]
    good = cl.batches({"unlabelled": {"n": np.arange(7)}}, 4, KEY)
    first = next(s for s in range(1, 9) if bad[0] in good[s]["unlabelled"]["n"])
    data = {**regime.data, "unlabelled": {"X": Reader(x, bad=bad[0])}}
    if bad[0] in good[0]["unlabelled"]["n"]:
        first = 0
    with pytest.raises(DataError) as caught:
        fit(steps=9, data=data, checkpoint=file)
    assert str(caught.value) == (
        f"the batch of step {first} cannot be used (1 failure):\n"
        "  - data set 'unlabelled': could not be read: OSError: [Errno 5] Input/output error "
        f"[source]\nThe variables after {first} steps are in this error's .result and in "
        f"'{file}'; resume=True continues from there"
    )
    assert steps_in(file) == caught.value.result.steps == first
    # With the disk in order again, the run continues to where it would have come.
    data["unlabelled"] = {"X": Reader(x)}
    assert fit(steps=9, data=data, checkpoint=file, resume=True).history == fit(steps=9).history


def test_a_wrong_shape_in_the_thousandth_batch(fit, regime, file):
    x = regime.data["unlabelled"]["X"][:4]

    def stream(wrong):
        return ({"X": x[:, :1] if i == wrong else x} for i in range(1100))

    data = {"labelled": regime.data["labelled"], "unlabelled": stream(999)}
    with pytest.raises(DataError) as caught:
        fit(steps=1005, data=data, checkpoint=file)
    assert str(caught.value).startswith(
        "the batch of step 999 cannot be used (1 failure):\n"
        "  - projection 'unlabelled.X': found (4, 1), expected (examples, 2)"
    )
    assert caught.value.result.steps == steps_in(file) == 999
    data["unlabelled"] = stream(None)
    continued = fit(steps=1005, data=data, checkpoint=file, resume=True)
    data["unlabelled"] = stream(None)
    assert continued.history == fit(steps=1005, data=data).history


def test_nan_in_a_batch_names_the_projection(fit, regime):
    x = np.array(regime.data["unlabelled"]["X"][:4])
    bad = x.copy()
    bad[1, 0] = np.nan
    data = {**regime.data, "unlabelled": [{"X": x}, {"X": x}, {"X": bad}]}
    with raises(
        DataError, law="finite", where="projection 'unlabelled.X'", what="step 2"
    ) as caught:
        fit(steps=9, data=data)
    assert caught.value.result.steps == 2


def test_a_run_that_diverged_continues_from_before_with_smaller_steps(file):
    """One example in eight is large, and the step after it leaves the floats."""
    x = np.ones((8, 2), "float32")
    x[3] = 1e15
    model = cl.Model("f", X, Y, (lambda key: {"w": jnp.ones((2, 1))}, lambda p, x: x @ p["w"]))
    data = cl.Dataset("d", X=(X, x), Y=(Y, np.zeros((8, 1), "float32")))
    fn = cl.lower(cl.LearningDiagram(data, model).loss())
    options = {"steps": 16, "batch_size": 1, "checkpoint": file, "progress": False}
    with raises(TrainingDiverged, "d.X >> f = d.Y", file, "resume=True") as caught:
        cl.fit(fn, optax.sgd(0.1), **options, log_every=5)
    failed = caught.value.result.steps
    assert 2 < failed < 16
    assert steps_in(file) == failed
    # An earlier checkpoint is kept: the last finite variables need not be good ones.
    with raises(TrainingDiverged, f"step {failed - 1}", "resume=True"):
        cl.fit(fn, optax.sgd(0.1), **options, checkpoint_every=failed - 1, overwrite=True)
    assert steps_in(file) == failed - 1
    assert cl.fit(fn, optax.sgd(1e-32), **options, resume=True).steps == 16


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_killed_twenty_times_it_arrives_where_it_would_have(tmp_path):
    program = Path(__file__).with_name("killed.py")
    command = [sys.executable, str(program), str(tmp_path), "20", "7"]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["same"]
    assert found["left"] == []
    assert found["steps"] == sorted(found["steps"])
    assert len(set(found["steps"])) > 5
