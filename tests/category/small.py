"""Finite categories that several tests use."""

from catlearn.category import FiniteCategory

IDEMPOTENT = FiniteCategory(["A"], {"e": ("A", "A")}, {("e", "e"): "e"})


def cyclic(n: int) -> FiniteCategory:
    """The cyclic group of an order."""
    return FiniteCategory.group(range(n), lambda x, y: (x + y) % n)
