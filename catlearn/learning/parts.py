"""From parts (spaces, data sets, models, pairings) to the rows of a learning diagram.

Parts that mention a space of the same name share its vertex; everything that disagrees is
collected, so that one error lists it all.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from catlearn.category import Equation, Graph, Path
from catlearn.category.equation import steps_of, trace
from catlearn.errors import CatlearnError, Failure, PathSyntaxError, did_you_mean
from catlearn.learning.dataset import Dataset, as_array, check_columns
from catlearn.learning.operators import Operator
from catlearn.learning.weights import Weight
from catlearn.models import (
    Architecture,
    DataLabel,
    Divergence,
    Map,
    Model,
    Operated,
    Pairing,
    Product,
    same_values,
)
from catlearn.models.adapters import as_architecture
from catlearn.models.spaces import NamedSpace, factor_edges
from catlearn.tensors import like

if TYPE_CHECKING:
    from catlearn.learning.diagram import LearningDiagram
    from catlearn.learning.selection import LossTerm

Equations = str | Equation | Iterable[str | Equation] | Mapping[str, str | Equation]


class Defined:
    """An edge that stands for a path: a strict equation ``name = path``.

    Parameters
    ----------
    name
        The name of the edge.
    path
        The text of the path, such as ``"encoder >> head"``.

    Examples
    --------
    >>> Defined("classifier", "encoder >> head")
    Defined('classifier', 'encoder >> head')
    """

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path

    def __repr__(self) -> str:
        return f"Defined({self.name!r}, {self.path!r})"


class MovingAverage:
    """An edge whose parameters are the moving average of those of another edge.

    With each evaluation in training they become ``decay`` times what they were and ``1 - decay``
    times those of the other edge; they start as the other's, and no gradient reaches them.

    Parameters
    ----------
    name
        The name of the edge.
    of
        The name of the edge that it follows, a model between the same spaces.
    decay
        A number from 0 to 1.

    Examples
    --------
    >>> MovingAverage("target", of="online", decay=0.99)
    MovingAverage('target', of='online', decay=0.99)
    """

    def __init__(self, name: str, of: str, decay: float) -> None:
        self.name = name
        self.of = of
        self.decay = decay

    def __repr__(self) -> str:
        return f"MovingAverage({self.name!r}, of={self.of!r}, decay={self.decay!r})"


Part = NamedSpace | Dataset | Model | Pairing | Defined | MovingAverage | Operator


@dataclass(frozen=True)
class EquationRow:
    """One row of the table of equations, with the edges that it trains if it says which."""

    lhs: Path
    rhs: Path
    strict: bool
    weight: float
    divergence: Any
    stop: str | None = None
    trains: Mapping[str, float] | None = None


@dataclass
class Rows:
    """The rows of a diagram while it is put together."""

    vertices: dict[str, Any] = field(default_factory=dict)
    edges: dict[str, tuple[str, str, Map]] = field(default_factory=dict)
    equations: dict[str, EquationRow] = field(default_factory=dict)
    averages: dict[str, tuple[str, float]] = field(default_factory=dict)
    operators: dict[str, str] = field(default_factory=dict)
    store: dict[str, Any] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def add_parts(self, parts: Iterable[Part]) -> None:
        """Add the rows of all parts; edges that are defined by others come last."""
        later: list[Pairing | Defined] = []
        averages: list[MovingAverage] = []
        operators: list[Operator] = []
        for part in parts:
            if isinstance(part, NamedSpace):
                self._space(part)
            elif isinstance(part, Dataset):
                self._data_set(part)
            elif isinstance(part, Model):
                self._model(part)
            elif isinstance(part, Pairing | Defined):
                later.append(part)
            elif isinstance(part, MovingAverage):
                averages.append(part)
            elif isinstance(part, Operator):
                operators.append(part)
            else:
                self.failures.append(
                    Failure(
                        "parts",
                        repr(part),
                        "expected a space, data set, model, pairing, defined edge, moving average "
                        f"or operator, found {type(part).__name__}; diagrams are put together "
                        "with glue(...)",
                    )
                )
        for average in averages:
            self._average(average)
        for operator in operators:
            self._operator(operator)
        self._defined(later)

    def _space(self, space: NamedSpace) -> None:
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
                self._space(factor)
                self._edge(edge, space.name, factor.name, Map("factor", index=index))

    def _edge(self, name: str, source: str, target: str, label: Map) -> None:
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

    def _data_set(self, data: Dataset) -> None:
        label = DataLabel()
        known = self.vertices.setdefault(data.name, label)
        if known != label:
            where = f"data set '{data.name}'"
            self.failures.append(
                Failure("one space per name", where, "a space has the same name; rename one")
            )
        for key, space in data.spaces.items():
            self._space(space)
            edge = f"{data.name}.{key}"
            self._edge(edge, data.name, space.name, Map("projection"))
            if key in data.arrays:
                self._keep(edge, data.arrays[key], "data")

    def _model(self, model: Model) -> None:
        self._space(model.source)
        self._space(model.target)
        self._edge(model.name, model.source.name, model.target.name, model.label)
        if model.start is not None:
            self._keep(model.name, model.start, "parameters")

    def _average(self, part: MovingAverage) -> None:
        where = f"moving average '{part.name}'"
        followed = self.edges.get(part.of)
        if followed is None or followed[2].architecture is None:
            models = [edge for edge, row in self.edges.items() if row[2].architecture]
            message = f"follows {part.of!r}, which is no model; {did_you_mean(part.of, models)}"
            self.failures.append(Failure("moving average", where, message))
            return
        source, target, label = followed
        self._edge(part.name, source, target, Map("frozen", label.architecture))
        row = part.of, _number(part.decay)
        if self.averages.setdefault(part.name, row) != row:
            message = f"is said twice: {self.averages[part.name]} and {row}"
            self.failures.append(Failure("moving average", where, message))

    def _operator(self, part: Operator) -> None:
        where = f"operator '{part.name}'"
        for space in (part.source, part.target):
            if space is not None:
                self._space(space)
        operand = self.edges.get(part.of)
        if operand is None or operand[2].architecture is None:
            models = [edge for edge, row in self.edges.items() if row[2].architecture]
            message = f"acts on {part.of!r}, which is no model; {did_you_mean(part.of, models)}"
            self.failures.append(Failure("operator", where, message))
            return
        ends = [
            own if space is None else space.name
            for own, space in zip(operand[:2], (part.source, part.target), strict=True)
        ]
        self._edge(part.name, ends[0], ends[1], Map("operator", part.architecture))
        if self.operators.setdefault(part.name, part.of) != part.of:
            message = f"is said to act on '{self.operators[part.name]}' and on '{part.of}'"
            self.failures.append(Failure("operator", where, message))

    def _keep(self, edge: str, value: Any, what: str) -> None:
        """Store what sits beside an edge, which no two parts may say differently."""
        if not same_stored(self.store.setdefault(edge, value), value):
            message = f"two parts of this name hold different {what}; rename one of them"
            self.failures.append(Failure("stored values", f"edge '{edge}'", message))

    def _defined(self, parts: list[Pairing | Defined]) -> None:
        """Add defined edges in an order in which each uses only those before it."""
        waiting: list[tuple[Pairing | Defined, set[str]]] = []
        for part in parts:
            try:
                waiting.append((part, _names(part)))
            except PathSyntaxError as error:
                self.failures.append(Failure("syntax", f"defined edge '{part.name}'", str(error)))
        while waiting:
            graph = self.graph()
            to_come = {part.name for part, _ in waiting} - set(graph.edges)
            ready = [part for part, names in waiting if not names & to_come]
            for part in ready:
                self._define(part, graph)
            if not ready:
                self.failures += [_circular(part.name, names & to_come) for part, names in waiting]
                break
            waiting = [(part, names) for part, names in waiting if names & to_come]

    def _define(self, part: Pairing | Defined, graph: Graph) -> None:
        where = f"defined edge '{part.name}'"
        texts = part.paths if isinstance(part, Pairing) else (part.path,)
        paths: list[Path] = []
        for text in texts:
            path, failures = trace(steps_of(text), graph, where)
            self.failures += failures
            if path is not None:
                paths.append(path)
        if len(paths) < len(texts):
            return
        if len({path.source for path in paths}) > 1:
            starts = ", ".join(f"'{path}' at {path.source}" for path in paths)
            self.failures.append(
                Failure(
                    "pairing", where, f"its paths must start at one vertex, but start: {starts}"
                )
            )
            return
        if isinstance(part, Pairing):
            self._pair(part, paths, where)
        else:
            path = paths[0]
            self._edge(part.name, path.source, path.target, Map("defined"))
            self._strict(Path(path.source, (part.name,), path.target), path)

    def _pair(self, part: Pairing, paths: list[Path], where: str) -> None:
        product = part.product
        self._space(product)
        factors = [factor.name for factor in product.spaces]
        edges = factor_edges(product)
        if [path.target for path in paths] != factors:
            ends = ", ".join(f"'{path}' at {path.target}" for path in paths)
            self.failures.append(
                Failure(
                    "pairing",
                    where,
                    f"needs one path to each of {', '.join(factors)} in this order, but its paths "
                    f"end: {ends}",
                )
            )
            return
        source = paths[0].source
        self._edge(part.name, source, product.name, Map("defined"))
        for edge, path in zip(edges, paths, strict=True):
            self._strict(Path(source, (part.name, edge), path.target), path)

    def _strict(self, lhs: Path, rhs: Path) -> None:
        self.equations[f"{lhs} = {rhs}"] = EquationRow(lhs, rhs, True, 0.0, None)

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
        self.equations[name] = EquationRow(
            lhs,
            rhs,
            strict,
            weight,
            divergence,
            equation.attributes.get("stop"),  # type: ignore[arg-type]
            read_trains(equation.attributes.get("trains")),
        )

    def add_terms(self, terms: Iterable[LossTerm]) -> None:
        """Add the equations of a selection as declared rows."""
        for term in terms:
            space = self.vertices[term.target]
            own = None if term.divergence == space.divergence else term.divergence
            row = EquationRow(term.lhs, term.rhs, False, term.weight, own, term.stop, term.trains)
            self.equations[term.name] = row

    def bind(self, name: str, value: Any) -> None:
        """Fill in the architecture of an edge, or the arrays of a data set."""
        where = f"bind({name}=...)"
        if isinstance(self.vertices.get(name), DataLabel):
            self._bind_data(name, value, where)
        elif name in self.edges and self.edges[name][2].architecture is not None:
            self._bind_edge(name, value, where)
        else:
            known = [vertex for vertex, label in self.vertices.items() if label == DataLabel()]
            known += [edge for edge, (_, _, label) in self.edges.items() if label.architecture]
            message = f"no model and no data set has this name; {did_you_mean(name, known)}"
            self.failures.append(Failure("names", where, message))

    def _bind_data(self, name: str, value: Any, where: str) -> None:
        arrays = value.arrays if isinstance(value, Dataset) else value
        if not isinstance(arrays, Mapping):
            message = f"expected {{projection: array}}, found {type(value).__name__}"
            self.failures.append(Failure("projection", where, message))
            return
        edges: dict[str, str] = {}
        labels: dict[str, Any] = {}
        found: dict[str, Any] = {}
        for key, array in arrays.items():
            candidates = (f"{name}.{key}", key)
            edge = next((e for e in candidates if self.edges.get(e, ("",))[0] == name), None)
            if edge is None:
                keys = [
                    e.removeprefix(f"{name}.") for e, row in self.edges.items() if row[0] == name
                ]
                message = f"the data set has no projection '{key}'; {did_you_mean(key, keys)}"
                self.failures.append(Failure("projection", where, message))
                continue
            edges[key] = edge
            labels[key] = self.vertices[self.edges[edge][1]]
            found[key] = as_array(array, labels[key])
        # A data set has checked its arrays, or was told not to.
        wrong = [] if isinstance(value, Dataset) else check_columns(name, labels, found)
        self.failures += wrong
        if not wrong:
            self.store |= {edge: found[key] for key, edge in edges.items()}

    def _bind_edge(self, name: str, value: Any, where: str) -> None:
        source, target, label = self.edges[name]
        try:
            if label.kind == "operator" and not isinstance(value, Architecture):
                value = Operated(value)
            architecture, start = as_architecture(f"edge '{name}'", value)
        except CatlearnError as error:
            self.failures.append(Failure("architecture", where, str(error)))
            return
        had = label.architecture
        assert had is not None
        if had.bound and had != architecture:
            found = told_apart(architecture, had)
            message = (
                f"the edge has the architecture {told_apart(had, architecture)}; found {found}"
            )
            self.failures.append(Failure("architecture", where, message))
            return
        self.edges[name] = (source, target, Map(label.kind, architecture))
        # What came from a file with an edge, its trained parameters say, stays.
        if not had.bound and name in self.store:
            self._reform(name, architecture, where)
        elif start is not None:
            self.store[name] = start

    def _reform(self, name: str, architecture: Any, where: str) -> None:
        """Give parameters that came from a file, a plain tree, the form of their architecture."""
        source, target, _ = self.edges[name]
        try:
            template = architecture.structure(self.vertices[source], self.vertices[target])
        except Exception:  # the check of the edge will say why
            return
        params, problems = like(template, self.store.pop(name))
        self.failures += [Failure("parameters", where, problem) for problem in problems]
        if not problems:
            self.store[name] = params

    def start(self, values: Mapping[str, Any]) -> None:
        """Let models start from other parameters."""
        models = [edge for edge, (_, _, label) in self.edges.items() if label.architecture]
        for name, value in values.items():
            if name not in models:
                message = f"no model has this name; {did_you_mean(name, models)}"
                self.failures.append(Failure("names", f"parameters of '{name}'", message))
                continue
            self.store[name] = value

    @classmethod
    def of(cls, diagram: LearningDiagram) -> Rows:
        """Return the rows of a diagram, to be changed and made a diagram again."""
        columns = (diagram.attributes[k] for k in ("strict", "weight", "divergence", "stop"))
        equations = zip(diagram.names("Eq"), *columns, strict=True)
        return cls(
            vertices=dict(zip(diagram.vertices, diagram.attributes["space"], strict=True)),
            edges={edge: (*diagram.ends(edge), diagram.map_label(edge)) for edge in diagram.edges},
            equations={
                name: EquationRow(*diagram.sides(name), *labels, diagram.trains(name))  # type: ignore
                for name, *labels in equations
            },
            averages=dict(diagram.averages),
            operators=dict(diagram.operators),
            store=dict(diagram.store),
        )


def read_trains(given: Any) -> Mapping[str, float] | None:
    """Read which edges an equation trains: names, or names with the scale of each."""
    if given is None:
        return None
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, Mapping):
        given = dict.fromkeys(given, 1.0)
    return {str(edge): Weight.of(scale) for edge, scale in given.items()}


def _number(weight: Any) -> Any:
    """Return Python's own number for any number, so that files and labels can hold it."""
    return float(weight) if isinstance(weight, numbers.Real) else weight


def _names(part: Pairing | Defined) -> set[str]:
    texts = part.paths if isinstance(part, Pairing) else (part.path,)
    return {step for text in texts for step in steps_of(text) if isinstance(step, str)}


def _circular(name: str, uses: set[str]) -> Failure:
    message = f"is defined through itself: it uses {', '.join(sorted(uses))}"
    return Failure("definition", f"defined edge '{name}'", message)


def same_stored(one: Any, other: Any) -> bool:
    """Whether two stored values are one: the same object, or equal arrays throughout."""
    if one is other:
        return True
    if hasattr(one, "dtype") and hasattr(other, "dtype"):
        one, other = np.asarray(one), np.asarray(other)
        return one.dtype == other.dtype and np.array_equal(one, other)
    return same_values(one, other)


def told_apart(one: object, other: object) -> str:
    """Write a label in a message, in full where its short text is that of another label."""
    return str(one) if str(one) != str(other) else repr(one)
