"""Skipping: which blocks add nothing to a state, since a mask hides all of them.

A mask puts its fill where its conditions on indices fail, or where an array of booleans is false.
Where it hides a whole block, what the block adds is followed from the fill on: a sum of 0, or a
greatest entry of -inf, adds nothing. A finite fill takes part in a softmax where a row has no open
entry. So it adds nothing only where exp(fill - R) is 0, as a number of its type, for the references
R of all rows; these have open entries then.

All that runs folds asks here. It passes over the blocks that are not :func:`hidden`; where numbers
decide whether fills add something (:attr:`Skip.is_sure`), it asks these of the state in the end,
and then passes over what is hidden, too. Merging is commutative, so these may come last.

>>> from catlearn.arrays import einsum, idle, softmax, where
>>> from catlearn.streams import stream
>>> for fill in (float("-inf"), -1e30, 0.0):
...     scores = where("q x", "x <= q", outside=fill) >> softmax("[x]")
...     fold = stream(scores @ idle >> einsum("q x, x e -> q e"), "x")
...     print(*((one.title, one.vanishing, one.below) for one in skips(fold)))
('where x <= q', (), ())
('where x <= q', ((-1e+30, 0),), ((-1e+30, 0),))
('where x <= q', ((0.0, 0),), ((0.0, 0),))
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import inf
from typing import Any

from catlearn.arrays.circuit import Circuit
from catlearn.arrays.forms import Form, IndexPart, Lookup, sizes_at
from catlearn.arrays.sizes import ONE, Size
from catlearn.streams.folding import Fold

Known = float | tuple[float, int] | None
"""An array of one number; one number less a reference, by its position; or unknown."""


@dataclass(frozen=True)
class Skip:
    """A mask for which blocks that it hides add nothing, if what is required holds.

    Parameters
    ----------
    title
        Of its box.
    conditions
        What is not negative where the mask is open; none if it is an array of booleans.
    places
        Which inputs of the terms the arrays are that conditions look up in, by operand; of an array
        of booleans, under the number 0.
    axes, mentions
        Of the variables of the box, and those whose sizes occur.
    vanishing
        Pairs of a number c and the position of a reference R: exp(c - R) has to be 0 everywhere.
    below
        Pairs of a number and the position of a greatest entry in the state: the number has to be
        less everywhere.
    """

    title: str
    conditions: tuple[Form, ...]
    places: Mapping[int, int]
    axes: tuple[int, ...]
    mentions: tuple[int, ...]
    vanishing: tuple[tuple[float, int], ...]
    below: tuple[tuple[float, int], ...]

    @property
    def is_sure(self) -> bool:
        """Whether what it hides adds nothing to any state."""
        return not self.vanishing and not self.below

    def greatest(
        self, sizes: Mapping[int, int], ends: Callable[[int], tuple[Any, Any]]
    ) -> list[Any]:
        """Return bounds of the conditions from above: the mask hides all if one is negative.

        Parameters
        ----------
        sizes
            By rows of axes.
        ends
            From the position of an array to its least and its greatest entry.
        """
        local = {key: size.substitute(sizes)
                 for key, size in sizes_at(self.axes, self.mentions).items()}  # fmt: skip

        def number(size: Size) -> int:
            found = size.substitute(local).number
            assert found is not None
            return found

        def spread(form: Form) -> tuple[Any, Any]:
            least: Any = number(form.constant)
            most = least
            for atom, coefficient in form.terms:
                factor = number(coefficient)
                if isinstance(atom, IndexPart):
                    by = number(atom.by)
                    low, high = spread(atom.form)
                    low, high = (low // by, high // by) if atom.kind == "div" else (0, by - 1)
                elif isinstance(atom, Lookup):
                    low, high = ends(self.places[atom.operand])
                else:
                    low, high = 0, sizes[self.axes[atom]] - 1
                if factor < 0:
                    low, high = high, low
                least, most = least + factor * low, most + factor * high
            return least, most

        return [spread(form)[1] for form in self.conditions]


def hidden(
    masks: Iterable[Skip], sizes: Mapping[int, int], ends: Callable[[int], tuple[Any, Any]]
) -> list[Any]:
    """Say of each mask whether it hides all of a block, or of several at once.

    Parameters
    ----------
    sizes
        By rows of axes.
    ends
        From the position of an array to its least and its greatest entry in the block: numbers of
        Python, or arrays of NumPy or JAX.

    Examples
    --------
    >>> from catlearn.arrays import einsum, idle, softmax, where
    >>> from catlearn.streams import stream
    >>> scores = where("x", "x < 5") >> softmax("[x]")
    >>> masks = skips(stream(scores @ idle >> einsum("x, x e -> e"), "x"))
    >>> [hidden(masks, {0: 8}, lambda _, start=start: (start, start + 3)) for start in (0, 4, 5)]
    [[False], [False], [True]]
    """
    return [
        reduce(operator.or_, (bound < 0 for bound in one.greatest(sizes, ends)))
        if one.conditions else ends(one.places[0])[1] == 0
        for one in masks
    ]  # fmt: skip


def skips(
    fold: Fold, terms: Circuit | None = None, inputs: Sequence[int] | None = None
) -> list[Skip]:
    """List the masks of a fold for which blocks that they hide add nothing.

    Parameters
    ----------
    terms
        The terms of the fold at blocks of other axes, too.
    inputs
        Which input of the fold's terms each of these is; the position of each unless said.
    """
    terms, found = terms or fold.terms, []
    inputs = range(len(terms.dom)) if inputs is None else inputs
    H, given = terms.apex, dict(zip(terms.dom, inputs, strict=True))
    for box in terms._walk():
        operation, ins = H.operations[box], H.sides[0][box]
        if operation.kernel.name == "where":
            masks = [(0, (), {0: ins[0]})]
        else:
            masks = [
                (k, one.conditions, {look.operand: ins[look.operand]
                                     for form in one.conditions for look in form.lookups})
                for k, one in enumerate(operation.readings) if one is not None and one.conditions
            ]  # fmt: skip
        for operand, conditions, read in masks:
            if not all(wire in given for wire in read.values()):
                continue
            vanishing: dict[tuple[float, int], None] = {}
            outs = _followed(fold, terms, given, (box, operand), vanishing)
            below = []
            for k, (kind, value) in enumerate(zip(fold.kinds, outs, strict=False)):
                if kind == "max" and isinstance(value, float):
                    below += [(value, k)] if value > -inf else []
                elif kind != "sum" or value != 0.0:
                    break
            else:
                axes, mentions = (tuple(H.lists[name].row(box).tolist())
                                  for name in ("vars", "mentions"))  # fmt: skip
                places = {k: given[wire] for k, wire in read.items()}
                found.append(Skip(H.title(box), conditions, places, axes, mentions, (*vanishing,),
                                  (*below,)))  # fmt: skip
    return found


def _followed(
    fold: Fold, terms: Circuit, given: Mapping[int, int], closed: tuple[int, int],
    vanishing: dict[tuple[float, int], None],
) -> list[Known]:  # fmt: skip
    """Return what is known of the outputs where a mask, an operand of a box, is closed.

    Parameters
    ----------
    vanishing
        What is required for it is added.
    """
    H, known = terms.apex, dict[int, Known]()
    references = {wire: k for wire, k in given.items() if 0 <= k < len(fold.references.cod)}

    def plain(box: int, k: int) -> bool:
        reading = H.operations[box].readings[k]
        return reading is not None and reading.is_plain

    def read(box: int, k: int) -> Known:
        reading, value = H.operations[box].readings[k], known.get(H.sides[0][box][k])
        if (box, k) == closed and reading is not None:
            return float(reading.outside)
        return value if plain(box, k) or (reading and value == reading.outside) else None

    for box in terms._walk():
        one = H.operations[box]
        reads, made = [read(box, k) for k in range(len(H.sides[0][box]))], None
        name, first = one.kernel.name, reads[0] if reads else None
        if name == "where":
            options: dict[str, Any] = dict(one.kernel.options)
            fill = float(options["outside"])
            made = fill if box == closed[0] or reads[1] == fill else None
        elif name == "contraction" and 0.0 in reads:
            made = 0.0
        elif name in ("view", "stop", "max") or (
            name == "contraction" and len(reads) == 1 and not one.targets and one.scale == ONE
        ):
            made = first if name != "max" or isinstance(first, float) else None
        elif name == "add" and -inf in reads:
            made = -inf
        elif name == "shifted" and isinstance(first, float):
            reference = references.get(H.sides[0][box][1])
            if first == -inf:
                made = first
            elif reference is not None and plain(box, 1):
                made = first, reference
        elif name == "exp" and isinstance(first, tuple):
            vanishing[first] = None
            made = 0.0
        elif (name, first) in (("exp", -inf), ("square", 0.0)) or (name == "mul" and 0.0 in reads):
            made = 0.0
        known |= dict.fromkeys(H.sides[1][box], made)
    return [known.get(wire) for wire in terms.cod]


def starts_empty(fold: Fold) -> bool:
    """Whether the state without entries, 0 of sums and -inf of greatest entries, may be stepped.

    It may if the step makes numbers of it: exp(-inf - R) times 0 is 0, but -inf times 0, which
    stands in the step of an entropy, is no number.

    Examples
    --------
    >>> from catlearn.arrays import einsum, softmax
    >>> from catlearn.streams import stream
    >>> starts_empty(stream(softmax("q [x]") >> einsum("q x -> q"), "x"))
    True
    """
    step = fold.step
    H, known = step.apex, dict[int, float | None]()
    starts = {"sum": 0.0, "max": -inf, "place": 0.0}
    known |= {wire: starts[kind] for wire, kind in zip(step.dom, fold.kinds, strict=False)}
    for box in step._walk():
        one, made = H.operations[box], None
        reads = [known.get(wire) for wire in H.sides[0][box]]
        name = one.kernel.name
        plain = all(
            value is None or (r is not None and r.is_plain)
            for r, value in zip(one.readings, reads, strict=True)
        )  # fmt: skip
        if all(value is None for value in reads):
            continue
        alone = len(reads) == 1
        if not plain:
            return False
        if name == "exp":
            made = 0.0 if reads[0] == -inf else None
        elif name == "shifted":
            made = -inf if -inf in reads[:1] else None
            if -inf in reads[1:]:
                return False
        elif name in ("contraction", "mul") and -inf not in reads:
            made = 0.0
        elif name in ("view", "stop") or (name == "max" and alone) or (
            name == "contraction" and alone and not one.targets and one.scale == ONE
        ):  # fmt: skip
            made = reads[0]
        elif name == "add" and -inf not in reads:
            made = 0.0 if None not in reads else None
        elif name == "neg" and reads[0] == 0.0:
            made = 0.0
        elif name not in ("larger", "earlier"):
            return False
        elif name == "larger" and None not in reads:
            made = max(value for value in reads if value is not None)
        known |= dict.fromkeys(H.sides[1][box], made)
    return True
