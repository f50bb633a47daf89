"""Colimits of sets and tables as multiples of one bare ``connected_components`` call.

All rows are medians of interleaved runs on the same random relations, so that a machine that
slows down slows all of them. Each row is divided by the bare call on a matrix that is already
built, with as many elements and relations; the row of tables counts one such call, although it
also induces arrows, lists and attributes. The last rows, at a smaller size, compare with networkx
and with a union-find written in Python.

    python benchmarks/finset.py [--quick] [--out table.md]
"""

from __future__ import annotations

from collections.abc import Callable

import _measure
import networkx as nx
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from catlearn.finset import (
    FinFunction,
    Shape,
    TableMorphism,
    Tables,
    coequalizer,
    pullback,
    pushout,
)

GRAPH = Shape(("V", "E"), arrows={"src": ("E", "V"), "tgt": ("E", "V")})
WORDS = Shape(
    ("V", "E", "Q"),
    arrows={"src": ("E", "V"), "tgt": ("E", "V")},
    lists={"side": ("Q", "E")},
    attributes={"color": "V"},
)


def bare(size: int, pairs: np.ndarray) -> Callable[[], object]:
    """Return scipy's call alone, on a matrix that is already built."""
    graph = coo_array((np.ones(pairs.shape[1]), tuple(pairs)), shape=(size, size)).tocsr()
    return lambda: connected_components(graph, directed=False)


def by_hand(size: int, pairs: np.ndarray) -> list[int]:
    """Union-find with path halving, in Python."""
    parent = list(range(size))

    def find(x: int) -> int:
        while parent[x] != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for a, b in pairs.T.tolist():
        one, other = find(a), find(b)
        parent[max(one, other)] = min(one, other)
    return [find(x) for x in range(size)]


def by_networkx(size: int, pairs: np.ndarray) -> list[set[int]]:
    """Connected components of a networkx graph, which is built first."""
    graph = nx.empty_graph(size)
    graph.add_edges_from(pairs.T.tolist())
    return list(nx.connected_components(graph))


def glued_words(size: int, relations: int, random: np.random.Generator) -> Callable[[], object]:
    """Return a pushout of two graphs with words of edges, with ``size`` vertices in all."""
    half = size // 2
    ends = {name: random.integers(0, half, half) for name in ("src", "tgt")}
    words = [[k, k + 1] for k in range(0, half - 1, 10)]
    graph = Tables(WORDS, {"V": half, "E": half, "Q": len(words)}, ends, {"side": words})
    dots = Tables(WORDS, {"V": relations})
    f, g = (TableMorphism(dots, graph, {"V": random.integers(0, half, relations)}) for _ in "fg")
    return lambda: pushout(f, g)


def glued_graphs(size: int, relations: int, random: np.random.Generator) -> Callable[[], object]:
    """Return a pushout of two graphs with ``size`` vertices in all, and as many edges."""
    half = size // 2
    ends = {name: random.integers(0, half, half) for name in ("src", "tgt")}
    graph = Tables(GRAPH, {"V": half, "E": half}, ends)
    dots = Tables(GRAPH, {"V": relations})
    f, g = (TableMorphism(dots, graph, {"V": random.integers(0, half, relations)}) for _ in "fg")
    return lambda: pushout(f, g)


def programs(size: int) -> dict[str, Callable[[], object]]:
    """Return what is timed at full size: ``size`` elements and half as many relations."""
    random = np.random.default_rng(0)
    pairs = random.integers(0, size, (2, size // 2))
    f, g = (FinFunction(values, codomain=size) for values in pairs)
    feet = pairs % (size // 2)
    h, k = (FinFunction(values, codomain=size // 2) for values in feet)
    quotient = coequalizer(f, g)
    return {
        "connected_components": bare(size, pairs),
        "coequalizer": lambda: coequalizer(f, g),
        "pushout": lambda: pushout(h, k),
        "universal morphism": lambda: quotient.universal(quotient.legs[0]),
        "pullback (a join, no union-find)": lambda: pullback(f, g),
        "pushout of graphs": glued_graphs(size, size // 2, random),
        "pushout of tables": glued_words(size, size // 2, random),
    }


def small_programs(size: int) -> dict[str, Callable[[], object]]:
    """Return what is timed at small size, against code that visits elements one by one."""
    pairs = np.random.default_rng(1).integers(0, size, (2, size // 2))
    f, g = (FinFunction(values, codomain=size) for values in pairs)
    return {
        "connected_components": bare(size, pairs),
        "coequalizer": lambda: coequalizer(f, g),
        "union-find in Python": lambda: by_hand(size, pairs),
        "networkx": lambda: by_networkx(size, pairs),
    }


def main() -> None:
    """Measure, print the table, and write it if asked to."""
    options = _measure.parser(__doc__, "small sizes, 3 rounds").parse_args()
    size, small, rounds = (10_000, 1_000, 3) if options.quick else (1_000_000, 10_000, 7)
    table = _measure.Table(("program", "elements", "ms", "times the bare call"), options=options)
    for count, timed in ((size, programs(size)), (small, small_programs(small))):
        times = _measure.in_turns(timed, rounds)
        for name, seconds in _measure.medians(times).items():
            ratio = _measure.ratio(times, name, "connected_components").median
            table.row((name, f"{count:,}", f"{1e3 * seconds:.2f}", f"{ratio:.2f}"))
    table.write(options.out)


if __name__ == "__main__":
    main()
