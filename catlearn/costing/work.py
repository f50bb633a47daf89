"""Operations by the unit of a processor, for each box or each array, as posynomials.

How many a box takes, and of which unit, is counted in :mod:`catlearn.arrays.counting`.

>>> from catlearn.arrays import einsum, softmax
>>> f = (einsum("q d, x d -> q x") >> softmax("[x]")).at(q=2, x=3, d=4)
>>> {unit: int(one.number) for unit, one in Work.of(f).total.items()}
{'matrix': 48, 'exponential': 6, 'vector': 22}
>>> f.counts().operations
76
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from catlearn.arrays import Circuit
from catlearn.arrays.counting import UNITS, amounts, rate
from catlearn.arrays.sizes import Size
from catlearn.cost import Posynomial
from catlearn.costing.indexed import Indexed


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
        every = [(unit, one) for item in self.items for unit, one in item.by_unit.items()]
        return {unit: Posynomial.total(n for own, n in every if own == unit) for unit in UNITS}

    @classmethod
    def of(cls, circuit: Circuit) -> Work:
        """Return what each box of a circuit takes by its own count.

        Where sizes are open, and an addition less is counted for each number written, it is left
        in.
        """
        read = Indexed.boxed(circuit)
        variables: dict[int, frozenset[str]] = {}
        for node in read.nodes:
            names = frozenset(read.names[v] for v in node.every)
            variables[node.box] = variables.get(node.box, names) | names
        items = []
        for box, found in enumerate(amounts(circuit.apex)[2]):
            by_unit = {unit: above(size) for unit, size in found.items() if size.terms}
            if by_unit and box in variables:
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
            every = Size.of(prod(read.sizes[v] for v in node.every - node.tied))
            names = frozenset(read.names[v] for v in node.every)
            operands = sum(read.nodes[j].real for j in node.operands)
            unit, many = rate(node.kernel, operands, node.kind == "sum" and node.kernel != "move")
            items.append(Item(names, {unit: above(every * many)}))
        return cls(tuple(items))


def above(size: Size) -> Posynomial:
    """Return a size as a posynomial, without its negative terms."""
    return Posynomial.of({tuple((str(key), e) for key, e in m): c for m, c in size.terms if c > 0})
