"""One step of rewriting: its two pushout squares (see :mod:`catlearn.cset.rewriting`).

>>> from catlearn.category import Graph
>>> from catlearn.cset import Rule
>>> reverse = Rule.between(Graph({"e": ("A", "B")}), Graph({"r": ("B", "A")}))
>>> step = reverse.rewrite(Graph({"f": ("X", "Y")}))
>>> print(step.left.apex, "|", step.complement.apex, "|", step.apex)
f : X → Y | X, Y | r : Y → X
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catlearn.cset.complement import Complement, pushout_complement
from catlearn.display import Displayed
from catlearn.errors import InvalidStructure
from catlearn.finset import Colimit, Span, pushout
from catlearn.finset.value import Frozen

if TYPE_CHECKING:
    from catlearn.cset.rewriting import Rule


class Rewrite(Frozen, Displayed):
    """What a rule does at a match: two pushout squares.

    Attributes
    ----------
    rule : Rule
        The rule that was given.
    applied : Rule
        The plain rule L' <- K' -> R' that was applied: labels filled in, what had to be
        reattached taken into it, and written in the names of G and H.
    match : TableMorphism
        From L' to G.
    complement : Complement
        The left square.
    right : Colimit
        The right square, whose legs are D -> H and the comatch R' -> H.
    """

    rule: Rule
    applied: Rule
    match: Any
    complement: Complement
    right: Colimit

    def __init__(self, rule: Rule, applied: Rule, match: Any) -> None:
        complement = pushout_complement(applied.left, match)
        right = pushout(complement.k, applied.right, names=("context", "rule"))
        failures = right.apex.failures()
        if failures:
            raise InvalidStructure(f"the rewritten {type(right.apex).__name__}", failures)
        self._set(rule=rule, applied=applied, match=match, complement=complement, right=right)

    @property
    def apex(self) -> Any:
        """The object H, the result."""
        return self.right.apex

    @property
    def left(self) -> Colimit:
        """The left square as a pushout, with apex G and legs the match and D -> G."""
        return self.complement.square

    @property
    def comatch(self) -> Any:
        """The morphism R' -> H."""
        return self.right.legs[1]

    @property
    def span(self) -> Span:
        """The derivation G <- D -> H: what stayed, before and after."""
        return Span(self.complement.d, self.right.legs[0])

    def inverse(self) -> Rewrite:
        """Return the rewrite back, by the inverse of the applied rule at the comatch."""
        return self.applied.inverse().rewrite(self.apex, self.comatch)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rewrite):
            return NotImplemented
        return (self.rule, self.match) == (other.rule, other.match)

    def __hash__(self) -> int:
        return hash((self.rule, self.match))

    def __repr__(self) -> str:
        return f"Rewrite({self.rule!r}, apex={self.apex!r})"
