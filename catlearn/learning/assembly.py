"""From parts (spaces, data sets, models, pairings) to the rows of a learning diagram.

Rows that come again have to agree, and parts that mention a space of the same name share its
vertex; everything that disagrees is collected, so that one error lists it all. Edges that others
define, follow or act on come last, in an order in which each finds what it uses. What a diagram
leaves open, architectures, data, and values to start from, is filled in at its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from catlearn.category import Equation, Graph, Path
from catlearn.category.path import steps_of
from catlearn.errors import CatlearnError, Failure, PathSyntaxError, did_you_mean
from catlearn.learning.parts import (
    Dataset,
    Defined,
    MovingAverage,
    Operator,
    Part,
    as_array,
    check_columns,
)
from catlearn.learning.schema import STORED
from catlearn.learning.weights import Weight
from catlearn.models import (
    Architecture,
    ArchitectureMap,
    DataSpace,
    DefinedMap,
    Divergence,
    FactorMap,
    FrozenMap,
    Map,
    Model,
    Operated,
    OperatorMap,
    Pairing,
    Product,
    ProjectionMap,
    is_named,
)
from catlearn.models.adapters import as_architecture
from catlearn.models.spaces import AnySpace, factor_edges
from catlearn.tensors import like, same_values

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


def add_parts(rows: Rows, parts: Iterable[Part]) -> None:
    """Add the rows of all parts; edges that are defined by others come last."""
    later: list[Pairing | Defined] = []
    averages: list[MovingAverage] = []
    operators: list[Operator] = []
    for part in parts:
        if is_named(part):
            rows.add_space(part)
        elif isinstance(part, Dataset):
            _data_set(rows, part)
        elif isinstance(part, Model):
            _model(rows, part)
        elif isinstance(part, Pairing | Defined):
            later.append(part)
        elif isinstance(part, MovingAverage):
            averages.append(part)
        elif isinstance(part, Operator):
            operators.append(part)
        else:
            rows.failures.append(
                Failure(
                    "parts",
                    repr(part),
                    "expected a space, data set, model, pairing, defined edge, moving average "
                    f"or operator, found {type(part).__name__}; diagrams are put together "
                    "with glue(...)",
                )
            )
    for average in averages:
        _average(rows, average)
    for operator in operators:
        _operator(rows, operator)
    _defined(rows, later)


def _data_set(rows: Rows, data: Dataset) -> None:
    label = DataSpace()
    known = rows.vertices.setdefault(data.name, label)
    if known != label:
        where = f"data set '{data.name}'"
        rows.failures.append(
            Failure("one space per name", where, "a space has the same name; rename one")
        )
    for key, space in data.spaces.items():
        rows.add_space(space)
        edge = f"{data.name}.{key}"
        rows.add_edge(edge, data.name, space.name, ProjectionMap())
        if key in data.arrays:
            rows.keep(edge, data.arrays[key], "data")


def _model(rows: Rows, model: Model) -> None:
    rows.add_space(model.source)
    rows.add_space(model.target)
    rows.add_edge(model.name, model.source.name, model.target.name, model.label)
    if model.start is not None:
        rows.keep(model.name, model.start, "parameters")


def _average(rows: Rows, part: MovingAverage) -> None:
    followed = _operand(rows, "moving average", part, "follows")
    if followed is None:
        return
    source, target, label = followed
    rows.add_edge(part.name, source, target, FrozenMap(label.architecture))
    row = part.of, Weight.of(part.decay)
    if rows.averages.setdefault(part.name, row) != row:
        message = f"is given twice: {rows.averages[part.name]} and {row}"
        where = f"moving average '{part.name}'"
        rows.failures.append(Failure("moving average", where, message))


def _operator(rows: Rows, part: Operator) -> None:
    for space in (part.source, part.target):
        if space is not None:
            rows.add_space(space)
    operand = _operand(rows, "operator", part, "acts on")
    if operand is None:
        return
    ends = [
        own if space is None else space.name
        for own, space in zip(operand[:2], (part.source, part.target), strict=True)
    ]
    rows.add_edge(part.name, ends[0], ends[1], OperatorMap(part.architecture))
    if rows.operators.setdefault(part.name, part.of) != part.of:
        message = f"acts on '{rows.operators[part.name]}' and on '{part.of}'"
        rows.failures.append(Failure("operator", f"operator '{part.name}'", message))


def _operand(
    rows: Rows, law: str, part: MovingAverage | Operator, verb: str
) -> tuple[str, str, ArchitectureMap] | None:
    """Return the model that an edge is made of."""
    if part.of in rows.edges:
        source, target, label = rows.edges[part.of]
        if isinstance(label, ArchitectureMap):
            return source, target, label
    models = [edge for edge, row in rows.edges.items() if isinstance(row[2], ArchitectureMap)]
    message = f"{verb} {part.of!r}, which is no model; {did_you_mean(part.of, models)}"
    rows.failures.append(Failure(law, f"{law} '{part.name}'", message))
    return None


def _defined(rows: Rows, parts: list[Pairing | Defined]) -> None:
    """Add defined edges in an order in which each uses only those before it."""
    waiting: list[tuple[Pairing | Defined, set[str]]] = []
    for part in parts:
        try:
            waiting.append((part, _names(part)))
        except PathSyntaxError as error:
            rows.failures.append(Failure("syntax", f"defined edge '{part.name}'", str(error)))
    while waiting:
        graph = rows.graph()
        to_come = {part.name for part, _ in waiting} - set(graph.edges)
        ready = [part for part, names in waiting if not names & to_come]
        for part in ready:
            _define(rows, part, graph)
        if not ready:
            rows.failures += [_circular(part.name, names & to_come) for part, names in waiting]
            break
        waiting = [(part, names) for part, names in waiting if names & to_come]


def _define(rows: Rows, part: Pairing | Defined, graph: Graph) -> None:
    where = f"defined edge '{part.name}'"
    texts = part.paths if isinstance(part, Pairing) else (part.path,)
    paths: list[Path] = []
    for text in texts:
        path, failures = graph.traced(steps_of(text), where)
        rows.failures += failures
        if path is not None:
            paths.append(path)
    if len(paths) < len(texts):
        return
    if len({path.source for path in paths}) > 1:
        starts = ", ".join(f"'{path}' at {path.source}" for path in paths)
        rows.failures.append(
            Failure("pairing", where, f"its paths must start at one vertex, but start: {starts}")
        )
        return
    if isinstance(part, Pairing):
        _pair(rows, part, paths, where)
    else:
        path = paths[0]
        rows.add_edge(part.name, path.source, path.target, DefinedMap())
        rows.add_strict(Path(path.source, (part.name,), path.target), path)


def _pair(rows: Rows, part: Pairing, paths: list[Path], where: str) -> None:
    product = part.product
    rows.add_space(product)
    factors = [factor.name for factor in product.spaces]
    edges = factor_edges(product)
    if [path.target for path in paths] != factors:
        ends = ", ".join(f"'{path}' at {path.target}" for path in paths)
        rows.failures.append(
            Failure(
                "pairing",
                where,
                f"needs one path to each of {', '.join(factors)} in this order, but its paths "
                f"end: {ends}",
            )
        )
        return
    source = paths[0].source
    rows.add_edge(part.name, source, product.name, DefinedMap())
    for edge, path in zip(edges, paths, strict=True):
        rows.add_strict(Path(source, (part.name, edge), path.target), path)


def _names(part: Pairing | Defined) -> set[str]:
    texts = part.paths if isinstance(part, Pairing) else (part.path,)
    return {step for text in texts for step in steps_of(text) if isinstance(step, str)}


def _circular(name: str, uses: set[str]) -> Failure:
    message = f"is defined through itself: it uses {', '.join(sorted(uses))}"
    return Failure("definition", f"defined edge '{name}'", message)


def bind(rows: Rows, name: str, value: Any) -> None:
    """Fill in the architecture of an edge, or the arrays of a data set."""
    where = f"bind({name}=...)"
    if isinstance(rows.vertices.get(name), DataSpace):
        _bind_data(rows, name, value, where)
    elif name in rows.edges and isinstance(rows.edges[name][2], ArchitectureMap):
        _bind_edge(rows, name, value, where)
    else:
        known = [vertex for vertex, label in rows.vertices.items() if label == DataSpace()]
        known += _models(rows)
        message = f"no model and no data set has this name; {did_you_mean(name, known)}"
        rows.failures.append(Failure("names", where, message))


def _models(rows: Rows) -> list[str]:
    return [
        edge for edge, (_, _, label) in rows.edges.items() if isinstance(label, ArchitectureMap)
    ]


def _bind_data(rows: Rows, name: str, value: Any, where: str) -> None:
    arrays = value.arrays if isinstance(value, Dataset) else value
    if not isinstance(arrays, Mapping):
        message = f"expected {{projection: array}}, found {type(value).__name__}"
        rows.failures.append(Failure("projection", where, message))
        return
    edges: dict[str, str] = {}
    labels: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for key, array in arrays.items():
        candidates = (f"{name}.{key}", key)
        edge = next((e for e in candidates if rows.edges.get(e, ("",))[0] == name), None)
        if edge is None:
            keys = [e.removeprefix(f"{name}.") for e, row in rows.edges.items() if row[0] == name]
            message = f"the data set has no projection '{key}'; {did_you_mean(key, keys)}"
            rows.failures.append(Failure("projection", where, message))
            continue
        edges[key] = edge
        labels[key] = rows.vertices[rows.edges[edge][1]]
        found[key] = as_array(array, labels[key])
    # A data set has checked its arrays, or was told not to.
    wrong = [] if isinstance(value, Dataset) else check_columns(name, labels, found)
    rows.failures += wrong
    if not wrong:
        rows.store |= {edge: found[key] for key, edge in edges.items()}


def _bind_edge(rows: Rows, name: str, value: Any, where: str) -> None:
    source, target, label = rows.edges[name]
    assert isinstance(label, ArchitectureMap)
    try:
        if isinstance(label, OperatorMap) and not isinstance(value, Architecture):
            value = Operated(value)
        architecture, start = as_architecture(f"edge '{name}'", value)
    except CatlearnError as error:
        rows.failures.append(Failure("architecture", where, str(error)))
        return
    had = label.architecture
    if had.bound and had != architecture:
        found = told_apart(architecture, had)
        message = f"the edge has the architecture {told_apart(had, architecture)}; found {found}"
        rows.failures.append(Failure("architecture", where, message))
        return
    rows.edges[name] = (source, target, replace(label, architecture=architecture))
    # What came from a file with an edge, its trained parameters say, stays.
    if not had.bound and name in rows.store:
        _reform(rows, name, architecture, where)
    elif start is not None:
        rows.store[name] = start


def _reform(rows: Rows, name: str, architecture: Any, where: str) -> None:
    """Give parameters that came from a file, a plain tree, the form of their architecture."""
    source, target, _ = rows.edges[name]
    try:
        template = architecture.structure(rows.vertices[source], rows.vertices[target])
    except Exception:  # the check of the edge will say why
        return
    params, problems = like(template, rows.store.pop(name))
    rows.failures += [Failure("parameters", where, problem) for problem in problems]
    if not problems:
        rows.store[name] = params


def start(rows: Rows, values: Mapping[str, Any]) -> None:
    """Let models start from other parameters."""
    models = _models(rows)
    for name, value in values.items():
        if name not in models:
            message = f"no model has this name; {did_you_mean(name, models)}"
            rows.failures.append(Failure("names", f"parameters of '{name}'", message))
            continue
        rows.store[name] = value
