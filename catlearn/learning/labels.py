"""What the rows of a learning diagram say, and what they hold, by name.

:class:`LabelledTables` reads the attributes and the three relations of the schema
(:mod:`catlearn.learning.schema`): spaces, maps, what equations weigh and train, moving averages
and operators.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from catlearn.category import Presentation
from catlearn.cset import CSet
from catlearn.finset import Record
from catlearn.learning.schema import STORED
from catlearn.models import (
    AnySpace,
    ArchitectureMap,
    DataSpace,
    Divergence,
    FactorMap,
    Map,
    Operated,
    OperatorMap,
)


class LabelledTables(Presentation, CSet):
    """The tables of a learning diagram, whose labels are asked for by name."""

    @cached_property
    def store(self) -> Mapping[str, Any]:
        """The stored values by edge: data for projections, else parameters."""
        held = self.side_data[STORED].items()
        return Record({self.edges[row]: value for row, value in held})

    @cached_property
    def projections(self) -> dict[str, tuple[str, str]]:
        """For each projection edge its data set and its short name there."""
        found = {}
        for edge in self.edges:
            if self.map_label(edge).kind == "projection":
                data = self.source(edge)
                found[edge] = (data, edge.removeprefix(f"{data}."))
        return found

    @cached_property
    def data(self) -> dict[str, dict[str, Any]]:
        """The stored arrays: data set -> projection -> array, examples along the leading axis."""
        arrays: dict[str, dict[str, Any]] = {}
        for edge, (data, key) in self.projections.items():
            if edge in self.store:
                arrays.setdefault(data, {})[key] = self.store[edge]
        return arrays

    @cached_property
    def starts(self) -> dict[str, Any]:
        """The stored parameters of models and frozen edges, by edge."""
        return {edge: value for edge, value in self.store.items() if edge not in self.projections}

    # Labels.

    def space_label(self, vertex: str) -> AnySpace:
        """Return the label of a vertex's space."""
        return self.attributes["space"][self.row("V", vertex)]  # type: ignore[return-value]

    def map_label(self, edge: str) -> Map:
        """Return the label of an edge's map."""
        return self.attributes["map"][self.row("E", edge)]  # type: ignore[return-value]

    def weight(self, equation: str) -> float:
        """Return the weight of an equation."""
        return self.attributes["weight"][self.row("Eq", equation)]  # type: ignore[return-value]

    def divergence(self, equation: str) -> Divergence:
        """Return the divergence of an equation: its own, else that of the space where it ends."""
        own = self.attributes["divergence"][self.row("Eq", equation)]
        if own is not None:
            return own  # type: ignore[return-value]
        end = self.sides(equation)[0].target
        return self.space_label(end).divergence  # type: ignore[attr-defined]

    def trains(self, equation: str) -> dict[str, float] | None:
        """Return the edges that an equation trains, each with its scale; None for all of its."""
        return self._trains.get(self.row("Eq", equation))

    @cached_property
    def _trains(self) -> dict[int, dict[str, float]]:
        found: dict[int, dict[str, float]] = {}
        rows = zip(*self._columns("by", "trained"), self.attributes["scale"], strict=True)
        for equation, edge, scale in rows:
            found.setdefault(equation, {})[self.edges[edge]] = scale  # type: ignore[assignment]
        return found

    def _columns(self, *arrows: str) -> Iterator[list[int]]:
        return (self.arrows[name].values.tolist() for name in arrows)

    def stop(self, equation: str) -> str | None:
        """Return the side of an equation through which no gradient passes: lhs, rhs or None."""
        return self.attributes["stop"][self.row("Eq", equation)]  # type: ignore[return-value]

    @cached_property
    def averages(self) -> dict[str, tuple[str, float]]:
        """For each edge that is a moving average the edge that it follows, and the decay."""
        rows = zip(*self._columns("average", "follows"), self.attributes["decay"], strict=True)
        return {self.edges[one]: (self.edges[of], decay) for one, of, decay in rows}  # type: ignore

    @cached_property
    def operators(self) -> dict[str, str]:
        """For each edge that is an operator the edge that it acts on."""
        rows = zip(*self._columns("operator", "operand"), strict=True)
        return {self.edges[one]: self.edges[of] for one, of in rows}

    def owner(self, edge: str) -> str:
        """Return the edge whose parameters an edge has: its own, but for an operator."""
        while edge in self.operators:
            edge = self.operators[edge]
        return edge

    def factor_index(self, edge: str) -> int:
        """Return to which factor of a product an edge leads."""
        label = self.map_label(edge)
        assert isinstance(label, FactorMap)
        return label.index

    def runs(self, edge: str) -> Map:
        """Return the label of what an edge runs: an operator with what it acts on filled in."""
        label = self.map_label(edge)
        if edge not in self.operators or not isinstance(label, OperatorMap):
            return label
        of = self.operators[edge]
        ends = map(self.space_label, self.ends(of))
        operand, operated = self.runs(of), label.architecture
        if not (isinstance(operand, ArchitectureMap) and isinstance(operated, Operated)):
            return label
        return OperatorMap(operated.on(operand.architecture, *ends))

    @cached_property
    def data_sets(self) -> tuple[str, ...]:
        """The vertices that are data sets."""
        labels = zip(self.vertices, self.attributes["space"], strict=True)
        return tuple(vertex for vertex, label in labels if isinstance(label, DataSpace))

    @cached_property
    def trainable(self) -> tuple[str, ...]:
        """The trainable edges: the factors of the parameter space."""
        return self._edges_of_kind("model")

    @cached_property
    def frozen(self) -> tuple[str, ...]:
        """The edges whose parameters do not move."""
        return self._edges_of_kind("frozen")

    def _edges_of_kind(self, kind: str) -> tuple[str, ...]:
        labels = zip(self.edges, self.attributes["map"], strict=True)
        return tuple(edge for edge, label in labels if label.kind == kind)  # type: ignore
