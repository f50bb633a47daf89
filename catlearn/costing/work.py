"""Operations by the unit of a processor that does them: matrix, exponential, vector.

A contraction of several arrays is of the matrix unit. The functions that processors compute by a
table (exp, log, tanh, sin, ...) are of the exponential unit, one for each number; softmax and other
kernels with a definition have those of it. All else that is counted is of the vector unit.

>>> from catlearn.arrays import einsum, softmax
>>> f = (einsum("q d, x d -> q x") >> softmax("[x]")).at(q=2, x=3, d=4)
>>> {unit: int(one.number) for unit, one in Work.of(f).total.items()}
{'matrix': 48, 'exponential': 6, 'vector': 22}
>>> f.counts().operations
76
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import mul

from catlearn.arrays import Circuit
from catlearn.arrays.counting import amounts
from catlearn.arrays.sizes import Size
from catlearn.cost import Posynomial
from catlearn.costing.indexed import Indexed

UNITS = ("matrix", "exponential", "vector")
"""The units of a processor."""

EXPONENTIAL = frozenset((
    "softmax", "logsumexp", "exp", "exp2", "log", "tanh", "sin", "cos", "sigmoid", "silu",
    "softplus", "gelu", "erf",
))  # fmt: skip
"""Kernels that take one operation of the exponential unit for each number."""


@dataclass(frozen=True)
class Item:
    """What a box, or an array, takes: the names of its variables, and operations by unit."""

    variables: frozenset[str]
    by_unit: Mapping[str, Posynomial]
    box: int = -1


@dataclass(frozen=True)
class Work:
    """The operations of boxes, one by one."""

    items: tuple[Item, ...]

    @property
    def total(self) -> dict[str, Posynomial]:
        """The sums, by unit."""
        return {
            unit: reduce(
                Posynomial.__add__,
                (item.by_unit[unit] for item in self.items if unit in item.by_unit),
                Posynomial(),
            )
            for unit in UNITS
        }

    @classmethod
    def of(cls, circuit: Circuit) -> Work:
        """Return what each box of a circuit takes by its own count.

        Where sizes are open, and an addition less is counted for each number written, it is left
        in.
        """
        read = Indexed.boxed(circuit)
        H = circuit.apex
        _, counts = amounts(H)
        variables: dict[int, frozenset[str]] = {}
        for node in read.nodes:
            names = frozenset(read.names[v] for v in node.every)
            variables[node.box] = variables.get(node.box, names) | names
        items = []
        for box, count in enumerate(counts):
            made, operation = Size.of(count.operations), H.operations[box]
            if not made.terms or box not in variables:
                continue
            operands = sum(one is not None for one in operation.readings)
            if operation.kernel.name == "contraction" and operands > 1 and operation.targets:
                every = product_of(map(H.size_of, H.lists["vars"].row(box).tolist())) * operands
                by_unit = {"matrix": above(every), "vector": above(made - every)}
            elif operation.kernel.name in EXPONENTIAL:
                axes = H.lists["axes"].row(H.sides[1][box][0]).tolist()
                if operation.kernel.name == "logsumexp":
                    axes = H.lists["vars"].row(box).tolist()
                own = product_of(map(H.size_of, axes))
                by_unit = {"exponential": above(own), "vector": above(made - own)}
            else:
                by_unit = {"vector": above(made)}
            items.append(Item(variables[box], by_unit, box))
        return cls(tuple(items))

    @classmethod
    def of_nodes(cls, read: Indexed, again: bool = False) -> Work:
        """Return what each array takes: two for each product that is added up, one for a number.

        With ``again`` of those alone that a reverse pass makes again.
        """
        items = []
        for node in read.nodes:
            if node.kind == "input" or (again and node.box < 0):
                continue
            every = product_of(read.sizes[v] for v in node.every)
            names = frozenset(read.names[v] for v in node.every)
            operands = sum(read.nodes[j].real for j in node.operands)
            if node.kind == "sum" and operands > 1 and node.kernel != "move":
                unit, many = "matrix", operands
            elif node.kernel in EXPONENTIAL:
                unit, many = "exponential", 1
            else:
                unit, many = "vector", max(1, operands - 1)
            items.append(Item(names, {unit: above(every * many)}))
        return cls(tuple(items))


def product_of(sizes: Iterable[Size]) -> Size:
    """Return the product of sizes."""
    return reduce(mul, sizes, Size.of(1))


def above(size: Size) -> Posynomial:
    """Return a size as a posynomial, without its negative terms."""
    return Posynomial.of({tuple((str(key), e) for key, e in m): c for m, c in size.terms if c > 0})
