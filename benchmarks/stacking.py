"""Many heads on one backbone: compile and step time, and how they grow with the number of heads.

Each task has a head of its own and a column of labels of its own, in one data set. Three programs
take the value and the gradient of one batch:

* ``catlearn``: the lowered loss, which finds the heads and stores and runs them as one;
* ``stacked by hand``: what an expert would write, with the parameters of all heads in one array;
* ``unrolled by hand``: a loop over the heads in Python.

With ``--sets`` each task has a data set of its own. Then a step with the batches taken out of them
and stacked on the host is timed, too, by catlearn as ``fit`` does it and by hand.

    python benchmarks/stacking.py [--quick] [--sets] [--out table.md]
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import _measure
import jax
import jax.numpy as jnp
import numpy as np
from by_hand.diagrams import perceptron, run

import catlearn as cl
from catlearn.training.data import Sources

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

    def __init__(self, heads: int, batch: int, sets: bool = False) -> None:
        self.heads = heads
        X, F, Y = cl.Space("X", 64), cl.Space("F", FEATURES), cl.Categorical("Y", CLASSES)
        names = [f"head_{i}" for i in range(heads)]
        tasks: dict[str, Any] = {f"Y{i}": Y for i in range(heads)}
        data = [cl.Dataset(f"d{i}", X=X, Y=Y) for i in range(heads)]
        ends = [
            (f"d{i}.X", f"d{i}.Y") if sets else ("tasks.X", f"tasks.Y{i}") for i in range(heads)
        ]
        diagram = cl.LearningDiagram(
            *(data if sets else [cl.Dataset("tasks", X=X, **tasks)]),
            perceptron("encoder", X, F, WIDTH),
            *(perceptron(name, F, Y, WIDTH) for name in names),
            equations={
                f"task_{i}": f"{ends[i][0]} >> encoder >> {name} = {ends[i][1]}"
                for i, name in enumerate(names)
            },
        )
        start = time.perf_counter()
        self.fn = cl.lower(diagram.loss(), stack=True)
        self.lowering = time.perf_counter() - start
        random = np.random.default_rng(0)
        x = random.normal(size=(heads, batch, 64) if sets else (batch, 64)).astype("float32")
        y = random.integers(0, CLASSES, (heads, batch)).astype("int32")
        columns = {"tasks": {"X": x, **{f"Y{i}": y[i] for i in range(heads)}}}
        if sets:
            columns = {f"d{i}": {"X": x[i], "Y": y[i]} for i in range(heads)}
        params, state = self.fn.init(jax.random.key(0))
        packed = self.fn.pack(params, state, columns)
        distance = cl.Divergence("cross_entropy")

        def stacked(params: Any, weights: Any, x: Any, y: Any) -> Any:
            features, head = run(params["encoder"], x), params["heads"]
            each = "tnf,tfh->tnh" if sets else "nf,tfh->tnh"
            hidden = jnp.tanh(jnp.einsum(each, features, head["one"]))
            logits = jnp.einsum("tnh,thc->tnc", hidden, head["two"])
            costs = jnp.mean(jax.vmap(distance)(logits, y), axis=1)
            return jnp.sum(weights * costs), costs

        def unrolled(params: Any, weights: Any, x: Any, y: Any) -> Any:
            shared = None if sets else run(params["encoder"], x)
            features = {n: run(params["encoder"], x[n]) if sets else shared for n in names}
            costs = {n: jnp.mean(distance(run(params[n], features[n]), y[n])) for n in names}
            return sum(weights[name] * costs[name] for name in names), costs

        stored: Any = params
        together = {"encoder": params["encoder"], "heads": stored.parts[1]}
        ones = np.ones(heads, "float32")
        weights, labels = dict.fromkeys(names, ones[0]), dict(zip(names, y, strict=True))
        apart: Any = dict(zip(names, x, strict=True)) if sets else x
        self.programs: dict[str, tuple[Program, Any]] = {
            name: (loss, jax.tree.map(jnp.asarray, arguments))
            for name, loss, arguments in (
                ("catlearn", self.fn, packed),
                ("stacked by hand", stacked, (together, ones, x, y)),
                ("unrolled by hand", unrolled, (dict(params), weights, apart, labels)),
            )
        }


def with_host(case: Case, programs: dict[str, Any], batch: int, rounds: int) -> _measure.Times:
    """Time steps that first take their batches out of data sets four times as large."""
    random, count = np.random.default_rng(1), case.heads
    x = [random.normal(size=(4 * batch, 64)).astype("float32") for _ in range(count)]
    y = [random.integers(0, CLASSES, 4 * batch).astype("int32") for _ in range(count)]
    data = {f"d{i}": {"X": x[i], "Y": y[i]} for i in range(count)}
    sources = Sources(case.fn, data, batch, key=jax.random.key(0))
    steps = itertools.count()

    def catlearn() -> object:
        *variables, _ = case.programs["catlearn"][1]
        return jax.block_until_ready(programs["catlearn"](*variables, sources.take(next(steps))))

    def by_hand() -> object:
        *variables, _, _ = case.programs["stacked by hand"][1]
        rows = [random.permutation(4 * batch)[:batch] for _ in range(count)]
        taken = [np.stack([a[r] for a, r in zip(part, rows, strict=True)]) for part in (x, y)]
        return jax.block_until_ready(programs["stacked by hand"](*variables, *taken))

    return _measure.in_turns({"catlearn": catlearn, "by hand": by_hand}, rounds, settle=True)


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
    parser = _measure.parser(__doc__, "few rounds, few heads")
    parser.add_argument("--sets", action="store_true", help="a data set for each head")
    options = parser.parse_args()
    table = _measure.Table(
        COLUMNS,
        f"One batch, value and gradient, {_measure.device()}. Compile times in seconds, step times "
        "in milliseconds; medians.",
        options=options,
    )
    grown, numbers = [], (4, 64) if options.quick else HEADS
    for heads in numbers:
        case = Case(heads, 64, options.sets)
        losses = dict(case.programs)
        if options.quick and heads > 4:
            del losses["unrolled by hand"]
        # The long compilation of a loop over many heads is not repeated.
        counts = (5, 1, 0) if options.quick else (61, 1, 0 if heads > 64 else 3)
        found = _measure.compare(losses, *counts)
        table.row([heads, *cells(found)])
        grown.append(_measure.medians(found.compiling)["catlearn"])
    table.below(
        f"From {numbers[0]} to {numbers[-1]} heads the time to compile grows "
        f"{grown[-1] / grown[0]:.2f}-fold with catlearn. Finding what runs as one takes "
        f"{1e3 * case.lowering:.0f} ms for {numbers[-1]} heads."
    )
    if options.sets:
        host = with_host(case, found.programs, 64, counts[0])
        table.below(
            f"With batches taken out of {numbers[-1]} data sets and stacked on the host, a step of "
            f"catlearn takes {_measure.ratio(host, 'catlearn', 'by hand')} of one stacked by hand."
        )
    table.write(options.out)


if __name__ == "__main__":
    main()
