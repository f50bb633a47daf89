"""Counts of a circuit: parameters, operations, multiply-adds and bytes, as polynomials in sizes.

What a box takes is said once, by :func:`operations`, of sizes that are numbers or polynomials. From
it come the counts of circuits here, prices of rewriting (:mod:`catlearn.arrays.rewriting`), work by
unit (:mod:`catlearn.costing.work`) and predicted times (:mod:`catlearn.costing.prices`).

Each count is the sum over the boxes of what their kernel costs (readings cost nothing), so counting
is a functor to a commutative monoid (:func:`counting`): the counts of ``f >> g``, and of ``f @ g``,
are those of f and g together, but for parameters that both have. It is a functor for ``==`` only:
two circuits that compute the same may cost differently.

* A contraction of two arrays: 2 for each value of all its variables, and one multiply-add. Without
  summed variables one product less than operands, for each number that it writes; of one array,
  the additions. A scale other than 1: one for each number. What is put where indices say (a mask
  ties a variable to what is looked up): one addition for each number that is put.
* Elementwise: one for each number written, and none for constants. The greatest or least of
  numbers, its place, and sums up to each: one for each but the first; chosen and sorted ones: one
  for each that is read. Softmax of E numbers over y:
  5 E - E/|y| (maximum, subtraction, exponential, sum, division), and log-sum-exp 4 E. A norm of E
  numbers over m: mean, subtraction, square, mean, product, and 2 E/|m| for the root; without the
  first two if it does not centre.
* A contraction of several arrays that sums is of the *matrix* unit of a processor. Functions that
  processors compute by a table (exp, log, tanh, sin, ...) are of the *exponential* unit, one for
  each number; softmax and others with a definition have those of it. The rest is of the *vector*
  unit.
* Boxes in a block with rounds count once for each; its gates cost nothing.
* Where a declared size is equal to a polynomial, as d to 2 p, it is the size that is written.

>>> from catlearn.arrays import linear, relu
>>> f = linear("A", "m -> f") >> relu >> linear("B", "f -> n", bias=True)
>>> f.counts().parameters
Size('f*m + f*n + n')
>>> f.at(m=8, f=32, n=8).counts()
Counts(parameters=520, active=520, operations=1064, multiply_adds=512, bytes=320)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import prod
from typing import Any

from catlearn.arrays.blocks import GATES
from catlearn.arrays.boxes import ArrayHypergraph, Operation
from catlearn.arrays.masks import ties
from catlearn.arrays.sizes import ONE, Size
from catlearn.category import Hypergraph, MonoidalFunctor
from catlearn.cost import CommutativeMonoid
from catlearn.display import Legible
from catlearn.names import fresh

WIDTHS = {"R": 4, "N": 4, "B": 1}
"""Bytes of a number, by its type."""


@dataclass(frozen=True)
class Counts(Legible):
    """What a circuit costs: integers, or polynomials where sizes are open.

    Parameters
    ----------
    parameters
        Numbers in parameters, each once.
    active
        Those that one example uses: of an axis that is read at indices that a ``top_k`` chose, as
        many as it chose, or one that an ``argmax`` did; tables of ``embed`` count whole.
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

    def __str__(self) -> str:
        """Return them, one a line."""
        counts = {one.name: getattr(self, one.name) for one in fields(self)}
        width = max(map(len, counts))
        return "\n".join(
            f"{name:{width}}  {count:,}" if isinstance(count, int) else f"{name:{width}}  {count}"
            for name, count in counts.items()
        )

    def plus(self, other: Counts) -> Counts:
        """Return the sums, one by one."""
        return Counts(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    def plain(self) -> Counts:
        """Return it with integers for polynomials that are some."""
        found = (Size.of(getattr(self, one.name)) for one in fields(self))
        return Counts(*(one if one.number is None else one.number for one in found))


COUNTS = CommutativeMonoid("counts", Counts(0, 0, 0, 0, 0), Counts.plus)
"""Counts under addition, the monoid that counting is a functor to."""


UNITS = ("matrix", "exponential", "vector")
"""The units of a processor."""

IDLE = ("view", "concat", "stop", "cast", "constant", *GATES)
"""The kernels that compute nothing."""

LINEAR = ("add", "concat", "neg", "dropout", "dropped")
"""The kernels whose operands have their cotangent."""

EXPONENTIAL = frozenset((
    "softmax", "logsumexp", "cumlogsumexp", "exp", "exp2", "log", "tanh", "sin", "cos", "sigmoid",
    "silu", "softplus", "gelu", "erf",
))  # fmt: skip
"""Kernels that take one operation of the exponential unit for each number."""


def rate(kernel: str, operands: int, sums: bool) -> tuple[str, int]:
    """Return the unit that computes a kernel, and how many operations it takes at each index.

    Parameters
    ----------
    kernel
        The name of the kernel.
    operands
        How many arrays it reads.
    sums
        Whether it is a contraction that sums.
    """
    if sums and operands > 1:
        return "matrix", operands
    return ("exponential", 1) if kernel in EXPONENTIAL else ("vector", max(1, operands - 1))


def operations(
    operation: Operation, variables: Sequence[Any], reads: Sequence[Sequence[Any]],
    writes: Sequence[Sequence[Any]],
) -> dict[str, Any]:  # fmt: skip
    """Return the operations of a box on numbers, by unit.

    Parameters
    ----------
    operation
        What the box does.
    variables
        The sizes of its variables: integers, or polynomials.
    reads
        The shapes of the arrays that it reads, without those that only say at which index.
    writes
        The shapes of the arrays that it writes.

    Examples
    --------
    >>> from catlearn.arrays import einsum, softmax
    >>> product, scores = (einsum("q d, x d -> q x") >> softmax("[x]")).apex.operations
    >>> operations(product, [2, 3, 4], [[2, 4], [3, 4]], [[2, 3]])
    {'matrix': 48, 'vector': 0}
    >>> operations(scores, [2, 3], [[2, 3]], [[2, 3]])
    {'exponential': 6, 'vector': 22}
    """
    name = operation.kernel.name
    if name in IDLE:
        return {}
    if name in ("opaque", "along"):
        return {"vector": getattr(operation.kernel.option("label"), "operations", 0)}
    own, every = prod(writes[0]), prod(variables)
    unit, many = rate(name, len(reads), name == "contraction" and bool(operation.targets))

    def without(some: Iterable[int]) -> Any:
        return prod(size for v, size in enumerate(variables) if v not in some)

    if name == "contraction":
        scaled = own if operation.scale != ONE else 0
        tied = {v for _, v, _ in ties(operation)}
        if tied:
            return {"vector": without(tied) * len(reads) + scaled}
        if unit == "matrix":
            return {unit: every * many, "vector": scaled}
        return {unit: (every - own if len(reads) == 1 else own * many) + scaled}
    if name == "softmax":
        return {unit: own, "vector": 4 * own - without(operation.targets)}
    if name == "logsumexp":
        return {unit: every, "vector": 3 * every}
    if name == "norm":
        centred = operation.kernel.option("kind") == "layer"
        return {unit: (5 if centred else 3) * own + 2 * without(operation.targets)}
    if name in ("top_k", "sort"):
        return {unit: prod(reads[0])}
    if name in ("max", "min", "argmax", "argmin", "product"):
        return {unit: every - own}
    if name.startswith("cum"):
        return {unit: own - without(operation.targets)}
    return {unit: own if name == "where" else own * many}


def shapes(
    H: ArrayHypergraph, box: int, size: Callable[[int], Any]
) -> tuple[list[Any], list[list[Any]], list[list[Any]]]:
    """Return the sizes of the variables of a box, and the shapes of what it reads and writes.

    Parameters
    ----------
    H, box
        The boxes and arrays of a circuit, and one of them.
    size
        The size of an axis, by its row.
    """
    (ins, outs), axes = (side[box] for side in H.sides), H.lists["axes"]
    given = zip(ins, H.operations[box].readings, strict=True)
    read = [wire for wire, reading in given if reading is not None]
    shape = {wire: [*map(size, axes.row(wire).tolist())] for wire in (*read, *outs)}
    variables = [*map(size, H.lists["vars"].row(box).tolist())]
    return variables, [shape[wire] for wire in read], [shape[wire] for wire in outs]


def amounts(
    H: ArrayHypergraph, widths: Mapping[str, int] = WIDTHS
) -> tuple[dict[str, Counts], list[Counts], list[dict[str, Size]]]:
    """Return the counts of each parameter, by name, of each box, and operations of it by unit.

    Parameters
    ----------
    H
        The boxes and arrays of a circuit.
    widths
        The bytes of a number of each type, ``"R"``, ``"N"`` and ``"B"``.
    """
    axes, rounds = H.lists["axes"], H.lists["rounds"]
    known = {-1: Size.of(1)}
    found = (one.rename(H.called) for one in H.solution.relations if one.kind == "=")
    equal = [(one.left, one.right) for one in found]
    plain = {one: other for pair in equal for one, other in (pair, pair[::-1])
             if [other] == [*map(Size.generator, other.generators)]}  # fmt: skip

    def size(axis: int) -> Size:
        if axis not in known:
            found = H.size_of(axis)
            known[axis] = plain.get(found, found)
        return known[axis]

    def product(rows: Iterable[int]) -> Size:
        return Size.of(prod(map(size, rows)))

    chosen, zero = _chosen(H), Size.of(0)
    parameters, boxes, units = {}, [], []
    for row, name in enumerate(H.column("name")):
        if name is not None:
            rank: list[int] = axes.row(row).tolist()
            active = product(chosen.get((row, k), axis) for k, axis in enumerate(rank))
            parameters[name] = Counts(product(rank), active, zero, zero, zero)
    for box, operation in enumerate(H.operations):
        times = product(
            axis for block in H.lists["within"].row(box) for axis in rounds.row(block).tolist()
        )
        variables, read, written = shapes(H, box, size)
        found = operations(operation, variables, read, written)
        units.append({unit: times * made for unit, made in found.items()})
        pairs = times * prod(variables) if "matrix" in found and len(read) == 2 else zero
        stored = zero
        if operation.kernel.name not in GATES:
            for wire, own in zip(H.sides[1][box], written, strict=True):
                stored = stored + times * prod(own) * widths[H.types[wire] or "R"]
        boxes.append(Counts(zero, zero, sum(units[-1].values(), zero), pairs, stored))
    return parameters, boxes, units


def count(H: ArrayHypergraph, widths: Mapping[str, int] = WIDTHS) -> Counts:
    """Return the counts of boxes and parameters, each once; see :func:`amounts`."""
    parameters, boxes, _ = amounts(H, widths)
    return COUNTS.total([*parameters.values(), *boxes]).plain()


def counting(H: ArrayHypergraph, widths: Mapping[str, int] = WIDTHS) -> MonoidalFunctor:
    """Return counting as a functor, out of circuits of some boxes and parameters.

    Its signature has the boxes of a circuit, which are called by their titles, and its parameters,
    as boxes that read nothing; its ``arrows`` are what each of them costs.

    Parameters
    ----------
    H, widths
        As for :func:`amounts`.

    Examples
    --------
    >>> from catlearn.arrays import linear, relu
    >>> F = counting((linear("A", "m -> n") >> relu).at(m=2, n=3).apex)
    >>> for name, counts in F.arrows.items():
    ...     print(name, counts.parameters, counts.operations)
    A 6 0
    linear 'A' 0 12
    relu 0 3
    """
    parameters, boxes, _ = amounts(H, widths)
    rows = {name: row for row, name in enumerate(H.column("name")) if name is not None}
    ends: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    ends |= {name: ((), (str(rows[name]),)) for name in parameters}
    arrows = {name: one.plain() for name, one in parameters.items()}
    for box, one in enumerate(boxes):
        name = fresh(H.title(box), ends, "#")
        ins, outs = (tuple(map(str, side[box])) for side in H.sides)
        ends[name], arrows[name] = (ins, outs), one.plain()
    signature = Hypergraph(ends, wires=map(str, range(H.size("Wire"))))
    return MonoidalFunctor(signature, COUNTS, arrows=arrows)


def _chosen(H: ArrayHypergraph) -> dict[tuple[int, int], int]:
    """Return the positions of parameters that are read at chosen indices, and the axis of these.

    It is -1 where one is chosen.
    """
    writer, found = H.writer, {}

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
                    one = kernel(source) if source in writer else ""
                    if one in ("top_k", "argmax", "argmin"):
                        at, axis = writer[source], -1
                        if one == "top_k":
                            axis = H.lists["vars"].row(at)[H.operations[at].writes[0][-1]]
                        stacked, at = wire, place
                        while stacked in writer and kernel(stacked) == "each":
                            gate = writer[stacked]
                            at = H.operations[gate].writes[0][at]
                            stacked = H.sides[0][gate][0]
                        found[stacked, at] = int(axis)
    return found
