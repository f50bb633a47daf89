"""Composition of arrows by row: the arrays of a finite category, and how they are read.

The arrows of a finite category are rows of a table with a source and a target, and composites
stand in one flat array, sorted by first arrow, then by second; only pairs that meet have an
entry. So the array of a poset is small; that of a monoid with n elements has n * n entries.

>>> import numpy as np
>>> from catlearn.category import FiniteCategory
>>> C = FiniteCategory(["A", "B"], {"f": ("A", "B")})
>>> [rows.tolist() for rows in C.pairs], C.composites.tolist()
([[0, 0, 1, 2], [0, 2, 1, 1]], [0, 2, 1, 2])
>>> C.then(np.array([0, 2, 2]), np.array([2, 1, 2])).tolist()
[2, 2, -1]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from catlearn.category.path import Path, read_path
from catlearn.category.protocol import Category
from catlearn.category.verdict import Equal, NotEqual, Verdict
from catlearn.errors import Failure, NotComposable
from catlearn.finset import FinFunction, FinSet, Record
from catlearn.finset.join import expand
from catlearn.finset.sets import as_finset
from catlearn.finset.value import read_only

ArrowLike = int | str | Path
"""An arrow as one may give it: its row, its name, a path of generators, or the path's text."""

Compose = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Composites, by row, of equally many first and second arrows."""


class Composition(Category):
    """Objects, arrows and composites as integer arrays; the root of finite categories."""

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
            made._cached("generating", lambda: read_only(np.array(generators, dtype=np.int64)))
        return made

    def failures(self) -> list[Failure]:
        """List every broken law."""
        raise NotImplementedError

    @property
    def objects(self) -> tuple[str, ...]:
        """The names of the objects."""
        return self.ob.labels()

    @property
    def arrows(self) -> tuple[str, ...]:
        """The names of the arrows, identities among them."""
        return self.ar.labels()

    @property
    def _layout(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the arrows sorted by source, where each source's begin, ranks, and offsets.

        The composites of an arrow f stand at ``offsets[f]``, one for each arrow out of its
        target in order; ``rank[g]`` is the number of g among the arrows out of its source.
        """

        def lay() -> tuple[np.ndarray, ...]:
            src, tgt = self.src.values, self.tgt.values
            order = np.argsort(src, kind="stable")
            degrees = np.bincount(src, minlength=len(self.ob))
            starts = np.cumsum(degrees) - degrees
            rank = np.empty(len(self.ar), np.int64)
            rank[order] = np.arange(len(self.ar)) - starts[src[order]]
            lengths = degrees[tgt]
            return order, starts, rank, np.cumsum(lengths) - lengths

        return self._cached("layout", lay)

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
            raise NotComposable(
                type(self).__name__, [Failure("composition", f"{f} >> {g}", message)]
            )
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
        >>> from catlearn.category import FiniteCategory
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
            failure = Failure("parallel arrows", sides[0], f"is not parallel to {sides[1]}")
            raise NotComposable(type(self).__name__, [failure])
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

    @property
    def is_identity(self) -> np.ndarray:
        """For each arrow whether it is an identity."""

        def mark() -> np.ndarray:
            unit = np.zeros(len(self.ar), bool)
            unit[self.ids.values] = True
            return unit

        return self._cached("units", mark)
