r"""Enriched functors, and bimodules (enriched profunctors).

An enriched functor f : A -> B is a function on objects with hom(x, y) <= hom(f x, f y): a
monotone map of preorders, a non-expansive (1-Lipschitz) map of metric spaces. A bimodule, or
profunctor, P : A -> B is a matrix of values on which both categories act,

.. math:: \hom_A(x', x) \otimes P(x, y) \le P(x', y), \qquad
          P(x, y) \otimes \hom_B(y, y') \le P(x, y').

A functor f gives two: f_*(x, y) = hom(f x, y) and f^*(y, x) = hom(y, f x), and these are
adjoint: hom_A <= f_* >> f^* and f^* >> f_* <= hom_B (Lawvere, 1973).

>>> from catlearn.cost import EnrichedCategory, EnrichedFunctor, Bimodule
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
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from catlearn.cost.enriched import EnrichedCategory
from catlearn.cost.quantale import write_value
from catlearn.cost.tropical import Matrix
from catlearn.errors import Failure, InvalidStructure, NotComposable, did_you_mean
from catlearn.finset.value import Frozen, Record


class EnrichedFunctor(Frozen):
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
        self._set(domain=domain, codomain=codomain, objects=Record(objects))
        failures = self.failures() if check else []
        if failures:
            raise InvalidStructure("EnrichedFunctor", failures)

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
        found = _map_failures(self.domain, self.codomain, self.objects)
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
            failure = Failure("composition", "the first functor", message)
            raise NotComposable("EnrichedFunctor", [failure])
        objects = {x: other.objects[y] for x, y in self.objects.items()}
        return EnrichedFunctor(self.domain, other.codomain, objects, check=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EnrichedFunctor):
            return NotImplemented
        mine = self.domain, self.codomain, self.objects
        return mine == (other.domain, other.codomain, other.objects)

    def __hash__(self) -> int:
        return hash((self.domain, self.codomain, self.objects))

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
        self._set(domain=domain, codomain=codomain)
        super().__init__(entries, domain.quantale, domain.objects, codomain.objects, check)
        failures = self.failures() if check else []
        if failures:
            raise InvalidStructure("Bimodule", failures)

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

    def failures(self) -> list[Failure]:
        """List each entry that the action of one of the categories makes better."""
        found = []
        for law, acted in (
            ("left action", self.domain.matrix @ self),
            ("right action", _plain(self) @ self.codomain.matrix),
        ):
            bad = ~self.quantale.leq(acted.entries, self.entries, self.domain.tolerance)
            found += [
                Failure(
                    law,
                    f"entry ({self.rows[i]}, {self.columns[j]})",
                    f"acted upon it is {write_value(acted.entries[i, j])}, expected "
                    f"{self.quantale.sign} {write_value(self.entries[i, j])}",
                )
                for i, j in np.argwhere(bad)
            ]
        return found

    def __matmul__(self, other: Matrix) -> Matrix:
        """Return the composite; again a bimodule if both are."""
        product = _plain(self) @ _plain(other) if isinstance(other, Matrix) else NotImplemented
        if isinstance(other, Bimodule):
            return Bimodule(self.domain, other.codomain, product.entries, check=False)
        return product


def _plain(matrix: Matrix) -> Matrix:
    return Matrix(matrix.entries, matrix.quantale, matrix.rows, matrix.columns, check=False)


def _map_failures(
    domain: EnrichedCategory, codomain: EnrichedCategory, objects: Mapping[str, str]
) -> list[Failure]:
    """What is wrong with a map of objects."""
    known, targets = set(domain.objects), set(codomain.objects)
    found = [
        Failure("totality", f"object {x}", "has no image")
        for x in domain.objects
        if x not in objects
    ]
    found += [
        Failure(
            "known names", f"object {x}", f"is not in the domain; {did_you_mean(x, domain.objects)}"
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
    if domain.quantale != codomain.quantale:
        message = f"are over {domain.quantale.name} and over {codomain.quantale.name}"
        found.append(Failure("quantale", "the two categories", message))
    return found
