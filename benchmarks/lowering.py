"""Step and compile time of lowered losses against the same losses written by hand.

Three programs for each case, all taking the value and the gradient of one batch:

* ``catlearn``: the lowered loss;
* ``by hand``: what an expert would write for the diagram, with the same pytrees;
* ``naive``: every path of every equation evaluated by itself.

The programs run in turns, in an order that rotates from round to round; times are medians, and
ratios are medians of the ratios within a round, so that a machine that slows down slows all.

    python benchmarks/lowering.py [--quick] [--out table.md]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import catlearn as cl

Program = Callable[..., Any]


@dataclass
class Case:
    """A diagram's lowered loss, the same loss by hand, and a batch."""

    name: str
    fn: Any
    by_hand: Program
    batch: dict[str, dict[str, Any]]


def array(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return normal noise in float32."""
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def labels(size: int, n: int) -> np.ndarray:
    """Return class labels."""
    return np.random.default_rng(7).integers(0, n, size).astype("int32")


def model(name: str, source: Any, target: Any, width: int) -> tuple[Any, Program]:
    """Return a perceptron with one hidden layer as an edge, and its function."""

    def init(key: jax.Array) -> dict[str, jax.Array]:
        one, two = jax.random.split(key)
        sizes = (source.label.features, width, target.label.features)
        return {
            "one": jax.random.normal(one, sizes[:2]) / sizes[0] ** 0.5,
            "two": jax.random.normal(two, sizes[1:]) / sizes[1] ** 0.5,
        }

    def apply(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        return jnp.tanh(x @ params["one"]) @ params["two"]

    return cl.Model(name, source, target, (init, apply)), apply


def square(batch: int, width: int) -> Case:
    """The commuting square: encoder and head against labels."""
    X, F, Y = cl.Space("X", (64,)), cl.Space("F", (32,)), cl.Categorical("Y", 10)
    encoder, encode = model("encoder", X, F, width)
    head, classify = model("head", F, Y, width)
    data = cl.Dataset("digits", X=X, Y=Y)
    fn = cl.lower(cl.LearningDiagram(data, encoder, head).loss())
    (name,) = fn.init(jax.random.key(0))[1]["weights"]
    distance = cl.Divergence("cross_entropy")

    def by_hand(params: Any, state: Any, batch: Any) -> Any:
        x, y = batch["digits"]["X"], batch["digits"]["Y"]
        logits = classify(params["head"], encode(params["encoder"], x))
        cost = jnp.mean(distance(logits, y))
        return state["weights"][name] * cost, {name: cost}

    return Case(
        "square", fn, by_hand, {"digits": {"X": array((batch, 64), 0), "Y": labels(batch, 10)}}
    )


def distillation(batch: int, width: int) -> Case:
    """A student between labels and a frozen teacher, on two data sets."""
    X, Y = cl.Space("X", (64,)), cl.Categorical("Y", 10)
    student, run = model("student", X, Y, width)
    teacher, teach = model("teacher", X, Y, 4 * width)
    known = teacher.architecture.init(jax.random.key(1), X.label, Y.label)
    softened = cl.Divergence("kl", temperature=2.0)
    diagram = cl.LearningDiagram(
        cl.Dataset("labelled", X=X, Y=Y),
        cl.Dataset("unlabelled", X=X),
        student,
        teacher.freeze(known),
        equations={
            "label": cl.Equation("labelled.X >> student = labelled.Y"),
            "soft": cl.Equation(
                "unlabelled.X >> student = unlabelled.X >> teacher",
                weight=0.5,
                divergence=softened,
            ),
        },
    )
    distance = cl.Divergence("cross_entropy")

    def by_hand(params: Any, state: Any, batch: Any) -> Any:
        x, y = batch["labelled"]["X"], batch["labelled"]["Y"]
        label = jnp.mean(distance(run(params["student"], x), y))
        z = batch["unlabelled"]["X"]
        target = teach(state["frozen"]["teacher"], z)
        soft = jnp.mean(softened(run(params["student"], z), target))
        weights = state["weights"]
        value = weights["label"] * label + weights["soft"] * soft
        return value, {"label": label, "soft": soft}

    data = {
        "labelled": {"X": array((batch, 64), 0), "Y": labels(batch, 10)},
        "unlabelled": {"X": array((batch, 64), 1)},
    }
    return Case("distillation", cl.lower(diagram.loss()), by_hand, data)


def diamonds(n: int, batch: int, width: int) -> Case:
    """A chain of n diamonds and its basis: n equations, 4n edges, 2^n paths."""
    spaces = [[cl.Space(f"{kind}{i}", (32,)) for i in range(n + 1)] for kind in "xab"]
    tops, lefts, rights = spaces
    edges: list[Any] = []
    for i in range(n):
        for name, source, target in (
            (f"x{i}a", tops[i], lefts[i]),
            (f"x{i}b", tops[i], rights[i]),
            (f"a{i}x", lefts[i], tops[i + 1]),
            (f"b{i}x", rights[i], tops[i + 1]),
        ):
            edges.append(model(name, source, target, width)[0])
    apply = model("any", tops[0], tops[0], width)[1]
    fn = cl.lower(cl.LearningDiagram(cl.Dataset("data", x=tops[0]), *edges).loss("basis"))
    equations = [term.name for term in fn.loss.equations]
    distance = cl.Divergence("squared_error")

    def by_hand(params: Any, state: Any, batch: Any) -> Any:
        x, terms = batch["data"]["x"], {}
        for i, name in enumerate(equations):
            right = apply(params[f"b{i}x"], apply(params[f"x{i}b"], x))
            left = apply(params[f"a{i}x"], apply(params[f"x{i}a"], x))
            terms[name] = jnp.mean(distance(right, left))
            x = left
        value = sum(state["weights"][name] * cost for name, cost in terms.items())
        return value, terms

    return Case(f"{n} diamonds", fn, by_hand, {"data": {"x": array((batch, 32), 0)}})


def naive(fn: Any) -> Program:
    """Return the loss with every path of every equation evaluated by itself."""

    def run(path: Any, params: Any, state: Any, batch: Any) -> Any:
        first, *edges = path.edges
        value = batch[path.source][first.removeprefix(f"{path.source}.")]
        for edge in edges:
            value = fn.architecture(edge).apply(fn.variables(edge, params, state), value)
        return value

    def loss(params: Any, state: Any, batch: Any) -> Any:
        terms = {
            term.name: jnp.mean(
                term.divergence(
                    run(term.lhs, params, state, batch), run(term.rhs, params, state, batch)
                )
            )
            for term in fn.loss.equations
        }
        return sum(state["weights"][name] * cost for name, cost in terms.items()), terms

    return loss


@dataclass
class Row:
    """The measurements of one case."""

    case: str
    evaluations: tuple[int, int]
    step: dict[str, list[float]]
    compile: dict[str, list[float]]

    def milliseconds(self, program: str) -> float:
        """Return the median time of a step."""
        return 1e3 * statistics.median(self.step[program])

    def ratio(self, program: str, other: str) -> float:
        """Return the median ratio of two programs that ran side by side."""
        pairs = zip(self.step[program], self.step[other], strict=True)
        return statistics.median(one / two for one, two in pairs)


def measure(case: Case, rounds: int, repeats: int, compilations: int) -> Row:
    """Compile the three programs and time them in turns."""
    params, state = case.fn.init(jax.random.key(0))
    batch = jax.tree.map(jnp.asarray, case.batch)
    losses = {"catlearn": case.fn, "by hand": case.by_hand, "naive": naive(case.fn)}
    names = list(losses)
    programs: dict[str, Any] = {}
    compile_times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(-1, compilations):  # the first round warms up and is not counted
        for name in names[turn % 3 :] + names[: turn % 3]:
            jax.clear_caches()
            start = time.perf_counter()
            function = jax.jit(jax.value_and_grad(losses[name], has_aux=True))
            programs[name] = function.lower(params, state, batch).compile()
            if turn >= 0:
                compile_times[name].append(time.perf_counter() - start)
    values = {
        name: jax.block_until_ready(run(params, state, batch)) for name, run in programs.items()
    }
    for name, value in values.items():
        np.testing.assert_allclose(value[0][0], values["by hand"][0][0], rtol=1e-4, err_msg=name)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % 3 :] + names[: turn % 3]:
            run = programs[name]
            start = time.perf_counter()
            for _ in range(repeats):
                jax.block_until_ready(run(params, state, batch))
            times[name].append((time.perf_counter() - start) / repeats)
    return Row(
        case.name,
        (case.fn.plan.evaluations, case.fn.plan.naive_evaluations),
        times,
        compile_times,
    )


def table(rows: list[Row]) -> str:
    """Write the measurements as Markdown."""
    lines = [
        f"One batch, value and gradient, JAX {jax.__version__} on {jax.devices()[0].device_kind}.",
        "",
        "| case | evaluations (naive) | catlearn, ms | by hand, ms | naive, ms "
        "| catlearn / by hand | naive / catlearn | compile: catlearn / by hand / naive, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ours, hand, slow = map(row.milliseconds, ("catlearn", "by hand", "naive"))
        compiled = " / ".join(f"{statistics.median(found):.2f}" for found in row.compile.values())
        to_hand, of_naive = row.ratio("catlearn", "by hand"), row.ratio("naive", "catlearn")
        lines.append(
            f"| {row.case} | {row.evaluations[0]} ({row.evaluations[1]}) | {ours:.3f} | {hand:.3f} "
            f"| {slow:.3f} | {to_hand:.2f} | {of_naive:.2f} | {compiled} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the table if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, small cases")
    parser.add_argument("--out", type=Path, help="where to write the Markdown table")
    options = parser.parse_args()
    batch, width, length = (32, 32, 3) if options.quick else (256, 256, 8)
    cases = [square(batch, width), distillation(batch, width), diamonds(length, batch, width)]
    counts = (3, 2, 1) if options.quick else (41, 5, 7)
    text = table([measure(case, *counts) for case in cases])
    print(text, end="")
    if options.out is not None:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
