"""What `fit` costs beside the step that one writes by hand: to compile, to run, and in memory.

The bare step is the loss's value and gradient and the optimizer's update, compiled with its
arguments donated; the step of `fit` also finds out whether all is finite, and keeps the variables
of the last step where it is not. Regimes are data sets with heads of their own on one encoder, a
perceptron of 40 layers, and one of 50 MB. With several steps to a call, the bare step is repeated
by `jax.lax.scan`, too.

First steps are as in a new process: the caches of JAX are cleared, and both are called with the
same arrays. Temporaries are what the compiler says. The last table has the time of a step of a
tiny model, from the beginning of a run to its end.

    python benchmarks/fit.py [--quick] [--out table.md]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import _measure
import jax
import jax.numpy as jnp
import numpy as np
import optax
from by_hand.diagrams import perceptron
from training import SMALL, Case

import catlearn as cl
from catlearn.lowering.stacked import Columns, Stacked
from catlearn.training.step import compiled_step, start

KEY = jax.random.key(0)
SCANNED = 5
BATCH = 128
COLUMNS = (
    "regime",
    "steps to a call",
    "first step: bare",
    "fit",
    "fit / bare",
    "step: bare",
    "fit",
    "fit / bare",
    "temporaries: bare",
    "fit",
    "gradients",
)


def heads(count: int) -> cl.LearningDiagram:
    """Return data sets with a head each on one encoder."""
    X, F, Y = cl.Space("X", 64), cl.Space("F", 32), cl.Space("Y", 4)
    random = np.random.default_rng(0)

    def data(i: int) -> cl.Dataset:
        x, y = (random.normal(size=(BATCH, n)).astype("float32") for n in (64, 4))
        return cl.Dataset(f"data_{i}", X=(X, x), Y=(Y, y))

    return cl.LearningDiagram(
        perceptron("encoder", X, F, 64),
        *(data(i) for i in range(count)),
        *(perceptron(f"head_{i}", F, Y, 16) for i in range(count)),
        equations={
            f"task_{i}": f"data_{i}.X >> encoder >> head_{i} = data_{i}.Y" for i in range(count)
        },
    )


def layers(count: int, width: int) -> cl.LearningDiagram:
    """Return a perceptron of many layers on one data set."""
    X, Y = cl.Space("X", width), cl.Space("Y", width)
    x = np.random.default_rng(0).normal(size=(BATCH, width)).astype("float32")

    def init(key: jax.Array) -> list[jax.Array]:
        keys = jax.random.split(key, count)
        return [jax.random.normal(key, (width, width)) / width**0.5 for key in keys]

    def apply(params: list[jax.Array], x: jax.Array) -> jax.Array:
        for w in params:
            x = jnp.tanh(x @ w)
        return x

    return cl.LearningDiagram(
        cl.Dataset("d", X=(X, x), Y=(Y, x)), cl.Model("f", X, Y, (init, apply))
    )


REGIMES: dict[str, Callable[[], cl.LearningDiagram]] = {
    "1 data set": partial(heads, 1),
    "25 data sets": partial(heads, 25),
    "100 data sets": partial(heads, 100),
    "40 layers of 64": partial(layers, 40, 64),
    "50 MB": partial(layers, 3, 2048),
}


def nothing(batch: Any) -> Any:
    """Return the part of a batch that differs from step to step, where all of it stays."""
    if not isinstance(batch, Columns):
        return {}
    return Columns(Stacked(batch.stacked.layout, (None,) * len(batch.stacked.parts)))


class Compared:
    """A regime, its bare step and that of `fit`, with the same arguments."""

    def __init__(self, regime: cl.LearningDiagram, scanned: int) -> None:
        self.fn, self.optimizer, self.scanned = cl.lower(regime.loss()), optax.adam(1e-3), scanned
        self.params, state = self.fn.init(KEY)
        self.state = self.fn.pack(self.params, state)[1]
        self.batch = self.fn.pack(self.params, self.state, jax.device_put(regime.data))[2]
        self.gradients = sum(leaf.nbytes for leaf in jax.tree.leaves(self.params)) / 1e6
        self.carries: dict[str, Any] = {}
        self.programs: dict[str, Any] = {}

    def bare(self) -> Any:
        """Return the step that one writes by hand."""
        fn, optimizer = self.fn, self.optimizer

        def step(carry: Any, state: Any, batch: Any, key: jax.Array) -> Any:
            params, optimizer_state, mutable, count = carry
            state, key = {**state, "mutable": mutable}, jax.random.fold_in(key, count)
            (value, aux), gradient = jax.value_and_grad(fn, has_aux=True)(params, state, batch, key)
            updates, optimizer_state = optimizer.update(gradient, optimizer_state, params)
            params = optax.apply_updates(params, updates)
            return (params, optimizer_state, aux.state["mutable"], count + 1), value

        def steps(carry: Any, state: Any, batches: Any, batch: Any, key: jax.Array) -> Any:
            return jax.lax.scan(
                lambda carry, _: step(carry, state, batch, key),
                carry,
                batches,
                self.scanned,
            )

        return jax.jit(step if self.scanned == 1 else steps, donate_argnums=0)

    def fitted(self) -> Any:
        """Return the step of `fit`."""
        self.fn.compiled.clear()
        return compiled_step(self.fn, self.optimizer, steps=self.scanned)

    def carry(self, name: str) -> Any:
        """Return the variables before the first step."""
        carry = start(self.optimizer, self.params, self.state["mutable"])
        return carry if name == "fit" else carry[:4]

    def first(self, name: str) -> Callable[[], None]:
        """Return what compiles a step and takes it."""
        given = (nothing(self.batch), self.batch) if self.scanned > 1 else (self.batch,)

        def run() -> None:
            carry = self.carry(name)
            jax.block_until_ready(carry)
            jax.clear_caches()
            begin = time.perf_counter()
            step = self.bare() if name == "bare" else self.fitted()
            step = step.lower(carry, self.state, *given, KEY).compile()
            self.carries[name], _ = jax.block_until_ready(step(carry, self.state, *given, KEY))
            self.seconds[name].append(time.perf_counter() - begin)
            self.programs[name] = lambda carry: step(carry, self.state, *given, KEY)[0]
            self.memory[name] = step.memory_analysis().temp_size_in_bytes / 1e6

        return run

    def measure(self, compilations: int, rounds: int, seconds: float) -> None:
        """Compile both, and take steps with both, in turns, for some seconds at a time."""
        names = ("bare", "fit")
        self.seconds: _measure.Times = {name: [] for name in names}
        self.memory: dict[str, float] = {}
        _measure.in_turns({name: self.first(name) for name in names}, compilations)

        def steps(name: str) -> Callable[[], None]:
            def run() -> None:
                for _ in range(repeats):
                    self.carries[name] = self.programs[name](self.carries[name])
                jax.block_until_ready(self.carries[name])

            return run

        repeats = 1
        once = _measure.in_turns({"bare": steps("bare")}, 3)
        repeats = max(1, round(seconds / min(once["bare"])))
        self.times = {
            name: [1e3 * found / (repeats * self.scanned) for found in times]
            for name, times in _measure.in_turns(
                {name: steps(name) for name in names}, rounds, settle=True
            ).items()
        }


def tiny(rounds: int, steps: int) -> tuple[_measure.Times, list[str]]:
    """Return the microseconds of a step of a tiny model by hand and through `fit`, as wholes."""
    case = Case(*SMALL, steps)
    whole = case.pieces[0]
    there = jax.device_put(whole)

    def fit(steps: int, data: Any, **options: Any) -> None:
        cl.fit(
            case.fn, case.optimizer, steps=steps, batch_size=case.size, key=KEY, progress=False,
            data={"d": data}, params=case.params, state=case.state, **options,
        )  # fmt: skip

    loops = {
        "by hand": case.by_hand(lambda i: there),
        "by hand, rows by NumPy": case.by_hand(case.taken()),
        "fit, data taken whole": partial(fit, steps, whole),
        "fit, mini-batches": partial(fit, steps, case.arrays),
        "fit, 25 steps to a call": partial(fit, steps, case.arrays, scan_steps=25),
    }
    _measure.in_turns(loops, 1)
    times = _measure.in_turns(loops, rounds)
    return {n: [1e6 * t / steps for t in found] for n, found in times.items()}, list(loops)


def main() -> None:
    """Measure, print, and write the tables if asked to."""
    options = _measure.parser(__doc__, "few rounds of the smaller regimes").parse_args()
    table = _measure.Table(
        COLUMNS,
        f"Adam, batches of {BATCH}, {_measure.device()}. First steps in seconds, steps in "
        "milliseconds, temporaries and gradients in MB; medians, and quartiles of ratios.",
        options=options,
    )
    counts = (1, 3, 0.01) if options.quick else (5, 25, 0.1)
    for name, regime in REGIMES.items():
        if options.quick and name not in ("1 data set", "40 layers of 64"):
            continue
        for scanned in (1, SCANNED):
            case = Compared(regime(), scanned)
            case.measure(*counts)
            first, step = _measure.medians(case.seconds), _measure.medians(case.times)
            table.row(
                (
                    name,
                    scanned,
                    *(f"{first[n]:.2f}" for n in ("bare", "fit")),
                    _measure.ratio(case.seconds, "fit", "bare"),
                    *(f"{step[n]:.3f}" for n in ("bare", "fit")),
                    _measure.ratio(case.times, "fit", "bare"),
                    *(f"{case.memory[n]:.2f}" for n in ("bare", "fit")),
                    f"{case.gradients:.2f}",
                )
            )
    times, loops = tiny(*((3, 100) if options.quick else (31, 1000)))
    table.below("A step of a tiny model, microseconds from the beginning of a run to its end:")
    table.say("")
    table.row(("steps", "microseconds a step", "over by hand"))
    table.say("|---|---|---|")
    for name, median in _measure.medians(times).items():
        table.row((name, f"{median:.1f}", _measure.ratio(times, name, loops[0])))
    table.write(options.out)


if __name__ == "__main__":
    main()
