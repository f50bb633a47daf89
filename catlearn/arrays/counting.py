"""Counts of a circuit: parameters, operations, multiply-adds and bytes, as polynomials in sizes.

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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import reduce
from operator import mul

from catlearn.arrays.blocks import GATES
from catlearn.arrays.boxes import ArrayHypergraph
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


IDLE = ("view", "concat", "stop", "cast", "constant", *GATES)
"""The kernels that compute nothing."""


def amounts(
    H: ArrayHypergraph, widths: Mapping[str, int] = WIDTHS
) -> tuple[dict[str, Counts], list[Counts]]:
    """Return the counts of each parameter, by name, and of each box.

    Parameters
    ----------
    H
        The boxes and arrays of a circuit.
    widths
        The bytes of a number of each type, ``"R"``, ``"N"`` and ``"B"``.
    """
    axes, lists, rounds = H.lists["axes"], H.lists["vars"], H.lists["rounds"]
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
        return reduce(mul, map(size, rows), Size.of(1))

    chosen, zero = _chosen(H), Size.of(0)
    parameters, boxes = {}, []
    for row, name in enumerate(H.column("name")):
        if name is not None:
            rank: list[int] = axes.row(row).tolist()
            active = product(chosen.get((row, k), axis) for k, axis in enumerate(rank))
            parameters[name] = Counts(product(rank), active, zero, zero, zero)
    for box, operation in enumerate(H.operations):
        name = operation.kernel.name
        if name in GATES:
            boxes.append(Counts(zero, zero, zero, zero, zero))
            continue
        variables = lists.row(box).tolist()
        times = product(
            axis for block in H.lists["within"].row(box) for axis in rounds.row(block).tolist()
        )
        outs = H.sides[1][box]
        own, every = product(axes.row(outs[0]).tolist()), product(variables)
        operands = sum(one is not None for one in operation.readings)
        degree = product(v for k, v in enumerate(variables) if k not in operation.targets)
        pairs = zero
        if name == "contraction":
            tied = {v for _, v, _ in ties(operation)}
            if tied:
                made = product(v for k, v in enumerate(variables) if k not in tied) * operands
            elif operands == 1:
                made = every - own
            elif len(variables) == len(operation.writes[0]):
                made = own * (operands - 1)
            else:
                made = every * operands
                pairs = every if operands == 2 else zero
            made = made + (own if operation.scale != ONE else zero)
        elif name == "softmax":
            made = 5 * own - degree
        elif name == "logsumexp":
            made = 4 * every
        elif name == "norm":
            centred = operation.kernel.option("kind") == "layer"
            made = (5 if centred else 3) * own + 2 * degree
        elif name in ("top_k", "sort"):
            made = product(axes.row(H.sides[0][box][0]).tolist())
        elif name in ("max", "min", "argmax", "argmin"):
            made = every - own
        elif name == "cumsum":
            made = own - degree
        elif name == "opaque":
            made = Size.of(getattr(operation.kernel.option("label"), "operations", 0))
        elif name in IDLE:
            made = zero
        else:
            made = own * max(1, operands - 1 if name != "where" else 1)
        written = zero
        for wire in outs:
            written = written + product(axes.row(wire).tolist()) * widths[H.types[wire] or "R"]
        boxes.append(Counts(zero, zero, times * made, times * pairs, times * written))
    return parameters, boxes


def count(H: ArrayHypergraph, widths: Mapping[str, int] = WIDTHS) -> Counts:
    """Return the counts of boxes and parameters, each once; see :func:`amounts`."""
    parameters, boxes = amounts(H, widths)
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
    parameters, boxes = amounts(H, widths)
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
