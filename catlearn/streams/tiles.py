"""Tiles: blocks of two axes, so that less of a state is read, and what a mask hides is not.

A fold reads blocks of its variable, and its state has all indices of other axes. Where many of
these leave blocks of few indices, each reads and writes as much of the state as it forms; and under
a causal mask each has an open entry, so that none is left out. At blocks of one of these axes, too,
neither is so: half of the tiles under a causal mask are hidden, and most masks say which before
there are numbers. Step and terms are the same circuits at a block of the axis; what comes before
and after the pass is as it was.

>>> from catlearn.arrays import einsum, idle, softmax, where
>>> from catlearn.streams import stream
>>> scores = where("q x", "x <= q") >> softmax("[x]")
>>> fold = stream(scores @ idle >> einsum("q x, x e -> q e"), "x")
>>> sizes = dict.fromkeys(range(fold.circuit.apex.size("Axis")), 8)
>>> made = tiled(fold, *beside(fold))
>>> len(made.visited(sizes, 2, 2)), len(made.visited(sizes, 4, 4))
(10, 3)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from catlearn.arrays.circuit import Circuit
from catlearn.streams.folding import Fold, interned
from catlearn.streams.nodes import Nodes
from catlearn.streams.rules import StreamRefused
from catlearn.streams.skipping import Skip, hidden, skips, starts_empty


class TiledPart(NamedTuple):
    """A part of a fold at a block of an axis.

    Parameters
    ----------
    circuit
        From what the part is given, and the indices of the block.
    entries, exits
        At which position what it is given, and what it returns, has the axis; None where what is
        given is read whole.
    block
        The row of the axis of the block.
    """

    circuit: Circuit
    entries: tuple[int | None, ...]
    exits: tuple[int, ...]
    block: int


@dataclass(frozen=True)
class Tiled:
    """A fold that reads blocks of an axis of its state, too; :func:`tiled` makes it.

    Parameters
    ----------
    fold
        The fold.
    axis
        The row of the axis.
    step, terms, references
        Parts of the fold at a block of the axis.
    """

    fold: Fold
    axis: int
    step: TiledPart
    terms: TiledPart
    references: TiledPart

    @cached_property
    def masks(self) -> tuple[Skip, ...]:
        """Masks that hide tiles, if their fills add nothing."""
        return tuple(skips(self.fold, self.terms.circuit))

    @cached_property
    def known(self) -> tuple[Skip, ...]:
        """Those of them that say which they hide before there are numbers."""
        last = len(self.terms.circuit.dom) - 1
        return tuple(one for one in self.masks
                     if one.conditions and {*one.places.values()} <= {last - 1, last})  # fmt: skip

    def visited(
        self, sizes: Mapping[int, int], rows: int, block: int, masks: Sequence[Skip] | None = None
    ) -> np.ndarray:
        """List the tiles that are not hidden, each by its first indices, by rows and blocks.

        Parameters
        ----------
        sizes
            Of the axes.
        rows, block
            The sizes of blocks of the axis, and of the variable; they divide these.
        masks
            Of those that are known; all of them unless said.
        """
        last = len(self.terms.circuit.dom) - 1
        row = np.arange(0, sizes[self.axis], rows)[:, None]
        start = np.arange(0, sizes[self.fold.axis], block)[None]
        ends = {last: (row, row + rows - 1), last - 1: (start, start + block - 1)}
        gone = np.zeros((row.size, start.size), bool)
        for one in hidden(self.known if masks is None else masks, sizes, ends.__getitem__):
            gone |= one
        return np.argwhere(~gone) * [rows, block]


class Tiles(NamedTuple):
    """Tiles of a fold, at sizes of its axes.

    Parameters
    ----------
    tiled
        The fold at blocks of an axis.
    rows, block
        How many indices of the axis, and of the variable, are read at a time.
    visited, every
        How many tiles are not hidden, and how many there are.
    """

    tiled: Tiled
    rows: int
    block: int
    visited: int
    every: int

    @property
    def fits(self) -> tuple[int, int, int]:
        """The axis, how many of its indices are read at a time, and how many tiles are visited."""
        return self.tiled.axis, self.rows, self.visited


LEAST = 32
"""How many indices of an axis a tile has at least."""


def tilings(fold: Fold, sizes: Mapping[int, int], at_once: int, largest: int) -> list[Tiles]:
    """List tiles of a fold that divide its axes.

    Parameters
    ----------
    sizes
        Of the axes.
    at_once
        How many numbers of the largest array are formed at once, at most.
    largest
        How many it has.
    """
    found, length = list[Tiles](), sizes[fold.axis]
    for axis in beside(fold):
        try:
            made = tiled(fold, axis)
        except StreamRefused:
            continue
        rows = LEAST
        while rows < sizes[axis] and sizes[axis] % rows == 0:
            several = rows * max(1, largest // (sizes[axis] * length))
            block = 2 ** max((at_once // several).bit_length() - 1, 0)
            if block >= LEAST and length % block == 0:
                every = sizes[axis] // rows * (length // block)
                visited = len(made.visited(sizes, rows, block))
                found.append(Tiles(made, rows, block, visited, every))
            rows *= 2
    return found


def beside(fold: Fold) -> list[int]:
    """List the axes, by their rows, that each array of the state has once.

    Those that all arrays of which blocks are read have, too, such as one of examples, are none:
    nothing is read more often without their blocks, and they may be spread over devices.
    """
    rows, step = fold.step.apex.lists["axes"], fold.step
    state = [rows.row(wire).tolist() for wire in step.cod]
    read = [rows.row(wire).tolist() for wire in step.dom[-1 - len(fold.entries) : -1]]
    return [axis for axis in sorted(state[0]) if all(row.count(axis) == 1 for row in state)
            and not all(axis in row for row in read)]  # fmt: skip


def tiled(fold: Fold, axis: int) -> Tiled:
    """Return a fold that reads blocks of an axis of its state, too.

    Raises
    ------
    StreamRefused
        If not each array of the state has the axis once, if outputs depend on which entries are the
        greatest, or if a state without entries cannot be stepped.
    """
    letter = fold.circuit.apex.called(axis)
    greatest = [drops for kind, drops in zip(fold.kinds, fold.dropped, strict=True)
                if kind == "max"]  # fmt: skip
    types = [fold.step.apex.types[wire] for wire in fold.step.dom]
    counted = any(kind == "max" and one in ("N", "B")
                  for kind, one in zip(fold.kinds, types, strict=False))  # fmt: skip
    if "place" in fold.kinds or counted or not all(greatest) or not starts_empty(fold):
        raise StreamRefused(letter, "its state is not one of sums from an empty one on")
    count = len(fold.kinds)
    terms = fold.terms
    sums = Circuit.of(terms.apex, terms.dom, terms.cod[:count])
    parts = (fold.step, sums, fold.references)
    step, terms, references = (_at_block(part, axis, letter) for part in parts)
    if step.entries[:count] != step.exits:
        raise StreamRefused(letter, f"not each array of the state has axis {letter} once")
    return Tiled(fold, axis, step, terms, references)


def _at_block(part: Circuit, axis: int, letter: str) -> TiledPart:
    """Return a part of a fold at a block of an axis."""
    nodes = Nodes(part, axis)
    nodes.touched |= {wire for row in nodes.draft.boxes for wire in row.outs}  # all of it is run
    block = nodes.draft.axis(letter)
    index = nodes.draft.wire([block], nodes.draft.type("N", axis))
    known: dict[tuple[int, frozenset[int]], int] = {}
    exits, asked = [], []
    for wire in part.cod:
        places = [p for p, row in enumerate(nodes.draft.wires[wire].axes) if row == axis]
        if len(places) != 1:
            raise StreamRefused(letter, f"not each array of the state has axis {letter} once")
        exits += places
        asked.append(nodes.blocked((wire, frozenset(places)), block, index, known, {}))
    leaves = {node: wire for node, wire in known.items() if node[1] and nodes.made(node) is None}
    boxes, needed = nodes.needed(asked, [*leaves.values(), index])
    at = {node[0]: (wire, min(node[1])) for node, wire in leaves.items()}
    if len(at) < len(leaves) or not {*at} <= {*part.dom} or not {*at}.isdisjoint(needed):
        raise StreamRefused(letter, f"an array is read whole, too, along axis {letter}")
    dom = [at[wire][0] if wire in at else wire for wire in part.dom]
    entries = tuple(at[wire][1] if wire in at else None for wire in part.dom)
    circuit = interned(nodes.part(boxes, [*dom, index], asked))
    return TiledPart(circuit, entries, tuple(exits), block)
