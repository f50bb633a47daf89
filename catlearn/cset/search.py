"""Homomorphism search: all morphisms from one C-set to another, and isomorphisms.

A morphism of C-sets sends rows to rows, commutes with arrows and with lists entry by entry, and
keeps or raises labels. A label of the domain that is a :class:`Variable` is bound to the label that
it finds (:mod:`catlearn.finset.variables`): searching for such morphisms is searching for ordinary
ones after *labels became rows*, each a row of a table of its own, and their attribute an arrow
there. To find them all is a constraint problem whose special cases are graph
colouring, subgraph matching and evaluating a conjunctive query (Chandra and Merlin, 1977;
Patterson, Lynch, Fairbanks, arXiv 2106.04703, section 4). The search works for tables of every
kind: C-sets, graphs, presentations, learning diagrams.

Laws: what is found is natural, no morphism is found twice, and none is missed.

>>> from catlearn.category import Graph
>>> from catlearn.cset import homomorphisms, is_isomorphic
>>> path = Graph({"f": ("A", "B"), "g": ("B", "C")})
>>> longer = Graph({"p": ("0", "1"), "q": ("1", "2"), "r": ("2", "3")})
>>> for m in homomorphisms(path, longer):
...     print(m.components["E"])
[p, q] : {f, g} -> {p, q, r}
[q, r] : {f, g} -> {p, q, r}
>>> is_isomorphic(path, longer)
False
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from catlearn.errors import (
    Failure,
    Failures,
    NoMorphism,
    NotUnique,
    did_you_mean,
    expect,
    expect_each,
    fault,
    refuse,
)
from catlearn.finset import DISCRETE, FLAT, FinFunction, Order, Shape, Tables
from catlearn.finset.constraints import MorphismProblem, solve
from catlearn.finset.refinement import first_isomorphism
from catlearn.finset.shapes import coded
from catlearn.finset.variables import Variable, bound, open_attributes
from catlearn.names import fresh

Which = bool | str | Iterable[str]
"""All tables, none, or those with these names."""

Rows = Mapping[str, Mapping[int | str, int | str]]
"""Table -> row of the domain -> row of the codomain, by number or name."""


def homomorphisms(
    G: Tables,
    H: Tables,
    *,
    monic: Which = False,
    epic: Which = False,
    iso: Which = False,
    initial: Rows | None = None,
    limit: int | None = None,
) -> Iterator[Any]:
    """Generate the morphisms from one C-set to another.

    Parameters
    ----------
    G, H
        Tables of one shape, of any kind. Labels of G may be variables; their names and labels are
        the ``binding`` of what is found. An isomorphism binds them to variables, one to one.
    monic, epic, iso
        Whether to generate only morphisms that are injective, surjective, or both: on all
        tables, or on those that are named. With ``iso=True``, labels are equal too.
    initial
        Where some rows must go.
    limit
        How many to generate at most.

    Returns
    -------
    iterator
        Of morphisms, each once, in an order that depends on G and H alone. They are found as
        they are asked for.

    Raises
    ------
    InvalidStructure
        If the shapes differ, or there are no such tables or rows.

    Examples
    --------
    >>> from catlearn.cset import CSet, Schema
    >>> points = Schema(["X"])
    >>> four, two = CSet(points, X=4), CSet(points, X=2)
    >>> sum(1 for m in homomorphisms(four, two, epic=True))
    14
    >>> next(homomorphisms(two, four, monic=True, initial={"X": {0: 3}})).components["X"]
    FinFunction([3, 0], codomain=4)
    >>> coloured = Schema(["V"], attributes={"colour": ("V", str)})
    >>> two = CSet(coloured, V=2, colour=[Variable("c"), Variable("c")])
    >>> G = CSet(coloured, V=3, colour=["red", "blue", "red"])
    >>> [(list(m.components["V"]), m.binding["c"]) for m in homomorphisms(two, G, monic=True)]
    [([0, 2], 'red'), ([2, 0], 'red')]
    """
    expect_each(Tables, "a graph, C-set or other tables", G=G, H=H)
    if G.shape != H.shape:
        raise fault("search", "shape", "domain and codomain", f"{G.shape!r} is not {H.shape!r}")
    expect_each(
        (bool, Iterable), "True, False, or names of tables", monic=monic, epic=epic, iso=iso
    )
    expect(limit, (type(None), int, np.integer), "limit", "a number of morphisms, or None")
    wanted = 'a dict of dicts, such as {"V": {"a": "b"}}'
    for rows in (initial or {}, *(initial.values() if isinstance(initial, Mapping) else ())):
        expect(rows, Mapping, "initial", wanted)
    failures = Failures()
    tables = G.shape.tables
    onto, into, both = (
        _chosen(which, option, tables, failures)
        for which, option in ((epic, "epic"), (monic, "monic"), (iso, "iso"))
    )
    fixed = _fixed(G, H, initial or {}, failures)
    if limit is not None and limit < 0:
        failures.add("limit", "limit", f"found {limit}, expected at least 0")
    refuse("search", failures)
    # A surjection between sets of one size is a bijection.
    into |= both | {table for table in onto if G.size(table) == H.size(table)}
    onto |= both
    every = set(tables)
    # What is bijective is an isomorphism, unless it may raise labels or bind variables to them.
    exact = not G.shape.orders and not open_attributes(G)
    is_iso = into == onto == every and (both == every or exact)
    return islice(_morphisms(G, H, into, onto, is_iso, fixed), limit)


def homomorphism(
    G: Tables,
    H: Tables,
    *,
    monic: Which = False,
    epic: Which = False,
    iso: Which = False,
    initial: Rows | None = None,
    any: bool = False,
) -> Any:
    """Return the only morphism from one C-set to another.

    Parameters
    ----------
    G, H, monic, epic, iso, initial
        As for :func:`homomorphisms`.
    any
        Whether the first of several will do.

    Raises
    ------
    NoMorphism
        If there is none.
    NotUnique
        If there are several, unless ``any=True``; the message shows two.

    Examples
    --------
    >>> from catlearn.category import Graph
    >>> arrow, loop = Graph({"f": ("A", "B")}), Graph({"l": ("X", "X")})
    >>> homomorphism(arrow, loop).components["V"]
    FinFunction([0, 0], ['A', 'B'], codomain=['X'])
    >>> homomorphism(loop, arrow)
    Traceback (most recent call last):
        ...
    catlearn.errors.NoMorphism: there is no morphism from V = {X}, E = {l} to V = {A, B}, E = {f}
    """
    options: dict[str, Any] = {"monic": monic, "epic": epic, "iso": iso, "initial": initial}
    found = list(homomorphisms(G, H, **options, limit=1 if any else 2))
    asked = "".join(f", {name}={value!r}" for name, value in options.items() if value)
    if not found:
        raise NoMorphism(f"there is no morphism from {_brief(G)} to {_brief(H)}{asked}")
    if len(found) > 1:
        table, k = next(
            (table, int(np.flatnonzero(one.values != other.values)[0]))
            for table, one, other in (
                (table, one, found[1].components[table])
                for table, one in found[0].components.items()
            )
            if not np.array_equal(one.values, other.values)
        )
        ends = [repr(H.sets[table].label(m(table, k))) for m in found]
        message = f"{table} {G.sets[table].label(k)!r} may go to {' or to '.join(ends)}"
        raise NotUnique(
            f"there are several morphisms from {_brief(G)} to {_brief(H)}{asked}: {message}; "
            "say more by initial=, or any=True to take the first",
            tuple(found),
        )
    return found[0]


def is_isomorphic(G: Tables, H: Tables) -> bool:
    """Whether there is an isomorphism; names of rows do not matter.

    Examples
    --------
    >>> from catlearn.category import Graph
    >>> is_isomorphic(Graph({"f": ("A", "B")}), Graph({"g": ("Y", "X")}))
    True
    """
    expect_each(Tables, "a graph, C-set or other tables", G=G, H=H)
    if G.shape != H.shape:
        return False
    return next(homomorphisms(G, H, iso=True), None) is not None


def isomorphism(G: Tables, H: Tables, *, initial: Rows | None = None, any: bool = False) -> Any:
    """Return the only isomorphism; any=True returns the first of several.

    Raises
    ------
    NoMorphism
        If there is none.
    NotUnique
        If there are several, unless ``any=True``.
    """
    return homomorphism(G, H, iso=True, initial=initial, any=any)


def automorphisms(G: Tables) -> Iterator[Any]:
    """Generate the isomorphisms from a C-set to itself.

    Examples
    --------
    >>> from catlearn.category import Graph
    >>> cycle = Graph({"f": ("A", "B"), "g": ("B", "C"), "h": ("C", "A")})
    >>> [list(m.components["V"]) for m in automorphisms(cycle)]
    [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
    """
    return homomorphisms(G, G, iso=True)


LABELS = "labels"
"""The table of labels that have become rows, and the attribute that says which each is."""


def labels_as_rows(tables: Tables, attributes: Iterable[str]) -> Tables:
    """Return tables in which the labels of some attributes have become rows.

    Parameters
    ----------
    tables
        Tables of any kind.
    attributes
        Names of attributes. Each becomes an arrow into a table of labels, with a row for each
        different label and each variable. That of a variable has no label, which is below all.

    Examples
    --------
    >>> shape = Shape(["V"], attributes={"colour": "V"})
    >>> colours = ["red", Variable("any"), Variable("any"), "red"]
    >>> print(labels_as_rows(Tables(shape, {"V": 4}, attributes={"colour": colours}), ["colour"]))
    V = 4
    labels = 2
    colour : V -> labels = [0, 1, 1, 0]
    label = [('red',), None]
    """
    chosen = tuple(attributes)
    if not chosen:
        return tables
    return tables._cached(f"labels as rows {chosen}", lambda: _opened(tables, chosen))


def _opened(tables: Tables, chosen: tuple[str, ...]) -> Tables:
    shape = tables.shape
    column = [label for name in chosen for label in tables.attributes[name]]
    codes, labels = coded([Variable(x.name) if isinstance(x, Variable) else x for x in column])
    table, label = fresh(LABELS, shape.tables, "'"), fresh("label", shape.attributes, "'")
    kept = {name: home for name, home in shape.attributes.items() if name not in chosen}
    orders = [shape.order(name) for name in chosen]

    def below(one: Any, other: Any) -> bool:
        """Variables go anywhere; what labels are raised to is looked at again in the end."""
        fits = (order.carry is not None or order.at_most(one[0], other[0]) for order in orders)
        return one is None or (other is not None and any(fits))

    exact = all(order == DISCRETE for order in orders)
    order = FLAT if exact else Order("of rows", below=below)
    opened = Shape(
        (*shape.tables, table),
        {**shape.arrows, **{name: (shape.attributes[name], table) for name in chosen}},
        shape.lists,
        {**kept, label: table},
        orders={
            **{name: shape.orders[name] for name in kept if name in shape.orders},
            label: order,
        },
    )
    sizes = np.cumsum([0, *(len(tables.attributes[name]) for name in chosen)])
    rows = {name: codes[sizes[k] : sizes[k + 1]] for k, name in enumerate(chosen)}
    constants = [None if isinstance(one, Variable) else (one,) for one in labels]
    return Tables(
        opened,
        {**tables.sets, table: len(labels)},
        {**{name: f.values for name, f in tables.arrows.items()}, **rows},
        tables.lists,
        {**{name: tables.attributes[name] for name in kept}, label: constants},
        check=False,
    )


def _chosen(
    which: Which, option: str, tables: tuple[str, ...], failures: list[Failure]
) -> set[str]:
    """Read which tables an option is about."""
    if isinstance(which, bool):
        return set(tables) if which else set()
    names = [which] if isinstance(which, str) else list(which)
    failures += [
        Failure("names", f"{option}=", f"there is no table {name!r}; {did_you_mean(name, tables)}")
        for name in names
        if name not in tables
    ]
    return set(names)


def _fixed(G: Tables, H: Tables, initial: Rows, failures: Failures) -> dict[str, dict[int, int]]:
    """Number the rows whose images are given, and these."""
    fixed: dict[str, dict[int, int]] = {table: {} for table in G.shape.tables}
    for table, rows in initial.items():
        if table not in fixed:
            message = f"there is no table {table!r}; {did_you_mean(table, fixed)}"
            failures.add("names", "initial=", message)
            continue
        for row, image in rows.items():
            missing = [(row, "domain")] * (row not in G.sets[table])
            missing += [(image, "codomain")] * (image not in H.sets[table])
            for name, side in missing:
                message = f"the {side} has no row {name!r}"
                failures.add("names", f"initial=, table {table!r}", message)
            if not missing:
                fixed[table][G.row(table, row)] = H.row(table, image)
    return fixed


def _morphisms(
    G: Tables,
    H: Tables,
    into: set[str],
    onto: set[str],
    iso: bool,
    fixed: dict[str, dict[int, int]],
) -> Iterator[Any]:
    """Generate morphisms from the solutions of the constraint problem."""
    opened = tuple(open_attributes(G))
    kind = G._common([G, H])._morphism_class()
    # What labels that mention rows become along a morphism is known when all of it is.
    # So is whether variables admit what they are bound to.
    mentioning = any(order.carry is not None for order in G.shape.orders.values())
    first = None
    if iso and not mentioning and not opened:
        first, only = first_isomorphism(G, H, fixed)
        if first is not None:
            parts = {t: FinFunction._of(first[t], G.sets[t], H.sets[t]) for t in G.shape.tables}
            yield kind._build(G, H, parts)
        if only:
            return
    one, other = (labels_as_rows(side, opened) for side in (G, H))
    # Two variables may stand for one label, but not in an isomorphism.
    labels = {table for table in one.shape.tables if iso and table not in G.shape.tables}
    problem = MorphismProblem(one, other, into | labels, onto | labels, iso)
    ends = [(t, *problem.bounds[t], G.sets[t], H.sets[t]) for t in G.shape.tables]
    known = None if first is None else np.concatenate([first[t] for t in G.shape.tables])

    def fits(found: Any) -> bool:
        if opened and (not bound(found)[1] or found.failures()):
            return False
        return not mentioning or (found.is_isomorphism if iso else not found.failures())

    numbered = {
        problem.bounds[table][0] + row: image
        for table, rows in fixed.items()
        for row, image in rows.items()
    }
    for block in solve(problem, problem.candidates(numbered)):
        for row in block:
            if known is not None and np.array_equal(row, known):
                continue
            parts = {
                table: FinFunction._of(row[start:stop].copy(), source, target)
                for table, start, stop, source, target in ends
            }
            found = kind._build(G, H, parts)
            if not (mentioning or opened) or fits(found):
                yield found


def _brief(tables: Tables) -> str:
    """Say on one line how many rows, or which, each table has."""
    rows = tables.sets.items()
    return ", ".join(f"{table} = {one if one.size <= 8 else one.size}" for table, one in rows)
