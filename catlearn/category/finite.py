"""Finite categories: objects, arrows and a composition table, as integer arrays.

A finite category is a finite set of objects, a finite set of arrows with two ends, an identity
arrow for each object and a composite for each pair of arrows that meet, such that composition
is associative and identities are units (Mac Lane, I.2). Only pairs that meet have an entry, so
the table of a poset is small; that of a monoid with n elements has n * n entries.

Associativity is checked on generators only (Light's test; Clifford and Preston, *The Algebraic
Theory of Semigroups* I, 1.2): the arrows g with ``(x >> g) >> y == x >> (g >> y)`` for all x, y
are closed under composition, so it is enough that generators are among them.

>>> from catlearn.category import FiniteCategory
>>> C = FiniteCategory(
...     objects=["A", "B", "C"],
...     arrows={"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C")},
...     compose={("f", "g"): "h"},
... )
>>> C.arrows
('id(A)', 'id(B)', 'id(C)', 'f', 'g', 'h')
>>> C.compose("f", "g"), C.ends("h"), C.hom("A", "C"), C.read("f >> g")
('h', ('A', 'C'), ('h',), 'h')
>>> C.generators
Graph({'f': ('A', 'B'), 'g': ('B', 'C')})
>>> FiniteCategory(objects=["A"], arrows={"s": ("A", "A")})
Traceback (most recent call last):
    ...
catlearn.errors.InvalidStructure: FiniteCategory is not valid (1 failure):
  - s >> s: these arrows meet, but have no composite [totality]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from catlearn.category.arrows import ArrowKinds
from catlearn.category.cats import CATEGORIES
from catlearn.category.composition import ArrowLike
from catlearn.category.graph import Graph
from catlearn.category.inside import Indexed
from catlearn.category.path import Path
from catlearn.category.presentation import Presentation
from catlearn.category.sources import Sources
from catlearn.errors import Failure, InvalidStructure
from catlearn.finset import FinSet
from catlearn.finset.join import expand
from catlearn.finset.value import SHOWN, read_only


class FiniteCategory(Sources, ArrowKinds, Indexed):
    """A finite category.

    Parameters
    ----------
    objects
        The names of the objects.
    arrows
        The ends ``(source, target)`` of each arrow, by name, but for identities.
    compose
        The composite, in diagrammatic order, of each pair of these arrows that meet.
    identities
        Names for identity arrows, by object; ``id(A)`` where none is given.
    check
        Whether to look for failures at construction.

    Raises
    ------
    InvalidStructure
        Listing every arrow with unknown ends, pair without composite, composite with wrong
        ends, and triple at which composition is not associative, with both sides.
    """

    ambient = CATEGORIES

    def __init__(
        self,
        objects: Iterable[str],
        arrows: Mapping[str, tuple[str, str]] | None = None,
        compose: Mapping[tuple[str, str], str] | None = None,
        identities: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> None:
        ob = FinSet(objects)
        units = {a: (identities or {}).get(a, str(Path.identity(a))) for a in ob.labels()}
        arrows, given = dict(arrows or {}), dict(compose or {})
        failures = list(_unreadable(ob, units, identities or {}, arrows, given))
        if failures:
            raise InvalidStructure(type(self).__name__, failures)
        ends = {**{unit: (a, a) for a, unit in units.items()}, **arrows}
        ar = FinSet(ends)
        sides = np.array(
            [[ob.index(end) for end in pair] for pair in ends.values()], dtype=np.int64
        )
        src, tgt = sides.reshape(-1, 2).T
        entries = np.array(
            [[ar.index(f), ar.index(g), ar.index(h)] for (f, g), h in given.items()], dtype=np.int64
        ).reshape(-1, 3)
        self._fill(ob, ar, src, tgt, np.arange(len(ob)))
        self._set(composites=read_only(self._table(*entries.T)))
        failures = self.failures() if check else []
        if failures:
            raise InvalidStructure(type(self).__name__, failures)

    def _table(self, first: np.ndarray, second: np.ndarray, composite: np.ndarray) -> np.ndarray:
        """Lay entries out over all pairs that meet; units compose as they must, gaps are -1."""
        left, right = self.pairs
        unit = np.zeros(len(self.ar), bool)
        unit[self.ids.values] = True
        table = np.where(unit[left], right, np.where(unit[right], left, -1))
        table[self._place(first, second)] = composite
        return table

    @property
    def graph(self) -> Graph:
        """The graph of all arrows but identities."""
        return self._cached("graph", lambda: self._part(np.flatnonzero(~self.is_identity)))

    def _part(self, rows: np.ndarray) -> Graph:
        edges = {self.ar.label(k): self.ends(k) for k in rows.tolist()}
        return Graph(edges, vertices=self.objects)

    @property
    def generating(self) -> np.ndarray:
        """Rows of arrows that generate all others, first those without which none would do."""
        return self._cached("generating", lambda: read_only(self._find_generators()))

    @property
    def generators(self) -> Graph:
        """The graph of these generating arrows."""
        return self._cached("generators", lambda: self._part(self.generating))

    def _find_generators(self) -> np.ndarray:
        unit, (first, second) = self.is_identity, self.pairs
        split = np.zeros(len(self.ar), bool)
        proper = self.composites[~(unit[first] | unit[second])]
        split[proper[proper >= 0]] = True
        found = np.flatnonzero(~split & ~unit)
        while True:
            missing = ~self._reach(found)[0]
            # Where units fail, a generator need not be reached from itself; it is there anyway.
            missing[found] = False
            if not missing.any():
                break
            found = np.append(found, np.flatnonzero(missing)[0])
        return found

    def _reach(self, generators: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which arrows some generate, and of each the last step and the arrow before it."""
        reached, last = self.is_identity.copy(), np.full(len(self.ar), -1)
        before = np.full(len(self.ar), -1)
        by_source = generators[np.argsort(self.src.values[generators], kind="stable")]
        degrees = np.bincount(self.src.values[generators], minlength=len(self.ob))
        starts, frontier = np.cumsum(degrees) - degrees, self.ids.values
        while frontier.size:
            out = degrees[self.tgt.values[frontier]]
            left = np.repeat(frontier, out)
            step = by_source[expand(starts[self.tgt.values[frontier]], out)]
            composite = self.then(left, step)
            frontier, where = np.unique(composite, return_index=True)
            new = (frontier >= 0) & ~reached[frontier]
            frontier, where = frontier[new], where[new]
            frontier = frontier[np.argsort(where)]
            where = np.sort(where)
            reached[frontier], last[frontier], before[frontier] = True, step[where], left[where]
        return reached, last, before

    @property
    def _steps(self) -> tuple[np.ndarray, np.ndarray]:
        return self._cached("steps", lambda: self._reach(self.generating)[1:])

    def word(self, arrow: ArrowLike, /) -> Path:
        """Return a shortest path of the generators whose composite is the arrow.

        Examples
        --------
        >>> C = FiniteCategory(["A"], {"s": ("A", "A")}, {("s", "s"): "id(A)"})
        >>> C.word("s >> s >> s"), C.word("id(A)")
        (Path('A', ('s',), 'A'), Path('A', (), 'A'))
        """
        row = self.arrow(arrow)
        last, before = self._steps
        source, target = self.ends(row)
        edges: list[str] = []
        while last[row] >= 0:
            edges.append(self.ar.label(int(last[row])))
            row = int(before[row])
        return Path(source, tuple(reversed(edges)), target)

    def presentation(self) -> Presentation:
        """Return a presentation: the generators, and how each arrow composes with each of them.

        Examples
        --------
        >>> C = FiniteCategory(["A"], {"s": ("A", "A")}, {("s", "s"): "id(A)"})
        >>> print(C.presentation())
        s : A → A | s >> s = id(A)
        """
        last, before = self._steps
        equations = []
        for g in self.generating.tolist():
            for f in np.flatnonzero(self.tgt.values == self.src(g)).tolist():
                h = int(self.then(f, g))
                if (last[h], before[h]) != (g, f):
                    step = Path(self.ends(g)[0], (self.ar.label(g),), self.ends(g)[1])
                    equations.append((self.word(f) >> step, self.word(h)))
        return Presentation(self.generators, equations)

    def failures(self) -> list[Failure]:
        """List pairs without composite, wrong ends, broken units and failing associativity."""
        return (
            list(self._ill_typed()) or list(self._broken_units()) or list(self._not_associative())
        )

    def _ill_typed(self) -> Iterator[Failure]:
        (first, second), composite = self.pairs, self.composites
        name = self._name
        src, tgt = self.src.values, self.tgt.values
        missing = np.flatnonzero(composite < 0)
        for k in missing[:SHOWN].tolist():
            where = f"{name(first[k])} >> {name(second[k])}"
            yield Failure("totality", where, "these arrows meet, but have no composite")
        if missing.size > SHOWN:
            message = f"{missing.size - SHOWN} more pairs of arrows meet, but have no composite"
            yield Failure("totality", "composition", message)
        wrong = (src[composite] != src[first]) | (tgt[composite] != tgt[second])
        bad = np.flatnonzero((composite >= 0) & wrong)
        for k in bad[:SHOWN].tolist():
            f, g, h = int(first[k]), int(second[k]), int(composite[k])
            found, expected = self.ends(h), (self.ends(f)[0], self.ends(g)[1])
            message = f"{name(h)} goes {' -> '.join(found)}, expected {' -> '.join(expected)}"
            yield Failure("typing", f"{name(f)} >> {name(g)} = {name(h)}", message)
        if bad.size > SHOWN:
            message = f"{bad.size - SHOWN} more composites have wrong ends"
            yield Failure("typing", "composition", message)
        loops, every = self.ids.values, np.arange(len(self.ob))
        for k in np.flatnonzero((src[loops] != every) | (tgt[loops] != every)).tolist():
            found = " -> ".join(self.ends(int(loops[k])))
            yield Failure("typing", f"identity of {self.ob.label(k)}", f"it goes {found}")

    def _broken_units(self) -> Iterator[Failure]:
        name = self._name
        every = np.arange(len(self.ar))
        for side, composite in (
            ("{unit} >> {f}", self.then(self.ids.values[self.src.values], every)),
            ("{f} >> {unit}", self.then(every, self.ids.values[self.tgt.values])),
        ):
            ends = self.src if side.startswith("{unit}") else self.tgt
            for f in np.flatnonzero(composite != every)[:SHOWN].tolist():
                where = side.format(f=name(f), unit=name(self.ids(ends(f))))
                yield Failure("unit", where, f"is {name(composite[f])}, expected {name(f)}")

    def _not_associative(self) -> Iterator[Failure]:
        name = self._name
        src, tgt = self.src.values, self.tgt.values
        for g in self.generating.tolist():
            before, after = np.flatnonzero(tgt == src[g]), np.flatnonzero(src == tgt[g])
            left = self.then(self.then(before, g)[:, None], after[None, :])
            right = self.then(before[:, None], self.then(g, after)[None, :])
            bad = np.argwhere(left != right)
            for i, j in bad[:SHOWN].tolist():
                x, y = name(before[i]), name(after[j])
                message = (
                    f"({x} >> {name(g)}) >> {y} is {name(left[i, j])}, "
                    f"{x} >> ({name(g)} >> {y}) is {name(right[i, j])}"
                )
                yield Failure("associativity", f"{x} >> {name(g)} >> {y}", message)
            if len(bad) > SHOWN:
                message = f"{len(bad) - SHOWN} more triples with {name(g)} in the middle fail"
                yield Failure("associativity", "composition", message)

    def _name(self, row: Any) -> str:
        return self.ar.label(int(row))

    def __len__(self) -> int:
        """Return the number of arrows."""
        return len(self.ar)

    def _key(self) -> tuple[object, ...]:
        return self.ob, self.ar, self.src, self.tgt, self.ids

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FiniteCategory):
            return NotImplemented
        same = self is other or self._key() == other._key()
        return same and np.array_equal(self.composites, other.composites)

    def __hash__(self) -> int:
        return hash((self.ob, self.ar))

    def _extent(self) -> str:
        return f"{len(self.ob):,} objects, {len(self.ar):,} arrows"

    def __repr__(self) -> str:
        unit, ends = self.is_identity, {name: self.ends(name) for name in self.arrows}
        if len(self.ar) > 24:
            return f"<FiniteCategory with {len(self.ob)} objects and {len(self.ar)} arrows>"
        first, second = self.pairs
        proper = np.flatnonzero(~(unit[first] | unit[second])).tolist()
        name = self.ar.label
        compose = {(name(first[k]), name(second[k])): name(self.composites[k]) for k in proper}
        arrows = {f: ends[f] for f, is_unit in zip(ends, unit, strict=True) if not is_unit}
        named = {a: self.identity(a) for a in self.objects}
        usual = all(unit == str(Path.identity(a)) for a, unit in named.items())
        more = "" if usual else f", identities={named!r}"
        return f"FiniteCategory({list(self.objects)!r}, {arrows!r}, {compose!r}{more})"

    def __str__(self) -> str:
        return f"category of {len(self.ob)} objects and {len(self.ar)} arrows: {self.generators}"


def _unreadable(
    ob: FinSet,
    units: Mapping[str, str],
    identities: Mapping[str, str],
    arrows: Mapping[str, tuple[str, str]],
    compose: Mapping[tuple[str, str], str],
) -> Iterator[Failure]:
    """List names that nothing answers to, and names used twice."""
    for a in identities:
        if a not in units:
            yield Failure("known names", f"identity of {a}", f"there is no object {a}")
    for name, ends in arrows.items():
        if isinstance(ends, str) or len(tuple(ends)) != 2:
            yield Failure("ends", f"arrow {name}", f"its ends are (source, target), not {ends!r}")
            continue
        for end in ends:
            if end not in ob:
                yield Failure("known names", f"arrow {name}", f"there is no object {end}")
        if name in units.values():
            message = "this is the name of an identity, which is there already"
            yield Failure("names", f"arrow {name}", message)
    known = {unit: (a, a) for a, unit in units.items()} | dict(arrows)
    for pair, h in compose.items():
        if isinstance(pair, str) or len(tuple(pair)) != 2:
            yield Failure("composition", f"entry {pair!r}", "a pair of arrows is expected")
            continue
        where = f"{pair[0]} >> {pair[1]} = {h}"
        unknown = [name for name in (*pair, h) if name not in known]
        for name in unknown:
            yield Failure("known names", where, f"there is no arrow {name}")
        if not unknown and known[pair[0]][1] != known[pair[1]][0]:
            message = f"{pair[0]} ends at {known[pair[0]][1]}, "
            message += f"but {pair[1]} starts at {known[pair[1]][0]}"
            yield Failure("composition", where, message)
