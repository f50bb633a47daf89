r"""Quantales: the values that distances, costs and truths take, and how they compose.

A (commutative, unital) **quantale** is a complete lattice with a commutative monoid
:math:`(\otimes, e)` that preserves all joins in each argument,
:math:`a \otimes \bigvee_i b_i = \bigvee_i (a \otimes b_i)`. Hence it is closed: there is a
greatest :math:`a` with :math:`a \otimes b \le c`, the **residual** :math:`[b, c]`. (Rosenthal,
"Quantales and their applications", 1990; Lawvere, "Metric spaces, generalized logic, and closed
categories", 1973.)

==============  ============================  ==========  ====  ==========================
ready-made      values, and a <= b if         tensor      unit  categories over it
==============  ============================  ==========  ====  ==========================
LAWVERE         [0, inf], a >= b as numbers   a + b       0     Lawvere metric spaces
ULTRAMETRIC     [0, inf], a >= b as numbers   max(a, b)   0     ultrametric spaces
PROBABILITY     [0, 1], a <= b as numbers     a b         1     most reliable connections
BOOL            truth values, a implies b     a and b     True  preorders
subsets(n)      sets of n bits, inclusion     a and b     all   n preorders at once
==============  ============================  ==========  ====  ==========================

The order of a quantale is *not* always that of numbers: for distances the better value is the
smaller one, so the join of distances is their minimum.

>>> from catlearn.cost import BOOL, LAWVERE
>>> float(LAWVERE.join(2.0, 5.0)), float(LAWVERE.residual(2.0, 5.0)), bool(LAWVERE.leq(5.0, 2.0))
(2.0, 3.0, True)
>>> LAWVERE.failures(), BOOL.failures()
([], [])

The tensor of a quantale, like any :class:`CommutativeMonoid`, is a category with one object,
whose arrows are its elements. A functor from the free category on a graph to it is an element for
each edge; a path goes to their product. Lengths, costs and counts are such functors (Mac Lane,
"Categories for the Working Mathematician", I.2).

>>> from catlearn.category import Functor, Graph
>>> from catlearn.cost import CommutativeMonoid
>>> roads = Graph({"a": ("here", "there"), "b": ("there", "home")})
>>> length = Functor(roads, CommutativeMonoid.of(LAWVERE), arrows={"a": 1.5, "b": 2.0})
>>> float(length(roads.path("a >> b"))), length(roads.path("id(home)"))
(3.5, 0.0)
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from numbers import Real
from typing import Any

import numpy as np

from catlearn.errors import CatlearnError, Failure, expect, fault, listed, refuse
from catlearn.finset.value import SHOWN

Operation = Callable[[Any, Any], Any]
"""Two arrays (or numbers) to one, broadcasting, as numpy's own functions do."""

TOLERANCE = 1e-9
"""How far, relatively, two floating-point values may differ and count as equal."""


@dataclass(frozen=True, eq=False)
class Quantale:
    """A commutative unital quantale whose operations act on numpy arrays.

    Parameters
    ----------
    name
        What messages call it; quantales are compared by name and operations.
    join, meet
        Least upper and greatest lower bound of two values, *in the quantale's order*.
    tensor
        The monoid operation.
    unit, bottom, top
        Its unit, the least and the greatest value. The join of nothing is the bottom.
    residual
        ``residual(b, c)``, the greatest a with ``tensor(a, b) <= c``.
    dtype
        Of the arrays of values.
    samples
        Values on which :meth:`failures` tries the laws; they should include the extreme ones and
        be such that the operations are exact on them.
    sign
        How an order relation is written in messages: ``">="`` for distances, else ``"<="``.
    total
        Whether any two values are comparable.
    check
        Whether to try the laws on the samples at construction.

    Raises
    ------
    InvalidStructure
        Listing each law that fails, with values on which it does.

    Examples
    --------
    >>> import numpy as np
    >>> Quantale("differences", np.minimum, np.maximum, np.subtract, 0.0, np.inf, 0.0,
    ...          lambda b, c: b + c, samples=(0.0, 1.0, 2.0))
    Traceback (most recent call last):
        ...
    catlearn.errors.InvalidStructure: Quantale 'differences' is not valid (5 failures):
      - ...
    """

    name: str
    join: Operation
    meet: Operation
    tensor: Operation
    unit: Any
    bottom: Any
    top: Any
    residual: Operation
    dtype: str = "float64"
    samples: tuple[Any, ...] = ()
    sign: str = "<="
    total: bool = True
    check: bool = field(default=True, repr=False)

    def __post_init__(self) -> None:
        for name in ("join", "meet", "tensor", "residual"):
            expect(getattr(self, name), Callable, name, "a function of two arrays")
        refuse(f"Quantale {self.name!r}", self.failures() if self.check else [])

    def array(self, values: Any) -> np.ndarray:
        """Return values as an array of this quantale's dtype, read-only."""
        try:
            array = np.array(values, dtype=self.dtype)
        except (TypeError, ValueError) as error:
            raise fault(
                f"values of {self.name}",
                "value",
                "values",
                f"are no array of {self.dtype}: {error}",
            ) from error
        array.setflags(write=False)
        return array

    def equal(self, a: Any, b: Any, tolerance: float = TOLERANCE) -> Any:
        """Say where values are equal, floating-point ones up to a relative tolerance."""
        if np.dtype(self.dtype).kind != "f":
            return np.equal(a, b)
        return np.isclose(a, b, rtol=tolerance, atol=0)

    def leq(self, a: Any, b: Any, tolerance: float = TOLERANCE) -> Any:
        """Say where ``a <= b`` in the quantale's order, that is, where their join is b."""
        return self.equal(self.join(a, b), b, tolerance)

    def valid(self, values: np.ndarray) -> np.ndarray:
        """Say which values lie between the bottom and the top; NaN does not."""
        inside = np.equal(self.join(self.bottom, values), values)
        return inside & np.equal(self.join(values, self.top), self.top)

    def joined(self, values: np.ndarray, axis: int = 0) -> Any:
        """Return the join along an axis; the bottom if there is nothing to join."""
        return self._fold(self.join, self.bottom, values, axis)

    def met(self, values: np.ndarray, axis: int = 0) -> Any:
        """Return the meet along an axis; the top if there is nothing to meet."""
        return self._fold(self.meet, self.top, values, axis)

    def _fold(self, operation: Operation, start: Any, values: np.ndarray, axis: int) -> Any:
        values = np.moveaxis(np.asarray(values, self.dtype), axis, 0)
        total = np.full(values.shape[1:], start, self.dtype)
        for slab in values:
            total = operation(total, slab)
        return total

    def multiply(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return the product of two arrays over it, one column of the left at a time.

        Memory is that of the result. Over BOOL it is a multiplication of ordinary matrices.
        """
        if self.dtype == "bool" and self.tensor is np.logical_and:
            return left.astype("float32") @ right.astype("float32") > 0
        result = np.full((left.shape[0], right.shape[1]), self.bottom, self.dtype)
        for k in range(left.shape[1]):
            step = self.tensor(left[:, k, None], right[None, k, :])
            result = self.join(result, step)
        return result

    def star(self, entries: np.ndarray) -> np.ndarray:
        """Return the join of all powers of a square array, the identity included.

        Over LAWVERE by scipy's shortest paths. Where the unit is the top, by Kleene's algorithm
        (the generic form of Warshall's and Floyd's); else by squaring until nothing changes.

        Raises
        ------
        CatlearnError
            If squaring does not come to rest: some circle is worth more each time round.
        """
        size = len(entries)
        if self == LAWVERE:
            from scipy.sparse.csgraph import csgraph_from_dense, shortest_path

            graph = csgraph_from_dense(entries, null_value=np.inf)  # keeps edges of length 0
            result = shortest_path(graph, method="auto") if size else entries.copy()
            np.fill_diagonal(result, 0.0)
            return result
        result = np.array(entries)
        diagonal = np.diagonal(result).copy()
        np.fill_diagonal(result, self.join(diagonal, np.full_like(diagonal, self.unit)))
        if self.is_integral:
            for k in range(size):
                step = self.tensor(result[:, k, None], result[None, k, :])
                result = self.join(result, step)
            return result
        for _ in range(size.bit_length() + 1):
            squared = self.join(result, self.multiply(result, result))
            if np.array_equal(squared, result):
                return result
            result = squared
        raise CatlearnError(
            f"the powers of this matrix over {self.name} keep growing: some circle is worth more "
            "than the unit, so there is no closest enriched category; lower the values on circles"
        )

    def power(self, value: Any, exponent: int) -> Any:
        """Return ``value`` tensored with itself; the unit for 0.

        Examples
        --------
        >>> LAWVERE.power(1.5, 4), PROBABILITY.power(0.5, 3), BOOL.power(False, 0)
        (6.0, 0.125, True)
        """
        result = self.unit
        for bit in bin(exponent)[2:]:
            result = self.tensor(result, result)
            result = self.tensor(result, value) if bit == "1" else result
        return np.asarray(result, self.dtype).item()

    @property
    def is_integral(self) -> bool:
        """Whether the unit is the top: then going round in a circle never helps."""
        return bool(self.equal(self.unit, self.top))

    @listed
    def failures(self, samples: Sequence[Any] | None = None) -> Iterator[Failure]:
        """Try all the laws on all triples of samples, and list those that fail.

        Parameters
        ----------
        samples
            Values to try; by default the quantale's own.
        """
        values = np.asarray(self.samples if samples is None else samples, self.dtype)
        if not values.size:
            return
        a, b, c = np.meshgrid(values, values, values, indexing="ij")
        join, meet, tensor, residual = self.join, self.meet, self.tensor, self.residual
        one, low, high = (np.full_like(a, x) for x in (self.unit, self.bottom, self.top))
        laws = [
            ("join is associative", join(join(a, b), c), join(a, join(b, c))),
            ("join is commutative", join(a, b), join(b, a)),
            ("join is idempotent", join(a, a), a),
            ("meet is associative", meet(meet(a, b), c), meet(a, meet(b, c))),
            ("meet is commutative", meet(a, b), meet(b, a)),
            ("absorption", join(a, meet(a, b)), a),
            ("absorption", meet(a, join(a, b)), a),
            ("bottom", join(low, a), a),
            ("top", join(high, a), high),
            ("tensor is associative", tensor(tensor(a, b), c), tensor(a, tensor(b, c))),
            ("tensor is commutative", tensor(a, b), tensor(b, a)),
            ("unit", tensor(one, a), a),
            ("tensor preserves joins", tensor(a, join(b, c)), join(tensor(a, b), tensor(a, c))),
            ("tensor preserves the empty join", tensor(a, low), low),
        ]
        for law, left, right in laws:
            bad = ~self.equal(left, right)
            if bad.any():
                at = tuple(np.argwhere(bad)[0])
                tried = f"a = {a[at]}, b = {b[at]}, c = {c[at]}"
                yield Failure(law, tried, f"found {left[at]} and {right[at]}, not equal")
        bad = self.leq(tensor(a, b), c) != self.leq(a, residual(b, c))
        for at in np.argwhere(bad)[:1]:
            x, y, z = (v[tuple(at)] for v in (a, b, c))
            message = f"the residual [b, c] = {residual(y, z)} is not the greatest a with a b <= c"
            yield Failure("residual", f"a = {x}, b = {y}, c = {z}", message)

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Quantale) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def _key(self) -> tuple[Any, ...]:
        operations = self.join, self.meet, self.tensor, self.residual
        return self.name, operations, self.unit, self.bottom, self.top, self.dtype

    def __repr__(self) -> str:
        return f"<quantale {self.name}>"


def _minus(b: Any, c: Any) -> Any:
    """The least number that added to b gives at least c: what is missing from b to c."""
    with np.errstate(invalid="ignore"):
        return np.where(np.asarray(b) >= c, 0.0, np.subtract(c, b))


def _unless_smaller(b: Any, c: Any) -> Any:
    return np.where(np.asarray(b) >= c, 0.0, c)


def _over(b: Any, c: Any) -> Any:
    """The greatest a <= 1 with a b <= c."""
    reached = np.asarray(b) <= c
    return np.where(reached, 1.0, np.divide(c, np.where(reached, 1.0, b)))


def _implies(b: Any, c: Any) -> Any:
    return np.logical_or(np.logical_not(b), c)


_DISTANCES = (0.0, 0.25, 1.0, 1.5, 8.0, np.inf)

LAWVERE = Quantale(
    "Lawvere", np.minimum, np.maximum, np.add, 0.0, np.inf, 0.0, _minus,
    samples=_DISTANCES, sign=">=",
)  # fmt: skip
"""([0, inf], >=, +, 0): enriched categories over it are Lawvere metric spaces."""

ULTRAMETRIC = Quantale(
    "ultrametric", np.minimum, np.maximum, np.maximum, 0.0, np.inf, 0.0, _unless_smaller,
    samples=_DISTANCES, sign=">=",
)  # fmt: skip
"""([0, inf], >=, max, 0): d(x, z) <= max(d(x, y), d(y, z))."""

PROBABILITY = Quantale(
    "probability", np.maximum, np.minimum, np.multiply, 1.0, 0.0, 1.0, _over,
    samples=(0.0, 0.125, 0.25, 0.5, 1.0),
)  # fmt: skip
"""([0, 1], <=, x, 1): isomorphic to LAWVERE by -log."""

BOOL = Quantale(
    "Bool", np.logical_or, np.logical_and, np.logical_and, True, False, True, _implies,
    dtype="bool", samples=(False, True),
)  # fmt: skip
"""(truth values, implication, and, True): enriched categories over it are preorders."""


@dataclass(frozen=True)
class _Without:
    """The residual of sets of bits: all that is not in b, and c."""

    full: int

    def __call__(self, b: Any, c: Any) -> Any:
        return np.bitwise_or(np.bitwise_and(np.bitwise_not(b), self.full), c)


def subsets(n: int) -> Quantale:
    """Return the quantale of subsets of ``{0, ..., n - 1}``, written as the bits of a number.

    Tensor is intersection. A category over it is a family of n preorders on one set: such as
    which of n keys open the way from x to y.

    Parameters
    ----------
    n
        How many elements, 1 to 62.

    Examples
    --------
    >>> keys = subsets(3)
    >>> int(keys.tensor(0b110, 0b011)), int(keys.residual(0b110, 0b010)), keys.total
    (2, 3, False)
    """
    if not 1 <= n <= 62:
        message = f"found {n}, expected 1 to 62 elements (they are the bits of an integer)"
        raise fault("subsets", "size", "n", message)
    full = (1 << n) - 1
    samples = tuple(range(min(full + 1, 8))) + ((full,) if full > 7 else ())
    return Quantale(
        f"subsets({n})", np.bitwise_or, np.bitwise_and, np.bitwise_and, full, 0, full,
        _Without(full), dtype="int64", samples=samples, total=n == 1,
    )  # fmt: skip


@dataclass(frozen=True)
class QuantaleMorphism:
    """A lax morphism of quantales: it carries enriched categories from one to the other.

    A monotone function f with ``e' <= f(e)`` and ``f(a) tensor' f(b) <= f(a tensor b)``. Applied
    to each hom it sends categories over the first to categories over the second (*change of
    base*). It need not preserve joins, so it need not send free ones to free ones.

    Parameters
    ----------
    source, target
        The quantales.
    function
        On arrays of values of the source.
    name
        What messages call it.
    check
        Whether to try the laws on the source's samples.

    Raises
    ------
    InvalidStructure
        Listing each law that fails, with values on which it does.

    Examples
    --------
    >>> import numpy as np
    >>> QuantaleMorphism(LAWVERE, PROBABILITY, lambda d: np.exp(-d), "exp(-d)")
    <exp(-d): Lawvere -> probability>
    >>> QuantaleMorphism(LAWVERE, LAWVERE, np.square, "square")
    Traceback (most recent call last):
        ...
    catlearn.errors.InvalidStructure: QuantaleMorphism square is not valid (1 failure):
      - a = 0.25, b = 0.25: ... [tensor]
    """

    source: Quantale
    target: Quantale
    function: Callable[[Any], Any] = field(repr=False)
    name: str = "morphism"
    check: bool = field(default=True, repr=False, compare=False)

    def __post_init__(self) -> None:
        for side in ("source", "target"):
            expect(getattr(self, side), Quantale, side, "a Quantale")
        expect(self.function, Callable, "function", "a function of arrays")
        refuse(f"QuantaleMorphism {self.name}", self.failures() if self.check else [])

    def __call__(self, values: Any) -> np.ndarray:
        """Return the images of values."""
        return np.asarray(self.function(np.asarray(values, self.source.dtype)), self.target.dtype)

    @listed
    def failures(self) -> Iterator[Failure]:
        """Try the laws on all pairs of the source's samples, and list those that fail."""
        if not self.source.samples:
            return
        source, target = self.source, self.target
        a, b = np.meshgrid(*2 * [np.asarray(source.samples, source.dtype)], indexing="ij")
        below = source.leq(a, b)
        one, images = self(np.full_like(a, source.unit)), (self(a), self(b))
        laws = [
            ("monotone", below, *images),
            ("unit", True, np.full_like(one, target.unit), one),
            ("tensor", True, target.tensor(*images), self(source.tensor(a, b))),
        ]
        for law, needed, left, right in laws:
            for at in np.argwhere(needed & ~target.leq(left, right))[:1]:
                x, y, small, big = (v[tuple(at)] for v in (a, b, left, right))
                yield Failure(law, f"a = {x}, b = {y}", f"expected {small} {target.sign} {big}")

    def __repr__(self) -> str:
        return f"<{self.name}: {self.source.name} -> {self.target.name}>"


def scaling(factor: float) -> QuantaleMorphism:
    """Return the multiplication of distances by a factor >= 0, with 0 times infinity infinite.

    Examples
    --------
    >>> scaling(2)([1.0, float("inf")]).tolist()
    [2.0, inf]
    """
    expect(factor, (int, Real), "factor", "a number")
    if not factor >= 0 or factor == float("inf"):
        raise fault("scaling", "factor", "factor", f"found {factor}, expected a finite number >= 0")

    def scale(distances: np.ndarray) -> np.ndarray:
        finite = np.isfinite(distances)
        return np.where(finite, factor * np.where(finite, distances, 0.0), np.inf)

    return QuantaleMorphism(LAWVERE, LAWVERE, scale, f"{factor:g} times")


REACHABLE = QuantaleMorphism(LAWVERE, BOOL, np.isfinite, "finite")
"""Which distances are finite: change of base to the preorder of reachability."""

CLOSENESS = QuantaleMorphism(LAWVERE, PROBABILITY, lambda d: np.exp(-d), "exp(-d)")
"""The isomorphism from distances to probabilities."""

INDICATOR = QuantaleMorphism(BOOL, LAWVERE, lambda t: np.where(t, 0.0, np.inf), "indicator")
"""A preorder as a metric space with distances 0 and infinity."""

FORGET_ULTRA = QuantaleMorphism(ULTRAMETRIC, LAWVERE, lambda d: d, "inclusion")
"""An ultrametric space as a metric space."""


@dataclass(frozen=True)
class CommutativeMonoid:
    """A commutative monoid, as a target of functors.

    Parameters
    ----------
    name
        What messages call it.
    unit
        Its neutral element.
    combine
        Its operation.

    Examples
    --------
    >>> CommutativeMonoid("product", 1, lambda a, b: a * b).total([2, 3, 7])
    42
    """

    name: str
    unit: Any
    combine: Callable[[Any, Any], Any]

    @classmethod
    def of(cls, quantale: Quantale) -> CommutativeMonoid:
        """Return the tensor of a quantale."""
        return cls(quantale.name, quantale.unit, quantale.tensor)

    def identity(self, object: Any, /) -> Any:
        """Return the unit, whatever the object."""
        return self.unit

    def compose(self, first: Any, then: Any, /) -> Any:
        """Return the product of two elements."""
        return self.combine(first, then)

    def pairing(self, object: Any, arrows: Sequence[Any], /) -> Any:
        """Return the product of the components of a pairing, whatever product it leads to."""
        return self.total(arrows)

    def wired(self, diagram: Any, objects: Sequence[Any], arrows: Sequence[Any], /) -> Any:
        """Return the product of the boxes of a string diagram, however they are wired."""
        return self.total(arrows)

    def total(self, elements: Iterable[Any]) -> Any:
        """Return the product of all elements; the unit for none."""
        return reduce(self.combine, elements, self.unit)

    def failures(self, samples: Iterable[Any]) -> list[Failure]:
        """Try the laws on all triples of samples, and list those that fail.

        Examples
        --------
        >>> minus = CommutativeMonoid("difference", 0, lambda a, b: a - b)
        >>> [failure.law for failure in minus.failures([1, 2])]
        ['associativity', 'commutativity', 'unit']
        """
        values, found = list(samples), {}
        op = self.combine
        for a in values:
            for b in values:
                pair = f"a = {a}, b = {b}"
                for c in values:
                    one, two = op(op(a, b), c), op(a, op(b, c))
                    if one != two:
                        message = f"(ab)c = {one}, a(bc) = {two}"
                        where = f"{pair}, c = {c}"
                        found.setdefault("associativity", Failure("associativity", where, message))
                if op(a, b) != op(b, a):
                    message = f"ab = {op(a, b)}, ba = {op(b, a)}"
                    found.setdefault("commutativity", Failure("commutativity", pair, message))
            if op(self.unit, a) != a or op(a, self.unit) != a:
                message = f"with the unit {self.unit} it becomes {op(self.unit, a)}"
                found.setdefault("unit", Failure("unit", f"a = {a}", message))
        return list(found.values())

    def __repr__(self) -> str:
        return f"<monoid {self.name}>"


ADDITION = CommutativeMonoid("addition", 0, operator.add)
"""Numbers (or polynomials) under addition."""


def write_value(value: Any) -> str:
    """Write a value of a quantale briefly: 2, 0.333333, ∞, True."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    return "∞" if np.isposinf(value) else f"{float(value):.6g}"


def write_names(names: Sequence[str]) -> str:
    """List names, the first ones if there are many."""
    rest = f", ... {len(names)} in all" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest
