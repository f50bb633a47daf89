"""Pushout complements: what is left of an object when part of a pattern in it is deleted.

Given ``l : K -> L`` and ``m : L -> G``, a *pushout complement* is an object D with
``k : K -> D`` and ``d : D -> G`` such that the square

    K --l--> L
    |        |
    k        m
    v        v
    D --d--> G

is a pushout. If l is monic there is at most one, up to isomorphism: G without the images of the
rows of L that are not in K. It is one if and only if (Ehrig, Ehrig, Prange, Taentzer,
"Fundamentals of Algebraic Graph Transformation", 2006, section 3.3)

- *identification*: m identifies a row that is deleted with no other row;
- *dangling*: no row that stays has an arrow to, or mentions in a list, a row that is deleted;
- *labels*: a deleted row has the label of its image (m may raise labels of those that stay).

A map l that is not monic may have several complements, and is refused.

>>> from catlearn.finset import FinFunction
>>> l, m = FinFunction([0, 2], codomain=4), FinFunction([0, 1, 4, 5], codomain=6)
>>> k, d = pushout_complement(l, m)
>>> print(k, d, sep="; ")
[0, 3] : 2 -> 4; [0, 2, 3, 4] : 4 -> 6
>>> pushout_complement(l, FinFunction([0, 1, 1, 2], codomain=3))
Traceback (most recent call last):
    ...
catlearn.errors.NoComplement: pushout complement does not exist (1 failure):
  - '1': element '1' (deleted) and element '2' (kept) both go to it; ... [identification]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from catlearn.errors import CatlearnError, Failure, NoComplement, NotACocone
from catlearn.finset import Colimit, FinFunction, Span, TableMorphism, pushout
from catlearn.finset.shapes import same_label
from catlearn.finset.tables import morphism
from catlearn.finset.value import Frozen

LISTED = 100
"""How many offending rows of one kind an error lists before it counts the others."""

WORDS = {"V": "vertex", "E": "edge", "Eq": "equation"}


def row_word(table: str) -> str:
    """Say what a row of a table is called in messages."""
    return WORDS.get(table, table)


class Complement(Frozen):
    """A pushout complement; it unpacks to ``k : K -> D`` and ``d : D -> G``.

    Parameters
    ----------
    l, m
        The maps it is the complement of.
    k, d
        The two maps that complete the square.
    """

    l: Any  # noqa: E741
    m: Any
    k: Any
    d: Any

    def __init__(self, l: Any, m: Any, k: Any, d: Any) -> None:  # noqa: E741
        self._set(l=l, m=m, k=k, d=d)

    @property
    def apex(self) -> Any:
        """The object D."""
        return self.k.codomain

    @property
    def square(self) -> Colimit:
        """The square as a pushout, with legs m and d, which answers the universal property."""
        return Colimit(Span(self.l, self.k).as_diagram(), self.m.codomain, (self.m, self.d))

    def __iter__(self) -> Iterator[Any]:
        return iter((self.k, self.d))

    def _key(self) -> tuple[Any, ...]:
        return self.l, self.m, self.k, self.d

    def __repr__(self) -> str:
        return f"Complement(apex={self.apex!r}, k={self.k!r}, d={self.d!r})"


def pushout_complement(l: Any, m: Any) -> Complement:  # noqa: E741
    """Delete from the codomain of m what is not in the image of l.

    Parameters
    ----------
    l
        A monic map K -> L: of finite sets, or of tables of any kind.
    m
        A map L -> G.

    Returns
    -------
    Complement
        It unpacks to k : K -> D and d : D -> G. Names, and the side data of the tables of G
        (the stored arrays of a learning diagram), are kept.

    Raises
    ------
    NoComplement
        Listing, by table and name, rows that are deleted but identified with others, and rows
        that stay but lead to deleted ones; or rows that l identifies.
    CatlearnError
        If the maps do not compose, or are of another category.

    Examples
    --------
    >>> from catlearn.category import Graph, GraphMorphism
    >>> G = Graph({"f": ("A", "B"), "g": ("B", "C")})
    >>> point = GraphMorphism(Graph(vertices=["v"]), G, V={"v": "B"}, E={})
    >>> nothing = GraphMorphism(Graph(), point.domain, V={}, E={})
    >>> pushout_complement(nothing, point)
    Traceback (most recent call last):
        ...
    catlearn.errors.NoComplement: pushout complement does not exist (2 failures):
      - edge 'g': still touches vertex 'B' (its src), which is deleted [dangling]
      - edge 'f': still touches vertex 'B' (its tgt), which is deleted [dangling]
    """
    both = (l, m)
    if not any(all(isinstance(f, kind) for f in both) for kind in (FinFunction, TableMorphism)):
        kinds = " and ".join(type(f).__name__ for f in both)
        raise CatlearnError(
            f"pushout complements are known for finite functions and for morphisms of tables; "
            f"found {kinds}"
        )
    why = l.ambient.mismatch(l.codomain, m.domain)
    if why:
        raise CatlearnError(f"l must end where m starts: {why}")
    if isinstance(l, FinFunction):
        failures = [*_merged(l, "element"), *identified(l, m, "element")]
        if failures:
            raise NoComplement("pushout complement", failures)
        kept = np.flatnonzero(~deleted_rows(l, m))
        D = m.codomain.part(kept)
        d = FinFunction(kept, D, m.codomain)
        return Complement(l, m, FinFunction(_places(l, m, kept), l.domain, D), d)
    failures = [*unglued(l, m), *dangling(l, m)]
    for name, labels in raised(l, m).items():
        table = l.domain.shape.attributes[name]
        for row, label in labels.items():
            where = f"{row_word(table)} {m.domain.sets[table].label(row)!r}"
            message = f"it is deleted, but its {name} is {m.domain.attributes[name][row]!r}, that "
            failures.append(Failure("labels", where, f"{message}of what it goes to is {label!r}"))
    if failures:
        raise NoComplement("pushout complement", failures)
    kept = {t: np.flatnonzero(~gone) for t, gone in deleted_tables(l, m).items()}
    D, d = m.codomain.subtables(kept)
    places = {t: _places(l.components[t], m.components[t], rows) for t, rows in kept.items()}
    k = morphism(l.domain, D, places).components
    for name, labels in _lowered(l, m, k, d).items():
        D = D.with_column(name, labels)
        d = morphism(D, m.codomain, kept)
    return Complement(l, m, morphism(l.domain, D, places), d)


def _carried(tables: Any, name: str, parts: Mapping[str, FinFunction]) -> Sequence[Any]:
    """Return the labels of an attribute as they are along a morphism with these components."""
    carry = tables.shape.order(name).carry
    column = tables.attributes[name]
    return column if carry is None else [carry(label, parts) for label in column]


def raised(l: TableMorphism, m: TableMorphism) -> dict[str, dict[int, Any]]:  # noqa: E741
    """Return by attribute the deleted rows whose labels m raises, with those of their images."""
    found: dict[str, dict[int, Any]] = {}
    for name in m.domain.shape.orders:
        table = m.domain.shape.attributes[name]
        labels, there = _carried(m.domain, name, m.components), m.codomain.attributes[name]
        for row in _outside(l.components[table]).tolist():
            label = there[m.components[table](row)]
            if not same_label(labels[row], label):
                found.setdefault(name, {})[row] = label
    return found


def _lowered(
    l: TableMorphism,  # noqa: E741
    m: TableMorphism,
    k: Mapping[str, FinFunction],
    d: TableMorphism,
) -> dict[str, dict[int, Any]]:
    """Return by attribute the labels of rows of D that are lower there, since l raises them.

    So a rule may take a label away: its row has none in K, and another one, or none, in R. Where
    the label in G is not that of L, or rows of K with several labels meet, it stays.
    """
    K, L = l.domain, l.codomain
    found: dict[str, dict[int, Any]] = {}
    for name in K.shape.orders:
        table = K.shape.attributes[name]
        images, places = l.components[table].values.tolist(), k[table].values.tolist()
        in_L, in_G, in_D = (
            _carried(one, name, parts)
            for one, parts in ((K, l.components), (L, m.components), (K, k))
        )
        below: dict[int, list[int]] = {}
        for row, place in enumerate(places):
            below.setdefault(place, []).append(row)
        for place, rows in below.items():
            top = m.codomain.attributes[name][d.components[table](place)]
            is_raised = any(
                not same_label(in_L[row], L.attributes[name][images[row]]) for row in rows
            )
            reached = any(same_label(in_G[images[row]], top) for row in rows)
            if is_raised and reached and all(same_label(in_D[r], in_D[rows[0]]) for r in rows):
                found.setdefault(name, {})[place] = in_D[rows[0]]
    return found


def is_pushout(f: Any, g: Any, i: Any, j: Any) -> bool:
    """Whether ``f >> i == g >> j`` is a pushout square.

    Parameters
    ----------
    f, g
        The span.
    i, j
        The cocone: maps out of the codomains of f and g.

    Examples
    --------
    >>> from catlearn.finset import FinFunction
    >>> f, g = FinFunction([0], codomain=1), FinFunction([1], codomain=2)
    >>> is_pushout(f, g, FinFunction([1], codomain=2), FinFunction([0, 1], codomain=2))
    True
    >>> is_pushout(f, g, FinFunction([1], codomain=3), FinFunction([0, 1], codomain=3))
    False
    """
    try:
        comparison = pushout(f, g).universal(i, j)
    except NotACocone:
        return False
    if isinstance(comparison, FinFunction):
        return comparison.is_bijective
    return comparison.is_isomorphism


def deleted_rows(l: FinFunction, m: FinFunction) -> np.ndarray:  # noqa: E741
    """Mark the elements of the codomain of m that are deleted."""
    gone = np.zeros(m.codomain.size, bool)
    gone[m.values[_outside(l)]] = True
    return gone


def deleted_tables(l: TableMorphism, m: TableMorphism) -> dict[str, np.ndarray]:  # noqa: E741
    """Mark the rows of the codomain of m that are deleted, table by table."""
    return {t: deleted_rows(part, m.components[t]) for t, part in l.components.items()}


def unglued(l: TableMorphism, m: TableMorphism) -> list[Failure]:  # noqa: E741
    """List the rows that l identifies, and the deleted rows that m identifies with others."""
    failures = []
    for table, part in l.components.items():
        word = row_word(table)
        failures += [*_merged(part, word), *identified(part, m.components[table], word)]
    return failures


def identified(l: FinFunction, m: FinFunction, word: str) -> list[Failure]:  # noqa: E741
    """List the elements onto which m sends a deleted element and another."""
    hits = np.bincount(m.values, minlength=m.codomain.size)
    bad = np.flatnonzero(deleted_rows(l, m) & (hits > 1))
    gone = np.zeros(l.codomain.size, bool)
    gone[_outside(l)] = True
    failures = []
    for k in bad[:LISTED].tolist():
        rows = np.flatnonzero(m.values == k).tolist()
        listed = " and ".join(
            f"{word} {m.domain.label(x)!r} ({'deleted' if gone[x] else 'kept'})" for x in rows
        )
        where = m.codomain.label(k)
        where = repr(where) if word == "element" else f"{word} {where!r}"
        message = f"{listed} both go to it; keep both in the interface, or match them apart"
        message = message if len(rows) == 2 else message.replace(" both go", " all go")
        failures.append(Failure("identification", where, message))
    return failures + _more("identification", word, bad)


Excuse = Callable[[str, str, np.ndarray], np.ndarray]


def dangling(
    l: TableMorphism,  # noqa: E741
    m: TableMorphism,
    excused: Excuse | None = None,
) -> list[Failure]:
    """List the rows that stay but lead to deleted ones.

    Parameters
    ----------
    l, m
        The interface in the pattern, and the pattern in the whole.
    excused
        ``excused(step, table, rows)`` marks deleted rows of a table to which an arrow or list
        may still lead, since they are replaced.
    """
    whole, gone = m.codomain, deleted_tables(l, m)
    failures: list[Failure] = []
    for name, (source, target) in whole.shape.steps().items():
        step = whole.step(name)
        owners = step.owners
        bad = np.flatnonzero(gone[target][step.values] & ~gone[source][owners])
        if excused is not None and bad.size:
            bad = bad[~excused(name, target, step.values[bad])]
        pairs = np.unique(np.stack([owners[bad], step.values[bad]]), axis=1)
        here, there = row_word(source), row_word(target)
        for row, end in pairs[:, :LISTED].T.tolist():
            label = f"{there} {whole.sets[target].label(end)!r} (its {name})"
            verb = "mentions" if name in whole.shape.lists else "touches"
            where = f"{here} {whole.sets[source].label(row)!r}"
            failures.append(Failure("dangling", where, f"still {verb} {label}, which is deleted"))
        failures += _more("dangling", here, pairs[0])
    return failures


def _outside(l: FinFunction) -> np.ndarray:  # noqa: E741
    """Return the elements of the codomain that are not values."""
    missed = np.ones(l.codomain.size, bool)
    missed[l.values] = False
    return np.flatnonzero(missed)


def _places(l: FinFunction, m: FinFunction, kept: np.ndarray) -> np.ndarray:  # noqa: E741
    """Return where the interface lands among the elements that are kept."""
    return np.searchsorted(kept, m.values[l.values])


def _merged(l: FinFunction, word: str) -> list[Failure]:  # noqa: E741
    """List the elements onto which l sends several, so that complements are not unique."""
    bad = np.flatnonzero(np.bincount(l.values, minlength=l.codomain.size) > 1)
    failures = []
    for k in bad[:LISTED].tolist():
        rows = l.domain.labels(np.flatnonzero(l.values == k).tolist())
        message = f"{', '.join(map(repr, rows))} of the interface all go to it, so that a "
        message += "complement need not be unique; take an l that is monic"
        failures.append(Failure("uniqueness", f"{word} {l.codomain.label(k)!r}", message))
    return failures + _more("uniqueness", word, bad)


def _more(law: str, word: str, bad: np.ndarray) -> list[Failure]:
    count = bad.size - LISTED
    return [Failure(law, word, f"{count} more rows")] if count > 0 else []
