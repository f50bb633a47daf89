r"""Elimination of variables: the best value over hidden variables, term by term.

For an objective that is a tensor of terms, each a function of few variables, the join over a
variable z need only look at the terms in which z occurs,

.. math:: \bigvee_z a(x) \otimes b(x, z) \otimes c(z, y)
          = a(x) \otimes \bigvee_z b(x, z) \otimes c(z, y),

because the tensor preserves joins (Aji, McEliece, "The generalized distributive law", 2000).
Variables go in the order of the smallest table that their removal makes.

>>> from catlearn.cost import LAWVERE, Objective
>>> chain = Objective("xyz", {"d(x, y)": 1, "d(y, z)": 1})
>>> values = dict.fromkeys("xyz", [0, 1, 2])
>>> eliminate(chain, values, "xz", {"d": lambda a, b: (a - b) ** 2}, LAWVERE).tolist()
[[0.0, 1.0, 2.0], [1.0, 0.0, 1.0], [2.0, 1.0, 0.0]]
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from catlearn.cost.objective import Objective, Term
from catlearn.cost.quantale import Quantale
from catlearn.errors import Failure, InvalidStructure

Factor = tuple[tuple[str, ...], np.ndarray]


def eliminate(
    objective: Objective,
    values: Mapping[str, Sequence[Any]],
    keep: Iterable[str],
    meaning: Mapping[str, Any],
    quantale: Quantale,
    bound: int = 10_000_000,
) -> np.ndarray:
    """Return the join over all variables but those to keep.

    Parameters
    ----------
    objective
        A plain objective whose aggregator is the quantale's tensor.
    values
        The possible values of each variable.
    keep
        The variables that stay, one axis each, in this order.
    meaning
        Meanings of the constants.
    quantale
        Its join is taken.
    bound
        The most entries that a table may have.

    Raises
    ------
    InvalidStructure
        If a table would be larger than the bound.
    """
    keep = tuple(dict.fromkeys(keep))
    sizes = {v: len(values[v]) for v in objective.parameters}
    factors = [
        _tabulate(term, values, sizes, meaning, quantale, bound)
        for term in objective.terms
        if term.weight > 0
    ]
    # a variable in no term counts too: over no values at all the join is the bottom
    factors += [((v,), np.full(size, quantale.unit)) for v, size in sizes.items()]
    hidden = [v for v in objective.parameters if v not in keep]
    while hidden:
        costs = {v: math.prod(sizes[u] for u in _scope(factors, v)) for v in hidden}
        chosen = min(hidden, key=costs.__getitem__)
        hidden.remove(chosen)
        touching = [f for f in factors if chosen in f[0]]
        others = tuple(u for u in _scope(factors, chosen) if u != chosen)
        table = _combine(touching, (chosen, *others), sizes, quantale, bound)
        factors = [f for f in factors if chosen not in f[0]]
        factors.append((others, quantale.joined(table)))
    return _combine(factors, keep, sizes, quantale, bound)


def _scope(factors: Sequence[Factor], variable: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(u for names, _ in factors if variable in names for u in names))


def _tabulate(
    term: Term,
    values: Mapping[str, Sequence[Any]],
    sizes: Mapping[str, int],
    meaning: Mapping[str, Any],
    quantale: Quantale,
    bound: int,
) -> Factor:
    names = tuple(s for s in term.atom.symbols if s in sizes)
    shape = _shape(names, sizes, bound)
    weight = float(term.weight)
    flat = [
        weight * float(term.atom.evaluate({**meaning, **dict(zip(names, at, strict=True))}))
        for at in itertools.product(*(values[v] for v in names))
    ]
    return names, quantale.array(flat).reshape(shape)


def _combine(
    factors: Sequence[Factor],
    names: tuple[str, ...],
    sizes: Mapping[str, int],
    quantale: Quantale,
    bound: int,
) -> np.ndarray:
    table = np.full(_shape(names, sizes, bound), quantale.unit, quantale.dtype)
    for own, array in factors:
        places = [names.index(v) for v in own]
        order = np.argsort(places)
        spread = [sizes[v] if k in places else 1 for k, v in enumerate(names)]
        table = quantale.tensor(table, array.transpose(order).reshape(spread))
    return table


def _shape(names: Sequence[str], sizes: Mapping[str, int], bound: int) -> tuple[int, ...]:
    shape = tuple(sizes[v] for v in names)
    if math.prod(shape) > bound:
        message = (
            f"needs {math.prod(shape)} entries, more than the bound {bound}; take fewer values"
        )
        raise InvalidStructure(
            "finite objective", [Failure("size", f"the table over {', '.join(names)}", message)]
        )
    return shape
