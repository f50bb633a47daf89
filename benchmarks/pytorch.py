"""Training steps of the same regimes in catlearn, in JAX by hand, and in PyTorch.

A step is value, gradient and Adam update on one batch, with equal parameters and data everywhere,
and equal first values, which is checked. *Naive* evaluates every path of every equation by itself.
PyTorch runs eager and through ``torch.compile``. The programs run in turns; times are medians, and
compile times those of the first call.

    python benchmarks/pytorch.py [--quick] [--out table.md]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import catlearn as cl

try:
    import torch
except ImportError:
    print("skipped: this benchmark needs PyTorch, pip install torch")
    sys.exit(0)

Program = Callable[[], Any]
RATE = 1e-3


@dataclass
class Case:
    """A regime: lowered, by hand in JAX, and by hand in PyTorch."""

    name: str
    fn: Any
    by_hand: Callable[..., Any]
    by_torch: Callable[..., Any]
    batch: dict[str, dict[str, Any]]


def normal(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return normal noise in float32."""
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def labels(size: int, n: int, seed: int = 7) -> np.ndarray:
    """Return class labels."""
    return np.random.default_rng(seed).integers(0, n, size).astype("int32")


def mlp(name: str, source: Any, target: Any, width: int) -> Any:
    """Return a perceptron with one hidden layer as an edge; its parameters are one and two."""

    def init(key: jax.Array) -> dict[str, jax.Array]:
        one, two = jax.random.split(key)
        sizes = (source.label.features, width, target.label.features)
        return {
            "one": jax.random.normal(one, sizes[:2]) / sizes[0] ** 0.5,
            "two": jax.random.normal(two, sizes[1:]) / sizes[1] ** 0.5,
        }

    return cl.Model(name, source, target, (init, run))


def run(params: Any, x: Any) -> Any:
    """Run the perceptron, in JAX or in PyTorch."""
    tanh = jnp.tanh if isinstance(x, jax.Array) else torch.tanh
    return tanh(x @ params["one"]) @ params["two"]


def entropy(logits: Any, y: Any) -> Any:
    """Return the mean cross-entropy, in JAX or in PyTorch."""
    if isinstance(logits, torch.Tensor):
        return torch.nn.functional.cross_entropy(logits, y)
    return jnp.mean(cl.Divergence("cross_entropy")(logits, y))


def error(p: Any, t: Any) -> Any:
    """Return the mean squared error per example, in JAX or in PyTorch."""
    return ((p - t) ** 2).sum(1).mean()


def still(params: Any) -> Any:
    """Return parameters through which no gradient passes, in JAX or in PyTorch."""
    if isinstance(params["one"], torch.Tensor):
        return {name: leaf.detach() for name, leaf in params.items()}
    return jax.lax.stop_gradient(params)


def held(value: Any) -> Any:
    """Return a value through which no gradient passes, in JAX or in PyTorch."""
    return value.detach() if isinstance(value, torch.Tensor) else jax.lax.stop_gradient(value)


def square(batch: int, width: int) -> Case:
    """The commuting square: encoder and head against labels."""
    X, F, Y = cl.Space("X", (64,)), cl.Space("F", (32,)), cl.Categorical("Y", 10)
    parts = cl.Dataset("d", X=X, Y=Y), mlp("encoder", X, F, width), mlp("head", F, Y, width)

    def loss(params: Any, frozen: Any, batch: Any) -> Any:
        return entropy(
            run(params["head"], run(params["encoder"], batch["d"]["X"])), batch["d"]["Y"]
        )

    data = {"d": {"X": normal((batch, 64), 0), "Y": labels(batch, 10)}}
    return Case("square", cl.lower(cl.LearningDiagram(*parts).loss()), loss, loss, data)


def distillation(batch: int, width: int) -> Case:
    """A student between labels and a frozen teacher, on two data sets."""
    X, Y, T = cl.Space("X", (64,)), cl.Categorical("Y", 10), cl.Space("T", (10,))
    student, look = mlp("student", X, T, width), cl.Model("look", T, Y, lambda t: t)
    teacher = mlp("teacher", X, T, 4 * width)
    known = teacher.label.architecture.init(jax.random.key(1), X.label, T.label)
    diagram = cl.LearningDiagram(
        cl.Dataset("l", X=X, Y=Y),
        cl.Dataset("u", X=X),
        student,
        look,
        teacher.freeze(known),
        equations={
            "label": "l.X >> student >> look = l.Y",
            "soft": cl.Equation("u.X >> student = u.X >> teacher", weight=0.5),
        },
    )

    def loss(params: Any, frozen: Any, batch: Any) -> Any:
        label = entropy(run(params["student"], batch["l"]["X"]), batch["l"]["Y"])
        z = batch["u"]["X"]
        return label + 0.5 * error(run(params["student"], z), run(frozen["teacher"], z))

    data = {
        "l": {"X": normal((batch, 64), 0), "Y": labels(batch, 10)},
        "u": {"X": normal((batch, 64), 1)},
    }
    return Case("distillation", cl.lower(diagram.loss()), loss, loss, data)


def heads(count: int, batch: int, width: int) -> Case:
    """Hard parameter sharing: ``count`` heads on one encoder."""
    X, F = cl.Space("X", (64,)), cl.Space("F", (32,))
    tasks = [cl.Categorical(f"Y{k}", 10) for k in range(count)]
    diagram = cl.LearningDiagram(
        cl.Dataset("d", X=X, **{f"Y{k}": Y for k, Y in enumerate(tasks)}),
        mlp("encoder", X, F, width),
        *(mlp(f"head{k}", F, Y, 32) for k, Y in enumerate(tasks)),
        equations={f"task{k}": f"d.X >> encoder >> head{k} = d.Y{k}" for k in range(count)},
    )

    def loss(params: Any, frozen: Any, batch: Any) -> Any:
        features = run(params["encoder"], batch["d"]["X"])
        costs = [
            entropy(run(params[f"head{k}"], features), batch["d"][f"Y{k}"]) for k in range(count)
        ]
        return sum(costs)

    data = {"X": normal((batch, 64), 0)} | {f"Y{k}": labels(batch, 10, k) for k in range(count)}
    return Case(f"{count} heads", cl.lower(diagram.loss()), loss, loss, {"d": data})


def cyclegan(batch: int, width: int) -> Case:
    """Two translators, two critics, cycles and least-squares adversarial terms."""
    A, B, S = cl.Space("A", (32,)), cl.Space("B", (32,)), cl.Space("S", (1,))
    edges = [mlp("f", A, B, width), mlp("g", B, A, width), mlp("p", A, S, width)]
    edges += [mlp("q", B, S, width)]
    equations: dict[str, Any] = {
        "cycle a": cl.Equation("a.A >> f >> g = a.A", weight=10.0),
        "cycle b": cl.Equation("b.B >> g >> f = b.B", weight=10.0),
    }
    for x, y, there, critic, other in (("a", "A", "f", "q", "b"), ("b", "B", "g", "p", "a")):
        fake = f"{x}.{y} >> {there} >> {critic}"
        real = f"{other}.{'B' if other == 'b' else 'A'} >> {critic}"
        equations[f"fool {critic}"] = cl.Equation(f"{fake} = {x}.one", trains=[there])
        equations[f"real {critic}"] = cl.Equation(f"{real} = {other}.one", trains=[critic])
        equations[f"fake {critic}"] = cl.Equation(f"{fake} = {x}.nil", trains=[critic])
    sets = cl.Dataset("a", A=A, one=S, nil=S), cl.Dataset("b", B=B, one=S, nil=S)
    diagram = cl.LearningDiagram(*sets, *edges, equations=equations)

    def loss(params: Any, frozen: Any, batch: Any) -> Any:
        a, b, one, nil = batch["a"]["A"], batch["b"]["B"], batch["a"]["one"], batch["a"]["nil"]
        f, g, p, q = (params[name] for name in "fgpq")
        there, back = run(f, a), run(g, b)
        value = 10 * error(run(g, there), a) + 10 * error(run(f, back), b)
        value = value + error(run(still(q), there), one) + error(run(still(p), back), one)
        value = value + error(run(q, b), one) + error(run(q, held(there)), nil)
        return value + error(run(p, a), one) + error(run(p, held(back)), nil)

    ends = {"one": np.ones((batch, 1), "f4"), "nil": np.zeros((batch, 1), "f4")}
    data = {"a": {"A": normal((batch, 32), 0), **ends}, "b": {"B": normal((batch, 32), 1), **ends}}
    return Case("CycleGAN", cl.lower(diagram.loss()), loss, loss, data)


def naive(fn: Any) -> Callable[..., Any]:
    """Return the loss with every path of every equation evaluated by itself."""

    def along(path: Any, trains: Any, params: Any, frozen: Any, batch: Any) -> Any:
        first, *edges = path.edges
        value = batch[path.source][first.removeprefix(f"{path.source}.")]
        for edge in edges:
            own = params.get(edge, frozen.get(edge, ()))
            if trains is not None and edge in params and edge not in trains:
                own = still(own)
            value = fn.architecture(edge).apply(own, value)
        return value

    def loss(params: Any, frozen: Any, batch: Any) -> Any:
        return sum(
            term.weight
            * jnp.mean(
                term.divergence(
                    along(term.lhs, term.trains, params, frozen, batch),
                    along(term.rhs, term.trains, params, frozen, batch),
                )
            )
            for term in fn.loss.equations
        )

    return loss


def by_jax(case: Case, loss: str) -> tuple[Program, float]:
    """Compile a step in JAX; return it with the seconds of the first call."""
    params, state = case.fn.init(jax.random.key(0))
    batch = jax.tree.map(jnp.asarray, case.batch)
    if loss != "catlearn":
        params = {edge: params[edge] for edge in case.fn.trainable}
        frozen = dict(state["frozen"])
        written = case.by_hand if loss == "by hand" else naive(case.fn)
    else:
        params, state, batch = case.fn.pack(params, state, batch)
    optimizer = optax.adam(RATE)

    def value_of(params: Any) -> Any:
        if loss == "catlearn":
            return case.fn(params, state, batch)[0]
        return written(params, frozen, batch)

    def step(params: Any, moments: Any) -> Any:
        value, gradient = jax.value_and_grad(value_of)(params)
        updates, moments = optimizer.update(gradient, moments, params)
        return optax.apply_updates(params, updates), moments, value

    compiled = jax.jit(step, donate_argnums=(0, 1))
    carry = [jax.tree.map(jnp.copy, params), optimizer.init(params)]

    def program() -> Any:
        *carry[:], value = jax.block_until_ready(compiled(*carry))
        return float(value)

    return _first(program)


def by_torch(case: Case, how: str) -> tuple[Program, float]:
    """Prepare a step in PyTorch; return it with the seconds of the first call."""
    params, state = case.fn.init(jax.random.key(0))
    own = {
        edge: {name: torch.tensor(np.asarray(leaf)).requires_grad_() for name, leaf in tree.items()}
        for edge, tree in ((edge, params[edge]) for edge in case.fn.trainable)
    }
    frozen = {
        edge: {name: torch.tensor(np.asarray(leaf)) for name, leaf in tree.items()}
        for edge, tree in dict(state["frozen"]).items()
        if isinstance(tree, dict)
    }
    batch = {
        data: {
            name: torch.tensor(column.astype("int64") if column.dtype == "int32" else column)
            for name, column in columns.items()
        }
        for data, columns in case.batch.items()
    }
    leaves = [leaf for tree in own.values() for leaf in tree.values()]
    optimizer = torch.optim.Adam(leaves, lr=RATE)
    loss = torch.compile(case.by_torch) if how == "compiled" else case.by_torch

    def program() -> Any:
        optimizer.zero_grad()
        value = loss(own, frozen, batch)
        value.backward()
        optimizer.step()
        return value.item()

    return _first(program)


def _first(program: Program) -> tuple[Program, float]:
    start = time.perf_counter()
    value = program()
    seconds = time.perf_counter() - start
    program.__dict__["value"] = value
    return program, seconds


def measure(case: Case, rounds: int, repeats: int, compiled: bool) -> str:
    """Time all programs in turns; return a row of the table."""
    made = {name: by_jax(case, name) for name in ("catlearn", "by hand", "naive")}
    made["PyTorch"] = by_torch(case, "eager")
    if compiled:
        made["PyTorch, compiled"] = by_torch(case, "compiled")
    for name, (program, _) in made.items():
        expected = made["by hand"][0].__dict__["value"]
        np.testing.assert_allclose(program.__dict__["value"], expected, rtol=1e-3, err_msg=name)
    times: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(rounds):
        for name, (program, _) in made.items():
            start = time.perf_counter()
            for _ in range(repeats):
                program()
            times[name].append((time.perf_counter() - start) / repeats)
    ours = statistics.median(times["catlearn"])
    cells = [case.name, f"{1e3 * ours:.2f}"]
    for name in ("by hand", "naive", "PyTorch", "PyTorch, compiled"):
        cells.append(f"{statistics.median(times[name]) / ours:.2f}" if name in times else "-")
    cells.append(" / ".join(f"{seconds:.1f}" for _, seconds in made.values()))
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure, print, and write the table if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, without torch.compile")
    parser.add_argument("--out", type=Path, help="where to write the Markdown table")
    options = parser.parse_args()
    batch, width, count = (32, 32, 4) if options.quick else (256, 256, 64)
    counts = (2, 2, False) if options.quick else (21, 10, True)
    cases = square(batch, width), distillation(batch, width), heads(count, batch, width)
    threads, versions = torch.get_num_threads(), (jax.__version__, torch.__version__)
    lines = [
        "Full training steps, JAX {}, PyTorch {} on {} threads.".format(*versions, threads),
        "",
        "| regime | catlearn, ms | by hand / catlearn | naive / catlearn | PyTorch / catlearn "
        "| PyTorch compiled / catlearn | first call, in this order, s |",
        "|---|---|---|---|---|---|---|",
    ]
    for case in (*cases, cyclegan(batch, width)):
        lines.append(measure(case, *counts))
        print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if options.out is not None:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
