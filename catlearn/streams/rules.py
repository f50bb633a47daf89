"""The rules by which a summand is split, and by which accumulators move to another reference.

A pass over x keeps sums A(R) = sum of F(x, R) that are relative to a reference R, which is known
at the end alone. They *move*: A(R') = T(R, R') A(R), if F(x, R') = T(R, R') F(x, R) and T is a
cocycle, T(R, R) = 1 and T(R, R'') = T(R, R') T(R', R''). Each rule is a law that a fold has
instances of; its *certificate* lists them, and each is verified by itself.

>>> Instance(EXPONENTIAL, "exp", (("sign", 1),)).holds(0)
True
>>> Instance(EXPONENTIAL, "exp", (("sign", -1),)).holds(0)
False
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from catlearn.display import Legible
from catlearn.errors import CatlearnError, UnknownName

EXPONENTIAL, CENTRED = "cocycle of exp", "cocycle of powers"


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


def _distribution(random: np.random.Generator) -> bool:
    a, b, c = random.normal(size=(3, 16))
    return np.allclose((a + b) * c, a * c + b * c)


def _exp_of_sum(random: np.random.Generator) -> bool:
    a, b = random.normal(size=(2, 16))
    return np.allclose(np.exp(a + b), np.exp(a) * np.exp(b))


def _log_of_product(random: np.random.Generator) -> bool:
    a, b, c = random.normal(size=(3, 16))
    c = np.exp(c)
    return np.allclose(np.log(c * np.exp(a - b)), a - b + np.log(c))


def _indicator(random: np.random.Generator) -> bool:
    a, b, mask = *random.normal(size=(2, 16)), random.random(16) < 0.5
    by_parts = a * np.where(mask, b, 0) + np.where(mask, 0, 0.5)
    return np.allclose(np.where(mask, a * b, 0.5), by_parts)


def _greatest(random: np.random.Generator) -> bool:
    s, r = random.normal(size=(2, 16)), random.normal(size=(2, 1))
    whole = np.maximum(s[0].max(), s[1].max())
    return np.allclose((s + r[0]).max(), whole + r[0])


def _sum(random: np.random.Generator) -> bool:
    a, b, c = random.normal(size=(3, 16))
    return np.allclose((a + b) + c, a + (b + c)) and np.allclose(a + b, b + a)


def _exponential(random: np.random.Generator, sign: int) -> bool:
    s, r, q, p = random.normal(size=(4, 16))

    def move(one: Any, other: Any) -> Any:
        return np.exp(sign * (one - other))

    moves = np.allclose(np.exp(s - q), move(r, q) * np.exp(s - r))
    return moves and np.allclose(move(r, p), move(r, q) * move(q, p))


def _centred(random: np.random.Generator, coefficients: tuple[tuple[int, ...], ...]) -> bool:
    s, r, q = random.normal(size=(3, 16))
    return all(
        np.allclose((s - q) ** k, sum(c * (r - q) ** (k - j) * (s - r) ** j
                                      for j, c in enumerate(row)))
        for k, row in enumerate(coefficients)
    )  # fmt: skip


RULES: Mapping[str, tuple[str, Callable[..., bool]]] = {
    "distribution": ("(a + b) c = a c + b c", _distribution),
    "exp of a sum": ("exp(S + R) = exp(S) exp(R)", _exp_of_sum),
    "log of a product": ("log(c exp(S - R)) = S - R + log c, if c > 0", _log_of_product),
    "indicator": ("where(p, a b, c) = a where(p, b, 0) + where(p, 0, c)", _indicator),
    "greatest": ("max_x (S + R) = max_x S + R, and max is associative and commutative", _greatest),
    "sum": ("+ is associative and commutative", _sum),
    EXPONENTIAL: ("exp(S - R') = exp(R - R') exp(S - R)", _exponential),
    CENTRED: ("(S - R')^k is the sum over j of binom(k, j) (R - R')^(k-j) (S - R)^j", _centred),
}
"""The rules: what each says, and what verifies an instance by random numbers."""


@dataclass(frozen=True)
class Instance(Legible):
    """A rule that a fold uses.

    Parameters
    ----------
    rule
        One of :data:`RULES`.
    box
        At which box it is used.
    data
        By what it is used: pairs of a name and a value.
    """

    rule: str
    box: str
    data: tuple[tuple[str, Any], ...] = ()

    def holds(self, seed: int = 0) -> bool:
        """Verify it by random numbers, in float64."""
        return bool(RULES[self.rule][1](np.random.default_rng(seed), **dict(self.data)))

    def __str__(self) -> str:
        return f"{self.rule} at {self.box}: {RULES[self.rule][0]}"
