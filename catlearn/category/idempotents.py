"""The Karoubi envelope: the category in which every idempotent of a category splits.

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

import numpy as np

from catlearn.category.finite import FiniteCategory
from catlearn.category.functor import Functor
from catlearn.category.tuples import Part, lookup, tuple_category
from catlearn.finset.join import join


class Karoubi(FiniteCategory):
    """A Karoubi envelope; built by :func:`karoubi`."""

    whole: FiniteCategory
    over: tuple[np.ndarray, np.ndarray]

    @property
    def embedding(self) -> Functor:
        """The full and faithful functor that sends each object to its identity."""

        def make() -> Functor:
            C, (idempotents, arrows) = self.whole, self.over
            place = np.full(len(C.ar), -1)
            place[idempotents] = np.arange(len(idempotents))
            ob = place[C.ids.values]
            ends = [ob[C.src.values], ob[C.tgt.values], np.arange(len(C.ar))]
            ar = lookup([self.src.values, self.tgt.values, arrows], ends)
            return Functor.build(C, self, ob, ar)

        return self._cached("embedding", make)


def karoubi(C: FiniteCategory) -> Karoubi:
    """Return the Karoubi envelope (idempotent completion, Cauchy completion) of a category.

    Its objects are named like the idempotents, its arrows ``f: e -> e'``.

    Returns
    -------
    Karoubi
        With the ``embedding`` of C.
    """
    e = np.flatnonzero(C.is_idempotent)
    first, second = C.pairs
    place = np.full(len(C.ar), -1)
    place[e] = np.arange(len(e))
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
        [Part(second[kept_after][one], e, C.then)],
        lambda f, a, b: f"{label(f)}: {objects[a]} -> {objects[b]}",
    )
    made._set(whole=C, over=(e, arrows))
    return made
