"""What folds are lowered to: devices, kernels and text compute what the circuit does."""

import functools
import json
import subprocess
import sys

import jax
import numpy as np
import pytest

import catlearn as cl
from catlearn.arrays import (
    add,
    conv,
    copy,
    cumsum,
    dropout,
    einsum,
    gelu,
    idle,
    linear,
    norm,
    pool,
    softmax,
    where,
)
from catlearn.errors import InvalidStructure, UnknownName, WrongKind
from catlearn.lowering import streamed, to_pallas, to_shards, to_source
from catlearn.lowering.streamed import differentiable
from catlearn.lowering.tiled import TiledRun
from catlearn.models import LoweredCircuit
from catlearn.streams import StreamRefused, stream, tiles
from tests.errors import says
from tests.streams.prefixes import PREFIXES
from tests.streams.programs import FOLDS, apart, arrays, attention, both
from tests.streams.test_laws import value

CLOSE = 1e-6


@pytest.fixture
def compensated(monkeypatch):
    monkeypatch.setattr(streamed, "SEVERAL", 1)
    monkeypatch.setattr(streamed, "SMALL", 0)


CIRCUITS = {
    "rounds": ((linear("A", "m -> m") @ idle >> add >> copy(2)).scan("t"), (3,), (4, 3)),
    "layers": ((linear("A", "m -> m", bias=True) >> gelu() >> norm("N", "[m]")).repeat(3, "L"),
               (2, 3)),
    "windows": (conv("c", "[y] i -> [y] o", window=3, pad=1).at({"o": 2})
                >> pool("max", "[y] o", window=3, stride=2, pad=1), (9, 2)),
    "dropout": (dropout(0.5, by="q x"), (4, 5), ()),
    "weights": (where("q x", "x <= q") >> softmax("[x]"), (4, 5)),
}  # fmt: skip
"""Circuits, with the shapes of their inputs."""


def test_devices_exchange_states_and_compute_the_same():
    program = [sys.executable, "-m", "tests.streams.sharded"]
    made = subprocess.run(program, capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout)
    assert found["words"] == 2 * 64 + 2 * 64 + 2 * 64 * 16  # nothing but the state
    assert found["two"] < CLOSE
    assert found["four"] < CLOSE
    assert found["self-attention"] < 4 * CLOSE
    assert found["gated"] < 4 * CLOSE
    assert found["momentum"] < CLOSE
    assert found["two linear layers"] < 4 * CLOSE
    assert found["keeps"]


def test_what_no_fold_can_be_spread_over_is_refused():
    kinds = jax.sharding.AxisType
    fold = stream(attention(), "x")
    with pytest.raises(UnknownName):
        to_shards(fold, jax.make_mesh((1,), ("x",), (kinds.Auto,)), "y")
    with pytest.raises(InvalidStructure):
        to_shards(fold, jax.make_mesh((1,), ("x",), (kinds.Explicit,)), "x")
    circuit, variable, _ = PREFIXES["two layers"]
    with pytest.raises(StreamRefused):
        to_shards(stream(circuit, variable), jax.make_mesh((1,), ("x",), (kinds.Auto,)), "x")


@functools.cache
def whole(name):
    circuit, _, shapes, _ = FOLDS[name]
    return both(cl.lower(circuit), arrays(shapes))


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize(
    ("name", "tiles"),
    [
        ("attention", {"h": 1, "q": 5, "x": 7}),
        ("causal attention", {"q": 1, "x": 5}),
        ("entropy", {"q": 1, "x": 5}),
    ],
)
def test_kernels_compute_what_the_circuit_does(name, tiles, inside, compensated):
    circuit, variable, shapes, _ = FOLDS[name]
    xs = arrays(shapes)
    fn = to_pallas(stream(circuit, variable), tiles, inside=inside, interpret=True)
    assert apart(both(fn, xs), whole(name)) < CLOSE


def test_tiles_that_a_kernel_cannot_have_are_refused():
    fold, (shapes, whole) = stream(attention(), "x"), ([(2, 5, 3), (2, 20, 3), (2, 20, 4)], "h q")
    with pytest.raises(InvalidStructure) as caught:
        to_pallas(fold, {"h": 0, "q": "1", "x": 4})
    assert [failure.where for failure in caught.value.failures] == whole.split()
    with pytest.raises(InvalidStructure):
        to_pallas(fold, {"q": 2, "x": 4})({}, *arrays(shapes))
    with pytest.raises(StreamRefused):
        to_pallas(fold, {"e": 2, "x": 4})


def at_tiles_of(fold, sizes):
    (axis,) = (a for a in sizes if fold.circuit.apex.called(a) == "q")
    return differentiable(TiledRun(tiles.tiled(fold, axis), sizes, 16, 4))


def in_one_kernel(fold, sizes):
    return functools.partial(to_pallas(fold, {"q": 16, "n": 4}, interpret=True), {})


def as_text(fold, sizes):
    return read(to_source(fold, {"q": 32, "n": 4096}, 4), "fold")


TARGETS = {"tiles": at_tiles_of, "kernels": in_one_kernel, "text": as_text}


@pytest.mark.parametrize("name", TARGETS)
def test_what_rounding_leaves_out_of_many_blocks_is_kept(name, mutants, monkeypatch):
    x = np.random.default_rng(0).uniform(0.5, 1, size=(32, 4096)).astype("float32")
    total, running = einsum("q n -> q"), cumsum("q [n]")
    cases = [(total, x.astype(float).sum(1)), (running, x.astype(float).cumsum(1))]

    def errors():
        for circuit, want in cases[: 1 if name == "tiles" else 2]:
            fold = stream(circuit, "n")
            made = TARGETS[name](fold, LoweredCircuit(fold.circuit).sizes([x.shape]))(x)
            yield np.abs(jax.tree.leaves(made)[0] / want - 1).max() / np.finfo("float32").eps

    assert max(errors()) < 2
    with mutants(f"streams: {name} sum blocks in one chain"):
        monkeypatch.setattr(streamed, "SEVERAL", 10**9)
        assert min(errors()) > 8


def read(text, name):
    space = {}
    exec(text, space)
    return jax.jit(space[name])


@pytest.mark.parametrize("name", ["causal attention", "layer norm and linear"])
def test_the_text_of_a_fold_runs_alone(name, compensated):
    circuit, variable, shapes, _ = FOLDS[name]
    xs = arrays(shapes)
    text = to_source(stream(circuit.at_dom(*shapes), variable), block=7)
    assert "catlearn" not in text
    made = read(text, "fold")(*xs)
    assert apart(made, jax.tree.leaves(value(cl.lower(circuit), xs))) < CLOSE


@pytest.mark.parametrize("name", CIRCUITS)
def test_the_text_of_a_circuit_runs_alone(name):
    circuit, *shapes = CIRCUITS[name]
    circuit = circuit.at_dom(*shapes)
    fn, xs = cl.lower(circuit), arrays(shapes)
    params = jax.jit(fn.init)(jax.random.key(0))
    made = read(to_source(circuit), "circuit")(*xs, *fn.values(params))
    assert apart(made, jax.tree.leaves(jax.jit(fn)(params, *xs))) < CLOSE


def test_blocks_that_a_text_cannot_have_are_refused():
    fold, sizes = stream(attention(), "x"), {"h": 2, "q": 5, "x": 20, "d": 3, "e": 4}
    with pytest.raises(InvalidStructure) as caught:
        to_source(fold, sizes, block=0, group={"q": "1"})
    assert [failure.where for failure in caught.value.failures] == ["x", "q"]
    with pytest.raises(WrongKind) as wrong:
        to_source(fold, sizes, group=3)
    says(wrong.value, "group")
    with pytest.raises(WrongKind, match="group="):
        to_source(fold.circuit, sizes, group={"q": 2})


def test_text_needs_all_sizes():
    fold = stream(attention(), "x")
    for sizes, missing in (({"h": 2, "q": 3}, "d e x"), (None, "d e h q x")):
        with pytest.raises(InvalidStructure) as caught:
            to_source(fold, sizes)
        (fault,) = caught.value.failures
        assert fault.where == f"axes {', '.join(missing.split())}"
        asked = ", ".join(f"{name!r}: ..." for name in missing.split())
        assert f"{{{asked}}}" in fault.message
