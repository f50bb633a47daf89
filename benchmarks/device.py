"""What this processor does, as the device ``cpu`` of the costing room: figures to put in there.

Bandwidth of arrays that no cache holds, matrix products, additions in cache and exponentials, in
float32 and on all cores, each the best of repeated runs within some seconds: what a program can
reach at most. It takes less than a minute.

    python benchmarks/device.py
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np


def best(run: Callable[[], object], seconds: float = 5.0) -> float:
    """Return the least time of a run, in seconds."""
    jax.block_until_ready(run())
    found, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        jax.block_until_ready(run())
        found = min(found, time.perf_counter() - start)
    return found


def cache() -> int:
    """Return the bytes of a core's second cache."""
    text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text()
    return int(text.strip().rstrip("K")) * 1024


def main() -> None:
    cores, near = os.cpu_count() or 1, cache()
    parts = [np.ones((2, 2**28 // cores), "float32") for _ in range(cores)]
    square = jnp.ones((2048, 2048), "float32")
    small = jnp.linspace(0, 1, cores * near // 16, dtype="float32")
    rounds = 200

    pool = ThreadPoolExecutor(cores)
    product = jax.jit(jnp.matmul)

    def copied():
        return list(pool.map(lambda two: np.copyto(*two), parts))

    @jax.jit
    def added(x):  # three operations, in a chain that no compiler shortens
        return jax.lax.fori_loop(0, rounds, lambda _, y: y * y * 0.5 + 0.25, x)

    @jax.jit
    def exponentials(x):
        return jax.lax.fori_loop(0, rounds, lambda _, y: jnp.exp(-y), x)

    bandwidth = sum(two.nbytes for two in parts) / best(copied)
    matrix = 2 * 2048**3 / best(lambda: product(square, square))
    vector = 3 * rounds * small.size / best(lambda: added(small))
    exponential = rounds * small.size / best(lambda: exponentials(small))
    print(f'[("RAM", {os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):.3g}), '
          f'("L2", {near}, {bandwidth:.3g}, {cores})],')  # fmt: skip
    print(f'{{"matrix": {matrix:.3g}, "vector": {vector:.3g}, "exponential": {exponential:.3g}}}')


if __name__ == "__main__":
    main()
