r"""Posynomials, and geometric programs.

A **posynomial** in positive variables is a sum of monomials
:math:`c\, x_1^{a_1} \cdots x_n^{a_n}` with :math:`c > 0` and rational exponents. Transfers and
memory of an array program are posynomials in sizes and tiles. They are closed under sums, products,
natural powers, and division by monomials, and they are a commutative monoid under ``+``, so a
target of functors, as other costs are.

In :math:`y_i = \log x_i` the logarithm of a posynomial is convex. So a **geometric program**, the
minimum of a posynomial where others are at most given numbers, is a convex problem, and what
:func:`minimise` finds is the global optimum (Boyd, Kim, Vandenberghe, Hassibi, "A tutorial on
geometric programming", 2007).

Laws: posynomials are a commutative semiring, with the least upper bound ``|`` and the greatest
lower bound ``&`` of coefficients; evaluation is a homomorphism, and monotone: ``f <= g`` implies
``f(x) <= g(x)`` at every x.

>>> from catlearn.cost import Posynomial, minimise
>>> H = Posynomial.parse("2*q*d + 2*q*x*d/g_q").at(q=16384, x=16384, d=128)
>>> M = Posynomial.parse("(2*d + 1)*g_q + 2*d").at(d=128)
>>> print(H)
4194304 + 68719476736/g_q
>>> best = minimise(H, [(M, 2**16)], {"g_q": (1, 16384)})
>>> round(best["g_q"], 1), f"{best.value:.4g}"
(254.0, '2.747e+08')
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, reduce
from itertools import product, starmap
from keyword import iskeyword
from numbers import Rational, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.cost.quantale import CommutativeMonoid
from catlearn.display import Legible
from catlearn.errors import (
    CatlearnError,
    Failure,
    UnknownName,
    bounded,
    expect,
    fault,
    refuse,
    wrong_kind,
)
from catlearn.names import quote
from catlearn.typesetting import to_latex

if TYPE_CHECKING:
    import sympy

Monomial = tuple[tuple[str, Any], ...]
"""Variables with their exponents, integers or fractions that are not 0, sorted by name."""

_HIGHEST = 64
"""The highest exponent that is read."""

_SLACK = 1e-9
"""By how much, relatively, a limit may be passed."""


def _exact(number: Any) -> Any:
    """A positive number in one form: an int, a fraction, or a float."""
    if type(number) is int or type(number) is float:
        return number
    if isinstance(number, Rational):
        return number.numerator if number.denominator == 1 else Fraction(number)
    return float(number)


def times(one: Monomial, other: Monomial, sign: int = 1) -> Monomial:
    """Return the product of two monomials, or their quotient."""
    if not other or not one:
        return one if not other else tuple((n, sign * p) for n, p in other) if sign < 0 else other
    powers = dict(one)
    for name, power in other:
        powers[name] = _exact(powers.get(name, 0) + sign * power)
    return tuple(sorted((name, power) for name, power in powers.items() if power))


@dataclass(frozen=True, repr=False)
class Posynomial(Legible):
    """A sum of monomials with positive coefficients; nothing added up is 0.

    Numbers, names and posynomials are added and multiplied freely.

    Parameters
    ----------
    terms
        Pairs of a monomial and its coefficient, in a canonical order; see :meth:`of` and
        :meth:`parse`.

    Examples
    --------
    >>> q, x, d, g = Posynomial.symbols("q x d g_q")
    >>> H = 2 * q * d + 2 * q * x * d / g
    >>> H
    Posynomial.parse('2*d*q*x/g_q + 2*d*q')
    >>> H(q=16, x=16, d=4, g_q=8)
    384
    >>> print(H.at(d="g_q"))
    2*g_q*q + 2*q*x
    """

    terms: tuple[tuple[Monomial, Any], ...] = ()

    @classmethod
    def of(cls, given: Any) -> Posynomial:
        """Return a number, a name, or a mapping from monomials to coefficients as a posynomial.

        Raises
        ------
        InvalidStructure
            Naming each coefficient that is negative or not finite.

        Examples
        --------
        >>> Posynomial.of("g_q"), Posynomial.of(3), Posynomial.of({(("M", -1),): 2})
        (Posynomial.parse('g_q'), Posynomial.parse('3'), Posynomial.parse('2/M'))
        """
        if isinstance(given, Posynomial):
            return given
        if isinstance(given, str):
            return cls(((((given, 1),), 1),))
        if type(given) is int and given >= 0:
            return cls((((), given),) if given else ())
        wanted = "a posynomial, a number, a name, or a mapping from monomials to numbers"
        expect(given, (Mapping, int, Real), "the argument", wanted)
        terms: Mapping[Any, Any] = given if isinstance(given, Mapping) else {(): given}
        try:
            failures = [
                Failure(
                    "coefficient", _written(key, 1) or "1", f"found {c}, expected a number >= 0"
                )
                for key, c in terms.items()
                if not 0 <= c < math.inf
            ]
            collected: dict[Monomial, Any] = {}
            for key, c in terms.items():
                pairs = [((n, _exact(Fraction(power))),) for n, power in key if power]
                key = reduce(times, pairs, ())
                collected[key] = collected.get(key, 0) + c
        except (TypeError, ValueError):
            monomials = "a mapping from monomials, such as (('q', 1), ('M', -1)), to numbers"
            raise wrong_kind(given, "the argument", monomials) from None
        refuse("Posynomial", failures)
        return cls._sorted(collected)

    @classmethod
    def _sorted(cls, terms: Mapping[Monomial, Any]) -> Posynomial:
        return cls(tuple(sorted((key, _exact(c)) for key, c in terms.items() if c)))

    @classmethod
    def total(cls, some: Iterable[Posynomial]) -> Posynomial:
        """Return the sum of any number of posynomials."""
        terms: dict[Monomial, Any] = {}
        for one in some:
            for key, c in one.terms:
                terms[key] = terms.get(key, 0) + c
        return cls._sorted(terms)

    @classmethod
    def symbols(cls, names: str) -> tuple[Posynomial, ...]:
        """Return a variable for each name of a text."""
        return tuple(map(cls.of, names.split()))

    @classmethod
    def parse(cls, text: str) -> Posynomial:
        """Return the posynomial that a text writes, with ``+ * / **`` and parentheses.

        Names that are no identifiers are in quotes: ``2*'g_mix/x'``.

        Raises
        ------
        InvalidStructure
            If the text is something else; the place is in the message.
        """
        expect(text, str, "a posynomial", "text, such as '2*q*d + q*x/g_q'")
        operations = {
            ast.Add: operator.add,
            ast.Mult: operator.mul,
            ast.Div: operator.truediv,
            ast.Pow: operator.pow,
        }

        def read(node: ast.AST) -> Any:
            match node:
                case ast.Name(name):
                    return cls.of(name)
                case ast.Constant(int() | float() as number) if not isinstance(number, bool):
                    return Fraction(number) if isinstance(number, int) else number
                case ast.Constant(str() as name):
                    return cls.of(name)
                case ast.UnaryOp(ast.USub(), operand):
                    return -read(operand)
                case ast.BinOp(left, kind, right) if type(kind) in operations:
                    one, two = read(left), read(right)
                    if isinstance(kind, ast.Pow) and not (
                        isinstance(two, Fraction | float) and abs(two) <= _HIGHEST
                    ):
                        raise SyntaxError(f"expected exponents up to {_HIGHEST}")
                    return operations[type(kind)](one, two)
                case ast.BinOp(op=ast.Sub()):
                    raise SyntaxError("has a difference; coefficients are positive")
            place = getattr(node, "col_offset", 0)
            raise SyntaxError(f"cannot be read at {text[place : place + 20]!r}")

        try:
            with bounded("this text"):
                return cls.of(read(ast.parse(text.strip(), mode="eval").body))
        except (SyntaxError, TypeError, ZeroDivisionError, OverflowError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else str(error)
            raise fault("Posynomial", "syntax", repr(text), reason) from None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The variables that occur, sorted."""
        return tuple(sorted({name for key, _ in self.terms for name, _ in key}))

    @property
    def number(self) -> Any:
        """The number that it is, or None."""
        if not self.terms:
            return 0
        return self.terms[0][1] if self.is_monomial and not self.terms[0][0] else None

    @property
    def is_monomial(self) -> bool:
        """Whether it has one term."""
        return len(self.terms) == 1

    def __add__(self, other: Any) -> Posynomial:
        return self._merged(other, operator.add)

    def __or__(self, other: Any) -> Posynomial:
        """Return the least upper bound, coefficient by coefficient."""
        return self._merged(other, max)

    def __and__(self, other: Any) -> Posynomial:
        """Return the greatest lower bound, coefficient by coefficient."""
        return self._merged(other, min)

    def _merged(self, other: Any, combine: Any) -> Posynomial:
        if not isinstance(other, Posynomial):
            if not isinstance(other, Real | str):
                return NotImplemented
            other = Posynomial.of(other)
        mine, its = dict(self.terms), dict(other.terms)
        return self._sorted({k: combine(mine.get(k, 0), its.get(k, 0)) for k in {**mine, **its}})

    def __mul__(self, other: Any) -> Posynomial:
        if not isinstance(other, Posynomial):
            if type(other) is int and other == 1:
                return self
            if not isinstance(other, Real | str):
                return NotImplemented
            other = Posynomial.of(other)
        if len(self.terms) == 1 == len(other.terms):
            ((one, c),), ((two, d),) = self.terms, other.terms
            made = _exact(c * d)
            return Posynomial(((times(one, two), made),) if made else ())
        terms: dict[Monomial, Any] = {}
        for (one, c), (two, d) in product(self.terms, other.terms):
            key = times(one, two)
            terms[key] = terms.get(key, 0) + c * d
        return self._sorted(terms)

    def __truediv__(self, other: Any) -> Posynomial:
        """Return the quotient by a monomial.

        Raises
        ------
        InvalidStructure
            If the other has several terms, or none: no posynomial is the quotient.
        """
        if not isinstance(other, Posynomial | Real | str):
            return NotImplemented
        return self * Posynomial.of(other) ** -1

    def __rtruediv__(self, other: Any) -> Posynomial:
        if not isinstance(other, Real | str):
            return NotImplemented
        return Posynomial.of(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, exponent: Rational | float) -> Posynomial:
        """Return a power: natural, or of any rational exponent if this is a monomial.

        Raises
        ------
        InvalidStructure
            If this has several terms, or none, and the exponent is no natural number.
        """
        if not isinstance(exponent, Real):
            return NotImplemented
        if type(exponent) is int and exponent and self.is_monomial and self.terms[0][1] == 1:
            return Posynomial(((tuple((n, p * exponent) for n, p in self.terms[0][0]), 1),))
        power = Fraction(exponent)
        natural = power.denominator == 1 and power >= 0
        if self.is_monomial:
            ((key, c),) = self.terms
            whole = c == 1 or (power.denominator == 1 and isinstance(c, Rational))
            coefficient = Fraction(c) ** math.ceil(power) if whole else float(c) ** float(power)
            return self._sorted(
                {tuple((n, _exact(p * power)) for n, p in key if power): coefficient}
            )
        if not natural:
            message = f"the power {power} of {len(self.terms)} terms is no posynomial"
            raise fault("Posynomial", "power", str(self), message)
        result = Posynomial.of(1)
        for bit in bin(int(power))[2:]:
            result = result * result
            result = result * self if bit == "1" else result
        return result

    def __le__(self, other: Any) -> bool:
        """Whether each coefficient is at most the other's; then so is each value."""
        if not isinstance(other, Posynomial | Real | str):
            return NotImplemented
        its = dict(Posynomial.of(other).terms)
        return all(c <= its.get(key, 0) for key, c in self.terms)

    def __lt__(self, other: Any) -> bool:
        """Whether it is at most the other, and not equal to it."""
        return self <= other and self != other

    def at(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Posynomial:
        """Put in positive numbers, names or posynomials for some variables, all at once.

        Raises
        ------
        InvalidStructure
            If a number is not positive, or a sum stands for what is in a denominator or a root.
        """
        given = {name: Posynomial.of(v) for name, v in {**(values or {}), **more}.items()}
        if given.keys().isdisjoint(self.names):
            return self
        powers: dict[tuple[str, Any], Posynomial] = {}
        terms: dict[Monomial, Any] = {}
        for key, c in self.terms:
            parts = [(tuple((name, power) for name, power in key if name not in given), c)]
            for name, power in key:
                if name in given:
                    if (name, power) not in powers:
                        powers[name, power] = given[name] ** power
                    many = product(parts, powers[name, power].terms)
                    parts = [(times(one, two), a * b) for (one, a), (two, b) in many]
            for one, a in parts:
                terms[one] = terms.get(one, 0) + a
        return self._sorted(terms)

    def __call__(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Any:
        """Return the value where every variable has a positive number, or an array of them.

        Integers and fractions are computed exactly; the result is an int where it is whole.

        Raises
        ------
        UnknownName
            Listing the variables without a value.
        """
        given = {**(values or {}), **more}
        missing = [name for name in self.names if name not in given]
        if missing:
            raise UnknownName(f"no value for {', '.join(missing)} in {self}")
        exact = all(isinstance(given[name], Rational) for name in self.names)
        total: Any = 0
        for key, c in self.terms:
            term: Any = Fraction(c) if exact and isinstance(c, Rational) else float(c)
            for name, power in key:
                if exact and power.denominator == 1:
                    term *= Fraction(given[name]) ** int(power)
                else:
                    term = term * np.asarray(given[name], float) ** float(power)
            total = total + term
        if isinstance(total, Fraction):
            return int(total) if total.denominator == 1 else float(total)
        return total if np.ndim(total) else float(total)

    def logarithms(self, names: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return A of shape ``(terms, names)`` and b such that it is the sum of ``exp(A y + b)``.

        y are the logarithms of the variables, of which all are among the names.
        """
        column = {name: k for k, name in enumerate(names)}
        A = np.zeros((len(self.terms), len(column)))
        for row, (key, _) in enumerate(self.terms):
            for name, power in key:
                A[row, column[name]] = float(power)
        return A, np.log(np.array([float(c) for _, c in self.terms]))

    @property
    def expression(self) -> sympy.Expr:
        """The sympy expression, in positive symbols."""
        import sympy

        return sympy.Add(
            *(
                sympy.Mul(
                    sympy.sympify(c),
                    *(sympy.Symbol(name, positive=True) ** sympy.Rational(p) for name, p in key),
                )
                for key, c in self.terms
            )
        )

    def __str__(self) -> str:
        return " + ".join(starmap(_written, self._by_degree())) or "0"

    def _by_degree(self) -> list[tuple[Monomial, Any]]:
        return sorted(self.terms, key=lambda term: (-sum(p for _, p in term[0]), term[0]))

    def __repr__(self) -> str:
        return f"Posynomial.parse({str(self)!r})"

    def to_latex(self) -> str:
        r"""Return the LaTeX of it.

        Examples
        --------
        >>> print(Posynomial.parse("2*q*d + q*x*d**2/g_q").to_latex())
        \frac{d^{2} q x}{g_{q}} + 2 d q
        """
        return " + ".join(starmap(_latex, self._by_degree())) or "0"

    def _repr_latex_(self) -> str:
        return f"${self.to_latex()}$"


def _sides(key: Monomial, c: Any) -> tuple[list[tuple[Any, Any]], list[tuple[Any, Any]]]:
    """The factors above and below the line of a fraction, with positive exponents."""
    above = [(name, p) for name, p in key if p > 0]
    below = [(name, -p) for name, p in key if p < 0]
    top, bottom = (c.numerator, c.denominator) if isinstance(c, Rational) else (c, 1)
    one = Fraction(1)
    above = [(top, one), *above] if top != 1 or not above else above
    return above, [(bottom, one), *below] if bottom != 1 else below


def _written(key: Monomial, c: Any) -> str:
    def power(base: Any, exponent: Fraction) -> str:
        plain = not isinstance(base, str) or (base.isidentifier() and not iskeyword(base))
        text = str(base) if plain else quote(base)
        if exponent == 1:
            return text
        return f"{text}**{exponent}" if exponent.denominator == 1 else f"{text}**({exponent})"

    above, below = (["*".join(starmap(power, side))] for side in _sides(key, c))
    many = len(_sides(key, c)[1]) > 1
    return above[0] + (f"/({below[0]})" if many else f"/{below[0]}" if below[0] else "")


def _latex(key: Monomial, c: Any) -> str:
    def power(base: Any, exponent: Fraction) -> str:
        text = to_latex(base) if isinstance(base, str) else f"{base:g}" if base % 1 else str(base)
        return text if exponent == 1 else f"{text}^{{{exponent}}}"

    above, below = (" ".join(starmap(power, side)) for side in _sides(key, c))
    return rf"\frac{{{above}}}{{{below}}}" if below else above


POSYNOMIALS = CommutativeMonoid("posynomials", Posynomial(), operator.add)
"""Posynomials under addition: what operations by unit, and transfers of separate boxes, are in."""


class Infeasible(CatlearnError, ValueError):
    """No point keeps all limits of a geometric program.

    Parameters
    ----------
    message
        What was asked.
    least
        The least factor by which all limits would have to grow.
    """

    def __init__(self, message: str, least: float) -> None:
        super().__init__(message)
        self.least = least


@dataclass(frozen=True)
class Optimum:
    """The solution of a geometric program; ``optimum[name]`` is the value of a variable.

    Parameters
    ----------
    value
        The least value of the objective.
    point
        The values of the variables.
    tight
        The numbers of the limits that are reached.
    """

    value: float
    point: Mapping[str, float]
    tight: tuple[int, ...] = ()

    def __getitem__(self, name: str) -> float:
        return self.point[name]


class _Logarithms:
    """log sum exp(A y + b) of some posynomials in logarithms of their variables, with gradients.

    Parameters
    ----------
    parts
        A and b of each, which has a term at least.
    """

    def __init__(self, parts: Iterable[tuple[np.ndarray, np.ndarray]], count: int) -> None:
        every = [*parts]
        self.A = np.concatenate([np.zeros((0, count)), *(A for A, _ in every)])
        self.b = np.concatenate([np.zeros(0), *(b for _, b in every)])
        self.sizes = np.array([len(b) for _, b in every], int)
        self.starts = np.cumsum(self.sizes) - self.sizes

    def _weights(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        exponents = self.A @ y + self.b
        largest = np.maximum.reduceat(exponents, self.starts)
        weights = np.exp(exponents - np.repeat(largest, self.sizes))
        return weights, np.add.reduceat(weights, self.starts), largest

    def values(self, y: np.ndarray) -> np.ndarray:
        _, sums, largest = self._weights(y)
        return largest + np.log(sums)

    def gradients(self, y: np.ndarray) -> np.ndarray:
        weights, sums, _ = self._weights(y)
        found = np.add.reduceat(weights[:, None] * self.A, self.starts)
        return found / sums[:, None]

    def excess(self, y: np.ndarray) -> float:
        """The greatest of them: what passes 0 is outside of the limits."""
        return float(self.values(y).max()) if len(self.sizes) else -math.inf


def minimise(
    objective: Posynomial,
    limits: Iterable[tuple[Posynomial, Any]] = (),
    bounds: Mapping[str, tuple[Any, Any]] | None = None,
) -> Optimum:
    """Solve a geometric program: the least value of a posynomial where others are within limits.

    By scipy's SLSQP in the logarithms of the variables, with exact gradients, from two starts if
    need be. The problem is convex there, so the optimum is global; what is returned keeps all
    limits to 1e-9.

    Parameters
    ----------
    objective
        What to minimise.
    limits
        Pairs of a posynomial and the positive number that it must not pass.
    bounds
        The least and the greatest value of variables; others are any positive number.

    Raises
    ------
    Infeasible
        If no point keeps the limits; ``least`` is the factor by which they would have to grow.

    Examples
    --------
    >>> side = Posynomial.parse("2/(a*b) + a*b + a")
    >>> best = minimise(Posynomial.parse("1/a"), [(side, 4)])
    >>> round(best["a"], 4), best.tight
    (1.1716, (0,))
    """
    expect(objective, Posynomial, "objective", "a Posynomial")
    limits = [(Posynomial.of(one), limit) for one, limit in limits]
    given = dict(bounds or {})
    refuse(
        "geometric program",
        (
            Failure("bounds", name, f"found {(low, high)}, expected 0 <= low <= high, 0 < high")
            for name, (low, high) in given.items()
            if not 0 <= low <= high or high <= 0
        ),
    )
    fixed = {name: _exact(low) for name, (low, high) in given.items() if low == high}
    every = [(one.at(fixed), math.log(limit)) for one, limit in [(objective, 1), *limits]]
    names = tuple(dict.fromkeys(name for one, _ in every for name in one.names))
    logs = []
    for one, limit in every:
        A, b = one.logarithms(names)
        logs.append((A, b - limit))
    ends = np.array([given.get(name, (0, math.inf)) for name in names], float).reshape(-1, 2)
    with np.errstate(divide="ignore"):
        low, high = np.log(ends).T
    walls = _Logarithms((wall for wall in logs[1:] if len(wall[1])), len(names))
    y = _solve(_Logarithms(logs[:1], len(names)), walls, low, high)
    point = dict(zip(names, np.exp(y).tolist(), strict=True))
    point = {name: float(point.get(name, given[name][0])) for name in given} | point
    tight = tuple(k for k, (one, limit) in enumerate(limits) if one(point) >= limit * (1 - 1e-6))
    return Optimum(float(objective(point)), point, tight)


def _solve(
    target: _Logarithms, walls: _Logarithms, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """The best point in logarithms, from starts that are within the limits."""
    corner = np.where(np.isfinite(low), low, np.minimum(0.0, high))
    inside = _feasible(corner, walls, low, high)
    if not target.A.any():
        return inside
    far = _towards(inside, np.where(np.isfinite(high), high, inside + 3.0), walls)
    found = [inside]
    for start in (far, inside):  # from the second only where the first does not come to an end
        y, ended = _slsqp(target, walls, start, low, high)
        found.append(_towards(inside, y, walls))
        if ended:
            break
    return min(found, key=target.excess)


def _feasible(
    corner: np.ndarray, walls: _Logarithms, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """A point within the limits: the corner, or the one that passes them by the least factor."""
    excess = walls.excess(corner)
    if excess <= 0:
        return corner
    if len(corner):  # the least last variable by which every wall may give way
        count = len(corner) + 1
        last = _Logarithms([(np.eye(1, count, len(corner)), np.zeros(1))], count)
        giving = copy(walls)
        giving.A = np.insert(walls.A, len(corner), -1.0, axis=1)
        start = np.append(corner, excess)
        y, _ = _slsqp(last, giving, start, np.append(low, -1e3), np.append(high, 1e3))
        corner = min((corner, y[:-1]), key=walls.excess)
        excess = walls.excess(corner)
    if excess > _SLACK:
        factor = math.exp(excess)
        raise Infeasible(f"limits would have to be {factor:.6g} times as large", factor)
    return corner


def _towards(inside: np.ndarray, y: np.ndarray, walls: _Logarithms) -> np.ndarray:
    """The last point within the limits on the way from one that is to another; they are convex."""
    if not np.isfinite(y).all():
        return inside
    if walls.excess(y) <= _SLACK:
        return y
    near, far = 0.0, 1.0
    for _ in range(60):
        middle = (near + far) / 2
        good = walls.excess(inside + middle * (y - inside)) <= 0
        near, far = (middle, far) if good else (near, middle)
    return inside + near * (y - inside)


def _slsqp(
    target: _Logarithms, walls: _Logarithms, start: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, bool]:
    """The point at which SLSQP ends, and whether that is an end."""
    from scipy.optimize import minimize

    limits = {
        "type": "ineq",
        "fun": lambda y: -walls.values(y),
        "jac": lambda y: -walls.gradients(y),
    }
    with np.errstate(over="ignore", invalid="ignore"):
        result = minimize(
            target.excess, start, jac=lambda y: target.gradients(y)[0],
            bounds=list(zip(low, high, strict=True)),
            constraints=[limits] if len(walls.sizes) else [], method="SLSQP",
            options={"ftol": 1e-13, "maxiter": 300},
        )  # fmt: skip
    return np.clip(result.x, low, high), bool(result.success)
