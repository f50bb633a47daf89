"""What a functor between finite categories knows of itself, by rows.

A functor F : C -> D is *full* if each F : C(a, b) -> D(Fa, Fb) is surjective, *faithful* if each
is injective, *essentially surjective* if each object of D is isomorphic to some F(a). It is an
*equivalence*, that is, has an inverse up to natural isomorphism, exactly if it is all three
(Mac Lane, IV.4, Theorem 1).

>>> from catlearn.category import FiniteCategory, Functor
>>> C = FiniteCategory(["A", "B"], {"f": ("A", "B")})
>>> F = Functor.constant(C, C, "A")
>>> F.is_full, F.is_faithful, F.is_essentially_surjective
(False, True, False)
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.category import rows
from catlearn.category.finite import FiniteCategory
from catlearn.display import Displayed
from catlearn.errors import CatlearnError, Failure, InvalidStructure
from catlearn.finset import FinFunction, Frozen

if TYPE_CHECKING:
    from catlearn.category.functor import Functor


class Between(Frozen, Displayed):
    """The part of :class:`~catlearn.category.Functor` that needs both ends to be finite."""

    domain: Any
    target: Any

    @property
    def is_finite(self) -> bool:
        """Whether both ends are finite categories."""
        return isinstance(self.domain, FiniteCategory) and isinstance(self.target, FiniteCategory)

    def _finite(self) -> tuple[FiniteCategory, FiniteCategory]:
        if not self.is_finite:
            ends = f"from {self.domain!r} to {self.target!r}"
            raise CatlearnError(f"this is asked of functors between finite categories, not {ends}")
        return self.domain, self.target

    @cached_property
    def ob(self) -> FinFunction:
        """The function of rows of objects."""
        C, D = self._finite()
        sent: Any = vars(self)["objects"]
        values = np.array([D.ob.index(sent[a]) for a in C.objects], np.int64)
        return FinFunction._of(values, C.ob, D.ob)

    @cached_property
    def ar(self) -> FinFunction:
        """The function of rows of arrows."""
        C, D = self._finite()
        sent: Any = vars(self)["arrows"]
        generators = np.array([D.ar.index(sent[g]) for g in C.generators.edges], np.int64)
        return FinFunction._of(rows.extend(C, D, self.ob.values, generators), C.ar, D.ar)

    def _hit(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count, for each pair of objects, the arrows of C, their values, and those of D."""
        C, D = self._finite()
        n, m, ob = len(C.ob), len(D.ob), self.ob.values
        at = C.src.values * n + C.tgt.values
        seen = np.unique(at * len(D.ar) + self.ar.values) // max(len(D.ar), 1)
        there = np.bincount(D.src.values * m + D.tgt.values, minlength=m * m)
        wanted = there[(ob[:, None] * m + ob[None, :]).ravel()] if m else np.zeros(0, np.int64)
        return np.bincount(at, minlength=n * n), np.bincount(seen, minlength=n * n), wanted

    @cached_property
    def is_full(self) -> bool:
        """Whether every arrow between values of objects is the value of an arrow between them."""
        _, seen, wanted = self._hit()
        return bool(np.array_equal(seen, wanted))

    @cached_property
    def is_faithful(self) -> bool:
        """Whether different parallel arrows have different values."""
        arrows, seen, _ = self._hit()
        return bool(np.array_equal(arrows, seen))

    @cached_property
    def is_essentially_surjective(self) -> bool:
        """Whether every object of the codomain is isomorphic to a value."""
        classes = self._finite()[1].classes
        return bool(np.isin(classes, classes[self.ob.values]).all())

    @property
    def is_equivalence(self) -> bool:
        """Whether it has an inverse up to natural isomorphism."""
        return self.is_full and self.is_faithful and self.is_essentially_surjective

    @property
    def is_isomorphism(self) -> bool:
        """Whether it has an inverse."""
        self._finite()
        return self.ob.is_bijective and self.ar.is_bijective

    @property
    def is_monic(self) -> bool:
        """Whether no two objects and no two arrows have one value."""
        self._finite()
        return self.ar.is_injective

    def inverse(self) -> Functor:
        """Return the inverse functor.

        Raises
        ------
        InvalidStructure
            If it is not an isomorphism, with objects and arrows that tell.
        """
        C, D = self._finite()
        failures = [
            *_not_bijective("objects", self.ob),
            *_not_bijective("arrows", self.ar),
        ]
        if failures:
            raise InvalidStructure("inverse", failures)
        return type(self).build(D, C, self.ob.inverse().values, self.ar.inverse().values)  # type: ignore[attr-defined]

    def image(self) -> Functor:
        """Return the inclusion of the smallest subcategory that has all values.

        Values of arrows that do not meet may have values that do, so it can have composites that
        are no values.

        Examples
        --------
        >>> from catlearn.category import FiniteCategory, Functor
        >>> C = FiniteCategory(["A", "B", "C", "D"], {"f": ("A", "B"), "g": ("C", "D")})
        >>> loop = FiniteCategory(["X"], {"s": ("X", "X")}, {("s", "s"): "id(X)"})
        >>> Functor(C, loop, arrows={"f": "s", "g": "s"}).image().domain.arrows
        ('id(X)', 's')
        """
        from catlearn.category.subcategories import Subcategory

        _, D = self._finite()
        values = np.unique(self.ar.values)
        reached = D._reach(values[~D.is_identity[values]])[0]
        objects = np.unique(self.ob.values)
        arrows = np.flatnonzero(reached & np.isin(D.src.values, objects))
        return Subcategory.of(D, objects, arrows).inclusion


def _not_bijective(kind: str, f: FinFunction) -> list[Failure]:
    failures = []
    hits = np.bincount(f.values, minlength=len(f.codomain))
    shared = [f.domain.label(k) for k in np.flatnonzero(hits[f.values] > 1)[:2].tolist()]
    if shared:
        failures.append(Failure("injective", kind, f"several have one value, as {shared[0]} has"))
    missed = np.flatnonzero(hits == 0)
    if missed.size:
        message = f"{f.codomain.label(int(missed[0]))} is not a value"
        message += f", nor are {missed.size - 1} others" if missed.size > 1 else ""
        failures.append(Failure("surjective", kind, message))
    return failures
