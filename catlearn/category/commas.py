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
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from catlearn.category.finite import FiniteCategory
from catlearn.category.functor import Functor
from catlearn.category.opposites import opposite
from catlearn.category.transformation import NaturalTransformation
from catlearn.category.tuples import MOST_PAIRS, Part, tuple_category
from catlearn.errors import Failure, NotComposable, TooLarge
from catlearn.finset.join import join, keys

MadeComma = TypeVar("MadeComma", bound="Comma")


class Comma(FiniteCategory):
    """A comma category with its two projections; built by :func:`comma`."""

    pair: tuple[Functor, Functor]
    over: tuple[np.ndarray, ...]

    @property
    def left(self) -> Functor:
        """The projection to the domain of the first functor."""
        F, (_, a, _, u, _) = self.pair[0], self.over
        return self._cached("left", lambda: Functor.build(self, F.domain, a, u))

    @property
    def right(self) -> Functor:
        """The projection to the domain of the second functor."""
        G, (_, _, b, _, v) = self.pair[1], self.over
        return self._cached("right", lambda: Functor.build(self, G.domain, b, v))

    @property
    def transformation(self) -> NaturalTransformation:
        """The transformation from ``left >> F`` to ``right >> G`` whose component at h is h."""
        F, G = self.pair
        names = F.codomain.ar.labels(self.over[0].tolist())
        components = dict(zip(self.objects, names, strict=True))
        return NaturalTransformation(self.left >> F, self.right >> G, components, check=False)


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
    A, B = F.domain.ob.label, G.domain.ob.label
    u, v, C = F.domain.ar.label, G.domain.ar.label, F.codomain.ar.label
    return _comma(
        Comma,
        F,
        G,
        lambda a, b, h: f"({A(a)}, {B(b)}, {C(h)})",
        lambda x, y, h, k: f"({u(x)}, {v(y)}): {C(h)} -> {C(k)}",
    )


def _matching(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
        raise NotComposable("comma category", [Failure("codomain", "F, G", message)])
    sizes = [len(C.ar), len(A.ob), len(B.ob), len(C.ob), len(C.ob)]
    ends = [(0, 3, C.src.values), (1, 3, F.ob.values), (0, 4, C.tgt.values), (2, 4, G.ob.values)]
    h, a, b = join(sizes, ends, [0, 1, 2])
    # Half squares: an arrow of A before an object, and an object before an arrow of B.
    u, end = _matching(A.tgt.values, a)
    start, v = _matching(b, B.src.values)
    upper, lower = C.then(F.ar.values[u], h[end]), C.then(h[start], G.ar.values[v])
    lefts = [A.src.values[u] * len(B.ob) + b[end], upper]
    rights = [a[start] * len(B.ob) + B.tgt.values[v], lower]
    one, other = _matching(*keys(lefts, rights))
    name = [object_name(*line) for line in zip(a.tolist(), b.tolist(), h.tolist(), strict=True)]
    made, (u, v, _, _) = tuple_category(
        kind,
        name,
        start[other],
        end[one],
        [Part(u[one], A.ids.values[a], A.then), Part(v[other], B.ids.values[b], B.then)],
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
    f = C.ar.label
    return _comma(
        Slice,
        Functor.identity(C),
        _point(C, over),
        lambda _a, _b, h: f(h),
        lambda u, _, h, k: f"{f(u)}: {f(h)} -> {f(k)}",
    )


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
    f = C.ar.label
    return _comma(
        Slice,
        _point(C, under),
        Functor.identity(C),
        lambda _a, _b, h: f(h),
        lambda _, u, h, k: f"{f(u)}: {f(h)} -> {f(k)}",
    )


def arrow_category(C: FiniteCategory) -> Comma:
    """Return the category whose objects are the arrows of C, and whose arrows are squares.

    An arrow ``(u, v): f -> g`` is a pair with ``u >> g == f >> v``.

    Returns
    -------
    Comma
        With the functors ``left`` and ``right`` to C that take the two ends.
    """
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

    @property
    def left(self) -> Functor:
        """The functor to the opposite of the category that takes the source of each arrow."""
        C, u = self.whole, self.over[0]
        return self._cached("left", lambda: Functor.build(self, opposite(C), C.src.values, u))

    @property
    def right(self) -> Functor:
        """The functor to the category that takes the target of each arrow."""
        C, v = self.whole, self.over[1]
        return self._cached("right", lambda: Functor.build(self, C, C.tgt.values, v))


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
    first, second = C.pairs
    # u >> f, then v: pairs (first, second) = (u, f), each followed by every v out of f's target.
    pair, v = _matching(C.tgt.values[second], C.src.values)
    u, f = first[pair], second[pair]
    label = C.ar.label
    made, (u, v, _, _) = tuple_category(
        TwistedArrows,
        C.arrows,
        f,
        C.then(C.composites[pair], v),
        [
            Part(u, C.ids.values[C.src.values], lambda one, two: C.then(two, one)),
            Part(v, C.ids.values[C.tgt.values], C.then),
        ],
        lambda u, v, f, g: f"({label(u)}, {label(v)}): {label(f)} -> {label(g)}",
    )
    made._set(whole=C, over=(u, v))
    return made
