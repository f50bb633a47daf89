"""Finite categories: objects, arrows and a composition table, as integer arrays.

A finite category is a finite set of objects, a finite set of arrows with two ends, an identity
arrow for each object and a composite for each pair of arrows that meet, such that composition
is associative and identities are units (Mac Lane, I.2). Arrows are rows of a table; composites
stand in one flat array, sorted by first arrow, then by second. Only pairs that meet have an entry,
so that of a poset is small; that of a monoid with n elements has n * n entries.

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

>>> C = FiniteCategory(["A", "B"], {"f": ("A", "B")})
>>> [rows.tolist() for rows in C.pairs], C.composites.tolist()
([[0, 0, 1, 2], [0, 2, 1, 1]], [0, 2, 1, 2])
>>> C.then(np.array([0, 2, 2]), np.array([2, 1, 2])).tolist()
[2, 2, -1]

**Kinds of arrows and of objects.** In a category, an arrow f is a *mono* if ``u >> f == v >> f``
implies ``u == v``, an *epi* if ``f >> u == f >> v`` does, a *section* (split mono) if ``f >> r``
is an identity for some r, a *retraction* (split epi) if ``s >> f`` is one for some s, an
*isomorphism* if it is both; an *idempotent* e has ``e >> e == e``, and splits if it is a
retraction followed by a section of it (Mac Lane, I.5). An object is *initial* if exactly one arrow
leads to each object from it, *terminal* if one leads from each to it, *zero* if it is both.
Each kind is a boolean array over the rows, and a tuple of names.

>>> C = FiniteCategory(  # a retraction r of a section s, and the idempotent e that they split
...     ["A", "B"],
...     {"r": ("A", "B"), "s": ("B", "A"), "e": ("A", "A")},
...     {("s", "r"): "id(B)", ("r", "s"): "e", ("e", "e"): "e", ("e", "r"): "r", ("s", "e"): "s"},
... )
>>> C.sections, C.retractions, C.isomorphisms
(('id(A)', 'id(B)', 's'), ('id(A)', 'id(B)', 'r'), ('id(A)', 'id(B)'))
>>> C.split_idempotents, C.splitting("e")
(('id(A)', 'id(B)', 'e'), ('r', 's'))

**Where finite categories come from.** A preorder is a category with at most one arrow from one
object to another, and a poset one in which moreover isomorphic objects are equal; a monoid is a
category with one object, and a group one in which moreover every arrow has an inverse; a set is a
category of identities; the paths of a graph are the arrows of its free category (Mac Lane, I.2 and
II.7). Arrows are named as these structures write them: ``a <= b`` in an order, the elements
themselves in a monoid, ``f >> g`` in a free category. Composites of a monoid are written in
diagrammatic order, so that ``x >> y`` is the product ``x y``.

>>> P = FiniteCategory.poset([("a", "b"), ("b", "c")])
>>> P.arrows
('id(a)', 'id(b)', 'id(c)', 'a <= b', 'a <= c', 'b <= c')
>>> Z3 = FiniteCategory.group(range(3), lambda x, y: (x + y) % 3)
>>> Z3.compose("1", "1"), Z3.identity("*")
('2', '0')
>>> S3 = FiniteCategory.permutation_group({"s": [1, 0, 2], "t": [0, 2, 1]})
>>> S3.arrows
('id(*)', 's', 't', 's >> t', 't >> s', 's >> t >> s')
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from catlearn.category.graph import Graph
from catlearn.category.inside import Arrow, InsideCategory, Object
from catlearn.category.path import Path, read_path
from catlearn.category.presentation import Presentation
from catlearn.category.protocol import Budget, Category, Equal, NotEqual, Verdict
from catlearn.category.sources import (
    not_antisymmetric,
    read_functions,
    read_order,
    read_parts,
    read_table,
    transformations,
    without_inverse,
)
from catlearn.errors import (
    Failure,
    InfinitelyManyPaths,
    NotComposable,
    TooManyPaths,
    UnknownName,
    did_you_mean,
    expect,
    fault,
    refuse,
)
from catlearn.finset import FinFunction, FinSet, Record
from catlearn.finset.join import expand, positions
from catlearn.finset.sets import as_finset
from catlearn.finset.value import SHOWN, failures_at, marked, once, read_only
from catlearn.names import distinct

ArrowLike = int | str | Path
"""An arrow as one may give it: its row, its name, a path of generators, or the path's text."""

Compose = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Composites, by row, of equally many first and second arrows."""


class Marked:
    """The names of the arrows (``ar``) or objects (``ob``) of a kind, those that a mask marks."""

    def __init__(self, mask: str, of: str = "ar") -> None:
        self.mask, self.of = mask, of

    def __get__(self, category: FiniteCategory | None, owner: type) -> Any:
        if category is None:
            return self
        rows = np.flatnonzero(getattr(category, self.mask)).tolist()
        return getattr(category, self.of).labels(rows)


class FiniteCategory(Category):
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

    ob: FinSet
    ar: FinSet
    src: FinFunction
    tgt: FinFunction
    ids: FinFunction
    composites: np.ndarray
    aliases: Mapping[str, int] = Record()
    """Further names by which arrows are read: generators that equations make equal to others."""

    def _fill(
        self, ob: FinSet, ar: FinSet, src: np.ndarray, tgt: np.ndarray, ids: np.ndarray
    ) -> None:
        self._set(ob=ob, ar=ar, src=FinFunction._of(src, ar, ob), tgt=FinFunction._of(tgt, ar, ob))
        self._set(ids=FinFunction._of(ids, ob, ar))

    @classmethod
    def build(
        cls,
        objects: FinSet | int | Iterable[str],
        arrows: FinSet | int | Iterable[str],
        src: np.ndarray,
        tgt: np.ndarray,
        ids: np.ndarray,
        compose: Compose,
        generators: np.ndarray | None = None,
        aliases: Mapping[str, int] | None = None,
    ) -> Self:
        """Build a category from arrays of rows; nothing is checked.

        Parameters
        ----------
        objects, arrows
            Sets, sizes or names.
        src, tgt
            The rows of the two ends of each arrow.
        ids
            The row of the identity of each object.
        compose
            Called once, with the rows of all pairs of arrows that meet; returns the rows of
            their composites.
        generators
            Rows of arrows of which all others are composites; found if they are not given.
        aliases
            Further names by which arrows are read, with their rows.
        """
        made = object.__new__(cls)
        made._fill(as_finset(objects), as_finset(arrows), *map(np.asarray, (src, tgt, ids)))
        made._set(composites=read_only(np.array(compose(*made.pairs), dtype=np.int64)))
        if aliases:
            made._set(aliases=Record(aliases))
        if generators is not None:
            made._set(generating=read_only(np.array(generators, dtype=np.int64)))
        return made

    @property
    def objects(self) -> tuple[str, ...]:
        """The names of the objects."""
        return self.ob.labels()

    @once
    def opposite(self) -> FiniteCategory:
        """The category with every arrow turned round; see :func:`opposite`."""
        ends = self.tgt.values, self.src.values
        then, generating = (lambda f, g: self.then(g, f)), self.generating
        made = FiniteCategory.build(
            self.ob, self.ar, *ends, self.ids.values, then, generators=generating
        )
        made._set(opposite=self)
        return made

    @property
    def arrows(self) -> tuple[str, ...]:
        """The names of the arrows, identities among them."""
        return self.ar.labels()

    @once
    def _layout(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the arrows sorted by source, where each source's begin, ranks, and offsets.

        The composites of an arrow f stand at ``offsets[f]``, one for each arrow out of its
        target in order; ``rank[g]`` is the number of g among the arrows out of its source.
        """
        src, tgt = self.src.values, self.tgt.values
        order = np.argsort(src, kind="stable")
        degrees = np.bincount(src, minlength=len(self.ob))
        starts = np.cumsum(degrees) - degrees
        rank = np.empty(len(self.ar), np.int64)
        rank[order] = np.arange(len(self.ar)) - starts[src[order]]
        lengths = degrees[tgt]
        return order, starts, rank, np.cumsum(lengths) - lengths

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows of the first and of the second arrow of all pairs that meet."""
        order, starts, _, _ = self._layout
        degrees = np.bincount(self.src.values, minlength=len(self.ob))[self.tgt.values]
        return np.repeat(np.arange(len(self.ar)), degrees), order[
            expand(starts[self.tgt.values], degrees)
        ]

    def _place(self, first: Any, second: Any) -> Any:
        _, _, rank, offsets = self._layout
        return offsets[first] + rank[second]

    def then(self, first: np.ndarray | int, second: np.ndarray | int) -> np.ndarray:
        """Return the rows of composites of arrows given by row, -1 where they do not meet."""
        first, second = np.broadcast_arrays(first, second)
        meet = self.tgt.values[first] == self.src.values[second]
        return np.where(meet, self.composites[np.where(meet, self._place(first, second), 0)], -1)

    def object(self, at: int | str) -> int:
        """Return the row of an object given by name or row."""
        return self.ob.index(at)

    def _lookup(self, name: str) -> int:
        return self.aliases[name] if name in self.aliases else self.ar.index(name)

    def arrow(self, at: ArrowLike) -> int:
        """Return the row of an arrow given by row, name, path of generators or its text.

        Raises
        ------
        UnknownName
            If there is no such arrow or object.
        NotComposable
            If it is a path whose steps do not meet.
        """
        if not isinstance(at, (str, Path)) or at in self.ar:
            return self.ar.index(at)  # type: ignore[arg-type]
        if isinstance(at, Path):
            return self._chain([self.ids(at.source), *map(self._lookup, at.edges)])
        if self.ar.names is None and at.isdecimal():
            return self.ar.index(int(at))
        read = read_path(at)
        if len(read) == 1 and isinstance(read[0], str):
            return self._lookup(read[0])
        return self._chain(
            [
                self.ids(self.ob.index(step.source)) if isinstance(step, Path) else self.arrow(step)
                for step in read
            ]
        )

    def _chain(self, steps: list[int]) -> int:
        """Compose a list of arrows given by row: neighbours with each other, in rounds."""
        composed = np.array(steps, np.int64)
        meet = self.tgt.values[composed[:-1]] == self.src.values[composed[1:]]
        for k in np.flatnonzero(~meet)[:1].tolist():
            self._compose(steps[k], steps[k + 1])
        while len(composed) > 1:
            paired = len(composed) // 2 * 2
            halves = self.then(composed[:paired:2], composed[1:paired:2])
            composed = np.append(halves, composed[paired:])
        return int(composed[0])

    def _compose(self, first: int, then: int) -> int:
        if self.tgt(first) != self.src(then):
            f, g = self.ar.label(first), self.ar.label(then)
            message = f"{f} ends at {self.ends(first)[1]}, but {g} starts at {self.ends(then)[0]}"
            raise fault(type(self).__name__, "composition", f"{f} >> {g}", message, NotComposable)
        return int(self.composites[self._place(np.int64(first), np.int64(then))])

    def read(self, arrow: ArrowLike, /) -> str:
        """Return the name of the arrow that a name, a path or its text stands for."""
        return self.ar.label(self.arrow(arrow))

    def identity(self, object: int | str, /) -> str:
        """Return the name of an object's identity."""
        return self.ar.label(self.ids(self.ob.index(object)))

    def compose(self, first: ArrowLike, then: ArrowLike, /) -> str:
        """Return the name of ``first >> then``.

        Raises
        ------
        NotComposable
            If they do not meet.
        """
        return self.ar.label(self._compose(self.arrow(first), self.arrow(then)))

    def composite(self, object: int | str | None, arrows: Sequence[ArrowLike], /) -> str:
        """Return the name of the composite of arrows that start at an object.

        Parameters
        ----------
        object
            The object; it may be None if there are arrows.
        arrows
            The arrows, in order.

        Raises
        ------
        NotComposable
            If two neighbours do not meet.

        Examples
        --------
        >>> C = FiniteCategory(["A"], {"s": ("A", "A")}, {("s", "s"): "id(A)"})
        >>> C.composite("A", ["s"] * 10_001), C.composite("A", [])
        ('s', 'id(A)')
        """
        rows = [] if object is None else [self.ids(self.ob.index(object))]
        return self.ar.label(self._chain(rows + [self.arrow(arrow) for arrow in arrows]))

    def ends(self, arrow: ArrowLike, /) -> tuple[str, str]:
        """Return the names of the source and the target of an arrow."""
        row = self.arrow(arrow)
        return self.ob.label(self.src(row)), self.ob.label(self.tgt(row))

    def equal(self, one: ArrowLike, other: ArrowLike, /) -> Verdict:
        """Return whether two parallel arrows, or paths of generators, are equal.

        Raises
        ------
        NotComposable
            If they are not parallel.
        """
        left, right = self.arrow(one), self.arrow(other)
        if self.ends(left) != self.ends(right):
            sides = [f"{self.ar.label(k)} : {' -> '.join(self.ends(k))}" for k in (left, right)]
            raise fault(
                type(self).__name__,
                "parallel arrows",
                sides[0],
                f"is not parallel to {sides[1]}",
                NotComposable,
            )
        return Equal if left == right else NotEqual

    def hom_rows(self, source: int | str, target: int | str) -> np.ndarray:
        """Return the rows of the arrows from one object to another."""
        order, starts, _, _ = self._layout
        a, b = self.ob.index(source), self.ob.index(target)
        stop = starts[a + 1] if a + 1 < len(self.ob) else len(order)
        out = order[starts[a] : stop]
        return out[self.tgt.values[out] == b]

    def hom(self, source: int | str, target: int | str) -> tuple[str, ...]:
        """Return the names of the arrows from one object to another."""
        return self.ar.labels(self.hom_rows(source, target).tolist())

    @once
    def is_identity(self) -> np.ndarray:
        """For each arrow whether it is an identity."""
        return self._mask(self.ids.values)

    def __init__(
        self,
        objects: Iterable[str],
        arrows: Mapping[str, tuple[str, str]] | None = None,
        compose: Mapping[tuple[str, str], str] | None = None,
        identities: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> None:
        ob, units, arrows, given, failures = read_parts(objects, arrows, compose, identities)
        refuse(type(self).__name__, failures)
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
        self._validate(check)

    def _table(self, first: np.ndarray, second: np.ndarray, composite: np.ndarray) -> np.ndarray:
        """Lay entries out over all pairs that meet; units compose as they must, gaps are -1."""
        (left, right), unit = self.pairs, self.is_identity
        table = np.where(unit[left], right, np.where(unit[right], left, -1))
        table[self._place(first, second)] = composite
        return table

    @once
    def graph(self) -> Graph:
        """The graph of all arrows but identities."""
        return self._part(np.flatnonzero(~self.is_identity))

    def _part(self, rows: np.ndarray) -> Graph:
        edges = {self.ar.label(k): self.ends(k) for k in rows.tolist()}
        return Graph(edges, vertices=self.objects)

    @once
    def generating(self) -> np.ndarray:
        """Rows of arrows that generate all others, first those without which none would do."""
        return read_only(self._find_generators())

    @once
    def generators(self) -> Graph:
        """The graph of these generating arrows."""
        return self._part(self.generating)

    def _find_generators(self) -> np.ndarray:
        unit, (first, second) = self.is_identity, self.pairs
        proper = self.composites[~(unit[first] | unit[second])]
        split = marked(proper[proper >= 0], len(self.ar))
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

    @once
    def _steps(self) -> tuple[np.ndarray, np.ndarray]:
        return self._reach(self.generating)[1:]

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
        sides = (side.tolist() for side in self._relations())
        step = {g: self.word(g) for g in self.generating.tolist()}
        equations = [
            (self.word(f) >> step[g], self.word(h)) for f, g, h in zip(*sides, strict=True)
        ]
        return Presentation(self.generators, equations)

    def _then_generators(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return all arrows f and generators g that meet, and f >> g."""
        into = np.argsort(self.tgt.values, kind="stable")
        count = np.bincount(self.tgt.values, minlength=len(self.ob))
        starts, sources = np.cumsum(count) - count, self.src.values[self.generating]
        f = into[expand(starts[sources], count[sources])]
        g = np.repeat(self.generating, count[sources])
        return f, g, self.then(f, g)

    def _relations(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return those of them that are not the last step of a word: they present the category."""
        last, before = self._steps
        f, g, h = self._then_generators()
        new = (last[h] != g) | (before[h] != f)
        return f[new], g[new], h[new]

    def failures(self) -> list[Failure]:
        """List pairs without composite, wrong ends, broken units and failing associativity."""
        laws = self._ill_typed, self._broken_units, self._not_associative
        return next((found for law in laws if (found := list(law()))), [])

    def _ill_typed(self) -> Iterator[Failure]:
        (first, second), composite = self.pairs, self.composites
        name, src, tgt = self._name, self.src.values, self.tgt.values

        def missing(k: int) -> tuple[str, str]:
            message = "these arrows meet, but have no composite"
            return f"{name(first[k])} >> {name(second[k])}", message

        def misplaced(k: int) -> tuple[str, str]:
            f, g, h = int(first[k]), int(second[k]), int(composite[k])
            found, expected = self.ends(h), (self.ends(f)[0], self.ends(g)[1])
            message = f"{name(h)} goes {' -> '.join(found)}, expected {' -> '.join(expected)}"
            return f"{name(f)} >> {name(g)} = {name(h)}", message

        bad, others = np.flatnonzero(composite < 0), "pairs of arrows meet, but have no composite"
        yield from failures_at("totality", bad, missing, "composition", others)
        wrong = (src[composite] != src[first]) | (tgt[composite] != tgt[second])
        bad, others = np.flatnonzero((composite >= 0) & wrong), "composites have wrong ends"
        yield from failures_at("typing", bad, misplaced, "composition", others)
        loops, every = self.ids.values, np.arange(len(self.ob))
        for k in np.flatnonzero((src[loops] != every) | (tgt[loops] != every)).tolist():
            found = " -> ".join(self.ends(int(loops[k])))
            yield Failure("typing", f"identity of {self.ob.label(k)}", f"it goes {found}")

    def _broken_units(self) -> Iterator[Failure]:
        name, every = self._name, np.arange(len(self.ar))
        for side, composite in (
            ("{unit} >> {f}", self.then(self.ids.values[self.src.values], every)),
            ("{f} >> {unit}", self.then(every, self.ids.values[self.tgt.values])),
        ):
            ends = self.src if side.startswith("{unit}") else self.tgt
            for f in np.flatnonzero(composite != every)[:SHOWN].tolist():
                where = side.format(f=name(f), unit=name(self.ids(ends(f))))
                yield Failure("unit", where, f"is {name(composite[f])}, expected {name(f)}")

    def _not_associative(self) -> Iterator[Failure]:
        src, tgt = self.src.values, self.tgt.values
        for g in self.generating.tolist():
            before, after = np.flatnonzero(tgt == src[g]), np.flatnonzero(src == tgt[g])
            left = self.then(self.then(before, g)[:, None], after[None, :])
            right = self.then(before[:, None], self.then(g, after)[None, :])
            i, j = np.nonzero(left != right)
            triples = np.stack([before[i], np.full(len(i), g), after[j]], axis=1)
            others = f"triples with {self._name(g)} in the middle fail"
            yield from failures_at("associativity", triples, self._sides, "composition", others)

    def _sides(self, triple: Sequence[int]) -> tuple[str, str]:
        """Say where the two ways to compose three arrows differ."""
        (x, g, y), label = triple, self.ar.label
        f, h, k = map(label, triple)
        one = label(int(self.then(self.then(x, g), y)))
        other = label(int(self.then(x, self.then(g, y))))
        return f"{f} >> {h} >> {k}", f"({f} >> {h}) >> {k} is {one}, {f} >> ({h} >> {k}) is {other}"

    def _name(self, row: Any) -> str:
        return self.ar.label(int(row))

    def __len__(self) -> int:
        """Return the number of arrows."""
        return len(self.ar)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FiniteCategory):
            return NotImplemented
        if self is other:
            return True
        fields = ("ob", "ar", "src", "tgt", "ids")
        same = all(getattr(self, field) == getattr(other, field) for field in fields)
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

    @classmethod
    def preorder(cls, relation: Any, elements: Iterable[Any] = ()) -> Self:
        """Build the smallest preorder that contains a relation.

        Parameters
        ----------
        relation
            Pairs ``(a, b)`` for ``a <= b``, a :class:`Graph` or a ``networkx.DiGraph`` with an
            edge for each pair, or a function ``leq(a, b)`` of two elements. Pairs that follow
            by reflexivity and transitivity may be left out.
        elements
            The elements, which become objects named by their text. They come first; those that
            appear in pairs only follow as they are met.

        Examples
        --------
        >>> P = FiniteCategory.preorder([("a", "b"), ("b", "a")])
        >>> P.isomorphism_classes
        (('a', 'b'),)
        """
        return cls._thin(*read_order(relation, elements), "<=")

    @classmethod
    def poset(cls, relation: Any, elements: Iterable[Any] = ()) -> Self:
        """Build the smallest partial order that contains a relation.

        Parameters
        ----------
        relation, elements
            As for :meth:`preorder`.

        Raises
        ------
        InvalidStructure
            Listing pairs of different elements that are below each other.

        Examples
        --------
        >>> divisors = [d for d in range(1, 13) if 12 % d == 0]
        >>> P = FiniteCategory.poset(lambda a, b: b % a == 0, divisors)
        >>> P.generators.edges
        ('1 <= 2', '1 <= 3', '2 <= 4', '2 <= 6', '3 <= 6', '4 <= 12', '6 <= 12')
        """
        names, below = read_order(relation, elements)
        refuse("poset", not_antisymmetric(names, below))
        return cls._thin(names, below, "<=")

    @classmethod
    def _thin(cls, names: Iterable[str], below: np.ndarray | bool, sign: str) -> Self:
        """Build the category with one arrow for each pair of a preorder, identities first."""
        expect(names, Iterable, "objects", "a list of names")
        size = len(names := list(names))
        proper = below & ~np.eye(size, dtype=bool)
        src, tgt = np.nonzero(proper)
        every = np.arange(size)
        rows = np.full((size, size), -1)
        rows[every, every] = every
        rows[src, tgt] = size + np.arange(src.size)
        arrows = [str(Path.identity(name)) for name in names]
        arrows += [
            f"{names[a]} {sign} {names[b]}" for a, b in zip(src.tolist(), tgt.tolist(), strict=True)
        ]
        src, tgt = np.append(every, src), np.append(every, tgt)
        return cls.build(
            names, distinct(arrows, "-"), src, tgt, every, lambda f, g: rows[src[f], tgt[g]]
        )

    @classmethod
    def monoid(cls, elements: Iterable[Hashable], table: Any, check: bool = True) -> Self:
        """Build the category with one object ``*`` whose arrows are the elements of a monoid.

        Parameters
        ----------
        elements
            The elements; the arrows are named by their text.
        table
            The product: a function of two elements, a mapping from pairs of elements, rows of
            elements in the order of ``elements``, or an integer array of positions.
        check
            Whether to look for failures of associativity.

        Raises
        ------
        InvalidStructure
            Listing products that are not elements, a missing unit, and triples whose products
            differ.

        Examples
        --------
        >>> M = FiniteCategory.monoid("1e", {("e", "e"): "e", **{("1", x): x for x in "1e"},
        ...                                  ("e", "1"): "e"})
        >>> M.idempotents
        ('1', 'e')
        """
        return cls._monoid("monoid", elements, table, check)

    @classmethod
    def group(cls, elements: Iterable[Hashable], table: Any, check: bool = True) -> Self:
        """Build the category with one object ``*`` whose arrows are the elements of a group.

        Parameters
        ----------
        elements, table, check
            As for :meth:`monoid`.

        Raises
        ------
        InvalidStructure
            As for :meth:`monoid`, and listing elements without inverse.

        Examples
        --------
        >>> FiniteCategory.group([1, 3], [[1, 3], [3, 3]])
        Traceback (most recent call last):
            ...
        catlearn.errors.InvalidStructure: group is not valid (1 failure):
          - 3: there is no y with 3 >> y = 1 = y >> 3 [inverse]
        """
        return cls._monoid("group", elements, table, check)

    @classmethod
    def _monoid(cls, what: str, elements: Iterable[Hashable], table: Any, check: bool) -> Self:
        names, array, units, failures = read_table(elements, table)
        refuse(what, failures)
        loops = np.zeros(len(names), np.int64)
        made = cls.build(["*"], names, loops, loops, units, lambda f, g: array[f, g])
        failures = made.failures() if check else []
        if what == "group":
            failures += without_inverse(names, array == units[0], names[units[0]])
        refuse(what, failures)
        return made

    @classmethod
    def transformation_monoid(
        cls, generators: Mapping[str, Sequence[int]], bound: int = 5000
    ) -> Self:
        """Build the monoid that functions from ``{0, ..., n - 1}`` to itself generate.

        Parameters
        ----------
        generators
            The values of each generator, by name. Elements are named by the first shortest
            path of generators, such as ``s >> t``: first s, then t.
        bound
            The most elements there may be.

        Raises
        ------
        InvalidStructure
            Listing what is not such a function.
        TooLarge
            If there are more elements.

        Examples
        --------
        >>> T2 = FiniteCategory.transformation_monoid({"turn": [1, 0], "zero": [0, 0]})
        >>> T2.arrows, T2.compose("turn", "zero")
        (('id(*)', 'turn', 'zero', 'zero >> turn'), 'zero')
        """
        table, before, last = transformations(generators, bound)
        size = len(before)
        letters, words = list(generators), [Path.identity("*")]
        for g in range(1, size):
            words.append(words[before[g]] >> Path("*", (letters[last[g]],), "*"))
        loops = np.zeros(size, np.int64)
        generating = [g for g in range(1, size) if before[g] == 0]
        return cls.build(
            ["*"],
            [str(word) for word in words],
            loops,
            loops,
            np.zeros(1, np.int64),
            lambda f, g: table[g, f],
            generators=np.array(generating, np.int64),
        )

    @classmethod
    def permutation_group(cls, generators: Mapping[str, Sequence[int]], bound: int = 5000) -> Self:
        """Build the group that permutations of ``{0, ..., n - 1}`` generate.

        Parameters
        ----------
        generators, bound
            As for :meth:`transformation_monoid`.

        Raises
        ------
        InvalidStructure
            Listing what is not a permutation.
        TooLarge
            If there are more elements.
        """
        refuse(
            "permutations",
            (
                Failure("permutation", name, f"{list(image)} takes a value twice")
                for name, image in read_functions(generators).items()
                if len(set(image)) < len(image)
            ),
        )
        return cls.transformation_monoid(generators, bound)

    @classmethod
    def discrete(cls, objects: Iterable[str]) -> Self:
        """Build the category that has identities only.

        Examples
        --------
        >>> FiniteCategory.discrete(["A", "B"]).arrows
        ('id(A)', 'id(B)')
        """
        return cls._thin(objects, False, "->")

    @classmethod
    def codiscrete(cls, objects: Iterable[str]) -> Self:
        """Build the category with one arrow from each object to each.

        Examples
        --------
        >>> FiniteCategory.codiscrete(["A", "B"]).arrows
        ('id(A)', 'id(B)', 'A -> B', 'B -> A')
        """
        return cls._thin(objects, True, "->")

    @classmethod
    def chain(cls, n: int) -> Self:
        """Build the ordinal [n], the order ``0 <= 1 <= ... <= n``.

        Examples
        --------
        >>> FiniteCategory.chain(2).arrows
        ('id(0)', 'id(1)', 'id(2)', '0 <= 1', '0 <= 2', '1 <= 2')
        """
        expect(n, (int, np.integer), "n", "a number")
        return cls._thin([str(k) for k in range(n + 1)], ~np.tri(n + 1, k=-1, dtype=bool), "<=")

    @classmethod
    def walking_arrow(cls) -> FiniteCategory:
        """Build the category of one arrow ``f : 0 -> 1``; functors out of it are arrows."""
        return cls.free(Graph({"f": ("0", "1")}))

    @classmethod
    def walking_isomorphism(cls) -> Self:
        """Build the category of ``f : 0 -> 1`` and its inverse ``g``."""
        made = cls.codiscrete("01")
        arrows = ["id(0)", "id(1)", "f", "g"]
        return cls.build(
            made.ob, arrows, made.src.values, made.tgt.values, made.ids.values, made.then
        )

    @classmethod
    def free(cls, graph: Graph, bound: int = 100_000) -> FiniteCategory:
        """Build the free category on a graph without cycles; its arrows are the paths.

        They stand in shortlex order, as in :meth:`Graph.category`, which is this category, too.

        Parameters
        ----------
        graph
            The graph.
        bound
            The most paths there may be.

        Raises
        ------
        InfinitelyManyPaths
            If there is a cycle.
        TooManyPaths
            If there are more paths; ``count`` is their number.

        Examples
        --------
        >>> G = Graph({"f": ("A", "B"), "g": ("B", "C")})
        >>> FiniteCategory.free(G).arrows
        ('id(A)', 'id(B)', 'id(C)', 'f', 'g', 'f >> g')
        """
        expect(graph, Graph, "graph", "a Graph")
        made: Any = Graph.of(graph).category(Budget(arrows=bound, composites=sys.maxsize))
        if isinstance(made, FiniteCategory):
            return made
        if not (found := made.is_finite):
            message = f"the free category on this graph is infinite: {found.reason}"
            remedy = "graph.category() works with infinite categories too"
            raise InfinitelyManyPaths(f"{message}; {remedy}", found.loop.edges)
        message = f"the graph has {found.count} paths, more than the bound of {bound}; raise bound"
        raise TooManyPaths(message, found.count)

    def _mask(self, rows: np.ndarray) -> np.ndarray:
        mask = marked(rows, len(self.ar))
        mask.setflags(write=False)
        return mask

    sections = Marked("is_section")
    """The names of the sections (split monos)."""
    retractions = Marked("is_retraction")
    """The names of the retractions (split epis)."""
    isomorphisms = Marked("is_iso")
    """The names of the isomorphisms."""
    monomorphisms = Marked("is_mono")
    """The names of the monos."""
    epimorphisms = Marked("is_epi")
    """The names of the epis."""
    idempotents = Marked("is_idempotent")
    """The names of the idempotents."""
    split_idempotents = Marked("is_split_idempotent")
    """The names of the idempotents that split."""
    initial_objects = Marked("is_initial", "ob")
    """The names of the initial objects, all isomorphic by unique isomorphisms."""
    terminal_objects = Marked("is_terminal", "ob")
    """The names of the terminal objects, all isomorphic by unique isomorphisms."""
    zero_objects = Marked("is_zero", "ob")
    """The names of the objects that are both initial and terminal."""

    @once
    def _split_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """All pairs (section, retraction): those whose composite is an identity."""
        first, second = self.pairs
        split = self.is_identity[self.composites]
        return first[split], second[split]

    @once
    def is_section(self) -> np.ndarray:
        """For each arrow whether it is a section, a split mono."""
        return self._mask(self._split_pairs[0])

    @once
    def is_retraction(self) -> np.ndarray:
        """For each arrow whether it is a retraction, a split epi."""
        return self._mask(self._split_pairs[1])

    @property
    def is_iso(self) -> np.ndarray:
        """For each arrow whether it is an isomorphism."""
        return self.is_section & self.is_retraction

    @once
    def is_mono(self) -> np.ndarray:
        """For each arrow whether it is a mono."""
        return self._cancels(self.pairs[1])

    @once
    def is_epi(self) -> np.ndarray:
        """For each arrow whether it is an epi."""
        return self._cancels(self.pairs[0])

    def _cancels(self, arrow: np.ndarray) -> np.ndarray:
        """Mark the arrows such that no two pairs with this arrow have one composite."""
        key = np.sort(arrow * len(self.ar) + self.composites)
        twice = key[1:][key[1:] == key[:-1]] // max(len(self.ar), 1)
        mask = np.ones(len(self.ar), bool)
        mask[twice] = False
        mask.setflags(write=False)
        return mask

    @property
    def is_idempotent(self) -> np.ndarray:
        """For each arrow whether it is an idempotent."""
        every = np.arange(len(self.ar))
        return self.then(every, every) == every

    @once
    def is_split_idempotent(self) -> np.ndarray:
        """For each arrow whether it is an idempotent that splits."""
        section, retraction = self._split_pairs
        return self._mask(self.then(retraction, section))

    @once
    def inverses(self) -> np.ndarray:
        """For each arrow the row of its inverse, -1 where there is none."""
        section, retraction = self._split_pairs
        both = self.is_iso[section] & self.is_iso[retraction]
        found = np.full(len(self.ar), -1)
        found[section[both]] = retraction[both]
        return read_only(found)

    def inverse(self, arrow: ArrowLike) -> str:
        """Return the name of the inverse of an isomorphism.

        Raises
        ------
        InvalidStructure
            If it is not one, saying what it lacks.
        """
        row = self.arrow(arrow)
        found = int(self.inverses[row])
        if found >= 0:
            return self.ar.label(found)
        lacks = [
            f"no {side} gives {unit}"
            for mask, side, unit in (
                (self.is_section, f"{self.ar.label(row)} >> x", f"id({self.ends(row)[0]})"),
                (self.is_retraction, f"x >> {self.ar.label(row)}", f"id({self.ends(row)[1]})"),
            )
            if not mask[row]
        ]
        raise fault("inverse", "isomorphism", self.ar.label(row), ", and ".join(lacks))

    def splitting(self, idempotent: ArrowLike) -> tuple[str, str]:
        """Return the first retraction r and section s with ``r >> s`` a given idempotent.

        Any two splittings of an idempotent differ by a unique isomorphism.

        Raises
        ------
        InvalidStructure
            If it is no idempotent, or does not split.
        """
        row = self.arrow(idempotent)
        section, retraction = self._split_pairs
        found = np.flatnonzero(self.then(retraction, section) == row)
        if found.size:
            return self.ar.label(int(retraction[found[0]])), self.ar.label(int(section[found[0]]))
        name = self.ar.label(row)
        message = "it is an idempotent that does not split; karoubi(C) has splittings of all"
        if not self.is_idempotent[row]:
            loop = self.src(row) == self.tgt(row)
            twice = self.ar.label(int(self.then(row, row))) if loop else ""
            message = f"{name} >> {name} is {twice}" if loop else "its ends differ"
        raise fault("splitting", "idempotent", name, message)

    def factorisations(self, arrow: ArrowLike) -> tuple[tuple[str, str], ...]:
        """Return all pairs (g, h) of arrows with ``g >> h`` the given one.

        Examples
        --------
        >>> FiniteCategory.chain(2).factorisations("0 <= 2")
        (('id(0)', '0 <= 2'), ('0 <= 1', '1 <= 2'), ('0 <= 2', 'id(2)'))
        """
        first, second = self.pairs
        found = np.flatnonzero(self.composites == self.arrow(arrow))
        names = self.ar.labels(first[found].tolist()), self.ar.labels(second[found].tolist())
        return tuple(zip(*names, strict=True))

    def subobjects(self, of: str | int) -> tuple[str, ...]:
        """Return one mono into an object for each of its subobjects, the first of each.

        Two monos are one subobject if each factors through the other.

        Examples
        --------
        >>> FiniteCategory.chain(2).subobjects("1")
        ('id(1)', '0 <= 1')
        """
        at = self.ob.index(of)
        monos = np.flatnonzero(self.is_mono & (self.tgt.values == at))
        chosen = monos.copy()  # m ~ n if and only if n == i >> m for an isomorphism i
        place = positions(monos, len(self.ar))
        first, second = self.pairs
        related = self.is_iso[first] & (place[second] >= 0)
        np.minimum.at(chosen, place[self.composites[related]], second[related])
        return self.ar.labels(np.unique(chosen).tolist())

    @property
    def classes(self) -> np.ndarray:
        """For each object the row of the first object that it is isomorphic to."""
        isos = np.flatnonzero(self.is_iso)
        found = np.arange(len(self.ob))
        np.minimum.at(found, self.src.values[isos], self.tgt.values[isos])
        return found

    @property
    def isomorphism_classes(self) -> tuple[tuple[str, ...], ...]:
        """The objects, those that are isomorphic together."""
        groups: dict[int, list[str]] = {}
        for name, first in zip(self.objects, self.classes.tolist(), strict=True):
            groups.setdefault(first, []).append(name)
        return tuple(tuple(group) for group in groups.values())

    def _reaching_once(self, near: np.ndarray, far: np.ndarray) -> np.ndarray:
        """Mark the objects with exactly one arrow between them and each object."""
        size = len(self.ob)
        pairs = np.unique(near * size + far)
        met = np.bincount(pairs // max(size, 1), minlength=size)
        return (met == size) & (np.bincount(near, minlength=size) == size)

    @property
    def is_initial(self) -> np.ndarray:
        """For each object whether it is initial."""
        return self._reaching_once(self.src.values, self.tgt.values)

    @property
    def is_terminal(self) -> np.ndarray:
        """For each object whether it is terminal."""
        return self._reaching_once(self.tgt.values, self.src.values)

    @property
    def is_zero(self) -> np.ndarray:
        """For each object whether it is both initial and terminal."""
        return self.is_initial & self.is_terminal

    @property
    def is_groupoid(self) -> bool:
        """Whether every arrow is an isomorphism."""
        return bool(self.is_iso.all())

    @property
    def is_thin(self) -> bool:
        """Whether it is a preorder: no two arrows are parallel."""
        ends = self.src.values * len(self.ob) + self.tgt.values
        return len(np.unique(ends)) == len(ends)

    @property
    def is_skeletal(self) -> bool:
        """Whether isomorphic objects are equal."""
        return bool((self.classes == np.arange(len(self.ob))).all())

    @property
    def is_balanced(self) -> bool:
        """Whether every arrow that is mono and epi is an isomorphism."""
        return bool((self.is_iso | ~(self.is_mono & self.is_epi)).all())

    @once
    def inside(self) -> InsideCategory:
        """The category as a place in which limits and colimits are taken."""
        return InsideCategory(self)

    def __getitem__(self, at: str | Path) -> Any:
        """Return an :class:`Arrow` or an :class:`Object` by name, an arrow also by its path.

        Raises
        ------
        UnknownName
            If there is neither, or there are both.
        """
        if not isinstance(at, (str, Path)):
            raise UnknownName(f"C[...] takes the name of an object or an arrow, not {at!r}")
        if isinstance(at, str) and at in self.ob:
            if at not in self.ar:
                return Object(self, at)
            message = f"{at} is both an object and an arrow"
            raise UnknownName(f"{message}; write Object(C, {at!r}) or Arrow(C, {at!r})")
        try:
            return Arrow(self, at)
        except UnknownName:
            hint = did_you_mean(str(at), (*self.ob.labels(), *self.ar.labels()))
            raise UnknownName(f"there is no object or arrow {at}; {hint}") from None
