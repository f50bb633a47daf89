"""Folds over four devices, in a process that has them: the program of test_targets.py.

Prints what was found as JSON.
"""

import json
import os
import re

os.environ["XLA_FLAGS"] = (  # the last one counts
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
)
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

import catlearn as cl
from catlearn.arrays import where
from catlearn.lowering import to_shards
from catlearn.streams import stream
from tests.streams.prefixes import PREFIXES, N
from tests.streams.programs import attention, self_attention

RANDOM = np.random.default_rng(0)


def arrays(*shapes):
    return [jnp.asarray(RANDOM.normal(size=shape), "float32") for shape in shapes]


def mesh_of(shape, names):
    kinds = (jax.sharding.AxisType.Auto,) * len(names)
    return jax.make_mesh(shape, names, kinds, devices=jax.devices()[: int(np.prod(shape))])


def both(fn, count=3):
    def total(*xs):
        made = fn({}, *xs)
        return sum(jnp.sum(jnp.sin(y)) for y in jax.tree.leaves(made)), made

    return jax.jit(jax.value_and_grad(total, tuple(range(count)), has_aux=True))


def apart(one, other):
    leaves = (map(np.asarray, jax.tree.leaves(some)) for some in (one, other))
    return max(float(np.max(np.abs(a - b)) / (1 + np.max(np.abs(b))))
               for a, b in zip(*leaves, strict=True))  # fmt: skip


def gathered(text):
    """List how many words each operation of a program hands from device to device."""
    words = []
    for line in text.splitlines():
        call = re.search(r" = (.*?) (all-gather|collective-permute|all-to-all)(-start)?\(", line)
        if call:
            shapes = re.findall(r"\w+\[([\d,]*)\]", call[1])
            words += [int(np.prod([int(n) for n in one.split(",") if n])) for one in shapes]
    return words


def main():
    found = {}
    xs = arrays((2, 64, 16), (2, 128, 16), (2, 128, 16))
    # the case of two devices, and one where queries are sharded, too, and entries are open on one
    # device, on both, or on none
    for title, shape, names, circuit in (
        ("two", (2,), ("x",), attention()),
        ("four", (2, 2), ("q", "x"), attention(where("q x", "x < 3*q - 20", outside=-1e30))),
    ):
        mesh = mesh_of(shape, names)
        specs = [(None, "q" if "q" in names else None), (None, "x"), (None, "x")]
        places = [NamedSharding(mesh, PartitionSpec(*spec)) for spec in specs]
        own = [jax.device_put(x, place) for x, place in zip(xs, places, strict=True)]
        fn = to_shards(stream(circuit, "x"), mesh, "x", block=24)
        if title == "two":
            forward = jax.jit(lambda *own, fn=fn: fn({}, *own)).lower(*own).compile()
            found["words"] = sum(gathered(forward.as_text())) // 2
            made = forward(*own)
            found[title] = apart(made, cl.lower(circuit)({}, *xs))
            continue
        made = both(fn)(*own)
        found[title] = apart(jax.device_get(made), jax.device_get(both(cl.lower(circuit))(*xs)))
        pairs = zip(made[1], places, strict=True)
        found["keeps"] = all(g.sharding.is_equivalent_to(place, g.ndim) for g, place in pairs)
    # what is read by blocks is computed before
    mesh = mesh_of((4,), ("devices",))
    ys = arrays((20, 3), (3, 3), (3, 3), (3, 3))
    sharded = to_shards(stream(self_attention, "x"), mesh, "devices", block=2)
    found["self-attention"] = apart(both(sharded)(*ys), both(cl.lower(self_attention))(*ys))
    # blocks of outputs, from the state of the devices before: decays, matrices and polynomials
    for title in ("gated", "momentum", "two linear layers"):
        circuit, variable, shapes = PREFIXES[title]
        zs = arrays(*([20 if size == N else size for size in shape] for shape in shapes))
        zs = [z / 4 for z in zs]  # squares of squares are large
        sharded = to_shards(stream(circuit, variable), mesh, "devices", block=2)
        pair = (both(fn, len(zs))(*zs) for fn in (sharded, cl.lower(circuit)))
        found[title] = apart(*pair)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
