"""Cat: the category of finite categories and functors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catlearn.finset.universal import Ambient

if TYPE_CHECKING:
    from catlearn.category.finite import FiniteCategory


class Categories(Ambient):
    """The category of finite categories; morphisms are functors between them."""

    name = "the category of finite categories"

    def mismatch(self, one: FiniteCategory, other: FiniteCategory) -> str:
        return "" if one == other else f"{one} is not {other}"


CATEGORIES = Categories()
"""The one instance."""
