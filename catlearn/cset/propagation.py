"""The search for morphisms: constraints are propagated, then a variable is tried out.

When the candidates of a variable (:mod:`catlearn.cset.constraints`) shrink, those of others do:

- forwards along an arrow x -> y, y's candidates are among the images of x's;
- backwards, x's are among those whose image is a candidate of y. Where y has one candidate these
  are a fibre; where sets are large this is left for later, since it would cost more than it
  excludes;
- where rows must go to different rows, a value that is taken is not a candidate elsewhere;
- where all rows must be hit, as many variables must be free as rows are missing;
- for isomorphisms, colours are refined by the values chosen so far, as long as that excludes
  something.

Then a variable with the fewest candidates is tried out, of these one with the most constraints,
and its candidates in increasing order (Mackworth, "Consistency in networks of relations", 1977;
Haralick and Elliott, "Increasing tree search efficiency for constraint satisfaction problems",
1980). The search is a loop over a stack, so that its depth is not bounded.

>>> from catlearn.category import Graph
>>> from catlearn.cset.constraints import Problem
>>> pair = Graph(vertices=["A", "B"])
>>> search = Search(Problem(pair, pair, injective=["V"]))
>>> list(search.run([{0, 1}, {0, 1}]))
[[0, 1], [1, 0]]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

from catlearn.cset.constraints import Problem
from catlearn.cset.refinement import mixed

Rows = frozenset[int] | set[int]

Candidates = list[Rows]
"""The candidates of each variable. The sets are shared, and so never changed."""

NARROW = 8
"""Up to so many candidates are sent backwards fibre by fibre."""

TRIALS = 4
"""So often, at each depth, it is tried whether refining colours excludes anything."""

SMALL = 64
"""Up to so many candidates are filtered one by one."""


def as_sets(candidates: Iterable[np.ndarray]) -> Candidates:
    """Return candidates as sets; those that shared an array share a set."""
    arrays = list(candidates)
    sets = {id(rows): rows for rows in arrays}
    made = {key: frozenset(rows.tolist()) for key, rows in sets.items()}
    return [made[id(rows)] for rows in arrays]


class Search:
    """The state of one search: which values are taken, with a trail to undo it by."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        tables = len(problem.different)
        self.owners: list[dict[int, int]] = [{} for _ in range(tables)]
        self.hits: list[dict[int, int]] = [defaultdict(int) for _ in range(tables)]
        self.free, self.missing = list(problem.free), list(problem.missing)
        self.trail: list[tuple[int, int]] = []
        self.pays: dict[int, int] = {}

    def run(self, candidates: Candidates) -> Iterator[list[int]]:
        """Generate all solutions among the candidates."""
        problem = self.problem
        forced = [x for x, here in enumerate(candidates) if len(here) == 1]
        if not self.propagate(candidates, forced):
            return
        open_ = [x for x in problem.order if len(candidates[x]) > 1]
        if not open_:
            yield [value for (value,) in candidates]
            return
        stack = [(candidates, open_, len(self.trail), *self.branch(candidates, open_))]
        while stack:
            above, open_, mark, x, values = stack[-1]
            self.undo(mark)
            value = next(values, None)
            if value is None:
                stack.pop()
                continue
            below = above.copy()
            below[x] = {value}
            if not self.settle(below, x, open_, len(stack)):
                continue
            left = [y for y in open_ if len(below[y]) > 1]
            if left:
                stack.append((below, left, len(self.trail), *self.branch(below, left)))
            else:
                yield [found for (found,) in below]

    def branch(self, candidates: Candidates, open_: list[int]) -> tuple[int, Iterator[int]]:
        """Choose the variable to try out, and its candidates in order."""
        best = least = -1
        for x in open_:
            size = len(candidates[x])
            if best < 0 or size < least:
                best, least = x, size
                if size == 2:
                    break
        kind = self.problem.kinds[best]
        taken = self.owners[kind] if self.problem.different[kind] else ()
        return best, iter(sorted(value for value in candidates[best] if value not in taken))

    def undo(self, mark: int) -> None:
        """Forget the values taken since the trail was so long."""
        trail = self.trail
        while len(trail) > mark:
            kind, value = trail.pop()
            if self.problem.different[kind]:
                del self.owners[kind][value]
            else:
                self.hits[kind][value] -= 1
                self.free[kind] += 1
                self.missing[kind] += not self.hits[kind][value]

    def take(self, candidates: Candidates, x: int, value: int, changed: list[int]) -> bool:
        """Note that a variable has its value; false if that cannot be."""
        problem = self.problem
        kind = problem.kinds[x]
        if problem.different[kind]:
            owner = self.owners[kind].setdefault(value, x)
            if owner != x:
                return False
            self.trail.append((kind, value))
            start, stop = problem.spans[kind]
            for y in range(start, stop):
                there = candidates[y]
                if value in there and y != x and len(there) <= SMALL:
                    candidates[y] = there - {value}
                    if len(there) == 1:
                        return False
                    changed.append(y)
        if problem.all_hit[kind]:
            self.trail.append((kind, value))
            self.free[kind] -= 1
            self.missing[kind] -= not self.hits[kind][value]
            self.hits[kind][value] += 1
            return self.missing[kind] <= self.free[kind]
        return True

    def propagate(self, candidates: Candidates, changed: list[int]) -> bool:
        """Shrink candidates until nothing follows; false if some variable has none left."""
        done = set()
        while changed:
            x = changed.pop()
            here = candidates[x]
            if len(here) > 1:
                if not self.spread(candidates, x, here, changed):
                    return False
            elif x not in done:
                done.add(x)
                (value,) = here
                if not self.take(candidates, x, value, changed):
                    return False
                if not self.force(candidates, x, value, changed):
                    return False
        return True

    def force(self, candidates: Candidates, x: int, value: int, changed: list[int]) -> bool:
        """Tell the neighbours of a variable its only value; false if one has none left."""
        problem = self.problem
        for y, step in problem.down[x]:
            there, image = candidates[y], step.at[value]
            if image not in there:
                return False
            if len(there) > 1:
                candidates[y] = {image}
                changed.append(y)
        for y, step in problem.up[x]:
            there = candidates[y]
            if len(there) == 1:
                (row,) = there
                if step.at[row] != value:
                    return False
                continue
            rest = there & step[value]
            if not rest:
                return False
            if len(rest) < len(there):
                candidates[y] = rest
                changed.append(y)
        return True

    def spread(self, candidates: Candidates, x: int, here: Rows, changed: list[int]) -> bool:
        """Tell the neighbours of a variable its candidates; false if one has none left."""
        problem = self.problem
        for y, step in problem.down[x]:
            there = candidates[y]
            rest = there & step.image(here)
            if len(rest) < len(there):
                if not rest:
                    return False
                candidates[y] = rest
                changed.append(y)
        for y, step in problem.up[x]:
            there = candidates[y]
            if len(here) <= NARROW:
                rest = there & set().union(*[step[row] for row in here])
            elif len(there) <= SMALL:
                rest = {row for row in there if step.at[row] in here}
            else:
                continue
            if len(rest) < len(there):
                if not rest:
                    return False
                candidates[y] = rest
                changed.append(y)
        return True

    def settle(self, candidates: Candidates, x: int, open_: list[int], depth: int) -> bool:
        """Draw all conclusions from the value just chosen for x; false if it cannot be.

        For isomorphisms, colours are refined too. Whether that excludes more than propagation
        is tried out a few times at each depth: if it does, it goes first from then on, and if
        not, it is left out.
        """
        useful = self.pays.get(depth, 0) if self.problem.iso else -TRIALS
        changed = [x]
        if useful > 0:
            refined = self.refine(candidates, open_)
            return refined is not None and self.propagate(candidates, changed + refined)
        if not self.propagate(candidates, changed):
            return False
        if useful > -TRIALS:
            left = [y for y in open_ if len(candidates[y]) > 1]
            refined = self.refine(candidates, left) if left else []
            self.pays[depth] = useful - 1 if refined == [] else 1
            return refined is not None and self.propagate(candidates, refined)
        return True

    def refine(self, candidates: Candidates, open_: list[int]) -> list[int] | None:
        """Shrink open variables to the colours that the values chosen so far make.

        Returns
        -------
        list of int, optional
            The variables whose candidates are now less than half; None if no isomorphism is
            left.
        """
        problem, colours = self.problem, {}
        for table, (start, stop) in problem.bounds.items():
            column = problem.colours[table].copy()
            chosen = [
                (x - start, value)
                for x in range(start, stop)
                if len(candidates[x]) == 1
                for value in candidates[x]
            ]
            rows, values = np.array(chosen, np.int64).reshape(-1, 2).T
            column[rows] = column[values + stop - start] = mixed(values.astype(np.uint64), 1)
            colours[table] = column
        colours = problem.refinement.refined(colours)
        if colours is None:
            return None
        found = (problem.refinement.classes(table, colours) for table in problem.bounds)
        classes = [rows for table in found for rows in as_sets(table)]
        changed = []
        for x in open_:
            rest = candidates[x] & classes[x]
            if not rest:
                return None
            if 2 * len(rest) <= len(candidates[x]):
                candidates[x] = rest
                changed.append(x)
        return changed
