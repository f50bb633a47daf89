"""What this processor does, as the device ``cpu`` of the costing room: figures to put in there.

Arrays that are written to new memory and read, products of matrices in blocks of 64, additions in
cache, exponentials, and small boxes one after the other, in float32, each the median of runs within
some seconds. It is the time of the processor that is taken, of all cores together, so that other
work beside it counts little. It takes less than a minute.

    python benchmarks/device.py [--quick]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp


def seconds_of(run: Callable[[], object], seconds: float) -> float:
    """Return the median of the seconds of a run, if all cores share the work."""
    jax.block_until_ready(run())
    found, end = list[float](), time.perf_counter() + seconds
    while not found or time.perf_counter() < end:
        start = time.process_time()
        jax.block_until_ready(run())
        found.append(time.process_time() - start)
    return statistics.median(found) / (os.cpu_count() or 1)


def cache() -> int:
    """Return the bytes of a core's second cache."""
    text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text()
    return int(text.strip().rstrip("K")) * 1024


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--quick", action="store_true", help="two runs of small arrays")
    quick = options.parse_args().quick
    seconds, size, length = (0.0, 2**20, 512) if quick else (5.0, 2**26, 8192)
    cores, near, rounds = os.cpu_count() or 1, cache(), 200
    large = jnp.ones(size, "float32")
    rows = jnp.ones((length, 64), "float32")
    blocks = jnp.ones((length // 64, 64, 64), "float32")
    small = jnp.linspace(0, 1, near // 16, dtype="float32")
    tiny = jnp.ones((64, 16), "float32")

    formed = jax.jit(lambda x: x + 1)

    @jax.jit
    def products(rows, blocks):  # what an attention does with a block of keys and values
        def step(total, block):
            return total + (rows @ block.T) @ block, None

        return jax.lax.scan(step, rows, blocks)[0]

    @jax.jit
    def added(x):  # three operations, in a chain that no compiler shortens
        return jax.lax.fori_loop(0, rounds, lambda _, y: y * y * 0.5 + 0.25, x)

    @jax.jit
    def exponentials(x):
        return jax.lax.fori_loop(0, rounds, lambda _, y: jnp.exp(-y), x)

    @jax.jit
    def boxes(x):  # a sum, and what is made of it
        return jax.lax.fori_loop(0, rounds, lambda _, y: y * (1 - y.sum(0)), x)

    bandwidth = 2 * large.nbytes / seconds_of(lambda: formed(large), seconds)
    matrix = 4 * length**2 * 64 / seconds_of(lambda: products(rows, blocks), seconds)
    vector = 3 * rounds * small.size / seconds_of(lambda: added(small), seconds)
    exponential = rounds * small.size / seconds_of(lambda: exponentials(small), seconds)
    box = 2 * rounds / seconds_of(lambda: boxes(tiny), seconds)
    print(f'[("RAM", {os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):.3g}), '
          f'("L2", {near}, {bandwidth:.3g}, {cores})],')  # fmt: skip
    print(f'{{"matrix": {matrix:.3g}, "vector": {vector:.3g}, "exponential": {exponential:.3g}, '
          f'"box": {box:.3g}}}')  # fmt: skip


if __name__ == "__main__":
    main()
