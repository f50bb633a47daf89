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

A functor f gives two bimodules, f_*(x, y) = hom(f x, y) and f^*(y, x) = hom(y, f x), and these are
adjoint: hom_A <= f_* >> f^* and f^* >> f_* <= hom_B.

>>> from catlearn.cost import Bimodule, EnrichedFunctor
>>> A = EnrichedCategory(["x", "y"], [[0, 4], [4, 0]])
>>> B = EnrichedCategory(["u", "v"], [[0, 3], [3, 0]])
>>> shrink = EnrichedFunctor(A, B, {"x": "u", "y": "v"})
>>> Bimodule.identity(A) <= Bimodule.graph(shrink) >> Bimodule.cograph(shrink)
True
>>> EnrichedFunctor(B, A, {"u": "x", "v": "y"})
Traceback (most recent call last):
    ...
catlearn.errors.InvalidStructure: EnrichedFunctor is not valid (2 failures):
  - u -> v: hom(u, v) = 3, expected >= hom(x, y) = 4 [functor]
  - v -> u: hom(v, u) = 3, expected >= hom(y, x) = 4 [functor]

The free category on a graph whose edges carry values of a quantale has as hom(x, y) the join, over
all paths from x to y, of the tensor of the edges' values: all-pairs shortest paths. It is what the
universal property says: the enriched functors from it to a category B are the maps f of vertices
with w(e) <= hom(f(src e), f(tgt e)) for each edge e (Theory, section 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from catlearn.category import Graph
from catlearn.cost.matrix import Matrix
from catlearn.cost.quantale import (
    BOOL,
    LAWVERE,
    TOLERANCE,
    Quantale,
    QuantaleMorphism,
    scaling,
    write_value,
)
from catlearn.errors import (
    Failure,
    Failures,
    NotComposable,
    UnknownName,
    did_you_mean,
    expect,
    expect_each,
    fault,
    listed,
    refuse,
)
from catlearn.finset.value import Frozen, Record

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
        expect(objects, Iterable, "objects", "names")
        expect(quantale, Quantale, "quantale", "a Quantale, such as LAWVERE")
        self._set(objects=tuple(objects), hom=quantale.array(hom))
        self._set(quantale=quantale, tolerance=tolerance)
        self._validate(check)

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
            return [Failure("shape", "hom", f"found shape {self.hom.shape} for {size} objects")]
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
        found = Failures()
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
                found.add("triangle", f"{a} -> {b} -> {c}", message)
        if total > len(found):
            found.add("triangle", "other triples", f"and {total - len(found)} more; {total} in all")
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

    def _map_failures(
        self, codomain: EnrichedCategory, objects: Mapping[str, str]
    ) -> list[Failure]:
        """List what is wrong with a map of the objects to those of another category."""
        known, targets = set(self.objects), set(codomain.objects)
        found = Failures(
            Failure("totality", f"object {x}", "has no image")
            for x in self.objects
            if x not in objects
        )
        found += [
            Failure(
                "known names",
                f"object {x}",
                f"is not in the domain; {did_you_mean(x, self.objects)}",
            )
            for x in objects
            if x not in known
        ]
        found += [
            Failure(
                "known names",
                f"object {x}",
                f"goes to {y}, which is not in the codomain; {did_you_mean(y, codomain.objects)}",
            )
            for x, y in objects.items()
            if y not in targets
        ]
        if self.quantale != codomain.quantale:
            message = f"are over {self.quantale.name} and over {codomain.quantale.name}"
            found.add("quantale", "the two categories", message)
        return found

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
            raise fault("change of base", "quantale", repr(along), message)
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
            raise fault("product", "quantale", "the categories", message)

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
        return str(self.matrix)

    def _repr_html_(self) -> str:
        return self.matrix._repr_html_()


class EnrichedFunctor(Frozen, by="domain codomain objects"):
    """A function on objects along which homs do not get worse.

    Parameters
    ----------
    domain, codomain
        Categories over one quantale.
    objects
        Where each object of the domain goes.
    check
        False skips the checks.

    Raises
    ------
    InvalidStructure
        Listing every object without an image, and every pair whose hom gets worse.
    """

    domain: EnrichedCategory
    codomain: EnrichedCategory
    objects: Record[str, str]

    def __init__(
        self,
        domain: EnrichedCategory,
        codomain: EnrichedCategory,
        objects: Mapping[str, str],
        check: bool = True,
    ) -> None:
        expect_each(EnrichedCategory, "an EnrichedCategory", domain=domain, codomain=codomain)
        expect(objects, Mapping, "objects", "a dict from objects to objects")
        self._set(domain=domain, codomain=codomain, objects=Record(objects))
        self._validate(check)

    @classmethod
    def identity(cls, of: EnrichedCategory) -> EnrichedFunctor:
        """Return the identity functor."""
        return cls(of, of, {x: x for x in of.objects}, check=False)

    @property
    def rows(self) -> np.ndarray:
        """The number of the image of each object."""
        images = (self.codomain.row(self.objects[x]) for x in self.domain.objects)
        return np.fromiter(images, np.int64, len(self.domain))

    @property
    def images(self) -> np.ndarray:
        """The matrix of hom(f x, f y)."""
        return self.codomain.hom[np.ix_(self.rows, self.rows)]

    def failures(self) -> list[Failure]:
        """List what is wrong: names first, and if those fit, the pairs whose hom gets worse."""
        found = self.domain._map_failures(self.codomain, self.objects)
        if found:
            return found
        quantale, hom, images = self.domain.quantale, self.domain.hom, self.images
        names, to = self.domain.objects, self.objects
        bad = ~quantale.leq(hom, images, self.domain.tolerance)
        return [
            Failure(
                "functor",
                f"{names[i]} -> {names[j]}",
                f"hom({names[i]}, {names[j]}) = {write_value(hom[i, j])}, expected "
                f"{quantale.sign} hom({to[names[i]]}, {to[names[j]]}) = "
                f"{write_value(images[i, j])}",
            )
            for i, j in np.argwhere(bad)
        ]

    @property
    def is_fully_faithful(self) -> bool:
        """Whether homs are preserved exactly: an isometry."""
        equal = self.domain.quantale.equal(self.domain.hom, self.images, self.domain.tolerance)
        return bool(equal.all())

    def __call__(self, object: str) -> str:
        """Return the image of an object."""
        self.domain.row(object)
        return self.objects[object]

    def __rshift__(self, other: EnrichedFunctor) -> EnrichedFunctor:
        """Return the composite, first self."""
        if not isinstance(other, EnrichedFunctor):
            return NotImplemented
        if self.codomain != other.domain:
            message = f"ends at {self.codomain!r}, the second starts at {other.domain!r}"
            raise fault(
                "EnrichedFunctor", "composition", "the first functor", message, NotComposable
            )
        objects = {x: other.objects[y] for x, y in self.objects.items()}
        return EnrichedFunctor(self.domain, other.codomain, objects, check=False)

    def __repr__(self) -> str:
        return f"EnrichedFunctor({self.domain!r}, {self.codomain!r}, {dict(self.objects)!r})"


class Bimodule(Matrix):
    """A matrix between two enriched categories on which both act.

    Parameters
    ----------
    domain, codomain
        Categories over one quantale; their objects name rows and columns.
    entries
        Shape ``(objects of the domain, objects of the codomain)``.
    check
        False skips the checks.

    Raises
    ------
    InvalidStructure
        Listing each entry that an action makes better.
    """

    domain: EnrichedCategory
    codomain: EnrichedCategory

    def __init__(
        self,
        domain: EnrichedCategory,
        codomain: EnrichedCategory,
        entries: Any,
        check: bool = True,
    ) -> None:
        expect_each(EnrichedCategory, "an EnrichedCategory", domain=domain, codomain=codomain)
        self._set(domain=domain, codomain=codomain)
        super().__init__(entries, domain.quantale, domain.objects, codomain.objects, check)
        self._validate(check)

    @classmethod
    def of(cls, domain: EnrichedCategory, codomain: EnrichedCategory, matrix: Matrix) -> Bimodule:
        """Return the least bimodule above a matrix: both categories made to act on it."""
        acted = domain.matrix @ matrix @ codomain.matrix
        return cls(domain, codomain, acted.entries, check=False)

    @classmethod
    def identity(cls, names: Any, quantale: Any = None) -> Bimodule:
        """Return the identity bimodule of a category, its hom."""
        return cls(names, names, names.hom, check=False)

    @classmethod
    def graph(cls, functor: EnrichedFunctor) -> Bimodule:
        """Return f_* : A -> B, the matrix hom(f x, y)."""
        entries = functor.codomain.hom[functor.rows, :]
        return cls(functor.domain, functor.codomain, entries, check=False)

    @classmethod
    def cograph(cls, functor: EnrichedFunctor) -> Bimodule:
        """Return f^* : B -> A, the matrix hom(y, f x)."""
        entries = functor.codomain.hom[:, functor.rows]
        return cls(functor.codomain, functor.domain, entries, check=False)

    @listed
    def failures(self) -> Iterator[Failure]:
        """List each entry that the action of one of the categories makes better."""
        for law, acted in (
            ("left action", self.domain.matrix @ self),
            ("right action", self._plain @ self.codomain.matrix),
        ):
            bad = ~self.quantale.leq(acted.entries, self.entries, self.domain.tolerance)
            yield from [
                Failure(
                    law,
                    f"entry ({self.rows[i]}, {self.columns[j]})",
                    f"acted upon it is {write_value(acted.entries[i, j])}, expected "
                    f"{self.quantale.sign} {write_value(self.entries[i, j])}",
                )
                for i, j in np.argwhere(bad)
            ]

    def __matmul__(self, other: Matrix) -> Matrix:
        """Return the composite; again a bimodule if both are."""
        if not isinstance(other, Bimodule):
            return self._plain @ other
        product = self._plain @ other._plain
        return Bimodule(self.domain, other.codomain, product.entries, check=False)

    def tensor(self, other: Bimodule) -> Bimodule:
        """Return both side by side, between the tensor products: the tensor of their entries."""
        expect(other, Bimodule, "the other", "a Bimodule")
        entries = self.quantale.tensor(
            self.entries[:, None, :, None], other.entries[None, :, None, :]
        )
        domain, codomain = self.domain @ other.domain, self.codomain @ other.codomain
        return Bimodule(domain, codomain, entries.reshape(len(domain), len(codomain)), check=False)

    def trace(
        self, domain: EnrichedCategory, codomain: EnrichedCategory, over: EnrichedCategory
    ) -> Bimodule:
        """Return the bimodule whose last output is fed back to its last input.

        For P : A @ X -> B @ X it is the join over x of P((a, x), (b, x)).

        Parameters
        ----------
        domain, codomain
            A and B.
        over
            X.

        Raises
        ------
        NotComposable
            Naming each side that is not the tensor product.

        Examples
        --------
        >>> from catlearn.cost import BOOL
        >>> A = EnrichedCategory(["low", "high"], [[1, 1], [0, 1]], BOOL)
        >>> both = Bimodule.identity(A @ A)
        >>> both.trace(A, A, A) == Bimodule.identity(A)
        True
        """
        failures = [
            Failure("trace", side, f"is no tensor product of {len(one)} and {len(over)} objects")
            for side, whole, one in (
                ("domain", self.domain, domain), ("codomain", self.codomain, codomain),
            )
            if whole != one @ over
        ]  # fmt: skip
        refuse("trace", failures, NotComposable)
        shape = (len(domain), len(over), len(codomain), len(over))
        diagonal = np.diagonal(self.entries.reshape(shape), axis1=1, axis2=3)
        return Bimodule(domain, codomain, self.quantale.joined(diagonal, axis=-1), check=False)

    @property
    def _plain(self) -> Matrix:
        return Matrix(self.entries, self.quantale, self.rows, self.columns, check=False)


class LawvereMetric(EnrichedCategory):
    """A generalised metric space: an enriched category over LAWVERE.

    Parameters
    ----------
    points
        Their names.
    distances
        Shape ``(n, n)``: d(x, y) in row x and column y.
    check
        False skips the checks.
    tolerance
        By how much, relatively, distances may miss the laws.

    Raises
    ------
    InvalidStructure
        Listing every d(x, x) > 0 and every d(x, z) > d(x, y) + d(y, z), with both sides.
    """

    def __init__(
        self,
        points: Iterable[str],
        distances: Any,
        check: bool = True,
        tolerance: float = TOLERANCE,
    ) -> None:
        super().__init__(points, distances, LAWVERE, check, tolerance)

    @classmethod
    def of(cls, category: EnrichedCategory) -> LawvereMetric:
        """Return a category over LAWVERE as a metric space."""
        if category.quantale != LAWVERE:
            message = f"found a category over {category.quantale.name}; change its base first"
            raise fault("LawvereMetric", "quantale", "quantale", message)
        return cls(category.objects, category.hom, check=False, tolerance=category.tolerance)

    def distance(self, x: str, y: str) -> float:
        """Return d(x, y)."""
        return float(self(x, y))

    @property
    def is_metric(self) -> bool:
        """Whether it is a metric in the usual sense: symmetric, finite, 0 for equal points only."""
        return self.is_symmetric and self.is_separated and bool(np.isfinite(self.hom).all())

    def scaled(self, factor: float) -> LawvereMetric:
        """Return the space with all distances multiplied by a factor >= 0."""
        return LawvereMetric.of(self.change_base(scaling(factor)))

    def lipschitz(self, codomain: EnrichedCategory, objects: Mapping[str, str]) -> float:
        """Return the least K >= 0 with d(f x, f y) <= K d(x, y); infinity if there is none.

        Parameters
        ----------
        codomain
            Another space.
        objects
            The map f. K <= 1 says that it is an enriched functor.

        Raises
        ------
        InvalidStructure
            If f is not a map from these points to those of the codomain.
        """
        refuse("map", self._map_failures(codomain, objects))
        images = EnrichedFunctor(self, codomain, objects, check=False).images
        bounded = np.isfinite(self.hom) & (images > 0)  # else any K will do
        with np.errstate(divide="ignore"):
            ratios = images[bounded] / self.hom[bounded]
        return float(ratios.max(initial=0.0))


def free(
    graph: Graph,
    weights: Mapping[str, Any] | Sequence[Any] | None = None,
    quantale: Quantale = LAWVERE,
) -> EnrichedCategory:
    """Return the free enriched category on a graph with weighted edges.

    hom(x, y) is the join over all paths from x to y of the tensor of their weights: the length of
    a shortest path, the reliability of the most reliable one, whether there is one.

    Parameters
    ----------
    graph
        A graph; its vertices become the objects.
    weights
        A value for each edge, by name or in the order of the edges; the unit if left out.
    quantale
        What the weights are values of.

    Returns
    -------
    EnrichedCategory
        A :class:`~catlearn.cost.LawvereMetric` over LAWVERE.

    Raises
    ------
    InvalidStructure
        If edges have no weight, weights no edge, or weights are not values of the quantale.

    Examples
    --------
    >>> from catlearn.category import Graph
    >>> from catlearn.cost import PROBABILITY
    >>> G = Graph({"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C")})
    >>> free(G, {"f": 0.5, "g": 0.5, "h": 0.125}, PROBABILITY)("A", "C").item()
    0.25
    """
    expect(graph, Graph, "graph", "a Graph")
    edges = graph.edges
    if weights is None:
        given = dict.fromkeys(edges, quantale.unit)
    elif isinstance(weights, Mapping):
        given = dict(weights)
    else:
        values = list(weights)
        if len(values) != len(edges):
            message = f"found {len(values)}, expected one for each of {len(edges)} edges"
            raise fault("free category", "weights", "weights", message)
        given = dict(zip(edges, values, strict=True))
    known = set(edges)
    failures = Failures(
        Failure("weights", f"edge {e!r}", "has no weight") for e in edges if e not in given
    )
    failures += [
        Failure("weights", f"weight of {e!r}", f"there is no such edge; {did_you_mean(e, edges)}")
        for e in given
        if e not in known
    ]
    values = np.array([given[e] for e in edges if e in given], quantale.dtype)
    for k in np.flatnonzero(~quantale.valid(values)):
        message = f"{values[k]} is not a value of the quantale {quantale.name}"
        failures.add("value", f"edge {edges[k]!r}", message)
    refuse("free category", failures)
    size = len(graph.vertices)
    hom = np.full((size, size), quantale.bottom, quantale.dtype)
    source, target = (graph.arrows[name].values for name in ("src", "tgt"))
    if isinstance(quantale.join, np.ufunc):
        quantale.join.at(hom, (source, target), values)
    else:
        for i, j, value in zip(source, target, values, strict=True):
            hom[i, j] = quantale.join(hom[i, j], value)
    closed = quantale.star(hom)
    if quantale == LAWVERE:
        return LawvereMetric(graph.vertices, closed, check=False)
    return EnrichedCategory(graph.vertices, closed, quantale, check=False)
