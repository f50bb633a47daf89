"""What a circuit takes when it runs as one island: the table of its columns and crossings.

>>> import catlearn as cl
>>> from catlearn.arrays import einsum, idle, softmax
>>> attention = (einsum("q d, x d -> q x") >> softmax("[x]")) @ idle >> einsum("q x, x e -> q e")
>>> spent = cl.resources(attention, sizes=dict(q=4096, x=4096, d=64, e=64))
>>> print(spent.transfers, "|", spent.memory)
524288 + 2147483648/g_q | g_q*s_x + 130*g_q + 64*s_x
>>> spent.compulsory.number, spent.flops.number
(1048576, 4378849280)
>>> small = spent(g_q=128, s_x=16)
>>> small.transfers.number, small.memory.number
(17301504, 19712)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, reduce
from typing import Any, NamedTuple

from catlearn.arrays import Circuit
from catlearn.arrays.counting import UNITS
from catlearn.arrays.sizes import sizes_hint
from catlearn.category import MonoidalFunctor
from catlearn.cost import POSYNOMIALS, Posynomial
from catlearn.costing import bounds
from catlearn.costing.bounds import LowerBound
from catlearn.costing.costs import Costs
from catlearn.costing.indexed import Indexed, part_of
from catlearn.costing.island import Island, Mode, usual
from catlearn.costing.reverse import reverse_of
from catlearn.costing.work import Work
from catlearn.display import Legible, html_table, text_table
from catlearn.errors import CatlearnError, UnknownName, did_you_mean, expect, expect_dicts
from catlearn.typesetting import escape_latex, latex_table

HEADS = ("column", "live", "M"), ("crossing", "words", "times", "H"), ("total", "")


class Levels(NamedTuple):
    """What a picture shows of an island: arrays and boxes by their rows in a circuit.

    Parameters
    ----------
    fast
        The arrays that stay in fast memory.
    blocks
        For positions of arrays the name of the block in which they are there.
    columns
        For arrays the greatest column of the box that writes them.
    given, asked
        The transfers of inputs, and of outputs.
    """

    fast: frozenset[int]
    blocks: dict[tuple[int, int], str]
    columns: dict[int, Posynomial]
    given: Posynomial
    asked: Posynomial


class CircuitResources(Legible):
    """Transfers, memory and operations of an island.

    Made by :func:`catlearn.resources`. Numbers are words, of arrays, and operations.

    Attributes
    ----------
    island
        The island, with its modes.
    again
        Operations by unit that a reverse pass makes again; none forward.
    circuit
        The circuit, with its sizes; None of a reverse pass.
    """

    def __init__(
        self,
        island: Island,
        again: Mapping[str, Posynomial] | None = None,
        circuit: Circuit | None = None,
    ) -> None:
        self.island, self.again, self.circuit = island, dict(again or {}), circuit

    @property
    def transfers(self) -> Posynomial:
        """H, the words that cross."""
        return self.island.transfers

    @property
    def memory(self) -> Posynomial:
        """M: the greatest column, or the least upper bound of columns by coefficients."""
        return reduce(Posynomial.__or__, (one for _, one in self.island.memory), Posynomial())

    @property
    def work(self) -> dict[str, Posynomial]:
        """The operations by unit: matrix, exponential and vector."""
        return self.island.operations()

    @property
    def flops(self) -> Posynomial:
        """All operations."""
        return Posynomial.total(self.work.values())

    @property
    def exponentials(self) -> Posynomial:
        """The operations of the exponential unit."""
        return self.work.get("exponential", Posynomial())

    @property
    def compulsory(self) -> Posynomial:
        """What any execution moves: each array that is given or asked for, at each reading."""
        return self.island.compulsory

    @property
    def blocks(self) -> dict[tuple[str, ...], tuple[int, int]]:
        """How many blocks of axes masks leave, and of how many, where blocks are numbers.

        Examples
        --------
        >>> from catlearn.arrays import einsum, idle, softmax, where
        >>> causal = einsum("q d, x d -> q x") >> where("q x", "x <= q") >> softmax("[x]")
        >>> causal = causal @ idle >> einsum("q x, x e -> q e")
        >>> from catlearn import resources
        >>> spent = resources(causal, sizes=dict(q=4096, x=4096))(g_q=128, s_x=128)
        >>> spent.blocks
        {('q', 'x'): (528, 1024)}
        """
        names = self.island.read.names
        return {
            tuple(sorted(names[v] for v in axes)): found for axes, found in self.island.open.items()
        }

    @property
    def costs(self) -> Costs:
        """The same as a value that is tiled."""
        return self.island.costs()

    def lower_bound(self, memory: float) -> LowerBound:
        """Return the best known bound of what any execution moves; sizes are numbers.

        That of projective loops and of a product of matrices where one contraction is all that is
        added up; that of attention, a head at a time; else what is compulsory.

        Parameters
        ----------
        memory
            Words of fast memory.

        Raises
        ------
        UnknownName
            If sizes are open.

        Examples
        --------
        >>> from catlearn import resources
        >>> from catlearn.arrays import einsum
        >>> skinny = resources(einsum("a b, b c -> a c"), sizes=dict(a=4096, b=4096, c=16))
        >>> print(skinny.lower_bound(2**14))
        compulsory: 1.691e+07 words
        """
        read = self.island.read
        open_ = dict.fromkeys(name for name in self.compulsory.names)
        if open_:
            raise UnknownName(f"no sizes for {', '.join(open_)}; {sizes_hint(open_)}")
        size = {v: read.sizes[v].number or 1 for v in read.variables.values()}
        found = [bounds.compulsory(self.costs)]
        sums = [node for node in read.nodes if node.kind in ("sum", "max", "whole", "prefix")]
        reals = [[read.nodes[j].free for j in node.operands if read.nodes[j].real] for node in sums]
        if len(sums) == 1 and len(reals[0]) > 1 and not sums[0].masks:
            loops = {read.names[v]: size[v] for v in sums[0].every}
            arrays = [[read.names[v] for v in one] for one in (*reals[0], sums[0].free)]
            found.append(bounds.projective(loops, arrays, memory))
            if len(loops) == 3 and [len(one) for one in arrays] == [2, 2, 2]:
                a, b, c = loops.values()
                found.append(bounds.matmul(a, b, c, memory))
        products = [node for node, own in zip(sums, reals, strict=True) if len(own) > 1]
        if len(products) == 2 and any(node.kernel == "exp" for node in read.nodes):
            scores, values = products
            heads = frozenset.intersection(*(n.free for n in read.nodes), *read.written)
            depth, over = {*scores.bound}, {*values.bound}
            queries = (scores.free & values.free) - heads
            if over <= scores.free and not any(node.masks for node in read.nodes):
                q, x, d = (math.prod(size[v] for v in some) for some in (queries, over, depth))
                one = bounds.attention(q, x, d, memory)
                found.append(replace(one, words=one.words * math.prod(size[v] for v in heads)))
        return bounds.greatest(found)

    def levels(self) -> Levels:
        """Return what a picture of the live part of the circuit shows.

        Raises
        ------
        CatlearnError
            If this is a reverse pass, whose boxes are no circuit.
        """
        return self._levels

    @cached_property
    def _levels(self) -> Levels:
        if self.circuit is None:
            raise CatlearnError("a reverse pass has no picture; draw that of the circuit")
        live, island = self.circuit.live(), self.island
        if live is not self.circuit:
            island = Island(Indexed.of(live), island.modes, widths=island.widths)
        read, H, blocks = island.read, live.apex, {}
        tiles = {
            read.variables[name]: str(mode.block or island.block_name(name))
            for name, mode in island.modes.items()
        }
        for wire, asked in read.readings.items():
            for place, form in enumerate(asked[0]):
                if form.wiring in tiles:
                    blocks[wire, place] = tiles[form.wiring]
        columns: dict[int, Posynomial] = {}
        for column, (node, _) in zip(island.columns, island.steps, strict=True):
            wires, memory = H.sides[1][read.nodes[node].box], column.memory
            for wire in wires:
                before = columns.get(wire, memory)
                columns[wire] = memory if before <= memory else before
        names = H.column("name")
        outer = {*live.dom, *live.cod, *(w for w, name in enumerate(names) if name is not None)}
        ends = {read.shown(*end[1:]) for end in read.outputs}
        moved = {False: Posynomial(), True: Posynomial()}
        for one in island.crossings:
            moved[one.title in ends] += one.transfers
        fast = frozenset(range(H.size("Wire"))) - outer
        return Levels(fast, blocks, columns, moved[False], moved[True])

    def functor(self, kind: str) -> MonoidalFunctor:
        """Return one kind of cost as a functor from circuits of these boxes to posynomials.

        Parameters
        ----------
        kind
            ``"matrix"``, ``"exponential"``, ``"vector"`` or ``"flops"``, operations; or
            ``"traffic"``, the words that cross where every box is an island of its own. H of one
            island is no functor: fusing may cost less, or more.

        Examples
        --------
        >>> from catlearn import resources
        >>> from catlearn.arrays import einsum, relu
        >>> F = resources(einsum("a b, b c -> a c") >> relu).functor("traffic")
        >>> print(F.arrows["einsum"], "|", F.arrows["relu"])
        a*b + a*c + b*c | 2*a*c
        """
        kinds = (*UNITS, "flops", "traffic")
        if self.circuit is None:
            raise CatlearnError("a reverse pass has no boxes; the functor is that of the circuit")
        if kind not in kinds:
            raise UnknownName(f"no cost of boxes is called {kind!r}; {did_you_mean(kind, kinds)}")
        plain = self.circuit.counting()
        boxes = range(self.circuit.apex.size("Box"))
        work = {item.box: item.by_unit for item in Work.of(self.circuit).items}
        amounts = [Posynomial()] * (len(plain.arrows) - len(boxes))
        for box in boxes:
            if kind == "traffic":
                amounts.append(Island(part_of(self.circuit, [box]), {}).compulsory)
            else:
                own = work.get(box, {})
                units = own if kind == "flops" else [kind]
                amounts.append(Posynomial.total(own[u] for u in units if u in own))
        arrows = dict(zip(plain.arrows, amounts, strict=True))
        return MonoidalFunctor(plain.signature, POSYNOMIALS, arrows=arrows)

    def __call__(self, blocks: Mapping[str, Any] | None = None, /, **more: Any) -> CircuitResources:
        """Return the resources with numbers for blocks; how often loops run is rounded up.

        Raises
        ------
        UnknownName
            Listing blocks that there are not.
        """
        expect_dicts("a dict, such as {'g_q': 128}", blocks=blocks)
        given, island = {**(blocks or {}), **more}, self.island
        known = island.bounds
        unknown = [name for name in given if name not in known]
        if unknown:
            shown = "; ".join(f"{name}: {did_you_mean(name, known)}" for name in unknown)
            raise UnknownName(f"there is no block {shown}")
        modes = {}
        for name, mode in island.modes.items():
            block = island.block_name(name)
            modes[name] = Mode(mode.kind, given[block]) if block in given else mode
        made = Island(island.read, modes, widths=island.widths)
        made.circuit = island.circuit
        return CircuitResources(made, self.again, self.circuit)

    # ------------------------------------------------------------ the table

    @property
    def columns(self) -> list[tuple[str, ...]]:
        """The rows of columns: what is made, the live arrays, and M."""
        return [tuple(map(str, row)) for row in self._rows[0]]

    @property
    def crossings(self) -> list[tuple[str, ...]]:
        """The rows of crossings: what crosses, its words, how often, and H."""
        return [tuple(map(str, row)) for row in self._rows[1]]

    @property
    def _rows(self) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        columns, crossings = self.island.columns, self.island.crossings
        return (
            [(one.title, ", ".join(one.live), one.memory) for one in columns],
            [(one.title, one.words, one.times, one.transfers) for one in crossings],
        )

    @property
    def totals(self) -> list[tuple[str, str]]:
        """Modes, M, H, what is compulsory, and operations."""
        modes = [f"{name} {mode}" for name, mode in self.island.modes.items()]
        rows = [("modes", ", ".join(modes) or "all whole"), ("M", str(self.memory))]
        rows += [("H", str(self.transfers)), ("compulsory", str(self.compulsory))]
        rows += [(unit, str(self.work[unit])) for unit in UNITS if unit in self.work]
        rows += [(f"{unit}, made again", str(one)) for unit, one in self.again.items()]
        for axes, (kept, every) in self.blocks.items():
            rows.append((f"blocks of {' '.join(axes)}", f"{kept} of {every}, others are hidden"))
        if self.blocks:
            rows.append(("H, hidden blocks skipped", str(self.island.transfers_left)))
            matrix = self.island.operations_left().get("matrix", Posynomial())
            rows.append(("matrix, hidden blocks skipped", str(matrix)))
        return rows

    @property
    def _tables(self) -> Iterator[tuple[Sequence[str], Sequence[Sequence[str]]]]:
        return zip(HEADS, (self.columns, self.crossings, self.totals), strict=True)

    def __str__(self) -> str:
        return "\n\n".join(text_table(*one, numbers=False) for one in self._tables)

    def __repr__(self) -> str:
        return f"CircuitResources(H={self.transfers}, M={self.memory})"

    def to_latex(self) -> str:
        r"""Return the tables as LaTeX, in ``tabular``.

        Examples
        --------
        >>> from catlearn.arrays import relu
        >>> print(CircuitResources(Island(relu)).to_latex().splitlines()[0])
        \begin{tabular}{lll}
        """

        def cell(one: Any) -> str:
            return f"${one.to_latex()}$" if isinstance(one, Posynomial) else escape_latex(one)

        both = zip(HEADS, self._rows, strict=False)
        return "\n\n".join(
            latex_table(head, [map(cell, row) for row in rows]) for head, rows in both
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        tables = "".join(html_table(*one) for one in self._tables)
        return {"text/plain": str(self), "text/html": tables}


def circuit_resources(
    circuit: Circuit,
    sizes: Mapping[str, Any] | None = None,
    island: Mapping[str, Any] | str | None = None,
    reverse: bool = False,
    widths: tuple[Any, Any, Any] = (1, 1, 1),
) -> CircuitResources:
    """Return what a circuit takes as one island; see :func:`catlearn.resources`."""
    expect(island, (type(None), str, Mapping), "island", "a dict of modes, or an axis to stream")
    circuit = circuit.at(sizes) if sizes else circuit
    read = Indexed.of(circuit)
    modes: Mapping[str, Any] | None = island if isinstance(island, Mapping) else None
    if isinstance(island, str):
        kept = {name: mode for name, mode in usual(read).items() if mode.kind != "streamed"}
        modes = {**kept, island: "streamed"}
    forward = Island(read, modes, widths=widths)
    forward.circuit = circuit
    if not reverse:
        return CircuitResources(forward, circuit=circuit)
    over = [name for name, mode in forward.modes.items() if mode.kind in ("streamed", "split")]
    back = reverse_of(read, over)
    modes = {}
    for name, mode in forward.modes.items():
        v = back.variables.get(name)
        if v is None:
            continue
        inside, kind = [v in one for one in back.written], mode.kind
        if v in back.reduced:
            kind = "split" if kind == "grouped" else kind
        elif kind in ("grouped", "split"):
            kind = "grouped" if all(inside) else "whole"
        else:
            kind = "swept" if any(inside) else "whole"
        modes[name] = Mode(kind, mode.block)
    made = Island(back, modes, widths=widths)
    again = {unit: one for unit, one in Work.of_nodes(back, True).total.items() if one.terms}
    return CircuitResources(made, again)
