"""Constraint problems, such as that of finding morphisms: refinement, propagation and joins.

A problem has **variables** of several kinds, all of a kind with the same values. Its constraints
are partial functions between two variables: the value of the second is the image of the value of
the first. That two variables agree in something is said by a third, the image of both.

>>> where = PartialFunction(np.arange(3), np.array([0, 1, 1]))
>>> agree = Problem([0, 0, 1], [3, 2], [(0, 2, where), (1, 2, where)])
>>> [block.T[:2].tolist() for block in solve(agree, [np.arange(3), np.arange(1, 3), np.arange(2)])]
[[[1, 1, 2, 2], [1, 2, 1, 2]]]

For **morphisms of tables** the variables are the rows of the domain, and their values the rows of
the codomain. Every arrow, and every entry of a list, is a constraint. A variable's *candidates* are
the values that are not excluded. At first these are the rows with equal labels, with lists of equal
lengths, and

- where rows must go to different rows, those that are hit by at least as many rows;
- for isomorphisms, those of the same colour (:mod:`catlearn.finset.refinement`).

>>> from catlearn.category import Graph
>>> path = Graph({"f": ("A", "B"), "g": ("B", "C")})
>>> problem = MorphismProblem(path, path, injective=["V", "E"])
>>> [rows.tolist() for rows in problem.candidates()[:3]]
[[0, 1], [1], [1, 2]]

**Propagation.** When the candidates of a variable shrink, those of others do:

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

>>> pair = Graph(vertices=["A", "B"])
>>> search = Search(MorphismProblem(pair, pair, injective=["V"]))
>>> list(search.run([{0, 1}, {0, 1}]))
[[0, 1], [1, 0]]

**Joins.** Where solutions are many, trying out one after the other is slow. A *sweep* fixes an
order of the variables and extends a block of partial solutions, a matrix with a column for each
variable placed so far, by one variable at a time: along an arrow out of a placed variable by
looking up its values; along one into a placed variable by joining with its fibres; then rows that
break a constraint are dropped. Blocks are cut so that they stay small, and go on a stack, so that
memory is bounded and first solutions come early (compare "worst-case optimal joins": Ngo, Porat,
Ré, Rudra, 2012).

A sweep does not look ahead. So it counts its steps, and when they are too many for the solutions
that it has found, the rest is left to the search, from the beginning if there are none yet, else
from each partial solution that is on the stack.

>>> problem = MorphismProblem(path, path)
>>> [block.tolist() for block in solve(problem, problem.candidates())]
[[[0, 1, 2, 0, 1]]]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, reduce
from itertools import accumulate, pairwise, starmap

import numpy as np

from catlearn.finset.join import expand
from catlearn.finset.labels import shared_codes
from catlearn.finset.refinement import Coloured, sorted_into
from catlearn.finset.tables import Tables
from catlearn.finset.value import marked

Candidates = list[np.ndarray]
"""The candidates of each variable, increasing; arrays are shared, and so never changed."""


RowSet = frozenset[int] | set[int]

CandidateSets = list[RowSet]
"""The candidates of each variable. The sets are shared, and so never changed."""

ROUNDS = 10
"""How often a variable may tell its neighbours, before a search, that its candidates shrank."""


class PartialFunction(dict[int, frozenset[int]]):
    """A partial function on rows of the codomain, with its fibres, which are made when needed.

    Parameters
    ----------
    sources, values
        Where it is defined, and its values there.
    """

    def __init__(self, sources: np.ndarray, values: np.ndarray) -> None:
        super().__init__()
        self.sources, self.images = sources, values

    @cached_property
    def by_value(self) -> tuple[np.ndarray, np.ndarray]:
        """The sources and the values, sorted by value."""
        order = np.argsort(self.images, kind="stable")
        return self.sources[order], self.images[order]

    @cached_property
    def at(self) -> Sequence[int] | Mapping[int, int]:
        """The value at each row."""
        if self.array.size == self.sources.size:
            return self.array.tolist()
        return dict(zip(self.sources.tolist(), self.images.tolist(), strict=True))

    def __missing__(self, value: int) -> frozenset[int]:
        sources, values = self.by_value
        low, high = np.searchsorted(values, [value, value + 1])
        self[value] = found = frozenset(sources[low:high].tolist())
        return found

    @cached_property
    def array(self) -> np.ndarray:
        """The values as an array; -1 where there is none."""
        found = np.full(int(self.sources.max(initial=-1)) + 1, -1)
        found[self.sources] = self.images
        return found

    def image(self, rows: Collection[int]) -> set[int]:
        """Return the images of some rows."""
        at = self.at
        return {at[row] for row in rows}


Constraint = tuple[int, int, PartialFunction]
"""Two variables, and the function from the value of the first to that of the second."""


class Problem:
    """All that a search needs to know.

    Parameters
    ----------
    kinds
        The kind of each variable; variables of a kind stand together.
    sizes
        The number of values of each kind.
    constraints
        The functions between variables.
    different, all_hit
        For each kind whether no two variables may have one value, and whether each value must be
        that of some variable; by default neither.
    """

    iso = False

    def __init__(
        self,
        kinds: Sequence[int],
        sizes: Sequence[int],
        constraints: Iterable[Constraint],
        different: Sequence[bool] = (),
        all_hit: Sequence[bool] = (),
    ) -> None:
        self.kinds, self.sizes = kinds, sizes
        starts = np.searchsorted(kinds, np.arange(len(sizes) + 1)).tolist()
        self.spans = list(pairwise(starts))
        self.different = different or [False] * len(sizes)
        self.all_hit = all_hit or [False] * len(sizes)
        self.free = [stop - start for start, stop in self.spans]
        self.missing = list(sizes)
        count = len(kinds)
        self.down: list[list[tuple[int, PartialFunction]]] = [[] for _ in range(count)]
        self.up: list[list[tuple[int, PartialFunction]]] = [[] for _ in range(count)]
        for source, target, step in constraints:
            self.down[source].append((target, step))
            self.up[target].append((source, step))
        weights = [len(self.down[x]) + len(self.up[x]) for x in range(count)]
        self.order = sorted(range(count), key=lambda x: (-weights[x], x))

    def refined(self, candidates: CandidateSets) -> CandidateSets | None:
        """Return what the values chosen so far leave beyond propagation; None if nothing."""
        return candidates

    def narrow(self, candidates: Candidates) -> bool:
        """Make all arrows consistent, both ways, before a search; false if that is impossible.

        Variables that start with the same candidates often go on sharing them, and so each image
        and each meet is computed once. Colours are consistent already.
        """
        images: dict[tuple[int, int], np.ndarray] = {}
        meets: dict[tuple[int, int, int], np.ndarray] = {}
        marks = [np.zeros(size, bool) for size in self.sizes]
        kept: list[np.ndarray] = []

        def image(y: int, step: PartialFunction, rows: np.ndarray) -> np.ndarray:
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
            x: int, one: np.ndarray, other: np.ndarray, step: PartialFunction | None = None
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


class MorphismProblem(Problem):
    """The problem of finding the morphisms from a domain to a codomain.

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
        tables = one.shape.tables
        starts = accumulate((one.size(table) for table in tables), initial=0)
        self.bounds = dict(zip(tables, pairwise(starts), strict=True))
        implied = self._implied()
        super().__init__(
            [number for number, table in enumerate(tables) for _ in range(one.size(table))],
            [other.size(table) for table in tables],
            self._constraints(),
            [table in self.injective and table not in implied for table in tables],
            # An injection between sets of one size is onto.
            [table in self.surjective - self.injective for table in tables],
        )

    def _constraints(self) -> Iterator[tuple[int, int, PartialFunction]]:
        """Every arrow at every row, and every entry of every list."""
        one, other = self.one, self.other
        for name, (source, target) in one.shape.arrows.items():
            start, end = self.bounds[source][0], self.bounds[target][0]
            values = other.arrows[name].values
            step = PartialFunction(np.arange(values.size), values)
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
                        steps[key] = PartialFunction(
                            rows, there.values[there.offsets[rows] + place]
                        )
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

    def candidates(self, fixed: Mapping[int, int] | None = None) -> Candidates | None:
        """Return the candidates that attributes, lengths, counts and colours leave; or None.

        Some variables may have their values fixed.
        """
        one, other = self.one, self.other
        for table in one.shape.tables:
            here, there = one.size(table), other.size(table)
            if table in self.injective and here > there:
                return None
            if table in self.surjective and here < there:
                return None
        fitting: Candidates = [rows for table in one.shape.tables for rows in self._fitting(table)]
        found = fitting.copy()
        if self.iso:
            coloured = Coloured.of(one, other).refined()
            if coloured is None:
                return None
            self.coloured = coloured
            for start, stop in self.bounds.values():
                classes = coloured.classes(start, stop)
                # Variables with the same candidates go on sharing one set.
                met: dict[tuple[int, int], np.ndarray] = {}
                for x, (a, b) in enumerate(zip(fitting[start:stop], classes, strict=True), start):
                    key = id(a), id(b)
                    if key not in met:
                        met[key] = np.intersect1d(a, b, assume_unique=True)
                    found[x] = met[key]
        for x, value in (fixed or {}).items():
            if value not in found[x].tolist():
                return None
            found[x] = np.array([value], np.int64)
        return found

    def _fitting(self, table: str) -> list[np.ndarray]:
        """Return the rows with labels that fit, lists of equal lengths, and no smaller fibres."""
        one, other, shape = self.one, self.other, self.one.shape
        exact = [np.zeros(one.size(table) + other.size(table), np.int64)]
        grown: list[np.ndarray] = []
        for name, at in shape.attributes.items():
            order = shape.order(name)
            if at != table or order.carry is not None:
                continue
            columns, labels = shared_codes([one, other], name)
            if order.below is None or self.iso:
                exact.append(np.concatenate(columns))
                continue
            # One 0 and 1 a label: where it is, and to the right what it is at most.
            for code in np.unique(columns[0]).tolist():
                above = order.fit(np.full(other.size(table), code), columns[1], labels)
                grown.append(np.concatenate([columns[0] == code, above]).astype(np.int64))
        for name, (source, _) in shape.lists.items():
            if source == table:
                lengths = [one.lists[name].lengths, other.lists[name].lengths]
                exact.append(np.concatenate(lengths))
        for name, (source, target) in shape.arrows.items():
            if target == table and source in self.injective and not self.iso:
                counts = [
                    np.bincount(t.arrows[name].values, minlength=t.size(table))
                    for t in (one, other)
                ]
                grown.append(np.concatenate(counts))
        size = one.size(table)
        codes = np.unique(np.stack(exact), axis=1, return_inverse=True)[1].ravel()
        fitting = sorted_into(codes[:size], codes[size:], int(codes.max(initial=-1)) + 1)
        if not grown:
            return fitting
        counts = np.stack(grown)
        cells, number = np.unique(
            np.vstack([codes[None, :size], counts[:, :size]]), axis=1, return_inverse=True
        )
        sets = []
        for cell in cells.T:
            fits = (codes[size:] == cell[0]) & (counts[:, size:] >= cell[1:, None]).all(axis=0)
            sets.append(np.flatnonzero(fits))
        return [sets[k] for k in number.ravel().tolist()]

    def refined(self, candidates: CandidateSets) -> CandidateSets | None:
        """Return the rows of the colours that the values chosen so far make; None if none fit."""
        chosen = [
            (x, start + value)
            for start, stop in self.bounds.values()
            for x in range(start, stop)
            if len(candidates[x]) == 1
            for value in candidates[x]
        ]
        coloured = self.coloured.sending(*np.array(chosen, np.int64).reshape(-1, 2).T).refined()
        if coloured is None:
            return None
        found = starmap(coloured.classes, self.bounds.values())
        return [rows for table in found for rows in as_sets(table)]


NARROW = 8
"""Up to so many candidates are sent backwards fibre by fibre."""

TRIALS = 4
"""So often, at each depth, it is tried whether refining colours excludes anything."""

SMALL = 64
"""Up to so many candidates are filtered one by one."""


def as_sets(candidates: Iterable[np.ndarray]) -> CandidateSets:
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

    def run(self, candidates: CandidateSets) -> Iterator[list[int]]:
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

    def branch(self, candidates: CandidateSets, open_: list[int]) -> tuple[int, Iterator[int]]:
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

    def take(self, candidates: CandidateSets, x: int, value: int, changed: list[int]) -> bool:
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

    def propagate(self, candidates: CandidateSets, changed: list[int]) -> bool:
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

    def force(self, candidates: CandidateSets, x: int, value: int, changed: list[int]) -> bool:
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

    def spread(self, candidates: CandidateSets, x: int, here: RowSet, changed: list[int]) -> bool:
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

    def settle(self, candidates: CandidateSets, x: int, open_: list[int], depth: int) -> bool:
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

    def refine(self, candidates: CandidateSets, open_: list[int]) -> list[int] | None:
        """Shrink open variables to what the values chosen so far leave beyond propagation.

        Returns
        -------
        list of int, optional
            The variables whose candidates are now less than half; None if one has none left.
        """
        left = self.problem.refined(candidates)
        if left is None:
            return None
        changed = []
        for x in open_:
            rest = candidates[x] & left[x]
            if not rest:
                return None
            if 2 * len(rest) <= len(candidates[x]):
                candidates[x] = rest
                changed.append(x)
        return changed


FIRST, MOST = 64, 8192
"""How many partial solutions a block may have, at first, and when there was much to do."""

WIDE = 150
"""With more variables to choose values for, extending all of a block costs too much."""

FREE, PER_SOLUTION = 400_000, 16
"""How many steps a sweep may make without a solution; and for each variable of a solution, and
each row of the codomain, so that looking at all of it a few times is not too much."""

FREE_ISO = 50_000
"""The first of these for isomorphisms, for which the search can do more than a sweep."""

Placing = tuple[bool, list[tuple[int, PartialFunction]]]
"""Whether a variable is an image, and the placed ones that it is the image of, or that are its."""

Block = list[np.ndarray]
"""A column for each variable that is placed, in their order."""


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
        self.plan: list[tuple[int, Placing]] = []
        self.masks: dict[int, np.ndarray] = {}
        self.fibres: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}
        self._order()

    def _order(self) -> None:
        """Place variables: images at once, then those that most constraints tie to placed ones."""
        problem, candidates, place = self.problem, self.candidates, self.place
        rank = {x: k for k, x in enumerate(problem.order)}
        tied: dict[int, int] = {}

        def put(x: int, source: Placing) -> None:
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
        rows = sum(problem.sizes)
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
        self, ends: list[tuple[int, PartialFunction]], block: Block
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return rows sorted by their images at several ends, these, and the images asked for."""
        names = tuple(id(step) for _, step in ends)
        spans = [self.problem.sizes[self.problem.kinds[y]] for y, _ in ends]
        while np.prod([float(span) for span in spans]) > 2.0**62:
            spans, ends, names = spans[:-1], ends[:-1], names[:-1]
        if names not in self.fibres:
            rows = reduce(np.intersect1d, [step.sources for _, step in ends])
            keys = np.ravel_multi_index([step.array[rows] for _, step in ends], spans)
            order = np.argsort(keys, kind="stable")
            self.fibres[names] = rows[order], keys[order]
        wanted = np.ravel_multi_index([block[self.place[y]] for y, _ in ends], spans)
        return *self.fibres[names], wanted

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
            self.masks[id(rows)] = marked(rows, self.problem.sizes[self.problem.kinds[x]])
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


def solve(problem: Problem, candidates: Candidates | None) -> Iterator[np.ndarray]:
    """Generate all solutions, as rows of matrices with a column for each variable.

    Parameters
    ----------
    problem
        The problem.
    candidates
        The values that each variable may have, increasing; the list may be changed. With None
        there are no solutions.
    """
    if candidates is None or not (problem.iso or problem.narrow(candidates)):
        return
    open_ = sum(len(rows) > 1 for rows in candidates)
    if any(problem.all_hit) or not 0 < open_ <= WIDE:
        yield from (
            np.array([found], np.int64) for found in Search(problem).run(as_sets(candidates))
        )
        return
    yield from Sweep(problem, candidates).run()
