"""Circuits compared as numbers: at random sizes, inputs and parameters, by their definition."""

from __future__ import annotations

import numpy as np

from catlearn.arrays import Circuit
from catlearn.arrays.evaluation import both


def same_values(one: Circuit, other: Circuit, seed: int = 0) -> bool:
    """Whether two circuits agree at sizes, inputs and parameters that a seed draws."""
    return all(
        a.shape == b.shape and np.allclose(a, b, 1e-8, 1e-8, equal_nan=True)
        for a, b in both(one, other, seed)
    )
