"""Functor categories: functors between two finite categories, and natural transformations.

The category [C, D] has the functors C -> D for objects and natural transformations for arrows,
composed vertically (Mac Lane, II.4). Functors are enumerated; the transformations between all
pairs of them are found at once, as a table to which one object of C after the other adds a
column, while the squares of the generators of C whose ends are there are checked.

>>> from catlearn.category import FiniteCategory, functor_category
>>> arrow, C = FiniteCategory.walking_arrow(), FiniteCategory.chain(2)
>>> functor_category(arrow, C).objects
('id(0)', 'id(1)', 'id(2)', '0 <= 1', '0 <= 2', '1 <= 2')
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from catlearn.category.enumeration import functors
from catlearn.category.finite import FiniteCategory
from catlearn.category.functor import Functor
from catlearn.category.transformation import NaturalTransformation
from catlearn.category.tuples import MOST_PAIRS, Part, tuple_category, written_tuple
from catlearn.errors import TooLarge
from catlearn.finset.join import expand


class FunctorCategory(FiniteCategory):
    """A functor category; built by :func:`functor_category`."""

    between: tuple[FiniteCategory, FiniteCategory]
    functors: tuple[Functor, ...]
    components: np.ndarray

    def functor(self, at: str | int) -> Functor:
        """Return the functor that an object is, by name or row."""
        return self.functors[self.object(at)]

    def transformation(self, at: str | int) -> NaturalTransformation:
        """Return the natural transformation that an arrow is, by name or row."""
        row = self.arrow(at)
        F, G = self.functors[self.src(row)], self.functors[self.tgt(row)]
        names = F.codomain.ar.labels(self.components[row].tolist())
        components = dict(zip(F.domain.objects, names, strict=True))
        return NaturalTransformation(F, G, components, check=False)

    def evaluation(self, at: str | int) -> Functor:
        """Return the functor to D that takes the values at an object of C."""
        C, D = self.between
        column = C.object(at)
        ob = np.array([F.ob(column) for F in self.functors], np.int64)
        return Functor.build(self, D, ob, self.components[:, column])


def functor_category(C: FiniteCategory, D: FiniteCategory, bound: int = 100_000) -> FunctorCategory:
    """Return the category of functors from C to D and natural transformations.

    A functor is named by its values at the generators of C, and at objects that they do not
    touch: ``f`` or ``(f, g)``. A transformation is named by its components and its ends,
    ``(u, v): f -> g``.

    Parameters
    ----------
    C, D
        The categories.
    bound
        The most functors, and the most natural transformations (or parts of one, while they are
        searched for), there may be.

    Returns
    -------
    FunctorCategory
        With :meth:`~FunctorCategory.functor`, :meth:`~FunctorCategory.transformation` and
        :meth:`~FunctorCategory.evaluation`.

    Raises
    ------
    TooLarge
        If there are more.

    Examples
    --------
    >>> Z2 = FiniteCategory.group("1s", [["1", "s"], ["s", "1"]])
    >>> S3 = FiniteCategory.permutation_group({"s": [1, 0, 2], "t": [0, 2, 1]})
    >>> K = functor_category(Z2, S3)  # homomorphisms, and conjugations between them
    >>> K.objects, K.isomorphism_classes
    (('id(*)', 's', 't', 's >> t >> s'), (('id(*)',), ('s', 't', 's >> t >> s')))
    """
    found = tuple(islice(functors(C, D), bound + 1))
    if len(found) > bound:
        raise TooLarge(f"there are more than {bound} functors; raise bound")
    if len(found) ** 2 > MOST_PAIRS:
        message = f"there are {len(found)} functors, of which {MOST_PAIRS} pairs at most"
        raise TooLarge(f"{message} can be compared; take smaller categories")
    on_objects = np.array([F.ob.values for F in found], np.int64).reshape(len(found), len(C.ob))
    on_arrows = np.array([F.ar.values for F in found], np.int64).reshape(len(found), len(C.ar))
    F, G, columns = _transformations(C, D, on_objects, on_arrows, bound)
    lonely = np.ones(len(C.ob), bool)
    lonely[C.src.values[C.generating]] = lonely[C.tgt.values[C.generating]] = False
    objects, arrow = D.ob.label, D.ar.label
    names = [
        written_tuple(
            [arrow(k) for k in values[C.generating].tolist()]
            + [objects(k) for k in places[lonely].tolist()]
        )
        for places, values in zip(on_objects, on_arrows, strict=True)
    ]

    def name(*line: int) -> str:
        *parts, one, other = line
        return f"{written_tuple([arrow(k) for k in parts])}: {names[one]} -> {names[other]}"

    made, (*columns, _, _) = tuple_category(
        FunctorCategory,
        names,
        F,
        G,
        [Part(column, D.ids.values[on_objects[:, c]], D.then) for c, column in enumerate(columns)],
        name,
    )
    components = np.array(columns, np.int64).reshape(len(C.ob), len(made.ar)).T
    made._set(functors=found, components=components, between=(C, D))
    return made


def _transformations(
    C: FiniteCategory, D: FiniteCategory, ob: np.ndarray, ar: np.ndarray, bound: int
) -> tuple[np.ndarray, np.ndarray, Sequence[np.ndarray]]:
    """Return the ends of all natural transformations, and a column of components per object."""
    count, size = len(ob), len(D.ob)
    F, G = np.repeat(np.arange(count), count), np.tile(np.arange(count), count)
    columns: list[np.ndarray] = []
    by_ends = D.src.values * size + D.tgt.values
    order = np.argsort(by_ends, kind="stable")
    lengths = np.bincount(by_ends, minlength=size * size)
    starts = np.cumsum(lengths) - lengths
    sources, targets = C.src.values[C.generating], C.tgt.values[C.generating]
    for c in range(len(C.ob)):
        ends = ob[F, c] * size + ob[G, c]
        if lengths[ends].sum() > 10 * bound + count * count:
            break
        rows = np.repeat(np.arange(len(F)), lengths[ends])
        new = order[expand(starts[ends], lengths[ends])]
        F, G = F[rows], G[rows]
        columns = [*(column[rows] for column in columns), new]
        for g in np.flatnonzero(np.maximum(sources, targets) == c).tolist():
            f = int(C.generating[g])
            one = D.then(ar[F, f], columns[targets[g]])
            good = one == D.then(columns[sources[g]], ar[G, f])
            F, G, columns = F[good], G[good], [column[good] for column in columns]
    if len(columns) < len(C.ob) or len(F) > bound:
        message = (
            f"there are more than {bound} natural transformations between {count} functors; "
            "raise bound"
        )
        raise TooLarge(message)
    return F, G, columns
