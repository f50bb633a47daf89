r"""Products of several arrays, multiplied in the order that takes least.

A contraction of contractions is one contraction (sums commute with products, Fubini), so

.. math:: \sum_y a_{xy} \sum_z b_{yz} c_z = \sum_z \sum_y a_{xy} b_{yz} c_z

and any two factors may be multiplied first. Which order is cheapest depends on sizes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from catlearn.arrays.boxes import BoxRow, Draft, Operation
from catlearn.arrays.circuit import Circuit
from catlearn.arrays.forms import Reading
from catlearn.arrays.kernels import Kernel
from catlearn.arrays.sizes import ONE, Scalar

WORTH = 0.9
"""What share of its multiply-adds a product takes in another order, if that is taken."""


EXACT = 6
"""Of so many factors all orders are tried; of more the next one is always the cheapest."""


LETTERS = 52
"""Products of more variables stay as they are: NumPy's search names them by letters."""


@dataclass
class _Product:
    """A sum of products of arrays, each read at variables; of these the axes are known.

    Parameters
    ----------
    factors
        Arrays with the variables that they are read at.
    writes
        The variables of the result.
    scale
        What it is multiplied by.
    cost
        Multiply-adds of its boxes as they were.
    boxes
        These boxes.
    """

    factors: list[tuple[int, tuple[int, ...]]]
    writes: tuple[int, ...]
    scale: Scalar
    cost: int
    boxes: list[int]


def reordered(circuit: Circuit, sizes: Mapping[int, int]) -> Circuit:
    """Return a circuit whose contractions of contractions are in the cheapest order.

    Parameters
    ----------
    circuit
        The circuit.
    sizes
        The size of each axis, by its row.

    Returns
    -------
    Circuit
        It is ``equal`` to the given one; that itself, if no order is better by a tenth.

    Examples
    --------
    >>> from catlearn.arrays import einsum, idle
    >>> f = einsum("x y, y z -> x z") @ idle >> einsum("x z, z -> x")
    >>> H = f.apex
    >>> sizes = {axis: 64 for axis in range(H.size("Axis"))}
    >>> g = reordered(f, sizes)
    >>> bool(g.equal(f)), g == f
    (True, False)
    """
    H, draft, walk = circuit.apex, Draft.of(circuit.apex), circuit._walk()
    reads = Counter(wire for box in walk for wire in draft.boxes[box].ins)
    reads.update(circuit.cod)
    products: dict[int, _Product] = {}
    axes: list[int] = []
    for box in walk:
        row = draft.boxes[box]
        if not _is_plain(row):
            continue
        start = len(axes)
        axes += row.vars
        (writes,) = row.operation.writes
        made = _Product(
            [], tuple(start + v for v in writes), row.operation.scale,
            prod(sizes[axis] for axis in row.vars), [box],
        )  # fmt: skip
        for wire, reading in zip(row.ins, row.operation.readings, strict=True):
            read = tuple(start + place for place in _places(reading))
            inner = products.get(wire) if reads[wire] == 1 else None
            if inner is None or draft.boxes[inner.boxes[-1]].within != row.within:
                made.factors.append((wire, read))
                continue
            known = dict(zip(inner.writes, read, strict=True))
            made.factors += [
                (one, tuple(known.get(v, v) for v in own)) for one, own in inner.factors
            ]
            made.scale, made.cost = made.scale * inner.scale, made.cost + inner.cost
            made.boxes = [*inner.boxes, *made.boxes]
            del products[wire]
        products[row.outs[0]] = made
    gone: set[int] = set()
    steps: dict[int, list[BoxRow]] = {}
    for made in products.values():
        if len(made.boxes) > 1 and len({v for _, own in made.factors for v in own}) <= LETTERS:
            path, cost = _path(made, axes, sizes)
            if cost < WORTH * made.cost:
                gone.update(made.boxes)
                steps[made.boxes[-1]] = _steps(draft, made, path, axes)
    if not steps:
        return circuit
    rows = [*draft.boxes]
    draft.boxes = [
        row
        for box in range(H.size("Box"))
        for row in (steps.get(box, []) if box in gone else [rows[box]])
    ]
    return Circuit.of(draft, circuit.dom, circuit.cod)


def _is_plain(row: BoxRow) -> bool:
    """Whether a box is a contraction of arrays that are read at variables, times a number."""
    one = row.operation
    return (
        one.kernel.name == "contraction" and one.scale.value is not None and not row.mentions
        and not one.relations and len(one.writes) == 1
        and all(r is not None and r.is_plain for r in one.readings)
    )  # fmt: skip


def _places(reading: Reading | None) -> list[int]:
    forms = () if reading is None else reading.forms
    return [form.wiring for form in forms if form.wiring is not None]


def _path(
    made: _Product, axes: Sequence[int], sizes: Mapping[int, int]
) -> tuple[Sequence[tuple[int, ...]], int]:
    """Return which factors are multiplied, step by step, and the multiply-adds of all steps."""
    given: list[Any] = []
    numbers: dict[int, int] = {}
    for _, variables in made.factors:
        shape = [sizes[axes[v]] for v in variables]
        given.append(np.broadcast_to(np.float32(0), shape))
        given.append([numbers.setdefault(v, len(numbers)) for v in variables])
    best = "optimal" if len(made.factors) <= EXACT else "greedy"
    (_, *path), _ = np.einsum_path(*given, [numbers[v] for v in made.writes], optimize=best)
    cost = sum(prod(sizes[axes[v]] for v in every) for _, _, every in _walked(made, path))
    return path, cost


def _walked(
    made: _Product, path: Iterable[tuple[int, ...]]
) -> Iterable[tuple[list[tuple[int, tuple[int, ...]]], tuple[int, ...], list[int]]]:
    """Yield the factors of each step, the variables of its result, and all of its variables.

    What a step makes is the array -1 - k of the k-th step.
    """
    left, path = [*made.factors], [*path]
    for k, chosen in enumerate(path):
        picked = [left[place] for place in sorted(chosen)]
        left = [one for place, one in enumerate(left) if place not in chosen]
        every = list(dict.fromkeys(v for _, variables in picked for v in variables))
        needed = {*made.writes, *(v for _, variables in left for v in variables)}
        last = k == len(path) - 1
        writes = made.writes if last else tuple(v for v in every if v in needed)
        yield picked, writes, every
        left.append((-1 - k, writes))


def _steps(
    draft: Draft, made: _Product, path: Sequence[tuple[int, ...]], axes: Sequence[int]
) -> list[BoxRow]:
    """Return the boxes of the steps."""
    last, outs, found = draft.boxes[made.boxes[-1]], list[int](), list[BoxRow]()
    for k, (picked, writes, every) in enumerate(_walked(made, path)):
        place = {v: n for n, v in enumerate(every)}
        final = k == len(path) - 1
        kind = draft.wires[last.outs[0]].type
        outs.append(last.outs[0] if final else draft.wire([axes[v] for v in writes], kind))
        operation = Operation(
            Kernel("contraction"),
            tuple(Reading.wiring([place[v] for v in variables]) for _, variables in picked),
            (tuple(place[v] for v in writes),),
            tuple(place[v] for v in every if v not in writes),
            made.scale if final else ONE,
            title=last.operation.title, source=last.operation.source,
        )  # fmt: skip
        ins = [wire if wire >= 0 else outs[-1 - wire] for wire, _ in picked]
        found.append(last._replace(
            operation=operation, ins=ins, outs=[outs[-1]], vars=[axes[v] for v in every],
        ))  # fmt: skip
    return found
