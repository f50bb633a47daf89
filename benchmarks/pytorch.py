"""Training steps of the same regimes in catlearn, in JAX by hand, and in PyTorch.

A step is value, gradient and Adam update on one batch, in float32, with equal parameters and data
everywhere; that the values of the first steps are equal is checked. *Naive* evaluates every path of
every equation by itself. PyTorch runs eager and through ``torch.compile``, on the same device and,
on a processor, with as many threads as XLA. Every program waits for the value of each step. They
run in turns; times are medians, ratios medians of the ratios within a round, and compile times
those of the first call, which are not among the steps.

    python benchmarks/pytorch.py [--quick] [--out table.md]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import _measure
import jax
import jax.numpy as jnp
import numpy as np
import optax
from by_hand.common import Sizes, entropy as jax_entropy
from by_hand.diagrams import perceptron
from by_hand.naive import naive

import catlearn as cl

try:
    import torch
except ImportError:
    print("skipped: this benchmark needs PyTorch, pip install torch")
    sys.exit(0)

RATE = 1e-3
LARGE = Sizes(batch=256, data=64, features=32, classes=10, width=256)
SMALL = Sizes(batch=32, data=64, features=32, classes=10, width=32)


@dataclass
class Case:
    """A regime: lowered, and by hand in terms that JAX and PyTorch have both."""

    name: str
    fn: Any
    loss: Callable[..., Any]
    batch: dict[str, dict[str, Any]]


def run(params: Any, x: Any) -> Any:
    """Run a perceptron, in JAX or in PyTorch."""
    tanh = torch.tanh if isinstance(x, torch.Tensor) else jnp.tanh
    return tanh(x @ params["one"]) @ params["two"]


def entropy(logits: Any, y: Any) -> Any:
    """Return the mean cross-entropy, in JAX or in PyTorch."""
    if isinstance(logits, torch.Tensor):
        return torch.nn.functional.cross_entropy(logits, y)
    return jax_entropy(logits, y)


def error(p: Any, t: Any) -> Any:
    """Return the mean squared error per example, in JAX or in PyTorch."""
    return ((p - t) ** 2).sum(1).mean()


def still(params: Any) -> Any:
    """Return parameters through which no gradient passes, in JAX or in PyTorch."""
    return {name: held(leaf) for name, leaf in params.items()}


def held(value: Any) -> Any:
    """Return a value through which no gradient passes, in JAX or in PyTorch."""
    return value.detach() if isinstance(value, torch.Tensor) else jax.lax.stop_gradient(value)


def square(sizes: Sizes) -> Case:
    """The commuting square: encoder and head against labels."""
    X, F, Y = sizes.space("X", sizes.data), sizes.space("F", sizes.features), sizes.labels_of("Y")
    diagram = cl.LearningDiagram(
        cl.Dataset("d", X=X, Y=Y),
        perceptron("encoder", X, F, sizes.width),
        perceptron("head", F, Y, sizes.width),
    )

    def loss(params: Any, frozen: Any, batch: Any) -> Any:
        features = run(params["encoder"], batch["d"]["X"])
        return entropy(run(params["head"], features), batch["d"]["Y"])

    data = {"X": sizes.noise(sizes.batch, sizes.data), "Y": sizes.labels(sizes.batch)}
    return Case("square", cl.lower(diagram.loss()), loss, {"d": data})


def distillation(sizes: Sizes) -> Case:
    """A student between labels and a frozen teacher, on two data sets."""
    X, T = sizes.space("X", sizes.data), sizes.space("T", sizes.classes)
    Y = sizes.labels_of("Y")
    teacher = perceptron("teacher", X, T, 4 * sizes.width)
    diagram = cl.LearningDiagram(
        cl.Dataset("l", X=X, Y=Y),
        cl.Dataset("u", X=X),
        perceptron("student", X, T, sizes.width),
        cl.Model("look", T, Y, lambda t: t),
        teacher.freeze(teacher.architecture.init(jax.random.key(1), X.label, T.label)),
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
        "l": {"X": sizes.noise(sizes.batch, sizes.data), "Y": sizes.labels(sizes.batch)},
        "u": {"X": sizes.noise(sizes.batch, sizes.data, seed=1)},
    }
    return Case("distillation", cl.lower(diagram.loss()), loss, data)


def heads(sizes: Sizes, count: int) -> Case:
    """Hard parameter sharing: ``count`` heads on one encoder."""
    X, F = sizes.space("X", sizes.data), sizes.space("F", sizes.features)
    tasks: dict[str, Any] = {f"Y{k}": sizes.labels_of(f"Y{k}") for k in range(count)}
    diagram = cl.LearningDiagram(
        cl.Dataset("d", X=X, **tasks),
        perceptron("encoder", X, F, sizes.width),
        *(perceptron(f"head{k}", F, Y, 32) for k, Y in enumerate(tasks.values())),
        equations={f"task{k}": f"d.X >> encoder >> head{k} = d.Y{k}" for k in range(count)},
    )

    def loss(params: Any, frozen: Any, batch: Any) -> Any:
        features = run(params["encoder"], batch["d"]["X"])
        return sum(
            entropy(run(params[f"head{k}"], features), batch["d"][f"Y{k}"]) for k in range(count)
        )

    labels = {name: sizes.labels(sizes.batch, k) for k, name in enumerate(tasks)}
    data = {"X": sizes.noise(sizes.batch, sizes.data), **labels}
    return Case(f"{count} heads", cl.lower(diagram.loss()), loss, {"d": data})


def cycle_gan(sizes: Sizes) -> Case:
    """Two translators, two critics, cycles and least-squares games."""
    A, B, S = (sizes.space(*space) for space in (("A", 32), ("B", 32), ("S", 1)))
    edges = [
        perceptron(name, *ends, sizes.width)
        for name, ends in (("f", (A, B)), ("g", (B, A)), ("p", (A, S)), ("q", (B, S)))
    ]
    equations: dict[str, Any] = {
        "cycle a": cl.Equation("a.A >> f >> g = a.A", weight=10.0),
        "cycle b": cl.Equation("b.B >> g >> f = b.B", weight=10.0),
    }
    for own, there, critic, other in (("a.A", "f", "q", "b.B"), ("b.B", "g", "p", "a.A")):
        fake, real = f"{own} >> {there} >> {critic}", f"{other} >> {critic}"
        one, nil, real_one = f"{own[0]}.one", f"{own[0]}.nil", f"{other[0]}.one"
        equations[f"fool {critic}"] = cl.Equation(f"{fake} = {one}", trains=[there])
        equations[f"real {critic}"] = cl.Equation(f"{real} = {real_one}", trains=[critic])
        equations[f"fake {critic}"] = cl.Equation(f"{fake} = {nil}", trains=[critic])
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

    ends = {"one": np.ones((sizes.batch, 1), "f4"), "nil": np.zeros((sizes.batch, 1), "f4")}
    data = {
        "a": {"A": sizes.noise(sizes.batch, 32), **ends},
        "b": {"B": sizes.noise(sizes.batch, 32, seed=1), **ends},
    }
    return Case("CycleGAN", cl.lower(diagram.loss()), loss, data)


class Step:
    """One step of training, and the values and seconds of the first ones."""

    def __init__(self, step: Callable[[], Any]) -> None:
        self.step = step
        start = time.perf_counter()
        self.values = [self()]
        self.first = time.perf_counter() - start
        self.values += [self() for _ in range(4)]

    def __call__(self) -> float:
        """Take a step, and wait for its value."""
        return float(self.step())


def by_jax(case: Case, which: str) -> Step:
    """Compile a step in JAX."""
    batch: Any = jax.tree.map(jnp.asarray, case.batch)
    params, state = case.fn.init(jax.random.key(0))
    if which == "catlearn":
        params, state, batch = case.fn.pack(params, state, batch)
    else:
        params = {edge: params[edge] for edge in case.fn.trainable}
        state = {**state, "weights": case.fn.weights()}
    path_by_path, optimizer = naive(case.fn), optax.adam(RATE)

    def value_of(params: Any) -> Any:
        if which == "by hand":
            return case.loss(params, state["frozen"], batch)
        return (case.fn if which == "catlearn" else path_by_path)(params, state, batch)[0]

    def step(params: Any, moments: Any) -> Any:
        value, gradient = jax.value_and_grad(value_of)(params)
        updates, moments = optimizer.update(gradient, moments, params)
        return optax.apply_updates(params, updates), moments, value

    compiled = jax.jit(step, donate_argnums=(0, 1))
    carry = [jax.tree.map(jnp.copy, params), optimizer.init(params)]

    def once() -> Any:
        *carry[:], value = jax.block_until_ready(compiled(*carry))
        return value

    return Step(once)


def by_torch(case: Case, compiled: bool) -> Step:
    """Prepare a step in PyTorch, from the same first values."""
    params, state = case.fn.init(jax.random.key(0))
    device = "cuda" if jax.default_backend() == "gpu" and torch.cuda.is_available() else "cpu"

    def tensors(tree: Any) -> Any:
        if hasattr(tree, "items"):
            return {name: tensors(leaf) for name, leaf in tree.items()}
        leaf = np.array(tree)
        return torch.tensor(leaf.astype("int64") if leaf.dtype == "int32" else leaf, device=device)

    own = tensors({edge: params[edge] for edge in case.fn.trainable})
    leaves = [leaf.requires_grad_() for tree in own.values() for leaf in tree.values()]
    known = {edge: tree for edge, tree in state["frozen"].items() if jax.tree.leaves(tree)}
    frozen, batch = tensors(known), tensors(case.batch)
    optimizer = torch.optim.Adam(leaves, lr=RATE)
    loss: Any = torch.compile(case.loss) if compiled else case.loss

    def once() -> Any:
        optimizer.zero_grad()
        value = loss(own, frozen, batch)
        value.backward()
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        return value.detach()

    return Step(once)


def cells(case: Case, rounds: int, repeats: int, compiled: bool) -> list[str]:
    """Time all programs in turns; return a row of the table."""
    steps = {which: by_jax(case, which) for which in ("catlearn", "by hand", "naive")}
    steps["PyTorch"] = by_torch(case, compiled=False)
    if compiled:
        steps["PyTorch, compiled"] = by_torch(case, compiled=True)
    _measure.agreeing({name: step.values for name, step in steps.items()})
    times = _measure.in_turns(steps, rounds, repeats, settle=True)
    ours = _measure.medians(times)["catlearn"]
    ratios = (
        str(_measure.ratio(times, name, "catlearn")) if name in times else "-"
        for name in ("by hand", "naive", "PyTorch", "PyTorch, compiled")
    )
    first = " / ".join(f"{step.first:.1f}" for step in steps.values())
    return [case.name, f"{1e3 * ours:.2f}", *ratios, first]


COLUMNS = (
    "regime",
    "catlearn, ms",
    "by hand / catlearn",
    "naive / catlearn",
    "PyTorch / catlearn",
    "PyTorch compiled / catlearn",
    "first call, in this order, s",
)


def main() -> None:
    """Measure, print, and write the table if asked to."""
    options = _measure.parser(__doc__, "small sizes, without torch.compile").parse_args()
    torch.set_num_threads(_measure.threads())
    sizes, count = (SMALL, 4) if options.quick else (LARGE, 64)
    counts = (2, 2, False) if options.quick else (31, 10, True)
    where = _measure.device()
    table = _measure.Table(
        COLUMNS, f"Steps of training, {where}, PyTorch {torch.__version__}.", options=options
    )
    makers = (square, distillation, lambda sizes: heads(sizes, count), cycle_gan)
    for make in makers:
        table.row(cells(make(sizes), *counts))
    table.write(options.out)


if __name__ == "__main__":
    main()
