"""Verdicts: the answers to "are these two arrows equal?", which may be that nobody knows.

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

from catlearn.errors import Undecided


@dataclass(frozen=True)
class Verdict:
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
