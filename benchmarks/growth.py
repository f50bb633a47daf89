"""How compile time and step time grow with heads, depth and equations.

Three families of diagrams, each lowered by catlearn and written by hand, as the plain loop that one
writes for it. *Heads* are N models on one encoder, *depth* is a chain of n diamonds whose basis is
trained, *equations* are m models that should agree with one other on one input. A step is value and
gradient of one batch; times are medians of programs that run in turns.

    python benchmarks/growth.py [--quick] [--out table.md] [--plot plot.svg]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from lowering import Case, array, diamonds, model

import catlearn as cl

FAMILIES = ("heads", "depth", "equations")


def heads(count: int, batch: int, width: int) -> Case:
    """Return ``count`` heads on one encoder, one equation each."""
    X, F = cl.Space("X", (32,)), cl.Space("F", (32,))
    spaces = [cl.Space(f"Y{k}", (4,)) for k in range(count)]
    encoder, encode = model("encoder", X, F, width)
    made = [model(f"head{k}", F, Y, width) for k, Y in enumerate(spaces)]
    data = cl.Dataset("d", X=X, **{f"Y{k}": Y for k, Y in enumerate(spaces)})
    diagram = cl.LearningDiagram(
        data,
        encoder,
        *(head for head, _ in made),
        equations={f"q{k}": f"d.X >> encoder >> head{k} = d.Y{k}" for k in range(count)},
    )
    distance = cl.Divergence("squared_error")

    def by_hand(params: Any, state: Any, batch: Any) -> Any:
        features = encode(params["encoder"], batch["d"]["X"])
        costs = [
            jnp.mean(distance(made[0][1](params[f"head{k}"], features), batch["d"][f"Y{k}"]))
            for k in range(count)
        ]
        return sum(costs), costs

    columns = {f"Y{k}": array((batch, 4), k) for k in range(count)}
    batches = {"d": {"X": array((batch, 32), 99), **columns}}
    return Case(f"{count} heads", cl.lower(diagram.loss()), by_hand, batches)


def equations(count: int, batch: int, width: int) -> Case:
    """Return ``count + 1`` models on one input, each of which should agree with the first."""
    X, Y = cl.Space("X", (32,)), cl.Space("Y", (16,))
    made = [model(f"f{k}", X, Y, width) for k in range(count + 1)]
    diagram = cl.LearningDiagram(
        cl.Dataset("d", X=X),
        *(edge for edge, _ in made),
        equations={f"q{k}": f"d.X >> f{k} = d.X >> f0" for k in range(1, count + 1)},
    )
    distance = cl.Divergence("squared_error")

    def by_hand(params: Any, state: Any, batch: Any) -> Any:
        x, run = batch["d"]["X"], made[0][1]
        first = run(params["f0"], x)
        costs = [jnp.mean(distance(run(params[f"f{k}"], x), first)) for k in range(1, count + 1)]
        return sum(costs), costs

    return Case(
        f"{count} equations", cl.lower(diagram.loss()), by_hand, {"d": {"X": array((batch, 32), 0)}}
    )


def measure(case: Case, rounds: int, repeats: int) -> dict[str, tuple[float, float]]:
    """Return seconds to compile and seconds for a step, of both programs."""
    params, state = case.fn.init(jax.random.key(0))
    batch = jax.tree.map(jnp.asarray, case.batch)
    plain = (
        {edge: params[edge] for edge in case.fn.trainable},
        {"frozen": {}, "mutable": {}, "weights": case.fn.weights()},
        batch,
    )
    given = {
        "catlearn": (case.fn, case.fn.pack(params, state, batch)),
        "by hand": (case.by_hand, plain),
    }
    compiled, seconds = {}, {}
    for name, (loss, arguments) in given.items():
        jax.clear_caches()
        start = time.perf_counter()
        function = jax.jit(jax.value_and_grad(loss, has_aux=True))
        compiled[name] = function.lower(*arguments).compile()
        seconds[name] = time.perf_counter() - start
    values = {
        name: float(jax.block_until_ready(compiled[name](*arguments))[0][0])
        for name, (_, arguments) in given.items()
    }
    np.testing.assert_allclose(values["catlearn"], values["by hand"], rtol=1e-3)
    times: dict[str, list[float]] = {name: [] for name in given}
    for _ in range(rounds):
        for name, (_, arguments) in given.items():
            start = time.perf_counter()
            for _ in range(repeats):
                jax.block_until_ready(compiled[name](*arguments))
            times[name].append((time.perf_counter() - start) / repeats)
    return {name: (seconds[name], statistics.median(times[name])) for name in given}


def plot(found: dict[str, dict[int, Any]], path: Path) -> None:
    """Draw compile and step times over sizes, on logarithmic axes."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams |= {"svg.hashsalt": "catlearn", "font.size": 9}
    figure, axes = plt.subplots(2, len(found), figsize=(9, 5), sharex="col", sharey="row")
    for column, (family, sizes) in enumerate(found.items()):
        for row, what in enumerate(("compile, s", "step, ms")):
            axis = axes[row][column]
            for name, marker in (("catlearn", "o-"), ("by hand", "s--")):
                scale = 1.0 if row == 0 else 1e3
                values = [scale * times[name][row] for times in sizes.values()]
                axis.loglog(list(sizes), values, marker, label=name, markersize=4)
            axis.set_ylabel(what if column == 0 else "")
            axis.set_xlabel(family if row == 1 else "")
            axis.set_xticks(list(sizes), labels=list(map(str, sizes)))
            axis.minorticks_off()
    axes[0][0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, print, and write the table and the plot if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds")
    parser.add_argument("--out", type=Path, help="where to write the Markdown table")
    parser.add_argument("--plot", type=Path, help="where to write the plot, as SVG")
    options = parser.parse_args()
    batch, width = (16, 16) if options.quick else (128, 64)
    counts = (2, 2) if options.quick else (11, 5)
    sizes = (1, 2) if options.quick else (1, 4, 16, 64)
    depths = (1, 2) if options.quick else (1, 2, 4, 8, 16)
    makers: dict[str, tuple[Callable[[int], Case], Iterable[int]]] = {
        "heads": (lambda n: heads(n, batch, width), sizes),
        "depth": (lambda n: diamonds(n, batch, width), depths),
        "equations": (lambda n: equations(n, batch, width), sizes),
    }
    found: dict[str, dict[int, Any]] = {}
    lines = ["| what | size | compile, s (by hand) | step, ms (by hand) |", "|---|---|---|---|"]
    for family in FAMILIES:
        make, sized = makers[family]
        found[family] = {}
        for size in sized:
            times = found[family][size] = measure(make(size), *counts)
            (ours, step), (hand, theirs) = times["catlearn"], times["by hand"]
            cells = f"{ours:.2f} ({hand:.2f}) | {1e3 * step:.3f} ({1e3 * theirs:.3f})"
            lines.append(f"| {family} | {size} | {cells} |")
            print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    if options.out is not None:
        options.out.write_text(text)
    if options.plot is not None:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
