"""Limits and colimits inside a finite category, found by search.

``C["f"]`` is the arrow f of C as a value with a domain, a codomain and ``>>``, and ``C["A"]`` is
an object; the package's one family of limits and colimits takes them. A limit of a diagram is a
cone through which every cone factors exactly once (Mac Lane, III.4).

A limit is unique up to a unique isomorphism, so that it does not matter which one is returned:
it is the one whose apex, and then whose legs, come first in the category.

>>> from catlearn import pullback, product, initial
>>> from catlearn.category import FiniteCategory
>>> divisors = FiniteCategory.poset(lambda a, b: b % a == 0, [1, 2, 3, 4, 6, 12])
>>> product(divisors["4"], divisors["6"]).apex  # the greatest common divisor
<Object 2>
>>> square = pullback(divisors["4 <= 12"], divisors["6 <= 12"])
>>> square.legs
(<Arrow 2 <= 4 : 2 -> 4>, <Arrow 2 <= 6 : 2 -> 6>)
>>> square.universal(divisors["1 <= 4"], divisors["1 <= 6"])
<Arrow 1 <= 2 : 1 -> 2>
>>> initial(divisors["4"])
<Object 1>
"""

from __future__ import annotations

from typing import Any

from catlearn.category.composition import ArrowLike, Composition
from catlearn.category.cones import Cones
from catlearn.category.path import Path
from catlearn.errors import (
    Failure,
    InvalidStructure,
    NotComposable,
    UnknownName,
    did_you_mean,
)
from catlearn.finset.diagrams import Ambient, Diagram
from catlearn.finset.universal import Colimit, Limit
from catlearn.finset.value import Frozen


class Indexed(Composition):
    """A category whose arrows and objects can be taken out as values."""

    @property
    def inside(self) -> InsideCategory:
        """The category as a place in which limits and colimits are taken."""
        return self._cached("inside", lambda: InsideCategory(self))

    def __getitem__(self, at: str | Path) -> Any:
        """Return an :class:`Arrow` or an :class:`Object` by name, an arrow also by its path.

        Raises
        ------
        UnknownName
            If there is neither, or there are both.
        """
        if not isinstance(at, (str, Path)):
            raise UnknownName(f"C[...] takes the name of an object or an arrow, not {at!r}")
        if isinstance(at, str) and at in self.ob:
            if at not in self.ar:
                return Object(self, at)
            message = f"{at} is both an object and an arrow"
            raise UnknownName(f"{message}; write Object(C, {at!r}) or Arrow(C, {at!r})")
        try:
            return Arrow(self, at)
        except UnknownName:
            hint = did_you_mean(str(at), (*self.ob.labels(), *self.ar.labels()))
            raise UnknownName(f"there is no object or arrow {at}; {hint}") from None


class Object(Frozen):
    """An object of a finite category.

    Parameters
    ----------
    category
        The category.
    at
        Its name or row.
    """

    category: Indexed
    row: int

    def __init__(self, category: Indexed, at: str | int) -> None:
        self._set(category=category, row=category.ob.index(at))

    @property
    def ambient(self) -> InsideCategory:
        """The category, as a place in which limits and colimits are taken."""
        return self.category.inside

    @property
    def name(self) -> str:
        """The object's name."""
        return self.category.ob.label(self.row)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Object):
            return NotImplemented
        return self.row == other.row and self.category == other.category

    def __hash__(self) -> int:
        return hash(("object", self.row))

    def __repr__(self) -> str:
        return f"<Object {self.name}>"

    def __str__(self) -> str:
        return self.name


class Arrow(Frozen):
    """An arrow of a finite category, which composes by ``>>``.

    Parameters
    ----------
    category
        The category.
    at
        Its name or row, or a path or its text.

    Examples
    --------
    >>> from catlearn.category import FiniteCategory
    >>> C = FiniteCategory.chain(3)
    >>> C["0 <= 1"] >> C["1 <= 3"]
    <Arrow 0 <= 3 : 0 -> 3>
    >>> C["0 <= 1"].is_mono, C["0 <= 1"].is_iso
    (True, False)
    """

    category: Indexed
    row: int

    def __init__(self, category: Indexed, at: ArrowLike) -> None:
        self._set(category=category, row=category.arrow(at))

    @property
    def ambient(self) -> InsideCategory:
        """The category, as a place in which limits and colimits are taken."""
        return self.category.inside

    @property
    def name(self) -> str:
        """The arrow's name."""
        return self.category.ar.label(self.row)

    @property
    def domain(self) -> Object:
        """The object where it starts."""
        return Object(self.category, self.category.src(self.row))

    @property
    def codomain(self) -> Object:
        """The object where it ends."""
        return Object(self.category, self.category.tgt(self.row))

    def __rshift__(self, other: Arrow) -> Arrow:
        if not isinstance(other, Arrow):
            return NotImplemented
        why = self.ambient.mismatch(self.codomain, other.domain)
        if why:
            where = f"{self.name} >> {other.name}"
            raise NotComposable("Arrow", [Failure("composition", where, why)])
        return Arrow(self.category, int(self.category.then(self.row, other.row)))

    def _is(self, kind: str) -> bool:
        return bool(getattr(self.category, kind)[self.row])

    @property
    def is_identity(self) -> bool:
        """Whether it is an identity."""
        return self._is("is_identity")

    @property
    def is_iso(self) -> bool:
        """Whether it is an isomorphism."""
        return self._is("is_iso")

    @property
    def is_mono(self) -> bool:
        """Whether it is a mono."""
        return self._is("is_mono")

    @property
    def is_epi(self) -> bool:
        """Whether it is an epi."""
        return self._is("is_epi")

    def inverse(self) -> Arrow:
        """Return the inverse of an isomorphism; InvalidStructure if it is not one."""
        return Arrow(self.category, getattr(self.category, "inverse")(self.row))  # noqa: B009

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Arrow):
            return NotImplemented
        return self.row == other.row and self.category == other.category

    def __hash__(self) -> int:
        return hash(("arrow", self.row))

    def __repr__(self) -> str:
        return f"<Arrow {self}>"

    def __str__(self) -> str:
        return f"{self.name} : {self.domain} -> {self.codomain}"


class InsideCategory(Ambient):
    """A finite category as the place of its own limits and colimits."""

    def __init__(self, category: Indexed) -> None:
        self.category = category

    @property
    def name(self) -> str:  # type: ignore[override]
        """The category, as messages call it."""
        C = self.category
        return f"a category of {len(C.ob)} objects and {len(C.ar)} arrows"

    def mismatch(self, one: Object, other: Object) -> str:
        if one.category is not other.category and one.category != other.category:
            return f"{one} and {other} are objects of different categories"
        return "" if one.row == other.row else f"{one} is not {other}"

    def identity(self, of: Object) -> Arrow:
        return Arrow(self.category, self.category.ids(of.row))

    def limit(self, diagram: Diagram) -> tuple[Object, tuple[Arrow, ...]]:
        return self._found(diagram, inward=False)

    def colimit(self, diagram: Diagram) -> tuple[Object, tuple[Arrow, ...]]:
        return self._found(diagram, inward=True)

    def _found(self, diagram: Diagram, inward: bool) -> tuple[Object, tuple[Arrow, ...]]:
        failures = [
            Failure("category", f"object {k}", f"{thing} is not in the category of the others")
            for k, thing in enumerate(diagram.objects)
            if thing.category is not self.category and thing.category != self.category
        ]
        if failures:
            raise InvalidStructure("diagram", failures)
        apex, legs = Cones.of(self.category, diagram, inward).universal()
        return Object(self.category, apex), tuple(Arrow(self.category, leg) for leg in legs)

    def lift(self, limit: Limit, cone: tuple[Arrow, ...], domain: Object) -> Arrow:
        C, rows = self.category, self.category.hom_rows(domain.row, limit.apex.row)
        for leg, h in zip(limit.legs, cone, strict=True):
            rows = rows[C.then(rows, leg.row) == h.row]
        return Arrow(C, int(rows[0]))

    def descend(self, colimit: Colimit, cocone: tuple[Arrow, ...], codomain: Object) -> Arrow:
        C, rows = self.category, self.category.hom_rows(colimit.apex.row, codomain.row)
        for leg, h in zip(colimit.legs, cocone, strict=True):
            rows = rows[C.then(leg.row, rows) == h.row]
        return Arrow(C, int(rows[0]))
