"""Circuits compared as numbers: at random sizes, inputs and parameters, by their definition."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from catlearn.arrays import Circuit, Size, SizeRelation, solve
from catlearn.arrays.boxes import Draft
from tests.arrays.reference import evaluate

SIZES = (2, 3, 4, 5, 6, 8, 9, 12)


def numbered(
    circuit: Circuit,
    chance: random.Random,
    known: dict[str, int],
    shapes: Sequence[tuple[int, ...]] = (),
) -> Circuit:
    """Put a number for each size that is open; note those of declared sizes in ``known``."""
    H, flexible = circuit.apex, circuit.apex.flexible
    found = [one for one, _, _ in H.relations()]

    def put(key: int, number: int) -> bool:
        more = SizeRelation("=", Size.generator(key), Size.of(number))
        fits = not solve([*found, more], flexible).failures
        found.extend([more] if fits else [])
        return fits

    for row, shape in zip(circuit.dom, shapes, strict=False):
        for axis, number in zip(H.lists["axes"].row(row).tolist(), shape, strict=True):
            assert put(axis, number)
    for key in [*(-1 - k for k in range(len(H.symbols))), *range(H.size("Axis"))]:
        if solve(found, flexible).of(Size.generator(key)).number is None:
            name = H.symbols[-1 - key] if key < 0 else ""
            options = [known[name]] if name in known else chance.sample(SIZES, len(SIZES))
            number = next((n for n in options if put(key, n)), None)
            if name and number:
                known.setdefault(name, number)
    sizes, draft = solve(found, flexible), Draft.of(H)
    for axis, (letter, label) in enumerate(draft.axes):
        number = sizes.of(Size.generator(axis)).number
        draft.axes[axis] = letter, label if number is None else frozenset([Size.of(number)])
    return Circuit.of(draft, circuit.dom, circuit.cod)


def shape(circuit: Circuit, row: int) -> tuple[int, ...]:
    """The shape of an array whose sizes are numbers."""
    H = circuit.apex
    return tuple(H.size_of(axis).number or 0 for axis in H.lists["axes"].row(row).tolist())


def values(circuit: Circuit, seed: int) -> list[np.ndarray]:
    """Evaluate a circuit whose sizes are numbers at inputs and parameters that a seed draws."""
    H, inputs = circuit.apex, []
    for k, row in enumerate(circuit.dom):
        rng = np.random.default_rng([seed, k])
        axis = H.arrows["range"].values[H.arrows["type"].values[row]]
        most = {"N": H.size_of(int(axis)).number, "B": 2}.get(H.types[row] or "")
        drawn = rng.normal(size=shape(circuit, row))
        inputs.append(drawn if most is None else rng.integers(0, most, drawn.shape))
    parameters = {
        name: np.random.default_rng([seed, *name.encode()]).normal(size=shape(circuit, row))
        for row, name in enumerate(H.column("name"))
        if name is not None
    }
    with np.errstate(all="ignore"):
        return evaluate(circuit, inputs, parameters)


def same_values(one: Circuit, other: Circuit, seed: int = 0) -> bool:
    """Whether two circuits agree at sizes, inputs and parameters that a seed draws."""
    chance, known = random.Random(seed), dict[str, int]()
    first = numbered(one, chance, known)
    shapes = [shape(first, row) for row in first.dom]
    second = numbered(other, chance, known, shapes)
    return all(
        a.shape == b.shape and np.allclose(a, b, 1e-8, 1e-8, equal_nan=True)
        for a, b in zip(values(first, seed), values(second, seed), strict=True)
    )
