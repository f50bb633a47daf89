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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from catlearn.arrays.circuit import Circuit
from catlearn.streams.folding import Fold, grouped, interned
from catlearn.streams.rules import StreamRefused
from catlearn.streams.skipping import Skip, hidden, skips, starts_empty


class Cut(NamedTuple):
    """A part of a fold at blocks of some axes.

    Parameters
    ----------
    body
        What runs at a block.
    given
        Where each array that it is given comes from: an input of the part; or, negative, the
        indices of an axis, the first of which is -1.
    entries
        At which position each input has the axes that are cut, in their order.
    exits
        The same of each output.
    axes, blocks
        The rows of the axes, and of those of their blocks.
    """

    body: Circuit
    given: list[int]
    entries: list[dict[int, int]]
    exits: list[dict[int, int]]
    axes: list[int]
    blocks: list[int]

    @classmethod
    def of(cls, part: Circuit, along: Iterable[str | int]) -> Cut:
        """Return a part at blocks of axes of its outputs, by what these are called, or their rows.

        Raises
        ------
        StreamRefused
            If an output does not have an axis once, or blocks of what is given do not do.
        """
        body, given = part, [*range(len(part.dom))]
        entries, exits = ([dict[int, int]() for _ in side] for side in (part.dom, part.cod))
        axes, blocks = [], []
        for number, name in enumerate(along):
            one = grouped(body, name, whole=True)
            letter = part.apex.called(one.axis) if isinstance(name, int) else name
            if one.head.apex.size("Box"):
                title = one.head.apex.title(0)
                message = f"{title} runs whole before blocks of axis {letter}"
                raise StreamRefused(title, message)
            places = [body.dom.index(wire) for wire in one.head.cod]
            sources = [given[place] for place in places]
            if len({*sources}) < len(sources):
                message = f"an array is read whole, or in two ways, along axis {letter}"
                raise StreamRefused(letter, message)
            for source, axis in zip(sources[one.fixed :], one.entries, strict=True):
                entries[source][number] = axis
            for found, axis in zip(exits, one.exits, strict=True):
                found[number] = axis
            given = [*sources, -1 - number]
            body = one.body
            axes.append(one.axis)
            blocks.append(one.block)
        return cls(interned(body), given, entries, exits, axes, blocks)

    def stepped(self, count: int) -> Cut:
        """Return it, if of so many arrays of a state it reads the blocks that it writes.

        Raises
        ------
        StreamRefused
            If not.
        """
        if self.entries[:count] != self.exits[:count]:
            title = self.body.apex.called(self.axes[0])
            raise StreamRefused(title, f"an array of the state is read whole along axis {title}")
        return self


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
    step: Cut
    terms: Cut
    references: Cut

    @cached_property
    def compensated(self) -> Cut:
        """The step with compensated sums."""
        return Cut.of(self.fold.compensated, [self.axis]).stepped(len(self.fold.compensated.cod))

    @cached_property
    def masks(self) -> tuple[Skip, ...]:
        """Masks that hide tiles, if their fills add nothing."""
        return tuple(skips(self.fold, self.terms.body, self.terms.given))

    @cached_property
    def known(self) -> tuple[Skip, ...]:
        """Those of them that say which they hide before there are numbers."""
        indices = {-1, len(self.fold.terms.dom) - 1}
        return tuple(one for one in self.masks
                     if one.conditions and {*one.places.values()} <= indices)  # fmt: skip

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
        row = np.arange(0, sizes[self.axis], rows)[:, None]
        start = np.arange(0, sizes[self.fold.axis], block)[None]
        last = len(self.fold.terms.dom) - 1
        ends = {-1: (row, row + rows - 1), last: (start, start + block - 1)}
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
    step = fold.step
    state = _axes(step, step.cod)
    read = _axes(step, step.dom[-1 - len(fold.entries) : -1])
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
    if not all(row.count(axis) == 1 for row in _axes(fold.step, fold.step.cod)):
        raise StreamRefused(letter, f"not each array of the state has axis {letter} once")
    step, terms, references = (
        Cut.of(part, [axis]) for part in (fold.step, summands(fold), fold.references)
    )
    return Tiled(fold, axis, step.stepped(len(fold.kinds)), terms, references)


def summands(fold: Fold) -> Circuit:
    """Return the terms of a fold, without what the greatest entries are of."""
    terms = fold.terms
    return Circuit.of(terms.apex, terms.dom, terms.cod[: len(fold.kinds)])


def _axes(part: Circuit, wires: Iterable[int]) -> list[list[int]]:
    rows = part.apex.lists["axes"]
    return [rows.row(wire).tolist() for wire in wires]
