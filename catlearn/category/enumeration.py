"""All functors between finite categories, and isomorphism and equivalence of categories.

The generators of the domain get their values one after the other. Once some have theirs, the
values of all their composites are known, and all equations between these are checked at once
for all candidates of the last generator, as arrays; so a partial choice is kept exactly if it
is a functor on the subcategory that its generators generate.

Functors are also the morphisms of the tables of objects, arrows and composable pairs, which
:mod:`catlearn.finset.constraints` finds. For posets that takes as long. But those tables do not say
that the values of generators determine the others, and have a variable for each pair: for groups of
24 elements it takes some fifty times as long.

Functors between posets are monotone maps, functors between groups are homomorphisms.

>>> from catlearn.category import FiniteCategory
>>> Z4, Z2 = (FiniteCategory.group(range(n), lambda x, y, n=n: (x + y) % n) for n in (4, 2))
>>> [F("1") for F in functors(Z4, Z2)], len(list(functors(Z2, Z4)))
(['0', '1'], 2)
>>> chain = FiniteCategory.chain(2)
>>> [tuple(F.ob) for F in functors(chain, chain, monic=True)]
[(0, 1, 2)]
>>> len(list(functors(chain, chain))), are_isomorphic(Z4, Z2)
(10, False)

Functor categories: functors between two finite categories, and natural transformations.

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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from catlearn.category.constructions import (
    MOST_PAIRS,
    Coordinate,
    skeleton,
    tuple_category,
    written_tuple,
)
from catlearn.category.finite import FiniteCategory
from catlearn.category.functor import Functor, by_length
from catlearn.category.targets import as_target
from catlearn.category.transformation import NaturalTransformation
from catlearn.errors import CatlearnError, TooLarge, expect, expect_dicts
from catlearn.finset.join import expand
from catlearn.finset.refinement import mixed

CHUNK = 2_000_000
"""How many values of arrows are computed at once."""


def functors(
    C: Any,
    D: Any,
    objects: Mapping[str, str | int] | None = None,
    arrows: Mapping[str, Any] | None = None,
    monic: bool = False,
    iso: bool = False,
    limit: int | None = None,
) -> Iterator[Functor]:
    """Iterate over all functors between two finite categories.

    Parameters
    ----------
    C, D
        The categories, or presentations of finite ones.
    objects, arrows
        Values that are given, at some objects and some arrows.
    monic
        Whether to keep those only that are injective on arrows, and so on objects.
    iso
        Whether to keep isomorphisms only.
    limit
        The most to look for; all by default.

    Raises
    ------
    CatlearnError
        If a category is not finite.
    UnknownName
        If a given value, or where it is given, is not in the categories.

    Examples
    --------
    >>> square = FiniteCategory.chain(1)
    >>> [str(F) for F in functors(square, square, objects={"0": "1"})]
    ['0 ↦ 1, 1 ↦ 1, 0 <= 1 ↦ id(1)']
    """
    expect_dicts("a dict of values by name", objects=objects, arrows=arrows)
    search = _Search(
        _finite(C, "C"), _finite(D, "D"), objects or {}, arrows or {}, monic or iso, iso
    )
    expect(limit, (type(None), int, np.integer), "limit", "a number, or None for all")
    return islice(search.run(), limit)


def _finite(given: Any, called: str) -> FiniteCategory:
    category = as_target(given, called)
    if not isinstance(category, FiniteCategory):
        message = "functors are enumerated between finite categories"
        raise CatlearnError(f"{message}; {given!r} is not known to present one")
    return category


@dataclass(frozen=True)
class Choice:
    """The choice of the value of one generator, or of an object that no generator touches.

    Parameters
    ----------
    arrow
        The row of the generator, or of the identity of the object.
    layers
        The arrows whose values are new, by the length of their words.
    last, before
        The words: the last generator of each arrow, and the arrow before it.
    first, second, composite
        The new equations ``first >> second == composite``.
    known
        All arrows whose values are known after this step.
    """

    arrow: int
    layers: tuple[np.ndarray, ...]
    last: np.ndarray
    before: np.ndarray
    first: np.ndarray
    second: np.ndarray
    composite: np.ndarray
    known: np.ndarray


def _order(C: FiniteCategory) -> list[int]:
    """Order the generators so that each next one has as many ends in common as can be."""
    left = C.generating.tolist()
    touched: set[int] = set()
    order = []
    while left:
        shared = [(C.src(g) in touched) + (C.tgt(g) in touched) for g in left]
        order.append(left.pop(int(np.argmax(shared))))
        touched |= {C.src(order[-1]), C.tgt(order[-1])}
    return order


def _choices(C: FiniteCategory) -> Iterator[Choice]:
    """Plan the search: which values and equations each choice adds."""
    known, touched = np.zeros(len(C.ar), bool), np.zeros(len(C.ob), bool)
    taken, nothing = [], np.zeros(0, np.int64)
    for g in _order(C):
        if known[g]:  # a composite of those before it, whose value is no choice any more
            continue
        taken.append(g)
        chosen = np.array(taken)
        reached, last, before = C._reach(chosen)
        touched[[C.src(g), C.tgt(g)]] = True
        now = reached & touched[C.src.values]
        new = now & ~known
        layers = tuple(layer[new[layer]] for layer in by_length(last, before))
        f = np.flatnonzero(now)
        first, second = (side.ravel() for side in np.meshgrid(f, chosen, indexing="ij"))
        fresh = (C.tgt.values[first] == C.src.values[second]) & (new[first] | (second == g))
        first, second = first[fresh], second[fresh]
        h = C.then(first, second)
        by_word = new[h] & (last[h] == second) & (before[h] == first)
        yield Choice(g, layers, last, before, first[~by_word], second[~by_word], h[~by_word], f)
        known = now
    for a in np.flatnonzero(~touched).tolist():
        known = known.copy()
        known[C.ids(a)] = True
        at = np.flatnonzero(known)
        yield Choice(C.ids(a), (), nothing, nothing, nothing, nothing, nothing, at)


class _Search:
    """The search for functors; a state is the value at each arrow, -1 where it is not known."""

    def __init__(
        self,
        C: FiniteCategory,
        D: FiniteCategory,
        objects: Mapping[str, str | int],
        arrows: Mapping[str, Any],
        monic: bool,
        iso: bool,
    ) -> None:
        self.C, self.D, self.monic, self.iso = C, D, monic, iso
        self.given = np.full(len(C.ar), -1)
        for a, value in objects.items():
            self.given[C.ids(C.object(a))] = D.ids(D.object(value))
        for f, value in arrows.items():
            self.given[C.arrow(f)] = D.arrow(value)
        self.colours = (colours(C), colours(D)) if iso else None

    def run(self) -> Iterator[Functor]:
        C, D = self.C, self.D
        if self.iso and not self._could_be():
            return
        steps = list(_choices(C))
        start = np.full(len(C.ar), -1)
        levels = [iter([start])]
        while levels:
            state = next(levels[-1], None)
            if state is None:
                levels.pop()
            elif len(levels) <= len(steps):
                levels.append(self._grow(steps[len(levels) - 1], state))
            else:
                yield Functor.build(C, D, D.src.values[state[C.ids.values]], state)

    def _could_be(self) -> bool:
        if self.colours is None or len(self.C.ob) != len(self.D.ob):
            return False
        one, other = self.colours
        return bool(np.array_equal(np.sort(one), np.sort(other)))

    def _grow(self, step: Choice, state: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the states that a choice leads to."""
        candidates = self._candidates(step.arrow, state)
        size = max(1, CHUNK // max(1, len(state)))
        for low in range(0, len(candidates), size):
            yield from self._keep(step, state, candidates[low : low + size])

    def _candidates(self, arrow: int, state: np.ndarray) -> np.ndarray:
        C, D, a, b = self.C, self.D, self.C.src(arrow), self.C.tgt(arrow)
        unit = bool(C.is_identity[arrow])
        keep = D.is_identity.copy() if unit else np.ones(len(D.ar), bool)
        if a == b:
            keep &= D.src.values == D.tgt.values
        for end, ends in ((a, D.src.values), (b, D.tgt.values)):
            for known in (state, self.given):
                value = int(known[C.ids(end)])
                if value >= 0:
                    keep &= ends == D.src(value)
        if self.given[arrow] >= 0:
            keep &= np.arange(len(D.ar)) == self.given[arrow]
        if self.colours is not None:
            keep &= self.colours[1] == self.colours[0][arrow]
        return np.flatnonzero(keep)

    def _keep(
        self, step: Choice, state: np.ndarray, candidates: np.ndarray
    ) -> Iterator[np.ndarray]:
        C, D = self.C, self.D
        values = np.repeat(state[:, None], len(candidates), axis=1)
        values[C.ids(C.src(step.arrow))] = D.ids.values[D.src.values[candidates]]
        values[C.ids(C.tgt(step.arrow))] = D.ids.values[D.tgt.values[candidates]]
        values[step.arrow] = candidates
        for layer in step.layers:
            values[layer] = D.then(values[step.before[layer]], values[step.last[layer]])
        good = np.ones(len(candidates), bool)
        if step.first.size:
            composites = D.then(values[step.first], values[step.second])
            good = (composites == values[step.composite]).all(axis=0)
        now = values[step.known]
        wanted = self.given[step.known][:, None]
        good &= ((wanted < 0) | (wanted == now)).all(axis=0)
        if self.monic:
            ranked = np.sort(now, axis=0)
            good &= (ranked[1:] != ranked[:-1]).all(axis=0)
        return iter(values.T[good])


def colours(C: FiniteCategory) -> np.ndarray:
    """Return a number for each arrow that every isomorphism of categories preserves.

    Arrows start as identities, loops or others; then each learns the colour of its square, and
    the multiset of the colours of what it composes with and to, three times.
    """
    colour = mixed((C.is_identity + 2 * (C.src.values == C.tgt.values)).astype(np.uint64), 0)
    first, second = C.pairs
    third = C.composites
    loops = np.flatnonzero(C.src.values == C.tgt.values)
    squares = C.then(loops, loops)
    for _ in range(3):
        heard = np.zeros(len(C.ar), np.uint64)
        heard[loops] = mixed(colour[squares], 1)
        np.add.at(heard, first, mixed(3 * colour[second] + colour[third], 2))
        np.add.at(heard, second, mixed(3 * colour[first] + colour[third], 3))
        colour = mixed(colour + heard, 4)
    return colour


def are_isomorphic(C: Any, D: Any) -> bool:
    """Whether there is an isomorphism between two finite categories.

    ``functors(C, D, iso=True)`` yields the isomorphisms.
    """
    return next(functors(C, D, iso=True, limit=1), None) is not None


def are_equivalent(C: Any, D: Any) -> bool:
    """Whether there is an equivalence between two finite categories.

    There is one exactly if their skeletons, the full subcategories on one object of each class
    of isomorphic ones, are isomorphic (Mac Lane, IV.4).

    Examples
    --------
    >>> two, one = FiniteCategory.codiscrete(["a", "b"]), FiniteCategory.discrete(["x"])
    >>> are_equivalent(two, one), are_isomorphic(two, one)
    (True, False)
    """
    return are_isomorphic(skeleton(_finite(C, "C")), skeleton(_finite(D, "D")))


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
        return NaturalTransformation.build(F, G, self.components[row])

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
    C, D = _finite(C, "C"), _finite(D, "D")
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
        [
            Coordinate(column, D.ids.values[on_objects[:, c]], D.then)
            for c, column in enumerate(columns)
        ],
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
