"""Subcategories, and the skeleton.

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
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import numpy as np

from catlearn.category.composition import ArrowLike
from catlearn.category.finite import FiniteCategory
from catlearn.category.functor import Functor
from catlearn.category.transformation import NaturalTransformation


class Subcategory(FiniteCategory):
    """A subcategory of a finite category; built by the functions of this module."""

    whole: FiniteCategory
    kept: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, C: FiniteCategory, objects: np.ndarray, arrows: np.ndarray) -> Self:
        """Build it from rows of objects and of arrows that are closed under composition."""
        at_object, at_arrow = np.full(len(C.ob), -1), np.full(len(C.ar), -1)
        at_object[objects], at_arrow[arrows] = np.arange(len(objects)), np.arange(len(arrows))
        made = cls.build(
            C.ob.part(objects),
            C.ar.part(arrows),
            at_object[C.src.values[arrows]],
            at_object[C.tgt.values[arrows]],
            at_arrow[C.ids.values[objects]],
            lambda f, g: at_arrow[C.then(arrows[f], arrows[g])],
        )
        made._set(whole=C, kept=(objects, arrows))
        return made

    @property
    def inclusion(self) -> Functor:
        """The functor into the whole category."""
        return self._cached("inclusion", lambda: Functor.build(self, self.whole, *self.kept))


def full_subcategory(C: FiniteCategory, objects: Iterable[str | int]) -> Subcategory:
    """Return the full subcategory on some objects, in the order of the category."""
    return _full(Subcategory, C, np.array(sorted({C.object(a) for a in objects}), np.int64))


def _full(kind: type[Subcategory], C: FiniteCategory, objects: np.ndarray) -> Subcategory:
    inside = np.zeros(len(C.ob), bool)
    inside[objects] = True
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
    return _generated(C, np.arange(len(C.ob)), arrows)


def subcategory(C: FiniteCategory, arrows: Iterable[ArrowLike]) -> Subcategory:
    """Return the smallest subcategory that has some arrows.

    Examples
    --------
    >>> from catlearn.category import FiniteCategory
    >>> subcategory(FiniteCategory.chain(3), ["0 <= 1", "1 <= 3"]).arrows
    ('id(0)', 'id(1)', 'id(3)', '0 <= 1', '0 <= 3', '1 <= 3')
    """
    rows = np.array([C.arrow(f) for f in arrows], np.int64)
    objects = np.unique(np.append(C.src.values[rows], C.tgt.values[rows]))
    return _generated(C, objects, rows.tolist())


def _generated(C: FiniteCategory, objects: np.ndarray, arrows: Iterable[ArrowLike]) -> Subcategory:
    rows = np.unique(np.array([C.arrow(f) for f in arrows], np.int64))
    reached = C._reach(rows[~C.is_identity[rows]])[0]
    reached &= ~C.is_identity | np.isin(C.src.values, objects)
    return Subcategory.of(C, objects, np.flatnonzero(reached))


class Skeleton(Subcategory):
    """A skeleton of a finite category; built by :func:`skeleton`."""

    @property
    def _way(self) -> np.ndarray:
        """For each object of the whole the first isomorphism to its place in the skeleton."""

        def find() -> np.ndarray:
            C = self.whole
            classes, way = C.classes, np.full(len(C.ob), -1)
            isos = np.flatnonzero(C.is_iso & (C.tgt.values == classes[C.src.values]))[::-1]
            way[C.src.values[isos]] = isos
            way[self.kept[0]] = C.ids.values[self.kept[0]]
            return way

        return self._cached("way", find)

    @property
    def retraction(self) -> Functor:
        """The functor from the whole category that is inverse to the inclusion.

        It is the identity on the skeleton. Elsewhere it depends on an isomorphism from each
        object to the one that stands for it; the first one is taken.
        """

        def make() -> Functor:
            C, (objects, arrows), way = self.whole, self.kept, self._way
            at_object, at_arrow = np.full(len(C.ob), -1), np.full(len(C.ar), -1)
            at_object[objects], at_arrow[arrows] = np.arange(len(objects)), np.arange(len(arrows))
            every = np.arange(len(C.ar))
            start, end = C.inverses[way[C.src.values]], way[C.tgt.values]
            moved = C.then(C.then(start, every), end)
            return Functor.build(C, self, at_object[C.classes], at_arrow[moved])

        return self._cached("retraction", make)

    @property
    def isomorphism(self) -> NaturalTransformation:
        """The natural isomorphism from the identity to the retraction, then the inclusion."""
        C = self.whole
        components = dict(zip(C.objects, C.ar.labels(self._way.tolist()), strict=True))
        around = self.retraction >> self.inclusion
        return NaturalTransformation(Functor.identity(C), around, components, check=False)


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
    made = _full(Skeleton, C, np.unique(C.classes))
    assert isinstance(made, Skeleton)
    return made
