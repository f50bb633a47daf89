"""Clusters: what crosses between devices, against a ring that is run, and known schemes."""

import numpy as np
import pytest

from catlearn.arrays import einsum, idle, relu, softmax
from catlearn.costing import Indexed, Island, collectives, reverse_of
from catlearn.errors import CatlearnError, InvalidStructure

PART = einsum("t m, m f -> t f") @ idle >> relu @ idle >> einsum("t f, f o -> t o")
ATTENTION = (einsum("b h q d, b h x d -> b h q x") >> softmax("[x]")) @ idle
ATTENTION = ATTENTION >> einsum("b h q x, b h x e -> b h q e")
MESH = {"t": "data*sequence", "f": "tensor"}
SIZES = {"t": 240, "m": 8, "f": 120, "o": 8}
WEIGHTS = ["in1", "in2"]


def ring(parts):
    """Reduce arrays of devices in a ring: all have the sum; return it and the words that crossed.

    Each is cut in as many pieces as there are devices. For n - 1 rounds each device adds what its
    neighbour sends, and for n - 1 rounds the sums go round.
    """
    n, moved = len(parts), 0
    held = [np.array_split(part.reshape(-1).copy(), n) for part in parts]
    for adding in (True, False):
        for step in range(n - 1):
            sent = []
            for k in range(n):
                piece = (k - step + (0 if adding else 1)) % n
                sent.append((piece, held[k][piece].copy()))
            for k, (piece, values) in enumerate(sent):
                to = held[(k + 1) % n]
                to[piece] = to[piece] + values if adding else values
                moved += values.size
    whole = [np.concatenate(pieces).reshape(parts[0].shape) for pieces in held]
    assert all(np.allclose(one, whole[0]) for one in whole)
    return whole[0], moved


def backward(circuit, over, **modes):
    return Island(reverse_of(Indexed.of(circuit), over), modes)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_reductions_move_what_a_ring_moves(n, mutants):
    """Of a gradient of 8 x 120 weights, by n devices with 240/n examples each."""
    rng = np.random.default_rng(0)
    x, d = rng.normal(size=(240, 8)), rng.normal(size=(240, 120))
    parts = [a.T @ b for a, b in zip(np.split(x, n), np.split(d, n), strict=True)]
    total, moved = ring(parts)
    assert np.allclose(total, x.T @ d)
    (one,) = collectives(einsum("t m, t f -> m f"), {"t": n}) if n > 1 else [None]
    if one is None:
        assert moved == 0
        return
    assert one.kind == "reduced"
    assert one.volume(m=8, f=120) == moved == 2 * (n - 1) * 8 * 120
    assert one.volume(m=8, f=120) / n == 2 * (n - 1) / n * 8 * 120
    with mutants("a reduction crosses once for each device, there and back"):
        assert one.bound(m=8, f=120) == moved * n / (n - 1) > moved


def test_tensor_parallelism_reduces_twice_in_a_part():
    """Of a part of a layer the output forward, and the gradient of its input backward."""
    forward = collectives(PART, MESH, resident=["in0", *WEIGHTS])
    assert [(str(one), str(one.among)) for one in forward] == [("reduced einsum[t o]", "tensor")]
    back = collectives(
        backward(PART, ["f"], t="split", f="split"), MESH, resident=["in0", "d out0", *WEIGHTS]
    )
    among = {str(one): str(one.among) for one in back}
    assert among == {
        "reduced d in0[t m]": "tensor",
        "reduced d in1[m f]": "data*sequence",
        "reduced d in2[f o]": "data*sequence",
    }
    alone = {"data": 1, "sequence": 1, "tensor": 1, **SIZES}
    assert all(one.volume(alone) == 0 for one in (*forward, *back))
    spread = {"data": 2, "sequence": 3, "tensor": 4, **SIZES}
    assert forward[0].volume(spread) == 2 * 240 * 8 * 3
    assert sum(one.volume(spread) for one in back) == 2 * 240 * 8 * 3 + 2 * 2 * 8 * 120 * 5


def test_sequence_parallelism_gathers_keys_and_values():
    mesh = {"b": "data", "q": "sequence", "h": "tensor"}
    found = collectives(ATTENTION, mesh)
    assert {(one.kind, str(one.among)) for one in found} == {("gathered", "sequence")}
    sizes = {"b": 2, "h": 4, "q": 12, "x": 12, "d": 3, "e": 3}
    spread = {"data": 2, "sequence": 3, "tensor": 4}
    # each device reads the keys and values of its heads and examples that two others have
    devices, own = 24, 2 * (12 // 3) * 3
    assert sum(one.volume({**sizes, **spread}) for one in found) == devices * 2 * own
    assert collectives(ATTENTION, mesh, resident=["in1", "in2"]) == ()


def test_weights_that_devices_do_not_have_are_gathered():
    """With parameters cut over the data axis as well: FSDP."""
    found = {str(one): one for one in collectives(PART, MESH, resident=["in0"])}
    assert str(found["gathered in1[m f]"].among) == "data*sequence"
    assert str(found["gathered in1[m f]"].bound) == "data*f*m*sequence"


def test_other_arguments_are_refused():
    with pytest.raises(InvalidStructure) as refused:
        collectives(Island(PART, {"t": "grouped", "f": "streamed"}), {"f": 2}, resident=["in7"])
    assert [one.where for one in refused.value.failures] == ["axis f", "axis t", "in7"]
    for wrong in ((3, {}), (PART, 3), (PART, {"z": 2}), (PART, {"t": -1})):
        with pytest.raises(CatlearnError):
            collectives(*wrong)
