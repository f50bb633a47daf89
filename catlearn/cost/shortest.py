r"""Free enriched categories: all-pairs shortest paths, over any quantale.

The free category on a graph whose edges carry values of a quantale has as hom(x, y) the join, over
all paths from x to y, of the tensor of the edges' values. It is what the universal property says:
the enriched functors from it to a category B are the maps f of vertices with
w(e) <= hom(f(src e), f(tgt e)) for each edge e (Lawvere, 1973; Theory, section 4).

Over LAWVERE scipy computes it; over other quantales Kleene's algorithm, vectorised.

>>> from catlearn.category import Graph
>>> from catlearn.cost import ULTRAMETRIC, free
>>> passes = Graph({"low": ("A", "B"), "high": ("A", "C"), "gap": ("B", "C")})
>>> print(free(passes, {"low": 3, "high": 9, "gap": 4}, ULTRAMETRIC))
   A  B  C
A  0  3  4
B  ∞  0  4
C  ∞  ∞  0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.cost.enriched import EnrichedCategory
from catlearn.cost.lawvere import LawvereMetric
from catlearn.cost.quantale import LAWVERE, Quantale
from catlearn.cost.tropical import close
from catlearn.errors import Failure, InvalidStructure, did_you_mean

if TYPE_CHECKING:
    from catlearn.category import Graph


def free(
    graph: Graph,
    weights: Mapping[str, Any] | Sequence[Any] | None = None,
    quantale: Quantale = LAWVERE,
) -> EnrichedCategory:
    """Return the free enriched category on a graph with weighted edges.

    hom(x, y) is the join over all paths from x to y of the tensor of their weights: the length of
    a shortest path, the reliability of the most reliable one, whether there is one.

    Parameters
    ----------
    graph
        A graph; its vertices become the objects.
    weights
        A value for each edge, by name or in the order of the edges; the unit if left out.
    quantale
        What the weights are values of.

    Returns
    -------
    EnrichedCategory
        A :class:`~catlearn.cost.LawvereMetric` over LAWVERE.

    Raises
    ------
    InvalidStructure
        If edges have no weight, weights no edge, or weights are not values of the quantale.

    Examples
    --------
    >>> from catlearn.category import Graph
    >>> from catlearn.cost import PROBABILITY
    >>> G = Graph({"f": ("A", "B"), "g": ("B", "C"), "h": ("A", "C")})
    >>> free(G, {"f": 0.5, "g": 0.5, "h": 0.125}, PROBABILITY)("A", "C").item()
    0.25
    """
    edges = graph.edges
    if weights is None:
        given = dict.fromkeys(edges, quantale.unit)
    elif isinstance(weights, Mapping):
        given = dict(weights)
    else:
        values = list(weights)
        if len(values) != len(edges):
            message = f"found {len(values)}, expected one for each of {len(edges)} edges"
            raise InvalidStructure("free category", [Failure("weights", "weights", message)])
        given = dict(zip(edges, values, strict=True))
    known = set(edges)
    failures = [Failure("weights", f"edge {e!r}", "has no weight") for e in edges if e not in given]
    failures += [
        Failure("weights", f"weight of {e!r}", f"there is no such edge; {did_you_mean(e, edges)}")
        for e in given
        if e not in known
    ]
    values = np.array([given[e] for e in edges if e in given], quantale.dtype)
    for k in np.flatnonzero(~quantale.valid(values)):
        message = f"{values[k]} is not a value of the quantale {quantale.name}"
        failures.append(Failure("value", f"edge {edges[k]!r}", message))
    if failures:
        raise InvalidStructure("free category", failures)
    size = len(graph.vertices)
    hom = np.full((size, size), quantale.bottom, quantale.dtype)
    source, target = (graph.arrows[name].values for name in ("src", "tgt"))
    if isinstance(quantale.join, np.ufunc):
        quantale.join.at(hom, (source, target), values)
    else:
        for i, j, value in zip(source, target, values, strict=True):
            hom[i, j] = quantale.join(hom[i, j], value)
    closed = close(quantale, hom)
    if quantale == LAWVERE:
        return LawvereMetric(graph.vertices, closed, check=False)
    return EnrichedCategory(graph.vertices, closed, quantale, check=False)
