r"""Enriched categories over a quantale: preorders, metric spaces, and what lies between.

A category **enriched** over a quantale has a set of objects and for each two of them a value
hom(x, y), such that

.. math:: e \le \hom(x, x), \qquad \hom(x, y) \otimes \hom(y, z) \le \hom(x, z).

Over BOOL this is a preorder, over LAWVERE a generalised metric space: d(x, x) = 0 and the
triangle law, with no symmetry (Lawvere, "Metric spaces, generalized logic, and closed
categories", 1973; Kelly, "Basic concepts of enriched category theory", 1982). An **enriched
functor** is a function f with hom(x, y) <= hom(f x, f y): a monotone, a non-expansive map.
A **bimodule** (profunctor) P : A -> B is a matrix with hom_A P <= P and P hom_B <= P; they
compose as matrices, and the hom of a category is their identity.

Laws: functors and bimodules form categories; a free category has the universal property (a map
of vertices under which no edge gets worse is a functor out of it); the Yoneda embedding is fully
faithful.

>>> from catlearn.category import Graph
>>> from catlearn.cost import BOOL, REACHABLE, EnrichedCategory, free
>>> roads = Graph({"a": ("here", "there"), "b": ("there", "home"), "c": ("here", "home")})
>>> space = free(roads, {"a": 1, "b": 2, "c": 5})
>>> float(space("here", "home")), space.change_base(REACHABLE) == free(roads, quantale=BOOL)
(3.0, True)
>>> EnrichedCategory(["x", "y", "z"], [[0, 1, 9], [1, 0, 2], [9, 2, 0]])
Traceback (most recent call last):
    ...
catlearn.errors.InvalidStructure: EnrichedCategory is not valid (2 failures):
  - x -> y -> z: hom(x, y) ⊗ hom(y, z) = 3, expected >= hom(x, z) = 9 [triangle]
  - z -> y -> x: hom(z, y) ⊗ hom(y, x) = 3, expected >= hom(z, x) = 9 [triangle]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from catlearn.cost.quantale import (
    BOOL,
    LAWVERE,
    TOLERANCE,
    Quantale,
    QuantaleMorphism,
    write_value,
)
from catlearn.cost.tropical import Matrix, table_html, write_table
from catlearn.errors import Failure, InvalidStructure, UnknownName, did_you_mean
from catlearn.finset.value import Frozen

LISTED = 1000
"""How many broken triangles are listed before the rest is counted."""


class EnrichedCategory(Frozen):
    """A category enriched over a quantale: names of objects, and a matrix of homs.

    Parameters
    ----------
    objects
        Their names.
    hom
        Shape ``(n, n)``: hom(x, y) in row x and column y.
    quantale
        What the homs are values of.
    check
        False skips the checks.
    tolerance
        By how much, relatively, floating-point homs may miss the laws.

    Raises
    ------
    InvalidStructure
        Listing every object without a unit and every broken triangle, with both sides.

    Examples
    --------
    >>> EnrichedCategory(["x", "y"], [[0, 3], [float("inf"), 0]])("x", "y").item()
    3.0
    """

    objects: tuple[str, ...]
    hom: np.ndarray
    quantale: Quantale
    tolerance: float

    def __init__(
        self,
        objects: Iterable[str],
        hom: Any,
        quantale: Quantale = LAWVERE,
        check: bool = True,
        tolerance: float = TOLERANCE,
    ) -> None:
        self._set(objects=tuple(objects), hom=quantale.array(hom))
        self._set(quantale=quantale, tolerance=tolerance)
        failures = self.failures() if check else []
        if failures:
            raise InvalidStructure(type(self).__name__, failures)

    def _like(
        self, objects: Iterable[str], hom: Any, quantale: Quantale | None = None
    ) -> EnrichedCategory:
        """Return a category that is right by proof; of this class if over the same quantale."""
        over = self.quantale if quantale is None else quantale
        made = object.__new__(type(self) if over == self.quantale else EnrichedCategory)
        made._set(objects=tuple(objects), hom=over.array(hom), quantale=over)
        made._set(tolerance=self.tolerance)
        return made

    @classmethod
    def discrete(cls, objects: Iterable[str], quantale: Quantale = LAWVERE) -> EnrichedCategory:
        """Return the category with nothing between different objects."""
        matrix = Matrix.identity(objects, quantale)
        return EnrichedCategory(matrix.rows, matrix.entries, quantale, check=False)

    def failures(self, limit: int = LISTED) -> list[Failure]:
        """List what is wrong: names and shape, values, and if those are right, the two laws.

        Parameters
        ----------
        limit
            How many broken triangles to list; the last entry counts the others.
        """
        size, quantale = len(self.objects), self.quantale
        if self.hom.shape != (size, size):
            message = f"found shape {self.hom.shape} for {size} objects"
            return [Failure("shape", "hom", message)]
        if len(set(self.objects)) != size:
            twice = sorted({x for x in self.objects if self.objects.count(x) > 1})
            return [Failure("names", f"object {x!r}", "is listed more than once") for x in twice]
        bad = np.argwhere(~quantale.valid(self.hom))
        found = [
            Failure(
                "value",
                f"hom({self.objects[i]}, {self.objects[j]})",
                f"{self.hom[i, j]} is not a value of the quantale {quantale.name}",
            )
            for i, j in bad
        ]
        return found or self._broken_units() + self._broken_triangles(limit)

    def _broken_units(self) -> list[Failure]:
        quantale = self.quantale
        diagonal = np.diagonal(self.hom)
        unit = np.full_like(diagonal, quantale.unit)
        return [
            Failure(
                "unit",
                f"object {self.objects[i]}",
                f"hom({self.objects[i]}, {self.objects[i]}) = {write_value(diagonal[i])}, "
                f"expected {write_value(quantale.unit)} {quantale.sign} it",
            )
            for i in np.flatnonzero(~quantale.leq(unit, diagonal, self.tolerance))
        ]

    def _broken_triangles(self, limit: int) -> list[Failure]:
        found: list[Failure] = []
        hom, names, quantale, total = self.hom, self.objects, self.quantale, 0
        for y in range(len(names)):
            around = quantale.tensor(hom[:, y, None], hom[None, y, :])
            bad = ~quantale.leq(around, hom, self.tolerance)
            total += int(bad.sum())
            for x, z in np.argwhere(bad)[: max(limit - len(found), 0)]:
                a, b, c = names[x], names[y], names[z]
                message = (
                    f"hom({a}, {b}) ⊗ hom({b}, {c}) = {write_value(around[x, z])}, "
                    f"expected {quantale.sign} hom({a}, {c}) = {write_value(hom[x, z])}"
                )
                found.append(Failure("triangle", f"{a} -> {b} -> {c}", message))
        if total > len(found):
            message = f"and {total - len(found)} more; {total} in all"
            found.append(Failure("triangle", "other triples", message))
        return found

    # ------------------------------------------------------------------ reading

    def row(self, object: str) -> int:
        """Return the number of an object."""
        rows = self._cached("rows", lambda: {name: k for k, name in enumerate(self.objects)})
        if object not in rows:
            hint = did_you_mean(object, self.objects)
            raise UnknownName(f"there is no object {object}; {hint}")
        return rows[object]

    def __call__(self, x: str, y: str) -> Any:
        """Return hom(x, y)."""
        return self.hom[self.row(x), self.row(y)]

    def __len__(self) -> int:
        return len(self.objects)

    @property
    def matrix(self) -> Matrix:
        """The homs as a matrix over the quantale."""
        return Matrix(self.hom, self.quantale, self.objects, self.objects, check=False)

    @property
    def is_symmetric(self) -> bool:
        """Whether hom(x, y) = hom(y, x)."""
        return bool(self.quantale.equal(self.hom, self.hom.T, self.tolerance).all())

    @property
    def is_separated(self) -> bool:
        """Whether different objects are not isomorphic: no two are at the unit both ways."""
        return int(self._isomorphic().sum()) == len(self)

    def _isomorphic(self) -> np.ndarray:
        near = self.underlying().hom
        return near & near.T

    # ------------------------------------------------------------------ constructions

    def opposite(self) -> EnrichedCategory:
        """Return the category with all homs turned round."""
        return self._like(self.objects, self.hom.T)

    def symmetrised(self) -> EnrichedCategory:
        """Return the largest symmetric category below: the meet of both directions.

        For distances that is max(d(x, y), d(y, x)).
        """
        return self._like(self.objects, self.quantale.meet(self.hom, self.hom.T))

    def full(self, objects: Iterable[str]) -> EnrichedCategory:
        """Return the full subcategory on some objects."""
        objects = tuple(objects)
        rows = [self.row(x) for x in objects]
        return self._like(objects, self.hom[np.ix_(rows, rows)])

    def skeleton(self) -> EnrichedCategory:
        """Return the full subcategory on the first object of each isomorphism class."""
        first = self._isomorphic().argmax(axis=1) if len(self) else np.array([], int)
        keep = np.flatnonzero(first == np.arange(len(self)))
        return self.full([self.objects[k] for k in keep])

    def underlying(self) -> EnrichedCategory:
        """Return the underlying preorder: x <= y if the unit is <= hom(x, y)."""
        unit = np.full_like(self.hom, self.quantale.unit)
        return self._like(self.objects, self.quantale.leq(unit, self.hom, self.tolerance), BOOL)

    def change_base(self, along: QuantaleMorphism) -> EnrichedCategory:
        """Return the category with each hom sent along a lax morphism of quantales."""
        if along.source != self.quantale:
            message = f"starts at {along.source.name}, the category is over {self.quantale.name}"
            raise InvalidStructure("change of base", [Failure("quantale", repr(along), message)])
        return self._like(self.objects, along(self.hom), along.target)

    def __matmul__(self, other: EnrichedCategory) -> EnrichedCategory:
        """Return the tensor product: pairs, with the tensor of the homs (the sum of distances)."""
        return self._pairs(other, self.quantale.tensor)

    def product(self, other: EnrichedCategory) -> EnrichedCategory:
        """Return the categorical product: pairs, with the meet of the homs (the maximum)."""
        return self._pairs(other, self.quantale.meet)

    def _pairs(self, other: EnrichedCategory, operation: Any) -> EnrichedCategory:
        self._same_base(other)
        names = [f"({x}, {y})" for x in self.objects for y in other.objects]
        hom = operation(self.hom[:, None, :, None], other.hom[None, :, None, :])
        return self._like(names, hom.reshape(len(names), len(names)))

    def __add__(self, other: EnrichedCategory) -> EnrichedCategory:
        """Return the coproduct: side by side, the bottom between; equal names get prefixes."""
        if not isinstance(other, EnrichedCategory):
            return NotImplemented
        self._same_base(other)
        both = {*self.objects} & {*other.objects}
        names = [f"left/{x}" if x in both else x for x in self.objects]
        names += [f"right/{y}" if y in both else y for y in other.objects]
        hom = np.full((len(names), len(names)), self.quantale.bottom, self.quantale.dtype)
        hom[: len(self), : len(self)] = self.hom
        hom[len(self) :, len(self) :] = other.hom
        return self._like(names, hom)

    def _same_base(self, other: EnrichedCategory) -> None:
        if self.quantale != other.quantale:
            message = f"are over {self.quantale.name} and over {other.quantale.name}"
            raise InvalidStructure("product", [Failure("quantale", "the categories", message)])

    # ------------------------------------------------------------------ presheaves

    def representable(self, object: str) -> np.ndarray:
        """Return the presheaf hom(-, object), the value of the Yoneda embedding."""
        return self.hom[:, self.row(object)]

    def is_presheaf(self, values: Any) -> bool:
        """Whether hom(x, y) ⊗ P(y) <= P(x) for all x and y: functors out of the opposite."""
        P = np.asarray(values, self.quantale.dtype)
        moved = self.quantale.tensor(self.hom, P[None, :])
        return bool(self.quantale.leq(moved, P[:, None], self.tolerance).all())

    def presheaf_hom(self, P: Any, Q: Any) -> Any:
        """Return the hom of two presheaves, the meet over x of the residual [P(x), Q(x)].

        For distances: the supremum of Q(x) - P(x), cut off below at 0. The Yoneda lemma says that
        the hom from a representable is the value there, so that the embedding is an isometry.

        Examples
        --------
        >>> A = EnrichedCategory(["x", "y"], [[0, 3], [5, 0]])
        >>> A.presheaf_hom(A.representable("x"), A.representable("y")).item()
        3.0
        """
        dtype = self.quantale.dtype
        each = self.quantale.residual(np.asarray(P, dtype), np.asarray(Q, dtype))
        return self.quantale.met(each)

    def hausdorff(self, left: Iterable[str], right: Iterable[str]) -> Any:
        """Return the hom between two sets of objects: each of the left finds its best on the right.

        For distances: sup over x in left of inf over y in right of d(x, y), Hausdorff's distance in
        one direction.

        Examples
        --------
        >>> A = EnrichedCategory("xyz", [[0, 1, 2], [1, 0, 1], [2, 1, 0]])
        >>> A.hausdorff("xz", "y").item(), A.hausdorff("y", "xyz").item()
        (1.0, 0.0)
        """
        rows, columns = ([self.row(x) for x in part] for part in (left, right))
        return self.quantale.met(self.quantale.joined(self.hom[np.ix_(rows, columns)], axis=1))

    # ------------------------------------------------------------------ values

    def close_to(self, other: EnrichedCategory, tolerance: float = TOLERANCE) -> bool:
        """Whether both have the same objects and, up to a relative tolerance, homs."""
        if self.objects != other.objects or self.quantale != other.quantale:
            return False
        return bool(self.quantale.equal(self.hom, other.hom, tolerance).all())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EnrichedCategory):
            return NotImplemented
        same = self.quantale == other.quantale and self.objects == other.objects
        return same and np.array_equal(self.hom, other.hom)

    def __hash__(self) -> int:
        return hash((self.objects, self.quantale, self.hom.tobytes()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {self.quantale.name}, {len(self)} objects>"

    def __str__(self) -> str:
        return write_table(self.hom, self.objects, self.objects)

    def _repr_html_(self) -> str:
        return table_html(self.hom, self.objects, self.objects)
