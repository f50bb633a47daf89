"""Diagrams beside the zoo: a square, a student and a teacher, chains of diamonds, and heads.

Their models are plain pairs of functions, as one brings one's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp

import catlearn as cl

from .common import Regime, Sizes, entropy, softened, squared, total


def perceptron(name: str, source: Any, target: Any, width: int, dtype: str = "float32") -> cl.Model:
    """Return a perceptron with one hidden layer; those of equal sizes have one architecture."""
    return cl.Model(
        name,
        source,
        target,
        (_init(source.label.features, width, target.label.features, dtype), run),
    )


@cache
def _init(inputs: int, width: int, outputs: int, dtype: str) -> Callable[[jax.Array], Any]:
    def init(key: jax.Array) -> dict[str, jax.Array]:
        one, two = jax.random.split(key)
        return {
            "one": jax.random.normal(one, (inputs, width), dtype) / inputs**0.5,
            "two": jax.random.normal(two, (width, outputs), dtype) / width**0.5,
        }

    return init


def run(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    """Run the perceptron."""
    return jnp.tanh(x @ params["one"]) @ params["two"]


def square(sizes: Sizes) -> Regime:
    """Encoder and head against labels: the equation is emergent, its weight 1."""
    X, F, Y = sizes.space("X", sizes.data), sizes.space("F", sizes.features), sizes.labels_of("Y")
    encoder = perceptron("encoder", X, F, sizes.width, sizes.dtype)
    head = perceptron("head", F, Y, sizes.width, sizes.dtype)
    diagram = cl.LearningDiagram(cl.Dataset("digits", X=X, Y=Y), encoder, head)

    def by_hand(params: Any, state: Any, batch: Any, key: Any = None) -> Any:
        (name,) = state["weights"]
        x, y = batch["digits"]["X"], batch["digits"]["Y"]
        return total({name: entropy(run(params["head"], run(params["encoder"], x)), y)}, state)

    batch = {"X": sizes.noise(sizes.batch, sizes.data), "Y": sizes.labels(sizes.batch)}
    return Regime(diagram, cl.lower(diagram.loss()), by_hand, {"digits": batch})


def distillation(sizes: Sizes, aggregator: str = "sum") -> Regime:
    """A student between labels and a frozen teacher, on two data sets of different sizes."""
    X, Y = sizes.space("X", sizes.data), sizes.labels_of("Y")
    student = perceptron("student", X, Y, sizes.width, sizes.dtype)
    teacher = perceptron("teacher", X, Y, 4 * sizes.width, sizes.dtype)
    known = teacher.architecture.init(jax.random.key(1), X.label, Y.label)
    diagram = cl.LearningDiagram(
        cl.Dataset("labelled", X=X, Y=Y),
        cl.Dataset("unlabelled", X=X),
        student,
        teacher.freeze(known),
        equations={
            "label": "labelled.X >> student = labelled.Y",
            "soft": cl.Equation(
                "unlabelled.X >> student = unlabelled.X >> teacher",
                weight=0.5,
                divergence=cl.Divergence("kl", temperature=2.0),
            ),
        },
    )

    def by_hand(params: Any, state: Any, batch: Any, key: Any = None) -> Any:
        x, y, z = batch["labelled"]["X"], batch["labelled"]["Y"], batch["unlabelled"]["X"]
        terms = {"label": entropy(run(params["student"], x), y)}
        target = run(state["frozen"]["teacher"], z)
        terms["soft"] = softened(run(params["student"], z), target, 2.0)
        if aggregator == "sum":
            return total(terms, state)
        return jnp.maximum(*(state["weights"][name] * cost for name, cost in terms.items())), terms

    batch = {
        "labelled": {"X": sizes.noise(sizes.batch, sizes.data), "Y": sizes.labels(sizes.batch)},
        "unlabelled": {"X": sizes.noise(sizes.other, sizes.data, seed=1)},
    }
    return Regime(diagram, cl.lower(diagram.loss(aggregator=aggregator)), by_hand, batch)


def diamonds(sizes: Sizes, length: int = 2) -> Regime:
    """A chain of diamonds and its basis: n equations, 4n edges, 2^n paths."""
    spaces = [[sizes.space(f"{kind}{i}", sizes.data) for i in range(length + 1)] for kind in "xab"]
    tops, lefts, rights = spaces
    edges: list[Any] = []
    for i in range(length):
        for name, source, target in (
            (f"x{i}a", tops[i], lefts[i]),
            (f"x{i}b", tops[i], rights[i]),
            (f"a{i}x", lefts[i], tops[i + 1]),
            (f"b{i}x", rights[i], tops[i + 1]),
        ):
            edges.append(perceptron(name, source, target, sizes.width, sizes.dtype))
    diagram = cl.LearningDiagram(cl.Dataset("data", x=tops[0]), *edges)
    fn = cl.lower(diagram.loss("basis"))
    names = [term.name for term in fn.loss.equations]

    def by_hand(params: Any, state: Any, batch: Any, key: Any = None) -> Any:
        x, terms = batch["data"]["x"], {}
        for i, name in enumerate(names):
            right = run(params[f"b{i}x"], run(params[f"x{i}b"], x))
            left = run(params[f"a{i}x"], run(params[f"x{i}a"], x))
            terms[name] = squared(right, left)
            x = left
        return total(terms, state)

    return Regime(diagram, fn, by_hand, {"data": {"x": sizes.noise(sizes.batch, sizes.data)}})


def heads(sizes: Sizes, count: int) -> Regime:
    """``count`` heads on one encoder, one equation each; by hand in a loop."""
    X, F = sizes.space("X", sizes.data), sizes.space("F", sizes.features)
    columns: dict[str, Any] = {f"Y{k}": sizes.space(f"Y{k}", 4) for k in range(count)}
    equations = {f"q{k}": f"d.X >> encoder >> head{k} = d.Y{k}" for k in range(count)}
    diagram = cl.LearningDiagram(
        cl.Dataset("d", X=X, **columns),
        perceptron("encoder", X, F, sizes.width, sizes.dtype),
        *(perceptron(f"head{k}", F, columns[f"Y{k}"], sizes.width) for k in range(count)),
        equations=equations,
    )

    def by_hand(params: Any, state: Any, batch: Any, key: Any = None) -> Any:
        data = batch["d"]
        features = run(params["encoder"], data["X"])
        terms = {
            f"q{k}": squared(run(params[f"head{k}"], features), data[f"Y{k}"]) for k in range(count)
        }
        return total(terms, state)

    targets = {name: sizes.noise(sizes.batch, 4, seed=k) for k, name in enumerate(columns)}
    batch = {"d": {"X": sizes.noise(sizes.batch, sizes.data, seed=99), **targets}}
    return Regime(diagram, cl.lower(diagram.loss()), by_hand, batch)


def equations(sizes: Sizes, count: int) -> Regime:
    """``count + 1`` models on one input, each of which should agree with the first."""
    X, Y = sizes.space("X", sizes.data), sizes.space("Y", sizes.latent)
    names: Sequence[str] = [f"f{k}" for k in range(count + 1)]
    diagram = cl.LearningDiagram(
        cl.Dataset("d", X=X),
        *(perceptron(name, X, Y, sizes.width, sizes.dtype) for name in names),
        equations={f"q{k}": f"d.X >> {name} = d.X >> f0" for k, name in enumerate(names) if k},
    )

    def by_hand(params: Any, state: Any, batch: Any, key: Any = None) -> Any:
        x = batch["d"]["X"]
        first = run(params["f0"], x)
        terms = {f"q{k}": squared(run(params[name], x), first) for k, name in enumerate(names) if k}
        return total(terms, state)

    batch = {"d": {"X": sizes.noise(sizes.batch, sizes.data)}}
    return Regime(diagram, cl.lower(diagram.loss()), by_hand, batch)
