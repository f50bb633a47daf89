"""Many heads on one backbone: compile and step time, and how they grow with the number of heads.

Each task has a head of its own and a column of labels of its own, in one data set. Three programs
take the value and the gradient of one batch:

* ``catlearn``: the lowered loss, which finds the heads and stores and runs them as one;
* ``stacked by hand``: what an expert would write, with the parameters of all heads in one array;
* ``unrolled by hand``: a loop over the heads in Python.

    python benchmarks/stacking.py [--quick] [--out table.md]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import _measure
import jax
import jax.numpy as jnp
import numpy as np
from by_hand.diagrams import perceptron, run

import catlearn as cl

Program = Callable[..., Any]

FEATURES, WIDTH, CLASSES, HEADS = 32, 16, 5, (4, 64, 512)

COLUMNS = (
    "heads",
    "compile: catlearn",
    "stacked by hand",
    "unrolled by hand",
    "unrolled / catlearn",
    "step: catlearn",
    "stacked by hand",
    "unrolled by hand",
    "catlearn / stacked",
)


class Case:
    """N heads: the lowered loss and the two written by hand, with their arguments."""

    def __init__(self, heads: int, batch: int) -> None:
        self.heads = heads
        X, F, Y = cl.Space("X", 64), cl.Space("F", FEATURES), cl.Categorical("Y", CLASSES)
        names = [f"head_{i}" for i in range(heads)]
        tasks: dict[str, Any] = {f"Y{i}": Y for i in range(heads)}
        diagram = cl.LearningDiagram(
            cl.Dataset("tasks", X=X, **tasks),
            perceptron("encoder", X, F, WIDTH),
            *(perceptron(name, F, Y, WIDTH) for name in names),
            equations={
                f"task_{i}": f"tasks.X >> encoder >> {name} = tasks.Y{i}"
                for i, name in enumerate(names)
            },
        )
        start = time.perf_counter()
        self.fn = cl.lower(diagram.loss(), stack=True)
        self.lowering = time.perf_counter() - start
        random = np.random.default_rng(0)
        x = random.normal(size=(batch, 64)).astype("float32")
        y = random.integers(0, CLASSES, (heads, batch)).astype("int32")
        columns = {"X": x, **{f"Y{i}": y[i] for i in range(heads)}}
        params, state = self.fn.init(jax.random.key(0))
        packed = self.fn.pack(params, state, {"tasks": columns})
        distance = cl.Divergence("cross_entropy")

        def stacked(params: Any, weights: Any, x: Any, y: Any) -> Any:
            features, head = run(params["encoder"], x), params["heads"]
            hidden = jnp.tanh(jnp.einsum("nf,tfh->tnh", features, head["one"]))
            logits = jnp.einsum("tnh,thc->tnc", hidden, head["two"])
            costs = jnp.mean(jax.vmap(distance)(logits, y), axis=1)
            return jnp.sum(weights * costs), costs

        def unrolled(params: Any, weights: Any, x: Any, y: Any) -> Any:
            features = run(params["encoder"], x)
            costs = {
                name: jnp.mean(distance(run(params[name], features), y[name])) for name in names
            }
            return sum(weights[name] * costs[name] for name in names), costs

        stored: Any = params
        together = {"encoder": params["encoder"], "heads": stored.parts[1]}
        ones = np.ones(heads, "float32")
        weights, labels = dict.fromkeys(names, ones[0]), dict(zip(names, y, strict=True))
        self.programs: dict[str, tuple[Program, Any]] = {
            name: (loss, jax.tree.map(jnp.asarray, arguments))
            for name, loss, arguments in (
                ("catlearn", self.fn, packed),
                ("stacked by hand", stacked, (together, ones, x, y)),
                ("unrolled by hand", unrolled, (dict(params), weights, x, labels)),
            )
        }


def cells(found: _measure.Compared) -> list[str]:
    """Return the times and ratios of some of the programs."""
    names = list(found.programs)
    compiling, step = _measure.medians(found.compiling), _measure.medians(found.running)
    slow = "unrolled by hand"
    return [
        *(f"{compiling[name]:.2f}" for name in names),
        *([] if slow in names else [""]),
        f"{compiling[slow] / compiling['catlearn']:.1f}" if slow in names else "",
        *(f"{1e3 * step[name]:.3f}" for name in names),
        *([] if slow in names else [""]),
        str(_measure.ratio(found.running, "catlearn", "stacked by hand")),
    ]


def main() -> None:
    """Measure, print, and write the table if asked to."""
    options = _measure.parser(__doc__, "few rounds, no unrolled 512 heads").parse_args()
    table = _measure.Table(
        COLUMNS,
        f"One batch, value and gradient, {_measure.device()}. Compile times in seconds, step times "
        "in milliseconds; medians.",
        options=options,
    )
    grown = []
    for heads in HEADS:
        case = Case(heads, 64)
        losses = dict(case.programs)
        if options.quick and heads > 64:
            del losses["unrolled by hand"]
        # The long compilation of a loop over many heads is not repeated.
        counts = (5, 1, 0) if options.quick else (61, 1, 0 if heads > 64 else 3)
        found = _measure.compare(losses, *counts)
        table.row([heads, *cells(found)])
        grown.append(_measure.medians(found.compiling)["catlearn"])
    table.below(
        f"From {HEADS[0]} to {HEADS[-1]} heads the time to compile grows "
        f"{grown[-1] / grown[0]:.2f}-fold with catlearn. Finding what runs as one takes "
        f"{1e3 * case.lowering:.0f} ms for {HEADS[-1]} heads."
    )
    table.write(options.out)


if __name__ == "__main__":
    main()
