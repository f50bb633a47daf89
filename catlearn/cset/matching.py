"""Matches of a pattern whose labels may be variables: finding, reading and extending them.

>>> from catlearn.cset import CSet, Schema
>>> from catlearn.cset.labels import Variable
>>> points = Schema(["X"], attributes={"colour": "X"})
>>> pair = CSet(points, X=2, colour=[Variable("c"), Variable("c")])
>>> whole = CSet(points, X=["a", "b", "c"], colour=["red", "blue", "red"])
>>> for m in candidates(pair, whole, monic=True):
...     print(m.components["X"], m.domain.colour)
[a, c] : 2 -> {a, b, c} ('red', 'red')
[c, a] : 2 -> {a, b, c} ('red', 'red')
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from catlearn.cset.complement import row_word
from catlearn.cset.labels import (
    Variable,
    bind,
    fill,
    labels_as_rows,
    open_attributes,
    variables,
)
from catlearn.cset.search import Rows, homomorphisms
from catlearn.finset import FinFunction, TableMorphism, Tables
from catlearn.finset.shapes import same_label
from catlearn.finset.tables import components_of, morphism
from catlearn.finset.value import listing


def candidates(
    pattern: Tables, whole: Tables, monic: Any = False, initial: Rows | None = None
) -> Iterator[Any]:
    """Generate the morphisms into the whole out of the pattern with its variables filled in.

    Parameters
    ----------
    pattern
        Tables whose labels may be variables.
    whole
        Tables of the same shape.
    monic, initial
        As for :func:`~catlearn.cset.homomorphisms`.
    """
    opened = open_attributes(pattern)
    sides = (labels_as_rows(one, opened) for one in (pattern, whole))
    # Two variables may stand for one label.
    monic = pattern.shape.tables if monic is True else monic
    for found in homomorphisms(*sides, monic=monic, initial=initial):
        match = filled_match(pattern, whole, found.components)
        if match is not None:
            yield match


def filled_match(pattern: Tables, whole: Tables, components: Mapping[str, FinFunction]) -> Any:
    """Return the match with these components; None if labels are not what variables admit."""
    bindings = bind(pattern, whole, components)
    if bindings is None:
        return None
    filled = fill(pattern, bindings)
    values = {table: components[table].values for table in pattern.shape.tables}
    return morphism(filled, whole, components_of(values, filled, whole))


def read_match(pattern: Tables, whole: Tables, given: TableMorphism) -> tuple[Any, str]:
    """Read a match that a user gives, out of the pattern or of it filled in.

    Returns
    -------
    match, str
        The match out of the pattern filled in; or None, and what is wrong.
    """
    ambient = whole.ambient
    why = ambient.mismatch(given.codomain, whole)
    if why:
        return None, f"it does not go into this object: {why}"
    if variables(given.domain) or not variables(pattern):
        why = given.domain.mismatch(pattern)
    if why:
        return None, f"it does not start at the left side: {why}"
    found = filled_match(pattern, whole, given.components)
    if found is None:
        return None, "the labels are not those that the variables of the left side stand for"
    why = "" if variables(given.domain) else found.domain.mismatch(given.domain)
    if why:
        return None, f"it does not start at the left side: {why}"
    failures = found.failures()
    return (None if failures else found), listing(map(str, failures[:3]), len(failures))


def wrong_labels(pattern: Tables, whole: Tables, fixed: Rows) -> list[str]:
    """Say which labels, of rows that have to go to certain rows and of their ends, do not fit.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema
    >>> points = Schema(["X"], attributes={"colour": "X"})
    >>> one, whole = (CSet(points, X=["a"], colour=[colour]) for colour in ("red", "blue"))
    >>> wrong_labels(one, whole, {"X": {"a": "a"}})
    ["X 'a' has the colour blue, the left side asks for red"]
    """
    shape, found = pattern.shape, []
    for table, rows in fixed.items():
        for name, at in rows.items():
            x, y = pattern.row(table, name), whole.row(table, at)
            said = f"{row_word(table)} {whole.sets[table].label(y)!r}"
            places = [(table, x, y, said)]
            for arrow, (source, target) in shape.arrows.items():
                if source == table:
                    ends = pattern.arrows[arrow](x), whole.arrows[arrow](y)
                    places.append((target, *ends, f"the {arrow} of {said}"))
            for attribute, its in shape.attributes.items():
                for _, i, j, where in (place for place in places if place[0] == its):
                    want, have = pattern.attributes[attribute][i], whole.attributes[attribute][j]
                    fits = (
                        want.admits(have) if isinstance(want, Variable) else same_label(want, have)
                    )
                    if not fits:
                        asks = "another kind" if isinstance(want, Variable) else want
                        message = f"has the {attribute} {have}, the left side asks for {asks}"
                        found.append(f"{where} {message}")
    return found


def extends(pattern: Tables, n: TableMorphism, match: TableMorphism) -> bool:
    """Whether a match is n : pattern -> N followed by an injective morphism out of N."""
    fixed: dict[str, dict[int | str, int | str]] = {}
    pairs = [
        (t, int(y), int(x))
        for t, part in n.components.items()
        for y, x in zip(part.values, match.components[t].values, strict=True)
    ]
    if any(fixed.setdefault(t, {}).setdefault(y, x) != x for t, y, x in pairs):
        return False
    bindings = bind(pattern, match.codomain, match.components) or {}
    wanted = partly(n.codomain, bindings)
    return next(candidates(wanted, match.codomain, True, fixed), None) is not None


def partly(pattern: Any, bindings: Mapping[str, Any]) -> Any:
    """Fill in those variables that are bound, and leave the others open."""
    open_ones = {v.name: v for _, _, v in variables(pattern) if v.name not in bindings}
    return fill(pattern, {**open_ones, **bindings})
