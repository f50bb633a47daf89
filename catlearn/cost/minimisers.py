"""Minimisers: how the infimum over the hidden variables of an open objective is found.

A minimiser is a callable of a cost and the names of its variables that returns the infimum; what
it returns is as good as its method. For finitely many values
:meth:`~catlearn.cost.OpenObjective.matrix` is exact.

>>> from catlearn.cost import minimise_by_scipy
>>> round(minimise_by_scipy()(lambda at: (at["z"] - 3) ** 2 + 1, ("z",)), 6)
1.0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Minimiser = Callable[[Callable[[Mapping[str, Any]], Any], tuple[str, ...]], Any]
"""Given a cost of the hidden variables by name, and their names, return its infimum."""


def minimise_by_scipy(start: Mapping[str, Any] | None = None, **options: Any) -> Minimiser:
    """Return a minimiser of smooth costs of real arrays, by ``scipy.optimize.minimize``.

    Parameters
    ----------
    start
        Where to begin: a number or an array for each hidden variable; 0 if left out.
    **options
        Passed to scipy, such as ``method`` or ``tol``.

    Examples
    --------
    >>> from catlearn.cost import OpenObjective
    >>> A = OpenObjective.of({"d(x, z)": 1, "d(z, y)": 1}, ["x"], ["y"])
    >>> values = {"x": 0.0, "y": 2.0, "d": lambda a, b: (a - b) ** 2}
    >>> round(A.value(values, minimise_by_scipy({"z": 5.0})), 6)
    2.0
    """

    def minimise(cost: Callable[[Mapping[str, Any]], Any], names: tuple[str, ...]) -> float:
        from scipy.optimize import minimize

        starts = [np.asarray((start or {}).get(name, 0.0), float) for name in names]
        ends = np.cumsum([one.size for one in starts])[:-1]

        def at(flat: np.ndarray) -> dict[str, Any]:
            parts = np.split(flat, ends)
            shaped = (part.reshape(one.shape) for part, one in zip(parts, starts, strict=True))
            return {n: v if v.ndim else float(v) for n, v in zip(names, shaped, strict=True)}

        flat = np.concatenate([one.ravel() for one in starts])
        return float(minimize(lambda v: float(cost(at(v))), flat, **options).fun)

    return minimise
