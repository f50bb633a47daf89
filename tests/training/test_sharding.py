"""Sharding: on several devices and in several processes a run is the run on one device."""

import contextlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import catlearn as cl
from catlearn.errors import CheckpointMismatch, DataError, InvalidStructure
from catlearn.training.data import Sources
from catlearn.training.sharding import Processes
from tests.errors import raises

PROGRAM = Path(__file__).with_name("sharded.py")
CLOSE = 1e-5


def begin(*arguments):
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def found_by(child):
    out, error = child.communicate(timeout=300)
    assert child.returncode == 0, error
    return json.loads(next(line for line in out.splitlines() if line.startswith("{")))


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    return found_by(begin("devices", tmp_path_factory.mktemp("four")))


def test_variables_are_those_of_one_device(four):
    assert four["start"] > 0.1
    for manner in ("mesh", "fsdp", "rule", "parts", "at once"):
        assert four[manner] < CLOSE
    assert four["evaluate"] < CLOSE


def test_parameters_are_split_as_asked_and_the_optimizer_follows(four):
    moments = [f"o/0/{moment}/{edge}/w" for moment in ("mu", "nu") for edge in ("encoder", "head")]
    split = four["split"]
    assert split["mesh"] == []
    assert split["fsdp"] == [*moments, "p/encoder/w", "p/head/w", "s/teacher/w"]
    assert split["rule"] == ["o/0/mu/encoder/w", "o/0/nu/encoder/w", "p/encoder/w"]


def test_a_program_is_compiled_once_for_its_shapes(four):
    # The first one, on one device, also met a smaller data set.
    assert four["compiled"] == [2, 1, 1, 1, 1, 1]


def test_averages_and_validation_are_those_of_one_device(four):
    assert four["moved"] > 1e-3
    assert four["watched"] < 1e-4


def test_checkpoints_are_interchangeable(four):
    assert four["to one"] < CLOSE
    assert four["to four"] < CLOSE


def test_two_processes_are_one(tmp_path):
    try:
        with contextlib.closing(socket.socket()) as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
    except OSError as error:
        pytest.skip(f"no port on this machine: {error}")
    children = [begin("process", tmp_path, port, index) for index in (0, 1)]
    try:
        first, second = (found_by(child) for child in children)
    finally:
        for child in children:
            child.kill()
    assert first["one"] < CLOSE
    assert first["history"] < 1e-4
    assert first["resumed"] == second["resumed"] == 0
    assert first["drawn"] == second["drawn"]
    # Curves, the best variables and moving averages, and a run that went on; patience ends both.
    assert first["watched"] < 1e-4
    assert first["watched again"] == second["watched again"] == 0
    assert first["ended"] == second["ended"] == [4, "patience"]
    # Where orbax is installed, each process wrote and read its own part of a folder.
    assert first.get("folder", 0) == second.get("folder", 0) == 0


def mesh(**names):
    types = (jax.sharding.AxisType.Auto,) * len(names)
    return jax.make_mesh(tuple(names.values()), tuple(names), axis_types=types)


def test_the_axis_of_batches_is_data_or_the_first():
    assert cl.training.Sharding(mesh(model=1, data=1)).batch == "data"
    assert cl.training.Sharding(mesh(a=1, b=1)).batch == "a"


def test_what_is_wrong_with_a_sharding_is_listed():
    explicit = jax.make_mesh((1,), ("x",), axis_types=(jax.sharding.AxisType.Explicit,))
    with pytest.raises(InvalidStructure) as caught:
        cl.training.Sharding(explicit, batch="data", params="all")
    assert [failure.where for failure in caught.value.failures] == ["batch", "params", "axis 'x'"]


def test_a_mesh_of_one_device_changes_nothing(fit):
    assert fit(steps=3, sharding=mesh(data=1)).history == fit(steps=3).history


def test_processes_draw_apart_and_in_parts(fn, regime):
    pair = [
        Sources(fn, None, 4, key=jax.random.key(0), processes=Alone(2, index)) for index in (0, 1)
    ]
    assert pair[0].batches.sizes == {"labelled": 2, "unlabelled": 2}
    one, other = (sources.take(0)["labelled"]["X"] for sources in pair)
    assert not np.array_equal(one, other)
    with raises(DataError, 3, 2, law="batch size", where="batch_size"):
        Sources(fn, None, 3, key=jax.random.key(0), processes=Alone(2, 0))
    with raises(CheckpointMismatch, 1, 2, law="sources", where="data"):
        pair[0].restore([{}], "checkpoint")


class Alone(Processes):
    """One of several processes, of which the others are not asked."""
