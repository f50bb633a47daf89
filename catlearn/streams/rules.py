"""The rules by which a summand is split, and by which accumulators move to another reference.

A rule is an equation of real numbers: pairs of circuits that compute the same. A pass over x keeps
sums A(R) = sum of F(x, R) that are relative to a reference R, which is known at the end alone. They
*move*: A(R') = T(R, R') A(R), if F(x, R') = T(R, R') F(x, R) and T is a cocycle, T(R, R) = 1 and
T(R, R'') = T(R', R'') T(R, R'). A fold has instances of rules; its *certificate* lists them, and
each is verified by itself.

>>> Instance(RULES["cocycle of exp"], "exp", (("sign", 1),)).holds(0)
True
>>> print(Instance(RULES["cocycle of exp"], "exp", (("sign", -1),)).fault(0))
F(s, r') differs from T(r, r') F(s, r) (2 and 0.333) at s = 0.126, r = 0.329, r' = -0.569

A cocycle of one's own is a rule, too:

>>> from catlearn.arrays import cos, sin
>>> def both(s, r):
...     return cos(s - r), sin(s - r)
>>> def turned(r, new):
...     return cos(r - new), -sin(r - new), sin(r - new), cos(r - new)
>>> with known():
...     print(rule("rotation", both, turned))
rotation: cos, sin of s - r
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, partial, reduce
from inspect import signature
from itertools import pairwise, product
from typing import Any

import numpy as np

from catlearn.arrays import (
    Circuit,
    constant,
    einsum,
    elementwise,
    exp,
    idle,
    lift,
    log,
    maximum,
    tanh,
    traced,
    view,
)
from catlearn.arrays.circuit_rules import RuleRefused
from catlearn.arrays.evaluation import evaluate
from catlearn.arrays.kernels import Kernel
from catlearn.category import Equal
from catlearn.display import Legible
from catlearn.errors import CatlearnError, Failure, UnknownName, WrongKind, expect, wrong_kind

SAMPLES = 64
"""At how many points the sides of a rule are compared."""

CLOSE = 1e-6
"""By how much of the greater of both they may differ."""

PLACES: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda x: x, lambda x: np.round(2 * x), lambda x: x / 64, lambda x: 8 * x, lambda x: 64 * x,
)  # fmt: skip
"""Where a rule of one's own is compared: about 0, at equal numbers, at near and at far ones."""


class AmbiguousAxis(UnknownName):
    """A letter that several index variables have; the message lists their names."""


class StreamRefused(CatlearnError, ValueError):
    """A circuit is no fold along a variable by the rules that there are.

    Parameters
    ----------
    box
        Which box is in the way.
    message
        Why.
    theorem
        Whether it was checked that there is no finite linear state.
    """

    def __init__(self, box: str, message: str, theorem: bool = False) -> None:
        super().__init__(message)
        self.box, self.theorem = box, theorem


@dataclass(frozen=True)
class StreamRule(Legible):
    """An equation, or several, of real numbers.

    Parameters
    ----------
    name
        Its name.
    law
        What it says.
    equations
        From the data of an instance to what each says and both sides, circuits of the same arrays.
    """

    name: str
    law: str
    equations: Callable[..., Iterable[tuple[str, Circuit, Circuit]]] = field(repr=False)

    def faults(self, seed: int = 0, **data: Any) -> list[str]:
        """Say of each equation at which numbers, of a seed, its sides differ."""
        if type(seed) is not int or seed < 0:
            raise wrong_kind(seed, "seed", "a whole number from 0")
        found = (
            disagreement(text, one, other, np.random.default_rng(seed))
            for text, one, other in equations(self, tuple(data.items()))
        )
        return [one for one in found if one]

    def __str__(self) -> str:
        return f"{self.name}: {self.law}"


@cache
def equations(
    rule: StreamRule, data: tuple[tuple[str, Any], ...]
) -> tuple[tuple[str, Circuit, Circuit], ...]:
    """Return what an instance of a rule says, each with both sides."""
    return tuple(rule.equations(**dict(data)))


def sides(
    one: Circuit, other: Circuit, random: np.random.Generator,
    place: Callable[[np.ndarray], np.ndarray] = PLACES[0],
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:  # fmt: skip
    """Return random arrays, and what two circuits make of them, at many samples."""
    H = one.apex
    given: list[np.ndarray] = []
    for wire in one.dom:
        shape = (SAMPLES, *(5 for _ in H.lists["axes"].row(wire)))
        is_real = H.types[wire] != "B"
        given.append(place(random.normal(size=shape)) if is_real else random.random(shape) < 0.5)
    with np.errstate(all="ignore"):
        left, right = (evaluate(lift(side, "sample"), given) for side in (one, other))
    return given, left, right


def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return where two arrays differ, for each sample."""
    with np.errstate(all="ignore"):
        gap = np.abs(a - b) / (1 + np.maximum(np.abs(a), np.abs(b)))
    close = (gap <= CLOSE) | (a == b)
    return np.broadcast_to(~close, (SAMPLES, *np.shape(gap)[1:]))


def disagreement(
    text: str, one: Circuit, other: Circuit, random: np.random.Generator,
    place: Callable[[np.ndarray], np.ndarray] = PLACES[0],
) -> str:  # fmt: skip
    """Say where two circuits of the same arrays differ; nothing if they agree.

    Parameters
    ----------
    text
        Both sides, as ``"a + b = b + a"``, and what the arrays are called, after a colon.
    place
        From random numbers to those that are compared. What overflows at far ones is left out.
    """
    text, _, names = text.partition(": ")
    given, *both = sides(one, other, random, place)
    for a, b in zip(*both, strict=True):
        bad = apart(a, b) & ((place is PLACES[0]) | (np.isfinite(a) & np.isfinite(b)))
        if bad.any():
            at = np.argwhere(bad)[0]
            sample = at[0]
            called = names.split() or [f"array {k}" for k in range(len(given))]
            where = ", ".join(f"{name} = {np.array2string(x[sample], precision=3)}"
                              for name, x in zip(called, given, strict=True))  # fmt: skip
            left, right = (f"{x[tuple(at)]:.3g}" for x in (a, b))
            return f"{text.replace(' = ', ' differs from ', 1)} ({left} and {right}) at {where}"
    return ""


# ---------------------------------------------------------------- the laws of numbers


def _distribution(addends: Sequence[int], products: Sequence[Sequence[int]]) -> Any:
    ends = np.cumsum([0, *addends]).tolist()
    every = traced(*[""] * ends[-1])

    def times(*factors: Any) -> Any:
        return reduce(lambda a, b: a * b, factors)

    def sums(*xs: Any) -> Any:
        return times(*(sum(xs[a + 1 : b], xs[a]) for a, b in pairwise(ends)))

    def terms(*xs: Any) -> Any:
        made = [times(*(xs[a + k] for a, k in zip(ends, one, strict=False))) for one in products]
        return sum(made[1:], made[0]) if made else xs[0] * 0

    return [("the product of sums = the sum of products", every(sums), every(terms))]


def _exp_of_sum(sign: int) -> Any:
    two = traced("", "")
    yield (
        "exp(S - R) = exp(S) exp(-R): S R",
        two(lambda s, r: exp(s - r)), two(lambda s, r: exp(s) * exp(r * -sign)),
    )  # fmt: skip


def _log_of_product(sign: int) -> Any:
    three = traced("", "", "")
    yield (
        "log(exp(C) exp(S - R)) = S - R + C: C S R",
        three(lambda c, s, r: log(exp(c) * exp(s - r))), three(lambda c, s, r: s - r * sign + c),
    )  # fmt: skip


def _where(outside: float) -> Circuit:
    return elementwise(Kernel("where", (("outside", outside),)), None)


def _indicator(outside: float, inside: float) -> Any:
    three = traced("", "", "", types=["B"])
    yield (
        "where(p, a b, c) = a where(p, b, 0) + where(p, 0, c): p a b",
        three(lambda p, a, b: _where(outside)(p, a * b)),
        three(lambda p, a, b: a * _where(inside)(p, b) + _where(outside)(p, a * 0)),
    )


def _fill(outside: float) -> Any:
    three = traced("", "", "", types=["B"])
    yield (
        "where(p, S + R, c) = where(p, S, c) + R: p S R",
        three(lambda p, s, r: _where(outside)(p, s + r)),
        three(lambda p, s, r: _where(outside)(p, s) + r),
    )


def _greatest(sign: int) -> Any:
    two, most = traced("x", ""), maximum("[x] -> ")
    yield (
        "max_x(S + R) = max_x S + R: S R",
        two(lambda s, r: most(elementwise("add", pattern="x, -> x")(s, r))),
        two(lambda s, r: most(s) + r * sign),
    )


def _ordered(name: str, order: Sequence[int]) -> Any:
    """That a kernel of two numbers is associative and commutative: any order will do."""
    two, three = elementwise(name), traced("", "", "")

    def again(*xs: Any) -> Any:
        a, b, c = (xs[k] for k in order)
        return two(a, two(b, c))

    yield "(a b) c = another order: a b c", three(lambda a, b, c: two(two(a, b), c)), three(again)


def _unit(empty: float) -> Any:
    three, gap, never = traced("", "", ""), elementwise("shifted"), constant(0.0)
    yield (
        "exp(empty - R) B + A = A: R A B",
        three(lambda r, a, b: exp(gap(_where(empty)(never(), r), r)) * b + a),
        three(lambda r, a, b: a),
    )


def _rounds(kept: float) -> Any:
    one = traced("", "", "")(lambda h, a, b: tanh(h * a + b)).scan("t")
    part = traced("", "t", "t")(lambda h, a, b: one(h * kept, a, b)).scan("r")
    yield (
        "a scan over r t = a scan over r of scans over t: h a b",
        lift(idle, ()) @ view("r t -> (r t)") @ view("r t -> (r t)") >> one, part,
    )  # fmt: skip


def _affine(by: int) -> Any:
    five, both = traced("n", "m n", "m", "l m", "l"), einsum("l m, m n -> l n")
    times = einsum("m n, n -> m")
    yield (
        "a' (a h + b) + b' = (a' a) h + (a' b + b'): h a b a' b'",
        five(lambda h, a, b, c, d: times(c, times(a, h) + b) + d),
        five(lambda h, a, b, c, d: times(both(c, a), h) + (times((a, c)[by], b) + d)),
    )


def _associative(names: str, times: Callable[[Any, Any], Any]) -> tuple[str, Circuit, Circuit]:
    """Return that a product of tuples of numbers is associative, and both sides."""
    primed = " ".join(f"{name}{mark}" for mark in ("", "'", "''") for name in names.split())
    n = len(names.split())
    every = traced(*[""] * 3 * n)
    return (
        f"(x x') x'' = x (x' x''): {primed}",
        every(lambda *xs: times(times(xs[:n], xs[n : 2 * n]), xs[2 * n :])),
        every(lambda *xs: times(xs[:n], times(xs[n : 2 * n], xs[2 * n :]))),
    )


def _decays(weight: float, add: float, by: int) -> Any:
    """That what is kept moves by the D before it, with D: a semidirect product."""

    def times(one: Any, other: Any) -> Any:
        d, s, r = one
        c, t, q = other
        gap = (d, c)[by]
        return d + c, s + exp(gap * weight) * t, elementwise("larger")(r, q + gap * add)

    yield _associative("D S R", times)


def _polynomial_maps(by: int) -> Any:
    """That S, T -> S + A, T + B + C S + E S^2 compose: by their coefficients."""

    def times(one: Any, other: Any) -> Any:
        a, b, c, e = one
        more, constant_more, linear, square = other
        return (
            a + more,
            b + constant_more + linear * a + square * a * a,
            (c + linear + square * a * by),
            e + square,
        )

    yield _associative("A B C E", times)


# ---------------------------------------------------------------- cocycles


@dataclass(frozen=True)
class Cocycle(StreamRule):
    """Functions F of S and R, several perhaps, with the matrix T by which they move.

    Parameters
    ----------
    F
        From the data of an instance to a circuit of s and r, to the components of F.
    T
        To one of r and r', to the entries of the matrix, row by row.
    kernels
        For each component that is a kernel of s - r that kernel; else None.
    """

    F: Callable[..., Circuit] = field(kw_only=True, repr=False)
    T: Callable[..., Circuit] = field(kw_only=True, repr=False)
    kernels: tuple[Kernel | None, ...] = field(default=(), kw_only=True)


def cocycle(F: Circuit, T: Circuit) -> Iterator[tuple[str, Circuit, Circuit]]:
    """Yield the laws of a cocycle: F moves by T, and T composes."""
    size, three = len(F.cod), traced("", "", "")

    def applied(circuit: Circuit, *given: Any) -> tuple[Any, ...]:
        found = circuit(*given)
        return tuple(found) if isinstance(found, tuple | list) else (found,)

    def times(left: Sequence[Any], right: Sequence[Any], columns: int) -> tuple[Any, ...]:
        return tuple(
            reduce(lambda a, b: a + b,
                   (left[i * size + k] * right[k * columns + j] for k in range(size)))
            for i, j in product(range(size), range(columns))
        )  # fmt: skip

    yield (
        "F(s, r') = T(r, r') F(s, r): s r r'",
        three(lambda s, r, q: applied(F, s, q)),
        three(lambda s, r, q: times(applied(T, r, q), applied(F, s, r), 1)),
    )
    one = [constant(float(i == j)) for i, j in product(range(size), range(size))]
    yield (
        "T(r, r) = 1: r",
        traced("")(lambda r: applied(T, r, r)), traced("")(lambda r: tuple(x() for x in one)),
    )  # fmt: skip
    yield (
        "T(r, r'') = T(r', r'') T(r, r'): r r' r''",
        three(lambda r, q, p: applied(T, r, p)),
        three(lambda r, q, p: times(applied(T, q, p), applied(T, r, q), size)),
    )


@cache
def _of_gap(sign: int) -> Circuit:
    return traced("", "")(lambda r, new: exp((r - new) * sign if sign != 1 else r - new))


def _power(base: Any, exponent: int, scale: float = 1) -> Any:
    if exponent == 0 or scale == 0:
        return constant(float(scale))()
    if exponent == 1 and scale == 1:
        return base
    pattern = ", ".join([" "] * exponent) + "-> "
    return einsum(pattern, scale=scale)(*[base] * exponent)


@cache
def _powers(coefficients: Sequence[Sequence[int]]) -> Circuit:
    count = range(len(coefficients))
    return traced("", "")(lambda s, r: tuple(_power(s - r, k) for k in count))


@cache
def _shift(coefficients: Sequence[Sequence[int]]) -> Circuit:
    """Return the matrix of the powers of s - r' by those of s - r."""
    count = range(len(coefficients))

    def entries(r: Any, new: Any) -> tuple[Any, ...]:
        return tuple(
            _power(r - new, k - j, coefficients[k][j]) if j <= k else constant(0.0)()
            for k, j in product(count, count)
        )

    return traced("", "")(entries)


EXPONENTIAL = Cocycle(
    "cocycle of exp", "exp(S - R') = exp(R - R') exp(S - R)",
    lambda sign: cocycle(_of_gap(1), _of_gap(sign)),
    F=lambda sign: _of_gap(1), T=_of_gap,
)  # fmt: skip

CENTRED = Cocycle(
    "cocycle of powers",
    "(S - R')^k is the sum over j of binom(k, j) (R - R')^(k-j) (S - R)^j",
    lambda coefficients: cocycle(_powers(coefficients), _shift(coefficients)),
    F=_powers, T=_shift,
)  # fmt: skip

RULES: Mapping[str, StreamRule] = {
    one.name: one
    for one in (
        *(
            StreamRule(*one)
            for one in (
                ("distribution", "(a + b) c = a c + b c", _distribution),
                ("exp of a sum", "exp(S + R) = exp(S) exp(R)", _exp_of_sum),
                (
                    "log of a product",
                    "log(c exp(S - R)) = S - R + log c, if c > 0",
                    _log_of_product,
                ),
                ("indicator", "where(p, a b, c) = a where(p, b, 0) + where(p, 0, c)", _indicator),
                ("fill", "where(p, S + R, c) = where(p, S, c) + R, if c is infinite", _fill),
                ("greatest", "max_x (S + R) = max_x S + R", _greatest),
                ("sum", "+ is associative and commutative", partial(_ordered, "add")),
                ("larger", "max is associative and commutative", partial(_ordered, "larger")),
                ("prefix", "what is over s <= t is over s < r, and over r <= s <= t", _ordered),
                ("rounds", "a scan is one over its first rounds, and then over the rest", _rounds),
                ("affine maps", "a' (a h + b) + b' = (a' a) h + (a' b + b')", _affine),
                (
                    "decays",
                    "(D, S, R) (D', S', R') = (D + D', S + exp(w D) S', max(R, R' + a D))",
                    _decays,
                ),
                (
                    "polynomial maps",
                    "S + P(S), and then S + Q(S), is S + P(S) + Q(S + P(S))",
                    _polynomial_maps,
                ),
                ("unit", "exp(-inf - R) B + A = A", _unit),
            )
        ),
        EXPONENTIAL,
        CENTRED,
    )
}
"""The rules that there are without one's own."""


# ---------------------------------------------------------------- one's own


_REGISTERED: dict[str, Cocycle] = {}
_KNOWN: ContextVar[dict[str, Cocycle] | None] = ContextVar("known", default=None)


def own_rules() -> dict[str, Cocycle]:
    """Return the rules of one's own that are known here, by name."""
    known = _KNOWN.get()
    return _REGISTERED if known is None else known


@contextmanager
def known(*rules: Cocycle) -> Iterator[None]:
    """Know these rules of one's own, and no others, inside of a ``with`` statement.

    What :func:`rule` registers there is forgotten at its end.
    """
    for one in rules:
        expect(one, Cocycle, "a rule", "what rule(name, F, T) returns")
    token = _KNOWN.set({one.name: one for one in rules})
    try:
        yield
    finally:
        _KNOWN.reset(token)


def rule(name: str, F: Any, T: Any) -> Cocycle:
    """Register a cocycle of one's own, by which accumulators move to another reference.

    A sum over x of F(S(x), R) g(x), where R is known at the end alone, is then kept relative to the
    greatest S so far, and moved by T. A box is recognised whose kernel is a component of F, if what
    it reads is some S(x) - R.

    Parameters
    ----------
    name
        What certificates call it; an earlier rule of this name is replaced.
    F
        A function, or a circuit, of two numbers s and r: one component, or several.
    T
        Of r and r': the entries, row by row, of the matrix with F(s, r') = T(r, r') F(s, r).

    Returns
    -------
    Cocycle
        The rule; ``stream(circuit, x, rules=[rule])`` knows it for one call, and
        ``with known(rule):`` for several, without that it be registered elsewhere.

    Raises
    ------
    RuleRefused
        If a law fails, with the numbers; if F or T is no function of s - r, or of r - r'; or if no
        component of F is a kernel of s - r. All are listed.

    Examples
    --------
    >>> from catlearn.arrays import exp2, relu
    >>> with known():
    ...     print(rule("exp2", lambda s, r: exp2(s - r), lambda r, new: exp2(r - new)))
    exp2: exp2 of s - r
    >>> rule("clipped", lambda s, r: relu(s - r), lambda r, new: constant(1.0)())
    Traceback (most recent call last):
        ...
    catlearn.arrays.circuit_rules.RuleRefused: rule 'clipped' is no rule (1 failure):
      - F and T: F(s, r') differs from T(r, r') F(s, r) (0.694 and 0) at s = ... [rule]
    """
    expect(name, str, "name", "what the rule is called")
    parts = {}
    for what, given in (("F", F), ("T", T)):
        if not isinstance(given, Circuit) and not callable(given):
            expect(given, Circuit, what, "a circuit, or a function of few boxes, of two numbers")
        parts[what] = given if isinstance(given, Circuit) else _traced(what, given)
    failures = [Failure("name", name, "is a rule already")] if name in RULES else []
    for what, circuit in parts.items():
        failures += [Failure(what, f"{circuit!r}", message) for message in _unfit(circuit)]
    first, matrix = parts["F"], parts["T"]
    size = len(first.cod)
    if len(matrix.cod) != size**2:
        message = f"has {len(matrix.cod)} entries; F has {size} components, so {size**2} are needed"
        failures.append(Failure("T", f"{matrix!r}", message))
    if failures:
        raise RuleRefused(f"rule {name!r}", failures)
    kernels = tuple(_kernel(first, wire) for wire in first.cod)
    shown = ", ".join(str(one) for one in kernels if one is not None)
    made = Cocycle(
        name, f"{shown} of s - r", lambda: cocycle(first, matrix),
        F=lambda: first, T=lambda: matrix, kernels=kernels,
    )  # fmt: skip
    found = _faults(equations(made, ())) or _faults([
        ("F(s, r) = F(s - r, 0): s r", first, _of_difference(first)),
        ("T(r, r') = T(r - r', 0): r r'", matrix, _of_difference(matrix)),
    ])  # fmt: skip
    if not found and not shown:
        found = ["no component of F is one kernel of s - r, by which a box would be recognised"]
    if found:
        raise RuleRefused(f"rule {name!r}", [Failure("rule", "F and T", one) for one in found])
    own_rules()[name] = made
    return made


def _faults(laws: Iterable[tuple[str, Circuit, Circuit]]) -> list[str]:
    """Say which laws fail at the first place where one does, and at which numbers."""
    laws = [*laws]
    every = (
        [disagreement(*law, np.random.default_rng(0), place) for law in laws] for place in PLACES
    )
    return next(([one for one in found if one] for found in every if any(found)), [])


def _traced(what: str, function: Callable[..., Any]) -> Circuit:
    try:
        signature(function).bind(None, None)
    except TypeError as error:
        raise WrongKind(f"{what} is a function of two numbers; found one with {error}") from None
    return traced("", "")(function)


def _unfit(circuit: Circuit) -> list[str]:
    """Say why a circuit is no function of two numbers that runs at each index of arrays."""
    H, found = circuit.apex, []
    if len(circuit.dom) != 2 or circuit.parameters:
        found.append("two numbers are read, and no parameters")
    if any(len(H.lists["axes"].row(wire)) for wire in (*circuit.dom, *circuit.cod)):
        found.append("numbers, without axes, are read and returned")
    wrong = [
        H.title(box) for box in H.order
        if (e := H.operations[box].kernel.entry).targets == "whole" or not e.deterministic
        or H.operations[box].targets or len(H.lists["within"].row(box))
    ]  # fmt: skip
    if wrong:
        found.append(f"boxes act on single numbers, and draw no samples: {', '.join(wrong)}")
    return found


def _of_difference(circuit: Circuit) -> Circuit:
    return traced("", "")(lambda a, b: circuit(a - b, constant(0.0)()))


def _kernel(F: Circuit, wire: int) -> Kernel | None:
    """Return the kernel of s - r that a component of F is; None if it is none."""
    H = F.apex
    writers = [box for box in H.order if wire in H.sides[1][box]]
    if not writers or H.operations[writers[0]].kernel.entry.operands != (1, 1):
        return None
    kernel, one = H.operations[writers[0]].kernel, Circuit.of(H, F.dom, [wire]).live()
    if len(one.dom) != len(F.dom):
        return None
    of_gap = traced("", "")(lambda s, r: elementwise(kernel)(s - r))
    return kernel if one.equal(of_gap) == Equal else None


# ---------------------------------------------------------------- certificates


@dataclass(frozen=True)
class Instance(Legible):
    """A rule that a fold uses.

    Parameters
    ----------
    rule
        The rule, or the name of one of :data:`RULES`.
    box
        At which box it is used.
    data
        By what it is used: pairs of a name and a value.
    """

    rule: StreamRule
    box: str
    data: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.rule, str):
            object.__setattr__(self, "rule", RULES[self.rule])

    def fault(self, seed: int = 0) -> str:
        """Say at which numbers, of a seed and in float64, it does not hold; nothing if it does."""
        return "; ".join(self.rule.faults(seed, **dict(self.data)))

    def holds(self, seed: int = 0) -> bool:
        """Verify it by random numbers, in float64."""
        return not self.fault(seed)

    def __str__(self) -> str:
        return f"{self.rule.name} at {self.box}: {self.rule.law}"


def unverified(instances: Iterable[Instance], seed: int = 0) -> list[Failure]:
    """List the instances of rules that do not hold for random numbers."""
    return [
        Failure("certificate", one.box, f"{one.rule.name} {dict(one.data)}: {fault}")
        for one in instances
        if (fault := one.fault(seed))
    ]


def own_cocycles(instances: Iterable[Instance]) -> list[Cocycle]:
    """List the rules of one's own that there are instances of."""
    used = dict.fromkeys(one.rule for one in instances if one.rule.name not in RULES)
    return [one for one in used if isinstance(one, Cocycle)]
