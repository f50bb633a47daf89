"""Random circuits that reduce over x more than once, later ones of what depends on earlier ones.

The tests take a sample; all of them, with counts of what comes out, run for half an hour:

    python -m tests.streams.cascades [--first 0] [--last 1000]
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import catlearn as cl
from catlearn.arrays import (
    Circuit,
    add,
    einsum,
    exp,
    log,
    maximum,
    mean,
    mul,
    neg,
    reciprocal,
    relu,
    sqrt,
    square,
    tanh,
    traced,
    view,
    where,
)
from catlearn.streams import Fold, StreamRefused, stream

AXES = ("q x", "q x", "q d", "x d", "x e", "x", "q x")
SHAPES = ((3, 7), (3, 7), (3, 2), (7, 2), (7, 2), (7,))
OPEN = np.array([[1] * 7, [0, 0, 0, 0, 1, 0, 1], [1, 0, 0, 0, 0, 0, 0]], bool)
"""Rows: all open, the first half masked, open at 0 alone."""


@dataclass(frozen=True)
class Value:
    """An array of q, or of q and x; whether all its numbers are positive."""

    array: Any
    positive: bool = False


class Growth:
    """A circuit while it grows: reductions, and arrays that depend on them."""

    def __init__(self, seed: int, given: tuple[Any, ...]) -> None:
        self.random, self.crosses = np.random.default_rng(seed), seed % 4 == 1
        self.s, self.t, self.q, self.k, self.v, self.w, self.mask = given
        self.reductions: list[Value] = []
        self.wild = False

    def pick(self, *weights: float) -> int:
        return int(self.random.choice(len(weights), p=np.array(weights) / sum(weights)))

    def grown(self) -> tuple[Any, ...]:
        for _ in range(2 + self.pick(2, 3, 2)):
            self.reductions.append(self.reduced())
        last, *others = self.reductions[::-1]
        found = [last.array]
        if self.pick(1, 1):
            found.append(mul(last.array, self.reference(late=False).array))
        if others and self.pick(2, 1):
            found.append(others[0].array)
        if self.crosses:  # references of two rows meet
            found.append(einsum("q, p -> q p")(last.array, self.reductions[0].array))
        return tuple(found)

    # ------------------------------------------------------------ without reductions

    def inner(self) -> Any:
        """Return an array of q and x that depends on no reduction."""
        kind = self.pick(4, 4, 2, 1, 1, 1, 1)
        if kind < 2:
            return (self.s, self.t)[kind]
        if kind == 2:
            return einsum("q d, x d -> q x", scale=0.5)(self.q, self.k)
        if kind == 3:
            return tanh(mul(self.s, self.t))
        if kind == 4:
            return add(self.s, einsum("q x, x -> q x")(self.t, self.w))
        if kind == 5:
            return einsum("q x -> q x", scale=0.3)(square(self.s))
        return neg(self.t)

    def hidden(self, a: Any, outside: float) -> Any:
        kind = self.pick(2, 2, 1, 1)
        if kind == 0:
            return where("q x", outside=outside)(self.mask, a)
        condition = ("x <= q + 1", "x >= q + 2", "2*x - q >= 3")[kind - 1]
        return where("q x", condition, outside=outside)(a)

    # ------------------------------------------------------------ references

    def reference(self, late: bool = True) -> Value:
        """Return an array of q that depends on reductions."""
        n = len(self.reductions)
        weights = [1.0 + (3.0 * (k == n - 1) if late else 0.0) for k in range(n)]
        one = self.reductions[self.pick(*weights)]
        kind = self.pick(5, 4, 2, 1, 1, 1, 1, 1)
        if kind == 1 and one.positive:
            return Value(log(one.array))
        if kind == 2 and one.positive:
            return Value(sqrt(one.array), True)
        if kind == 3 and one.positive:
            return Value(reciprocal(one.array), True)
        if kind == 4:
            other = self.reductions[self.pick(*[1.0] * n)]
            return Value(add(one.array, other.array), one.positive and other.positive)
        if kind == 5:
            return Value(tanh(one.array), one.positive)
        if kind == 6:
            other = self.reductions[self.pick(*[1.0] * n)]
            made = einsum("q, q -> q", scale=0.3)(one.array, tanh(other.array))
            return Value(made, one.positive and other.positive)
        if kind == 7:
            made = exp(einsum("q -> q", scale=0.3)(tanh(one.array)))
            return Value(made, True)
        return one

    def positive(self) -> Value | None:
        found = [one for one in self.reductions if one.positive]
        return found[self.pick(*[1.0] * len(found))] if found else None

    # ------------------------------------------------------------ summands

    def gap(self, masked: bool = False) -> Any:
        """Return S - R, where S may be minus infinity at some places."""
        s = self.inner()
        if masked and self.pick(2, 1):
            s = self.hidden(s, -np.inf)
        return add(s, neg(view("q -> q x")(self.reference().array)))

    def factor(self) -> Value:
        """Return an array of q and x that depends on reductions."""
        kind = self.pick(6, 3, 3, 2, 1, 1, 1, 1.5)
        if kind == 0:
            return Value(exp(self.gap(masked=True)), True)
        if kind == 1:
            return Value(self.gap())
        if kind == 2:
            return Value(square(self.gap()), True)
        if kind == 3:
            return Value(einsum("q x, q -> q x")(self.inner(), self.reference().array))
        if kind == 4:
            below = self.positive()
            if below is not None:
                e = exp(self.gap(masked=True))
                return Value(einsum("q x, q -> q x")(e, reciprocal(below.array)), True)
        if kind == 5:
            below = self.positive()
            e = exp(self.gap())
            if below is not None:
                e = einsum("q x, q -> q x", scale=2.0)(e, reciprocal(below.array))
            return Value(log(e))
        if kind == 6:
            centre = view("d -> x d")(mean("[x] d -> d")(self.k))
            k = add(self.k, neg(centre))
            return Value(einsum("q d, x d -> q x")(self.q, k))
        return self.strange()

    def strange(self) -> Value:
        """Return what has no rule."""
        self.wild = True
        kind = self.pick(1, 1, 1, 1)
        if kind == 0:
            return Value(relu(self.gap()))
        if kind == 1:
            return Value(tanh(self.gap()))
        if kind == 2:
            r = einsum("q -> q", scale=0.2)(self.reference().array)
            return Value(exp(einsum("q x, q -> q x")(self.inner(), tanh(r))), True)
        return Value(sqrt(exp(self.gap())), True)

    def summand(self) -> Value:
        """Return what is summed."""
        if not self.reductions and self.pick(1, 1):
            made = Value(exp(self.inner()), True)
        elif not self.reductions:
            made = Value(square(self.inner()), True)
        else:
            made = self.factor()
            more = self.pick(4, 2, 1)
            if more == 1:
                other = self.factor()
                made = Value(mul(made.array, other.array), made.positive and other.positive)
            elif more == 2:
                other = self.factor()
                made = Value(add(made.array, other.array), made.positive and other.positive)
        kind = self.pick(6, 1, 1)
        if kind == 1:
            return Value(self.hidden(made.array, 0.0), made.positive)
        if kind == 2:
            made = Value(add(made.array, self.inner()))
        return made

    def reduced(self) -> Value:
        """Return a reduction over x."""
        kind = self.pick(3 if not self.reductions else 1, 3, 1.5, 1.5, 1)
        if kind == 0:
            s = self.inner()
            if self.pick(2, 1):
                s = self.hidden(s, -np.inf)
            if self.reductions and self.pick(1, 1):
                s = add(s, view("q -> q x")(self.reference().array))
            return Value(maximum("q [x] -> q")(s))
        made = self.summand()
        if kind == 1:
            return Value(einsum("q x -> q")(made.array), made.positive)
        if kind == 2:
            return Value(mean("q [x] -> q")(made.array), made.positive)
        if kind == 3:
            return Value(einsum("q x, x -> q")(made.array, self.w), made.positive)
        product = einsum("q x, x e -> q e")(made.array, self.v)
        return Value(einsum("q e -> q")(square(product)), True)


def cascade(seed: int) -> tuple[Circuit, bool]:
    """Return a random circuit, and whether it is within the rules."""
    types = ["R"] * 6 + ["B"]
    grown: list[Growth] = []

    def function(*given: Any) -> tuple[Any, ...]:
        grown.append(Growth(seed, given))
        return grown[0].grown()

    return traced(*AXES, types=types)(function), not grown[0].wild


def given(seed: int) -> list[Any]:
    """Return numbers for the inputs of a cascade; weights are positive."""
    random = np.random.default_rng(seed)
    found = [random.normal(size=shape) for shape in SHAPES]
    found[-1] = random.uniform(0.5, 1.5, size=SHAPES[-1])
    return [*map(jnp.asarray, found), jnp.asarray(OPEN)]


def levels(circuit: Circuit) -> int:
    """Return how many reductions over x depend on one another, in turn."""
    H = circuit.apex
    ins, outs = H.sides
    found: dict[int, int] = {}
    for box in H.order:
        one = H.operations[box]
        reduces = any(one.letters[v] == "x" for v in one.targets)
        level = max((found.get(wire, 0) for wire in ins[box]), default=0) + reduces
        found |= dict.fromkeys(outs[box], level)
    return max(found[wire] for wire in circuit.cod)


def differences(circuit: Circuit, fold: Fold, seed: int) -> tuple[float, float] | None:
    """Return by how much a fold differs from its circuit: values and gradients of a linear loss.

    None where numbers of the circuit itself are not finite.
    """
    xs = given(seed)

    def made(fn: Any) -> tuple[Any, Any]:
        def total(*own: Any) -> Any:
            values = fn({}, *own, xs[-1])
            return sum(y.ravel() @ jnp.cos(jnp.arange(y.size)) for y in values), values

        gradients, values = jax.jit(jax.grad(total, (*range(len(xs) - 1),), has_aux=True))(*xs[:-1])
        return [*map(np.asarray, values)], [*map(np.asarray, gradients)]

    one, other = made(cl.lower(circuit)), made(cl.lower(fold, block=(3, 5, 5)[seed % 3]))
    if not all(np.isfinite(x).all() for part in one for x in part):
        return None
    values, gradients = (
        max(float(np.max(np.abs(a - b)) / (1 + np.abs(a).max())) for a, b in zip(*two, strict=True))
        for two in zip(one, other, strict=True)
    )
    return values, gradients


def main() -> None:
    """Compare all, and print how many there are of each kind."""
    parser = argparse.ArgumentParser()
    for name, value in (("--first", 0), ("--last", 1000)):
        parser.add_argument(name, type=int, default=value)
    options, counts = parser.parse_args(), Counter[str]()
    for seed in range(options.first, options.last):
        circuit, known = cascade(seed)
        kind = "within the rules" if known else "beyond them"
        counts[kind] += 1
        try:
            fold = stream(circuit, "x")
        except StreamRefused:
            continue
        counts[f"{kind}, derived"] += 1
        counts[f"derived, of {levels(circuit)} levels"] += 1
        found = differences(circuit, fold, seed)
        if found is None:
            counts["derived, not finite"] += 1
        elif fold.check() or not (found[0] < 1e-8 and found[1] < 1e-6):
            counts["wrong"] += 1
            print(f"{seed}: differs by {found}, {fold.check()}", flush=True)
        if not seed % 25:
            jax.clear_caches()
    print("\n".join(f"{kind}: {count}" for kind, count in sorted(counts.items())))


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
