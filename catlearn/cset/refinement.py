"""Colour refinement of tables: an invariant that isomorphisms preserve.

A *colouring* gives each row a colour. It is refined by giving each row a new colour made of its
own, of those of the rows that its arrows and lists reach (in order), and of those of the rows
that reach it (in any order), until the number of colours stays the same. Rows that an
isomorphism matches have equal colours, so that rows are only ever to be tried within colours,
and tables whose colours are not equally frequent are not isomorphic. (Weisfeiler and Leman,
1968; McKay and Piperno, "Practical graph isomorphism, II", 2014.)

Colours are 64-bit hashes. Two different colours may by chance become one: that makes the
invariant weaker, never wrong.

>>> from catlearn.category import Graph
>>> path = Graph({"f": ("A", "B"), "g": ("B", "C")})
>>> refinement = Refinement(path, path)
>>> colours = refinement.refined(refinement.start())
>>> len(set(colours["V"][:3].tolist()))
3
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from catlearn.finset.gluing import shared_codes

if TYPE_CHECKING:
    from catlearn.finset import Tables

Colours = dict[str, np.ndarray]
"""Table -> a uint64 colour for each row of the domain, then for each of the codomain."""


def mixed(values: np.ndarray, salt: int) -> np.ndarray:
    """Return uint64 numbers scattered over the whole range, in a way that depends on the salt.

    The finaliser of splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
    generators", 2014).
    """
    offset = np.uint64((salt + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
    found = values + offset
    found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return found ^ (found >> np.uint64(31))


class Refinement:
    """Refines colourings of two tables of one shape at once.

    Parameters
    ----------
    one, other
        The tables.
    """

    def __init__(self, one: Tables, other: Tables) -> None:
        self.one, self.other = one, other
        self.sizes = {table: rows.size for table, rows in one.sets.items()}
        self.steps = []
        for name, (source, target) in one.shape.steps().items():
            parts = [one.step(name), other.step(name)]
            values = np.concatenate([parts[0].values, parts[1].values + self.sizes[target]])
            lengths = np.concatenate([rows.lengths for rows in parts])
            starts = np.concatenate([[0], np.cumsum(lengths)])
            owners = np.repeat(np.arange(lengths.size), lengths)
            places = (np.arange(values.size) - starts[owners]).astype(np.uint64)
            by_target = np.argsort(values, kind="stable")
            total = one.size(target) + other.size(target)
            ends = np.searchsorted(values[by_target], np.arange(total + 1))
            self.steps.append((source, target, values, owners, places, starts, by_target, ends))

    def start(self) -> Colours:
        """Return the colouring by attributes and by lengths of lists."""
        one, other = self.one, self.other
        colours = {
            table: np.full(one.size(table) + other.size(table), number, np.uint64)
            for number, table in enumerate(one.shape.tables)
        }
        for salt, (name, table) in enumerate(one.shape.attributes.items()):
            codes = np.concatenate(shared_codes([one, other], name)[0]).astype(np.uint64)
            colours[table] = mixed(colours[table], salt) + mixed(codes, salt)
        for salt, (name, (source, _)) in enumerate(one.shape.lists.items()):
            lengths = np.concatenate([one.lists[name].lengths, other.lists[name].lengths])
            colours[source] = mixed(colours[source], salt) + mixed(lengths.astype(np.uint64), salt)
        return colours

    def refined(self, colours: Colours) -> Colours | None:
        """Refine until the number of colours no longer grows; None if the tables differ."""
        count = _count(colours)
        while self.agree(colours):
            finer = self._round(colours)
            more = _count(finer)
            if more <= count:
                return finer if self.agree(finer) else None
            colours, count = finer, more
        return None

    def _round(self, colours: Colours) -> Colours:
        finer = {table: mixed(column, 0) for table, column in colours.items()}
        for k, step in enumerate(self.steps):
            source, target, values, owners, places, starts, by_target, ends = step
            out = mixed(colours[target][values] + mixed(places, 0), 3 * k + 1)
            finer[source] = mixed(finer[source], 3 * k + 2) + _sums(out, starts)
            into = mixed(colours[source][owners] + mixed(places, 0), 3 * k + 3)
            finer[target] = mixed(finer[target], 3 * k + 2) + _sums(into[by_target], ends)
        return finer

    def agree(self, colours: Colours) -> bool:
        """Whether the colours are equally frequent in both tables, as far as a sum can tell."""
        halves = ((mixed(column, 0), self.sizes[table]) for table, column in colours.items())
        return all(c[:n].sum(dtype=np.uint64) == c[n:].sum(dtype=np.uint64) for c, n in halves)

    def classes(self, table: str, colours: Colours) -> list[np.ndarray]:
        """Return, for each row of the one, the rows of the other that have its colour."""
        column, size = colours[table], self.sizes[table]
        kinds, codes = np.unique(column, return_inverse=True)
        return sorted_into(codes[:size], codes[size:], kinds.size)


def sorted_into(wanted: np.ndarray, codes: np.ndarray, count: int) -> list[np.ndarray]:
    """Return, for each code wanted, the positions of ``codes`` that have it, increasing.

    Positions with equal codes share one array.
    """
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(count + 1)).tolist()
    sets = {code: order[ends[code] : ends[code + 1]] for code in set(wanted.tolist())}
    return [sets[code] for code in wanted.tolist()]


def _sums(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Sum the values between consecutive bounds, modulo 2**64."""
    running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)])
    return running[bounds[1:]] - running[bounds[:-1]]


def _count(colours: Colours) -> int:
    columns: Iterable[np.ndarray] = colours.values()
    return sum(np.unique(column).size for column in columns)
