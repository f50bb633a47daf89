"""The search for morphisms as a constraint problem.

Its variables are the rows of the domain, and the values of a variable are rows of the codomain.
Every arrow, and every entry of a list, is a constraint between two variables: the value of the
second is the image of the value of the first. A variable's *candidates* are the values that are
not excluded yet; when they shrink, those of its neighbours do:

- forwards along an arrow, y's candidates are among the images of x's;
- backwards, x's are among those whose image is a candidate of y. Where y has one candidate these
  are a fibre; where sets are large this is left for later, since it would cost more than it
  excludes;
- where rows must go to different rows, a value that is taken is not a candidate elsewhere;
- where all rows must be hit, as many variables must be free as rows are missing;
- for isomorphisms, rows go to rows of their colour (:mod:`catlearn.cset.refinement`), refined
  again as the search goes on, as long as that excludes something.

Then a variable with the fewest candidates is tried out, one with the most constraints first, and
its candidates in increasing order (Mackworth, "Consistency in networks of relations", 1977;
Haralick and Elliott, 1980). The search is a loop over a stack, so that its depth is not bounded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from catlearn.cset.refinement import Refinement, mixed, sorted_into
from catlearn.finset.gluing import shared_codes

if TYPE_CHECKING:
    from catlearn.finset import Tables

Rows = frozenset[int] | set[int]

Candidates = list[Rows]
"""The candidates of each variable. The sets are shared, and so never changed."""

NARROW = 8
"""Up to so many candidates are sent backwards fibre by fibre."""

TRIALS = 4
"""So often, at each depth, it is tried whether refining colours excludes anything."""

SMALL = 64
"""Up to so many candidates are filtered one by one."""


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
        total = np.arange(len(values)) if len(values) else sources
        dense = np.array_equal(sources, total)
        pairs = zip(sources.tolist(), values.tolist(), strict=True)
        self.at: Sequence[int] | Mapping[int, int] = values.tolist() if dense else dict(pairs)

    def __missing__(self, value: int) -> frozenset[int]:
        low, high = np.searchsorted(self.sorted, [value, value + 1])
        self[value] = found = frozenset(self.sources[low:high].tolist())
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
        self.all_hit = [table in self.surjective for table in tables]
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
        found: Candidates = []
        for table in one.shape.tables:
            found += self._alike(table)
        if self.iso:
            self.refinement = Refinement(one, other)
            colours = self.refinement.refined(self.refinement.start())
            if colours is None:
                return None
            self.colours = colours
            for table, (start, stop) in self.bounds.items():
                classes = self.refinement.classes(table, self.colours)
                found[start:stop] = [a & b for a, b in zip(found[start:stop], classes, strict=True)]
        return found

    def _alike(self, table: str) -> list[frozenset[int]]:
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
            sets.append(frozenset(np.flatnonzero(fits).tolist()))
        return [sets[k] for k in number.ravel().tolist()]

    def solutions(self, fixed: Mapping[int, int]) -> Iterator[list[int]]:
        """Generate the values of all variables, for each solution that has the fixed ones."""
        candidates = self.candidates()
        if candidates is None:
            return
        for x, value in fixed.items():
            if value not in candidates[x]:
                return
            candidates[x] = frozenset([value])
        yield from Search(self).run(candidates)


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
        if not self.narrow(candidates):
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
            if self.problem.all_hit[kind]:
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
        if problem.different[kind]:
            start, stop = problem.spans[kind]
            for y in range(start, stop):
                there = candidates[y]
                if value in there and y != x and len(there) <= SMALL:
                    candidates[y] = there - {value}
                    if len(there) == 1:
                        return False
                    changed.append(y)
        if problem.all_hit[kind]:
            self.free[kind] -= 1
            self.missing[kind] -= not self.hits[kind][value]
            self.hits[kind][value] += 1
            return self.missing[kind] <= self.free[kind]
        return True

    def propagate(self, candidates: Candidates, changed: list[int]) -> bool:
        """Shrink candidates until nothing follows; false if some variable has none left."""
        problem, done = self.problem, set()
        while changed:
            x = changed.pop()
            here = candidates[x]
            forced = len(here) == 1
            if forced:
                if x in done:
                    continue
                done.add(x)
                (value,) = here
                if not self.take(candidates, x, value, changed):
                    return False
            for y, step in problem.down[x]:
                there = candidates[y]
                image = {step.at[value]} if forced else step.image(here)
                if not self.shrink(candidates, y, there & image, changed):
                    return False
            for y, step in problem.up[x]:
                there = candidates[y]
                if forced:
                    rest = there & step[value]
                elif len(here) <= NARROW:
                    rest = there & set().union(*[step[row] for row in here])
                elif len(there) <= SMALL:
                    rest = {row for row in there if step.at[row] in here}
                else:
                    continue
                if not self.shrink(candidates, y, rest, changed):
                    return False
        return True

    def shrink(self, candidates: Candidates, x: int, rest: Rows, changed: list[int]) -> bool:
        """Give a variable the candidates that are left of its own; false if there are none."""
        if len(rest) < len(candidates[x]):
            candidates[x] = rest
            changed.append(x)
        return bool(rest)

    def narrow(self, candidates: Candidates) -> bool:
        """Make all arrows consistent, both ways, before the search; false if that is impossible.

        Variables that start with the same set of candidates often go on sharing one, and so
        every image, and every set of those with an image, is computed once.
        """
        problem = self.problem
        images: dict[tuple[int, int], Rows] = {}
        meets: dict[tuple[int, int, int], Rows] = {}
        kept: list[object] = []

        def image(step: Step, rows: Rows) -> Rows:
            key = id(step), id(rows)
            if key not in images:
                images[key] = frozenset(step.image(rows))
                kept.append(rows)
            return images[key]

        def meet(one: Rows, other: Rows, step: Step | None = None) -> Rows:
            key = id(one), id(other), id(step)
            if key not in meets:
                if step is None:
                    found = one & other
                else:
                    found = {row for row in one if step.at[row] in other}
                meets[key] = one if len(found) == len(one) else frozenset(found)
                kept.extend((one, other))
            return meets[key]

        pending = dict.fromkeys(range(len(candidates)))
        while pending:
            x = next(iter(pending))
            del pending[x]
            here = candidates[x]
            if not here:
                return False
            for y, step in problem.down[x]:
                there = candidates[y]
                rest = meet(there, image(step, here))
                if len(rest) < len(there):
                    candidates[y] = rest
                    pending[y] = None
            for y, step in problem.up[x]:
                there = candidates[y]
                rest = meet(there, here, step)
                if len(rest) < len(there):
                    candidates[y] = rest
                    pending[y] = None
        for number, (start, stop) in enumerate(problem.spans):
            if problem.all_hit[number]:
                reachable = set().union(*{id(c): c for c in candidates[start:stop]}.values())
                if len(reachable) < problem.missing[number]:
                    return False
        forced = [x for x, here in enumerate(candidates) if len(here) == 1]
        return self.propagate(candidates, forced)

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
        classes = [rows for table in found for rows in table]
        changed = []
        for x in open_:
            rest = candidates[x] & classes[x]
            if not rest:
                return None
            if 2 * len(rest) <= len(candidates[x]):
                candidates[x] = rest
                changed.append(x)
        return changed
