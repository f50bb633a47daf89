"""What finite categories are made from: orders, multiplication tables, functions that generate.

Orders: relations on finite sets, their closure, and the failure to be a partial order.

>>> names, pairs = as_pairs([("a", "b"), ("b", "c")])
>>> closure(len(names), pairs).astype(int).tolist()
[[1, 1, 1], [0, 1, 1], [0, 0, 1]]

Multiplication: reading the table of a monoid, and the monoid that functions generate.

>>> names, table, units, failures = read_table("1e", max)
>>> names, table.tolist(), units.tolist(), failures
(['1', 'e'], [[0, 1], [1, 1]], [0], [])
>>> table, before, last = transformations({"turn": [1, 2, 0]}, bound=10)
>>> table.tolist(), before, last
([[0, 1, 2], [1, 2, 0], [2, 0, 1]], [-1, 0, 1], [-1, 0, 0])
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from catlearn.category.graph import Graph, is_pair
from catlearn.category.path import Path
from catlearn.errors import Failure, TooLarge, expect, fault, refuse
from catlearn.finset import FinSet
from catlearn.finset.value import SHOWN, failures_at, listing


def as_pairs(relation: Any, elements: Iterable[Any] = ()) -> tuple[tuple[str, ...], np.ndarray]:
    """Read a relation as users write it.

    Parameters
    ----------
    relation
        Pairs, a :class:`Graph`, a ``networkx.DiGraph``, or a function of two elements.
    elements
        The elements that come first, in this order.

    Returns
    -------
    names, pairs
        The text of each element, and the related pairs as rows of shape (pairs, 2).

    Raises
    ------
    InvalidStructure
        If different elements have the same text, or a networkx graph is undirected.
    """
    given = list(elements)
    if isinstance(relation, Graph):
        given += relation.vertices
        related = [relation.ends(edge) for edge in relation.edges]
    elif hasattr(relation, "is_directed"):
        if not relation.is_directed():
            message = "it is undirected; an order needs a networkx.DiGraph"
            raise fault("order", "direction", "networkx graph", message)
        given += relation.nodes
        related = list(relation.edges())
    elif callable(relation):
        related = [(a, b) for a in given for b in given if relation(a, b)]
    else:
        expect(relation, Iterable, "relation", "pairs (a, b) for a <= b, a graph or a function")
        related = []
        for pair in relation:
            expect(pair, Iterable, "each pair", "two elements, such as ('a', 'b')")
            related.append(tuple(pair))
        bad = (pair for pair in related if len(pair) != 2)
        message = "a pair of elements is expected"
        refuse("order", (Failure("pair", repr(pair), message) for pair in bad))
        given += [end for pair in related for end in pair]
    place = {element: row for row, element in enumerate(dict.fromkeys(given))}
    names = tuple(str(element) for element in place)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        message = "different elements have this text"
        refuse("order", (Failure("names", name, message) for name in twice))
    rows = [(place[a], place[b]) for a, b in related]
    return names, np.array(rows, np.int64).reshape(-1, 2)


def closure(size: int, pairs: np.ndarray) -> np.ndarray:
    """Return the reflexive and transitive closure of a relation, a (size, size) bool array."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order

    below = np.eye(size, dtype=bool)
    if not len(pairs):
        return below
    ones = np.ones(len(pairs), np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(size, size)).tocsr()
    for row in range(size):
        below[row, breadth_first_order(graph, row, return_predecessors=False)] = True
    return below


def not_antisymmetric(names: Sequence[str], below: np.ndarray) -> list[Failure]:
    """List the pairs of different elements that are below each other."""
    both = np.argwhere(np.triu(below & below.T, k=1))

    def tell(pair: Sequence[int]) -> tuple[str, str]:
        return ", ".join(names[a] for a in pair), "each is below the other"

    return list(failures_at("antisymmetry", both, tell, "pairs", "pairs are below each other"))


def read_order(relation: Any, elements: Iterable[Any] = ()) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of the elements of the smallest preorder, and which are below which."""
    names, pairs = as_pairs(relation, elements)
    return names, closure(len(names), pairs)


def read_table(
    elements: Iterable[Hashable], table: Any
) -> tuple[list[str], np.ndarray, np.ndarray, list[Failure]]:
    """Read a monoid's product into an array of positions.

    Returns
    -------
    names, products, units, failures
        The texts of the elements, the positions of products, the unit (in an array), and what is no
        element, or lacks a unit.
    """
    expect(elements, Iterable, "elements", "a list of the elements")
    elements = list(elements)
    names, size = [str(element) for element in elements], len(elements)
    none = np.zeros((0, 0), np.int64)
    if len(set(names)) < size:
        message = "elements repeat, or different ones have the same text"
        return names, none, none, [Failure("names", "elements", message)]
    array, failures = _products(elements, table)
    if failures:
        return names, none, none, failures
    every = np.arange(size)
    units = np.flatnonzero((array == every).all(axis=1) & (every == array.T).all(axis=1))
    if not units.size:
        failures = [Failure("unit", "elements", "no element e has e >> x = x = x >> e for all x")]
    return names, array, units, failures


def _products(elements: list[Hashable], table: Any) -> tuple[np.ndarray, list[Failure]]:
    size, place = len(elements), {element: row for row, element in enumerate(elements)}
    if isinstance(table, np.ndarray):
        if table.shape == (size, size) and ((table >= 0) & (table < size)).all():
            return table.astype(np.int64), []
        message = f"expected a ({size}, {size}) array of numbers below {size}"
        return np.zeros((0, 0), np.int64), [Failure("table", "table", message)]
    if isinstance(table, Mapping):
        products = [[table.get((a, b)) for b in elements] for a in elements]
    elif callable(table):
        products = [[table(a, b) for b in elements] for a in elements]
    else:
        expect(table, Iterable, "table", "a function of two elements, a dict, or rows of products")
        products = [list(row) if isinstance(row, Iterable) else [] for row in table]
        if len(products) != size or any(len(row) != size for row in products):
            message = f"expected {size} rows of {size} products"
            return np.zeros((0, 0), np.int64), [Failure("table", "table", message)]
    array = np.array([[place.get(c, -1) for c in row] for row in products], np.int64)
    array = array.reshape(size, size)
    bad = np.argwhere(array < 0).tolist()
    shown = [f"{elements[i]} >> {elements[j]} = {products[i][j]!r}" for i, j in bad[:SHOWN]]
    failures = [Failure("closure", "table", f"not elements: {listing(shown, len(bad))}")]
    return array, failures if bad else []


def without_inverse(names: list[str], is_unit: np.ndarray, unit: str) -> list[Failure]:
    """List the elements without inverse; ``is_unit`` says which products are the unit."""
    lost = np.flatnonzero(~(is_unit & is_unit.T).any(axis=1))

    def tell(k: int) -> tuple[str, str]:
        return names[k], f"there is no y with {names[k]} >> y = {unit} = y >> {names[k]}"

    return list(failures_at("inverse", lost, tell, "elements", "have no inverse"))


def read_functions(generators: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """Read the values of functions from numbers to numbers, by name."""
    expect(generators, Mapping, "generators", "lists of numbers by name, such as {'s': [1, 0]}")
    for name, image in generators.items():
        expect(image, Iterable, f"the generator {name}", "a list of numbers")
        for value in image:
            expect(value, (int, np.integer), f"each value of {name}", "a number")
    return {name: list(map(int, image)) for name, image in generators.items()}


def transformations(
    generators: Mapping[str, Sequence[int]], bound: int
) -> tuple[np.ndarray, list[int], list[int]]:
    """Enumerate the monoid that functions generate.

    Parameters
    ----------
    generators
        The values of each generator, by name.
    bound
        The most elements there may be.

    Returns
    -------
    table, before, last
        ``table[g, f]`` is the element f followed by g; for each element the one before its last
        step, and that step. Element 0 is the identity.
    """
    values = read_functions(generators)
    degree = max(map(len, values.values()), default=0)
    refuse(
        "transformations",
        (
            Failure("function", name, f"{image} is not {degree} numbers from 0 to {degree - 1}")
            for name, image in values.items()
            if len(image) != degree or not all(0 <= v < degree for v in image)
        ),
    )
    steps = np.array(list(values.values()), np.int64).reshape(-1, degree)
    found, place = [np.arange(degree)], {np.arange(degree).tobytes(): 0}
    before, last, right = [-1], [-1], []
    for row, element in enumerate(found):  # grows while it is read: a queue
        line = []
        for step, values in enumerate(steps):
            image = values[element]
            key = image.tobytes()
            if key not in place:
                if len(found) == bound:
                    raise TooLarge(f"the monoid has more than {bound} elements; raise bound")
                place[key] = len(found)
                found.append(image)
                before.append(row)
                last.append(step)
            line.append(place[key])
        right.append(line)
    size = len(found)
    after = np.array(right, np.int64).reshape(size, len(steps)).T
    table = np.empty((size, size), np.int64)
    table[0] = np.arange(size)
    for g in range(1, size):
        table[g] = after[last[g], table[before[g]]]
    return table, before, last


Entries = Mapping[tuple[str, str], str]
"""The composites of pairs of arrows."""


def read_parts(
    objects: Any, arrows: Any, compose: Any, identities: Any
) -> tuple[FinSet, dict[str, str], dict[str, tuple[str, str]], Entries, list[Failure]]:
    """Return the parts of a finite category as it is written, the names of its identities second.

    The last are names that nothing answers to, and names that are used twice.
    """
    expect(objects, (Iterable, FinSet), "objects", "a list of names")
    for called, given, wanted in (
        ("arrows", arrows, "the ends of each arrow, such as {'f': ('A', 'B')}"),
        ("compose", compose, "the composites of pairs, such as {('f', 'g'): 'h'}"),
        ("identities", identities, "the names of identities by object"),
    ):
        expect(given, (type(None), Mapping), called, wanted)
    ob, named = FinSet(objects), identities or {}
    arrows, entries = dict(arrows or {}), dict(compose or {})
    units = {a: named.get(a, str(Path.identity(a))) for a in ob.labels()}
    return ob, units, arrows, entries, list(_unreadable(ob, units, named, arrows, entries))


def _unreadable(
    ob: FinSet,
    units: Mapping[str, str],
    identities: Mapping[str, str],
    arrows: Mapping[str, tuple[str, str]],
    compose: Entries,
) -> Iterator[Failure]:
    for a in identities:
        if a not in units:
            yield Failure("known names", f"identity of {a}", f"there is no object {a}")
    for name, ends in arrows.items():
        if not is_pair(ends):
            yield Failure("ends", f"arrow {name}", f"its ends are (source, target), not {ends!r}")
            continue
        for end in ends:
            if end not in ob:
                yield Failure("known names", f"arrow {name}", f"there is no object {end}")
        if name in units.values():
            message = "this is the name of an identity, which is there already"
            yield Failure("names", f"arrow {name}", message)
    known = {unit: (a, a) for a, unit in units.items()} | dict(arrows)
    for pair, h in compose.items():
        if not is_pair(pair):
            yield Failure("composition", f"entry {pair!r}", "a pair of arrows is expected")
            continue
        where = f"{pair[0]} >> {pair[1]} = {h}"
        unknown = [name for name in (*pair, h) if name not in known]
        for name in unknown:
            yield Failure("known names", where, f"there is no arrow {name}")
        if not unknown and known[pair[0]][1] != known[pair[1]][0]:
            message = f"{pair[0]} ends at {known[pair[0]][1]}, "
            message += f"but {pair[1]} starts at {known[pair[1]][0]}"
            yield Failure("composition", where, message)
