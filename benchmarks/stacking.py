"""Many heads on one backbone: compile and step time, and how they grow with the number of heads.

Each task has a head of its own and a column of labels of its own, in one data set. Three programs
take the value and the gradient of one batch:

* ``catlearn``: the lowered loss, which finds the heads and stores and runs them as one;
* ``stacked by hand``: what an expert would write, with the parameters of all heads in one array;
* ``unrolled by hand``: a loop over the heads in Python.

    python benchmarks/stacking.py [--quick] [--out table.md]
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

import catlearn as cl

Program = Callable[..., Any]

FEATURES, WIDTH, CLASSES = 32, 16, 5


def perceptron(inputs: int, outputs: int) -> tuple[Program, Program]:
    """Return a perceptron with one hidden layer, as init and apply."""

    def init(key: jax.Array) -> dict[str, jax.Array]:
        one, two = jax.random.split(key)
        return {
            "one": jax.random.normal(one, (inputs, WIDTH)) / inputs**0.5,
            "two": jax.random.normal(two, (WIDTH, outputs)) / WIDTH**0.5,
        }

    def apply(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        return jnp.tanh(x @ params["one"]) @ params["two"]

    return init, apply


class Case:
    """N heads: the lowered loss and the two written by hand, with their arguments."""

    def __init__(self, heads: int, batch: int) -> None:
        self.heads = heads
        X, F, Y = cl.Space("X", 64), cl.Space("F", FEATURES), cl.Categorical("Y", CLASSES)
        encode, classify = perceptron(64, FEATURES), perceptron(FEATURES, CLASSES)
        names = [f"head_{i}" for i in range(heads)]
        diagram = cl.LearningDiagram(
            cl.Dataset("tasks", X=X, **{f"Y{i}": Y for i in range(heads)}),
            cl.Model("encoder", X, F, encode),
            *(cl.Model(name, F, Y, classify) for name in names),
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
            features, head = encode[1](params["encoder"], x), params["heads"]
            hidden = jnp.tanh(jnp.einsum("nf,tfh->tnh", features, head["one"]))
            logits = jnp.einsum("tnh,thc->tnc", hidden, head["two"])
            costs = jnp.mean(jax.vmap(distance)(logits, y), axis=1)
            return jnp.sum(weights * costs), costs

        def unrolled(params: Any, weights: Any, x: Any, y: Any) -> Any:
            features = encode[1](params["encoder"], x)
            costs = {
                name: jnp.mean(distance(classify[1](params[name], features), y[name]))
                for name in names
            }
            return sum(weights[name] * costs[name] for name in names), costs

        together = {"encoder": params["encoder"], "heads": params.parts[1]}
        ones = np.ones(heads, "float32")
        self.programs: dict[str, tuple[Program, Any]] = {
            "catlearn": (self.fn, packed),
            "stacked by hand": (stacked, (together, ones, x, y)),
            "unrolled by hand": (
                unrolled,
                (
                    dict(params),
                    dict.fromkeys(names, np.float32(1)),
                    x,
                    dict(zip(names, y, strict=True)),
                ),
            ),
        }

    def compile(self, name: str) -> tuple[float, Program, Any]:
        """Return the seconds that tracing and compiling take, the program and its arguments."""
        loss, arguments = self.programs[name]
        arguments = jax.tree.map(jnp.asarray, arguments)
        jax.clear_caches()
        start = time.perf_counter()
        program = jax.jit(jax.value_and_grad(loss, has_aux=True)).lower(*arguments).compile()
        return time.perf_counter() - start, program, arguments


def measure(case: Case, names: list[str], compilations: int, rounds: int) -> dict[str, Any]:
    """Compile the programs and time the steps of those that are stacked, in turns."""
    compiled: dict[str, list[float]] = {name: [] for name in names}
    programs: dict[str, Any] = {}
    for _ in range(compilations):
        for name in names:
            slow = name == "unrolled by hand" and case.heads > 64
            if slow and compiled[name]:
                continue
            seconds, *programs[name] = case.compile(name)
            compiled[name].append(seconds)
    values = {name: float(run(*arguments)[0][0]) for name, (run, arguments) in programs.items()}
    for name, value in values.items():
        np.testing.assert_allclose(value, values["stacked by hand"], rtol=1e-4, err_msg=name)
    steps: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            run, arguments = programs[name]
            start = time.perf_counter()
            jax.block_until_ready(run(*arguments))
            steps[name].append(time.perf_counter() - start)
    return {"case": case, "compile": compiled, "step": steps}


def table(rows: list[dict[str, Any]]) -> str:
    """Write the measurements as Markdown."""
    lines = [
        f"One batch, value and gradient, JAX {jax.__version__} on {jax.devices()[0].device_kind}. "
        "Compile times in seconds, step times in milliseconds; medians.",
        "",
        "| heads | compile: catlearn | stacked by hand | unrolled by hand | unrolled / catlearn "
        "| step: catlearn | stacked by hand | unrolled by hand | catlearn / stacked |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        compiled = {k: statistics.median(v) for k, v in row["compile"].items()}
        steps = {k: 1e3 * statistics.median(v) for k, v in row["step"].items()}
        pairs = zip(row["step"]["catlearn"], row["step"]["stacked by hand"], strict=True)
        ratio = statistics.median(ours / hand for ours, hand in pairs)
        unrolled = compiled.get("unrolled by hand")
        cells = [
            str(row["case"].heads),
            f"{compiled['catlearn']:.2f}",
            f"{compiled['stacked by hand']:.2f}",
            "" if unrolled is None else f"{unrolled:.2f}",
            "" if unrolled is None else f"{unrolled / compiled['catlearn']:.1f}",
            f"{steps['catlearn']:.3f}",
            f"{steps['stacked by hand']:.3f}",
            f"{steps['unrolled by hand']:.3f}" if unrolled is not None else "",
            f"{ratio:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    first, last = rows[0], rows[-1]
    grown = statistics.median(last["compile"]["catlearn"]) / statistics.median(
        first["compile"]["catlearn"]
    )
    lines += [
        "",
        f"From {first['case'].heads} to {last['case'].heads} heads the time to compile grows "
        f"{grown:.2f}-fold with catlearn. Finding what runs as one takes "
        f"{1e3 * last['case'].lowering:.0f} ms for {last['case'].heads} heads.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the table if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, no unrolled 512 heads")
    parser.add_argument("--out", type=Path, help="where to write the Markdown table")
    options = parser.parse_args()
    compilations, rounds = (1, 5) if options.quick else (3, 61)
    rows = []
    for heads in (4, 64, 512):
        case = Case(heads, 64)
        names = list(case.programs)
        if options.quick and heads > 64:
            names.remove("unrolled by hand")
        if not rows:  # the first compilation of a process is slower
            for name in names:
                case.compile(name)
        rows.append(measure(case, names, compilations, rounds))
    text = table(rows)
    print(text, end="")
    if options.out is not None:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
