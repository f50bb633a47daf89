"""Comma categories, slices, coslices, arrow and twisted arrow categories.

For functors F : A -> C and G : B -> C, the *comma category* F/G has for objects the triples
(a, b, h) with h : F(a) -> G(b) in C, and for arrows to (a', b', h') the pairs u : a -> a',
v : b -> b' with ``F(u) >> h' == h >> G(v)``. It projects to A and to B, and h is a natural
transformation between the two ways to C, through which every such square factors (Mac Lane,
II.6). With F the identity of C and G an object A it is the *slice* C/A, whose objects are the
arrows into A; with both identities it is the *arrow category*.

>>> from catlearn.category import FiniteCategory, arrow_category, slice_category
>>> divisors = FiniteCategory.poset(lambda a, b: b % a == 0, [1, 2, 3, 6])
>>> below = slice_category(divisors, "2")
>>> below.objects, below.projection("1 <= 2: 1 <= 2 -> id(2)")
(('id(2)', '1 <= 2'), '1 <= 2')
>>> squares = arrow_category(FiniteCategory.chain(1))
>>> squares.arrows[3:]
('(0 <= 1, 0 <= 1): id(0) -> id(1)', '(id(0), 0 <= 1): id(0) -> 0 <= 1', \
'(0 <= 1, id(1)): 0 <= 1 -> id(1)')

Categories whose arrows are tuples of arrows, composed part by part.

An arrow of a comma category, a functor category or a Karoubi envelope is a tuple of arrows of
other categories, with two ends; tuples compose in each part. What is common to all of these is
here: distinct tuples are sorted, identities first, and composites are looked up by value.

>>> from catlearn.category import FiniteCategory
>>> C = FiniteCategory.chain(1)
>>> part = Coordinate(np.array([0, 1, 2]), C.ids.values, C.then)
>>> name = lambda f, a, b: C.ar.label(f)
>>> made, columns = tuple_category(
...     FiniteCategory, ["a", "b"], np.array([0, 1, 0]), np.array([0, 1, 1]), [part], name
... )
>>> made.arrows
('id(a)', 'id(b)', '0 <= 1')

The opposite of a category: every arrow turned round (Mac Lane, II.2).

>>> from catlearn.category import FiniteCategory, opposite
>>> C = FiniteCategory(["A", "B"], {"f": ("A", "B")})
>>> opposite(C)
FiniteCategory(['A', 'B'], {'f': ('B', 'A')}, {})
>>> opposite(opposite(C)) == C
True

Subcategories, and the skeleton.

A *subcategory* has some of the objects and some of the arrows, among them the identities of its
objects and the composites of its arrows; it is *full* if it has all arrows between its objects
and *wide* if it has all objects (Mac Lane, I.3). A *skeleton* is a full subcategory with exactly
one object of each class of isomorphic ones; its inclusion is an equivalence (IV.4).

>>> from catlearn.category import FiniteCategory, full_subcategory, skeleton
>>> part = full_subcategory(FiniteCategory.chain(3), ["1", "3"])
>>> part.arrows, part.inclusion.is_full
(('id(1)', 'id(3)', '1 <= 3'), True)
>>> point = skeleton(FiniteCategory.codiscrete(["A", "B", "C"]))
>>> point.objects, point.inclusion.is_equivalence
(('A',), True)

The Grothendieck construction: one category over C for a functor from C to categories; see
:func:`grothendieck`.

The Karoubi envelope: the category in which every idempotent of a category splits.

Its objects are the idempotents of C; an arrow from e to e' is an arrow f of C with
``e >> f == f == f >> e'``, and e is its own identity. C embeds, fully and faithfully, by
sending an object to its identity; the idempotent e then splits at the object e, and the
envelope is universal with this property (Borceux, *Handbook of Categorical Algebra* 1, 6.5).

>>> from catlearn.category import FiniteCategory, karoubi
>>> M = FiniteCategory.monoid("1e", {(x, y): max(x, y) for x in "1e" for y in "1e"})
>>> M.split_idempotents
('1',)
>>> K = karoubi(M)
>>> K.objects, K.arrows[2:]
(('1', 'e'), ('e: 1 -> 1', 'e: 1 -> e', 'e: e -> 1'))
>>> K.splitting(K.embedding("e"))
('e: 1 -> e', 'e: e -> 1')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import TypeVar

import numpy as np

from catlearn.category.finite import ArrowLike, Compose, FiniteCategory
from catlearn.category.functor import Functor, Subcategory
from catlearn.category.path import Path
from catlearn.category.transformation import NaturalTransformation
from catlearn.errors import NotComposable, TooLarge, expect, expect_each, fault
from catlearn.finset import Diagram, colimit
from catlearn.finset.join import find, join, keys, positions
from catlearn.finset.value import marked, once
from catlearn.names import distinct

Made = TypeVar("Made", bound=FiniteCategory)

MOST_PAIRS = 50_000_000
"""The most pairs of arrows that a construction composes."""


@dataclass(frozen=True)
class Coordinate:
    """A coordinate of the tuples: its row in each tuple, in each identity, and how it composes."""

    rows: np.ndarray
    units: np.ndarray
    then: Compose


def tuple_category(
    kind: type[Made],
    objects: Iterable[str],
    src: np.ndarray,
    tgt: np.ndarray,
    parts: Sequence[Coordinate],
    name: Callable[..., str],
) -> tuple[Made, list[np.ndarray]]:
    """Build a category of tuples.

    Parameters
    ----------
    kind
        The class to build.
    objects
        The names of the objects.
    src, tgt
        The rows of the ends of each tuple.
    parts
        The parts of the tuples; with the ends they tell all tuples apart.
    name
        Called with the rows of the parts of a tuple, and then with those of its two ends, for
        all but identities; returns its name.

    Returns
    -------
    category, columns
        The category, and the rows of each part and of the two ends, in the order of its arrows.

    Raises
    ------
    TooLarge
        If there are too many pairs of arrows that meet.
    """
    objects = distinct(objects, "-")
    is_unit = src == tgt
    for part in parts:
        is_unit = is_unit & (part.rows == part.units[src])
    columns = [*(part.rows for part in parts), src, tgt]
    order = np.lexsort((*columns[:-2][::-1], tgt, src, ~is_unit))
    columns = [column[order] for column in columns]
    *rows, src, tgt = columns
    size = len(objects)
    check_pairs(size, src, tgt)
    lines = zip(*(column[size:].tolist() for column in columns), strict=True)
    names = [str(Path.identity(a)) for a in objects] + list(starmap(name, lines))

    def compose(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        parted = [part.then(row[first], row[second]) for part, row in zip(parts, rows, strict=True)]
        return find([src, tgt, *rows], [src[first], tgt[second], *parted])

    made = kind.build(objects, distinct(names, "-"), src, tgt, np.arange(size), compose)
    return made, columns


def check_pairs(size: int, src: np.ndarray, tgt: np.ndarray) -> None:
    """Refuse to compose more pairs of arrows than :data:`MOST_PAIRS`."""
    pairs = int(np.bincount(src, minlength=size).astype(float) @ np.bincount(tgt, minlength=size))
    if pairs > MOST_PAIRS:
        message = (
            f"the category has {size} objects and {len(src)} arrows, of which {pairs} pairs meet, "
            f"more than the budget of {MOST_PAIRS}; take a smaller category"
        )
        raise TooLarge(message)


def written_tuple(names: Sequence[str]) -> str:
    """Return ``(f, g)`` for several names, ``f`` for one."""
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


Dual = TypeVar("Dual", FiniteCategory, Functor, NaturalTransformation)


def opposite(of: Dual) -> Dual:
    """Return the opposite of a finite category, or of what is made of finite categories.

    Objects and arrows keep their names, and ``g >> f`` in the opposite is ``f >> g``. So the
    opposite of the opposite is the category itself. Functors and natural transformations have
    opposites, too, and so have adjunctions and monads: it is their attribute ``opposite``.

    Examples
    --------
    >>> F = Functor.identity(FiniteCategory.chain(2))
    >>> opposite(F) == Functor.identity(opposite(F.domain))
    True
    """
    expect(of, "opposite", "what is turned round", "a finite category, or a functor between such")
    return of.opposite


def _expect_finite(C: object) -> None:
    expect(C, FiniteCategory, "C", "a finite category, such as presentation.category()")


def full_subcategory(C: FiniteCategory, objects: Iterable[str | int]) -> Subcategory:
    """Return the full subcategory on some objects, in the order of the category."""
    _expect_finite(C)
    expect(objects, Iterable, "objects", "a list of objects")
    return _full(Subcategory, C, np.array(sorted({C.object(a) for a in objects}), np.int64))


def _full(kind: type[Subcategory], C: FiniteCategory, objects: np.ndarray) -> Subcategory:
    inside = marked(objects, len(C.ob))
    arrows = np.flatnonzero(inside[C.src.values] & inside[C.tgt.values])
    return kind.of(C, objects, arrows)


def wide_subcategory(C: FiniteCategory, arrows: Iterable[ArrowLike]) -> Subcategory:
    """Return the subcategory of all objects, and of the composites of some arrows.

    Examples
    --------
    >>> from catlearn.category import FiniteCategory
    >>> wide_subcategory(FiniteCategory.chain(2), ["0 <= 1"]).arrows
    ('id(0)', 'id(1)', 'id(2)', '0 <= 1')
    """
    _expect_finite(C)
    return _generated(C, np.arange(len(C.ob)), arrows)


def subcategory(C: FiniteCategory, arrows: Iterable[ArrowLike]) -> Subcategory:
    """Return the smallest subcategory that has some arrows.

    Examples
    --------
    >>> from catlearn.category import FiniteCategory
    >>> subcategory(FiniteCategory.chain(3), ["0 <= 1", "1 <= 3"]).arrows
    ('id(0)', 'id(1)', 'id(3)', '0 <= 1', '0 <= 3', '1 <= 3')
    """
    _expect_finite(C)
    expect(arrows, Iterable, "arrows", "a list of arrows")
    rows = np.array([C.arrow(f) for f in arrows], np.int64)
    objects = np.unique(np.append(C.src.values[rows], C.tgt.values[rows]))
    return _generated(C, objects, rows.tolist())


def _generated(C: FiniteCategory, objects: np.ndarray, arrows: Iterable[ArrowLike]) -> Subcategory:
    expect(arrows, Iterable, "arrows", "a list of arrows")
    rows = np.unique(np.array([C.arrow(f) for f in arrows], np.int64))
    reached = C._reach(rows[~C.is_identity[rows]])[0]
    reached &= ~C.is_identity | np.isin(C.src.values, objects)
    return Subcategory.of(C, objects, np.flatnonzero(reached))


class Skeleton(Subcategory):
    """A skeleton of a finite category; built by :func:`skeleton`."""

    @once
    def _way(self) -> np.ndarray:
        """For each object of the whole the first isomorphism to its place in the skeleton."""
        C = self.whole
        classes, way = C.classes, np.full(len(C.ob), -1)
        isos = np.flatnonzero(C.is_iso & (C.tgt.values == classes[C.src.values]))[::-1]
        way[C.src.values[isos]] = isos
        way[self.kept[0]] = C.ids.values[self.kept[0]]
        return way

    @once
    def retraction(self) -> Functor:
        """The functor from the whole category that is inverse to the inclusion.

        It is the identity on the skeleton. Elsewhere it depends on an isomorphism from each
        object to the one that stands for it; the first one is taken.
        """
        C, (objects, arrows), way = self.whole, self.kept, self._way
        at_object, at_arrow = positions(objects, len(C.ob)), positions(arrows, len(C.ar))
        every = np.arange(len(C.ar))
        start, end = C.inverses[way[C.src.values]], way[C.tgt.values]
        moved = C.then(C.then(start, every), end)
        return Functor.build(C, self, at_object[C.classes], at_arrow[moved])

    @property
    def isomorphism(self) -> NaturalTransformation:
        """The natural isomorphism from the identity to the retraction, then the inclusion."""
        C = self.whole
        around = self.retraction >> self.inclusion
        return NaturalTransformation.build(Functor.identity(C), around, self._way)


def skeleton(C: FiniteCategory) -> Skeleton:
    """Return the full subcategory on the first object of each class of isomorphic objects.

    Any two skeletons of a category are isomorphic; this one has the objects that come first.

    Returns
    -------
    Skeleton
        A category with its ``inclusion`` into C, a ``retraction`` of it, and the natural
        ``isomorphism`` that makes the two an equivalence.

    Examples
    --------
    >>> from catlearn.category import FiniteCategory
    >>> S = skeleton(FiniteCategory.preorder([("a", "b"), ("b", "a"), ("b", "c")]))
    >>> S.arrows, S.retraction("b <= c"), S.isomorphism["b"]
    (('id(a)', 'id(c)', 'a <= c'), 'a <= c', 'b <= a')
    """
    _expect_finite(C)
    made = _full(Skeleton, C, np.unique(C.classes))
    assert isinstance(made, Skeleton)
    return made


MadeComma = TypeVar("MadeComma", bound="Comma")


class Comma(FiniteCategory):
    """A comma category with its two projections; built by :func:`comma`."""

    pair: tuple[Functor, Functor]
    over: tuple[np.ndarray, ...]

    @once
    def left(self) -> Functor:
        """The projection to the domain of the first functor."""
        F, (_, a, _, u, _) = self.pair[0], self.over
        return Functor.build(self, F.domain, a, u)

    @once
    def right(self) -> Functor:
        """The projection to the domain of the second functor."""
        G, (_, _, b, _, v) = self.pair[1], self.over
        return Functor.build(self, G.domain, b, v)

    @property
    def transformation(self) -> NaturalTransformation:
        """The transformation from ``left >> F`` to ``right >> G`` whose component at h is h."""
        F, G = self.pair
        return NaturalTransformation.build(self.left >> F, self.right >> G, self.over[0])


def comma(F: Functor, G: Functor) -> Comma:
    """Return the comma category of two functors into one finite category.

    Objects are named ``(a, b, h)``, arrows ``(u, v): h -> h'``.

    Returns
    -------
    Comma
        With the projections ``left`` and ``right``, and the ``transformation`` between them.

    Raises
    ------
    NotComposable
        If the functors end at different categories.

    Examples
    --------
    >>> from catlearn.category import FiniteCategory
    >>> C = FiniteCategory.chain(1)
    >>> point = FiniteCategory.discrete(["p"])
    >>> K = comma(Functor.constant(point, C, "0"), Functor.identity(C))
    >>> K.objects, K.transformation.failures()
    (('(p, 0, id(0))', '(p, 1, 0 <= 1)'), [])
    """
    expect_each(Functor, "a Functor", F=F, G=G)
    for functor in (F, G):
        functor._finite()
    A, B = F.domain.ob.label, G.domain.ob.label
    u, v, C = F.domain.ar.label, G.domain.ar.label, F.codomain.ar.label
    return _comma(
        Comma,
        F,
        G,
        lambda a, b, h: f"({A(a)}, {B(b)}, {C(h)})",
        lambda x, y, h, k: f"({u(x)}, {v(y)}): {C(h)} -> {C(k)}",
    )


def matching(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all pairs of places at which two arrays of numbers from 0 on agree."""
    size = int(max(left.max(initial=-1), right.max(initial=-1))) + 1
    sizes = [np.bincount(side, minlength=size).astype(float) for side in (left, right)]
    count = int(sizes[0] @ sizes[1])
    if count > MOST_PAIRS:
        message = f"{count} squares are looked at, more than the budget of {MOST_PAIRS}"
        raise TooLarge(f"{message}; take a smaller category")
    one, other = join([len(left), len(right), size], [(0, 2, left), (1, 2, right)], [0, 1])
    return one, other


def _comma(
    kind: type[MadeComma],
    F: Functor,
    G: Functor,
    object_name: Callable[[int, int, int], str],
    arrow_name: Callable[[int, int, int, int], str],
) -> MadeComma:
    A, B, C = F.domain, G.domain, F.codomain
    if G.codomain != C:
        message = f"the first functor ends at {C}, the second at {G.codomain}"
        raise fault("comma category", "codomain", "F, G", message, NotComposable)
    sizes = [len(C.ar), len(A.ob), len(B.ob), len(C.ob), len(C.ob)]
    ends = [(0, 3, C.src.values), (1, 3, F.ob.values), (0, 4, C.tgt.values), (2, 4, G.ob.values)]
    h, a, b = join(sizes, ends, [0, 1, 2])
    # Half squares: an arrow of A before an object, and an object before an arrow of B.
    u, end = matching(A.tgt.values, a)
    start, v = matching(b, B.src.values)
    upper, lower = C.then(F.ar.values[u], h[end]), C.then(h[start], G.ar.values[v])
    lefts = [A.src.values[u] * len(B.ob) + b[end], upper]
    rights = [a[start] * len(B.ob) + B.tgt.values[v], lower]
    one, other = matching(*keys(lefts, rights))
    name = list(starmap(object_name, zip(a.tolist(), b.tolist(), h.tolist(), strict=True)))
    made, (u, v, _, _) = tuple_category(
        kind,
        name,
        start[other],
        end[one],
        [
            Coordinate(u[one], A.ids.values[a], A.then),
            Coordinate(v[other], B.ids.values[b], B.then),
        ],
        lambda x, y, i, j: arrow_name(x, y, int(h[i]), int(h[j])),
    )
    made._set(pair=(F, G), over=(h, a, b, u, v))
    return made


def _point(C: FiniteCategory, at: str | int) -> Functor:
    row = C.object(at)
    point = FiniteCategory.discrete([C.ob.label(row)])
    return Functor.build(point, C, np.array([row]), np.array([C.ids(row)]))


class Slice(Comma):
    """A slice or coslice category; built by :func:`slice_category`, :func:`coslice_category`."""

    @property
    def projection(self) -> Functor:
        """The functor to the category, which forgets the arrow to (or from) the object."""
        C = self.pair[0].codomain
        return self.left if self.pair[0].domain is C else self.right


def slice_category(C: FiniteCategory, over: str | int) -> Slice:
    """Return the slice of a category over an object.

    Its objects are the arrows into the object, under their own names; an arrow ``u: f -> g`` is
    an arrow u with ``u >> g == f``.

    Returns
    -------
    Slice
        With its ``projection`` to C.
    """
    _expect_finite(C)
    return _slice(Functor.identity(C), _point(C, over))


def coslice_category(C: FiniteCategory, under: str | int) -> Slice:
    """Return the coslice of a category under an object.

    Its objects are the arrows out of the object, under their own names; an arrow ``u: f -> g``
    is an arrow u with ``f >> u == g``.

    Returns
    -------
    Slice
        With its ``projection`` to C.

    Examples
    --------
    >>> from catlearn.category import FiniteCategory
    >>> coslice_category(FiniteCategory.chain(2), "1").arrows
    ('id("id(1)")', 'id("1 <= 2")', '1 <= 2: id(1) -> 1 <= 2')
    """
    _expect_finite(C)
    return _slice(_point(C, under), Functor.identity(C))


def _slice(F: Functor, G: Functor) -> Slice:
    """Return the comma category of an object and the identity, in either order."""
    C, f = F.codomain, F.codomain.ar.label
    return _comma(
        Slice,
        F,
        G,
        lambda _a, _b, h: f(h),
        lambda u, v, h, k: f"{f(u if F.domain is C else v)}: {f(h)} -> {f(k)}",
    )


def arrow_category(C: FiniteCategory) -> Comma:
    """Return the category whose objects are the arrows of C, and whose arrows are squares.

    An arrow ``(u, v): f -> g`` is a pair with ``u >> g == f >> v``.

    Returns
    -------
    Comma
        With the functors ``left`` and ``right`` to C that take the two ends.
    """
    _expect_finite(C)
    f, one = C.ar.label, Functor.identity(C)
    return _comma(
        Comma,
        one,
        one,
        lambda _a, _b, h: f(h),
        lambda u, v, h, k: f"({f(u)}, {f(v)}): {f(h)} -> {f(k)}",
    )


class TwistedArrows(FiniteCategory):
    """A twisted arrow category; built by :func:`twisted_arrow_category`."""

    whole: FiniteCategory
    over: tuple[np.ndarray, np.ndarray]

    @once
    def left(self) -> Functor:
        """The functor to the opposite of the category that takes the source of each arrow."""
        C, u = self.whole, self.over[0]
        return Functor.build(self, C.opposite, C.src.values, u)

    @once
    def right(self) -> Functor:
        """The functor to the category that takes the target of each arrow."""
        C, v = self.whole, self.over[1]
        return Functor.build(self, C, C.tgt.values, v)


def twisted_arrow_category(C: FiniteCategory) -> TwistedArrows:
    """Return the category whose objects are the arrows of C, and whose arrows factor them.

    An arrow ``(u, v): f -> g`` is a pair with ``u >> f >> v == g``. Ends are limits over it
    (Mac Lane, IX.6, exercise 3).

    Returns
    -------
    TwistedArrows
        With the functors ``left`` to the opposite of C and ``right`` to C.

    Examples
    --------
    >>> from catlearn.category import FiniteCategory
    >>> T = twisted_arrow_category(FiniteCategory.chain(1))
    >>> T.arrows[3:]
    ('(id(0), 0 <= 1): id(0) -> 0 <= 1', '(0 <= 1, id(1)): id(1) -> 0 <= 1')
    """
    _expect_finite(C)
    first, second = C.pairs
    # u >> f, then v: pairs (first, second) = (u, f), each followed by every v out of f's target.
    pair, v = matching(C.tgt.values[second], C.src.values)
    u, f = first[pair], second[pair]
    label = C.ar.label
    made, (u, v, _, _) = tuple_category(
        TwistedArrows,
        C.arrows,
        f,
        C.then(C.composites[pair], v),
        [
            Coordinate(u, C.ids.values[C.src.values], lambda one, two: C.then(two, one)),
            Coordinate(v, C.ids.values[C.tgt.values], C.then),
        ],
        lambda u, v, f, g: f"({label(u)}, {label(v)}): {label(f)} -> {label(g)}",
    )
    made._set(whole=C, over=(u, v))
    return made


class Karoubi(FiniteCategory):
    """A Karoubi envelope; built by :func:`karoubi`."""

    whole: FiniteCategory
    over: tuple[np.ndarray, np.ndarray]

    @once
    def embedding(self) -> Functor:
        """The full and faithful functor that sends each object to its identity."""
        C, (idempotents, arrows) = self.whole, self.over
        ob = positions(idempotents, len(C.ar))[C.ids.values]
        ends = [ob[C.src.values], ob[C.tgt.values], np.arange(len(C.ar))]
        ar = find([self.src.values, self.tgt.values, arrows], ends)
        return Functor.build(C, self, ob, ar)


def karoubi(C: FiniteCategory) -> Karoubi:
    """Return the Karoubi envelope (idempotent completion, Cauchy completion) of a category.

    Its objects are named like the idempotents, its arrows ``f: e -> e'``.

    Returns
    -------
    Karoubi
        With the ``embedding`` of C.
    """
    _expect_finite(C)
    e = np.flatnonzero(C.is_idempotent)
    first, second = C.pairs
    place = positions(e, len(C.ar))
    kept_after = (place[first] >= 0) & (C.composites == second)
    kept_before = (place[second] >= 0) & (C.composites == first)
    before, after = place[first[kept_after]], place[second[kept_before]]
    sides = [(0, 2, second[kept_after]), (1, 2, first[kept_before])]
    one, other = join([len(before), len(after), len(C.ar)], sides, [0, 1])
    label, objects = C.ar.label, C.ar.labels(e.tolist())
    made, (arrows, _, _) = tuple_category(
        Karoubi,
        objects,
        before[one],
        after[other],
        [Coordinate(second[kept_after][one], e, C.then)],
        lambda f, a, b: f"{label(f)}: {objects[a]} -> {objects[b]}",
    )
    made._set(whole=C, over=(e, arrows))
    return made


class Grothendieck(FiniteCategory):
    """The total category of a functor into categories; built by :func:`grothendieck`."""

    family: Functor
    over: tuple[np.ndarray, ...]

    @once
    def projection(self) -> Functor:
        """The functor to the domain of the family, an opfibration."""
        C, (home, f, _, _) = self.family.domain, self.over
        return Functor.build(self, C, home, f)

    def fibre(self, at: str | int) -> Functor:
        """Return the inclusion of the value at an object: all that lies over its identity."""
        C, (home, f, u, _) = self.family.domain, self.over
        c = C.object(at)
        arrows = np.flatnonzero(f == C.ids(c))
        arrows = arrows[(home[self.src.values[arrows]] == c)]
        arrows = arrows[np.argsort(u[arrows])]
        inside = self.family.objects[C.ob.label(c)]
        return Functor.build(inside, self, np.flatnonzero(home == c), arrows)

    def lift(self, at: str | int, along: ArrowLike) -> str:
        """Return the opcartesian arrow out of an object over an arrow out of its projection.

        Each arrow out of the object over ``f >> g``, for that arrow f, is the lift followed by
        exactly one arrow over g.

        Raises
        ------
        NotComposable
            If the arrow starts elsewhere.
        """
        C, (home, f, _, lifts) = self.family.domain, self.over
        e, row = self.object(at), C.arrow(along)
        if C.src(row) != home[e]:
            name, here = C.ar.label(row), C.ob.label(int(home[e]))
            message = f"it starts at {C.ends(row)[0]}, but {self.ob.label(e)} lies over {here}"
            raise fault("lift", "composition", name, message, NotComposable)
        return self.ar.label(int(np.flatnonzero((self.src.values == e) & (f == row) & lifts)[0]))


def grothendieck(F: Functor) -> Grothendieck:
    """Return the Grothendieck construction of a functor from a finite category to such categories.

    Its objects ``c:x`` are the objects x of all F(c), and an arrow from c:x to d:y is an arrow
    f : c -> d with an arrow u : F(f)(x) -> y, called ``(f, u): c:x -> d:y``; where u is an identity
    it is the lift ``f@x``. Where each F(c) is discrete, these are the elements of a C-set. The
    projection to the domain is an *opfibration*: each arrow f out of the projection of an object
    has a lift out of this object through which all others factor (Borceux 2, 8.1 and 8.3).

    Parameters
    ----------
    F
        A functor into :class:`~catlearn.category.Morphisms`, whose values at objects are finite
        categories and at arrows functors.

    Returns
    -------
    Grothendieck
        With its ``projection``, the ``fibre`` over each object, and the ``lift`` of each arrow.

    Raises
    ------
    WrongKind
        If the domain or a value is no finite category.

    Examples
    --------
    Of the action of a group on a group it is the semidirect product (Brown, *Topology and
    Groupoids*, 11.4). Two elements act on three by inversion:

    >>> from catlearn.category import FiniteCategory, Functor, Morphisms, are_isomorphic
    >>> Z2, Z3 = (FiniteCategory.group(range(n), lambda x, y, n=n: (x + y) % n) for n in (2, 3))
    >>> action = Functor(Z2, Morphisms(), arrows={"1": Functor(Z3, Z3, arrows={"1": "2"})})
    >>> total = grothendieck(action)
    >>> total.arrows[1:4], total.projection("1@*")
    (('(0, 1): *:* -> *:*', '(0, 2): *:* -> *:*', '1@*'), '1')
    >>> S3 = FiniteCategory.permutation_group({"s": [1, 0, 2], "t": [0, 2, 1]})
    >>> are_isomorphic(total, S3)
    True
    """
    expect(F, Functor, "F", "a functor into Morphisms(), whose values are categories")
    C = F.domain
    expect(C, FiniteCategory, "the domain", "a finite category, such as presentation.category()")
    parts = [F.objects[c] for c in C.objects]
    for c, part in zip(C.objects, parts, strict=True):
        expect(part, FiniteCategory, f"the value at {c}", "a finite category")
    whole = colimit(Diagram(parts, of=FiniteCategory))
    fibres, moves = whole.apex, F._values
    # Where the objects and the arrows of each part begin in their disjoint union.
    sizes = [np.array([len(getattr(D, of)) for D in parts], np.int64) for of in ("ob", "ar")]
    first, first_arrow = (np.cumsum(size) - size for size in sizes)
    home = np.repeat(np.arange(len(C.ob)), sizes[0])

    def moved(f: np.ndarray, rows: np.ndarray, of: str) -> np.ndarray:
        """Move objects or arrows along arrows of C at whose sources they are."""
        begin, size = (first, sizes[0]) if of == "ob" else (first_arrow, sizes[1])
        lengths = size[C.src.values]
        flat = [np.zeros(0, np.int64)]
        flat += [
            getattr(move, of).values + begin[d]
            for move, d in zip(moves, C.tgt.values.tolist(), strict=True)
        ]
        starts = np.cumsum(lengths) - lengths
        return np.concatenate(flat)[starts[f] + rows - begin[C.src.values[f]]]

    f, x = matching(C.src.values, home)
    pair, u = matching(moved(f, x, "ob"), fibres.src.values)
    f, x, many = f[pair], x[pair], max(len(fibres.ar), 1)

    def then(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        (f, u), (g, v) = np.divmod(one, many), np.divmod(other, many)
        return C.then(f, g) * many + fibres.then(moved(g, u, "ar"), v)

    names = [name for part in parts for name in part.objects]
    objects = [f"{C.ob.label(c)}:{name}" for c, name in zip(home.tolist(), names, strict=True)]
    called = [name for part in parts for name in part.arrows]

    def name(at: int, a: int, b: int) -> str:
        f, u = divmod(at, many)
        arrow = C.ar.label(f)
        if fibres.is_identity[u]:
            return f"({arrow})@{names[a]}" if " " in arrow else f"{arrow}@{names[a]}"
        return f"({arrow}, {called[u]}): {objects[a]} -> {objects[b]}"

    made, (arrows, _, _) = tuple_category(
        Grothendieck,
        objects,
        x,
        fibres.tgt.values[u],
        [Coordinate(f * many + u, C.ids.values[home] * many + fibres.ids.values, then)],
        name,
    )
    f, u = np.divmod(arrows, many)
    made._set(family=F, over=(home, f, u, fibres.is_identity[u]))
    return made
