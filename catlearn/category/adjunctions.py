"""Adjunctions, by unit and counit, and their search between finite categories.

An adjunction of functors L : C -> D and R : D -> C is a pair of natural transformations, the
unit eta : 1 => L >> R and the counit epsilon : R >> L => 1, with the two *triangle laws*: at
each object c of C, ``L(eta_c) >> epsilon_{L c}`` is the identity of L(c), and at each object d
of D, ``eta_{R d} >> R(epsilon_d)`` is the identity of R(d). Then arrows L(c) -> d and
c -> R(d) correspond, naturally in both (Mac Lane, IV.1). A functor L has a right adjoint exactly
if each object d of D has a *universal* arrow L(r) -> d, one that every arrow L(c) -> d factors
through by exactly one arrow c -> r (IV.1, Theorem 2).

Between posets these are Galois connections (IV.5).

>>> from catlearn.category import FiniteCategory, Functor
>>> small, big = FiniteCategory.chain(1), FiniteCategory.chain(2)
>>> inclusion = Functor(small, big, objects={"0": "0", "1": "2"}, arrows={"0 <= 1": "0 <= 2"})
>>> pair = right_adjoint(inclusion)
>>> print(pair.right)
0 ↦ 0, 1 ↦ 0, 2 ↦ 1, 0 <= 1 ↦ id(0), 1 <= 2 ↦ 0 <= 1
>>> pair.transpose("0 <= 2", source="0"), pair.untranspose("0 <= 1", target="2")
('0 <= 1', '0 <= 2')
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from catlearn.category.finite import FiniteCategory
from catlearn.category.functor import Functor
from catlearn.category.targets import compare
from catlearn.category.transformation import (
    NaturalTransformation,
    natural_transformations,
)
from catlearn.display import Displayed
from catlearn.errors import CatlearnError, Failure, expect, expect_each, listed, refuse
from catlearn.finset import Frozen
from catlearn.finset.value import SHOWN, listing


class Adjunction(Frozen, Displayed, by="left right unit counit"):
    """An adjunction of two functors.

    Parameters
    ----------
    left, right
        The functors L : C -> D and R : D -> C, between categories.
    unit
        The components c -> R(L(c)), by object of C, or the transformation of them.
    counit
        The components L(R(d)) -> d, by object of D, or the transformation of them.
    check
        Whether to look for failures at construction.

    Raises
    ------
    InvalidStructure
        Listing ends of functors that do not fit, squares of unit and counit that do not
        commute, and triangles whose composite is not an identity, with both sides.

    Examples
    --------
    >>> from catlearn.category import FiniteCategory, Functor
    >>> one = Functor.identity(FiniteCategory.chain(1))
    >>> Adjunction(one, one, {"0": "0 <= 1", "1": "id(1)"}, {"0": "id(0)", "1": "id(1)"})
    Traceback (most recent call last):
        ...
    catlearn.errors.InvalidStructure: Adjunction is not valid (1 failure):
      - unit, component at 0: '0 <= 1' ends at '1', expected '0' [ends]
    """

    left: Functor
    right: Functor
    unit: NaturalTransformation
    counit: NaturalTransformation

    def __init__(
        self,
        left: Functor,
        right: Functor,
        unit: NaturalTransformation | Mapping[str, Any],
        counit: NaturalTransformation | Mapping[str, Any],
        check: bool = True,
    ) -> None:
        refuse("Adjunction", _apart(left, right))
        unit = as_transformation(unit, Functor.identity(left.domain), left >> right)
        counit = as_transformation(counit, right >> left, Functor.identity(right.domain))
        self._set(left=left, right=right, unit=unit, counit=counit)
        self._validate(check)

    @classmethod
    def build(cls, left: Functor, right: Functor, unit: Any, counit: Any) -> Adjunction:
        """Build an adjunction of functors between finite categories; nothing is checked.

        Parameters
        ----------
        left, right
            The functors.
        unit, counit
            The rows of the components.
        """
        one, other = Functor.identity(left.domain), Functor.identity(right.domain)
        there = NaturalTransformation.build(one, left >> right, unit)
        back = NaturalTransformation.build(right >> left, other, counit)
        return cls(left, right, there, back, check=False)

    def failures(self) -> list[Failure]:
        """List wrong ends of unit and counit, broken squares, and broken triangles."""
        failures = _apart(self.left, self.right)
        if failures:
            return failures
        L, R = self.left, self.right
        failures += misplaced("unit", self.unit, Functor.identity(L.domain), L >> R)
        failures += misplaced("counit", self.counit, R >> L, Functor.identity(R.domain))
        return failures or self._broken_triangles()

    def _broken_triangles(self) -> list[Failure]:
        failures: list[Failure] = []
        C: Any = self.left.domain
        D: Any = self.right.domain
        for category, text, (first, second) in (
            (D, "L(unit) >> counit", self.triangles[0]),
            (C, "unit >> R(counit)", self.triangles[1]),
        ):
            whole = first >> second
            equal = getattr(category, "equal", None)
            for a in whole.components:
                one, other = whole.components[a], category.identity(whole.domain.objects[a])
                message = (
                    f"{text} is {first.components[a]!r} >> {second.components[a]!r} = {one!r}, "
                    f"expected {other!r}"
                )
                if equal is not None:
                    failures += compare("triangle", f"triangle at {a}", equal, one, other, message)
        return failures

    @property
    def triangles(
        self,
    ) -> tuple[
        tuple[NaturalTransformation, NaturalTransformation],
        tuple[NaturalTransformation, NaturalTransformation],
    ]:
        """The two pairs of transformations that compose to identities, of L and of R."""
        L, R = self.left, self.right
        return (self.unit >> L, L >> self.counit), (R >> self.unit, self.counit >> R)

    def transpose(self, arrow: Any, source: str | None = None) -> Any:
        """Return the arrow c -> R(d) that an arrow L(c) -> d corresponds to.

        Parameters
        ----------
        arrow
            The arrow L(c) -> d of D.
        source
            The object c; needed if several have the value L(c).

        Raises
        ------
        CatlearnError
            If no object, or several, can be c.
        """
        C, D = self.left.domain, self.right.domain
        arrow = D.read(arrow)
        c = _preimage(self.left, D.ends(arrow)[0], source, "source")
        return C.compose(self.unit(c), self.right(D.word(arrow)))

    def untranspose(self, arrow: Any, target: str | None = None) -> Any:
        """Return the arrow L(c) -> d that an arrow c -> R(d) corresponds to.

        Parameters
        ----------
        arrow
            The arrow c -> R(d) of C.
        target
            The object d; needed if several have the value R(d).

        Raises
        ------
        CatlearnError
            If no object, or several, can be d.
        """
        C, D = self.left.domain, self.right.domain
        arrow = C.read(arrow)
        d = _preimage(self.right, C.ends(arrow)[1], target, "target")
        return D.compose(self.left(C.word(arrow)), self.counit(d))

    @property
    def opposite(self) -> Adjunction:
        """The adjunction of the opposite functors, in which the right one is left adjoint."""
        L, R, unit, counit = self.left, self.right, self.unit, self.counit
        return Adjunction(R.opposite, L.opposite, counit.opposite, unit.opposite, check=False)

    @property
    def is_equivalence(self) -> bool:
        """Whether unit and counit are isomorphisms."""
        return self.unit.is_isomorphism and self.counit.is_isomorphism

    def __rshift__(self, then: Adjunction) -> Adjunction:
        """Return the adjunction of the composites of left and of right adjoints."""
        if not isinstance(then, Adjunction):
            return NotImplemented
        L, R, K, S = self.left, self.right, then.left, then.right
        unit = self.unit >> ((L >> then.unit) >> R)
        counit = ((S >> self.counit) >> K) >> then.counit
        components = dict(unit.components), dict(counit.components)
        return Adjunction(L >> K, S >> R, *components, check=False)

    def __repr__(self) -> str:
        unit, counit = dict(self.unit.components), dict(self.counit.components)
        return f"Adjunction({self.left!r}, {self.right!r}, {unit!r}, {counit!r})"

    def __str__(self) -> str:
        return f"{self.left} is left adjoint to {self.right}"


def as_transformation(given: Any, domain: Functor, codomain: Functor) -> NaturalTransformation:
    """Return a transformation, or that of given components; nothing is checked."""
    if isinstance(given, NaturalTransformation):
        return given
    expect(given, Mapping, "each transformation", "a NaturalTransformation or a dict of components")
    return NaturalTransformation(domain, codomain, given, check=False)


def misplaced(
    called: str, alpha: NaturalTransformation, domain: Functor, codomain: Functor
) -> Iterator[Failure]:
    """Yield what keeps a transformation from being one between two functors."""
    for side, found, expected in (
        ("domain", alpha.domain, domain),
        ("codomain", alpha.codomain, codomain),
    ):
        if found != expected:
            yield Failure("ends", called, f"its {side} is {found}, expected {expected}")
    for failure in alpha.failures():
        yield Failure(failure.law, f"{called}, {failure.where}", failure.message)


@listed
def _apart(left: Functor, right: Functor) -> Iterator[Failure]:
    expect_each(Functor, "a Functor", left=left, right=right)
    for where, one, other in (
        ("left ends and right starts", left.target, right.domain),
        ("right ends and left starts", right.target, left.domain),
    ):
        if one != other:
            yield Failure("ends", where, f"at {one} and at {other}")


def _preimage(functor: Functor, value: str, given: str | None, called: str) -> str:
    found = [a for a, sent in functor.objects.items() if sent == value]
    if given is None and len(found) == 1:
        return found[0]
    if given in found:
        return str(given)
    there = f"the objects sent to {value} are {', '.join(found) or 'none'}"
    raise CatlearnError(f"{there}; say {called}= one of them")


def right_adjoint(left: Functor) -> Adjunction:
    """Find the right adjoint of a functor between finite categories.

    It is unique up to a unique natural isomorphism; where an object has several universal
    arrows the first is taken.

    Parameters
    ----------
    left
        The functor L : C -> D.

    Returns
    -------
    Adjunction
        With unit and counit.

    Raises
    ------
    CatlearnError
        Listing the objects of D without a universal arrow.
    """
    expect(left, Functor, "left", "a Functor")
    C, D = left._finite()
    found = [_universal(left, C, D, d) for d in range(len(D.ob))]
    missing = [D.ob.label(d) for d, pair in enumerate(found) if pair is None]
    if missing:
        message = "the functor has no right adjoint: there is no universal arrow from it to"
        raise CatlearnError(f"{message} {listing(missing[:SHOWN], len(missing))}")
    objects = [pair[0] for pair in found if pair is not None]
    counit = [pair[1] for pair in found if pair is not None]
    # R(f : d -> e) is the one arrow R(d) -> R(e) that factors counit_d >> f through counit_e.
    ends = zip(D.src.values.tolist(), D.tgt.values.tolist(), strict=True)
    ar = [
        _factor(left, objects[d], objects[e], int(D.then(counit[d], f)), counit[e])
        for f, (d, e) in enumerate(ends)
    ]
    unit = [
        _factor(left, c, objects[d], D.ids(d), counit[d])
        for c, d in enumerate(left.ob.values.tolist())
    ]
    right = Functor.build(D, C, np.array(objects, np.int64), np.array(ar, np.int64))
    return Adjunction.build(left, right, unit, counit)


def _universal(
    left: Functor, C: FiniteCategory, D: FiniteCategory, d: int
) -> tuple[int, int] | None:
    """Find r and L(r) -> d such that each L(c) -> d factors by exactly one c -> r."""
    into = np.flatnonzero(D.tgt.values == d)
    by_source = np.bincount(D.src.values[into], minlength=len(D.ob))
    wanted = by_source[left.ob.values]
    for r in range(len(C.ob)):
        arrows = np.flatnonzero(C.tgt.values == r)
        # As many arrows c -> r as L(c) -> d, for every c, or none can be universal.
        if not np.array_equal(np.bincount(C.src.values[arrows], minlength=len(C.ob)), wanted):
            continue
        for arrow in into[D.src.values[into] == left.ob(r)].tolist():
            through = D.then(left.ar.values[arrows], arrow)
            keys = C.src.values[arrows] * len(D.ar) + through
            if len(np.unique(keys)) == len(keys):
                return r, arrow
    return None


def _factor(left: Functor, c: int, r: int, arrow: int, by: int) -> int:
    """Return the arrow h : c -> r with ``L(h) >> by == arrow``."""
    C, D = left._finite()
    candidates = C.hom_rows(c, r)
    return int(candidates[D.then(left.ar.values[candidates], by) == arrow][0])


def left_adjoint(right: Functor) -> Adjunction:
    """Find the left adjoint of a functor between finite categories.

    Parameters
    ----------
    right
        The functor R : D -> C.

    Returns
    -------
    Adjunction
        With unit and counit.

    Raises
    ------
    CatlearnError
        Listing the objects of C without a universal arrow.

    Examples
    --------
    >>> from catlearn.category import FiniteCategory, Functor
    >>> chain, point = FiniteCategory.chain(2), FiniteCategory.discrete(["x"])
    >>> print(left_adjoint(Functor.constant(chain, point, "x")).left)
    x ↦ 0
    """
    expect(right, Functor, "right", "a Functor")
    try:
        return right_adjoint(right.opposite).opposite
    except CatlearnError as error:
        message = str(error).replace("right adjoint", "left adjoint")
        raise CatlearnError(message.replace("from it to", "to it from")) from None


def adjunction(left: Functor, right: Functor, any: bool = False) -> Adjunction:
    """Return the unit and counit that make two functors between finite categories adjoint.

    Parameters
    ----------
    left, right
        The functors.
    any
        Whether the first one found will do; otherwise it is an error that there are several.

    Raises
    ------
    CatlearnError
        If there are none, or several.

    Examples
    --------
    >>> from catlearn.category import FiniteCategory, Functor
    >>> one = Functor.identity(FiniteCategory.chain(2))
    >>> adjunction(one, one).is_equivalence
    True
    """
    refuse("Adjunction", _apart(left, right))
    known = right_adjoint(left)
    # The adjunctions of L and R are the natural isomorphisms of R with a right adjoint of L.
    found = list(natural_transformations(known.right, right, iso=True, limit=1 if any else 2))
    if not found:
        raise CatlearnError("the first functor is not left adjoint to the second")
    if len(found) > 1:
        message = "there are several pairs of unit and counit; any=True returns the first"
        raise CatlearnError(message)
    along = found[0]
    unit = known.unit >> (left >> along)
    counit = (along.inverse() >> left) >> known.counit
    return Adjunction(left, right, dict(unit.components), dict(counit.components), check=False)
