"""Orders: relations on finite sets, their closure, and the failure to be a partial order.

>>> names, pairs = as_pairs([("a", "b"), ("b", "c")])
>>> closure(len(names), pairs).astype(int).tolist()
[[1, 1, 1], [0, 1, 1], [0, 0, 1]]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from catlearn.category.graph import Graph
from catlearn.errors import Failure, InvalidStructure
from catlearn.finset.value import SHOWN


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
            raise InvalidStructure("order", [Failure("direction", "networkx graph", message)])
        given += relation.nodes
        related = list(relation.edges())
    elif callable(relation):
        related = [(a, b) for a in given for b in given if relation(a, b)]
    else:
        related = [tuple(pair) for pair in relation]
        bad = [pair for pair in related if len(pair) != 2]
        if bad:
            message = "a pair of elements is expected"
            raise InvalidStructure("order", [Failure("pair", repr(p), message) for p in bad])
        given += [end for pair in related for end in pair]
    place = {element: row for row, element in enumerate(dict.fromkeys(given))}
    names = tuple(str(element) for element in place)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        failures = [Failure("names", name, "different elements have this text") for name in twice]
        raise InvalidStructure("order", failures)
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
    failures = [
        Failure("antisymmetry", f"{names[a]}, {names[b]}", "each is below the other")
        for a, b in both[:SHOWN].tolist()
    ]
    if len(both) > SHOWN:
        message = f"{len(both) - SHOWN} more pairs are below each other"
        failures.append(Failure("antisymmetry", "pairs", message))
    return failures
