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

A map l that is not monic may have several, which :func:`pushout_complements` generates. Instead
of a pushout, the square may be a pullback, the final one (Corradini, Heindel, Hermann, König,
"Sesqui-pushout rewriting", 2006): :func:`final_pullback_complement`.

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
from itertools import combinations, product
from math import prod
from typing import Any

import numpy as np

from catlearn.errors import (
    CatlearnError,
    Failure,
    Failures,
    NoComplement,
    NotACocone,
    TooLarge,
    refuse,
)
from catlearn.finset import (
    Colimit,
    Diagram,
    FinFunction,
    FinSet,
    Limit,
    ListFunction,
    Shape,
    Span,
    TableMorphism,
    Tables,
    pushout,
)
from catlearn.finset.merge import quotient
from catlearn.finset.shapes import same_label
from catlearn.finset.tables import morphism
from catlearn.finset.value import Frozen, marked
from catlearn.names import distinct

LISTED = 100
"""How many offending rows of one kind an error lists before it counts the others."""

MOST_COPIES = 1_000_000
"""Of how many copies a row of the context may be one, in a final pullback complement."""

SETS = Shape(["element"])
"""Finite sets as tables."""

WORDS = {"V": "vertex", "E": "edge", "Eq": "equation"}


def row_word(table: str) -> str:
    """Say what a row of a table is called in messages."""
    return WORDS.get(table, table)


class Complement(Frozen, by="l m k d final"):
    """A pushout complement; it unpacks to ``k : K -> D`` and ``d : D -> G``.

    Parameters
    ----------
    l, m
        The maps it is the complement of.
    k, d
        The two maps that complete the square.
    final
        Whether it is a final pullback complement instead.
    """

    l: Any  # noqa: E741
    m: Any
    k: Any
    d: Any
    final: bool

    def __init__(self, l: Any, m: Any, k: Any, d: Any, final: bool = False) -> None:  # noqa: E741
        self._set(l=l, m=m, k=k, d=d, final=final)

    @property
    def apex(self) -> Any:
        """The object D."""
        return self.k.codomain

    @property
    def square(self) -> Colimit | Limit:
        """The square as a pushout, with legs m and d, or as a pullback, with legs l and k.

        It answers the universal property.
        """
        if not self.final:
            return Colimit(Span(self.l, self.k).as_diagram(), self.m.codomain, (self.m, self.d))
        objects = self.m.domain, self.apex, self.m.codomain
        arrows = [(0, 2, self.m), (1, 2, self.d)]
        return Limit(Diagram(objects, arrows, legs=range(2)), self.l.domain, (self.l, self.k))

    def __iter__(self) -> Iterator[Any]:
        return iter((self.k, self.d))

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
    L, M = _as_tables(l, m)
    refuse("pushout complement", [*unglued(L, M), *dangling(L, M), *_raised(L, M)], NoComplement)
    return next(_complements(l, m, L, M))


def pushout_complements(l: Any, m: Any) -> Iterator[Complement]:  # noqa: E741
    """Generate all pushout complements, also of a map l that is not monic.

    Two of them are isomorphic, in the only way that respects both maps, if and only if they are
    equal. Rows outside the image of m stay; over a row in it are classes of the rows of K there,
    which any congruence may identify that, with what l identifies, leaves them connected. What
    led there may lead to any of the classes (Heumüller, Joshi, König, Stückrath, "Construction
    of pushout complements in the category of hypergraphs", 2011).

    Parameters
    ----------
    l, m
        As for :func:`pushout_complement`, but that l need not be monic.

    Raises
    ------
    NoComplement
        Where there is none, as for :func:`pushout_complement`.

    Examples
    --------
    Two vertices that l identifies may be one in D or two; an edge at them starts at either.

    >>> from catlearn.category import Graph, GraphMorphism
    >>> two, one = Graph(vertices=["x", "y"]), Graph(vertices=["v"])
    >>> l = GraphMorphism(two, one, V={"x": "v", "y": "v"}, E={})
    >>> m = GraphMorphism(one, Graph({"e": ("A", "B")}), V={"v": "A"}, E={})
    >>> for found in pushout_complements(l, m):
    ...     print(found.apex, "|", found.k.components["V"])
    copy/A, e : A → B | [A, copy/A] : {x, y} -> {A, copy/A, B}
    A, e : copy/A → B | [A, copy/A] : {x, y} -> {A, copy/A, B}
    e : A → B | [A, A] : {x, y} -> {A, B}
    """
    L, M = _as_tables(l, m)
    refuse(
        "pushout complement",
        [*unglued(L, M, monic=False), *dangling(L, M), *_raised(L, M)],
        NoComplement,
    )
    return _complements(l, m, L, M)


def final_pullback_complement(l: Any, m: Any) -> Complement:  # noqa: E741
    """Return the largest D over G whose pullback along m is K: what sesqui-pushout rewriting keeps.

    It deletes with a row all that leads to it, and where l sends several rows of K to one it
    copies this row, and what leads to it, once for each choice of ends. The square is a pullback,
    and every other over m that maps to K does so along exactly one D' -> D.

    Parameters
    ----------
    l, m
        As for :func:`pushout_complements`.

    Raises
    ------
    NoComplement
        Where there is none: rows that m identifies of which one is deleted or copied and another
        is not, or copied rows to which a row leads that leads to itself, which could have
        infinitely many copies.
    TooLarge
        If one row would have more than a million copies.
    InvalidStructure
        If it breaks laws of the kind of tables that G is.

    Examples
    --------
    >>> from catlearn.category import Graph, GraphMorphism
    >>> G, v = Graph({"e": ("A", "B")}), Graph(vertices=["v"])
    >>> m = GraphMorphism(v, G, V={"v": "A"}, E={})
    >>> print(final_pullback_complement(GraphMorphism(Graph(), v, V={}, E={}), m).apex)
    B
    >>> l = GraphMorphism(Graph(vertices=["x", "y"]), v, V={"x": "v", "y": "v"}, E={})
    >>> print(final_pullback_complement(l, m).apex)
    e : A → B, copy/e : copy/A → B
    """
    L, M = _as_tables(l, m)
    cover = _Unfolding(L, M)
    refuse("final pullback complement", cover.failures, NoComplement)
    D, d = _cover(M.codomain, cover.copies, cover.steps())
    places = cover.places
    bad: dict[str, np.ndarray] = {}
    for _, left, right in getattr(D.shape, "laws", ()):
        differ = np.flatnonzero(D.along(left).values != D.along(right).values)
        bad[left.source] = np.union1d(bad.get(left.source, differ), differ)
    if any(rows.size for rows in bad.values()):
        whole = {t: np.arange(D.size(t)) for t in D.shape.tables}
        kept = D.interior({t: np.setdiff1d(whole[t], rows) for t, rows in bad.items()})
        D, inclusion = D.subtables(kept)
        d, places = inclusion >> d, {t: np.searchsorted(kept[t], k) for t, k in places.items()}
    refuse("the final pullback complement", D.failures())
    return _complement(l, m, (L, M), places, d, final=True)


def final_failures(l: TableMorphism, m: TableMorphism) -> list[Failure]:  # noqa: E741
    """List why two morphisms of tables have no final pullback complement."""
    return _Unfolding(l, m).failures


def _as_tables(l: Any, m: Any) -> tuple[TableMorphism, TableMorphism]:  # noqa: E741
    """Read two maps that compose; functions are morphisms of tables of one kind."""
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
    if not isinstance(l, FinFunction):
        return both
    K, L, G = (
        Tables._of_steps(SETS, {"element": one}, {}, {})
        for one in (l.domain, l.codomain, m.codomain)
    )
    return morphism(K, L, {"element": l}), morphism(L, G, {"element": m})


def _complement(
    l: Any,  # noqa: E741
    m: Any,
    tables: tuple[TableMorphism, TableMorphism],
    places: Mapping[str, np.ndarray],
    d: TableMorphism,
    final: bool = False,
) -> Complement:
    """Lower the labels of D that l raises, and return functions where functions were given."""
    K, D = tables[0].domain, d.domain
    k = morphism(K, D, places)
    for name, labels in _lowered(*tables, k.components, d).items():
        D = D.with_column(name, labels)
    k, d = morphism(K, D, places), morphism(D, d.codomain, d.components)
    if isinstance(l, FinFunction):
        return Complement(l, m, k.components["element"], d.components["element"], final)
    return Complement(l, m, k, d, final)


def _cover(
    G: Any, copies: Mapping[str, np.ndarray], steps: Mapping[str, Mapping[int, Sequence[int]]]
) -> tuple[Any, TableMorphism]:
    """Return tables with some copies of each row of G, and their morphism to G.

    A row leads to the first copies, but where ``steps`` says otherwise: arrow or list -> row of
    D -> rows of D.
    """
    rows = {t: np.repeat(np.arange(n.size), n) for t, n in copies.items()}
    first = {t: np.cumsum(n) - n for t, n in copies.items()}
    sets, found = {}, {}
    for table, chosen in rows.items():
        sets[table] = G.sets[table].part(chosen)
        if sets[table].names and np.any(copies[table] > 1):
            sets[table] = FinSet(distinct(sets[table].names, "copy/"))
    for name, (source, target) in G.shape.steps().items():
        step = G.step(name).at(rows[source], sets[source])
        values = first[target][step.values]
        for row, ends in steps.get(name, {}).items():
            values[step.offsets[row] : step.offsets[row + 1]] = ends
        found[name] = ListFunction._of(step.offsets, values, sets[source], sets[target])
    columns = {
        name: tuple(G.attributes[name][row] for row in rows[table].tolist())
        for name, table in G.shape.attributes.items()
    }
    D = type(G)._of_steps(G.shape, sets, found, columns, G._held(rows))
    return D, morphism(D, G, rows)


def _places(copies: np.ndarray, over: np.ndarray) -> np.ndarray:
    """Number the copies of each row: what is over it has the numbers of its copies, in order."""
    order = np.argsort(over, kind="stable")
    places = np.empty(over.size, np.int64)
    within = np.arange(over.size) - np.searchsorted(over[order], over[order])
    places[order] = (np.cumsum(copies) - copies)[over[order]] + within
    return places


def _along(
    K: Tables, copies: Mapping[str, np.ndarray], places: Mapping[str, np.ndarray]
) -> dict[str, dict[int, Sequence[int]]]:
    """Say where the rows of D lead at which rows of K are, where there are several copies."""
    return {
        name: {
            place: places[target][K.step(name).row(row)].tolist()
            for row, place in enumerate(places[source].tolist())
        }
        if np.any(copies[target] > 1)
        else {}
        for name, (source, target) in K.shape.steps().items()
    }


def _closed(K: Tables, classes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the smallest congruence above some equivalences of rows, given by their classes."""
    growing = True
    while growing:
        growing = False
        for name, (source, target) in K.shape.steps().items():
            step, mine = K.step(name), classes[target]
            _, first = np.unique(classes[source], return_index=True)
            others = step.at(first[classes[source]], step.domain).values
            count = int(mine.max(initial=-1)) + 1
            labels, kept = quotient(count, mine[step.values], mine[others])
            if len(kept) < count:
                growing, classes = True, {**classes, target: labels[mine]}
    return classes


def _classes(keys: np.ndarray) -> np.ndarray:
    return np.unique(keys, return_inverse=True)[1].reshape(-1)


def _congruences(l: TableMorphism, m: TableMorphism) -> Iterator[dict[str, np.ndarray]]:  # noqa: E741
    """Generate the congruences of K whose quotient may be what a complement has of it."""
    K = l.domain
    over = {t: (part >> m.components[t]).values for t, part in l.components.items()}
    start, pairs = {}, []
    for table, part in l.components.items():
        # Where l identifies no two of the rows over a row of G, they are one.
        at, size = over[table], m.codomain.size(table)
        often = np.bincount(part.values, minlength=part.codomain.size)
        loose = marked(at[often[part.values] > 1], size)
        start[table] = _classes(np.where(loose[at], size + np.arange(at.size), at))
        for g in np.flatnonzero(loose).tolist():
            pairs += [(table, *two) for two in combinations(np.flatnonzero(at == g).tolist(), 2)]
    waiting, seen = [_closed(K, start)], set()
    if not pairs:
        yield waiting.pop()
    while waiting:
        classes = waiting.pop(0)
        code = tuple(tuple(_first_seen(one)) for one in classes.values())
        if code in seen:
            continue
        seen.add(code)
        if all(_connects(part, m.components[t], classes[t]) for t, part in l.components.items()):
            yield classes
        for table, one, other in pairs:
            mine = classes[table]
            if mine[one] != mine[other]:
                joined = np.where(mine == mine[other], mine[one], mine)
                waiting.append(_closed(K, {**classes, table: _classes(joined)}))


def _first_seen(classes: np.ndarray) -> list[int]:
    number: dict[int, int] = {}
    return [number.setdefault(one, len(number)) for one in classes.tolist()]


def _connects(l: FinFunction, m: FinFunction, classes: np.ndarray) -> bool:  # noqa: E741
    """Whether the pushout of l and of the division into classes has one element for each of m."""
    count = int(classes.max(initial=-1)) + 1
    _, parts = quotient(count + l.codomain.size, classes, count + l.values)
    return len(parts) == np.unique(m.values).size


def _complements(
    l: Any,  # noqa: E741
    m: Any,
    L: TableMorphism,
    M: TableMorphism,
) -> Iterator[Complement]:
    """Generate the complements of maps that meet the gluing conditions."""
    G, K = M.codomain, L.domain
    inside = {t: marked(part.values, G.size(t)) for t, part in M.components.items()}
    for classes in _congruences(L, M):
        copies, places = {}, {}
        for table, part in L.components.items():
            over = (part >> M.components[table]).values
            _, first = np.unique(classes[table], return_index=True)
            copies[table] = np.where(inside[table], 0, 1)
            np.add.at(copies[table], over[first], 1)
            places[table] = _places(copies[table], over[first])[classes[table]]
        first = {t: np.cumsum(n) - n for t, n in copies.items()}
        fixed, choices = _along(K, copies, places), []
        for name, (source, target) in G.shape.steps().items():
            step = G.step(name)
            several = (copies[target] > 1)[step.values] & ~inside[source][step.owners]
            for row in np.unique(step.owners[several]).tolist():
                ends = [
                    range(first[target][y], first[target][y] + copies[target][y])
                    for y in step.row(row).tolist()
                ]
                choices.append([(name, int(first[source][row]), to) for to in product(*ends)])
        for chosen in product(*choices):
            steps = {name: dict(ends) for name, ends in fixed.items()}
            for name, row, to in chosen:
                steps[name][row] = to
            D, d = _cover(G, copies, steps)
            if not choices or not D.failures():
                yield _complement(l, m, (L, M), places, d)


class _Unfolding:
    """How often each row of G is in the final pullback complement, and where its copies lead.

    Over a row in the image of m are the rows of K over a row of L that goes there. Over others
    are all choices of copies of what they lead to.

    Attributes
    ----------
    failures
        Why there is none.
    copies
        Table -> how many copies each row of G has.
    places
        Table -> which copy each row of K is.
    """

    def __init__(self, l: TableMorphism, m: TableMorphism) -> None:  # noqa: E741
        self.K, self.G = l.domain, m.codomain
        self.failures, self.copies, self.outside = Failures(), {}, {}
        self.chosen: dict[tuple[str, int], tuple[tuple[str, ...], list[tuple[Any, ...]]]] = {}
        over, classes = {}, {}
        for table, part in l.components.items():
            at, size = m.components[table].values, self.G.size(table)
            kept = np.bincount(part.values, minlength=part.codomain.size)
            hits = np.bincount(at, minlength=size)
            self.outside[table], self.copies[table] = hits == 0, np.ones(size, np.int64)
            self.copies[table][at] = kept
            bad = (hits[at] > 1) & ((kept != self.copies[table][at]) | (kept > 1))
            self.failures += _meeting(
                "conflict",
                part,
                m.components[table],
                row_word(table),
                np.unique(at[bad]),
                "match them apart",
            )
            over[table] = at[part.values]
            classes[table] = _classes(
                np.where(hits[over[table]] > 1, over[table], size + np.arange(over[table].size))
            )
        if not self.failures:
            self._check_copies(l, m, classes)
        if not self.failures:
            for table, mark in leading(self.G, {t: n == 0 for t, n in self.copies.items()}).items():
                self.copies[table][mark] = 0
            self._choose()
            first = {t: np.unique(one, return_index=True)[1] for t, one in classes.items()}
            self.places = {
                t: _places(self.copies[t], over[t][first[t]])[one] for t, one in classes.items()
            }

    def _check_copies(
        self,
        l: TableMorphism,  # noqa: E741
        m: TableMorphism,
        classes: Mapping[str, np.ndarray],
    ) -> None:
        """Note rows of K that m identifies, but that lead to different copies."""
        for name, (source, target) in self.K.shape.steps().items():
            step, mine = self.K.step(name), classes[source]
            _, first = np.unique(mine, return_index=True)
            others = step.at(first[mine], step.domain).values
            bad = step.owners[classes[target][step.values] != classes[target][others]]
            rows = np.unique(m.components[source].values[l.components[source].values[bad]])
            for row in rows[:LISTED].tolist():
                where = f"{row_word(source)} {self.G.sets[source].label(row)!r}"
                message = f"rows that go to it lead to different copies by {name}"
                self.failures.add("conflict", where, message)

    def _choose(self) -> None:
        """Copy what leads to copied rows."""
        steps = self.G.shape.steps()
        marks = leading(self.G, {t: n > 1 for t, n in self.copies.items()})
        waiting = {
            (t, row)
            for t, mark in marks.items()
            for row in np.flatnonzero(mark & self.outside[t] & (self.copies[t] > 0)).tolist()
        }
        while waiting:
            ready = [one for one in waiting if not waiting & set(self._ends(*one))]
            if not ready:
                for table, row in sorted(waiting)[:LISTED]:
                    where = f"{row_word(table)} {self.G.sets[table].label(row)!r}"
                    message = "it leads to a row that is copied and to one that leads to itself, "
                    message += "so that it may have infinitely many copies"
                    self.failures.add("finite", where, message)
                return
            for table, row in ready:
                names = tuple(name for name, (source, _) in steps.items() if source == table)
                ends = self._ends(table, row)
                counts = [int(self.copies[t][y]) for t, y in ends]
                if prod(counts) > MOST_COPIES:
                    where = f"{row_word(table)} {self.G.sets[table].label(row)!r}"
                    raise TooLarge(f"{where} would have {prod(counts)} copies")
                self.chosen[table, row] = names, list(product(*map(range, counts)))
                self.copies[table][row] = prod(counts)
            waiting -= set(ready)

    def _ends(self, table: str, row: int) -> list[tuple[str, int]]:
        """The rows that a row leads to."""
        return [
            (target, y)
            for name, (source, target) in self.G.shape.steps().items()
            if source == table
            for y in self.G.step(name).row(row).tolist()
        ]

    def steps(self) -> dict[str, dict[int, Sequence[int]]]:
        """Say where copies lead, if not to the first ones."""
        found = _along(self.K, self.copies, self.places)
        first = {t: np.cumsum(n) - n for t, n in self.copies.items()}
        for (table, row), (names, choices) in self.chosen.items():
            ends = [first[t][y] for t, y in self._ends(table, row)]
            lengths = [len(self.G.step(name).row(row)) for name in names]
            for number, choice in enumerate(choices):
                to = iter(np.add(ends, choice).tolist())
                for name, length in zip(names, lengths, strict=True):
                    place = int(first[table][row]) + number
                    found[name][place] = [next(to) for _ in range(length)]
        return found


def leading(tables: Tables, marks: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Mark the rows that lead to marked ones, besides these."""
    if not any(mark.any() for mark in marks.values()):
        return marks
    others = tables.interior({t: np.flatnonzero(~mark) for t, mark in marks.items()})
    return {t: ~marked(others[t], mark.size) for t, mark in marks.items()}


def _raised(l: TableMorphism, m: TableMorphism) -> Iterator[Failure]:  # noqa: E741
    """List the deleted rows whose labels m raises."""
    for name, labels in raised(l, m).items():
        table = l.domain.shape.attributes[name]
        for row, label in labels.items():
            where = f"{row_word(table)} {m.domain.sets[table].label(row)!r}"
            message = f"it is deleted, but its {name} is {m.domain.attributes[name][row]!r}, that "
            yield Failure("labels", where, f"{message}of what it goes to is {label!r}")


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
    return marked(m.values[_outside(l)], m.codomain.size)


def deleted_tables(l: TableMorphism, m: TableMorphism) -> dict[str, np.ndarray]:  # noqa: E741
    """Mark the rows of the codomain of m that are deleted, table by table."""
    return {t: deleted_rows(part, m.components[t]) for t, part in l.components.items()}


def unglued(l: TableMorphism, m: TableMorphism, monic: bool = True) -> Iterator[Failure]:  # noqa: E741
    """List the rows that l identifies, and the deleted rows that m identifies with others."""
    for table, part in l.components.items():
        word = row_word(table)
        if monic:
            yield from _merged(part, word)
        yield from identified(part, m.components[table], word)


def identified(l: FinFunction, m: FinFunction, word: str) -> Iterator[Failure]:  # noqa: E741
    """List the elements onto which m sends a deleted element and another."""
    hits = np.bincount(m.values, minlength=m.codomain.size)
    bad = np.flatnonzero(deleted_rows(l, m) & (hits > 1))
    advice = "keep both in the interface, or match them apart"
    return _meeting("identification", l, m, word, bad, advice)


def _meeting(
    law: str,
    l: FinFunction,  # noqa: E741
    m: FinFunction,
    word: str,
    bad: np.ndarray,
    advice: str,
) -> Iterator[Failure]:
    """List elements onto which m sends several, with what becomes of each of these."""
    kept, verbs = np.bincount(l.values, minlength=l.codomain.size), {0: "deleted", 1: "kept"}
    for k in bad[:LISTED].tolist():
        rows = np.flatnonzero(m.values == k).tolist()
        listed = " and ".join(
            f"{word} {m.domain.label(x)!r} ({verbs.get(int(kept[x]), 'copied')})" for x in rows
        )
        where = m.codomain.label(k)
        where = repr(where) if word == "element" else f"{word} {where!r}"
        message = f"{listed} {'both' if len(rows) == 2 else 'all'} go to it; {advice}"
        yield Failure(law, where, message)
    yield from _more(law, word, bad)


Excuse = Callable[[str, str, np.ndarray], np.ndarray]


def dangling(
    l: TableMorphism,  # noqa: E741
    m: TableMorphism,
    excused: Excuse | None = None,
) -> Iterator[Failure]:
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
            yield Failure("dangling", where, f"still {verb} {label}, which is deleted")
        yield from _more("dangling", here, pairs[0])


def _outside(l: FinFunction) -> np.ndarray:  # noqa: E741
    """Return the elements of the codomain that are not values."""
    return np.flatnonzero(~marked(l.values, l.codomain.size))


def _merged(l: FinFunction, word: str) -> Iterator[Failure]:  # noqa: E741
    """List the elements onto which l sends several, so that complements are not unique."""
    bad = np.flatnonzero(np.bincount(l.values, minlength=l.codomain.size) > 1)
    for k in bad[:LISTED].tolist():
        rows = l.domain.labels(np.flatnonzero(l.values == k).tolist())
        message = f"{', '.join(map(repr, rows))} of the interface all go to it, so that a "
        message += "complement need not be unique; take an l that is monic"
        yield Failure("uniqueness", f"{word} {l.codomain.label(k)!r}", message)
    yield from _more("uniqueness", word, bad)


def _more(law: str, word: str, bad: np.ndarray) -> Iterator[Failure]:
    if bad.size > LISTED:
        yield Failure(law, word, f"{bad.size - LISTED} more rows")
