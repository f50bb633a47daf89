"""Circuits compared as numbers: at random sizes, inputs and parameters, by their definition."""

from __future__ import annotations

import numpy as np

from catlearn.arrays import Circuit
from catlearn.arrays.evaluation import evaluate
from catlearn.laws.circuits import numbered, shape_of


def values(circuit: Circuit, seed: int) -> list[np.ndarray]:
    """Evaluate a circuit whose sizes are numbers at inputs and parameters that a seed draws."""
    H, inputs = circuit.apex, []
    for k, row in enumerate(circuit.dom):
        rng = np.random.default_rng([seed, k])
        axis = H.arrows["range"].values[H.arrows["type"].values[row]]
        most = {"N": H.size_of(int(axis)).number, "B": 2}.get(H.types[row] or "")
        drawn = rng.normal(size=shape_of(circuit, row))
        inputs.append(drawn if most is None else rng.integers(0, most, drawn.shape))
    parameters = {
        name: np.random.default_rng([seed, *name.encode()]).normal(size=shape_of(circuit, row))
        for row, name in enumerate(H.column("name"))
        if name is not None
    }
    with np.errstate(all="ignore"):
        return evaluate(circuit, inputs, parameters)


def same_values(one: Circuit, other: Circuit, seed: int = 0) -> bool:
    """Whether two circuits agree at sizes, inputs and parameters that a seed draws."""
    known = dict[str, int]()
    first = numbered(one, known, start=seed)
    pairs = zip(other.dom, first.dom, strict=True)
    second = numbered(other, known, {row: shape_of(first, there) for row, there in pairs}, seed)
    return all(
        a.shape == b.shape and np.allclose(a, b, 1e-8, 1e-8, equal_nan=True)
        for a, b in zip(values(first, seed), values(second, seed), strict=True)
    )
