"""What a step of training costs beside calling the compiled step itself.

One tiny regime, so that a step is little more than its dispatch. The loops written by hand call
the compiled step on a batch that is already there, on rows that NumPy takes in an order that is
known, or on the batches of a list. The training loop takes the same steps on data that are taken
whole, on mini-batches, which it draws, from the list, whose batches it checks as they come, and
with many steps in one compiled call. In the second half the examples are larger, so that the
training loop keeps them on the device. All run in turns; times are those of the thread that
dispatches, in microseconds: medians, and for overheads medians of the differences within a round.

    python benchmarks/training.py [--quick] [--out table.md]
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import _measure
import jax
import jax.numpy as jnp
import numpy as np
import optax

import catlearn as cl
from catlearn.training.data import Sources
from catlearn.training.loop import Trainer
from catlearn.training.step import compiled_step, start

KEY = jax.random.key(0)
BATCHES = 64
SMALL, LARGE = (4, 32), (784, 128)
Loops = dict[str, tuple[Callable[[], None], str]]
"""Ways to take some steps, each with the name of the one that it is compared with."""


def regime(width: int, size: int) -> cl.Lowered:
    """Return a line on data of two columns, so many wide and so many to a batch."""
    X, Y = cl.Space("X", width), cl.Space("Y", 1)
    x = np.random.default_rng(0).normal(size=(BATCHES * size, width)).astype("float32")
    data = cl.Dataset("d", X=(X, x), Y=(Y, x[:, :1]))
    line = (lambda key: {"w": jnp.zeros((width, 1))}, lambda params, x: x @ params["w"])
    return cl.lower(cl.LearningDiagram(data, cl.Model("line", X, Y, line)).loss())


class Case:
    """A regime with examples of one width, and the loops that train it."""

    def __init__(self, width: int, size: int, steps: int) -> None:
        self.fn, self.optimizer = regime(width, size), optax.adam(1e-3)
        self.size, self.steps = size, steps
        self.arrays: Any = dict(self.fn.diagram.data["d"])
        self.params, self.state = self.fn.init(KEY)
        self.pieces = [
            {name: column[i : i + size] for name, column in self.arrays.items()}
            for i in range(0, BATCHES * size, size)
        ]

    def by_hand(self, batch: Callable[[int], Any]) -> Callable[[], None]:
        """Return the loop that an expert writes around the compiled step."""
        step = compiled_step(self.fn, self.optimizer)
        constant = {name: part for name, part in self.state.items() if name != "mutable"}

        def run() -> None:
            carry = start(self.optimizer, self.params, self.state["mutable"])
            for i in range(self.steps):
                carry, _ = step(carry, constant, {"d": batch(i)}, KEY)
            jax.block_until_ready(carry)

        return run

    def through(self, data: Any, scan_steps: int = 1) -> Callable[[], None]:
        """Return the same steps through the training loop."""

        def run() -> None:
            fn = self.fn
            sources = Sources(fn, {"d": data}, self.size, key=KEY, resident=True)
            carry = start(self.optimizer, self.params, self.state["mutable"])
            rows = np.empty((0, 2))
            training = Trainer(
                fn, self.optimizer, KEY, sources, self.state, carry, rows, scan_steps=scan_steps
            )
            while training.steps < self.steps:
                training.advance(self.steps)
            jax.block_until_ready(training.carry)

        return run

    def taken(self) -> Callable[[int], Any]:
        """Return what takes the rows of a step with NumPy."""
        order = np.random.default_rng(1).permutation(BATCHES * self.size).reshape(BATCHES, -1)

        def rows(i: int) -> Any:
            return {name: column[order[i % BATCHES]] for name, column in self.arrays.items()}

        return rows


def programs(steps: int) -> Loops:
    """Return ways to take some steps."""
    small, large = (Case(*sizes, steps) for sizes in (SMALL, LARGE))
    whole = small.pieces[0]
    there = jax.device_put(whole)
    return {
        "by hand, one batch": (small.by_hand(lambda i: there), ""),
        "by hand, rows by NumPy": (small.by_hand(small.taken()), ""),
        "by hand, batches of a list": (small.by_hand(lambda i: small.pieces[i % BATCHES]), ""),
        "data taken whole": (small.through(whole), "by hand, one batch"),
        "mini-batches": (small.through(small.arrays), "by hand, rows by NumPy"),
        "batches of a list, checked": (
            small.through(small.pieces),
            "by hand, batches of a list",
        ),
        "data taken whole, 25 steps at once": (small.through(whole, 25), "by hand, one batch"),
        "mini-batches, 25 steps at once": (
            small.through(small.arrays, 25),
            "by hand, rows by NumPy",
        ),
        "large, by hand, rows by NumPy": (large.by_hand(large.taken()), ""),
        "large, mini-batches": (large.through(large.arrays), "large, by hand, rows by NumPy"),
    }


def main() -> None:
    """Measure, print, and write the table if asked to."""
    options = _measure.parser(__doc__, "few rounds").parse_args()
    rounds, steps = (3, 100) if options.quick else (31, 1000)
    loops = programs(steps)
    runs = {name: run for name, (run, _) in loops.items()}
    _measure.in_turns(runs, 1)
    times = {
        name: [1e6 * seconds / steps for seconds in found]
        for name, found in _measure.in_turns(runs, rounds, clock=time.thread_time).items()
    }
    table = _measure.Table(
        ("steps", "microseconds a step", "compared with", "over that"),
        f"{_measure.device()}; batches of {SMALL[1]} examples with {SMALL[0]} numbers, large ones "
        f"of {LARGE[1]} with {LARGE[0]}; {BATCHES} batches.",
        options=options,
    )
    for name, median in _measure.medians(times).items():
        _, other = loops[name]
        over = [a - b for a, b in zip(times[name], times.get(other, []), strict=False)]
        more = f"{statistics.median(over):+.1f}" if over else ""
        table.row((name, f"{median:.1f}", other, more))
    table.write(options.out)


if __name__ == "__main__":
    main()
