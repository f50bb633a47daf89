"""Left and right pushforward along functors of schemas: the adjoints of delta.

Let F : A -> B be a functor of schemas. *Sigma* and *pi* are the functors from C-sets on A to C-sets
on B that are left and right adjoint to delta (:mod:`catlearn.cset.migration`); on C-sets they are
the Kan extensions of :mod:`catlearn.cset.kan`, whose values have the other two of the four
transformations, ``left_kan(F, X).unit`` and ``right_kan(F, X).counit``.

Laws: both are functors; the triangle laws, ``sigma(F, unit) >> sigma_counit == id`` and
``unit >> delta(F, sigma_counit) == id``, and for pi ``pi_unit >> pi(F, counit) == id`` and
``delta(F, pi_unit) >> counit == id``.

>>> from catlearn.category import Functor
>>> from catlearn.cset import CSet, Schema
>>> A, B = Schema(["L", "R"]), Schema(["X"])
>>> F = Functor(A, B, objects={"L": "X", "R": "X"})
>>> X = CSet(A, L=2, R=3)
>>> sigma(F, X).X, pi(F, X).X
(FinSet(5), FinSet(6))
"""

from __future__ import annotations

from typing import Any, overload

from catlearn.category import Functor
from catlearn.cset.copresheaf import plain
from catlearn.cset.cset import CSet
from catlearn.cset.kan import KanExtension, left_kan, right_kan
from catlearn.cset.migration import Translation, delta
from catlearn.finset import TableMorphism, Tables
from catlearn.finset.gluing import morphism


@overload
def sigma(F: Functor, X: Tables, budget: int | None = None) -> CSet: ...
@overload
def sigma(F: Functor, X: TableMorphism, budget: int | None = None) -> TableMorphism: ...
def sigma(F: Functor, X: Tables | TableMorphism, budget: int | None = None) -> CSet | TableMorphism:
    """Push a C-set, or a morphism, forward along a functor of schemas: the left adjoint of delta.

    Parameters, errors and numbering are those of :func:`left_kan`, whose value has the unit and
    the universal property besides.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema
    >>> A = Schema(["L", "R"])
    >>> F = Functor(A, Schema(["X"]), objects={"L": "X", "R": "X"})
    >>> sigma(F, CSet(A, L=2, R=3)).X
    FinSet(5)
    """
    if isinstance(X, TableMorphism):
        one, other = left_kan(F, X.domain, budget), left_kan(F, X.codomain, budget)
        return one.universal(_plain(X, one, other) >> other.unit, other.cset)
    return left_kan(F, X, budget).cset


@overload
def pi(F: Functor, X: Tables, budget: int | None = None) -> CSet: ...
@overload
def pi(F: Functor, X: TableMorphism, budget: int | None = None) -> TableMorphism: ...
def pi(F: Functor, X: Tables | TableMorphism, budget: int | None = None) -> CSet | TableMorphism:
    """Push a C-set, or a morphism, forward along a functor of schemas: the right adjoint of delta.

    Parameters, errors and numbering are those of :func:`right_kan`, whose value has the counit
    and the universal property besides.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema
    >>> A = Schema(["L", "R"])
    >>> F = Functor(A, Schema(["X"]), objects={"L": "X", "R": "X"})
    >>> pi(F, CSet(A, L=2, R=3)).X
    FinSet(6)
    """
    if isinstance(X, TableMorphism):
        one, other = right_kan(F, X.domain, budget), right_kan(F, X.codomain, budget)
        return other.universal(one.counit >> _plain(X, one, other), one.cset)
    return right_kan(F, X, budget).cset


def _plain(f: TableMorphism, one: KanExtension, other: KanExtension) -> TableMorphism:
    """Return a morphism between C-sets whose attributes are forgotten."""
    return morphism(one.of, other.of, f.components)


def sigma_counit(F: Functor, Y: Tables, budget: int | None = None) -> Any:
    """Return ``sigma(F, delta(F, Y)) -> Y``, the counit of the left pushforward at Y.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema
    >>> A = Schema(["L", "R"])
    >>> F = Functor(A, Schema(["X"]), objects={"L": "X", "R": "X"})
    >>> print(sigma_counit(F, CSet(Schema(["X"]), X=2)))
    X: [0, 1, 0, 1] : 4 -> 2
    """
    Y, along = plain(Y), Translation(F).plain
    back = delta(along, Y)
    extension = left_kan(F, back, budget)
    return extension.universal(back.ambient.identity(extension.of), Y)


def pi_unit(F: Functor, Y: Tables, budget: int | None = None) -> Any:
    """Return ``Y -> pi(F, delta(F, Y))``, the unit of the right pushforward at Y.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema
    >>> A = Schema(["L", "R"])
    >>> F = Functor(A, Schema(["X"]), objects={"L": "X", "R": "X"})
    >>> print(pi_unit(F, CSet(Schema(["X"]), X=2)))
    X: [0, 3] : 2 -> 4
    """
    Y, along = plain(Y), Translation(F).plain
    back = delta(along, Y)
    extension = right_kan(F, back, budget)
    return extension.universal(back.ambient.identity(extension.of), Y)
