r"""Closed forms: least transfers as a formula in sizes and fast memory, read off the posynomials.

In the limit of large sizes and tiles only those terms count that divide no other. Where as many are
left as the exponents determine weights for (a geometric program of degree of difficulty zero), the
arithmetic-geometric mean gives the optimum: with weights :math:`\delta_i > 0` of the terms
:math:`c_i t_i` of H, which sum to 1, and :math:`\delta_j`, which sum to :math:`\beta`, of the terms
:math:`m_j t_j` of the column, such that all exponents of tiles cancel,

.. math:: H^* = H_0 + \prod_i (c_i / \delta_i)^{\delta_i}
          \prod_j (m_j \beta / \delta_j M)^{\delta_j}.

So matrix products (with :math:`\beta = 1/2`), attention, fused linear maps and k-means (1) have
theirs by one rule, whatever the names of axes are. It holds with its **clamps**: a tile is at most
its axis. Without them it may be below what any execution moves; called with sizes, it takes the
axis for a tile that would be larger, solves for the others, and counts what is left of smaller
terms.

>>> from catlearn.costing import Costs, closed_form
>>> product = closed_form(Costs.of(
...     "a*b*c/g_a + a*b*c/g_c + a*c", {"sum": "g_a*g_c + g_a*s_b + g_c*s_b"},
...     bounds={"g_a": "a", "s_b": "b", "g_c": "c"},
... ))
>>> print(product, product.beta)
a*c + 2*a*b*c/M**(1/2) 1/2
>>> skinny = dict(a=4096, b=4096, c=16)
>>> f"{product(2**14, skinny):.4g}", f"{product.unclamped(2**14, skinny):.4g}"
('1.712e+07', '4.26e+06')
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from numbers import Real
from typing import Any

import numpy as np

from catlearn.arrays.sizes import sizes_hint
from catlearn.cost import Posynomial
from catlearn.cost.posynomial import Monomial, times
from catlearn.costing.costs import Costs
from catlearn.display import Legible
from catlearn.errors import UnknownName, expect, expect_dicts

Product = tuple[tuple[Posynomial, Fraction], ...]
"""Posynomials with exponents."""


@dataclass(frozen=True)
class ClosedForm(Legible):
    """The least transfers of an island in the limit of large sizes.

    Parameters
    ----------
    constant
        What does not depend on tiles.
    product
        The rest, a product of powers of posynomials in sizes and ``M``.
    beta
        The exponent of fast memory in it: transfers fall as ``M**-beta``.
    tiles
        The best tiles, or products of tiles, such as ``("g_q", ((M, 1), (2*d, -1)))``.
    costs
        What it was read off, with sizes that are open.
    """

    constant: Posynomial
    product: Product
    beta: Fraction
    tiles: tuple[tuple[Posynomial, Product], ...]
    costs: Costs

    def __str__(self) -> str:
        parts = [_written([(self.constant, Fraction(1))])] if self.constant.terms else []
        parts += [_written(self.product)] if self.product else []
        return " + ".join(parts) or "0"

    @property
    def clamps(self) -> tuple[str, ...]:
        """The best tiles, and the axes that bound them."""
        ends = {name: size for name, (_, size) in self.costs.bounds.items()}
        return tuple(f"{t} = {_written(best)} <= {t.at(ends)}" for t, best in self.tiles)

    def _need(self, memory: float, sizes: Mapping[str, Any] | None) -> None:
        """Refuse what is no number of words, and sizes that are left out."""
        expect(memory, Real, "memory", "a number of words")
        expect_dicts("a dict of sizes by names", sizes=sizes)
        unknown = [name for name in self.costs.open if name not in (sizes or {})]
        if unknown:
            raise UnknownName(f"no sizes for {', '.join(unknown)}; {sizes_hint(unknown)}")

    def unclamped(self, memory: float, sizes: Mapping[str, Any] | None = None) -> float:
        """Return the value without clamps, which may be less than what has to move."""
        self._need(memory, sizes)
        at = {**(sizes or {}), "M": memory}
        powers = (one.at(at).number ** float(p) for one, p in self.product)
        return float(self.constant.at(at).number) + (math.prod(powers) if self.product else 0.0)

    def __call__(self, memory: float, sizes: Mapping[str, Any] | None = None) -> float:
        """Return the value for numbers, where no tile is larger than its axis."""
        self._need(memory, sizes)
        costs = self.costs.at(sizes or {})
        while True:
            found = closed_form(costs)
            if found is None:  # what is left has no formula: the least with tiles as they are
                return float(costs.compulsory.number)
            over = {}
            for monomial, best in found.tiles:
                ((key, _),) = monomial.terms
                value = math.prod(one.at(M=memory).number ** float(p) for one, p in best)
                room = float(monomial.at({n: costs.bounds[n][1] for n, _ in key}).number)
                if value > room:
                    over[key] = value / room
            if not over:
                return found.unclamped(memory)
            first = max(over, key=over.__getitem__)
            costs = costs.at({name: costs.bounds[name][1] for name, _ in first})


def closed_form(costs: Costs) -> ClosedForm | None:
    """Return the closed form of an island's transfers, or None where this rule gives none.

    Parameters
    ----------
    costs
        The costs, with sizes open or not; tiles that H does not have are at their least.
    """
    expect(costs, Costs, "costs", "the costs of an island, such as Costs.of(...)")
    tiles = [name for name in costs.bounds if name in costs.transfers.names]
    rest = {name: low for name, (low, _) in costs.bounds.items() if name not in tiles}
    constant, moved = _parted(costs.transfers, tiles)
    if not moved.terms:
        return ClosedForm(costs.transfers, (), Fraction(0), (), costs)
    columns = [*dict.fromkeys(_leading(one.at(rest)) for _, one in costs.columns)]
    columns = [one for one in columns if not any(_below(one, two) for two in columns)]
    if len(columns) != 1:
        return None
    _, column = _parted(columns[0], tiles)
    objective = _by_tiles(_leading(moved), tiles)
    limit = _by_tiles(column, tiles)
    keys, first = [*objective, *limit], len(objective)
    A = np.array([[float(dict(key).get(name, 0)) for name in tiles] for key in keys])
    system = np.vstack([A.T, np.arange(len(keys)) < first])
    if np.linalg.matrix_rank(system) < len(keys):
        return None
    weights, *_ = np.linalg.lstsq(system, np.eye(len(tiles) + 1)[-1], rcond=None)
    delta = [Fraction(float(w)).limit_denominator(64) for w in weights]
    if not np.allclose(system @ [float(d) for d in delta], np.eye(len(tiles) + 1)[-1]):
        return None
    if min(delta) <= 0:
        return None
    beta = sum(delta[first:], Fraction(0))
    M = Posynomial.of("M")
    factors: list[tuple[Posynomial, Fraction]] = []
    for coefficient, d in zip(objective.values(), delta, strict=False):
        factors += [(coefficient, d), (Posynomial.of(1 / d), d)]
    for coefficient, d in zip(limit.values(), delta[first:], strict=True):
        factors += [(coefficient, d), (Posynomial.of(beta / d), d), (M, -d)]
    value = _collected(factors)
    # each term of H is its weight of the value, each term of the column its share of M
    terms = [[(Posynomial.of(d), Fraction(1)), *value, (c, Fraction(-1))]
             for c, d in zip(objective.values(), delta, strict=False)]  # fmt: skip
    terms += [[(Posynomial.of(d / beta), Fraction(1)), (M, Fraction(1)), (c, Fraction(-1))]
              for c, d in zip(limit.values(), delta[first:], strict=True)]  # fmt: skip
    best = []
    if np.linalg.matrix_rank(A) == len(tiles):
        inverse = np.linalg.pinv(A)
        for name, row in zip(tiles, inverse, strict=True):
            powers = [Fraction(float(w)).limit_denominator(64) for w in row]
            parts = [(f, p * w) for term, w in zip(terms, powers, strict=True) for f, p in term]
            best.append((Posynomial.of(name), _collected(parts)))
    else:  # only products of tiles are determined
        best = [
            (Posynomial(((key, 1),)), _collected(term))
            for key, term in zip(limit, terms[first:], strict=True)
        ]
    return ClosedForm(constant, value, beta, tuple(best), costs)


def _parted(one: Posynomial, tiles: Iterable[str]) -> tuple[Posynomial, Posynomial]:
    """The terms without tiles, and those with some."""
    names = set(tiles)
    sides: tuple[list[Any], list[Any]] = ([], [])
    for key, c in one.terms:
        sides[any(name in names for name, _ in key)].append((key, c))
    return Posynomial(tuple(sides[0])), Posynomial(tuple(sides[1]))


def _divides(small: Monomial, large: Monomial) -> bool:
    rest = times(large, small, -1)
    return all(power > 0 for _, power in rest)


def _leading(one: Posynomial) -> Posynomial:
    """The terms that divide no other: those that count where all variables are large."""
    keys = [key for key, _ in one.terms]
    return Posynomial(
        tuple((k, c) for k, c in one.terms if not any(k != j and _divides(k, j) for j in keys))
    )


def _below(one: Posynomial, other: Posynomial) -> bool:
    """Whether another posynomial is the greater one where all variables are large."""
    return one != other and all(
        any(_divides(key, large) and (key != large or c <= d) for large, d in other.terms)
        for key, c in one.terms
    )


def _by_tiles(one: Posynomial, tiles: list[str]) -> dict[Monomial, Posynomial]:
    """The coefficients of the monomials in tiles."""
    found: dict[Monomial, Posynomial] = {}
    for key, c in one.terms:
        inner = tuple((name, p) for name, p in key if name in tiles)
        outer = tuple((name, p) for name, p in key if name not in tiles)
        found[inner] = found.get(inner, Posynomial()) + Posynomial(((outer, c),))
    return found


def _collected(factors: Iterable[tuple[Posynomial, Fraction]]) -> Product:
    """The same product: one number, variables, and sums without common factors, each once."""
    powers: dict[Posynomial, Fraction] = {}
    number = 1.0
    for one, power in factors:
        common = reduce(_common, (key for key, _ in one.terms))
        content = _content([c for _, c in one.terms])
        number *= float(content) ** float(power)
        for name, p in common:
            base = Posynomial.of(name)
            powers[base] = powers.get(base, Fraction(0)) + p * power
        sum_ = one / Posynomial(((common, content),))
        if not sum_.is_monomial:
            powers[sum_] = powers.get(sum_, Fraction(0)) + power
    near = Fraction(number).limit_denominator(10**6)
    whole = Posynomial.of(near if abs(float(near) / number - 1) < 1e-12 else number)
    kept = sorted(((b, p) for b, p in powers.items() if p), key=lambda f: (len(f[0].terms), str(f)))
    return ((whole, Fraction(1)), *kept)


def _common(one: Monomial, other: Monomial) -> Monomial:
    """The greatest monomial that divides both."""
    mine, its = dict(one), dict(other)
    least = {n: min(mine.get(n, Fraction(0)), its.get(n, Fraction(0))) for n in {**mine, **its}}
    return tuple(sorted((name, p) for name, p in least.items() if p))


def _content(numbers: list[Any]) -> Any:
    """The greatest common divisor of numbers, if all are exact, else the least of them."""
    if all(isinstance(c, int) for c in numbers):
        return math.gcd(*numbers)
    return min(numbers)


def _written(factors: Iterable[tuple[Posynomial, Fraction]]) -> str:
    """The product as text, what is divided by after a stroke."""
    above, below = [], []
    for base, power in _collected(factors):
        text = str(base) if base.is_monomial else f"({base})"
        if base.number is not None:
            number = Fraction(base.number) if isinstance(base.number, int | Fraction) else None
            top, bottom = (number.numerator, number.denominator) if number else (base.number, 1)
            above += [str(top)] if top != 1 else []
            below += [str(bottom)] if bottom != 1 else []
            continue
        size = abs(power)
        shown = str(size) if size.denominator == 1 else f"({size})"
        (above if power > 0 else below).append(text if size == 1 else f"{text}**{shown}")
    divisor = below[0] if len(below) == 1 else f"({'*'.join(below)})"
    return "*".join(above or ["1"]) + (f"/{divisor}" if below else "")
