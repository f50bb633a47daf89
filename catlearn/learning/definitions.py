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
from typing import TYPE_CHECKING

from catlearn.category import Path
from catlearn.errors import UnknownName
from catlearn.learning.labels import LabelledTables

if TYPE_CHECKING:
    from catlearn.category.graph import Arborescence


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


class DefinedTables(LabelledTables):
    """The tables of a learning diagram, read as equations: definitions, and terms of a loss."""

    @cached_property
    def strict_equations(self) -> dict[str, tuple[Path, Path]]:
        """The equations that hold by construction."""
        return self._equations_where(True)

    @cached_property
    def soft_equations(self) -> dict[str, tuple[Path, Path]]:
        """The equations that are terms of the loss."""
        return self._equations_where(False)

    def _equations_where(self, strict: bool) -> dict[str, tuple[Path, Path]]:
        rows = zip(self.names("Eq"), self.attributes["strict"], strict=True)
        return {name: self.sides(name) for name, flag in rows if flag is strict}

    def defines(self, lhs: Path, rhs: Path) -> tuple[str, str | None, Path] | None:
        """Read a strict equation as a definition: edge, factor edge or None, and path."""
        for side, other in ((lhs, rhs), (rhs, lhs)):
            if not 1 <= len(side) <= 2 or self.map_label(side.edges[0]).kind != "defined":
                continue
            if len(side) == 1:
                return side.edges[0], None, other
            if self.map_label(side.edges[1]).kind == "factor":
                return side.edges[0], side.edges[1], other
        return None

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """The definition of each defined edge."""
        found: dict[str, dict[str, Path]] = {}
        aliases: dict[str, Path] = {}
        for lhs, rhs in self.strict_equations.values():
            match self.defines(lhs, rhs):
                case (edge, None, path):
                    aliases[edge] = path
                case (edge, str(factor), path):
                    found.setdefault(edge, {})[factor] = path
        pairings = {}
        for edge, paths in found.items():
            factors = sorted(paths, key=self.factor_index)
            components = tuple(paths[factor] for factor in factors)
            pairings[edge] = Definition(edge, components, tuple(factors))
        return pairings | {edge: Definition(edge, (path,)) for edge, path in aliases.items()}

    @cached_property
    def definers(self) -> dict[str, dict[int | None, str]]:
        """The strict equations that define each defined edge, by factor; by None for an alias."""
        found: dict[str, dict[int | None, str]] = {}
        for name, (lhs, rhs) in self.strict_equations.items():
            match self.defines(lhs, rhs):
                case (edge, factor, _):
                    index = None if factor is None else self.factor_index(factor)
                    found.setdefault(edge, {})[index] = name
        return found

    @cached_property
    def rewriting(self) -> Rewriting:
        """Normal forms of paths modulo the strict equations.

        A product may have come by gluing to several factor edges for one factor: each that ends
        where the component does is cancelled.
        """
        components = {}
        for edge, definition in self.definitions.items():
            labels = map(self.map_label, definition.factors)
            parts = dict(zip(labels, definition.paths, strict=False))
            for factor in self.out_edges(self.target(edge)) if parts else ():
                part = parts.get(self.map_label(factor))
                if part is not None and part.target == self.target(factor):
                    components[edge, factor] = part
        return Rewriting(self.definitions, components, self.operators)

    def definition(self, edge: str) -> tuple[Path, ...]:
        """Return the paths that define an edge: one for an alias, one a factor for a pairing."""
        if edge not in self.definitions:
            raise UnknownName(f"edge '{edge}' is not a defined edge")
        return self.definitions[edge].paths

    def is_trainable(self, path: Path) -> bool:
        """Whether a path evaluates a trainable edge."""
        return any(self._ranks[edge] == 2 for edge in path.edges)

    @cached_property
    def _ranks(self) -> dict[str, int]:
        """For each edge 2 if it evaluates a trainable edge, else 1 if a frozen one, else 0."""
        own = {"model": 2, "frozen": 1}
        owners = {edge: self.map_label(self.owner(edge)) for edge in self.edges}
        ranks = {edge: own.get(label.kind, 0) for edge, label in owners.items()}
        for edge in self.definitions:
            used = self.rewriting.edges_of(Path(self.source(edge), (edge,), self.target(edge)))
            ranks[edge] = max((ranks[part] for part in used), default=0)
        return ranks

    def tree(self, data: str) -> Arborescence:
        """Return the breadth-first arborescence of what a data set reaches.

        Fixed edges are preferred, then frozen, then trainable ones, then those that come first.
        """
        return self._cached(
            f"tree of {data}", lambda: self.reachable(data, priority=self._ranks.__getitem__)
        )
