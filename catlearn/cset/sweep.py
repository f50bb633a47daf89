"""Morphisms in bulk: many partial solutions are extended at once, by joins.

Where solutions are many, trying out one after the other is slow. A *sweep* fixes an order of the
variables (:mod:`catlearn.cset.constraints`) and extends a block of partial solutions, a matrix
with a column for each variable placed so far, by one variable at a time: along an arrow out of a
placed variable by looking up its values; along one into a placed variable by joining with its
fibres; then rows that break a constraint are dropped. Blocks are cut so that they stay small, and
go on a stack, so that memory is bounded and first solutions come early (compare "worst-case
optimal joins": Ngo, Porat, Ré, Rudra, 2012).

A sweep does not look ahead. So it counts its steps, and when they are too many for the solutions
that it has found, the rest is left to the search (:mod:`catlearn.cset.propagation`), from the
beginning if there are none yet, else from each partial solution that is on the stack.

>>> from catlearn.category import Graph
>>> from catlearn.cset.constraints import Problem
>>> path = Graph({"f": ("A", "B"), "g": ("B", "C")})
>>> [block.tolist() for block in solve(Problem(path, path), {})]
[[[0, 1, 2, 0, 1]]]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce

import numpy as np

from catlearn.cset.constraints import Candidates, Problem, Step
from catlearn.cset.propagation import Search, as_sets
from catlearn.finset.join import expand

FIRST, MOST = 64, 8192
"""How many partial solutions a block may have, at first, and when there was much to do."""

WIDE = 150
"""With more variables to choose values for, extending all of a block costs too much."""

FREE, PER_SOLUTION = 400_000, 16
"""How many steps a sweep may make without a solution; and for each variable of a solution, and
each row of the codomain, so that looking at all of it a few times is not too much."""

FREE_ISO = 50_000
"""The first of these for isomorphisms, for which the search can do more than a sweep."""

Source = tuple[bool, list[tuple[int, Step]]]
"""Whether a variable is an image, and the placed ones that it is the image of, or that are its."""

Block = list[np.ndarray]
"""A column for each variable that is placed, in their order."""


def solve(problem: Problem, fixed: Mapping[int, int]) -> Iterator[np.ndarray]:
    """Generate all solutions, as rows of matrices with a column for each variable."""
    candidates = problem.candidates()
    if candidates is None:
        return
    for x, value in fixed.items():
        if value not in candidates[x].tolist():
            return
        candidates[x] = np.array([value], np.int64)
    if not problem.iso and not problem.narrow(candidates):
        return
    open_ = sum(len(rows) > 1 for rows in candidates)
    if any(problem.all_hit) or not 0 < open_ <= WIDE:
        yield from (
            np.array([found], np.int64) for found in Search(problem).run(as_sets(candidates))
        )
        return
    yield from Sweep(problem, candidates).run()


class Sweep:
    """An order of the variables, and what to do for each.

    Parameters
    ----------
    problem
        A problem without tables all of whose rows must be hit.
    candidates
        Its candidates.
    """

    def __init__(self, problem: Problem, candidates: Candidates) -> None:
        self.problem, self.candidates = problem, candidates
        self.place: dict[int, int] = {}
        self.plan: list[tuple[int, Source]] = []
        self.masks: dict[int, np.ndarray] = {}
        self.fibres: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}
        self._order()

    def _order(self) -> None:
        """Place variables: images at once, then those that most constraints tie to placed ones."""
        problem, candidates, place = self.problem, self.candidates, self.place
        rank = {x: k for k, x in enumerate(problem.order)}
        tied: dict[int, int] = {}

        def put(x: int, source: Source) -> None:
            stack = [(x, source)]
            while stack:
                y, how = stack.pop()
                if y in place:
                    continue
                place[y] = len(self.plan)
                self.plan.append((y, how))
                tied.pop(y, None)
                stack += [(z, (True, [(y, step)])) for z, step in reversed(problem.down[y])]
                for z, _ in problem.up[y]:
                    if z not in place:
                        tied[z] = tied.get(z, 0) + 1

        for x in sorted(rank, key=lambda x: (len(candidates[x]) > 1, rank[x])):
            if x in place:
                continue
            put(x, (False, []))
            while tied:
                new = min(tied, key=lambda y: (-tied[y], len(candidates[y]), rank[y]))
                put(new, (False, [(y, step) for y, step in problem.down[new] if y in place]))

    def run(self) -> Iterator[np.ndarray]:
        """Generate blocks of solutions; leave the rest to the search if they are too few."""
        problem = self.problem
        width, steps, found, most = len(self.plan), 0, 0, FIRST
        columns = np.argsort([x for x, _ in self.plan], kind="stable")
        rows = sum(one.size for one in problem.other.sets.values())
        free = FREE_ISO if problem.iso else FREE + PER_SOLUTION * rows
        stack: list[tuple[Block, int]] = [([], 1)]
        while stack:
            block, size = stack.pop()
            if len(block) == width:
                found += size
                yield np.stack(block)[columns].T if width else np.zeros((1, 0), np.int64)
                continue
            if steps > free + PER_SOLUTION * width * found:
                stack.append((block, size))
                yield from self._search(stack if found else [([], 1)])
                return
            pieces, size = self._extend(block, size, most)
            steps += size
            most = min(max(most, steps // FIRST), MOST)
            stack += pieces
        return

    def _extend(self, block: Block, size: int, most: int) -> tuple[list[tuple[Block, int]], int]:
        """Extend a block by one variable; return what is next last, and how much was done."""
        x, (is_image, ends) = self.plan[len(block)]
        if is_image:
            ((y, step),) = ends
            return self._kept(block, x, step.array[block[self.place[y]]]), size
        if ends:
            many, keys, wanted = self._fibres(ends, block)
            starts = np.searchsorted(keys, wanted, side="left")
            counts = np.searchsorted(keys, wanted, side="right") - starts
        else:
            many = self.candidates[x]
            starts, counts = np.zeros(size, np.int64), np.full(size, many.size)
        rest, total = [], int(counts.sum())
        if total > most and size > 1:
            cut = max(1, int(np.searchsorted(np.cumsum(counts), most)))
            rest = [([column[cut:] for column in block], size - cut)]
            block, starts, counts = [column[:cut] for column in block], starts[:cut], counts[:cut]
            size, total = cut, int(counts.sum())
        if total != size or not (counts == 1).all():
            owners = np.repeat(np.arange(size), counts)
            block = [column[owners] for column in block]
        return rest + self._kept(block, x, many[expand(starts, counts)]), total

    def _fibres(
        self, ends: list[tuple[int, Step]], block: Block
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return rows sorted by their images at several ends, these, and the images asked for."""
        names = tuple(id(step) for _, step in ends)
        spans = [self.problem.other.sets[self._table(y)].size for y, _ in ends]
        while np.prod([float(span) for span in spans]) > 2.0**62:
            spans, ends, names = spans[:-1], ends[:-1], names[:-1]
        if names not in self.fibres:
            rows = reduce(np.intersect1d, [step.sources for _, step in ends])
            keys = np.ravel_multi_index([step.array[rows] for _, step in ends], spans)
            order = np.argsort(keys, kind="stable")
            self.fibres[names] = rows[order], keys[order]
        wanted = np.ravel_multi_index([block[self.place[y]] for y, _ in ends], spans)
        return *self.fibres[names], wanted

    def _table(self, x: int) -> str:
        return self.problem.one.shape.tables[self.problem.kinds[x]]

    def _kept(self, block: Block, x: int, column: np.ndarray) -> list[tuple[Block, int]]:
        """Add a column to a block, and drop the rows that break a constraint."""
        problem, place = self.problem, self.place
        keep = self._mask(x, self.candidates[x])[column]
        if not keep.all():
            block, column = [one[keep] for one in block], column[keep]
            keep = np.ones(column.size, bool)
        for y, step in problem.down[x]:
            if place[y] <= place[x]:
                keep &= step.array[column] == (column if y == x else block[place[y]])
        for y, step in problem.up[x]:
            if place[y] < place[x]:
                keep &= step.array[block[place[y]]] == column
        kind = problem.kinds[x]
        if problem.different[kind]:
            start, stop = problem.spans[kind]
            for y in range(start, stop):
                if place[y] < place[x]:
                    keep &= block[place[y]] != column
        block = [*block, column]
        if not keep.all():
            block = [one[keep] for one in block]
        return [(block, len(block[0]))] if len(block[0]) else []

    def _mask(self, x: int, rows: np.ndarray) -> np.ndarray:
        if id(rows) not in self.masks:
            mask = np.zeros(self.problem.other.size(self._table(x)), bool)
            mask[rows] = True
            self.masks[id(rows)] = mask
        return self.masks[id(rows)]

    def _search(self, stack: list[tuple[Block, int]]) -> Iterator[np.ndarray]:
        """Search on from each of some partial solutions."""
        placed, whole = [x for x, _ in self.plan], as_sets(self.candidates)
        search = Search(self.problem)
        for block, size in reversed(stack):
            for k in range(size):
                candidates = whole.copy()
                for x, column in zip(placed, block, strict=False):
                    candidates[x] = {int(column[k])}
                search.undo(0)
                for found in search.run(candidates):
                    yield np.array([found], np.int64)
