"""What a category answers: identities, composition, ends, and whether two arrows are equal.

A *category* has objects, arrows with two ends, an identity arrow for each object, and a
composite ``f >> g`` of arrows that meet, first f, then g, such that ``id >> f == f == f >> id``
and ``(f >> g) >> h == f >> (g >> h)``. (Mac Lane, *Categories for the Working Mathematician*,
I.2.) Functors map into anything that composes; the more a target answers, the more of a functor
is checked. :class:`Category` is the root of the package's own categories of named arrows.

Verdicts: the answers to "are these two arrows equal?", which may be that nobody knows.

Whether two paths are equal modulo equations is undecidable in general (Post 1947, Markov 1947),
so an honest answer has three values. :data:`Equal` and :data:`NotEqual` are proofs;
:data:`Unknown` says why there is none, and cannot be taken for a no: its truth value is an error.

A verdict may carry a reason, ``NotEqual("the ends differ")``, which says how it was reached and
does not count when verdicts are compared.

>>> from catlearn.category import Equal, NotEqual, Unknown
>>> bool(Equal), bool(NotEqual)
(True, False)
>>> answer = Unknown("the budget of 10 rules is spent")
>>> answer == Unknown
True
>>> if answer:
...     pass
Traceback (most recent call last):
    ...
catlearn.errors.Undecided: it is not known whether the two are equal: the budget of 10 rules ...
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from catlearn.display import Displayed, Legible
from catlearn.errors import Undecided, expect, expect_each
from catlearn.finset import Frozen

if TYPE_CHECKING:
    from catlearn.category.cat import Categories
    from catlearn.category.graph import Graph
    from catlearn.category.path import Path


@dataclass(frozen=True)
class Verdict(Legible):
    """One of :data:`Equal`, :data:`NotEqual` and :data:`Unknown`, with a reason.

    Calling a verdict gives the same verdict with a reason; ``==`` compares verdicts without
    their reasons. The truth value of ``Unknown`` raises :class:`~catlearn.errors.Undecided`.

    Parameters
    ----------
    name
        ``"Equal"``, ``"NotEqual"`` or ``"Unknown"``.
    reason
        How it was reached, or why nothing is known.

    Examples
    --------
    >>> Equal("both sides have the normal form f")
    Equal('both sides have the normal form f')
    """

    name: str
    reason: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if self.name not in ("Equal", "NotEqual", "Unknown"):
            raise ValueError(f"a verdict is Equal, NotEqual or Unknown, not {self.name!r}")

    def __call__(self, reason: str) -> Verdict:
        """Return the same verdict with a reason."""
        return replace(self, reason=reason)

    @property
    def is_known(self) -> bool:
        """Whether the verdict is a proof, of equality or of the contrary."""
        return self.name != "Unknown"

    @classmethod
    def of(cls, equal: bool, reason: str = "") -> Verdict:
        """Return the verdict of a decision procedure."""
        return cls("Equal" if equal else "NotEqual", reason)

    def __bool__(self) -> bool:
        if not self.is_known:
            because = f": {self.reason}" if self.reason else ""
            remedy = "compare with `== Equal` or `== Unknown`, or ask with a larger budget"
            raise Undecided(f"it is not known whether the two are equal{because}; {remedy}")
        return self.name == "Equal"

    def __repr__(self) -> str:
        return f"{self.name}({self.reason!r})" if self.reason else self.name

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" if self.reason else self.name


Equal = Verdict("Equal")
"""The two are equal."""

NotEqual = Verdict("NotEqual")
"""The two are not equal."""

Unknown = Verdict("Unknown")
"""It is not known whether the two are equal."""


@dataclass(frozen=True)
class Budget:
    """How far completion goes, and how large the categories are that it lists.

    Parameters
    ----------
    rules
        The most rules a rewriting system may have on the way.
    letters
        The most edges to read in rewriting on the way; the time that completion takes grows
        with it.
    arrows, composites
        The most arrows, and pairs of arrows that meet, of a finite category that is listed.
    """

    rules: int = 1_000
    letters: int = 1_000_000
    arrows: int = 10_000
    composites: int = 5_000_000

    def __post_init__(self) -> None:
        expect_each((int, Real), "a number", **vars(self))

    @classmethod
    def of(cls, budget: Budget | int | None) -> Budget:
        """Return a budget unchanged, the usual one for None, and read a number as that of rules."""
        if isinstance(budget, Budget):
            return budget
        expect(
            0 if budget is None else budget, (int, Real), "budget", "a Budget, or how many rules"
        )
        return cls() if budget is None else cls(rules=budget)


@runtime_checkable
class Composes(Protocol):
    """What a functor may map into: identities, and composition in diagrammatic order."""

    def identity(self, object: Any, /) -> Any:
        """Return the identity arrow of an object."""
        ...

    def compose(self, first: Any, then: Any, /) -> Any:
        """Return the arrow that does ``first`` and then ``then``."""
        ...


@runtime_checkable
class Typed(Protocol):
    """A target whose arrows know their ends, so that a functor into it can be checked."""

    def ends(self, arrow: Any, /) -> tuple[Any, Any]:
        """Return the domain and the codomain of an arrow."""
        ...

    def same(self, one: Any, other: Any, /) -> bool:
        """Whether arrows into one object compose with arrows out of the other."""
        ...


@runtime_checkable
class DecidesEquality(Protocol):
    """A target that can tell whether two parallel arrows are equal."""

    def equal(self, one: Any, other: Any, /) -> bool | Verdict:
        """Whether two parallel arrows are equal."""
        ...


class AmongCategories:
    """The category of categories; it knows them all, so it is loaded when it is asked for."""

    def __get__(self, category: Any, kind: type) -> Categories:
        from catlearn.category.cat import CATEGORIES

        return CATEGORIES


class Category(Frozen, Displayed):
    """A category with finitely many named objects, generated by the edges of a finite graph.

    Finite categories have names for arrows, presented ones paths. Wherever an arrow is asked
    for, one may give it, a path of the generators, or the text of one.
    """

    ambient = AmongCategories()

    @property
    def objects(self) -> tuple[str, ...]:
        """The names of the objects."""
        raise NotImplementedError

    @property
    def generators(self) -> Graph:
        """A graph on the objects, of whose edges every arrow is a composite."""
        raise NotImplementedError

    def identity(self, object: str, /) -> Any:
        """Return the identity arrow of an object."""
        raise NotImplementedError

    def compose(self, first: Any, then: Any, /) -> Any:
        """Return ``first >> then``."""
        raise NotImplementedError

    def ends(self, arrow: Any, /) -> tuple[str, str]:
        """Return the domain and the codomain of an arrow."""
        raise NotImplementedError

    def read(self, arrow: Any, /) -> Any:
        """Return the arrow that a name, a path of generators or its text stands for."""
        raise NotImplementedError

    def word(self, arrow: Any, /) -> Path:
        """Return a path of the generators whose composite is the arrow."""
        raise NotImplementedError

    def equal(self, one: Any, other: Any, /) -> Verdict:
        """Return whether two parallel arrows are equal: Equal, NotEqual or Unknown."""
        raise NotImplementedError

    def same(self, one: str, other: str, /) -> bool:
        """Whether two objects are one."""
        return one == other
