"""Paths modulo strict equations: normal forms, and parallel pairs out of data sets.

An edge is *defined* by one strict equation ``e = p``, or, into a product, by one strict
equation ``e >> pr_i = f_i`` for each factor (Theory, section 2). Definitions are acyclic, so
replacing a defined edge by its definition ends, and each path has one normal form: aliases are
gone, and a pairing followed by a factor is the component. A pairing at the end of a path, or
followed by a model, stays.

Two paths are *parallel* if they start together and end together. Paths are taken modulo the
strict equations, each by its normal form. So ``<id(X), f> : X -> P``, from which a factor leads
back to X, makes no cycle. Normal forms are the paths of a graph of *states*, a state being a vertex
with the pairing, if any, that led there.

Most of a diagram has one path to each vertex; where a thousand data sets share a backbone,
following all of it from each of them would take a million steps. So one pass over the states, in
topological order, finds for all data sets at once (a set of them is an integer, a bit for each)
which vertices they have some path to, and which they have several to; what is then counted and
listed is the part that leads to those.

>>> from catlearn.category import Graph
>>> diamond = Graph(
...     {"a": ("A", "B"), "b": ("A", "C"), "c": ("B", "D"), "d": ("C", "D"), "e": ("B", "E")}
... )
>>> [(str(p), str(q)) for p, q in parallel_pairs(diamond, ["A", "B"])]
[('a >> c', 'b >> d')]
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from catlearn.category import Graph, Path
from catlearn.category.graph import find_cycle, layers, sort_vertices
from catlearn.errors import InfinitelyManyPaths, TooManyPaths


@dataclass(frozen=True)
class Definition:
    """What a defined edge stands for.

    Parameters
    ----------
    edge
        The defined edge.
    paths
        One path for an alias; one path for each factor of a pairing.
    factors
        For a pairing, the factor edges that its strict equations name, one for each path.
    """

    edge: str
    paths: tuple[Path, ...]
    factors: tuple[str, ...] = ()

    @property
    def is_pairing(self) -> bool:
        """Whether the edge goes into a product, component by component."""
        return bool(self.factors)


class Rewriting:
    """Normal forms of paths modulo the strict equations of a diagram.

    Parameters
    ----------
    definitions
        The definition of each defined edge.
    components
        What a pairing followed by a factor stands for, by the two edges.
    operators
        For each operator the edge that it acts on.
    """

    def __init__(
        self,
        definitions: Mapping[str, Definition],
        components: Mapping[tuple[str, str], Path] | None = None,
        operators: Mapping[str, str] | None = None,
    ) -> None:
        self.definitions = definitions
        self.components = components or {}
        self.operators = operators or {}

    def __call__(self, path: Path) -> Path:
        """Return the normal form of a path."""
        todo = list(reversed(path.edges))
        done: list[str] = []
        while todo:
            edge = todo.pop()
            definition = self.definitions.get(edge)
            if definition is not None and not definition.is_pairing:
                todo.extend(reversed(definition.paths[0].edges))
                continue
            component = self.components.get((done[-1], edge)) if done else None
            if component is None:
                done.append(edge)
            else:
                done.pop()
                todo.extend(reversed(component.edges))
        return Path(path.source, tuple(done), path.target)

    def cycle(self) -> list[str]:
        """Return edges that define each other in a circle, or an empty list."""
        import networkx as nx

        try:
            return [edge for edge, _ in nx.find_cycle(self._uses)]
        except nx.NetworkXNoCycle:
            return []

    @cached_property
    def _uses(self):
        import networkx as nx

        uses = nx.DiGraph()
        for definition in self.definitions.values():
            for path in definition.paths:
                for edge in path.edges:
                    if edge in self.definitions:
                        uses.add_edge(definition.edge, edge)
        return uses

    def edges_of(self, path: Path) -> list[str]:
        """Return the edges that a path evaluates, definitions opened, in order of first use.

        What an operator acts on comes after it.
        """
        seen: dict[str, None] = {}
        todo = list(reversed(path.edges))
        while todo:
            edge = todo.pop()
            if edge in seen:
                continue
            seen[edge] = None
            if edge in self.operators:
                todo.append(self.operators[edge])
            if edge in self.definitions:
                for part in reversed(self.definitions[edge].paths):
                    todo.extend(reversed(part.edges))
        return [edge for edge in seen if edge not in self.definitions]


State = tuple[str, str | None]
"""A vertex, and the pairing by which it was reached."""

Steps = dict[State, list[tuple[str, State]]]


def parallel_pairs(
    graph: Graph,
    sources: Iterable[str],
    max_length: int | None = None,
    bound: int = 10_000,
    rewriting: Rewriting | None = None,
) -> list[tuple[Path, Path]]:
    """List the unordered pairs of different parallel paths out of some vertices.

    Parameters
    ----------
    graph
        A graph.
    sources
        Where the paths start.
    max_length
        A bound on their length, needed where a source reaches a cycle.
    bound
        The largest number of pairs.
    rewriting
        Strict equations, modulo which paths are taken.

    Returns
    -------
    list
        Pairs by source, then by the vertex where they end, then in the order of
        :meth:`~catlearn.category.Graph.paths`, in which the first of a pair comes before the
        second.

    Raises
    ------
    TooManyPaths
        If there are more pairs than the bound, or infinitely many.
    """
    sources = list(sources)
    steps = steps_from(graph, sources, rewriting or Rewriting({}))
    part: dict[str, Collection[State]] = dict.fromkeys(sources, steps)
    if max_length is None:
        _refuse_cycles(steps)
        part = {**parallel_part(steps, sources)}
    counts = {source: count_paths(steps, source, part[source], max_length) for source in sources}
    several = {source: [v for v, n in found.items() if n > 1] for source, found in counts.items()}
    numbers = [counts[source][vertex] for source in sources for vertex in several[source]]
    total = sum(n * (n - 1) // 2 for n in numbers)
    if total > bound:
        starts = ", ".join(source for source in sources if several[source])
        message = (
            f"{sum(numbers)} paths out of {starts} make {total} parallel pairs, more than the "
            f"bound of {bound}; use equations='basis', which implies them all, give max_length, "
            "or raise bound"
        )
        raise TooManyPaths(message, total)
    row = {vertex: number for number, vertex in enumerate(graph.vertices)}
    pairs: list[tuple[Path, Path]] = []
    for source in sources:
        ending = {vertex: [] for vertex in sorted(several[source], key=row.__getitem__)}
        for path in list_paths(steps, source, part[source], max_length) if ending else ():
            if path.target in ending:
                ending[path.target].append(path)
        for paths in ending.values():
            pairs += combinations(paths, 2)
    return pairs


def steps_from(graph: Graph, sources: Iterable[str], rewriting: Rewriting) -> Steps:
    """Return the steps of normal forms between the states that some vertices reach."""
    definitions = rewriting.definitions
    aliases = {edge for edge, definition in definitions.items() if not definition.is_pairing}
    steps: Steps = {}
    waiting: list[State] = [(source, None) for source in sources]
    while waiting:
        vertex, last = state = waiting.pop()
        if state not in steps:
            steps[state] = [
                (edge, (graph.target(edge), edge if edge in definitions else None))
                for edge in graph.out_edges(vertex)
                if edge not in aliases and (last, edge) not in rewriting.components
            ]
            waiting += [after for _, after in steps[state]]
    return steps


def _refuse_cycles(steps: Steps) -> None:
    cycle = find_cycle(steps)  # type: ignore[arg-type]
    if cycle:
        message = (
            "there are infinitely many paths: they can run around the cycle "
            f"{' >> '.join(cycle)}; give max_length, or use equations='basis', which needs one "
            "path to each vertex"
        )
        raise InfinitelyManyPaths(message, cycle)


def parallel_part(steps: Steps, sources: Iterable[str]) -> dict[str, set[State]]:
    """Return, for each source, the states on its ways to vertices that it has several paths to.

    Parameters
    ----------
    steps
        Without cycles; all that the sources reach.
    sources
        Where paths start.
    """
    sources = list(sources)
    bit: dict[State, int] = {(source, None): 1 << number for number, source in enumerate(sources)}
    order: list[State] = sort_vertices(steps)  # type: ignore[arg-type,assignment]
    some = {state: bit.get(state, 0) for state in order}
    many = dict.fromkeys(order, 0)
    before: dict[State, list[State]] = {state: [] for state in order}
    at: dict[str, list[State]] = {}
    for state in order:
        at.setdefault(state[0], []).append(state)
        for _, after in steps[state]:
            before[after].append(state)
            many[after] |= many[state] | (some[after] & some[state])
            some[after] |= some[state]
    goals: dict[str, list[State]] = {source: [] for source in sources}
    for states in at.values():
        one = several = 0
        for state in states:
            several |= many[state] | (one & some[state])
            one |= some[state]
        for source in _members(several, sources):
            goals[source] += [state for state in states if some[state] & bit[source, None]]
    part: dict[str, set[State]] = {}
    for source, waiting in goals.items():
        part[source] = set(waiting)
        while waiting:
            for state in before[waiting.pop()]:
                if state not in part[source] and some[state] & bit[source, None]:
                    part[source].add(state)
                    waiting.append(state)
    return part


def _members(bits: int, sources: list[str]) -> Iterator[str]:
    """Yield the sources that an integer, a bit for each, stands for."""
    while bits:
        yield sources[(bits & -bits).bit_length() - 1]
        bits &= bits - 1


def count_paths(
    steps: Steps, source: str, within: Collection[State], max_length: int | None
) -> dict[str, int]:
    """Count the paths from a source to each vertex that run within some states."""
    counts: dict[str, int] = {}
    for layer in layers(steps, (source, None), max_length, within):
        for (vertex, _), count in layer.items():
            counts[vertex] = counts.get(vertex, 0) + count
    return counts


def list_paths(
    steps: Steps, source: str, within: Collection[State], max_length: int | None
) -> Iterator[Path]:
    """Yield the paths that :func:`count_paths` counts, by length and then by the order of edges."""
    layer: list[tuple[Path, State]] = [(Path.identity(source), (source, None))]
    length = 0
    while layer and (max_length is None or length <= max_length):
        yield from (path for path, _ in layer)
        layer = [
            (path >> Path(path.target, (edge,), after[0]), after)
            for path, state in layer
            for edge, after in steps[state]
            if after in within
        ]
        length += 1
