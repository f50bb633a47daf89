"""Arrays that follow from indices alone: positions, and the array that is 1 at an index.

>>> from catlearn.arrays import add, idle
>>> idle @ sinusoid("x m") >> add
Circuit(R[x m] -> R[x m])
"""

from __future__ import annotations

from catlearn.arrays.boxes import Draft, Operation
from catlearn.arrays.circuit import Circuit, compose
from catlearn.arrays.forms import Form, Lookup, Reading
from catlearn.arrays.kernels import Kernel
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
    letters = _names(pattern, "that of positions", "that of frequencies")
    expect(base, (int, float), "base", "a number, such as 10000.0")
    draft, kernel = Draft(), Kernel("angle", (("base", float(base)),))
    axes = [draft.axis(letter) for letter in letters]
    operation = Operation(kernel, (), ((0, 1),), (0, 1), letters=letters, title="angles")
    out = draft.wire(axes)
    draft.box(operation, [], [out], axes)
    return Circuit.of(draft, [], [out])


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
    letters = (*made, *(name for name in given if name not in made))
    draft, place = Draft(), {name: k for k, name in enumerate(letters)}
    axes = [draft.axis(letter) for letter in letters]
    looked = Form.atom(Lookup(1, Reading.wiring([place[name] for name in index]).forms))
    apart = looked + Form.variable(place[at]).times(-1)
    reading = Reading.wiring([place[name] for name in given])
    reading = Reading(reading.forms, 0.0, (apart, apart.times(-1)))
    ins = [
        draft.wire([axes[place[name]] for name in given]),
        draft.wire([axes[place[name]] for name in index], draft.type("N", axes[place[at]])),
    ]
    out, count = draft.wire([axes[place[name]] for name in made]), len(made)
    operation = Operation(
        Kernel("contraction"), (reading, None), (tuple(range(count)),),
        tuple(range(count, len(letters))), letters=letters, title="scatter",
    )  # fmt: skip
    draft.box(operation, ins, [out], axes)
    return Circuit.of(draft, ins[::-1], [out])


def one_hot(pattern: str) -> Circuit:
    """Return the array that is 1 at an index of its axis, and 0 elsewhere.

    Examples
    --------
    >>> one_hot("V")
    Circuit(N<V>[] -> R[V])
    """
    (letter,) = _names(pattern, "that of the index")
    draft = Draft()
    axis, unit = draft.axis(letter), Kernel("constant", (("value", 1.0),))
    one, index, out = draft.wire(()), draft.wire((), draft.type("N", axis)), draft.wire([axis])
    draft.box(Operation(unit, (), ((),), title="1"), [], [one], ())
    difference = Form.atom(Lookup(1, ())) + Form.variable(0).times(-1)
    reading = Reading((), 0.0, (difference, difference.times(-1)))
    made = Operation(
        Kernel("view"), (reading, None), ((0,),), letters=(letter,), title="one_hot"
    )  # fmt: skip
    draft.box(made, [one, index], [out], [axis])
    return Circuit.of(draft, [index], [out])
