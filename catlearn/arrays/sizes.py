"""Sizes: polynomials with integer coefficients, and the equations and bounds between them.

The size of an axis is an integer, a symbol, or a polynomial over such. What stands for an unknown
in a polynomial is a *generator*: a name, or a row of a table as an integer. Sizes are at least 1.

>>> m, h, d = map(Size.of, ["m", "h", "d"])
>>> print(h * d + 2 * m, (h * d).substitute({"h": 12}))
d*h + 2*m 12*d
>>> read_size("x*(y + 1) - 2") == Size.of("x") * (Size.of("y") + 1) - 2
True

Circuits present their sizes by generators and relations: equations (the two axes of a class have
one size; a split says m = h*d), bounds and windows. Gluing unites relations, which needs no order;
:func:`solve` finds what they determine, what is left of them, and which no sizes can satisfy.

>>> found = solve([SizeRelation("=", m, h * d), SizeRelation("=", m, Size.of(768)),
...                SizeRelation("=", h, Size.of(12))], flexible={"d"})
>>> str(found.values["m"]), str(found.values["d"]), found.failures
('768', '64', ())

A *scalar* is a rational number times a product of powers of sizes.

>>> print(read_scalar("d**-0.5"), read_scalar("1/|k|"), read_scalar("2*(d + r)**-0.5"))
d**(-1/2) k**(-1) 2*(d + r)**(-1/2)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache, reduce
from heapq import heappop, heappush
from math import gcd, isfinite, prod
from operator import index, mul
from typing import Any, SupportsIndex

from catlearn.category.path import Reader, tokens_of
from catlearn.display import Legible
from catlearn.errors import CatlearnError, TooLarge, WrongKind

Monomial = tuple[tuple[Any, int], ...]
"""Generators with positive exponents, in order."""

MOST_TERMS = 10_000
"""The most terms that a polynomial may have, and its largest degree."""

MOST_PRODUCTS = 1_000_000
"""The most products of terms in one product of polynomials."""

LARGEST_POWER = 100
"""The largest exponent that is read."""

MOST_DIGITS = 1_000
"""About the most digits of a number that is read, or that powers and products of some make."""


@dataclass(frozen=True)
class Size(Legible):
    """A polynomial with integer coefficients, in a canonical form.

    Parameters
    ----------
    terms
        Pairs of a monomial and its coefficient, which is not zero; see :meth:`of`.
    """

    terms: tuple[tuple[Monomial, int], ...]

    @classmethod
    def of(cls, given: Size | int | Hashable) -> Size:
        """Return a size, a number or a generator as a polynomial.

        Examples
        --------
        >>> Size.of("m"), Size.of(0)
        (Size('m'), Size('0'))
        """
        if isinstance(given, Size):
            return given
        if isinstance(given, int) and not isinstance(given, bool):
            return cls((((), given),) if given else ())
        return cls(((((given, 1),), 1),))

    @classmethod
    def generator(cls, key: Hashable) -> Size:
        """Return a generator, which may be an integer, as a polynomial."""
        return cls(((((key, 1),), 1),))

    @classmethod
    def _of(cls, terms: Mapping[Monomial, int]) -> Size:
        kept = [(monomial, c) for monomial, c in terms.items() if c]
        if len(kept) > MOST_TERMS:
            raise TooLarge(f"a size of {len(kept)} terms; at most {MOST_TERMS} are kept")
        return cls(tuple(sorted(kept, key=lambda term: (-degree(term[0]), term[0]))))

    @cached_property
    def generators(self) -> frozenset[Any]:
        """The generators that occur."""
        return frozenset(key for monomial, _ in self.terms for key, _ in monomial)

    @cached_property
    def number(self) -> int | None:
        """The integer that it is, or None."""
        if not self.terms:
            return 0
        return self.terms[0][1] if len(self.terms) == 1 and not self.terms[0][0] else None

    @property
    def is_positive(self) -> bool:
        """Whether it is at least 1 for all sizes, as far as the signs of its coefficients say.

        Each generator is written as 1 more than a number that is not negative.

        Examples
        --------
        >>> (read_size("m*h - h + 1")).is_positive, read_size("m - 1").is_positive
        (True, False)
        """
        return self._at_ones >= 1 and (self._is_plain or all(c > 0 for _, c in self.moved.terms))

    @property
    def is_natural(self) -> bool:
        """Whether it is at least 0 for all sizes, as far as the signs of its coefficients say."""
        return self._at_ones >= 0 and (self._is_plain or all(c > 0 for _, c in self.moved.terms))

    @cached_property
    def _at_ones(self) -> int:
        """The value where all generators are 1, which is the constant of what is moved."""
        return sum(c for _, c in self.terms)

    @cached_property
    def _is_plain(self) -> bool:
        return all(c > 0 for _, c in self.terms)

    @cached_property
    def moved(self) -> Size:
        """The polynomial in what its generators are more than 1."""
        return self.substitute({key: Size.generator(key) + 1 for key in self.generators})

    @property
    def constant(self) -> int:
        """The coefficient of 1."""
        return self.terms[-1][1] if self.terms and not self.terms[-1][0] else 0

    def __add__(self, other: Size | int) -> Size:
        if not isinstance(other, Size | int):
            return NotImplemented
        terms = dict(self.terms)
        for monomial, c in Size.of(other).terms:
            terms[monomial] = terms.get(monomial, 0) + c
        return Size._of(terms)

    def __neg__(self) -> Size:
        return Size(tuple((monomial, -c) for monomial, c in self.terms))

    def __sub__(self, other: Size | int) -> Size:
        return self + -Size.of(other) if isinstance(other, Size | int) else NotImplemented

    def __rsub__(self, other: int) -> Size:
        return -self + other

    def __mul__(self, other: Size | int) -> Size:
        if not isinstance(other, Size | int):
            return NotImplemented
        terms: dict[Monomial, int] = {}
        if isinstance(other, Size) and len(self.terms) * len(other.terms) > MOST_PRODUCTS:
            raise TooLarge(f"a product of {len(self.terms)} terms and {len(other.terms)}")
        for one, c in self.terms:
            for two, k in Size.of(other).terms:
                powers = dict(one)
                for key, exponent in two:
                    powers[key] = powers.get(key, 0) + exponent
                monomial = tuple(sorted(powers.items()))
                if degree(monomial) > MOST_TERMS:
                    raise TooLarge(f"a size of degree {degree(monomial)}")
                terms[monomial] = terms.get(monomial, 0) + c * k
        return Size._of(terms)

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, exponent: int) -> Size:
        if exponent * max(1, *(degree(monomial) for monomial, _ in self.terms), 0) > MOST_TERMS:
            raise TooLarge(f"a size to the power {exponent}")
        found, square = Size.of(1), self
        while exponent:
            found, square = (
                (found * square if exponent & 1 else found),
                (square * square if exponent > 1 else square),
            )
            exponent >>= 1
        return found

    def substitute(self, values: Mapping[Any, Size | int]) -> Size:
        """Replace generators by sizes.

        Examples
        --------
        >>> read_size("h*d + 1").substitute({"h": 2, "d": Size.of("m")})
        Size('2*m + 1')
        """
        if self.generators.isdisjoint(values):
            return self
        match self.terms:
            case ((((key, 1),), 1),):
                return Size.of(values[key])
        terms: dict[Monomial, int] = {}
        for monomial, c in self.terms:
            kept = tuple((key, exponent) for key, exponent in monomial if key not in values)
            made = Size(((kept, c),))
            for key, exponent in monomial:
                if key in values:
                    made = made * Size.of(values[key]) ** exponent
            for one, coefficient in made.terms:
                terms[one] = terms.get(one, 0) + coefficient
        return Size._of(terms)

    def rename(self, names: Callable[[Any], Any]) -> Size:
        """Replace generators by others."""
        return self.substitute({key: Size.generator(names(key)) for key in self.generators})

    def solved_for(self, key: Any) -> Size | None:
        """Return what a generator is where the polynomial is 0, if it is linear in it, with unit.

        Examples
        --------
        >>> read_size("m - h*d").solved_for("m"), read_size("m - h*d").solved_for("h")
        (Size('d*h'), None)
        """
        own = [(monomial, c) for monomial, c in self.terms if any(k == key for k, _ in monomial)]
        if len(own) != 1 or own[0][0] != ((key, 1),) or abs(own[0][1]) != 1:
            return None
        rest = Size(tuple(term for term in self.terms if term != own[0]))
        return -rest if own[0][1] == 1 else rest

    def primitive(self) -> Size:
        """Return it divided by the greatest common divisor of its coefficients, the first one > 0.

        Two polynomials are 0 at the same sizes if these are equal.
        """
        if not self.terms:
            return self
        by = gcd(*(c for _, c in self.terms))
        by = by if self.terms[0][1] > 0 else -by
        return Size(tuple((monomial, c // by) for monomial, c in self.terms))

    def __str__(self) -> str:
        found = ""
        for monomial, c in self.terms:
            factors = [f"{key}" if e == 1 else f"{key}**{e}" for key, e in monomial]
            factors = factors if abs(c) == 1 and factors else [str(abs(c)), *factors]
            sign = (" - " if c < 0 else " + ") if found else "-" if c < 0 else ""
            found += sign + "*".join(factors)
        return found or "0"

    def __repr__(self) -> str:
        return f"Size({str(self)!r})"


ZERO = Size(())


def degree(monomial: Monomial) -> int:
    """Return the degree of a monomial."""
    return sum(exponent for _, exponent in monomial)


@dataclass(frozen=True)
class Scalar(Legible):
    """A rational number times a product of rational powers of sizes, in lowest terms.

    Parameters
    ----------
    factor
        The number.
    powers
        Sizes with exponents that are not 0: generators, prime numbers and irreducible sums. Under a
        root stands what its signs do not show to be positive as one product.
    """

    factor: Fraction = Fraction(1)
    powers: tuple[tuple[Size, Fraction], ...] = ()

    @classmethod
    def of(cls, given: Scalar | Size | Fraction | int) -> Scalar:
        """Return a number or a size as a scalar."""
        if isinstance(given, Scalar):
            return given
        if isinstance(given, Fraction):
            return cls(given)
        return cls() * Size.of(given)

    def __mul__(self, other: Scalar | Size | int) -> Scalar:
        one = Fraction(1)
        other = other if isinstance(other, Scalar) else Scalar(one, ((Size.of(other), one),))
        factor, powers = self.factor * other.factor, dict(self.powers)
        left = [*other.powers]
        while left:
            base, exponent = left.pop()
            number, parts = split_power(base, exponent.denominator == 1)
            if (number < 0 and exponent.denominator != 1) or (not number and exponent < 0):
                raise CatlearnError(f"{number} has no power {exponent} among scalars")
            if exponent.denominator == 1:
                factor *= Fraction(number) ** int(exponent)
            elif number != 1:
                parts += [(Size.of(p), multiplicity) for p, multiplicity in prime_factors(number)]
            for key, multiplicity in parts:
                power = powers[key] = powers.get(key, Fraction(0)) + exponent * multiplicity
                # what has become whole is split further
                if power.denominator == 1 and (key.number or factors(key)[1] != ((key, 1),)):
                    left.append((key, powers.pop(key)))
        kept = sorted(((b, e) for b, e in powers.items() if e), key=lambda power: power[0].terms)
        return Scalar(factor, tuple(kept))

    def __pow__(self, exponent: Fraction | int) -> Scalar:
        exponent = Fraction(exponent)
        if not self.factor and exponent < 0:
            raise CatlearnError("a scalar is divided by 0")
        if exponent.denominator == 1:
            number, powers = Scalar(self.factor ** int(exponent)), self.powers
            return number * Scalar(Fraction(1), tuple((b, e * exponent) for b, e in powers))
        # a root is of a product: of a square it is not what was squared, unless that is natural
        signed = {b: e for b, e in self.powers if e.denominator == 1 and not b.is_natural}
        powers = [(b, e * exponent) for b, e in self.powers if b not in signed]
        for sign in (1, -1):
            own = self.factor.numerator if sign == 1 else self.factor.denominator
            parts = (b ** int(sign * e) for b, e in signed.items() if sign * e > 0)
            powers.append((reduce(mul, parts, Size.of(own)), sign * exponent))
        return Scalar() * Scalar(Fraction(1), tuple(powers))

    def substitute(self, values: Mapping[Any, Size | int]) -> Scalar:
        """Replace generators by sizes."""
        powers = tuple((base.substitute(values), e) for base, e in self.powers)
        return Scalar(self.factor) * Scalar(Fraction(1), powers)

    def rename(self, names: Callable[[Any], Any]) -> Scalar:
        """Replace generators by others."""
        return self.substitute({key: Size.generator(names(key)) for key in self.generators})

    @property
    def generators(self) -> frozenset[Any]:
        """The generators that occur."""
        return frozenset(key for base, _ in self.powers for key in base.generators)

    @property
    def value(self) -> float | None:
        """The number that it is, or None where it has generators."""
        numbers = [(base.number, e) for base, e in self.powers]
        if any(number is None for number, _ in numbers):
            return None
        return float(self.factor) * prod(float(n or 0) ** float(e) for n, e in numbers)

    def __str__(self) -> str:
        def power(base: Size, exponent: Fraction) -> str:
            shown = str(base) if len(base.terms) == 1 else f"({base})"
            if exponent == 1:
                return shown
            whole = exponent.denominator == 1 and exponent > 0
            return f"{shown}**{exponent}" if whole else f"{shown}**({exponent})"

        factors = [power(*pair) for pair in self.powers]
        if self.factor != 1 or not factors:
            shown = str(self.factor)
            factors.insert(0, f"({shown})" if "/" in shown and factors else shown)
        return "*".join(factors)


ONE = Scalar()


def prime_factors(number: int) -> list[tuple[int, int]]:
    """Return the primes that divide a positive number, with their multiplicities."""
    found, prime = [], 2
    while prime * prime <= number and prime < 1_000_000:
        multiplicity = 0
        while number % prime == 0:
            number, multiplicity = number // prime, multiplicity + 1
        found += [(prime, multiplicity)] if multiplicity else []
        prime += 1
    return found + ([(number, 1)] if number > 1 else [])


LARGEST_FACTORED = 16, 128
"""The largest degree, and the most terms, of sums that are factored."""


@lru_cache(maxsize=1024)
def factors(size: Size) -> tuple[int, tuple[tuple[Size, int], ...]]:
    """Return a sum that is not 0 as a sign and irreducible sums with multiplicities.

    Its coefficients have no common divisor. What is natural is written so; others begin with a
    positive coefficient. What is too large is left whole.

    Examples
    --------
    >>> factors(read_size("m**2 - 1"))
    (1, ((Size('m - 1'), 1), (Size('m + 1'), 1)))
    """
    highest = degree(size.terms[0][0])
    simple = highest <= 1 or any(size.solved_for(key) is not None for key in size.generators)
    found, sign = [(size, 1)], 1
    if not simple and highest <= LARGEST_FACTORED[0] and len(size.terms) <= LARGEST_FACTORED[1]:
        from sympy import Dummy, Poly

        keys = sorted(size.generators)
        rows = {tuple(dict(m).get(key, 0) for key in keys): c for m, c in size.terms}
        number, pairs = Poly.from_dict(rows, *(Dummy() for _ in keys), domain="ZZ").factor_list()
        sign, found = int(number), []
        for one, multiplicity in pairs:
            terms = {
                tuple((key, e) for key, e in zip(keys, powers, strict=True) if e): int(c)
                for powers, c in one.terms()
            }
            found.append((Size._of(terms), multiplicity))
    signed = []
    for one, multiplicity in found:
        turned = (-one).is_natural or (not one.is_natural and one.terms[0][1] < 0)
        signed.append((-one if turned else one, multiplicity))
        sign *= -1 if turned and multiplicity % 2 else 1
    return sign, tuple(sorted(signed, key=lambda pair: pair[0].terms))


def split_power(base: Size, whole: bool) -> tuple[int, list[tuple[Size, int]]]:
    """Return a size as a number times a product of powers; ``whole`` is whether no root is taken.

    Only natural sums are taken out of a root, where signs say that they are.
    """
    if not base.terms:
        return 0, []
    number = gcd(*(c for _, c in base.terms))
    rest = Size(tuple((monomial, c // number) for monomial, c in base.terms))
    if len(rest.terms) == 1:
        ((monomial, sign),) = rest.terms
        return number * sign, [(Size.generator(key), e) for key, e in monomial]
    sign, found = factors(rest)
    if whole:
        return number * sign, [*found]
    natural = [(one, e) for one, e in found if one.is_natural]
    others = reduce(mul, (one**e for one, e in found if not one.is_natural), Size.of(sign))
    if others.number is not None:
        return number * sign, natural
    return number, [*natural, (others, 1)]


class SizeReader(Reader):
    """Reads sizes and scalars: sums, products, quotients and powers of names and numbers."""

    token = tokens_of(r"\*\*|<=|[-+*/()|=,]")
    punctuation = "_.'′"

    def sum(self) -> Any:
        """Read a sum."""
        start = self.tokens[self.at][2]
        negative = self.take("-")
        found = self.product()
        if negative:
            found = found * Scalar(Fraction(-1)) if isinstance(found, Scalar) else -found
        while sign := self.take("+", "-"):
            one, two = self.size(found, start), self.size(self.product(), start)
            found = one + two if sign == "+" else one - two
        return found

    def product(self) -> Any:
        """Read a product."""
        found = self.power()
        while sign := self.take("*", "/"):
            two = self.power()
            if sign == "*" and isinstance(found, Size) and isinstance(two, Size):
                found = found * two
            else:
                found = Scalar.of(found) * Scalar.of(two) ** (1 if sign == "*" else -1)
            self.bounded(found)
        return found

    def power(self) -> Any:
        """Read a power."""
        base, start = self.atom(), self.tokens[self.at][2]
        if not self.take("**"):
            return base
        sign = -1 if self.take("-") else 1
        exponent = Scalar.of(self.atom())
        if exponent.powers:
            raise self.error("an exponent is a number", start)
        exponent = exponent.factor * sign
        if abs(exponent) > LARGEST_POWER or exponent.denominator > LARGEST_POWER:
            raise self.error(f"an exponent is at most {LARGEST_POWER}", start)
        self.bounded(base, exponent)
        if isinstance(base, Size) and exponent.denominator == 1 and exponent >= 0:
            return base ** int(exponent)
        return Scalar.of(base) ** exponent

    def atom(self) -> Any:
        """Read a name, a number, or what stands in brackets."""
        if self.take("("):
            found = self.sum()
            self.expect(")", "')'")
            return found
        if self.take("|"):
            found = self.expect("name", "the name of an axis")
            self.expect("|", "'|'")
            return Size.of(found)
        place = self.tokens[self.at][2]
        name = self.expect("name", "a name or a number")
        if not name[0].isdecimal() and name[0] != ".":
            return Size.of(name)
        if len(name) > 100 or len(name.lower().partition("e")[2]) > 3:
            raise self.error("it is too long for a number", place)
        try:
            number = Fraction(name)
        except ValueError:
            raise self.error(f"{name!r} is neither a name nor a number", place) from None
        return Size.of(int(number)) if number.denominator == 1 else Scalar(number)

    def bounded(self, found: Any, exponent: Fraction = ONE.factor) -> None:
        """Refuse powers whose numbers have too many digits."""
        numbers = [c for _, c in found.terms] if isinstance(found, Size) else (
            found.factor.numerator, found.factor.denominator)  # fmt: skip
        longest = max((number.bit_length() for number in numbers), default=0)
        if longest * abs(exponent) > 4 * MOST_DIGITS:
            raise self.error("a number has too many digits", self.tokens[self.at][2])

    def size(self, found: Any, place: int) -> Size:
        """Return what was read, if it is a polynomial."""
        if isinstance(found, Scalar) and not found.powers and found.factor.denominator == 1:
            return Size.of(int(found.factor))
        if not isinstance(found, Size):
            raise self.error("quotients and roots have no place in a size", place)
        return found


LONGEST = 10_000
"""The longest text of a size, in characters."""


def _reader(text: object, what: str) -> SizeReader:
    if not isinstance(text, str):
        raise WrongKind(f"a {what} is a number or a text, such as 'h*d'; found {text!r}")
    if len(text) > LONGEST or text.count("(") > 100:
        raise SizeReader(text[:100], what).error("it is too long", 0)
    return SizeReader(text, what)


def sizes_hint(names: Iterable[str]) -> str:
    """Say how sizes that are not known are given, and what a name such as m#2 is.

    Examples
    --------
    >>> sizes_hint(["m"])
    "give sizes={'m': ...}"
    """
    names = dict.fromkeys(names)
    text = f"give sizes={{{', '.join(f'{name!r}: ...' for name in names)}}}"
    for name, (letter, made, _) in ((name, name.partition("#")) for name in names):
        if made:
            text += f"; {name} is an axis {letter} that comes in, which takes any size, and "
            text += f"{letter} the size that is declared, or of another axis: they may differ, "
            text += "so give both"
    return text


def read_size(text: str | SupportsIndex | Size) -> Size:
    """Read a size: an integer, or a text such as ``"h*d + 1"``.

    Raises
    ------
    PathSyntaxError
        If it is not one, with the place.
    WrongKind
        If it is neither a number nor a text.
    """
    if isinstance(text, Size):
        return text
    if isinstance(text, SupportsIndex) and not isinstance(text, bool):
        return Size.of(index(text))
    reader = _reader(text, "size")
    try:
        found = reader.size(reader.sum(), 0)
    except TooLarge as error:
        raise reader.error(str(error), 0) from None
    reader.expect_end("an operation")
    return found


def read_scalar(text: str | int | float | Scalar) -> Scalar:
    """Read a scalar: a number, or a text such as ``"d**-0.5"``; see :func:`read_size`."""
    if isinstance(text, Scalar):
        return text
    if isinstance(text, int | float) and not isinstance(text, bool):
        if not isfinite(text):
            raise CatlearnError(f"a scalar is a finite number; found {text}")
        return Scalar(Fraction(text))
    reader = _reader(text, "scalar")
    found = Scalar.of(reader.sum())
    reader.expect_end("an operation")
    return found


@dataclass(frozen=True)
class SizeRelation(Legible):
    """What sizes have to satisfy.

    Parameters
    ----------
    kind
        ``"="``: both sides are equal; ``"<="``: the left one is at most the right one;
        ``"window"``: the right one is 1 more than the left one divided by the stride, rounded down.
    left, right
        The two sides.
    stride
        Of a window.
    """

    kind: str
    left: Size
    right: Size
    stride: int = 1

    def substitute(self, values: Mapping[Any, Size | int]) -> SizeRelation:
        """Replace generators by sizes."""
        sides = self.left.substitute(values), self.right.substitute(values)
        return SizeRelation(self.kind, *sides, self.stride)

    def rename(self, names: Callable[[Any], Any]) -> SizeRelation:
        """Replace generators by others."""
        return SizeRelation(
            self.kind, self.left.rename(names), self.right.rename(names), self.stride
        )

    def __str__(self) -> str:
        if self.kind == "window":
            inner = self.left if self.stride == 1 else f"({self.left})/{self.stride}"
            return f"{self.right} = {inner} + 1"
        return f"{self.left} {self.kind} {self.right}"


@dataclass(frozen=True)
class Unsolvable:
    """A relation that no sizes satisfy.

    Parameters
    ----------
    number
        Which one of those that were given.
    found
        What it came to.
    declared
        Whether it would make two declared symbols equal.
    """

    number: int
    found: SizeRelation
    declared: bool = False


@dataclass(frozen=True)
class Solution:
    """What relations determine.

    Parameters
    ----------
    values
        Generators that are solved for, as polynomials in the others.
    relations
        What is left.
    failures
        What cannot be satisfied.
    """

    values: Mapping[Any, Size]
    relations: tuple[SizeRelation, ...]
    failures: tuple[Unsolvable, ...]

    def of(self, size: Size) -> Size:
        """Return a size with all that is known put in."""
        return size.substitute(self.values)


def solve(relations: Sequence[SizeRelation], flexible: Iterable[Any] = ()) -> Solution:
    """Solve relations between sizes as far as numbers and linear equations go.

    A relation is solved if it gives a generator a number, or if it is linear, with coefficient 1
    or -1, in a *flexible* generator. What is left is kept. Nothing satisfies a difference whose
    coefficients all have one sign. Two generators that are not flexible, the *declared* symbols,
    are equal only where that follows from the other equations. The order of the relations does
    not matter.

    Parameters
    ----------
    relations
        Equations, bounds and windows.
    flexible
        The generators that take what comes.

    Examples
    --------
    >>> m, n = Size.of("m"), Size.of("n")
    >>> solve([SizeRelation("=", m, 2 * m)]).failures[0].number
    0
    >>> solve([SizeRelation("=", m, n)]).failures[0].declared
    True
    >>> hd = read_size("h*d")
    >>> pairs = [(m, n), (m, hd), (n, hd)]
    >>> solve([SizeRelation("=", *pair) for pair in pairs]).failures
    ()
    """
    state = _State(set(flexible))
    for k, one in enumerate(relations):
        state.add(k, one)
    while state.step():
        pass
    values: dict[Any, Size] = {}
    for key, value in reversed(state.values.items()):
        values[key] = value.substitute(values)
    failures = state.failures
    kept: dict[Any, tuple[int, SizeRelation]] = {}
    for k, now in sorted(state.left.items()):
        if now.kind == "<=":
            if (now.right - now.left).is_natural:
                continue
            if (now.left - now.right).is_positive:
                failures[k] = Unsolvable(k, now)
                continue
        key = (now.left - now.right).primitive() if now.kind == "=" else now
        kept.setdefault(key, (k, now))
    equal = [key for key in kept if isinstance(key, Size)]
    for key in equal:
        pair = len(key.terms) == 2 and all(degree(monomial) == 1 for monomial, _ in key.terms)
        if pair and sum(c for _, c in key.terms) == 0 and not is_spanned(key, equal):
            k, now = kept[key]
            failures[k] = Unsolvable(k, now, declared=True)
    found = tuple(now for k, now in kept.values() if k not in failures)
    return Solution(values, found, tuple(failures[k] for k in sorted(failures)))


@dataclass
class _State:
    """What :func:`solve` knows while it goes on.

    Each relation is looked at again only when a generator in it is solved for. Numbers come first,
    then equations, in an order that does not depend on that of the relations. A value has no
    generator that was solved for before it; those solved for later are put in at the end.
    """

    free: set[Any]
    values: dict[Any, Size] = field(default_factory=dict)
    failures: dict[int, Unsolvable] = field(default_factory=dict)
    left: dict[int, SizeRelation] = field(default_factory=dict)
    version: dict[int, int] = field(default_factory=dict)
    users: dict[Any, set[int]] = field(default_factory=dict)
    ready: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, k: int, one: SizeRelation) -> None:
        """Put a relation in, or put it in anew."""
        self.version[k] = version = self.version.get(k, 0) + 1
        if one.kind == "window" and one.stride == 1:
            one = SizeRelation("=", one.left + 1, one.right)
        elif one.kind == "window" and one.left.number is not None:
            one = SizeRelation("=", Size.of(one.left.number // one.stride + 1), one.right)
        self.left[k] = one
        generators = one.left.generators | one.right.generators
        for key in generators:
            self.users.setdefault(key, set()).add(k)
        if one.kind != "=":
            return
        equation = (one.left - one.right).primitive()
        if not equation.terms:
            del self.left[k]
        elif is_never_zero(equation):
            self.failures[k] = Unsolvable(k, self.left.pop(k))
        elif len(generators := equation.generators) == 1 and degree(equation.terms[0][0]) == 1:
            (key,) = generators
            value, rest = divmod(-equation.constant, equation.terms[0][1])
            wrong = bool(rest) or value < 1
            # numbers that are given come before those that are divided
            by = abs((one.left - one.right).terms[0][1])
            entry = (0, by, wrong, key in self.free, _order(key), value)
            heappush(self.ready, (*entry, k, version, key, Size.of(value), wrong))
        else:
            for key in equation.generators & self.free:
                value = equation.solved_for(key)
                if value is not None:
                    unsure = not value.is_positive
                    declared = len(value.generators - self.free)
                    # of several values the least, whatever the order of the relations
                    entry = (1 + unsure, 0, False, declared, _order(key), 0, value.terms)
                    heappush(self.ready, (*entry, k, version, key, value, False))

    def step(self) -> bool:
        """Solve for one generator; say whether there was one."""
        while self.ready:
            kind, *_, k, version, key, value, wrong = heappop(self.ready)
            if k not in self.left or self.version[k] != version:
                continue
            one = self.left.pop(k)
            if wrong:
                self.failures[k] = Unsolvable(k, one)
                return True
            self.settle(key, value)
            if kind == 2:
                self.add(k, SizeRelation("<=", Size.of(1), value))
            return True
        return False

    def settle(self, key: Any, value: Size) -> None:
        """Put a value for a generator into all that is left."""
        put = {key: value}
        self.values[key] = value
        for k in sorted(self.users.pop(key, ())):
            if k in self.left:
                self.add(k, self.left[k].substitute(put))


def _order(key: Any) -> Any:
    """Which of several flexible generators is solved for first: the last row."""
    return -key if isinstance(key, int) else key


def is_never_zero(size: Size) -> bool:
    """Whether a polynomial is 0 at no sizes, as far as the signs of its coefficients say."""
    return bool(size.terms) and (size.is_positive or (-size).is_positive)


def is_spanned(size: Size, others: Sequence[Size]) -> bool:
    """Whether a polynomial is a rational combination of others, itself left out."""
    rows = [
        {monomial: Fraction(c) for monomial, c in other.terms} for other in others if other != size
    ]
    target = {monomial: Fraction(c) for monomial, c in size.terms}

    def cleared(row: dict[Monomial, Fraction], by: dict[Monomial, Fraction]) -> dict[Any, Fraction]:
        pivot = next(iter(by))
        ratio = row.get(pivot, Fraction(0)) / by[pivot]
        made = {m: row.get(m, Fraction(0)) - ratio * by.get(m, Fraction(0)) for m in {**row, **by}}
        return {m: c for m, c in made.items() if c}

    basis: list[dict[Monomial, Fraction]] = []
    for row in rows:
        row = reduce(cleared, basis, row)
        if row:
            basis = [*(cleared(one, row) for one in basis), row]
    return not reduce(cleared, basis, target)
