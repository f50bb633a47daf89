"""The one union-find: colimits of sets as a disjoint union with relations.

The colimit of a finite diagram of finite sets is the disjoint union of its objects, divided
by the equivalence relation that x ~ m(x) generates, for every arrow m (Mac Lane, "Categories
for the Working Mathematician", V.2). All relations go into one pass of
``scipy.sparse.csgraph.connected_components``.

Objects that are not *legs* contribute relations only. Where nothing points at such an object
(the apex of a span, the source of a coequalizer) its rows never enter the union.

Classes are numbered by their smallest member in the disjoint union of the legs.

>>> import numpy as np
>>> labels, first = quotient(4, np.array([0]), np.array([2]))
>>> labels.tolist(), first.tolist()
([0, 1, 0, 2], [0, 1, 3])
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from catlearn.finset.value import check_rows
from catlearn.names import fresh

Names = tuple[str, ...] | None
Arrow = tuple[int, int, np.ndarray]


@dataclass(frozen=True)
class Merged:
    """The colimit of sets: its legs, and a first member for each class.

    Parameters
    ----------
    legs
        One int64 array for each leg: row -> class.
    first
        The smallest member of each class, as a row of the disjoint union of the legs.
    names
        The names of the classes, or None.
    """

    legs: tuple[np.ndarray, ...]
    first: np.ndarray
    names: Names


def quotient(size: int, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Divide ``range(size)`` by the equivalence that ``left[k] ~ right[k]`` generates.

    Parameters
    ----------
    size
        The number of elements.
    left, right
        Related pairs, as two int64 arrays of equal length.

    Returns
    -------
    labels, first
        The class of each element, and the smallest member of each class. Classes are
        numbered by smallest member, so ``first`` increases.
    """
    if left.size == 0:
        return np.arange(size), np.arange(size)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(left.size, np.float64), (left, right)), shape=(size, size))
    count, labels = connected_components(graph.tocsr(), directed=False)
    first = np.empty(count, np.int64)
    first[labels[::-1]] = np.arange(size - 1, -1, -1)
    if np.any(first[1:] < first[:-1]):  # scipy promises no order of its labels
        order = np.argsort(first)
        rank = np.empty(count, np.int64)
        rank[order] = np.arange(count)
        labels, first = rank[labels], first[order]
    return labels.astype(np.int64), first


def merge(
    sizes: Sequence[int],
    arrows: Sequence[Arrow],
    legs: Sequence[int],
    names: Sequence[Names],
    prefixes: Sequence[str],
) -> Merged:
    """Compute the colimit of a finite diagram of sets.

    Parameters
    ----------
    sizes, names
        For each object its size, and the names of its rows or None.
    arrows
        Triples (source, target, values).
    legs
        The objects that have legs; from every other object arrows lead to one.
    prefixes
        The name of each leg, for rows that are not identified but have equal names.

    Returns
    -------
    Merged
        The legs and the classes.

    Raises
    ------
    TooLarge
        If memory does not hold the legs.
    """
    is_leg = set(legs)
    targets = {j for _, j, _ in arrows}
    carried = [*legs, *(k for k in range(len(sizes)) if k in targets and k not in is_leg)]
    check_rows(sum(sizes[k] for k in carried), "a colimit of sets")
    starts = np.cumsum([0, *(sizes[k] for k in carried)])
    offset = {k: int(start) for k, start in zip(carried, starts, strict=False)}
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    anchor: dict[int, np.ndarray] = {}
    for i, j, values in arrows:
        there = values + offset[j]
        if i in offset:
            pairs.append((np.arange(offset[i], offset[i] + sizes[i]), there))
        elif i in anchor:
            pairs.append((anchor[i], there))
        anchor.setdefault(i, there)
    nothing = np.zeros(0, np.int64)
    left = np.concatenate([nothing, *(pair[0] for pair in pairs)])
    right = np.concatenate([nothing, *(pair[1] for pair in pairs)])
    labels, first = quotient(int(starts[-1]), left, right)
    bounds = starts[: len(legs) + 1]
    ends: dict[int, set[int]] = {}
    for i, j, _ in arrows:
        ends.setdefault(i, set()).add(j)
    interfaces = [
        (names[k] or (), labels[anchor[k]])
        for k in range(len(sizes))
        if k not in is_leg and len(ends.get(k, ())) > 1
    ]
    return Merged(
        legs=tuple(labels[a:b] for a, b in pairwise(bounds)),
        first=first,
        names=class_names(
            [(sizes[k], names[k]) for k in legs], prefixes, bounds, first, interfaces
        ),
    )


def class_names(
    legs: Sequence[tuple[int, Names]],
    prefixes: Sequence[str],
    bounds: np.ndarray,
    first: np.ndarray,
    interfaces: Sequence[tuple[tuple[str, ...], np.ndarray]],
) -> Names:
    """Name the classes of a colimit, or return None where a leg has no names.

    A class takes the name of a row of an interface (an object that is not a leg and points at
    several), else that of its smallest member. Where classes would then have equal names, an
    interface's name stands, and the others are prefixed with the name of their leg; those of a leg
    with the empty name keep theirs, where no interface has it.
    """
    if not any(names for _, names in legs) or any(size and not names for size, names in legs):
        return None
    rows = [name for _, names in legs for name in names or ()]
    own = [rows[row] for row in first.tolist()]
    home = [prefixes[leg] for leg in (np.searchsorted(bounds, first, side="right") - 1).tolist()]
    given: dict[int, str] = {}
    for names, classes in interfaces:
        for name, label in zip(names, classes.tolist(), strict=False):
            given.setdefault(label, name)
    often = Counter(given.values())
    given = {label: name for label, name in given.items() if often[name] == 1}
    reserved = set(given.values())
    often = Counter(name for label, name in enumerate(own) if label not in given)
    clashing: list[int] = []
    for label, name in enumerate(own):
        if label not in given and (often[name] > 1 or name in reserved):
            clashing.append(label)
        else:
            given.setdefault(label, name)
    kept = [label for label in clashing if not home[label] and own[label] not in reserved]
    given |= {label: own[label] for label in kept}
    taken = set(given.values())
    for label in clashing:
        if label in given:
            continue
        mark = f"{home[label]}/"
        name = fresh(mark + own[label], taken, mark)
        given[label] = name
        taken.add(name)
    return tuple(given[label] for label in range(len(own)))
