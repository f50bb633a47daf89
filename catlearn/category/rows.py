"""Functors between finite categories as arrays: extension from generators, and broken laws.

A functor F out of a finite category is determined by its values at generators, layer by layer:
each other arrow is ``f >> g`` with a generator g and an arrow f of a shorter word. It respects
composition if ``F(f >> g) == F(f) >> F(g)`` for all arrows f and all *generators* g, by
induction on the word of the second arrow; so as many equations are compared as the category
has pairs (arrow, generator), not pairs of arrows.

>>> from catlearn.category import FiniteCategory
>>> from catlearn.category.rows import extend, layers
>>> two = {("s", "s"): "t", ("s", "t"): "id(A)", ("t", "s"): "id(A)", ("t", "t"): "s"}
>>> C = FiniteCategory(["A"], {"s": ("A", "A"), "t": ("A", "A")}, two)
>>> C.generators.edges, [layer.tolist() for layer in layers(*C._steps)]
(('s',), [[1], [2]])
>>> extend(C, C, np.array([0]), np.array([2])).tolist()
[0, 2, 1]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from catlearn.errors import Failure
from catlearn.finset.join import expand
from catlearn.finset.value import SHOWN

if TYPE_CHECKING:
    from catlearn.category.finite import FiniteCategory


def layers(last: np.ndarray, before: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the arrows that are no identities by the length of their words.

    Parameters
    ----------
    last, before
        For each arrow the last generator of its word, and the arrow of the rest; -1 at
        identities, and at arrows without a word.
    """
    rows = np.flatnonzero(last >= 0)
    rows = rows[np.argsort(before[rows], kind="stable")]
    parents = before[rows]
    frontier = np.flatnonzero(last < 0)
    while frontier.size:
        low = np.searchsorted(parents, frontier, side="left")
        high = np.searchsorted(parents, frontier, side="right")
        frontier = rows[expand(low, high - low)]
        if frontier.size:
            yield frontier


def extend(
    C: FiniteCategory,
    D: FiniteCategory,
    ob: np.ndarray,
    values: np.ndarray,
    generating: np.ndarray | None = None,
) -> np.ndarray:
    """Return the value at every arrow of C.

    Parameters
    ----------
    C, D
        The categories.
    ob
        The value at each object.
    values
        The values at the arrows in ``generating``.
    generating
        Arrows that generate C, none of them an identity; by default ``C.generating``.

    Returns
    -------
    array
        Values, -1 where those that are given do not meet.
    """
    last, before = C._steps if generating is None else C._reach(generating)[1:]
    at = np.full(len(C.ar), -1)
    at[C.generating if generating is None else generating] = values
    found = np.full(len(C.ar), -1)
    found[C.ids.values] = D.ids.values[ob]
    for layer in layers(last, before):
        found[layer] = meeting(D, found[before[layer]], at[last[layer]])
    return found


def meeting(D: FiniteCategory, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the rows of composites, -1 where one side is -1 or they do not meet."""
    there = (first >= 0) & (second >= 0)
    return np.where(there, D.then(np.where(there, first, 0), np.where(there, second, 0)), -1)


def steps(C: FiniteCategory) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all arrows f and generators g that meet, and f >> g."""
    into = np.argsort(C.tgt.values, kind="stable")
    count = np.bincount(C.tgt.values, minlength=len(C.ob))
    starts, sources = np.cumsum(count) - count, C.src.values[C.generating]
    f = into[expand(starts[sources], count[sources])]
    g = np.repeat(C.generating, count[sources])
    return f, g, C.then(f, g)


def relations(C: FiniteCategory) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return those steps that are not the last of a word: they present the category."""
    last, before = C._steps
    f, g, h = steps(C)
    new = (last[h] != g) | (before[h] != f)
    return f[new], g[new], h[new]


def broken(C: FiniteCategory, D: FiniteCategory, ob: np.ndarray, ar: np.ndarray) -> list[Failure]:
    """List the arrows whose values have wrong ends, identities and composites not kept."""
    return list(_ends(C, D, ob, ar)) or [*_identities(C, D, ob, ar), *_composites(C, D, ar)]


def _ends(
    C: FiniteCategory, D: FiniteCategory, ob: np.ndarray, ar: np.ndarray
) -> Iterator[Failure]:
    for verb, before, after in (("starts", C.src, D.src), ("ends", C.tgt, D.tgt)):
        wrong = np.flatnonzero(after.values[ar] != ob[before.values])
        for row in wrong[:SHOWN].tolist():
            a, value = before(row), int(ar[row])
            message = (
                f"its arrow {D.ar.label(value)} {verb} at {D.ob.label(after(value))!r}, "
                f"but object {C.ob.label(a)} has the object {D.ob.label(int(ob[a]))!r}"
            )
            yield Failure("ends", f"arrow {C.ar.label(row)}", message)
        if wrong.size > SHOWN:
            yield Failure("ends", "arrows", f"{wrong.size - SHOWN} more have wrong ends")


def _identities(
    C: FiniteCategory, D: FiniteCategory, ob: np.ndarray, ar: np.ndarray
) -> Iterator[Failure]:
    found, expected = ar[C.ids.values], D.ids.values[ob]
    for a in np.flatnonzero(found != expected).tolist():
        value, unit = D.ar.labels([int(found[a]), int(expected[a])])
        message = f"its value is {value}, expected {unit}"
        yield Failure("identities", f"identity of {C.ob.label(a)}", message)


def _composites(C: FiniteCategory, D: FiniteCategory, ar: np.ndarray) -> Iterator[Failure]:
    f, g, h = steps(C)
    left, right = D.then(ar[f], ar[g]), ar[h]
    wrong = np.flatnonzero(left != right)
    for k in wrong[:SHOWN].tolist():
        first, second, whole = C.ar.labels([int(f[k]), int(g[k]), int(h[k])])
        one, other = D.ar.labels([int(ar[f[k]]), int(ar[g[k]])])
        found, expected = D.ar.labels([int(left[k]), int(right[k])])
        message = f"the value of {whole} is {expected}, but {one} >> {other} is {found}"
        yield Failure("composition", f"{first} >> {second} = {whole}", message)
    if wrong.size > SHOWN:
        message = f"{wrong.size - SHOWN} more composites are not kept"
        yield Failure("composition", "arrows", message)
