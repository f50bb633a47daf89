"""Monads and comonads of finite categories, with their Kleisli and Eilenberg-Moore categories.

A *monad* on a category C is a functor T : C -> C with natural transformations, the unit
eta : 1 => T and the multiplication mu : T >> T => T, such that at each object

- ``mu_T(c) >> mu_c == T(mu_c) >> mu_c`` (associativity),
- ``T(eta_c) >> mu_c`` and ``eta_T(c) >> mu_c`` are the identity of T(c) (left and right unit).

An adjunction of L and R gives one, ``L >> R`` with the unit and R(counit_L). Two adjunctions give
any monad back: that of its *Kleisli category*, which has the objects of C and for arrows a -> b the
arrows a -> T(b) of C, and that of its *Eilenberg-Moore category*, of *algebras* h : T(a) -> a with
``eta_a >> h == id(a)`` and ``mu_a >> h == T(h) >> h``. Each adjunction with the monad lies between
them: there is one functor from the first to its other category, and one from there to the second,
that commute with the adjoints, the *comparisons* (Mac Lane, VI.1-5). A comonad on C is a monad on
the opposite of C; its coalgebras are the opposite of the algebras.

On a finite category each mu_c is an isomorphism, so that the algebras are a reflective subcategory.
For T(c), T(T(c)), ... come to an object that was met before, and the units between them, which the
multiplications split, are isomorphisms on that circle; and if the unit at T(T(c)) is one then mu_c
is its inverse, by the square of the unit at mu_c, and so on backwards to c.

A monad on an order is a closure operation, and its algebras are what is closed (VI.1, VI.2). Here
the closure of parts of Sierpinski's space, where b is a closed point and a is not:

>>> from catlearn.category import FiniteCategory, full_subcategory, left_adjoint
>>> parts = FiniteCategory.poset([("0", "a"), ("0", "b"), ("a", "ab"), ("b", "ab")])
>>> closed = full_subcategory(parts, ["0", "b", "ab"])
>>> closure = Monad.of(left_adjoint(closed.inclusion))
>>> [closure.functor(part) for part in parts.objects]
['0', 'ab', 'b', 'ab']
>>> algebras = eilenberg_moore(closure)
>>> algebras.objects, algebras.comparison(left_adjoint(closed.inclusion)).is_isomorphism
(('id(0)', 'id(b)', 'id(ab)'), True)
>>> kleisli(closure).isomorphism_classes  # a part is isomorphic to its closure
(('0',), ('a', 'ab'), ('b',))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from catlearn.category.adjunctions import Adjunction, as_transformation, misplaced
from catlearn.category.constructions import Coordinate, matching, tuple_category
from catlearn.category.finite import FiniteCategory
from catlearn.category.functor import Functor
from catlearn.category.targets import compare
from catlearn.category.transformation import NaturalTransformation
from catlearn.display import Displayed
from catlearn.errors import Failure, expect, fault
from catlearn.finset import Frozen
from catlearn.finset.join import find, keys
from catlearn.finset.value import once


class _OnItself(Frozen, Displayed):
    """A functor from a finite category to itself, and two transformations of its powers.

    They lead from the identity and from the square to the functor, or back if it is dual.
    """

    functor: Functor
    _co = ""

    def _fill(self, functor: Functor, check: bool, **given: Any) -> None:
        self._set(functor=functor)
        ends = self._ends()
        self._set(**{name: as_transformation(one, *ends[name]) for name, one in given.items()})
        self._validate(check)

    def _ends(self) -> dict[str, tuple[Functor, Functor]]:
        """Return between which functors each transformation has to lead, by name."""
        what, functor = type(self).__name__, self.functor
        expect(functor, Functor, "functor", "a functor from a finite category to itself")
        C, D = functor._finite()
        if C != D:
            raise fault(what, "ends", "functor", f"it leads from {C} to {D}, expected one category")
        powers = {"unit": Functor.identity(C), "multiplication": functor >> functor}
        return {
            f"{self._co}{name}": (functor, power) if self._co else (power, functor)
            for name, power in powers.items()
        }

    def _misplaced(self) -> list[Failure]:
        ends = self._ends().items()
        return [one for name, pair in ends for one in misplaced(name, getattr(self, name), *pair)]

    def __repr__(self) -> str:
        parts = (repr(dict(getattr(self, name).components)) for name in self._ends())
        return f"{type(self).__name__}({', '.join([repr(self.functor), *parts])})"

    def __str__(self) -> str:
        return f"{type(self).__name__.lower()} {self.functor}"


class Monad(_OnItself, by="functor unit multiplication"):
    """A monad on a finite category.

    Parameters
    ----------
    functor
        The functor T from the category to itself.
    unit
        The components a -> T(a), by object, or the transformation of them.
    multiplication
        The components T(T(a)) -> T(a), by object, or the transformation of them.
    check
        Whether to look for failures at construction.

    Raises
    ------
    InvalidStructure
        Listing ends that do not fit, squares of unit and multiplication that do not commute, and
        objects at which a law fails, with both sides.

    Examples
    --------
    >>> Z4 = FiniteCategory.group(range(4), lambda x, y: (x + y) % 4)
    >>> one = Functor.identity(Z4)
    >>> Monad(one, {"*": "1"}, {"*": "3"}).failures()
    []
    >>> Monad(one, {"*": "1"}, {"*": "1"})
    Traceback (most recent call last):
        ...
    catlearn.errors.InvalidStructure: Monad is not valid (2 failures):
      - object *: one side is '2', the other side is '0' [left unit]
      - object *: one side is '2', the other side is '0' [right unit]
    """

    unit: NaturalTransformation
    multiplication: NaturalTransformation

    def __init__(
        self,
        functor: Functor,
        unit: NaturalTransformation | Mapping[str, Any],
        multiplication: NaturalTransformation | Mapping[str, Any],
        check: bool = True,
    ) -> None:
        self._fill(functor, check, unit=unit, multiplication=multiplication)

    @classmethod
    def of(cls, pair: Adjunction) -> Monad:
        """Return the monad of an adjunction, on the category where the left adjoint starts."""
        expect(pair, Adjunction, "pair", "an adjunction, such as right_adjoint(functor)")
        L, R = pair.left, pair.right
        return cls(L >> R, pair.unit, (L >> pair.counit) >> R, check=False)

    @property
    def sides(self) -> dict[str, tuple[NaturalTransformation, NaturalTransformation]]:
        """The two sides of each law, by its name."""
        T, unit, mu = self.functor, self.unit, self.multiplication
        one = NaturalTransformation.identity(T)
        return {
            "associativity": ((T >> mu) >> mu, (mu >> T) >> mu),
            "left unit": ((unit >> T) >> mu, one),
            "right unit": ((T >> unit) >> mu, one),
        }

    def failures(self) -> list[Failure]:
        """List wrong ends of unit and multiplication, broken squares, and broken laws."""
        return self._misplaced() or list(self._broken())

    def _broken(self) -> Iterator[Failure]:
        equal = self.functor.target.equal
        for law, sides in self.sides.items():
            for a in self.functor.objects:
                one, other = (side.components[a] for side in sides)
                message = f"one side is {one!r}, the other side is {other!r}"
                yield from compare(law, f"object {a}", equal, one, other, message)

    @property
    def opposite(self) -> Comonad:
        """The comonad on the opposite category."""
        T, unit, mu = self.functor, self.unit, self.multiplication
        return Comonad(T.opposite, unit.opposite, mu.opposite, check=False)


class Comonad(_OnItself, by="functor counit comultiplication"):
    """A comonad on a finite category: a monad on its opposite.

    Parameters
    ----------
    functor
        The functor from the category to itself.
    counit
        The components T(a) -> a, by object, or the transformation of them.
    comultiplication
        The components T(a) -> T(T(a)), by object, or the transformation of them.
    check
        Whether to look for failures at construction.

    Raises
    ------
    InvalidStructure
        As for a :class:`Monad`.

    Examples
    --------
    Interior, on the parts of Sierpinski's space, and the parts that are open:

    >>> from catlearn.category import full_subcategory, right_adjoint
    >>> parts = FiniteCategory.poset([("0", "a"), ("0", "b"), ("a", "ab"), ("b", "ab")])
    >>> opens = full_subcategory(parts, ["0", "a", "ab"])
    >>> interior = Comonad.of(right_adjoint(opens.inclusion))
    >>> interior.functor("b"), eilenberg_moore(interior.opposite).opposite.objects
    ('0', ('id(0)', 'id(a)', 'id(ab)'))
    """

    counit: NaturalTransformation
    comultiplication: NaturalTransformation
    _co = "co"

    def __init__(
        self,
        functor: Functor,
        counit: NaturalTransformation | Mapping[str, Any],
        comultiplication: NaturalTransformation | Mapping[str, Any],
        check: bool = True,
    ) -> None:
        self._fill(functor, check, counit=counit, comultiplication=comultiplication)

    @classmethod
    def of(cls, pair: Adjunction) -> Comonad:
        """Return the comonad of an adjunction, on the category where the right adjoint starts."""
        expect(pair, Adjunction, "pair", "an adjunction, such as right_adjoint(functor)")
        return Monad.of(pair.opposite).opposite

    @property
    def opposite(self) -> Monad:
        """The monad on the opposite category."""
        T, counit, delta = self.functor, self.counit, self.comultiplication
        return Monad(T.opposite, counit.opposite, delta.opposite, check=False)

    def failures(self) -> list[Failure]:
        """List wrong ends of counit and comultiplication, broken squares, and broken laws."""
        return self._misplaced() or list(self.opposite._broken())


def _parts(monad: Monad) -> tuple[FiniteCategory, Functor, np.ndarray, np.ndarray]:
    """Return the category of a monad, its functor, and the rows of unit and multiplication."""
    expect(monad, Monad, "monad", "a Monad; of a comonad take the opposite")
    return monad.functor.domain, monad.functor, monad.unit.values, monad.multiplication.values


class OfMonad(FiniteCategory):
    """What the two categories of a monad share: their arrows are arrows of its category."""

    monad: Monad
    over: np.ndarray

    def _rows(self, src: np.ndarray, tgt: np.ndarray, arrows: np.ndarray) -> np.ndarray:
        return find([self.src.values, self.tgt.values, self.over], [src, tgt, arrows])

    def _check(self, pair: Adjunction) -> None:
        found = Monad.of(pair)
        if found != self.monad:
            message = f"its monad is {found.functor}, expected {self.monad.functor}"
            if found.functor == self.monad.functor:
                message = "its monad has the functor, but another unit or multiplication"
            raise fault("comparison", "monad", "pair", message)


class Kleisli(OfMonad):
    """The Kleisli category of a monad; built by :func:`kleisli`."""

    @once
    def adjunction(self) -> Adjunction:
        """The adjunction that gives the monad; its left adjoint is the identity on objects."""
        C, T, unit, mu = _parts(self.monad)
        every = np.arange(len(C.ob))
        sent = C.then(np.arange(len(C.ar)), unit[C.tgt.values])
        left = Functor.build(C, self, every, self._rows(C.src.values, C.tgt.values, sent))
        back = C.then(T.ar.values[self.over], mu[self.tgt.values])
        right = Functor.build(self, C, T.ob.values, back)
        counit = self._rows(T.ob.values, every, C.ids.values[T.ob.values])
        return Adjunction.build(left, right, unit, counit)

    def comparison(self, pair: Adjunction) -> Functor:
        """Return the functor to the category of an adjunction with this monad.

        It is full and faithful, and the only one that commutes with both adjoints.

        Raises
        ------
        InvalidStructure
            If the adjunction has another monad.
        """
        self._check(pair)
        L, D = pair.left, pair.left.codomain
        counit = pair.counit.values[L.ob.values[self.tgt.values]]
        return Functor.build(self, D, L.ob.values, D.then(L.ar.values[self.over], counit))


def kleisli(monad: Monad) -> Kleisli:
    """Return the Kleisli category of a monad.

    Its objects are those of the category; an arrow ``f: a -> b`` is an arrow f : a -> T(b), and
    ``f >> g`` is the arrow ``f >> T(g) >> mu``.

    Returns
    -------
    Kleisli
        With its ``adjunction``, and the ``comparison`` with any other that gives the monad.
    """
    C, T, unit, mu = _parts(monad)
    size, label, objects = len(C.ob), C.ar.label, C.objects
    end, f = matching(T.ob.values, C.tgt.values)

    def then(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        g, last = np.divmod(other, size)
        return C.then(C.then(one // size, T.ar.values[g]), mu[last]) * size + last

    made, (arrows, _, _) = tuple_category(
        Kleisli,
        objects,
        C.src.values[f],
        end,
        [Coordinate(f * size + end, unit * size + np.arange(size), then)],
        lambda at, a, b: f"{label(at // size)}: {objects[a]} -> {objects[b]}",
    )
    made._set(monad=monad, over=arrows // max(size, 1))
    return made


class EilenbergMoore(OfMonad):
    """The Eilenberg-Moore category of a monad; built by :func:`eilenberg_moore`."""

    algebras: np.ndarray

    def _row_of(self, arrows: np.ndarray) -> np.ndarray:
        """Return the objects that arrows T(a) -> a are."""
        return find([self.algebras], [arrows])

    @once
    def adjunction(self) -> Adjunction:
        """The adjunction of free algebras and of forgetting the algebra."""
        C, T, unit, mu = _parts(self.monad)
        free, carrier = self._row_of(mu), C.tgt.values[self.algebras]
        sent = self._rows(free[C.src.values], free[C.tgt.values], T.ar.values)
        left = Functor.build(C, self, free, sent)
        right = Functor.build(self, C, carrier, self.over)
        every = np.arange(len(self.ob))
        counit = self._rows(free[carrier], every, self.algebras)
        return Adjunction.build(left, right, unit, counit)

    def comparison(self, pair: Adjunction) -> Functor:
        """Return the functor from the category of an adjunction with this monad.

        It is the only one that commutes with both adjoints; the right adjoint is *monadic* if it is
        an equivalence.

        Raises
        ------
        InvalidStructure
            If the adjunction has another monad.
        """
        self._check(pair)
        R, D = pair.right, pair.right.domain
        ob = self._row_of(R.ar.values[pair.counit.values])
        ar = self._rows(ob[D.src.values], ob[D.tgt.values], R.ar.values)
        return Functor.build(D, self, ob, ar)


def eilenberg_moore(monad: Monad) -> EilenbergMoore:
    """Return the category of algebras of a monad.

    Its objects are the arrows h : T(a) -> a that are algebras, under their own names; an arrow
    ``f: h -> k`` is an arrow f with ``T(f) >> k == h >> f``.

    Returns
    -------
    EilenbergMoore
        With its ``adjunction``, and the ``comparison`` with any other that gives the monad.
    """
    C, T, unit, mu = _parts(monad)
    h = np.flatnonzero(C.src.values == T.ob.values[C.tgt.values])
    a = C.tgt.values[h]
    unital = C.then(unit[a], h) == C.ids.values[a]
    h = h[unital & (C.then(mu[a], h) == C.then(T.ar.values[h], h))]
    a = C.tgt.values[h]
    # Half squares: an algebra before an arrow out of it, and an arrow before an algebra.
    start, f = matching(a, C.src.values)
    g, end = matching(C.tgt.values, a)
    lower, upper = C.then(h[start], f), C.then(T.ar.values[g], h[end])
    one, other = matching(*keys([f, lower], [g, upper]))
    label, names = C.ar.label, C.ar.labels(h.tolist())
    made, (arrows, _, _) = tuple_category(
        EilenbergMoore,
        names,
        start[one],
        end[other],
        [Coordinate(f[one], C.ids.values[a], C.then)],
        lambda f, i, j: f"{label(f)}: {names[i]} -> {names[j]}",
    )
    made._set(monad=monad, over=arrows, algebras=h)
    return made
