"""The rows of a learning diagram while it is put together, and while it is changed.

Rows that come again have to agree; everything that disagrees is collected, so that one error
lists it all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from catlearn.category import Equation, Graph, Path
from catlearn.errors import CatlearnError, Failure, PathSyntaxError, did_you_mean
from catlearn.learning.schema import STORED
from catlearn.learning.weights import Weight
from catlearn.models import Divergence, FactorMap, Map, Product
from catlearn.models.spaces import AnySpace, factor_edges
from catlearn.tensors import same_values

if TYPE_CHECKING:
    from catlearn.learning.diagram import LearningDiagram

Equations = str | Equation | Iterable[str | Equation] | Mapping[str, str | Equation]


def equation_row(
    lhs: Path,
    rhs: Path,
    strict: bool = False,
    weight: float = 0.0,
    divergence: Any = None,
    stop: str | None = None,
    trains: Mapping[str, float] | None = None,
) -> Equation:
    """Return an equation as a row of the table of equations has it, with every attribute."""
    facts: dict[str, Any] = {"strict": strict, "weight": weight, "divergence": divergence}
    return Equation((lhs, rhs), **facts, stop=stop, trains=trains)


@dataclass
class Rows:
    """The rows of a diagram while it is put together."""

    vertices: dict[str, Any] = field(default_factory=dict)
    edges: dict[str, tuple[str, str, Map]] = field(default_factory=dict)
    equations: dict[str, Equation] = field(default_factory=dict)
    averages: dict[str, tuple[str, float]] = field(default_factory=dict)
    operators: dict[str, str] = field(default_factory=dict)
    store: dict[str, Any] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def add_space(self, space: AnySpace) -> None:
        known = self.vertices.setdefault(space.name, space.label)
        if known != space.label:
            self.failures.append(
                Failure(
                    "one space per name",
                    f"space '{space.name}'",
                    f"stands for {known} and for {space.label}; rename one of them",
                )
            )
        if isinstance(space, Product):
            pairs = zip(space.spaces, factor_edges(space), strict=True)
            for index, (factor, edge) in enumerate(pairs):
                self.add_space(factor)
                self.add_edge(edge, space.name, factor.name, FactorMap(index))

    def add_edge(self, name: str, source: str, target: str, label: Map) -> None:
        row = (source, target, label)
        known = self.edges.setdefault(name, row)
        if known != row:
            self.failures.append(
                Failure(
                    "one map per name",
                    f"edge '{name}'",
                    f"stands for {known[2]} from {known[0]} to {known[1]} and for {label} from "
                    f"{source} to {target}; rename one of them",
                )
            )

    def keep(self, edge: str, value: Any, what: str) -> None:
        """Store what an edge holds, which no two parts may say differently."""
        if not same_values(self.store.setdefault(edge, value), value):
            message = f"two parts of this name hold different {what}; rename one of them"
            self.failures.append(Failure("stored values", f"edge '{edge}'", message))

    def add_strict(self, lhs: Path, rhs: Path) -> None:
        self.equations[f"{lhs} = {rhs}"] = equation_row(lhs, rhs, strict=True)

    def graph(self) -> Graph:
        """Return the graph of the rows so far."""
        ends = {name: (source, target) for name, (source, target, _) in self.edges.items()}
        return Graph(ends, vertices=tuple(self.vertices))

    def add_equations(self, equations: Equations) -> None:
        """Resolve equations against the rows so far and add them."""
        if isinstance(equations, str | Equation):
            equations = [equations]
        if isinstance(equations, Mapping):
            given: list[tuple[Any, Any]] = list(equations.items())
        else:
            given = [(None, value) for value in equations]
        graph = self.graph() if given else None
        for name, value in given:
            self._equation(name, value, graph)

    def _equation(self, name: str | None, value: Any, graph: Any) -> None:
        try:
            equation = Equation.of(value)
        except PathSyntaxError as error:
            self.failures.append(Failure("syntax", f"equation {name or value!r}", str(error)))
            return
        name = str(equation) if name is None else name
        where = f"equation '{name}'"
        failures = equation.failures(graph, where)
        known = ("weight", "divergence", "strict", "trains", "stop")
        failures += [
            Failure("attributes", where, f"has no attribute {key!r}; there are {', '.join(known)}")
            for key in equation.attributes
            if key not in known
        ]
        if name in self.equations:
            failures.append(Failure("names", where, "is declared twice; give one another name"))
        divergence = equation.attributes.get("divergence")
        try:
            divergence = None if divergence is None else Divergence.of(divergence)  # type: ignore
        except CatlearnError as error:
            failures.append(Failure("divergence", where, str(error)))
        if failures:
            self.failures += failures
            return
        lhs, rhs = equation.resolve(graph)
        strict = bool(equation.attributes.get("strict", False))
        weight = 0.0 if strict else Weight.of(equation.attributes.get("weight", 1.0))
        self.equations[name] = equation_row(
            lhs,
            rhs,
            strict,
            weight,
            divergence,
            equation.attributes.get("stop"),  # type: ignore[arg-type]
            read_trains(equation.attributes.get("trains")),
        )

    def add_terms(self, terms: Iterable[Equation]) -> None:
        """Add the equations of a selection as declared rows."""
        for term in terms:
            space = self.vertices[term.target]
            own = None if term.divergence == space.divergence else term.divergence
            row = equation_row(term.lhs, term.rhs, False, term.weight, own, term.stop, term.trains)
            self.equations[term.name] = row

    @classmethod
    def of(cls, diagram: LearningDiagram) -> Rows:
        """Return the rows of a diagram, to be changed and made a diagram again."""
        columns = (diagram.attributes[k] for k in ("strict", "weight", "divergence", "stop"))
        equations = zip(diagram.names("Eq"), *columns, strict=True)
        return cls(
            vertices=dict(zip(diagram.vertices, diagram.attributes["space"], strict=True)),
            edges={edge: (*diagram.ends(edge), diagram.map_label(edge)) for edge in diagram.edges},
            equations={
                name: equation_row(*diagram.sides(name), *labels, diagram.trains(name))  # type: ignore
                for name, *labels in equations
            },
            averages=dict(diagram.averages),
            operators=dict(diagram.operators),
            store=dict(diagram.store),
        )

    def tables(self) -> dict[str, Any]:
        """Return the rows as sets, arrows, lists and attributes of the schema."""
        place = {vertex: number for number, vertex in enumerate(self.vertices)}
        edges = {edge: number for number, edge in enumerate(self.edges)}
        equations = self.equations.values()
        numbers = {name: number for number, name in enumerate(self.equations)}
        trains = [
            (name, edge, scale)
            for name, row in self.equations.items()
            for edge, scale in (row.trains or {}).items()
        ]
        self.failures += [
            Failure(
                "trains",
                f"equation '{name}'",
                f"there is no edge {edge!r}; {did_you_mean(edge, edges)}",
            )
            for name, edge, _ in trains
            if edge not in edges
        ]
        trains = [row for row in trains if row[1] in edges]
        return {
            "sets": {
                "V": tuple(place),
                "E": tuple(edges),
                "Eq": tuple(self.equations),
                "Trains": [f"{name}: {edge}" for name, edge, _ in trains],
                "Average": tuple(self.averages),
                "Operator": tuple(self.operators),
            },
            "arrows": {
                "src": [place[source] for source, _, _ in self.edges.values()],
                "tgt": [place[target] for _, target, _ in self.edges.values()],
                "start": [place[row.lhs.source] for row in equations],
                "end": [place[row.lhs.target] for row in equations],
                "by": [numbers[name] for name, _, _ in trains],
                "trained": [edges[edge] for _, edge, _ in trains],
                "average": [edges[edge] for edge in self.averages],
                "follows": [edges[edge] for edge, _ in self.averages.values()],
                "operator": [edges[edge] for edge in self.operators],
                "operand": [edges[edge] for edge in self.operators.values()],
            },
            "lists": {
                side: [[edges[edge] for edge in getattr(row, side).edges] for row in equations]
                for side in ("lhs", "rhs")
            },
            "attributes": {
                "space": tuple(self.vertices.values()),
                "map": tuple(label for _, _, label in self.edges.values()),
                **{
                    name: tuple(getattr(row, name) for row in equations)
                    for name in ("strict", "weight", "divergence", "stop")
                },
                "scale": tuple(scale for *_, scale in trains),
                "decay": tuple(decay for _, decay in self.averages.values()),
            },
            "side_data": {STORED: self.store},
        }


def read_trains(given: Any) -> Mapping[str, float] | None:
    """Read which edges an equation trains: names, or names with the scale of each."""
    if given is None:
        return None
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, Mapping):
        given = dict.fromkeys(given, 1.0)
    return {str(edge): Weight.of(scale) for edge, scale in given.items()}


def told_apart(one: object, other: object) -> str:
    """Write a label in a message, in full where its short text is that of another label."""
    return str(one) if str(one) != str(other) else repr(one)
