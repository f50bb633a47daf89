"""What an island costs: transfers, memory and operations, as posynomials in sizes and tiles.

An **island** is a set of boxes that run together: its inputs and outputs cross between slow and
fast memory, everything else lives in the fast one. A tile variable is named by the mode of its
axis: ``g_q`` is the block of the grouped (or split) axis q, ``s_x`` that of the streamed (or swept)
axis x.

>>> from catlearn.costing import Costs
>>> matmul = Costs.of(
...     "a*b*c/g_a + a*b*c/g_c + a*c",
...     {"add": "g_a*g_c + g_a*s_b + g_c*s_b"},
...     {"matrix": "2*a*b*c"},
...     {"g_a": "a", "s_b": "b", "g_c": "c"},
... ).at(a=4096, b=4096, c=4096)
>>> print(matmul.compulsory)
50331648
>>> matmul.memory(g_a=127, s_b=1, g_c=127)
16383
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from catlearn.cost import Posynomial
from catlearn.display import Legible
from catlearn.errors import expect_dicts, wrong_kind


@dataclass(frozen=True)
class Costs(Legible):
    """The costs of an island, in words (numbers of an array).

    Parameters
    ----------
    transfers
        H, the words that cross between the two levels.
    columns
        Names and memory of the steps of the loop's body; M is the greatest of them.
    work
        Operations by unit, such as ``{"matrix": ..., "exponential": ..., "vector": ...}``.
    bounds
        The least value of each tile variable, and the size of its axis.
    sides
        Of the operands of products of matrices: for rows, columns, and what is added up, the tile
        variables, and the extent of axes that are whole; None if that is not known.
    split
        The tile variables of axes that are reduced, and split among groups.
    again
        Of a reverse pass, the operations by unit that were done in the forward one.
    groups
        How many groups those axes make of which the blocks are numbers, such as heads one by one.
    """

    transfers: Posynomial
    columns: tuple[tuple[str, Posynomial], ...]
    work: Mapping[str, Posynomial]
    bounds: Mapping[str, tuple[Any, Posynomial]]
    sides: tuple[tuple[tuple[str, ...], Posynomial], ...] | None = None
    split: tuple[str, ...] = ()
    again: Mapping[str, Posynomial] = field(default_factory=dict)
    groups: Posynomial = field(default_factory=lambda: Posynomial.of(1))

    @classmethod
    def of(
        cls,
        transfers: Any,
        columns: Mapping[str, Any] | Iterable[tuple[str, Any]],
        work: Mapping[str, Any] | None = None,
        bounds: Mapping[str, Any] | None = None,
    ) -> Costs:
        """Return the costs that texts, numbers and posynomials write.

        ``bounds`` has a size for each tile variable, or the least value and the size.
        """

        if isinstance(columns, str) or not isinstance(columns, Iterable):
            raise wrong_kind(columns, "columns", "a dict of memory by names of steps")
        expect_dicts("a dict by names", work=work, bounds=bounds)

        def read(given: Any) -> Posynomial:
            return Posynomial.parse(given) if isinstance(given, str) else Posynomial.of(given)

        ends = {n: b if isinstance(b, tuple) else (1, b) for n, b in (bounds or {}).items()}
        return cls(
            read(transfers),
            tuple((name, read(one)) for name, one in dict(columns).items()),
            {unit: read(one) for unit, one in (work or {}).items()},
            {name: (low, read(size)) for name, (low, size) in ends.items()},
        )

    def at(self, sizes: Mapping[str, Any] | None = None, /, **more: Any) -> Costs:
        """Put in sizes, all at once."""
        expect_dicts("a dict of numbers by names", sizes=sizes)
        given = {**(sizes or {}), **more}
        return Costs(
            self.transfers.at(given),
            tuple((name, one.at(given)) for name, one in self.columns),
            {unit: one.at(given) for unit, one in self.work.items()},
            {n: (low, size.at(given)) for n, (low, size) in self.bounds.items() if n not in given},
            self.sides and tuple(_side(*side, given) for side in self.sides),
            tuple(name for name in self.split if name not in given),
            {unit: one.at(given) for unit, one in self.again.items()},
            self.groups.at(given),
        )

    def memory(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Any:
        """Return M where all variables have numbers: the greatest of the columns."""
        given = {**(values or {}), **more}
        return max((one(given) for _, one in self.columns), default=0)

    @property
    def open(self) -> list[str]:
        """The sizes that are no numbers, by name."""
        every = [self.transfers, *(one for _, one in self.columns), *self.work.values()]
        every += [size for _, size in self.bounds.values()]
        return sorted({name for one in every for name in one.names if name not in self.bounds})

    @property
    def compulsory(self) -> Posynomial:
        """What crosses if every tile is its whole axis: each input and output once."""
        return self.transfers.at({name: size for name, (_, size) in self.bounds.items()})


def _side(
    tiles: tuple[str, ...], whole: Posynomial, given: Mapping[str, Any]
) -> tuple[tuple[str, ...], Posynomial]:
    """A side of a product where sizes, and some of its tiles, are put in."""
    for name in tiles:
        if name in given:
            whole = whole * Posynomial.of(given[name])
    return tuple(name for name in tiles if name not in given), whole.at(given)
