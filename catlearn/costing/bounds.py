r"""Lower bounds: what any execution moves, whatever its tiles are, by name.

================  ==============================================  ================================
name              words that cross, at least                      source
================  ==============================================  ================================
compulsory        each input and output once                      definition
matrix product    :math:`2abc/\sqrt{M} - 2M`                      Smith et al., arXiv 1702.02017
projective loops  :math:`\prod |a| \, M^{1 - \sum\lambda}`, up    Dinh and Demmel, "Communication
                  to a constant, by a linear program              -optimal tilings for projective
                                                                  nested loops" (2020)
attention         :math:`q x d^2/M` for :math:`M \ge d^2`, else   Saha and Ye, arXiv 2402.07443
                  :math:`q x d/\sqrt{M}`, up to a constant
================  ==============================================  ================================

>>> from catlearn.costing import bounds
>>> skinny = bounds.projective(dict(a=4096, b=4096, c=16), ["ab", "bc", "ac"], 2**14)
>>> print(skinny)
projective loops: 1.678e+07 words, up to a constant
>>> round(sum(skinny.weights.values()), 3)
1.286
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from catlearn.costing.costs import Costs
from catlearn.display import Legible
from catlearn.errors import Failure, did_you_mean, expect, refuse, wrong_kind


@dataclass(frozen=True)
class LowerBound(Legible):
    """Words that any execution moves.

    Parameters
    ----------
    name
        Which bound it is; see the table of this module.
    words
        How many.
    exact
        Whether they are a bound as they stand, or up to a constant.
    weights
        The solution of the linear program, by axis, if there is one.
    """

    name: str
    words: float
    exact: bool = True
    weights: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}: {self.words:.4g} words" + ("" if self.exact else ", up to a constant")


def _expect_memory(memory: Any) -> None:
    real = isinstance(memory, Real) and not isinstance(memory, bool)
    if not real or not 1 < float(memory) < math.inf:
        raise wrong_kind(memory, "memory", "a number of words, more than 1")


def compulsory(costs: Costs) -> LowerBound:
    """Return that every input and output crosses once; sizes are numbers."""
    expect(costs, "compulsory", "costs", "the costs of an island, such as Costs.of(...)")
    return LowerBound("compulsory", float(costs.compulsory.number))


def matmul(a: int, b: int, c: int, memory: float) -> LowerBound:
    """Return the bound of a product of matrices a x b and b x c, 0 where memory is large."""
    _expect_memory(memory)
    return LowerBound("matrix product", max(0.0, 2 * a * b * c / math.sqrt(memory) - 2 * memory))


def attention(q: int, x: int, d: int, memory: float) -> LowerBound:
    """Return the bound of one head with q queries and x keys of size d, up to a constant."""
    _expect_memory(memory)
    words = q * x * d * (d / memory if memory >= d * d else 1 / math.sqrt(memory))
    return LowerBound("attention", words, exact=False)


def projective(
    sizes: Mapping[str, int], arrays: Iterable[Sequence[str]], memory: float
) -> LowerBound:
    """Return the bound of nested loops that read arrays at some of their axes, 0 if each fits.

    Parameters
    ----------
    sizes
        Of the axes of the loops.
    arrays
        The axes of each array.
    memory
        Words of fast memory.
    """
    from scipy.optimize import linprog

    _expect_memory(memory)
    expect(sizes, Mapping, "sizes", "a dict of sizes by axes")
    if isinstance(arrays, str):
        raise wrong_kind(arrays, "arrays", "a list of the axes of each array, such as ['ab', 'bc']")
    axes = list(sizes)
    arrays = [list(one) for one in arrays]
    refuse(
        "this loop",
        [
            Failure("axis", f"array {k}", f"there is no axis {axis!r}; {did_you_mean(axis, axes)}")
            for k, one in enumerate(arrays)
            for axis in one
            if axis not in sizes
        ],
    )
    inside = np.array([[axis in one for axis in axes] for one in arrays], float)
    ends = [(0, math.log(sizes[axis], memory)) for axis in axes]
    found = linprog(-np.ones(len(axes)), A_ub=inside, b_ub=np.ones(len(arrays)), bounds=ends)
    weights = dict(zip(axes, found.x.tolist(), strict=True))
    # how often fast memory has to be filled; once says nothing, since it may not be filled then
    fillings = math.prod(sizes.values()) * memory ** -sum(weights.values())
    words = memory * fillings if fillings > 1 + 1e-9 else 0.0
    return LowerBound("projective loops", words, exact=False, weights=weights)


def greatest(given: Iterable[LowerBound]) -> LowerBound:
    """Return the bound that says most."""
    return max(given, key=lambda bound: bound.words)
