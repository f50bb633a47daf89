"""What a step of training costs beside calling the compiled step itself.

One tiny regime, so that a step is little more than its dispatch. *bare* calls the compiled step in
a loop on one batch that is already there. The others take the same steps through the training
loop: on data sets that are taken whole, on mini-batches that are drawn for each step, from a list
of batches that are checked as they come, and with many steps in one compiled call. All run in
turns; times are those of the thread that dispatches, in microseconds: medians, and for overheads
medians of the differences within a round.

    python benchmarks/training.py [--quick] [--out table.md]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import catlearn as cl
from catlearn.training.run import Manner, Run
from catlearn.training.sources import Sources
from catlearn.training.step import compiled_step, start

KEY = jax.random.key(0)
SIZE = 32


def regime() -> cl.Lowered:
    """Return a line on data of two columns."""
    X, Y = cl.Space("X", 4), cl.Space("Y", 1)
    x = np.random.default_rng(0).normal(size=(8 * SIZE, 4)).astype("float32")
    data = cl.Dataset("d", X=(X, x), Y=(Y, x[:, :1]))
    line = (lambda key: {"w": jnp.zeros((4, 1))}, lambda params, x: x @ params["w"])
    return cl.lower(cl.LearningDiagram(data, cl.Model("line", X, Y, line)).loss())


def programs(steps: int) -> dict[str, Callable[[], None]]:
    """Return ways to take some steps."""
    fn, adam = regime(), optax.adam(1e-3)
    arrays: Any = fn.diagram.data
    whole = {"d": {name: column[:SIZE] for name, column in arrays["d"].items()}}
    pieces = [
        {name: column[i : i + SIZE] for name, column in arrays["d"].items()}
        for i in range(0, 8 * SIZE, SIZE)
    ]
    params, state = fn.init(KEY)
    constant = {name: part for name, part in state.items() if name != "mutable"}
    step = compiled_step(fn, adam)
    batch = jax.device_put(whole)

    def bare() -> None:
        carry = start(adam, params, state["mutable"])
        for _ in range(steps):
            carry, _ = step(carry, constant, batch, KEY)
        jax.block_until_ready(carry)

    def through(data: Any, manner: Manner) -> Callable[[], None]:
        def run() -> None:
            sources = Sources(fn, data, SIZE, key=KEY)
            carry = start(adam, params, state["mutable"])
            training = Run(fn, adam, KEY, sources, state, carry, np.empty((0, 2)), manner)
            while training.steps < steps:
                training.advance(steps)
            jax.block_until_ready(training.carry)

        return run

    return {
        "bare": bare,
        "data taken whole": through(whole, Manner()),
        "mini-batches drawn": through(arrays, Manner()),
        "batches from a list": through({"d": pieces}, Manner()),
        "whole, 25 steps at once": through(whole, Manner(scan_steps=25)),
        "drawn, 25 steps at once": through(arrays, Manner(scan_steps=25)),
    }


def measure(rounds: int, steps: int) -> dict[str, list[float]]:
    """Return the microseconds of a step in each round."""
    every = programs(steps)
    times: dict[str, list[float]] = {name: [] for name in every}
    names = list(every)
    for name in names:
        every[name]()
    for turn in range(rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            begin = time.thread_time()
            every[name]()
            times[name].append(1e6 * (time.thread_time() - begin) / steps)
    return times


def table(times: dict[str, list[float]]) -> str:
    """Write the measurements as Markdown."""
    lines = [
        f"JAX {jax.__version__} on {jax.devices()[0].device_kind}.",
        "",
        "| steps | microseconds a step | over the bare call |",
        "|---|---|---|",
    ]
    for name, found in times.items():
        over = statistics.median(a - b for a, b in zip(found, times["bare"], strict=True))
        lines.append(f"| {name} | {statistics.median(found):.1f} | {over:+.1f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the table if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--out", type=Path, help="where to write the Markdown table")
    options = parser.parse_args()
    text = table(measure(*((3, 100) if options.quick else (31, 1000))))
    print(text, end="")
    if options.out is not None:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
