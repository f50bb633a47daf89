"""The opposite of a category: every arrow turned round (Mac Lane, II.2).

>>> from catlearn.category import FiniteCategory, opposite
>>> C = FiniteCategory(["A", "B"], {"f": ("A", "B")})
>>> opposite(C)
FiniteCategory(['A', 'B'], {'f': ('B', 'A')}, {})
>>> opposite(opposite(C)) == C
True
"""

from __future__ import annotations

from typing import overload

from catlearn.category.finite import FiniteCategory
from catlearn.category.functor import Functor


@overload
def opposite(of: FiniteCategory) -> FiniteCategory: ...
@overload
def opposite(of: Functor) -> Functor: ...
def opposite(of: FiniteCategory | Functor) -> FiniteCategory | Functor:
    """Return the opposite of a finite category, or of a functor between finite categories.

    Objects and arrows keep their names, and ``g >> f`` in the opposite is ``f >> g``. So the
    opposite of the opposite is the category itself.

    Examples
    --------
    >>> F = Functor.identity(FiniteCategory.chain(2))
    >>> opposite(F) == Functor.identity(opposite(F.domain))
    True
    """
    if isinstance(of, Functor):
        return Functor.build(opposite(of.domain), opposite(of.codomain), of.ob.values, of.ar.values)
    C = of

    def turn() -> FiniteCategory:
        made = FiniteCategory.build(
            C.ob,
            C.ar,
            C.tgt.values,
            C.src.values,
            C.ids.values,
            lambda f, g: C.then(g, f),
            generators=C.generating,
        )
        made._cached("opposite", lambda: C)
        return made

    return C._cached("opposite", turn)
