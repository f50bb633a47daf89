"""From parts (spaces, data sets, models, pairings) to the rows of a learning diagram.

Rows that come again have to agree, and parts that mention a space of the same name share its
vertex; everything that disagrees is collected, so that one error lists it all. Edges that others
define, follow or act on come last, in an order in which each finds what it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

import numpy as np

from catlearn.category import Equation, Graph, Path
from catlearn.category.path import steps_of
from catlearn.category.presentation import ATTRIBUTES
from catlearn.errors import (
    CatlearnError,
    Failure,
    Failures,
    PathSyntaxError,
    WrongKind,
    did_you_mean,
    expect,
)
from catlearn.learning.parts import (
    Dataset,
    Defined,
    MovingAverage,
    Operator,
    Part,
)
from catlearn.learning.schema import LEARNING, STORED
from catlearn.learning.weights import Weight
from catlearn.models import (
    ArchitectureMap,
    DataSpace,
    DefinedMap,
    Divergence,
    FactorMap,
    FrozenMap,
    Map,
    Model,
    OperatorMap,
    Pairing,
    Product,
    ProjectionMap,
    is_named,
)
from catlearn.models.spaces import AnySpace, factor_edges
from catlearn.tensors import same_values

Equations = str | Equation | Iterable[str | Equation] | Mapping[str, str | Equation]
"""Equations as users give them: one or several, by name or not."""

Rows = dict[str, dict[str, dict[str, Any]]]
"""Table -> the name of a row -> what it has; see :meth:`~catlearn.finset.Tables.with_rows`."""


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


def rows_of(equations: Mapping[str, Equation]) -> Rows:
    """Return the rows of equations, and those that have what they train."""
    columns = ("strict", "weight", "divergence", "stop")
    return {
        "Eq": {
            name: {
                "start": one.lhs.source,
                "end": one.lhs.target,
                "lhs": one.lhs.edges,
                "rhs": one.rhs.edges,
                **{column: getattr(one, column) for column in columns},
            }
            for name, one in equations.items()
        },
        "Trains": {
            f"{name}: {edge}": {"by": name, "trained": edge, "scale": scale}
            for name, one in equations.items()
            for edge, scale in (one.trains or {}).items()
        },
    }


def read_equations(
    equations: Equations, graph: Callable[[], Graph], there: Container[str]
) -> tuple[dict[str, Equation], list[Failure]]:
    """Resolve equations, given as users write them, by name.

    Parameters
    ----------
    equations
        One or several, by name or not.
    graph
        Makes the graph of their edges.
    there
        Names that equations have already.
    """
    if isinstance(equations, str | Equation):
        equations = [equations]
    wanted = "texts such as 'd.X >> f = d.Y', Equation values, or a dict of them by name"
    expect(equations, Iterable, "equations", wanted)
    if isinstance(equations, Mapping):
        given: list[tuple[Any, Any]] = list(equations.items())
    else:
        given = [(None, value) for value in equations]
    edges = graph() if given else None
    found: dict[str, Equation] = {}
    failures = Failures()
    wrong = Failures()
    for name, value in given:
        try:
            equation = Equation.of(value)
        except (PathSyntaxError, WrongKind) as error:
            failures.add("syntax", f"equation {name or value!r}", str(error))
            continue
        name = str(equation) if name is None else name
        taken = name in found or name in there
        row, faults = _read_equation(name, equation, edges, taken)  # type: ignore[arg-type]
        failures += faults
        if row is None:
            continue
        unknown = [edge for edge in row.trains or () if edge not in edges.edges]  # type: ignore
        for edge in unknown:
            message = f"there is no edge {edge!r}; {did_you_mean(edge, edges.edges)}"  # type: ignore
            wrong.add("trains", f"equation '{name}'", message)
        if unknown:
            left = {edge: scale for edge, scale in row.trains.items() if edge not in unknown}
            row = row.given(trains=left)
        found[name] = row
    return found, failures + wrong


def _read_equation(
    name: str, equation: Equation, graph: Graph, taken: bool
) -> tuple[Equation | None, list[Failure]]:
    where, given = f"equation '{name}'", equation.attributes
    sides, failures = equation.traced(graph, where)
    failures += [
        Failure("attributes", where, f"has no attribute {key!r}; {did_you_mean(key, ATTRIBUTES)}")
        for key in given
        if key not in ATTRIBUTES
    ]
    if taken:
        failures.append(Failure("names", where, "is declared twice; give one another name"))
    read: dict[str, Any] = {"divergence": None, "strict": False, "trains": None}
    readers = {"divergence": Divergence.of, "strict": _truth, "trains": read_trains}
    for key, reader in readers.items():
        try:
            if given.get(key) is not None:
                read[key] = reader(given[key])
        except CatlearnError as error:
            failures.append(Failure(key, where, str(error)))
    left, right = sides
    if failures or left is None or right is None:
        return None, failures
    weight = 0.0 if read["strict"] else Weight.of(given.get("weight", 1.0))
    return equation_row(left, right, weight=weight, stop=given.get("stop"), **read), []


def _truth(given: Any) -> bool:
    expect(given, (bool, np.bool_), "strict", "True or False")
    return bool(given)


def read_trains(given: Any) -> Mapping[str, float]:
    """Read which edges an equation trains: names, or names with the scale of each."""
    expect(given, Iterable, "trains", "the names of models, or a dict from them to scales")
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, Mapping):
        given = dict.fromkeys(given, 1.0)
    return {str(edge): Weight.of(scale) for edge, scale in given.items()}


def in_full(one: object, other: object) -> str:
    """Write a label in a message, in full where its short text is that of another label."""
    return str(one) if str(one) != str(other) else repr(one)


class Assembly:
    """The rows of a diagram while it is put together.

    Parameters
    ----------
    parts
        Spaces, data sets, models, pairings and other parts.
    """

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self.rows: Rows = {table: {} for table in LEARNING.tables}
        self.failures = Failures()
        self.add_parts(parts)

    def add_space(self, space: AnySpace) -> None:
        known = self.rows["V"].setdefault(space.name, {"space": space.label})["space"]
        if known != space.label:
            self.failures.add(
                "one space per name",
                f"space '{space.name}'",
                f"stands for {known} and for {space.label}; rename one of them",
            )
        if isinstance(space, Product):
            pairs = zip(space.spaces, factor_edges(space), strict=True)
            for index, (factor, edge) in enumerate(pairs):
                self.add_space(factor)
                self.add_edge(edge, space.name, factor.name, FactorMap(index))

    def add_edge(self, name: str, source: str, target: str, label: Map) -> None:
        row = {"src": source, "tgt": target, "map": label}
        known = self.rows["E"].setdefault(name, row)
        if any(known[column] != end for column, end in row.items()):
            stands = (f"for {has['map']} from {has['src']} to {has['tgt']}" for has in (known, row))
            message = f"stands {' and '.join(stands)}; rename one of them"
            self.failures.add("one map per name", f"edge '{name}'", message)

    def keep(self, edge: str, value: Any, what: str) -> None:
        """Store what an edge holds, which is one value in all parts."""
        if not same_values(self.rows["E"][edge].setdefault(STORED, value), value):
            message = f"two parts of this name hold different {what}; rename one of them"
            self.failures.add("stored values", f"edge '{edge}'", message)

    def _add_strict(self, lhs: Path, rhs: Path) -> None:
        rows = rows_of({f"{lhs} = {rhs}": equation_row(lhs, rhs, strict=True)})
        self.rows["Eq"] |= rows["Eq"]

    def graph(self) -> Graph:
        """Return the graph of the rows so far."""
        ends = {name: (row["src"], row["tgt"]) for name, row in self.rows["E"].items()}
        return Graph(ends, vertices=tuple(self.rows["V"]))

    def add_equations(self, equations: Equations) -> None:
        """Resolve equations against the rows so far and add them."""
        found, failures = read_equations(equations, self.graph, self.rows["Eq"])
        self.failures += failures
        for table, rows in rows_of(found).items():
            self.rows[table] |= rows

    def add_parts(self, parts: Iterable[Part]) -> None:
        """Add the rows of all parts; edges that are defined by others come last."""
        later: list[Pairing | Defined] = []
        averages: list[MovingAverage] = []
        operators: list[Operator] = []
        for part in parts:
            if is_named(part):
                self.add_space(part)
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
                self.failures.add(
                    "parts",
                    repr(part),
                    "expected a space, data set, model, pairing, defined edge, moving average "
                    f"or operator, found {type(part).__name__}; diagrams are put together "
                    "with glue(...)",
                )
        for average in averages:
            self._average(average)
        for operator in operators:
            self._operator(operator)
        self._add_defined(later)

    def _data_set(self, data: Dataset) -> None:
        label = DataSpace()
        known = self.rows["V"].setdefault(data.name, {"space": label})
        if known["space"] != label:
            where = f"data set '{data.name}'"
            self.failures.add("one space per name", where, "a space has the same name; rename one")
        for key, space in data.spaces.items():
            self.add_space(space)
            edge = f"{data.name}.{key}"
            self.add_edge(edge, data.name, space.name, ProjectionMap())
            if key in data.arrays:
                self.keep(edge, data.arrays[key], "data")

    def _model(self, model: Model) -> None:
        self.add_space(model.source)
        self.add_space(model.target)
        self.add_edge(model.name, model.source.name, model.target.name, model.label)
        if model.start is not None:
            self.keep(model.name, model.start, "parameters")

    def _average(self, part: MovingAverage) -> None:
        followed = self._operand("moving average", part, "follows")
        if followed is None:
            return
        source, target, label = followed
        self.add_edge(part.name, source, target, FrozenMap(label.architecture))
        row = {"average": part.name, "follows": part.of, "decay": Weight.of(part.decay)}
        known = self.rows["Average"].setdefault(part.name, row)
        if known != row:
            one, other = ((row["follows"], row["decay"]) for row in (known, row))
            message = f"is given twice: {one} and {other}"
            self.failures.add("moving average", f"moving average '{part.name}'", message)

    def _operator(self, part: Operator) -> None:
        for space in (part.source, part.target):
            if space is not None:
                self.add_space(space)
        operand = self._operand("operator", part, "acts on")
        if operand is None:
            return
        ends = [
            own if space is None else space.name
            for own, space in zip(operand[:2], (part.source, part.target), strict=True)
        ]
        self.add_edge(part.name, ends[0], ends[1], OperatorMap(part.architecture))
        row = {"operator": part.name, "operand": part.of}
        known = self.rows["Operator"].setdefault(part.name, row)
        if known != row:
            message = f"acts on '{known['operand']}' and on '{part.of}'"
            self.failures.add("operator", f"operator '{part.name}'", message)

    def _operand(
        self, law: str, part: MovingAverage | Operator, verb: str
    ) -> tuple[str, str, ArchitectureMap] | None:
        """Return the model that an edge is made of."""
        edges = self.rows["E"]
        models = [edge for edge in edges if isinstance(edges[edge]["map"], ArchitectureMap)]
        if part.of in models:
            row = edges[part.of]
            return row["src"], row["tgt"], row["map"]
        message = f"{verb} {part.of!r}, which is no model; {did_you_mean(part.of, models)}"
        self.failures.add(law, f"{law} '{part.name}'", message)
        return None

    def _add_defined(self, parts: list[Pairing | Defined]) -> None:
        """Add defined edges in an order in which each uses only those before it."""
        waiting: list[tuple[Pairing | Defined, set[str]]] = []
        for part in parts:
            try:
                waiting.append((part, _names(part)))
            except (PathSyntaxError, WrongKind) as error:
                self.failures.add("syntax", f"defined edge '{part.name}'", str(error))
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
            path, failures = graph.traced(steps_of(text), where)
            self.failures += failures
            if path is not None:
                paths.append(path)
        if len(paths) < len(texts):
            return
        if len({path.source for path in paths}) > 1:
            starts = ", ".join(f"'{path}' at {path.source}" for path in paths)
            self.failures.add(
                "pairing", where, f"its paths must start at one vertex, but start: {starts}"
            )
            return
        if isinstance(part, Pairing):
            self._pair(part, paths, where)
        else:
            path = paths[0]
            self.add_edge(part.name, path.source, path.target, DefinedMap())
            self._add_strict(Path(path.source, (part.name,), path.target), path)

    def _pair(self, part: Pairing, paths: list[Path], where: str) -> None:
        product = part.product
        self.add_space(product)
        factors = [factor.name for factor in product.spaces]
        edges = factor_edges(product)
        if [path.target for path in paths] != factors:
            ends = ", ".join(f"'{path}' at {path.target}" for path in paths)
            self.failures.add(
                "pairing",
                where,
                f"needs one path to each of {', '.join(factors)} in this order, but its paths "
                f"end: {ends}",
            )
            return
        source = paths[0].source
        self.add_edge(part.name, source, product.name, DefinedMap())
        for edge, path in zip(edges, paths, strict=True):
            self._add_strict(Path(source, (part.name, edge), path.target), path)


def _names(part: Pairing | Defined) -> set[str]:
    texts = part.paths if isinstance(part, Pairing) else (part.path,)
    return {step for text in texts for step in steps_of(text) if isinstance(step, str)}


def _circular(name: str, uses: set[str]) -> Failure:
    message = f"is defined through itself: it uses {', '.join(sorted(uses))}"
    return Failure("definition", f"defined edge '{name}'", message)
