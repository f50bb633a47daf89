"""Regimes with a hand-written counterpart, at a few fixed shapes."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import catlearn as cl


@dataclass
class Regime:
    """A lowered loss, the same loss by hand, and a batch."""

    fn: Any
    by_hand: Callable[..., Any]
    batch: dict[str, dict[str, Any]]


def noise(shape, dtype, seed):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def perceptron(name, source, target, dtype):
    """An edge with one hidden layer as a plain pair, and its function."""

    def init(key):
        inputs, outputs = source.label.features, target.label.features
        seed = zlib.crc32(name.encode())
        one, two = noise((inputs, 6), dtype, seed), noise((6, outputs), dtype, seed + 1)
        return {"one": jnp.asarray(one), "two": jnp.asarray(two)}

    def apply(params, x):
        return jnp.tanh(x @ params["one"]) @ params["two"]

    return cl.Model(name, source, target, (init, apply)), apply


def make_square(dtype="float32"):
    """Encoder and head against labels: the equation is emergent, its weight 1."""
    X, F, Y = (
        cl.Space("X", (4,), dtype),
        cl.Space("F", (3,), dtype),
        cl.Categorical("Y", 3, dtype=dtype),
    )
    encoder, encode = perceptron("encoder", X, F, dtype)
    head, classify = perceptron("head", F, Y, dtype)
    fn = cl.lower(cl.LearningDiagram(cl.Dataset("digits", X=X, Y=Y), encoder, head).loss())
    distance = cl.Divergence("cross_entropy")
    (name,) = (term.name for term in fn.loss.equations)

    def by_hand(params, state, batch):
        x, y = batch["digits"]["X"], batch["digits"]["Y"]
        logits = classify(params["head"], encode(params["encoder"], x))
        cost = jnp.mean(distance(logits, y))
        return state["weights"][name] * cost, {name: cost}

    labels = np.array([0, 2, 1, 1, 0], "int32")
    return Regime(fn, by_hand, {"digits": {"X": noise((5, 4), dtype, 0), "Y": labels}})


def make_distillation(dtype="float32", aggregator="sum"):
    """A student between labels and a frozen teacher, on two data sets of different sizes."""
    X, Y = cl.Space("X", (4,), dtype), cl.Categorical("Y", 3, dtype=dtype)
    student, run = perceptron("student", X, Y, dtype)
    teacher, teach = perceptron("teacher", X, Y, dtype)
    softened = cl.Divergence("kl", temperature=2.0)
    diagram = cl.LearningDiagram(
        cl.Dataset("labelled", X=X, Y=Y),
        cl.Dataset("unlabelled", X=X),
        student,
        teacher.freeze(teacher.architecture.init(None, X.label, Y.label)),
        equations={
            "label": "labelled.X >> student = labelled.Y",
            "soft": cl.Equation(
                "unlabelled.X >> student = unlabelled.X >> teacher",
                weight=0.5,
                divergence=softened,
            ),
        },
    )
    fn = cl.lower(diagram.loss(aggregator=aggregator))
    distance = cl.Divergence("cross_entropy")

    def by_hand(params, state, batch):
        x, y = batch["labelled"]["X"], batch["labelled"]["Y"]
        label = jnp.mean(distance(run(params["student"], x), y))
        z = batch["unlabelled"]["X"]
        soft = jnp.mean(softened(run(params["student"], z), teach(state["frozen"]["teacher"], z)))
        weighted = state["weights"]["label"] * label, state["weights"]["soft"] * soft
        value = sum(weighted) if aggregator == "sum" else jnp.maximum(*weighted)
        return value, {"label": label, "soft": soft}

    labels = np.array([0, 2, 1, 1, 0], "int32")
    data = {
        "labelled": {"X": noise((5, 4), dtype, 0), "Y": labels},
        "unlabelled": {"X": noise((7, 4), dtype, 1)},
    }
    return Regime(fn, by_hand, data)


def make_diamonds(dtype="float32"):
    """Two diamonds in a row, by a basis."""
    points = [cl.Space(f"x{i}", (3,), dtype) for i in range(3)]
    sides = [[cl.Space(f"{side}{i}", (3,), dtype) for i in range(2)] for side in "lr"]
    edges = []
    for i in range(2):
        for name, source, target in (
            (f"left{i}", points[i], sides[0][i]),
            (f"right{i}", points[i], sides[1][i]),
            (f"from_left{i}", sides[0][i], points[i + 1]),
            (f"from_right{i}", sides[1][i], points[i + 1]),
        ):
            edge, apply = perceptron(name, source, target, dtype)
            edges.append(edge)
    names = ["first", "second"]
    left = ["data.x >> left0 >> from_left0", "left1 >> from_left1"]
    right = ["data.x >> right0 >> from_right0", "right1 >> from_right1"]
    equations = {
        "first": f"{left[0]} = {right[0]}",
        "second": f"{left[0]} >> {left[1]} = {left[0]} >> {right[1]}",
    }
    diagram = cl.LearningDiagram(cl.Dataset("data", x=points[0]), *edges)
    fn = cl.lower(diagram.loss(equations))
    distance = cl.Divergence("squared_error")

    def by_hand(params, state, batch):
        x, terms = batch["data"]["x"], {}
        for i, name in enumerate(names):
            left = apply(params[f"from_left{i}"], apply(params[f"left{i}"], x))
            right = apply(params[f"from_right{i}"], apply(params[f"right{i}"], x))
            terms[name] = jnp.mean(distance(left, right))
            x = left
        first, second = (state["weights"][name] * terms[name] for name in names)
        return first + second, terms

    return Regime(fn, by_hand, {"data": {"x": noise((5, 3), dtype, 0)}})


MAKERS = {"square": make_square, "distillation": make_distillation, "diamonds": make_diamonds}


@pytest.fixture
def make():
    """Return the maker of a regime by name."""
    return MAKERS.__getitem__


@pytest.fixture(scope="session")
def distillation():
    return make_distillation()


@pytest.fixture(scope="session")
def square():
    return make_square()
