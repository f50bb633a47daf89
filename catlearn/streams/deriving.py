"""What a circuit is along a variable: a fold, a prefix fold, or neither, with the reason.

Outputs that keep the variable depend on what is earlier, and are a prefix fold
(:mod:`catlearn.streams.prefix`); all others are what is merged of blocks
(:mod:`catlearn.streams.folding`).

>>> from catlearn.arrays import cumsum, logsumexp
>>> stream(logsumexp("b [v] -> b"), "v").kinds
('max', 'sum')
>>> type(stream(cumsum("[t]"), "t")).__name__
'PrefixFold'
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from catlearn.arrays.circuit import Circuit
from catlearn.errors import CatlearnError, expect
from catlearn.streams.folding import Fold, derived, interned, spread, summed
from catlearn.streams.passes import chosen, refuse_random
from catlearn.streams.prefix import PrefixFold, Sweep, prefix_fold
from catlearn.streams.rules import AmbiguousAxis, Cocycle, StreamRefused, own_rules


def stream(circuit: Circuit, variable: str, *, rules: Iterable[Cocycle] = ()) -> Fold | PrefixFold:
    """Return a circuit as a fold along a variable.

    Parameters
    ----------
    circuit
        The circuit.
    variable
        A letter of a pattern, or ``"box/letter"`` where several boxes have it.
    rules
        Rules of one's own, as :func:`~catlearn.streams.rule` returns them, that are known besides
        those that are registered.

    Raises
    ------
    StreamRefused
        If there is no fold by the rules that there are, with the box that is in the way.
    AmbiguousAxis
        If several boxes bind variables of that name.
    UnknownName
        If there is no such variable.
    """
    expect(circuit, Circuit, "what is streamed", "a circuit")
    expect(variable, str, "variable", "a letter of a pattern, such as 'x'")
    expect(rules, Iterable, "rules", "a list of what rule(name, F, T) returns")
    known = [*own_rules().values(), *rules]
    for one in known:
        expect(one, Cocycle, "a rule", "what rule(name, F, T) returns")
    late = None
    try:
        found = prefix_fold(circuit, variable, known)
        if found is not None:
            return found
    except StreamRefused as error:
        late = error
    try:
        return _plain(circuit, variable, known)
    except StreamRefused as error:
        raise late or error from None


def _plain(circuit: Circuit, variable: str, known: Sequence[Cocycle]) -> Fold:
    """Return a circuit as a fold along a variable that it reduces over."""
    plain = interned(circuit.unfold().live())
    try:
        one = chosen(plain, variable)
    except AmbiguousAxis:
        refuse_random(plain)  # which parts passes that were one
        raise
    plain = summed(plain, one.axis)
    plain = spread(plain, chosen(plain, variable))
    fold = derived(plain, chosen(plain, variable), variable, known)
    return replace(fold, given=circuit.live())


def streamable(
    circuit: Circuit, *, rules: Iterable[Cocycle] = ()
) -> dict[str, Fold | PrefixFold | str]:
    """Return for each variable of a circuit the fold along it, or why there is none.

    The arguments are those of :func:`stream`.
    """
    expect(circuit, Circuit, "what is streamed", "a circuit")
    H = circuit.live().apex
    letters = dict.fromkeys(
        letter for box in H.order for letter in H.operations[box].letters if letter
    )
    letters |= dict.fromkeys(letter for _, letter, _ in Sweep(circuit.live()).names())
    found: dict[str, Fold | PrefixFold | str] = {}
    for letter in letters:
        try:
            found[letter] = stream(circuit, letter, rules=rules)
        except CatlearnError as error:
            found[letter] = str(error)
    return found
