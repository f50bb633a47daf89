"""Masks that hide a whole row, or put entries at indices: found before anything runs.

A softmax over what is hidden whole is no number. Where conditions on indices decide that, it is a
fault of the circuit; where an array of booleans does, the value is NaN, as in the naive form.

>>> from catlearn.arrays import softmax, where
>>> H = (where("x y", "y < x") >> softmax("[y]")).at(x=3, y=3).apex
>>> print(hidden_rows(H, dict.fromkeys(range(H.size("Axis")), 3))[0])
where y < x: hides all of axis y at x = 0; it has no softmax [lowering]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from catlearn.arrays.boxes import ArrayHypergraph, Operation
from catlearn.arrays.forms import Form, Reading, sizes_at
from catlearn.errors import Failure

MOST_INDICES = 2**24
"""For how many indices it is looked whether a mask hides a whole row."""


def ties(operation: Operation) -> list[tuple[int, int, Form]]:
    """Return the variables that masks tie to an index that is looked up.

    A mask ``i[k] = v``, outside of which there is 0, leaves of v one index for each of the others:
    what a contraction sums is put where the indices say, and nothing is formed for all v. It is the
    transpose of reading at ``i[k]``, and its gradient.

    Returns
    -------
    list
        The operand that is masked, the variable, and the form that it is.
    """
    found: list[tuple[int, int, Form]] = []
    if operation.kernel.name not in ("contraction", "view"):
        return found
    read = {
        v for one in operation.readings if one is not None for form in one.forms
        for v in form.variables
    }  # fmt: skip
    for k, reading in enumerate(operation.readings):
        conditions = reading.conditions if reading is not None and not reading.outside else ()
        for condition in conditions:
            for v, c in condition.terms:
                if not isinstance(v, int) or c.number != -1 or v in read:
                    continue
                form = condition + Form.variable(v)
                paired = condition.times(-1) in conditions and form.lookups
                mentioned = sum(v in one.variables for one in conditions)
                if paired and v in operation.writes[0] and mentioned == 2:
                    found.append((k, v, form))
    return found


def hidden_rows(H: ArrayHypergraph, sizes: Mapping[int, int]) -> list[Failure]:
    """List masks before a softmax over an axis whose conditions hide all of it at some index.

    Parameters
    ----------
    H
        The boxes and arrays of a circuit.
    sizes
        Of its axes.
    """
    writer, found = H.writer, []
    for box, operation in enumerate(H.operations):
        if operation.kernel.name != "softmax" or len(operation.targets) != 1:
            continue
        wire, reading = H.sides[0][box][0], operation.readings[0]
        wired = [form.wiring for form in reading.forms] if reading is not None else []
        if operation.targets[0] not in wired:
            continue
        over, conditions, titles = wired.index(operation.targets[0]), [], []
        while wire in writer:
            mask = writer[wire]
            one, own = H.operations[mask], H.operations[mask].readings[0]
            straight = own is not None and own.forms == Reading.wiring(one.writes[0]).forms
            if own is None or not straight or own.outside != float("-inf"):
                break
            lists = (H.lists[name].row(mask).tolist() for name in ("vars", "mentions"))
            local = {key: size.substitute(sizes) for key, size in sizes_at(*lists).items()}
            titles += [H.title(mask)] if own.conditions else []
            for form in own.conditions:
                if all(isinstance(atom, int) for atom, _ in form.terms):
                    terms = {one.writes[0].index(v): c.substitute(local).number
                             for v, c in form.terms}  # fmt: skip
                    conditions.append((form.constant.substitute(local).number, terms))
            wire = H.sides[0][mask][0]
        rank = H.lists["axes"].row(H.sides[0][box][0]).tolist()
        index = _hidden(conditions, [sizes[axis] for axis in rank], over)
        if index is not None:
            letters = [H.called(axis) for axis in rank]
            at = ", ".join(f"{letters[k]} = {number}" for k, number in index.items())
            message = f"hides all of axis {letters[over]}{at and f' at {at}'}; it has no softmax"
            found.append(Failure("lowering", " and ".join(titles), message))
    return found


def _hidden(
    conditions: Sequence[tuple[int, dict[int, int]]], shape: Sequence[int], over: int
) -> dict[int, int] | None:
    """Return an index at which no index of one axis satisfies linear conditions, if there is one.

    Conditions are a constant, and coefficients by position, of what has to be at least 0.
    """
    others = sorted({k for _, terms in conditions for k in terms} - {over})
    if not conditions or prod(shape[k] for k in others) > MOST_INDICES:
        return None
    grid = dict(zip(others, np.ogrid[tuple(slice(shape[k]) for k in others)], strict=True))
    least, most = np.int64(0), np.int64(shape[over] - 1)
    for constant, terms in conditions:
        rest = sum((c * grid[k] for k, c in terms.items() if k != over), np.int64(constant))
        own = terms.get(over, 0)
        if own > 0:
            least = np.maximum(least, -(rest // own))
        elif own < 0:
            most = np.minimum(most, rest // -own)
        else:
            most = np.where(rest < 0, -1, most)
    empty = np.argwhere(np.broadcast_to(least > most, [shape[k] for k in others]))
    return dict(zip(others, empty[0].tolist(), strict=True)) if len(empty) else None
