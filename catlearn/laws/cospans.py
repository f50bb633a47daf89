r"""The laws of structured cospans, up to isomorphisms that respect inputs and outputs.

Objects with inputs and outputs compose by gluing; up to isomorphism they are the arrows of a
symmetric monoidal category with a dagger, which turns each of them round (Fong, "Decorated
cospans", 2015; Baez, Courser, "Structured cospans", 2020). What is compared is never equal on the
nose: :class:`Cospans` compares by ``is_equivalent``.

>>> from catlearn.laws import Cospans, check, cospan, graphs
>>> report = check(Cospans(graphs(2, 2)), cospan.only("associativity"), max_examples=10)
>>> print(report)
Laws of a category of cospans: 1 passed
  associativity: passed (10 examples)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from catlearn.cset import Open
from catlearn.finset import Tables, coproduct
from catlearn.laws.algebra import SYMMETRIC, symmetric_monoidal
from catlearn.laws.arrows import Arrows
from catlearn.laws.categories import ARROWS, PAIR
from catlearn.laws.law import Spec
from catlearn.laws.signature import Signature
from catlearn.laws.tables import identifications


class Cospans:
    """Tables with inputs and outputs, as a category to be checked.

    Parameters
    ----------
    wholes
        A strategy for tables of any kind; cospans are drawn out of theirs.
    table
        The table that inputs and outputs are rows of.
    most
        The most inputs or outputs that are drawn.
    """

    def __init__(self, wholes: st.SearchStrategy[Any], table: str = "V", most: int = 2) -> None:
        self.wholes, self.table, self.most = wholes, table, most

    def identity(self, at: Any, /) -> Open:
        """Return the identity of an interface."""
        return Open.identity(at, self.table)

    def compose(self, first: Open, then: Open, /) -> Open:
        """Return ``first >> then``."""
        return first >> then

    def ends(self, arrow: Open, /) -> tuple[Any, Any]:
        """Return the interfaces of inputs and of outputs."""
        return arrow.source, arrow.target

    def same(self, one: Any, other: Any, /) -> bool:
        """Whether two interfaces are the same but for names."""
        return one.matches(other)

    def equal(self, one: Open, other: Open, /) -> bool:
        """Whether there is an isomorphism that respects inputs and outputs."""
        return one.is_equivalent(other)

    def tensor(self, one: Open, other: Open, /) -> Open:
        """Put two side by side."""
        return one @ other

    def tensor_objects(self, one: Any, other: Any, /) -> Any:
        """Put two interfaces side by side."""
        return coproduct(one, other).apex

    def symmetry(self, one: Any, other: Any, /) -> Open:
        """Return the swap of two interfaces."""
        return Open.swap(one, other, self.table)

    def dagger(self, arrow: Open, /) -> Open:
        """Return a cospan turned round."""
        return arrow.dagger()

    @property
    def interfaces(self) -> st.SearchStrategy[Tables]:
        """A strategy for interfaces."""
        return _interfaces(self)

    def out_of(self, source: Any) -> st.SearchStrategy[Open]:
        """Return a strategy for cospans out of an interface."""
        return _out_of(self, source)


@st.composite
def _rows(draw: st.DrawFn, whole: Any, table: str, most: int) -> list[int]:
    row = st.integers(0, max(whole.size(table) - 1, 0))
    return draw(st.lists(row, max_size=most if whole.size(table) else 0))


@st.composite
def _interfaces(draw: st.DrawFn, C: Cospans) -> Any:
    whole = draw(C.wholes)
    return Open(whole, draw(_rows(whole, C.table, C.most)), (), C.table).source


@st.composite
def _out_of(draw: st.DrawFn, C: Cospans, source: Any) -> Open:
    both = coproduct(source, draw(C.wholes))
    quotient = draw(identifications(both.apex))
    outputs = draw(_rows(quotient.codomain, C.table, C.most))
    return Open(quotient.codomain, both.legs[0] >> quotient, outputs, C.table)


def _sorts(C: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    if "arrows" not in given and isinstance(C, Cospans):
        given = {"objects": C.interfaces, **given, "arrows": C.out_of}
    return Arrows(C, given).sorts()


_COSPANS = Signature(
    operations={"dagger(f: A -> B): B -> A": lambda C, f: C.dagger(f)},
    latex={"dagger": r"({0})^{{\dagger}}"},
    extends=SYMMETRIC,
)

cospan = Spec(
    "category of cospans",
    (
        *(
            law
            for law in symmetric_monoidal.laws
            if law.name not in ("unit object", "unit of the tensor")  # a unit would need a shape
        ),
        _COSPANS.law("dagger", "dagger(dagger(f)) = f", "f: A -> B"),
        _COSPANS.law("dagger of composites", "dagger(f >> g) = dagger(g) >> dagger(f)", PAIR),
    ),
    _sorts,
    ARROWS,
    lambda structure: isinstance(structure, Cospans),
    "Baez, Courser, Structured cospans, 2020",
    _COSPANS,
)
"""The laws of structured cospans, such as :class:`Cospans`, up to isomorphism."""
