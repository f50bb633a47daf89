"""Homomorphism search as a multiple of networkx's matchers.

Each row is the median of runs in turns with networkx on the same problem in the same process,
so that a machine that slows down slows both. Undirected graphs are C-sets with an edge each way,
without parallel edges, so that morphisms are functions on vertices. networkx gives mappings of
vertices, and catlearn morphisms: functions on vertices and on edges. Both counts are compared.
networkx's matchers know monomorphisms and isomorphisms; colourings, which are morphisms that may
identify vertices, have no counterpart there, and are listed with their times alone. Whether two
graphs are isomorphic is compared with ``vf2pp``, which is faster at that.

    python benchmarks/search.py [--quick] [--out table.md]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import _measure
import networkx as nx
import numpy as np
from networkx.algorithms.isomorphism import DiGraphMatcher, GraphMatcher

from catlearn.cset import CSet, SchGraph, homomorphisms, is_isomorphic

Problem = tuple[str, Callable[[], int], Callable[[], int] | None]
"""What it is called, and how either side counts its solutions."""


def cset(graph: nx.Graph | nx.DiGraph) -> CSet:
    """Return a networkx graph as a C-set, with an edge each way if it is undirected."""
    place = {vertex: k for k, vertex in enumerate(graph)}
    ends = {(place[a], place[b]) for a, b in graph.edges}
    if not graph.is_directed():
        ends |= {(b, a) for a, b in ends}
    src, tgt = [a for a, _ in sorted(ends)], [b for _, b in sorted(ends)]
    return CSet(SchGraph, V=len(graph), E=len(ends), src=src, tgt=tgt)


def matcher(G: Any, H: Any) -> Any:
    """Return networkx's matcher of patterns H in G."""
    return (DiGraphMatcher if G.is_directed() else GraphMatcher)(G, H)


def counted(found: Iterator[Any], most: int | None) -> int:
    """Count solutions, up to a number."""
    return sum(1 for _ in islice(found, most))


def pattern(name: str, H: Any, G: Any, most: int | None = None) -> Problem:
    """Monomorphisms from H to G."""
    domain, codomain = cset(H), cset(G)
    return (
        name,
        lambda: counted(homomorphisms(domain, codomain, monic=True), most),
        lambda: counted(matcher(G, H).subgraph_monomorphisms_iter(), most),
    )


def isomorphisms(name: str, G: Any, H: Any, most: int | None = None) -> Problem:
    """Isomorphisms from G to H."""
    domain, codomain = cset(G), cset(H)
    return (
        name,
        lambda: counted(homomorphisms(domain, codomain, iso=True), most),
        lambda: counted(matcher(G, H).isomorphisms_iter(), most),
    )


def isomorphic(name: str, G: Any, H: Any) -> Problem:
    """Whether G and H are isomorphic."""
    domain, codomain = cset(G), cset(H)
    return (
        f"{name}: isomorphic?",
        lambda: int(is_isomorphic(domain, codomain)),
        lambda: int(nx.vf2pp_is_isomorphic(G, H)),
    )


def paley(size: int) -> nx.Graph:
    """The Paley graph of a prime that is 1 modulo 4: differences are squares."""
    squares = {x * x % size for x in range(1, size)}
    pairs = [(a, b) for a in range(size) for b in range(a) if (a - b) % size in squares]
    return nx.Graph(pairs)


def renumbered(G: nx.Graph) -> nx.Graph:
    """The same graph with its vertices in another order."""
    order = np.random.default_rng(0).permutation(len(G)).tolist()
    return nx.relabel_nodes(G, dict(zip(G, order, strict=True)))


def families(size: int) -> Iterator[Problem]:
    """Graphs of up to ``size`` vertices, each with itself renumbered, or with one that is near."""
    for n in (size // 4, size // 2, size):
        random = nx.gnm_random_graph(n, 2 * n, seed=1)
        yield isomorphic(f"random, {n} vertices, {2 * n} edges", random, renumbered(random))
        tree = nx.random_labeled_tree(n, seed=3)
        yield isomorphic(f"a random tree of {n} vertices", tree, renumbered(tree))
        cycle = nx.cycle_graph(n)
        yield isomorphic(f"a cycle of {n}", cycle, renumbered(cycle))
        torus = nx.convert_node_labels_to_integers(nx.grid_2d_graph(n // 20, 20, periodic=True))
        yield isomorphic(f"a torus, {n // 20} by 20", torus, renumbered(torus))
    for n in (size // 20, size // 10):
        halves = nx.disjoint_union(nx.cycle_graph(n // 2), nx.cycle_graph(n // 2))
        yield isomorphic(f"a cycle of {n} and two of {n // 2}", nx.cycle_graph(n), halves)
    for q in (29, 101, 197)[: 1 if size < 400 else 3]:
        yield isomorphic(f"Paley({q})", paley(q), renumbered(paley(q)))


def colourings(name: str, G: Any, colours: int, most: int | None = None) -> Problem:
    """Morphisms from G to a complete graph."""
    domain, codomain = cset(G), cset(nx.complete_graph(colours))
    return name, lambda: counted(homomorphisms(domain, codomain), most), None


def shrikhande() -> nx.Graph:
    """The other strongly regular graph with the parameters of the 4 by 4 rook's graph."""
    cells = [(i, j) for i in range(4) for j in range(4)]
    steps = [(0, 1), (1, 0), (1, 1)]
    return nx.Graph(
        [((i, j), ((i + a) % 4, (j + b) % 4)) for i, j in cells for a, b in steps]
    )  # fmt: skip


def problems(size: int) -> Iterator[Problem]:
    """The problems, with random graphs of ``size`` vertices."""
    G = nx.gnp_random_graph(size, 8 / size, seed=1)
    D = nx.gnp_random_graph(size, 8 / size, seed=1, directed=True)
    cubic = nx.random_regular_graph(3, size, seed=2)
    rooks = {k: nx.line_graph(nx.complete_bipartite_graph(k, k)) for k in (4, 8)}
    K6, where = nx.complete_graph(6), f"in a random graph of {size} vertices"
    yield pattern(f"triangles {where}", nx.cycle_graph(3), G)
    yield pattern(f"4-cliques {where}", nx.complete_graph(4), G)
    yield pattern(f"paths of 4 vertices {where}", nx.path_graph(4), G)
    yield pattern(f"5-cycles {where}", nx.cycle_graph(5), G)
    yield pattern(f"directed triangles {where}", nx.DiGraph([(0, 1), (1, 2), (2, 0)]), D)
    yield pattern(f"directed diamonds {where}", nx.DiGraph([(0, 1), (0, 2), (1, 3), (2, 3)]), D)
    yield isomorphisms("automorphisms of K6", K6, K6)
    yield isomorphisms("automorphisms of the 4 by 4 rook's graph", rooks[4], rooks[4])
    yield isomorphisms("the 4 by 4 rook's graph and Shrikhande's", rooks[4], shrikhande())
    yield isomorphisms(f"a random graph of {size} vertices, renumbered", G, renumbered(G), 1)
    yield isomorphisms(
        f"a random cubic graph of {size} vertices, renumbered",
        cubic,
        renumbered(cubic),
        1,
    )
    yield colourings("3-colourings of the 5-cycle", nx.cycle_graph(5), 3)
    yield colourings("2-colourings of the 5-cycle", nx.cycle_graph(5), 2)
    yield colourings("Latin squares of order 4", rooks[4], 4)
    yield colourings("a Latin square of order 8", rooks[8], 8, 1)


def main() -> None:
    """Measure, print the table, and write it if asked to."""
    options = _measure.parser(__doc__, "small graphs, one round").parse_args()
    size, rounds = (60, 1) if options.quick else (200, 3)
    table = _measure.Table(("problem", "solutions", "ms", "networkx / catlearn"), options=options)
    for name, ours, theirs in (*problems(size), *families(4 * size)):
        count = ours()
        if theirs is not None and theirs() != count:
            raise SystemExit(f"{name}: networkx finds another number of solutions than {count}")
        programs: dict[str, Callable[[], int]] = {"catlearn": ours}
        if theirs is not None:
            programs["networkx"] = theirs
        times = _measure.in_turns(programs, rounds)
        ms = f"{1e3 * _measure.medians(times)['catlearn']:.1f}"
        ratio = ""
        if theirs is not None:
            ratio = f"{_measure.ratio(times, 'networkx', 'catlearn').median:.2f}"
        table.row((name, f"{count:,}", ms, ratio))
    table.write(options.out)


if __name__ == "__main__":
    main()
