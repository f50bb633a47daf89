"""Arrays that follow from indices alone: positions, and the array that is 1 at an index.

>>> from catlearn.arrays import add, idle
>>> idle @ sinusoid("x m") >> add
Circuit(R[x m] -> R[x m])
"""

from __future__ import annotations

from collections.abc import Iterable

from catlearn.arrays.boxes import Draft
from catlearn.arrays.circuit import Circuit, compose
from catlearn.arrays.listing import written
from catlearn.arrays.operations import concat, copy, cos, sin, view
from catlearn.arrays.patterns import read_pattern
from catlearn.errors import expect


def _names(pattern: str, *wanted: str) -> tuple[str, ...]:
    """Read a pattern of one array whose axes are so many names."""
    read = read_pattern(pattern)
    array = read.left[0]
    names = tuple(item.name for item in array if not item.bracket)
    good = all(names) and len({*names}) == len(names) == len(array) == len(wanted)
    if not good or read.right or len(read.left) != 1:
        raise read.error(f"the axes are {' and then '.join(wanted)}")
    return names


def _words(names: Iterable[str]) -> str:
    """Write names of axes as a listing has them."""
    return " ".join(map(written, names))


def _parsed(listing: str) -> Circuit:
    """Return the circuit of a listing, with the line that runs now as where it is written."""
    made = Circuit.parse(listing)
    return Circuit.of(made.apex.with_lines(), made.dom, made.cod)


def _lettered(circuit: Circuit, letter: str) -> Circuit:
    """Return a circuit whose last axis is called by a letter."""
    draft = Draft.of(circuit.apex)
    row = draft.wires[circuit.cod[0]].axes[-1]
    draft.axes[row] = letter, draft.axes[row][1]
    return Circuit.of(draft, circuit.dom, circuit.cod)


def angles(pattern: str, base: float = 10000.0) -> Circuit:
    """Return the angles x / base^(p / P) of positions x and frequencies p, of which there are P.

    Their sines and cosines are the positions of Vaswani et al., "Attention is all you need", 2017
    (:func:`sinusoid`), and rotate queries and keys in Su et al., "RoFormer", 2021.

    Examples
    --------
    >>> angles("x p") >> cos
    Circuit(() -> R[x p])
    """
    axes = _words(_names(pattern, "that of positions", "that of frequencies"))
    expect(base, (int, float), "base", "a number, such as 10000.0")
    return _parsed(f"""
        a1[{axes}]: R = angle(base={float(base)!r}) over {axes} as "angles"
        return a1
    """)


def interleaved(letter: str = "m") -> Circuit:
    """Return the entries of two arrays in turn, along their last axis, which gets a letter.

    Examples
    --------
    >>> interleaved().at_dom((4,), (4,)).axes["m"]
    Size('8')
    """
    sides = view("p -> p s", s=1) @ view("p -> p t", t=1)
    return _lettered(sides >> concat("p [s], p [t] -> p [r]") >> view("p r -> (p r)"), letter)


def sinusoid(pattern: str, base: float = 10000.0) -> Circuit:
    """Return the table of sines and cosines of positions, in turn, without parameters.

    Parameters
    ----------
    pattern
        ``"x m"``: entry 2p of position x is the sine of x / base^(2p/m), entry 2p + 1 the cosine.

    Examples
    --------
    >>> sinusoid("x m")
    Circuit(() -> R[x m])
    """
    position, entry = _names(pattern, "that of positions", "that of sines and cosines")
    rates = angles(f"{position} {entry}'", base)
    return compose(rates, copy(2), sin @ cos, interleaved(entry))


def scatter(pattern: str, at: str) -> Circuit:
    """Return the sums of entries by where given indices put them: the transpose of `take`.

    It is a contraction with the mask that is 1 where the index is that of the axis. What runs it
    adds each entry once, and forms no mask.

    Parameters
    ----------
    pattern
        ``"k, k m -> e m"``: the indices, what is put, and what is made.
    at
        The axis that the indices point to.

    Examples
    --------
    >>> scatter("k, k m -> e m", at="e")
    Circuit(N<e>[k], R[k m] -> R[e m])
    """
    read = read_pattern(pattern)
    arrays = [*read.left, *read.right]
    names = [[item.name for item in array if not item.bracket] for array in arrays]
    if (
        len(read.left) != 2
        or len(read.right) != 1
        or not all(all(one) for one in names)
        or ([*map(len, arrays)] != [len({*one}) for one in names])
    ):
        raise read.error("it reads indices and an array, and makes one, as in 'k, k m -> e m'")
    index, given, made = names
    kept = {*made} - {at}
    if at not in made or at in {*index, *given} or not {*index} <= {*given} or not kept <= {*given}:
        raise read.error(f"at={at!r} is an axis of what is made alone, and all others are given")
    looked, read, at = f"i[{_words(index)}]", f"x[{_words(given)}]", written(at)
    inside = f"{at} <= {looked} and {looked} <= {at}"
    return _parsed(f"""
        {looked}: N<{at}>
        {read}: R
        a[{_words(made)}]: R = contraction({read} where {inside}, i) as "scatter"
        return a
    """)


def one_hot(pattern: str) -> Circuit:
    """Return the array that is 1 at an index of its axis, and 0 elsewhere.

    Examples
    --------
    >>> one_hot("V")
    Circuit(N<V>[] -> R[V])
    """
    at = _words(_names(pattern, "that of the index"))
    return _parsed(f"""
        i[]: N<{at}>
        one[]: R = constant(value=1.0) as "1"
        a[{at}]: R = view(one[] where {at} <= i[] and i[] <= {at}, i) as "one_hot"
        return a
    """)
