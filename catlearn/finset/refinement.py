"""Isomorphisms by colours: refinement, components, and individualisation.

**Colour refinement** is an invariant that isomorphisms preserve. A *colouring* gives each row a
colour. It is refined by giving each row a new colour made of its own, of those of the rows that
its arrows and lists reach (in order), and of those of the rows that reach it (in any order), until
the number of colours stays the same. Rows that an isomorphism matches have equal colours, so that
rows are only ever to be tried within colours, and tables whose colours are not equally frequent
are not isomorphic. (Weisfeiler and Leman, 1968; McKay and Piperno, "Practical graph isomorphism,
II", 2014.)

Colours are 64-bit hashes. Two different colours may by chance become one: that makes the
invariant weaker, never wrong.

>>> from catlearn.category import Graph
>>> path = Graph({"f": ("A", "B"), "g": ("B", "C")})
>>> coloured = Coloured.of(path, path).refined()
>>> [rows.tolist() for rows in coloured.classes(0, 3)]
[[0], [1], [2]]

**Components.** Once colours are stable, rows that have a colour of their own are placed. The others
fall into connected components, which are independent of each other, as what ties them to placed
rows is in their colours. If both sides do not have equally many components of each collection of
colours, there is no isomorphism.

**Individualisation.** Otherwise a row of a component gets a colour of its own, and so does a row of
the other side that had its colour; distances from there tell others apart, and colours are refined
again. This is done in all components at once, as that is mostly right; if it is not, each component
is tried with those that look alike. What is found is compared with the tables. Where all of this
tells nothing apart, as on the graphs of Cai, Fürer and Immerman, the search is exponential.

>>> cycle = {f"e{k}": (f"{k}", f"{(k + 1) % 6}") for k in range(6)}
>>> turned = {f"e{k}": (f"{k}", f"{(k + 5) % 6}") for k in range(6)}
>>> found, only = first_isomorphism(Graph(cycle), Graph(turned), {})
>>> found["V"].size, only
(6, False)

References
----------
McKay, Piperno, "Practical graph isomorphism, II", 2014. Cai, Fürer, Immerman, "An optimal lower
bound on the number of variables for graph identification", 1992.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from catlearn.finset.join import expand, positions
from catlearn.finset.labels import shared_codes
from catlearn.finset.tables import Tables


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


def sorted_into(wanted: np.ndarray, codes: np.ndarray, count: int) -> list[np.ndarray]:
    """Return, for each code wanted, the positions of ``codes`` that have it, increasing.

    Positions with equal codes share one array.
    """
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(count + 1)).tolist()
    sets = {code: order[ends[code] : ends[code + 1]] for code in set(wanted.tolist())}
    return [sets[code] for code in wanted.tolist()]


Images = dict[str, np.ndarray]
"""Table -> for each row of the one, a row of the other."""


def first_isomorphism(
    one: Tables, other: Tables, fixed: Mapping[str, Mapping[int, int]]
) -> tuple[Images | None, bool]:
    """Return an isomorphism and whether that is all there are.

    Parameters
    ----------
    one, other
        Tables of one shape, whose labels mention no rows.
    fixed
        Table -> row of the one -> row of the other, where some rows must go.

    Returns
    -------
    tuple
        An isomorphism, or None; and True if there are no others. ``(None, False)`` says that it is
        not decided: too many rows had to be chosen, or, by a chance of one in 10**13, colours that
        differ became one.
    """
    tables = one.shape.tables
    if any(one.size(table) != other.size(table) for table in tables):
        return None, True
    bounds = dict(zip(tables, pairwise(accumulate(map(one.size, tables), initial=0)), strict=True))
    given = [
        (bounds[table][0] + row, bounds[table][0] + image)
        for table, images in fixed.items()
        for row, image in images.items()
    ]
    rows, images = np.array(given, np.int64).reshape(-1, 2).T
    coloured = Coloured.of(one, other).sending(rows, images).refined()
    try:
        pairs = coloured and coloured.matched()
    except _TooDeep:
        return None, False
    if coloured is None or pairs is None:
        return None, True
    images = np.empty(pairs[0].size, np.int64)
    images[pairs[0]] = pairs[1] - images.size
    found = {table: images[start:stop] - start for table, (start, stop) in bounds.items()}
    if not _is_natural(one, other, found):
        return None, False
    return found, not coloured.is_open.any()


DEEPEST = 40
"""How many rows are chosen, one after the other, before the search is left to others."""


class _TooDeep(Exception):
    """So many rows had to be chosen."""


class Coloured(NamedTuple):
    """Rows of two sides, with colours, and the steps among them."""

    colours: np.ndarray
    there: np.ndarray
    a: np.ndarray
    b: np.ndarray
    kinds: np.ndarray
    depth: int = 0

    @classmethod
    def of(cls, one: Tables, other: Tables) -> Coloured:
        """Return all rows of the one, table by table, then those of the other.

        They are coloured by their table, attributes and lengths of lists.
        """
        shape, sides = one.shape, (one, other)
        sizes = [side.size(table) for side in sides for table in shape.tables]
        starts = np.cumsum([0, *sizes])
        there = np.arange(starts[-1]) >= starts[len(shape.tables)]
        table_of = np.repeat(np.tile(np.arange(len(shape.tables)), 2), sizes)
        rows = {table: np.flatnonzero(table_of == k) for k, table in enumerate(shape.tables)}
        colours = table_of.astype(np.uint64)
        told = [
            (table, shared_codes(sides, name)[0])
            for name, table in shape.attributes.items()
            if shape.order(name).carry is None  # else compared along the whole isomorphism
        ]
        steps = [(*ends, *(side.step(f) for side in sides)) for f, ends in shape.steps().items()]
        told += [(source, [ours.lengths, theirs.lengths]) for source, _, ours, theirs in steps]
        for salt, (table, codes) in enumerate(told):
            at, codes = rows[table], np.concatenate(codes).astype(np.uint64)
            colours[at] = mixed(colours[at], salt) + mixed(codes, salt)
        ends = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint64))]
        for number, (source, target, ours, theirs) in enumerate(steps):
            lengths = np.concatenate([ours.lengths, theirs.lengths])
            values = np.concatenate([ours.values, theirs.values + one.size(target)])
            places = expand(np.zeros_like(lengths), lengths).astype(np.uint64)
            owners, kinds = np.repeat(rows[source], lengths), mixed(places, number)
            ends.append((owners, rows[target][values], kinds))
        a, b, kinds = (np.concatenate(side) for side in zip(*ends, strict=True))
        return cls(colours, there, a, b, kinds)

    def sending(self, rows: np.ndarray, images: np.ndarray) -> Coloured:
        """Return it with a colour of its own for each of some rows and for where it goes."""
        colours = self.colours.copy()
        own = mixed(np.arange(rows.size).astype(np.uint64), 5)
        colours[rows] = colours[images + np.count_nonzero(~self.there)] = own
        return self._replace(colours=colours)

    def classes(self, start: int, stop: int) -> list[np.ndarray]:
        """Return, for each of some rows of our side, those of them there that have its colour."""
        first = np.count_nonzero(~self.there)
        columns = self.colours[start:stop], self.colours[first + start : first + stop]
        kinds, codes = np.unique(np.concatenate(columns), return_inverse=True)
        return sorted_into(codes[: stop - start], codes[stop - start :], kinds.size)

    @property
    def is_open(self) -> np.ndarray:
        """Which rows do not have a colour of their own on their side."""
        _, codes, counts = np.unique(self.colours, return_inverse=True, return_counts=True)
        return counts[codes] > 2

    def refined(self) -> Coloured | None:
        """Refine the colours until their number no longer grows; None if the sides differ."""
        colours, count = self.colours, np.unique(self.colours).size
        while self._agree(colours):
            finer = mixed(colours, 0)
            np.add.at(finer, self.a, mixed(colours[self.b] + self.kinds, 1))
            np.add.at(finer, self.b, mixed(colours[self.a] + self.kinds, 2))
            more = np.unique(finer).size
            if more <= count:
                return self._replace(colours=finer) if self._agree(finer) else None
            colours, count = finer, more
        return None

    def _agree(self, colours: np.ndarray) -> bool:
        mixture = mixed(colours, 3)
        ours, theirs = mixture[~self.there], mixture[self.there]
        return ours.size == theirs.size and bool(ours.sum() == theirs.sum())

    def part(self, rows: np.ndarray, colours: np.ndarray) -> Coloured:
        """Return some rows, with other colours, and the steps among them."""
        place = positions(rows, self.colours.size)
        a, b = place[self.a], place[self.b]
        inside = (a >= 0) & (b >= 0)
        kinds, depth = self.kinds[inside], self.depth + 1
        return Coloured(colours, self.there[rows], a[inside], b[inside], kinds, depth)

    def matched(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return rows of our side and where each goes; None if there is no isomorphism."""
        open_ = self.is_open
        placed = np.flatnonzero(~open_)
        placed = placed[np.lexsort((self.there[placed], self.colours[placed]))]
        ours, theirs = placed[0::2], placed[1::2]
        sides = not self.there[ours].any() and self.there[theirs].all()
        if not sides or not np.array_equal(self.colours[ours], self.colours[theirs]):
            return None
        if not open_.any():
            return ours, theirs
        rows = np.flatnonzero(open_)
        rest = self.part(rows, self.colours[rows])._matched_by_components()
        if rest is None:
            return None
        return np.concatenate([ours, rows[rest[0]]]), np.concatenate([theirs, rows[rest[1]]])

    def _matched_by_components(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Match rows none of which has a colour of its own, component by component."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        if self.depth > DEEPEST:
            raise _TooDeep
        size = self.colours.size
        steps = np.ones(self.a.size, np.int8), (self.a, self.b)
        graph = coo_array(steps, shape=(size, size)).tocsr()
        count, labels = connected_components(graph, directed=False)
        marks = np.zeros(count, np.uint64)
        np.add.at(marks, labels, mixed(self.colours, 4))
        # The first row of each component: of the smallest class, then of the least colour.
        _, codes, counts = np.unique(self.colours, return_inverse=True, return_counts=True)
        order = np.lexsort((self.colours, counts[codes], labels))
        first = order[np.searchsorted(labels[order], np.arange(count))]
        ours, theirs = (
            kind[np.argsort(marks[kind], kind="stable")]
            for kind in (np.flatnonzero(~self.there[first]), np.flatnonzero(self.there[first]))
        )
        if not np.array_equal(marks[ours], marks[theirs]):
            return None
        if ours.size == 1:
            x = first[ours[0]]
            for y in np.flatnonzero(self.there & (self.colours == self.colours[x])):
                found = self._with(graph, labels, np.array([x]), np.array([y]))
                if found is not None:
                    return found
            return None
        # Mostly any match of components that look alike is right.
        found = self._with(graph, labels, first[ours], first[theirs])
        return self._one_by_one(labels, marks, ours, theirs) if found is None else found

    def _with(
        self, graph: Any, labels: np.ndarray, xs: np.ndarray, ys: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Match so that some rows, one of each component, go to others, by distances from there."""
        from scipy.sparse.csgraph import dijkstra

        far = dijkstra(
            graph, directed=False, indices=np.concatenate([xs, ys]), unweighted=True, min_only=True
        )
        own = mixed(np.arange(xs.size).astype(np.uint64), 5)
        marks = np.zeros(int(labels.max()) + 1, np.uint64)
        marks[labels[xs]] = marks[labels[ys]] = own
        distances = far.astype(np.int64).astype(np.uint64) + marks[labels]
        colours = mixed(self.colours + mixed(distances, 6), 7)
        refined = self._replace(colours=colours).refined()
        return None if refined is None else refined.matched()

    def _one_by_one(
        self, labels: np.ndarray, marks: np.ndarray, ours: np.ndarray, theirs: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Match components by trying each with all that look alike; they are independent."""
        left, pairs = list(theirs.tolist()), []
        for one in ours.tolist():
            for other in [k for k in left if marks[k] == marks[one]]:
                rows = np.flatnonzero((labels == one) | (labels == other))
                found = self.part(rows, self.colours[rows])._matched_by_components()
                if found is not None:
                    pairs.append((rows[found[0]], rows[found[1]]))
                    left.remove(other)
                    break
            else:
                return None
        first, second = zip(*pairs, strict=True)
        return np.concatenate(first), np.concatenate(second)


def _is_natural(one: Tables, other: Tables, found: Images) -> bool:
    for name, (source, target) in one.shape.steps().items():
        ours, theirs, image = one.step(name), other.step(name), found[source]
        starts = np.cumsum(theirs.lengths) - theirs.lengths
        if not np.array_equal(ours.lengths, theirs.lengths[image]):
            return False
        values = theirs.values[expand(starts[image], ours.lengths)]
        if not np.array_equal(values, found[target][ours.values]):
            return False
    for name, table in one.shape.attributes.items():
        ours, theirs = shared_codes([one, other], name)[0]
        if not np.array_equal(ours, theirs[found[table]]):
            return False
    return True
