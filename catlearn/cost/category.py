"""Cost as a category that functors can map into and diagrams can be drawn in.

Two objectives are one object if they have the same parameters, coefficients and aggregator; the
order and the names of terms do not matter.

>>> from catlearn.category import Functor, Graph, Morphisms
>>> from catlearn.cost import CostMorphism, Objective
>>> part = Objective(("f",), {"a(f)": 1})
>>> whole = Objective(("f",), {"a(f)": 2, "b(f)": 1})
>>> steps = Graph({"grow": ("L", "M"), "keep": ("M", "M")})
>>> F = Functor(
...     steps,
...     Morphisms(),
...     objects={"L": part, "M": whole},
...     arrows={"grow": CostMorphism(part, whole), "keep": CostMorphism.identity(whole)},
... )
>>> print(F(steps.path("grow >> keep")))
a(f) <= 2 a(f) + b(f)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from catlearn.finset import Ambient

if TYPE_CHECKING:
    from catlearn.cost.morphism import CostMorphism
    from catlearn.cost.objective import Objective


class CostCategory(Ambient):
    """The category of objectives and certified reparametrisations."""

    name = "Cost"

    def mismatch(self, one: Objective, other: Objective) -> str:
        """Say why two objectives are not one object; empty if they are."""
        return "" if one.is_same_function(other) else f"{one} is not {other}"

    def identity(self, of: Objective) -> CostMorphism:
        """Return the identity morphism of an objective."""
        from catlearn.cost.morphism import CostMorphism

        return CostMorphism.identity(of)


COST = CostCategory()
