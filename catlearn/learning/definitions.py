"""Strict equations: edges that are defined by others, and the rewriting they give.

An edge is *defined* by one strict equation ``e = p``, or, into a product, by one strict
equation ``e >> pr_i = f_i`` for each factor (Theory, section 2). Definitions are acyclic, so
replacing a defined edge by its definition ends, and each path has one normal form: aliases are
gone, and a pairing followed by a factor is the component. A pairing at the end of a path, or
followed by a model, stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from catlearn.category import Path


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
