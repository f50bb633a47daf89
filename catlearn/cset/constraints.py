"""The constraint problem of finding morphisms.

Its variables are the rows of the domain, and the values of a variable are rows of the codomain.
Every arrow, and every entry of a list, is a constraint between two variables: the value of the
second is the image of the value of the first. A variable's *candidates* are the values that are
not excluded. At first these are the rows with equal labels, with lists of equal lengths, and

- where rows must go to different rows, those that are hit by at least as many rows;
- for isomorphisms, those of the same colour (:mod:`catlearn.cset.refinement`).

>>> from catlearn.category import Graph
>>> path = Graph({"f": ("A", "B"), "g": ("B", "C")})
>>> problem = Problem(path, path, injective=["V", "E"])
>>> [rows.tolist() for rows in problem.candidates()[:3]]
[[0, 1], [1], [1, 2]]
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from catlearn.cset.refinement import Refinement, sorted_into
from catlearn.finset.gluing import shared_codes

if TYPE_CHECKING:
    from catlearn.finset import Tables

Candidates = list[np.ndarray]
"""The candidates of each variable, increasing; arrays are shared, and so never changed."""


ROUNDS = 10
"""How often a variable may tell its neighbours, before a search, that its candidates shrank."""


class Step(dict[int, frozenset[int]]):
    """A partial function on rows of the codomain, with its fibres, which are made when needed.

    Parameters
    ----------
    sources, values
        Where it is defined, and its values there.
    """

    def __init__(self, sources: np.ndarray, values: np.ndarray) -> None:
        super().__init__()
        order = np.argsort(values, kind="stable")
        self.sources, self.sorted = sources[order], values[order]

    @cached_property
    def at(self) -> Sequence[int] | Mapping[int, int]:
        """The value at each row."""
        if self.array.size == self.sources.size:
            return self.array.tolist()
        return dict(zip(self.sources.tolist(), self.sorted.tolist(), strict=True))

    def __missing__(self, value: int) -> frozenset[int]:
        low, high = np.searchsorted(self.sorted, [value, value + 1])
        self[value] = found = frozenset(self.sources[low:high].tolist())
        return found

    @cached_property
    def array(self) -> np.ndarray:
        """The values as an array; -1 where there is none."""
        found = np.full(int(self.sources.max(initial=-1)) + 1, -1)
        found[self.sources] = self.sorted
        return found

    def image(self, rows: Collection[int]) -> set[int]:
        """Return the images of some rows."""
        at = self.at
        return {at[row] for row in rows}


class Problem:
    """All that a search needs to know about a domain and a codomain.

    Parameters
    ----------
    one, other
        The domain and the codomain, of one shape.
    injective, surjective
        The tables on which no two rows may go to one, and all rows must be hit.
    iso
        Whether only isomorphisms are asked for.
    """

    def __init__(
        self,
        one: Tables,
        other: Tables,
        injective: Iterable[str] = (),
        surjective: Iterable[str] = (),
        iso: bool = False,
    ) -> None:
        self.one, self.other, self.iso = one, other, iso
        self.injective, self.surjective = set(injective), set(surjective)
        self.bounds, self.kinds = {}, []
        tables = one.shape.tables
        for number, table in enumerate(tables):
            start = len(self.kinds)
            self.kinds += [number] * one.size(table)
            self.bounds[table] = (start, len(self.kinds))
        self.spans = list(self.bounds.values())
        implied = self._implied()
        self.different = [table in self.injective and table not in implied for table in tables]
        # An injection between sets of one size is onto.
        self.all_hit = [table in self.surjective - self.injective for table in tables]
        self.free = [one.size(table) for table in tables]
        self.missing = [other.size(table) for table in tables]
        count = len(self.kinds)
        self.down: list[list[tuple[int, Step]]] = [[] for _ in range(count)]
        self.up: list[list[tuple[int, Step]]] = [[] for _ in range(count)]
        for source, target, step in self._constraints():
            self.down[source].append((target, step))
            self.up[target].append((source, step))
        weights = [len(self.down[x]) + len(self.up[x]) for x in range(count)]
        self.order = sorted(range(count), key=lambda x: (-weights[x], x))

    def _constraints(self) -> Iterator[tuple[int, int, Step]]:
        """Every arrow at every row, and every entry of every list."""
        one, other = self.one, self.other
        for name, (source, target) in one.shape.arrows.items():
            start, end = self.bounds[source][0], self.bounds[target][0]
            values = other.arrows[name].values
            step = Step(np.arange(values.size), values)
            for k, value in enumerate(one.arrows[name].values.tolist()):
                yield start + k, end + value, step
        for name, (source, target) in one.shape.lists.items():
            start, end = self.bounds[source][0], self.bounds[target][0]
            there, steps = other.lists[name], {}
            for k, entries in enumerate(one.lists[name]):
                for place, value in enumerate(entries):
                    key = len(entries), place
                    if key not in steps:
                        rows = np.flatnonzero(there.lengths == len(entries))
                        steps[key] = Step(rows, there.values[there.offsets[rows] + place])
                    yield start + k, end + value, steps[key]

    def _implied(self) -> set[str]:
        """Return tables on which injectivity follows from that on others.

        Rows that differ under some arrow into a table whose rows go to different rows do so
        themselves. Tables that others are implied by are kept.
        """
        one, kept, implied = self.one, set(), set()
        for table in one.shape.tables:
            ends = [
                (name, target)
                for name, (source, target) in one.shape.arrows.items()
                if source == table and target in self.injective and target != table
            ]
            if not ends or table in kept or table not in self.injective:
                continue
            columns = np.stack([one.arrows[name].values for name, _ in ends])
            if np.unique(columns, axis=1).shape[1] == one.size(table):
                implied.add(table)
                kept.update(target for _, target in ends)
        return implied

    def candidates(self) -> Candidates | None:
        """Return the candidates that attributes, lengths, counts and colours leave; or None."""
        one, other = self.one, self.other
        for table in one.shape.tables:
            here, there = one.size(table), other.size(table)
            if table in self.injective and here > there:
                return None
            if table in self.surjective and here < there:
                return None
        alike: Candidates = [rows for table in one.shape.tables for rows in self._alike(table)]
        found = alike.copy()
        if self.iso:
            self.refinement = Refinement(one, other)
            colours = self.refinement.refined(self.refinement.start())
            if colours is None:
                return None
            self.colours = colours
            for table, (start, stop) in self.bounds.items():
                classes = self.refinement.classes(table, self.colours)
                # Variables with the same candidates go on sharing one set.
                met: dict[tuple[int, int], np.ndarray] = {}
                for x, (a, b) in enumerate(zip(alike[start:stop], classes, strict=True), start):
                    key = id(a), id(b)
                    if key not in met:
                        met[key] = np.intersect1d(a, b, assume_unique=True)
                    found[x] = met[key]
        return found

    def _alike(self, table: str) -> list[np.ndarray]:
        """Return the rows with equal labels, lists of equal lengths, and no smaller fibres."""
        one, other, shape = self.one, self.other, self.one.shape
        exact = [np.zeros(one.size(table) + other.size(table), np.int64)]
        for name, at in shape.attributes.items():
            if at == table:
                exact.append(np.concatenate(shared_codes([one, other], name)[0]))
        for name, (source, _) in shape.lists.items():
            if source == table:
                lengths = [one.lists[name].lengths, other.lists[name].lengths]
                exact.append(np.concatenate(lengths))
        grown = []
        for name, (source, target) in shape.arrows.items():
            if target == table and source in self.injective and not self.iso:
                counts = [
                    np.bincount(t.arrows[name].values, minlength=t.size(table))
                    for t in (one, other)
                ]
                grown.append(np.concatenate(counts))
        size = one.size(table)
        codes = np.unique(np.stack(exact), axis=1, return_inverse=True)[1].ravel()
        alike = sorted_into(codes[:size], codes[size:], int(codes.max(initial=-1)) + 1)
        if not grown:
            return alike
        counts = np.stack(grown)
        cells, number = np.unique(
            np.vstack([codes[None, :size], counts[:, :size]]), axis=1, return_inverse=True
        )
        sets = []
        for cell in cells.T:
            fits = (codes[size:] == cell[0]) & (counts[:, size:] >= cell[1:, None]).all(axis=0)
            sets.append(np.flatnonzero(fits))
        return [sets[k] for k in number.ravel().tolist()]

    def narrow(self, candidates: Candidates) -> bool:
        """Make all arrows consistent, both ways, before a search; false if that is impossible.

        Variables that start with the same candidates often go on sharing them, and so each image
        and each meet is computed once. Colours are consistent already.
        """
        images: dict[tuple[int, int], np.ndarray] = {}
        meets: dict[tuple[int, int, int], np.ndarray] = {}
        marks = [np.zeros(self.other.size(table), bool) for table in self.one.shape.tables]
        kept: list[np.ndarray] = []

        def image(y: int, step: Step, rows: np.ndarray) -> np.ndarray:
            key = id(step), id(rows)
            if key not in images:
                mark, found = marks[self.kinds[y]], step.array[rows]
                mark[found] = True
                # A sort is faster than a scan where few rows of many are marked.
                few = found.size * 8 < mark.size
                images[key] = np.unique(found) if few else np.flatnonzero(mark)
                mark[found] = False
                kept.append(rows)
            return images[key]

        def meet(
            x: int, one: np.ndarray, other: np.ndarray, step: Step | None = None
        ) -> np.ndarray:
            key = id(one), id(other), id(step)
            if key not in meets:
                mark = marks[self.kinds[x]]
                mark[other] = True
                found = one[mark[one if step is None else step.array[one]]]
                mark[other] = False
                meets[key] = one if found.size == one.size else found
                kept.extend((one, other))
            return meets[key]

        pending = dict.fromkeys(range(len(candidates)), 0)
        left = [ROUNDS] * len(candidates)
        while pending:
            x = next(iter(pending))
            del pending[x]
            here = candidates[x]
            if not here.size:
                return False
            left[x] -= 1
            forwards = [(y, step, True) for y, step in self.down[x]]
            for y, step, forward in forwards + [(y, step, False) for y, step in self.up[x]]:
                there = candidates[y]
                rest = (
                    meet(y, there, image(y, step, here)) if forward else meet(x, there, here, step)
                )
                if rest.size < there.size:
                    candidates[y] = rest
                    if left[y]:
                        pending[y] = 0
        for number, (start, stop) in enumerate(self.spans):
            if self.all_hit[number]:
                hit = marks[number]
                for rows in candidates[start:stop]:
                    hit[rows] = True
                if not hit.all():
                    return False
        return True
