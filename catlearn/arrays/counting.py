"""Counts of a circuit: parameters, operations, multiply-adds and bytes, as polynomials in sizes.

Each count is the sum over the boxes of what their kernel costs (readings cost nothing), so counting
is a functor to a commutative monoid: the counts of ``f >> g``, and of ``f @ g``, are those of f and
g together, but for parameters that both have. It is a functor for ``==`` only: two circuits that
compute the same may cost differently.

* A contraction of two arrays: 2 for each value of all its variables, and one multiply-add. Without
  summed variables one product less than operands, for each number that it writes; of one array,
  the additions. A scale other than 1: one for each number.
* Elementwise: one for each number written, and none for constants. The greatest of numbers: one
  for each but the first. Softmax of E numbers over y: 5 E - E/|y| (maximum, subtraction,
  exponential, sum, division). A norm of E numbers over m: mean, subtraction, square, mean, product,
  and 2 E/|m| for the root; without the first two if it does not centre.
* Boxes in a block with rounds count once for each; its gates cost nothing.

>>> from catlearn.arrays import linear, relu
>>> f = linear("A", "m -> f") >> relu >> linear("B", "f -> n", bias=True)
>>> f.counts().parameters
Size('f*m + f*n + n')
>>> f.at(m=8, f=32, n=8).counts()
Counts(parameters=520, active=520, operations=1064, multiply_adds=512, bytes=320)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import reduce
from operator import mul

from catlearn.arrays.blocks import GATES
from catlearn.arrays.boxes import ArrayHypergraph
from catlearn.arrays.sizes import ONE, Size
from catlearn.cost import CommutativeMonoid

WIDTHS = {"R": 4, "N": 4, "B": 1}
"""Bytes of a number, by its type."""


@dataclass(frozen=True)
class Counts:
    """What a circuit costs: integers, or polynomials where sizes are open.

    Parameters
    ----------
    parameters
        Numbers in parameters, each once.
    active
        Those that one example uses: of an axis that is read at indices that a ``top_k`` chose, as
        many as it chose; tables of ``embed`` count whole.
    operations
        Additions, multiplications, and others of one number.
    multiply_adds
        Those of contractions of two arrays, in pairs.
    bytes
        Of all arrays that boxes write.
    """

    parameters: int | Size
    active: int | Size
    operations: int | Size
    multiply_adds: int | Size
    bytes: int | Size

    def plus(self, other: Counts) -> Counts:
        """Return the sums, one by one."""
        pairs = ((getattr(one, field.name) for one in (self, other)) for field in fields(self))
        return Counts(*map(sum, pairs))


COUNTS = CommutativeMonoid("counts", Counts(0, 0, 0, 0, 0), Counts.plus)
"""Counts under addition, the monoid that counting is a functor to."""


def count(H: ArrayHypergraph, widths: Mapping[str, int] = WIDTHS) -> Counts:
    """Count boxes and parameters; see :class:`Counts`.

    Parameters
    ----------
    H
        The boxes and arrays of a circuit.
    widths
        The bytes of a number of each type, ``"R"``, ``"N"`` and ``"B"``.
    """
    axes, lists = H.lists["axes"], H.lists["vars"]
    known: dict[int, Size] = {}

    def size(axis: int) -> Size:
        if axis not in known:
            known[axis] = H.size_of(axis)
        return known[axis]

    def product(rows: Iterable[int]) -> Size:
        return reduce(mul, map(size, rows), Size.of(1))

    rounds = H.lists["rounds"]

    chosen = _chosen(H)
    parameters = active = operations = pairs = written = Size.of(0)
    for row, name in enumerate(H.column("name")):
        if name is not None:
            rank: list[int] = axes.row(row).tolist()
            parameters = parameters + product(rank)
            active = active + reduce(
                mul, [size(chosen.get((row, k), rank[k])) for k in range(len(rank))], Size.of(1)
            )
    for box, operation in enumerate(H.operations):
        if operation.kernel.name in GATES:
            continue
        variables = lists.row(box).tolist()
        times = product(
            axis for block in H.lists["within"].row(box) for axis in rounds.row(block).tolist()
        )  # fmt: skip
        outs = H.sides[1][box]
        own = product(axes.row(outs[0]).tolist())
        every = product(variables)
        operands = sum(one is not None for one in operation.readings)
        name, summed = operation.kernel.name, len(variables) > len(operation.writes[0])
        degree = product(v for k, v in enumerate(variables) if k not in operation.targets)
        if name == "contraction":
            if operands == 1:
                made = every - own
            elif not summed:
                made = own * (operands - 1)
            else:
                made = every * operands
                pairs = pairs + times * (every if operands == 2 else Size.of(0))
            made = made + (own if operation.scale != ONE else Size.of(0))
        elif name == "softmax":
            made = 5 * own - degree
        elif name == "norm":
            centred = operation.kernel.option("kind") == "layer"
            made = (5 if centred else 3) * own + 2 * degree
        elif name == "top_k":
            made = product(axes.row(H.sides[0][box][0]).tolist())
        elif name == "max":
            made = every - own
        elif name in ("view", "concat", "stop", "constant"):
            made = Size.of(0)
        else:
            made = own * max(1, operands - 1 if name != "where" else 1)
        operations = operations + times * made
        for wire in outs:
            width = widths[H.types[wire] or "R"]
            written = written + times * product(axes.row(wire).tolist()) * width
    found = (parameters, active, operations, pairs, written)
    return Counts(*(one if one.number is None else one.number for one in found))


def _chosen(H: ArrayHypergraph) -> dict[tuple[int, int], int]:
    """Return the positions of parameters that are read at chosen indices, and the axis of these."""
    writer = {wire: box for box, wires in enumerate(H.sides[1]) for wire in wires}
    found = {}

    def kernel(wire: int) -> str:
        return H.operations[writer[wire]].kernel.name

    for box, operation in enumerate(H.operations):
        ins = H.sides[0][box]
        for wire, reading in zip(ins, operation.readings, strict=True):
            for place, form in enumerate(reading.forms if reading else ()):
                for lookup in form.lookups:
                    source = ins[lookup.operand]
                    while source in writer and kernel(source) in ("view", *GATES):
                        source = H.sides[0][writer[source]][0]
                    if source in writer and kernel(source) == "top_k":
                        at = writer[source]
                        axis = H.lists["vars"].row(at)[H.operations[at].writes[0][-1]]
                        stacked, at = wire, place
                        while stacked in writer and kernel(stacked) == "each":
                            gate = writer[stacked]
                            at = H.operations[gate].writes[0][at]
                            stacked = H.sides[0][gate][0]
                        found[stacked, at] = int(axis)
    return found
